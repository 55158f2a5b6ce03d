/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enrol_places.h"
#include "enrol_token.h"
#include "msg.h"
#include "sp_bus.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_keys.h"
#include "sp_log.h"
#include "sp_loop.h"
#include "sp_random.h"

#define FILE_BYTES_MAX 131072u
#define ENROL_PLUGINS  "/usr/lib/nagios/plugins" /* of Debian's monitoring-plugins */

struct enrol {
    struct enrol_token token;
    const char *program; /* that is started afterwards */
    bool attester;
    struct enrol_places at;
    bool wrote_conf, wrote_principals, wrote_key;
    struct sp_keys *worker;  /* the new worker's */
    struct sp_keys *session; /* the temporary principal's */
    struct sp_conf *conf;
    struct sp_loop *loop;
    struct sp_bus *bus;
    uint64_t ask_us, end_us; /* next request; giving up */
    bool asked, answered;
    uint16_t code;
    char adapters[513], labels[256], detail[129];
};

/* ---- files ----------------------------------------------------------------------------------------------------- */

static bool has_adapter(const struct enrol *e, const char *name)
{
    struct sp_str rest = sp_str_of(e->adapters), word;
    while (!e->attester && sp_str_next(&rest, ',', &word)) {
        if (sp_str_is(word, "*") || sp_str_is(word, name)) {
            return true;
        }
    }
    return false;
}

/* Does the keeper let it start plugins? */
static bool has_plugins(const struct enrol *e)
{
    return has_adapter(e, "exec");
}

/* Does it judge evidence? */
static bool has_policies(const struct enrol *e)
{
    return has_adapter(e, "tpm") || has_adapter(e, "ima") || has_adapter(e, "procmem") || has_adapter(e, "files");
}

/* What plugins need; without a key that may sign them none is started. */
static void worker_text(const struct enrol *e, struct sp_buf *b)
{
    if (!e->at.units && !has_plugins(e)) {
        return;
    }
    sp_buf_text(b, "\nworker:\n");
    if (e->at.units) {
        sp_buf_text(b, "  spool: /var/lib/spice/worker\n  manifest_dir: /etc/spice/manifests\n");
    }
    if (has_plugins(e)) {
        sp_buf_format(
            b,
            "  plugin_dirs: [\"%s\"]\n"
            "  # Public keys that may sign plugins, as on the keeper's host when this one was invited: spicectl manifest sign.\n"
            "  manifest_keys: [",
            ENROL_PLUGINS);
        for (uint32_t i = 0; i < e->token.manifest_key_count; i++) {
            sp_buf_format(b, "%s\"%s\"", i > 0 ? ", " : "", e->token.manifest_keys[i]);
        }
        sp_buf_text(b, "]\n");
    }
}

static void conf_text(const struct enrol *e, struct sp_buf *b)
{
    char hex[2 * sizeof e->token.deployment + 1];
    sp_hex_write(e->token.deployment, sizeof e->token.deployment, hex);
    sp_buf_format(b, "# SPICE on this host, written by %s enrol. All keys and their defaults: spice.yaml(5).\n", e->program);
    enrol_places_text(&e->at, b);
    sp_buf_format(b, "\ndeployment: \"%s\"\n\nbrokers:\n", hex);
    for (uint32_t i = 0; i < e->token.broker_count; i++) {
        const struct sp_conf_link *l = &e->token.broker[i];
        sp_buf_format(b, "  - name: %s\n    endpoints: [", l->name);
        for (uint32_t n = 0; n < l->endpoint_count; n++) {
            sp_buf_format(b, "%s\"%s\"", n > 0 ? ", " : "", l->endpoints[n]);
        }
        sp_buf_text(b, "]\n");
    }
    if (e->attester) {
        sp_buf_text(
            b, "\n# What may be read here and what that may cost. trees and services name what files and procmem may ask about.\n"
               "attester:\n  tcti: \"device:/dev/tpmrm0\"\n  trees: []\n  services: []\n");
        sp_buf_text(b, e->at.units ? "  user: " ENROL_ATTESTER_USER "\n" : "");
    } else if (e->answered) {
        worker_text(e, b);
        sp_buf_format(b, "\nworkers:\n  - name: %s\n    adapters: ", e->token.name);
        sp_yaml_scalar(sp_str_of(e->adapters), b);
        if (e->labels[0] != '\0') {
            sp_buf_text(b, "\n    labels: ");
            sp_yaml_scalar(sp_str_of(e->labels), b);
        }
        sp_buf_text(b, "\n");
    }
}

