/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_list.h"

#include <stdlib.h>

#include "life_rule.h"
#include "sp_hex.h"

#define JOB_SHIFT       40u
#define JOB_COUNTER_MAX ((1ull << JOB_SHIFT) - 1)
#define JOB_TEXT_BYTES  40u

static json_t *number(uint64_t v)
{
    return json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v));
}

static const char *name_of(const struct checks *c, uint32_t profile)
{
    return profile == CHECKS_NONE ? "" : c->profiles[profile].def.name;
}

/* ---- checks and profiles ---- */

static json_t *check_row(const struct admin *a, const struct catalog_check *c, uint32_t index, uint32_t late,
                         struct life_needs *needs)
{
    const struct checks_check *live = a->core->checks.list[index];
    char digest[2 * 32 + 1];
    sp_hex_write(c->def.digest, sizeof c->def.digest, digest);
    json_t *row = json_deep_copy(c->json);
    (void)json_object_del(row, "timeout");
    (void)json_object_del(row, "max_age");
    const struct profile_def *profile = checks_profile_of(&a->core->checks, live);
    json_t *more = json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:I}", "id", (json_int_t)c->def.id, "revision",
                             (json_int_t)c->def.revision, "timeout_ms", (json_int_t)c->def.timeout_ms, "max_age_ms",
                             (json_int_t)c->def.max_age_ms, "period_ms",
                             (json_int_t)plan_typical_ms(profile, a->core->now.mono.us, a->core->wall_offset_us), "in_force",
                             profile->name, "selected", name_of(&a->core->checks, live->selected), "digest", digest, "pairs",
                             (json_int_t)live->pairs, "late", (json_int_t)late, "running", (json_int_t)live->running);
    (void)json_object_update(row, more);
    json_decref(more);
    json_t *broken = life_rule_broken(&a->core->checks, live, needs);
    (void)json_object_set_new(row, "warnings", broken != NULL ? json_pack("[o]", broken) : json_array());
    return row;
}

json_t *admin_list_checks(const struct admin *a, const char *name)
{
    json_t *rows = json_array();
    uint32_t *late = calloc(CHECKS_MAX, sizeof late[0]);
    struct life_needs needs = {{0}};
    if (late != NULL)
        scheduler_core_waiting(a->core, late);
    for (uint32_t i = 0; late != NULL && i < a->catalog->check_count; i++) {
        const struct catalog_check *c = &a->catalog->checks[i];
        uint32_t index = checks_find(&a->core->checks, c->def.name);
        if (index != CHECKS_NONE && (name == NULL || strcmp(name, c->def.name) == 0))
            (void)json_array_append_new(rows, check_row(a, c, index, late[index], &needs));
    }
    free(late);
    return rows;
}

