/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "sp_assert.h"

static uint8_t pool[SP_RANDOM_POOL_BYTES];
static size_t left; /* bytes at the end of the pool not handed out yet */
static pid_t owner; /* the process that filled it */

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

void sp_random_bytes(void *to, size_t n)
{
    if (n > sizeof pool / 4) {
        from_kernel(to, n);
        return;
    }
    if (left < n || owner != getpid()) {
        from_kernel(pool, sizeof pool);
        left = sizeof pool;
        owner = getpid();
    }
    uint8_t *from = pool + sizeof pool - left;
    memcpy(to, from, n);
    explicit_bzero(from, n);
    left -= n;
}

uint64_t sp_random_u64(void)
{
    uint64_t x = 0;
    while (x == 0) {
        sp_random_bytes(&x, sizeof x);
    }
    return x;
}
