/* SPDX-License-Identifier: Apache-2.0 */
/* exec - runs plugins: one process per check through the spawn helpers, or one question to a plugin that stays up. */
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter.h"
#include "exec_output.h"
#include "exec_plugin.h"
#include "exec_pool.h"
#include "exec_resident.h"
#include "exec_value.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_buf.h"
#include "sp_crypto.h"

#define ARGS_JSON_MAX 65536u /* bytes of the argument list in a question to a resident plugin */
#define TMP_NAME      "spice-plugins-"
#define TMP_DEPTH     16 /* descriptors used to walk through it */
#define RETRIES_MAX   1u /* a resident plugin that died is asked once more */

enum { P_PLUGIN, P_ARGS, P_MODE };
enum { MODE_AUTO, MODE_ONCE, MODE_RESIDENT };

static const struct sp_param params[] = {
    [P_PLUGIN] = {"plugin", SP_PARAM_STR, true, 1, MANIFEST_NAME_BYTES - 1, NULL, "name of the plugin, as its manifest says", NULL},
    [P_ARGS] = {"args", SP_PARAM_LIST, false, 0, EXEC_ARGS_MAX - 1, NULL, "its arguments; {node} and {address} are replaced", NULL},
    [P_MODE] = {"mode", SP_PARAM_ENUM, false, 0, 0, "\"auto\"",
                "auto: a plugin that can stay up does; once: one process per check; resident: it must stay up",
                "auto|once|resident"},
};

enum {
    S_PLUGIN_DIRS,
    S_MANIFEST_DIR,
    S_MANIFEST_KEYS,
    S_MANIFEST_REQUIRED,
    S_PLUGIN_USER,
    S_RESIDENT_MAX,
    S_OUTPUT_BYTES,
    S_MEMORY,
    S_PROCESSES,
    S_HELPERS,
    S_HELPER_SLOTS,
    S_CGROUP,
    S_TMP
};

static const struct sp_param settings_table[] = {
    [S_PLUGIN_DIRS] = {"plugin_dirs", SP_PARAM_LIST, false, 0, 16, NULL, "directories with plugins and their manifests", NULL},
    [S_MANIFEST_DIR] = {"manifest_dir", SP_PARAM_STR, false, 0, 511, NULL, "directory with manifests of plugins that lie elsewhere",
                        NULL},
    [S_MANIFEST_KEYS] = {"manifest_keys", SP_PARAM_LIST, false, 0, MANIFEST_KEYS_MAX, NULL,
                         "Ed25519 public keys (hexadecimal) that may sign manifests", NULL},
    [S_MANIFEST_REQUIRED] = {"manifest_required", SP_PARAM_BOOL, false, 0, 0, "true", "refuse plugins without a signed manifest",
                             NULL},
    [S_PLUGIN_USER] = {"plugin_user", SP_PARAM_STR, false, 0, 32, NULL,
                       "user plugins run as when the worker is root (default nobody)", NULL},
    [S_RESIDENT_MAX] = {"resident_max", SP_PARAM_INT, false, 0, 1024, "32", "resident plugins at once", NULL},
    [S_OUTPUT_BYTES] = {"output_bytes", SP_PARAM_INT, false, 0, EXEC_OUTPUT_MAX, "0",
                        "most output of one run, below what a manifest allows; 0: as the manifest says", NULL},
    [S_MEMORY] = {"plugin_memory_mb", SP_PARAM_INT, false, 0, 1 << 20, "512", "address space of one plugin process; 0: no limit",
                  NULL},
    [S_PROCESSES] = {"plugin_processes", SP_PARAM_INT, false, 1, 1000000, "2048", "processes of the plugins' user", NULL},
    [S_HELPERS] = {"helpers", SP_PARAM_INT, false, 1, EXEC_POOL_HELPERS_MAX, "2",
                   "spawn helpers of each class (with and without network)", NULL},
    [S_HELPER_SLOTS] = {"helper_slots", SP_PARAM_INT, false, 1, EXEC_SLOTS_MAX, "256", "runs at once in one helper", NULL},
    [S_CGROUP] = {"cgroup", SP_PARAM_STR, false, 0, 400, NULL,
                  "directory of a delegated control group (version 2) of this worker alone: one group per run", NULL},
    [S_TMP] = {"tmp", SP_PARAM_STR, false, 0, 400, NULL, "directory below which plugins get their private one (default: /tmp)",
               NULL},
};

struct slot {
    struct exec *owner;
    struct sp_adapter_job *job;
    struct exec_pool_run run;
    struct exec_resident_ask ask;
    uint32_t tries;
};

