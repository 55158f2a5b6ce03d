/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_views.h"

#include <stdio.h>
#include <stdlib.h>

#include "keeper_identity.h"
#include "keeper_node_admin.h"
#include "keeper_pool_json.h"
#include "sp_hex.h"
#include "sp_selector.h"

#define VIEWS_EPOCH_SHIFT 40 /* job numbers are epoch << 40 | counter */

/* What every view needs of the present. */
struct views_now {
    uint64_t ms; /* keeper clock */
    uint64_t wall_ms;
};

static struct views_now views_now(const struct nodes_shell *s)
{
    struct sp_now now = nodes_shell_now(s);
    return (struct views_now){sp_mono_ms(now.mono), now.wall.ms};
}

static json_t *views_wall(uint64_t wall_ms)
{
    char text[32];
    if (wall_ms == 0) {
        return json_null();
    }
    sp_time_format_wall((struct sp_wall){wall_ms}, text, sizeof text);
    return json_string(text);
}

/* Wall time of an instant on the keeper's clock, for people. */
static json_t *views_instant(struct views_now now, uint64_t at_ms)
{
    if (at_ms == 0) {
        return json_null();
    }
    return views_wall(at_ms >= now.ms ? now.wall_ms + (at_ms - now.ms) : now.wall_ms - (now.ms - at_ms));
}

static json_t *views_number(uint64_t v)
{
    return json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v));
}

static json_t *views_key(const uint8_t key[16])
{
    char text[SP_HEX_KEY_BYTES];
    sp_hex_key_write(key, text);
    return json_string(text);
}

/* A text that may have been cut inside a character. */
static json_t *views_text(struct sp_str text)
{
    for (unsigned i = 0; i < 4 && text.n > 0; i++, text.n--) {
        json_t *value = json_stringn(text.p, text.n);
        if (value != NULL) {
            return value;
        }
    }
    return json_string("");
}

static json_t *views_labels(const char *labels)
{
    json_t *object = json_object();
    struct sp_str rest = sp_str_of(labels), one;
    while (sp_str_next(&rest, ',', &one)) {
        const char *eq = one.n > 0 ? memchr(one.p, '=', one.n) : NULL;
        char key[SP_LABEL_BYTES_MAX + 1];
        if (eq != NULL && sp_str_copy(key, sizeof key, sp_str_bytes(one.p, (size_t)(eq - one.p)))) {
            json_object_set_new(object, key, json_stringn(eq + 1, one.n - (size_t)(eq + 1 - one.p)));
        }
    }
    return object;
}

static json_t *views_aliases(const char *aliases)
{
    json_t *list = json_array();
    struct sp_str rest = sp_str_of(aliases), one;
    while (sp_str_next(&rest, ',', &one)) {
        json_array_append_new(list, json_stringn(one.p, one.n));
    }
    return list;
}

/* Lends the name of the node that an argument names, by name or alias; the argument itself when there is no such node, NULL when it is
 * not given. */
static const char *views_node_name(struct nodes_shell *s, const struct keeper_act *act, const char *key)
{
    const char *word = keeper_admin_text(act, key);
    const struct node_row *row = word != NULL ? node_registry_find(keeper_core_nodes(s->core), sp_str_of(word)) : NULL;
    return row != NULL ? row->name : word;
}

static json_t *views_pool_state(const struct nodes_shell *s, const struct node_row *row, uint32_t p, struct views_now now)
{
    struct keeper_view v;
    char why[KEEPER_WHY_BYTES];
    keeper_core_view(s->core, row, p, now.ms, &v);
    trust_eval_text(keeper_core_pool(s->core, p), &v.verdict, why, sizeof why);
    return json_pack("{s:b, s:s, s:o, s:o, s:o, s:s}", "member", v.member, "tier", sp_tier_name(v.tier), "since",
                     views_wall(v.since_ms), "until", views_instant(now, v.until_ms), "remaining_ms",
                     views_number(v.member ? v.until_ms - now.ms : 0), "why", why);
}

