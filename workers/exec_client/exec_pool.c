/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_pool.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_helper.h"
#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_random.h"

#define CLASSES          2u
#define PACKETS_PER_TURN 8u
#define ARGV_MAX         (24u + 2u * EXEC_POOL_HIDE_MAX)
#define TEXT_BYTES       32u
#define REMOVE_DEPTH     16
#define NO_HELPER        UINT32_MAX

struct member {
    struct exec_helper helper;
    struct sp_adapter_watch watch;
    struct sp_adapter_timer restart;
    struct exec_pool *pool;
    uint32_t class;
    uint32_t index;
    uint64_t started_us;
    uint64_t wait_us;
    char tmp[SP_FS_PATH_BYTES];
    char cgroup[SP_FS_PATH_BYTES];
};

struct exec_pool {
    const struct sp_adapter_host *host;
    struct exec_pool_options options;
    char program[SP_FS_PATH_BYTES];
    char tmp[SP_FS_PATH_BYTES];
    char cgroup[SP_FS_PATH_BYTES];
    char hide[EXEC_POOL_HIDE_MAX][SP_FS_PATH_BYTES];
    uint32_t hides;
    struct member *member; /* CLASSES * options.helpers */
    struct exec_pool_run *waiting_head[CLASSES], *waiting_tail[CLASSES];
    struct exec_pool_run **run; /* by index; NULL: free */
    uint32_t *free_index;
    uint32_t free_count;
    uint64_t serial; /* upper half of run ids: a late answer meets nobody */
    struct exec_pool_numbers numbers;
    _Alignas(8) uint8_t buffer[EXEC_PACKET_MAX];
};

static uint32_t class_of(const struct exec_plugin *plugin)
{
    return plugin->manifest.network ? 1 : 0;
}

static void say(struct exec_pool *pool, char level, const char *text, const char *what)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s%s%s", text, what[0] != '\0' ? ": " : "", what);
    pool->host->log(pool->host->self, level, line);
}

/* ---- runs by index ---- */

static bool take_index(struct exec_pool *pool, struct exec_pool_run *run)
{
    if (pool->free_count == 0)
        return false;
    uint32_t index = pool->free_index[--pool->free_count];
    pool->run[index] = run;
    run->id = ++pool->serial << 32 | index;
    run->helper = NO_HELPER;
    return true;
}

static struct exec_pool_run *find_run(struct exec_pool *pool, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= pool->options.runs_max || pool->run[index] == NULL || pool->run[index]->id != id)
        return NULL;
    return pool->run[index];
}

static void unlink_waiting(struct exec_pool *pool, struct exec_pool_run *run)
{
    uint32_t class = class_of(run->plugin);
    if (run->previous != NULL)
        run->previous->next = run->next;
    else
        pool->waiting_head[class] = run->next;
    if (run->next != NULL)
        run->next->previous = run->previous;
    else
        pool->waiting_tail[class] = run->previous;
    run->next = run->previous = NULL;
    free(run->waiting);
    run->waiting = NULL;
}

/* Effect: the run is idle again. */
static void forget(struct exec_pool *pool, struct exec_pool_run *run)
{
    uint32_t index = (uint32_t)run->id;
    if (run->waiting != NULL)
        unlink_waiting(pool, run);
    if (run->helper != NO_HELPER)
        pool->member[run->helper].helper.runs--;
    pool->run[index] = NULL;
    pool->free_index[pool->free_count++] = index;
    run->id = 0;
}

/* ---- sending ---- */

static void watch_member(struct member *m)
{
    struct exec_pool *pool = m->pool;
    uint32_t events = m->helper.fd < 0 ? 0 : m->helper.blocked ? SP_ADAPTER_IN | SP_ADAPTER_OUT : SP_ADAPTER_IN;
    if (events != m->watch.events)
        (void)pool->host->watch(pool->host->self, &m->watch, events);
}

/* Effect: makes a directory for the plugin's user under a name nobody can guess: others of the same user cannot list where it lies, nor
 * change what is in it. False: dir is a name of nothing. */
