/* SPDX-License-Identifier: Apache-2.0 */
/* What a Keylime verifier (or somebody in its place) may send. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keylime_answer.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"failed", "nulls", "pass", "push-pass", "retry"};
    struct keylime_agent agent[5] = {{0}};
    char why[256] = "";
    char text[300];
    for (unsigned i = 0; i < 5; i++) {
        agent[i].id = names[i];
    }
    char *copy = malloc(size + 1); /* memory of its own size, so that one byte too far is seen */
    SP_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    struct sp_str body = sp_str_bytes(copy, size);
    bool ok = keylime_answer(body, agent, 5, why);
    SP_ASSERT(ok || why[0] != '\0');
    for (unsigned i = 0; i < 5; i++) {
        const struct keylime_status *s = &agent[i].status;
        const struct keylime_proof p = {40, 1785744000, 1785744002, KEYLIME_NONE, KEYLIME_NONE, 1785744004, 1};
        const char *reason = NULL;
        enum keylime_level level = keylime_level(s);
        SP_ASSERT(ok || !s->seen);
        SP_ASSERT(s->seen || level == KEYLIME_ABSENT);
        SP_ASSERT(memchr(s->ip, '\0', sizeof s->ip) != NULL && memchr(s->event, '\0', sizeof s->event) != NULL);
        SP_ASSERT(s->raw.n == 0 || (s->raw.p >= copy && s->raw.p + s->raw.n <= copy + size));
        if (s->seen && !s->odd && keylime_fresh(s, &p, &reason) == KEYLIME_FRESH) {
            SP_ASSERT(s->count >= 41 && s->succeeded >= 1785744000 && s->succeeded <= 1785744006 && s->received >= s->succeeded);
        }
    }
    keylime_fault(body, text, sizeof text);
    SP_ASSERT(memchr(text, '\0', sizeof text) != NULL);
    free(copy);
    return 0;
}
