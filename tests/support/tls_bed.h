/* SPDX-License-Identifier: Apache-2.0 */
/* tls_bed - certificates for tests of TLS, and a front that speaks TLS before a server that does not. */
#ifndef TLS_BED_H
#define TLS_BED_H

#include "py_double.h"

#define TLS_BED_PIN_BYTES 64u

/*
 * Effect: writes NAME.pem and NAME.key to the directory. Two authorities: ca, other. For the host name localhost: server (of ca), expired
 * (of ca, until yesterday, server's key), imposter (of other, server's key), alone (of nobody). Clients: client, client2 and stale (of ca, stale
 * until yesterday), stranger (of other).
 */
void tls_bed_make(const char *dir);
/* Effect: writes what pins the key of DIR/NAME.pem: sha256//BASE64. */
void tls_bed_pin(const char *dir, const char *name, char to[TLS_BED_PIN_BYTES]);

/* Effect: starts tls_front.py before 127.0.0.1:port. It shows DIR/server.pem and wants a certificate of DIR/ca.pem; more: further arguments. */
struct tls_bed_front {
    const char *dir, *server;
    unsigned port;
    const char *more[5]; /* NULL ends them */
};
void tls_bed_open(struct py_double *d, const struct tls_bed_front *front);
/* Returns how many connections came, and how many of them ended their handshake as this client (NULL: as anybody). */
unsigned tls_bed_connections(const struct py_double *d);
unsigned tls_bed_handshakes(const struct py_double *d, const char *client);

#endif
