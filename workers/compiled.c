/* SPDX-License-Identifier: Apache-2.0 */
#include "compiled.h"

#include <stdlib.h>
#include <string.h>

#include "sp_crypto.h"
#include "sp_log.h"

static void compile(struct worker_adapters *adapters, const struct rec_definition_body *body, struct compiled *out)
{
    char why[SP_ADAPTER_WHY_MAX] = "this worker has no such adapter";
    struct param_values values = {0};
    uint32_t at = worker_adapters_find(adapters, body->adapter);
    const struct sp_adapter *a = at < WORKER_ADAPTERS_ROWS ? adapters->row[at].adapter : NULL;
    out->reason = a == NULL ? SP_REASON_NO_ADAPTER : SP_REASON_BAD_PARAMETERS;
    if (a != NULL && param_parse(a->params, a->params_count, body->params, &values, why)) {
        (void)sp_str_copy(why, sizeof why, sp_str_of("no memory"));
        void *check = a->compile != NULL ? a->compile(adapters->row[at].instance, values.row, why) : NULL;
        param_fini(&values);
        if (check != NULL || a->compile == NULL) {
            *out = (struct compiled){.adapter = at, .check = check};
            return;
        }
    }
    SP_LOG(SP_LOG_WARNING, "worker", "definition.refused", SP_LOG_V("check", body->check), SP_LOG_S("why", why));
    out->adapter = COMPILED_NO_ADAPTER;
    out->check = strdup(why);
}

bool compiled_make(struct worker_adapters *adapters, const struct msg_definition *m, struct compiled *out)
{
    struct rec_definition_body body;
    uint8_t digest[SP_CRYPTO_HASH_BYTES];
    sp_crypto_sha256(m->body.p, m->body.n, digest);
    if (memcmp(digest, m->digest, sizeof digest) != 0 ||
        rec_definition_body_decode((const uint8_t *)m->body.p, m->body.n, &body) != SP_OK) {
        SP_LOG(SP_LOG_WARNING, "worker", "definition.digest", SP_LOG_HEX("digest", m->digest, 8));
        return false;
    }
    compile(adapters, &body, out);
    return true;
}

void compiled_release(struct worker_adapters *adapters, uint32_t adapter, void *check)
{
    if (adapter == COMPILED_NO_ADAPTER) {
        free(check);
    } else if (adapters->row[adapter].adapter->release != NULL) {
        adapters->row[adapter].adapter->release(adapters->row[adapter].instance, check);
    }
}
