/* SPDX-License-Identifier: MIT */
/* PKE swarms: keys, and looking them up. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

enum { MAX_KEY = 256 };

typedef struct lookup {
    unsigned calls;
    int status;
    size_t len;
    uint8_t key[MAX_KEY];
} lookup;

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    lookup *l = arg;
    l->calls++;
    l->status = status;
    l->len = len;
    assert_true((status == 0) == (key != NULL));
    if (key)
        memcpy(l->key, key, len);
}

/* Looks up, and waits for the end. Returns how long that took. */
static uint64_t look_up(pke_node *node, const p2p_addr *addr, uint64_t timeout, lookup *out)
{
    memset(out, 0, sizeof *out);
    assert_ok(p2p_lookup_key(node->swarm, addr, timeout, on_key, out));
    assert_int_equal(out->calls, 0);
    uint64_t took = pke_net_wait(node->net, &out->calls, 1, 60 * P2P_SECOND);
    pke_net_run(node->net, P2P_SECOND);
    assert_int_equal(out->calls, 1);
    return took;
}

static void assert_key_of(const lookup *l, const pke_node *node)
{
    uint8_t key[MAX_KEY];
    size_t len = 0;
    assert_ok(p2p_public_key(node->swarm, key, sizeof key, &len));
    assert_int_equal(l->status, 0);
    assert_int_equal(l->len, len);
    assert_memory_equal(l->key, key, len);
}

static void test_own(void **state)
{
    (void)state;
    pke_net net;
    uint8_t key[MAX_KEY], der[MAX_KEY];
    size_t len = 0, der_len = 0;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    assert_ok(p2p_public_key(a->swarm, key, sizeof key, &len));
    assert_ok(p2p_signer_public_key(a->signer, der, sizeof der, &der_len));
    assert_int_equal(len, 44);
    assert_memory_equal(key, der, 44);
    assert_int_equal(p2p_public_key(a->swarm, key, 43, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, 44);
    pke_net_end(&net);
}

static void key_of_sender(pke_node *node, const p2p_msg *msg)
{
    lookup found = {0};
    assert_ok(p2p_peer_key(node->swarm, msg->src, found.key, sizeof found.key, &found.len));
    assert_key_of(&found, node->arg);
    assert_int_equal(p2p_peer_key(node->swarm, msg->src, found.key, 43, &found.len),
                     P2P_ERR_NO_SPACE);
    assert_int_equal(found.len, 44);
}

/* The sender's key is there during a callback: of the first message and later, on both sides, and
 * when the session is old. */
static void test_in_callback(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    a->on_tell = b->on_tell = key_of_sender;
    a->arg = b;
    b->arg = a;
    for (int i = 0; i < 40; i++) {
        assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
        assert_true(pke_arrive(b, a, "hello") < P2P_SECOND);
        pke_net_run(&net, (uint64_t)i * P2P_SECOND);
    }
    pke_net_end(&net);
}

static void test_peer_key(void **state)
{
    (void)state;
    pke_net net;
    lookup found = {0};
    p2p_addr plain;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr wrong = pke_addr(other, 1);
    assert_int_equal(p2p_peer_key(a->swarm, &b->addr, found.key, MAX_KEY, &found.len),
                     P2P_ERR_NO_KEY);
    assert_ok(pke_say(a, &b->addr, "hello"));
    /* Claimed is not proven. */
    pke_net_run(&net, 15 * P2P_MILLISECOND);
    assert_int_equal(p2p_peer_key(b->swarm, &a->addr, found.key, MAX_KEY, &found.len),
                     P2P_ERR_NO_KEY);
    pke_net_run(&net, P2P_SECOND);
    assert_ok(p2p_peer_key(a->swarm, &b->addr, found.key, MAX_KEY, &found.len));
    assert_key_of(&found, b);
    assert_int_equal(p2p_peer_key(a->swarm, &wrong, found.key, MAX_KEY, &found.len),
                     P2P_ERR_NO_KEY);
    p2p_addr_from_mem(&plain, 1);
    assert_int_equal(p2p_peer_key(a->swarm, &plain, found.key, MAX_KEY, &found.len),
                     P2P_ERR_BAD_ADDR);
    /* It stays known when the session is over, until the peer is forgotten. */
    pke_net_run(&net, 200 * P2P_SECOND);
    assert_ok(p2p_peer_key(a->swarm, &b->addr, found.key, MAX_KEY, &found.len));
    pke_net_run(&net, 400 * P2P_SECOND);
    assert_int_equal(p2p_peer_key(a->swarm, &b->addr, found.key, MAX_KEY, &found.len),
                     P2P_ERR_NO_KEY);
    pke_net_end(&net);
    p2p_signer_free(other);
}

/* --- look-ups --- */

static void test_found(void **state)
{
    (void)state;
    pke_net net;
    lookup l;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    /* With a handshake, then from memory: then within a turn, whatever the timeout. */
    assert_int_equal(look_up(a, &b->addr, 0, &l), 40 * P2P_MILLISECOND);
    assert_key_of(&l, b);
    assert_int_equal(look_up(a, &b->addr, 1, &l), 0);
    assert_key_of(&l, b);
    assert_int_equal(look_up(b, &a->addr, 0, &l), 0);
    assert_key_of(&l, a);
    assert_int_equal(b->got, 0);
    pke_net_end(&net);
}

/* Many at once share one handshake, with each other and with messages. */
static void test_together(void **state)
{
    (void)state;
    enum { MANY = 50 };
    pke_net net;
    static lookup l[MANY];
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    memset(l, 0, sizeof l);
    for (int i = 0; i < MANY; i++) {
        assert_ok(p2p_lookup_key(a->swarm, &b->addr, 0, on_key, &l[i]));
        if (i % 10 == 5)
            assert_ok(pke_say(a, &b->addr, "hello"));
    }
    pke_net_run(&net, P2P_SECOND);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(l[i].calls, 1);
        assert_key_of(&l[i], b);
    }
    assert_int_equal(b->got, MANY / 10);
    assert_int_equal(pke_stats(a).handshakes_started, 1);
    pke_net_end(&net);
}

