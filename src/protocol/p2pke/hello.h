/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_HELLO_H
#define P2P__P2PKE_HELLO_H

/* An InitHello that comes in, step by step from what costs little to what costs much. */
#include "protocol/p2pke/endpoint.h"

/* Who sent it: what the owner knows him by. */
typedef struct p2p__pke_sender {
    void *peer;
    const void *source;
    size_t source_len;
} p2p__pke_sender;

typedef struct p2p__pke_incoming {
    const uint8_t *hello; /* the InitHello, without the cookie that may have come around it */
    size_t hello_len;
    size_t datagram_len;
    p2p__pke_init_hello parts;
    p2p_spki key;
    uint8_t id[P2P__PKE_ID_SIZE];
    const uint8_t *cookie; /* NULL: it came without */
    int proven;
    int can_prove;
    int known; /* the channel has a proven key, which is the same */
} p2p__pke_incoming;

/* The id of the session that an InitHello starts. */
void p2p__pke_hello_id(const uint8_t *hello, size_t len, uint8_t id[P2P__PKE_ID_SIZE]);

/* Reads an InitHello, or one in a CookieHello. Returns 0, P2P_ERR_MALFORMED, or P2P_ERR_UNSUPPORTED
 * for one of another version. */
int p2p__pke_hello_read(const uint8_t *data, size_t len, p2p__pke_incoming *out);

/*
 * Asks accept, admit and the limits. Returns 0, P2P_ERR_REFUSED, P2P_ERR_LIMIT, or P2P_ERR_AGAIN:
 * then answer holds a CookieReply. `full` says that the channel itself has no room for one who has
 * not proven his address.
 */
int p2p__pke_hello_admit(p2p_pke_endpoint *ep, uint64_t now, const p2p__pke_sender *sender,
                         p2p__pke_incoming *in, int full, uint8_t *answer, size_t *answer_len);

/* Demands a cookie: P2P_ERR_AGAIN with a CookieReply in answer, or P2P_ERR_REFUSED if the sender
 * has one already or does not understand it. */
int p2p__pke_hello_demand(p2p_pke_endpoint *ep, uint64_t now, const p2p__pke_sender *sender,
                          const p2p__pke_incoming *in, uint8_t *answer, size_t *answer_len);

/* A keyed hash of who sent it and its id. */
void p2p__pke_hello_mark(const p2p_pke_endpoint *ep, const p2p__pke_sender *sender,
                         const uint8_t id[P2P__PKE_ID_SIZE], uint8_t out[P2P__PKE_ID_SIZE]);

/* Checks the signature. Returns 0, or as p2p__pke_verify(). */
int p2p__pke_hello_verify(p2p_pke_endpoint *ep, const p2p__pke_incoming *in);

#endif
