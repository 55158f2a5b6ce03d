/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Senders an attester does not know. A compute node is given no list of the fleet; who asks it something is looked up with the
 * keeper, which also says whether that principal may ask about this node. Its message waits meanwhile:
 *
 *     EvidenceRequest of a stranger --> held, PrincipalGet --> PrincipalInfo (signed, our nonce) --> judged like any other
 *
 * What was learnt is good for some minutes: so long at most a principal that was revoked can go on here, and only with a broker that
 * lets it through. No other role learns anybody, and no other type of message is worth it.
 */
#include <stdlib.h>

#include "sp_bus_parts.h"
#include "sp_log.h"
#include "sp_random.h"

#define LEARN_GOOD_US  (300u * SP_US_PER_S)
#define LEARN_BAD_US   (10u * SP_US_PER_S)
#define LEARN_HELD_US  (10u * SP_US_PER_S) /* longest a message waits for the keeper's word */
#define LEARN_AGAIN_US (2u * SP_US_PER_S)  /* then the keeper is asked once more */
#define LEARN_KNOWN    256u
#define LEARN_HELD     16u
#define LEARN_BYTES    (MSG_EVIDENCE_REQUEST_BYTES_MAX + 512u) /* of a held frame */

struct known {
    char name[SP_BUS_NAME_BYTES]; /* empty: free */
    bool good;
    uint64_t until_us;
};

struct held {
    char name[SP_BUS_NAME_BYTES];
    struct sp_bus_link *link;
    uint8_t *p; /* owned; NULL: free */
    size_t n;
    uint64_t since_us, asked_us;
    uint8_t nonce[16];
};

struct sp_bus_learn {
    struct known known[LEARN_KNOWN];
    unsigned next; /* place the next one takes when all are in use */
    struct held held[LEARN_HELD];
};

struct sp_bus_learn *sp_bus_learn_new(void)
{
    return calloc(1, sizeof(struct sp_bus_learn));
}

static void let_go(struct held *h)
{
    free(h->p);
    memset(h, 0, sizeof *h);
}

void sp_bus_learn_destroy(struct sp_bus_learn **self)
{
    for (unsigned i = 0; *self != NULL && i < LEARN_HELD; i++)
        let_go(&(*self)->held[i]);
    free(*self);
    *self = NULL;
}

static struct known *known_find(struct sp_bus_learn *l, struct sp_str name)
{
    for (unsigned i = 0; i < LEARN_KNOWN; i++)
        if (l->known[i].name[0] != '\0' && sp_str_is(name, l->known[i].name))
            return &l->known[i];
    return NULL;
}

static void known_put(struct sp_bus_learn *l, struct sp_str name, bool good, uint64_t until_us)
{
    struct known *k = known_find(l, name);

    for (unsigned i = 0; k == NULL && i < LEARN_KNOWN; i++)
        k = l->known[i].name[0] == '\0' ? &l->known[i] : NULL;
    if (k == NULL)
        k = &l->known[l->next++ % LEARN_KNOWN];
    (void)sp_str_copy(k->name, sizeof k->name, name);
    k->good = good;
    k->until_us = until_us;
}

static void ask(struct held *h)
{
    struct sp_bus_link *link = h->link;
    struct msg_principal_get m = {.name = sp_str_of(h->name), .nonce = h->nonce};
    uint8_t body[MSG_PRINCIPAL_GET_BYTES_MAX];
    struct sp_packer w;

    sp_packer_init(&w, body, sizeof body);
    if (msg_principal_get_encode(&w, &m) != SP_OK)
        return;
    struct sp_bus_out out = {.type = SP_MSG_PRINCIPAL_GET, .body = body, .body_bytes = sp_packer_bytes(&w)};

    (void)sp_bus_send_on(link, &out); /* what is lost is asked for again with the next message */
}

