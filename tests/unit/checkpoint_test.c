/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_rng.h"

enum { BLOBS = 40 };

/* Random blobs come back byte for byte; a full pool refuses and loses nothing else; everything is freed in the end. */
static void agrees_with_copies(void **state)
{
    (void)state;
    static uint8_t copy[BLOBS][CHECKPOINT_BYTES_MAX];
    uint32_t size[BLOBS] = {0}, handle[BLOBS] = {0};
    struct checkpoint_pool p;
    struct sp_rng r = {9};
    uint8_t out[CHECKPOINT_BYTES_MAX];
    unsigned refused = 0;
    assert_true(checkpoint_init(&p, 16384));
    for (unsigned step = 0; step < 5000; step++) {
        unsigned i = (unsigned)sp_rng_below(&r, BLOBS);
        uint32_t n = sp_rng_below(&r, 4) == 0 ? 0 : (uint32_t)sp_rng_below(&r, CHECKPOINT_BYTES_MAX + 1);
        for (uint32_t k = 0; k < n; k++)
            copy[i][k] = (uint8_t)sp_rng_next(&r);
        if (checkpoint_put(&p, &handle[i], sp_str_bytes(copy[i], n))) {
            size[i] = n;
        } else {
            refused++;
            size[i] = 0;
        }
        unsigned look = (unsigned)sp_rng_below(&r, BLOBS);
        assert_int_equal(checkpoint_get(&p, handle[look], out), size[look]);
        assert_memory_equal(out, copy[look], size[look]);
    }
    assert_true(refused > 0);
    for (unsigned i = 0; i < BLOBS; i++)
        assert_true(checkpoint_put(&p, &handle[i], sp_str_bytes(NULL, 0)));
    assert_int_equal(p.used, 0);
    checkpoint_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_copies)};
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
