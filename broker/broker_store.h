/* SPDX-License-Identifier: Apache-2.0 */
/* Where the broker's principals come from: principals.yaml, and the last complete PrincipalSet of the keeper, kept on disk as the
 * very frames that came, so that a broker that starts before the keeper admits the same workers. The keeper's signature is verified
 * again when they are read: whoever can write the cache can withhold principals, and add none. */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include "broker_core.h"
#include "sp_buf.h"
#include "sp_conf.h"

#define BROKER_STORE_BYTES_MAX (64u << 20)

struct broker_store {
    char path[SP_FS_PATH_BYTES]; /* of the cache */
    struct sp_buf parts;         /* of the set that is coming in */
};

/* Effect: path of this broker's cache, and its directory; nothing is read yet. */
enum sp_rc broker_store_init(struct broker_store *s, const struct sp_conf *conf, const char *name, struct sp_err *err) SP_MUST_USE;
void broker_store_fini(struct broker_store *s);
/* Effect: all rows of the file, or none: on error the table is as it was. */
enum sp_rc broker_store_file(const struct sp_conf *conf, struct principal_table *who, struct sp_err *err) SP_MUST_USE;
/* Effect: applies the cache; a missing one is SP_OK. *count is the number of frames taken. */
enum sp_rc broker_store_cache(struct broker_store *s, struct principal_table *who, const struct broker_verify *verify,
                              uint32_t *count, struct sp_err *err) SP_MUST_USE;
/* Effect: one more part of a set; the last one writes the cache. */
enum sp_rc broker_store_part(struct broker_store *s, struct sp_str frame, bool first, bool last, struct sp_err *err) SP_MUST_USE;

#endif
