/* SPDX-License-Identifier: Apache-2.0 */
/* bootlog, ima - the kernel's two logs as they are. bootlog: args {}, whole. ima: args {"from": BYTES}, the measurement list from
 * there on; ask for the quote first, so that the list has at least what the quote covers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector.h"
#include "collector_table.h"

#define BOOT_LOG_MAX (4u << 20)
#define CHUNK_BYTES  65536u

struct log_part {
    const char *path;
    uint64_t from;
    uint64_t most;   /* bytes of the document */
    bool may_be_cut; /* what is over `most` is for the next question; else it is too large */
};

static uint16_t fail_errno(struct collect_out *out, const char *path)
{
    int cause = errno;
    return collect_fail(out, cause == ENOENT ? SP_REASON_MISSING : SP_REASON_INTERNAL, "%.180s: %.60s", path, strerror(cause));
}

/* The kernel's files have no size: they are read until there is no more. */
static uint16_t copy(const struct collect_request *request, struct collect_out *out, const struct log_part *part, int fd)
{
    static char chunk[CHUNK_BYTES];
    uint64_t most = part->most < out->max ? part->most : out->max;
    for (;;) {
        uint64_t left = most - out->n;
        size_t wanted = left < sizeof chunk ? (size_t)left + (part->may_be_cut ? 0 : 1) : sizeof chunk;
        wanted = wanted < sizeof chunk ? wanted : sizeof chunk;
        ssize_t n = wanted > 0 ? read(fd, chunk, wanted) : 0;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno(out, part->path);
        }
        if ((uint64_t)n > left) {
            return collect_fail(out, SP_REASON_LIMIT, "%.180s has more than %llu bytes", part->path, (unsigned long long)most);
        }
        if (n == 0 || !collect_put(out, chunk, (size_t)n)) {
            return SP_REASON_OK;
        }
        collect_spend(request, (uint64_t)n);
    }
}

static uint16_t read_log(const struct collect_request *request, struct collect_out *out, const struct log_part *part)
{
    struct stat st;
    int fd = open(part->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fail_errno(out, part->path);
    }
    uint16_t reason = SP_REASON_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        reason = collect_fail(out, SP_REASON_INTERNAL, "%.200s is no file", part->path);
    } else if (part->from > 0 && lseek(fd, (off_t)part->from, SEEK_SET) < 0) {
        reason = fail_errno(out, part->path);
    } else {
        reason = copy(request, out, part, fd);
    }
    (void)close(fd);
    return reason;
}

static uint16_t bootlog_collect(const struct collect_request *request, struct collect_out *out)
{
    static const char *const none[] = {NULL};
    const struct log_part part = {.path = request->site->boot_log, .most = BOOT_LOG_MAX};
    uint16_t reason = SP_REASON_OK;
    json_t *args = collect_args(request, out, &reason);
    if (args == NULL) {
        return reason;
    }
    bool good = collect_args_only(args, none, out);
    json_decref(args);
    return good ? read_log(request, out, &part) : SP_REASON_BAD_PARAMETERS;
}

static uint16_t ima_collect(const struct collect_request *request, struct collect_out *out)
{
    static const char *const names[] = {"from", NULL};
    struct log_part part = {.path = request->site->ima_log, .most = COLLECT_DOCUMENT_MAX, .may_be_cut = true};
    uint16_t reason = SP_REASON_OK;
    json_t *args = collect_args(request, out, &reason);
    if (args == NULL) {
        return reason;
    }
    const json_t *from = json_object_get(args, "from");
    bool good = collect_args_only(args, names, out);
    if (good && from != NULL && (!json_is_integer(from) || json_integer_value(from) < 0)) {
        (void)collect_fail(out, SP_REASON_BAD_PARAMETERS, "from: a number of bytes");
        good = false;
    }
    part.from = good && from != NULL ? (uint64_t)json_integer_value(from) : 0;
    json_decref(args);
    return good ? read_log(request, out, &part) : SP_REASON_BAD_PARAMETERS;
}

const struct collector collector_bootlog = {.kind = "bootlog", .collect = bootlog_collect};
const struct collector collector_ima = {.kind = "ima", .collect = ima_collect};
