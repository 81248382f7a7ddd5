/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_PKE_SIM_H
#define P2P_TESTS_PKE_SIM_H

/*
 * A simulator of PKE swarms: a few nodes on a network that loses, repeats, reorders, alters and
 * swaps datagrams, that falls apart and heals, with nodes that crash, restart, change keys and
 * places, and clocks that jump. One seed is one history. Throughout it must hold that
 *
 *   - what is delivered was told by exactly that sender to exactly that receiver, and is whole
 *   - nothing is delivered twice
 *   - nothing on the wire is readable
 *   - the key that a node knows of a peer is that peer's
 *   - nothing is heard of who was banned once his sessions are over, and nothing is told to him
 *   - look-ups end exactly once, in time, and with the right key
 *   - no callback comes from inside a call, or after the close
 *   - counters only grow; peers and memory stay within limits
 *
 * and in the end, when the network has healed, that everybody reaches everybody within a time, and
 * who found no room was told when there was some.
 */
#include <stdint.h>

/* What the simulator itself can get wrong on purpose, to show that it would be seen. X(name) */
#define PKE_SIM_BUGS(X)                                                    \
    X(DUPLICATE, "now and then a message is delivered twice")              \
    X(SWAP, "now and then the payload of an earlier message is delivered") \
    X(FORGE, "now and then a message is delivered in another's name")      \
    X(MISDELIVER, "now and then a message is delivered to another node")   \
    X(PLAINTEXT, "now and then a message leaves as it is")                 \
    X(CORRUPT, "now and then a byte of a message is wrong")                \
    X(MUTE, "one node's messages are lost for ever after a while")         \
    X(HOARD, "memory is lost all the time")                                \
    X(LOOKUP_TWICE, "now and then a look-up ends twice")                   \
    X(LOOKUP_WRONG, "now and then a look-up gives another key")            \
    X(LOOKUP_LOST, "look-ups never end")                                   \
    X(LAX, "who is banned comes in")                                       \
    X(DEAF, "that there is room again is never told")                      \
    X(LATE, "something is told after the close")                           \
    X(COUNTER, "a counter goes back")                                      \
    X(CROWD, "there are more peers than there may be")

typedef enum pke_sim_bug {
    PKE_SIM_CORRECT = 0,
#define PKE_SIM_ENUM(name, text) PKE_SIM_##name,
    PKE_SIM_BUGS(PKE_SIM_ENUM)
#undef PKE_SIM_ENUM
        PKE_SIM_BUG_COUNT
} pke_sim_bug;

const char *pke_sim_bug_text(pke_sim_bug bug);

typedef struct pke_sim_result {
    int failed;
    char why[256];
    uint64_t trace; /* the same for the same seed */
    uint64_t told, delivered, handshakes, datagrams;
    uint64_t healed; /* how long it took until all reached all, in nanoseconds */
} pke_sim_result;

/* Runs a history. Prints its steps with verbose. */
void pke_sim_run(uint64_t seed, pke_sim_bug bug, int verbose, pke_sim_result *out);

#endif
