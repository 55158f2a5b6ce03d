/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_syscalls.h"

#include <errno.h>
#include <sched.h>

#include <seccomp.h>

#include "sp_assert.h"

/* By name, so that a library which does not know one of them skips it. */
static const char *const common[] = {
    /* other processes */
    "ptrace",
    "process_vm_readv", /* who may read memory (spice-attester) does it through /proc */
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    /* file-system tree */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    /* name spaces and the kernel itself */
    "unshare",
    "setns",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "acct",
    "syslog",
    "iopl",
    "ioperm",
    "modify_ldt",
    "lookup_dcookie",
    "nfsservctl",
    "vhangup",
    /* keys */
    "keyctl",
    "add_key",
    "request_key",
    /* a second way to every call */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    /* time and name of the host */
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "sethostname",
    "setdomainname",
};

static const unsigned long long namespaces[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                                CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

bool sp_syscalls_deny(void *filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR) {
            continue;
        }
        int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (rc != 0 && rc != -EDOM && rc != -EFAULT) {
            return false;
        }
    }
    return true;
}

bool sp_syscalls_deny_common(void *filter)
{
    return sp_syscalls_deny(filter, common, SP_COUNT(common));
}

bool sp_syscalls_deny_namespaces(void *filter)
{
    bool ok = true;
    for (size_t i = 0; i < SP_COUNT(namespaces); i++) {
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                    SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i])) == 0;
    }
    return ok;
}
