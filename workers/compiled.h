/* SPDX-License-Identifier: Apache-2.0 */
/* compiled.h - a Definition that came by the bus, checked against its digest and brought into its adapter's own form. */
#ifndef SPICE_COMPILED_H
#define SPICE_COMPILED_H

#include "msg.h"
#include "worker_adapters.h"

#define COMPILED_NO_ADAPTER UINT32_MAX

struct compiled {
    uint16_t reason;  /* 0: usable; else enum sp_reason */
    uint32_t adapter; /* row that made `check`; COMPILED_NO_ADAPTER: this module did */
    void *check;      /* usable: the adapter's form; else a text that explains the reason, or NULL */
};

/* Effect: fills *out; its check is the caller's until compiled_release. False (logged): the body does not fit the digest, nothing made. */
bool compiled_make(struct worker_adapters *adapters, const struct msg_definition *m, struct compiled *out);
void compiled_release(struct worker_adapters *adapters, uint32_t adapter, void *check);

#endif
