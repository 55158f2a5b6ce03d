/* SPDX-License-Identifier: Apache-2.0 */
/* The checks as the scheduler announced them (CheckSet): only what is needed to judge results. A row keeps its index for the life of
 * the process, also when the check is gone, so others may hold indexes. One owner, one thread; pure. */
#ifndef CHECK_TABLE_H
#define CHECK_TABLE_H

#include "msg.h"
#include "pair_state.h"
#include "sp_map.h"

#define CHECK_ROWS_MAX      4096u
#define CHECK_NAME_BYTES    65u
#define CHECK_ADAPTER_BYTES 33u
#define CHECK_ROW_NONE      UINT32_MAX

struct check_row {
    uint32_t id;
    uint32_t policy; /* number of this digest in this store, from 1; a new digest gets a new number (SI-12) */
    uint32_t revision;
    uint32_t max_age_ms;
    uint32_t period_ms;
    uint16_t rise, fall, category;
    uint8_t stage; /* enum sp_stage */
    bool enabled;
    bool present;     /* false: the scheduler no longer names it */
    bool seen;        /* private: named in the set that is arriving */
    bool stricter;    /* private to the keeper's judgement: rise or fall became stricter since pairs were last looked at */
    bool pooled;      /* private to the keeper's judgement: a pool names it, so its results may change a membership */
    uint64_t gone_ms; /* keeper clock: since when it is not present */
    uint64_t over_ms; /* keeper clock: passes up to then were over before the maximum age was raised, and stay over; 0: none */
    uint8_t digest[32];
    char name[CHECK_NAME_BYTES];
    char adapter[CHECK_ADAPTER_BYTES];
    char *selector; /* owned, terminated */
    char *runbook;  /* owned, terminated */
};

struct check_table {
    struct check_row *rows; /* private storage, read through check_table_at */
    uint32_t count;
    uint32_t size;
    uint32_t policy_last; /* highest policy number given */
    uint64_t version;     /* of the last complete set */
    uint64_t boot;        /* scheduler start that sent it */
    struct sp_map by_id;
};

void check_table_init(struct check_table *t);
void check_table_fini(struct check_table *t);
/* Effect: a new set begins: no row is seen yet. */
void check_table_begin(struct check_table *t);
/* Effect: inserts or replaces one row. Borrows info. A maximum age that is raised at now_ms (keeper clock) brings back no pass that was over.
 * SP_E_INVALID: a value that makes no sense; SP_E_LIMIT: table full. */
enum sp_rc check_table_put(struct check_table *t, const struct rec_check_info *info, uint64_t now_ms) SP_MUST_USE;
/* Effect: the set is complete; rows not seen in it are no longer present. True when one of them was until now. */
bool check_table_end(struct check_table *t, uint64_t boot, uint64_t version, uint64_t now_ms);
/* True when the rule of a row became stricter and its pairs were not looked at yet. */
bool check_table_is_stricter(const struct check_table *t);
/* Effect: as check_table_put for a row from the store, which knows its policy number and over_ms. */
enum sp_rc check_table_restore(struct check_table *t, const struct rec_check_info *info, uint32_t policy,
                               uint64_t over_ms) SP_MUST_USE;
/* Effect: all results are void, or of another clock: no row knows of passes that were over. */
void check_table_forget_over(struct check_table *t);
/* Returns the index, or CHECK_ROW_NONE. */
uint32_t check_table_find(const struct check_table *t, uint32_t id);
uint32_t check_table_find_name(const struct check_table *t, struct sp_str name);
/* Lends the row until the next put. */
const struct check_row *check_table_at(const struct check_table *t, uint32_t index);
/* Returns what judges results of this row. */
struct pair_rule check_table_rule(const struct check_row *row);
/* True when results of this check may count for trust. */
bool check_table_counts(const struct check_row *row);

#endif
