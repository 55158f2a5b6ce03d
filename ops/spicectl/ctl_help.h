/* SPDX-License-Identifier: Apache-2.0 */
/* Help for people and the completion script for bash, both made from the command table. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ctl_cmd.h"
#include "ctl_out.h"

/* Prints the overview of all commands. Borrows. */
void ctl_help_overview(struct ctl_out *out);

/* Prints the commands of one noun, or one command in full when it stands alone or verb is given. Borrows. */
void ctl_help_noun(struct ctl_out *out, const char *noun, const char *verb);

/* Prints the bash completion script. Borrows. */
void ctl_help_completion(struct ctl_out *out);

#endif
