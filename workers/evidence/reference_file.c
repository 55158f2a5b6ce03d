/* SPDX-License-Identifier: Apache-2.0 */
#include "reference_file.h"

#include <stdlib.h>

#include "boot_replay.h"
#include "sp_bind.h"
#include "sp_hex.h"

#define VERSION      1u
#define FIRMWARE_HEX 17u
#define PCRS_TEXT    64u

enum { JUDGE_REQUIRED, JUDGE_IGNORED };

struct profile {
    char name[REFERENCE_NAME_BYTES];
    uint64_t from, until;
    char firmware[FIRMWARE_HEX];
    const struct sp_yaml_node *pcrs;
};

struct boot {
    uint32_t judge;
    char pcrs[PCRS_TEXT];
    bool separators;
};

struct text {
    uint32_t version;
    char quote[TPM_SELECTION_TEXT_MAX];
    struct boot boot;
    uint32_t profiles;
    struct profile profile[REFERENCE_PROFILES_MAX];
};

static const char *const judge_words[] = {"required", "ignored", NULL};

static const struct sp_bind_key boot_keys[] = {
    {"judge", SP_BIND_ENUM, false, SP_BIND_AT(boot, judge), .words = judge_words, .def = "required",
     .help = "required: the boot log must lead to the quoted values; ignored: it is not asked for"},
    {"pcrs", SP_BIND_TEXT, false, SP_BIND_AT(boot, pcrs), .def = "0-7",
     .help = "PCRs that must follow from the boot log, of 0 to 15"},
    {"separators", SP_BIND_BOOL, false, SP_BIND_AT(boot, separators), .def = "true",
     .help = "firmware must have ended its part of PCR 0 to 7 with one good separator each"},
};
static const struct sp_bind_table boot_table = {"boot_log", boot_keys, SP_COUNT(boot_keys), sizeof(struct boot)};

static const struct sp_bind_key profile_keys[] = {
    {"name", SP_BIND_NAME, true, SP_BIND_AT(profile, name), .help = "what results call this state of a machine"},
    {"from", SP_BIND_TIME, false, SP_BIND_AT(profile, from), .help = "in force from then on; none: always"},
    {"until", SP_BIND_TIME, false, SP_BIND_AT(profile, until), .help = "in force before then; none: no end"},
    {"firmware", SP_BIND_TEXT, false, SP_BIND_AT(profile, firmware),
     .help = "version of the TPM's firmware, 16 hexadecimal digits"},
    {"pcrs", SP_BIND_ANY, true, SP_BIND_AT(profile, pcrs), .help = "pcrs: {sha256: {0: VALUE, 4: VALUE}}"},
};
static const struct sp_bind_table profile_table = {"profile", profile_keys, SP_COUNT(profile_keys), sizeof(struct profile)};

static const struct sp_bind_key keys[] = {
    {"reference", SP_BIND_U32, true, SP_BIND_AT(text, version), .min = VERSION, .max = VERSION, .help = "reference: 1"},
    {"quote", SP_BIND_TEXT, false, SP_BIND_AT(text, quote),
     .help = "PCRs that are quoted, as sha256:0-9; default: those of the profiles and of boot_log"},
    {"boot_log", SP_BIND_MAP, false, SP_BIND_AT(text, boot), .sub = &boot_table, .help = "what becomes of the boot log"},
    {"profiles", SP_BIND_LIST, true, SP_BIND_ARRAY(text, profile, profiles), .min = 1, .sub = &profile_table,
     .help = "states of machines that are right"},
};
static const struct sp_bind_table table = {"reference file", keys, SP_COUNT(keys), sizeof(struct text)};

/* What every step needs. */
struct reading {
    const char *file;
    const struct sp_yaml_node *root;
    struct sp_err *err;
    struct reference_value *value; /* room for all */
    uint32_t values;
};

