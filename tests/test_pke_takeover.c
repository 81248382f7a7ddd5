/* SPDX-License-Identifier: MIT */
/*
 * Another key is proven at a peer's inner address, by somebody who hears and sends what he likes
 * there. The address is his then, but the peer's session goes on.
 */
#include "core/bytes.h"
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY (5 * P2P_MILLISECOND)

enum { VICTIM, PEER, THIEF, THIEVES = 10 };

typedef struct scene {
    pke_net net;
    pke_node *victim, *peer;
    uint8_t told[2]; /* by the victim, by the peer */
} scene;

static int is_thief(const scene *s, const p2p_addr *addr)
{
    for (size_t i = THIEF; i < THIEF + THIEVES; i++)
        if (s->net.node[i].swarm && p2p_addr_equal(&s->net.node[i].inner, addr))
            return 1;
    return 0;
}

/* Thieves send in the name of the peer's address, and hear all that goes there. */
static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    scene *s = arg;
    (void)question;
    if (is_thief(s, sent->src)) {
        wire_inject(s->net.wire, &s->peer->inner, sent->dst, sent->data, sent->len);
        return 0;
    }
    if (p2p_addr_equal(sent->dst, &s->peer->inner))
        for (size_t i = THIEF; i < THIEF + THIEVES; i++)
            if (s->net.node[i].swarm)
                wire_inject(s->net.wire, sent->src, &s->net.node[i].inner, sent->data, sent->len);
    return 1;
}

static void tell_number(scene *s, int from_peer)
{
    const pke_node *from = from_peer ? s->peer : s->victim;
    const pke_node *to = from_peer ? s->victim : s->peer;
    uint8_t number = ++s->told[from_peer];
    assert_ok(p2p_tell(from->swarm, &to->addr, &number, 1));
}

static void begin(scene *s)
{
    memset(s, 0, sizeof *s);
    pke_net_begin_wire(&s->net, LATENCY, 1);
    s->net.on_send = on_send;
    s->net.send_arg = s;
    s->victim = pke_net_add_ip(&s->net, VICTIM, 1, "10.0.0.1:1", NULL);
    s->peer = pke_net_add_ip(&s->net, PEER, 2, "10.0.1.1:1", NULL);
    tell_number(s, 1);
    pke_net_run(&s->net, P2P_SECOND);
    tell_number(s, 0);
    pke_net_run(&s->net, P2P_SECOND);
    assert_int_equal(s->victim->up, 1);
}

/* A thief proves his own key at the peer's address, and says "x". */
static void take_over(scene *s, size_t i)
{
    char at[] = "10.9.9.0:9";
    at[7] = (char)('0' + i);
    pke_node *thief = pke_net_add_ip(&s->net, THIEF + i, 100 + i, at, NULL);
    assert_ok(pke_say(thief, &s->victim->addr, "x"));
    unsigned up = s->victim->up;
    unsigned got = s->victim->got;
    pke_net_run(&s->net, 100 * P2P_MILLISECOND);
    assert_int_equal(s->victim->up, up + 1);
    assert_int_equal(s->victim->gone, up);
    assert_int_equal(s->victim->got, got + 1);
}

static void check_peer(const scene *s, unsigned thefts)
{
    assert_int_equal(s->peer->got, s->told[0]);
    assert_int_equal(s->victim->got, s->told[1] + thefts);
    assert_int_equal(s->peer->failed + s->peer->gone, 0);
    assert_int_equal(s->peer->up, 1);
    assert_int_equal(pke_base_stats(s->victim).tx_drop_error, 0);
    assert_int_equal(pke_peers(s->victim), 1);
}

/* Messages go on arriving without a gap: from the peer, to him, and both, for as long as sessions
 * need to be replaced a few times. */
static void test_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned way = 1; way <= 3; way++) {
        scene s;
        begin(&s);
        take_over(&s, 0);
        for (int i = 0; i < 1200; i++) {
            s.told[0] &= 0x7f;
            s.told[1] &= 0x7f;
            s.peer->got = s.told[0];
            s.victim->got = s.told[1];
            if (way & 1)
                tell_number(&s, 1);
            if (way & 2)
                tell_number(&s, 0);
            pke_net_run(&s.net, 500 * P2P_MILLISECOND);
            check_peer(&s, 0);
        }
        pke_net_end(&s.net);
    }
}

