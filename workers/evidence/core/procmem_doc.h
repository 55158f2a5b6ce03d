/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_doc.h - what an attester says about the memory of services: which processes they have, what these may execute, from which
 * files that came, and where memory differs from its file. Written by the collector, read by the appraisal; both ends are here.
 *
 *     document = magic, services, files, processes      numbers have the most significant byte first
 *
 * A file is described once, however many processes map it. The reader is pulled: services, then files, then each process followed
 * by its settings and mappings, each mapping by its places. It allocates nothing, refuses whatever is over a limit of this header,
 * and lends views into the document. Pure.
 */
#ifndef SPICE_PROCMEM_DOC_H
#define SPICE_PROCMEM_DOC_H

#include "octets.h"
#include "sp_buf.h"

#define PROCMEM_DOC_BYTES_MAX (4u << 20)
#define PROCMEM_SERVICES_MAX  64u
#define PROCMEM_NAME_MAX      64u /* bytes of a service's name */
#define PROCMEM_FILES_MAX     8192u
#define PROCMEM_PROCESSES_MAX 4096u /* of all services together */
#define PROCMEM_MAPPINGS_MAX  4096u /* executable ones, of one process */
#define PROCMEM_PATH_MAX      4096u
#define PROCMEM_SETTINGS_MAX  16u /* of one process */
#define PROCMEM_VALUE_MAX     1024u
#define PROCMEM_PLACES_MAX    4u  /* of one mapping; more are counted */
#define PROCMEM_PLACE_BYTES   16u /* of memory and of the file, at one place */
#define PROCMEM_NO_FILE       0xffffffffu

enum procmem_service_state {
    PROCMEM_SERVICE_SEEN,   /* looked for; processes may be none */
    PROCMEM_SERVICE_UNKNOWN /* the attester's own configuration does not name it, so it did not look */
};

struct procmem_service {
    struct sp_str name;
    uint8_t state;      /* enum procmem_service_state */
    uint32_t processes; /* that follow in the document */
    uint32_t ended;     /* processes that ended while they were read: not in the document */
};

#define PROCMEM_FILE_DELETED   0x01u /* no name leads to it any more */
#define PROCMEM_FILE_UNREAD    0x02u /* could not be opened or read: no digests */
#define PROCMEM_FILE_LIMIT     0x04u /* larger than the attester may read: no digests */
#define PROCMEM_FILE_CHANGED   0x08u /* it changed each time it was read: no digests */
#define PROCMEM_FILE_MD5       0x10u /* md5 is there too */
#define PROCMEM_FILE_FLAGS     0x1fu
#define PROCMEM_FILE_NO_DIGEST (PROCMEM_FILE_UNREAD | PROCMEM_FILE_LIMIT | PROCMEM_FILE_CHANGED)

struct procmem_file {
    struct sp_str path; /* as the kernel names it in the list of mappings; without " (deleted)" */
    uint8_t flags;
    uint32_t mode, uid; /* of the inode */
    uint64_t size;
    const uint8_t *sha256; /* 32 bytes; NULL with a flag that says so */
    const uint8_t *md5;    /* 16 bytes, or NULL */
};

#define PROCMEM_PROCESS_MOVING 0x01u /* its mappings were others each time they were read */
#define PROCMEM_PROCESS_DENIED 0x02u /* the kernel does not let the attester look at it */
#define PROCMEM_PROCESS_LIMIT  0x04u /* more mappings, settings or bytes than the attester writes down */
#define PROCMEM_PROCESS_NO_MEM 0x08u /* its memory cannot be read (Yama), so nothing was compared */
#define PROCMEM_PROCESS_FLAGS  0x0fu

struct procmem_process {
    uint16_t service; /* index */
    uint8_t flags;
    uint32_t pid;
    uint64_t start;              /* clock ticks since boot: pid and start together name a process */
    uint32_t uid;                /* effective */
    uint32_t tracer;             /* pid of who traces it; 0: nobody */
    uint32_t exe;                /* index of the program's file, or PROCMEM_NO_FILE */
    struct sp_str name;          /* as the kernel shows it, at most 15 bytes */
    uint32_t settings, mappings; /* that follow */
};

