/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_selector.h"

static bool is_word(struct sp_str a, const char *more)
{
    if (a.n == 0 || a.n > SP_LABEL_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < a.n; i++) {
        char c = a.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || (strchr("._/-", c) == NULL && strchr(more, c) == NULL)))
            return false;
    }
    return true;
}

static struct sp_str part(struct sp_str a, uint32_t from, uint32_t to)
{
    struct sp_str s = {a.p + from, to - from};
    return sp_str_trim(s);
}

static bool parse_in(struct sp_str term, uint32_t at, struct sp_selector_term *out)
{
    out->op = SP_SELECT_IN;
    out->key = part(term, 0, at);
    struct sp_str list = part(term, at + 4, term.n), head;
    if (list.n < 2 || list.p[0] != '(' || list.p[list.n - 1] != ')')
        return false;
    out->value = part(list, 1, list.n - 1);
    struct sp_str rest = out->value;
    bool any = false;
    while (sp_str_next(&rest, '|', &head)) {
        any = true;
        if (!is_word(head, ""))
            return false;
    }
    return any && is_word(out->key, "");
}

static bool parse_term(struct sp_str term, struct sp_selector_term *out)
{
    if (term.n > 1 && term.p[0] == '!') {
        out->op = SP_SELECT_HAS_NOT;
        out->key = part(term, 1, term.n);
        return is_word(out->key, "");
    }
    for (uint32_t i = 0; i < term.n; i++) {
        if (term.n - i > 4 && memcmp(term.p + i, " in ", 4) == 0)
            return parse_in(term, i, out);
        if (term.p[i] == '=') {
            bool is_not = i > 0 && term.p[i - 1] == '!';
            out->key = part(term, 0, is_not ? i - 1 : i);
            out->value = part(term, i + 1, term.n);
            bool by_name = sp_str_is(out->key, "name") && !is_not;
            out->op = by_name ? SP_SELECT_NAME : is_not ? SP_SELECT_IS_NOT : SP_SELECT_IS;
            return is_word(out->key, "") && is_word(out->value, by_name ? "*?" : "");
        }
    }
    out->op = SP_SELECT_HAS;
    out->key = term;
    return is_word(term, "");
}

static uint32_t skip(struct sp_str a, uint32_t at, const char *more)
{
    while (at < a.n && is_word((struct sp_str){a.p + at, 1}, more))
        at++;
    return at;
}

static uint32_t skip_space(struct sp_str a, uint32_t at)
{
    while (at < a.n && (a.p[at] == ' ' || a.p[at] == '\t'))
        at++;
    return at;
}

/* Where a malformed term stops making sense: the first character that no term could have there. */
static uint32_t fault(struct sp_str a)
{
    uint32_t start = skip_space(a, a.n > 0 && a.p[0] == '!' ? 1 : 0);
    uint32_t at = skip(a, start, ""), more = skip_space(a, at);
    if (at == start || more == a.n || start > 0)
        return more;
    if (a.n - at > 4 && memcmp(a.p + at, " in ", 4) == 0) {
        more = skip_space(a, at + 4);
        while (more < a.n && (a.p[more] == '(' || a.p[more] == '|')) {
            uint32_t item = skip_space(a, more + 1);
            more = skip_space(a, skip(a, item, ""));
            if (more == item)
                return item;
        }
        return more < a.n && a.p[more] == ')' ? skip_space(a, more + 1) : more;
    }
    more += a.p[more] == '!' && more + 1 < a.n && a.p[more + 1] == '=' ? 1 : 0;
    if (a.p[more] != '=')
        return more;
    return skip_space(a, skip(a, skip_space(a, more + 1), at - start == 4 && memcmp(a.p + start, "name", 4) == 0 ? "*?" : ""));
}

/* The offset in text of what is wrong with this term of it. */
static uint32_t fault_in(struct sp_str text, struct sp_str head)
{
    struct sp_str term = sp_str_trim(head);
    uint32_t at = fault(term);
    return at < term.n ? (uint32_t)(term.p - text.p) + at : (uint32_t)(head.p - text.p) + head.n;
}

bool sp_selector_parse(struct sp_str text, struct sp_selector *out, uint32_t *bad_at)
{
    struct sp_str rest = text, head;
    out->count = 0;
    if (sp_str_trim(text).n == 0)
        return true;
    while (rest.p != NULL) {
        bool ends_open = !sp_str_next(&rest, ',', &head);
        if (bad_at != NULL)
            *bad_at = ends_open ? text.n : fault_in(text, head);
        if (ends_open || out->count == SP_SELECTOR_TERMS_MAX || !parse_term(sp_str_trim(head), &out->terms[out->count]))
            return false;
        out->count++;
    }
    return true;
}

bool sp_selector_label(struct sp_str labels, struct sp_str key, struct sp_str *value)
{
    struct sp_str rest = labels, head;
    while (sp_str_next(&rest, ',', &head)) {
        if (head.n > key.n && head.p[key.n] == '=' && memcmp(head.p, key.p, key.n) == 0) {
            value->p = head.p + key.n + 1;
            value->n = head.n - key.n - 1;
            return true;
        }
    }
    return false;
}

bool sp_selector_glob(struct sp_str pattern, struct sp_str text)
{
    uint32_t p = 0, t = 0, star = UINT32_MAX, mark = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star != UINT32_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static bool in_list(struct sp_str list, struct sp_str value)
{
    struct sp_str head;
    while (sp_str_next(&list, '|', &head))
        if (sp_str_eq(head, value))
            return true;
    return false;
}

static bool term_holds(const struct sp_selector_term *t, struct sp_str name, struct sp_str labels)
{
    struct sp_str value;
    if (t->op == SP_SELECT_NAME)
        return sp_selector_glob(t->value, name);
    bool has = sp_selector_label(labels, t->key, &value);
    switch (t->op) {
    case SP_SELECT_IS:
        return has && sp_str_eq(value, t->value);
    case SP_SELECT_IS_NOT:
        return !has || !sp_str_eq(value, t->value);
    case SP_SELECT_HAS:
        return has;
    case SP_SELECT_HAS_NOT:
        return !has;
    case SP_SELECT_IN:
        return has && in_list(t->value, value);
    case SP_SELECT_NAME:
        break;
    }
    return false;
}

bool sp_selector_match(const struct sp_selector *s, struct sp_str name, struct sp_str labels)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!term_holds(&s->terms[i], name, labels))
            return false;
    return true;
}

bool sp_selector_text_match(struct sp_str selector, struct sp_str name, struct sp_str labels)
{
    struct sp_selector s;
    return sp_selector_parse(selector, &s, NULL) && sp_selector_match(&s, name, labels);
}

bool sp_selector_labels_valid(struct sp_str labels)
{
    struct sp_str rest = labels, head, last = {NULL, 0};
    if (labels.n == 0)
        return true;
    while (rest.p != NULL) {
        if (!sp_str_next(&rest, ',', &head))
            return false;
        const char *eq = memchr(head.p, '=', head.n);
        if (eq == NULL)
            return false;
        struct sp_str key = {head.p, (uint32_t)(eq - head.p)}, value = {eq + 1, head.n - key.n - 1};
        if (!is_word(key, "") || !is_word(value, ""))
            return false;
        if (last.p != NULL) {
            int order = memcmp(last.p, key.p, last.n < key.n ? last.n : key.n);
            if (order > 0 || (order == 0 && last.n >= key.n))
                return false;
        }
        last = key;
    }
    return true;
}