/* However many keys he has: who was there first stays longest. */
static void test_many_keys(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        scene s;
        begin(&s);
        for (size_t i = 0; i < THIEVES; i++) {
            take_over(&s, i);
            pke_net_run(&s.net, P2P_SECOND);
        }
        tell_number(&s, way != 0);
        pke_net_run(&s.net, 100 * P2P_MILLISECOND);
        tell_number(&s, way == 0);
        pke_net_run(&s.net, P2P_SECOND);
        check_peer(&s, THIEVES);
        pke_net_end(&s.net);
    }
}

/* They do not take all places: he gets back with another key. */
static void test_places_are_left(void **state)
{
    (void)state;
    scene s;
    begin(&s);
    for (size_t i = 0; i < 4; i++)
        take_over(&s, i);
    unsigned got = s.victim->got;
    pke_net_close(s.peer);
    s.peer = pke_net_add_ip(&s.net, PEER, 3, "10.0.1.1:1", NULL);
    assert_ok(pke_say(s.peer, &s.victim->addr, "another name"));
    assert_true(pke_net_wait(&s.net, &s.victim->got, got + 1, P2P_SECOND) <= 8 * LATENCY);
    assert_string_equal(s.victim->last, "another name");
    /* And others can be called there. */
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t id[P2P_PEER_ID_SIZE] = {i};
        p2p_addr other;
        assert_ok(p2p_addr_wrap_peer(&other, id, &s.peer->inner));
        assert_ok(pke_say(s.victim, &other, "x"));
    }
    pke_net_run(&s.net, 5 * P2P_SECOND);
    assert_int_equal(s.victim->failed, 2);
    pke_net_end(&s.net);
}

/* The address is the newcomer's: a tell to the old name is asked after, and fails if he is gone,
 * within the time of a wrong answer; and what was kept of him goes with it. */
static void test_gone_for_good(void **state)
{
    (void)state;
    for (unsigned later = 0; later < 2; later++) {
        scene s;
        begin(&s);
        p2p_addr before = s.peer->addr;
        pke_net_close(s.peer);
        s.peer = pke_net_add_ip(&s.net, PEER, 3, "10.0.1.1:1", NULL);
        assert_true(pke_arrive(s.peer, s.victim, "I am new") <= 8 * LATENCY);
        size_t with = s.net.memory.bytes;
        for (unsigned i = 0; later && i < 20; i++) {
            assert_true(pke_arrive(s.peer, s.victim, "still here") != P2P_NEVER);
            pke_net_run(&s.net, 10 * P2P_SECOND);
        }
        unsigned got = s.peer->got;
        s.victim->failed = 0;
        assert_ok(pke_say(s.victim, &before, "for the old one"));
        uint64_t took = pke_net_wait(&s.net, &s.victim->failed, 1, 10 * P2P_SECOND);
        assert_true(took <= P2P_PKE_BAD_ANSWER + P2P_SECOND);
        assert_int_equal(s.victim->reason, P2P_ERR_REFUSED);
        assert_true(p2p_addr_equal(&s.victim->failed_addr, &before));
        assert_int_equal(s.peer->got, got);
        assert_int_equal(s.victim->gone, 1);
        pke_net_run(&s.net, 20 * P2P_SECOND);
        assert_true(s.net.memory.bytes < with - (later ? 0 : 700));
        assert_true(pke_arrive(s.victim, s.peer, "for the new one") <= LATENCY);
        pke_net_end(&s.net);
    }
}

/* He comes back with his own key while another has his address, and his clock went back: that is a
 * handshake like others. */
static void test_restart(void **state)
{
    (void)state;
    scene s;
    begin(&s);
    take_over(&s, 0);
    pke_net_close(s.peer);
    p2p_sim_set_wall(s.net.loop, p2p_loop_wall(s.net.loop) - 24 * 3600 * P2P_SECOND);
    s.peer = pke_net_add_ip(&s.net, PEER, 2, "10.0.1.1:1", NULL);
    assert_true(pke_arrive(s.peer, s.victim, "I am back") <= 8 * LATENCY);
    assert_true(pke_arrive(s.victim, s.peer, "so I hear") <= LATENCY);
    assert_int_equal(s.victim->up, 3);
    assert_int_equal(s.victim->gone, 2);
    pke_net_end(&s.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost), cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_places_are_left), cmocka_unit_test(test_gone_for_good),
        cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
