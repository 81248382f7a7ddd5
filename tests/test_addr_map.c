/* SPDX-License-Identifier: MIT */
/* The table of objects by address, against a plain list. */
#include "core/addr_map.h"

#include "core/addr_layout.h"
#include "core/rand.h"
#include "support/check.h"
#include "support/counted.h"

enum { OBJECTS = 600 };

typedef struct object {
    p2p__addr_node node; /* first, so that a node is an object */
    int inside;
} object;

typedef struct fixture {
    counted memory;
    p2p_allocator allocator;
    p2p__addr_map map;
    object objects[OBJECTS];
} fixture;

static fixture *fixture_new(uint64_t seed)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->allocator = counted_allocator(&f->memory);
    p2p__addr_map_init(&f->map, &f->allocator, seed);
    for (unsigned i = 0; i < OBJECTS; i++) {
        const uint8_t ip[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        if (i % 3)
            p2p__addr_set_ip4(&f->objects[i].node.addr, ip, 4000);
        else
            p2p_addr_from_mem(&f->objects[i].node.addr, i);
    }
    return f;
}

static void fixture_free(fixture *f)
{
    p2p__addr_map_free(&f->map);
    assert_int_equal(f->memory.live, 0);
    free(f);
}

static void insert(fixture *f, object *o)
{
    assert_ok(p2p__addr_map_insert(&f->map, &o->node));
    o->inside = 1;
}

static void take_out(fixture *f, object *o)
{
    p2p__addr_map_remove(&f->map, &o->node);
    o->inside = 0;
}

static void check(const fixture *f)
{
    size_t inside = 0;
    for (size_t i = 0; i < OBJECTS; i++) {
        const object *o = &f->objects[i];
        /* A copy, so that the bytes are looked at and not the place. */
        p2p_addr addr = o->node.addr;
        inside += (size_t)o->inside;
        assert_ptr_equal(p2p__addr_map_find(&f->map, &addr), o->inside ? &o->node : NULL);
    }
    assert_int_equal(f->map.count, inside);
    assert_true(f->map.count * 2 <= f->map.capacity);
}

static void test_empty(void **state)
{
    (void)state;
    fixture *f = fixture_new(1);
    check(f);
    assert_int_equal(f->memory.calls, 0);
    fixture_free(f);
}

static void test_fill_and_drain(void **state)
{
    (void)state;
    fixture *f = fixture_new(2);
    for (size_t i = 0; i < OBJECTS; i++) {
        insert(f, &f->objects[i]);
        if (i < 40 || i % 100 == 0)
            check(f);
    }
    check(f);
    for (size_t i = 0; i < OBJECTS; i++) {
        take_out(f, &f->objects[(i * 7) % OBJECTS]);
        if (i % 50 == 0)
            check(f);
    }
    check(f);
    fixture_free(f);
}

/* Whatever comes and goes: searches never stop early, also not across the end of the table. */
static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        fixture *f = fixture_new(seed);
        p2p__rand rand;
        p2p__rand_seed(&rand, seed);
        size_t range = seed % 2 ? 15 : OBJECTS; /* a small table wraps often */
        for (size_t i = 0; i < 2000; i++) {
            object *o = &f->objects[p2p__rand_below(&rand, range)];
            if (o->inside)
                take_out(f, o);
            else
                insert(f, o);
            if (i % 100 == 0)
                check(f);
        }
        check(f);
        fixture_free(f);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fixture *f = fixture_new(3);
    f->memory.failing = 1;
    assert_int_equal(p2p__addr_map_insert(&f->map, &f->objects[0].node), P2P_ERR_NO_MEMORY);
    check(f);
    f->memory.failing = 0;
    size_t fits = 0;
    insert(f, &f->objects[fits++]);
    f->memory.failing = 1;
    while (fits < OBJECTS && p2p__addr_map_insert(&f->map, &f->objects[fits].node) == 0)
        f->objects[fits++].inside = 1;
    assert_int_equal(fits, f->map.capacity / 2);
    check(f);
    f->memory.failing = 0;
    insert(f, &f->objects[fits]);
    check(f);
    fixture_free(f);
}

/* The order of places depends on the secret seed, so that nobody can choose who collides. */
static void test_seed(void **state)
{
    (void)state;
    fixture *a = fixture_new(4);
    fixture *b = fixture_new(5);
    size_t same = 0;
    for (size_t i = 0; i < 100; i++) {
        insert(a, &a->objects[i]);
        insert(b, &b->objects[i]);
        same += a->objects[i].node.hash == b->objects[i].node.hash;
    }
    assert_int_equal(same, 0);
    fixture_free(a);
    fixture_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),  cmocka_unit_test(test_fill_and_drain),
        cmocka_unit_test(test_random), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
