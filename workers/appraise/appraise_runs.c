/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_random.h"

struct policy {
    const struct appraisal_module *module; /* NULL: no such policy */
    void *policy;                          /* NULL: refused, why says it */
    uint32_t users;
    char why[APPRAISAL_WHY_MAX];
};

struct run {
    uint64_t id;
    struct policy *policy;
    const struct appraisal_module *module;
    struct appraisal_question q;
    void *state;
    uint32_t document; /* number of the one that is wanted; parts of others come too late */
    struct sp_crypto_sha256 evidence;
    uint8_t nonce[APPRAISAL_NONCE_BYTES], binding[32], ek[32];
    uint8_t signer[TPM_NAME_BYTES];
    uint8_t checkpoint[APPRAISAL_CHECKPOINT_MAX];
    char node[APPRAISE_NODE_MAX];
};

struct appraise_runs {
    int fd;
    struct evidence_crypto *crypto;
    struct evidence_ops ops;
    struct appraisal_keys *keys;
    struct appraisal_budget budget;
    struct policy *policy; /* by number */
    struct run **run;      /* by the lower half of their id */
    struct appraisal_want want;
    struct appraisal_verdict verdict;
};

/* ---- start ----------------------------------------------------------------------------------------------------- */

/* Generator of P-256: a public key that everybody knows. */
static const char point[] =
    "\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8"
    "\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb"
    "\xb6\x40\x68\x37\xbf\x51\xf5";
#define ATTRIBUTES "\x00\x05\x00\x72" /* fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign */

/* Public areas as a TPM writes them, without their size: ECC P-256 with ECDSA and RSA-2048 with RSASSA, both with SHA-256. */
static const char ecc_head[] = "\x00\x23\x00\x0b" ATTRIBUTES "\x00\x00\x00\x10\x00\x18\x00\x0b\x00\x03\x00\x10\x00\x20";
static const char rsa_head[] = "\x00\x01\x00\x0b" ATTRIBUTES "\x00\x00\x00\x10\x00\x14\x00\x0b\x08\x00\x00\x00\x00\x00\x01\x00";

static bool verify_once(struct appraise_runs *self, uint8_t *area, size_t n, const struct tpm_signature *signature)
{
    struct evidence_key *key = NULL;
    struct tpm_ak ak;
    static const uint8_t digest[32] = {1};
    area[0] = (uint8_t)(n >> 8);
    area[1] = (uint8_t)n;
    if (evidence_key_new(self->crypto, sp_str_bytes(area, n + 2), &key, &ak) != EVIDENCE_OK) {
        return false;
    }
    bool good = self->ops.verify(self->ops.ctx, key, digest, signature);
    evidence_key_destroy(&key);
    return !good; /* nobody signed it */
}

/* Whatever OpenSSL loads when it is first used is loaded now: a key of each kind, a signature that fails, each hash. */
static bool warm_up(struct appraise_runs *self)
{
    uint8_t area[512], number[256], digest[TPM_DIGEST_MAX];
    static const uint16_t hashes[] = {TPM_ALG_SHA1, TPM_ALG_SHA256, TPM_ALG_SHA384, TPM_ALG_SHA512};
    for (size_t i = 0; i < SP_COUNT(hashes); i++) {
        if (!self->ops.digest(self->ops.ctx, hashes[i], "", 0, digest)) {
            return false;
        }
    }
    uint8_t *p = area + 2;
    memcpy(p, ecc_head, sizeof ecc_head - 1);
    p += sizeof ecc_head - 1;
    memcpy(p, point, 32);
    memcpy(p + 32, "\x00\x20", 2);
    memcpy(p + 34, point + 32, 32);
    memset(number, 0x5a, sizeof number);
    const struct tpm_signature ecc = {
        .scheme = TPM_ALG_ECDSA, .hash = TPM_ALG_SHA256, .r = sp_str_bytes(number, 32), .s = sp_str_bytes(number, 32)};
    if (!verify_once(self, area, sizeof ecc_head - 1 + 66, &ecc)) {
        return false;
    }
    memcpy(area + 2, rsa_head, sizeof rsa_head - 1);
    uint8_t *n = area + 2 + sizeof rsa_head - 1; /* (2^1024 - 105)(2^1024 - 179), two primes: a modulus as it must be */
    memset(n, 0xff, 126);
    memcpy(n + 126, "\xfe\xe4", 2);
    memset(n + 128, 0, 126);
    memcpy(n + 254, "\x49\x6b", 2);
    const struct tpm_signature rsa = {.scheme = TPM_ALG_RSASSA, .hash = TPM_ALG_SHA256, .rsa = sp_str_bytes(number, 256)};
    return verify_once(self, area, sizeof rsa_head - 1 + 256, &rsa);
}

