/* SPDX-License-Identifier: Apache-2.0 */
#include "keylime_answer.h"

#include <stdio.h>
#include <string.h>

/* ---- JSON, read in place --------------------------------------------------------------------------------------- */

struct scan {
    const char *p, *end;
    const char *bad; /* what is wrong; sticky */
};

static void spoil(struct scan *s, const char *why)
{
    s->bad = s->bad != NULL ? s->bad : why;
    s->p = s->end;
}

/* Returns the next character that is no space, without taking it; 0 at the end. */
static char look(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')) {
        s->p++;
    }
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c)
{
    if (look(s) != c) {
        return false;
    }
    s->p++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Takes the rest of an escape after its backslash. */
static void escape(struct scan *s)
{
    char c = s->p < s->end ? *s->p++ : '\0';
    if (c == 'u') {
        for (int i = 0; i < 4; i++) {
            if (s->p >= s->end || !is_hex(*s->p++)) {
                spoil(s, "an escape is wrong");
                return;
            }
        }
    } else if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
        spoil(s, "an escape is wrong");
    }
}

/* Takes a text; *plain: it has no escapes, so *out is what it means. */
static void text(struct scan *s, struct sp_str *out, bool *plain)
{
    *plain = true;
    *out = sp_str_of("");
    if (!take(s, '"')) {
        spoil(s, "a text is missing");
        return;
    }
    const char *from = s->p;
    while (s->p < s->end && *s->p != '"') {
        char c = *s->p++;
        if ((unsigned char)c < 0x20) {
            spoil(s, "a control character in a text");
        } else if (c == '\\') {
            *plain = false;
            escape(s);
        }
    }
    if (s->p >= s->end) {
        spoil(s, "a text does not end");
        return;
    }
    *out = sp_str_bytes(from, (size_t)(s->p - from));
    s->p++;
}

static void digits(struct scan *s)
{
    if (s->p >= s->end || !is_digit(*s->p)) {
        spoil(s, "a number is wrong");
    }
    while (s->p < s->end && is_digit(*s->p)) {
        s->p++;
    }
}

static void number(struct scan *s)
{
    if (*s->p == '-') {
        s->p++;
    }
    bool zero = s->p < s->end && *s->p == '0';
    const char *from = s->p;
    digits(s);
    if (zero && s->bad == NULL && s->p - from > 1) {
        spoil(s, "a number is wrong");
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        digits(s);
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }
        digits(s);
    }
}

static void literal(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
            s->p += n;
            return;
        }
    }
    spoil(s, "a value is missing");
}

/* Takes the name of a member and its colon. */
static void member(struct scan *s, struct sp_str *name, bool *plain)
{
    text(s, name, plain);
    if (!take(s, ':')) {
        spoil(s, "a member has no value");
    }
}

/* After an opening brace or bracket, and after each element. True: one more element follows. */
static bool more(struct scan *s, char close, bool first)
{
    if (s->bad != NULL || take(s, close)) {
        return false;
    }
    if (!first && !take(s, ',')) {
        spoil(s, "a comma or an end is missing");
        return false;
    }
    return true;
}

/* Takes one whole value, whatever it is. Not recursive: the kinds of what is open are bits of `objects`. */
static void skip(struct scan *s)
{
    uint32_t objects = 0;
    unsigned depth = 0;
    struct sp_str name;
    bool plain, first;
    do {
        char c = look(s);
        first = c == '{' || c == '[';
        if (first && depth == KEYLIME_DEPTH_MAX) {
            spoil(s, "nested too deeply");
            return;
        }
        if (first) {
            s->p++;
            depth++;
            objects = objects << 1 | (c == '{');
        } else if (c == '"') {
            text(s, &name, &plain);
        } else if (c == '-' || is_digit(c)) {
            number(s);
        } else {
            literal(s);
        }
        while (depth > 0 && s->bad == NULL && !more(s, (objects & 1) != 0 ? '}' : ']', first)) {
            depth--;
            objects >>= 1;
            first = false;
        }
        if (depth > 0 && (objects & 1) != 0) {
            member(s, &name, &plain);
        }
    } while (depth > 0 && s->bad == NULL);
}

/* ---- fields of an agent ---------------------------------------------------------------------------------------- */

