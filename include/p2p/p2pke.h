/* SPDX-License-Identifier: MIT */
#ifndef P2P_P2PKE_H
#define P2P_P2PKE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <p2p/alloc.h>
#include <p2p/err.h>
#include <p2p/export.h>
#include <p2p/swarm.h>
#include <p2p/x509.h>

P2P_BEGIN_DECLS

/*
 * P2PKE: an authenticated and encrypted channel over datagrams, as the pke swarm uses it, without
 * the swarm: no socket, no clock, no thread. Time and datagrams go in, datagrams and messages come
 * out. docs/p2pke.md has the wire, the reasons and what is left of the protocol's weaknesses.
 *
 *   endpoint  one key pair, its limits and its counters; what all its channels share
 *   channel   the way to one peer: makes, replaces and retires sessions; queues while there is none
 *   session   one handshake and the two keys that come of it; for those who want no channel
 *
 * Rules
 *   E1. Whoever drives a channel calls p2p_pke_channel_poll() until it gives nothing, each time the
 *       deadline comes and after each other call; the deadline may change with any call.
 *   E2. Callbacks come from inside calls. They must not call back into the endpoint or what is on
 *       it.
 *   E3. An endpoint outlives its channels and sessions. All are used by one thread at a time.
 *   E4. A datagram that is refused changes nothing but counters (and, if it was a handshake, the
 *       reason with which an attempt of ours may end). The codes with which it is refused are for
 *       logs and tests; none is an error of the caller.
 *   E5. Nothing is answered with more bytes than came, until the sender has shown that it gets what
 *       is sent to its address.
 */
typedef struct p2p_pke_endpoint p2p_pke_endpoint;
typedef struct p2p_pke_channel p2p_pke_channel;
typedef struct p2p_pke_session p2p_pke_session;

/* What a message grows by, and the longest message. */
#define P2P_PKE_OVERHEAD    20u
#define P2P_PKE_MAX_MESSAGE 65515u

/* No message of the handshake is longer; buffers for answers have this size. */
#define P2P_PKE_MAX_HANDSHAKE 1280u

/* Times of the protocol, in nanoseconds. */
#define P2P_PKE_RETRY_FIRST (250 * P2P_MILLISECOND) /* until a handshake message is sent again */
#define P2P_PKE_RETRY_MAX   (4 * P2P_SECOND)        /* it doubles up to this */
#define P2P_PKE_ATTEMPT     (15 * P2P_SECOND)       /* until a handshake is given up */
#define P2P_PKE_BAD_ANSWER  (2 * P2P_SECOND)        /* likewise, after an answer of a wrong key */
#define P2P_PKE_HOLD        (500 * P2P_MILLISECOND) /* a responder waits for a reference's data */
#define P2P_PKE_KEEPALIVE   (10 * P2P_SECOND)       /* data came, none went: sign of life */
#define P2P_PKE_SILENCE     (15 * P2P_SECOND)       /* data went, nothing came: a new handshake */
#define P2P_PKE_REKEY       (120 * P2P_SECOND)      /* a session's initiator replaces it */
#define P2P_PKE_REKEY_LATE  (150 * P2P_SECOND)      /* its responder does */
#define P2P_PKE_LIFETIME    (180 * P2P_SECOND)      /* of a session */

/* Messages, in either direction, after which a session is replaced whatever its age. */
#define P2P_PKE_REKEY_MESSAGES UINT64_C(0x7fffffff)

/* The two clocks: `now` as p2p_loop_now(), which never goes back, and `wall` as p2p_loop_wall(). To
 * a channel, P2P_NEVER and all times from 2^63 on are as the last time that it was told. */
typedef struct p2p_pke_time {
    uint64_t now;
    uint64_t wall;
} p2p_pke_time;

/* --- endpoint --- */

/* A handshake that somebody wants to start with us. Nothing in it is proven yet. */
typedef struct p2p_pke_request {
    void *peer; /* of the channel; NULL: there is none yet */
    const void *source;
    size_t source_len;
    const uint8_t *key; /* the public key that it claims, DER SubjectPublicKeyInfo */
    size_t key_len;
    int proven;    /* it carries a valid cookie: its sender gets what is sent to source */
    int can_prove; /* it says that it understands cookies */
} p2p_pke_request;

