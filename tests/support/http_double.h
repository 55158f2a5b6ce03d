/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_double - a small HTTP server in a child process, for tests: it behaves well or badly as the path says.
 *   /ok       200 "all is well\n"          /status/NNN  that status      /json   {"status":"ok","n":3,"list":[{"a":true}]}
 *   /hang     never answers                /flood...    endless chunked  /drip   one byte each 100 ms
 *   /garbage  no HTTP at all               /redirect    302 to file:///etc/passwd      /huge   1 MiB of text
 *   /close    closes at once               /twice       two JSON members of one name
 *   /to/URL   302 to that URL
 *   /count    200 "connections N\n": how many were accepted so far
 */
#ifndef HTTP_DOUBLE_H
#define HTTP_DOUBLE_H

#include <sys/types.h>

struct http_double {
    pid_t pid;
    unsigned port; /* on 127.0.0.1 */
};

void http_double_open(struct http_double *d);
/* Effect: ends the child; its port refuses connections from then on. */
void http_double_close(struct http_double *d);

#endif
