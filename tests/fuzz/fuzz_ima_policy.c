/* SPDX-License-Identifier: Apache-2.0 */
/* A policy for measurement lists as anybody might write it, in each of its forms. What is refused says why; what is taken was
 * understood to the end, and lists nothing that nobody wrote. */
#include <stdint.h>
#include <stdlib.h>

#include "ima_rules.h"
#include "sp_assert.h"
#include "sp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence_crypto *crypto;
    static const uint8_t digest[64] = {0x5a, 0xf3};
    struct ima_rules *rules = NULL;
    char why[IMA_RULES_WHY_BYTES];
    if (crypto == NULL) {
        SP_ASSERT(sp_crypto_init() == SP_OK && evidence_crypto_new(&crypto) == SP_OK);
    }
    if (!ima_rules_new(crypto, sp_str_bytes(data, size), &rules, why)) {
        SP_ASSERT(rules == NULL && why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
        return 0;
    }
    SP_ASSERT(why[0] == '\0' && !ima_exclude_everything(rules->excludes));
    SP_ASSERT(ima_table_digests(rules->table) > 0 || ima_keyring_count(rules->keys) > 0);
    SP_ASSERT(ima_table_digests(rules->table) <= ima_table_rows(rules->table) && ima_table_rows(rules->table) <= size);
    SP_ASSERT(ima_table_find(rules->table, IMA_FILE, sp_str_of("/nobody/wrote/this"), sp_str_bytes(digest, 32)) != IMA_LISTED);
    (void)ima_exclude_match(rules->excludes, sp_str_bytes(data, size < 256 ? size : 256)); /* any bytes as a path */
    ima_rules_destroy(&rules);
    return 0;
}
