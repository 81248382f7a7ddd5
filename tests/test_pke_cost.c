/* SPDX-License-Identifier: MIT */
/* PKE swarms: what an idle peer costs, and that messages cost no memory. */
#include <p2p/udp.h>

#include "core/bytes.h"
#include "support/check.h"
#include "support/pke_net.h"
#include "support/wire_swarm.h"

/* --- idle peers --- */

enum { PEERS = 1000, PEER_LIMIT = 2048 };

/*
 * Two swarms that are PEERS peers to each other: the caller calls PEERS addresses, at all of which
 * the called one is, who sees each call come from another address.
 */
typedef struct crowd {
    counted memory;
    p2p_loop *loop;
    wire *wire;
    p2p_swarm *caller;
    p2p_swarm *called;
    p2p_addr caller_inner;
    p2p_addr called_inner;
    uint8_t called_id[P2P_PEER_ID_SIZE];
    unsigned got[2];
} crowd;

static p2p_addr numbered(uint32_t net, uint32_t i)
{
    p2p_ip ip = {4, {0}, 0};
    p2p_addr addr;
    p2p__store32be(ip.bytes, net | i);
    assert_ok(p2p_addr_from_ip(&addr, &ip, 1));
    return addr;
}

#define CALLER_NET 0x0a010000u
#define CALLED_NET 0x0a020000u

static int translate(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    crowd *c = arg;
    p2p_ip ip;
    (void)question;
    assert_ok(p2p_addr_ip(sent->dst, &ip));
    uint32_t i = p2p__load32be(ip.bytes) & 0xffff;
    int out = p2p_addr_equal(sent->src, &c->caller_inner);
    p2p_addr from = numbered(out ? CALLER_NET : CALLED_NET, i);
    wire_inject(c->wire, &from, out ? &c->called_inner : &c->caller_inner, sent->data, sent->len);
    return 0;
}

static void count(void *arg, const p2p_msg *msg)
{
    (void)msg;
    ++*(unsigned *)arg;
}

static void answer(void *arg, const p2p_msg *msg)
{
    crowd *c = arg;
    c->got[1]++;
    assert_ok(p2p_tell(c->called, msg->src, "and to you", 10));
}

static p2p_swarm *add(crowd *c, p2p_signer *signer, const p2p_addr *inner)
{
    p2p_pke_swarm_config config;
    p2p_swarm *below = NULL;
    p2p_swarm *swarm = NULL;
    assert_ok(wire_node(&below, c->wire, inner));
    p2p_pke_swarm_config_init(&config);
    config.signer = signer;
    config.max_handshakes = 1000000;
    config.max_handshakes_prefix = 1000000;
    config.max_peers_per_prefix = 1000000;
    assert_ok(p2p_pke_swarm_new(&swarm, below, &config));
    return swarm;
}

static void run(crowd *c, uint64_t duration)
{
    assert_true(p2p_sim_run_until(c->loop, p2p_loop_now(c->loop) + duration) > 0);
}

static void call_all(crowd *c)
{
    for (uint32_t i = 0; i < PEERS; i++) {
        p2p_addr to = numbered(CALLED_NET, i);
        assert_ok(p2p_addr_wrap_peer(&to, c->called_id, &to));
        assert_ok(p2p_tell(c->caller, &to, "hello", 5));
    }
}

/* Closes a swarm. Returns how much memory that gives back. */
static size_t give_back(crowd *c, p2p_swarm *swarm)
{
    size_t before = c->memory.bytes;
    p2p_close(swarm, NULL, NULL);
    run(c, P2P_MILLISECOND);
    return before - c->memory.bytes;
}

static void measure(uint64_t idle)
{
    static crowd c;
    p2p_signer *signer[2] = {pke_test_signer(1), pke_test_signer(2)};
    memset(&c, 0, sizeof c);
    c.loop = counted_sim(&c.memory, 1);
    c.wire = wire_new(c.loop, P2P_MILLISECOND);
    wire_on_send(c.wire, translate, &c);
    c.caller_inner = numbered(CALLER_NET, 0xffff);
    c.called_inner = numbered(CALLED_NET, 0xffff);
    size_t start = c.memory.bytes;
    c.caller = add(&c, signer[0], &c.caller_inner);
    size_t caller_base = c.memory.bytes - start;
    start = c.memory.bytes;
    c.called = add(&c, signer[1], &c.called_inner);
    size_t called_base = c.memory.bytes - start;
    p2p_on_tell(c.caller, count, &c.got[0]);
    p2p_on_tell(c.called, answer, &c);
    assert_ok(p2p_pke_swarm_id(c.called, c.called_id));

    call_all(&c);
    run(&c, 5 * P2P_SECOND);
    call_all(&c);
    run(&c, idle);
    assert_int_equal(c.got[0], 2 * PEERS);
    assert_int_equal(c.got[1], 2 * PEERS);
    size_t peers = 0;
    p2p_pke_stats stats;
    assert_ok(p2p_pke_swarm_stats(c.caller, &stats, &peers));
    assert_int_equal(peers, PEERS);
    assert_ok(p2p_pke_swarm_stats(c.called, &stats, &peers));
    assert_int_equal(peers, PEERS);

    size_t caller = (give_back(&c, c.caller) - caller_base) / PEERS;
    size_t called = (give_back(&c, c.called) - called_base) / PEERS;
    print_message(
        "a peer that is idle for %u s: %zu bytes where it was called, %zu where it came\n",
        (unsigned)(idle / P2P_SECOND), caller, called);
    assert_true(caller <= PEER_LIMIT);
    assert_true(called <= PEER_LIMIT);
    wire_free(c.wire);
    counted_end(c.loop, &c.memory);
    for (int i = 0; i < 2; i++)
        p2p_signer_free(signer[i]);
}

