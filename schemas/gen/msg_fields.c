/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "msg_fields.h"

static const struct msg_field rec_route_spec_fields[] = {
    {"adapter", MSG_STR, offsetof(struct rec_route_spec, adapter), 32u, NULL},
    {"labels", MSG_STR, offsetof(struct rec_route_spec, labels), 255u, NULL},
};
static enum sp_rc encode_rec_route_spec(struct sp_packer *w, const void *p)
{
    return rec_route_spec_put(w, p);
}
static enum sp_rc decode_rec_route_spec(const uint8_t *p, size_t n, void *to)
{
    return rec_route_spec_decode(p, n, to);
}
static bool next_rec_route_spec(struct sp_list *list, void *to)
{
    return rec_route_spec_next(list, to);
}
static const struct msg_shape shape_route_spec = {"RouteSpec", 0, sizeof(struct rec_route_spec), 2, 0, rec_route_spec_fields, encode_rec_route_spec, decode_rec_route_spec, next_rec_route_spec};

static const struct msg_field rec_counter_fields[] = {
    {"type", MSG_U16, offsetof(struct rec_counter, type), 0u, NULL},
    {"role", MSG_U8, offsetof(struct rec_counter, role), 0u, NULL},
    {"outgoing", MSG_BOOL, offsetof(struct rec_counter, outgoing), 0u, NULL},
    {"messages", MSG_U64, offsetof(struct rec_counter, messages), 0u, NULL},
    {"bytes", MSG_U64, offsetof(struct rec_counter, bytes), 0u, NULL},
    {"dropped", MSG_U64, offsetof(struct rec_counter, dropped), 0u, NULL},
    {"refused", MSG_U64, offsetof(struct rec_counter, refused), 0u, NULL},
};
static enum sp_rc encode_rec_counter(struct sp_packer *w, const void *p)
{
    return rec_counter_put(w, p);
}
static enum sp_rc decode_rec_counter(const uint8_t *p, size_t n, void *to)
{
    return rec_counter_decode(p, n, to);
}
static bool next_rec_counter(struct sp_list *list, void *to)
{
    return rec_counter_next(list, to);
}
static const struct msg_shape shape_counter = {"Counter", 0, sizeof(struct rec_counter), 7, 0, rec_counter_fields, encode_rec_counter, decode_rec_counter, next_rec_counter};

static const struct msg_field rec_gauge_fields[] = {
    {"name", MSG_STR, offsetof(struct rec_gauge, name), 48u, NULL},
    {"value", MSG_U64, offsetof(struct rec_gauge, value), 0u, NULL},
};
static enum sp_rc encode_rec_gauge(struct sp_packer *w, const void *p)
{
    return rec_gauge_put(w, p);
}
static enum sp_rc decode_rec_gauge(const uint8_t *p, size_t n, void *to)
{
    return rec_gauge_decode(p, n, to);
}
static bool next_rec_gauge(struct sp_list *list, void *to)
{
    return rec_gauge_next(list, to);
}
static const struct msg_shape shape_gauge = {"Gauge", 0, sizeof(struct rec_gauge), 2, 0, rec_gauge_fields, encode_rec_gauge, decode_rec_gauge, next_rec_gauge};

static const struct msg_field rec_latency_fields[] = {
    {"name", MSG_STR, offsetof(struct rec_latency, name), 48u, NULL},
    {"count", MSG_U64, offsetof(struct rec_latency, count), 0u, NULL},
    {"p50_us", MSG_U64, offsetof(struct rec_latency, p50_us), 0u, NULL},
    {"p99_us", MSG_U64, offsetof(struct rec_latency, p99_us), 0u, NULL},
    {"max_us", MSG_U64, offsetof(struct rec_latency, max_us), 0u, NULL},
};
static enum sp_rc encode_rec_latency(struct sp_packer *w, const void *p)
{
    return rec_latency_put(w, p);
}
static enum sp_rc decode_rec_latency(const uint8_t *p, size_t n, void *to)
{
    return rec_latency_decode(p, n, to);
}
static bool next_rec_latency(struct sp_list *list, void *to)
{
    return rec_latency_next(list, to);
}
static const struct msg_shape shape_latency = {"Latency", 0, sizeof(struct rec_latency), 5, 0, rec_latency_fields, encode_rec_latency, decode_rec_latency, next_rec_latency};

static const struct msg_field rec_job_fields[] = {
    {"ticket", MSG_EXACT, offsetof(struct rec_job, ticket), 160u, NULL},
    {"timeout_ms", MSG_U32, offsetof(struct rec_job, timeout_ms), 0u, NULL},
    {"node", MSG_STR, offsetof(struct rec_job, node), 64u, NULL},
    {"address", MSG_STR, offsetof(struct rec_job, address), 255u, NULL},
    {"checkpoint", MSG_BIN, offsetof(struct rec_job, checkpoint), 1024u, NULL},
};
static enum sp_rc encode_rec_job(struct sp_packer *w, const void *p)
{
    return rec_job_put(w, p);
}
static enum sp_rc decode_rec_job(const uint8_t *p, size_t n, void *to)
{
    return rec_job_decode(p, n, to);
}
static bool next_rec_job(struct sp_list *list, void *to)
{
    return rec_job_next(list, to);
}
static const struct msg_shape shape_job = {"Job", 0, sizeof(struct rec_job), 5, 0, rec_job_fields, encode_rec_job, decode_rec_job, next_rec_job};

static const struct msg_field rec_returned_fields[] = {
    {"slot", MSG_U32, offsetof(struct rec_returned, slot), 0u, NULL},
    {"job", MSG_U64, offsetof(struct rec_returned, job), 0u, NULL},
};
static enum sp_rc encode_rec_returned(struct sp_packer *w, const void *p)
{
    return rec_returned_put(w, p);
}
static enum sp_rc decode_rec_returned(const uint8_t *p, size_t n, void *to)
{
    return rec_returned_decode(p, n, to);
}
static bool next_rec_returned(struct sp_list *list, void *to)
{
    return rec_returned_next(list, to);
}
static const struct msg_shape shape_returned = {"Returned", 0, sizeof(struct rec_returned), 2, 0, rec_returned_fields, encode_rec_returned, decode_rec_returned, next_rec_returned};

static const struct msg_field rec_definition_body_fields[] = {
    {"check", MSG_STR, offsetof(struct rec_definition_body, check), 64u, NULL},
    {"revision", MSG_U32, offsetof(struct rec_definition_body, revision), 0u, NULL},
    {"adapter", MSG_STR, offsetof(struct rec_definition_body, adapter), 32u, NULL},
    {"params", MSG_STR, offsetof(struct rec_definition_body, params), 16384u, NULL},
    {"timeout_ms", MSG_U32, offsetof(struct rec_definition_body, timeout_ms), 0u, NULL},
};
static enum sp_rc encode_rec_definition_body(struct sp_packer *w, const void *p)
{
    return rec_definition_body_put(w, p);
}
static enum sp_rc decode_rec_definition_body(const uint8_t *p, size_t n, void *to)
{
    return rec_definition_body_decode(p, n, to);
}
static bool next_rec_definition_body(struct sp_list *list, void *to)
{
    return rec_definition_body_next(list, to);
}
static const struct msg_shape shape_definition_body = {"DefinitionBody", 0, sizeof(struct rec_definition_body), 5, 0, rec_definition_body_fields, encode_rec_definition_body, decode_rec_definition_body, next_rec_definition_body};

