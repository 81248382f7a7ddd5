/* SPDX-License-Identifier: MIT */
/*
 * Which of the host's addresses each peer wrote to, so that what is told to it leaves from there. A
 * peer has one of four places in a table, by a secret hash of its address. When all are taken, the
 * one that was taken longest ago becomes his: the memory is bounded, and nobody can choose whom to
 * push out.
 */
#include "swarm/udp.h"

#include <string.h>

#include "core/addr_layout.h"
#include "core/alloc.h"
#include "swarm/udp_addr.h"

enum { PLACES = 1024, WAYS = 4, KEY_WORDS = 3 };

_Static_assert(P2P__ADDR_START + P2P__ADDR_IP6_SIZE <= KEY_WORDS * 8, "a plain address is a key");

typedef struct place {
    uint64_t peer[KEY_WORDS]; /* the words of its address */
    p2p_ip local;             /* family 0: the place is free */
} place;

struct p2p__udp_sources {
    uint64_t seed;
    place *last; /* the place that was used last: most often the next one too */
    place places[PLACES];
    uint8_t oldest[PLACES / WAYS]; /* of each four */
};

/* Whether an address belongs to many hosts, so that nothing can leave from it. The broadcast
 * address of a network is not known as such: the system refuses it. */
static bool is_for_many(const p2p_ip *ip)
{
    static const uint8_t all[4] = {255, 255, 255, 255};
    bool mapped = ip->family == 6 && p2p__ip6_is_mapped(ip->bytes);
    if (ip->family == 6 && !mapped)
        return ip->bytes[0] == 0xff;
    const uint8_t *ip4 = ip->bytes + (mapped ? 12 : 0);
    return ip4[0] >> 4 == 14 || memcmp(ip4, all, sizeof all) == 0;
}

static bool holds(const place *at, const p2p_addr *peer)
{
    return at->local.family != 0 && at->peer[0] == peer->words[0] &&
           memcmp(at->peer, peer->words, p2p__addr_words_used(peer) * 8) == 0;
}

static size_t four_of(const p2p__udp_sources *sources, const p2p_addr *peer)
{
    return p2p_addr_hash(peer, sources->seed) % (PLACES / WAYS);
}

/* The place that a peer has, or NULL. The peer is a plain IPv4 or IPv6 address. */
static place *find(p2p__udp_sources *sources, const p2p_addr *peer)
{
    if (holds(sources->last, peer))
        return sources->last;
    place *four = &sources->places[four_of(sources, peer) * WAYS];
    for (size_t i = 0; i < WAYS; i++)
        if (holds(&four[i], peer))
            return sources->last = &four[i];
    return NULL;
}

/* A place for a peer that has none: one that is free, or the oldest. */
static place *take(p2p__udp_sources *sources, const p2p_addr *peer)
{
    size_t n = four_of(sources, peer);
    place *at = NULL;
    for (size_t i = 0; i < WAYS && !at; i++)
        if (sources->places[n * WAYS + i].local.family == 0)
            at = &sources->places[n * WAYS + i];
    if (!at) {
        at = &sources->places[n * WAYS + sources->oldest[n]];
        sources->oldest[n] = (uint8_t)((sources->oldest[n] + 1) % WAYS);
    }
    memset(at->peer, 0, sizeof at->peer);
    memcpy(at->peer, peer->words, p2p__addr_words_used(peer) * 8);
    return sources->last = at;
}

static p2p__udp_sources *make_table(const p2p__udp *udp)
{
    const p2p_allocator *allocator = p2p_loop_allocator(udp->base.loop);
    p2p__udp_sources *sources = p2p__zalloc(allocator, sizeof *sources);
    if (!sources)
        return NULL;
    if (p2p_loop_secret(udp->base.loop, &sources->seed, sizeof sources->seed) != 0) {
        p2p__free(allocator, sources);
        return NULL;
    }
    sources->last = sources->places;
    return sources;
}

bool p2p__udp_remember(p2p__udp *udp, const p2p_addr *peer, const p2p_ip *local)
{
    if (local->family == 0 || is_for_many(local))
        return false;
    if (!udp->sources)
        udp->sources = make_table(udp);
    if (!udp->sources)
        return false; /* the system chooses, as for a peer that was not heard of */
    place *at = find(udp->sources, peer);
    if (at && p2p__udp_same_ip(&at->local, local))
        return false;
    if (!at)
        at = take(udp->sources, peer);
    at->local = *local;
    return true;
}

const p2p_ip *p2p__udp_source_for(p2p__udp *udp, const p2p_addr *peer)
{
    if (!udp->sources)
        return NULL;
    const place *at = find(udp->sources, peer);
    return at ? &at->local : NULL;
}

void p2p__udp_forget(p2p__udp *udp, const p2p_addr *peer, const p2p_ip *local)
{
    if (!udp->sources)
        return;
    place *at = find(udp->sources, peer);
    if (at && p2p__udp_same_ip(&at->local, local))
        memset(at, 0, sizeof *at);
}
