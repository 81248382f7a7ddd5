/* SPDX-License-Identifier: MIT */
#include "swarm/pke.h"

#include <string.h>

#include "core/addr_layout.h"
#include "core/alloc.h"
#include "core/config.h"
#include "protocol/p2pke/wire.h"

#define DEFAULT_PEERS             65536
#define DEFAULT_PEERS_PREFIX      256
#define DEFAULT_HALF_OPEN         1024
#define DEFAULT_HANDSHAKES        500
#define DEFAULT_HANDSHAKES_PREFIX 50
#define DEFAULT_QUEUED_BYTES      ((size_t)16 * 1024 * 1024)
#define DEFAULT_LOOKUPS           1024
#define DEFAULT_IDLE              (300 * P2P_SECOND)
#define MAX_DATAGRAM              65535

/* --- what comes from below --- */

/* Our own address as the sender used it. */
static const p2p_addr *local_dst(p2p__pke *pke, const p2p_addr *inner)
{
    if (!p2p__addr_equal_fast(&pke->last_inner_dst, inner)) {
        if (p2p_addr_wrap_peer(&pke->last_dst, pke->id, inner))
            pke->last_dst = *inner;
        pke->last_inner_dst = *inner;
    }
    return &pke->last_dst;
}

static void deliver(p2p__pke_link *link, const p2p_msg *msg, const p2p_pke_result *result)
{
    p2p__pke *pke = link->peer->pke;
    p2p_msg plain = {&link->addr, local_dst(pke, msg->dst), result->data, result->len};
    p2p__swarm_deliver(&pke->base, &plain);
}

/* Sends the answer to a datagram straight back. If it is lost, its question comes again. */
static void answer(p2p__pke *pke, const p2p_msg *msg, const uint8_t *data, size_t len)
{
    if (len)
        (void)!p2p_tell(pke->base.inner, msg->src, data, len);
}

static bool is_hello(const p2p_msg *msg)
{
    if (msg->len <= P2P__PKE_HEADER_SIZE)
        return false;
    uint32_t nonce = p2p__load32be(msg->data);
    return nonce == P2P__PKE_NONCE_INIT_HELLO ||
           (nonce == P2P__PKE_NONCE_EXTENSION &&
            msg->data[P2P__PKE_HEADER_SIZE] == P2P__PKE_COOKIE_HELLO);
}

/* Gives a datagram to a link, which may be gone afterwards. Returns 0 if it was meant for it, or
 * why it was refused. */
