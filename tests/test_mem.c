/* SPDX-License-Identifier: MIT */
/* Memory swarms: realms, node numbers, tells, transforms and events. */
#include <math.h>

#include "support/check.h"
#include "support/realm_nodes.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

/* --- realms --- */

static int try_realm(p2p_loop *loop, const p2p_realm_config *config)
{
    p2p_realm *realm = NULL;
    int err = p2p_realm_new(&realm, loop, config);
    if (!err)
        assert_ok(p2p_realm_free(realm));
    else
        assert_null(realm);
    return err;
}

static void test_realm_config(void **state)
{
    (void)state;
    counted memory;
    p2p_loop *loop = counted_sim(&memory, 0);
    p2p_realm *realm;
    p2p_realm_config config = {0};
    assert_int_equal(p2p_realm_new(NULL, loop, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_new(&realm, NULL, NULL), P2P_ERR_INVALID);
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID); /* no size */
    assert_ok(try_realm(loop, NULL));
    p2p_realm_config_init(&config);
    config.mtu = config.ask_mtu = 16 << 20;
    assert_ok(try_realm(loop, &config));
    config.mtu++;
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID);
    config.mtu = 0;
    config.ask_mtu++;
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID);
    config.ask_mtu = 0;
    config.first_node = UINT64_MAX - 100;
    config.max_nodes = 100;
    assert_ok(try_realm(loop, &config));
    config.max_nodes = 101;
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID);
    config.max_nodes = 0;
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID);
    config.first_node = 0;
    config.max_nodes = 1 << 28;
    assert_ok(try_realm(loop, &config));
    config.max_nodes++;
    assert_int_equal(try_realm(loop, &config), P2P_ERR_INVALID);
    assert_ok(p2p_realm_free(NULL));
    counted_end(loop, &memory);
}

static void test_bad_links(void **state)
{
    (void)state;
    field f;
    field_begin(&f, 0, NULL);
    static const double bad[] = {-0.001, 1.001, NAN, INFINITY};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        for (size_t which = 0; which < 4; which++) {
            p2p_link link = {.size = sizeof(p2p_link)};
            double *const members[] = {&link.loss, &link.duplicate, &link.reorder, &link.corrupt};
            *members[which] = bad[i];
            p2p_realm_config config;
            p2p_realm_config_init(&config);
            config.link = &link;
            assert_int_equal(try_realm(f.loop, &config), P2P_ERR_INVALID);
            assert_int_equal(p2p_realm_set_link(f.realm, &link), P2P_ERR_INVALID);
            assert_int_equal(p2p_realm_set_link_between(f.realm, 0, 1, &link), P2P_ERR_INVALID);
            *members[which] = 1;
            assert_ok(p2p_realm_set_link(f.realm, &link));
        }
    p2p_link link = {.size = sizeof(p2p_link), .mtu = 16 << 20, .latency = UINT64_C(1) << 60};
    assert_ok(p2p_realm_set_link(f.realm, &link));
    link.mtu++;
    assert_int_equal(p2p_realm_set_link(f.realm, &link), P2P_ERR_INVALID);
    link.mtu--;
    link.latency++;
    assert_int_equal(p2p_realm_set_link(f.realm, &link), P2P_ERR_INVALID);
    field_end(&f);
}

