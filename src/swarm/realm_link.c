/* SPDX-License-Identifier: MIT */
#include "swarm/realm.h"

#include <string.h>

#include "core/alloc.h"
#include "core/config.h"

#define DEFAULT_QUEUE ((size_t)256 * 1024)
#define MIN_RETRY     P2P_MILLISECOND
#define SLOW_RETRY    P2P_SECOND
#define MAX_DELAY     (UINT64_C(1) << 60)
#define MAX_WAIT      (UINT64_C(1) << 62) /* for bandwidth */

/* Links of single pairs: open addressing, linear probing; entries are never removed. */
typedef struct link_entry {
    uint64_t from;
    uint64_t to;
    p2p__link *link; /* NULL: the slot is empty */
    bool off;        /* back to the default */
} link_entry;

struct p2p__link_map {
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t seed;
    link_entry entries[];
};

static uint64_t threshold(double probability)
{
    return (uint64_t)(probability * 4294967296.0);
}

static bool is_probability(double p)
{
    return p >= 0.0 && p <= 1.0; /* false for NaN too */
}

int p2p__link_set(p2p__link *out, const p2p_link *given)
{
    p2p_link copy;
    const p2p_link *link = &copy;
    int err = p2p__config_copy(&copy, sizeof copy, given);
    if (err)
        return err;
    if (!is_probability(link->loss) || !is_probability(link->duplicate) ||
        !is_probability(link->reorder) || !is_probability(link->corrupt) ||
        link->mtu > P2P__REALM_MAX_MTU || link->latency > MAX_DELAY || link->jitter > MAX_DELAY ||
        link->reorder_delay > MAX_DELAY)
        return P2P_ERR_INVALID;
    out->link = *link;
    if (!out->link.queue)
        out->link.queue = DEFAULT_QUEUE;
    out->loss = threshold(link->loss);
    out->duplicate = threshold(link->duplicate);
    out->reorder = threshold(link->reorder);
    out->corrupt = threshold(link->corrupt);
    out->busy = 0;
    return 0;
}

/* Nothing is drawn for what cannot happen, so a link does not disturb what it does not do. */
bool p2p__link_chance(p2p_realm *realm, uint64_t limit)
{
    return limit && p2p__rand_next(&realm->loop->jitter) >> 32 < limit;
}

static uint64_t hash_pair(uint64_t seed, uint64_t from, uint64_t to)
{
    uint64_t state = seed ^ (from * UINT64_C(0x9e3779b97f4a7c15));
    state = p2p__splitmix64(&state) ^ to;
    return p2p__splitmix64(&state);
}

static link_entry *find_entry(p2p__link_map *map, uint64_t from, uint64_t to)
{
    size_t i = (size_t)hash_pair(map->seed, from, to) & (map->capacity - 1);
    while (map->entries[i].link && (map->entries[i].from != from || map->entries[i].to != to))
        i = (i + 1) & (map->capacity - 1);
    return &map->entries[i];
}

static int grow_map(p2p_realm *realm)
{
    p2p__link_map *old = realm->links;
    size_t capacity = old ? old->capacity * 2 : 16;
    p2p__link_map *map = p2p__zalloc(realm->allocator,
                                     sizeof *map + capacity * sizeof map->entries[0]);
    if (!map)
        return P2P_ERR_NO_MEMORY;
    map->capacity = capacity;
    map->seed = realm->loop->seed;
    for (size_t i = 0; old && i < old->capacity; i++) {
        if (!old->entries[i].link)
            continue;
        *find_entry(map, old->entries[i].from, old->entries[i].to) = old->entries[i];
        map->count++;
    }
    p2p__free(realm->allocator, old);
    realm->links = map;
    return 0;
}

int p2p_realm_set_link_between(p2p_realm *realm, uint64_t from, uint64_t to, const p2p_link *link)
{
    if (!realm)
        return P2P_ERR_INVALID;
    p2p__link ready = {0};
    int err = link ? p2p__link_set(&ready, link) : 0;
    if (err)
        return err;
    if (!realm->links && !link)
        return 0;
    if ((!realm->links || realm->links->count * 2 >= realm->links->capacity) && grow_map(realm))
        return P2P_ERR_NO_MEMORY;
    link_entry *entry = find_entry(realm->links, from, to);
    if (!entry->link) {
        if (!link)
            return 0;
        entry->link = p2p__zalloc(realm->allocator, sizeof *entry->link);
        if (!entry->link)
            return P2P_ERR_NO_MEMORY;
        entry->from = from;
        entry->to = to;
        realm->links->count++;
    }
    entry->off = link == NULL;
    *entry->link = ready;
    return 0;
}

