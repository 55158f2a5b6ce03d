/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "sp_conf_table.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "sp_log.h"

/* ---- paths ---- */

/* "DIR/spice.yaml" -> "DIR" */
static struct sp_str directory_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    if (slash == NULL) {
        return sp_str_of(".");
    }
    return slash == file ? sp_str_of("/") : sp_str_bytes(file, (size_t)(slash - file));
}

static enum sp_rc too_long(const char *file, const char *what, struct sp_err *err)
{
    return sp_err_set(err, SP_E_LIMIT, file, "%s: path is too long (at most %u characters)", what, SP_FS_PATH_BYTES - 1);
}

/* Makes the prefix absolute, so that it does not depend on where a program is started. */
static enum sp_rc resolve_prefix(struct sp_conf *c, const char *prefix, struct sp_err *err)
{
    char joined[SP_FS_PATH_BYTES];
    char base[SP_FS_PATH_BYTES];
    (void)sp_str_copy(base, sizeof base, prefix != NULL ? sp_str_of(".") : directory_of(c->file));
    if (sp_fs_join(joined, sizeof joined, base, prefix != NULL ? prefix : c->prefix) != SP_OK) {
        return too_long(c->file, "prefix", err);
    }
    char *real = realpath(joined, NULL);
    bool fits = sp_str_copy(c->prefix, sizeof c->prefix, sp_str_of(real != NULL ? real : joined));
    free(real);
    return fits ? SP_OK : too_long(c->file, "prefix", err);
}

static enum sp_rc resolve(struct sp_conf *c, const char *what, char path[SP_FS_PATH_BYTES], struct sp_err *err)
{
    char joined[SP_FS_PATH_BYTES];
    if (path[0] == '\0') {
        return SP_OK;
    }
    if (sp_fs_join(joined, sizeof joined, c->prefix, path) != SP_OK) {
        return too_long(c->file, what, err);
    }
    memcpy(path, joined, sizeof joined);
    return SP_OK;
}

static enum sp_rc resolve_worker(struct sp_conf *c, struct sp_conf_worker *w, struct sp_err *err)
{
    enum sp_rc rc = resolve(c, "worker.manifest_dir", w->manifest_dir, err);
    rc = rc == SP_OK ? resolve(c, "worker.spool", w->spool, err) : rc;
    rc = rc == SP_OK ? resolve(c, "worker.libexec", w->libexec, err) : rc;
    for (uint32_t i = 0; rc == SP_OK && i < w->plugin_dir_count; i++) {
        rc = resolve(c, "worker.plugin_dirs", w->plugin_dirs[i], err);
    }
    return rc;
}

static enum sp_rc resolve_all(struct sp_conf *c, const char *prefix, struct sp_err *err)
{
    const struct {
        const char *what;
        char *path;
    } rows[] = {
        {"principals", c->principals},
        {"keys", c->keys},
        {"state", c->state},
        {"run", c->run},
        {"broker.principals_cache", c->broker.principals_cache},
        {"scheduler.store", c->scheduler.store},
        {"keeper.store", c->keeper.store},
        {"keeper.audit_export", c->keeper.audit_export},
        {"keeper.nodes_file", c->keeper.nodes_file},
        {"bridge.transport_url_file", c->bridge.transport_url_file},
        {"bridge.store", c->bridge.store},
        {"bridge.ssl_ca_file", c->bridge.ssl_ca_file},
        {"bridge.ssl_cert_file", c->bridge.ssl_cert_file},
        {"bridge.ssl_key_file", c->bridge.ssl_key_file},
        {"bridge.placement.ca_file", c->bridge.placement.ca_file},
        {"bridge.placement.secret_file", c->bridge.placement.login.secret_file},
        {"bridge.compute.ca_file", c->bridge.compute.ca_file},
        {"bridge.compute.secret_file", c->bridge.compute.login.secret_file},
        {"attester.boot_log", c->attester.boot_log},
        {"attester.ima_log", c->attester.ima_log},
    };
    enum sp_rc rc = resolve_prefix(c, prefix, err);
    for (size_t i = 0; rc == SP_OK && i < SP_COUNT(rows); i++) {
        rc = resolve(c, rows[i].what, rows[i].path, err);
    }
    rc = rc == SP_OK ? resolve_worker(c, &c->worker, err) : rc;
    for (uint32_t i = 0; rc == SP_OK && i < c->worker_count; i++) {
        rc = resolve_worker(c, &c->workers[i], err);
    }
    return rc;
}

