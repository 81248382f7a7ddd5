/* SPDX-License-Identifier: MIT */
#include <p2p/x509.h>

/* What comes of a signer's operation that has written n bytes, as it says: nobody reads more than
 * there is room for. */
static int finish(int err, size_t n, size_t cap, size_t *len)
{
    if (!err && n > cap)
        return P2P_ERR_INVALID;
    if (!err || err == P2P_ERR_NO_SPACE)
        *len = n;
    return err;
}

int p2p_signer_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    size_t n = 0;
    int err = signer->ops->public_key(signer, out, cap, &n);
    return finish(err, n, cap, len);
}

int p2p_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out, size_t cap,
             size_t *len)
{
    size_t n = 0;
    int err = signer->ops->sign(signer, msg, msg_len, out, cap, &n);
    return finish(err, n, cap, len);
}

void p2p_signer_free(p2p_signer *signer)
{
    if (signer)
        signer->ops->free(signer);
}
