/* SPDX-License-Identifier: Apache-2.0 */
#include "action_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action_parts.h"
#include "sp_assert.h"

bool action_core_init(struct action_core *c, const struct action_options *options, struct sp_mono now)
{
    memset(c, 0, sizeof *c);
    c->options = *options;
    c->rng.state = options->seed;
    c->start_us = now.us;
    c->doubt = true;
    c->want = c->record = ACTION_NONE;
    sp_map_init(&c->seen_index);
    return true;
}

void action_core_fini(struct action_core *c)
{
    sp_map_fini(&c->seen_index);
    free(c->seen);
    c->seen = NULL;
}

/* ---- records ---- */

bool action_core_load(struct action_core *c, const struct action_record *record)
{
    if (c->record_count == ACTION_RECORDS_MAX || action_record_of(c, record->host) != ACTION_NONE)
        return false;
    struct action_record *r = &c->records[c->record_count++];
    *r = *record;
    r->loaded = true;
    r->asked = false;
    r->tries = 0;
    r->due_us = r->member_us = 0;
    return true;
}

uint32_t action_record_of(const struct action_core *c, const char *host)
{
    for (uint32_t i = 0; i < c->record_count; i++)
        if (strcmp(c->records[i].host, host) == 0)
            return i;
    return ACTION_NONE;
}

void action_record_drop(struct action_core *c, uint32_t index)
{
    SP_ASSERT(index < c->record_count);
    c->records[index] = c->records[--c->record_count];
    c->record = c->record == index ? ACTION_NONE : c->record == c->record_count ? index : c->record;
    c->dirty = true;
}

uint32_t action_core_running(const struct action_core *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->record_count; i++)
        n += c->records[i].state != ACTION_RELEASED;
    return n;
}

void action_tell(struct action_core *c, enum action_what what, const struct action_record *r)
{
    uint64_t *const counters[] = {&c->disabled, &c->enabled, &c->released, &c->refused};
    if ((unsigned)what < SP_COUNT(counters))
        (*counters[what])++;
    if (c->event_count == ACTION_EVENTS_MAX)
        return;
    struct action_event *e = &c->events[c->event_count++];
    *e = (struct action_event){.what = what, .hold = c->hold};
    memcpy(e->node, r->node, sizeof e->node);
    memcpy(e->host, r->host, sizeof e->host);
    memcpy(e->pool, r->pool, sizeof e->pool);
    memcpy(e->reason, r->reason, sizeof e->reason);
}

bool action_core_event(struct action_core *c, struct action_event *out)
{
    if (c->event_count == 0)
        return false;
    *out = c->events[0];
    memmove(c->events, c->events + 1, --c->event_count * sizeof c->events[0]);
    return true;
}

/* ---- what is next ---- */

static void rest(struct action_core *c)
{
    c->step = ACTION_IDLE;
    c->want = c->record = ACTION_NONE;
}

static bool is_back(const struct action_core *c, struct sp_mono now, const struct action_record *r)
{
    return r->member_us != 0 && now.us >= r->member_us + c->options.delay_ms * SP_US_PER_MS &&
           action_core_brake(c, now) == ACTION_FREE;
}

static bool start_record(struct action_core *c, struct sp_mono now)
{
    for (uint32_t i = 0; i < c->record_count; i++) {
        const struct action_record *r = &c->records[i];
        if (now.us < r->due_us && !(r->state == ACTION_DISABLED && is_back(c, now, r) && now.us >= c->due_us))
            continue;
        c->record = i;
        c->step = ACTION_AT_SERVICES;
        return true;
    }
    return false;
}

static bool start_want(struct action_core *c, struct sp_mono now)
{
    if (action_brake_disable(c, now) != ACTION_FREE || c->record_count == ACTION_RECORDS_MAX)
        return false;
    for (uint32_t i = 0; i < c->want_count; i++) {
        const struct action_want *w = &c->wants[i];
        if (!action_wanted(c, now, w) || now.us < w->due_us || action_record_of(c, w->host) != ACTION_NONE)
            continue;
        c->want = i;
        c->step = ACTION_AT_EVIDENCE;
        return true;
    }
    return false;
}

