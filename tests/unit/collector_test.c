/* SPDX-License-Identifier: Apache-2.0 */
/* What collectors share: hostile arguments, what may be read, documents with a limit, and what it may all cost. */
#include "collector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect_pace.h"
#include "scratch.h"

#define S_NS 1000000000ull

static const uint8_t nonce[COLLECT_NONCE_BYTES] = {1, 2, 3}, key[COLLECT_KEY_BYTES] = {4};

static void open_out(struct collect_out *out, uint64_t max)
{
    *out = (struct collect_out){.fd = memfd_create("test", MFD_CLOEXEC), .max = max};
    assert_true(out->fd >= 0);
}

static uint16_t run(const char *kind, const char *args, const struct collect_site *site, struct collect_out *out)
{
    const struct collect_request request = {.kind = sp_str_of(kind),
                                            .node = sp_str_of("node1"),
                                            .args = sp_str_of(args),
                                            .nonce = nonce,
                                            .sign_key = key,
                                            .curve_key = key,
                                            .site = site};
    return collector_run(&request, out);
}

/* The TPM is not asked before the arguments are good: it is not there, and the reason would be another one. */
static void hostile_arguments_are_refused(void **state)
{
    static char deep[4096];
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "7",
        "{\"pcrs\":\"sha256:0\",\"pcrs\":\"sha256:1\"}",
        "{\"pcrs\":\"sha256:0\"} x",
        "{\"pcrs\":7}",
        "{\"pcrs\":\"\"}",
        "{\"pcrs\":\"sha256:0-24\"}",
        "{\"pcrs\":\"md5:0\"}",
        "{}",
        "{\"pcrs\":\"sha256:0\",\"more\":1}",
        "{\"pcrs\":\"sha256:0\\u0000\"}",
    };
    const struct collect_site site = {.tcti = "swtpm:path=/nowhere", .ak_handle = 0x81010020u};
    struct collect_out out;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        open_out(&out, 4096);
        assert_int_equal(run("quote", bad[i], &site, &out), SP_REASON_BAD_PARAMETERS);
        assert_int_equal(out.n, 0);
        assert_true(out.detail[0] != '\0');
        (void)close(out.fd);
    }
    memset(deep, '[', sizeof deep - 1);
    open_out(&out, 4096);
    assert_int_equal(run("quote", deep, &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("ima", "{\"from\":-1}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("ima", "{\"from\":\"0\"}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("ima", "{\"from\":1.5}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("bootlog", "{\"path\":\"/etc/shadow\"}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("activate", "{\"blob\":\"QQ==\"}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("activate", "{\"blob\":\"QQ=\",\"secret\":\"QQ==\"}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("enroll", "{\"handle\":1}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(run("nothing", "{}", &site, &out), SP_REASON_BAD_PARAMETERS);
    assert_int_equal(out.n, 0);
    (void)close(out.fd);
}

static void logs_are_read_whole_or_from_a_place(void **state)
{
    struct scratch s;
    char path[192], got[16] = "";
    struct collect_out out;
    (void)state;
    scratch_init(&s);
    scratch_file(&s, "log", "0123456789", SIZE_MAX, 0600);
    (void)scratch_path(&s, "log", path, sizeof path);
    const struct collect_site site = {.boot_log = path, .ima_log = path}, none = {.boot_log = "/nowhere/log", .ima_log = s.dir};

    open_out(&out, 10);
    assert_int_equal(run("bootlog", "{}", &site, &out), SP_REASON_OK);
    assert_int_equal(out.n, 10);
    assert_int_equal(pread(out.fd, got, 10, 0), 10);
    assert_string_equal(got, "0123456789");
    (void)close(out.fd);

    open_out(&out, 9); /* a boot log is whole or none */
    assert_int_equal(run("bootlog", "{}", &site, &out), SP_REASON_LIMIT);
    (void)close(out.fd);

    open_out(&out, 4); /* a list goes on with the next question */
    assert_int_equal(run("ima", "{\"from\":3}", &site, &out), SP_REASON_OK);
    assert_int_equal(out.n, 4);
    assert_int_equal(pread(out.fd, got, 4, 0), 4);
    assert_memory_equal(got, "3456", 4);
    (void)close(out.fd);

    open_out(&out, 4);
    assert_int_equal(run("ima", "{\"from\":99}", &site, &out), SP_REASON_OK);
    assert_int_equal(out.n, 0);
    assert_int_equal(run("bootlog", "{}", &none, &out), SP_REASON_MISSING);
    assert_int_equal(run("ima", "{}", &none, &out), SP_REASON_INTERNAL); /* a directory */
    (void)close(out.fd);
    scratch_fini(&s);
}

static void only_what_is_configured_may_be_read(void **state)
{
    static const char *const trees[] = {"/etc/nova", "/usr/lib/"}, *const root[] = {"/"}, *const services[] = {"nova-compute"};
    static const char *const good[] = {"/etc/nova", "/etc/nova/nova.conf", "/usr/lib", "/usr/lib/x/y"};
    static const char *const bad[] = {"",
                                      "/",
                                      "etc/nova",
                                      "/etc",
                                      "/etc/novax",
                                      "/etc/nova/",
                                      "/etc/nova/../shadow",
                                      "/etc/nova/./x",
                                      "/etc/nova//x",
                                      "/etc/nova/x/..",
                                      "/usr/libx",
                                      "/usr"};
    const struct collect_site site = {.trees = trees, .tree_count = 2, .services = services, .service_count = 1};
    const struct collect_site all = {.trees = root, .tree_count = 1}, nothing = {.root = ""};
    char to[COLLECT_PATH_BYTES];
    (void)state;
    for (size_t i = 0; i < SP_COUNT(good); i++) {
        assert_true(collect_tree_allowed(&site, sp_str_of(good[i])));
        assert_false(collect_tree_allowed(&nothing, sp_str_of(good[i])));
    }
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        if (collect_tree_allowed(&site, sp_str_of(bad[i]))) {
            fail_msg("%s is allowed", bad[i]);
        }
    }
    assert_false(collect_tree_allowed(&site, sp_str_bytes("/etc/nova\0/x", 12)));
    assert_true(collect_tree_allowed(&all, sp_str_of("/etc/shadow")));
    assert_false(collect_tree_allowed(&all, sp_str_of("/etc/../x")));
    assert_true(collect_path(&nothing, "/etc/x", to));
    assert_string_equal(to, "/etc/x");
}

static void a_document_has_a_limit(void **state)
{
    struct collect_out out;
    (void)state;
    open_out(&out, 20);
    assert_true(collect_section(&out, "name", sp_str_of("0123456789"))); /* 5 + 4 + 10 */
    assert_int_equal(out.n, 19);
    assert_true(collect_put(&out, "x", 1));
    assert_false(collect_put(&out, "x", 1));
    assert_false(collect_put(&out, "", 0)); /* stays */
    uint8_t got[20];
    assert_int_equal(pread(out.fd, got, sizeof got, 0), 20);
    assert_memory_equal(got,
                        "\x04name\0\0\0\x0a"
                        "0123456789x",
                        20);
    (void)close(out.fd);
    assert_int_equal(collect_fail(&out, SP_REASON_LIMIT, "a\n%s", "\xff"), SP_REASON_LIMIT);
    assert_string_equal(out.detail, "a??");
}

/* Over any long time no more is spent than the budget, whatever was saved before. */
static void budgets_hold(void **state)
{
    struct collect_pace p;
    uint64_t now = S_NS;
    (void)state;
    collect_pace_init(&p, 50, 1000000, now);
    assert_int_equal(collect_pace_wait_us(&p), 0);
    collect_pace_fill(&p, now + 3600 * S_NS); /* an hour without work saves nothing more */
    now += 3600 * S_NS;
    collect_pace_charge(&p, COLLECT_PACE_BURST_US);
    assert_int_equal(collect_pace_wait_us(&p), 0);
    collect_pace_charge(&p, 50000); /* 50 ms of CPU are a second at 5 percent */
    assert_in_range(collect_pace_wait_us(&p), 1000000, 1000001);
    collect_pace_fill(&p, now + S_NS / 2);
    assert_in_range(collect_pace_wait_us(&p), 500000, 500001);
    collect_pace_fill(&p, now + S_NS);
    assert_int_equal(collect_pace_wait_us(&p), 0);

    uint64_t spent = 0, start = now + S_NS;
    for (now = start; now < start + 100 * S_NS; now += 7 * S_NS / 1000) {
        collect_pace_fill(&p, now);
        if (collect_pace_wait_us(&p) == 0) {
            collect_pace_charge(&p, 1700);
            spent += 1700;
        }
    }
    assert_in_range(spent, 4900000, 5000000 + COLLECT_PACE_BURST_US);

    p.bytes -= 3000000; /* read */
    assert_in_range(collect_pace_wait_us(&p), 2000000, 10000001);
    collect_pace_init(&p, 0, 0, now); /* no limits */
    collect_pace_charge(&p, 1000000000);
    collect_pace_spend(&p, 1ull << 40);
    assert_int_equal(collect_pace_wait_us(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_arguments_are_refused),
        cmocka_unit_test(logs_are_read_whole_or_from_a_place),
        cmocka_unit_test(only_what_is_configured_may_be_read),
        cmocka_unit_test(a_document_has_a_limit),
        cmocka_unit_test(budgets_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
