/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_rules.h - judges a document of procmem_doc.h: what services may execute. The rules are an operator's; whatever they do
 * not excuse by name, count and size is refused with a reason of its own. Pure.
 *
 * What is judged is the word of the node's attester, read through the node's own kernel. It finds whoever changed a running service
 * and did not also change kernel or attester; nothing in it is rooted in hardware (the adapters `tpm` and `ima` are).
 */
#ifndef SPICE_PROCMEM_RULES_H
#define SPICE_PROCMEM_RULES_H

#include "evidence_reason.h"
#include "procmem_doc.h"
#include "sp_assert.h"

#define PROCMEM_EXCUSES_MAX 32u /* of one service */
#define PROCMEM_TEXT_MAX    768u

/* What an exception excuses. */
enum procmem_excuse {
    PROCMEM_EXCUSE_ANONYMOUS, /* executable memory of no file */
    PROCMEM_EXCUSE_WRITABLE,  /* memory that is writable and executable at once */
    PROCMEM_EXCUSE_MEMFD,     /* executable file of memory */
    PROCMEM_EXCUSE_DELETED,   /* file that has no name any more; its digest is judged all the same */
    PROCMEM_EXCUSE_SPECIAL,   /* region of the kernel, such as [uprobes] */
    PROCMEM_EXCUSE_TEXT,      /* memory that differs from its file; `bytes` counts what differs */
    PROCMEM_EXCUSE_UNLISTED,  /* file without an expected digest */
    PROCMEM_EXCUSES
};

struct procmem_exception {
    uint8_t what;     /* enum procmem_excuse */
    const char *name; /* pattern of a path or a region's name; `*` stands for any characters */
    uint32_t count;   /* mappings of one process, at most */
    uint64_t bytes;   /* of them together, at most */
};

struct procmem_allowed_setting {
    const char *name, *value; /* the value exactly */
};

/* What one service may be. */
struct procmem_rule {
    const char *name;
    uint32_t least, most;  /* processes */
    bool missing_is_error; /* fewer than `least`: nothing is known, instead of a failure of the node */
    bool tracer;           /* may be traced */
    bool deleted_warns;    /* a deleted file that is still an expected one is a remark: the service wants a restart */
    const uint32_t *uid;   /* any of these; none: any */
    uint32_t uids;
    const char *const *program; /* patterns of the program's path; none: any */
    uint32_t programs;
    const char *const *library; /* patterns of all files it may execute, the program included; none: any that is listed */
    uint32_t libraries;
    const struct procmem_exception *exception;
    uint32_t exceptions;
    const struct procmem_allowed_setting *setting;
    uint32_t settings;
};

enum procmem_known {
    PROCMEM_KNOWN_SAME,    /* one of the digests expected at this path */
    PROCMEM_KNOWN_OTHER,   /* others are expected */
    PROCMEM_KNOWN_UNLISTED /* none is */
};

struct procmem_policy {
    const struct procmem_rule *rule;
    uint32_t rules;
    bool unlisted_ok; /* files without an expected digest may run when only root can have written them */
    /* Returns what is known of a file. md5 may be NULL. Borrows all. */
    enum procmem_known (*known)(const void *ctx, struct sp_str path, const uint8_t sha256[32], const uint8_t *md5);
    const void *ctx;
};

struct procmem_judgement {
    enum evidence_reason reason; /* the gravest */
    enum sp_outcome outcome;
    char text[PROCMEM_TEXT_MAX]; /* what it is about, where, and what else was found */
    uint32_t findings, remarks;
    uint32_t processes, mappings, files;
    uint64_t compared; /* bytes */
};

/* Effect: judges one whole document. */
void procmem_judge(const struct procmem_policy *policy, struct sp_str document, struct procmem_judgement *out);

/* True when text fits the pattern, in which each `*` stands for any characters, none included. */
bool procmem_pattern(const char *pattern, struct sp_str text);

#endif
