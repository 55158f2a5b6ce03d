/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: adds a line "ARG1 ARG2 NANOSECONDS" to $TMPDIR/stamps: who was started and when, by the monotonic clock. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    char path[512];
    char line[256];
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const char *dir = getenv("TMPDIR");
    int n = snprintf(path, sizeof path, "%s/stamps", dir != NULL ? dir : "/nonexistent");
    int m = snprintf(line, sizeof line, "%s %s %lld\n", argc > 1 ? argv[1] : "-", argc > 2 ? argv[2] : "-",
                     (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    if (n >= (int)sizeof path || m >= (int)sizeof line)
        return 3;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd < 0 || write(fd, line, (size_t)m) != m)
        return 3;
    return write(1, "OK - noted\n", 11) == 11 ? 0 : 3;
}
