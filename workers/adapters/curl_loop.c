/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define SOCKS_AT_START 1024u
#define FOLDERS_BYTES  1024u

struct curl_loop_sock {
    struct sp_adapter_watch watch; /* first: the watch is the sock */
    struct curl_loop_part *part;   /* that has the connection now */
    bool wanted;                   /* libcurl waits for it; else its connection is idle */
};

static void drain(struct curl_loop_part *part)
{
    struct curl_loop *self = part->loop;
    int left = 0;
    CURLMsg *m;
    while ((m = curl_multi_info_read(part->multi, &left)) != NULL) {
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result; /* m is gone with the next call */
        self->done(self->arg, easy, code);
    }
}

static void kick(struct curl_loop_part *part)
{
    int running = 0;
    (void)curl_multi_socket_action(part->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    drain(part);
}

static void on_ready(struct sp_adapter_watch *watch, uint32_t events)
{
    struct curl_loop_sock *s = (struct curl_loop_sock *)watch;
    struct curl_loop *self = watch->arg;
    int running = 0;
    int mask = ((events & SP_ADAPTER_IN) != 0 ? CURL_CSELECT_IN : 0) | ((events & SP_ADAPTER_OUT) != 0 ? CURL_CSELECT_OUT : 0) |
               ((events & SP_ADAPTER_ERR) != 0 ? CURL_CSELECT_ERR : 0);
    if (!s->wanted) {
        (void)self->host->watch(self->host->self, watch, 0);
        return;
    }
    struct curl_loop_part *part = s->part; /* the number may change hands meanwhile */
    (void)curl_multi_socket_action(part->multi, watch->fd, mask, &running);
    drain(part);
}

static struct curl_loop_sock *sock_at(struct curl_loop *self, curl_socket_t fd)
{
    uint32_t at = (uint32_t)fd;
    if (at >= self->sock_count) {
        uint32_t count = at < SOCKS_AT_START ? SOCKS_AT_START : at * 2;
        struct curl_loop_sock **grown = realloc(self->sock, count * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + self->sock_count, 0, (count - self->sock_count) * sizeof *grown);
        self->sock = grown;
        self->sock_count = count;
    }
    if (self->sock[at] == NULL) {
        self->sock[at] = calloc(1, sizeof *self->sock[at]);
        if (self->sock[at] != NULL) {
            self->sock[at]->watch = (struct sp_adapter_watch){.fd = fd, .ready = on_ready, .arg = self};
        }
    }
    return self->sock[at];
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct curl_loop_part *part = arg;
    struct curl_loop *self = part->loop;
    struct curl_loop_sock *s = sock_at(self, fd);
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? SP_ADAPTER_IN : 0) | ((what & CURL_POLL_OUT) != 0 ? SP_ADAPTER_OUT : 0);
    (void)easy;
    (void)unused;
    if (s == NULL) {
        return -1;
    }
    s->part = part;
    s->wanted = what != CURL_POLL_REMOVE;
    if (s->wanted) {
        return self->host->watch(self->host->self, &s->watch, events) ? 0 : -1;
    }
    if (s->watch.events != 0 && s->watch.events != SP_ADAPTER_IN) { /* it would be writable all the time while idle */
        (void)self->host->watch(self->host->self, &s->watch, SP_ADAPTER_IN);
    }
    return 0;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct curl_loop *self = arg;
    if ((uint32_t)fd < self->sock_count && self->sock[fd] != NULL) {
        self->sock[fd]->wanted = false;
        (void)self->host->watch(self->host->self, &self->sock[fd]->watch, 0);
    }
    return close(fd);
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
    struct curl_loop_part *part = arg;
    const struct sp_adapter_host *host = part->loop->host;
    uint64_t at = ms < 0 ? 0 : host->now_us(host->self) + (uint64_t)ms * 1000u;
    (void)multi;
    host->timer(host->self, &part->timer, at);
    return 0;
}

/* The turn's time may be older than libcurl's own, so the timer may fire before what it waits for is due. libcurl then does nothing
 * and, as its earliest timeout is still the one it told us, does not tell it again: ask, or that request stands still for good. */
static void on_timer(struct sp_adapter_timer *timer)
{
    struct curl_loop_part *part = timer->arg;
    long ms = -1;
    kick(part);
    if (curl_multi_timeout(part->multi, &ms) == CURLM_OK && ms >= 0) {
        (void)on_curl_timer(part->multi, ms + 1, part);
    }
}

