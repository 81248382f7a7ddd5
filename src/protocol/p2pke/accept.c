/* SPDX-License-Identifier: MIT */
/* Handshakes that the other side starts. */
#include "protocol/p2pke/channel.h"

#include <string.h>

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

/*
 * A place for one more. When all are taken, one who has proven his address displaces one who has
 * not; otherwise the oldest goes, if it had time enough for an answer.
 */
static p2p__pke_half_open *find_place(p2p_pke_channel *c, uint64_t now, int proven)
{
    for (unsigned i = 0; i < P2P__PKE_HALF_OPEN; i++)
        if (!c->in[i].session)
            return &c->in[i];
    p2p__pke_half_open *place = oldest(c, now, 0, proven ? 0 : P2P__PKE_HALF_OPEN_GRACE);
    if (!place && proven)
        place = oldest(c, now, 1, P2P__PKE_HALF_OPEN_GRACE);
    return place;
}

/* All that costs: the owner's consent, a signature check. */
static int check_sender(p2p_pke_channel *c, uint64_t now, p2p__pke_incoming *in, uint8_t *answer,
                        p2p_pke_result *result)
{
    p2p_pke_endpoint *ep = c->ep;
    int screened = ep->has_screened && !memcmp(ep->screened, in->id, sizeof in->id);
    ep->has_screened = 0;
    if (screened) {
        in->proven = ep->screened_proven;
        return 0;
    }
    int full = find_place(c, now, 0) == NULL;
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
    p2p__pke_half_open *place = find_place(c, now, in.proven);
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
