/* SPDX-License-Identifier: MIT */
/*
 * The swarm of examples/xor_swarm.c: the conformance suite, and the suite again with an allocator
 * that fails at the first, the second, the third... allocation of each check.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define main xor_swarm_main
#include "../examples/xor_swarm.c"
#undef main

/* Later allocations of a check are of the kinds that the earlier ones were. */
#define MOST_FAILURES 100u

typedef struct failing {
    unsigned left;  /* allocations until the one that fails */
    int has_failed; /* this allocator has */
    size_t blocks;  /* allocated and not freed */
} failing;

static int fails_now(failing *f)
{
    if (f->has_failed || f->left-- > 0)
        return 0;
    f->has_failed = 1;
    return 1;
}

static void *failing_alloc(void *arg, size_t size)
{
    failing *f = arg;
    void *ptr = fails_now(f) ? NULL : malloc(size);
    f->blocks += ptr != NULL;
    return ptr;
}

static void *failing_resize(void *arg, void *ptr, size_t size)
{
    failing *f = arg;
    void *grown = fails_now(f) ? NULL : realloc(ptr, size);
    f->blocks += grown && !ptr;
    return grown;
}

static void failing_free(void *arg, void *ptr)
{
    failing *f = arg;
    f->blocks -= ptr != NULL;
    free(ptr);
}

static void test_conforms(void **state)
{
    network net = {NULL};
    const p2p_testbed bed = make_bed(&net);
    p2p_conformance outcome;
    (void)state;
    assert_int_equal(p2p_conformance_run(&bed, NULL, &outcome), 0);
    assert_int_equal(outcome.failed, 0);
    assert_true(outcome.passed > 0);
}

/* Under failures a check's result has no meaning; what counts is that nothing is left behind. */
static void test_survives_without_memory(void **state)
{
    network net = {NULL};
    const p2p_testbed bed = make_bed(&net);
    (void)state;
    for (size_t check = 0; check < p2p_check_count(); check++) {
        failing f = {0, 1, 0};
        for (unsigned n = 0; f.has_failed && n < MOST_FAILURES; n++) {
            f = (failing){n, 0, 0};
            const p2p_allocator allocator = {failing_alloc, failing_resize, failing_free, &f};
            (void)p2p_check_run(&bed, check, &allocator, NULL, 0);
            if (f.blocks)
                fail_msg("%s: %zu blocks are left after failure %u", p2p_check_name(check),
                         f.blocks, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conforms),
        cmocka_unit_test(test_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