bool appraise_runs_new(const struct appraise_options *options, int fd, struct appraise_runs **out, const char **why)
{
    struct appraise_runs *self = calloc(1, sizeof *self);
    *why = "no memory";
    if (self == NULL) {
        return false;
    }
    self->fd = fd;
    self->budget.most = options->documents_bytes;
    self->policy = calloc(APPRAISE_POLICIES_MAX, sizeof *self->policy);
    self->run = calloc(APPRAISE_RUNS_MAX, sizeof(struct run *));
    bool ok = self->policy != NULL && self->run != NULL && evidence_crypto_new(&self->crypto) == SP_OK &&
              appraisal_keys_new(self->crypto, options->keys, &self->keys) == SP_OK;
    if (ok) {
        json_object_seed((size_t)sp_random_u64()); /* else it opens a file for it */
        self->ops = evidence_crypto_ops(self->crypto);
        *why = "OpenSSL does not work";
        ok = warm_up(self);
    }
    if (!ok) {
        appraise_runs_destroy(&self);
        return false;
    }
    *out = self;
    return true;
}

/* ---- policies -------------------------------------------------------------------------------------------------- */

static void forget_policy(struct policy *p)
{
    SP_ASSERT(p->users == 0);
    if (p->module != NULL && p->policy != NULL) {
        p->module->policy_free(p->policy);
    }
    *p = (struct policy){0};
}

static bool send_text(struct appraise_runs *self, const struct appraise_record *about, bool ok, const char *text)
{
    struct sp_str tail[3] = {sp_str_of(text)};
    struct appraise_text t = {.record = *about, .ok = ok ? 1 : 0, .text_bytes = tail[0].n};
    t.record.type = APPRAISE_READY;
    return appraise_peer_send(self->fd, &t, sizeof t, tail);
}

static bool read_policy(struct appraise_runs *self, struct policy *p, const struct appraise_policy *record, int fd)
{
    uint64_t bytes = record->params_bytes + record->policy_bytes;
    const char *memory = bytes > 0 && record->params_bytes <= UINT32_MAX && record->policy_bytes <= UINT32_MAX
                             ? mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0)
                             : MAP_FAILED;
    if (memory == MAP_FAILED) {
        (void)snprintf(p->why, sizeof p->why, "no memory for the policy (%llu bytes)", (unsigned long long)bytes);
        return false;
    }
    p->policy = p->module->policy_new(&self->ops, sp_str_bytes(memory, record->params_bytes),
                                      sp_str_bytes(memory + record->params_bytes, record->policy_bytes), p->why);
    (void)munmap((void *)(uintptr_t)memory, bytes);
    return p->policy != NULL;
}

