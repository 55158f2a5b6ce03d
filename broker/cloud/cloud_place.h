/* SPDX-License-Identifier: Apache-2.0 */
/* The placement service around trait_core: its requests as HTTP, answers read strictly. What decides is in the core, to which the
 * owner tells pools, memberships and the proof directly. */
#ifndef CLOUD_PLACE_H
#define CLOUD_PLACE_H

#include <jansson.h>

#include "cloud_auth.h"
#include "trait_core.h"

#define CLOUD_PLACE_API      "OpenStack-API-Version: placement 1.23" /* required= and nested providers; errors with codes */
#define CLOUD_PLACE_START_MS 15000u                                  /* see trait_core_options.start_ms */

struct cloud_place_slot {
    struct trait_ask ask;
    uint32_t serial; /* of the token it was sent with */
    json_t *doc;     /* what READ found: the WRITE is made of it */
};

struct cloud_place {
    const struct sp_conf_placement *conf; /* borrowed for the life */
    struct sp_loop *loop;                 /* borrowed for the life */
    struct cloud_http *http;
    struct cloud_auth auth;
    struct trait_core core;
    struct cloud_place_slot slots[TRAIT_SLOTS_MAX];
    char base[SP_CONF_PLACEMENT_URL_BYTES];
    bool told_broken, told_round;
    uint64_t told_refused, malformed;
};

/* Effect: everything but the first request. rows_max: nodes, and providers. */
SP_MUST_USE enum sp_rc cloud_place_open(const struct sp_conf_placement *conf, struct sp_loop *loop, uint32_t rows_max,
                                        struct cloud_place **out, struct sp_err *err);
void cloud_place_close(struct cloud_place **place);
/* Effect: requests that are due, answers that came. Call in each turn of the loop. */
void cloud_place_turn(struct cloud_place *place);
uint64_t cloud_place_deadline_us(const struct cloud_place *place);

/* For tests: the body of a WRITE. doc: the answer to a READ. Gives the text (free), NULL when doc is not such an answer. */
char *cloud_place_body(const struct trait_core *core, const json_t *doc, uint64_t mask);
/* Effect: the answer to the ALL or WHO of that slot into the core. False: not sound, nothing taken. */
bool cloud_place_providers(struct cloud_place *p, uint32_t slot, struct sp_str text);
/* Bits of our names in the answer to a READ. False: it is none. */
bool cloud_place_has(const struct trait_core *core, const json_t *doc, uint64_t *has);

#endif