static int give(p2p__pke_link *link, const p2p_msg *msg)
{
    p2p__pke *pke = link->peer->pke;
    uint8_t reply[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result result = {0};
    pke->is_answer = !is_hello(msg);
    int err = p2p_pke_channel_receive(link->channel, p2p__pke_now(pke), msg->data, msg->len, reply,
                                      &result);
    answer(pke, msg, reply, result.answer_len);
    if (err)
        link->refusal = err;
    /* First who it is, then what they say: a message may complete a handshake. */
    if (link->proven && !err && !result.answer_len)
        p2p_loop_defer(pke->base.loop, &link->task);
    else if (!p2p__pke_service(link))
        return err;
    if (!err && result.delivered && link->proven && pke->base.state == P2P_SWARM_OPEN)
        deliver(link, msg, &result);
    return err;
}

/* Whether what one link has refused may be meant for another. */
static bool goes_on(int err, bool hello)
{
    if (err == P2P_ERR_REFUSED || err == P2P_ERR_BUSY)
        return true;
    return !hello && (err == P2P_ERR_BAD_SIGNATURE || err == P2P_ERR_IN_USE);
}

/* Gives a datagram to the other links at its source, one after the other. err is what was said so
 * far. Returns 0 if one of them took it, or why not: P2P_ERR_BUSY if one of ours met it. */
static int give_others(p2p__pke *pke, const p2p__pke_peer *peer, const p2p_msg *msg, bool hello,
                       int err)
{
    bool tie = err == P2P_ERR_BUSY;
    for (size_t i = 0; i < P2P__PKE_OTHERS && goes_on(err, hello); i++) {
        if (!peer->others[i])
            continue;
        err = give(peer->others[i], msg);
        tie |= err == P2P_ERR_BUSY;
        /* A link that goes may take the peer with it. */
        if (pke->base.state != P2P_SWARM_OPEN || !(peer = p2p__pke_find_peer(pke, msg->src)))
            break;
    }
    return tie && goes_on(err, hello) ? P2P_ERR_BUSY : err;
}

/* Somebody for whom there is no link. */
static int meet(p2p__pke *pke, const p2p_msg *msg)
{
    uint8_t reply[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result result = {0};
    p2p__pke_peer *peer = p2p__pke_find_peer(pke, msg->src);
    pke->meeting = peer;
    int err = p2p_pke_screen(pke->endpoint, p2p__pke_now(pke), msg->src, sizeof *msg->src,
                             msg->data, msg->len, reply, &result);
    pke->meeting = NULL;
    answer(pke, msg, reply, result.answer_len);
    if (err)
        return err;
    p2p__pke_link *link;
    err = p2p__pke_accept(pke, peer, msg->src, &link);
    if (err)
        return err == P2P_ERR_BUSY ? P2P_ERR_LIMIT : err; /* no place, and no tie */
    return give(link, msg);
}

/* Whether what was admitted did not verify. */
static bool is_forgery(int err)
{
    return err == P2P_ERR_BAD_SIGNATURE || err == P2P_ERR_UNSUPPORTED || err == P2P_ERR_MALFORMED;
}

/* Counts a datagram that nobody wanted. That two call each other at the same time is no fault. */
static void count_refused(p2p__pke *pke, int err)
{
    if (err == P2P_ERR_LIMIT || err == P2P_ERR_AGAIN || err == P2P_ERR_NO_MEMORY ||
        (err == P2P_ERR_REFUSED && pke->is_over_limit))
        pke->base.stats.rx_drop_limit++;
    else if (err && err != P2P_ERR_BUSY)
        pke->base.stats.rx_drop_malformed++;
}

static p2p__pke_peer *sender(p2p__pke *pke, const p2p_addr *src)
{
    p2p__pke_peer *peer = pke->last_from;
    if (!peer || !p2p__addr_equal_fast(&peer->node.addr, src))
        peer = p2p__pke_find_peer(pke, src);
    pke->last_from = peer;
    return peer;
}

static void on_inner_tell(void *arg, const p2p_msg *msg)
{
    p2p__pke *pke = arg;
    const p2p__pke_peer *peer = sender(pke, msg->src);
    int err = P2P_ERR_REFUSED;
    bool hello = true;
    pke->is_over_limit = false;
    pke->is_guest = false;
    if (peer && peer->current) {
        /* The usual case. */
        err = give(peer->current, msg);
        if (!err || pke->base.state != P2P_SWARM_OPEN)
            return;
    }
    if (peer) {
        hello = is_hello(msg);
        err = give_others(pke, peer, msg, hello, err);
        if (!err || pke->base.state != P2P_SWARM_OPEN)
            return;
    }
    /* Another key at a known address: who comes back with a new identity is let in, too. */
    if (hello && goes_on(err, hello)) {
        int met = meet(pke, msg);
        err = met && err == P2P_ERR_BUSY ? err : met;
    }
    if (pke->is_guest && is_forgery(err))
        p2p__pke_blame_guest(pke, msg->src);
    count_refused(pke, err);
}

/* --- addresses --- */

static int pke_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    const p2p__pke *pke = p2p__pke_of(swarm);
    int err = p2p_local_addrs(swarm->inner, out, cap, n);
    if (err && err != P2P_ERR_NO_SPACE)
        return err;
    for (size_t i = 0; i < *n && i < cap; i++) {
        int wrap_err = p2p_addr_wrap_peer(&out[i], pke->id, &out[i]);
        if (wrap_err)
            return wrap_err;
    }
    return err;
}

static int pke_parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_addr inner;
    if (strlen(text) <= P2P_PEER_ID_TEXT_LEN || text[P2P_PEER_ID_TEXT_LEN] != '@' ||
        p2p_peer_id_parse(text, P2P_PEER_ID_TEXT_LEN, id) ||
        p2p_parse_addr(swarm->inner, text + P2P_PEER_ID_TEXT_LEN + 1, &inner))
        return P2P_ERR_BAD_ADDR;
    p2p_addr addr;
    if (p2p_addr_wrap_peer(&addr, id, &inner))
        return P2P_ERR_BAD_ADDR;
    *out = addr;
    return 0;
}

