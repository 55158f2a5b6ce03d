/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's store: one SQLite file that only this process opens. What is acknowledged is appended to the journal in key order; a node's
 * state is one record, rewritten in the background in key order (fold), after which the journal before it is dropped. The audit is a chain:
 * hash(n) = SHA-256(hash(n-1) + the row). Records and journal rows carry a MAC of the keeper, so that an edited row is noticed and counts for
 * nothing. Formats here are apart from the formats in memory. One thread, one transaction at a time.
 */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

#include "keeper_core.h"
#include "sp_crypto.h"
#include "sp_db.h"

/* 5: with the numbers of reported acts. 4: with identities and instances, of which 3 has none. 3: journal and records in their short form. 2, which has the long one, and 1, whose
 * rows have no MAC, are refused. */
#define KEEPER_STORE_VERSION        5u
#define KEEPER_STORE_PRINCIPALS_MAX 4096u

#define KEEPER_STORE_QUERIES_MAX        60u
#define KEEPER_STORE_IDENTITIES         "identities" /* meta: number of the latest change of an identity */
#define KEEPER_STORE_IDENTITIES_DOUBTED "identities_doubted"

struct keeper_store {
    struct sp_db *db;
    struct {
        const char *sql; /* a literal, compared by address */
        struct sp_db_stmt *stmt;
    } queries[KEEPER_STORE_QUERIES_MAX];
    uint32_t query_count;
    struct sp_crypto_hmac mac;
    struct sp_db_stmt *journal, *audit, *history, *meta_put, *meta_get, *worker, *record, *node, *check, *check_gone;
    struct sp_buf scratch;
    char path[512];
    char reserve[512];
    uint64_t reserve_bytes;
    int64_t journal_seq;      /* last row appended */
    uint64_t journal_results; /* appended since the latest fold began */
    int64_t folded;           /* journal row up to which records have everything */
    int64_t fold_to;          /* journal row up to which the running fold will have everything */
    bool folding;             /* a fold runs */
    bool anchored;            /* the anchor says what follows */
    int64_t anchor_journal, anchor_audit;
    uint64_t anchor_identities; /* as the file said at the start, or was written */
    uint32_t *fold_ids;         /* ids still to be written, rising */
    uint32_t fold_count, fold_next, fold_size;
    uint64_t history_keep_ms, audit_keep_ms; /* 0: for ever */
    int64_t audit_seq;
    uint8_t audit_head[32];
    int64_t committed_seq; /* audit row and hash as of the last commit */
    uint8_t committed_head[32];
    int64_t committed_journal;                 /* journal row as of the last commit */
    uint64_t identities, committed_identities; /* number of the latest change of an identity */
    uint64_t edited;                           /* rows seen whose MAC does not fit: counted for nothing */
    bool reserve_gone;                         /* the reserve was given up for a full disk */
};

struct keeper_store_options {
    const char *dir;
    const uint8_t *mac_key;                                 /* 32 bytes */
    uint64_t reserve_bytes, history_keep_ms, audit_keep_ms; /* 0: for ever */
};

/* Where the store was left. */
struct keeper_store_loaded {
    uint64_t clock_boot; /* domain of its instants; 0: new store */
    uint64_t nodes, pairs, replayed, bad_records;
    uint64_t registry_version;
    int64_t
        journal_gap; /* first row of the journal that is missing or was edited; 0: none. What it said, a fail perhaps, is not known (SI-3) */
};

/* Effect: opens or makes the store in dir. SP_E_VERSION, SP_E_CORRUPT, SP_E_AGAIN (somebody else has it), SP_E_FULL, SP_E_IO. */
SP_MUST_USE enum sp_rc keeper_store_open(struct keeper_store *s, const struct keeper_store_options *o, struct sp_err *err);
void keeper_store_close(struct keeper_store *s);
/* Effect: fills a fresh core; folds the journal again. A record whose MAC is wrong is left out and counted. */
SP_MUST_USE enum sp_rc keeper_store_load(struct keeper_store *s, struct keeper_core *core, struct keeper_effects *fx,
                                         struct keeper_store_loaded *out, struct sp_err *err);
/* Effect: the prepared statement of a literal, made at its first use. Gives *out, reset and ready to bind. */
SP_MUST_USE enum sp_rc keeper_store_query(struct keeper_store *s, const char *sql, struct sp_db_stmt **out);
/* Effect: begins a transaction unless one is open. */
SP_MUST_USE enum sp_rc keeper_store_begin(struct keeper_store *s);
/* Effect: performs one store effect inside the transaction. Sends are not its business. */
SP_MUST_USE enum sp_rc keeper_store_perform(struct keeper_store *s, const struct keeper_core *core, const struct keeper_effect *e);
/* Effect: commits what is open. On failure it is rolled back: SP_E_FULL may be tried again later, anything else is final. */
SP_MUST_USE enum sp_rc keeper_store_commit(struct keeper_store *s);
void keeper_store_rollback(struct keeper_store *s);
/* Effect: gives the reserve file up (disk full) or takes it again. */
void keeper_store_reserve(struct keeper_store *s, bool keep);

/* One row of the audit about something that is no trust transition. Inside a transaction. Borrows all. */
struct keeper_store_audit {
    uint64_t wall_ms;
    const char *actor, *what, *object, *from, *to, *why;
};
SP_MUST_USE enum sp_rc keeper_store_audit(struct keeper_store *s, const struct keeper_store_audit *a);

