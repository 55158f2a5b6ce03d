/* SPDX-License-Identifier: Apache-2.0 */
/* principals.yaml into the registry: at the start, and again when somebody changed the file. */
#include <stdio.h>

#include "sp_bus_parts.h"
#include "sp_log.h"

static void row_of(const struct sp_conf_principal *from, struct sp_bus_principal *to)
{
    *to = (struct sp_bus_principal){.role = (uint8_t)from->role,
                                    .revoked = from->revoked,
                                    .from_file = true,
                                    .not_after_s = from->not_after_s,
                                    .next_not_before_s = from->next_not_before_s,
                                    .next_not_after_s = from->next_not_after_s};
    memcpy(to->name, from->name, sizeof to->name);
    memcpy(to->curve, from->curve, sizeof to->curve);
    memcpy(to->sign, from->sign, sizeof to->sign);
    memcpy(to->next_curve, from->next_curve, sizeof to->next_curve);
    memcpy(to->next_sign, from->next_sign, sizeof to->next_sign);
    memcpy(to->adapters, from->adapters, sizeof to->adapters);
    memcpy(to->nodes, from->nodes, sizeof to->nodes);
}

static bool put_all(struct sp_bus *bus, const struct sp_conf_principals *file, char *why, size_t why_bytes)
{
    for (uint32_t i = 0; i < file->count; i++) {
        struct sp_bus_principal row;

        row_of(&file->rows[i], &row);
        if (sp_registry_put(&bus->registry, &row) != SP_OK) {
            snprintf(why, why_bytes, "%s: principal %s cannot be taken", bus->o.conf->principals, row.name);
            return false;
        }
    }
    return true;
}

static struct sp_conf_principals *read_file(const struct sp_bus *bus, char *why, size_t why_bytes)
{
    struct sp_conf_principals *file = NULL;
    struct sp_err err = {0};

    if (sp_conf_principals_load(bus->o.conf->principals, &file, &err) == SP_OK)
        return file;
    sp_err_line(&err, why, why_bytes);
    return NULL;
}

bool sp_bus_people_load(struct sp_bus *bus, char *why, size_t why_bytes)
{
    struct sp_conf_principals *file = read_file(bus, why, why_bytes);
    bool good = file != NULL && put_all(bus, file, why, why_bytes);

    sp_conf_principals_destroy(&file);
    return good;
}

static const struct sp_conf_principal *find(const struct sp_conf_principals *file, const char *name)
{
    for (uint32_t i = 0; i < file->count; i++)
        if (strcmp(file->rows[i].name, name) == 0)
            return &file->rows[i];
    return NULL;
}

/* Ourselves and the brokers are what the open connections were made with: those change with a restart only. */
static bool may_replace(const struct sp_bus *bus, const struct sp_conf_principals *file, char *why, size_t why_bytes)
{
    const struct sp_conf_principal *self = find(file, bus->name);
    const uint8_t *key = bus->o.keys->pub.curve;

    if (self != NULL &&
        ((uint8_t)self->role != bus->o.role || (memcmp(self->curve, key, 32) != 0 && memcmp(self->next_curve, key, 32) != 0))) {
        snprintf(why, why_bytes, "%s: %s has another role or key than this process; restart it", bus->o.conf->principals,
                 bus->name);
        return false;
    }
    for (unsigned i = 0; i < bus->count; i++) {
        const char *name = bus->links[i].conf->name;
        const struct sp_registry_row *had = sp_registry_find(&bus->registry, sp_str_of(name));
        const struct sp_conf_principal *row = find(file, name);

        if (had == NULL || row == NULL || row->role != SP_CONF_ROLE_BROKER || memcmp(row->curve, had->p.curve, 32) != 0) {
            snprintf(why, why_bytes, "%s: broker %s is gone or has another key; restart this process", bus->o.conf->principals,
                     name);
            return false;
        }
    }
    return true;
}

bool sp_bus_reload(struct sp_bus *bus)
{
    char why[640] = "";
    struct sp_conf_principals *file = read_file(bus, why, sizeof why);
    bool good = file != NULL && may_replace(bus, file, why, sizeof why);

    if (good) {
        sp_registry_file_begin(&bus->registry);
        good = put_all(bus, file, why, sizeof why);
        if (good)
            sp_registry_file_end(&bus->registry);
    }
    if (good)
        SP_LOG(SP_LOG_NOTICE, "bus", "reload", SP_LOG_U("principals", file->count));
    else
        SP_LOG(SP_LOG_ERROR, "bus", "reload", SP_LOG_S("why", why), SP_LOG_S("effect", "what was known before is in force"));
    sp_conf_principals_destroy(&file);
    return good;
}
