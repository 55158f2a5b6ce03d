/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "sp_crypto.h"

bool evidence_policy_name(struct evidence_policy *p, const char *directory, const char *name, char *why)
{
    struct sp_str rest = sp_str_of(name);
    struct sp_str word;
    bool inside = name[0] != '\0';
    while (sp_str_next(&rest, '/', &word)) {
        inside = inside && word.n > 0 && word.p[0] != '.';
    }
    if (!inside) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "a policy is named by its path below policy_dir, without .. and hidden names");
        return false;
    }
    if (sp_fs_join(p->path, sizeof p->path, directory, name) != SP_OK) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "path of the policy is too long");
        return false;
    }
    return true;
}

static uint32_t refuse(struct evidence_policy *p, uint16_t reason, const char *text)
{
    p->reason = reason;
    (void)snprintf(p->why, sizeof p->why, "%s", text);
    return APPRAISER_NONE;
}

static uint32_t hand_over(struct evidence_policy *p, struct appraiser *a, struct sp_str content)
{
    uint8_t digest[32];
    sp_crypto_sha256(content.p, content.n, digest);
    if (p->pinned && memcmp(digest, p->pin, sizeof digest) != 0) {
        return refuse(p, SP_REASON_BAD_PARAMETERS, "the policy file is not the one whose SHA-256 the check names");
    }
    uint32_t number = appraiser_policy(a, p->kind, sp_buf_view(&p->params), content);
    return number != APPRAISER_NONE ? number : refuse(p, SP_REASON_BUSY, "no memory for the policy, or too many policies");
}

static uint32_t read_file(struct evidence_policy *p, struct appraiser *a)
{
    char *text = NULL;
    size_t n = 0;
    struct sp_err err;
    char line[SP_ADAPTER_WHY_MAX];
    if (p->path[0] == '\0') {
        return hand_over(p, a, (struct sp_str){NULL, 0});
    }
    if (sp_fs_read(p->path, p->most, SP_FS_OWNED, &text, &n, &err) != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        return refuse(p, SP_REASON_BAD_PARAMETERS, line);
    }
    uint32_t number = hand_over(p, a, sp_str_bytes(text, n));
    free(text);
    return number;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
           a->st_uid == b->st_uid && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

uint32_t evidence_policy_get(struct evidence_policy *p, struct appraiser *a, uint64_t now_us)
{
    bool first = p->looked_us == 0;
    struct stat now = {0};
    if (!first && (now_us - p->looked_us < EVIDENCE_POLICY_LOOK_US || p->path[0] == '\0')) {
        return p->number;
    }
    p->looked_us = now_us > 0 ? now_us : 1;
    /* Looked at before it is read: a change in between is seen the next time. */
    (void)(p->path[0] != '\0' && stat(p->path, &now));
    if (!first && p->number != APPRAISER_NONE && is_same(&now, &p->seen)) {
        return p->number;
    }
    uint32_t before = p->number;
    p->seen = now;
    p->number = read_file(p, a);
    if (before != APPRAISER_NONE) {
        appraiser_policy_release(a, before); /* after the new one was taken, which may be the same */
    }
    return p->number;
}

void evidence_policy_fini(struct evidence_policy *p, struct appraiser *a)
{
    if (p->number != APPRAISER_NONE) {
        appraiser_policy_release(a, p->number);
    }
    sp_buf_fini(&p->params);
}
