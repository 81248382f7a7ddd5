/* SPDX-License-Identifier: MIT */
#ifndef TEST_P2PKE_NET_H
#define TEST_P2PKE_NET_H

/*
 * Two channels and a network between them, in virtual time. Each step checks what must always hold:
 * no answer longer than its question, no change by what is refused, no work left over that is due.
 */
#include "test_p2pke_forge.h"

#define NET_MAX_PACKETS 4096u
#define NET_MAX_DATA    2048u
#define NET_MAX_LOG     4096u

typedef struct net_packet {
    uint64_t at;
    uint64_t sequence;
    unsigned to;
    size_t len;
    uint8_t data[NET_MAX_DATA];
} net_packet;

typedef struct net_side {
    test_node node;
    p2p_pke_channel *channel;
    uint64_t wall_offset; /* of its clock; wraps, so it may be negative */
    unsigned delivered;   /* messages so far */
    size_t last_len;
    uint8_t last[NET_MAX_DATA];
    unsigned ready, failed; /* events */
    int reason;
    size_t dropped;
    unsigned sent; /* datagrams */
    int last_error;
} net_side;

typedef struct net {
    p2p_pke_time time;
    uint64_t latency, jitter;
    double loss, duplicate;
    p2p__rand rand;
    net_side side[2];
    net_packet *packets[NET_MAX_PACKETS];
    size_t count;
    uint64_t sequence;
    int long_answers; /* to those who have shown that they get them */
    /* Looks at what is sent; returns 0 to lose it. */
    int (*filter)(struct net *net, unsigned from, const uint8_t *data, size_t len);
    /* Sees each message. */
    void (*deliver)(struct net *net, unsigned to, const uint8_t *data, size_t len);
    void *arg;
    forge_snapshot before, after;
} net;

static inline int net_chance(net *n, double p)
{
    return p > 0 && (double)(p2p__rand_next(&n->rand) >> 11) < p * 9007199254740992.0;
}

static inline void net_put(net *n, unsigned to, const uint8_t *data, size_t len, uint64_t at)
{
    net_packet *p = malloc(sizeof *p);
    assert(p && n->count < NET_MAX_PACKETS && len <= NET_MAX_DATA);
    p->at = at;
    p->sequence = n->sequence++;
    p->to = to;
    p->len = len;
    memcpy(p->data, data, len);
    n->packets[n->count++] = p;
}

static inline uint64_t net_delay(net *n)
{
    return n->latency + (n->jitter ? p2p__rand_below(&n->rand, n->jitter) : 0);
}

/* Puts a datagram on the network. */
static inline void net_post(net *n, unsigned from, const uint8_t *data, size_t len)
{
    n->side[from].sent++;
    if (n->filter && !n->filter(n, from, data, len))
        return;
    if (net_chance(n, n->loss))
        return;
    net_put(n, !from, data, len, n->time.now + net_delay(n));
    if (net_chance(n, n->duplicate))
        net_put(n, !from, data, len, n->time.now + net_delay(n));
}

static inline p2p_pke_time net_clock(const net *n, unsigned side)
{
    p2p_pke_time time = n->time;
    time.wall += n->side[side].wall_offset;
    return time;
}

/* Sends what is due, and takes the events. */
static inline void net_flush(net *n, unsigned side)
{
    net_side *s = &n->side[side];
    uint8_t out[NET_MAX_DATA];
    size_t len;
    p2p_pke_event event;
    do {
        int err = p2p_pke_channel_poll(s->channel, net_clock(n, side), out, sizeof out, &len);
        assert(!err);
        (void)err;
        if (len)
            net_post(n, side, out, len);
    } while (len);
    assert(p2p_pke_channel_deadline(s->channel) > n->time.now);
    while (p2p_pke_channel_event(s->channel, &event)) {
        if (event.kind == P2P_PKE_READY)
            s->ready++;
        if (event.kind == P2P_PKE_FAILED) {
            s->failed++;
            s->reason = event.reason;
            s->dropped += event.dropped;
        }
    }
}

