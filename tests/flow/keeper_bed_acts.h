/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on the bench of keeper_bed.h, which includes this: a question, an answer, a look. */
#ifndef KEEPER_BED_ACTS_H
#define KEEPER_BED_ACTS_H

/* A question about node 1 and check 1, asked now; tests may change b->ticket before answering. */
static inline void bed_ask(struct bed *b)
{
    b->ticket = (struct sp_ticket){.attempt = 1,
                                   .check = 1,
                                   .node = 1,
                                   .generation = node_registry_at(keeper_core_nodes(b->core), 1)->generation,
                                   .slot = 4,
                                   .job = b->epoch << 40 | ++b->job,
                                   .epoch = b->epoch,
                                   .clock_boot = BED_CLOCK_BOOT,
                                   .issued_ms = sp_mono_ms(b->now.mono),
                                   .life_ms = 500};
    memset(b->ticket.digest, 0xaa, 32);
}

/* The worker's answer; not committed yet. */
static inline void bed_tell_instance(struct bed *b, const char *worker, uint8_t outcome, uint64_t instance)
{
    static uint64_t batch;
    uint8_t body[4096], bytes[SP_TICKET_BYTES];
    struct sp_packer w;
    struct sp_mac mac = {bed_mac, NULL};
    sp_ticket_seal(&b->ticket, &mac, bytes);
    struct rec_result r = {
        .ticket = bytes, .outcome = outcome, .detail = sp_str_of("detail"), .measures = sp_str_of("a=1"), .instance = instance};
    struct msg_result_batch m = {.boot = 1, .batch = ++batch};
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(msg_result_batch_begin(&w, &m), SP_OK);
    assert_int_equal(rec_result_put(&w, &r), SP_OK);
    assert_int_equal(msg_result_batch_end(&w), SP_OK);
    bed_message(b, SP_MSG_RESULT_BATCH, SP_ROLE_WORKER, worker, &w);
}

static inline void bed_tell_as(struct bed *b, const char *worker, uint8_t outcome)
{
    bed_tell_instance(b, worker, outcome, 0);
}

static inline void bed_tell(struct bed *b, uint8_t outcome)
{
    bed_tell_as(b, "worker-1", outcome);
}

/* Asked, answered and committed. */
static inline void bed_result(struct bed *b, uint8_t outcome)
{
    bed_ask(b);
    bed_tell(b, outcome);
    bed_commit(b);
}

static inline struct keeper_view bed_view(struct bed *b)
{
    struct keeper_view v;
    keeper_core_view(b->core, node_registry_at(keeper_core_nodes(b->core), 1), 0, sp_mono_ms(b->now.mono), &v);
    return v;
}

static inline bool bed_member(struct bed *b)
{
    return bed_view(b).member;
}

/* Lends the latest message of a type, NULL when none was sent. */
static inline const struct bed_sent *bed_find(const struct bed *b, uint16_t type)
{
    for (uint32_t i = b->sent_count; i > 0; i--) {
        if (b->sent[i - 1].type == type) {
            return &b->sent[i - 1];
        }
    }
    return NULL;
}

#endif
