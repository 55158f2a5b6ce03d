/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_options.h"

#include <stdio.h>

#include "sp_crypto.h"
#include "sp_time.h"

#define O(m) offsetof(struct sp_conf_bridge, m)

/* How a value is written there, and where it goes. */
enum kind { IGNORED, BOOL, U32, SECONDS, PATH, LOGIN };
static const struct option {
    const char *name;
    enum kind kind;
    size_t at;
    uint64_t min, max;
} rows[] = {
    {"amqp_durable_queues", BOOL, O(durable_queues), 0, 0},
    {"amqp_auto_delete", BOOL, O(auto_delete), 0, 0},
    {"rabbit_quorum_queue", BOOL, O(quorum_queue), 0, 0},
    {"rabbit_transient_quorum_queue", BOOL, O(transient_quorum_queue), 0, 0},
    {"rabbit_quorum_delivery_limit", U32, O(quorum_delivery_limit), 0, 1000},
    {"rabbit_transient_queues_ttl", SECONDS, O(transient_ttl_ms), 0, 86400},
    {"rabbit_qos_prefetch_count", U32, O(prefetch), 1, 256},
    {"heartbeat_timeout_threshold", SECONDS, O(heartbeat_ms), 2, 600},
    {"rabbit_retry_interval", SECONDS, O(retry_ms), 1, 300},
    {"rabbit_retry_backoff", SECONDS, O(retry_step_ms), 0, 300},
    {"rabbit_interval_max", SECONDS, O(retry_max_ms), 1, 3600},
    {"kombu_missing_consumer_retry_timeout", SECONDS, O(reply_retry_ms), 0, 600},
    {"ssl", BOOL, O(ssl), 0, 0},
    {"ssl_ca_file", PATH, O(ssl_ca_file), 0, 0},
    {"ssl_cert_file", PATH, O(ssl_cert_file), 0, 0},
    {"ssl_key_file", PATH, O(ssl_key_file), 0, 0},
    {"rabbit_login_method", LOGIN, O(login), 0, 0},
    /* Known, and without meaning here: connections are two, hosts are always tried in turn, TLS always verifies. */
    {"heartbeat_rate", IGNORED, 0, 0, 0},
    {"heartbeat_in_pthread", IGNORED, 0, 0, 0},
    {"kombu_reconnect_delay", IGNORED, 0, 0, 0},
    {"kombu_reconnect_splay", IGNORED, 0, 0, 0},
    {"kombu_failover_strategy", IGNORED, 0, 0, 0},
    {"rabbit_ha_queues", IGNORED, 0, 0, 0},
    {"rabbit_quorum_max_memory_length", IGNORED, 0, 0, 0},
    {"rabbit_quorum_max_memory_bytes", IGNORED, 0, 0, 0},
    {"rabbit_quroum_max_memory_length", IGNORED, 0, 0, 0},
    {"rabbit_quroum_max_memory_bytes", IGNORED, 0, 0, 0},
    {"direct_mandatory_flag", IGNORED, 0, 0, 0},
    {"enable_cancel_on_failover", IGNORED, 0, 0, 0},
    {"rpc_conn_pool_size", IGNORED, 0, 0, 0},
    {"conn_pool_min_size", IGNORED, 0, 0, 0},
    {"conn_pool_ttl", IGNORED, 0, 0, 0},
    {"ssl_version", IGNORED, 0, 0, 0},
    {"ssl_enforce_hostname_verification", IGNORED, 0, 0, 0},
    {"ssl_enforce_fips_mode", IGNORED, 0, 0, 0},
};