/* Gives a datagram to a side, at once. */
static inline int net_receive(net *n, unsigned to, const uint8_t *data, size_t len)
{
    net_side *s = &n->side[to];
    uint8_t answer[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result result;
    uint8_t *copy = malloc(len ? len : 1);
    assert(copy);
    memcpy(copy, data, len);
    forge_take(&n->before, s->channel);
    s->last_error = p2p_pke_channel_receive(s->channel, net_clock(n, to), copy, len, answer,
                                            &result);
    forge_take(&n->after, s->channel);
    /* An answer of a wrong key, or a signer that says no to it, shortens an attempt of ours. */
    int doubted = len >= 4 && p2p__load32be(data) == 1 &&
                  (s->last_error == P2P_ERR_REFUSED || s->last_error == P2P_ERR_UNSUPPORTED ||
                   s->last_error == P2P_ERR_CANCELLED);
    assert(!s->last_error || doubted || forge_same(&n->before, &n->after));
    (void)doubted;
    assert(result.answer_len <= len || n->long_answers);
    if (result.answer_len)
        net_post(n, to, answer, result.answer_len);
    if (result.delivered) {
        assert(!s->last_error && result.len <= sizeof s->last);
        s->delivered++;
        s->last_len = result.len;
        memcpy(s->last, result.data, result.len);
        if (n->deliver)
            n->deliver(n, to, result.data, result.len);
    }
    free(copy);
    net_flush(n, to);
    return s->last_error;
}

static inline int net_send(net *n, unsigned from, const void *data, size_t len)
{
    uint8_t out[NET_MAX_DATA];
    size_t out_len;
    p2p_iov iov = {data, len};
    int err = p2p_pke_channel_send(n->side[from].channel, net_clock(n, from), &iov, 1, out,
                                   sizeof out, &out_len);
    if (!err && out_len)
        net_post(n, from, out, out_len);
    net_flush(n, from);
    return err;
}

static inline int net_text(net *n, unsigned from, const char *text)
{
    return net_send(n, from, text, strlen(text));
}

/* The index of the packet that arrives first; count if there is none. */
static inline size_t net_first(const net *n)
{
    size_t first = n->count;
    for (size_t i = 0; i < n->count; i++) {
        const net_packet *p = n->packets[i];
        if (first == n->count || p->at < n->packets[first]->at ||
            (p->at == n->packets[first]->at && p->sequence < n->packets[first]->sequence))
            first = i;
    }
    return first;
}

static inline void net_advance(net *n, uint64_t now)
{
    if (now <= n->time.now)
        return;
    n->time.wall += now - n->time.now;
    n->time.now = now;
}

/* Lets everything happen until that much time has gone by. */
static inline void net_run(net *n, uint64_t duration)
{
    uint64_t end = n->time.now + duration;
    for (;;) {
        size_t first = net_first(n);
        uint64_t at = first < n->count ? n->packets[first]->at : P2P_NEVER;
        uint64_t due[2];
        for (unsigned i = 0; i < 2; i++)
            due[i] = p2p_pke_channel_deadline(n->side[i].channel);
        uint64_t timer = due[0] < due[1] ? due[0] : due[1];
        if (at > end && timer > end)
            break;
        if (timer < at) {
            net_advance(n, timer);
            net_flush(n, due[0] <= due[1] ? 0 : 1);
            continue;
        }
        net_packet *p = n->packets[first];
        n->packets[first] = n->packets[--n->count];
        net_advance(n, p->at);
        (void)net_receive(n, p->to, p->data, p->len);
        free(p);
    }
    net_advance(n, end);
}

static inline void net_clear(net *n)
{
    while (n->count)
        free(n->packets[--n->count]);
}

static inline void net_open_channel(net *n, unsigned side)
{
    net_side *s = &n->side[side];
    int err = p2p_pke_channel_new(&s->channel, s->node.ep, n, side ? "a" : "b", 1);
    assert(!err);
    (void)err;
}

/* A lost peer: its channel begins anew. */
static inline void net_restart(net *n, unsigned side)
{
    p2p_pke_channel_free(n->side[side].channel);
    net_open_channel(n, side);
}

static inline void net_init_with(net *n, uint64_t seed, void (*change_a)(p2p_pke_config *),
                                 void (*change_b)(p2p_pke_config *))
{
    memset(n, 0, sizeof *n);
    n->time = test_time(0);
    n->latency = 10 * P2P_MILLISECOND;
    p2p__rand_seed(&n->rand, seed);
    for (unsigned i = 0; i < 2; i++) {
        test_node_init(&n->side[i].node, i, i ? change_b : change_a);
        p2p__rand_seed(&n->side[i].node.rand, seed * 2 + i);
        net_open_channel(n, i);
    }
}

static inline void net_init(net *n)
{
    net_init_with(n, 1, NULL, NULL);
}

static inline void net_free(net *n)
{
    net_clear(n);
    for (unsigned i = 0; i < 2; i++) {
        p2p_pke_channel_free(n->side[i].channel);
        test_node_free(&n->side[i].node);
    }
}

/* The nonce of a datagram. */
static inline uint32_t net_nonce(const uint8_t *data, size_t len)
{
    return len < 4 ? P2P__PKE_NONCE_EXTENSION : p2p__load32be(data);
}

/* Loses one kind of handshake message, in arg's many times: net.arg points to a net_losses. */
typedef struct net_losses {
    unsigned left[4]; /* by nonce */
    unsigned seen[4];
} net_losses;

static inline int net_lose_some(net *n, unsigned from, const uint8_t *data, size_t len)
{
    net_losses *losses = n->arg;
    uint32_t nonce = net_nonce(data, len);
    (void)from;
    if (nonce >= 4)
        return 1;
    losses->seen[nonce]++;
    if (!losses->left[nonce])
        return 1;
    losses->left[nonce]--;
    return 0;
}

static inline int net_lose_all(net *n, unsigned from, const uint8_t *data, size_t len)
{
    (void)n;
    (void)from;
    (void)data;
    (void)len;
    return 0;
}

#endif