struct keeper_store_verdict {
    uint64_t rows;                  /* present */
    int64_t bad_seq;                /* first row that does not fit the chain; 0: none */
    int64_t cut_seq;                /* rows up to this one were cut off by audit_keep; 0: none */
    uint8_t cut_hash[32], head[32]; /* of that row; of the last row */
};
/* Effect: walks the chain from its beginning, or from where it was cut off. A note of a cut that is not ours counts for nothing. */
SP_MUST_USE enum sp_rc keeper_store_verify(struct keeper_store *s, struct keeper_store_verdict *out);

/* Effect: walks the last thousand rows, and all that came after the anchor (up to a hundred thousand). SP_E_CORRUPT: the chain is
 * broken there. For the start, after the anchor was checked: whoever alters the audit has to begin there, for the rows behind it
 * are compared with it. */
SP_MUST_USE enum sp_rc keeper_store_audit_tail(struct keeper_store *s, struct sp_err *err);

/* Returns the last row that was cut off, 0: none. */
int64_t keeper_store_audit_begin(struct keeper_store *s);

struct keeper_store_cut {
    uint64_t rows;   /* removed */
    int64_t bad_seq; /* a row to be removed that does not fit the chain: nothing was removed; 0: none */
    bool more;       /* call again */
};
/* Effect: removes rows of the audit that are older than audit_keep (at most some thousand, none after row `most`, never the last one),
 * notes number and hash of the last removed one, and writes a row about it. Inside a transaction. */
SP_MUST_USE enum sp_rc keeper_store_audit_cut(struct keeper_store *s, uint64_t wall_ms, int64_t most, struct keeper_store_cut *out);

/* ---- background ---- */
/* True while a fold has rows to write. */
bool keeper_store_folding(const struct keeper_store *s);
/* Effect: starts a fold of everything that differs, unless one runs. */
SP_MUST_USE enum sp_rc keeper_store_fold_begin(struct keeper_store *s, struct keeper_core *core);
/* Effect: writes records of up to `pairs` pairs; after the last one the journal before the fold goes. Inside a transaction. */
SP_MUST_USE enum sp_rc keeper_store_fold_step(struct keeper_store *s, struct keeper_core *core, uint32_t pairs);
/* Effect: after a rollback: what the fold wrote in it is to be written again. */
void keeper_store_fold_failed(struct keeper_store *s, struct keeper_core *core);
/* ---- anchor (K35): a small file beside the store that says how far it has come, so that an older copy put in its place shows ---- */
enum keeper_anchor { KEEPER_ANCHOR_FITS, KEEPER_ANCHOR_OLDER, KEEPER_ANCHOR_OTHER, KEEPER_ANCHOR_LOST };
/* True when the store has come further than the file says. */
bool keeper_store_anchor_due(const struct keeper_store *s);
/* Effect: writes it, durably, when it is due. For after a commit. A failure is tried again. */
void keeper_store_anchor(struct keeper_store *s);
/* Returns how store and anchor agree: OLDER, the store has come less far; OTHER, it has another audit, or the anchor is not ours; LOST, there
 * was one and it is gone. why: a sentence for people. For after the load. */
enum keeper_anchor keeper_store_anchor_check(struct keeper_store *s, char *why, size_t size);

/* Effect: removes history older than its time. Inside a transaction. */
SP_MUST_USE enum sp_rc keeper_store_expire(struct keeper_store *s, uint64_t wall_ms);

/* ---- seals of rows: whoever can write the file but has no key cannot make a row that counts (K36) ---- */
/* MAC over a purpose, a number that ties the row to its place, and two pieces. */
void keeper_store_mac(const struct keeper_store *s, const char *purpose, int64_t place, struct sp_str a, struct sp_str b,
                      uint8_t mac[32]);
/* The same over any number of pieces, each with its length. */
void keeper_store_mac_list(const struct keeper_store *s, const char *purpose, int64_t place, const struct sp_str *parts,
                           size_t count, uint8_t mac[32]);
/* True when what is stored is that MAC. */
bool keeper_store_mac_fits(const uint8_t mac[32], struct sp_str stored);
/* Effect: cuts over_ms off a row of a check (see check_table.h) and returns it; 0: there is none. The body must be sealed. */
uint64_t keeper_store_check_over(struct sp_str *body);
void keeper_store_check_mac(const struct keeper_store *s, uint32_t id, uint32_t policy, struct sp_str body, uint8_t mac[32]);
/* Effect: what of a journal row is not its body, as bytes for the MAC. Lends head. */
struct sp_str keeper_store_journal_head(const struct keeper_journal *j, uint8_t head[32]);

/* ---- objects: each inside a transaction ---- */
struct keeper_store_node {
    const struct node_def *def;
    uint32_t id, generation;
    uint64_t version;
};
SP_MUST_USE enum sp_rc keeper_store_node(struct keeper_store *s, const struct keeper_store_node *n);
void keeper_store_node_mac(const struct keeper_store *s, const struct keeper_store_node *n, uint8_t mac[32]);
SP_MUST_USE enum sp_rc keeper_store_pool(struct keeper_store *s, const char *name, struct sp_str json); /* json.p NULL: removed */
SP_MUST_USE enum sp_rc keeper_store_meta_put(struct keeper_store *s, const char *key, uint64_t value);
/* Returns the value, 0 when there is none or it was edited (then counted in `edited`). */
uint64_t keeper_store_meta(struct keeper_store *s, const char *key);

#endif