/* What to do with it. */
typedef enum p2p_pke_verdict {
    P2P_PKE_REFUSE = 0, /* drop it */
    P2P_PKE_ADMIT = 1,  /* check its signature and go on */
    P2P_PKE_PROVE = 2   /* ask for a cookie first; drops it if it cannot or has one already */
} p2p_pke_verdict;

/* How to make an endpoint. Call p2p_pke_config_init() first; zero then means the default. */
typedef struct p2p_pke_config {
    size_t size;                      /* set by p2p_pke_config_init */
    const p2p_allocator *allocator;   /* NULL: p2p_default_allocator(); copied */
    p2p_signer *signer;               /* this node's key; outlives the endpoint */
    const p2p_key_registry *registry; /* of the keys of peers; NULL: Ed25519 */

    /* Fills out with secret random bytes; returns 0 or an error. Required. */
    int (*random)(void *arg, void *out, size_t len);

    /*
     * Whether a peer may have this key: asked for every key, of those who come and of those who
     * answer, before its signature is checked. Returns 0 to refuse it. The key is valid during the
     * call. NULL: every key is accepted.
     */
    int (*accept)(void *arg, void *peer, const void *source, size_t source_len, const uint8_t *key,
                  size_t key_len);

    /*
     * Asked before a handshake that comes in costs more than reading it: here limits by address are
     * counted. Once per handshake, not for repetitions. NULL: all are admitted. The limits below
     * come on top.
     */
    p2p_pke_verdict (*admit)(void *arg, const p2p_pke_request *request);
    void *arg; /* of the three functions */

    size_t max_half_open;   /* handshakes under way that others started; 0: 1024 */
    size_t cookies_above;   /* of them, from when on cookies are asked for; 0: a quarter of it */
    size_t max_queue;       /* messages a channel queues while it has no session; 0: 64 */
    size_t max_queue_bytes; /* their bytes; 0: 128 KiB */
    int no_extensions;      /* not zero: announce none, and be byte for byte as go-p2p */
} p2p_pke_config;

