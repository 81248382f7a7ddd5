/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <string.h>

#include "core/alloc.h"
#include "swarm/realm_trace.h"

#define DEFAULT_RING  ((size_t)1024 * 1024)
#define MIN_RING      ((size_t)4096)
#define MAX_RING      ((size_t)1 << 30)
#define PUBLISH_EVERY 32   /* messages, so that the other side can begin while we go on */
#define DRAIN_MOST    4096 /* messages delivered per turn */
#define LOOK_AGAIN    4    /* times that the reader looks in vain before it falls asleep */
#define CACHE_LINE    64

/*
 * One direction: a ring of bytes with one writing and one reading thread. Positions only grow; a
 * record is this header and a p2p__message, in one piece, so that it is delivered where it lies.
 */
typedef struct record {
    uint32_t size; /* of header and message, padded */
    uint32_t skip; /* no message: the rest of the ring up to its end */
} record;

/* Whether the reader must be told of what was published. */
enum { ASLEEP, CALLED, AWAKE }; /* yes; `wake` is posted; it looks by itself */

typedef struct ring {
    /* These never change. */
    _Alignas(CACHE_LINE) uint8_t *data;
    size_t size; /* a power of two */
    p2p_realm *writer;
    p2p_realm *reader;
    /* Written by the writer. */
    _Alignas(CACHE_LINE) _Atomic(size_t) tail; /* what the reader may read */
    /* Written by the reader. */
    _Alignas(CACHE_LINE) _Atomic(size_t) head; /* what the writer may overwrite */
    /* Written by both, now and then. */
    _Alignas(CACHE_LINE) atomic_int attention; /* ASLEEP, CALLED or AWAKE */
    atomic_bool writer_waits;                  /* `space` is to be posted when there is room */
    /* Of the writer alone. */
    _Alignas(CACHE_LINE) size_t written;
    size_t known_head;
    unsigned unpublished;
    bool space_pending; /* writer_waits was set, and `space` has not run */
    p2p_task flush;
    p2p_task space; /* runs on the writer's loop */
    /* Of the reader alone. */
    _Alignas(CACHE_LINE) size_t done;
    unsigned idle; /* times in a row that it looked and found nothing */
    p2p_task wake; /* runs on the reader's loop */
    p2p_task drain;
} ring;

struct p2p_bridge {
    void *memory; /* what the aligned struct lies in */
    p2p_allocator allocator;
    ring rings[2]; /* rings[i] is written by realms[i] */
    p2p_realm *realms[2];
};

_Static_assert(sizeof(record) % 8 == 0, "records stay aligned");

static size_t padded(size_t len)
{
    return (sizeof(record) + sizeof(p2p__message) + len + 7) & ~(size_t)7;
}

static p2p__message *message_in(record *header)
{
    return (p2p__message *)(header + 1);
}

static record *record_at(ring *r, size_t offset)
{
    return (record *)(void *)(r->data + offset);
}

static ring *ring_out(const p2p_realm *realm)
{
    return &realm->bridge->rings[realm->bridge_end];
}

/* --- writing --- */

static void call_reader(ring *r)
{
    int asleep = ASLEEP;
    if (atomic_compare_exchange_strong(&r->attention, &asleep, CALLED))
        p2p_loop_post(r->reader->loop, &r->wake);
}

/* Lets the reader have what was written. It may not be seen that it is just falling asleep. */
static void publish(ring *r)
{
    r->unpublished = 0;
    atomic_store_explicit(&r->tail, r->written, memory_order_release);
    if (atomic_load_explicit(&r->attention, memory_order_relaxed) == ASLEEP)
        call_reader(r);
}

/*
 * The end of a turn in which something was published; nothing escapes this. What is written here
 * (tail, then attention) the reader takes in the other order when it falls asleep. Both do so
 * sequentially consistent, so one of them sees the other.
 */
static void on_flush(void *arg)
{
    ring *r = arg;
    r->unpublished = 0;
    atomic_store(&r->tail, r->written);
    if (atomic_load(&r->attention) == ASLEEP)
        call_reader(r);
}

static bool has_room(ring *r, size_t size)
{
    if (r->written + size - r->known_head <= r->size)
        return true;
    r->known_head = atomic_load_explicit(&r->head, memory_order_acquire);
    return r->written + size - r->known_head <= r->size;
}

/* Room for a record of a message of len bytes, or NULL. The record counts with commit(). */
static record *begin(ring *r, size_t len)
{
    size_t size = padded(len);
    size_t offset = r->written & (r->size - 1);
    size_t to_end = r->size - offset;
    size_t skip = size > to_end ? to_end : 0;
    if (!has_room(r, skip + size))
        return NULL;
    if (skip) {
        record *rest = record_at(r, offset);
        rest->size = (uint32_t)skip;
        rest->skip = 1;
        r->written += skip;
        offset = 0;
    }
    record *header = record_at(r, offset);
    header->size = (uint32_t)size;
    header->skip = 0;
    return header;
}

