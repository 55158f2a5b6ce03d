/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_nova.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_log.h"

#define SUB        "cloud"
#define PATH_BYTES 256u

struct place {
    bool used, listing;
    uint32_t serial; /* of the token it was sent with */
    uint32_t rows, pages;
    char path[PATH_BYTES], last[CLOUD_NOVA_ID_BYTES]; /* of a list */
    union {
        struct cloud_nova_request request;
        struct cloud_nova_list list;
    } u;
};

struct cloud_nova {
    const struct sp_conf_compute *conf;
    struct cloud_http *http;
    struct cloud_auth auth;
    char base[SP_CONF_PLACEMENT_URL_BYTES];
    uint64_t malformed;
    struct place places[CLOUD_NOVA_MAX];
};

static void on_answer(void *self, uint32_t tag, const struct cloud_http_answer *a);

/* ---- reading ---- */

/* An id goes into the address of the next request: nothing but what a UUID or a number is made of. */
static bool id_take(const json_t *row, const char *member, char to[CLOUD_NOVA_ID_BYTES])
{
    const char *id = json_string_value(json_object_get(row, member));
    size_t n = id != NULL ? strspn(id, "0123456789ABCDEFabcdef-") : 0;
    return n > 0 && id[n] == '\0' && sp_str_copy(to, CLOUD_NOVA_ID_BYTES, sp_str_of(id));
}

static bool links_on(const json_t *doc, const char *member)
{
    char name[64];
    size_t i;
    json_t *one;
    (void)snprintf(name, sizeof name, "%s_links", member);
    json_array_foreach(json_object_get(doc, name), i, one)
    {
        const char *rel = json_string_value(json_object_get(one, "rel"));
        if (rel != NULL && strcmp(rel, "next") == 0)
            return true;
    }
    return false;
}

const char *cloud_nova_page(const struct cloud_nova_list *list, const json_t *doc, uint32_t *rows, char last[CLOUD_NOVA_ID_BYTES],
                            bool *more)
{
    const json_t *all = json_object_get(doc, list->member);
    char before[CLOUD_NOVA_ID_BYTES];
    *more = false;
    memcpy(before, last, sizeof before);
    if (!json_is_array(all))
        return "the answer has no such list";
    if (json_array_size(all) > list->rows_max - *rows)
        return "the list is too long";
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        if (!json_is_object(one) || !list->row(list->self, one))
            return "a row of the list is not sound";
        if (list->id != NULL && !id_take(one, list->id, last))
            return "a row of the list has no id";
    }
    *rows += (uint32_t)json_array_size(all);
    if (list->id == NULL)
        return links_on(doc, list->member) ? "the list has pages where none are expected" : NULL;
    *more = json_array_size(all) > 0;
    return *more && strcmp(before, last) == 0 ? "the list does not go on" : NULL;
}

/* ---- sending ---- */

static bool http_send(struct cloud_nova *n, uint32_t place, const char *method, const char *path, struct sp_str body)
{
    char url[SP_CONF_PLACEMENT_URL_BYTES + PATH_BYTES + CLOUD_NOVA_ID_BYTES + 32], token[CLOUD_HTTP_TOKEN + 32];
    struct cloud_http_request r = {
        .method = method, .url = url, .headers = {CLOUD_NOVA_API}, .body = body, .self = n, .tag = place};
    r.bytes_max = CLOUD_HTTP_LIST_BYTES;
    r.done = on_answer;
    (void)snprintf(url, sizeof url, "%s%s", n->base, path);
    cloud_auth_header(&n->auth, token);
    r.headers[1] = token[0] != '\0' ? token : NULL;
    n->places[place].serial = n->auth.serial;
    bool sent = cloud_http_send(n->http, &r);
    sp_crypto_wipe(token, sizeof token);
    return sent;
}

static bool page_send(struct cloud_nova *n, uint32_t at)
{
    struct place *p = &n->places[at];
    char path[PATH_BYTES + CLOUD_NOVA_ID_BYTES + 32], join = strchr(p->path, '?') != NULL ? '&' : '?';
    int used = snprintf(path, sizeof path, "%s", p->path);
    if (p->u.list.id != NULL)
        used += snprintf(path + used, sizeof path - (size_t)used, "%climit=%u", join, n->conf->page);
    if (p->u.list.id != NULL && p->last[0] != '\0')
        (void)snprintf(path + used, sizeof path - (size_t)used, "&marker=%s", p->last);
    return http_send(n, at, "GET", path, (struct sp_str){NULL, 0});
}

static uint32_t place_take(struct cloud_nova *n)
{
    for (uint32_t i = 0; i < CLOUD_NOVA_MAX && cloud_nova_is_ready(n); i++)
        if (!n->places[i].used) {
            n->places[i] = (struct place){.used = true};
            return i;
        }
    return CLOUD_NOVA_MAX;
}

bool cloud_nova_send(struct cloud_nova *n, const struct cloud_nova_request *request)
{
    uint32_t at = place_take(n);
    if (at == CLOUD_NOVA_MAX)
        return false;
    n->places[at].u.request = *request;
    n->places[at].used = strlen(request->path) < PATH_BYTES && http_send(n, at, request->method, request->path, request->body);
    return n->places[at].used;
}

bool cloud_nova_list(struct cloud_nova *n, const struct cloud_nova_list *list)
{
    uint32_t at = place_take(n);
    if (at == CLOUD_NOVA_MAX)
        return false;
    struct place *p = &n->places[at];
    p->listing = true;
    p->u.list = *list;
    p->used = sp_str_copy(p->path, sizeof p->path, sp_str_of(list->path)) && page_send(n, at);
    return p->used;
}

