/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/hello.h"

#include <sodium.h>
#include <string.h>

#include "core/bytes.h"
#include "format/tai64n.h"
#include "protocol/p2pke/cookie.h"

_Static_assert(P2P__TAI64N_SIZE == P2P__PKE_TIME_SIZE, "TAI64N");

void p2p__pke_hello_id(const uint8_t *hello, size_t len, uint8_t id[P2P__PKE_ID_SIZE])
{
    /* Only a wrong length of the result makes it fail. */
    (void)crypto_generichash_blake2b(id, P2P__PKE_ID_SIZE, hello, len, NULL, 0);
}

/* CookieHello: header, kind, cookie, InitHello. */
static int unwrap(const uint8_t *data, size_t len, p2p__pke_incoming *in)
{
    in->hello = data;
    in->hello_len = len;
    if (len < P2P__PKE_HEADER_SIZE || p2p__load32be(data) != P2P__PKE_NONCE_EXTENSION)
        return 0;
    if (len < P2P__PKE_COOKIE_PREFIX_SIZE || data[P2P__PKE_HEADER_SIZE] != P2P__PKE_COOKIE_HELLO)
        return P2P_ERR_MALFORMED;
    in->cookie = data + P2P__PKE_EXTENSION_SIZE;
    in->hello = data + P2P__PKE_COOKIE_PREFIX_SIZE;
    in->hello_len = len - P2P__PKE_COOKIE_PREFIX_SIZE;
    return 0;
}

int p2p__pke_hello_read(const uint8_t *data, size_t len, p2p__pke_incoming *out)
{
    p2p__pke_incoming in;
    memset(&in, 0, sizeof in);
    in.datagram_len = len;
    if (unwrap(data, len, &in) || p2p__pke_read_init_hello(in.hello, in.hello_len, &in.parts))
        return P2P_ERR_MALFORMED;
    const p2p__pke_claim *claim = &in.parts.claim;
    if (p2p__tai64n_check(claim->time, claim->time_len) ||
        p2p_spki_parse(claim->key, claim->key_len, &in.key))
        return P2P_ERR_MALFORMED;
    /* The reference announces a version and never looks at it. */
    if (claim->version != P2P__PKE_VERSION)
        return P2P_ERR_UNSUPPORTED;
    in.can_prove = (claim->extensions & P2P__PKE_EXT_COOKIE) != 0;
    p2p__pke_hello_id(in.hello, in.hello_len, in.id);
    *out = in;
    return 0;
}

/* Our limits. They leave room for those who prove their address, however many there are of
 * others. */
static p2p_pke_verdict check_limits(const p2p_pke_endpoint *ep, const p2p__pke_incoming *in,
                                    int full)
{
    size_t max = ep->config.max_half_open;
    /* An eighth is for peers who were here before. */
    if (!in->known && ep->half_open >= max - max / 8)
        return P2P_PKE_REFUSE;
    if (ep->half_open >= max)
        return P2P_PKE_REFUSE;
    if (in->proven)
        return P2P_PKE_ADMIT;
    if (in->can_prove && (full || ep->half_open >= ep->config.cookies_above))
        return P2P_PKE_PROVE;
    /* Those who cannot prove it get half of the room. */
    return full || ep->half_open >= (max + 1) / 2 ? P2P_PKE_REFUSE : P2P_PKE_ADMIT;
}

static p2p_pke_verdict ask_owner(const p2p_pke_endpoint *ep, const p2p__pke_sender *sender,
                                 const p2p__pke_incoming *in)
{
    if (!ep->config.admit)
        return P2P_PKE_ADMIT;
    p2p_pke_request request;
    memset(&request, 0, sizeof request);
    request.peer = sender->peer;
    request.source = sender->source;
    request.source_len = sender->source_len;
    request.key = in->key.der;
    request.key_len = in->key.der_len;
    request.proven = in->proven;
    request.can_prove = in->can_prove;
    return ep->config.admit(ep->config.arg, &request);
}

