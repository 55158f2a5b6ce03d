/* SPDX-License-Identifier: Apache-2.0 */
#include "oat_check.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "sp_fs.h"

#define BLOB_BYTES_MAX 4096u

const struct sp_param oat_check_params[OAT_P_COUNT] = {
    [OAT_P_SERVER] = {"server", SP_PARAM_STR, true, 8, 1024, NULL,
                      "base URL of the attestation service, for example https://oat:8443/AttestationService/resources", NULL},
    [OAT_P_VERSION] = {"version", SP_PARAM_ENUM, true, 0, 0, NULL, "generation of the server", "1|2"},
    [OAT_P_HOST] = {"host", SP_PARAM_STR, false, 1, OAT_NAME_MAX, "\"{node}\"", "name the server knows the node by", NULL},
    [OAT_P_UNPROVEN] = {"unproven", SP_PARAM_ENUM, false, 0, 0, "\"warn\"",
                        "outcome of `trusted` from a 2.x server, whose time stamps do not prove fresh evidence", "pass|warn|error"},
    [OAT_P_BATCH] = {"batch", SP_PARAM_INT, false, 1, OAT_HOSTS_MAX, "20", "hosts per request", NULL},
    [OAT_P_REQUESTS] = {"requests", SP_PARAM_INT, false, 1, 64, "4", "requests to the server at once", NULL},
    [OAT_P_DEADLINE] = {"deadline", SP_PARAM_DURATION, false, 1000, 3600000, "\"60s\"",
                        "longest time of one request; longer than the server's own limit (50s)", NULL},
    [OAT_P_CONNECT_TIMEOUT] = {"connect_timeout", SP_PARAM_DURATION, false, 1, 600000, "\"5s\"", "longest time to connect", NULL},
    [OAT_P_CA] = {"ca", SP_PARAM_STR, false, 1, 512, NULL, "file of trusted certificates instead of the system's", NULL},
    [OAT_P_CERT] = {"cert", SP_PARAM_STR, false, 1, 512, NULL, "client certificate file", NULL},
    [OAT_P_KEY] = {"key", SP_PARAM_STR, false, 1, 512, NULL, "client key file", NULL},
    [OAT_P_PIN] = {"pin", SP_PARAM_STR, false, 8, 512, NULL,
                   "sha256//BASE64 of the server's public key; replaces the check of the name in its certificate", NULL},
    [OAT_P_TLS_MIN] = {"tls_min", SP_PARAM_ENUM, false, 0, 0, "\"1.2\"", "least TLS version", "1.0|1.1|1.2|1.3"},
    [OAT_P_CIPHERS] = {"ciphers", SP_PARAM_STR, false, 1, 512, NULL, "OpenSSL cipher string, for old servers", NULL},
    [OAT_P_BLOB_FILE] = {"auth_blob_file", SP_PARAM_STR, false, 1, 512, NULL, "file with the text of the header x-auth-blob", NULL},
    [OAT_P_PCR_MASK] = {"pcr_mask", SP_PARAM_STR, false, 1, 64, NULL, "hexadecimal mask of PCRs whose values are asked for (1.x)",
                        NULL},
    [OAT_P_ANALYSIS] = {"analysis", SP_PARAM_STR, false, 1, 512, NULL, "analysisType of 1.7: NAME[,params];NAME", NULL},
};

static bool copy_texts(const char *prefix, struct oat_check *c, const struct sp_param_value *v)
{
    for (unsigned i = 0; i < OAT_P_COUNT; i++) {
        bool path = (i == OAT_P_CA || i == OAT_P_CERT || i == OAT_P_KEY || i == OAT_P_BLOB_FILE) && v[i].str[0] != '/';
        if (!v[i].given || v[i].str[0] == '\0') {
            continue;
        }
        if (asprintf(&c->text[i], "%s%s%s", path ? prefix : "", path ? "/" : "", v[i].str) < 0) {
            c->text[i] = NULL;
            return false;
        }
    }
    size_t n = strlen(c->text[OAT_P_SERVER]);
    while (n > 0 && c->text[OAT_P_SERVER][n - 1] == '/') {
        c->text[OAT_P_SERVER][--n] = '\0';
    }
    if (asprintf(&c->url, "%s/PollHosts", c->text[OAT_P_SERVER]) < 0) {
        c->url = NULL;
    }
    return c->url != NULL;
}

/* The blob is a secret: it comes from a file of ours, never from the parameters. */
static bool read_blob(struct oat_check *c, char *why)
{
    char *text = NULL;
    size_t n = 0;
    struct sp_err err = {0};
    if (c->text[OAT_P_BLOB_FILE] == NULL) {
        return true;
    }
    if (sp_fs_read(c->text[OAT_P_BLOB_FILE], BLOB_BYTES_MAX, SP_FS_PRIVATE, &text, &n, &err) != SP_OK) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "auth_blob_file: %.200s", err.text);
        return false;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        text[--n] = '\0';
    }
    bool good = n > 0 && strlen(text) == n && strpbrk(text, "\r\n") == NULL;
    if (!good) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "auth_blob_file: one line of text is wanted");
    } else if (asprintf(&c->blob_header, "x-auth-blob: %s", text) < 0) {
        c->blob_header = NULL;
        good = false;
    }
    free(text);
    return good;
}

static bool is_hex(const char *text)
{
    return text == NULL || text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

struct oat_check *oat_check_new(const char *prefix, const struct sp_param_value *v, char *why)
{
    static const long tls[] = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
    static const uint8_t unproven[] = {SP_OUTCOME_PASS, SP_OUTCOME_WARN, SP_OUTCOME_ERROR};
    const char *server = v[OAT_P_SERVER].str;
    struct oat_check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->version2 = v[OAT_P_VERSION].num == 1;
    c->unproven = unproven[v[OAT_P_UNPROVEN].num];
    c->batch = (uint32_t)v[OAT_P_BATCH].num;
    c->requests = (uint32_t)v[OAT_P_REQUESTS].num;
    c->deadline_ms = (long)v[OAT_P_DEADLINE].num;
    c->connect_ms = (long)v[OAT_P_CONNECT_TIMEOUT].num;
    c->tls_min = tls[v[OAT_P_TLS_MIN].num];
    if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "server must start with https:// or http://");
    } else if (v[OAT_P_CERT].given != v[OAT_P_KEY].given) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "cert and key go together");
    } else if (!is_hex(v[OAT_P_PCR_MASK].str)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "pcr_mask must be hexadecimal");
    } else if (v[OAT_P_PIN].given && strncmp(v[OAT_P_PIN].str, "sha256//", 8) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "pin must start with sha256//");
    } else if (copy_texts(prefix, c, v) && read_blob(c, why)) {
        return c;
    }
    oat_check_destroy(&c);
    return NULL;
}

void oat_check_destroy(struct oat_check **check)
{
    struct oat_check *c = *check;
    for (unsigned i = 0; i < OAT_P_COUNT; i++) {
        free(c->text[i]);
    }
    free(c->url);
    free(c->blob_header);
    free(c);
    *check = NULL;
}
