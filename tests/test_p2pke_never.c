/* SPDX-License-Identifier: MIT */
/* P2P_NEVER, and other times that no clock shows, where a channel takes a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

static const uint64_t nevers[] = {P2P_NEVER, P2P_NEVER - 1, P2P_NEVER - P2P_PKE_LIFETIME,
                                  P2P_NEVER / 2 + 1};

#define COUNT (sizeof nevers / sizeof *nevers)

/* All that a channel may be asked to do at such a time: it does it at the time that it knows. */
static void use(p2p_pke_channel *c, uint64_t never)
{
    p2p_pke_time time = {never, TEST_WALL};
    uint8_t out[2000];
    uint8_t garbage[64] = {0};
    size_t len;
    p2p_pke_result result;
    p2p_pke_info info;
    p2p_iov iov = {"hello", 5};
    assert_int_equal(p2p_pke_channel_poll(c, time, out, sizeof out, &len), 0);
    assert_int_equal(p2p_pke_channel_send(c, time, &iov, 1, out, sizeof out, &len), 0);
    assert_int_not_equal(p2p_pke_channel_receive(c, time, garbage, sizeof garbage, out, &result),
                         0);
    assert_int_equal(p2p_pke_channel_open(c, time), 0);
    p2p_pke_channel_info(c, time, &info);
    /* One message each time, and not without end. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(p2p_pke_channel_poll(c, time, out, sizeof out, &len), 0);
}

/* The caller goes from deadline to deadline, and an idle channel has none. */
static void test_idle(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        test_node node;
        p2p_pke_channel *c;
        uint8_t out[2000];
        size_t len = 1;
        test_node_init(&node, 1, NULL);
        assert_int_equal(p2p_pke_channel_new(&c, node.ep, NULL, "x", 1), 0);
        p2p_pke_time time = {p2p_pke_channel_deadline(c), TEST_WALL};
        assert_true(time.now == P2P_NEVER);
        time.now = nevers[i];
        assert_int_equal(p2p_pke_channel_poll(c, time, out, sizeof out, &len), 0);
        assert_int_equal(len, 0);
        assert_true(p2p_pke_channel_deadline(c) == P2P_NEVER);
        use(c, nevers[i]);
        p2p_pke_channel_free(c);
        test_node_free(&node);
    }
}

/* A channel with a session: it is still good afterwards. */
static void test_in_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        net n;
        net_init(&n);
        assert_int_equal(net_text(&n, 0, "before"), 0);
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[1].delivered, 1);
        use(n.side[0].channel, nevers[i]);
        use(n.side[1].channel, nevers[i]);
        assert_int_equal(net_text(&n, 0, "after"), 0);
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[1].delivered, 2);
        net_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
