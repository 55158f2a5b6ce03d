/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, for people: where (file and line, or the object), what, and what to do about it. Filled at the place that knows,
 * printed once at the place that decides. The three parts are the members of an error in the operator's JSON. */
#ifndef SP_ERR_H
#define SP_ERR_H

#include <stddef.h>

#include "sp_assert.h"
#include "sp_rc.h"

#define SP_ERR_WHERE_BYTES 192u /* file:line:column, or the name of the object */
#define SP_ERR_TEXT_BYTES  320u
#define SP_ERR_HINT_BYTES  256u

struct sp_err {
    char where[SP_ERR_WHERE_BYTES];
    char text[SP_ERR_TEXT_BYTES];
    char hint[SP_ERR_HINT_BYTES]; /* empty: none */
};

/* Effect: forgets everything. err may be NULL here and in every function that fills one. */
void sp_err_clear(struct sp_err *err);
/* Effect: sets where and text, empties the hint; too long is cut, control characters become '?'. Returns rc, so that callers can
 * write `return sp_err_set(...)`. Borrows all. */
enum sp_rc sp_err_set(struct sp_err *err, enum sp_rc rc, const char *where, const char *format, ...) SP_PRINTF(4, 5);
/* Effect: sets the hint. */
void sp_err_hint(struct sp_err *err, const char *format, ...) SP_PRINTF(2, 3);
/* Effect: writes "where: text (hint)" to `to`, cut at size. size > 0. */
void sp_err_line(const struct sp_err *err, char *to, size_t size);

#endif
