/* SPDX-License-Identifier: Apache-2.0 */
/* Principals that were enrolled, invitations, revocations, and the sets published to brokers and scheduler. The file principals.yaml is
 * not touched: what stands there cannot be changed from here, only revoked. A revocation is of keys and has no end: the file's owner
 * gives the name new ones; an enrolled name is not given away again. */
#ifndef KEEPER_PEOPLE_H
#define KEEPER_PEOPLE_H

#include <jansson.h>

#include "nodes_shell.h"

/* Effect: puts the stored rows into the registry of the bus. */
SP_MUST_USE enum sp_rc keeper_people_load(struct nodes_shell *s);
/* Effect: sends all rows to one broker (index), or with SP_BUS_ANY to every broker and the scheduler. */
void keeper_people_publish(struct nodes_shell *s, int broker);
/* Effect: does that when rows have changed since the last time. Verbs change rows; whoever revoked itself is answered first. */
void keeper_people_tell(struct nodes_shell *s);
/* Effect: a new worker asks in. Checks token, proof and keys; stores, publishes, answers. */
/* Effect: invitations that ended are removed. */
void keeper_people_expire(struct nodes_shell *s);

/* ---- verbs: see keeper_admin.h ---- */
struct keeper_act;
json_t *keeper_people_list(struct nodes_shell *s);
json_t *keeper_people_invite(struct nodes_shell *s, struct keeper_act *act);
/* Effect: makes this invitation, whose words were looked at; fills in inv->enrol. Gives the answer of the verb. */
struct keeper_invitation;
json_t *keeper_people_send_invitation(struct nodes_shell *s, struct keeper_act *act, struct keeper_invitation *inv,
                                      uint64_t ttl_ms);
json_t *keeper_people_revoke(struct nodes_shell *s, struct keeper_act *act);
/* Effect: for the loop: SIGTERM and SIGINT end the keeper, SIGHUP makes it read principals.yaml again. */
void keeper_people_on_signal(void *ctx, int signo, const struct sp_now *now);

#endif
