/* SPDX-License-Identifier: Apache-2.0 */
/* The audit goes to another place too, where whoever edits this store cannot reach it (K37): each row as one line of JSON with its hash,
 * appended to the configured file at least every minute. */
#ifndef KEEPER_EXPORT_H
#define KEEPER_EXPORT_H

#include "nodes_shell.h"

#define KEEPER_EXPORT_ROWS_MAX 20000u /* rows per call; the rest follows in the next */

/* Effect: appends committed rows that are not in the file yet. A failure is logged and tried again. */
void keeper_export_run(struct nodes_shell *s);

#endif
