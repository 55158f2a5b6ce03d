/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp_crypto.h"

#define CTL_TEXT_MAX  2048
#define CTL_BULK_FREE 1 /* so many objects may be changed by --all or a selector without a question */

static void ctl_fail_json(const char *what, const char *where, const char *hint)
{
    json_t *error =
        json_pack("{s:s, s:s, s:s}", "error", what, "where", where != NULL ? where : "", "hint", hint != NULL ? hint : "");
    char *text = error != NULL ? json_dumps(error, JSON_COMPACT) : NULL;
    (void)fprintf(stderr, "%s\n", text != NULL ? text : "{\"error\":\"text is not UTF-8\",\"where\":\"\",\"hint\":\"\"}");
    free(text);
    json_decref(error);
}

int ctl_fail(struct ctl *ctl, enum ctl_exit code, const char *where, const char *hint, const char *what, ...)
{
    char text[CTL_TEXT_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    va_list list;
    va_start(list, what);
    (void)vsnprintf(text, sizeof text, what, list);
    va_end(list);
    (void)fflush(ctl->out.file);
    if (ctl->json) {
        ctl_fail_json(text, where, hint);
        return (int)code;
    }
    (void)fprintf(stderr, "spicectl: %s\n", ctl_out_safe(safe, sizeof safe, text));
    if (where != NULL && where[0] != '\0')
        (void)fprintf(stderr, "  where: %s\n", ctl_out_safe(safe, sizeof safe, where));
    if (hint != NULL && hint[0] != '\0')
        (void)fprintf(stderr, "  hint:  %s\n", ctl_out_safe(safe, sizeof safe, hint));
    return (int)code;
}

int ctl_crypto_open(struct ctl *ctl)
{
    return sp_crypto_init() == SP_OK ? CTL_OK
                                     : ctl_fail(ctl, CTL_FAILED, "libcrypto, libsodium", "install Debian's libssl3 and libsodium23",
                                                "one of them cannot be used");
}

void ctl_note(struct ctl *ctl, const char *what, ...)
{
    char text[CTL_TEXT_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    va_list list;
    if (ctl->json)
        return;
    va_start(list, what);
    (void)vsnprintf(text, sizeof text, what, list);
    va_end(list);
    (void)fflush(ctl->out.file);
    (void)fprintf(stderr, "%s\n", ctl_out_safe(safe, sizeof safe, text));
}

bool ctl_confirm(struct ctl *ctl, size_t count, const char *verb, const char *noun)
{
    char line[64];
    if (count <= CTL_BULK_FREE || ctl->dry_run || ctl_args_has(&ctl->args, CTL_OPT_YES))
        return true;
    if (isatty(STDIN_FILENO) == 0) {
        (void)ctl_fail(ctl, CTL_USAGE, NULL, "add --yes, or look first with --dry-run", "%s %zu %ss needs a yes", verb, count,
                       noun);
        return false;
    }
    (void)fprintf(stderr, "%s %zu %ss? Type the number to go on: ", verb, count, noun);
    (void)fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "%zu", count);
    if (strcmp(line, wanted) == 0)
        return true;
    (void)ctl_fail(ctl, CTL_FAILED, NULL, NULL, "nothing was changed");
    return false;
}
