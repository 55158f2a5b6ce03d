/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_output.h"
#include "exec_pool.h"
#include "exec_resident.h"
#include "exec_rig.h"
#include "exec_value.h"
#include "sp_clock.h"
#include "sp_hex.h"

#define QUESTIONS  8u /* asked at once of a resident plugin */
#define SLACK_MS   3000u
#define JSON_MAX   65536u
#define TINY_MS    1u
#define TEXT_SHOWN 200

/* What became of one run. */
struct trial {
    bool done;
    struct exec_result result;
    uint32_t output_bytes;
    char output[EXEC_OUTPUT_MAX];
};

struct verify {
    const struct exec_verify_options *o;
    struct exec_verify_finding *finding;
    uint32_t *count;
    struct exec_rig rig;
    struct exec_plugins plugins;
    struct exec_plugin *plugin;
    struct exec_plugin other; /* the same plugin with other rights */
    struct exec_pool *pool;
    struct exec_resident *resident;
    char tmp[64];
    char log[512]; /* last line of the helpers */
    struct trial trial;
    struct exec_output read;
    uint32_t answers, gone, strange;
};

static void find(struct verify *v, enum exec_verify_level level, const char *name, const char *format, ...) SP_PRINTF(4, 5);
static void find(struct verify *v, enum exec_verify_level level, const char *name, const char *format, ...)
{
    va_list list;
    if (*v->count == EXEC_VERIFY_FINDINGS_MAX)
        return;
    struct exec_verify_finding *f = &v->finding[(*v->count)++];
    f->level = level;
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    va_start(list, format);
    (void)vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
}

const char *exec_verify_level_name(enum exec_verify_level level)
{
    static const char *const names[] = {"ok", "note", "bad"};
    return names[level];
}

static void on_done(struct exec_pool_run *run, const struct exec_result *result, const char *output)
{
    struct trial *t = run->arg;
    t->done = true;
    t->result = *result;
    t->output_bytes = result->output_bytes;
    memcpy(t->output, output, result->output_bytes);
}

static void on_log(void *arg, char level, const char *text)
{
    struct verify *v = arg;
    (void)level;
    (void)snprintf(v->log, sizeof v->log, "%s", text);
}

/* Effect: one run into v->trial. False: no result in time. */
static bool try_run(struct verify *v, const struct exec_plugin *plugin, uint32_t timeout_ms, uint32_t output_max, uint16_t flags)
{
    struct exec_pool_run run = {.done = on_done, .arg = &v->trial};
    uint64_t now_us = v->rig.host.now_us(&v->rig);
    const struct exec_pool_order order = {.plugin = plugin,
                                          .args = v->o->args,
                                          .args_count = v->o->args_count,
                                          .deadline_us = now_us + timeout_ms * 1000ull,
                                          .output_max = output_max,
                                          .flags = flags};
    memset(&v->trial, 0, sizeof v->trial);
    if (!exec_pool_start(v->pool, &run, &order))
        return false;
    exec_pool_flush(v->pool);
    while (!v->trial.done && v->rig.host.now_us(&v->rig) < now_us + (timeout_ms + SLACK_MS) * 1000ull)
        exec_rig_turn(&v->rig, 50);
    exec_pool_cancel(v->pool, &run);
    return v->trial.done;
}

/* Lends a description of v->trial. */
static const char *told(struct verify *v)
{
    static char text[512];
    const struct exec_result *r = &v->trial.result;
    switch (r->end) {
    case EXEC_END_EXIT:
        exec_output_read(v->trial.output, v->trial.output_bytes, &v->read);
        (void)snprintf(text, sizeof text, "status %d, \"%.*s\"", r->code, TEXT_SHOWN, v->read.detail);
        break;
    case EXEC_END_SIGNAL:
        (void)snprintf(text, sizeof text, "ended by signal %d (%s)", r->code, exec_value_signal(r->code));
        break;
    case EXEC_END_DEADLINE:
        return "did not end in its time";
    case EXEC_END_OUTPUT:
        return "printed more than it may";
    case EXEC_END_SPAWN:
        (void)snprintf(text, sizeof text, "cannot be started: %s", strerror(r->code));
        break;
    default:
        (void)snprintf(text, sizeof text, "the spawn helper ended: %.300s", v->log);
        break;
    }
    return text;
}

static bool kept_contract(const struct trial *t)
{
    return t->done && t->result.end == EXEC_END_EXIT && t->result.code >= 0 && t->result.code <= 3;
}

/* ---- the situations ---- */

static bool check_signed(struct verify *v)
{
    struct exec_plugin *p = v->plugin;
    if (p->generation == 0) {
        find(v, EXEC_VERIFY_BAD, "signed", "%s", p->why);
        return false;
    }
    const struct manifest *m = &p->manifest;
    if (!p->has_signature)
        find(v, EXEC_VERIFY_NOTE, "signed", "no signed manifest: workers that want one refuse it (spicectl manifest sign)");
    else
        find(v, EXEC_VERIFY_OK, "signed", "manifest signed; network %s, resident %s, output at most %u bytes",
             m->network ? "yes" : "no", m->resident ? "yes" : "no", m->max_output);
    if (!manifest_allows(m, v->o->args, v->o->args_count)) {
        find(v, EXEC_VERIFY_BAD, "arguments", "the manifest does not allow these arguments");
        return false;
    }
    return true;
}

