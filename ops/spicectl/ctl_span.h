/* SPDX-License-Identifier: Apache-2.0 */
/* Spans, ages and numbers as people read them; rounded, unlike sp_time_format_span. Pure. */
#ifndef CTL_SPAN_H
#define CTL_SPAN_H

#include <stddef.h>
#include <stdint.h>

#define CTL_SPAN_MAX 24 /* bytes that hold every result */

/* Writes ms exactly when it is a round figure and to two units otherwise: "5m", "1m 12s", "3h 5m", "250ms"; negative: "-". */
const char *ctl_span_text(int64_t ms, char *to, size_t size);

/* Writes microseconds: "12us", "1.3ms", "4.2s". */
const char *ctl_span_micro(uint64_t us, char *to, size_t size);

/* Writes a large number with a suffix: "999", "12.3k", "4.5M", "1.2G". */
const char *ctl_span_count(uint64_t n, char *to, size_t size);

#endif
