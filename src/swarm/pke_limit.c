/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/alloc.h"
#include "swarm/pke.h"

/*
 * Who may make us work. A handshake costs two signature checks and more, and anybody can write one
 * with any source address. So they are counted before that, each kind by itself:
 *
 *   strangers  may have forged their address; by prefix (IPv4 /24, IPv6 /64, other addresses as
 *              they are) and in total
 *   guests     have returned a cookie, so they get what is sent to their address; likewise, and by
 *              site (IPv6 /48), for whoever has one has many prefixes
 *   known      are peers with whom there is a session, or was; by peer and in total
 *
 * A stranger for whom there is no room is asked for a cookie. Whatever a flood of forged addresses
 * uses up, guests and peers have their own.
 */

#define BURST (2 * P2P_SECOND)

/* Handshakes of one known peer, per second. */
#define KNOWN_PER_SECOND 4

/* A site has what so many prefixes have. */
#define SITE_PREFIXES 2

/* A guest's handshake that is signed wrongly counts as so many. An honest one never is. */
#define FORGERY 10

static bool can_take(const p2p__pke_rate *rate, uint64_t now, uint64_t per_second)
{
    return *rate <= now + BURST - P2P_SECOND / per_second;
}

static void take(p2p__pke_rate *rate, uint64_t now, uint64_t per_second, unsigned n)
{
    *rate = (*rate > now ? *rate : now) + n * (P2P_SECOND / per_second);
}

/* Takes one permit of each, or none. */
static bool take_both(const p2p__pke *pke, p2p__pke_rate *own, uint64_t own_per_second,
                      p2p__pke_rate *all)
{
    uint64_t now = p2p__loop_now(pke->base.loop);
    if (!can_take(own, now, own_per_second) || !can_take(all, now, pke->config.max_handshakes))
        return false;
    take(own, now, own_per_second, 1);
    take(all, now, pke->config.max_handshakes, 1);
    return true;
}

/* The place of an address's prefix, which has so many bytes of an IPv6 address. */
static uint32_t place_of(const p2p__pke *pke, const p2p_addr *inner, size_t ip6_bytes)
{
    p2p_addr prefix = *inner;
    p2p_ip ip;
    if (p2p_addr_ip(inner, &ip) == 0) {
        size_t keep = ip.family == 4 ? 3 : ip6_bytes;
        memset(ip.bytes + keep, 0, sizeof ip.bytes - keep);
        ip.scope = 0;
        if (p2p_addr_from_ip(&prefix, &ip, 0))
            prefix = *inner;
    }
    return (uint32_t)(p2p_addr_hash(&prefix, pke->prefix_seed) % P2P__PKE_PREFIXES);
}

static uint32_t prefix_of(const p2p__pke *pke, const p2p_addr *inner)
{
    return place_of(pke, inner, 8);
}

/* What is known of an address's prefix; NULL without memory. Who only calls others has no table. */
static p2p__pke_prefix *prefix_at(p2p__pke *pke, const p2p_addr *inner)
{
    if (!pke->prefixes)
        pke->prefixes = p2p__zalloc_array(pke->allocator, P2P__PKE_PREFIXES, sizeof *pke->prefixes);
    return pke->prefixes ? &pke->prefixes[prefix_of(pke, inner)] : NULL;
}

/* The guests' handshakes of an address's site. That of other addresses than IPv6 is their prefix,
 * so it does not limit them. */
static p2p__pke_rate *site_at(p2p__pke *pke, const p2p_addr *inner)
{
    return &pke->prefixes[place_of(pke, inner, 6)].site;
}

static bool take_as_guest(p2p__pke *pke, p2p__pke_prefix *prefix, const p2p_addr *inner)
{
    uint64_t now = p2p__loop_now(pke->base.loop);
    uint64_t per_prefix = pke->config.max_handshakes_prefix;
    p2p__pke_rate *site = site_at(pke, inner);
    if (!can_take(site, now, SITE_PREFIXES * per_prefix) ||
        !take_both(pke, &prefix->guests, per_prefix, &pke->guests))
        return false;
    take(site, now, SITE_PREFIXES * per_prefix, 1);
    pke->is_guest = true;
    return true;
}

