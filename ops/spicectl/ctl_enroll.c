/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment of nodes: proving an identity, saying yes to another one, taking one away. */
#include "ctl_run.h"

#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_proof.h"

#include "sp_clock.h"
#include "sp_hex.h"

#include <string.h>
#include <unistd.h>

#define ENROLL_TELL_NS 2000000000ull

struct enroll_run {
    struct ctl_proof_rules rules;
    size_t good, bad;
    int worst; /* exit code of the first that failed */
    json_t *rows;
    struct ctl_proved proved; /* the node at hand */
};

/* One line for one node. */
static void enroll_say(struct ctl *ctl, const char *node, const json_t *reply, const struct ctl_proved *proved)
{
    char safe[CTL_OUT_SAFE_MAX];
    char maker[CTL_OUT_SAFE_MAX];
    const char *result = ctl_json_text(reply, "result");
    bool waits = strcmp(result, "waits") == 0;
    ctl_out_print(&ctl->out, "node %s: %s%s", ctl_out_safe(safe, sizeof safe, node), ctl->dry_run ? "would be " : "",
                  waits ? "asked for; another operator has to approve it" : result);
    ctl_out_print(&ctl->out, ", fingerprint %s", ctl_json_text(reply, "fingerprint"));
    if (proved->certified)
        ctl_out_print(&ctl->out, ", TPM of %s\n",
                      ctl_out_safe(maker, sizeof maker, proved->maker[0] != '\0' ? proved->maker : "(no name)"));
    else
        ctl_out_tone(&ctl->out, CTL_WARN, ", FIRST USE: no maker vouches for this TPM\n");
}

static json_t *enroll_row(const struct ctl *ctl, const char *node, const json_t *reply, const struct ctl_proved *proved,
                          const char *error)
{
    char hex[65];
    sp_hex_write(proved->ek, sizeof proved->ek, hex);
    bool good = error == NULL;
    return ctl_json_need(
        json_pack("{s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", node, "done", good && !ctl->dry_run, "dry_run",
                  ctl->dry_run, "what", good ? ctl_json_text(reply, "result") : "", "fingerprint",
                  good ? ctl_json_text(reply, "fingerprint") : "", "mode", good ? ctl_json_text(reply, "mode") : "", "ek",
                  good ? hex : "", "maker", proved->maker, "model", proved->model, "error", good ? "" : error));
}

static bool enroll_node(struct ctl *ctl, struct enroll_run *run, const char *name, json_t **reply, struct ctl_fault *fault)
{
    if (!ctl_proof_make(ctl, &run->rules, name, &run->proved, fault))
        return false;
    json_t *args = ctl_proof_args(&run->proved);
    (void)json_object_set_new(args, "replace", json_boolean(ctl_args_has(&ctl->args, CTL_OPT_REPLACE)));
    (void)json_object_set_new(args, "dry_run", json_boolean(ctl->dry_run));
    return ctl_fleet_try(ctl, "keeper", "node.enroll", args, reply, fault);
}

/* Each node is for itself: one that is refused does not stop the others, a fleet that cannot be reached does. False: that. */
static bool enroll_one(struct ctl *ctl, struct enroll_run *run, const char *name)
{
    struct ctl_fault fault = {0};
    json_t *reply = NULL;
    bool good = enroll_node(ctl, run, name, &reply, &fault);
    run->good += good ? 1 : 0;
    run->bad += good ? 0 : 1;
    (void)json_array_append_new(run->rows, enroll_row(ctl, name, reply, &run->proved, good ? NULL : fault.error));
    if (good && !ctl->json)
        enroll_say(ctl, name, reply, &run->proved);
    json_decref(reply);
    if (good)
        return true;
    run->worst = run->worst == CTL_OK ? (int)fault.exit : run->worst;
    (void)ctl_fleet_fail(ctl, &fault);
    return ctl->fleet != NULL && !ctl_fleet_interrupted(ctl); /* an attester that is away is its node's affair */
}

static int enroll_end(struct ctl *ctl, struct enroll_run *run, size_t count)
{
    size_t untried = count - run->good - run->bad;
    if (ctl->json)
        ctl_json_print(&ctl->out, run->rows);
    else if (run->bad + untried > 0 && count > 1)
        ctl_note(ctl, "%zu of %zu done, %zu failed, %zu not tried", run->good, count, run->bad, untried);
    if (run->bad + untried == 0)
        return CTL_OK;
    return run->good > 0 ? CTL_PARTLY : (run->worst != CTL_OK ? run->worst : CTL_FAILED);
}

int ctl_node_enroll(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "node", .role = "keeper", .resolve = true};
    struct enroll_run run = {.worst = CTL_OK};
    uint8_t pin[32];
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK && pick.count > 1 && ctl_args_has(&ctl->args, CTL_OPT_PIN))
        code = ctl_fail(ctl, CTL_USAGE, "--pin", "enrol them one by one", "a pin is the certificate of one node");
    if (code == CTL_OK && pick.open_ended && !ctl_confirm(ctl, pick.count, "Enrol", "node"))
        code = CTL_FAILED;
    if (code == CTL_OK)
        code = ctl_proof_open(ctl, &run.rules, pin);
    run.rows = ctl_json_need(json_array());
    uint64_t tell_ns = sp_clock_mono_ns() + ENROLL_TELL_NS;
    for (size_t i = 0; code == CTL_OK && i < pick.count && enroll_one(ctl, &run, pick.names[i]); i++) {
        if (sp_clock_mono_ns() >= tell_ns && pick.count > 1) {
            ctl_note(ctl, "Enrolling %zu of %zu ...", i + 1, pick.count);
            tell_ns = sp_clock_mono_ns() + ENROLL_TELL_NS;
        }
    }
    if (code == CTL_OK)
        code = enroll_end(ctl, &run, pick.count);
    json_decref(run.rows);
    ctl_proof_close(&run.rules);
    ctl_pick_close(&pick);
    return code;
}