static const struct msg_field rec_result_fields[] = {
    {"ticket", MSG_EXACT, offsetof(struct rec_result, ticket), 160u, NULL},
    {"outcome", MSG_U8, offsetof(struct rec_result, outcome), 0u, NULL},
    {"reason", MSG_U16, offsetof(struct rec_result, reason), 0u, NULL},
    {"detail", MSG_STR, offsetof(struct rec_result, detail), 1024u, NULL},
    {"measures", MSG_STR, offsetof(struct rec_result, measures), 1024u, NULL},
    {"evidence", MSG_BIN, offsetof(struct rec_result, evidence), 32u, NULL},
    {"checkpoint", MSG_BIN, offsetof(struct rec_result, checkpoint), 1024u, NULL},
    {"trace", MSG_U64, offsetof(struct rec_result, trace), 0u, NULL},
    {"wait_us", MSG_U32, offsetof(struct rec_result, wait_us), 0u, NULL},
    {"run_us", MSG_U32, offsetof(struct rec_result, run_us), 0u, NULL},
    {"instance", MSG_U64, offsetof(struct rec_result, instance), 0u, NULL},
};
static enum sp_rc encode_rec_result(struct sp_packer *w, const void *p)
{
    return rec_result_put(w, p);
}
static enum sp_rc decode_rec_result(const uint8_t *p, size_t n, void *to)
{
    return rec_result_decode(p, n, to);
}
static bool next_rec_result(struct sp_list *list, void *to)
{
    return rec_result_next(list, to);
}
static const struct msg_shape shape_result = {"Result", 0, sizeof(struct rec_result), 11, 0, rec_result_fields, encode_rec_result, decode_rec_result, next_rec_result};

static const struct msg_field rec_refused_result_fields[] = {
    {"index", MSG_U16, offsetof(struct rec_refused_result, index), 0u, NULL},
    {"code", MSG_U16, offsetof(struct rec_refused_result, code), 0u, NULL},
};
static enum sp_rc encode_rec_refused_result(struct sp_packer *w, const void *p)
{
    return rec_refused_result_put(w, p);
}
static enum sp_rc decode_rec_refused_result(const uint8_t *p, size_t n, void *to)
{
    return rec_refused_result_decode(p, n, to);
}
static bool next_rec_refused_result(struct sp_list *list, void *to)
{
    return rec_refused_result_next(list, to);
}
static const struct msg_shape shape_refused_result = {"RefusedResult", 0, sizeof(struct rec_refused_result), 2, 0, rec_refused_result_fields, encode_rec_refused_result, decode_rec_refused_result, next_rec_refused_result};

static const struct msg_field rec_closed_fields[] = {
    {"slot", MSG_U32, offsetof(struct rec_closed, slot), 0u, NULL},
    {"job", MSG_U64, offsetof(struct rec_closed, job), 0u, NULL},
    {"outcome", MSG_U8, offsetof(struct rec_closed, outcome), 0u, NULL},
    {"code", MSG_U16, offsetof(struct rec_closed, code), 0u, NULL},
    {"checkpoint", MSG_BIN, offsetof(struct rec_closed, checkpoint), 1024u, NULL},
};
static enum sp_rc encode_rec_closed(struct sp_packer *w, const void *p)
{
    return rec_closed_put(w, p);
}
static enum sp_rc decode_rec_closed(const uint8_t *p, size_t n, void *to)
{
    return rec_closed_decode(p, n, to);
}
static bool next_rec_closed(struct sp_list *list, void *to)
{
    return rec_closed_next(list, to);
}
static const struct msg_shape shape_closed = {"Closed", 0, sizeof(struct rec_closed), 5, 0, rec_closed_fields, encode_rec_closed, decode_rec_closed, next_rec_closed};

static const struct msg_field rec_node_info_fields[] = {
    {"id", MSG_U32, offsetof(struct rec_node_info, id), 0u, NULL},
    {"generation", MSG_U32, offsetof(struct rec_node_info, generation), 0u, NULL},
    {"key", MSG_EXACT, offsetof(struct rec_node_info, key), 16u, NULL},
    {"name", MSG_STR, offsetof(struct rec_node_info, name), 64u, NULL},
    {"address", MSG_STR, offsetof(struct rec_node_info, address), 255u, NULL},
    {"labels", MSG_STR, offsetof(struct rec_node_info, labels), 2048u, NULL},
    {"state", MSG_U8, offsetof(struct rec_node_info, state), 0u, NULL},
};
static enum sp_rc encode_rec_node_info(struct sp_packer *w, const void *p)
{
    return rec_node_info_put(w, p);
}
static enum sp_rc decode_rec_node_info(const uint8_t *p, size_t n, void *to)
{
    return rec_node_info_decode(p, n, to);
}
static bool next_rec_node_info(struct sp_list *list, void *to)
{
    return rec_node_info_next(list, to);
}
static const struct msg_shape shape_node_info = {"NodeInfo", 0, sizeof(struct rec_node_info), 7, 0, rec_node_info_fields, encode_rec_node_info, decode_rec_node_info, next_rec_node_info};

static const struct msg_field rec_check_info_fields[] = {
    {"id", MSG_U32, offsetof(struct rec_check_info, id), 0u, NULL},
    {"name", MSG_STR, offsetof(struct rec_check_info, name), 64u, NULL},
    {"revision", MSG_U32, offsetof(struct rec_check_info, revision), 0u, NULL},
    {"digest", MSG_EXACT, offsetof(struct rec_check_info, digest), 32u, NULL},
    {"stage", MSG_U8, offsetof(struct rec_check_info, stage), 0u, NULL},
    {"enabled", MSG_BOOL, offsetof(struct rec_check_info, enabled), 0u, NULL},
    {"adapter", MSG_STR, offsetof(struct rec_check_info, adapter), 32u, NULL},
    {"rise", MSG_U16, offsetof(struct rec_check_info, rise), 0u, NULL},
    {"fall", MSG_U16, offsetof(struct rec_check_info, fall), 0u, NULL},
    {"max_age_ms", MSG_U32, offsetof(struct rec_check_info, max_age_ms), 0u, NULL},
    {"period_ms", MSG_U32, offsetof(struct rec_check_info, period_ms), 0u, NULL},
    {"category", MSG_U16, offsetof(struct rec_check_info, category), 0u, NULL},
    {"selector", MSG_STR, offsetof(struct rec_check_info, selector), 1024u, NULL},
    {"runbook", MSG_STR, offsetof(struct rec_check_info, runbook), 255u, NULL},
};
static enum sp_rc encode_rec_check_info(struct sp_packer *w, const void *p)
{
    return rec_check_info_put(w, p);
}
static enum sp_rc decode_rec_check_info(const uint8_t *p, size_t n, void *to)
{
    return rec_check_info_decode(p, n, to);
}
static bool next_rec_check_info(struct sp_list *list, void *to)
{
    return rec_check_info_next(list, to);
}
static const struct msg_shape shape_check_info = {"CheckInfo", 0, sizeof(struct rec_check_info), 14, 0, rec_check_info_fields, encode_rec_check_info, decode_rec_check_info, next_rec_check_info};

static const struct msg_field rec_trust_entry_fields[] = {
    {"key", MSG_EXACT, offsetof(struct rec_trust_entry, key), 16u, NULL},
    {"node", MSG_STR, offsetof(struct rec_trust_entry, node), 64u, NULL},
    {"pool", MSG_STR, offsetof(struct rec_trust_entry, pool), 64u, NULL},
    {"tier", MSG_U8, offsetof(struct rec_trust_entry, tier), 0u, NULL},
    {"member", MSG_BOOL, offsetof(struct rec_trust_entry, member), 0u, NULL},
    {"until_ms", MSG_U64, offsetof(struct rec_trust_entry, until_ms), 0u, NULL},
    {"since_ms", MSG_U64, offsetof(struct rec_trust_entry, since_ms), 0u, NULL},
    {"why", MSG_STR, offsetof(struct rec_trust_entry, why), 256u, NULL},
};
static enum sp_rc encode_rec_trust_entry(struct sp_packer *w, const void *p)
{
    return rec_trust_entry_put(w, p);
}
static enum sp_rc decode_rec_trust_entry(const uint8_t *p, size_t n, void *to)
{
    return rec_trust_entry_decode(p, n, to);
}
static bool next_rec_trust_entry(struct sp_list *list, void *to)
{
    return rec_trust_entry_next(list, to);
}
static const struct msg_shape shape_trust_entry = {"TrustEntry", 0, sizeof(struct rec_trust_entry), 8, 0, rec_trust_entry_fields, encode_rec_trust_entry, decode_rec_trust_entry, next_rec_trust_entry};

