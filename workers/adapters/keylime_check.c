/* SPDX-License-Identifier: Apache-2.0 */
#include "keylime_check.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_fs.h"

#define AGENTS_BYTES_MAX (8u << 20)
#define NODE_MAX         64u

const struct sp_param keylime_check_params[KEYLIME_P_COUNT] = {
    [KEYLIME_P_VERIFIER] = {"verifier", SP_PARAM_STR, true, 8, 1024, NULL,
                            "base URL of the verifier, for example https://keylime:8881", NULL},
    [KEYLIME_P_API] = {"api", SP_PARAM_STR, false, 3, 5, "\"2.1\"", "version of its interface; every release since 7.7 speaks 2.1",
                       NULL},
    [KEYLIME_P_ID] = {"verifier_id", SP_PARAM_STR, false, 1, KEYLIME_ID_MAX, NULL, "only the agents of the verifier with this id",
                      NULL},
    [KEYLIME_P_AGENT] = {"agent", SP_PARAM_STR, false, 1, KEYLIME_ID_MAX, "\"{node}\"",
                         "id of a node's agent, where no list has it", NULL},
    [KEYLIME_P_AGENTS] = {"agents", SP_PARAM_MAP, false, 1, PARAM_LIST_MAX / 2, NULL, "node names and the ids of their agents",
                          NULL},
    [KEYLIME_P_AGENTS_FILE] = {"agents_file", SP_PARAM_STR, false, 1, 512, NULL, "file with the same: a line NODE AGENT for each",
                               NULL},
    [KEYLIME_P_CANARIES] =
        {"canaries", SP_PARAM_LIST, false, 1, 16, NULL,
         "ids of agents that are known to be bad: while one of them does not fail, nothing of this verifier is believed", NULL},
    [KEYLIME_P_ATTESTATIONS] =
        {"attestations", SP_PARAM_INT, false, 1, 10, "1",
         "how many attestations must have ended since the question; with 2 the last one was begun after it too", NULL},
    [KEYLIME_P_POLL] = {"poll", SP_PARAM_DURATION, false, 50, 3600000, "\"2s\"",
                        "time between two looks at the list while nodes are waited for", NULL},
    [KEYLIME_P_WAIT] = {"wait", SP_PARAM_DURATION, false, 100, 3600000, "\"30s\"",
                        "longest time to wait for an attestation; the check's timeout should be longer", NULL},
    [KEYLIME_P_NO_POLICY] = {"no_policy", SP_PARAM_ENUM, false, 0, 0, "\"warn\"",
                             "outcome for a node of which the verifier checks the quote's signature and nothing else",
                             "warn|error"},
    [KEYLIME_P_CONTACT] = {"contact", SP_PARAM_ENUM, false, 0, 0, "\"any\"",
                           "whether the address the verifier asks must be the node's own (as a number, not a name)", "any|address"},
    [KEYLIME_P_DEADLINE] = {"deadline", SP_PARAM_DURATION, false, 100, 3600000, "\"30s\"", "longest time of one request", NULL},
    [KEYLIME_P_CONNECT_TIMEOUT] = {"connect_timeout", SP_PARAM_DURATION, false, 1, 600000, "\"5s\"", "longest time to connect",
                                   NULL},
    [KEYLIME_P_MAX_BYTES] = {"max_bytes", SP_PARAM_INT, false, 4096, 256 << 20, "33554432",
                             "longest list; an agent takes about 900 bytes", NULL},
    [KEYLIME_P_CA] = {"ca", SP_PARAM_STR, false, 1, 512, NULL, "file of trusted certificates instead of the system's", NULL},
    [KEYLIME_P_CERT] = {"cert", SP_PARAM_STR, false, 1, 512, NULL, "client certificate file, from the authority of the verifier",
                        NULL},
    [KEYLIME_P_KEY] = {"key", SP_PARAM_STR, false, 1, 512, NULL, "client key file", NULL},
    [KEYLIME_P_PIN] = {"pin", SP_PARAM_STR, false, 8, 512, NULL,
                       "sha256//BASE64 of the verifier's public key; replaces the check of the name in its certificate", NULL},
    [KEYLIME_P_TLS_MIN] = {"tls_min", SP_PARAM_ENUM, false, 0, 0, "\"1.2\"", "least TLS version", "1.2|1.3"},
    [KEYLIME_P_INSECURE] = {"insecure", SP_PARAM_BOOL, false, 0, 0, "false",
                            "allow http://, where anybody on the way can say what he likes: for trials only", NULL},
};