static void test_null_realm(void **state)
{
    (void)state;
    assert_int_equal(p2p_realm_set_link(NULL, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_set_link_between(NULL, 0, 1, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_set_side(NULL, 0, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_crash(NULL, 0), P2P_ERR_INVALID);
}

static void test_realm_free(void **state)
{
    (void)state;
    field f;
    node a, b;
    field_begin_pair(&f, 0, &slow, &a, &b);
    assert_int_equal(p2p_realm_free(f.realm), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_free(f.loop), P2P_ERR_BUSY);
    assert_ok(node_tell(&a, &b, 1, 8));
    node_close(&a);
    node_close(&b);
    assert_int_equal(p2p_realm_free(f.realm), P2P_ERR_BUSY);
    field_run_for(&f, P2P_MILLISECOND);
    assert_true(a.closed && b.closed);
    assert_int_equal(p2p_realm_in_flight(f.realm), 1);
    assert_int_equal(b.tells, 0);
    assert_ok(p2p_realm_free(f.realm)); /* with a message in flight */
    counted_end(f.loop, &f.memory);
}

/* --- node numbers --- */

static int try_node(p2p_realm *realm, uint64_t number)
{
    p2p_swarm *swarm = NULL;
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.node = number;
    int err = p2p_mem_new(&swarm, realm, &config);
    if (!err)
        p2p_close(swarm, NULL, NULL);
    else
        assert_null(swarm);
    return err;
}

static void test_numbers(void **state)
{
    (void)state;
    field f;
    node nodes[10];
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.first_node = 1000;
    config.max_nodes = 10;
    field_begin_with(&f, 0, &config);
    node_open(&nodes[0], f.realm, NULL);
    assert_int_equal(nodes[0].number, 1000);
    node_open_at(&nodes[1], f.realm, 1002);
    node_open(&nodes[2], f.realm, NULL);
    assert_int_equal(nodes[2].number, 1001);
    node_open(&nodes[3], f.realm, NULL);
    assert_int_equal(nodes[3].number, 1003);
    assert_int_equal(try_node(f.realm, 1002), P2P_ERR_IN_USE);
    assert_int_equal(try_node(f.realm, 999), P2P_ERR_INVALID);
    assert_int_equal(try_node(f.realm, 1010), P2P_ERR_INVALID);
    assert_int_equal(try_node(f.realm, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_realm_nodes(f.realm), 4);
    /* The number of a closed node is given to anybody only when all have been used. */
    node_close(&nodes[0]);
    field_run(&f);
    for (size_t i = 4; i < 10; i++) {
        node_open(&nodes[i], f.realm, NULL);
        assert_int_equal(nodes[i].number, 1000 + i);
    }
    node_open(&nodes[0], f.realm, NULL);
    assert_int_equal(nodes[0].number, 1000);
    assert_int_equal(try_node(f.realm, P2P_MEM_ANY_NODE), P2P_ERR_LIMIT);
    for (size_t i = 0; i < 10; i++)
        node_close(&nodes[i]);
    field_end(&f);
}

/* When no number is unused any more it is the lowest free one, whoever left it and how. */
static void test_reused_numbers(void **state)
{
    (void)state;
    field f;
    node nodes[100], crashed;
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.max_nodes = 100;
    field_begin_with(&f, 0, &config);
    for (size_t i = 0; i < 1000; i++) {
        node_open(&nodes[0], f.realm, NULL);
        assert_int_equal(nodes[0].number, i < 100 ? i : 0);
        node_close(&nodes[0]);
        field_run(&f);
    }
    for (size_t i = 0; i < 100; i++) {
        node_open(&nodes[i], f.realm, NULL);
        assert_int_equal(nodes[i].number, i);
    }
    assert_int_equal(try_node(f.realm, P2P_MEM_ANY_NODE), P2P_ERR_LIMIT);
    node_close(&nodes[70]);
    crashed = nodes[30];
    assert_ok(p2p_realm_crash(f.realm, 30));
    node_open(&nodes[30], f.realm, NULL);
    assert_int_equal(nodes[30].number, 30);
    p2p_close(crashed.swarm, NULL, NULL);
    field_run(&f);
    node_open(&nodes[70], f.realm, NULL);
    assert_int_equal(nodes[70].number, 70);
    assert_int_equal(try_node(f.realm, P2P_MEM_ANY_NODE), P2P_ERR_LIMIT);
    for (size_t i = 0; i < 100; i++)
        node_close(&nodes[i]);
    field_end(&f);
}

/* Without a config there are 2^24 numbers; each costs nothing before it is used. */
static void test_default_numbers(void **state)
{
    (void)state;
    field f;
    field_begin(&f, 0, NULL);
    node first, last;
    node_open(&first, f.realm, NULL);
    assert_int_equal(first.number, 0);
    node_open_at(&last, f.realm, (1 << 24) - 1);
    assert_int_equal(try_node(f.realm, 1 << 24), P2P_ERR_INVALID);
    assert_ok(node_tell(&first, &last, 7, 8));
    field_run(&f);
    assert_int_equal(last.tells, 1);
    node_close(&first);
    node_close(&last);
    field_end(&f);
}

/* --- tells --- */

static void test_immediate(void **state)
{
    (void)state;
    field f;
    node a, b;
    field_begin_pair(&f, 0, NULL, &a, &b);
    assert_int_equal(p2p_mtu(a.swarm, &b.addr), 65536);
    assert_int_equal(p2p_ask_mtu(a.swarm, &b.addr), 1 << 20);
    for (uint64_t i = 0; i < 100; i++)
        assert_ok(node_tell(&a, &b, i, 8));
    assert_int_equal(b.tells, 0);
    assert_int_equal(p2p_realm_in_flight(f.realm), 100);
    for (uint64_t i = 0; i < 100; i++) {
        assert_ok(node_tell(&b, &a, i, 8));
        assert_ok(node_tell(&b, &b, i, 8)); /* to itself */
    }
    assert_ok(p2p_loop_step(f.loop));
    assert_int_equal(b.tells, 200);
    assert_int_equal(a.tells, 100);
    assert_int_equal(a.from, b.number);
    assert_int_equal(p2p_loop_now(f.loop), 0);
    assert_int_equal(p2p_realm_in_flight(f.realm), 0);
    assert_int_equal(p2p_realm_delivered(f.realm), 300);
    assert_ok(node_tell(&a, &b, 0, 0));
    assert_ok(node_tell(&a, &b, 5, 65536));
    assert_int_equal(node_tell(&a, &b, 5, 65537), P2P_ERR_TOO_BIG);
    field_run(&f);
    assert_int_equal(b.tells, 202);
    assert_int_equal(b.len, 65536);
    field_end_pair(&f, &a, &b);
}

/* What a receiver sends is delivered in a later round, so two that answer each other end. */
typedef struct side {
    size_t count;
    p2p_swarm *swarm;
} side;

static void answer_tell(void *arg, const p2p_msg *msg)
{
    side *s = arg;
    if (++s->count % 1000)
        assert_ok(p2p_tell(s->swarm, msg->src, msg->data, msg->len));
}

static void test_answers(void **state)
{
    (void)state;
    field f;
    node a, b;
    side sides[2] = {{.count = 0}};
    field_begin_pair(&f, 0, NULL, &a, &b);
    sides[0].swarm = a.swarm;
    sides[1].swarm = b.swarm;
    p2p_on_tell(a.swarm, answer_tell, &sides[0]);
    p2p_on_tell(b.swarm, answer_tell, &sides[1]);
    assert_ok(node_tell(&a, &b, 0, 100));
    field_run(&f);
    assert_int_equal(sides[1].count, 1000);
    assert_int_equal(sides[0].count, 999);
    field_end_pair(&f, &a, &b);
}

static void test_wrong_addresses(void **state)
{
    (void)state;
    field f;
    node a;
    p2p_addr ip = {0}, none = {0};
    field_begin(&f, 0, NULL);
    node_open(&a, f.realm, NULL);
    assert_ok(p2p_addr_parse("127.0.0.1:4000", &ip));
    assert_int_equal(p2p_tell(a.swarm, &ip, "x", 1), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_tell(a.swarm, &none, "x", 1), P2P_ERR_BAD_ADDR);
    p2p_addr parsed;
    assert_ok(p2p_parse_addr(a.swarm, "0", &parsed));
    assert_true(p2p_addr_equal(&parsed, &a.addr));
    assert_int_equal(p2p_parse_addr(a.swarm, "127.0.0.1:4000", &parsed), P2P_ERR_BAD_ADDR);
    assert_int_equal(p2p_parse_addr(a.swarm, "x", &parsed), P2P_ERR_BAD_ADDR);
    p2p_stats stats = node_stats(&a);
    assert_int_equal(stats.tx_refused, 2);
    node_close(&a);
    field_end(&f);
}

/* Nobody there: lost and counted, above, below and inside of the numbers that are used. */
static void test_nobody(void **state)
{
    (void)state;
    field f;
    node a, gone;
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.first_node = 5000;
    field_begin_with(&f, 0, &config);
    node_open(&a, f.realm, NULL);
    node_open(&gone, f.realm, NULL);
    node_close(&gone);
    static const uint64_t numbers[] = {0, 4999, 5001, 5002, 6500, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        node nobody = {0};
        p2p_addr_from_mem(&nobody.addr, numbers[i]);
        assert_ok(node_tell(&a, &nobody, 1, 8));
    }
    field_run(&f);
    p2p_stats stats = node_stats(&a);
    assert_int_equal(stats.tx_msgs, COUNT_OF(numbers));
    assert_int_equal(stats.tx_drop_network, COUNT_OF(numbers));
    assert_int_equal(p2p_realm_delivered(f.realm), 0);
    node_close(&a);
    field_end(&f);
}

/* The limit at N and N + 1, and the writable event at half of it, once. */
static void check_queue(size_t max, const p2p_link *link)
{
    field f;
    node a, b;
    field_begin(&f, 0, link);
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = max;
    if (!max)
        max = 1024;
    node_open(&a, f.realm, &config);
    node_open(&b, f.realm, NULL);
    for (size_t i = 0; i < max; i++)
        assert_ok(node_tell(&a, &b, i, 8));
    field_run_for(&f, 1);
    size_t delivered = b.tells;
    while (delivered-- > 0)
        assert_ok(node_tell(&a, &b, 1, 8));
    assert_int_equal(a.writable, 0);
    assert_int_equal(node_tell(&a, &b, 1, 8), P2P_ERR_AGAIN);
    assert_int_equal(node_tell(&a, &b, 1, 8), P2P_ERR_AGAIN);
    assert_ok(node_tell(&b, &a, 1, 8)); /* the queues are of each node */
    p2p_stats stats = node_stats(&a);
    assert_int_equal(stats.tx_again, 2);
    assert_int_equal(a.writable, 0);
    field_run(&f);
    assert_int_equal(a.writable, 1);
    assert_ok(node_tell(&a, &b, 1, 8));
    field_run(&f);
    assert_int_equal(a.writable, 1);
    field_end_pair(&f, &a, &b);
}

static void test_queue(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 2, 3, 100, 0};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        check_queue(limits[i], NULL);
        check_queue(limits[i], &slow);
    }
}

static size_t queued_when_writable;

static void on_half(void *arg)
{
    queued_when_writable = p2p_realm_in_flight(((field *)arg)->realm);
}

static void test_writable_at_half(void **state)
{
    (void)state;
    field f;
    node a, b;
    p2p_link link = {.size = sizeof(p2p_link),
                     .latency = P2P_MILLISECOND,
                     .bandwidth = 8000}; /* a message per ms */
    field_begin(&f, 0, &link);
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = 100;
    node_open(&a, f.realm, &config);
    node_open(&b, f.realm, NULL);
    for (size_t i = 0; i < 100; i++)
        assert_ok(node_tell(&a, &b, i, 8));
    assert_int_equal(node_tell(&a, &b, 1, 8), P2P_ERR_AGAIN);
    queued_when_writable = 0;
    p2p_on_writable(a.swarm, on_half, &f);
    field_run(&f);
    assert_int_equal(queued_when_writable, 50);
    field_end_pair(&f, &a, &b);
}

/* What reaches a node that is being closed, or has no receiver, is counted. */
static void test_unhandled(void **state)
{
    (void)state;
    field f;
    node a, b;
    field_begin_pair(&f, 0, NULL, &a, &b);
    p2p_on_tell(b.swarm, NULL, NULL);
    assert_ok(node_tell(&a, &b, 1, 8));
    field_run(&f);
    assert_int_equal(node_stats(&b).rx_drop_unhandled, 1);
    assert_ok(node_tell(&a, &b, 1, 8));
    node_close(&b);
    assert_int_equal(p2p_tell(b.swarm, &a.addr, "x", 1), P2P_ERR_CLOSED);
    field_run(&f);
    assert_int_equal(node_stats(&a).tx_drop_network, 1);
    node_close(&a);
    field_end(&f);
}

/* --- transforms --- */

typedef struct transformer {
    size_t calls;
    uint64_t from, to;
} transformer;

/* Drops empty messages and adds one to the first byte of the others. */
static int transform(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    transformer *t = arg;
    t->calls++;
    t->from = from;
    t->to = to;
    if (!len)
        return P2P_DROP;
    data[0]++;
    return P2P_PASS;
}

static void test_transform(void **state)
{
    (void)state;
    field f;
    node a, b;
    reply r;
    transformer t = {0};
    field_begin_pair(&f, 0, NULL, &a, &b);
    p2p_realm_on_transform(f.realm, transform, &t);
    uint8_t text[8] = {1, 0, 0, 0, 0, 0, 0, 0};
    assert_ok(p2p_tell(a.swarm, &b.addr, text, sizeof text));
    assert_int_equal(t.calls, 1); /* as it is sent */
    assert_int_equal(t.from, a.number);
    assert_int_equal(t.to, b.number);
    assert_int_equal(text[0], 1); /* the sender's memory is not touched */
    assert_ok(p2p_tell(a.swarm, &b.addr, NULL, 0));
    field_run(&f);
    assert_int_equal(b.tells, 1);
    assert_int_equal(b.data[0], 2);
    assert_int_equal(node_stats(&a).tx_drop_network, 1);
    assert_ok(node_ask(&a, &b, "not seen", 0, &r));
    field_run(&f);
    check_reply(&r, "not seen");
    assert_int_equal(t.calls, 2);
    p2p_realm_on_transform(f.realm, NULL, NULL);
    assert_ok(p2p_tell(a.swarm, &b.addr, NULL, 0));
    field_run(&f);
    assert_int_equal(b.tells, 2);
    field_end_pair(&f, &a, &b);
}

/* --- events --- */

typedef struct events {
    p2p_event list[64];
    size_t count;
    uint8_t first; /* byte of the last message */
} events;

static void on_event(void *arg, const p2p_event *event)
{
    events *e = arg;
    assert_true(e->count < COUNT_OF(e->list));
    e->list[e->count++] = *event;
    if (event->kind <= P2P_EVENT_LOST)
        assert_non_null(event->data);
    else
        assert_null(event->data);
    if (event->len)
        e->first = event->data[0];
}

static void check_event(events *e, size_t i, p2p_event_kind kind, uint64_t from, uint64_t to,
                        int detail)
{
    assert_true(i < e->count);
    assert_int_equal(e->list[i].kind, kind);
    assert_int_equal(e->list[i].from, from);
    assert_int_equal(e->list[i].to, to);
    assert_int_equal(e->list[i].detail, detail);
}

static void test_events(void **state)
{
    (void)state;
    field f;
    node a, b;
    reply r;
    events e = {.count = 0};
    field_begin(&f, 0, &slow);
    uint64_t hash = p2p_realm_trace_hash(f.realm);
    p2p_realm_on_event(f.realm, on_event, &e);
    node_open_at(&a, f.realm, 3);
    node_open_at(&b, f.realm, 4);
    check_event(&e, 0, P2P_EVENT_UP, 3, 3, 0);
    check_event(&e, 1, P2P_EVENT_UP, 4, 4, 0);
    e.count = 0;
    assert_ok(node_tell(&a, &b, 77, 20));
    field_run(&f);
    check_event(&e, 0, P2P_EVENT_SENT, 3, 4, 0);
    check_event(&e, 1, P2P_EVENT_DELIVERED, 3, 4, 0);
    assert_int_equal(e.count, 2);
    assert_int_equal(e.list[0].at, 0);
    assert_int_equal(e.list[1].at, slow.latency);
    assert_int_equal(e.list[1].len, 20);
    assert_int_equal(e.first, 77);
    e.count = 0;
    assert_ok(node_ask(&a, &b, "?", 0, &r));
    field_run(&f);
    check_event(&e, 0, P2P_EVENT_SENT, 3, 4, 0);
    check_event(&e, 1, P2P_EVENT_DELIVERED, 3, 4, 0);
    check_event(&e, 2, P2P_EVENT_SENT, 4, 3, 0);
    check_event(&e, 3, P2P_EVENT_DELIVERED, 4, 3, 0);
    assert_int_equal(e.list[1].message, P2P_MESSAGE_REQUEST);
    assert_int_equal(e.list[3].message, P2P_MESSAGE_RESPONSE);
    e.count = 0;
    assert_ok(p2p_realm_crash(f.realm, 4));
    check_event(&e, 0, P2P_EVENT_CRASHED, 4, 4, 0);
    assert_ok(node_tell(&a, &b, 1, 8));
    field_run(&f);
    check_event(&e, 2, P2P_EVENT_LOST, 3, 4, P2P_LOST_NOBODY);
    node_close(&a);
    node_close(&b);
    check_event(&e, 3, P2P_EVENT_DOWN, 3, 3, 0);
    field_run(&f);
    assert_int_equal(e.count, 4); /* what has crashed does not go down again */
    assert_true(p2p_realm_trace_hash(f.realm) != hash);
    p2p_realm_on_event(f.realm, NULL, NULL);
    field_end(&f);
}

/* Payloads count for the trace only if that was asked for. */
static uint64_t hash_of(int payloads, uint64_t value)
{
    field f;
    node a, b;
    field_begin(&f, 0, NULL);
    p2p_realm_hash_payloads(f.realm, payloads);
    node_open(&a, f.realm, NULL);
    node_open(&b, f.realm, NULL);
    assert_ok(node_tell(&a, &b, value, 8));
    field_run(&f);
    uint64_t hash = p2p_realm_trace_hash(f.realm);
    field_end_pair(&f, &a, &b);
    return hash;
}

static void test_hash_payloads(void **state)
{
    (void)state;
    assert_true(hash_of(0, 1) == hash_of(0, 2));
    assert_true(hash_of(1, 1) == hash_of(1, 1));
    assert_true(hash_of(1, 1) != hash_of(1, 2));
    assert_true(hash_of(0, 1) != hash_of(1, 1));
}

/* --- crashes --- */

static void test_crash(void **state)
{
    (void)state;
    field f;
    node a, b, again;
    reply from_crashed, to_crashed;
    field_begin_pair(&f, 0, &slow, &a, &b);
    assert_int_equal(p2p_realm_crash(f.realm, 77), P2P_ERR_NOT_FOUND);
    assert_ok(node_tell(&b, &a, 1, 8)); /* it has left already */
    assert_ok(node_tell(&a, &b, 1, 8)); /* it will not arrive */
    assert_ok(p2p_realm_crash(f.realm, b.number));
    assert_int_equal(p2p_realm_crash(f.realm, b.number), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_realm_set_side(f.realm, b.number, 1), P2P_ERR_NOT_FOUND);
    assert_ok(node_tell(&b, &a, 2, 8)); /* looks sent, but never leaves */
    assert_ok(node_ask(&b, &a, "hello?", P2P_SECOND, &from_crashed));
    assert_ok(node_ask(&a, &b, "hello?", P2P_SECOND, &to_crashed));
    field_run(&f);
    assert_int_equal(a.tells, 1);
    assert_int_equal(a.requests, 0);
    assert_int_equal(b.tells, 0);
    assert_int_equal(node_stats(&a).tx_drop_network, 1);
    assert_int_equal(node_stats(&b).tx_drop_network, 2);
    assert_int_equal(from_crashed.status, P2P_ERR_TIMEOUT);
    assert_int_equal(to_crashed.status, P2P_ERR_UNREACHABLE);
    /* Its number is free though it is not closed, and its close disturbs nobody. */
    node_open_at(&again, f.realm, b.number);
    assert_int_equal(p2p_realm_nodes(f.realm), 3);
    assert_ok(node_tell(&a, &again, 3, 8));
    node_close(&b);
    field_run(&f);
    assert_int_equal(b.closed, 1);
    assert_int_equal(again.tells, 1);
    assert_ok(node_tell(&again, &a, 3, 8));
    field_run(&f);
    assert_int_equal(a.tells, 2);
    node_close(&a);
    node_close(&again);
    field_end(&f);
}

/* What the crashed node had in flight does not fill the queue of the one that is restarted, nor
 * does its arrival make room there. */
static void test_restart_queue(void **state)
{
    (void)state;
    field f;
    node a, b, again;
    field_begin(&f, 0, &slow);
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = 10;
    config.node = 1;
    node_open_at(&a, f.realm, 0);
    node_open(&b, f.realm, &config);
    for (size_t i = 0; i < 10; i++)
        assert_ok(node_tell(&b, &a, i, 8));
    assert_ok(p2p_realm_crash(f.realm, b.number));
    node_close(&b);
    field_run_for(&f, slow.latency / 2);
    node_open(&again, f.realm, &config);
    for (size_t i = 0; i < 10; i++)
        assert_ok(node_tell(&again, &a, i, 8));
    assert_int_equal(node_tell(&again, &a, 0, 8), P2P_ERR_AGAIN);
    field_run_for(&f, slow.latency / 2);
    assert_int_equal(a.tells, 10);
    assert_int_equal(again.writable, 0);
    assert_int_equal(node_tell(&again, &a, 0, 8), P2P_ERR_AGAIN);
    field_run(&f);
    assert_int_equal(a.tells, 20);
    assert_int_equal(again.writable, 1);
    node_close(&a);
    node_close(&again);
    field_end(&f);
}

/* Losses of the crashed node's messages are not counted at the one that is restarted. */
static void test_restart_losses(void **state)
{
    (void)state;
    field f;
    node a, again;
    node nobody = {0};
    field_begin(&f, 0, &slow);
    p2p_addr_from_mem(&nobody.addr, 99);
    node_open(&a, f.realm, NULL);
    assert_ok(node_tell(&a, &nobody, 1, 8));
    assert_ok(p2p_realm_crash(f.realm, a.number));
    node_close(&a);
    node_open_at(&again, f.realm, a.number);
    field_run(&f);
    assert_int_equal(node_stats(&again).tx_drop_network, 0);
    node_close(&again);
    field_end(&f);
}

/* --- memory --- */

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)status;
    (void)key;
    (void)len;
    ++*(size_t *)arg;
}

