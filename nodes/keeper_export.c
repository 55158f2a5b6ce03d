/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_export.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "sp_fs.h"
#include "sp_hex.h"
#include "sp_log.h"

#define EXPORT_BYTES_MAX (16u << 20)

static void export_row(struct sp_db_stmt *q, struct sp_buf *b)
{
    static const char *const keys[] = {"actor", "what", "object", "from", "to", "why"};
    char hash[65] = "", at[32];
    struct sp_str stored = sp_db_get_blob(q, 8);
    json_t *row = json_object();
    sp_time_format_wall((struct sp_wall){(uint64_t)sp_db_get_int(q, 1)}, at, sizeof at);
    json_object_set_new(row, "seq", json_integer(sp_db_get_int(q, 0)));
    json_object_set_new(row, "at", json_string(at));
    for (int i = 0; i < 6; i++) {
        struct sp_str text = sp_db_get_text(q, 2 + i);
        json_object_set_new(row, keys[i], json_stringn(text.p, text.n));
    }
    if (stored.n == 32) {
        sp_hex_write((const uint8_t *)stored.p, stored.n, hash);
    }
    json_object_set_new(row, "hash", json_string(hash));
    char *line = json_dumps(row, JSON_COMPACT);
    if (line != NULL) {
        sp_buf_text(b, line);
        sp_buf_text(b, "\n");
    }
    free(line);
    json_decref(row);
}

void keeper_export_run(struct nodes_shell *s)
{
    const char *path = s->conf->keeper.audit_export;
    struct sp_db_stmt *q = NULL;
    struct sp_buf b;
    if (path[0] == '\0' || s->exported_seq == s->store.committed_seq) {
        return;
    }
    if (s->exported_seq == 0) {
        s->exported_seq = (int64_t)keeper_store_meta(&s->store, "exported");
    }
    sp_buf_init(&b, EXPORT_BYTES_MAX);
    enum sp_rc rc = keeper_store_query(
        &s->store,
        "SELECT seq, wall_ms, actor, what, object, before, after, why, hash FROM audit WHERE seq>?1 ORDER BY seq LIMIT 20000", &q);
    int64_t last = s->exported_seq;
    if (rc == SP_OK) {
        sp_db_int(q, 1, last);
    }
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        export_row(q, &b);
        last = sp_db_get_int(q, 0);
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && !b.failed && sp_fs_write_all(fd, b.p, b.n) && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    sp_buf_fini(&b);
    if (!good) {
        SP_LOG(SP_LOG_WARNING, "audit", "export.failed", SP_LOG_S("file", path), SP_LOG_S("effect", "rows wait in the store"));
        return;
    }
    s->exported_seq = last;
    if (nodes_shell_rows(s)) {
        (void)nodes_shell_commit_rows(s, keeper_store_meta_put(&s->store, "exported", (uint64_t)last));
    }
}
