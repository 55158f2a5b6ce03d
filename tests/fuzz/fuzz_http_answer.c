/* SPDX-License-Identifier: Apache-2.0 */
/* What a web server may answer, held against every kind of expectation: status, expressions, JSON pointers. The input is status (two
 * bytes), a pointer, a NUL, and the body. A judgement needs no luck: the same twice, and a reason when it is bad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_check.h"
#include "http_judge.h"
#include "param.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_param table[] = {
    {"expect", SP_PARAM_LIST, false, 1, HTTP_JUDGE_RANGES_MAX, NULL, "h", NULL},
    {"match", SP_PARAM_STR, false, 1, HTTP_JUDGE_PATTERN_MAX, NULL, "h", NULL},
    {"absent", SP_PARAM_STR, false, 1, HTTP_JUDGE_PATTERN_MAX, NULL, "h", NULL},
    {"json", SP_PARAM_MAP, false, 1, HTTP_JUDGE_MEMBERS_MAX, NULL, "h", NULL},
};

static bool prepare(struct http_judge *judge, const char *json)
{
    struct param_values v;
    char why[SP_ADAPTER_WHY_MAX] = "";
    if (!param_parse(table, SP_COUNT(table), sp_str_of(json), &v, why)) {
        SP_ASSERT(why[0] != '\0');
        return false;
    }
    bool good = http_judge_init(judge, &v.row[0], &v.row[1], &v.row[2], &v.row[3], why);
    SP_ASSERT(good || why[0] != '\0');
    param_fini(&v);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const fixed[] = {"{}", "{\"expect\":[200,\"300-599\"],\"match\":\"a+b|[0-9]{2,4}x\"}",
                                        "{\"absent\":\"error\"}"};
    static struct http_judge judge;
    char json[1200] = "{\"json\":{\"";
    char why[SP_ADAPTER_WHY_MAX], again[SP_ADAPTER_WHY_MAX];
    size_t at = strlen(json), used = 2;
    if (size < 2)
        return 0;
    for (; used < size && data[used] != '\0' && at < 1000; used++) { /* any pointer, as a JSON string */
        if (data[used] < 0x20 || data[used] > 0x7e || data[used] == '"' || data[used] == '\\')
            at += (size_t)snprintf(json + at, sizeof json - at, "\\u%04x", data[used]);
        else
            json[at++] = (char)data[used];
    }
    (void)snprintf(json + at, sizeof json - at, "\":\"1\"}}");
    used += used < size;
    size_t n = size - used;
    char *body = malloc(n + 1);
    SP_ASSERT(body != NULL);
    memcpy(body, data + used, n);
    body[n] = '\0';
    for (size_t i = 0; i <= SP_COUNT(fixed); i++) {
        if (!prepare(&judge, i < SP_COUNT(fixed) ? fixed[i] : json))
            continue;
        long status = (long)(data[0] % 8) * 100 + data[1] % 100;
        memset(why, 0, sizeof why);
        memset(again, 0, sizeof again);
        bool good = http_judge_answer(&judge, status, body, n, why);
        SP_ASSERT(good || why[0] != '\0');
        SP_ASSERT(http_judge_answer(&judge, status, body, n, again) == good && (good || strcmp(why, again) == 0));
        SP_ASSERT(memchr(why, '\0', sizeof why) != NULL);
        http_judge_fini(&judge);
    }
    free(body);
    return 0;
}