/* Every allocation of a small life fails once; nothing leaks, and what failed says so. */
static int small_life(p2p_loop *loop)
{
    p2p_realm *realm = NULL;
    node nodes[2] = {{.closed = 0}};
    int err = p2p_realm_new(&realm, loop, NULL);
    if (err)
        return err;
    static const p2p_link link = {
        .size = sizeof(p2p_link), .latency = P2P_MILLISECOND, .duplicate = 1, .mtu = 100};
    err = p2p_realm_set_link_between(realm, 0, 1, &link);
    for (size_t i = 0; i < 2 && !err; i++) {
        p2p_mem_config config;
        p2p_mem_config_init(&config);
        config.key = (const uint8_t *)"key";
        config.key_len = 3;
        err = p2p_mem_new(&nodes[i].swarm, realm, &config);
        if (!err)
            err = p2p_local_addr(nodes[i].swarm, &nodes[i].addr);
    }
    size_t keys = 0;
    reply r;
    if (!err)
        err = node_tell(&nodes[0], &nodes[1], 1, 100);
    if (!err)
        err = p2p_lookup_key(nodes[0].swarm, &nodes[1].addr, 0, on_key, &keys);
    if (!err)
        err = node_ask(&nodes[0], &nodes[1], "x", 0, &r);
    for (size_t i = 0; i < 2; i++)
        p2p_close(nodes[i].swarm, NULL, NULL);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_ok(p2p_realm_free(realm));
    return err;
}