int p2p__pke_hello_admit(p2p_pke_endpoint *ep, uint64_t now, const p2p__pke_sender *sender,
                         p2p__pke_incoming *in, int full, uint8_t *answer, size_t *answer_len)
{
    if (!p2p__pke_accepts(ep, sender->peer, sender->source, sender->source_len, in->key.der,
                          in->key.der_len))
        return P2P_ERR_REFUSED;
    if (in->cookie) {
        in->proven = p2p__pke_cookie_check(ep, now, sender->source, sender->source_len, in->id,
                                           in->cookie);
        ep->stats.cookies_good += (uint64_t)in->proven;
    }
    p2p_pke_verdict verdict = check_limits(ep, in, full);
    if (verdict == P2P_PKE_REFUSE)
        return P2P_ERR_LIMIT;
    if (verdict == P2P_PKE_ADMIT)
        verdict = ask_owner(ep, sender, in);
    if (verdict == P2P_PKE_ADMIT)
        return 0;
    return verdict == P2P_PKE_PROVE ? p2p__pke_hello_demand(ep, now, sender, in, answer, answer_len)
                                    : P2P_ERR_REFUSED;
}

int p2p__pke_hello_demand(p2p_pke_endpoint *ep, uint64_t now, const p2p__pke_sender *sender,
                          const p2p__pke_incoming *in, uint8_t *answer, size_t *answer_len)
{
    if (in->proven || !in->can_prove)
        return P2P_ERR_REFUSED;
    p2p__pke_cookie_reply(ep, now, sender->source, sender->source_len, in->id, answer);
    *answer_len = P2P__PKE_COOKIE_REPLY_SIZE;
    ep->stats.cookies_sent++;
    return P2P_ERR_AGAIN;
}

int p2p__pke_hello_verify(p2p_pke_endpoint *ep, const p2p__pke_incoming *in)
{
    const p2p__pke_claim *claim = &in->parts.claim;
    return p2p__pke_verify(ep, &in->key, P2P__PKE_PURPOSE_TIMESTAMP, claim->time, claim->time_len,
                           claim->sig, claim->sig_len);
}

void p2p__pke_hello_mark(const p2p_pke_endpoint *ep, const p2p__pke_sender *sender,
                         const uint8_t id[P2P__PKE_ID_SIZE], uint8_t out[P2P__PKE_ID_SIZE])
{
    crypto_generichash_blake2b_state s;
    /* Only wrong lengths make these fail. The lengths differ from those of a cookie. */
    (void)crypto_generichash_blake2b_init(&s, ep->cookie_secret, sizeof ep->cookie_secret,
                                          P2P__PKE_ID_SIZE);
    (void)crypto_generichash_blake2b_update(&s, id, P2P__PKE_ID_SIZE);
    (void)crypto_generichash_blake2b_update(&s, sender->source, sender->source_len);
    (void)crypto_generichash_blake2b_final(&s, out, P2P__PKE_ID_SIZE);
}

int p2p_pke_screen(p2p_pke_endpoint *ep, p2p_pke_time time, const void *source, size_t source_len,
                   const uint8_t *data, size_t len, uint8_t answer[P2P_PKE_MAX_HANDSHAKE],
                   p2p_pke_result *result)
{
    p2p__pke_incoming in;
    p2p__pke_sender sender = {NULL, source, source_len};
    memset(result, 0, sizeof *result);
    ep->has_screened = 0;
    int err = p2p__pke_hello_read(data, len, &in);
    if (!err)
        err = p2p__pke_hello_admit(ep, time.now, &sender, &in, 0, answer, &result->answer_len);
    if (!err)
        err = p2p__pke_hello_verify(ep, &in);
    if (!err) {
        p2p__pke_hello_mark(ep, &sender, in.id, ep->screened);
        ep->has_screened = 1;
        ep->screened_proven = in.proven;
    }
    return p2p__pke_count(ep, err);
}
