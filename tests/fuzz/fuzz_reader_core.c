/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become messages and time for the reader's core: well-formed answers of a keeper with the right or a wrong nonce, order, start and
 * lifetime, and raw bodies. It keeps its bounds, and says "member" only of what was said, never beyond the told end (SI-1, SI-2).
 *
 * An operation is eight bytes: what, which entry, until, now, order, time, nonce, spare; a raw body takes more of the input. */
#include <string.h>

#include "reader_core.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPERATION_BYTES 8u
#define ENTRIES         4u

struct fuzz {
    struct reader_core r;
    struct reader_changes changes;
    struct sp_mono now;
    uint8_t asked[16], pinged[16]; /* nonces of the latest Subscribe and ReaderPing */
    uint64_t nonce;
    uint64_t boot, sequence;
    uint64_t told[ENTRIES]; /* greatest end ever told of each entry; what a reader may believe at most */
};

static void deliver(struct fuzz *f, uint16_t type, const uint8_t *body, size_t n, bool stranger)
{
    reader_core_on_message(&f->r, f->now, stranger ? SP_ROLE_WORKER : SP_ROLE_KEEPER, type, sp_str_bytes(body, n), &f->changes);
}

static struct rec_trust_entry entry_of(struct fuzz *f, const uint8_t *op, uint64_t keeper_ms, bool heard)
{
    static const char *const names[ENTRIES] = {"n0", "n1", "n2", "n3"};
    static uint8_t key[16];
    unsigned which = op[1] % ENTRIES;
    struct rec_trust_entry e = {
        .key = key, .node = sp_str_of(names[which]), .pool = sp_str_of("p"), .member = op[1] >= 64, .tier = SP_TIER_PASS};
    memset(key, (int)which + 1, sizeof key);
    e.until_ms = e.member ? keeper_ms + op[2] * 8u : 0;
    e.tier = e.member ? SP_TIER_PASS : SP_TIER_NONE;
    if (heard && e.until_ms > f->told[which])
        f->told[which] = e.until_ms;
    return e;
}

static void snapshot(struct fuzz *f, const uint8_t *op, uint64_t keeper_ms)
{
    uint8_t body[1024];
    struct sp_packer w;
    struct msg_snapshot m = {.nonce = op[6] < 240 ? f->asked : f->pinged,
                             .boot = f->boot,
                             .now_ms = keeper_ms,
                             .sequence = f->sequence,
                             .part = op[4] / 200,
                             .last = op[4] % 8 != 0};
    struct rec_trust_entry e = entry_of(f, op, keeper_ms, true);
    sp_packer_init(&w, body, sizeof body);
    SP_ASSERT(msg_snapshot_begin(&w, &m) == SP_OK && rec_trust_entry_put(&w, &e) == SP_OK && msg_snapshot_end(&w) == SP_OK);
    deliver(f, SP_MSG_SNAPSHOT, body, sp_packer_bytes(&w), op[7] > 250);
}

static void event(struct fuzz *f, const uint8_t *op, uint64_t keeper_ms)
{
    uint8_t body[1024];
    struct sp_packer w;
    f->sequence += op[4] < 220;      /* else the same again */
    f->sequence += op[4] % 32 == 31; /* a gap */
    struct msg_trust_event m = {.boot = f->boot + (op[6] > 250), .sequence = f->sequence, .now_ms = keeper_ms};
    struct rec_trust_entry e = entry_of(f, op, keeper_ms, true);
    sp_packer_init(&w, body, sizeof body);
    SP_ASSERT(msg_trust_event_begin(&w, &m) == SP_OK && rec_trust_entry_put(&w, &e) == SP_OK && msg_trust_event_end(&w) == SP_OK);
    deliver(f, SP_MSG_TRUST_EVENT, body, sp_packer_bytes(&w), op[7] > 250);
}

static void beat(struct fuzz *f, const uint8_t *op, uint64_t keeper_ms)
{
    uint8_t body[128];
    struct sp_packer w;
    struct msg_trust_beat m = {.nonce = op[6] < 240 ? f->pinged : f->asked,
                               .boot = f->boot + (op[6] % 16 == 15),
                               .now_ms = keeper_ms,
                               .sequence = f->sequence + (op[4] > 240)};
    sp_packer_init(&w, body, sizeof body);
    SP_ASSERT(msg_trust_beat_encode(&w, &m) == SP_OK);
    deliver(f, SP_MSG_TRUST_BEAT, body, sp_packer_bytes(&w), op[7] > 250);
}

/* Everything the core wants to say, with nonces of our own. */
static void speak(struct fuzz *f)
{
    struct reader_send send;
    uint8_t nonce[16] = {0};
    for (unsigned i = 0;; i++) {
        SP_ASSERT(i < 8);
        f->nonce++;
        memcpy(nonce, &f->nonce, sizeof f->nonce);
        if (!reader_core_step(&f->r, f->now, nonce, &send, &f->changes))
            return;
        memcpy(send.type == SP_MSG_SUBSCRIBE ? f->asked : f->pinged, nonce, sizeof nonce);
    }
}

/* The keeper's true clock is 5 s ahead of ours and never runs faster than the drift allowed for. */
static uint64_t keeper_clock(const struct fuzz *f)
{
    return f->now.us / 1000 + 5000;
}

static void judge(struct fuzz *f)
{
    static const char *const names[ENTRIES] = {"n0", "n1", "n2", "n3"};
    SP_ASSERT(reader_core_check(&f->r, f->now));
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct reader_answer a;
        reader_core_lookup(&f->r, f->now, sp_str_of(names[i]), NULL, sp_str_of("p"), &a);
        SP_ASSERT(!a.member || reader_core_fresh(&f->r, f->now));
        SP_ASSERT(!a.member || keeper_clock(f) + a.remaining_ms <= f->told[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {SP_MSG_SNAPSHOT, SP_MSG_TRUST_EVENT, SP_MSG_TRUST_BEAT, SP_MSG_SUBSCRIBE};
    static struct fuzz f;
    struct reader_options o = {.boot = 1, .ping_ms = 100, .stale_ms = 300, .entries_max = 16, .hash_key = {3}};
    memset(&f, 0, sizeof f);
    f.now.us = 1000000;
    f.boot = 7;
    if (!reader_core_init(&f.r, &o))
        return 0;
    for (size_t at = 0; at + OPERATION_BYTES <= size;) {
        const uint8_t *op = data + at;
        at += OPERATION_BYTES;
        f.now.us += (uint64_t)op[5] * 500;
        speak(&f);
        switch (op[0] % 8) {
        case 0:
        case 1:
            snapshot(&f, op, keeper_clock(&f));
            break;
        case 2:
        case 3:
            event(&f, op, keeper_clock(&f));
            break;
        case 4:
            beat(&f, op, keeper_clock(&f));
            break;
        case 5:
            f.boot += op[6] > 200; /* the keeper starts anew */
            f.sequence = op[6] > 200 ? 0 : f.sequence;
            break;
        case 6: {
            size_t n = op[1] < size - at ? op[1] : size - at;
            reader_core_on_message(&f.r, f.now, SP_ROLE_READER, types[op[2] % SP_COUNT(types)], sp_str_bytes(data + at, n),
                                   &f.changes);
            at += n; /* no keeper said it */
            break;
        }
        default:
            if (op[6] > 128)
                reader_core_lost(&f.r, &f.changes);
        }
        reader_core_expire(&f.r, f.now, &f.changes);
        judge(&f);
    }
    reader_core_fini(&f.r);
    return 0;
}
