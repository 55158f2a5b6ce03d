/* SPDX-License-Identifier: Apache-2.0 */
/* Files, carefully: bounded reads, atomic writes, private directories. Not for stores (sp_db). */
#ifndef SP_FS_H
#define SP_FS_H

#include <sys/types.h>

#include "sp_err.h"
#include "sp_str.h"

#define SP_FS_PATH_BYTES 512u /* longest path with its NUL */

/* What sp_fs_read insists on besides a regular file. */
#define SP_FS_PRIVATE 1u /* owner is us or root, no bits for group and others, one link, not a symbolic link */
#define SP_FS_OWNED   2u /* owner is us or root and not everybody may write */

/* Effect: reads a whole regular file of at most max bytes (a NUL follows the content, not counted). Gives *out (free it; for
 * secrets use sp_fs_read_into). SP_E_NOT_FOUND, SP_E_LIMIT, SP_E_PERMISSION (mode, owner, links), SP_E_IO. */
SP_MUST_USE enum sp_rc sp_fs_read(const char *path, size_t max, unsigned flags, char **out, size_t *n, struct sp_err *err);
/* The same into the caller's memory of `size` bytes; *n bytes were read. */
SP_MUST_USE enum sp_rc sp_fs_read_into(const char *path, char *to, size_t size, unsigned flags, size_t *n, struct sp_err *err);
/* Effect: replaces path by n bytes: temporary file beside it, fsync, rename, fsync of the directory. After a crash it is old or new. */
SP_MUST_USE enum sp_rc sp_fs_write(const char *path, const void *p, size_t n, mode_t mode, struct sp_err *err);
/* Effect: as sp_fs_write, but SP_E_EXISTS when there is something at path already (O_EXCL). */
SP_MUST_USE enum sp_rc sp_fs_create(const char *path, const void *p, size_t n, mode_t mode, struct sp_err *err);
/* Effect: makes the directory and its missing parents with this mode. An existing one must be a directory and is left as it is. */
SP_MUST_USE enum sp_rc sp_fs_mkdirs(const char *path, mode_t mode, struct sp_err *err);
/* Effect: joins base and path with one '/'; an absolute path stays itself. SP_E_LIMIT when it does not fit. */
SP_MUST_USE enum sp_rc sp_fs_join(char *to, size_t size, const char *base, const char *path);
/* Effect: makes a file of exactly `bytes` allocated bytes (the reserve that is given back when the disk is full). SP_E_FULL. */
SP_MUST_USE enum sp_rc sp_fs_reserve(const char *path, uint64_t bytes, struct sp_err *err);
/* Effect: writes all n bytes, EINTR and short writes handled; for plain files. False with errno. */
SP_MUST_USE bool sp_fs_write_all(int fd, const void *p, size_t n);

#endif