static const struct msg_field rec_hint_node_fields[] = {
    {"node", MSG_STR, offsetof(struct rec_hint_node, node), 64u, NULL},
};
static enum sp_rc encode_rec_hint_node(struct sp_packer *w, const void *p)
{
    return rec_hint_node_put(w, p);
}
static enum sp_rc decode_rec_hint_node(const uint8_t *p, size_t n, void *to)
{
    return rec_hint_node_decode(p, n, to);
}
static bool next_rec_hint_node(struct sp_list *list, void *to)
{
    return rec_hint_node_next(list, to);
}
static const struct msg_shape shape_hint_node = {"HintNode", 0, sizeof(struct rec_hint_node), 1, 0, rec_hint_node_fields, encode_rec_hint_node, decode_rec_hint_node, next_rec_hint_node};

static const struct msg_field rec_inventory_node_fields[] = {
    {"key", MSG_EXACT, offsetof(struct rec_inventory_node, key), 16u, NULL},
    {"service", MSG_EXACT, offsetof(struct rec_inventory_node, service), 16u, NULL},
    {"flags", MSG_U8, offsetof(struct rec_inventory_node, flags), 0u, NULL},
    {"name", MSG_STR, offsetof(struct rec_inventory_node, name), 255u, NULL},
};
static enum sp_rc encode_rec_inventory_node(struct sp_packer *w, const void *p)
{
    return rec_inventory_node_put(w, p);
}
static enum sp_rc decode_rec_inventory_node(const uint8_t *p, size_t n, void *to)
{
    return rec_inventory_node_decode(p, n, to);
}
static bool next_rec_inventory_node(struct sp_list *list, void *to)
{
    return rec_inventory_node_next(list, to);
}
static const struct msg_shape shape_inventory_node = {"InventoryNode", 0, sizeof(struct rec_inventory_node), 4, 0, rec_inventory_node_fields, encode_rec_inventory_node, decode_rec_inventory_node, next_rec_inventory_node};

static const struct msg_field rec_act_fields[] = {
    {"number", MSG_U64, offsetof(struct rec_act, number), 0u, NULL},
    {"wall_ms", MSG_U64, offsetof(struct rec_act, wall_ms), 0u, NULL},
    {"actor", MSG_STR, offsetof(struct rec_act, actor), 40u, NULL},
    {"what", MSG_STR, offsetof(struct rec_act, what), 48u, NULL},
    {"object", MSG_STR, offsetof(struct rec_act, object), 128u, NULL},
    {"before", MSG_STR, offsetof(struct rec_act, before), 64u, NULL},
    {"after", MSG_STR, offsetof(struct rec_act, after), 64u, NULL},
    {"why", MSG_STR, offsetof(struct rec_act, why), 192u, NULL},
};
static enum sp_rc encode_rec_act(struct sp_packer *w, const void *p)
{
    return rec_act_put(w, p);
}
static enum sp_rc decode_rec_act(const uint8_t *p, size_t n, void *to)
{
    return rec_act_decode(p, n, to);
}
static bool next_rec_act(struct sp_list *list, void *to)
{
    return rec_act_next(list, to);
}
static const struct msg_shape shape_act = {"Act", 0, sizeof(struct rec_act), 8, 0, rec_act_fields, encode_rec_act, decode_rec_act, next_rec_act};

static const struct msg_field rec_principal_fields[] = {
    {"name", MSG_STR, offsetof(struct rec_principal, name), 40u, NULL},
    {"role", MSG_U8, offsetof(struct rec_principal, role), 0u, NULL},
    {"curve", MSG_EXACT, offsetof(struct rec_principal, curve), 32u, NULL},
    {"sign", MSG_EXACT, offsetof(struct rec_principal, sign), 32u, NULL},
    {"adapters", MSG_STR, offsetof(struct rec_principal, adapters), 512u, NULL},
    {"nodes", MSG_STR, offsetof(struct rec_principal, nodes), 255u, NULL},
    {"not_after", MSG_U64, offsetof(struct rec_principal, not_after), 0u, NULL},
    {"revoked", MSG_BOOL, offsetof(struct rec_principal, revoked), 0u, NULL},
    {"next_curve", MSG_EXACT, offsetof(struct rec_principal, next_curve), 32u, NULL},
    {"next_sign", MSG_EXACT, offsetof(struct rec_principal, next_sign), 32u, NULL},
    {"next_not_before", MSG_U64, offsetof(struct rec_principal, next_not_before), 0u, NULL},
    {"next_not_after", MSG_U64, offsetof(struct rec_principal, next_not_after), 0u, NULL},
};
static enum sp_rc encode_rec_principal(struct sp_packer *w, const void *p)
{
    return rec_principal_put(w, p);
}
static enum sp_rc decode_rec_principal(const uint8_t *p, size_t n, void *to)
{
    return rec_principal_decode(p, n, to);
}
static bool next_rec_principal(struct sp_list *list, void *to)
{
    return rec_principal_next(list, to);
}
static const struct msg_shape shape_principal = {"Principal", 0, sizeof(struct rec_principal), 12, 0, rec_principal_fields, encode_rec_principal, decode_rec_principal, next_rec_principal};

static const struct msg_field msg_hello_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_hello, boot), 0u, NULL},
    {"software", MSG_STR, offsetof(struct msg_hello, software), 32u, NULL},
    {"adapters", MSG_STR, offsetof(struct msg_hello, adapters), 512u, NULL},
    {"labels", MSG_STR, offsetof(struct msg_hello, labels), 255u, NULL},
    {"slots", MSG_U32, offsetof(struct msg_hello, slots), 0u, NULL},
    {"topics", MSG_U32, offsetof(struct msg_hello, topics), 0u, NULL},
};
static enum sp_rc encode_msg_hello(struct sp_packer *w, const void *p)
{
    return msg_hello_encode(w, p);
}
static enum sp_rc decode_msg_hello(const uint8_t *p, size_t n, void *to)
{
    return msg_hello_decode(p, n, to);
}

static const struct msg_field msg_welcome_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_welcome, boot), 0u, NULL},
    {"heartbeat_ms", MSG_U32, offsetof(struct msg_welcome, heartbeat_ms), 0u, NULL},
};
static enum sp_rc encode_msg_welcome(struct sp_packer *w, const void *p)
{
    return msg_welcome_encode(w, p);
}
static enum sp_rc decode_msg_welcome(const uint8_t *p, size_t n, void *to)
{
    return msg_welcome_decode(p, n, to);
}

static const struct msg_field msg_heartbeat_fields[] = {
    {"progress", MSG_U64, offsetof(struct msg_heartbeat, progress), 0u, NULL},
    {"backlog", MSG_U32, offsetof(struct msg_heartbeat, backlog), 0u, NULL},
};
static enum sp_rc encode_msg_heartbeat(struct sp_packer *w, const void *p)
{
    return msg_heartbeat_encode(w, p);
}
static enum sp_rc decode_msg_heartbeat(const uint8_t *p, size_t n, void *to)
{
    return msg_heartbeat_decode(p, n, to);
}

static const struct msg_field msg_credit_fields[] = {
    {"granted", MSG_U64, offsetof(struct msg_credit, granted), 0u, NULL},
};
static enum sp_rc encode_msg_credit(struct sp_packer *w, const void *p)
{
    return msg_credit_encode(w, p);
}
static enum sp_rc decode_msg_credit(const uint8_t *p, size_t n, void *to)
{
    return msg_credit_decode(p, n, to);
}

static const struct msg_field msg_drain_fields[] = {
    {"deadline_ms", MSG_U32, offsetof(struct msg_drain, deadline_ms), 0u, NULL},
};
static enum sp_rc encode_msg_drain(struct sp_packer *w, const void *p)
{
    return msg_drain_encode(w, p);
}
static enum sp_rc decode_msg_drain(const uint8_t *p, size_t n, void *to)
{
    return msg_drain_decode(p, n, to);
}

