/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void sp_assert_fail(const char *expression, const char *file, int line, const char *function)
{
    (void)fprintf(stderr, "assertion failed: %s at %s:%d in %s\n", expression, file, line, function);
    (void)fflush(stderr);
    abort();
}
