/* SPDX-License-Identifier: MIT */
#include "swarm/realm.h"

#include <string.h>

#include "core/alloc.h"
#include "core/config.h"
#include "swarm/realm_trace.h"

#define DEFAULT_MTU     65536
#define DEFAULT_ASK_MTU (1024 * 1024)
#define DEFAULT_NODES   (UINT64_C(1) << 24)
#define MOST_NODES      (UINT64_C(1) << 28) /* the directory of pages is at most 2 MiB */

static int check_config(const p2p_realm_config *config)
{
    if (config->mtu > P2P__REALM_MAX_MTU || config->ask_mtu > P2P__REALM_MAX_MTU ||
        config->max_nodes > MOST_NODES)
        return P2P_ERR_INVALID;
    uint64_t max = config->max_nodes ? config->max_nodes : DEFAULT_NODES;
    return config->first_node > UINT64_MAX - max ? P2P_ERR_INVALID : 0;
}

int p2p_realm_new(p2p_realm **out, p2p_loop *loop, const p2p_realm_config *config)
{
    p2p_realm_config full;
    int err = out && loop ? p2p__config_copy(&full, sizeof full, config) : P2P_ERR_INVALID;
    if (!err)
        err = check_config(&full);
    if (err)
        return err;
    const p2p_allocator *allocator = p2p_loop_allocator(loop);
    p2p_realm *realm = p2p__zalloc(allocator, sizeof *realm);
    if (!realm)
        return P2P_ERR_NO_MEMORY;
    realm->loop = loop;
    realm->allocator = allocator;
    realm->first_node = full.first_node;
    realm->max_nodes = full.max_nodes ? full.max_nodes : DEFAULT_NODES;
    realm->mtu = full.mtu ? full.mtu : DEFAULT_MTU;
    realm->ask_mtu = full.ask_mtu ? full.ask_mtu : DEFAULT_ASK_MTU;
    err = p2p_realm_set_link(realm, full.link);
    if (err) {
        p2p__free(allocator, realm);
        return err;
    }
    p2p__radix_init(&realm->in_flight, allocator);
    realm->in_flight.soon = p2p__realm_soon;
    realm->in_flight.soon_arg = realm;
    p2p_task_init(&realm->task, p2p__realm_on_task, realm);
    p2p_timer_init(&realm->timer, loop, p2p__realm_on_task, realm);
    p2p__loop_use(loop);
    *out = realm;
    return 0;
}

int p2p_realm_free(p2p_realm *realm)
{
    if (!realm)
        return 0;
    if (realm->nodes || realm->bridge || realm->draining)
        return P2P_ERR_BUSY;
    p2p_timer_stop(&realm->timer);
    p2p_task_cancel(&realm->task);
    p2p__message *message;
    while ((message = p2p__radix_take(&realm->in_flight)))
        p2p__message_free(realm, message);
    p2p__message_free_pool(realm);
    p2p__radix_free(&realm->in_flight);
    p2p__realm_free_links(realm);
    for (size_t i = 0; i < realm->page_count; i++)
        p2p__free(realm->allocator, realm->pages[i]);
    p2p__free(realm->allocator, realm->pages);
    p2p__loop_unuse(realm->loop);
    p2p__free(realm->allocator, realm);
    return 0;
}

/* --- the trace --- */