static const struct msg_field msg_bye_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_bye, boot), 0u, NULL},
};
static enum sp_rc encode_msg_bye(struct sp_packer *w, const void *p)
{
    return msg_bye_encode(w, p);
}
static enum sp_rc decode_msg_bye(const uint8_t *p, size_t n, void *to)
{
    return msg_bye_decode(p, n, to);
}

static const struct msg_field msg_refused_fields[] = {
    {"type", MSG_U16, offsetof(struct msg_refused, type), 0u, NULL},
    {"sequence", MSG_U64, offsetof(struct msg_refused, sequence), 0u, NULL},
    {"code", MSG_U16, offsetof(struct msg_refused, code), 0u, NULL},
    {"detail", MSG_STR, offsetof(struct msg_refused, detail), 128u, NULL},
};
static enum sp_rc encode_msg_refused(struct sp_packer *w, const void *p)
{
    return msg_refused_encode(w, p);
}
static enum sp_rc decode_msg_refused(const uint8_t *p, size_t n, void *to)
{
    return msg_refused_decode(p, n, to);
}

static const struct msg_field msg_stats_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_stats, boot), 0u, NULL},
    {"uptime_ms", MSG_U64, offsetof(struct msg_stats, uptime_ms), 0u, NULL},
    {"counters", MSG_LIST, offsetof(struct msg_stats, counters), 256u, &shape_counter},
    {"gauges", MSG_LIST, offsetof(struct msg_stats, gauges), 128u, &shape_gauge},
    {"latencies", MSG_LIST, offsetof(struct msg_stats, latencies), 32u, &shape_latency},
};
static enum sp_rc encode_msg_stats(struct sp_packer *w, const void *p)
{
    return msg_stats_encode(w, p);
}
static enum sp_rc decode_msg_stats(const uint8_t *p, size_t n, void *to)
{
    return msg_stats_decode(p, n, to);
}

static const struct msg_field msg_route_open_fields[] = {
    {"route", MSG_RECORD, offsetof(struct msg_route_open, route), 0u, &shape_route_spec},
};
static enum sp_rc encode_msg_route_open(struct sp_packer *w, const void *p)
{
    return msg_route_open_encode(w, p);
}
static enum sp_rc decode_msg_route_open(const uint8_t *p, size_t n, void *to)
{
    return msg_route_open_decode(p, n, to);
}

static const struct msg_field msg_route_credit_fields[] = {
    {"broker_boot", MSG_U64, offsetof(struct msg_route_credit, broker_boot), 0u, NULL},
    {"route", MSG_RECORD, offsetof(struct msg_route_credit, route), 0u, &shape_route_spec},
    {"granted", MSG_U64, offsetof(struct msg_route_credit, granted), 0u, NULL},
    {"workers", MSG_U32, offsetof(struct msg_route_credit, workers), 0u, NULL},
};
static enum sp_rc encode_msg_route_credit(struct sp_packer *w, const void *p)
{
    return msg_route_credit_encode(w, p);
}
static enum sp_rc decode_msg_route_credit(const uint8_t *p, size_t n, void *to)
{
    return msg_route_credit_decode(p, n, to);
}

static const struct msg_field msg_job_batch_fields[] = {
    {"route", MSG_RECORD, offsetof(struct msg_job_batch, route), 0u, &shape_route_spec},
    {"expires_ms", MSG_U32, offsetof(struct msg_job_batch, expires_ms), 0u, NULL},
    {"jobs", MSG_LIST, offsetof(struct msg_job_batch, jobs), 512u, &shape_job},
};
static enum sp_rc encode_msg_job_batch(struct sp_packer *w, const void *p)
{
    return msg_job_batch_encode(w, p);
}
static enum sp_rc decode_msg_job_batch(const uint8_t *p, size_t n, void *to)
{
    return msg_job_batch_decode(p, n, to);
}

static const struct msg_field msg_job_return_fields[] = {
    {"code", MSG_U16, offsetof(struct msg_job_return, code), 0u, NULL},
    {"jobs", MSG_LIST, offsetof(struct msg_job_return, jobs), 512u, &shape_returned},
};
static enum sp_rc encode_msg_job_return(struct sp_packer *w, const void *p)
{
    return msg_job_return_encode(w, p);
}
static enum sp_rc decode_msg_job_return(const uint8_t *p, size_t n, void *to)
{
    return msg_job_return_decode(p, n, to);
}

static const struct msg_field msg_definition_get_fields[] = {
    {"digest", MSG_EXACT, offsetof(struct msg_definition_get, digest), 32u, NULL},
};
static enum sp_rc encode_msg_definition_get(struct sp_packer *w, const void *p)
{
    return msg_definition_get_encode(w, p);
}
static enum sp_rc decode_msg_definition_get(const uint8_t *p, size_t n, void *to)
{
    return msg_definition_get_decode(p, n, to);
}

static const struct msg_field msg_definition_fields[] = {
    {"digest", MSG_EXACT, offsetof(struct msg_definition, digest), 32u, NULL},
    {"body", MSG_BIN, offsetof(struct msg_definition, body), 20480u, NULL},
};
static enum sp_rc encode_msg_definition(struct sp_packer *w, const void *p)
{
    return msg_definition_encode(w, p);
}
static enum sp_rc decode_msg_definition(const uint8_t *p, size_t n, void *to)
{
    return msg_definition_decode(p, n, to);
}

static const struct msg_field msg_result_batch_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_result_batch, boot), 0u, NULL},
    {"batch", MSG_U64, offsetof(struct msg_result_batch, batch), 0u, NULL},
    {"results", MSG_LIST, offsetof(struct msg_result_batch, results), 512u, &shape_result},
};
static enum sp_rc encode_msg_result_batch(struct sp_packer *w, const void *p)
{
    return msg_result_batch_encode(w, p);
}
static enum sp_rc decode_msg_result_batch(const uint8_t *p, size_t n, void *to)
{
    return msg_result_batch_decode(p, n, to);
}

static const struct msg_field msg_result_ack_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_result_ack, boot), 0u, NULL},
    {"batch", MSG_U64, offsetof(struct msg_result_ack, batch), 0u, NULL},
    {"accepted", MSG_U16, offsetof(struct msg_result_ack, accepted), 0u, NULL},
    {"refused", MSG_LIST, offsetof(struct msg_result_ack, refused), 512u, &shape_refused_result},
};
static enum sp_rc encode_msg_result_ack(struct sp_packer *w, const void *p)
{
    return msg_result_ack_encode(w, p);
}
static enum sp_rc decode_msg_result_ack(const uint8_t *p, size_t n, void *to)
{
    return msg_result_ack_decode(p, n, to);
}

static const struct msg_field msg_lease_closed_fields[] = {
    {"epoch", MSG_U64, offsetof(struct msg_lease_closed, epoch), 0u, NULL},
    {"closed", MSG_LIST, offsetof(struct msg_lease_closed, closed), 512u, &shape_closed},
};
static enum sp_rc encode_msg_lease_closed(struct sp_packer *w, const void *p)
{
    return msg_lease_closed_encode(w, p);
}
static enum sp_rc decode_msg_lease_closed(const uint8_t *p, size_t n, void *to)
{
    return msg_lease_closed_decode(p, n, to);
}

static const struct msg_field msg_node_set_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_node_set, boot), 0u, NULL},
    {"version", MSG_U64, offsetof(struct msg_node_set, version), 0u, NULL},
    {"base", MSG_U64, offsetof(struct msg_node_set, base), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_node_set, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_node_set, last), 0u, NULL},
    {"nodes", MSG_LIST, offsetof(struct msg_node_set, nodes), 256u, &shape_node_info},
};
static enum sp_rc encode_msg_node_set(struct sp_packer *w, const void *p)
{
    return msg_node_set_encode(w, p);
}
static enum sp_rc decode_msg_node_set(const uint8_t *p, size_t n, void *to)
{
    return msg_node_set_decode(p, n, to);
}

