/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_log.h"

#include "sp_assert.h"

#define SHA1_BYTES    20u
#define PADDING_LEAST 8u /* bytes of one value that no event begins with */

static const char spec_id[16] = "Spec ID Event03";
static const char locality_id[16] = "StartupLocality";

static bool starts_with(struct sp_str data, const char id[16])
{
    return data.n >= 16 && memcmp(data.p, id, 16) == 0;
}

/* An event that measures nothing may name no PCR: Windows ends its part of a log so. */
static bool is_place(const struct boot_event *event)
{
    return event->pcr < TPM_PCRS || (event->pcr == BOOT_NO_PCR && event->type == BOOT_EV_NO_ACTION);
}

/* The old form, which the first event always has. */
static void read_old(struct octets *o, struct boot_event *event)
{
    event->pcr = (uint32_t)octets_le(o, 4);
    event->type = (uint32_t)octets_le(o, 4);
    event->digests = 1;
    event->digest[0].alg = TPM_ALG_SHA1;
    event->digest[0].p = octets_take(o, SHA1_BYTES);
    event->data = octets_view(o, (size_t)octets_le(o, 4));
    if (!is_place(event)) {
        o->bad = true;
    }
}

/* Algorithms and sizes of the digests of all events. */
static bool read_banks(struct boot_log *log, struct sp_str data)
{
    struct octets o = octets_of(data);
    (void)octets_take(&o, sizeof spec_id + 4 + 4); /* signature, platform class, version, errata, size of a uintn */
    uint64_t count = octets_le(&o, 4);
    if (count == 0 || count > BOOT_LOG_BANKS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint16_t alg = (uint16_t)octets_le(&o, 2);
        uint16_t bytes = (uint16_t)octets_le(&o, 2);
        uint32_t known = tpm_alg_bytes(alg);
        for (uint32_t k = 0; k < log->banks; k++) {
            o.bad = o.bad || log->bank[k].alg == alg;
        }
        if (bytes == 0 || bytes > TPM_DIGEST_MAX || (known != 0 && known != bytes)) {
            o.bad = true;
        }
        log->bank[log->banks].alg = alg;
        log->bank[log->banks++].bytes = bytes;
    }
    (void)octets_take(&o, (size_t)octets_le(&o, 1)); /* the vendor's own */
    return octets_end(&o);
}

enum evidence_reason boot_log_open(struct boot_log *log, struct sp_str bytes)
{
    struct boot_event first = {0};
    *log = (struct boot_log){.rest = octets_of(bytes)};
    if (bytes.n > BOOT_LOG_BYTES_MAX) {
        log->rest.bad = true;
        return EVIDENCE_LOG_LIMIT;
    }
    struct octets ahead = log->rest;
    read_old(&ahead, &first);
    if (ahead.bad) {
        log->rest.bad = true;
        return EVIDENCE_LOG_MALFORMED;
    }
    if (first.type != BOOT_EV_NO_ACTION || !starts_with(first.data, spec_id)) {
        log->banks = 1;
        log->bank[0].alg = TPM_ALG_SHA1;
        log->bank[0].bytes = SHA1_BYTES;
        return EVIDENCE_OK;
    }
    log->agile = true;
    log->rest = ahead;
    if (!read_banks(log, first.data)) {
        log->rest.bad = true;
        return EVIDENCE_LOG_MALFORMED;
    }
    return EVIDENCE_OK;
}

/* Firmware fills what it did not use of the log's memory with ones or zeros. */
static bool is_padding(const struct octets *o)
{
    uint8_t fill = o->n > 0 ? o->p[0] : 1;
    if (fill != 0xff && fill != 0) {
        return false;
    }
    for (size_t i = 0; i < PADDING_LEAST && i < o->n; i++) { /* nearly always decided here */
        if (o->p[i] != fill) {
            return false;
        }
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->p[i] != fill) {
            return false;
        }
    }
    return true;
}

static uint32_t bytes_of(const struct boot_log *log, uint16_t alg)
{
    for (uint32_t i = 0; i < log->banks; i++) {
        if (log->bank[i].alg == alg) {
            return log->bank[i].bytes;
        }
    }
    return 0;
}

static void read_agile(struct boot_log *log, struct boot_event *event)
{
    struct octets *o = &log->rest;
    event->pcr = (uint32_t)octets_le(o, 4);
    event->type = (uint32_t)octets_le(o, 4);
    uint64_t count = octets_le(o, 4);
    if (!is_place(event) || count == 0 || count > log->banks) {
        o->bad = true;
    }
    for (uint64_t i = 0; !o->bad && i < count; i++) {
        uint16_t alg = (uint16_t)octets_le(o, 2);
        uint32_t bytes = bytes_of(log, alg);
        if (bytes == 0 || boot_event_digest(event, alg) != NULL) { /* of unknown length, or twice */
            o->bad = true;
        }
        event->digest[i].alg = alg;
        event->digest[i].p = octets_take(o, bytes);
        event->digests++;
    }
    event->data = octets_view(o, (size_t)octets_le(o, 4));
}

bool boot_log_next(struct boot_log *log, struct boot_event *event, enum evidence_reason *reason)
{
    *event = (struct boot_event){0};
    if (log->rest.n > 0 && !log->rest.bad && !is_padding(&log->rest)) {
        if (log->agile) {
            read_agile(log, event);
        } else {
            read_old(&log->rest, event);
        }
        if (!log->rest.bad) {
            log->events++;
            return true;
        }
        *event = (struct boot_event){0};
    }
    *reason = log->rest.bad ? EVIDENCE_LOG_MALFORMED : EVIDENCE_OK;
    return false;
}

const uint8_t *boot_event_digest(const struct boot_event *event, uint16_t alg)
{
    for (uint32_t i = 0; i < event->digests; i++) {
        if (event->digest[i].alg == alg) {
            return event->digest[i].p;
        }
    }
    return NULL;
}

bool boot_event_locality(const struct boot_event *event, uint8_t *locality)
{
    if (event->type != BOOT_EV_NO_ACTION || !starts_with(event->data, locality_id)) {
        return false;
    }
    *locality = event->pcr == 0 && event->data.n == sizeof locality_id + 1 ? (uint8_t)event->data.p[sizeof locality_id] : 0xff;
    return true;
}
