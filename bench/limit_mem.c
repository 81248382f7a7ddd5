/* SPDX-License-Identifier: MIT */
#include "limit_mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "bench.h"

enum { MAX_LEN = 65536, SLOTS = 1024, EVERY = 32, SPINS = 1000 };

/* --- calls --- */

typedef struct sink sink;

typedef struct sink_ops {
    void (*take)(sink *s, const uint8_t *data, size_t len);
} sink_ops;

struct sink {
    const sink_ops *ops;
    uint64_t taken;
    uint8_t data[MAX_LEN];
};

static void take(sink *s, const uint8_t *data, size_t len)
{
    memcpy(s->data, data, len);
    s->taken++;
}

static const sink_ops ops = {take};

double limit_mem_calls(size_t len, size_t n)
{
    static sink s;
    static uint8_t data[MAX_LEN];
    sink *volatile where = &s; /* so that the call is one */
    s.ops = &ops;
    uint64_t start = bench_clock();
    for (size_t i = 0; i < n; i++) {
        sink *to = where;
        to->ops->take(to, data, len);
    }
    return (double)(bench_clock() - start) / (double)n;
}

/* --- a ring --- */

typedef struct header {
    uint64_t from;
    uint64_t to;
    uint64_t len;
} header;

typedef struct ring {
    _Alignas(64) _Atomic(size_t) tail;
    _Alignas(64) _Atomic(size_t) head;
    _Alignas(64) _Atomic(int) ready;
    size_t len;
    size_t before; /* bytes of the header, or 0 */
    size_t stride;
    size_t n;
    uint64_t start;
    _Alignas(64) uint8_t slots[SLOTS * 2048];
} ring;

/* Until *position is not `seen` any more. */
static size_t wait_for(_Atomic(size_t) *position, size_t seen)
{
    for (unsigned i = 1;; i++) {
        size_t now = atomic_load_explicit(position, memory_order_acquire);
        if (now != seen)
            return now;
        if (i % SPINS == 0)
            sched_yield();
    }
}

static void write_one(ring *r, size_t i, const uint8_t *data)
{
    uint8_t *slot = r->slots + i % SLOTS * r->stride;
    if (r->before) {
        header h = {1, 2, r->len};
        memcpy(slot, &h, sizeof h);
    }
    memcpy(slot + r->before, data, r->len);
}

static void *write_all(void *arg)
{
    ring *r = arg;
    static uint8_t data[2048];
    size_t head = 0;
    while (!atomic_load(&r->ready))
        sched_yield();
    r->start = bench_clock();
    for (size_t i = 0; i < r->n; i++) {
        if (i - head == SLOTS)
            head = wait_for(&r->head, head);
        write_one(r, i, data);
        if ((i + 1) % EVERY == 0)
            atomic_store_explicit(&r->tail, i + 1, memory_order_release);
    }
    atomic_store_explicit(&r->tail, r->n, memory_order_release);
    return NULL;
}

static void read_one(const ring *r, size_t i, uint8_t *data)
{
    const uint8_t *slot = r->slots + i % SLOTS * r->stride;
    size_t len = r->len;
    if (r->before) {
        header h;
        memcpy(&h, slot, sizeof h);
        len = h.len;
    }
    memcpy(data, slot + r->before, len);
    __asm__ volatile("" : : "r"(data) : "memory"); /* it is used */
}

static void read_all(ring *r)
{
    static uint8_t data[2048];
    size_t tail = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (i == tail)
            tail = wait_for(&r->tail, tail);
        read_one(r, i, data);
        if ((i + 1) % EVERY == 0)
            atomic_store_explicit(&r->head, i + 1, memory_order_release);
    }
}

double limit_mem_ring(size_t len, int addresses, size_t n)
{
    static ring r;
    pthread_t writer;
    atomic_store(&r.tail, 0);
    atomic_store(&r.head, 0);
    atomic_store(&r.ready, 0);
    r.len = len;
    r.before = addresses ? sizeof(header) : 0;
    r.stride = (r.before + len + 7) & ~(size_t)7;
    r.n = n;
    if (r.stride > 2048 || pthread_create(&writer, NULL, write_all, &r) != 0)
        return -1;
    atomic_store(&r.ready, 1);
    read_all(&r);
    uint64_t end = bench_clock();
    pthread_join(writer, NULL);
    return (double)(end - r.start) / (double)n;
}
