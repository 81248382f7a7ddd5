/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/topology.h>

/* Each kind with arguments that fit every n it accepts, so that all can be walked alike. */
static int make(p2p_topology *t, int kind, size_t n, const p2p_allocator *allocator)
{
    switch (kind) {
    case 0:
        return p2p_topology_chain(t, n, allocator);
    case 1:
        return p2p_topology_ring(t, n, allocator);
    case 2:
        return p2p_topology_cluster(t, n, allocator);
    case 3:
        return p2p_topology_hub_and_spoke(t, n, allocator);
    case 4:
        return p2p_topology_grid(t, n, 4, allocator);
    case 5:
        return p2p_topology_k_regular(t, n, n > 4 ? 4 : 0, 7, allocator);
    case 6:
        return p2p_topology_k_regular(t, n, n % 2 == 0 && n > 3 ? 3 : 0, 7, allocator);
    default:
        return p2p_topology_small_world(t, n, n > 4 ? 4 : 0, 0.25, 7, allocator);
    }
}

enum { KINDS = 8 };

/* In range, no self loop, no duplicates, symmetric. */
static void check_sane(const p2p_topology *t, size_t n)
{
    assert_int_equal(t->nodes, n);
    assert_int_equal(t->start[0], 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(t->start[i] <= t->start[i + 1]);
        assert_int_equal(p2p_topology_degree(t, i), t->start[i + 1] - t->start[i]);
        for (size_t e = t->start[i]; e < t->start[i + 1]; e++) {
            size_t j = t->neighbour[e];
            assert_true(j < n);
            assert_int_not_equal(j, i);
            assert_true(p2p_topology_linked(t, i, j));
            assert_true(p2p_topology_linked(t, j, i));
            for (size_t f = t->start[i]; f < e; f++)
                assert_int_not_equal(t->neighbour[f], j);
        }
        assert_false(p2p_topology_linked(t, i, i));
        assert_false(p2p_topology_linked(t, i, n));
    }
    assert_int_equal(p2p_topology_degree(t, n), 0);
    assert_false(p2p_topology_linked(t, n, 0));
}

static void every_kind_is_sane(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t n = 0; n < 20; n++) {
            p2p_topology t;
            assert_int_equal(make(&t, kind, n, NULL), 0);
            check_sane(&t, n);
            p2p_topology_free(&t);
        }
    }
}

/* Compares with lists written as "1 2|0|0": the nodes in order, their neighbours in order. */
static void check_lists(p2p_topology *t, const char *expected)
{
    char text[512];
    size_t len = 0;
    for (size_t i = 0; i < t->nodes; i++) {
        for (size_t e = t->start[i]; e < t->start[i + 1]; e++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%u",
                                    e > t->start[i] ? " " : "", (unsigned)t->neighbour[e]);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", i + 1 < t->nodes ? "|" : "");
    }
    text[len] = 0;
    assert_string_equal(text, expected);
    p2p_topology_free(t);
}

