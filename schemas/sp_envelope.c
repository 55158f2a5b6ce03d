/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_envelope.h"

#include <string.h>

#include "sp_pack_put.h"
#include "sp_pack_take.h"

#define ENVELOPE_FIELDS 9u

SP_STATIC_ASSERT(SP_ENVELOPE_TAIL_MAX >= 2 + SP_AUTH_MAC_BYTES, "tail holds a MAC as well");
SP_STATIC_ASSERT(SP_WIRE_VERSION < 0x80, "version takes one byte of the head");

void sp_envelope_begin(struct sp_packer *w, uint8_t *buf, size_t bytes)
{
    SP_ASSERT(bytes > SP_ENVELOPE_BUFFER(0));
    sp_packer_init(w, buf + SP_ENVELOPE_HEAD_MAX, bytes - SP_ENVELOPE_BUFFER(0));
}

static bool name_ok(struct sp_str name, bool may_be_empty)
{
    return (name.n == 0 && may_be_empty) || sp_str_is_name(name, SP_NAME_BYTES_MAX);
}

/* Writes everything before the bytes of the body into at; returns the length. */
static size_t write_head(uint8_t at[SP_ENVELOPE_HEAD_MAX], const struct sp_envelope *head, uint32_t body_bytes)
{
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = sp_put_array(at, ENVELOPE_FIELDS);
    p = sp_put_u64(p, SP_WIRE_VERSION);
    p = sp_put_u64(p, head->type);
    p = sp_put_str(p, head->sender, SP_NAME_BYTES_MAX, &seen);
    p = sp_put_str(p, head->dest, SP_NAME_BYTES_MAX, &seen);
    p = sp_put_u64(p, head->epoch);
    p = sp_put_u64(p, head->sequence);
    p = sp_put_u64(p, head->trace);
    p = sp_put_bin_head(p, body_bytes, SP_BODY_BYTES_MAX);
    SP_ASSERT(sp_text_is_plain(&seen)); /* the names were checked before */
    SP_ASSERT((size_t)(p - at) <= SP_ENVELOPE_HEAD_MAX);
    return (size_t)(p - at);
}

/* The head is written last, when its length is known, and put right before the body: the body never moves. */
enum sp_rc sp_envelope_finish(struct sp_packer *w, const struct sp_envelope *head, unsigned auth_bytes, struct sp_frame *out)
{
    SP_ASSERT(w->list == NULL);
    SP_ASSERT(auth_bytes <= SP_AUTH_SIGN_BYTES);
    size_t body_bytes = sp_packer_bytes(w);
    uint8_t start[SP_ENVELOPE_HEAD_MAX];
    if (!name_ok(head->sender, false) || !name_ok(head->dest, true))
        return SP_E_INVALID;
    if (body_bytes > SP_BODY_BYTES_MAX)
        return SP_E_LIMIT;
    size_t head_bytes = write_head(start, head, (uint32_t)body_bytes);
    out->p = w->start - head_bytes;
    memcpy(out->p, start, head_bytes);
    out->sealed = sp_str_bytes(out->p, head_bytes + body_bytes);
    uint8_t *tail = sp_put_bin_head(w->p, auth_bytes, SP_AUTH_SIGN_BYTES);
    memset(tail, 0, auth_bytes);
    out->auth = auth_bytes > 0 ? tail : NULL;
    out->n = (size_t)(tail - out->p) + auth_bytes;
    return SP_OK;
}

enum sp_rc sp_envelope_decode(const uint8_t *p, size_t n, struct sp_envelope *out)
{
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    struct sp_envelope e;
    uint32_t fields = sp_take_array(&u);
    uint64_t version = sp_take_uint(&u, UINT64_MAX);
    if (u.rc == SP_OK && version != SP_WIRE_VERSION)
        return SP_E_VERSION;
    if (fields != ENVELOPE_FIELDS)
        return SP_E_MALFORMED;
    e.type = (uint16_t)sp_take_uint(&u, UINT16_MAX);
    e.sender = sp_take_str(&u, SP_NAME_BYTES_MAX, false);
    e.dest = sp_take_str(&u, SP_NAME_BYTES_MAX, false);
    e.epoch = sp_take_uint(&u, UINT64_MAX);
    e.sequence = sp_take_uint(&u, UINT64_MAX);
    e.trace = sp_take_uint(&u, UINT64_MAX);
    e.body = sp_take_bin(&u, SP_FRAME_BYTES_MAX);
    e.sealed = sp_str_bytes(p, (size_t)(u.p - p));
    e.auth = sp_take_bin(&u, SP_AUTH_SIGN_BYTES);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end || !name_ok(e.sender, false) || !name_ok(e.dest, true))
        return SP_E_MALFORMED;
    *out = e;
    return SP_OK;
}

enum sp_refusal sp_envelope_admit(const struct sp_envelope *e, enum sp_role from, enum sp_role self, const struct msg_info **info)
{
    const struct msg_info *row = msg_find(e->type);
    if (row == NULL)
        return SP_REFUSAL_VERSION;
    if (!msg_may(e->type, from, self))
        return SP_REFUSAL_AUTHORITY;
    if (e->auth.n != row->auth_bytes || (row->auth == SP_AUTH_PAIR && e->dest.n == 0))
        return SP_REFUSAL_SIGNATURE; /* what is for two names the other one */
    *info = row;
    return SP_REFUSAL_NONE;
}

size_t sp_envelope_auth_prefix(unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES], uint8_t out[SP_AUTH_PREFIX_MAX])
{
    static const char purpose[] = "SPICE1:";
    const struct msg_info *info = msg_find(type);
    SP_ASSERT(info != NULL);
    size_t name = strlen(info->name), n = sizeof purpose - 1;
    SP_ASSERT(n + name + 1 + SP_DEPLOYMENT_BYTES <= SP_AUTH_PREFIX_MAX);
    memcpy(out, purpose, n);
    memcpy(out + n, info->name, name);
    n += name;
    out[n++] = ':';
    memcpy(out + n, deployment, SP_DEPLOYMENT_BYTES);
    return n + SP_DEPLOYMENT_BYTES;
}
