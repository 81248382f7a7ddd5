/* SPDX-License-Identifier: MIT */
/* PKE swarms: what waits for a handshake, its limits, and who is told when there is room again. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

enum { QUEUE = 10, QUEUE_BYTES = 1000, ALL_BYTES = 2500 };

static void small_queues(p2p_pke_swarm_config *config)
{
    config->max_queue = QUEUE;
    config->max_queue_bytes = QUEUE_BYTES;
    config->max_queued_bytes = ALL_BYTES;
    config->idle = 1000 * P2P_SECOND;
}

/* Checks that numbers arrive one after the other. */
static void next_number(pke_node *node, const p2p_msg *msg)
{
    char text[16];
    snprintf(text, sizeof text, "%u", node->got - 1);
    assert_int_equal(msg->len, strlen(text));
    assert_memory_equal(msg->data, text, msg->len);
}

static int say_number(pke_node *from, const p2p_addr *to, unsigned i)
{
    char text[16];
    snprintf(text, sizeof text, "%u", i);
    return pke_say(from, to, text);
}

static int say_bytes(pke_node *from, const p2p_addr *to, size_t len)
{
    static const uint8_t zero[4096];
    assert_true(len <= sizeof zero);
    return p2p_tell(from->swarm, to, zero, len);
}

/* N messages wait, N + 1 do not; they leave in order, and then there is one writable event. */
static void test_number(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, small_queues);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    b->on_tell = next_number;
    for (unsigned i = 0; i < QUEUE; i++)
        assert_ok(say_number(a, &b->addr, i));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pke_say(a, &b->addr, "too many"), P2P_ERR_AGAIN);
    assert_int_equal(a->writables, 0);
    assert_int_not_equal(pke_net_wait(&net, &a->writables, 1, P2P_SECOND), P2P_NEVER);
    for (unsigned i = QUEUE; i < 5 * QUEUE; i++)
        assert_ok(say_number(a, &b->addr, i));
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(b->got, 5 * QUEUE);
    assert_int_equal(a->writables, 1);
    p2p_stats stats = pke_base_stats(a);
    assert_int_equal(stats.tx_msgs, 5 * QUEUE);
    assert_int_equal(stats.tx_again, 3);
    pke_net_end(&net);
}

static void test_bytes(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, small_queues);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_int_equal(say_bytes(a, &b->addr, QUEUE_BYTES + 1), P2P_ERR_AGAIN);
    assert_ok(say_bytes(a, &b->addr, QUEUE_BYTES - 1));
    assert_int_equal(say_bytes(a, &b->addr, 2), P2P_ERR_AGAIN);
    assert_ok(say_bytes(a, &b->addr, 1));
    assert_int_equal(say_bytes(a, &b->addr, 1), P2P_ERR_AGAIN);
    assert_ok(say_bytes(a, &b->addr, 0));
    assert_int_not_equal(pke_net_wait(&net, &a->writables, 1, P2P_SECOND), P2P_NEVER);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(b->got, 3);
    /* With a session nothing waits, so nothing is limited. */
    assert_ok(say_bytes(a, &b->addr, QUEUE_BYTES + 1));
    pke_net_end(&net);
}

/* All handshakes together hold so many bytes. Who finds no room leaves nothing behind. */
static void test_all_bytes(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, small_queues);
    pke_node *peers[4];
    for (size_t i = 0; i < 4; i++)
        peers[i] = pke_net_add(&net, i + 1, i + 2, NULL);
    assert_ok(say_bytes(a, &peers[0]->addr, QUEUE_BYTES));
    assert_ok(say_bytes(a, &peers[1]->addr, QUEUE_BYTES));
    assert_int_equal(say_bytes(a, &peers[2]->addr, ALL_BYTES - 2 * QUEUE_BYTES + 1), P2P_ERR_AGAIN);
    assert_int_equal(pke_peers(a), 2);
    assert_ok(say_bytes(a, &peers[2]->addr, ALL_BYTES - 2 * QUEUE_BYTES));
    assert_int_equal(say_bytes(a, &peers[3]->addr, 1), P2P_ERR_AGAIN);
    assert_int_equal(pke_peers(a), 3);
    assert_int_not_equal(pke_net_wait(&net, &a->writables, 1, P2P_SECOND), P2P_NEVER);
    assert_ok(say_bytes(a, &peers[3]->addr, 1));
    pke_net_run(&net, P2P_SECOND);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(peers[i]->got, 1);
    /* Nothing is left counted: all of it can be had again. */
    pke_net_run(&net, 1300 * P2P_SECOND);
    assert_int_equal(pke_peers(a), 0);
    assert_ok(say_bytes(a, &peers[0]->addr, QUEUE_BYTES));
    assert_ok(say_bytes(a, &peers[1]->addr, QUEUE_BYTES));
    assert_ok(say_bytes(a, &peers[2]->addr, ALL_BYTES - 2 * QUEUE_BYTES));
    assert_int_equal(say_bytes(a, &peers[3]->addr, 1), P2P_ERR_AGAIN);
    pke_net_run(&net, P2P_SECOND);
    pke_net_end(&net);
}

