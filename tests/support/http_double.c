/* SPDX-License-Identifier: Apache-2.0 */
#include "http_double.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp_assert.h"

#define CONNECTIONS 256

enum mode { READING, HANGS, FLOODS, DRIPS };

struct connection {
    int fd;
    enum mode mode;
    size_t n;
    char in[4096];
};

static unsigned accepted; /* connections so far, in the child */

static void reply(int fd, int status, const char *type, const char *body, size_t n)
{
    char head[256];
    int len = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status, type, n);
    if (write(fd, head, (size_t)len) < 0 || (n > 0 && write(fd, body, n) < 0)) {
        return; /* the client has left: that is its right */
    }
}

static void redirect(int fd, const char *to)
{
    char head[512];
    int len = snprintf(head, sizeof head, "HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", to);
    (void)!write(fd, head, (size_t)len);
}

static void answer_text(struct connection *c, int status, const char *type, const char *body)
{
    reply(c->fd, status, type, body, strlen(body));
}

static void start_chunks(struct connection *c, enum mode mode)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    c->mode = write(c->fd, head, sizeof head - 1) > 0 ? mode : HANGS;
}

/* False: close the connection. */
static bool serve(struct connection *c)
{
    char path[256] = "";
    static char huge[1u << 20];
    (void)sscanf(c->in, "%*s %255s", path);
    c->n = 0;
    if (strcmp(path, "/ok") == 0) {
        answer_text(c, 200, "text/plain", "all is well\n");
    } else if (strcmp(path, "/count") == 0) {
        char text[64];
        (void)snprintf(text, sizeof text, "connections %u\n", accepted);
        answer_text(c, 200, "text/plain", text);
    } else if (strncmp(path, "/status/", 8) == 0) {
        answer_text(c, (int)strtol(path + 8, NULL, 10), "text/plain", "as asked\n");
    } else if (strcmp(path, "/json") == 0) {
        answer_text(c, 200, "application/json", "{\"status\":\"ok\",\"n\":3,\"list\":[{\"a\":true}],\"a/b\":\"~\"}");
    } else if (strcmp(path, "/twice") == 0) {
        answer_text(c, 200, "application/json", "{\"status\":\"bad\",\"status\":\"ok\"}");
    } else if (strcmp(path, "/redirect") == 0) {
        redirect(c->fd, "file:///etc/passwd");
    } else if (strncmp(path, "/to/", 4) == 0) {
        redirect(c->fd, path + 4);
    } else if (strcmp(path, "/huge") == 0) {
        memset(huge, 'x', sizeof huge);
        reply(c->fd, 200, "text/plain", huge, sizeof huge);
    } else if (strcmp(path, "/garbage") == 0) {
        return write(c->fd, "\x01\x02\x03 no http\n", 12) < 0;
    } else if (strcmp(path, "/close") == 0) {
        return false;
    } else if (strncmp(path, "/flood", 6) == 0) {
        start_chunks(c, FLOODS);
    } else if (strcmp(path, "/drip") == 0) {
        start_chunks(c, DRIPS);
    } else if (strncmp(path, "/hang", 5) == 0) {
        c->mode = HANGS;
    } else {
        answer_text(c, 404, "text/plain", "no such path\n");
    }
    return true;
}

static bool on_readable(struct connection *c)
{
    ssize_t got = read(c->fd, c->in + c->n, sizeof c->in - 1 - c->n);
    if (got <= 0) {
        return false;
    }
    c->n += (size_t)got;
    c->in[c->n] = '\0';
    return c->mode != READING || strstr(c->in, "\r\n\r\n") == NULL || serve(c);
}

static bool on_writable(struct connection *c)
{
    static char chunk[1024 + 8];
    if (c->mode == DRIPS) {
        return write(c->fd, "1\r\nx\r\n", 6) == 6;
    }
    memset(chunk, '.', sizeof chunk);
    memcpy(chunk, "400\r\n", 5);
    memcpy(chunk + 5 + 1024, "\r\n", 2);
    return send(c->fd, chunk, 5 + 1024 + 2, 0) > 0; /* a blocking socket: the pace is the client's */
}

static void child(int listener)
{
    static struct connection all[CONNECTIONS];
    struct pollfd p[CONNECTIONS + 1];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < CONNECTIONS; i++) {
        all[i].fd = -1;
    }
    for (;;) {
        bool drips = false;
        p[CONNECTIONS] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (int i = 0; i < CONNECTIONS; i++) {
            p[i] = (struct pollfd){.fd = all[i].fd,
                                   .events = (short)(POLLIN | (all[i].fd >= 0 && all[i].mode == FLOODS ? POLLOUT : 0))};
            drips = drips || (all[i].fd >= 0 && all[i].mode == DRIPS);
        }
        (void)poll(p, CONNECTIONS + 1, drips ? 100 : -1);
        for (int i = 0; i < CONNECTIONS; i++) {
            struct connection *c = &all[i];
            bool alive = c->fd >= 0;
            if (alive && (p[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
                alive = on_readable(c);
            }
            if (alive && (c->mode == DRIPS || (c->mode == FLOODS && (p[i].revents & POLLOUT) != 0))) {
                alive = on_writable(c);
            }
            if (c->fd >= 0 && !alive) {
                (void)close(c->fd);
                c->fd = -1;
            }
        }
        for (int i = 0; i < CONNECTIONS && (p[CONNECTIONS].revents & POLLIN) != 0; i++) {
            if (all[i].fd < 0) {
                all[i] = (struct connection){.fd = accept(listener, NULL, NULL)};
                accepted++;
                break;
            }
        }
    }
}

void http_double_open(struct http_double *d)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SP_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 128) == 0);
    SP_ASSERT(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    d->port = ntohs(a.sin_port);
    d->pid = fork();
    SP_ASSERT(d->pid >= 0);
    if (d->pid == 0) {
        child(fd);
    }
    (void)close(fd);
}

void http_double_close(struct http_double *d)
{
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, NULL, 0);
}
