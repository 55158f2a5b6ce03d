/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_place.h"

#include <stdio.h>
#include <stdlib.h>

#include "cloud_list.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_random.h"

#define SUB     "cloud"
#define MASK(t) (1ull << (t))

/* ---- bodies ---- */

bool cloud_place_has(const struct trait_core *core, const json_t *doc, uint64_t *has)
{
    const json_t *traits = json_object_get(doc, "traits");
    size_t i;
    json_t *one;
    *has = 0;
    if (!json_is_array(traits) || !json_is_integer(json_object_get(doc, "resource_provider_generation")))
        return false;
    json_array_foreach(traits, i, one)
    {
        if (!json_is_string(one))
            return false;
        uint32_t t = trait_core_name(core, sp_str_of(json_string_value(one)));
        *has |= t != TRAIT_NONE ? MASK(t) : 0;
    }
    return true;
}

/* What others put there comes back as it was read; of ours, those of the mask. */
char *cloud_place_body(const struct trait_core *core, const json_t *doc, uint64_t mask)
{
    const json_t *traits = json_object_get(doc, "traits");
    json_t *list = json_array(), *one;
    size_t i;
    json_array_foreach(traits, i, one)
    {
        if (trait_core_name(core, sp_str_of(json_string_value(one))) == TRAIT_NONE)
            json_array_append(list, one);
    }
    for (uint32_t t = 0; t < core->name_count; t++)
        if ((mask & MASK(t)) != 0)
            json_array_append_new(list, json_string(core->names[t].name));
    json_t *body = json_pack("{s:O, s:o}", "resource_provider_generation", json_object_get(doc, "resource_provider_generation"),
                             "traits", list);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(body);
    return text;
}

/* ---- answers ---- */

static enum trait_result result_of(const struct cloud_place_slot *s, const struct cloud_http_answer *a)
{
    bool write = s->ask.kind == TRAIT_ASK_CREATE || s->ask.kind == TRAIT_ASK_WRITE;
    if (a->status == 200 || (write && (a->status == 201 || a->status == 204)))
        return TRAIT_DONE;
    if (a->status == 409)
        return TRAIT_CONFLICT;
    if (a->status == 404 && (s->ask.kind == TRAIT_ASK_READ || s->ask.kind == TRAIT_ASK_WRITE))
        return TRAIT_GONE;
    return a->status == 400 && s->ask.kind != TRAIT_ASK_ALL && s->ask.kind != TRAIT_ASK_READ ? TRAIT_UNKNOWN : TRAIT_FAILED;
}

struct providers {
    struct cloud_place *place;
    uint32_t slot;
    bool take; /* first all are looked at, then all are taken */
};

static bool one_provider(void *ctx, const json_t *one)
{
    struct providers *l = ctx;
    uint8_t uuid[16];
    const char *id = json_string_value(json_object_get(one, "uuid")), *name = json_string_value(json_object_get(one, "name"));
    bool root = json_is_null(json_object_get(one, "parent_provider_uuid"));
    if (id == NULL || name == NULL || !sp_hex_key(sp_str_of(id), uuid))
        return false;
    if (!root || !sp_str_is_name(sp_str_of(name), TRAIT_NODE_BYTES - 1))
        name = ""; /* no name that could be a node's: known by its uuid alone */
    if (l->take && l->place->slots[l->slot].ask.kind == TRAIT_ASK_WHO)
        trait_core_has(&l->place->core, l->slot, uuid, name);
    else if (l->take && root)
        trait_core_provider(&l->place->core, l->slot, uuid, name);
    return true;
}

/* A list of providers; the whole of it is sound, or none of it counts. */
bool cloud_place_providers(struct cloud_place *p, uint32_t slot, struct sp_str text)
{
    struct providers l = {p, slot, false};
    bool sound = cloud_list_walk(text, "resource_providers", one_provider, &l);
    l.take = true;
    return sound && cloud_list_walk(text, "resource_providers", one_provider, &l);
}

/* A provider's traits; they are kept for the WRITE. */
static bool take_traits(struct cloud_place *p, uint32_t slot, struct sp_str text, uint64_t *has)
{
    json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool sound = cloud_place_has(&p->core, doc, has);
    if (sound)
        p->slots[slot].doc = json_incref(doc);
    json_decref(doc);
    return sound;
}

