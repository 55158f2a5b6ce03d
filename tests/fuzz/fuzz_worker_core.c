/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's core driven by bytes: any order of events, invariants after each; and the reader of parameters on the rest of the input. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "param.h"
#include "sp_assert.h"
#include "worker_core.h"

#define CHECKS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
    struct worker_core *core;
    struct worker_effects fx;
    uint64_t now, jobs, ended;
    uint32_t running[128], count;
    uint8_t wanted[CHECKS];
    unsigned made, released;
};

static void drop(struct rig *r, uint32_t slot)
{
    uint32_t i = 0;
    while (i < r->count && r->running[i] != slot) {
        i++;
    }
    SP_ASSERT(i < r->count);
    r->running[i] = r->running[--r->count];
}

static void step(struct rig *r, struct worker_event *ev)
{
    ev->now_us = r->now;
    worker_core_step(r->core, ev, &r->fx);
    for (uint32_t i = 0; i < r->fx.count; i++) {
        const struct worker_effect *e = &r->fx.item[i];
        if (e->kind == WORKER_START) {
            SP_ASSERT(r->count < 128);
            r->running[r->count++] = e->slot;
        } else if (e->kind == WORKER_CANCEL) {
            drop(r, e->slot);
        } else if (e->kind == WORKER_WANT) {
            r->wanted[e->digest[0] % CHECKS] = 1;
        }
        r->ended += e->kind == WORKER_REPORT || e->kind == WORKER_RETURN;
        r->released += e->kind == WORKER_RELEASE;
    }
    worker_core_check(r->core);
}

static void job_event(struct rig *r, uint8_t arg)
{
    uint8_t ticket[WORKER_TICKET_BYTES];
    struct worker_event ev = {.kind = WORKER_EV_JOB};
    memset(ticket, arg % CHECKS, sizeof ticket);
    ev.u.job.broker = arg % 2;
    ev.u.job.timeout_ms = 1u + arg;
    ev.u.job.expires_ms = 1u + arg * 3u;
    ev.u.job.job = r->jobs++;
    ev.u.job.ticket = ticket;
    ev.u.job.digest = ticket;
    ev.u.job.node = sp_str_of("n");
    step(r, &ev);
}

static void definition_event(struct rig *r, uint8_t arg)
{
    uint8_t digest[32];
    struct worker_event ev = {.kind = WORKER_EV_DEFINITION};
    memset(digest, arg % CHECKS, sizeof digest);
    ev.u.definition.digest = digest;
    ev.u.definition.reason = arg >= 200 ? SP_REASON_BAD_PARAMETERS : 0;
    ev.u.definition.adapter = arg >= 200 ? WORKER_NONE : arg % 2;
    ev.u.definition.check = &r->made;
    r->made++;
    r->wanted[arg % CHECKS] = 0;
    step(r, &ev);
}

static void one_event(struct rig *r, uint8_t what, uint8_t arg)
{
    struct worker_event ev = {.kind = WORKER_EV_TURN, .u.turn = {arg * 4u}};
    switch (what % 8) {
    case 0:
    case 1:
        job_event(r, arg);
        return;
    case 2:
        definition_event(r, arg);
        return;
    case 3:
        if (r->count > 0) {
            ev = (struct worker_event){.kind = WORKER_EV_FINISHED, .u.finished = {r->running[arg % r->count]}};
            drop(r, ev.u.finished.slot);
            r->ended++;
            step(r, &ev);
        }
        return;
    case 4:
        ev = (struct worker_event){.kind = WORKER_EV_LINK, .u.link = {arg % 2, arg >= 64}};
        break;
    case 5:
        r->now += arg * 1000ull;
        break;
    case 6:
        r->now += arg * 100000ull;
        break;
    default:
        if (arg == 255) {
            ev = (struct worker_event){.kind = WORKER_EV_DRAIN, .u.drain = {r->now + 1000}};
        }
        break;
    }
    step(r, &ev);
}

static void parameters(const uint8_t *data, size_t size)
{
    static const struct sp_param table[] = {
        {"s", SP_PARAM_STR, false, 0, 100, NULL, "h", NULL}, {"i", SP_PARAM_INT, false, -5, 500, "7", "h", NULL},
        {"b", SP_PARAM_BOOL, false, 0, 0, NULL, "h", NULL},  {"d", SP_PARAM_DURATION, false, 0, 9999, "\"1s\"", "h", NULL},
        {"e", SP_PARAM_ENUM, false, 0, 0, NULL, "h", "a|b"}, {"l", SP_PARAM_LIST, false, 0, 9, NULL, "h", NULL},
        {"m", SP_PARAM_MAP, false, 0, 9, NULL, "h", NULL},
    };
    struct param_values v;
    char why[SP_ADAPTER_WHY_MAX] = "";
    char out[300];
    if (!param_parse(table, SP_COUNT(table), sp_str_bytes(data, size), &v, why)) {
        SP_ASSERT(why[0] != '\0');
        return;
    }
    SP_ASSERT(v.row[1].num >= -5 && v.row[1].num <= 500);
    SP_ASSERT(strlen(v.row[0].str) == v.row[0].str_len && v.row[0].str_len <= 100);
    for (size_t i = 0; i < v.row[5].list_len; i++) {
        (void)param_expand(v.row[5].list[i], v.row[0].str, "127.0.0.1", out, sizeof out);
    }
    param_fini(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rig r;
    struct worker_options o = {
        .running_max = 6, .waiting_max = 8, .definitions_max = 4, .adapters = 2, .adapter_max = {2, 0}, .brokers = 2};
    const struct definition *d;
    size_t events = size < 600 ? size : 600;
    memset(&r, 0, sizeof r);
    r.now = 1;
    r.core = worker_core_new(&o);
    SP_ASSERT(r.core != NULL);
    for (size_t i = 0; i + 1 < events; i += 2) {
        one_event(&r, data[i], data[i + 1]);
    }
    struct worker_counts c = worker_core_counts(r.core);
    SP_ASSERT(r.ended + c.running + c.waiting + c.ready == r.jobs); /* nothing lost, nothing twice */
    for (uint32_t i = 0; (d = worker_core_definition(r.core, i)) != NULL; i++) {
        r.released += d->state != DEFINITION_FREE && d->check != NULL;
    }
    SP_ASSERT(r.released == r.made);
    worker_core_destroy(&r.core);
    parameters(data, size);
    return 0;
}
