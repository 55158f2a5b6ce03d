/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_effects.h"

#include <stdlib.h>

#include "sp_assert.h"

bool keeper_effects_init(struct keeper_effects *fx)
{
    fx->list = malloc(KEEPER_EFFECTS_MAX * sizeof *fx->list);
    fx->body = malloc(KEEPER_BODY_BYTES_MAX);
    fx->count = 0;
    fx->used = 0;
    if (fx->list == NULL || fx->body == NULL) {
        keeper_effects_fini(fx);
        return false;
    }
    return true;
}

void keeper_effects_fini(struct keeper_effects *fx)
{
    free(fx->list);
    free(fx->body);
    *fx = (struct keeper_effects){0};
}

void keeper_effects_reset(struct keeper_effects *fx)
{
    fx->count = 0;
    fx->used = 0;
}

bool keeper_effects_room(const struct keeper_effects *fx, uint32_t effects, uint32_t bytes)
{
    return fx->count + effects <= KEEPER_EFFECTS_MAX && fx->used + bytes <= KEEPER_BODY_BYTES_MAX;
}

struct keeper_effect *keeper_effects_add(struct keeper_effects *fx, enum keeper_effect_kind kind)
{
    SP_ASSERT(fx->count < KEEPER_EFFECTS_MAX);
    struct keeper_effect *e = &fx->list[fx->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    return e;
}

void keeper_effects_begin(struct keeper_effects *fx, struct sp_packer *w, uint32_t max)
{
    uint32_t room = KEEPER_BODY_BYTES_MAX - fx->used;
    sp_packer_init(w, fx->body + fx->used, room < max ? room : max);
}

struct keeper_effect *keeper_effects_send(struct keeper_effects *fx, const struct sp_packer *w, uint16_t type, const char *dest)
{
    struct keeper_effect *e = keeper_effects_add(fx, KEEPER_SEND);
    e->u.send.type = type;
    (void)sp_str_copy(e->u.send.dest, sizeof e->u.send.dest, sp_str_of(dest));
    e->u.send.at = fx->used;
    e->u.send.bytes = (uint32_t)sp_packer_bytes(w);
    fx->used += e->u.send.bytes;
    return e;
}