static void test_nobody(void **state)
{
    (void)state;
    pke_net net;
    lookup l;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr nobody = pke_addr(other, 77);
    /* The caller's time, or that of a handshake, whichever ends first. */
    assert_int_equal(look_up(a, &nobody, 3 * P2P_SECOND, &l), 3 * P2P_SECOND);
    assert_int_equal(l.status, P2P_ERR_TIMEOUT);
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(look_up(a, &nobody, 0, &l), P2P_PKE_ATTEMPT);
    assert_int_equal(l.status, P2P_ERR_TIMEOUT);
    assert_int_equal(pke_peers(a), 0);
    pke_net_end(&net);
    p2p_signer_free(other);
}

static void test_wrong_key(void **state)
{
    (void)state;
    pke_net net;
    lookup l;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr wrong = pke_addr(other, 1);
    for (int known = 0; known < 2; known++) {
        assert_true(look_up(a, &wrong, 0, &l) <= P2P_PKE_BAD_ANSWER + P2P_SECOND);
        assert_int_equal(l.status, P2P_ERR_NO_KEY);
        assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    }
    pke_net_end(&net);
    p2p_signer_free(other);
}

static int refuse(void *arg, const p2p_addr *peer)
{
    (void)arg;
    (void)peer;
    return 0;
}

static void allow_nobody(p2p_pke_swarm_config *config)
{
    config->allow = refuse;
}

static void test_refused(void **state)
{
    (void)state;
    pke_net net;
    lookup l = {0};
    p2p_addr plain;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, allow_nobody);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_int_equal(p2p_lookup_key(a->swarm, &b->addr, 0, on_key, &l), P2P_ERR_REFUSED);
    p2p_addr_from_mem(&plain, 1);
    assert_int_equal(p2p_lookup_key(b->swarm, &plain, 0, on_key, &l), P2P_ERR_BAD_ADDR);
    pke_net_run(&net, 60 * P2P_SECOND);
    assert_int_equal(l.calls, 0);
    assert_int_equal(net.datagrams, 0);
    pke_net_end(&net);
}

/* At whatever moment the swarm closes: each ends once. */
static void test_close(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 60; step += 5) {
        pke_net net;
        static lookup l[5];
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        memset(l, 0, sizeof l);
        for (int i = 0; i < 5; i++)
            assert_ok(p2p_lookup_key(a->swarm, &b->addr, 0, on_key, &l[i]));
        pke_net_run(&net, step * P2P_MILLISECOND);
        pke_net_close(a);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(l[i].calls, 1);
            assert_int_equal(l[i].status, step < 40 ? P2P_ERR_CLOSED : 0);
        }
        pke_net_end(&net);
    }
}

