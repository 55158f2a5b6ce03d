/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_resident.h - plugins that stay up and answer one line per check.
 *
 *   asked      ID <TAB> TIMEOUT_MS <TAB> NODE <TAB> ADDRESS <TAB> ARGS-JSON <LF>
 *   answered   ID <TAB> CODE <TAB> TEXT|MEASURES <LF>          any order, any number at once
 *
 * One process per plugin, started with the first question inside the sandbox, its standard input and output one socket that we read
 * and write ourselves. It is killed and started again (back-off) when it ends, when a question is not answered in its time, and
 * when a line is not as above. Answers to questions nobody waits for are counted and ignored. Several processes of one plugin are
 * not offered: whoever needs both cores starts threads.
 */
#ifndef EXEC_RESIDENT_H
#define EXEC_RESIDENT_H

#include "exec_pool.h"
#include "sp_buf.h"

#define EXEC_RESIDENT_LINE_MAX    8192u /* bytes of one answer with its line end */
#define EXEC_RESIDENT_IN_BYTES    65536u
#define EXEC_RESIDENT_OUT_MAX     4194304u /* bytes of questions that wait to be written */
#define EXEC_RESIDENT_WAIT_US     100000u  /* first wait before a restart; doubles */
#define EXEC_RESIDENT_WAIT_MAX_US 10000000u
#define EXEC_RESIDENT_NONE        UINT32_MAX

enum exec_resident_end {
    EXEC_RESIDENT_ANSWER, /* code and text are valid */
    EXEC_RESIDENT_GONE    /* the process ended before it answered */
};

/* One question; embedded by its owner, zeroed before first use. */
struct exec_resident_ask {
    /* Called exactly once unless cancelled; the ask can be used again inside. Lends text (valid UTF-8 is not promised). */
    void (*done)(struct exec_resident_ask *ask, enum exec_resident_end end, int code, struct sp_str text);
    void *arg;
    uint64_t id;      /* private; 0: idle */
    uint32_t process; /* private */
};

struct exec_resident_question {
    const struct exec_plugin *plugin; /* usable */
    uint32_t index;                   /* number of the asker, unique among asks that wait; < asks_max */
    uint32_t timeout_ms;
    const char *node;
    const char *address;
    struct sp_str args; /* JSON list, one line */
};

struct exec_resident_numbers {
    uint64_t asked, answered, unknown, malformed, restarts;
};

struct exec_resident;

/* Effect: room for `processes` plugins and `asks_max` questions at once. Borrows host and pool until destroy. NULL: no memory. */
struct exec_resident *exec_resident_new(const struct sp_adapter_host *host, struct exec_pool *pool, uint32_t processes,
                                        uint32_t asks_max);
/* Effect: ends all processes; done() is not called any more. The pool is still there. */
void exec_resident_destroy(struct exec_resident **self);
/* Effect: asks; written by exec_resident_flush(). False: too many plugins or too much waiting, or a name with control characters.
 */
bool exec_resident_ask(struct exec_resident *self, struct exec_resident_ask *ask, const struct exec_resident_question *q);
/* Effect: nobody waits for the answer any more. With `hung`, its time is over: the process is ended, everybody else's questions
 * come back as GONE. */
void exec_resident_cancel(struct exec_resident *self, struct exec_resident_ask *ask, bool hung);
/* Effect: writes what was asked. */
void exec_resident_flush(struct exec_resident *self);
struct exec_resident_numbers exec_resident_numbers(const struct exec_resident *self);

/* Reads one answer line without its line end. False: not as the protocol says. Lends *text. Pure. */
bool exec_resident_parse(struct sp_str line, uint64_t *id, int *code, struct sp_str *text);

#endif
