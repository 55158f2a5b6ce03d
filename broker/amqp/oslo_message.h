/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of oslo.messaging as JSON: the envelope {"oslo.version", "oslo.message"}, whose message is JSON once more, as text. Both
 * layers are bounded in size and depth, and refuse repeated keys and wrong types (pitfall C11). What is written is complete but for
 * the closing brace: oslo_message_seal adds the id, which is new for each time it is sent, and the envelope. */
#ifndef OSLO_MESSAGE_H
#define OSLO_MESSAGE_H

#include <jansson.h>

#include "sp_buf.h"

#define OSLO_DEPTH_MAX   32u
#define OSLO_ID_BYTES    33u
#define OSLO_QUEUE_BYTES 256u

enum oslo_bad { OSLO_GOOD, OSLO_BAD_JSON, OSLO_BAD_ENVELOPE, OSLO_BAD_REQUEST, OSLO_BAD_REPLY_QUEUE };

struct oslo_request {
    char unique_id[129], msg_id[129]; /* "": none */
    char reply_queue[OSLO_QUEUE_BYTES];
    char method[129], name_space[129];
    unsigned major, minor; /* both 0: the version is no version */
    char version[17];
    bool call;        /* wants a reply */
    double monitor_s; /* > 0: wants heartbeats, each half of it */
    json_t *args;     /* an object, or NULL when it is none; owned */
};

/* Effect: fills *out (free with oslo_request_fini, also after failure). Anything but OSLO_GOOD: not to be answered. Context keys,
 * and with them the caller's token, are not looked at: they prove nothing, and what is not read cannot leak. */
enum oslo_bad oslo_request_parse(struct sp_str body, struct oslo_request *out);
void oslo_request_fini(struct oslo_request *r);

/* Gives the inner object of a body with or without envelope; NULL: malformed. */
json_t *oslo_inner_load(struct sp_str body);
/* Lends the text of a member, NULL when it is missing, no text, or holds a NUL. */
const char *oslo_text(const json_t *object, const char *key);

/* Effect: each appends the inner message, without its end. */
void oslo_message_result(struct sp_buf *b, const char *msg_id, const char *result_json);
void oslo_message_failure(struct sp_buf *b, const char *msg_id, const char *class, const char *module, const char *text);
void oslo_message_heartbeat(struct sp_buf *b, const char *msg_id);
/* args_json: a JSON object. name_space NULL: none. */
void oslo_message_cast(struct sp_buf *b, const char *name_space, const char *version, const char *method, struct sp_str args_json);
/* timestamp: "YYYY-MM-DD hh:mm:ss.ffffff", UTC. */
void oslo_message_notification(struct sp_buf *b, const char *message_id, const char *publisher, const char *event_type,
                               const char *timestamp, const char *payload_json);

/* Effect: appends the whole body of what is sent: envelope, inner message, id and end. */
void oslo_message_seal(struct sp_buf *b, struct sp_str inner, const char unique_id[OSLO_ID_BYTES]);

#endif
