/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes, and with each its pairs (sorted by check id, 64 bytes each) and its memberships. Numbers are permanent and dense from 1;
 * a retired node keeps its number, name and aliases. Key and name are bound to each other for good (K3): another key under a known name
 * is a conflict until the old node was retired, and then starts a new generation. Aliases are further names by which people may ask for
 * a node; trust never goes by them. A word names at most one node, as its name or as an alias; words are ASCII and compared bytewise
 * (K29). One owner, one thread; pure. */
#ifndef NODE_REGISTRY_H
#define NODE_REGISTRY_H

#include "membership.h"

#define NODE_ROWS_MAX          131072u
#define NODE_PAIRS_MAX         CHECK_ROWS_MAX /* per node */
#define NODE_NAME_BYTES_MAX    64u
#define NODE_ADDRESS_BYTES_MAX 255u
#define NODE_LABELS_BYTES_MAX  2048u
#define NODE_ALIASES_MAX       8u
#define NODE_ALIASES_BYTES_MAX (NODE_ALIASES_MAX * (NODE_NAME_BYTES_MAX + 1) - 1) /* joined by commas */
#define NODE_ID_NONE           0u

enum node_origin { NODE_ORIGIN_FILE = 0, NODE_ORIGIN_API = 1, NODE_ORIGIN_NOVA = 2 };

struct node_row { /* what every result looks at comes first, in one line of the cache */
    struct pair_state *pairs;
    uint32_t pair_count;
    uint32_t pair_size;
    uint32_t pair_first; /* private: check id of pairs[0] */
    uint32_t id;
    uint32_t generation; /* results of an older one are void */
    uint8_t state;       /* enum sp_node_state */
    uint8_t origin;      /* enum node_origin */
    bool judge;          /* private: waits to be judged */
    bool grant;          /* private to the keeper's judgement: a membership waits for its audit row */
    bool fold;           /* private: differs from the store */
    bool open;           /* private to the keeper's intake: results of it wait for their commit */
    uint8_t key[16];
    uint64_t version;  /* registry version of the last change */
    uint64_t instance; /* reset and restart counter of its TPM as last proved (K5); 0: not known */
    uint16_t
        instance_worker; /* number of who reported it; 0 with an instance: whose word counts no more, see keeper_boots_doubted */
    char *name;          /* owned, terminated */
    char *address;       /* owned, terminated */
    char *labels;        /* owned, terminated */
    char *aliases;       /* owned, terminated; as in node_def */
    struct membership *members; /* owned; node_registry.pools of them */
};

/* What an operator or a file says about a node. Borrowed. */
struct node_def {
    struct sp_str name, address, labels;
    struct sp_str aliases; /* rising, joined by commas: "a,b"; empty: none */
    uint8_t key[16];
    uint8_t state;
    uint8_t origin;
};

struct node_registry {
    struct node_row **rows; /* private; by id - 1 */
    uint32_t count;
    uint32_t size;
    uint64_t version;  /* of the whole; rises with each change */
    uint64_t pairs;    /* in all */
    uint32_t pools;    /* memberships each node has */
    uint32_t rows_max; /* most nodes for may_put and put; a store may hold more already */
    struct sp_map by_name;
    struct sp_map by_key;
    uint8_t hash_key[16];
    uint32_t *judge; /* ids that wait to be judged */
    uint32_t judge_count;
    uint32_t *fold; /* ids that differ from the store */
    uint32_t fold_count;
};

void node_registry_init(struct node_registry *r, const uint8_t hash_key[16]);
void node_registry_fini(struct node_registry *r);
/* Lends the first thing wrong with a definition as a sentence, NULL when it is good. */
const char *node_registry_fault(const struct node_def *def);
/* Returns whether def could be put: SP_OK, SP_E_EXISTS (name bound to another key, key to another name,
 * name or alias to another node), SP_E_LIMIT (rows_max), SP_E_INVALID. */
enum sp_rc node_registry_may_put(const struct node_registry *r, const struct node_def *def) SP_MUST_USE;
/* Effect: inserts or updates; new identity or return from retirement begins a new generation. Lends *out. Errors as may_put, SP_E_NOMEM. */
enum sp_rc node_registry_put(struct node_registry *r, const struct node_def *def, struct node_row **out) SP_MUST_USE;
/* Effect: inserts a row as the store has it, beyond rows_max if it must be; ids come in rising order without holes. */
enum sp_rc node_registry_restore(struct node_registry *r, const struct node_def *def, uint32_t generation, uint64_t version,
                                 struct node_row **out) SP_MUST_USE;
/* Effect: state changes and the registry's version rises. */
void node_registry_state(struct node_registry *r, struct node_row *row, uint8_t state);
/* Effect: all it proved is void: a new generation, and the registry's version rises. Its TPM may count from anywhere. */
void node_registry_renew(struct node_registry *r, struct node_row *row);
/* Returns the row as a definition, lent by it. */
struct node_def node_registry_def(const struct node_row *row);
/* Effect: the row is told to the scheduler again. */
void node_registry_touch(struct node_registry *r, struct node_row *row);
/* Effect: the node has another name and state, and what it proved under the old name is void: a new generation. The name must be free.
 * SP_E_EXISTS, SP_E_INVALID, SP_E_NOMEM: nothing changed. */
enum sp_rc node_registry_move(struct node_registry *r, struct node_row *row, struct sp_str name, uint8_t state) SP_MUST_USE;
/* Effect: each node, now and later, has room for at least `pools` memberships; fresh ones are out. False without memory. */
bool node_registry_pools(struct node_registry *r, uint32_t pools);
/* Lookups borrow the registry and lend rows; NULL when there is none. */
struct node_row *node_registry_at(const struct node_registry *r, uint32_t id);
struct node_row *node_registry_find_name(const struct node_registry *r, struct sp_str name);
struct node_row *node_registry_find(const struct node_registry *r, struct sp_str word); /* by name or alias */
struct node_row *node_registry_find_key(const struct node_registry *r, const uint8_t key[16]);
/* Lends the pair of that check, NULL when there is none. */
struct pair_state *node_registry_find_pair(const struct node_row *row, uint32_t check_id);
/* Lends the pair of that check, made when missing; NULL without memory or beyond NODE_PAIRS_MAX. Pointers to other pairs of the node end. */
struct pair_state *node_registry_pair(struct node_registry *r, struct node_row *row, uint32_t check_id);
/* Effect: the node has room for `pairs` pairs in one piece, so that growing one by one leaves no holes in memory. Without memory nothing
 * happens: pairs then grow as they come. Pointers to pairs of the node end. */
void node_registry_reserve(struct node_row *row, uint32_t pairs);
/* Effect: only the first `count` pairs are left, and the memory of the others is given back. Their texts are the caller's business. */
void node_registry_shrink(struct node_registry *r, struct node_row *row, uint32_t count);
/* Effect: the node is to be judged / differs from the store. Each is listed once. */
void node_registry_mark_judge(struct node_registry *r, struct node_row *row);
void node_registry_mark_fold(struct node_registry *r, struct node_row *row);
/* True when orders, lists and lookups agree. For tests; O(nodes + pairs). */
bool node_registry_check(const struct node_registry *r);

#endif
