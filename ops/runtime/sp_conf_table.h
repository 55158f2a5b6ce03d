/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind sp_conf: one row per key. A part of sp_conf; others use sp_conf.h. */
#ifndef SP_CONF_TABLE_H
#define SP_CONF_TABLE_H

#include "sp_conf.h"

extern const struct sp_bind_table sp_conf_table;            /* struct sp_conf */
extern const struct sp_bind_table sp_conf_table_workers;    /* one row of workers: */
extern const struct sp_bind_table sp_conf_table_principals; /* struct sp_conf_principals */

#endif
