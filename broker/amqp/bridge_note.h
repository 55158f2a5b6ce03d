/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications for whoever meters or watches the cloud: spice.trust.changed for each node and pool whose state is another one than
 * was told last. They are for people and meters; no decision about a placement may rest on them. */
#ifndef BRIDGE_NOTE_H
#define BRIDGE_NOTE_H

#include "bridge_shell.h"

bool bridge_note_init(struct bridge *b);
void bridge_note_fini(struct bridge *b);
/* Effect: offers a notification for what changed. Call only while following. */
void bridge_note_changes(struct bridge *b, const struct reader_changes *changes);

#endif
