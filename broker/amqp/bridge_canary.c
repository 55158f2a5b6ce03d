/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_canary.h"

#include <stdio.h>

#include "sp_hex.h"
#include "sp_log.h"
#include "sp_random.h"

#define CANARY     "canary" /* namespace and method; bridges take it for what it is, other servers for a cast they do not know */
#define HEX_BYTES  (2u * CANARY_NONCE_BYTES + 1u)
#define QUEUE_NAME 160u

bool bridge_canary_is(const struct oslo_request *r)
{
    return !r->call && strcmp(r->name_space, CANARY) == 0 && strcmp(r->method, CANARY) == 0;
}

void bridge_canary_heard(struct bridge *b, const struct oslo_request *r)
{
    const char *text = oslo_text(r->args, "nonce");
    char own[HEX_BYTES];
    bool deaf = b->canary.deaf;
    sp_hex_write(b->canary.nonce, sizeof b->canary.nonce, own);
    if (text == NULL || strcmp(text, own) != 0)
        return; /* of another bridge on the queue we share, or what anybody may write */
    if (canary_core_heard(&b->canary, bridge_shell_now(b), b->canary.nonce) && deaf && !b->canary.deaf)
        SP_LOG(SP_LOG_NOTICE, "bridge", "rabbit.heard", SP_LOG_U("us", b->canary.round_us));
}

static void fly(struct bridge *b, const char *key, const char *nonce)
{
    char args[HEX_BYTES + 32];
    struct sp_buf inner;
    (void)snprintf(args, sizeof args, "{\"nonce\": \"%s\"}", nonce);
    sp_buf_init(&inner, 4096);
    oslo_message_cast(&inner, CANARY, "1.0", CANARY, sp_str_of(args));
    bridge_shell_offer(b, BRIDGE_CANARY, 0, b->options->c.exchange, key, &inner);
    sp_buf_fini(&inner);
}

/* Two of them: one comes back by our own queue; of the one for the topic all bridges share, it is enough that it has a queue. */
static void send(struct bridge *b)
{
    char server[QUEUE_NAME], nonce[HEX_BYTES];
    (void)snprintf(server, sizeof server, "%s.%s", b->options->c.topic, b->name);
    sp_hex_write(b->canary.nonce, sizeof b->canary.nonce, nonce);
    fly(b, b->options->c.topic, "");
    fly(b, server, nonce);
}

void bridge_canary_links(struct bridge *b)
{
    bool up = !b->core.blocked;
    for (unsigned l = 0; l < BRIDGE_LINKS; l++)
        up = up && b->core.links[l].state == BRIDGE_UP;
    canary_core_links(&b->canary, bridge_shell_now(b), up);
}

void bridge_canary_tick(struct bridge *b)
{
    uint8_t nonce[CANARY_NONCE_BYTES];
    if (bridge_shell_now(b).us < bridge_canary_deadline_us(b))
        return;
    sp_random_bytes(nonce, sizeof nonce);
    switch (canary_core_step(&b->canary, bridge_shell_now(b), nonce)) {
    case CANARY_REST:
        break;
    case CANARY_SEND:
        send(b);
        break;
    case CANARY_DEAF:
        SP_LOG(SP_LOG_WARNING, "bridge", "rabbit.deaf", SP_LOG_U("failures", b->canary.failures),
               SP_LOG_S("why", "a message of our own did not come back; connecting anew"));
        for (unsigned l = 0; l < BRIDGE_LINKS; l++)
            amqp_link_abort(b->links[l]);
        break;
    }
}

uint64_t bridge_canary_deadline_us(const struct bridge *b)
{
    return canary_core_next_deadline(&b->canary).us;
}