/* Close in the same turn in which the answer is at hand. */
static void test_close_at_once(void **state)
{
    (void)state;
    pke_net net;
    lookup l = {0};
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    assert_ok(p2p_lookup_key(a->swarm, &b->addr, 0, on_key, &l));
    pke_net_close(a);
    assert_int_equal(l.calls, 1);
    assert_int_equal(l.status, P2P_ERR_CLOSED);
    pke_net_end(&net);
}

typedef struct chain {
    pke_node *node;
    p2p_addr to;
    unsigned left;
    unsigned ended;
} chain;

static void next_lookup(void *arg, int status, const uint8_t *key, size_t len)
{
    chain *c = arg;
    (void)status;
    (void)key;
    (void)len;
    c->ended++;
    if (c->left && c->node->swarm) {
        c->left--;
        (void)!p2p_lookup_key(c->node->swarm, &c->to, 0, next_lookup, c);
    }
}

static void test_from_callback(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    chain c = {a, b->addr, 20, 0};
    assert_ok(p2p_lookup_key(a->swarm, &c.to, 0, next_lookup, &c));
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(c.ended, 21);
    p2p_addr_from_mem(&c.to, 50);
    uint8_t id[P2P_PEER_ID_SIZE] = {1};
    assert_ok(p2p_addr_wrap_peer(&c.to, id, &c.to));
    c.left = 3;
    c.ended = 0;
    assert_ok(p2p_lookup_key(a->swarm, &c.to, 0, next_lookup, &c));
    pke_net_run(&net, 100 * P2P_SECOND);
    assert_int_equal(c.ended, 4);
    c.left = 1000;
    assert_ok(p2p_lookup_key(a->swarm, &c.to, 0, next_lookup, &c));
    pke_net_close(a);
    pke_net_end(&net);
}

/* What waits for one key at an address survives that another key takes the address. */
static void test_other_takes_address(void **state)
{
    (void)state;
    pke_net net;
    lookup l = {0};
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    p2p_signer *other = pke_test_signer(99);
    p2p_addr wrong = pke_addr(other, 1);
    assert_ok(p2p_lookup_key(a->swarm, &wrong, 0, on_key, &l));
    assert_true(pke_arrive(b, a, "hello") < 2 * P2P_SECOND);
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(l.calls, 1);
    assert_int_equal(l.status, P2P_ERR_NO_KEY);
    pke_net_end(&net);
    p2p_signer_free(other);
}

/* Whichever allocation fails: what was accepted ends once, what was not never does. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t fails = 1; fails < 60; fails++) {
        pke_net net;
        lookup l = {0};
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        net.memory.fail_at = net.memory.calls + fails;
        int err = p2p_lookup_key(a->swarm, &b->addr, 0, on_key, &l);
        assert_true(err == 0 || err == P2P_ERR_NO_MEMORY);
        int told = pke_say(a, &b->addr, "hello");
        assert_true(told == 0 || told == P2P_ERR_NO_MEMORY);
        pke_net_run(&net, 60 * P2P_SECOND);
        net.memory.fail_at = 0;
        assert_int_equal(l.calls, err == 0);
        assert_true(pke_arrive(a, b, "still there") < 2 * P2P_SECOND);
        pke_net_end(&net);
    }
}

/* Nothing is left of a look-up that was not accepted. */
static void test_no_memory_leaves_no_peer(void **state)
{
    (void)state;
    pke_net net;
    lookup l = {0};
    size_t failed = 0;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    p2p_addr to = pke_addr(a->signer, 9);
    for (;;) {
        net.memory.fail_at = net.memory.calls + failed + 1;
        int err = p2p_lookup_key(a->swarm, &to, P2P_SECOND, on_key, &l);
        net.memory.fail_at = 0;
        if (!err)
            break;
        assert_int_equal(err, P2P_ERR_NO_MEMORY);
        assert_int_equal(pke_peers(a), 0);
        assert_true(++failed < 50);
    }
    assert_true(failed >= 3);
    pke_net_run(&net, 2 * P2P_SECOND);
    assert_int_equal(l.calls, 1);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),           cmocka_unit_test(test_in_callback),
        cmocka_unit_test(test_peer_key),      cmocka_unit_test(test_found),
        cmocka_unit_test(test_together),      cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_wrong_key),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_close),         cmocka_unit_test(test_close_at_once),
        cmocka_unit_test(test_from_callback), cmocka_unit_test(test_other_takes_address),
        cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_no_memory_leaves_no_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
