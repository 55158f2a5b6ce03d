/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that stand for services: an interpreter that does what it is told, one line at a time, and says when it has; and any
 * program. They end with the test. */
#ifndef VICTIM_H
#define VICTIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct victim {
    pid_t pid; /* 0: none */
    int in;    /* its standard input */
    FILE *out; /* its standard output and errors */
};

/* Effect: starts a program with these arguments (the first is its name) and this environment. The test stops when it cannot. */
void victim_start(struct victim *v, const char *program, const char *const *argv, const char *const *envp);
/* Effect: reads lines until one holds this text; the test stops when the output ends before. */
void victim_wait(struct victim *v, const char *text);
/* Effect: writes the service in Python to `path`; it answers "ok" when it has begun, and to each line it has carried out. */
void victim_script(const char *path);
/* Effect: sends the line and waits for "ok". */
void victim_tell(struct victim *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Effect: ends it and waits until it is gone. */
void victim_end(struct victim *v);

/* Returns the start of the n-th executable mapping whose path holds this text, and its length; 0: there is none. */
uint64_t victim_text(const struct victim *v, const char *path, uint64_t *bytes);
/* Effect: exclusive-or of one byte of its memory, which it may not write itself. Returns false when the kernel refuses. */
bool victim_flip(const struct victim *v, uint64_t address);
/* Effect: calls seen with each different file it has mapped executable. */
void victim_files(const struct victim *v, void (*seen)(void *ctx, const char *path), void *ctx);

#endif
