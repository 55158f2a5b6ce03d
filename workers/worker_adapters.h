/* SPDX-License-Identifier: Apache-2.0 */
/* worker_adapters.h - the adapters this worker runs: chosen by configuration, started, named, stopped. */
#ifndef SPICE_WORKER_ADAPTERS_H
#define SPICE_WORKER_ADAPTERS_H

#include "adapter.h"
#include "sp_conf.h"

#define WORKER_ADAPTERS_ROWS  32u
#define WORKER_SETTINGS_BYTES 16384u /* JSON of one adapter's settings */

struct worker_adapter {
    const struct sp_adapter *adapter;
    void *instance;
    bool started; /* jobs were handed to it in this turn */
};

struct worker_adapters {
    uint32_t count;
    struct worker_adapter row[WORKER_ADAPTERS_ROWS];
    char names[513]; /* comma separated, for Hello */
};

/* Effect: starts each adapter of the table that the configuration names ("*" or nothing: all). An adapter that cannot work here is left
 * out with a warning, unless it was named: then SP_E_INVALID. `host` is borrowed until worker_adapters_close. */
SP_MUST_USE enum sp_rc worker_adapters_open(struct worker_adapters *self, const struct sp_adapter *const *table,
                                            const struct sp_adapter_host *host, const struct sp_conf_worker *conf,
                                            struct sp_err *err);
void worker_adapters_close(struct worker_adapters *self);
/* Returns the row of an adapter's name, WORKER_ADAPTERS_ROWS when it does not run here. */
uint32_t worker_adapters_find(const struct worker_adapters *self, struct sp_str name);

#endif