void p2p__realm_free_links(p2p_realm *realm)
{
    for (size_t i = 0; realm->links && i < realm->links->capacity; i++)
        p2p__free(realm->allocator, realm->links->entries[i].link);
    p2p__free(realm->allocator, realm->links);
    realm->links = NULL;
}

/* Where there are links of single pairs. */
p2p__link *p2p__realm_link_between(p2p_realm *realm, uint64_t from, uint64_t to)
{
    link_entry *entry = find_entry(realm->links, from, to);
    if (entry->link && !entry->off)
        return entry->link;
    return realm->has_link ? &realm->link : NULL;
}

static size_t lesser_mtu(const p2p__link *link, size_t mtu)
{
    return link->link.mtu && link->link.mtu < mtu ? link->link.mtu : mtu;
}

size_t p2p__link_mtu(const p2p_realm *realm, uint64_t from, uint64_t to)
{
    const p2p__link *link = &realm->link;
    if (realm->links) {
        const link_entry *entry = find_entry(realm->links, from, to);
        if (entry->link && !entry->off)
            link = entry->link;
    }
    size_t mtu = lesser_mtu(link, realm->mtu);
    if (!realm->links || to != P2P_MEM_ANY_NODE)
        return mtu;
    for (size_t i = 0; i < realm->links->capacity; i++) {
        const link_entry *entry = &realm->links->entries[i];
        if (entry->link && !entry->off && entry->from == from)
            mtu = lesser_mtu(entry->link, mtu);
    }
    return mtu;
}

/*
 * How long a sender of requests waits before it tries again: about a round trip, then twice as long
 * each time, up to a second or two.
 */
uint64_t p2p__link_retry(p2p_realm *realm, const p2p__link *link, unsigned tries)
{
    uint64_t retry = MIN_RETRY;
    if (link) {
        uint64_t round_trip = 2 * link->link.latency +
                              p2p__rand_below(&realm->loop->jitter, link->link.jitter + 1);
        if (round_trip > retry)
            retry = round_trip;
    }
    while (tries-- > 0 && retry < SLOW_RETRY)
        retry *= 2;
    return retry;
}

/* Nanoseconds that len bytes occupy a link of `bandwidth` bytes per second. */
static uint64_t transmission_time(size_t len, uint64_t bandwidth)
{
    uint64_t seconds = len / bandwidth;
    uint64_t rest = len % bandwidth;
    if (seconds >= MAX_WAIT / P2P_SECOND)
        return MAX_WAIT;
    if (rest > UINT64_MAX / P2P_SECOND)
        return seconds * P2P_SECOND + rest / (bandwidth / P2P_SECOND);
    return seconds * P2P_SECOND + rest * P2P_SECOND / bandwidth;
}

/* Queues a message for the bandwidth. Returns 0 and *wait until it has left, or LOST_FULL. */
static int pass_bandwidth(const p2p_link *link, uint64_t *busy, uint64_t now, size_t len,
                          uint64_t *wait)
{
    uint64_t before = *busy > now ? *busy - now : 0;
    if (before > transmission_time(link->queue, link->bandwidth))
        return P2P_LOST_FULL;
    uint64_t own = transmission_time(len, link->bandwidth);
    *wait = own < MAX_WAIT - before ? before + own : MAX_WAIT;
    *busy = now + *wait;
    return 0;
}

int p2p__link_pass(p2p_realm *realm, p2p__link *link, p2p__port *port, const p2p__message *message,
                   uint64_t *delay)
{
    const p2p_link *model = &link->link;
    uint64_t wait = 0;
    if (model->bandwidth) {
        uint64_t *busy = link == &realm->link && port ? &port->uplink_busy : &link->busy;
        int lost = pass_bandwidth(model, busy, p2p__loop_now(realm->loop), message->len, &wait);
        if (lost)
            return lost;
    }
    if (p2p__link_chance(realm, link->loss))
        return P2P_LOST_CHANCE;
    /* What is reliable notices a corrupt message and sends it again: the same as a loss. */
    if (message->kind != P2P_MESSAGE_TELL && p2p__link_chance(realm, link->corrupt))
        return P2P_LOST_CHANCE;
    *delay = wait + model->latency;
    if (model->jitter)
        *delay += p2p__rand_below(&realm->loop->jitter, model->jitter + 1);
    if (p2p__link_chance(realm, link->reorder))
        *delay += model->reorder_delay;
    return 0;
}
