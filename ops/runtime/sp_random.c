/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_random.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "sp_assert.h"

/* Lives in pages the kernel wipes in a forked child, which so finds nothing left: asking who we are would cost a system call per nonce. */
struct pool {
    size_t left; /* bytes at the end not handed out yet */
    uint8_t bytes[SP_RANDOM_POOL_BYTES];
};
static struct pool *pool; /* NULL: not made yet, or the kernel cannot wipe it */

static void from_kernel(uint8_t *to, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0) {
            SP_ASSERT(errno == EINTR);
            continue;
        }
        to += got;
        n -= (size_t)got;
    }
}

static bool make_pool(void)
{
    void *p = mmap(NULL, sizeof *pool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return false;
    }
    if (madvise(p, sizeof *pool, MADV_WIPEONFORK) != 0) {
        (void)munmap(p, sizeof *pool);
        return false;
    }
    pool = p;
    return true;
}

void sp_random_bytes(void *to, size_t n)
{
    if (n > SP_RANDOM_POOL_BYTES / 4 || (pool == NULL && !make_pool())) {
        from_kernel(to, n);
        return;
    }
    if (pool->left < n) {
        from_kernel(pool->bytes, sizeof pool->bytes);
        pool->left = sizeof pool->bytes;
    }
    uint8_t *from = pool->bytes + sizeof pool->bytes - pool->left;
    memcpy(to, from, n);
    explicit_bzero(from, n);
    pool->left -= n;
}

uint64_t sp_random_u64(void)
{
    uint64_t x = 0;
    while (x == 0) {
        sp_random_bytes(&x, sizeof x);
    }
    return x;
}
