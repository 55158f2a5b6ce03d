/* SPDX-License-Identifier: Apache-2.0 */
/* http_check.h - the parameters of an http check in compiled form. Part of the http adapter. */
#ifndef SPICE_HTTP_CHECK_H
#define SPICE_HTTP_CHECK_H

#include "http_judge.h"

#define HTTP_URL_MAX    2048u
#define HTTP_HEADER_MAX 2048u
#define HTTP_BODY_MAX   16384u

enum {
    HTTP_P_URL,
    HTTP_P_METHOD,
    HTTP_P_HEADERS,
    HTTP_P_BODY,
    HTTP_P_EXPECT,
    HTTP_P_MATCH,
    HTTP_P_ABSENT,
    HTTP_P_JSON,
    HTTP_P_CONNECT,
    HTTP_P_CA,
    HTTP_P_CERT,
    HTTP_P_KEY,
    HTTP_P_TLS_MIN,
    HTTP_P_CIPHERS,
    HTTP_P_CONNECT_TIMEOUT,
    HTTP_P_TIMEOUT,
    HTTP_P_LOW_SPEED,
    HTTP_P_LOW_SPEED_TIME,
    HTTP_P_MAX_BYTES,
    HTTP_P_WARN_AFTER,
    HTTP_P_FAIL_AFTER,
    HTTP_P_COUNT
};

/* The parameter table, rows as in the enum. */
extern const struct sp_param http_check_params[HTTP_P_COUNT];

struct http_check {
    char *text[HTTP_P_COUNT]; /* copies of the texts, NULL: not given */
    char **header;            /* "Name: value" templates */
    size_t headers;
    struct http_judge judge;
    long method, tls_min;
    long connect_ms, total_ms, low_speed, low_speed_s;
    size_t max_bytes;
    double warn_s, fail_s; /* 0: none */
    bool per_address;      /* the address appears in the request */
};

/* Gives the compiled form; relative file names start from prefix. NULL: why says what contradicts what. */
struct http_check *http_check_new(const char *prefix, const struct sp_param_value *v, char *why);
/* Takes and nulls. */
void http_check_destroy(struct http_check **check);

#endif
