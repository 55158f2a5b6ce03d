/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_scheduler.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_route_credit(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_route_credit m;
    enum sp_rc rc = msg_route_credit_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_route_credit(in, &m) : rc;
}

static enum sp_rc take_job_return(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER | 1u << SP_ROLE_WORKER))
        return SP_E_AUTHORITY;
    struct msg_job_return m;
    enum sp_rc rc = msg_job_return_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_job_return(in, &m) : rc;
}

static enum sp_rc take_definition_get(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER))
        return SP_E_AUTHORITY;
    struct msg_definition_get m;
    enum sp_rc rc = msg_definition_get_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_definition_get(in, &m) : rc;
}

static enum sp_rc take_lease_closed(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_lease_closed m;
    enum sp_rc rc = msg_lease_closed_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_lease_closed(in, &m) : rc;
}

static enum sp_rc take_node_set(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_node_set m;
    enum sp_rc rc = msg_node_set_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_node_set(in, &m) : rc;
}

static enum sp_rc take_sync_request(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_sync_request m;
    enum sp_rc rc = msg_sync_request_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_sync_request(in, &m) : rc;
}

static enum sp_rc take_epoch_grant(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_epoch_grant m;
    enum sp_rc rc = msg_epoch_grant_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_epoch_grant(in, &m) : rc;
}

static enum sp_rc take_keeper_clock(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_keeper_clock m;
    enum sp_rc rc = msg_keeper_clock_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_keeper_clock(in, &m) : rc;
}

static enum sp_rc take_hint(struct scheduler_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_hint m;
    enum sp_rc rc = msg_hint_decode(body, n, &m);
    return rc == SP_OK ? scheduler_on_hint(in, &m) : rc;
}

enum sp_rc scheduler_dispatch(struct scheduler_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_ROUTE_CREDIT:
        return take_route_credit(in, from, body, n);
    case SP_MSG_JOB_RETURN:
        return take_job_return(in, from, body, n);
    case SP_MSG_DEFINITION_GET:
        return take_definition_get(in, from, body, n);
    case SP_MSG_LEASE_CLOSED:
        return take_lease_closed(in, from, body, n);
    case SP_MSG_NODE_SET:
        return take_node_set(in, from, body, n);
    case SP_MSG_SYNC_REQUEST:
        return take_sync_request(in, from, body, n);
    case SP_MSG_EPOCH_GRANT:
        return take_epoch_grant(in, from, body, n);
    case SP_MSG_KEEPER_CLOCK:
        return take_keeper_clock(in, from, body, n);
    case SP_MSG_HINT:
        return take_hint(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
