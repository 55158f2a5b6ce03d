/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: tries what a plugin may not do; prints one letter per attempt: lower case = refused, upper case = it worked. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *p, size_t n)
{
    if (write(1, p, n) < 0)
        _exit(3);
}

static void tell(char letter, int worked)
{
    char c = worked ? (char)(letter - 'a' + 'A') : letter;
    say(&c, 1);
}

static int can_open(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

/* argv[1]: a file that is hidden; argv[2]: a directory that is not ours; argv[3]: a file descriptor of a neighbour, /proc/PID/fd/1.
 */
int main(int argc, char **argv)
{
    char path[512];
    struct rlimit core;
    long args[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
    tell('s', socket(AF_INET, SOCK_STREAM, 0) >= 0);
    tell('u', socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    tell('n', socket(AF_PACKET, SOCK_RAW, 0) >= 0);
    tell('p', ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    tell('m', mount("none", "/mnt", "tmpfs", 0, NULL) == 0 || errno == EBUSY);
    tell('x', unshare(CLONE_NEWUSER) == 0);
    tell('c', syscall(SYS_clone3, args, sizeof args) >= 0 || errno != ENOSYS);
    tell('k', kill(getppid(), 0) == 0);
    tell('r', getuid() == 0);
    tell('g', prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
    tell('o', getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0);
    tell('h', argc > 1 && can_open(argv[1], O_RDONLY));
    (void)snprintf(path, sizeof path, "%s/written", argc > 2 ? argv[2] : "/var/tmp");
    tell('w', can_open(path, O_WRONLY | O_CREAT));
    tell('f', argc > 3 && can_open(argv[3], O_WRONLY));
    tell('e', getenv("SPICE_SECRET") != NULL || getenv("LD_PRELOAD") != NULL);
    tell('d', can_open("/proc/self/fd/3", O_RDONLY) || fcntl(3, F_GETFD) >= 0);
    /* and what it may */
    (void)snprintf(path, sizeof path, "%s/mine", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/");
    tell('t', can_open(path, O_RDWR | O_CREAT));
    tell('z', can_open("/dev/null", O_WRONLY));
    tell('q', can_open("/etc/passwd", O_RDONLY));
    say("\n", 1);
    return 0;
}
