/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* Messages and records of SPICE as C structs, with their limits and codecs.
 *
 * Decoding: msg_NAME_decode reads a whole body. It allocates nothing: text, bytes and lists are views into the frame, lent as
 * long as the frame lives. The struct changes only on SP_OK. Lists are fully checked then; walk a copy of one:
 *     struct sp_list l = m.results; struct rec_result r;
 *     while (rec_result_next(&l, &r)) ...            l.p before and after the call bound the record's own bytes
 * Errors: SP_E_MALFORMED (shape, not the shortest form, bad UTF-8, bytes left over), SP_E_LIMIT (over a stated maximum).
 *
 * Encoding a message without lists: msg_NAME_encode. With lists either msg_NAME_encode, which copies lists that are already
 * encoded, or the stream:
 *     msg_NAME_begin(&w, &m);  rec_X_put(&w, &r) ...;  msg_NAME_end(&w);
 * begin writes every field that is no list and opens the first list; msg_NAME_LIST closes the list before it and opens LIST.
 * Every function writes all or nothing. SP_E_FULL: the buffer has no room for the largest numbers these fields may have, or the
 * list has its maximum of elements: end the message, send it and put the same record into the next one. SP_E_LIMIT: a field is
 * longer than its maximum. SP_E_INVALID: a text is not UTF-8 without NUL. bin[N] pointers must not be NULL.
 *
 * rec_NAME_put also works outside of a list; rec_NAME_decode reads one record that stands alone. */
#ifndef SPICE_GEN_MSG_H
#define SPICE_GEN_MSG_H

/* clang-format off */

#include "sp_pack.h"

#define SP_WIRE_VERSION 1u
#define SP_FRAME_BYTES_MAX 1048576u /* a whole frame, envelope included */

enum sp_role {
    SP_ROLE_NONE = 0, /* nobody */
    SP_ROLE_BROKER = 1, /* message broker */
    SP_ROLE_SCHEDULER = 2, /* check scheduler */
    SP_ROLE_KEEPER = 3, /* node-state keeper */
    SP_ROLE_WORKER = 4, /* adapter worker */
    SP_ROLE_OPERATOR = 5, /* administrator's command */
    SP_ROLE_READER = 6, /* follower of the pool */
    SP_ROLE_ENROL = 7, /* holder of a one-use enrolment token */
    SP_ROLE_BRIDGE = 8, /* link to the cloud's own bus: follows, looks, hints */
    SP_ROLE_ATTESTER = 9, /* evidence of one node; judges nothing */
};
#define SP_ROLE_LAST 9u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_role_name(unsigned value);
const char *sp_role_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_role_find(struct sp_str name, unsigned *out);

enum sp_outcome {
    SP_OUTCOME_PASS = 0, /* affirming */
    SP_OUTCOME_WARN = 1, /* pass with a remark */
    SP_OUTCOME_FAIL = 2, /* positive evidence of a problem */
    SP_OUTCOME_ERROR = 3, /* nothing known: the check could not be made */
};
#define SP_OUTCOME_LAST 3u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_outcome_name(unsigned value);
const char *sp_outcome_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_outcome_find(struct sp_str name, unsigned *out);

enum sp_tier {
    SP_TIER_NONE = 0, /* nothing known */
    SP_TIER_PASS = 1, /* affirming */
    SP_TIER_WARN = 2, /* affirming with a remark */
    SP_TIER_FAIL = 3, /* contraindicated */
};
#define SP_TIER_LAST 3u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_tier_name(unsigned value);
const char *sp_tier_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_tier_find(struct sp_str name, unsigned *out);

enum sp_reason {
    SP_REASON_OK = 0, /* passed */
    SP_REASON_REMARK = 1, /* the check passed with a remark */
    SP_REASON_CONTENT = 2, /* the check saw a problem */
    SP_REASON_DEADLINE = 10, /* no answer within the deadline */
    SP_REASON_CANCELLED = 11, /* stopped before it ended */
    SP_REASON_UNREACHABLE = 12, /* could not connect */
    SP_REASON_REFUSED = 13, /* connection or request refused */
    SP_REASON_NAME = 14, /* name could not be resolved */
    SP_REASON_SECURITY = 15, /* TLS, certificate or signature problem */
    SP_REASON_PROTOCOL = 16, /* answer does not follow the protocol */
    SP_REASON_LIMIT = 17, /* answer too large, too many or too deep */
    SP_REASON_STALE = 18, /* the verifier's answer is not newer than our question */
    SP_REASON_MISSING = 19, /* the verifier does not know this node */
    SP_REASON_NO_ADAPTER = 30, /* this worker has no such adapter */
    SP_REASON_BAD_PARAMETERS = 31, /* parameters of the check are not valid */
    SP_REASON_NO_DEFINITION = 32, /* definition of the check could not be had */
    SP_REASON_UNSIGNED_PLUGIN = 33, /* plugin has no valid signed manifest */
    SP_REASON_SPAWN = 34, /* plugin could not be started */
    SP_REASON_PLUGIN_EXIT = 35, /* plugin ended outside its contract */
    SP_REASON_INTERNAL = 36, /* fault of the worker itself */
    SP_REASON_BUSY = 37, /* no free slot */
    SP_REASON_NOT_ENROLLED = 38, /* the node has no enrolled attester */
    SP_REASON_AK_MALFORMED = 51, /* attestation key is no public area of a TPM */
    SP_REASON_AK_TYPE = 52, /* attestation key is neither RSA-2048 nor ECC P-256 */
    SP_REASON_AK_SCHEME = 53, /* attestation key does not fix a signing scheme with SHA-256 */
    SP_REASON_AK_ATTRIBUTES = 54, /* attestation key may sign what the TPM did not make, or may leave it */
    SP_REASON_EK_MALFORMED = 55, /* endorsement key or its certificate does not decode */
    SP_REASON_EK_CHAIN = 56, /* certificate of the endorsement key does not lead to a known maker */
    SP_REASON_EK_USAGE = 57, /* certificate is not one of an endorsement key */
    SP_REASON_EK_KEY = 58, /* certificate is of another key */
    SP_REASON_EK_TEMPLATE = 59, /* endorsement key is not as the specification has it */
    SP_REASON_EK_PIN = 60, /* certificate is not the one listed for this node */
    SP_REASON_QUOTE_MALFORMED = 61, /* statement does not decode */
    SP_REASON_QUOTE_MAGIC = 62, /* statement was not made by a TPM */
    SP_REASON_QUOTE_TYPE = 63, /* statement is not a quote */
    SP_REASON_SIGNATURE_MALFORMED = 64, /* signature does not decode */
    SP_REASON_QUOTE_SCHEME = 65, /* signature has another scheme or hash than the enrolled key */
    SP_REASON_QUOTE_SIGNATURE = 66, /* signature does not verify under the enrolled key */
    SP_REASON_QUOTE_NONCE = 67, /* quote answers another question */
    SP_REASON_QUOTE_SIGNER = 68, /* quote names another key, parent or hierarchy than enrolled */
    SP_REASON_QUOTE_SELECTION = 69, /* quote covers other PCRs or another bank than asked */
    SP_REASON_QUOTE_DIGEST = 70, /* reported PCR values are not the quoted ones */
    SP_REASON_PCRS_MALFORMED = 71, /* list of PCR values does not decode, or is not of the PCRs asked */
    SP_REASON_RESET_BACK = 72, /* reset or restart counter went back: state of the TPM was put back or cleared */
    SP_REASON_CLOCK_BACK = 73, /* clock of the TPM went back within one boot */
    SP_REASON_LOG_MALFORMED = 74, /* boot log does not decode */
    SP_REASON_LOG_LIMIT = 75, /* boot log is larger than allowed */
    SP_REASON_LOG_BANK = 76, /* boot log has no digests for the quoted bank */
    SP_REASON_LOG_LOCALITY = 77, /* boot log names a start-up locality too late, twice or wrongly */
    SP_REASON_LOG_PCR = 78, /* boot log does not lead to the quoted PCR values */
    SP_REASON_LOG_DATA = 79, /* data of an event of the boot log is not what was measured */
    SP_REASON_LOG_SEPARATOR = 80, /* firmware did not end its part of the boot in good order */
    SP_REASON_IMA_MALFORMED = 81, /* measurement list does not decode */
    SP_REASON_IMA_LIMIT = 82, /* measurement list is larger than allowed */
    SP_REASON_IMA_TEMPLATE = 83, /* measurement list has a template nobody knows */
    SP_REASON_IMA_INDEX = 84, /* an entry of the measurement list names another PCR than 10 */
    SP_REASON_IMA_HASH = 85, /* digest of an entry of the measurement list is not that of its data */
    SP_REASON_IMA_BUFFER = 86, /* a measured buffer is not what was measured */
    SP_REASON_IMA_PCR = 87, /* measurement list does not lead to the quoted PCR 10 */
    SP_REASON_IMA_AGGREGATE = 88, /* measurement list does not begin with the quoted boot */
    SP_REASON_IMA_SECOND = 89, /* measurement list begins a second time: another kernel was started in this boot */
    SP_REASON_IMA_VIOLATION = 90, /* a file was written while it was measured */
    SP_REASON_REFERENCE_NONE = 91, /* there are no reference values */
    SP_REASON_REFERENCE_UNQUOTED = 92, /* a PCR that is to be judged is not in the quote */
    SP_REASON_REFERENCE_PCR = 93, /* a PCR has none of its reference values */
    SP_REASON_REFERENCE_FIRMWARE = 94, /* firmware of the TPM has another version than its reference values */
    SP_REASON_REFERENCE_RETIRED = 95, /* values are those of a reference that is not in force now */
    SP_REASON_PROCMEM_MALFORMED = 96, /* description of processes does not decode, or is of other services than asked */
    SP_REASON_PROCMEM_TEXT = 97, /* code in memory differs from the file it came from */
    SP_REASON_PROCMEM_PRELOAD = 98, /* libraries are put before those of a service */
    SP_REASON_PROCMEM_TRACER = 99, /* a process of a service is traced */
    SP_REASON_PROCMEM_WRITABLE = 100, /* memory of a service is writable and executable */
    SP_REASON_PROCMEM_MEMFD = 101, /* a service executes a file that is in memory only */
    SP_REASON_PROCMEM_ANONYMOUS = 102, /* a service executes memory of no file */
    SP_REASON_PROCMEM_SPECIAL = 103, /* a service has an executable region of the kernel that is not usual */
    SP_REASON_PROCMEM_DELETED = 104, /* a service executes a file that was deleted */
    SP_REASON_PROCMEM_DIGEST = 105, /* a service executes another file than the expected one */
    SP_REASON_PROCMEM_UNLISTED = 106, /* a service executes a file that is not listed */
    SP_REASON_PROCMEM_LIBRARY = 107, /* a service executes a file that is not for this service */
    SP_REASON_PROCMEM_PROGRAM = 108, /* a process of a service runs another program */
    SP_REASON_PROCMEM_USER = 109, /* a process of a service runs as another user */
    SP_REASON_PROCMEM_COUNT = 110, /* a service has more processes than expected */
    SP_REASON_PROCMEM_MISSING = 111, /* a service has fewer processes than expected */
    SP_REASON_PROCMEM_DENIED = 112, /* the attester may not read the memory of a service */
    SP_REASON_PROCMEM_MOVING = 113, /* a process changed each time it was looked at */
    SP_REASON_PROCMEM_UNREAD = 114, /* a file or memory of a service could not be read */
    SP_REASON_PROCMEM_LIMIT = 115, /* a service has more than the attester writes down */
    SP_REASON_PROCMEM_UNKNOWN = 116, /* the attester does not look at this service */
    SP_REASON_IMA_UNLISTED = 117, /* something was measured that the policy does not list */
    SP_REASON_IMA_DIGEST = 118, /* a measured file has none of the digests of the policy */
    SP_REASON_IMA_SIGNATURE = 119, /* no known key has signed a measured file */
    SP_REASON_IMA_KEYRING = 120, /* a key that the policy does not list was loaded onto a keyring */
    SP_REASON_IMA_PENDING = 121, /* entries of the last check have still not reached PCR 10 */
    SP_REASON_FILES_MALFORMED = 150, /* list of files does not decode, or is not of the trees asked for */
    SP_REASON_FILES_LIMIT = 151, /* more or larger files than the attester lists and reads */
    SP_REASON_FILES_UNSTABLE = 152, /* files changed each time they were looked at */
    SP_REASON_FILES_UNREADABLE = 153, /* files or directories that cannot be read */
    SP_REASON_FILES_DIGEST = 154, /* a file has another content than its manifest says */
    SP_REASON_FILES_TYPE = 155, /* something else lies where a file, directory or link belongs */
    SP_REASON_FILES_TARGET = 156, /* a symbolic link leads elsewhere */
    SP_REASON_FILES_EXTRA = 157, /* a file that is not in the manifest */
    SP_REASON_FILES_MODE = 158, /* a file has another mode */
    SP_REASON_FILES_OWNER = 159, /* a file has another owner or group */
    SP_REASON_FILES_MISSING = 160, /* a file of the manifest is missing */
    SP_REASON_KEYLIME_CANARY = 170, /* an agent that is known to be bad does not fail at this verifier */
    SP_REASON_KEYLIME_AGENT = 171, /* the verifier attests another machine under this node's name, or one for two nodes */
    SP_REASON_KEYLIME_POLICY = 172, /* the verifier holds this node against no policy */
};
#define SP_REASON_LAST 172u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_reason_name(unsigned value);
const char *sp_reason_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_reason_find(struct sp_str name, unsigned *out);

