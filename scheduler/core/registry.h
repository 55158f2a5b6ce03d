/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes as the keeper told them (NodeSet), each with its place in the scheduler's tables. Indices stay the same while the process
 * lives. Allocates on node events only. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "msg.h"
#include "sp_map.h"
#include "wheel.h"

#define REGISTRY_NODES_MAX 1048576u

/* What registry_put changed, as bits. */
#define REGISTRY_NEW      1u /* first seen, or back */
#define REGISTRY_SELECT   2u /* name, labels or retirement: selection may differ */
#define REGISTRY_IDENTITY 4u /* key or generation: results so far are void */
#define REGISTRY_OTHER    8u /* address or state */

struct registry_node {
    uint32_t id;
    uint32_t generation;
    uint64_t hash; /* of key: phases */
    char *text;    /* name, address, labels, each terminated; one allocation */
    uint16_t name_bytes, address_bytes, labels_bytes;
    uint8_t state; /* enum sp_node_state */
    bool present;
    uint8_t key[16];
    uint32_t first_pair;     /* chain of its pairs, WHEEL_NONE: none */
    uint32_t running;        /* jobs out for it */
    uint32_t round;          /* of the NodeSet that named it last */
    uint64_t hinted_us;      /* when a hint moved its pairs last; 0: never */
    struct wheel_queue held; /* pairs waiting for its cap */
};

struct registry {
    struct registry_node *nodes;
    uint32_t count, size, present;
    uint32_t round;
    struct sp_map by_id;
    struct sp_map by_name; /* hash of the name -> index; names are unique among present nodes */
    uint8_t seed[16];
};

void registry_init(struct registry *r, const uint8_t seed[16]);
void registry_fini(struct registry *r);
/* Effect: adds or updates. Gives the index and what changed. SP_E_NOMEM, SP_E_LIMIT: nothing changed. */
enum sp_rc registry_put(struct registry *r, const struct rec_node_info *info, uint32_t *index, unsigned *changes) SP_MUST_USE;
/* Effect: the node is gone; its index stays reserved for its id. */
void registry_drop(struct registry *r, uint32_t index);
/* Returns the index or WHEEL_NONE. */
uint32_t registry_find_name(const struct registry *r, struct sp_str name);
struct sp_str registry_name(const struct registry_node *n);
struct sp_str registry_address(const struct registry_node *n);
struct sp_str registry_labels(const struct registry_node *n);

#endif