static bool make_dir(struct member *m, char dir[EXEC_DIR_BYTES])
{
    const struct exec_pool_options *o = &m->pool->options;
    char path[SP_FS_PATH_BYTES];
    memset(dir, 0, EXEC_DIR_BYTES);
    (void)snprintf(dir, EXEC_DIR_BYTES, "%016llx", (unsigned long long)sp_random_u64());
    int n = snprintf(path, sizeof path, "%s/%s", m->tmp, dir);
    if (n < 0 || (size_t)n >= sizeof path || mkdir(path, 0700) != 0)
        return false;
    uint32_t uid = o->uid != 0 ? o->uid : EXEC_USER_DEFAULT;
    uint32_t gid = o->gid != 0 ? o->gid : EXEC_USER_DEFAULT;
    if (geteuid() != 0 || lchown(path, uid, gid) == 0)
        return true;
    (void)rmdir(path);
    return false;
}

/* Effect: makes sure the helper has this plugin as it was verified last, with a directory that no other plugin and no earlier version of
 * it could write to. Without one its runs end in an error, and the next tries again. False: not now. */
static bool load(struct member *m, const struct exec_plugin *plugin)
{
    char dir[EXEC_DIR_BYTES];
    char path[SP_FS_PATH_BYTES];
    if (m->helper.loaded[plugin->number] == plugin->generation)
        return true;
    bool made = make_dir(m, dir);
    if (!made)
        say(m->pool, 'e', "the directory of a plugin cannot be made", strerror(errno));
    if (!exec_helper_load(&m->helper, plugin, dir)) {
        if (sp_fs_join(path, sizeof path, m->tmp, dir) == SP_OK)
            (void)rmdir(path);
        return false;
    }
    m->helper.loaded[plugin->number] = made ? plugin->generation : 0;
    return true;
}

/* Effect: gives the order to the least loaded helper of its class. False: none has room. */
static bool dispatch(struct exec_pool *pool, struct exec_pool_run *run, struct exec_spawn *order)
{
    uint32_t first = class_of(run->plugin) * pool->options.helpers;
    struct member *best = NULL;
    for (uint32_t i = first; i < first + pool->options.helpers; i++) {
        struct member *m = &pool->member[i];
        if (m->helper.fd >= 0 && m->helper.runs < pool->options.slots && (best == NULL || m->helper.runs < best->helper.runs))
            best = m;
    }
    if (best == NULL || !load(best, run->plugin) || !exec_helper_has_room(&best->helper, order->record.bytes))
        return false;
    /* The loop's clock need not be the one we share with the helper. */
    uint64_t now_us = pool->host->now_us(pool->host->self);
    order->deadline_us = sp_clock_mono_ns() / 1000 + (run->deadline_us > now_us ? run->deadline_us - now_us : 0);
    exec_helper_put(&best->helper, order, order->record.bytes);
    best->helper.runs++;
    run->helper = (uint32_t)(best - pool->member);
    pool->numbers.runs++;
    return true;
}

static void dispatch_waiting(struct exec_pool *pool)
{
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct exec_pool_run *run;
        while ((run = pool->waiting_head[class]) != NULL) {
            if (!dispatch(pool, run, run->waiting))
                break;
            unlink_waiting(pool, run);
        }
    }
}

void exec_pool_flush(struct exec_pool *pool)
{
    for (uint32_t i = 0; i < CLASSES * pool->options.helpers; i++) {
        exec_helper_flush(&pool->member[i].helper);
        watch_member(&pool->member[i]);
    }
}

static bool enqueue(struct exec_pool *pool, struct exec_pool_run *run, const struct exec_spawn *order)
{
    uint32_t class = class_of(run->plugin);
    run->waiting = malloc(order->record.bytes);
    if (run->waiting == NULL)
        return false;
    memcpy(run->waiting, order, order->record.bytes);
    run->next = NULL;
    run->previous = pool->waiting_tail[class];
    if (run->previous != NULL)
        run->previous->next = run;
    else
        pool->waiting_head[class] = run;
    pool->waiting_tail[class] = run;
    pool->numbers.waited++;
    return true;
}

static bool append_arg(struct exec_spawn *order, char *text, const char *arg)
{
    size_t n = strlen(arg) + 1;
    if (order->argc >= EXEC_ARGS_MAX || n > EXEC_ARGS_BYTES_MAX - order->args_bytes)
        return false;
    memcpy(text + order->args_bytes, arg, n);
    order->args_bytes = (uint16_t)(order->args_bytes + n);
    order->argc++;
    return true;
}