static bool refuse(char *why, const char *text)
{
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%s", text);
    return false;
}

static bool copy_texts(const char *prefix, struct keylime_check *c, const struct sp_param_value *v)
{
    for (unsigned i = 0; i < KEYLIME_P_COUNT; i++) {
        bool file = i == KEYLIME_P_CA || i == KEYLIME_P_CERT || i == KEYLIME_P_KEY || i == KEYLIME_P_AGENTS_FILE;
        bool path = file && v[i].str[0] != '/';
        if (!v[i].given || v[i].str == NULL || v[i].str[0] == '\0') {
            continue;
        }
        if (asprintf(&c->text[i], "%s%s%s", path ? prefix : "", path ? "/" : "", v[i].str) < 0) {
            c->text[i] = NULL;
            return false;
        }
    }
    char *base = c->text[KEYLIME_P_VERIFIER];
    for (size_t n = strlen(base); n > 0 && base[n - 1] == '/'; n--) {
        base[n - 1] = '\0';
    }
    const char *id = c->text[KEYLIME_P_ID];
    if (asprintf(&c->url, "%s/v%s/agents/?bulk=True%s%s", base, c->text[KEYLIME_P_API], id != NULL ? "&verifier=" : "",
                 id != NULL ? id : "") < 0) {
        c->url = NULL;
    }
    static const unsigned parts[] = {KEYLIME_P_CA, KEYLIME_P_CERT, KEYLIME_P_KEY, KEYLIME_P_PIN};
    const char *t[4];
    for (unsigned i = 0; i < 4; i++) {
        t[i] = c->text[parts[i]] != NULL ? c->text[parts[i]] : "";
    }
    if (asprintf(&c->identity, "%s\n%s\n%s\n%s\n%s\n%ld %ld %ld %zu", c->url != NULL ? c->url : "", t[0], t[1], t[2], t[3],
                 c->tls_min, c->deadline_ms, c->connect_ms, c->max_bytes) < 0) {
        c->identity = NULL;
    }
    return c->url != NULL && c->identity != NULL;
}

/* ---- which agent a node has ------------------------------------------------------------------------------------ */

static int by_node(const void *a, const void *b)
{
    return strcmp(((const struct keylime_name *)a)->node, ((const struct keylime_name *)b)->node);
}

static int by_agent(const void *a, const void *b)
{
    return strcmp(((const struct keylime_name *)a)->agent, ((const struct keylime_name *)b)->agent);
}

static bool add_name(struct keylime_check *c, const char *node, const char *agent, char *why)
{
    if (!sp_str_is_name(sp_str_of(node), NODE_MAX) || !keylime_is_id(agent)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "agents: \"%.64s %.64s\" is not the name of a node and the id of an agent", node,
                       agent);
        return false;
    }
    c->name[c->names++] = (struct keylime_name){node, agent};
    return true;
}

/* Splits a line of the file into two words, in place. */
static bool split(char *line, char **node, char **agent)
{
    char *save = NULL;
    *node = strtok_r(line, " \t\r", &save);
    *agent = *node != NULL ? strtok_r(NULL, " \t\r", &save) : NULL;
    return *agent != NULL && strtok_r(NULL, " \t\r", &save) == NULL;
}

