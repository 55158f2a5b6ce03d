/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_bed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#define FILE_BYTES_MAX (2u << 20)

void evidence_bed_init(struct evidence_bed *bed)
{
    SP_ASSERT(sp_crypto_init() == SP_OK);
    SP_ASSERT(evidence_crypto_new(&bed->crypto) == SP_OK);
    bed->ops = evidence_crypto_ops(bed->crypto);
}

void evidence_bed_fini(struct evidence_bed *bed)
{
    evidence_crypto_destroy(&bed->crypto);
    sp_crypto_fini();
}

struct sp_str evidence_bed_file(const char *folder, const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/%s/%s", SPICE_SOURCE_DIR, folder, name);
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(FILE_BYTES_MAX);
    if (f == NULL || p == NULL) {
        (void)fprintf(stderr, "%s cannot be read\n", path);
        abort();
    }
    size_t n = fread(p, 1, FILE_BYTES_MAX, f);
    (void)fclose(f);
    uint8_t *fit = realloc(p, n > 0 ? n : 1); /* so that a sanitizer sees a read past the end */
    return sp_str_bytes(fit != NULL ? fit : p, n);
}

static const char *member(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    SP_ASSERT(text != NULL);
    return text;
}

/* Qualified name of a key below an endorsement key, or of a primary key of the owner's. */
static void name_signer(const struct evidence_bed *bed, const char *parent, struct evidence_case *one)
{
    struct tpm_public key;
    struct tpm_name name, above;
    SP_ASSERT(tpm_wire_public(one->ak_public, &key) == EVIDENCE_OK && tpm_name_of(&key, &bed->ops, &name));
    if (strcmp(parent, "owner") == 0) {
        SP_ASSERT(tpm_name_primary(TPM_HANDLE_OWNER, &name, &bed->ops, &one->signer));
        return;
    }
    struct tpm_name ek;
    struct sp_str bytes = evidence_bed_file("tpm", parent);
    SP_ASSERT(tpm_wire_public(bytes, &key) == EVIDENCE_OK && tpm_name_of(&key, &bed->ops, &ek));
    SP_ASSERT(tpm_name_primary(TPM_HANDLE_ENDORSEMENT, &ek, &bed->ops, &above) &&
              tpm_name_child(&above, &name, &bed->ops, &one->signer));
    free((void *)(uintptr_t)bytes.p);
}

static void read_case(const struct evidence_bed *bed, const json_t *row, struct evidence_case *one)
{
    const json_t *log = json_object_get(row, "log");
    (void)snprintf(one->id, sizeof one->id, "%s", member(row, "id"));
    (void)snprintf(one->reason, sizeof one->reason, "%s", member(row, "reason"));
    one->ak_public = evidence_bed_file("tpm", member(row, "ak"));
    one->attest = evidence_bed_file("tpm", member(row, "attest"));
    one->signature = evidence_bed_file("tpm", member(row, "sig"));
    one->pcrs = evidence_bed_file("tpm", member(row, "pcrs"));
    if (log != NULL) {
        (void)snprintf(one->log_name, sizeof one->log_name, "%s", json_string_value(log));
        one->log = evidence_bed_file("tpm", one->log_name);
    }
    if (json_object_get(row, "list") != NULL) {
        one->list = evidence_bed_file("tpm", member(row, "list"));
        (void)snprintf(one->options, sizeof one->options, "%s", member(row, "options"));
        one->proven = (uint32_t)json_integer_value(json_object_get(row, "proven"));
        one->pending = (uint32_t)json_integer_value(json_object_get(row, "pending"));
        one->violations = (uint32_t)json_integer_value(json_object_get(row, "violations"));
    }
    SP_ASSERT(sp_hex_parse(sp_str_of(member(row, "nonce")), one->nonce, sizeof one->nonce));
    SP_ASSERT(tpm_selection_read(sp_str_of(member(row, "selection")), &one->selection));
    name_signer(bed, member(row, "parent"), one);
    one->key_reason = evidence_key_new(bed->crypto, one->ak_public, &one->key, &one->ak);
}

size_t evidence_cases_new(const struct evidence_bed *bed, const char *name, struct evidence_case **out)
{
    json_error_t error;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/tests/vectors/tpm/%s", SPICE_SOURCE_DIR, name);
    json_t *rows = json_load_file(path, 0, &error);
    size_t count = json_array_size(rows);
    struct evidence_case *cases = calloc(count, sizeof *cases);
    SP_ASSERT(count > 0 && cases != NULL);
    for (size_t i = 0; i < count; i++) {
        read_case(bed, json_array_get(rows, i), &cases[i]);
    }
    json_decref(rows);
    *out = cases;
    return count;
}

void evidence_cases_destroy(struct evidence_case **cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct evidence_case *one = &(*cases)[i];
        const char *parts[] = {one->ak_public.p, one->attest.p, one->signature.p, one->pcrs.p, one->log.p, one->list.p};
        for (size_t k = 0; k < SP_COUNT(parts); k++) {
            free((void *)(uintptr_t)parts[k]);
        }
        evidence_key_destroy(&one->key);
    }
    free(*cases);
    *cases = NULL;
}

const struct evidence_case *evidence_case_find(const struct evidence_case *cases, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(cases[i].id, id) == 0) {
            return &cases[i];
        }
    }
    (void)fprintf(stderr, "no case %s\n", id);
    abort();
}

void evidence_case_pair(const struct evidence_case *one, struct quote_question *question, struct quote_answer *answer)
{
    *question = (struct quote_question){.ak = &one->ak,
                                        .key = one->key,
                                        .signer = sp_str_bytes(one->signer.b, one->signer.n),
                                        .nonce = sp_str_bytes(one->nonce, sizeof one->nonce),
                                        .selection = &one->selection};
    *answer = (struct quote_answer){one->attest, one->signature, one->pcrs};
}
