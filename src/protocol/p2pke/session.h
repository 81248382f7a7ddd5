/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_SESSION_H
#define P2P__P2PKE_SESSION_H

#include "protocol/p2pke/hello.h"
#include "protocol/p2pke/noise.h"
#include "protocol/p2pke/replay.h"

/* How long from its beginning on a repeated InitDone still makes a responder wait. */
#define P2P__PKE_MAX_HOLD (2 * P2P_SECOND)

/* Between two RespHellos that an initiator looks at once it has taken one. */
#define P2P__PKE_ANSWER_GAP (250 * P2P_MILLISECOND)

/* How long a handshake of another stays open while there are many. */
#define P2P__PKE_HALF_OPEN_SHORT (4 * P2P_SECOND)

/* How far the handshake is. The numbers are those that the reference calls its handshake index. */
typedef enum p2p__pke_stage {
    P2P__PKE_HELLO_SENT = 0,     /* initiator: InitHello is out */
    P2P__PKE_HELLO_ANSWERED = 1, /* responder: RespHello is out */
    P2P__PKE_DONE_SENT = 2,      /* initiator: has the keys, knows the responder, InitDone is out */
    P2P__PKE_READY = 4           /* both sides are known to have the keys (3 for a responder) */
} p2p__pke_stage;

/* What only a handshake under way needs. */
typedef struct p2p__pke_handshake {
    p2p__noise noise;                 /* initiator: as it is after "-> e" */
    uint8_t time[P2P__PKE_TIME_SIZE]; /* that of the InitHello */
    uint8_t answer_id[32];            /* initiator: BLAKE2b-256 of the RespHello that was taken */
    uint64_t answered_at;             /* initiator: when that came */
    uint64_t end;                     /* responder: when it is given up */
    int done_refused;                 /* responder: an InitDone that opened was signed wrongly */
    uint8_t cookie[P2P__PKE_COOKIE_SIZE];
    unsigned cookie_uses; /* how often the InitHello is still sent with the cookie */
    size_t hello_len;     /* the InitHello of an initiator, the RespHello of a responder */
    size_t done_len;      /* initiator, in P2P__PKE_DONE_SENT: the InitDone that follows it */
    uint8_t messages[];
} p2p__pke_handshake;

struct p2p_pke_session {
    p2p_pke_endpoint *ep;
    p2p__pke_handshake *handshake; /* NULL once it is ready and settled */
    uint8_t *key;                  /* the peer's, DER; NULL: not known, or moved to the channel */
    size_t key_len;
    uint64_t created;
    uint64_t done_at; /* responder: when the last InitDone came that counts */
    uint64_t next;    /* nonce of the next message */
    p2p__aead_key send, receive;
    p2p__replay replay;
    uint8_t id[P2P__PKE_ID_SIZE];
    uint8_t binding[P2P__PKE_HASH_SIZE];
    uint8_t stage;         /* p2p__pke_stage */
    uint8_t initiator;     /* 1 or 0 */
    uint8_t confirmed;     /* something beyond the handshake came: the reference's index 8 */
    uint8_t used;          /* messages of the application went either way */
    uint8_t peer_extended; /* the peer announced extensions, so it is not the reference */
    uint8_t next_control;
    uint16_t controls_seen; /* bit i: nonce i */
};

/* What a datagram has changed, besides the result. */
typedef struct p2p__pke_news {
    int progress; /* a responder has answered */
    int ready;    /* the session has just become ready */
    int data;     /* it was a message of the application */
    int control;  /* it was a sign of life */
} p2p__pke_news;

/* Asked about the key of a responder. Returns 0 to refuse it. NULL as function: all are taken. */
typedef struct p2p__pke_gate {
    int (*check)(void *arg, const uint8_t *key, size_t key_len);
    void *arg;
    int ended; /* our handshake was given up: no other answer takes the place of the first */
} p2p__pke_gate;

/* Makes an initiator's session with that timestamp. As p2p_pke_session_initiate(). */
int p2p__pke_session_initiate(p2p_pke_session **out, p2p_pke_endpoint *ep, uint64_t now,
                              const uint8_t time[P2P__PKE_TIME_SIZE]);

/* Makes a responder's session of an InitHello that was verified. Returns 0, P2P_ERR_MALFORMED (an
 * ephemeral of low order), P2P_ERR_NO_MEMORY, or what the signer or random said. */
int p2p__pke_session_respond(p2p_pke_session **out, p2p_pke_endpoint *ep, uint64_t now,
                             const p2p__pke_incoming *in);

/*
 * Gives a datagram to a session. Returns as p2p_pke_session_receive(), without counting; with
 * P2P_ERR_BAD_SIGNATURE and P2P_ERR_IN_USE the datagram is as it was, so that another session can
 * be tried.
 */
int p2p__pke_session_input(p2p_pke_session *s, uint64_t now, uint8_t *data, size_t len,
                           const p2p__pke_gate *gate, uint8_t *answer, p2p_pke_result *result,
                           p2p__pke_news *news);

/* The messages of the handshake, by nonce; len is at least that of a header. As above. */
int p2p__pke_on_resp_hello(p2p_pke_session *s, uint64_t now, const uint8_t *data, size_t len,
                           const p2p__pke_gate *gate, uint8_t *answer, p2p_pke_result *result,
                           p2p__pke_news *news);
int p2p__pke_on_init_done(p2p_pke_session *s, uint64_t now, const uint8_t *data, size_t len,
                          uint8_t *answer, p2p_pke_result *result, p2p__pke_news *news);
int p2p__pke_on_resp_done(p2p_pke_session *s, uint8_t *data, size_t len, p2p__pke_news *news);

/* Writes the InitHello of an initiator, in a CookieHello if there is a cookie to be used. */
size_t p2p__pke_session_hello(p2p_pke_session *s, uint8_t *out);

/* Takes a cookie that came for an InitHello; it is used that many times. */
void p2p__pke_session_set_cookie(p2p_pke_session *s, const uint8_t cookie[P2P__PKE_COOKIE_SIZE],
                                 unsigned uses);

/* Writes a sign of life: P2P_PKE_OVERHEAD bytes. Returns 0, P2P_ERR_LIMIT (there were enough of
 * them), P2P_ERR_UNSUPPORTED. */
int p2p__pke_session_control(p2p_pke_session *s, uint8_t *out);

/* Frees what only the handshake needed. */
void p2p__pke_session_settle(p2p_pke_session *s);

/* Whether its time has passed. */
int p2p__pke_session_over(const p2p_pke_session *s, uint64_t now);

/* Whether messages may be sent. A responder waits until the initiator is known to be ready. */
int p2p__pke_session_sendable(const p2p_pke_session *s, uint64_t now);

/* Whether a responder still waits for that. */
int p2p__pke_session_held(const p2p_pke_session *s, uint64_t now);

/* Opens a body under the session's receiving key, in place. Returns 0 or P2P_ERR_BAD_SIGNATURE. */
int p2p__pke_session_open(p2p_pke_session *s, uint8_t *data, size_t len);

/* Seals a body after its header, which is written too. Returns 0 or P2P_ERR_UNSUPPORTED. */
int p2p__pke_session_seal_as(p2p_pke_session *s, uint32_t nonce, const p2p_iov *iov, size_t n,
                             uint8_t *out);

#endif
