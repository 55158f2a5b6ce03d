/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: prints its line in pieces, argv[1] milliseconds apart. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char text[] = "OK - slowly but surely|pieces=27\n";
    int pause_ms = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5;
    for (unsigned i = 0; i < sizeof text - 1; i++) {
        if (write(1, text + i, 1) != 1)
            return 3;
        (void)poll(NULL, 0, pause_ms);
    }
    return 0;
}
