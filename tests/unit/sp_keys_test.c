/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: round trip, and every way in which a file must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "sp_buf.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"

static struct scratch scratch;
static char path[256];

static int setup(void **state)
{
    (void)state;
    scratch_init(&scratch);
    scratch_path(&scratch, "w.key", path, sizeof path);
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    sp_crypto_fini();
    scratch_fini(&scratch);
    return 0;
}

static void round_trip(void **state)
{
    (void)state;
    struct sp_keys_public pub;
    struct sp_keys *k = NULL;
    struct sp_err err;
    struct stat st;
    assert_int_equal(sp_keys_create(path, "worker-1", &pub, &err), SP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(sp_keys_load(path, "worker-1", &k, &err), SP_OK);
    assert_memory_equal(&k->pub, &pub, sizeof pub);
    uint8_t back[32];
    assert_true(sp_hex_z85_parse(sp_str_of(k->curve_secret_z85), back, 32));
    assert_memory_equal(back, k->curve_secret, 32);
    assert_true(sp_crypto_public_ok(pub.sign));
    sp_keys_destroy(&k);
    assert_null(k);
    assert_int_equal(sp_keys_create(path, "worker-1", &pub, &err), SP_E_EXISTS);
    assert_int_equal(sp_keys_load(path, "worker-2", &k, &err), SP_E_INVALID);
    assert_non_null(strstr(err.text, "is the key of 'worker-1', not of 'worker-2'"));
    assert_int_equal(sp_keys_create(path, "bad name", &pub, &err), SP_E_INVALID);
}

static void refuse(enum sp_rc want, const char *say)
{
    struct sp_keys *k = NULL;
    struct sp_err err;
    enum sp_rc rc = sp_keys_load(path, "worker-1", &k, &err);
    if (rc != want || strstr(err.text, say) == NULL) {
        fail_msg("%s: %s", sp_rc_name(rc), err.text);
    }
    assert_null(k);
}

static void modes_and_links(void **state)
{
    (void)state;
    struct sp_keys_public pub;
    char other[256];
    refuse(SP_E_NOT_FOUND, "cannot open");
    assert_int_equal(sp_keys_create(path, "worker-1", &pub, NULL), SP_OK);
    const mode_t bad[] = {0604, 0640, 0620, 0602, 0610, 0601, 0666};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_int_equal(chmod(path, bad[i]), 0);
        refuse(SP_E_PERMISSION, "group or others have access");
    }
    assert_int_equal(chmod(path, 0400), 0);
    struct sp_keys *k = NULL;
    assert_int_equal(sp_keys_load(path, "worker-1", &k, NULL), SP_OK);
    sp_keys_destroy(&k);
    scratch_path(&scratch, "second", other, sizeof other);
    assert_int_equal(link(path, other), 0);
    refuse(SP_E_PERMISSION, "2 names");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    refuse(SP_E_PERMISSION, "symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse(SP_E_PERMISSION, "not a regular file"); /* and does not wait for a writer */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refuse(SP_E_PERMISSION, "not a regular file");
    if (geteuid() == 0) {
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rename(other, path), 0);
        assert_int_equal(chown(path, 12345, 12345), 0);
        refuse(SP_E_PERMISSION, "belongs to user 12345");
    }
}

/* The good file's lines, to spoil one at a time. */
static void contents(void **state)
{
    (void)state;
    struct sp_keys_public pub;
    char *good = NULL;
    size_t n = 0;
    assert_int_equal(sp_keys_create(path, "worker-1", &pub, NULL), SP_OK);
    assert_int_equal(sp_fs_read(path, 4096, SP_FS_PRIVATE, &good, &n, NULL), SP_OK);
    const struct {
        const char *find, *put, *say;
        enum sp_rc rc;
    } rows[] = {
        {"name:", "nam:", "unknown key", SP_E_MALFORMED},
        {"curve_secret:", "curve_public:", "curve_public is there twice", SP_E_MALFORMED},
        {"sign_seed: ", "sign_seed: 0", "sign_seed is not 64 hex digits", SP_E_MALFORMED},
        {"sign_seed: ", "# ", "sign_seed is missing", SP_E_MALFORMED},
        {"name: worker-1", "# no name", "name is missing", SP_E_MALFORMED},
        {"name: worker-1", "just words", "not 'key: value'", SP_E_MALFORMED},
        {"name: worker-1", "name: worker 1", "not a name", SP_E_MALFORMED},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf b;
        sp_buf_init(&b, 8192);
        const char *at = strstr(good, rows[i].find);
        assert_non_null(at);
        sp_buf_append(&b, good, (size_t)(at - good));
        sp_buf_text(&b, rows[i].put);
        sp_buf_text(&b, at + strlen(rows[i].find));
        scratch_file(&scratch, "w.key", b.p, b.n, 0600);
        refuse(rows[i].rc, rows[i].say);
        sp_buf_fini(&b);
    }
    char *seed = strstr(good, "sign_seed: ") + strlen("sign_seed: ");
    *seed = *seed == '0' ? '1' : '0';
    scratch_file(&scratch, "w.key", good, n, 0600);
    refuse(SP_E_INVALID, "sign_public does not belong to sign_seed");
    scratch_file(&scratch, "w.key", "", 0, 0600);
    refuse(SP_E_MALFORMED, "is empty");
    char *big = calloc(1, 5000);
    assert_non_null(big);
    scratch_file(&scratch, "w.key", big, 5000, 0600);
    refuse(SP_E_LIMIT, "or more");
    free(big);
    free(good);
}

static void core_key(void **state)
{
    (void)state;
    struct sp_keys_core *a = NULL;
    struct sp_keys_core *b = NULL;
    struct sp_err err;
    assert_int_equal(sp_keys_core_create(path, &err), SP_OK);
    assert_int_equal(sp_keys_core_create(path, &err), SP_E_EXISTS);
    assert_int_equal(sp_keys_core_load(path, &a, &err), SP_OK);
    assert_int_equal(sp_keys_core_load(path, &b, &err), SP_OK);
    assert_memory_equal(a, b, sizeof *a);
    assert_memory_not_equal(a->mac, a->ticket, 32);
    assert_memory_not_equal(a->mac, a->phase, 16);
    sp_keys_core_destroy(&a);
    sp_keys_core_destroy(&b);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(sp_keys_core_load(path, &a, &err), SP_E_PERMISSION);
    assert_null(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(modes_and_links, setup, teardown),
        cmocka_unit_test_setup_teardown(contents, setup, teardown),
        cmocka_unit_test_setup_teardown(core_key, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
