/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: prints NULs, control characters, escape sequences, broken UTF-8 and measures that are none. */
#include <unistd.h>

static const char text[] =
    "bad\0\x01\x1b[31mred\xff\xfe\xc3(\xed\xa0\x80 end\x7f|a=1 =2 b=x 'c d'=3s;1;2;0;9 e=1;;;;;; f=nan g=1,5 h=4%\n\n\x80|z=1";

int main(void)
{
    return write(1, text, sizeof text - 1) == (ssize_t)(sizeof text - 1) ? 0 : 3;
}