/* The tier of a node over all its pools: bad evidence anywhere shows; otherwise the best there is. */
static unsigned views_tier(const struct nodes_shell *s, const struct node_row *row, struct views_now now)
{
    bool fail = false, warn = false, pass = false;
    for (uint32_t p = 0; p < keeper_core_pools(s->core); p++) {
        struct keeper_view v;
        if (keeper_core_pool(s->core, p) == NULL) {
            continue;
        }
        keeper_core_view(s->core, row, p, now.ms, &v);
        fail = fail || v.tier == SP_TIER_FAIL;
        warn = warn || v.tier == SP_TIER_WARN;
        pass = pass || v.tier == SP_TIER_PASS;
    }
    return fail ? SP_TIER_FAIL : warn ? SP_TIER_WARN : pass ? SP_TIER_PASS : SP_TIER_NONE;
}

static json_t *views_node(struct nodes_shell *s, const struct node_row *row, struct views_now now)
{
    static const char *const origins[] = {"file", "api", "nova"};
    json_t *pools = json_object();
    for (uint32_t p = 0; p < keeper_core_pools(s->core); p++) {
        if (keeper_core_pool(s->core, p) != NULL) {
            json_object_set_new(pools, keeper_core_pool(s->core, p)->name, views_pool_state(s, row, p, now));
        }
    }
    return json_pack("{s:s, s:o, s:I, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:s, s:o}", "name", row->name, "key", views_key(row->key),
                     "id", (json_int_t)row->id, "aliases", views_aliases(row->aliases), "address",
                     row->address[0] != '\0' ? row->address : row->name, "tier", sp_tier_name(views_tier(s, row, now)), "state",
                     sp_node_state_name(row->state), "origin", origins[row->origin < 3 ? row->origin : 1], "labels",
                     views_labels(row->labels), "generation", (json_int_t)row->generation, "enrolment",
                     keeper_identity_word(s, row), "pools", pools);
}

static uint64_t views_limit(const struct keeper_act *act)
{
    json_int_t limit = json_integer_value(json_object_get(act->args, "limit"));
    return limit > 0 && limit < (json_int_t)KEEPER_ADMIN_ROWS_MAX ? (uint64_t)limit : KEEPER_ADMIN_ROWS_MAX;
}

json_t *keeper_views_nodes(struct nodes_shell *s, struct keeper_act *act)
{
    json_t *list = json_array();
    struct views_now now = views_now(s);
    struct node_registry *nodes = keeper_core_nodes(s->core);
    const char *selector = keeper_admin_text(act, "selector"), *name = views_node_name(s, act, "name");
    bool all = json_is_true(json_object_get(act->args, "all")) || name != NULL;
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct node_row *row = node_registry_at(nodes, id);
        bool wanted = all || row->state != SP_NODE_STATE_RETIRED;
        wanted = wanted && (name == NULL || strcmp(name, row->name) == 0);
        wanted = wanted &&
                 (selector == NULL || sp_selector_text_match(sp_str_of(selector), sp_str_of(row->name), sp_str_of(row->labels)));
        if (wanted) {
            json_t *one = views_node(s, row, now);
            if (name != NULL) { /* in full for one; a list of a whole fleet would be mostly keys */
                json_object_set_new(one, "identity", keeper_identity_show(s, row));
            }
            json_array_append_new(list, one);
        }
    }
    return list;
}