static inline void p2p_pke_config_init(p2p_pke_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes an endpoint. Returns 0, P2P_ERR_INVALID (no signer, no random, a key that is too long),
 * P2P_ERR_UNSUPPORTED (a cryptographic library cannot start), P2P_ERR_NO_MEMORY, or what the signer
 * or random said.
 */
P2P_API P2P_MUST_USE int p2p_pke_endpoint_new(p2p_pke_endpoint **out, const p2p_pke_config *config);

/* Frees an endpoint. Its channels and sessions must be gone. NULL is allowed. */
P2P_API void p2p_pke_endpoint_free(p2p_pke_endpoint *endpoint);

/* This node's public key, DER SubjectPublicKeyInfo; valid as long as the endpoint. */
P2P_API const uint8_t *p2p_pke_endpoint_key(const p2p_pke_endpoint *endpoint, size_t *len);

/* What was done with a datagram, and what is to be done now. */
typedef struct p2p_pke_result {
    int delivered; /* not zero: data and len are a message of the peer, which may be empty */
    uint8_t *data; /* in the datagram's own buffer */
    size_t len;
    size_t answer_len; /* not 0: send that much of the answer to where the datagram is from */
} p2p_pke_result;

/*
 * Looks at a datagram from somebody for whom there is no channel: costs neither memory nor more
 * than one signature check, and that only after accept and admit. `source` stands for the sender's
 * address: any bytes, the same each time.
 * Returns 0 if it starts a valid handshake: make a channel and give it the datagram right away (the
 * checks are not repeated then, but for accept). Else refuses it, maybe with a cookie:
 *   P2P_ERR_MALFORMED      it is not an InitHello
 *   P2P_ERR_UNSUPPORTED    another version, or a key of an algorithm that the registry lacks
 *   P2P_ERR_REFUSED        accept or admit said no
 *   P2P_ERR_LIMIT          a limit is reached
 *   P2P_ERR_AGAIN          it has to prove its address first
 *   P2P_ERR_BAD_SIGNATURE  that of its timestamp
 */
P2P_API P2P_MUST_USE int p2p_pke_screen(p2p_pke_endpoint *endpoint, p2p_pke_time time,
                                        const void *source, size_t source_len, const uint8_t *data,
                                        size_t len, uint8_t answer[P2P_PKE_MAX_HANDSHAKE],
                                        p2p_pke_result *result);

/* --- channel --- */

/*
 * Makes a channel to whoever is at source; nothing is sent yet. peer is given to the callbacks.
 * source must stay in place as long as the channel. Returns 0 or P2P_ERR_NO_MEMORY.
 */
P2P_API P2P_MUST_USE int p2p_pke_channel_new(p2p_pke_channel **out, p2p_pke_endpoint *endpoint,
                                             void *peer, const void *source, size_t source_len);

/* Frees a channel with all that it queues. Nothing is sent. NULL is allowed. */
P2P_API void p2p_pke_channel_free(p2p_pke_channel *channel);

/*
 * Starts a handshake if there is neither a session to send with nor a handshake of ours under way;
 * its end is told by p2p_pke_channel_event(). Returns 0, P2P_ERR_NO_MEMORY, or what the signer or
 * random said. A signer that says P2P_ERR_AGAIN is asked again; that is no error.
 */
P2P_API P2P_MUST_USE int p2p_pke_channel_open(p2p_pke_channel *channel, p2p_pke_time time);

/*
 * Sends the concatenation of n pieces as one message. *len is how much of out to send, or 0: the
 * message waits in the queue, for there is no session yet (a handshake is started if need be).
 * Pieces may not overlap out.
 *   P2P_ERR_TOO_BIG    longer than P2P_PKE_MAX_MESSAGE
 *   P2P_ERR_NO_SPACE   cap is less than the message and P2P_PKE_OVERHEAD
 *   P2P_ERR_AGAIN      the queue is full
 *   P2P_ERR_NO_MEMORY, and the errors of p2p_pke_channel_open()
 */
P2P_API P2P_MUST_USE int p2p_pke_channel_send(p2p_pke_channel *channel, p2p_pke_time time,
                                              const p2p_iov *iov, size_t n, uint8_t *out,
                                              size_t cap, size_t *len);

/*
 * Takes a datagram from the peer and opens it in place. Returns 0, or refuses it:
 *   P2P_ERR_MALFORMED      it is none of P2PKE's
 *   P2P_ERR_BAD_SIGNATURE  it is not authentic, or belongs to no session that is left
 *   P2P_ERR_IN_USE         it came before, or is too old to tell
 *   P2P_ERR_REFUSED        a key that is not the peer's or not accepted, a handshake older than one
 *                          that was completed, or admit said no
 *   P2P_ERR_BUSY           a handshake of ours was opened at the same time, and wins
 *   P2P_ERR_LIMIT, P2P_ERR_AGAIN, P2P_ERR_UNSUPPORTED as p2p_pke_screen()
 *   P2P_ERR_NO_MEMORY, and what the signer or random said
 * Also then result->answer_len counts. What is not authentic is left as it was, so that it can be
 * offered to another channel.
 */
P2P_API P2P_MUST_USE int p2p_pke_channel_receive(p2p_pke_channel *channel, p2p_pke_time time,
                                                 uint8_t *data, size_t len,
                                                 uint8_t answer[P2P_PKE_MAX_HANDSHAKE],
                                                 p2p_pke_result *result);

/*
 * Does what is due, and writes the next datagram to send; *len is 0 if there is none. Returns 0, or
 * P2P_ERR_NO_SPACE with the needed size in *len: cap is at least P2P_PKE_MAX_HANDSHAKE, and a
 * queued message needs its length and P2P_PKE_OVERHEAD.
 */
P2P_API P2P_MUST_USE int p2p_pke_channel_poll(p2p_pke_channel *channel, p2p_pke_time time,
                                              uint8_t *out, size_t cap, size_t *len);

/* When to poll next, on the clock of p2p_pke_time.now: a time gone by means now. P2P_NEVER: not
 * before another call. An idle channel has none once its sessions are over. */
P2P_API uint64_t p2p_pke_channel_deadline(const p2p_pke_channel *channel);

/* What a channel has to tell. */
typedef enum p2p_pke_event_kind {
    P2P_PKE_NOTHING = 0,
    P2P_PKE_READY = 1, /* a handshake is complete: the peer's key is known and proven */
    P2P_PKE_FAILED = 2 /* a handshake somebody waits for, or the peer itself, was given up */
} p2p_pke_event_kind;

typedef struct p2p_pke_event {
    p2p_pke_event_kind kind;
    /*
     * Why it failed: P2P_ERR_TIMEOUT (no answer), P2P_ERR_REFUSED (who answered has a key that is
     * not accepted), or what the signer, random or the allocator said.
     */
    int reason;
    size_t dropped; /* messages that were queued and are lost now */
} p2p_pke_event;

/* Takes the next event. Look after each call; an event that is not taken yet is merged with the
 * next of its kind. Returns its kind. size is sizeof(p2p_pke_event) as the caller knows it. */
P2P_API p2p_pke_event_kind p2p_pke_channel_event_sized(p2p_pke_channel *channel, p2p_pke_event *out,
                                                       size_t size);

static inline p2p_pke_event_kind p2p_pke_channel_event(p2p_pke_channel *channel, p2p_pke_event *out)
{
    return p2p_pke_channel_event_sized(channel, out, sizeof *out);
}

/* The peer's public key, DER SubjectPublicKeyInfo, proven by a handshake; it stays known when the
 * sessions are over, as long as the channel. NULL if there was none yet. */
P2P_API const uint8_t *p2p_pke_channel_key(const p2p_pke_channel *channel, size_t *len);

/* How a channel is. Times are of p2p_pke_time.now; 0 is never. */
typedef struct p2p_pke_info {
    int ready;              /* a message sent now would not wait */
    int handshaking;        /* a handshake of ours is under way */
    size_t half_open;       /* handshakes of the other side under way */
    size_t queued;          /* messages in the queue */
    size_t queued_bytes;    /* their bytes */
    uint64_t last_received; /* the last time that something authentic came */
    uint64_t last_data;     /* the last time that a message was sent or came */
    uint64_t session_start; /* when the newest session was made; 0: there is none */
} p2p_pke_info;

/* Tells how a channel is. size is sizeof(p2p_pke_info) as the caller knows it. */
P2P_API void p2p_pke_channel_info_sized(const p2p_pke_channel *channel, p2p_pke_time time,
                                        p2p_pke_info *out, size_t size);

static inline void p2p_pke_channel_info(const p2p_pke_channel *channel, p2p_pke_time time,
                                        p2p_pke_info *out)
{
    p2p_pke_channel_info_sized(channel, time, out, sizeof *out);
}

/* --- session --- */

/*
 * One handshake, without timers: who wants a channel of another kind builds it of these. The
 * initiator sends p2p_pke_session_message() until it is ready, each time the same; the responder
 * only answers. An initiator starts with p2p_pke_session_initiate: 0, P2P_ERR_NO_MEMORY, or what
 * the signer or random said. A responder is made of an InitHello with p2p_pke_session_respond: the
 * same, or as p2p_pke_screen(), but accept and admit are not asked.
 */
P2P_API P2P_MUST_USE int p2p_pke_session_initiate(p2p_pke_session **out, p2p_pke_endpoint *endpoint,
                                                  p2p_pke_time time);
P2P_API P2P_MUST_USE int p2p_pke_session_respond(p2p_pke_session **out, p2p_pke_endpoint *endpoint,
                                                 p2p_pke_time time, const uint8_t *hello,
                                                 size_t len);

/* Wipes and frees a session. NULL is allowed. */
P2P_API void p2p_pke_session_free(p2p_pke_session *session);

/*
 * The message that the session has to send now: InitHello or InitDone of an initiator, the
 * RespHello of a responder (once, as its first answer). *len is 0 when it needs none.
 * Returns 0 or P2P_ERR_NO_SPACE (never for P2P_PKE_MAX_HANDSHAKE).
 */
P2P_API P2P_MUST_USE int p2p_pke_session_message(const p2p_pke_session *session, uint8_t *out,
                                                 size_t cap, size_t *len);

/* Takes a datagram, as p2p_pke_channel_receive() does. P2P_ERR_TIMEOUT: the session is over. */
P2P_API P2P_MUST_USE int p2p_pke_session_receive(p2p_pke_session *session, p2p_pke_time time,
                                                 uint8_t *data, size_t len,
                                                 uint8_t answer[P2P_PKE_MAX_HANDSHAKE],
                                                 p2p_pke_result *result);

/*
 * Seals a message, as p2p_pke_channel_send() does. P2P_ERR_BUSY: the handshake is not complete.
 * P2P_ERR_TIMEOUT: the session is over. P2P_ERR_LIMIT: all its nonces are used.
 */
P2P_API P2P_MUST_USE int p2p_pke_session_seal(p2p_pke_session *session, p2p_pke_time time,
                                              const p2p_iov *iov, size_t n, uint8_t *out,
                                              size_t cap, size_t *len);

/* Whether the handshake is complete: messages can be sealed and opened. */
P2P_API int p2p_pke_session_ready(const p2p_pke_session *session);

/* The peer's key: claimed until the session is ready, proven from then on. NULL if not known. */
P2P_API const uint8_t *p2p_pke_session_key(const p2p_pke_session *session, size_t *len);

/* The channel binding: 64 bytes, the same on both sides of one handshake and on no other's, for
 * protocols above. Returns 0, or P2P_ERR_BUSY before there are keys. */
P2P_API P2P_MUST_USE int p2p_pke_session_binding(const p2p_pke_session *session, uint8_t out[64]);

/* --- statistics --- */

/* Counters of an endpoint. X(name, what it counts) */
#define P2P_PKE_STATS_LIST(X)                                                                    \
    X(handshakes_started, "InitHellos made")                                                     \
    X(handshakes_answered, "RespHellos made")                                                    \
    X(handshakes_failed, "handshakes of ours given up")                                          \
    X(sessions_ready, "handshakes completed, on either side")                                    \
    X(rekeys, "handshakes started to replace a session")                                         \
    X(probes, "handshakes started because of silence")                                           \
    X(retransmissions, "handshake messages sent again by timer")                                 \
    X(cookies_sent, "CookieReplies sent")                                                        \
    X(cookies_good, "handshakes that came with a valid cookie")                                  \
    X(signs_of_life, "empty messages sent that the application does not see")                    \
    X(signature_checks, "signatures checked")                                                    \
    X(rx_repeated, "repetitions of handshake messages")                                          \
    X(rx_drop_malformed, "datagrams dropped because they break the protocol")                    \
    X(rx_drop_unsupported, "handshakes dropped: another version, a key of unknown algorithm")    \
    X(rx_drop_unauthentic, "datagrams dropped because no key opens them, or a signature is bad") \
    X(rx_drop_replayed, "messages dropped because they came before or are too old to tell")      \
    X(rx_drop_refused, "handshakes dropped by accept, admit, the peer's known key or timestamp") \
    X(rx_drop_limit, "handshakes dropped because of a limit, memory, or a cookie to come first") \
    X(rx_drop_tie, "handshakes dropped because ours, opened at the same time, wins")             \
    X(tx_drop_failed, "queued messages dropped because the handshake was given up")

typedef struct p2p_pke_stats {
#define P2P_PKE_STATS_FIELD_(name, text) uint64_t name;
    P2P_PKE_STATS_LIST(P2P_PKE_STATS_FIELD_)
#undef P2P_PKE_STATS_FIELD_
} p2p_pke_stats;

/* Copies the counters. size is sizeof(p2p_pke_stats) as the caller knows it. */
P2P_API void p2p_pke_endpoint_stats_sized(const p2p_pke_endpoint *endpoint, p2p_pke_stats *out,
                                          size_t size);

static inline void p2p_pke_endpoint_stats(const p2p_pke_endpoint *endpoint, p2p_pke_stats *out)
{
    p2p_pke_endpoint_stats_sized(endpoint, out, sizeof *out);
}

/* How many handshakes that others started are under way, in all channels: for admit to look at. */
P2P_API size_t p2p_pke_endpoint_half_open(const p2p_pke_endpoint *endpoint);

P2P_END_DECLS

#endif
