/* SPDX-License-Identifier: MIT */
/* Self-signed certificates (RFC 5280, 4.1), as go-p2p makes them for QUIC (wire.md 6). */
#include <p2p/x509.h>

#include <string.h>

#include <sodium.h>

#include "core/config.h"
#include "format/cert_time.h"
#include "format/crypto.h"
#include "format/key.h"

/* SEQUENCE { OID 2.5.29.15 keyUsage, TRUE, digitalSignature + keyEncipherment + keyCertSign } */
static const uint8_t key_usage[] = {0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01,
                                    0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x02, 0xa4};
/* SEQUENCE { OID 2.5.29.37 extKeyUsage, { clientAuth, serverAuth } } */
static const uint8_t ext_key_usage[] = {
    0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x25, 0x04, 0x16, 0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01,
    0x05, 0x05, 0x07, 0x03, 0x02, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
/* SEQUENCE { OID 2.5.29.19 basicConstraints, TRUE, { CA TRUE } } */
static const uint8_t basic_constraints[] = {0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01,
                                            0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff};
/* OID 2.5.29.14 subjectKeyIdentifier */
static const uint8_t subject_key_id[] = {0x06, 0x03, 0x55, 0x1d, 0x0e};
/* [0] INTEGER 2: version 3 */
static const uint8_t version3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
static const uint8_t empty_name[] = {0x30, 0x00};

static void put_extensions(p2p__der_out *out, const p2p_spki *key)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    size_t from = out->len;
    /* RFC 7093, 2, method 1: the first 160 bits of SHA-256 of the key. */
    crypto_hash_sha256(hash, key->key, key->key_len);
    p2p__der_put(out, hash, 20);
    p2p__der_head(out, P2P__DER_OCTET_STRING, from);
    p2p__der_head(out, P2P__DER_OCTET_STRING, from);
    p2p__der_put(out, subject_key_id, sizeof subject_key_id);
    p2p__der_head(out, P2P__DER_SEQUENCE, from);
    p2p__der_put(out, basic_constraints, sizeof basic_constraints);
    p2p__der_put(out, ext_key_usage, sizeof ext_key_usage);
    p2p__der_put(out, key_usage, sizeof key_usage);
    p2p__der_head(out, P2P__DER_SEQUENCE, from);
    p2p__der_head(out, P2P__DER_CONTEXT_SEQ(3), from);
}

/* Puts the part that is signed (RFC 5280, 4.1.2), from its last member to its first. */
static void put_tbs(p2p__der_out *out, const p2p_cert_config *c, const p2p_spki *key,
                    const p2p_key_algorithm *algorithm)
{
    uint8_t serial[sizeof c->serial];
    put_extensions(out, key);
    p2p__der_put(out, key->der, key->der_len);
    p2p__der_put(out, empty_name, sizeof empty_name); /* subject */
    size_t from = out->len;
    p2p__cert_time_put(out, c->not_after);
    p2p__cert_time_put(out, c->not_before);
    p2p__der_head(out, P2P__DER_SEQUENCE, from);
    p2p__der_put(out, empty_name, sizeof empty_name); /* issuer */
    p2p__der_put(out, algorithm->signature_identifier, algorithm->signature_identifier_len);
    /* Positive, not zero, and always of 16 bytes: 126 of the random bits stay. */
    memcpy(serial, c->serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    p2p__der_element(out, P2P__DER_INTEGER, serial, sizeof serial);
    p2p__der_put(out, version3, sizeof version3);
    p2p__der_head(out, P2P__DER_SEQUENCE, 0);
}

/* The signer's key and what it signs with. */
static int find_key(p2p_signer *signer, const p2p_key_registry *registry, uint8_t *buf, size_t cap,
                    p2p_spki *key, const p2p_key_algorithm **algorithm)
{
    size_t len;
    int err = p2p_signer_public_key(signer, buf, cap, &len);
    if (err)
        return err == P2P_ERR_NO_SPACE ? P2P_ERR_LIMIT : err;
    if (p2p_spki_parse(buf, len, key))
        return P2P_ERR_INVALID;
    *algorithm = p2p_key_algorithm_find(registry, &key->algorithm);
    return *algorithm && (*algorithm)->signature_identifier ? 0 : P2P_ERR_UNSUPPORTED;
}

int p2p_cert_make(p2p_signer *signer, const p2p_cert_config *config, uint8_t *out, size_t cap,
                  size_t *len)
{
    uint8_t spki[P2P_KEY_MAX_DER], tbs[P2P_CERT_MAX_DER], sig[P2P_SIGNATURE_MAX];
    p2p_cert_config c;
    p2p_spki key;
    const p2p_key_algorithm *algorithm;
    size_t tbs_len, sig_len;
    if (p2p__config_copy(&c, sizeof c, config) || !p2p__cert_time_ok(c.not_before) ||
        !p2p__cert_time_ok(c.not_after) || c.not_after < c.not_before)
        return P2P_ERR_INVALID;
    int err = p2p__crypto_init();
    if (!err)
        err = find_key(signer, c.registry, spki, sizeof spki, &key, &algorithm);
    if (err)
        return err;

    p2p__der_out part = {tbs, sizeof tbs, 0};
    put_tbs(&part, &c, &key, algorithm);
    if (p2p__der_finish(&part, &tbs_len))
        return P2P_ERR_LIMIT;
    err = p2p_sign(signer, tbs, tbs_len, sig, sizeof sig, &sig_len);
    if (err)
        return err == P2P_ERR_NO_SPACE ? P2P_ERR_LIMIT : err;
    /* A token may be broken, or hold another key than it says. */
    if (algorithm->verify(&key, tbs, tbs_len, sig, sig_len))
        return P2P_ERR_INVALID;

    p2p__der_out all = {out, cap, 0};
    p2p__der_put_bits(&all, sig, sig_len);
    p2p__der_put(&all, algorithm->signature_identifier, algorithm->signature_identifier_len);
    p2p__der_put(&all, tbs, tbs_len);
    p2p__der_head(&all, P2P__DER_SEQUENCE, 0);
    return all.len > P2P_CERT_MAX_DER ? P2P_ERR_LIMIT : p2p__der_finish(&all, len);
}
