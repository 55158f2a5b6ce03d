/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_files - how many files there are in a directory. A plugin in C, without any library:
 *
 *     cc -O2 -o check_files check_files.c
 *     check_files DIRECTORY WARN CRIT
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASS = 0, WARN = 1, FAIL = 2, UNKNOWN = 3 };

/* A strict number, so that a typing error is not taken for 0. */
static int number(const char *text, unsigned long *out)
{
    char *end;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

int main(int argc, char **argv)
{
    unsigned long warn, crit, files = 0;
    if (argc != 4 || !number(argv[2], &warn) || !number(argv[3], &crit)) {
        printf("UNKNOWN - usage: check_files DIRECTORY WARN CRIT\n");
        return UNKNOWN;
    }
    DIR *dir = opendir(argv[1]);
    if (dir == NULL) {
        printf("UNKNOWN - %s: %s\n", argv[1], strerror(errno));
        return UNKNOWN;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            files++;
    closedir(dir);
    int verdict = files >= crit ? FAIL : files >= warn ? WARN : PASS;
    static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
    printf("%s - %lu files | files=%lu;%lu;%lu;0\n", words[verdict], files, files, warn, crit);
    return verdict;
}