json_t *keeper_views_pools(struct nodes_shell *s, struct keeper_act *act)
{
    json_t *list = json_array();
    struct views_now now = views_now(s);
    struct node_registry *nodes = keeper_core_nodes(s->core);
    (void)act;
    for (uint32_t p = 0; p < keeper_core_pools(s->core); p++) {
        const struct pool_policy *pool = keeper_core_pool(s->core, p);
        uint32_t members = 0, eligible = 0;
        for (uint32_t id = 1; id <= nodes->count && pool != NULL; id++) {
            const struct node_row *row = node_registry_at(nodes, id);
            struct keeper_view v;
            keeper_core_view(s->core, row, p, now.ms, &v);
            members += v.member;
            eligible += row->members[p].selected && row->state == SP_NODE_STATE_IN_SERVICE;
        }
        if (pool != NULL) {
            json_t *one = keeper_pool_json_write(pool);
            json_object_del(one, "hold_down");
            json_object_set_new(one, "hold_down_ms", views_number(pool->hold_down_ms));
            json_object_set_new(one, "members", json_integer(members));
            json_object_set_new(one, "eligible_nodes", json_integer(eligible));
            json_array_append_new(list, one);
        }
    }
    return list;
}

/* ---- results ---- */

static json_t *views_job(uint64_t job)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%llu-%llu", (unsigned long long)(job >> VIEWS_EPOCH_SHIFT),
                   (unsigned long long)(job & ((1ull << VIEWS_EPOCH_SHIFT) - 1)));
    return json_string(text);
}

static json_t *views_result(const struct nodes_shell *s, const struct node_row *row, const struct pair_state *pair,
                            const struct check_row *check, struct views_now now)
{
    struct pair_rule rule = check_table_rule(check);
    uint64_t until = 0;
    unsigned tier = pair_state_tier(pair, &rule, row->generation, now.ms, &until);
    struct sp_str text = text_pool_text(keeper_core_texts(s->core), pair->text);
    struct sp_str detail = text, measures = {NULL, 0};
    const char *cut = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
    if (cut != NULL) {
        detail.n = (uint32_t)(cut - text.p);
        measures = sp_str_bytes(cut + 1, text.n - detail.n - 1);
    }
    bool dated = pair->known != 0 && pair->issued_ms <= now.ms;
    bool affirms = pair->outcome == SP_OUTCOME_PASS || pair->outcome == SP_OUTCOME_WARN;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:i, s:o}", "node", row->name, "check",
                     check->name, "outcome", sp_outcome_name((unsigned)pair->outcome), "tier", sp_tier_name(tier), "reason",
                     sp_reason_name((unsigned)pair->reason), "detail", views_text(detail), "measures", views_text(measures),
                     "issued", dated ? views_instant(now, pair->issued_ms) : json_null(), "age_ms",
                     dated ? views_number(now.ms - pair->issued_ms) : json_null(), "remaining_ms",
                     views_number(until > now.ms ? until - now.ms : 0), "job", views_job(pair->job), "attempt", (int)pair->attempt,
                     "worker", keeper_core_worker(s->core, (uint32_t)pair->worker), "streak",
                     affirms ? (int)pair->passes : (int)pair->fails, "since", views_wall((uint64_t)pair->since_s * SP_MS_PER_S));
}

static json_t *views_tests(struct nodes_shell *s, const struct keeper_act *act, struct views_now now)
{
    json_t *list = json_array();
    const struct result_test *t;
    const char *node_name = views_node_name(s, act, "node"), *check_name = keeper_admin_text(act, "check");
    for (uint64_t i = 0; (t = result_ring_nth_test(keeper_core_ring(s->core), i)) != NULL; i++) {
        const struct node_row *row = node_registry_at(keeper_core_nodes(s->core), t->stamp.node);
        uint32_t index = check_table_find(keeper_core_checks(s->core), t->stamp.check);
        if (row == NULL || index == CHECK_ROW_NONE) {
            continue;
        }
        const struct check_row *check = check_table_at(keeper_core_checks(s->core), index);
        if ((node_name != NULL && strcmp(node_name, row->name) != 0) ||
            (check_name != NULL && strcmp(check_name, check->name) != 0)) {
            continue;
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:s}", "node", row->name, "check",
                                              check->name, "outcome", sp_outcome_name(t->stamp.outcome), "tier", "none", "reason",
                                              sp_reason_name(t->reason), "detail", views_text(sp_str_of(t->detail)), "issued",
                                              views_instant(now, t->stamp.issued_ms), "job", views_job(t->stamp.job), "test", 1,
                                              "worker", keeper_core_worker(s->core, t->stamp.worker)));
    }
    return list;
}

