/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints: what people compare by eye to know that two keys are the same. */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <stdint.h>

#define CTL_PRINT_BYTES 48 /* a fingerprint with its NUL */

/* Effect: writes the first 16 bytes of SHA-256("SPICE1 fingerprint:" + curve + sign) as eight groups of four digits. Borrows. */
void ctl_print_of(const uint8_t curve[32], const uint8_t sign[32], char to[CTL_PRINT_BYTES]);

#endif
