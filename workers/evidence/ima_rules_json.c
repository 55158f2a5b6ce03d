/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "ima_rules_parts.h"

/* Members of Keylime's runtime policy, version 1 (keylime/ima/types.py of that project), and of ours. */
static const char *const keylime_keys[] = {"meta", "release", "digests",           "excludes", "keyrings",
                                           "ima",  "ima-buf", "verification-keys", "rules"};
static const char *const own_keys[] = {
    "spice-ima-policy", "comment", "files",  "trees", "excludes",      "keyrings", "ignored_keyrings",
    "buffers",          "keys",    "signed", "list",  "aggregate_0_7", "padded"};

static struct sp_str text_of(const json_t *v)
{
    return sp_str_bytes(json_string_value(v), json_string_length(v));
}

static void known_keys(struct ima_reader *r, const json_t *object, const char *const *keys, size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < count; i++) {
            found = found || strcmp(keys[i], key) == 0;
        }
        if (!found) {
            char shown[64];
            const char *near = sp_str_nearest(sp_str_of(key), keys, count);
            (void)ima_judge_print(sp_str_of(key), shown, sizeof shown);
            ima_reader_wrong(r, "%s: unknown member%s%s", shown, near != NULL ? "; did you mean " : "", near != NULL ? near : "");
        }
    }
}

typedef void take_text(struct ima_reader *r, struct sp_str text, const void *arg);

/* Calls fn for each text of a list; nothing and null are an empty list, and in our form a text alone is a list of one. */
static void each_text(struct ima_reader *r, const json_t *list, const char *name, take_text *fn, const void *arg)
{
    if (list == NULL || json_is_null(list)) {
        return;
    }
    if (r->own && json_is_string(list)) {
        fn(r, text_of(list), arg);
        return;
    }
    if (!json_is_array(list)) {
        ima_reader_wrong(r, "%s: is not a list", name);
        return;
    }
    for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_string(one)) {
            ima_reader_wrong(r, "%s: item %zu is not a text", name, i + 1);
            return;
        }
        fn(r, text_of(one), arg);
    }
}

/* ---- digests --------------------------------------------------------------------------------------------------- */

struct listing {
    enum ima_class class;
    struct sp_str name;
};

static void add_digest(struct ima_reader *r, struct sp_str text, const void *arg)
{
    const struct listing *l = arg;
    ima_reader_digest(r, l->class, l->name, text);
}

/* An object of names, each with a list of digests. In our form spaces become what the kernel writes for them. */
static void read_digests(struct ima_reader *r, const json_t *object, const char *member, enum ima_class class)
{
    const char *key;
    json_t *value;
    char name[IMA_PATH_BYTES_MAX + 1];
    if (object == NULL || json_is_null(object)) {
        return;
    }
    if (!json_is_object(object)) {
        ima_reader_wrong(r, "%s: is not an object", member);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!sp_str_copy(name, sizeof name, sp_str_of(key))) {
            ima_reader_wrong(r, "%s: a name is longer than %u bytes", member, IMA_PATH_BYTES_MAX);
        }
        for (char *p = name; r->own && *p != '\0'; p++) {
            *p = *p == ' ' ? '_' : *p;
        }
        const struct listing l = {class, sp_str_of(name)};
        each_text(r, value, member, add_digest, &l);
        if (r->failed) {
            return;
        }
    }
}

static void add_exclude(struct ima_reader *r, struct sp_str text, const void *arg)
{
    char why[160] = "", shown[64];
    (void)arg;
    if (!ima_exclude_add(r->rules->excludes, text, why, sizeof why)) {
        (void)ima_judge_print(text, shown, sizeof shown);
        ima_reader_wrong(r, "excludes: %s: %s", shown, why);
    }
}

static void add_ignored(struct ima_reader *r, struct sp_str text, const void *arg)
{
    (void)arg;
    ima_reader_prefix(r, &r->rules->judge.ignored_keyrings, text);
}

