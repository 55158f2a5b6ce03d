/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_broker.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_hello(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_READER | 1u << SP_ROLE_ENROL | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_hello m;
    enum sp_rc rc = msg_hello_decode(body, n, &m);
    return rc == SP_OK ? broker_on_hello(in, &m) : rc;
}

static enum sp_rc take_heartbeat(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER | 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_READER | 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_heartbeat m;
    enum sp_rc rc = msg_heartbeat_decode(body, n, &m);
    return rc == SP_OK ? broker_on_heartbeat(in, &m) : rc;
}

static enum sp_rc take_credit(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER))
        return SP_E_AUTHORITY;
    struct msg_credit m;
    enum sp_rc rc = msg_credit_decode(body, n, &m);
    return rc == SP_OK ? broker_on_credit(in, &m) : rc;
}

static enum sp_rc take_bye(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_READER | 1u << SP_ROLE_OPERATOR | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_bye m;
    enum sp_rc rc = msg_bye_decode(body, n, &m);
    return rc == SP_OK ? broker_on_bye(in, &m) : rc;
}

static enum sp_rc take_stats(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER | 1u << SP_ROLE_WORKER | 1u << SP_ROLE_BROKER | 1u << SP_ROLE_BRIDGE | 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    return broker_on_stats(in, sp_str_bytes(body, n));
}

static enum sp_rc take_route_open(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_route_open m;
    enum sp_rc rc = msg_route_open_decode(body, n, &m);
    return rc == SP_OK ? broker_on_route_open(in, &m) : rc;
}

static enum sp_rc take_job_batch(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_job_batch m;
    enum sp_rc rc = msg_job_batch_decode(body, n, &m);
    return rc == SP_OK ? broker_on_job_batch(in, &m) : rc;
}

static enum sp_rc take_admin_request(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    return broker_on_admin_request(in, sp_str_bytes(body, n));
}

static enum sp_rc take_act_stored(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    return broker_on_act_stored(in, sp_str_bytes(body, n));
}

static enum sp_rc take_principal_set(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    return broker_on_principal_set(in, sp_str_bytes(body, n));
}

static enum sp_rc take_evidence_request(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR))
        return SP_E_AUTHORITY;
    struct msg_evidence_request m;
    enum sp_rc rc = msg_evidence_request_decode(body, n, &m);
    return rc == SP_OK ? broker_on_evidence_request(in, &m) : rc;
}

static enum sp_rc take_evidence(struct broker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_evidence m;
    enum sp_rc rc = msg_evidence_decode(body, n, &m);
    return rc == SP_OK ? broker_on_evidence(in, &m) : rc;
}

enum sp_rc broker_dispatch(struct broker_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_HELLO:
        return take_hello(in, from, body, n);
    case SP_MSG_HEARTBEAT:
        return take_heartbeat(in, from, body, n);
    case SP_MSG_CREDIT:
        return take_credit(in, from, body, n);
    case SP_MSG_BYE:
        return take_bye(in, from, body, n);
    case SP_MSG_STATS:
        return take_stats(in, from, body, n);
    case SP_MSG_ROUTE_OPEN:
        return take_route_open(in, from, body, n);
    case SP_MSG_JOB_BATCH:
        return take_job_batch(in, from, body, n);
    case SP_MSG_ADMIN_REQUEST:
        return take_admin_request(in, from, body, n);
    case SP_MSG_ACT_STORED:
        return take_act_stored(in, from, body, n);
    case SP_MSG_PRINCIPAL_SET:
        return take_principal_set(in, from, body, n);
    case SP_MSG_EVIDENCE_REQUEST:
        return take_evidence_request(in, from, body, n);
    case SP_MSG_EVIDENCE:
        return take_evidence(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