static bool read_names(struct keylime_check *c, char *text, char *why)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *node, *agent;
        if (line[0] == '#' || line[strspn(line, " \t\r")] == '\0') {
            continue;
        }
        if (!split(line, &node, &agent)) {
            return refuse(why, "agents_file: a line has two words, the name of a node and the id of its agent");
        }
        if (!add_name(c, node, agent, why)) {
            return false;
        }
    }
    return true;
}

/* Neither a node nor an agent twice: one healthy agent must not speak for two nodes. */
static bool names_are_unique(struct keylime_check *c, char *why)
{
    int (*const orders[])(const void *, const void *) = {by_agent, by_node};
    for (unsigned k = 0; k < 2; k++) { /* by node last: it stays sorted so */
        if (c->names > 0) {
            qsort(c->name, c->names, sizeof *c->name, orders[k]);
        }
        for (size_t i = 1; i < c->names; i++) {
            if (orders[k](&c->name[i - 1], &c->name[i]) == 0) {
                (void)snprintf(why, SP_ADAPTER_WHY_MAX, "agents: %.64s is there twice",
                               k == 0 ? c->name[i].agent : c->name[i].node);
                return false;
            }
        }
    }
    return true;
}

static bool read_file(struct keylime_check *c, size_t *lines, char *why)
{
    struct sp_err err = {0};
    size_t n = 0;
    if (c->text[KEYLIME_P_AGENTS_FILE] == NULL) {
        return true;
    }
    if (sp_fs_read(c->text[KEYLIME_P_AGENTS_FILE], AGENTS_BYTES_MAX, SP_FS_OWNED, &c->names_text[0], &n, &err) != SP_OK) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "agents_file: %.200s", err.text);
        return false;
    }
    if (strlen(c->names_text[0]) != n) {
        return refuse(why, "agents_file: not a text");
    }
    for (size_t i = 0; i < n; i++) {
        *lines += c->names_text[0][i] == '\n';
    }
    return true;
}

static bool take_names(struct keylime_check *c, const struct sp_param_value *v, char *why)
{
    const struct sp_param_value *map = &v[KEYLIME_P_AGENTS];
    size_t lines = 1, bytes = 1;
    for (size_t i = 0; i < map->list_len; i++) {
        bytes += strlen(map->list[i]) + 1;
    }
    if (!read_file(c, &lines, why)) {
        return false;
    }
    c->name = calloc(lines + map->list_len / 2, sizeof *c->name);
    c->names_text[1] = malloc(bytes);
    if (c->name == NULL || c->names_text[1] == NULL) {
        return refuse(why, "no memory");
    }
    char *to = c->names_text[1];
    const char *pair[2];
    for (size_t i = 0; i < map->list_len; i++) {
        size_t n = strlen(map->list[i]) + 1;
        memcpy(to, map->list[i], n);
        pair[i % 2] = to;
        to += n;
        if (i % 2 == 1 && !add_name(c, pair[0], pair[1], why)) {
            return false;
        }
    }
    return (c->names_text[0] == NULL || read_names(c, c->names_text[0], why)) && names_are_unique(c, why);
}

const char *keylime_check_agent(const struct keylime_check *c, const char *node)
{
    const struct keylime_name key = {node, NULL};
    const struct keylime_name *found = c->names > 0 ? bsearch(&key, c->name, c->names, sizeof *c->name, by_node) : NULL;
    return found != NULL ? found->agent : NULL;
}

