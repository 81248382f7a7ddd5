/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <p2p/sim.h>
#include <p2p/testing.h>

static int ask(p2p_drop_first *transform, uint64_t from, uint64_t to)
{
    uint8_t data[2] = {1, 2};
    int verdict = p2p_drop_first_transform(transform, from, to, data, sizeof data);
    assert_int_equal(data[0], 1);
    assert_int_equal(data[1], 2);
    return verdict;
}

static void pair_drops_one_in_either_direction(void **state)
{
    (void)state;
    p2p_drop_first *t;
    assert_int_equal(p2p_drop_first_new(&t, 0, NULL), 0);
    assert_int_equal(ask(t, 1, 2), P2P_DROP);
    assert_int_equal(ask(t, 2, 1), P2P_PASS);
    assert_int_equal(ask(t, 1, 2), P2P_PASS);
    assert_int_equal(ask(t, 3, 1), P2P_DROP);
    assert_int_equal(ask(t, 1, 3), P2P_PASS);
    assert_int_equal(ask(t, 4, 4), P2P_DROP);
    assert_int_equal(ask(t, 4, 4), P2P_PASS);
    p2p_drop_first_free(t);
}

static void ordered_drops_one_in_each_direction(void **state)
{
    (void)state;
    p2p_drop_first *t;
    assert_int_equal(p2p_drop_first_new(&t, 1, NULL), 0);
    assert_int_equal(ask(t, 1, 2), P2P_DROP);
    assert_int_equal(ask(t, 2, 1), P2P_DROP);
    assert_int_equal(ask(t, 1, 2), P2P_PASS);
    assert_int_equal(ask(t, 2, 1), P2P_PASS);
    assert_int_equal(ask(t, 0, UINT64_MAX), P2P_DROP);
    assert_int_equal(ask(t, UINT64_MAX, 0), P2P_DROP);
    assert_int_equal(ask(t, UINT64_MAX, 0), P2P_PASS);
    p2p_drop_first_free(t);
}

static void many_pairs_are_remembered(void **state)
{
    (void)state;
    p2p_drop_first *t;
    assert_int_equal(p2p_drop_first_new(&t, 1, NULL), 0);
    for (int round = 0; round < 2; round++) {
        for (uint64_t from = 0; from < 100; from++) {
            for (uint64_t to = 0; to < 100; to++)
                assert_int_equal(ask(t, from, to), round == 0 ? P2P_DROP : P2P_PASS);
        }
    }
    p2p_drop_first_free(t);
}

/* An allocator that gives memory `left` times. */
static void *some_alloc(void *arg, size_t size)
{
    size_t *left = arg;
    if (*left == 0)
        return NULL;
    --*left;
    return malloc(size);
}

static void *some_resize(void *arg, void *ptr, size_t size)
{
    (void)arg;
    (void)ptr;
    (void)size;
    return NULL;
}

static void some_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

static void without_memory_messages_pass(void **state)
{
    (void)state;
    size_t left = 0;
    p2p_allocator allocator = {some_alloc, some_resize, some_free, &left};
    p2p_drop_first *t = NULL;
    assert_int_equal(p2p_drop_first_new(NULL, 0, &allocator), P2P_ERR_INVALID);
    assert_int_equal(p2p_drop_first_new(&t, 0, &allocator), P2P_ERR_NO_MEMORY);
    assert_null(t);
    left = 1;
    assert_int_equal(p2p_drop_first_new(&t, 0, &allocator), 0);
    assert_int_equal(ask(t, 1, 2), P2P_PASS);
    left = 1;
    assert_int_equal(ask(t, 1, 2), P2P_DROP);
    assert_int_equal(ask(t, 1, 2), P2P_PASS);
    p2p_drop_first_free(t);
    p2p_drop_first_free(NULL);
}

static void count_tell(void *arg, const p2p_msg *msg)
{
    int *count = arg;
    *count += (int)msg->len;
}

/* The first message of a pair is lost on a realm with the transform, the second arrives. */
static void works_in_a_realm(void **state)
{
    (void)state;
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *a;
    p2p_swarm *b;
    p2p_drop_first *t;
    p2p_addr to;
    int received = 0;
    assert_int_equal(p2p_sim_new(&loop, NULL), 0);
    assert_int_equal(p2p_realm_new(&realm, loop, NULL), 0);
    assert_int_equal(p2p_mem_new(&a, realm, NULL), 0);
    assert_int_equal(p2p_mem_new(&b, realm, NULL), 0);
    assert_int_equal(p2p_drop_first_new(&t, 0, NULL), 0);
    p2p_realm_on_transform(realm, p2p_drop_first_transform, t);
    p2p_on_tell(b, count_tell, &received);
    assert_int_equal(p2p_local_addr(b, &to), 0);

    assert_int_equal(p2p_tell(a, &to, "a", 1), 0);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(received, 0);
    assert_int_equal(p2p_tell(a, &to, "bc", 2), 0);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(received, 2);

    p2p_close(a, NULL, NULL);
    p2p_close(b, NULL, NULL);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(p2p_realm_free(realm), 0);
    assert_int_equal(p2p_loop_free(loop), 0);
    p2p_drop_first_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_drops_one_in_either_direction),
        cmocka_unit_test(ordered_drops_one_in_each_direction),
        cmocka_unit_test(many_pairs_are_remembered),
        cmocka_unit_test(without_memory_messages_pass),
        cmocka_unit_test(works_in_a_realm),
    };
    return cmocka_run_group_tests_name("drop_first", tests, NULL, NULL);
}
