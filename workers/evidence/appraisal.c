/* SPDX-License-Identifier: Apache-2.0 */
#include "appraisal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"
#include "sp_crypto.h"

#define BYTES_FIRST 4096u

const struct appraisal_module *appraisal_find(struct sp_str kind)
{
    for (size_t i = 0; appraisal_modules[i] != NULL; i++) {
        if (sp_str_is(kind, appraisal_modules[i]->kind)) {
            return appraisal_modules[i];
        }
    }
    return NULL;
}

void appraisal_binding(const uint8_t nonce[APPRAISAL_NONCE_BYTES], struct sp_str node, uint8_t out[32])
{
    static const char label[] = "SPICE quote"; /* with its NUL */
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, label, sizeof label);
    sp_crypto_sha256_update(&h, nonce, APPRAISAL_NONCE_BYTES);
    sp_crypto_sha256_update(&h, node.p, node.n);
    sp_crypto_sha256_final(&h, out);
}

static void say(struct appraisal_verdict *v, const char *text, const char *format, va_list args) SP_PRINTF(3, 0);
static void say(struct appraisal_verdict *v, const char *text, const char *format, va_list args)
{
    int n = snprintf(v->detail, sizeof v->detail, "%s", text);
    size_t used = n > 0 ? (size_t)n : 0;
    if (format[0] == '\0' || used + 3 >= sizeof v->detail) {
        return;
    }
    if (used > 0) {
        v->detail[used++] = ':';
        v->detail[used++] = ' ';
    }
    (void)vsnprintf(v->detail + used, sizeof v->detail - used, format, args);
}

void appraisal_say(struct appraisal_verdict *v, enum evidence_reason reason, const char *format, ...)
{
    va_list args;
    v->outcome = (uint8_t)evidence_reason_outcome(reason);
    v->reason = evidence_reason_wire(reason);
    va_start(args, format);
    say(v, evidence_reason_text(reason), format, args);
    va_end(args);
}

void appraisal_end(struct appraisal_verdict *v, uint8_t outcome, uint16_t reason, const char *format, ...)
{
    va_list args;
    v->outcome = outcome;
    v->reason = reason;
    va_start(args, format);
    say(v, "", format, args);
    va_end(args);
}

bool appraisal_bytes_add(struct appraisal_bytes *b, struct appraisal_budget *budget, size_t most, struct sp_str bytes)
{
    if (bytes.n > most || b->n > most - bytes.n) {
        return false;
    }
    if (b->n + bytes.n > b->size) {
        size_t size = b->size > 0 ? b->size : BYTES_FIRST;
        while (size < b->n + bytes.n) {
            size *= 2;
        }
        size = size < most ? size : most;
        if (size - b->size > budget->most - budget->used) {
            return false;
        }
        uint8_t *p = realloc(b->p, size);
        if (p == NULL) {
            return false;
        }
        budget->used += size - b->size;
        b->p = p;
        b->size = size;
    }
    if (bytes.n > 0) {
        memcpy(b->p + b->n, bytes.p, bytes.n);
    }
    b->n += bytes.n;
    return true;
}

void appraisal_bytes_free(struct appraisal_bytes *b, struct appraisal_budget *budget)
{
    SP_ASSERT(budget->used >= b->size);
    budget->used -= b->size;
    free(b->p);
    *b = (struct appraisal_bytes){0};
}
