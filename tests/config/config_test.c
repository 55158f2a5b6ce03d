/* SPDX-License-Identifier: Apache-2.0 */
/* Golden pairs: NAME.in is a configuration (principals-*.in: a file of principals), NAME.ok what it prints back, or the error it must give.
 * With SPICE_UPDATE=1 in the environment the .ok files are written anew. What is printed must load again and print the same; shipped
 * examples must load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <ftw.h>
#include <glob.h>
#include <sys/stat.h>

#include "sp_conf.h"
#include "sp_crypto.h"

#define FOLDER    SPICE_SOURCE_DIR "/tests/config/"
#define PRINT_MAX (1u << 20)

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Appends the printed form, or the error as one line. True when it loaded. */
static bool print_one(const char *file, struct sp_str text, struct sp_buf *out)
{
    struct sp_err err;
    char line[1024];
    struct sp_conf *conf = NULL;
    struct sp_conf_principals *principals = NULL;
    bool who = strncmp(file, "principals", strlen("principals")) == 0;
    enum sp_rc rc = who ? sp_conf_principals_parse(file, text, &principals, &err) : sp_conf_parse(file, text, NULL, &conf, &err);
    if (rc != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        sp_buf_format(out, "error %s: %s\n", sp_rc_name(rc), line);
        return false;
    }
    if (who) {
        sp_conf_principals_print(principals, out);
        sp_conf_principals_destroy(&principals);
    } else {
        sp_conf_print(conf, out);
        sp_conf_destroy(&conf);
    }
    assert_false(out->failed);
    return true;
}

static void check_pair(const char *in_path)
{
    char ok_path[512];
    char *in = NULL;
    char *ok = NULL;
    size_t in_bytes = 0;
    size_t ok_bytes = 0;
    struct sp_buf got;
    struct sp_buf again;
    sp_buf_init(&got, PRINT_MAX);
    sp_buf_init(&again, PRINT_MAX);
    (void)snprintf(ok_path, sizeof ok_path, "%.*s.ok", (int)(strlen(in_path) - 3), in_path);
    assert_int_equal(sp_fs_read(in_path, PRINT_MAX, 0, &in, &in_bytes, NULL), SP_OK);
    if (print_one(base_of(in_path), sp_str_bytes(in, in_bytes), &got)) {
        assert_true(print_one(base_of(in_path), sp_buf_view(&got), &again));
        assert_true(sp_str_eq(sp_buf_view(&got), sp_buf_view(&again)));
    }
    if (getenv("SPICE_UPDATE") != NULL) {
        assert_int_equal(sp_fs_write(ok_path, got.p, got.n, 0644, NULL), SP_OK);
    }
    assert_int_equal(sp_fs_read(ok_path, PRINT_MAX, 0, &ok, &ok_bytes, NULL), SP_OK);
    if (!sp_str_eq(sp_buf_view(&got), sp_str_bytes(ok, ok_bytes))) {
        fail_msg("%s: got\n%.*s\nwant\n%s", base_of(in_path), (int)got.n, (const char *)got.p, ok);
    }
    free(in);
    free(ok);
    sp_buf_fini(&got);
    sp_buf_fini(&again);
}

static void pairs(void **state)
{
    (void)state;
    glob_t g;
    assert_int_equal(glob(FOLDER "*.in", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        check_pair(g.gl_pathv[i]);
    }
    print_message("%zu pairs\n", g.gl_pathc);
    globfree(&g);
}

static unsigned examples;

static int load_example(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    struct sp_err err;
    char line[1024];
    enum sp_rc rc = SP_OK;
    if (type != FTW_F) {
        return 0;
    }
    if (strstr(path, ".yaml") == NULL) {
        return 0;
    }
    if (strncmp(base_of(path), "principals", 10) == 0) {
        struct sp_conf_principals *p = NULL;
        rc = sp_conf_principals_load(path, &p, &err);
        sp_conf_principals_destroy(&p);
    } else {
        struct sp_conf *conf = NULL;
        rc = sp_conf_load(path, NULL, &conf, &err);
        sp_conf_destroy(&conf);
    }
    examples++;
    if (rc != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        fail_msg("%s", line);
    }
    return 0;
}

static void shipped_examples_load(void **state)
{
    (void)state;
    (void)nftw(SPICE_SOURCE_DIR "/ops/conf", load_example, 16, FTW_PHYS);
    assert_true(examples >= 2);
}

/* Every row of the tables: a default that its own limits refuse would stop every program. */
static void every_key_is_described(void **state)
{
    (void)state;
    struct sp_buf b;
    sp_buf_init(&b, PRINT_MAX);
    sp_conf_describe(&b);
    assert_false(b.failed);
    struct sp_str rest = sp_buf_view(&b);
    struct sp_str line;
    unsigned lines = 0;
    while (sp_str_next(&rest, '\n', &line)) {
        unsigned tabs = 0;
        for (uint32_t i = 0; i < line.n; i++) {
            tabs += line.p[i] == '\t' ? 1 : 0;
        }
        assert_int_equal(tabs, 4);
        assert_int_not_equal(line.p[line.n - 1], '\t'); /* help is there */
        lines++;
    }
    assert_true(lines > 80);
    sp_buf_fini(&b);
}

/* Each key has its paragraph, named as in the table, with its default. */
static void manual_has_every_key(void **state)
{
    (void)state;
    struct sp_buf b;
    char *manual = NULL;
    size_t n = 0;
    sp_buf_init(&b, PRINT_MAX);
    sp_conf_describe(&b);
    assert_int_equal(sp_fs_read(SPICE_SOURCE_DIR "/ops/man/spice.yaml.5", PRINT_MAX, 0, &manual, &n, NULL), SP_OK);
    struct sp_str rest = sp_buf_view(&b);
    struct sp_str line;
    while (sp_str_next(&rest, '\n', &line)) {
        struct sp_str part[5];
        char want[256];
        for (unsigned i = 0; i < 5; i++) {
            (void)sp_str_next(&line, '\t', &part[i]);
        }
        if (sp_str_is(part[1], "section") || sp_str_is(part[1], "list of maps")) {
            continue;
        }
        (void)snprintf(want, sizeof want, "\n.TP\n.B %.*s\n", (int)part[0].n, part[0].p);
        const char *at = strstr(manual, want);
        if (at == NULL) {
            fail_msg("the manual lacks the key %.*s", (int)part[0].n, part[0].p);
        }
        (void)snprintf(want, sizeof want, "default %.*s", (int)part[3].n, part[3].p);
        const char *def = strstr(at, want);
        const char *next = strstr(at + 1, "\n.TP\n");
        bool required = sp_str_is(part[3], "(required)");
        if (part[3].n > 0 && !required && (def == NULL || (next != NULL && def > next))) {
            fail_msg("the manual has another default than '%s' for %.*s", want, (int)part[0].n, part[0].p);
        }
    }
    free(manual);
    sp_buf_fini(&b);
}

static int setup(void **state)
{
    (void)state;
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    sp_crypto_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(shipped_examples_load),
        cmocka_unit_test(every_key_is_described),
        cmocka_unit_test(manual_has_every_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
