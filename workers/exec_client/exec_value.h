/* SPDX-License-Identifier: Apache-2.0 */
/* exec_value.h - small texts the exec adapter hands out: argument lists as JSON, names of signals. Pure. */
#ifndef EXEC_VALUE_H
#define EXEC_VALUE_H

#include <stdint.h>

#include "sp_buf.h"

/* Effect: replaces the content of *out by the JSON list of these texts, on one line. out->failed: too long. */
void exec_value_list(const char *const *texts, uint32_t count, struct sp_buf *out);
/* Lends: "SIGKILL" and so on, "unknown" for other numbers. */
const char *exec_value_signal(int number);

#endif
