/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_admin.h"

#include <jansson.h>
#include <stdlib.h>

#include "sp_time.h"

#define ROWS_MAX 4096u

bool broker_admin_init(struct broker_admin *a, struct broker_core *core, uint64_t now_us)
{
    memset(a, 0, sizeof *a);
    a->core = core;
    a->size = core->who.size;
    a->started_us = now_us;
    a->stats = calloc(a->size, sizeof *a->stats);
    return a->stats != NULL;
}

void broker_admin_fini(struct broker_admin *a)
{
    for (uint32_t i = 0; a->stats != NULL && i < a->size; i++)
        free(a->stats[i].body);
    free(a->stats);
    a->stats = NULL;
}

void broker_admin_keep(struct broker_admin *a, uint32_t principal, struct sp_str body, uint64_t now_us)
{
    struct broker_admin_stats *s = &a->stats[principal];
    const struct principal *row = &a->core->who.rows[principal];

    if (body.n > BROKER_ADMIN_STATS_BYTES_MAX)
        return;
    if (body.n > s->size) {
        uint8_t *p = realloc(s->body, body.n + body.n / 4);

        if (p == NULL)
            return;
        s->body = p;
        s->size = body.n + body.n / 4;
    }
    memcpy(s->body, body.p, body.n);
    s->bytes = body.n;
    s->received_us = now_us;
    s->role = row->role;
    memcpy(s->name, row->name, sizeof s->name);
}

static json_t *number(uint64_t v)
{
    return json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v));
}

static json_t *counters_of(const struct msg_stats *m)
{
    json_t *rows = json_array();
    struct sp_list list = m->counters;
    struct rec_counter c;

    while (rec_counter_next(&list, &c))
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "type", msg_name(c.type), "role",
                                              sp_role_name(c.role), "direction", c.outgoing ? "out" : "in", "messages",
                                              number(c.messages), "bytes", number(c.bytes), "dropped", number(c.dropped), "refused",
                                              number(c.refused)));
    return rows;
}

static json_t *levels_of(const struct msg_stats *m)
{
    json_t *levels = json_object();
    struct sp_list list = m->gauges;
    struct rec_gauge g;
    char name[REC_GAUGE_NAME_MAX + 1];

    while (rec_gauge_next(&list, &g)) {
        (void)sp_str_copy(name, sizeof name, g.name);
        json_object_set_new(levels, name, number(g.value));
    }
    return levels;
}

static json_t *latencies_of(const struct msg_stats *m)
{
    json_t *rows = json_object();
    struct sp_list list = m->latencies;
    struct rec_latency l;
    char name[REC_LATENCY_NAME_MAX + 1];

    while (rec_latency_next(&list, &l)) {
        (void)sp_str_copy(name, sizeof name, l.name);
        json_object_set_new(rows, name,
                            json_pack("{s:o, s:o, s:o, s:o}", "count", number(l.count), "p50_us", number(l.p50_us), "p99_us",
                                      number(l.p99_us), "max_us", number(l.max_us)));
    }
    return rows;
}

static json_t *stats_get(const struct broker_admin *a, uint64_t now_us)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < a->size; i++) {
        const struct broker_admin_stats *s = &a->stats[i];
        struct msg_stats m;

        if (s->bytes == 0 || msg_stats_decode(s->body, s->bytes, &m) != SP_OK)
            continue;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", s->name, "role",
                                              sp_role_name(s->role), "boot", number(m.boot & INT64_MAX), "uptime_ms",
                                              number(m.uptime_ms), "age_ms", number((now_us - s->received_us) / SP_US_PER_MS),
                                              "counters", counters_of(&m), "gauges", levels_of(&m), "latencies", latencies_of(&m)));
    }
    return rows;
}

static json_t *worker_of(const struct broker_core *b, const struct peer *p)
{
    const struct route_worker *w = &b->routes.workers[p->worker];
    json_t *adapters = json_array();

    for (uint32_t i = 0; i < b->who.adapters; i++)
        if (w->adapters >> i & 1u)
            json_array_append_new(adapters, json_string(b->who.adapter[i]));
    return json_pack("{s:o, s:s, s:i, s:o, s:o, s:I, s:o, s:b}", "adapters", adapters, "labels", w->labels, "slots", (int)w->slots,
                     "granted", number(w->granted), "taken", number(w->taken), "free", (json_int_t)route_worker_free(w), "batches",
                     number(w->batches), "draining", w->draining);
}