json_t *keeper_views_results(struct nodes_shell *s, struct keeper_act *act)
{
    struct views_now now = views_now(s);
    if (json_is_true(json_object_get(act->args, "test"))) {
        return views_tests(s, act, now);
    }
    json_t *list = json_array();
    struct node_registry *nodes = keeper_core_nodes(s->core);
    const char *node_name = views_node_name(s, act, "node"), *check_name = keeper_admin_text(act, "check");
    uint64_t limit = views_limit(act), seen = 0, after = 0;
    json_int_t given = json_integer_value(json_object_get(act->args, "after"));
    after = given > 0 ? (uint64_t)given : 0;
    for (uint32_t id = 1; id <= nodes->count && json_array_size(list) < limit; id++) {
        const struct node_row *row = node_registry_at(nodes, id);
        if (node_name != NULL && strcmp(node_name, row->name) != 0) {
            continue;
        }
        for (uint32_t i = 0; i < row->pair_count && json_array_size(list) < limit; i++) {
            uint32_t index = check_table_find(keeper_core_checks(s->core), row->pairs[i].check_id);
            const struct check_row *check = index == CHECK_ROW_NONE ? NULL : check_table_at(keeper_core_checks(s->core), index);
            if (check == NULL || !check->present || row->pairs[i].run_count == 0 ||
                (check_name != NULL && strcmp(check_name, check->name) != 0) || seen++ < after) {
                continue;
            }
            json_array_append_new(list, views_result(s, row, &row->pairs[i], check, now));
        }
    }
    return list;
}

static const char *views_check_name(const struct nodes_shell *s, int64_t id)
{
    uint32_t index = check_table_find(keeper_core_checks(s->core), (uint32_t)id);
    return index == CHECK_ROW_NONE ? "?" : check_table_at(keeper_core_checks(s->core), index)->name;
}

static json_t *views_run(const char *node, const char *check, const struct pair_run *run, struct sp_str detail)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "node", node, "check", check, "outcome",
                     sp_outcome_name(run->outcome), "reason", sp_reason_name(run->reason), "first",
                     views_wall((uint64_t)run->since_s * SP_MS_PER_S), "last", views_wall((uint64_t)run->last_s * SP_MS_PER_S),
                     "count", (json_int_t)run->count, "detail", views_text(detail));
}

