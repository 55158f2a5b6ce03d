/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_compare.h - holds the memory of one mapping against the file it came from. Pages that are not in memory are left alone:
 * they would come from the file, and looking at them would bring them in at the cost of the process. Nothing is stopped; a
 * difference is looked at again before it is believed.
 */
#ifndef SPICE_PROCMEM_COMPARE_H
#define SPICE_PROCMEM_COMPARE_H

#include "procmem_files.h"
#include "procmem_maps.h"

struct procmem_compare {
    const struct collect_request *request;
    int memory;  /* /proc/PID/mem: stays with the address space it was opened for */
    int pagemap; /* -1: all pages are taken for present */
    uint64_t page;
    uint8_t *from_memory, *from_file; /* PROCMEM_CHUNK_BYTES each */
    /* what was found, for the document */
    struct procmem_mapping *mapping;
    struct procmem_place place[PROCMEM_PLACES_MAX];
    uint8_t bytes[PROCMEM_PLACES_MAX][2][PROCMEM_PLACE_BYTES];
};

/* Effect: the buffers. False: no memory. */
bool procmem_compare_init(struct procmem_compare *self, const struct collect_request *request);
void procmem_compare_fini(struct procmem_compare *self);
/* Effect: compares a mapping with the file from line->offset on; fills absent, own, compared, differing and places of `mapping` and
 * the places of self; PROCMEM_MAP_UNCOMPARED when memory or file cannot be read. */
void procmem_compare_file(struct procmem_compare *self, const struct procmem_line *line, int file, struct procmem_mapping *mapping);
/* Effect: the same against bytes of our own, as many as the mapping has. */
void procmem_compare_bytes(struct procmem_compare *self, const struct procmem_line *line, const uint8_t *bytes,
                           struct procmem_mapping *mapping);

#endif
