/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: written, signed, loaded; every kind of wrong one is refused; a plugin is what was signed, also when its file changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec_plugin.h"
#include "manifest.h"
#include "msg.h"
#include "sp_hex.h"

static char dir[64];
static char plugin_path[128];
static char manifest_path[128];
static char sig_path[128];
static struct sp_crypto_signer *signer;
static struct manifest_keys keys;
static struct sp_err err;

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    static const uint8_t seed[32] = {1, 2, 3};
    uint8_t public_key[32];
    char hex[65];
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/manifest_test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(plugin_path, sizeof plugin_path, "%s/check_x", dir);
    (void)snprintf(manifest_path, sizeof manifest_path, "%s/check_x.manifest.yaml", dir);
    (void)snprintf(sig_path, sizeof sig_path, "%s/check_x.manifest.sig", dir);
    assert_int_equal(sp_crypto_init(), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &signer), SP_OK);
    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, hex);
    memset(&keys, 0, sizeof keys);
    assert_int_equal(manifest_keys_add(&keys, sp_str_of(hex), &err), SP_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(plugin_path);
    (void)unlink(manifest_path);
    (void)unlink(sig_path);
    (void)rmdir(dir);
    sp_crypto_signer_destroy(&signer);
    manifest_keys_fini(&keys);
    sp_crypto_fini();
    return 0;
}

static struct manifest make(void)
{
    struct manifest m = {.name = "check_x", .plugin = "check_x", .interface = 1, .arguments_count = 2, .max_output = 4096};
    (void)snprintf(m.arguments[0], sizeof m.arguments[0], "-w");
    (void)snprintf(m.arguments[1], sizeof m.arguments[1], "[0-9]*");
    assert_int_equal(manifest_digest(plugin_path, m.sha256, &err), SP_OK);
    return m;
}

static void make_signed(void)
{
    put(plugin_path, "#!/bin/sh\necho OK\n");
    struct manifest m = make();
    assert_int_equal(manifest_write(manifest_path, &m, &err), SP_OK);
    assert_int_equal(manifest_sign(manifest_path, signer, &err), SP_OK);
}

static void test_round_trip(void **state)
{
    struct manifest m;
    (void)state;
    make_signed();
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_OK);
    assert_string_equal(m.name, "check_x");
    assert_string_equal(m.plugin, plugin_path);
    assert_int_equal(m.arguments_count, 2);
    assert_int_equal(m.max_output, 4096);
    assert_false(m.network);
    static const char *const good[] = {"-w", "12"};
    static const char *const bad[] = {"-w", "x12"};
    assert_true(manifest_allows(&m, good, 2));
    assert_false(manifest_allows(&m, bad, 2));
    assert_true(manifest_allows(&m, NULL, 0));
}

/* What is given is signed, for the plugin that it names only. */
static void test_seal(void **state)
{
    struct manifest m;
    (void)state;
    make_signed();
    struct manifest want = make();
    (void)snprintf(want.plugin, sizeof want.plugin, "%s", plugin_path);
    put(manifest_path, "network: true\n"); /* not taken over */
    assert_int_equal(manifest_seal(manifest_path, &want, signer, &err), SP_OK);
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_OK);
    assert_false(m.network);
    want.sha256[0] ^= 1;
    want.network = true;
    assert_int_equal(manifest_seal(manifest_path, &want, signer, &err), SP_E_INVALID);
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_OK); /* still the old one */
    assert_false(m.network);
}

static void test_altered(void **state)
{
    struct manifest m;
    (void)state;
    make_signed();
    FILE *f = fopen(manifest_path, "a");
    assert_non_null(f);
    assert_true(fputs("\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_E_SIGNATURE);
    assert_non_null(strstr(err.text, "not signed"));
}

static void test_signatures(void **state)
{
    struct manifest m;
    char hex[140];
    size_t n;
    (void)state;
    make_signed();
    assert_int_equal(sp_fs_read_into(sig_path, hex, sizeof hex, 0, &n, &err), SP_OK);
    hex[n] = '\0';
    hex[0] = hex[0] == '0' ? '1' : '0';
    put(sig_path, hex);
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_E_SIGNATURE);
    static const char *const bad[] = {"", "\n", "00", "zz", "not hexadecimal at all"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(sig_path, bad[i]);
        assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_E_SIGNATURE);
    }
    assert_int_equal(unlink(sig_path), 0);
    assert_int_equal(manifest_load(manifest_path, &keys, &m, &err), SP_E_SIGNATURE);
    assert_int_equal(manifest_load(manifest_path, NULL, &m, &err), SP_OK); /* for showing */
    struct manifest_keys none = {.count = 0};
    make_signed();
    assert_int_equal(manifest_load(manifest_path, &none, &m, &err), SP_E_SIGNATURE);
}

#define GOOD "name: a\nplugin: b\nsha256: 0000000000000000000000000000000000000000000000000000000000000000\ninterface: 1\n"

