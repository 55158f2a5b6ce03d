/* SPDX-License-Identifier: Apache-2.0 */
/* Section `bridge` of the configuration: the link to the cloud's RabbitMQ. Keys follow [oslo_messaging_rabbit] where it has one. */
#ifndef SP_CONF_BRIDGE_H
#define SP_CONF_BRIDGE_H

#include "sp_bind.h"
#include "sp_fs.h"

#define SP_CONF_BRIDGE_URL_BYTES  2048u
#define SP_CONF_BRIDGE_TOPICS_MAX 4u

#define SP_CONF_PLACEMENT_URL_BYTES  512u
#define SP_CONF_PLACEMENT_TRAITS_MAX 16u

enum sp_conf_bridge_results {
    SP_CONF_BRIDGE_RESULTS_NONE,
    SP_CONF_BRIDGE_RESULTS_CHANGES,
    SP_CONF_BRIDGE_RESULTS_SAMPLE,
    SP_CONF_BRIDGE_RESULTS_ALL
};
enum sp_conf_bridge_login { SP_CONF_BRIDGE_LOGIN_PLAIN, SP_CONF_BRIDGE_LOGIN_EXTERNAL };

enum sp_conf_placement_auth {
    SP_CONF_PLACEMENT_NONE,
    SP_CONF_PLACEMENT_TOKEN,
    SP_CONF_PLACEMENT_PASSWORD,
    SP_CONF_PLACEMENT_CREDENTIAL,
    SP_CONF_PLACEMENT_SAME /* compute only: as placement */
};

/* How a service of the cloud is convinced that we may ask. */
struct sp_conf_login {
    uint32_t auth; /* enum sp_conf_placement_auth */
    char secret_file[SP_FS_PATH_BYTES];
    char auth_url[SP_CONF_PLACEMENT_URL_BYTES]; /* Keystone, with /v3 */
    char username[256];                         /* password: user; application_credential: its id */
    char user_domain[256];
    char project[256];
    char project_domain[256];
};

/* Sub-section `placement`: traits of the pools at the cloud's placement service. */
struct sp_conf_placement {
    char url[SP_CONF_PLACEMENT_URL_BYTES]; /* "": off */
    char ca_file[SP_FS_PATH_BYTES];
    uint32_t rate; /* requests a second */
    uint32_t parallel;
    uint64_t timeout_ms;
    uint64_t reconcile_ms;
    uint32_t trait_count;
    char traits[SP_CONF_PLACEMENT_TRAITS_MAX][256]; /* ours besides those of pools */
    struct sp_conf_login login;
};

/* Sub-section `compute`: Nova's API, for its list of compute nodes. */
struct sp_conf_compute {
    char url[SP_CONF_PLACEMENT_URL_BYTES]; /* "": off */
    char ca_file[SP_FS_PATH_BYTES];
    uint64_t timeout_ms;
    uint32_t page; /* rows asked for at once */
    bool inventory;
    uint64_t interval_ms; /* between readings of the inventory */
    uint64_t hint_ms;     /* least time between readings that a notification asked for */
    struct sp_conf_login login;
};

enum sp_conf_exposure_action { SP_CONF_EXPOSURE_NONE, SP_CONF_EXPOSURE_DISABLE };

/* Sub-section `exposure`: servers outside the pool they demanded, and what is done about it. Needs `compute`. */
struct sp_conf_exposure {
    bool watch;
    uint64_t interval_ms; /* between whole lists of servers */
    uint32_t servers_max;
    char trusted_pool[65]; /* pool of trust:trusted_host */
    uint32_t action;       /* enum sp_conf_exposure_action */
    uint32_t at_once;      /* most services disabled at any time */
    uint32_t share;        /* percent of a pool; more lost within `window` is a mass failure */
    uint64_t window_ms;
    uint64_t delay_ms;           /* how long a node must be bad, or good again, before anything is done */
    uint64_t action_interval_ms; /* between two that are disabled */
};

struct sp_conf_bridge {
    char user[33];
    char transport_url[SP_CONF_BRIDGE_URL_BYTES]; /* with credentials: never logged */
    char transport_url_file[SP_FS_PATH_BYTES];
    char store[SP_FS_PATH_BYTES]; /* directory; used with exposure.action only */
    char exchange[65];
    char topic[65];
    char nova_exchange[65];    /* empty: no hints of Nova */
    bool rpc;                  /* answer on `topic` */
    bool fanout;               /* send the keeper's frames */
    uint64_t snapshot_ms;      /* between snapshots that go to everybody */
    bool notify;               /* spice.trust.changed */
    uint32_t results;          /* enum sp_conf_bridge_results: which spice.check.result */
    uint32_t results_permille; /* SAMPLE: so many of 1000 */
    uint32_t topic_count;
    char topics[SP_CONF_BRIDGE_TOPICS_MAX][65]; /* notification topics */
    bool durable_queues;                        /* amqp_durable_queues */
    bool auto_delete;                           /* amqp_auto_delete */
    bool quorum_queue;                          /* rabbit_quorum_queue */
    bool transient_quorum_queue;                /* rabbit_transient_quorum_queue */
    uint32_t quorum_delivery_limit;
    uint64_t transient_ttl_ms; /* rabbit_transient_queues_ttl */
    uint32_t prefetch;         /* rabbit_qos_prefetch_count */
    uint64_t heartbeat_ms;     /* heartbeat_timeout_threshold */
    uint64_t retry_ms;         /* rabbit_retry_interval */
    uint64_t retry_step_ms;    /* rabbit_retry_backoff */
    uint64_t retry_max_ms;     /* rabbit_interval_max */
    uint64_t reply_retry_ms;   /* kombu_missing_consumer_retry_timeout */
    uint64_t confirm_ms;       /* a confirm that takes longer ends the connection */
    uint64_t canary_ms;        /* between messages of our own that must come back; 0: none */
    uint32_t window;           /* most messages without confirm */
    uint32_t outbox_messages;
    uint32_t outbox_mb;
    uint32_t request_kib; /* largest request taken */
    bool ssl;
    char ssl_ca_file[SP_FS_PATH_BYTES];
    char ssl_cert_file[SP_FS_PATH_BYTES];
    char ssl_key_file[SP_FS_PATH_BYTES];
    uint32_t login; /* enum sp_conf_bridge_login */
    struct sp_conf_placement placement;
    struct sp_conf_compute compute;
    struct sp_conf_exposure exposure;
};

extern const struct sp_bind_table sp_conf_table_bridge;

#endif
