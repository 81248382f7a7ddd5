/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_CRYPTO_H
#define P2P__FORMAT_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes libsodium and libgcrypt ready. May be called any number of times, from any thread; cheap
 * after the first. Whoever uses either library calls it first. Returns 0, or P2P_ERR_UNSUPPORTED if
 * one of them cannot start or is too old.
 */
int p2p__crypto_init(void);

/* Hashes of one piece. Return 0, or P2P_ERR_UNSUPPORTED if libgcrypt cannot do it. */
int p2p__sha3_256(const uint8_t *data, size_t len, uint8_t out[32]);
int p2p__shake256(const uint8_t *data, size_t len, uint8_t *out, size_t out_len);

#endif
