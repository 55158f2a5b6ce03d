/* SPDX-License-Identifier: Apache-2.0 */
#include "appraiser_policies.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sp_assert.h"
#include "sp_crypto.h"
#include "sp_fs.h"

void appraiser_policies_init(struct appraiser_policies *t)
{
    for (uint32_t i = 0; i < APPRAISE_POLICIES_MAX; i++) {
        t->row[i] = (struct appraiser_policy_row){.fd = -1};
    }
}

void appraiser_policies_fini(struct appraiser_policies *t)
{
    for (uint32_t i = 0; i < APPRAISE_POLICIES_MAX; i++) {
        if (t->row[i].fd >= 0) {
            (void)close(t->row[i].fd);
        }
    }
}

static void digest_of(const char *kind, struct sp_str params, struct sp_str policy, uint8_t out[32])
{
    struct sp_crypto_sha256 h;
    const uint64_t n[2] = {params.n, policy.n};
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, kind, strlen(kind) + 1);
    sp_crypto_sha256_update(&h, n, sizeof n);
    sp_crypto_sha256_update(&h, params.p, params.n);
    sp_crypto_sha256_update(&h, policy.p, policy.n);
    sp_crypto_sha256_final(&h, out);
}

/* Gives a descriptor of memory with both texts that nobody can change; -1: no memory. */
static int seal(struct sp_str params, struct sp_str policy)
{
    int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && sp_fs_write_all(fd, params.p, params.n) && sp_fs_write_all(fd, policy.p, policy.n) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

uint32_t appraiser_policies_take(struct appraiser_policies *t, const char *kind, struct sp_str params, struct sp_str policy,
                                 bool *fresh)
{
    uint8_t digest[32];
    uint32_t place = UINT32_MAX;
    SP_ASSERT(strlen(kind) <= APPRAISAL_KIND_MAX && params.n > 0);
    digest_of(kind, params, policy, digest);
    *fresh = false;
    for (uint32_t i = APPRAISE_POLICIES_MAX; i-- > 0;) {
        struct appraiser_policy_row *p = &t->row[i];
        if (p->fd >= 0 && memcmp(p->digest, digest, sizeof digest) == 0) {
            p->users++;
            return i;
        }
        place = p->fd < 0 ? i : place;
    }
    int fd = place != UINT32_MAX ? seal(params, policy) : -1;
    if (fd < 0) {
        return UINT32_MAX;
    }
    struct appraiser_policy_row *p = &t->row[place];
    *p = (struct appraiser_policy_row){.users = 1, .fd = fd, .params_bytes = params.n, .policy_bytes = policy.n};
    memcpy(p->digest, digest, sizeof digest);
    (void)snprintf(p->kind, sizeof p->kind, "%s", kind);
    *fresh = true;
    return place;
}

bool appraiser_policies_drop(struct appraiser_policies *t, uint32_t number)
{
    struct appraiser_policy_row *p = &t->row[number];
    if (p->users > 0 || p->runs > 0 || p->fd < 0) {
        return false;
    }
    (void)close(p->fd);
    *p = (struct appraiser_policy_row){.fd = -1};
    return true;
}