static void lists_are_exact(void **state)
{
    (void)state;
    static const struct {
        int kind;
        size_t n;
        const char *lists;
    } cases[] = {
        {0, 0, ""},
        {0, 1, ""},
        {0, 2, "1|0"},
        {0, 5, "1|0 2|1 3|2 4|3"},
        {1, 0, ""},
        {1, 1, ""},
        {1, 2, "1|0"},
        {1, 3, "1 2|2 0|0 1"},
        {1, 5, "1 4|2 0|3 1|4 2|0 3"},
        {2, 1, ""},
        {2, 2, "1|0"},
        {2, 4, "1 2 3|0 2 3|0 1 3|0 1 2"},
        {3, 1, ""},
        {3, 2, "1|0"},
        {3, 5, "1 2 3 4|0|0|0|0"},
        {4, 1, ""},
        {4, 3, "1|0 2|1"},
        {4, 6, "1 4|0 2 5|1 3|2|0 5|1 4"},
        {4, 9, "1 4|0 2 5|1 3 6|2 7|0 5 8|1 4 6|2 5 7|3 6|4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p2p_topology t;
        assert_int_equal(make(&t, cases[i].kind, cases[i].n, NULL), 0);
        check_lists(&t, cases[i].lists);
    }
    p2p_topology t;
    assert_int_equal(p2p_topology_grid(&t, 3, 1, NULL), 0);
    check_lists(&t, "1|0 2|1");
    assert_int_equal(p2p_topology_small_world(&t, 6, 4, 0.0, 1, NULL), 0);
    check_lists(&t, "1 2 4 5|0 2 3 5|0 1 3 4|1 2 4 5|0 2 3 5|0 1 3 4");
    assert_int_equal(p2p_topology_k_regular(&t, 4, 3, 1, NULL), 0);
    check_lists(&t, "1 2 3|0 2 3|0 1 3|0 1 2");
}

static void k_regular_is_regular(void **state)
{
    (void)state;
    for (size_t n = 0; n < 20; n++) {
        for (size_t k = 0; k < 20; k++) {
            p2p_topology t;
            int r = p2p_topology_k_regular(&t, n, k, n * 31 + k, NULL);
            if (n * k % 2 == 1 || (n > 0 && k >= n)) {
                assert_int_equal(r, P2P_ERR_INVALID);
                continue;
            }
            assert_int_equal(r, 0);
            check_sane(&t, n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(p2p_topology_degree(&t, i), k);
                for (size_t e = t.start[i] + 1; e < t.start[i + 1]; e++)
                    assert_true(t.neighbour[e - 1] < t.neighbour[e]);
            }
            p2p_topology_free(&t);
        }
    }
}

/* How many nodes can be reached from node 0. */
static size_t reachable(const p2p_topology *t)
{
    size_t *queue = calloc(t->nodes, sizeof *queue);
    unsigned char *seen = calloc(t->nodes, 1);
    assert_non_null(queue);
    assert_non_null(seen);
    size_t head = 0;
    size_t tail = 1;
    seen[0] = 1;
    while (head < tail) {
        size_t i = queue[head++];
        for (size_t e = t->start[i]; e < t->start[i + 1]; e++) {
            if (!seen[t->neighbour[e]]) {
                seen[t->neighbour[e]] = 1;
                queue[tail++] = t->neighbour[e];
            }
        }
    }
    free(queue);
    free(seen);
    return tail;
}

/* How many links of the lattice with the k nearest neighbours are still there. */
static size_t lattice_links(const p2p_topology *t, size_t k)
{
    size_t count = 0;
    for (size_t i = 0; i < t->nodes; i++) {
        for (size_t distance = 1; distance <= k / 2; distance++)
            count += (size_t)p2p_topology_linked(t, i, (i + distance) % t->nodes);
    }
    return count;
}

static void k_regular_is_random_and_connected(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        p2p_topology t;
        assert_int_equal(p2p_topology_k_regular(&t, 1000, 4, seed, NULL), 0);
        assert_int_equal(reachable(&t), 1000);
        /* By chance about 2000 * 4 / 999, that is 8, of the 2000 links are in the lattice. */
        assert_true(lattice_links(&t, 4) < 40);
        p2p_topology_free(&t);
    }
}

static void small_world_rewires(void **state)
{
    (void)state;
    static const struct {
        double p;
        size_t low, high;
    } cases[] = {{0.0, 3000, 3000}, {0.1, 2600, 2800}, {0.5, 1400, 1600}, {1.0, 0, 60}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p2p_topology t;
        assert_int_equal(p2p_topology_small_world(&t, 1000, 6, cases[i].p, 5, NULL), 0);
        check_sane(&t, 1000);
        assert_int_equal(t.start[1000], 6000);
        assert_in_range(lattice_links(&t, 6), cases[i].low, cases[i].high);
        /* A link is rewired at one end only, so each node keeps at least half of its links. */
        for (size_t node = 0; node < 1000; node++)
            assert_true(p2p_topology_degree(&t, node) >= 3);
        p2p_topology_free(&t);
    }
    for (size_t n = 3; n < 20; n++) {
        for (size_t k = 0; k < n; k += 2) {
            p2p_topology t;
            assert_int_equal(p2p_topology_small_world(&t, n, k, 1.0, n, NULL), 0);
            check_sane(&t, n);
            assert_int_equal(t.start[n], n * k);
            p2p_topology_free(&t);
        }
    }
}

/* FNV-1a over the lists as little-endian numbers. */
static uint64_t hash(const p2p_topology *t)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < t->nodes; i++) {
        for (size_t e = t->start[i]; e < t->start[i + 1]; e++) {
            uint64_t link = (uint64_t)i << 32 | t->neighbour[e];
            for (int shift = 0; shift < 64; shift += 8)
                h = (h ^ ((link >> shift) & 0xff)) * UINT64_C(0x100000001b3);
        }
    }
    return h;
}