static const struct msg_field msg_check_set_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_check_set, boot), 0u, NULL},
    {"version", MSG_U64, offsetof(struct msg_check_set, version), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_check_set, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_check_set, last), 0u, NULL},
    {"checks", MSG_LIST, offsetof(struct msg_check_set, checks), 128u, &shape_check_info},
};
static enum sp_rc encode_msg_check_set(struct sp_packer *w, const void *p)
{
    return msg_check_set_encode(w, p);
}
static enum sp_rc decode_msg_check_set(const uint8_t *p, size_t n, void *to)
{
    return msg_check_set_decode(p, n, to);
}

static const struct msg_field msg_sync_request_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_sync_request, boot), 0u, NULL},
    {"version", MSG_U64, offsetof(struct msg_sync_request, version), 0u, NULL},
};
static enum sp_rc encode_msg_sync_request(struct sp_packer *w, const void *p)
{
    return msg_sync_request_encode(w, p);
}
static enum sp_rc decode_msg_sync_request(const uint8_t *p, size_t n, void *to)
{
    return msg_sync_request_decode(p, n, to);
}

static const struct msg_field msg_epoch_claim_fields[] = {
    {"epoch", MSG_U64, offsetof(struct msg_epoch_claim, epoch), 0u, NULL},
    {"boot", MSG_U64, offsetof(struct msg_epoch_claim, boot), 0u, NULL},
};
static enum sp_rc encode_msg_epoch_claim(struct sp_packer *w, const void *p)
{
    return msg_epoch_claim_encode(w, p);
}
static enum sp_rc decode_msg_epoch_claim(const uint8_t *p, size_t n, void *to)
{
    return msg_epoch_claim_decode(p, n, to);
}

static const struct msg_field msg_epoch_grant_fields[] = {
    {"epoch", MSG_U64, offsetof(struct msg_epoch_grant, epoch), 0u, NULL},
    {"boot", MSG_U64, offsetof(struct msg_epoch_grant, boot), 0u, NULL},
};
static enum sp_rc encode_msg_epoch_grant(struct sp_packer *w, const void *p)
{
    return msg_epoch_grant_encode(w, p);
}
static enum sp_rc decode_msg_epoch_grant(const uint8_t *p, size_t n, void *to)
{
    return msg_epoch_grant_decode(p, n, to);
}

static const struct msg_field msg_keeper_clock_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_keeper_clock, boot), 0u, NULL},
    {"now_ms", MSG_U64, offsetof(struct msg_keeper_clock, now_ms), 0u, NULL},
    {"epoch", MSG_U64, offsetof(struct msg_keeper_clock, epoch), 0u, NULL},
    {"nodes", MSG_U64, offsetof(struct msg_keeper_clock, nodes), 0u, NULL},
    {"checks", MSG_U64, offsetof(struct msg_keeper_clock, checks), 0u, NULL},
    {"ready", MSG_BOOL, offsetof(struct msg_keeper_clock, ready), 0u, NULL},
};
static enum sp_rc encode_msg_keeper_clock(struct sp_packer *w, const void *p)
{
    return msg_keeper_clock_encode(w, p);
}
static enum sp_rc decode_msg_keeper_clock(const uint8_t *p, size_t n, void *to)
{
    return msg_keeper_clock_decode(p, n, to);
}

static const struct msg_field msg_subscribe_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_subscribe, boot), 0u, NULL},
    {"nonce", MSG_EXACT, offsetof(struct msg_subscribe, nonce), 16u, NULL},
};
static enum sp_rc encode_msg_subscribe(struct sp_packer *w, const void *p)
{
    return msg_subscribe_encode(w, p);
}
static enum sp_rc decode_msg_subscribe(const uint8_t *p, size_t n, void *to)
{
    return msg_subscribe_decode(p, n, to);
}

static const struct msg_field msg_snapshot_fields[] = {
    {"nonce", MSG_EXACT, offsetof(struct msg_snapshot, nonce), 16u, NULL},
    {"boot", MSG_U64, offsetof(struct msg_snapshot, boot), 0u, NULL},
    {"now_ms", MSG_U64, offsetof(struct msg_snapshot, now_ms), 0u, NULL},
    {"sequence", MSG_U64, offsetof(struct msg_snapshot, sequence), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_snapshot, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_snapshot, last), 0u, NULL},
    {"entries", MSG_LIST, offsetof(struct msg_snapshot, entries), 256u, &shape_trust_entry},
};
static enum sp_rc encode_msg_snapshot(struct sp_packer *w, const void *p)
{
    return msg_snapshot_encode(w, p);
}
static enum sp_rc decode_msg_snapshot(const uint8_t *p, size_t n, void *to)
{
    return msg_snapshot_decode(p, n, to);
}

static const struct msg_field msg_trust_event_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_trust_event, boot), 0u, NULL},
    {"sequence", MSG_U64, offsetof(struct msg_trust_event, sequence), 0u, NULL},
    {"now_ms", MSG_U64, offsetof(struct msg_trust_event, now_ms), 0u, NULL},
    {"entries", MSG_LIST, offsetof(struct msg_trust_event, entries), 256u, &shape_trust_entry},
};
static enum sp_rc encode_msg_trust_event(struct sp_packer *w, const void *p)
{
    return msg_trust_event_encode(w, p);
}
static enum sp_rc decode_msg_trust_event(const uint8_t *p, size_t n, void *to)
{
    return msg_trust_event_decode(p, n, to);
}

static const struct msg_field msg_reader_ping_fields[] = {
    {"nonce", MSG_EXACT, offsetof(struct msg_reader_ping, nonce), 16u, NULL},
    {"sequence", MSG_U64, offsetof(struct msg_reader_ping, sequence), 0u, NULL},
};
static enum sp_rc encode_msg_reader_ping(struct sp_packer *w, const void *p)
{
    return msg_reader_ping_encode(w, p);
}
static enum sp_rc decode_msg_reader_ping(const uint8_t *p, size_t n, void *to)
{
    return msg_reader_ping_decode(p, n, to);
}

static const struct msg_field msg_trust_beat_fields[] = {
    {"nonce", MSG_EXACT, offsetof(struct msg_trust_beat, nonce), 16u, NULL},
    {"boot", MSG_U64, offsetof(struct msg_trust_beat, boot), 0u, NULL},
    {"now_ms", MSG_U64, offsetof(struct msg_trust_beat, now_ms), 0u, NULL},
    {"sequence", MSG_U64, offsetof(struct msg_trust_beat, sequence), 0u, NULL},
};
static enum sp_rc encode_msg_trust_beat(struct sp_packer *w, const void *p)
{
    return msg_trust_beat_encode(w, p);
}
static enum sp_rc decode_msg_trust_beat(const uint8_t *p, size_t n, void *to)
{
    return msg_trust_beat_decode(p, n, to);
}

static const struct msg_field msg_hint_fields[] = {
    {"reason", MSG_STR, offsetof(struct msg_hint, reason), 128u, NULL},
    {"nodes", MSG_LIST, offsetof(struct msg_hint, nodes), 256u, &shape_hint_node},
};
static enum sp_rc encode_msg_hint(struct sp_packer *w, const void *p)
{
    return msg_hint_encode(w, p);
}
static enum sp_rc decode_msg_hint(const uint8_t *p, size_t n, void *to)
{
    return msg_hint_decode(p, n, to);
}

static const struct msg_field msg_view_request_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_view_request, id), 0u, NULL},
    {"view", MSG_STR, offsetof(struct msg_view_request, view), 48u, NULL},
    {"args", MSG_BIN, offsetof(struct msg_view_request, args), 65536u, NULL},
};
static enum sp_rc encode_msg_view_request(struct sp_packer *w, const void *p)
{
    return msg_view_request_encode(w, p);
}
static enum sp_rc decode_msg_view_request(const uint8_t *p, size_t n, void *to)
{
    return msg_view_request_decode(p, n, to);
}

static const struct msg_field msg_view_reply_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_view_reply, id), 0u, NULL},
    {"code", MSG_U16, offsetof(struct msg_view_reply, code), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_view_reply, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_view_reply, last), 0u, NULL},
    {"data", MSG_BIN, offsetof(struct msg_view_reply, data), 786432u, NULL},
};
static enum sp_rc encode_msg_view_reply(struct sp_packer *w, const void *p)
{
    return msg_view_reply_encode(w, p);
}
static enum sp_rc decode_msg_view_reply(const uint8_t *p, size_t n, void *to)
{
    return msg_view_reply_decode(p, n, to);
}