enum sp_refusal {
    SP_REFUSAL_NONE = 0, /* accepted */
    SP_REFUSAL_MALFORMED = 1, /* message or record does not decode */
    SP_REFUSAL_SIGNATURE = 2, /* signature or MAC does not verify */
    SP_REFUSAL_PRINCIPAL = 3, /* principal unknown, revoked or expired */
    SP_REFUSAL_AUTHORITY = 4, /* principal may not send this */
    SP_REFUSAL_SCOPE = 5, /* outside the principal's scope */
    SP_REFUSAL_TICKET = 6, /* ticket was not issued by the scheduler */
    SP_REFUSAL_EPOCH = 7, /* older epoch */
    SP_REFUSAL_REPLAY = 8, /* attempt already answered */
    SP_REFUSAL_LATE = 9, /* answered after the lifetime of the question */
    SP_REFUSAL_FUTURE = 10, /* dated in the future */
    SP_REFUSAL_DIGEST = 11, /* made under another policy digest */
    SP_REFUSAL_IDENTITY = 12, /* made under another node identity */
    SP_REFUSAL_UNKNOWN_CHECK = 13, /* no such check */
    SP_REFUSAL_UNKNOWN_NODE = 14, /* no such node */
    SP_REFUSAL_RETIRED = 15, /* check or node is retired */
    SP_REFUSAL_OVERLOAD = 16, /* queue full */
    SP_REFUSAL_NO_ROUTE = 17, /* nobody there to receive it */
    SP_REFUSAL_EXPIRED = 18, /* waited longer than it may */
    SP_REFUSAL_DRAINING = 19, /* receiver is draining */
    SP_REFUSAL_VERSION = 20, /* version not spoken here */
    SP_REFUSAL_SIZE = 21, /* larger than the limit */
    SP_REFUSAL_STORE = 22, /* store cannot take it now */
    SP_REFUSAL_NOT_READY = 23, /* receiver is not ready */
    SP_REFUSAL_BAD_REQUEST = 24, /* request is not valid */
    SP_REFUSAL_NOT_FOUND = 25, /* no such object */
    SP_REFUSAL_CONFLICT = 26, /* object has changed or exists */
};
#define SP_REFUSAL_LAST 26u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_refusal_name(unsigned value);
const char *sp_refusal_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_refusal_find(struct sp_str name, unsigned *out);

enum sp_enrolment {
    SP_ENROLMENT_NONE = 0, /* not enrolled */
    SP_ENROLMENT_CERTIFIED = 1, /* the maker's certificate of the endorsement key was checked */
    SP_ENROLMENT_FIRST_USE = 2, /* the endorsement key was taken as it came the first time */
};
#define SP_ENROLMENT_LAST 2u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_enrolment_name(unsigned value);
const char *sp_enrolment_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_enrolment_find(struct sp_str name, unsigned *out);

enum sp_stage {
    SP_STAGE_DRAFT = 0, /* runs only on test-now */
    SP_STAGE_SHADOW = 1, /* runs, recorded, counts for nothing */
    SP_STAGE_ENFORCING = 2, /* counts */
    SP_STAGE_RETIRED = 3, /* never runs */
};
#define SP_STAGE_LAST 3u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_stage_name(unsigned value);
const char *sp_stage_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_stage_find(struct sp_str name, unsigned *out);

enum sp_node_state {
    SP_NODE_STATE_IN_SERVICE = 0, /* takes part */
    SP_NODE_STATE_MAINTENANCE = 1, /* checked, not eligible, nobody is alarmed */
    SP_NODE_STATE_QUARANTINED = 2, /* not eligible by order */
    SP_NODE_STATE_RETIRED = 3, /* no longer checked */
};
#define SP_NODE_STATE_LAST 3u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_node_state_name(unsigned value);
const char *sp_node_state_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_node_state_find(struct sp_str name, unsigned *out);

enum sp_topic {
    SP_TOPIC_NONE = 0, /* nothing */
    SP_TOPIC_TRUST = 1, /* trust events */
    SP_TOPIC_STATS = 2, /* message statistics */
};
#define SP_TOPIC_LAST 2u /* largest number */
/* Lends the name, or its text for people; a number without a name gives "unknown". */
const char *sp_topic_name(unsigned value);
const char *sp_topic_text(unsigned value);
/* Effect: *out = number of the name; false and *out untouched when there is none. */
bool sp_topic_find(struct sp_str name, unsigned *out);

enum sp_auth {
    SP_AUTH_NONE = 0, /* nothing */
    SP_AUTH_MAC = 1,  /* HMAC-SHA-256 with the core key */
    SP_AUTH_SIGN = 2, /* Ed25519 with the sender's signing key */
    SP_AUTH_PAIR = 3, /* HMAC-SHA-256 with the key that sender and receiver agree on */
};
#define SP_AUTH_MAC_BYTES 32u
#define SP_AUTH_SIGN_BYTES 64u

