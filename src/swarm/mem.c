/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/alloc.h"
#include "core/config.h"
#include "swarm/realm.h"

#define DEFAULT_QUEUE 1024
#define DEFAULT_ASKS  1024
#define MAX_KEY       4096

static p2p__mem *mem_of(const p2p_swarm *swarm)
{
    return (p2p__mem *)(uintptr_t)swarm;
}

/* --- tells --- */

static int mem_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    p2p__mem *mem = mem_of(swarm);
    p2p_realm *realm = mem->realm;
    if (!p2p__addr_is_mem(dst))
        return P2P_ERR_BAD_ADDR;
    uint64_t to = p2p__addr_mem_number(dst);
    if (mem->crashed) {
        swarm->stats.tx_drop_network++;
        return 0;
    }
    p2p__port *port = mem->port;
    if (port->in_flight >= mem->max_queue) {
        port->waiting = true;
        return P2P_ERR_AGAIN;
    }
    if (p2p__bridge_covers(realm, to) && !realm->transform &&
        !p2p__realm_link(realm, mem->number, to))
        return p2p__bridge_tell(mem, to, iov, n, len);
    p2p__message *message = p2p__message_from(mem, P2P_MESSAGE_TELL, len);
    if (!message)
        return P2P_ERR_NO_MEMORY;
    message->to = to;
    p2p_iov_copy(message->data, iov, n);
    message->counted = true;
    port->in_flight++;
    return p2p__realm_send(realm, port, message);
}

static size_t mem_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    const p2p__mem *mem = mem_of(swarm);
    const p2p_realm *realm = mem->realm;
    if (!realm->links && !realm->link.link.mtu && (!realm->bridge || realm->far_mtu >= realm->mtu))
        return realm->mtu;
    uint64_t to = dst && p2p__addr_is_mem(dst) ? p2p__addr_mem_number(dst) : P2P_MEM_ANY_NODE;
    return p2p__bridge_most(realm, dst, p2p__link_mtu(realm, mem->number, to));
}

/* --- addresses --- */

static int mem_local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    *n = 1;
    if (!cap)
        return P2P_ERR_NO_SPACE;
    p2p_addr_from_mem(out, mem_of(swarm)->number);
    return 0;
}

static int mem_parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out)
{
    (void)swarm;
    p2p_addr addr;
    int err = p2p_addr_parse(text, &addr);
    if (err || !p2p__addr_is_mem(&addr))
        return P2P_ERR_BAD_ADDR;
    *out = addr;
    return 0;
}

/* --- keys --- */

static int copy_key(const p2p__key *key, uint8_t *out, size_t cap, size_t *len)
{
    if (!key)
        return P2P_ERR_NO_KEY;
    *len = key->len;
    if (key->len > cap)
        return P2P_ERR_NO_SPACE;
    memcpy(out, key->data, key->len);
    return 0;
}

static int mem_public_key(const p2p_swarm *swarm, uint8_t *out, size_t cap, size_t *len)
{
    return copy_key(mem_of(swarm)->key, out, cap, len);
}

static const p2p__mem *peer_at(const p2p__mem *mem, const p2p_addr *addr)
{
    const p2p__port *port = p2p__realm_port(mem->realm, p2p__addr_mem_number(addr));
    return port ? port->node : NULL;
}

static int mem_peer_key(const p2p_swarm *swarm, const p2p_addr *addr, uint8_t *out, size_t cap,
                        size_t *len)
{
    if (!p2p__addr_is_mem(addr))
        return P2P_ERR_BAD_ADDR;
    /* Who sent what is being received may be gone, or another may have its number now. */
    const p2p__message *message = mem_of(swarm)->realm->receiving;
    if (message && message->from == p2p__addr_mem_number(addr))
        return copy_key(message->key, out, cap, len);
    const p2p__mem *peer = peer_at(mem_of(swarm), addr);
    return copy_key(peer ? peer->key : NULL, out, cap, len);
}

static void on_lookup(void *arg)
{
    p2p__mem_lookup *lookup = arg;
    p2p__mem *mem = lookup->mem;
    const p2p__mem *peer = peer_at(mem, &lookup->addr);
    int status = 0;
    if (mem->base.state != P2P_SWARM_OPEN)
        status = P2P_ERR_CLOSED;
    else if (peer ? !peer->key
                  : p2p__bridge_covers(mem->realm, p2p__addr_mem_number(&lookup->addr)))
        status = P2P_ERR_NO_KEY;
    else if (!peer)
        status = P2P_ERR_UNREACHABLE;
    mem->lookups--;
    lookup->fn(lookup->arg, status, status ? NULL : peer->key->data, status ? 0 : peer->key->len);
    p2p__free(mem->realm->allocator, lookup);
}