/* ---- endpoints ---- */

static enum sp_rc bad_endpoint(const struct sp_conf *c, const char *text, const char *why, struct sp_err *err)
{
    (void)sp_err_set(err, SP_E_INVALID, c->file, "brokers: endpoint '%.100s' %s", text, why);
    sp_err_hint(err, "write ipc://run/NAME.sock or tcp://HOST:PORT");
    return SP_E_INVALID;
}

static enum sp_rc resolve_ipc(const struct sp_conf *c, char text[SP_CONF_ENDPOINT_BYTES], struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    const char *name = text + strlen("ipc://");
    if (name[0] == '\0' || name[0] == '@') {
        return bad_endpoint(c, text, "names no file (abstract sockets have no permissions)", err);
    }
    if (sp_fs_join(path, sizeof path, c->prefix, name) != SP_OK || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return bad_endpoint(c, text, "is too long with its prefix: a socket's path has at most 107 characters", err);
    }
    (void)snprintf(text, SP_CONF_ENDPOINT_BYTES, "ipc://%.*s", (int)SP_CONF_ENDPOINT_BYTES - 8, path);
    return SP_OK;
}

static enum sp_rc check_tcp(const struct sp_conf *c, const char *text, bool listen, struct sp_err *err)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    uint64_t port = 0;
    if (colon == NULL || colon == host) {
        return bad_endpoint(c, text, "lacks host or port", err);
    }
    bool any_port = listen && strcmp(colon + 1, "*") == 0;
    if (!any_port && (!sp_str_u64(sp_str_of(colon + 1), 65535, &port) || port == 0)) {
        return bad_endpoint(c, text, "has no port from 1 to 65535", err);
    }
    if (!listen && host[0] == '*') {
        return bad_endpoint(c, text, "is for clients and must name a host; '*' is for bind", err);
    }
    return SP_OK;
}

static enum sp_rc resolve_endpoint(const struct sp_conf *c, char text[SP_CONF_ENDPOINT_BYTES], bool listen, struct sp_err *err)
{
    if (strncmp(text, "ipc://", 6) == 0) {
        return resolve_ipc(c, text, err);
    }
    if (strncmp(text, "tcp://", 6) == 0) {
        return check_tcp(c, text, listen, err);
    }
    return bad_endpoint(c, text, "has a transport that is not used here", err);
}

static enum sp_rc resolve_links(struct sp_conf *c, struct sp_err *err)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; rc == SP_OK && i < c->broker_count; i++) {
        struct sp_conf_link *l = &c->brokers[i];
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(c->brokers[j].name, l->name) == 0) {
                return sp_err_set(err, SP_E_INVALID, c->file, "brokers: '%s' is there twice", l->name);
            }
        }
        for (uint32_t e = 0; rc == SP_OK && e < l->endpoint_count; e++) {
            rc = resolve_endpoint(c, l->endpoints[e], false, err);
        }
        for (uint32_t e = 0; rc == SP_OK && e < l->bind_count; e++) {
            rc = resolve_endpoint(c, l->bind[e], true, err);
        }
    }
    return rc;
}

/* ---- values that must agree ---- */

