/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_leases.h"

#include "dispatch_keeper_shell.h"

static uint32_t leases_epoch(const struct nodes_shell *s)
{
    return (uint32_t)keeper_core_epoch(s->core); /* KEEPER_EPOCH_MAX fits */
}

static bool leases_send(void *ctx, struct sp_str body, uint64_t *sequence)
{
    struct nodes_shell *s = ctx;
    struct sp_bus_out out = {.type = SP_MSG_LEASE_CLOSED,
                             .broker = SP_BUS_ANY,
                             .epoch = leases_epoch(s),
                             .body = (const uint8_t *)body.p,
                             .body_bytes = body.n};
    bool sent = sp_bus_send(s->bus, &out) == SP_BUS_SENT;
    s->unsent += !sent;
    *sequence = out.sequence;
    return sent;
}

void keeper_leases_init(struct nodes_shell *s)
{
    keeper_closed_init(&s->closed, leases_send, s);
}

void keeper_leases_closed(struct nodes_shell *s, struct sp_str body)
{
    keeper_closed_put(&s->closed, body, leases_epoch(s), sp_mono_ms(nodes_shell_now(s).mono));
}

void keeper_leases_tick(struct nodes_shell *s)
{
    keeper_closed_tick(&s->closed, leases_epoch(s), sp_mono_ms(nodes_shell_now(s).mono));
}

struct sp_mono keeper_leases_deadline(const struct nodes_shell *s)
{
    uint64_t next_ms = keeper_closed_next_ms(&s->closed);
    return (struct sp_mono){next_ms == UINT64_MAX ? SP_NEVER : next_ms * SP_US_PER_MS};
}

enum sp_rc keeper_shell_on_refused(struct keeper_shell_in *in, struct msg_refused *m)
{
    struct nodes_shell *s = in->shell;
    s->unsent++;
    if (m->type == SP_MSG_LEASE_CLOSED && (m->code == SP_REFUSAL_OVERLOAD || m->code == SP_REFUSAL_NO_ROUTE)) {
        keeper_closed_refused(&s->closed, m->sequence, sp_mono_ms(nodes_shell_now(s).mono));
    }
    return SP_OK;
}
