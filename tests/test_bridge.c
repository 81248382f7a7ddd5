/* SPDX-License-Identifier: MIT */
/* Bridges between two realms, on two simulated loops that run one after the other. */
#include "support/check.h"
#include "support/realm_nodes.h"

#include "core/rand.h"

enum { SMALL_RING = 4096 };

#define SECOND_FIRST (UINT64_C(1) << 32)

/* Two worlds and a node in each. */
typedef struct two {
    field f[2];
    p2p_bridge *bridge;
    node a, b;
} two;

static void begin_with(two *t, size_t ring, const p2p_link *link)
{
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.link = link;
    for (size_t i = 0; i < 2; i++) {
        config.first_node = i * SECOND_FIRST;
        field_begin_with(&t->f[i], i, &config);
    }
    assert_ok(p2p_bridge_new(&t->bridge, t->f[0].realm, t->f[1].realm, ring));
    node_open(&t->a, t->f[0].realm, NULL);
    node_open(&t->b, t->f[1].realm, NULL);
}

static void begin(two *t)
{
    begin_with(t, 0, NULL);
}

/* Runs both until neither has anything to do now. */
static void run_both(two *t)
{
    for (int i = 0; i < 10; i++) {
        field_run_for(&t->f[0], 0);
        field_run_for(&t->f[1], 0);
    }
}

static void run_both_for(two *t, uint64_t time)
{
    for (uint64_t i = 0; i < 100; i++) {
        field_run_for(&t->f[0], time / 100);
        field_run_for(&t->f[1], time / 100);
    }
}

static void end(two *t)
{
    if (t->a.swarm)
        node_close(&t->a);
    if (t->b.swarm)
        node_close(&t->b);
    run_both(t);
    assert_ok(p2p_bridge_free(t->bridge));
    field_end(&t->f[0]);
    field_end(&t->f[1]);
}

/* --- life --- */

static void test_make(void **state)
{
    (void)state;
    field f[3];
    p2p_realm *same_loop, *overlaps;
    p2p_bridge *bridge = NULL;
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.max_nodes = 100;
    for (size_t i = 0; i < 3; i++) {
        config.first_node = i * 100;
        field_begin_with(&f[i], 0, &config);
    }
    assert_ok(p2p_realm_new(&same_loop, f[0].loop, &config));
    config.first_node = 99;
    assert_ok(p2p_realm_new(&overlaps, f[1].loop, &config));
    p2p_realm *a = f[0].realm, *b = f[1].realm;
    assert_int_equal(p2p_bridge_new(NULL, a, b, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, NULL, b, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, a, NULL, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, a, a, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, a, same_loop, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, a, overlaps, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, overlaps, a, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_bridge_new(&bridge, a, b, SIZE_MAX), P2P_ERR_INVALID);
    for (size_t i = 1; i <= 3; i++) {
        f[0].memory.fail_at = f[0].memory.calls + i;
        assert_int_equal(p2p_bridge_new(&bridge, a, b, 0), P2P_ERR_NO_MEMORY);
    }
    f[0].memory.fail_at = 0;
    assert_null(bridge);
    assert_ok(p2p_bridge_new(&bridge, a, b, 0));
    p2p_bridge *second = NULL;
    assert_int_equal(p2p_bridge_new(&second, b, f[2].realm, 0), P2P_ERR_IN_USE);
    assert_int_equal(p2p_bridge_new(&second, f[2].realm, a, 0), P2P_ERR_IN_USE);
    assert_int_equal(p2p_realm_free(a), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_free(f[1].loop), P2P_ERR_BUSY);
    assert_ok(p2p_bridge_free(bridge));
    assert_ok(p2p_bridge_new(&bridge, b, f[2].realm, 0));
    assert_ok(p2p_bridge_free(bridge));
    assert_ok(p2p_bridge_free(NULL));
    assert_ok(p2p_realm_free(same_loop));
    assert_ok(p2p_realm_free(overlaps));
    for (size_t i = 0; i < 3; i++)
        field_end(&f[i]);
}

/* Both loops are held until the bridge is gone, whatever is in it. */
static void test_free_with_traffic(void **state)
{
    (void)state;
    for (int turns = 0; turns < 4; turns++) {
        two t;
        reply r;
        begin_with(&t, SMALL_RING, NULL);
        while (node_tell(&t.a, &t.b, 1, 100) == 0)
            continue;
        assert_ok(node_tell(&t.b, &t.a, 1, 100));
        assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r));
        for (int i = 0; i < turns; i++)
            assert_ok(p2p_loop_step(t.f[i % 2].loop));
        assert_ok(p2p_bridge_free(t.bridge));
        t.bridge = NULL;
        run_both_for(&t, 2 * P2P_SECOND);
        assert_int_equal(r.calls, 1);
        /* Now nobody is there. */
        assert_ok(node_tell(&t.a, &t.b, 1, 8));
        uint64_t lost = node_stats(&t.a).tx_drop_network;
        field_run(&t.f[0]);
        assert_int_equal(node_stats(&t.a).tx_drop_network, lost + 1);
        end(&t);
    }
}