/* A burst does not keep its memory, be it of few long messages or of many short ones. */
static void test_memory_of_bursts(void **state)
{
    (void)state;
    static const struct {
        size_t count, len;
    } bursts[] = {{200000, 8}, {1000, 65536}};
    for (size_t i = 0; i < COUNT_OF(bursts); i++) {
        field f;
        node a, b;
        p2p_mem_config config;
        p2p_mem_config_init(&config);
        config.max_queue = bursts[i].count;
        field_begin(&f, 0, &(p2p_link){.size = sizeof(p2p_link), .jitter = P2P_SECOND});
        node_open(&a, f.realm, &config);
        node_open(&b, f.realm, NULL);
        size_t before = f.memory.bytes;
        for (size_t j = 0; j < bursts[i].count; j++)
            assert_ok(node_tell(&a, &b, j, bursts[i].len));
        assert_true(f.memory.bytes - before > 20000000);
        field_run(&f);
        assert_int_equal(b.tells, bursts[i].count);
        assert_true(f.memory.bytes - before < 3000000);
        field_end_pair(&f, &a, &b);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    size_t failures = 0;
    int err = 1;
    for (size_t i = 1; err; i++) {
        counted memory;
        p2p_loop *loop = counted_sim(&memory, 0);
        memory.fail_at = memory.calls + i;
        err = small_life(loop);
        assert_true(!err || err == P2P_ERR_NO_MEMORY);
        failures += err != 0;
        if (!err && memory.calls >= memory.fail_at)
            err = 1; /* it failed where only time is lost by it */
        counted_end(loop, &memory);
    }
    assert_true(failures > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_realm_config),     cmocka_unit_test(test_bad_links),
        cmocka_unit_test(test_null_realm),       cmocka_unit_test(test_realm_free),
        cmocka_unit_test(test_numbers),          cmocka_unit_test(test_reused_numbers),
        cmocka_unit_test(test_default_numbers),  cmocka_unit_test(test_immediate),
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_wrong_addresses),
        cmocka_unit_test(test_nobody),           cmocka_unit_test(test_queue),
        cmocka_unit_test(test_writable_at_half), cmocka_unit_test(test_unhandled),
        cmocka_unit_test(test_transform),        cmocka_unit_test(test_events),
        cmocka_unit_test(test_hash_payloads),    cmocka_unit_test(test_crash),
        cmocka_unit_test(test_restart_queue),    cmocka_unit_test(test_restart_losses),
        cmocka_unit_test(test_memory_of_bursts), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
