/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_pool_json.h"

#include "sp_time.h"

static const char *const pool_keys[] = {"name", "selector", "mandatory", "advisory", "groups", "hold_down", "accept_warn", "trait"};

static struct sp_str pool_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? sp_str_bytes(json_string_value(v), json_string_length(v)) : (struct sp_str){NULL, 0};
}

static enum sp_rc pool_keys_known(const json_t *object, struct sp_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        bool known = strcmp(key, "dry_run") == 0 || strcmp(key, "kind") == 0;
        for (size_t i = 0; i < SP_COUNT(pool_keys) && !known; i++) {
            known = strcmp(key, pool_keys[i]) == 0;
        }
        if (!known) {
            const char *near = sp_str_nearest(sp_str_of(key), pool_keys, SP_COUNT(pool_keys));
            (void)sp_err_set(err, SP_E_INVALID, key, "a pool has no such key");
            if (near != NULL) {
                sp_err_hint(err, "did you mean %s?", near);
            }
            return SP_E_INVALID;
        }
    }
    return SP_OK;
}

/* A value of another type is refused and not as if it had not been said: a pool whose selector is lost selects every node (K39). */
static enum sp_rc pool_types(const json_t *object, struct sp_err *err)
{
    static const char *const texts[] = {"name", "selector", "trait"};
    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        const json_t *v = json_object_get(object, texts[i]);
        if (v != NULL && !json_is_string(v)) {
            return sp_err_set(err, SP_E_INVALID, texts[i], "is no text");
        }
    }
    const json_t *warn = json_object_get(object, "accept_warn");
    return warn == NULL || json_is_boolean(warn) ? SP_OK
                                                 : sp_err_set(err, SP_E_INVALID, "accept_warn", "is neither true nor false");
}

static enum sp_rc pool_checks(const json_t *list, const char *where, enum pool_role role, uint32_t group, struct pool_policy *out,
                              struct sp_err *err)
{
    size_t i;
    json_t *one;
    if (list == NULL) {
        return SP_OK;
    }
    if (!json_is_array(list)) {
        return sp_err_set(err, SP_E_INVALID, where, "is a list of names of checks");
    }
    json_array_foreach(list, i, one)
    {
        struct sp_str name = sp_str_bytes(json_string_value(one), json_string_length(one));
        enum sp_rc rc = json_is_string(one) ? pool_policy_add(out, name, role, group) : SP_E_INVALID;
        if (rc == SP_E_EXISTS) {
            return sp_err_set(err, SP_E_INVALID, where, "check %s is named twice in this pool", json_string_value(one));
        }
        if (rc != SP_OK) {
            return sp_err_set(err, SP_E_INVALID, where,
                              rc == SP_E_LIMIT ? "more than 64 checks" : "holds something that is no name");
        }
    }
    return SP_OK;
}

static enum sp_rc pool_groups(const json_t *list, struct pool_policy *out, struct sp_err *err)
{
    size_t i;
    json_t *one;
    if (list == NULL) {
        return SP_OK;
    }
    if (!json_is_array(list)) {
        return sp_err_set(err, SP_E_INVALID, "groups", "is a list of {k, of}");
    }
    json_array_foreach(list, i, one)
    {
        const json_t *k = json_object_get(one, "k");
        if (!json_is_integer(k) || json_integer_value(k) < 0 || json_integer_value(k) > (json_int_t)POOL_CHECKS_MAX ||
            json_object_size(one) != 2 || !json_is_array(json_object_get(one, "of"))) {
            return sp_err_set(err, SP_E_INVALID, "groups", "each group is {k: NUMBER, of: [CHECK, ...]}");
        }
        uint32_t group = pool_policy_group(out, (uint32_t)json_integer_value(k));
        if (group == POOL_GROUPS_MAX) {
            return sp_err_set(err, SP_E_INVALID, "groups", "more than 8 groups");
        }
        enum sp_rc rc = pool_checks(json_object_get(one, "of"), "groups", POOL_GROUP, group, out, err);
        if (rc != SP_OK) {
            return rc;
        }
    }
    return SP_OK;
}

static enum sp_rc pool_hold(const json_t *object, struct pool_policy *out, struct sp_err *err)
{
    const json_t *ms = json_object_get(object, "hold_down");
    struct sp_str text = pool_text(object, "hold_down");
    if (json_is_integer(ms) && json_integer_value(ms) == 0) {
        return SP_OK;
    }
    if (ms != NULL && !sp_time_parse_span(text, &out->hold_down_ms)) {
        return sp_err_set(err, SP_E_INVALID, "hold_down", "is no span of time; write 30s, 5m or 1h");
    }
    return SP_OK;
}

enum sp_rc keeper_pool_json_read(const json_t *object, struct pool_policy *out, struct sp_err *err)
{
    if (!json_is_object(object)) {
        return sp_err_set(err, SP_E_INVALID, "pool", "is an object");
    }
    enum sp_rc rc = pool_keys_known(object, err);
    rc = rc == SP_OK ? pool_types(object, err) : rc;
    if (rc != SP_OK) {
        return rc;
    }
    pool_policy_init(out, pool_text(object, "name"));
    if (!sp_str_copy(out->selector, sizeof out->selector, pool_text(object, "selector")) ||
        !sp_str_copy(out->trait, sizeof out->trait, pool_text(object, "trait"))) {
        return sp_err_set(err, SP_E_INVALID, "selector", "selector or trait is too long");
    }
    out->accept_warn = json_is_true(json_object_get(object, "accept_warn"));
    rc = pool_hold(object, out, err);
    rc = rc == SP_OK ? pool_checks(json_object_get(object, "mandatory"), "mandatory", POOL_MANDATORY, 0, out, err) : rc;
    rc = rc == SP_OK ? pool_checks(json_object_get(object, "advisory"), "advisory", POOL_ADVISORY, 0, out, err) : rc;
    rc = rc == SP_OK ? pool_groups(json_object_get(object, "groups"), out, err) : rc;
    if (rc == SP_OK && pool_policy_fault(out) != NULL) {
        rc = sp_err_set(err, SP_E_INVALID, out->name, "%s", pool_policy_fault(out));
    }
    return rc;
}

enum sp_rc keeper_pool_json_read_text(struct sp_str text, struct pool_policy *out, struct sp_err *err)
{
    json_t *object = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    enum sp_rc rc = object == NULL ? sp_err_set(err, SP_E_INVALID, "pool", "is no JSON") : keeper_pool_json_read(object, out, err);
    json_decref(object);
    return rc;
}

json_t *keeper_pool_json_write(const struct pool_policy *p)
{
    char hold[32];
    json_t *mandatory = json_array(), *advisory = json_array(), *groups = json_array();
    for (uint32_t g = 0; g < p->groups; g++) {
        json_array_append_new(groups, json_pack("{s:i, s:[]}", "k", (int)p->group_k[g], "of"));
    }
    for (uint32_t i = 0; i < p->count; i++) {
        const struct pool_check *c = &p->checks[i];
        json_t *list = c->role == POOL_MANDATORY  ? mandatory
                       : c->role == POOL_ADVISORY ? advisory
                                                  : json_object_get(json_array_get(groups, c->group), "of");
        json_array_append_new(list, json_string(c->name));
    }
    sp_time_format_span(p->hold_down_ms, hold, sizeof hold);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:b, s:s}", "name", p->name, "selector", p->selector, "mandatory", mandatory,
                     "advisory", advisory, "groups", groups, "hold_down", hold, "accept_warn", p->accept_warn, "trait", p->trait);
}
