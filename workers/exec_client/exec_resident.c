/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp_assert.h"

#define READS_PER_TURN 4u
#define NUMBER_BYTES   21u /* 2^64 in decimal */

enum state { DOWN, WAITING, STARTING, UP };

struct process {
    struct exec_resident *owner;
    uint32_t number;
    enum state state;
    const struct exec_plugin *plugin; /* NULL: row not used yet */
    uint32_t generation;              /* of the copy that runs */
    struct exec_pool_run run;
    struct sp_adapter_watch watch;
    struct sp_adapter_timer timer;
    uint64_t wait_us;
    uint64_t up_since_us;
    uint32_t asks; /* waiting for an answer */
    struct sp_buf out;
    size_t out_done; /* bytes of out that are written */
    size_t in_bytes;
    char *in; /* EXEC_RESIDENT_IN_BYTES */
};

struct exec_resident {
    const struct sp_adapter_host *host;
    struct exec_pool *pool;
    uint32_t processes;
    uint32_t asks_max;
    struct process *process;
    struct exec_resident_ask **ask; /* by index; NULL: none */
    uint64_t serial;
    struct exec_resident_numbers numbers;
};

static void fail(struct process *p);

/* ---- the line protocol ---- */

bool exec_resident_parse(struct sp_str line, uint64_t *id, int *code, struct sp_str *text)
{
    const char *first = line.n > 0 ? memchr(line.p, '\t', line.n) : NULL;
    if (first == NULL || !sp_str_u64(sp_str_bytes(line.p, (size_t)(first - line.p)), UINT64_MAX, id))
        return false;
    struct sp_str rest = sp_str_bytes(first + 1, line.n - (size_t)(first + 1 - line.p));
    const char *second = rest.n > 0 ? memchr(rest.p, '\t', rest.n) : NULL;
    uint64_t number;
    if (second == NULL || !sp_str_u64(sp_str_bytes(rest.p, (size_t)(second - rest.p)), 255, &number))
        return false;
    *code = (int)number;
    *text = sp_str_bytes(second + 1, rest.n - (size_t)(second + 1 - rest.p));
    return true;
}

