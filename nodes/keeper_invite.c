/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_invite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "keeper_admin.h"
#include "sp_hex.h"
#include "sp_random.h"
#include "sp_selector.h"

static const char invite_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum sp_rc keeper_invite_draw(struct keeper_invite *inv)
{
    uint8_t hash[32];
    char hex[33];
    sp_random_bytes(inv->secret, sizeof inv->secret);
    sp_random_bytes(inv->curve_secret, sizeof inv->curve_secret);
    sp_crypto_sha256(inv->secret, sizeof inv->secret, hash);
    sp_hex_write(hash, 16, hex);
    (void)snprintf(inv->enrol, sizeof inv->enrol, "enrol-%s", hex);
    return sp_crypto_curve_public(inv->curve_secret, inv->curve);
}

/* Messages are addressed by name or by role; keys/core.key is no principal's; the two beginnings are given to invitations and to
 * keys that were revoked. */
bool keeper_invite_is_reserved(const char *name)
{
    static const char *const starts[] = {"enrol-", "revoked-"};
    unsigned role = SP_ROLE_NONE;
    for (size_t i = 0; i < SP_COUNT(starts); i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return strcmp(name, "core") == 0 || sp_role_find(sp_str_of(name), &role);
}

static json_t *invite_hex(const uint8_t *p, size_t n)
{
    char hex[65];
    sp_hex_write(p, n, hex);
    return json_string(hex);
}

static json_t *invite_peer(const struct sp_bus_principal *p)
{
    return json_pack("{s:s, s:o, s:o}", "name", p->name, "sign", invite_hex(p->sign, 32), "curve", invite_hex(p->curve, 32));
}

static json_t *invite_brokers(const struct nodes_shell *s)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->conf->broker_count; i++) {
        const struct sp_conf_link *link = &s->conf->brokers[i];
        const struct sp_bus_principal *p = sp_bus_principal_find(s->bus, link->name);
        json_t *endpoints = json_array();
        for (uint32_t n = 0; n < link->endpoint_count; n++) { /* other hosts have no use for a local socket */
            if (strncmp(link->endpoints[n], "tcp://", 6) == 0) {
                json_array_append_new(endpoints, json_string(link->endpoints[n]));
            }
        }
        bool local = json_array_size(endpoints) == 0;
        for (uint32_t n = 0; n < link->endpoint_count && local; n++) {
            json_array_append_new(endpoints, json_string(link->endpoints[n])); /* one host only */
        }
        if (p != NULL && json_array_size(endpoints) > 0) {
            json_array_append_new(
                list, json_pack("{s:s, s:O, s:o}", "name", link->name, "endpoints", endpoints, "curve", invite_hex(p->curve, 32)));
        }
        json_decref(endpoints);
    }
    return list;
}

static const struct sp_bus_principal *invite_role(const struct nodes_shell *s, uint8_t role)
{
    const struct sp_bus_principal *row;
    for (uint32_t i = 0; (row = sp_bus_principal_at(s->bus, i)) != NULL; i++) {
        if (row->role == role && !row->revoked) {
            return row;
        }
    }
    return NULL;
}

/* Whoever may sign plugins here may sign those of the new worker: the administrator said so once, on this host. */
static json_t *invite_manifest_keys(const struct nodes_shell *s)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->conf->worker.manifest_key_count; i++) {
        json_array_append_new(list, json_string(s->conf->worker.manifest_keys[i]));
    }
    return list;
}

static char *invite_base64(const char *text)
{
    size_t n = strlen(text), used = 0;
    char *out = malloc(n * 4 / 3 + 4);
    for (size_t i = 0; i < n && out != NULL; i += 3) {
        uint32_t left = (uint32_t)(n - i);
        uint32_t word = (uint32_t)(uint8_t)text[i] << 16 | (left > 1 ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)(uint8_t)text[i + 2] : 0);
        for (uint32_t c = 0; c < (left > 2 ? 4 : left + 1); c++) {
            out[used++] = invite_alphabet[word >> (18 - 6 * c) & 63];
        }
    }
    if (out != NULL) {
        out[used] = '\0';
    }
    return out;
}

