/* SPDX-License-Identifier: MIT */
/* PKE swarms: how many key look-ups may be pending. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

enum { MOST = 5 };

static void few_lookups(p2p_pke_swarm_config *config)
{
    config->max_lookups = MOST;
}

typedef struct lookup {
    unsigned calls;
    int status;
    pke_node *again; /* looks up `whom` once more from inside the callback */
    pke_node *whom;
    int again_err;
} lookup;

static void count_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)status;
    (void)key;
    (void)len;
    ++*(unsigned *)arg;
}

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    lookup *l = arg;
    (void)key;
    (void)len;
    l->calls++;
    l->status = status;
    if (l->again)
        l->again_err = p2p_lookup_key(l->again->swarm, &l->whom->addr, 0, count_key, &l->calls);
}

static int look_up(pke_node *from, const p2p_addr *addr, lookup *l)
{
    return p2p_lookup_key(from->swarm, addr, 0, on_key, l);
}

/* Those that wait for a handshake, for one or for several peers. */
static void test_limit(void **state)
{
    (void)state;
    for (int apart = 0; apart < 2; apart++) {
        pke_net net;
        lookup l[MOST + 1] = {{0}};
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, few_lookups);
        for (size_t i = 1; i <= MOST + 1; i++)
            pke_net_add(&net, i, i + 1, NULL);
        for (size_t i = 0; i < MOST; i++)
            assert_ok(look_up(a, &net.node[1 + (apart ? i : 0)].addr, &l[i]));
        size_t peers = pke_peers(a);
        for (size_t i = 1; i <= MOST + 1; i++)
            assert_int_equal(look_up(a, &net.node[i].addr, &l[MOST]), P2P_ERR_LIMIT);
        /* What is refused leaves nothing behind, and what was taken ends as ever. */
        assert_int_equal(pke_peers(a), peers);
        pke_net_run(&net, P2P_SECOND);
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(l[i].calls, 1);
            assert_int_equal(l[i].status, 0);
        }
        assert_int_equal(l[MOST].calls, 0);
        /* Then there is room again. */
        assert_ok(look_up(a, &net.node[MOST + 1].addr, &l[MOST]));
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(l[MOST].calls, 1);
        pke_net_end(&net);
    }
}

/* Those of keys that are known count until they were told, and one that is being told does not. */
static void test_known(void **state)
{
    (void)state;
    pke_net net;
    lookup l[MOST] = {{0}};
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, few_lookups);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    for (size_t i = 0; i < MOST; i++)
        assert_ok(look_up(a, &b->addr, &l[i]));
    assert_int_equal(look_up(a, &b->addr, &l[0]), P2P_ERR_LIMIT);
    l[MOST - 1].again = a;
    l[MOST - 1].whom = b;
    pke_net_run(&net, P2P_SECOND);
    for (size_t i = 0; i < MOST - 1; i++)
        assert_int_equal(l[i].calls, 1);
    assert_int_equal(l[MOST - 1].again_err, 0);
    assert_int_equal(l[MOST - 1].calls, 2);
    pke_net_end(&net);
}

/* However look-ups end, their places are free again. */
static void test_ends(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, few_lookups);
    p2p_signer *nobody = pke_test_signer(99);
    p2p_addr nowhere = pke_addr(nobody, 77);
    for (int round = 0; round < 3; round++) {
        lookup l[MOST] = {{0}};
        for (size_t i = 0; i < MOST; i++)
            assert_ok(p2p_lookup_key(a->swarm, &nowhere, i % 2 ? P2P_SECOND : 0, on_key, &l[i]));
        assert_int_equal(look_up(a, &nowhere, &l[0]), P2P_ERR_LIMIT);
        pke_net_run(&net, 30 * P2P_SECOND);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(l[i].status, P2P_ERR_TIMEOUT);
    }
    lookup closed[MOST] = {{0}};
    for (size_t i = 0; i < MOST; i++)
        assert_ok(look_up(a, &nowhere, &closed[i]));
    pke_net_close(a);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(closed[i].status, P2P_ERR_CLOSED);
    pke_net_end(&net);
    p2p_signer_free(nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests_name("pke lookups", tests, NULL, NULL);
}
