/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec_landlock.h"
#include "sp_assert.h"

#define SANDBOX_CAPABILITIES 64 /* numbers tried for the bounding set; the kernel has fewer */
#define SANDBOX_LOCKED_BYTES 65536u

static bool limit(int what, uint64_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) != 0)
        return false;
    rlim_t to = (rlim_t)most;
    if (now.rlim_max != RLIM_INFINITY && to > now.rlim_max)
        to = now.rlim_max; /* never more than what we were given */
    struct rlimit wanted = {to, to};
    return setrlimit((__rlimit_resource_t)what, &wanted) == 0;
}

/* Sanitizers reserve terabytes of addresses: with them, the limit would end the helper itself. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_LIMITS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_LIMITS_MEMORY 0
#endif
#endif
#ifndef SANDBOX_LIMITS_MEMORY
#define SANDBOX_LIMITS_MEMORY 1
#endif

static bool set_limits(const struct exec_sandbox_options *o)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, o->files) &&
           (!SANDBOX_LIMITS_MEMORY || o->memory == 0 || limit(RLIMIT_AS, o->memory)) && limit(RLIMIT_FSIZE, o->file_size) &&
           limit(RLIMIT_MEMLOCK, SANDBOX_LOCKED_BYTES) && limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_NPROC, o->processes);
}

static bool drop_user(const struct exec_sandbox_options *o)
{
    if (geteuid() != 0)
        return true;
    if (o->uid == 0 || o->gid == 0)
        return false; /* plugins never run as root */
    for (unsigned long c = 0; c < SANDBOX_CAPABILITIES; c++)
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EINVAL)
            return false;
    return setgroups(0, NULL) == 0 && setresgid(o->gid, o->gid, o->gid) == 0 && setresuid(o->uid, o->uid, o->uid) == 0;
}

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &header, none) != 0)
        return false;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

bool exec_sandbox_enter(const struct exec_sandbox_options *o, struct exec_sandbox *out, const char **why)
{
    out->landlock = 0;
    if (getrandom(out->cookies, sizeof out->cookies, 0) != (ssize_t)sizeof out->cookies) {
        *why = "no random numbers from the kernel";
        return false;
    }
    (void)umask(077);
    if (!set_limits(o)) {
        *why = "resource limits cannot be set";
        return false;
    }
    if (!drop_user(o) || !drop_capabilities()) {
        *why = "cannot become the user of the sandbox (it must exist and must not be root)";
        return false;
    }
    if (chdir("/") !=
        0) { /* nothing a plugin can write to: interpreters look for what they load in the working directory as well */
        *why = "the root directory cannot be entered";
        return false;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        *why = "no-new-privileges cannot be set";
        return false;
    }
    if (!exec_landlock_enter(o, &out->landlock)) {
        *why = "Landlock rules cannot be set";
        return false;
    }
    return o->closed || exec_filter_load(o->network, out->cookies, why);
}
