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

/* Does the row hold this key in either pair? Zeros are no key. */
static bool has_curve(const struct sp_conf_principal *p, const uint8_t key[32])
{
    return !is_zero(key) && (memcmp(p->curve, key, sizeof p->curve) == 0 || memcmp(p->next_curve, key, sizeof p->next_curve) == 0);
}

static bool has_sign(const struct sp_conf_principal *p, const uint8_t key[32])
{
    return !is_zero(key) && (memcmp(p->sign, key, sizeof p->sign) == 0 || memcmp(p->next_sign, key, sizeof p->next_sign) == 0);
}

/* Messages are addressed by name or by role: a worker called keeper would get the keeper's. */
static bool names_other_role(const struct sp_conf_principal *p)
{
    for (uint32_t role = 0; sp_conf_role_words[role] != NULL; role++) {
        if (strcmp(p->name, sp_conf_role_words[role]) == 0) {
            return role != p->role;
        }
    }
    return false;
}

/* The pair that follows is whole, new in both halves, and not a broker's: a broker shows one key, which all others pin. */
static enum sp_rc check_next(const char *file, const struct sp_conf_principal *p, struct sp_err *err)
{
    if (is_zero(p->next_curve)) {
        bool empty = is_zero(p->next_sign) && p->next_not_before_s == 0 && p->next_not_after_s == 0;
        return empty ? SP_OK : bad_row(file, p, "has no next_curve, and something else of next keys", err);
    }
    if (p->role == SP_CONF_ROLE_BROKER) {
        return bad_row(file, p, "next keys are for those who connect to brokers, not for a broker", err);
    }
    if (p->role == SP_CONF_ROLE_ATTESTER) {
        return bad_row(file, p, "next keys are not for attesters: enrolment binds one key to the node", err);
    }
    if (is_zero(p->next_sign) != is_zero(p->sign)) {
        return bad_row(file, p, "next_curve and next_sign come together, as curve and sign do", err);
    }
    if (memcmp(p->curve, p->next_curve, sizeof p->curve) == 0 ||
        (!is_zero(p->sign) && memcmp(p->sign, p->next_sign, sizeof p->sign) == 0)) {
        return bad_row(file, p, "next keys are the same as its keys", err);
    }
    if (p->next_not_after_s != 0 && p->next_not_after_s <= p->next_not_before_s) {
        return bad_row(file, p, "next keys end before they begin", err);
    }
    return SP_OK;
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
    if (!sp_crypto_curve_ok(p->curve) || (!is_zero(p->next_curve) && !sp_crypto_curve_ok(p->next_curve))) {
        return bad_row(
            file, p, "curve is no good key: of small order (its secrets are known to everybody), or a second spelling of one", err);
    }
    if (p->role == SP_CONF_ROLE_ATTESTER && !sp_str_is_name(sp_str_of(p->nodes), 64)) {
        return bad_row(file, p, "nodes of an attester is the name of its one node", err);
    }
    if (names_other_role(p)) {
        return bad_row(file, p, "this name means whoever has that role, so nobody else may have it", err);
    }
    if ((!is_zero(p->sign) && !sp_crypto_public_ok(p->sign)) || (!is_zero(p->next_sign) && !sp_crypto_public_ok(p->next_sign))) {
        return bad_row(file, p, "sign is a key under which forged signatures verify (small order)", err);
    }
    for (uint32_t i = 0; i < at; i++) {
        const struct sp_conf_principal *q = &all->rows[i];
        if (strcmp(q->name, p->name) == 0) {
            return bad_row(file, p, "is there twice", err);
        }
        if (has_curve(q, p->curve) || has_curve(q, p->next_curve)) {
            return bad_row(file, p, "has the curve key of another principal", err);
        }
        if (has_sign(q, p->sign) || has_sign(q, p->next_sign)) {
            return bad_row(file, p, "has the sign key of another principal", err);
        }
    }
    return check_next(file, p, err);
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
