/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_pcr.h"

#include <stdio.h>

#include "octets.h"
#include "sp_assert.h"

/* Banks that policies may name. The others have digests that nothing here can compute. */
static const uint16_t banks[] = {TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512, TPM_ALG_SHA1};

static uint16_t bank_named(struct sp_str name)
{
    for (size_t i = 0; i < SP_COUNT(banks); i++) {
        if (sp_str_is(name, tpm_alg_name(banks[i]))) {
            return banks[i];
        }
    }
    return TPM_ALG_NONE;
}

/* "3" or "0-7" */
static bool read_range(struct sp_str text, uint32_t *pcrs)
{
    struct sp_str low, rest = text;
    uint64_t from = 0, to = 0;
    if (!sp_str_next(&rest, '-', &low) || !sp_str_u64(low, TPM_PCRS - 1, &from)) {
        return false;
    }
    bool single = low.n == text.n;
    if (single) {
        to = from;
    } else if (!sp_str_u64(rest, TPM_PCRS - 1, &to) || to <= from) {
        return false;
    }
    for (uint64_t i = from; i <= to; i++) {
        if ((*pcrs >> i & 1u) != 0) {
            return false;
        }
        *pcrs |= 1u << i;
    }
    return true;
}

static bool read_bank(struct sp_str text, struct tpm_bank *out)
{
    struct sp_str name, range, rest = text;
    out->pcrs = 0;
    if (!sp_str_next(&rest, ':', &name)) {
        return false;
    }
    out->alg = bank_named(name);
    if (out->alg == TPM_ALG_NONE || rest.n == 0 || rest.p[rest.n - 1] == ',') {
        return false;
    }
    while (sp_str_next(&rest, ',', &range)) {
        if (!read_range(range, &out->pcrs)) {
            return false;
        }
    }
    return out->pcrs != 0;
}

bool tpm_selection_read(struct sp_str text, struct tpm_selection *out)
{
    struct tpm_selection s = {0};
    struct sp_str one, rest = text;
    if (text.n == 0 || text.p[text.n - 1] == '+') {
        return false;
    }
    while (sp_str_next(&rest, '+', &one)) {
        struct tpm_bank bank;
        if (s.banks == TPM_BANKS_MAX || !read_bank(one, &bank) || tpm_selection_bank(&s, bank.alg) < TPM_BANKS_MAX) {
            return false;
        }
        s.bank[s.banks++] = bank;
    }
    *out = s;
    return s.banks > 0;
}

void tpm_selection_text(const struct tpm_selection *s, char out[TPM_SELECTION_TEXT_MAX])
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t b = 0; b < s->banks; b++) {
        const char *name = tpm_alg_name(s->bank[b].alg);
        const char *separator = ":";
        n += (size_t)snprintf(out + n, TPM_SELECTION_TEXT_MAX - n, "%s%s", b > 0 ? "+" : "", name != NULL ? name : "unknown");
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            uint32_t last = i;
            if ((s->bank[b].pcrs >> i & 1u) == 0) {
                continue;
            }
            while (last + 1 < TPM_PCRS && (s->bank[b].pcrs >> (last + 1) & 1u) != 0) {
                last++;
            }
            n += last == i ? (size_t)snprintf(out + n, TPM_SELECTION_TEXT_MAX - n, "%s%u", separator, i)
                           : (size_t)snprintf(out + n, TPM_SELECTION_TEXT_MAX - n, "%s%u-%u", separator, i, last);
            separator = ",";
            i = last;
        }
        SP_ASSERT(n < TPM_SELECTION_TEXT_MAX);
    }
}

bool tpm_selection_eq(const struct tpm_selection *a, const struct tpm_selection *b)
{
    bool same = a->banks == b->banks;
    for (uint32_t i = 0; same && i < a->banks; i++) {
        same = a->bank[i].alg == b->bank[i].alg && a->bank[i].pcrs == b->bank[i].pcrs;
    }
    return same;
}

uint32_t tpm_selection_bank(const struct tpm_selection *s, uint16_t alg)
{
    for (uint32_t i = 0; i < s->banks; i++) {
        if (s->bank[i].alg == alg) {
            return i;
        }
    }
    return TPM_BANKS_MAX;
}

enum evidence_reason tpm_pcrs_read(struct sp_str bytes, const struct tpm_selection *want, struct tpm_pcrs *out)
{
    struct octets o = octets_of(bytes);
    out->selection = *want;
    for (uint32_t b = 0; b < want->banks; b++) {
        uint32_t size = tpm_alg_bytes(want->bank[b].alg);
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            if ((want->bank[b].pcrs >> i & 1u) == 0) {
                continue;
            }
            bool head = octets_be(&o, 2) == want->bank[b].alg && octets_be(&o, 1) == i && octets_be(&o, 1) == size;
            const uint8_t *value = octets_take(&o, size);
            if (!head || value == NULL) {
                return EVIDENCE_PCRS_MALFORMED;
            }
            memcpy(out->value[b][i], value, size);
        }
    }
    return octets_end(&o) ? EVIDENCE_OK : EVIDENCE_PCRS_MALFORMED;
}

uint32_t tpm_pcrs_write(const struct tpm_pcrs *pcrs, uint8_t *to)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        const struct tpm_bank *bank = &pcrs->selection.bank[b];
        uint32_t size = tpm_alg_bytes(bank->alg);
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            if ((bank->pcrs >> i & 1u) != 0) {
                to[n++] = (uint8_t)(bank->alg >> 8);
                to[n++] = (uint8_t)bank->alg;
                to[n++] = (uint8_t)i;
                to[n++] = (uint8_t)size;
                memcpy(to + n, pcrs->value[b][i], size);
                n += size;
            }
        }
    }
    return n;
}

void tpm_pcrs_digest(const struct tpm_pcrs *pcrs, const struct evidence_ops *ops, uint8_t out[TPM_DIGEST_MAX])
{
    uint8_t all[TPM_BANKS_MAX * TPM_PCRS * TPM_DIGEST_MAX];
    size_t n = 0;
    for (uint32_t b = 0; b < pcrs->selection.banks; b++) {
        uint32_t size = tpm_alg_bytes(pcrs->selection.bank[b].alg);
        for (uint32_t i = 0; i < TPM_PCRS; i++) {
            if ((pcrs->selection.bank[b].pcrs >> i & 1u) != 0) {
                memcpy(all + n, pcrs->value[b][i], size);
                n += size;
            }
        }
    }
    bool done = ops->digest(ops->ctx, TPM_ALG_SHA256, all, n, out);
    SP_ASSERT(done);
}