static const struct msg_field msg_inventory_report_fields[] = {
    {"boot", MSG_U64, offsetof(struct msg_inventory_report, boot), 0u, NULL},
    {"snapshot", MSG_U64, offsetof(struct msg_inventory_report, snapshot), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_inventory_report, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_inventory_report, last), 0u, NULL},
    {"total", MSG_U32, offsetof(struct msg_inventory_report, total), 0u, NULL},
    {"nodes", MSG_LIST, offsetof(struct msg_inventory_report, nodes), 256u, &shape_inventory_node},
};
static enum sp_rc encode_msg_inventory_report(struct sp_packer *w, const void *p)
{
    return msg_inventory_report_encode(w, p);
}
static enum sp_rc decode_msg_inventory_report(const uint8_t *p, size_t n, void *to)
{
    return msg_inventory_report_decode(p, n, to);
}

static const struct msg_field msg_action_report_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_action_report, id), 0u, NULL},
    {"what", MSG_STR, offsetof(struct msg_action_report, what), 16u, NULL},
    {"node", MSG_STR, offsetof(struct msg_action_report, node), 64u, NULL},
    {"pool", MSG_STR, offsetof(struct msg_action_report, pool), 64u, NULL},
    {"detail", MSG_STR, offsetof(struct msg_action_report, detail), 256u, NULL},
};
static enum sp_rc encode_msg_action_report(struct sp_packer *w, const void *p)
{
    return msg_action_report_encode(w, p);
}
static enum sp_rc decode_msg_action_report(const uint8_t *p, size_t n, void *to)
{
    return msg_action_report_decode(p, n, to);
}

static const struct msg_field msg_admin_request_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_admin_request, id), 0u, NULL},
    {"verb", MSG_STR, offsetof(struct msg_admin_request, verb), 48u, NULL},
    {"args", MSG_BIN, offsetof(struct msg_admin_request, args), 524288u, NULL},
};
static enum sp_rc encode_msg_admin_request(struct sp_packer *w, const void *p)
{
    return msg_admin_request_encode(w, p);
}
static enum sp_rc decode_msg_admin_request(const uint8_t *p, size_t n, void *to)
{
    return msg_admin_request_decode(p, n, to);
}

static const struct msg_field msg_admin_reply_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_admin_reply, id), 0u, NULL},
    {"code", MSG_U16, offsetof(struct msg_admin_reply, code), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_admin_reply, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_admin_reply, last), 0u, NULL},
    {"data", MSG_BIN, offsetof(struct msg_admin_reply, data), 786432u, NULL},
};
static enum sp_rc encode_msg_admin_reply(struct sp_packer *w, const void *p)
{
    return msg_admin_reply_encode(w, p);
}
static enum sp_rc decode_msg_admin_reply(const uint8_t *p, size_t n, void *to)
{
    return msg_admin_reply_decode(p, n, to);
}

static const struct msg_field msg_act_report_fields[] = {
    {"waiting", MSG_U32, offsetof(struct msg_act_report, waiting), 0u, NULL},
    {"acts", MSG_LIST, offsetof(struct msg_act_report, acts), 64u, &shape_act},
};
static enum sp_rc encode_msg_act_report(struct sp_packer *w, const void *p)
{
    return msg_act_report_encode(w, p);
}
static enum sp_rc decode_msg_act_report(const uint8_t *p, size_t n, void *to)
{
    return msg_act_report_decode(p, n, to);
}

static const struct msg_field msg_act_stored_fields[] = {
    {"number", MSG_U64, offsetof(struct msg_act_stored, number), 0u, NULL},
    {"code", MSG_U16, offsetof(struct msg_act_stored, code), 0u, NULL},
    {"refused", MSG_U64, offsetof(struct msg_act_stored, refused), 0u, NULL},
    {"highest", MSG_U64, offsetof(struct msg_act_stored, highest), 0u, NULL},
};
static enum sp_rc encode_msg_act_stored(struct sp_packer *w, const void *p)
{
    return msg_act_stored_encode(w, p);
}
static enum sp_rc decode_msg_act_stored(const uint8_t *p, size_t n, void *to)
{
    return msg_act_stored_decode(p, n, to);
}

static const struct msg_field msg_enrol_request_fields[] = {
    {"token", MSG_EXACT, offsetof(struct msg_enrol_request, token), 32u, NULL},
    {"curve", MSG_EXACT, offsetof(struct msg_enrol_request, curve), 32u, NULL},
    {"sign", MSG_EXACT, offsetof(struct msg_enrol_request, sign), 32u, NULL},
    {"proof", MSG_EXACT, offsetof(struct msg_enrol_request, proof), 64u, NULL},
};
static enum sp_rc encode_msg_enrol_request(struct sp_packer *w, const void *p)
{
    return msg_enrol_request_encode(w, p);
}
static enum sp_rc decode_msg_enrol_request(const uint8_t *p, size_t n, void *to)
{
    return msg_enrol_request_decode(p, n, to);
}

static const struct msg_field msg_enrol_reply_fields[] = {
    {"code", MSG_U16, offsetof(struct msg_enrol_reply, code), 0u, NULL},
    {"name", MSG_STR, offsetof(struct msg_enrol_reply, name), 40u, NULL},
    {"adapters", MSG_STR, offsetof(struct msg_enrol_reply, adapters), 512u, NULL},
    {"labels", MSG_STR, offsetof(struct msg_enrol_reply, labels), 255u, NULL},
    {"detail", MSG_STR, offsetof(struct msg_enrol_reply, detail), 128u, NULL},
};
static enum sp_rc encode_msg_enrol_reply(struct sp_packer *w, const void *p)
{
    return msg_enrol_reply_encode(w, p);
}
static enum sp_rc decode_msg_enrol_reply(const uint8_t *p, size_t n, void *to)
{
    return msg_enrol_reply_decode(p, n, to);
}

static const struct msg_field msg_principal_set_fields[] = {
    {"version", MSG_U64, offsetof(struct msg_principal_set, version), 0u, NULL},
    {"part", MSG_U32, offsetof(struct msg_principal_set, part), 0u, NULL},
    {"last", MSG_BOOL, offsetof(struct msg_principal_set, last), 0u, NULL},
    {"principals", MSG_LIST, offsetof(struct msg_principal_set, principals), 128u, &shape_principal},
};
static enum sp_rc encode_msg_principal_set(struct sp_packer *w, const void *p)
{
    return msg_principal_set_encode(w, p);
}
static enum sp_rc decode_msg_principal_set(const uint8_t *p, size_t n, void *to)
{
    return msg_principal_set_decode(p, n, to);
}

static const struct msg_field msg_evidence_request_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_evidence_request, id), 0u, NULL},
    {"node", MSG_STR, offsetof(struct msg_evidence_request, node), 64u, NULL},
    {"kind", MSG_STR, offsetof(struct msg_evidence_request, kind), 32u, NULL},
    {"nonce", MSG_EXACT, offsetof(struct msg_evidence_request, nonce), 32u, NULL},
    {"args", MSG_STR, offsetof(struct msg_evidence_request, args), 16384u, NULL},
    {"offset", MSG_U64, offsetof(struct msg_evidence_request, offset), 0u, NULL},
    {"expires_ms", MSG_U32, offsetof(struct msg_evidence_request, expires_ms), 0u, NULL},
};
static enum sp_rc encode_msg_evidence_request(struct sp_packer *w, const void *p)
{
    return msg_evidence_request_encode(w, p);
}
static enum sp_rc decode_msg_evidence_request(const uint8_t *p, size_t n, void *to)
{
    return msg_evidence_request_decode(p, n, to);
}

