/* SPDX-License-Identifier: MIT */
/* PKE swarms: peers that are not who they should be, that restart, change their key, move, or
 * go. */
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY (10 * P2P_MILLISECOND)

/* Three messages of handshake and the message itself, and a little for ties. */
#define ONE_HANDSHAKE (5 * LATENCY)

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = LATENCY};

/* --- another one is there --- */

static void test_wrong_peer(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr wrong = pke_addr(other, 1);
    assert_ok(pke_say(a, &wrong, "not for b"));
    uint64_t took = pke_net_wait(&net, &a->failed, 1, 60 * P2P_SECOND);
    assert_true(took <= P2P_PKE_BAD_ANSWER + P2P_SECOND);
    assert_int_equal(a->reason, P2P_ERR_REFUSED);
    assert_true(p2p_addr_equal(&a->failed_addr, &wrong));
    pke_net_run(&net, 60 * P2P_SECOND);
    assert_true(net.datagrams <= 20);
    assert_int_equal(b->got, 0);
    assert_int_equal(a->failed, 1);
    assert_int_equal(a->up + b->up, 0);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 1);
    assert_int_equal(pke_peers(a), 0);
    assert_int_equal(pke_peers(b), 0);

    /* Also if somebody goes on trying, once per second. */
    net.datagrams = 0;
    for (int i = 0; i < 60; i++) {
        assert_ok(pke_say(a, &wrong, "not for b"));
        pke_net_run(&net, P2P_SECOND);
    }
    assert_true(net.datagrams <= 300);
    assert_int_equal(b->got, 0);

    /* And he who is there can be reached meanwhile, in both directions. */
    assert_ok(pke_say(a, &wrong, "not for b"));
    /* For the many that were not completed b wants a cookie, which takes a round trip. */
    assert_true(pke_arrive(a, b, "for b") <= ONE_HANDSHAKE + 2 * LATENCY);
    assert_true(pke_arrive(b, a, "for a") <= ONE_HANDSHAKE);
    pke_net_end(&net);
    p2p_signer_free(other);
}

/* We wait for one who is not there, and who is there calls us: ours is told, and its messages are
 * counted as lost. */
static void test_wrong_peer_calls(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr wrong = pke_addr(other, 1);
    for (int i = 0; i < 3; i++)
        assert_ok(pke_say(a, &wrong, "not for b"));
    assert_true(pke_arrive(b, a, "hello") <= 2 * ONE_HANDSHAKE);
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(b->got, 0);
    assert_int_equal(a->failed, 1);
    assert_true(p2p_addr_equal(&a->failed_addr, &wrong));
    assert_int_equal(a->reason, P2P_ERR_REFUSED);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 3);
    pke_net_end(&net);
    p2p_signer_free(other);
}

/* At most four at one address are called at the same time. */
static void test_many_calls(void **state)
{
    (void)state;
    enum { CALLS = 4 };
    pke_net net;
    p2p_signer *other[CALLS];
    p2p_addr wrong[CALLS];
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    for (size_t i = 0; i < CALLS; i++) {
        other[i] = pke_test_signer(90 + i);
        wrong[i] = pke_addr(other[i], 1);
        if (i < CALLS - 1)
            assert_ok(pke_say(a, &wrong[i], "not for b"));
    }
    assert_ok(pke_say(a, &b->addr, "for b"));
    assert_int_equal(pke_say(a, &wrong[CALLS - 1], "not for b"), P2P_ERR_BUSY);
    assert_int_not_equal(pke_net_wait(&net, &b->got, 1, P2P_SECOND), P2P_NEVER);
    assert_ok(pke_say(a, &wrong[CALLS - 1], "not for b")); /* b is no call any more */
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(b->got, 1);
    assert_string_equal(b->last, "for b");
    assert_int_equal(a->failed, CALLS);
    assert_int_equal(pke_base_stats(a).tx_drop_error, CALLS);
    pke_net_end(&net);
    for (size_t i = 0; i < CALLS; i++)
        p2p_signer_free(other[i]);
}

/* --- restarts --- */

static void old_peer(p2p_pke_swarm_config *config)
{
    config->no_extensions = 1;
}

typedef void (*leave_fn)(pke_node *node);