static bool check_run(struct verify *v, int *code)
{
    if (!try_run(v, v->plugin, v->o->timeout_ms, 0, 0)) {
        find(v, EXEC_VERIFY_BAD, "run", "no result: %s", v->log);
        return false;
    }
    const struct trial *t = &v->trial;
    if (!kept_contract(t)) {
        find(v, EXEC_VERIFY_BAD, "run", "%s; a status is 0 pass, 1 warn, 2 fail, 3 not known", told(v));
        return false;
    }
    *code = t->result.code;
    (void)told(v);
    enum exec_verify_level level = v->read.detail[0] == '\0' || *code == 3 ? EXEC_VERIFY_NOTE : EXEC_VERIFY_OK;
    find(v, level, "run", "status %d in %.1f ms (%.1f ms of CPU): %.*s", *code, t->result.wall_us / 1e3, t->result.cpu_us / 1e3,
         TEXT_SHOWN, v->read.detail[0] != '\0' ? v->read.detail : "it printed nothing");
    if (v->read.measures_bad > 0)
        find(v, EXEC_VERIFY_NOTE, "measures", "%u measures cannot be read and are left out; read: %.*s", v->read.measures_bad,
             TEXT_SHOWN, v->read.measures);
    else
        find(v, EXEC_VERIFY_OK, "measures", "%u: %.*s", v->read.measures_count, TEXT_SHOWN, v->read.measures);
    if (t->result.left_behind)
        find(v, EXEC_VERIFY_NOTE, "left", "something it started outlived it and was killed");
    if (t->output_bytes > v->plugin->manifest.max_output / 2)
        find(v, EXEC_VERIFY_NOTE, "output", "%u bytes of %u allowed: more is an error, not a shorter answer", t->output_bytes,
             v->plugin->manifest.max_output);
    return true;
}

static void check_variants(struct verify *v, int code)
{
    if (try_run(v, v->plugin, v->o->timeout_ms, 0, 0) && kept_contract(&v->trial) && v->trial.result.code == code)
        find(v, EXEC_VERIFY_OK, "repeat", "the same status again");
    else
        find(v, EXEC_VERIFY_NOTE, "repeat", "a second run ended differently: %s", told(v));
    if (try_run(v, v->plugin, v->o->timeout_ms, 0, EXEC_SPAWN_CLOSED_STDIN) && kept_contract(&v->trial) &&
        v->trial.result.code == code)
        find(v, EXEC_VERIFY_OK, "input", "runs with its input closed");
    else
        find(v, EXEC_VERIFY_NOTE, "input", "with its input closed: %s", told(v));
    if (!try_run(v, v->plugin, TINY_MS, 0, 0))
        find(v, EXEC_VERIFY_BAD, "time", "could not be stopped");
    else
        find(v, EXEC_VERIFY_OK, "time", "with no time: %s", told(v));
    if (!try_run(v, v->plugin, v->o->timeout_ms, 1, 0))
        find(v, EXEC_VERIFY_BAD, "output", "could not be stopped when it printed too much");
    else if (v->trial.result.end == EXEC_END_OUTPUT)
        find(v, EXEC_VERIFY_OK, "output", "stopped when it printed more than allowed");
}

static void check_network(struct verify *v, int code)
{
    if (!v->plugin->manifest.network) {
        find(v, EXEC_VERIFY_OK, "network", "declares none and gets none");
        return;
    }
    v->other = *v->plugin;
    v->other.manifest.network = false;
    if (try_run(v, &v->other, v->o->timeout_ms, 0, 0) && kept_contract(&v->trial) && v->trial.result.code == 0 && code == 0)
        find(v, EXEC_VERIFY_NOTE, "network", "passes without network as well: sign it without the right to it");
    else
        find(v, EXEC_VERIFY_OK, "network", "does not pass without network: %s", told(v));
}

static void on_answer(struct exec_resident_ask *ask, enum exec_resident_end end, int code, struct sp_str text)
{
    struct verify *v = ask->arg;
    if (end == EXEC_RESIDENT_GONE) {
        v->gone++;
        return;
    }
    v->answers++;
    v->strange += code > 3 ? 1 : 0;
    exec_output_read(text.p, text.n, &v->read);
}

