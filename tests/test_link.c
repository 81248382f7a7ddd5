/* SPDX-License-Identifier: MIT */
/* The link model: what happens to messages between two nodes, and how often. */
#include <math.h>

#include "support/check.h"
#include "support/realm_nodes.h"

enum { MANY = 20000 };

/* Two nodes, whose queues are no limit, on one link. */
typedef struct two {
    field f;
    node a, b;
} two;

static void open_node(node *n, p2p_realm *realm)
{
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = config.max_asks = 1000000;
    node_open(n, realm, &config);
}

static void begin(two *t, const p2p_link *link)
{
    field_begin(&t->f, 12345, link);
    open_node(&t->a, t->f.realm);
    open_node(&t->b, t->f.realm);
}

static void end(two *t)
{
    node_close(&t->a);
    node_close(&t->b);
    field_end(&t->f);
}

/* Whether `count` of n is what probability p gives: within five standard deviations. */
static void check_rate(size_t count, size_t n, double p)
{
    double expected = (double)n * p;
    double deviation = sqrt((double)n * p * (1 - p));
    if (fabs((double)count - expected) > 5 * deviation + 1)
        fail_msg("%zu of %zu where %g was expected", count, n, expected);
}

/* --- time --- */

/* What arrived, in order. */
typedef struct arrivals {
    two *t;
    size_t count;
    uint64_t at[2 * MANY];
    uint32_t number[2 * MANY];
    size_t flipped[2 * MANY]; /* bits that are not as they were sent */
} arrivals;

static arrivals seen;

static size_t bits_of(unsigned byte)
{
    size_t count = 0;
    for (; byte; byte &= byte - 1)
        count++;
    return count;
}

/* Messages are a number twice, and zeros. */
static void on_arrival(void *arg, const p2p_msg *msg)
{
    uint32_t numbers[2];
    size_t flipped = 0;
    (void)arg;
    assert_true(msg->len >= sizeof numbers && seen.count < COUNT_OF(seen.at));
    memcpy(numbers, msg->data, sizeof numbers);
    for (size_t i = 0; i < 4; i++)
        flipped += bits_of(msg->data[i] ^ msg->data[i + 4]);
    for (size_t i = 8; i < msg->len; i++)
        flipped += bits_of(msg->data[i]);
    seen.number[seen.count] = numbers[0];
    seen.flipped[seen.count] = flipped;
    seen.at[seen.count++] = p2p_loop_now(seen.t->f.loop);
}

/* Sends `count` numbered messages at once, and sees them arrive. */
static void send_numbered(two *t, size_t count, size_t len)
{
    memset(&seen, 0, sizeof seen);
    seen.t = t;
    p2p_on_tell(t->b.swarm, on_arrival, NULL);
    for (uint64_t i = 0; i < count; i++)
        assert_ok(node_tell(&t->a, &t->b, i << 32 | i, len));
    field_run(&t->f);
}

static void test_latency(void **state)
{
    (void)state;
    two t;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 123456789};
    begin(&t, &link);
    send_numbered(&t, 1000, 64);
    assert_int_equal(seen.count, 1000);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.at[i], link.latency);
        assert_int_equal(seen.number[i], i); /* nothing overtakes */
        assert_int_equal(seen.flipped[i], 0);
    }
    end(&t);
}

static void test_jitter(void **state)
{
    (void)state;
    two t;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 1000, .jitter = 1000};
    begin(&t, &link);
    send_numbered(&t, MANY, 8);
    assert_int_equal(seen.count, MANY);
    size_t overtaken = 0, lower = 0;
    bool first = false, last = false;
    for (size_t i = 0; i < seen.count; i++) {
        assert_in_range(seen.at[i], 1000, 2000);
        lower += seen.at[i] < 1500;
        first |= seen.at[i] == 1000;
        last |= seen.at[i] == 2000;
        overtaken += i && seen.number[i] < seen.number[i - 1];
    }
    check_rate(lower, MANY, 0.5);
    assert_true(first && last);   /* both bounds can be reached */
    assert_true(overtaken > 900); /* at nearly each nanosecond */
    end(&t);
}