enum sp_msg {
    SP_MSG_HELLO = 1,
    SP_MSG_WELCOME = 2,
    SP_MSG_HEARTBEAT = 3,
    SP_MSG_CREDIT = 4,
    SP_MSG_DRAIN = 5,
    SP_MSG_BYE = 6,
    SP_MSG_REFUSED = 7,
    SP_MSG_STATS = 8,
    SP_MSG_ROUTE_OPEN = 9,
    SP_MSG_ROUTE_CREDIT = 10,
    SP_MSG_JOB_BATCH = 11,
    SP_MSG_JOB_RETURN = 12,
    SP_MSG_DEFINITION_GET = 13,
    SP_MSG_DEFINITION = 14,
    SP_MSG_RESULT_BATCH = 20,
    SP_MSG_RESULT_ACK = 21,
    SP_MSG_LEASE_CLOSED = 22,
    SP_MSG_NODE_SET = 30,
    SP_MSG_CHECK_SET = 31,
    SP_MSG_SYNC_REQUEST = 32,
    SP_MSG_EPOCH_CLAIM = 33,
    SP_MSG_EPOCH_GRANT = 34,
    SP_MSG_KEEPER_CLOCK = 35,
    SP_MSG_SUBSCRIBE = 40,
    SP_MSG_SNAPSHOT = 41,
    SP_MSG_TRUST_EVENT = 42,
    SP_MSG_READER_PING = 43,
    SP_MSG_TRUST_BEAT = 44,
    SP_MSG_HINT = 45,
    SP_MSG_VIEW_REQUEST = 46,
    SP_MSG_VIEW_REPLY = 47,
    SP_MSG_INVENTORY_REPORT = 48,
    SP_MSG_ACTION_REPORT = 49,
    SP_MSG_ADMIN_REQUEST = 50,
    SP_MSG_ADMIN_REPLY = 51,
    SP_MSG_ACT_REPORT = 52,
    SP_MSG_ACT_STORED = 53,
    SP_MSG_ENROL_REQUEST = 60,
    SP_MSG_ENROL_REPLY = 61,
    SP_MSG_PRINCIPAL_SET = 62,
    SP_MSG_EVIDENCE_REQUEST = 70,
    SP_MSG_EVIDENCE = 71,
    SP_MSG_IDENTITY_GET = 72,
    SP_MSG_IDENTITY = 73,
    SP_MSG_PRINCIPAL_GET = 74,
    SP_MSG_PRINCIPAL_INFO = 75,
};
#define SP_MSG_LAST 75u
#define SP_MSG_COUNT 46u

/* One row per message. Masks have bit 1 << role. */
struct msg_info {
    const char *name;
    uint16_t number;
    uint16_t since;     /* wire version that brought it */
    uint16_t reply;     /* number of the reply, 0: none */
    uint16_t from;      /* roles that may send it */
    uint16_t to;        /* roles that may receive it */
    uint8_t auth;       /* enum sp_auth */
    uint8_t auth_bytes; /* exact size of the envelope's auth field */
    bool once;          /* false: a repeat is harmless */
    uint32_t bytes_max; /* largest body */
};
/* Lends the row, NULL for a number that is no message. */
const struct msg_info *msg_find(unsigned number);
/* Lends the row by its place 0 to SP_MSG_COUNT - 1, in the order of the model. */
const struct msg_info *msg_at(unsigned place);
/* Lends the name, "unknown" for a number that is no message. */
const char *msg_name(unsigned number);
/* True when a principal of role from may send this message to one of role to. */
bool msg_may(unsigned number, enum sp_role from, enum sp_role to);

#define REC_ROUTE_SPEC_ADAPTER_MAX 32u
#define REC_ROUTE_SPEC_LABELS_MAX 255u
#define REC_ROUTE_SPEC_BYTES_MAX 292u
struct rec_route_spec {
    struct sp_str adapter; /* text, at most 32: adapter the jobs need */
    struct sp_str labels; /* text, at most 255: required worker labels, sorted, comma separated; empty = any worker */
};
enum sp_rc rec_route_spec_put(struct sp_packer *w, const struct rec_route_spec *r) SP_MUST_USE;
bool rec_route_spec_next(struct sp_list *list, struct rec_route_spec *r);
enum sp_rc rec_route_spec_decode(const uint8_t *p, size_t n, struct rec_route_spec *r) SP_MUST_USE;

#define REC_COUNTER_BYTES_MAX 43u
struct rec_counter {
    uint16_t type; /* message number */
    uint8_t role; /* enum role of the peer */
    bool outgoing; /* true: sent */
    uint64_t messages; /* messages */
    uint64_t bytes; /* bytes of frames */
    uint64_t dropped; /* dropped: no room or no receiver */
    uint64_t refused; /* refused: authority, signature, shape */
};
enum sp_rc rec_counter_put(struct sp_packer *w, const struct rec_counter *r) SP_MUST_USE;
bool rec_counter_next(struct sp_list *list, struct rec_counter *r);
enum sp_rc rec_counter_decode(const uint8_t *p, size_t n, struct rec_counter *r) SP_MUST_USE;

#define REC_GAUGE_NAME_MAX 48u
#define REC_GAUGE_BYTES_MAX 60u
struct rec_gauge {
    struct sp_str name; /* text, at most 48: dotted name */
    uint64_t value; /* level or total */
};
enum sp_rc rec_gauge_put(struct sp_packer *w, const struct rec_gauge *r) SP_MUST_USE;
bool rec_gauge_next(struct sp_list *list, struct rec_gauge *r);
enum sp_rc rec_gauge_decode(const uint8_t *p, size_t n, struct rec_gauge *r) SP_MUST_USE;

#define REC_LATENCY_NAME_MAX 48u
#define REC_LATENCY_BYTES_MAX 87u
struct rec_latency {
    struct sp_str name; /* text, at most 48: hop */
    uint64_t count; /* samples */
    uint64_t p50_us; /* median */
    uint64_t p99_us; /* 99th percentile */
    uint64_t max_us; /* largest */
};
enum sp_rc rec_latency_put(struct sp_packer *w, const struct rec_latency *r) SP_MUST_USE;
bool rec_latency_next(struct sp_list *list, struct rec_latency *r);
enum sp_rc rec_latency_decode(const uint8_t *p, size_t n, struct rec_latency *r) SP_MUST_USE;

#define REC_JOB_TICKET_BYTES 160u
#define REC_JOB_NODE_MAX 64u
#define REC_JOB_ADDRESS_MAX 255u
#define REC_JOB_CHECKPOINT_MAX 1024u
#define REC_JOB_BYTES_MAX 1518u
struct rec_job {
    const uint8_t *ticket; /* 160 bytes: sp_ticket.h; the worker echoes it untouched */
    uint32_t timeout_ms; /* deadline of the run */
    struct sp_str node; /* text, at most 64: node name */
    struct sp_str address; /* text, at most 255: where to reach the node; empty: same as the name */
    struct sp_str checkpoint; /* bytes, at most 1024: what the last run of this pair left */
};
enum sp_rc rec_job_put(struct sp_packer *w, const struct rec_job *r) SP_MUST_USE;
bool rec_job_next(struct sp_list *list, struct rec_job *r);
enum sp_rc rec_job_decode(const uint8_t *p, size_t n, struct rec_job *r) SP_MUST_USE;

#define REC_RETURNED_BYTES_MAX 15u
struct rec_returned {
    uint32_t slot; /* scheduler's slot from the ticket */
    uint64_t job; /* job number from the ticket */
};
enum sp_rc rec_returned_put(struct sp_packer *w, const struct rec_returned *r) SP_MUST_USE;
bool rec_returned_next(struct sp_list *list, struct rec_returned *r);
enum sp_rc rec_returned_decode(const uint8_t *p, size_t n, struct rec_returned *r) SP_MUST_USE;

#define REC_DEFINITION_BODY_CHECK_MAX 64u
#define REC_DEFINITION_BODY_ADAPTER_MAX 32u
#define REC_DEFINITION_BODY_PARAMS_MAX 16384u
#define REC_DEFINITION_BODY_BYTES_MAX 16498u
struct rec_definition_body {
    struct sp_str check; /* text, at most 64: name of the check */
    uint32_t revision; /* revision */
    struct sp_str adapter; /* text, at most 32: adapter */
    struct sp_str params; /* text, at most 16384: parameters, a JSON object */
    uint32_t timeout_ms; /* deadline of one run */
};
enum sp_rc rec_definition_body_put(struct sp_packer *w, const struct rec_definition_body *r) SP_MUST_USE;
bool rec_definition_body_next(struct sp_list *list, struct rec_definition_body *r);
enum sp_rc rec_definition_body_decode(const uint8_t *p, size_t n, struct rec_definition_body *r) SP_MUST_USE;

#define REC_RESULT_TICKET_BYTES 160u
#define REC_RESULT_DETAIL_MAX 1024u
#define REC_RESULT_MEASURES_MAX 1024u
#define REC_RESULT_EVIDENCE_MAX 32u
#define REC_RESULT_CHECKPOINT_MAX 1024u
#define REC_RESULT_BYTES_MAX 3311u
struct rec_result {
    const uint8_t *ticket; /* 160 bytes: as it came in the job */
    uint8_t outcome; /* enum outcome */
    uint16_t reason; /* enum reason */
    struct sp_str detail; /* text, at most 1024: one line for people */
    struct sp_str measures; /* text, at most 1024: performance data in the Monitoring-plugin notation */
    struct sp_str evidence; /* bytes, at most 32: SHA-256 of the raw evidence, or empty */
    struct sp_str checkpoint; /* bytes, at most 1024: for the next run of this pair */
    uint64_t trace; /* sequence of the JobBatch that carried the job */
    uint32_t wait_us; /* received until started */
    uint32_t run_us; /* started until ended */
    uint64_t instance; /* reset counter << 32 | restart counter of the node's TPM when the evidence was made; 0: not known */
};
enum sp_rc rec_result_put(struct sp_packer *w, const struct rec_result *r) SP_MUST_USE;
bool rec_result_next(struct sp_list *list, struct rec_result *r);
enum sp_rc rec_result_decode(const uint8_t *p, size_t n, struct rec_result *r) SP_MUST_USE;

#define REC_REFUSED_RESULT_BYTES_MAX 7u
struct rec_refused_result {
    uint16_t index; /* position in the batch */
    uint16_t code; /* enum refusal */
};
enum sp_rc rec_refused_result_put(struct sp_packer *w, const struct rec_refused_result *r) SP_MUST_USE;
bool rec_refused_result_next(struct sp_list *list, struct rec_refused_result *r);
enum sp_rc rec_refused_result_decode(const uint8_t *p, size_t n, struct rec_refused_result *r) SP_MUST_USE;

