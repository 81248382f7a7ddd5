/* SPDX-License-Identifier: MIT */
/* What a peer costs, and what happens when there is no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

/* Counts what is alive, with the 16 bytes that an allocator takes for itself. */
#define OWN 16u

static size_t live, live_blocks;
static unsigned long allocations, fail_at; /* fail_at 0: none fails */

static void *counted_alloc(void *arg, size_t size)
{
    (void)arg;
    if (++allocations == fail_at)
        return NULL;
    size_t *block = malloc(size + 16);
    assert_non_null(block);
    *block = size;
    live += size + OWN;
    live_blocks++;
    return block + 2;
}

static void counted_free(void *arg, void *ptr)
{
    (void)arg;
    if (!ptr)
        return;
    size_t *block = (size_t *)ptr - 2;
    live -= *block + OWN;
    live_blocks--;
    free(block);
}

static void *never_resize(void *arg, void *ptr, size_t size)
{
    (void)arg;
    (void)ptr;
    (void)size;
    return NULL;
}

static void counted(p2p_pke_config *config)
{
    static const p2p_allocator allocator = {counted_alloc, never_resize, counted_free, NULL};
    config->allocator = &allocator;
}

/* An idle established peer has 2 KiB for everything; the channel takes less than half of it. */
static void test_idle_peer_is_small(void **state)
{
    net n;
    (void)state;
    fail_at = 0;
    net_init_with(&n, 1, counted, NULL);
    p2p_pke_channel_free(n.side[0].channel);
    size_t endpoint = live;
    net_open_channel(&n, 0);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(net_text(&n, 1, "y"), 0);
    net_run(&n, P2P_SECOND);
    size_t one = live - endpoint;
    /* With two sessions, after a rekey. */
    net_run(&n, 120 * P2P_SECOND);
    assert_non_null(n.side[0].channel->previous);
    size_t two = live - endpoint;
    printf("bytes of a peer: %zu with one session, %zu with two; of the endpoint: %zu\n", one, two,
           endpoint);
    assert_true(one <= 768);
    assert_true(two <= 1024);

    /* Loss makes a window, which goes when it is idle. */
    for (unsigned i = 0; i < 200; i++) {
        n.filter = i % 3 ? NULL : net_lose_all;
        assert_int_equal(net_text(&n, 1, "z"), 0);
    }
    n.filter = NULL;
    net_run(&n, P2P_SECOND);
    assert_non_null(n.side[0].channel->current->replay.ring);
    assert_true(live - endpoint > two);
    net_run(&n, 20 * P2P_SECOND);
    assert_true(live - endpoint <= two);
    net_free(&n);
    assert_int_equal(live, 0);
    assert_int_equal(live_blocks, 0);
}

/* Each allocation fails once, in a life with all that can happen; then all must go on. */
static unsigned long run_life(unsigned long failing)
{
    net n;
    net_init_with(&n, 1, counted, counted);
    allocations = 0;
    fail_at = failing;
    n.duplicate = 0.2;
    n.jitter = 40 * P2P_MILLISECOND;
    for (unsigned i = 0; i < 90; i++) {
        (void)net_text(&n, i % 2, "some text");
        net_run(&n, 3 * P2P_SECOND);
        n.loss = i % 4 ? 0.0 : 0.4;
        /* As if so many were lost: the other side needs a ring. */
        if (i == 40 && n.side[0].channel->current)
            n.side[0].channel->current->next += 70;
        if (i == 60) {
            fail_at = 0;
            net_restart(&n, 1);
            fail_at = failing;
        }
    }
    unsigned long count = allocations;
    fail_at = 0;
    n.loss = n.duplicate = 0;
    net_run(&n, 40 * P2P_SECOND);
    for (unsigned i = 0; i < 2; i++) {
        unsigned before = n.side[!i].delivered;
        assert_int_equal(net_text(&n, i, "at last"), 0);
        net_run(&n, 2 * P2P_SECOND);
        assert_true(n.side[!i].delivered > before);
    }
    net_free(&n);
    assert_int_equal(live, 0);
    assert_int_equal(live_blocks, 0);
    return count;
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    unsigned long count = run_life(0);
    assert_true(count > 12);
    for (unsigned long i = 1; i <= count; i++)
        (void)run_life(i);
}

static void test_making_things_fails(void **state)
{
    (void)state;
    test_node node;
    p2p_pke_config config;
    test_node_init(&node, 0, NULL);
    test_config(&node, &config);
    counted(&config);
    p2p_pke_endpoint *ep = NULL;
    allocations = 0;
    fail_at = 1;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_NO_MEMORY);
    assert_null(ep);
    fail_at = 0;

    node.random_error = P2P_ERR_IO;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_IO);
    node.random_error = 0;
    config.random = NULL;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_INVALID);
    config.random = test_random;
    config.signer = NULL;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_endpoint_new(&ep, NULL), P2P_ERR_INVALID);
    config.signer = &node.signer.base;
    config.size = 0;
    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), P2P_ERR_INVALID);
    config.size = sizeof config;
    assert_int_equal(live, 0);

    assert_int_equal(p2p_pke_endpoint_new(&ep, &config), 0);
    p2p_pke_channel *c = NULL;
    allocations = 0;
    fail_at = 1;
    assert_int_equal(p2p_pke_channel_new(&c, ep, NULL, "x", 1), P2P_ERR_NO_MEMORY);
    fail_at = 0;
    assert_int_equal(p2p_pke_channel_new(&c, ep, NULL, "x", 1), 0);
    /* A failure to start is told at once, and leaves nothing. */
    node.random_error = P2P_ERR_IO;
    assert_int_equal(p2p_pke_channel_open(c, test_time(0)), P2P_ERR_IO);
    uint8_t out[64];
    size_t len;
    p2p_iov iov = {"x", 1};
    assert_int_equal(p2p_pke_channel_send(c, test_time(0), &iov, 1, out, sizeof out, &len),
                     P2P_ERR_IO);
    assert_true(p2p_pke_channel_deadline(c) == P2P_NEVER);
    p2p_pke_channel_free(c);
    p2p_pke_endpoint_free(ep);
    assert_int_equal(live, 0);
    test_node_free(&node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_peer_is_small),
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_making_things_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
