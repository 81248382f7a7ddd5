/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_FIXTURE_H
#define P2P__TESTING_FIXTURE_H

/*
 * What the checks of the conformance suite stand on: a network of a few nodes that records every
 * callback, and watches over the rules that hold at all times, whatever a check is about:
 *
 *   - no callback comes from inside the call that caused it, or from outside the loop (L3);
 *   - no message comes after p2p_close() was called (S53), nothing at all after the close callback
 *     (S54), and that comes once;
 *   - an answer comes at most once, never after a cancel, and before the close callback (S26, S32,
 *     S55);
 *   - what is given to a callback is complete (S18, S19, S27 to S29);
 *   - all memory is given back (S3, S66).
 *
 * A rule that is broken fails the check that is running. The first failure is the one reported.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/testing.h>

enum { P2P__FX_NODES = 10, P2P__FX_HELD = 64 };

/* Payloads above this are not tried: a swarm may have no practical MTU. */
#define P2P__FX_MAX_PAYLOAD ((size_t)1 << 26)

typedef struct p2p__fx p2p__fx;
typedef struct p2p__fx_node p2p__fx_node;
typedef struct p2p__fx_ask p2p__fx_ask;
typedef struct p2p__fx_lookup p2p__fx_lookup;

/* A message or request that a node got. */
typedef struct p2p__fx_record {
    size_t node;
    bool is_request;
    p2p_addr src;
    p2p_addr dst;
    size_t len;
    uint64_t hash; /* of its payload, see p2p__fx_hash */
} p2p__fx_record;

/* A node. The hooks run inside the callbacks, after the fixture has recorded them. */
struct p2p__fx_node {
    p2p__fx *fx;
    p2p_swarm *swarm; /* NULL when it is gone */
    p2p_addr addr;
    bool closing;
    bool closed;
    unsigned closes;
    unsigned writables;
    uint64_t tells;
    uint64_t requests;
    void (*on_tell)(p2p__fx_node *node, const p2p_msg *msg);
    void (*on_ask)(p2p__fx_node *node, const p2p_msg *msg, p2p_request request);
    void (*on_writable)(p2p__fx_node *node);
    void (*on_closed)(p2p__fx_node *node);
    uint8_t code; /* what p2p__fx_refuse_with_code refuses with */
    p2p_request held[P2P__FX_HELD];
    size_t held_count;
    p2p_stats last_stats; /* as they were in the close callback */
};

/* An ask, or several that are counted in one; all have ended if started is calls + cancelled. */
struct p2p__fx_ask {
    p2p__fx_ask *next;
    p2p__fx_node *node; /* who asks */
    p2p_ask_id id;      /* of the last one */
    unsigned started;
    unsigned calls;
    unsigned cancelled;
    int status; /* how the last one ended */
    uint8_t code;
    size_t len;
    uint64_t hash;
    uint64_t at;
    void (*on_answer)(p2p__fx_ask *ask, const p2p_answer *answer);
};

/* A look-up of a key. */
struct p2p__fx_lookup {
    p2p__fx_lookup *next;
    p2p__fx_node *node;
    unsigned started;
    unsigned calls;
    int status;
    size_t len;
    uint64_t hash;
    void (*on_key)(p2p__fx_lookup *lookup);
};

/* An allocator around the one given, which counts. */
typedef struct p2p__fx_memory {
    p2p_allocator inner;
    size_t live;   /* blocks that are out */
    size_t failed; /* requests that got nothing */
} p2p__fx_memory;

typedef bool (*p2p__fx_done)(p2p__fx *fx, void *arg);

struct p2p__fx {
    const p2p_testbed *bed;
    p2p_testbed options; /* a copy of bed, complete */
    p2p_allocator own;   /* for what the fixture itself needs */
    p2p__fx_memory memory;
    p2p_allocator counted; /* for the network: counts in memory */

    p2p_loop *loop;
    size_t nodes;
    p2p__fx_node node[P2P__FX_NODES];

    p2p__fx_record *records;
    size_t record_count;
    size_t record_cap;
    bool no_records; /* only count: for bursts */
    p2p__fx_ask *asks;
    p2p__fx_lookup *lookups;
    uint8_t *payload;
    size_t payload_cap;

