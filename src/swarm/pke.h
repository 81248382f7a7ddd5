/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_PKE_H
#define P2P__SWARM_PKE_H

/*
 * Inside of PKE swarms.
 *
 *   pke.c         the swarm: making, what comes from below, closing
 *   pke_send.c    tells, what handshakes make room for, what the swarm below has no room for
 *   pke_peer.c    peers and links: made, driven, promoted, forgotten
 *   pke_lookup.c  key look-ups that wait for a handshake
 *   pke_limit.c   who may make us work: rates and numbers by address prefix
 *
 * A peer is an inner address. A link is a channel to one key at that address, claimed or proven.
 * The one who has proven his key last is the current one. There may be a few others: those whom we
 * call, those who claim another key than the current one's and have not proven it yet, and those
 * who were current before, the former ones, until their sessions are over.
 */
#include <p2p/pke.h>

#include "core/addr_map.h"
#include "swarm/swarm.h"

#define P2P__PKE_PREFIXES 4096

/* A peer without a message for so long may make room for a new one. */
#define P2P__PKE_EVICT_AFTER (15 * P2P_SECOND)
/* Peers that are looked at for one to evict. */
#define P2P__PKE_EVICT_TRIES 16

/* Links of one peer besides the current one. */
#define P2P__PKE_OTHERS 4
/* Of them those who were current before. */
#define P2P__PKE_FORMERS 2

typedef struct p2p__pke_link p2p__pke_link;
typedef struct p2p__pke_peer p2p__pke_peer;
typedef struct p2p__pke p2p__pke;

/*
 * Permission to do so many things per second, with bursts of two seconds' worth: when all that was
 * used will have come back.
 */
typedef uint64_t p2p__pke_rate;

/* A key look-up that waits: on a link, or only for the loop to come round. */
typedef struct p2p__pke_lookup {
    struct p2p__pke_lookup *next;
    struct p2p__pke_lookup *prev;
    p2p__pke *pke;
    p2p__pke_link *link; /* NULL: decided, the task is queued */
    p2p_timer timer;
    p2p_task task;
    p2p_addr addr;
    int status;
    p2p_key_fn fn;
    void *arg;
} p2p__pke_lookup;

struct p2p__pke_link {
    p2p__pke_peer *peer;
    p2p_pke_channel *channel;
    p2p_timer timer;
    p2p_task task;            /* services the link once per turn, however many messages pass */
    bool dialled;             /* we call it */
    bool proven;              /* a handshake has shown that it is who it claims to be: it is the
                               * current one, or a former one */
    bool vouched;             /* made by a handshake that had proven its address */
    bool stalled;             /* in pke->stalled */
    bool has_answered;        /* somebody, by the key that he showed: `answered` */
    size_t waiting;           /* messages that wait for its handshake, or for room below */
    size_t queued;            /* their bytes; those that have left count until all have */
    int refusal;              /* what it said of the last datagram that it did not take */
    uint64_t made;            /* when */
    p2p__pke_rate handshakes; /* that it begins, once it has proven its key */
    p2p__pke_rate vouched_handshakes; /* the same, with a cookie */
    p2p__pke_link *stalled_next;
    p2p__pke_link *stalled_prev;
    p2p__pke_lookup *lookups;
    uint8_t id[P2P_PEER_ID_SIZE]; /* who it is, or claims to be, or should be */
    uint8_t answered[P2P_PEER_ID_SIZE];
    p2p_addr addr; /* PEERID@inner */
};

/* What the prefix of a peer's address counts it as. */
typedef enum p2p__pke_counted {
    P2P__PKE_UNCOUNTED = 0, /* we called it */
    P2P__PKE_STRANGER = 1,  /* it came, and its address may be forged */
    P2P__PKE_GUEST = 2      /* it came, and gets what is sent to its address */
} p2p__pke_counted;

struct p2p__pke_peer {
    p2p__addr_node node; /* the inner address */
    p2p__pke *pke;
    p2p__pke_link *current; /* proven, or NULL */
    p2p__pke_link *others[P2P__PKE_OTHERS];
    uint64_t touched; /* when it was made, or a handshake with it last ended */
    p2p__pke_peer
        *next_gone; /* in pke->gone; its links are gone then, and node.addr is who it was */
    p2p__pke_peer *guest_next; /* in the ring of its prefix, if it is a guest */
    p2p__pke_peer *guest_prev;
    uint32_t prefix; /* in the table of prefixes */
    uint8_t counted; /* a p2p__pke_counted */
};

/* What is known of an address prefix. Prefixes share places in the table by chance. */
typedef struct p2p__pke_prefix {
    p2p__pke_rate strangers; /* handshakes, as of p2p__pke_counted */
    p2p__pke_rate guests;
    p2p__pke_rate site;         /* guests of a wider prefix: not that of the other members */
    uint32_t peers[2];          /* strangers, guests */
    p2p__pke_peer *first_guest; /* of a ring; moves on, so that all are looked at in turn */
} p2p__pke_prefix;

struct p2p__pke {
    p2p_swarm base;
    const p2p_allocator *allocator;
    p2p_pke_endpoint *endpoint;
    p2p_pke_swarm_config config; /* complete */
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p__addr_map peers;
    p2p_timer sweep;
    p2p_pke_time time; /* as read in this turn */
    p2p_pke_peer_fn peer_fn;
    void *peer_arg;
    size_t waiting; /* messages that wait in links */
    size_t queued;  /* bytes that wait for handshakes */
    bool starved;   /* a tell was refused because of that */

    /* A datagram that the swarm below had no room for, and the links that wait behind it. */
    uint8_t *unsent;
    size_t unsent_len; /* 0: there is none */
    size_t unsent_size;
    p2p_addr unsent_to;
    p2p__pke_link *stalled;
    p2p__pke_link *stalled_last;

