/* SPDX-License-Identifier: Apache-2.0 */
/* spice-nodes, the keeper: knows the nodes, takes results, and says who is in which pool, and why. */
#include "nodes_shell.h"
#include "sp_process.h"

static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    (void)conf;
    (void)err;
    return "keeper";
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    (void)name;
    return conf->keeper.user;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    const struct nodes_options options = {.conf = p->conf, .keys = p->keys, .core_keys = p->core_keys, .name = p->common.name};
    return nodes_shell_run(&options, err);
}

int main(int argc, char **argv)
{
    struct sp_process p = {0};
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&p.common)};
    const struct sp_process_needs needs = {.opt = {"spice-nodes", "",
                                                   "Knows the nodes, takes results, and says who is in which pool, and why.", rows,
                                                   SP_COUNT(rows), false},
                                           .name = name_of,
                                           .user = user_of,
                                           .core_keys = true,
                                           .serve = serve};
    int code = 0;
    sp_opt_common_init(&p.common);
    return sp_process_options(&needs, argc, argv, &code) ? sp_process_run(&p, &needs) : code;
}
