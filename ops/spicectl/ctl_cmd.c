/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_cmd.h"

#include "ctl_run.h"

#include "sp_assert.h"
#include "sp_str.h"

#include <string.h>

#define CMD_WORDS_MAX 64 /* distinct nouns, or verbs of one noun */

#define PICK   (CTL_BIT(CTL_OPT_SELECTOR) | CTL_BIT(CTL_OPT_ALL) | CTL_BIT(CTL_OPT_YES))
#define SELECT CTL_BIT(CTL_OPT_SELECTOR)
#define SURE   CTL_BIT(CTL_OPT_YES)

static const struct ctl_opt_row cmd_options[] = {
    [CTL_OPT_CONFIG] = {"config", 'c', "FILE", "configuration (default $SPICE_CONFIG, else /etc/spice/spice.yaml)", true},
    [CTL_OPT_AS] = {"name", 'n', "PRINCIPAL", "act as this operator (default: the one operator key of this host)", true},
    [CTL_OPT_JSON] = {"json", 'j', NULL, "print JSON for programs, errors too", true},
    [CTL_OPT_TIMEOUT] = {"timeout", 't', "SPAN", "wait this long for an answer (default 10s)", true},
    [CTL_OPT_HELP] = {"help", 'h', NULL, "help for the command", true},
    [CTL_OPT_VERSION] = {"version", 'V', NULL, "version of this program", true},
    [CTL_OPT_DRY_RUN] = {"dry-run", 0, NULL, "say what would be done, change nothing", false},
    [CTL_OPT_YES] = {"yes", 'y', NULL, "do not ask before many objects are changed", false},
    [CTL_OPT_ALL] = {"all", 'a', NULL, "every one there is", false},
    [CTL_OPT_SELECTOR] = {"selector", 'l', "SELECTOR", "those with these labels: k=v,k!=v,k,!k,k in (a|b),name=GLOB", false},
    [CTL_OPT_FILE] = {"file", 'f', "FILE|DIR|-", "definitions in YAML; may be repeated", false},
    [CTL_OPT_PREFIX] = {"prefix", 'p', "DIR", "directory everything is put under", false},
    [CTL_OPT_BROKER_TCP] = {"broker-tcp", 0, "ADDR:PORT", "the broker also listens here, for other hosts", false},
    [CTL_OPT_WORKERS] = {"workers", 0, "N", "number of worker keys (default 1)", false},
    [CTL_OPT_BRIDGES] = {"bridges", 0, "N", "number of bridge keys (default 1)", false},
    [CTL_OPT_TO] = {"to", 'o', "FILE", "write here", false},
    [CTL_OPT_KEY] = {"key", 'k', "KEY", "node: its UUID; manifest: file of the signing key", false},
    [CTL_OPT_ADDRESS] = {"address", 0, "ADDRESS", "where to reach the node, if not by its name", false},
    [CTL_OPT_LABELS] = {"labels", 0, "K=V,...", "labels", false},
    [CTL_OPT_NODE] = {"node", 0, "NODE", "only of this node", false},
    [CTL_OPT_CHECK] = {"check", 0, "CHECK", "only of this check", false},
    [CTL_OPT_LIMIT] = {"limit", 0, "N", "at most so many rows", false},
    [CTL_OPT_AFTER] = {"after", 0, "N", "rows after this number", false},
    [CTL_OPT_KIND] = {"kind", 0, "KIND", "only definitions, or differences of the inventory, of this kind", false},
    [CTL_OPT_ONCE] = {"once", '1', NULL, "one picture, then end", false},
    [CTL_OPT_POOL] = {"pool", 0, "POOL", "only this pool", false},
    [CTL_OPT_ADAPTERS] = {"adapters", 0, "A,B,...", "adapters the worker may speak for; * = all", false},
    [CTL_OPT_NODES] = {"nodes", 0, "SELECTOR", "nodes the worker may speak for (default: all)", false},
    [CTL_OPT_TTL] = {"ttl", 0, "SPAN", "the invitation ends after this time (default: keeper.enrol_ttl)", false},
    [CTL_OPT_WAIT] = {"wait", 'w', NULL, "wait until it is done and show the outcome", false},
    [CTL_OPT_FOR] = {"for", 0, "SPAN", "end after this time", false},
    [CTL_OPT_NETWORK] = {"network", 0, NULL, "manifest: the plugin may use the network", false},
    [CTL_OPT_RESIDENT] = {"resident", 0, NULL, "manifest: the plugin stays up and answers one line per check", false},
    [CTL_OPT_ARGUMENTS] = {"arguments", 0, "PATTERN,...", "manifest: every argument must match one of these (default: *)", false},
    [CTL_OPT_KEEP_GOING] = {"keep-going", 0, NULL, "after an error go on with the other definitions", false},
    [CTL_OPT_UNKNOWN_ADAPTER] = {"unknown-adapter", 0, NULL, "take adapters that are not ours and that no connected worker has",
                                 false},
    [CTL_OPT_TEST] = {"test", 0, NULL, "results of test runs of drafts, which count for nothing", false},
    [CTL_OPT_OVERLAP] = {"overlap", 0, "SPAN", "the old keys are accepted this much longer (default 1d)", false},
    [CTL_OPT_FILTER_STATE] = {"filter-state", 0, "DIR", "state dumps of the Nova filter (default: /run/spice-nova)", false},
    [CTL_OPT_ACCEPT] = {"accept", 0, NULL, "say yes: nodes that wait go into service, what the brake held back is carried out",
                        false},
    [CTL_OPT_PATH] = {"path", 0, NULL, "also run one check now and follow its result to bridge, filter and trait", false},
    [CTL_OPT_ATTESTER] = {"attester", 0, "NODE", "of this node", false},
    [CTL_OPT_ROOTS] = {"roots", 0, "DIR", "certificates of TPM makers, PEM (default: /etc/spice/ek-roots)", false},
    [CTL_OPT_PIN] = {"pin", 0, "SHA256", "the one certificate the node's TPM must have", false},
    [CTL_OPT_FIRST_USE] = {"first-use", 0, NULL, "take the TPM's key as it comes; shown everywhere as such", false},
    [CTL_OPT_PCRS] = {"pcrs", 0, "SELECTION", "PCRs to be learnt (default: sha256:0-9)", false},
    [CTL_OPT_REPLACE] = {"replace", 0, NULL, "ask for another identity, which another operator has to approve", false},
    [CTL_OPT_SKIP] = {"skip", 0, "PATH,...", "leave out these paths and what is below them", false},
    [CTL_OPT_DPKG] = {"dpkg", 0, NULL, "refuse when a file is not as its Debian package brought it", false},
    [CTL_OPT_ANY_OWNER] = {"any-owner", 0, NULL, "owners and groups are not judged", false},
};
SP_STATIC_ASSERT(SP_COUNT(cmd_options) == CTL_OPT_COUNT, "one row per option");
SP_STATIC_ASSERT(CTL_OPT_COUNT <= 64, "options are bits of a 64-bit word");

