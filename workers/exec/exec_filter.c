/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_filter.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <seccomp.h>

#include "sp_assert.h"
#include "sp_syscalls.h"

#define FILTER_FAMILY_MAX 63 /* address families above are refused by one rule */

static bool deny_clone(scmp_filter_ctx filter, const uint64_t cookies[EXEC_FILTER_COOKIES])
{
    bool ok = sp_syscalls_deny_namespaces(filter);
    for (unsigned i = 0; i < EXEC_FILTER_COOKIES; i++) {
        struct scmp_arg_cmp differs = {.arg = 2 + i, .op = SCMP_CMP_NE, .datum_a = cookies[i], .datum_b = 0};
        ok = ok && seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 1, &differs) == 0;
    }
    return ok;
}

static bool deny_odd_arguments(scmp_filter_ctx filter)
{
    /* Characters pushed into somebody's terminal; asking for the execution domain is harmless, changing it is not. */
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI)) ==
               0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCLINUX)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1, SCMP_A0(SCMP_CMP_NE, 0xffffffffu, 0)) == 0;
}

static bool deny_sockets(scmp_filter_ctx filter, bool network)
{
    if (!network)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0) == 0;
    bool ok =
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, FILTER_FAMILY_MAX, 0)) == 0;
    for (unsigned family = 0; family <= FILTER_FAMILY_MAX; family++) {
        bool wanted = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
        ok = ok && (wanted ||
                    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family, 0)) == 0);
    }
    return ok;
}

/* The signal that ends a main process with the helper stays set: asking for another, or none, is refused. */
static bool keep_death_signal(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp differs[] = {SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0), SCMP_A1(SCMP_CMP_NE, SIGKILL, 0)};
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 2, differs) == 0;
}

bool exec_filter_load(bool network, const uint64_t cookies[EXEC_FILTER_COOKIES], const char **why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        *why = "no memory for the system-call filter";
        return false;
    }
    /* Foreign architectures (32-bit calls on a 64-bit kernel) are killed: libseccomp's default for calls of another ABI. */
    bool ok = sp_syscalls_deny_common(filter) && deny_clone(filter, cookies) && deny_odd_arguments(filter) &&
              keep_death_signal(filter) && deny_sockets(filter, network);
    /* A tree of comparisons instead of a list: about five steps instead of a hundred for calls the kernel cannot cache. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    if (!ok)
        *why = "the kernel or libseccomp refuses the system-call filter";
    return ok;
}
