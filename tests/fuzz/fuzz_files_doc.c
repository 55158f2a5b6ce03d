/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send as evidence `files`: read in parts whose sizes the input chooses, judged against a fixed manifest. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "files_judge.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char manifest[] = "SPICE-TREE 1\ntree /t\nd 0755 0 0 /t\nf 0644 1 2 5 "
                               "aa01020300000000000000000000000000000000000000000000000000000000 /t/a\nl 0 0 /t/link a\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct files_reader r;
    static struct files_judge j;
    struct manifest_table *t = NULL;
    struct files_entry e;
    char why[MANIFEST_TABLE_WHY_MAX];
    size_t part = size > 0 ? 1 + data[0] : 1;
    enum files_next next = FILES_NEXT_MORE;
    uint64_t entries = 0;
    if (size > 0) {
        data++;
        size--;
    }
    SP_ASSERT(manifest_table_new(sp_str_of(manifest), &t, why) && files_judge_init(&j, t));
    files_reader_init(&r);
    for (size_t at = 0; at < size && next == FILES_NEXT_MORE; at += part) {
        size_t n = size - at < part ? size - at : part;
        uint8_t *copy = malloc(n);
        SP_ASSERT(copy != NULL);
        memcpy(copy, data + at, n);
        files_reader_push(&r, sp_str_bytes(copy, n));
        while ((next = files_reader_next(&r, &e)) == FILES_NEXT_ENTRY) {
            SP_ASSERT(manifest_table_is_path(e.path) && e.mode <= 07777);
            SP_ASSERT((e.sha256 != NULL) == (e.type == 'f' && e.state == FILES_READ));
            entries++;
            if (!files_judge_entry(&j, &e)) {
                break;
            }
        }
        free(copy);
    }
    SP_ASSERT(next != FILES_NEXT_END || r.entries == entries);
    if (next == FILES_NEXT_END) {
        files_judge_end(&j, r.end, r.entries, r.bytes);
        SP_ASSERT(j.malformed || files_judge_worst(&j) != FILES_FOUND_COUNT || r.end != FILES_END_WHOLE || entries == 3);
    }
    files_judge_fini(&j);
    manifest_table_free(&t);
    return 0;
}
