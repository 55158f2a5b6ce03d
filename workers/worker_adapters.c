/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_adapters.h"

#include <stdio.h>
#include <string.h>

#include "sp_log.h"

SP_STATIC_ASSERT(WORKER_ADAPTERS_ROWS *(SP_ADAPTER_NAME_MAX + 1) > 512, "more adapters than Hello can name are refused at start");

static void put_texts(struct sp_buf *b, const char *texts, size_t stride, uint32_t count)
{
    sp_buf_text(b, "[");
    for (uint32_t i = 0; i < count; i++) {
        sp_buf_text(b, i > 0 ? "," : "");
        sp_yaml_json_string(sp_str_of(texts + i * stride), b);
    }
    sp_buf_text(b, "]");
}

/* Keys of the worker's section that an adapter may ask for by naming them in its settings table. False: there is no such key. */
static bool put_section_key(const struct sp_conf_worker *c, const char *key, struct sp_buf *b)
{
    const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {{"slots", c->slots},
                   {"resident_max", c->resident_max},
                   {"output_bytes", c->output_bytes},
                   {"plugin_memory_mb", c->plugin_memory_mb},
                   {"plugin_processes", c->plugin_processes}};
    for (size_t i = 0; i < SP_COUNT(numbers); i++) {
        if (strcmp(key, numbers[i].name) == 0) {
            sp_buf_format(b, "%u", (unsigned)numbers[i].value);
            return true;
        }
    }
    if (strcmp(key, "plugin_dirs") == 0) {
        put_texts(b, c->plugin_dirs[0], sizeof c->plugin_dirs[0], c->plugin_dir_count);
    } else if (strcmp(key, "manifest_keys") == 0) {
        put_texts(b, c->manifest_keys[0], sizeof c->manifest_keys[0], c->manifest_key_count);
    } else if (strcmp(key, "manifest_required") == 0) {
        sp_buf_text(b, c->manifest_required ? "true" : "false");
    } else if (strcmp(key, "plugin_user") == 0 && c->plugin_user[0] != '\0') {
        sp_yaml_json_string(sp_str_of(c->plugin_user), b);
    } else if (strcmp(key, "manifest_dir") == 0 && c->manifest_dir[0] != '\0') {
        sp_yaml_json_string(sp_str_of(c->manifest_dir), b);
    } else {
        return false;
    }
    return true;
}

/* Settings of one adapter as JSON: what its own map says, and for the other rows of its table the worker's section. */
static void settings_json(const struct sp_adapter *a, const struct sp_conf_worker *conf, struct sp_buf *b)
{
    const struct sp_yaml_node *own = sp_yaml_find(conf->settings, a->name);
    const char *between = "";
    sp_buf_text(b, "{");
    for (const struct sp_yaml_node *n = own != NULL ? own->first : NULL; n != NULL; n = n->next) {
        sp_buf_text(b, between);
        sp_yaml_json_string(n->key, b);
        sp_buf_text(b, ":");
        sp_yaml_json(n, b);
        between = ",";
    }
    for (size_t i = 0; i < a->settings_count; i++) {
        size_t before = b->n;
        if (sp_yaml_find(own, a->settings[i].name) != NULL) {
            continue;
        }
        sp_buf_format(b, "%s\"%s\":", between, a->settings[i].name);
        if (put_section_key(conf, a->settings[i].name, b)) {
            between = ",";
        } else {
            b->n = before;
        }
    }
    sp_buf_text(b, "}");
}

static bool start(struct worker_adapter *row, const struct sp_adapter_host *host, const struct sp_conf_worker *conf, char *why)
{
    struct param_values settings = {0};
    struct sp_buf b;
    sp_buf_init(&b, WORKER_SETTINGS_BYTES);
    settings_json(row->adapter, conf, &b);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "settings are too long");
    bool ok = !b.failed && param_parse(row->adapter->settings, row->adapter->settings_count, sp_buf_view(&b), &settings, why) &&
              row->adapter->init(host, settings.row, &row->instance, why);
    param_fini(&settings);
    sp_buf_fini(&b);
    return ok;
}

static bool is_named(const char *names, const char *name)
{
    struct sp_str rest = sp_str_of(names);
    struct sp_str word;
    while (sp_str_next(&rest, ',', &word)) {
        if (sp_str_is(sp_str_trim(word), name)) {
            return true;
        }
    }
    return false;
}

static enum sp_rc refuse_unless_known(const struct sp_adapter *const *table, struct sp_str word, const char *where,
                                      struct sp_err *err)
{
    const char *words[WORKER_ADAPTERS_ROWS];
    size_t n = 0;
    for (; table[n] != NULL && n < WORKER_ADAPTERS_ROWS; n++) {
        words[n] = table[n]->name;
        if (sp_str_is(word, words[n])) {
            return SP_OK;
        }
    }
    const char *near = sp_str_nearest(word, words, n);
    enum sp_rc rc = sp_err_set(err, SP_E_INVALID, where, "no adapter \"%.*s\"", (int)word.n, word.p);
    if (near != NULL) {
        sp_err_hint(err, "did you mean %s?", near);
    }
    return rc;
}

