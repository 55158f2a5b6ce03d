/* SPDX-License-Identifier: Apache-2.0 */
#include "exposure_core.h"

#include <stdlib.h>
#include <string.h>

#include "exposure_parts.h"
#include "sp_assert.h"

bool exposure_core_init(struct exposure_core *c, const struct exposure_options *options, struct sp_mono now)
{
    SP_ASSERT(options->rows_max > 0 && options->interval_ms > 0);
    memset(c, 0, sizeof *c);
    c->options = *options;
    c->due_us = now.us;
    c->pause_ms = EXPOSURE_RETRY_MS;
    sp_map_init(&c->place_index);
    sp_map_init(&c->current.index);
    for (unsigned i = 0; i < EXPOSURE_ASKS; i++)
        sp_map_init(&c->flights[i].list.index);
    return true;
}

void exposure_core_fini(struct exposure_core *c)
{
    exposure_list_clear(c, &c->current);
    for (unsigned i = 0; i < EXPOSURE_ASKS; i++)
        exposure_list_clear(c, &c->flights[i].list);
    sp_map_fini(&c->place_index);
    free(c->places);
    c->places = NULL;
}

/* ---- hosts to be read ---- */

static void host_add(struct exposure_core *c, struct sp_mono now, const char *name)
{
    for (uint32_t i = 0; i < c->host_count; i++)
        if (strcmp(c->hosts[i].name, name) == 0) {
            c->hosts[i].again = i == 0 && c->flights[EXPOSURE_ASK_HOST].open; /* what is under way may be from before */
            return;
        }
    if (c->host_count == EXPOSURE_HOSTS_MAX) {
        c->due_us = now.us; /* so many at once: all of them */
        return;
    }
    struct exposure_host *h = &c->hosts[c->host_count++];
    *h = (struct exposure_host){.due_us = now.us};
    (void)sp_str_copy(h->name, sizeof h->name, sp_str_of(name));
}

static void host_first_ends(struct exposure_core *c, struct sp_mono now, bool whole)
{
    struct exposure_host first = c->hosts[0];
    c->host_count--;
    memmove(c->hosts, c->hosts + 1, c->host_count * sizeof c->hosts[0]);
    first.tries = whole ? 0 : first.tries + 1;
    if (whole ? !first.again : first.tries >= EXPOSURE_HOST_TRIES)
        return; /* read, or left to the next whole list */
    first.due_us = now.us + (whole ? 0 : (uint64_t)EXPOSURE_RETRY_MS * SP_US_PER_MS << first.tries);
    first.again = false;
    c->hosts[c->host_count++] = first;
}

void exposure_core_left(struct exposure_core *c, struct sp_mono now, const char *node)
{
    bool found = false;
    for (uint32_t i = 0; i < c->place_count; i++)
        if (c->places[i].used && strcmp(c->places[i].node, node) == 0) {
            host_add(c, now, c->places[i].host);
            found = true;
        }
    if (!found) /* no server that we know of: then its host has its name, as it nearly always has */
        host_add(c, now, node);
}

/* ---- requests ---- */

bool exposure_core_next(struct exposure_core *c, struct sp_mono now, enum exposure_ask *ask, const char **host)
{
    struct exposure_flight *all = &c->flights[EXPOSURE_ASK_ALL], *one = &c->flights[EXPOSURE_ASK_HOST];
    if (!one->open && c->known)
        for (uint32_t i = 0; i < c->host_count; i++) {
            struct exposure_host due = c->hosts[i];
            if (now.us < due.due_us)
                continue;
            memmove(c->hosts + 1, c->hosts, i * sizeof c->hosts[0]);
            c->hosts[0] = due;
            *one = (struct exposure_flight){.open = true, .asked_us = now.us, .list = one->list};
            *ask = EXPOSURE_ASK_HOST;
            *host = c->hosts[0].name;
            return true;
        }
    if (all->open || now.us < c->due_us)
        return false;
    *all = (struct exposure_flight){.open = true, .asked_us = now.us, .list = all->list};
    *ask = EXPOSURE_ASK_ALL;
    *host = NULL;
    return true;
}

void exposure_core_server(struct exposure_core *c, enum exposure_ask ask, const struct exposure_server *server)
{
    struct exposure_flight *f = &c->flights[ask];
    SP_ASSERT(f->open);
    f->cut = !exposure_list_add(c, &f->list, server) || f->cut;
}

/* ---- answers ---- */

/* The new list, but for hosts that were read by themselves since it was asked for: what is known of those is newer. */
static void take_all(struct exposure_core *c)
{
    struct exposure_flight *f = &c->flights[EXPOSURE_ASK_ALL];
    struct exposure_list kept = {0};
    sp_map_init(&kept.index);
    for (unsigned pass = 0; pass < 2; pass++) {
        const struct exposure_list *from = pass == 0 ? &f->list : &c->current;
        for (uint32_t i = 0; i < from->count; i++) {
            bool newer = c->places[from->rows[i].place].read_us >= f->asked_us;
            if (newer == (pass == 1))
                f->cut = !exposure_list_put(c, &kept, &from->rows[i]) || f->cut;
        }
    }
    exposure_list_clear(c, &f->list);
    exposure_list_clear(c, &c->current);
    c->current = kept;
    c->known = true;
    c->cut = f->cut;
    c->list_us = f->asked_us;
    c->counters.lists++;
}

