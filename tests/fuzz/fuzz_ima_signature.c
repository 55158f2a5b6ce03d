/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send as the signature of a file, and as a key that was loaded. A signature nobody made is never good, whatever
 * header it has; and bytes that come as a key are a key or none. First byte: signature or key. */
#include <stdint.h>
#include <stdlib.h>

#include "ima_keyring.h"
#include "sp_assert.h"
#include "sp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The generator of P-256 as a public key: nobody has signed anything with 1 as the secret in these tests. */
static const uint8_t known_key[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                                    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1,
                                    0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
                                    0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
                                    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
                                    0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
static const uint32_t known_id = 0x01020304;

static void try_key(struct evidence_crypto *crypto, struct sp_str bytes)
{
    struct ima_keyring *ring = ima_keyring_new(crypto);
    SP_ASSERT(ring != NULL);
    bool added = ima_keyring_add(ring, bytes, NULL);
    SP_ASSERT(ima_keyring_count(ring) == (added ? 1 : 0));
    (void)ima_keyring_is_key(crypto, bytes);
    bool text = ima_keyring_add_text(ring, bytes, &known_id);
    SP_ASSERT(ima_keyring_count(ring) <= (added ? 1u : 0u) + (text ? 1u : 0u));
    ima_keyring_destroy(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence_crypto *crypto;
    static struct ima_keyring *ring;
    static const uint8_t digest[64] = {1};
    struct ima_signature s;
    if (crypto == NULL) {
        SP_ASSERT(sp_crypto_init() == SP_OK && evidence_crypto_new(&crypto) == SP_OK);
        ring = ima_keyring_new(crypto);
        SP_ASSERT(ring != NULL && ima_keyring_add(ring, sp_str_bytes(known_key, sizeof known_key), &known_id));
    }
    if (size == 0) {
        return 0;
    }
    struct sp_str field = sp_str_bytes(data + 1, size - 1);
    if ((data[0] & 1u) != 0) {
        try_key(crypto, field);
    } else if (ima_signature_read(field, &s)) {
        SP_ASSERT(s.bytes.n > 0 && s.bytes.p + s.bytes.n == field.p + field.n && s.bytes.n + 9 == field.n);
        enum ima_signer signer = ima_keyring_signer(ring, &s, sp_str_bytes(digest, tpm_alg_bytes(s.alg)));
        SP_ASSERT(signer == (s.key_id == known_id ? IMA_NOT_SIGNED : IMA_KEY_UNKNOWN));
    }
    return 0;
}
