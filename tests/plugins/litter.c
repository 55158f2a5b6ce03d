/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: "leave": leaves a file in its TMPDIR and prints the path of that directory; "meddle DIR": tries to reach what another
 * plugin left in DIR, and whatever else it could leave something in; prints one letter per attempt: lower case = refused, upper case =
 * it worked. */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[1024], other[1024];

static const char *in(char *to, const char *dir, const char *name)
{
    (void)snprintf(to, sizeof path, "%s/%s", dir, name);
    return to;
}

static int can_open(const char *file, int flags)
{
    int fd = open(file, flags, 0600);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static void tell(char letter, int worked)
{
    (void)printf("%c", worked ? letter - 'a' + 'A' : letter);
}

static int entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    if (d == NULL)
        return -1;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.' ? 1 : 0;
    (void)closedir(d);
    return n;
}

static int moves_between_folders(const char *dir)
{
    char there[1100];
    if (mkdir(in(other, dir, "folder"), 0700) != 0)
        return 0;
    (void)snprintf(there, sizeof there, "%s/moved", other);
    return rename(in(path, dir, "mine"), there) == 0;
}

int main(int argc, char **argv)
{
    const char *mine = getenv("TMPDIR"), *home = getenv("HOME"), *user_site = getenv("PYTHONNOUSERSITE");
    if (mine == NULL || home == NULL || argc < 2)
        return 3;
    if (strcmp(argv[1], "leave") == 0) {
        (void)printf("%s\n", mine);
        return can_open(in(path, mine, "left"), O_WRONLY | O_CREAT) ? 0 : 3;
    }
    const char *dir = argc > 2 ? argv[2] : mine;
    tell('w', can_open(in(path, dir, "left"), O_WRONLY));
    tell('n', can_open(in(path, dir, "new"), O_WRONLY | O_CREAT));
    tell('t', truncate(in(path, dir, "left"), 1) == 0);
    tell('v', rename(in(path, dir, "left"), in(other, dir, "moved")) == 0);
    tell('x', unlink(in(path, dir, "left")) == 0);
    tell('e', entries(mine) != 0);
    tell('h', can_open(in(path, home, ".curlrc"), O_WRONLY | O_CREAT));
    tell('c', can_open("usercustomize.py", O_WRONLY | O_CREAT));
    tell('p', user_site == NULL);
    tell('m', can_open(in(path, mine, "mine"), O_WRONLY | O_CREAT));
    tell('f', moves_between_folders(mine));
    (void)snprintf(path, sizeof path, "%s", mine);
    const char *above = dirname(path);
    tell('a', can_open(in(other, above, "file"), O_WRONLY | O_CREAT));
    tell('l', entries(above) >= 0);
    (void)printf("\n");
    return 0;
}
