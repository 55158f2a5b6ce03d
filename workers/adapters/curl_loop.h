/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_loop.h - libcurl multi handles on the services of the worker (socket_action), for adapters that speak HTTP.
 *
 * A multi handle looks at every connection it keeps whenever a transfer is taken out of it, and once a second besides: with
 * thousands of kept connections that costs many times the request itself. So there are several handles, called parts, each with its
 * share of the connections. Who adds a transfer says which part; it must be the same one each time for a connection to be used
 * again.
 *
 * A descriptor stays watched while its connection is idle, which spares two system calls per request on a kept connection; should
 * the peer speak or hang up meanwhile, the watch ends and libcurl notices when it wants to use the connection.
 */
#ifndef SPICE_CURL_LOOP_H
#define SPICE_CURL_LOOP_H

#include <curl/curl.h>

#include "adapter.h"

#define CURL_LOOP_PARTS_MAX 64u

struct curl_loop;
struct curl_loop_sock;

/* TLS of a transfer; NULL: not given. The peer is always verified; its name too, unless its key is pinned. */
struct curl_loop_tls {
    const char *ca, *cert, *key, *pin, *ciphers;
    long version_min; /* CURL_SSLVERSION_... */
};

struct curl_loop_part {
    struct curl_loop *loop;
    CURLM *multi; /* NULL: not used yet */
    struct sp_adapter_timer timer;
    bool added; /* something was added in this turn */
};

struct curl_loop {
    const struct sp_adapter_host *host;
    struct curl_loop_part part[CURL_LOOP_PARTS_MAX];
    uint32_t parts;
    uint32_t next;                       /* part of the next who asks */
    uint32_t added[CURL_LOOP_PARTS_MAX]; /* parts with `added` */
    uint32_t added_count;
    long connections;             /* kept in each part */
    struct curl_loop_sock **sock; /* by descriptor; kept for the next connection with that number */
    uint32_t sock_count;
    void (*done)(void *arg, CURL *easy, CURLcode code);
    void *arg;
};

struct curl_loop_options {
    uint32_t parts;       /* 1 to CURL_LOOP_PARTS_MAX */
    uint32_t connections; /* kept in all, rounded up to a multiple of parts */
    void (*done)(void *arg, CURL *easy, CURLcode code);
    void *arg;
};

/* Effect: starts libcurl. done() is called once for each added transfer that ends, and must curl_loop_remove it. Borrows host and
 * arg. False: libcurl cannot be started. */
bool curl_loop_init(struct curl_loop *self, const struct sp_adapter_host *host, const struct curl_loop_options *options);
/* Effect: closes the kept connections. No transfer is added any more. */
void curl_loop_fini(struct curl_loop *self);
/* Effect: sets the options of an easy handle that belong to this loop, and those every transfer has: no signals, no proxy, http and
 * https only, no redirects. */
bool curl_loop_adopt(struct curl_loop *self, CURL *easy);
/* Effect: sets the TLS options. libcurl copies the texts. */
bool curl_loop_tls_set(CURL *easy, const struct curl_loop_tls *tls);
/* Returns the part for one more endpoint: each in turn, so that all keep as many connections. */
uint32_t curl_loop_part(struct curl_loop *self);
bool curl_loop_add(struct curl_loop *self, uint32_t part, CURL *easy);
/* Effect: takes out a transfer that was added to this part. */
void curl_loop_remove(struct curl_loop *self, uint32_t part, CURL *easy);
/* Effect: starts what was added; call from the adapter's turn(). */
void curl_loop_turn(struct curl_loop *self);
/* Returns the reason (enum sp_reason) that stands for a failed transfer. text: what libcurl wrote into its error buffer. */
uint16_t curl_loop_reason(CURL *easy, CURLcode code, const char *text);

#endif
