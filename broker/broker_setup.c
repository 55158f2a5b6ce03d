/* SPDX-License-Identifier: Apache-2.0 */
/* The order matters: admission answers before anything is bound, principals are known before admission answers, and ready is said
 * only after the self-probe was refused. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker_shell_parts.h"
#include "sp_clock.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_privs.h"
#include "sp_random.h"
#include "sp_seal.h"

#define ENFORCE_DOMAIN    93  /* ZMQ_ZAP_ENFORCE_DOMAIN; the packaged header hides it, the library knows it (pitfall A1) */
#define SEAL_BYTES        64  /* what CURVE adds to a frame */
#define LINGER_MS         200 /* at exit; nothing here is worth more, results are acknowledged end to end */
#define PRINCIPALS_SPARE  64u /* rows beyond the peers we serve: revoked and changing ones */
#define SOCKET_PATH_BYTES 108

static bool set_int(struct broker_shell *s, int option, int value)
{
    return zmq_setsockopt(s->router, option, &value, sizeof value) == 0;
}

static bool set_options(struct broker_shell *s)
{
    int64_t message_max = SP_FRAME_BYTES_MAX + SEAL_BYTES;
    int queue = (int)s->conf->broker.peer_queue_messages;

    return set_int(s, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(s->router, ZMQ_CURVE_SECRETKEY, s->keys->curve_secret_z85, SP_HEX_Z85_KEY_BYTES) == 0 &&
           zmq_setsockopt(s->router, ZMQ_ZAP_DOMAIN, BROKER_ZAP_DOMAIN, strlen(BROKER_ZAP_DOMAIN)) == 0 &&
           set_int(s, ENFORCE_DOMAIN, 1) && zmq_setsockopt(s->router, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0 &&
           set_int(s, ZMQ_ROUTER_MANDATORY, 1) && set_int(s, ZMQ_SNDHWM, queue) && set_int(s, ZMQ_RCVHWM, queue) &&
           set_int(s, ZMQ_LINGER, LINGER_MS) && set_int(s, ZMQ_HANDSHAKE_IVL, (int)s->conf->bus.handshake_ms) &&
           set_int(s, ZMQ_BACKLOG, (int)s->conf->broker.backlog) && set_int(s, ZMQ_TCP_KEEPALIVE, 1) &&
           set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, 30) && set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, 10) &&
           set_int(s, ZMQ_TCP_KEEPALIVE_CNT, 3) && set_int(s, ZMQ_IPV6, 1);
}

static enum sp_rc fail(struct sp_err *err, const char *where, const char *what)
{
    return sp_err_set(err, SP_E_IO, where, "%s: %s", what, zmq_strerror(zmq_errno()));
}

/* The directory of an ipc endpoint: made private when it is not there. When its owner opened it to a group (processes under users
 * of their own), the socket is opened to that group too; CURVE is asked for in any case (pitfall A38). */
static enum sp_rc ipc_prepare(const char *endpoint, char directory[SOCKET_PATH_BYTES], struct sp_err *err)
{
    const char *path = endpoint + strlen("ipc://"), *slash = strrchr(path, '/');

    if (slash == NULL || slash == path || (size_t)(slash - path) >= SOCKET_PATH_BYTES || strlen(path) >= SOCKET_PATH_BYTES)
        return sp_err_set(err, SP_E_INVALID, endpoint, "path of the socket is too long or has no directory");
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = '\0';
    return sp_fs_mkdirs(directory, 0700, err);
}

static void ipc_open_to_group(const char *endpoint, const char *directory)
{
    struct stat st;

    if (stat(directory, &st) == 0 && (st.st_mode & S_IXGRP) && chmod(endpoint + strlen("ipc://"), 0770) != 0)
        SP_LOG(SP_LOG_WARNING, "broker", "bind", SP_LOG_S("endpoint", endpoint), SP_LOG_S("why", strerror(errno)));
}

static enum sp_rc bind_one(struct broker_shell *s, const char *endpoint, struct sp_err *err)
{
    char directory[SOCKET_PATH_BYTES] = "", bound[SP_CONF_ENDPOINT_BYTES] = "";
    size_t n = sizeof bound;
    bool ipc = strncmp(endpoint, "ipc://", 6) == 0;
    enum sp_rc rc;