/* --- chance --- */

static void test_loss(void **state)
{
    (void)state;
    static const double rates[] = {0, 0.001, 0.1, 0.5, 0.9, 1};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        two t;
        p2p_link link = {.size = sizeof(p2p_link), .loss = rates[i]};
        begin(&t, &link);
        send_numbered(&t, MANY, 8);
        check_rate(MANY - seen.count, MANY, rates[i]);
        p2p_stats stats = node_stats(&t.a);
        assert_int_equal(stats.tx_msgs, MANY);
        assert_int_equal(stats.tx_drop_network, MANY - seen.count);
        assert_true(rates[i] > 0 || seen.count == MANY);
        assert_true(rates[i] < 1 || seen.count == 0);
        end(&t);
    }
}

static void test_duplicate(void **state)
{
    (void)state;
    two t;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 1000, .jitter = 1000, .duplicate = 0.2};
    begin(&t, &link);
    send_numbered(&t, MANY, 16);
    static uint64_t at[MANY];
    static size_t copies[MANY];
    size_t twice = 0, apart = 0;
    for (size_t i = 0; i < seen.count; i++) {
        uint32_t number = seen.number[i];
        assert_true(++copies[number] <= 2);
        twice += copies[number] == 2;
        apart += copies[number] == 2 && at[number] != seen.at[i];
        at[number] = seen.at[i];
        assert_int_equal(seen.flipped[i], 0);
    }
    assert_int_equal(seen.count, MANY + twice);
    check_rate(twice, MANY, 0.2);
    assert_true(apart > twice * 9 / 10); /* with a jitter of its own */
    assert_int_equal(node_stats(&t.a).tx_msgs, MANY);
    end(&t);
}

/* A tell that fails for want of memory is not sent, and neither is its copy. */
static void test_duplicate_without_memory(void **state)
{
    (void)state;
    p2p_link link = {
        .size = sizeof(p2p_link), .latency = 1000, .jitter = P2P_SECOND, .duplicate = 1};
    size_t failed = 0;
    for (size_t n = 1; n < 8; n++) {
        two t;
        begin(&t, &link);
        t.f.memory.fail_at = t.f.memory.calls + n;
        int err = node_tell(&t.a, &t.b, 1, 8);
        t.f.memory.fail_at = 0;
        field_run(&t.f);
        if (err) {
            assert_int_equal(err, P2P_ERR_NO_MEMORY);
            assert_int_equal(t.b.tells, 0);
            failed++;
        } else {
            assert_in_range(t.b.tells, 1, 2);
        }
        end(&t);
    }
    assert_true(failed >= 2);
}

static void test_reorder(void **state)
{
    (void)state;
    two t;
    p2p_link link = {.size = sizeof(p2p_link),
                     .latency = 1000,
                     .jitter = 100,
                     .reorder = 0.3,
                     .reorder_delay = 5000};
    begin(&t, &link);
    send_numbered(&t, MANY, 8);
    size_t held = 0;
    for (size_t i = 0; i < seen.count; i++) {
        held += seen.at[i] >= 6000;
        assert_true(seen.at[i] <= 1100 || (seen.at[i] >= 6000 && seen.at[i] <= 6100));
    }
    assert_int_equal(seen.count, MANY);
    check_rate(held, MANY, 0.3);
    end(&t);
}

