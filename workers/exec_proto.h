/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_proto.h - what a worker and its spawn helper (spice-exec) say to each other.
 *
 * One SOCK_SEQPACKET socketpair per helper. A packet holds whole records, back to back, each padded to 8 bytes; both sides put
 * as many records into a packet as they have. Numbers are native: both ends are one program build on one machine. A packet
 * with a descriptor (SCM_RIGHTS) holds exactly one record, EXEC_LOAD or EXEC_STARTED.
 *
 * The helper trusts the worker. The worker does not trust output bytes, and checks every length it reads.
 */
#ifndef SPICE_EXEC_PROTO_H
#define SPICE_EXEC_PROTO_H

#include <stdint.h>

#define EXEC_PROTO_VERSION  2u
#define EXEC_SOCKET_FD      3              /* the helper's end, by convention of its start */
#define EXEC_PACKET_MAX     65536u         /* bytes of one packet */
#define EXEC_PLUGINS_MAX    1024u          /* plugin numbers are below this */
#define EXEC_SLOTS_MAX      4096u          /* runs at once in one helper */
#define EXEC_ARGS_MAX       64u            /* arguments of one run, argv[0] included */
#define EXEC_ARGS_BYTES_MAX 16384u         /* bytes of all arguments with their NULs */
#define EXEC_OUTPUT_MAX     16384u         /* most bytes of output one run may be allowed */
#define EXEC_OUTPUT_DEFAULT 8192u          /* what a run is allowed when nothing else is said */
#define EXEC_MEMORY_MB      512u           /* address space of one process when nothing else is said */
#define EXEC_MEMORY_MB_MIN  16u            /* less address space than that starts nothing; 0 is no limit */
#define EXEC_TIMEOUT_US_MAX 86400000000ull /* longest run */
#define EXEC_GRACE_US       250000u        /* the helper's own deadline is a second line: the worker cancels first */
#define EXEC_TEXT_MAX       240u           /* bytes of the text of EXEC_FATAL and EXEC_NOTE */
#define EXEC_USER_DEFAULT   65534u         /* user and group of plugins when nothing else is said */
#define EXEC_DIR_BYTES      24u            /* name of a plugin's writable directory, with its NUL */

enum exec_type {
    /* worker -> helper */
    EXEC_LOAD = 1,   /* plugin number := the descriptor that comes along; replaces an older one */
    EXEC_UNLOAD = 2, /* forget a plugin number */
    EXEC_SPAWN = 3,  /* start one run */
    EXEC_CANCEL = 4, /* kill one run; nothing is answered */
    /* helper -> worker */
    EXEC_HELLO = 16,   /* first record: what this helper can do */
    EXEC_RESULT = 17,  /* a run has ended */
    EXEC_STARTED = 18, /* a resident plugin runs; its socket comes along */
    EXEC_FATAL = 19,   /* the helper cannot work; it exits */
    EXEC_NOTE = 20     /* a sentence for the worker's log */
};

struct exec_record {
    uint16_t type; /* enum exec_type */
    uint16_t flags;
    uint32_t bytes; /* of the whole record with padding; a multiple of 8 */
};

#define EXEC_LOAD_SCRIPT        1u /* the file starts with #!: it is reached through /dev/fd by its interpreter */
#define EXEC_SPAWN_RESIDENT     1u /* stays up; standard input and output are one socket, given to the worker */
#define EXEC_SPAWN_CLOSED_STDIN 2u /* standard input is closed instead of /dev/null (contract suite) */

struct exec_load {
    struct exec_record record;
    uint32_t plugin;
    uint32_t unused;
    char dir[EXEC_DIR_BYTES]; /* below the helper's --tmp: the one this plugin may write to; made by the worker; "": none */
};

struct exec_spawn {
    struct exec_record record;
    uint64_t run;         /* chosen by the worker, unique while the run lives */
    uint64_t deadline_us; /* CLOCK_MONOTONIC; past it a run is not started any more (ignored for resident plugins) */
    uint32_t plugin;
    uint32_t output_max; /* bytes; one more and the run is killed */
    uint16_t argc;
    uint16_t args_bytes; /* argc texts, each with its NUL, follow */
    uint32_t unused;
};

struct exec_cancel {
    struct exec_record record;
    uint64_t run;
};

/* How a run ended. */
enum exec_end {
    EXEC_END_EXIT = 0,     /* code = exit status */
    EXEC_END_SIGNAL = 1,   /* code = signal */
    EXEC_END_DEADLINE = 2, /* killed by the helper */
    EXEC_END_OUTPUT = 3,   /* wrote more than allowed, killed */
    EXEC_END_SPAWN = 4,    /* never ran; code = errno */
    EXEC_END_BUSY = 5,     /* no slot in the helper */
    EXEC_END_COUNT
};

struct exec_result {
    struct exec_record record;
    uint64_t run;
    uint32_t wall_us;
    uint32_t cpu_us; /* user and system time of the plugin and the children it waited for */
    int32_t code;
    uint8_t end;           /* enum exec_end */
    uint8_t left_behind;   /* 1: something of this run outlived its main process and was killed */
    uint16_t output_bytes; /* follow */
};

struct exec_started {
    struct exec_record record;
    uint64_t run;
    uint32_t pid;
    uint32_t unused;
};

#define EXEC_HAS_SECCOMP   1u
#define EXEC_HAS_CGROUP    2u
#define EXEC_HAS_ISOLATION 4u /* runs cannot reach each other */

struct exec_hello {
    struct exec_record record;
    uint32_t version;
    uint32_t pid;
    uint32_t has;      /* bit mask of EXEC_HAS_ */
    uint32_t landlock; /* ABI in use, 0 = none */
    uint32_t slots;
    uint32_t uid; /* user the plugins run as */
};

struct exec_text {
    struct exec_record record; /* EXEC_FATAL, EXEC_NOTE; the text without NUL follows */
    uint32_t text_bytes;
    uint32_t unused;
};

#define EXEC_PAD(bytes) (((uint32_t)(bytes) + 7u) & ~7u)

#endif
