/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_worker.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_drain(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_drain m;
    enum sp_rc rc = msg_drain_decode(body, n, &m);
    return rc == SP_OK ? worker_on_drain(in, &m) : rc;
}

static enum sp_rc take_refused(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_BROKER))
        return SP_E_AUTHORITY;
    struct msg_refused m;
    enum sp_rc rc = msg_refused_decode(body, n, &m);
    return rc == SP_OK ? worker_on_refused(in, &m) : rc;
}

static enum sp_rc take_job_batch(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_job_batch m;
    enum sp_rc rc = msg_job_batch_decode(body, n, &m);
    return rc == SP_OK ? worker_on_job_batch(in, &m) : rc;
}

static enum sp_rc take_definition(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_definition m;
    enum sp_rc rc = msg_definition_decode(body, n, &m);
    return rc == SP_OK ? worker_on_definition(in, &m) : rc;
}

static enum sp_rc take_result_ack(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_result_ack m;
    enum sp_rc rc = msg_result_ack_decode(body, n, &m);
    return rc == SP_OK ? worker_on_result_ack(in, &m) : rc;
}

static enum sp_rc take_evidence(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_ATTESTER))
        return SP_E_AUTHORITY;
    struct msg_evidence m;
    enum sp_rc rc = msg_evidence_decode(body, n, &m);
    return rc == SP_OK ? worker_on_evidence(in, &m) : rc;
}

static enum sp_rc take_identity(struct worker_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_identity m;
    enum sp_rc rc = msg_identity_decode(body, n, &m);
    return rc == SP_OK ? worker_on_identity(in, &m) : rc;
}

enum sp_rc worker_dispatch(struct worker_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_DRAIN:
        return take_drain(in, from, body, n);
    case SP_MSG_REFUSED:
        return take_refused(in, from, body, n);
    case SP_MSG_JOB_BATCH:
        return take_job_batch(in, from, body, n);
    case SP_MSG_DEFINITION:
        return take_definition(in, from, body, n);
    case SP_MSG_RESULT_ACK:
        return take_result_ack(in, from, body, n);
    case SP_MSG_EVIDENCE:
        return take_evidence(in, from, body, n);
    case SP_MSG_IDENTITY:
        return take_identity(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