static void commit(ring *r, const record *header)
{
    r->written += header->size;
    if (r->unpublished++ == 0)
        p2p_loop_flush(r->writer->loop, &r->flush);
    if (r->unpublished == PUBLISH_EVERY)
        publish(r);
}

/* Asks the reader to tell when it has made room; if it just has, nobody would. */
static bool wait_for_room(ring *r, size_t len)
{
    if (!r->space_pending) {
        r->space_pending = true;
        /* Exchanged, not stored: if the reader has just looked, we see what it had read by then. */
        atomic_exchange(&r->writer_waits, true);
    }
    if (r->unpublished)
        publish(r);
    return has_room(r, 2 * padded(len));
}

/* There is room: whoever waits on the writer's side may go on, if not for its own queue. */
static void on_space(void *arg)
{
    ring *r = arg;
    p2p_realm *realm = r->writer;
    r->space_pending = false;
    for (size_t i = 0; i < realm->page_count; i++)
        for (size_t j = 0; realm->pages[i] && j < P2P__PORTS_PER_PAGE; j++)
            if (realm->pages[i][j].node && !realm->pages[i][j].waiting)
                p2p_swarm_writable(&realm->pages[i][j].node->base);
}

int p2p__bridge_tell(p2p__mem *mem, uint64_t to, const p2p_iov *iov, size_t n, size_t len)
{
    ring *r = ring_out(mem->realm);
    record *header = begin(r, len);
    if (!header && wait_for_room(r, len))
        header = begin(r, len);
    if (!header)
        return P2P_ERR_AGAIN;
    p2p__message *message = message_in(header);
    *message = (p2p__message){
        .from = mem->number, .to = to, .len = (uint32_t)len, .epoch = mem->epoch};
    p2p_iov_copy(message->data, iov, n);
    p2p__realm_trace(mem->realm, P2P_EVENT_SENT, message, 0);
    commit(r, header);
    return 0;
}

int p2p__bridge_cross(p2p_realm *realm, const p2p__message *message)
{
    ring *r = ring_out(realm);
    record *header = begin(r, message->len);
    if (!header)
        return P2P_ERR_LIMIT;
    memcpy(message_in(header), message, sizeof *message + message->len);
    message_in(header)->counted = false;
    if (message->kind != P2P_MESSAGE_RESPONSE)
        message_in(header)->key = NULL; /* its memory is of this loop */
    /* The loops' clocks have nothing in common: what crosses is the time that is left. */
    uint64_t now = p2p__loop_now(realm->loop);
    if (message->deadline != P2P_NEVER)
        message_in(header)->deadline = message->deadline > now ? message->deadline - now : 0;
    commit(r, header);
    return 0;
}

/* --- reading --- */

static void deliver(p2p_realm *realm, p2p__message *message)
{
    uint64_t now = p2p__loop_now(realm->loop);
    uint64_t left = message->deadline;
    message->deadline = left < P2P_NEVER - now ? now + left : P2P_NEVER;
    message->tries = 0;
    p2p__realm_deliver(realm, message);
}

/*
 * A writer who waits is called as soon as half the ring is free, so that it is back before the
 * other half is read.
 */
static void call_writer(ring *r, size_t left)
{
    if (left <= r->size / 2 && atomic_exchange(&r->writer_waits, false))
        p2p_loop_post(r->writer->loop, &r->space);
}

static void drain_to(ring *r, size_t tail)
{
    unsigned budget = DRAIN_MOST;
    while (r->done != tail && budget--) {
        record *header = record_at(r, r->done & (r->size - 1));
        size_t size = header->size;
        if (!header->skip)
            deliver(r->reader, message_in(header));
        r->done += size;
        if (budget % PUBLISH_EVERY)
            continue;
        atomic_store_explicit(&r->head, r->done, memory_order_release);
        if (atomic_load_explicit(&r->writer_waits, memory_order_relaxed))
            call_writer(r, tail - r->done);
    }
    atomic_store(&r->head, r->done);
    call_writer(r, tail - r->done);
}

/* Whether the reader may wait to be called: nothing was published until it fell asleep. */
static bool falls_asleep(ring *r)
{
    int asleep = ASLEEP;
    atomic_store(&r->attention, ASLEEP);
    if (atomic_load(&r->tail) == r->done)
        return true;
    /* If that fails `wake` is posted, and does the same. */
    atomic_compare_exchange_strong(&r->attention, &asleep, AWAKE);
    r->idle = 0;
    return asleep != ASLEEP;
}

/* As long as something comes the reader looks again in each turn, without being called. */
static void on_drain(void *arg)
{
    ring *r = arg;
    size_t tail = atomic_load(&r->tail);
    r->idle = tail == r->done ? r->idle + 1 : 0;
    if (!r->idle)
        drain_to(r, tail);
    if (r->idle < LOOK_AGAIN || !falls_asleep(r))
        p2p_loop_defer(r->reader->loop, &r->drain);
}

