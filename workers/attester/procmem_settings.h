/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_settings.h - what changes which code a process loads: variables of the environment it was started with, and ld.so.preload
 * as it sees that file now. A process can write over its environment afterwards: what is found there was so; what is not may have
 * been. Libraries that were loaded are found as mappings in any case.
 */
#ifndef SPICE_PROCMEM_SETTINGS_H
#define SPICE_PROCMEM_SETTINGS_H

#include "procmem_doc.h"

/* Effect: appends the settings of the process behind `dir`; flags get PROCMEM_PROCESS_LIMIT when not all were written. Returns
 * their number. `text` is used for what is read. */
uint32_t procmem_settings_write(int dir, struct sp_buf *text, struct sp_buf *out, uint8_t *flags);

/* Effect: text = content of a file below `dir`. False with errno; EFBIG: it did not fit. */
bool procmem_settings_read(int dir, const char *name, struct sp_buf *text);

#endif
