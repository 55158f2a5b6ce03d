/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between a worker and its spawn helper, in both directions: any bytes are refused or come out as whole records whose lengths
 * hold. The input is packets: two bytes of length, content. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec_helper.h"
#include "exec_peer.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint32_t seen; /* so that reading is not optimized away */

/* Touches every byte the handler may read: the address sanitizer sees a length that lies. */
static void read_all(const struct exec_record *record)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < record->bytes; i++)
        sum ^= ((const uint8_t *)record)[i];
    SP_ASSERT(record->bytes >= sizeof *record && record->bytes % 8 == 0);
    seen += sum;
}

static void from_helper(void *self, const struct exec_record *record, int fd)
{
    (void)self;
    SP_ASSERT(fd == -1);
    read_all(record);
    if (record->type == EXEC_RESULT) {
        const struct exec_result *r = (const void *)record;
        SP_ASSERT(record->bytes >= sizeof *r && sizeof *r + r->output_bytes <= record->bytes);
    } else if (record->type == EXEC_FATAL || record->type == EXEC_NOTE) {
        const struct exec_text *t = (const void *)record;
        SP_ASSERT(record->bytes >= sizeof *t && sizeof *t + t->text_bytes <= record->bytes);
    } else if (record->type == EXEC_HELLO) {
        SP_ASSERT(record->bytes >= sizeof(struct exec_hello));
    } else {
        SP_ASSERT(record->type == EXEC_STARTED && record->bytes >= sizeof(struct exec_started));
    }
}

static void from_worker(void *self, const struct exec_record *record, int fd)
{
    (void)self;
    SP_ASSERT(fd == -1);
    read_all(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exec_helper helper;
    static struct exec_peer peer;
    _Alignas(8) static uint8_t packet[EXEC_PACKET_MAX];
    int down[2], up[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, down) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, up) != 0)
        abort();
    memset(&helper, 0, sizeof helper);
    helper.fd = down[0];
    exec_peer_init(&peer, up[0]);
    for (size_t at = 0; at + 2 <= size;) {
        size_t n = data[at] | (size_t)data[at + 1] << 8, left = size - at - 2;
        n = n < left ? n : left;
        if (n > 0 && (send(down[1], data + at + 2, n, MSG_DONTWAIT) < 0 || send(up[1], data + at + 2, n, MSG_DONTWAIT) < 0))
            break;
        at += 2 + n;
        if (n > 0) {
            (void)exec_helper_receive(&helper, packet, from_helper, NULL);
            (void)exec_peer_receive(&peer, from_worker, NULL);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)close(down[i]);
        (void)close(up[i]);
    }
    return 0;
}
