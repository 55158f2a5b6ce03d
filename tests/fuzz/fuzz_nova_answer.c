/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of Nova's API about servers and services, and the file of records: whatever comes, the cores stay sound and bounded. The
 * first byte chooses; lists are read as cloud_nova reads a page. */
#include <stdlib.h>

#include "cloud_exposure.h"
#include "sp_assert.h"

static struct exposure_core exposure;
static struct action_core action;

static const char *pool_of_trait(void *self, const char *trait)
{
    (void)self;
    return trait[0] == 'C' ? "gold" : NULL;
}

static bool on_server(void *self, const json_t *row)
{
    static const struct cloud_exposure_words words = {.trusted = "trusted", .pool_of_trait = pool_of_trait};
    struct exposure_server s;
    (void)self;
    if (!cloud_exposure_server(row, &words, &s))
        return false;
    exposure_core_server(&exposure, EXPOSURE_ASK_ALL, &s);
    SP_ASSERT(exposure_core_check(&exposure));
    return true;
}

static bool on_service(void *self, const json_t *row)
{
    struct cloud_exposure_service s;
    (void)self;
    if (!cloud_exposure_service(row, &s))
        return false;
    action_core_service(&action, s.id, s.host, s.enabled, s.reason);
    return true;
}

static void page(const uint8_t *p, size_t n, const char *member, bool (*row)(void *self, const json_t *row))
{
    struct cloud_nova_list list = {.member = member, .id = "id", .rows_max = 1000, .row = row};
    char last[CLOUD_NOVA_ID_BYTES] = "";
    uint32_t rows = 0;
    bool more = false;
    json_t *doc = json_loadb((const char *)p, n, JSON_REJECT_DUPLICATES, NULL);
    bool whole = doc != NULL && cloud_nova_page(&list, doc, &rows, last, &more) == NULL;
    if (row == on_server)
        exposure_core_done(&exposure, (struct sp_mono){2}, EXPOSURE_ASK_ALL, whole);
    else
        action_core_done(&action, (struct sp_mono){2}, ACTION_ASK_SERVICES, whole ? ACTION_DONE : ACTION_FAILED);
    json_decref(doc);
}

static void servers(const uint8_t *p, size_t n)
{
    struct exposure_options o = {.rows_max = 16, .interval_ms = 1000};
    enum exposure_ask ask;
    const char *host;
    SP_ASSERT(exposure_core_init(&exposure, &o, (struct sp_mono){1}));
    SP_ASSERT(exposure_core_next(&exposure, (struct sp_mono){1}, &ask, &host) && ask == EXPOSURE_ASK_ALL);
    page(p, n, "servers", on_server);
    SP_ASSERT(exposure_core_check(&exposure));
    exposure_core_fini(&exposure);
}

static void services(const uint8_t *p, size_t n)
{
    struct action_options o = {.act = true, .at_once = 1, .share_percent = 10};
    struct action_record r = {.service = "4bf92673-8036-4c60-9112-8c15def70353",
                              .host = "cmp-1",
                              .node = "n",
                              .pool = "gold",
                              .reason = ACTION_PREFIX "x",
                              .state = ACTION_DISABLED};
    struct action_ask ask;
    SP_ASSERT(action_core_init(&action, &o, (struct sp_mono){1}) && action_core_load(&action, &r));
    SP_ASSERT(action_core_next(&action, (struct sp_mono){1}, &ask) && ask.kind == ACTION_ASK_SERVICES);
    page(p, n, "services", on_service);
    SP_ASSERT(action_core_check(&action));
    while (
        action_core_next(&action, (struct sp_mono){3}, &ask)) { /* nothing but the records can come of it: no scan allows a write */
        SP_ASSERT(ask.kind == ACTION_ASK_STORE);
        action_core_done(&action, (struct sp_mono){3}, ask.kind, ACTION_DONE);
    }
    action_core_fini(&action);
}

/* What was read writes itself the same again. */
static void records(const uint8_t *p, size_t n)
{
    struct action_options o = {.act = true, .at_once = 1, .share_percent = 10};
    SP_ASSERT(action_core_init(&action, &o, (struct sp_mono){1}));
    if (cloud_exposure_load(&action, sp_str_bytes(p, n))) {
        static struct action_core again;
        char *text = cloud_exposure_records(&action);
        SP_ASSERT(text != NULL && action_core_init(&again, &o, (struct sp_mono){1}) &&
                  cloud_exposure_load(&again, sp_str_of(text)));
        SP_ASSERT(again.record_count == action.record_count);
        action_core_fini(&again);
        free(text);
    }
    SP_ASSERT(action_core_check(&action));
    action_core_fini(&action);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    if (p[0] % 3 == 0)
        servers(p + 1, n - 1);
    else if (p[0] % 3 == 1)
        services(p + 1, n - 1);
    else
        records(p + 1, n - 1);
    return 0;
}
