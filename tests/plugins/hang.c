/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: never ends and ignores polite signals. */
#include <signal.h>
#include <unistd.h>

static void say(const char *p, size_t n)
{
    if (write(1, p, n) < 0)
        _exit(3);
}

int main(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    say("still here\n", 11);
    for (;;)
        (void)pause();
}