/* ---- approval ---- */

static void approve_side(struct ctl *ctl, const char *title, const json_t *identity)
{
    static const char *const keys[] = {"state", "fault",       "mode", "attester", "ek",         "ak",
                                       "by",    "approved_by", "at",   "starts",   "fingerprint"};
    char safe[CTL_OUT_SAFE_MAX];
    ctl_out_print(&ctl->out, "%s\n", title);
    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        const char *text = ctl_json_text(identity, keys[i]);
        if (text[0] != '\0')
            ctl_out_print(&ctl->out, "  %-12s %s\n", keys[i], ctl_out_safe(safe, sizeof safe, text));
    }
}

void ctl_node_identity(struct ctl *ctl, const json_t *identity)
{
    const json_t *request = json_object_get(identity, "request");
    approve_side(ctl, "identity:", identity);
    if (json_is_object(request))
        approve_side(ctl, "waits for the yes of another operator (spicectl node approve):", request);
}

/* What waits for this node, with the canonical name of it. Gives *identity, which the caller releases. */
static int approve_look(struct ctl *ctl, json_t **identity)
{
    json_t *nodes = NULL;
    const char *name = ctl->args.names[0];
    *identity = NULL;
    int code = ctl_fleet_ask(ctl, "keeper", "node.list", ctl_json_need(json_pack("{s:s}", "name", name)), &nodes);
    if (code != CTL_OK)
        return code;
    *identity = json_incref(json_object_get(json_array_get(nodes, 0), "identity"));
    bool found = json_array_size(nodes) == 1;
    json_decref(nodes);
    if (!found)
        return ctl_fail(ctl, CTL_FAILED, name, "see spicectl node list", "no such node");
    if (!json_is_object(json_object_get(*identity, "request")))
        return ctl_fail(ctl, CTL_FAILED, name, "spicectl node enroll NAME --replace asks for another identity",
                        "nothing waits for a yes");
    return CTL_OK;
}

/* The approving operator's own look at the node, when told how: it must find what was asked for. */
static int approve_proof(struct ctl *ctl, const json_t *request)
{
    const struct ctl_args *args = &ctl->args;
    static struct ctl_proved proved;
    struct ctl_proof_rules rules;
    struct ctl_fault fault = {0};
    uint8_t pin[32];
    char hex[65];
    if (!ctl_args_has(args, CTL_OPT_ROOTS) && !ctl_args_has(args, CTL_OPT_PIN) && !ctl_args_has(args, CTL_OPT_FIRST_USE))
        return CTL_OK;
    int code = ctl_proof_open(ctl, &rules, pin);
    if (code == CTL_OK && !ctl_proof_make(ctl, &rules, args->names[0], &proved, &fault))
        code = ctl_fleet_fail(ctl, &fault);
    ctl_proof_close(&rules);
    sp_hex_write(proved.ek, sizeof proved.ek, hex);
    if (code == CTL_OK &&
        (strcmp(hex, ctl_json_text(request, "ek")) != 0 || strcmp(proved.attester.name, ctl_json_text(request, "attester")) != 0))
        code = ctl_fail(ctl, CTL_FAILED, args->names[0], "whoever asked may be wrong, or lie",
                        "the node has another TPM or attester than was asked for");
    return code;
}

/* True when the operator says yes: --yes, or the first digits of the fingerprint. */
static bool approve_confirm(struct ctl *ctl, const char *fingerprint)
{
    char line[80];
    if (ctl->dry_run || ctl_args_has(&ctl->args, CTL_OPT_YES))
        return true;
    if (isatty(STDIN_FILENO) == 0) {
        (void)ctl_fail(ctl, CTL_USAGE, NULL, "look with spicectl node show, then add --yes",
                       "approving another identity needs a yes");
        return false;
    }
    (void)fprintf(stderr, "Type the first 8 digits of the fingerprint that is asked for: ");
    (void)fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strlen(line) >= 8 && strncmp(line, fingerprint, strlen(line)) == 0)
        return true;
    (void)ctl_fail(ctl, CTL_FAILED, NULL, NULL, "nothing was changed");
    return false;
}

int ctl_node_approve(struct ctl *ctl)
{
    json_t *identity;
    json_t *reply = NULL;
    int code = approve_look(ctl, &identity);
    const json_t *request = json_object_get(identity, "request");
    const char *print = ctl_json_text(request, "fingerprint");
    if (code == CTL_OK && !ctl->json) {
        approve_side(ctl, "has", identity);
        approve_side(ctl, "is to have", request);
    }
    if (code == CTL_OK)
        code = approve_proof(ctl, request);
    if (code == CTL_OK && !approve_confirm(ctl, print))
        code = CTL_FAILED;
    if (code == CTL_OK)
        code = ctl_fleet_ask(
            ctl, "keeper", "node.approve",
            ctl_json_need(json_pack("{s:s, s:s, s:b}", "name", ctl->args.names[0], "fingerprint", print, "dry_run", ctl->dry_run)),
            &reply);
    if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, reply);
    else if (code == CTL_OK)
        ctl_out_print(&ctl->out, "node %s: %s, fingerprint %s\n", ctl_json_text(reply, "name"),
                      ctl->dry_run ? "would be enrolled" : "enrolled", ctl_json_text(reply, "fingerprint"));
    json_decref(reply);
    json_decref(identity);
    return code;
}

int ctl_node_unenroll(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "node", .role = "keeper"};
    struct ctl_pick_deed deed = {.verb = "node.unenroll", .doing = "Unenrol", .done = "withdrawn", .args = ctl_pick_name_args};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}
