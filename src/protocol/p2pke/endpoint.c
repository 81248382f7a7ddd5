/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/endpoint.h"

#include <string.h>

#include "core/alloc.h"
#include "core/config.h"
#include "format/blake2x.h"
#include "format/crypto.h"

#define DEFAULT_MAX_HALF_OPEN   1024u
#define DEFAULT_MAX_QUEUE       64u
#define DEFAULT_MAX_QUEUE_BYTES (128u * 1024u)

static int read_config(p2p_pke_config *out, const p2p_pke_config *config)
{
    if (!config)
        return P2P_ERR_INVALID;
    int err = p2p__config_copy(out, sizeof *out, config);
    if (err)
        return err;
    if (!out->signer || !out->random)
        return P2P_ERR_INVALID;
    if (!out->allocator)
        out->allocator = p2p_default_allocator();
    if (!out->max_half_open)
        out->max_half_open = DEFAULT_MAX_HALF_OPEN;
    if (!out->cookies_above)
        out->cookies_above = out->max_half_open / 4;
    if (!out->max_queue)
        out->max_queue = DEFAULT_MAX_QUEUE;
    if (!out->max_queue_bytes)
        out->max_queue_bytes = DEFAULT_MAX_QUEUE_BYTES;
    return 0;
}

/* Our own key must be one that peers can read and that fits a handshake. */
static int read_own_key(p2p_pke_endpoint *ep)
{
    p2p_spki spki;
    int err = p2p_signer_public_key(ep->config.signer, ep->key, sizeof ep->key, &ep->key_len);
    if (err)
        return err == P2P_ERR_NO_SPACE ? P2P_ERR_INVALID : err;
    return p2p_spki_parse(ep->key, ep->key_len, &spki) ? P2P_ERR_INVALID : 0;
}

int p2p_pke_endpoint_new(p2p_pke_endpoint **out, const p2p_pke_config *config)
{
    p2p_pke_config copy;
    int err = read_config(&copy, config);
    if (err)
        return err;
    p2p_pke_endpoint *ep = p2p__zalloc(copy.allocator, sizeof *ep);
    if (!ep)
        return P2P_ERR_NO_MEMORY;
    ep->allocator = *copy.allocator;
    ep->config = copy;
    ep->config.allocator = NULL; /* the copy counts */

    err = p2p__crypto_init();
    if (err)
        goto free_endpoint;
    err = read_own_key(ep);
    if (err)
        goto free_endpoint;
    err = p2p__pke_random(ep, ep->cookie_secret, sizeof ep->cookie_secret);
    if (err)
        goto free_endpoint;
    err = p2p__aead_init(&ep->aead);
    if (err)
        goto free_endpoint;
    *out = ep;
    return 0;

free_endpoint:
    p2p__wipe(ep, sizeof *ep);
    p2p__free(copy.allocator, ep);
    return err;
}

void p2p_pke_endpoint_free(p2p_pke_endpoint *ep)
{
    if (!ep)
        return;
    p2p_allocator allocator = ep->allocator;
    p2p__aead_free(&ep->aead);
    p2p__wipe(ep, sizeof *ep);
    p2p__free(&allocator, ep);
}

const uint8_t *p2p_pke_endpoint_key(const p2p_pke_endpoint *ep, size_t *len)
{
    *len = ep->key_len;
    return ep->key;
}

size_t p2p_pke_endpoint_half_open(const p2p_pke_endpoint *ep)
{
    return ep->half_open;
}

void p2p_pke_endpoint_stats_sized(const p2p_pke_endpoint *ep, p2p_pke_stats *out, size_t size)
{
    memset(out, 0, size);
    memcpy(out, &ep->stats, size < sizeof ep->stats ? size : sizeof ep->stats);
}

int p2p__pke_random(p2p_pke_endpoint *ep, void *out, size_t len)
{
    return ep->config.random(ep->config.arg, out, len);
}

int p2p__pke_accepts(p2p_pke_endpoint *ep, void *peer, const void *source, size_t source_len,
                     const uint8_t *key, size_t key_len)
{
    return !ep->config.accept ||
           ep->config.accept(ep->config.arg, peer, source, source_len, key, key_len);
}

int p2p__pke_sign(p2p_pke_endpoint *ep, const char *purpose, const uint8_t *msg, size_t msg_len,
                  uint8_t sig[P2P__PKE_MAX_SIG], size_t *sig_len)
{
    uint8_t presig[P2P__PRESIG_SIZE];
    int err = p2p__presig(purpose, strlen(purpose), msg, msg_len, presig);
    if (err)
        return err;
    err = p2p_sign(ep->config.signer, presig, sizeof presig, sig, P2P__PKE_MAX_SIG, sig_len);
    return err == P2P_ERR_NO_SPACE ? P2P_ERR_INVALID : err;
}

int p2p__pke_verify(p2p_pke_endpoint *ep, const p2p_spki *key, const char *purpose,
                    const uint8_t *msg, size_t msg_len, const uint8_t *sig, size_t sig_len)
{
    uint8_t presig[P2P__PRESIG_SIZE];
    int err = p2p__presig(purpose, strlen(purpose), msg, msg_len, presig);
    if (err)
        return err;
    ep->stats.signature_checks++;
    return p2p_verify(ep->config.registry, key, presig, sizeof presig, sig, sig_len);
}

int p2p__pke_count(p2p_pke_endpoint *ep, int err)
{
    p2p_pke_stats *stats = &ep->stats;
    switch (err) {
    case P2P_ERR_MALFORMED:
        stats->rx_drop_malformed++;
        break;
    case P2P_ERR_UNSUPPORTED:
        stats->rx_drop_unsupported++;
        break;
    case P2P_ERR_BAD_SIGNATURE:
    case P2P_ERR_TIMEOUT: /* of a session that is over */
        stats->rx_drop_unauthentic++;
        break;
    case P2P_ERR_IN_USE:
        stats->rx_drop_replayed++;
        break;
    case P2P_ERR_REFUSED:
        stats->rx_drop_refused++;
        break;
    case P2P_ERR_BUSY:
        stats->rx_drop_tie++;
        break;
    case P2P_OK:
        break;
    default: /* limits, cookies, memory, a signer that fails */
        stats->rx_drop_limit++;
        break;
    }
    return err;
}