    uint64_t random;
    uint64_t limit;     /* of the clock, for the whole check */
    uint64_t try_until; /* for p2p__fx_may_try */
    unsigned in_call;
    bool simulated;
    bool running;
    bool going_down;   /* failures end no wait any more */
    p2p__fx_done done; /* NULL: only time ends the run */
    void *done_arg;
    p2p_timer guard;
    p2p_timer poll;

    unsigned steps; /* for checks: whatever they count in their hooks */
    bool failed;
    bool skipped;
    char *why;
    size_t why_cap;
};

/* One check. nodes is how many it needs; it is skipped without the claims in needs, or with one of
 * those in unless. */
typedef struct p2p__check {
    const char *name;
    const char *rules;
    unsigned needs;
    unsigned unless;
    size_t nodes;
    void (*fn)(p2p__fx *fx);
} p2p__check;

typedef struct p2p__check_list {
    const p2p__check *checks;
    size_t count;
} p2p__check_list;

/* Makes the network, and takes it down; both report failures. fx is all zero before. */
void p2p__fx_up(p2p__fx *fx, const p2p_testbed *bed, size_t nodes, const p2p_allocator *allocator);
void p2p__fx_down(p2p__fx *fx);

/* The first failure is kept; later ones change nothing. */
void p2p__fx_fail(p2p__fx *fx, const char *format, ...) P2P_PRINTF(2, 3);

/* Ends a check for which the swarm is not made after all. */
void p2p__fx_skip(p2p__fx *fx, const char *why);

/* In a check: if the condition does not hold, the check has failed, and returns. */
#define REQUIRE(fx, condition, ...)          \
    do {                                     \
        if (!(condition)) {                  \
            p2p__fx_fail((fx), __VA_ARGS__); \
            return;                          \
        }                                    \
    } while (0)

/* The same for a call and the result it must have. */
#define REQUIRE_RESULT(fx, call, expected)                                      \
    do {                                                                        \
        int result_ = CALL(fx, call);                                           \
        REQUIRE((fx), result_ == (expected), "%s gave %s instead of %s", #call, \
                p2p_err_name(result_), p2p_err_name(expected));                 \
    } while (0)

/* Around every call into a swarm: while it runs no callback may come. */
#define CALL(fx, call) (p2p__fx_enter(fx), p2p__fx_leave((fx), (call)))
static inline void p2p__fx_enter(p2p__fx *fx)
{
    fx->in_call++;
}
static inline int p2p__fx_leave(p2p__fx *fx, int result)
{
    fx->in_call--;
    return result;
}

/* --- running --- */

/* Runs the loop until done, at most for `patience`. Returns whether it is done; false after a
 * failure. */
bool p2p__fx_wait(p2p__fx *fx, p2p__fx_done done, void *arg);

/* The same for a certain time. */
bool p2p__fx_wait_for(p2p__fx *fx, p2p__fx_done done, void *arg, uint64_t time);

/* Runs the loop for `settle`, or for some other time. */
void p2p__fx_settle(p2p__fx *fx);
void p2p__fx_pause(p2p__fx *fx, uint64_t time);

/* Whether the loop is a simulated one, on which waiting costs nothing; known once it has run. */
bool p2p__fx_is_simulated(const p2p__fx *fx);

/* --- payloads --- */

/*
 * The payload of a number: always the same len bytes for the same tag. Valid until the next one.
 * NULL, and a failure, without memory.
 */
uint8_t *p2p__fx_payload(p2p__fx *fx, uint64_t tag, size_t len);
uint64_t p2p__fx_hash(const uint8_t *data, size_t len);
uint64_t p2p__fx_payload_hash(p2p__fx *fx, uint64_t tag, size_t len);

/* Whether a record or answer has the payload of a number. */
bool p2p__fx_is(p2p__fx *fx, size_t len, uint64_t hash, uint64_t tag, size_t expected_len);

/* --- trying again --- */

/*
 * For loops that do something until it has an effect: where nothing is lost it must have it at
 * once, otherwise it is tried again for a while. tries is how often it was done.
 */
bool p2p__fx_may_try(p2p__fx *fx, unsigned tries);

