/* SPDX-License-Identifier: MIT */
/* Public keys: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), and their fingerprints. */
#include "format/key.h"

#include <string.h>

#include "format/crypto.h"

int p2p__spki_read(p2p__bytes *in, p2p_spki *out)
{
    p2p__bytes rest = *in, content, whole, bits;
    p2p_spki key;
    if (p2p__der_get(&rest, P2P__DER_SEQUENCE, &content, &whole) ||
        p2p__algorithm_read(&content, &key.algorithm) || p2p__der_bits(&content, &bits) ||
        content.len)
        return P2P_ERR_MALFORMED;
    size_t fixed = p2p__rfc8410_key_len(&key.algorithm);
    if (fixed && bits.len != fixed)
        return P2P_ERR_MALFORMED;
    key.der = whole.p;
    key.der_len = whole.len;
    key.key = bits.p;
    key.key_len = bits.len;
    *in = rest;
    *out = key;
    return 0;
}

int p2p_spki_parse(const uint8_t *der, size_t len, p2p_spki *out)
{
    p2p__bytes in = {der, len};
    p2p_spki key;
    if (len > P2P_KEY_MAX_DER)
        return P2P_ERR_LIMIT;
    if (p2p__spki_read(&in, &key) || in.len)
        return P2P_ERR_MALFORMED;
    *out = key;
    return 0;
}

int p2p_spki_equal(const p2p_spki *a, const p2p_spki *b)
{
    return a->der_len == b->der_len && !memcmp(a->der, b->der, a->der_len);
}

int p2p_spki_write(const uint8_t *algorithm, size_t algorithm_len, const uint8_t *key,
                   size_t key_len, uint8_t *out, size_t cap, size_t *len)
{
    p2p__bytes in = {algorithm, algorithm_len};
    p2p_algorithm_id id;
    if (p2p__algorithm_read(&in, &id) || in.len)
        return P2P_ERR_INVALID;
    size_t fixed = p2p__rfc8410_key_len(&id);
    /* 16 bytes are more than the heads need, so what is written can be read. */
    if ((fixed && key_len != fixed) || key_len > P2P_KEY_MAX_DER ||
        algorithm_len + key_len + 16 > P2P_KEY_MAX_DER)
        return P2P_ERR_INVALID;
    p2p__der_out to = {out, cap, 0};
    p2p__der_put_bits(&to, key, key_len);
    p2p__der_put(&to, algorithm, algorithm_len);
    p2p__der_head(&to, P2P__DER_SEQUENCE, 0);
    return p2p__der_finish(&to, len);
}

int p2p_fingerprint_pke(const p2p_spki *key, uint8_t id[P2P_PEER_ID_SIZE])
{
    return p2p__shake256(key->der, key->der_len, id, P2P_PEER_ID_SIZE);
}

int p2p_fingerprint_quic(const p2p_spki *key, uint8_t id[P2P_PEER_ID_SIZE])
{
    return p2p__sha3_256(key->der, key->der_len, id);
}
