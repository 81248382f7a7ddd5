/* SPDX-License-Identifier: MIT */
/* Messages that are written in place: p2p_tell_reserve() and p2p_tell_commit() on UDP swarms. */
#include "test_udp.h"

#include <p2p/mem.h>

static void write_in_place(node *from, const node *to, size_t len, size_t i)
{
    uint8_t *room = NULL;
    assert_int_equal(p2p_tell_reserve(from->swarm, &to->addr, len, &room), 0);
    assert_non_null(room);
    fill(room, len, i);
    assert_int_equal(p2p_tell_commit(from->swarm, len), 0);
}

static void check_mixed(unsigned flags)
{
    pair p;
    open_pair_flags(&p, flags);
    const size_t lens[] = {100, 100, 100, 40, 0, 0, 1200, 1200, 7, 1200};
    size_t count = sizeof lens / sizeof lens[0];
    for (size_t i = 0; i < count; i++) {
        if (i % 3 == 2)
            assert_int_equal(tell_number(&p.a, &p.b, lens[i], i), 0);
        else
            write_in_place(&p.a, &p.b, lens[i], i);
    }
    wait_for(&p.b, count);
    for (size_t i = 0; i < count; i++)
        assert_message(&p.b, i, &p.a, lens[i], i);
    p2p_stats stats = stats_of(&p.a);
    assert_int_equal(stats.tx_msgs, count);
    assert_int_equal(stats.tx_bytes, 100 * 3 + 40 + 1200 * 3 + 7);
    close_pair(&p);
}

/* In place and copied messages join the same runs, with every kind of system layer. */
static void test_mixed(void **state)
{
    (void)state;
    check_mixed(0);
    check_mixed(P2P_UDP_NO_OFFLOAD);
    check_mixed(P2P_UDP_NO_BATCH);
}

/* A reservation that is not committed leaves nothing behind, whatever comes next. */
static void test_void(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b, c;
    open_node(&a, loop, NULL);
    open_node(&b, loop, NULL);
    open_node(&c, loop, NULL);
    uint8_t *room = NULL;
    assert_int_equal(p2p_tell_reserve(a.swarm, &b.addr, 50, &room), 0);
    settle(loop); /* nothing is sent */
    assert_int_equal(p2p_tell_commit(a.swarm, 50), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_reserve(a.swarm, &b.addr, 60, &room), 0);
    assert_int_equal(p2p_tell_commit(a.swarm, 59), P2P_ERR_INVALID);
    assert_int_equal(tell_number(&a, &c, 60, 1), 0); /* another peer: the run for b never was */
    assert_int_equal(p2p_tell_commit(a.swarm, 60), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_reserve(a.swarm, &c.addr, 30, &room), 0); /* shorter: would end it */
    assert_int_equal(tell_number(&a, &c, 60, 2), 0);
    assert_int_equal(tell_number(&a, &b, 0, 3), 0);
    wait_for(&b, 1);
    wait_for(&c, 2);
    settle(loop);
    assert_int_equal(b.count, 1);
    assert_int_equal(c.count, 2);
    assert_message(&b, 0, &a, 0, 3);
    assert_message(&c, 0, &a, 60, 1);
    assert_message(&c, 1, &a, 60, 2);
    assert_int_equal(stats_of(&a).tx_msgs, 3);
    assert_int_equal(p2p_tell_reserve(a.swarm, &b.addr, 5, &room), 0);
    close_node(&a); /* a reservation does not leave with the close either */
    settle(loop);
    assert_int_equal(b.count, 1);
    close_node(&b);
    close_node(&c);
    counted_end(loop, &m);
}

/* A reservation whose place has gone to another message cannot be committed any more. */
static void test_stale(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b, c;
    open_node(&a, loop, NULL);
    open_node(&b, loop, NULL);
    open_node(&c, loop, NULL);
    uint8_t *room = NULL;
    p2p_addr bad;
    p2p_addr_from_mem(&bad, 7);
    assert_int_equal(p2p_tell_commit(a.swarm, UINT32_MAX), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_reserve(a.swarm, &b.addr, 50, &room), 0);
    assert_int_equal(p2p_tell_reserve(a.swarm, &bad, 50, &room), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_tell_commit(a.swarm, 50), P2P_ERR_INVALID);

    /* The socket takes nothing, so the queue fills up until a reservation finds no room. */
    p2p__udp *udp = p2p__udp_of(a.swarm);
    udp->tx.blocked = true;
    udp->tx.limit = udp->tx.capacity;
    udp->tx.limit_runs = udp->tx.capacity_runs;
    int err;
    while (!(err = p2p_tell_reserve(a.swarm, &c.addr, 1000, &room)))
        assert_int_equal(p2p_tell(a.swarm, &b.addr, "", 0), 0);
    assert_int_equal(err, P2P_ERR_AGAIN);
    assert_int_equal(p2p_tell_commit(a.swarm, 1000), P2P_ERR_INVALID);
    udp->tx.blocked = false;
    close_node(&a);
    close_node(&b);
    close_node(&c);
    counted_end(loop, &m);
}

static void test_errors(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a;
    open_node(&a, loop, NULL);
    uint8_t *room = NULL;
    p2p_addr bad;
    p2p_addr_from_mem(&bad, 7);
    size_t mtu = p2p_mtu(a.swarm, NULL);
    assert_int_equal(p2p_tell_reserve(a.swarm, &a.addr, mtu + 1, &room), P2P_ERR_TOO_BIG);
    assert_int_equal(p2p_tell_reserve(a.swarm, &a.addr, mtu, &room), 0);
    assert_int_equal(p2p_tell_reserve(a.swarm, &bad, 1, &room), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_tell_reserve(a.swarm, NULL, 1, &room), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_reserve(a.swarm, &a.addr, 1, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_reserve(NULL, &a.addr, 1, &room), P2P_ERR_INVALID);
    assert_int_equal(p2p_tell_commit(NULL, 1), P2P_ERR_INVALID);
    assert_int_equal(stats_of(&a).tx_refused, 4);

    p2p_realm *realm = NULL;
    p2p_swarm *mem = NULL;
    assert_int_equal(p2p_realm_new(&realm, loop, NULL), 0);
    assert_int_equal(p2p_mem_new(&mem, realm, NULL), 0);
    assert_int_equal(p2p_tell_reserve(mem, &bad, 1, &room), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_tell_commit(mem, 1), P2P_ERR_INVALID);
    p2p_close(mem, NULL, NULL);
    p2p_close(a.swarm, on_node_closed, &a);
    assert_int_equal(p2p_tell_reserve(a.swarm, &a.addr, 1, &room), P2P_ERR_CLOSED);
    assert_int_equal(p2p_tell_commit(a.swarm, 1), P2P_ERR_CLOSED);
    while (!a.closed)
        assert_int_equal(p2p_loop_run(loop), 0);
    free(a.list);
    free(a.bytes);
    settle(loop);
    assert_int_equal(p2p_realm_free(realm), 0);
    counted_end(loop, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_void),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("udp_reserve", tests, NULL, NULL);
}
