/* SPDX-License-Identifier: Apache-2.0 */
/* Every collector there is, for the table in collector.c and for tests. */
#ifndef SPICE_COLLECTOR_TABLE_H
#define SPICE_COLLECTOR_TABLE_H

#include "collector.h"

extern const struct collector collector_quote, collector_bootlog, collector_ima, collector_enroll, collector_activate,
    collector_files, collector_procmem;

#endif