#define REC_CLOSED_CHECKPOINT_MAX 1024u
#define REC_CLOSED_BYTES_MAX 1047u
struct rec_closed {
    uint32_t slot; /* scheduler's slot from the ticket */
    uint64_t job; /* job number */
    uint8_t outcome; /* enum outcome */
    uint16_t code; /* enum refusal; not none: the result was refused */
    struct sp_str checkpoint; /* bytes, at most 1024: for the next run */
};
enum sp_rc rec_closed_put(struct sp_packer *w, const struct rec_closed *r) SP_MUST_USE;
bool rec_closed_next(struct sp_list *list, struct rec_closed *r);
enum sp_rc rec_closed_decode(const uint8_t *p, size_t n, struct rec_closed *r) SP_MUST_USE;

#define REC_NODE_INFO_KEY_BYTES 16u
#define REC_NODE_INFO_NAME_MAX 64u
#define REC_NODE_INFO_ADDRESS_MAX 255u
#define REC_NODE_INFO_LABELS_MAX 2048u
#define REC_NODE_INFO_BYTES_MAX 2405u
struct rec_node_info {
    uint32_t id; /* permanent number given by the keeper */
    uint32_t generation; /* changes with identity or reboot; results of an older one are void */
    const uint8_t *key; /* 16 bytes: canonical key (UUID) */
    struct sp_str name; /* text, at most 64: name */
    struct sp_str address; /* text, at most 255: where to reach it */
    struct sp_str labels; /* text, at most 2048: key=value, sorted, comma separated */
    uint8_t state; /* enum node_state */
};
enum sp_rc rec_node_info_put(struct sp_packer *w, const struct rec_node_info *r) SP_MUST_USE;
bool rec_node_info_next(struct sp_list *list, struct rec_node_info *r);
enum sp_rc rec_node_info_decode(const uint8_t *p, size_t n, struct rec_node_info *r) SP_MUST_USE;

#define REC_CHECK_INFO_NAME_MAX 64u
#define REC_CHECK_INFO_DIGEST_BYTES 32u
#define REC_CHECK_INFO_ADAPTER_MAX 32u
#define REC_CHECK_INFO_SELECTOR_MAX 1024u
#define REC_CHECK_INFO_RUNBOOK_MAX 255u
#define REC_CHECK_INFO_BYTES_MAX 1451u
struct rec_check_info {
    uint32_t id; /* permanent number given by the scheduler */
    struct sp_str name; /* text, at most 64: name */
    uint32_t revision; /* revision */
    const uint8_t *digest; /* 32 bytes: policy digest */
    uint8_t stage; /* enum stage */
    bool enabled; /* false: paused */
    struct sp_str adapter; /* text, at most 32: adapter */
    uint16_t rise; /* passes in a row to become pass */
    uint16_t fall; /* fails in a row to become fail */
    uint32_t max_age_ms; /* lifetime of a result */
    uint32_t period_ms; /* typical distance of runs, for doubt about silence */
    uint16_t category; /* bit mask of the AR4SI vector members */
    struct sp_str selector; /* text, at most 1024: which nodes */
    struct sp_str runbook; /* text, at most 255: link for people */
};
enum sp_rc rec_check_info_put(struct sp_packer *w, const struct rec_check_info *r) SP_MUST_USE;
bool rec_check_info_next(struct sp_list *list, struct rec_check_info *r);
enum sp_rc rec_check_info_decode(const uint8_t *p, size_t n, struct rec_check_info *r) SP_MUST_USE;

#define REC_TRUST_ENTRY_KEY_BYTES 16u
#define REC_TRUST_ENTRY_NODE_MAX 64u
#define REC_TRUST_ENTRY_POOL_MAX 64u
#define REC_TRUST_ENTRY_WHY_MAX 256u
#define REC_TRUST_ENTRY_BYTES_MAX 431u
struct rec_trust_entry {
    const uint8_t *key; /* 16 bytes: node key */
    struct sp_str node; /* text, at most 64: node name */
    struct sp_str pool; /* text, at most 64: pool */
    uint8_t tier; /* enum tier */
    bool member; /* in the pool */
    uint64_t until_ms; /* keeper clock: membership ends here by itself; 0 when not a member */
    uint64_t since_ms; /* wall clock, for people: since when this is so */
    struct sp_str why; /* text, at most 256: reason */
};
enum sp_rc rec_trust_entry_put(struct sp_packer *w, const struct rec_trust_entry *r) SP_MUST_USE;
bool rec_trust_entry_next(struct sp_list *list, struct rec_trust_entry *r);
enum sp_rc rec_trust_entry_decode(const uint8_t *p, size_t n, struct rec_trust_entry *r) SP_MUST_USE;

#define REC_HINT_NODE_NODE_MAX 64u
#define REC_HINT_NODE_BYTES_MAX 67u
struct rec_hint_node {
    struct sp_str node; /* text, at most 64: node name */
};
enum sp_rc rec_hint_node_put(struct sp_packer *w, const struct rec_hint_node *r) SP_MUST_USE;
bool rec_hint_node_next(struct sp_list *list, struct rec_hint_node *r);
enum sp_rc rec_hint_node_decode(const uint8_t *p, size_t n, struct rec_hint_node *r) SP_MUST_USE;

#define REC_INVENTORY_NODE_KEY_BYTES 16u
#define REC_INVENTORY_NODE_SERVICE_BYTES 16u
#define REC_INVENTORY_NODE_NAME_MAX 255u
#define REC_INVENTORY_NODE_BYTES_MAX 296u
struct rec_inventory_node {
    const uint8_t *key; /* 16 bytes: UUID of the compute node, which is that of its resource provider */
    const uint8_t *service; /* 16 bytes: UUID of its compute service; zeros: not known */
    uint8_t flags; /* bit mask: 1 service disabled, 2 service down */
    struct sp_str name; /* text, at most 255: hypervisor host name as the cloud's API gave it */
};
enum sp_rc rec_inventory_node_put(struct sp_packer *w, const struct rec_inventory_node *r) SP_MUST_USE;
bool rec_inventory_node_next(struct sp_list *list, struct rec_inventory_node *r);
enum sp_rc rec_inventory_node_decode(const uint8_t *p, size_t n, struct rec_inventory_node *r) SP_MUST_USE;

#define REC_ACT_ACTOR_MAX 40u
#define REC_ACT_WHAT_MAX 48u
#define REC_ACT_OBJECT_MAX 128u
#define REC_ACT_BEFORE_MAX 64u
#define REC_ACT_AFTER_MAX 64u
#define REC_ACT_WHY_MAX 192u
#define REC_ACT_BYTES_MAX 567u
struct rec_act {
    uint64_t number; /* wall clock in us, rising per sender over its restarts; stored once */
    uint64_t wall_ms; /* when it was done */
    struct sp_str actor; /* text, at most 40: principal name of the operator */
    struct sp_str what; /* text, at most 48: the verb: check.* and profile.* of the scheduler, worker.* of a broker */
    struct sp_str object; /* text, at most 128: what it was done to */
    struct sp_str before; /* text, at most 64: how that was */
    struct sp_str after; /* text, at most 64: how it is; refused:CODE when nothing was done */
    struct sp_str why; /* text, at most 192: for people */
};
enum sp_rc rec_act_put(struct sp_packer *w, const struct rec_act *r) SP_MUST_USE;
bool rec_act_next(struct sp_list *list, struct rec_act *r);
enum sp_rc rec_act_decode(const uint8_t *p, size_t n, struct rec_act *r) SP_MUST_USE;

#define REC_PRINCIPAL_NAME_MAX 40u
#define REC_PRINCIPAL_CURVE_BYTES 32u
#define REC_PRINCIPAL_SIGN_BYTES 32u
#define REC_PRINCIPAL_ADAPTERS_MAX 512u
#define REC_PRINCIPAL_NODES_MAX 255u
#define REC_PRINCIPAL_NEXT_CURVE_BYTES 32u
#define REC_PRINCIPAL_NEXT_SIGN_BYTES 32u
#define REC_PRINCIPAL_BYTES_MAX 981u
struct rec_principal {
    struct sp_str name; /* text, at most 40: unique */
    uint8_t role; /* enum role */
    const uint8_t *curve; /* 32 bytes: CURVE public key */
    const uint8_t *sign; /* 32 bytes: Ed25519 public key */
    struct sp_str adapters; /* text, at most 512: worker: adapters it may speak for, comma separated; * = all */
    struct sp_str nodes; /* text, at most 255: worker: selector of nodes it may speak for; empty = all. attester: the name of its one node */
    uint64_t not_after; /* wall clock seconds; 0: no end */
    bool revoked; /* true: refused from now on, with both pairs of keys */
    const uint8_t *next_curve; /* 32 bytes: CURVE public key that follows; all zero: none */
    const uint8_t *next_sign; /* 32 bytes: Ed25519 public key that follows */
    uint64_t next_not_before; /* wall clock seconds; from then on the next pair counts too */
    uint64_t next_not_after; /* wall clock seconds; 0: no end */
};
enum sp_rc rec_principal_put(struct sp_packer *w, const struct rec_principal *r) SP_MUST_USE;
bool rec_principal_next(struct sp_list *list, struct rec_principal *r);
enum sp_rc rec_principal_decode(const uint8_t *p, size_t n, struct rec_principal *r) SP_MUST_USE;

