/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_log.h"

#include "sp_assert.h"

#define SHA1_BYTES 20u

/* What a field of an entry is. */
enum kind {
    KIND_UNKNOWN,
    KIND_DIGEST,
    KIND_DIGEST2, /* of version 2 */
    KIND_PATH,
    KIND_SIGNATURE,
    KIND_BUFFER,
    KIND_PLAIN, /* taken as it is */
};

static const struct {
    const char *name;
    enum kind kind;
} fields[] = {{"d-ng", KIND_DIGEST},      {"n-ng", KIND_PATH},          {"sig", KIND_SIGNATURE},     {"buf", KIND_BUFFER},
              {"d-ngv2", KIND_DIGEST2},   {"d-modsig", KIND_PLAIN},     {"modsig", KIND_PLAIN},      {"evmsig", KIND_PLAIN},
              {"xattrnames", KIND_PLAIN}, {"xattrlengths", KIND_PLAIN}, {"xattrvalues", KIND_PLAIN}, {"iuid", KIND_PLAIN},
              {"igid", KIND_PLAIN},       {"imode", KIND_PLAIN}};

/* Templates by name; a kernel with a format of its own uses the format as the name. */
static const struct template
{
    struct sp_str name;
    uint32_t fields;
    uint8_t kind[IMA_FIELDS_MAX];
}
templates[] = {
#define NAME(text)                                                                                                                 \
    {                                                                                                                              \
        text, sizeof text - 1                                                                                                      \
    }
    {NAME("ima-ng"), 2, {KIND_DIGEST, KIND_PATH}},
    {NAME("ima-sig"), 3, {KIND_DIGEST, KIND_PATH, KIND_SIGNATURE}},
    {NAME("ima-ngv2"), 2, {KIND_DIGEST2, KIND_PATH}},
    {NAME("ima-sigv2"), 3, {KIND_DIGEST2, KIND_PATH, KIND_SIGNATURE}},
    {NAME("ima-buf"), 3, {KIND_DIGEST, KIND_PATH, KIND_BUFFER}},
    {NAME("ima-modsig"), 5, {KIND_DIGEST, KIND_PATH, KIND_SIGNATURE, KIND_PLAIN, KIND_PLAIN}},
    {NAME("evm-sig"),
     9,
     {KIND_DIGEST, KIND_PATH, KIND_PLAIN, KIND_PLAIN, KIND_PLAIN, KIND_PLAIN, KIND_PLAIN, KIND_PLAIN, KIND_PLAIN}},
#undef NAME
};

static const struct {
    const char *name;
    uint16_t alg;
    uint8_t bytes;
} hashes[] = {{"sha256", TPM_ALG_SHA256, 32}, {"sha1", TPM_ALG_SHA1, 20}, {"sha512", TPM_ALG_SHA512, 64},
              {"sha384", TPM_ALG_SHA384, 48}, {"md5", TPM_ALG_NONE, 16},  {"sha224", TPM_ALG_NONE, 28},
              {"sm3", TPM_ALG_SM3, 32}};

void ima_log_open(struct ima_log *log, struct sp_str bytes, uint32_t digest_bytes)
{
    SP_ASSERT(digest_bytes == SHA1_BYTES || digest_bytes == 32);
    *log = (struct ima_log){.rest = octets_of(bytes), .digest_bytes = digest_bytes};
}

size_t ima_log_left(const struct ima_log *log)
{
    return log->rest.n;
}

static enum kind kind_of(struct sp_str name)
{
    for (size_t i = 0; i < SP_COUNT(fields); i++) {
        if (sp_str_is(name, fields[i].name)) {
            return fields[i].kind;
        }
    }
    return KIND_UNKNOWN;
}

/* Lends the template of a name, *own filled when the name is a format. NULL: nobody knows it. */
static const struct template *template_of(struct sp_str name, struct template *own)
{
    struct sp_str kind;
    for (size_t i = 0; i < SP_COUNT(templates); i++) {
        if (sp_str_eq(name, templates[i].name)) {
            return &templates[i];
        }
    }
    if (name.n == 0 || memchr(name.p, '|', name.n) == NULL) {
        return NULL;
    }
    own->fields = 0;
    while (sp_str_next(&name, '|', &kind)) {
        if (own->fields == IMA_FIELDS_MAX || kind_of(kind) == KIND_UNKNOWN) {
            return NULL;
        }
        own->kind[own->fields++] = (uint8_t)kind_of(kind);
    }
    return own;
}

/* "sha256:", a zero, the digest; version 2 with "ima:" or "verity:" before it. */
static bool read_digest(struct sp_str field, bool version2, struct ima_entry *out)
{
    if (version2) {
        out->verity = field.n > 7 && memcmp(field.p, "verity:", 7) == 0;
        uint32_t skip = out->verity ? 7 : 4;
        if (!out->verity && (field.n <= 4 || memcmp(field.p, "ima:", 4) != 0)) {
            return false;
        }
        field.p += skip;
        field.n -= skip;
    }
    const char *end = field.n > 0 ? memchr(field.p, '\0', field.n) : NULL;
    if (end == NULL || end == field.p || end[-1] != ':') {
        return false;
    }
    struct sp_str name = sp_str_bytes(field.p, (size_t)(end - field.p - 1));
    out->file = sp_str_bytes(end + 1, field.n - (size_t)(end + 1 - field.p));
    for (size_t i = 0; i < SP_COUNT(hashes); i++) {
        if (sp_str_is(name, hashes[i].name)) {
            out->file_alg = hashes[i].alg;
            return out->file.n == hashes[i].bytes;
        }
    }
    return false;
}

