/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_envelope.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_base64.h"
#include "sp_crypto.h"

#define SIGNATURES_MAX 16u

static struct sp_str text_of(const json_t *v)
{
    return sp_str_bytes(json_string_value(v), json_string_length(v));
}

/* Gives the bytes of a text in base64 (free them); NULL: it is none, or there is no memory. */
static uint8_t *decode(struct sp_str text, size_t *n)
{
    *n = sp_base64_bytes(text);
    uint8_t *p = malloc(*n > 0 ? *n : 1);
    if (p != NULL && !sp_base64_read(text, p, *n)) {
        free(p);
        p = NULL;
    }
    return p;
}

static void hash_signed(struct sp_str type, struct sp_str payload, uint8_t out[32])
{
    char head[64];
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    int n = snprintf(head, sizeof head, "DSSEv1 %u ", type.n);
    sp_crypto_sha256_update(&h, head, (size_t)n);
    sp_crypto_sha256_update(&h, type.p, type.n);
    n = snprintf(head, sizeof head, " %u ", payload.n);
    sp_crypto_sha256_update(&h, head, (size_t)n);
    sp_crypto_sha256_update(&h, payload.p, payload.n);
    sp_crypto_sha256_final(&h, out);
}

static bool has_signed(const struct ima_keyring *signers, const json_t *signatures, const uint8_t hash[32])
{
    for (size_t i = 0; i < json_array_size(signatures) && i < SIGNATURES_MAX; i++) {
        size_t n = 0;
        uint8_t *bytes = decode(text_of(json_object_get(json_array_get(signatures, i), "sig")), &n);
        bool good =
            bytes != NULL && n > 0 && n <= IMA_SIGNATURE_BYTES_MAX && ima_keyring_signed(signers, sp_str_bytes(bytes, n), hash);
        free(bytes);
        if (good) {
            return true;
        }
    }
    return false;
}

bool ima_envelope_open(const struct ima_keyring *signers, struct sp_str text, struct sp_str *payload, char *why, size_t size)
{
    uint8_t hash[32];
    size_t n = 0;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *type = json_object_get(root, "payloadType"), *body = json_object_get(root, "payload");
    uint8_t *bytes = json_is_string(type) && json_is_string(body) ? decode(text_of(body), &n) : NULL;
    bool good = false;
    if (bytes == NULL) {
        (void)snprintf(why, size, "it must be signed, and is no envelope with a payload in base64");
    } else {
        hash_signed(text_of(type), sp_str_bytes(bytes, n), hash);
        good = has_signed(signers, json_object_get(root, "signatures"), hash);
        if (!good) {
            (void)snprintf(why, size, "none of the signers has signed it");
        }
    }
    json_decref(root);
    if (!good) {
        free(bytes);
        return false;
    }
    *payload = sp_str_bytes(bytes, n);
    return true;
}
