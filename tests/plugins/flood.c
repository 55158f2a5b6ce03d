/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: prints until it is stopped, or as many bytes as argv[1] says. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char block[4096];
    unsigned long left = argc > 1 ? strtoul(argv[1], NULL, 10) : ~0ul;
    memset(block, 'f', sizeof block);
    while (left > 0) {
        size_t n = left < sizeof block ? left : sizeof block;
        if (write(1, block, n) <= 0)
            return 2;
        left -= n;
    }
    return 0;
}
