/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sp_bus: the connection of one process to all its brokers.
 *
 * It connects one CURVE DEALER per configured broker, says Hello, Heartbeat and Bye by itself, keeps the registry of
 * principals (public keys and roles), and hands up only messages whose envelope decodes, whose sender may send that
 * type to us by the model, and whose signature or MAC verifies with the pinned key of that sender. It decides nothing
 * about the meaning of a body. It never blocks and never queues on its own: a message that cannot leave now is the
 * caller's to keep (a result stays in the outbox, a job stays due).
 *
 * One thread: the one that runs the loop. All strings given in are borrowed unless a line says otherwise.
 */
#ifndef SP_BUS_H
#define SP_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_BUS_BROKERS_MAX     8u                              /* brokers one process talks to */
#define SP_BUS_FRAME_BYTES_MAX (1u << 20)                      /* one frame on the wire, CURVE excluded (pitfall A12) */
#define SP_BUS_BODY_BYTES_MAX  (SP_BUS_FRAME_BYTES_MAX - 512u) /* room for envelope and signature */
#define SP_BUS_NAME_BYTES      41                              /* principal name and its NUL */
#define SP_BUS_DRAIN_MAX       256u /* frames taken per wake-up and broker, so that timers are not starved */

struct sp_bus;
struct sp_loop;
struct sp_conf;
struct sp_keys;
struct sp_keys_core;
struct sp_stats;

/* A row of the registry. `slot` is small and stays the same for one name while the bus is open, revoked or not. */
struct sp_bus_principal {
    char name[SP_BUS_NAME_BYTES];
    uint8_t role; /* enum role of the model */
    bool revoked;
    bool from_file; /* named in principals.yaml: a PrincipalSet can revoke its key, and not change or remove it */
    uint8_t curve[32];
    uint8_t sign[32];       /* Ed25519; all zero: this principal cannot sign */
    char adapters[513];     /* worker: scope; "*" = all */
    char nodes[256];        /* worker: selector of nodes; empty = all */
    uint64_t not_after_s;   /* wall clock; 0: no end */
    uint8_t next_curve[32]; /* the pair of keys that follows, each pair in its time; all zero: none */
    uint8_t next_sign[32];
    uint64_t next_not_before_s;
    uint64_t next_not_after_s; /* 0: no end */
    uint32_t slot;
};

/* A verified message. Everything is lent until the handler returns; copy what must stay. */
struct sp_bus_message {
    uint16_t type;                       /* number in the model */
    const struct sp_bus_principal *from; /* sender, never NULL */
    const char *dest;                    /* our name, our role's "" or as sent */
    uint64_t epoch, sequence, trace;
    const uint8_t *body; /* encoded body: give it to the generated decoder */
    size_t body_bytes;
    const uint8_t *frame; /* all bytes as received (a verbatim copy proves a signature later) */
    size_t frame_bytes;
    unsigned broker; /* connection it came by */
};

/* How sends end. All of them are normal; none loses anything the caller still has. */
enum sp_bus_sent {
    SP_BUS_SENT = 0,    /* in the hands of libzmq: queued, not delivered (pitfall A17) */
    SP_BUS_WOULD_BLOCK, /* that broker's queue is full; on_writable tells when to try again */
    SP_BUS_NO_BROKER,   /* no broker, or not the asked one, is up; on_link tells */
    SP_BUS_TOO_LARGE,   /* body above SP_BUS_BODY_BYTES_MAX */
    SP_BUS_NO_KEY       /* the type wants a MAC or signature and we hold no such key, or do not know whom it is for */
};

#define SP_BUS_ANY (-1) /* choose a broker: round robin for JobBatch, else the one used last while it is up */

struct sp_bus_out {
    uint16_t type;
    const char *dest; /* principal or role name; NULL or "" = the model's receiver */
    int broker;       /* index, or SP_BUS_ANY */
    uint64_t epoch, trace;
    const uint8_t *body; /* borrowed. Cheapest when it lies in the buffer of sp_bus_body: then nothing is copied twice */
    size_t body_bytes;
    uint64_t sequence; /* out: number given to the message; unchanged unless SP_BUS_SENT */
    unsigned used;     /* out: broker that took it */
};

