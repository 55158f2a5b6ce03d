/* SPDX-License-Identifier: Apache-2.0 */
/* Transport URLs: what oslo.messaging 14.0.3 makes of the same text is in the table. */
#include "amqp_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct want {
    const char *url;
    const char *hosts; /* user:password@host:port, joined by blanks */
    const char *vhost;
};

static void as_the_library_reads_them(void **state)
{
    static const struct want cases[] = {
        {"rabbit://", "guest:guest@localhost:5672", "/"},
        {"rabbit:///", "guest:guest@localhost:5672", "/"},
        {"rabbit://host", "guest:guest@host:5672", "/"},
        {"rabbit://host//", "guest:guest@host:5672", "/"},
        {"rabbit://host/%2F", "guest:guest@host:5672", "/"},
        {"rabbit://host/nova", "guest:guest@host:5672", "nova"},
        {"rabbit://host//nova", "guest:guest@host:5672", "/nova"},
        {"rabbit://host/a%2Fb", "guest:guest@host:5672", "a/b"},
        {"rabbit://u:p@h1:5672,u:p@h2:5673/nova", "u:p@h1:5672 u:p@h2:5673", "nova"},
        {"rabbit://u:p@h1,h2/nova", "u:p@h1:5672 guest:guest@h2:5672", "nova"}, /* credentials are of one host only */
        {"rabbit://u:p%40ss%3Aword@h/", "u:p@ss:word@h:5672", "/"},
        {"rabbit://us%40er@realm:pw@h/", "us@er@realm:pw@h:5672", "/"},
        {"rabbit://user@h/", "user:guest@h:5672", "/"},
        {"rabbit://user:@h/", "user:guest@h:5672", "/"},
        {"rabbit://u:p@[::1]:5671/v", "u:p@::1:5671", "v"},
        {"rabbit://u:p@[fe80::1]/v", "u:p@fe80::1:5672", "v"},
        {"rabbit://u:p@h:/v", "u:p@h:5672", "v"},
        {"rabbit://u:p@h1,/v", "u:p@h1:5672", "v"},
        {"rabbit://u:p@h:5671/v?ssl=1&ssl_ca_file=/etc/ssl/ca.pem", "u:p@h:5671", "v"},
        {"kombu+rabbit://u:p@h/v", "u:p@h:5672", "v"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct amqp_url u;
        const char *why = "";
        char text[1024] = "";
        if (!amqp_url_parse(sp_str_of(cases[i].url), &u, &why))
            fail_msg("%s: %s", cases[i].url, why);
        for (uint32_t k = 0; k < u.host_count; k++) {
            size_t n = strlen(text);
            (void)snprintf(text + n, sizeof text - n, "%s%s:%s@%s:%u", k > 0 ? " " : "", u.hosts[k].user, u.hosts[k].password,
                           u.hosts[k].host, u.hosts[k].port);
        }
        assert_string_equal(text, cases[i].hosts);
        assert_string_equal(u.vhost, cases[i].vhost);
    }
}

static void options_are_decoded(void **state)
{
    struct amqp_url u;
    const char *why = "";
    (void)state;
    assert_true(amqp_url_parse(sp_str_of("rabbit://h/v?ssl=1&&ssl_ca_file=%2Fetc%2Fca&x"), &u, &why));
    assert_int_equal(u.option_count, 3);
    assert_string_equal(u.options[1].name, "ssl_ca_file");
    assert_string_equal(u.options[1].value, "/etc/ca");
    assert_string_equal(u.options[2].value, "");
}

/* SI-15: what is wrong is said without any part of the text. */
static void refusals_repeat_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        "rabbit",
        "amqp://u:SECRET@h/v",
        "rabbit:/u:SECRET@h",
        "rabbit://u:SECRET#x@h/v",
        "rabbit://u:SECRET/x@h/v",
        "rabbit://u:SECRET@h:99999/v",
        "rabbit://u:SECRET@h:0/v",
        "rabbit://u:SECRET@[::1/v",
        "rabbit://u:SECRET%00@h/v",
        "rabbit://u:SECRET@h/v?ssl=1&ssl=0",
        ("rabbit://SECRET@1,SECRET@2,SECRET@3,SECRET@4,SECRET@5,SECRET@6,SECRET@7,SECRET@8,SECRET@9,SECRET@10,"
         "SECRET@11,SECRET@12,SECRET@13,SECRET@14,SECRET@15,SECRET@16,SECRET@17")};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct amqp_url u;
        const char *why = "";
        if (amqp_url_parse(sp_str_of(cases[i]), &u, &why))
            fail_msg("taken: %s", cases[i]);
        assert_true(strlen(why) > 5);
        assert_null(strstr(why, "SECRET"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_library_reads_them),
        cmocka_unit_test(options_are_decoded),
        cmocka_unit_test(refusals_repeat_nothing),
    };
    return cmocka_run_group_tests_name("amqp_url", tests, NULL, NULL);
}
