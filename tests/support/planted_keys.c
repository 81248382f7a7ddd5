/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "support/planted_net.h"

#define BUG(name) PLANTED_##name

/* An Ed25519 SubjectPublicKeyInfo (RFC 8410, 4) with made-up bytes. */
static void make_key(const planted_node *node, size_t number, uint8_t key[PLANTED_KEY])
{
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    memcpy(key, prefix, sizeof prefix);
    memset(key + 12, planted_has(node, BUG(KEY_SAME)) ? 7 : (int)number + 1, 32);
    if (planted_has(node, BUG(KEY_NOT_DER)))
        key[1]++;
}

static int write_key(const planted_node *node, size_t number, uint8_t *out, size_t cap, size_t *len)
{
    if (planted_has(node, BUG(KEY_EMPTY))) {
        *len = 0;
        return 0;
    }
    if (cap < PLANTED_KEY && planted_has(node, BUG(KEY_SPACE)))
        return P2P_ERR_NO_SPACE;
    *len = PLANTED_KEY;
    if (cap < PLANTED_KEY)
        return P2P_ERR_NO_SPACE;
    make_key(node, number, out);
    return 0;
}

static int public_key(const p2p_swarm *swarm, uint8_t *out, size_t cap, size_t *len)
{
    const planted_node *node = planted_of(swarm);
    return write_key(node, node->number, out, cap, len);
}

static int peer_key(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out, size_t cap,
                    size_t *len)
{
    const planted_node *node = planted_of(swarm);
    size_t number;
    if (!planted_number(addr, &number))
        return planted_has(node, BUG(KEY_BAD_ADDR)) ? P2P_ERR_NO_KEY : P2P_ERR_BAD_ADDR;
    if (number >= node->net->count)
        return P2P_ERR_NO_KEY;
    if (planted_has(node, BUG(KEY_MISSING)) && node->net->depth > 0)
        return P2P_ERR_NO_KEY;
    if (planted_has(node, BUG(KEY_WRONG)))
        number = node->number;
    return write_key(node, number, out, cap, len);
}

static void unlink_lookup(lookup *found)
{
    lookup **at = &found->node->lookups;
    while (*at != found)
        at = &(*at)->next;
    *at = found->next;
    p2p_task_cancel(&found->task);
}

static void free_lookup(lookup *found)
{
    const p2p_allocator *allocator = found->node->net->allocator;
    allocator->free(allocator->arg, found);
}

static void on_lookup(void *arg)
{
    lookup *found = arg;
    const planted_node *node = found->node;
    uint8_t key[PLANTED_KEY];
    int status = 0;
    unlink_lookup(found);
    if (node->base.state != P2P_SWARM_OPEN)
        status = P2P_ERR_CLOSED;
    else if (found->number >= node->net->count)
        status = P2P_ERR_NO_KEY;
    make_key(node, found->number + planted_has(node, BUG(LOOKUP_WRONG)), key);
    bool twice = planted_has(node, BUG(LOOKUP_TWICE));
    if (status != P2P_ERR_NO_KEY || !planted_has(node, BUG(LOOKUP_NEVER)))
        found->fn(found->arg, status, status ? NULL : key, status ? 0 : sizeof key);
    if (twice)
        found->fn(found->arg, status, status ? NULL : key, status ? 0 : sizeof key);
    free_lookup(found);
}

static int lookup_key(p2p_swarm *swarm, const p2p_addr *addr, uint64_t deadline, p2p_key_fn fn,
                      void *arg)
{
    planted_node *node = planted_of(swarm);
    const p2p_allocator *allocator = node->net->allocator;
    size_t number;
    (void)deadline;
    if (!planted_number(addr, &number))
        return P2P_ERR_BAD_ADDR;
    lookup *begun = allocator->alloc(allocator->arg, sizeof *begun);
    if (!begun)
        return P2P_ERR_NO_MEMORY;
    memset(begun, 0, sizeof *begun);
    begun->node = node;
    begun->number = number;
    begun->fn = fn;
    begun->arg = arg;
    begun->next = node->lookups;
    node->lookups = begun;
    p2p_task_init(&begun->task, on_lookup, begun);
    if (planted_has(node, BUG(LOOKUP_SYNC)))
        on_lookup(begun);
    else
        p2p_loop_defer(swarm->loop, &begun->task);
    return 0;
}

void planted_end_lookups(planted_node *node)
{
    while (node->lookups)
        on_lookup(node->lookups);
}

void planted_forget_lookups(planted_node *node)
{
    while (node->lookups) {
        lookup *found = node->lookups;
        unlink_lookup(found);
        free_lookup(found);
    }
}

const p2p_key_ops planted_key_ops = {
    .size = sizeof(p2p_key_ops),
    .public_key = public_key,
    .peer_key = peer_key,
    .lookup_key = lookup_key,
};
