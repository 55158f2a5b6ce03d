/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions: YAML documents of kind check, profile, pool, node, label or manifest, read against one table of keys per kind. A
 * definition has one canonical form, a JSON object with every key (defaults filled in, spans as texts, lists as lists), of a node with the
 * keys of the document only; what the fleet tells about its objects is brought into the same form, so that comparing is comparing JSON.
 */
#ifndef CTL_DEF_H
#define CTL_DEF_H

#include "sp_bind.h"

#include <jansson.h>

#define CTL_DEF_NAME_BYTES  65
#define CTL_DEF_ALIASES_MAX 8      /* of a node */
#define CTL_DEF_FILES_MAX   4096   /* files of one run, directories together */
#define CTL_DEF_COUNT_MAX   262144 /* definitions of one run */

enum ctl_def_kind {
    CTL_DEF_MANIFEST, /* in the order they must be sent: what is named before what names it; this one stays on this host */
    CTL_DEF_PROFILE,
    CTL_DEF_CHECK,
    CTL_DEF_NODE,
    CTL_DEF_LABEL,
    CTL_DEF_POOL,
    CTL_DEF_KINDS
};

struct ctl_def {
    enum ctl_def_kind kind;
    char name[256];
    json_t *want;                   /* canonical */
    char where[SP_ERR_WHERE_BYTES]; /* file:line:column of the document */
    json_t *named;                  /* of a check and a pool: where each name of another definition is written; NULL: none */
};

struct ctl_defs {
    struct ctl_def *items;
    size_t count;
    size_t room;
};

/* Word of a kind ("check"). Lends. */
const char *ctl_def_word(enum ctl_def_kind kind);

/* Where this definition names another one (file:line:column), else where it begins. Lends. */
const char *ctl_def_where(const struct ctl_def *def, const char *name);

/* Kind of a word; CTL_DEF_KINDS when there is none such. Borrows. */
enum ctl_def_kind ctl_def_kind_of(const char *word);

/* Adds all documents of a file ("-": standard input) or of all *.yaml and *.yml files of a directory. On failure defs holds what it
 * held before and err says where, what and the nearest right word. */
SP_MUST_USE enum sp_rc ctl_def_load(const char *path, struct ctl_defs *defs, struct sp_err *err);

/* The same for a text; file is the name for messages. */
SP_MUST_USE enum sp_rc ctl_def_parse(const char *file, struct sp_str text, struct ctl_defs *defs, struct sp_err *err);

/* Gives the canonical form of a row of KIND.list. Borrows. */
json_t *ctl_def_of_row(enum ctl_def_kind kind, const json_t *row);

/* Appends a canonical definition as a YAML document; keys at their default are left out, but of a node. */
void ctl_def_print(enum ctl_def_kind kind, const json_t *definition, struct sp_buf *b);

/* Releases all. */
void ctl_def_clear(struct ctl_defs *defs);

#endif
