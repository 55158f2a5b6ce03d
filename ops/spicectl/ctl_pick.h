/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects a command is about: names, names with * and ?, a label selector, or --all; and doing one thing to each
 * of them with one summary and one exit code.
 */
#ifndef CTL_PICK_H
#define CTL_PICK_H

#include "ctl.h"
#include "ctl_fleet.h"

#include <jansson.h>

struct ctl_pick {
    const char *noun;  /* "node"; verbs are noun.list and so on */
    const char *role;  /* who is asked */
    const char *lists; /* verb that lists them when it is not noun.list; NULL: it is */
    json_t *list;      /* the reply of noun.list; NULL when names were enough */
    const char **names;
    size_t count;
    bool open_ended; /* by selector, pattern or --all: the count is worth a question */
    bool resolve;    /* set before open: names must be those of the list, because who is asked next knows no aliases */
};

/* True when the object (a row of a list) is meant by names (globs allowed, aliases of the row too; count 0: by any name) and by --selector.
 * Borrows. */
bool ctl_pick_wants(const struct ctl *ctl, const json_t *row, const char *const *names, size_t count);

/* Gives the rows of a list that are meant. Takes list. False: the selector is malformed, error printed, list freed. */
bool ctl_pick_filter(struct ctl *ctl, json_t *list, const char *const *names, size_t count, json_t **out);

/* Fills pick from the command line's names after the first skip. Returns CTL_OK or what to return; the error is printed. */
int ctl_pick_open(struct ctl *ctl, struct ctl_pick *pick, size_t skip);

/* Releases what open made. */
void ctl_pick_close(struct ctl_pick *pick);

struct ctl_pick_deed {
    const char *verb;  /* admin verb */
    const char *doing; /* for the question: "Delete" */
    const char *done;  /* for the line per object: "deleted" */
    /* Gives the arguments of the request for one name. */
    json_t *(*args)(struct ctl *ctl, const char *name, const void *more);
    const void *more; /* borrowed, handed to args */
    /* Does it, when one request to pick->role is not enough; NULL: that. False: fault says why not. */
    bool (*send)(struct ctl *ctl, const char *name, struct ctl_fault *fault);
};

/* Confirms, asks for each object in turn, prints one line each (or one JSON array) and returns the exit code. */
int ctl_pick_each(struct ctl *ctl, const struct ctl_pick *pick, const struct ctl_pick_deed *deed);

/* Arguments {name}. */
json_t *ctl_pick_name_args(struct ctl *ctl, const char *name, const void *more);

/* CTL_OK when role has such an object; else the error is printed, with the nearest name. */
int ctl_pick_known(struct ctl *ctl, const char *noun, const char *role, const char *name);

/* Effect: for a name that role has refused as not there: prints that, with the nearest name. Returns the exit code. */
int ctl_pick_unknown(struct ctl *ctl, const char *noun, const char *role, const char *name);

/* How noun.list looks. */
struct ctl_pick_look {
    void (*table)(struct ctl *ctl, const json_t *rows);      /* for people */
    bool (*wants)(const struct ctl *ctl, const json_t *row); /* leaves rows out; NULL: none */
};

/* noun.list of role: the rows that names and selector mean, as a table or JSON. Returns the exit code. */
int ctl_pick_list(struct ctl *ctl, const char *noun, const char *role, const struct ctl_pick_look *look);

/* noun.list of role, one object in full per name of the command line. Returns the exit code. */
int ctl_pick_show(struct ctl *ctl, const char *noun, const char *role);

/* noun.delete for what the command line picks. Returns the exit code. */
int ctl_pick_delete(struct ctl *ctl, const char *noun, const char *role);

#endif