static bool on_policy(struct appraise_runs *self, struct appraise_in *in)
{
    const struct appraise_policy *record = (const void *)in->bytes;
    const char *kind = in->n >= sizeof *record ? appraise_peer_tail(in, sizeof *record, record->kind_bytes) : NULL;
    if (kind == NULL || record->record.policy >= APPRAISE_POLICIES_MAX || self->policy[record->record.policy].users > 0) {
        return false;
    }
    struct policy *p = &self->policy[record->record.policy];
    forget_policy(p);
    p->module = appraisal_find(sp_str_bytes(kind, record->kind_bytes));
    if (p->module == NULL || in->fd < 0) {
        return false; /* both ends are one build */
    }
    bool ok = read_policy(self, p, record, in->fd);
    return send_text(self, &record->record, ok, ok ? "" : p->why);
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void end_run(struct appraise_runs *self, struct run *r)
{
    if (r->state != NULL) {
        r->module->drop(r->state);
    }
    if (r->q.key != NULL) {
        appraisal_keys_release(self->keys, r->q.key);
    }
    r->policy->users--;
    self->run[(uint32_t)r->id] = NULL;
    free(r);
}

static uint32_t text_bytes(const char *text, size_t size)
{
    return (uint32_t)strnlen(text, size - 1);
}

/* Effect: sends what self->verdict says; the run is gone. */
static bool send_verdict(struct appraise_runs *self, struct run *r)
{
    const struct appraisal_verdict *v = &self->verdict;
    SP_ASSERT(v->outcome <= SP_OUTCOME_LAST && v->checkpoint_len <= sizeof v->checkpoint);
    SP_ASSERT((v->outcome == SP_OUTCOME_PASS) == (v->reason == SP_REASON_OK));
    struct appraise_verdict record = {.record = {.type = APPRAISE_VERDICT, .run = r->id},
                                      .instance = v->instance,
                                      .reason = v->reason,
                                      .outcome = v->outcome,
                                      .detail_bytes = text_bytes(v->detail, sizeof v->detail),
                                      .measures_bytes = text_bytes(v->measures, sizeof v->measures),
                                      .checkpoint_bytes = v->checkpoint_len};
    sp_crypto_sha256_final(&r->evidence, record.evidence);
    const struct sp_str tail[3] = {sp_str_bytes(v->detail, record.detail_bytes), sp_str_bytes(v->measures, record.measures_bytes),
                                   sp_str_bytes(v->checkpoint, v->checkpoint_len)};
    end_run(self, r);
    return appraise_peer_send(self->fd, &record, sizeof record, tail);
}

static void start_verdict(struct appraise_runs *self, const struct run *r)
{
    self->verdict = (struct appraisal_verdict){.outcome = SP_OUTCOME_ERROR, .reason = SP_REASON_INTERNAL};
    memcpy(self->verdict.checkpoint, r->checkpoint, r->q.checkpoint.n);
    self->verdict.checkpoint_len = r->q.checkpoint.n;
}

static bool refuse(struct appraise_runs *self, struct run *r, uint16_t reason, const char *text)
{
    start_verdict(self, r);
    appraisal_end(&self->verdict, SP_OUTCOME_ERROR, reason, "%s", text);
    return send_verdict(self, r);
}

static bool is_listed(const struct appraisal_module *m, const char *document)
{
    for (size_t i = 0; m->documents[i] != NULL; i++) {
        if (strcmp(m->documents[i], document) == 0) {
            return true;
        }
    }
    return false;
}

/* Effect: asks for the next document, or ends the run. */
static bool go_on(struct appraise_runs *self, struct run *r)
{
    self->want.document = NULL;
    (void)snprintf(self->want.args, sizeof self->want.args, "{}");
    if (!r->module->want(r->state, &self->want)) {
        start_verdict(self, r);
        r->module->judge(r->state, &self->verdict);
        return send_verdict(self, r);
    }
    SP_ASSERT(is_listed(r->module, self->want.document));
    r->document++;
    const struct sp_str tail[3] = {sp_str_of(self->want.document),
                                   sp_str_bytes(self->want.args, text_bytes(self->want.args, sizeof self->want.args))};
    struct appraise_want record = {.record = {.type = APPRAISE_WANT, .policy = r->document, .run = r->id},
                                   .document_bytes = tail[0].n,
                                   .args_bytes = tail[1].n};
    return appraise_peer_send(self->fd, &record, sizeof record, tail);
}

static bool on_begin(struct appraise_runs *self, const struct appraise_in *in)
{
    const struct appraise_begin *b = (const void *)in->bytes;
    uint32_t index = (uint32_t)b->record.run;
    const char *tail = in->n >= sizeof *b ? appraise_peer_tail(in, sizeof *b, (uint64_t)b->node_bytes + b->checkpoint_bytes) : NULL;
    if (tail == NULL || b->node_bytes > APPRAISE_NODE_MAX || b->checkpoint_bytes > APPRAISAL_CHECKPOINT_MAX || b->record.run == 0 ||
        index >= APPRAISE_RUNS_MAX || self->run[index] != NULL || b->record.policy >= APPRAISE_POLICIES_MAX ||
        self->policy[b->record.policy].module == NULL) {
        return false;
    }
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return false; /* nothing is left to answer with: the worker starts another of us */
    }
    *r = (struct run){.id = b->record.run, .policy = &self->policy[b->record.policy]};
    r->module = r->policy->module;
    r->policy->users++;
    self->run[index] = r;
    sp_crypto_sha256_init(&r->evidence);
    memcpy(r->nonce, b->nonce, sizeof r->nonce);
    memcpy(r->node, tail, b->node_bytes);
    memcpy(r->checkpoint, tail + b->node_bytes, b->checkpoint_bytes);
    r->q = (struct appraisal_question){.node = sp_str_bytes(r->node, b->node_bytes),
                                       .nonce = r->nonce,
                                       .binding = r->binding,
                                       .checkpoint = sp_str_bytes(r->checkpoint, b->checkpoint_bytes),
                                       .now_s = b->now_s,
                                       .ops = &self->ops,
                                       .crypto = self->crypto,
                                       .budget = &self->budget};
    appraisal_binding(r->nonce, r->q.node, r->binding);
    if (r->policy->policy == NULL) {
        return refuse(self, r, SP_REASON_BAD_PARAMETERS, r->policy->why);
    }
    r->state = r->module->begin(r->policy->policy, &r->q);
    return r->state != NULL ? go_on(self, r) : refuse(self, r, SP_REASON_BUSY, "no memory in the appraiser");
}