bool exec_pool_start(struct exec_pool *pool, struct exec_pool_run *run, const struct exec_pool_order *o)
{
    static struct {
        struct exec_spawn order;
        char text[EXEC_ARGS_BYTES_MAX + 8];
    } record; /* one thread */
    SP_ASSERT(run->id == 0 && o->plugin->generation != 0);
    struct exec_spawn *order = &record.order;
    *order = (struct exec_spawn){.record = {EXEC_SPAWN, o->flags, 0}, .plugin = o->plugin->number};
    order->output_max = o->output_max != 0 ? o->output_max : o->plugin->manifest.max_output;
    bool ok = append_arg(order, record.text, o->plugin->manifest.plugin);
    for (uint32_t i = 0; ok && i < o->args_count; i++)
        ok = append_arg(order, record.text, o->args[i]);
    if (!ok || !take_index(pool, run))
        return false;
    order->record.bytes = EXEC_PAD(sizeof *order + order->args_bytes);
    order->run = run->id;
    run->plugin = o->plugin;
    run->deadline_us = o->deadline_us;
    bool first_in_line = pool->waiting_head[class_of(o->plugin)] == NULL;
    if ((first_in_line && dispatch(pool, run, order)) || enqueue(pool, run, order))
        return true;
    forget(pool, run);
    return false;
}

void exec_pool_cancel(struct exec_pool *pool, struct exec_pool_run *run)
{
    if (run->id == 0)
        return;
    if (run->helper != NO_HELPER) {
        struct exec_helper *h = &pool->member[run->helper].helper;
        struct exec_cancel cancel = {.record = {EXEC_CANCEL, 0, sizeof cancel}, .run = run->id};
        if (exec_helper_has_room(h, (uint32_t)sizeof cancel))
            exec_helper_put(h, &cancel, (uint32_t)sizeof cancel); /* else the helper's own deadline ends it */
    }
    forget(pool, run);
    dispatch_waiting(pool);
    exec_pool_flush(pool); /* a cancel must not wait for the next job */
}

/* ---- receiving ---- */

static void on_result(struct exec_pool *pool, const struct exec_result *result)
{
    struct exec_pool_run *run = find_run(pool, result->run);
    if (run == NULL)
        return; /* cancelled meanwhile */
    forget(pool, run);
    run->done(run, result, (const char *)(result + 1));
}

static void on_started(struct exec_pool *pool, const struct exec_started *started, int fd)
{
    struct exec_pool_run *run = find_run(pool, started->run);
    if (run != NULL && run->started != NULL && fd >= 0)
        run->started(run, fd);
    else if (fd >= 0)
        (void)close(fd);
}

static void on_record(void *self, const struct exec_record *record, int fd)
{
    struct member *m = self;
    const void *body = record;
    if (record->type == EXEC_RESULT)
        on_result(m->pool, body);
    else if (record->type == EXEC_STARTED) {
        on_started(m->pool, body, fd);
        return;
    } else if (record->type == EXEC_HELLO) {
        memcpy(&m->helper.hello, body, sizeof m->helper.hello);
    } else {
        char text[EXEC_TEXT_MAX + 1];
        const struct exec_text *t = body;
        (void)sp_str_copy(text, sizeof text, sp_str_bytes(t + 1, t->text_bytes));
        say(m->pool, record->type == EXEC_FATAL ? 'e' : 'w', m->class == 1 ? "spice-exec (network)" : "spice-exec", text);
    }
    if (fd >= 0)
        (void)close(fd);
}

static void on_death(struct member *m)
{
    struct exec_pool *pool = m->pool;
    uint32_t number = (uint32_t)(m - pool->member);
    uint64_t now_us = pool->host->now_us(pool->host->self);
    (void)pool->host->watch(pool->host->self, &m->watch, 0);
    exec_helper_stop(&m->helper);
    say(pool, 'w', "a spawn helper ended; it is started again", "");
    bool was_good = now_us - m->started_us > EXEC_POOL_RESTART_MAX_US;
    m->wait_us = was_good ? EXEC_POOL_RESTART_US : m->wait_us;
    pool->host->timer(pool->host->self, &m->restart, now_us + m->wait_us);
    m->wait_us = m->wait_us * 2 < EXEC_POOL_RESTART_MAX_US ? m->wait_us * 2 : EXEC_POOL_RESTART_MAX_US;
    for (uint32_t i = 0; i < pool->options.runs_max; i++) {
        struct exec_pool_run *run = pool->run[i];
        if (run == NULL || run->helper != number)
            continue;
        struct exec_result lost = {.record = {EXEC_RESULT, 0, sizeof lost}, .run = run->id, .end = EXEC_POOL_LOST};
        forget(pool, run);
        pool->numbers.lost++;
        run->done(run, &lost, "");
    }
}

