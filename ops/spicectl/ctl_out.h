/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output for people: safe against control characters in texts that come from plugins and peers, coloured only on a
 * terminal, and aware of how many columns a character takes.
 */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CTL_OUT_SAFE_MAX 4096 /* bytes of one text after making it safe, with the closing zero */

enum ctl_tone { CTL_PLAIN, CTL_GOOD, CTL_WARN, CTL_BAD, CTL_DIM, CTL_BOLD };

struct ctl_out {
    FILE *file;  /* borrowed */
    bool colour; /* terminal that wants colours */
    int columns; /* width of the terminal; 0: not a terminal, print in full */
};

/* Fits out to file (borrows): a terminal gets colours unless NO_COLOR is set or TERM is "dumb". */
void ctl_out_init(struct ctl_out *out, FILE *file);

/* printf; the format is ours, arguments that come from elsewhere must be made safe first. */
void ctl_out_print(struct ctl_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints text in a tone. Borrows. */
void ctl_out_tone(struct ctl_out *out, enum ctl_tone tone, const char *text);

/* Tone of a tier, outcome, state or verdict word. Borrows. */
enum ctl_tone ctl_out_tone_of(const char *word);

/* Copies text to buffer with every control, bidirectional or invalid byte shown as \xNN, cut with an
 * ellipsis when it does not fit; returns buffer. size > 8. Borrows. */
char *ctl_out_safe(char *buffer, size_t size, const char *text);

/* Columns that safe text takes on a terminal. Borrows. */
size_t ctl_out_width(const char *text);

/* Bytes of the longest head of text that takes at most width columns. Borrows. */
size_t ctl_out_head(const char *text, size_t width);

#endif