static void test_corrupt(void **state)
{
    (void)state;
    static const size_t lens[] = {8, 100};
    for (size_t k = 0; k < COUNT_OF(lens); k++) {
        two t;
        p2p_link link = {.size = sizeof(p2p_link), .corrupt = 0.25};
        begin(&t, &link);
        send_numbered(&t, MANY, lens[k]);
        size_t corrupt = 0;
        for (size_t i = 0; i < seen.count; i++) {
            assert_true(seen.flipped[i] <= 1); /* one bit */
            corrupt += seen.flipped[i];
        }
        assert_int_equal(seen.count, MANY);
        check_rate(corrupt, MANY, 0.25);
        /* A message of no bits has nothing to flip. */
        link.corrupt = 1;
        assert_ok(p2p_realm_set_link(t.f.realm, &link));
        p2p_on_tell(t.b.swarm, NULL, NULL);
        assert_ok(node_tell(&t.a, &t.b, 0, 0));
        field_run(&t.f);
        assert_int_equal(node_stats(&t.b).rx_drop_unhandled, 1);
        end(&t);
    }
}

/* --- bandwidth --- */

static void test_bandwidth(void **state)
{
    (void)state;
    two t;
    p2p_link link = {.size = sizeof(p2p_link),
                     .latency = P2P_MILLISECOND,
                     .bandwidth = 1000000,
                     .queue = 1 << 20};
    begin(&t, &link);
    send_numbered(&t, 500, 1000); /* each occupies the link for a millisecond */
    assert_int_equal(seen.count, 500);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.at[i], link.latency + (i + 1) * P2P_MILLISECOND);
    /* The link was idle meanwhile, which saves nothing up. */
    uint64_t start = p2p_loop_now(t.f.loop) + P2P_SECOND;
    field_run_for(&t.f, P2P_SECOND);
    send_numbered(&t, 2, 500);
    assert_int_equal(seen.at[0] - start, link.latency + P2P_MILLISECOND / 2);
    assert_int_equal(seen.at[1] - start, link.latency + P2P_MILLISECOND);
    end(&t);
}

static void test_odd_bandwidths(void **state)
{
    (void)state;
    static const struct {
        uint64_t bandwidth, time;
    } cases[] = {{1, 1000 * P2P_SECOND},
                 {3, UINT64_C(333333333333)},
                 {UINT64_C(1) << 40, 0},
                 {UINT64_MAX, 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        two t;
        p2p_link link = {.size = sizeof(p2p_link), .bandwidth = cases[i].bandwidth};
        begin(&t, &link);
        send_numbered(&t, 1, 1000);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.at[0], cases[i].time);
        end(&t);
    }
}

/* The queue at N and N + 1: one message is under way, so many bytes wait, the next is lost. */
static void test_queue(void **state)
{
    (void)state;
    static const size_t queues[] = {1000, 5000, 0};
    for (size_t i = 0; i < COUNT_OF(queues); i++) {
        two t;
        p2p_link link = {.size = sizeof(p2p_link), .bandwidth = 100000, .queue = queues[i]};
        size_t wait = (queues[i] ? queues[i] : 256 * 1024) / 100;
        begin(&t, &link);
        send_numbered(&t, wait + 50, 100);
        assert_int_equal(seen.count, wait + 1);
        assert_int_equal(node_stats(&t.a).tx_drop_network, 49);
        assert_int_equal(seen.number[wait], wait); /* those that came last were lost */
        end(&t);
    }
}

/* Numbers that no product of them fits into 64 bits. */
static void test_endless_queue(void **state)
{
    (void)state;
    static const uint64_t bandwidths[] = {1, 7, 1000, 1000000, UINT64_C(1) << 62};
    for (size_t i = 0; i < COUNT_OF(bandwidths); i++) {
        two t;
        p2p_link link = {.size = sizeof(p2p_link),
                         .latency = UINT64_C(1) << 60,
                         .bandwidth = bandwidths[i],
                         .queue = (size_t)1 << 63};
        begin(&t, &link);
        send_numbered(&t, 500, 60000);
        assert_int_equal(seen.count, 500);
        for (size_t k = 1; k < seen.count; k++)
            assert_true(seen.at[k] >= seen.at[k - 1]);
        end(&t);
    }
}