static void free_bridge(void *arg, const p2p_msg *msg)
{
    two *t = arg;
    (void)msg;
    t->a.tells++;
    assert_int_equal(p2p_bridge_free(t->bridge), P2P_ERR_BUSY);
}

/* From inside a callback it is not freed; what is in the rings when it is, is lost and counted. */
static void test_free_counts(void **state)
{
    (void)state;
    two t;
    begin_with(&t, SMALL_RING, NULL);
    p2p_on_tell(t.a.swarm, free_bridge, &t);
    assert_ok(node_tell(&t.b, &t.a, 1, 8));
    run_both(&t);
    assert_int_equal(t.a.tells, 1);
    for (size_t i = 0; i < 25; i++) { /* around the end of the ring */
        assert_ok(node_tell(&t.a, &t.b, 1, 100));
        run_both(&t);
    }
    assert_int_equal(t.b.tells, 25);
    uint64_t sent = 0;
    while (node_tell(&t.a, &t.b, 1, 100) == 0)
        sent++;
    assert_ok(node_tell(&t.b, &t.a, 1, 8));
    assert_true(sent > 10);
    assert_ok(p2p_bridge_free(t.bridge));
    t.bridge = NULL;
    assert_int_equal(p2p_realm_lost(t.f[0].realm), sent);
    assert_int_equal(p2p_realm_lost(t.f[1].realm), 1);
    assert_int_equal(node_stats(&t.a).tx_drop_network, sent);
    assert_int_equal(node_stats(&t.b).tx_drop_network, 1);
    end(&t);
}

/* --- tells --- */

static void test_tells(void **state)
{
    (void)state;
    two t;
    begin(&t);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_ok(node_tell(&t.a, &t.b, i, 8));
        assert_ok(node_tell(&t.b, &t.a, i, 8));
    }
    assert_int_equal(t.a.tells + t.b.tells, 0);
    run_both(&t);
    assert_int_equal(t.a.tells, 1000);
    assert_int_equal(t.b.tells, 1000);
    assert_int_equal(t.a.from, SECOND_FIRST);
    assert_int_equal(t.b.from, 0);
    assert_int_equal(node_value(&t.b), 999);
    assert_int_equal(p2p_realm_delivered(t.f[0].realm), 1000);
    p2p_stats stats = node_stats(&t.a);
    assert_int_equal(stats.tx_msgs, 1000);
    assert_int_equal(stats.rx_msgs, 1000);
    /* Nobody there: lost. */
    node nobody = {0};
    p2p_addr_from_mem(&nobody.addr, SECOND_FIRST + 5);
    assert_ok(node_tell(&t.a, &nobody, 1, 8));
    run_both(&t);
    assert_int_equal(p2p_realm_delivered(t.f[1].realm), 1000);
    end(&t);
}

/* The largest message is a quarter of the ring, at N and N + 1. */
static void test_largest(void **state)
{
    (void)state;
    two t;
    reply r;
    node near;
    static uint8_t big[SMALL_RING];
    begin_with(&t, SMALL_RING - 100, NULL); /* rounded up */
    node_open(&near, t.f[0].realm, NULL);
    assert_int_equal(p2p_mtu(t.a.swarm, &t.b.addr), SMALL_RING / 4);
    assert_int_equal(p2p_mtu(t.a.swarm, &near.addr), 65536);
    assert_int_equal(p2p_mtu(t.a.swarm, NULL), SMALL_RING / 4);
    assert_int_equal(p2p_ask_mtu(t.a.swarm, &t.b.addr), SMALL_RING / 4);
    assert_int_equal(p2p_ask_mtu(t.a.swarm, &near.addr), 1 << 20);
    assert_int_equal(p2p_ask_mtu(t.a.swarm, NULL), SMALL_RING / 4);
    assert_int_equal(node_tell(&t.a, &t.b, 1, SMALL_RING / 4 + 1), P2P_ERR_TOO_BIG);
    for (int i = 0; i < 50; i++) {
        assert_ok(node_tell(&t.a, &t.b, 1, SMALL_RING / 4));
        run_both(&t);
    }
    assert_int_equal(t.b.tells, 50);
    assert_int_equal(t.b.len, SMALL_RING / 4);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    run_both(&t);
    assert_int_equal(p2p_reply(t.b.request, big, SMALL_RING / 4 + 1), P2P_ERR_TOO_BIG);
    assert_ok(p2p_reply(t.b.request, big, SMALL_RING / 4));
    run_both(&t);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.len, SMALL_RING / 4);
    node_close(&near);
    end(&t);
}

