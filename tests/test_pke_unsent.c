/* SPDX-License-Identifier: MIT */
/* PKE swarms: how many messages have not left yet. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

enum { MANY = 10, BELOW = 4 };

static size_t unsent(const pke_node *node)
{
    return p2p_swarm_unsent(node->swarm);
}

/* During a handshake; empty messages are messages. */
static void test_handshake(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    pke_node *c = pke_net_add(&net, 2, 3, NULL);
    assert_int_equal(unsent(a), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_ok(pke_say(a, i % 2 ? &b->addr : &c->addr, i < 4 ? "" : "hello"));
        assert_int_equal(unsent(a), i + 1);
    }
    pke_net_run(&net, 15 * P2P_MILLISECOND);
    assert_int_equal(unsent(a), MANY);
    pke_net_run(&net, 10 * P2P_MILLISECOND);
    assert_int_equal(unsent(a), MANY);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(unsent(a), 0);
    assert_int_equal(b->got + c->got, MANY);
    /* What needs not wait leaves at once. */
    assert_ok(pke_say(a, &b->addr, "hello"));
    assert_int_equal(unsent(a), 0);
    pke_net_end(&net);
}

/* While the swarm below is full: one is held sealed, the others wait behind it. */
static void test_full_below(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    net.next_queue = BELOW;
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    net.next_queue = 0;
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    for (size_t i = 0; i < MANY; i++)
        assert_ok(pke_say(a, &b->addr, "hello"));
    /* The handshake is complete; BELOW datagrams at most are on their way at a time. */
    assert_int_not_equal(pke_net_wait(&net, &a->up, 1, P2P_SECOND), P2P_NEVER);
    pke_net_run(&net, 1);
    size_t left = unsent(a);
    assert_in_range(left, MANY - BELOW, MANY - BELOW + 1);
    while (left) {
        pke_net_run(&net, 10 * P2P_MILLISECOND);
        assert_true(unsent(a) < left);
        left = unsent(a);
    }
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(b->got, MANY);
    pke_net_end(&net);
}

static p2p_stats last_stats;

static void on_closed(void *arg)
{
    p2p_swarm_stats(arg, &last_stats);
}

/* What close drops is what was unsent. */
static void test_close(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 60 * P2P_MILLISECOND; at += P2P_MILLISECOND) {
        pke_net net;
        pke_net_begin(&net, &slow, 1);
        net.next_queue = BELOW;
        pke_node *a = pke_net_add(&net, 0, 1, NULL);
        net.next_queue = 0;
        pke_node *b = pke_net_add(&net, 1, 2, NULL);
        for (size_t i = 0; i < MANY; i++)
            assert_ok(pke_say(a, &b->addr, "hello"));
        pke_net_run(&net, at);
        size_t left = unsent(a);
        p2p_close(a->swarm, on_closed, a->swarm);
        assert_int_equal(unsent(a), 0);
        a->swarm = NULL;
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(last_stats.tx_drop_closed, left);
        assert_int_equal(b->got, MANY - left);
        pke_net_end(&net);
    }
}

/* A handshake that fails takes what waits for it along. */
static void test_failure(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    p2p_signer *nobody = pke_test_signer(99);
    p2p_addr nowhere = pke_addr(nobody, 77);
    for (size_t i = 0; i < MANY; i++)
        assert_ok(pke_say(a, &nowhere, "hello"));
    pke_net_run(&net, 14 * P2P_SECOND);
    assert_int_equal(unsent(a), MANY);
    pke_net_run(&net, 2 * P2P_SECOND);
    assert_int_equal(unsent(a), 0);
    assert_int_equal(pke_base_stats(a).tx_drop_error, MANY);
    pke_net_end(&net);
    p2p_signer_free(nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_full_below),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests_name("pke unsent", tests, NULL, NULL);
}
