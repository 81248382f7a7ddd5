/* SPDX-License-Identifier: MIT */
/*
 * PKE swarms: for whom there is room. Who is forgotten for another, and what callbacks may do then;
 * newcomers at addresses where others claim to be; full prefixes.
 */
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY (5 * P2P_MILLISECOND)

enum { FORGED_KEYS = 32 };

static int say(pke_node *from, const p2p_addr *to)
{
    return pke_say(from, to, "hello");
}

/* --- who is forgotten for another --- */

static void two_peers(p2p_pke_swarm_config *config)
{
    config->max_peers = 2;
}

static void close_it(pke_node *n, const p2p_pke_peer_event *event)
{
    if (event->kind != P2P_PKE_PEER_GONE)
        return;
    p2p_close(n->swarm, NULL, NULL);
    n->swarm = NULL;
}

static void tell_another(pke_node *n, const p2p_pke_peer_event *event)
{
    p2p_addr to = pke_nobody(7);
    if (event->kind == P2P_PKE_PEER_GONE)
        assert_ok(say(n, &to));
}

static void test_gone(void **state)
{
    (void)state;
    void (*const reactions[])(pke_node *, const p2p_pke_peer_event *) = {NULL, close_it,
                                                                         tell_another};
    for (size_t i = 0; i < COUNT_OF(reactions); i++) {
        pke_net net;
        pke_net_begin_wire(&net, LATENCY, 1);
        pke_node *full = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", two_peers);
        pke_node *a = pke_net_add_ip(&net, 1, 2, "10.0.1.1:1", NULL);
        pke_node *b = pke_net_add_ip(&net, 2, 3, "10.0.2.1:1", NULL);
        assert_ok(say(a, &full->addr));
        assert_ok(say(b, &full->addr));
        pke_net_run(&net, 20 * P2P_SECOND);
        assert_int_equal(full->got, 2);
        full->on_peer = reactions[i];
        p2p_addr to = pke_nobody(7);
        assert_ok(say(full, &to));
        assert_int_equal(full->gone, 0);
        pke_net_run(&net, P2P_MILLISECOND);
        assert_int_equal(full->gone, 1);
        if (full->swarm)
            assert_int_equal(pke_peers(full), 2);
        pke_net_close(full);
        pke_net_run(&net, P2P_SECOND);
        pke_net_end(&net);
    }
}

/* Closed with events that nobody has got yet. */
static void test_gone_and_closed(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin_wire(&net, LATENCY, 1);
    pke_node *full = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", two_peers);
    pke_node *a = pke_net_add_ip(&net, 1, 2, "10.0.1.1:1", NULL);
    assert_ok(say(a, &full->addr));
    pke_net_run(&net, 20 * P2P_SECOND);
    for (uint8_t i = 1; i <= 2; i++) {
        p2p_addr to = pke_nobody(i);
        assert_ok(say(full, &to));
    }
    pke_net_close(full);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(full->gone, 0);
    pke_net_end(&net);
}

/* --- newcomers where others claim to be --- */

static uint64_t counted_drops(const pke_node *n)
{
    p2p_stats stats = pke_base_stats(n);
    return stats.rx_drop_limit + stats.rx_drop_malformed;
}

/* So many InitHellos per second, each with another key than the last, in the name of a newcomer who
 * comes after three seconds: he gets in within a few. */
static void newcomer(unsigned per_second, pke_change_fn attacker, pke_change_fn comer)
{
    static pke_record with[FORGED_KEYS];
    pke_net net;
    p2p__rand rand;
    unsigned n = 0;
    pke_net_begin_wire(&net, LATENCY, 1);
    p2p__rand_seed(&rand, 1);
    for (size_t i = 0; i < FORGED_KEYS; i++)
        pke_net_capture(&net, 100 + i, "10.9.9.9:9", attacker, &with[i]);
    pke_node *victim = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", NULL);
    pke_node *late = pke_net_add_ip(&net, 1, 2, "10.0.2.2:2", comer);
    for (unsigned ms = 0; ms < 10000; ms++) {
        if (ms % (1000 / per_second) == 0) {
            pke_record *forged = &with[n++ % FORGED_KEYS];
            pke_renew_hello(forged, &rand);
            wire_inject(net.wire, &late->inner, &victim->inner, forged->data, forged->len);
        }
        if (ms == 3037)
            assert_ok(say(late, &victim->addr));
        pke_net_run(&net, P2P_MILLISECOND);
    }
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(late->up, 1);
    assert_int_equal(victim->got, 1);
    /* Each of them was answered or is counted as dropped. */
    assert_true(counted_drops(victim) + pke_stats(victim).handshakes_answered >= n);
    pke_net_end(&net);
}

static void test_newcomer(void **state)
{
    (void)state;
    static const unsigned rates[] = {5, 20, 50};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        newcomer(rates[i], NULL, NULL);
        newcomer(rates[i], pke_as_reference, NULL);
        newcomer(rates[i], NULL, pke_as_reference);
        newcomer(rates[i], pke_as_reference, pke_as_reference);
    }
}

/* --- full prefixes --- */

static void three_per_prefix(p2p_pke_swarm_config *config)
{
    config->max_peers_per_prefix = 3;
}

/* Guests who are quiet go for a new one, who talk stay. */
static void test_full_prefix(void **state)
{
    (void)state;
    static const char *const places[] = {"10.7.7.1:1", "10.7.7.2:1", "10.7.7.3:1",
                                         "10.7.7.4:1", "10.7.7.5:1", "10.7.7.6:1"};
    pke_net net;
    pke_net_begin_wire(&net, LATENCY, 1);
    pke_node *victim = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", three_per_prefix);
    pke_node *guests = &net.node[1];
    for (size_t i = 0; i < COUNT_OF(places); i++)
        pke_net_add_ip(&net, 1 + i, 10 + i, places[i], NULL);
    for (size_t i = 0; i < 3; i++)
        assert_ok(say(&guests[i], &victim->addr));
    for (int i = 0; i < 20; i++) {
        pke_net_run(&net, P2P_SECOND);
        assert_ok(say(&guests[0], &victim->addr));
    }
    for (size_t i = 3; i < 5; i++) {
        assert_ok(say(&guests[i], &victim->addr));
        pke_net_run(&net, 2 * P2P_SECOND);
        assert_int_equal(guests[i].up, 1);
        assert_int_equal(victim->gone, i - 2);
        assert_int_equal(pke_peers(victim), 3);
    }
    uint8_t key[256];
    size_t len = 0;
    assert_ok(p2p_peer_key(victim->swarm, &guests[0].addr, key, sizeof key, &len));
    /* All have just talked. */
    assert_ok(say(&guests[5], &victim->addr));
    pke_net_run(&net, 2 * P2P_SECOND);
    assert_int_equal(guests[5].up, 0);
    assert_int_equal(victim->gone, 2);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_gone_and_closed),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_full_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
