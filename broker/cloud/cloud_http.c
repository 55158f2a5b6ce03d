/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sp_buf.h"
#include "sp_crypto.h"

struct transfer {
    struct cloud_http *http;
    bool used, failed; /* failed: the answer is too large */
    CURL *easy;        /* kept */
    struct curl_slist *headers;
    struct sp_buf sent, got;
    char subject[CLOUD_HTTP_TOKEN];
    struct cloud_http_request request; /* texts in it are not ours any more */
};

struct cloud_http {
    struct cloud_http_options options;
    CURLM *multi;
    uint64_t timer_us; /* SP_NEVER: none */
    bool kick;
    struct transfer transfers[CLOUD_HTTP_MAX];
};

/* ---- libcurl asks ---- */

static void on_ready(void *ctx, uint32_t events, const struct sp_now *now);

struct socket_watch {
    struct cloud_http *http;
    curl_socket_t fd;
};

static void on_ready(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct socket_watch *w = ctx;
    struct cloud_http *h = w->http;
    int running = 0, mask = ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                            ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    (void)now;
    (void)curl_multi_socket_action(h->multi, w->fd, mask, &running); /* may end w */
    h->kick = true;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct cloud_http *h = ctx;
    struct socket_watch *w = of_socket;
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            sp_loop_del(h->options.loop, fd);
            (void)curl_multi_assign(h->multi, fd, NULL);
            free(w);
        }
        return 0;
    }
    if (w != NULL)
        return sp_loop_mod(h->options.loop, fd, events) == SP_OK ? 0 : -1;
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    *w = (struct socket_watch){h, fd};
    if (sp_loop_add(h->options.loop, fd, events, (struct sp_loop_watch){on_ready, w}) != SP_OK) {
        free(w);
        return -1;
    }
    return curl_multi_assign(h->multi, fd, w) == CURLM_OK ? 0 : -1;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct cloud_http *h = ctx;
    (void)multi;
    h->timer_us = ms < 0 ? SP_NEVER : sp_loop_now(h->options.loop)->mono.us + (uint64_t)ms * SP_US_PER_MS;
    return 0;
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    sp_buf_append(&t->got, p, one * n);
    t->failed = t->failed || t->got.failed;
    return t->failed ? 0 : one * n;
}

static size_t on_header(char *p, size_t one, size_t n, void *ctx)
{
    static const char name[] = "X-Subject-Token:";
    struct transfer *t = ctx;
    if (one * n > sizeof name && strncasecmp(p, name, sizeof name - 1) == 0) {
        struct sp_str value = sp_str_bytes(p + sizeof name - 1, one * n - (sizeof name - 1));
        while (value.n > 0 && (value.p[value.n - 1] == '\r' || value.p[value.n - 1] == '\n'))
            value.n--;
        if (!sp_str_copy(t->subject, sizeof t->subject, sp_str_trim(value)))
            t->subject[0] = '\0';
    }
    return one * n;
}

/* ---- ours ---- */

struct cloud_http *cloud_http_open(const struct cloud_http_options *options)
{
    struct cloud_http *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->options = *options;
    h->timer_us = SP_NEVER;
    bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && (h->multi = curl_multi_init()) != NULL;
    good = good && curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK;
    good = good && curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK;
    good = good && curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK;
    good = good && curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK;
    if (!good)
        cloud_http_close(&h);
    return h;
}

static void wipe(struct transfer *t)
{
    for (struct curl_slist *x = t->headers; x != NULL; x = x->next)
        sp_crypto_wipe(x->data, strlen(x->data));
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    if (t->sent.p != NULL)
        sp_crypto_wipe(t->sent.p, t->sent.size);
    if (t->got.p != NULL)
        sp_crypto_wipe(t->got.p, t->got.size);
    sp_crypto_wipe(t->subject, sizeof t->subject);
    sp_buf_fini(&t->sent);
    sp_buf_fini(&t->got);
}