/* The last look before a write: what allowed it may be over. */
static bool may_write(struct action_core *c, struct sp_mono now)
{
    const struct action_record *r = &c->records[c->record];
    if (now.us > c->looked_us + ACTION_FRESH_MS * SP_US_PER_MS)
        return false; /* the disk, or Nova, made us wait: an operator may have had his hand on it */
    if (r->state == ACTION_ENABLING)
        return is_back(c, now, r);
    bool wanted = false;
    for (uint32_t i = 0; i < c->want_count && !wanted; i++)
        wanted = action_wanted(c, now, &c->wants[i]) && strcmp(c->wants[i].host, r->host) == 0;
    return wanted && now.us <= c->said_us + ACTION_SAID_MS * SP_US_PER_MS && action_core_brake(c, now) == ACTION_FREE &&
           action_core_running(c) <= c->options.at_once;
}

static bool ask_write(struct action_core *c, struct sp_mono now, struct action_ask *out)
{
    struct action_record *r = &c->records[c->record];
    if (!may_write(c, now)) {
        if (r->state == ACTION_ENABLING)
            r->state = ACTION_DISABLED;
        else if (!r->asked)
            action_record_drop(c, c->record);
        c->due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS;
        c->dirty = true;
        rest(c);
        return false;
    }
    r->tries += !r->asked;
    r->asked = true;
    if (r->state == ACTION_DISABLING)
        c->last_us = now.us;
    *out = (struct action_ask){.kind = r->state == ACTION_DISABLING ? ACTION_ASK_DISABLE : ACTION_ASK_ENABLE, .record = r};
    return true;
}

static bool ask_store(struct action_core *c, struct sp_mono now, struct action_ask *out)
{
    if (now.us < c->store_due_us)
        return false;
    c->flying = c->storing = true;
    *out = (struct action_ask){.kind = ACTION_ASK_STORE};
    return true;
}

bool action_core_next(struct action_core *c, struct sp_mono now, struct action_ask *out)
{
    if (!c->options.act || c->flying)
        return false;
    if (c->dirty)
        return ask_store(c, now, out);
    if (c->step == ACTION_IDLE && !(start_record(c, now) || (now.us >= c->due_us && start_want(c, now))))
        return false;
    if (c->step == ACTION_AT_WRITE) {
        c->flying = ask_write(c, now, out);
    } else if (c->step == ACTION_AT_EVIDENCE) {
        bool again = c->record != ACTION_NONE;
        *out = (struct action_ask){.kind = ACTION_ASK_EVIDENCE,
                                   .node = again ? c->records[c->record].node : c->wants[c->want].node,
                                   .pool = again ? c->records[c->record].pool : c->wants[c->want].pool};
        c->flying = true;
    } else {
        memset(&c->found, 0, sizeof c->found);
        *out = (struct action_ask){.kind = ACTION_ASK_SERVICES};
        c->flying = true;
    }
    return c->flying;
}

/* ---- answers ---- */

void action_core_service(struct action_core *c, const char *id, const char *host, bool enabled, const char *reason)
{
    const struct action_record *r = c->record != ACTION_NONE ? &c->records[c->record] : NULL;
    SP_ASSERT(c->flying && c->step == ACTION_AT_SERVICES);
    if (!enabled && strncmp(reason, ACTION_PREFIX, sizeof ACTION_PREFIX - 1) == 0) {
        uint32_t i = action_record_of(c, host); /* those of ours that run are counted there */
        c->found.foreign += i == ACTION_NONE || c->records[i].state == ACTION_RELEASED || strcmp(c->records[i].reason, reason) != 0;
    }
    if (r != NULL ? strcmp(r->service, id) != 0 : strcmp(c->wants[c->want].host, host) != 0)
        return;
    c->found.matches++;
    c->found.enabled = enabled;
    c->found.ours = r != NULL && !enabled && strcmp(reason, r->reason) == 0;
    if (!sp_str_copy(c->found.id, sizeof c->found.id, sp_str_of(id)))
        c->found.matches = 2; /* no such service that we could name */
}

static void want_pause(struct action_core *c, struct sp_mono now)
{
    c->wants[c->want].due_us = now.us + ACTION_PAUSE_MS * SP_US_PER_MS;
    rest(c);
}

