/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge runs with: section `bridge` of the configuration, the transport URL, and on top the options of that URL's query,
 * named as in [oslo_messaging_rabbit]. */
#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include "amqp_url.h"
#include "sp_conf.h"

struct bridge_options {
    struct sp_conf_bridge c; /* with the URL's options applied */
    struct amqp_url url;     /* hosts and credentials: never logged */
};

/* Effect: fills *out. Errors name the option, and no part of the URL besides. */
SP_MUST_USE enum sp_rc bridge_options_make(const struct sp_conf_bridge *conf, struct bridge_options *out, struct sp_err *err);
/* Effect: reads credentials and addresses again, if the file is good and names as many hosts as before. */
void bridge_options_reload(struct bridge_options *o, const struct sp_conf_bridge *conf);
void bridge_options_fini(struct bridge_options *o);

#endif
