/* SPDX-License-Identifier: Apache-2.0 */
/* The token for the cloud's services: none, a fixed one, or from Keystone, renewed before its end and when a service refuses it.
 * Neither token nor secret is ever logged; both are wiped. */
#ifndef CLOUD_AUTH_H
#define CLOUD_AUTH_H

#include "cloud_http.h"
#include "sp_conf_bridge.h"
#include "sp_err.h"

struct cloud_auth {
    const struct sp_conf_login *login; /* borrowed for the life */
    struct cloud_http *http;           /* borrowed for the life */
    const char *section;               /* of the configuration, for errors; borrowed for the life */
    char secret[1024];
    char token[CLOUD_HTTP_TOKEN]; /* "": none yet */
    uint32_t serial;              /* of the token */
    bool asking;
    uint32_t refusals; /* in a row: services took none of these tokens, but perhaps the first */
    uint64_t asked_us, renew_us, retry_us, pause_ms;
    uint64_t renewals, failures;
};

/* True for addresses that requests may go to. */
bool cloud_auth_is_url(const char *text);
/* Effect: reads the secret. Errors name the option, never what is in the file. */
SP_MUST_USE enum sp_rc cloud_auth_init(struct cloud_auth *a, const struct sp_conf_login *login, const char *section,
                                       struct cloud_http *http, struct sp_err *err);
void cloud_auth_fini(struct cloud_auth *a);
/* Effect: asks Keystone when it is time. */
void cloud_auth_turn(struct cloud_auth *a, struct sp_mono now);
/* True when the token is Keystone's, so that a new one may help when a service refuses it. */
bool cloud_auth_renews(const struct cloud_auth *a);
/* True when requests can be sent: there is a token, or none is needed. */
bool cloud_auth_is_ready(const struct cloud_auth *a);
/* Effect: writes the header "X-Auth-Token: ..." for requests, or nothing. Wipe it after use. */
void cloud_auth_header(const struct cloud_auth *a, char to[CLOUD_HTTP_TOKEN + 32]);
/* Effect: a service refused the token of that serial (401). The next is asked for at once; when that is refused too, after a
 * growing pause. */
void cloud_auth_refused(struct cloud_auth *a, struct sp_mono now, uint32_t serial);
/* Effect: a service took the token of that serial, whatever else it said to the request. */
void cloud_auth_taken(struct cloud_auth *a, uint32_t serial);
uint64_t cloud_auth_deadline_us(const struct cloud_auth *a);
/* Returns the lifetime in a token's answer, in milliseconds; 0: cannot be read. */
uint64_t cloud_auth_lifetime_ms(struct sp_str answer);

#endif
