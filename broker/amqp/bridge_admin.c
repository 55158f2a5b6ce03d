/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask a bridge: it shows what it sees. There is no verb that changes anything, for a bridge has no authority; so a
 * request that a broker sends twice is only answered twice. */
#include <jansson.h>
#include <stdlib.h>

#include "bridge_exposure.h"
#include "bridge_traits.h"

struct act {
    struct bridge *b;
    const json_t *args;
    enum sp_refusal code;
    const char *error, *where, *hint;
};

static json_t *refuse(struct act *a, enum sp_refusal code, const char *where, const char *error, const char *hint)
{
    a->code = code;
    a->where = where;
    a->error = error;
    a->hint = hint;
    return NULL;
}

/* Lends a text argument; "" when it is not there. False: it is no text. */
static bool text_arg(const struct act *a, const char *name, const char **out)
{
    const json_t *value = json_object_get(a->args, name);
    *out = value != NULL ? json_string_value(value) : "";
    return *out != NULL;
}

static json_t *exposure_list(struct act *a)
{
    const char *pool, *node;
    if (a->b->exposure == NULL)
        return refuse(a, SP_REFUSAL_NOT_FOUND, "exposure", "this bridge does not look at servers", "set bridge.compute.url");
    if (!text_arg(a, "pool", &pool) || !text_arg(a, "node", &node))
        return refuse(a, SP_REFUSAL_BAD_REQUEST, "args", "pool and node are texts", "");
    return bridge_exposure_view(a->b, pool, node);
}

static json_t *trait_list(struct act *a)
{
    const char *pool, *node;
    if (a->b->place == NULL)
        return refuse(a, SP_REFUSAL_NOT_FOUND, "trait", "this bridge keeps no traits", "set bridge.placement.url");
    if (!text_arg(a, "pool", &pool) || !text_arg(a, "node", &node))
        return refuse(a, SP_REFUSAL_BAD_REQUEST, "args", "pool and node are texts", "");
    return bridge_traits_view(a->b, pool, node);
}

static const struct verb {
    const char *name;
    json_t *(*fn)(struct act *a);
} verbs[] = {{"exposure.list", exposure_list}, {"trait.list", trait_list}};

static json_t *look(struct act *a, struct sp_str verb)
{
    if (!json_is_object(a->args))
        return refuse(a, SP_REFUSAL_BAD_REQUEST, "args", "are no JSON object", "");
    for (size_t i = 0; i < SP_COUNT(verbs); i++)
        if (sp_str_is(verb, verbs[i].name))
            return verbs[i].fn(a);
    return refuse(a, SP_REFUSAL_NOT_FOUND, "verb", "a bridge has no such verb", "exposure.list, trait.list");
}

static void reply(const struct act *a, const struct bridge_in *in, uint64_t id, const char *text)
{
    struct sp_str rest = sp_str_of(text);
    for (uint32_t part = 0; part == 0 || rest.n > 0; part++) {
        size_t room = 0;
        uint8_t *body = sp_bus_body(a->b->bus, &room);
        struct msg_admin_reply m = {.id = id, .code = (uint16_t)a->code, .part = part};
        struct sp_packer w;
        m.data = (struct sp_str){rest.p, rest.n < MSG_ADMIN_REPLY_DATA_MAX ? rest.n : MSG_ADMIN_REPLY_DATA_MAX};
        rest = (struct sp_str){rest.p + m.data.n, rest.n - m.data.n};
        m.last = rest.n == 0;
        sp_packer_init(&w, body, room);
        if (msg_admin_reply_encode(&w, &m) != SP_OK)
            return;
        struct sp_bus_out out = {.type = SP_MSG_ADMIN_REPLY,
                                 .dest = in->message->from->name,
                                 .broker = (int)in->message->broker,
                                 .body = body,
                                 .body_bytes = sp_packer_bytes(&w)};
        if (sp_bus_send(a->b->bus, &out) != SP_BUS_SENT)
            return; /* whoever misses it asks again */
    }
}

enum sp_rc bridge_on_admin_request(struct bridge_in *in, struct msg_admin_request *r)
{
    struct act a = {.b = in->b, .code = SP_REFUSAL_NONE};
    json_t *args = json_loadb(r->args.n > 0 ? r->args.p : "{}", r->args.n > 0 ? r->args.n : 2, JSON_REJECT_DUPLICATES, NULL);
    a.args = args;
    json_t *value = look(&a, r->verb);
    if (value == NULL && a.code == SP_REFUSAL_NONE)
        (void)refuse(&a, SP_REFUSAL_OVERLOAD, "memory", "is not enough for the answer", "");
    if (a.code != SP_REFUSAL_NONE)
        value = json_pack("{s:s, s:s, s:s}", "error", a.error, "where", a.where, "hint", a.hint);
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    reply(&a, in, r->id, text != NULL ? text : "{}");
    free(text);
    json_decref(value);
    json_decref(args);
    return SP_OK;
}
