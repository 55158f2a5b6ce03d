/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: ends with status argv[1]; prints the other arguments, one per line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *p, size_t n)
{
    if (write(1, p, n) < 0)
        _exit(3);
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        say(argv[i], strlen(argv[i]));
        say("\n", 1);
    }
    return argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
}
