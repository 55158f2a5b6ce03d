/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_scheduler_shell.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_refused(struct scheduler_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_refused m;
    enum sp_rc rc = msg_refused_decode(body, n, &m);
    return rc == SP_OK ? scheduler_shell_on_refused(in, &m) : rc;
}

static enum sp_rc take_view_request(struct scheduler_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_view_request m;
    enum sp_rc rc = msg_view_request_decode(body, n, &m);
    return rc == SP_OK ? scheduler_shell_on_view_request(in, &m) : rc;
}

static enum sp_rc take_admin_request(struct scheduler_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_admin_request m;
    enum sp_rc rc = msg_admin_request_decode(body, n, &m);
    return rc == SP_OK ? scheduler_shell_on_admin_request(in, &m) : rc;
}

static enum sp_rc take_act_stored(struct scheduler_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_act_stored m;
    enum sp_rc rc = msg_act_stored_decode(body, n, &m);
    return rc == SP_OK ? scheduler_shell_on_act_stored(in, &m) : rc;
}

enum sp_rc scheduler_shell_dispatch(struct scheduler_shell_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_REFUSED:
        return take_refused(in, from, body, n);
    case SP_MSG_VIEW_REQUEST:
        return take_view_request(in, from, body, n);
    case SP_MSG_ADMIN_REQUEST:
        return take_admin_request(in, from, body, n);
    case SP_MSG_ACT_STORED:
        return take_act_stored(in, from, body, n);
    case SP_MSG_PRINCIPAL_SET:
        return may(from, 1u << SP_ROLE_KEEPER) ? SP_OK : SP_E_AUTHORITY;
    default:
        return SP_E_UNSUPPORTED;
    }
}