/* A want whose service was found: on record, and to disk, before anything is done. */
static void found_want(struct action_core *c, struct sp_mono now)
{
    const struct action_want *w = &c->wants[c->want];
    bool free = c->found.matches == 1 && c->found.enabled && c->found.foreign + action_core_running(c) < c->options.at_once;
    if (!free || !action_wanted(c, now, w) || action_brake_disable(c, now) != ACTION_FREE) {
        want_pause(c, now);
        return;
    }
    struct action_record *r = &c->records[c->record_count];
    *r = (struct action_record){.state = ACTION_DISABLING};
    memcpy(r->service, c->found.id, sizeof r->service);
    memcpy(r->host, w->host, sizeof r->host);
    memcpy(r->node, w->node, sizeof r->node);
    memcpy(r->pool, w->pool, sizeof r->pool);
    char reason[ACTION_REASON_BYTES];
    (void)snprintf(reason, sizeof reason, ACTION_PREFIX "%s lost: %s [%016llx]", w->pool, c->code,
                   (unsigned long long)sp_rng_next(&c->rng));
    memcpy(r->reason, reason, sizeof r->reason);
    c->wants[c->want].due_us = now.us + ACTION_PAUSE_MS * SP_US_PER_MS;
    c->record = c->record_count++;
    c->want = ACTION_NONE;
    c->dirty = true;
    c->step = ACTION_AT_WRITE;
}

static void release(struct action_core *c, struct sp_mono now, struct action_record *r)
{
    if (r->state != ACTION_RELEASED) {
        action_tell(c, ACTION_WAS_RELEASED, r);
        c->dirty = true;
    }
    r->state = ACTION_RELEASED;
    r->due_us = now.us + ACTION_VERIFY_MS * SP_US_PER_MS;
}

/* Of a service whose first write did not come through: it was enabled a moment ago. */
static void evidence_again(struct action_core *c, struct sp_mono now, bool bad)
{
    struct action_record *r = &c->records[c->record];
    r->due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS;
    if (!bad) {
        release(c, now, r);
        rest(c);
        return;
    }
    r->tries++;
    c->step = ACTION_AT_WRITE;
}

void action_core_evidence(struct action_core *c, struct sp_mono now, bool bad, const char *code)
{
    SP_ASSERT(c->flying && c->step == ACTION_AT_EVIDENCE);
    c->flying = false;
    c->said_us = now.us;
    bad = bad && sp_str_copy(c->code, sizeof c->code, sp_str_of(code));
    if (c->record != ACTION_NONE)
        evidence_again(c, now, bad);
    else if (!bad)
        want_pause(c, now);
    else
        c->step = ACTION_AT_SERVICES;
}

/* Disabled, with our exact reason. */
static void found_ours(struct action_core *c, struct sp_mono now, struct action_record *r)
{
    if (r->state == ACTION_DISABLING || r->state == ACTION_RELEASED) { /* released: a write of ours that came late */
        r->state = ACTION_DISABLED;
        c->dirty = true;
        action_tell(c, ACTION_WAS_DISABLED, r);
    }
    r->due_us = now.us + ACTION_VERIFY_MS * SP_US_PER_MS;
    if (!is_back(c, now, r)) {
        c->dirty = c->dirty || r->state != ACTION_DISABLED;
        r->state = ACTION_DISABLED;
        return;
    }
    r->state = ACTION_ENABLING;
    c->dirty = true;
    c->step = ACTION_AT_WRITE;
}

static void found_record(struct action_core *c, struct sp_mono now)
{
    struct action_record *r = &c->records[c->record];
    bool enabled = c->found.enabled;
    if (c->found.matches != 1) { /* the service is gone */
        action_tell(c, ACTION_WAS_RELEASED, r);
        action_record_drop(c, c->record);
    } else if (c->found.ours) {
        found_ours(c, now, r);
    } else if (enabled && r->state == ACTION_ENABLING) {
        action_tell(c, ACTION_WAS_ENABLED, r);
        action_record_drop(c, c->record);
    } else if (enabled && r->state == ACTION_DISABLING && r->asked && r->tries < ACTION_TRIES) {
        c->step = ACTION_AT_EVIDENCE; /* it did not come through, or not yet */
    } else {
        release(c, now, r);
    }
    if (c->step == ACTION_AT_SERVICES)
        rest(c);
}

