/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of exposure_core share. */
#ifndef EXPOSURE_PARTS_H
#define EXPOSURE_PARTS_H

#include "exposure_core.h"

/* Effect: takes a server into a list, once for each pool it demands. False: there is no room for all of it. */
bool exposure_list_add(struct exposure_core *c, struct exposure_list *list, const struct exposure_server *server);
/* Effect: a row as it stands in another list. */
bool exposure_list_put(struct exposure_core *c, struct exposure_list *list, const struct exposure_row *row);
/* Effect: empties it and gives its memory back. */
void exposure_list_clear(struct exposure_core *c, struct exposure_list *list);
/* Effect: servers of each place, by the list that counts. Places that nobody refers to can be used again. */
void exposure_places_count(struct exposure_core *c);

#endif
