/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `procmem`: the executable memory of named services (procmem_doc.h).
 *
 *     {"services": ["nginx", "nova-compute"], "md5": false}
 *
 * Only services this host's configuration names are looked at; of others the document says so. Processes that appear while others
 * are read are found by listing again, three times at most.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector.h"
#include "collector_table.h"
#include "procmem_find.h"
#include "procmem_process.h"

#define ROUNDS 3u

struct seen {
    uint32_t pid;
    uint64_t start;
};

/* A service that is asked for. */
struct asked {
    struct procmem_service service;
    struct procmem_service_spec spec;
    bool denied; /* the kernel does not say of each process which program it runs */
};

struct procmem {
    struct procmem_scan scan;
    struct asked asked[PROCMEM_SERVICES_MAX];
    uint32_t asked_count;
    struct seen seen[PROCMEM_PROCESSES_MAX];
    uint32_t seen_count;
    uint32_t processes; /* in the document */
    struct sp_buf body; /* their records */
    bool full;
};

/* ---- the question ---------------------------------------------------------------------------------------------- */

/* Looks the service up in the configuration. */
static void resolve(const struct collect_site *site, struct asked *a)
{
    a->service.state = PROCMEM_SERVICE_UNKNOWN;
    for (uint32_t i = 0; i < site->service_count; i++) {
        if (procmem_find_parse(site->services[i], &a->spec) && sp_str_eq(a->spec.name, a->service.name)) {
            a->service.state = PROCMEM_SERVICE_SEEN;
            return;
        }
    }
}

static bool ask_for(struct procmem *self, const json_t *name, const struct collect_site *site)
{
    struct sp_str text = sp_str_bytes(json_string_value(name), json_string_length(name));
    if (!json_is_string(name) || !sp_str_is_name(text, PROCMEM_NAME_MAX)) {
        return false;
    }
    for (uint32_t i = 0; i < self->asked_count; i++) {
        if (sp_str_eq(self->asked[i].service.name, text)) {
            return false;
        }
    }
    struct asked *a = &self->asked[self->asked_count++];
    *a = (struct asked){.service = {.name = text}};
    resolve(site, a);
    return true;
}

