/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp_url.h"

#define GUEST "guest" /* what oslo.messaging takes when a host names nobody, or an empty password */

static bool refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False when it does not fit or decodes to a NUL. A '%' without two digits stands for itself, as in the library. */
static bool decode(struct sp_str from, char *to, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < from.n; i++, n++) {
        char c = from.p[i];
        if (c == '%' && i + 2 < from.n && digit(from.p[i + 1]) >= 0 && digit(from.p[i + 2]) >= 0) {
            c = (char)(digit(from.p[i + 1]) << 4 | digit(from.p[i + 2]));
            i += 2;
        }
        if (n + 1 >= size || c == '\0')
            return false;
        to[n] = c;
    }
    to[n] = '\0';
    return true;
}

/* Cuts at the first of the characters; the rest keeps the one it was cut at. */
static struct sp_str cut(struct sp_str *rest, const char *any)
{
    uint32_t n = 0;
    while (n < rest->n && strchr(any, rest->p[n]) == NULL)
        n++;
    struct sp_str head = {rest->p, n};
    *rest = (struct sp_str){rest->p + n, rest->n - n};
    return head;
}

static bool credentials(struct sp_str text, struct amqp_url_host *host, const char **why)
{
    struct sp_str user = cut(&text, ":");
    struct sp_str password = text.n > 0 ? (struct sp_str){text.p + 1, text.n - 1} : text;
    if (!decode(user, host->user, sizeof host->user) || !decode(password, host->password, sizeof host->password))
        return refuse(why, "a user or password is too long or holds a NUL");
    return true;
}

static bool address(struct sp_str text, struct amqp_url_host *host, const char **why)
{
    uint64_t port = AMQP_URL_PORT;
    struct sp_str name = text, rest = {NULL, 0};
    if (text.n > 0 && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        if (end == NULL)
            return refuse(why, "an IPv6 address has no closing bracket");
        name = sp_str_bytes(text.p + 1, (size_t)(end - text.p - 1));
        rest = sp_str_bytes(end + 1, text.n - (size_t)(end + 1 - text.p));
    } else {
        name = cut(&text, ":");
        rest = text;
    }
    if (rest.n > 0 && !sp_str_is(rest, ":") &&
        (rest.p[0] != ':' || !sp_str_u64((struct sp_str){rest.p + 1, rest.n - 1}, 65535, &port) || port == 0))
        return refuse(why, "a port is no number from 1 to 65535; a '/', '?' or '#' in a password has to be written with '%'");
    if (!decode(name, host->host, sizeof host->host))
        return refuse(why, "a host name is too long");
    host->port = (uint16_t)port;
    return true;
}

static bool host_add(struct sp_str text, struct amqp_url *out, const char **why)
{
    if (text.n == 0)
        return true; /* nothing between two commas */
    if (out->host_count == AMQP_URL_HOSTS_MAX)
        return refuse(why, "more than 16 hosts");
    struct amqp_url_host *host = &out->hosts[out->host_count];
    memset(host, 0, sizeof *host);
    uint32_t at = text.n;
    while (at > 0 && text.p[at - 1] != '@')
        at--;
    if (at > 0 && !credentials((struct sp_str){text.p, at - 1}, host, why))
        return false;
    if (!address((struct sp_str){text.p + at, text.n - at}, host, why))
        return false;
    if (host->host[0] == '\0')
        (void)sp_str_copy(host->host, sizeof host->host, sp_str_of("localhost"));
    if (host->user[0] == '\0')
        (void)sp_str_copy(host->user, sizeof host->user, sp_str_of(GUEST));
    if (host->password[0] == '\0')
        (void)sp_str_copy(host->password, sizeof host->password, sp_str_of(GUEST));
    out->host_count++;
    return true;
}

static bool option_add(struct sp_str text, struct amqp_url *out, const char **why)
{
    struct sp_str name = cut(&text, "=");
    if (name.n == 0)
        return true;
    struct sp_str value = text.n > 0 ? (struct sp_str){text.p + 1, text.n - 1} : text;
    if (out->option_count == AMQP_URL_OPTIONS_MAX)
        return refuse(why, "more than 40 options");
    struct amqp_url_option *o = &out->options[out->option_count];
    if (!decode(name, o->name, sizeof o->name) || !decode(value, o->value, sizeof o->value))
        return refuse(why, "an option is too long");
    for (uint32_t i = 0; i < out->option_count; i++)
        if (strcmp(out->options[i].name, o->name) == 0)
            return refuse(why, "an option is given twice");
    out->option_count++;
    return true;
}

bool amqp_url_parse(struct sp_str text, struct amqp_url *out, const char **why)
{
    memset(out, 0, sizeof *out);
    struct sp_str rest = text, one;
    struct sp_str scheme = cut(&rest, ":");
    if (rest.n < 3 || memcmp(rest.p, "://", 3) != 0)
        return refuse(why, "does not begin with rabbit://");
    if (!sp_str_is(scheme, "rabbit") && !sp_str_is(scheme, "kombu") && !sp_str_is(scheme, "kombu+rabbit"))
        return refuse(why, "names another driver than rabbit");
    if (memchr(text.p, '#', text.n) != NULL)
        return refuse(why, "holds a '#'; in a password write %23");
    rest = (struct sp_str){rest.p + 3, rest.n - 3};
    struct sp_str hosts = cut(&rest, "/?");
    while (sp_str_next(&hosts, ',', &one))
        if (!host_add(sp_str_trim(one), out, why))
            return false;
    if (out->host_count == 0) {
        struct amqp_url_host *host = &out->hosts[out->host_count++];
        host->port = AMQP_URL_PORT;
        (void)sp_str_copy(host->host, sizeof host->host, sp_str_of("localhost"));
        (void)sp_str_copy(host->user, sizeof host->user, sp_str_of(GUEST));
        (void)sp_str_copy(host->password, sizeof host->password, sp_str_of(GUEST));
    }
    struct sp_str vhost = cut(&rest, "?");
    if (vhost.n > 0)
        vhost = (struct sp_str){vhost.p + 1, vhost.n - 1};
    if (!decode(vhost, out->vhost, sizeof out->vhost))
        return refuse(why, "the vhost is too long");
    if (out->vhost[0] == '\0')
        (void)sp_str_copy(out->vhost, sizeof out->vhost, sp_str_of("/"));
    struct sp_str query = rest.n > 0 ? (struct sp_str){rest.p + 1, rest.n - 1} : rest;
    while (sp_str_next(&query, '&', &one))
        if (!option_add(one, out, why))
            return false;
    return true;
}