/* --- life --- */

static void log_life(const p2p__pke *pke, const char *what)
{
    char id[P2P_PEER_ID_TEXT_LEN + 1];
    if (pke->base.loop->level < P2P_LOG_INFO)
        return;
    p2p_peer_id_text(pke->id, id);
    p2p_loop_log(pke->base.loop, P2P_LOG_INFO, "pke: %s, id %s", what, id);
}

static void pke_close(p2p_swarm *swarm)
{
    p2p__pke *pke = p2p__pke_of(swarm);
    pke->base.stats.tx_drop_closed += p2p__pke_unsent(swarm);
    p2p__pke_stop_peers(pke);
    p2p_on_tell(swarm->inner, NULL, NULL);
    p2p_on_writable(swarm->inner, NULL, NULL);
    log_life(pke, "closed");
    p2p_swarm_closed(swarm);
}

static void free_parts(p2p__pke *pke)
{
    const p2p_allocator *allocator = pke->allocator;
    p2p__pke_free_peers(pke);
    p2p_pke_endpoint_free(pke->endpoint);
    p2p__free(allocator, pke->prefixes);
    p2p__free(allocator, pke->scratch);
    p2p__free(allocator, pke->unsent);
    p2p__free(allocator, pke);
}

static void pke_free(p2p_swarm *swarm)
{
    free_parts(p2p__pke_of(swarm));
}

static const p2p_swarm_ops pke_ops = {
    .size = sizeof(p2p_swarm_ops),
    .kind = "pke",
    .tell = p2p__pke_tell,
    .mtu = p2p__pke_mtu,
    .local_addrs = pke_local_addrs,
    .parse_addr = pke_parse_addr,
    .close = pke_close,
    .free = pke_free,
    .keys = &p2p__pke_key_ops,
    .unsent = p2p__pke_unsent,
};

/* --- making --- */

static void set_default(size_t *value, size_t otherwise)
{
    if (!*value)
        *value = otherwise;
}

static int complete_config(p2p_pke_swarm_config *out, const p2p_pke_swarm_config *config)
{
    int err = p2p__config_copy(out, sizeof *out, config);
    if (err)
        return err;
    if (!out->signer || out->max_handshakes > P2P_SECOND || out->max_handshakes_prefix > P2P_SECOND)
        return P2P_ERR_INVALID;
    set_default(&out->max_peers, DEFAULT_PEERS);
    set_default(&out->max_peers_per_prefix, DEFAULT_PEERS_PREFIX);
    set_default(&out->max_half_open, DEFAULT_HALF_OPEN);
    set_default(&out->max_handshakes, DEFAULT_HANDSHAKES);
    set_default(&out->max_handshakes_prefix, DEFAULT_HANDSHAKES_PREFIX);
    set_default(&out->max_queued_bytes, DEFAULT_QUEUED_BYTES);
    set_default(&out->max_lookups, DEFAULT_LOOKUPS);
    if (!out->idle)
        out->idle = DEFAULT_IDLE;
    return 0;
}

static int secret(void *arg, void *out, size_t len)
{
    p2p__pke *pke = arg;
    return p2p_loop_secret(pke->base.loop, out, len);
}

static int make_endpoint(p2p__pke *pke)
{
    p2p_pke_config config;
    p2p_pke_config_init(&config);
    config.allocator = pke->allocator;
    config.signer = pke->config.signer;
    config.registry = pke->config.registry;
    config.random = secret;
    config.accept = p2p__pke_accept_key;
    config.admit = p2p__pke_admit;
    config.arg = pke;
    config.max_half_open = pke->config.max_half_open;
    config.max_queue = pke->config.max_queue;
    config.max_queue_bytes = pke->config.max_queue_bytes;
    config.no_extensions = pke->config.no_extensions;
    int err = p2p_pke_endpoint_new(&pke->endpoint, &config);
    if (err)
        return err;
    size_t len;
    const uint8_t *key = p2p_pke_endpoint_key(pke->endpoint, &len);
    p2p_spki spki;
    err = p2p_spki_parse(key, len, &spki);
    return err ? err : p2p_fingerprint_pke(&spki, pke->id);
}

