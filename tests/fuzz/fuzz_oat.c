/* SPDX-License-Identifier: Apache-2.0 */
/* What an OpenAttestation server (or somebody in its place) may send: answers, faults, time stamps. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oat_answer.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"node1", "node2", "node3"};
    struct oat_verdict v[3];
    struct oat_fault fault;
    char why[256] = "";
    char text[128];
    int64_t ms = -1;
    const char *reason = NULL;
    bool ok = oat_answer((const char *)data, size, names, 3, v, why);
    SP_ASSERT(ok || why[0] != '\0');
    for (unsigned i = 0; i < 3; i++) {
        SP_ASSERT(v[i].level <= OAT_ABSENT);
        SP_ASSERT(ok || v[i].level == OAT_ABSENT);
        SP_ASSERT(memchr(v[i].detail, '\0', sizeof v[i].detail) != NULL);
        struct oat_freshness f = {v[i].vtime_ms, OAT_NO_TIME, 1456784966000, 1000};
        if (oat_is_fresh(&f, &reason)) { /* never from a verdict outside of our question and the answer */
            SP_ASSERT(f.vtime_ms >= f.date_ms - f.elapsed_ms - OAT_SLACK_MS && f.vtime_ms <= f.date_ms + OAT_SLACK_MS);
        }
    }
    oat_fault((const char *)data, size, &fault);
    SP_ASSERT(memchr(fault.text, '\0', sizeof fault.text) != NULL);
    size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = '\0';
    SP_ASSERT(oat_vtime(text, &ms) || ms == -1);
    return 0;
}
