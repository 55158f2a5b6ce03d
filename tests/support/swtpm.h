/* SPDX-License-Identifier: Apache-2.0 */
/* A software TPM for one test: swtpm as a child over UNIX sockets, from a recorded state. It dies with the test. */
#ifndef SWTPM_H
#define SWTPM_H

#include <sys/types.h>

#include "scratch.h"

struct swtpm {
    struct scratch scratch;
    pid_t pid;
    char tcti[224]; /* for tpm_device_open */
};

/* Effect: copies tests/vectors/tpm/state/NAME and starts; the test program stops when it cannot. */
void swtpm_init(struct swtpm *t, const char *name);
/* Effect: starts on a state directory made by swtpm_setup, with the issuer's certificates beside it (root.pem, issuer.pem). */
void swtpm_init_made(struct swtpm *t);
/* Effect: ends it as a power cut does, with its state kept. */
void swtpm_cut(struct swtpm *t);
/* Effect: starts it again on the state it had. */
void swtpm_start(struct swtpm *t);
/* Effect: ends it and removes everything. */
void swtpm_fini(struct swtpm *t);

#endif
