/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_REALM_H
#define P2P__SWARM_REALM_H

/*
 * Inside of memory swarms. A realm is the medium: ports by node number, and the messages in flight
 * ordered by when they arrive. The way of a message:
 *
 *   mem.c tell            takes the payload into a message
 *   realm_send.c send     transform, link model (realm_link.c): lost, or when does it arrive
 *   realm_send.c drain    what has arrived, in order, called by the loop
 *   realm_send.c deliver  gives it to the node: mem.c for tells, mem_ask.c for asks
 *   bridge.c              if the node is of another realm: there it is delivered
 */
#include <p2p/mem.h>

#include "core/addr_layout.h"
#include "core/radix_heap.h"
#include "swarm/asks.h"
#include "swarm/swarm.h"

#define P2P__PORTS_PER_PAGE 1024
#define P2P__REALM_MAX_MTU  ((size_t)16 * 1024 * 1024)

/*
 * Payload sizes of pooled messages are powers of two from 64; larger ones are not kept, and of each
 * size no more than so many bytes.
 */
#define P2P__MESSAGE_CLASSES 11
#define P2P__MESSAGE_MIN     64
#define P2P__MESSAGE_POOL    ((size_t)1024 * 1024)

/* A public key, shared by its node and the messages that it sent. */
typedef struct p2p__key {
    size_t uses;
    size_t len;
    uint8_t data[];
} p2p__key;

/* A message in flight. */
typedef struct p2p__message {
    uint64_t from;
    uint64_t to;
    union {
        uint64_t ask_id;                /* REQUEST, RESPONSE: names the ask at the asker */
        struct p2p__message *next_free; /* in the pool */
    };
    uint64_t deadline; /* REQUEST, RESPONSE: when the asker gives up */
    union {
        struct p2p__key *key; /* TELL, REQUEST: of the sender when it was sent; NULL: it has none */
        uint32_t asker;       /* RESPONSE: the epoch of the asker */
    };
    uint32_t len;
    uint32_t epoch;     /* of the sender */
    int16_t status;     /* RESPONSE: 0 or the error the asker gets */
    uint8_t kind;       /* a p2p_message_kind */
    uint8_t code;       /* RESPONSE: the refusal code */
    uint8_t size_class; /* of the pool; P2P__MESSAGE_CLASSES: not from the pool */
    uint8_t shift;      /* of p2p__alloc_line() */
    uint8_t tries;      /* retransmissions so far */
    bool counted : 1;   /* TELL: for its sender's max_queue; else: for its asker's max_asks */
    bool resend : 1;    /* it was lost: when its time has come it is sent again */
    uint8_t data[];
} p2p__message;

/* What the realm knows of a node number. Pages of ports never move. */
typedef struct p2p__port {
    struct p2p__mem *node; /* NULL: nobody */
    uint64_t uplink_busy;  /* default link with bandwidth: until when it is occupied */
    uint32_t in_flight;    /* tells sent by this number that have not arrived */
    uint32_t side;
    uint32_t epoch; /* of the node: tells apart those that had this number one after the other */
    bool waiting;   /* its node got P2P_ERR_AGAIN */
    bool used;      /* it was given out before */
    bool crashed;   /* its last node has crashed */
} p2p__port;

/* A link ready for use: probabilities as thresholds of 32 random bits. */
typedef struct p2p__link {
    p2p_link link;
    uint64_t loss, duplicate, reorder, corrupt;
    uint64_t busy; /* links between two nodes: until when the bandwidth is occupied */
} p2p__link;

typedef struct p2p__link_map p2p__link_map;

struct p2p_realm {
    p2p_loop *loop;
    const p2p_allocator *allocator;
    uint64_t first_node;
    uint64_t max_nodes;
    size_t mtu;
    size_t ask_mtu;
    size_t nodes;
    uint32_t last_epoch;
    uint64_t next_node; /* offset of the lowest number that was never used */
    uint64_t next_free; /* offset below which all numbers are taken */
    uint64_t taken;     /* numbers that have a node */
    p2p__port **pages;
    size_t page_count;

    bool has_link; /* `link` is in force */
    bool draining;
    bool hash_payloads;
    p2p__link link;
    p2p__link_map *links; /* of single pairs; NULL if there are none */
    p2p_transform_fn transform;
    void *transform_arg;
    p2p_event_fn event_fn;
    void *event_arg;
    uint64_t trace;
    uint64_t delivered;
    uint64_t lost;

    p2p__radix_heap in_flight;
    p2p_task task;   /* something has arrived already */
    p2p_timer timer; /* something will arrive */
    p2p__message *pool[P2P__MESSAGE_CLASSES];
    uint32_t pooled[P2P__MESSAGE_CLASSES]; /* how many are in each */

    struct p2p_bridge *bridge;
    unsigned bridge_end; /* which end of it we are */
    uint64_t far_first;  /* the numbers beyond it: so many from here */
    uint64_t far_nodes;
    size_t far_mtu; /* longest message that can cross */

    const p2p__message *receiving; /* the message being delivered; NULL: none */
    p2p_addr src;                  /* its addresses */
    p2p_addr dst;
};

/* A pending key lookup; the callback comes through the loop. */
typedef struct p2p__mem_lookup {
    p2p_task task;
    struct p2p__mem *mem;
    p2p_addr addr;
    p2p_key_fn fn;
    void *arg;
} p2p__mem_lookup;

