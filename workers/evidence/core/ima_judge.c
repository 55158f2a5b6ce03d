/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_judge.h"

#include <stdio.h>

#define DIGEST_LEAST 20u /* bytes of the shortest that a policy can list */

void ima_judge_init(struct ima_judge *j, const struct ima_judge_rules *rules, const struct ima_judge_ops *ops, uint32_t learned)
{
    *j = (struct ima_judge){.rules = rules, .ops = ops, .learned = learned, .learned_before = learned};
}

static bool begins(const struct ima_prefixes *all, struct sp_str path)
{
    for (uint32_t i = 0; i < all->n; i++) {
        if (path.n >= all->p[i].n && memcmp(path.p, all->p[i].p, all->p[i].n) == 0) {
            return true;
        }
    }
    return false;
}

static bool excluded(const struct ima_judge *j, struct sp_str path)
{
    return begins(&j->rules->trees, path) || j->ops->excluded(j->ops->ctx, path);
}

/* A signature is of the kind of digest the entry has, and by the hash of that digest. */
static enum ima_signer signer_of(const struct ima_judge *j, const struct ima_entry *e)
{
    struct ima_signature s;
    if (!ima_signature_read(e->signature, &s) || s.alg != e->file_alg || s.verity != e->verity) {
        return IMA_NOT_SIGNED;
    }
    return j->ops->signer(j->ops->ctx, &s, e->file);
}

static enum ima_class class_of(const struct ima_entry *e)
{
    return e->verity ? IMA_VERITY : IMA_FILE;
}

void ima_judge_soon(struct ima_judge *j, const struct ima_entry *entry)
{
    if (j->soon == entry->path.p) {
        ima_table_sooner(j->rules->table, j->soon_tag);
        return;
    }
    j->soon = entry->path.p;
    j->soon_tag = ima_table_soon(j->rules->table, class_of(entry), entry->path, entry->file.n);
}

static enum ima_listed find_file(const struct ima_judge *j, const struct ima_entry *e)
{
    const struct ima_table *table = j->rules->table;
    if (e->file.n < DIGEST_LEAST) {
        return IMA_ABSENT;
    }
    if (j->soon != e->path.p) {
        return ima_table_find(table, class_of(e), e->path, e->file);
    }
    const struct ima_wanted wanted = {class_of(e), e->path, e->file, j->soon_tag};
    return ima_table_find_soon(table, &wanted);
}

static enum evidence_reason judge_file(struct ima_judge *j, struct ima_tally *t, const struct ima_entry *e)
{
    bool must = begins(&j->rules->must_be_signed, e->path);
    enum ima_listed listed = must ? IMA_ABSENT : find_file(j, e);
    t->files++;
    if (listed == IMA_LISTED) {
        return EVIDENCE_OK;
    }
    enum ima_signer signer = e->signature.n > 0 ? signer_of(j, e) : IMA_NOT_SIGNED;
    if (signer == IMA_SIGNED) {
        t->by_signature++;
        return EVIDENCE_OK;
    }
    if (!must && excluded(j, e->path)) {
        t->excluded++;
        return EVIDENCE_OK;
    }
    j->lost = j->lost || (e->signature.n > 0 && j->learned_before > 0);
    if (listed == IMA_OTHER) {
        return EVIDENCE_IMA_DIGEST;
    }
    return must || (e->signature.n > 0 && signer != IMA_NO_KEYS) ? EVIDENCE_IMA_SIGNATURE : EVIDENCE_IMA_UNLISTED;
}

static bool ignored(const struct ima_judge *j, struct sp_str keyring)
{
    const struct ima_prefixes *all = &j->rules->ignored_keyrings;
    for (uint32_t i = 0; i < all->n; i++) {
        if (sp_str_is(all->p[i], "*") || sp_str_eq(all->p[i], keyring)) {
            return true;
        }
    }
    return false;
}

/* Whether memory is a key is asked last: to find out takes a decoder for certificates. */
static enum evidence_reason judge_buffer(struct ima_judge *j, struct ima_tally *t, const struct ima_entry *e)
{
    bool skip = ignored(j, e->path);
    t->buffers++;
    enum ima_listed key = e->file.n < DIGEST_LEAST ? IMA_ABSENT : ima_table_find(j->rules->table, IMA_KEYRING, e->path, e->file);
    enum ima_listed other = e->file.n < DIGEST_LEAST ? IMA_ABSENT : ima_table_find(j->rules->table, IMA_BUFFER, e->path, e->file);
    if (key == IMA_LISTED && !skip) {
        j->learned += j->ops->learn(j->ops->ctx, e->buffer);
        return EVIDENCE_OK;
    }
    if (key == IMA_LISTED || other == IMA_LISTED) {
        return EVIDENCE_OK;
    }
    bool is_key = j->ops->is_key(j->ops->ctx, e->buffer);
    if (is_key && skip) {
        return EVIDENCE_OK;
    }
    if (excluded(j, e->path)) {
        t->excluded++;
        return EVIDENCE_OK;
    }
    return is_key ? EVIDENCE_IMA_KEYRING : other == IMA_OTHER ? EVIDENCE_IMA_DIGEST : EVIDENCE_IMA_UNLISTED;
}

static void note(struct ima_offence *o, enum evidence_reason reason, uint32_t index, const struct ima_entry *e)
{
    *o = (struct ima_offence){.reason = reason, .entry = index + 1, .alg = e->file_alg};
    o->path_bytes = e->path.n < sizeof o->path ? e->path.n : (uint32_t)sizeof o->path;
    o->digest_bytes = e->file.n < sizeof o->digest ? e->file.n : (uint32_t)sizeof o->digest;
    memcpy(o->path, e->path.p, o->path_bytes);
    memcpy(o->digest, e->file.p, o->digest_bytes);
}

void ima_judge_entry(struct ima_judge *j, uint32_t index, const struct ima_entry *entry, bool pending)
{
    struct ima_tally *t = pending ? &j->pending : &j->proven;
    bool lost = j->lost;
    if (index == 0 || entry->violation || t->refused == IMA_JUDGE_REFUSED_MAX) {
        return;
    }
    enum evidence_reason reason = entry->buffer.p != NULL ? judge_buffer(j, t, entry) : judge_file(j, t, entry);
    if (reason != EVIDENCE_OK && t->refused++ == 0) {
        note(&t->first, reason, index, entry);
    }
    if (pending) {
        j->lost = lost;
    }
    j->soon = NULL;
}

size_t ima_judge_print(struct sp_str bytes, char *to, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < bytes.n; i++) {
        uint8_t c = (uint8_t)bytes.p[i];
        bool plain = c > 0x20 && c < 0x7f && c != '\\';
        if (n + (plain ? 1 : 4) >= size) {
            break;
        }
        n += plain ? 1 : 4;
        if (plain) {
            to[n - 1] = (char)c;
        } else {
            (void)snprintf(to + n - 4, 5, "\\x%02x", c);
        }
    }
    to[n] = '\0';
    return n;
}
