/* SPDX-License-Identifier: Apache-2.0 */
#include "returns.h"

void returns_flush(struct returns *self, struct sp_bus *bus)
{
    if (self->count > 0 && msg_job_return_end(&self->packer) == SP_OK) {
        struct sp_bus_out out = {
            .type = SP_MSG_JOB_RETURN, .broker = SP_BUS_ANY, .body = self->body, .body_bytes = sp_packer_bytes(&self->packer)};
        (void)sp_bus_send(bus, &out);
    }
    self->count = 0;
}

void returns_add(struct returns *self, struct sp_bus *bus, uint16_t code, const struct rec_returned *job)
{
    if (self->count > 0 && (self->code != code || self->count == MSG_JOB_RETURN_JOBS_MAX)) {
        returns_flush(self, bus);
    }
    if (self->count == 0) {
        struct msg_job_return m = {.code = code};
        sp_packer_init(&self->packer, self->body, sizeof self->body);
        if (msg_job_return_begin(&self->packer, &m) != SP_OK) {
            return;
        }
        self->code = code;
    }
    if (rec_returned_put(&self->packer, job) == SP_OK) {
        self->count++;
    }
}
