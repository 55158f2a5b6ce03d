/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow_pool - prints who is in a pool, as it changes, until it is ended. An example to copy; ops/docs/reader-guide.md explains it.
 *
 *   follow_pool CONFIGURATION PRINCIPAL POOL      for example: follow_pool /etc/spice/spice.yaml reader-1 trusted
 *
 * "+ NODE" entered, "- NODE: why" left. In doubt nobody is in: when the copy of the pool cannot be proven any more, all leave at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_reader.h"

struct follower {
    const char *pool;
    char **in; /* names of those in the pool, as printed so far */
    size_t count, size;
};

static size_t place_of(const struct follower *f, const char *node)
{
    size_t i = 0;
    while (i < f->count && strcmp(f->in[i], node) != 0) {
        i++;
    }
    return i;
}

static void enter(struct follower *f, const char *node)
{
    if (f->count == f->size) {
        size_t size = f->size > 0 ? 2 * f->size : 64;
        char **grown = realloc(f->in, size * sizeof *grown);
        if (grown == NULL) {
            exit(1); /* half a list would be a wrong one */
        }
        f->in = grown;
        f->size = size;
    }
    f->in[f->count] = strdup(node);
    if (f->in[f->count] == NULL) {
        exit(1);
    }
    f->count++;
    (void)printf("+ %s\n", node);
}

static void leave(struct follower *f, size_t place, const char *why)
{
    (void)printf("- %s: %s\n", f->in[place], why);
    free(f->in[place]);
    f->in[place] = f->in[--f->count];
}

/* An answer changed or was renewed; only what changes the list is printed. */
static void on_change(void *self, const struct sp_reader_change *change)
{
    struct follower *f = self;
    if (strcmp(change->pool, f->pool) != 0) {
        return;
    }
    size_t place = place_of(f, change->node);
    if (change->answer.member && place == f->count) {
        enter(f, change->node);
    } else if (!change->answer.member && place < f->count) {
        leave(f, place, change->answer.why);
    }
}

/* True: on_change follows for each node. False: from now on nobody is in the pool, and on_change says nothing about it. */
static void on_state(void *self, bool following)
{
    struct follower *f = self;
    (void)printf("%s\n", following ? "following" : "not following");
    while (!following && f->count > 0) {
        leave(f, f->count - 1, "not following");
    }
}

static int fail(const struct sp_err *err)
{
    char line[1024];
    sp_err_line(err, line, sizeof line);
    (void)fprintf(stderr, "follow_pool: %s\n", line);
    return 1;
}

/* SIGTERM and SIGINT end the loop: that is what it does when no on_signal is given. */
static int follow(struct follower *f, const struct sp_conf *conf, const struct sp_keys *keys, const char *name, struct sp_err *err)
{
    struct sp_loop *loop = NULL;
    struct sp_reader *reader = NULL;
    char why[256];
    if (sp_loop_new(&(struct sp_loop_options){.ctx = NULL}, &loop, err) != SP_OK) {
        return fail(err);
    }
    const struct sp_reader_options options = {
        .loop = loop, .conf = conf, .keys = keys, .name = name, .self = f, .on_change = on_change, .on_state = on_state};
    bool good = sp_reader_open(&options, &reader, why, sizeof why);
    if (!good) {
        (void)fprintf(stderr, "follow_pool: %s\n", why);
    }
    good = good && sp_loop_run(loop) == SP_OK;
    sp_reader_close(&reader);
    sp_loop_destroy(&loop);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct sp_err err = {.text = ""};
    struct sp_conf *conf = NULL;
    struct sp_keys *keys = NULL;
    char path[SP_FS_PATH_BYTES];
    int code = 1;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: follow_pool CONFIGURATION PRINCIPAL POOL\n");
        return 2;
    }
    struct follower f = {.pool = argv[3]};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (sp_crypto_init() != SP_OK) {
        (void)fprintf(stderr, "follow_pool: libcrypto cannot be used\n");
        return 1;
    }
    if (sp_conf_load(argv[1], NULL, &conf, &err) == SP_OK && sp_conf_key_path(conf, argv[2], path, sizeof path) == SP_OK &&
        sp_keys_load(path, argv[2], &keys, &err) == SP_OK) {
        code = follow(&f, conf, keys, argv[2], &err);
    } else {
        (void)fail(&err);
    }
    while (f.count > 0) {
        free(f.in[--f.count]);
    }
    free(f.in);
    sp_keys_destroy(&keys);
    sp_conf_destroy(&conf);
    sp_crypto_fini();
    return code;
}
