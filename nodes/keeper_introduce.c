/* SPDX-License-Identifier: Apache-2.0 */
/* An attester asks who it is that asks it, and whether that principal may ask about its node: a worker whose results about this node
 * would count, or an operator. The answer is for this attester alone, and about its own node alone. */
#include "dispatch_keeper_shell.h"
#include "keeper_core.h"
#include "node_registry.h"
#include "nodes_shell.h"
#include "sp_selector.h"

static bool introduce_is_valid(const struct nodes_shell *s, const struct sp_bus_principal *p)
{
    static const uint8_t none[32];
    uint64_t now_s = nodes_shell_now(s).wall.ms / SP_MS_PER_S;
    bool first = p->not_after_s == 0 || now_s < p->not_after_s;
    bool next = memcmp(p->next_curve, none, sizeof none) != 0 && (p->next_not_after_s == 0 || now_s < p->next_not_after_s);
    return !p->revoked && (first || next);
}

static enum sp_refusal introduce_judge(const struct nodes_shell *s, const struct sp_bus_principal *p, const char *node)
{
    if (p == NULL || (p->role != SP_ROLE_WORKER && p->role != SP_ROLE_OPERATOR) || !introduce_is_valid(s, p)) {
        return SP_REFUSAL_NOT_FOUND;
    }
    if (p->role == SP_ROLE_OPERATOR || p->nodes[0] == '\0') {
        return SP_REFUSAL_NONE;
    }
    const struct node_row *row = node_registry_find_name(keeper_core_nodes(s->core), sp_str_of(node));
    bool covers = row != NULL && sp_selector_text_match(sp_str_of(p->nodes), sp_str_of(row->name), sp_str_of(row->labels));
    return covers ? SP_REFUSAL_NONE : SP_REFUSAL_SCOPE;
}

enum sp_rc keeper_shell_on_principal_get(struct keeper_shell_in *in, struct msg_principal_get *m)
{
    static const uint8_t none[32];
    struct nodes_shell *s = in->shell;
    const struct sp_bus_principal *attester = in->message->from;
    char name[SP_BUS_NAME_BYTES];
    uint8_t body[MSG_PRINCIPAL_INFO_BYTES_MAX];
    struct sp_packer w;
    const struct sp_bus_principal *p = sp_str_copy(name, sizeof name, m->name) ? sp_bus_principal_find(s->bus, name) : NULL;
    struct msg_principal_info reply = {
        .name = m->name, .nonce = m->nonce, .code = (uint16_t)introduce_judge(s, p, attester->nodes)};
    struct rec_principal *r = &reply.principal;
    r->curve = r->sign = r->next_curve = r->next_sign = none;
    if (reply.code == SP_REFUSAL_NONE) {
        *r = (struct rec_principal){.name = sp_str_of(p->name),
                                    .role = p->role,
                                    .curve = p->curve,
                                    .sign = p->sign,
                                    .adapters = sp_str_of(p->adapters),
                                    .nodes = sp_str_of(p->nodes),
                                    .not_after = p->not_after_s,
                                    .next_curve = p->next_curve,
                                    .next_sign = p->next_sign,
                                    .next_not_before = p->next_not_before_s,
                                    .next_not_after = p->next_not_after_s};
    }
    sp_packer_init(&w, body, sizeof body);
    enum sp_rc rc = msg_principal_info_encode(&w, &reply);
    if (rc == SP_OK) {
        nodes_shell_send(s, SP_MSG_PRINCIPAL_INFO, attester->name, (int)in->message->broker,
                         sp_str_bytes(body, sp_packer_bytes(&w)));
    }
    return rc;
}