json_t *admin_list_profiles(const struct admin *a, const char *name)
{
    json_t *rows = json_array();
    const struct checks *live = &a->core->checks;
    for (uint32_t i = 0; i < a->catalog->profile_count; i++) {
        const struct catalog_profile *p = &a->catalog->profiles[i];
        if (name != NULL && strcmp(name, p->def.name) != 0)
            continue;
        uint32_t index = checks_profile_find(live, p->def.name), users = 0;
        for (uint32_t k = 0; k < live->count; k++)
            users += live->list[k] != NULL && live->list[k]->profile == index;
        json_t *row = json_deep_copy(p->json);
        (void)json_object_del(row, "period");
        (void)json_object_set_new(row, "jitter_percent", json_integer(p->def.jitter_percent));
        (void)json_object_del(row, "jitter");
        if (p->def.period_ms != 0)
            (void)json_object_set_new(row, "period_ms", json_integer(p->def.period_ms));
        (void)json_object_set_new(row, "selected", json_boolean(index != CHECKS_NONE && live->selected == index));
        (void)json_object_set_new(row, "checks", json_integer(users));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

/* ---- pairs ---- */

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {"free", "planned", "waits-credit", "waits-check", "waits-node", "running"};
    return state < SP_COUNT(names) ? names[state] : "unknown";
}

static void job_text(uint64_t job, char to[JOB_TEXT_BYTES])
{
    (void)snprintf(to, JOB_TEXT_BYTES, "%llu-%llu", (unsigned long long)(job >> JOB_SHIFT),
                   (unsigned long long)(job & JOB_COUNTER_MAX));
}

static json_t *pair_row(const struct admin *a, uint32_t slot, struct sp_now now)
{
    const struct pairs_pair *p = &a->core->pairs.list[slot];
    struct sp_str node = registry_name(&a->core->registry.nodes[p->node]);
    char job[JOB_TEXT_BYTES];
    job_text(p->job, job);
    json_t *row = json_pack("{s:s, s:s%, s:s, s:i, s:b, s:s}", "check", a->core->checks.list[p->check]->def.name, "node", node.p,
                            (size_t)node.n, "state", state_name(p->state), "attempt", (int)p->attempt, "test",
                            (p->flags & PAIRS_TEST) != 0, "job", p->job != 0 ? job : "");
    (void)json_object_set_new(
        row, "due_in_ms", p->due == UINT64_MAX ? json_null() : json_integer(((json_int_t)p->due - (json_int_t)now.mono.us) / 1000));
    return row;
}

json_t *admin_list_pairs(const struct admin *a, const json_t *args, struct sp_now now)
{
    const struct scheduler_core *s = a->core;
    const char *check = json_string_value(json_object_get(args, "check")), *node = json_string_value(json_object_get(args, "node"));
    json_int_t limit = json_integer_value(json_object_get(args, "limit"));
    if (limit <= 0 || limit > (json_int_t)ADMIN_ROWS_MAX)
        limit = 1000;
    uint32_t want_check = check == NULL ? CHECKS_NONE : checks_find(&s->checks, check);
    uint32_t want_node = node == NULL ? WHEEL_NONE : registry_find_name(&s->registry, sp_str_of(node));
    json_t *rows = json_array();
    if ((check != NULL && want_check == CHECKS_NONE) || (node != NULL && want_node == WHEEL_NONE))
        return rows;
    for (uint32_t i = 0; i < s->pairs.top && (json_int_t)json_array_size(rows) < limit; i++) {
        const struct pairs_pair *p = &s->pairs.list[i];
        if (p->state != PAIRS_FREE && (check == NULL || p->check == want_check) && (node == NULL || p->node == want_node))
            (void)json_array_append_new(rows, pair_row(a, i, now));
    }
    return rows;
}

/* ---- statistics ---- */

static json_t *lanes_of(const struct scheduler_core *s)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < s->lanes.count; i++) {
        const struct lane *l = &s->lanes.list[i];
        json_t *brokers = json_array();
        for (uint32_t b = 0; b < LANE_BROKERS_MAX; b++)
            if (s->lanes.brokers[b].boot != 0)
                (void)json_array_append_new(brokers, json_pack("{s:b, s:o, s:o, s:I}", "up", s->lanes.brokers[b].up, "granted",
                                                               number(l->credit[b].granted), "sent", number(l->credit[b].sent),
                                                               "workers", (json_int_t)l->credit[b].workers));
        (void)json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:o}", "adapter", l->adapter, "labels", l->labels, "waiting",
                                                    (json_int_t)l->waiting, "brokers", brokers));
    }
    return rows;
}

static json_t *late_of(const struct scheduler_core *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "count", number(s->stats.late_count), "p50_us",
                     number(scheduler_core_late_at(s, 500)), "p99_us", number(scheduler_core_late_at(s, 990)), "p999_us",
                     number(scheduler_core_late_at(s, 999)), "max_us", number(s->stats.late_max_us));
}