static void test_restart(void **state)
{
    (void)state;
    const leave_fn leave[] = {pke_net_crash, pke_net_close};
    for (int way = 0; way < 2; way++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        assert_true(pke_arrive(a, b, "before") <= ONE_HANDSHAKE);
        for (unsigned round = 0; round < 5; round++) {
            leave[way](b);
            b = pke_net_add(&net, 1, 2, NULL);
            assert_true(pke_arrive(b, a, "I am back") <= ONE_HANDSHAKE);
            assert_int_equal(pke_arrive(a, b, "so I hear"), LATENCY);
        }
        /* The peer is the same to a: it did not go. */
        assert_int_equal(a->up, 1);
        assert_int_equal(a->gone + a->failed, 0);
        assert_int_equal(pke_peers(a), 1);
        pke_net_end(&net);
    }
}

/* One that begins a handshake as soon as the last one is complete, as the reference does when it
 * calls us by a wrong id. What we do for it stays within the limits. */
static void test_restart_without_end(void **state)
{
    (void)state;
    static const p2p_link fast = {.size = sizeof(p2p_link), .latency = P2P_MILLISECOND};
    pke_net net;
    pke_net_begin(&net, &fast, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    for (unsigned i = 0; i < 800; i++) {
        pke_node *b = pke_net_add(&net, 1, 2, old_peer);
        assert_ok(pke_say(b, &a->addr, "I am back"));
        pke_net_run(&net, 5 * P2P_MILLISECOND);
        pke_net_crash(b);
    }
    /* 50 per second and prefix and a burst of 100, and a few of a peer that is known. */
    assert_in_range(pke_stats(a).handshakes_answered, 50, 100 + 4 * 50 + 8 + 4 * 4);
    pke_net_end(&net);
}

/* Who only talks to one that has restarted notices that by its silence. */
static void test_restart_unheard(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    assert_true(pke_arrive(a, b, "before") <= ONE_HANDSHAKE);
    pke_net_crash(b);
    b = pke_net_add(&net, 1, 2, NULL);
    unsigned told = 0;
    while (!b->got && told < 100) {
        assert_ok(pke_say(a, &b->addr, "are you there?"));
        told++;
        pke_net_run(&net, P2P_SECOND / 2);
    }
    assert_true(told <= 2 * (P2P_PKE_SILENCE / P2P_SECOND + 2));
    pke_net_end(&net);
}

/* Its clock went back, or a's did: what is remembered of the old times does not lock it out. */
static void test_restart_clock(void **state)
{
    (void)state;
    const uint64_t hour = 3600 * P2P_SECOND;
    for (int step = 0; step < 4; step++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        assert_true(pke_arrive(step % 2 ? a : b, step % 2 ? b : a, "before") <= ONE_HANDSHAKE);
        pke_net_run(&net, P2P_SECOND);
        uint64_t wall = p2p_loop_wall(net.loop);
        p2p_sim_set_wall(net.loop, step < 2 ? wall - 24 * hour : wall + 24 * hour);
        pke_net_crash(b);
        b = pke_net_add(&net, 1, 2, NULL);
        assert_true(pke_arrive(b, a, "I am back") <= ONE_HANDSHAKE);
        assert_int_equal(pke_arrive(a, b, "so I hear"), LATENCY);
        pke_net_end(&net);
    }
}

/* --- changes --- */

static void test_other_key(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        assert_true(pke_arrive(a, b, "before") <= ONE_HANDSHAKE);
        p2p_addr before = b->addr;
        pke_net_crash(b);
        b = pke_net_add(&net, 1, 3, NULL);
        if (who) {
            assert_true(pke_arrive(b, a, "I am new") <= ONE_HANDSHAKE);
            assert_true(p2p_addr_equal(&a->last_src, &b->addr));
        } else {
            assert_true(pke_arrive(a, b, "you are new") <= ONE_HANDSHAKE);
        }
        assert_true(pke_arrive(a, b, "there you are") <= LATENCY);
        assert_true(pke_arrive(b, a, "here I am") <= ONE_HANDSHAKE);
        assert_int_equal(a->up, 2);
        assert_int_equal(a->gone, 1);
        assert_true(p2p_addr_equal(&a->gone_addr, &before));
        assert_int_equal(pke_peers(a), 1);
        /* The old name is nobody's now. */
        b->got = 0;
        assert_ok(pke_say(a, &before, "for the old one"));
        pke_net_run(&net, 10 * P2P_SECOND);
        assert_int_equal(b->got, 0);
        assert_int_equal(a->failed, 1);
        assert_int_equal(a->reason, P2P_ERR_REFUSED);
        assert_int_equal(pke_arrive(a, b, "and for the new one"), LATENCY);
        pke_net_end(&net);
    }
}

