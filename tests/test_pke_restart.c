/* SPDX-License-Identifier: MIT */
/* PKE swarms: what is told to a peer that has restarted and calls. */
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY (10 * P2P_MILLISECOND)

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = LATENCY};

/* Nodes 0 and 1 have a session; then node 1 restarts, and calls. */
static void begin(pke_net *net, pke_change_fn change)
{
    pke_net_begin(net, &slow, 1);
    pke_node *a = pke_net_add(net, 0, 1, change);
    pke_node *b = pke_net_add(net, 1, 2, change);
    assert_true(pke_arrive(a, b, "before") < P2P_SECOND);
    assert_true(pke_arrive(b, a, "before") < P2P_SECOND);
    pke_net_run(net, P2P_SECOND);
    pke_net_crash(b);
    b = pke_net_add(net, 1, 2, change);
    assert_ok(pke_say(b, &a->addr, "I am back"));
}

/* From the moment on at which its handshake is complete here, nothing goes to its former self. */
static void check_from(uint64_t moment, pke_change_fn change, uint64_t patience)
{
    pke_net net;
    begin(&net, change);
    pke_node *a = &net.node[0], *b = &net.node[1];
    pke_net_run(&net, 3 * LATENCY + moment);
    assert_ok(pke_say(a, &b->addr, "welcome"));
    assert_int_not_equal(pke_net_wait(&net, &b->got, 1, patience), P2P_NEVER);
    assert_string_equal(b->last, "welcome");
    pke_net_end(&net);
}

static void test_welcome(void **state)
{
    (void)state;
    for (uint64_t moment = 0; moment < 60 * P2P_MILLISECOND; moment += P2P_MILLISECOND) {
        /* The reference has to show first that it has the session. */
        check_from(moment, pke_as_reference, 4 * LATENCY);
        check_from(moment, NULL, LATENCY);
    }
}

/* What ends the handshake is lost on the way to it: the message takes its place. */
static int lose_resp_done(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    (void)arg;
    (void)from;
    (void)to;
    return len > 3 && data[0] == 0 && data[3] == 3 ? P2P_DROP : P2P_PASS;
}

static void test_welcome_instead_of_resp_done(void **state)
{
    (void)state;
    pke_net net;
    begin(&net, NULL);
    pke_node *a = &net.node[0], *b = &net.node[1];
    p2p_realm_on_transform(net.realm, lose_resp_done, NULL);
    pke_net_run(&net, 3 * LATENCY);
    for (unsigned i = 1; i <= 3; i++) {
        assert_ok(pke_say(a, &b->addr, "welcome"));
        assert_int_equal(pke_net_wait(&net, &b->got, i, LATENCY), LATENCY);
    }
    assert_int_not_equal(pke_net_wait(&net, &a->got, 1, 2 * LATENCY), P2P_NEVER);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_welcome),
        cmocka_unit_test(test_welcome_instead_of_resp_done),
    };
    return cmocka_run_group_tests_name("pke restart", tests, NULL, NULL);
}
