/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/noise.h"

#include <sodium.h>
#include <string.h>

#include "core/alloc.h"

#define PROTOCOL_NAME "Noise_NN_25519_ChaChaPoly_BLAKE2b"
#define HASHLEN       P2P__PKE_HASH_SIZE
#define BLOCKLEN      128u /* of BLAKE2b */

_Static_assert(sizeof PROTOCOL_NAME - 1 <= HASHLEN, "the name is padded, not hashed");

/* --- 4.3: HASH, HMAC-HASH (RFC 2104) and HKDF with two outputs --- */

typedef crypto_generichash_blake2b_state hash_state;

static void hash_start(hash_state *s)
{
    /* Only a wrong length makes these fail. */
    (void)crypto_generichash_blake2b_init(s, NULL, 0, HASHLEN);
}

static void hash_add(hash_state *s, const uint8_t *data, size_t len)
{
    (void)crypto_generichash_blake2b_update(s, data, len);
}

static void hash_end(hash_state *s, uint8_t out[HASHLEN])
{
    (void)crypto_generichash_blake2b_final(s, out, HASHLEN);
}

/* HMAC of a followed by b. */
static void hmac(const uint8_t key[HASHLEN], const uint8_t *a, size_t a_len, const uint8_t *b,
                 size_t b_len, uint8_t out[HASHLEN])
{
    uint8_t pad[BLOCKLEN], inner[HASHLEN];
    hash_state s;

    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < HASHLEN; i++)
        pad[i] ^= key[i];
    hash_start(&s);
    hash_add(&s, pad, sizeof pad);
    hash_add(&s, a, a_len);
    hash_add(&s, b, b_len);
    hash_end(&s, inner);

    memset(pad, 0x5c, sizeof pad);
    for (size_t i = 0; i < HASHLEN; i++)
        pad[i] ^= key[i];
    hash_start(&s);
    hash_add(&s, pad, sizeof pad);
    hash_add(&s, inner, sizeof inner);
    hash_end(&s, out);

    p2p__wipe(pad, sizeof pad);
    p2p__wipe(inner, sizeof inner);
    p2p__wipe(&s, sizeof s);
}

static void hkdf2(const uint8_t ck[HASHLEN], const uint8_t *ikm, size_t len, uint8_t out1[HASHLEN],
                  uint8_t out2[HASHLEN])
{
    static const uint8_t one = 1, two = 2;
    uint8_t temp[HASHLEN], first[HASHLEN];
    hmac(ck, ikm, len, NULL, 0, temp);
    hmac(temp, &one, 1, NULL, 0, first);
    hmac(temp, first, sizeof first, &two, 1, out2);
    memcpy(out1, first, sizeof first);
    p2p__wipe(temp, sizeof temp);
    p2p__wipe(first, sizeof first);
}

/* --- 5.2: SymmetricState --- */

static void mix_hash(p2p__noise *s, const uint8_t *data, size_t len)
{
    hash_state hash;
    hash_start(&hash);
    hash_add(&hash, s->h, sizeof s->h);
    hash_add(&hash, data, len);
    hash_end(&hash, s->h);
}

static void mix_key(p2p__noise *s, const uint8_t *ikm, size_t len)
{
    uint8_t temp_k[HASHLEN];
    hkdf2(s->ck, ikm, len, s->ck, temp_k);
    memcpy(s->k, temp_k, sizeof s->k);
    s->n = 0;
    p2p__wipe(temp_k, sizeof temp_k);
}

/* The payload in place; len counts the tag that comes after it. */
static int encrypt_and_hash(p2p__noise *s, p2p__aead *aead, uint8_t *payload, size_t len)
{
    p2p__aead_key key;
    p2p_iov plain = {payload, len - P2P__PKE_TAG_SIZE};
    p2p__aead_set_key(aead, &key, s->k);
    int err = p2p__aead_seal(aead, &key, s->n++, s->h, sizeof s->h, &plain, 1, payload);
    p2p__aead_wipe_key(aead, &key);
    mix_hash(s, payload, len);
    return err;
}

