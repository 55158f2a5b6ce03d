/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_doctor.h"

#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_run.h"

#include <stdarg.h>
#include <string.h>

#define DOCTOR_TEXT_MAX 512
#define DOCTOR_LEFT     22 /* columns of the name of a finding */

static const char *const doctor_words[CTL_DOCTOR_STATES] = {"ok", "warn", "fail"};

void ctl_doctor_add(struct ctl_doctor *doctor, enum ctl_doctor_state state, const char *check, const char *hint, const char *detail,
                    ...)
{
    char text[DOCTOR_TEXT_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    va_list list;
    va_start(list, detail);
    (void)vsnprintf(text, sizeof text, detail, list);
    va_end(list);
    doctor->count[state]++;
    (void)ctl_out_safe(safe, sizeof safe, text);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "check", check, "state", doctor_words[state], "detail", safe, "hint", hint);
    (void)json_array_append_new(doctor->rows, ctl_json_need(row));
    struct ctl_out *out = &doctor->ctl->out;
    if (doctor->ctl->json)
        return;
    ctl_out_tone(out, ctl_out_tone_of(doctor_words[state]), doctor_words[state]);
    ctl_out_print(out, "%*s %-*s %s\n", (int)(4 - strlen(doctor_words[state])), "", DOCTOR_LEFT, check, safe);
    if (hint[0] != '\0')
        ctl_out_print(out, "     %-*s -> %s\n", DOCTOR_LEFT, "", ctl_out_safe(safe, sizeof safe, hint));
    (void)fflush(out->file);
}

int ctl_doctor_run(struct ctl *ctl)
{
    struct ctl_doctor doctor = {.ctl = ctl, .rows = ctl_json_need(json_array())};
    bool reachable = ctl_doctor_host(&doctor);
    ctl_doctor_filter(&doctor);
    if (reachable)
        ctl_doctor_fleet(&doctor);
    bool well = doctor.count[CTL_DOCTOR_FAIL] == 0;
    if (ctl->json) {
        json_t *report = json_pack("{s:b, s:O}", "ok", well, "findings", doctor.rows);
        ctl_json_print(&ctl->out, ctl_json_need(report));
        json_decref(report);
    } else {
        ctl_out_print(&ctl->out, "\n%zu ok, %zu warnings, %zu problems\n", doctor.count[CTL_DOCTOR_OK],
                      doctor.count[CTL_DOCTOR_WARN], doctor.count[CTL_DOCTOR_FAIL]);
    }
    json_decref(doctor.rows);
    return well ? CTL_OK : CTL_UNWELL;
}
