/* SPDX-License-Identifier: Apache-2.0 */
/* procmem_maps.h - lines of /proc/PID/maps, and the few fields of other files there that procmem needs. Text in, values out. */
#ifndef SPICE_PROCMEM_MAPS_H
#define SPICE_PROCMEM_MAPS_H

#include "procmem_doc.h"

/* One line of maps. */
struct procmem_line {
    uint64_t start, end, offset, inode;
    uint32_t major, minor; /* of the device; some file systems say another one when asked about the file */
    bool read, write, execute, shared;
    struct sp_str path; /* as written, without " (deleted)"; empty: of no file */
    bool deleted;       /* it had " (deleted)" behind it */
};

/* Effect: takes the next line off the front of *text. False: there is none, or (text not empty then) it is no such line. */
bool procmem_maps_next(struct sp_str *text, struct procmem_line *out);
/* Returns what kind of memory a line without a file to look at is of; PROCMEM_MAP_FILE when it names a file. */
enum procmem_map_kind procmem_maps_kind(const struct procmem_line *line);
/* True for the names of files that were never in a file system, when they are deleted. */
bool procmem_maps_is_memfd(struct sp_str path);

/* Effect: fills from the content of stat: state and start. False: not such a file. */
bool procmem_maps_stat(struct sp_str text, char *state, uint64_t *start);
/* Returns field `index` (from 0) of the line of `status` that begins with name and a colon; 0 when there is none. */
uint32_t procmem_maps_status(struct sp_str text, const char *name, unsigned index);
/* Lends the text behind "Name:\t" of status. */
struct sp_str procmem_maps_name(struct sp_str text);

#endif
