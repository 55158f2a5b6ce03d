/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collector.h - a collector makes one kind of document about this node: a quote, a log, the memory of a service. It reads and
 * writes down; it judges nothing.
 *
 * A new kind is one file `collect_NAME.c` that defines `collector_NAME`, and one row of the table in collector.c.
 *
 * Collectors run in a process of their own, which is made for one question and ends with it: they may block, and what they leak
 * goes with them. That process has a time limit, the right to read every file and every process (CAP_DAC_READ_SEARCH,
 * CAP_SYS_PTRACE), and no network.
 *
 * `args` comes from whoever may ask, thus from whoever stole a worker's key. It has a size limit and nothing else was checked: read
 * it with collect_args. What may be read is decided by the site, which is this host's configuration, and never by the question.
 */
#ifndef SPICE_COLLECTOR_H
#define SPICE_COLLECTOR_H

#include <jansson.h>

#include "msg.h"
#include "sp_str.h"

#define COLLECT_NONCE_BYTES  32u
#define COLLECT_KEY_BYTES    32u
#define COLLECT_DETAIL_BYTES 256u
#define COLLECT_ARGS_DEPTH   8u
#define COLLECT_PATH_BYTES   4096u
#define COLLECT_DOCUMENT_MAX (64u << 20) /* no document is larger, whoever asks */

struct collect_pace; /* what this process may still spend; collector.c */

/* What this host allows, and where things are. Of the configuration; the same for every question. */
struct collect_site {
    const char *tcti;               /* of the TPM, as tpm2-tss has it */
    uint32_t ak_handle;             /* where the attestation key is kept in the TPM */
    bool ak_rsa;                    /* a new attestation key is RSA-2048 instead of ECC P-256 */
    const char *boot_log, *ima_log; /* files */
    const char *root;               /* put in front of every path of files: "", or a directory of a test */
    const char *proc;               /* "/proc", or a directory of a test */
    const char *const *trees;       /* absolute paths; `files` reads these and what is below */
    uint32_t tree_count;
    const char *const *services; /* texts of procmem_find.h; `procmem` looks at these */
    uint32_t service_count;
    bool unclean;              /* the collector before this one died: its handles may be left in the TPM */
    uint64_t bytes_per_s;      /* of files and memory; 0: no limit */
    struct collect_pace *pace; /* of this process; NULL: no limit */
};

/* One question. Borrowed for the call. */
struct collect_request {
    struct sp_str kind, node, args;
    const uint8_t *nonce;                /* COLLECT_NONCE_BYTES, the verifier's */
    const uint8_t *sign_key, *curve_key; /* COLLECT_KEY_BYTES each: with these this attester speaks on the bus */
    const struct collect_site *site;
};

/* Where the document goes. */
struct collect_out {
    int fd;                            /* written from its start; collect_put does it */
    uint64_t max;                      /* bytes */
    uint64_t n;                        /* bytes written */
    bool failed;                       /* over max, or the write failed; stays */
    char detail[COLLECT_DETAIL_BYTES]; /* for people, with a reason that is not ok; printable ASCII */
};

struct collector {
    const char *kind;
    /* Effect: writes the whole document. Returns enum sp_reason: SP_REASON_OK, or why there is none; then `out->detail` says more.
     */
    uint16_t (*collect)(const struct collect_request *request, struct collect_out *out);
    bool tpm;            /* it uses the TPM */
    bool operators_only; /* workers do not get it */
};

/* ---- table ----------------------------------------------------------------------------------------------------- */

extern const struct collector *const collectors[]; /* ends with NULL */
/* Lends the collector of a kind, NULL when there is none. */
const struct collector *collector_find(struct sp_str kind);
/* Effect: runs it, and sees to it that a document that did not fit or could not be written is none. Returns enum sp_reason. */
uint16_t collector_run(const struct collect_request *request, struct collect_out *out);

/* ---- help for collectors --------------------------------------------------------------------------------------- */

/* Effect: appends to the document; after a failure nothing more. False: failed. */
bool collect_put(struct collect_out *out, const void *p, size_t n);
/* Effect: appends one section (sections.h). False: failed. */
bool collect_section(struct collect_out *out, const char *name, struct sp_str bytes);
/* Effect: writes `detail` and returns the reason, so that collectors can end with it. */
uint16_t collect_fail(struct collect_out *out, uint16_t reason, const char *format, ...) SP_PRINTF(3, 4);
/* Effect: reads `args` strictly: one JSON object, at most COLLECT_ARGS_DEPTH deep, no name twice. Gives it (json_decref); NULL with
 * *reason and a detail. */
json_t *collect_args(const struct collect_request *request, struct collect_out *out, uint16_t *reason);
/* Effect: refuses names that are not in the list (NULL-terminated). False with a detail. */
bool collect_args_only(const json_t *args, const char *const *names, struct collect_out *out);
/* Effect: `to` = the site's root and the path. False: too long. to holds COLLECT_PATH_BYTES. */
bool collect_path(const struct collect_site *site, const char *path, char *to);
/* True when the absolute path is one of the site's trees or below one, and has no "." or ".." in it. */
bool collect_tree_allowed(const struct collect_site *site, struct sp_str path);
/* Effect: call it after each piece of work with the bytes read; it sleeps as long as the budgets of I/O and CPU say. */
void collect_spend(const struct collect_request *request, uint64_t bytes);

#endif
