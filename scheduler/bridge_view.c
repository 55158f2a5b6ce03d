/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_view.h"

#include "admin_list.h"

static const struct view {
    const char *name;
    json_t *(*fn)(const struct admin *a, const char *name);
} views[] = {{"check.list", admin_list_checks}, {"profile.list", admin_list_profiles}};

static json_t *fault(const char *where, const char *text)
{
    return json_pack("{s:s, s:s, s:s}", "error", text, "where", where, "hint", "");
}

enum sp_refusal bridge_view_answer(const struct admin *a, const struct msg_view_request *request, json_t **answer)
{
    enum sp_refusal code = SP_REFUSAL_AUTHORITY;
    json_t *args =
        request->args.n == 0 ? json_object() : json_loadb(request->args.p, request->args.n, JSON_REJECT_DUPLICATES, NULL);
    *answer = NULL;
    for (size_t i = 0; i < SP_COUNT(views) && *answer == NULL && json_is_object(args); i++)
        if (sp_str_is(request->view, views[i].name)) {
            *answer = views[i].fn(a, json_string_value(json_object_get(args, "name")));
            code = SP_REFUSAL_NONE;
        }
    if (!json_is_object(args)) {
        *answer = fault("args", "are no JSON object");
        code = SP_REFUSAL_BAD_REQUEST;
    } else if (code != SP_REFUSAL_NONE) {
        *answer = fault("view", "is none for a bridge");
    }
    json_decref(args);
    return code;
}
