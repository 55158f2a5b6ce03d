/* SPDX-License-Identifier: Apache-2.0 */
/* exec_helper.h - one spawn helper as the worker sees it: its process, its socket, what waits to be sent, which plugins it has. */
#ifndef EXEC_HELPER_H
#define EXEC_HELPER_H

#include <sys/types.h>

#include "adapter.h"
#include "exec_plugin.h"
#include "exec_proto.h"

#define EXEC_HELPER_END_MS 2000 /* a helper may take so long to kill its runs */

struct exec_helper {
    pid_t pid; /* 0: down */
    int fd;    /* -1: down */
    bool blocked;
    uint32_t out_bytes;
    uint32_t runs;                     /* kept by the owner */
    struct exec_hello hello;           /* record.type 0: not come yet */
    uint32_t loaded[EXEC_PLUGINS_MAX]; /* generation it has of each plugin */
    uint8_t *out;                      /* EXEC_PACKET_MAX bytes */
};

/* Handler of one record; fd (-1: none) is given to it. Every length inside the record has been checked. */
typedef void exec_helper_handler(void *self, const struct exec_record *record, int fd);

enum exec_helper_state { EXEC_HELPER_EMPTY, EXEC_HELPER_GOT, EXEC_HELPER_GONE };

/* Effect: starts the program. Borrows argv. False: *error is an errno. */
bool exec_helper_start(struct exec_helper *h, const char *program, char *const argv[], int *error);
/* Effect: closes the socket, which ends the helper and its runs; reaps it, killing it when that takes too long. */
void exec_helper_stop(struct exec_helper *h);
/* True when a record of so many bytes can be put; may send what waits to make room. */
bool exec_helper_has_room(struct exec_helper *h, uint32_t bytes);
/* Effect: puts a record (bytes padded by the caller). There is room. */
void exec_helper_put(struct exec_helper *h, const void *record, uint32_t bytes);
/* Effect: gives the helper the sealed copy of this plugin and the name of the directory that it alone may write to. False: not now. */
bool exec_helper_load(struct exec_helper *h, const struct exec_plugin *plugin, const char dir[EXEC_DIR_BYTES]);
/* Effect: sends what waits; `blocked` says that it could not. */
void exec_helper_flush(struct exec_helper *h);
/* Effect: takes one packet into `buffer` (EXEC_PACKET_MAX bytes, aligned to 8) and hands its records over. GONE: the helper is dead
 * or does not keep to the protocol. */
enum exec_helper_state exec_helper_receive(struct exec_helper *h, uint8_t *buffer, exec_helper_handler *handler, void *self);

#endif
