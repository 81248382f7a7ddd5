/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/addr_layout.h"
#include "core/alloc.h"
#include "protocol/p2pke/channel.h"
#include "protocol/p2pke/wire.h"
#include "swarm/pke.h"

/*
 * The way down. A message waits in three places: in the queue of its link's channel until there is
 * a session; behind others, if the swarm below is full; and sealed, as the one datagram that the
 * swarm below had no room for.
 */

/* --- what has no room --- */

static bool is_message(const uint8_t *datagram)
{
    uint32_t nonce = p2p__load32be(datagram);
    return nonce >= P2P__PKE_NONCE_DATA && nonce < P2P__PKE_NONCE_LIMIT;
}

/* Tells who waits for room, if there is some for all. */
static void tell_room(p2p__pke *pke)
{
    if (!pke->starved && !pke->unsent_len)
        p2p_swarm_writable(&pke->base);
}

void p2p__pke_uncount_queue(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    if (!link->waiting)
        return;
    pke->waiting -= link->waiting;
    pke->queued -= link->queued;
    link->waiting = 0;
    link->queued = 0;
    if (pke->queued <= pke->config.max_queued_bytes / 2)
        pke->starved = false;
    tell_room(pke);
}

static void stall(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    if (link->stalled)
        return;
    link->stalled = true;
    link->stalled_next = NULL;
    link->stalled_prev = pke->stalled_last;
    if (pke->stalled_last)
        pke->stalled_last->stalled_next = link;
    else
        pke->stalled = link;
    pke->stalled_last = link;
}

void p2p__pke_unstall(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    if (!link->stalled)
        return;
    link->stalled = false;
    if (link->stalled_prev)
        link->stalled_prev->stalled_next = link->stalled_next;
    else
        pke->stalled = link->stalled_next;
    if (link->stalled_next)
        link->stalled_next->stalled_prev = link->stalled_prev;
    else
        pke->stalled_last = link->stalled_prev;
}

/* Keeps a datagram until there is room for it. Returns 0, P2P_ERR_AGAIN, P2P_ERR_NO_MEMORY. */
static int hold(p2p__pke *pke, const p2p_addr *to, const uint8_t *data, size_t len)
{
    if (pke->unsent_len)
        return P2P_ERR_AGAIN;
    if (len > pke->unsent_size) {
        uint8_t *grown = p2p__resize(pke->allocator, pke->unsent, len);
        if (!grown)
            return P2P_ERR_NO_MEMORY;
        pke->unsent = grown;
        pke->unsent_size = len;
    }
    memcpy(pke->unsent, data, len);
    pke->unsent_len = len;
    pke->unsent_to = *to;
    return 0;
}

/* Sends a datagram, or holds it. */
static int send_down(p2p__pke *pke, const p2p_addr *to, const uint8_t *data, size_t len)
{
    int err = p2p_tell(pke->base.inner, to, data, len);
    return err == P2P_ERR_AGAIN ? hold(pke, to, data, len) : err;
}

/* The first message of those that waited is on its way down. */
static void uncount_one(p2p__pke_link *link)
{
    if (link->waiting == 1) {
        p2p__pke_uncount_queue(link);
        return;
    }
    link->waiting--;
    link->peer->pke->waiting--;
}

void p2p__pke_drain(p2p__pke_link *link)
{
    p2p__pke *pke = link->peer->pke;
    size_t len = 0;
    while (!pke->unsent_len) {
        if (p2p_pke_channel_poll(link->channel, p2p__pke_now(pke), pke->scratch, pke->scratch_size,
                                 &len) ||
            !len)
            return;
        int err = send_down(pke, &link->peer->node.addr, pke->scratch, len);
        /* Handshakes are repeated, so only messages are lost for good. */
        if (!is_message(pke->scratch))
            continue;
        pke->base.stats.tx_drop_error += err != 0;
        uncount_one(link);
    }
    stall(link);
}

void p2p__pke_on_writable(void *arg)
{
    p2p__pke *pke = arg;
    if (pke->unsent_len) {
        int err = p2p_tell(pke->base.inner, &pke->unsent_to, pke->unsent, pke->unsent_len);
        if (err == P2P_ERR_AGAIN)
            return;
        if (err && is_message(pke->unsent))
            pke->base.stats.tx_drop_error++;
        pke->unsent_len = 0;
    }
    while (pke->stalled && !pke->unsent_len && pke->base.state == P2P_SWARM_OPEN) {
        p2p__pke_link *link = pke->stalled;
        p2p__pke_unstall(link);
        p2p__pke_service(link);
    }
    tell_room(pke);
}

/* --- tells --- */

