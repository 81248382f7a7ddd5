/* SPDX-License-Identifier: MIT */
#ifndef P2P_MEM_H
#define P2P_MEM_H

#include <p2p/swarm.h>

P2P_BEGIN_DECLS

/*
 * Memory swarms: nodes of one process that message each other without a socket. A realm is the
 * medium between them. With no link model it is immediate (delivered in the next turn of the loop),
 * ordered and lossless; with one it is a network with latency, loss and all the rest. On a
 * simulated loop this is the simulated network.
 *
 * Addresses are node numbers in decimal (p2p_addr_from_mem).
 *
 * A realm must not be NULL: a function that returns an error code then gives P2P_ERR_INVALID, the
 * others do not check it. Exceptions are named.
 */
typedef struct p2p_realm p2p_realm;

/*
 * What a message meets between two nodes. Call p2p_link_init() first, or set size to
 * sizeof(p2p_link). All else zero: immediate, lossless, ordered, of infinite capacity. Each time is
 * at most 2^60 ns (36 years). Random choices come from the loop's jitter stream.
 */
typedef struct p2p_link {
    size_t size;      /* set by p2p_link_init */
    uint64_t latency; /* one way, nanoseconds */
    uint64_t jitter; /* added to it, uniform from 0 to this; messages may overtake each other, as on
                        the internet */
    double loss;     /* probability, 0 to 1, that a message vanishes */
    double duplicate; /* that it arrives twice (the copy with a jitter of its own) */
    double reorder;   /* that it is held back by reorder_delay more */
    uint64_t reorder_delay;
    double corrupt;     /* that one of its bits is flipped */
    uint64_t bandwidth; /* bytes of payload per second, 0: unlimited. The default link has it for
                           each sender, all its destinations together: an uplink */
    size_t queue; /* bytes that may wait for bandwidth before messages are dropped; 0: 256 KiB */
    size_t mtu;   /* longest message, at most 16 MiB; 0, or more than that of the realm: that */
} p2p_link;

static inline void p2p_link_init(p2p_link *link)
{
    memset(link, 0, sizeof *link);
    link->size = sizeof *link;
}

/* How to make a realm. Call p2p_realm_config_init() first; zero then means the default everywhere.
 */
typedef struct p2p_realm_config {
    size_t size;         /* set by p2p_realm_config_init */
    size_t mtu;          /* longest tell; 0: 65536 (that of the reference's memswarm) */
    size_t ask_mtu;      /* longest request and response; 0: 1 MiB */
    uint64_t first_node; /* the lowest node number; numbers of bridged realms must not overlap. 0 is
                            the default */
    uint64_t max_nodes;  /* numbers are below first_node + max_nodes; 0: 2^24, at most 2^28. Those
                            not used cost nothing */
    const p2p_link
        *link; /* between all nodes that have no link of their own; NULL: no link model. Copied */
} p2p_realm_config;

