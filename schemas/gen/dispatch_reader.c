/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_reader.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_snapshot(struct reader_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_snapshot m;
    enum sp_rc rc = msg_snapshot_decode(body, n, &m);
    return rc == SP_OK ? reader_on_snapshot(in, &m) : rc;
}

static enum sp_rc take_trust_event(struct reader_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_trust_event m;
    enum sp_rc rc = msg_trust_event_decode(body, n, &m);
    return rc == SP_OK ? reader_on_trust_event(in, &m) : rc;
}

static enum sp_rc take_trust_beat(struct reader_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_trust_beat m;
    enum sp_rc rc = msg_trust_beat_decode(body, n, &m);
    return rc == SP_OK ? reader_on_trust_beat(in, &m) : rc;
}

enum sp_rc reader_dispatch(struct reader_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_REFUSED:
        return may(from, 1u << SP_ROLE_BROKER) ? SP_OK : SP_E_AUTHORITY;
    case SP_MSG_STATS:
        return may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_BROKER | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER) ? SP_OK : SP_E_AUTHORITY;
    case SP_MSG_SNAPSHOT:
        return take_snapshot(in, from, body, n);
    case SP_MSG_TRUST_EVENT:
        return take_trust_event(in, from, body, n);
    case SP_MSG_TRUST_BEAT:
        return take_trust_beat(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
