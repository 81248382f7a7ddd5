/* SPDX-License-Identifier: MIT */
/*
 * Once things have been as full as they get, messages need no memory. The queue of messages under
 * way may want a little more as the clock passes each power of two.
 */
#include "support/check.h"
#include "support/realm_nodes.h"

enum { WARM_UP = 200, ROUNDS = 1000, BURST = 100, FEW = 20 };

/* What a round does. Returns nothing; the loop is run after each. */
typedef void round_fn(node *a, node *b);

static void tell_burst(node *a, node *b)
{
    for (uint64_t i = 0; i < BURST; i++) {
        assert_ok(node_tell(a, b, i, 64));
        assert_ok(node_tell(b, a, i, (size_t)(i * 14)));
    }
}

static reply replies[BURST];

static void ask_burst(node *a, node *b)
{
    for (size_t i = 0; i < BURST; i++)
        assert_ok(node_ask(a, b, "a question", 0, &replies[i]));
}

/* Messages that are answered, so that there are always as many on their way. */
static void bounce(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    n->tells++;
    assert_ok(p2p_tell(n->swarm, msg->src, msg->data, msg->len));
}

/* Allocations of many rounds after the warm-up. */
static size_t count_calls(const p2p_link *link, round_fn *round)
{
    field f;
    node a, b;
    size_t before = 0;
    field_begin(&f, 3, link);
    node_open(&a, f.realm, NULL);
    node_open(&b, f.realm, NULL);
    for (size_t i = 0; i < WARM_UP + ROUNDS; i++) {
        if (i == WARM_UP)
            before = f.memory.calls;
        round(&a, &b);
        field_run_for(&f, 50 * P2P_MILLISECOND);
    }
    size_t calls = f.memory.calls - before;
    node_close(&a);
    node_close(&b);
    field_end(&f);
    return calls;
}

static const p2p_link network = {.size = sizeof(p2p_link),
                                 .latency = 10 * P2P_MILLISECOND,
                                 .jitter = 5 * P2P_MILLISECOND,
                                 .loss = 0.1,
                                 .duplicate = 0.1,
                                 .bandwidth = 1 << 30};

static void test_tells(void **state)
{
    (void)state;
    assert_in_range(count_calls(NULL, tell_burst), 0, FEW);
    assert_in_range(count_calls(&network, tell_burst), 0, FEW);
}

static void test_asks(void **state)
{
    (void)state;
    assert_in_range(count_calls(NULL, ask_burst), 0, FEW);
    assert_in_range(count_calls(&network, ask_burst), 0, FEW);
}

/* Many messages under way at once; how many lie in which part of the queue changes all the time. */
static void test_steady_traffic(void **state)
{
    (void)state;
    field f;
    node a, b;
    field_begin(&f, 4, &(p2p_link){.size = sizeof(p2p_link), .latency = 1, .jitter = P2P_SECOND});
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = 20000;
    node_open(&a, f.realm, &config);
    node_open(&b, f.realm, &config);
    for (uint64_t i = 0; i < 10000; i++)
        assert_ok(node_tell(&a, &b, i, 64));
    p2p_on_tell(a.swarm, bounce, &a);
    p2p_on_tell(b.swarm, bounce, &b);
    field_run_for(&f, 20 * P2P_SECOND);
    size_t calls = f.memory.calls;
    size_t tells = a.tells + b.tells;
    field_run_for(&f, 20 * P2P_SECOND);
    tells = a.tells + b.tells - tells;
    assert_true(tells > 300000);
    assert_in_range(f.memory.calls - calls, 0, tells / 10000);
    node_close(&a);
    node_close(&b);
    field_end(&f);
}

static void test_real_time(void **state)
{
    (void)state;
    field f = {.loop = NULL};
    node a, b;
    size_t before = 0;
    f.loop = counted_loop(&f.memory);
    assert_ok(p2p_realm_new(&f.realm, f.loop, NULL));
    node_open(&a, f.realm, NULL);
    node_open(&b, f.realm, NULL);
    for (size_t i = 0; i < WARM_UP + ROUNDS; i++) {
        if (i == WARM_UP)
            before = f.memory.calls;
        tell_burst(&a, &b);
        size_t wanted = b.tells + BURST;
        while (b.tells < wanted)
            assert_ok(p2p_loop_step(f.loop));
    }
    assert_int_equal(f.memory.calls, before);
    node_close(&a);
    node_close(&b);
    assert_ok(p2p_loop_run(f.loop));
    assert_ok(p2p_realm_free(f.realm));
    counted_end(f.loop, &f.memory);
}

static void test_bridge(void **state)
{
    (void)state;
    field f[2];
    node nodes[2];
    p2p_bridge *bridge;
    size_t before[2] = {0, 0};
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.max_nodes = 10;
    for (size_t i = 0; i < 2; i++) {
        config.first_node = 10 * i;
        field_begin_with(&f[i], 5, &config);
        node_open(&nodes[i], f[i].realm, NULL);
    }
    assert_ok(p2p_bridge_new(&bridge, f[0].realm, f[1].realm, 0));
    for (size_t i = 0; i < WARM_UP + ROUNDS; i++) {
        for (size_t k = 0; i == WARM_UP && k < 2; k++)
            before[k] = f[k].memory.calls;
        tell_burst(&nodes[0], &nodes[1]);
        ask_burst(&nodes[0], &nodes[1]);
        for (size_t k = 0; k < 8; k++)
            field_run_for(&f[k % 2], P2P_MILLISECOND);
        assert_int_equal(replies[BURST - 1].calls, 1);
    }
    for (size_t k = 0; k < 2; k++) {
        assert_in_range(f[k].memory.calls - before[k], 0, FEW);
        node_close(&nodes[k]);
        field_run_for(&f[k], 0);
    }
    assert_ok(p2p_bridge_free(bridge));
    field_end(&f[0]);
    field_end(&f[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells),          cmocka_unit_test(test_asks),
        cmocka_unit_test(test_steady_traffic), cmocka_unit_test(test_real_time),
        cmocka_unit_test(test_bridge),
    };
    return cmocka_run_group_tests_name("alloc_free", tests, NULL, NULL);
}
