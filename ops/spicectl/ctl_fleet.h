/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of one run to the fleet: configuration, the operator's keys, the bus, and questions with their answers
 * (AdminRequest and AdminReply). Opened at first need. One thread; waiting for an answer turns the loop.
 */
#ifndef CTL_FLEET_H
#define CTL_FLEET_H

#include "ctl.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CTL_FLEET_TEXT_MAX   512
#define CTL_FLEET_TIMEOUT_MS 10000u       /* when --timeout is not given */
#define CTL_FLEET_VERB_BYTES 49u          /* with its NUL */
#define CTL_FLEET_REPLY_MAX  (512u << 20) /* bytes of one reply, all parts together */

struct sp_bus;
struct sp_bus_message;
struct sp_conf;
struct sp_loop;

/* Why a question was not answered as wished. */
struct ctl_fault {
    enum ctl_exit exit; /* what the process returns when this ends it */
    uint16_t code;      /* enum sp_refusal of the reply; 0 when there was none */
    char error[CTL_FLEET_TEXT_MAX];
    char where[CTL_FLEET_TEXT_MAX];
    char hint[CTL_FLEET_TEXT_MAX];
};

/* Connects once per run and waits for a broker. False: fault says why. */
bool ctl_fleet_open(struct ctl *ctl, struct ctl_fault *fault);

/* Asks `to` (a role or a principal) and waits for the whole answer. Takes args (NULL: an empty object). Gives *reply. Returns
 * CTL_OK, or prints the error and returns what the process should return. */
int ctl_fleet_ask(struct ctl *ctl, const char *to, const char *verb, json_t *args, json_t **reply);

/* The same, silent: false fills *fault, true gives *reply. Takes args. */
bool ctl_fleet_try(struct ctl *ctl, const char *to, const char *verb, json_t *args, json_t **reply, struct ctl_fault *fault);

/* Many questions, a bounded number of them under way at once. They are sent in order; one that was lost is sent again, after later
 * ones. */
struct ctl_fleet_bulk {
    size_t count;
    const char *doing; /* "Applying": told with numbers every two seconds; NULL: nothing is told */
    /* Gives the arguments of a question (NULL: none) and its verb, and returns whom it is for, lent until its end. */
    const char *(*ask)(void *self, size_t index, char verb[CTL_FLEET_VERB_BYTES], json_t **args);
    /* How one ended, in the order of answers: fault is NULL when it was done. Both are lent. False: no further ones are sent; those
     * under way end first. */
    bool (*done)(void *self, size_t index, json_t *reply, const struct ctl_fault *fault);
    void *self;
};

/* Asks them. False: the fleet cannot be reached, fault says why, nothing was asked. */
bool ctl_fleet_bulk(struct ctl *ctl, const struct ctl_fleet_bulk *bulk, struct ctl_fault *fault);

/* Prints the warnings of a reply, for people. Gives them (NULL: none), to be kept for programs. Borrows. */
json_t *ctl_fleet_warnings(struct ctl *ctl, const json_t *reply);

/* Prints a fault and returns its exit code. Borrows. */
int ctl_fleet_fail(struct ctl *ctl, const struct ctl_fault *fault);

/* Turns the loop for wait_ms, or until something happened. False: a signal asked us to end. */
bool ctl_fleet_turn(struct ctl *ctl, uint32_t wait_ms);

/* Waits wait_ms and turns the loop meanwhile. False: a signal asked us to end. */
bool ctl_fleet_pause(struct ctl *ctl, uint32_t wait_ms);

/* Queries of an open fleet. Lend. */
struct sp_bus *ctl_fleet_bus(const struct ctl *ctl);

/* True when a signal asked us to end. */
bool ctl_fleet_interrupted(const struct ctl *ctl);

/* Milliseconds of --timeout. */
uint32_t ctl_fleet_patience(const struct ctl *ctl);

/* Closes and nulls. */
void ctl_fleet_close(struct ctl_fleet **fleet_p);

#endif
