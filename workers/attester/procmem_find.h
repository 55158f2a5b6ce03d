/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procmem_find.h - which processes a service has. A service is one text of this host's configuration:
 *
 *     NAME                     the systemd unit NAME.service
 *     NAME=unit:PATTERN        units, scopes or slices whose name fits (shell pattern), and what is below them
 *     NAME=exe:/PATH           processes of this program
 *     NAME=script:/PATH        processes whose first argument that is no option is this path: programs of an interpreter
 *
 * The first two go by the control group, which a process cannot leave without root's rights. A process writes its own command line,
 * so `script` finds services, not those who hide: a service that no longer looks like itself is missing, which is refused as well.
 */
#ifndef SPICE_PROCMEM_FIND_H
#define SPICE_PROCMEM_FIND_H

#include <sys/types.h>

#include "procmem_doc.h"

#define PROCMEM_FIND_TEXT_MAX 512u

enum procmem_find_by { PROCMEM_FIND_UNIT, PROCMEM_FIND_EXE, PROCMEM_FIND_SCRIPT };

struct procmem_service_spec {
    struct sp_str name;
    enum procmem_find_by by;
    char what[PROCMEM_FIND_TEXT_MAX];
};

/* Effect: reads one text of the configuration, which is borrowed. False: it is none of the forms above. */
bool procmem_find_parse(const char *text, struct procmem_service_spec *out);
/* True when the content of a process's file `cgroup` places it in such a unit. */
bool procmem_find_in_unit(struct sp_str cgroup, const char *pattern);
/* Lends the first argument of a command line (its words end with a NUL each) that is no option and not the program. */
struct sp_str procmem_find_script(struct sp_str cmdline);
/* True when the process behind the descriptor of its directory below /proc is one of the service. *denied: the kernel does not say.
 */
bool procmem_find_match(int dir, const struct procmem_service_spec *spec, bool *denied);

/* Effect: reads at most size bytes of a file below `dir`. Returns their number; -1 with errno. */
ssize_t procmem_find_read(int dir, const char *name, char *to, size_t size);

#endif
