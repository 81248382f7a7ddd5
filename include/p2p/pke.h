/* SPDX-License-Identifier: MIT */
#ifndef P2P_PKE_H
#define P2P_PKE_H

#include <p2p/p2pke.h>
#include <p2p/swarm.h>
#include <p2p/x509.h>

P2P_BEGIN_DECLS

/*
 * PKE swarms: P2PKE over any swarm. Peers are known by their keys, messages are encrypted and
 * authenticated; they are still tells, so they may be lost. Addresses are PEERID@inner, where the
 * peer id is p2p_fingerprint_pke() of the peer's key. The wire is that of the reference's
 * p2pkeswarm.
 *
 * A tell to a peer for which there is no session yet starts a handshake and waits in a bounded
 * queue. Whoever answers must have the key that the address names: a message never goes to another.
 * One peer per inner address is the rule, but one that comes back with another key is let in as
 * soon as it has proven that. Who was there before keeps its sessions until they are over.
 *
 * Where there are as many peers as there may be, in all or of one prefix, one that was quiet for 15
 * s is forgotten for a new one; if there is none, the new one is refused. From who can return a
 * cookie one is asked before he takes a place from anybody.
 */

/*
 * Whether a peer may talk to us, asked in both directions, before any signature is checked: with
 * the address of who comes, or of whom a tell goes to. Returns 0 to refuse. Must not call the
 * swarm.
 */
typedef int (*p2p_pke_allow_fn)(void *arg, const p2p_addr *peer);

/* How to make a PKE swarm. Call p2p_pke_swarm_config_init() first; zero then means the default. */
typedef struct p2p_pke_swarm_config {
    size_t size;                      /* set by p2p_pke_swarm_config_init */
    p2p_signer *signer;               /* this node's key; required, and outlives the swarm */
    const p2p_key_registry *registry; /* algorithms that peers may have; NULL: Ed25519 */
    p2p_pke_allow_fn allow;           /* NULL: everybody */
    void *allow_arg;
    size_t max_peers;            /* inner addresses there is state for; 0: 65536 */
    size_t max_peers_per_prefix; /* of them made by who came, by /24, /64 or else address; 0: 256 */
    size_t max_half_open;        /* handshakes under way that others started; 0: 1024 */
    size_t max_handshakes;       /* begun by others, per second; 0: 500 */
    size_t max_handshakes_prefix; /* the same, by prefix; twice that by IPv6 /48; 0: 50 */
    size_t max_queue;             /* messages that wait for one peer's handshake; 0: 64 */
    size_t max_queue_bytes;       /* their bytes; 0: 128 KiB */
    size_t max_queued_bytes;      /* bytes that wait for all handshakes together; 0: 16 MiB */
    size_t max_lookups;           /* key look-ups that may be pending; 0: 1024 */
    uint64_t idle;                /* nanoseconds without a message until a peer is forgotten;
                                     0: 300 s */
    int no_extensions;            /* not zero: byte for byte as the reference, without cookies */
} p2p_pke_swarm_config;

static inline void p2p_pke_swarm_config_init(p2p_pke_swarm_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes a PKE swarm, which owns inner from now on. Returns 0, P2P_ERR_INVALID (no signer, an inner
 * swarm that is not open or carries no message), P2P_ERR_UNSUPPORTED (the cryptographic library
 * cannot start), P2P_ERR_NO_MEMORY, or what the signer said. On failure inner stays the caller's.
 *
 * Tells: as p2p_tell(), and P2P_ERR_REFUSED if allow says no, P2P_ERR_LIMIT if there is state for
 * too many peers, P2P_ERR_AGAIN if too much waits for this peer's handshake or for all,
 * P2P_ERR_BUSY while there are calls of four other keys at the same inner address, or former peers.
 * What waited for a handshake that failed is counted in tx_drop_error, and logged with the reason.
 * Key look-ups: P2P_ERR_REFUSED, P2P_ERR_LIMIT and P2P_ERR_BUSY likewise, and P2P_ERR_LIMIT when
 * max_lookups are pending.
 */
P2P_API P2P_MUST_USE int p2p_pke_swarm_new(p2p_swarm **out, p2p_swarm *inner,
                                           const p2p_pke_swarm_config *config);

/* What happens to peers. */
typedef enum p2p_pke_peer_event_kind {
    P2P_PKE_PEER_UP = 1,     /* a handshake is complete for the first time, or with another key */
    P2P_PKE_PEER_FAILED = 2, /* a handshake of ours failed, see reason */
    P2P_PKE_PEER_GONE = 3    /* it was forgotten: idle, or another key took its address */
} p2p_pke_peer_event_kind;

/* One event. Valid during the callback only. */
typedef struct p2p_pke_peer_event {
    p2p_pke_peer_event_kind kind;
    /*
     * Of P2P_PKE_PEER_FAILED, otherwise 0: P2P_ERR_TIMEOUT (no answer), P2P_ERR_REFUSED (who
     * answered has another key, or is not allowed), or what the signer or allocator said.
     */
    int reason;
    const p2p_addr *peer;
    /*
     * With P2P_ERR_REFUSED for another key: who answered in the place of peer, by the key that it
     * showed. That it has this key is not proven; a tell to this address would find out. Otherwise
     * NULL.
     */
    const p2p_addr *answered;
} p2p_pke_peer_event;

/*
 * Watches peers. Events come in the order in which they happened, through the loop or from inside
 * the delivery of a datagram. NULL takes it away. Returns 0, or P2P_ERR_INVALID if the swarm is no
 * PKE swarm.
 */
typedef void (*p2p_pke_peer_fn)(void *arg, const p2p_pke_peer_event *event);
P2P_API P2P_MUST_USE int p2p_pke_on_peer(p2p_swarm *swarm, p2p_pke_peer_fn fn, void *arg);

/*
 * The counters of the protocol, and how many peers there is state for. Returns 0, or
 * P2P_ERR_INVALID if the swarm is no PKE swarm. peers may be NULL.
 */
P2P_API P2P_MUST_USE int p2p_pke_swarm_stats(const p2p_swarm *swarm, p2p_pke_stats *out,
                                             size_t *peers);

/* This node's peer id. Returns 0, or P2P_ERR_INVALID if the swarm is no PKE swarm. */
P2P_API P2P_MUST_USE int p2p_pke_swarm_id(const p2p_swarm *swarm, uint8_t id[P2P_PEER_ID_SIZE]);

P2P_END_DECLS

#endif