static enum sp_rc wrong(const struct reading *r, const struct sp_yaml_node *at, const char *text)
{
    return sp_yaml_error(r->err, SP_E_INVALID, r->file, at, "%s", text);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static uint16_t bank_of(const struct reading *r, const struct sp_yaml_node *node)
{
    static const uint16_t algs[] = {TPM_ALG_SHA1, TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512};
    const char *words[SP_COUNT(algs)];
    for (size_t i = 0; i < SP_COUNT(algs); i++) {
        words[i] = tpm_alg_name(algs[i]);
        if (sp_str_is(node->key, words[i])) {
            return algs[i];
        }
    }
    const struct sp_yaml_node at = {.line = node->key_line, .column = node->key_column};
    const char *near = sp_str_nearest(node->key, words, SP_COUNT(words));
    (void)sp_yaml_error(r->err, SP_E_INVALID, r->file, &at, "unknown bank '%.64s' in pcrs", node->key.p);
    if (near != NULL) {
        sp_err_hint(r->err, "did you mean '%s'?", near);
    } else {
        sp_err_hint(r->err, "banks are sha1, sha256, sha384 and sha512");
    }
    return TPM_ALG_NONE;
}

static enum sp_rc read_value(struct reading *r, uint16_t alg, const struct sp_yaml_node *node)
{
    struct reference_value *v = &r->value[r->values];
    const struct sp_yaml_node at = {.line = node->key_line, .column = node->key_column};
    uint64_t pcr = 0;
    if (!sp_str_u64(node->key, TPM_PCRS - 1, &pcr)) {
        return wrong(r, &at, "a PCR is a number from 0 to 23");
    }
    if ((REFERENCE_RESETTABLE >> pcr & 1u) != 0) {
        return wrong(r, &at, "PCR 16 and 23 can be reset by the running system: a value of theirs proves nothing");
    }
    *v = (struct reference_value){.alg = alg, .pcr = (uint8_t)pcr};
    if (node->kind != SP_YAML_SCALAR || !sp_hex_parse(node->text, v->digest, tpm_alg_bytes(alg))) {
        return sp_yaml_error(r->err, SP_E_INVALID, r->file, node, "the value of a PCR of this bank has %u hexadecimal digits",
                             2 * tpm_alg_bytes(alg));
    }
    r->values++;
    return SP_OK;
}

static enum sp_rc read_values(struct reading *r, const struct sp_yaml_node *pcrs)
{
    enum sp_rc rc = pcrs->kind == SP_YAML_MAP && pcrs->count > 0 ? SP_OK : wrong(r, pcrs, "pcrs: banks with their PCRs are wanted");
    for (const struct sp_yaml_node *bank = pcrs->first; rc == SP_OK && bank != NULL; bank = bank->next) {
        uint16_t alg = bank_of(r, bank);
        if (alg == TPM_ALG_NONE) {
            return SP_E_INVALID;
        }
        rc = bank->kind == SP_YAML_MAP && bank->count > 0 ? SP_OK : wrong(r, bank, "a bank is a map of PCRs and their values");
        for (const struct sp_yaml_node *pcr = bank->first; rc == SP_OK && pcr != NULL; pcr = pcr->next) {
            rc = read_value(r, alg, pcr);
        }
    }
    return rc;
}

/* Returns how many values there can be. */
static size_t count_values(const struct text *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->profiles; i++) {
        for (const struct sp_yaml_node *bank = t->profile[i].pcrs->first; bank != NULL; bank = bank->next) {
            n += bank->count;
        }
    }
    return n;
}

/* ---- profiles -------------------------------------------------------------------------------------------------- */

static enum sp_rc read_profile(struct reading *r, const struct text *t, uint32_t i, struct reference_profile *to)
{
    const struct profile *p = &t->profile[i];
    uint8_t firmware[8] = {0};
    for (uint32_t k = 0; k < i; k++) {
        if (strcmp(t->profile[k].name, p->name) == 0) {
            return sp_yaml_error(r->err, SP_E_INVALID, r->file, p->pcrs, "profile '%s' is there twice", p->name);
        }
    }
    *to = (struct reference_profile){.from = p->from,
                                     .until = p->until != 0 ? p->until : UINT64_MAX,
                                     .any_firmware = p->firmware[0] == '\0',
                                     .value = &r->value[r->values]};
    if (to->until <= to->from) {
        return sp_yaml_error(r->err, SP_E_INVALID, r->file, p->pcrs, "profile '%s' ends before it begins", p->name);
    }
    if (!to->any_firmware && !sp_hex_parse(sp_str_of(p->firmware), firmware, sizeof firmware)) {
        return sp_yaml_error(r->err, SP_E_INVALID, r->file, p->pcrs, "firmware of profile '%s': 16 hexadecimal digits are wanted",
                             p->name);
    }
    for (size_t k = 0; k < sizeof firmware; k++) {
        to->firmware = to->firmware << 8 | firmware[k];
    }
    uint32_t before = r->values;
    enum sp_rc rc = read_values(r, p->pcrs);
    to->values = r->values - before;
    return rc;
}

/* ---- what is quoted -------------------------------------------------------------------------------------------- */

static enum sp_rc at_key(const struct reading *r, const char *key, const char *text)
{
    return wrong(r, sp_yaml_find(r->root, key), text);
}

static enum sp_rc read_boot(const struct reading *r, const struct boot *boot, struct reference_file *f)
{
    char text[PCRS_TEXT + 8];
    struct tpm_selection s;
    f->log_required = boot->judge == JUDGE_REQUIRED;
    f->log_separators = boot->separators;
    if (!f->log_required) {
        return SP_OK;
    }
    (void)sp_str_copy(text, sizeof text, sp_str_of("sha256:"));
    (void)sp_str_copy(text + 7, sizeof text - 7, sp_str_of(boot->pcrs));
    if (!tpm_selection_read(sp_str_of(text), &s) || s.banks != 1 || s.bank[0].pcrs >> BOOT_REPLAY_PCRS != 0) {
        return at_key(r, "boot_log", "boot_log.pcrs: PCRs of 0 to 15, as 0-7 or 0,2,4-7");
    }
    f->log_pcrs = s.bank[0].pcrs;
    return SP_OK;
}

