/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who holds the key of a worker that may speak about node-1 only, and who came by tickets of the whole fleet. */
#include "sim.h"

/* One ticket: as it is, with a field changed to something more useful, or with a flipped bit. */
static void choose(struct sim *s, uint8_t ticket[SP_TICKET_BYTES])
{
    struct sp_ticket t;
    memcpy(ticket, s->tickets[sim_below(s, s->ticket_count)], SP_TICKET_BYTES);
    uint64_t way = sim_below(s, 8);
    if (way < 5 || sp_ticket_decode(ticket, &t) != SP_OK)
        return;
    if (way == 5) {
        ticket[sim_below(s, SP_TICKET_BYTES)] ^= (uint8_t)(1u << sim_below(s, 8));
    } else if (way == 6) {
        ticket[8] = 1;                          /* node: the one it may speak about */
        ticket[24] = (uint8_t)(ticket[24] + 1); /* job: another, never answered */
    } else {
        ticket[49] = (uint8_t)(ticket[49] + 4); /* issued: about a second later */
        ticket[24] = (uint8_t)(ticket[24] + 1);
    }
}

uint64_t sim_liar_instance(const struct sim *s, uint64_t job)
{
    static const uint8_t key[16] = {77};
    uint64_t hash = sp_hash_sip(key, &job, sizeof job);
    return !sim_boots(s) || hash % 4 < 3 ? 0 : (1 + (hash >> 8) % 12) << 32; /* now and then more than there were */
}

/* Sends one batch. first: a ticket to begin with, or NULL. */
static void lie(struct sim *s, const uint8_t *first)
{
    uint8_t body[4096], results[2048];
    struct sp_packer each, w;
    uint16_t count = (uint16_t)(1 + sim_below(s, first != NULL ? 1 : 4));
    sp_packer_init(&each, results, sizeof results);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t ticket[SP_TICKET_BYTES];
        if (first != NULL)
            memcpy(ticket, first, sizeof ticket);
        else
            choose(s, ticket);
        struct rec_result r = {.ticket = ticket,
                               .outcome = (uint8_t)sim_below(s, SP_OUTCOME_LAST + 1),
                               .reason = SP_REASON_OK,
                               .detail = sp_str_of("a lie"),
                               .trace = s->steps};
        struct sp_ticket t;
        r.instance = sp_ticket_decode(ticket, &t) == SP_OK ? sim_liar_instance(s, t.job) : 0;
        r.outcome = sim_chance(s, 500) ? (uint8_t)SP_OUTCOME_PASS : r.outcome;
        SIM_REQUIRE(s, rec_result_put(&each, &r) == SP_OK, "a lie does not fit");
    }
    struct msg_result_batch m = {
        .boot = s->liar_boot, .batch = 1 + sim_below(s, 1000), .results = {results, (uint32_t)sp_packer_bytes(&each), count}};
    sp_packer_init(&w, body, sizeof body);
    SIM_REQUIRE(s, msg_result_batch_encode(&w, &m) == SP_OK, "a batch of lies does not fit");
    (void)sim_send(s, SIM_LIAR, SP_MSG_RESULT_BATCH, "", 0, 0, body, sp_packer_bytes(&w));
}

void sim_liar_learn(struct sim *s, const uint8_t ticket[SP_TICKET_BYTES])
{
    uint32_t at = s->ticket_count < SP_COUNT(s->tickets) ? s->ticket_count++ : (uint32_t)sim_below(s, SP_COUNT(s->tickets));
    memcpy(s->tickets[at], ticket, SP_TICKET_BYTES);
    if (ticket[8] == 1 && s->liar_hello_us != 0 && !s->stop_faults && sim_chance(s, 600))
        lie(s, ticket); /* within its scope and before the honest one: this answer counts */
}

void sim_liar_act(struct sim *s)
{
    if (s->now_us - s->liar_hello_us > 1000000 || s->liar_hello_us == 0) {
        s->liar_boot = s->process[SIM_LIAR].boot;
        s->liar_hello_us = s->now_us;
        sim_hello(s, SIM_LIAR, "tpm", 0);
    }
    if (s->ticket_count > 0 && sim_chance(s, 700))
        lie(s, NULL);
    else
        sim_hostile_frame(s);
}
