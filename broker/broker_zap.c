/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_zap.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "sp_assert.h"
#include "sp_hash.h"
#include "sp_log.h"
#include "sp_random.h"

#define ADDRESS     "inproc://zeromq.zap.01"
#define FRAMES_MAX  16  /* a request has 7 or 8; more is not a request */
#define FRAME_BYTES 256 /* of which we look at the first */

struct entry {
    uint8_t curve[32];
    char user_id[PRINCIPAL_USER_ID_BYTES];
    bool used;
};

/* Written once, then only read; handed over whole. */
struct table {
    uint8_t seed[16];
    uint32_t mask;
    struct entry entries[];
};

struct broker_zap {
    void *context;
    pthread_t thread;
    sem_t ready;
    bool started, bound;
    struct table *_Atomic next; /* published and not yet taken by the thread */
    atomic_ullong admitted, refused;
    atomic_bool stopping;
};

static uint32_t place_of(const struct table *t, const uint8_t curve[32])
{
    return (uint32_t)sp_hash_sip(t->seed, curve, 32) & t->mask;
}

static const char *find(const struct table *t, const uint8_t curve[32])
{
    if (t == NULL)
        return NULL;
    for (uint32_t i = place_of(t, curve); t->entries[i].used; i = (i + 1) & t->mask)
        if (memcmp(t->entries[i].curve, curve, 32) == 0)
            return t->entries[i].user_id;
    return NULL;
}

static void enter(struct table *t, const struct principal_table *who, uint32_t index, unsigned pair)
{
    const uint8_t *curve = who->rows[index].pair[pair].curve;
    uint32_t at = place_of(t, curve);

    while (t->entries[at].used)
        at = (at + 1) & t->mask;
    t->entries[at].used = true;
    memcpy(t->entries[at].curve, curve, 32);
    principal_user_id(who, index, pair, t->entries[at].user_id);
}

bool broker_zap_publish(struct broker_zap *zap, const struct principal_table *who, uint64_t wall_s)
{
    uint32_t size = 16;

    while (size < who->count * 2u * PRINCIPAL_PAIRS + 1u)
        size *= 2;
    struct table *t = calloc(1, sizeof *t + size * sizeof(struct entry));

    if (t == NULL)
        return false;
    t->mask = size - 1;
    sp_random_bytes(t->seed, sizeof t->seed);
    for (uint32_t i = 0; i < who->size; i++)
        for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++)
            if (principal_pair_is_valid(&who->rows[i], n, wall_s))
                enter(t, who, i, n);
    free(atomic_exchange(&zap->next, t));
    return true;
}

struct request {
    unsigned frames;
    size_t sizes[FRAMES_MAX];
    uint8_t bytes[FRAMES_MAX][FRAME_BYTES];
};

/* False when the context ended. */
static bool receive(void *socket, struct request *r)
{
    r->frames = 0;
    for (;;) {
        zmq_msg_t m;
        bool more;

        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, 0) < 0) {
            bool again = zmq_errno() == EINTR;

            zmq_msg_close(&m);
            if (again)
                continue;
            return false;
        }
        if (r->frames < FRAMES_MAX) {
            size_t n = zmq_msg_size(&m);

            r->sizes[r->frames] = n;
            memcpy(r->bytes[r->frames], zmq_msg_data(&m), n < FRAME_BYTES ? n : FRAME_BYTES);
            r->frames++;
        }
        more = zmq_msg_more(&m) != 0;
        zmq_msg_close(&m);
        if (!more)
            return true;
    }
}

static bool is_text(const struct request *r, unsigned frame, const char *text)
{
    return r->sizes[frame] == strlen(text) && memcmp(r->bytes[frame], text, strlen(text)) == 0;
}

/* Frames: version, request id, domain, address, identity, mechanism, credentials (ZeroMQ RFC 27). */
static const char *judge(const struct table *t, const struct request *r)
{
    if (r->frames != 7 || !is_text(r, 0, "1.0") || !is_text(r, 2, BROKER_ZAP_DOMAIN) || !is_text(r, 5, "CURVE") ||
        r->sizes[6] != 32)
        return NULL;
    return find(t, r->bytes[6]);
}

static bool answer(void *socket, const struct request *r, const char *user_id)
{
    const char *code = user_id != NULL ? "200" : "400", *text = user_id != NULL ? "OK" : "not a principal";
    const char *id = user_id != NULL ? user_id : "";
    size_t id_bytes = r->frames > 1 && r->sizes[1] <= FRAME_BYTES ? r->sizes[1] : 0;

    return zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0 && zmq_send(socket, r->bytes[1], id_bytes, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, code, 3, ZMQ_SNDMORE) >= 0 && zmq_send(socket, text, strlen(text), ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, id, strlen(id), ZMQ_SNDMORE) >= 0 && zmq_send(socket, "", 0, 0) >= 0;
}

static void serve(struct broker_zap *zap, void *socket)
{
    static struct request request; /* this thread's alone */
    struct table *current = NULL;

    while (receive(socket, &request)) {
        struct table *next = atomic_exchange(&zap->next, NULL);

        if (next != NULL) {
            free(current);
            current = next;
        }
        const char *user_id = judge(current, &request);

        if (user_id != NULL)
            atomic_fetch_add(&zap->admitted, 1);
        else
            atomic_fetch_add(&zap->refused, 1);
        if (!answer(socket, &request, user_id))
            break;
    }
    free(current);
}

static void *run(void *ctx)
{
    struct broker_zap *zap = ctx;
    void *socket = zmq_socket(zap->context, ZMQ_REP);
    int linger = 0;

    zap->bound =
        socket != NULL && zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) == 0 && zmq_bind(socket, ADDRESS) == 0;
    sem_post(&zap->ready);
    if (zap->bound)
        serve(zap, socket);
    if (socket != NULL)
        zmq_close(socket);
    if (zap->bound && !atomic_load(&zap->stopping)) {
        /* Without a handler the next key could get in unasked; nothing may run on. */
        static const char text[] = "spice-broker: admission handler ended; stopping\n";
        ssize_t n = write(2, text, sizeof text - 1);

        (void)n;
        _exit(70);
    }
    return NULL;
}

bool broker_zap_open(void *context, struct broker_zap **out)
{
    struct broker_zap *zap = calloc(1, sizeof *zap);

    if (zap == NULL)
        return false;
    zap->context = context;
    sem_init(&zap->ready, 0, 0);
    zap->started = pthread_create(&zap->thread, NULL, run, zap) == 0;
    if (zap->started)
        while (sem_wait(&zap->ready) != 0 && errno == EINTR) {
        }
    if (!zap->started || !zap->bound) {
        broker_zap_stopping(zap);
        broker_zap_close(&zap);
        return false;
    }
    *out = zap;
    return true;
}

void broker_zap_counts(const struct broker_zap *zap, uint64_t *admitted, uint64_t *refused)
{
    *admitted = atomic_load(&zap->admitted);
    *refused = atomic_load(&zap->refused);
}

void broker_zap_stopping(struct broker_zap *zap)
{
    atomic_store(&zap->stopping, true);
}

void broker_zap_close(struct broker_zap **zap_p)
{
    struct broker_zap *zap = *zap_p;

    *zap_p = NULL;
    if (zap == NULL)
        return;
    SP_ASSERT(atomic_load(&zap->stopping));
    if (zap->started)
        pthread_join(zap->thread, NULL);
    free(atomic_exchange(&zap->next, NULL));
    sem_destroy(&zap->ready);
    free(zap);
}