static void on_answer(void *self, uint32_t slot, const struct cloud_http_answer *a)
{
    struct cloud_place *p = self;
    struct cloud_place_slot *s = &p->slots[slot];
    struct sp_mono now = sp_clock_read().mono;
    enum trait_result result = result_of(s, a);
    bool reads = s->ask.kind != TRAIT_ASK_CREATE && s->ask.kind != TRAIT_ASK_WRITE;
    uint64_t has = 0;
    if (result == TRAIT_DONE && reads &&
        !(s->ask.kind == TRAIT_ASK_READ ? take_traits(p, slot, a->body, &has) : cloud_place_providers(p, slot, a->body))) {
        p->malformed++;
        result = TRAIT_FAILED;
    }
    if (a->status == 401 && cloud_auth_renews(&p->auth)) {
        cloud_auth_refused(&p->auth, now, s->serial);
        result = TRAIT_AGAIN;
    } else if (a->status >= 200 && a->status < 500) {
        cloud_auth_taken(&p->auth, s->serial);
    }
    if (result == TRAIT_FAILED || result == TRAIT_UNKNOWN)
        SP_LOG(SP_LOG_DEBUG, SUB, "placement.failed", SP_LOG_U("kind", s->ask.kind), SP_LOG_U("status", a->status),
               SP_LOG_S("why", a->why));
    trait_core_done(&p->core, now, slot, result, has);
}

/* ---- requests ---- */

static void send(struct cloud_place *p, const struct trait_ask *ask)
{
    char url[SP_CONF_PLACEMENT_URL_BYTES + 400], uuid[SP_HEX_KEY_BYTES] = "", token[CLOUD_HTTP_TOKEN + 32];
    struct cloud_place_slot *s = &p->slots[ask->slot];
    struct cloud_http_request r = {
        .method = "GET", .url = url, .headers = {CLOUD_PLACE_API}, .self = p, .tag = ask->slot, .done = on_answer};
    char *body = NULL;
    r.bytes_max = ask->kind == TRAIT_ASK_WHO || ask->kind == TRAIT_ASK_ALL ? CLOUD_HTTP_LIST_BYTES : CLOUD_HTTP_BODY_BYTES;
    s->ask = *ask;
    s->serial = p->auth.serial;
    if (ask->uuid != NULL)
        sp_hex_key_write(ask->uuid, uuid);
    const char *name = p->core.names[ask->trait < TRAIT_NAMES_MAX ? ask->trait : 0].name;
    switch (ask->kind) {
    case TRAIT_ASK_CREATE:
        r.method = "PUT";
        (void)snprintf(url, sizeof url, "%s/traits/%s", p->base, name);
        break;
    case TRAIT_ASK_WHO:
        (void)snprintf(url, sizeof url, "%s/resource_providers?required=%s", p->base, name);
        break;
    case TRAIT_ASK_ALL:
        (void)snprintf(url, sizeof url, "%s/resource_providers", p->base);
        break;
    default:
        (void)snprintf(url, sizeof url, "%s/resource_providers/%s/traits", p->base, uuid);
        break;
    }
    if (ask->kind == TRAIT_ASK_WRITE) {
        r.method = "PUT";
        body = cloud_place_body(&p->core, s->doc, ask->mask);
        r.body = sp_str_of(body);
    }
    json_decref(s->doc);
    s->doc = NULL;
    cloud_auth_header(&p->auth, token);
    r.headers[1] = token[0] != '\0' ? token : NULL;
    bool sent = (ask->kind != TRAIT_ASK_WRITE || body != NULL) && cloud_http_send(p->http, &r);
    sp_crypto_wipe(token, sizeof token);
    free(body);
    if (!sent)
        trait_core_done(&p->core, sp_clock_read().mono, ask->slot, TRAIT_FAILED, 0);
}

