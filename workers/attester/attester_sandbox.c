/* SPDX-License-Identifier: Apache-2.0 */
#include "attester_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "sp_assert.h"
#include "sp_privs.h"
#include "sp_syscalls.h"

#define CAPABILITIES 64 /* numbers tried for the bounding set; the kernel has fewer */

static const char *const denied_programs[] = {"execve", "execveat"};

/* Neither part makes, changes or removes a file, and nobody connects to either. */
static const char *const denied_changes[] = {
    "mkdir",    "mkdirat",  "mknod",     "mknodat",  "link",      "linkat",    "symlink",   "symlinkat", "unlink", "unlinkat",
    "rename",   "renameat", "renameat2", "rmdir",    "chmod",     "fchmod",    "fchmodat",  "chown",     "lchown", "fchown",
    "fchownat", "truncate", "creat",     "setxattr", "lsetxattr", "fsetxattr", "utimensat", "listen",    "accept", "accept4",
};

static bool deny_always(scmp_filter_ctx filter)
{
    /* clone3: the C library goes on with clone, whose flags can be seen. */
    return sp_syscalls_deny_common(filter) && sp_syscalls_deny(filter, denied_programs, SP_COUNT(denied_programs)) &&
           sp_syscalls_deny(filter, denied_changes, SP_COUNT(denied_changes)) && sp_syscalls_deny_namespaces(filter) &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

/* Files are opened to be read, or both ways: a TPM is. None is made, cut or only written to. */
static bool deny_writing(scmp_filter_ctx filter)
{
    static const unsigned long long flags[] = {O_CREAT, O_TRUNC, O_APPEND, O_WRONLY};
    bool ok = true;
    for (size_t i = 0; i < SP_COUNT(flags); i++) {
        ok = ok &&
             seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i], flags[i])) == 0 &&
             seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i], flags[i])) ==
                 0;
    }
    return ok;
}

static bool deny_network(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)) == 0;
}

static enum sp_rc load(scmp_filter_ctx filter, bool ok, struct sp_err *err)
{
    /* A tree of comparisons instead of a list. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok ? SP_OK : sp_err_set(err, SP_E_PERMISSION, "seccomp", "the kernel or libseccomp refuses the filter of system calls");
}

/* Effect: at most these stay; without CAP_SETPCAP the bounding set stays as it is, which nothing executed could make use of anyway.
 */
static enum sp_rc keep_capabilities(uint64_t keep, struct sp_err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct have[2] = {{0, 0, 0}, {0, 0, 0}};
    for (unsigned long c = 0; c < CAPABILITIES; c++) {
        if ((keep >> c & 1u) == 0 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM) {
            return sp_err_set(err, SP_E_PERMISSION, "capabilities", "%s", strerror(errno));
        }
    }
    bool ok = syscall(SYS_capget, &header, have) == 0;
    for (unsigned i = 0; i < 2; i++) {
        have[i].permitted &= (uint32_t)(keep >> 32 * i);
        have[i].effective = have[i].permitted;
        have[i].inheritable = 0;
    }
    ok = ok && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 && syscall(SYS_capset, &header, have) == 0;
    return ok ? SP_OK : sp_err_set(err, SP_E_PERMISSION, "capabilities", "cannot be given up: %s", strerror(errno));
}

enum sp_rc attester_sandbox_front(struct sp_err *err)
{
    enum sp_rc rc = keep_capabilities(0, err);
    if (rc != SP_OK) {
        return rc;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return SP_E_NOMEM;
    }
    bool ok = deny_always(filter) && deny_writing(filter);
    return load(filter, ok, err);
}

enum sp_rc attester_sandbox_back(bool network, struct sp_err *err)
{
    enum sp_rc rc = keep_capabilities(1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_SYS_PTRACE | 1ull << CAP_CHECKPOINT_RESTORE, err);
    rc = rc == SP_OK ? sp_privs_harden(err) : rc;
    if (rc != SP_OK) {
        return rc;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return SP_E_NOMEM;
    }
    bool ok = deny_always(filter) && deny_writing(filter) && (network || deny_network(filter));
    return load(filter, ok, err);
}