char *keeper_invite_text(const struct nodes_shell *s, const struct keeper_invite *drawn, const struct keeper_invitation *inv,
                         uint64_t expires_s)
{
    const struct sp_bus_principal *keeper = sp_bus_principal_find(s->bus, s->name), *scheduler = invite_role(s, SP_ROLE_SCHEDULER);
    if (keeper == NULL || scheduler == NULL) {
        return NULL;
    }
    json_t *token =
        json_pack("{s:i, s:o, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o}", "v", 1, "deployment", invite_hex(s->conf->deployment, 16),
                  "name", inv->name, "enrol", drawn->enrol, "enrol_curve_secret", invite_hex(drawn->curve_secret, 32), "secret",
                  invite_hex(drawn->secret, 32), "expires", (json_int_t)expires_s, "brokers", invite_brokers(s), "keeper",
                  invite_peer(keeper), "scheduler", invite_peer(scheduler));
    bool attester = keeper_invitation_is_attester(inv);
    if (attester && json_object_set_new(token, "node", json_string(inv->nodes)) != 0) {
        json_decref(token);
        return NULL;
    }
    if (!attester && s->conf->worker.manifest_key_count > 0 &&
        json_object_set_new(token, "manifest_keys", invite_manifest_keys(s)) != 0) {
        json_decref(token);
        return NULL;
    }
    char *json = token != NULL ? json_dumps(token, JSON_COMPACT) : NULL;
    char *text = json != NULL ? invite_base64(json) : NULL;
    if (json != NULL) {
        sp_crypto_wipe(json, strlen(json));
    }
    free(json);
    json_decref(token);
    return text;
}

size_t keeper_invite_proof(const struct msg_enrol_request *r, uint8_t to[KEEPER_INVITE_PROOF_BYTES])
{
    static const char purpose[] = "SPICE1 enrol:";
    size_t n = sizeof purpose - 1;
    memcpy(to, purpose, n);
    memcpy(to + n, r->token, 32);
    memcpy(to + n + 32, r->curve, 32);
    memcpy(to + n + 64, r->sign, 32);
    return n + 96;
}

/* Refuses what it does not know, and what is no text: a scope that is misspelt or lost would be the whole fleet (K11, K39). */
static bool invite_keys(struct keeper_act *act)
{
    static const char *const known[] = {"name", "adapters", "nodes", "labels", "ttl_ms", "dry_run"};
    const char *key;
    json_t *value;
    json_object_foreach(act->args, key, value)
    {
        size_t i = 0;
        while (i < SP_COUNT(known) && strcmp(key, known[i]) != 0) {
            i++;
        }
        bool good = i < 4 ? json_is_string(value) : i == 4 ? json_is_integer(value) : i == 5;
        if (!good) {
            (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key,
                                      i < SP_COUNT(known) ? "has a value of the wrong type" : "an invitation has no such key",
                                      i < SP_COUNT(known) ? NULL : sp_str_nearest(sp_str_of(key), known, SP_COUNT(known)));
            return false;
        }
    }
    return true;
}

/* False and a refusal that says which word it is, and why. */
static bool invite_words(struct keeper_act *act, struct keeper_invitation *inv)
{
    const char *name = keeper_admin_text(act, "name"), *adapters = keeper_admin_text(act, "adapters"), *key = NULL, *hint = NULL;
    const char *nodes = keeper_admin_text(act, "nodes"), *labels = keeper_admin_text(act, "labels");
    struct sp_selector selector;
    char why[160];
    uint32_t at = 0;
    if (name == NULL || !sp_str_is_name(sp_str_of(name), SP_BUS_NAME_BYTES - 1)) {
        key = "name";
        (void)snprintf(why, sizeof why, "\"%.60s\" is no name of a worker", name != NULL ? name : "");
        hint = "letters, digits, '.', '_' and '-', a letter or digit first";
    } else if (adapters == NULL || adapters[0] == '\0' || !sp_str_copy(inv->adapters, sizeof inv->adapters, sp_str_of(adapters))) {
        key = "adapters";
        (void)snprintf(why, sizeof why, "none are named, or too many");
        hint = "names joined by commas: exec,http";
    } else if (!sp_selector_parse(sp_str_of(nodes), &selector, &at)) {
        key = "nodes";
        (void)snprintf(why, sizeof why, "the selector \"%.60s\" is wrong at character %u (%.20s)", nodes, at + 1,
                       nodes[at] != '\0' ? nodes + at : "its end");
        hint = "terms are k=v, k!=v, k, !k, k in (a|b), name=GLOB; a comma means and";
    } else if (!sp_selector_labels_valid(sp_str_of(labels))) {
        key = "labels";
        (void)snprintf(why, sizeof why, "\"%.60s\" are no labels", labels);
        hint = "key=value,key=value, sorted by key, of letters, digits, '.', '_', '/', '-'";
    } else if (!sp_str_copy(inv->nodes, sizeof inv->nodes, sp_str_of(nodes)) ||
               !sp_str_copy(inv->labels, sizeof inv->labels, sp_str_of(labels))) {
        key = strlen(nodes) >= sizeof inv->nodes ? "nodes" : "labels";
        (void)snprintf(why, sizeof why, "the text is too long");
    }
    if (key != NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key, why, hint);
    }
    return key == NULL && sp_str_copy(inv->name, sizeof inv->name, sp_str_of(name));
}

bool keeper_invite_read(struct keeper_act *act, struct keeper_invitation *inv)
{
    return invite_keys(act) && invite_words(act, inv);
}
