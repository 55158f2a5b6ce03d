/* SPDX-License-Identifier: Apache-2.0 */
/* principals.yaml: who there is, by which keys, in which role. */
#include <stdlib.h>

#include "sp_conf.h"
#include "sp_conf_table.h"
#include "sp_crypto.h"

static bool is_zero(const uint8_t key[32])
{
    static const uint8_t zero[32];
    return memcmp(key, zero, sizeof zero) == 0;
}

static enum sp_rc bad_row(const char *file, const struct sp_conf_principal *p, const char *why, struct sp_err *err)
{
    return sp_err_set(err, SP_E_INVALID, file, "principal '%s': %s", p->name, why);
}

/* Two rows with one key would let a message of the one pass for the other. */
static enum sp_rc check_row(const char *file, const struct sp_conf_principals *all, uint32_t at, struct sp_err *err)
{
    const struct sp_conf_principal *p = &all->rows[at];
    if (p->role == SP_CONF_ROLE_NONE) {
        return bad_row(file, p, "role 'none' may do nothing; leave the row out", err);
    }
    if (is_zero(p->curve)) {
        return bad_row(file, p, "curve is all zeros", err);
    }
    if (!is_zero(p->sign) && !sp_crypto_public_ok(p->sign)) {
        return bad_row(file, p, "sign is a key under which forged signatures verify (small order)", err);
    }
    for (uint32_t i = 0; i < at; i++) {
        const struct sp_conf_principal *q = &all->rows[i];
        if (strcmp(q->name, p->name) == 0) {
            return bad_row(file, p, "is there twice", err);
        }
        if (memcmp(q->curve, p->curve, sizeof p->curve) == 0) {
            return bad_row(file, p, "has the curve key of another principal", err);
        }
        if (!is_zero(p->sign) && memcmp(q->sign, p->sign, sizeof p->sign) == 0) {
            return bad_row(file, p, "has the sign key of another principal", err);
        }
    }
    return SP_OK;
}

static enum sp_rc from_doc(const char *file, const struct sp_yaml *doc, struct sp_conf_principals **out, struct sp_err *err)
{
    struct sp_conf_principals *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return sp_err_set(err, SP_E_NOMEM, file, "no memory");
    }
    const struct sp_yaml_node *root = sp_yaml_count(doc) > 0 ? sp_yaml_root(doc, 0) : NULL;
    enum sp_rc rc = sp_bind(&sp_conf_table_principals, file, root, p, err);
    for (uint32_t i = 0; rc == SP_OK && i < p->count; i++) {
        rc = check_row(file, p, i, err);
    }
    if (rc != SP_OK) {
        free(p);
        return rc;
    }
    *out = p;
    return SP_OK;
}

enum sp_rc sp_conf_principals_parse(const char *file, struct sp_str text, struct sp_conf_principals **out, struct sp_err *err)
{
    struct sp_yaml *doc = NULL;
    enum sp_rc rc = sp_yaml_parse(file, text, SP_YAML_LIMITS_CONF, &doc, err);
    if (rc == SP_OK) {
        rc = from_doc(file, doc, out, err);
        sp_yaml_destroy(&doc);
    }
    return rc;
}

enum sp_rc sp_conf_principals_load(const char *path, struct sp_conf_principals **out, struct sp_err *err)
{
    struct sp_yaml *doc = NULL;
    enum sp_rc rc = sp_yaml_load(path, SP_FS_OWNED, SP_YAML_LIMITS_CONF, &doc, err);
    if (rc == SP_OK) {
        rc = from_doc(path, doc, out, err);
        sp_yaml_destroy(&doc);
    }
    return rc;
}

void sp_conf_principals_destroy(struct sp_conf_principals **p)
{
    free(*p);
    *p = NULL;
}

void sp_conf_principals_print(const struct sp_conf_principals *p, struct sp_buf *b)
{
    sp_bind_print(&sp_conf_table_principals, p, 0, b);
}
