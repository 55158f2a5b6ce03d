/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_places.h - where a new worker or attester lives: under one directory of its own (--prefix DIR), or where the units of ops/systemd look
 * (without). The second kind is owned as spice.tmpfiles says: what all read by root and the group spice, keys by the user of the process.
 */
#ifndef SPICE_ENROL_PLACES_H
#define SPICE_ENROL_PLACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "enrol.h"
#include "sp_buf.h"
#include "sp_err.h"
#include "sp_fs.h"

#define ENROL_GROUP         "spice"
#define ENROL_WORKER_USER   "spice-worker"
#define ENROL_ATTESTER_USER "spice-attester"

struct enrol_places {
    bool units; /* as the units of ops/systemd expect it; else all below one prefix */
    bool owns;  /* owners are set */
    bool attester;
    uid_t user; /* of the process */
    gid_t group;
    char conf[SP_FS_PATH_BYTES], principals[SP_FS_PATH_BYTES], key[SP_FS_PATH_BYTES];
    char manifests[SP_FS_PATH_BYTES]; /* directory of signed manifests */
};

/* Effect: fills *out and makes the directories that the new principal needs: below options->prefix, else for the units, below options->root. For the
 * units of this host root's rights are needed, and the users of spice.sysusers. Borrows all. */
SP_MUST_USE enum sp_rc enrol_places_make(const struct enrol_options *options, const char *name, struct enrol_places *out,
                                         struct sp_err *err);
/* Effect: appends the lines of spice.yaml that name the places. */
void enrol_places_text(const struct enrol_places *self, struct sp_buf *b);
/* Effect: gives the files to their owners. Call when all are written. */
SP_MUST_USE enum sp_rc enrol_places_own(const struct enrol_places *self, struct sp_err *err);

#endif
