/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_conf_bridge.h"

#define S         1000u
#define MINUTE    (60u * S)
#define HOUR      (60u * MINUTE)
#define BRIDGE(m) SP_BIND_AT(sp_conf_bridge, m)

static const char *const result_words[] = {"none", "changes", "sample", "all", NULL};
static const char *const login_words[] = {"plain", "external", NULL};

#define PLACEMENT(m) SP_BIND_AT(sp_conf_placement, m)
static const char *const auth_words[] = {"none", "token", "password", "application_credential", NULL};

/* What placement and compute ask alike. */
/* clang-format off */
#define LOGIN(type, words_of, default_of, help_of)                                                                                  \
    {"auth", SP_BIND_ENUM, false, SP_BIND_AT(type, login.auth), .words = words_of, .def = default_of, .help = help_of},             \
    {"secret_file", SP_BIND_PATH, false, SP_BIND_AT(type, login.secret_file),                                                       \
     .help = "file of mode 0600 whose first line is the token, the password or the secret of the credential"},                      \
    {"auth_url", SP_BIND_TEXT, false, SP_BIND_AT(type, login.auth_url), .help = "Keystone, as https://HOST[:PORT]/v3"},             \
    {"username", SP_BIND_TEXT, false, SP_BIND_AT(type, login.username),                                                             \
     .help = "name of the user; with application_credential: the credential's id"},                                                 \
    {"user_domain", SP_BIND_TEXT, false, SP_BIND_AT(type, login.user_domain), .def = "Default", .help = "name of the user's domain"},\
    {"project", SP_BIND_TEXT, false, SP_BIND_AT(type, login.project), .def = "service", .help = "name of the project the token is for"},\
    {"project_domain", SP_BIND_TEXT, false, SP_BIND_AT(type, login.project_domain), .def = "Default",                               \
     .help = "name of the project's domain"}
/* clang-format on */

static const struct sp_bind_key placement_keys[] = {
    {"url", SP_BIND_TEXT, false, PLACEMENT(url), .help = "http(s)://HOST[:PORT][/PATH] of the placement service; none: no traits"},
    {"ca_file", SP_BIND_PATH, false, PLACEMENT(ca_file),
     .help = "certificates of authorities for placement and Keystone; none: the system's"},
    {"rate", SP_BIND_U32, false, PLACEMENT(rate), .min = 1, .max = 1000, .def = "100",
     .help = "requests a second, evenly spaced; a node that changes costs two"},
    {"parallel", SP_BIND_U32, false, PLACEMENT(parallel), .min = 2, .max = 64, .def = "8", .help = "requests at once"},
    {"timeout", SP_BIND_SPAN, false, PLACEMENT(timeout_ms), .min = 100, .max = 5 * MINUTE, .def = "30s",
     .help = "longest wait for an answer"},
    {"reconcile", SP_BIND_SPAN, false, PLACEMENT(reconcile_ms), .min = 1 * S, .max = 24 * HOUR, .def = "1m",
     .help = "between looks at all providers and at who has our traits"},
    {"traits", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_placement, traits, trait_count),
     .help = "traits that are SPICE's besides those of the pools; where no pool gives them they are taken off"},
    LOGIN(sp_conf_placement, auth_words, "none", "none, a fixed token, or Keystone with password or application_credential"),
};
static const struct sp_bind_table placement_table = {.name = "the placement section",
                                                     .keys = placement_keys,
                                                     .count = SP_COUNT(placement_keys),
                                                     .size = sizeof(struct sp_conf_placement)};

#define COMPUTE(m) SP_BIND_AT(sp_conf_compute, m)
static const char *const compute_auth_words[] = {"none", "token", "password", "application_credential", "placement", NULL};

static const struct sp_bind_key compute_keys[] = {
    {"url", SP_BIND_TEXT, false, COMPUTE(url),
     .help = "http(s)://HOST[:PORT]/v2.1 of Nova's API; none: its compute nodes are not looked at"},
    {"ca_file", SP_BIND_PATH, false, COMPUTE(ca_file),
     .help = "certificates of authorities for Nova and Keystone; none: the system's"},
    {"timeout", SP_BIND_SPAN, false, COMPUTE(timeout_ms), .min = 100, .max = 5 * MINUTE, .def = "30s",
     .help = "longest wait for an answer"},
    {"page", SP_BIND_U32, false, COMPUTE(page), .min = 10, .max = 1000, .def = "500",
     .help = "rows of a long list asked for at once; Nova may give fewer"},
    {"inventory", SP_BIND_BOOL, false, COMPUTE(inventory), .def = "true",
     .help = "read the list of compute nodes and report it to the keeper, which decides what follows"},
    {"interval", SP_BIND_SPAN, false, COMPUTE(interval_ms), .min = 1 * S, .max = 24 * HOUR, .def = "5m",
     .help = "between readings of that list"},
    {"hint", SP_BIND_SPAN, false, COMPUTE(hint_ms), .min = 1 * S, .max = HOUR, .def = "10s",
     .help = "least time between readings that a notification of Nova asked for"},
    LOGIN(sp_conf_compute, compute_auth_words, "placement",
          "none, a fixed token, Keystone with password or application_credential, or placement: what that section says"),
};
static const struct sp_bind_table compute_table = {
    .name = "the compute section", .keys = compute_keys, .count = SP_COUNT(compute_keys), .size = sizeof(struct sp_conf_compute)};
