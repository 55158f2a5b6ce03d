/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between processes: sealing, delay, loss, repetition, disorder, partition. */
#include "sim.h"

#include <stdlib.h>

static void seal(const uint64_t key[2], const uint8_t *p, size_t n, uint8_t *out, size_t out_bytes)
{
    for (size_t at = 0; at < out_bytes; at += 8) {
        uint8_t k[16];
        uint64_t h, word[2] = {key[0] ^ at, key[1]};
        memcpy(k, word, sizeof k);
        h = sp_hash_sip(k, p, n);
        memcpy(out + at, &h, 8);
    }
}

/* Stands in for HMAC-SHA-256 under the core key. */
const uint64_t sim_digest_key[2] = {23, 29};

void sim_mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    seal(ctx, p, n, out, 32);
}

void sim_random(void *ctx, void *to, size_t n)
{
    struct sim *s = ctx;
    uint8_t *p = to;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)sp_rng_next(&s->rng);
}

uint64_t sim_sequence(struct sim *s, uint32_t process)
{
    return ++s->process[process].sequence;
}

static void seal_envelope(const struct sim *s, uint32_t sender, unsigned type, struct sp_str sealed, uint8_t *out, size_t n)
{
    static const uint8_t deployment[SP_DEPLOYMENT_BYTES] = {7};
    static const uint64_t core_key[2] = {11, 13};
    static uint8_t bytes[SP_AUTH_PREFIX_MAX + SP_FRAME_BYTES_MAX];
    size_t prefix = sp_envelope_auth_prefix(type, deployment, bytes);
    memcpy(bytes + prefix, sealed.p, sealed.n);
    seal(msg_find(type)->auth == SP_AUTH_MAC ? core_key : s->process[sender].key, bytes, prefix + sealed.n, out, n);
}

bool sim_seal_fits(const struct sim *s, const struct sp_envelope *e, uint32_t sender)
{
    uint8_t good[64] = {0};
    const struct msg_info *info = msg_find(e->type);
    if (info == NULL || info->auth_bytes != e->auth.n)
        return false;
    if (info->auth_bytes == 0)
        return true;
    seal_envelope(s, sender, e->type, e->sealed, good, info->auth_bytes);
    return memcmp(good, e->auth.p, info->auth_bytes) == 0;
}

uint32_t sim_process_of(const struct sim *s, struct sp_str name)
{
    for (uint32_t i = 0; i < SIM_PROCESSES; i++)
        if (sp_str_is(name, s->process[i].name))
            return i;
    return SIM_PROCESSES;
}

uint32_t sim_process_at(const struct sim *s, uint32_t conn)
{
    for (uint32_t i = 0; i < SIM_PROCESSES; i++)
        if (s->process[i].alive && s->process[i].conn == conn)
            return i;
    return SIM_PROCESSES;
}

/* Puts a frame on the way, with the faults of the hour. `order` keeps frames of one direction in order unless disorder strikes. */
static void travel(struct sim *s, uint32_t to, uint32_t from, uint32_t conn, uint64_t *order, const uint8_t *p, size_t n)
{
    unsigned copies = 1;
    s->frames++;
    if (!s->stop_faults && sim_chance(s, s->knobs.drop))
        return;
    if (!s->stop_faults && sim_chance(s, s->knobs.duplicate))
        copies = 2;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t delay = 50 + sim_below(s, 400);
        if (!s->stop_faults && sim_chance(s, s->knobs.slow))
            delay += sim_below(s, 3000000);
        uint64_t at = s->now_us + delay;
        if (s->stop_faults || !sim_chance(s, s->knobs.reorder)) {
            at = at > *order ? at : *order + 1;
            *order = at;
        }
        uint8_t *copy = malloc(n > 0 ? n : 1); /* exact size: the address sanitizer sees views kept too long */
        SIM_REQUIRE(s, copy != NULL, "no memory");
        memcpy(copy, p, n);
        struct sim_event e = {
            .kind = SIM_DELIVER, .to = to, .from = from, .conn = conn, .life = s->process[to].life, .frame = copy, .bytes = n};
        (void)sim_schedule(s, at, &e);
    }
}

static uint8_t frame_memory[SP_ENVELOPE_BUFFER(SP_FRAME_BYTES_MAX)];

static bool build(struct sim *s, uint32_t from, const struct sp_envelope *head, const uint8_t *body, size_t n,
                  struct sp_frame *frame)
{
    struct sp_packer w;
    const struct msg_info *info = msg_find(head->type);
    sp_envelope_begin(&w, frame_memory, sizeof frame_memory);
    if (sp_packer_raw(&w, body, n) != SP_OK || sp_envelope_finish(&w, head, info->auth_bytes, frame) != SP_OK)
        return false;
    if (info->auth_bytes > 0)
        seal_envelope(s, from, head->type, frame->sealed, frame->auth, info->auth_bytes);
    return true;
}

