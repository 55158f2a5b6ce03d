/* SPDX-License-Identifier: Apache-2.0 */
/* Who may talk on the bus: names, roles, public keys, scopes and ends of validity. Pure; rows live in an array sized at init.
 *
 * A name has a pair of keys and, while keys are being changed, a second pair that follows; each pair has its own time.
 *
 * A row's place (index) is what the admission handler gives libzmq as user id, together with the generation of the pair that was
 * shown: when the key or role of a name changes, or the row is used again for another name, the generation moves on and connections
 * admitted under the old one are nobody's from the next message on. A pair that moves from second place to first keeps its own.
 * Rows from the principals file outrank PrincipalSet: it may revoke their keys and change nothing else. A revocation is of a key:
 * it outlives every new reading of the file, and ends when the file gives the name another CURVE key and another signing key at
 * once. */
#ifndef PRINCIPAL_H
#define PRINCIPAL_H

#include "msg.h"
#include "sp_map.h"

#define PRINCIPAL_NAME_BYTES    41u /* REC_PRINCIPAL name and its NUL */
#define PRINCIPAL_ADAPTERS_MAX  64u /* different adapter names a broker knows; one bit each */
#define PRINCIPAL_USER_ID_BYTES 9u  /* eight hexadecimal digits and NUL */
#define PRINCIPAL_INDEX_BITS    18u /* of the user id; the rest is the generation */
#define PRINCIPAL_ROWS_MAX      (1u << 16)
#define PRINCIPAL_NONE          UINT32_MAX
#define PRINCIPAL_PAIRS         2u /* the pair that is, and the one that follows */

struct principal_pair {
    bool used;
    uint16_t generation;
    uint8_t curve[32];
    uint8_t sign[32];      /* all zero: it cannot sign */
    uint64_t not_before_s; /* wall clock */
    uint64_t not_after_s;  /* wall clock; 0: no end */
};

struct principal {
    char name[PRINCIPAL_NAME_BYTES];
    uint8_t role; /* enum sp_role */
    bool used;
    bool revoked;
    bool struck; /* by the keeper: the file cannot take that back for this key */
    bool from_file;
    bool marked;         /* seen in the PrincipalSet that is being applied */
    uint16_t generation; /* counts keys of this row: the last one given */
    struct principal_pair pair[PRINCIPAL_PAIRS];
    uint64_t adapters;                     /* worker: bits of principal_adapter_bit it may serve */
    char node[REC_NODE_INFO_NAME_MAX + 1]; /* attester: its one node */
    uint64_t admin_id;                     /* largest id of a write taken from this operator */
    uint32_t first_link;                   /* owned by broker_core: its first connection, or UINT32_MAX */
    uint32_t next_free;                    /* private */
    uint64_t refused;                      /* messages refused from it */
};

struct principal_table {
    struct principal *rows;
    uint32_t size;
    uint32_t count;     /* rows in use */
    uint32_t free;      /* first free row */
    uint64_t version;   /* of the last complete PrincipalSet */
    uint64_t pending;   /* version of the set that is being applied */
    uint32_t next_part; /* 0: none is being applied */
    uint64_t changes;   /* moves with every change that admission must learn */
    uint8_t seed[16];
    struct sp_map by_name;
    struct sp_map by_curve;
    struct sp_map dead; /* keys the keeper revoked: for the life, whatever name the file gives them later */
    uint32_t adapters;
    char adapter[PRINCIPAL_ADAPTERS_MAX][33];
};

/* Effect: room for `size` rows (at most PRINCIPAL_ROWS_MAX). The seed keys the hash tables. False without memory. */
bool principal_init(struct principal_table *t, uint32_t size, const uint8_t seed[16]) SP_MUST_USE;
void principal_fini(struct principal_table *t);

/* Effect: inserts the row or changes the one of that name; *index tells where. SP_E_FULL: no row left. SP_E_EXISTS: the CURVE key
 * belongs to another name. SP_E_AUTHORITY: the name is in the file and this does not come from it; when it is a revoked row, the
 * file's rows with one of its keys are revoked all the same. SP_E_INVALID: name, role, keys or node are not well-formed. On other errors
 * nothing changed. */
enum sp_rc principal_put(struct principal_table *t, const struct rec_principal *from, bool from_file, uint32_t *index) SP_MUST_USE;

/* Effect: one part of a PrincipalSet. After the last one, names of earlier sets that are in no part are gone. SP_E_STALE: an older
 * version or a part out of order: nothing changed, ask for the set again. Rows that cannot be taken are counted in *bad. */
enum sp_rc principal_set(struct principal_table *t, const struct msg_principal_set *set, uint32_t *bad) SP_MUST_USE;

/* Effect: begins a new reading of the principals file, and ends it: names of the file that were not put again are gone. */
void principal_file_begin(struct principal_table *t);
void principal_file_end(struct principal_table *t);

/* Returns the index or PRINCIPAL_NONE. Revoked and expired rows are found too. */
uint32_t principal_by_name(const struct principal_table *t, struct sp_str name);
uint32_t principal_by_curve(const struct principal_table *t, const uint8_t curve[32]);
/* By the user id of a message: NULL, empty, malformed and out-dated ones are nobody. *pair: which of its pairs. */
uint32_t principal_by_user_id(const struct principal_table *t, const char *user_id, unsigned *pair);
void principal_user_id(const struct principal_table *t, uint32_t index, unsigned pair, char to[PRINCIPAL_USER_ID_BYTES]);
/* Number of the pair with this generation, PRINCIPAL_PAIRS when there is none any more. */
unsigned principal_pair_of(const struct principal *p, uint16_t generation);

/* True when it may talk at this wall time (seconds): under this pair; under any. */
bool principal_pair_is_valid(const struct principal *p, unsigned pair, uint64_t wall_s);
bool principal_is_valid(const struct principal *p, uint64_t wall_s);
/* The first second after this one in which a pair begins or ends; UINT64_MAX: none. */
uint64_t principal_next_change(const struct principal_table *t, uint64_t wall_s);

/* Bits of a comma separated list of adapters; "*" is every bit. Unknown names get a bit while there are some left. */
uint64_t principal_adapter_bits(struct principal_table *t, struct sp_str list);

/* Aborts when an invariant is broken. */
void principal_check(const struct principal_table *t);

#endif