/* Reads the arguments, which the names are borrowed from. */
static bool ask(struct procmem *self, const json_t *args, const struct collect_site *site, bool *md5)
{
    const json_t *services = json_object_get(args, "services"), *sums = json_object_get(args, "md5");
    size_t n = json_array_size(services);
    if (n == 0 || n > PROCMEM_SERVICES_MAX || (sums != NULL && !json_is_boolean(sums))) {
        return false;
    }
    *md5 = json_is_true(sums);
    for (size_t i = 0; i < n; i++) {
        if (!ask_for(self, json_array_get(services, i), site)) {
            return false;
        }
    }
    return true;
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

/* True when it was looked at before; remembers it. */
static bool again(struct procmem *self, uint32_t pid, uint64_t start)
{
    for (uint32_t i = 0; i < self->seen_count; i++) {
        if (self->seen[i].pid == pid && self->seen[i].start == start) {
            return true;
        }
    }
    if (self->seen_count == PROCMEM_PROCESSES_MAX) {
        self->full = true;
        return true;
    }
    self->seen[self->seen_count++] = (struct seen){pid, start};
    return false;
}

/* Writes the process down when it is of a service. Returns true when it was new. */
static bool look_at(struct procmem *self, int dir, uint32_t pid)
{
    uint64_t start;
    for (uint32_t i = 0; i < self->asked_count; i++) {
        struct asked *a = &self->asked[i];
        bool denied = false;
        bool is_one = a->service.state == PROCMEM_SERVICE_SEEN && procmem_find_match(dir, &a->spec, &denied);
        a->denied = a->denied || denied;
        if (!is_one) {
            continue;
        }
        if (!procmem_process_start(dir, &start) || again(self, pid, start)) {
            return false;
        }
        if (procmem_process_write(&self->scan, dir, pid, (uint16_t)i, &self->body)) {
            a->service.processes++;
            self->processes++;
        } else {
            a->service.ended++;
        }
        return true;
    }
    return false;
}

/* One pass over all processes. Returns how many of the services were new; -1: there is no list. */
static int round_of(struct procmem *self, const char *proc)
{
    DIR *list = opendir(proc);
    struct dirent *one;
    uint64_t pid;
    int found = 0;
    while (list != NULL && !self->full && !self->body.failed && (one = readdir(list)) != NULL) {
        if (!sp_str_u64(sp_str_of(one->d_name), UINT32_MAX, &pid)) {
            continue;
        }
        int dir = openat(dirfd(list), one->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir >= 0) {
            found += look_at(self, dir, (uint32_t)pid);
            (void)close(dir);
        }
    }
    if (list == NULL) {
        return -1;
    }
    (void)closedir(list);
    return found;
}

/* True when a service may be missing only because it could not be seen. */
static bool is_blind(const struct procmem *self)
{
    for (uint32_t i = 0; i < self->asked_count; i++) {
        if (self->asked[i].denied && self->asked[i].service.processes == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the document ---------------------------------------------------------------------------------------------- */

static uint16_t write_document(struct procmem *self, struct collect_out *out)
{
    struct sp_buf head;
    sp_buf_init(&head, PROCMEM_DOC_BYTES_MAX);
    procmem_put_head(&head, self->asked_count);
    for (uint32_t i = 0; i < self->asked_count; i++) {
        procmem_put_service(&head, &self->asked[i].service);
    }
    procmem_files_put(&self->scan.files, &head);
    procmem_put_count(&head, self->processes);
    bool fits = !self->full && !self->scan.files.full && !head.failed && !self->body.failed &&
                head.n + self->body.n <= PROCMEM_DOC_BYTES_MAX;
    if (fits) {
        (void)(collect_put(out, head.p, head.n) && collect_put(out, self->body.p, self->body.n));
    }
    sp_buf_fini(&head);
    return fits ? SP_REASON_OK
                : collect_fail(out, SP_REASON_LIMIT, "the services have more processes or files than fit a document");
}

static uint16_t collect_services(struct procmem *self, const struct collect_request *request, bool md5, struct collect_out *out)
{
    if (!procmem_scan_init(&self->scan, request, md5)) {
        return collect_fail(out, SP_REASON_INTERNAL, "no memory");
    }
    sp_buf_init(&self->body, PROCMEM_DOC_BYTES_MAX);
    int found = 1;
    for (unsigned i = 0; i < ROUNDS && found > 0; i++) {
        found = round_of(self, request->site->proc);
    }
    uint16_t reason = found < 0        ? collect_fail(out, SP_REASON_INTERNAL, "processes cannot be listed")
                      : is_blind(self) ? collect_fail(out, SP_REASON_REFUSED, "no right to see which programs processes run")
                                       : write_document(self, out);
    sp_buf_fini(&self->body);
    procmem_scan_fini(&self->scan);
    return reason;
}

static uint16_t collect(const struct collect_request *request, struct collect_out *out)
{
    static const char *const names[] = {"services", "md5", NULL};
    uint16_t reason = SP_REASON_OK;
    bool md5 = false;
    json_t *args = collect_args(request, out, &reason);
    struct procmem *self = args != NULL ? calloc(1, sizeof *self) : NULL;
    if (args == NULL) {
        return reason;
    }
    if (self == NULL) {
        reason = collect_fail(out, SP_REASON_INTERNAL, "no memory");
    } else if (!collect_args_only(args, names, out)) {
        reason = SP_REASON_BAD_PARAMETERS;
    } else if (!ask(self, args, request->site, &md5)) {
        reason = collect_fail(out, SP_REASON_BAD_PARAMETERS, "services is a list of 1 to 64 different names, md5 true or false");
    } else {
        reason = collect_services(self, request, md5, out);
    }
    free(self);
    json_decref(args);
    return reason;
}

const struct collector collector_procmem = {.kind = "procmem", .collect = collect};
