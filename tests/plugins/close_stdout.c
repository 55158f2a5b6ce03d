/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: closes its output at once, works on for argv[1] milliseconds, ends with 1. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)close(1);
    (void)poll(NULL, 0, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100);
    return 1;
}
