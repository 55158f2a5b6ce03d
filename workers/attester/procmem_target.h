/* SPDX-License-Identifier: Apache-2.0 */
/* procmem_target.h - the file behind a mapping of another process, whatever its name leads to by now. */
#ifndef SPICE_PROCMEM_TARGET_H
#define SPICE_PROCMEM_TARGET_H

#include "procmem_maps.h"

/* Returns a descriptor of the file that is mapped there: through map_files, which needs CAP_CHECKPOINT_RESTORE, else by its name as
 * the process sees it, when device and inode are those of the mapping. -1: it is no regular file, or cannot be opened. Devices are
 * never opened: that alone can have effects. */
int procmem_target_open(int dir, const struct procmem_line *line);
/* True when the file lives in memory only: it was never in a directory. */
bool procmem_target_is_memory(int fd);
/* Returns a descriptor of `path` as the process sees it, symbolic links followed below its own root. -1 with errno. */
int procmem_target_open_path(int dir, const char *path);

#endif