/* The answer is at hand, but callbacks come from the loop; close queues behind it. */
static int mem_lookup_key(p2p_swarm *swarm, const p2p_addr *addr, uint64_t deadline, p2p_key_fn fn,
                          void *arg)
{
    (void)deadline;
    p2p__mem *mem = mem_of(swarm);
    if (!p2p__addr_is_mem(addr))
        return P2P_ERR_BAD_ADDR;
    if (mem->lookups >= mem->max_asks)
        return P2P_ERR_LIMIT;
    p2p__mem_lookup *lookup = p2p__alloc(mem->realm->allocator, sizeof *lookup);
    if (!lookup)
        return P2P_ERR_NO_MEMORY;
    mem->lookups++;
    lookup->mem = mem;
    lookup->addr = *addr;
    lookup->fn = fn;
    lookup->arg = arg;
    p2p_task_init(&lookup->task, on_lookup, lookup);
    p2p_loop_defer(swarm->loop, &lookup->task);
    return 0;
}

static const p2p_key_ops mem_key_ops = {
    .size = sizeof(p2p_key_ops),
    .public_key = mem_public_key,
    .peer_key = mem_peer_key,
    .lookup_key = mem_lookup_key,
};

/* --- life --- */

static void mem_close(p2p_swarm *swarm)
{
    p2p__mem *mem = mem_of(swarm);
    p2p__mem_close_asks(mem);
    p2p__realm_leave(mem->realm, mem, P2P_EVENT_DOWN);
}

static void mem_free(p2p_swarm *swarm)
{
    p2p__mem *mem = mem_of(swarm);
    const p2p_allocator *allocator = mem->realm->allocator;
    if (mem->asks)
        p2p__asks_free(mem->asks);
    p2p__free(allocator, mem->asks);
    p2p__key_release(mem->realm, mem->key);
    mem->realm->nodes--;
    p2p__free_line(allocator, mem, mem->shift);
}

#define MEM_OPS(name, key_ops)          \
    static const p2p_swarm_ops name = { \
        .size = sizeof(p2p_swarm_ops),  \
        .kind = "mem",                  \
        .tell = mem_tell,               \
        .mtu = mem_mtu,                 \
        .local_addrs = mem_local_addrs, \
        .parse_addr = mem_parse_addr,   \
        .close = mem_close,             \
        .free = mem_free,               \
        .ask = &p2p__mem_ask_ops,       \
        .keys = (key_ops),              \
    }

MEM_OPS(mem_ops, NULL);
MEM_OPS(secure_mem_ops, &mem_key_ops);

static uint32_t limit(size_t wanted, uint32_t otherwise)
{
    if (!wanted)
        return otherwise;
    return wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX;
}

static int set_key(p2p__mem *mem, const p2p_mem_config *config)
{
    if (!config->key)
        return 0;
    if (!config->key_len || config->key_len > MAX_KEY)
        return P2P_ERR_INVALID;
    mem->key = p2p__alloc(mem->realm->allocator, sizeof *mem->key + config->key_len);
    if (!mem->key)
        return P2P_ERR_NO_MEMORY;
    mem->key->uses = 1;
    mem->key->len = config->key_len;
    memcpy(mem->key->data, config->key, config->key_len);
    return 0;
}

int p2p_mem_new(p2p_swarm **out, p2p_realm *realm, const p2p_mem_config *config)
{
    p2p_mem_config full;
    int err = out && realm ? p2p__config_copy(&full, sizeof full, config) : P2P_ERR_INVALID;
    if (err)
        return err;
    if (!config)
        full.node = P2P_MEM_ANY_NODE;
    uint8_t shift;
    p2p__mem *mem = p2p__alloc_line(realm->allocator, sizeof *mem, &shift);
    if (!mem)
        return P2P_ERR_NO_MEMORY;
    memset(mem, 0, sizeof *mem);
    mem->shift = shift;
    mem->realm = realm;
    mem->max_queue = limit(full.max_queue, DEFAULT_QUEUE);
    mem->max_asks = limit(full.max_asks, DEFAULT_ASKS);
    err = set_key(mem, &full);
    if (!err)
        err = p2p__realm_join(realm, mem, full.node);
    if (err) {
        p2p__key_release(realm, mem->key);
        p2p__free_line(realm->allocator, mem, shift);
        return err;
    }
    p2p_swarm_init(&mem->base, mem->key ? &secure_mem_ops : &mem_ops, realm->loop, NULL);
    realm->nodes++;
    *out = &mem->base;
    return 0;
}
