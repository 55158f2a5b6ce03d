/* SPDX-License-Identifier: Apache-2.0 */
/* The second lock in nova-scheduler: each of its processes on this host writes how its reader of the pool is (ops/nova/README.md).
 */
#include "ctl_doctor.h"

#include "sp_clock.h"
#include "sp_fs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILTER_FOLDER     "/run/spice-nova"
#define FILTER_PREFIX     "spice-filter-"
#define FILTER_SUFFIX     ".json"
#define FILTER_NAME       "nova filter"
#define FILTER_DUMP_BYTES 65536u
#define FILTER_DUMPS_MAX  256u
#define FILTER_OLD_MS     30000 /* a dump is written each ten seconds */
#define FILTER_TEXT       200u

static bool filter_is_dump(const char *name)
{
    size_t n = strlen(name);
    return n > strlen(FILTER_PREFIX FILTER_SUFFIX) && strncmp(name, FILTER_PREFIX, strlen(FILTER_PREFIX)) == 0 &&
           strcmp(name + n - strlen(FILTER_SUFFIX), FILTER_SUFFIX) == 0;
}

/* "trusted 3 of 4, pci 0 of 4" */
static void filter_pools(json_t *pools, char text[FILTER_TEXT])
{
    const char *name;
    json_t *pool;
    size_t n = 0;
    text[0] = '\0';
    json_object_foreach(pools, name, pool)
    {
        int m = snprintf(text + n, FILTER_TEXT - n, "%s%s %lld of %lld", n > 0 ? ", " : "", name,
                         (long long)json_integer_value(json_object_get(pool, "members")),
                         (long long)json_integer_value(json_object_get(pool, "nodes")));
        if (m < 0 || (size_t)m >= FILTER_TEXT - n)
            return;
        n += (size_t)m;
    }
}

/* True when its process lives. */
static bool filter_lives(const json_t *state)
{
    char path[64];
    long long pid = (long long)json_integer_value(json_object_get(state, "pid"));
    (void)snprintf(path, sizeof path, "/proc/%lld", pid);
    return pid > 0 && access(path, F_OK) == 0;
}

static bool filter_tell(void *self, json_t *state)
{
    struct ctl_doctor *doctor = self;
    char text[FILTER_TEXT];
    long long pid = (long long)json_integer_value(json_object_get(state, "pid"));
    const char *why = json_string_value(json_object_get(state, "why")),
               *last = json_string_value(json_object_get(state, "last_error"));
    long long age_ms =
        (long long)(sp_clock_read().mono.us / 1000) - (long long)json_integer_value(json_object_get(state, "written_boottime_ms"));
    if (age_ms < -1000 || age_ms > FILTER_OLD_MS) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, FILTER_NAME,
                       "its reader is stuck, and every host is unknown to it: restart nova-scheduler",
                       "process %lld has not told its state for %lld s", pid, age_ms / 1000);
    } else if (!json_is_true(json_object_get(state, "following"))) {
        ctl_doctor_add(
            doctor, CTL_DOCTOR_FAIL, FILTER_NAME, "does spice-bridge run, with the same bus, exchange, keeper key and deployment?",
            "process %lld refuses every host: %s; last error: %s", pid, why != NULL ? why : "?", last != NULL ? last : "?");
    } else {
        filter_pools(json_object_get(state, "pools"), text);
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, FILTER_NAME, "", "process %lld follows the keeper; members: %s", pid,
                       text[0] != '\0' ? text : "no pool");
    }
    return true;
}

/* Hands out the state of each living process until one says false. Returns how many; -1: the folder cannot be read. */
static int filter_each(const char *folder, bool (*each)(void *self, json_t *state), void *self)
{
    char path[SP_FS_PATH_BYTES];
    int living = 0;
    size_t looked = 0;
    bool more = true;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return -1;
    while (more && looked < FILTER_DUMPS_MAX && (entry = readdir(dir)) != NULL) {
        char *text = NULL;
        size_t bytes = 0;
        struct sp_err err = {0};
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!filter_is_dump(entry->d_name) || n < 0 || (size_t)n >= sizeof path)
            continue;
        looked++;
        json_t *state = sp_fs_read(path, FILTER_DUMP_BYTES, 0, &text, &bytes, &err) == SP_OK
                            ? json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL)
                            : NULL;
        if (json_is_object(state) && filter_lives(state)) {
            living++;
            more = each(self, state);
        }
        json_decref(state);
        free(text);
    }
    (void)closedir(dir);
    return living;
}

static const char *filter_folder(const struct ctl_doctor *doctor)
{
    const char *given = doctor->ctl->args.values[CTL_OPT_FILTER_STATE];
    return given != NULL ? given : FILTER_FOLDER;
}

void ctl_doctor_filter(struct ctl_doctor *doctor)
{
    const char *folder = filter_folder(doctor);
    int told = filter_each(folder, filter_tell, doctor);
    if (told < 0 && doctor->ctl->args.values[CTL_OPT_FILTER_STATE] != NULL)
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, FILTER_NAME, "name the folder that [spice] state_dir of nova.conf names",
                       "%s cannot be read", folder);
    if (told == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, FILTER_NAME,
                       "each process of nova-scheduler starts its reader with its first request",
                       "no living process has told its state in %s", folder);
}

/* ---- the state the keeper is in ---- */

struct filter_look {
    const struct ctl_doctor_goal *goal;
    unsigned there, behind;
    long long who; /* a process that is behind */
};

static bool filter_members_as(const json_t *state, const json_t *pools)
{
    size_t i;
    json_t *row;
    json_array_foreach(pools, i, row)
    {
        const json_t *held = json_object_get(json_object_get(state, "pools"), json_string_value(json_object_get(row, "name")));
        if (json_integer_value(json_object_get(row, "members")) != json_integer_value(json_object_get(held, "members")))
            return false;
    }
    return true;
}

static bool filter_compare(void *self, json_t *state)
{
    struct filter_look *look = self;
    const char *boot = json_string_value(json_object_get(state, "boot"));
    bool good = json_is_true(json_object_get(state, "following")) && boot != NULL && strcmp(boot, look->goal->boot) == 0 &&
                json_integer_value(json_object_get(state, "sequence")) >= look->goal->sequence &&
                filter_members_as(state, look->goal->pools);
    look->there += good ? 1 : 0;
    look->behind += good ? 0 : 1;
    look->who = good ? look->who : (long long)json_integer_value(json_object_get(state, "pid"));
    return true;
}

bool ctl_doctor_filter_holds(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal)
{
    struct filter_look look = {.goal = goal};
    (void)filter_each(filter_folder(doctor), filter_compare, &look);
    return look.behind == 0;
}

void ctl_doctor_filter_path(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal)
{
    struct filter_look look = {.goal = goal};
    if (filter_each(filter_folder(doctor), filter_compare, &look) <= 0)
        return;
    if (look.behind == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "path: filter", "",
                       "%u processes of nova-scheduler hold event %lld of the keeper, and its members", look.there,
                       (long long)goal->sequence);
    else
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "path: filter",
                       "see the rows nova filter; is spice-bridge connected to Nova's RabbitMQ?",
                       "%u of %u processes hold event %lld of the keeper, and its members; not so %lld", look.there,
                       look.there + look.behind, (long long)goal->sequence, look.who);
}