static const char cmd_more_label[] = "KEY=VALUE sets a label, KEY- removes it; other words are names of nodes.\n"
                                     "  spicectl node label node-7 zone=a rack=12 old-";
static const char cmd_more_inventory[] =
    "Without --accept: what is new, renamed, in conflict, missing or gone. With it: NAMEs go into service, or --all that wait for it.\n"
    "What the brake held back is carried out for NAMEs, or with --all --kind held_back (or renamed, conflict).\n"
    "  spicectl node inventory --accept cmp-17 'cmp-2*'";
static const char cmd_more_enroll[] =
    "The attester of the node is asked, and this host judges: certificate of the TPM's maker, attestation key, and that both live in one TPM\n"
    "beside the attester's own keys. A node that is enrolled can be confirmed, and has another identity only with --replace and the yes of\n"
    "another operator.\n"
    "  spicectl node enroll cmp-17 --roots /etc/spice/ek-roots --pin 9f2c...";
static const char cmd_more_approve[] =
    "Who asked cannot approve. With --roots, --pin or --first-use this host asks the node itself and refuses when it finds another TPM.";
static const char cmd_more_unenroll[] =
    "The node proves nothing from now on. The same identity can be enrolled again; another one still needs --replace and an approval.";
static const char cmd_more_learn[] =
    "The node has to be enrolled: what is written was signed by its TPM. Writes reference-NODE.yaml, or --to FILE, and never over a file that is\n"
    "there; prints the check that runs it in shadow. That the node was in a good state is yours to know.";
