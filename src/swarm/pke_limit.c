/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "swarm/pke.h"

/*
 * Who may make us work. A handshake costs two signature checks and more, and anybody can write one
 * with any source address. So they are counted before that, by prefix (IPv4 /24, IPv6 /64, other
 * addresses as they are) and in total, and each kind by itself:
 *
 *   strangers  may have forged their address
 *   guests     have returned a cookie, so they get what is sent to their address
 *   known      are peers with whom there is a session, or was
 *
 * A stranger for whom there is no room is asked for a cookie. Whatever a flood of forged addresses
 * uses up, guests and peers have their own.
 */

#define BURST (2 * P2P_SECOND)

static bool can_take(const p2p__pke_rate *rate, uint64_t now, uint64_t per_second)
{
    return *rate <= now + BURST - P2P_SECOND / per_second;
}

static void take(p2p__pke_rate *rate, uint64_t now, uint64_t per_second)
{
    *rate = (*rate > now ? *rate : now) + P2P_SECOND / per_second;
}

/* Takes one permit of each, or none. */
static bool take_both(p2p__pke *pke, p2p__pke_rate *prefix, p2p__pke_rate *all)
{
    uint64_t now = p2p__loop_now(pke->base.loop);
    if (!can_take(prefix, now, pke->config.max_handshakes_prefix) ||
        !can_take(all, now, pke->config.max_handshakes))
        return false;
    take(prefix, now, pke->config.max_handshakes_prefix);
    take(all, now, pke->config.max_handshakes);
    return true;
}

static uint32_t prefix_of(const p2p__pke *pke, const p2p_addr *inner)
{
    p2p_addr prefix = *inner;
    p2p_ip ip;
    if (p2p_addr_ip(inner, &ip) == 0) {
        size_t keep = ip.family == 4 ? 3 : 8;
        memset(ip.bytes + keep, 0, sizeof ip.bytes - keep);
        ip.scope = 0;
        if (p2p_addr_from_ip(&prefix, &ip, 0))
            prefix = *inner;
    }
    return (uint32_t)(p2p_addr_hash(&prefix, pke->prefix_seed) % P2P__PKE_PREFIXES);
}

void p2p__pke_count_peer(p2p__pke_peer *peer, p2p__pke_counted as)
{
    p2p__pke *pke = peer->pke;
    if (peer->counted)
        pke->prefixes[peer->prefix].peers[peer->counted]--;
    else if (as)
        peer->prefix = prefix_of(pke, &peer->node.addr);
    if (as)
        pke->prefixes[peer->prefix].peers[as]++;
    peer->counted = (uint8_t)as;
}

static const p2p_addr *source_of(const void *source)
{
    return source; /* what the swarm gives the protocol as a source is the inner address */
}

/* Whether there may be one more peer, if this handshake makes one. A guest may push out another. */
static bool has_room(const p2p__pke *pke, const p2p__pke_prefix *prefix,
                     const p2p_pke_request *request)
{
    size_t max = pke->config.max_peers_per_prefix;
    if (request->peer || pke->meeting)
        return true;
    if (request->proven)
        return prefix->peers[P2P__PKE_GUEST] < max;
    return prefix->peers[P2P__PKE_GUEST] + prefix->peers[P2P__PKE_STRANGER] < max &&
           pke->peers.count < pke->config.max_peers;
}

p2p_pke_verdict p2p__pke_admit(void *arg, const p2p_pke_request *request)
{
    p2p__pke *pke = arg;
    const p2p__pke_link *link = request->peer;
    p2p__pke_prefix *prefix = &pke->prefixes[prefix_of(pke, source_of(request->source))];
    pke->admitted_proven = request->proven != 0;
    bool room = has_room(pke, prefix, request);
    if (request->proven)
        return room && take_both(pke, &prefix->guests, &pke->guests) ? P2P_PKE_ADMIT
                                                                     : P2P_PKE_REFUSE;
    p2p__pke_rate *all = link && link->proven ? &pke->known : &pke->strangers;
    if (room && take_both(pke, &prefix->strangers, all))
        return P2P_PKE_ADMIT;
    return request->can_prove ? P2P_PKE_PROVE : P2P_PKE_REFUSE;
}

/* Whether the one who is screened may be somebody whom none of his address's links has taken. */
static bool is_news(const p2p__pke *pke, const uint8_t *id)
{
    const p2p__pke_peer *peer = pke->meeting;
    if (!peer)
        return true;
    for (size_t i = 0; i < P2P__PKE_OTHERS; i++)
        if (peer->others[i] && !memcmp(peer->others[i]->id, id, P2P_PEER_ID_SIZE))
            return false;
    /* Its own link has refused it: perhaps it has restarted, and its clock went back. */
    return !peer->current || memcmp(peer->current->id, id, P2P_PEER_ID_SIZE) != 0 ||
           pke->meeting_err == P2P_ERR_REFUSED;
}

int p2p__pke_accept_key(void *arg, void *peer, const void *source, size_t source_len,
                        const uint8_t *key, size_t key_len)
{
    p2p__pke *pke = arg;
    const p2p__pke_link *link = peer;
    (void)source_len;
    p2p_spki spki;
    uint8_t id[P2P_PEER_ID_SIZE];
    if (p2p_spki_parse(key, key_len, &spki) || p2p_fingerprint_pke(&spki, id))
        return 0;
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
