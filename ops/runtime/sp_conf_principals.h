/* SPDX-License-Identifier: Apache-2.0 */
/* The principals of a fleet as principals.yaml names them: who may connect, with which keys, in which role and scope. */
#ifndef SP_CONF_PRINCIPALS_H
#define SP_CONF_PRINCIPALS_H

#include "sp_buf.h"
#include "sp_err.h"

#define SP_CONF_NAME_BYTES     41u
#define SP_CONF_PRINCIPALS_MAX 2048u

/* Numbers of enum role in schemas/spice.model, in that order; a test compares. */
enum sp_conf_role {
    SP_CONF_ROLE_NONE,
    SP_CONF_ROLE_BROKER,
    SP_CONF_ROLE_SCHEDULER,
    SP_CONF_ROLE_KEEPER,
    SP_CONF_ROLE_WORKER,
    SP_CONF_ROLE_OPERATOR,
    SP_CONF_ROLE_READER,
    SP_CONF_ROLE_ENROL,
    SP_CONF_ROLE_BRIDGE,
    SP_CONF_ROLE_ATTESTER
};

/* A row of principals.yaml. */
struct sp_conf_principal {
    char name[SP_CONF_NAME_BYTES];
    uint32_t role;
    uint8_t curve[32], sign[32];                               /* sign all zero: cannot sign */
    char adapters[513];                                        /* worker: scope, joined by commas; "*" = all */
    char nodes[256];                                           /* worker: selector of nodes; empty = all. attester: its one node */
    uint8_t next_curve[32], next_sign[32];                     /* the pair that follows; all zero: none */
    uint64_t not_after_s, next_not_before_s, next_not_after_s; /* wall clock; 0: none */
    bool revoked;
};
struct sp_conf_principals {
    uint32_t count;
    struct sp_conf_principal rows[SP_CONF_PRINCIPALS_MAX];
};

/* Effect: loads principals.yaml. Gives *out (free with sp_conf_principals_destroy). Names, keys and roles are checked, repeats refused. */
SP_MUST_USE enum sp_rc sp_conf_principals_load(const char *path, struct sp_conf_principals **out, struct sp_err *err);
/* Effect: the same of a text; file is its name in messages. */
SP_MUST_USE enum sp_rc sp_conf_principals_parse(const char *file, struct sp_str text, struct sp_conf_principals **out,
                                                struct sp_err *err);
void sp_conf_principals_destroy(struct sp_conf_principals **p);
/* Effect: appends them as YAML that load reads back. b->failed tells when it did not fit. */
void sp_conf_principals_print(const struct sp_conf_principals *p, struct sp_buf *b);
/* Lends the words of enum sp_conf_role, NULL-terminated. */
extern const char *const sp_conf_role_words[];

#endif
