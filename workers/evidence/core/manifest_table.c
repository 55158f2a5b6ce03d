/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA_BYTES  32u
#define SIGN_BYTES 64u

/* A row as it is kept; texts and digests lie in `bytes` of the table: path, target or digest. */
struct kept {
    uint32_t at;
    uint16_t path_n, more_n; /* more: a target's bytes, or SHA_BYTES */
    uint32_t uid, gid;
    uint64_t size;
    uint16_t mode;
    char type;
};

struct manifest_table {
    struct kept *row;
    size_t rows, room;
    struct sp_buf bytes;
    struct {
        uint32_t at;
        uint16_t n;
    } tree[MANIFEST_TABLE_TREES_MAX];
    size_t trees, skips;
    size_t signed_n; /* bytes before the signature; 0: there is none */
    uint8_t signature[SIGN_BYTES];
};

struct reader {
    struct manifest_table *t;
    char *why;
    uint32_t line;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *r, const char *format, ...)
{
    char text[160];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!r->failed) {
        (void)snprintf(r->why, MANIFEST_TABLE_WHY_MAX, "line %u: %s", r->line, text);
    }
    r->failed = true;
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

int manifest_table_order(struct sp_str a, struct sp_str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool manifest_table_is_path(struct sp_str path)
{
    if (path.n == 0 || path.p[0] != '/' || path.n > MANIFEST_TABLE_PATH_MAX || memchr(path.p, '\0', path.n) != NULL) {
        return false;
    }
    struct sp_str rest = sp_str_bytes(path.p + 1, path.n - 1);
    if (rest.n == 0) {
        return true;
    }
    uint32_t from = 0;
    for (uint32_t i = 0; i <= rest.n; i++) {
        if (i < rest.n && rest.p[i] != '/') {
            continue;
        }
        struct sp_str part = sp_str_bytes(rest.p + from, i - from);
        if (part.n == 0 || sp_str_is(part, ".") || sp_str_is(part, "..")) {
            return false;
        }
        from = i + 1;
    }
    return true;
}

bool manifest_table_is_below(struct sp_str path, struct sp_str tree)
{
    if (sp_str_is(tree, "/")) {
        return path.n > 0 && path.p[0] == '/';
    }
    return path.n >= tree.n && memcmp(path.p, tree.p, tree.n) == 0 && (path.n == tree.n || path.p[tree.n] == '/');
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '%';
}

/* Takes the next word; one space stands between words. */
static struct sp_str word(struct reader *r, struct sp_str *line)
{
    struct sp_str head = {NULL, 0};
    if (!sp_str_next(line, ' ', &head) || head.n == 0) {
        refuse(r, "a word is missing");
    }
    return head;
}

static uint32_t number(struct reader *r, struct sp_str w, uint32_t any)
{
    uint64_t v = 0;
    if (sp_str_is(w, "-")) {
        return any;
    }
    if (!sp_str_u64(w, any - 1, &v) || (w.n > 1 && w.p[0] == '0')) {
        refuse(r, "a number is wrong");
    }
    return (uint32_t)v;
}

static uint16_t octal(struct reader *r, struct sp_str w)
{
    unsigned v = 0;
    if (sp_str_is(w, "-")) {
        return MANIFEST_ANY_MODE;
    }
    bool ok = w.n == 4;
    for (uint32_t i = 0; i < w.n && ok; i++) {
        ok = w.p[i] >= '0' && w.p[i] <= '7';
        v = v << 3 | (unsigned)(w.p[i] - '0');
    }
    if (!ok) {
        refuse(r, "a mode is four octal digits");
    }
    return (uint16_t)v;
}

/* Takes the byte behind a %. */
static unsigned char escaped(struct reader *r, const char *digits, uint32_t left)
{
    int high = left >= 2 ? hex_of(digits[0]) : -1;
    int low = left >= 2 ? hex_of(digits[1]) : -1;
    unsigned char c = (unsigned char)((unsigned)high << 4 | (unsigned)low);
    if (high < 0 || low < 0 || is_plain(c) || c == '\0') {
        refuse(r, "%% is followed by two digits, and only where they are needed");
    }
    return c;
}

/* Appends the bytes a word stands for. Returns how many. */
static uint16_t text(struct reader *r, struct sp_str w)
{
    struct sp_buf *b = &r->t->bytes;
    size_t before = b->n;
    for (uint32_t i = 0; i < w.n && !r->failed;) {
        uint32_t run = i;
        while (run < w.n && is_plain((unsigned char)w.p[run])) {
            run++;
        }
        sp_buf_append(b, w.p + i, run - i);
        if (run < w.n && w.p[run] == '%') {
            unsigned char c = escaped(r, w.p + run + 1, w.n - run - 1);
            sp_buf_append(b, &c, 1);
            run += 3;
        } else if (run < w.n) {
            refuse(r, "a path has a byte that must be written with %%");
        }
        i = run;
    }
    size_t n = b->n - before;
    if (n == 0 || n > MANIFEST_TABLE_PATH_MAX || b->failed) {
        refuse(r, "a path is empty or too long");
    }
    return (uint16_t)n;
}

static struct sp_str path_at(const struct manifest_table *t, uint32_t at, uint16_t n)
{
    return sp_str_bytes(t->bytes.p + at, n);
}

static uint16_t path(struct reader *r, struct sp_str w)
{
    uint32_t at = (uint32_t)r->t->bytes.n;
    uint16_t n = text(r, w);
    if (!r->failed && !manifest_table_is_path(path_at(r->t, at, n))) {
        refuse(r, "a path is absolute and has no empty part, no . and no ..");
    }
    return n;
}

/* Takes a word of exactly 2 n digits. */
static void digits(struct reader *r, struct sp_str w, uint8_t *out, uint32_t n)
{
    bool ok = w.n == 2 * n;
    for (uint32_t i = 0; i < n && ok; i++) {
        int high = hex_of(w.p[2 * i]), low = hex_of(w.p[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        out[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (!ok) {
        refuse(r, "%u hexadecimal digits in small letters are wanted", 2 * n);
    }
}

/* Trees stand beside each other, and a skip lies in one: else a path would be asked for twice, or a skip mean nothing. */
static bool has_its_place(const struct manifest_table *t, struct sp_str mine, bool skip)
{
    bool in = false;
    for (size_t i = 0; i < t->trees; i++) {
        struct sp_str other = manifest_table_tree(t, i);
        bool below = manifest_table_is_below(mine, other);
        if (!skip && (below || manifest_table_is_below(other, mine))) {
            return false;
        }
        in = in || (below && mine.n > other.n);
    }
    return in || !skip;
}

static void tree_line(struct reader *r, struct sp_str line, bool skip)
{
    struct manifest_table *t = r->t;
    size_t i = t->trees + t->skips;
    if (t->rows > 0 || (!skip && t->skips > 0)) {
        refuse(r, "trees come first, then skips, then rows");
        return;
    }
    if (i == MANIFEST_TABLE_TREES_MAX) {
        refuse(r, "more than %u trees and skips", MANIFEST_TABLE_TREES_MAX);
        return;
    }
    t->tree[i].at = (uint32_t)t->bytes.n;
    t->tree[i].n = path(r, word(r, &line));
    if (line.p != NULL) {
        refuse(r, "more words than there should be");
    }
    if (!r->failed && !has_its_place(t, manifest_table_tree(t, i), skip)) {
        refuse(r, skip ? "a skip lies in a tree" : "a tree lies in another");
    }
    t->trees += !skip;
    t->skips += skip;
}

static struct kept *new_row(struct reader *r)
{
    struct manifest_table *t = r->t;
    if (t->rows == t->room) {
        size_t room = t->room > 0 ? 2 * t->room : 256;
        struct kept *grown = t->rows < MANIFEST_TABLE_ROWS_MAX ? realloc(t->row, room * sizeof *grown) : NULL;
        if (grown == NULL) {
            refuse(r, t->rows < MANIFEST_TABLE_ROWS_MAX ? "no memory" : "too many rows");
            return NULL;
        }
        t->row = grown;
        t->room = room;
    }
    t->row[t->rows] = (struct kept){.at = (uint32_t)t->bytes.n};
    return &t->row[t->rows];
}

static void check_place(struct reader *r, const struct kept *k)
{
    const struct manifest_table *t = r->t;
    struct sp_str mine = path_at(t, k->at, k->path_n);
    if (!manifest_table_covers(t, mine)) {
        refuse(r, "the path is in no tree, or it is skipped");
    }
    if (t->rows > 0) {
        const struct kept *last = &t->row[t->rows - 1];
        if (manifest_table_order(path_at(t, last->at, last->path_n), mine) >= 0) {
            refuse(r, "rows are ascending by their paths, each once");
        }
    }
}

static void row_line(struct reader *r, char type, struct sp_str line)
{
    uint8_t sha256[SHA_BYTES] = {0};
    struct kept *k = new_row(r);
    if (k == NULL) {
        return;
    }
    k->type = type;
    k->mode = type == 'l' ? MANIFEST_ANY_MODE : octal(r, word(r, &line));
    k->uid = number(r, word(r, &line), MANIFEST_ANY_OWNER);
    k->gid = number(r, word(r, &line), MANIFEST_ANY_OWNER);
    if (type == 'f') {
        struct sp_str size = word(r, &line);
        if (!sp_str_u64(size, INT64_MAX, &k->size) || (size.n > 1 && size.p[0] == '0')) {
            refuse(r, "a size is wrong");
        }
        digits(r, word(r, &line), sha256, SHA_BYTES);
    }
    k->path_n = path(r, word(r, &line));
    if (type == 'l') {
        k->more_n = text(r, word(r, &line));
    } else if (type == 'f') {
        sp_buf_append(&r->t->bytes, sha256, sizeof sha256);
        k->more_n = SHA_BYTES;
    }
    if (line.p != NULL) {
        refuse(r, "more words than there should be");
    }
    if (r->t->bytes.failed) {
        refuse(r, "the table is too large");
    }
    if (!r->failed) {
        check_place(r, k);
        r->t->rows++;
    }
}

static void sign_line(struct reader *r, struct sp_str line, size_t before)
{
    digits(r, word(r, &line), r->t->signature, SIGN_BYTES);
    r->t->signed_n = before;
    if (line.p != NULL) {
        refuse(r, "more words than there should be");
    }
}

/* before: bytes of the text before this line */
static void one_line(struct reader *r, struct sp_str line, size_t before)
{
    static const char types[] = "dflpscb";
    struct sp_str kind = word(r, &line);
    if (r->line == 1) {
        return; /* the head; the caller compared it */
    }
    if (r->t->signed_n > 0) {
        refuse(r, "nothing follows the signature");
    } else if (sp_str_is(kind, "sign")) {
        sign_line(r, line, before);
    } else if (sp_str_is(kind, "tree") || sp_str_is(kind, "skip")) {
        tree_line(r, line, kind.p[0] == 's');
    } else if (kind.n == 1 && strchr(types, kind.p[0]) != NULL && kind.p[0] != '\0') {
        row_line(r, kind.p[0], line);
    } else {
        refuse(r, "neither tree, skip nor a type of file");
    }
}

static void read_all(struct reader *r, struct sp_str all)
{
    struct sp_str line;
    const char *from = all.p;
    size_t head = strlen(MANIFEST_TABLE_HEAD);
    if (all.n > MANIFEST_TABLE_BYTES_MAX || all.n <= head || memcmp(all.p, MANIFEST_TABLE_HEAD "\n", head + 1) != 0) {
        r->line = 1;
        refuse(r, "the first line must be " MANIFEST_TABLE_HEAD);
    } else if (all.p[all.n - 1] != '\n') {
        refuse(r, "the last line does not end");
    } else if (all.p[all.n - 2] == '\n') {
        refuse(r, "an empty line at the end");
    } else {
        all.n--;
    }
    while (!r->failed && sp_str_next(&all, '\n', &line)) {
        r->line++;
        one_line(r, line, (size_t)(line.p - from));
    }
    if (!r->failed && r->t->trees == 0) {
        refuse(r, "there is no tree");
    }
}

bool manifest_table_new(struct sp_str all, struct manifest_table **out, char *why)
{
    struct reader r = {.t = calloc(1, sizeof *r.t), .why = why};
    *out = NULL;
    if (r.t == NULL) {
        (void)snprintf(why, MANIFEST_TABLE_WHY_MAX, "no memory");
        return false;
    }
    sp_buf_init(&r.t->bytes, MANIFEST_TABLE_BYTES_MAX);
    read_all(&r, all);
    if (r.failed) {
        manifest_table_free(&r.t);
        return false;
    }
    *out = r.t;
    return true;
}

void manifest_table_free(struct manifest_table **table)
{
    struct manifest_table *t = *table;
    if (t != NULL) {
        free(t->row);
        sp_buf_fini(&t->bytes);
        free(t);
    }
    *table = NULL;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

size_t manifest_table_count(const struct manifest_table *t)
{
    return t->rows;
}

void manifest_table_row(const struct manifest_table *t, size_t i, struct manifest_row *out)
{
    const struct kept *k = &t->row[i];
    const uint8_t *more = t->bytes.p + k->at + k->path_n;
    *out = (struct manifest_row){
        .path = path_at(t, k->at, k->path_n), .type = k->type, .mode = k->mode, .uid = k->uid, .gid = k->gid, .size = k->size};
    if (k->type == 'l') {
        out->target = sp_str_bytes(more, k->more_n);
    } else if (k->type == 'f') {
        out->sha256 = more;
    }
}

bool manifest_table_find(const struct manifest_table *t, struct sp_str wanted, size_t *i)
{
    size_t low = 0, high = t->rows;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = manifest_table_order(path_at(t, t->row[mid].at, t->row[mid].path_n), wanted);
        if (order == 0) {
            *i = mid;
            return true;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return false;
}

size_t manifest_table_trees(const struct manifest_table *t)
{
    return t->trees;
}

size_t manifest_table_skips(const struct manifest_table *t)
{
    return t->skips;
}

struct sp_str manifest_table_tree(const struct manifest_table *t, size_t i)
{
    return path_at(t, t->tree[i].at, t->tree[i].n);
}

bool manifest_table_covers(const struct manifest_table *t, struct sp_str wanted)
{
    bool in = false;
    for (size_t i = 0; i < t->trees + t->skips; i++) {
        bool below = manifest_table_is_below(wanted, manifest_table_tree(t, i));
        in = i < t->trees ? in || below : in && !below;
    }
    return in;
}

const uint8_t *manifest_table_signature(const struct manifest_table *t, size_t *n)
{
    *n = t->signed_n;
    return t->signed_n > 0 ? t->signature : NULL;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static void put_text(struct sp_buf *b, struct sp_str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(c)) {
            sp_buf_append(b, &c, 1);
        } else {
            sp_buf_format(b, "%%%02x", c);
        }
    }
}

static void put_number(struct sp_buf *b, uint32_t v)
{
    if (v == MANIFEST_ANY_OWNER) {
        sp_buf_text(b, "- ");
    } else {
        sp_buf_format(b, "%u ", v);
    }
}

void manifest_table_put_head(struct sp_buf *b, const struct sp_str *trees, size_t tree_count, const struct sp_str *skips,
                             size_t skip_count)
{
    sp_buf_text(b, MANIFEST_TABLE_HEAD "\n");
    for (size_t i = 0; i < tree_count + skip_count; i++) {
        sp_buf_text(b, i < tree_count ? "tree " : "skip ");
        put_text(b, i < tree_count ? trees[i] : skips[i - tree_count]);
        sp_buf_text(b, "\n");
    }
}

void manifest_table_put_row(struct sp_buf *b, const struct manifest_row *row)
{
    sp_buf_format(b, "%c ", row->type);
    if (row->type != 'l' && row->mode == MANIFEST_ANY_MODE) {
        sp_buf_text(b, "- ");
    } else if (row->type != 'l') {
        sp_buf_format(b, "%04o ", row->mode);
    }
    put_number(b, row->uid);
    put_number(b, row->gid);
    if (row->type == 'f') {
        sp_buf_format(b, "%llu ", (unsigned long long)row->size);
        for (unsigned i = 0; i < SHA_BYTES; i++) {
            sp_buf_format(b, "%02x", row->sha256[i]);
        }
        sp_buf_text(b, " ");
    }
    put_text(b, row->path);
    if (row->type == 'l') {
        sp_buf_text(b, " ");
        put_text(b, row->target);
    }
    sp_buf_text(b, "\n");
}

void manifest_table_put_signature(struct sp_buf *b, const uint8_t signature[SIGN_BYTES])
{
    sp_buf_text(b, "sign ");
    for (unsigned i = 0; i < SIGN_BYTES; i++) {
        sp_buf_format(b, "%02x", signature[i]);
    }
    sp_buf_text(b, "\n");
}