static void done_write(struct action_core *c, struct sp_mono now, enum action_result result)
{
    struct action_record *r = &c->records[c->record];
    bool disable = r->state == ACTION_DISABLING;
    r->due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS;
    if (result == ACTION_NO)
        action_tell(c, ACTION_WAS_REFUSED, r);
    if (result == ACTION_DONE) {
        c->dirty = true;
        action_tell(c, disable ? ACTION_WAS_DISABLED : ACTION_WAS_ENABLED, r);
        r->due_us = now.us + ACTION_VERIFY_MS * SP_US_PER_MS;
        r->state = ACTION_DISABLED;
        if (!disable)
            action_record_drop(c, c->record);
    } else if (disable && result != ACTION_FAILED && r->tries == 1) {
        action_record_drop(c, c->record); /* nothing happened, and nothing is on its way */
    } else if (result == ACTION_NO) {
        r->due_us = now.us + ACTION_PAUSE_MS * SP_US_PER_MS;
    }
    rest(c);
}

static void done_store(struct action_core *c, struct sp_mono now, enum action_result result)
{
    c->storing = false;
    c->store_failed = result != ACTION_DONE;
    c->dirty = c->store_failed;
    c->store_due_us = c->store_failed ? now.us + ACTION_RETRY_MS * SP_US_PER_MS : 0;
}

void action_core_done(struct action_core *c, struct sp_mono now, enum action_ask_kind kind, enum action_result result)
{
    SP_ASSERT(c->flying);
    c->flying = false;
    if (kind == ACTION_ASK_STORE) {
        done_store(c, now, result);
        return;
    }
    if (c->step == ACTION_AT_WRITE) {
        done_write(c, now, result);
    } else if (c->step == ACTION_AT_SERVICES && result == ACTION_DONE) {
        c->looked_us = now.us;
        if (c->record != ACTION_NONE)
            found_record(c, now);
        else
            found_want(c, now);
    } else { /* not to be had now */
        if (c->record != ACTION_NONE)
            c->records[c->record].due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS;
        else
            c->wants[c->want].due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS;
        rest(c);
    }
    if (c->step == ACTION_IDLE)
        c->due_us = now.us + ACTION_RETRY_MS * SP_US_PER_MS / 5; /* one a second at most */
}

/* ---- */

const char *action_core_hold_text(enum action_hold hold)
{
    static const char *const texts[] = {"nothing holds",
                                        "the first window after the start",
                                        "the pool or the list of servers is not proven now",
                                        "many nodes lost the pool at once",
                                        "as many services are disabled as may be at once",
                                        "the last one was disabled a short time ago",
                                        "the records cannot be written"};
    return texts[hold];
}

const char *action_core_what_text(enum action_what what)
{
    static const char *const texts[] = {"disabled", "enabled", "released", "refused", "held", "freed"};
    return texts[what];
}

const char *action_core_state_text(enum action_state state)
{
    static const char *const texts[] = {"disabling", "disabled", "enabling", "released"};
    return texts[state];
}

struct sp_mono action_core_next_deadline(const struct action_core *c, struct sp_mono now)
{
    uint64_t at = SP_NEVER;
    if (!c->options.act || c->flying)
        return (struct sp_mono){at};
    if (c->dirty)
        at = c->store_due_us;
    else if (c->step != ACTION_IDLE)
        at = now.us;
    for (uint32_t i = 0; i < c->record_count && !c->dirty; i++)
        at = c->records[i].due_us < at ? c->records[i].due_us : at;
    return (struct sp_mono){at <= now.us ? now.us + SP_US_PER_MS : at}; /* wants come with scans */
}

bool action_core_check(const struct action_core *c)
{
    bool write = c->step == ACTION_AT_WRITE, services = c->step == ACTION_AT_SERVICES;
    bool want = c->want != ACTION_NONE, record = c->record != ACTION_NONE;
    if (c->record_count > ACTION_RECORDS_MAX || c->want_count > ACTION_WANTS_MAX || c->event_count > ACTION_EVENTS_MAX)
        return false;
    if ((want && c->want >= c->want_count) || (record && c->record >= c->record_count) || (want && record))
        return false;
    if ((write && !record) || (services && !want && !record) || (c->step == ACTION_IDLE && (want || record)))
        return false;
    for (uint32_t i = 0; i < c->record_count; i++)
        for (uint32_t k = i + 1; k < c->record_count; k++)
            if (strcmp(c->records[i].host, c->records[k].host) == 0)
                return false;
    return !c->storing || c->flying;
}
