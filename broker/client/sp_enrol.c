/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_enrol.h"

#include <stdio.h>

#include "sp_crypto.h"
#include "sp_hex.h"

static bool enrol_append(char *to, size_t size, size_t *n, const char *text)
{
    size_t more = strlen(text);
    if (*n + more + 1 > size) {
        return false;
    }
    memcpy(to + *n, text, more + 1);
    *n += more;
    return true;
}

static bool enrol_append_hex(char *to, size_t size, size_t *n, const uint8_t *p, size_t bytes)
{
    char hex[65];
    sp_hex_write(p, bytes, hex);
    return enrol_append(to, size, n, ",") && enrol_append(to, size, n, hex);
}

static bool enrol_append_word(char *to, size_t size, size_t *n, const char *word)
{
    return strchr(word, ',') == NULL && enrol_append(to, size, n, ",") && enrol_append(to, size, n, word);
}

enum sp_rc sp_enrol_write(const struct sp_enrol *e, char *to, size_t size)
{
    size_t n = 0;
    bool ok = enrol_append(to, size, &n, "spice1") && enrol_append_hex(to, size, &n, e->deployment, sizeof e->deployment) &&
              enrol_append_hex(to, size, &n, e->secret, sizeof e->secret) && enrol_append_word(to, size, &n, e->keeper) &&
              enrol_append_hex(to, size, &n, e->keeper_sign, sizeof e->keeper_sign) && enrol_append_word(to, size, &n, e->worker);
    for (uint32_t i = 0; i < e->broker_count && ok; i++) {
        const struct sp_enrol_broker *b = &e->brokers[i];
        ok = enrol_append_word(to, size, &n, b->name) && enrol_append_hex(to, size, &n, b->curve, sizeof b->curve) &&
             enrol_append_word(to, size, &n, b->endpoint);
    }
    return ok ? SP_OK : SP_E_LIMIT;
}

static bool enrol_word(struct sp_str *rest, char *to, size_t size)
{
    struct sp_str word;
    return sp_str_next(rest, ',', &word) && word.n > 0 && sp_str_copy(to, size, word);
}

static bool enrol_hex(struct sp_str *rest, uint8_t *to, size_t bytes)
{
    struct sp_str word;
    return sp_str_next(rest, ',', &word) && sp_hex_parse(word, to, bytes);
}

enum sp_rc sp_enrol_read(struct sp_str text, struct sp_enrol *out)
{
    struct sp_str rest = sp_str_trim(text), word;
    struct sp_enrol e;
    memset(&e, 0, sizeof e);
    if (rest.n >= SP_ENROL_TEXT_BYTES) {
        return SP_E_LIMIT;
    }
    if (!sp_str_next(&rest, ',', &word) || !sp_str_is(word, "spice1")) {
        return SP_E_VERSION;
    }
    bool ok = enrol_hex(&rest, e.deployment, sizeof e.deployment) && enrol_hex(&rest, e.secret, sizeof e.secret) &&
              enrol_word(&rest, e.keeper, sizeof e.keeper) && enrol_hex(&rest, e.keeper_sign, sizeof e.keeper_sign) &&
              enrol_word(&rest, e.worker, sizeof e.worker);
    while (ok && rest.p != NULL && rest.n > 0) {
        if (e.broker_count == SP_ENROL_BROKERS_MAX) {
            return SP_E_LIMIT;
        }
        struct sp_enrol_broker *b = &e.brokers[e.broker_count++];
        ok = enrol_word(&rest, b->name, sizeof b->name) && enrol_hex(&rest, b->curve, sizeof b->curve) &&
             enrol_word(&rest, b->endpoint, sizeof b->endpoint);
    }
    if (!ok || e.broker_count == 0) {
        return SP_E_MALFORMED;
    }
    *out = e;
    return SP_OK;
}

void sp_enrol_name(const uint8_t secret[32], char to[SP_ENROL_NAME_BYTES])
{
    uint8_t hash[32];
    char hex[33];
    sp_crypto_sha256(secret, 32, hash);
    sp_hex_write(hash, 16, hex);
    (void)snprintf(to, SP_ENROL_NAME_BYTES, "enrol-%s", hex);
}

enum sp_rc sp_enrol_curve(const uint8_t secret[32], uint8_t curve_secret[32], uint8_t curve_public[32])
{
    sp_crypto_derive(secret, "enrol curve", curve_secret);
    return sp_crypto_curve_public(curve_secret, curve_public);
}

size_t sp_enrol_proof(const uint8_t secret[32], const uint8_t curve[32], const uint8_t sign[32], uint8_t to[SP_ENROL_PROOF_BYTES])
{
    static const char label[] = "SPICE1:enrol:";
    size_t n = sizeof label - 1;
    memcpy(to, label, n);
    memcpy(to + n, secret, 32);
    memcpy(to + n + 32, curve, 32);
    memcpy(to + n + 64, sign, 32);
    return n + 96;
}