/* 1 Hello: scheduler, keeper, worker, operator, reader, enrol, bridge, attester -> broker; auth none; repeat harmless; reply Welcome. */
#define MSG_HELLO_SOFTWARE_MAX 32u
#define MSG_HELLO_ADAPTERS_MAX 512u
#define MSG_HELLO_LABELS_MAX 255u
#define MSG_HELLO_BYTES_MAX 826u
struct msg_hello {
    uint64_t boot; /* random number of this process start */
    struct sp_str software; /* text, at most 32: name and version */
    struct sp_str adapters; /* text, at most 512: worker: adapters, comma separated */
    struct sp_str labels; /* text, at most 255: worker: labels, sorted, comma separated */
    uint32_t slots; /* worker: checks at once */
    uint32_t topics; /* bit mask of 1 << topic */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_hello_decode(const uint8_t *p, size_t n, struct msg_hello *m) SP_MUST_USE;
enum sp_rc msg_hello_encode(struct sp_packer *w, const struct msg_hello *m) SP_MUST_USE;

/* 2 Welcome: broker -> scheduler, keeper, worker, operator, reader, enrol, bridge, attester; auth none; repeat harmless; reply none. */
#define MSG_WELCOME_BYTES_MAX 15u
struct msg_welcome {
    uint64_t boot; /* random number of the broker's start */
    uint32_t heartbeat_ms; /* send a Heartbeat at least this often */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_welcome_decode(const uint8_t *p, size_t n, struct msg_welcome *m) SP_MUST_USE;
enum sp_rc msg_welcome_encode(struct sp_packer *w, const struct msg_welcome *m) SP_MUST_USE;

/* 3 Heartbeat: broker, scheduler, keeper, worker, reader, operator, bridge, attester -> broker, scheduler, keeper, worker, reader, operator, bridge, attester; auth none; repeat harmless; reply none. */
#define MSG_HEARTBEAT_BYTES_MAX 15u
struct msg_heartbeat {
    uint64_t progress; /* turns of the sender's event loop; must move */
    uint32_t backlog; /* work waiting in the sender */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_heartbeat_decode(const uint8_t *p, size_t n, struct msg_heartbeat *m) SP_MUST_USE;
enum sp_rc msg_heartbeat_encode(struct sp_packer *w, const struct msg_heartbeat *m) SP_MUST_USE;

/* 4 Credit: worker -> broker; auth none; repeat harmless; reply none. */
#define MSG_CREDIT_BYTES_MAX 10u
struct msg_credit {
    uint64_t granted; /* jobs the worker will have taken in all since its Hello, cumulative */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_credit_decode(const uint8_t *p, size_t n, struct msg_credit *m) SP_MUST_USE;
enum sp_rc msg_credit_encode(struct sp_packer *w, const struct msg_credit *m) SP_MUST_USE;

/* 5 Drain: broker -> worker; auth none; repeat harmless; reply Bye. */
#define MSG_DRAIN_BYTES_MAX 6u
struct msg_drain {
    uint32_t deadline_ms; /* finish what runs within this time */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_drain_decode(const uint8_t *p, size_t n, struct msg_drain *m) SP_MUST_USE;
enum sp_rc msg_drain_encode(struct sp_packer *w, const struct msg_drain *m) SP_MUST_USE;

/* 6 Bye: scheduler, keeper, worker, reader, operator, bridge, attester -> broker; auth none; repeat harmless; reply none. */
#define MSG_BYE_BYTES_MAX 10u
struct msg_bye {
    uint64_t boot; /* start that ends */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_bye_decode(const uint8_t *p, size_t n, struct msg_bye *m) SP_MUST_USE;
enum sp_rc msg_bye_encode(struct sp_packer *w, const struct msg_bye *m) SP_MUST_USE;

/* 7 Refused: broker -> scheduler, keeper, worker, operator, reader, enrol, bridge, attester; auth none; repeat harmless; reply none. */
#define MSG_REFUSED_DETAIL_MAX 128u
#define MSG_REFUSED_BYTES_MAX 146u
struct msg_refused {
    uint16_t type; /* number of the refused message */
    uint64_t sequence; /* its sequence */
    uint16_t code; /* enum refusal */
    struct sp_str detail; /* text, at most 128: for people */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_refused_decode(const uint8_t *p, size_t n, struct msg_refused *m) SP_MUST_USE;
enum sp_rc msg_refused_encode(struct sp_packer *w, const struct msg_refused *m) SP_MUST_USE;

/* 8 Stats: scheduler, keeper, worker, broker, bridge, attester -> broker, operator, reader; auth none; repeat harmless; reply none. */
#define MSG_STATS_COUNTERS_MAX 256u
#define MSG_STATS_GAUGES_MAX 128u
#define MSG_STATS_LATENCIES_MAX 32u
#define MSG_STATS_BYTES_MAX 21500u
struct msg_stats {
    uint64_t boot; /* start of the sender */
    uint64_t uptime_ms; /* since its start */
    struct sp_list counters; /* of rec_counter, at most 256: messages by type, peer role and direction */
    struct sp_list gauges; /* of rec_gauge, at most 128: levels and totals */
    struct sp_list latencies; /* of rec_latency, at most 32: per hop */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_stats_decode(const uint8_t *p, size_t n, struct msg_stats *m) SP_MUST_USE;
enum sp_rc msg_stats_encode(struct sp_packer *w, const struct msg_stats *m) SP_MUST_USE;
enum sp_rc msg_stats_begin(struct sp_packer *w, const struct msg_stats *m) SP_MUST_USE;
enum sp_rc msg_stats_gauges(struct sp_packer *w) SP_MUST_USE;
enum sp_rc msg_stats_latencies(struct sp_packer *w) SP_MUST_USE;
enum sp_rc msg_stats_end(struct sp_packer *w) SP_MUST_USE;

/* 9 RouteOpen: scheduler -> broker; auth none; repeat harmless; reply RouteCredit. */
#define MSG_ROUTE_OPEN_BYTES_MAX 293u
struct msg_route_open {
    struct rec_route_spec route; /* route the scheduler wants to use */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_route_open_decode(const uint8_t *p, size_t n, struct msg_route_open *m) SP_MUST_USE;
enum sp_rc msg_route_open_encode(struct sp_packer *w, const struct msg_route_open *m) SP_MUST_USE;

/* 10 RouteCredit: broker -> scheduler; auth none; repeat harmless; reply none. */
#define MSG_ROUTE_CREDIT_BYTES_MAX 316u
struct msg_route_credit {
    uint64_t broker_boot; /* start of the broker; a new one starts counting from zero */
    struct rec_route_spec route; /* which route */
    uint64_t granted; /* jobs the broker will have taken in all on this route, cumulative */
    uint32_t workers; /* workers that serve it now */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_route_credit_decode(const uint8_t *p, size_t n, struct msg_route_credit *m) SP_MUST_USE;
enum sp_rc msg_route_credit_encode(struct sp_packer *w, const struct msg_route_credit *m) SP_MUST_USE;

/* 11 JobBatch: scheduler -> worker; auth none; repeat harmless; reply ResultBatch. */
#define MSG_JOB_BATCH_JOBS_MAX 512u
#define MSG_JOB_BATCH_BYTES_MAX 777517u
struct msg_job_batch {
    struct rec_route_spec route; /* who may run it */
    uint32_t expires_ms; /* drop and return when it waits longer in a broker */
    struct sp_list jobs; /* of rec_job, at most 512: jobs */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_job_batch_decode(const uint8_t *p, size_t n, struct msg_job_batch *m) SP_MUST_USE;
enum sp_rc msg_job_batch_encode(struct sp_packer *w, const struct msg_job_batch *m) SP_MUST_USE;
enum sp_rc msg_job_batch_begin(struct sp_packer *w, const struct msg_job_batch *m) SP_MUST_USE;
enum sp_rc msg_job_batch_end(struct sp_packer *w) SP_MUST_USE;

/* 12 JobReturn: broker, worker -> scheduler; auth none; repeat harmless; reply none. */
#define MSG_JOB_RETURN_JOBS_MAX 512u
#define MSG_JOB_RETURN_BYTES_MAX 7687u
struct msg_job_return {
    uint16_t code; /* enum refusal */
    struct sp_list jobs; /* of rec_returned, at most 512: jobs that were not run */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_job_return_decode(const uint8_t *p, size_t n, struct msg_job_return *m) SP_MUST_USE;
enum sp_rc msg_job_return_encode(struct sp_packer *w, const struct msg_job_return *m) SP_MUST_USE;
enum sp_rc msg_job_return_begin(struct sp_packer *w, const struct msg_job_return *m) SP_MUST_USE;
enum sp_rc msg_job_return_end(struct sp_packer *w) SP_MUST_USE;

/* 13 DefinitionGet: worker -> scheduler; auth none; repeat harmless; reply Definition. */
#define MSG_DEFINITION_GET_DIGEST_BYTES 32u
#define MSG_DEFINITION_GET_BYTES_MAX 35u
struct msg_definition_get {
    const uint8_t *digest; /* 32 bytes: policy digest from a ticket */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_definition_get_decode(const uint8_t *p, size_t n, struct msg_definition_get *m) SP_MUST_USE;
enum sp_rc msg_definition_get_encode(struct sp_packer *w, const struct msg_definition_get *m) SP_MUST_USE;

/* 14 Definition: scheduler -> worker; auth sign; repeat harmless; reply none. */
#define MSG_DEFINITION_DIGEST_BYTES 32u
#define MSG_DEFINITION_BODY_MAX 20480u
#define MSG_DEFINITION_BYTES_MAX 20518u
struct msg_definition {
    const uint8_t *digest; /* 32 bytes: SHA-256 over body */
    struct sp_str body; /* bytes, at most 20480: encoded DefinitionBody */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_definition_decode(const uint8_t *p, size_t n, struct msg_definition *m) SP_MUST_USE;
enum sp_rc msg_definition_encode(struct sp_packer *w, const struct msg_definition *m) SP_MUST_USE;

/* 20 ResultBatch: worker -> keeper; auth sign; repeat harmless; reply ResultAck. */
#define MSG_RESULT_BATCH_RESULTS_MAX 512u
#define MSG_RESULT_BATCH_BYTES_MAX 1048576u
struct msg_result_batch {
    uint64_t boot; /* start of the worker's outbox numbering */
    uint64_t batch; /* number of this batch in the outbox, contiguous */
    struct sp_list results; /* of rec_result, at most 512: results */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_result_batch_decode(const uint8_t *p, size_t n, struct msg_result_batch *m) SP_MUST_USE;
enum sp_rc msg_result_batch_encode(struct sp_packer *w, const struct msg_result_batch *m) SP_MUST_USE;
enum sp_rc msg_result_batch_begin(struct sp_packer *w, const struct msg_result_batch *m) SP_MUST_USE;
enum sp_rc msg_result_batch_end(struct sp_packer *w) SP_MUST_USE;

/* 21 ResultAck: keeper -> worker; auth none; repeat harmless; reply none. */
#define MSG_RESULT_ACK_REFUSED_MAX 512u
#define MSG_RESULT_ACK_BYTES_MAX 3609u
struct msg_result_ack {
    uint64_t boot; /* from the ResultBatch */
    uint64_t batch; /* from the ResultBatch */
    uint16_t accepted; /* results now durable */
    struct sp_list refused; /* of rec_refused_result, at most 512: results that will never be taken; do not send them again */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_result_ack_decode(const uint8_t *p, size_t n, struct msg_result_ack *m) SP_MUST_USE;
enum sp_rc msg_result_ack_encode(struct sp_packer *w, const struct msg_result_ack *m) SP_MUST_USE;
enum sp_rc msg_result_ack_begin(struct sp_packer *w, const struct msg_result_ack *m) SP_MUST_USE;
enum sp_rc msg_result_ack_end(struct sp_packer *w) SP_MUST_USE;

/* 22 LeaseClosed: keeper -> scheduler; auth mac; repeat harmless; reply none. */
#define MSG_LEASE_CLOSED_CLOSED_MAX 512u
#define MSG_LEASE_CLOSED_BYTES_MAX 536077u
struct msg_lease_closed {
    uint64_t epoch; /* epoch of the tickets */
    struct sp_list closed; /* of rec_closed, at most 512: leases that ended */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_lease_closed_decode(const uint8_t *p, size_t n, struct msg_lease_closed *m) SP_MUST_USE;
enum sp_rc msg_lease_closed_encode(struct sp_packer *w, const struct msg_lease_closed *m) SP_MUST_USE;
enum sp_rc msg_lease_closed_begin(struct sp_packer *w, const struct msg_lease_closed *m) SP_MUST_USE;
enum sp_rc msg_lease_closed_end(struct sp_packer *w) SP_MUST_USE;

/* 30 NodeSet: keeper -> scheduler; auth mac; repeat harmless; reply none. */
#define MSG_NODE_SET_NODES_MAX 256u
#define MSG_NODE_SET_BYTES_MAX 615717u
struct msg_node_set {
    uint64_t boot; /* start of the keeper */
    uint64_t version; /* registry version after the last part */
    uint64_t base; /* registry version this starts from; 0: the whole registry */
    uint32_t part; /* from 0 */
    bool last; /* last part */
    struct sp_list nodes; /* of rec_node_info, at most 256: nodes; retired ones stay named */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_node_set_decode(const uint8_t *p, size_t n, struct msg_node_set *m) SP_MUST_USE;
enum sp_rc msg_node_set_encode(struct sp_packer *w, const struct msg_node_set *m) SP_MUST_USE;
enum sp_rc msg_node_set_begin(struct sp_packer *w, const struct msg_node_set *m) SP_MUST_USE;
enum sp_rc msg_node_set_end(struct sp_packer *w) SP_MUST_USE;

/* 31 CheckSet: scheduler -> keeper; auth mac; repeat harmless; reply none. */
#define MSG_CHECK_SET_CHECKS_MAX 128u
#define MSG_CHECK_SET_BYTES_MAX 185756u
struct msg_check_set {
    uint64_t boot; /* start of the scheduler */
    uint64_t version; /* catalogue version */
    uint32_t part; /* from 0 */
    bool last; /* last part; checks not named in any part are gone */
    struct sp_list checks; /* of rec_check_info, at most 128: checks */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_check_set_decode(const uint8_t *p, size_t n, struct msg_check_set *m) SP_MUST_USE;
enum sp_rc msg_check_set_encode(struct sp_packer *w, const struct msg_check_set *m) SP_MUST_USE;
enum sp_rc msg_check_set_begin(struct sp_packer *w, const struct msg_check_set *m) SP_MUST_USE;
enum sp_rc msg_check_set_end(struct sp_packer *w) SP_MUST_USE;

/* 32 SyncRequest: scheduler, keeper -> scheduler, keeper; auth mac; repeat harmless; reply none. */
#define MSG_SYNC_REQUEST_BYTES_MAX 19u
struct msg_sync_request {
    uint64_t boot; /* start of the other side as known; 0: none */
    uint64_t version; /* version held; 0: none */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_sync_request_decode(const uint8_t *p, size_t n, struct msg_sync_request *m) SP_MUST_USE;
enum sp_rc msg_sync_request_encode(struct sp_packer *w, const struct msg_sync_request *m) SP_MUST_USE;

/* 33 EpochClaim: scheduler -> keeper; auth mac; repeat harmless; reply EpochGrant. */
#define MSG_EPOCH_CLAIM_BYTES_MAX 19u
struct msg_epoch_claim {
    uint64_t epoch; /* epoch the scheduler wants to issue under */
    uint64_t boot; /* start of the scheduler */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_epoch_claim_decode(const uint8_t *p, size_t n, struct msg_epoch_claim *m) SP_MUST_USE;
enum sp_rc msg_epoch_claim_encode(struct sp_packer *w, const struct msg_epoch_claim *m) SP_MUST_USE;

/* 34 EpochGrant: keeper -> scheduler; auth mac; repeat harmless; reply none. */
#define MSG_EPOCH_GRANT_BYTES_MAX 19u
struct msg_epoch_grant {
    uint64_t epoch; /* epoch in force; larger than the claim: claim again above it */
    uint64_t boot; /* scheduler start that holds it */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_epoch_grant_decode(const uint8_t *p, size_t n, struct msg_epoch_grant *m) SP_MUST_USE;
enum sp_rc msg_epoch_grant_encode(struct sp_packer *w, const struct msg_epoch_grant *m) SP_MUST_USE;

/* 35 KeeperClock: keeper -> scheduler; auth mac; repeat harmless; reply none. */
#define MSG_KEEPER_CLOCK_BYTES_MAX 47u
struct msg_keeper_clock {
    uint64_t boot; /* clock domain: derived from the kernel's boot id; a change voids issue times */
    uint64_t now_ms; /* keeper's suspend-aware monotonic clock at sending */
    uint64_t epoch; /* epoch in force */
    uint64_t nodes; /* registry version */
    uint64_t checks; /* catalogue version held */
    bool ready; /* false: results are not taken now */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_keeper_clock_decode(const uint8_t *p, size_t n, struct msg_keeper_clock *m) SP_MUST_USE;
enum sp_rc msg_keeper_clock_encode(struct sp_packer *w, const struct msg_keeper_clock *m) SP_MUST_USE;

/* 40 Subscribe: reader, bridge -> keeper; auth none; repeat harmless; reply Snapshot. */
#define MSG_SUBSCRIBE_NONCE_BYTES 16u
#define MSG_SUBSCRIBE_BYTES_MAX 28u
struct msg_subscribe {
    uint64_t boot; /* start of the reader; echoed */
    const uint8_t *nonce; /* 16 bytes: fresh; echoed */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_subscribe_decode(const uint8_t *p, size_t n, struct msg_subscribe *m) SP_MUST_USE;
enum sp_rc msg_subscribe_encode(struct sp_packer *w, const struct msg_subscribe *m) SP_MUST_USE;

/* 41 Snapshot: keeper -> reader, bridge; auth sign; repeat harmless; reply none. */
#define MSG_SNAPSHOT_NONCE_BYTES 16u
#define MSG_SNAPSHOT_ENTRIES_MAX 256u
#define MSG_SNAPSHOT_BYTES_MAX 110391u
struct msg_snapshot {
    const uint8_t *nonce; /* 16 bytes: from Subscribe */
    uint64_t boot; /* start of the keeper */
    uint64_t now_ms; /* keeper clock */
    uint64_t sequence; /* events up to here are contained */
    uint32_t part; /* from 0 */
    bool last; /* last part */
    struct sp_list entries; /* of rec_trust_entry, at most 256: all entries */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_snapshot_decode(const uint8_t *p, size_t n, struct msg_snapshot *m) SP_MUST_USE;
enum sp_rc msg_snapshot_encode(struct sp_packer *w, const struct msg_snapshot *m) SP_MUST_USE;
enum sp_rc msg_snapshot_begin(struct sp_packer *w, const struct msg_snapshot *m) SP_MUST_USE;
enum sp_rc msg_snapshot_end(struct sp_packer *w) SP_MUST_USE;

/* 42 TrustEvent: keeper -> reader, bridge; auth sign; repeat harmless; reply none. */
#define MSG_TRUST_EVENT_ENTRIES_MAX 256u
#define MSG_TRUST_EVENT_BYTES_MAX 110367u
struct msg_trust_event {
    uint64_t boot; /* start of the keeper */
    uint64_t sequence; /* contiguous */
    uint64_t now_ms; /* keeper clock */
    struct sp_list entries; /* of rec_trust_entry, at most 256: entries that changed or were renewed */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_trust_event_decode(const uint8_t *p, size_t n, struct msg_trust_event *m) SP_MUST_USE;
enum sp_rc msg_trust_event_encode(struct sp_packer *w, const struct msg_trust_event *m) SP_MUST_USE;
enum sp_rc msg_trust_event_begin(struct sp_packer *w, const struct msg_trust_event *m) SP_MUST_USE;
enum sp_rc msg_trust_event_end(struct sp_packer *w) SP_MUST_USE;

/* 43 ReaderPing: reader, bridge -> keeper; auth none; repeat harmless; reply TrustBeat. */
#define MSG_READER_PING_NONCE_BYTES 16u
#define MSG_READER_PING_BYTES_MAX 28u
struct msg_reader_ping {
    const uint8_t *nonce; /* 16 bytes: fresh; echoed */
    uint64_t sequence; /* last event applied */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_reader_ping_decode(const uint8_t *p, size_t n, struct msg_reader_ping *m) SP_MUST_USE;
enum sp_rc msg_reader_ping_encode(struct sp_packer *w, const struct msg_reader_ping *m) SP_MUST_USE;

/* 44 TrustBeat: keeper -> reader, bridge; auth sign; repeat harmless; reply none. */
#define MSG_TRUST_BEAT_NONCE_BYTES 16u
#define MSG_TRUST_BEAT_BYTES_MAX 46u
struct msg_trust_beat {
    const uint8_t *nonce; /* 16 bytes: from ReaderPing */
    uint64_t boot; /* start of the keeper */
    uint64_t now_ms; /* keeper clock */
    uint64_t sequence; /* last event published */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_trust_beat_decode(const uint8_t *p, size_t n, struct msg_trust_beat *m) SP_MUST_USE;
enum sp_rc msg_trust_beat_encode(struct sp_packer *w, const struct msg_trust_beat *m) SP_MUST_USE;

/* 45 Hint: bridge -> scheduler; auth none; repeat harmless; reply none. */
#define MSG_HINT_REASON_MAX 128u
#define MSG_HINT_NODES_MAX 256u
#define MSG_HINT_BYTES_MAX 17286u
struct msg_hint {
    struct sp_str reason; /* text, at most 128: what was heard, for people */
    struct sp_list nodes; /* of rec_hint_node, at most 256: nodes to be checked earlier than planned */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_hint_decode(const uint8_t *p, size_t n, struct msg_hint *m) SP_MUST_USE;
enum sp_rc msg_hint_encode(struct sp_packer *w, const struct msg_hint *m) SP_MUST_USE;
enum sp_rc msg_hint_begin(struct sp_packer *w, const struct msg_hint *m) SP_MUST_USE;
enum sp_rc msg_hint_end(struct sp_packer *w) SP_MUST_USE;

/* 46 ViewRequest: bridge -> scheduler, keeper; auth none; repeat harmless; reply ViewReply. */
#define MSG_VIEW_REQUEST_VIEW_MAX 48u
#define MSG_VIEW_REQUEST_ARGS_MAX 65536u
#define MSG_VIEW_REQUEST_BYTES_MAX 65601u
struct msg_view_request {
    uint64_t id; /* chosen by the sender, echoed */
    struct sp_str view; /* text, at most 48: name of a verb that only reads */
    struct sp_str args; /* bytes, at most 65536: a JSON object */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_view_request_decode(const uint8_t *p, size_t n, struct msg_view_request *m) SP_MUST_USE;
enum sp_rc msg_view_request_encode(struct sp_packer *w, const struct msg_view_request *m) SP_MUST_USE;

/* 47 ViewReply: scheduler, keeper -> bridge; auth sign; repeat harmless; reply none. */
#define MSG_VIEW_REPLY_DATA_MAX 786432u
#define MSG_VIEW_REPLY_BYTES_MAX 786456u
struct msg_view_reply {
    uint64_t id; /* from the request */
    uint16_t code; /* enum refusal; none: done */
    uint32_t part; /* from 0 */
    bool last; /* last part */
    struct sp_str data; /* bytes, at most 786432: parts put together: a JSON value; with a code: {error, where, hint} */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_view_reply_decode(const uint8_t *p, size_t n, struct msg_view_reply *m) SP_MUST_USE;
enum sp_rc msg_view_reply_encode(struct sp_packer *w, const struct msg_view_reply *m) SP_MUST_USE;

/* 48 InventoryReport: bridge -> keeper; auth sign; repeat harmless; reply none. */
#define MSG_INVENTORY_REPORT_NODES_MAX 256u
#define MSG_INVENTORY_REPORT_BYTES_MAX 75809u
struct msg_inventory_report {
    uint64_t boot; /* start of the bridge */
    uint64_t snapshot; /* number of this reading, rising since that start */
    uint32_t part; /* from 0, in order */
    bool last; /* last part; what no part names was not in the list */
    uint32_t total; /* nodes in all parts */
    struct sp_list nodes; /* of rec_inventory_node, at most 256: compute nodes, in rising order of their keys */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_inventory_report_decode(const uint8_t *p, size_t n, struct msg_inventory_report *m) SP_MUST_USE;
enum sp_rc msg_inventory_report_encode(struct sp_packer *w, const struct msg_inventory_report *m) SP_MUST_USE;
enum sp_rc msg_inventory_report_begin(struct sp_packer *w, const struct msg_inventory_report *m) SP_MUST_USE;
enum sp_rc msg_inventory_report_end(struct sp_packer *w) SP_MUST_USE;

/* 49 ActionReport: bridge -> keeper; auth sign; repeat harmless; reply ViewReply. */
#define MSG_ACTION_REPORT_WHAT_MAX 16u
#define MSG_ACTION_REPORT_NODE_MAX 64u
#define MSG_ACTION_REPORT_POOL_MAX 64u
#define MSG_ACTION_REPORT_DETAIL_MAX 256u
#define MSG_ACTION_REPORT_BYTES_MAX 418u
struct msg_action_report {
    uint64_t id; /* wall clock in us, rising per bridge; one at or below the last is answered replay, and becomes nothing */
    struct sp_str what; /* text, at most 16: disabled, enabled, released, refused or held */
    struct sp_str node; /* text, at most 64: node the compute service belongs to */
    struct sp_str pool; /* text, at most 64: pool it is about */
    struct sp_str detail; /* text, at most 256: for people */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_action_report_decode(const uint8_t *p, size_t n, struct msg_action_report *m) SP_MUST_USE;
enum sp_rc msg_action_report_encode(struct sp_packer *w, const struct msg_action_report *m) SP_MUST_USE;

/* 50 AdminRequest: operator -> broker, scheduler, keeper, bridge; auth sign; repeat once; reply AdminReply. */
#define MSG_ADMIN_REQUEST_VERB_MAX 48u
#define MSG_ADMIN_REQUEST_ARGS_MAX 524288u
#define MSG_ADMIN_REQUEST_BYTES_MAX 524353u
struct msg_admin_request {
    uint64_t id; /* wall clock in ns, rising per principal; a write at or below the last one is refused */
    struct sp_str verb; /* text, at most 48: what to do */
    struct sp_str args; /* bytes, at most 524288: a JSON object */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_admin_request_decode(const uint8_t *p, size_t n, struct msg_admin_request *m) SP_MUST_USE;
enum sp_rc msg_admin_request_encode(struct sp_packer *w, const struct msg_admin_request *m) SP_MUST_USE;

/* 51 AdminReply: broker, scheduler, keeper, bridge -> operator; auth sign; repeat harmless; reply none. */
#define MSG_ADMIN_REPLY_DATA_MAX 786432u
#define MSG_ADMIN_REPLY_BYTES_MAX 786456u
struct msg_admin_reply {
    uint64_t id; /* from the request */
    uint16_t code; /* enum refusal; none: done */
    uint32_t part; /* from 0 */
    bool last; /* last part */
    struct sp_str data; /* bytes, at most 786432: parts put together: a JSON value; with a code: {error, where, hint} */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_admin_reply_decode(const uint8_t *p, size_t n, struct msg_admin_reply *m) SP_MUST_USE;
enum sp_rc msg_admin_reply_encode(struct sp_packer *w, const struct msg_admin_reply *m) SP_MUST_USE;

/* 52 ActReport: broker, scheduler -> keeper; auth sign; repeat harmless; reply ActStored. */
#define MSG_ACT_REPORT_ACTS_MAX 64u
#define MSG_ACT_REPORT_BYTES_MAX 36297u
struct msg_act_report {
    uint32_t waiting; /* acts that wait at the sender, these among them */
    struct sp_list acts; /* of rec_act, at most 64: in rising order of their numbers */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_act_report_decode(const uint8_t *p, size_t n, struct msg_act_report *m) SP_MUST_USE;
enum sp_rc msg_act_report_encode(struct sp_packer *w, const struct msg_act_report *m) SP_MUST_USE;
enum sp_rc msg_act_report_begin(struct sp_packer *w, const struct msg_act_report *m) SP_MUST_USE;
enum sp_rc msg_act_report_end(struct sp_packer *w) SP_MUST_USE;

/* 53 ActStored: keeper -> broker, scheduler; auth sign; repeat harmless; reply none. */
#define MSG_ACT_STORED_BYTES_MAX 31u
struct msg_act_stored {
    uint64_t number; /* acts up to this one are in the audit and on the disk; 0: none of this report */
    uint16_t code; /* enum refusal; not none: why an act is not taken, nor those behind it */
    uint64_t refused; /* number of that act */
    uint64_t highest; /* highest number of this sender there is */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_act_stored_decode(const uint8_t *p, size_t n, struct msg_act_stored *m) SP_MUST_USE;
enum sp_rc msg_act_stored_encode(struct sp_packer *w, const struct msg_act_stored *m) SP_MUST_USE;

/* 60 EnrolRequest: enrol -> keeper; auth none; repeat once; reply EnrolReply. */
#define MSG_ENROL_REQUEST_TOKEN_BYTES 32u
#define MSG_ENROL_REQUEST_CURVE_BYTES 32u
#define MSG_ENROL_REQUEST_SIGN_BYTES 32u
#define MSG_ENROL_REQUEST_PROOF_BYTES 64u
#define MSG_ENROL_REQUEST_BYTES_MAX 169u
struct msg_enrol_request {
    const uint8_t *token; /* 32 bytes: secret of the invitation */
    const uint8_t *curve; /* 32 bytes: CURVE public key of the new worker */
    const uint8_t *sign; /* 32 bytes: its Ed25519 public key */
    const uint8_t *proof; /* 64 bytes: Ed25519 by that key over purpose, token and both keys */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_enrol_request_decode(const uint8_t *p, size_t n, struct msg_enrol_request *m) SP_MUST_USE;
enum sp_rc msg_enrol_request_encode(struct sp_packer *w, const struct msg_enrol_request *m) SP_MUST_USE;

/* 61 EnrolReply: keeper -> enrol; auth sign; repeat harmless; reply none. */
#define MSG_ENROL_REPLY_NAME_MAX 40u
#define MSG_ENROL_REPLY_ADAPTERS_MAX 512u
#define MSG_ENROL_REPLY_LABELS_MAX 255u
#define MSG_ENROL_REPLY_DETAIL_MAX 128u
#define MSG_ENROL_REPLY_BYTES_MAX 948u
struct msg_enrol_reply {
    uint16_t code; /* enum refusal */
    struct sp_str name; /* text, at most 40: principal name given */
    struct sp_str adapters; /* text, at most 512: scope */
    struct sp_str labels; /* text, at most 255: worker labels to announce */
    struct sp_str detail; /* text, at most 128: for people */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_enrol_reply_decode(const uint8_t *p, size_t n, struct msg_enrol_reply *m) SP_MUST_USE;
enum sp_rc msg_enrol_reply_encode(struct sp_packer *w, const struct msg_enrol_reply *m) SP_MUST_USE;

/* 62 PrincipalSet: keeper -> broker, scheduler; auth sign; repeat harmless; reply none. */
#define MSG_PRINCIPAL_SET_PRINCIPALS_MAX 128u
#define MSG_PRINCIPAL_SET_BYTES_MAX 125587u
struct msg_principal_set {
    uint64_t version; /* registry version after the last part */
    uint32_t part; /* from 0 */
    bool last; /* last part; principals not named in any part and not in the file are gone */
    struct sp_list principals; /* of rec_principal, at most 128: all principals the keeper knows */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_principal_set_decode(const uint8_t *p, size_t n, struct msg_principal_set *m) SP_MUST_USE;
enum sp_rc msg_principal_set_encode(struct sp_packer *w, const struct msg_principal_set *m) SP_MUST_USE;
enum sp_rc msg_principal_set_begin(struct sp_packer *w, const struct msg_principal_set *m) SP_MUST_USE;
enum sp_rc msg_principal_set_end(struct sp_packer *w) SP_MUST_USE;

/* 70 EvidenceRequest: worker, operator -> attester; auth pair; repeat harmless; reply Evidence. */
#define MSG_EVIDENCE_REQUEST_NODE_MAX 64u
#define MSG_EVIDENCE_REQUEST_KIND_MAX 32u
#define MSG_EVIDENCE_REQUEST_NONCE_BYTES 32u
#define MSG_EVIDENCE_REQUEST_ARGS_MAX 16384u
#define MSG_EVIDENCE_REQUEST_BYTES_MAX 16545u
struct msg_evidence_request {
    uint64_t id; /* sender's number of the question; its document is made once */
    struct sp_str node; /* text, at most 64: node it is about */
    struct sp_str kind; /* text, at most 32: what is wanted */
    const uint8_t *nonce; /* 32 bytes: fresh; goes into whatever the node signs */
    struct sp_str args; /* text, at most 16384: a JSON object */
    uint64_t offset; /* where in the document the part begins; 0 makes the document */
    uint32_t expires_ms; /* nobody waits for the answer any longer than this */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_evidence_request_decode(const uint8_t *p, size_t n, struct msg_evidence_request *m) SP_MUST_USE;
enum sp_rc msg_evidence_request_encode(struct sp_packer *w, const struct msg_evidence_request *m) SP_MUST_USE;

/* 71 Evidence: attester -> worker, operator; auth pair; repeat harmless; reply none. */
#define MSG_EVIDENCE_NODE_MAX 64u
#define MSG_EVIDENCE_KIND_MAX 32u
#define MSG_EVIDENCE_NONCE_BYTES 32u
#define MSG_EVIDENCE_PART_MAX 196608u
#define MSG_EVIDENCE_DETAIL_MAX 256u
#define MSG_EVIDENCE_BYTES_MAX 197037u
struct msg_evidence {
    uint64_t id; /* from the request */
    struct sp_str node; /* text, at most 64: from the request */
    struct sp_str kind; /* text, at most 32: from the request */
    const uint8_t *nonce; /* 32 bytes: from the request */
    uint16_t code; /* enum reason; ok: what follows is of the document */
    uint64_t total; /* bytes of the document */
    uint64_t offset; /* from the request */
    struct sp_str part; /* bytes, at most 196608: the document from there on */
    struct sp_str detail; /* text, at most 256: for people, with a code */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_evidence_decode(const uint8_t *p, size_t n, struct msg_evidence *m) SP_MUST_USE;
enum sp_rc msg_evidence_encode(struct sp_packer *w, const struct msg_evidence *m) SP_MUST_USE;

/* 72 IdentityGet: worker, operator -> keeper; auth none; repeat harmless; reply Identity. */
#define MSG_IDENTITY_GET_NODE_MAX 64u
#define MSG_IDENTITY_GET_BYTES_MAX 72u
struct msg_identity_get {
    struct sp_str node; /* text, at most 64: node name */
    uint32_t generation; /* of the node, from the ticket; 0: the one in force */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_identity_get_decode(const uint8_t *p, size_t n, struct msg_identity_get *m) SP_MUST_USE;
enum sp_rc msg_identity_get_encode(struct sp_packer *w, const struct msg_identity_get *m) SP_MUST_USE;

/* 73 Identity: keeper -> worker, operator; auth sign; repeat harmless; reply none. */
#define MSG_IDENTITY_NODE_MAX 64u
#define MSG_IDENTITY_ATTESTER_MAX 40u
#define MSG_IDENTITY_SIGN_MAX 32u
#define MSG_IDENTITY_AK_MAX 512u
#define MSG_IDENTITY_EK_MAX 32u
#define MSG_IDENTITY_BYTES_MAX 702u
struct msg_identity {
    struct sp_str node; /* text, at most 64: from the request */
    uint32_t generation; /* of the node when this was said */
    uint16_t code; /* enum refusal; none: what follows is the node's; not_found: it is not enrolled */
    struct sp_str attester; /* text, at most 40: principal name of its attester */
    struct sp_str sign; /* bytes, at most 32: Ed25519 public key of the attester */
    struct sp_str ak; /* bytes, at most 512: attestation key, TPM2B_PUBLIC; empty: no TPM is enrolled */
    struct sp_str ek; /* bytes, at most 32: SHA-256 of the certificate of the endorsement key, or of the key itself with first_use */
    uint8_t mode; /* enum enrolment */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_identity_decode(const uint8_t *p, size_t n, struct msg_identity *m) SP_MUST_USE;
enum sp_rc msg_identity_encode(struct sp_packer *w, const struct msg_identity *m) SP_MUST_USE;

/* 74 PrincipalGet: attester -> keeper; auth none; repeat harmless; reply PrincipalInfo. */
#define MSG_PRINCIPAL_GET_NAME_MAX 40u
#define MSG_PRINCIPAL_GET_NONCE_BYTES 16u
#define MSG_PRINCIPAL_GET_BYTES_MAX 61u
struct msg_principal_get {
    struct sp_str name; /* text, at most 40: principal whose message the attester cannot judge yet */
    const uint8_t *nonce; /* 16 bytes: fresh; echoed */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_principal_get_decode(const uint8_t *p, size_t n, struct msg_principal_get *m) SP_MUST_USE;
enum sp_rc msg_principal_get_encode(struct sp_packer *w, const struct msg_principal_get *m) SP_MUST_USE;

/* 75 PrincipalInfo: keeper -> attester; auth sign; repeat harmless; reply none. */
#define MSG_PRINCIPAL_INFO_NAME_MAX 40u
#define MSG_PRINCIPAL_INFO_NONCE_BYTES 16u
#define MSG_PRINCIPAL_INFO_BYTES_MAX 1045u
struct msg_principal_info {
    struct sp_str name; /* text, at most 40: from the request */
    const uint8_t *nonce; /* 16 bytes: from the request; so that no broker brings back somebody who was revoked */
    uint16_t code; /* enum refusal; none: it may ask about the node of this attester; scope: it may not; not_found: nobody */
    struct rec_principal principal; /* with a code: all empty */
    uint32_t extra; /* decode: elements skipped because this version does not know them */
};
enum sp_rc msg_principal_info_decode(const uint8_t *p, size_t n, struct msg_principal_info *m) SP_MUST_USE;
enum sp_rc msg_principal_info_encode(struct sp_packer *w, const struct msg_principal_info *m) SP_MUST_USE;

#endif
