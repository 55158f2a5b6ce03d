/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become events of the broker's core: well-formed messages with fuzzed bodies, raw frames, time, connections that fill up or
 * go. After every step all invariants must hold and every frame must have an owner.
 *
 * An operation is: opcode, connection, principal, then what the opcode needs. Everything is taken modulo what exists. */
#include "broker_world.h"

#define PRINCIPALS     10u
#define OPERATIONS_MAX 256u

struct input {
    const uint8_t *p, *end;
};

static uint8_t take(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static void take_body(struct input *in, struct sp_packer *w, uint8_t *buf, size_t room)
{
    size_t n = (size_t)take(in) << 8 | take(in);

    n = n < room ? n : room;
    n = n < (size_t)(in->end - in->p) ? n : (size_t)(in->end - in->p);
    sp_packer_init(w, buf, room);
    if (n > 0 && sp_packer_raw(w, in->p, n) == SP_OK)
        in->p += n;
}

/* Questions and parts that could fit each other. */
static void ask_or_answer(struct broker_world *w, struct input *in, uint32_t conn, uint32_t principal)
{
    static const char *const dests[] = {"", "a1", "a2", "w1", "w2", "admin", "attester"};
    static const char *const nodes[] = {"n", "m", ""};
    static const uint8_t nonce[32];
    uint8_t buf[256];
    struct sp_packer body;
    const char *dest = dests[take(in) % SP_COUNT(dests)], *node = nodes[take(in) % SP_COUNT(nodes)];
    uint64_t id = take(in) % 4u, offset = take(in) % 2u;

    sp_packer_init(&body, buf, sizeof buf);
    if (take(in) % 2u == 0) {
        struct msg_evidence_request m = {
            .id = id, .node = sp_str_of(node), .nonce = nonce, .offset = offset, .expires_ms = take(in) * 100u};

        SP_ASSERT(msg_evidence_request_encode(&body, &m) == SP_OK);
        broker_world_send(w, conn, principal, SP_MSG_EVIDENCE_REQUEST, dest, &body, NULL);
    } else {
        struct msg_evidence m = {.id = id, .node = sp_str_of(node), .nonce = nonce, .offset = offset};

        SP_ASSERT(msg_evidence_encode(&body, &m) == SP_OK);
        broker_world_send(w, conn, principal, SP_MSG_EVIDENCE, dest, &body, NULL);
    }
}

static void operate(struct broker_world *w, struct input *in, const uint32_t *who)
{
    static uint8_t buf[BROKER_WORLD_BYTES - SP_ENVELOPE_BUFFER(0)];
    static const char *const dests[] = {"", "keeper", "scheduler", "w1", "w2", "admin", "r1", "broker", "b0", "nobody", "a1", "a2"};
    static const char *const adapters[] = {"exec", "http", "exec,http", "*", ""};
    uint8_t op = take(in);
    uint32_t conn = take(in) % BROKER_WORLD_CONNS, principal = who[take(in) % PRINCIPALS];
    struct sp_packer body;

    switch (op % 11u) {
    case 10:
        ask_or_answer(w, in, conn, principal);
        break;
    case 0:
        take_body(in, &body, buf, sizeof buf);
        broker_world_send(w, conn, principal, (uint16_t)(take(in) % (SP_MSG_LAST + 2u)), dests[take(in) % SP_COUNT(dests)], &body,
                          NULL);
        break;
    case 1:
        take_body(in, &body, buf, sizeof buf);
        broker_world_raw(w, conn, take(in) % 9u == 8u ? PRINCIPAL_NONE : principal, buf, sp_packer_bytes(&body));
        break;
    case 2:
        broker_world_hello(w, conn, principal, take(in) % 3u, adapters[take(in) % SP_COUNT(adapters)], "");
        break;
    case 3:
        broker_world_credit(w, conn, principal, take(in));
        break;
    case 4:
        broker_world_route(w, conn, principal, adapters[take(in) % SP_COUNT(adapters)], take(in) % 2u ? "" : "zone=a");
        break;
    case 5:
        broker_world_jobs(w, conn, principal, adapters[take(in) % 2u], take(in) % 40u, take(in) * 10u);
        break;
    case 6:
        broker_world_drained(w);
        break;
    case 7:
        broker_world_pass(w, take(in) * 20u);
        break;
    case 8:
        w->conns[conn].state = (enum broker_world_state)(take(in) % 3u);
        break;
    default:
        w->core.who.rows[principal].revoked = take(in) % 4u == 0;
        w->signatures_good = take(in) % 2u == 0;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct broker_world w;
    static const struct {
        const char *name;
        uint8_t role;
    } fleet[PRINCIPALS] = {
        {"scheduler", SP_ROLE_SCHEDULER}, {"keeper", SP_ROLE_KEEPER}, {"w1", SP_ROLE_WORKER}, {"w2", SP_ROLE_WORKER},
        {"admin", SP_ROLE_OPERATOR},      {"r1", SP_ROLE_READER},     {"e1", SP_ROLE_ENROL},  {"standby", SP_ROLE_SCHEDULER},
        {"a1", SP_ROLE_ATTESTER},         {"a2", SP_ROLE_ATTESTER}};
    uint32_t who[PRINCIPALS];
    struct input in = {data, data + size};

    broker_world_init(&w);
    for (unsigned i = 0; i < PRINCIPALS; i++)
        who[i] = broker_world_principal(&w, fleet[i].name, fleet[i].role, fleet[i].role == SP_ROLE_ATTESTER ? "n" : "*");
    for (unsigned i = 0; i < OPERATIONS_MAX && in.p < in.end; i++)
        operate(&w, &in, who);
    broker_world_drained(&w);
    broker_world_fini(&w);
    return 0;
}
