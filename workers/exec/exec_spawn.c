/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What runs in the child has our memory under its feet: no allocation, no locks, no return. */
__attribute__((noreturn, noinline, no_sanitize("address"))) static void child(struct exec_spawn_plan *plan)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)setpgid(0, 0); /* not a session: a kernel with autogroups makes a scheduling group for each */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    bool ok = dup2(plan->stdout_fd, STDOUT_FILENO) >= 0;
    if (plan->stdin_fd >= 0)
        ok = ok && dup2(plan->stdin_fd, STDIN_FILENO) >= 0;
    if (plan->closed_stdin)
        (void)close(STDIN_FILENO);
    if (plan->script)
        ok = ok && fcntl(plan->program_fd, F_SETFD, 0) == 0;
    if (plan->isolation_fd >= 0)
        ok = ok && syscall(SYS_landlock_restrict_self, plan->isolation_fd, 0) == 0;
    ok = ok && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
    if (ok)
        (void)syscall(SYS_execveat, plan->program_fd, "", plan->argv, plan->env, AT_EMPTY_PATH);
    plan->error = errno;
    _exit(127);
}

#if defined(__x86_64__) || defined(__aarch64__)

bool exec_spawn_has_cgroups(void)
{
    return true;
}

/* clone3 with the cookies of the filter in the registers it ignores. Written out because the child comes back on the caller's own
 * stack: a library function would return twice through a frame the first return has destroyed. */
static inline __attribute__((always_inline)) long clone3_cookies(struct clone_args *args, const uint64_t *cookies)
{
#if defined(__x86_64__)
    long result;
    register uint64_t c0 __asm__("rdx") = cookies[0];
    register uint64_t c1 __asm__("r10") = cookies[1];
    register uint64_t c2 __asm__("r8") = cookies[2];
    register uint64_t c3 __asm__("r9") = cookies[3];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_clone3), "D"(args), "S"(sizeof *args), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = (long)sizeof *args;
    register uint64_t c0 __asm__("x2") = cookies[0];
    register uint64_t c1 __asm__("x3") = cookies[1];
    register uint64_t c2 __asm__("x4") = cookies[2];
    register uint64_t c3 __asm__("x5") = cookies[3];
    register long number __asm__("x8") = SYS_clone3;
    __asm__ volatile("svc 0" : "+r"(result) : "r"(size), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(number) : "memory");
    return result;
#endif
}

/* Kept small and alone: after the child has used this frame, the parent only reads `result`, which is in a register. */
__attribute__((noinline)) static long start(struct exec_spawn_plan *plan, struct clone_args *args)
{
    long result = clone3_cookies(args, plan->cookies);
    if (result == 0)
        child(plan);
    return result;
}

pid_t exec_spawn_start(struct exec_spawn_plan *plan, int *error)
{
    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    if (plan->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (__u64)(unsigned)plan->cgroup_fd;
    }
    plan->error = 0;
    long pid = start(plan, &args);
    if (pid < 0) {
        *error = (int)-pid;
        return -1;
    }
    *error = plan->error;
    return (pid_t)pid; /* with *error set, the child ends at once and is reaped like any other */
}

#else

bool exec_spawn_has_cgroups(void)
{
    return false;
}

pid_t exec_spawn_start(struct exec_spawn_plan *plan, int *error)
{
    plan->error = 0;
    pid_t pid = vfork();
    if (pid == 0)
        child(plan);
    *error = pid < 0 ? errno : plan->error;
    return pid;
}

#endif
