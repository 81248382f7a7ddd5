/* SPDX-License-Identifier: MIT */
/* Objects by number: limits, stale numbers, reuse, and slots that have used up their numbers. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/err.h>

#include "swarm/slots.h"

typedef struct thing {
    p2p__slot slot;
    uint64_t value;
} thing;

static thing *take(p2p__slots *slots)
{
    int err = 1;
    thing *t = p2p__slots_take(slots, &err);
    assert_non_null(t);
    assert_int_equal(err, 1);
    return t;
}

static void test_limit(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p__slots slots;
    p2p__slots_init(&slots, &allocator, sizeof(thing), 20);
    thing *things[20];
    for (size_t i = 0; i < 20; i++) {
        things[i] = take(&slots);
        assert_int_equal(things[i]->value, 0);
        things[i]->value = i;
    }
    int err = 0;
    assert_null(p2p__slots_take(&slots, &err));
    assert_int_equal(err, P2P_ERR_LIMIT);
    for (size_t i = 0; i < 20; i++) {
        /* They stay in place. */
        assert_ptr_equal(p2p__slots_find(&slots, p2p__slot_id(&things[i]->slot)), things[i]);
        assert_int_equal(things[i]->value, i);
    }
    p2p__slots_give(&slots, things[7]);
    assert_ptr_equal(take(&slots), things[7]);
    assert_null(p2p__slots_take(&slots, &err));
    p2p__slots_free(&slots);
    assert_int_equal(memory.live, 0);
}

/* The array never has more places than may be used, unless some are retired. */
static void test_capacity(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    for (uint32_t max = 1; max < 100; max++) {
        p2p__slots slots;
        p2p__slots_init(&slots, &allocator, sizeof(thing), max);
        for (uint32_t i = 0; i < max; i++) {
            take(&slots);
            assert_true(slots.capacity <= max);
        }
        for (uint32_t i = 0; i < max; i++) {
            thing *t = p2p__slots_at(&slots, i);
            t->slot.generation = UINT32_MAX;
            p2p__slots_give(&slots, t);
        }
        for (uint32_t i = 0; i < max; i++)
            take(&slots);
        assert_int_equal(slots.count, 2 * max);
        assert_true(slots.capacity >= slots.count);
        p2p__slots_free(&slots);
    }
    assert_int_equal(memory.live, 0);
}

static void test_stale_numbers(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p__slots slots;
    p2p__slots_init(&slots, &allocator, sizeof(thing), 100);
    uint64_t ids[1000];
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        thing *t = take(&slots);
        ids[i] = p2p__slot_id(&t->slot);
        assert_true(ids[i] != 0);
        for (size_t j = 0; j < i; j++)
            assert_true(ids[j] != ids[i]);
        p2p__slots_give(&slots, t);
        assert_null(p2p__slots_find(&slots, ids[i]));
    }
    assert_int_equal(slots.count, 1); /* one after the other needs one slot */
    assert_null(p2p__slots_find(&slots, 0));
    assert_null(p2p__slots_find(&slots, 1));
    assert_null(p2p__slots_find(&slots, UINT64_MAX));
    p2p__slots_free(&slots);
}

static void test_walk(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p__slots slots;
    p2p__slots_init(&slots, &allocator, sizeof(thing), 100);
    thing *things[50];
    for (size_t i = 0; i < 50; i++)
        things[i] = take(&slots);
    for (size_t i = 0; i < 50; i += 2)
        p2p__slots_give(&slots, things[i]);
    for (uint32_t i = 0; i < slots.count; i++)
        assert_ptr_equal(p2p__slots_at(&slots, i), i % 2 ? things[i] : NULL);
    assert_null(p2p__slots_at(&slots, slots.count));
    p2p__slots_free(&slots);
    assert_int_equal(memory.live, 0);
}

/* After 2^31 uses a slot has no number left. It must be in use never again, by no number. */
static void test_used_up(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p__slots slots;
    p2p__slots_init(&slots, &allocator, sizeof(thing), 1);
    thing *first = take(&slots);
    p2p__slots_give(&slots, first);
    first->slot.generation = UINT32_MAX - 1;
    assert_ptr_equal(take(&slots), first);
    uint64_t last_id = p2p__slot_id(&first->slot);
    assert_ptr_equal(p2p__slots_find(&slots, last_id), first);
    p2p__slots_give(&slots, first);
    assert_null(p2p__slots_find(&slots, last_id));
    assert_null(p2p__slots_at(&slots, 0));
    thing *second = take(&slots);
    assert_ptr_not_equal(second, first);
    assert_true(p2p__slot_id(&second->slot) != last_id);
    int err = 0;
    assert_null(p2p__slots_take(&slots, &err));
    assert_int_equal(err, P2P_ERR_LIMIT);
    p2p__slots_free(&slots);
    assert_int_equal(memory.live, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    counted memory;
    p2p_allocator allocator = counted_allocator(&memory);
    p2p__slots slots;
    p2p__slots_init(&slots, &allocator, sizeof(thing), 1000);
    size_t taken = 0;
    for (size_t i = 1; taken < 100; i++) {
        memory.fail_at = i % 2 ? memory.calls + 1 : 0;
        int err = 0;
        uint32_t used = slots.used;
        if (p2p__slots_take(&slots, &err)) {
            taken++;
        } else {
            assert_int_equal(err, P2P_ERR_NO_MEMORY);
            assert_int_equal(slots.used, used);
        }
    }
    assert_int_equal(slots.used, 100);
    p2p__slots_free(&slots);
    assert_int_equal(memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),         cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_stale_numbers), cmocka_unit_test(test_walk),
        cmocka_unit_test(test_used_up),       cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
