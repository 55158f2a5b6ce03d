/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol_token.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_crypto.h"
#include "sp_hex.h"

static const char where[] = "token";

static int digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-'             ? 62
           : c == '_'             ? 63
                                  : -1;
}

/* Strict base64url without padding; the bits left over must be zero. Gives the bytes, NULL when malformed. */
static char *decode(const char *text, size_t *n)
{
    size_t len = strlen(text);
    char *out = len > 0 && len <= ENROL_TOKEN_CHARS_MAX ? malloc(len) : NULL;
    uint32_t acc = 0;
    unsigned bits = 0;
    *n = 0;
    for (size_t i = 0; out != NULL && i < len; i++) {
        int d = digit(text[i]);
        if (d < 0) {
            free(out);
            return NULL;
        }
        acc = (acc << 6 | (uint32_t)d) & 0xffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[(*n)++] = (char)(acc >> bits & 0xff);
        }
    }
    if (out != NULL && (bits >= 6 || (acc & ((1u << bits) - 1)) != 0)) {
        free(out);
        return NULL;
    }
    return out;
}

static bool get_hex(const json_t *o, const char *key, uint8_t *to, size_t n)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL && sp_hex_parse(sp_str_of(text), to, n);
}

static bool get_key(const json_t *o, const char *key, uint8_t to[32])
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL && (sp_hex_z85_parse(sp_str_of(text), to, 32) || sp_hex_parse(sp_str_of(text), to, 32));
}

static bool get_name(const json_t *o, const char *key, char to[SP_CONF_NAME_BYTES])
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL && sp_str_is_name(sp_str_of(text), SP_CONF_NAME_BYTES - 1) &&
           sp_str_copy(to, SP_CONF_NAME_BYTES, sp_str_of(text));
}

static bool get_broker(const json_t *o, struct enrol_token *t)
{
    struct sp_conf_link *link = &t->broker[t->broker_count];
    struct sp_conf_principal *p = &t->principal[t->principal_count];
    const json_t *endpoints = json_object_get(o, "endpoints");
    size_t n = json_array_size(endpoints);
    bool ok = get_name(o, "name", link->name) && get_name(o, "name", p->name) && get_key(o, "curve", p->curve) &&
              sp_crypto_curve_ok(p->curve) && n > 0 && n <= SP_CONF_ENDPOINTS_MAX;
    for (size_t i = 0; i < n && ok; i++) {
        const char *text = json_string_value(json_array_get(endpoints, i));
        ok = text != NULL && strpbrk(text, "\"\\\n\r") == NULL &&
             sp_str_copy(link->endpoints[i], sizeof link->endpoints[i], sp_str_of(text));
        link->endpoint_count++;
    }
    p->role = SP_CONF_ROLE_BROKER;
    t->broker_count++;
    t->principal_count++;
    return ok;
}

/* A principal we only need the signing key of; a CURVE key that is not told gets a stand-in of its own. */
static bool get_signer(const json_t *root, const char *key, uint32_t role, struct enrol_token *t)
{
    struct sp_conf_principal *p = &t->principal[t->principal_count++];
    const json_t *o = json_object_get(root, key);
    p->role = role;
    if (!get_name(o, "name", p->name) || !get_hex(o, "sign", p->sign, sizeof p->sign) || !sp_crypto_public_ok(p->sign)) {
        return false;
    }
    if (!get_key(o, "curve", p->curve)) {
        sp_crypto_sha256(p->sign, sizeof p->sign, p->curve);
        p->curve[31] &= 0x3f; /* a good key by its looks */
    }
    return true;
}

