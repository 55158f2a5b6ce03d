/* SPDX-License-Identifier: Apache-2.0 */
/* What an attester may send in place of a document of named parts: views stay inside, and what was read is written the same again. */
#include <stdint.h>

#include "sections.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[1u << 16];
    struct sections s;
    struct sections_writer w;
    if (!sections_read(sp_str_bytes(data, size), &s)) {
        SP_ASSERT(s.count == 0);
        return 0;
    }
    sections_begin(&w, again, sizeof again);
    for (uint32_t i = 0; i < s.count; i++) {
        const uint8_t *p = (const uint8_t *)s.list[i].bytes.p;
        char name[SECTIONS_NAME_MAX + 1];
        SP_ASSERT(p >= data && p + s.list[i].bytes.n <= data + size);
        SP_ASSERT(sp_str_copy(name, sizeof name, s.list[i].name));
        sections_add(&w, name, s.list[i].bytes);
    }
    SP_ASSERT(w.bad ? size > sizeof again : w.n == size && (size == 0 || memcmp(again, data, size) == 0));
    return 0;
}
