/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_NOISE_H
#define P2P__P2PKE_NOISE_H

/*
 * Noise_NN_25519_ChaChaPoly_BLAKE2b, as the Noise Protocol Framework (revision 34) writes it:
 *
 *   NN:
 *     -> e
 *     <- e, ee
 *
 * The first message has its payload in clear, for there is no key yet; the second encrypts it.
 */
#include <stddef.h>
#include <stdint.h>

#include "protocol/p2pke/aead.h"

/* SymmetricState (5.2) with the keys of HandshakeState (5.3) that NN needs. */
typedef struct p2p__noise {
    uint8_t h[P2P__PKE_HASH_SIZE];
    uint8_t ck[P2P__PKE_HASH_SIZE];
    uint8_t k[P2P__PKE_KEY_SIZE];
    uint64_t n;
    uint8_t e_private[P2P__PKE_DH_SIZE];
    uint8_t e[P2P__PKE_DH_SIZE];
    uint8_t re[P2P__PKE_DH_SIZE];
} p2p__noise;

/* Initialize: h from the protocol name, an empty prologue, our ephemeral private key. Returns 0, or
 * P2P_ERR_INVALID if no public key comes of it. */
int p2p__noise_init(p2p__noise *s, const uint8_t e_private[P2P__PKE_DH_SIZE]);

/* Wipes it. */
void p2p__noise_wipe(p2p__noise *s);

/* -> e: the initiator writes, the responder reads. The payload is hashed, and stays in clear. */
void p2p__noise_write_hello(p2p__noise *s, const uint8_t *payload, size_t len);
void p2p__noise_read_hello(p2p__noise *s, const uint8_t e[P2P__PKE_DH_SIZE], const uint8_t *payload,
                           size_t len);

/*
 * <- e, ee: the responder writes, the initiator reads. The payload is sealed or opened in place;
 * len, at least that of a tag, counts the tag in both. Write: 0, P2P_ERR_MALFORMED (their key gives
 * an all-zero secret), P2P_ERR_UNSUPPORTED. Read: 0, P2P_ERR_MALFORMED, P2P_ERR_BAD_SIGNATURE (not
 * authentic), P2P_ERR_UNSUPPORTED. After an error the state is of no use: call them on a copy.
 */
int p2p__noise_write_answer(p2p__noise *s, p2p__aead *aead, uint8_t *payload, size_t len);
int p2p__noise_read_answer(p2p__noise *s, p2p__aead *aead, const uint8_t e[P2P__PKE_DH_SIZE],
                           uint8_t *payload, size_t len);

/* Split (5.2): the keys of initiator to responder, and of responder to initiator. */
void p2p__noise_split(const p2p__noise *s, uint8_t k_ir[P2P__PKE_KEY_SIZE],
                      uint8_t k_ri[P2P__PKE_KEY_SIZE]);

#endif
