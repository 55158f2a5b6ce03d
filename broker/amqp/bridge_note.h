/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications for whoever meters or watches the cloud: spice.trust.changed for each node and pool whose state is another one than
 * was told last. They are for people and meters; no decision about a placement may rest on them. */
#ifndef BRIDGE_NOTE_H
#define BRIDGE_NOTE_H

#include "bridge_shell.h"
#include "sp_hex.h"

bool bridge_note_init(struct bridge *b);
void bridge_note_fini(struct bridge *b);
/* Effect: offers one notification to every topic. key: newest replaces what still waits; not 0. payload_json: an object.
 * message_id: 36 characters. */
void bridge_note_send(struct bridge *b, uint64_t key, const char *event_type, const char *message_id, const char *payload_json);
/* Effect: writes 16 bytes as an id. */
void bridge_note_id(const uint8_t bytes[16], char to[SP_HEX_KEY_BYTES]);
/* Effect: offers a notification for what changed. Call only while following. */
void bridge_note_changes(struct bridge *b, const struct reader_changes *changes);

#endif
