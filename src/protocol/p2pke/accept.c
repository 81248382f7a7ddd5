/* SPDX-License-Identifier: MIT */
/* Handshakes that the other side starts. */
#include "protocol/p2pke/channel.h"

#include <string.h>

#include "core/bytes.h"
#include "format/tai64n.h"

static int same_id(const p2p_pke_session *s, const p2p__pke_incoming *in)
{
    return s && !memcmp(s->id, in->id, sizeof in->id);
}

/* The same InitHello again gets the same answer, byte for byte, while the handshake is open. */
static int on_known(p2p_pke_channel *c, const p2p__pke_incoming *in, uint8_t *answer,
                    p2p_pke_result *result)
{
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++) {
        if (same_id(c->in[i].session, in)) {
            c->ep->stats.rx_repeated++;
            return p2p_pke_session_message(c->in[i].session, answer, P2P_PKE_MAX_HANDSHAKE,
                                           &result->answer_len);
        }
    }
    if (same_id(c->current, in) || same_id(c->previous, in))
        return P2P_ERR_IN_USE;
    /* Our own, reflected. */
    if (same_id(c->out.session, in))
        return P2P_ERR_REFUSED;
    return P2P_ERR_NOT_FOUND;
}

/* What this channel knows of its peer. */
static int check_peer(const p2p_pke_channel *c, const p2p__pke_incoming *in)
{
    if (c->key && (c->key_len != in->key.der_len || memcmp(c->key, in->key.der, c->key_len) != 0))
        return P2P_ERR_REFUSED;
    /* The same time is allowed: a clock may be coarse. */
    if (c->has_remote_time && p2p__tai64n_compare(in->parts.claim.time, c->remote_time) < 0)
        return P2P_ERR_REFUSED;
    return p2p__pke_attempt_wins(c, in->id) ? P2P_ERR_BUSY : 0;
}

/* Of the places of one kind, all of which are taken, the oldest that has had its time. */
static p2p__pke_half_open *oldest(p2p_pke_channel *c, uint64_t now, int proven, uint64_t grace)
{
    p2p__pke_half_open *found = NULL;
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++) {
        p2p__pke_half_open *h = &c->in[i];
        if (h->proven == proven && now - h->session->created >= grace &&
            (!found || h->session->created < found->session->created))
            found = h;
    }
    return found;
}

static p2p__pke_half_open *free_place(p2p_pke_channel *c)
{
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        if (!c->in[i].session)
            return &c->in[i];
    return NULL;
}

/* One of those that have not proven their address. Which, is for nobody to choose: it follows from
 * a secret, and the ids that come. */
static p2p__pke_half_open *any_unproven(p2p_pke_channel *c, const p2p__pke_incoming *in)
{
    p2p__pke_half_open *found[P2P__PKE_HALF_OPEN];
    uint8_t mark[P2P__PKE_ID_SIZE];
    unsigned n = 0;
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        if (!c->in[i].proven)
            found[n++] = &c->in[i];
    if (!n)
        return NULL;
    p2p__pke_hello_mark(c->ep, &c->sender, in->id, mark);
    return found[p2p__load32be(mark) % n];
}

/*
 * A place for one more. When all are taken, one who has proven his address displaces the oldest who
 * has not, or who had time enough for an answer. Others displace any that has not: were they to
 * wait until one grows old, a few forged ones in each second would keep an honest one out, while
 * one who is in needs his place for one round trip only.
 */
static p2p__pke_half_open *find_place(p2p_pke_channel *c, uint64_t now, const p2p__pke_incoming *in)
{
    p2p__pke_half_open *place = free_place(c);
    if (place)
        return place;
    if (!in->proven)
        return any_unproven(c, in);
    place = oldest(c, now, 0, 0);
    return place ? place : oldest(c, now, 1, P2P__PKE_HALF_OPEN_GRACE);
}

/* Whether p2p_pke_screen() has just let this one through. That counts once. */
static int was_screened(p2p_pke_channel *c, const p2p__pke_incoming *in)
{
    p2p_pke_endpoint *ep = c->ep;
    uint8_t mark[P2P__PKE_ID_SIZE];
    if (!ep->has_screened)
        return 0;
    ep->has_screened = 0;
    p2p__pke_hello_mark(ep, &c->sender, in->id, mark);
    return !memcmp(ep->screened, mark, sizeof mark);
}

/* All that costs: the owner's consent, a signature check. */
static int check_sender(p2p_pke_channel *c, uint64_t now, p2p__pke_incoming *in, uint8_t *answer,
                        p2p_pke_result *result)
{
    p2p_pke_endpoint *ep = c->ep;
    if (was_screened(c, in)) {
        in->proven = ep->screened_proven;
        /* The owner was asked for nobody in particular. This channel may be for somebody. */
        return p2p__pke_accepts(ep, c->sender.peer, c->sender.source, c->sender.source_len,
                                in->key.der, in->key.der_len)
                   ? 0
                   : P2P_ERR_REFUSED;
    }
    /* Who can prove his address does that before he displaces anybody. */
    int full = in->can_prove ? !free_place(c) : !find_place(c, now, in);
    in->known = c->key != NULL;
    int err = p2p__pke_hello_admit(ep, now, &c->sender, in, full, answer, &result->answer_len);
    return err ? err : p2p__pke_hello_verify(ep, in);
}

int p2p__pke_channel_on_hello(p2p_pke_channel *c, uint64_t now, const uint8_t *data, size_t len,
                              uint8_t *answer, p2p_pke_result *result)
{
    p2p__pke_incoming in;
    p2p_pke_session *s;
    int err = p2p__pke_hello_read(data, len, &in);
    if (err)
        return err;
    err = on_known(c, &in, answer, result);
    if (err != P2P_ERR_NOT_FOUND)
        return err;
    err = check_peer(c, &in);
    if (err)
        return err;
    err = check_sender(c, now, &in, answer, result);
    if (err)
        return err;
    p2p__pke_half_open *place = find_place(c, now, &in);
    if (!place)
        return P2P_ERR_LIMIT;
    err = p2p__pke_session_respond(&s, c->ep, now, &in);
    if (err)
        return err;
    /* With keys of other algorithms the answer can be the longer one. */
    if (s->handshake->hello_len > in.datagram_len && !in.proven) {
        p2p_pke_session_free(s);
        return p2p__pke_hello_demand(c->ep, now, &c->sender, &in, answer, &result->answer_len);
    }
    p2p_pke_session_free(place->session);
    place->session = s;
    place->proven = in.proven;
    p2p__pke_attempt_yield(c, now);
    return p2p_pke_session_message(s, answer, P2P_PKE_MAX_HANDSHAKE, &result->answer_len);
}
