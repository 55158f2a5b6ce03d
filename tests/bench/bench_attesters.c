/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many attesters in one process, for the benchmarks of evidence. Each has its own CURVE connection to the broker, its own keys on the bus and
 * a P-256 attestation key of its own; what it lacks is a TPM: the statements are made here, in the form of a TPM's and signed over the
 * asker's nonce. It judges nothing and answers nothing but quotes.
 *
 *     bench_attesters --make N DIR                        keys of N attesters below DIR; one line each on standard output: curve (Z85), sign and
 *                                                         attestation key (hex)
 *     bench_attesters --serve ENDPOINT KEY DEPLOYMENT WORKER DIR   the broker's endpoint and CURVE key, signing key of the one worker that asks; says "ready" when all were welcomed
 *     bench_attesters --verify SECONDS                    bare verifications of a P-256 signature: {"verify_us": ...}
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "msg.h"
#include "sections.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_envelope.h"
#include "sp_hex.h"
#include "sp_random.h"
#include "sp_seal.h"
#include "tpm_pcr.h"

#define ATTESTERS_MAX 4096u
#define FRAME_MAX     65536u
#define AK_BYTES      90u /* TPM2B_PUBLIC of a P-256 key */
#define NAME_BYTES    34u
#define BEAT_PARTS    16u /* heartbeats are spread over their interval */

struct secrets { /* a row of the file DIR/attesters */
    char curve_public[41], curve_secret[41];
    uint8_t seed[32], ak_secret[32], ak_public[AK_BYTES];
};

struct attester {
    struct secrets keys;
    void *socket;
    struct sp_crypto_signer *signer;
    struct sp_crypto_hmac agreed; /* with the worker */
    EVP_PKEY_CTX *ak;
    uint64_t sequence, turns;
    bool welcome;
};

static struct attester attesters[ATTESTERS_MAX];
static unsigned count;
static uint8_t deployment[SP_DEPLOYMENT_BYTES], worker[SP_CRYPTO_KEY_BYTES];
static uint64_t heartbeat_ms = 1000;

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_attesters: %s\n", what);
    exit(2);
}

static uint8_t *put(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return to;
}

/* ---- keys ---- */

static EVP_PKEY *ak_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL)
        die("P-256");
    return key;
}

/* Restricted signing key of the endorsement hierarchy, ECDSA with SHA-256 (TPM 2.0 Library part 2, 12.2.4). */
static void ak_area(const uint8_t point[65], uint8_t out[AK_BYTES])
{
    uint8_t *p = put(out, AK_BYTES - 2, 2);
    p = put(p, 0x0023, 2);
    p = put(p, 0x000b, 2);
    p = put(p, 0x00050472, 4);
    p = put(p, 0, 2);
    p = put(p, 0x0010, 2);
    p = put(p, 0x0018, 2);
    p = put(p, 0x000b, 2);
    p = put(p, 0x0003, 2);
    p = put(p, 0x0010, 2);
    p = put(p, 32, 2);
    memcpy(p, point + 1, 32);
    p = put(p + 32, 32, 2);
    memcpy(p, point + 33, 32);
    if (p + 32 != out + AK_BYTES)
        die("size of a public area");
}

static void make(unsigned n, const char *dir)
{
    char path[512], hex[2 * AK_BYTES + 1];
    (void)snprintf(path, sizeof path, "%s/attesters", dir);
    FILE *f = fopen(path, "wb");
    FILE *keys;
    (void)snprintf(path, sizeof path, "%s/attesters.der", dir);
    keys = fopen(path, "wb");
    if (f == NULL || keys == NULL)
        die(path);
    for (unsigned i = 0; i < n; i++) {
        struct secrets s = {0};
        uint8_t point[65], sign[32], *der = NULL;
        size_t bytes = 0;
        EVP_PKEY *key = ak_new();
        sp_random_bytes(s.seed, sizeof s.seed);
        if (zmq_curve_keypair(s.curve_public, s.curve_secret) != 0 || sp_crypto_sign_public(s.seed, sign) != SP_OK ||
            EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof point, &bytes) != 1 || bytes != sizeof point)
            die("keys");
        ak_area(point, s.ak_public);
        int length = i2d_PrivateKey(key, &der);
        uint8_t head[2];
        (void)put(head, (uint64_t)length, 2);
        if (length <= 0 || fwrite(head, sizeof head, 1, keys) != 1 || fwrite(der, (size_t)length, 1, keys) != 1 ||
            fwrite(&s, sizeof s, 1, f) != 1)
            die(path);
        sp_hex_write(sign, sizeof sign, hex);
        (void)printf("%s %s ", s.curve_public, hex);
        sp_hex_write(s.ak_public, sizeof s.ak_public, hex);
        (void)printf("%s\n", hex);
        OPENSSL_free(der);
        EVP_PKEY_free(key);
    }
    if (fclose(f) != 0 || fclose(keys) != 0)
        die(path);
}

