/* SPDX-License-Identifier: Apache-2.0 */
#include "swtpm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence_bed.h"
#include "sp_assert.h"
#include "tpm_device.h"

#define START_TRIES 12000 /* of 10 ms */

static void stop(const char *what)
{
    (void)fprintf(stderr, "swtpm: %s\n", what);
    abort();
}

/* Runs a program to its end, or starts one; its output goes to a file of the directory. */
static pid_t run(const struct swtpm *t, char *const *argv)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        char log[256];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        if (freopen(scratch_path(&t->scratch, "log", log, sizeof log), "a", stdout) == NULL || dup2(1, 2) != 2) {
            _exit(126);
        }
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    SP_ASSERT(pid > 0);
    return pid;
}

static bool answers(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SP_ASSERT(fd >= 0 && snprintf(at.sun_path, sizeof at.sun_path, "%s", path) < (int)sizeof at.sun_path);
    bool yes = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    (void)close(fd);
    return yes;
}

/* It listens before it works: whoever comes in between is cut off. So somebody asks for anything until there is an answer. */
static bool works(const struct swtpm *t)
{
    struct tpm_device *device = NULL;
    struct tpm_device_bytes bytes;
    struct sp_err err;
    enum sp_rc rc = tpm_device_open(t->tcti, &device, &err);
    if (rc == SP_OK) {
        rc = tpm_device_public(device, TPM_DEVICE_EK_RSA, &bytes);
    }
    tpm_device_close(&device);
    return rc == SP_OK || rc == SP_E_NOT_FOUND;
}

void swtpm_start(struct swtpm *t)
{
    char state[256], server[256], control[256], path[192], control_path[192];
    (void)scratch_path(&t->scratch, "s", path, sizeof path);
    (void)scratch_path(&t->scratch, "s.ctrl", control_path, sizeof control_path); /* the name tpm2-tss expects */
    (void)snprintf(state, sizeof state, "dir=%s", t->scratch.dir);
    (void)snprintf(server, sizeof server, "type=unixio,path=%s", path);
    (void)snprintf(control, sizeof control, "type=unixio,path=%s", control_path);
    (void)unlink(path);
    (void)unlink(control_path);
    char *const argv[] = {"swtpm",
                          "socket",
                          "--tpm2",
                          "--tpmstate",
                          state,
                          "--server",
                          server,
                          "--ctrl",
                          control,
                          "--flags",
                          "not-need-init,startup-clear",
                          NULL};
    (void)snprintf(t->tcti, sizeof t->tcti, "swtpm:path=%s", path);
    t->pid = run(t, argv);
    for (unsigned i = 0; !answers(control_path) || !works(t); i++) {
        int status = 0;
        if (i == START_TRIES || waitpid(t->pid, &status, WNOHANG) != 0) {
            stop("does not start; is it installed?");
        }
        (void)poll(NULL, 0, 10);
    }
}

void swtpm_init(struct swtpm *t, const char *name)
{
    char file[64];
    scratch_init(&t->scratch);
    (void)snprintf(file, sizeof file, "state/%s", name);
    struct sp_str state = evidence_bed_file("tpm", file);
    scratch_file(&t->scratch, "tpm2-00.permall", state.p, state.n, 0600);
    free((void *)(uintptr_t)state.p);
    swtpm_start(t);
}

void swtpm_init_made(struct swtpm *t)
{
    char text[2048], path[192], config[192], tool[192], id[] = "node1";
    scratch_init(&t->scratch);
    const char *dir = t->scratch.dir;
    (void)snprintf(text, sizeof text,
                   "statedir = %s\nsigningkey = %s/key.pem\nissuercert = %s/issuer.pem\ncertserial = %s/serial\n", dir, dir, dir,
                   dir);
    scratch_file(&t->scratch, "ca.conf", text, SIZE_MAX, 0600);
    scratch_file(&t->scratch, "ca.options", "--platform-manufacturer test\n--platform-version 1\n--platform-model test\n", SIZE_MAX,
                 0600);
    (void)snprintf(text, sizeof text,
                   "create_certs_tool = %s\ncreate_certs_tool_config = %s/ca.conf\ncreate_certs_tool_options = %s/ca.options\n",
                   "/usr/bin/swtpm_localca", dir, dir);
    scratch_file(&t->scratch, "setup.conf", text, SIZE_MAX, 0600);
    (void)scratch_path(&t->scratch, "setup.conf", config, sizeof config);
    (void)snprintf(tool, sizeof tool, "%s", dir);
    char *const argv[] = {"swtpm_setup", "--tpm2",      "--tpmstate", tool, "--config",    config, "--create-ek-cert",
                          "--pcr-banks", "sha1,sha256", "--vmid",     id,   "--overwrite", NULL};
    int status = 0;
    pid_t pid = run(t, argv);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        (void)scratch_path(&t->scratch, "log", path, sizeof path);
        (void)fprintf(stderr, "see %s\n", path);
        stop("swtpm_setup failed");
    }
    swtpm_start(t);
}

void swtpm_cut(struct swtpm *t)
{
    int status = 0;
    (void)kill(t->pid, SIGKILL);
    SP_ASSERT(waitpid(t->pid, &status, 0) == t->pid);
    t->pid = -1;
}

void swtpm_fini(struct swtpm *t)
{
    if (t->pid > 0) {
        swtpm_cut(t);
    }
    scratch_fini(&t->scratch);
}
