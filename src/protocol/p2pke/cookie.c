/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/cookie.h"

#include <sodium.h>
#include <string.h>

#include "core/bytes.h"

_Static_assert(P2P__PKE_COOKIE_SIZE == crypto_generichash_BYTES_MIN, "BLAKE2b-128");
_Static_assert(P2P__PKE_COOKIE_ECHO_SIZE <= P2P__PKE_ID_SIZE, "the echo is a part of the id");

/* BLAKE2b-128, keyed, of LE64(period) || id || source. */
static void make(const p2p_pke_endpoint *ep, uint64_t period, const void *source, size_t source_len,
                 const uint8_t id[P2P__PKE_ID_SIZE], uint8_t out[P2P__PKE_COOKIE_SIZE])
{
    crypto_generichash_blake2b_state s;
    uint8_t number[8];
    p2p__store64le(number, period);
    /* Only wrong lengths make these fail. */
    (void)crypto_generichash_blake2b_init(&s, ep->cookie_secret, sizeof ep->cookie_secret,
                                          P2P__PKE_COOKIE_SIZE);
    (void)crypto_generichash_blake2b_update(&s, number, sizeof number);
    (void)crypto_generichash_blake2b_update(&s, id, P2P__PKE_ID_SIZE);
    (void)crypto_generichash_blake2b_update(&s, source, source_len);
    (void)crypto_generichash_blake2b_final(&s, out, P2P__PKE_COOKIE_SIZE);
}

void p2p__pke_cookie_reply(const p2p_pke_endpoint *ep, uint64_t now, const void *source,
                           size_t source_len, const uint8_t id[P2P__PKE_ID_SIZE],
                           uint8_t out[P2P__PKE_COOKIE_REPLY_SIZE])
{
    p2p__store32be(out, P2P__PKE_NONCE_EXTENSION);
    out[P2P__PKE_HEADER_SIZE] = P2P__PKE_COOKIE_REPLY;
    out += P2P__PKE_EXTENSION_SIZE;
    memcpy(out, id, P2P__PKE_COOKIE_ECHO_SIZE);
    make(ep, now / P2P__PKE_COOKIE_PERIOD, source, source_len, id, out + P2P__PKE_COOKIE_ECHO_SIZE);
}

int p2p__pke_cookie_check(const p2p_pke_endpoint *ep, uint64_t now, const void *source,
                          size_t source_len, const uint8_t id[P2P__PKE_ID_SIZE],
                          const uint8_t cookie[P2P__PKE_COOKIE_SIZE])
{
    uint8_t expected[P2P__PKE_COOKIE_SIZE];
    uint64_t period = now / P2P__PKE_COOKIE_PERIOD;
    int good = 0;
    make(ep, period, source, source_len, id, expected);
    good |= !sodium_memcmp(expected, cookie, sizeof expected);
    /* In the first period there is no other: it is made twice then. */
    make(ep, period ? period - 1 : 0, source, source_len, id, expected);
    good |= !sodium_memcmp(expected, cookie, sizeof expected);
    return good;
}
