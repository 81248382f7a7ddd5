/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/alloc.h"
#include "swarm/pke.h"

static void list_add(p2p__pke_lookup **list, p2p__pke_lookup *lookup)
{
    lookup->prev = NULL;
    lookup->next = *list;
    if (lookup->next)
        lookup->next->prev = lookup;
    *list = lookup;
}

static void list_remove(p2p__pke_lookup **list, p2p__pke_lookup *lookup)
{
    if (lookup->prev)
        lookup->prev->next = lookup->next;
    else
        *list = lookup->next;
    if (lookup->next)
        lookup->next->prev = lookup->prev;
}

/* Splits PEERID@inner. Returns 0 or P2P_ERR_BAD_ADDR. */
static int split(const p2p_addr *addr, uint8_t id[P2P_PEER_ID_SIZE], p2p_addr *inner)
{
    if (p2p_addr_kind_of(addr) != P2P_ADDR_PEER || p2p_addr_peer_id(addr, id) ||
        p2p_addr_unwrap(addr, inner))
        return P2P_ERR_BAD_ADDR;
    return 0;
}

/* The proven key of a link, or NULL. */
static const uint8_t *proven_key(const p2p__pke_link *link, size_t *len)
{
    return link && link->proven ? p2p_pke_channel_key(link->channel, len) : NULL;
}

static void on_decided(void *arg)
{
    p2p__pke_lookup *lookup = arg;
    p2p__pke *pke = lookup->pke;
    const uint8_t *key = NULL;
    size_t len = 0;
    int status = lookup->status;
    if (pke->base.state != P2P_SWARM_OPEN)
        status = P2P_ERR_CLOSED;
    if (!status) {
        uint8_t id[P2P_PEER_ID_SIZE];
        p2p_addr inner;
        if (!split(&lookup->addr, id, &inner))
            key = proven_key(p2p__pke_find_link(pke, id, &inner), &len);
        status = key ? 0 : P2P_ERR_NO_KEY;
    }
    list_remove(&pke->lookups, lookup);
    pke->n_lookups--;
    lookup->fn(lookup->arg, status, key, key ? len : 0);
    p2p__free(pke->allocator, lookup);
}

static void decide(p2p__pke_lookup *lookup, int status)
{
    if (lookup->link)
        list_remove(&lookup->link->lookups, lookup);
    lookup->link = NULL;
    lookup->status = status;
    p2p_timer_stop(&lookup->timer);
    list_add(&lookup->pke->lookups, lookup);
    p2p_loop_defer(lookup->pke->base.loop, &lookup->task);
}

static void on_timeout(void *arg)
{
    decide(arg, P2P_ERR_TIMEOUT);
}

void p2p__pke_decide_lookups(p2p__pke_link *link, int status)
{
    /* Who answers in another's place has not the key that was asked for. */
    if (status == P2P_ERR_REFUSED)
        status = P2P_ERR_NO_KEY;
    else if (status && status != P2P_ERR_CLOSED && status != P2P_ERR_TIMEOUT)
        status = P2P_ERR_UNREACHABLE;
    while (link->lookups)
        decide(link->lookups, status);
}

static int pke_public_key(const p2p_swarm *swarm, uint8_t *out, size_t cap, size_t *len)
{
    const uint8_t *key = p2p_pke_endpoint_key(p2p__pke_of(swarm)->endpoint, len);
    if (*len > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, key, *len);
    return 0;
}

static int pke_peer_key(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out, size_t cap,
                        size_t *len)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_addr inner;
    int err = split(addr, id, &inner);
    if (err)
        return err;
    size_t key_len = 0;
    const uint8_t *key = proven_key(p2p__pke_find_link(p2p__pke_of(swarm), id, &inner), &key_len);
    if (!key)
        return P2P_ERR_NO_KEY;
    *len = key_len;
    if (key_len > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, key, key_len);
    return 0;
}

static int pke_lookup_key(p2p_swarm *swarm, const p2p_addr *addr, uint64_t deadline, p2p_key_fn fn,
                          void *arg)
{
    p2p__pke *pke = p2p__pke_of(swarm);
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_addr inner;
    p2p__pke_link *link;
    int err = split(addr, id, &inner);
    if (!err && pke->n_lookups >= pke->config.max_lookups)
        err = P2P_ERR_LIMIT;
    if (!err)
        err = p2p__pke_dial(pke, addr, id, &inner, &link);
    if (err)
        return err;
    p2p__pke_lookup *lookup = p2p__zalloc(pke->allocator, sizeof *lookup);
    if (!lookup) {
        p2p__pke_keep_link(link);
        return P2P_ERR_NO_MEMORY;
    }
    lookup->pke = pke;
    lookup->addr = *addr;
    lookup->fn = fn;
    lookup->arg = arg;
    p2p_timer_init(&lookup->timer, swarm->loop, on_timeout, lookup);
    p2p_task_init(&lookup->task, on_decided, lookup);
    err = link->proven ? 0 : p2p_pke_channel_open(link->channel, p2p__pke_now(pke));
    if (err) {
        p2p__free(pke->allocator, lookup);
        p2p__pke_keep_link(link);
        return err;
    }
    pke->n_lookups++;
    if (link->proven) {
        decide(lookup, 0);
        return 0;
    }
    lookup->link = link;
    list_add(&link->lookups, lookup);
    p2p_timer_start(&lookup->timer, deadline);
    p2p__pke_rearm(link);
    return 0;
}

const p2p_key_ops p2p__pke_key_ops = {
    .size = sizeof(p2p_key_ops),
    .public_key = pke_public_key,
    .peer_key = pke_peer_key,
    .lookup_key = pke_lookup_key,
};
