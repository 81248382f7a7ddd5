/* SPDX-License-Identifier: MIT */
/* The queue by time against a sorted reference. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/err.h>

#include "core/radix_heap.h"
#include "core/rand.h"

/* Items are numbers in disguise: pointers into this array, in order of pushing. */
enum { MOST = 400000 };
static uint8_t items[MOST];

/* The reference: a binary heap by (time, number). */
typedef struct entry {
    uint64_t time;
    uint32_t number;
} entry;

typedef struct reference {
    entry heap[MOST];
    size_t count;
} reference;

static reference sorted;

static bool before(entry a, entry b)
{
    return a.time < b.time || (a.time == b.time && a.number < b.number);
}

static void reference_push(entry e)
{
    size_t i = sorted.count++;
    while (i && before(e, sorted.heap[(i - 1) / 2])) {
        sorted.heap[i] = sorted.heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    sorted.heap[i] = e;
}

static entry reference_pop(void)
{
    entry first = sorted.heap[0];
    entry e = sorted.heap[--sorted.count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sorted.count)
            break;
        if (child + 1 < sorted.count && before(sorted.heap[child + 1], sorted.heap[child]))
            child++;
        if (!before(sorted.heap[child], e))
            break;
        sorted.heap[i] = sorted.heap[child];
        i = child;
    }
    sorted.heap[i] = e;
    return first;
}

/* A heap, the reference, and how many were pushed. */
typedef struct pair {
    counted memory;
    p2p_allocator allocator;
    p2p__radix_heap heap;
    p2p__rand rand;
    uint64_t now;
    uint32_t pushed;
} pair;

static void begin(pair *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    p->allocator = counted_allocator(&p->memory);
    p2p__radix_init(&p->heap, &p->allocator);
    p2p__rand_seed(&p->rand, seed);
    sorted.count = 0;
}

static void end(pair *p)
{
    p2p__radix_free(&p->heap);
    assert_int_equal(p->memory.live, 0);
}

static void push(pair *p, uint64_t time)
{
    assert_ok(p2p__radix_push(&p->heap, time, &items[p->pushed]));
    entry e = {time < p->now ? p->now : time, p->pushed++};
    reference_push(e);
    assert_int_equal(p->heap.count, sorted.count);
}

/* Takes one out of both; they must agree. */
static void pop(pair *p)
{
    assert_true(p2p__radix_min(&p->heap) == sorted.heap[0].time);
    entry wanted = reference_pop();
    if (wanted.time)
        assert_null(p2p__radix_pop(&p->heap, wanted.time - 1));
    assert_ptr_equal(p2p__radix_pop(&p->heap, wanted.time), &items[wanted.number]);
    p->now = wanted.time;
}

/* A delay of any magnitude, often one that makes ties. */
static uint64_t any_delay(pair *p)
{
    uint64_t bits = p2p__rand_below(&p->rand, 62);
    uint64_t delay = p2p__rand_below(&p->rand, (UINT64_C(1) << bits) + 1);
    return p2p__rand_below(&p->rand, 4) ? delay : delay & ~UINT64_C(0xff);
}

static void random_run(uint64_t seed, uint64_t grows, uint64_t most_delay)
{
    pair p;
    begin(&p, seed);
    while (p.pushed < 100000) {
        if (!sorted.count || p2p__rand_below(&p.rand, 100) < grows) {
            uint64_t delay = most_delay ? p2p__rand_below(&p.rand, most_delay) : any_delay(&p);
            push(&p, delay < UINT64_MAX - p.now ? p.now + delay : UINT64_MAX - 1);
        } else {
            pop(&p);
        }
    }
    while (sorted.count)
        pop(&p);
    assert_null(p2p__radix_pop(&p.heap, UINT64_MAX));
    assert_true(p2p__radix_min(&p.heap) == UINT64_MAX);
    end(&p);
}

static void test_against_reference(void **state)
{
    (void)state;
    random_run(1, 60, 0);         /* grows, delays of every magnitude */
    random_run(2, 50, 0);         /* stays small */
    random_run(3, 52, 1000);      /* many ties */
    random_run(4, 70, 200000000); /* as in a simulation */
    random_run(5, 55, 1);         /* all at once */
    random_run(6, 51, 100);       /* few, close together */
}