/* It grows only if the MTU below does. */
int p2p__pke_need_scratch(p2p__pke *pke, size_t size)
{
    if (size <= pke->scratch_size)
        return 0;
    uint8_t *grown = p2p__resize(pke->allocator, pke->scratch, size);
    if (!grown)
        return P2P_ERR_NO_MEMORY;
    pke->scratch = grown;
    pke->scratch_size = size;
    return 0;
}

static int make_parts(p2p__pke *pke)
{
    uint64_t seeds[2];
    int err = p2p_loop_secret(pke->base.loop, seeds, sizeof seeds);
    if (err)
        return err;
    p2p__addr_map_init(&pke->peers, pke->allocator, seeds[0]);
    pke->prefix_seed = seeds[1];
    size_t mtu = p2p_mtu(pke->base.inner, NULL);
    size_t size = mtu < MAX_DATAGRAM ? mtu : MAX_DATAGRAM;
    err = p2p__pke_need_scratch(pke, size > P2P_PKE_MAX_HANDSHAKE ? size : P2P_PKE_MAX_HANDSHAKE);
    return err ? err : make_endpoint(pke);
}

int p2p_pke_swarm_new(p2p_swarm **out, p2p_swarm *inner, const p2p_pke_swarm_config *config)
{
    p2p_pke_swarm_config full;
    if (!out || !inner || inner->state != P2P_SWARM_OPEN || p2p_mtu(inner, NULL) < P2P_PKE_OVERHEAD)
        return P2P_ERR_INVALID;
    int err = complete_config(&full, config);
    if (err)
        return err;
    const p2p_allocator *allocator = p2p_loop_allocator(inner->loop);
    p2p__pke *pke = p2p__zalloc(allocator, sizeof *pke);
    if (!pke)
        return P2P_ERR_NO_MEMORY;
    p2p_swarm_init(&pke->base, &pke_ops, inner->loop, inner);
    pke->allocator = allocator;
    pke->config = full;
    pke->time.now = P2P_NEVER;
    p2p__addr_map_init(&pke->peers, allocator, 0);
    p2p_task_init(&pke->gone_task, p2p__pke_on_gone, pke);
    p2p_timer_init(&pke->sweep, inner->loop, p2p__pke_on_sweep, pke);
    err = make_parts(pke);
    if (err) {
        p2p_swarm_abandon(&pke->base);
        free_parts(pke);
        return err;
    }
    p2p_on_tell(inner, on_inner_tell, pke);
    p2p_on_writable(inner, p2p__pke_on_writable, pke);
    log_life(pke, "ready");
    *out = &pke->base;
    return 0;
}

/* --- what only PKE swarms have --- */

static bool is_pke(const p2p_swarm *swarm)
{
    return swarm && swarm->ops == &pke_ops;
}

int p2p_pke_on_peer(p2p_swarm *swarm, p2p_pke_peer_fn fn, void *arg)
{
    if (!is_pke(swarm))
        return P2P_ERR_INVALID;
    p2p__pke_of(swarm)->peer_fn = fn;
    p2p__pke_of(swarm)->peer_arg = arg;
    return 0;
}

int p2p_pke_swarm_stats(const p2p_swarm *swarm, p2p_pke_stats *out, size_t *peers)
{
    if (!is_pke(swarm) || !out)
        return P2P_ERR_INVALID;
    p2p_pke_endpoint_stats(p2p__pke_of(swarm)->endpoint, out);
    if (peers)
        *peers = p2p__pke_of(swarm)->peers.count;
    return 0;
}

int p2p_pke_swarm_id(const p2p_swarm *swarm, uint8_t id[P2P_PEER_ID_SIZE])
{
    if (!is_pke(swarm))
        return P2P_ERR_INVALID;
    memcpy(id, p2p__pke_of(swarm)->id, P2P_PEER_ID_SIZE);
    return 0;
}