static const char cmd_more_apply[] =
    "A file is checked whole before anything is sent; with one mistake in it nothing of it is applied.\n"
    "What is already so is left alone, so applying twice changes nothing. After an error what is under way ends and later "
    "definitions\n"
    "are not tried, unless --keep-going says so. A check for an adapter that is none of ours needs a connected worker that has it, or\n"
    "--unknown-adapter. Manifests of plugins are signed and written on this host (--key: with which key).";
static const char cmd_more_run[] =
    "Nodes are given by name or with -l; without either, all nodes the check selects.\n"
    "A draft is only tested: its results are shown and count for nothing. With --wait the results are awaited\n"
    "and shown; exit status 5 when one is not a pass.";
static const char cmd_more_verify[] =
    "PLUGIN is the name of a plugin in the configured directories, or the path of its file; arguments follow, after -- when\n"
    "they begin with a dash. It is tried in the sandbox it will run in. --timeout is the deadline of one run.\n"
    "  spicectl check verify check_disk -- -w 10% -c 3% -p /";
static const char cmd_more_invite[] =
    "Prints a token. On the new host, as root: spice-worker enrol TOKEN. It can be used once. Plugins and their manifests are yours to bring.";
static const char cmd_more_rotate[] =
    "The old keys are refused wherever the new principals.yaml is, so there is a gap until all have it. Without a gap: key prepare, "
    "key switch.";
static const char cmd_more_key_invite[] =
    "Prints a token. On the node: spice-attester enrol TOKEN. It can be used once, and what comes of it is the attester of this node alone.\n"
    "A node has one attester: revoke the one it has before another one is invited.";
static const char cmd_more_prepare[] =
    "Then copy principals.yaml to every host, send SIGHUP to brokers, keeper, scheduler, workers, attesters and bridges, restart readers: both "
    "pairs\nare accepted. Then key switch.";
static const char cmd_more_switch[] =
    "Then restart the principal, and copy principals.yaml to every host before the overlap ends. The next key prepare clears the old keys "
    "away.";
static const char cmd_more_manifest[] =
    "PLUGIN is the plugin, or NAME.manifest.yaml (or NAME, when it has one) to sign that as it is. The manifest and its signature "
    "are written to\n"
    "the directory the configuration names (worker: manifest_dir), or to --to DIR. What an older manifest says is kept.\n"
    "The key is the operator's unless --key names another; its public half must be among worker: manifest_keys.\n"
    "FILE is a tree manifest: the signature goes into it, and checks name the key.";
static const char cmd_more_tree[] =
    "For checks of the adapter files. Reads the trees on this machine, or with --prefix in the image of one, and writes what they must be to --to FILE.\n"
    "Run it as root on a machine that was never in service. --dpkg compares with the lists of the package database: they lie unsigned on the same\n"
    "machine and are MD5, so that finds accidents and carelessness, not somebody who rewrote them. Then: manifest sign FILE.\n"
    "  spicectl manifest make /etc/nova /usr/lib/python3/dist-packages/nova --skip /etc/nova/cache --dpkg --to nova.tree";
static const char cmd_more_host[] =
    "A role is broker, scheduler, keeper, worker, reader, bridge or operator, or the name of one principal.\n"
    "The archive holds secret keys: unpack it on the other host with tar -xpf FILE -C PREFIX, then delete it.";

static const char cmd_more_exposure[] =
    "Asks the bridges, which read Nova's servers. Shown is what the bridge with the newest list sees; --json prints the answer of each.\n"
    "What a bridge disabled in Nova because of it follows.";

static const char cmd_more_trait[] =
    "Asks the bridges: each node's provider, on, off or on its way, and how long it may stay without anything new being heard.\n"
    "Shown is what the bridge that can prove most sees; --json prints the answer of each.";