static size_t put_number(char *to, uint64_t value)
{
    char digits[NUMBER_BYTES];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    to[n] = '\t';
    return n + 1;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool put_question(struct sp_buf *out, uint64_t id, const struct exec_resident_question *q)
{
    size_t node = strlen(q->node);
    size_t address = strlen(q->address);
    uint8_t *room = sp_buf_room(out, 2 * NUMBER_BYTES + node + address + q->args.n + 5);
    if (room == NULL) {
        out->failed = false; /* the line is refused, the buffer goes on */
        return false;
    }
    char *to = (char *)room;
    char *start = to;
    to += put_number(to, id);
    to += put_number(to, q->timeout_ms);
    memcpy(to, q->node, node);
    to += node;
    *to++ = '\t';
    memcpy(to, q->address, address);
    to += address;
    *to++ = '\t';
    memcpy(to, q->args.p, q->args.n);
    to += q->args.n;
    *to++ = '\n';
    out->n += (size_t)(to - start);
    return true;
}

/* ---- asks ---- */

/* Effect: the ask is idle again. */
static void forget(struct exec_resident *self, struct exec_resident_ask *ask)
{
    self->ask[(uint32_t)ask->id] = NULL;
    self->process[ask->process].asks--;
    ask->id = 0;
}

static void answer(struct process *p, struct sp_str line)
{
    struct exec_resident *self = p->owner;
    uint64_t id;
    int code;
    struct sp_str text;
    if (!exec_resident_parse(line, &id, &code, &text)) {
        self->numbers.malformed++;
        fail(p);
        return;
    }
    uint32_t index = (uint32_t)id;
    struct exec_resident_ask *ask = index < self->asks_max ? self->ask[index] : NULL;
    if (ask == NULL || ask->id != id || ask->process != p->number) {
        self->numbers.unknown++;
        return;
    }
    forget(self, ask);
    self->numbers.answered++;
    ask->done(ask, EXEC_RESIDENT_ANSWER, code, text);
}

/* ---- process ---- */

static void set_watch(struct process *p)
{
    bool more = p->out_done < p->out.n;
    uint32_t events = p->state != UP ? 0 : more ? SP_ADAPTER_IN | SP_ADAPTER_OUT : SP_ADAPTER_IN;
    if (events != p->watch.events)
        (void)p->owner->host->watch(p->owner->host->self, &p->watch, events);
}

static void write_out(struct process *p)
{
    while (p->state == UP && p->out_done < p->out.n) {
        ssize_t sent = send(p->watch.fd, p->out.p + p->out_done, p->out.n - p->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0)
            break; /* full: when it is writable again; broken: reading tells */
        p->out_done += (size_t)sent;
    }
    if (p->out_done == p->out.n) {
        sp_buf_reset(&p->out);
        p->out_done = 0;
    }
    set_watch(p);
}

static void close_socket(struct process *p)
{
    p->state = DOWN;
    set_watch(p);
    if (p->watch.fd >= 0)
        (void)close(p->watch.fd);
    p->watch.fd = -1;
    p->in_bytes = 0;
    sp_buf_reset(&p->out);
    p->out_done = 0;
}

/* Effect: arranges the next start. Questions stay. */
static void postpone(struct process *p, uint64_t now_us)
{
    p->state = WAITING;
    p->owner->host->timer(p->owner->host->self, &p->timer, now_us + p->wait_us);
    p->wait_us = p->wait_us * 2 < EXEC_RESIDENT_WAIT_MAX_US ? p->wait_us * 2 : EXEC_RESIDENT_WAIT_MAX_US;
    p->owner->numbers.restarts++;
}

/* Effect: ends the process, gives all questions back, arranges the next start. */
static void fail(struct process *p)
{
    struct exec_resident *self = p->owner;
    uint64_t now_us = self->host->now_us(self->host->self);
    exec_pool_cancel(self->pool, &p->run);
    bool was_good = p->state == UP && now_us - p->up_since_us > EXEC_RESIDENT_WAIT_MAX_US;
    close_socket(p);
    p->wait_us = was_good ? EXEC_RESIDENT_WAIT_US : p->wait_us;
    postpone(p, now_us);
    uint64_t last = self->serial; /* who asks again while we tell is not told again */
    for (uint32_t i = 0; i < self->asks_max && p->asks > 0; i++) {
        struct exec_resident_ask *ask = self->ask[i];
        if (ask == NULL || ask->process != p->number || ask->id >> 32 > last)
            continue;
        forget(self, ask);
        ask->done(ask, EXEC_RESIDENT_GONE, 0, sp_str_of(""));
    }
}

static void on_ready(struct sp_adapter_watch *watch, uint32_t events)
{
    struct process *p = watch->arg;
    bool open = true;
    if ((events & SP_ADAPTER_OUT) != 0)
        write_out(p);
    for (uint32_t i = 0; open && i < READS_PER_TURN && p->state == UP; i++) {
        ssize_t got = recv(watch->fd, p->in + p->in_bytes, EXEC_RESIDENT_IN_BYTES - p->in_bytes, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        open = got > 0;
        p->in_bytes += open ? (size_t)got : 0;
        size_t at = 0;
        while (open && p->state == UP) {
            char *end = memchr(p->in + at, '\n', p->in_bytes - at);
            if (end == NULL)
                break;
            struct sp_str line = sp_str_bytes(p->in + at, (size_t)(end - p->in) - at);
            at = (size_t)(end - p->in) + 1;
            answer(p, line);
        }
        if (p->state != UP)
            break; /* it failed while we read */
        p->in_bytes -= at;
        memmove(p->in, p->in + at, p->in_bytes);
        if (p->in_bytes > EXEC_RESIDENT_LINE_MAX) {
            p->owner->numbers.malformed++;
            open = false;
        }
    }
    if (!open)
        fail(p);
    else
        write_out(p); /* whoever asked again while we read */
}

static void on_started(struct exec_pool_run *run, int fd)
{
    struct process *p = run->arg;
    int flags = fcntl(fd, F_GETFL);
    p->watch.fd = fd;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        fail(p);
        return;
    }
    p->state = UP;
    p->up_since_us = p->owner->host->now_us(p->owner->host->self);
    write_out(p);
}

static void on_ended(struct exec_pool_run *run, const struct exec_result *result, const char *output)
{
    struct process *p = run->arg;
    (void)result;
    (void)output;
    if (p->state == UP)
        on_ready(&p->watch, SP_ADAPTER_IN); /* answers it gave before it ended count */
    if (p->state == UP || p->state == STARTING)
        fail(p);
}

static void start(struct process *p)
{
    struct exec_resident *self = p->owner;
    const struct exec_pool_order order = {
        .plugin = p->plugin, .args = NULL, .args_count = 0, .deadline_us = 0, .flags = EXEC_SPAWN_RESIDENT};
    p->run.done = on_ended;
    p->run.started = on_started;
    p->run.arg = p;
    p->state = STARTING;
    p->generation = p->plugin->generation;
    if (p->generation == 0 || !exec_pool_start(self->pool, &p->run, &order)) {
        postpone(p, self->host->now_us(self->host->self)); /* who asked waits, at most until the deadline */
        return;
    }
    exec_pool_flush(self->pool);
}

static void on_timer(struct sp_adapter_timer *timer)
{
    struct process *p = timer->arg;
    p->state = DOWN;
    if (p->asks > 0)
        start(p);
}

static struct process *process_of(struct exec_resident *self, const struct exec_plugin *plugin)
{
    for (uint32_t i = 0; i < self->processes; i++) {
        struct process *p = &self->process[i];
        if (p->plugin == plugin)
            return p;
        if (p->plugin != NULL)
            continue;
        p->in = malloc(EXEC_RESIDENT_IN_BYTES);
        if (p->in == NULL)
            return NULL;
        p->plugin = plugin;
        return p;
    }
    return NULL;
}

/* ---- what the adapter calls ---- */

bool exec_resident_ask(struct exec_resident *self, struct exec_resident_ask *ask, const struct exec_resident_question *q)
{
    SP_ASSERT(ask->id == 0 && q->index < self->asks_max && self->ask[q->index] == NULL);
    struct process *p = process_of(self, q->plugin);
    if (p == NULL || has_control(q->node) || has_control(q->address))
        return false;
    if (p->generation != q->plugin->generation && (p->state == UP || p->state == STARTING))
        fail(p); /* another file was verified: the old one answers no more */
    uint64_t id = ++self->serial << 32 | q->index;
    if (!put_question(&p->out, id, q))
        return false;
    ask->id = id;
    ask->process = p->number;
    self->ask[q->index] = ask;
    p->asks++;
    self->numbers.asked++;
    if (p->state == DOWN)
        start(p);
    return true;
}

void exec_resident_cancel(struct exec_resident *self, struct exec_resident_ask *ask, bool hung)
{
    if (ask->id == 0)
        return;
    struct process *p = &self->process[ask->process];
    forget(self, ask);
    if (hung && p->state == UP)
        fail(p);
}

void exec_resident_flush(struct exec_resident *self)
{
    for (uint32_t i = 0; i < self->processes && self->process[i].plugin != NULL; i++)
        if (self->process[i].state == UP)
            write_out(&self->process[i]);
}

struct exec_resident_numbers exec_resident_numbers(const struct exec_resident *self)
{
    return self->numbers;
}

struct exec_resident *exec_resident_new(const struct sp_adapter_host *host, struct exec_pool *pool, uint32_t processes,
                                        uint32_t asks_max)
{
    struct exec_resident *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    *self = (struct exec_resident){.host = host, .pool = pool, .processes = processes, .asks_max = asks_max};
    self->process = calloc(processes, sizeof *self->process);
    self->ask = calloc(asks_max, sizeof *self->ask);
    if (self->process == NULL || self->ask == NULL) {
        self->processes = 0;
        exec_resident_destroy(&self);
        return NULL;
    }
    for (uint32_t i = 0; i < processes; i++) {
        struct process *p = &self->process[i];
        p->owner = self;
        p->number = i;
        p->wait_us = EXEC_RESIDENT_WAIT_US;
        p->watch = (struct sp_adapter_watch){.fd = -1, .ready = on_ready, .arg = p};
        p->timer = (struct sp_adapter_timer){.fire = on_timer, .arg = p};
        sp_buf_init(&p->out, EXEC_RESIDENT_OUT_MAX);
    }
    return self;
}

void exec_resident_destroy(struct exec_resident **self_p)
{
    struct exec_resident *self = *self_p;
    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->processes; i++) {
        struct process *p = &self->process[i];
        exec_pool_cancel(self->pool, &p->run);
        close_socket(p);
        self->host->timer(self->host->self, &p->timer, 0);
        sp_buf_fini(&p->out);
        free(p->in);
    }
    free(self->process);
    free(self->ask);
    free(self);
    *self_p = NULL;
}
