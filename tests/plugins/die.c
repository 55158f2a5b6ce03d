/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: prints something and is ended by signal argv[1]. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void say(const char *p, size_t n)
{
    if (write(1, p, n) < 0)
        _exit(3);
}

int main(int argc, char **argv)
{
    say("OK so far\n", 10);
    (void)raise(argc > 1 ? (int)strtol(argv[1], NULL, 10) : SIGSEGV);
    return 0;
}