    if (!ipc && strncmp(endpoint, "tcp://", 6) != 0)
        return sp_err_set(err, SP_E_INVALID, endpoint, "neither ipc:// nor tcp://");
    if (ipc && (rc = ipc_prepare(endpoint, directory, err)) != SP_OK)
        return rc;
    if (zmq_bind(s->router, endpoint) != 0)
        return fail(err, endpoint, "bind");
    if (ipc)
        ipc_open_to_group(endpoint, directory);
    if (zmq_getsockopt(s->router, ZMQ_LAST_ENDPOINT, bound, &n) != 0)
        return fail(err, endpoint, "endpoint");
    if (s->endpoint[0] == '\0')
        (void)sp_str_copy(s->endpoint, sizeof s->endpoint, sp_str_of(bound));
    SP_LOG(SP_LOG_NOTICE, "broker", "bound", SP_LOG_S("endpoint", bound));
    return SP_OK;
}

/* A probe cannot go to "any address"; the loopback address is the same socket. */
static void aim_probe(struct broker_shell *s)
{
    static const char *const any[] = {"tcp://0.0.0.0:", "tcp://[::]:"};
    static const char *const own[] = {"tcp://127.0.0.1:", "tcp://[::1]:"};
    char to[SP_CONF_ENDPOINT_BYTES + 16];

    for (size_t i = 0; i < SP_COUNT(any); i++)
        if (strncmp(s->endpoint, any[i], strlen(any[i])) == 0) {
            snprintf(to, sizeof to, "%s%s", own[i], s->endpoint + strlen(any[i]));
            (void)sp_str_copy(s->endpoint, sizeof s->endpoint, sp_str_of(to));
            return;
        }
}

static enum sp_rc bind_all(struct broker_shell *s, struct sp_err *err)
{
    bool own = s->link->bind_count > 0;
    uint32_t count = own ? s->link->bind_count : s->link->endpoint_count;

    if (count == 0)
        return sp_err_set(err, SP_E_INVALID, s->conf->file, "broker %s has no endpoints", s->link->name);
    for (uint32_t i = 0; i < count; i++) {
        enum sp_rc rc = bind_one(s, own ? s->link->bind[i] : s->link->endpoints[i], err);

        if (rc != SP_OK)
            return rc;
    }
    aim_probe(s);
    return SP_OK;
}

/* Two brokers on one ipc path would take each other's socket without a word. */
static enum sp_rc lock(struct broker_shell *s, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES + 64];

    if (sp_fs_mkdirs(s->conf->run, 0700, err) != SP_OK)
        return SP_E_IO;
    snprintf(path, sizeof path, "%s/%s.lock", s->conf->run, s->link->name);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return sp_err_set(err, SP_E_IO, path, "%s", strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return sp_err_set(err, SP_E_EXISTS, path, "another broker of this name runs on this host");
    return SP_OK;
}

static bool verify(void *ctx, const uint8_t key[32], const struct sp_envelope *e)
{
    const struct broker_shell *s = ctx;
    struct sp_crypto_verifier *verifier = NULL;

    if (sp_crypto_verifier_new(key, &verifier) != SP_OK)
        return false;
    bool good = sp_seal_signed(e, s->conf->deployment, verifier);

    sp_crypto_verifier_destroy(&verifier);
    return good;
}

static enum sp_rc make_core(struct broker_shell *s, struct sp_err *err)
{
    const struct sp_conf *conf = s->conf;
    uint32_t peers = conf->broker.max_peers;
    struct broker_options o = {
        .name = s->link->name,
        .boot = sp_random_u64(),
        .peers_max = peers,
        .principals_max = peers + SP_CONF_PRINCIPALS_MAX + PRINCIPALS_SPARE,
        .frames = BROKER_SHELL_FRAMES,
        .queue_bytes = (size_t)conf->broker.queue_mb << 20,
        .queue_jobs = conf->broker.queue_jobs,
        .window_jobs = conf->broker.credit_window,
        .heartbeat_ms = (uint32_t)conf->bus.heartbeat_ms,
        .lost_ms = (uint32_t)conf->bus.lost_ms,
        .verify = {verify, s},
    };

