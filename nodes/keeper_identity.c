/* SPDX-License-Identifier: Apache-2.0 */
/* Who a node's attester and TPM are, for those who ask them. */
#include "dispatch_keeper_shell.h"
#include "nodes_shell.h"

enum sp_rc keeper_shell_on_identity_get(struct keeper_shell_in *in, struct msg_identity_get *m)
{
    struct msg_identity reply = {.node = m->node, .generation = m->generation, .code = SP_REFUSAL_NOT_FOUND};
    uint8_t body[MSG_IDENTITY_BYTES_MAX];
    struct sp_packer w;
    sp_packer_init(&w, body, sizeof body);
    enum sp_rc rc = msg_identity_encode(&w, &reply);
    if (rc == SP_OK) {
        nodes_shell_send(in->shell, SP_MSG_IDENTITY, in->message->from->name, (int)in->message->broker,
                         sp_str_bytes(body, sp_packer_bytes(&w)));
    }
    return rc;
}