/* Before the answer the temporary principal is one of the rows, afterwards the new one is. */
static void principals_text(const struct enrol *e, struct sp_buf *b)
{
    struct sp_conf_principals *p = calloc(1, sizeof *p);
    if (p == NULL) {
        b->failed = true;
        return;
    }
    p->count = e->token.principal_count;
    memcpy(p->rows, e->token.principal, p->count * sizeof p->rows[0]);
    if (e->answered) {
        struct sp_conf_principal *w = &p->rows[p->count - 1];
        memset(w, 0, sizeof *w);
        (void)sp_str_copy(w->name, sizeof w->name, sp_str_of(e->token.name));
        w->role = e->attester ? SP_CONF_ROLE_ATTESTER : SP_CONF_ROLE_WORKER;
        (void)sp_str_copy(w->nodes, sizeof w->nodes, sp_str_of(e->attester ? e->token.node : ""));
        memcpy(w->curve, e->worker->pub.curve, sizeof w->curve);
        memcpy(w->sign, e->worker->pub.sign, sizeof w->sign);
        (void)sp_str_copy(w->adapters, sizeof w->adapters, sp_str_of(e->attester ? "" : e->adapters));
    }
    sp_buf_text(b, "# Whom this host knows: the brokers it talks to, and whose signatures it believes.\n");
    sp_conf_principals_print(p, b);
    free(p);
}

static enum sp_rc write_files(struct enrol *e, struct sp_err *err)
{
    struct sp_buf b;
    sp_buf_init(&b, FILE_BYTES_MAX);
    principals_text(e, &b);
    enum sp_rc rc = b.failed ? sp_err_set(err, SP_E_LIMIT, e->at.principals, "too large") : SP_OK;
    if (rc == SP_OK) {
        rc = e->wrote_principals ? sp_fs_write(e->at.principals, b.p, b.n, 0600, err)
                                 : sp_fs_create(e->at.principals, b.p, b.n, 0600, err);
        e->wrote_principals = e->wrote_principals || rc == SP_OK;
    }
    sp_buf_reset(&b);
    conf_text(e, &b);
    if (rc == SP_OK) {
        rc = b.failed        ? sp_err_set(err, SP_E_LIMIT, e->at.conf, "too large")
             : e->wrote_conf ? sp_fs_write(e->at.conf, b.p, b.n, 0600, err)
                             : sp_fs_create(e->at.conf, b.p, b.n, 0600, err);
        e->wrote_conf = e->wrote_conf || rc == SP_OK;
    }
    sp_buf_fini(&b);
    return rc;
}

/* The keys are on disk before anybody is told of them: a crash after the keeper's consent loses nothing. */
static enum sp_rc make_keys(struct enrol *e, struct sp_err *err)
{
    enum sp_rc rc = sp_keys_new(e->token.name, &e->worker, err);
    rc = rc == SP_OK ? sp_keys_new(e->token.enrol, &e->session, err) : rc;
    if (rc == SP_OK) {
        memcpy(e->session->curve_secret, e->token.curve_secret, sizeof e->session->curve_secret);
        rc = sp_crypto_curve_public(e->session->curve_secret, e->session->pub.curve);
        sp_hex_z85_write(e->session->curve_secret, 32, e->session->curve_secret_z85);
        sp_hex_z85_write(e->session->pub.curve, 32, e->session->curve_public_z85);
    }
    if (rc == SP_OK) {
        rc = sp_keys_save(e->worker, e->at.key, err);
        e->wrote_key = rc == SP_OK;
        if (rc == SP_E_EXISTS) {
            sp_err_hint(err, "enrolled here already? then start it; else choose another place with --prefix DIR");
        }
    }
    return rc;
}

