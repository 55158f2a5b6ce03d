/* SPDX-License-Identifier: Apache-2.0 */
/* http_judge.h - what an HTTP answer must be: status, text, JSON members. Part of the http adapter; no I/O. */
#ifndef SPICE_HTTP_JUDGE_H
#define SPICE_HTTP_JUDGE_H

#include <regex.h>

#include "param.h"

#define HTTP_JUDGE_RANGES_MAX  32u
#define HTTP_JUDGE_MEMBERS_MAX 32u
#define HTTP_JUDGE_POINTER_MAX 256u /* bytes of a JSON pointer */
#define HTTP_JUDGE_PATTERN_MAX 512u /* bytes of a regular expression */
#define HTTP_JUDGE_REPEAT_MAX  255u /* product of all {n,m} maxima of a pattern: bounds its automaton */

struct http_judge {
    uint32_t ranges;
    struct {
        uint16_t low, high;
    } range[HTTP_JUDGE_RANGES_MAX];
    bool has_match, has_absent;
    regex_t match, absent;
    uint32_t members;
    struct {
        char *pointer;
        char *value;
    } member[HTTP_JUDGE_MEMBERS_MAX];
};

/* Effect: takes the values of `expect`, `match`, `absent` and `json` (each may be not given). False: why says what is wrong; nothing to
 * release. */
bool http_judge_init(struct http_judge *self, const struct sp_param_value *expect, const struct sp_param_value *match,
                     const struct sp_param_value *absent, const struct sp_param_value *json, char *why);
void http_judge_fini(struct http_judge *self);
/* True when the answer is as it must be; else why (SP_ADAPTER_WHY_MAX bytes) says what is not. `body` is NUL-terminated after n bytes. */
bool http_judge_answer(const struct http_judge *self, long status, const char *body, size_t n, char *why);
/* True when the body matters, not only the status. */
bool http_judge_reads_body(const struct http_judge *self);

#endif