static bool get_self(const json_t *root, struct enrol_token *t)
{
    struct sp_conf_principal *p = &t->principal[t->principal_count++];
    const json_t *expires = json_object_get(root, "expires");
    bool ok = get_name(root, "name", t->name) && get_key(root, "enrol_curve_secret", t->curve_secret) &&
              get_hex(root, "secret", t->secret, sizeof t->secret) && json_is_integer(expires) && json_integer_value(expires) > 0;
    const json_t *node = json_object_get(root, "node");
    if (ok && node != NULL) {
        struct sp_str text = sp_str_bytes(json_string_value(node), json_string_length(node));
        ok = sp_str_is_name(text, sizeof t->node - 1) && sp_str_copy(t->node, sizeof t->node, text);
    }
    if (ok && json_object_get(root, "enrol") != NULL) {
        ok = get_name(root, "enrol", t->enrol);
    } else {
        ok = ok && strlen(t->name) + strlen("enrol-") < sizeof t->enrol;
        (void)snprintf(t->enrol, sizeof t->enrol, "enrol-%.34s", t->name);
    }
    t->expires_s = ok ? (uint64_t)json_integer_value(expires) : 0;
    p->role = SP_CONF_ROLE_ENROL;
    (void)sp_str_copy(p->name, sizeof p->name, sp_str_of(t->enrol));
    return ok && sp_crypto_curve_public(t->curve_secret, p->curve) == SP_OK;
}

/* A list that is there must be whole: a key that was lost on the way would be a plugin that never starts. */
static bool get_manifest_keys(const json_t *root, struct enrol_token *t)
{
    uint8_t key[32];
    const json_t *list = json_object_get(root, "manifest_keys");
    size_t n = json_array_size(list);
    bool ok = list == NULL || (json_is_array(list) && n <= SP_CONF_LIST_MAX);
    for (size_t i = 0; i < n && ok; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        ok = text != NULL && sp_hex_parse(sp_str_of(text), key, sizeof key) && sp_crypto_public_ok(key) &&
             sp_str_copy(t->manifest_keys[i], sizeof t->manifest_keys[i], sp_str_of(text));
        t->manifest_key_count++;
    }
    return ok;
}

static enum sp_rc fill(const json_t *root, struct enrol_token *t, struct sp_err *err)
{
    const json_t *brokers = json_object_get(root, "brokers");
    size_t n = json_array_size(brokers);
    if (json_integer_value(json_object_get(root, "v")) != ENROL_TOKEN_VERSION) {
        return sp_err_set(err, SP_E_VERSION, where, "made by another version of spicectl");
    }
    if (!get_hex(root, "deployment", t->deployment, sizeof t->deployment) || n == 0 || n > SP_CONF_BROKERS_MAX) {
        return sp_err_set(err, SP_E_MALFORMED, where, "deployment or brokers are missing");
    }
    for (size_t i = 0; i < n; i++) {
        if (!get_broker(json_array_get(brokers, i), t)) {
            return sp_err_set(err, SP_E_MALFORMED, where, "broker %zu is not complete", i + 1);
        }
    }
    if (!get_signer(root, "keeper", SP_CONF_ROLE_KEEPER, t) || !get_signer(root, "scheduler", SP_CONF_ROLE_SCHEDULER, t)) {
        return sp_err_set(err, SP_E_MALFORMED, where, "keeper or scheduler is missing");
    }
    if (!get_manifest_keys(root, t)) {
        return sp_err_set(err, SP_E_MALFORMED, where, "manifest_keys are not complete");
    }
    return get_self(root, t) ? SP_OK : sp_err_set(err, SP_E_MALFORMED, where, "name, keys or expiry are missing");
}

enum sp_rc enrol_token_parse(const char *text, struct enrol_token *out, struct sp_err *err)
{
    size_t n = 0;
    json_error_t error;
    memset(out, 0, sizeof *out);
    char *json = decode(text, &n);
    json_t *root = json != NULL ? json_loadb(json, n, JSON_REJECT_DUPLICATES, &error) : NULL;
    enum sp_rc rc = json_is_object(root) ? fill(root, out, err) : sp_err_set(err, SP_E_MALFORMED, where, "this is no token");
    if (rc == SP_E_MALFORMED) {
        sp_err_hint(err, "paste the whole line that spicectl printed");
    }
    if (rc != SP_OK) {
        enrol_token_wipe(out);
    }
    json_decref(root);
    if (json != NULL) {
        sp_crypto_wipe(json, n);
        free(json);
    }
    return rc;
}

void enrol_token_wipe(struct enrol_token *token)
{
    sp_crypto_wipe(token->curve_secret, sizeof token->curve_secret);
    sp_crypto_wipe(token->secret, sizeof token->secret);
}