    if (o.principals_max > PRINCIPAL_ROWS_MAX)
        o.principals_max = PRINCIPAL_ROWS_MAX;
    sp_random_bytes(o.seed, sizeof o.seed);
    s->core = malloc(sizeof *s->core);
    if (s->core == NULL || !broker_core_init(s->core, &o)) {
        free(s->core);
        s->core = NULL;
        return sp_err_set(err, SP_E_NOMEM, conf->file, "no memory for %u peers", peers);
    }
    return SP_OK;
}

static enum sp_rc load_principals(struct broker_shell *s, struct sp_err *err)
{
    struct sp_err cache = {0};
    uint32_t frames = 0, self;
    enum sp_rc rc = broker_store_file(s->conf, &s->core->who, err);

    if (rc != SP_OK)
        return rc;
    self = principal_by_name(&s->core->who, sp_str_of(s->link->name));
    if (self == PRINCIPAL_NONE || s->core->who.rows[self].role != SP_ROLE_BROKER ||
        memcmp(s->core->who.rows[self].pair[0].curve, s->keys->pub.curve, 32) != 0)
        return sp_err_set(err, SP_E_INVALID, s->conf->principals, "%s is not there with role broker and the key of its key file",
                          s->link->name);
    if ((rc = broker_store_init(&s->store, s->conf, s->link->name, err)) != SP_OK)
        return rc;
    const struct broker_verify check = {verify, s};

    /* A bad cache costs enrolled workers some seconds until the keeper tells us again; it is no reason not to start. */
    if (broker_store_cache(&s->store, &s->core->who, &check, &frames, &cache) != SP_OK)
        SP_LOG(SP_LOG_WARNING, "broker", "principals.cache", SP_LOG_S("where", cache.where), SP_LOG_S("why", cache.text));
    return SP_OK;
}

static enum sp_rc make_frames(struct broker_shell *s, struct sp_err *err)
{
    s->frames = calloc(BROKER_SHELL_FRAMES, sizeof *s->frames);
    s->free_frames = calloc(BROKER_SHELL_FRAMES, sizeof *s->free_frames);
    s->buffer = malloc(SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    s->stats = sp_stats_new();
    if (s->frames == NULL || s->free_frames == NULL || s->buffer == NULL || s->stats == NULL ||
        !broker_admin_init(&s->admin, s->core, sp_loop_refresh(s->loop)->mono.us))
        return sp_err_set(err, SP_E_NOMEM, s->link->name, "no memory");
    for (uint32_t i = 0; i < BROKER_SHELL_FRAMES; i++) {
        zmq_msg_init(&s->frames[i]);
        s->free_frames[s->free_count++] = BROKER_SHELL_FRAMES - 1 - i;
    }
    s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    return sp_crypto_signer_new(s->keys->sign_seed, &s->signer);
}

static void on_fd(void *ctx, uint32_t events, const struct sp_now *now)
{
    /* Being woken is all that is needed: the hook reads the socket after every turn. */
    (void)ctx;
    (void)events;
    (void)now;
}

static enum sp_rc open_socket(struct broker_shell *s, struct sp_err *err)
{
    size_t n = sizeof s->fd;

    s->zmq = zmq_ctx_new();
    if (s->zmq == NULL || !broker_zap_open(s->zmq, &s->zap))
        return fail(err, s->link->name, "admission handler");
    broker_shell_publish(s);
    s->router = zmq_socket(s->zmq, ZMQ_ROUTER);
    if (s->router == NULL || !set_options(s))
        return fail(err, s->link->name, "socket options");
    enum sp_rc rc = bind_all(s, err);

    if (rc != SP_OK)
        return rc;
    if (zmq_getsockopt(s->router, ZMQ_FD, &s->fd, &n) != 0)
        return fail(err, s->link->name, "descriptor");
    if (sp_loop_add(s->loop, s->fd, EPOLLIN, (struct sp_loop_watch){on_fd, s}) != SP_OK ||
        sp_loop_hook(s->loop, broker_shell_hook, s) != SP_OK)
        return sp_err_set(err, SP_E_IO, s->link->name, "the loop does not take the socket");
    return SP_OK;
}

/* SIGHUP: principals.yaml again, all of it or nothing. */
static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct broker_shell *s = ctx;
    struct sp_err err = {0};
    char line[640];

