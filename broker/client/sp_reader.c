/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_reader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "reader_core.h"
#include "sp_buf.h"
#include "sp_bus.h"
#include "sp_clock.h"
#include "sp_conf.h"
#include "sp_hex.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_random.h"

#define READER_SENDS_MAX 4u   /* messages of one step */
#define READER_LOOK_MS   250u /* how soon the end of a lifetime is told */

struct sp_reader {
    struct sp_reader_options options;
    struct reader_core core;
    struct sp_bus *bus;
    char keeper[SP_BUS_NAME_BYTES]; /* pinned: the one keeper of principals.yaml; set at the first message */
    bool told_following;
    int timer_fd;
    uint64_t look_us;
};

static struct sp_mono reader_now(void)
{
    return sp_clock_read().mono; /* a fresh reading: an answer must not be older than the question */
}

static void reader_answer_of(const struct reader_answer *from, struct sp_reader_answer *to)
{
    *to = (struct sp_reader_answer){from->member, from->tier, from->remaining_ms, from->since_ms, from->why};
}

static void reader_tell(struct sp_reader *reader, struct sp_mono now, const struct reader_changes *changes)
{
    bool following = reader_core_fresh(&reader->core, now);
    if (following != reader->told_following) {
        reader->told_following = following;
        if (reader->options.on_state != NULL) {
            reader->options.on_state(reader->options.self, following);
        }
    }
    uint32_t count = changes->all ? reader->core.count : changes->count;
    for (uint32_t i = 0; i < count && reader->options.on_change != NULL && following; i++) {
        const struct reader_entry *e = &reader->core.entries[changes->all ? i : changes->list[i]];
        struct reader_answer a;
        struct sp_reader_change change = {
            .node = e->node, .pool = e->pool, .until_ms = e->until_ms, .sequence = reader->core.sequence};
        reader_core_answer(&reader->core, now, e, &a);
        reader_answer_of(&a, &change.answer);
        reader->options.on_change(reader->options.self, &change);
    }
}

/* Sends what is due, tells what changed, and sets the timer for the next time. */
static void reader_turn(struct sp_reader *reader)
{
    struct sp_mono now = reader_now();
    struct reader_changes changes;
    struct reader_send send;
    for (unsigned i = 0; i < READER_SENDS_MAX && reader->bus != NULL && sp_bus_up_count(reader->bus) > 0; i++) {
        uint8_t nonce[16];
        sp_random_bytes(nonce, sizeof nonce);
        bool more = reader_core_step(&reader->core, now, nonce, &send, &changes);
        reader_tell(reader, now, &changes);
        if (!more) {
            break;
        }
        struct sp_bus_out out = {.type = send.type, .broker = SP_BUS_ANY, .body = send.body, .body_bytes = send.bytes};
        (void)sp_bus_send(reader->bus, &out); /* what is lost is asked again */
    }
    if (now.us >= reader->look_us) {
        reader->look_us = now.us + READER_LOOK_MS * SP_US_PER_MS;
        reader_core_expire(&reader->core, now, &changes);
        reader_tell(reader, now, &changes);
    }
    uint64_t at = reader_core_next_deadline(&reader->core).us;
    at = reader->core.state == READER_FOLLOWING && reader->look_us < at ? reader->look_us : at;
    at = at <= now.us ? now.us + 50000 : at; /* no broker yet: look again soon, without spinning */
    uint64_t wait_us = at - now.us;
    struct itimerspec spec = {.it_value = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000 * 1000)}};
    (void)timerfd_settime(reader->timer_fd, 0, &spec, NULL);
}

static void reader_on_timer(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct sp_reader *reader = ctx;
    uint64_t expirations;
    (void)events;
    (void)now;
    if (read(reader->timer_fd, &expirations, sizeof expirations) == sizeof expirations) {
        reader_turn(reader);
    }
}

static void reader_on_message(void *self, const struct sp_bus_message *m)
{
    struct sp_reader *reader = self;
    struct reader_changes changes;
    if (m->from->role != SP_ROLE_KEEPER || !m->from->from_file) {
        return; /* only a keeper that the file pins; the signature was verified with the key that stands there */
    }
    if (reader->keeper[0] == '\0') {
        (void)sp_str_copy(reader->keeper, sizeof reader->keeper, sp_str_of(m->from->name));
    }
    if (strcmp(reader->keeper, m->from->name) != 0) {
        return;
    }
    struct sp_mono now = reader_now();
    reader_core_on_message(&reader->core, now, (enum sp_role)m->from->role, m->type, sp_str_bytes(m->body, m->body_bytes),
                           &changes);
    reader_tell(reader, now, &changes);
}

static void reader_on_drained(void *self)
{
    reader_turn(self);
}

