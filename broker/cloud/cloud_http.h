/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests to the cloud on the process's loop, by libcurl. Peers and names are always verified, redirects and proxies never
 * used, answers bounded. What the headers hold (tokens) is wiped and not logged. */
#ifndef CLOUD_HTTP_H
#define CLOUD_HTTP_H

#include "sp_loop.h"
#include "sp_str.h"

#define CLOUD_HTTP_MAX        96u /* requests at once */
#define CLOUD_HTTP_HEADERS    4u
#define CLOUD_HTTP_LIST_BYTES (64u << 20) /* all providers of a large cloud */
#define CLOUD_HTTP_BODY_BYTES (1u << 20)  /* anything else */
#define CLOUD_HTTP_TOKEN      4096u

struct cloud_http;

struct cloud_http_answer {
    unsigned status;     /* 0: none; why says so */
    struct sp_str body;  /* lent for the call */
    const char *subject; /* header X-Subject-Token; "" */
    const char *why;
};

struct cloud_http_request {
    const char *method, *url;
    const char *headers[CLOUD_HTTP_HEADERS]; /* "Name: value"; NULL: no more */
    struct sp_str body;
    uint32_t bytes_max; /* of the answer */
    void *self;
    uint32_t tag;
    void (*done)(void *self, uint32_t tag, const struct cloud_http_answer *answer);
};

struct cloud_http_options {
    struct sp_loop *loop;
    const char *ca_file; /* "": the system's */
    uint64_t timeout_ms;
};

/* Effect: NULL when libcurl cannot be started. Borrows the options' texts for the life. */
struct cloud_http *cloud_http_open(const struct cloud_http_options *options);
/* Effect: ends all requests without calling done. */
void cloud_http_close(struct cloud_http **http);
/* Effect: starts it; copies all. done comes exactly once, later, from cloud_http_turn. False: too many, or no memory. */
bool cloud_http_send(struct cloud_http *http, const struct cloud_http_request *request);
/* Effect: what is due. Call once in each turn. */
void cloud_http_turn(struct cloud_http *http);
uint64_t cloud_http_deadline_us(const struct cloud_http *http);

#endif
