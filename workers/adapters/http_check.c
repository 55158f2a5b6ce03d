/* SPDX-License-Identifier: Apache-2.0 */
#include "http_check.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct sp_param http_check_params[HTTP_P_COUNT] = {
    [HTTP_P_URL] = {"url", SP_PARAM_STR, true, 8, HTTP_URL_MAX, NULL, "http or https URL; {node} and {address} are replaced", NULL},
    [HTTP_P_METHOD] = {"method", SP_PARAM_ENUM, false, 0, 0, "\"GET\"", "request method", "GET|HEAD|POST|PUT|OPTIONS"},
    [HTTP_P_HEADERS] = {"headers", SP_PARAM_MAP, false, 0, 32, NULL, "request headers", NULL},
    [HTTP_P_BODY] = {"body", SP_PARAM_STR, false, 0, HTTP_BODY_MAX, NULL, "request body", NULL},
    [HTTP_P_EXPECT] = {"expect", SP_PARAM_LIST, false, 1, HTTP_JUDGE_RANGES_MAX, "\"200-299\"", "good statuses: 200 or 200-299",
                       NULL},
    [HTTP_P_MATCH] = {"match", SP_PARAM_STR, false, 1, HTTP_JUDGE_PATTERN_MAX, NULL,
                      "extended regular expression the body must match", NULL},
    [HTTP_P_ABSENT] = {"absent", SP_PARAM_STR, false, 1, HTTP_JUDGE_PATTERN_MAX, NULL,
                       "extended regular expression the body must not match", NULL},
    [HTTP_P_JSON] = {"json", SP_PARAM_MAP, false, 1, HTTP_JUDGE_MEMBERS_MAX, NULL, "JSON pointer -> value its target must have",
                     NULL},
    [HTTP_P_CONNECT] = {"connect", SP_PARAM_STR, false, 1, 300, NULL,
                        "HOST:PORT to connect to instead of the URL's, for example {address}:443", NULL},
    [HTTP_P_CA] = {"ca", SP_PARAM_STR, false, 1, 512, NULL, "file of trusted certificates instead of the system's", NULL},
    [HTTP_P_CERT] = {"cert", SP_PARAM_STR, false, 1, 512, NULL, "client certificate file", NULL},
    [HTTP_P_KEY] = {"key", SP_PARAM_STR, false, 1, 512, NULL, "client key file", NULL},
    [HTTP_P_TLS_MIN] = {"tls_min", SP_PARAM_ENUM, false, 0, 0, "\"1.2\"", "least TLS version", "1.0|1.1|1.2|1.3"},
    [HTTP_P_CIPHERS] = {"ciphers", SP_PARAM_STR, false, 1, 512, NULL, "OpenSSL cipher string, for old servers", NULL},
    [HTTP_P_CONNECT_TIMEOUT] = {"connect_timeout", SP_PARAM_DURATION, false, 1, 600000, "\"5s\"", "longest time to connect", NULL},
    [HTTP_P_TIMEOUT] = {"total_timeout", SP_PARAM_DURATION, false, 1, 3600000, NULL,
                        "longest time in all; the check's timeout holds anyway", NULL},
    [HTTP_P_LOW_SPEED] = {"low_speed", SP_PARAM_INT, false, 0, 1000000000, "1",
                          "bytes per second below which the answer is given up", NULL},
    [HTTP_P_LOW_SPEED_TIME] = {"low_speed_time", SP_PARAM_DURATION, false, 1000, 3600000, "\"10s\"", "how long it may be so slow",
                               NULL},
    [HTTP_P_MAX_BYTES] = {"max_bytes", SP_PARAM_INT, false, 1, 16777216, "262144", "longest body", NULL},
    [HTTP_P_WARN_AFTER] = {"warn_after", SP_PARAM_DURATION, false, 1, 3600000, NULL, "slower than this: warn", NULL},
    [HTTP_P_FAIL_AFTER] = {"fail_after", SP_PARAM_DURATION, false, 1, 3600000, NULL, "slower than this: fail", NULL},
};

