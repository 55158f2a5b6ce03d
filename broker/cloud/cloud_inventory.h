/* SPDX-License-Identifier: Apache-2.0 */
/* The list of compute nodes around inventory_core: Nova's answers read strictly. */
#ifndef CLOUD_INVENTORY_H
#define CLOUD_INVENTORY_H

#include "cloud_nova.h"
#include "inventory_core.h"

struct cloud_inventory {
    struct inventory_core core; /* first */
    struct cloud_nova *nova;    /* borrowed for the life */
    char why[96];               /* of the last failure; "": none since the last whole reading */
    unsigned status;            /* that came with it; 0: no answer */
};

void cloud_inventory_open(struct cloud_inventory *v, const struct sp_conf_compute *conf, struct cloud_nova *nova, uint32_t rows_max,
                          struct sp_mono now);
void cloud_inventory_close(struct cloud_inventory *v);
/* Effect: asks for lists that are due. True: *part is to be sent now, then inventory_core_sent is to be told. */
bool cloud_inventory_turn(struct cloud_inventory *v, struct sp_mono now, struct inventory_core_part *part);
uint64_t cloud_inventory_deadline_us(const struct cloud_inventory *v);

/* One row of an answer into the core, for cloud_nova, tests and fuzzing. False: not sound. */
bool cloud_inventory_service(void *core, const json_t *row);
bool cloud_inventory_hypervisor(void *core, const json_t *row);

#endif
