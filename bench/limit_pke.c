/* SPDX-License-Identifier: MIT */
#include "limit_pke.h"

#include <gcrypt.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* As many messages are sealed before they are opened as one run of UDP has. */
enum { RUN = 48, HEADER = 4, TAG = 16, SLOT = 2048 };

static int open_cipher(void **out)
{
    static const uint8_t key[32] = {1};
    gcry_cipher_hd_t cipher;
    if (gcry_cipher_open(&cipher, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, 0) ||
        gcry_cipher_setkey(cipher, key, sizeof key))
        return -1;
    *out = cipher;
    return 0;
}

int limit_pke_open(limit_pke *l)
{
    memset(l, 0, sizeof *l);
    l->buffer = calloc(RUN, SLOT);
    if (!gcry_check_version(NULL) || sodium_init() < 0 || !l->buffer || open_cipher(&l->seal) ||
        open_cipher(&l->open))
        return -1;
    return 0;
}

void limit_pke_close(limit_pke *l)
{
    gcry_cipher_close(l->seal);
    gcry_cipher_close(l->open);
    free(l->buffer);
}

static void begin(gcry_cipher_hd_t cipher, uint8_t *header, uint64_t nonce)
{
    uint8_t iv[12] = {0};
    for (size_t i = 0; i < 8; i++)
        iv[4 + i] = (uint8_t)(nonce >> 8 * i);
    for (size_t i = 0; i < HEADER; i++)
        header[i] = (uint8_t)(nonce >> 8 * (3 - i));
    bench_require(!gcry_cipher_setiv(cipher, iv, sizeof iv) &&
                      !gcry_cipher_authenticate(cipher, header, HEADER),
                  "nonce");
}

double limit_pke_messages(limit_pke *l, size_t len, size_t n)
{
    static const uint8_t plain[SLOT];
    if (len > SLOT - HEADER - TAG)
        return -1;
    uint64_t start = bench_clock();
    size_t done = 0;
    while (done < n) {
        for (size_t i = 0; i < RUN; i++) {
            uint8_t *at = l->buffer + i * SLOT;
            begin(l->seal, at, l->nonce + i);
            bench_require(!gcry_cipher_encrypt(l->seal, at + HEADER, len, plain, len) &&
                              !gcry_cipher_gettag(l->seal, at + HEADER + len, TAG),
                          "seal");
        }
        for (size_t i = 0; i < RUN; i++) {
            uint8_t *at = l->buffer + i * SLOT;
            begin(l->open, at, l->nonce + i);
            bench_require(!gcry_cipher_decrypt(l->open, at + HEADER, len, NULL, 0) &&
                              !gcry_cipher_checktag(l->open, at + HEADER + len, TAG),
                          "open");
        }
        l->nonce += RUN;
        done += RUN;
    }
    return (double)(bench_clock() - start) / (double)done;
}

typedef struct side {
    uint8_t ephemeral[32], ephemeral_public[32], shared[32];
    uint8_t sign_public[crypto_sign_PUBLICKEYBYTES], sign_secret[crypto_sign_SECRETKEYBYTES];
} side;

/* One side signs and the other one checks. */
static void sign(const side *s, uint8_t message[64])
{
    uint8_t signature[crypto_sign_BYTES];
    message[0]++;
    bench_require(crypto_sign_detached(signature, NULL, message, 64, s->sign_secret) == 0 &&
                      crypto_sign_verify_detached(signature, message, 64, s->sign_public) == 0,
                  "signature");
}

double limit_pke_handshakes(size_t n)
{
    side a, b;
    uint8_t message[64] = {0};
    crypto_sign_keypair(a.sign_public, a.sign_secret);
    crypto_sign_keypair(b.sign_public, b.sign_secret);
    randombytes_buf(a.ephemeral, sizeof a.ephemeral);
    randombytes_buf(b.ephemeral, sizeof b.ephemeral);
    uint64_t start = bench_clock();
    for (size_t i = 0; i < n; i++) {
        a.ephemeral[1]++;
        b.ephemeral[1]++;
        bench_require(crypto_scalarmult_base(a.ephemeral_public, a.ephemeral) == 0 &&
                          crypto_scalarmult_base(b.ephemeral_public, b.ephemeral) == 0 &&
                          crypto_scalarmult(a.shared, a.ephemeral, b.ephemeral_public) == 0 &&
                          crypto_scalarmult(b.shared, b.ephemeral, a.ephemeral_public) == 0,
                      "agreement");
        sign(&a, message);
        sign(&b, message);
        sign(&a, message);
    }
    return (double)(bench_clock() - start) / (double)n;
}
