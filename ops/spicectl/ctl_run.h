/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers, one per row of the command table. Each returns what the process should return (enum ctl_exit) after it has
 * printed its output or its error. They borrow the run.
 */
#ifndef CTL_RUN_H
#define CTL_RUN_H

#include <jansson.h>

struct ctl;
struct ctl_table;

/* Prints the identity of a node, and what waits. */
void ctl_node_identity(struct ctl *ctl, const json_t *identity);

/* The cell of a node's enrolment; row: one of node.list, or with its "enrolment". */
void ctl_node_enrolment(struct ctl_table *table, const json_t *row);

/* Kinds of differences that node inventory shows: what the keeper calls them. */
#define CTL_INVENTORY_KINDS(X)                                                                                                     \
    X(discovered) X(renamed) X(conflict) X(back) X(unregistered) X(missing) X(gone) X(held_back) X(bad_name) X(foreign)

int ctl_init_run(struct ctl *ctl);
int ctl_pack_run(struct ctl *ctl);

int ctl_node_list(struct ctl *ctl);
int ctl_node_show(struct ctl *ctl);
int ctl_node_add(struct ctl *ctl);
int ctl_node_label(struct ctl *ctl);
int ctl_node_state(struct ctl *ctl);
int ctl_node_inventory(struct ctl *ctl);
int ctl_node_delete(struct ctl *ctl);
int ctl_node_enroll(struct ctl *ctl);
int ctl_node_approve(struct ctl *ctl);
int ctl_node_unenroll(struct ctl *ctl);

int ctl_check_list(struct ctl *ctl);
int ctl_check_show(struct ctl *ctl);
int ctl_check_enable(struct ctl *ctl);
int ctl_check_disable(struct ctl *ctl);
int ctl_check_stage(struct ctl *ctl);
int ctl_check_run(struct ctl *ctl);
int ctl_check_delete(struct ctl *ctl);
int ctl_verify_run(struct ctl *ctl);

int ctl_profile_list(struct ctl *ctl);
int ctl_profile_show(struct ctl *ctl);
int ctl_profile_select(struct ctl *ctl);
int ctl_profile_delete(struct ctl *ctl);

int ctl_pool_list(struct ctl *ctl);
int ctl_pool_show(struct ctl *ctl);
int ctl_pool_members(struct ctl *ctl);
int ctl_pool_delete(struct ctl *ctl);

int ctl_result_list(struct ctl *ctl);
int ctl_result_history(struct ctl *ctl);
int ctl_audit_list(struct ctl *ctl);
int ctl_audit_verify(struct ctl *ctl);

int ctl_explain_run(struct ctl *ctl);
int ctl_exposure_run(struct ctl *ctl);
int ctl_events_run(struct ctl *ctl);
int ctl_reader_status(struct ctl *ctl);
int ctl_trait_status(struct ctl *ctl);
int ctl_stats_run(struct ctl *ctl);
int ctl_top_run(struct ctl *ctl);
int ctl_trace_run(struct ctl *ctl);
int ctl_doctor_run(struct ctl *ctl);

int ctl_apply_run(struct ctl *ctl);
int ctl_export_run(struct ctl *ctl);

int ctl_worker_list(struct ctl *ctl);
int ctl_worker_invite(struct ctl *ctl);
int ctl_worker_drain(struct ctl *ctl);
int ctl_worker_remove(struct ctl *ctl);

int ctl_key_list(struct ctl *ctl);
int ctl_key_invite(struct ctl *ctl);
int ctl_key_fingerprint(struct ctl *ctl);
int ctl_key_rotate(struct ctl *ctl);
int ctl_key_prepare(struct ctl *ctl);
int ctl_key_switch(struct ctl *ctl);
int ctl_key_revoke(struct ctl *ctl);

int ctl_reference_check(struct ctl *ctl);
int ctl_reference_learn(struct ctl *ctl);

int ctl_tree_make(struct ctl *ctl);
int ctl_manifest_sign(struct ctl *ctl);
int ctl_manifest_show(struct ctl *ctl);

int ctl_help_run(struct ctl *ctl);
int ctl_help_complete(struct ctl *ctl);

#endif