/* A path with its zero at the end and nowhere else. */
static bool read_path(struct sp_str field, struct ima_entry *out)
{
    if (field.n < 2 || field.n > IMA_PATH_BYTES_MAX || memchr(field.p, '\0', field.n) != field.p + field.n - 1) {
        return false;
    }
    out->path = sp_str_bytes(field.p, field.n - 1);
    return true;
}

/* False: not such a field, or there was one already. */
static bool take_field(enum kind kind, struct sp_str field, struct ima_entry *out)
{
    switch (kind) {
    case KIND_DIGEST:
    case KIND_DIGEST2:
        return out->file.p == NULL && read_digest(field, kind == KIND_DIGEST2, out);
    case KIND_PATH:
        return out->path.p == NULL && read_path(field, out);
    case KIND_SIGNATURE:
        out->signature = field;
        return field.n <= IMA_SIGNATURE_MAX;
    case KIND_BUFFER:
        out->buffer = field;
        return true;
    case KIND_PLAIN:
        return true;
    case KIND_UNKNOWN:
        break;
    }
    return false;
}

static enum evidence_reason read_fields(const struct template *t, struct ima_entry *out)
{
    struct octets o = octets_of(out->data);
    for (uint32_t i = 0; i < t->fields; i++) {
        struct sp_str field = octets_view(&o, (size_t)octets_le(&o, 4));
        if (o.bad || !take_field((enum kind)t->kind[i], field, out)) {
            return EVIDENCE_IMA_MALFORMED;
        }
    }
    return octets_end(&o) && out->file.p != NULL && out->path.p != NULL ? EVIDENCE_OK : EVIDENCE_IMA_MALFORMED;
}

/* The oldest template: SHA-1 digest, length, name; no length of the whole. */
static enum evidence_reason read_old(struct octets *o, struct ima_entry *out)
{
    struct octets whole = *o;
    out->old = true;
    out->file_alg = TPM_ALG_SHA1;
    out->file = octets_view(o, SHA1_BYTES);
    size_t n = (size_t)octets_le(o, 4);
    out->path = n > 0 && n < IMA_OLD_NAME_BYTES ? octets_view(o, n) : (struct sp_str){NULL, 0};
    if (out->path.p == NULL || memchr(out->path.p, '\0', n) != NULL) {
        o->bad = true;
    }
    out->data = octets_view(&whole, SHA1_BYTES + 4 + n);
    return octets_end(o) ? EVIDENCE_OK : EVIDENCE_IMA_MALFORMED;
}

enum extent { WHOLE, BEGUN, WRONG };

/* How far the next record goes: only its lengths are looked at, and each against its limit before it is waited for. */
static enum extent measure(const struct ima_log *log, size_t *bytes)
{
    struct octets o = log->rest;
    (void)octets_take(&o, 4 + log->digest_bytes);
    size_t name_bytes = (size_t)octets_le(&o, 4);
    if (!o.bad && (name_bytes == 0 || name_bytes > IMA_TEMPLATE_MAX)) {
        return WRONG;
    }
    bool old = sp_str_is(octets_view(&o, name_bytes), "ima");
    if (old) {
        (void)octets_take(&o, SHA1_BYTES);
    }
    size_t data_bytes = (size_t)octets_le(&o, 4);
    if (!o.bad && data_bytes > (old ? IMA_OLD_NAME_BYTES - 1 : IMA_DATA_BYTES_MAX)) {
        return WRONG;
    }
    (void)octets_take(&o, data_bytes);
    *bytes = log->rest.n - o.n;
    return o.bad ? BEGUN : WHOLE;
}

static enum evidence_reason read_entry(struct octets o, uint32_t digest_bytes, struct ima_entry *out)
{
    static const uint8_t zero[32];
    out->record = sp_str_bytes(o.p, o.n);
    uint64_t pcr = octets_le(&o, 4);
    out->digest = octets_take(&o, digest_bytes);
    struct sp_str name = octets_view(&o, (size_t)octets_le(&o, 4));
    if (o.bad) {
        return EVIDENCE_IMA_MALFORMED;
    }
    if (pcr != IMA_PCR) {
        return EVIDENCE_IMA_INDEX;
    }
    out->violation = memcmp(out->digest, zero, digest_bytes) == 0;
    if (sp_str_is(name, "ima")) {
        return read_old(&o, out);
    }
    struct template own;
    const struct template *t = template_of(name, &own);
    out->data = octets_view(&o, (size_t)octets_le(&o, 4));
    return !octets_end(&o) ? EVIDENCE_IMA_MALFORMED : t == NULL ? EVIDENCE_IMA_TEMPLATE : read_fields(t, out);
}

bool ima_log_next(struct ima_log *log, struct ima_entry *entry, enum evidence_reason *reason)
{
    size_t bytes = 0;
    *entry = (struct ima_entry){0};
    *reason = log->rest.bad ? EVIDENCE_IMA_MALFORMED : EVIDENCE_OK;
    if (log->rest.bad || log->rest.n == 0) {
        return false;
    }
    enum extent extent = measure(log, &bytes);
    if (extent == BEGUN) {
        return false;
    }
    struct octets record = {log->rest.p, bytes, false};
    *reason = extent == WHOLE ? read_entry(record, log->digest_bytes, entry) : EVIDENCE_IMA_MALFORMED;
    if (*reason != EVIDENCE_OK) {
        log->rest.bad = true;
        *entry = (struct ima_entry){0};
        return false;
    }
    (void)octets_take(&log->rest, bytes);
    log->entries++;
    return true;
}