/* ---- talking --------------------------------------------------------------------------------------------------- */

static bool prove(const struct enrol *e, uint8_t proof[SP_CRYPTO_SIGN_BYTES])
{
    uint8_t text[ENROL_PROOF_BYTES];
    struct sp_crypto_signer *signer = NULL;
    size_t n = sizeof ENROL_PROOF_PREFIX - 1;
    memcpy(text, ENROL_PROOF_PREFIX, n);
    memcpy(text + n, e->token.secret, 32);
    memcpy(text + n + 32, e->worker->pub.curve, 32);
    memcpy(text + n + 64, e->worker->pub.sign, 32);
    bool ok =
        sp_crypto_signer_new(e->worker->sign_seed, &signer) == SP_OK && sp_crypto_sign(signer, text, sizeof text, proof) == SP_OK;
    sp_crypto_signer_destroy(&signer);
    sp_crypto_wipe(text, sizeof text);
    return ok;
}

static void emit_enrol_request(struct enrol *e)
{
    uint8_t proof[SP_CRYPTO_SIGN_BYTES];
    struct sp_packer w;
    size_t room = 0;
    uint8_t *body = sp_bus_body(e->bus, &room);
    sp_packer_init(&w, body, room);
    if (!prove(e, proof)) {
        return;
    }
    struct msg_enrol_request m = {
        .token = e->token.secret, .curve = e->worker->pub.curve, .sign = e->worker->pub.sign, .proof = proof};
    if (msg_enrol_request_encode(&w, &m) == SP_OK) {
        struct sp_bus_out out = {
            .type = SP_MSG_ENROL_REQUEST, .broker = SP_BUS_ANY, .body = body, .body_bytes = sp_packer_bytes(&w)};
        e->asked = sp_bus_send(e->bus, &out) == SP_BUS_SENT || e->asked;
    }
}

static void enrol_on_enrol_reply(struct enrol *e, const struct sp_bus_message *message)
{
    struct msg_enrol_reply m;
    if (msg_enrol_reply_decode(message->body, message->body_bytes, &m) != SP_OK) {
        return;
    }
    e->code = m.code;
    e->answered = m.code == SP_REFUSAL_NONE && sp_str_is(m.name, e->token.name);
    (void)sp_str_copy(e->adapters, sizeof e->adapters, m.adapters);
    (void)sp_str_copy(e->labels, sizeof e->labels, m.labels);
    (void)sp_str_copy(e->detail, sizeof e->detail, m.detail);
    if (!e->answered && m.code == SP_REFUSAL_NONE) {
        (void)snprintf(e->detail, sizeof e->detail, "the keeper answers for another name");
        e->code = SP_REFUSAL_BAD_REQUEST;
    }
    sp_loop_stop(e->loop);
}

static void on_message(void *ctx, const struct sp_bus_message *message)
{
    struct enrol *e = ctx;
    struct msg_refused m;
    if (message->type == SP_MSG_ENROL_REPLY) {
        enrol_on_enrol_reply(e, message);
    } else if (message->type == SP_MSG_REFUSED && msg_refused_decode(message->body, message->body_bytes, &m) == SP_OK) {
        (void)sp_str_copy(e->detail, sizeof e->detail, m.detail.n > 0 ? m.detail : sp_str_of(sp_refusal_text(m.code)));
    }
}

static struct sp_mono on_deadline(void *ctx)
{
    const struct enrol *e = ctx;
    return (struct sp_mono){e->ask_us < e->end_us ? e->ask_us : e->end_us};
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    struct enrol *e = ctx;
    if (now->mono.us >= e->end_us) {
        sp_loop_stop(e->loop);
        return;
    }
    e->ask_us = now->mono.us + ENROL_RETRY_MS * SP_US_PER_MS;
    if (sp_bus_up_count(e->bus) > 0) {
        emit_enrol_request(e);
    }
}

