/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_result.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge_note.h"
#include "sp_hash.h"
#include "sp_random.h"

#define ASK_MS    1000u
#define LOST_MS   10000u   /* no answer: ask again */
#define PAIRS_MAX 2097152u /* (node, check) whose last outcome is remembered */
#define UNTOLD    0xffu

static bool wanted(const struct bridge *b)
{
    return b->options->c.notify && b->options->c.results != SP_CONF_BRIDGE_RESULTS_NONE;
}

void bridge_result_fini(struct bridge *b)
{
    sp_buf_fini(&b->results.data);
    sp_map_fini(&b->results.last);
}

uint64_t bridge_result_deadline_us(const struct bridge *b)
{
    return wanted(b) ? b->results.due_us : SP_NEVER;
}

void bridge_result_tick(struct bridge *b)
{
    struct bridge_results *r = &b->results;
    uint64_t now_us = bridge_shell_now(b).us;
    if (!wanted(b) || now_us < r->due_us)
        return;
    char args[64] = "{}";
    uint8_t body[256];
    struct sp_packer w;
    if (r->begun)
        (void)snprintf(args, sizeof args, "{\"after\":%llu}", (unsigned long long)r->next);
    r->id = ++b->view_id;
    r->part = 0;
    r->due_us = now_us + LOST_MS * SP_US_PER_MS;
    sp_buf_fini(&r->data);
    sp_buf_init(&r->data, BRIDGE_ANSWER_BYTES);
    struct msg_view_request m = {.id = r->id, .view = sp_str_of("result.recent"), .args = sp_str_of(args)};
    sp_packer_init(&w, body, sizeof body);
    if (sp_bus_up_count(b->bus) > 0 && msg_view_request_encode(&w, &m) == SP_OK)
        (void)bridge_shell_send(b, SP_MSG_VIEW_REQUEST, "keeper", sp_str_bytes(body, sp_packer_bytes(&w)));
}

/* Which of them are told. The last outcome is kept for all, so that "changes" means the same at all times. */
static bool chosen(struct bridge *b, uint64_t hash, unsigned outcome, unsigned *before)
{
    struct bridge_results *r = &b->results;
    uint32_t had = sp_map_get(&r->last, hash);
    *before = had == SP_MAP_NONE ? UNTOLD : had;
    if (had != SP_MAP_NONE || r->last.count < PAIRS_MAX)
        (void)sp_map_put(&r->last, hash, outcome);
    switch (b->options->c.results) {
    case SP_CONF_BRIDGE_RESULTS_ALL:
        return true;
    case SP_CONF_BRIDGE_RESULTS_SAMPLE:
        return sp_random_u64() % 1000 < b->options->c.results_permille;
    default:
        return *before != outcome;
    }
}

static void tell(struct bridge *b, const json_t *row)
{
    const char *node = json_string_value(json_object_get(row, "node")), *check = json_string_value(json_object_get(row, "check"));
    const char *word = json_string_value(json_object_get(row, "outcome")),
               *worker = json_string_value(json_object_get(row, "worker"));
    uint8_t raw[16];
    char pair[160], id[SP_HEX_KEY_BYTES];
    unsigned outcome = 0, before = UNTOLD;
    if (node == NULL || check == NULL || word == NULL || worker == NULL || !sp_outcome_find(sp_str_of(word), &outcome))
        return;
    int n = snprintf(pair, sizeof pair, "%s/%s", node, check);
    uint64_t hash = sp_hash_sip(b->note_key, pair, (size_t)n < sizeof pair ? (size_t)n : sizeof pair - 1);
    hash = hash == UINT64_MAX ? 0 : hash;
    if (!chosen(b, hash, outcome, &before))
        return;
    int score = outcome == SP_OUTCOME_FAIL ? -1 : outcome == SP_OUTCOME_ERROR ? 0 : 1;
    json_t *payload = json_pack("{s:s, s:s, s:s, s:i, s:o, s:f, s:f, s:s}", "node", node, "check", check, "outcome", word, "score",
                                score, "previous", before == UNTOLD ? json_null() : json_string(sp_outcome_name(before)),
                                "duration_ms", json_number_value(json_object_get(row, "run_us")) / 1000.0, "wait_ms",
                                json_number_value(json_object_get(row, "wait_us")) / 1000.0, "worker", worker);
    char *text = payload != NULL ? json_dumps(payload, JSON_ENSURE_ASCII) : NULL;
    json_decref(payload);
    sp_random_bytes(raw, sizeof raw);
    bridge_note_id(raw, id);
    if (text != NULL)
        bridge_note_send(b, hash, "spice.check.result", id, text);
    free(text);
}

bool bridge_result_on_view_reply(struct bridge *b, const struct msg_view_reply *m)
{
    struct bridge_results *r = &b->results;
    if (r->id == 0 || m->id != r->id)
        return false;
    bool good = m->part == r->part++ && m->code == SP_REFUSAL_NONE;
    sp_buf_append(&r->data, m->data.p, m->data.n);
    if (good && !m->last)
        return true;
    json_t *all = good ? json_loadb((const char *)r->data.p, r->data.n, 0, NULL) : NULL;
    const json_t *next = json_object_get(all, "next"), *list = json_object_get(all, "results");
    if (json_is_integer(next) && json_integer_value(next) >= 0) {
        r->next = (uint64_t)json_integer_value(next);
        r->begun = true;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        tell(b, json_array_get(list, i));
    json_decref(all);
    r->id = 0;
    r->due_us = bridge_shell_now(b).us + ASK_MS * SP_US_PER_MS;
    return true;
}