static struct run *find_run(struct appraise_runs *self, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    struct run *r = index < APPRAISE_RUNS_MAX ? self->run[index] : NULL;
    return r != NULL && r->id == id ? r : NULL;
}

static bool on_who(struct appraise_runs *self, const struct appraise_in *in)
{
    const struct appraise_who *w = (const void *)in->bytes;
    const char *tail = in->n >= sizeof *w ? appraise_peer_tail(in, sizeof *w, (uint64_t)w->ak_bytes + w->signer_bytes) : NULL;
    if (tail == NULL || (w->signer_bytes != 0 && w->signer_bytes != TPM_NAME_BYTES)) {
        return false;
    }
    struct run *r = find_run(self, w->record.run);
    if (r == NULL || r->q.key != NULL) {
        return true; /* ended meanwhile */
    }
    r->q.mode = w->mode;
    if (w->has_tpm == 0) {
        return true;
    }
    memcpy(r->ek, w->ek, sizeof r->ek);
    memcpy(r->signer, tail + w->ak_bytes, w->signer_bytes);
    r->q.ek = r->ek;
    r->q.signer = sp_str_bytes(r->signer, w->signer_bytes);
    r->q.key = appraisal_keys_get(self->keys, sp_str_bytes(tail, w->ak_bytes));
    return r->q.key != NULL || refuse(self, r, SP_REASON_BUSY, "too many nodes at once in the appraiser");
}

static bool on_push(struct appraise_runs *self, const struct appraise_in *in)
{
    const struct appraise_push *p = (const void *)in->bytes;
    struct run *r = find_run(self, p->record.run);
    if (r == NULL || p->record.policy != r->document) {
        return true; /* ended meanwhile, or of a document that was not needed to its end */
    }
    bool last = (p->record.flags & APPRAISE_PUSH_LAST) != 0;
    struct sp_str bytes = sp_str_bytes(in->bytes + sizeof *p, in->n - sizeof *p);
    sp_crypto_sha256_update(&r->evidence, bytes.p, bytes.n);
    return (r->module->push(r->state, bytes, last) && !last) || go_on(self, r);
}

bool appraise_runs_take(struct appraise_runs *self, struct appraise_in *in)
{
    const struct appraise_record *record = (const void *)in->bytes;
    bool ok = true;
    struct run *r;
    switch (record->type) {
    case APPRAISE_POLICY:
        ok = on_policy(self, in);
        break;
    case APPRAISE_FORGET:
        ok = record->policy < APPRAISE_POLICIES_MAX && self->policy[record->policy].users == 0;
        if (ok) {
            forget_policy(&self->policy[record->policy]);
        }
        break;
    case APPRAISE_BEGIN:
        ok = on_begin(self, in);
        break;
    case APPRAISE_WHO:
        ok = on_who(self, in);
        break;
    case APPRAISE_PUSH:
        ok = on_push(self, in);
        break;
    case APPRAISE_CANCEL:
        r = find_run(self, record->run);
        if (r != NULL) {
            end_run(self, r);
        }
        break;
    default:
        ok = false;
        break;
    }
    if (in->fd >= 0) {
        (void)close(in->fd);
        in->fd = -1;
    }
    return ok;
}

void appraise_runs_destroy(struct appraise_runs **runs)
{
    struct appraise_runs *self = *runs;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; self->run != NULL && i < APPRAISE_RUNS_MAX; i++) {
        if (self->run[i] != NULL) {
            end_run(self, self->run[i]);
        }
    }
    for (uint32_t i = 0; self->policy != NULL && i < APPRAISE_POLICIES_MAX; i++) {
        forget_policy(&self->policy[i]);
    }
    appraisal_keys_destroy(&self->keys);
    evidence_crypto_destroy(&self->crypto);
    free(self->policy);
    free(self->run);
    free(self);
    *runs = NULL;
}
