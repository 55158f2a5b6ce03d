/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of evidence and reasons of the wire are one list: 50 + enum evidence_reason, with the same words and texts. */
#include "evidence_reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void the_wire_has_each(void **state)
{
    (void)state;
    assert_int_equal(EVIDENCE_WIRE + EVIDENCE_AK_MALFORMED, SP_REASON_AK_MALFORMED);
    assert_int_equal(EVIDENCE_WIRE + EVIDENCE_REFERENCE_RETIRED, SP_REASON_REFERENCE_RETIRED);
    for (unsigned i = 1; i < EVIDENCE_REASON_COUNT; i++) {
        char word[64];
        (void)sp_str_copy(word, sizeof word, sp_str_of(evidence_reason_name((enum evidence_reason)i)));
        for (char *c = word; *c != '\0'; c++) {
            *c = *c == '-' ? '_' : *c;
        }
        assert_string_equal(sp_reason_name(EVIDENCE_WIRE + i), word);
        assert_string_equal(sp_reason_text(EVIDENCE_WIRE + i), evidence_reason_text((enum evidence_reason)i));
        assert_int_equal(evidence_reason_wire((enum evidence_reason)i), EVIDENCE_WIRE + i);
    }
    assert_int_equal(evidence_reason_wire(EVIDENCE_OK), SP_REASON_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_wire_has_each)};
    return cmocka_run_group_tests_name("evidence_reason", tests, NULL, NULL);
}
