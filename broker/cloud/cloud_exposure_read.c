/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside: servers and services of Nova, and the file of records. */
#include <stdlib.h>

#include "cloud_exposure.h"
#include "sp_hex.h"

#define TRAIT_KEY "trait:"

/* ---- servers ---- */

/* A member that must be there: text, or null for none. */
static bool text_or_null(const json_t *row, const char *name, struct sp_str *out)
{
    const json_t *value = json_object_get(row, name);
    *out = sp_str_of("");
    if (json_is_string(value))
        *out = sp_str_bytes(json_string_value(value), json_string_length(value));
    return json_is_string(value) || json_is_null(value);
}

static bool demand(struct exposure_server *s, const char *pool)
{
    struct sp_str name = sp_str_of(pool);
    for (uint32_t i = 0; i < s->count; i++)
        if (sp_str_eq(s->pools[i], name))
            return true;
    if (s->count == EXPOSURE_DEMANDS_MAX)
        return false;
    s->pools[s->count++] = name;
    return true;
}

/* Demands that mean nothing (another value, a name that no pool can have) were refused by the filter: nothing to be exposed by. */
static bool demands_take(const json_t *specs, const struct cloud_exposure_words *words, struct exposure_server *s)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)specs, key, value)
    {
        const char *text = json_string_value(value), *pool = NULL;
        if (text == NULL)
            return false;
        if (strcmp(key, "trust:trusted_host") == 0)
            pool = strcmp(text, "trusted") == 0 ? words->trusted : NULL;
        else if (strcmp(key, "spice:pool") == 0)
            pool = sp_str_is_name(sp_str_of(text), EXPOSURE_POOL_BYTES - 1) ? text : NULL;
        else if (strncmp(key, TRAIT_KEY, sizeof TRAIT_KEY - 1) == 0 && strcmp(text, "required") == 0)
            pool = words->pool_of_trait(words->self, key + sizeof TRAIT_KEY - 1);
        if (pool != NULL && !demand(s, pool))
            return false;
    }
    return true;
}

bool cloud_exposure_server(const json_t *row, const struct cloud_exposure_words *words, struct exposure_server *s)
{
    const json_t *specs = json_object_get(json_object_get(row, "flavor"), "extra_specs");
    const char *id = json_string_value(json_object_get(row, "id"));
    *s = (struct exposure_server){.count = 0};
    if (id == NULL || !sp_hex_key(sp_str_of(id), s->uuid) || !json_is_object(specs) ||
        !text_or_null(row, "tenant_id", &s->project) || !text_or_null(row, "OS-EXT-SRV-ATTR:host", &s->host) ||
        !text_or_null(row, "OS-EXT-SRV-ATTR:hypervisor_hostname", &s->node))
        return false;
    if ((s->host.n > 0 && !sp_str_is_name(s->host, EXPOSURE_NAME_BYTES - 1)) ||
        (s->node.n > 0 && !sp_str_is_name(s->node, EXPOSURE_NAME_BYTES - 1)))
        return false;
    return demands_take(specs, words, s);
}

/* ---- services ---- */

bool cloud_exposure_service(const json_t *row, struct cloud_exposure_service *s)
{
    const char *binary = json_string_value(json_object_get(row, "binary")),
               *status = json_string_value(json_object_get(row, "status"));
    const json_t *reason = json_object_get(row, "disabled_reason");
    *s = (struct cloud_exposure_service){.id = json_string_value(json_object_get(row, "id")),
                                         .host = json_string_value(json_object_get(row, "host")),
                                         .reason = json_is_string(reason) ? json_string_value(reason) : ""};
    uint8_t uuid[16];
    if (binary == NULL || strcmp(binary, "nova-compute") != 0 || status == NULL || s->host == NULL || s->id == NULL ||
        !sp_hex_key(sp_str_of(s->id), uuid) || !(json_is_string(reason) || json_is_null(reason)))
        return false; /* a number as id: an API that is too old */
    s->enabled = strcmp(status, "enabled") == 0;
    return s->enabled || strcmp(status, "disabled") == 0;
}

/* ---- records ---- */

char *cloud_exposure_records(const struct action_core *action)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < action->record_count; i++) {
        const struct action_record *r = &action->records[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "service", r->service, "host", r->host,
                                                    "node", r->node, "pool", r->pool, "reason", r->reason, "state",
                                                    action_core_state_text(r->state)));
    }
    bool whole = json_array_size(list) == action->record_count;
    json_t *all = json_pack("{s:i, s:o}", "version", 1, "records", list);
    char *text = whole && all != NULL ? json_dumps(all, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
    json_decref(all);
    return text;
}

static bool copy(const json_t *row, const char *name, char *to, size_t size)
{
    const json_t *value = json_object_get(row, name);
    return json_is_string(value) && json_string_length(value) > 0 &&
           sp_str_copy(to, size, sp_str_bytes(json_string_value(value), json_string_length(value)));
}

static bool record_read(const json_t *row, struct action_record *r)
{
    char state[16];
    uint8_t uuid[16];
    *r = (struct action_record){.state = ACTION_RELEASED};
    bool good = copy(row, "service", r->service, sizeof r->service) && copy(row, "host", r->host, sizeof r->host) &&
                copy(row, "node", r->node, sizeof r->node) && copy(row, "pool", r->pool, sizeof r->pool) &&
                copy(row, "reason", r->reason, sizeof r->reason) && copy(row, "state", state, sizeof state) &&
                json_object_size(row) == 6;
    if (!good || !sp_hex_key(sp_str_of(r->service), uuid) || strncmp(r->reason, ACTION_PREFIX, sizeof ACTION_PREFIX - 1) != 0)
        return false;
    for (int s = ACTION_DISABLING; s <= ACTION_RELEASED; s++)
        if (strcmp(state, action_core_state_text((enum action_state)s)) == 0) {
            r->state = (enum action_state)s;
            return true;
        }
    return false;
}

bool cloud_exposure_load(struct action_core *action, struct sp_str text)
{
    json_t *all = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(all, "records");
    bool good = json_integer_value(json_object_get(all, "version")) == 1 && json_is_array(list);
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        struct action_record r;
        good = record_read(json_array_get(list, i), &r) && action_core_load(action, &r);
    }
    json_decref(all);
    return good;
}
