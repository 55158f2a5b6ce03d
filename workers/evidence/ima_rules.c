/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ima_rules_parts.h"
#include "sp_hex.h"
#include "sp_random.h"

#define KEYRING_MARK "%keyring:"

void ima_reader_wrong(struct ima_reader *r, const char *format, ...)
{
    if (r->failed) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->why, IMA_RULES_WHY_BYTES, format, args);
    va_end(args);
    r->failed = true;
}

/* A name as it can be shown. */
static const char *shown(struct sp_str name, char to[96])
{
    (void)ima_judge_print(name, to, 96);
    return to;
}

/* "verity:" makes it the digest of an fs-verity structure; a hash that is named must fit the length. */
void ima_reader_digest(struct ima_reader *r, enum ima_class class, struct sp_str name, struct sp_str text)
{
    static const char verity[] = "verity:";
    uint8_t bytes[TPM_DIGEST_MAX];
    char at[96];
    uint16_t alg = TPM_ALG_NONE;
    if (class == IMA_FILE && text.n > sizeof verity - 1 && memcmp(text.p, verity, sizeof verity - 1) == 0) {
        class = IMA_VERITY;
        text = (struct sp_str){text.p + sizeof verity - 1, text.n - (uint32_t)(sizeof verity - 1)};
    }
    const char *colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
    if (colon != NULL) {
        struct sp_str hash = sp_str_bytes(text.p, (size_t)(colon - text.p));
        static const uint16_t known[] = {TPM_ALG_SHA256, TPM_ALG_SHA1, TPM_ALG_SHA384, TPM_ALG_SHA512};
        for (size_t i = 0; i < SP_COUNT(known); i++) {
            alg = sp_str_is(hash, tpm_alg_name(known[i])) ? known[i] : alg;
        }
        text = sp_str_bytes(colon + 1, text.n - hash.n - 1);
    }
    uint32_t n = text.n / 2;
    bool size = n == 20 || n == 32 || n == 48 || n == 64;
    bool fits = colon == NULL ? size : alg != TPM_ALG_NONE && n == tpm_alg_bytes(alg);
    if (name.n == 0 || name.n > IMA_PATH_BYTES_MAX || memchr(name.p, '\0', name.n) != NULL) {
        ima_reader_wrong(r, "a name is empty, longer than %u bytes or has a zero in it", IMA_PATH_BYTES_MAX);
    } else if (!fits || !sp_hex_parse(text, bytes, n)) {
        ima_reader_wrong(r, "%s: digest is not that of SHA-1, SHA-256, SHA-384 or SHA-512 in hexadecimal digits", shown(name, at));
    } else if (!ima_table_add(r->rules->table, class, name, sp_str_bytes(bytes, n))) {
        ima_reader_wrong(r, "%s: memory is out, or there are more than %u digests", shown(name, at), IMA_TABLE_ROWS_MAX);
    }
}

void ima_reader_prefix(struct ima_reader *r, struct ima_prefixes *to, struct sp_str text)
{
    char at[96];
    if (text.n == 0 || text.n > IMA_PATH_BYTES_MAX) {
        ima_reader_wrong(r, "%s: empty or too long", shown(text, at));
        return;
    }
    struct sp_str *more = to->n < IMA_PREFIXES_MAX ? realloc(to->p, (to->n + 1) * sizeof *more) : NULL;
    char *copy = more != NULL ? malloc(text.n) : NULL;
    if (more != NULL) {
        to->p = more;
    }
    if (copy == NULL) {
        ima_reader_wrong(r, "%s: memory is out, or there are more than %u", shown(text, at), IMA_PREFIXES_MAX);
        return;
    }
    memcpy(copy, text.p, text.n);
    to->p[to->n++] = sp_str_bytes(copy, text.n);
}

/* ---- lists of digests ------------------------------------------------------------------------------------------ */

