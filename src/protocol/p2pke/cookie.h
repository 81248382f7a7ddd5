/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_COOKIE_H
#define P2P__P2PKE_COOKIE_H

#include "protocol/p2pke/endpoint.h"

/*
 * Cookies: who can send one back gets what is sent to its address. A cookie is a MAC over the time,
 * the sender's address and the id of its handshake, so nothing is stored, and it is worth nothing
 * elsewhere. It is valid for one to two of these periods.
 */
#define P2P__PKE_COOKIE_PERIOD (60 * P2P_SECOND)

/* Writes a CookieReply for the handshake of that id. */
void p2p__pke_cookie_reply(const p2p_pke_endpoint *ep, uint64_t now, const void *source,
                           size_t source_len, const uint8_t id[P2P__PKE_ID_SIZE],
                           uint8_t out[P2P__PKE_COOKIE_REPLY_SIZE]);

/* Whether the cookie is ours and still valid. */
int p2p__pke_cookie_check(const p2p_pke_endpoint *ep, uint64_t now, const void *source,
                          size_t source_len, const uint8_t id[P2P__PKE_ID_SIZE],
                          const uint8_t cookie[P2P__PKE_COOKIE_SIZE]);

#endif
