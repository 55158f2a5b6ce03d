/* SPDX-License-Identifier: Apache-2.0 */
/* Result codes of functions that deal with the world or with a peer's bytes. Zero is good. Bugs are assertions, failed checks
 * are data (enum outcome); neither is a result code. */
#ifndef SP_RC_H
#define SP_RC_H

/* name, short text, class: w = world, p = peer's bytes, u = the caller's user */
#define SP_RC_LIST(X)                                                                                                              \
    X(SP_OK, "done", 'w')                                                                                                          \
    X(SP_E_AGAIN, "cannot be done now, try later", 'w')                                                                            \
    X(SP_E_IO, "input or output error", 'w')                                                                                       \
    X(SP_E_NOMEM, "no memory", 'w')                                                                                                \
    X(SP_E_FULL, "no space left", 'w')                                                                                             \
    X(SP_E_CORRUPT, "stored data is damaged", 'w')                                                                                 \
    X(SP_E_VERSION, "made by another version", 'w')                                                                                \
    X(SP_E_NOT_FOUND, "not found", 'w')                                                                                            \
    X(SP_E_EXISTS, "exists already", 'w')                                                                                          \
    X(SP_E_PERMISSION, "not permitted", 'w')                                                                                       \
    X(SP_E_CLOSED, "closed by the other side", 'w')                                                                                \
    X(SP_E_TIMEOUT, "not in time", 'w')                                                                                            \
    X(SP_E_MALFORMED, "malformed", 'p')                                                                                            \
    X(SP_E_LIMIT, "larger than its limit", 'p')                                                                                    \
    X(SP_E_SIGNATURE, "signature does not verify", 'p')                                                                            \
    X(SP_E_AUTHORITY, "not entitled", 'p')                                                                                         \
    X(SP_E_STALE, "older than what is known", 'p')                                                                                 \
    X(SP_E_UNSUPPORTED, "not supported here", 'p')                                                                                 \
    X(SP_E_USAGE, "wrong use", 'u')                                                                                                \
    X(SP_E_INVALID, "not valid", 'u')

enum sp_rc {
#define SP_RC_ENUM(name, text, class) name,
    SP_RC_LIST(SP_RC_ENUM)
#undef SP_RC_ENUM
        SP_RC_COUNT
};

/* Lends: short English text, for people. */
const char *sp_rc_text(enum sp_rc rc);
/* Lends: the enumerator's name, for logs. */
const char *sp_rc_name(enum sp_rc rc);

#endif
