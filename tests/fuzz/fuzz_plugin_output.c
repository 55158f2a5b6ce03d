/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin prints, once and as a resident one: whatever it is, the result is one clean line and measures that read back the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec_output.h"
#include "exec_resident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void require_clean(const char *text)
{
    require(sp_str_is_utf8(sp_str_of(text)));
    for (; *text != '\0'; text++)
        require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exec_output out, again;
    static char line[SP_ADAPTER_MEASURES_MAX + 8];
    exec_output_read((const char *)data, size, &out);
    require_clean(out.detail);
    require_clean(out.measures);
    require(out.measures_count <= EXEC_OUTPUT_MEASURES_MAX);
    /* Canonical measures are their own canonical form. */
    line[0] = 'x';
    line[1] = '|';
    memcpy(line + 2, out.measures, strlen(out.measures));
    exec_output_read(line, 2 + strlen(out.measures), &again);
    require(strcmp(out.measures, again.measures) == 0 && again.measures_count == out.measures_count && again.measures_bad == 0);
    uint64_t id;
    int code;
    struct sp_str text;
    if (size <= EXEC_RESIDENT_LINE_MAX && exec_resident_parse(sp_str_bytes(data, size), &id, &code, &text)) {
        require(code >= 0 && code <= 255);
        require(text.n <= size);
    }
    return 0;
}
