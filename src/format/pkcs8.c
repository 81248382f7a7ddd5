/* SPDX-License-Identifier: MIT */
/* Private keys: PKCS#8, OneAsymmetricKey (RFC 5958, 2). */
#include "format/key.h"

#include <string.h>

/*
 * OneAsymmetricKey ::= SEQUENCE { version, algorithm, privateKey, [0] attributes OPTIONAL,
 * [1] IMPLICIT publicKey OPTIONAL }. Version is 0, or 1 exactly if there is a public key.
 */
static int read_tail(p2p__bytes *in, unsigned version, p2p_pkcs8 *key)
{
    p2p__bytes bits;
    if (p2p__der_next_is(in, P2P__DER_CONTEXT_SEQ(0)))
        return P2P_ERR_UNSUPPORTED;
    if (version == 0)
        return in->len ? P2P_ERR_MALFORMED : 0;
    if (p2p__der_get(in, P2P__DER_CONTEXT(1), &bits, NULL) || in->len)
        return P2P_ERR_MALFORMED;
    size_t fixed = p2p__rfc8410_key_len(&key->algorithm);
    if (bits.len == 0 || bits.p[0] != 0 || (fixed && bits.len - 1 != fixed))
        return P2P_ERR_MALFORMED;
    key->public_key = bits.p + 1;
    key->public_key_len = bits.len - 1;
    return 0;
}

/* RFC 8410, 7: the key is an OCTET STRING in the OCTET STRING. */
static int check_rfc8410(const p2p_pkcs8 *key)
{
    size_t fixed = p2p__rfc8410_key_len(&key->algorithm);
    p2p__bytes in = {key->key, key->key_len}, seed;
    if (!fixed)
        return 0;
    if (p2p__der_get(&in, P2P__DER_OCTET_STRING, &seed, NULL) || in.len || seed.len != fixed)
        return P2P_ERR_MALFORMED;
    return 0;
}

int p2p_pkcs8_parse(const uint8_t *der, size_t len, p2p_pkcs8 *out)
{
    p2p__bytes in = {der, len}, content, whole, octets;
    p2p_pkcs8 key;
    unsigned version;
    if (len > P2P_KEY_MAX_DER)
        return P2P_ERR_LIMIT;
    memset(&key, 0, sizeof key);
    if (p2p__der_get(&in, P2P__DER_SEQUENCE, &content, &whole) || in.len ||
        p2p__der_small(&content, &version) || version > 1 ||
        p2p__algorithm_read(&content, &key.algorithm) ||
        p2p__der_get(&content, P2P__DER_OCTET_STRING, &octets, NULL))
        return P2P_ERR_MALFORMED;
    key.der = whole.p;
    key.der_len = whole.len;
    key.key = octets.p;
    key.key_len = octets.len;
    int err = check_rfc8410(&key);
    if (!err)
        err = read_tail(&content, version, &key);
    if (err)
        return err;
    *out = key;
    return 0;
}

int p2p_pkcs8_write(const uint8_t *algorithm, size_t algorithm_len, const uint8_t *key,
                    size_t key_len, uint8_t *out, size_t cap, size_t *len)
{
    p2p__bytes in = {algorithm, algorithm_len};
    p2p_pkcs8 made = {.key = key, .key_len = key_len};
    if (p2p__algorithm_read(&in, &made.algorithm) || in.len || check_rfc8410(&made))
        return P2P_ERR_INVALID;
    /* 16 bytes are more than the heads and the version need. */
    if (key_len > P2P_KEY_MAX_DER || algorithm_len + key_len + 16 > P2P_KEY_MAX_DER)
        return P2P_ERR_INVALID;
    p2p__der_out to = {out, cap, 0};
    p2p__der_element(&to, P2P__DER_OCTET_STRING, key, key_len);
    p2p__der_put(&to, algorithm, algorithm_len);
    p2p__der_element(&to, P2P__DER_INTEGER, "", 1); /* version 0 */
    p2p__der_head(&to, P2P__DER_SEQUENCE, 0);
    return p2p__der_finish(&to, len);
}
