/* SPDX-License-Identifier: Apache-2.0 */
/* Nova's compute API: one request, or a whole list page by page. A list is told row by row and counts only when `done` says DONE:
 * what comes before a failure is a part, and a part is nothing. The next page is asked for by the last row's id, never by an
 * address the answer gives: the token goes to the configured service only. A page without rows ends a list, not one without a link:
 * Nova leaves rows out of a page (a compute node whose service is gone) and then gives no link although there is more. One thread.
 */
#ifndef CLOUD_NOVA_H
#define CLOUD_NOVA_H

#include <jansson.h>

#include "cloud_auth.h"

#define CLOUD_NOVA_API       "OpenStack-API-Version: compute 2.69" /* from here on a cell that is down shows in the list of services */
#define CLOUD_NOVA_MAX       16u                                   /* requests and lists at once */
#define CLOUD_NOVA_PAGES_MAX 20000u
#define CLOUD_NOVA_ID_BYTES  65u

struct cloud_nova;

enum cloud_nova_result {
    CLOUD_NOVA_DONE,
    CLOUD_NOVA_AGAIN, /* the token was refused: nothing happened, a new one is on its way */
    CLOUD_NOVA_FAILED /* anything else, no answer among it: it may or may not have happened */
};

struct cloud_nova_answer {
    enum cloud_nova_result result;
    unsigned status;   /* of HTTP; 0: no answer */
    const json_t *doc; /* lent for the call; NULL: none, or no JSON, or told row by row */
    const char *why;   /* lent; of a failure, for people: no text of the answer is in it */
};

struct cloud_nova_request {
    const char *method, *path; /* path: what follows the configured address, beginning with '/' */
    struct sp_str body;        /* empty: none */
    uint32_t tag;
    void *self;
    void (*done)(void *self, uint32_t tag, const struct cloud_nova_answer *answer);
};

struct cloud_nova_list {
    const char *path;   /* as above, with a query if any; at most 255 bytes */
    const char *member; /* array of the answer with the rows; borrowed until done */
    const char *id;     /* member of a row that names it, by which the next page is asked for; NULL: the list has one page; borrowed
                           until done */
    uint32_t rows_max;  /* a longer list fails */
    void *self;
    bool (*row)(void *self, const json_t *row); /* false: not sound; then the list fails */
    void (*done)(void *self, const struct cloud_nova_answer *answer);
};

/* Effect: everything but the first request. Borrows conf (whose login must be resolved) and loop for the life. */
SP_MUST_USE enum sp_rc cloud_nova_open(const struct sp_conf_compute *conf, const struct sp_conf_login *login, struct sp_loop *loop,
                                       struct cloud_nova **out, struct sp_err *err);
/* Effect: ends all requests without calling done. */
void cloud_nova_close(struct cloud_nova **nova);
/* True when requests can be sent: there is a token, or none is needed. */
bool cloud_nova_is_ready(const struct cloud_nova *nova);
/* Effect: starts it; copies all but what is said to be borrowed. done comes exactly once, later, from cloud_nova_turn. False: not
 * ready, too many, or no memory; done is not called. */
bool cloud_nova_send(struct cloud_nova *nova, const struct cloud_nova_request *request);
bool cloud_nova_list(struct cloud_nova *nova, const struct cloud_nova_list *list);
/* Effect: what is due. Call in each turn of the loop. */
void cloud_nova_turn(struct cloud_nova *nova);
uint64_t cloud_nova_deadline_us(const struct cloud_nova *nova);
/* Returns answers so far that were no such answers. */
uint64_t cloud_nova_malformed(const struct cloud_nova *nova);
uint64_t cloud_nova_tokens(const struct cloud_nova *nova);

/* One page, for tests and fuzzing: each row to list->row. *rows rises by them; last receives the id of the last row, *more whether
 * there is another page. NULL, or what is wrong. */
const char *cloud_nova_page(const struct cloud_nova_list *list, const json_t *doc, uint32_t *rows, char last[CLOUD_NOVA_ID_BYTES],
                            bool *more);

#endif