struct sp_bus_options {
    struct sp_loop *loop;            /* borrowed for the life of the bus */
    const struct sp_conf *conf;      /* borrowed for the life: brokers, principals, deployment id, intervals */
    const struct sp_keys *keys;      /* borrowed for the life: our secrets */
    const struct sp_keys_core *core; /* scheduler and keeper: the secret of MACs, borrowed for the life; others NULL */
    struct sp_stats *stats;          /* borrowed for the life; NULL: the bus counts in one of its own. Published as Stats */
    const char *name;                /* our principal name */
    uint8_t role;                    /* enum role; must be the registry's for that name */
    const char *software;            /* Hello: name and version */
    const char *adapters;            /* Hello of a worker; else NULL */
    const char *labels;              /* Hello of a worker; else NULL */
    uint32_t slots;                  /* Hello of a worker */
    uint32_t topics;                 /* Hello: 1 << topic */
    uint64_t boot;                   /* 0: drawn from the kernel */
    uint32_t learnt_ms;              /* attester: how long the keeper's word about a sender is good; 0: five minutes */
    uint32_t reconnect_ms;           /* 0: as configured. First wait, plus jitter by name; doubles */
    void *self;                      /* first argument of the handlers */
    /* A verified message. Refused (to us) and Drain come here too; Welcome and broker Heartbeat do not. */
    void (*on_message)(void *self, const struct sp_bus_message *message);
    /* A broker became usable (Welcome seen) or unusable. Every Welcome begins a new session with `boot` of its own: whatever is
     * counted per session (Credit, RouteCredit) starts at zero, routes have to be opened again, and the keeper sends its
     * PrincipalSet. May be NULL. */
    void (*on_link)(void *self, unsigned broker, bool up, uint64_t boot);
    /* After SP_BUS_WOULD_BLOCK: that broker takes messages again. May be NULL. */
    void (*on_writable)(void *self, unsigned broker);
    /* Called once after each drain of received messages: the place to flush what handlers collected. May be NULL. */
    void (*on_drained)(void *self);
    /* Called before Stats are published, to set gauges. May be NULL. */
    void (*on_stats)(void *self);
};

/* Connects (in the background) and registers with the loop. Gives *out. False: reason (what and where) in `why`. */
bool sp_bus_open(const struct sp_bus_options *options, struct sp_bus **out, char *why, size_t why_bytes);

/* Says Bye, closes with `linger_ms` for what is queued, nulls *bus. */
void sp_bus_close(struct sp_bus **bus, int linger_ms);

/* Lends the send buffer: encode a body of up to *room bytes there, then call sp_bus_send. Valid until that call. */
uint8_t *sp_bus_body(struct sp_bus *bus, size_t *room);

/* Envelope, sequence, MAC or signature as the model says, and off without blocking. */
enum sp_bus_sent sp_bus_send(struct sp_bus *bus, struct sp_bus_out *out);

/* Queries. */
unsigned sp_bus_brokers(const struct sp_bus *bus);            /* configured */
bool sp_bus_is_up(const struct sp_bus *bus, unsigned broker); /* Welcome seen and heard of lately */
unsigned sp_bus_up_count(const struct sp_bus *bus);
const char *sp_bus_broker_name(const struct sp_bus *bus, unsigned broker); /* lends the broker's principal name */
const char *sp_bus_sent_text(enum sp_bus_sent sent);

/* Work waiting in this process, told with the next Heartbeat. */
void sp_bus_backlog_set(struct sp_bus *bus, uint32_t backlog);

/* What we announce as a worker changed (enrolment, drain): takes effect with a new Hello at once. */
void sp_bus_hello_set(struct sp_bus *bus, const char *adapters, const char *labels, uint32_t slots);

/*
 * Registry. principals.yaml is loaded by sp_bus_open; PrincipalSet from the keeper (signature checked) is applied by
 * the bus itself and then still handed to on_message. The keeper puts its own rows with these calls. Lookups lend a
 * row until the next change of the registry; expired or revoked rows are found, but their messages never come up.
 */
const struct sp_bus_principal *sp_bus_principal_find(const struct sp_bus *bus, const char *name);
const struct sp_bus_principal *sp_bus_principal_at(const struct sp_bus *bus, uint32_t slot); /* NULL past the end */
/* Effect: reads principals.yaml again (SIGHUP), all of it or nothing, and says in the log what became of it. Who is no longer there is
 * revoked; a key the keeper revoked stays so. Brokers' keys, and our own, change with a restart only: such a file is refused. */
bool sp_bus_reload(struct sp_bus *bus);
/* The row's slot is ignored. False: full, or the name is in the file; a revoked row revokes the file's rows with its keys all the
 * same. */
bool sp_bus_principal_put(struct sp_bus *bus, const struct sp_bus_principal *row);

/* Refusals counted since open: frames that never reached on_message, by enum refusal code. */
uint64_t sp_bus_refused(const struct sp_bus *bus, uint16_t code);

#endif