json_t *admin_list_stats(const struct admin *a, struct sp_now now)
{
    static const char *const phases[] = {"claiming", "active", "deposed"};
    const struct scheduler_core *s = a->core;
    const struct scheduler_core_stats *t = &s->stats;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"epoch", s->epoch},
        {"pairs", s->pairs.count},
        {"checks", s->checks.live},
        {"nodes", s->registry.present},
        {"version", s->version},
        {"nodes_version", s->nodes_version},
        {"open_leases", s->open_leases},
        {"backlog", scheduler_core_backlog(s)},
        {"due", t->due},
        {"issued", t->issued},
        {"batches", t->batches},
        {"closed", t->closed},
        {"errors", t->errors},
        {"retried", t->retried},
        {"lost", t->lost},
        {"returned", t->returned},
        {"refused", t->refused},
        {"stale", t->stale},
        {"missed", t->missed},
        {"unsent", t->unsent},
        {"tests", t->tests},
        {"no_checkpoint", t->no_checkpoint},
        {"malformed", t->malformed},
    };
    json_t *o = json_object();
    for (size_t i = 0; i < SP_COUNT(rows); i++)
        (void)json_object_set_new(o, rows[i].name, number(rows[i].value));
    (void)json_object_set_new(o, "phase", json_string(phases[s->phase]));
    (void)json_object_set_new(o, "issuing", json_boolean(scheduler_core_issues(s)));
    (void)json_object_set_new(o, "keeper_ready", json_boolean(s->keeper_ready));
    (void)json_object_set_new(o, "late", late_of(s));
    (void)json_object_set_new(o, "routes", lanes_of(s));
    (void)json_object_set_new(o, "uptime_ms", number((now.mono.us - a->started.us) / 1000));
    return o;
}

/* ---- trace ---- */

/* "EPOCH-NUMBER" or the number itself; 0 when malformed. */
static uint64_t job_parse(const json_t *v)
{
    uint64_t epoch, counter;
    if (json_is_integer(v))
        return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
    if (!json_is_string(v))
        return 0;
    struct sp_str rest = sp_str_of(json_string_value(v)), head;
    if (memchr(rest.p, '-', rest.n) == NULL)
        return sp_str_u64(rest, UINT64_MAX, &counter) ? counter : 0;
    if (!sp_str_next(&rest, '-', &head) || !sp_str_u64(head, SCHEDULER_CORE_EPOCH_MAX, &epoch) ||
        !sp_str_u64(rest, JOB_COUNTER_MAX, &counter))
        return 0;
    return epoch << JOB_SHIFT | counter;
}

static json_t *stamp(struct sp_now now, uint64_t us, const char *what, json_t *more)
{
    char at[32];
    uint64_t ago = now.mono.us > us ? (now.mono.us - us) / 1000 : 0;
    sp_time_format_wall((struct sp_wall){now.wall.ms - ago}, at, sizeof at);
    json_t *o = json_pack("{s:s, s:s, s:o}", "at", at, "what", what, "us", number(us));
    (void)json_object_update(o, more);
    json_decref(more);
    return o;
}

json_t *admin_list_trace(const struct admin *a, const json_t *args, struct sp_now now)
{
    uint64_t job = job_parse(json_object_get(args, "job"));
    if (job == 0)
        return NULL;
    const struct scheduler_core *s = a->core;
    const struct scheduler_core_issue *row = scheduler_core_trace_find(s, job);
    json_t *stamps = json_array(), *o = json_pack("{s:o}", "stamps", stamps);
    if (row == NULL)
        return o;
    const char *check = "", *node = "";
    for (uint32_t i = 0; i < s->checks.count; i++)
        if (s->checks.list[i] != NULL && s->checks.list[i]->def.id == row->check_id)
            check = s->checks.list[i]->def.name;
    uint32_t index = sp_map_get(&s->registry.by_id, row->node_id);
    if (index != SP_MAP_NONE && s->registry.nodes[index].present)
        node = s->registry.nodes[index].text;
    (void)json_array_append_new(stamps, stamp(now, row->due_us, "due", json_pack("{s:s, s:s}", "check", check, "node", node)));
    (void)json_array_append_new(stamps, stamp(now, row->issued_us, "issued",
                                              json_pack("{s:i, s:o, s:I}", "attempt", (int)row->attempt, "sequence",
                                                        number(row->sequence), "slot", (json_int_t)row->slot)));
    (void)json_object_set_new(o, "trace", number(row->sequence));
    bool out = row->slot < s->pairs.top && s->pairs.list[row->slot].job == job && s->pairs.list[row->slot].state == PAIRS_RUNNING;
    (void)json_object_set_new(o, "open", json_boolean(out));
    return o;
}

json_t *admin_list_ping(const struct admin *a, struct sp_now now)
{
    return json_pack("{s:s, s:s, s:o, s:b, s:o, s:o}", "name", a->name, "version", SPICE_VERSION, "uptime_ms",
                     number((now.mono.us - a->started.us) / 1000), "ready", scheduler_core_is_ready(a->core), "epoch",
                     number(a->core->epoch), "pairs", number(a->core->pairs.count));
}
