/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become what a worker's questions may meet: answers of every kind, refusals, words of the keeper, brokers that come and go, time.
 * After each of them all invariants hold; a part is given only for an open question, in order and within the document. */
#include <string.h>

#include "ask.h"
#include "sp_assert.h"

#define QUESTIONS 8u

static const char *const nodes[] = {"n1", "n2"};
static const uint8_t nonce[32] = {1}, other[32] = {2}, sign[32] = {3};

struct input {
    const uint8_t *p, *end;
};

static uint8_t take(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

struct fuzz {
    struct ask_core c;
    uint64_t now, sequence;
    uint64_t given[QUESTIONS]; /* bytes the adapter has, by what `user` points to */
    uint32_t at[QUESTIONS];    /* ASK_NONE: not asking */
};

static void begin(struct fuzz *f, struct input *in)
{
    unsigned q = take(in) % QUESTIONS;
    if (f->at[q] != ASK_NONE) {
        ask_core_stop(&f->c, f->at[q]);
        f->at[q] = ASK_NONE;
        return;
    }
    const struct ask_begin b = {.node = sp_str_of(nodes[q % 2]),
                                .kind = sp_str_of("quote"),
                                .args = sp_str_of("{}"),
                                .nonce = nonce,
                                .number = q % 5 / 3,
                                .generation = q % 3,
                                .deadline_us = f->now + take(in) * 500000ull,
                                .user = &f->given[q]};
    f->given[q] = 0;
    f->at[q] = ask_core_begin(&f->c, &b, f->now);
    SP_ASSERT(f->at[q] != ASK_NONE);
}

static void identity(struct fuzz *f, struct input *in)
{
    static const uint8_t ak[8];
    uint8_t how = take(in);
    struct msg_identity m = {.node = sp_str_of(nodes[how & 1]),
                             .generation = how >> 1 & 3,
                             .attester = sp_str_of("a"),
                             .sign = sp_str_bytes(sign, 32),
                             .mode = how >> 3 & 3,
                             .code = how >> 5 == 7   ? SP_REFUSAL_NOT_FOUND
                                     : how >> 5 == 6 ? SP_REFUSAL_SCOPE
                                                     : SP_REFUSAL_NONE};
    if (how & 16) {
        m.ak = sp_str_bytes(ak, sizeof ak);
        m.ek = sp_str_bytes(nonce, 32);
    }
    ask_core_identity(&f->c, &m);
}

static void answer(struct fuzz *f, struct input *in)
{
    static const uint8_t bytes[16];
    unsigned q = take(in) % QUESTIONS;
    uint8_t how = take(in);
    uint32_t at = f->at[q] != ASK_NONE ? f->at[q] : 0, got = ASK_NONE;
    struct msg_evidence m = {.id = f->c.rows[at].id ^ (how & 1 ? take(in) : 0),
                             .node = sp_str_of(nodes[how & 2 ? take(in) % 2 : q % 2]),
                             .kind = sp_str_of("quote"),
                             .nonce = how & 4 ? other : nonce,
                             .code = how & 8 ? take(in) : 0,
                             .total = take(in) % 40u,
                             .offset = how & 16 ? take(in) : f->c.rows[at].offset,
                             .part = sp_str_bytes(bytes, take(in) % 17u)};
    const struct ask_answer a = {.from = sp_str_of(how & 32 ? "b" : "a"), .sign = how & 64 ? other : sign, .m = &m};
    enum ask_verdict v = ask_core_answer(&f->c, &a, &got, f->now);
    if (v == ASK_DROP) {
        return;
    }
    uint64_t *given = f->c.rows[got].user;
    SP_ASSERT(!(how & (4 | 32 | 64)) && f->at[given - f->given] == got);
    SP_ASSERT(m.code == 0 && m.offset == *given && m.offset + m.part.n <= m.total && ask_core_who(&f->c, got) != NULL);
    *given += m.part.n;
    SP_ASSERT((v == ASK_LAST) == (*given == m.total));
    if (v == ASK_LAST) {
        ask_core_stop(&f->c, got);
        f->at[given - f->given] = ASK_NONE;
    } else {
        ask_core_go_on(&f->c, got, m.id, m.part.n);
    }
}

static void turn(struct fuzz *f, struct input *in)
{
    struct ask_row *r, row;
    unsigned broker;
    f->now += take(in) * 50000ull;
    ask_core_tick(&f->c, f->now);
    while (ask_core_want(&f->c, f->now, &broker) != NULL) {
    }
    while ((r = ask_core_next(&f->c, f->now)) != NULL) {
        if (take(in) % 4u == 3) {
            ask_core_unsent(r);
        } else {
            ask_core_sent(&f->c, r, ++f->sequence, f->now);
        }
    }
    while (ask_core_pop(&f->c, &row)) {
        uint64_t *given = row.user;
        SP_ASSERT(row.reason != SP_REASON_OK && f->at[given - f->given] != ASK_NONE); /* once */
        f->at[given - f->given] = ASK_NONE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[16];
    static struct fuzz f;
    struct input in = {data, data + size};
    memset(&f, 0, sizeof f);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        f.at[i] = ASK_NONE;
    }
    f.now = 1000000;
    SP_ASSERT(ask_core_init(&f.c, 2, seed));
    while (in.p < in.end) {
        switch (take(&in) % 6u) {
        case 0:
            begin(&f, &in);
            break;
        case 1:
            identity(&f, &in);
            break;
        case 2:
            answer(&f, &in);
            break;
        case 3: {
            uint8_t broker = take(&in) & 1;
            ask_core_refused(&f.c, broker, f.sequence - take(&in) % 4u, take(&in) % (SP_REFUSAL_LAST + 1u));
            break;
        }
        case 4: {
            uint8_t how = take(&in);
            ask_core_link(&f.c, how & 1, (how & 2) != 0);
            break;
        }
        default:
            turn(&f, &in);
        }
        ask_core_check(&f.c);
    }
    ask_core_fini(&f.c);
    return 0;
}
