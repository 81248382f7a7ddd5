/* SPDX-License-Identifier: MIT */
#ifndef P2P_SWARM_H
#define P2P_SWARM_H

#include <stddef.h>
#include <stdint.h>

#include <p2p/addr.h>
#include <p2p/err.h>
#include <p2p/export.h>
#include <p2p/loop.h>

P2P_BEGIN_DECLS

/*
 * A swarm: one node's endpoint in a group of nodes that can send each other messages. The only
 * abstraction of this library: what others call a transport is the swarm below. docs/swarm.md is
 * the contract in numbered sentences.
 *
 * Thread: the thread of its loop. Lifetime: from the function that made it until the callback of
 * p2p_close().
 */
typedef struct p2p_swarm p2p_swarm;

/* A piece of a payload that is gathered from several places; the payload is their concatenation. */
typedef struct p2p_iov {
    const void *data; /* may be NULL if len is 0 */
    size_t len;
} p2p_iov;

/*
 * A message as it is received. Everything in it is valid during the callback only: copy what you
 * keep. The receiver may modify the payload in place.
 */
typedef struct p2p_msg {
    const p2p_addr
        *src; /* who sent it, as this swarm names it: an answer to src reaches the sender */
    const p2p_addr *dst; /* which of this node's addresses it was sent to */
    uint8_t *data;       /* never NULL */
    size_t len;
} p2p_msg;

/* --- tell: unreliable, fire and forget --- */

/*
 * Sends one message of len bytes. It is taken whole, now: data may be reused when the call returns.
 * 0 says that it is on its way, not that it arrives; like a datagram it may be lost, repeated or
 * overtaken. Or an error, and nothing is taken:
 *
 *   P2P_ERR_AGAIN        the send queue is full; the writable event tells when to go on
 *   P2P_ERR_TOO_BIG      len is above p2p_mtu(swarm, dst)
 *   P2P_ERR_BAD_ADDR     dst is not an address of this swarm's kind
 *   P2P_ERR_UNREACHABLE  the swarm knows at once that nobody is there
 *   P2P_ERR_CLOSED       the swarm is closed or closing
 *   P2P_ERR_NO_MEMORY, P2P_ERR_INVALID (NULL where something is needed)
 *
 * A kind of swarm may add codes, which its maker names: take one that you do not know as a failure.
 * p2p_tellv gathers the payload from n pieces.
 */
P2P_API P2P_MUST_USE int p2p_tell(p2p_swarm *swarm, const p2p_addr *dst, const void *data,
                                  size_t len);
P2P_API P2P_MUST_USE int p2p_tellv(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov,
                                   size_t n);

/*
 * For who makes a message rather than has one: lends room for len bytes in the swarm's own send
 * buffer, so that the message is never copied. Write it there, then commit it, with the same len.
 * A reservation is void once another message is taken or reserved, and with the return to the loop.
 * Reserve: the errors of p2p_tell(), and P2P_ERR_UNSUPPORTED if the swarm has no such buffer: then
 * use p2p_tell(). Commit: 0, or P2P_ERR_INVALID if nothing of that length is reserved.
 */
P2P_API P2P_MUST_USE int p2p_tell_reserve(p2p_swarm *swarm, const p2p_addr *dst, size_t len,
                                          uint8_t **room);
P2P_API P2P_MUST_USE int p2p_tell_commit(p2p_swarm *swarm, size_t len);

/*
 * Who receives tells. One receiver per swarm; NULL takes it away. A message that nobody receives is
 * dropped and counted (rx_drop_unhandled).
 */
typedef void (*p2p_tell_fn)(void *arg, const p2p_msg *msg);
P2P_API void p2p_on_tell(p2p_swarm *swarm, p2p_tell_fn fn, void *arg);

/* Called once after a tell or an ask got P2P_ERR_AGAIN, when there is room again (about half of the
 * queue). Set it before that, or in the callback in which that came: an event that nobody hears is
 * not kept. */
typedef void (*p2p_writable_fn)(void *arg);
P2P_API void p2p_on_writable(p2p_swarm *swarm, p2p_writable_fn fn, void *arg);