/* A full ring: nothing is lost, and the writable event comes when there is room. */
static void test_full_ring(void **state)
{
    (void)state;
    two t;
    node other;
    begin_with(&t, SMALL_RING, NULL);
    node_open(&other, t.f[0].realm, NULL);
    uint64_t sent = 0;
    for (int round = 0; round < 20; round++) {
        while (node_tell(&t.a, &t.b, sent, 50) == 0)
            sent++;
        assert_int_equal(node_tell(&t.a, &t.b, sent, 50), P2P_ERR_AGAIN);
        assert_int_equal(node_tell(&other, &t.b, sent, 50), P2P_ERR_AGAIN);
        assert_int_equal(t.a.writable, round);
        field_run_for(&t.f[0], 0);
        assert_int_equal(t.a.writable, round);
        run_both(&t);
        assert_int_equal(t.a.writable, round + 1);
        assert_int_equal(other.writable, round + 1);
        assert_int_equal(t.b.tells, sent);
        assert_int_equal(node_value(&t.b), sent - 1);
    }
    assert_true(sent > 20 * 20);
    assert_int_equal(node_stats(&t.a).tx_again, 40);
    node_close(&other);
    end(&t);
}

/* Room in the ring is no room in a queue of one's own. */
static void test_whose_queue(void **state)
{
    (void)state;
    two t;
    node slow;
    p2p_link link = {.size = sizeof(p2p_link), .latency = P2P_SECOND};
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_queue = 1;
    begin_with(&t, SMALL_RING, NULL);
    node_open(&slow, t.f[0].realm, &config);
    assert_ok(p2p_realm_set_link_between(t.f[0].realm, slow.number, t.a.number, &link));
    assert_ok(node_tell(&slow, &t.a, 1, 8));
    assert_int_equal(node_tell(&slow, &t.a, 1, 8), P2P_ERR_AGAIN);
    while (node_tell(&t.a, &t.b, 1, 50) == 0)
        continue;
    run_both(&t);
    assert_int_equal(t.a.writable, 1);
    assert_int_equal(slow.writable, 0);
    run_both_for(&t, 2 * P2P_SECOND);
    assert_int_equal(slow.writable, 1);
    node_close(&slow);
    end(&t);
}

/* Messages of all lengths, so that they end anywhere in the ring. */
typedef struct checker {
    p2p__rand rand;
    size_t count;
} checker;

static size_t fill(p2p__rand *rand, uint8_t *out)
{
    size_t len = (size_t)p2p__rand_below(rand, SMALL_RING / 4 + 1);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = p2p__rand_next(rand);
        memcpy(out + i, &word, len - i < 8 ? len - i : 8);
    }
    return len;
}

static void on_checked(void *arg, const p2p_msg *msg)
{
    checker *c = arg;
    uint8_t wanted[SMALL_RING];
    size_t len = fill(&c->rand, wanted);
    assert_int_equal(msg->len, len);
    assert_memory_equal(msg->data, wanted, len);
    assert_int_equal((uintptr_t)msg->data % 8, 0);
    memset(msg->data, 0xee, len); /* the receiver may do that */
    c->count++;
}

static void test_wrap_around(void **state)
{
    (void)state;
    two t;
    checker c = {.count = 0};
    p2p__rand rand;
    uint8_t data[SMALL_RING];
    begin_with(&t, SMALL_RING, NULL);
    p2p__rand_seed(&rand, 5);
    p2p__rand_seed(&c.rand, 5);
    p2p_on_tell(t.b.swarm, on_checked, &c);
    size_t len = fill(&rand, data);
    for (size_t sent = 0; sent < 20000;) {
        if (p2p_tell(t.a.swarm, &t.b.addr, data, len) == 0) {
            sent++;
            len = fill(&rand, data);
        } else {
            run_both(&t);
        }
    }
    run_both(&t);
    assert_int_equal(c.count, 20000);
    end(&t);
}

/* --- asks --- */

static void refuse(void *arg, const p2p_msg *msg, p2p_request request)
{
    (void)arg;
    (void)msg;
    assert_ok(p2p_refuse(request, 77));
}