static void test_move(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        assert_true(pke_arrive(a, b, "before") <= ONE_HANDSHAKE);
        pke_net_crash(b);
        b = pke_net_add_at(&net, 1, 2, 50, NULL);
        assert_true(pke_arrive(who ? b : a, who ? a : b, "moved") <= ONE_HANDSHAKE);
        assert_true(pke_arrive(who ? a : b, who ? b : a, "I see") <= ONE_HANDSHAKE);
        assert_int_equal(pke_peers(a), 2);
        pke_net_end(&net);
    }
}

/* Two identities at one address in turn, as behind one port of a NAT: each gets its turn. */
static void test_key_to_and_fro(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    for (unsigned round = 0; round < 10; round++) {
        pke_node *b = pke_net_add(&net, 1, 2 + round % 2, NULL);
        assert_true(pke_arrive(b, a, "my turn") <= ONE_HANDSHAKE);
        assert_true(p2p_addr_equal(&a->last_src, &b->addr));
        pke_net_crash(b);
    }
    assert_int_equal(a->up, 10);
    assert_int_equal(a->gone, 9);
    assert_int_equal(pke_peers(a), 1);
    pke_net_end(&net);
}

/* --- going --- */

static void test_idle(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    pke_node *c = pke_net_add(&net, 2, 3, NULL);
    assert_true(pke_arrive(a, b, "hello") <= ONE_HANDSHAKE);
    assert_true(pke_arrive(a, c, "hello") <= ONE_HANDSHAKE);
    for (int i = 0; i < 40; i++) {
        pke_net_run(&net, 10 * P2P_SECOND);
        assert_true(pke_arrive(a, c, "still here") <= ONE_HANDSHAKE);
    }
    assert_int_equal(a->gone, 1);
    assert_true(p2p_addr_equal(&a->gone_addr, &b->addr));
    assert_int_equal(pke_peers(a), 1);
    assert_int_equal(pke_peers(b), 0);
    assert_int_equal(b->gone, 1);
    assert_int_equal(c->gone, 0);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 0);
    assert_true(pke_arrive(b, a, "back again") <= ONE_HANDSHAKE);
    pke_net_run(&net, 400 * P2P_SECOND);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pke_peers(&net.node[i]), 0);
    /* With nobody left nothing is left to do. */
    assert_int_equal(p2p_sim_run_idle(net.loop), P2P_SIM_IDLE);
    pke_net_end(&net);
}

static void soon_idle(p2p_pke_swarm_config *config)
{
    config->idle = 2 * P2P_SECOND;
}

static void later_idle(p2p_pke_swarm_config *config)
{
    config->idle = 400 * P2P_SECOND;
}

/* Whom somebody waits for is not forgotten: with no session yet, and with none any more. */
static void test_idle_waits(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, soon_idle);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_ok(p2p_realm_set_side(net.realm, 0, 1));
    assert_ok(pke_say(a, &b->addr, "later"));
    pke_net_run(&net, 10 * P2P_SECOND);
    p2p_realm_heal(net.realm);
    pke_net_run(&net, 10 * P2P_SECOND);
    assert_int_equal(b->got, 1);
    assert_int_equal(pke_peers(a), 0);

    pke_net_close(a);
    a = pke_net_add(&net, 0, 1, later_idle);
    assert_true(pke_arrive(a, b, "hello") <= 2 * ONE_HANDSHAKE);
    /* It is looked for idle peers every hundred seconds. */
    pke_net_run(&net, 495 * P2P_SECOND);
    assert_ok(p2p_realm_set_side(net.realm, 0, 1));
    b->got = 0;
    assert_ok(pke_say(a, &b->addr, "later"));
    pke_net_run(&net, 7 * P2P_SECOND);
    assert_int_equal(a->gone, 0);
    p2p_realm_heal(net.realm);
    pke_net_run(&net, 10 * P2P_SECOND);
    assert_int_equal(b->got, 1);
    pke_net_end(&net);
}

static void few_peers(p2p_pke_swarm_config *config)
{
    config->max_peers = 4;
}

