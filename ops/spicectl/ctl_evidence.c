/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_evidence.h"

#include "ctl_fleet_parts.h"
#include "ctl_json.h"

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#include <inttypes.h>
#include <string.h>

#define EVIDENCE_TRIES   5u /* times a part is asked for within the patience */
#define EVIDENCE_TELL_NS (2000ull * FLEET_NS_PER_MS)
#define EVIDENCE_TURN_MS 50u

/* ---- what comes in ---- */

void fleet_evidence_on_part(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct fleet_evidence *e = &fleet->evidence;
    struct msg_evidence part;
    if (!e->used || msg_evidence_decode(message->body, message->body_bytes, &part) != SP_OK || part.id != e->id ||
        strcmp(message->from->name, e->attester) != 0 || !sp_str_is(part.node, e->node) || !sp_str_is(part.kind, e->kind) ||
        memcmp(part.nonce, e->nonce, sizeof e->nonce) != 0 || part.offset != e->document->n || e->ended)
        return; /* of another question, or a part we have */
    e->heard = true;
    if (part.code != SP_REASON_OK) {
        e->ended = true;
        e->reason = part.code;
        (void)sp_str_copy(e->detail, sizeof e->detail, part.detail);
        return;
    }
    bool fits = part.total <= e->max && part.part.n <= part.total - part.offset && (part.part.n > 0 || part.total == part.offset) &&
                (part.offset == 0 || part.total == e->total);
    if (!fits) {
        e->ended = true;
        e->reason = SP_REASON_CONTENT;
        (void)snprintf(e->detail, sizeof e->detail, "the document is larger than %zu bytes, or changed while it was read", e->max);
        return;
    }
    e->total = part.total;
    sp_buf_append(e->document, part.part.p, part.part.n);
    e->ended = e->document->n == e->total;
}

void fleet_evidence_on_refused(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct fleet_evidence *e = &fleet->evidence;
    struct msg_refused refused;
    if (!e->used || e->ended || msg_refused_decode(message->body, message->body_bytes, &refused) != SP_OK ||
        refused.type != SP_MSG_EVIDENCE_REQUEST || refused.sequence != e->sequence)
        return;
    e->refused = refused.code;
}

/* ---- what goes out ---- */

static bool evidence_send(struct ctl *ctl, const struct ctl_evidence *question, uint32_t wait_ms, struct ctl_fault *fault)
{
    struct ctl_fleet *fleet = ctl->fleet;
    struct fleet_evidence *e = &fleet->evidence;
    struct sp_bus_out out = {.type = SP_MSG_EVIDENCE_REQUEST, .dest = e->attester, .broker = SP_BUS_ANY};
    struct sp_packer packer;
    size_t room = 0;
    struct msg_evidence_request request = {.id = e->id,
                                           .node = sp_str_of(e->node),
                                           .kind = sp_str_of(question->kind),
                                           .nonce = question->nonce,
                                           .args = sp_str_of(question->args),
                                           .offset = e->document->n,
                                           .expires_ms = wait_ms};
    uint8_t *body = sp_bus_body(fleet->bus, &room);
    sp_packer_init(&packer, body, room);
    if (msg_evidence_request_encode(&packer, &request) != SP_OK)
        return fleet_fault(fault, CTL_FAILED, question->kind, "", "the question does not fit into a message");
    out.body = body;
    out.body_bytes = sp_packer_bytes(&packer);
    enum sp_bus_sent sent = sp_bus_send(fleet->bus, &out);
    if (sent != SP_BUS_SENT && sent != SP_BUS_WOULD_BLOCK && sent != SP_BUS_NO_BROKER)
        return fleet_fault(fault, CTL_NO_FLEET, e->attester, "try: spicectl doctor", "%s", sp_bus_sent_text(sent));
    e->sequence = sent == SP_BUS_SENT ? out.sequence : 0;
    return true;
}

static bool evidence_gave_up(const struct ctl *ctl, const struct ctl_evidence *question, struct ctl_fault *fault)
{
    const struct fleet_evidence *e = &ctl->fleet->evidence;
    if (ctl->fleet->interrupted)
        return fleet_fault(fault, CTL_FAILED, e->attester, "", "interrupted while waiting for %s of node %s", question->kind,
                           e->node);
    if (e->refused != 0 && !e->heard)
        return fleet_fault(fault, CTL_NO_FLEET, e->attester,
                           e->refused == SP_REFUSAL_NO_ROUTE ? "is spice-attester running on the node? look at its log" : "",
                           "the broker refused the question to the attester of node %s: %s", e->node, sp_refusal_text(e->refused));
    return fleet_fault(
        fault, CTL_NO_FLEET, e->attester, "is spice-attester running on the node? look at its log; or wait longer: --timeout",
        "the attester of node %s did not answer \"%s\" within %" PRIu32 " ms", e->node, question->kind, ctl_fleet_patience(ctl));
}

/* Waits until the next part is there, asking again now and then. False: fault. */
static bool evidence_part(struct ctl *ctl, const struct ctl_evidence *question, uint64_t *tell_ns, struct ctl_fault *fault)
{
    struct fleet_evidence *e = &ctl->fleet->evidence;
    uint64_t patience = (uint64_t)ctl_fleet_patience(ctl) * FLEET_NS_PER_MS;
    uint64_t now = sp_clock_mono_ns(), end = now + patience, again = now;
    size_t had = e->document->n;
    while (!e->ended && e->document->n == had) {
        now = sp_clock_mono_ns();
        if (ctl->fleet->interrupted || now >= end)
            return evidence_gave_up(ctl, question, fault);
        if (now >= again) {
            again = now + patience / EVIDENCE_TRIES;
            if (!evidence_send(ctl, question, (uint32_t)((end - now) / FLEET_NS_PER_MS + 1), fault))
                return false;
        }
        if (now >= *tell_ns) {
            ctl_note(ctl, "node %s: its attester is asked for %s, %zu bytes are here ...", e->node, question->kind, e->document->n);
            *tell_ns = now + EVIDENCE_TELL_NS;
        }
        (void)ctl_fleet_turn(ctl, EVIDENCE_TURN_MS);
    }
    return true;
}