/* A node. */
typedef struct p2p__mem {
    p2p_swarm base;
    p2p_realm *realm;
    p2p__port *port;
    uint64_t number;
    uint32_t max_queue;
    uint32_t max_asks;
    uint32_t asks_in_flight; /* its requests and the responses to them that are under way */
    uint32_t lookups;        /* pending */
    bool crashed;
    uint8_t shift; /* of p2p__alloc_line() */
    uint32_t epoch;
    p2p__key *key;   /* NULL: it is not secure */
    p2p__asks *asks; /* made with the first ask or request */
} p2p__mem;

/* The plain address of a node, and back; addr is zero or another plain address of a node. */
static inline void p2p__addr_set_mem(p2p_addr *addr, uint64_t number)
{
    uint8_t *bytes = p2p__addr_bytes(addr);
    bytes[0] = P2P__ADDR_START + P2P__ADDR_MEM_SIZE;
    bytes[1] = P2P__ADDR_MEM;
    p2p__store64be(bytes + 2, number);
}

static inline bool p2p__addr_is_mem(const p2p_addr *addr)
{
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    return bytes[0] == P2P__ADDR_START + P2P__ADDR_MEM_SIZE && bytes[1] == P2P__ADDR_MEM;
}

static inline uint64_t p2p__addr_mem_number(const p2p_addr *addr)
{
    return p2p__load64be(p2p__addr_cbytes(addr) + 2);
}

/* realm.c. The port of a number, NULL for those of another realm and most that were never used. */
p2p__port *p2p__realm_port(const p2p_realm *realm, uint64_t number);
int p2p__realm_join(p2p_realm *realm, p2p__mem *mem, uint64_t wanted);
void p2p__realm_leave(p2p_realm *realm, p2p__mem *mem, p2p_event_kind how);

/* realm_message.c: NULL when there is no memory. A tell or request from a node carries its key. */
p2p__message *p2p__message_new(p2p_realm *realm, p2p_message_kind kind, size_t len);
p2p__message *p2p__message_from(p2p__mem *mem, p2p_message_kind kind, size_t len);
void p2p__message_free(p2p_realm *realm, p2p__message *message);
void p2p__message_free_pool(p2p_realm *realm);
void p2p__key_release(p2p_realm *realm, p2p__key *key);

/* realm_link.c */
int p2p__link_set(p2p__link *out, const p2p_link *given);
p2p__link *p2p__realm_link_between(p2p_realm *realm, uint64_t from, uint64_t to);
void p2p__realm_free_links(p2p_realm *realm);
uint64_t p2p__link_retry(p2p_realm *realm, const p2p__link *link, unsigned tries);
/* To P2P_MEM_ANY_NODE: what fits everywhere. */
size_t p2p__link_mtu(const p2p_realm *realm, uint64_t from, uint64_t to);
/* Decides about a message: 0 and *delay from now, or why it is lost (a p2p_lost_why). */
int p2p__link_pass(p2p_realm *realm, p2p__link *link, p2p__port *port, const p2p__message *message,
                   uint64_t *delay);
bool p2p__link_chance(p2p_realm *realm, uint64_t threshold);

/* The link between two nodes, or NULL where no model is in force. */
static inline p2p__link *p2p__realm_link(p2p_realm *realm, uint64_t from, uint64_t to)
{
    if (realm->links)
        return p2p__realm_link_between(realm, from, to);
    return realm->has_link ? &realm->link : NULL;
}

/* realm_send.c: takes the message over, whatever happens. Returns 0 or P2P_ERR_NO_MEMORY. */
int p2p__realm_send(p2p_realm *realm, p2p__port *port, p2p__message *message);
/* A message counts for the max_asks of a node until it has arrived. */
void p2p__realm_count_ask(p2p__mem *asker, p2p__message *message);
/* Says that a message was lost; it stays the caller's. */
void p2p__realm_lost(p2p_realm *realm, const p2p__message *message, p2p_lost_why why);
/* Gives a message to its node, or does what is due if there is none. It stays the caller's. */
void p2p__realm_deliver(p2p_realm *realm, p2p__message *message);
void p2p__realm_on_task(void *arg);
void p2p__realm_soon(void *arg, void *item, size_t ahead);

/* mem_ask.c */
extern const p2p_ask_ops p2p__mem_ask_ops;
void p2p__mem_request(p2p__mem *mem, p2p__message *message);
void p2p__mem_response(p2p__mem *mem, const p2p__message *message);
/* Begins the close of what a node asks and serves; calls p2p_swarm_closed(), perhaps later. */
void p2p__mem_close_asks(p2p__mem *mem);

/*
 * bridge.c: the way to the other realm. A tell may give P2P_ERR_AGAIN; a message that has crossed
 * its own realm gives P2P_ERR_LIMIT when the ring is full. Both copy.
 */
int p2p__bridge_tell(p2p__mem *mem, uint64_t to, const p2p_iov *iov, size_t n, size_t len);
int p2p__bridge_cross(p2p_realm *realm, const p2p__message *message);
/* Whether a number is beyond the bridge. Most realms have none. */
static inline bool p2p__bridge_covers(const p2p_realm *realm, uint64_t number)
{
    return number - realm->far_first < realm->far_nodes;
}

/* The lesser of `most` and what can cross the bridge, if dst is beyond it or NULL. */
static inline size_t p2p__bridge_most(const p2p_realm *realm, const p2p_addr *dst, size_t most)
{
    if (!realm->bridge || realm->far_mtu >= most)
        return most;
    bool crosses = !dst ||
                   (p2p__addr_is_mem(dst) && p2p__bridge_covers(realm, p2p__addr_mem_number(dst)));
    return crosses ? realm->far_mtu : most;
}

#endif