struct check {
    struct exec_plugin *plugin; /* lent by the plugin table, which never forgets one */
    int mode;
    uint32_t args_count;
    bool varies;        /* an argument holds {node} or {address} */
    uint32_t allowed;   /* generation of the plugin whose manifest allows these arguments; only without `varies` */
    struct sp_buf json; /* the list for a resident plugin; only without `varies` */
    char *args[];
};

struct exec {
    const struct sp_adapter_host *host;
    struct exec_plugins plugins;
    struct exec_pool *pool;
    struct exec_resident *resident;
    struct slot *slot; /* by slot of the job */
    uint32_t output_max;
    bool turned; /* a run or question waits for exec_turn */
    char tmp[SP_FS_PATH_BYTES];
    char note[SP_FS_PATH_BYTES];         /* file that holds the name of tmp while we run */
    struct sp_buf json;                  /* argument list of one question */
    const char *expanded[EXEC_ARGS_MAX]; /* arguments of one run */
    char text[EXEC_ARGS_BYTES_MAX];      /* and their bytes */
    struct exec_output output;           /* of one result */
};

/* ---- ends of jobs ---- */

static void finish_error(struct exec *self, struct sp_adapter_job *job, uint16_t reason, const char *detail)
{
    const struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR, .reason = reason, .detail = detail};
    self->host->finish(self->host->self, job, &r);
}

/* Effect: the plugin has said `code` and printed `text`. */
static void finish_said(struct exec *self, struct sp_adapter_job *job, int code, struct sp_str text)
{
    struct sp_adapter_result r = {0};
    uint8_t digest[32];
    char detail[SP_ADAPTER_DETAIL_MAX];
    exec_output_read(text.p, text.n, &self->output);
    sp_crypto_sha256(text.p, text.n, digest);
    r.detail = self->output.detail[0] != '\0' ? self->output.detail : "(it printed nothing)";
    r.measures = self->output.measures;
    r.evidence = digest;
    if (!exec_output_verdict(code, &r.outcome, &r.reason)) {
        (void)snprintf(detail, sizeof detail, "exit status %d is outside 0 to 3: %.900s", code, r.detail);
        r.detail = detail;
        r.measures = NULL;
    }
    self->host->finish(self->host->self, job, &r);
}

static void on_run_done(struct exec_pool_run *run, const struct exec_result *result, const char *output)
{
    struct slot *s = run->arg;
    struct exec *self = s->owner;
    struct sp_adapter_job *job = s->job;
    char text[SP_ADAPTER_WHY_MAX];
    uint16_t reason = SP_REASON_INTERNAL;
    s->job = NULL;
    switch (result->end) {
    case EXEC_END_EXIT:
        finish_said(self, job, result->code, sp_str_bytes(output, result->output_bytes));
        return;
    case EXEC_END_SIGNAL:
        reason = SP_REASON_PLUGIN_EXIT;
        (void)snprintf(text, sizeof text, "ended by signal %d (%s)", result->code, exec_value_signal(result->code));
        break;
    case EXEC_END_DEADLINE:
        reason = SP_REASON_DEADLINE;
        (void)snprintf(text, sizeof text, "did not end within %u ms", job->timeout_ms);
        break;
    case EXEC_END_OUTPUT:
        reason = SP_REASON_LIMIT;
        (void)snprintf(text, sizeof text, "printed more than its limit");
        break;
    case EXEC_END_SPAWN:
        reason = SP_REASON_SPAWN;
        (void)snprintf(text, sizeof text, "cannot be started: %s", strerror(result->code));
        break;
    case EXEC_END_BUSY:
        reason = SP_REASON_BUSY;
        (void)snprintf(text, sizeof text, "no free slot in the spawn helper");
        break;
    default:
        reason = SP_REASON_SPAWN;
        (void)snprintf(text, sizeof text, "the spawn helper ended before the plugin did");
        break;
    }
    finish_error(self, job, reason, text);
}

/* ---- arguments ---- */

/* Effect: the check's arguments with node and address filled in, in self->expanded. */
static bool expand(struct exec *self, const struct sp_adapter_job *job, const struct check *check)
{
    size_t used = 0;
    for (uint32_t i = 0; i < check->args_count; i++) {
        self->expanded[i] = check->args[i];
        if (strchr(check->args[i], '{') == NULL)
            continue;
        if (!self->host->expand(self->host->self, job, check->args[i], self->text + used, sizeof self->text - used))
            return false;
        self->expanded[i] = self->text + used;
        used += strlen(self->text + used) + 1;
    }
    return true;
}