/* --- ask: reliable request and response --- */

/* Names a pending ask of one swarm. Never used again while the swarm lives; 0 is none. */
typedef uint64_t p2p_ask_id;

/* How an ask ended. Valid during the callback only; data may be modified. */
typedef struct p2p_answer {
    /*
     * 0, or why there is no response: P2P_ERR_TIMEOUT, P2P_ERR_REFUSED (see code),
     * P2P_ERR_NO_HANDLER, P2P_ERR_UNREACHABLE, P2P_ERR_TOO_BIG (the response did not fit),
     * P2P_ERR_CLOSED
     */
    int status;
    uint8_t code;  /* with P2P_ERR_REFUSED the handler's code, 1 to 255 */
    uint8_t *data; /* the response; never NULL */
    size_t len;
} p2p_answer;

typedef void (*p2p_answer_fn)(void *arg, const p2p_answer *answer);

/* Whether the swarm has asks at all; without them p2p_ask() gives P2P_ERR_UNSUPPORTED. */
P2P_API int p2p_can_ask(const p2p_swarm *swarm);

/*
 * Sends a request and calls fn exactly once, never before the call returns: with the response, or
 * with an error. timeout is in nanoseconds from now and includes everything; 0 means the default of
 * 30 seconds. id may be NULL; it receives a name with which to cancel. Returns 0, the errors of
 * p2p_tell(), P2P_ERR_UNSUPPORTED, or P2P_ERR_LIMIT (too many asks pending; no writable event
 * follows: try again when one of them has ended); fn is called only after 0.
 */
P2P_API P2P_MUST_USE int p2p_ask(p2p_swarm *swarm, const p2p_addr *dst, const void *data,
                                 size_t len, uint64_t timeout, p2p_ask_id *id, p2p_answer_fn fn,
                                 void *arg);
P2P_API P2P_MUST_USE int p2p_askv(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov,
                                  size_t n, uint64_t timeout, p2p_ask_id *id, p2p_answer_fn fn,
                                  void *arg);

/*
 * Cancels a pending ask: its callback will not run. Returns 0; P2P_ERR_NOT_FOUND if it has ended
 * already (its callback has run); P2P_ERR_CLOSED once close has begun (its callback is about to run
 * with that status); P2P_ERR_UNSUPPORTED; P2P_ERR_INVALID (NULL). The other side may still have
 * served it.
 */
P2P_API P2P_MUST_USE int p2p_ask_cancel(p2p_swarm *swarm, p2p_ask_id id);

/*
 * A request to be answered. A plain value: copy it to answer later. Once it is answered, refused
 * or expired, using it gives P2P_ERR_NOT_FOUND, and once its swarm's close has begun
 * P2P_ERR_CLOSED; it must not be used after the swarm's close callback.
 */
typedef struct p2p_request {
    p2p_swarm *swarm;
    uint64_t id;
} p2p_request;

/*
 * Who serves asks. The handler answers now with p2p_reply() or p2p_refuse(), or keeps the request
 * for later with p2p_request_hold(). A request that is none of these when the handler returns is
 * refused with P2P_CODE_DROPPED; one that is held longer than the asker waits expires. Without a
 * handler askers get P2P_ERR_NO_HANDLER.
 */
typedef void (*p2p_ask_fn)(void *arg, const p2p_msg *msg, p2p_request request);
P2P_API void p2p_on_ask(p2p_swarm *swarm, p2p_ask_fn fn, void *arg);

/* Refusal codes are yours to define, but for these, which mean the same everywhere. */
#define P2P_CODE_DROPPED \
    255u /* the handler did not answer (also what the reference sends for every failure) */
#define P2P_CODE_BUSY 254u /* too many requests are being served */

/* Keeps a request beyond its handler. Returns 0, P2P_ERR_NOT_FOUND, P2P_ERR_INVALID. */
P2P_API P2P_MUST_USE int p2p_request_hold(p2p_request request);

