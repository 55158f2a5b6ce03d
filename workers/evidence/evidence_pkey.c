/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define FIELD_BYTES_MAX 48u
#define RSA_EXPONENT    65537u

static bool push_rsa(OSSL_PARAM_BLD *build, const struct tpm_public *k, BIGNUM **modulus)
{
    *modulus = BN_bin2bn((const uint8_t *)k->n.p, (int)k->n.n, NULL);
    return *modulus != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, *modulus) == 1 &&
           OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, k->exponent != 0 ? k->exponent : RSA_EXPONENT) == 1;
}

static bool push_ecc(OSSL_PARAM_BLD *build, const struct tpm_public *k, uint8_t point[1 + 2 * FIELD_BYTES_MAX])
{
    bool p256 = k->curve == TPM_CURVE_P256;
    size_t field = p256 ? 32 : FIELD_BYTES_MAX;
    if ((!p256 && k->curve != TPM_CURVE_P384) || k->x.n == 0 || k->y.n == 0 || k->x.n > field || k->y.n > field) {
        return false;
    }
    memset(point, 0, 1 + 2 * field);
    point[0] = 0x04; /* uncompressed; coordinates are padded on the left */
    memcpy(point + 1 + field - k->x.n, k->x.p, k->x.n);
    memcpy(point + 1 + 2 * field - k->y.n, k->y.p, k->y.n);
    return OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, p256 ? "prime256v1" : "secp384r1", 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * field) == 1;
}

/* True unless the key is no key: a point off the curve, an even modulus. */
static bool is_sound(OSSL_LIB_CTX *library, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(library, key, NULL);
    bool sound = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

EVP_PKEY *evidence_pkey_new(OSSL_LIB_CTX *library, const struct tpm_public *k)
{
    uint8_t point[1 + 2 * FIELD_BYTES_MAX];
    BIGNUM *modulus = NULL;
    EVP_PKEY *key = NULL;
    bool ecc = k->type == TPM_ALG_ECC;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(library, ecc ? "EC" : "RSA", NULL);
    bool ok = build != NULL && ctx != NULL && (ecc ? push_ecc(build, k, point) : push_rsa(build, k, &modulus));
    OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(build) : NULL;
    ok = params != NULL && EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    if (!ok || !is_sound(library, key)) {
        ERR_clear_error();
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    return key;
}