/* The PCRs that the profiles name, and in each of their banks those that must follow from the boot log. */
static bool add_bank(struct tpm_selection *s, uint16_t alg, uint32_t pcrs)
{
    uint32_t at = tpm_selection_bank(s, alg);
    if (at == TPM_BANKS_MAX) {
        if (s->banks == TPM_BANKS_MAX) {
            return false;
        }
        at = s->banks++;
        s->bank[at] = (struct tpm_bank){.alg = alg, .pcrs = 0};
    }
    s->bank[at].pcrs |= pcrs;
    return true;
}

static enum sp_rc choose_quote(const struct reading *r, const struct text *t, struct reference_file *f)
{
    if (t->quote[0] != '\0') {
        return tpm_selection_read(sp_str_of(t->quote), &f->quote)
                   ? SP_OK
                   : at_key(r, "quote", "quote: banks and PCRs are wanted, as sha256:0-9 or sha256:0-9+sha384:0-7");
    }
    for (uint32_t i = 0; i < r->values; i++) {
        if (!add_bank(&f->quote, r->value[i].alg, 1u << r->value[i].pcr | f->log_pcrs)) {
            return at_key(r, "profiles", "more banks than a quote can have");
        }
    }
    return SP_OK;
}

static enum sp_rc check_quote(const struct reading *r, const struct reference_file *f)
{
    uint32_t pcrs = 0;
    bool strong = false;
    for (uint32_t b = 0; b < f->quote.banks; b++) {
        pcrs |= f->quote.bank[b].pcrs;
        strong = strong || f->quote.bank[b].alg != TPM_ALG_SHA1;
    }
    const char *key = sp_yaml_find(r->root, "quote") != NULL ? "quote" : "profiles";
    if (!strong) {
        return at_key(r, key, "only a bank of SHA-1 would be quoted, and two inputs with one SHA-1 can be made");
    }
    if ((f->log_pcrs & ~pcrs) != 0) {
        return at_key(r, key, "a PCR that must follow from the boot log is not quoted");
    }
    for (uint32_t i = 0; i < r->values; i++) {
        uint32_t bank = tpm_selection_bank(&f->quote, r->value[i].alg);
        if (bank == TPM_BANKS_MAX || (f->quote.bank[bank].pcrs >> r->value[i].pcr & 1u) == 0) {
            return at_key(r, key, "a PCR that a profile names is not quoted");
        }
    }
    return SP_OK;
}

static enum sp_rc fill(struct reading *r, const struct text *t, struct reference_file *f)
{
    size_t most = count_values(t);
    struct reference_profile *profile = calloc(t->profiles, sizeof *profile);
    f->set = (struct reference_set){profile, t->profiles};
    f->name = calloc(t->profiles, sizeof *f->name);
    r->value = calloc(most > 0 ? most : 1, sizeof *r->value);
    if (profile == NULL || f->name == NULL || r->value == NULL) {
        free(r->value);
        return sp_err_set(r->err, SP_E_NOMEM, r->file, "no memory");
    }
    profile[0].value = r->value; /* owns them from now on */
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; rc == SP_OK && i < t->profiles; i++) {
        memcpy(f->name[i], t->profile[i].name, sizeof f->name[i]);
        rc = read_profile(r, t, i, &profile[i]);
    }
    rc = rc == SP_OK ? read_boot(r, &t->boot, f) : rc;
    rc = rc == SP_OK ? choose_quote(r, t, f) : rc;
    return rc == SP_OK ? check_quote(r, f) : rc;
}

static enum sp_rc from_doc(struct reading *r, struct reference_file **out)
{
    struct text *t = calloc(1, sizeof *t);
    struct reference_file *f = calloc(1, sizeof *f);
    enum sp_rc rc = t != NULL && f != NULL ? sp_bind(&table, r->file, r->root, t, r->err)
                                           : sp_err_set(r->err, SP_E_NOMEM, r->file, "no memory");
    rc = rc == SP_OK ? fill(r, t, f) : rc;
    free(t);
    if (rc != SP_OK) {
        reference_file_destroy(&f);
        return rc;
    }
    *out = f;
    return SP_OK;
}

enum sp_rc reference_file_parse(const char *file, struct sp_str text, struct reference_file **out, struct sp_err *err)
{
    const struct sp_yaml_limits limits = {REFERENCE_FILE_BYTES, 65536, 8, 1};
    struct sp_yaml *doc = NULL;
    enum sp_rc rc = sp_yaml_parse(file, text, limits, &doc, err);
    if (rc == SP_OK) {
        struct reading r = {.file = file, .root = sp_yaml_count(doc) > 0 ? sp_yaml_root(doc, 0) : NULL, .err = err};
        rc = from_doc(&r, out);
    }
    sp_yaml_destroy(&doc);
    return rc;
}

void reference_file_destroy(struct reference_file **f)
{
    if (*f != NULL) {
        if ((*f)->set.profile != NULL) {
            free((void *)(uintptr_t)(*f)->set.profile[0].value);
        }
        free((void *)(uintptr_t)(*f)->set.profile);
        free((*f)->name);
        free(*f);
        *f = NULL;
    }
}