/*
 * Answers a request. Returns 0; P2P_ERR_NOT_FOUND (answered already or expired; also that the asker
 * is gone or has cancelled, where the swarm can know that: otherwise it is 0 and the response comes
 * too late); P2P_ERR_TOO_BIG if the response is above p2p_ask_mtu() (the request stays open);
 * P2P_ERR_AGAIN (likewise); P2P_ERR_NO_MEMORY; P2P_ERR_CLOSED. p2p_refuse: also P2P_ERR_INVALID if
 * code is 0.
 */
P2P_API P2P_MUST_USE int p2p_reply(p2p_request request, const void *data, size_t len);
P2P_API P2P_MUST_USE int p2p_replyv(p2p_request request, const p2p_iov *iov, size_t n);
P2P_API P2P_MUST_USE int p2p_refuse(p2p_request request, uint8_t code);

/* --- keys: secure swarms --- */

/* Whether peers are authenticated by public keys; without them the functions below give
 * P2P_ERR_UNSUPPORTED. */
P2P_API int p2p_is_secure(const p2p_swarm *swarm);

/*
 * Public keys are handled as DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). p2p_public_key writes
 * this node's own. p2p_peer_key writes the key of the peer at addr, if it is known without waiting:
 * during a callback the sender's key always is. *len receives the length. P2P_ERR_NO_SPACE (with
 * *len set), P2P_ERR_NO_KEY, P2P_ERR_BAD_ADDR, P2P_ERR_UNSUPPORTED, P2P_ERR_CLOSED.
 */
P2P_API P2P_MUST_USE int p2p_public_key(const p2p_swarm *swarm, uint8_t *out, size_t cap,
                                        size_t *len);
P2P_API P2P_MUST_USE int p2p_peer_key(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out,
                                      size_t cap, size_t *len);

/*
 * Looks up a peer's key and calls fn exactly once, never before the call returns, also if that
 * takes a handshake; status is 0, P2P_ERR_NO_KEY, P2P_ERR_UNREACHABLE, P2P_ERR_TIMEOUT or
 * P2P_ERR_CLOSED. timeout as for p2p_ask(). Returns 0, P2P_ERR_LIMIT (too many lookups pending),
 * P2P_ERR_BAD_ADDR, P2P_ERR_UNSUPPORTED, P2P_ERR_CLOSED, P2P_ERR_NO_MEMORY, P2P_ERR_INVALID; fn is
 * called only after 0.
 */
typedef void (*p2p_key_fn)(void *arg, int status, const uint8_t *key, size_t len);
P2P_API P2P_MUST_USE int p2p_lookup_key(p2p_swarm *swarm, const p2p_addr *addr, uint64_t timeout,
                                        p2p_key_fn fn, void *arg);

/* --- the rest --- */

/*
 * This node's addresses, the most useful first; an unspecified bind address is expanded to those of
 * the interfaces. Writes at most cap, sets *n to how many there are. Returns 0, P2P_ERR_NO_SPACE if
 * *n > cap (the first cap are written), P2P_ERR_CLOSED, P2P_ERR_IO.
 */
P2P_API P2P_MUST_USE int p2p_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap,
                                         size_t *n);

/* The first of them. Returns 0, P2P_ERR_NOT_FOUND, P2P_ERR_CLOSED, P2P_ERR_IO. */
P2P_API P2P_MUST_USE int p2p_local_addr(const p2p_swarm *swarm, p2p_addr *out);

/* Reads the text of an address that this swarm can reach. Returns 0, P2P_ERR_BAD_ADDR,
 * P2P_ERR_CLOSED, P2P_ERR_INVALID (NULL). */
P2P_API P2P_MUST_USE int p2p_parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out);

/*
 * The longest message, in bytes, that a tell (p2p_mtu) or an ask and its response (p2p_ask_mtu; 0
 * without asks) can carry to dst; with dst NULL, to anybody. At least 0; may grow or shrink while
 * the swarm lives.
 */
P2P_API size_t p2p_mtu(const p2p_swarm *swarm, const p2p_addr *dst);
P2P_API size_t p2p_ask_mtu(const p2p_swarm *swarm, const p2p_addr *dst);