/* Effect: keeps a copy until the keeper's word is here. False: there is no room. */
static bool hold(struct sp_bus_link *link, struct sp_str sender, const uint8_t *p, size_t n)
{
    struct sp_bus_learn *l = link->bus->learn;
    uint64_t now_us = sp_bus_now_us(link->bus);
    struct held *free_one = NULL, *same = NULL;

    for (unsigned i = 0; i < LEARN_HELD; i++) {
        struct held *h = &l->held[i];

        if (h->p != NULL && now_us - h->since_us >= LEARN_HELD_US)
            let_go(h);
        if (h->p == NULL)
            free_one = h;
        else if (sp_str_is(sender, h->name))
            same = h;
    }
    if (free_one == NULL || n > LEARN_BYTES || (free_one->p = malloc(n)) == NULL)
        return false;
    memcpy(free_one->p, p, n);
    free_one->n = n;
    free_one->link = link;
    free_one->since_us = now_us;
    (void)sp_str_copy(free_one->name, sizeof free_one->name, sender);
    if (same != NULL) {
        memcpy(free_one->nonce, same->nonce, sizeof free_one->nonce);
        free_one->asked_us = same->asked_us;
    } else {
        sp_random_bytes(free_one->nonce, sizeof free_one->nonce);
    }
    if (same == NULL || now_us - same->asked_us >= LEARN_AGAIN_US) {
        free_one->asked_us = now_us;
        ask(free_one);
    }
    return true;
}

enum sp_bus_learnt sp_bus_learn_look(struct sp_bus_link *link, const struct sp_envelope *e, const uint8_t *p, size_t n)
{
    struct sp_bus *bus = link->bus;

    if (bus->learn == NULL || e->type != SP_MSG_EVIDENCE_REQUEST)
        return SP_BUS_LEARNT;
    const struct sp_registry_row *row = sp_registry_find(&bus->registry, e->sender);
    const struct known *k = known_find(bus->learn, e->sender);

    if (row != NULL && row->p.from_file)
        return SP_BUS_LEARNT;
    if (k != NULL && sp_bus_now_us(bus) < k->until_us)
        return k->good ? SP_BUS_LEARNT : SP_BUS_UNKNOWN;
    return hold(link, e->sender, p, n) ? SP_BUS_HELD : SP_BUS_UNKNOWN;
}

static bool put(struct sp_bus *bus, const struct msg_principal_info *m)
{
    const struct rec_principal *from = &m->principal;
    struct sp_bus_principal row = {.role = from->role,
                                   .revoked = from->revoked,
                                   .not_after_s = from->not_after,
                                   .next_not_before_s = from->next_not_before,
                                   .next_not_after_s = from->next_not_after};

    if ((from->role != SP_ROLE_WORKER && from->role != SP_ROLE_OPERATOR) || !sp_str_eq(from->name, m->name))
        return false;
    (void)sp_str_copy(row.name, sizeof row.name, from->name);
    (void)sp_str_copy(row.adapters, sizeof row.adapters, from->adapters);
    (void)sp_str_copy(row.nodes, sizeof row.nodes, from->nodes);
    memcpy(row.curve, from->curve, sizeof row.curve);
    memcpy(row.sign, from->sign, sizeof row.sign);
    memcpy(row.next_curve, from->next_curve, sizeof row.next_curve);
    memcpy(row.next_sign, from->next_sign, sizeof row.next_sign);
    return sp_registry_put(&bus->registry, &row) == SP_OK;
}

void sp_bus_learn_info(struct sp_bus *bus, const struct msg_principal_info *m,
                       void (*judge)(struct sp_bus_link *, const uint8_t *, size_t))
{
    struct sp_bus_learn *l = bus->learn;
    bool ours = false;

    for (unsigned i = 0; l != NULL && i < LEARN_HELD; i++)
        ours = ours || (l->held[i].p != NULL && sp_str_is(m->name, l->held[i].name) &&
                        memcmp(l->held[i].nonce, m->nonce, sizeof l->held[i].nonce) == 0);
    if (!ours)
        return; /* an old answer, or one to somebody else's question */
    bool good = m->code == SP_REFUSAL_NONE && put(bus, m);

    uint64_t good_us = bus->o.learnt_ms > 0 ? bus->o.learnt_ms * SP_US_PER_MS : LEARN_GOOD_US;

    known_put(l, m->name, good, sp_bus_now_us(bus) + (good ? good_us : LEARN_BAD_US));
    if (!good)
        SP_LOG(SP_LOG_WARNING, "bus", "stranger", SP_LOG_V("name", m->name), SP_LOG_S("why", sp_refusal_name(m->code)));
    for (unsigned i = 0; i < LEARN_HELD; i++) {
        struct held *h = &l->held[i];

        if (h->p == NULL || !sp_str_is(m->name, h->name))
            continue;
        struct held now = *h;

        memset(h, 0, sizeof *h); /* before it is judged: a handler may hold others */
        judge(now.link, now.p, now.n);
        free(now.p);
    }
}