#define EXPOSURE(m) SP_BIND_AT(sp_conf_exposure, m)
static const char *const action_words[] = {"none", "disable", NULL};

static const struct sp_bind_key exposure_keys[] = {
    {"watch", SP_BIND_BOOL, false, EXPOSURE(watch), .def = "true",
     .help = "read Nova's servers and tell which are outside the pool they demanded"},
    {"interval", SP_BIND_SPAN, false, EXPOSURE(interval_ms), .min = 1 * S, .max = 24 * HOUR, .def = "5m",
     .help = "between whole lists of servers; a host is read at once when its node leaves a pool"},
    {"servers_max", SP_BIND_U32, false, EXPOSURE(servers_max), .min = 1, .max = 1000000, .def = "100000",
     .help = "most servers kept, of those that demand a pool"},
    {"trusted_pool", SP_BIND_NAME, false, EXPOSURE(trusted_pool), .min = 1, .def = "trusted",
     .help = "pool that the flavor key trust:trusted_host speaks of"},
    {"action", SP_BIND_ENUM, false, EXPOSURE(action), .words = action_words, .def = "none",
     .help = "disable: also disable the compute service of a node with verified bad evidence, and enable it when the node is back"},
    {"at_once", SP_BIND_U32, false, EXPOSURE(at_once), .min = 1, .max = 64, .def = "1",
     .help = "most services that SPICE keeps disabled at any time"},
    {"share", SP_BIND_U32, false, EXPOSURE(share), .min = 1, .max = 100, .def = "10",
     .help = "percent of a pool's nodes; when more, and at least two, are lost within window, nothing is done"},
    {"window", SP_BIND_SPAN, false, EXPOSURE(window_ms), .min = 1 * S, .max = 24 * HOUR, .def = "10m",
     .help = "for share; also after the start of the bridge nothing is done for so long"},
    {"delay", SP_BIND_SPAN, false, EXPOSURE(delay_ms), .min = 0, .max = 24 * HOUR, .def = "1m",
     .help = "how long a node must be bad, or back, before anything is done"},
    {"action_interval", SP_BIND_SPAN, false, EXPOSURE(action_interval_ms), .min = 0, .max = 24 * HOUR, .def = "10m",
     .help = "least time between two services that are disabled"},
};
static const struct sp_bind_table exposure_table = {.name = "the exposure section",
                                                    .keys = exposure_keys,
                                                    .count = SP_COUNT(exposure_keys),
                                                    .size = sizeof(struct sp_conf_exposure)};

