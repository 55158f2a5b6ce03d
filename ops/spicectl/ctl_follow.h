/* SPDX-License-Identifier: Apache-2.0 */
/* This run as a reader of the pool: the first principal of role reader whose key is on this host, its own loop, and sp_reader. */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include "ctl.h"

#include "sp_reader.h"

struct ctl_follow {
    struct sp_loop *loop;
    struct sp_keys *keys;
    struct sp_reader *reader;
    bool interrupted;
};

/* Opens; handlers as in sp_reader_options (self, on_change, on_state are taken from `handlers`). Returns the exit code, the error
 * is printed. Close it in any case. */
int ctl_follow_open(struct ctl *ctl, struct ctl_follow *follow, const struct sp_reader_options *handlers);

/* Turns until the view is complete and proven, at most wait_ms. False: not in time, or interrupted. */
bool ctl_follow_await(struct ctl_follow *follow, uint32_t wait_ms);

/* Turns once, at most wait_ms. False: interrupted. */
bool ctl_follow_turn(struct ctl_follow *follow, uint32_t wait_ms);

void ctl_follow_close(struct ctl_follow *follow);

#endif
