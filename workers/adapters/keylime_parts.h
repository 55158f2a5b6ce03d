/* SPDX-License-Identifier: Apache-2.0 */
/* keylime_parts.h - what the files of the keylime adapter share. keylime.c asks, keylime_judge.c judges what comes. */
#ifndef SPICE_KEYLIME_PARTS_H
#define SPICE_KEYLIME_PARTS_H

#include "curl_loop.h"
#include "keylime_check.h"
#include "sp_buf.h"

/* A job that waits; one per slot. */
struct keylime_ask {
    struct sp_adapter_job *job;
    struct keylime_ask *next; /* of its verifier */
    const struct keylime_check *check;
    uint64_t number; /* of the last request made before it began */
    bool based;      /* the first list after its beginning was read */
    uint64_t until_us;
    struct keylime_proof proof;
    char agent[KEYLIME_ID_MAX + 1];
};

struct keylime_verifier {
    struct keylime *owner;
    struct keylime_verifier *next;
    char *identity, *url;
    uint32_t users; /* checks */
    struct keylime_ask *asks;
    uint64_t poll_us; /* shortest of its checks */
    uint64_t number;  /* of the last request */
    uint64_t sent_us; /* when it was made */
    CURL *easy;       /* it is under way */
    struct curl_slist *headers;
    struct sp_buf body;
    size_t max_bytes;
    bool over;
    uint32_t failures; /* in a row */
    uint64_t retry_us; /* the breaker is open until then */
    uint16_t reason;   /* of the last failure */
    char detail[SP_ADAPTER_WHY_MAX];
    char error[CURL_ERROR_SIZE];
    struct sp_adapter_timer timer;
};

struct keylime {
    const struct sp_adapter_host *host;
    struct curl_loop loop;
    struct keylime_verifier *verifiers;
    struct keylime_ask *ask; /* by slot */
    uint64_t rounds;         /* lists read */
};

/* Effect: judges the list in v->body for every job that began before its request, and ends those that are decided. */
void keylime_take_list(struct keylime_verifier *v);
/* Effect: ends every job that began before request `number` in one way. */
void keylime_fail_asks(struct keylime_verifier *v, uint64_t number, uint16_t reason, const char *detail);
/* Effect: ends a job that is in no queue. */
void keylime_finish_error(struct keylime *self, struct keylime_ask *a, uint16_t reason, const char *detail);
/* Effect: takes a job out of its verifier's queue. */
void keylime_unlink(struct keylime_verifier *v, const struct keylime_ask *a);
void keylime_read_checkpoint(const struct sp_adapter_job *job, struct keylime_proof *p);

#endif