static void load(const char *dir)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/attesters", dir);
    FILE *f = fopen(path, "rb");
    (void)snprintf(path, sizeof path, "%s/attesters.der", dir);
    FILE *keys = fopen(path, "rb");
    if (f == NULL || keys == NULL)
        die(path);
    for (; count < ATTESTERS_MAX && fread(&attesters[count].keys, sizeof attesters[count].keys, 1, f) == 1; count++) {
        struct attester *a = &attesters[count];
        uint8_t head[2], der[512];
        const uint8_t *at = der;
        if (fread(head, sizeof head, 1, keys) != 1 || (size_t)(head[0] << 8 | head[1]) > sizeof der ||
            fread(der, (size_t)(head[0] << 8 | head[1]), 1, keys) != 1)
            die(path);
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, head[0] << 8 | head[1]);
        a->ak = key == NULL ? NULL : EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_free(key);
        uint8_t agreed[SP_CRYPTO_KEY_BYTES];
        if (a->ak == NULL || EVP_PKEY_sign_init(a->ak) != 1 || sp_crypto_signer_new(a->keys.seed, &a->signer) != SP_OK ||
            sp_crypto_agree(a->signer, worker, agreed) != SP_OK)
            die("keys do not load");
        sp_crypto_hmac_init(&a->agreed, agreed, sizeof agreed);
    }
    (void)fclose(f);
    (void)fclose(keys);
}

/* ---- statements ---- */

/* DER of two INTEGERs, as OpenSSL gives it, into the TPM's form: each as 32 bytes behind their length. */
static void signature_area(const uint8_t *der, uint8_t out[72])
{
    uint8_t *p = put(put(out, 0x0018, 2), 0x000b, 2);
    const uint8_t *q = der + 2;
    for (unsigned i = 0; i < 2; i++) {
        size_t n = q[1];
        const uint8_t *number = q + 2;
        q = number + n;
        while (n > 32) {
            number++;
            n--;
        }
        p = put(p, 32, 2);
        memset(p, 0, 32 - n);
        memcpy(p + 32 - n, number, n);
        p += 32;
    }
}

/* TPMS_ATTEST of a quote (TPM 2.0 Library part 2, 10.12.8) over the selection, all PCRs zero. Returns its bytes. */
static size_t statement(const struct attester *a, const struct tpm_selection *selection, const uint8_t binding[32], uint8_t *out)
{
    static const uint8_t zero[TPM_PCRS * 32];
    uint8_t signer[NAME_BYTES] = {0, 0x0b}, digest[32];
    unsigned pcrs = (unsigned)__builtin_popcount(selection->bank[0].pcrs);
    sp_crypto_sha256(a->keys.ak_public, AK_BYTES, signer + 2); /* of no parent: the same for all statements of the key */
    sp_crypto_sha256(zero, (size_t)pcrs * 32, digest);
    uint8_t *p = put(out, 0xff544347, 4);
    p = put(p, 0x8018, 2);
    p = put(p, NAME_BYTES, 2);
    memcpy(p, signer, NAME_BYTES);
    p = put(p + NAME_BYTES, 32, 2);
    memcpy(p, binding, 32);
    p = put(p + 32, sp_clock_mono_ns() / 1000000, 8);
    p = put(p, 1, 4);
    p = put(p, 0, 4);
    p = put(p, 1, 1);
    p = put(p, 0x0001000200030004ull, 8);
    p = put(p, 1, 4);
    p = put(p, 0x000b, 2);
    p = put(p, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        *p++ = (uint8_t)(selection->bank[0].pcrs >> 8 * i);
    p = put(p, 32, 2);
    memcpy(p, digest, 32);
    return (size_t)(p + 32 - out);
}

/* Returns the bytes of the document "quote". */
static size_t quote(struct attester *a, const struct msg_evidence_request *m, uint8_t *out, size_t room)
{
    uint8_t attest[512], digest[32], der[80], signature[72], list[TPM_PCRS_BYTES_MAX], binding[32];
    size_t der_bytes = sizeof der;
    struct tpm_selection selection;
    static struct tpm_pcrs pcrs;
    struct sp_crypto_sha256 h;
    struct sections_writer w;
    char text[64];
    if (sscanf(m->args.p, "{\"pcrs\":\"%63[^\"]", text) != 1 || !tpm_selection_read(sp_str_of(text), &selection) ||
        selection.banks != 1)
        return 0;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, "SPICE quote", sizeof "SPICE quote");
    sp_crypto_sha256_update(&h, m->nonce, 32);
    sp_crypto_sha256_update(&h, m->node.p, m->node.n);
    sp_crypto_sha256_final(&h, binding);
    size_t n = statement(a, &selection, binding, attest);
    sp_crypto_sha256(attest, n, digest);
    if (EVP_PKEY_sign(a->ak, der, &der_bytes, digest, sizeof digest) != 1)
        die("signature");
    signature_area(der, signature);
    pcrs.selection = selection;
    uint32_t list_bytes = tpm_pcrs_write(&pcrs, list);
    sections_begin(&w, out, room);
    sections_add(&w, "attest", sp_str_bytes(attest, n));
    sections_add(&w, "signature", sp_str_bytes(signature, sizeof signature));
    sections_add(&w, "pcrs", sp_str_bytes(list, list_bytes));
    return w.bad ? 0 : w.n;
}

