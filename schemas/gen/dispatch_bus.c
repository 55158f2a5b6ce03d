/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_bus.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_welcome(struct bus_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_welcome m;
    enum sp_rc rc = msg_welcome_decode(body, n, &m);
    return rc == SP_OK ? bus_on_welcome(in, &m) : rc;
}

static enum sp_rc take_heartbeat(struct bus_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER | 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_READER | 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_heartbeat m;
    enum sp_rc rc = msg_heartbeat_decode(body, n, &m);
    return rc == SP_OK ? bus_on_heartbeat(in, &m) : rc;
}

static enum sp_rc take_refused(struct bus_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_refused m;
    enum sp_rc rc = msg_refused_decode(body, n, &m);
    return rc == SP_OK ? bus_on_refused(in, &m) : rc;
}

static enum sp_rc take_principal_set(struct bus_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_principal_set m;
    enum sp_rc rc = msg_principal_set_decode(body, n, &m);
    return rc == SP_OK ? bus_on_principal_set(in, &m) : rc;
}

static enum sp_rc take_principal_info(struct bus_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_principal_info m;
    enum sp_rc rc = msg_principal_info_decode(body, n, &m);
    return rc == SP_OK ? bus_on_principal_info(in, &m) : rc;
}

enum sp_rc bus_dispatch(struct bus_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_WELCOME:
        return take_welcome(in, from, body, n);
    case SP_MSG_HEARTBEAT:
        return take_heartbeat(in, from, body, n);
    case SP_MSG_REFUSED:
        return take_refused(in, from, body, n);
    case SP_MSG_PRINCIPAL_SET:
        return take_principal_set(in, from, body, n);
    case SP_MSG_PRINCIPAL_INFO:
        return take_principal_info(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
