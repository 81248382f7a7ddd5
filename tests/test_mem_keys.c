/* SPDX-License-Identifier: MIT */
/* Memory swarms: the keys of nodes, and lookups of them. */
#include <p2p/swarm_ops.h>

#include "support/check.h"
#include "support/realm_nodes.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

static uint8_t key_of[3][4096];

static void open_secure(node *n, p2p_realm *realm, size_t key, size_t len)
{
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    memset(key_of[key], (int)key + 1, sizeof key_of[key]);
    config.key = key_of[key];
    config.key_len = len;
    node_open(n, realm, &config);
}

static void test_keys(void **state)
{
    (void)state;
    field f;
    node a, b, plain;
    uint8_t out[4096];
    size_t len = 0;
    field_begin(&f, 0, NULL);
    open_secure(&a, f.realm, 0, 44);
    open_secure(&b, f.realm, 1, 4096);
    node_open(&plain, f.realm, NULL);
    assert_true(p2p_is_secure(a.swarm));
    assert_false(p2p_is_secure(plain.swarm));
    assert_int_equal(p2p_public_key(plain.swarm, out, sizeof out, &len), P2P_ERR_UNSUPPORTED);
    assert_ok(p2p_public_key(a.swarm, out, sizeof out, &len));
    assert_int_equal(len, 44);
    assert_memory_equal(out, key_of[0], 44);
    assert_int_equal(p2p_public_key(a.swarm, NULL, 0, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, 44);
    assert_int_equal(p2p_peer_key(a.swarm, &b.addr, out, 4095, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, 4096);
    assert_ok(p2p_peer_key(a.swarm, &b.addr, out, 4096, &len));
    assert_memory_equal(out, key_of[1], 4096);
    assert_int_equal(p2p_peer_key(a.swarm, &plain.addr, out, 4096, &len), P2P_ERR_NO_KEY);
    p2p_addr ip;
    assert_ok(p2p_addr_parse("1.2.3.4:5", &ip));
    assert_int_equal(p2p_peer_key(a.swarm, &ip, out, 4096, &len), P2P_ERR_BAD_ADDR);
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.key = out;
    config.key_len = 4097;
    p2p_swarm *swarm;
    assert_int_equal(p2p_mem_new(&swarm, f.realm, &config), P2P_ERR_INVALID);
    node_close(&a);
    node_close(&b);
    node_close(&plain);
    field_end(&f);
}

typedef struct lookup {
    int calls;
    int status;
    size_t len;
    uint8_t first;
} lookup;

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    lookup *l = arg;
    l->calls++;
    l->status = status;
    l->len = len;
    if (!status)
        l->first = key[0];
}

static void test_lookup(void **state)
{
    (void)state;
    field f;
    node a, b, plain;
    node nobody = {0};
    lookup l[4] = {{.calls = 0}};
    field_begin(&f, 0, NULL);
    open_secure(&a, f.realm, 0, 44);
    open_secure(&b, f.realm, 1, 50);
    node_open(&plain, f.realm, NULL);
    p2p_addr_from_mem(&nobody.addr, 9);
    assert_ok(p2p_lookup_key(a.swarm, &b.addr, 0, on_key, &l[0]));
    assert_ok(p2p_lookup_key(a.swarm, &plain.addr, 0, on_key, &l[1]));
    assert_ok(p2p_lookup_key(a.swarm, &nobody.addr, 0, on_key, &l[2]));
    assert_int_equal(l[0].calls, 0);
    field_run(&f);
    assert_int_equal(l[0].calls, 1);
    assert_int_equal(l[0].status, 0);
    assert_int_equal(l[0].len, 50);
    assert_int_equal(l[0].first, 2);
    assert_int_equal(l[1].status, P2P_ERR_NO_KEY);
    assert_int_equal(l[2].status, P2P_ERR_UNREACHABLE);
    assert_ok(p2p_lookup_key(a.swarm, &b.addr, 0, on_key, &l[3]));
    node_close(&a);
    field_run(&f);
    assert_int_equal(l[3].calls, 1);
    assert_int_equal(l[3].status, P2P_ERR_CLOSED);
    node_close(&b);
    node_close(&plain);
    field_end(&f);
}

/* Pending lookups count against max_asks. */
static void test_lookup_limit(void **state)
{
    (void)state;
    field f;
    node a;
    lookup l = {.calls = 0};
    uint8_t key[] = {1};
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_asks = 3;
    config.key = key;
    config.key_len = sizeof key;
    field_begin(&f, 0, NULL);
    node_open(&a, f.realm, &config);
    for (int i = 1; i <= 3; i++) {
        for (int j = 0; j < 3; j++)
            assert_ok(p2p_lookup_key(a.swarm, &a.addr, 0, on_key, &l));
        assert_int_equal(p2p_lookup_key(a.swarm, &a.addr, 0, on_key, &l), P2P_ERR_LIMIT);
        field_run(&f);
        assert_int_equal(l.calls, 3 * i);
    }
    node_close(&a);
    field_end(&f);
}

static void expect_open(void *arg, int status, const uint8_t *key, size_t len)
{
    node *n = arg;
    (void)key;
    (void)len;
    assert_int_equal(status, P2P_ERR_CLOSED);
    assert_int_equal(n->closed, 0);
    n->tells++;
}

/* The writable event is already on its way when the lookup is asked for, and then the close: the
 * close callback is the last all the same. */
static void test_close_is_last(void **state)
{
    (void)state;
    field f;
    node a, b;
    field_begin(&f, 0, NULL);
    open_secure(&a, f.realm, 0, 44);
    open_secure(&b, f.realm, 1, 44);
    for (size_t i = 0; i < 1024; i++)
        assert_ok(node_tell(&a, &b, i, 8));
    assert_int_equal(node_tell(&a, &b, 1, 8), P2P_ERR_AGAIN);
    assert_ok(p2p_loop_step(f.loop));
    assert_int_equal(a.writable, 0);
    assert_true(p2p_task_queued(&a.swarm->task));
    assert_ok(p2p_lookup_key(a.swarm, &b.addr, 0, expect_open, &a));
    node_close(&a);
    field_run(&f);
    assert_int_equal(a.tells, 1);
    assert_int_equal(a.closed, 1);
    node_close(&b);
    field_end(&f);
}

/* The key of who sent the message that is being received. */
static void want_key(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    uint8_t key[64];
    size_t len = 0;
    assert_ok(p2p_peer_key(n->swarm, msg->src, key, sizeof key, &len));
    assert_int_equal(len, 44);
    n->data[n->tells++] = key[0];
}

/* A message is of whom it was sent by, though that node is gone, or another has its number. */
static void test_key_of_sender(void **state)
{
    (void)state;
    field f;
    node a, b, again;
    field_begin(&f, 0, &slow);
    open_secure(&a, f.realm, 0, 44);
    open_secure(&b, f.realm, 1, 44);
    p2p_on_tell(b.swarm, want_key, &b);
    assert_ok(node_tell(&a, &b, 1, 8));
    node_close(&a);
    field_run(&f);
    assert_int_equal(b.tells, 1);
    assert_int_equal(b.data[0], 1);

    open_secure(&a, f.realm, 0, 44);
    assert_ok(node_tell(&a, &b, 1, 8));
    assert_ok(p2p_realm_crash(f.realm, a.number));
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.node = a.number;
    memset(key_of[2], 3, 44);
    config.key = key_of[2];
    config.key_len = 44;
    node_open(&again, f.realm, &config);
    assert_ok(node_tell(&again, &b, 2, 8));
    node_close(&a);
    field_run(&f);
    assert_int_equal(b.tells, 3);
    assert_int_equal(b.data[1], 1);
    assert_int_equal(b.data[2], 3);
    node_close(&again);
    node_close(&b);
    field_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_lookup_limit),  cmocka_unit_test(test_close_is_last),
        cmocka_unit_test(test_key_of_sender),
    };
    return cmocka_run_group_tests_name("mem_keys", tests, NULL, NULL);
}
