/* SPDX-License-Identifier: Apache-2.0 */
/* Writes POSIX ustar archives into a buffer: folders and small files, owned by root, dated zero. Pure. */
#ifndef CTL_TAR_H
#define CTL_TAR_H

#include "sp_buf.h"

#define CTL_TAR_NAME_MAX 99u /* bytes of a path inside */

/* Appends a folder or a file. A path over CTL_TAR_NAME_MAX makes the buffer fail. Borrows. */
void ctl_tar_folder(struct sp_buf *b, const char *path, unsigned mode);
void ctl_tar_file(struct sp_buf *b, const char *path, struct sp_str content, unsigned mode);

/* Appends the end of the archive. */
void ctl_tar_end(struct sp_buf *b);

#endif
