/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "dispatch_keeper.h"

static bool may(enum sp_role from, unsigned roles)
{
    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;
}

static enum sp_rc take_result_batch(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_WORKER))
        return SP_E_AUTHORITY;
    struct msg_result_batch m;
    enum sp_rc rc = msg_result_batch_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_result_batch(in, &m) : rc;
}

static enum sp_rc take_check_set(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_check_set m;
    enum sp_rc rc = msg_check_set_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_check_set(in, &m) : rc;
}

static enum sp_rc take_sync_request(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER | 1u << SP_ROLE_KEEPER))
        return SP_E_AUTHORITY;
    struct msg_sync_request m;
    enum sp_rc rc = msg_sync_request_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_sync_request(in, &m) : rc;
}

static enum sp_rc take_epoch_claim(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_SCHEDULER))
        return SP_E_AUTHORITY;
    struct msg_epoch_claim m;
    enum sp_rc rc = msg_epoch_claim_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_epoch_claim(in, &m) : rc;
}

static enum sp_rc take_subscribe(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_READER | 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_subscribe m;
    enum sp_rc rc = msg_subscribe_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_subscribe(in, &m) : rc;
}

static enum sp_rc take_reader_ping(struct keeper_in *in, enum sp_role from, const uint8_t *body, size_t n)
{
    if (!may(from, 1u << SP_ROLE_READER | 1u << SP_ROLE_BRIDGE))
        return SP_E_AUTHORITY;
    struct msg_reader_ping m;
    enum sp_rc rc = msg_reader_ping_decode(body, n, &m);
    return rc == SP_OK ? keeper_on_reader_ping(in, &m) : rc;
}

enum sp_rc keeper_dispatch(struct keeper_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
    case SP_MSG_RESULT_BATCH:
        return take_result_batch(in, from, body, n);
    case SP_MSG_CHECK_SET:
        return take_check_set(in, from, body, n);
    case SP_MSG_SYNC_REQUEST:
        return take_sync_request(in, from, body, n);
    case SP_MSG_EPOCH_CLAIM:
        return take_epoch_claim(in, from, body, n);
    case SP_MSG_SUBSCRIBE:
        return take_subscribe(in, from, body, n);
    case SP_MSG_READER_PING:
        return take_reader_ping(in, from, body, n);
    default:
        return SP_E_UNSUPPORTED;
    }
}