/* The limit over all holds for peers whose sessions are over, too. */
static void test_all_bytes_after_silence(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, small_queues);
    pke_node *peers[3];
    for (size_t i = 0; i < 3; i++) {
        peers[i] = pke_net_add(&net, i + 1, i + 2, NULL);
        assert_true(pke_arrive(a, peers[i], "hello") < P2P_SECOND);
    }
    pke_net_run(&net, 400 * P2P_SECOND); /* the sessions are over, the peers are not */
    assert_ok(say_bytes(a, &peers[0]->addr, QUEUE_BYTES));
    assert_ok(say_bytes(a, &peers[1]->addr, QUEUE_BYTES));
    assert_ok(say_bytes(a, &peers[2]->addr, ALL_BYTES - 2 * QUEUE_BYTES));
    assert_int_equal(say_bytes(a, &peers[2]->addr, 1), P2P_ERR_AGAIN);
    assert_int_not_equal(pke_net_wait(&net, &a->writables, 1, P2P_SECOND), P2P_NEVER);
    pke_net_run(&net, P2P_SECOND);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(peers[i]->got, 2);
    pke_net_end(&net);
}

/*
 * A responder holds its messages for the reference back until that shows that it is ready. What
 * waits so is counted only while it waits, and its end is an occasion for the writable event, too.
 */
static int drop_data_of_node_0(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    (void)arg;
    (void)to;
    return from == 0 && len > 3 && (data[0] | data[1] | data[2]) == 0 && data[3] > 3 ? P2P_DROP
                                                                                     : P2P_PASS;
}

static void test_held(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, pke_as_reference);
    pke_node *b = pke_net_add(&net, 1, 2, small_queues);
    /* Nothing but the handshake comes from a, so b waits. */
    p2p_realm_on_transform(net.realm, drop_data_of_node_0, NULL);
    assert_ok(pke_say(a, &b->addr, "lost"));
    assert_int_not_equal(pke_net_wait(&net, &b->up, 1, P2P_SECOND), P2P_NEVER);
    a->on_tell = next_number;
    for (unsigned i = 0; i < QUEUE; i++)
        assert_ok(say_number(b, &a->addr, i));
    assert_int_equal(pke_say(b, &a->addr, "too many"), P2P_ERR_AGAIN);
    assert_int_not_equal(pke_net_wait(&net, &b->writables, 1, P2P_SECOND), P2P_NEVER);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(a->got, QUEUE);
    p2p_realm_on_transform(net.realm, NULL, NULL);
    /* Nothing stays counted, however often that happens. */
    for (unsigned round = 2; round <= 8; round++) {
        a->on_tell = NULL;
        pke_net_close(a);
        a = pke_net_add(&net, 0, 10 + round, pke_as_reference);
        p2p_realm_on_transform(net.realm, drop_data_of_node_0, NULL);
        assert_ok(pke_say(a, &b->addr, "lost"));
        assert_int_not_equal(pke_net_wait(&net, &b->up, round, P2P_SECOND), P2P_NEVER);
        assert_ok(say_bytes(b, &a->addr, QUEUE_BYTES));
        pke_net_run(&net, 2 * P2P_SECOND);
        assert_int_equal(a->got, 1);
        p2p_realm_on_transform(net.realm, NULL, NULL);
    }
    pke_net_end(&net);
}