static bool bool_read(const char *text, bool *to)
{
    static const char *const yes[] = {"1", "true", "True", "yes", "on"}, *const no[] = {"0", "false", "False", "no", "off"};
    for (size_t i = 0; i < SP_COUNT(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *to = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool option_set(const struct option *row, const char *value, struct sp_conf_bridge *c)
{
    uint8_t *to = (uint8_t *)c + row->at;
    uint64_t number = 0;
    switch (row->kind) {
    case IGNORED:
        return true;
    case BOOL:
        return bool_read(value, (bool *)(void *)to);
    case PATH:
        return value[0] == '/' && sp_str_copy((char *)to, SP_FS_PATH_BYTES, sp_str_of(value));
    case LOGIN:
        *(uint32_t *)(void *)to = strcmp(value, "EXTERNAL") == 0 ? SP_CONF_BRIDGE_LOGIN_EXTERNAL : SP_CONF_BRIDGE_LOGIN_PLAIN;
        return strcmp(value, "EXTERNAL") == 0 || strcmp(value, "PLAIN") == 0 || strcmp(value, "AMQPLAIN") == 0;
    default:
        break;
    }
    if (!sp_str_u64(sp_str_of(value), row->max, &number) || number < row->min)
        return false;
    if (row->kind == U32)
        *(uint32_t *)(void *)to = (uint32_t)number;
    else
        *(uint64_t *)(void *)to = number * SP_MS_PER_S;
    return true;
}

static enum sp_rc options_apply(struct bridge_options *o, struct sp_err *err)
{
    const char *names[SP_COUNT(rows)];
    for (size_t i = 0; i < SP_COUNT(rows); i++)
        names[i] = rows[i].name;
    for (uint32_t k = 0; k < o->url.option_count; k++) {
        const struct amqp_url_option *given = &o->url.options[k];
        const struct option *row = NULL;
        for (size_t i = 0; i < SP_COUNT(rows) && row == NULL; i++)
            row = strcmp(rows[i].name, given->name) == 0 ? &rows[i] : NULL;
        if (row == NULL) {
            const char *near = sp_str_nearest(sp_str_of(given->name), names, SP_COUNT(names));
            (void)sp_err_set(err, SP_E_INVALID, "transport URL", "has an option [oslo_messaging_rabbit] does not know");
            sp_err_hint(err, "%s%s", near != NULL ? "did you mean " : "look behind its '?'", near != NULL ? near : "");
            return SP_E_INVALID;
        }
        if (!option_set(row, given->value, &o->c))
            return sp_err_set(err, SP_E_INVALID, "transport URL", "has no good value for %s", row->name);
    }
    return SP_OK;
}

/* The URL from its file, or from the configuration. */
static enum sp_rc url_text(const struct sp_conf_bridge *conf, char *to, size_t size, struct sp_err *err)
{
    size_t n = 0;
    if (conf->transport_url_file[0] == '\0') {
        if (conf->transport_url[0] != '\0')
            return sp_str_copy(to, size, sp_str_of(conf->transport_url)) ? SP_OK : SP_E_LIMIT;
        (void)sp_err_set(err, SP_E_INVALID, "bridge.transport_url_file", "is missing");
        sp_err_hint(err, "write the transport URL to a file of mode 0600 and name it there");
        return SP_E_INVALID;
    }
    enum sp_rc rc = sp_fs_read_into(conf->transport_url_file, to, size - 1, SP_FS_PRIVATE, &n, err);
    if (rc != SP_OK)
        return rc;
    to[n] = '\0';
    to[strcspn(to, "\r\n")] = '\0';
    return SP_OK;
}

static enum sp_rc options_check(struct bridge_options *o, struct sp_err *err)
{
    bool cert = o->c.ssl_cert_file[0] != '\0', key = o->c.ssl_key_file[0] != '\0';
    if (cert != key)
        return sp_err_set(err, SP_E_INVALID, "bridge.ssl_cert_file", "and ssl_key_file go together");
    if (o->c.retry_max_ms < o->c.retry_ms)
        return sp_err_set(err, SP_E_INVALID, "bridge.retry_max", "is less than bridge.retry");
    o->c.durable_queues = o->c.durable_queues || o->c.quorum_queue; /* a quorum queue is durable, or refused */
    return SP_OK;
}

enum sp_rc bridge_options_make(const struct sp_conf_bridge *conf, struct bridge_options *out, struct sp_err *err)
{
    char text[SP_CONF_BRIDGE_URL_BYTES] = "";
    const char *why = "";
    out->c = *conf;
    enum sp_rc rc = url_text(conf, text, sizeof text, err);
    if (rc == SP_OK && !amqp_url_parse(sp_str_trim(sp_str_of(text)), &out->url, &why))
        rc = sp_err_set(err, SP_E_INVALID, "transport URL", "%s", why);
    sp_crypto_wipe(text, sizeof text);
    rc = rc == SP_OK ? options_apply(out, err) : rc;
    return rc == SP_OK ? options_check(out, err) : rc;
}

void bridge_options_reload(struct bridge_options *o, const struct sp_conf_bridge *conf)
{
    static struct bridge_options fresh;
    if (conf->transport_url_file[0] != '\0' && bridge_options_make(conf, &fresh, NULL) == SP_OK &&
        fresh.url.host_count == o->url.host_count)
        memcpy(o->url.hosts, fresh.url.hosts, sizeof o->url.hosts);
    sp_crypto_wipe(&fresh, sizeof fresh);
}

void bridge_options_fini(struct bridge_options *o)
{
    sp_crypto_wipe(o, sizeof *o);
}
