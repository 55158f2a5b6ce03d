/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_judge.h - holds what was found below trees against what must be there. Every kind of difference has its own count and its
 * own first example. Pure.
 *
 * A difference counts against the node. What could not be read, or changed while it was read, says nothing; nor is a file missing
 * below a directory that could not be listed.
 */
#ifndef SPICE_FILES_JUDGE_H
#define SPICE_FILES_JUDGE_H

#include "files_doc.h"

#define FILES_EXAMPLE_BYTES 400u
#define FILES_GAPS_MAX      64u

/* In the order in which one is chosen to stand for all. */
enum files_finding {
    FILES_FOUND_DIGEST, /* other content */
    FILES_FOUND_TYPE,   /* a link instead of a file ... */
    FILES_FOUND_TARGET, /* a link to elsewhere */
    FILES_FOUND_EXTRA,
    FILES_FOUND_MODE,
    FILES_FOUND_OWNER,
    FILES_FOUND_MISSING,
    FILES_FOUND_UNSTABLE, /* from here on: no statement about the node */
    FILES_FOUND_UNREADABLE,
    FILES_FOUND_TOO_LARGE,
    FILES_FOUND_COUNT
};

struct files_judge {
    const struct manifest_table *table; /* borrowed */
    uint8_t *seen;                      /* a bit for each row */
    uint64_t entries, bytes;
    uint32_t count[FILES_FOUND_COUNT];
    char example[FILES_FOUND_COUNT][FILES_EXAMPLE_BYTES];
    char *gap[FILES_GAPS_MAX]; /* directories whose content is not known */
    size_t gaps;
    bool gap_lost; /* there were more of them */
    bool malformed;
    bool ended;
    enum files_end end;
};

/* False: no memory. */
bool files_judge_init(struct files_judge *j, const struct manifest_table *table);
void files_judge_fini(struct files_judge *j);
/* Effect: takes one entry. False: it cannot be in an answer to our question, or comes twice; the document is malformed. */
bool files_judge_entry(struct files_judge *j, const struct files_entry *e);
/* Effect: looks for what is missing. Call once, after the end of the document. */
void files_judge_end(struct files_judge *j, enum files_end end, uint64_t entries, uint64_t bytes);
/* Returns the finding that stands for all; FILES_FOUND_COUNT: none. */
enum files_finding files_judge_worst(const struct files_judge *j);
/* True for findings that count against the node. */
bool files_finding_is_difference(enum files_finding f);
/* Lends the word of a finding, as in measures. */
const char *files_finding_name(enum files_finding f);

#endif
