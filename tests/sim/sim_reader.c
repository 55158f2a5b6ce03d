/* SPDX-License-Identifier: Apache-2.0 */
/* Followers of the pool in the simulated fleet. */
#include "sim.h"

static struct reader_core *reader(struct sim *s, uint32_t process)
{
    return &s->reader[process - SIM_READER];
}

static void step(struct sim *s, uint32_t process)
{
    struct reader_core *r = reader(s, process);
    struct reader_changes changes;
    struct reader_send out;
    uint8_t nonce[16];
    if (!s->process[process].up)
        return;
    sim_random(s, nonce, sizeof nonce);
    for (uint32_t rounds = 0; reader_core_step(r, sim_clock(s, process).mono, nonce, &out, &changes); rounds++) {
        SIM_REQUIRE(s, rounds < 8, "a reader does not come to an end");
        (void)sim_send(s, process, out.type, "", 0, 0, out.body, out.bytes);
        sim_random(s, nonce, sizeof nonce);
    }
    sim_wake_at(s, process, reader_core_next_deadline(r).us);
}

void sim_reader_start(struct sim *s, uint32_t process)
{
    struct reader_options o = {.boot = s->process[process].boot,
                               .ping_ms = SIM_STALE_MS / 3,
                               .stale_ms = SIM_STALE_MS,
                               .entries_max = 64,
                               .hash_key = {9}};
    SIM_REQUIRE(s, reader_core_init(reader(s, process), &o), "reader does not start");
    sim_hello(s, process, "", 0);
}

void sim_reader_stop(struct sim *s, uint32_t process)
{
    reader_core_fini(reader(s, process));
}

void sim_reader_message(struct sim *s, uint32_t process, const struct sp_envelope *e, uint32_t sender)
{
    struct reader_changes changes;
    if (e->type == SP_MSG_WELCOME)
        s->process[process].up = true;
    else
        reader_core_on_message(reader(s, process), sim_clock(s, process).mono, (enum sp_role)s->process[sender].role, e->type,
                               e->body, &changes);
    step(s, process);
}

void sim_reader_wake(struct sim *s, uint32_t process)
{
    struct reader_changes changes;
    reader_core_expire(reader(s, process), sim_clock(s, process).mono, &changes);
    step(s, process);
}