/* Effect: arguments are ready in self->expanded and the manifest allows them; otherwise the job is finished. */
static bool prepare(struct exec *self, struct sp_adapter_job *job, struct check *check)
{
    struct exec_plugin *plugin = check->plugin;
    if (!exec_plugins_refresh(&self->plugins, plugin, self->host->now_us(self->host->self))) {
        finish_error(self, job, plugin->reason, plugin->why);
        return false;
    }
    if (!expand(self, job, check)) {
        finish_error(self, job, SP_REASON_BAD_PARAMETERS,
                     "an argument is too long, or the node's name or address cannot be put into it");
        return false;
    }
    if (!check->varies && check->allowed == plugin->generation)
        return true;
    if (!manifest_allows(&plugin->manifest, self->expanded, check->args_count)) {
        finish_error(self, job, SP_REASON_BAD_PARAMETERS, "the plugin's manifest does not allow these arguments");
        return false;
    }
    check->allowed = plugin->generation;
    return true;
}

/* ---- resident plugins ---- */

static void ask(struct exec *self, struct slot *s, struct check *check);

static void on_answer(struct exec_resident_ask *a, enum exec_resident_end end, int code, struct sp_str text)
{
    struct slot *s = a->arg;
    struct exec *self = s->owner;
    struct sp_adapter_job *job = s->job;
    if (end == EXEC_RESIDENT_ANSWER) {
        s->job = NULL;
        finish_said(self, job, code, text);
        return;
    }
    if (s->tries <= RETRIES_MAX && self->host->now_us(self->host->self) < job->deadline_us) {
        struct check *check = (struct check *)(uintptr_t)job->check; /* ours; the contract lends it as const */
        if (prepare(self, job, check))
            ask(self, s, check);
        else
            s->job = NULL; /* prepare has finished it */
        return;
    }
    s->job = NULL;
    finish_error(self, job, SP_REASON_PLUGIN_EXIT, "the resident plugin ended before it answered");
}

static void ask(struct exec *self, struct slot *s, struct check *check)
{
    struct sp_adapter_job *job = s->job;
    uint64_t now_us = self->host->now_us(self->host->self);
    uint64_t left_ms = job->deadline_us > now_us ? (job->deadline_us - now_us) / 1000 : 0;
    struct sp_buf *json = check->varies ? &self->json : &check->json;
    if (check->varies)
        exec_value_list(self->expanded, check->args_count, json);
    const struct exec_resident_question q = {.plugin = check->plugin,
                                             .index = job->slot,
                                             .timeout_ms = (uint32_t)left_ms,
                                             .node = job->node,
                                             .address = job->address,
                                             .args = sp_buf_view(json)};
    s->tries++;
    self->turned = true;
    if (json->failed || !exec_resident_ask(self->resident, &s->ask, &q)) {
        s->job = NULL;
        finish_error(self, job, SP_REASON_BUSY, "too many resident plugins (resident_max), or too many questions wait");
    }
}

/* ---- the contract of adapter.h ---- */

static void exec_start(void *instance, struct sp_adapter_job *job)
{
    struct exec *self = instance;
    struct check *check = (struct check *)(uintptr_t)job->check; /* ours; the contract lends it as const */
    struct slot *s = &self->slot[job->slot];
    if (!prepare(self, job, check))
        return;
    const struct manifest *m = &check->plugin->manifest;
    if (check->mode == MODE_RESIDENT && !m->resident) {
        finish_error(self, job, SP_REASON_BAD_PARAMETERS, "the plugin's manifest does not say that it can stay up");
        return;
    }
    s->job = job;
    s->tries = 0;
    if (m->resident && check->mode != MODE_ONCE) {
        ask(self, s, check);
        return;
    }
    uint32_t most = self->output_max != 0 && self->output_max < m->max_output ? self->output_max : m->max_output;
    const struct exec_pool_order order = {.plugin = check->plugin,
                                          .args = self->expanded,
                                          .args_count = check->args_count,
                                          .deadline_us = job->deadline_us,
                                          .output_max = most,
                                          .flags = 0};
    self->turned = true;
    if (!exec_pool_start(self->pool, &s->run, &order)) {
        s->job = NULL;
        finish_error(self, job, SP_REASON_BAD_PARAMETERS, "too many or too long arguments");
    }
}

static void exec_cancel(void *instance, struct sp_adapter_job *job)
{
    struct exec *self = instance;
    struct slot *s = &self->slot[job->slot];
    bool hung = self->host->now_us(self->host->self) >= job->deadline_us;
    s->job = NULL;
    exec_pool_cancel(self->pool, &s->run);
    exec_resident_cancel(self->resident, &s->ask, hung);
}