/* ---- the bus ---- */

static void send_frame(struct attester *a, struct sp_packer *w, uint16_t type, const char *dest, unsigned auth)
{
    char name[24];
    struct sp_frame frame;
    (void)snprintf(name, sizeof name, "att-%u", (unsigned)(a - attesters));
    struct sp_envelope head = {.type = type, .sender = sp_str_of(name), .dest = sp_str_of(dest), .sequence = ++a->sequence};
    if (sp_envelope_finish(w, &head, auth, &frame) != SP_OK)
        die("a frame");
    if (auth > 0)
        sp_seal_mac(&frame, type, deployment, &a->agreed);
    (void)zmq_send(a->socket, frame.p, frame.n, ZMQ_DONTWAIT);
}

static void answer(struct attester *a, const struct sp_envelope *e)
{
    static uint8_t frame[FRAME_MAX], document[16384];
    struct msg_evidence_request m;
    struct sp_packer w;
    char dest[SP_NAME_BYTES_MAX + 1];
    if (msg_evidence_request_decode((const uint8_t *)e->body.p, e->body.n, &m) != SP_OK ||
        !sp_str_copy(dest, sizeof dest, e->sender))
        return;
    size_t n = m.offset == 0 && sp_str_is(m.kind, "quote") ? quote(a, &m, document, sizeof document) : 0;
    struct msg_evidence reply = {.id = m.id,
                                 .node = m.node,
                                 .kind = m.kind,
                                 .nonce = m.nonce,
                                 .code = n > 0 ? SP_REASON_OK : SP_REASON_MISSING,
                                 .total = n,
                                 .part = sp_str_bytes(document, n)};
    sp_envelope_begin(&w, frame, sizeof frame);
    if (msg_evidence_encode(&w, &reply) != SP_OK)
        die("Evidence");
    send_frame(a, &w, SP_MSG_EVIDENCE, dest, SP_AUTH_MAC_BYTES);
}

static void take(struct attester *a, unsigned *welcomed)
{
    static uint8_t buffer[FRAME_MAX];
    for (int n; (n = zmq_recv(a->socket, buffer, sizeof buffer, ZMQ_DONTWAIT)) >= 0;) {
        struct sp_envelope e;
        struct msg_welcome welcome;
        if (n > (int)sizeof buffer || sp_envelope_decode(buffer, (size_t)n, &e) != SP_OK)
            continue;
        if (e.type == SP_MSG_WELCOME && msg_welcome_decode((const uint8_t *)e.body.p, e.body.n, &welcome) == SP_OK && !a->welcome) {
            a->welcome = true;
            heartbeat_ms = welcome.heartbeat_ms;
            (*welcomed)++;
        } else if (e.type == SP_MSG_EVIDENCE_REQUEST) {
            answer(a, &e);
        }
    }
}

static void say_hello(struct attester *a)
{
    uint8_t frame[SP_ENVELOPE_BUFFER(256)];
    struct msg_hello m = {.boot = 1, .software = sp_str_of("bench")};
    struct sp_packer w;
    sp_envelope_begin(&w, frame, sizeof frame);
    if (msg_hello_encode(&w, &m) != SP_OK)
        die("Hello");
    send_frame(a, &w, SP_MSG_HELLO, "", 0);
}