static void test_asks(void **state)
{
    (void)state;
    two t;
    reply r, s;
    node nobody = {0};
    begin(&t);
    assert_ok(node_ask(&t.a, &t.b, "from a", 0, &r));
    assert_ok(node_ask(&t.b, &t.a, "from b", 0, &s));
    run_both(&t);
    check_reply(&r, "from a");
    check_reply(&s, "from b");
    p2p_on_ask(t.b.swarm, refuse, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    p2p_on_ask(t.a.swarm, NULL, NULL);
    assert_ok(node_ask(&t.b, &t.a, "?", 0, &s));
    run_both(&t);
    assert_int_equal(r.status, P2P_ERR_REFUSED);
    assert_int_equal(r.code, 77);
    assert_int_equal(s.status, P2P_ERR_NO_HANDLER);
    p2p_addr_from_mem(&nobody.addr, SECOND_FIRST + 77777);
    assert_ok(node_ask(&t.a, &nobody, "?", 0, &r));
    run_both(&t);
    assert_int_equal(r.status, P2P_ERR_UNREACHABLE);
    end(&t);
}

/* The loops' clocks have nothing in common; the time that an ask has left goes with it. */
static void test_times(void **state)
{
    (void)state;
    two t;
    reply r;
    begin(&t);
    t.b.hold = 1;
    field_run_for(&t.f[1], 1000 * P2P_SECOND);
    assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r));
    run_both(&t);
    assert_int_equal(t.b.requests, 1);
    field_run_for(&t.f[1], P2P_SECOND - 1);
    assert_int_equal(node_stats(&t.b).ask_expired, 0);
    field_run_for(&t.f[1], 1);
    assert_int_equal(node_stats(&t.b).ask_expired, 1);
    assert_int_equal(p2p_reply(t.b.request, "late", 4), P2P_ERR_NOT_FOUND);
    assert_int_equal(r.calls, 0);
    field_run_for(&t.f[0], P2P_SECOND);
    assert_int_equal(r.status, P2P_ERR_TIMEOUT);
    end(&t);
}

/* A ring that is full for a while delays asks and answers; they are not lost. */
static void test_asks_with_full_ring(void **state)
{
    (void)state;
    two t;
    reply r[10], s[10];
    begin_with(&t, SMALL_RING, NULL);
    while (node_tell(&t.a, &t.b, 1, 50) == 0)
        continue;
    while (node_tell(&t.b, &t.a, 1, 50) == 0)
        continue;
    for (size_t i = 0; i < 10; i++) {
        assert_ok(node_ask(&t.a, &t.b, "from a", P2P_SECOND, &r[i]));
        assert_ok(node_ask(&t.b, &t.a, "from b", P2P_SECOND, &s[i]));
    }
    field_run_for(&t.f[0], P2P_MILLISECOND);
    run_both_for(&t, P2P_SECOND / 2);
    for (size_t i = 0; i < 10; i++) {
        check_reply(&r[i], "from a");
        check_reply(&s[i], "from b");
    }
    assert_int_equal(t.b.requests, 10);
    end(&t);
}

static void test_restarted_asker(void **state)
{
    (void)state;
    two t;
    node again;
    reply old, new;
    begin(&t);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "old", P2P_SECOND, &old));
    run_both(&t);
    p2p_request request = t.b.request;
    assert_ok(p2p_realm_crash(t.f[0].realm, t.a.number));
    node_open_at(&again, t.f[0].realm, t.a.number);
    assert_ok(node_ask(&again, &t.b, "new", P2P_SECOND, &new));
    assert_ok(p2p_reply(request, "to the old", 10));
    run_both(&t);
    assert_int_equal(new.calls, 0);
    assert_ok(p2p_reply(t.b.request, "to the new", 10));
    run_both(&t);
    check_reply(&new, "to the new");
    node_close(&again);
    end(&t);
}