static void test_parse_table(void **state)
{
    static const struct {
        const char *text;
        enum sp_rc rc;
    } rows[] = {
        {GOOD "arguments: []\n", SP_OK},
        {GOOD "arguments: ['*']\nnetwork: true\nresident: true\nmax_output: 100\n", SP_OK},
        {GOOD, SP_E_INVALID},
        {"", SP_E_MALFORMED},
        {"- a\n", SP_E_INVALID},
        {GOOD "arguments: []\nnetwork: yes please\n", SP_E_INVALID},
        {GOOD "arguments: []\nnetwrok: true\n", SP_E_INVALID},
        {GOOD "arguments: []\nmax_output: 0\n", SP_E_INVALID},
        {GOOD "arguments: []\nmax_output: 1000000\n", SP_E_INVALID},
        {GOOD "arguments: []\n---\n" GOOD, SP_E_LIMIT},
        {"name: a\nplugin: b\nsha256: 00\ninterface: 1\narguments: []\n", SP_E_INVALID},
        {"name:\nplugin: b\nsha256: 0000000000000000000000000000000000000000000000000000000000000000\ninterface: 1\narguments: "
         "[]\n",
         SP_E_INVALID},
        {"name: ../a\nplugin: b\nsha256: 0000000000000000000000000000000000000000000000000000000000000000\ninterface: "
         "1\narguments: []\n",
         SP_E_INVALID},
        {"name: a\nplugin: b\nsha256: 0000000000000000000000000000000000000000000000000000000000000000\ninterface: 2\narguments: "
         "[]\n",
         SP_E_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manifest m;
        enum sp_rc rc = manifest_parse("t.yaml", sp_str_of(rows[i].text), &m, &err);
        if ((rc == SP_OK) != (rows[i].rc == SP_OK))
            fail_msg("row %zu: %s", i, sp_rc_name(rc));
        if (rc != SP_OK)
            assert_true(err.text[0] != '\0');
    }
}

static void test_sign_refuses(void **state)
{
    (void)state;
    make_signed();
    put(plugin_path, "#!/bin/sh\necho changed\n");
    assert_int_equal(manifest_sign(manifest_path, signer, &err), SP_E_INVALID);
    assert_int_equal(manifest_sign(plugin_path, signer, &err), SP_E_INVALID);
    assert_int_not_equal(unlink(plugin_path), -1);
    assert_int_not_equal(manifest_sign(manifest_path, signer, &err), SP_OK);
}

static void start_table(struct exec_plugins *table, bool required)
{
    memset(table, 0, sizeof *table);
    (void)snprintf(table->dir[0], sizeof table->dir[0], "%s", dir);
    table->dirs = 1;
    table->required = required;
    table->keys = keys; /* the verifiers stay ours: keys.count of the table is emptied before fini */
}

static void end_table(struct exec_plugins *table)
{
    table->keys.count = 0;
    exec_plugins_fini(table);
}

static void read_copy(const struct exec_plugin *p, char *to, size_t size)
{
    ssize_t n = pread(p->fd, to, size - 1, 0);
    assert_true(n >= 0);
    to[n] = '\0';
}

/* The sealed copy is what was verified: writing into the file changes nothing, and is noticed at the next look. */
static void test_sealed_copy(void **state)
{
    struct exec_plugins table;
    char text[64];
    uint64_t now = 1000000;
    (void)state;
    make_signed();
    start_table(&table, true);
    struct exec_plugin *p = exec_plugins_get(&table, "check_x", now);
    assert_non_null(p);
    assert_int_equal(p->generation, 1);
    assert_true(p->script);
    assert_int_equal(write(p->fd, "x", 1), -1);
    assert_int_equal(ftruncate(p->fd, 0), -1);
    put(plugin_path, "#!/bin/sh\necho EVIL\n");
    read_copy(p, text, sizeof text);
    assert_string_equal(text, "#!/bin/sh\necho OK\n");
    assert_true(exec_plugins_refresh(&table, p, now + 1)); /* within the interval: still the verified bytes */
    now += EXEC_PLUGIN_RECHECK_US;
    assert_false(exec_plugins_refresh(&table, p, now));
    assert_int_equal(p->reason, SP_REASON_UNSIGNED_PLUGIN);
    assert_int_equal(p->fd, -1);
    struct manifest m = make();
    assert_int_equal(manifest_write(manifest_path, &m, &err), SP_OK);
    now += EXEC_PLUGIN_RECHECK_US;
    assert_false(exec_plugins_refresh(&table, p, now)); /* new statement, old signature */
    assert_int_equal(manifest_sign(manifest_path, signer, &err), SP_OK);
    now += EXEC_PLUGIN_RECHECK_US;
    assert_true(exec_plugins_refresh(&table, p, now));
    assert_int_equal(p->generation, 2);
    uint64_t before = table.verifications;
    now += EXEC_PLUGIN_RECHECK_US;
    assert_true(exec_plugins_refresh(&table, p, now));
    assert_int_equal(table.verifications, before); /* nothing changed, nothing hashed */
    end_table(&table);
}

static void test_required(void **state)
{
    struct exec_plugins table;
    (void)state;
    make_signed();
    assert_int_equal(unlink(manifest_path), 0);
    start_table(&table, true);
    struct exec_plugin *p = exec_plugins_get(&table, "check_x", 1);
    assert_int_equal(p->generation, 0);
    assert_int_equal(p->reason, SP_REASON_UNSIGNED_PLUGIN);
    end_table(&table);
    start_table(&table, false);
    p = exec_plugins_get(&table, "check_x", 1);
    assert_int_equal(p->generation, 1);
    assert_false(p->manifest.network);
    assert_null(exec_plugins_get(&table, "../check_x", 1));
    assert_null(exec_plugins_get(&table, "", 1));
    assert_int_equal(exec_plugins_get(&table, "absent", 1)->reason, SP_REASON_SPAWN);
    end_table(&table);
    /* With a signature that does not fit, not even where signatures are not required. */
    make_signed();
    put(sig_path, "00");
    start_table(&table, false);
    assert_int_equal(exec_plugins_get(&table, "check_x", 1)->reason, SP_REASON_UNSIGNED_PLUGIN);
    end_table(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_seal),
                                       cmocka_unit_test(test_altered),     cmocka_unit_test(test_signatures),
                                       cmocka_unit_test(test_parse_table), cmocka_unit_test(test_sign_refuses),
                                       cmocka_unit_test(test_sealed_copy), cmocka_unit_test(test_required)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