static const struct ctl_cmd cmd_table[] = {
    {"init", NULL, "", 0, 0, true,
     CTL_BIT(CTL_OPT_PREFIX) | CTL_BIT(CTL_OPT_BROKER_TCP) | CTL_BIT(CTL_OPT_WORKERS) | CTL_BIT(CTL_OPT_BRIDGES), "",
     "make keys, configuration and directories of a new fleet", NULL, ctl_init_run},
    {"host", "export", "ROLE...", 1, CTL_MANY, true, CTL_BIT(CTL_OPT_TO) | SURE, "role",
     "pack what another host needs to run these roles", cmd_more_host, ctl_pack_run},

    {"node", "list", "[NAME...]", 0, CTL_MANY, false, SELECT | CTL_BIT(CTL_OPT_POOL), "node", "nodes, their tier and pools", NULL,
     ctl_node_list},
    {"node", "show", "NAME...", 1, CTL_MANY, false, 0, "node", "everything about a node", NULL, ctl_node_show},
    {"node", "add", "NAME", 1, 1, true, CTL_BIT(CTL_OPT_KEY) | CTL_BIT(CTL_OPT_ADDRESS) | CTL_BIT(CTL_OPT_LABELS), "",
     "register a node, or change one", NULL, ctl_node_add},
    {"node", "label", "[NAME...] KEY=VALUE|KEY-...", 1, CTL_MANY, true, PICK, "node", "set and remove labels", cmd_more_label,
     ctl_node_label},
    {"node", "inventory", "[NAME...]", 0, CTL_MANY, true,
     CTL_BIT(CTL_OPT_ALL) | SURE | CTL_BIT(CTL_OPT_ACCEPT) | CTL_BIT(CTL_OPT_KIND), "node",
     "how the cloud's own list of compute nodes differs", cmd_more_inventory, ctl_node_inventory},
    {"node", "resume", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "put nodes in service", NULL, ctl_node_state},
    {"node", "maintenance", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "checked on, but not in a pool and no alarm", NULL,
     ctl_node_state},
    {"node", "quarantine", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "out of every pool by order", NULL, ctl_node_state},
    {"node", "retire", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "no longer checked", NULL, ctl_node_state},
    {"node", "delete", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "forget nodes", NULL, ctl_node_delete},

    {"node", "enroll", "[NAME...]", 0, CTL_MANY, true,
     PICK | CTL_BIT(CTL_OPT_ROOTS) | CTL_BIT(CTL_OPT_PIN) | CTL_BIT(CTL_OPT_FIRST_USE) | CTL_BIT(CTL_OPT_REPLACE), "node",
     "prove which TPM and attester a node has, and bind them to it", cmd_more_enroll, ctl_node_enroll},
    {"node", "approve", "NAME", 1, 1, true, SURE | CTL_BIT(CTL_OPT_ROOTS) | CTL_BIT(CTL_OPT_PIN) | CTL_BIT(CTL_OPT_FIRST_USE),
     "node", "say yes to another identity that an operator asked for", cmd_more_approve, ctl_node_approve},
    {"node", "unenroll", "[NAME...]", 0, CTL_MANY, true, PICK, "node", "take an identity, or a request for one, away",
     cmd_more_unenroll, ctl_node_unenroll},

    {"check", "list", "[NAME...]", 0, CTL_MANY, false, SELECT, "check", "checks, how often and where they run", NULL,
     ctl_check_list},
    {"check", "show", "NAME...", 1, CTL_MANY, false, 0, "check", "everything about a check", NULL, ctl_check_show},
    {"check", "enable", "[NAME...]", 0, CTL_MANY, true, PICK, "check", "let checks run", NULL, ctl_check_enable},
    {"check", "disable", "[NAME...]", 0, CTL_MANY, true, PICK, "check", "pause checks; their results age", NULL, ctl_check_disable},
    {"check", "stage", "STAGE [NAME...]", 1, CTL_MANY, true, PICK, "stage", "draft, shadow, enforcing or retired", NULL,
     ctl_check_stage},
    {"check", "run", "NAME [NODE...]", 1, CTL_MANY, true, PICK | CTL_BIT(CTL_OPT_WAIT), "check", "run a check now", cmd_more_run,
     ctl_check_run},
    {"check", "delete", "[NAME...]", 0, CTL_MANY, true, PICK, "check", "forget checks", NULL, ctl_check_delete},
    {"check", "verify", "PLUGIN [ARG...]", 1, CTL_MANY, false, CTL_BIT(CTL_OPT_NODE), "file",
     "try a plugin against its contract, on this host", cmd_more_verify, ctl_verify_run},

    {"profile", "list", "[NAME...]", 0, CTL_MANY, false, 0, "profile", "scheduling profiles", NULL, ctl_profile_list},
    {"profile", "show", "NAME...", 1, CTL_MANY, false, 0, "profile", "everything about a profile", NULL, ctl_profile_show},
    {"profile", "select", "PROFILE [CHECK...]", 1, CTL_MANY, true, PICK, "profile", "put a profile in force, for checks or --all",
     NULL, ctl_profile_select},
    {"profile", "delete", "NAME...", 1, CTL_MANY, true, SURE, "profile", "forget profiles", NULL, ctl_profile_delete},

    {"pool", "list", "[NAME...]", 0, CTL_MANY, false, 0, "pool", "pools, what they demand, how many are in", NULL, ctl_pool_list},
    {"pool", "show", "NAME...", 1, CTL_MANY, false, 0, "pool", "everything about a pool", NULL, ctl_pool_show},
    {"pool", "members", "[POOL]", 0, 1, false, SELECT | CTL_BIT(CTL_OPT_ALL), "pool",
     "who is in the pool and until when; --all: also who is not, and why", NULL, ctl_pool_members},
    {"pool", "delete", "NAME...", 1, CTL_MANY, true, SURE, "pool", "forget pools", NULL, ctl_pool_delete},

    {"result", "list", "", 0, 0, false,
     CTL_BIT(CTL_OPT_NODE) | CTL_BIT(CTL_OPT_CHECK) | CTL_BIT(CTL_OPT_LIMIT) | CTL_BIT(CTL_OPT_AFTER) | CTL_BIT(CTL_OPT_TEST), "",
     "last results", NULL, ctl_result_list},
    {"result", "history", "NODE [CHECK]", 1, 2, false, CTL_BIT(CTL_OPT_LIMIT), "node", "runs of equal outcomes, newest first", NULL,
     ctl_result_history},
    {"audit", "list", "", 0, 0, false, CTL_BIT(CTL_OPT_LIMIT) | CTL_BIT(CTL_OPT_AFTER) | CTL_BIT(CTL_OPT_NODE), "",
     "who changed what, and which node went where", NULL, ctl_audit_list},
    {"audit", "verify", "", 0, 0, false, 0, "", "prove that no line of the audit was changed or removed", NULL, ctl_audit_verify},

    {"explain", NULL, "NODE", 1, 1, false, CTL_BIT(CTL_OPT_POOL), "node", "why a node is in a pool or not", NULL, ctl_explain_run},
    {"exposure", NULL, "", 0, 0, false, CTL_BIT(CTL_OPT_POOL) | CTL_BIT(CTL_OPT_NODE), "",
     "servers that demanded a pool and run outside of it", cmd_more_exposure, ctl_exposure_run},
    {"events", NULL, "", 0, 0, false, CTL_BIT(CTL_OPT_POOL) | CTL_BIT(CTL_OPT_NODE) | CTL_BIT(CTL_OPT_LIMIT) | CTL_BIT(CTL_OPT_FOR),
     "", "follow nodes as they enter and leave", NULL, ctl_events_run},
    {"reader", "status", "", 0, 0, false, CTL_BIT(CTL_OPT_POOL), "", "the pool as a reader of the bus sees it", NULL,
     ctl_reader_status},
    {"trait", "status", "", 0, 0, false, CTL_BIT(CTL_OPT_POOL) | CTL_BIT(CTL_OPT_NODE), "",
     "the pools' traits in placement, and until when", cmd_more_trait, ctl_trait_status},
    {"stats", NULL, "[PRINCIPAL...]", 0, CTL_MANY, false, 0, "principal", "messages, queues and latencies", NULL, ctl_stats_run},
    {"top", NULL, "", 0, 0, false, CTL_BIT(CTL_OPT_ONCE) | CTL_BIT(CTL_OPT_FOR), "", "live view of the fleet", NULL, ctl_top_run},
    {"trace", NULL, "JOB", 1, 1, false, 0, "", "time stamps of one job at every hop", NULL, ctl_trace_run},
    {"doctor", NULL, "", 0, 0, false, CTL_BIT(CTL_OPT_FILTER_STATE) | CTL_BIT(CTL_OPT_PATH), "",
     "look for what is wrong and say what to do", NULL, ctl_doctor_run},

    {"apply", NULL, "", 0, 0, true,
     CTL_BIT(CTL_OPT_FILE) | CTL_BIT(CTL_OPT_KEY) | CTL_BIT(CTL_OPT_KEEP_GOING) | CTL_BIT(CTL_OPT_UNKNOWN_ADAPTER) | SURE, "",
     "make definitions so, from YAML files", cmd_more_apply, ctl_apply_run},
    {"export", NULL, "[NAME...]", 0, CTL_MANY, false, CTL_BIT(CTL_OPT_KIND) | CTL_BIT(CTL_OPT_TO), "",
     "all definitions as YAML that apply takes", NULL, ctl_export_run},

    {"worker", "list", "[NAME...]", 0, CTL_MANY, false, 0, "worker", "workers, what they may and what they do", NULL,
     ctl_worker_list},
    {"worker", "invite", "NAME", 1, 1, true,
     CTL_BIT(CTL_OPT_ADAPTERS) | CTL_BIT(CTL_OPT_NODES) | CTL_BIT(CTL_OPT_LABELS) | CTL_BIT(CTL_OPT_TTL) |
         CTL_BIT(CTL_OPT_UNKNOWN_ADAPTER),
     "", "a one-use token for a worker on a new host", cmd_more_invite, ctl_worker_invite},
    {"worker", "drain", "NAME...", 1, CTL_MANY, true, SURE, "worker", "finish what runs, take nothing new", NULL, ctl_worker_drain},
    {"worker", "remove", "NAME...", 1, CTL_MANY, true, SURE, "worker", "revoke its key; it is refused from now on", NULL,
     ctl_worker_remove},

    {"key", "list", "", 0, 0, false, 0, "", "principals, their roles and fingerprints", NULL, ctl_key_list},
    {"key", "invite", "", 0, 0, true, CTL_BIT(CTL_OPT_ATTESTER) | CTL_BIT(CTL_OPT_TTL), "",
     "a one-use token for the attester of a node", cmd_more_key_invite, ctl_key_invite},
    {"key", "fingerprint", "[PRINCIPAL|FILE...]", 0, CTL_MANY, false, 0, "principal", "fingerprints of keys on this host", NULL,
     ctl_key_fingerprint},
    {"key", "rotate", "PRINCIPAL", 1, 1, true, 0, "principal", "new keys for a principal of this host, at once", cmd_more_rotate,
     ctl_key_rotate},
    {"key", "prepare", "PRINCIPAL", 1, 1, true, 0, "principal", "the next keys for a principal of this host, beside those it has",
     cmd_more_prepare, ctl_key_prepare},
    {"key", "switch", "PRINCIPAL", 1, 1, true, CTL_BIT(CTL_OPT_OVERLAP), "principal", "use the next keys, and let the old ones end",
     cmd_more_switch, ctl_key_switch},
    {"key", "revoke", "NAME...", 1, CTL_MANY, true, SURE, "principal", "refuse a principal from now on", NULL, ctl_key_revoke},
    {"reference", "check", "FILE...", 1, CTL_MANY, false, 0, "file", "look at files of reference values before they are installed",
     NULL, ctl_reference_check},
    {"reference", "learn", "NODE", 1, 1, true, CTL_BIT(CTL_OPT_TO) | CTL_BIT(CTL_OPT_PCRS), "node",
     "a draft of reference values from a golden node", cmd_more_learn, ctl_reference_learn},
    {"manifest", "make", "TREE...", 1, CTL_MANY, true,
     CTL_BIT(CTL_OPT_TO) | CTL_BIT(CTL_OPT_PREFIX) | CTL_BIT(CTL_OPT_SKIP) | CTL_BIT(CTL_OPT_DPKG) | CTL_BIT(CTL_OPT_ANY_OWNER),
     "file", "what trees of this machine must be, for nodes", cmd_more_tree, ctl_tree_make},
    {"manifest", "sign", "PLUGIN|FILE", 1, 1, true,
     CTL_BIT(CTL_OPT_KEY) | CTL_BIT(CTL_OPT_TO) | CTL_BIT(CTL_OPT_NETWORK) | CTL_BIT(CTL_OPT_RESIDENT) | CTL_BIT(CTL_OPT_ARGUMENTS),
     "file", "sign a plugin so that workers start it, or a tree manifest", cmd_more_manifest, ctl_manifest_sign},
    {"manifest", "show", "PLUGIN|FILE", 1, 1, false, 0, "file",
     "what a manifest says; whether the plugin is still that one, or who signed it", NULL, ctl_manifest_show},

    {"completion", NULL, "", 0, 0, false, 0, "", "print the completion script for bash", NULL, ctl_help_complete},
    {"help", NULL, "[COMMAND...]", 0, 2, false, 0, "command", "this overview, or help for one command", NULL, ctl_help_run},
};