/*
 * How many messages were taken and have not left yet, in this swarm and those below: they wait for
 * the end of the turn, for a handshake, or for room. Who wants them sent closes the swarm when it
 * is 0. Also 0 once the close has begun.
 */
P2P_API size_t p2p_swarm_unsent(const p2p_swarm *swarm);

/* What kind of swarm it is ("udp"), its loop, and the swarm below (NULL if there is none). */
P2P_API const char *p2p_swarm_kind(const p2p_swarm *swarm);
P2P_API p2p_loop *p2p_swarm_loop(const p2p_swarm *swarm);
P2P_API p2p_swarm *p2p_swarm_inner(const p2p_swarm *swarm);

/*
 * Closes a swarm, and the swarm below that it owns. From now on every call gives P2P_ERR_CLOSED and
 * no tell is delivered; pending asks and lookups end with P2P_ERR_CLOSED, requests that were held
 * are refused; messages already taken are sent if that needs no waiting. fn (may be NULL) is the
 * last callback that comes from the swarm; it runs from the loop, never from inside p2p_close(),
 * and the swarm is gone when it returns. May be called from any callback of the swarm. Closing
 * again is allowed until fn has run, and changes nothing: the second fn is not called. A swarm that
 * is the inner one of another is closed by that one: closing it by hand is ignored, and logged.
 */
typedef void (*p2p_close_fn)(void *arg);
P2P_API void p2p_close(p2p_swarm *swarm, p2p_close_fn fn, void *arg);

/* --- statistics --- */

/*
 * Counters since the swarm was made. Each message that a swarm takes or gets and does not pass on
 * is in exactly one
 * *_drop_* counter, so that nothing is lost silently. X(name, what it counts)
 */
#define P2P_STATS_LIST(X)                                                                          \
    X(tx_msgs, "messages taken from the caller (tells, requests and responses)")                   \
    X(tx_bytes, "their payload bytes")                                                             \
    X(rx_msgs, "messages given to a handler")                                                      \
    X(rx_bytes, "their payload bytes")                                                             \
    X(tx_again, "sends refused with P2P_ERR_AGAIN or P2P_ERR_LIMIT")                               \
    X(tx_refused, "sends refused with any other error: too big, bad address, unreachable, closed") \
    X(tx_drop_error, "messages taken that the system or the swarm below then failed to send")      \
    X(tx_drop_network,                                                                             \
      "messages lost on the simulated network: loss, partition, full link, nobody there")          \
    X(tx_drop_closed, "messages taken but not sent because the swarm was closed")                  \
    X(rx_drop_unhandled, "messages dropped because there was no handler")                          \
    X(rx_drop_malformed, "datagrams dropped because they break the protocol")                      \
    X(rx_drop_limit, "messages dropped because a limit was reached")                               \
    X(rx_drop_kernel, "packets that the kernel dropped as it counts them: a full receive buffer")  \
    X(rx_drop_late,                                                                                \
      "responses that came after their ask had ended, and messages that came during close")        \
    X(ask_started, "asks accepted")                                                                \
    X(ask_answered, "asks that ended with a response")                                             \
    X(ask_failed, "asks that ended with an error")                                                 \
    X(ask_cancelled, "asks that were cancelled")                                                   \
    X(ask_served, "requests answered or refused by the handler")                                   \
    X(ask_expired, "requests that nobody answered in time, or that their handler left alone")

typedef struct p2p_stats {
#define P2P_STATS_FIELD_(name, text) uint64_t name;
    P2P_STATS_LIST(P2P_STATS_FIELD_)
#undef P2P_STATS_FIELD_
} p2p_stats;

/* Copies the counters. size is sizeof(p2p_stats) as the caller knows it, so that the struct can
 * grow. */
P2P_API void p2p_swarm_stats_sized(const p2p_swarm *swarm, p2p_stats *out, size_t size);

static inline void p2p_swarm_stats(const p2p_swarm *swarm, p2p_stats *out)
{
    p2p_swarm_stats_sized(swarm, out, sizeof *out);
}

P2P_END_DECLS

#endif
