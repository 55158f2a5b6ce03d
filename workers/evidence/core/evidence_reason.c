/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_reason.h"

#include "sp_assert.h"

static const struct {
    const char *name, *text;
    enum sp_outcome outcome;
} rows[] = {
#define EVIDENCE_REASON_ROW(code, name, outcome, text) [code] = {name, text, outcome},
    EVIDENCE_REASON_LIST(EVIDENCE_REASON_ROW)
#undef EVIDENCE_REASON_ROW
};

SP_STATIC_ASSERT((unsigned)SP_REASON_AK_MALFORMED == EVIDENCE_WIRE + EVIDENCE_AK_MALFORMED &&
                     (unsigned)SP_REASON_REFERENCE_RETIRED == EVIDENCE_WIRE + EVIDENCE_REFERENCE_RETIRED,
                 "the wire has the same numbers");

uint16_t evidence_reason_wire(enum evidence_reason reason)
{
    SP_ASSERT(reason < EVIDENCE_REASON_COUNT);
    return (uint16_t)(reason == EVIDENCE_OK ? SP_REASON_OK : EVIDENCE_WIRE + reason);
}

const char *evidence_reason_name(enum evidence_reason reason)
{
    SP_ASSERT(reason < EVIDENCE_REASON_COUNT);
    return rows[reason].name;
}

const char *evidence_reason_text(enum evidence_reason reason)
{
    SP_ASSERT(reason < EVIDENCE_REASON_COUNT);
    return rows[reason].text;
}

enum sp_outcome evidence_reason_outcome(enum evidence_reason reason)
{
    SP_ASSERT(reason < EVIDENCE_REASON_COUNT);
    return rows[reason].outcome;
}
