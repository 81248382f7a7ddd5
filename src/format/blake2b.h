/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_BLAKE2B_H
#define P2P__FORMAT_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

/*
 * BLAKE2b (RFC 7693) with the parameter block in the caller's hand, which libsodium does not give
 * (docs/x509.md says why it is here). Always 64 bytes of output, never a key. For plain BLAKE2b use
 * libsodium: it is faster.
 */
#define P2P__BLAKE2B_PARAM_SIZE 64u
#define P2P__BLAKE2B_OUT_SIZE   64u
#define P2P__BLAKE2B_BLOCK_SIZE 128u

typedef struct p2p__blake2b {
    uint64_t h[8];
    uint64_t count; /* bytes compressed so far */
    uint8_t block[P2P__BLAKE2B_BLOCK_SIZE];
    size_t used; /* bytes that wait in block */
} p2p__blake2b;

/* Starts a hash with a whole parameter block. Its byte 0 must be 64 and its byte 1 must be 0. */
void p2p__blake2b_init(p2p__blake2b *b, const uint8_t param[P2P__BLAKE2B_PARAM_SIZE]);

void p2p__blake2b_update(p2p__blake2b *b, const void *data, size_t len);

/* Writes the hash; the state is used up. Nothing is wiped: what is hashed here is no secret. */
void p2p__blake2b_final(p2p__blake2b *b, uint8_t out[P2P__BLAKE2B_OUT_SIZE]);

#endif