bool curl_loop_init(struct curl_loop *self, const struct sp_adapter_host *host, const struct curl_loop_options *options)
{
    SP_ASSERT(options->parts > 0 && options->parts <= CURL_LOOP_PARTS_MAX);
    memset(self, 0, sizeof *self);
    self->host = host;
    self->parts = options->parts;
    self->connections = (long)((options->connections + options->parts - 1) / options->parts);
    self->done = options->done;
    self->arg = options->arg;
    for (uint32_t i = 0; i < self->parts; i++) {
        self->part[i] = (struct curl_loop_part){.loop = self, .timer = {.fire = on_timer, .arg = &self->part[i]}};
    }
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static bool open_part(struct curl_loop_part *part)
{
    part->multi = curl_multi_init();
    bool ok = part->multi != NULL && curl_multi_setopt(part->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK;
    ok = ok && curl_multi_setopt(part->multi, CURLMOPT_SOCKETDATA, part) == CURLM_OK;
    ok = ok && curl_multi_setopt(part->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK;
    ok = ok && curl_multi_setopt(part->multi, CURLMOPT_TIMERDATA, part) == CURLM_OK;
    ok = ok && curl_multi_setopt(part->multi, CURLMOPT_MAXCONNECTS, part->loop->connections) == CURLM_OK;
    if (!ok && part->multi != NULL) {
        (void)curl_multi_cleanup(part->multi);
        part->multi = NULL;
    }
    return ok;
}

void curl_loop_fini(struct curl_loop *self)
{
    for (uint32_t i = 0; i < self->parts; i++) {
        if (self->part[i].multi != NULL) {
            (void)curl_multi_cleanup(self->part[i].multi);
            self->part[i].multi = NULL;
        }
        self->host->timer(self->host->self, &self->part[i].timer, 0);
    }
    for (uint32_t i = 0; i < self->sock_count; i++) {
        free(self->sock[i]);
    }
    free(self->sock);
    self->sock = NULL;
    self->sock_count = 0;
    curl_global_cleanup();
}

bool curl_loop_adopt(struct curl_loop *self, CURL *e)
{
    bool ok = curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, self) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    /* Names are asked for once per connection, and those are kept; libcurl would look through its cache of names at each request.
     */
    ok = ok && curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    return ok && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

/* libcurl gives a kept connection to every transfer with the same TLS settings, and the client's key is none it compares: with another's
 * certificate and a key that does not fit, a check would pass on the other's connection. The folders of trusted certificates are
 * compared: one that cannot exist, named after the key, is added to them. */
static bool set_key(CURL *e, const struct curl_loop_tls *tls)
{
    static const uint8_t zero[16];
    char folders[FOLDERS_BYTES];
    char *usual = NULL;
    if (tls->ca == NULL && curl_easy_getinfo(e, CURLINFO_CAPATH, &usual) != CURLE_OK) {
        return false;
    }
    int n = snprintf(folders, sizeof folders, "%s%s/dev/null/%016llx", usual != NULL ? usual : "", usual != NULL ? ":" : "",
                     (unsigned long long)sp_hash_sip(zero, tls->key, strlen(tls->key)));
    return n > 0 && (size_t)n < sizeof folders && curl_easy_setopt(e, CURLOPT_CAPATH, folders) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLCERT, tls->cert) == CURLE_OK && curl_easy_setopt(e, CURLOPT_SSLKEY, tls->key) == CURLE_OK;
}

bool curl_loop_tls_set(CURL *e, const struct curl_loop_tls *tls)
{
    bool ok = curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, tls->pin != NULL ? 0L : 2L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_SSLVERSION, tls->version_min) == CURLE_OK;
    if (ok && tls->pin != NULL) {
        ok = curl_easy_setopt(e, CURLOPT_PINNEDPUBLICKEY, tls->pin) == CURLE_OK;
    }
    if (ok && tls->ca != NULL) {
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, tls->ca) == CURLE_OK && curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (ok && tls->cert != NULL) {
        ok = set_key(e, tls);
    }
    if (ok && tls->ciphers != NULL) {
        ok = curl_easy_setopt(e, CURLOPT_SSL_CIPHER_LIST, tls->ciphers) == CURLE_OK;
    }
    return ok;
}

uint32_t curl_loop_part(struct curl_loop *self)
{
    self->next = self->next + 1 < self->parts ? self->next + 1 : 0;
    return self->next;
}

bool curl_loop_add(struct curl_loop *self, uint32_t number, CURL *easy)
{
    SP_ASSERT(number < self->parts);
    struct curl_loop_part *part = &self->part[number];
    if ((part->multi == NULL && !open_part(part)) || curl_multi_add_handle(part->multi, easy) != CURLM_OK) {
        return false;
    }
    if (!part->added) {
        part->added = true;
        self->added[self->added_count++] = number;
    }
    return true;
}

void curl_loop_remove(struct curl_loop *self, uint32_t number, CURL *easy)
{
    SP_ASSERT(number < self->parts && self->part[number].multi != NULL);
    (void)curl_multi_remove_handle(self->part[number].multi, easy);
}

void curl_loop_turn(struct curl_loop *self)
{
    while (self->added_count > 0) {
        struct curl_loop_part *part = &self->part[self->added[--self->added_count]];
        part->added = false;
        kick(part);
    }
}

uint16_t curl_loop_reason(CURL *easy, CURLcode code, const char *text)
{
    long os = 0;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return SP_REASON_NAME;
    case CURLE_COULDNT_CONNECT:
        (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os);
        return os == ECONNREFUSED ? SP_REASON_REFUSED : SP_REASON_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return SP_REASON_DEADLINE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return SP_REASON_SECURITY;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        /* With TLS 1.3 a server judges our certificate when the handshake is over for us: an alert comes in place of the answer. */
        return strstr(text, " alert ") != NULL ? SP_REASON_SECURITY : SP_REASON_UNREACHABLE;
    case CURLE_URL_MALFORMAT:
        return SP_REASON_BAD_PARAMETERS;
    case CURLE_OUT_OF_MEMORY:
        return SP_REASON_INTERNAL;
    default: /* CURLE_UNSUPPORTED_PROTOCOL among them: an answer without a status line */
        return SP_REASON_PROTOCOL;
    }
}