bool sim_send(struct sim *s, uint32_t from, uint16_t type, const char *dest, uint64_t epoch, uint64_t trace, const uint8_t *body,
              size_t n)
{
    struct sim_process *p = &s->process[from];
    struct sp_envelope head = {.type = type,
                               .sender = sp_str_of(p->name),
                               .dest = sp_str_of(dest),
                               .epoch = epoch,
                               .sequence = ++p->sequence,
                               .trace = trace};
    struct sp_frame frame;
    SIM_REQUIRE(s, msg_find(type) != NULL && (msg_find(type)->from & 1u << p->role), "SI-8: %s emits %s", p->name, msg_name(type));
    SIM_REQUIRE(s, build(s, from, &head, body, n, &frame), "frame of %s does not build", msg_name(type));
    if (p->cut || !s->process[SIM_BROKER].alive)
        return false;
    travel(s, SIM_BROKER, from, p->conn, &p->last_out_us, frame.p, frame.n);
    return true;
}

void sim_forward(struct sim *s, uint32_t conn, const uint8_t *p, size_t n)
{
    uint32_t to = sim_process_at(s, conn);
    if (to == SIM_PROCESSES || s->process[to].cut)
        return;
    travel(s, to, SIM_BROKER, conn, &s->process[to].last_in_us, p, n);
}

void sim_hello(struct sim *s, uint32_t process, const char *adapters, uint32_t slots)
{
    uint8_t body[1024];
    struct sp_packer w;
    struct msg_hello m = {.boot = s->process[process].boot,
                          .software = sp_str_of("sim"),
                          .adapters = sp_str_of(adapters),
                          .labels = sp_str_of(""),
                          .slots = slots,
                          .topics = s->process[process].role == SP_ROLE_READER ? 1u << SP_TOPIC_TRUST : 0};
    sp_packer_init(&w, body, sizeof body);
    SIM_REQUIRE(s, msg_hello_encode(&w, &m) == SP_OK, "hello");
    (void)sim_send(s, process, SP_MSG_HELLO, "", 0, 0, body, sp_packer_bytes(&w));
}

void sim_hostile_policy(struct sim *s)
{
    struct sim_process *keeper = &s->process[SIM_KEEPER];
    struct sp_envelope envelope;
    for (uint32_t i = 0, from = s->liar_count > 0 ? (uint32_t)sim_below(s, s->liar_count) : 0; i < s->liar_count; i++) {
        uint32_t at = (from + i) % s->liar_count;
        if (sp_envelope_decode(s->liar_frames[at], s->liar_bytes[at], &envelope) == SP_OK && envelope.type == SP_MSG_CHECK_SET) {
            travel(s, SIM_KEEPER, SIM_BROKER, keeper->conn, &keeper->last_in_us, s->liar_frames[at], s->liar_bytes[at]);
            return;
        }
    }
}

/* A frame by somebody who holds the liar's key, or by a broker that bends what it saw: replayed, altered, in another's name, or noise. */
void sim_hostile_frame(struct sim *s)
{
    struct sim_process *liar = &s->process[SIM_LIAR];
    uint8_t frame[4096];
    size_t n = 0;
    if (s->liar_count > 0) {
        uint32_t pick = (uint32_t)sim_below(s, s->liar_count);
        n = s->liar_bytes[pick] < sizeof frame ? s->liar_bytes[pick] : sizeof frame;
        memcpy(frame, s->liar_frames[pick], n);
    }
    unsigned way = (unsigned)sim_below(s, 4);
    if (way == 0 || n == 0) {
        n = 1 + sim_below(s, 200);
        sim_random(s, frame, n);
    } else if (way == 1) {
        for (uint64_t i = 0, flips = 1 + sim_below(s, 3); i < flips; i++)
            frame[sim_below(s, n)] ^= (uint8_t)(1u << sim_below(s, 8));
    }
    if (way <= 2 && sim_chance(s, 500)) {
        travel(s, SIM_BROKER, SIM_LIAR, liar->conn, &liar->last_out_us, frame, n); /* as a worker with a stolen key */
        return;
    }
    /* as a hostile broker: any recorded or bent frame to anybody, late and again */
    uint32_t to = (uint32_t)(SIM_SCHEDULER + sim_below(s, SIM_LIAR - SIM_SCHEDULER));
    if (s->process[to].alive)
        travel(s, to, SIM_BROKER, s->process[to].conn, &s->process[to].last_in_us, frame, n);
}