const struct ctl_cmd *ctl_cmd_table(size_t *count)
{
    *count = SP_COUNT(cmd_table);
    return cmd_table;
}

const struct ctl_opt_row *ctl_cmd_options(void)
{
    return cmd_options;
}

const struct ctl_cmd *ctl_cmd_find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < SP_COUNT(cmd_table); i++) {
        const struct ctl_cmd *cmd = &cmd_table[i];
        if (strcmp(cmd->noun, noun) != 0)
            continue;
        if (cmd->verb == NULL ? verb == NULL : verb != NULL && strcmp(cmd->verb, verb) == 0)
            return cmd;
    }
    return NULL;
}

bool ctl_cmd_has_verbs(const char *noun)
{
    for (size_t i = 0; i < SP_COUNT(cmd_table); i++) {
        if (strcmp(cmd_table[i].noun, noun) == 0)
            return cmd_table[i].verb != NULL;
    }
    return false;
}

bool ctl_cmd_is_noun(const char *noun)
{
    for (size_t i = 0; i < SP_COUNT(cmd_table); i++) {
        if (strcmp(cmd_table[i].noun, noun) == 0)
            return true;
    }
    return false;
}

static const char *cmd_nearest(const char *word, const char *const *words, size_t count)
{
    size_t n = strlen(word);
    /* A beginning is always meant: "maint" for "maintenance". */
    for (size_t i = 0; n >= 2 && i < count; i++) {
        if (strncmp(words[i], word, n) == 0)
            return words[i];
    }
    return sp_str_nearest(sp_str_of(word), words, count);
}