static inline void p2p_realm_config_init(p2p_realm_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes a realm. config may be NULL. Returns 0, P2P_ERR_INVALID (a link without its size, with a
 * probability outside 0 to 1 or a time above 2^60 ns, an MTU, also of the link, above 16 MiB,
 * max_nodes above 2^28, node numbers that overflow) or P2P_ERR_NO_MEMORY.
 */
P2P_API P2P_MUST_USE int p2p_realm_new(p2p_realm **out, p2p_loop *loop,
                                       const p2p_realm_config *config);

/* Frees a realm. Returns P2P_ERR_BUSY while a node or a bridge is left. Messages in flight are
 * dropped. NULL allowed. */
P2P_API P2P_MUST_USE int p2p_realm_free(p2p_realm *realm);

/* How to make a node. Call p2p_mem_config_init() first. */
typedef struct p2p_mem_config {
    size_t size;   /* set by p2p_mem_config_init */
    uint64_t node; /* the wanted number; P2P_MEM_ANY_NODE (set by init): the lowest that was never
                      used, or if all were, the lowest that is free */
    size_t max_queue; /* messages this node may have in flight or queued before P2P_ERR_AGAIN; 0:
                         1024 */
    size_t max_asks;  /* asks it may have pending, requests it may be serving, and key lookups it
                         may have pending; 0: 1024 each */
    const uint8_t
        *key; /* its public key, DER SubjectPublicKeyInfo, copied; NULL: the node is not secure */
    size_t key_len; /* at most 4096 */
} p2p_mem_config;

#define P2P_MEM_ANY_NODE UINT64_MAX

static inline void p2p_mem_config_init(p2p_mem_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->node = P2P_MEM_ANY_NODE;
}

/*
 * Makes a node of a realm. config may be NULL. A number becomes free again when its node is closed
 * or crashed. A secure node (one with a key) knows the keys of all other nodes with keys. Returns
 * 0, P2P_ERR_IN_USE (that number), P2P_ERR_INVALID (number outside the realm's range, key too
 * long), P2P_ERR_LIMIT (no number left), P2P_ERR_NO_MEMORY.
 *
 * Tells: P2P_ERR_AGAIN when max_queue messages of this node are in flight. A tell to a number that
 * nobody has is lost and counted (tx_drop_network), as on a real network. Asks: reliable, so a
 * link's loss, duplication and corruption show as delay only: a lost request or response is sent
 * again after twice the latency plus jitter (at least 1 ms), then twice as long each time up to
 * one or two seconds, until the ask's timeout. A number that
 * nobody has ends the ask with P2P_ERR_UNREACHABLE after one round trip; a partition lets it time
 * out. Handlers run at most once per ask. P2P_ERR_LIMIT when max_asks asks are pending, or so many
 * are under way: an ask that was cancelled or timed out counts until its request and response have
 * arrived or are lost (across a bridge: until they are in it). Key lookups: P2P_ERR_LIMIT when
 * max_asks are pending.
 */
P2P_API P2P_MUST_USE int p2p_mem_new(p2p_swarm **out, p2p_realm *realm,
                                     const p2p_mem_config *config);

/* --- the network --- */

/*
 * Changes the default link (link NULL: no model), or the link from one node to another (one
 * direction; link NULL: back to the default). Messages already in flight keep their course. Return
 * 0, P2P_ERR_INVALID (as for p2p_realm_new()), P2P_ERR_NO_MEMORY.
 */
P2P_API P2P_MUST_USE int p2p_realm_set_link(p2p_realm *realm, const p2p_link *link);
P2P_API P2P_MUST_USE int p2p_realm_set_link_between(p2p_realm *realm, uint64_t from, uint64_t to,
                                                    const p2p_link *link);

/*
 * Partitions: nodes reach each other only inside one side. All start on side 0; p2p_realm_heal puts
 * all back. What counts is the sides when a message arrives, so what is in flight across a new
 * partition is lost. Returns 0, P2P_ERR_INVALID or P2P_ERR_NOT_FOUND (no such node).
 */
P2P_API P2P_MUST_USE int p2p_realm_set_side(p2p_realm *realm, uint64_t node, uint32_t side);
P2P_API void p2p_realm_heal(p2p_realm *realm);

/*
 * Crashes a node: it vanishes at once without a goodbye, as in a power cut. Nothing that its swarm
 * sends leaves it any more, nothing arrives, and its number is free for a restart. The swarm must
 * still be closed, to free its memory. Returns 0, P2P_ERR_INVALID or P2P_ERR_NOT_FOUND.
 */
P2P_API P2P_MUST_USE int p2p_realm_crash(p2p_realm *realm, uint64_t node);

/*
 * Sees every tell (not asks) as it is sent, and decides. It may modify the payload. Called from
 * inside the tell, so it must not call the realm's swarms. Returns P2P_PASS or P2P_DROP. One per
 * realm; NULL takes it away.
 */
enum { P2P_DROP = 0, P2P_PASS = 1 };
typedef int (*p2p_transform_fn)(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len);
P2P_API void p2p_realm_on_transform(p2p_realm *realm, p2p_transform_fn fn, void *arg);

/*
 * What happened on the network, one event after the other, for traces. `at` is the time of
 * p2p_loop_now(). P2P_EVENT_LOST names why in `detail`.
 */
typedef enum p2p_event_kind {
    P2P_EVENT_SENT = 1,      /* a message left a node */
    P2P_EVENT_DELIVERED = 2, /* it reached its destination */
    P2P_EVENT_LOST = 3,      /* it did not */
    P2P_EVENT_UP = 4,        /* a node was made */
    P2P_EVENT_DOWN = 5,      /* a node was closed */
    P2P_EVENT_CRASHED = 6    /* a node crashed */
} p2p_event_kind;

typedef enum p2p_lost_why {
    P2P_LOST_CHANCE = 1,    /* the link's loss */
    P2P_LOST_PARTITION = 2, /* the nodes are on different sides */
    P2P_LOST_FULL = 3,      /* the link's queue was full */
    P2P_LOST_NOBODY = 4,    /* no such node */
    P2P_LOST_TRANSFORM = 5, /* the transform said so */
    P2P_LOST_MEMORY = 6,    /* the allocator gave no memory for a duplicate or retransmission */
    P2P_LOST_BRIDGE = 7     /* it was in a bridge that was taken down */
} p2p_lost_why;

typedef enum p2p_message_kind {
    P2P_MESSAGE_TELL = 0,
    P2P_MESSAGE_REQUEST = 1,
    P2P_MESSAGE_RESPONSE = 2
} p2p_message_kind;

typedef struct p2p_event {
    uint64_t at;
    uint64_t from;
    uint64_t to;
    p2p_event_kind kind;
    p2p_message_kind message; /* of what kind the message is */
    int detail;               /* a p2p_lost_why, or 0 */
    const uint8_t *data;      /* the message, NULL for events of nodes */
    size_t len;
} p2p_event;

/* Watches the network. Called from inside it, so it must not call the realm or its swarms. NULL
 * takes it away. */
typedef void (*p2p_event_fn)(void *arg, const p2p_event *event);
P2P_API void p2p_realm_on_event(p2p_realm *realm, p2p_event_fn fn, void *arg);

/*
 * A number that stands for everything that has happened in the realm so far: each event goes into
 * it, with the content of messages too if p2p_realm_hash_payloads() asked for that (it starts
 * without). The same program, seed and library give the same number, whatever the compiler.
 */
P2P_API uint64_t p2p_realm_trace_hash(const p2p_realm *realm);
P2P_API void p2p_realm_hash_payloads(p2p_realm *realm, int on);

/*
 * How many messages are in flight, how many nodes there are, and how many messages were delivered
 * and lost since it was made. Each P2P_EVENT_LOST counts as lost: also what came over a bridge for
 * a number that nobody has, which no counter of its sender sees.
 */
P2P_API size_t p2p_realm_in_flight(const p2p_realm *realm);
P2P_API size_t p2p_realm_nodes(const p2p_realm *realm);
P2P_API uint64_t p2p_realm_delivered(const p2p_realm *realm);
P2P_API uint64_t p2p_realm_lost(const p2p_realm *realm);

/* --- two loops --- */

/*
 * A bridge joins two realms on two loops, which may run on two threads: each node reaches the nodes
 * of the other realm by number, tells and asks. Messages cross in rings, published in batches with
 * one wake-up each. There the sending realm's link model applies. A full ring is P2P_ERR_AGAIN to
 * the sender.
 *
 * Limits of it: public keys do not cross. Between secure nodes of two realms p2p_peer_key() gives
 * P2P_ERR_NO_KEY, during a callback too, and p2p_lookup_key() ends with that. Sides are those of
 * one realm and bar no way across. A tell to a number that nobody has beyond the bridge is counted
 * there (p2p_realm_lost), not in its sender's tx_drop_network.
 */
typedef struct p2p_bridge p2p_bridge;

/*
 * Joins a and b, whose ranges of node numbers must not overlap and of which neither has a bridge
 * yet. Call it while neither loop runs. ring_bytes is the size of each of the two rings (0: 1 MiB;
 * rounded up to a power of two; a message larger than a quarter of it is P2P_ERR_TOO_BIG across).
 * Each loop is held (p2p_loop_hold) until the bridge is freed. Returns 0, P2P_ERR_INVALID,
 * P2P_ERR_IN_USE, P2P_ERR_NO_MEMORY.
 */
P2P_API P2P_MUST_USE int p2p_bridge_new(p2p_bridge **out, p2p_realm *a, p2p_realm *b,
                                        size_t ring_bytes);

/*
 * Takes the bridge down, before either realm. Call it while neither loop runs. What is in the rings
 * is lost and counted (P2P_LOST_BRIDGE). Returns 0, or P2P_ERR_BUSY from inside a callback of
 * either loop. NULL allowed.
 */
P2P_API P2P_MUST_USE int p2p_bridge_free(p2p_bridge *bridge);

P2P_END_DECLS

#endif