static void test_max_peers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        pke_net net;
        pke_net_begin(&net, &slow, seed);
        pke_node *a = pke_net_add(&net, 0, 1, few_peers);
        for (size_t i = 1; i <= 5; i++)
            pke_net_add(&net, i, i + 1, NULL);
        for (size_t i = 1; i <= 4; i++)
            assert_ok(pke_say(a, &net.node[i].addr, "hello"));
        assert_int_equal(pke_say(a, &net.node[5].addr, "hello"), P2P_ERR_LIMIT);
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(pke_say(a, &net.node[5].addr, "hello"), P2P_ERR_LIMIT);
        /* Who comes finds no room either; nobody is pushed out who was heard of just now. */
        assert_ok(pke_say(&net.node[5], &a->addr, "hello"));
        pke_net_run(&net, 10 * P2P_SECOND);
        assert_int_equal(a->gone, 0);
        assert_int_equal(a->got, 0);
        assert_int_equal(pke_peers(a), 4);
        assert_true(pke_base_stats(a).rx_drop_limit > 0);
        /* One that is quiet for long makes room: the one that is quiet longest, if one was not. */
        for (size_t i = 1; i <= 3; i++)
            assert_true(pke_arrive(a, &net.node[i], "again") <= ONE_HANDSHAKE);
        pke_net_run(&net, 6 * P2P_SECOND);
        assert_true(pke_arrive(a, &net.node[5], "hello") <= 2 * ONE_HANDSHAKE);
        assert_int_equal(pke_peers(a), 4);
        assert_int_equal(a->gone, 1);
        assert_true(p2p_addr_equal(&a->gone_addr, &net.node[4].addr));
        pke_net_end(&net);
    }
}

/* The same for who comes by himself. */
static void test_max_peers_in(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, few_peers);
    for (size_t i = 1; i <= 5; i++)
        pke_net_add(&net, i, i + 1, NULL);
    for (size_t i = 1; i <= 4; i++)
        assert_true(pke_arrive(&net.node[i], a, "hello") <= ONE_HANDSHAKE);
    assert_int_equal(pke_peers(a), 4);
    pke_net_run(&net, 20 * P2P_SECOND);
    for (size_t i = 1; i <= 3; i++)
        assert_true(pke_arrive(&net.node[i], a, "again") <= ONE_HANDSHAKE);
    assert_true(pke_arrive(&net.node[5], a, "hello") <= 2 * ONE_HANDSHAKE);
    assert_int_equal(pke_peers(a), 4);
    assert_true(p2p_addr_equal(&a->gone_addr, &net.node[4].addr));
    pke_net_end(&net);
}

/* Who began and never came back leaves nothing behind. */
static void test_half_way(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    assert_ok(pke_say(b, &a->addr, "hello"));
    pke_net_run(&net, LATENCY + 1);
    pke_net_crash(b);
    assert_int_equal(pke_peers(a), 1);
    pke_net_run(&net, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(pke_peers(a), 0);
    assert_int_equal(a->up + a->gone + a->failed, 0);
    pke_net_end(&net);
}

/* Whichever allocation fails in all this: it is a tell that fails or a datagram that is lost,
 * and it goes on. */
static void try_to_reach(pke_node *from, pke_node *to)
{
    unsigned got = to->got;
    for (int i = 0; i < 100 && to->got == got; i++) {
        int err = pke_say(from, &to->addr, "hello");
        assert_true(err == 0 || err == P2P_ERR_NO_MEMORY);
        pke_net_run(from->net, P2P_SECOND / 2);
    }
    assert_true(to->got > got);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t fails = 1; fails < 120; fails++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        pke_node *c = pke_net_add_at(&net, 2, 3, 50, NULL);
        size_t calls = net.memory.calls;
        net.memory.fail_at = calls + fails;
        try_to_reach(a, b);
        try_to_reach(c, a);
        net.memory.fail_at = 0;
        calls = net.memory.calls - calls;
        pke_net_crash(c);
        c = pke_net_add_at(&net, 2, 4, 50, NULL);
        if (fails > calls)
            net.memory.fail_at = net.memory.calls + fails - calls;
        try_to_reach(c, a);
        try_to_reach(a, c);
        net.memory.fail_at = 0;
        pke_net_end(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_peer),
        cmocka_unit_test(test_wrong_peer_calls),
        cmocka_unit_test(test_many_calls),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_without_end),
        cmocka_unit_test(test_restart_unheard),
        cmocka_unit_test(test_restart_clock),
        cmocka_unit_test(test_other_key),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_key_to_and_fro),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_idle_waits),
        cmocka_unit_test(test_max_peers),
        cmocka_unit_test(test_max_peers_in),
        cmocka_unit_test(test_half_way),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