/* The realm's link is the sender's to all others; a link of a pair is its own. */
static void test_shared_bandwidth(void **state)
{
    (void)state;
    two t;
    node c;
    p2p_link link = {.size = sizeof(p2p_link), .bandwidth = 1000000, .queue = 1 << 20};
    begin(&t, &link);
    open_node(&c, t.f.realm);
    for (int i = 0; i < 10; i++) {
        assert_ok(node_tell(&t.a, &t.b, 1, 1000));
        assert_ok(node_tell(&t.a, &c, 1, 1000));
    }
    assert_ok(node_tell(&c, &t.b, 1, 1000));
    field_run_for(&t.f, P2P_MILLISECOND);
    assert_int_equal(t.b.tells, 2); /* one from each, for senders do not share */
    field_run(&t.f);
    assert_int_equal(c.at, 20 * P2P_MILLISECOND);

    uint64_t start = p2p_loop_now(t.f.loop);
    assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, c.number, &link));
    for (int i = 0; i < 10; i++) {
        assert_ok(node_tell(&t.a, &t.b, 1, 1000));
        assert_ok(node_tell(&t.a, &c, 1, 1000));
    }
    field_run(&t.f);
    assert_int_equal(t.b.at - start, 10 * P2P_MILLISECOND);
    assert_int_equal(c.at - start, 10 * P2P_MILLISECOND);
    node_close(&c);
    end(&t);
}

/* What waits for a slow link is not in the way of the one that takes its place. */
static void test_new_link_is_idle(void **state)
{
    (void)state;
    two t;
    p2p_link modem = {.size = sizeof(p2p_link), .bandwidth = 100};
    p2p_link fast = {.size = sizeof(p2p_link), .bandwidth = 1000000};
    for (int pair = 0; pair < 2; pair++) {
        begin(&t, NULL);
        if (pair)
            assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, t.b.number, &modem));
        else
            assert_ok(p2p_realm_set_link(t.f.realm, &modem));
        assert_ok(node_tell(&t.a, &t.b, 1, 1000)); /* takes ten seconds */
        if (pair)
            assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, t.b.number, &fast));
        else
            assert_ok(p2p_realm_set_link(t.f.realm, &fast));
        assert_ok(node_tell(&t.a, &t.b, 2, 1000));
        field_run_for(&t.f, P2P_MILLISECOND);
        assert_int_equal(t.b.tells, 1);
        assert_int_equal(node_value(&t.b), 2);
        field_run(&t.f);
        assert_int_equal(t.b.at, 10 * P2P_SECOND); /* it has kept its course */
        end(&t);
    }
}

/* --- MTU, and links of pairs --- */

static void test_mtu(void **state)
{
    (void)state;
    two t;
    node c;
    p2p_link small = {.size = sizeof(p2p_link), .mtu = 100};
    p2p_link smaller = {.size = sizeof(p2p_link), .mtu = 50};
    p2p_link large = {.size = sizeof(p2p_link), .mtu = 1 << 20};
    begin(&t, &small);
    open_node(&c, t.f.realm);
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 100);
    assert_int_equal(p2p_mtu(t.a.swarm, NULL), 100);
    assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, t.b.number, &smaller));
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 50);
    assert_int_equal(p2p_mtu(t.a.swarm, &c.addr), 100);
    assert_int_equal(p2p_mtu(t.b.swarm, &t.a.addr), 100); /* one direction */
    assert_int_equal(p2p_mtu(t.a.swarm, NULL), 50);
    assert_ok(node_tell(&t.a, &t.b, 1, 50));
    assert_int_equal(node_tell(&t.a, &t.b, 1, 51), P2P_ERR_TOO_BIG);
    assert_ok(node_tell(&t.a, &c, 1, 100));
    assert_int_equal(node_tell(&t.a, &c, 1, 101), P2P_ERR_TOO_BIG);
    assert_int_equal(p2p_ask_mtu(t.a.swarm, &t.b.addr), 1 << 20); /* asks are not cut by it */
    /* That of the realm is the most. */
    assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, t.b.number, &large));
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 65536);
    assert_ok(p2p_realm_set_link_between(t.f.realm, t.a.number, t.b.number, NULL));
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 100);
    assert_ok(p2p_realm_set_link(t.f.realm, NULL));
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 65536);
    assert_int_equal(p2p_mtu(t.a.swarm, NULL), 65536);
    node_close(&c);
    end(&t);
}

