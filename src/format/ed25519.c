/* SPDX-License-Identifier: MIT */
/* Ed25519 (RFC 8032, RFC 8410) by libsodium: keys in DER, signer, verifier. */
#include "format/key.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "core/alloc.h"
#include "format/crypto.h"

static_assert(P2P_ED25519_SEED_SIZE == crypto_sign_SEEDBYTES, "size of a seed");
static_assert(P2P_ED25519_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "size of a public key");
static_assert(P2P_ED25519_SIGNATURE_SIZE == crypto_sign_BYTES, "size of a signature");

/* SEQUENCE { OID 1.3.101.112 } */
const uint8_t p2p__ed25519_identifier[P2P__ED25519_IDENTIFIER_LEN] = {0x30, 0x05, 0x06, 0x03,
                                                                      0x2b, 0x65, 0x70};

/* What stands before the 32 bytes of a public key (RFC 8410, 4) and of a seed (RFC 8410, 7). */
static const uint8_t spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t pkcs8_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                     0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

/* The last of these begin the OCTET STRING that is the private key. */
#define SEED_HEAD 2u

static_assert(sizeof spki_head + P2P_ED25519_PUBLIC_SIZE == P2P_ED25519_SPKI_SIZE, "SPKI");
static_assert(sizeof pkcs8_head + P2P_ED25519_SEED_SIZE == P2P_ED25519_PKCS8_SIZE, "PKCS#8");

int p2p_ed25519_public(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                       uint8_t out[P2P_ED25519_PUBLIC_SIZE])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    int err = p2p__crypto_init();
    if (err)
        return err;
    if (crypto_sign_seed_keypair(out, secret, seed))
        err = P2P_ERR_UNSUPPORTED;
    p2p__wipe(secret, sizeof secret);
    return err;
}

void p2p_ed25519_spki(const uint8_t public_key[P2P_ED25519_PUBLIC_SIZE],
                      uint8_t out[P2P_ED25519_SPKI_SIZE])
{
    memmove(out + sizeof spki_head, public_key, P2P_ED25519_PUBLIC_SIZE);
    memcpy(out, spki_head, sizeof spki_head);
}

void p2p_ed25519_pkcs8(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                       uint8_t out[P2P_ED25519_PKCS8_SIZE])
{
    memmove(out + sizeof pkcs8_head, seed, P2P_ED25519_SEED_SIZE);
    memcpy(out, pkcs8_head, sizeof pkcs8_head);
}

static int is_ed25519(const p2p_algorithm_id *id)
{
    return id->der_len == sizeof p2p__ed25519_identifier &&
           !memcmp(id->der, p2p__ed25519_identifier, id->der_len);
}

int p2p_ed25519_seed(const p2p_pkcs8 *key, uint8_t out[P2P_ED25519_SEED_SIZE])
{
    if (!is_ed25519(&key->algorithm))
        return P2P_ERR_UNSUPPORTED;
    /* An OCTET STRING, which p2p_pkcs8_parse has seen to, if it was asked. */
    if (key->key_len != SEED_HEAD + P2P_ED25519_SEED_SIZE ||
        memcmp(key->key, pkcs8_head + sizeof pkcs8_head - SEED_HEAD, SEED_HEAD) != 0)
        return P2P_ERR_MALFORMED;
    memcpy(out, key->key + SEED_HEAD, P2P_ED25519_SEED_SIZE);
    return 0;
}

/* go-p2p f/x509 (wire.md 1.3): the shape of a public key, with the seed in the BIT STRING. */
int p2p_gop2p_key_import(const uint8_t *der, size_t len, uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    if (len != P2P_ED25519_SPKI_SIZE || memcmp(der, spki_head, sizeof spki_head) != 0)
        return P2P_ERR_MALFORMED;
    memcpy(seed, der + sizeof spki_head, P2P_ED25519_SEED_SIZE);
    return 0;
}

void p2p_gop2p_key_export(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                          uint8_t out[P2P_ED25519_SPKI_SIZE])
{
    p2p_ed25519_spki(seed, out);
}

/* --- signer --- */

typedef struct ed25519_signer {
    p2p_signer base;
    p2p_allocator allocator;
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* the seed, then the public key */
} ed25519_signer;