static bool copy_headers(struct http_check *c, const struct sp_param_value *v, char *why)
{
    c->header = calloc(v->list_len / 2 + 1, sizeof *c->header);
    for (size_t i = 0; c->header != NULL && i + 1 < v->list_len; i += 2) {
        const char *name = v->list[i];
        const char *value = v->list[i + 1];
        bool token = name[0] != '\0' &&
                     name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")] == '\0';
        if (!token || strpbrk(value, "\r\n") != NULL || strlen(name) + strlen(value) + 3 > HTTP_HEADER_MAX) {
            (void)snprintf(why, SP_ADAPTER_WHY_MAX, "bad header \"%.64s\"", name);
            return false;
        }
        if (asprintf(&c->header[c->headers], "%s: %s", name, value) < 0) {
            return false;
        }
        c->headers++;
    }
    return c->header != NULL;
}

static bool copy_texts(const char *prefix, struct http_check *c, const struct sp_param_value *v)
{
    for (unsigned i = 0; i < HTTP_P_COUNT; i++) {
        if (!v[i].given || v[i].str[0] == '\0') {
            continue;
        }
        bool path = (i == HTTP_P_CA || i == HTTP_P_CERT || i == HTTP_P_KEY) && v[i].str[0] != '/';
        if (asprintf(&c->text[i], "%s%s%s", path ? prefix : "", path ? "/" : "", v[i].str) < 0) {
            c->text[i] = NULL;
            return false;
        }
        c->per_address = c->per_address || strstr(v[i].str, "{address}") != NULL;
    }
    return true;
}

struct http_check *http_check_new(const char *prefix, const struct sp_param_value *v, char *why)
{
    static const long tls[] = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
    bool scheme = strncmp(v[HTTP_P_URL].str, "http://", 7) == 0 || strncmp(v[HTTP_P_URL].str, "https://", 8) == 0;
    struct http_check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->method = (long)v[HTTP_P_METHOD].num;
    c->tls_min = tls[v[HTTP_P_TLS_MIN].num];
    c->connect_ms = (long)v[HTTP_P_CONNECT_TIMEOUT].num;
    c->total_ms = v[HTTP_P_TIMEOUT].given ? (long)v[HTTP_P_TIMEOUT].num : 0;
    c->low_speed = (long)v[HTTP_P_LOW_SPEED].num;
    c->low_speed_s = (long)v[HTTP_P_LOW_SPEED_TIME].num / 1000;
    c->max_bytes = (size_t)v[HTTP_P_MAX_BYTES].num;
    c->warn_s = v[HTTP_P_WARN_AFTER].given ? (double)v[HTTP_P_WARN_AFTER].num / 1000.0 : 0;
    c->fail_s = v[HTTP_P_FAIL_AFTER].given ? (double)v[HTTP_P_FAIL_AFTER].num / 1000.0 : 0;
    if (!scheme) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "url must start with http:// or https://");
    } else if (v[HTTP_P_CERT].given != v[HTTP_P_KEY].given) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "cert and key go together");
    } else if (copy_headers(c, &v[HTTP_P_HEADERS], why) && copy_texts(prefix, c, v) &&
               http_judge_init(&c->judge, &v[HTTP_P_EXPECT], &v[HTTP_P_MATCH], &v[HTTP_P_ABSENT], &v[HTTP_P_JSON], why)) {
        for (size_t i = 0; i < c->headers; i++) {
            c->per_address = c->per_address || strstr(c->header[i], "{address}") != NULL;
        }
        return c;
    }
    http_check_destroy(&c);
    return NULL;
}

void http_check_destroy(struct http_check **check)
{
    struct http_check *c = *check;
    for (size_t i = 0; i < c->headers; i++) {
        free(c->header[i]);
    }
    free(c->header);
    for (unsigned i = 0; i < HTTP_P_COUNT; i++) {
        free(c->text[i]);
    }
    http_judge_fini(&c->judge);
    free(c);
    *check = NULL;
}
