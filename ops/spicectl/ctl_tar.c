/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_tar.h"

#include "sp_assert.h"

#include <stdio.h>

#define TAR_BLOCK 512u

/* IEEE Std 1003.1, pax, "ustar Interchange Format": all fields are text, numbers octal. */
struct tar_head {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char sum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char pad[12];
};
SP_STATIC_ASSERT(sizeof(struct tar_head) == TAR_BLOCK, "a head is one block");

static void tar_head(struct sp_buf *b, const char *path, unsigned mode, size_t size, char type)
{
    struct tar_head head;
    unsigned sum = 0;
    memset(&head, 0, sizeof head);
    if (!sp_str_copy(head.name, sizeof head.name, sp_str_of(path))) {
        b->failed = true;
        return;
    }
    (void)snprintf(head.mode, sizeof head.mode, "%07o", mode & 07777u);
    (void)snprintf(head.uid, sizeof head.uid, "%07o", 0u);
    (void)snprintf(head.gid, sizeof head.gid, "%07o", 0u);
    (void)snprintf(head.size, sizeof head.size, "%011lo", (unsigned long)size);
    (void)snprintf(head.mtime, sizeof head.mtime, "%011o", 0u);
    memset(head.sum, ' ', sizeof head.sum);
    head.type = type;
    memcpy(head.magic, "ustar", 6);
    memcpy(head.version, "00", 2);
    const unsigned char *bytes = (const unsigned char *)&head;
    for (size_t i = 0; i < sizeof head; i++)
        sum += bytes[i];
    (void)snprintf(head.sum, sizeof head.sum, "%06o", sum & 0777777u);
    sp_buf_append(b, &head, sizeof head);
}

void ctl_tar_folder(struct sp_buf *b, const char *path, unsigned mode)
{
    tar_head(b, path, mode, 0, '5');
}

void ctl_tar_file(struct sp_buf *b, const char *path, struct sp_str content, unsigned mode)
{
    static const char zeros[TAR_BLOCK];
    tar_head(b, path, mode, content.n, '0');
    sp_buf_append(b, content.p, content.n);
    sp_buf_append(b, zeros, (TAR_BLOCK - content.n % TAR_BLOCK) % TAR_BLOCK);
}

void ctl_tar_end(struct sp_buf *b)
{
    static const char zeros[2 * TAR_BLOCK];
    sp_buf_append(b, zeros, sizeof zeros);
}
