/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that stay on in release builds. They state what must hold of our own code; data from outside never reaches one
 * (it is counted and refused). On failure: location and expression on standard error, then abort: stopping is safer than
 * continuing wrongly. */
#ifndef SP_ASSERT_H
#define SP_ASSERT_H

/* Effect: prints and aborts; never returns. Callable from a signal-unsafe place only. */
_Noreturn void sp_assert_fail(const char *expression, const char *file, int line, const char *function);

#define SP_ASSERT(expr)              ((expr) ? (void)0 : sp_assert_fail(#expr, __FILE__, __LINE__, __func__))
#define SP_IMPLIES(a, b)             SP_ASSERT(!(a) || (b))
#define SP_UNREACHABLE()             sp_assert_fail("unreachable", __FILE__, __LINE__, __func__)
#define SP_STATIC_ASSERT(expr, text) _Static_assert(expr, text)
#define SP_MUST_USE                  __attribute__((warn_unused_result))
#define SP_PRINTF(fmt, args)         __attribute__((format(printf, fmt, args)))
#define SP_COUNT(array)              (sizeof(array) / sizeof((array)[0]))

#endif
