/* SPDX-License-Identifier: Apache-2.0 */
/* The attester: its core driven by bytes, with its invariants after each event; arguments of questions as a stolen key writes them;
 * and the packets between its two parts, each as a compromised other one would write them. The first byte chooses. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attester_core.h"
#include "back.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t nonce[2][32] = {{1}, {2}};

/* ---- the core -------------------------------------------------------------------------------------------------- */

struct rig {
    struct attester_core *core;
    struct attester_effects fx;
    uint64_t now, ticket;
    bool held[ATTESTER_DOCS_MAX];
};

static void step(struct rig *r, struct attester_event *ev)
{
    ev->now_us = r->now;
    attester_core_step(r->core, ev, &r->fx);
    attester_core_check(r->core);
    for (uint32_t i = 0; i < r->fx.count; i++) {
        const struct attester_effect *e = &r->fx.list[i];
        const struct attester_doc *d = e->doc != ATTESTER_NONE ? attester_core_doc(r->core, e->doc) : NULL;
        if (e->kind == ATTESTER_COLLECT) {
            SP_ASSERT(r->ticket == 0 && !r->held[e->doc]);
            r->ticket = d->ticket;
        } else if (e->kind == ATTESTER_ANSWER && e->reason == SP_REASON_OK) {
            SP_ASSERT(e->part <= ATTESTER_PART_MAX);
            r->held[e->doc] = true;
        } else if (e->kind == ATTESTER_RELEASE) {
            r->held[e->doc] = false;
        }
    }
}

static void question(struct rig *r, const uint8_t b[4])
{
    static const char *const askers[] = {"a", "b", "c", "d"}, *const kinds[] = {"quote", "ima", "enroll", "other"};
    struct attester_event ev = {.kind = ATTESTER_EV_QUESTION};
    ev.u.question = (struct attester_question){.asker = sp_str_of(askers[b[0] & 3]),
                                               .node = sp_str_of((b[0] & 4) != 0 && (b[0] & 8) != 0 ? "node2" : "node1"),
                                               .kind = sp_str_of(kinds[b[0] >> 4 & 3]),
                                               .args = sp_str_bytes("{}{}", (b[0] >> 6 & 3u)),
                                               .nonce = nonce[b[1] & 1],
                                               .id = b[1] >> 1 & 7,
                                               .offset = (uint64_t)(b[1] >> 4) << (b[2] & 63),
                                               .expires_ms = (uint32_t)b[3] << (b[2] >> 3),
                                               .is_operator = (b[2] & 1) != 0};
    step(r, &ev);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t room(const struct rig *r)
{
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = attester_core_doc(r->core, i);
        if (d->state == ATTESTER_COLLECTING) {
            return d->total;
        }
    }
    return 0;
}

static void core(const uint8_t *p, size_t n)
{
    static const struct attester_kind kinds[] = {{"quote", false}, {"ima", false}, {"enroll", true}, {NULL, false}};
    const struct attester_options o = {
        .node = "node1", .kinds = kinds, .per_minute = 30, .document_max = 4u << 20, .bytes_max = 9u << 20};
    static struct rig rig;
    rig = (struct rig){.core = attester_core_new(&o), .now = 1};
    for (size_t i = 0; i + 5 <= n; i += 5) {
        rig.now += (uint64_t)p[i + 4] << (p[i] >> 3);
        if ((p[i] & 7) < 5) {
            question(&rig, p + i + 1);
        } else if ((p[i] & 7) == 5) {
            struct attester_event ev = {.kind = ATTESTER_EV_TICK};
            step(&rig, &ev);
        } else {
            struct attester_event ev = {.kind = ATTESTER_EV_COLLECTED};
            bool ours = (p[i] & 7) == 6 && rig.ticket != 0;
            ev.u.collected.ticket = ours ? rig.ticket : p[i + 1];
            rig.ticket = ev.u.collected.ticket == rig.ticket ? 0 : rig.ticket;
            ev.u.collected.reason = (p[i + 2] & 3) == 0 ? SP_REASON_INTERNAL : SP_REASON_OK;
            ev.u.collected.total = less((uint64_t)p[i + 3] << 14, room(&rig)); /* the back keeps to it */
            step(&rig, &ev);
        }
    }
    attester_core_destroy(&rig.core);
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

/* Kinds that read nothing but their log: the others want a TPM, processes or trees. */
static void arguments(const uint8_t *p, size_t n)
{
    static const char *const kinds[] = {"ima", "bootlog", "none"};
    const struct collect_site site = {.boot_log = "/proc/self/nothing", .ima_log = "/proc/self/nothing"};
    struct collect_out out = {.fd = -1, .max = 1 << 16};
    const struct collect_request request = {.kind = sp_str_of(kinds[p[0] % 3]),
                                            .node = sp_str_of("node1"),
                                            .args = sp_str_bytes(p + 1, n - 1),
                                            .nonce = nonce[0],
                                            .sign_key = nonce[0],
                                            .curve_key = nonce[1],
                                            .site = &site};
    uint16_t reason = collector_run(&request, &out);
    SP_ASSERT(reason == SP_REASON_BAD_PARAMETERS || reason == SP_REASON_MISSING);
    SP_ASSERT(out.n == 0 && out.detail[0] != '\0');
}

/* ---- packets --------------------------------------------------------------------------------------------------- */

static void packet(const uint8_t *p, size_t n)
{
    int ends[2], document = -1;
    struct back_answer answer;
    SP_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    if (n > 0 && send(ends[1], p, n, MSG_DONTWAIT) == (ssize_t)n) {
        enum back_state state = back_receive(ends[0], &answer, &document);
        SP_ASSERT(state != BACK_EMPTY && document == -1); /* no descriptor came, so there is no document */
        SP_ASSERT(state == BACK_GONE || answer.reason != SP_REASON_OK);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    if (data[0] % 4 == 0) {
        arguments(data + 1, size - 1);
    } else if (data[0] % 4 == 1) {
        packet(data + 1, size - 1);
    } else {
        core(data + 1, size - 1);
    }
    return 0;
}
