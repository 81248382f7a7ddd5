/* SPDX-License-Identifier: MIT */
/* The weaknesses of the reference's p2pkeswarm that PKE swarms do not share. docs/p2pke.md lists
 * them beside these tests. */
#include <p2p/udp.h>

#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY  (10 * P2P_MILLISECOND)
#define PATIENCE (20 * P2P_SECOND) /* of a test on a real loop that fails */

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = LATENCY};

/* --- the whitelist applies to those whom we call --- */

static int allow_nobody(void *arg, const p2p_addr *peer)
{
    (void)arg;
    (void)peer;
    return 0;
}

static void closed_house(p2p_pke_swarm_config *config)
{
    config->allow = allow_nobody;
}

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)arg;
    (void)status;
    (void)key;
    (void)len;
    fail();
}

static void test_whitelist_applies_to_tells(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, closed_house);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_int_equal(pke_say(a, &b->addr, "hello"), P2P_ERR_REFUSED);
    assert_int_equal(p2p_lookup_key(a->swarm, &b->addr, P2P_NEVER, on_key, NULL), P2P_ERR_REFUSED);
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(net.datagrams, 0);
    assert_int_equal(pke_peers(a), 0);
    pke_net_end(&net);
}

/* --- closing --- */

/* Peers with sessions and without, calls that are under way, half-open handshakes of others,
 * messages that wait: when the swarm is closed the loop has nothing left to do. */
static void test_close_leaves_no_timers(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    pke_node *c = pke_net_add(&net, 2, 3, NULL);
    pke_node *d = pke_net_add(&net, 3, 4, NULL);
    assert_true(pke_arrive(a, b, "hello") != P2P_NEVER);
    assert_ok(pke_say(c, &a->addr, "half a handshake"));
    pke_net_run(&net, LATENCY + 1);
    pke_net_crash(c);
    pke_net_crash(d);
    assert_ok(pke_say(a, &d->addr, "nobody is there"));
    pke_net_run(&net, P2P_SECOND);
    assert_ok(pke_say(a, &b->addr, "one more"));
    assert_int_equal(pke_peers(a), 3);
    pke_net_close(a);
    pke_net_close(b);
    uint64_t closed = p2p_loop_now(net.loop);
    assert_int_equal(p2p_sim_run_idle(net.loop), P2P_SIM_IDLE);
    assert_true(p2p_loop_now(net.loop) - closed <= LATENCY); /* what was on its way */
    pke_net_end(&net);
}

/* --- forgetting --- */

static void soon_idle(p2p_pke_swarm_config *config)
{
    config->idle = 20 * P2P_SECOND;
}

/* Peers are forgotten while a call is under way and messages wait for it: nobody waits for that. */
static void test_forgetting_holds_nobody_up(void **state)
{
    (void)state;
    enum { IDLE = 8 };
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, soon_idle);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    for (size_t i = 0; i < IDLE; i++)
        assert_true(pke_arrive(a, pke_net_add(&net, 2 + i, 3 + i, NULL), "once") != P2P_NEVER);
    assert_true(pke_arrive(a, b, "hello") != P2P_NEVER);
    p2p_addr gone = net.node[2].addr;
    pke_net_crash(&net.node[2]);
    unsigned most = 0;
    for (int i = 0; i < 400; i++) {
        unsigned before = a->gone;
        if (i % 50 == 0)
            assert_ok(pke_say(a, &gone, "is anybody there?"));
        assert_int_equal(pke_arrive(a, b, "on time"), LATENCY);
        pke_net_run(&net, 90 * P2P_MILLISECOND);
        most = a->gone - before > most ? a->gone - before : most;
    }
    assert_int_equal(most, IDLE - 1); /* at once */
    pke_net_end(&net);
}

/* One that is talked to, or talks, is never forgotten, and its sessions are replaced only when
 * they grow old. */
static void test_live_peers_are_not_forgotten(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        pke_net net;
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, soon_idle);
        pke_node *b = pke_net_add(&net, 1, 2, soon_idle);
        pke_node *from = way ? b : a;
        pke_node *to = way ? a : b;
        assert_true(pke_arrive(a, b, "hello") != P2P_NEVER);
        for (int i = 0; i < 600; i++) {
            assert_int_equal(pke_arrive(from, to, "one way only"), LATENCY);
            pke_net_run(&net, P2P_SECOND);
        }
        assert_int_equal(a->gone + b->gone + a->failed + b->failed, 0);
        assert_int_equal(a->up + b->up, 2);
        /* 600 s: the first, and one for each 120 s. */
        assert_in_range(pke_stats(a).handshakes_started + pke_stats(b).handshakes_started, 1, 6);
        pke_net_end(&net);
    }
}

/* --- addresses --- */