json_t *keeper_views_history(struct nodes_shell *s, struct keeper_act *act)
{
    const char *check_name = keeper_admin_text(act, "check");
    const struct node_row *row = keeper_node_find(s, act, "node");
    struct views_now now = views_now(s);
    struct sp_db_stmt *q = NULL;
    if (row == NULL) {
        return NULL;
    }
    json_t *list = json_array();
    uint64_t limit = views_limit(act);
    for (uint32_t i = 0; i < row->pair_count && json_array_size(list) < limit; i++) { /* the runs that go on */
        const struct pair_state *p = &row->pairs[i];
        const char *check = views_check_name(s, p->check_id);
        bool wanted = p->run_count > 0 && (check_name == NULL || strcmp(check_name, check) == 0);
        uint64_t last_ms =
            p->issued_ms == 0 || p->issued_ms > now.ms ? (uint64_t)p->since_s * SP_MS_PER_S : now.wall_ms - (now.ms - p->issued_ms);
        struct pair_run run = {p->since_s,         (uint32_t)(last_ms / SP_MS_PER_S), p->run_count, p->run_job, (uint16_t)p->reason,
                               (uint8_t)p->outcome};
        struct sp_str text = text_pool_text(keeper_core_texts(s->core), p->text);
        const char *cut = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
        text.n = cut != NULL ? (uint32_t)(cut - text.p) : text.n;
        if (wanted) {
            json_array_append_new(list, views_run(row->name, check, &run, text));
        }
    }
    enum sp_rc rc = keeper_store_query(
        &s->store, "SELECT chk, since_s, last_s, count, outcome, reason, detail FROM history WHERE node=?1 ORDER BY since_s DESC",
        &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, row->id);
    }
    while (rc == SP_OK && json_array_size(list) < limit && (rc = sp_db_row(q)) == SP_OK) {
        const char *check = views_check_name(s, sp_db_get_int(q, 0));
        struct pair_run run = {.since_s = (uint32_t)sp_db_get_int(q, 1),
                               .last_s = (uint32_t)sp_db_get_int(q, 2),
                               .count = (uint32_t)sp_db_get_int(q, 3),
                               .outcome = (uint8_t)sp_db_get_int(q, 4),
                               .reason = (uint16_t)sp_db_get_int(q, 5)};
        if (check_name == NULL || strcmp(check_name, check) == 0) {
            json_array_append_new(list, views_run(row->name, check, &run, sp_db_get_text(q, 6)));
        }
    }
    if (q != NULL) {
        sp_db_reset(q);
    }
    return list;
}

/* ---- audit ---- */

static json_t *views_audit_row(struct sp_db_stmt *q)
{
    static const char *const keys[] = {"actor", "what", "object", "from", "to", "why"};
    char hex[65] = "";
    json_t *row = json_object();
    struct sp_str hash = sp_db_get_blob(q, 8);
    json_object_set_new(row, "seq", json_integer(sp_db_get_int(q, 0)));
    json_object_set_new(row, "at", views_wall((uint64_t)sp_db_get_int(q, 1)));
    for (int i = 0; i < 6; i++) {
        struct sp_str text = sp_db_get_text(q, 2 + i);
        json_object_set_new(row, keys[i], views_text(text));
    }
    if (hash.n == 32) {
        sp_hex_write((const uint8_t *)hash.p, 32, hex);
    }
    json_object_set_new(row, "hash", json_string(hex));
    return row;
}

json_t *keeper_views_audit(struct nodes_shell *s, struct keeper_act *act)
{
    struct sp_db_stmt *q = NULL;
    const json_t *after = json_object_get(act->args, "after");
    const char *node = views_node_name(s, act, "node");
    uint64_t limit = json_is_integer(json_object_get(act->args, "limit")) ? views_limit(act) : 1000;
    size_t node_bytes = node != NULL ? strlen(node) : 0;
    (void)nodes_shell_flush(s);
    enum sp_rc rc =
        json_is_integer(after)
            ? keeper_store_query(
                  &s->store,
                  "SELECT seq, wall_ms, actor, what, object, before, after, why, hash FROM audit WHERE seq>?1 ORDER BY seq", &q)
            : keeper_store_query(
                  &s->store,
                  "SELECT seq, wall_ms, actor, what, object, before, after, why, hash FROM audit WHERE seq>?1 ORDER BY seq DESC",
                  &q);
    json_t *list = json_array();
    if (rc == SP_OK) {
        sp_db_int(q, 1, json_integer_value(after));
    }
    while (rc == SP_OK && json_array_size(list) < limit && (rc = sp_db_row(q)) == SP_OK) {
        struct sp_str object = sp_db_get_text(q, 4);
        bool mine = node == NULL || (object.n >= node_bytes && memcmp(object.p, node, node_bytes) == 0 &&
                                     (object.n == node_bytes || object.p[node_bytes] == '/'));
        if (!mine) {
            continue;
        }
        if (json_is_integer(after)) {
            json_array_append_new(list, views_audit_row(q));
        } else {
            json_array_insert_new(list, 0, views_audit_row(q)); /* the newest rows, oldest of them first */
        }
    }
    if (q != NULL) {
        sp_db_reset(q);
    }
    return list;
}