static void exec_turn(void *instance)
{
    struct exec *self = instance;
    if (!self->turned)
        return;
    self->turned = false;
    exec_resident_flush(self->resident);
    exec_pool_flush(self->pool);
}

static void exec_release(void *instance, void *arg)
{
    struct check *check = arg;
    (void)instance;
    for (uint32_t i = 0; i < check->args_count; i++)
        free(check->args[i]);
    sp_buf_fini(&check->json);
    free(check);
}

static void *exec_compile(void *instance, const struct sp_param_value *given, char *why)
{
    struct exec *self = instance;
    size_t n = given[P_ARGS].list_len;
    size_t bytes = 0;
    struct exec_plugin *plugin = exec_plugins_get(&self->plugins, given[P_PLUGIN].str, self->host->now_us(self->host->self));
    if (plugin == NULL) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "plugin: a name is letters, digits and . _ -; at most %u plugins",
                       EXEC_PLUGINS_MAX);
        return NULL;
    }
    struct check *check = calloc(1, sizeof *check + n * sizeof check->args[0]);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory, or arguments longer than %u bytes", EXEC_ARGS_BYTES_MAX);
    if (check == NULL)
        return NULL;
    check->plugin = plugin;
    check->mode = (int)given[P_MODE].num;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        check->args[i] = strdup(given[P_ARGS].list[i]);
        ok = check->args[i] != NULL;
        check->args_count += ok ? 1 : 0;
        bytes += ok ? strlen(check->args[i]) + 1 : 0;
        check->varies = check->varies || (ok && strchr(check->args[i], '{') != NULL);
    }
    sp_buf_init(&check->json, ARGS_JSON_MAX);
    exec_value_list((const char *const *)check->args, check->args_count, &check->json);
    if (ok && bytes < EXEC_ARGS_BYTES_MAX - SP_FS_PATH_BYTES && !check->json.failed)
        return check;
    exec_release(self, check);
    return NULL;
}

static bool find_user(const char *name, struct exec_pool_options *o, char *why)
{
    if (name[0] == '\0')
        return true;
    const struct passwd *user = getpwnam(name);
    if (user == NULL || user->pw_uid == 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "plugin_user %.32s: %s", name,
                       user == NULL ? "no such user" : "plugins do not run as root");
        return false;
    }
    if (geteuid() != 0 && geteuid() != user->pw_uid) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "plugin_user %.32s: only a worker that starts as root can change users", name);
        return false;
    }
    o->uid = user->pw_uid;
    o->gid = user->pw_gid;
    return true;
}

static bool add_dir(struct exec *self, const char *path)
{
    struct exec_plugins *p = &self->plugins;
    return p->dirs < EXEC_PLUGIN_DIRS_MAX && sp_fs_join(p->dir[p->dirs++], SP_FS_PATH_BYTES, self->host->prefix, path) == SP_OK;
}

static bool read_plugin_settings(struct exec *self, const struct sp_param_value *v, char *why)
{
    struct sp_err err;
    bool ok = v[S_MANIFEST_DIR].str_len == 0 || add_dir(self, v[S_MANIFEST_DIR].str);
    for (size_t i = 0; ok && i < v[S_PLUGIN_DIRS].list_len; i++)
        ok = add_dir(self, v[S_PLUGIN_DIRS].list[i]);
    if (!ok) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "plugin_dirs: too many, or a path is too long");
        return false;
    }
    if (v[S_MEMORY].num != 0 && v[S_MEMORY].num < EXEC_MEMORY_MB_MIN) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "plugin_memory_mb: %u at least, or 0 for no limit", EXEC_MEMORY_MB_MIN);
        return false;
    }
    self->plugins.required = v[S_MANIFEST_REQUIRED].num != 0;
    self->output_max = (uint32_t)v[S_OUTPUT_BYTES].num;
    for (size_t i = 0; i < v[S_MANIFEST_KEYS].list_len; i++) {
        if (manifest_keys_add(&self->plugins.keys, sp_str_of(v[S_MANIFEST_KEYS].list[i]), &err) != SP_OK) {
            sp_err_line(&err, why, SP_ADAPTER_WHY_MAX);
            return false;
        }
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
}

