/* SPDX-License-Identifier: Apache-2.0 */
/* Values for any message or record by its field table: by the rule of tests/vectors/make_vectors.py, or at random. */
#ifndef WIRE_FILL_H
#define WIRE_FILL_H

#include "msg_fields.h"
#include "sp_rng.h"

#define WIRE_STRUCT_MAX 512u /* bytes of the largest C struct of a message or record */

enum wire_case { WIRE_MIN, WIRE_TYPICAL, WIRE_MAX, WIRE_FULL, WIRE_RANDOM };

/* Memory for the texts and lists of one message; wire_fill empties nothing, set used to 0 for the next message. */
struct wire_arena {
    uint8_t *p;
    size_t used;
    size_t bytes;
};

struct wire_values {
    enum wire_case how; /* WIRE_FULL: everything at its limit */
    struct sp_rng *rng; /* WIRE_RANDOM only */
    struct wire_arena *arena;
    uint32_t list_max; /* WIRE_FULL and WIRE_RANDOM: at most so many elements; 0: the limit of the model */
};

/* Effect: fills the C struct at `to`. e: place of the element in its list, 0 outside. */
void wire_fill(const struct msg_shape *shape, const struct wire_values *v, unsigned e, void *to);
/* True when all fields are equal, those of list elements included. */
bool wire_equal(const struct msg_shape *shape, const void *a, const void *b);
/* Reads a number or boolean field of the struct at p. */
uint64_t wire_number(const struct msg_field *f, const void *p);

#endif
