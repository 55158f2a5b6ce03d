/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree manifests: which files nodes must have (manifest_table.h). Made on a reference machine, signed with an operator's key, put
 * into the policies of workers. A check believes one when its definition names the key, or the digest of the whole.
 */
#ifndef CTL_TREE_H
#define CTL_TREE_H

#include "ctl.h"

/* True when there is a file at path that begins as a tree manifest does. */
bool ctl_tree_is(const char *path);

/* What `manifest sign` and `manifest show` do for one. Return the exit code. */
int ctl_tree_sign(struct ctl *ctl);
int ctl_tree_show(struct ctl *ctl);

#endif