/* The settings of one adapter against its table, whether this worker runs it or not. What comes from the worker's section has been looked at. */
static enum sp_rc refuse_values(const struct sp_adapter *a, const struct sp_conf_worker *conf, const struct sp_yaml_node *own,
                                struct sp_err *err)
{
    const char *words[SP_ADAPTER_PARAMS_MAX];
    char where[64], why[SP_ADAPTER_WHY_MAX];
    struct param_values values = {0};
    struct sp_buf b;
    enum sp_rc rc = SP_OK;
    sp_buf_init(&b, WORKER_SETTINGS_BYTES);
    settings_json(a, conf, &b);
    bool good = b.failed || param_parse(a->settings, a->settings_count, sp_buf_view(&b), &values, why);
    const struct sp_yaml_node *wrong = good ? NULL : sp_yaml_find(own, values.wrong);
    if (wrong != NULL) {
        bool known = false;
        for (size_t i = 0; i < a->settings_count; i++) {
            words[i] = a->settings[i].name;
            known = known || strcmp(words[i], values.wrong) == 0;
        }
        const char *near = known ? NULL : sp_str_nearest(wrong->key, words, a->settings_count);
        (void)snprintf(where, sizeof where, "worker.settings, line %u", (unsigned)wrong->key_line);
        rc = known ? sp_err_set(err, SP_E_INVALID, where, "settings of adapter %s: %s", a->name, why)
                   : sp_err_set(err, SP_E_INVALID, where, "adapter %s has no setting \"%s\"", a->name, values.wrong);
        if (near != NULL) {
            sp_err_hint(err, "did you mean %s?", near);
        }
    }
    param_fini(&values);
    sp_buf_fini(&b);
    return rc;
}

static const struct sp_adapter *find(const struct sp_adapter *const *table, struct sp_str name)
{
    while (*table != NULL && !sp_str_is(name, (*table)->name)) {
        table++;
    }
    return *table;
}

/* What is set for an adapter that nobody has, or by a name that it does not know, would be ignored in silence. */
static enum sp_rc refuse_settings(const struct sp_adapter *const *table, const struct sp_conf_worker *conf, struct sp_err *err)
{
    char where[64];
    enum sp_rc rc = SP_OK;
    const struct sp_yaml_node *settings = conf->settings;
    if (settings != NULL && settings->kind != SP_YAML_MAP) {
        (void)snprintf(where, sizeof where, "worker.settings, line %u", (unsigned)settings->line);
        return sp_err_set(err, SP_E_INVALID, where, "must be a map: NAME OF ADAPTER: {KEY: VALUE}");
    }
    for (const struct sp_yaml_node *n = settings != NULL ? settings->first : NULL; n != NULL && rc == SP_OK; n = n->next) {
        (void)snprintf(where, sizeof where, "worker.settings, line %u", (unsigned)n->key_line);
        rc = refuse_unless_known(table, n->key, where, err);
        if (rc == SP_OK && n->kind != SP_YAML_MAP) {
            rc = sp_err_set(err, SP_E_INVALID, where, "settings of adapter %.*s must be a map: {KEY: VALUE}", (int)n->key.n,
                            n->key.p);
        }
        rc = rc == SP_OK ? refuse_values(find(table, n->key), conf, n, err) : rc;
    }
    return rc;
}

static enum sp_rc refuse_unknown(const struct sp_adapter *const *table, const struct sp_conf_worker *conf, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(conf->adapters);
    struct sp_str word;
    while (sp_str_next(&rest, ',', &word)) {
        enum sp_rc rc = sp_str_is(word, "*") ? SP_OK : refuse_unless_known(table, word, "worker.adapters", err);
        if (rc != SP_OK) {
            return rc;
        }
    }
    return refuse_settings(table, conf, err);
}

enum sp_rc worker_adapters_open(struct worker_adapters *self, const struct sp_adapter *const *table,
                                const struct sp_adapter_host *host, const struct sp_conf_worker *conf, struct sp_err *err)
{
    char why[SP_ADAPTER_WHY_MAX];
    bool all = conf->adapters[0] == '\0' || is_named(conf->adapters, "*");
    size_t used = 0;
    memset(self, 0, sizeof *self);
    enum sp_rc rc = refuse_unknown(table, conf, err);
    for (uint32_t i = 0; table[i] != NULL && rc == SP_OK; i++) {
        struct worker_adapter *row = &self->row[self->count];
        bool named = is_named(conf->adapters, table[i]->name);
        size_t len = strlen(table[i]->name);
        if ((!all && !named) || self->count == WORKER_ADAPTERS_ROWS || used + len + 2 > sizeof self->names) {
            continue;
        }
        row->adapter = table[i];
        if (start(row, host, conf, why)) {
            used += (size_t)snprintf(self->names + used, sizeof self->names - used, "%s%s", used > 0 ? "," : "", table[i]->name);
            self->count++;
        } else if (named) {
            rc = sp_err_set(err, SP_E_INVALID, table[i]->name, "adapter cannot be started: %s", why);
        } else {
            SP_LOG(SP_LOG_WARNING, "worker", "adapter.off", SP_LOG_S("adapter", table[i]->name), SP_LOG_S("why", why));
        }
    }
    if (rc == SP_OK && self->count == 0) {
        rc = sp_err_set(err, SP_E_INVALID, "worker.adapters", "no adapter can be started");
    }
    if (rc != SP_OK) {
        worker_adapters_close(self);
    }
    return rc;
}

void worker_adapters_close(struct worker_adapters *self)
{
    while (self->count > 0) {
        struct worker_adapter *row = &self->row[--self->count];
        row->adapter->fini(row->instance);
    }
}

uint32_t worker_adapters_find(const struct worker_adapters *self, struct sp_str name)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (sp_str_is(name, self->row[i].adapter->name)) {
            return i;
        }
    }
    return WORKER_ADAPTERS_ROWS;
}