static void tell(struct cloud_place *p)
{
    struct trait_core *c = &p->core;
    bool broken = c->failures >= TRAIT_BREAK_AFTER;
    if (broken != p->told_broken) {
        p->told_broken = broken;
        SP_LOG(broken ? SP_LOG_WARNING : SP_LOG_NOTICE, SUB, broken ? "placement.lost" : "placement.back",
               SP_LOG_U("failures", c->counters.failures));
    }
    if (c->round_done && !p->told_round) {
        p->told_round = true;
        SP_LOG(SP_LOG_NOTICE, SUB, "traits.reconciled", SP_LOG_U("providers", c->provider_count),
               SP_LOG_U("traits", c->name_count));
    }
    uint64_t refused = 0;
    for (uint32_t t = 0; t < c->name_count; t++)
        refused |= c->names[t].refused ? MASK(t) : 0;
    for (uint32_t t = 0; t < c->name_count; t++)
        if ((refused & ~p->told_refused & MASK(t)) != 0)
            SP_LOG(SP_LOG_ERROR, SUB, "trait.refused", SP_LOG_S("trait", c->names[t].name));
    p->told_refused = refused;
}

void cloud_place_turn(struct cloud_place *p)
{
    struct trait_ask ask;
    cloud_http_turn(p->http);
    struct sp_mono now = sp_clock_read().mono; /* fresh: leases are judged by it */
    cloud_auth_turn(&p->auth, now);
    while (cloud_auth_is_ready(&p->auth) && trait_core_next(&p->core, now, &ask))
        send(p, &ask);
    tell(p);
}

uint64_t cloud_place_deadline_us(const struct cloud_place *p)
{
    uint64_t at = cloud_http_deadline_us(p->http), others[] = {SP_NEVER, cloud_auth_deadline_us(&p->auth)};
    if (cloud_auth_is_ready(&p->auth))
        others[0] = trait_core_next_deadline(&p->core, sp_loop_now(p->loop)->mono).us;
    for (size_t i = 0; i < SP_COUNT(others); i++)
        at = others[i] < at ? others[i] : at;
    return at;
}

/* ---- life ---- */

enum sp_rc cloud_place_open(const struct sp_conf_placement *conf, struct sp_loop *loop, uint32_t rows_max, struct cloud_place **out,
                            struct sp_err *err)
{
    struct cloud_place *p = calloc(1, sizeof *p);
    struct trait_core_options o = {.seed = sp_random_u64(),
                                   .rate = conf->rate,
                                   .parallel = conf->parallel,
                                   .rows_max = rows_max,
                                   .reconcile_ms = conf->reconcile_ms,
                                   .start_ms = CLOUD_PLACE_START_MS};
    struct cloud_http_options ho = {.loop = loop, .ca_file = conf->ca_file, .timeout_ms = conf->timeout_ms};
    struct sp_mono now = sp_loop_now(loop)->mono;
    if (p == NULL)
        return sp_err_set(err, SP_E_NOMEM, "placement", "no memory");
    p->conf = conf;
    p->loop = loop;
    (void)sp_str_copy(p->base, sizeof p->base, sp_str_of(conf->url));
    for (size_t n = strlen(p->base); n > 0 && p->base[n - 1] == '/'; n--)
        p->base[n - 1] = '\0';
    sp_random_bytes(o.hash_key, sizeof o.hash_key);
    bool good = trait_core_init(&p->core, &o, now);
    for (uint32_t i = 0; i < conf->trait_count; i++)
        if (good && !trait_core_own(&p->core, now, sp_str_of(conf->traits[i]))) {
            cloud_place_close(&p);
            return sp_err_set(err, SP_E_INVALID, "bridge.placement.traits",
                              "names must be CUSTOM_ and capitals, digits, underscores");
        }
    p->http = cloud_http_open(&ho);
    enum sp_rc rc = p->http == NULL ? sp_err_set(err, SP_E_NOMEM, "placement", "libcurl cannot be started") : SP_OK;
    if (rc == SP_OK && !cloud_auth_is_url(conf->url))
        rc = sp_err_set(err, SP_E_INVALID, "bridge.placement.url", "is no http:// or https:// address");
    rc = rc == SP_OK ? cloud_auth_init(&p->auth, &conf->login, "bridge.placement", p->http, err) : rc;
    if (rc != SP_OK)
        cloud_place_close(&p);
    *out = p;
    return rc;
}

void cloud_place_close(struct cloud_place **place)
{
    struct cloud_place *p = *place;
    if (p == NULL)
        return;
    cloud_http_close(&p->http);
    cloud_auth_fini(&p->auth);
    for (uint32_t i = 0; i < TRAIT_SLOTS_MAX; i++)
        json_decref(p->slots[i].doc);
    trait_core_fini(&p->core);
    free(p);
    *place = NULL;
}
