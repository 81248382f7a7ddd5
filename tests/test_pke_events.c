/* SPDX-License-Identifier: MIT */
/* PKE swarms: what is told of peers, and in which order. */
#include "support/check.h"
#include "support/pke_net.h"

enum { LATENCY = 10 * P2P_MILLISECOND, PEERS = 3 };

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = LATENCY};

static void few_peers(p2p_pke_swarm_config *config)
{
    config->max_peers = PEERS;
}

/* Which nodes were told of, in order: their numbers, and 100 more for one that is gone. */
static struct {
    unsigned count;
    uint64_t number[16];
} seen;

static void note(pke_node *node, const p2p_pke_peer_event *event)
{
    uint64_t number = 0;
    (void)node;
    assert_true(seen.count < COUNT_OF(seen.number));
    assert_ok(p2p_addr_mem(event->peer, &number));
    seen.number[seen.count++] = number + (event->kind == P2P_PKE_PEER_GONE ? 100 : 0);
}

/* Node 0 knows nodes 1 to PEERS, who have been quiet for long, the first for longest. */
static pke_node *begin(pke_net *net, size_t others)
{
    pke_net_begin(net, &slow, 1);
    pke_node *a = pke_net_add(net, 0, 1, few_peers);
    for (size_t i = 1; i <= others; i++)
        pke_net_add(net, i, i + 1, NULL);
    for (size_t i = 1; i <= PEERS; i++) {
        assert_true(pke_arrive(a, &net->node[i], "hello") != P2P_NEVER);
        pke_net_run(net, P2P_SECOND);
    }
    pke_net_run(net, 20 * P2P_SECOND);
    memset(&seen, 0, sizeof seen);
    a->on_peer = note;
    return a;
}

/* Who is forgotten first is told of first. */
static void test_gone_in_order(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a = begin(&net, 2 * PEERS);
    for (size_t i = PEERS + 1; i <= 2 * PEERS; i++)
        assert_ok(pke_say(a, &net.node[i].addr, "make room"));
    assert_int_equal(a->gone, 0);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(a->gone, PEERS);
    for (size_t i = 0; i < PEERS; i++)
        assert_int_equal(seen.number[i], 101 + i);
    pke_net_end(&net);
}

static void make_room(pke_node *node, const p2p_msg *msg)
{
    (void)msg;
    assert_ok(p2p_tell(node->swarm, &node->net->node[5].addr, "make room", 9));
}

static void say_hello(void *arg)
{
    pke_net *net = arg;
    assert_ok(pke_say(&net->node[3], &net->node[0].addr, "hello"));
}

/* A peer is forgotten, and in the same turn another one comes up: told in that order. */
static void test_gone_before_up(void **state)
{
    (void)state;
    pke_net net;
    p2p_timer timer;
    pke_node *a = begin(&net, 5);
    /* Node 4 takes the place of node 1, with a cookie. When its handshake is complete, a message of
     * node 3 has just made its receiver tell node 5, which takes the place of node 2. */
    p2p_timer_init(&timer, net.loop, say_hello, &net);
    p2p_timer_start_in(&timer, 4 * LATENCY);
    a->on_tell = make_room;
    assert_ok(pke_say(&net.node[4], &a->addr, "hello"));
    pke_net_run(&net, 5 * LATENCY);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.number[0], 101);
    assert_int_equal(seen.number[1], 102);
    assert_int_equal(seen.number[2], 4);
    a->on_tell = NULL;
    pke_net_run(&net, P2P_SECOND);
    pke_net_end(&net);
}

/* --- who answered --- */

static struct {
    int reason;
    int has_answered;
    p2p_addr answered;
} failure;

static void note_failure(pke_node *node, const p2p_pke_peer_event *event)
{
    (void)node;
    if (event->kind != P2P_PKE_PEER_FAILED) {
        assert_int_equal(event->reason, 0);
        assert_null(event->answered);
        return;
    }
    failure.reason = event->reason;
    failure.has_answered = event->answered != NULL;
    if (event->answered)
        failure.answered = *event->answered;
}