/* Ports lie in pages, but a number beyond the bridge is not one of ours, however near it is. */
static void test_neighbour_numbers(void **state)
{
    (void)state;
    two t = {.bridge = NULL};
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.max_nodes = 16;
    config.link = &(p2p_link){.size = sizeof(p2p_link), .latency = 1000};
    for (size_t i = 0; i < 2; i++) {
        config.first_node = 16 * i;
        field_begin_with(&t.f[i], i, &config);
    }
    assert_ok(p2p_bridge_new(&t.bridge, t.f[0].realm, t.f[1].realm, 0));
    node_open(&t.a, t.f[0].realm, NULL);
    node_open(&t.b, t.f[1].realm, NULL);
    assert_ok(p2p_realm_set_side(t.f[0].realm, t.a.number, 1));
    assert_ok(p2p_realm_set_side(t.f[1].realm, t.b.number, 2));
    assert_int_equal(p2p_realm_set_side(t.f[0].realm, t.b.number, 1), P2P_ERR_NOT_FOUND);
    assert_ok(node_tell(&t.a, &t.b, 1, 8));
    assert_ok(node_tell(&t.b, &t.a, 1, 8));
    run_both_for(&t, P2P_MILLISECOND);
    assert_int_equal(t.a.tells, 1);
    assert_int_equal(t.b.tells, 1);
    end(&t);
}

/* What nobody gets on the other side is counted there. */
static void test_nobody(void **state)
{
    (void)state;
    two t;
    reply r;
    node nobody = {0};
    begin(&t);
    p2p_addr_from_mem(&nobody.addr, SECOND_FIRST + 5);
    assert_ok(node_tell(&t.a, &nobody, 1, 8));
    assert_ok(node_ask(&t.a, &nobody, "?", P2P_SECOND, &r));
    run_both(&t);
    assert_int_equal(r.status, P2P_ERR_UNREACHABLE);
    assert_int_equal(node_stats(&t.a).tx_drop_network, 0);
    assert_int_equal(p2p_realm_lost(t.f[0].realm), 0);
    assert_int_equal(p2p_realm_lost(t.f[1].realm), 1);
    end(&t);
}

static int key_status, lookup_status;

static void look_at_key(void *arg, const p2p_msg *msg)
{
    size_t len;
    key_status = p2p_peer_key(arg, msg->src, NULL, 0, &len);
}

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)arg;
    (void)key;
    (void)len;
    lookup_status = status;
}

/* Keys stay on their side. */
static void test_keys(void **state)
{
    (void)state;
    two t;
    node a, b;
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.key = (const uint8_t *)"key";
    config.key_len = 3;
    begin(&t);
    node_open(&a, t.f[0].realm, &config);
    node_open(&b, t.f[1].realm, &config);
    p2p_on_tell(b.swarm, look_at_key, b.swarm);
    assert_ok(node_tell(&a, &b, 1, 8));
    assert_ok(p2p_lookup_key(a.swarm, &b.addr, P2P_SECOND, on_key, NULL));
    run_both(&t);
    assert_int_equal(key_status, P2P_ERR_NO_KEY);
    assert_int_equal(lookup_status, P2P_ERR_NO_KEY);
    node_close(&a);
    node_close(&b);
    end(&t);
}

/* --- the network on the sender's side --- */

static int drop_all(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    size_t *count = arg;
    (void)data;
    (void)len;
    assert_int_equal(from, 0);
    assert_int_equal(to, SECOND_FIRST);
    ++*count;
    return P2P_DROP;
}

static void test_link_of_sender(void **state)
{
    (void)state;
    two t;
    size_t transformed = 0;
    p2p_link link = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};
    begin(&t);
    assert_ok(p2p_realm_set_link(t.f[0].realm, &link));
    assert_ok(node_tell(&t.a, &t.b, 1, 8));
    assert_ok(node_tell(&t.b, &t.a, 1, 8));
    run_both(&t);
    assert_int_equal(t.a.tells, 1);
    assert_int_equal(t.b.tells, 0);
    run_both_for(&t, link.latency);
    assert_int_equal(t.b.tells, 1);
    link.loss = 1;
    assert_ok(p2p_realm_set_link_between(t.f[0].realm, t.a.number, t.b.number, &link));
    assert_ok(node_tell(&t.a, &t.b, 1, 8));
    run_both_for(&t, P2P_SECOND);
    assert_int_equal(t.b.tells, 1);
    assert_int_equal(node_stats(&t.a).tx_drop_network, 1);
    p2p_realm_on_transform(t.f[0].realm, drop_all, &transformed);
    assert_ok(node_tell(&t.a, &t.b, 1, 8));
    assert_int_equal(transformed, 1);
    assert_int_equal(node_stats(&t.a).tx_drop_network, 2);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_free_with_traffic),
        cmocka_unit_test(test_free_counts),
        cmocka_unit_test(test_tells),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_whose_queue),
        cmocka_unit_test(test_wrap_around),
        cmocka_unit_test(test_asks),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_asks_with_full_ring),
        cmocka_unit_test(test_restarted_asker),
        cmocka_unit_test(test_neighbour_numbers),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_link_of_sender),
    };
    return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
