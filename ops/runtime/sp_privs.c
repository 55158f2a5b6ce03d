/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWD_BYTES 16384u

enum sp_rc sp_privs_harden(struct sp_err *err)
{
    const struct rlimit none = {0, 0};
    (void)umask(077);
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return sp_err_set(err, SP_E_PERMISSION, "process", "cannot switch off core dumps and new privileges: %s", strerror(errno));
    }
    return SP_OK;
}

static enum sp_rc look_up(const char *user, struct passwd *pw, char memory[PASSWD_BYTES], struct sp_err *err)
{
    struct passwd *found = NULL;
    int cause = getpwnam_r(user, pw, memory, PASSWD_BYTES, &found);
    if (found == NULL) {
        (void)sp_err_set(err, SP_E_NOT_FOUND, user, "no such user%s%s", cause != 0 ? ": " : "", cause != 0 ? strerror(cause) : "");
        sp_err_hint(err, "make it with adduser --system, or change `user` in the configuration");
        return SP_E_NOT_FOUND;
    }
    return SP_OK;
}

enum sp_rc sp_privs_become(const char *user, struct sp_err *err)
{
    struct passwd pw;
    char memory[PASSWD_BYTES];
    if (user == NULL || user[0] == '\0') {
        return SP_OK;
    }
    enum sp_rc rc = look_up(user, &pw, memory, err);
    if (rc != SP_OK) {
        return rc;
    }
    if (geteuid() == pw.pw_uid && getuid() == pw.pw_uid) {
        return SP_OK;
    }
    if (geteuid() != 0) {
        return sp_err_set(err, SP_E_PERMISSION, user, "only root can become another user");
    }
    if (initgroups(user, pw.pw_gid) != 0 || setresgid(pw.pw_gid, pw.pw_gid, pw.pw_gid) != 0 ||
        setresuid(pw.pw_uid, pw.pw_uid, pw.pw_uid) != 0) {
        return sp_err_set(err, SP_E_PERMISSION, user, "cannot become this user: %s", strerror(errno));
    }
    if (pw.pw_uid != 0 && (setuid(0) == 0 || geteuid() == 0)) {
        return sp_err_set(err, SP_E_PERMISSION, user, "became this user and could become root again");
    }
    /* Changing the user made the process dumpable by the system's default (fs.suid_dumpable) or not; say it again. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return SP_OK;
}

void sp_privs_descriptors(uint64_t want, uint64_t *got)
{
    struct rlimit limit;
    *got = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    rlim_t top = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > want ? (rlim_t)want : limit.rlim_max;
    if (limit.rlim_cur < top) {
        struct rlimit raised = {top, limit.rlim_max};
        limit.rlim_cur = setrlimit(RLIMIT_NOFILE, &raised) == 0 ? top : limit.rlim_cur;
    }
    *got = limit.rlim_cur;
}

void sp_privs_exact_timers(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}

void sp_privs_close_inherited(int keep_fd)
{
    if (keep_fd < 3) {
        (void)close_range(3, ~0u, 0);
        return;
    }
    if (keep_fd > 3) {
        (void)close_range(3, (unsigned)keep_fd - 1u, 0);
    }
    (void)close_range((unsigned)keep_fd + 1u, ~0u, 0);
}

void sp_privs_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* open() takes the lowest free number, which is fd. */
            (void)!open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
        }
    }
}