static json_t *peers_list(const struct broker_core *b, uint64_t now_us)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < b->peers.size && json_array_size(rows) < ROWS_MAX; i++) {
        const struct peer *p = &b->peers.peers[i];
        const struct principal *who = &b->who.rows[p->principal];

        if (!p->used)
            continue;
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", who->name, "role",
                                              sp_role_name(p->role), "software", p->software, "connected_ms",
                                              number((now_us - p->since_us) / SP_US_PER_MS), "silent_ms",
                                              number((now_us - p->heard_us) / SP_US_PER_MS), "backlog", number(p->backlog),
                                              "dropped", number(p->dropped), "refused", number(who->refused), "worker",
                                              p->has_worker ? worker_of(b, p) : json_null()));
    }
    return rows;
}

static const char *name_of(const struct broker_core *b, uint32_t principal)
{
    return principal < b->who.size && b->who.rows[principal].used ? b->who.rows[principal].name : "";
}

static json_t *trace_get(const struct broker_core *b, uint64_t wanted, uint64_t now_us, uint64_t wall_ms)
{
    json_t *rows = json_array();
    uint64_t first = b->traced > BROKER_TRACE_MAX ? b->traced - BROKER_TRACE_MAX : 0;

    for (uint64_t i = first; i < b->traced && json_array_size(rows) < ROWS_MAX; i++) {
        const struct broker_trace *t = &b->trace[i % BROKER_TRACE_MAX];
        char at[32];

        if (wanted != 0 && t->trace != wanted && t->sequence != wanted)
            continue;
        sp_time_format_wall((struct sp_wall){wall_ms - (now_us - t->in_us) / SP_US_PER_MS}, at, sizeof at);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "hop", b->name, "type",
                                        msg_name(t->type), "from", name_of(b, t->from), "to", name_of(b, t->to), "trace",
                                        number(t->trace), "sequence", number(t->sequence), "at", at, "in_us", number(t->in_us),
                                        "out_us", number(t->out_us), "jobs", number(t->jobs), "bytes", number(t->bytes)));
    }
    return rows;
}

static json_t *ping(const struct broker_admin *a, uint64_t now_us)
{
    const struct broker_core *b = a->core;

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", b->name, "version", SPICE_VERSION, "uptime_ms",
                     number((now_us - a->started_us) / SP_US_PER_MS), "peers", number(b->peers.count), "workers",
                     number(b->routes.workers_count), "queued", number(b->pool.count));
}

static json_t *trouble(const char *error, const char *where, const char *hint)
{
    return json_pack("{s:s, s:s, s:s}", "error", error, "where", where, "hint", hint);
}

enum sp_refusal broker_admin_answer(struct broker_admin *a, const struct msg_admin_request *request, uint64_t now_us,
                                    uint64_t wall_ms, struct sp_buf *out)
{
    json_error_t error;
    json_t *args =
        request->args.n == 0 ? json_object() : json_loadb(request->args.p, request->args.n, JSON_REJECT_DUPLICATES, &error);
    json_t *answer = NULL;
    enum sp_refusal code = SP_REFUSAL_NONE;
    char *printed;

    if (!json_is_object(args)) {
        answer = trouble("arguments are not a JSON object", "args", "");
        code = SP_REFUSAL_BAD_REQUEST;
    } else if (sp_str_is(request->verb, "ping")) {
        answer = ping(a, now_us);
    } else if (sp_str_is(request->verb, "stats.get")) {
        answer = stats_get(a, now_us);
    } else if (sp_str_is(request->verb, "peers.list")) {
        answer = peers_list(a->core, now_us);
    } else if (sp_str_is(request->verb, "trace.get")) {
        json_int_t wanted = json_integer_value(json_object_get(args, "trace"));

        answer = trace_get(a->core, wanted > 0 ? (uint64_t)wanted : 0, now_us, wall_ms);
    } else {
        answer = trouble("the broker has no such verb", "verb", "ping, peers.list, stats.get, trace.get, worker.drain");
        code = SP_REFUSAL_BAD_REQUEST;
    }
    printed = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    sp_buf_text(out, printed != NULL ? printed : "null");
    free(printed);
    json_decref(answer);
    json_decref(args);
    return code;
}
