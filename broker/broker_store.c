/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_store.h"

#include <stdio.h>
#include <stdlib.h>

/* The cache: "SPICEPS1", then for each frame its length as four bytes, little endian, and its bytes. */
#define MAGIC       "SPICEPS1"
#define MAGIC_BYTES 8u

enum sp_rc broker_store_init(struct broker_store *s, const struct sp_conf *conf, const char *name, struct sp_err *err)
{
    char directory[SP_FS_PATH_BYTES], file[SP_CONF_NAME_BYTES + 16];
    enum sp_rc rc = sp_conf_path(conf, conf->broker.principals_cache, directory, sizeof directory);

    memset(s, 0, sizeof *s);
    sp_buf_init(&s->parts, BROKER_STORE_BYTES_MAX);
    snprintf(file, sizeof file, "%s.principals", name);
    if (rc == SP_OK)
        rc = sp_fs_mkdirs(directory, 0700, err);
    return rc == SP_OK ? sp_fs_join(s->path, sizeof s->path, directory, file) : rc;
}

void broker_store_fini(struct broker_store *s)
{
    sp_buf_fini(&s->parts);
}

static void record_of(const struct sp_conf_principal *from, struct rec_principal *to)
{
    to->name = sp_str_of(from->name);
    to->role = (uint8_t)from->role;
    to->curve = from->curve;
    to->sign = from->sign;
    to->adapters = sp_str_of(from->adapters);
    to->nodes = sp_str_of(from->nodes);
    to->not_after = from->not_after_s;
    to->revoked = from->revoked;
    to->next_curve = from->next_curve;
    to->next_sign = from->next_sign;
    to->next_not_before = from->next_not_before_s;
    to->next_not_after = from->next_not_after_s;
}

enum sp_rc broker_store_file(const struct sp_conf *conf, struct principal_table *who, struct sp_err *err)
{
    struct sp_conf_principals *file = NULL;
    enum sp_rc rc = sp_conf_principals_load(conf->principals, &file, err);

    if (rc != SP_OK)
        return rc;
    if (file->count > who->size) {
        sp_conf_principals_destroy(&file);
        return sp_err_set(err, SP_E_FULL, conf->principals, "more principals than the broker has room for");
    }
    principal_file_begin(who);
    for (uint32_t i = 0; i < file->count && rc == SP_OK; i++) {
        struct rec_principal row;
        uint32_t index;

        record_of(&file->rows[i], &row);
        rc = principal_put(who, &row, true, &index);
        if (rc != SP_OK)
            (void)sp_err_set(err, rc, conf->principals, "principal %s cannot be taken: %s", file->rows[i].name, sp_rc_text(rc));
    }
    if (rc == SP_OK)
        principal_file_end(who);
    sp_conf_principals_destroy(&file);
    return rc;
}

/* By either pair of the keeper's keys, whatever the time: a cache that was written before a key ended tells of revocations, and to
 * forget those would let somebody in. */
static bool is_keepers(const struct principal *keeper, const struct broker_verify *verify, const struct sp_envelope *e)
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS && keeper->role == SP_ROLE_KEEPER; n++)
        if (keeper->pair[n].used && verify->fn(verify->ctx, keeper->pair[n].sign, e))
            return true;
    return false;
}

static enum sp_rc take_frame(struct principal_table *who, const struct broker_verify *verify, struct sp_str frame)
{
    struct sp_envelope e;
    struct msg_principal_set set;
    uint32_t bad = 0, keeper;

    if (sp_envelope_decode((const uint8_t *)frame.p, frame.n, &e) != SP_OK || e.type != SP_MSG_PRINCIPAL_SET)
        return SP_E_CORRUPT;
    keeper = principal_by_name(who, e.sender);
    if (keeper == PRINCIPAL_NONE || !is_keepers(&who->rows[keeper], verify, &e))
        return SP_E_SIGNATURE;
    if (msg_principal_set_decode((const uint8_t *)e.body.p, e.body.n, &set) != SP_OK)
        return SP_E_CORRUPT;
    return principal_set(who, &set, &bad);
}

enum sp_rc broker_store_cache(struct broker_store *s, struct principal_table *who, const struct broker_verify *verify,
                              uint32_t *count, struct sp_err *err)
{
    char *text = NULL;
    size_t n = 0, at = MAGIC_BYTES;
    enum sp_rc rc = sp_fs_read(s->path, BROKER_STORE_BYTES_MAX, SP_FS_OWNED, &text, &n, err);

    *count = 0;
    if (rc == SP_E_NOT_FOUND) {
        sp_err_clear(err);
        return SP_OK;
    }
    if (rc == SP_OK && (n < MAGIC_BYTES || memcmp(text, MAGIC, MAGIC_BYTES) != 0))
        rc = sp_err_set(err, SP_E_CORRUPT, s->path, "no cache of principals");
    while (rc == SP_OK && at < n) {
        const uint8_t *p = (const uint8_t *)text + at;
        uint32_t bytes =
            n - at < 4 ? UINT32_MAX : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

        if (bytes > n - at - 4) {
            rc = sp_err_set(err, SP_E_CORRUPT, s->path, "cut off at byte %zu", at);
            break;
        }
        rc = take_frame(who, verify, sp_str_bytes(p + 4, bytes));
        if (rc != SP_OK)
            (void)sp_err_set(err, rc, s->path, "frame at byte %zu: %s", at, sp_rc_text(rc));
        at += 4 + bytes;
        (*count)++;
    }
    free(text);
    return rc;
}

enum sp_rc broker_store_part(struct broker_store *s, struct sp_str frame, bool first, bool last, struct sp_err *err)
{
    uint8_t length[4] = {(uint8_t)frame.n, (uint8_t)(frame.n >> 8), (uint8_t)(frame.n >> 16), (uint8_t)(frame.n >> 24)};

    if (first) {
        sp_buf_reset(&s->parts);
        sp_buf_append(&s->parts, MAGIC, MAGIC_BYTES);
    }
    sp_buf_append(&s->parts, length, sizeof length);
    sp_buf_append(&s->parts, frame.p, frame.n);
    if (s->parts.failed)
        return sp_err_set(err, SP_E_LIMIT, s->path, "set of principals is too large to keep");
    if (!last)
        return SP_OK;
    enum sp_rc rc = sp_fs_write(s->path, s->parts.p, s->parts.n, 0600, err);

    sp_buf_fini(&s->parts);
    sp_buf_init(&s->parts, BROKER_STORE_BYTES_MAX);
    return rc;
}
