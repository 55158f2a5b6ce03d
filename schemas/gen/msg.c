/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* clang-format off */

#include "msg.h"

#include "sp_pack_put.h"
#include "sp_pack_take.h"

static const char *word(const char *const *words, unsigned count, unsigned value)
{
    return value < count && words[value] != NULL ? words[value] : "unknown";
}

static bool find(const char *const *words, unsigned count, struct sp_str name, unsigned *out)
{
    for (unsigned i = 0; i < count; i++) {
        if (words[i] != NULL && sp_str_is(name, words[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *const role_names[SP_ROLE_LAST + 1] = {
    [0] = "none",
    [1] = "broker",
    [2] = "scheduler",
    [3] = "keeper",
    [4] = "worker",
    [5] = "operator",
    [6] = "reader",
    [7] = "enrol",
    [8] = "bridge",
    [9] = "attester",
};
static const char *const role_texts[SP_ROLE_LAST + 1] = {
    [0] = "nobody",
    [1] = "message broker",
    [2] = "check scheduler",
    [3] = "node-state keeper",
    [4] = "adapter worker",
    [5] = "administrator's command",
    [6] = "follower of the pool",
    [7] = "holder of a one-use enrolment token",
    [8] = "link to the cloud's own bus: follows, looks, hints",
    [9] = "evidence of one node; judges nothing",
};
const char *sp_role_name(unsigned value)
{
    return word(role_names, 10, value);
}
const char *sp_role_text(unsigned value)
{
    return word(role_texts, 10, value);
}
bool sp_role_find(struct sp_str name, unsigned *out)
{
    return find(role_names, 10, name, out);
}

static const char *const outcome_names[SP_OUTCOME_LAST + 1] = {
    [0] = "pass",
    [1] = "warn",
    [2] = "fail",
    [3] = "error",
};
static const char *const outcome_texts[SP_OUTCOME_LAST + 1] = {
    [0] = "affirming",
    [1] = "pass with a remark",
    [2] = "positive evidence of a problem",
    [3] = "nothing known: the check could not be made",
};
const char *sp_outcome_name(unsigned value)
{
    return word(outcome_names, 4, value);
}
const char *sp_outcome_text(unsigned value)
{
    return word(outcome_texts, 4, value);
}
bool sp_outcome_find(struct sp_str name, unsigned *out)
{
    return find(outcome_names, 4, name, out);
}

static const char *const tier_names[SP_TIER_LAST + 1] = {
    [0] = "none",
    [1] = "pass",
    [2] = "warn",
    [3] = "fail",
};
static const char *const tier_texts[SP_TIER_LAST + 1] = {
    [0] = "nothing known",
    [1] = "affirming",
    [2] = "affirming with a remark",
    [3] = "contraindicated",
};
const char *sp_tier_name(unsigned value)
{
    return word(tier_names, 4, value);
}
const char *sp_tier_text(unsigned value)
{
    return word(tier_texts, 4, value);
}
bool sp_tier_find(struct sp_str name, unsigned *out)
{
    return find(tier_names, 4, name, out);
}

static const char *const reason_names[SP_REASON_LAST + 1] = {
    [0] = "ok",
    [1] = "remark",
    [2] = "content",
    [10] = "deadline",
    [11] = "cancelled",
    [12] = "unreachable",
    [13] = "refused",
    [14] = "name",
    [15] = "security",
    [16] = "protocol",
    [17] = "limit",
    [18] = "stale",
    [19] = "missing",
    [30] = "no_adapter",
    [31] = "bad_parameters",
    [32] = "no_definition",
    [33] = "unsigned_plugin",
    [34] = "spawn",
    [35] = "plugin_exit",
    [36] = "internal",
    [37] = "busy",
    [38] = "not_enrolled",
    [51] = "ak_malformed",
    [52] = "ak_type",
    [53] = "ak_scheme",
    [54] = "ak_attributes",
    [55] = "ek_malformed",
    [56] = "ek_chain",
    [57] = "ek_usage",
    [58] = "ek_key",
    [59] = "ek_template",
    [60] = "ek_pin",
    [61] = "quote_malformed",
    [62] = "quote_magic",
    [63] = "quote_type",
    [64] = "signature_malformed",
    [65] = "quote_scheme",
    [66] = "quote_signature",
    [67] = "quote_nonce",
    [68] = "quote_signer",
    [69] = "quote_selection",
    [70] = "quote_digest",
    [71] = "pcrs_malformed",
    [72] = "reset_back",
    [73] = "clock_back",
    [74] = "log_malformed",
    [75] = "log_limit",
    [76] = "log_bank",
    [77] = "log_locality",
    [78] = "log_pcr",
    [79] = "log_data",
    [80] = "log_separator",
    [81] = "ima_malformed",
    [82] = "ima_limit",
    [83] = "ima_template",
    [84] = "ima_index",
    [85] = "ima_hash",
    [86] = "ima_buffer",
    [87] = "ima_pcr",
    [88] = "ima_aggregate",
    [89] = "ima_second",
    [90] = "ima_violation",
    [91] = "reference_none",
    [92] = "reference_unquoted",
    [93] = "reference_pcr",
    [94] = "reference_firmware",
    [95] = "reference_retired",
    [96] = "procmem_malformed",
    [97] = "procmem_text",
    [98] = "procmem_preload",
    [99] = "procmem_tracer",
    [100] = "procmem_writable",
    [101] = "procmem_memfd",
    [102] = "procmem_anonymous",
    [103] = "procmem_special",
    [104] = "procmem_deleted",
    [105] = "procmem_digest",
    [106] = "procmem_unlisted",
    [107] = "procmem_library",
    [108] = "procmem_program",
    [109] = "procmem_user",
    [110] = "procmem_count",
    [111] = "procmem_missing",
    [112] = "procmem_denied",
    [113] = "procmem_moving",
    [114] = "procmem_unread",
    [115] = "procmem_limit",
    [116] = "procmem_unknown",
    [117] = "ima_unlisted",
    [118] = "ima_digest",
    [119] = "ima_signature",
    [120] = "ima_keyring",
    [121] = "ima_pending",
    [150] = "files_malformed",
    [151] = "files_limit",
    [152] = "files_unstable",
    [153] = "files_unreadable",
    [154] = "files_digest",
    [155] = "files_type",
    [156] = "files_target",
    [157] = "files_extra",
    [158] = "files_mode",
    [159] = "files_owner",
    [160] = "files_missing",
    [170] = "keylime_canary",
    [171] = "keylime_agent",
    [172] = "keylime_policy",
};
static const char *const reason_texts[SP_REASON_LAST + 1] = {
    [0] = "passed",
    [1] = "the check passed with a remark",
    [2] = "the check saw a problem",
    [10] = "no answer within the deadline",
    [11] = "stopped before it ended",
    [12] = "could not connect",
    [13] = "connection or request refused",
    [14] = "name could not be resolved",
    [15] = "TLS, certificate or signature problem",
    [16] = "answer does not follow the protocol",
    [17] = "answer too large, too many or too deep",
    [18] = "the verifier's answer is not newer than our question",
    [19] = "the verifier does not know this node",
    [30] = "this worker has no such adapter",
    [31] = "parameters of the check are not valid",
    [32] = "definition of the check could not be had",
    [33] = "plugin has no valid signed manifest",
    [34] = "plugin could not be started",
    [35] = "plugin ended outside its contract",
    [36] = "fault of the worker itself",
    [37] = "no free slot",
    [38] = "the node has no enrolled attester",
    [51] = "attestation key is no public area of a TPM",
    [52] = "attestation key is neither RSA-2048 nor ECC P-256",
    [53] = "attestation key does not fix a signing scheme with SHA-256",
    [54] = "attestation key may sign what the TPM did not make, or may leave it",
    [55] = "endorsement key or its certificate does not decode",
    [56] = "certificate of the endorsement key does not lead to a known maker",
    [57] = "certificate is not one of an endorsement key",
    [58] = "certificate is of another key",
    [59] = "endorsement key is not as the specification has it",
    [60] = "certificate is not the one listed for this node",
    [61] = "statement does not decode",
    [62] = "statement was not made by a TPM",
    [63] = "statement is not a quote",
    [64] = "signature does not decode",
    [65] = "signature has another scheme or hash than the enrolled key",
    [66] = "signature does not verify under the enrolled key",
    [67] = "quote answers another question",
    [68] = "quote names another key, parent or hierarchy than enrolled",
    [69] = "quote covers other PCRs or another bank than asked",
    [70] = "reported PCR values are not the quoted ones",
    [71] = "list of PCR values does not decode, or is not of the PCRs asked",
    [72] = "reset or restart counter went back: state of the TPM was put back or cleared",
    [73] = "clock of the TPM went back within one boot",
    [74] = "boot log does not decode",
    [75] = "boot log is larger than allowed",
    [76] = "boot log has no digests for the quoted bank",
    [77] = "boot log names a start-up locality too late, twice or wrongly",
    [78] = "boot log does not lead to the quoted PCR values",
    [79] = "data of an event of the boot log is not what was measured",
    [80] = "firmware did not end its part of the boot in good order",
    [81] = "measurement list does not decode",
    [82] = "measurement list is larger than allowed",
    [83] = "measurement list has a template nobody knows",
    [84] = "an entry of the measurement list names another PCR than 10",
    [85] = "digest of an entry of the measurement list is not that of its data",
    [86] = "a measured buffer is not what was measured",
    [87] = "measurement list does not lead to the quoted PCR 10",
    [88] = "measurement list does not begin with the quoted boot",
    [89] = "measurement list begins a second time: another kernel was started in this boot",
    [90] = "a file was written while it was measured",
    [91] = "there are no reference values",
    [92] = "a PCR that is to be judged is not in the quote",
    [93] = "a PCR has none of its reference values",
    [94] = "firmware of the TPM has another version than its reference values",
    [95] = "values are those of a reference that is not in force now",
    [96] = "description of processes does not decode, or is of other services than asked",
    [97] = "code in memory differs from the file it came from",
    [98] = "libraries are put before those of a service",
    [99] = "a process of a service is traced",
    [100] = "memory of a service is writable and executable",
    [101] = "a service executes a file that is in memory only",
    [102] = "a service executes memory of no file",
    [103] = "a service has an executable region of the kernel that is not usual",
    [104] = "a service executes a file that was deleted",
    [105] = "a service executes another file than the expected one",
    [106] = "a service executes a file that is not listed",
    [107] = "a service executes a file that is not for this service",
    [108] = "a process of a service runs another program",
    [109] = "a process of a service runs as another user",
    [110] = "a service has more processes than expected",
    [111] = "a service has fewer processes than expected",
    [112] = "the attester may not read the memory of a service",
    [113] = "a process changed each time it was looked at",
    [114] = "a file or memory of a service could not be read",
    [115] = "a service has more than the attester writes down",
    [116] = "the attester does not look at this service",
    [117] = "something was measured that the policy does not list",
    [118] = "a measured file has none of the digests of the policy",
    [119] = "no known key has signed a measured file",
    [120] = "a key that the policy does not list was loaded onto a keyring",
    [121] = "entries of the last check have still not reached PCR 10",
    [150] = "list of files does not decode, or is not of the trees asked for",
    [151] = "more or larger files than the attester lists and reads",
    [152] = "files changed each time they were looked at",
    [153] = "files or directories that cannot be read",
    [154] = "a file has another content than its manifest says",
    [155] = "something else lies where a file, directory or link belongs",
    [156] = "a symbolic link leads elsewhere",
    [157] = "a file that is not in the manifest",
    [158] = "a file has another mode",
    [159] = "a file has another owner or group",
    [160] = "a file of the manifest is missing",
    [170] = "an agent that is known to be bad does not fail at this verifier",
    [171] = "the verifier attests another machine under this node's name, or one for two nodes",
    [172] = "the verifier holds this node against no policy",
};
const char *sp_reason_name(unsigned value)
{
    return word(reason_names, 173, value);
}
const char *sp_reason_text(unsigned value)
{
    return word(reason_texts, 173, value);
}
bool sp_reason_find(struct sp_str name, unsigned *out)
{
    return find(reason_names, 173, name, out);
}

static const char *const refusal_names[SP_REFUSAL_LAST + 1] = {
    [0] = "none",
    [1] = "malformed",
    [2] = "signature",
    [3] = "principal",
    [4] = "authority",
    [5] = "scope",
    [6] = "ticket",
    [7] = "epoch",
    [8] = "replay",
    [9] = "late",
    [10] = "future",
    [11] = "digest",
    [12] = "identity",
    [13] = "unknown_check",
    [14] = "unknown_node",
    [15] = "retired",
    [16] = "overload",
    [17] = "no_route",
    [18] = "expired",
    [19] = "draining",
    [20] = "version",
    [21] = "size",
    [22] = "store",
    [23] = "not_ready",
    [24] = "bad_request",
    [25] = "not_found",
    [26] = "conflict",
};
static const char *const refusal_texts[SP_REFUSAL_LAST + 1] = {
    [0] = "accepted",
    [1] = "message or record does not decode",
    [2] = "signature or MAC does not verify",
    [3] = "principal unknown, revoked or expired",
    [4] = "principal may not send this",
    [5] = "outside the principal's scope",
    [6] = "ticket was not issued by the scheduler",
    [7] = "older epoch",
    [8] = "attempt already answered",
    [9] = "answered after the lifetime of the question",
    [10] = "dated in the future",
    [11] = "made under another policy digest",
    [12] = "made under another node identity",
    [13] = "no such check",
    [14] = "no such node",
    [15] = "check or node is retired",
    [16] = "queue full",
    [17] = "nobody there to receive it",
    [18] = "waited longer than it may",
    [19] = "receiver is draining",
    [20] = "version not spoken here",
    [21] = "larger than the limit",
    [22] = "store cannot take it now",
    [23] = "receiver is not ready",
    [24] = "request is not valid",
    [25] = "no such object",
    [26] = "object has changed or exists",
};
const char *sp_refusal_name(unsigned value)
{
    return word(refusal_names, 27, value);
}
const char *sp_refusal_text(unsigned value)
{
    return word(refusal_texts, 27, value);
}
bool sp_refusal_find(struct sp_str name, unsigned *out)
{
    return find(refusal_names, 27, name, out);
}

static const char *const enrolment_names[SP_ENROLMENT_LAST + 1] = {
    [0] = "none",
    [1] = "certified",
    [2] = "first_use",
};
static const char *const enrolment_texts[SP_ENROLMENT_LAST + 1] = {
    [0] = "not enrolled",
    [1] = "the maker's certificate of the endorsement key was checked",
    [2] = "the endorsement key was taken as it came the first time",
};
const char *sp_enrolment_name(unsigned value)
{
    return word(enrolment_names, 3, value);
}
const char *sp_enrolment_text(unsigned value)
{
    return word(enrolment_texts, 3, value);
}
bool sp_enrolment_find(struct sp_str name, unsigned *out)
{
    return find(enrolment_names, 3, name, out);
}

static const char *const stage_names[SP_STAGE_LAST + 1] = {
    [0] = "draft",
    [1] = "shadow",
    [2] = "enforcing",
    [3] = "retired",
};
static const char *const stage_texts[SP_STAGE_LAST + 1] = {
    [0] = "runs only on test-now",
    [1] = "runs, recorded, counts for nothing",
    [2] = "counts",
    [3] = "never runs",
};
const char *sp_stage_name(unsigned value)
{
    return word(stage_names, 4, value);
}
const char *sp_stage_text(unsigned value)
{
    return word(stage_texts, 4, value);
}
bool sp_stage_find(struct sp_str name, unsigned *out)
{
    return find(stage_names, 4, name, out);
}

static const char *const node_state_names[SP_NODE_STATE_LAST + 1] = {
    [0] = "in_service",
    [1] = "maintenance",
    [2] = "quarantined",
    [3] = "retired",
};
static const char *const node_state_texts[SP_NODE_STATE_LAST + 1] = {
    [0] = "takes part",
    [1] = "checked, not eligible, nobody is alarmed",
    [2] = "not eligible by order",
    [3] = "no longer checked",
};
const char *sp_node_state_name(unsigned value)
{
    return word(node_state_names, 4, value);
}
const char *sp_node_state_text(unsigned value)
{
    return word(node_state_texts, 4, value);
}
bool sp_node_state_find(struct sp_str name, unsigned *out)
{
    return find(node_state_names, 4, name, out);
}

static const char *const topic_names[SP_TOPIC_LAST + 1] = {
    [0] = "none",
    [1] = "trust",
    [2] = "stats",
};
static const char *const topic_texts[SP_TOPIC_LAST + 1] = {
    [0] = "nothing",
    [1] = "trust events",
    [2] = "message statistics",
};
const char *sp_topic_name(unsigned value)
{
    return word(topic_names, 3, value);
}
const char *sp_topic_text(unsigned value)
{
    return word(topic_texts, 3, value);
}
bool sp_topic_find(struct sp_str name, unsigned *out)
{
    return find(topic_names, 3, name, out);
}

static const struct msg_info infos[SP_MSG_COUNT] = {
    {"Hello", SP_MSG_HELLO, 1, SP_MSG_WELCOME,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_READER | 1 << SP_ROLE_ENROL | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_BROKER,
     SP_AUTH_NONE, 0, false, 826u},
    {"Welcome", SP_MSG_WELCOME, 1, 0,
     1 << SP_ROLE_BROKER,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_READER | 1 << SP_ROLE_ENROL | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     SP_AUTH_NONE, 0, false, 15u},
    {"Heartbeat", SP_MSG_HEARTBEAT, 1, 0,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_READER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_READER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     SP_AUTH_NONE, 0, false, 15u},
    {"Credit", SP_MSG_CREDIT, 1, 0,
     1 << SP_ROLE_WORKER,
     1 << SP_ROLE_BROKER,
     SP_AUTH_NONE, 0, false, 10u},
    {"Drain", SP_MSG_DRAIN, 1, SP_MSG_BYE,
     1 << SP_ROLE_BROKER,
     1 << SP_ROLE_WORKER,
     SP_AUTH_NONE, 0, false, 6u},
    {"Bye", SP_MSG_BYE, 1, 0,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_READER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_BROKER,
     SP_AUTH_NONE, 0, false, 10u},
    {"Refused", SP_MSG_REFUSED, 1, 0,
     1 << SP_ROLE_BROKER,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_READER | 1 << SP_ROLE_ENROL | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     SP_AUTH_NONE, 0, false, 146u},
    {"Stats", SP_MSG_STATS, 1, 0,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_WORKER | 1 << SP_ROLE_BROKER | 1 << SP_ROLE_BRIDGE | 1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_OPERATOR | 1 << SP_ROLE_READER,
     SP_AUTH_NONE, 0, false, 21500u},
    {"RouteOpen", SP_MSG_ROUTE_OPEN, 1, SP_MSG_ROUTE_CREDIT,
     1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_BROKER,
     SP_AUTH_NONE, 0, false, 293u},
    {"RouteCredit", SP_MSG_ROUTE_CREDIT, 1, 0,
     1 << SP_ROLE_BROKER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_NONE, 0, false, 316u},
    {"JobBatch", SP_MSG_JOB_BATCH, 1, SP_MSG_RESULT_BATCH,
     1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_WORKER,
     SP_AUTH_NONE, 0, false, 777517u},
    {"JobReturn", SP_MSG_JOB_RETURN, 1, 0,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_WORKER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_NONE, 0, false, 7687u},
    {"DefinitionGet", SP_MSG_DEFINITION_GET, 1, SP_MSG_DEFINITION,
     1 << SP_ROLE_WORKER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_NONE, 0, false, 35u},
    {"Definition", SP_MSG_DEFINITION, 1, 0,
     1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_WORKER,
     SP_AUTH_SIGN, 64, false, 20518u},
    {"ResultBatch", SP_MSG_RESULT_BATCH, 1, SP_MSG_RESULT_ACK,
     1 << SP_ROLE_WORKER,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_SIGN, 64, false, 1048576u},
    {"ResultAck", SP_MSG_RESULT_ACK, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_WORKER,
     SP_AUTH_NONE, 0, false, 3609u},
    {"LeaseClosed", SP_MSG_LEASE_CLOSED, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_MAC, 32, false, 536077u},
    {"NodeSet", SP_MSG_NODE_SET, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_MAC, 32, false, 615717u},
    {"CheckSet", SP_MSG_CHECK_SET, 1, 0,
     1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_MAC, 32, false, 185756u},
    {"SyncRequest", SP_MSG_SYNC_REQUEST, 1, 0,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER,
     SP_AUTH_MAC, 32, false, 19u},
    {"EpochClaim", SP_MSG_EPOCH_CLAIM, 1, SP_MSG_EPOCH_GRANT,
     1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_MAC, 32, false, 19u},
    {"EpochGrant", SP_MSG_EPOCH_GRANT, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_MAC, 32, false, 19u},
    {"KeeperClock", SP_MSG_KEEPER_CLOCK, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_MAC, 32, false, 47u},
    {"Subscribe", SP_MSG_SUBSCRIBE, 1, SP_MSG_SNAPSHOT,
     1 << SP_ROLE_READER | 1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, false, 28u},
    {"Snapshot", SP_MSG_SNAPSHOT, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_READER | 1 << SP_ROLE_BRIDGE,
     SP_AUTH_SIGN, 64, false, 110391u},
    {"TrustEvent", SP_MSG_TRUST_EVENT, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_READER | 1 << SP_ROLE_BRIDGE,
     SP_AUTH_SIGN, 64, false, 110367u},
    {"ReaderPing", SP_MSG_READER_PING, 1, SP_MSG_TRUST_BEAT,
     1 << SP_ROLE_READER | 1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, false, 28u},
    {"TrustBeat", SP_MSG_TRUST_BEAT, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_READER | 1 << SP_ROLE_BRIDGE,
     SP_AUTH_SIGN, 64, false, 46u},
    {"Hint", SP_MSG_HINT, 1, 0,
     1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_SCHEDULER,
     SP_AUTH_NONE, 0, false, 17286u},
    {"ViewRequest", SP_MSG_VIEW_REQUEST, 1, SP_MSG_VIEW_REPLY,
     1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, false, 65601u},
    {"ViewReply", SP_MSG_VIEW_REPLY, 1, 0,
     1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_BRIDGE,
     SP_AUTH_SIGN, 64, false, 786456u},
    {"InventoryReport", SP_MSG_INVENTORY_REPORT, 1, 0,
     1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_SIGN, 64, false, 75809u},
    {"ActionReport", SP_MSG_ACTION_REPORT, 1, SP_MSG_VIEW_REPLY,
     1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_SIGN, 64, false, 418u},
    {"AdminRequest", SP_MSG_ADMIN_REQUEST, 1, SP_MSG_ADMIN_REPLY,
     1 << SP_ROLE_OPERATOR,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_BRIDGE,
     SP_AUTH_SIGN, 64, true, 524353u},
    {"AdminReply", SP_MSG_ADMIN_REPLY, 1, 0,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER | 1 << SP_ROLE_KEEPER | 1 << SP_ROLE_BRIDGE,
     1 << SP_ROLE_OPERATOR,
     SP_AUTH_SIGN, 64, false, 786456u},
    {"ActReport", SP_MSG_ACT_REPORT, 1, SP_MSG_ACT_STORED,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_SIGN, 64, false, 36297u},
    {"ActStored", SP_MSG_ACT_STORED, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER,
     SP_AUTH_SIGN, 64, false, 31u},
    {"EnrolRequest", SP_MSG_ENROL_REQUEST, 1, SP_MSG_ENROL_REPLY,
     1 << SP_ROLE_ENROL,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, true, 169u},
    {"EnrolReply", SP_MSG_ENROL_REPLY, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_ENROL,
     SP_AUTH_SIGN, 64, false, 948u},
    {"PrincipalSet", SP_MSG_PRINCIPAL_SET, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_BROKER | 1 << SP_ROLE_SCHEDULER,
     SP_AUTH_SIGN, 64, false, 125587u},
    {"EvidenceRequest", SP_MSG_EVIDENCE_REQUEST, 1, SP_MSG_EVIDENCE,
     1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR,
     1 << SP_ROLE_ATTESTER,
     SP_AUTH_PAIR, 32, false, 16545u},
    {"Evidence", SP_MSG_EVIDENCE, 1, 0,
     1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR,
     SP_AUTH_PAIR, 32, false, 197037u},
    {"IdentityGet", SP_MSG_IDENTITY_GET, 1, SP_MSG_IDENTITY,
     1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, false, 72u},
    {"Identity", SP_MSG_IDENTITY, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_WORKER | 1 << SP_ROLE_OPERATOR,
     SP_AUTH_SIGN, 64, false, 702u},
    {"PrincipalGet", SP_MSG_PRINCIPAL_GET, 1, SP_MSG_PRINCIPAL_INFO,
     1 << SP_ROLE_ATTESTER,
     1 << SP_ROLE_KEEPER,
     SP_AUTH_NONE, 0, false, 61u},
    {"PrincipalInfo", SP_MSG_PRINCIPAL_INFO, 1, 0,
     1 << SP_ROLE_KEEPER,
     1 << SP_ROLE_ATTESTER,
     SP_AUTH_SIGN, 64, false, 1045u},
};

/* Place in the table above plus one; 0: no such message. */
static const uint8_t by_number[SP_MSG_LAST + 1] = {
    [SP_MSG_HELLO] = 1,
    [SP_MSG_WELCOME] = 2,
    [SP_MSG_HEARTBEAT] = 3,
    [SP_MSG_CREDIT] = 4,
    [SP_MSG_DRAIN] = 5,
    [SP_MSG_BYE] = 6,
    [SP_MSG_REFUSED] = 7,
    [SP_MSG_STATS] = 8,
    [SP_MSG_ROUTE_OPEN] = 9,
    [SP_MSG_ROUTE_CREDIT] = 10,
    [SP_MSG_JOB_BATCH] = 11,
    [SP_MSG_JOB_RETURN] = 12,
    [SP_MSG_DEFINITION_GET] = 13,
    [SP_MSG_DEFINITION] = 14,
    [SP_MSG_RESULT_BATCH] = 15,
    [SP_MSG_RESULT_ACK] = 16,
    [SP_MSG_LEASE_CLOSED] = 17,
    [SP_MSG_NODE_SET] = 18,
    [SP_MSG_CHECK_SET] = 19,
    [SP_MSG_SYNC_REQUEST] = 20,
    [SP_MSG_EPOCH_CLAIM] = 21,
    [SP_MSG_EPOCH_GRANT] = 22,
    [SP_MSG_KEEPER_CLOCK] = 23,
    [SP_MSG_SUBSCRIBE] = 24,
    [SP_MSG_SNAPSHOT] = 25,
    [SP_MSG_TRUST_EVENT] = 26,
    [SP_MSG_READER_PING] = 27,
    [SP_MSG_TRUST_BEAT] = 28,
    [SP_MSG_HINT] = 29,
    [SP_MSG_VIEW_REQUEST] = 30,
    [SP_MSG_VIEW_REPLY] = 31,
    [SP_MSG_INVENTORY_REPORT] = 32,
    [SP_MSG_ACTION_REPORT] = 33,
    [SP_MSG_ADMIN_REQUEST] = 34,
    [SP_MSG_ADMIN_REPLY] = 35,
    [SP_MSG_ACT_REPORT] = 36,
    [SP_MSG_ACT_STORED] = 37,
    [SP_MSG_ENROL_REQUEST] = 38,
    [SP_MSG_ENROL_REPLY] = 39,
    [SP_MSG_PRINCIPAL_SET] = 40,
    [SP_MSG_EVIDENCE_REQUEST] = 41,
    [SP_MSG_EVIDENCE] = 42,
    [SP_MSG_IDENTITY_GET] = 43,
    [SP_MSG_IDENTITY] = 44,
    [SP_MSG_PRINCIPAL_GET] = 45,
    [SP_MSG_PRINCIPAL_INFO] = 46,
};

const struct msg_info *msg_find(unsigned number)
{
    if (number > SP_MSG_LAST || by_number[number] == 0)
        return NULL;
    return &infos[by_number[number] - 1];
}

const struct msg_info *msg_at(unsigned place)
{
    SP_ASSERT(place < SP_MSG_COUNT);
    return &infos[place];
}

const char *msg_name(unsigned number)
{
    const struct msg_info *info = msg_find(number);
    return info != NULL ? info->name : "unknown";
}

bool msg_may(unsigned number, enum sp_role from, enum sp_role to)
{
    const struct msg_info *info = msg_find(number);
    return info != NULL && (info->from >> from & 1) != 0 && (info->to >> to & 1) != 0;
}

SP_INLINE uint8_t *write_route_spec(uint8_t *restrict p, const struct rec_route_spec *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_str(p, r->adapter, 32u, seen);
    p = sp_put_str(p, r->labels, 255u, seen);
    return p;
}

static bool text_route_spec(const struct rec_route_spec *r)
{
    return sp_str_is_utf8(r->adapter) && sp_str_is_utf8(r->labels);
}

/* There may be no room for the largest route_spec: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_route_spec(const struct sp_packer *w, const struct rec_route_spec *r)
{
    if (!(r->adapter.n <= 32u && r->labels.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)5u + r->adapter.n + r->labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_route_spec(struct sp_packer *w, const struct rec_route_spec *r, uint8_t *p)
{
    if (!(r->adapter.n <= 32u && r->labels.n <= 255u))
        return SP_E_LIMIT;
    return text_route_spec(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_route_spec(struct sp_unpacker *u, struct rec_route_spec *r, bool check)
{
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->adapter = sp_take_str(u, 32u, check);
    r->labels = sp_take_str(u, 255u, check);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc rec_route_spec_put(struct sp_packer *w, const struct rec_route_spec *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 292u)) {
        enum sp_rc rc = fits_route_spec(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_route_spec(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_route_spec(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_route_spec_next(struct sp_list *list, struct rec_route_spec *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_route_spec(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_route_spec_decode(const uint8_t *p, size_t n, struct rec_route_spec *r)
{
    struct rec_route_spec out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_route_spec(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_counter(uint8_t *restrict p, const struct rec_counter *restrict r)
{
    p = sp_put_array(p, 7);
    p = sp_put_u16(p, r->type);
    p = sp_put_u8(p, r->role);
    p = sp_put_bool(p, r->outgoing);
    p = sp_put_u64(p, r->messages);
    p = sp_put_u64(p, r->bytes);
    p = sp_put_u64(p, r->dropped);
    p = sp_put_u64(p, r->refused);
    return p;
}

SP_INLINE void read_counter(struct sp_unpacker *u, struct rec_counter *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 7);
    if (count < 7)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->type = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->role = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->outgoing = sp_take_bool(u);
    r->messages = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->bytes = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->dropped = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->refused = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 7)
        sp_take_extra(u, count - 7);
}

enum sp_rc rec_counter_put(struct sp_packer *w, const struct rec_counter *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (sp_packer_room(w) < 43u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_counter(w->p, r));
}

bool rec_counter_next(struct sp_list *list, struct rec_counter *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_counter(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_counter_decode(const uint8_t *p, size_t n, struct rec_counter *r)
{
    struct rec_counter out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_counter(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_gauge(uint8_t *restrict p, const struct rec_gauge *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_str(p, r->name, 48u, seen);
    p = sp_put_u64(p, r->value);
    return p;
}

static bool text_gauge(const struct rec_gauge *r)
{
    return sp_str_is_utf8(r->name);
}

/* There may be no room for the largest gauge: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_gauge(const struct sp_packer *w, const struct rec_gauge *r)
{
    if (!(r->name.n <= 48u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)12u + r->name.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_gauge(struct sp_packer *w, const struct rec_gauge *r, uint8_t *p)
{
    if (!(r->name.n <= 48u))
        return SP_E_LIMIT;
    return text_gauge(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_gauge(struct sp_unpacker *u, struct rec_gauge *r, bool check)
{
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->name = sp_take_str(u, 48u, check);
    r->value = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc rec_gauge_put(struct sp_packer *w, const struct rec_gauge *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 60u)) {
        enum sp_rc rc = fits_gauge(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_gauge(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_gauge(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_gauge_next(struct sp_list *list, struct rec_gauge *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_gauge(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_gauge_decode(const uint8_t *p, size_t n, struct rec_gauge *r)
{
    struct rec_gauge out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_gauge(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_latency(uint8_t *restrict p, const struct rec_latency *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_str(p, r->name, 48u, seen);
    p = sp_put_u64(p, r->count);
    p = sp_put_u64(p, r->p50_us);
    p = sp_put_u64(p, r->p99_us);
    p = sp_put_u64(p, r->max_us);
    return p;
}

static bool text_latency(const struct rec_latency *r)
{
    return sp_str_is_utf8(r->name);
}

/* There may be no room for the largest latency: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_latency(const struct sp_packer *w, const struct rec_latency *r)
{
    if (!(r->name.n <= 48u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)39u + r->name.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_latency(struct sp_packer *w, const struct rec_latency *r, uint8_t *p)
{
    if (!(r->name.n <= 48u))
        return SP_E_LIMIT;
    return text_latency(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_latency(struct sp_unpacker *u, struct rec_latency *r, bool check)
{
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->name = sp_take_str(u, 48u, check);
    r->count = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->p50_us = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->p99_us = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->max_us = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc rec_latency_put(struct sp_packer *w, const struct rec_latency *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 87u)) {
        enum sp_rc rc = fits_latency(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_latency(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_latency(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_latency_next(struct sp_list *list, struct rec_latency *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_latency(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_latency_decode(const uint8_t *p, size_t n, struct rec_latency *r)
{
    struct rec_latency out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_latency(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_job(uint8_t *restrict p, const struct rec_job *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_exact(p, r->ticket, 160u);
    p = sp_put_u32(p, r->timeout_ms);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_str(p, r->address, 255u, seen);
    p = sp_put_bin(p, r->checkpoint, 1024u, seen);
    return p;
}

static bool text_job(const struct rec_job *r)
{
    return sp_str_is_utf8(r->node) && sp_str_is_utf8(r->address);
}

/* There may be no room for the largest job: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_job(const struct sp_packer *w, const struct rec_job *r)
{
    if (!(r->node.n <= 64u && r->address.n <= 255u && r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)175u + r->node.n + r->address.n + r->checkpoint.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_job(struct sp_packer *w, const struct rec_job *r, uint8_t *p)
{
    if (!(r->node.n <= 64u && r->address.n <= 255u && r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return text_job(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_job(struct sp_unpacker *u, struct rec_job *r, bool check)
{
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->ticket = sp_take_exact(u, 160u);
    r->timeout_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->node = sp_take_str(u, 64u, check);
    r->address = sp_take_str(u, 255u, check);
    r->checkpoint = sp_take_bin(u, 1024u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc rec_job_put(struct sp_packer *w, const struct rec_job *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 1518u)) {
        enum sp_rc rc = fits_job(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_job(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_job(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_job_next(struct sp_list *list, struct rec_job *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_job(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_job_decode(const uint8_t *p, size_t n, struct rec_job *r)
{
    struct rec_job out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_job(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_returned(uint8_t *restrict p, const struct rec_returned *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u32(p, r->slot);
    p = sp_put_u64(p, r->job);
    return p;
}

SP_INLINE void read_returned(struct sp_unpacker *u, struct rec_returned *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->slot = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->job = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc rec_returned_put(struct sp_packer *w, const struct rec_returned *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (sp_packer_room(w) < 15u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_returned(w->p, r));
}

bool rec_returned_next(struct sp_list *list, struct rec_returned *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_returned(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_returned_decode(const uint8_t *p, size_t n, struct rec_returned *r)
{
    struct rec_returned out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_returned(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_definition_body(uint8_t *restrict p, const struct rec_definition_body *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_str(p, r->check, 64u, seen);
    p = sp_put_u32(p, r->revision);
    p = sp_put_str(p, r->adapter, 32u, seen);
    p = sp_put_str(p, r->params, 16384u, seen);
    p = sp_put_u32(p, r->timeout_ms);
    return p;
}

static bool text_definition_body(const struct rec_definition_body *r)
{
    return sp_str_is_utf8(r->check) && sp_str_is_utf8(r->adapter) && sp_str_is_utf8(r->params);
}

/* There may be no room for the largest definition_body: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_definition_body(const struct sp_packer *w, const struct rec_definition_body *r)
{
    if (!(r->check.n <= 64u && r->adapter.n <= 32u && r->params.n <= 16384u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)18u + r->check.n + r->adapter.n + r->params.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_definition_body(struct sp_packer *w, const struct rec_definition_body *r, uint8_t *p)
{
    if (!(r->check.n <= 64u && r->adapter.n <= 32u && r->params.n <= 16384u))
        return SP_E_LIMIT;
    return text_definition_body(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_definition_body(struct sp_unpacker *u, struct rec_definition_body *r, bool check)
{
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->check = sp_take_str(u, 64u, check);
    r->revision = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->adapter = sp_take_str(u, 32u, check);
    r->params = sp_take_str(u, 16384u, check);
    r->timeout_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc rec_definition_body_put(struct sp_packer *w, const struct rec_definition_body *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 16498u)) {
        enum sp_rc rc = fits_definition_body(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_definition_body(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_definition_body(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_definition_body_next(struct sp_list *list, struct rec_definition_body *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_definition_body(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_definition_body_decode(const uint8_t *p, size_t n, struct rec_definition_body *r)
{
    struct rec_definition_body out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_definition_body(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_result(uint8_t *restrict p, const struct rec_result *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 11);
    p = sp_put_exact(p, r->ticket, 160u);
    p = sp_put_u8(p, r->outcome);
    p = sp_put_u16(p, r->reason);
    p = sp_put_str(p, r->detail, 1024u, seen);
    p = sp_put_str(p, r->measures, 1024u, seen);
    p = sp_put_bin(p, r->evidence, 32u, seen);
    p = sp_put_bin(p, r->checkpoint, 1024u, seen);
    p = sp_put_u64(p, r->trace);
    p = sp_put_u32(p, r->wait_us);
    p = sp_put_u32(p, r->run_us);
    p = sp_put_u64(p, r->instance);
    return p;
}

static bool text_result(const struct rec_result *r)
{
    return sp_str_is_utf8(r->detail) && sp_str_is_utf8(r->measures);
}

/* There may be no room for the largest result: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_result(const struct sp_packer *w, const struct rec_result *r)
{
    if (!(r->detail.n <= 1024u && r->measures.n <= 1024u && r->evidence.n <= 32u && r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)207u + r->detail.n + r->measures.n + r->evidence.n + r->checkpoint.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_result(struct sp_packer *w, const struct rec_result *r, uint8_t *p)
{
    if (!(r->detail.n <= 1024u && r->measures.n <= 1024u && r->evidence.n <= 32u && r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return text_result(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_result(struct sp_unpacker *u, struct rec_result *r, bool check)
{
    uint32_t count = sp_take_fields(u, 11);
    if (count < 11)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->ticket = sp_take_exact(u, 160u);
    r->outcome = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->reason = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->detail = sp_take_str(u, 1024u, check);
    r->measures = sp_take_str(u, 1024u, check);
    r->evidence = sp_take_bin(u, 32u);
    r->checkpoint = sp_take_bin(u, 1024u);
    r->trace = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->wait_us = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->run_us = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->instance = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 11)
        sp_take_extra(u, count - 11);
}

enum sp_rc rec_result_put(struct sp_packer *w, const struct rec_result *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 3311u)) {
        enum sp_rc rc = fits_result(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_result(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_result(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_result_next(struct sp_list *list, struct rec_result *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_result(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_result_decode(const uint8_t *p, size_t n, struct rec_result *r)
{
    struct rec_result out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_result(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_refused_result(uint8_t *restrict p, const struct rec_refused_result *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u16(p, r->index);
    p = sp_put_u16(p, r->code);
    return p;
}

SP_INLINE void read_refused_result(struct sp_unpacker *u, struct rec_refused_result *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->index = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc rec_refused_result_put(struct sp_packer *w, const struct rec_refused_result *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (sp_packer_room(w) < 7u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_refused_result(w->p, r));
}

bool rec_refused_result_next(struct sp_list *list, struct rec_refused_result *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_refused_result(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_refused_result_decode(const uint8_t *p, size_t n, struct rec_refused_result *r)
{
    struct rec_refused_result out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_refused_result(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_closed(uint8_t *restrict p, const struct rec_closed *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_u32(p, r->slot);
    p = sp_put_u64(p, r->job);
    p = sp_put_u8(p, r->outcome);
    p = sp_put_u16(p, r->code);
    p = sp_put_bin(p, r->checkpoint, 1024u, seen);
    return p;
}

/* There may be no room for the largest closed: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_closed(const struct sp_packer *w, const struct rec_closed *r)
{
    if (!(r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)23u + r->checkpoint.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_closed(struct sp_packer *w, const struct rec_closed *r, uint8_t *p)
{
    if (!(r->checkpoint.n <= 1024u))
        return SP_E_LIMIT;
    return true ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_closed(struct sp_unpacker *u, struct rec_closed *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->slot = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->job = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->outcome = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->checkpoint = sp_take_bin(u, 1024u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc rec_closed_put(struct sp_packer *w, const struct rec_closed *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 1047u)) {
        enum sp_rc rc = fits_closed(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_closed(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_closed(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_closed_next(struct sp_list *list, struct rec_closed *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_closed(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_closed_decode(const uint8_t *p, size_t n, struct rec_closed *r)
{
    struct rec_closed out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_closed(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_node_info(uint8_t *restrict p, const struct rec_node_info *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 7);
    p = sp_put_u32(p, r->id);
    p = sp_put_u32(p, r->generation);
    p = sp_put_exact(p, r->key, 16u);
    p = sp_put_str(p, r->name, 64u, seen);
    p = sp_put_str(p, r->address, 255u, seen);
    p = sp_put_str(p, r->labels, 2048u, seen);
    p = sp_put_u8(p, r->state);
    return p;
}

static bool text_node_info(const struct rec_node_info *r)
{
    return sp_str_is_utf8(r->name) && sp_str_is_utf8(r->address) && sp_str_is_utf8(r->labels);
}

/* There may be no room for the largest node_info: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_node_info(const struct sp_packer *w, const struct rec_node_info *r)
{
    if (!(r->name.n <= 64u && r->address.n <= 255u && r->labels.n <= 2048u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)38u + r->name.n + r->address.n + r->labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_node_info(struct sp_packer *w, const struct rec_node_info *r, uint8_t *p)
{
    if (!(r->name.n <= 64u && r->address.n <= 255u && r->labels.n <= 2048u))
        return SP_E_LIMIT;
    return text_node_info(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_node_info(struct sp_unpacker *u, struct rec_node_info *r, bool check)
{
    uint32_t count = sp_take_fields(u, 7);
    if (count < 7)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->generation = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->key = sp_take_exact(u, 16u);
    r->name = sp_take_str(u, 64u, check);
    r->address = sp_take_str(u, 255u, check);
    r->labels = sp_take_str(u, 2048u, check);
    r->state = (uint8_t)sp_take_uint(u, UINT8_MAX);
    if (count > 7)
        sp_take_extra(u, count - 7);
}

enum sp_rc rec_node_info_put(struct sp_packer *w, const struct rec_node_info *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 2405u)) {
        enum sp_rc rc = fits_node_info(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_node_info(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_node_info(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_node_info_next(struct sp_list *list, struct rec_node_info *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_node_info(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_node_info_decode(const uint8_t *p, size_t n, struct rec_node_info *r)
{
    struct rec_node_info out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_node_info(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_check_info(uint8_t *restrict p, const struct rec_check_info *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 14);
    p = sp_put_u32(p, r->id);
    p = sp_put_str(p, r->name, 64u, seen);
    p = sp_put_u32(p, r->revision);
    p = sp_put_exact(p, r->digest, 32u);
    p = sp_put_u8(p, r->stage);
    p = sp_put_bool(p, r->enabled);
    p = sp_put_str(p, r->adapter, 32u, seen);
    p = sp_put_u16(p, r->rise);
    p = sp_put_u16(p, r->fall);
    p = sp_put_u32(p, r->max_age_ms);
    p = sp_put_u32(p, r->period_ms);
    p = sp_put_u16(p, r->category);
    p = sp_put_str(p, r->selector, 1024u, seen);
    p = sp_put_str(p, r->runbook, 255u, seen);
    return p;
}

static bool text_check_info(const struct rec_check_info *r)
{
    return sp_str_is_utf8(r->name) && sp_str_is_utf8(r->adapter) && sp_str_is_utf8(r->selector) && sp_str_is_utf8(r->runbook);
}

/* There may be no room for the largest check_info: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_check_info(const struct sp_packer *w, const struct rec_check_info *r)
{
    if (!(r->name.n <= 64u && r->adapter.n <= 32u && r->selector.n <= 1024u && r->runbook.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)76u + r->name.n + r->adapter.n + r->selector.n + r->runbook.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_check_info(struct sp_packer *w, const struct rec_check_info *r, uint8_t *p)
{
    if (!(r->name.n <= 64u && r->adapter.n <= 32u && r->selector.n <= 1024u && r->runbook.n <= 255u))
        return SP_E_LIMIT;
    return text_check_info(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_check_info(struct sp_unpacker *u, struct rec_check_info *r, bool check)
{
    uint32_t count = sp_take_fields(u, 14);
    if (count < 14)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->name = sp_take_str(u, 64u, check);
    r->revision = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->digest = sp_take_exact(u, 32u);
    r->stage = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->enabled = sp_take_bool(u);
    r->adapter = sp_take_str(u, 32u, check);
    r->rise = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->fall = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->max_age_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->period_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->category = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->selector = sp_take_str(u, 1024u, check);
    r->runbook = sp_take_str(u, 255u, check);
    if (count > 14)
        sp_take_extra(u, count - 14);
}

enum sp_rc rec_check_info_put(struct sp_packer *w, const struct rec_check_info *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 1451u)) {
        enum sp_rc rc = fits_check_info(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_check_info(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_check_info(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_check_info_next(struct sp_list *list, struct rec_check_info *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_check_info(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_check_info_decode(const uint8_t *p, size_t n, struct rec_check_info *r)
{
    struct rec_check_info out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_check_info(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_trust_entry(uint8_t *restrict p, const struct rec_trust_entry *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 8);
    p = sp_put_exact(p, r->key, 16u);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_str(p, r->pool, 64u, seen);
    p = sp_put_u8(p, r->tier);
    p = sp_put_bool(p, r->member);
    p = sp_put_u64(p, r->until_ms);
    p = sp_put_u64(p, r->since_ms);
    p = sp_put_str(p, r->why, 256u, seen);
    return p;
}

static bool text_trust_entry(const struct rec_trust_entry *r)
{
    return sp_str_is_utf8(r->node) && sp_str_is_utf8(r->pool) && sp_str_is_utf8(r->why);
}

/* There may be no room for the largest trust_entry: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_trust_entry(const struct sp_packer *w, const struct rec_trust_entry *r)
{
    if (!(r->node.n <= 64u && r->pool.n <= 64u && r->why.n <= 256u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)47u + r->node.n + r->pool.n + r->why.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_trust_entry(struct sp_packer *w, const struct rec_trust_entry *r, uint8_t *p)
{
    if (!(r->node.n <= 64u && r->pool.n <= 64u && r->why.n <= 256u))
        return SP_E_LIMIT;
    return text_trust_entry(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_trust_entry(struct sp_unpacker *u, struct rec_trust_entry *r, bool check)
{
    uint32_t count = sp_take_fields(u, 8);
    if (count < 8)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->key = sp_take_exact(u, 16u);
    r->node = sp_take_str(u, 64u, check);
    r->pool = sp_take_str(u, 64u, check);
    r->tier = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->member = sp_take_bool(u);
    r->until_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->since_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->why = sp_take_str(u, 256u, check);
    if (count > 8)
        sp_take_extra(u, count - 8);
}

enum sp_rc rec_trust_entry_put(struct sp_packer *w, const struct rec_trust_entry *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 431u)) {
        enum sp_rc rc = fits_trust_entry(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_trust_entry(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_trust_entry(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_trust_entry_next(struct sp_list *list, struct rec_trust_entry *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_trust_entry(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_trust_entry_decode(const uint8_t *p, size_t n, struct rec_trust_entry *r)
{
    struct rec_trust_entry out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_trust_entry(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_hint_node(uint8_t *restrict p, const struct rec_hint_node *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 1);
    p = sp_put_str(p, r->node, 64u, seen);
    return p;
}

static bool text_hint_node(const struct rec_hint_node *r)
{
    return sp_str_is_utf8(r->node);
}

/* There may be no room for the largest hint_node: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_hint_node(const struct sp_packer *w, const struct rec_hint_node *r)
{
    if (!(r->node.n <= 64u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)3u + r->node.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_hint_node(struct sp_packer *w, const struct rec_hint_node *r, uint8_t *p)
{
    if (!(r->node.n <= 64u))
        return SP_E_LIMIT;
    return text_hint_node(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_hint_node(struct sp_unpacker *u, struct rec_hint_node *r, bool check)
{
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->node = sp_take_str(u, 64u, check);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc rec_hint_node_put(struct sp_packer *w, const struct rec_hint_node *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 67u)) {
        enum sp_rc rc = fits_hint_node(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_hint_node(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_hint_node(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_hint_node_next(struct sp_list *list, struct rec_hint_node *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_hint_node(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_hint_node_decode(const uint8_t *p, size_t n, struct rec_hint_node *r)
{
    struct rec_hint_node out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_hint_node(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_inventory_node(uint8_t *restrict p, const struct rec_inventory_node *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 4);
    p = sp_put_exact(p, r->key, 16u);
    p = sp_put_exact(p, r->service, 16u);
    p = sp_put_u8(p, r->flags);
    p = sp_put_str(p, r->name, 255u, seen);
    return p;
}

static bool text_inventory_node(const struct rec_inventory_node *r)
{
    return sp_str_is_utf8(r->name);
}

/* There may be no room for the largest inventory_node: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_inventory_node(const struct sp_packer *w, const struct rec_inventory_node *r)
{
    if (!(r->name.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)41u + r->name.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_inventory_node(struct sp_packer *w, const struct rec_inventory_node *r, uint8_t *p)
{
    if (!(r->name.n <= 255u))
        return SP_E_LIMIT;
    return text_inventory_node(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_inventory_node(struct sp_unpacker *u, struct rec_inventory_node *r, bool check)
{
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->key = sp_take_exact(u, 16u);
    r->service = sp_take_exact(u, 16u);
    r->flags = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->name = sp_take_str(u, 255u, check);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc rec_inventory_node_put(struct sp_packer *w, const struct rec_inventory_node *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 296u)) {
        enum sp_rc rc = fits_inventory_node(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_inventory_node(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_inventory_node(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_inventory_node_next(struct sp_list *list, struct rec_inventory_node *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_inventory_node(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_inventory_node_decode(const uint8_t *p, size_t n, struct rec_inventory_node *r)
{
    struct rec_inventory_node out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_inventory_node(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_act(uint8_t *restrict p, const struct rec_act *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 8);
    p = sp_put_u64(p, r->number);
    p = sp_put_u64(p, r->wall_ms);
    p = sp_put_str(p, r->actor, 40u, seen);
    p = sp_put_str(p, r->what, 48u, seen);
    p = sp_put_str(p, r->object, 128u, seen);
    p = sp_put_str(p, r->before, 64u, seen);
    p = sp_put_str(p, r->after, 64u, seen);
    p = sp_put_str(p, r->why, 192u, seen);
    return p;
}

static bool text_act(const struct rec_act *r)
{
    return sp_str_is_utf8(r->actor) && sp_str_is_utf8(r->what) && sp_str_is_utf8(r->object) && sp_str_is_utf8(r->before) && sp_str_is_utf8(r->after) && sp_str_is_utf8(r->why);
}

/* There may be no room for the largest act: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_act(const struct sp_packer *w, const struct rec_act *r)
{
    if (!(r->actor.n <= 40u && r->what.n <= 48u && r->object.n <= 128u && r->before.n <= 64u && r->after.n <= 64u && r->why.n <= 192u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)31u + r->actor.n + r->what.n + r->object.n + r->before.n + r->after.n + r->why.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_act(struct sp_packer *w, const struct rec_act *r, uint8_t *p)
{
    if (!(r->actor.n <= 40u && r->what.n <= 48u && r->object.n <= 128u && r->before.n <= 64u && r->after.n <= 64u && r->why.n <= 192u))
        return SP_E_LIMIT;
    return text_act(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_act(struct sp_unpacker *u, struct rec_act *r, bool check)
{
    uint32_t count = sp_take_fields(u, 8);
    if (count < 8)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->number = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->wall_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->actor = sp_take_str(u, 40u, check);
    r->what = sp_take_str(u, 48u, check);
    r->object = sp_take_str(u, 128u, check);
    r->before = sp_take_str(u, 64u, check);
    r->after = sp_take_str(u, 64u, check);
    r->why = sp_take_str(u, 192u, check);
    if (count > 8)
        sp_take_extra(u, count - 8);
}

enum sp_rc rec_act_put(struct sp_packer *w, const struct rec_act *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 567u)) {
        enum sp_rc rc = fits_act(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_act(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_act(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_act_next(struct sp_list *list, struct rec_act *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_act(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_act_decode(const uint8_t *p, size_t n, struct rec_act *r)
{
    struct rec_act out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_act(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

SP_INLINE uint8_t *write_principal(uint8_t *restrict p, const struct rec_principal *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 12);
    p = sp_put_str(p, r->name, 40u, seen);
    p = sp_put_u8(p, r->role);
    p = sp_put_exact(p, r->curve, 32u);
    p = sp_put_exact(p, r->sign, 32u);
    p = sp_put_str(p, r->adapters, 512u, seen);
    p = sp_put_str(p, r->nodes, 255u, seen);
    p = sp_put_u64(p, r->not_after);
    p = sp_put_bool(p, r->revoked);
    p = sp_put_exact(p, r->next_curve, 32u);
    p = sp_put_exact(p, r->next_sign, 32u);
    p = sp_put_u64(p, r->next_not_before);
    p = sp_put_u64(p, r->next_not_after);
    return p;
}

static bool text_principal(const struct rec_principal *r)
{
    return sp_str_is_utf8(r->name) && sp_str_is_utf8(r->adapters) && sp_str_is_utf8(r->nodes);
}

/* There may be no room for the largest principal: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_principal(const struct sp_packer *w, const struct rec_principal *r)
{
    if (!(r->name.n <= 40u && r->adapters.n <= 512u && r->nodes.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)174u + r->name.n + r->adapters.n + r->nodes.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_principal(struct sp_packer *w, const struct rec_principal *r, uint8_t *p)
{
    if (!(r->name.n <= 40u && r->adapters.n <= 512u && r->nodes.n <= 255u))
        return SP_E_LIMIT;
    return text_principal(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_principal(struct sp_unpacker *u, struct rec_principal *r, bool check)
{
    uint32_t count = sp_take_fields(u, 12);
    if (count < 12)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->name = sp_take_str(u, 40u, check);
    r->role = (uint8_t)sp_take_uint(u, UINT8_MAX);
    r->curve = sp_take_exact(u, 32u);
    r->sign = sp_take_exact(u, 32u);
    r->adapters = sp_take_str(u, 512u, check);
    r->nodes = sp_take_str(u, 255u, check);
    r->not_after = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->revoked = sp_take_bool(u);
    r->next_curve = sp_take_exact(u, 32u);
    r->next_sign = sp_take_exact(u, 32u);
    r->next_not_before = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->next_not_after = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 12)
        sp_take_extra(u, count - 12);
}

enum sp_rc rec_principal_put(struct sp_packer *w, const struct rec_principal *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!SP_LIKELY(sp_packer_room(w) >= 981u)) {
        enum sp_rc rc = fits_principal(w, r);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_principal(w->p, r, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_principal(w, r, p);
    return sp_packer_commit(w, p);
}

bool rec_principal_next(struct sp_list *list, struct rec_principal *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_principal(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_principal_decode(const uint8_t *p, size_t n, struct rec_principal *r)
{
    struct rec_principal out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_principal(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

static struct sp_list list_counter(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_counter r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_counter(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_gauge(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_gauge r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_gauge(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_latency(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_latency r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_latency(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_job(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_job r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_job(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_returned(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_returned r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_returned(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_result(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_result r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_result(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_refused_result(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_refused_result r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_refused_result(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_closed(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_closed r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_closed(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_node_info(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_node_info r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_node_info(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_check_info(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_check_info r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_check_info(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_trust_entry(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_trust_entry r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_trust_entry(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_hint_node(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_hint_node r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_hint_node(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_inventory_node(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_inventory_node r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_inventory_node(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_act(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_act r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_act(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

static struct sp_list list_principal(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_principal r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_principal(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

SP_INLINE uint8_t *write_msg_hello(uint8_t *restrict p, const struct msg_hello *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 6);
    p = sp_put_u64(p, r->boot);
    p = sp_put_str(p, r->software, 32u, seen);
    p = sp_put_str(p, r->adapters, 512u, seen);
    p = sp_put_str(p, r->labels, 255u, seen);
    p = sp_put_u32(p, r->slots);
    p = sp_put_u32(p, r->topics);
    return p;
}

static bool text_msg_hello(const struct msg_hello *r)
{
    return sp_str_is_utf8(r->software) && sp_str_is_utf8(r->adapters) && sp_str_is_utf8(r->labels);
}

/* There may be no room for the largest msg_hello: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_hello(const struct sp_packer *w, const struct msg_hello *r)
{
    if (!(r->software.n <= 32u && r->adapters.n <= 512u && r->labels.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)27u + r->software.n + r->adapters.n + r->labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_hello(struct sp_packer *w, const struct msg_hello *r, uint8_t *p)
{
    if (!(r->software.n <= 32u && r->adapters.n <= 512u && r->labels.n <= 255u))
        return SP_E_LIMIT;
    return text_msg_hello(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_hello(struct sp_unpacker *u, struct msg_hello *r, bool check)
{
    uint32_t count = sp_take_fields(u, 6);
    if (count < 6)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->software = sp_take_str(u, 32u, check);
    r->adapters = sp_take_str(u, 512u, check);
    r->labels = sp_take_str(u, 255u, check);
    r->slots = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->topics = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 6)
        sp_take_extra(u, count - 6);
}

enum sp_rc msg_hello_decode(const uint8_t *p, size_t n, struct msg_hello *m)
{
    struct msg_hello out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_hello(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_hello_encode(struct sp_packer *w, const struct msg_hello *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 826u)) {
        enum sp_rc rc = fits_msg_hello(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_hello(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_hello(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_welcome(uint8_t *restrict p, const struct msg_welcome *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u32(p, r->heartbeat_ms);
    return p;
}

SP_INLINE void read_msg_welcome(struct sp_unpacker *u, struct msg_welcome *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->heartbeat_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_welcome_decode(const uint8_t *p, size_t n, struct msg_welcome *m)
{
    struct msg_welcome out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_welcome(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_welcome_encode(struct sp_packer *w, const struct msg_welcome *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 15u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_welcome(w->p, m));
}

SP_INLINE uint8_t *write_msg_heartbeat(uint8_t *restrict p, const struct msg_heartbeat *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->progress);
    p = sp_put_u32(p, r->backlog);
    return p;
}

SP_INLINE void read_msg_heartbeat(struct sp_unpacker *u, struct msg_heartbeat *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->progress = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->backlog = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_heartbeat_decode(const uint8_t *p, size_t n, struct msg_heartbeat *m)
{
    struct msg_heartbeat out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_heartbeat(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_heartbeat_encode(struct sp_packer *w, const struct msg_heartbeat *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 15u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_heartbeat(w->p, m));
}

SP_INLINE uint8_t *write_msg_credit(uint8_t *restrict p, const struct msg_credit *restrict r)
{
    p = sp_put_array(p, 1);
    p = sp_put_u64(p, r->granted);
    return p;
}

SP_INLINE void read_msg_credit(struct sp_unpacker *u, struct msg_credit *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->granted = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc msg_credit_decode(const uint8_t *p, size_t n, struct msg_credit *m)
{
    struct msg_credit out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_credit(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_credit_encode(struct sp_packer *w, const struct msg_credit *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 10u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_credit(w->p, m));
}

SP_INLINE uint8_t *write_msg_drain(uint8_t *restrict p, const struct msg_drain *restrict r)
{
    p = sp_put_array(p, 1);
    p = sp_put_u32(p, r->deadline_ms);
    return p;
}

SP_INLINE void read_msg_drain(struct sp_unpacker *u, struct msg_drain *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->deadline_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc msg_drain_decode(const uint8_t *p, size_t n, struct msg_drain *m)
{
    struct msg_drain out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_drain(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_drain_encode(struct sp_packer *w, const struct msg_drain *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 6u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_drain(w->p, m));
}

SP_INLINE uint8_t *write_msg_bye(uint8_t *restrict p, const struct msg_bye *restrict r)
{
    p = sp_put_array(p, 1);
    p = sp_put_u64(p, r->boot);
    return p;
}

SP_INLINE void read_msg_bye(struct sp_unpacker *u, struct msg_bye *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc msg_bye_decode(const uint8_t *p, size_t n, struct msg_bye *m)
{
    struct msg_bye out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_bye(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_bye_encode(struct sp_packer *w, const struct msg_bye *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 10u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_bye(w->p, m));
}

SP_INLINE uint8_t *write_msg_refused(uint8_t *restrict p, const struct msg_refused *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 4);
    p = sp_put_u16(p, r->type);
    p = sp_put_u64(p, r->sequence);
    p = sp_put_u16(p, r->code);
    p = sp_put_str(p, r->detail, 128u, seen);
    return p;
}

static bool text_msg_refused(const struct msg_refused *r)
{
    return sp_str_is_utf8(r->detail);
}

/* There may be no room for the largest msg_refused: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_refused(const struct sp_packer *w, const struct msg_refused *r)
{
    if (!(r->detail.n <= 128u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)18u + r->detail.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_refused(struct sp_packer *w, const struct msg_refused *r, uint8_t *p)
{
    if (!(r->detail.n <= 128u))
        return SP_E_LIMIT;
    return text_msg_refused(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_refused(struct sp_unpacker *u, struct msg_refused *r, bool check)
{
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->type = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->sequence = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->detail = sp_take_str(u, 128u, check);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_refused_decode(const uint8_t *p, size_t n, struct msg_refused *m)
{
    struct msg_refused out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_refused(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_refused_encode(struct sp_packer *w, const struct msg_refused *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 146u)) {
        enum sp_rc rc = fits_msg_refused(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_refused(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_refused(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_stats(uint8_t *restrict p, const struct msg_stats *restrict r)
{
    p = sp_put_array(p, 5);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->uptime_ms);
    return p;
}

SP_INLINE void read_msg_stats(struct sp_unpacker *u, struct msg_stats *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->uptime_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->counters = list_counter(u, 256u);
    r->gauges = list_gauge(u, 128u);
    r->latencies = list_latency(u, 32u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_stats_decode(const uint8_t *p, size_t n, struct msg_stats *m)
{
    struct msg_stats out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_stats(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_stats(struct sp_packer *w, const struct msg_stats *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 19u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_stats(w->p, m));
}

enum sp_rc msg_stats_begin(struct sp_packer *w, const struct msg_stats *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_stats(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_stats_gauges(struct sp_packer *w)
{
    return sp_packer_list_next(w, 128u);
}

enum sp_rc msg_stats_latencies(struct sp_packer *w)
{
    return sp_packer_list_next(w, 32u);
}

enum sp_rc msg_stats_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_stats_encode(struct sp_packer *w, const struct msg_stats *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_stats(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->counters, 256u);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->gauges, 128u);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->latencies, 32u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_route_open(uint8_t *restrict p, const struct msg_route_open *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 1);
    p = write_route_spec(p, &r->route, seen);
    return p;
}

static bool text_msg_route_open(const struct msg_route_open *r)
{
    return text_route_spec(&r->route);
}

/* There may be no room for the largest msg_route_open: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_route_open(const struct sp_packer *w, const struct msg_route_open *r)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)6u + r->route.adapter.n + r->route.labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_route_open(struct sp_packer *w, const struct msg_route_open *r, uint8_t *p)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return text_msg_route_open(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_route_open(struct sp_unpacker *u, struct msg_route_open *r, bool check)
{
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    read_route_spec(u, &r->route, check);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc msg_route_open_decode(const uint8_t *p, size_t n, struct msg_route_open *m)
{
    struct msg_route_open out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_route_open(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_route_open_encode(struct sp_packer *w, const struct msg_route_open *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 293u)) {
        enum sp_rc rc = fits_msg_route_open(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_route_open(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_route_open(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_route_credit(uint8_t *restrict p, const struct msg_route_credit *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 4);
    p = sp_put_u64(p, r->broker_boot);
    p = write_route_spec(p, &r->route, seen);
    p = sp_put_u64(p, r->granted);
    p = sp_put_u32(p, r->workers);
    return p;
}

static bool text_msg_route_credit(const struct msg_route_credit *r)
{
    return text_route_spec(&r->route);
}

/* There may be no room for the largest msg_route_credit: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_route_credit(const struct sp_packer *w, const struct msg_route_credit *r)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)29u + r->route.adapter.n + r->route.labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_route_credit(struct sp_packer *w, const struct msg_route_credit *r, uint8_t *p)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return text_msg_route_credit(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_route_credit(struct sp_unpacker *u, struct msg_route_credit *r, bool check)
{
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->broker_boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    read_route_spec(u, &r->route, check);
    r->granted = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->workers = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_route_credit_decode(const uint8_t *p, size_t n, struct msg_route_credit *m)
{
    struct msg_route_credit out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_route_credit(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_route_credit_encode(struct sp_packer *w, const struct msg_route_credit *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 316u)) {
        enum sp_rc rc = fits_msg_route_credit(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_route_credit(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_route_credit(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_job_batch(uint8_t *restrict p, const struct msg_job_batch *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 3);
    p = write_route_spec(p, &r->route, seen);
    p = sp_put_u32(p, r->expires_ms);
    return p;
}

static bool text_msg_job_batch(const struct msg_job_batch *r)
{
    return text_route_spec(&r->route);
}

/* There may be no room for the largest msg_job_batch: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_job_batch(const struct sp_packer *w, const struct msg_job_batch *r)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)11u + r->route.adapter.n + r->route.labels.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_job_batch(struct sp_packer *w, const struct msg_job_batch *r, uint8_t *p)
{
    if (!(r->route.adapter.n <= 32u && r->route.labels.n <= 255u))
        return SP_E_LIMIT;
    return text_msg_job_batch(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_job_batch(struct sp_unpacker *u, struct msg_job_batch *r, bool check)
{
    uint32_t count = sp_take_fields(u, 3);
    if (count < 3)
        sp_unpack_fail(u, SP_E_MALFORMED);
    read_route_spec(u, &r->route, check);
    r->expires_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->jobs = list_job(u, 512u);
    if (count > 3)
        sp_take_extra(u, count - 3);
}

enum sp_rc msg_job_batch_decode(const uint8_t *p, size_t n, struct msg_job_batch *m)
{
    struct msg_job_batch out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_job_batch(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_job_batch(struct sp_packer *w, const struct msg_job_batch *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 298u)) {
        enum sp_rc rc = fits_msg_job_batch(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_job_batch(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_job_batch(w, m, p);
    return sp_packer_commit(w, p);
}

enum sp_rc msg_job_batch_begin(struct sp_packer *w, const struct msg_job_batch *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_job_batch(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_job_batch_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_job_batch_encode(struct sp_packer *w, const struct msg_job_batch *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_job_batch(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->jobs, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_job_return(uint8_t *restrict p, const struct msg_job_return *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u16(p, r->code);
    return p;
}

SP_INLINE void read_msg_job_return(struct sp_unpacker *u, struct msg_job_return *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->jobs = list_returned(u, 512u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_job_return_decode(const uint8_t *p, size_t n, struct msg_job_return *m)
{
    struct msg_job_return out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_job_return(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_job_return(struct sp_packer *w, const struct msg_job_return *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 4u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_job_return(w->p, m));
}

enum sp_rc msg_job_return_begin(struct sp_packer *w, const struct msg_job_return *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_job_return(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_job_return_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_job_return_encode(struct sp_packer *w, const struct msg_job_return *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_job_return(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->jobs, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_definition_get(uint8_t *restrict p, const struct msg_definition_get *restrict r)
{
    p = sp_put_array(p, 1);
    p = sp_put_exact(p, r->digest, 32u);
    return p;
}

SP_INLINE void read_msg_definition_get(struct sp_unpacker *u, struct msg_definition_get *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 1);
    if (count < 1)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->digest = sp_take_exact(u, 32u);
    if (count > 1)
        sp_take_extra(u, count - 1);
}

enum sp_rc msg_definition_get_decode(const uint8_t *p, size_t n, struct msg_definition_get *m)
{
    struct msg_definition_get out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_definition_get(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_definition_get_encode(struct sp_packer *w, const struct msg_definition_get *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 35u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_definition_get(w->p, m));
}

SP_INLINE uint8_t *write_msg_definition(uint8_t *restrict p, const struct msg_definition *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_exact(p, r->digest, 32u);
    p = sp_put_bin(p, r->body, 20480u, seen);
    return p;
}

/* There may be no room for the largest msg_definition: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_definition(const struct sp_packer *w, const struct msg_definition *r)
{
    if (!(r->body.n <= 20480u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)38u + r->body.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_definition(struct sp_packer *w, const struct msg_definition *r, uint8_t *p)
{
    if (!(r->body.n <= 20480u))
        return SP_E_LIMIT;
    return true ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_definition(struct sp_unpacker *u, struct msg_definition *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->digest = sp_take_exact(u, 32u);
    r->body = sp_take_bin(u, 20480u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_definition_decode(const uint8_t *p, size_t n, struct msg_definition *m)
{
    struct msg_definition out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_definition(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_definition_encode(struct sp_packer *w, const struct msg_definition *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 20518u)) {
        enum sp_rc rc = fits_msg_definition(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_definition(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_definition(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_result_batch(uint8_t *restrict p, const struct msg_result_batch *restrict r)
{
    p = sp_put_array(p, 3);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->batch);
    return p;
}

SP_INLINE void read_msg_result_batch(struct sp_unpacker *u, struct msg_result_batch *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 3);
    if (count < 3)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->batch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->results = list_result(u, 512u);
    if (count > 3)
        sp_take_extra(u, count - 3);
}

enum sp_rc msg_result_batch_decode(const uint8_t *p, size_t n, struct msg_result_batch *m)
{
    struct msg_result_batch out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_result_batch(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_result_batch(struct sp_packer *w, const struct msg_result_batch *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 19u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_result_batch(w->p, m));
}

enum sp_rc msg_result_batch_begin(struct sp_packer *w, const struct msg_result_batch *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_result_batch(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_result_batch_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_result_batch_encode(struct sp_packer *w, const struct msg_result_batch *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_result_batch(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->results, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_result_ack(uint8_t *restrict p, const struct msg_result_ack *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->batch);
    p = sp_put_u16(p, r->accepted);
    return p;
}

SP_INLINE void read_msg_result_ack(struct sp_unpacker *u, struct msg_result_ack *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->batch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->accepted = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->refused = list_refused_result(u, 512u);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_result_ack_decode(const uint8_t *p, size_t n, struct msg_result_ack *m)
{
    struct msg_result_ack out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_result_ack(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_result_ack(struct sp_packer *w, const struct msg_result_ack *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 22u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_result_ack(w->p, m));
}

enum sp_rc msg_result_ack_begin(struct sp_packer *w, const struct msg_result_ack *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_result_ack(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_result_ack_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_result_ack_encode(struct sp_packer *w, const struct msg_result_ack *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_result_ack(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->refused, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_lease_closed(uint8_t *restrict p, const struct msg_lease_closed *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->epoch);
    return p;
}

SP_INLINE void read_msg_lease_closed(struct sp_unpacker *u, struct msg_lease_closed *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->epoch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->closed = list_closed(u, 512u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_lease_closed_decode(const uint8_t *p, size_t n, struct msg_lease_closed *m)
{
    struct msg_lease_closed out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_lease_closed(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_lease_closed(struct sp_packer *w, const struct msg_lease_closed *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 10u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_lease_closed(w->p, m));
}

enum sp_rc msg_lease_closed_begin(struct sp_packer *w, const struct msg_lease_closed *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_lease_closed(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_lease_closed_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_lease_closed_encode(struct sp_packer *w, const struct msg_lease_closed *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_lease_closed(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->closed, 512u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_node_set(uint8_t *restrict p, const struct msg_node_set *restrict r)
{
    p = sp_put_array(p, 6);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->version);
    p = sp_put_u64(p, r->base);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    return p;
}

SP_INLINE void read_msg_node_set(struct sp_unpacker *u, struct msg_node_set *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 6);
    if (count < 6)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->version = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->base = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->nodes = list_node_info(u, 256u);
    if (count > 6)
        sp_take_extra(u, count - 6);
}

enum sp_rc msg_node_set_decode(const uint8_t *p, size_t n, struct msg_node_set *m)
{
    struct msg_node_set out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_node_set(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_node_set(struct sp_packer *w, const struct msg_node_set *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 34u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_node_set(w->p, m));
}

enum sp_rc msg_node_set_begin(struct sp_packer *w, const struct msg_node_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_node_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_node_set_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_node_set_encode(struct sp_packer *w, const struct msg_node_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_node_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->nodes, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_check_set(uint8_t *restrict p, const struct msg_check_set *restrict r)
{
    p = sp_put_array(p, 5);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->version);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    return p;
}

SP_INLINE void read_msg_check_set(struct sp_unpacker *u, struct msg_check_set *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->version = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->checks = list_check_info(u, 128u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_check_set_decode(const uint8_t *p, size_t n, struct msg_check_set *m)
{
    struct msg_check_set out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_check_set(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_check_set(struct sp_packer *w, const struct msg_check_set *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 25u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_check_set(w->p, m));
}

enum sp_rc msg_check_set_begin(struct sp_packer *w, const struct msg_check_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_check_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 128u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_check_set_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_check_set_encode(struct sp_packer *w, const struct msg_check_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_check_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->checks, 128u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_sync_request(uint8_t *restrict p, const struct msg_sync_request *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->version);
    return p;
}

SP_INLINE void read_msg_sync_request(struct sp_unpacker *u, struct msg_sync_request *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->version = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_sync_request_decode(const uint8_t *p, size_t n, struct msg_sync_request *m)
{
    struct msg_sync_request out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_sync_request(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_sync_request_encode(struct sp_packer *w, const struct msg_sync_request *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 19u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_sync_request(w->p, m));
}

SP_INLINE uint8_t *write_msg_epoch_claim(uint8_t *restrict p, const struct msg_epoch_claim *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->epoch);
    p = sp_put_u64(p, r->boot);
    return p;
}

SP_INLINE void read_msg_epoch_claim(struct sp_unpacker *u, struct msg_epoch_claim *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->epoch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_epoch_claim_decode(const uint8_t *p, size_t n, struct msg_epoch_claim *m)
{
    struct msg_epoch_claim out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_epoch_claim(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_epoch_claim_encode(struct sp_packer *w, const struct msg_epoch_claim *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 19u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_epoch_claim(w->p, m));
}

SP_INLINE uint8_t *write_msg_epoch_grant(uint8_t *restrict p, const struct msg_epoch_grant *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->epoch);
    p = sp_put_u64(p, r->boot);
    return p;
}

SP_INLINE void read_msg_epoch_grant(struct sp_unpacker *u, struct msg_epoch_grant *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->epoch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_epoch_grant_decode(const uint8_t *p, size_t n, struct msg_epoch_grant *m)
{
    struct msg_epoch_grant out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_epoch_grant(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_epoch_grant_encode(struct sp_packer *w, const struct msg_epoch_grant *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 19u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_epoch_grant(w->p, m));
}

SP_INLINE uint8_t *write_msg_keeper_clock(uint8_t *restrict p, const struct msg_keeper_clock *restrict r)
{
    p = sp_put_array(p, 6);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->now_ms);
    p = sp_put_u64(p, r->epoch);
    p = sp_put_u64(p, r->nodes);
    p = sp_put_u64(p, r->checks);
    p = sp_put_bool(p, r->ready);
    return p;
}

SP_INLINE void read_msg_keeper_clock(struct sp_unpacker *u, struct msg_keeper_clock *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 6);
    if (count < 6)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->now_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->epoch = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->nodes = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->checks = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->ready = sp_take_bool(u);
    if (count > 6)
        sp_take_extra(u, count - 6);
}

enum sp_rc msg_keeper_clock_decode(const uint8_t *p, size_t n, struct msg_keeper_clock *m)
{
    struct msg_keeper_clock out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_keeper_clock(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_keeper_clock_encode(struct sp_packer *w, const struct msg_keeper_clock *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 47u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_keeper_clock(w->p, m));
}

SP_INLINE uint8_t *write_msg_subscribe(uint8_t *restrict p, const struct msg_subscribe *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u64(p, r->boot);
    p = sp_put_exact(p, r->nonce, 16u);
    return p;
}

SP_INLINE void read_msg_subscribe(struct sp_unpacker *u, struct msg_subscribe *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->nonce = sp_take_exact(u, 16u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_subscribe_decode(const uint8_t *p, size_t n, struct msg_subscribe *m)
{
    struct msg_subscribe out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_subscribe(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_subscribe_encode(struct sp_packer *w, const struct msg_subscribe *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 28u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_subscribe(w->p, m));
}

SP_INLINE uint8_t *write_msg_snapshot(uint8_t *restrict p, const struct msg_snapshot *restrict r)
{
    p = sp_put_array(p, 7);
    p = sp_put_exact(p, r->nonce, 16u);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->now_ms);
    p = sp_put_u64(p, r->sequence);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    return p;
}

SP_INLINE void read_msg_snapshot(struct sp_unpacker *u, struct msg_snapshot *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 7);
    if (count < 7)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->nonce = sp_take_exact(u, 16u);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->now_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->sequence = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->entries = list_trust_entry(u, 256u);
    if (count > 7)
        sp_take_extra(u, count - 7);
}

enum sp_rc msg_snapshot_decode(const uint8_t *p, size_t n, struct msg_snapshot *m)
{
    struct msg_snapshot out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_snapshot(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_snapshot(struct sp_packer *w, const struct msg_snapshot *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 52u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_snapshot(w->p, m));
}

enum sp_rc msg_snapshot_begin(struct sp_packer *w, const struct msg_snapshot *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_snapshot(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_snapshot_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_snapshot_encode(struct sp_packer *w, const struct msg_snapshot *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_snapshot(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->entries, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_trust_event(uint8_t *restrict p, const struct msg_trust_event *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->sequence);
    p = sp_put_u64(p, r->now_ms);
    return p;
}

SP_INLINE void read_msg_trust_event(struct sp_unpacker *u, struct msg_trust_event *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->sequence = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->now_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->entries = list_trust_entry(u, 256u);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_trust_event_decode(const uint8_t *p, size_t n, struct msg_trust_event *m)
{
    struct msg_trust_event out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_trust_event(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_trust_event(struct sp_packer *w, const struct msg_trust_event *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 28u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_trust_event(w->p, m));
}

enum sp_rc msg_trust_event_begin(struct sp_packer *w, const struct msg_trust_event *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_trust_event(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_trust_event_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_trust_event_encode(struct sp_packer *w, const struct msg_trust_event *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_trust_event(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->entries, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_reader_ping(uint8_t *restrict p, const struct msg_reader_ping *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_exact(p, r->nonce, 16u);
    p = sp_put_u64(p, r->sequence);
    return p;
}

SP_INLINE void read_msg_reader_ping(struct sp_unpacker *u, struct msg_reader_ping *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->nonce = sp_take_exact(u, 16u);
    r->sequence = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_reader_ping_decode(const uint8_t *p, size_t n, struct msg_reader_ping *m)
{
    struct msg_reader_ping out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_reader_ping(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_reader_ping_encode(struct sp_packer *w, const struct msg_reader_ping *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 28u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_reader_ping(w->p, m));
}

SP_INLINE uint8_t *write_msg_trust_beat(uint8_t *restrict p, const struct msg_trust_beat *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_exact(p, r->nonce, 16u);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->now_ms);
    p = sp_put_u64(p, r->sequence);
    return p;
}

SP_INLINE void read_msg_trust_beat(struct sp_unpacker *u, struct msg_trust_beat *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->nonce = sp_take_exact(u, 16u);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->now_ms = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->sequence = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_trust_beat_decode(const uint8_t *p, size_t n, struct msg_trust_beat *m)
{
    struct msg_trust_beat out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_trust_beat(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_trust_beat_encode(struct sp_packer *w, const struct msg_trust_beat *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 46u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_trust_beat(w->p, m));
}

SP_INLINE uint8_t *write_msg_hint(uint8_t *restrict p, const struct msg_hint *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_str(p, r->reason, 128u, seen);
    return p;
}

static bool text_msg_hint(const struct msg_hint *r)
{
    return sp_str_is_utf8(r->reason);
}

/* There may be no room for the largest msg_hint: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_hint(const struct sp_packer *w, const struct msg_hint *r)
{
    if (!(r->reason.n <= 128u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)3u + r->reason.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_hint(struct sp_packer *w, const struct msg_hint *r, uint8_t *p)
{
    if (!(r->reason.n <= 128u))
        return SP_E_LIMIT;
    return text_msg_hint(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_hint(struct sp_unpacker *u, struct msg_hint *r, bool check)
{
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->reason = sp_take_str(u, 128u, check);
    r->nodes = list_hint_node(u, 256u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_hint_decode(const uint8_t *p, size_t n, struct msg_hint *m)
{
    struct msg_hint out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_hint(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_hint(struct sp_packer *w, const struct msg_hint *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 131u)) {
        enum sp_rc rc = fits_msg_hint(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_hint(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_hint(w, m, p);
    return sp_packer_commit(w, p);
}

enum sp_rc msg_hint_begin(struct sp_packer *w, const struct msg_hint *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_hint(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_hint_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_hint_encode(struct sp_packer *w, const struct msg_hint *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_hint(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->nodes, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_view_request(uint8_t *restrict p, const struct msg_view_request *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 3);
    p = sp_put_u64(p, r->id);
    p = sp_put_str(p, r->view, 48u, seen);
    p = sp_put_bin(p, r->args, 65536u, seen);
    return p;
}

static bool text_msg_view_request(const struct msg_view_request *r)
{
    return sp_str_is_utf8(r->view);
}

/* There may be no room for the largest msg_view_request: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_view_request(const struct sp_packer *w, const struct msg_view_request *r)
{
    if (!(r->view.n <= 48u && r->args.n <= 65536u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)17u + r->view.n + r->args.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_view_request(struct sp_packer *w, const struct msg_view_request *r, uint8_t *p)
{
    if (!(r->view.n <= 48u && r->args.n <= 65536u))
        return SP_E_LIMIT;
    return text_msg_view_request(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_view_request(struct sp_unpacker *u, struct msg_view_request *r, bool check)
{
    uint32_t count = sp_take_fields(u, 3);
    if (count < 3)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->view = sp_take_str(u, 48u, check);
    r->args = sp_take_bin(u, 65536u);
    if (count > 3)
        sp_take_extra(u, count - 3);
}

enum sp_rc msg_view_request_decode(const uint8_t *p, size_t n, struct msg_view_request *m)
{
    struct msg_view_request out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_view_request(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_view_request_encode(struct sp_packer *w, const struct msg_view_request *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 65601u)) {
        enum sp_rc rc = fits_msg_view_request(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_view_request(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_view_request(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_view_reply(uint8_t *restrict p, const struct msg_view_reply *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_u64(p, r->id);
    p = sp_put_u16(p, r->code);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    p = sp_put_bin(p, r->data, 786432u, seen);
    return p;
}

/* There may be no room for the largest msg_view_reply: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_view_reply(const struct sp_packer *w, const struct msg_view_reply *r)
{
    if (!(r->data.n <= 786432u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)24u + r->data.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_view_reply(struct sp_packer *w, const struct msg_view_reply *r, uint8_t *p)
{
    if (!(r->data.n <= 786432u))
        return SP_E_LIMIT;
    return true ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_view_reply(struct sp_unpacker *u, struct msg_view_reply *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->data = sp_take_bin(u, 786432u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_view_reply_decode(const uint8_t *p, size_t n, struct msg_view_reply *m)
{
    struct msg_view_reply out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_view_reply(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_view_reply_encode(struct sp_packer *w, const struct msg_view_reply *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 786456u)) {
        enum sp_rc rc = fits_msg_view_reply(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_view_reply(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_view_reply(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_inventory_report(uint8_t *restrict p, const struct msg_inventory_report *restrict r)
{
    p = sp_put_array(p, 6);
    p = sp_put_u64(p, r->boot);
    p = sp_put_u64(p, r->snapshot);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    p = sp_put_u32(p, r->total);
    return p;
}

SP_INLINE void read_msg_inventory_report(struct sp_unpacker *u, struct msg_inventory_report *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 6);
    if (count < 6)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->boot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->snapshot = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->total = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->nodes = list_inventory_node(u, 256u);
    if (count > 6)
        sp_take_extra(u, count - 6);
}

enum sp_rc msg_inventory_report_decode(const uint8_t *p, size_t n, struct msg_inventory_report *m)
{
    struct msg_inventory_report out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_inventory_report(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_inventory_report(struct sp_packer *w, const struct msg_inventory_report *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 30u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_inventory_report(w->p, m));
}

enum sp_rc msg_inventory_report_begin(struct sp_packer *w, const struct msg_inventory_report *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_inventory_report(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_inventory_report_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_inventory_report_encode(struct sp_packer *w, const struct msg_inventory_report *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_inventory_report(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->nodes, 256u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_action_report(uint8_t *restrict p, const struct msg_action_report *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_u64(p, r->id);
    p = sp_put_str(p, r->what, 16u, seen);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_str(p, r->pool, 64u, seen);
    p = sp_put_str(p, r->detail, 256u, seen);
    return p;
}

static bool text_msg_action_report(const struct msg_action_report *r)
{
    return sp_str_is_utf8(r->what) && sp_str_is_utf8(r->node) && sp_str_is_utf8(r->pool) && sp_str_is_utf8(r->detail);
}

/* There may be no room for the largest msg_action_report: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_action_report(const struct sp_packer *w, const struct msg_action_report *r)
{
    if (!(r->what.n <= 16u && r->node.n <= 64u && r->pool.n <= 64u && r->detail.n <= 256u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)18u + r->what.n + r->node.n + r->pool.n + r->detail.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_action_report(struct sp_packer *w, const struct msg_action_report *r, uint8_t *p)
{
    if (!(r->what.n <= 16u && r->node.n <= 64u && r->pool.n <= 64u && r->detail.n <= 256u))
        return SP_E_LIMIT;
    return text_msg_action_report(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_action_report(struct sp_unpacker *u, struct msg_action_report *r, bool check)
{
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->what = sp_take_str(u, 16u, check);
    r->node = sp_take_str(u, 64u, check);
    r->pool = sp_take_str(u, 64u, check);
    r->detail = sp_take_str(u, 256u, check);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_action_report_decode(const uint8_t *p, size_t n, struct msg_action_report *m)
{
    struct msg_action_report out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_action_report(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_action_report_encode(struct sp_packer *w, const struct msg_action_report *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 418u)) {
        enum sp_rc rc = fits_msg_action_report(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_action_report(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_action_report(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_admin_request(uint8_t *restrict p, const struct msg_admin_request *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 3);
    p = sp_put_u64(p, r->id);
    p = sp_put_str(p, r->verb, 48u, seen);
    p = sp_put_bin(p, r->args, 524288u, seen);
    return p;
}

static bool text_msg_admin_request(const struct msg_admin_request *r)
{
    return sp_str_is_utf8(r->verb);
}

/* There may be no room for the largest msg_admin_request: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_admin_request(const struct sp_packer *w, const struct msg_admin_request *r)
{
    if (!(r->verb.n <= 48u && r->args.n <= 524288u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)17u + r->verb.n + r->args.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_admin_request(struct sp_packer *w, const struct msg_admin_request *r, uint8_t *p)
{
    if (!(r->verb.n <= 48u && r->args.n <= 524288u))
        return SP_E_LIMIT;
    return text_msg_admin_request(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_admin_request(struct sp_unpacker *u, struct msg_admin_request *r, bool check)
{
    uint32_t count = sp_take_fields(u, 3);
    if (count < 3)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->verb = sp_take_str(u, 48u, check);
    r->args = sp_take_bin(u, 524288u);
    if (count > 3)
        sp_take_extra(u, count - 3);
}

enum sp_rc msg_admin_request_decode(const uint8_t *p, size_t n, struct msg_admin_request *m)
{
    struct msg_admin_request out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_admin_request(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_admin_request_encode(struct sp_packer *w, const struct msg_admin_request *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 524353u)) {
        enum sp_rc rc = fits_msg_admin_request(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_admin_request(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_admin_request(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_admin_reply(uint8_t *restrict p, const struct msg_admin_reply *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_u64(p, r->id);
    p = sp_put_u16(p, r->code);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    p = sp_put_bin(p, r->data, 786432u, seen);
    return p;
}

/* There may be no room for the largest msg_admin_reply: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_admin_reply(const struct sp_packer *w, const struct msg_admin_reply *r)
{
    if (!(r->data.n <= 786432u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)24u + r->data.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_admin_reply(struct sp_packer *w, const struct msg_admin_reply *r, uint8_t *p)
{
    if (!(r->data.n <= 786432u))
        return SP_E_LIMIT;
    return true ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_admin_reply(struct sp_unpacker *u, struct msg_admin_reply *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->data = sp_take_bin(u, 786432u);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_admin_reply_decode(const uint8_t *p, size_t n, struct msg_admin_reply *m)
{
    struct msg_admin_reply out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_admin_reply(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_admin_reply_encode(struct sp_packer *w, const struct msg_admin_reply *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 786456u)) {
        enum sp_rc rc = fits_msg_admin_reply(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_admin_reply(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_admin_reply(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_act_report(uint8_t *restrict p, const struct msg_act_report *restrict r)
{
    p = sp_put_array(p, 2);
    p = sp_put_u32(p, r->waiting);
    return p;
}

SP_INLINE void read_msg_act_report(struct sp_unpacker *u, struct msg_act_report *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->waiting = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->acts = list_act(u, 64u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_act_report_decode(const uint8_t *p, size_t n, struct msg_act_report *m)
{
    struct msg_act_report out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_act_report(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_act_report(struct sp_packer *w, const struct msg_act_report *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 6u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_act_report(w->p, m));
}

enum sp_rc msg_act_report_begin(struct sp_packer *w, const struct msg_act_report *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_act_report(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 64u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_act_report_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_act_report_encode(struct sp_packer *w, const struct msg_act_report *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_act_report(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->acts, 64u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_act_stored(uint8_t *restrict p, const struct msg_act_stored *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_u64(p, r->number);
    p = sp_put_u16(p, r->code);
    p = sp_put_u64(p, r->refused);
    p = sp_put_u64(p, r->highest);
    return p;
}

SP_INLINE void read_msg_act_stored(struct sp_unpacker *u, struct msg_act_stored *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->number = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->refused = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->highest = (uint64_t)sp_take_uint(u, UINT64_MAX);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_act_stored_decode(const uint8_t *p, size_t n, struct msg_act_stored *m)
{
    struct msg_act_stored out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_act_stored(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_act_stored_encode(struct sp_packer *w, const struct msg_act_stored *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 31u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_act_stored(w->p, m));
}

SP_INLINE uint8_t *write_msg_enrol_request(uint8_t *restrict p, const struct msg_enrol_request *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_exact(p, r->token, 32u);
    p = sp_put_exact(p, r->curve, 32u);
    p = sp_put_exact(p, r->sign, 32u);
    p = sp_put_exact(p, r->proof, 64u);
    return p;
}

SP_INLINE void read_msg_enrol_request(struct sp_unpacker *u, struct msg_enrol_request *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->token = sp_take_exact(u, 32u);
    r->curve = sp_take_exact(u, 32u);
    r->sign = sp_take_exact(u, 32u);
    r->proof = sp_take_exact(u, 64u);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_enrol_request_decode(const uint8_t *p, size_t n, struct msg_enrol_request *m)
{
    struct msg_enrol_request out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_enrol_request(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_enrol_request_encode(struct sp_packer *w, const struct msg_enrol_request *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 169u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_enrol_request(w->p, m));
}

SP_INLINE uint8_t *write_msg_enrol_reply(uint8_t *restrict p, const struct msg_enrol_reply *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 5);
    p = sp_put_u16(p, r->code);
    p = sp_put_str(p, r->name, 40u, seen);
    p = sp_put_str(p, r->adapters, 512u, seen);
    p = sp_put_str(p, r->labels, 255u, seen);
    p = sp_put_str(p, r->detail, 128u, seen);
    return p;
}

static bool text_msg_enrol_reply(const struct msg_enrol_reply *r)
{
    return sp_str_is_utf8(r->name) && sp_str_is_utf8(r->adapters) && sp_str_is_utf8(r->labels) && sp_str_is_utf8(r->detail);
}

/* There may be no room for the largest msg_enrol_reply: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_enrol_reply(const struct sp_packer *w, const struct msg_enrol_reply *r)
{
    if (!(r->name.n <= 40u && r->adapters.n <= 512u && r->labels.n <= 255u && r->detail.n <= 128u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)13u + r->name.n + r->adapters.n + r->labels.n + r->detail.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_enrol_reply(struct sp_packer *w, const struct msg_enrol_reply *r, uint8_t *p)
{
    if (!(r->name.n <= 40u && r->adapters.n <= 512u && r->labels.n <= 255u && r->detail.n <= 128u))
        return SP_E_LIMIT;
    return text_msg_enrol_reply(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_enrol_reply(struct sp_unpacker *u, struct msg_enrol_reply *r, bool check)
{
    uint32_t count = sp_take_fields(u, 5);
    if (count < 5)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->name = sp_take_str(u, 40u, check);
    r->adapters = sp_take_str(u, 512u, check);
    r->labels = sp_take_str(u, 255u, check);
    r->detail = sp_take_str(u, 128u, check);
    if (count > 5)
        sp_take_extra(u, count - 5);
}

enum sp_rc msg_enrol_reply_decode(const uint8_t *p, size_t n, struct msg_enrol_reply *m)
{
    struct msg_enrol_reply out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_enrol_reply(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_enrol_reply_encode(struct sp_packer *w, const struct msg_enrol_reply *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 948u)) {
        enum sp_rc rc = fits_msg_enrol_reply(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_enrol_reply(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_enrol_reply(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_principal_set(uint8_t *restrict p, const struct msg_principal_set *restrict r)
{
    p = sp_put_array(p, 4);
    p = sp_put_u64(p, r->version);
    p = sp_put_u32(p, r->part);
    p = sp_put_bool(p, r->last);
    return p;
}

SP_INLINE void read_msg_principal_set(struct sp_unpacker *u, struct msg_principal_set *r, bool check)
{
    (void)check;
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->version = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->last = sp_take_bool(u);
    r->principals = list_principal(u, 128u);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_principal_set_decode(const uint8_t *p, size_t n, struct msg_principal_set *m)
{
    struct msg_principal_set out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_principal_set(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

static enum sp_rc plain_principal_set(struct sp_packer *w, const struct msg_principal_set *m)
{
    SP_ASSERT(w->list == NULL);
    if (sp_packer_room(w) < 16u)
        return SP_E_FULL;
    return sp_packer_commit(w, write_msg_principal_set(w->p, m));
}

enum sp_rc msg_principal_set_begin(struct sp_packer *w, const struct msg_principal_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_principal_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, 128u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

enum sp_rc msg_principal_set_end(struct sp_packer *w)
{
    return sp_packer_list_close(w);
}

enum sp_rc msg_principal_set_encode(struct sp_packer *w, const struct msg_principal_set *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_principal_set(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_copy(w, &m->principals, 128u);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

SP_INLINE uint8_t *write_msg_evidence_request(uint8_t *restrict p, const struct msg_evidence_request *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 7);
    p = sp_put_u64(p, r->id);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_str(p, r->kind, 32u, seen);
    p = sp_put_exact(p, r->nonce, 32u);
    p = sp_put_str(p, r->args, 16384u, seen);
    p = sp_put_u64(p, r->offset);
    p = sp_put_u32(p, r->expires_ms);
    return p;
}

static bool text_msg_evidence_request(const struct msg_evidence_request *r)
{
    return sp_str_is_utf8(r->node) && sp_str_is_utf8(r->kind) && sp_str_is_utf8(r->args);
}

/* There may be no room for the largest msg_evidence_request: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_evidence_request(const struct sp_packer *w, const struct msg_evidence_request *r)
{
    if (!(r->node.n <= 64u && r->kind.n <= 32u && r->args.n <= 16384u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)65u + r->node.n + r->kind.n + r->args.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_evidence_request(struct sp_packer *w, const struct msg_evidence_request *r, uint8_t *p)
{
    if (!(r->node.n <= 64u && r->kind.n <= 32u && r->args.n <= 16384u))
        return SP_E_LIMIT;
    return text_msg_evidence_request(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_evidence_request(struct sp_unpacker *u, struct msg_evidence_request *r, bool check)
{
    uint32_t count = sp_take_fields(u, 7);
    if (count < 7)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->node = sp_take_str(u, 64u, check);
    r->kind = sp_take_str(u, 32u, check);
    r->nonce = sp_take_exact(u, 32u);
    r->args = sp_take_str(u, 16384u, check);
    r->offset = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->expires_ms = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 7)
        sp_take_extra(u, count - 7);
}

enum sp_rc msg_evidence_request_decode(const uint8_t *p, size_t n, struct msg_evidence_request *m)
{
    struct msg_evidence_request out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_evidence_request(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_evidence_request_encode(struct sp_packer *w, const struct msg_evidence_request *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 16545u)) {
        enum sp_rc rc = fits_msg_evidence_request(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_evidence_request(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_evidence_request(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_evidence(uint8_t *restrict p, const struct msg_evidence *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 9);
    p = sp_put_u64(p, r->id);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_str(p, r->kind, 32u, seen);
    p = sp_put_exact(p, r->nonce, 32u);
    p = sp_put_u16(p, r->code);
    p = sp_put_u64(p, r->total);
    p = sp_put_u64(p, r->offset);
    p = sp_put_bin(p, r->part, 196608u, seen);
    p = sp_put_str(p, r->detail, 256u, seen);
    return p;
}

static bool text_msg_evidence(const struct msg_evidence *r)
{
    return sp_str_is_utf8(r->node) && sp_str_is_utf8(r->kind) && sp_str_is_utf8(r->detail);
}

/* There may be no room for the largest msg_evidence: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_evidence(const struct sp_packer *w, const struct msg_evidence *r)
{
    if (!(r->node.n <= 64u && r->kind.n <= 32u && r->part.n <= 196608u && r->detail.n <= 256u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)77u + r->node.n + r->kind.n + r->part.n + r->detail.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_evidence(struct sp_packer *w, const struct msg_evidence *r, uint8_t *p)
{
    if (!(r->node.n <= 64u && r->kind.n <= 32u && r->part.n <= 196608u && r->detail.n <= 256u))
        return SP_E_LIMIT;
    return text_msg_evidence(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_evidence(struct sp_unpacker *u, struct msg_evidence *r, bool check)
{
    uint32_t count = sp_take_fields(u, 9);
    if (count < 9)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->id = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->node = sp_take_str(u, 64u, check);
    r->kind = sp_take_str(u, 32u, check);
    r->nonce = sp_take_exact(u, 32u);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->total = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->offset = (uint64_t)sp_take_uint(u, UINT64_MAX);
    r->part = sp_take_bin(u, 196608u);
    r->detail = sp_take_str(u, 256u, check);
    if (count > 9)
        sp_take_extra(u, count - 9);
}

enum sp_rc msg_evidence_decode(const uint8_t *p, size_t n, struct msg_evidence *m)
{
    struct msg_evidence out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_evidence(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_evidence_encode(struct sp_packer *w, const struct msg_evidence *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 197037u)) {
        enum sp_rc rc = fits_msg_evidence(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_evidence(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_evidence(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_identity_get(uint8_t *restrict p, const struct msg_identity_get *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_u32(p, r->generation);
    return p;
}

static bool text_msg_identity_get(const struct msg_identity_get *r)
{
    return sp_str_is_utf8(r->node);
}

/* There may be no room for the largest msg_identity_get: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_identity_get(const struct sp_packer *w, const struct msg_identity_get *r)
{
    if (!(r->node.n <= 64u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)8u + r->node.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_identity_get(struct sp_packer *w, const struct msg_identity_get *r, uint8_t *p)
{
    if (!(r->node.n <= 64u))
        return SP_E_LIMIT;
    return text_msg_identity_get(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_identity_get(struct sp_unpacker *u, struct msg_identity_get *r, bool check)
{
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->node = sp_take_str(u, 64u, check);
    r->generation = (uint32_t)sp_take_uint(u, UINT32_MAX);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_identity_get_decode(const uint8_t *p, size_t n, struct msg_identity_get *m)
{
    struct msg_identity_get out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_identity_get(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_identity_get_encode(struct sp_packer *w, const struct msg_identity_get *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 72u)) {
        enum sp_rc rc = fits_msg_identity_get(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_identity_get(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_identity_get(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_identity(uint8_t *restrict p, const struct msg_identity *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 8);
    p = sp_put_str(p, r->node, 64u, seen);
    p = sp_put_u32(p, r->generation);
    p = sp_put_u16(p, r->code);
    p = sp_put_str(p, r->attester, 40u, seen);
    p = sp_put_bin(p, r->sign, 32u, seen);
    p = sp_put_bin(p, r->ak, 512u, seen);
    p = sp_put_bin(p, r->ek, 32u, seen);
    p = sp_put_u8(p, r->mode);
    return p;
}

static bool text_msg_identity(const struct msg_identity *r)
{
    return sp_str_is_utf8(r->node) && sp_str_is_utf8(r->attester);
}

/* There may be no room for the largest msg_identity: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_identity(const struct sp_packer *w, const struct msg_identity *r)
{
    if (!(r->node.n <= 64u && r->attester.n <= 40u && r->sign.n <= 32u && r->ak.n <= 512u && r->ek.n <= 32u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)22u + r->node.n + r->attester.n + r->sign.n + r->ak.n + r->ek.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_identity(struct sp_packer *w, const struct msg_identity *r, uint8_t *p)
{
    if (!(r->node.n <= 64u && r->attester.n <= 40u && r->sign.n <= 32u && r->ak.n <= 512u && r->ek.n <= 32u))
        return SP_E_LIMIT;
    return text_msg_identity(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_identity(struct sp_unpacker *u, struct msg_identity *r, bool check)
{
    uint32_t count = sp_take_fields(u, 8);
    if (count < 8)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->node = sp_take_str(u, 64u, check);
    r->generation = (uint32_t)sp_take_uint(u, UINT32_MAX);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    r->attester = sp_take_str(u, 40u, check);
    r->sign = sp_take_bin(u, 32u);
    r->ak = sp_take_bin(u, 512u);
    r->ek = sp_take_bin(u, 32u);
    r->mode = (uint8_t)sp_take_uint(u, UINT8_MAX);
    if (count > 8)
        sp_take_extra(u, count - 8);
}

enum sp_rc msg_identity_decode(const uint8_t *p, size_t n, struct msg_identity *m)
{
    struct msg_identity out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_identity(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_identity_encode(struct sp_packer *w, const struct msg_identity *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 702u)) {
        enum sp_rc rc = fits_msg_identity(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_identity(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_identity(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_principal_get(uint8_t *restrict p, const struct msg_principal_get *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 2);
    p = sp_put_str(p, r->name, 40u, seen);
    p = sp_put_exact(p, r->nonce, 16u);
    return p;
}

static bool text_msg_principal_get(const struct msg_principal_get *r)
{
    return sp_str_is_utf8(r->name);
}

/* There may be no room for the largest msg_principal_get: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_principal_get(const struct sp_packer *w, const struct msg_principal_get *r)
{
    if (!(r->name.n <= 40u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)21u + r->name.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_principal_get(struct sp_packer *w, const struct msg_principal_get *r, uint8_t *p)
{
    if (!(r->name.n <= 40u))
        return SP_E_LIMIT;
    return text_msg_principal_get(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_principal_get(struct sp_unpacker *u, struct msg_principal_get *r, bool check)
{
    uint32_t count = sp_take_fields(u, 2);
    if (count < 2)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->name = sp_take_str(u, 40u, check);
    r->nonce = sp_take_exact(u, 16u);
    if (count > 2)
        sp_take_extra(u, count - 2);
}

enum sp_rc msg_principal_get_decode(const uint8_t *p, size_t n, struct msg_principal_get *m)
{
    struct msg_principal_get out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_principal_get(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_principal_get_encode(struct sp_packer *w, const struct msg_principal_get *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 61u)) {
        enum sp_rc rc = fits_msg_principal_get(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_principal_get(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_principal_get(w, m, p);
    return sp_packer_commit(w, p);
}

SP_INLINE uint8_t *write_msg_principal_info(uint8_t *restrict p, const struct msg_principal_info *restrict r, struct sp_text_seen *seen)
{
    p = sp_put_array(p, 4);
    p = sp_put_str(p, r->name, 40u, seen);
    p = sp_put_exact(p, r->nonce, 16u);
    p = sp_put_u16(p, r->code);
    p = write_principal(p, &r->principal, seen);
    return p;
}

static bool text_msg_principal_info(const struct msg_principal_info *r)
{
    return sp_str_is_utf8(r->name) && text_principal(&r->principal);
}

/* There may be no room for the largest msg_principal_info: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_msg_principal_info(const struct sp_packer *w, const struct msg_principal_info *r)
{
    if (!(r->name.n <= 40u && r->principal.name.n <= 40u && r->principal.adapters.n <= 512u && r->principal.nodes.n <= 255u))
        return SP_E_LIMIT;
    return sp_packer_room(w) < (size_t)198u + r->name.n + r->principal.name.n + r->principal.adapters.n + r->principal.nodes.n ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_msg_principal_info(struct sp_packer *w, const struct msg_principal_info *r, uint8_t *p)
{
    if (!(r->name.n <= 40u && r->principal.name.n <= 40u && r->principal.adapters.n <= 512u && r->principal.nodes.n <= 255u))
        return SP_E_LIMIT;
    return text_msg_principal_info(r) ? sp_packer_commit(w, p) : SP_E_INVALID;
}

SP_INLINE void read_msg_principal_info(struct sp_unpacker *u, struct msg_principal_info *r, bool check)
{
    uint32_t count = sp_take_fields(u, 4);
    if (count < 4)
        sp_unpack_fail(u, SP_E_MALFORMED);
    r->name = sp_take_str(u, 40u, check);
    r->nonce = sp_take_exact(u, 16u);
    r->code = (uint16_t)sp_take_uint(u, UINT16_MAX);
    read_principal(u, &r->principal, check);
    if (count > 4)
        sp_take_extra(u, count - 4);
}

enum sp_rc msg_principal_info_decode(const uint8_t *p, size_t n, struct msg_principal_info *m)
{
    struct msg_principal_info out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_principal_info(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

enum sp_rc msg_principal_info_encode(struct sp_packer *w, const struct msg_principal_info *m)
{
    SP_ASSERT(w->list == NULL);
    if (!SP_LIKELY(sp_packer_room(w) >= 1045u)) {
        enum sp_rc rc = fits_msg_principal_info(w, m);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_msg_principal_info(w->p, m, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_msg_principal_info(w, m, p);
    return sp_packer_commit(w, p);
}
