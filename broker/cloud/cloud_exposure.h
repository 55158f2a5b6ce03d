/* SPDX-License-Identifier: Apache-2.0 */
/* Nova around exposure_core and action_core: lists of servers and services, and the writes, through cloud_nova; the records of the
 * actions in a file. What decides is in the cores. The owner says what it knows of trust, and takes what is to be told. One thread.
 */
#ifndef CLOUD_EXPOSURE_H
#define CLOUD_EXPOSURE_H

#include "action_core.h"
#include "cloud_nova.h"
#include "sp_fs.h"

#define CLOUD_EXPOSURE_SCAN_MS 1000u
#define CLOUD_EXPOSURE_SERVERS                                                                                                     \
    "/servers/detail?all_tenants=1&sort_key=created_at&sort_dir=asc" /* new ones come last: pages fit   \
                                                                                                 */
#define CLOUD_EXPOSURE_HOST    "/servers/detail?all_tenants=1&host="
#define CLOUD_EXPOSURE_COMPUTE "/os-services?binary=nova-compute"
#define CLOUD_EXPOSURE_FILE    (1u << 20) /* bytes of records */

/* Which pool the words of a flavor demand. */
struct cloud_exposure_words {
    const char *trusted; /* pool of trust:trusted_host */
    void *self;
    const char *(*pool_of_trait)(void *self, const char *trait); /* NULL: the trait is no pool's; lent */
};

struct cloud_exposure;

struct cloud_exposure_options {
    const struct sp_conf_exposure *conf; /* borrowed for the life */
    struct cloud_nova *nova;             /* borrowed for the life */
    struct cloud_exposure_words words;
    char state_file[SP_FS_PATH_BYTES];
    void *self; /* first argument of what follows */
    exposure_look_fn *look;
    /* False: the pool is not proven now. Calls cloud_exposure_node for each node of each pool. */
    bool (*nodes)(void *self, struct cloud_exposure *x, struct sp_mono now);
    /* Effect: begins to ask the keeper about a node; cloud_exposure_evidence comes later. False: it cannot be asked. */
    bool (*evidence)(void *self, const char *node, const char *pool);
};

struct cloud_exposure_source { /* private */
    struct cloud_exposure *x;
    enum exposure_ask ask;
};

struct cloud_exposure {
    struct cloud_exposure_options options;
    struct exposure_core core;
    struct action_core action;
    struct cloud_exposure_source sources[EXPOSURE_ASKS];
    uint64_t scan_us;
    bool told_failing;
};

/* Effect: reads the records. Errors name the file: one that cannot be read stops the start, for services may be disabled by us. */
SP_MUST_USE enum sp_rc cloud_exposure_open(const struct cloud_exposure_options *options, struct sp_mono now,
                                           struct cloud_exposure **out, struct sp_err *err);
void cloud_exposure_close(struct cloud_exposure **exposure);
/* Effect: what is due. Call in each turn of the loop, after cloud_nova_turn. */
void cloud_exposure_turn(struct cloud_exposure *x);
uint64_t cloud_exposure_deadline_us(const struct cloud_exposure *x, struct sp_mono now);
/* Effect: a node left a pool. */
void cloud_exposure_left(struct cloud_exposure *x, const char *node);
/* Effect: the keeper's answer about the node asked for; known false: there was none. */
void cloud_exposure_evidence(struct cloud_exposure *x, bool known, bool bad, const char *code);
/* Effect: during `nodes`. */
void cloud_exposure_node(struct cloud_exposure *x, struct sp_mono now, const uint8_t key[16], const char *pool, bool member);

/* For tests and fuzzing. One server of a list; false: not sound. Texts in *out are lent by row. */
bool cloud_exposure_server(const json_t *row, const struct cloud_exposure_words *words, struct exposure_server *out);
/* One compute service; false: not sound. */
struct cloud_exposure_service {
    const char *id, *host, *reason; /* lent by row */
    bool enabled;
};
bool cloud_exposure_service(const json_t *row, struct cloud_exposure_service *out);
/* The records as text (free it), and back; false: it is none, or does not fit. */
char *cloud_exposure_records(const struct action_core *action);
bool cloud_exposure_load(struct action_core *action, struct sp_str text);

#endif
