/* SPDX-License-Identifier: Apache-2.0 */
/* Section `attester` of the configuration. A part of sp_conf; others use sp_conf.h. */
#ifndef SP_CONF_ATTESTER_H
#define SP_CONF_ATTESTER_H

#include "sp_bind.h"
#include "sp_fs.h"

#define SP_CONF_ATTESTER_TREES_MAX    16u
#define SP_CONF_ATTESTER_SERVICES_MAX 32u

enum sp_conf_attester_ak { SP_CONF_ATTESTER_ECC, SP_CONF_ATTESTER_RSA };

struct sp_conf_attester {
    char user[33];        /* of the part that speaks on the bus */
    char tcti[256];       /* of the TPM, as tpm2-tss has it */
    uint8_t ak_handle[4]; /* the most significant byte first */
    uint32_t ak;          /* enum sp_conf_attester_ak: what is made when there is none */
    char boot_log[SP_FS_PATH_BYTES];
    char ima_log[SP_FS_PATH_BYTES];
    uint32_t tree_count;
    char trees[SP_CONF_ATTESTER_TREES_MAX][SP_FS_PATH_BYTES]; /* `files` reads these and what is below */
    uint32_t service_count;
    char services[SP_CONF_ATTESTER_SERVICES_MAX][128]; /* `procmem` looks at these */
    uint32_t cpu_percent;                              /* of one core, for all documents */
    uint32_t read_mb;                                  /* MiB a second; 0: no limit */
    uint32_t per_minute;                               /* questions of one asker */
    uint32_t memory_mb;                                /* of all documents */
    uint64_t timeout_ms;                               /* of one document */
};

extern const struct sp_bind_table sp_conf_table_attester;

#endif
