/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise_filter.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <seccomp.h>

#include "sp_assert.h"

/* Whatever their arguments. A descriptor they take can only be the socket, a policy's memory, or what start left: /dev/null, and
 * standard error. */
static const int allowed[] = {SCMP_SYS(munmap), SCMP_SYS(brk), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
                              SCMP_SYS(sched_yield), SCMP_SYS(close), SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
                              SCMP_SYS(restart_syscall),
                              /* the end, good or bad */
                              SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
                              SCMP_SYS(rt_sigaction), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sigaltstack)};

static bool allow(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition) == 0;
}

static bool add_rules(scmp_filter_ctx filter, int fd)
{
    bool ok = true;
    for (size_t i = 0; ok && i < SP_COUNT(allowed); i++) {
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    }
    /* Only its own thread may be signalled: abort() does it. */
    ok = ok && allow(filter, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    ok = ok && allow(filter, SCMP_SYS(recvmsg), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd, 0));
    ok = ok && allow(filter, SCMP_SYS(sendmsg), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd, 0));
    ok = ok && allow(filter, SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
    /* No memory becomes executable. */
    ok = ok && allow(filter, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return ok && allow(filter, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

bool appraise_filter_load(int fd, const char **why)
{
    /* Foreign architectures (32-bit calls on a 64-bit kernel) are killed as well. */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        *why = "no memory for the system-call filter";
        return false;
    }
    bool ok = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 && add_rules(filter, fd) &&
              seccomp_load(filter) == 0;
    seccomp_release(filter);
    if (!ok) {
        *why = "the kernel or libseccomp refuses the system-call filter";
    }
    return ok;
}