/* One thing that changes what is loaded: a variable of the environment it was started with ("LD_PRELOAD"), or the content of
 * ld.so.preload ("ld.so.preload"). */
struct procmem_setting {
    struct sp_str name, value;
    bool cut; /* the value is longer than PROCMEM_VALUE_MAX */
};

#define PROCMEM_MAP_READ       0x01u
#define PROCMEM_MAP_WRITE      0x02u
#define PROCMEM_MAP_SHARED     0x04u
#define PROCMEM_MAP_UNCOMPARED 0x08u /* of a file that could not be read, or of memory that could not */
#define PROCMEM_MAP_FLAGS      0x0fu

enum procmem_map_kind {
    PROCMEM_MAP_FILE,
    PROCMEM_MAP_ANONYMOUS, /* name: what a program called it, or empty */
    PROCMEM_MAP_MEMFD,     /* file of memory without a file system: memfd, System V, shared anonymous */
    PROCMEM_MAP_VDSO,      /* of the kernel; compared with the attester's own */
    PROCMEM_MAP_SPECIAL,   /* other regions of the kernel: name says which */
    PROCMEM_MAP_KINDS
};

/* An executable mapping. */
struct procmem_mapping {
    uint8_t kind, flags;
    uint64_t start, bytes, offset; /* offset: in the file */
    uint32_t file;                 /* index, or PROCMEM_NO_FILE */
    struct sp_str name;            /* when there is no file; at most PROCMEM_NAME_MAX bytes, cut */
    uint64_t absent;               /* bytes of pages that are not in memory, so nothing can differ */
    uint64_t own;                  /* bytes of pages that are this process's own copies, equal or not */
    uint64_t compared;  /* bytes of memory held against the file; with absent they make all, or PROCMEM_MAP_UNCOMPARED says no */
    uint64_t differing; /* bytes */
    uint32_t places;    /* that follow: the first ones */
};

/* A run of differing bytes. */
struct procmem_place {
    uint64_t at; /* in the file; without one, in the mapping */
    uint64_t bytes;
    struct sp_str memory, file; /* the first bytes of both, equally many */
};

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct procmem_doc {
    struct octets rest; /* private, as all below */
    uint32_t services_left, files_left, processes_left, settings_left, mappings_left, places_left;
    uint32_t services, files;
    bool begun;
};

/* Effect: starts at the services. False: not such a document. */
bool procmem_doc_open(struct procmem_doc *d, struct sp_str bytes);
/* Each fills *out and returns true; false: there are no more of them, or the document is broken (procmem_doc_end knows). All of one
 * kind are to be taken before the next: services, files, then per process its settings and mappings, per mapping its places. */
bool procmem_doc_service(struct procmem_doc *d, struct procmem_service *out);
bool procmem_doc_file(struct procmem_doc *d, struct procmem_file *out);
bool procmem_doc_process(struct procmem_doc *d, struct procmem_process *out);
bool procmem_doc_setting(struct procmem_doc *d, struct procmem_setting *out);
bool procmem_doc_mapping(struct procmem_doc *d, struct procmem_mapping *out);
bool procmem_doc_place(struct procmem_doc *d, struct procmem_place *out);
/* True when everything was taken, was well formed, and nothing is left over. */
bool procmem_doc_end(const struct procmem_doc *d);
/* Number of files, known after the services. */
uint32_t procmem_doc_files(const struct procmem_doc *d);

/* ---- writing --------------------------------------------------------------------------------------------------- */
/* Straight-line: the buffer keeps the error. Counts are written before their items; texts that are too long are cut. */

void procmem_put_head(struct sp_buf *b, uint32_t services);
void procmem_put_service(struct sp_buf *b, const struct procmem_service *s);
void procmem_put_count(struct sp_buf *b, uint32_t n); /* of files after the services, of processes after the files */
void procmem_put_file(struct sp_buf *b, const struct procmem_file *f);
void procmem_put_process(struct sp_buf *b, const struct procmem_process *p); /* settings, then mappings follow */
void procmem_put_setting(struct sp_buf *b, const struct procmem_setting *s);
void procmem_put_mapping(struct sp_buf *b, const struct procmem_mapping *m); /* places follow */
void procmem_put_place(struct sp_buf *b, const struct procmem_place *p);

#endif