/* Time that a message takes from a to b now. */
static uint64_t trip(two *t, node *a, node *b)
{
    uint64_t start = p2p_loop_now(t->f.loop);
    assert_ok(node_tell(a, b, 1, 8));
    field_run(&t->f);
    return b->at - start;
}

static void test_set_link(void **state)
{
    (void)state;
    two t;
    p2p_link one = {.size = sizeof(p2p_link), .latency = 1000},
             two_ = {.size = sizeof(p2p_link), .latency = 2000},
             three = {.size = sizeof(p2p_link), .latency = 3000};
    begin(&t, NULL);
    assert_int_equal(trip(&t, &t.a, &t.b), 0);
    assert_ok(p2p_realm_set_link_between(t.f.realm, 0, 1, NULL)); /* back to what it is */
    assert_ok(p2p_realm_set_link_between(t.f.realm, 0, 1, &one));
    assert_int_equal(trip(&t, &t.a, &t.b), 1000);
    assert_int_equal(trip(&t, &t.b, &t.a), 0);
    assert_ok(p2p_realm_set_link(t.f.realm, &two_));
    assert_int_equal(trip(&t, &t.a, &t.b), 1000);
    assert_int_equal(trip(&t, &t.b, &t.a), 2000);
    assert_int_equal(trip(&t, &t.a, &t.a), 2000);
    assert_ok(p2p_realm_set_link_between(t.f.realm, 0, 1, &three));
    assert_int_equal(trip(&t, &t.a, &t.b), 3000);
    assert_ok(p2p_realm_set_link_between(t.f.realm, 0, 1, NULL));
    assert_int_equal(trip(&t, &t.a, &t.b), 2000);
    assert_ok(p2p_realm_set_link(t.f.realm, NULL));
    assert_int_equal(trip(&t, &t.a, &t.b), 0);
    /* What is in flight keeps its course. */
    assert_ok(p2p_realm_set_link(t.f.realm, &three));
    uint64_t start = p2p_loop_now(t.f.loop);
    assert_ok(node_tell(&t.a, &t.b, 1, 8));
    assert_ok(p2p_realm_set_link(t.f.realm, &one));
    assert_ok(node_tell(&t.a, &t.b, 2, 8));
    field_run_for(&t.f, 1000);
    assert_int_equal(node_value(&t.b), 2);
    field_run(&t.f);
    assert_int_equal(node_value(&t.b), 1);
    assert_int_equal(t.b.at - start, 3000);
    end(&t);
}

/* As with configs: without its size it is refused, and what is not known on either side is zero. */
static void test_size(void **state)
{
    (void)state;
    struct {
        p2p_link link;
        uint64_t later;
    } newer = {.link = {.size = sizeof newer, .latency = 1000}, .later = 1};
    p2p_link older = {.size = offsetof(p2p_link, mtu), .latency = 1000, .mtu = 1};
    p2p_link link = {.latency = 1000};
    p2p_realm_config config;
    p2p_realm *realm = NULL;
    two t;
    begin(&t, NULL);
    assert_int_equal(p2p_realm_set_link(t.f.realm, &link), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_set_link_between(t.f.realm, 0, 1, &link), P2P_ERR_INVALID);
    p2p_realm_config_init(&config);
    config.link = &link;
    assert_int_equal(p2p_realm_new(&realm, t.f.loop, &config), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_set_link(t.f.realm, &newer.link), P2P_ERR_INVALID);
    newer.later = 0;
    assert_ok(p2p_realm_set_link(t.f.realm, &newer.link));
    assert_ok(p2p_realm_set_link(t.f.realm, &older));
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), 65536);
    p2p_link_init(&link);
    assert_int_equal(link.latency, 0);
    assert_ok(p2p_realm_set_link(t.f.realm, &link));
    end(&t);
}

