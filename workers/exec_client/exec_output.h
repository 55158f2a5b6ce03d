/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_output.h - what a plugin printed, turned into one line for people and checked measures. Pure.
 *
 *   TEXT | MEASURE MEASURE ...        first line
 *   more text                         further lines, joined to the text with " / "
 *   last text | MEASURE ...           after a bar everything is measures
 *
 * MEASURE = LABEL=VALUE[UNIT][;WARN[;CRIT[;MIN[;MAX]]]]; LABEL may stand in apostrophes ('' is one inside). A measure that is not
 * exactly so is left out and counted. Control characters are removed, bytes that are no UTF-8 become \xNN.
 */
#ifndef EXEC_OUTPUT_H
#define EXEC_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "adapter.h"

#define EXEC_OUTPUT_MEASURES_MAX 64u /* more are left out and counted */
#define EXEC_OUTPUT_LABEL_MAX    96u /* bytes */
#define EXEC_OUTPUT_UNIT_MAX     8u
#define EXEC_OUTPUT_LINES_MAX    32u /* lines of text looked at */

struct exec_output {
    char detail[SP_ADAPTER_DETAIL_MAX];     /* NUL-terminated UTF-8, cut between characters */
    char measures[SP_ADAPTER_MEASURES_MAX]; /* canonical: as above, apostrophes only where needed, one space between; NUL-terminated
                                             */
    uint32_t measures_count;
    uint32_t measures_bad; /* malformed, or beyond a limit */
};

/* Effect: fills *out from n bytes. Borrows text. */
void exec_output_read(const char *text, size_t n, struct exec_output *out);

/* Writes the outcome (enum sp_outcome) and reason (enum sp_reason) of exit status `code`; false: a status outside the contract
 * (above 3), which is error/plugin_exit. */
bool exec_output_verdict(int code, uint8_t *outcome, uint16_t *reason);

#endif
