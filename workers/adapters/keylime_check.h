/* SPDX-License-Identifier: Apache-2.0 */
/* keylime_check.h - the parameters of a keylime check in compiled form. Part of the keylime adapter. */
#ifndef SPICE_KEYLIME_CHECK_H
#define SPICE_KEYLIME_CHECK_H

#include "keylime_answer.h"
#include "param.h"

enum {
    KEYLIME_P_VERIFIER,
    KEYLIME_P_API,
    KEYLIME_P_ID,
    KEYLIME_P_AGENT,
    KEYLIME_P_AGENTS,
    KEYLIME_P_AGENTS_FILE,
    KEYLIME_P_CANARIES,
    KEYLIME_P_ATTESTATIONS,
    KEYLIME_P_POLL,
    KEYLIME_P_WAIT,
    KEYLIME_P_NO_POLICY,
    KEYLIME_P_CONTACT,
    KEYLIME_P_DEADLINE,
    KEYLIME_P_CONNECT_TIMEOUT,
    KEYLIME_P_MAX_BYTES,
    KEYLIME_P_CA,
    KEYLIME_P_CERT,
    KEYLIME_P_KEY,
    KEYLIME_P_PIN,
    KEYLIME_P_TLS_MIN,
    KEYLIME_P_INSECURE,
    KEYLIME_P_COUNT
};

extern const struct sp_param keylime_check_params[KEYLIME_P_COUNT];

struct keylime_name {
    const char *node, *agent; /* in the check's texts */
};

/* Of the adapter: in which list, by its number, the canaries were counted, listed and judged last. */
struct keylime_watch {
    uint64_t counted, listed, judged;
    const char *bad; /* the canary that did not fail in the last one; NULL: all failed */
};

struct keylime_check {
    char *url;                   /* of the list */
    char *text[KEYLIME_P_COUNT]; /* copies, NULL: not given; file names made absolute */
    char *identity;              /* equal for checks that may share requests */
    struct keylime_name *name;   /* sorted by node */
    size_t names;
    char **canary;
    size_t canaries;
    char *names_text[2]; /* what `name` points into */
    bool no_policy_is_error, contact_is_address;
    int64_t attestations;
    uint64_t poll_us, wait_us;
    long deadline_ms, connect_ms, tls_min;
    size_t max_bytes;
    void *verifier; /* of the adapter */
    struct keylime_watch *watch;
};

/* Gives the compiled form; relative file names start from prefix. NULL: why says what is wrong. */
struct keylime_check *keylime_check_new(const char *prefix, const struct sp_param_value *v, char *why);
/* Takes and nulls. */
void keylime_check_destroy(struct keylime_check **check);
/* Lends the agent the check's own list has for this node; NULL: none. */
const char *keylime_check_agent(const struct keylime_check *c, const char *node);
/* True when the name is one of the canaries, or belongs to a node of the check's own list. */
bool keylime_check_is_taken(const struct keylime_check *c, const char *agent);

#endif