/* Tells somebody, and waits until that has failed. */
static void fail_to_tell(pke_node *from, const p2p_addr *to)
{
    unsigned before = from->failed;
    memset(&failure, 0, sizeof failure);
    from->on_peer = note_failure;
    assert_ok(pke_say(from, to, "anybody?"));
    assert_int_not_equal(pke_net_wait(from->net, &from->failed, before + 1, 60 * P2P_SECOND),
                         P2P_NEVER);
    assert_true(p2p_addr_equal(&from->failed_addr, to));
}

/* Another one than was called: a stranger, or one who is known there already. */
static void test_another_answers(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        pke_net net;
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, NULL);
        pke_node *b = pke_net_add(&net, 1, 2, NULL);
        p2p_signer *other = pke_test_signer(99);
        p2p_addr wrong = pke_addr(other, 1);
        if (known)
            assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
        fail_to_tell(a, &wrong);
        assert_int_equal(failure.reason, P2P_ERR_REFUSED);
        assert_true(failure.has_answered);
        assert_true(p2p_addr_equal(&failure.answered, &b->addr));
        /* Nobody answers the next time: nothing is left of the last. */
        pke_net_close(b);
        fail_to_tell(a, &wrong);
        assert_int_equal(failure.reason, P2P_ERR_TIMEOUT);
        assert_false(failure.has_answered);
        pke_net_end(&net);
        p2p_signer_free(other);
    }
}

/* A peer is there no more, and somebody else in his place: the same link, with a proven key. */
static void test_another_took_the_place(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    pke_net_run(&net, P2P_SECOND);
    p2p_addr gone = b->addr;
    pke_net_crash(b);
    b = pke_net_add(&net, 1, 3, NULL);
    fail_to_tell(a, &gone);
    assert_int_equal(failure.reason, P2P_ERR_REFUSED);
    assert_true(failure.has_answered);
    assert_true(p2p_addr_equal(&failure.answered, &b->addr));
    pke_net_end(&net);
}

static int allow_once(void *arg, const p2p_addr *peer)
{
    unsigned *asked = arg;
    (void)peer;
    return (*asked)++ == 0;
}

static unsigned asked;

static void changes_its_mind(p2p_pke_swarm_config *config)
{
    config->allow = allow_once;
    config->allow_arg = &asked;
}

/* The right one, who is not allowed any more. */
static void test_not_allowed(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    asked = 0;
    pke_node *a = pke_net_add(&net, 0, 1, changes_its_mind);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    fail_to_tell(a, &b->addr);
    assert_int_equal(failure.reason, P2P_ERR_REFUSED);
    assert_false(failure.has_answered);
    pke_net_end(&net);
}

/* The same, and then somebody else calls from there: he has answered nothing. */
static void test_another_calls(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    asked = 0;
    pke_node *a = pke_net_add(&net, 0, 1, changes_its_mind);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    a->on_peer = note_failure;
    memset(&failure, 0, sizeof failure);
    assert_ok(pke_say(a, &b->addr, "anybody?"));
    pke_net_run(&net, 10 * LATENCY);
    pke_net_crash(b);
    b = pke_net_add(&net, 1, 3, NULL);
    assert_ok(pke_say(b, &a->addr, "hello"));
    assert_int_not_equal(pke_net_wait(&net, &a->failed, 1, 60 * P2P_SECOND), P2P_NEVER);
    assert_int_equal(failure.reason, P2P_ERR_REFUSED);
    assert_false(failure.has_answered);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone_in_order),   cmocka_unit_test(test_gone_before_up),
        cmocka_unit_test(test_another_answers), cmocka_unit_test(test_another_took_the_place),
        cmocka_unit_test(test_another_calls),   cmocka_unit_test(test_not_allowed),
    };
    return cmocka_run_group_tests_name("pke events", tests, NULL, NULL);
}
