/* SPDX-License-Identifier: Apache-2.0 */
/* quote - a TPM quote with the values it covers. args {"pcrs": "sha256:0-10"}; sections attest, signature, pcrs. What is signed
 * with it is bound to nonce and node: a quote of another node, or for another question, does not fit. */
#include "collect_tpm.h"
#include "collector_table.h"
#include "sp_crypto.h"

#define PURPOSE "SPICE quote" /* with its zero byte */

struct quote_work {
    uint32_t ak;
    struct sp_str data;
    const struct tpm_selection *selection;
    struct tpm_device_quote quote;
};

static enum sp_rc quote_work(struct tpm_device *device, void *arg)
{
    struct quote_work *w = arg;
    return tpm_device_quote(device, w->ak, w->data, w->selection, &w->quote);
}

static void qualify(const struct collect_request *request, uint8_t out[32])
{
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, PURPOSE, sizeof PURPOSE);
    sp_crypto_sha256_update(&h, request->nonce, COLLECT_NONCE_BYTES);
    sp_crypto_sha256_update(&h, request->node.p, request->node.n);
    sp_crypto_sha256_final(&h, out);
}

static bool selection_of(const struct collect_request *request, struct collect_out *out, struct tpm_selection *selection,
                         uint16_t *reason)
{
    static const char *const names[] = {"pcrs", NULL};
    json_t *args = collect_args(request, out, reason);
    if (args == NULL) {
        return false;
    }
    const char *text = json_string_value(json_object_get(args, "pcrs"));
    *reason = SP_REASON_BAD_PARAMETERS;
    bool good = collect_args_only(args, names, out);
    if (good && (text == NULL || !tpm_selection_read(sp_str_of(text), selection))) {
        *reason = collect_fail(out, SP_REASON_BAD_PARAMETERS, "pcrs: no selection like 'sha256:0-7,10'");
        good = false;
    }
    json_decref(args);
    return good;
}

static uint16_t quote_collect(const struct collect_request *request, struct collect_out *out)
{
    static struct quote_work w; /* 20 KiB; a collector is a process */
    struct tpm_selection selection;
    uint8_t data[32];
    uint16_t reason = SP_REASON_OK;
    if (!selection_of(request, out, &selection, &reason)) {
        return reason;
    }
    qualify(request, data);
    w.ak = request->site->ak_handle;
    w.data = sp_str_bytes(data, sizeof data);
    w.selection = &selection;
    reason = collect_tpm(request, out, quote_work, &w);
    if (reason == SP_REASON_OK) {
        (void)(collect_section(out, "attest", sp_str_bytes(w.quote.attest.p, w.quote.attest.n)) &&
               collect_section(out, "signature", sp_str_bytes(w.quote.signature.p, w.quote.signature.n)) &&
               collect_section(out, "pcrs", sp_str_bytes(w.quote.pcrs, w.quote.pcrs_bytes)));
    }
    return reason;
}

const struct collector collector_quote = {.kind = "quote", .collect = quote_collect, .tpm = true};