/* Waits for the effect of one try. */
bool p2p__fx_wait_try(p2p__fx *fx, p2p__fx_done done, void *arg);

/* The same if the effect is a record, where there was none. */
bool p2p__fx_try_record(p2p__fx *fx);

/* --- telling --- */

/* Tells a payload from one node to another, waiting while the queue is full. Returns false after a
 * failure. */
bool p2p__fx_send(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len);

/*
 * The same, and waits until it has arrived, sending again if the swarm may lose messages; checks
 * it. Forgets the records from before. Returns the record, or NULL after a failure.
 */
const p2p__fx_record *p2p__fx_arrive(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len);

/* How many messages and requests with this payload a node has got. */
size_t p2p__fx_got(p2p__fx *fx, size_t node, uint64_t tag, size_t len);

/* Waits until a node had more than `after` writable events. */
bool p2p__fx_wait_writable(p2p__fx_node *node, unsigned after);

/* Waits until there are that many records altogether; forgets all. */
bool p2p__fx_wait_records(p2p__fx *fx, size_t count);
void p2p__fx_forget(p2p__fx *fx);

/* --- asking --- */

/* An ask that is not started yet; NULL, and a failure, without memory. It lives as long as the
 * fixture. */
p2p__fx_ask *p2p__fx_ask_new(p2p__fx *fx, size_t from);

/* Starts it, and returns what p2p_ask() returned; waits for its callback. */
int p2p__fx_ask_start(p2p__fx_ask *ask, const p2p_addr *dst, const void *data, size_t len,
                      uint64_t timeout);
bool p2p__fx_ask_wait(p2p__fx_ask *ask);

/* Asks with a payload, waiting while the queue is full. Returns the running ask, or NULL after a
 * failure. */
p2p__fx_ask *p2p__fx_ask_send(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len,
                              uint64_t timeout);

/* The same, and waits for its end, which must have this status. NULL after a failure. */
p2p__fx_ask *p2p__fx_ask_end(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len,
                             uint64_t timeout, int status);

/* Whether all asks have ended; waits for it. */
bool p2p__fx_asks_over(p2p__fx *fx);

/* Ready-made ways to serve: answer with the request, refuse with node->code, do nothing, hold. */
void p2p__fx_echo(p2p__fx_node *node, const p2p_msg *msg, p2p_request request);
void p2p__fx_refuse_with_code(p2p__fx_node *node, const p2p_msg *msg, p2p_request request);
void p2p__fx_ignore(p2p__fx_node *node, const p2p_msg *msg, p2p_request request);
void p2p__fx_hold(p2p__fx_node *node, const p2p_msg *msg, p2p_request request);

/* Waits until a node holds that many requests; answers a held one (number i) with a payload. */
bool p2p__fx_wait_held(p2p__fx *fx, size_t node, size_t count);
int p2p__fx_reply_held(p2p__fx *fx, size_t node, size_t i, uint64_t tag, size_t len);

/* --- keys --- */

/* A look-up that is not started yet, as for asks; starting it returns what p2p_lookup_key() did. */
p2p__fx_lookup *p2p__fx_lookup_new(p2p__fx *fx, size_t from);
int p2p__fx_lookup_start(p2p__fx_lookup *lookup, const p2p_addr *addr, uint64_t timeout);
bool p2p__fx_lookup_wait(p2p__fx_lookup *lookup);

/* --- the rest --- */

/* Sets the fixture's handlers on a node: again, after a check has set its own. */
void p2p__fx_hook(p2p__fx_node *node);

/* Closes a node; waits until its close callback has run. */
void p2p__fx_close(p2p__fx_node *node);
bool p2p__fx_wait_closed(p2p__fx_node *node);

p2p_stats p2p__fx_stats(const p2p__fx_node *node);
bool p2p__fx_lossless(const p2p__fx *fx);

/*
 * Addresses that the nodes do not reach: the empty one first, then those of other kinds that
 * p2p_parse_addr() refuses. Returns how many.
 */
size_t p2p__fx_foreign(p2p__fx *fx, p2p_addr *out, size_t cap);

/* A time limit for asks that shall time out: long enough for the request to be served before. */
uint64_t p2p__fx_short(const p2p__fx *fx);

#endif
