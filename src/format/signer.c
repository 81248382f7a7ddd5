/* SPDX-License-Identifier: MIT */
#include <p2p/x509.h>

int p2p_signer_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    return signer->ops->public_key(signer, out, cap, len);
}

int p2p_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out, size_t cap,
             size_t *len)
{
    return signer->ops->sign(signer, msg, msg_len, out, cap, len);
}

void p2p_signer_free(p2p_signer *signer)
{
    if (signer)
        signer->ops->free(signer);
}