/* Nobody answers: what waited is counted as dropped, and the next who asks hears of the room. */
static void test_nobody(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, small_queues);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr nobody = pke_addr(other, 77);
    for (unsigned i = 0; i < QUEUE; i++)
        assert_ok(say_number(a, &nobody, i));
    assert_int_equal(pke_say(a, &nobody, "too many"), P2P_ERR_AGAIN);
    uint64_t took = pke_net_wait(&net, &a->failed, 1, 60 * P2P_SECOND);
    assert_int_equal(took, P2P_PKE_ATTEMPT);
    assert_int_equal(a->reason, P2P_ERR_TIMEOUT);
    assert_true(p2p_addr_equal(&a->failed_addr, &nobody));
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(a->writables, 1);
    assert_int_equal(pke_base_stats(a).tx_drop_error, QUEUE);
    assert_int_equal(pke_peers(a), 0);
    assert_true(net.datagrams <= 10);
    pke_net_end(&net);
    p2p_signer_free(other);
}

/*
 * The swarm below is full when a handshake ends: what waits goes on waiting, and leaves when there
 * is room. It is not lost, and the writable event does not come too early.
 */
static void long_queue(p2p_pke_swarm_config *config)
{
    config->max_queue = 3000;
    config->max_queue_bytes = 1 << 20;
}

static void test_full_below(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, long_queue);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    b->on_tell = next_number;
    unsigned told = 0;
    while (say_number(a, &b->addr, told) == 0)
        told++;
    assert_int_equal(told, 3000); /* a memory node has 1024 under way */
    while (a->writables < 5) {
        assert_int_not_equal(pke_net_wait(&net, &a->writables, a->writables + 1, P2P_SECOND),
                             P2P_NEVER);
        assert_ok(say_number(a, &b->addr, told));
        told++;
        while (say_number(a, &b->addr, told) == 0)
            told++;
    }
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(b->got, told);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 0);
    pke_net_end(&net);
}

/* The same with many peers at once. */
static void test_full_below_many(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, long_queue);
    for (size_t i = 1; i < PKE_NODES; i++) {
        pke_node *b = pke_net_add(&net, i, i + 1, NULL);
        b->on_tell = next_number;
        for (unsigned k = 0; k < 300; k++)
            assert_ok(say_number(a, &b->addr, k));
    }
    pke_net_run(&net, P2P_SECOND);
    for (size_t i = 1; i < PKE_NODES; i++)
        assert_int_equal(net.node[i].got, 300);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 0);
    pke_net_end(&net);
}

/* Closing with full queues, above and below. */
static void test_close_full(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 60; step += 5) {
        pke_net net;
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, long_queue);
        pke_node *b = pke_net_add(&net, 1, 2, NULL);
        unsigned told = 0;
        while (say_number(a, &b->addr, told) == 0)
            told++;
        pke_net_run(&net, step * P2P_MILLISECOND);
        unsigned before = a->writables;
        pke_net_close(a);
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(a->writables, before);
        pke_net_end(&net);
    }
}

/* Nothing overtakes what waits for room below, even if there is room before the writable event. */
static void test_order_below(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    net.next_queue = 4;
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    b->on_tell = next_number;
    assert_ok(say_number(a, &b->addr, 0));
    pke_net_run(&net, P2P_SECOND);
    unsigned told = 1;
    for (int ms = 0; ms < 500; ms++) {
        told += say_number(a, &b->addr, told) == 0;
        pke_net_run(&net, P2P_MILLISECOND);
    }
    pke_net_run(&net, P2P_SECOND);
    assert_true(told > 100 && told < 300); /* four in ten milliseconds */
    assert_int_equal(b->got, told);
    pke_net_end(&net);
}

/* What waits when the swarm is closed is counted. */
static void test_close_counts(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    for (int i = 0; i < 7; i++)
        assert_ok(pke_say(a, &b->addr, "never sent"));
    p2p_close(a->swarm, NULL, NULL);
    p2p_stats stats = pke_base_stats(a);
    a->swarm = NULL;
    assert_int_equal(stats.tx_drop_closed, 7);
    assert_int_equal(stats.tx_drop_error, 0);
    pke_net_run(&net, P2P_SECOND);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number),       cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_all_bytes),    cmocka_unit_test(test_all_bytes_after_silence),
        cmocka_unit_test(test_held),         cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_full_below),   cmocka_unit_test(test_full_below_many),
        cmocka_unit_test(test_close_full),   cmocka_unit_test(test_order_below),
        cmocka_unit_test(test_close_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
