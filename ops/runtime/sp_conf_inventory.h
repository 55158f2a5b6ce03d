/* SPDX-License-Identifier: Apache-2.0 */
/* Section `keeper.inventory` of the configuration. */
#ifndef SP_CONF_INVENTORY_H
#define SP_CONF_INVENTORY_H

#include <stdint.h>

#define SP_CONF_INVENTORY_RULES_MAX 16u

enum sp_conf_inventory_mode { SP_CONF_INVENTORY_OFF, SP_CONF_INVENTORY_REPORT, SP_CONF_INVENTORY_DISCOVER };
enum sp_conf_inventory_admit { SP_CONF_INVENTORY_MANUAL, SP_CONF_INVENTORY_LABELLED };

/* Sub-section `keeper.inventory`: what follows from the list of compute nodes that a bridge reads. */
struct sp_conf_inventory {
    uint32_t mode, admit;
    uint32_t label_count;
    char labels[SP_CONF_INVENTORY_RULES_MAX][256]; /* "PATTERN key=value,key=value" */
    uint32_t misses;
    uint64_t missing_ms;
    uint32_t brake_percent;
};

#endif