json_t *keeper_views_verify(struct nodes_shell *s, struct keeper_act *act)
{
    struct keeper_store_verdict v;
    char head[65], cut[65];
    (void)nodes_shell_flush(s);
    if (keeper_store_verify(&s->store, &v) != SP_OK) {
        return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "the audit cannot be read", NULL);
    }
    sp_hex_write(v.head, sizeof v.head, head);
    sp_hex_write(v.cut_hash, sizeof v.cut_hash, cut);
    return json_pack("{s:b, s:I, s:s, s:o, s:o}", "ok", v.bad_seq == 0, "rows", (json_int_t)v.rows, "head", head, "bad_seq",
                     v.bad_seq == 0 ? json_null() : json_integer(v.bad_seq), "cut",
                     v.cut_seq == 0 ? json_null() : json_pack("{s:I, s:s}", "seq", (json_int_t)v.cut_seq, "hash", cut));
}

/* ---- explanations ---- */

static json_t *views_fact(const struct nodes_shell *s, const struct node_row *row, const struct pool_policy *pool, uint32_t index,
                          struct views_now now)
{
    static const char *const roles[] = {"mandatory", "advisory", "group"};
    struct trust_fact f;
    struct trust_node node = keeper_core_trust_node(row, &row->members[keeper_core_find_pool(s->core, sp_str_of(pool->name))]);
    trust_eval_fact(pool, index, keeper_core_checks(s->core), &node, now.ms, &f);
    bool ran = f.pair != NULL && f.pair->run_count > 0;
    bool dated = ran && f.pair->known != 0 && f.pair->issued_ms <= now.ms;
    bool affirms = ran && (f.pair->outcome == SP_OUTCOME_PASS || f.pair->outcome == SP_OUTCOME_WARN);
    char why[2 * KEEPER_WHY_BYTES];
    struct sp_str text = ran ? text_pool_text(keeper_core_texts(s->core), f.pair->text) : (struct sp_str){NULL, 0};
    const char *cut = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
    int bytes = (int)(cut != NULL ? (uint32_t)(cut - text.p) : text.n);
    (void)snprintf(why, sizeof why, "%s%s%.*s", f.why == TRUST_OK ? "passes" : trust_eval_why_text(f.why), bytes > 0 ? ": " : "",
                   bytes > 200 ? 200 : bytes, bytes > 0 ? text.p : "");
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:s}", "check", pool->checks[index].name, "role",
                     roles[pool->checks[index].role], "outcome", ran ? sp_outcome_name((unsigned)f.pair->outcome) : "none", "tier",
                     sp_tier_name(f.tier), "age_ms", dated ? views_number(now.ms - f.pair->issued_ms) : json_null(), "max_age_ms",
                     f.check != NULL ? views_number(f.check->max_age_ms) : json_null(), "remaining_ms",
                     views_number(f.until_ms > now.ms ? f.until_ms - now.ms : 0), "streak",
                     !ran      ? 0
                     : affirms ? (int)f.pair->passes
                               : (int)f.pair->fails,
                     "why", views_text(sp_str_of(why)), "runbook", f.check != NULL ? f.check->runbook : "");
}

json_t *keeper_views_explain(struct nodes_shell *s, struct keeper_act *act)
{
    const struct node_row *row = keeper_node_find(s, act, keeper_admin_text(act, "node") != NULL ? "node" : "name");
    struct views_now now = views_now(s);
    if (row == NULL) {
        return NULL;
    }
    json_t *pools = json_object();
    for (uint32_t p = 0; p < keeper_core_pools(s->core); p++) {
        const struct pool_policy *pool = keeper_core_pool(s->core, p);
        if (pool == NULL) {
            continue;
        }
        json_t *one = views_pool_state(s, row, p, now), *checks = json_array();
        for (uint32_t i = 0; i < pool->count; i++) {
            json_array_append_new(checks, views_fact(s, row, pool, i, now));
        }
        json_object_set_new(one, "checks", checks);
        json_object_set_new(pools, pool->name, one);
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "node", row->name, "state", sp_node_state_name(row->state), "enrolment",
                     keeper_identity_word(s, row), "pools", pools);
}

