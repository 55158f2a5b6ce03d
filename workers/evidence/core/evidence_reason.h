/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_reason.h - why evidence was refused: one code for each check, with the outcome a result may have for it. Pure.
 *
 * What the node's TPM has signed for our own question, held against the policy and against the log that came with it, counts
 * against the node (fail). What could be anybody's, or is no evidence at all, says nothing about the node (error): it leaves the
 * pool then as well, but nobody acts on it. So a caller gives to these functions only what it knows to come from the node's own
 * attester.
 */
#ifndef SPICE_EVIDENCE_REASON_H
#define SPICE_EVIDENCE_REASON_H

#include "msg.h"

/* enumerator, name in results and logs, outcome, text for people */
#define EVIDENCE_REASON_LIST(X)                                                                                                    \
    X(EVIDENCE_OK, "ok", SP_OUTCOME_PASS, "all checks passed")                                                                     \
    X(EVIDENCE_AK_MALFORMED, "ak-malformed", SP_OUTCOME_ERROR, "attestation key is no public area of a TPM")                       \
    X(EVIDENCE_AK_TYPE, "ak-type", SP_OUTCOME_ERROR, "attestation key is neither RSA-2048 nor ECC P-256")                          \
    X(EVIDENCE_AK_SCHEME, "ak-scheme", SP_OUTCOME_ERROR, "attestation key does not fix a signing scheme with SHA-256")             \
    X(EVIDENCE_AK_ATTRIBUTES, "ak-attributes", SP_OUTCOME_ERROR,                                                                   \
      "attestation key may sign what the TPM did not make, or may leave it")                                                       \
    X(EVIDENCE_EK_MALFORMED, "ek-malformed", SP_OUTCOME_ERROR, "endorsement key or its certificate does not decode")               \
    X(EVIDENCE_EK_CHAIN, "ek-chain", SP_OUTCOME_ERROR, "certificate of the endorsement key does not lead to a known maker")        \
    X(EVIDENCE_EK_USAGE, "ek-usage", SP_OUTCOME_ERROR, "certificate is not one of an endorsement key")                             \
    X(EVIDENCE_EK_KEY, "ek-key", SP_OUTCOME_ERROR, "certificate is of another key")                                                \
    X(EVIDENCE_EK_TEMPLATE, "ek-template", SP_OUTCOME_ERROR, "endorsement key is not as the specification has it")                 \
    X(EVIDENCE_EK_PIN, "ek-pin", SP_OUTCOME_ERROR, "certificate is not the one listed for this node")                              \
    X(EVIDENCE_QUOTE_MALFORMED, "quote-malformed", SP_OUTCOME_ERROR, "statement does not decode")                                  \
    X(EVIDENCE_QUOTE_MAGIC, "quote-magic", SP_OUTCOME_ERROR, "statement was not made by a TPM")                                    \
    X(EVIDENCE_QUOTE_TYPE, "quote-type", SP_OUTCOME_ERROR, "statement is not a quote")                                             \
    X(EVIDENCE_SIGNATURE_MALFORMED, "signature-malformed", SP_OUTCOME_ERROR, "signature does not decode")                          \
    X(EVIDENCE_QUOTE_SCHEME, "quote-scheme", SP_OUTCOME_ERROR, "signature has another scheme or hash than the enrolled key")       \
    X(EVIDENCE_QUOTE_SIGNATURE, "quote-signature", SP_OUTCOME_ERROR, "signature does not verify under the enrolled key")           \
    X(EVIDENCE_QUOTE_NONCE, "quote-nonce", SP_OUTCOME_ERROR, "quote answers another question")                                     \
    X(EVIDENCE_QUOTE_SIGNER, "quote-signer", SP_OUTCOME_ERROR, "quote names another key, parent or hierarchy than enrolled")       \
    X(EVIDENCE_QUOTE_SELECTION, "quote-selection", SP_OUTCOME_ERROR, "quote covers other PCRs or another bank than asked")         \
    X(EVIDENCE_QUOTE_DIGEST, "quote-digest", SP_OUTCOME_ERROR, "reported PCR values are not the quoted ones")                      \
    X(EVIDENCE_PCRS_MALFORMED, "pcrs-malformed", SP_OUTCOME_ERROR,                                                                 \
      "list of PCR values does not decode, or is not of the PCRs asked")                                                           \
    X(EVIDENCE_RESET_BACK, "reset-back", SP_OUTCOME_FAIL,                                                                          \
      "reset or restart counter went back: state of the TPM was put back or cleared")                                              \
    X(EVIDENCE_CLOCK_BACK, "clock-back", SP_OUTCOME_FAIL, "clock of the TPM went back within one boot")                            \
    X(EVIDENCE_LOG_MALFORMED, "log-malformed", SP_OUTCOME_ERROR, "boot log does not decode")                                       \
    X(EVIDENCE_LOG_LIMIT, "log-limit", SP_OUTCOME_ERROR, "boot log is larger than allowed")                                        \
    X(EVIDENCE_LOG_BANK, "log-bank", SP_OUTCOME_ERROR, "boot log has no digests for the quoted bank")                              \
    X(EVIDENCE_LOG_LOCALITY, "log-locality", SP_OUTCOME_ERROR, "boot log names a start-up locality too late, twice or wrongly")    \
    X(EVIDENCE_LOG_PCR, "log-pcr", SP_OUTCOME_FAIL, "boot log does not lead to the quoted PCR values")                             \
    X(EVIDENCE_LOG_DATA, "log-data", SP_OUTCOME_FAIL, "data of an event of the boot log is not what was measured")                 \
    X(EVIDENCE_LOG_SEPARATOR, "log-separator", SP_OUTCOME_FAIL, "firmware did not end its part of the boot in good order")         \
    X(EVIDENCE_IMA_MALFORMED, "ima-malformed", SP_OUTCOME_ERROR, "measurement list does not decode")                               \
    X(EVIDENCE_IMA_LIMIT, "ima-limit", SP_OUTCOME_ERROR, "measurement list is larger than allowed")                                \
    X(EVIDENCE_IMA_TEMPLATE, "ima-template", SP_OUTCOME_ERROR, "measurement list has a template nobody knows")                     \
    X(EVIDENCE_IMA_INDEX, "ima-index", SP_OUTCOME_FAIL, "an entry of the measurement list names another PCR than 10")              \
    X(EVIDENCE_IMA_HASH, "ima-hash", SP_OUTCOME_FAIL, "digest of an entry of the measurement list is not that of its data")        \
    X(EVIDENCE_IMA_BUFFER, "ima-buffer", SP_OUTCOME_FAIL, "a measured buffer is not what was measured")                            \
    X(EVIDENCE_IMA_PCR, "ima-pcr", SP_OUTCOME_FAIL, "measurement list does not lead to the quoted PCR 10")                         \
    X(EVIDENCE_IMA_AGGREGATE, "ima-aggregate", SP_OUTCOME_FAIL, "measurement list does not begin with the quoted boot")            \
    X(EVIDENCE_IMA_SECOND, "ima-second", SP_OUTCOME_FAIL,                                                                          \
      "measurement list begins a second time: another kernel was started in this boot")                                            \
    X(EVIDENCE_IMA_VIOLATION, "ima-violation", SP_OUTCOME_FAIL, "a file was written while it was measured")                        \
    X(EVIDENCE_REFERENCE_NONE, "reference-none", SP_OUTCOME_ERROR, "there are no reference values")                                \
    X(EVIDENCE_REFERENCE_UNQUOTED, "reference-unquoted", SP_OUTCOME_ERROR, "a PCR that is to be judged is not in the quote")       \
    X(EVIDENCE_REFERENCE_PCR, "reference-pcr", SP_OUTCOME_FAIL, "a PCR has none of its reference values")                          \
    X(EVIDENCE_REFERENCE_FIRMWARE, "reference-firmware", SP_OUTCOME_FAIL,                                                          \
      "firmware of the TPM has another version than its reference values")                                                         \
    X(EVIDENCE_REFERENCE_RETIRED, "reference-retired", SP_OUTCOME_FAIL,                                                            \
      "values are those of a reference that is not in force now")                                                                  \
    X(EVIDENCE_PROCMEM_MALFORMED, "procmem-malformed", SP_OUTCOME_ERROR,                                                           \
      "description of processes does not decode, or is of other services than asked")                                              \
    X(EVIDENCE_PROCMEM_TEXT, "procmem-text", SP_OUTCOME_FAIL, "code in memory differs from the file it came from")                 \
    X(EVIDENCE_PROCMEM_PRELOAD, "procmem-preload", SP_OUTCOME_FAIL, "libraries are put before those of a service")                 \
    X(EVIDENCE_PROCMEM_TRACER, "procmem-tracer", SP_OUTCOME_FAIL, "a process of a service is traced")                              \
    X(EVIDENCE_PROCMEM_WRITABLE, "procmem-writable", SP_OUTCOME_FAIL, "memory of a service is writable and executable")            \
    X(EVIDENCE_PROCMEM_MEMFD, "procmem-memfd", SP_OUTCOME_FAIL, "a service executes a file that is in memory only")                \
    X(EVIDENCE_PROCMEM_ANONYMOUS, "procmem-anonymous", SP_OUTCOME_FAIL, "a service executes memory of no file")                    \
    X(EVIDENCE_PROCMEM_SPECIAL, "procmem-special", SP_OUTCOME_FAIL,                                                                \
      "a service has an executable region of the kernel that is not usual")                                                        \
    X(EVIDENCE_PROCMEM_DELETED, "procmem-deleted", SP_OUTCOME_FAIL, "a service executes a file that was deleted")                  \
    X(EVIDENCE_PROCMEM_DIGEST, "procmem-digest", SP_OUTCOME_FAIL, "a service executes another file than the expected one")         \
    X(EVIDENCE_PROCMEM_UNLISTED, "procmem-unlisted", SP_OUTCOME_FAIL, "a service executes a file that is not listed")              \
    X(EVIDENCE_PROCMEM_LIBRARY, "procmem-library", SP_OUTCOME_FAIL, "a service executes a file that is not for this service")      \
    X(EVIDENCE_PROCMEM_PROGRAM, "procmem-program", SP_OUTCOME_FAIL, "a process of a service runs another program")                 \
    X(EVIDENCE_PROCMEM_USER, "procmem-user", SP_OUTCOME_FAIL, "a process of a service runs as another user")                       \
    X(EVIDENCE_PROCMEM_COUNT, "procmem-count", SP_OUTCOME_FAIL, "a service has more processes than expected")                      \
    X(EVIDENCE_PROCMEM_MISSING, "procmem-missing", SP_OUTCOME_FAIL, "a service has fewer processes than expected")                 \
    X(EVIDENCE_PROCMEM_DENIED, "procmem-denied", SP_OUTCOME_ERROR, "the attester may not read the memory of a service")            \
    X(EVIDENCE_PROCMEM_MOVING, "procmem-moving", SP_OUTCOME_ERROR, "a process changed each time it was looked at")                 \
    X(EVIDENCE_PROCMEM_UNREAD, "procmem-unread", SP_OUTCOME_ERROR, "a file or memory of a service could not be read")              \
    X(EVIDENCE_PROCMEM_LIMIT, "procmem-limit", SP_OUTCOME_ERROR, "a service has more than the attester writes down")               \
    X(EVIDENCE_PROCMEM_UNKNOWN, "procmem-unknown", SP_OUTCOME_ERROR, "the attester does not look at this service")                 \
    X(EVIDENCE_IMA_UNLISTED, "ima-unlisted", SP_OUTCOME_FAIL, "something was measured that the policy does not list")              \
    X(EVIDENCE_IMA_DIGEST, "ima-digest", SP_OUTCOME_FAIL, "a measured file has none of the digests of the policy")                 \
    X(EVIDENCE_IMA_SIGNATURE, "ima-signature", SP_OUTCOME_FAIL, "no known key has signed a measured file")                         \
    X(EVIDENCE_IMA_KEYRING, "ima-keyring", SP_OUTCOME_FAIL, "a key that the policy does not list was loaded onto a keyring")       \
    X(EVIDENCE_IMA_PENDING, "ima-pending", SP_OUTCOME_ERROR, "entries of the last check have still not reached PCR 10")

enum evidence_reason {
#define EVIDENCE_REASON_ENUM(code, name, outcome, text) code,
    EVIDENCE_REASON_LIST(EVIDENCE_REASON_ENUM)
#undef EVIDENCE_REASON_ENUM
        EVIDENCE_REASON_COUNT
};

/* On the wire a reason is EVIDENCE_WIRE + its number here (enum reason of schemas/spice.model, with the same words), so numbers are
 * permanent: what is added goes to the end, there as well. */
#define EVIDENCE_WIRE 50u

/* Returns the enum sp_reason for it; EVIDENCE_OK is ok. */
uint16_t evidence_reason_wire(enum evidence_reason reason);
/* Lends: the name, as in results, logs and tests. */
const char *evidence_reason_name(enum evidence_reason reason);
/* Lends: one sentence for people. */
const char *evidence_reason_text(enum evidence_reason reason);
/* Returns the outcome of a check that ended with it. */
enum sp_outcome evidence_reason_outcome(enum evidence_reason reason);

#endif