static int signer_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    const ed25519_signer *s = (const ed25519_signer *)signer;
    *len = P2P_ED25519_SPKI_SIZE;
    if (cap < P2P_ED25519_SPKI_SIZE)
        return P2P_ERR_NO_SPACE;
    p2p_ed25519_spki(s->secret + P2P_ED25519_SEED_SIZE, out);
    return 0;
}

static int signer_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                       size_t cap, size_t *len)
{
    const ed25519_signer *s = (const ed25519_signer *)signer;
    *len = P2P_ED25519_SIGNATURE_SIZE;
    if (cap < P2P_ED25519_SIGNATURE_SIZE)
        return P2P_ERR_NO_SPACE;
    return crypto_sign_detached(out, NULL, msg, msg_len, s->secret) ? P2P_ERR_UNSUPPORTED : 0;
}

static void signer_free(p2p_signer *signer)
{
    ed25519_signer *s = (ed25519_signer *)signer;
    p2p_allocator allocator = s->allocator;
    p2p__wipe(s, sizeof *s);
    p2p__free(&allocator, s);
}

int p2p_ed25519_signer_new(p2p_signer **out, const uint8_t seed[P2P_ED25519_SEED_SIZE],
                           const p2p_allocator *allocator)
{
    static const p2p_signer_ops ops = {sizeof ops, signer_public_key, signer_sign, signer_free};
    const p2p_allocator *a = allocator ? allocator : p2p_default_allocator();
    uint8_t public_key[P2P_ED25519_PUBLIC_SIZE];
    int err = p2p__crypto_init();
    if (err)
        return err;
    ed25519_signer *s = p2p__zalloc(a, sizeof *s);
    if (!s)
        return P2P_ERR_NO_MEMORY;
    s->base.ops = &ops;
    s->allocator = *a;
    if (crypto_sign_seed_keypair(public_key, s->secret, seed)) {
        signer_free(&s->base);
        return P2P_ERR_UNSUPPORTED;
    }
    *out = &s->base;
    return 0;
}

/* --- algorithm --- */

static int check(const p2p_spki *key)
{
    return key->key_len == P2P_ED25519_PUBLIC_SIZE ? 0 : P2P_ERR_MALFORMED;
}

/*
 * The rule of libsodium, a part of what RFC 8032, 5.1.7 allows: S below the order, no cofactor, and
 * A and R neither of small order nor (A) in a second encoding. go-p2p takes such keys too; no
 * honest peer has one (docs/x509.md).
 */
static int verify(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                  size_t sig_len)
{
    int err = p2p__crypto_init();
    if (!err)
        err = check(key);
    if (err)
        return err;
    if (sig_len != P2P_ED25519_SIGNATURE_SIZE ||
        crypto_sign_verify_detached(sig, msg, msg_len, key->key))
        return P2P_ERR_BAD_SIGNATURE;
    return 0;
}

static int new_of_pkcs8(p2p_signer **out, const p2p_pkcs8 *key, const p2p_allocator *allocator)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE], public_key[P2P_ED25519_PUBLIC_SIZE];
    int err = p2p_ed25519_seed(key, seed);
    /* A private key that carries another public key would sign with one and announce the other. */
    if (!err && key->public_key) {
        err = p2p_ed25519_public(seed, public_key);
        if (!err && (key->public_key_len != sizeof public_key ||
                     memcmp(public_key, key->public_key, sizeof public_key) != 0))
            err = P2P_ERR_MALFORMED;
    }
    if (!err)
        err = p2p_ed25519_signer_new(out, seed, allocator);
    p2p__wipe(seed, sizeof seed);
    return err;
}

const p2p_key_algorithm p2p__ed25519 = {
    .size = sizeof(p2p_key_algorithm),
    .name = "Ed25519",
    .identifier = p2p__ed25519_identifier,
    .identifier_len = sizeof p2p__ed25519_identifier,
    .signature_identifier = p2p__ed25519_identifier,
    .signature_identifier_len = sizeof p2p__ed25519_identifier,
    .check = check,
    .verify = verify,
    .signer_new = new_of_pkcs8,
};