static void views_stamp(json_t *list, struct views_now now, uint64_t us, const char *what, json_t *more)
{
    json_t *stamp = json_pack("{s:o, s:o, s:s}", "at", views_instant(now, us / SP_US_PER_MS), "us", views_number(us), "what", what);
    json_object_update(stamp, more);
    json_decref(more);
    json_array_append_new(list, stamp);
}

json_t *keeper_views_trace(struct nodes_shell *s, struct keeper_act *act)
{
    struct views_now now = views_now(s);
    const char *text = keeper_admin_text(act, "job");
    struct sp_str rest = sp_str_of(text), word;
    uint64_t job = 0, epoch = 0;
    json_t *list = json_array();
    if (text != NULL && strchr(text, '-') != NULL && sp_str_next(&rest, '-', &word) && sp_str_u64(word, KEEPER_EPOCH_MAX, &epoch) &&
        sp_str_u64(rest, (1ull << VIEWS_EPOCH_SHIFT) - 1, &job)) {
        job |= epoch << VIEWS_EPOCH_SHIFT;
    } else if (text == NULL || !sp_str_u64(sp_str_of(text), UINT64_MAX, &job)) {
        json_decref(list);
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "job", "is no job", "jobs are named EPOCH-NUMBER");
    }
    const struct result_stamp *r = result_ring_find(keeper_core_ring(s->core), job);
    if (r != NULL) {
        const struct node_row *row = node_registry_at(keeper_core_nodes(s->core), r->node);
        json_t *about =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "node", row != NULL ? row->name : "?", "check",
                      views_check_name(s, r->check), "outcome", sp_outcome_name(r->outcome), "code", sp_refusal_name(r->code),
                      "worker", keeper_core_worker(s->core, r->worker), "attempt", (int)r->attempt);
        views_stamp(list, now, r->issued_ms * SP_US_PER_MS, "issued (lower bound in the ticket)", json_object());
        views_stamp(list, now, r->received_us, "result received",
                    json_pack("{s:I, s:I}", "worker_wait_us", (json_int_t)r->wait_us, "worker_run_us", (json_int_t)r->run_us));
        if (r->durable_us != 0) {
            views_stamp(list, now, r->durable_us, "durable and acknowledged", about);
        } else {
            views_stamp(list, now, r->received_us, r->code != SP_REFUSAL_NONE ? "refused" : "waits for the commit", about);
        }
    }
    return json_pack("{s:o}", "stamps", list);
}

json_t *keeper_views_status(struct nodes_shell *s, struct keeper_act *act)
{
    (void)act;
    char head[65], boot[17];
    sp_hex_write(s->store.committed_head, 32, head);
    (void)snprintf(boot, sizeof boot, "%016llx", (unsigned long long)keeper_core_boot(s->core));
    return json_pack("{s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:s, s:I, s:o}", "ready", keeper_core_ready(s->core),
                     "store_good", s->health.store_good, "clock_good", s->health.clock_good, "epoch",
                     (json_int_t)keeper_core_epoch(s->core), "nodes", (json_int_t)keeper_core_nodes(s->core)->count, "pairs",
                     (json_int_t)keeper_core_nodes(s->core)->pairs, "checks", (json_int_t)keeper_core_checks(s->core)->version,
                     "boot", boot, "sequence", (json_int_t)keeper_core_sequence(s->core), "audit_head", head, "audit_rows",
                     (json_int_t)s->store.committed_seq, "enrolment", keeper_identity_count(s));
}
