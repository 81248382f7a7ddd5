/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PLANTED_NET_H
#define P2P_TESTS_PLANTED_NET_H

/* Between the files of the planted swarm. */
#include <stdbool.h>

#include <p2p/swarm_ops.h>

#include "support/planted_swarm.h"

enum {
    PLANTED_NODES = 16,
    PLANTED_MTU = 3000,
    PLANTED_ASK_MTU = 5000,
    PLANTED_QUEUE = 64,
    PLANTED_ASKS = 256,
    PLANTED_KEY = 44,
};

typedef enum packet_kind { PACKET_TELL, PACKET_REQUEST, PACKET_RESPONSE } packet_kind;

typedef struct packet {
    struct packet *next;
    packet_kind kind;
    size_t from;
    size_t to;
    uint64_t ask_id;   /* the asker's */
    uint64_t deadline; /* of the ask */
    int status;
    uint8_t code;
    uint8_t *data; /* bytes, but for bugs */
    size_t len;
    uint8_t bytes[1];
} packet;

typedef struct planted_node planted_node;
typedef struct planted_net planted_net;

/* An ask that waits for its answer. */
typedef struct pending {
    struct pending *next; /* newer ones first */
    planted_node *node;
    uint64_t id;
    p2p_answer_fn fn;
    void *arg;
    p2p_timer timer;
} pending;

/* A request that is being served. */
typedef struct served {
    struct served *next;
    planted_node *node;
    uint64_t id;
    size_t asker;
    uint64_t ask_id;
    p2p_timer timer;
    bool held;
} served;

/* A key that is being looked up. */
typedef struct lookup {
    struct lookup *next;
    planted_node *node;
    size_t number;
    p2p_key_fn fn;
    void *arg;
    p2p_task task;
} lookup;

struct planted_node {
    p2p_swarm base;
    p2p_swarm_ops ops; /* a copy, for bugs to change */
    planted_net *net;
    size_t number;
    size_t in_flight; /* tells */
    uint64_t next_id;
    pending *asks;
    size_t ask_count;
    served *requests;
    size_t request_count;
    lookup *lookups;
    p2p_task close_task;
    p2p_task early_task;
    packet *reserved; /* not committed yet, or NULL */
    p2p_task void_task;
    p2p_tell_fn first_fn;
    void *first_arg;
};

struct planted_net {
    p2p_loop *loop;
    const p2p_allocator *allocator;
    planted_bug bug;
    planted_node *node[PLANTED_NODES]; /* NULL when closed */
    size_t count;
    packet *first;
    packet **last;
    p2p_task task;
    p2p_timer timer;
    double loss;
    unsigned depth; /* above 0 while a message is delivered */
    uint64_t tells;
    uint8_t shared[512];
    uint64_t shared_hash;
    size_t shared_len;
};

static inline bool planted_has(const planted_node *node, planted_bug bug)
{
    return node->net->bug == bug;
}

planted_node *planted_of(const p2p_swarm *swarm);

/* Addresses: planted-N. Returns false if it is none. */
void planted_addr(p2p_addr *out, size_t number);
bool planted_number(const p2p_addr *addr, size_t *out);

/* A packet with a gathered payload, or NULL. */
packet *planted_packet(planted_net *net, packet_kind kind, size_t from, size_t to,
                       const p2p_iov *iov, size_t n, size_t len);
void planted_packet_free(planted_net *net, packet *p);

/* Sends a packet, or loses it; takes it. */
void planted_send(planted_net *net, packet *p);

/* What arrives. */
void planted_request(planted_node *node, packet *p);
void planted_response(planted_node *node, packet *p);
void planted_unreachable(planted_net *net, const packet *request);

/* Closing: what each file has pending. The second half runs later, from the loop. */
void planted_refuse_all(planted_node *node);
void planted_end_asks(planted_node *node);
void planted_end_lookups(planted_node *node);
void planted_forget_lookups(planted_node *node);

extern const p2p_ask_ops planted_ask_ops;
extern const p2p_key_ops planted_key_ops;

#endif
