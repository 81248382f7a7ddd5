/* SPDX-License-Identifier: MIT */
/*
 * Histories of PKE swarms, one per seed; see tests/support/pke_sim.h. Without arguments it runs
 * many, then the same with planted bugs, which must be found.
 *
 *   test_pke_sim SEED            runs one, and shows its steps (or: P2P_SIM_SEED=SEED)
 *   P2P_SIM_RUNS=N test_pke_sim  runs N, from the seed P2P_SIM_FIRST on, however long it takes
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/pke_sim.h"

enum { RUNS = 3000, SECONDS = 30, SAMPLE = 100, BUG_RUNS = 200 };

static uint64_t number(const char *text, uint64_t otherwise)
{
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static int show(uint64_t seed)
{
    pke_sim_result r;
    pke_sim_run(seed, PKE_SIM_CORRECT, 1, &r);
    printf("seed %" PRIu64 ": %s\n", seed, r.failed ? r.why : "passed");
    return r.failed;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs histories until one fails, the number is reached, or the time is over. */
static int run_many(uint64_t first, uint64_t runs, double limit, const char *program)
{
    pke_sim_result r;
    uint64_t told = 0, delivered = 0, handshakes = 0, datagrams = 0, healed = 0, done = 0;
    double start = seconds();
    for (uint64_t i = 0; i < runs && (limit <= 0 || seconds() - start < limit); i++, done++) {
        pke_sim_run(first + i, PKE_SIM_CORRECT, 0, &r);
        if (r.failed) {
            printf("FAILED: seed %" PRIu64 ": %s\nreplay with: %s %" PRIu64 "\n", first + i, r.why,
                   program, first + i);
            return 1;
        }
        told += r.told;
        delivered += r.delivered;
        handshakes += r.handshakes;
        datagrams += r.datagrams;
        healed = r.healed > healed ? r.healed : healed;
    }
    printf("%" PRIu64 " histories in %.1f s: %" PRIu64 " messages told, %" PRIu64
           " delivered, %" PRIu64 " sessions, %" PRIu64 " datagrams, healed after %.1f s at most\n",
           done, seconds() - start, told, delivered, handshakes, datagrams, (double)healed / 1e9);
    return 0;
}

/* The same seed is the same history, to the last byte. */
static int check_sameness(void)
{
    for (uint64_t seed = 0; seed < SAMPLE; seed += 10) {
        pke_sim_result a, b;
        pke_sim_run(seed, PKE_SIM_CORRECT, 0, &a);
        pke_sim_run(seed, PKE_SIM_CORRECT, 0, &b);
        if (a.trace != b.trace || a.delivered != b.delivered) {
            printf("FAILED: seed %" PRIu64 " gives two histories\n", seed);
            return 1;
        }
    }
    return 0;
}

/* A simulator that finds nothing must be one that would have. */
static int check_bugs(void)
{
    int missed = 0;
    for (int bug = 1; bug < PKE_SIM_BUG_COUNT; bug++) {
        pke_sim_result r = {0};
        uint64_t seed = 0;
        while (seed < BUG_RUNS && !r.failed)
            pke_sim_run(seed++, (pke_sim_bug)bug, 0, &r);
        printf("%s: %s after %" PRIu64 " histories: %s\n", pke_sim_bug_text((pke_sim_bug)bug),
               r.failed ? "found" : "NOT FOUND", seed, r.why);
        missed += !r.failed;
    }
    return missed;
}

int main(int argc, char **argv)
{
    const char *seed = argc > 1 ? argv[1] : getenv("P2P_SIM_SEED");
    const char *runs = getenv("P2P_SIM_RUNS");
    uint64_t first = number(getenv("P2P_SIM_FIRST"), 0);
    if (seed && *seed)
        return show(number(seed, 0));
    if (runs)
        return run_many(first, number(runs, RUNS), 0, argv[0]);
    return run_many(first, RUNS, SECONDS, argv[0]) || check_sameness() || check_bugs();
}