/* "digest  path" or "digest *path", as sha256sum prints it; "%keyring:NAME" in place of a path lists a key. */
static void read_line(struct ima_reader *r, struct sp_str line, uint32_t number)
{
    const char *space = memchr(line.p, ' ', line.n);
    struct sp_str digest = sp_str_bytes(line.p, space != NULL ? (size_t)(space - line.p) : line.n);
    struct sp_str path = sp_str_bytes(line.p + digest.n, line.n - digest.n);
    static const struct sp_str mark = {KEYRING_MARK, sizeof KEYRING_MARK - 1};
    enum ima_class class = IMA_FILE;
    for (int skip = 0; skip < 2 && path.n > 0 && (path.p[0] == ' ' || (skip == 1 && path.p[0] == '*')); skip++) {
        path = sp_str_bytes(path.p + 1, path.n - 1);
    }
    if (path.n > mark.n && memcmp(path.p, mark.p, mark.n) == 0) {
        class = IMA_KEYRING;
        path = sp_str_bytes(path.p + mark.n, path.n - mark.n);
    }
    ima_reader_digest(r, class, path, digest);
    if (r->failed) {
        char before[IMA_RULES_WHY_BYTES];
        (void)sp_str_copy(before, sizeof before, sp_str_of(r->why));
        (void)snprintf(r->why, IMA_RULES_WHY_BYTES, "line %u: %.*s", number, (int)sizeof before - 24, before);
    }
}

static void read_list(struct ima_reader *r, struct sp_str text)
{
    uint32_t number = 0;
    while (text.n > 0 && !r->failed) {
        const char *end = memchr(text.p, '\n', text.n);
        struct sp_str line = sp_str_bytes(text.p, end != NULL ? (size_t)(end - text.p) : text.n);
        uint32_t used = line.n + (end != NULL);
        text = sp_str_bytes(text.p + used, text.n - used);
        number++;
        if (line.n > 0 && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        if (line.n > 0 && line.p[0] != '#') {
            read_line(r, line, number);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void prefixes_free(struct ima_prefixes *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        free((void *)(uintptr_t)all->p[i].p);
    }
    free(all->p);
}

void ima_rules_destroy(struct ima_rules **r)
{
    if (*r != NULL) {
        ima_table_destroy(&(*r)->table);
        ima_exclude_destroy(&(*r)->excludes);
        ima_keyring_destroy(&(*r)->keys);
        prefixes_free(&(*r)->judge.must_be_signed);
        prefixes_free(&(*r)->judge.trees);
        prefixes_free(&(*r)->judge.ignored_keyrings);
        free(*r);
        *r = NULL;
    }
}

static struct ima_rules *empty(struct evidence_crypto *c)
{
    uint8_t key[16];
    struct ima_rules *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    sp_random_bytes(key, sizeof key);
    r->table = ima_table_new(key);
    r->excludes = ima_exclude_new();
    r->keys = ima_keyring_new(c);
    r->options.digest_bytes = 20;
    r->judge.table = r->table;
    if (r->table == NULL || r->excludes == NULL || r->keys == NULL) {
        ima_rules_destroy(&r);
    }
    return r;
}

/* A policy that lets everything pass, or nothing, is a mistake. */
static void check_whole(struct ima_reader *r)
{
    struct ima_rules *rules = r->rules;
    if (!ima_table_seal(rules->table)) {
        ima_reader_wrong(r, "memory is out");
    } else if (ima_exclude_everything(rules->excludes)) {
        ima_reader_wrong(r, "its excludes cover every path, so nothing would be checked");
    } else if (ima_table_digests(rules->table) == 0 && ima_keyring_count(rules->keys) == 0) {
        ima_reader_wrong(r, "it has neither digests nor keys, so no node could pass");
    }
}

bool ima_rules_new(struct evidence_crypto *c, struct sp_str text, struct ima_rules **out, char why[IMA_RULES_WHY_BYTES])
{
    struct ima_reader r = {empty(c), why, false, false};
    uint32_t blank = 0;
    why[0] = '\0';
    if (r.rules == NULL) {
        ima_reader_wrong(&r, "memory is out");
        return false;
    }
    while (blank < text.n && memchr(" \t\r\n", text.p[blank], 4) != NULL) {
        blank++;
    }
    if (text.n > IMA_POLICY_BYTES_MAX) {
        ima_reader_wrong(&r, "it is larger than %u MiB", IMA_POLICY_BYTES_MAX >> 20);
    } else if (blank < text.n && text.p[blank] == '{') {
        ima_rules_read_json(&r, text);
    } else {
        read_list(&r, text);
    }
    if (!r.failed) {
        check_whole(&r);
    }
    if (r.failed) {
        ima_rules_destroy(&r.rules);
        return false;
    }
    *out = r.rules;
    return true;
}
