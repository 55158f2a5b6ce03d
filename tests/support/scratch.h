/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory for one test, under TMPDIR. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

#define SCRATCH_BYTES 128u

struct scratch {
    char dir[SCRATCH_BYTES];
};

/* Effect: makes the directory; the test program stops when it cannot. */
void scratch_init(struct scratch *s);
/* Effect: removes it and everything in it. */
void scratch_fini(struct scratch *s);
/* Effect: writes "DIR/name" to `to`, and returns it. */
const char *scratch_path(const struct scratch *s, const char *name, char *to, size_t size);
/* Effect: writes a file with this mode; n = SIZE_MAX: text is a string. */
void scratch_file(const struct scratch *s, const char *name, const void *text, size_t n, unsigned mode);

#endif
