/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PKE_SIM_WORLD_H
#define P2P_TESTS_PKE_SIM_WORLD_H

/* Inside of the simulator of PKE swarms: pke_sim.c makes things happen, pke_sim_check.c checks. */
#include <p2p/pke.h>
#include <p2p/sim.h>

#include "core/rand.h"
#include "support/counted.h"
#include "support/pke_sim.h"

enum {
    SIM_NODES = 4,
    SIM_KEYS = 10,
    SIM_NUMBERS = 8, /* of memory nodes; the last is the attacker's */
    SIM_ATTACKER = SIM_NUMBERS - 1,
    SIM_MARKER = 16,
    SIM_HEAD = SIM_MARKER + 16,
    SIM_MAX_LEN = 1200,
    SIM_RECORDED = 64,
    SIM_LOOKUPS = 64
};

typedef struct sim sim;

typedef struct sim_node {
    sim *sim;
    size_t index;
    size_t key; /* in sim->keys */
    uint64_t number;
    p2p_swarm *swarm; /* NULL: down */
    p2p_addr addr;
    uint64_t empties_told[SIM_KEYS]; /* by receiver's key */
} sim_node;

typedef struct sim_key {
    p2p_signer *signer;
    uint8_t id[P2P_PEER_ID_SIZE];
    uint8_t der[64];
    size_t der_len;
} sim_key;

/* A message that was told. */
typedef struct sim_message {
    size_t from_key, to_key;
    uint64_t from_number, to_number;
    size_t len;
    int taken; /* the tell returned 0 */
    int delivered;
} sim_message;

typedef struct sim_lookup {
    sim *sim;
    size_t key;
    unsigned calls;
} sim_lookup;

typedef struct sim_datagram {
    uint64_t to;
    size_t len;
    uint8_t data[SIM_MAX_LEN + 64];
} sim_datagram;

struct sim {
    pke_sim_result *out;
    pke_sim_bug bug;
    int verbose;
    uint64_t seed;
    p2p__rand rand;
    counted memory;
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *attacker;
    sim_node nodes[SIM_NODES];
    sim_key keys[SIM_KEYS];
    p2p_addr seen[32]; /* addresses that somebody has, or had */
    size_t seen_count;

    sim_message *messages;
    size_t message_count, message_room;
    uint64_t empties_told[SIM_KEYS][SIM_KEYS]; /* from, to */
    uint64_t empties_got[SIM_KEYS][SIM_KEYS];
    sim_lookup lookups[SIM_LOOKUPS];
    size_t lookup_count;

    sim_datagram recorded[SIM_RECORDED];
    size_t recorded_count;
    int inside;        /* a call of a swarm: no callback may come from there */
    double swap;       /* how often a datagram is swapped for another one on its way */
    double break_some; /* how often a bit of it is changed */

    uint8_t earlier[SIM_MAX_LEN]; /* for the planted bugs */
    size_t earlier_len;
    void *hoard[256];
    size_t hoarded;
    int muted;
    int reached[SIM_NODES][SIM_NODES]; /* in the end */
};

/* --- pke_sim_check.c --- */

/* Notes the first thing that is wrong. */
void sim_fail(sim *s, const char *format, ...) P2P_PRINTF(2, 3);
void sim_say(const sim *s, const char *format, ...) P2P_PRINTF(2, 3);

int sim_chance(sim *s, double p);
size_t sim_below(sim *s, size_t bound);

/* Makes a message of that length (0, or at least SIM_HEAD) and notes it. Returns its number. */
size_t sim_make_message(sim *s, const sim_node *from, size_t to_key, uint64_t to_number, size_t len,
                        uint8_t *out);

/* Checks what arrives, with the planted bugs in between. */
void sim_on_tell(void *arg, const p2p_msg *msg);

/* Checks what nodes learn of each other. */
void sim_on_peer(void *arg, p2p_pke_peer_event event, const p2p_addr *peer, int reason);
void sim_on_key(void *arg, int status, const uint8_t *key, size_t len);

/* Sees the wire. */
void sim_on_event(void *arg, const p2p_event *event);

/* What must hold after each step. */
void sim_check_step(sim *s);

/* The key with that id, or SIM_KEYS. */
size_t sim_key_of(const sim *s, const p2p_addr *addr);

#endif
