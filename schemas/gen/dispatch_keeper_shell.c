/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_keeper_shell.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_refused(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_refused m;
    enum sp_rc rc = msg_refused_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_refused(in, &m) : rc;
}

static enum sp_rc take_view_request(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_view_request m;
    enum sp_rc rc = msg_view_request_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_view_request(in, &m) : rc;
}

static enum sp_rc take_inventory_report(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_inventory_report m;
    enum sp_rc rc = msg_inventory_report_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_inventory_report(in, &m) : rc;
}

static enum sp_rc take_action_report(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_action_report m;
    enum sp_rc rc = msg_action_report_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_action_report(in, &m) : rc;
}

static enum sp_rc take_admin_request(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_admin_request m;
    enum sp_rc rc = msg_admin_request_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_admin_request(in, &m) : rc;
}

static enum sp_rc take_act_report(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER | 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_act_report m;
    enum sp_rc rc = msg_act_report_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_act_report(in, &m) : rc;
}

static enum sp_rc take_enrol_request(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_ENROL))
        return SP_E_AUTHORITY;
    struct msg_enrol_request m;
    enum sp_rc rc = msg_enrol_request_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_enrol_request(in, &m) : rc;
}

static enum sp_rc take_identity_get(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_identity_get m;
    enum sp_rc rc = msg_identity_get_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_identity_get(in, &m) : rc;
}

static enum sp_rc take_principal_get(struct keeper_shell_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_principal_get m;
    enum sp_rc rc = msg_principal_get_decode(body, n, &m);
    return rc == SP_OK ? keeper_shell_on_principal_get(in, &m) : rc;
}

enum sp_rc keeper_shell_dispatch(struct keeper_shell_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_REFUSED:
        return take_refused(in, from, body, n);
    case SP_MSG_VIEW_REQUEST:
        return take_view_request(in, from, body, n);
    case SP_MSG_INVENTORY_REPORT:
        return take_inventory_report(in, from, body, n);
    case SP_MSG_ACTION_REPORT:
        return take_action_report(in, from, body, n);
    case SP_MSG_ADMIN_REQUEST:
        return take_admin_request(in, from, body, n);
    case SP_MSG_ACT_REPORT:
        return take_act_report(in, from, body, n);
    case SP_MSG_ENROL_REQUEST:
        return take_enrol_request(in, from, body, n);
    case SP_MSG_IDENTITY_GET:
        return take_identity_get(in, from, body, n);
    case SP_MSG_PRINCIPAL_GET:
        return take_principal_get(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
