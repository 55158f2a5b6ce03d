/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_log.h - reads the boot event log of a TPM 2.0 machine (TCG PC client: crypto-agile, or the older form with SHA-1 only), as
 * Linux gives it in binary_bios_measurements. One event after the other, without allocation; views end with the bytes given. Pure.
 */
#ifndef SPICE_BOOT_LOG_H
#define SPICE_BOOT_LOG_H

#include "evidence_reason.h"
#include "octets.h"
#include "tpm_wire.h"

#define BOOT_LOG_BYTES_MAX (1u << 20)
#define BOOT_LOG_BANKS_MAX 16u
#define BOOT_NO_PCR        0xffffffffu /* of an event that measures nothing */

/* Types of events that the log's reader or its replay look at. */
#define BOOT_EV_NO_ACTION       0x00000003u
#define BOOT_EV_SEPARATOR       0x00000004u
#define BOOT_EV_S_CRTM_VERSION  0x00000008u
#define BOOT_EV_VARIABLE_CONFIG 0x80000001u
#define BOOT_EV_GPT             0x80000006u
#define BOOT_EV_EFI_ACTION      0x80000007u

struct boot_log {
    struct octets rest; /* private */
    bool agile;         /* false: old form, SHA-1 only */
    uint32_t banks;
    struct {
        uint16_t alg, bytes;
    } bank[BOOT_LOG_BANKS_MAX];
    uint32_t events; /* read so far, the header not counted */
};

struct boot_event {
    uint32_t pcr, type; /* pcr: 0 to 23 or, with BOOT_EV_NO_ACTION, BOOT_NO_PCR */
    uint32_t digests;
    struct {
        uint16_t alg;
        const uint8_t *p;
    } digest[BOOT_LOG_BANKS_MAX];
    struct sp_str data;
};

/* Effect: begins; borrows the bytes until the last event was read. LOG_LIMIT or LOG_MALFORMED. */
SP_MUST_USE enum evidence_reason boot_log_open(struct boot_log *log, struct sp_str bytes);
/* Effect: reads the next event. False: there is none, and *reason says whether the log ended in good order. */
bool boot_log_next(struct boot_log *log, struct boot_event *event, enum evidence_reason *reason);
/* Lends: the event's digest of this bank, NULL when it has none. */
const uint8_t *boot_event_digest(const struct boot_event *event, uint16_t alg);
/* True and the number, for the event by which firmware says at which locality it started the TPM. A wrong form gives 0xff. */
bool boot_event_locality(const struct boot_event *event, uint8_t *locality);

#endif