static void test_idle_peer(void **state)
{
    (void)state;
    measure(5 * P2P_SECOND);
    measure(60 * P2P_SECOND);
    measure(200 * P2P_SECOND);
}

/* --- messages --- */

static void test_no_allocation_mem(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, NULL, 1, &a, &b);
    size_t calls = 0;
    for (int i = 0; i < 20000; i++) {
        if (i == 2000)
            calls = net.memory.calls;
        for (int k = 0; k < 3; k++)
            assert_ok(pke_say(a, &b->addr, "a message"));
        assert_ok(pke_say(b, &a->addr, "a message"));
        pke_net_run(&net, P2P_MILLISECOND);
    }
    assert_int_equal(b->got, 3 * 20000);
    assert_int_equal(a->got, 20000);
    assert_int_equal(net.memory.calls, calls);
    pke_net_end(&net);
}

typedef struct pair {
    counted memory;
    p2p_loop *loop;
    p2p_swarm *a;
    p2p_swarm *b;
    p2p_addr to;
    unsigned got;
    unsigned wanted;
} pair;

static void on_udp_tell(void *arg, const p2p_msg *msg)
{
    pair *p = arg;
    (void)msg;
    if (++p->got == p->wanted)
        p2p_loop_stop(p->loop);
}

static void give_up(void *arg)
{
    pair *p = arg;
    p2p_loop_stop(p->loop);
}

static p2p_swarm *over_udp(p2p_loop *loop, p2p_signer *signer)
{
    p2p_udp_config udp;
    p2p_pke_swarm_config config;
    p2p_swarm *inner = NULL;
    p2p_swarm *swarm = NULL;
    p2p_udp_config_init(&udp);
    udp.bind = "127.0.0.1:0";
    udp.socket_rcvbuf = 4 << 20;
    assert_ok(p2p_udp_new(&inner, loop, &udp));
    p2p_pke_swarm_config_init(&config);
    config.signer = signer;
    assert_ok(p2p_pke_swarm_new(&swarm, inner, &config));
    return swarm;
}

/* So many messages, all of which arrive. */
static void burst(pair *p, unsigned n)
{
    static const uint8_t payload[1200];
    p2p_timer timer;
    p2p_timer_init(&timer, p->loop, give_up, p);
    p2p_timer_start_in(&timer, 20 * P2P_SECOND);
    p->wanted = p->got + n;
    for (unsigned i = 0; i < n; i++)
        assert_ok(p2p_tell(p->a, &p->to, payload, i % 2 ? 64 : 1200));
    assert_ok(p2p_loop_run(p->loop));
    p2p_timer_stop(&timer);
    assert_int_equal(p->got, p->wanted);
}

static void test_no_allocation_udp(void **state)
{
    (void)state;
    p2p_signer *signer[2] = {pke_test_signer(1), pke_test_signer(2)};
    pair p;
    memset(&p, 0, sizeof p);
    p.loop = counted_loop(&p.memory);
    p.a = over_udp(p.loop, signer[0]);
    p.b = over_udp(p.loop, signer[1]);
    p2p_on_tell(p.b, on_udp_tell, &p);
    assert_ok(p2p_local_addr(p.b, &p.to));
    for (int i = 0; i < 20; i++)
        burst(&p, 50);
    size_t calls = p.memory.calls;
    for (int i = 0; i < 200; i++)
        burst(&p, 50);
    assert_int_equal(p.memory.calls, calls);
    p2p_close(p.a, NULL, NULL);
    p2p_close(p.b, NULL, NULL);
    assert_ok(p2p_loop_run(p.loop));
    counted_end(p.loop, &p.memory);
    for (int i = 0; i < 2; i++)
        p2p_signer_free(signer[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_peer),
        cmocka_unit_test(test_no_allocation_mem),
        cmocka_unit_test(test_no_allocation_udp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
