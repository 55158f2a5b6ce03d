/* SPDX-License-Identifier: Apache-2.0 */
#include "sender.h"

#include <stdlib.h>
#include <string.h>

#include "sp_log.h"
#include "sp_random.h"

SP_STATIC_ASSERT(SENDER_BATCH_BYTES_MAX + 64u <= SP_BUS_BODY_BYTES_MAX, "a batch fits into a message");
SP_STATIC_ASSERT(SENDER_BATCH_BYTES_MAX <= OUTBOX_BODY_MAX, "a batch fits into a record");

enum sp_rc sender_open(struct sender *self, const char *path, uint32_t outbox_mb, struct sp_err *err)
{
    memset(self, 0, sizeof *self);
    self->boot = sp_random_u64();
    self->collected = malloc(SENDER_BATCH_BYTES_MAX);
    self->scratch = malloc(SENDER_BATCH_BYTES_MAX);
    if (self->collected == NULL || self->scratch == NULL) {
        sender_close(self);
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    sp_packer_init(&self->packer, self->collected, SENDER_BATCH_BYTES_MAX);
    enum sp_rc rc = outbox_open(path, outbox_mb / (OUTBOX_SEGMENT_BYTES >> 20), &self->window, &self->outbox, err);
    if (rc != SP_OK) {
        sender_close(self);
    }
    return rc;
}

void sender_close(struct sender *self)
{
    outbox_close(&self->outbox);
    free(self->collected);
    free(self->scratch);
    self->collected = NULL;
    self->scratch = NULL;
}

static void restart_collection(struct sender *self)
{
    sp_packer_init(&self->packer, self->collected, SENDER_BATCH_BYTES_MAX);
    self->count = 0;
}

/* Moves what was collected into the outbox. Returns the number of the batch, RESEND_NONE when the outbox does not take it. */
static uint64_t store(struct sender *self)
{
    uint64_t batch = RESEND_NONE;
    enum sp_rc rc = outbox_append(self->outbox, self->collected, sp_packer_bytes(&self->packer), self->count, &batch);
    if (rc != SP_OK) {
        if (!self->full) {
            SP_LOG(SP_LOG_ERROR, "worker", "outbox.full", SP_LOG_S("why", sp_rc_text(rc)),
                   SP_LOG_U("results", self->window.results));
        }
        self->full = true;
        return RESEND_NONE;
    }
    self->full = false;
    self->batches++;
    return batch;
}

/* How long the result may wait for others. */
static uint64_t company_us(const struct rec_result *result)
{
    uint64_t us = ((uint64_t)result->wait_us + result->run_us) / SENDER_COMPANY_PART;
    us = us < SENDER_COMPANY_MOST_US ? us : SENDER_COMPANY_MOST_US;
    return us < SENDER_COMPANY_LEAST_US ? 0 : us;
}

void sender_put(struct sender *self, const struct rec_result *result, uint64_t now_us)
{
    bool packed = self->count < MSG_RESULT_BATCH_RESULTS_MAX && rec_result_put(&self->packer, result) == SP_OK;
    if (!packed) {
        if (store(self) != RESEND_NONE) {
            restart_collection(self);
        }
        packed = self->count < MSG_RESULT_BATCH_RESULTS_MAX && rec_result_put(&self->packer, result) == SP_OK;
    }
    if (!packed) {
        self->lost++;
        return;
    }
    uint64_t due_us = now_us + company_us(result);
    self->since_us = self->count == 0 ? now_us : self->since_us;
    self->due_us = self->count == 0 || (due_us < self->due_us && !self->full) ? due_us : self->due_us;
    self->count++;
    self->results++;
}

static enum sp_bus_sent send_batch(struct sender *self, uint64_t batch, const uint8_t *results, const struct resend_place *place)
{
    struct msg_result_batch m = {.boot = self->boot, .batch = batch, .results = {results, place->bytes, place->results}};
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    sp_packer_init(&w, body, room);
    if (msg_result_batch_encode(&w, &m) != SP_OK) {
        return SP_BUS_TOO_LARGE;
    }
    struct sp_bus_out out = {.type = SP_MSG_RESULT_BATCH, .broker = SP_BUS_ANY, .body = body, .body_bytes = sp_packer_bytes(&w)};
    return sp_bus_send(self->bus, &out);
}

/* Sends what is due. `fresh` is a batch whose bytes are still in the collection buffer, RESEND_NONE: none. */
static void send_due(struct sender *self, uint64_t fresh, uint64_t now_us)
{
    const struct resend_place *place = NULL;
    for (uint32_t i = 0; i < SENDER_PER_TURN && !self->blocked; i++) {
        uint64_t batch = resend_due(&self->window, now_us, &place);
        if (batch == RESEND_NONE) {
            return;
        }
        const uint8_t *results = batch == fresh ? self->collected : self->scratch;
        if (batch != fresh && outbox_read(self->outbox, place, self->scratch) != SP_OK) {
            SP_LOG(SP_LOG_ERROR, "worker", "outbox.read", SP_LOG_U("batch", batch));
            self->lost += place->results;
            (void)outbox_ack(self->outbox, batch);
            continue;
        }
        enum sp_bus_sent sent = send_batch(self, batch, results, place);
        if (sent == SP_BUS_TOO_LARGE || sent == SP_BUS_NO_KEY) {
            SP_LOG(SP_LOG_ERROR, "worker", "batch.refused", SP_LOG_U("batch", batch), SP_LOG_S("why", sp_bus_sent_text(sent)));
            self->lost += place->results;
            (void)outbox_ack(self->outbox, batch);
            continue;
        }
        if (sent != SP_BUS_SENT) {
            self->blocked = true; /* until on_writable or on_link */
            return;
        }
        resend_sent(&self->window, batch, now_us);
    }
}

void sender_flush(struct sender *self, uint64_t now_us)
{
    uint64_t fresh = RESEND_NONE;
    bool wanted = (resend_has_room(&self->window) && now_us >= self->due_us) || now_us - self->since_us >= SENDER_HOLD_US;
    if (self->count > 0 && wanted) {
        fresh = store(self);
        if (fresh == RESEND_NONE) {
            self->since_us = now_us;
            self->due_us = now_us + SENDER_HOLD_US; /* it is tried again then */
            outbox_retry(self->outbox);
        }
    }
    if (self->bus != NULL) {
        send_due(self, fresh, now_us);
    }
    if (fresh != RESEND_NONE) {
        restart_collection(self);
    }
}

void sender_on_result_ack(struct sender *self, const struct msg_result_ack *ack, uint64_t now_us)
{
    struct sp_list refused = ack->refused;
    struct rec_refused_result r;
    if (ack->boot != self->boot || !outbox_ack(self->outbox, ack->batch)) {
        return; /* to an earlier start, or twice */
    }
    resend_heard(&self->window, now_us);
    self->acked += ack->accepted;
    while (rec_refused_result_next(&refused, &r)) {
        self->refused++;
        SP_LOG(SP_LOG_WARNING, "worker", "result.refused", SP_LOG_U("code", r.code));
    }
}

void sender_on_link(struct sender *self, bool up, uint64_t now_us)
{
    self->blocked = self->bus == NULL || sp_bus_up_count(self->bus) == 0;
    if (!up) {
        resend_kick(&self->window, now_us + RESEND_AFTER_US / 4);
    } else {
        resend_kick(&self->window, now_us);
    }
}

void sender_on_writable(struct sender *self)
{
    self->blocked = false;
}

uint64_t sender_deadline(const struct sender *self)
{
    uint64_t next = self->blocked || self->bus == NULL ? UINT64_MAX : resend_deadline(&self->window);
    uint64_t hold = self->count == 0 ? UINT64_MAX : resend_has_room(&self->window) ? self->due_us : self->since_us + SENDER_HOLD_US;
    return next < hold ? next : hold;
}

bool sender_is_empty(const struct sender *self)
{
    return self->count == 0 && self->window.first == self->window.next;
}

uint64_t sender_room(const struct sender *self)
{
    /* The end of a segment that is too short for the next batch stays unused: at most an eighth. */
    uint64_t bytes = outbox_room(self->outbox) / 8 * 7;
    uint64_t held = sp_packer_bytes(&self->packer);
    return self->full || bytes < held ? 0 : (bytes - held) / REC_RESULT_BYTES_MAX;
}
