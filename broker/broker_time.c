/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "broker_shell_parts.h"
#include "sp_log.h"
#include "sp_stats_msg.h"

#define LOOK_MS 4000u /* memory, log summaries, ends of validity */

void broker_time_fatal(struct broker_shell *s, const char *why)
{
    SP_LOG(SP_LOG_ERROR, "broker", "fatal", SP_LOG_S("why", why));
    s->exit_code = BROKER_SHELL_EXIT_FATAL;
    sp_loop_stop(s->loop);
}

/* Messages that are worth new statistics: all but those that merely keep sessions alive. */
static uint64_t activity(const struct broker_shell *s)
{
    uint64_t housekeeping = 0;

    for (unsigned role = 0; role <= SP_ROLE_LAST; role++)
        housekeeping += s->core->counters[SP_MSG_HEARTBEAT][role][0].messages + s->core->counters[SP_MSG_STATS][role][0].messages +
                        s->core->counters[SP_MSG_KEEPER_CLOCK][role][0].messages;
    return s->frames_in - housekeeping;
}

/* Keys the admission handler has judged so far. */
static uint64_t judged(const struct broker_shell *s)
{
    uint64_t admitted, refused;

    broker_zap_counts(s->zap, &admitted, &refused);
    return admitted + refused;
}

/* Effect: begins a probe. */
static bool probe(struct broker_shell *s, uint64_t now_us)
{
    s->probe_judged = judged(s);
    return broker_probe_start(&s->probe, s->endpoint, s->keys->curve_public_z85, now_us);
}

void broker_time_on_probe(void *ctx, enum broker_probe_result result)
{
    struct broker_shell *s = ctx;

    s->probe_failures = result == BROKER_PROBE_REFUSED ? 0 : s->probe_failures + 1;
    const struct broker_probe_case c = {result, s->proven, judged(s) != s->probe_judged, s->probe_failures};
    const char *why = broker_probe_verdict(&c);

    /* Without a proof yet the next one is asked for at once. */
    s->probe_us = sp_loop_now(s->loop)->mono.us;
    s->probe_us += s->proven || result == BROKER_PROBE_REFUSED ? s->conf->broker.probe_ms * SP_US_PER_MS : 0;
    if (why != NULL) {
        broker_time_fatal(s, why);
        return;
    }
    if (result != BROKER_PROBE_REFUSED) {
        SP_LOG(SP_LOG_WARNING, "broker", "probe", SP_LOG_S("why", "no verdict yet; many peers come at once"));
        return;
    }
    if (!s->proven) {
        s->proven = true;
        SP_LOG(SP_LOG_NOTICE, "broker", "ready", SP_LOG_S("name", s->core->name), SP_LOG_S("endpoint", s->endpoint),
               SP_LOG_U("principals", s->core->who.count));
        sp_notify_ready(&s->notify, "admission proven closed");
    }
}

static void fill_stats(struct broker_shell *s)
{
    struct broker_core *b = s->core;
    uint64_t admitted, refused;

    for (uint16_t type = 0; type <= SP_MSG_LAST; type++)
        for (uint8_t role = 0; b->counted[type] && role <= SP_ROLE_LAST; role++)
            for (unsigned d = 0; d < 2; d++) {
                const struct broker_counter *from = &b->counters[type][role][d];

                if (from->messages | from->refused | from->dropped)
                    *sp_stats_counter(s->stats, type, role, (enum sp_stats_direction)d) =
                        (struct sp_stats_counter){from->messages, from->bytes, from->dropped, from->refused};
            }
    broker_zap_counts(s->zap, &admitted, &refused);
    const struct {
        const char *name;
        uint64_t value;
    } gauges[] = {
        {"peers", b->peers.count},           {"workers", b->routes.workers_count},
        {"routes", b->routes.routes_count},  {"queue.batches", b->pool.count},
        {"queue.bytes", b->pool.bytes},      {"jobs.forwarded", b->forwarded_jobs},
        {"jobs.returned", b->returned_jobs}, {"admission.yes", admitted},
        {"admission.no", refused},           {"refused.unknown", b->refused_unknown},
        {"violations", s->violations},       {"alarms", b->alarms},
        {"principals", b->who.count},        {"frames.in", s->frames_in},
        {"evidence.asked", b->asked.count},  {"evidence.expired", b->asked_expired},
        {"evidence.unasked", b->unasked},
    };

    for (size_t i = 0; i < SP_COUNT(gauges); i++)
        sp_stats_set(s->stats, sp_stats_gauge(s->stats, gauges[i].name), gauges[i].value);
}

