/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: adds one byte to $TMPDIR/count; linked dynamically. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    const char *dir = getenv("TMPDIR");
    char path[512] = "";
    size_t n = dir != NULL ? strlen(dir) : 0;
    if (n > 0 && n < sizeof path - 8) {
        memcpy(path, dir, n);
        memcpy(path + n, "/count", 7);
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
        if (fd < 0 || write(fd, "x", 1) != 1)
            return 3;
    }
    return write(1, "OK - counted\n", 13) == 13 ? 0 : 3;
}
