/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_attester.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_evidence_request(struct attester_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_evidence_request m;
    enum sp_rc rc = msg_evidence_request_decode(body, n, &m);
    return rc == SP_OK ? attester_on_evidence_request(in, &m) : rc;
}

enum sp_rc attester_dispatch(struct attester_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_REFUSED:
        return may(from, 1u << SP_ROLE_BROKER) ? SP_OK : SP_E_AUTHORITY;
    case SP_MSG_EVIDENCE_REQUEST:
        return take_evidence_request(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