static uint64_t mix_bytes(uint64_t hash, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static void show(p2p_realm *realm, const p2p_event *event)
{
    if (realm->hash_payloads && event->data)
        realm->trace = mix_bytes(realm->trace, event->data, event->len);
    if (realm->event_fn)
        realm->event_fn(realm->event_arg, event);
}

void p2p__realm_show(p2p_realm *realm, p2p_event_kind kind, const p2p__message *message, int detail)
{
    p2p_event event = {.at = p2p__loop_now(realm->loop),
                       .from = message->from,
                       .to = message->to,
                       .kind = kind,
                       .message = (p2p_message_kind)message->kind,
                       .detail = detail,
                       .data = message->data,
                       .len = message->len};
    show(realm, &event);
}

/* An event of a node, rather than of a message. */
static void trace_node(p2p_realm *realm, p2p_event_kind kind, uint64_t number)
{
    p2p_event event = {
        .at = p2p__loop_now(realm->loop), .from = number, .to = number, .kind = kind};
    if (p2p__trace_event(realm, kind, event.message, event.detail, number, number, event.len))
        show(realm, &event);
}

/* --- ports --- */

p2p__port *p2p__realm_port(const p2p_realm *realm, uint64_t number)
{
    uint64_t offset = number - realm->first_node; /* wraps around below first_node */
    uint64_t page = offset / P2P__PORTS_PER_PAGE;
    if (offset >= realm->max_nodes || page >= realm->page_count || !realm->pages[page])
        return NULL;
    return &realm->pages[page][offset % P2P__PORTS_PER_PAGE];
}

static int grow_directory(p2p_realm *realm, uint64_t page)
{
    size_t count = realm->page_count ? realm->page_count : 1;
    while (count <= page)
        count *= 2;
    p2p__port **pages = p2p__resize(realm->allocator, realm->pages, count * sizeof *pages);
    if (!pages)
        return P2P_ERR_NO_MEMORY;
    memset(pages + realm->page_count, 0, (count - realm->page_count) * sizeof *pages);
    realm->pages = pages;
    realm->page_count = count;
    return 0;
}

/* The port of a number in range, made if need be. */
static int make_port(p2p_realm *realm, uint64_t offset, p2p__port **out)
{
    uint64_t page = offset / P2P__PORTS_PER_PAGE;
    if (page >= realm->page_count && grow_directory(realm, page))
        return P2P_ERR_NO_MEMORY;
    if (!realm->pages[page])
        realm->pages[page] = p2p__zalloc_array(realm->allocator, P2P__PORTS_PER_PAGE,
                                               sizeof(p2p__port));
    if (!realm->pages[page])
        return P2P_ERR_NO_MEMORY;
    *out = &realm->pages[page][offset % P2P__PORTS_PER_PAGE];
    return 0;
}

/*
 * The number for a node that has no wish: the lowest that was never used, so that what is meant for
 * a node that is gone does not reach another. Only without such a one, the lowest that is free.
 */
static int any_number(p2p_realm *realm, uint64_t *offset)
{
    const p2p__port *port;
    if (realm->taken >= realm->max_nodes)
        return P2P_ERR_LIMIT;
    while ((port = p2p__realm_port(realm, realm->first_node + realm->next_node)) && port->used)
        realm->next_node++;
    *offset = realm->next_node;
    if (*offset < realm->max_nodes)
        return 0;
    while (p2p__realm_port(realm, realm->first_node + realm->next_free)->node)
        realm->next_free++;
    *offset = realm->next_free;
    return 0;
}

int p2p__realm_join(p2p_realm *realm, p2p__mem *mem, uint64_t wanted)
{
    uint64_t offset = wanted - realm->first_node;
    int err = 0;
    if (wanted == P2P_MEM_ANY_NODE)
        err = any_number(realm, &offset);
    else if (wanted < realm->first_node || offset >= realm->max_nodes)
        err = P2P_ERR_INVALID;
    p2p__port *port;
    if (!err)
        err = make_port(realm, offset, &port);
    if (err)
        return err;
    if (port->node)
        return P2P_ERR_IN_USE;
    realm->taken++;
    port->node = mem;
    port->used = true;
    port->side = 0;
    port->in_flight = 0;
    port->waiting = port->crashed = false;
    port->epoch = mem->epoch = ++realm->last_epoch;
    mem->port = port;
    mem->number = realm->first_node + offset;
    trace_node(realm, P2P_EVENT_UP, mem->number);
    return 0;
}

void p2p__realm_leave(p2p_realm *realm, p2p__mem *mem, p2p_event_kind how)
{
    if (mem->port->node != mem)
        return;
    mem->port->node = NULL;
    realm->taken--;
    if (mem->number - realm->first_node < realm->next_free)
        realm->next_free = mem->number - realm->first_node;
    trace_node(realm, how, mem->number);
}

/* --- the network --- */

int p2p_realm_set_link(p2p_realm *realm, const p2p_link *link)
{
    if (!realm)
        return P2P_ERR_INVALID;
    p2p__link ready = {0};
    int err = link ? p2p__link_set(&ready, link) : 0;
    if (err)
        return err;
    realm->link = ready;
    realm->has_link = link != NULL;
    for (size_t i = 0; i < realm->page_count; i++)
        for (size_t j = 0; realm->pages[i] && j < P2P__PORTS_PER_PAGE; j++)
            realm->pages[i][j].uplink_busy = 0; /* a new link has an empty queue */
    return 0;
}

int p2p_realm_set_side(p2p_realm *realm, uint64_t node, uint32_t side)
{
    if (!realm)
        return P2P_ERR_INVALID;
    p2p__port *port = p2p__realm_port(realm, node);
    if (!port || !port->node)
        return P2P_ERR_NOT_FOUND;
    port->side = side;
    return 0;
}

void p2p_realm_heal(p2p_realm *realm)
{
    for (size_t i = 0; i < realm->page_count; i++)
        for (size_t j = 0; realm->pages[i] && j < P2P__PORTS_PER_PAGE; j++)
            realm->pages[i][j].side = 0;
}

int p2p_realm_crash(p2p_realm *realm, uint64_t node)
{
    if (!realm)
        return P2P_ERR_INVALID;
    p2p__port *port = p2p__realm_port(realm, node);
    if (!port || !port->node)
        return P2P_ERR_NOT_FOUND;
    port->node->crashed = port->crashed = true;
    p2p__realm_leave(realm, port->node, P2P_EVENT_CRASHED);
    return 0;
}

void p2p_realm_on_transform(p2p_realm *realm, p2p_transform_fn fn, void *arg)
{
    realm->transform = fn;
    realm->transform_arg = arg;
}

void p2p_realm_on_event(p2p_realm *realm, p2p_event_fn fn, void *arg)
{
    realm->event_fn = fn;
    realm->event_arg = arg;
}

/* --- what it can tell --- */

uint64_t p2p_realm_trace_hash(const p2p_realm *realm)
{
    return realm->trace;
}

void p2p_realm_hash_payloads(p2p_realm *realm, int on)
{
    realm->hash_payloads = on != 0;
}

size_t p2p_realm_in_flight(const p2p_realm *realm)
{
    return realm->in_flight.count;
}

size_t p2p_realm_nodes(const p2p_realm *realm)
{
    return realm->nodes;
}

uint64_t p2p_realm_delivered(const p2p_realm *realm)
{
    return realm->delivered;
}

uint64_t p2p_realm_lost(const p2p_realm *realm)
{
    return realm->lost;
}