static void take_host(struct exposure_core *c, struct sp_mono now)
{
    struct exposure_flight *f = &c->flights[EXPOSURE_ASK_HOST];
    struct exposure_list kept = {0};
    sp_map_init(&kept.index);
    for (uint32_t i = 0; i < c->current.count; i++)
        if (strcmp(c->places[c->current.rows[i].place].host, c->hosts[0].name) != 0)
            c->cut = !exposure_list_put(c, &kept, &c->current.rows[i]) || c->cut;
    for (uint32_t i = 0; i < f->list.count; i++)
        c->cut = !exposure_list_put(c, &kept, &f->list.rows[i]) || c->cut;
    exposure_list_clear(c, &f->list);
    exposure_list_clear(c, &c->current);
    c->current = kept;
    c->cut = c->cut || f->cut;
    for (uint32_t i = 0; i < c->place_count; i++)
        if (c->places[i].used && strcmp(c->places[i].host, c->hosts[0].name) == 0)
            c->places[i].read_us = now.us;
    c->counters.hosts++;
}

void exposure_core_done(struct exposure_core *c, struct sp_mono now, enum exposure_ask ask, bool whole)
{
    struct exposure_flight *f = &c->flights[ask];
    SP_ASSERT(f->open);
    f->open = false;
    c->counters.failures += !whole;
    if (!whole)
        exposure_list_clear(c, &f->list);
    else if (ask == EXPOSURE_ASK_ALL)
        take_all(c);
    else
        take_host(c, now);
    if (ask == EXPOSURE_ASK_HOST) {
        host_first_ends(c, now, whole);
    } else {
        uint64_t wait_ms = whole || c->pause_ms > c->options.interval_ms ? c->options.interval_ms : c->pause_ms;
        c->due_us = now.us + wait_ms * SP_US_PER_MS;
        c->pause_ms = whole ? EXPOSURE_RETRY_MS : c->pause_ms * 2 > EXPOSURE_RETRY_MAX_MS ? EXPOSURE_RETRY_MAX_MS : c->pause_ms * 2;
    }
    exposure_places_count(c);
}

/* ---- who is exposed ---- */

void exposure_core_scan(struct exposure_core *c, struct sp_mono now, exposure_look_fn *look, void *self)
{
    c->following = look != NULL;
    for (uint32_t i = 0; i < c->place_count && look != NULL; i++) {
        struct exposure_place *p = &c->places[i];
        struct exposure_trust t = {0};
        if (!p->used)
            continue;
        look(self, p->node, c->names[p->pool], &t);
        if (!t.member && !p->out && p->looked)
            host_add(c, now, p->host); /* its servers as they are now */
        p->looked = true;
        p->out = !t.member;
        p->tier = t.tier;
    }
}

uint32_t exposure_core_exposed(const struct exposure_core *c, uint32_t place)
{
    const struct exposure_place *p = &c->places[place];
    return p->used && p->out ? p->servers : 0;
}

uint32_t exposure_core_untold(struct exposure_core *c)
{
    for (uint32_t n = 0; n < c->place_count && c->following && c->known; n++) {
        uint32_t i = c->told_next < c->place_count ? c->told_next : 0;
        struct exposure_place *p = &c->places[i];
        uint32_t exposed = exposure_core_exposed(c, i);
        c->told_next = i + 1;
        if (p->told == exposed || !p->used)
            continue;
        c->counters.found += p->told == 0;
        c->counters.cleared += exposed == 0;
        p->told = exposed;
        return i;
    }
    return EXPOSURE_NONE;
}

bool exposure_core_recent(const struct exposure_core *c, struct sp_mono now)
{
    return c->known && now.us < c->list_us + EXPOSURE_STALE_LISTS * c->options.interval_ms * SP_US_PER_MS;
}

bool exposure_core_shared(const struct exposure_core *c, const char *host)
{
    const char *node = NULL;
    for (uint32_t i = 0; i < c->place_count; i++) {
        const struct exposure_place *p = &c->places[i];
        if (!p->used || p->servers == 0 || strcmp(p->host, host) != 0)
            continue;
        if (node != NULL && strcmp(node, p->node) != 0)
            return true;
        node = p->node;
    }
    return false;
}

struct sp_mono exposure_core_next_deadline(const struct exposure_core *c, struct sp_mono now)
{
    uint64_t at = c->flights[EXPOSURE_ASK_ALL].open ? SP_NEVER : c->due_us;
    for (uint32_t i = 0; i < c->host_count && c->known && !c->flights[EXPOSURE_ASK_HOST].open; i++)
        at = c->hosts[i].due_us < at ? c->hosts[i].due_us : at;
    at = at <= now.us ? now.us + SP_US_PER_MS : at; /* something else is waited for: no spinning */
    return (struct sp_mono){at};
}

bool exposure_core_check(const struct exposure_core *c)
{
    const struct exposure_list *lists[] = {&c->current, &c->flights[0].list, &c->flights[1].list};
    uint32_t refs = 0, rows = 0, servers = 0;
    for (uint32_t l = 0; l < SP_COUNT(lists); l++) {
        rows += lists[l]->count;
        if (lists[l]->count > c->options.rows_max || lists[l]->index.count > lists[l]->count)
            return false;
        for (uint32_t i = 0; i < lists[l]->count; i++)
            if (lists[l]->rows[i].place >= c->place_count || !c->places[lists[l]->rows[i].place].used)
                return false;
    }
    for (uint32_t i = 0; i < c->place_count; i++) {
        refs += c->places[i].refs;
        servers += c->places[i].servers;
        if (c->places[i].used && c->places[i].pool >= c->name_count)
            return false;
    }
    return refs == rows && servers == c->current.count && c->place_count <= EXPOSURE_PLACES_MAX &&
           c->host_count <= EXPOSURE_HOSTS_MAX && (!c->flights[EXPOSURE_ASK_HOST].open || c->host_count > 0);
}