/* Takes a whole number or null. False: something else. */
static bool whole(struct scan *s, int64_t *out)
{
    char c = look(s);
    const char *from = s->p;
    uint64_t v = 0;
    *out = KEYLIME_NONE;
    skip(s);
    if (c == 'n' || s->bad != NULL) {
        return true;
    }
    if (!is_digit(c) || !sp_str_u64(sp_str_bytes(from, (size_t)(s->p - from)), INT64_MAX, &v)) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

/* Takes a text or null ("" then). False: something else, or it does not fit. */
static bool words(struct scan *s, char *to, size_t size)
{
    struct sp_str t;
    bool plain = false;
    to[0] = '\0';
    if (look(s) != '"') {
        char c = look(s);
        skip(s);
        return c == 'n';
    }
    text(s, &t, &plain);
    return plain && sp_str_copy(to, size, t);
}

/* "10s"; null is none. */
static bool span(struct scan *s, int64_t *out)
{
    char t[24];
    uint64_t v = 0;
    *out = KEYLIME_NONE;
    if (!words(s, t, sizeof t)) {
        return false;
    }
    size_t n = strlen(t);
    if (n == 0) {
        return true;
    }
    if (t[n - 1] != 's' || !sp_str_u64(sp_str_bytes(t, n - 1), INT32_MAX, &v)) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

static bool flag(struct scan *s, bool *out)
{
    int64_t v;
    bool ok = whole(s, &v);
    *out = v == 1;
    return ok && (v == 0 || v == 1 || v == KEYLIME_NONE);
}

static bool status_word(struct scan *s, enum keylime_word *out)
{
    static const char *const names[] = {"", "PASS", "FAIL", "PENDING", "TIMEOUT"};
    char t[24];
    *out = KEYLIME_WORD_ODD;
    if (!words(s, t, sizeof t)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(t, names[i]) == 0) {
            *out = (enum keylime_word)i;
        }
    }
    return true;
}

enum field {
    F_STATE,
    F_WORD,
    F_COUNT,
    F_RECEIVED,
    F_SUCCEEDED,
    F_SEVERITY,
    F_PERIOD,
    F_RUNTIME,
    F_BOOT,
    F_IP,
    F_PORT,
    F_EVENT,
    F_COUNT_OF
};

static enum field field_of(struct sp_str name)
{
    static const char *const names[F_COUNT_OF] = {[F_STATE] = "operational_state",
                                                  [F_WORD] = "attestation_status",
                                                  [F_COUNT] = "attestation_count",
                                                  [F_RECEIVED] = "last_received_quote",
                                                  [F_SUCCEEDED] = "last_successful_attestation",
                                                  [F_SEVERITY] = "severity_level",
                                                  [F_PERIOD] = "attestation_period",
                                                  [F_RUNTIME] = "has_runtime_policy",
                                                  [F_BOOT] = "has_mb_refstate",
                                                  [F_IP] = "ip",
                                                  [F_PORT] = "port",
                                                  [F_EVENT] = "last_event_id"};
    unsigned i = 0;
    while (i < F_COUNT_OF && !sp_str_is(name, names[i])) {
        i++;
    }
    return (enum field)i;
}

static bool take_field(struct scan *s, enum field f, struct keylime_status *st)
{
    int64_t port = KEYLIME_NONE;
    bool ok = true;
    switch (f) {
    case F_STATE:
        return whole(s, &st->state);
    case F_WORD:
        return status_word(s, &st->word);
    case F_COUNT:
        return whole(s, &st->count);
    case F_RECEIVED:
        return whole(s, &st->received);
    case F_SUCCEEDED:
        return whole(s, &st->succeeded);
    case F_SEVERITY:
        return whole(s, &st->severity);
    case F_PERIOD:
        return span(s, &st->period_s);
    case F_RUNTIME:
        return flag(s, &st->has_runtime);
    case F_BOOT:
        return flag(s, &st->has_boot);
    case F_IP:
        ok = words(s, st->ip, sizeof st->ip);
        st->has_contact = st->has_contact || st->ip[0] != '\0';
        return ok;
    case F_PORT:
        ok = whole(s, &port);
        st->has_contact = st->has_contact || port != KEYLIME_NONE;
        return ok;
    case F_EVENT:
        return words(s, st->event, sizeof st->event);
    case F_COUNT_OF:
    default:
        skip(s);
        return true;
    }
}

static void take_agent(struct scan *s, struct keylime_status *st)
{
    uint32_t had = 0;
    struct sp_str name;
    bool plain;
    bool again = st->seen;
    *st = (struct keylime_status){.seen = true,
                                  .odd = again,
                                  .state = KEYLIME_NONE,
                                  .count = KEYLIME_NONE,
                                  .received = KEYLIME_NONE,
                                  .succeeded = KEYLIME_NONE,
                                  .severity = KEYLIME_NONE,
                                  .period_s = KEYLIME_NONE};
    char c = look(s);
    const char *from = s->p;
    if (c != '{') {
        st->odd = true;
        skip(s);
        return;
    }
    s->p++;
    for (bool first = true; more(s, '}', first); first = false) {
        member(s, &name, &plain);
        enum field f = field_of(name);
        bool twice = f < F_COUNT_OF && (had >> f & 1u) != 0;
        st->odd = !take_field(s, f, st) || twice || !plain || st->odd; /* names are plain ASCII: an escape hides something */
        had |= f < F_COUNT_OF ? 1u << f : 0;
    }
    st->raw = sp_str_bytes(from, (size_t)(s->p - from));
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

struct keylime_agent *keylime_find(struct keylime_agent *agent, size_t count, struct sp_str id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        size_t n = strlen(agent[mid].id);
        size_t least = n < id.n ? n : id.n;
        int order = memcmp(agent[mid].id, id.p, least);
        if (order == 0 && n == id.n) {
            return &agent[mid];
        }
        if (order < 0 || (order == 0 && n < id.n)) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

static void take_results(struct scan *s, struct keylime_agent *agent, size_t count)
{
    struct sp_str name;
    bool plain;
    if (!take(s, '{')) {
        spoil(s, "results is no object");
    }
    for (bool first = true; more(s, '}', first); first = false) {
        member(s, &name, &plain);
        struct keylime_agent *a = s->bad == NULL && plain && name.n > 0 ? keylime_find(agent, count, name) : NULL;
        if (a != NULL) {
            take_agent(s, &a->status);
        } else {
            skip(s);
        }
    }
}

bool keylime_answer(struct sp_str body, struct keylime_agent *agent, size_t count, char *why)
{
    struct scan s = {body.p, body.p + body.n, NULL};
    struct sp_str name;
    bool plain;
    bool had = false;
    for (size_t i = 0; i < count; i++) {
        agent[i].status = (struct keylime_status){0};
    }
    if (!take(&s, '{')) {
        spoil(&s, "not a JSON object");
    }
    for (bool first = true; more(&s, '}', first); first = false) {
        member(&s, &name, &plain);
        bool results = sp_str_is(name, "results");
        if (!plain || (results && had)) {
            spoil(&s, "a member is named twice or hidden");
        } else if (results) {
            had = true;
            take_results(&s, agent, count);
        } else {
            skip(&s);
        }
    }
    if (s.bad == NULL && look(&s) != '\0') {
        spoil(&s, "more than one JSON value");
    }
    if (s.bad == NULL && (s.p < s.end || !had)) {
        spoil(&s, had ? "more than one JSON value" : "no results");
    }
    for (size_t i = 0; s.bad != NULL && i < count; i++) {
        agent[i].status = (struct keylime_status){0};
    }
    if (s.bad != NULL) {
        (void)snprintf(why, 256, "the verifier's list cannot be read: %s", s.bad);
    }
    return s.bad == NULL;
}

void keylime_fault(struct sp_str body, char *to, size_t size)
{
    struct scan s = {body.p, body.p + body.n, NULL};
    struct sp_str name;
    struct sp_str said = {NULL, 0};
    bool plain;
    if (!take(&s, '{')) {
        spoil(&s, "");
    }
    for (bool first = true; more(&s, '}', first); first = false) {
        member(&s, &name, &plain);
        if (sp_str_is(name, "status") && look(&s) == '"') {
            text(&s, &said, &plain);
        } else {
            skip(&s);
        }
    }
    if (s.bad != NULL || said.n == 0) {
        (void)snprintf(to, size, "without words of the protocol");
    } else {
        (void)snprintf(to, size, "%.*s", said.n < 200 ? (int)said.n : 200, said.p);
    }
}

bool keylime_is_id(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= KEYLIME_ID_MAX && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* ---- judgement ------------------------------------------------------------------------------------------------- */

static bool is_communication(const char *event)
{
    return strcmp(event, "internal.verifier.not_reachable") == 0 || strcmp(event, "internal.verifier.not_reachable_v") == 0;
}

static enum keylime_level level_of_word(enum keylime_word word)
{
    switch (word) {
    case KEYLIME_WORD_PASS:
        return KEYLIME_GOOD;
    case KEYLIME_WORD_FAIL:
        return KEYLIME_BAD;
    case KEYLIME_WORD_PENDING:
        return KEYLIME_NOT_STARTED;
    case KEYLIME_WORD_TIMEOUT:
        return KEYLIME_UNREACHABLE;
    case KEYLIME_WORD_NONE:
    case KEYLIME_WORD_ODD:
    default:
        return KEYLIME_ODD;
    }
}

enum keylime_level keylime_level(const struct keylime_status *s)
{
    /* registered, start, saved, get quote, its retry, provide V, its retry, failed, terminated, invalid quote, tenant failed */
    static const enum keylime_level levels[] = {KEYLIME_NOT_STARTED, KEYLIME_NOT_STARTED, KEYLIME_NOT_STARTED, KEYLIME_GOOD,
                                                KEYLIME_GOOD,        KEYLIME_GOOD,        KEYLIME_GOOD,        KEYLIME_BAD,
                                                KEYLIME_NOT_STARTED, KEYLIME_BAD,         KEYLIME_NOT_STARTED};
    if (!s->seen) {
        return KEYLIME_ABSENT;
    }
    if (s->odd) {
        return KEYLIME_ODD;
    }
    if (s->state == KEYLIME_NONE ||
        (!s->has_contact && s->word != KEYLIME_WORD_NONE)) { /* the node pushes: the word is the state */
        return level_of_word(s->word);
    }
    if (s->state < 0 || s->state >= (int64_t)(sizeof levels / sizeof levels[0])) {
        return KEYLIME_ODD;
    }
    enum keylime_level level = levels[s->state];
    if (level == KEYLIME_BAD && is_communication(s->event)) {
        return KEYLIME_UNREACHABLE;
    }
    if (level == KEYLIME_GOOD && s->word != KEYLIME_WORD_NONE && s->word != KEYLIME_WORD_PASS) {
        return s->word == KEYLIME_WORD_FAIL ? KEYLIME_BAD : KEYLIME_ODD; /* the two must agree */
    }
    return level;
}

static enum keylime_freshness told(const char **why, enum keylime_freshness f, const char *text_of_it)
{
    *why = text_of_it;
    return f;
}

enum keylime_freshness keylime_fresh(const struct keylime_status *s, const struct keylime_proof *p, const char **why)
{
    if (p->date_s == KEYLIME_NONE || p->asked_s == KEYLIME_NONE) {
        return told(why, KEYLIME_STALE, "the verifier tells no Date, so its times cannot be judged");
    }
    if (s->count == KEYLIME_NONE || s->succeeded == KEYLIME_NONE || s->succeeded == 0 || s->received == KEYLIME_NONE) {
        return told(why, KEYLIME_WAIT, "the verifier counts no successful attestation");
    }
    if (s->succeeded > p->date_s + KEYLIME_SLACK_S) {
        return told(why, KEYLIME_STALE, "the last attestation is dated in the future of its own verifier");
    }
    if (s->received < s->succeeded) {
        return told(why, KEYLIME_STALE, "the last attestation is newer than the last quote");
    }
    if ((p->kept_succeeded != KEYLIME_NONE && s->succeeded < p->kept_succeeded) ||
        (p->base_succeeded != KEYLIME_NONE && s->succeeded < p->base_succeeded)) {
        return told(why, KEYLIME_STALE, "the time of the last attestation went back");
    }
    if ((p->kept_count != KEYLIME_NONE && s->count < p->kept_count) ||
        (p->base_count != KEYLIME_NONE && s->count < p->base_count)) {
        return told(why, KEYLIME_STALE,
                    "the count of attestations went back: the agent was enrolled anew, or the verifier's store put back");
    }
    int64_t base = p->base_count != KEYLIME_NONE ? p->base_count : 0;
    if (s->count - base < p->attestations) {
        return told(why, KEYLIME_WAIT, "no attestation was counted since we asked");
    }
    if (s->succeeded < p->asked_s - KEYLIME_SLACK_S) {
        return told(why, KEYLIME_STALE, "the count moves, but the last attestation is older than our question");
    }
    return told(why, KEYLIME_FRESH, NULL);
}
