/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oat_answer.h - the words of OpenAttestation: PollHosts request and answer, time stamps, and when a verdict is believed. Part of the oat
 * adapter; no I/O, no clock. Shapes as documented for 1.0 to 1.7 and 2.0 to 2.3.
 */
#ifndef SPICE_OAT_ANSWER_H
#define SPICE_OAT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OAT_HOSTS_MAX        1000u /* per request */
#define OAT_NAME_MAX         255u  /* bytes of a host name */
#define OAT_DETAIL_MAX       512u  /* text kept per host */
#define OAT_ANSWER_BYTES_MAX (4u << 20)
#define OAT_NO_TIME          INT64_MIN
#define OAT_SLACK_MS         2000 /* the Date header counts whole seconds, and its second may just have begun */

enum oat_level { OAT_TRUSTED, OAT_UNTRUSTED, OAT_UNKNOWN, OAT_TIMEOUT, OAT_PENDING, OAT_ODD, OAT_ABSENT };

struct oat_verdict {
    enum oat_level level;        /* ODD: no word of the protocol, or two answers for one host; ABSENT: no entry */
    int64_t vtime_ms;            /* since 1970 UTC; OAT_NO_TIME: missing or not understood */
    bool bad_vtime;              /* present, but not understood */
    char detail[OAT_DETAIL_MAX]; /* report_is_valid, url and analysis results in short, "" when none */
};

/* Words of a fault answer. */
struct oat_fault {
    bool host_not_found;
    char text[256];
};

/* Effect: the JSON text of a PollHosts request for `count` names. pcr_mask and analysis may be NULL; `version2` chooses the spelling of
 * the mask. Gives (free it); NULL: no memory, or a name is not UTF-8. */
char *oat_request(const char *const *names, size_t count, const char *pcr_mask, const char *analysis, bool version2);

/* Effect: fills verdict[i] for names[i] from the answer's body of n bytes. False: not an answer of PollHosts, `why` (256 bytes) says what
 * is wrong; all verdicts are ABSENT then. */
bool oat_answer(const char *body, size_t n, const char *const *names, size_t count, struct oat_verdict *verdict, char *why);

/* Effect: reads a fault body of either generation; anything else gives its first words. */
void oat_fault(const char *body, size_t n, struct oat_fault *out);

/* Effect: *ms = the instant of a vtime: XML dateTime with or without colon in the zone, without zone (UTC), or the C locale's %c (UTC).
 * False: none of these. */
bool oat_vtime(const char *text, int64_t *ms);

/* When a verdict speaks about now. All times in ms since 1970 by the *verifier's* clock. */
struct oat_freshness {
    int64_t vtime_ms;
    int64_t previous_ms; /* vtime of the last believed verdict for this host, OAT_NO_TIME: none */
    int64_t date_ms;     /* Date header of the answer, OAT_NO_TIME: none */
    int64_t elapsed_ms;  /* from our request to that answer, by our clock */
};
/* True when the verdict was made after our request began. NULL or a reason for people in *why. */
bool oat_is_fresh(const struct oat_freshness *f, const char **why);

#endif
