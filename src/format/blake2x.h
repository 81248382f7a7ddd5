/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_BLAKE2X_H
#define P2P__FORMAT_BLAKE2X_H

#include <stddef.h>
#include <stdint.h>

#define P2P__PRESIG_SIZE        64u
#define P2P__PRESIG_MAX_PURPOSE 255u

/*
 * What is signed instead of a message, so that a signature for one purpose is worth nothing for
 * another (wire.md 2.3): BLAKE2Xb, 512 bits, of byte(purpose_len) || purpose || msg. The signature
 * is p2p_sign() over the 64 bytes. Returns 0, or P2P_ERR_INVALID for a purpose of more than 255
 * bytes.
 */
int p2p__presig(const void *purpose, size_t purpose_len, const void *msg, size_t msg_len,
                uint8_t out[P2P__PRESIG_SIZE]);

#endif
