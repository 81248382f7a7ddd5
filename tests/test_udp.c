/* SPDX-License-Identifier: MIT */
/* What <p2p/udp.h> promises of one socket: making, addresses, lengths, closing. */
#include "test_udp.h"

#include <p2p/sim.h>

static int make(p2p_loop *loop, const char *bind, unsigned flags)
{
    p2p_swarm *swarm = NULL;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = bind;
    config.flags = flags;
    int err = p2p_udp_new(&swarm, loop, &config);
    if (!err) {
        p2p_close(swarm, NULL, NULL);
        assert_int_equal(p2p_loop_run(loop), 0);
    } else {
        assert_null(swarm);
    }
    return err;
}

static void test_defaults(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    p2p_swarm *swarm = NULL;
    assert_int_equal(p2p_udp_new(&swarm, loop, NULL), 0);
    assert_string_equal(p2p_swarm_kind(swarm), "udp");
    assert_ptr_equal(p2p_swarm_loop(swarm), loop);
    assert_null(p2p_swarm_inner(swarm));
    assert_int_equal(p2p_mtu(swarm, NULL), P2P_UDP_DEFAULT_MTU);
    assert_int_equal(p2p_ask_mtu(swarm, NULL), 0);
    assert_false(p2p_can_ask(swarm));
    assert_false(p2p_is_secure(swarm));
    p2p_addr addrs[64];
    size_t n = 0;
    assert_int_equal(p2p_local_addrs(swarm, addrs, 64, &n), 0);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = 0;
        p2p_ip ip;
        assert_int_equal(p2p_addr_port(&addrs[i], &port), 0);
        assert_int_not_equal(port, 0);
        assert_int_equal(p2p_addr_ip(&addrs[i], &ip), 0);
        assert_false(p2p_ip_is_unspecified(&ip));
    }
    assert_true(p2p_udp_fd(swarm) >= 0);
    p2p_close(swarm, NULL, NULL);
    assert_int_equal(p2p_udp_fd(swarm), P2P_ERR_CLOSED);
    assert_int_equal(p2p_loop_run(loop), 0);
    counted_end(loop, &m);
}