/* ---- answers ---- */

static void end(struct cloud_nova *n, uint32_t at, const struct cloud_nova_answer *a)
{
    struct place p = n->places[at];
    n->places[at].used = false; /* who is told may send again */
    if (a->result == CLOUD_NOVA_FAILED)
        SP_LOG(SP_LOG_DEBUG, SUB, "nova.failed", SP_LOG_S("path", p.listing ? p.path : ""), SP_LOG_U("status", a->status),
               SP_LOG_S("why", a->why));
    if (p.listing)
        p.u.list.done(p.u.list.self, a);
    else
        p.u.request.done(p.u.request.self, p.u.request.tag, a);
}

static void on_page(struct cloud_nova *n, uint32_t at, struct cloud_nova_answer *a)
{
    struct place *p = &n->places[at];
    bool more = false;
    const char *wrong = cloud_nova_page(&p->u.list, a->doc, &p->rows, p->last, &more);
    a->doc = NULL;
    if (wrong == NULL && more && ++p->pages < CLOUD_NOVA_PAGES_MAX) {
        if (page_send(n, at))
            return;
        wrong = "the next page could not be asked for";
    } else if (wrong == NULL && more) {
        wrong = "the list has too many pages";
    }
    n->malformed += wrong != NULL;
    a->result = wrong == NULL ? CLOUD_NOVA_DONE : CLOUD_NOVA_FAILED;
    a->why = wrong != NULL ? wrong : "";
    end(n, at, a);
}

static void on_answer(void *self, uint32_t at, const struct cloud_http_answer *h)
{
    struct cloud_nova *n = self;
    struct place *p = &n->places[at];
    struct cloud_nova_answer a = {.result = CLOUD_NOVA_FAILED, .status = h->status, .why = h->why};
    if (h->status == 401 && cloud_auth_renews(&n->auth)) {
        cloud_auth_refused(&n->auth, sp_clock_read().mono, p->serial);
        a.result = CLOUD_NOVA_AGAIN;
        a.why = "the token was refused";
        end(n, at, &a);
        return;
    }
    if (h->status >= 200 && h->status < 500)
        cloud_auth_taken(&n->auth, p->serial);
    bool good = h->status >= 200 && h->status < 300;
    json_t *doc = good && h->body.n > 0 ? json_loadb(h->body.p, h->body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    a.doc = doc;
    if (h->status != 0 && !good)
        a.why = "Nova refused it";
    if (good && doc == NULL && (p->listing || h->body.n > 0)) {
        n->malformed++;
        a.why = "the answer is no JSON";
        end(n, at, &a);
    } else if (good && p->listing) {
        on_page(n, at, &a);
    } else {
        a.result = good ? CLOUD_NOVA_DONE : CLOUD_NOVA_FAILED;
        end(n, at, &a);
    }
    json_decref(doc);
}

/* ---- life ---- */

bool cloud_nova_is_ready(const struct cloud_nova *n)
{
    return cloud_auth_is_ready(&n->auth);
}

void cloud_nova_turn(struct cloud_nova *n)
{
    cloud_http_turn(n->http);
    cloud_auth_turn(&n->auth, sp_clock_read().mono);
}

uint64_t cloud_nova_deadline_us(const struct cloud_nova *n)
{
    uint64_t at = cloud_http_deadline_us(n->http), token = cloud_auth_deadline_us(&n->auth);
    return token < at ? token : at;
}

uint64_t cloud_nova_malformed(const struct cloud_nova *n)
{
    return n->malformed;
}

uint64_t cloud_nova_tokens(const struct cloud_nova *n)
{
    return n->auth.renewals;
}

enum sp_rc cloud_nova_open(const struct sp_conf_compute *conf, const struct sp_conf_login *login, struct sp_loop *loop,
                           struct cloud_nova **out, struct sp_err *err)
{
    struct cloud_http_options ho = {.loop = loop, .ca_file = conf->ca_file, .timeout_ms = conf->timeout_ms};
    *out = NULL;
    if (!cloud_auth_is_url(conf->url))
        return sp_err_set(err, SP_E_INVALID, "bridge.compute.url", "is no http:// or https:// address");
    struct cloud_nova *n = calloc(1, sizeof *n);
    if (n == NULL)
        return sp_err_set(err, SP_E_NOMEM, "compute", "no memory");
    n->conf = conf;
    (void)sp_str_copy(n->base, sizeof n->base, sp_str_of(conf->url));
    for (size_t length = strlen(n->base); length > 0 && n->base[length - 1] == '/'; length--)
        n->base[length - 1] = '\0';
    n->http = cloud_http_open(&ho);
    enum sp_rc rc = n->http == NULL ? sp_err_set(err, SP_E_NOMEM, "compute", "libcurl cannot be started") : SP_OK;
    rc = rc == SP_OK ? cloud_auth_init(&n->auth, login, login == &conf->login ? "bridge.compute" : "bridge.placement", n->http, err)
                     : rc;
    if (rc != SP_OK)
        cloud_nova_close(&n);
    *out = n;
    return rc;
}

void cloud_nova_close(struct cloud_nova **nova)
{
    struct cloud_nova *n = *nova;
    if (n == NULL)
        return;
    if (n->http != NULL)
        cloud_http_close(&n->http);
    cloud_auth_fini(&n->auth);
    free(n);
    *nova = NULL;
}