static const struct sp_bind_key bridge_keys[] = {
    {"user", SP_BIND_NAME, false, BRIDGE(user), .help = "user to become when started by root"},
    {"transport_url", SP_BIND_TEXT, false, BRIDGE(transport_url),
     .help = "where RabbitMQ is, in the syntax of oslo.messaging; holds a password: better in transport_url_file"},
    {"transport_url_file", SP_BIND_PATH, false, BRIDGE(transport_url_file),
     .help = "file of mode 0600 whose first line is the transport URL"},
    {"store", SP_BIND_PATH, false, BRIDGE(store), .min = 1, .def = "state/bridge",
     .help = "directory of the record of what exposure.action did in Nova"},
    {"exchange", SP_BIND_NAME, false, BRIDGE(exchange), .min = 1, .def = "spice", .help = "control exchange"},
    {"topic", SP_BIND_NAME, false, BRIDGE(topic), .min = 1, .def = "spice",
     .help = "topic that calls are answered on; TOPIC_trust is the fanout's"},
    {"rpc", SP_BIND_BOOL, false, BRIDGE(rpc), .def = "true", .help = "answer calls"},
    {"fanout", SP_BIND_BOOL, false, BRIDGE(fanout), .def = "true", .help = "send the keeper's frames to all who listen"},
    {"snapshot", SP_BIND_SPAN, false, BRIDGE(snapshot_ms), .min = 5 * S, .max = 24 * HOUR, .def = "5m",
     .help = "between snapshots sent to all who listen"},
    {"notify", SP_BIND_BOOL, false, BRIDGE(notify), .def = "true",
     .help = "send notifications; with several bridges one is enough"},
    {"results", SP_BIND_ENUM, false, BRIDGE(results), .words = result_words, .def = "none",
     .help = "results that become notifications spice.check.result"},
    {"results_permille", SP_BIND_U32, false, BRIDGE(results_permille), .min = 1, .max = 1000, .def = "10",
     .help = "with results: sample, so many of 1000"},
    {"notification_topics", SP_BIND_TEXTS, false, SP_BIND_ARRAY(sp_conf_bridge, topics, topic_count),
     .help = "topics of notifications; none: notifications"},
    {"nova_exchange", SP_BIND_NAME, false, BRIDGE(nova_exchange),
     .help = "exchange of Nova's notifications, which make checks run and the list of compute nodes be read earlier; none: no such "
             "hints"},
    {"durable_queues", SP_BIND_BOOL, false, BRIDGE(durable_queues), .def = "false",
     .help = "exchange and queues outlive a restart of RabbitMQ"},
    {"auto_delete", SP_BIND_BOOL, false, BRIDGE(auto_delete), .def = "false",
     .help = "exchange and queues go with their last user"},
    {"quorum_queue", SP_BIND_BOOL, false, BRIDGE(quorum_queue), .def = "false", .help = "quorum queues; durable too"},
    {"transient_quorum_queue", SP_BIND_BOOL, false, BRIDGE(transient_quorum_queue), .def = "false",
     .help = "quorum queues and durable exchanges for the fanout too"},
    {"quorum_delivery_limit", SP_BIND_U32, false, BRIDGE(quorum_delivery_limit), .min = 0, .max = 1000, .def = "0",
     .help = "deliveries of one message of a quorum queue; 0: no limit of ours"},
    {"transient_ttl", SP_BIND_SPAN, false, BRIDGE(transient_ttl_ms), .min = 0, .max = 24 * HOUR, .def = "30m",
     .help = "unused private queues go after this; 0: never"},
    {"prefetch", SP_BIND_U32, false, BRIDGE(prefetch), .min = 1, .max = 256, .def = "64",
     .help = "most requests per queue that are not yet acknowledged"},
    {"heartbeat", SP_BIND_SPAN, false, BRIDGE(heartbeat_ms), .min = 2 * S, .max = 10 * MINUTE, .def = "60s",
     .help = "silence, from half of it on, after which a connection counts as dead"},
    {"retry", SP_BIND_SPAN, false, BRIDGE(retry_ms), .min = 50, .max = 5 * MINUTE, .def = "1s",
     .help = "first wait before the next host is tried"},
    {"retry_step", SP_BIND_SPAN, false, BRIDGE(retry_step_ms), .min = 0, .max = 5 * MINUTE, .def = "1s",
     .help = "added to the wait each time"},
    {"retry_max", SP_BIND_SPAN, false, BRIDGE(retry_max_ms), .min = 100, .max = HOUR, .def = "3s",
     .help = "longest wait before the next host is tried"},
    {"reply_retry", SP_BIND_SPAN, false, BRIDGE(reply_retry_ms), .min = 0, .max = 10 * MINUTE, .def = "60s",
     .help = "how long a reply is tried whose queue is not there"},
    {"confirm", SP_BIND_SPAN, false, BRIDGE(confirm_ms), .min = 500, .max = 10 * MINUTE, .def = "20s",
     .help = "a confirm that takes longer ends the connection"},
    {"canary", SP_BIND_SPAN, false, BRIDGE(canary_ms), .min = 0, .max = HOUR, .def = "60s",
     .help = "between messages of our own through RabbitMQ that must come back within the time of confirm, or it is connected "
             "anew; 0s: "
             "none"},
    {"window", SP_BIND_U32, false, BRIDGE(window), .min = 1, .max = 4096, .def = "256",
     .help = "most messages sent and not yet confirmed"},
    {"outbox_messages", SP_BIND_U32, false, BRIDGE(outbox_messages), .min = 256, .max = 1048576, .def = "65536",
     .help = "most messages kept for RabbitMQ"},
    {"outbox_mb", SP_BIND_U32, false, BRIDGE(outbox_mb), .min = 4, .max = 4096, .def = "32",
     .help = "most memory of messages kept for RabbitMQ"},
    {"request_kib", SP_BIND_U32, false, BRIDGE(request_kib), .min = 16, .max = 16384, .def = "256",
     .help = "largest request taken"},
    {"ssl", SP_BIND_BOOL, false, BRIDGE(ssl), .def = "false", .help = "TLS; peer and name are always verified"},
    {"ssl_ca_file", SP_BIND_PATH, false, BRIDGE(ssl_ca_file), .help = "certificates of authorities; none: the system's"},
    {"ssl_cert_file", SP_BIND_PATH, false, BRIDGE(ssl_cert_file), .help = "our certificate with its chain"},
    {"ssl_key_file", SP_BIND_PATH, false, BRIDGE(ssl_key_file), .help = "its private key"},
    {"login_method", SP_BIND_ENUM, false, BRIDGE(login), .words = login_words, .def = "plain",
     .help = "plain (AMQPLAIN of oslo.messaging is this), or external: by certificate"},
    {"placement", SP_BIND_MAP, false, BRIDGE(placement), .sub = &placement_table, .help = "traits of the pools at placement"},
    {"compute", SP_BIND_MAP, false, BRIDGE(compute), .sub = &compute_table, .help = "Nova's list of compute nodes"},
    {"exposure", SP_BIND_MAP, false, BRIDGE(exposure), .sub = &exposure_table,
     .help = "servers outside the pool they demanded; needs compute"},
};
const struct sp_bind_table sp_conf_table_bridge = {
    .name = "the bridge section", .keys = bridge_keys, .count = SP_COUNT(bridge_keys), .size = sizeof(struct sp_conf_bridge)};