/* Every power of two and its neighbours, pushed from the last to the first. */
static void test_edges(void **state)
{
    (void)state;
    pair p;
    begin(&p, 0);
    for (int bit = 63; bit >= 0; bit--)
        for (uint64_t off = 0; off < 3; off++)
            push(&p, (UINT64_C(1) << bit) + 1 - off);
    push(&p, UINT64_MAX - 1);
    push(&p, 0);
    push(&p, UINT64_MAX - 1);
    while (sorted.count)
        pop(&p);
    /* Time stands at the end now: everything earlier counts as then. */
    push(&p, 5);
    push(&p, UINT64_MAX - 1);
    push(&p, 0);
    while (sorted.count)
        pop(&p);
    end(&p);
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    pair p;
    begin(&p, 0);
    /* Items of one time, pushed as that time comes nearer, and when it has come. */
    for (uint64_t t = 0; t < 1000; t++) {
        for (int i = 0; i < 3; i++)
            push(&p, 1000);
        push(&p, t);
        pop(&p);
    }
    for (int i = 0; i < 1500; i++) {
        pop(&p);
        push(&p, 1000);
        push(&p, 1000);
    }
    while (sorted.count)
        pop(&p);
    end(&p);
}

/* The few items that are sorted: more and more come between them, until they are many. */
static void test_run(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        pair p;
        begin(&p, seed);
        for (int i = 0; i < 20; i++)
            push(&p, 1000 + p2p__rand_below(&p.rand, 200));
        push(&p, UINT64_C(1) << 40);
        pop(&p);
        assert_true(p.heap.run_level > 0);
        uint64_t spread = 1 + p2p__rand_below(&p.rand, 200);
        unsigned pops = (unsigned)p2p__rand_below(&p.rand, 40);
        while (p.heap.run_level) {
            push(&p, p.now + p2p__rand_below(&p.rand, spread));
            if (p2p__rand_below(&p.rand, 100) < pops)
                pop(&p);
        }
        while (sorted.count)
            pop(&p);
        end(&p);
    }
}

/* Without memory to end it a full run stays, and can be taken from. */
static void test_run_without_memory(void **state)
{
    (void)state;
    pair p;
    begin(&p, 0);
    for (uint64_t i = 0; i < 20; i++)
        push(&p, 1000 + i);
    pop(&p);
    while (p.heap.run_end < P2P__RADIX_RUN || p.heap.run_begin)
        push(&p, 1010);
    p.memory.failing = 1;
    while (p.heap.spare_count > 1) {
        p2p__radix_chunk *chunk = p.heap.spare;
        p.heap.spare = chunk->next;
        p.heap.spare_count--;
        p.allocator.free(p.allocator.arg, chunk);
    }
    size_t count = p.heap.count;
    assert_int_equal(p2p__radix_push(&p.heap, 1010, &p), P2P_ERR_NO_MEMORY);
    assert_int_equal(p.heap.count, count);
    pop(&p);
    push(&p, 1010);
    p.memory.failing = 0;
    push(&p, 1005);
    assert_int_equal(p.heap.run_level, 0);
    while (sorted.count)
        pop(&p);
    end(&p);
}

/* Looking for the earliest time must not move time on: earlier pushes may follow. */
static void test_peek(void **state)
{
    (void)state;
    pair p;
    begin(&p, 0);
    for (uint64_t t = 100000; t > 0; t -= 10) {
        push(&p, t);
        assert_true(p2p__radix_min(&p.heap) == t);
        assert_null(p2p__radix_pop(&p.heap, t - 1));
        assert_null(p2p__radix_pop(&p.heap, 0));
    }
    while (sorted.count)
        pop(&p);
    end(&p);
}

static void test_take(void **state)
{
    (void)state;
    pair p;
    begin(&p, 9);
    static bool taken[5000];
    for (int i = 0; i < 5000; i++)
        push(&p, any_delay(&p));
    for (int i = 0; i < 1000; i++) {
        taken[sorted.heap[0].number] = true;
        pop(&p);
    }
    /* It needs no memory, and gives each of the others once. */
    p.memory.failing = 1;
    const uint8_t *item;
    size_t count = 0;
    while ((item = p2p__radix_take(&p.heap))) {
        assert_false(taken[item - items]);
        taken[item - items] = true;
        count++;
    }
    assert_int_equal(count, 4000);
    assert_int_equal(p.heap.count, 0);
    assert_null(p2p__radix_pop(&p.heap, UINT64_MAX));
    p.memory.failing = 0;
    /* Emptied so, it goes on as before. */
    sorted.count = 0;
    for (int i = 0; i < 1000; i++)
        push(&p, p.now + any_delay(&p) / 2);
    while (sorted.count)
        pop(&p);
    end(&p);
}