static void test_what_cannot_be_bound(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    const char *bad[] = {"",      "127.0.0.1",     "localhost:1",
                         "17",    "udp://[::1]:1", "127.0.0.1:65536",
                         "[::1]", "127.0.0.1:01",  "a-name"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(make(loop, bad[i], 0), P2P_ERR_BAD_ADDR);
    assert_int_equal(make(loop, "192.0.2.1:0", 0), P2P_ERR_UNREACHABLE);
    assert_int_equal(make(loop, "[2001:db8::1]:0", 0), P2P_ERR_UNREACHABLE);
    assert_true(m.logs > 0);
    assert_non_null(strstr(m.last_log, "[2001:db8::1]:0"));
    node n;
    open_node(&n, loop, NULL);
    char text[P2P_ADDR_TEXT_SIZE];
    assert_int_equal(p2p_addr_text(&n.addr, text, sizeof text), 0);
    assert_int_equal(make(loop, text, 0), P2P_ERR_IN_USE);
    close_node(&n);
    assert_int_equal(make(loop, text, 0), 0);
    counted_end(loop, &m);
}

static void test_what_is_invalid(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    p2p_swarm *swarm = NULL;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = "127.0.0.1:0";
    config.mtu = P2P_UDP_MAX_MTU + 1;
    assert_int_equal(p2p_udp_new(&swarm, loop, &config), P2P_ERR_INVALID);
    config.mtu = 0;
    assert_int_equal(p2p_udp_new(NULL, loop, &config), P2P_ERR_INVALID);
    assert_int_equal(p2p_udp_new(&swarm, NULL, &config), P2P_ERR_INVALID);
    config.flags = 1u << 31;
    assert_int_equal(p2p_udp_new(&swarm, loop, &config), P2P_ERR_INVALID);
    config.flags = 0;
    config.size = 0;
    assert_int_equal(p2p_udp_new(&swarm, loop, &config), P2P_ERR_INVALID);
    assert_int_equal(p2p_udp_fd(NULL), P2P_ERR_INVALID);
    counted_end(loop, &m);

    p2p_loop *sim = NULL;
    assert_int_equal(p2p_sim_new(&sim, NULL), 0);
    assert_int_equal(make(sim, "127.0.0.1:0", 0), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_loop_free(sim), 0);
}

/* Whichever allocation fails, nothing is left behind. */
static void test_no_memory(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    size_t before = m.calls;
    size_t live = m.live;
    int err = P2P_ERR_NO_MEMORY;
    for (size_t i = 1; err == P2P_ERR_NO_MEMORY; i++) {
        assert_true(i < 100);
        m.fail_at = before + i;
        m.calls = before;
        err = make(loop, "127.0.0.1:0", 0);
        settle(loop);
        assert_int_equal(m.live, live);
    }
    m.fail_at = 0;
    assert_int_equal(err, 0);
    counted_end(loop, &m);
}

static void test_bad_destinations(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node ip4, ip6, dual, only6;
    open_flags(&ip4, loop, "127.0.0.1:0", 0);
    open_flags(&ip6, loop, "[::1]:0", 0);
    open_flags(&dual, loop, "[::]:0", 0);
    open_flags(&only6, loop, "[::]:0", P2P_UDP_V6_ONLY);
    const struct {
        const char *text;
        int ip4, ip6, dual, only6;
    } cases[] = {
        {"127.0.0.1:9", 0, P2P_ERR_BAD_ADDR, 0, P2P_ERR_BAD_ADDR},
        {"[::1]:9", P2P_ERR_BAD_ADDR, 0, 0, 0},
        {"[::ffff:127.0.0.1]:9", 0, P2P_ERR_BAD_ADDR, 0, P2P_ERR_BAD_ADDR},
        {"127.0.0.1:0", P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR},
        {"[::1]:0", P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR},
        {"17", P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR},
        {"a-name", P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR},
        {"udp://127.0.0.1:9", P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR, P2P_ERR_BAD_ADDR,
         P2P_ERR_BAD_ADDR},
    };
    p2p_addr out;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p2p_addr dst = parsed(cases[i].text);
        assert_int_equal(p2p_tell(ip4.swarm, &dst, "x", 1), cases[i].ip4);
        assert_int_equal(p2p_tell(ip6.swarm, &dst, "x", 1), cases[i].ip6);
        assert_int_equal(p2p_tell(dual.swarm, &dst, "x", 1), cases[i].dual);
        assert_int_equal(p2p_tell(only6.swarm, &dst, "x", 1), cases[i].only6);
        assert_int_equal(p2p_parse_addr(ip4.swarm, cases[i].text, &out), cases[i].ip4);
        assert_int_equal(p2p_parse_addr(ip6.swarm, cases[i].text, &out), cases[i].ip6);
        assert_int_equal(p2p_parse_addr(dual.swarm, cases[i].text, &out), cases[i].dual);
        assert_int_equal(p2p_parse_addr(only6.swarm, cases[i].text, &out), cases[i].only6);
    }
    p2p_addr empty;
    memset(&empty, 0, sizeof empty);
    assert_int_equal(p2p_tell(dual.swarm, &empty, "x", 1), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_parse_addr(dual.swarm, "localhost:9", &out), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_parse_addr(dual.swarm, "", &out), P2P_ERR_BAD_ADDR);
    settle(loop);
    close_node(&ip4);
    close_node(&ip6);
    close_node(&dual);
    close_node(&only6);
    counted_end(loop, &m);
}

static void check_lengths(p2p_loop *loop, const char *bind, size_t mtu)
{
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = bind;
    config.mtu = mtu;
    node a, b;
    open_node(&a, loop, &config);
    open_node(&b, loop, NULL);
    close_node(&b);
    open_node(&b, loop, &config);
    assert_int_equal(p2p_mtu(a.swarm, &b.addr), mtu);
    assert_int_equal(tell_number(&a, &b, mtu, 1), 0);
    static uint8_t too_big[P2P_UDP_MAX_MTU + 1];
    assert_int_equal(p2p_tell(a.swarm, &b.addr, too_big, mtu + 1), P2P_ERR_TOO_BIG);
    assert_int_equal(tell_number(&a, &b, 0, 2), 0);
    assert_int_equal(p2p_tell(a.swarm, &b.addr, NULL, 0), 0);
    assert_int_equal(tell_number(&a, &b, mtu, 3), 0);
    wait_for(&b, 4);
    assert_message(&b, 0, &a, mtu, 1);
    assert_message(&b, 1, &a, 0, 2);
    assert_message(&b, 2, &a, 0, 0);
    assert_message(&b, 3, &a, mtu, 3);
    assert_int_equal(stats_of(&a).tx_msgs, 4);
    assert_int_equal(stats_of(&a).tx_refused, 1);
    assert_int_equal(stats_of(&b).rx_msgs, 4);
    assert_int_equal(stats_of(&b).rx_bytes, 2 * mtu);
    close_node(&a);
    close_node(&b);
}

static void test_lengths(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    const size_t mtus[] = {1, 2, 576, P2P_UDP_DEFAULT_MTU, 9000, 32754, P2P_UDP_MAX_MTU};
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        check_lengths(loop, "127.0.0.1:0", mtus[i]);
        check_lengths(loop, "[::1]:0", mtus[i]);
    }
    counted_end(loop, &m);
}

