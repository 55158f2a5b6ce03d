/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: leaves grandchildren in sessions of their own; "hold" keeps the pipe open, "quiet" closes it, "many" leaves forty.
 */
#include <string.h>
#include <unistd.h>

static void say(const char *p, size_t n)
{
    if (write(1, p, n) < 0)
        _exit(3);
}

static void leave(int keep_pipe)
{
    pid_t child = fork();
    if (child != 0)
        return;
    (void)setsid();
    if (fork() != 0)
        _exit(0);
    (void)setsid();
    if (!keep_pipe)
        (void)close(1);
    for (;;)
        (void)pause();
}

int main(int argc, char **argv)
{
    int many = argc > 1 && strcmp(argv[1], "many") == 0;
    int keep = argc > 1 && strcmp(argv[1], "quiet") != 0;
    for (int i = 0; i < (many ? 40 : 1); i++)
        leave(keep);
    say("OK - left something behind\n", 27);
    return 0;
}
