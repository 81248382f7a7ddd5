/* SPDX-License-Identifier: MIT */
/*
 * Readers of keys, certificates and object identifiers. What is taken must come out again byte for
 * byte, and lie inside the input; what is refused must leave the result alone.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t *input;
static size_t input_len;

static void inside(const uint8_t *p, size_t n)
{
    assert(n <= input_len && p >= input && (size_t)(p - input) <= input_len - n);
}

static void check_algorithm(const p2p_algorithm_id *id)
{
    uint8_t oid[P2P_OID_MAX];
    char text[P2P_OID_TEXT_SIZE];
    size_t n;
    inside(id->der, id->der_len);
    inside(id->oid, id->oid_len);
    if (id->params)
        inside(id->params, id->params_len);
    int err = p2p_oid_text(id->oid, id->oid_len, text, sizeof text);
    assert(err == 0 || err == P2P_ERR_UNSUPPORTED);
    if (err)
        return;
    err = p2p_oid_parse(text, oid, sizeof oid, &n);
    assert(!err && n == id->oid_len && !memcmp(oid, id->oid, n));
}

static void check_key(const p2p_spki *key)
{
    static uint8_t out[P2P_KEY_MAX_DER];
    uint8_t a[P2P_PEER_ID_SIZE], b[P2P_PEER_ID_SIZE];
    size_t n;
    check_algorithm(&key->algorithm);
    inside(key->der, key->der_len);
    inside(key->key, key->key_len);
    int err = p2p_spki_write(key->algorithm.der, key->algorithm.der_len, key->key, key->key_len,
                             out, sizeof out, &n);
    /* A key of the last few sizes that are read is not written. */
    assert(err == 0 || (err == P2P_ERR_INVALID && key->der_len + 16 > P2P_KEY_MAX_DER));
    assert(err || (n == key->der_len && !memcmp(out, key->der, n)));
    err = p2p_fingerprint_pke(key, a) | p2p_fingerprint_quic(key, b);
    assert(!err && memcmp(a, b, sizeof a) != 0);
    const p2p_key_registry *all = p2p_key_registry_extended();
    err = p2p_spki_check(all, key);
    assert(err == 0 || err == P2P_ERR_MALFORMED || err == P2P_ERR_UNSUPPORTED);
    int verified = p2p_verify(all, key, a, sizeof a, key->key, key->key_len);
    assert(err ? verified == err : verified == 0 || verified == P2P_ERR_BAD_SIGNATURE);
}

static void try_spki(const uint8_t *data, size_t len)
{
    p2p_spki key, before;
    memset(&before, 0x5a, sizeof before);
    key = before;
    int err = p2p_spki_parse(data, len, &key);
    if (err) {
        assert(!memcmp(&key, &before, sizeof key));
        return;
    }
    assert(key.der == data && key.der_len == len);
    check_key(&key);
    uint8_t seed[P2P_ED25519_SEED_SIZE], again[P2P_ED25519_SPKI_SIZE];
    if (!p2p_gop2p_key_import(data, len, seed)) {
        p2p_gop2p_key_export(seed, again);
        assert(!memcmp(again, data, sizeof again));
    }
}

static void try_pkcs8(const uint8_t *data, size_t len)
{
    static uint8_t out[P2P_KEY_MAX_DER];
    p2p_pkcs8 key, before;
    size_t n;
    memset(&before, 0x5a, sizeof before);
    key = before;
    int err = p2p_pkcs8_parse(data, len, &key);
    if (err) {
        assert(!memcmp(&key, &before, sizeof key));
        return;
    }
    check_algorithm(&key.algorithm);
    inside(key.key, key.key_len);
    if (key.public_key) {
        inside(key.public_key, key.public_key_len);
    } else {
        err = p2p_pkcs8_write(key.algorithm.der, key.algorithm.der_len, key.key, key.key_len, out,
                              sizeof out, &n);
        assert(err == 0 || (err == P2P_ERR_INVALID && len + 16 > P2P_KEY_MAX_DER));
        assert(err || (n == len && !memcmp(out, data, n)));
    }
    p2p_signer *signer;
    if (p2p_signer_new(&signer, NULL, data, len, NULL))
        return;
    uint8_t spki[P2P_ED25519_SPKI_SIZE], sig[P2P_ED25519_SIGNATURE_SIZE];
    size_t spki_len, sig_len;
    p2p_spki own;
    err = p2p_signer_public_key(signer, spki, sizeof spki, &spki_len);
    assert(!err);
    err = p2p_sign(signer, data, len, sig, sizeof sig, &sig_len);
    assert(!err);
    err = p2p_spki_parse(spki, spki_len, &own);
    assert(!err);
    err = p2p_verify(NULL, &own, data, len, sig, sig_len);
    assert(!err);
    p2p_signer_free(signer);
}

static void try_cert(const uint8_t *data, size_t len)
{
    p2p_cert cert, before;
    memset(&before, 0x5a, sizeof before);
    cert = before;
    int err = p2p_cert_parse(data, len, &cert);
    if (err) {
        assert(!memcmp(&cert, &before, sizeof cert));
        return;
    }
    assert(cert.der == data && cert.der_len == len);
    inside(cert.tbs, cert.tbs_len);
    inside(cert.serial, cert.serial_len);
    inside(cert.issuer, cert.issuer_len);
    inside(cert.subject, cert.subject_len);
    inside(cert.signature, cert.signature_len);
    check_algorithm(&cert.signature_algorithm);
    check_key(&cert.key);
    err = p2p_cert_verify_self(&cert, p2p_key_registry_extended());
    assert(err == 0 || err == P2P_ERR_BAD_SIGNATURE || err == P2P_ERR_UNSUPPORTED ||
           err == P2P_ERR_MALFORMED);
}

static void try_oid(const uint8_t *data, size_t len)
{
    uint8_t oid[P2P_OID_MAX];
    char text[P2P_OID_TEXT_SIZE], given[256];
    size_t n;
    if (len >= sizeof given)
        return;
    memcpy(given, data, len);
    given[len] = '\0';
    if (p2p_oid_parse(given, oid, sizeof oid, &n))
        return;
    int err = p2p_oid_text(oid, n, text, sizeof text);
    assert(!err && !strcmp(text, given));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = data;
    input_len = len;
    try_spki(data, len);
    try_pkcs8(data, len);
    try_cert(data, len);
    try_oid(data, len);
    return 0;
}
