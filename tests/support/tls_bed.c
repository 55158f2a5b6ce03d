/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "sp_crypto.h"

void tls_bed_make(const char *dir)
{
    static const char script[] =
        "exec 2>/dev/null; cd \"$1\" || exit 1; echo subjectAltName=DNS:localhost >names; ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
        "for n in ca other; do openssl req -x509 $ec -days 2 -subj /CN=$n -keyout $n.key -out $n.pem || exit 1; done\n"
        "openssl req -x509 $ec -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout alone.key -out alone.pem || exit 1\n"
        "ask() { openssl req $ec -subj /CN=$2 -keyout $1.key -out $1.csr || exit 1; }\n" /* NAME CN */
        "sign() { openssl x509 -req -in $2.csr -CA $3.pem -CAkey $3.key -CAcreateserial -days $4 -extfile names -out $1.pem || exit 1\n"
        "         [ $1 = $2 ] || cp $2.key $1.key; }\n" /* NAME REQUEST AUTHORITY DAYS */
        "ask server localhost; sign server server ca 2; sign expired server ca -1; sign imposter server other 2\n"
        "for n in client client2 stale stranger; do ask $n $n; done\n"
        "sign client client ca 2; sign client2 client2 ca 2; sign stale stale ca -1; sign stranger stranger other 2\n";
    py_double_run((const char *const[]){"sh", "-c", script, "sh", dir, NULL});
}

void tls_bed_pin(const char *dir, const char *name, char to[TLS_BED_PIN_BYTES])
{
    char path[512];
    unsigned char *der = NULL;
    uint8_t digest[32];
    (void)snprintf(path, sizeof path, "%s/%s.pem", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509 *certificate = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    assert_non_null(certificate);
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    assert_true(n > 0);
    sp_crypto_sha256(der, (size_t)n, digest);
    memcpy(to, "sha256//", 8);
    (void)EVP_EncodeBlock((unsigned char *)to + 8, digest, sizeof digest);
    OPENSSL_free(der);
    X509_free(certificate);
}

void tls_bed_open(struct py_double *d, const struct tls_bed_front *front)
{
    char cert[256], key[256], ca[256], to[16];
    const char *argv[16] = {"--cert", cert, "--key", key, "--ca", ca, "--to", to};
    (void)snprintf(cert, sizeof cert, "%s/%s.pem", front->dir, front->server);
    (void)snprintf(key, sizeof key, "%s/%s.key", front->dir, front->server);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", front->dir);
    (void)snprintf(to, sizeof to, "%u", front->port);
    memcpy(argv + 8, front->more, sizeof front->more);
    py_double_open(d, "tls_front.py", argv);
}

static unsigned lines(const struct py_double *d, const char *start)
{
    char path[128], line[512];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "%s/events", d->state);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        count += strncmp(line, start, strlen(start)) == 0 ? 1 : 0;
    }
    (void)fclose(f);
    return count;
}

unsigned tls_bed_connections(const struct py_double *d)
{
    return lines(d, "connection\n");
}

unsigned tls_bed_handshakes(const struct py_double *d, const char *client)
{
    char start[64];
    (void)snprintf(start, sizeof start, "handshake %s%s", client != NULL ? client : "", client != NULL ? " " : "");
    return lines(d, start);
}
