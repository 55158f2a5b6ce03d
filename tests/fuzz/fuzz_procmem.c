/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may send in place of a description of its processes: judged whole, or refused; what decodes is the same when it is
 * written again. With an odd first byte the rest is a list of mappings as a process with odd names for its files has one. */
#include <stdint.h>
#include <stdlib.h>

#include "procmem_maps.h"
#include "procmem_policy.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
    "{\"version\":1,\"services\":{\"a\":{\"users\":[33],\"programs\":[\"/usr/*\"],\"exceptions\":[{\"what\":\"writable\","
    "\"name\":\"*\",\"count\":2,\"bytes\":9000},{\"what\":\"text\",\"name\":\"*x*\",\"count\":1,\"bytes\":4}]},\"b\":{}}}\n"
    "--- digests\n6161616161616161616161616161616161616161616161616161616161616161  /usr/sbin/nginx\n";

static void rewrite_process(struct procmem_doc *d, const struct procmem_process *p, struct sp_buf *out)
{
    struct procmem_setting s;
    struct procmem_mapping m;
    struct procmem_place place;
    procmem_put_process(out, p);
    while (procmem_doc_setting(d, &s)) {
        procmem_put_setting(out, &s);
    }
    while (procmem_doc_mapping(d, &m)) {
        procmem_put_mapping(out, &m);
        while (procmem_doc_place(d, &place)) {
            procmem_put_place(out, &place);
        }
    }
}

/* Returns true when the document is well formed. */
static bool rewrite(struct sp_str document, struct sp_buf *out)
{
    struct procmem_doc d;
    struct procmem_service s;
    struct procmem_file f;
    struct procmem_process p;
    uint32_t files = 0;
    if (!procmem_doc_open(&d, document)) {
        return false;
    }
    procmem_put_head(out, d.services_left);
    while (procmem_doc_service(&d, &s)) {
        procmem_put_service(out, &s);
    }
    procmem_put_count(out, procmem_doc_files(&d));
    while (procmem_doc_file(&d, &f)) {
        SP_ASSERT(f.path.p >= document.p && f.path.p + f.path.n <= document.p + document.n);
        procmem_put_file(out, &f);
        files++;
    }
    SP_ASSERT(files <= PROCMEM_FILES_MAX);
    procmem_put_count(out, d.processes_left);
    while (procmem_doc_process(&d, &p)) {
        rewrite_process(&d, &p, out);
    }
    return procmem_doc_end(&d);
}

static void read_maps(struct sp_str text)
{
    struct procmem_line line;
    while (procmem_maps_next(&text, &line)) {
        SP_ASSERT(line.start < line.end && procmem_maps_kind(&line) < PROCMEM_MAP_KINDS);
        (void)procmem_maps_is_memfd(line.path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct procmem_policy_file *policy;
    char why[PROCMEM_POLICY_WHY_MAX] = "", letter;
    struct procmem_judgement j;
    struct sp_buf again;
    uint64_t start;
    if (policy == NULL) {
        policy = procmem_policy_new(sp_str_of(rules), why);
        SP_ASSERT(policy != NULL);
    }
    if (size > 0 && (data[0] & 1u) != 0 && data[0] != 'S') {
        struct sp_str text = sp_str_bytes(data + 1, size - 1);
        read_maps(text);
        (void)procmem_maps_stat(text, &letter, &start);
        (void)procmem_maps_status(text, "Uid", 1);
        return 0;
    }
    struct sp_str document = sp_str_bytes(data, size);
    procmem_judge(&policy->policy, document, &j);
    sp_buf_init(&again, PROCMEM_DOC_BYTES_MAX);
    if (rewrite(document, &again)) {
        SP_ASSERT(again.failed || sp_str_eq(sp_buf_view(&again), document));
    } else {
        SP_ASSERT(j.reason == EVIDENCE_PROCMEM_MALFORMED);
    }
    sp_buf_fini(&again);
    return 0;
}
