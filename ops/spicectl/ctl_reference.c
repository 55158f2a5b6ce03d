/* SPDX-License-Identifier: Apache-2.0 */
/* Reference values of the adapter tpm: looking at a file before it is installed. */
#include "ctl_run.h"

#include "ctl_host.h"
#include "ctl_json.h"

#include "reference_file.h"
#include "sp_clock.h"
#include "sp_fs.h"

#include <stdlib.h>

static json_t *reference_json(const char *path, const struct reference_file *f, uint64_t now_s)
{
    char quote[TPM_SELECTION_TEXT_MAX];
    json_t *profiles = ctl_json_need(json_array());
    tpm_selection_text(&f->quote, quote);
    for (uint32_t i = 0; i < f->set.profiles; i++) {
        const struct reference_profile *p = &f->set.profile[i];
        bool in_force = now_s >= p->from && now_s < p->until;
        (void)json_array_append_new(profiles, ctl_json_need(json_pack("{s:s, s:b, s:i}", "name", f->name[i], "in_force", in_force,
                                                                      "values", (int)p->values)));
    }
    return ctl_json_need(
        json_pack("{s:s, s:s, s:b, s:o}", "file", path, "quote", quote, "boot_log", f->log_required, "profiles", profiles));
}

static int reference_check_one(struct ctl *ctl, const char *path, json_t *rows)
{
    struct reference_file *f = NULL;
    struct sp_err err = {0};
    char *text = NULL;
    size_t n = 0;
    enum sp_rc rc = sp_fs_read(path, REFERENCE_FILE_BYTES, 0, &text, &n, &err);
    rc = rc == SP_OK ? reference_file_parse(path, sp_str_bytes(text, n), &f, &err) : rc;
    free(text);
    if (rc != SP_OK)
        return ctl_host_fail(ctl, &err);
    json_t *row = reference_json(path, f, sp_clock_read().wall.ms / SP_MS_PER_S);
    if (!ctl->json) {
        size_t i;
        json_t *p;
        ctl_out_print(&ctl->out, "%s: good; quotes %s, boot log %s\n", path, ctl_json_text(row, "quote"),
                      f->log_required ? "required" : "ignored");
        json_array_foreach(json_object_get(row, "profiles"), i, p)
        {
            bool in_force = ctl_json_true(p, "in_force");
            ctl_out_print(&ctl->out, "  profile %s: ", ctl_json_text(p, "name"));
            ctl_out_tone(&ctl->out, in_force ? CTL_GOOD : CTL_WARN, in_force ? "in force\n" : "not in force now\n");
        }
    }
    (void)json_array_append_new(rows, row);
    reference_file_destroy(&f);
    return CTL_OK;
}

int ctl_reference_check(struct ctl *ctl)
{
    json_t *rows = ctl_json_need(json_array());
    int worst = CTL_OK;
    for (size_t i = 0; i < ctl->args.names_count; i++) {
        int code = reference_check_one(ctl, ctl->args.names[i], rows);
        worst = worst == CTL_OK ? code : worst;
    }
    if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    json_decref(rows);
    return worst;
}
