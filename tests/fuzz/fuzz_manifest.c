/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of plugins: refused with a reason, or within every limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec_proto.h"
#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct manifest m;
    struct sp_err err;
    sp_err_clear(&err);
    if (manifest_parse("fuzz", sp_str_bytes(data, size), &m, &err) != SP_OK) {
        require(err.text[0] != '\0');
        return 0;
    }
    require(m.interface == MANIFEST_INTERFACE && m.max_output >= 1 && m.max_output <= EXEC_OUTPUT_MAX);
    require(m.arguments_count <= MANIFEST_ARGUMENTS_MAX && sp_str_is_name(sp_str_of(m.name), MANIFEST_NAME_BYTES - 1));
    require(memchr(m.plugin, '\0', sizeof m.plugin) != NULL);
    for (uint32_t i = 0; i < m.arguments_count; i++)
        require(memchr(m.arguments[i], '\0', sizeof m.arguments[i]) != NULL);
    return 0;
}
