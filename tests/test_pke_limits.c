/* SPDX-License-Identifier: MIT */
/* PKE swarms: the table of address prefixes, and what is counted as over a limit. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link narrow = {
    .size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND, .mtu = 1280};

enum { TABLE = 160 * 1024, ALONE = 12 * 1024 };

/* A swarm costs little until a stranger calls: only then is there a table of prefixes. */
static void test_lazy_table(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &narrow, 1);
    pke_net_add(&net, 2, 3, NULL); /* with what the realm makes for its first node */
    size_t before = net.memory.bytes;
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    print_message("a swarm: %zu bytes\n", net.memory.bytes - before);
    assert_in_range(net.memory.bytes - before, 1, ALONE);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    before = net.memory.bytes;
    assert_true(pke_arrive(a, b, "hello") != P2P_NEVER);
    assert_in_range(net.memory.bytes - before, TABLE, TABLE + ALONE);
    /* The other way it is not the first any more: still one table. */
    assert_true(pke_arrive(b, a, "hello") != P2P_NEVER);
    pke_net_run(&net, 10 * P2P_SECOND);
    assert_true(pke_arrive(b, a, "hello") != P2P_NEVER);
    assert_in_range(net.memory.bytes - before, TABLE, TABLE + ALONE);
    pke_net_end(&net);
}

/* No memory for it: who comes is dropped and counted, and gets in when there is some again. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        pke_net net;
        pke_net_begin(&net, &narrow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, extended ? NULL : pke_as_reference);
        pke_node *b = pke_net_add(&net, 1, 2, NULL);
        assert_ok(pke_say(a, &b->addr, "hello"));
        pke_net_run(&net, 5 * P2P_MILLISECOND);
        net.memory.failing = 1;
        pke_net_run(&net, 8 * P2P_MILLISECOND);
        net.memory.failing = 0;
        assert_int_equal(pke_peers(b), 0);
        assert_int_equal(pke_base_stats(b).rx_drop_limit, 1);
        assert_int_equal(pke_base_stats(b).rx_drop_malformed, 0);
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(b->got, 1);
        pke_net_end(&net);
    }
}

static void one_per_second(p2p_pke_swarm_config *config)
{
    config->max_handshakes_prefix = 1;
}

/* Who meets a limit is counted there, also if he cannot be asked for a cookie. */
static void test_counted_as_limit(void **state)
{
    (void)state;
    enum { TIMES = 6, BURST = 2 };
    pke_net net;
    pke_net_begin(&net, &narrow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, one_per_second);
    for (int i = 0; i < TIMES; i++) {
        pke_node *b = pke_net_add(&net, 1, 2 + (uint64_t)i, pke_as_reference);
        assert_ok(pke_say(b, &a->addr, "hello"));
        pke_net_run(&net, 15 * P2P_MILLISECOND);
        pke_net_crash(b);
    }
    assert_int_equal(pke_stats(a).handshakes_answered, BURST);
    assert_int_equal(pke_base_stats(a).rx_drop_limit, TIMES - BURST);
    assert_int_equal(pke_base_stats(a).rx_drop_malformed, 0);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lazy_table),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_counted_as_limit),
    };
    return cmocka_run_group_tests_name("pke limits", tests, NULL, NULL);
}
