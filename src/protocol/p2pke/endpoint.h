/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_ENDPOINT_H
#define P2P__P2PKE_ENDPOINT_H

#include "protocol/p2pke/aead.h"
#include "protocol/p2pke/wire.h"

/* What all channels and sessions of one key pair share. */
struct p2p_pke_endpoint {
    p2p_pke_config config; /* with its defaults filled in */
    p2p_allocator allocator;
    p2p__aead aead;
    uint8_t cookie_secret[32];
    /* The handshake that p2p_pke_screen() has just let through, for the channel made for it. */
    uint8_t screened[P2P__PKE_ID_SIZE]; /* p2p__pke_hello_mark() of it */
    int has_screened;
    int screened_proven;
    size_t half_open;
    p2p_pke_stats stats;
    size_t key_len;
    uint8_t key[P2P__PKE_MAX_KEY];
};

/* Signs for a purpose, in p2pke's way. Returns 0, or what the signer said; P2P_ERR_INVALID for a
 * signature that is too long. */
int p2p__pke_sign(p2p_pke_endpoint *ep, const char *purpose, const uint8_t *msg, size_t msg_len,
                  uint8_t sig[P2P__PKE_MAX_SIG], size_t *sig_len);

/* Verifies what the other side signed so. Returns 0, P2P_ERR_BAD_SIGNATURE, P2P_ERR_MALFORMED or
 * P2P_ERR_UNSUPPORTED. */
int p2p__pke_verify(p2p_pke_endpoint *ep, const p2p_spki *key, const char *purpose,
                    const uint8_t *msg, size_t msg_len, const uint8_t *sig, size_t sig_len);

/* Secret bytes. Returns 0 or an error of the caller's function. */
int p2p__pke_random(p2p_pke_endpoint *ep, void *out, size_t len);

/* Whether the owner takes this key. */
int p2p__pke_accepts(p2p_pke_endpoint *ep, void *peer, const void *source, size_t source_len,
                     const uint8_t *key, size_t key_len);

/* Counts a datagram that was refused with this code, and returns the code. */
int p2p__pke_count(p2p_pke_endpoint *ep, int err);

#endif