static void check_resident(struct verify *v)
{
    struct exec_resident_ask asks[QUESTIONS];
    struct sp_buf json;
    uint64_t until = v->rig.host.now_us(&v->rig) + (v->o->timeout_ms + SLACK_MS) * 1000ull;
    memset(asks, 0, sizeof asks);
    sp_buf_init(&json, JSON_MAX);
    exec_value_list(v->o->args, v->o->args_count, &json);
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        asks[i].done = on_answer;
        asks[i].arg = v;
        const struct exec_resident_question q = {v->plugin, i, v->o->timeout_ms, v->o->node, v->o->address, sp_buf_view(&json)};
        if (!exec_resident_ask(v->resident, &asks[i], &q))
            v->gone++;
    }
    exec_resident_flush(v->resident);
    while (v->answers + v->gone < QUESTIONS && v->rig.host.now_us(&v->rig) < until)
        exec_rig_turn(&v->rig, 50);
    for (uint32_t i = 0; i < QUESTIONS; i++)
        exec_resident_cancel(v->resident, &asks[i], false);
    sp_buf_fini(&json);
    struct exec_resident_numbers n = exec_resident_numbers(v->resident);
    if (v->answers == QUESTIONS && v->strange == 0 && n.malformed == 0 && n.unknown == 0)
        find(v, EXEC_VERIFY_OK, "resident", "%u questions at once, %u answers: %.*s", QUESTIONS, v->answers, TEXT_SHOWN,
             v->read.detail);
    else
        find(v, EXEC_VERIFY_BAD, "resident",
             "%u questions at once: %u answers, %u with a strange code, %u malformed lines, %u answers nobody asked for", QUESTIONS,
             v->answers, v->strange, (unsigned)n.malformed, (unsigned)n.unknown);
}

/* ---- set-up ---- */

static enum sp_rc open_all(struct verify *v, struct sp_err *err)
{
    const struct exec_verify_options *o = v->o;
    char program[SP_FS_PATH_BYTES];
    char why[SP_ADAPTER_WHY_MAX];
    for (uint32_t i = 0; o->dirs[i] != NULL; i++)
        if (v->plugins.dirs == EXEC_PLUGIN_DIRS_MAX ||
            !sp_str_copy(v->plugins.dir[v->plugins.dirs++], SP_FS_PATH_BYTES, sp_str_of(o->dirs[i])))
            return sp_err_set(err, SP_E_LIMIT, o->dirs[i], "too many directories, or too long a path");
    for (uint32_t i = 0; o->keys != NULL && o->keys[i] != NULL; i++) {
        enum sp_rc rc = manifest_keys_add(&v->plugins.keys, sp_str_of(o->keys[i]), err);
        if (rc != SP_OK)
            return rc;
    }
    v->plugins.required = o->required;
    (void)snprintf(v->tmp, sizeof v->tmp, "/tmp/spice-verify-XXXXXX");
    if (mkdtemp(v->tmp) == NULL || chmod(v->tmp, 0711) != 0)
        return sp_err_set(err, SP_E_IO, "/tmp", "no directory for the plugin can be made");
    if (!exec_rig_init(&v->rig, QUESTIONS, v->tmp, o->libexec_dir))
        return sp_err_set(err, SP_E_IO, o->plugin, "no event loop");
    v->rig.on_log = on_log;
    v->rig.arg = v;
    struct exec_pool_options pool = {.program = program,
                                     .helpers = 1,
                                     .slots = QUESTIONS,
                                     .runs_max = 2 * QUESTIONS,
                                     .uid = o->uid,
                                     .gid = o->gid,
                                     .tmp = v->tmp,
                                     .hide = {NULL},
                                     .memory_mb = EXEC_MEMORY_MB};
    if (sp_fs_join(program, sizeof program, o->libexec_dir, "spice-exec") != SP_OK ||
        !exec_pool_new(&v->rig.host, &pool, &v->pool, why))
        return sp_err_set(err, SP_E_IO, "spice-exec", "%s", why);
    v->resident = exec_resident_new(&v->rig.host, v->pool, 1, QUESTIONS);
    if (v->resident == NULL)
        return sp_err_set(err, SP_E_NOMEM, o->plugin, "no memory");
    v->plugin = exec_plugins_get(&v->plugins, o->plugin, v->rig.host.now_us(&v->rig));
    if (v->plugin == NULL)
        return sp_err_set(err, SP_E_INVALID, o->plugin, "a name is letters, digits and . _ -");
    return SP_OK;
}

enum sp_rc exec_verify_run(const struct exec_verify_options *o, struct exec_verify_finding *findings, uint32_t *count,
                           struct sp_err *err)
{
    int code = 0;
    struct verify *v = calloc(1, sizeof *v);
    *count = 0;
    if (v == NULL)
        return sp_err_set(err, SP_E_NOMEM, o->plugin, "no memory");
    v->o = o;
    v->finding = findings;
    v->count = count;
    v->rig.epoll_fd = -1;
    enum sp_rc rc = open_all(v, err);
    if (rc == SP_OK && check_signed(v)) {
        if (v->plugin->manifest.resident)
            check_resident(v);
        else if (check_run(v, &code)) {
            check_variants(v, code);
            check_network(v, code);
        }
    }
    exec_resident_destroy(&v->resident);
    exec_pool_destroy(&v->pool);
    exec_plugins_fini(&v->plugins);
    exec_rig_fini(&v->rig);
    if (v->tmp[0] != '\0')
        (void)rmdir(v->tmp);
    free(v);
    return rc;
}
