/* SPDX-License-Identifier: MIT */
/*
 * PKE swarms: handshakes with an earlier date than one that was completed. A peer whose clock went
 * back gets in by such a one (test_pke_change.c), so dates keep nobody out; what keeps a recorded
 * InitHello out is that only the holder of its key can complete what it begins.
 */
#include "core/rand.h"
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY (5 * P2P_MILLISECOND)

/* Node 1 called node 0 with the recorded InitHello, and has called again since. */
static void begin(pke_net *net, pke_record *hello, int extended)
{
    pke_change_fn change = extended ? NULL : pke_as_reference;
    pke_net_begin_wire(net, LATENCY, 1);
    pke_node *a = pke_net_add_ip(net, 0, 1, "10.0.0.1:1", change);
    for (unsigned i = 0; i < 2; i++) {
        pke_node *b = pke_net_add_ip(net, 1, 2, "10.0.0.2:2", change);
        if (!i)
            pke_net_record(net, &b->inner, hello);
        assert_ok(pke_say(b, &a->addr, "hello"));
        pke_net_run(net, P2P_SECOND);
        assert_int_equal(a->got, i + 1);
        if (!i)
            pke_net_close(b);
    }
    assert_true(hello->len > 160);
}

/* The recorded InitHello again, with its own ephemeral key or with others, all the time. Nobody is
 * disturbed, and what that costs is limited as for any stranger. */
static void check_replay(int extended, int forged)
{
    enum { SECONDS = 40, PER_SECOND = 100, STRANGERS = 50 };
    pke_net net;
    pke_record hello;
    p2p__rand rand;
    begin(&net, &hello, extended);
    pke_node *a = &net.node[0], *b = &net.node[1];
    p2p__rand_seed(&rand, 1);
    unsigned up = a->up, got = a->got, told = 0, late = 0;
    p2p_pke_stats before = pke_stats(a);
    for (unsigned i = 0; i < SECONDS * PER_SECOND; i++) {
        if (forged)
            pke_renew_hello(&hello, &rand);
        wire_inject(net.wire, &b->inner, &a->inner, hello.data, hello.len);
        pke_net_run(&net, P2P_SECOND / PER_SECOND);
        if (i % 10)
            continue;
        /* Each message arrives at once, either way; with the reference not while a session is
         * replaced (rule 20 of p2pke.md). */
        assert_ok(pke_say(b, &a->addr, "to a"));
        assert_ok(pke_say(a, &b->addr, "to b"));
        told++;
        pke_net_run(&net, LATENCY);
        late += a->got < got + told || b->got < told;
    }
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(a->got, got + told);
    assert_int_equal(b->got, told);
    assert_true(late <= (extended ? 0 : SECONDS / 5));
    assert_int_equal(a->up, up);
    assert_int_equal(a->gone + a->failed, 0);
    assert_int_equal(b->gone + b->failed, 0);
    p2p_pke_stats after = pke_stats(a);
    assert_true(after.handshakes_answered - before.handshakes_answered <=
                STRANGERS * (SECONDS + 6) + SECONDS);
    /* None of them is ever completed: what was, b and a did among themselves. */
    assert_true(after.sessions_ready - before.sessions_ready <= SECONDS / 5);
    pke_net_end(&net);
}

static void test_replay(void **state)
{
    (void)state;
    for (int extended = 0; extended < 2; extended++)
        for (int forged = 0; forged < 2; forged++)
            check_replay(extended, forged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
    };
    return cmocka_run_group_tests_name("pke dates", tests, NULL, NULL);
}