    (void)now;
    if (signo == SIGTERM || signo == SIGINT) {
        sp_notify_stopping(&s->notify, "signal");
        sp_loop_stop(s->loop);
        return;
    }
    if (signo != SIGHUP)
        return;
    if (broker_store_file(s->conf, &s->core->who, &err) != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        SP_LOG(SP_LOG_ERROR, "broker", "reload", SP_LOG_S("why", line));
    } else {
        SP_LOG(SP_LOG_NOTICE, "broker", "reload", SP_LOG_U("principals", s->core->who.count));
    }
    broker_shell_publish(s);
}

static void shut(struct broker_shell *s)
{
    broker_probe_stop(&s->probe);
    if (s->loop != NULL && s->router != NULL)
        sp_loop_del(s->loop, s->fd);
    for (uint32_t i = 0; s->frames != NULL && i < BROKER_SHELL_FRAMES; i++)
        zmq_msg_close(&s->frames[i]);
    if (s->router != NULL)
        zmq_close(s->router);
    if (s->zap != NULL)
        broker_zap_stopping(s->zap);
    if (s->zmq != NULL)
        zmq_ctx_term(s->zmq);
    broker_zap_close(&s->zap);
    broker_admin_fini(&s->admin);
    broker_store_fini(&s->store);
    sp_stats_destroy(&s->stats);
    sp_crypto_signer_destroy(&s->signer);
    if (s->core != NULL)
        broker_core_fini(s->core);
    free(s->core);
    free(s->frames);
    free(s->free_frames);
    free(s->buffer);
    sp_notify_fini(&s->notify);
    sp_loop_destroy(&s->loop);
    if (s->statm_fd >= 0)
        close(s->statm_fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
}

static enum sp_rc open_all(struct broker_shell *s, struct sp_err *err)
{
    struct sp_loop_options loop = {.ctx = s, .deadline = broker_time_deadline, .tick = broker_time_tick, .on_signal = on_signal};
    enum sp_rc rc = sp_loop_new(&loop, &s->loop, err);

    if (rc == SP_OK)
        rc = lock(s, err);
    if (rc == SP_OK)
        rc = make_core(s, err);
    if (rc == SP_OK)
        rc = load_principals(s, err);
    if (rc == SP_OK)
        rc = make_frames(s, err);
    if (rc == SP_OK)
        rc = open_socket(s, err);
    return rc;
}

int broker_shell_run(const struct broker_shell_options *options)
{
    struct broker_shell *s = calloc(1, sizeof *s);
    struct sp_err err = {0};
    char line[800];
    int code;

    if (s == NULL)
        return SP_OPT_EXIT_FAILED;
    s->conf = options->conf;
    s->keys = options->keys;
    s->link = sp_conf_link_for(options->conf, options->name);
    s->fd = -1;
    s->lock_fd = -1;
    s->statm_fd = -1;
    sp_notify_init(&s->notify);
    enum sp_rc rc = s->link == NULL ? sp_err_set(&err, SP_E_NOT_FOUND, options->conf->file, "no broker named %s", options->name)
                                    : open_all(s, &err);

    if (rc != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        SP_LOG(SP_LOG_ERROR, "broker", "start", SP_LOG_S("why", line[0] != '\0' ? line : sp_rc_text(rc)));
        code = SP_OPT_EXIT_FAILED;
    } else {
        s->probe = (struct broker_probe){
            .loop = s->loop, .done = broker_time_on_probe, .ctx = s, .fd = -1, .handshake_ms = s->conf->bus.handshake_ms};
        rc = sp_loop_run(s->loop);
        code = s->exit_code != 0 ? s->exit_code : (rc == SP_OK ? SP_OPT_EXIT_OK : SP_OPT_EXIT_FAILED);
    }
    shut(s);
    free(s);
    return code;
}
