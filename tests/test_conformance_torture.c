/* SPDX-License-Identifier: MIT */
/*
 * Allocation torture: each check runs on memory swarms with the 1st, 2nd, 3rd ... allocation
 * failing, and with all failing from the 1st, 2nd, 3rd ... on, until a run meets no failure. No run
 * may crash, hang or leave memory behind. Where a check allocates often, the steps grow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <p2p/testing.h>

#include "support/arena.h"
#include "support/mem_testbed.h"

/* Every allocation up to this one fails in turn; P2P_TORTURE in the environment changes it. */
#define EVERY 400u

typedef struct torture {
    unsigned every;
    size_t runs;
    size_t injected; /* failures */
    size_t deepest;  /* allocation that failed */
} torture;

/* Runs one check with failures. Returns whether it met one. */
static int run(torture *t, mem_network *network, size_t check, size_t fail_at, int beyond)
{
    p2p_testbed bed = mem_testbed(network);
    arena memory;
    char why[256];
    arena_init(&memory);
    memory.fail_at = fail_at;
    memory.fail_beyond = beyond;
    p2p_check_result result = p2p_check_run(&bed, check, &memory.allocator, why, sizeof why);
    t->runs++;
    t->injected += memory.failed;
    if (memory.failed && fail_at > t->deepest)
        t->deepest = fail_at;
    if (memory.live)
        print_error("%s leaks %zu blocks when allocation %zu%s fails: %s\n", p2p_check_name(check),
                    memory.live, fail_at, beyond ? " and all after it" : "", why);
    assert_int_equal(memory.live, 0);
    if (!memory.failed && result == P2P_CHECK_FAILED)
        print_error("%s: %s\n", p2p_check_name(check), why);
    assert_true(memory.failed || result != P2P_CHECK_FAILED);
    return memory.failed > 0;
}

static void torture_all(mem_network *network, unsigned every)
{
    torture t = {.every = every};
    const char *wanted = getenv("P2P_TORTURE");
    if (wanted)
        t.every = (unsigned)strtoul(wanted, NULL, 10);
    for (size_t check = 0; check < p2p_check_count(); check++) {
        for (int beyond = 0; beyond < 2; beyond++) {
            size_t n = 1;
            while (run(&t, network, check, n, beyond))
                n += n < t.every ? 1 : 1 + n / 4;
        }
    }
    print_message("%s: %zu runs, %zu failed allocations, the deepest was number %zu\n",
                  network->name, t.runs, t.injected, t.deepest);
    assert_true(t.injected > 1000);
}

static void plain(void **state)
{
    (void)state;
    mem_network network = {.name = "mem"};
    torture_all(&network, EVERY);
}

static void secure_with_latency(void **state)
{
    (void)state;
    mem_network network = {.name = "mem, secure, latency", .secure = 1, .link = &mem_slow_link};
    torture_all(&network, EVERY);
}

static void secure_with_loss(void **state)
{
    (void)state;
    mem_network network = {.name = "mem, secure, loss", .secure = 1, .link = &mem_lossy_link};
    torture_all(&network, EVERY / 4);
}

/* The libuv loop gets its memory from the same allocator; making and closing is enough for it. */
static void real_time(void **state)
{
    (void)state;
    mem_network network = {.name = "mem, real time", .real_time = 1, .secure = 1};
    torture t = {0};
    for (int beyond = 0; beyond < 2; beyond++) {
        size_t n = 1;
        while (run(&t, &network, 0, n, beyond))
            n++;
    }
    assert_true(t.injected > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(secure_with_latency),
        cmocka_unit_test(secure_with_loss),
        cmocka_unit_test(real_time),
    };
    return cmocka_run_group_tests_name("conformance_torture", tests, NULL, NULL);
}