    p2p__pke_link *last_to;   /* of the last tell, with the address it was for */
    p2p__pke_peer *last_from; /* of the last datagram */
    p2p_addr last_inner_dst;  /* of the last message, and the address it is in our terms */
    p2p_addr last_dst;

    p2p__pke_lookup *lookups; /* those that are decided */
    size_t n_lookups;         /* with those that wait on a link */
    p2p__pke_peer *gone;      /* forgotten, and still to be told; the task is queued */
    p2p__pke_peer *last_gone;
    p2p_task gone_task;

    /* Handshakes that others begin: those of strangers, of who has proven his address, of peers. */
    p2p__pke_rate strangers;
    p2p__pke_rate guests;
    p2p__pke_rate known;
    p2p__pke_prefix *prefixes; /* NULL until the first of them is needed */
    uint64_t prefix_seed;

    /* The handshake that is screened: at whose address, and what it says. */
    const p2p__pke_peer *meeting;
    uint8_t claimed[P2P_PEER_ID_SIZE];
    bool admitted_proven;

    /* The datagram at hand: an answer, rather than a question; it met a limit of ours; it was
     * counted as a guest's handshake. */
    bool is_answer;
    bool is_over_limit;
    bool is_guest;

    uint8_t *scratch; /* a datagram that is made */
    size_t scratch_size;
};

static inline p2p__pke *p2p__pke_of(const p2p_swarm *swarm)
{
    return (p2p__pke *)(uintptr_t)swarm;
}

/* The time for calls of the protocol; reading the time of day once per turn is enough. */
static inline p2p_pke_time p2p__pke_now(p2p__pke *pke)
{
    uint64_t now = p2p__loop_now(pke->base.loop);
    if (now != pke->time.now) {
        pke->time.now = now;
        pke->time.wall = p2p_loop_wall(pke->base.loop);
    }
    return pke->time;
}

/* pke_peer.c */
p2p__pke_peer *p2p__pke_find_peer(p2p__pke *pke, const p2p_addr *inner);
/* The link to who has, claims or should have that id at an inner address, or NULL. */
p2p__pke_link *p2p__pke_find_link(p2p__pke *pke, const uint8_t *id, const p2p_addr *inner);
/* The same, made if need be, for we call it. */
int p2p__pke_dial(p2p__pke *pke, const p2p_addr *addr, const uint8_t *id, const p2p_addr *inner,
                  p2p__pke_link **out);
/* A new link for the handshake that was screened. peer is NULL if there is none at that address. */
int p2p__pke_accept(p2p__pke *pke, p2p__pke_peer *peer, const p2p_addr *inner, p2p__pke_link **out);
/* After any call on a link's channel. The link may be gone afterwards; returns false then. */
bool p2p__pke_service(p2p__pke_link *link);
/* Drops a link that is not the current one and has nothing under way, and no session any more.
 * Returns whether it is still there. */
bool p2p__pke_keep_link(p2p__pke_link *link);
void p2p__pke_rearm(p2p__pke_link *link);
static inline bool p2p__pke_is_former(const p2p__pke_link *link)
{
    return link->proven && link->peer->current != link;
}
/* Whether there is a place for one more link. If it need not be a good one, one of those who have
 * proven nothing is taken at random. */
bool p2p__pke_has_place(const p2p__pke_peer *peer, bool vouched, bool good);
/* When something last happened. */
uint64_t p2p__pke_last_use(const p2p__pke_peer *peer);
void p2p__pke_free_peers(p2p__pke *pke);
void p2p__pke_stop_peers(p2p__pke *pke);
void p2p__pke_on_sweep(void *arg);
/* Tells of those who are gone. */
void p2p__pke_on_gone(void *arg);

/* pke_send.c */
int p2p__pke_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len);
size_t p2p__pke_mtu(const p2p_swarm *swarm, const p2p_addr *dst);
size_t p2p__pke_unsent(const p2p_swarm *swarm);
/* Sees to it that a datagram of that size can be made. Returns 0 or P2P_ERR_NO_MEMORY. */
int p2p__pke_need_scratch(p2p__pke *pke, size_t size);
/* Sends what the link's channel has to send, as far as there is room below. */
void p2p__pke_drain(p2p__pke_link *link);
/* What waited for the link's handshake does not wait any more. */
void p2p__pke_uncount_queue(p2p__pke_link *link);
/* The link does not wait for room below any more. */
void p2p__pke_unstall(p2p__pke_link *link);
/* There is room below. */
void p2p__pke_on_writable(void *arg);

/* pke_lookup.c */
extern const p2p_key_ops p2p__pke_key_ops;
/* Decides all look-ups that wait on a link; they call back through the loop. */
void p2p__pke_decide_lookups(p2p__pke_link *link, int status);

/* pke_limit.c */
int p2p__pke_accept_key(void *arg, void *peer, const void *source, size_t source_len,
                        const uint8_t *key, size_t key_len);
p2p_pke_verdict p2p__pke_admit(void *arg, const p2p_pke_request *request);
/* A guest's handshake did not verify: that costs him more. */
void p2p__pke_blame_guest(p2p__pke *pke, const p2p_addr *inner);
/* Counts a peer in its prefix, as something else than before. */
void p2p__pke_count_peer(p2p__pke_peer *peer, p2p__pke_counted as);
/* Whether a prefix has no room for one more guest; *quiet is then the one to forget for him, or
 * NULL. */
bool p2p__pke_is_full(p2p__pke *pke, const p2p_addr *inner, p2p__pke_peer **quiet);

#endif