/* Effect: removes the directory an earlier worker of this name noted and, killed, could not remove itself. */
static void remove_old_tmp(const char *note)
{
    char path[SP_FS_PATH_BYTES];
    size_t n = 0;
    struct stat st;
    if (sp_fs_read_into(note, path, sizeof path - 1, SP_FS_OWNED, &n, NULL) != SP_OK)
        return;
    path[n] = '\0';
    if (strstr(path, "/" TMP_NAME) != NULL && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
        (void)nftw(path, remove_entry, TMP_DEPTH, FTW_DEPTH | FTW_PHYS);
}

/* Effect: a directory of our own that the plugins' user can reach, in self->tmp. */
static bool make_tmp(struct exec *self, const char *base, char *why)
{
    if (base[0] == '\0')
        base = "/tmp";
    if (sp_fs_join(self->note, sizeof self->note, self->host->state_dir, "exec.tmp") == SP_OK)
        remove_old_tmp(self->note);
    int n = snprintf(self->tmp, sizeof self->tmp, "%s/" TMP_NAME "XXXXXX", base);
    if (n < 0 || (size_t)n >= sizeof self->tmp || mkdtemp(self->tmp) == NULL || chmod(self->tmp, 0711) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no private directory for plugins can be made below %.150s", base);
        self->tmp[0] = '\0';
        return false;
    }
    if (sp_fs_write(self->note, self->tmp, (size_t)n, 0600, NULL) != SP_OK)
        self->host->log(self->host->self, 'w', "exec: the plugins' directory cannot be noted; if this worker is killed it stays");
    return true;
}

static bool open_pool(struct exec *self, const struct sp_param_value *v, char *why)
{
    const struct sp_adapter_host *host = self->host;
    char program[SP_FS_PATH_BYTES];
    char keys[SP_FS_PATH_BYTES];
    struct exec_pool_options o = {.program = program,
                                  .helpers = (uint32_t)v[S_HELPERS].num,
                                  .slots = (uint32_t)v[S_HELPER_SLOTS].num,
                                  .runs_max = host->slots + (uint32_t)v[S_RESIDENT_MAX].num + 1,
                                  .tmp = self->tmp,
                                  .hide = {keys, host->state_dir, host->run_dir},
                                  .cgroup = v[S_CGROUP].str,
                                  .memory_mb = (uint32_t)v[S_MEMORY].num,
                                  .processes = (uint32_t)v[S_PROCESSES].num};
    /* Another user is kept out of keys and state by their modes. Our own has to be kept out by Landlock, which costs that entries
     * made later beside the hidden places cannot be read. */
    if (geteuid() == 0)
        o.hide[0] = NULL;
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "a path is too long");
    if (sp_fs_join(program, sizeof program, host->libexec_dir, "spice-exec") != SP_OK ||
        sp_fs_join(keys, sizeof keys, host->prefix, "keys") != SP_OK)
        return false;
    return find_user(v[S_PLUGIN_USER].str, &o, why) && exec_pool_new(host, &o, &self->pool, why);
}

static void exec_fini(void *instance)
{
    struct exec *self = instance;
    exec_resident_destroy(&self->resident);
    exec_pool_destroy(&self->pool);
    exec_plugins_fini(&self->plugins);
    if (self->tmp[0] != '\0') {
        (void)rmdir(self->tmp);
        (void)unlink(self->note);
    }
    sp_buf_fini(&self->json);
    free(self->slot);
    free(self);
}

static bool exec_init(const struct sp_adapter_host *host, const struct sp_param_value *v, void **instance, char *why)
{
    struct exec *self = calloc(1, sizeof *self);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory");
    if (self == NULL)
        return false;
    self->host = host;
    sp_buf_init(&self->json, ARGS_JSON_MAX);
    self->slot = calloc(host->slots, sizeof *self->slot);
    bool ok =
        self->slot != NULL && read_plugin_settings(self, v, why) && make_tmp(self, v[S_TMP].str, why) && open_pool(self, v, why);
    if (ok) {
        self->resident = exec_resident_new(host, self->pool, (uint32_t)v[S_RESIDENT_MAX].num + 1, host->slots);
        ok = self->resident != NULL;
    }
    if (!ok) {
        exec_fini(self);
        return false;
    }
    for (uint32_t i = 0; i < host->slots; i++) {
        struct slot *s = &self->slot[i];
        s->owner = self;
        s->run.done = on_run_done;
        s->run.arg = s;
        s->ask.done = on_answer;
        s->ask.arg = s;
    }
    *instance = self;
    return true;
}

const struct sp_adapter adapter_exec = {
    .name = "exec",
    .summary = "runs a plugin: exit status 0, 1, 2, 3 and one line of text with measures",
    .needs = "spice-exec; signed manifests of the plugins; a user of their own for plugins when started as root",
    .params = params,
    .params_count = SP_COUNT(params),
    .settings = settings_table,
    .settings_count = SP_COUNT(settings_table),
    .init = exec_init,
    .fini = exec_fini,
    .compile = exec_compile,
    .release = exec_release,
    .start = exec_start,
    .cancel = exec_cancel,
    .turn = exec_turn,
};