/* A thousand links of pairs, each with its own latency. */
static void test_many_links(void **state)
{
    (void)state;
    two t;
    begin(&t, NULL);
    for (uint64_t i = 0; i < 1000; i++) {
        p2p_link link = {.size = sizeof(p2p_link), .latency = 1 + i};
        assert_ok(p2p_realm_set_link_between(t.f.realm, i % 40, i / 40, &link));
    }
    for (uint64_t i = 0; i < 1000; i += 3)
        assert_ok(p2p_realm_set_link_between(t.f.realm, i % 40, i / 40, NULL));
    node_close(&t.a);
    node_close(&t.b);
    field_run(&t.f);
    for (uint64_t i = 0; i < 1000; i++) {
        node_open_at(&t.a, t.f.realm, i % 40);
        t.b = t.a;
        if (i % 40 != i / 40)
            node_open_at(&t.b, t.f.realm, i / 40);
        assert_int_equal(trip(&t, &t.a, i % 40 == i / 40 ? &t.a : &t.b), i % 3 ? 1 + i : 0);
        node_close(&t.a);
        if (i % 40 != i / 40)
            node_close(&t.b);
        field_run(&t.f);
    }
    field_end(&t.f);
}

/* --- partitions --- */

static void test_partition(void **state)
{
    (void)state;
    two t;
    node c;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 1000};
    begin(&t, &link);
    open_node(&c, t.f.realm);
    assert_int_equal(p2p_realm_set_side(t.f.realm, 77, 1), P2P_ERR_NOT_FOUND);
    assert_ok(node_tell(&t.a, &t.b, 1, 8)); /* in flight across the new partition */
    assert_ok(p2p_realm_set_side(t.f.realm, t.b.number, 5));
    assert_ok(p2p_realm_set_side(t.f.realm, c.number, 5));
    assert_ok(node_tell(&t.a, &t.b, 2, 8));
    assert_ok(node_tell(&t.b, &t.a, 3, 8));
    assert_ok(node_tell(&t.b, &c, 4, 8));
    field_run(&t.f);
    assert_int_equal(t.a.tells, 0);
    assert_int_equal(t.b.tells, 0);
    assert_int_equal(c.tells, 1);
    assert_int_equal(node_stats(&t.a).tx_drop_network, 2);
    assert_int_equal(node_stats(&t.b).tx_drop_network, 1);
    /* Healed before it arrives, a message is none the worse. */
    assert_ok(node_tell(&t.a, &t.b, 5, 8));
    field_run_for(&t.f, 500);
    p2p_realm_heal(t.f.realm);
    field_run(&t.f);
    assert_int_equal(t.b.tells, 1);
    assert_int_equal(node_value(&t.b), 5);
    node_close(&c);
    end(&t);
}

/* An ask across a partition waits for its end. */
static void test_ask_across_partition(void **state)
{
    (void)state;
    two t;
    reply r, s, hopeless;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};
    begin(&t, &link);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "in flight", 0, &r));
    assert_ok(p2p_realm_set_side(t.f.realm, t.b.number, 1));
    assert_ok(node_ask(&t.a, &t.b, "hopeless", P2P_SECOND, &hopeless));
    field_run_for(&t.f, 2 * P2P_SECOND);
    assert_int_equal(hopeless.status, P2P_ERR_TIMEOUT);
    assert_int_equal(hopeless.at, P2P_SECOND);
    assert_int_equal(t.b.requests, 0);
    p2p_realm_heal(t.f.realm);
    field_run_for(&t.f, 3 * P2P_SECOND);
    assert_int_equal(t.b.requests, 1);
    /* And so does the response. */
    assert_ok(p2p_realm_set_side(t.f.realm, t.a.number, 2));
    assert_ok(p2p_reply(t.b.request, "there", 5));
    t.b.hold = 0;
    field_run_for(&t.f, 4 * P2P_SECOND);
    assert_int_equal(r.calls, 0);
    p2p_realm_heal(t.f.realm);
    assert_ok(node_ask(&t.a, &t.b, "after", 0, &s));
    field_run(&t.f);
    check_reply(&r, "there");
    check_reply(&s, "after");
    assert_int_equal(t.b.requests, 2);
    end(&t);
}

