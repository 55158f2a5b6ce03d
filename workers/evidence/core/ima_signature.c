/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_signature.h"

#include "octets.h"

#define TYPE_IMA    3u
#define TYPE_VERITY 6u

/* Numbers of the kernel's list of hashes (include/uapi/linux/hash_info.h). */
static uint16_t hash_of(uint64_t number)
{
    return number == 4 ? TPM_ALG_SHA256 : number == 5 ? TPM_ALG_SHA384 : number == 6 ? TPM_ALG_SHA512 : TPM_ALG_NONE;
}

bool ima_signature_read(struct sp_str field, struct ima_signature *out)
{
    struct octets o = octets_of(field);
    uint64_t type = octets_be(&o, 1), version = octets_be(&o, 1), hash = octets_be(&o, 1);
    uint64_t key_id = octets_be(&o, 4);
    struct sp_str bytes = octets_sized(&o, IMA_SIGNATURE_BYTES_MAX);
    bool known = (type == TYPE_IMA && version == 2) || (type == TYPE_VERITY && version == 3);
    if (!octets_end(&o) || !known || bytes.n == 0 || hash_of(hash) == TPM_ALG_NONE) {
        return false;
    }
    *out = (struct ima_signature){hash_of(hash), type == TYPE_VERITY, (uint8_t)hash, (uint32_t)key_id, bytes};
    return true;
}
