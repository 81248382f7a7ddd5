/* SPDX-License-Identifier: MIT */
/* UDP swarms, alone and below others: how many messages have not left yet. */
#include "test_udp.h"

#include <errno.h>

#include <p2p/pke.h>

/* A socket that takes so many datagrams, and then no more. */
static struct {
    const p2p__udp_sys *real;
    p2p__udp_sys sys;
    size_t room;
} narrow;

static int narrow_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    if (narrow.room < runs->count)
        return -EAGAIN;
    int sent = narrow.real->send(fd, arena, runs, n ? 1 : 0);
    if (sent > 0)
        narrow.room -= runs->count;
    return sent;
}

static void make_narrow(p2p_swarm *swarm)
{
    p2p__udp *udp = p2p__udp_of(swarm);
    narrow.real = udp->sys;
    narrow.sys = *udp->sys;
    narrow.sys.send = narrow_send;
    narrow.room = 0;
    udp->sys = &narrow.sys;
}

static void test_alone(void **state)
{
    (void)state;
    enum { MANY = 10 };
    counted m;
    node a, b;
    p2p_loop *loop = counted_loop(&m);
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.flags = P2P_UDP_NO_BATCH;
    open_node(&a, loop, &config);
    open_node(&b, loop, NULL);
    make_narrow(a.swarm);
    assert_int_equal(p2p_swarm_unsent(a.swarm), 0);
    /* They wait for the end of the turn, then for the socket. */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(tell_number(&a, &b, i, i), 0);
        assert_int_equal(p2p_swarm_unsent(a.swarm), i + 1);
    }
    settle(loop);
    assert_int_equal(p2p_swarm_unsent(a.swarm), MANY);
    narrow.room = 4;
    wait_for(&b, 4);
    settle(loop);
    assert_int_equal(p2p_swarm_unsent(a.swarm), MANY - 4);
    narrow.room = 1000;
    wait_for(&b, MANY);
    assert_int_equal(p2p_swarm_unsent(a.swarm), 0);
    /* What is borrowed is not taken. */
    uint8_t *room;
    assert_int_equal(p2p_tell_reserve(a.swarm, &b.addr, 1, &room), 0);
    assert_int_equal(p2p_swarm_unsent(a.swarm), 0);
    *room = 'x';
    assert_int_equal(p2p_tell_commit(a.swarm, 1), 0);
    assert_int_equal(p2p_swarm_unsent(a.swarm), 1);
    wait_for(&b, MANY + 1);
    /* Runs count by their messages. */
    close_node(&a);
    open_node(&a, loop, NULL);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(tell_number(&a, &b, 100, i), 0);
    assert_int_equal(p2p_swarm_unsent(a.swarm), MANY);
    p2p_close(a.swarm, on_node_closed, &a);
    assert_int_equal(p2p_swarm_unsent(a.swarm), 0);
    close_node(&a);
    close_node(&b);
    counted_end(loop, &m);
}

/* A PKE swarm counts with what is below it. */
static void test_below(void **state)
{
    (void)state;
    counted m;
    node n[2];
    p2p_signer *signer[2];
    p2p_loop *loop = counted_loop(&m);
    for (uint8_t i = 0; i < 2; i++) {
        p2p_pke_swarm_config config;
        uint8_t seed[P2P_ED25519_SEED_SIZE] = {i};
        open_node(&n[i], loop, NULL);
        if (i == 0)
            make_narrow(n[i].swarm);
        assert_int_equal(p2p_ed25519_signer_new(&signer[i], seed, NULL), 0);
        p2p_pke_swarm_config_init(&config);
        config.signer = signer[i];
        assert_int_equal(p2p_pke_swarm_new(&n[i].swarm, n[i].swarm, &config), 0);
        assert_int_equal(p2p_local_addr(n[i].swarm, &n[i].addr), 0);
        p2p_on_tell(n[i].swarm, on_node_tell, &n[i]);
    }
    assert_int_equal(tell_number(&n[0], &n[1], 10, 0), 0);
    assert_int_equal(p2p_swarm_unsent(n[0].swarm), 1);
    settle(loop);
    /* The message waits for the handshake, and that for the socket. */
    assert_int_equal(p2p_swarm_unsent(n[0].swarm), 2);
    narrow.room = 1000;
    wait_for(&n[1], 1);
    assert_int_equal(p2p_swarm_unsent(n[0].swarm), 0);
    narrow.room = 0;
    assert_int_equal(tell_number(&n[0], &n[1], 10, 0), 0);
    assert_int_equal(p2p_swarm_unsent(n[0].swarm), 1);
    for (int i = 0; i < 2; i++) {
        close_node(&n[i]);
        p2p_signer_free(signer[i]);
    }
    counted_end(loop, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests_name("udp unsent", tests, NULL, NULL);
}