/* Which hash the list's own digests are of. */
static void read_list_hash(struct ima_reader *r, const json_t *v, const char *member)
{
    if (v == NULL || json_is_null(v)) {
        return;
    }
    if (json_is_string(v) && strcmp(json_string_value(v), "sha256") == 0) {
        r->rules->options.digest_bytes = 32;
    } else if (!json_is_string(v) || strcmp(json_string_value(v), "sha1") != 0) {
        ima_reader_wrong(r, "%s: measurement lists are read with digests of sha1 or sha256", member);
    }
}

/* ---- Keylime's form -------------------------------------------------------------------------------------------- */

static void add_verification_key(struct ima_reader *r, const json_t *key, const json_t *id, size_t number)
{
    json_int_t value = json_integer_value(id);
    uint32_t key_id = (uint32_t)value;
    if (!json_is_string(key) || (id != NULL && !json_is_null(id) && (!json_is_integer(id) || value < 0 || value > UINT32_MAX))) {
        ima_reader_wrong(r, "verification-keys: key %zu or its identifier is of the wrong kind", number);
    } else if (!ima_keyring_add_text(r->rules->keys, text_of(key), json_is_integer(id) && key_id != 0 ? &key_id : NULL)) {
        ima_reader_wrong(r, "verification-keys: key %zu is not RSA of 2048 to 4096 bits or ECDSA on P-256, P-384 or P-521", number);
    }
}

/* An object, or the same once or twice over as the text of one, as it went through a database. */
static void read_verification_keys(struct ima_reader *r, const json_t *v)
{
    json_t *parsed = NULL;
    for (int i = 0; i < 2 && json_is_string(v) && json_string_length(v) > 0; i++) {
        json_error_t error;
        json_t *next = json_loadb(json_string_value(v), json_string_length(v), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (next == NULL) {
            ima_reader_wrong(r, "verification-keys: %s", error.text);
        }
        json_decref(parsed);
        v = parsed = next;
    }
    bool none = v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) ||
                (json_is_array(v) && json_array_size(v) == 0);
    const json_t *keys = json_object_get(v, "pubkeys"), *ids = json_object_get(v, "keyids");
    if (!none && (!json_is_object(v) || !json_is_array(keys) || (ids != NULL && !json_is_array(ids)))) {
        ima_reader_wrong(r, "verification-keys: is no object with pubkeys and keyids");
    }
    for (size_t i = 0; i < json_array_size(keys) && !r->failed; i++) {
        add_verification_key(r, json_array_get(keys, i), json_array_get(ids, i), i + 1);
    }
    json_decref(parsed);
}

static void read_keylime(struct ima_reader *r, const json_t *root)
{
    static const char *const ima_keys[] = {"ignored_keyrings", "log_hash_alg", "dm_policy"};
    const json_t *ima = json_object_get(root, "ima"), *meta = json_object_get(root, "meta");
    const json_t *version = json_object_get(meta, "version"), *rules = json_object_get(root, "rules");
    const json_t *device_mapper = json_object_get(ima, "dm_policy");
    known_keys(r, root, keylime_keys, SP_COUNT(keylime_keys));
    if (version != NULL && (!json_is_integer(version) || json_integer_value(version) != 1)) {
        ima_reader_wrong(r, "meta: version is not 1");
    }
    if (!json_is_object(json_object_get(root, "digests"))) {
        ima_reader_wrong(r, "digests: is missing or no object");
    }
    if (rules != NULL && !json_is_null(rules) && (!json_is_string(rules) || json_string_length(rules) > 0)) {
        ima_reader_wrong(r, "rules: an order of evaluation of its own is not supported");
    }
    if (device_mapper != NULL && !json_is_null(device_mapper)) {
        ima_reader_wrong(r, "ima.dm_policy: rules for the device mapper are not supported; list its entries in ima-buf");
    }
    if (json_is_object(ima)) {
        known_keys(r, ima, ima_keys, SP_COUNT(ima_keys));
        each_text(r, json_object_get(ima, "ignored_keyrings"), "ima.ignored_keyrings", add_ignored, NULL);
        read_list_hash(r, json_object_get(ima, "log_hash_alg"), "ima.log_hash_alg");
    } else if (ima != NULL && !json_is_null(ima)) {
        ima_reader_wrong(r, "ima: is not an object");
    }
    read_digests(r, json_object_get(root, "digests"), "digests", IMA_FILE);
    read_digests(r, json_object_get(root, "keyrings"), "keyrings", IMA_KEYRING);
    read_digests(r, json_object_get(root, "ima-buf"), "ima-buf", IMA_BUFFER);
    each_text(r, json_object_get(root, "excludes"), "excludes", add_exclude, NULL);
    read_verification_keys(r, json_object_get(root, "verification-keys"));
}