const char *ctl_cmd_near_noun(const char *word)
{
    const char *words[CMD_WORDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < SP_COUNT(cmd_table) && count < CMD_WORDS_MAX; i++) {
        if (i == 0 || strcmp(cmd_table[i].noun, cmd_table[i - 1].noun) != 0)
            words[count++] = cmd_table[i].noun;
    }
    return cmd_nearest(word, words, count);
}

const char *ctl_cmd_near_verb(const char *noun, const char *word)
{
    const char *words[CMD_WORDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < SP_COUNT(cmd_table) && count < CMD_WORDS_MAX; i++) {
        if (strcmp(cmd_table[i].noun, noun) == 0 && cmd_table[i].verb != NULL)
            words[count++] = cmd_table[i].verb;
    }
    return cmd_nearest(word, words, count);
}

const char *ctl_cmd_near_option(const char *word)
{
    const char *words[CTL_OPT_COUNT];
    for (size_t i = 0; i < CTL_OPT_COUNT; i++)
        words[i] = cmd_options[i].name;
    return cmd_nearest(word, words, CTL_OPT_COUNT);
}

uint64_t ctl_cmd_accepts(const struct ctl_cmd *cmd)
{
    uint64_t bits = cmd->options;
    for (size_t i = 0; i < CTL_OPT_COUNT; i++) {
        if (cmd_options[i].general)
            bits |= CTL_BIT(i);
    }
    return cmd->mutates ? bits | CTL_BIT(CTL_OPT_DRY_RUN) : bits;
}