static const struct msg_field msg_evidence_fields[] = {
    {"id", MSG_U64, offsetof(struct msg_evidence, id), 0u, NULL},
    {"node", MSG_STR, offsetof(struct msg_evidence, node), 64u, NULL},
    {"kind", MSG_STR, offsetof(struct msg_evidence, kind), 32u, NULL},
    {"nonce", MSG_EXACT, offsetof(struct msg_evidence, nonce), 32u, NULL},
    {"code", MSG_U16, offsetof(struct msg_evidence, code), 0u, NULL},
    {"total", MSG_U64, offsetof(struct msg_evidence, total), 0u, NULL},
    {"offset", MSG_U64, offsetof(struct msg_evidence, offset), 0u, NULL},
    {"part", MSG_BIN, offsetof(struct msg_evidence, part), 196608u, NULL},
    {"detail", MSG_STR, offsetof(struct msg_evidence, detail), 256u, NULL},
};
static enum sp_rc encode_msg_evidence(struct sp_packer *w, const void *p)
{
    return msg_evidence_encode(w, p);
}
static enum sp_rc decode_msg_evidence(const uint8_t *p, size_t n, void *to)
{
    return msg_evidence_decode(p, n, to);
}

static const struct msg_field msg_identity_get_fields[] = {
    {"node", MSG_STR, offsetof(struct msg_identity_get, node), 64u, NULL},
    {"generation", MSG_U32, offsetof(struct msg_identity_get, generation), 0u, NULL},
};
static enum sp_rc encode_msg_identity_get(struct sp_packer *w, const void *p)
{
    return msg_identity_get_encode(w, p);
}
static enum sp_rc decode_msg_identity_get(const uint8_t *p, size_t n, void *to)
{
    return msg_identity_get_decode(p, n, to);
}

static const struct msg_field msg_identity_fields[] = {
    {"node", MSG_STR, offsetof(struct msg_identity, node), 64u, NULL},
    {"generation", MSG_U32, offsetof(struct msg_identity, generation), 0u, NULL},
    {"code", MSG_U16, offsetof(struct msg_identity, code), 0u, NULL},
    {"attester", MSG_STR, offsetof(struct msg_identity, attester), 40u, NULL},
    {"sign", MSG_BIN, offsetof(struct msg_identity, sign), 32u, NULL},
    {"ak", MSG_BIN, offsetof(struct msg_identity, ak), 512u, NULL},
    {"ek", MSG_BIN, offsetof(struct msg_identity, ek), 32u, NULL},
    {"mode", MSG_U8, offsetof(struct msg_identity, mode), 0u, NULL},
};
static enum sp_rc encode_msg_identity(struct sp_packer *w, const void *p)
{
    return msg_identity_encode(w, p);
}
static enum sp_rc decode_msg_identity(const uint8_t *p, size_t n, void *to)
{
    return msg_identity_decode(p, n, to);
}

static const struct msg_field msg_principal_get_fields[] = {
    {"name", MSG_STR, offsetof(struct msg_principal_get, name), 40u, NULL},
    {"nonce", MSG_EXACT, offsetof(struct msg_principal_get, nonce), 16u, NULL},
};
static enum sp_rc encode_msg_principal_get(struct sp_packer *w, const void *p)
{
    return msg_principal_get_encode(w, p);
}
static enum sp_rc decode_msg_principal_get(const uint8_t *p, size_t n, void *to)
{
    return msg_principal_get_decode(p, n, to);
}

static const struct msg_field msg_principal_info_fields[] = {
    {"name", MSG_STR, offsetof(struct msg_principal_info, name), 40u, NULL},
    {"nonce", MSG_EXACT, offsetof(struct msg_principal_info, nonce), 16u, NULL},
    {"code", MSG_U16, offsetof(struct msg_principal_info, code), 0u, NULL},
    {"principal", MSG_RECORD, offsetof(struct msg_principal_info, principal), 0u, &shape_principal},
};
static enum sp_rc encode_msg_principal_info(struct sp_packer *w, const void *p)
{
    return msg_principal_info_encode(w, p);
}
static enum sp_rc decode_msg_principal_info(const uint8_t *p, size_t n, void *to)
{
    return msg_principal_info_decode(p, n, to);
}

