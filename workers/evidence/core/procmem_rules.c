/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the file table: what the processes that map it need to know. */
struct known_file {
    struct sp_str path;
    uint8_t flags;
    uint8_t known; /* enum procmem_known; without digests: unlisted */
    bool shielded; /* only root can have written it */
};

struct judge {
    const struct procmem_policy *policy;
    struct procmem_judgement *out;
    struct known_file *file;
    struct procmem_service service[PROCMEM_SERVICES_MAX];
    uint32_t seen[PROCMEM_SERVICES_MAX]; /* processes in the document */
    uint64_t kinds;                      /* bit per reason that was found */
    /* of the process at hand */
    const struct procmem_rule *rule;
    struct procmem_process process;
    uint32_t used_count[PROCMEM_EXCUSES_MAX];
    uint64_t used_bytes[PROCMEM_EXCUSES_MAX];
};

bool procmem_pattern(const char *pattern, struct sp_str text)
{
    const char *star = NULL; /* the last one, and where in the text what follows it was tried */
    uint32_t at = 0, tried = 0;
    while (at < text.n) {
        if (*pattern == '*') {
            star = pattern++;
            tried = at;
        } else if (*pattern != '\0' && *pattern == text.p[at]) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star + 1;
            at = ++tried;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool any_pattern(const char *const *pattern, uint32_t count, struct sp_str text)
{
    for (uint32_t i = 0; i < count; i++) {
        if (procmem_pattern(pattern[i], text)) {
            return true;
        }
    }
    return count == 0;
}

/* ---- findings -------------------------------------------------------------------------------------------------- */

SP_STATIC_ASSERT(EVIDENCE_PROCMEM_UNKNOWN - EVIDENCE_PROCMEM_TEXT < 64, "a bit for each");

/* The reasons stand in the order of their gravity, so the first of the list is the headline. */
static void find(struct judge *j, enum evidence_reason reason, const char *format, ...) SP_PRINTF(3, 4);
static void find(struct judge *j, enum evidence_reason reason, const char *format, ...)
{
    struct procmem_judgement *out = j->out;
    SP_ASSERT(reason >= EVIDENCE_PROCMEM_TEXT && reason <= EVIDENCE_PROCMEM_UNKNOWN);
    out->findings++;
    j->kinds |= UINT64_C(1) << (reason - EVIDENCE_PROCMEM_TEXT);
    if (out->reason == EVIDENCE_OK || reason < out->reason) {
        va_list args;
        out->reason = reason;
        out->outcome = evidence_reason_outcome(reason);
        va_start(args, format);
        (void)vsnprintf(out->text, sizeof out->text, format, args);
        va_end(args);
    }
}

static void remark(struct judge *j, const char *format, ...) SP_PRINTF(2, 3);
static void remark(struct judge *j, const char *format, ...)
{
    struct procmem_judgement *out = j->out;
    if (out->remarks++ == 0 && out->reason == EVIDENCE_OK) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(out->text, sizeof out->text, format, args);
        va_end(args);
    }
}

#define WHO         "%s[%" PRIu32 "]: "
#define WHO_ARGS(j) (j)->rule->name, (j)->process.pid
#define PATH_SHOWN  200u /* bytes of a path or value that a text shows, from its end: the name matters more than where it lies */
#define TEXT(s)     (int)((s).n < PATH_SHOWN ? (s).n : PATH_SHOWN), (s).n < PATH_SHOWN ? (s).p : (s).p + ((s).n - PATH_SHOWN)

/* True when one of the service's exceptions covers it; uses it up. */
static bool excused(struct judge *j, enum procmem_excuse what, struct sp_str name, uint64_t bytes)
{
    for (uint32_t i = 0; i < j->rule->exceptions; i++) {
        const struct procmem_exception *e = &j->rule->exception[i];
        if (e->what == what && procmem_pattern(e->name, name) && j->used_count[i] < e->count &&
            bytes <= e->bytes - j->used_bytes[i]) {
            j->used_count[i]++;
            j->used_bytes[i] += bytes;
            return true;
        }
    }
    return false;
}

/* ---- one mapping ----------------------------------------------------------------------------------------------- */

static void judge_places(struct judge *j, const struct procmem_mapping *m, struct sp_str name, struct procmem_doc *d)
{
    struct procmem_place place, first = {0};
    for (uint32_t i = 0; procmem_doc_place(d, &place); i++) {
        if (i == 0) {
            first = place;
        }
    }
    /* while mappings come and go, what was read may have been another: that it moves is known, not that it was changed */
    bool known = (j->process.flags & PROCMEM_PROCESS_MOVING) == 0;
    if (m->differing == 0 || !known || d->rest.bad || excused(j, PROCMEM_EXCUSE_TEXT, name, m->differing)) {
        return;
    }
    find(j, EVIDENCE_PROCMEM_TEXT,
         WHO "%.*s+0x%" PRIx64 ": %" PRIu64 " of %" PRIu64 " bytes differ (0x%02x in the file, 0x%02x in memory)", WHO_ARGS(j),
         TEXT(name), first.at, m->differing, m->compared, (unsigned)(uint8_t)first.file.p[0], (unsigned)(uint8_t)first.memory.p[0]);
}

/* The file itself: is it there, is it one that is expected, is it one for this service. */
static void judge_file(struct judge *j, const struct procmem_mapping *m, const struct known_file *f)
{
    if ((f->flags & PROCMEM_FILE_DELETED) != 0 && !excused(j, PROCMEM_EXCUSE_DELETED, f->path, m->bytes)) {
        if (j->rule->deleted_warns && f->known == PROCMEM_KNOWN_SAME) {
            remark(j, WHO "%.*s was replaced by a newer one: the service wants a restart", WHO_ARGS(j), TEXT(f->path));
        } else {
            find(j, EVIDENCE_PROCMEM_DELETED, WHO "%.*s was deleted and still runs", WHO_ARGS(j), TEXT(f->path));
        }
    }
    if ((f->flags & PROCMEM_FILE_NO_DIGEST) != 0) {
        find(j, EVIDENCE_PROCMEM_UNREAD, WHO "%.*s %s", WHO_ARGS(j), TEXT(f->path),
             (f->flags & PROCMEM_FILE_LIMIT) != 0     ? "is larger than the attester may read"
             : (f->flags & PROCMEM_FILE_CHANGED) != 0 ? "changed while it was read"
                                                      : "could not be read");
    } else if (f->known == PROCMEM_KNOWN_OTHER) {
        find(j, EVIDENCE_PROCMEM_DIGEST, WHO "%.*s is not the expected file", WHO_ARGS(j), TEXT(f->path));
    } else if (f->known == PROCMEM_KNOWN_UNLISTED && !(j->policy->unlisted_ok && f->shielded) &&
               !excused(j, PROCMEM_EXCUSE_UNLISTED, f->path, m->bytes)) {
        find(j, EVIDENCE_PROCMEM_UNLISTED, WHO "%.*s runs and %s", WHO_ARGS(j), TEXT(f->path),
             j->policy->unlisted_ok ? "others than root may write it" : "is in no list");
    }
    if (!any_pattern(j->rule->library, j->rule->libraries, f->path)) {
        find(j, EVIDENCE_PROCMEM_LIBRARY, WHO "%.*s is no file of this service", WHO_ARGS(j), TEXT(f->path));
    }
}

/* Memory of no file: what it is decides which exception may excuse it. Writable comes first: it is the graver. */
static void judge_region(struct judge *j, const struct procmem_mapping *m, struct sp_str name)
{
    static const struct {
        enum procmem_excuse excuse;
        enum evidence_reason reason;
        const char *text;
    } kinds[PROCMEM_MAP_KINDS] = {
        [PROCMEM_MAP_ANONYMOUS] = {PROCMEM_EXCUSE_ANONYMOUS, EVIDENCE_PROCMEM_ANONYMOUS, "executable memory of no file"},
        [PROCMEM_MAP_MEMFD] = {PROCMEM_EXCUSE_MEMFD, EVIDENCE_PROCMEM_MEMFD, "executable file of memory"},
        [PROCMEM_MAP_SPECIAL] = {PROCMEM_EXCUSE_SPECIAL, EVIDENCE_PROCMEM_SPECIAL, "executable region that is not usual"},
    };
    const char *text = kinds[m->kind].text;
    bool usual = m->kind == PROCMEM_MAP_SPECIAL && sp_str_is(name, "[vsyscall]"); /* every process of x86-64 may have it */
    if (text != NULL && !usual && !excused(j, kinds[m->kind].excuse, name, m->bytes)) {
        find(j, kinds[m->kind].reason, WHO "%s, %" PRIu64 " bytes at 0x%" PRIx64 " %.*s", WHO_ARGS(j), text, m->bytes, m->start,
             TEXT(name));
    }
}

static void judge_mapping(struct judge *j, const struct procmem_mapping *m, struct procmem_doc *d)
{
    const struct known_file *f = m->file != PROCMEM_NO_FILE ? &j->file[m->file] : NULL;
    struct sp_str name = f != NULL ? f->path : m->name;
    j->out->mappings++;
    j->out->compared += m->compared;
    judge_places(j, m, name, d);
    bool writable = (m->flags & PROCMEM_MAP_WRITE) != 0;
    if (writable && !excused(j, PROCMEM_EXCUSE_WRITABLE, name, m->bytes)) {
        find(j, EVIDENCE_PROCMEM_WRITABLE, WHO "%" PRIu64 " bytes at 0x%" PRIx64 " are writable and executable %.*s", WHO_ARGS(j),
             m->bytes, m->start, TEXT(name));
    }
    if (m->kind != PROCMEM_MAP_FILE) {
        if (!writable || m->kind == PROCMEM_MAP_MEMFD) {
            judge_region(j, m, name);
        }
    } else {
        judge_file(j, m, f);
    }
    if ((m->kind == PROCMEM_MAP_FILE || m->kind == PROCMEM_MAP_VDSO) && (m->flags & PROCMEM_MAP_UNCOMPARED) != 0 &&
        (f == NULL || (f->flags & PROCMEM_FILE_NO_DIGEST) == 0)) {
        find(j, EVIDENCE_PROCMEM_UNREAD, WHO "memory at 0x%" PRIx64 " could not be read %.*s", WHO_ARGS(j), m->start, TEXT(name));
    }
}

/* ---- one process ----------------------------------------------------------------------------------------------- */

static void judge_setting(struct judge *j, const struct procmem_setting *s)
{
    for (uint32_t i = 0; i < j->rule->settings; i++) {
        const struct procmem_allowed_setting *a = &j->rule->setting[i];
        if (!s->cut && sp_str_is(s->name, a->name) && sp_str_is(s->value, a->value)) {
            return;
        }
    }
    if (s->value.n > 0 || s->cut) { /* an empty one changes nothing */
        find(j, EVIDENCE_PROCMEM_PRELOAD, WHO "%.*s is set: %.*s", WHO_ARGS(j), TEXT(s->name), TEXT(s->value));
    }
}

static void judge_identity(struct judge *j)
{
    const struct procmem_process *p = &j->process;
    const struct procmem_rule *rule = j->rule;
    bool user = rule->uids == 0;
    for (uint32_t i = 0; i < rule->uids; i++) {
        user = user || rule->uid[i] == p->uid;
    }
    if (!user) {
        find(j, EVIDENCE_PROCMEM_USER, WHO "runs as user %" PRIu32, WHO_ARGS(j), p->uid);
    }
    if (p->tracer != 0 && !rule->tracer) {
        find(j, EVIDENCE_PROCMEM_TRACER, WHO "is traced by process %" PRIu32, WHO_ARGS(j), p->tracer);
    }
    if ((p->flags & PROCMEM_PROCESS_DENIED) == 0) {
        struct sp_str path = p->exe != PROCMEM_NO_FILE ? j->file[p->exe].path : sp_str_of("");
        if (!any_pattern(rule->program, rule->programs, path)) {
            find(j, EVIDENCE_PROCMEM_PROGRAM, WHO "runs another program: %.*s", WHO_ARGS(j), TEXT(path));
        }
    }
    if ((p->flags & (PROCMEM_PROCESS_DENIED | PROCMEM_PROCESS_NO_MEM)) != 0) {
        find(j, EVIDENCE_PROCMEM_DENIED, WHO "the kernel does not let the attester read it", WHO_ARGS(j));
    }
    if ((p->flags & PROCMEM_PROCESS_MOVING) != 0) {
        find(j, EVIDENCE_PROCMEM_MOVING, WHO "its mappings changed each time they were read", WHO_ARGS(j));
    }
    if ((p->flags & PROCMEM_PROCESS_LIMIT) != 0) {
        find(j, EVIDENCE_PROCMEM_LIMIT, WHO "has more than the attester writes down", WHO_ARGS(j));
    }
}

static const struct procmem_rule *rule_of(const struct procmem_policy *policy, struct sp_str name)
{
    for (uint32_t i = 0; i < policy->rules; i++) {
        if (sp_str_is(name, policy->rule[i].name)) {
            return &policy->rule[i];
        }
    }
    return NULL;
}

static void judge_process(struct judge *j, struct procmem_doc *d)
{
    static const struct procmem_rule nobody = {.name = "", .most = UINT32_MAX};
    struct procmem_setting setting;
    struct procmem_mapping mapping;
    const struct procmem_rule *rule = rule_of(j->policy, j->service[j->process.service].name);
    SP_ASSERT(rule != NULL || d->rest.bad); /* services were checked before */
    j->rule = rule != NULL ? rule : &nobody;
    memset(j->used_count, 0, sizeof j->used_count);
    memset(j->used_bytes, 0, sizeof j->used_bytes);
    j->seen[j->process.service]++;
    j->out->processes++;
    judge_identity(j);
    while (procmem_doc_setting(d, &setting)) {
        judge_setting(j, &setting);
    }
    while (procmem_doc_mapping(d, &mapping)) {
        judge_mapping(j, &mapping, d);
    }
    if (!d->rest.bad && j->process.mappings == 0 && j->process.flags == 0) {
        find(j, EVIDENCE_PROCMEM_MOVING, WHO "it has no memory: it was ending or had not begun", WHO_ARGS(j));
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* Every service of the policy once, and no other: a document about others answers another question. */
static bool take_services(struct judge *j, struct procmem_doc *d)
{
    uint32_t n = 0;
    struct procmem_service s;
    while (procmem_doc_service(d, &s)) {
        bool again = rule_of(j->policy, s.name) == NULL;
        for (uint32_t i = 0; i < n; i++) {
            again = again || sp_str_eq(j->service[i].name, s.name);
        }
        if (again) {
            return false;
        }
        j->service[n++] = s;
    }
    return !d->rest.bad && n == j->policy->rules;
}

static bool take_files(struct judge *j, struct procmem_doc *d)
{
    struct procmem_file f;
    uint32_t n = 0;
    j->file = calloc(procmem_doc_files(d) + 1u, sizeof *j->file);
    while (j->file != NULL && procmem_doc_file(d, &f)) {
        enum procmem_known known = PROCMEM_KNOWN_UNLISTED;
        if (f.sha256 != NULL) {
            known = j->policy->known(j->policy->ctx, f.path, f.sha256, f.md5);
        }
        j->file[n++] = (struct known_file){f.path, f.flags, (uint8_t)known, f.uid == 0 && (f.mode & 022u) == 0};
    }
    j->out->files = n;
    return j->file != NULL && !d->rest.bad;
}

/* One service that fails the node outweighs others of which nothing is known. */
static void judge_missing(struct judge *j, const struct procmem_rule *rule, uint32_t seen, bool ended)
{
    struct procmem_judgement *out = j->out;
    bool first = out->reason != EVIDENCE_PROCMEM_MISSING;
    find(j, EVIDENCE_PROCMEM_MISSING, "%s: %" PRIu32 " processes, at least %" PRIu32 " are expected%s", rule->name, seen,
         rule->least, ended ? "; others ended while they were looked at" : "");
    if (out->reason == EVIDENCE_PROCMEM_MISSING && (first || !rule->missing_is_error)) {
        out->outcome = rule->missing_is_error ? SP_OUTCOME_ERROR : SP_OUTCOME_FAIL;
    }
}

static void judge_counts(struct judge *j)
{
    for (uint32_t i = 0; i < j->policy->rules; i++) {
        const struct procmem_service *s = &j->service[i];
        const struct procmem_rule *rule = rule_of(j->policy, s->name);
        if (s->state == PROCMEM_SERVICE_UNKNOWN) {
            find(j, EVIDENCE_PROCMEM_UNKNOWN, "%s: the configuration of the node's attester does not name this service",
                 rule->name);
        } else if (j->seen[i] < rule->least) {
            judge_missing(j, rule, j->seen[i], s->ended > 0);
        } else if (j->seen[i] > rule->most) {
            find(j, EVIDENCE_PROCMEM_COUNT, "%s: %" PRIu32 " processes, at most %" PRIu32 " are expected", rule->name, j->seen[i],
                 rule->most);
        }
    }
}

/* " (and 3 findings more: procmem-preload, procmem-tracer)" */
static void add_rest(struct judge *j)
{
    struct procmem_judgement *out = j->out;
    size_t n = strlen(out->text);
    if (out->findings < 2) {
        return;
    }
    n += (size_t)snprintf(out->text + n, sizeof out->text - n, " (and %" PRIu32 " more:", out->findings - 1);
    for (int r = EVIDENCE_PROCMEM_TEXT; r <= EVIDENCE_PROCMEM_UNKNOWN; r++) {
        if ((j->kinds >> (r - EVIDENCE_PROCMEM_TEXT) & 1u) != 0 && n < sizeof out->text) {
            n += (size_t)snprintf(out->text + n, sizeof out->text - n, " %s", evidence_reason_name((enum evidence_reason)r));
        }
    }
    if (n < sizeof out->text) {
        (void)snprintf(out->text + n, sizeof out->text - n, ")");
    }
}

static void judge_document(struct judge *j, struct sp_str document)
{
    struct procmem_doc d;
    struct procmem_judgement *out = j->out;
    bool good = procmem_doc_open(&d, document) && take_services(j, &d) && take_files(j, &d);
    while (good && procmem_doc_process(&d, &j->process)) {
        judge_process(j, &d);
    }
    if (good && procmem_doc_end(&d)) {
        for (uint32_t i = 0; i < j->policy->rules; i++) {
            good = good && j->seen[i] == j->service[i].processes;
        }
    } else {
        good = false;
    }
    if (!good) {
        *out = (struct procmem_judgement){.reason = EVIDENCE_PROCMEM_MALFORMED,
                                          .outcome = evidence_reason_outcome(EVIDENCE_PROCMEM_MALFORMED)};
        return;
    }
    judge_counts(j);
    add_rest(j);
}

void procmem_judge(const struct procmem_policy *policy, struct sp_str document, struct procmem_judgement *out)
{
    struct judge *j = calloc(1, sizeof *j);
    *out = (struct procmem_judgement){.reason = EVIDENCE_OK, .outcome = SP_OUTCOME_PASS};
    if (j == NULL) {
        *out = (struct procmem_judgement){.reason = EVIDENCE_PROCMEM_LIMIT, .outcome = SP_OUTCOME_ERROR};
        return;
    }
    j->policy = policy;
    j->out = out;
    judge_document(j, document);
    free(j->file);
    free(j);
    if (out->reason == EVIDENCE_OK && out->remarks > 0) {
        out->outcome = SP_OUTCOME_WARN;
    }
}
