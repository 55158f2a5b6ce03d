/* SPDX-License-Identifier: Apache-2.0 */
/* transport_url in the syntax of oslo.messaging:
 *     rabbit://[user:password@]host[:port][,[user:password@]host2[:port2]...]/[vhost][?option=value&...]
 * The last '@' of a host part ends the credentials, the first ':' inside them splits them; user, password, vhost and values are
 * percent-decoded. Messages never repeat any part of the text: it holds passwords. Pure. */
#ifndef AMQP_URL_H
#define AMQP_URL_H

#include "sp_str.h"

#define AMQP_URL_HOSTS_MAX   16u
#define AMQP_URL_OPTIONS_MAX 40u
#define AMQP_URL_PORT        5672u /* with TLS too: 5671 has to be written */

struct amqp_url_host {
    char host[256];
    char user[256];
    char password[256];
    uint16_t port;
};
struct amqp_url_option {
    char name[64];
    char value[512];
};
struct amqp_url {
    struct amqp_url_host hosts[AMQP_URL_HOSTS_MAX];
    uint32_t host_count;
    char vhost[256];
    struct amqp_url_option options[AMQP_URL_OPTIONS_MAX];
    uint32_t option_count;
};

/* Effect: fills *out. False: *why says what is wrong, without any of the text. */
bool amqp_url_parse(struct sp_str text, struct amqp_url *out, const char **why);

#endif