static int decrypt_and_hash(p2p__noise *s, p2p__aead *aead, uint8_t *payload, size_t len)
{
    uint8_t ad[HASHLEN];
    p2p__aead_key key;
    memcpy(ad, s->h, sizeof ad);
    mix_hash(s, payload, len);
    p2p__aead_set_key(aead, &key, s->k);
    int err = p2p__aead_open(aead, &key, s->n++, ad, sizeof ad, payload, len);
    p2p__aead_wipe_key(aead, &key);
    return err;
}

void p2p__noise_split(const p2p__noise *s, uint8_t k_ir[P2P__PKE_KEY_SIZE],
                      uint8_t k_ri[P2P__PKE_KEY_SIZE])
{
    uint8_t temp_k1[HASHLEN], temp_k2[HASHLEN];
    hkdf2(s->ck, NULL, 0, temp_k1, temp_k2);
    memcpy(k_ir, temp_k1, P2P__PKE_KEY_SIZE);
    memcpy(k_ri, temp_k2, P2P__PKE_KEY_SIZE);
    p2p__wipe(temp_k1, sizeof temp_k1);
    p2p__wipe(temp_k2, sizeof temp_k2);
}

/* --- 5.3: the tokens of NN --- */

int p2p__noise_init(p2p__noise *s, const uint8_t e_private[P2P__PKE_DH_SIZE])
{
    memset(s, 0, sizeof *s);
    memcpy(s->h, PROTOCOL_NAME, sizeof PROTOCOL_NAME - 1);
    memcpy(s->ck, s->h, sizeof s->ck);
    mix_hash(s, NULL, 0); /* the prologue */
    memcpy(s->e_private, e_private, sizeof s->e_private);
    return crypto_scalarmult_curve25519_base(s->e, s->e_private) ? P2P_ERR_INVALID : 0;
}

void p2p__noise_wipe(p2p__noise *s)
{
    p2p__wipe(s, sizeof *s);
}

/* Token "e" of the reader. */
static void read_e(p2p__noise *s, const uint8_t e[P2P__PKE_DH_SIZE])
{
    memcpy(s->re, e, sizeof s->re);
    mix_hash(s, s->re, sizeof s->re);
}

/* Token "ee". Both sides multiply their own private with the other's public ephemeral. */
static int mix_ee(p2p__noise *s)
{
    uint8_t secret[P2P__PKE_DH_SIZE];
    /* It fails for a point of low order, whose result is all zero (RFC 7748, 6.1). */
    int err = crypto_scalarmult_curve25519(secret, s->e_private, s->re) ? P2P_ERR_MALFORMED : 0;
    if (!err)
        mix_key(s, secret, sizeof secret);
    p2p__wipe(secret, sizeof secret);
    return err;
}

void p2p__noise_write_hello(p2p__noise *s, const uint8_t *payload, size_t len)
{
    mix_hash(s, s->e, sizeof s->e);
    mix_hash(s, payload, len);
}

void p2p__noise_read_hello(p2p__noise *s, const uint8_t e[P2P__PKE_DH_SIZE], const uint8_t *payload,
                           size_t len)
{
    read_e(s, e);
    mix_hash(s, payload, len);
}

int p2p__noise_write_answer(p2p__noise *s, p2p__aead *aead, uint8_t *payload, size_t len)
{
    mix_hash(s, s->e, sizeof s->e);
    int err = mix_ee(s);
    return err ? err : encrypt_and_hash(s, aead, payload, len);
}

int p2p__noise_read_answer(p2p__noise *s, p2p__aead *aead, const uint8_t e[P2P__PKE_DH_SIZE],
                           uint8_t *payload, size_t len)
{
    read_e(s, e);
    int err = mix_ee(s);
    return err ? err : decrypt_and_hash(s, aead, payload, len);
}
