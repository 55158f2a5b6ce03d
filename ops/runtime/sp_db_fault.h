/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of the disk, for tests: a shim between SQLite and the files. Inert unless armed; stores opened while it is armed go through it. */
#ifndef SP_DB_FAULT_H
#define SP_DB_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum sp_db_fault {
    SP_DB_FAULT_NONE,        /* count only */
    SP_DB_FAULT_FULL,        /* no space */
    SP_DB_FAULT_IO,          /* write, sync or truncate fails */
    SP_DB_FAULT_SHORT_WRITE, /* half of the bytes are written, then it fails (a torn page) */
    SP_DB_FAULT_CRASH        /* the process ends at this point, as by kill -9 */
};

/* Effect: the `countdown`-th write, sync or truncate from now on (1 = the next, 0 = never) fails like this; `sticky`: every later one too.
 * Stores opened from now on are subject to it, until sp_db_fault_disarm. */
void sp_db_fault_arm(enum sp_db_fault kind, uint32_t countdown, bool sticky);
/* Effect: no more faults; stores already opened keep the (now inert) shim. */
void sp_db_fault_disarm(void);
/* Returns writes, syncs and truncates since arming, to know how far to count. */
uint32_t sp_db_fault_seen(void);
/* Lends the name of the file layer to open stores with: the shim when armed, NULL (SQLite's own) when not. For sp_db. */
const char *sp_db_fault_layer(void);

#endif
