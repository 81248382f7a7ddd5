/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_CHANNEL_H
#define P2P__P2PKE_CHANNEL_H

#include "protocol/p2pke/queue.h"
#include "protocol/p2pke/session.h"

/* Handshakes of the other side that a channel follows at the same time: one honest peer needs one,
 * and whoever forges his address takes turns with him for the others. */
#define P2P__PKE_HALF_OPEN 4u

/* How far ahead of our clock a peer's time makes us sign. */
#define P2P__PKE_MAX_AHEAD (UINT64_C(86400) * P2P_SECOND)

/* How long a half-open handshake of a proven address is safe from being displaced. */
#define P2P__PKE_HALF_OPEN_GRACE P2P_SECOND

/* How often our handshake is sent before it no longer wins a tie: the other side does not hear
 * it. */
#define P2P__PKE_TIE_SENDS 4u

/* InitDone that many times without an answer: InitHello is sent too, in turns. */
#define P2P__PKE_DONE_SENDS 3u

/* How often a cookie is sent before we doubt it. */
#define P2P__PKE_COOKIE_USES 2u

/* The reference serves a session for 15 s and may then forget it, whatever comes meanwhile
 * (wire.md 2.7, 2.9). So a session with it is replaced while we send, and is not sent on later. */
#define P2P__PKE_OLD_REFRESH (10 * P2P_SECOND)
#define P2P__PKE_OLD_END     (14 * P2P_SECOND)

/* Signs of life with which an initiator ends its handshake, unless something comes first. */
#define P2P__PKE_CONFIRMS 3u

/* The handshake that we started. */
typedef struct p2p__pke_attempt {
    p2p_pke_session *session; /* NULL: none, or the signer is not done yet */
    uint64_t started;
    uint64_t next;    /* when to send again */
    uint64_t end;     /* when to give up */
    uint32_t sends;   /* messages of this stage so far */
    int reason;       /* with which it fails, unless something better is known */
    uint8_t active;   /* it is being sent; otherwise it only waits for a late answer */
    uint8_t awaited;  /* somebody waits for it, so its failure is told */
    uint8_t yielded;  /* it lost a tie once: it gave way, and does so only once */
    uint8_t time_set; /* `time` is that of the InitHello that the signer still signs */
    uint8_t time[P2P__PKE_TIME_SIZE];
} p2p__pke_attempt;

/* A handshake that the other side started. */
typedef struct p2p__pke_half_open {
    p2p_pke_session *session; /* NULL: free */
    int proven;
} p2p__pke_half_open;

struct p2p_pke_channel {
    p2p_pke_endpoint *ep;
    p2p__pke_sender sender;
    uint8_t *key; /* the peer's, proven; NULL: not known yet */
    size_t key_len;
    p2p_pke_session *current;  /* the newest that is ready */
    p2p_pke_session *previous; /* the one before: it still receives */
    p2p__pke_attempt out;
    p2p__pke_half_open in[P2P__PKE_HALF_OPEN];
    p2p__pke_queue queue;

    uint64_t now;           /* the latest time that was told: it never goes back */
    uint64_t last_received; /* something authentic came; 0: never */
    uint64_t last_data;     /* a message was sent or came; 0: never */
    uint64_t last_sent;     /* a message was sent; 0: never */
    uint64_t ready_at;      /* when the current session became ready */
    uint64_t silence_at;    /* messages went and nothing came: when to look for the peer */
    uint64_t keepalive_at;  /* messages came and nothing went: when to send a sign of life */
    uint64_t background_at; /* no handshake that nobody waits for starts before */
    uint64_t confirm_at;    /* when to send the next of the confirms */
    uint8_t confirms;       /* signs of life left that end our handshake */
    uint8_t answer_control; /* a sign of life is to be answered */
    uint8_t event_ready;    /* not taken yet */
    uint8_t event_failed;
    uint8_t has_remote_time;
    uint8_t has_floor;
    uint8_t remote_time[P2P__PKE_TIME_SIZE]; /* latest InitHello of the peer that was completed */
    uint8_t floor[P2P__PKE_TIME_SIZE];       /* latest InitHello that we made */
    int event_reason;
    size_t event_dropped;
};

/* Takes notice of the time, and returns it. */
uint64_t p2p__pke_channel_now(p2p_pke_channel *c, p2p_pke_time time);

/* The session to send on now; NULL if a message has to wait. */
p2p_pke_session *p2p__pke_channel_usable(const p2p_pke_channel *c, uint64_t now);

/* Whether there is a session that is only held back until the initiator shows that it is ready. */
int p2p__pke_channel_held(const p2p_pke_channel *c, uint64_t now);

/* Makes a session that has become ready the current one; `slot` is where it was. */
void p2p__pke_channel_promote(p2p_pke_channel *c, uint64_t now, p2p_pke_session **slot);

/* Takes notice that something authentic came. */
void p2p__pke_channel_heard(p2p_pke_channel *c, uint64_t now);

/* Takes notice that a message was sent. */
void p2p__pke_channel_spoke(p2p_pke_channel *c, uint64_t now);

/* A handshake asks whether the peer is there, as after a silence, unless something has come of him
 * since then. For the owner of the channel, who has reason to doubt. */
void p2p__pke_channel_ask(p2p_pke_channel *c, uint64_t since);

/* Remembers the timestamp of an InitHello of ours, so that none of ours is older. */
void p2p__pke_channel_note_time(p2p_pke_channel *c, const uint8_t time[P2P__PKE_TIME_SIZE]);

/* --- our handshake (attempt.c) --- */

/* Starts it, or goes on with one that was given up but may still be answered. `awaited` says that
 * somebody waits. Returns as p2p_pke_channel_open(). */
int p2p__pke_attempt_start(p2p_pke_channel *c, p2p_pke_time time, int awaited);

/* Does what is due for it; *len is the message to send, or 0. */
void p2p__pke_attempt_poll(p2p_pke_channel *c, p2p_pke_time time, uint8_t *out, size_t *len);

/* It has gone a stage further: the peer has answered. */
void p2p__pke_attempt_progress(p2p_pke_channel *c, uint64_t now);

/* It was answered by something that will not do, or cannot go on: it fails soon, for that
 * reason. */
void p2p__pke_attempt_doubt(p2p_pke_channel *c, uint64_t now, int reason);

/* Gives up what waits for a session, and tells the owner why. */
void p2p__pke_attempt_tell(p2p_pke_channel *c, int reason);

/* Ends it and frees its session. */
void p2p__pke_attempt_drop(p2p_pke_channel *c);

/* The peer's handshake was completed, so ours is not needed any more. */
void p2p__pke_attempt_rest(p2p_pke_channel *c);

/* Whether our handshake and one that comes in meet, and ours wins. */
int p2p__pke_attempt_wins(const p2p_pke_channel *c, const uint8_t id[P2P__PKE_ID_SIZE]);

/* It has lost against one that was verified: it lets that one go first. */
void p2p__pke_attempt_yield(p2p_pke_channel *c, uint64_t now);

/* --- what comes in (receive.c, accept.c) --- */

/* An InitHello, in a CookieHello or not. As p2p_pke_channel_receive(), without counting. */
int p2p__pke_channel_on_hello(p2p_pke_channel *c, uint64_t now, const uint8_t *data, size_t len,
                              uint8_t *answer, p2p_pke_result *result);

#endif