/* --- asks on bad links --- */

static void check_asks(const p2p_link *link, size_t count)
{
    two t;
    static reply r[1000];
    begin(&t, link);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%zu", i);
        assert_ok(node_ask(&t.a, &t.b, text, 0, &r[i]));
    }
    field_run(&t.f);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%zu", i);
        check_reply(&r[i], text);
    }
    assert_int_equal(t.b.requests, count); /* at most once, and at least */
    end(&t);
}

static void test_asks_on_bad_links(void **state)
{
    (void)state;
    static const p2p_link links[] = {
        {.size = sizeof(p2p_link), .loss = 0.5},
        {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND, .loss = 0.5},
        {.size = sizeof(p2p_link),
         .latency = 10 * P2P_MILLISECOND,
         .jitter = 50 * P2P_MILLISECOND,
         .loss = 0.5},
        {.size = sizeof(p2p_link), .duplicate = 1, .corrupt = 0.4, .jitter = P2P_MILLISECOND},
        {.size = sizeof(p2p_link),
         .reorder = 0.5,
         .reorder_delay = P2P_SECOND,
         .loss = 0.3,
         .corrupt = 0.3},
    };
    for (size_t i = 0; i < COUNT_OF(links); i++)
        check_asks(&links[i], 1000);
}

/* Lost once is late by twice the latency, lost twice by twice as much more. */
static void test_retry_times(void **state)
{
    (void)state;
    two t;
    static reply r[500];
    p2p_link link = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND, .loss = 0.5};
    begin(&t, &link);
    for (size_t i = 0; i < COUNT_OF(r); i++)
        assert_ok(node_ask(&t.a, &t.b, "?", 0, &r[i]));
    field_run(&t.f);
    size_t at_once = 0;
    for (size_t i = 0; i < COUNT_OF(r); i++) {
        uint64_t late = r[i].at - 2 * link.latency;
        assert_int_equal(late % (2 * link.latency), 0);
        at_once += late == 0;
    }
    check_rate(at_once, COUNT_OF(r), 0.25);
    end(&t);
}

/* A link whose queue is full for seconds delays an ask, as its other losses do. */
static void test_ask_with_full_queue(void **state)
{
    (void)state;
    two t;
    reply r, hopeless;
    p2p_link link = {
        .size = sizeof(p2p_link), .latency = P2P_MILLISECOND, .bandwidth = 1000, .queue = 4000};
    begin(&t, &link);
    for (uint64_t i = 0; i < 100; i++)
        assert_ok(node_tell(&t.a, &t.b, i, 100));
    assert_int_equal(node_stats(&t.a).tx_drop_network, 59);
    assert_ok(node_ask(&t.a, &t.b, "patience", 0, &r));
    assert_ok(node_ask(&t.a, &t.b, "none", 10 * P2P_MILLISECOND, &hopeless));
    field_run(&t.f);
    assert_int_equal(t.b.tells, 41);
    check_reply(&r, "patience");
    assert_int_equal(hopeless.status, P2P_ERR_TIMEOUT);
    assert_int_equal(t.b.requests, 1);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_duplicate_without_memory),
        cmocka_unit_test(test_reorder),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_odd_bandwidths),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_endless_queue),
        cmocka_unit_test(test_shared_bandwidth),
        cmocka_unit_test(test_new_link_is_idle),
        cmocka_unit_test(test_mtu),
        cmocka_unit_test(test_set_link),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_many_links),
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_ask_across_partition),
        cmocka_unit_test(test_asks_on_bad_links),
        cmocka_unit_test(test_retry_times),
        cmocka_unit_test(test_ask_with_full_queue),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
