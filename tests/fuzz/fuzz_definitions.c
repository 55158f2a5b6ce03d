/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions from any bytes: refused with a place, or taken; what is taken prints as a text that means the same. */
#include <stdlib.h>

#include "ctl_def.h"
#include "ctl_policy.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void prints_back(const struct ctl_defs *defs)
{
    struct ctl_defs again = {0};
    struct sp_err err = {0};
    struct sp_buf b;
    sp_buf_init(&b, 1u << 22);
    for (size_t i = 0; i < defs->count; i++)
        ctl_def_print(defs->items[i].kind, defs->items[i].want, &b);
    if (!b.failed) {
        SP_ASSERT(ctl_def_parse("printed", sp_buf_view(&b), &again, &err) == SP_OK);
        SP_ASSERT(again.count == defs->count);
        for (size_t i = 0; i < defs->count; i++)
            SP_ASSERT(json_equal(again.items[i].want, defs->items[i].want));
    }
    ctl_def_clear(&again);
    sp_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ctl_defs defs = {0};
    struct ctl_policy_world world = {0};
    struct sp_err err = {0};
    if (ctl_def_parse("input", sp_str_bytes(data, size), &defs, &err) == SP_OK) {
        enum sp_rc rc = ctl_policy_check(&defs, &world, &err);
        SP_ASSERT(rc == SP_OK || err.text[0] != '\0');
        prints_back(&defs);
    } else {
        SP_ASSERT(defs.count == 0 && err.text[0] != '\0' && err.where[0] != '\0');
    }
    ctl_def_clear(&defs);
    return 0;
}
