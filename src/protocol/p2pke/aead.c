/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/aead.h"

#include <gcrypt.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "format/crypto.h"

static int handle_open(p2p__aead_handle *handle)
{
    gcry_cipher_hd_t cipher;
    gcry_error_t err = gcry_cipher_open(&cipher, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305,
                                        0);
    if (err)
        return gcry_err_code(err) == GPG_ERR_ENOMEM ? P2P_ERR_NO_MEMORY : P2P_ERR_UNSUPPORTED;
    handle->cipher = cipher;
    handle->serial = 0;
    return 0;
}

static void handle_close(p2p__aead_handle *handle)
{
    /* libgcrypt wipes what it frees. */
    gcry_cipher_close(handle->cipher);
    handle->cipher = NULL;
    handle->serial = 0;
}

int p2p__aead_init(p2p__aead *aead)
{
    memset(aead, 0, sizeof *aead);
    int err = p2p__crypto_init();
    if (err)
        return err;
    err = handle_open(&aead->seal);
    if (err)
        return err;
    err = handle_open(&aead->open);
    if (err)
        handle_close(&aead->seal);
    return err;
}

void p2p__aead_free(p2p__aead *aead)
{
    handle_close(&aead->open);
    handle_close(&aead->seal);
}

void p2p__aead_set_key(p2p__aead *aead, p2p__aead_key *key, const uint8_t bytes[P2P__PKE_KEY_SIZE])
{
    memcpy(key->bytes, bytes, P2P__PKE_KEY_SIZE);
    key->serial = ++aead->last_serial;
}

static void forget(p2p__aead_handle *handle, uint64_t serial)
{
    static const uint8_t zero[P2P__PKE_KEY_SIZE] = {0};
    if (handle->serial != serial)
        return;
    (void)gcry_cipher_setkey(handle->cipher, zero, sizeof zero);
    handle->serial = 0;
}

void p2p__aead_wipe_key(p2p__aead *aead, p2p__aead_key *key)
{
    if (key->serial) {
        forget(&aead->seal, key->serial);
        forget(&aead->open, key->serial);
    }
    p2p__wipe(key, sizeof *key);
}

/* Makes the handle ready for one message: key, nonce, associated data. */
static int prepare(p2p__aead_handle *handle, const p2p__aead_key *key, uint64_t nonce,
                   const uint8_t *ad, size_t ad_len)
{
    uint8_t iv[12] = {0};
    if (handle->serial != key->serial) {
        handle->serial = 0;
        if (gcry_cipher_setkey(handle->cipher, key->bytes, sizeof key->bytes))
            return P2P_ERR_UNSUPPORTED;
        handle->serial = key->serial;
    }
    p2p__store64le(iv + 4, nonce);
    if (gcry_cipher_setiv(handle->cipher, iv, sizeof iv) ||
        gcry_cipher_authenticate(handle->cipher, ad, ad_len))
        return P2P_ERR_UNSUPPORTED;
    return 0;
}

int p2p__aead_seal(p2p__aead *aead, const p2p__aead_key *key, uint64_t nonce, const uint8_t *ad,
                   size_t ad_len, const p2p_iov *iov, size_t n, uint8_t *out)
{
    int err = prepare(&aead->seal, key, nonce, ad, ad_len);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        if (iov[i].len == 0)
            continue;
        const void *in = iov[i].data == out ? NULL : iov[i].data;
        size_t in_len = in ? iov[i].len : 0;
        if (gcry_cipher_encrypt(aead->seal.cipher, out, iov[i].len, in, in_len))
            return P2P_ERR_UNSUPPORTED;
        out += iov[i].len;
    }
    if (gcry_cipher_gettag(aead->seal.cipher, out, P2P__PKE_TAG_SIZE))
        return P2P_ERR_UNSUPPORTED;
    return 0;
}

int p2p__aead_open(p2p__aead *aead, const p2p__aead_key *key, uint64_t nonce, const uint8_t *ad,
                   size_t ad_len, uint8_t *data, size_t len)
{
    if (len < P2P__PKE_TAG_SIZE)
        return P2P_ERR_BAD_SIGNATURE;
    len -= P2P__PKE_TAG_SIZE;
    int err = prepare(&aead->open, key, nonce, ad, ad_len);
    if (err)
        return err;
    gcry_cipher_hd_t cipher = aead->open.cipher;
    if (len && gcry_cipher_decrypt(cipher, data, len, NULL, 0))
        return P2P_ERR_UNSUPPORTED;
    /* In constant time (libgcrypt's own comparison). */
    if (!gcry_cipher_checktag(cipher, data + len, P2P__PKE_TAG_SIZE))
        return 0;
    /* The same key stream once more gives back what was there. */
    if (len && (prepare(&aead->open, key, nonce, ad, ad_len) ||
                gcry_cipher_encrypt(cipher, data, len, NULL, 0)))
        return P2P_ERR_UNSUPPORTED;
    return P2P_ERR_BAD_SIGNATURE;
}
