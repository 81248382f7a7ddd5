/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PKE_SIM_WORLD_H
#define P2P_TESTS_PKE_SIM_WORLD_H

/*
 * Inside of the simulator of PKE swarms: pke_sim_world.c has the nodes and the network between
 * them, pke_sim_check.c checks. What happens comes from pke_sim.c, by chance, or from
 * fuzz/fuzz_pke_swarm.c, by a script.
 */
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
    unsigned lives; /* how often it was started */
    int closing;
    int has_list; /* of who may not come */
    int banned[SIM_KEYS];
    int let_in[SIM_KEYS];           /* at any time */
    uint64_t banned_from[SIM_KEYS]; /* from then on nothing of that key may be delivered */
    int wants_room;                 /* a tell got P2P_ERR_AGAIN */
    int may_want_room;              /* or P2P_ERR_LIMIT */
    size_t max_peers;
    p2p_stats stats; /* as they were after the last step */
    p2p_pke_stats pke_stats;
    void (*on_tell)(struct sim_node *node, const p2p_msg *msg); /* after it was checked; or NULL */
    void (*on_peer)(struct sim_node *node, const p2p_addr *peer);
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
    const sim_node *node;
    unsigned life; /* of the node */
    size_t key;
    uint64_t deadline;
    unsigned calls;
} sim_lookup;

typedef struct sim_datagram {
    uint64_t from, to;
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

    sim_datagram recorded[SIM_RECORDED]; /* the last ones, as a ring */
    size_t recorded_count;
    int held;          /* datagrams are recorded and go no further */
    int injecting;     /* one by hand, which passes */
    int astray;        /* datagrams may have come from elsewhere, and go elsewhere, than they say */
    int inside;        /* a call of a swarm: no callback may come from there */
    double swap;       /* how often a datagram is swapped for another one on its way */
    double break_some; /* how often a bit of it is changed */

    uint8_t earlier[SIM_MAX_LEN]; /* for the planted bugs */
    size_t earlier_len;
    void *hoard[256];
    size_t hoarded;
    int reached[SIM_NODES][SIM_NODES]; /* in the end */
};

/* --- pke_sim_world.c --- */

/* The network, the keys and the attacker; no node is up yet. The seed is that of the loop. */
void sim_begin(sim *s, uint64_t seed);

/* Closes all, and checks that nothing is left. */
void sim_end(sim *s);

/* Lets time go by. */
void sim_run(sim *s, uint64_t duration);

/* Starts node `index` with a key, at a number. queue is that of its memory node, 0: the default. */
void sim_start_node(sim *s, size_t index, size_t key, uint64_t number,
                    const p2p_pke_swarm_config *config, size_t queue);

/* Begins to close a node that is up and not closing yet, after a crash or not. */
void sim_close_node(sim *s, sim_node *node, int crash);

/* The same, and waits until it is down. */
void sim_stop_node(sim *s, sim_node *node, int crash);

/* Says who may not talk to a node that has a list, or may again. */
void sim_ban(sim *s, sim_node *node, size_t key, int banned);

/* Tells a message of that length: 0, or SIM_HEAD to SIM_MAX_LEN. */
void sim_tell(sim *s, sim_node *from, const p2p_addr *to, size_t len);

/* PEERID@number. */
p2p_addr sim_addr(const sim *s, size_t key, uint64_t number);

/* Looks up the key of who is at an address; timeout 0: the default. */
void sim_look_up(sim *s, const sim_node *from, const p2p_addr *to, uint64_t timeout);

/* Sends a datagram that comes from one number, whoever is there, to another. */
void sim_inject(sim *s, uint64_t from, uint64_t to, const uint8_t *data, size_t len);

/* The network is as it should be from now on, and all nodes are up. Who has not reached whom tries
 * again and again, until all have reached all; and within a time they must. */
void sim_heal(sim *s);

/* What cannot go wrong. */
void sim_require(int ok, const char *what);

/* --- pke_sim_check.c --- */

/* Notes the first thing that is wrong. */
void sim_fail(sim *s, const char *format, ...) P2P_PRINTF(2, 3);
void sim_say(const sim *s, const char *format, ...) P2P_PRINTF(2, 3);

int sim_chance(sim *s, double p);
size_t sim_below(sim *s, size_t bound);

/* Makes a message of that length (0, or at least SIM_HEAD) and notes it. Returns its number. */
size_t sim_make_message(sim *s, const sim_node *from, size_t to_key, uint64_t to_number, size_t len,
                        uint8_t *out);

/* Checks what a tell or a look-up to that key said. */
void sim_check_error(sim *s, const sim_node *from, size_t to_key, int err);

/* The functions of a node, which check what comes, with the planted bugs in between. */
void sim_on_tell(void *arg, const p2p_msg *msg);
void sim_on_peer(void *arg, const p2p_pke_peer_event *event);
void sim_on_writable(void *arg);
void sim_on_closed(void *arg);
int sim_allow(void *arg, const p2p_addr *peer);

/* The same for a look-up. */
void sim_on_key(void *arg, int status, const uint8_t *key, size_t len);

/* Sees the wire. */
void sim_on_event(void *arg, const p2p_event *event);

/* What must hold after each step. */
void sim_check_step(sim *s);

/* The key with that id, or SIM_KEYS. */
size_t sim_key_of(const sim *s, const p2p_addr *addr);

#endif