static void beat(struct attester *a)
{
    uint8_t frame[SP_ENVELOPE_BUFFER(64)];
    struct msg_heartbeat m = {.progress = ++a->turns};
    struct sp_packer w;
    sp_envelope_begin(&w, frame, sizeof frame);
    if (msg_heartbeat_encode(&w, &m) != SP_OK)
        die("Heartbeat");
    send_frame(a, &w, SP_MSG_HEARTBEAT, "", 0);
}

static void connect_all(void *ctx, int loop, const char *endpoint, const char *key)
{
    int zero = 0;
    for (unsigned i = 0; i < count; i++) {
        struct attester *a = &attesters[i];
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        int fd;
        size_t size = sizeof fd;
        a->socket = zmq_socket(ctx, ZMQ_DEALER);
        if (a->socket == NULL)
            die("a socket");
        (void)zmq_setsockopt(a->socket, ZMQ_LINGER, &zero, sizeof zero);
        (void)zmq_setsockopt(a->socket, ZMQ_CURVE_SERVERKEY, key, 41);
        (void)zmq_setsockopt(a->socket, ZMQ_CURVE_PUBLICKEY, a->keys.curve_public, 41);
        (void)zmq_setsockopt(a->socket, ZMQ_CURVE_SECRETKEY, a->keys.curve_secret, 41);
        if (zmq_connect(a->socket, endpoint) != 0 || zmq_getsockopt(a->socket, ZMQ_FD, &fd, &size) != 0 ||
            epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
            die("connection of an attester");
        say_hello(a);
    }
}

static void serve(const char *endpoint, const char *key)
{
    void *ctx = zmq_ctx_new();
    int loop = epoll_create1(EPOLL_CLOEXEC);
    unsigned welcomed = 0, part = 0;
    bool told = false;
    uint64_t next_ms = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, (int)count + 16);
    connect_all(ctx, loop, endpoint, key);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(loop, events, 256, 10);
        uint64_t now_ms = sp_clock_mono_ns() / 1000000;
        for (int i = 0; i < n; i++)
            take(&attesters[events[i].data.u32], &welcomed);
        if (now_ms < next_ms)
            continue;
        next_ms = now_ms + heartbeat_ms / BEAT_PARTS / 2;
        part = (part + 1) % BEAT_PARTS;
        for (unsigned i = part; i < count; i += BEAT_PARTS) {
            beat(&attesters[i]);
            take(&attesters[i], &welcomed); /* the descriptor tells of changes only */
        }
        if (!told && welcomed == count) {
            told = true;
            (void)printf("ready\n");
            (void)fflush(stdout);
        }
    }
}

/* ---- the yardstick ---- */

static double cpu_us(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void bare(double seconds)
{
    EVP_PKEY *key = ak_new();
    EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(key, NULL), *verify = EVP_PKEY_CTX_new(key, NULL);
    uint8_t digest[32] = {1}, der[80];
    size_t bytes = sizeof der;
    unsigned long n = 0;
    if (EVP_PKEY_sign_init(sign) != 1 || EVP_PKEY_sign(sign, der, &bytes, digest, sizeof digest) != 1 ||
        EVP_PKEY_verify_init(verify) != 1)
        die("P-256");
    double start = cpu_us();
    for (; cpu_us() - start < seconds * 1e6; n++)
        if (EVP_PKEY_verify(verify, der, bytes, digest, sizeof digest) != 1)
            die("a good signature does not verify");
    (void)printf("{\"verify_us\": %.3f, \"verified\": %lu}\n", (cpu_us() - start) / (double)n, n);
    EVP_PKEY_CTX_free(sign);
    EVP_PKEY_CTX_free(verify);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    if (sp_crypto_init() != SP_OK)
        die("libcrypto");
    if (argc == 4 && strcmp(argv[1], "--make") == 0) {
        make((unsigned)strtoul(argv[2], NULL, 10), argv[3]);
    } else if (argc == 7 && strcmp(argv[1], "--serve") == 0 && sp_hex_parse(sp_str_of(argv[4]), deployment, sizeof deployment) &&
               sp_hex_parse(sp_str_of(argv[5]), worker, sizeof worker)) {
        load(argv[6]);
        serve(argv[2], argv[3]);
    } else if (argc == 3 && strcmp(argv[1], "--verify") == 0) {
        bare(strtod(argv[2], NULL));
    } else {
        (void)fprintf(stderr,
                      "usage: bench_attesters --make N DIR | --serve ENDPOINT KEY DEPLOYMENT WORKER DIR | --verify SECONDS\n");
        return 2;
    }
    return 0;
}