/* A dual-stack socket speaks with both families, and names IPv4 peers as IPv4. */
static void check_dual(unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node dual, ip4, ip6;
    open_flags(&dual, loop, "[::]:0", flags);
    open_flags(&ip4, loop, "127.0.0.1:0", flags);
    open_flags(&ip6, loop, "[::1]:0", flags);
    uint16_t port = 0;
    assert_int_equal(p2p_addr_port(&dual.addr, &port), 0);
    p2p_addr dual4 = parsed("127.0.0.1:1");
    p2p_addr dual6 = parsed("[::1]:1");
    assert_int_equal(p2p_addr_set_port(&dual4, port), 0);
    assert_int_equal(p2p_addr_set_port(&dual6, port), 0);

    dual.addr = dual4;
    assert_int_equal(tell_number(&ip4, &dual, 100, 1), 0);
    wait_for(&dual, 1);
    assert_message(&dual, 0, &ip4, 100, 1);
    dual.addr = dual6;
    assert_int_equal(tell_number(&ip6, &dual, 100, 2), 0);
    wait_for(&dual, 2);
    assert_message(&dual, 1, &ip6, 100, 2);

    /* Answers reach both, in runs as well. */
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tell_number(&dual, &ip4, 100, i), 0);
        assert_int_equal(tell_number(&dual, &ip4, 100, i), 0);
        assert_int_equal(tell_number(&dual, &ip6, 100, i), 0);
        assert_int_equal(tell_number(&dual, &ip6, 100, i), 0);
    }
    wait_for(&ip4, 20);
    wait_for(&ip6, 20);
    dual.addr = dual4;
    assert_message(&ip4, 19, &dual, 100, 9);
    dual.addr = dual6;
    assert_message(&ip6, 19, &dual, 100, 9);
    close_node(&dual);
    close_node(&ip4);
    close_node(&ip6);
    counted_end(loop, &m);
}

static void test_dual_stack(void **state)
{
    (void)state;
    check_dual(0);
    check_dual(P2P_UDP_NO_OFFLOAD);
    check_dual(P2P_UDP_NO_BATCH);
}

/* A socket on all interfaces says to which address a message came. */
static void check_destination(unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all, from;
    open_flags(&all, loop, "0.0.0.0:0", flags);
    open_flags(&from, loop, "127.0.0.1:0", flags);
    uint16_t port = 0;
    assert_int_equal(p2p_addr_port(&all.addr, &port), 0);
    const char *texts[] = {"127.0.0.1:1", "127.0.0.2:1", "127.0.0.2:1", "127.0.0.1:1"};
    for (size_t i = 0; i < 4; i++) {
        all.addr = parsed(texts[i]);
        assert_int_equal(p2p_addr_set_port(&all.addr, port), 0);
        assert_int_equal(tell_number(&from, &all, 10, i), 0);
        wait_for(&all, i + 1);
        assert_message(&all, i, &from, 10, i);
    }
    close_node(&all);
    close_node(&from);
    counted_end(loop, &m);
}

static void test_destination(void **state)
{
    (void)state;
    check_destination(0);
    check_destination(P2P_UDP_NO_BATCH);
}

/* Each address that a swarm says it has is one that it can read and reach itself. */
static void check_own_addrs(const node *n, size_t at_least)
{
    p2p_addr addrs[64];
    size_t count = 0;
    assert_int_equal(p2p_local_addrs(n->swarm, addrs, 64, &count), 0);
    assert_true(count >= at_least);
    for (size_t i = 0; i < count; i++) {
        char text[P2P_ADDR_TEXT_SIZE];
        p2p_addr again;
        assert_int_equal(p2p_addr_text(&addrs[i], text, sizeof text), 0);
        assert_int_equal(p2p_parse_addr(n->swarm, text, &again), 0);
        assert_true(p2p_addr_equal(&addrs[i], &again));
    }
}