/* Our own Stats go the way of everybody's: kept for operators, and to those who follow. */
void broker_time_tell_stats(struct broker_shell *s)
{
    uint64_t now_us = sp_loop_now(s->loop)->mono.us;
    struct sp_packer w;
    uint32_t self = principal_by_name(&s->core->who, sp_str_of(s->core->name));

    fill_stats(s);
    sp_envelope_begin(&w, s->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    if (!sp_stats_msg_encode(s->stats, s->core->o.boot, (now_us - s->admin.started_us) / SP_US_PER_MS, &w))
        return;
    struct sp_str body = sp_str_bytes(w.start, sp_packer_bytes(&w));

    if (self != PRINCIPAL_NONE)
        broker_admin_keep(&s->admin, self, body, now_us);
    for (unsigned role = SP_ROLE_OPERATOR; role <= SP_ROLE_READER; role++)
        for (uint32_t i = s->core->peers.first_role[role]; i != PEER_NONE; i = s->core->peers.peers[i].next_role) {
            const struct peer *p = &s->core->peers.peers[i];

            if (p->topics & 1u << SP_TOPIC_STATS)
                (void)broker_shell_send(s, p->conn, SP_MSG_STATS, sp_str_of(s->core->who.rows[p->principal].name), body);
        }
    sp_stats_window(s->stats);
    s->told = activity(s);
}

static uint64_t resident_mb(const struct broker_shell *s)
{
    char text[128];
    ssize_t n = pread(s->statm_fd, text, sizeof text - 1, 0);
    unsigned long long pages = 0;

    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%*u %llu", &pages) != 1)
        return 0;
    return pages * (unsigned long long)sysconf(_SC_PAGESIZE) >> 20;
}

/* What no option of libzmq bounds (an endless multipart message, pitfall A13) is bounded here: better a restart than the host. */
static void look(struct broker_shell *s)
{
    uint64_t resident = resident_mb(s);

    sp_stats_set(s->stats, sp_stats_gauge(s->stats, "resident.mb"), resident);
    if (s->conf->broker.memory_mb > 0 && resident > s->conf->broker.memory_mb) {
        SP_LOG(SP_LOG_ERROR, "broker", "memory", SP_LOG_U("resident_mb", resident),
               SP_LOG_U("limit_mb", s->conf->broker.memory_mb));
        broker_time_fatal(s, "more memory than broker.memory_mb");
    }
    if (sp_loop_now(s->loop)->wall.ms / SP_MS_PER_S >= s->valid_until_s)
        broker_shell_publish(s);
    sp_log_tick(*sp_loop_now(s->loop));
}

struct sp_mono broker_time_deadline(void *ctx)
{
    struct broker_shell *s = ctx;
    uint64_t all[] = {broker_core_deadline(s->core),
                      broker_probe_deadline(&s->probe),
                      s->probe.zmq == NULL ? s->probe_us : SP_NEVER,
                      s->look_us,
                      broker_acts_deadline(s),
                      activity(s) != s->told ? s->stats_us : SP_NEVER,
                      sp_notify_deadline(&s->notify).us};
    uint64_t first = SP_NEVER;

    for (size_t i = 0; i < SP_COUNT(all); i++)
        first = all[i] < first ? all[i] : first;
    return (struct sp_mono){first};
}

void broker_time_tick(void *ctx, const struct sp_now *now)
{
    struct broker_shell *s = ctx;
    uint64_t now_us = now->mono.us;

    broker_probe_tick(&s->probe, now_us);
    broker_acts_tick(s);
    if (s->probe.zmq == NULL && now_us >= s->probe_us && s->exit_code == 0 && !probe(s, now_us))
        broker_time_on_probe(s, BROKER_PROBE_NOTHING);
    if (now_us >= s->stats_us && activity(s) != s->told) {
        s->stats_us = now_us + s->conf->bus.stats_ms * SP_US_PER_MS;
        broker_time_tell_stats(s);
    }
    if (now_us >= s->look_us) {
        s->look_us =
            sp_time_next_multiple(now_us, (uint64_t)LOOK_MS * SP_US_PER_MS); /* the heartbeats of this host come at such times */
        look(s);
    }
    sp_notify_watchdog(&s->notify, now->mono, sp_loop_turns(s->loop));
}