/* The IP address within an address can be read and replaced. */
static void test_address_shows_its_ip(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin_wire(&net, LATENCY, 1);
    pke_node *a = pke_net_add_ip(&net, 0, 1, "[2001:db8::5]:77", NULL);
    p2p_addr inner;
    p2p_ip ip;
    assert_ok(p2p_addr_ip(&a->addr, &ip));
    assert_int_equal(ip.family, 6);
    assert_int_equal(ip.bytes[15], 5);
    assert_ok(p2p_addr_unwrap(&a->addr, &inner));
    assert_true(p2p_addr_equal(&inner, &a->inner));
    pke_net_end(&net);
}

/* --- a wildcard socket reaches plain IPv4 addresses --- */

typedef struct talker {
    p2p_swarm *swarm;
    p2p_signer *signer;
    p2p_addr src; /* of the last message */
    unsigned got;
    int answers;
} talker;

static void on_tell(void *arg, const p2p_msg *msg)
{
    talker *t = arg;
    t->got++;
    t->src = *msg->src;
    if (t->answers)
        assert_ok(p2p_tell(t->swarm, msg->src, "yes", 3));
    else
        p2p_loop_stop(p2p_swarm_loop(t->swarm));
}

static int open_talker(talker *t, p2p_loop *loop, uint64_t key, const char *bind)
{
    p2p_udp_config udp;
    p2p_pke_swarm_config config;
    p2p_swarm *inner = NULL;
    memset(t, 0, sizeof *t);
    p2p_udp_config_init(&udp);
    udp.bind = bind;
    int err = p2p_udp_new(&inner, loop, &udp);
    if (err)
        return err;
    t->signer = pke_test_signer(key);
    p2p_pke_swarm_config_init(&config);
    config.signer = t->signer;
    assert_ok(p2p_pke_swarm_new(&t->swarm, inner, &config));
    p2p_on_tell(t->swarm, on_tell, t);
    return 0;
}

static void stop(void *arg)
{
    p2p_loop_stop(arg);
}

static void run_until_stopped(p2p_loop *loop)
{
    p2p_timer timer;
    p2p_timer_init(&timer, loop, stop, loop);
    p2p_timer_start_in(&timer, PATIENCE);
    assert_ok(p2p_loop_run(loop));
    assert_true(p2p_timer_active(&timer));
    p2p_timer_stop(&timer);
}

/* PEERID@127.0.0.1:PORT of a node. */
static p2p_addr at_ip4(const talker *t)
{
    p2p_ip ip = {4, {127, 0, 0, 1}, 0};
    p2p_addr addr;
    uint16_t port;
    uint8_t id[P2P_PEER_ID_SIZE];
    assert_ok(p2p_local_addr(t->swarm, &addr));
    assert_ok(p2p_addr_port(&addr, &port));
    assert_ok(p2p_pke_swarm_id(t->swarm, id));
    assert_ok(p2p_addr_from_ip(&addr, &ip, port));
    assert_ok(p2p_addr_wrap_peer(&addr, id, &addr));
    return addr;
}

/* Either of them calls. The one with the wildcard has a name for the other that is the plain one,
 * and its answers come from where the question went. */
static void test_wildcard_udp_reaches_ipv4(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        counted memory;
        p2p_loop *loop = counted_loop(&memory);
        talker any, ip4;
        if (open_talker(&any, loop, 1, "[::]:0")) {
            counted_end(loop, &memory);
            skip(); /* no IPv6 */
        }
        assert_ok(open_talker(&ip4, loop, 2, "127.0.0.1:0"));
        talker *from = way ? &any : &ip4;
        talker *to = way ? &ip4 : &any;
        p2p_addr dst = at_ip4(to);
        p2p_addr src = at_ip4(from);
        to->answers = 1;
        assert_ok(p2p_tell(from->swarm, &dst, "can you hear me?", 16));
        run_until_stopped(loop);
        assert_int_equal(from->got + to->got, 2);
        assert_true(p2p_addr_equal(&to->src, &src));
        assert_true(p2p_addr_equal(&from->src, &dst));
        p2p_close(any.swarm, NULL, NULL);
        p2p_close(ip4.swarm, NULL, NULL);
        assert_ok(p2p_loop_run(loop));
        p2p_signer_free(any.signer);
        p2p_signer_free(ip4.signer);
        counted_end(loop, &memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whitelist_applies_to_tells),
        cmocka_unit_test(test_close_leaves_no_timers),
        cmocka_unit_test(test_forgetting_holds_nobody_up),
        cmocka_unit_test(test_live_peers_are_not_forgotten),
        cmocka_unit_test(test_address_shows_its_ip),
        cmocka_unit_test(test_wildcard_udp_reaches_ipv4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
