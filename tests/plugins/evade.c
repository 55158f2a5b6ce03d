/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: leaves its process group for that of the helper, or of the process ARG2, wants no signal at its parent's death, ignores
 * what can be ignored and never ends. "brood": so does a child it has; "leave": only the child stays. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int move(pid_t group)
{
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    return setpgid(0, group);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    pid_t group = argc > 2 ? (pid_t)strtol(argv[2], NULL, 10) : getppid();
    int has_child = strcmp(how, "brood") == 0 || strcmp(how, "leave") == 0;
    pid_t child = has_child ? fork() : -1;
    if (child == 0)
        (void)close(1); /* nobody can tell by the pipe */
    if (move(group) != 0)
        return 3;
    if (child > 0 && strcmp(how, "leave") == 0)
        return write(1, "OK - gone\n", 10) == 10 ? 0 : 3;
    for (;;)
        (void)pause();
}