/* What fails for want of memory changes nothing, and goes well when tried again. */
static void test_no_memory(void **state)
{
    (void)state;
    pair p;
    begin(&p, 10);
    size_t failed_pushes = 0, failed_pops = 0;
    while (p.pushed < 100000) {
        p.memory.failing = p2p__rand_below(&p.rand, 3) != 0;
        if (!sorted.count || p2p__rand_below(&p.rand, 100) < 70) {
            bool far = p2p__rand_below(&p.rand, 2);
            uint64_t time = p.now +
                            (far ? any_delay(&p) / 1024 : p2p__rand_below(&p.rand, 1000000));
            int err = p2p__radix_push(&p.heap, time, &items[p.pushed]);
            if (err) {
                assert_int_equal(err, P2P_ERR_NO_MEMORY);
                failed_pushes++;
                continue;
            }
            reference_push((entry){time, p.pushed++});
        } else {
            void *item = p2p__radix_pop(&p.heap, UINT64_MAX);
            if (item) {
                entry wanted = reference_pop();
                assert_ptr_equal(item, &items[wanted.number]);
                p.now = wanted.time;
            } else {
                failed_pops++;
            }
        }
        assert_int_equal(p.heap.count, sorted.count);
        assert_true(!sorted.count || p2p__radix_min(&p.heap) == sorted.heap[0].time);
        /* What is spare would hide the failures. */
        while (p.heap.spare && p2p__rand_below(&p.rand, 2)) {
            p2p__radix_chunk *chunk = p.heap.spare;
            p.heap.spare = chunk->next;
            p.heap.spare_count--;
            p.allocator.free(p.allocator.arg, chunk);
        }
    }
    assert_true(failed_pushes > 100);
    assert_true(failed_pops > 100);
    p.memory.failing = 0;
    while (sorted.count)
        pop(&p);
    end(&p);
}

/* Once it has been as full as it gets it needs no more memory. */
static void test_keeps_memory(void **state)
{
    (void)state;
    pair p;
    begin(&p, 11);
    for (int i = 0; i < 10000; i++)
        push(&p, p2p__rand_below(&p.rand, 1000000));
    size_t calls = 0;
    for (int i = 0; i < 200000; i++) {
        if (i == 100000)
            calls = p.memory.calls;
        pop(&p);
        push(&p, p.now + p2p__rand_below(&p.rand, 1000000));
    }
    assert_in_range(p.memory.calls - calls, 0, 4);
    end(&p);
}

/* When it empties it gives memory back, and not one chunk at a time each time it is used. */
static void test_gives_memory_back(void **state)
{
    (void)state;
    pair p;
    begin(&p, 12);
    size_t before = p.memory.bytes;
    for (int i = 0; i < 200000; i++)
        assert_ok(p2p__radix_push(&p.heap, p2p__rand_below(&p.rand, 1000000), &p));
    size_t full = p.memory.bytes - before;
    for (int i = 0; i < 190000; i++)
        assert_non_null(p2p__radix_pop(&p.heap, UINT64_MAX));
    assert_true(p.memory.bytes - before < full / 5);
    while (p2p__radix_pop(&p.heap, UINT64_MAX))
        continue;
    assert_true(p.memory.bytes - before <= (size_t)300 * 1024);
    end(&p);
}

/* Told of what comes soon: nearly each item, and nearer each time. */
typedef struct soon_log {
    size_t told[2000];
    size_t last[2000];
} soon_log;

static void on_soon(void *arg, void *item, size_t ahead)
{
    soon_log *log = arg;
    size_t number = (size_t)((uint8_t *)item - items);
    assert_true(!log->told[number] || ahead < log->last[number]);
    log->told[number]++;
    log->last[number] = ahead;
}

static void test_soon(void **state)
{
    (void)state;
    static soon_log log;
    pair p;
    begin(&p, 12);
    p.heap.soon = on_soon;
    p.heap.soon_arg = &log;
    for (int i = 0; i < 2000; i++)
        push(&p, 1 + p2p__rand_below(&p.rand, UINT64_C(1) << 40));
    while (sorted.count)
        pop(&p);
    size_t told = 0;
    for (int i = 0; i < 2000; i++)
        told += log.told[i] > 0;
    assert_true(told > 1900); /* it is no promise */
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_run_without_memory),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_keeps_memory),
        cmocka_unit_test(test_gives_memory_back),
        cmocka_unit_test(test_soon),
    };
    return cmocka_run_group_tests_name("radix_heap", tests, NULL, NULL);
}
