/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of anybody who may write to the cloud's bus: request, transport URL and base64. The first byte chooses. */
#include "amqp_url.h"
#include "json_scrub.h"
#include "oslo_message.h"
#include "sp_assert.h"
#include "sp_base64.h"

static void request(const uint8_t *p, size_t n)
{
    struct oslo_request r;
    enum oslo_bad bad = oslo_request_parse(sp_str_bytes(p, n), &r);
    if (bad == OSLO_GOOD) {
        SP_ASSERT(r.method[0] != '\0' && strlen(r.method) < sizeof r.method);
        SP_ASSERT(!r.call || strncmp(r.reply_queue, "reply_", 6) == 0);
        SP_ASSERT(r.args == NULL || json_is_object(r.args));
        SP_ASSERT(r.monitor_s >= 0 && r.monitor_s < 1e6);
    }
    oslo_request_fini(&r);
}

/* What went through once goes through unchanged. */
static void scrub(const uint8_t *p, size_t n)
{
    struct sp_buf once, twice;
    sp_buf_init(&once, n * 2 + 64);
    sp_buf_init(&twice, n * 4 + 128);
    if (json_scrub(sp_str_bytes(p, n), 16, &once) && json_scrub(sp_buf_view(&once), 16, &twice))
        SP_ASSERT(sp_str_eq(sp_buf_view(&once), sp_buf_view(&twice)));
    sp_buf_fini(&once);
    sp_buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    if (p[0] % 4 == 0) {
        request(p + 1, n - 1);
    } else if (p[0] % 4 == 1) {
        scrub(p + 1, n - 1);
    } else if (p[0] % 4 == 2) {
        static struct amqp_url u;
        const char *why = NULL;
        if (amqp_url_parse(sp_str_bytes(p + 1, n - 1), &u, &why))
            SP_ASSERT(u.host_count > 0 && u.host_count <= AMQP_URL_HOSTS_MAX && u.vhost[0] != '\0');
        else
            SP_ASSERT(why != NULL);
    } else {
        uint8_t nonce[16];
        struct sp_buf b;
        sp_buf_init(&b, 64);
        if (sp_base64_read(sp_str_bytes(p + 1, n - 1), nonce, sizeof nonce)) {
            sp_base64_write(&b, nonce, sizeof nonce);
            SP_ASSERT(sp_str_eq(sp_buf_view(&b), sp_str_bytes(p + 1, n - 1)));
        }
        sp_buf_fini(&b);
    }
    return 0;
}
