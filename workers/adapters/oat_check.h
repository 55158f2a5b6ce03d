/* SPDX-License-Identifier: Apache-2.0 */
/* oat_check.h - the parameters of an oat check in compiled form. Part of the oat adapter. */
#ifndef SPICE_OAT_CHECK_H
#define SPICE_OAT_CHECK_H

#include "oat_answer.h"
#include "param.h"

enum {
    OAT_P_SERVER,
    OAT_P_VERSION,
    OAT_P_HOST,
    OAT_P_UNPROVEN,
    OAT_P_BATCH,
    OAT_P_REQUESTS,
    OAT_P_DEADLINE,
    OAT_P_CONNECT_TIMEOUT,
    OAT_P_CA,
    OAT_P_CERT,
    OAT_P_KEY,
    OAT_P_PIN,
    OAT_P_TLS_MIN,
    OAT_P_CIPHERS,
    OAT_P_BLOB_FILE,
    OAT_P_PCR_MASK,
    OAT_P_ANALYSIS,
    OAT_P_COUNT
};

extern const struct sp_param oat_check_params[OAT_P_COUNT];

struct oat_check {
    char *url;               /* of PollHosts */
    char *text[OAT_P_COUNT]; /* copies, NULL: not given; file names made absolute */
    char *blob_header;       /* "x-auth-blob: ...", NULL: none */
    bool version2;
    uint8_t unproven; /* enum sp_outcome of a trusted verdict of 2.x */
    uint32_t batch, requests;
    long deadline_ms, connect_ms, tls_min;
    void *server; /* of the adapter */
};

/* Gives the compiled form; relative file names start from prefix. NULL: why says what is wrong. */
struct oat_check *oat_check_new(const char *prefix, const struct sp_param_value *v, char *why);
/* Takes and nulls. */
void oat_check_destroy(struct oat_check **check);

#endif