/* ---- our form -------------------------------------------------------------------------------------------------- */

static void add_key(struct ima_reader *r, struct sp_str text, const void *arg)
{
    (void)arg;
    if (!ima_keyring_add_text(r->rules->keys, text, NULL)) {
        ima_reader_wrong(r,
                         "keys: key %u is no certificate or public key, RSA of 2048 to 4096 bits or ECDSA on P-256, P-384 or P-521",
                         ima_keyring_count(r->rules->keys) + 1);
    }
}

/* A tree is a whole directory: it begins and ends with a slash, so that /tmp/ is not /tmpfoo. */
static void add_tree(struct ima_reader *r, struct sp_str text, const void *arg)
{
    struct ima_prefixes *to = arg != NULL ? &r->rules->judge.trees : &r->rules->judge.must_be_signed;
    bool root = arg != NULL && text.n < 3;
    if (text.n == 0 || text.p[0] != '/' || text.p[text.n - 1] != '/' || root) {
        ima_reader_wrong(r, "%s: a tree begins and ends with '/'%s", arg != NULL ? "trees" : "signed",
                         arg != NULL ? " and is not the root" : "");
        return;
    }
    ima_reader_prefix(r, to, text);
}

static bool flag(struct ima_reader *r, const json_t *root, const char *member)
{
    const json_t *v = json_object_get(root, member);
    if (v != NULL && !json_is_boolean(v)) {
        ima_reader_wrong(r, "%s: is neither true nor false", member);
    }
    return json_is_true(v);
}

static void read_own(struct ima_reader *r, const json_t *root)
{
    static const bool trees = true;
    const json_t *version = json_object_get(root, "spice-ima-policy");
    r->own = true;
    known_keys(r, root, own_keys, SP_COUNT(own_keys));
    if (!json_is_integer(version) || json_integer_value(version) != 1) {
        ima_reader_wrong(r, "spice-ima-policy: version is not 1");
    }
    read_digests(r, json_object_get(root, "files"), "files", IMA_FILE);
    read_digests(r, json_object_get(root, "keyrings"), "keyrings", IMA_KEYRING);
    read_digests(r, json_object_get(root, "buffers"), "buffers", IMA_BUFFER);
    each_text(r, json_object_get(root, "trees"), "trees", add_tree, &trees);
    each_text(r, json_object_get(root, "excludes"), "excludes", add_exclude, NULL);
    each_text(r, json_object_get(root, "ignored_keyrings"), "ignored_keyrings", add_ignored, NULL);
    each_text(r, json_object_get(root, "keys"), "keys", add_key, NULL);
    each_text(r, json_object_get(root, "signed"), "signed", add_tree, NULL);
    read_list_hash(r, json_object_get(root, "list"), "list");
    r->rules->options.aggregate_0_7 = flag(r, root, "aggregate_0_7");
    r->rules->options.padded = flag(r, root, "padded");
    if (r->rules->judge.must_be_signed.n > 0 && ima_keyring_count(r->rules->keys) == 0) {
        ima_reader_wrong(r, "signed: files have to be signed, and there are no keys");
    }
}

void ima_rules_read_json(struct ima_reader *r, struct sp_str text)
{
    json_error_t error;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        ima_reader_wrong(r, "line %d, column %d: %s", root != NULL ? 1 : error.line, root != NULL ? 1 : error.column,
                         root != NULL ? "is not an object" : error.text);
    } else if (json_object_get(root, "spice-ima-policy") != NULL) {
        read_own(r, root);
    } else if (json_object_get(root, "payload") != NULL) {
        ima_reader_wrong(r, "it is in an envelope with signatures; the parameter signers says whose count");
    } else {
        read_keylime(r, root);
    }
    json_decref(root);
}