static const struct msg_shape messages[SP_MSG_COUNT] = {
    {"Hello", SP_MSG_HELLO, sizeof(struct msg_hello), 6, offsetof(struct msg_hello, extra), msg_hello_fields, encode_msg_hello, decode_msg_hello, NULL},
    {"Welcome", SP_MSG_WELCOME, sizeof(struct msg_welcome), 2, offsetof(struct msg_welcome, extra), msg_welcome_fields, encode_msg_welcome, decode_msg_welcome, NULL},
    {"Heartbeat", SP_MSG_HEARTBEAT, sizeof(struct msg_heartbeat), 2, offsetof(struct msg_heartbeat, extra), msg_heartbeat_fields, encode_msg_heartbeat, decode_msg_heartbeat, NULL},
    {"Credit", SP_MSG_CREDIT, sizeof(struct msg_credit), 1, offsetof(struct msg_credit, extra), msg_credit_fields, encode_msg_credit, decode_msg_credit, NULL},
    {"Drain", SP_MSG_DRAIN, sizeof(struct msg_drain), 1, offsetof(struct msg_drain, extra), msg_drain_fields, encode_msg_drain, decode_msg_drain, NULL},
    {"Bye", SP_MSG_BYE, sizeof(struct msg_bye), 1, offsetof(struct msg_bye, extra), msg_bye_fields, encode_msg_bye, decode_msg_bye, NULL},
    {"Refused", SP_MSG_REFUSED, sizeof(struct msg_refused), 4, offsetof(struct msg_refused, extra), msg_refused_fields, encode_msg_refused, decode_msg_refused, NULL},
    {"Stats", SP_MSG_STATS, sizeof(struct msg_stats), 5, offsetof(struct msg_stats, extra), msg_stats_fields, encode_msg_stats, decode_msg_stats, NULL},
    {"RouteOpen", SP_MSG_ROUTE_OPEN, sizeof(struct msg_route_open), 1, offsetof(struct msg_route_open, extra), msg_route_open_fields, encode_msg_route_open, decode_msg_route_open, NULL},
    {"RouteCredit", SP_MSG_ROUTE_CREDIT, sizeof(struct msg_route_credit), 4, offsetof(struct msg_route_credit, extra), msg_route_credit_fields, encode_msg_route_credit, decode_msg_route_credit, NULL},
    {"JobBatch", SP_MSG_JOB_BATCH, sizeof(struct msg_job_batch), 3, offsetof(struct msg_job_batch, extra), msg_job_batch_fields, encode_msg_job_batch, decode_msg_job_batch, NULL},
    {"JobReturn", SP_MSG_JOB_RETURN, sizeof(struct msg_job_return), 2, offsetof(struct msg_job_return, extra), msg_job_return_fields, encode_msg_job_return, decode_msg_job_return, NULL},
    {"DefinitionGet", SP_MSG_DEFINITION_GET, sizeof(struct msg_definition_get), 1, offsetof(struct msg_definition_get, extra), msg_definition_get_fields, encode_msg_definition_get, decode_msg_definition_get, NULL},
    {"Definition", SP_MSG_DEFINITION, sizeof(struct msg_definition), 2, offsetof(struct msg_definition, extra), msg_definition_fields, encode_msg_definition, decode_msg_definition, NULL},
    {"ResultBatch", SP_MSG_RESULT_BATCH, sizeof(struct msg_result_batch), 3, offsetof(struct msg_result_batch, extra), msg_result_batch_fields, encode_msg_result_batch, decode_msg_result_batch, NULL},
    {"ResultAck", SP_MSG_RESULT_ACK, sizeof(struct msg_result_ack), 4, offsetof(struct msg_result_ack, extra), msg_result_ack_fields, encode_msg_result_ack, decode_msg_result_ack, NULL},
    {"LeaseClosed", SP_MSG_LEASE_CLOSED, sizeof(struct msg_lease_closed), 2, offsetof(struct msg_lease_closed, extra), msg_lease_closed_fields, encode_msg_lease_closed, decode_msg_lease_closed, NULL},
    {"NodeSet", SP_MSG_NODE_SET, sizeof(struct msg_node_set), 6, offsetof(struct msg_node_set, extra), msg_node_set_fields, encode_msg_node_set, decode_msg_node_set, NULL},
    {"CheckSet", SP_MSG_CHECK_SET, sizeof(struct msg_check_set), 5, offsetof(struct msg_check_set, extra), msg_check_set_fields, encode_msg_check_set, decode_msg_check_set, NULL},
    {"SyncRequest", SP_MSG_SYNC_REQUEST, sizeof(struct msg_sync_request), 2, offsetof(struct msg_sync_request, extra), msg_sync_request_fields, encode_msg_sync_request, decode_msg_sync_request, NULL},
    {"EpochClaim", SP_MSG_EPOCH_CLAIM, sizeof(struct msg_epoch_claim), 2, offsetof(struct msg_epoch_claim, extra), msg_epoch_claim_fields, encode_msg_epoch_claim, decode_msg_epoch_claim, NULL},
    {"EpochGrant", SP_MSG_EPOCH_GRANT, sizeof(struct msg_epoch_grant), 2, offsetof(struct msg_epoch_grant, extra), msg_epoch_grant_fields, encode_msg_epoch_grant, decode_msg_epoch_grant, NULL},
    {"KeeperClock", SP_MSG_KEEPER_CLOCK, sizeof(struct msg_keeper_clock), 6, offsetof(struct msg_keeper_clock, extra), msg_keeper_clock_fields, encode_msg_keeper_clock, decode_msg_keeper_clock, NULL},
    {"Subscribe", SP_MSG_SUBSCRIBE, sizeof(struct msg_subscribe), 2, offsetof(struct msg_subscribe, extra), msg_subscribe_fields, encode_msg_subscribe, decode_msg_subscribe, NULL},
    {"Snapshot", SP_MSG_SNAPSHOT, sizeof(struct msg_snapshot), 7, offsetof(struct msg_snapshot, extra), msg_snapshot_fields, encode_msg_snapshot, decode_msg_snapshot, NULL},
    {"TrustEvent", SP_MSG_TRUST_EVENT, sizeof(struct msg_trust_event), 4, offsetof(struct msg_trust_event, extra), msg_trust_event_fields, encode_msg_trust_event, decode_msg_trust_event, NULL},
    {"ReaderPing", SP_MSG_READER_PING, sizeof(struct msg_reader_ping), 2, offsetof(struct msg_reader_ping, extra), msg_reader_ping_fields, encode_msg_reader_ping, decode_msg_reader_ping, NULL},
    {"TrustBeat", SP_MSG_TRUST_BEAT, sizeof(struct msg_trust_beat), 4, offsetof(struct msg_trust_beat, extra), msg_trust_beat_fields, encode_msg_trust_beat, decode_msg_trust_beat, NULL},
    {"Hint", SP_MSG_HINT, sizeof(struct msg_hint), 2, offsetof(struct msg_hint, extra), msg_hint_fields, encode_msg_hint, decode_msg_hint, NULL},
    {"ViewRequest", SP_MSG_VIEW_REQUEST, sizeof(struct msg_view_request), 3, offsetof(struct msg_view_request, extra), msg_view_request_fields, encode_msg_view_request, decode_msg_view_request, NULL},
    {"ViewReply", SP_MSG_VIEW_REPLY, sizeof(struct msg_view_reply), 5, offsetof(struct msg_view_reply, extra), msg_view_reply_fields, encode_msg_view_reply, decode_msg_view_reply, NULL},
    {"InventoryReport", SP_MSG_INVENTORY_REPORT, sizeof(struct msg_inventory_report), 6, offsetof(struct msg_inventory_report, extra), msg_inventory_report_fields, encode_msg_inventory_report, decode_msg_inventory_report, NULL},
    {"ActionReport", SP_MSG_ACTION_REPORT, sizeof(struct msg_action_report), 5, offsetof(struct msg_action_report, extra), msg_action_report_fields, encode_msg_action_report, decode_msg_action_report, NULL},
    {"AdminRequest", SP_MSG_ADMIN_REQUEST, sizeof(struct msg_admin_request), 3, offsetof(struct msg_admin_request, extra), msg_admin_request_fields, encode_msg_admin_request, decode_msg_admin_request, NULL},
    {"AdminReply", SP_MSG_ADMIN_REPLY, sizeof(struct msg_admin_reply), 5, offsetof(struct msg_admin_reply, extra), msg_admin_reply_fields, encode_msg_admin_reply, decode_msg_admin_reply, NULL},
    {"ActReport", SP_MSG_ACT_REPORT, sizeof(struct msg_act_report), 2, offsetof(struct msg_act_report, extra), msg_act_report_fields, encode_msg_act_report, decode_msg_act_report, NULL},
    {"ActStored", SP_MSG_ACT_STORED, sizeof(struct msg_act_stored), 4, offsetof(struct msg_act_stored, extra), msg_act_stored_fields, encode_msg_act_stored, decode_msg_act_stored, NULL},
    {"EnrolRequest", SP_MSG_ENROL_REQUEST, sizeof(struct msg_enrol_request), 4, offsetof(struct msg_enrol_request, extra), msg_enrol_request_fields, encode_msg_enrol_request, decode_msg_enrol_request, NULL},
    {"EnrolReply", SP_MSG_ENROL_REPLY, sizeof(struct msg_enrol_reply), 5, offsetof(struct msg_enrol_reply, extra), msg_enrol_reply_fields, encode_msg_enrol_reply, decode_msg_enrol_reply, NULL},
    {"PrincipalSet", SP_MSG_PRINCIPAL_SET, sizeof(struct msg_principal_set), 4, offsetof(struct msg_principal_set, extra), msg_principal_set_fields, encode_msg_principal_set, decode_msg_principal_set, NULL},
    {"EvidenceRequest", SP_MSG_EVIDENCE_REQUEST, sizeof(struct msg_evidence_request), 7, offsetof(struct msg_evidence_request, extra), msg_evidence_request_fields, encode_msg_evidence_request, decode_msg_evidence_request, NULL},
    {"Evidence", SP_MSG_EVIDENCE, sizeof(struct msg_evidence), 9, offsetof(struct msg_evidence, extra), msg_evidence_fields, encode_msg_evidence, decode_msg_evidence, NULL},
    {"IdentityGet", SP_MSG_IDENTITY_GET, sizeof(struct msg_identity_get), 2, offsetof(struct msg_identity_get, extra), msg_identity_get_fields, encode_msg_identity_get, decode_msg_identity_get, NULL},
    {"Identity", SP_MSG_IDENTITY, sizeof(struct msg_identity), 8, offsetof(struct msg_identity, extra), msg_identity_fields, encode_msg_identity, decode_msg_identity, NULL},
    {"PrincipalGet", SP_MSG_PRINCIPAL_GET, sizeof(struct msg_principal_get), 2, offsetof(struct msg_principal_get, extra), msg_principal_get_fields, encode_msg_principal_get, decode_msg_principal_get, NULL},
    {"PrincipalInfo", SP_MSG_PRINCIPAL_INFO, sizeof(struct msg_principal_info), 4, offsetof(struct msg_principal_info, extra), msg_principal_info_fields, encode_msg_principal_info, decode_msg_principal_info, NULL},
};
static const struct msg_shape *const records[] = {
    &shape_route_spec,
    &shape_counter,
    &shape_gauge,
    &shape_latency,
    &shape_job,
    &shape_returned,
    &shape_definition_body,
    &shape_result,
    &shape_refused_result,
    &shape_closed,
    &shape_node_info,
    &shape_check_info,
    &shape_trust_entry,
    &shape_hint_node,
    &shape_inventory_node,
    &shape_act,
    &shape_principal,
};

const struct msg_shape *msg_fields_of(unsigned number)
{
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        if (messages[i].number == number)
            return &messages[i];
    }
    return NULL;
}

const struct msg_shape *msg_fields_of_record(struct sp_str name)
{
    for (unsigned i = 0; i < SP_COUNT(records); i++) {
        if (sp_str_is(name, records[i]->name))
            return records[i];
    }
    return NULL;
}
