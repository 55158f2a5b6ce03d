/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts that people and programs hand over: selectors, labels, calendars, windows, enrolment tokens, hexadecimal. The first byte
 * says which. Each is refused, or means what its limits allow and reads back the same. */
#include <stdlib.h>
#include <string.h>

#include "enrol_token.h"
#include "sp_assert.h"
#include "sp_cron.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "sp_selector.h"
#include "window_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* text: selector, a line feed, labels. */
static void selector(struct sp_str text)
{
    struct sp_selector s;
    struct sp_str value, labels = {NULL, 0};
    uint32_t bad = UINT32_MAX;
    const char *line = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
    if (line != NULL) {
        labels = sp_str_bytes(line + 1, text.n - (size_t)(line + 1 - text.p));
        text = sp_str_bytes(text.p, (size_t)(line - text.p));
    }
    bool good = sp_selector_parse(text, &s, &bad);
    SP_ASSERT(good || bad <= text.n);
    SP_ASSERT(!good || s.count <= SP_SELECTOR_TERMS_MAX);
    bool selects = sp_selector_text_match(text, sp_str_of("node-1"), labels);
    SP_ASSERT(!selects || good); /* a malformed one selects nothing */
    SP_ASSERT(!good || selects == sp_selector_match(&s, sp_str_of("node-1"), labels));
    for (uint32_t i = 0; good && i < s.count; i++) {
        SP_ASSERT(s.terms[i].key.n <= SP_LABEL_BYTES_MAX);
        bool has = sp_selector_label(labels, s.terms[i].key, &value);
        SP_ASSERT(!has || (value.p >= labels.p && value.p + value.n <= labels.p + labels.n));
    }
    (void)sp_selector_labels_valid(labels);
}

static void cron(struct sp_str text)
{
    struct sp_cron c;
    struct sp_wall after = {1767225600000};
    if (!sp_cron_parse(text, &c))
        return;
    SP_ASSERT(c.minutes != 0 && c.minutes >> 60 == 0 && c.hours != 0 && c.hours >> 24 == 0 && c.months >> 13 == 0 &&
              c.weekdays >> 7 == 0);
    struct sp_wall next = sp_cron_next(&c, after);
    SP_ASSERT(next.ms > after.ms);
    SP_ASSERT(next.ms == UINT64_MAX || (next.ms % 60000 == 0 && (c.minutes >> next.ms / 60000 % 60 & 1) != 0));
}

static void window(struct sp_str text)
{
    struct check_def_window w, again;
    char back[WINDOW_TEXT_BYTES];
    if (!window_text_parse(text, &w))
        return;
    window_text_format(&w, back);
    SP_ASSERT(window_text_parse(sp_str_of(back), &again));
    SP_ASSERT(memcmp(&w, &again, sizeof w) == 0);
}

static void token(struct sp_str text)
{
    static struct enrol_token t;
    struct sp_err err = {0};
    char *copy = malloc(text.n + 1);
    SP_ASSERT(copy != NULL);
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (enrol_token_parse(copy, &t, &err) == SP_OK) {
        SP_ASSERT(t.broker_count >= 1 && t.broker_count <= SP_CONF_BROKERS_MAX && t.principal_count <= ENROL_TOKEN_ROWS);
        SP_ASSERT(memchr(t.name, '\0', sizeof t.name) != NULL && memchr(t.enrol, '\0', sizeof t.enrol) != NULL);
        enrol_token_wipe(&t);
    } else {
        SP_ASSERT(err.text[0] != '\0');
        SP_ASSERT(strlen(copy) < 24 || strstr(err.text, copy) == NULL); /* errors never repeat it */
    }
    free(copy);
}

static void hex(struct sp_str text)
{
    uint8_t bytes[32];
    char back[65];
    if (!sp_hex_parse(text, bytes, sizeof bytes))
        return;
    sp_hex_write(bytes, sizeof bytes, back);
    SP_ASSERT(text.n == 64);
    for (size_t i = 0; i < 64; i++)
        SP_ASSERT((back[i] | 0x20) == (text.p[i] | 0x20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct sp_str) = {selector, cron, window, token, hex};
    static bool ready;
    if (!ready) {
        SP_ASSERT(sp_crypto_init() == SP_OK);
        ready = true;
    }
    if (size > 0)
        kinds[data[0] % SP_COUNT(kinds)](sp_str_bytes(data + 1, size - 1));
    return 0;
}