void p2p__pke_blame_guest(p2p__pke *pke, const p2p_addr *inner)
{
    uint64_t now = p2p__loop_now(pke->base.loop);
    uint64_t per_prefix = pke->config.max_handshakes_prefix;
    take(&pke->prefixes[prefix_of(pke, inner)].guests, now, per_prefix, FORGERY - 1);
    take(site_at(pke, inner), now, SITE_PREFIXES * per_prefix, FORGERY - 1);
}

/* Puts a guest at the end of the ring of its prefix. */
static void add_guest(p2p__pke_prefix *prefix, p2p__pke_peer *peer)
{
    p2p__pke_peer *first = prefix->first_guest;
    if (!first) {
        peer->guest_next = peer->guest_prev = peer;
        prefix->first_guest = peer;
        return;
    }
    peer->guest_next = first;
    peer->guest_prev = first->guest_prev;
    first->guest_prev->guest_next = peer;
    first->guest_prev = peer;
}

static void remove_guest(p2p__pke_prefix *prefix, p2p__pke_peer *peer)
{
    if (prefix->first_guest == peer)
        prefix->first_guest = peer->guest_next == peer ? NULL : peer->guest_next;
    peer->guest_prev->guest_next = peer->guest_next;
    peer->guest_next->guest_prev = peer->guest_prev;
}

static uint32_t *counter(const p2p__pke_peer *peer)
{
    return &peer->pke->prefixes[peer->prefix].peers[peer->counted - P2P__PKE_STRANGER];
}

void p2p__pke_count_peer(p2p__pke_peer *peer, p2p__pke_counted as)
{
    p2p__pke *pke = peer->pke;
    if (peer->counted)
        (*counter(peer))--;
    if (peer->counted == P2P__PKE_GUEST)
        remove_guest(&pke->prefixes[peer->prefix], peer);
    else if (as)
        peer->prefix = prefix_of(pke, &peer->node.addr);
    peer->counted = (uint8_t)as;
    if (as)
        (*counter(peer))++;
    if (as == P2P__PKE_GUEST)
        add_guest(&pke->prefixes[peer->prefix], peer);
}

/* The quietest of a few guests, if it may be forgotten, or NULL. */
static p2p__pke_peer *quiet_guest(p2p__pke *pke, p2p__pke_prefix *prefix)
{
    uint64_t since = p2p__pke_now(pke).now;
    p2p__pke_peer *first = prefix->first_guest;
    p2p__pke_peer *peer = first;
    p2p__pke_peer *quiet = NULL;
    for (size_t i = 0; peer && i < P2P__PKE_EVICT_TRIES; i++) {
        uint64_t used = p2p__pke_last_use(peer);
        if (used < since) {
            quiet = peer;
            since = used;
        }
        peer = peer->guest_next;
        if (peer == first)
            break;
    }
    if (quiet && p2p__pke_now(pke).now - since >= P2P__PKE_EVICT_AFTER) {
        prefix->first_guest = quiet; /* the next look finds the same */
        return quiet;
    }
    prefix->first_guest = peer;
    return NULL;
}

bool p2p__pke_is_full(p2p__pke *pke, const p2p_addr *inner, p2p__pke_peer **quiet)
{
    p2p__pke_prefix *prefix = &pke->prefixes[prefix_of(pke, inner)];
    *quiet = NULL;
    if (prefix->peers[P2P__PKE_GUEST - P2P__PKE_STRANGER] < pke->config.max_peers_per_prefix)
        return false;
    *quiet = quiet_guest(pke, prefix);
    return true;
}

static const p2p_addr *source_of(const void *source)
{
    return source; /* what the swarm gives the protocol as a source is the inner address */
}

/* Whether there may be one more peer or link, if this handshake makes one. A guest may push out
 * another. */