bool keylime_check_is_taken(const struct keylime_check *c, const char *agent)
{
    for (size_t i = 0; i < c->canaries; i++) {
        if (strcmp(c->canary[i], agent) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < c->names; i++) {
        if (strcmp(c->name[i].agent, agent) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_canaries(struct keylime_check *c, const struct sp_param_value *v, char *why)
{
    const struct sp_param_value *list = &v[KEYLIME_P_CANARIES];
    c->canary = calloc(list->list_len + 1, sizeof *c->canary);
    for (size_t i = 0; c->canary != NULL && i < list->list_len; i++) {
        if (!keylime_is_id(list->list[i])) {
            return refuse(why, "canaries: the id of an agent is letters, digits and . _ -");
        }
        if (keylime_check_is_taken(c, list->list[i])) {
            return refuse(why, "canaries: one is there twice, or is the agent of a node");
        }
        c->canary[i] = strdup(list->list[i]);
        if (c->canary[i] == NULL) {
            return refuse(why, "no memory");
        }
        c->canaries++;
    }
    return c->canary != NULL || refuse(why, "no memory");
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static bool is_api(const char *text)
{
    size_t n = strlen(text);
    return strncmp(text, "2.", 2) == 0 && n > 2 && strspn(text + 2, "0123456789") == n - 2;
}

static bool fits(const struct sp_param_value *v, char *why)
{
    const char *verifier = v[KEYLIME_P_VERIFIER].str;
    bool https = strncmp(verifier, "https://", 8) == 0;
    bool http = strncmp(verifier, "http://", 7) == 0 && v[KEYLIME_P_INSECURE].num != 0;
    if (!https && !http) {
        return refuse(why, "verifier must start with https://");
    }
    if (!is_api(v[KEYLIME_P_API].str)) {
        return refuse(why, "api must be 2. and a number");
    }
    if (v[KEYLIME_P_ID].given && !keylime_is_id(v[KEYLIME_P_ID].str)) {
        return refuse(why, "verifier_id is letters, digits and . _ -");
    }
    if (v[KEYLIME_P_POLL].num >= v[KEYLIME_P_WAIT].num) {
        return refuse(why, "poll must be shorter than wait: one look at the list proves nothing");
    }
    if (v[KEYLIME_P_CERT].given != v[KEYLIME_P_KEY].given) {
        return refuse(why, "cert and key go together");
    }
    if (v[KEYLIME_P_PIN].given && strncmp(v[KEYLIME_P_PIN].str, "sha256//", 8) != 0) {
        return refuse(why, "pin must start with sha256//");
    }
    if (strstr(v[KEYLIME_P_AGENT].str, "{node}") == NULL && strstr(v[KEYLIME_P_AGENT].str, "{address}") == NULL) {
        return refuse(why, "agent must hold {node} or {address}: one agent cannot speak for all nodes");
    }
    return true;
}

struct keylime_check *keylime_check_new(const char *prefix, const struct sp_param_value *v, char *why)
{
    static const long tls[] = {CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
    struct keylime_check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->attestations = v[KEYLIME_P_ATTESTATIONS].num;
    c->poll_us = (uint64_t)v[KEYLIME_P_POLL].num * 1000;
    c->wait_us = (uint64_t)v[KEYLIME_P_WAIT].num * 1000;
    c->no_policy_is_error = v[KEYLIME_P_NO_POLICY].num == 1;
    c->contact_is_address = v[KEYLIME_P_CONTACT].num == 1;
    c->deadline_ms = (long)v[KEYLIME_P_DEADLINE].num;
    c->connect_ms = (long)v[KEYLIME_P_CONNECT_TIMEOUT].num;
    c->max_bytes = (size_t)v[KEYLIME_P_MAX_BYTES].num;
    c->tls_min = tls[v[KEYLIME_P_TLS_MIN].num];
    c->watch = calloc(1, sizeof *c->watch);
    if (c->watch != NULL && fits(v, why) && copy_texts(prefix, c, v) && take_names(c, v, why) && take_canaries(c, v, why)) {
        return c;
    }
    keylime_check_destroy(&c);
    return NULL;
}

void keylime_check_destroy(struct keylime_check **check)
{
    struct keylime_check *c = *check;
    for (unsigned i = 0; i < KEYLIME_P_COUNT; i++) {
        free(c->text[i]);
    }
    for (size_t i = 0; i < c->canaries; i++) {
        free(c->canary[i]);
    }
    free(c->canary);
    free(c->watch);
    free(c->name);
    free(c->names_text[0]);
    free(c->names_text[1]);
    free(c->url);
    free(c->identity);
    free(c);
    *check = NULL;
}
