/* SPDX-License-Identifier: Apache-2.0 */
/* A whole frame as it comes from the bus: envelope, admission for every pair of roles, body. What is accepted is built again and
 * must give the same bytes, so that equal meaning implies equal signed bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp_envelope.h"
#include "wire_fill.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[SP_FRAME_BYTES_MAX + 4096];

static void same_frame(const struct sp_envelope *e, const uint8_t *data, size_t size)
{
    struct sp_packer w;
    struct sp_frame frame;
    sp_envelope_begin(&w, buf, sizeof buf);
    SP_ASSERT(sp_packer_raw(&w, (const uint8_t *)e->body.p, e->body.n) == SP_OK);
    enum sp_rc rc = sp_envelope_finish(&w, e, e->auth.n, &frame);
    if (rc == SP_E_LIMIT) { /* a frame without a signature may hold a body a little over what always fits */
        SP_ASSERT(e->body.n > SP_BODY_BYTES_MAX);
        return;
    }
    SP_ASSERT(rc == SP_OK && frame.n == size && frame.sealed.n == e->sealed.n);
    if (e->auth.n > 0)
        memcpy(frame.auth, e->auth.p, e->auth.n);
    SP_ASSERT(memcmp(frame.p, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_envelope e;
    union {
        uint64_t align;
        uint8_t p[WIRE_STRUCT_MAX];
    } value;
    if (sp_envelope_decode(data, size, &e) != SP_OK)
        return 0;
    same_frame(&e, data, size);
    for (unsigned from = 0; from <= SP_ROLE_LAST; from++) {
        for (unsigned self = 0; self <= SP_ROLE_LAST; self++) {
            const struct msg_info *info;
            if (sp_envelope_admit(&e, (enum sp_role)from, (enum sp_role)self, &info) != SP_REFUSAL_NONE)
                continue;
            SP_ASSERT(info->number == e.type && msg_may(e.type, (enum sp_role)from, (enum sp_role)self));
            const struct msg_shape *shape = msg_fields_of(e.type);
            (void)!shape->decode((const uint8_t *)e.body.p, e.body.n, value.p);
            return 0;
        }
    }
    return 0;
}