static void on_wake(void *arg)
{
    ring *r = arg;
    atomic_store(&r->attention, AWAKE);
    r->idle = 0;
    p2p_loop_defer(r->reader->loop, &r->drain);
}

/* --- life --- */

static bool ranges_overlap(const p2p_realm *a, const p2p_realm *b)
{
    return a->first_node < b->first_node + b->max_nodes &&
           b->first_node < a->first_node + a->max_nodes;
}

static size_t ring_size(size_t wanted)
{
    if (!wanted)
        wanted = DEFAULT_RING;
    size_t size = MIN_RING;
    while (size < wanted && size < MAX_RING)
        size *= 2;
    return size;
}

static int ring_init(ring *r, const p2p_allocator *allocator, p2p_realm *writer, p2p_realm *reader,
                     size_t size)
{
    r->data = p2p__alloc(allocator, size);
    if (!r->data)
        return P2P_ERR_NO_MEMORY;
    r->size = size;
    r->writer = writer;
    r->reader = reader;
    p2p_task_init(&r->flush, on_flush, r);
    p2p_task_init(&r->space, on_space, r);
    p2p_task_init(&r->wake, on_wake, r);
    p2p_task_init(&r->drain, on_drain, r);
    return 0;
}

static p2p_bridge *alloc_bridge(const p2p_allocator *allocator)
{
    void *memory = p2p__zalloc(allocator, sizeof(p2p_bridge) + CACHE_LINE);
    if (!memory)
        return NULL;
    uintptr_t aligned = ((uintptr_t)memory + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
    p2p_bridge *bridge = (p2p_bridge *)aligned;
    bridge->memory = memory;
    bridge->allocator = *allocator;
    return bridge;
}

static void free_bridge(p2p_bridge *bridge)
{
    p2p_allocator allocator = bridge->allocator;
    p2p__free(&allocator, bridge->rings[0].data);
    p2p__free(&allocator, bridge->rings[1].data);
    p2p__free(&allocator, bridge->memory);
}

/* What has become of the way from a realm to the other one. */
static void log_bridge(const p2p_realm *realm, const char *what)
{
    p2p_loop_log(realm->loop, P2P_LOG_INFO, "mem: bridge to nodes from %llu to %llu %s",
                 (unsigned long long)realm->far_first,
                 (unsigned long long)(realm->far_first + realm->far_nodes - 1), what);
}

int p2p_bridge_new(p2p_bridge **out, p2p_realm *a, p2p_realm *b, size_t ring_bytes)
{
    if (!out || !a || !b || a == b || a->loop == b->loop || ranges_overlap(a, b) ||
        ring_bytes > MAX_RING)
        return P2P_ERR_INVALID;
    if (a->bridge || b->bridge)
        return P2P_ERR_IN_USE;
    p2p_bridge *bridge = alloc_bridge(a->allocator);
    if (!bridge)
        return P2P_ERR_NO_MEMORY;
    size_t size = ring_size(ring_bytes);
    if (ring_init(&bridge->rings[0], a->allocator, a, b, size) ||
        ring_init(&bridge->rings[1], a->allocator, b, a, size)) {
        free_bridge(bridge);
        return P2P_ERR_NO_MEMORY;
    }
    bridge->realms[0] = a;
    bridge->realms[1] = b;
    for (unsigned i = 0; i < 2; i++) {
        p2p_realm *realm = bridge->realms[i];
        const p2p_realm *other = bridge->realms[1 - i];
        realm->bridge = bridge;
        realm->bridge_end = i;
        realm->far_first = other->first_node;
        realm->far_nodes = other->max_nodes;
        realm->far_mtu = size / 4;
        p2p_loop_hold(realm->loop);
        log_bridge(realm, "made");
    }
    *out = bridge;
    return 0;
}

/* What is in a ring will not arrive. */
static void lose_all(ring *r)
{
    while (r->done != r->written) {
        record *header = record_at(r, r->done & (r->size - 1));
        r->done += header->size;
        if (!header->skip)
            p2p__realm_lost(r->writer, message_in(header), P2P_LOST_BRIDGE);
    }
}

int p2p_bridge_free(p2p_bridge *bridge)
{
    if (!bridge)
        return 0;
    if (bridge->realms[0]->loop->inside || bridge->realms[1]->loop->inside)
        return P2P_ERR_BUSY;
    for (unsigned i = 0; i < 2; i++) {
        log_bridge(bridge->realms[i], "taken down");
        p2p_task_cancel(&bridge->rings[i].flush);
        p2p_task_cancel(&bridge->rings[i].drain);
        p2p__loop_unpost(bridge->realms[i]->loop, &bridge->rings[i].space);
        p2p__loop_unpost(bridge->realms[i]->loop, &bridge->rings[1 - i].wake);
        lose_all(&bridge->rings[i]);
        bridge->realms[i]->bridge = NULL;
        bridge->realms[i]->far_nodes = 0;
        p2p_loop_release(bridge->realms[i]->loop);
    }
    free_bridge(bridge);
    return 0;
}
