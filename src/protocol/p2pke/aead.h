/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_AEAD_H
#define P2P__P2PKE_AEAD_H

/*
 * ChaCha20-Poly1305 with the nonces of Noise (00000000 || LE64(n)).
 *
 * A cipher handle of libgcrypt has about 1200 bytes, and changing its key costs 23 ns, a fourteenth
 * of sealing 64 bytes. So sessions keep the 32 bytes of a key, and all sessions of an endpoint
 * share two handles: one seals, one opens. Each handle knows the serial number of its key and
 * leaves out the change when the same key comes again. Nothing is allocated per message.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/swarm.h>

#include "protocol/p2pke/wire.h"

typedef struct p2p__aead_key {
    uint8_t bytes[P2P__PKE_KEY_SIZE];
    uint64_t serial; /* never used for other bytes with the same p2p__aead; 0: no key */
} p2p__aead_key;

/* One direction's handle, and which key is in it. */
typedef struct p2p__aead_handle {
    void *cipher;
    uint64_t serial;
} p2p__aead_handle;

typedef struct p2p__aead {
    p2p__aead_handle seal, open;
    uint64_t last_serial;
} p2p__aead;

/* Returns 0, P2P_ERR_UNSUPPORTED (no such cipher here) or P2P_ERR_NO_MEMORY. */
int p2p__aead_init(p2p__aead *aead);
void p2p__aead_free(p2p__aead *aead);

/* Sets a key. Wiping also takes it out of the handles. */
void p2p__aead_set_key(p2p__aead *aead, p2p__aead_key *key, const uint8_t bytes[P2P__PKE_KEY_SIZE]);
void p2p__aead_wipe_key(p2p__aead *aead, p2p__aead_key *key);

/*
 * Seals the concatenation of n pieces into out, followed by the tag. A piece may lie in out only at
 * the very place where its ciphertext comes. Returns 0 or P2P_ERR_UNSUPPORTED.
 */
int p2p__aead_seal(p2p__aead *aead, const p2p__aead_key *key, uint64_t nonce, const uint8_t *ad,
                   size_t ad_len, const p2p_iov *iov, size_t n, uint8_t *out);

/*
 * Opens len bytes in place: the tag, which comes last, stays as it is. Returns 0, or
 * P2P_ERR_BAD_SIGNATURE if it is not authentic; then the bytes are again what they were, so that
 * another key can be tried.
 */
int p2p__aead_open(p2p__aead *aead, const p2p__aead_key *key, uint64_t nonce, const uint8_t *ad,
                   size_t ad_len, uint8_t *data, size_t len);

#endif