/* The link of the address that the last tell was for, which is nearly always the next one's too. */
static int link_for(p2p__pke *pke, const p2p_addr *dst, p2p__pke_link **out)
{
    p2p__pke_link *last = pke->last_to;
    if (last && !pke->config.allow && p2p__addr_equal_fast(&last->addr, dst)) {
        *out = last;
        return 0;
    }
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_addr inner;
    if (p2p_addr_kind_of(dst) != P2P_ADDR_PEER || p2p_addr_peer_id(dst, id) ||
        p2p_addr_unwrap(dst, &inner))
        return P2P_ERR_BAD_ADDR;
    int err = p2p__pke_dial(pke, dst, id, &inner, out);
    if (!err)
        pke->last_to = *out;
    return err;
}

/* Seals a message right into the send buffer of the swarm below, if it lends that. *sealed stays 0
 * if the message waits for a handshake. */
static int send_in_place(p2p__pke_link *link, const p2p_iov *iov, size_t n, size_t len,
                         size_t *sealed)
{
    p2p__pke *pke = link->peer->pke;
    uint8_t *room;
    size_t size = len + P2P_PKE_OVERHEAD;
    int err = p2p_tell_reserve(pke->base.inner, &link->peer->node.addr, size, &room);
    if (!err)
        err = p2p_pke_channel_send(link->channel, p2p__pke_now(pke), iov, n, room, size, sealed);
    return !err && *sealed ? p2p_tell_commit(pke->base.inner, *sealed) : err;
}

static int send_from_scratch(p2p__pke_link *link, const p2p_iov *iov, size_t n, size_t *sealed)
{
    p2p__pke *pke = link->peer->pke;
    int err = p2p_pke_channel_send(link->channel, p2p__pke_now(pke), iov, n, pke->scratch,
                                   pke->scratch_size, sealed);
    return !err && *sealed ? send_down(pke, &link->peer->node.addr, pke->scratch, *sealed) : err;
}

static int send(p2p__pke_link *link, const p2p_iov *iov, size_t n, size_t len, size_t *sealed)
{
    const p2p__pke *pke = link->peer->pke;
    /* Nothing overtakes what is held. */
    if (pke->unsent_len && link->proven)
        return P2P_ERR_AGAIN;
    int err = link->proven ? send_in_place(link, iov, n, len, sealed) : P2P_ERR_UNSUPPORTED;
    /* Full: the message is held, so that who got a writable event finds room for one at least. */
    if (err == P2P_ERR_UNSUPPORTED || err == P2P_ERR_AGAIN)
        err = send_from_scratch(link, iov, n, sealed);
    return err;
}

/* Whether a message may have to wait and there is no room for that. */
static bool is_too_much(p2p__pke_link *link, size_t len)
{
    p2p__pke *pke = link->peer->pke;
    p2p_pke_info info;
    if (len <= pke->config.max_queued_bytes - pke->queued)
        return false;
    p2p_pke_channel_info(link->channel, p2p__pke_now(pke), &info);
    return !info.ready;
}

int p2p__pke_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    p2p__pke *pke = p2p__pke_of(swarm);
    p2p__pke_link *link;
    size_t sealed = 0;
    int err = p2p__pke_need_scratch(pke, len + P2P_PKE_OVERHEAD);
    if (!err)
        err = link_for(pke, dst, &link);
    if (err)
        return err;
    if (is_too_much(link, len)) {
        pke->starved = true;
        err = P2P_ERR_AGAIN;
    } else {
        err = send(link, iov, n, len, &sealed);
    }
    if (err) {
        p2p__pke_keep_link(link);
        return err;
    }
    /* Another one has proven his key at that address: is this one still there? */
    if (p2p__pke_is_former(link))
        p2p__pke_channel_ask(link->channel, link->peer->touched);
    p2p_loop_defer(swarm->loop, &link->task);
    if (!sealed) {
        link->waiting++;
        link->queued += len;
        pke->waiting++;
        pke->queued += len;
    }
    return 0;
}

size_t p2p__pke_unsent(const p2p_swarm *swarm)
{
    const p2p__pke *pke = p2p__pke_of(swarm);
    return pke->waiting + (pke->unsent_len && is_message(pke->unsent));
}

size_t p2p__pke_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    const p2p__pke *pke = p2p__pke_of(swarm);
    const p2p_addr *inner = NULL;
    p2p_addr unwrapped;
    if (dst && pke->last_to && p2p__addr_equal_fast(dst, &pke->last_to->addr))
        inner = &pke->last_to->peer->node.addr;
    else if (dst && p2p_addr_kind_of(dst) == P2P_ADDR_PEER && !p2p_addr_unwrap(dst, &unwrapped))
        inner = &unwrapped;
    size_t mtu = p2p_mtu(swarm->inner, inner);
    mtu = mtu > P2P_PKE_OVERHEAD ? mtu - P2P_PKE_OVERHEAD : 0;
    return mtu < P2P_PKE_MAX_MESSAGE ? mtu : P2P_PKE_MAX_MESSAGE;
}
