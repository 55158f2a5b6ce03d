/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper's disk holds in the simulation. Only for sim.h, after its numbers of things. */
#ifndef SIM_STORE_H
#define SIM_STORE_H

struct sim_journal {
    struct keeper_journal row;
    uint8_t *body;
    bool folded; /* trimmed: contained in the records */
};

struct sim_audit {
    uint32_t node, pool;
    bool gain;
};

/* What the keeper's disk holds: committed, and written but not committed. */
struct sim_store {
    struct sim_journal *journal;
    uint32_t journal_count, journal_size, journal_durable;
    struct sim_audit *audit;
    uint32_t audit_count, audit_size, audit_durable;
    uint64_t epoch, epoch_boot, epoch_open, epoch_boot_open;
    bool epoch_dirty;
    struct check_row checks[SIM_CHECKS * 2]; /* texts not owned */
    uint32_t check_count;
    uint64_t catalogue_boot, catalogue;
    bool checks_dirty;
    char workers[16][KEEPER_PEER_BYTES];
    uint32_t worker_count, worker_durable;
    uint64_t clock_boot;
    uint32_t generation[SIM_NODES + 1];
    uint64_t version[SIM_NODES + 1];
    uint8_t state[SIM_NODES + 1];
    uint8_t identity[SIM_NODES + 1];
    uint64_t instance[SIM_NODES + 1];
    uint32_t instance_worker[SIM_NODES + 1];
    bool node_dirty[SIM_NODES + 1];
    char name[SIM_NODES + 1][NODE_NAME_BYTES_MAX + 1];
    uint8_t cause[SIM_NODES + 1];    /* enum inventory_cause */
    uint8_t pool_variant[SIM_POOLS]; /* policies the administrator switches between */
    struct sp_buf record[SIM_NODES + 1], record_open[SIM_NODES + 1];
    bool record_dirty[SIM_NODES + 1];
    struct {
        uint32_t ids[SIM_NODES], count, next, to;
        uint32_t trim_open; /* trimmed in the open transaction, up to here */
        bool on;
    } fold;
    uint32_t trimmed;
    bool full;
};

#endif