static void seeds_mean_the_same_everywhere(void **state)
{
    (void)state;
    p2p_topology t;
    assert_int_equal(p2p_topology_k_regular(&t, 500, 5, 42, NULL), 0);
    assert_int_equal(hash(&t), UINT64_C(0x1436939fe1b62761));
    p2p_topology_free(&t);
    assert_int_equal(p2p_topology_k_regular(&t, 500, 5, 43, NULL), 0);
    assert_int_not_equal(hash(&t), UINT64_C(0x1436939fe1b62761));
    p2p_topology_free(&t);
    assert_int_equal(p2p_topology_small_world(&t, 500, 6, 0.2, 42, NULL), 0);
    assert_int_equal(hash(&t), UINT64_C(0x387e96ac364c1209));
    p2p_topology_free(&t);
    assert_int_equal(p2p_topology_small_world(&t, 500, 6, 0.2, 43, NULL), 0);
    assert_int_not_equal(hash(&t), UINT64_C(0x387e96ac364c1209));
    p2p_topology_free(&t);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    p2p_topology t;
    memset(&t, 0x5a, sizeof t);
    p2p_topology before = t;
    double zero = 0.0;
    assert_int_equal(p2p_topology_chain(NULL, 3, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_ring(NULL, 1, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_ring(NULL, 3, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_cluster(NULL, 3, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_hub_and_spoke(NULL, 3, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_grid(NULL, 3, 2, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_grid(&t, 3, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_k_regular(&t, 5, 3, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_k_regular(&t, 5, 6, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_k_regular(&t, 6, 6, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, 6, 3, 0.5, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, 6, 6, 0.5, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, 6, 2, -0.1, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, 6, 2, 1.1, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, 6, 2, zero / zero, 0, NULL), P2P_ERR_INVALID);
#if SIZE_MAX > UINT32_MAX
    size_t too_many = ((size_t)1 << 31) + 1;
    assert_int_equal(p2p_topology_chain(&t, too_many, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_ring(&t, too_many, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_cluster(&t, too_many, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_hub_and_spoke(&t, too_many, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_grid(&t, too_many, 2, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_k_regular(&t, too_many, 2, 0, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_topology_small_world(&t, too_many, 2, 0.5, 0, NULL), P2P_ERR_INVALID);
#endif
    assert_memory_equal(&t, &before, sizeof t);

    p2p_topology_free(NULL);
    memset(&t, 0, sizeof t);
    p2p_topology_free(&t);
    assert_int_equal(p2p_topology_degree(NULL, 0), 0);
    assert_false(p2p_topology_linked(NULL, 0, 0));
}

/* An allocator that gives memory `left` times and counts what is out. */
typedef struct budget {
    size_t left;
    size_t live;
} budget;

static void *budget_alloc(void *arg, size_t size)
{
    budget *b = arg;
    if (b->left == 0)
        return NULL;
    b->left--;
    void *ptr = malloc(size);
    b->live += ptr != NULL;
    return ptr;
}

static void *budget_resize(void *arg, void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
    (void)arg;
    return NULL;
}

static void budget_free(void *arg, void *ptr)
{
    budget *b = arg;
    b->live -= ptr != NULL;
    free(ptr);
}

static void memory_failures_leave_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        int r = P2P_ERR_NO_MEMORY;
        for (size_t left = 0; r; left++) {
            assert_true(left < 20);
            budget b = {left, 0};
            p2p_allocator allocator = {budget_alloc, budget_resize, budget_free, &b};
            p2p_topology t;
            memset(&t, 0x5a, sizeof t);
            p2p_topology before = t;
            r = make(&t, kind, 10, &allocator);
            if (r) {
                assert_int_equal(r, P2P_ERR_NO_MEMORY);
                assert_memory_equal(&t, &before, sizeof t);
            } else {
                p2p_topology_free(&t);
            }
            assert_int_equal(b.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_sane),
        cmocka_unit_test(lists_are_exact),
        cmocka_unit_test(k_regular_is_regular),
        cmocka_unit_test(k_regular_is_random_and_connected),
        cmocka_unit_test(small_world_rewires),
        cmocka_unit_test(seeds_mean_the_same_everywhere),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(memory_failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