bool ctl_evidence_ask(struct ctl *ctl, const struct ctl_evidence *question, struct sp_buf *document, struct ctl_fault *fault)
{
    struct fleet_evidence *e = &ctl->fleet->evidence;
    uint64_t tell_ns = sp_clock_mono_ns() + EVIDENCE_TELL_NS;
    bool good = true;
    *e = (struct fleet_evidence){.used = true,
                                 .id = fleet_id_next(ctl->fleet),
                                 .attester = question->from->name,
                                 .node = question->from->node,
                                 .kind = question->kind,
                                 .max = question->max,
                                 .document = document};
    memcpy(e->nonce, question->nonce, sizeof e->nonce);
    while (good && !e->ended)
        good = evidence_part(ctl, question, &tell_ns, fault);
    if (good && e->reason != SP_REASON_OK) {
        good = fleet_fault(fault, CTL_FAILED, e->attester, "", "the attester of node %s gives no \"%s\": %s%s%s", e->node,
                           question->kind, e->reason == SP_REASON_MISSING ? "it has none" : sp_reason_text(e->reason),
                           e->detail[0] != '\0' ? ": " : "", e->detail);
        fault->code = e->reason;
    }
    if (good && document->failed)
        good = fleet_fault(fault, CTL_FAILED, e->attester, "", "out of memory");
    e->used = false;
    return good;
}

/* ---- who speaks for a node ---- */

/* The keys of a row of key.list. */
static bool attester_keys(const json_t *row, struct ctl_attester *out)
{
    struct sp_str curve = sp_str_of(ctl_json_text(row, "curve"));
    bool good = sp_hex_z85_parse(curve, out->curve, sizeof out->curve) || sp_hex_parse(curve, out->curve, sizeof out->curve);
    return good && sp_hex_parse(sp_str_of(ctl_json_text(row, "sign")), out->sign, sizeof out->sign) &&
           sp_crypto_public_ok(out->sign) && sp_str_copy(out->name, sizeof out->name, sp_str_of(ctl_json_text(row, "name")));
}

/* Lends the row of the attester whose node this is. */
static const json_t *attester_row(const json_t *keys, const char *node)
{
    size_t i;
    json_t *row;
    json_array_foreach(keys, i, row)
    {
        if (strcmp(ctl_json_text(row, "role"), "attester") == 0 && !ctl_json_true(row, "revoked") &&
            strcmp(ctl_json_text(row, "nodes"), node) == 0)
            return row;
    }
    return NULL;
}

/* Lets questions to it, and what it answers, be sealed with its key: principals.yaml of this host need not know every node. */
static bool attester_admit(struct ctl *ctl, const struct ctl_attester *a, struct ctl_fault *fault)
{
    struct sp_bus *bus = ctl->fleet->bus;
    struct sp_bus_principal row = {.role = SP_ROLE_ATTESTER};
    memcpy(row.name, a->name, sizeof row.name);
    memcpy(row.nodes, a->node, sizeof a->node);
    memcpy(row.sign, a->sign, sizeof row.sign);
    memcpy(row.curve, a->curve, sizeof row.curve);
    const struct sp_bus_principal *had = sp_bus_principal_find(bus, a->name);
    if (had != NULL && had->from_file && (had->role != SP_ROLE_ATTESTER || memcmp(had->sign, a->sign, sizeof row.sign) != 0))
        return fleet_fault(fault, CTL_FAILED, "principals.yaml", "bring the file of this host up to date",
                           "attester %s has other keys here than the keeper knows", a->name);
    if ((had == NULL || !had->from_file) && !sp_bus_principal_put(bus, &row))
        return fleet_fault(fault, CTL_FAILED, a->name, "", "the attester cannot be taken into the list of principals");
    return true;
}

bool ctl_evidence_attester(struct ctl *ctl, const char *node, struct ctl_attester *out, struct ctl_fault *fault)
{
    json_t *nodes = NULL;
    json_t *keys = NULL;
    char hint[CTL_FLEET_TEXT_MAX];
    memset(out, 0, sizeof *out);
    if (!ctl_fleet_try(ctl, "keeper", "node.list", ctl_json_need(json_pack("{s:s}", "name", node)), &nodes, fault))
        return false;
    bool good = json_array_size(nodes) == 1 &&
                sp_str_copy(out->node, sizeof out->node, sp_str_of(ctl_json_text(json_array_get(nodes, 0), "name")));
    json_decref(nodes);
    if (!good)
        return fleet_fault(fault, CTL_FAILED, node, "see spicectl node list", "no such node");
    if (!ctl_fleet_try(ctl, "keeper", "key.list", NULL, &keys, fault))
        return false;
    const json_t *row = attester_row(keys, out->node);
    good = row != NULL && attester_keys(row, out);
    json_decref(keys);
    (void)snprintf(hint, sizeof hint, "spicectl key invite --attester %s, then on the node: spice-attester enrol TOKEN", out->node);
    if (!good)
        return fleet_fault(fault, CTL_FAILED, out->node, hint, "node %s has no attester", out->node);
    return attester_admit(ctl, out, fault);
}