static void on_ready(struct sp_adapter_watch *watch, uint32_t events)
{
    struct member *m = watch->arg;
    enum exec_helper_state state = EXEC_HELPER_GOT;
    if ((events & SP_ADAPTER_OUT) != 0)
        exec_helper_flush(&m->helper);
    for (uint32_t i = 0; i < PACKETS_PER_TURN && state == EXEC_HELPER_GOT; i++)
        state = exec_helper_receive(&m->helper, m->pool->buffer, on_record, m);
    if (state == EXEC_HELPER_GONE)
        on_death(m);
    dispatch_waiting(m->pool);
    exec_pool_flush(m->pool);
}

/* ---- starting helpers ---- */

struct command {
    char *argv[ARGV_MAX];
    uint32_t n;
    char text[8][TEXT_BYTES];
    uint32_t texts;
};

static void add(struct command *c, const char *option, const char *value)
{
    SP_ASSERT(c->n + 3 < ARGV_MAX);
    c->argv[c->n++] = (char *)(uintptr_t)option; /* posix_spawn does not write them */
    if (value != NULL)
        c->argv[c->n++] = (char *)(uintptr_t)value;
    c->argv[c->n] = NULL;
}

static void add_number(struct command *c, const char *option, uint64_t value)
{
    SP_ASSERT(c->texts < SP_COUNT(c->text));
    char *text = c->text[c->texts++];
    (void)snprintf(text, TEXT_BYTES, "%llu", (unsigned long long)value);
    add(c, option, text);
}

static bool start_member(struct member *m, int *error)
{
    struct exec_pool *pool = m->pool;
    const struct exec_pool_options *o = &pool->options;
    struct command c = {.n = 0};
    add(&c, "spice-exec", NULL);
    if (m->class == 1)
        add(&c, "--network", NULL);
    add_number(&c, "--slots", o->slots);
    if (o->uid != 0)
        add_number(&c, "--uid", o->uid);
    if (o->gid != 0)
        add_number(&c, "--gid", o->gid);
    if (o->processes != 0)
        add_number(&c, "--processes", o->processes);
    add_number(&c, "--memory", o->memory_mb);
    add(&c, "--tmp", m->tmp);
    for (uint32_t i = 0; i < pool->hides; i++)
        add(&c, "--hide", pool->hide[i]);
    if (m->cgroup[0] != '\0')
        add(&c, "--cgroup", m->cgroup);
    if (!exec_helper_start(&m->helper, pool->program, c.argv, error))
        return false;
    m->started_us = pool->host->now_us(pool->host->self);
    m->watch.fd = m->helper.fd;
    watch_member(m);
    return true;
}

static void on_restart(struct sp_adapter_timer *timer)
{
    struct member *m = timer->arg;
    struct exec_pool *pool = m->pool;
    int error = 0;
    pool->numbers.restarts++;
    if (!start_member(m, &error)) {
        say(pool, 'e', "a spawn helper cannot be started", strerror(error));
        pool->host->timer(pool->host->self, &m->restart, pool->host->now_us(pool->host->self) + m->wait_us);
        return;
    }
    dispatch_waiting(pool);
    exec_pool_flush(pool);
}

static bool init_member(struct exec_pool *pool, uint32_t number, char *why)
{
    struct member *m = &pool->member[number];
    int error = 0;
    m->pool = pool;
    m->class = number / pool->options.helpers;
    m->index = number % pool->options.helpers;
    m->wait_us = EXEC_POOL_RESTART_US;
    m->watch = (struct sp_adapter_watch){.fd = -1, .ready = on_ready, .arg = m};
    m->restart = (struct sp_adapter_timer){.fire = on_restart, .arg = m};
    m->helper.fd = -1;
    const char *kind = m->class == 1 ? "net" : "local";
    int a = snprintf(m->tmp, sizeof m->tmp, "%s/%s%u", pool->tmp, kind, m->index);
    int b = pool->cgroup[0] != '\0' ? snprintf(m->cgroup, sizeof m->cgroup, "%s/%s%u", pool->cgroup, kind, m->index) : 0;
    if (a < 0 || (size_t)a >= sizeof m->tmp || b < 0 || (size_t)b >= sizeof m->cgroup) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "path of the plugins' directory is too long");
        return false;
    }
    /* Ours, not the plugins': they reach their own directory in it and cannot list the others. */
    if ((mkdir(m->tmp, 0700) != 0 && errno != EEXIST) || chmod(m->tmp, geteuid() == 0 ? 0711 : 0700) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%.150s: %s", m->tmp, strerror(errno));
        return false;
    }
    if (!start_member(m, &error)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%.150s cannot be started: %s", pool->program, strerror(error));
        return false;
    }
    return true;
}