static enum sp_rc contradiction(const struct sp_conf *c, const char *text, struct sp_err *err)
{
    return sp_err_set(err, SP_E_INVALID, c->file, "%s", text);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

static enum sp_rc check_agreement(const struct sp_conf *c, struct sp_err *err)
{
    if (is_zero(c->deployment, sizeof c->deployment)) {
        return contradiction(c, "deployment: all zeros is no id; spicectl init draws one", err);
    }
    if (c->bus.lost_ms < 2 * c->bus.heartbeat_ms) {
        return contradiction(c, "bus.lost must be at least twice bus.heartbeat, or every hiccup is a loss", err);
    }
    if (c->bus.reconnect_max_ms < c->bus.reconnect_ms) {
        return contradiction(c, "bus.reconnect_max is less than bus.reconnect", err);
    }
    if (c->keeper.clock_idle_ms < c->keeper.clock_ms) {
        return contradiction(c, "keeper.clock_idle is less than keeper.clock", err);
    }
    if (c->scheduler.clock_lost_ms < 2 * c->keeper.clock_idle_ms) {
        return contradiction(c, "scheduler.clock_lost must be at least twice keeper.clock_idle, or an idle fleet stops", err);
    }
    return SP_OK;
}

/* ---- workers ---- */

static enum sp_rc check_manifest_keys(const struct sp_conf *c, const struct sp_conf_worker *w, struct sp_err *err)
{
    uint8_t key[32];
    for (uint32_t i = 0; i < w->manifest_key_count; i++) {
        if (!sp_hex_parse(sp_str_of(w->manifest_keys[i]), key, sizeof key) || !sp_crypto_public_ok(key)) {
            return sp_err_set(err, SP_E_INVALID, c->file, "worker.manifest_keys: '%s' is no Ed25519 public key (64 hex digits)",
                              w->manifest_keys[i]);
        }
    }
    return SP_OK;
}

/* Rows of workers: begin as copies of the section worker; what the row says goes on top. */
static enum sp_rc complete_workers(struct sp_conf *c, const struct sp_yaml_node *root, struct sp_err *err)
{
    const struct sp_yaml_node *list = sp_yaml_find(root, "workers");
    enum sp_rc rc = check_manifest_keys(c, &c->worker, err);
    uint32_t i = 0;
    for (const struct sp_yaml_node *n = list != NULL ? list->first : NULL; rc == SP_OK && n != NULL; n = n->next, i++) {
        c->workers[i] = c->worker;
        rc = sp_bind_over(&sp_conf_table_workers, c->file, n, &c->workers[i], err);
        rc = rc == SP_OK ? check_manifest_keys(c, &c->workers[i], err) : rc;
        for (uint32_t j = 0; rc == SP_OK && j < i; j++) {
            if (strcmp(c->workers[j].name, c->workers[i].name) == 0) {
                rc = sp_yaml_error(err, SP_E_INVALID, c->file, n, "worker '%s' is there twice", c->workers[i].name);
            }
        }
    }
    return rc;
}

/* ---- loading ---- */

static enum sp_rc apply_levels(const char *text, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(text);
    struct sp_str word;
    while (sp_str_next(&rest, ',', &word)) {
        enum sp_log_level level;
        char sub[24];
        const char *equals = memchr(word.p, '=', word.n);
        struct sp_str name = sp_str_bytes(word.p, equals != NULL ? (size_t)(equals - word.p) : 0);
        struct sp_str value = equals != NULL ? sp_str_bytes(equals + 1, (size_t)(word.p + word.n - equals - 1)) : word;
        if (!sp_log_level_parse(value, &level)) {
            (void)sp_err_set(err, SP_E_INVALID, "log", "'%.*s' is no level", (int)(value.n > 40 ? 40 : value.n), value.p);
            sp_err_hint(err, "error, warning, notice, info or debug; for one subsystem SUB=LEVEL");
            return SP_E_INVALID;
        }
        if (!sp_str_copy(sub, sizeof sub, name) || !sp_log_level_set(equals != NULL ? sub : NULL, level)) {
            return sp_err_set(err, SP_E_LIMIT, "log", "name of a subsystem is too long, or there are too many");
        }
    }
    return SP_OK;
}

static enum sp_rc check_levels(const struct sp_conf *c, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(c->log.subs);
    struct sp_str word;
    while (sp_str_next(&rest, ',', &word)) {
        enum sp_log_level level;
        const char *equals = memchr(word.p, '=', word.n);
        if (equals == NULL || !sp_log_level_parse(sp_str_bytes(equals + 1, (size_t)(word.p + word.n - equals - 1)), &level)) {
            return contradiction(c, "log.subs: write SUB=LEVEL,SUB=LEVEL with error, warning, notice, info or debug", err);
        }
    }
    return SP_OK;
}

static enum sp_rc fill(struct sp_conf *c, const char *prefix, struct sp_err *err)
{
    char file[SP_FS_PATH_BYTES];
    struct sp_yaml *doc = c->doc;
    const struct sp_yaml_node *root = sp_yaml_count(doc) > 0 ? sp_yaml_root(doc, 0) : NULL;
    memcpy(file, c->file, sizeof file);
    enum sp_rc rc = sp_bind(&sp_conf_table, file, root, c, err); /* zeroes c first */
    memcpy(c->file, file, sizeof file);
    c->doc = doc;
    rc = rc == SP_OK ? complete_workers(c, root, err) : rc;
    rc = rc == SP_OK ? resolve_all(c, prefix, err) : rc;
    rc = rc == SP_OK ? resolve_links(c, err) : rc;
    rc = rc == SP_OK ? check_agreement(c, err) : rc;
    return rc == SP_OK ? check_levels(c, err) : rc;
}

/* Takes *doc. */
static enum sp_rc from_doc(const char *file, struct sp_yaml **doc, const char *prefix, struct sp_conf **out, struct sp_err *err)
{
    struct sp_conf *c = calloc(1, sizeof *c);
    if (c == NULL || !sp_str_copy(c->file, sizeof c->file, sp_str_of(file))) {
        free(c);
        sp_yaml_destroy(doc);
        return sp_err_set(err, SP_E_NOMEM, file, "no memory, or the path is too long");
    }
    c->doc = *doc;
    *doc = NULL;
    enum sp_rc rc = fill(c, prefix, err);
    if (rc != SP_OK) {
        sp_conf_destroy(&c);
        return rc;
    }
    *out = c;
    return SP_OK;
}

enum sp_rc sp_conf_parse(const char *file, struct sp_str text, const char *prefix, struct sp_conf **out, struct sp_err *err)
{
    struct sp_yaml *doc = NULL;
    enum sp_rc rc = sp_yaml_parse(file, text, SP_YAML_LIMITS_CONF, &doc, err);
    return rc == SP_OK ? from_doc(file, &doc, prefix, out, err) : rc;
}

enum sp_rc sp_conf_load(const char *path, const char *prefix, struct sp_conf **out, struct sp_err *err)
{
    struct sp_yaml *doc = NULL;
    enum sp_rc rc = sp_yaml_load(path, SP_FS_OWNED, SP_YAML_LIMITS_CONF, &doc, err);
    if (rc == SP_E_NOT_FOUND) {
        sp_err_hint(err, "spicectl init makes one; --config says where it is");
    }
    return rc == SP_OK ? from_doc(path, &doc, prefix, out, err) : rc;
}

void sp_conf_destroy(struct sp_conf **conf)
{
    if (*conf != NULL) {
        sp_yaml_destroy(&(*conf)->doc);
        free(*conf);
        *conf = NULL;
    }
}

void sp_conf_print(const struct sp_conf *c, struct sp_buf *b)
{
    sp_bind_print(&sp_conf_table, c, 0, b);
}

void sp_conf_describe(struct sp_buf *b)
{
    sp_bind_describe(&sp_conf_table, "", b);
    sp_bind_describe(&sp_conf_table_principals, "", b);
}

enum sp_rc sp_conf_path(const struct sp_conf *c, const char *relative, char *to, size_t size)
{
    return sp_fs_join(to, size, c->prefix, relative);
}

enum sp_rc sp_conf_key_path(const struct sp_conf *c, const char *name, char *to, size_t size)
{
    int n = snprintf(to, size, "%s/%s.key", c->keys, name);
    return n < 0 || (size_t)n >= size ? SP_E_LIMIT : SP_OK;
}

const struct sp_conf_worker *sp_conf_worker_for(const struct sp_conf *c, const char *name)
{
    for (uint32_t i = 0; i < c->worker_count; i++) {
        if (strcmp(c->workers[i].name, name) == 0) {
            return &c->workers[i];
        }
    }
    return &c->worker;
}

const struct sp_conf_link *sp_conf_link_for(const struct sp_conf *c, const char *name)
{
    for (uint32_t i = 0; i < c->broker_count; i++) {
        if (strcmp(c->brokers[i].name, name) == 0) {
            return &c->brokers[i];
        }
    }
    return NULL;
}

enum sp_rc sp_conf_log_apply(const struct sp_conf *c, const char *option, struct sp_err *err)
{
    (void)sp_log_level_set(NULL, (enum sp_log_level)c->log.level);
    enum sp_rc rc = apply_levels(c->log.subs, err);
    return rc == SP_OK && option != NULL ? apply_levels(option, err) : rc;
}
