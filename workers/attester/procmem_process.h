/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_process.h - writes down one process: who it is, what may change what it loads, its executable mappings.
 *
 * All is read through one descriptor of its directory below /proc, which never leads to another process, not even when the number
 * is used again. The process is not stopped: when the list of its executable mappings is not the same after as before, or one of
 * them cannot be read or differs from its file, all is read again, three times at most.
 */
#ifndef SPICE_PROCMEM_PROCESS_H
#define SPICE_PROCMEM_PROCESS_H

#include "procmem_compare.h"

/* What one document needs while it is made. */
struct procmem_scan {
    const struct collect_request *request;
    struct procmem_files files;
    struct procmem_compare compare;
    const uint8_t *vdso; /* our own */
    uint64_t vdso_bytes;
    struct sp_buf text;               /* of the file at hand */
    struct sp_buf before, after;      /* executable lines of maps */
    struct sp_buf settings, mappings; /* of the process at hand, as they go into the document */
    bool doubtful;                    /* one of its mappings could not be read, or differs */
};

/* Effect: buffers and tables. False: no memory. */
bool procmem_scan_init(struct procmem_scan *self, const struct collect_request *request, bool md5);
void procmem_scan_fini(struct procmem_scan *self);

/* Effect: appends the process behind `dir` to the document. False: it has ended, or is about to. */
bool procmem_process_write(struct procmem_scan *self, int dir, uint32_t pid, uint16_t service, struct sp_buf *out);
/* Effect: *start of the process behind dir. False: it has ended. */
bool procmem_process_start(int dir, uint64_t *start);

#endif
