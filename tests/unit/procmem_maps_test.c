/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of processes, as text: lines of maps, stat, status; texts of the configuration; control groups and command
 * lines. */
#include "procmem_maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "procmem_find.h"
#include "sp_assert.h"

static void lines(void **state)
{
    (void)state;
    struct sp_str text = sp_str_of("00400000-00401000 r-xp 00001000 fd:01 1234                       /usr/sbin/my prog\n"
                                   "7f0000000000-7f0000002000 rwxs 00000000 00:05 99 /memfd:x (deleted)\n"
                                   "7fff00000000-7fff00001000 rw-p 00000000 00:00 0 \n"
                                   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
    struct procmem_line l;
    assert_true(procmem_maps_next(&text, &l));
    assert_int_equal(l.start, 0x400000);
    assert_int_equal(l.end, 0x401000);
    assert_int_equal(l.offset, 0x1000);
    assert_int_equal(l.inode, 1234);
    assert_int_equal(l.major, 0xfd);
    assert_int_equal(l.minor, 1);
    assert_true(l.read && l.execute && !l.write && !l.shared && !l.deleted);
    assert_true(sp_str_is(l.path, "/usr/sbin/my prog"));
    assert_int_equal(procmem_maps_kind(&l), PROCMEM_MAP_FILE);
    assert_true(procmem_maps_next(&text, &l));
    assert_true(l.write && l.shared && l.deleted && sp_str_is(l.path, "/memfd:x") && procmem_maps_is_memfd(l.path));
    assert_true(procmem_maps_next(&text, &l));
    assert_int_equal(l.path.n, 0);
    assert_int_equal(procmem_maps_kind(&l), PROCMEM_MAP_ANONYMOUS);
    assert_true(procmem_maps_next(&text, &l));
    assert_true(l.execute && !l.read);
    assert_int_equal(l.start, 0xffffffffff600000u);
    assert_int_equal(procmem_maps_kind(&l), PROCMEM_MAP_SPECIAL);
    assert_false(procmem_maps_next(&text, &l));
    assert_int_equal(text.n, 0);
}

static void no_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {"x",
                                      "1-0 r-xp 0 0:0 0\n",
                                      "0-1 r-x 0 0:0 0\n",
                                      "0-1 r-xp g 0:0 0\n",
                                      "0-1 r-xp 0 00 0\n",
                                      "0-1 r-xp 0 0:0 x\n",
                                      "00000000000000000-1 r-xp 0 0:0 0\n",
                                      "0 r-xp 0 0:0 0\n",
                                      "\n"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        struct sp_str text = sp_str_of(bad[i]);
        struct procmem_line l;
        assert_false(procmem_maps_next(&text, &l));
        assert_true(text.n > 0); /* not the end */
    }
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum procmem_map_kind kind;
    } cases[] = {{"[vdso]", PROCMEM_MAP_VDSO},          {"[heap]", PROCMEM_MAP_ANONYMOUS},  {"[stack]", PROCMEM_MAP_ANONYMOUS},
                 {"[anon:jit]", PROCMEM_MAP_ANONYMOUS}, {"[uprobes]", PROCMEM_MAP_SPECIAL}, {"anon_inode:x", PROCMEM_MAP_SPECIAL},
                 {"/[vdso]", PROCMEM_MAP_FILE}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        struct procmem_line l = {.path = sp_str_of(cases[i].path)};
        assert_int_equal(procmem_maps_kind(&l), cases[i].kind);
    }
    assert_false(procmem_maps_is_memfd(sp_str_of("/dev/shm/x")));
    assert_true(procmem_maps_is_memfd(sp_str_of("/SYSV00000000")));
}

static void fields(void **state)
{
    (void)state;
    char letter = 0;
    uint64_t start = 0;
    /* a process may call itself what it likes */
    assert_true(
        procmem_maps_stat(sp_str_of("7 (a) R 1 (b) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9"), &letter, &start));
    assert_int_equal(letter, 'S');
    assert_int_equal(start, 4242);
    assert_false(procmem_maps_stat(sp_str_of("7 (a) S 1"), &letter, &start));
    assert_false(procmem_maps_stat(sp_str_of(""), &letter, &start));
    struct sp_str status = sp_str_of("Name:\tmy name\nTracerPid:\t12\nUid:\t1\t2\t3\t4\n");
    assert_int_equal(procmem_maps_status(status, "TracerPid", 0), 12);
    assert_int_equal(procmem_maps_status(status, "Uid", 1), 2);
    assert_int_equal(procmem_maps_status(status, "Gid", 1), 0);
    assert_true(sp_str_is(procmem_maps_name(status), "my name"));
}

static void services(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        enum procmem_find_by by;
        const char *name, *what;
    } cases[] = {{"nginx", true, PROCMEM_FIND_UNIT, "nginx", "nginx.service"},
                 {"vm=unit:machine-qemu*.scope", true, PROCMEM_FIND_UNIT, "vm", "machine-qemu*.scope"},
                 {"x=exe:/usr/bin/x=y", true, PROCMEM_FIND_EXE, "x", "/usr/bin/x=y"},
                 {"nova=script:/usr/bin/nova-compute", true, PROCMEM_FIND_SCRIPT, "nova", "/usr/bin/nova-compute"},
                 {"", false, 0, NULL, NULL},
                 {"=unit:x", false, 0, NULL, NULL},
                 {"a b", false, 0, NULL, NULL},
                 {"x=", false, 0, NULL, NULL},
                 {"x=unit:", false, 0, NULL, NULL},
                 {"x=exe:bin/x", false, 0, NULL, NULL},
                 {"x=pid:1", false, 0, NULL, NULL}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        struct procmem_service_spec s;
        assert_int_equal(procmem_find_parse(cases[i].text, &s), cases[i].good);
        if (cases[i].good) {
            assert_int_equal(s.by, cases[i].by);
            assert_true(sp_str_is(s.name, cases[i].name));
            assert_string_equal(s.what, cases[i].what);
        }
    }
}

static void units(void **state)
{
    (void)state;
    static const struct {
        const char *cgroup, *pattern;
        bool in;
    } cases[] = {{"0::/system.slice/nginx.service\n", "nginx.service", true},
                 {"0::/system.slice/nginx.service/worker\n", "nginx.service", true},
                 {"0::/system.slice/nginx.service.d\n", "nginx.service", false},
                 {"0::/system.slice/x-nginx.service\n", "nginx.service", false},
                 {"4:memory:/nginx.service\n0::/\n", "nginx.service", false}, /* another hierarchy is anybody's */
                 {"1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service", true},
                 {"0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt\n", "machine-qemu*.scope", true},
                 {"", "*", false},
                 {"0::/", "*", false}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        if (procmem_find_in_unit(sp_str_of(cases[i].cgroup), cases[i].pattern) != cases[i].in) {
            fail_msg("%s %s", cases[i].cgroup, cases[i].pattern);
        }
    }
}

static void scripts(void **state)
{
    (void)state;
    static const char line[] = "python3\0-s\0/usr/bin/nova\0--flag\0";
    assert_true(sp_str_is(procmem_find_script(sp_str_bytes(line, sizeof line - 1)), "/usr/bin/nova"));
    assert_int_equal(procmem_find_script(sp_str_of("python3")).n, 0);
    assert_int_equal(procmem_find_script(sp_str_of("")).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),    cmocka_unit_test(no_lines), cmocka_unit_test(kinds),   cmocka_unit_test(fields),
        cmocka_unit_test(services), cmocka_unit_test(units),    cmocka_unit_test(scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