static bool has_room(p2p__pke *pke, const p2p__pke_prefix *prefix, const p2p_pke_request *request)
{
    size_t max = pke->config.max_peers_per_prefix;
    size_t guests = prefix->peers[P2P__PKE_GUEST - P2P__PKE_STRANGER];
    p2p__pke_peer *quiet;
    /* Who can prove his address does that, rather than push others out. */
    if (pke->meeting)
        return p2p__pke_has_place(pke->meeting, request->proven, request->can_prove);
    if (request->proven)
        return !p2p__pke_is_full(pke, source_of(request->source), &quiet) || quiet;
    return guests + prefix->peers[0] < max && pke->peers.count < pke->config.max_peers;
}

/* The protocol lets those who cannot prove their address fill half of the places for handshakes. A
 * quarter of that is for those of them who are known. */
static bool has_place(const p2p__pke *pke, bool can_prove)
{
    size_t max = pke->config.max_half_open;
    size_t places = max < 2 ? 1 : max / 2 - max / 8;
    return can_prove || p2p_pke_endpoint_half_open(pke->endpoint) < places;
}

static bool may_begin(p2p__pke *pke, const p2p_pke_request *request)
{
    p2p__pke_link *link = request->peer;
    uint64_t per_prefix = pke->config.max_handshakes_prefix;
    if (link && link->proven && !request->proven)
        return take_both(pke, &link->handshakes, KNOWN_PER_SECOND, &pke->known);
    if (link && link->proven &&
        take_both(pke, &link->vouched_handshakes, KNOWN_PER_SECOND, &pke->known))
        return true;
    p2p__pke_prefix *prefix = prefix_at(pke, source_of(request->source));
    if (!prefix)
        return false;
    /* What is refused for lack of room counts, too: to look for some is work. */
    if (request->proven)
        return take_as_guest(pke, prefix, source_of(request->source)) &&
               (link || has_room(pke, prefix, request));
    if (!link && !has_room(pke, prefix, request))
        return false;
    return has_place(pke, request->can_prove) &&
           take_both(pke, &prefix->strangers, per_prefix, &pke->strangers);
}

p2p_pke_verdict p2p__pke_admit(void *arg, const p2p_pke_request *request)
{
    p2p__pke *pke = arg;
    pke->admitted_proven = request->proven != 0;
    pke->is_over_limit = !may_begin(pke, request);
    if (!pke->is_over_limit)
        return P2P_PKE_ADMIT;
    return request->can_prove && !request->proven ? P2P_PKE_PROVE : P2P_PKE_REFUSE;
}

/* Whether a handshake of that id is a link's affair. If he has proven it before, and his link has
 * refused it now, it is not: perhaps he has restarted, and his clock went back. */
static bool is_its_own(const p2p__pke_link *link, const uint8_t *id)
{
    return link && !memcmp(link->id, id, P2P_PEER_ID_SIZE) &&
           !(link->proven && link->refusal == P2P_ERR_REFUSED);
}

/* Whether the one who is screened may be somebody whom none of his address's links has taken. */
static bool is_news(const p2p__pke *pke, const uint8_t *id)
{
    const p2p__pke_peer *peer = pke->meeting;
    if (!peer)
        return true;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (is_its_own(peer->others[i], id))
            return false;
    return !is_its_own(peer->current, id);
}

int p2p__pke_accept_key(void *arg, void *peer, const void *source, size_t source_len,
                        const uint8_t *key, size_t key_len)
{
    p2p__pke *pke = arg;
    p2p__pke_link *link = peer;
    (void)source_len;
    p2p_spki spki;
    uint8_t id[P2P_PEER_ID_SIZE];
    if (p2p_spki_parse(key, key_len, &spki) || p2p_fingerprint_pke(&spki, id))
        return 0;
    if (link && pke->is_answer) {
        link->has_answered = true;
        memcpy(link->answered, id, sizeof id);
    }
    if (link ? memcmp(link->id, id, sizeof id) != 0 : !is_news(pke, id))
        return 0;
    if (!link)
        memcpy(pke->claimed, id, sizeof id);
    if (!pke->config.allow)
        return 1;
    p2p_addr addr;
    if (p2p_addr_wrap_peer(&addr, id, source_of(source)))
        return 0;
    return pke->config.allow(pke->config.allow_arg, &addr);
}