static void test_local_addrs(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node one, all, both, only_ip6;
    open_flags(&one, loop, "127.0.0.1:0", 0);
    open_flags(&all, loop, "0.0.0.0:0", 0);
    open_flags(&both, loop, "[::]:0", 0);
    open_flags(&only_ip6, loop, "[::]:0", P2P_UDP_V6_ONLY);
    p2p_addr addrs[64];
    size_t n = 0;
    assert_int_equal(p2p_local_addrs(one.swarm, addrs, 64, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(p2p_local_addrs(one.swarm, NULL, 0, &n), P2P_ERR_NO_SPACE);
    assert_int_equal(n, 1);
    check_own_addrs(&all, 1);
    check_own_addrs(&both, 1);
    check_own_addrs(&only_ip6, 0);
    close_node(&both);
    close_node(&only_ip6);
    close_node(&one);
    close_node(&all);
    counted_end(loop, &m);
}

static void test_socket_options(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.socket_rcvbuf = 20000;
    config.socket_sndbuf = 30000;
    config.flags = P2P_UDP_BROADCAST | P2P_UDP_REUSE_PORT;
    node a, b;
    open_node(&a, loop, &config);
    /* Linux doubles what it is told. */
    assert_true(int_option(&a, SO_RCVBUF) >= 20000 && int_option(&a, SO_RCVBUF) <= 80000);
    assert_true(int_option(&a, SO_SNDBUF) >= 30000 && int_option(&a, SO_SNDBUF) <= 120000);
    assert_true(int_option(&a, SO_BROADCAST) != 0);
    char text[P2P_ADDR_TEXT_SIZE];
    assert_int_equal(p2p_addr_text(&a.addr, text, sizeof text), 0);
    config.bind = text;
    open_node(&b, loop, &config);
    assert_true(p2p_addr_equal(&a.addr, &b.addr));
    close_node(&a);
    close_node(&b);
    counted_end(loop, &m);
}

static void close_in_callback(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    n->count++;
    assert_int_equal(p2p_tell(n->swarm, msg->src, "last", 4), 0);
    p2p_close(n->swarm, on_node_closed, n);
    assert_int_equal(p2p_tell(n->swarm, msg->src, "no", 2), P2P_ERR_CLOSED);
    assert_int_equal(p2p_mtu(n->swarm, msg->src), 0);
}

/* The receiver closes its swarm with more messages in the same batch: they are counted. */
static void check_close_in_callback(unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b;
    open_flags(&a, loop, "127.0.0.1:0", flags);
    open_flags(&b, loop, "127.0.0.1:0", flags);
    p2p_on_tell(b.swarm, close_in_callback, &b);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(tell_number(&a, &b, 50, i), 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(tell_number(&a, &b, 60, i), 0);
    while (!b.closed)
        assert_true(run_loop(loop, PATIENCE));
    assert_int_equal(b.count, 1);
    assert_int_equal(b.last.rx_msgs, 1);
    assert_int_equal(b.last.rx_drop_late, 14);
    assert_int_equal(b.last.tx_drop_closed, 0);
    wait_for(&a, 1); /* what was told before close has left */
    assert_int_equal(a.list[0].len, 4);
    close_node(&a);
    counted_end(loop, &m);
}

static void test_close_in_callback(void **state)
{
    (void)state;
    check_close_in_callback(0);
    check_close_in_callback(P2P_UDP_NO_OFFLOAD);
    check_close_in_callback(P2P_UDP_NO_BATCH);
}

static void test_close_sends_what_was_told(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b;
    open_node(&a, loop, NULL);
    open_node(&b, loop, NULL);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(tell_number(&a, &b, i, i), 0);
    p2p_addr from = a.addr;
    close_node(&a);
    wait_for(&b, 100);
    a.addr = from;
    for (size_t i = 0; i < 100; i++)
        assert_message(&b, i, &a, i, i);
    close_node(&b);
    counted_end(loop, &m);
}

static void test_nobody_receives(void **state)
{
    (void)state;
    pair p;
    open_pair(&p, NULL);
    p2p_on_tell(p.b.swarm, NULL, NULL);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 9, i), 0);
    while (stats_of(&p.b).rx_drop_unhandled < 7)
        assert_int_equal(p2p_loop_step(p.loop), 0);
    close_pair(&p);
}

/* Pieces are joined, whatever their number. */
static void test_pieces(void **state)
{
    (void)state;
    pair p;
    open_pair(&p, NULL);
    uint8_t payload[300];
    fill(payload, sizeof payload, 5);
    p2p_iov iov[] = {{payload, 1}, {NULL, 0}, {payload + 1, 200}, {payload + 201, 99}, {NULL, 0}};
    assert_int_equal(p2p_tellv(p.a.swarm, &p.b.addr, iov, 5), 0);
    assert_int_equal(p2p_tellv(p.a.swarm, &p.b.addr, iov, 5), 0);
    assert_int_equal(p2p_tellv(p.a.swarm, &p.b.addr, NULL, 0), 0);
    wait_for(&p.b, 3);
    assert_message(&p.b, 0, &p.a, 300, 5);
    assert_message(&p.b, 1, &p.a, 300, 5);
    assert_message(&p.b, 2, &p.a, 0, 0);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),          cmocka_unit_test(test_what_cannot_be_bound),
        cmocka_unit_test(test_what_is_invalid),   cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_bad_destinations),  cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_dual_stack),        cmocka_unit_test(test_destination),
        cmocka_unit_test(test_local_addrs),       cmocka_unit_test(test_socket_options),
        cmocka_unit_test(test_close_in_callback), cmocka_unit_test(test_close_sends_what_was_told),
        cmocka_unit_test(test_nobody_receives),   cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
