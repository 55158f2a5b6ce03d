/* SPDX-License-Identifier: Apache-2.0 */
/* Tree manifests: whatever is taken is written again as the same bytes, and each row is found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest_table.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest_table *t = NULL;
    char why[MANIFEST_TABLE_WHY_MAX] = "";
    struct sp_str tree[MANIFEST_TABLE_TREES_MAX];
    struct manifest_row row;
    struct sp_buf b;
    if (!manifest_table_new(sp_str_bytes(data, size), &t, why)) {
        SP_ASSERT(t == NULL && why[0] != '\0');
        return 0;
    }
    sp_buf_init(&b, size + 1);
    size_t trees = manifest_table_trees(t), skips = manifest_table_skips(t);
    for (size_t i = 0; i < trees + skips; i++) {
        tree[i] = manifest_table_tree(t, i);
    }
    manifest_table_put_head(&b, tree, trees, tree + trees, skips);
    for (size_t i = 0; i < manifest_table_count(t); i++) {
        size_t at = SIZE_MAX;
        manifest_table_row(t, i, &row);
        SP_ASSERT(manifest_table_find(t, row.path, &at) && at == i && manifest_table_covers(t, row.path));
        manifest_table_put_row(&b, &row);
    }
    size_t signed_n = 0;
    const uint8_t *signature = manifest_table_signature(t, &signed_n);
    SP_ASSERT((signature != NULL) == (signed_n > 0) && (signature == NULL || signed_n == b.n));
    if (signature != NULL) {
        manifest_table_put_signature(&b, signature);
    }
    SP_ASSERT(!b.failed && b.n == size && memcmp(b.p, data, size) == 0);
    sp_buf_fini(&b);
    manifest_table_free(&t);
    return 0;
}