static bool copy_options(struct exec_pool *pool, const struct exec_pool_options *o)
{
    pool->options = *o;
    bool ok = sp_str_copy(pool->program, sizeof pool->program, sp_str_of(o->program)) &&
              sp_str_copy(pool->tmp, sizeof pool->tmp, sp_str_of(o->tmp)) &&
              sp_str_copy(pool->cgroup, sizeof pool->cgroup, sp_str_of(o->cgroup != NULL ? o->cgroup : ""));
    for (; ok && pool->hides < EXEC_POOL_HIDE_MAX && o->hide[pool->hides] != NULL; pool->hides++)
        ok = sp_str_copy(pool->hide[pool->hides], sizeof pool->hide[0], sp_str_of(o->hide[pool->hides]));
    return ok;
}

bool exec_pool_new(const struct sp_adapter_host *host, const struct exec_pool_options *o, struct exec_pool **out, char *why)
{
    SP_ASSERT(o->helpers > 0 && o->helpers <= EXEC_POOL_HELPERS_MAX && o->slots > 0 && o->slots <= EXEC_SLOTS_MAX &&
              o->runs_max > 0);
    struct exec_pool *pool = calloc(1, sizeof *pool);
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory, or a path is too long");
    if (pool == NULL)
        return false;
    pool->host = host;
    bool ok = copy_options(pool, o);
    pool->member = calloc(CLASSES * o->helpers, sizeof *pool->member);
    pool->run = calloc(o->runs_max, sizeof *pool->run);
    pool->free_index = calloc(o->runs_max, sizeof *pool->free_index);
    ok = ok && pool->member != NULL && pool->run != NULL && pool->free_index != NULL;
    for (uint32_t i = 0; ok && i < o->runs_max; i++)
        pool->free_index[pool->free_count++] = o->runs_max - 1 - i;
    if (ok && pool->cgroup[0] != '\0' && mkdir(pool->cgroup, 0755) != 0 && errno != EEXIST)
        say(pool, 'w', "control group of the plugins cannot be made", pool->cgroup);
    for (uint32_t i = 0; ok && i < CLASSES * o->helpers; i++)
        ok = init_member(pool, i, why);
    *out = pool;
    if (!ok)
        exec_pool_destroy(out);
    return ok;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
}

void exec_pool_destroy(struct exec_pool **pool_p)
{
    struct exec_pool *pool = *pool_p;
    if (pool == NULL)
        return;
    for (uint32_t i = 0; pool->member != NULL && i < CLASSES * pool->options.helpers; i++) {
        struct member *m = &pool->member[i];
        if (m->pool == NULL)
            continue;
        if (m->watch.events != 0)
            (void)pool->host->watch(pool->host->self, &m->watch, 0);
        pool->host->timer(pool->host->self, &m->restart, 0);
        exec_helper_stop(&m->helper);
        free(m->helper.out);
        if (m->tmp[0] != '\0') /* nobody is left who could change what is walked through */
            (void)nftw(m->tmp, remove_entry, REMOVE_DEPTH, FTW_DEPTH | FTW_PHYS);
    }
    for (uint32_t class = 0; class < CLASSES; class ++)
        while (pool->waiting_head[class] != NULL)
            forget(pool, pool->waiting_head[class]);
    free(pool->member);
    free(pool->run);
    free(pool->free_index);
    free(pool);
    *pool_p = NULL;
}

struct exec_pool_numbers exec_pool_numbers(const struct exec_pool *pool)
{
    struct exec_pool_numbers n = pool->numbers;
    for (uint32_t i = 0; i < CLASSES * pool->options.helpers; i++) {
        const struct exec_helper *h = &pool->member[i].helper;
        if (h->fd < 0 || h->hello.record.type != EXEC_HELLO)
            continue;
        n.helpers_up++;
        n.landlock = h->hello.landlock;
        n.has = h->hello.has;
    }
    return n;
}