static void reader_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct sp_reader *reader = self;
    struct reader_changes changes = {.count = 0};
    (void)broker;
    (void)boot;
    if (!up || reader->core.state == READER_AWAY) {
        reader_core_lost(&reader->core, &changes); /* events may have gone that way */
        reader_tell(reader, reader_now(), &changes);
    }
    reader_turn(reader);
}

bool sp_reader_open(const struct sp_reader_options *options, struct sp_reader **out, char *why, size_t why_bytes)
{
    struct sp_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        (void)snprintf(why, why_bytes, "no memory");
        return false;
    }
    reader->options = *options;
    const struct sp_conf *conf = options->conf;
    uint64_t ping_ms = conf->reader.ping_ms != 0 ? conf->reader.ping_ms : conf->keeper.beat_ms;
    struct reader_options core = {.boot = sp_random_u64(),
                                  .ping_ms = ping_ms,
                                  .stale_ms = ping_ms * (conf->reader.beats_missed > 0 ? conf->reader.beats_missed : 1),
                                  .entries_max = conf->reader.nodes_max};
    sp_random_bytes(core.hash_key, sizeof core.hash_key);
    reader->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    struct sp_bus_options bus = {.loop = options->loop,
                                 .conf = conf,
                                 .keys = options->keys,
                                 .stats = options->stats,
                                 .name = options->name,
                                 .role = SP_ROLE_READER,
                                 .software = "sp_reader " SPICE_VERSION,
                                 .topics = 1u << SP_TOPIC_TRUST,
                                 .self = reader,
                                 .on_message = reader_on_message,
                                 .on_link = reader_on_link,
                                 .on_drained = reader_on_drained};
    bool ok = reader->timer_fd >= 0 && reader_core_init(&reader->core, &core) &&
              sp_loop_add(options->loop, reader->timer_fd, EPOLLIN, (struct sp_loop_watch){reader_on_timer, reader}) == SP_OK;
    if (!ok) {
        (void)snprintf(why, why_bytes, "the reader's timer or settings cannot be used");
    }
    if (!ok || !sp_bus_open(&bus, &reader->bus, why, why_bytes)) {
        sp_reader_close(&reader);
        return false;
    }
    reader_turn(reader);
    *out = reader;
    return true;
}

void sp_reader_close(struct sp_reader **reader_p)
{
    struct sp_reader *reader = *reader_p;
    if (reader == NULL) {
        return;
    }
    if (reader->bus != NULL) {
        sp_bus_close(&reader->bus, 0);
    }
    if (reader->timer_fd >= 0) {
        sp_loop_del(reader->options.loop, reader->timer_fd);
        close(reader->timer_fd);
    }
    reader_core_fini(&reader->core);
    free(reader);
    *reader_p = NULL;
}

void sp_reader_lookup(struct sp_reader *reader, struct sp_str node, struct sp_str pool, struct sp_reader_answer *out)
{
    uint8_t key[16];
    struct reader_answer a;
    reader_core_lookup_word(&reader->core, reader_now(), node, sp_hex_key(node, key) ? key : NULL, pool, &a);
    reader_answer_of(&a, out);
}

bool sp_reader_following(struct sp_reader *reader)
{
    return reader_core_fresh(&reader->core, reader_now());
}

static json_t *reader_row(const struct sp_reader *reader, struct sp_mono now, const struct reader_entry *e)
{
    char key[SP_HEX_KEY_BYTES], since[32];
    struct reader_answer a;
    reader_core_answer(&reader->core, now, e, &a);
    sp_hex_key_write(e->key, key);
    sp_time_format_wall((struct sp_wall){a.since_ms}, since, sizeof since);
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:o, s:s}", "node", e->node, "key", key, "pool", e->pool, "member", a.member,
                     "tier", sp_tier_name(a.tier), "remaining_ms", (json_int_t)a.remaining_ms, "since",
                     a.since_ms != 0 ? json_string(since) : json_null(), "why", a.why);
}

void sp_reader_dump(struct sp_reader *reader, const char *pool, struct sp_buf *out)
{
    struct sp_mono now = reader_now();
    json_t *list = json_array();
    for (uint32_t i = 0; i < reader->core.count; i++) {
        const struct reader_entry *e = &reader->core.entries[i];
        if (pool == NULL || strcmp(pool, e->pool) == 0) {
            json_array_append_new(list, reader_row(reader, now, e));
        }
    }
    json_t *all =
        json_pack("{s:b, s:I, s:I, s:o}", "following", reader_core_fresh(&reader->core, now), "boot",
                  (json_int_t)(reader->core.boot & INT64_MAX), "sequence", (json_int_t)reader->core.sequence, "entries", list);
    char *text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    sp_buf_text(out, text != NULL ? text : "{}");
    free(text);
    json_decref(all);
}