static void on_link(void *ctx, unsigned broker, bool up, uint64_t boot)
{
    struct enrol *e = ctx;
    (void)broker;
    (void)boot;
    if (up) {
        e->ask_us = sp_loop_now(e->loop)->mono.us; /* ask at once */
    }
}

static enum sp_rc talk(struct enrol *e, uint64_t wait_ms, struct sp_err *err)
{
    char why[SP_ERR_TEXT_BYTES], software[32];
    (void)snprintf(software, sizeof software, "%s " SPICE_VERSION, e->program);
    struct sp_loop_options lo = {.ctx = e, .deadline = on_deadline, .tick = on_tick};
    enum sp_rc rc = sp_loop_new(&lo, &e->loop, err);
    if (rc != SP_OK) {
        return rc;
    }
    e->end_us = sp_loop_refresh(e->loop)->mono.us + wait_ms * SP_US_PER_MS;
    e->ask_us = e->end_us;
    struct sp_bus_options bo = {.loop = e->loop,
                                .conf = e->conf,
                                .keys = e->session,
                                .name = e->token.enrol,
                                .role = SP_ROLE_ENROL,
                                .software = software,
                                .self = e,
                                .on_message = on_message,
                                .on_link = on_link};
    if (!sp_bus_open(&bo, &e->bus, why, sizeof why)) {
        rc = sp_err_set(err, SP_E_INVALID, e->at.conf, "%s", why);
    } else {
        rc = sp_loop_run(e->loop);
        bool met = sp_bus_up_count(e->bus) > 0;
        sp_bus_close(&e->bus, 100);
        if (rc == SP_OK && e->code != SP_REFUSAL_NONE) {
            rc = sp_err_set(err, SP_E_AUTHORITY, "keeper", "refused: %s%s%s", sp_refusal_text(e->code),
                            e->detail[0] != '\0' ? ": " : "", e->detail);
        } else if (rc == SP_OK && !e->answered) {
            rc = sp_err_set(err, SP_E_TIMEOUT, e->token.broker[0].endpoints[0], "%s",
                            met || e->asked ? "the keeper did not answer in time" : "no broker could be reached");
            sp_err_hint(
                err, "%s",
                e->detail[0] != '\0'
                    ? e->detail
                    : "check the address and the firewall; a token that was used or has ended is let in nowhere: invite again");
        }
    }
    sp_loop_destroy(&e->loop);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static enum sp_rc perform(struct enrol *e, const struct enrol_options *o, struct sp_err *err)
{
    struct sp_now now = sp_clock_read();
    if (now.wall.ms / SP_MS_PER_S >= e->token.expires_s) {
        return sp_err_set(err, SP_E_STALE, "token", "it has expired");
    }
    enum sp_rc rc = enrol_places_make(o, e->token.name, &e->at, err);
    rc = rc == SP_OK ? make_keys(e, err) : rc;
    rc = rc == SP_OK ? write_files(e, err) : rc;
    rc = rc == SP_OK ? sp_conf_load(e->at.conf, NULL, &e->conf, err) : rc;
    if (rc == SP_OK) { /* with a root the file speaks of paths as that system will see them */
        memcpy(e->conf->principals, e->at.principals, sizeof e->conf->principals);
    }
    rc = rc == SP_OK ? talk(e, o->wait_ms, err) : rc;
    rc = rc == SP_OK ? write_files(e, err) : rc;
    return rc == SP_OK ? enrol_places_own(&e->at, err) : rc;
}

/* What was made here goes again: keys that the keeper took in without our hearing of it are of no use to anybody; invite again. */
static void undo(struct enrol *e)
{
    if (e->wrote_conf) {
        (void)unlink(e->at.conf);
    }
    if (e->wrote_principals) {
        (void)unlink(e->at.principals);
    }
    if (e->wrote_key) {
        (void)unlink(e->at.key);
    }
}

/* "-": the token comes by standard input, so that it is in no list of processes. Lends the text. */
static const char *token_text(const char *token, char *line, size_t size)
{
    if (strcmp(token, "-") != 0) {
        return token;
    }
    line[0] = '\0';
    if (fgets(line, (int)size, stdin) != NULL) {
        line[strcspn(line, " \t\r\n")] = '\0';
    }
    return line;
}

/* An invitation says what for; the other program would make keys that nobody can use. */
static enum sp_rc is_for_us(const struct enrol *e, struct sp_err *err)
{
    bool attester = e->token.node[0] != '\0';
    if (attester == e->attester) {
        return SP_OK;
    }
    if (attester) {
        (void)sp_err_set(err, SP_E_INVALID, "enrol", "this invitation is for the attester of %s", e->token.node);
        sp_err_hint(err, "on that node: spice-attester enrol TOKEN; a worker's comes from spicectl worker invite");
    } else {
        (void)sp_err_set(err, SP_E_INVALID, "enrol", "this invitation is for a worker");
        sp_err_hint(err, "spice-worker enrol TOKEN; an attester's comes from spicectl key invite --attester NODE");
    }
    return SP_E_INVALID;
}

/* What is left to do: nothing of it can come with a token. */
static void tell(const struct enrol *e, bool elsewhere)
{
    const char *name = e->token.name;
    (void)printf("%s is %s%s of this fleet now. Start it:\n", name, e->attester ? "the attester of " : "a worker", e->token.node);
    if (e->at.units) {
        (void)printf("  systemctl enable --now %s@%s%s\n", e->program, name, elsewhere ? "   (in that system)" : "");
    } else {
        (void)printf("  %s --config %s --name %s\n", e->program, e->at.conf, name);
    }
    if (e->attester) {
        (void)printf(
            "Left to do: say in %s what may be asked about (attester.trees, attester.services); then spicectl node enroll %s\n",
            e->at.conf, e->token.node);
        return;
    }
    if (has_plugins(e)) {
        (void)printf("Left to do for plugins: bring them (worker.plugin_dirs of %s) and their signed manifests (to %s).\n",
                     e->at.conf, e->at.manifests);
    }
    if (has_plugins(e) && e->token.manifest_key_count == 0) {
        (void)printf(
            "No key may sign them yet, so none is started: name one as worker.manifest_keys; spicectl manifest sign says which.\n");
    }
    if (has_policies(e)) {
        (void)printf("Left to do for evidence: bring its policies and reference values (to %s/etc/policies).\n", e->conf->prefix);
    }
}

enum sp_rc enrol_run(const struct enrol_options *options, struct sp_err *err)
{
    if (options->token == NULL) {
        enum sp_rc usage = sp_err_set(err, SP_E_USAGE, "enrol", "a token is wanted");
        sp_err_hint(err, "%s enrol TOKEN, or - for a token by standard input", options->program);
        return usage;
    }
    struct enrol *e = calloc(1, sizeof *e);
    if (e == NULL || sp_crypto_init() != SP_OK) {
        free(e);
        return sp_err_set(err, SP_E_NOMEM, "enrol", "cannot start");
    }
    e->program = options->program;
    e->attester = options->attester;
    char *line = calloc(1, ENROL_TOKEN_CHARS_MAX + 2);
    enum sp_rc rc = line == NULL ? sp_err_set(err, SP_E_NOMEM, "enrol", "no memory")
                                 : enrol_token_parse(token_text(options->token, line, ENROL_TOKEN_CHARS_MAX + 2), &e->token, err);
    if (line != NULL) {
        sp_crypto_wipe(line, ENROL_TOKEN_CHARS_MAX + 2);
        free(line);
    }
    rc = rc == SP_OK ? is_for_us(e, err) : rc;
    rc = rc == SP_OK ? perform(e, options, err) : rc;
    if (rc == SP_OK) {
        tell(e, options->root != NULL);
    } else {
        undo(e);
    }
    sp_conf_destroy(&e->conf);
    sp_keys_destroy(&e->worker);
    sp_keys_destroy(&e->session);
    enrol_token_wipe(&e->token);
    free(e);
    sp_crypto_fini();
    return rc;
}
