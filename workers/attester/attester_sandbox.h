/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of the attester can no longer do. Both: nothing is executed, no file is made, changed or removed, nobody
 * connects to them; no new privileges, no name spaces, no kernel interfaces. */
#ifndef SPICE_ATTESTER_SANDBOX_H
#define SPICE_ATTESTER_SANDBOX_H

#include <stdbool.h>

#include "sp_err.h"

/* Effect: the part on the bus: no capability at all, whoever it is. */
SP_MUST_USE enum sp_rc attester_sandbox_front(struct sp_err *err);
/* Effect: the part that reads: at most the rights to read every file and every process; no network unless
 * asked for (a TPM that is reached by TCP). */
SP_MUST_USE enum sp_rc attester_sandbox_back(bool network, struct sp_err *err);

#endif
