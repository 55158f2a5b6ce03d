/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_bridge.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_snapshot(struct bridge_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    return bridge_on_snapshot(in, sp_str_bytes(body, n));
}

static enum sp_rc take_trust_event(struct bridge_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    return bridge_on_trust_event(in, sp_str_bytes(body, n));
}

static enum sp_rc take_trust_beat(struct bridge_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    return bridge_on_trust_beat(in, sp_str_bytes(body, n));
}

static enum sp_rc take_view_reply(struct bridge_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_view_reply m;
    enum sp_rc rc = msg_view_reply_decode(body, n, &m);
    return rc == SP_OK ? bridge_on_view_reply(in, &m) : rc;
}

static enum sp_rc take_admin_request(struct bridge_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_admin_request m;
    enum sp_rc rc = msg_admin_request_decode(body, n, &m);
    return rc == SP_OK ? bridge_on_admin_request(in, &m) : rc;
}

enum sp_rc bridge_dispatch(struct bridge_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_REFUSED:
        return may(from, 1u << SP_ROLE_BROKER) ? SP_OK : SP_E_AUTHORITY;
    case SP_MSG_SNAPSHOT:
        return take_snapshot(in, from, body, n);
    case SP_MSG_TRUST_EVENT:
        return take_trust_event(in, from, body, n);
    case SP_MSG_TRUST_BEAT:
        return take_trust_beat(in, from, body, n);
    case SP_MSG_VIEW_REPLY:
        return take_view_reply(in, from, body, n);
    case SP_MSG_ADMIN_REQUEST:
        return take_admin_request(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
