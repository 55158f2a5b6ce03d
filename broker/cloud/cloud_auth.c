/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_auth.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_log.h"

#define PAUSE_FIRST_MS 1000u
#define PAUSE_MAX_MS   60000u
#define LIFE_LEAST_MS  60000u /* what a token lives at least, when Keystone does not say so clearly */

bool cloud_auth_renews(const struct cloud_auth *a)
{
    return a->login->auth == SP_CONF_PLACEMENT_PASSWORD || a->login->auth == SP_CONF_PLACEMENT_CREDENTIAL;
}

bool cloud_auth_is_url(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static enum sp_rc option_bad(const struct cloud_auth *a, const char *option, const char *text, struct sp_err *err)
{
    char where[64];
    (void)snprintf(where, sizeof where, "%s.%s", a->section, option);
    return sp_err_set(err, SP_E_INVALID, where, "%s", text);
}

/* Read again for each token, so that a changed password needs no restart. */
static enum sp_rc secret_read(struct cloud_auth *a, struct sp_err *err)
{
    size_t n = 0;
    enum sp_rc rc = sp_fs_read_into(a->login->secret_file, a->secret, sizeof a->secret - 1, SP_FS_PRIVATE, &n, err);
    if (rc != SP_OK)
        return rc;
    a->secret[n] = '\0';
    a->secret[strcspn(a->secret, "\r\n")] = '\0';
    return a->secret[0] != '\0' ? SP_OK : option_bad(a, "secret_file", "has no first line", err);
}

enum sp_rc cloud_auth_init(struct cloud_auth *a, const struct sp_conf_login *login, const char *section, struct cloud_http *http,
                           struct sp_err *err)
{
    memset(a, 0, sizeof *a);
    a->login = login;
    a->section = section;
    a->http = http;
    a->pause_ms = PAUSE_FIRST_MS;
    if (login->auth == SP_CONF_PLACEMENT_NONE)
        return SP_OK;
    if (login->secret_file[0] == '\0')
        return option_bad(a, "secret_file", "is missing", err);
    if (cloud_auth_renews(a) && (!cloud_auth_is_url(login->auth_url) || login->username[0] == '\0'))
        return option_bad(a, "auth_url", "and username are needed for Keystone", err);
    enum sp_rc rc = secret_read(a, err);
    if (rc != SP_OK)
        return rc;
    if (login->auth == SP_CONF_PLACEMENT_TOKEN)
        (void)sp_str_copy(a->token, sizeof a->token, sp_str_of(a->secret));
    return SP_OK;
}

void cloud_auth_fini(struct cloud_auth *a)
{
    sp_crypto_wipe(a->secret, sizeof a->secret);
    sp_crypto_wipe(a->token, sizeof a->token);
}

bool cloud_auth_is_ready(const struct cloud_auth *a)
{
    return a->login->auth == SP_CONF_PLACEMENT_NONE || a->token[0] != '\0';
}

void cloud_auth_header(const struct cloud_auth *a, char to[CLOUD_HTTP_TOKEN + 32])
{
    to[0] = '\0';
    if (a->token[0] != '\0')
        (void)snprintf(to, CLOUD_HTTP_TOKEN + 32, "X-Auth-Token: %s", a->token);
}

/* ---- Keystone ---- */

static json_t *identity(const struct cloud_auth *a)
{
    const struct sp_conf_login *c = a->login;
    if (c->auth == SP_CONF_PLACEMENT_CREDENTIAL)
        return json_pack("{s:{s:{s:[s], s:{s:s, s:s}}}}", "auth", "identity", "methods", "application_credential",
                         "application_credential", "id", c->username, "secret", a->secret);
    return json_pack("{s:{s:{s:[s], s:{s:{s:s, s:{s:s}, s:s}}}, s:{s:{s:s, s:{s:s}}}}}", "auth", "identity", "methods", "password",
                     "password", "user", "name", c->username, "domain", "name", c->user_domain, "password", a->secret, "scope",
                     "project", "name", c->project, "domain", "name", c->project_domain);
}

/* "2026-11-28T14:00:00.000000Z" */
static bool instant(const char *text, uint64_t *ms)
{
    struct sp_civil c = {0};
    int n = 0;
    if (text == NULL ||
        sscanf(text, "%4d-%2u-%2uT%2u:%2u:%2u%n", &c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second, &n) != 6 || n != 19 ||
        c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || c.hour > 23 || c.minute > 59)
        return false;
    *ms = sp_time_from_civil(&c).ms;
    return true;
}

uint64_t cloud_auth_lifetime_ms(struct sp_str answer)
{
    uint64_t from = 0, to = 0;
    json_t *all = json_loadb(answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL), *token = json_object_get(all, "token");
    bool good = instant(json_string_value(json_object_get(token, "issued_at")), &from) &&
                instant(json_string_value(json_object_get(token, "expires_at")), &to) && to > from;
    json_decref(all);
    return good ? to - from : 0; /* both by Keystone's clock: ours does not matter */
}

static void try_later(struct cloud_auth *a, uint64_t now_us)
{
    a->retry_us = now_us + a->pause_ms * SP_US_PER_MS;
    a->pause_ms = a->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : a->pause_ms * 2;
}

static void on_token(void *self, uint32_t tag, const struct cloud_http_answer *answer)
{
    struct cloud_auth *a = self;
    uint64_t now_us = sp_clock_read().mono.us, life_ms;
    (void)tag;
    a->asking = false;
    if (answer->status != 201 || answer->subject[0] == '\0') {
        a->failures++;
        try_later(a, now_us);
        SP_LOG(SP_LOG_WARNING, "cloud", "token.none", SP_LOG_U("status", answer->status), SP_LOG_S("why", answer->why));
        return;
    }
    life_ms = cloud_auth_lifetime_ms(answer->body);
    life_ms = life_ms < LIFE_LEAST_MS ? LIFE_LEAST_MS : life_ms;
    (void)sp_str_copy(a->token, sizeof a->token, sp_str_of(answer->subject));
    a->serial++;
    a->renewals++;
    if (a->refusals == 0)
        a->pause_ms = PAUSE_FIRST_MS;
    a->retry_us = 0;
    a->renew_us = a->asked_us + life_ms / 4 * 3 * SP_US_PER_MS;
    SP_LOG(SP_LOG_INFO, "cloud", "token", SP_LOG_U("minutes", life_ms / 60000));
}

void cloud_auth_turn(struct cloud_auth *a, struct sp_mono now)
{
    char url[SP_CONF_PLACEMENT_URL_BYTES + 16];
    if (!cloud_auth_renews(a) || a->asking || now.us < a->retry_us || (a->token[0] != '\0' && now.us < a->renew_us))
        return;
    struct sp_err err;
    bool read = secret_read(a, &err) == SP_OK;
    if (!read)
        SP_LOG(SP_LOG_WARNING, "cloud", "secret.none", SP_LOG_S("where", err.where), SP_LOG_S("why", err.text));
    json_t *body = read ? identity(a) : NULL;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    size_t n = strlen(a->login->auth_url);
    while (n > 0 && a->login->auth_url[n - 1] == '/')
        n--;
    (void)snprintf(url, sizeof url, "%.*s/auth/tokens", (int)n, a->login->auth_url);
    struct cloud_http_request r = {
        .method = "POST", .url = url, .body = sp_str_of(text), .bytes_max = CLOUD_HTTP_BODY_BYTES, .self = a, .done = on_token};
    a->asked_us = now.us;
    a->asking = text != NULL && cloud_http_send(a->http, &r);
    if (!a->asking)
        a->retry_us = now.us + PAUSE_FIRST_MS * SP_US_PER_MS;
    if (text != NULL)
        sp_crypto_wipe(text, strlen(text));
    free(text);
    sp_crypto_wipe(a->secret, sizeof a->secret);
}

void cloud_auth_refused(struct cloud_auth *a, struct sp_mono now, uint32_t serial)
{
    if (!cloud_auth_renews(a) || serial != a->serial)
        return;
    sp_crypto_wipe(a->token, sizeof a->token);
    a->serial++;
    if (a->refusals++ == 0)
        return;
    SP_LOG(SP_LOG_WARNING, "cloud", "token.refused", SP_LOG_S("of", a->section), SP_LOG_U("in_a_row", a->refusals),
           SP_LOG_S("why", "the service takes no token that this Keystone gives"));
    try_later(a, now.us); /* not in a circle */
}

void cloud_auth_taken(struct cloud_auth *a, uint32_t serial)
{
    if (serial != a->serial || a->refusals == 0)
        return; /* the pause may be that of a renewal that fails while this token is still good */
    a->refusals = 0;
    a->pause_ms = PAUSE_FIRST_MS;
}

uint64_t cloud_auth_deadline_us(const struct cloud_auth *a)
{
    if (!cloud_auth_renews(a) || a->asking)
        return SP_NEVER;
    uint64_t at = a->token[0] != '\0' ? a->renew_us : 0;
    return a->retry_us > at ? a->retry_us : at;
}