void cloud_http_close(struct cloud_http **http)
{
    struct cloud_http *h = *http;
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < CLOUD_HTTP_MAX; i++) {
        struct transfer *t = &h->transfers[i];
        if (t->easy == NULL)
            continue;
        if (t->used)
            (void)curl_multi_remove_handle(h->multi, t->easy);
        curl_easy_cleanup(t->easy);
        wipe(t);
    }
    if (h->multi != NULL)
        (void)curl_multi_cleanup(h->multi);
    curl_global_cleanup();
    free(h);
    *http = NULL;
}

static bool options_set(struct cloud_http *h, struct transfer *t)
{
    CURL *e = t->easy;
    bool ok = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (ok && h->options.ca_file[0] != '\0')
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, h->options.ca_file) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)h->options.timeout_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK;
    return ok && curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK;
}

static bool header_add(struct transfer *t, const char *text)
{
    struct curl_slist *longer = curl_slist_append(t->headers, text);
    t->headers = longer != NULL ? longer : t->headers;
    return longer != NULL;
}

static bool request_set(struct transfer *t, const struct cloud_http_request *r)
{
    CURL *e = t->easy;
    bool ok =
        curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
    for (unsigned i = 0; i < CLOUD_HTTP_HEADERS && r->headers[i] != NULL; i++)
        ok = ok && header_add(t, r->headers[i]);
    ok = ok && header_add(t, "Accept: application/json") && header_add(t, "Expect:");
    if (strcmp(r->method, "GET") != 0) {
        ok = ok && header_add(t, "Content-Type: application/json");
        sp_buf_append(&t->sent, r->body.p, r->body.n);
        ok = ok && !t->sent.failed && curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)r->body.n) == CURLE_OK;
        ok = ok && curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.n > 0 ? (const char *)t->sent.p : "") == CURLE_OK;
    }
    return ok && curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

bool cloud_http_send(struct cloud_http *h, const struct cloud_http_request *request)
{
    struct transfer *t = NULL;
    for (uint32_t i = 0; i < CLOUD_HTTP_MAX && t == NULL; i++)
        t = h->transfers[i].used ? NULL : &h->transfers[i];
    if (t == NULL)
        return false;
    if (t->easy == NULL && (t->easy = curl_easy_init()) == NULL)
        return false;
    t->http = h;
    t->request = *request;
    t->failed = false;
    sp_buf_init(&t->sent, 1u << 20);
    sp_buf_init(&t->got, request->bytes_max);
    curl_easy_reset(t->easy);
    bool ok = options_set(h, t) && request_set(t, request) && curl_multi_add_handle(h->multi, t->easy) == CURLM_OK;
    if (!ok)
        wipe(t);
    t->used = ok;
    h->kick = h->kick || ok;
    return ok;
}

static void ended(struct cloud_http *h, CURL *easy, CURLcode code)
{
    struct transfer *t = NULL;
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_multi_remove_handle(h->multi, easy);
    struct cloud_http_answer a = {.subject = t->subject, .why = ""};
    if (code == CURLE_OK && status > 0) {
        a.status = (unsigned)status;
        a.body = sp_buf_view(&t->got);
    } else {
        a.why = t->failed ? "the answer is too large" : curl_easy_strerror(code);
    }
    void (*done)(void *self, uint32_t tag, const struct cloud_http_answer *answer) = t->request.done;
    done(t->request.self, t->request.tag, &a); /* may send: this place is still in use */
    wipe(t);
    t->used = false;
}

void cloud_http_turn(struct cloud_http *h)
{
    int running = 0, left = 0;
    CURLMsg *m;
    if (h->kick || h->timer_us <= sp_loop_now(h->options.loop)->mono.us) {
        long ms = -1;
        h->kick = false;
        h->timer_us = SP_NEVER;
        (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        /* Too early by its own clock, it does nothing and does not name the time again. */
        if (h->timer_us == SP_NEVER && curl_multi_timeout(h->multi, &ms) == CURLM_OK && ms >= 0)
            (void)on_timer(h->multi, ms + 1, h);
    }
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result;
        ended(h, easy, code);
    }
}

uint64_t cloud_http_deadline_us(const struct cloud_http *h)
{
    return h->kick ? sp_loop_now(h->options.loop)->mono.us : h->timer_us;
}
