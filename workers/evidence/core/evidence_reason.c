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
