/* SPDX-License-Identifier: MIT */
/* The checks are checked: each planted bug must be found, by the check that is there for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/testing.h>

#include "support/arena.h"
#include "support/planted_swarm.h"

static p2p_check_result run(planted_bug bug, size_t check, char *why, size_t cap)
{
    planted_bed planted = {bug, NULL};
    p2p_testbed bed = planted_testbed(&planted);
    arena memory;
    arena_init(&memory);
    p2p_check_result result = p2p_check_run(&bed, check, &memory.allocator, why, cap);
    arena_sweep(&memory);
    return result;
}

static size_t find_check(const char *name)
{
    size_t check = 0;
    while (check < p2p_check_count() && strcmp(p2p_check_name(check), name) != 0)
        check++;
    return check;
}

static void correct_swarm_passes(void **state)
{
    (void)state;
    for (size_t check = 0; check < p2p_check_count(); check++) {
        char why[256];
        p2p_check_result result = run(PLANTED_NONE, check, why, sizeof why);
        if (result == P2P_CHECK_SKIPPED)
            assert_int_equal(strncmp(why, "not with ", 9), 0);
        else if (result != P2P_CHECK_PASSED)
            fail_msg("%s: %s", p2p_check_name(check), why);
    }
}

static void every_bug_is_found(void **state)
{
    (void)state;
    unsigned missed = 0;
    for (int bug = 1; bug < PLANTED_COUNT; bug++) {
        char why[256];
        size_t check = find_check(planted_check((planted_bug)bug));
        p2p_check_result result = run((planted_bug)bug, check, why, sizeof why);
        int found = check < p2p_check_count() && result == P2P_CHECK_FAILED;
        missed += !found;
        print_message("%s %-24s %-20s %s\n", found ? "found " : "MISSED",
                      planted_name((planted_bug)bug), planted_check((planted_bug)bug), why);
    }
    assert_int_equal(missed, 0);
}

/* Whatever the bug, no check crashes or hangs. */
static void no_check_breaks(void **state)
{
    (void)state;
    for (int bug = 1; bug < PLANTED_COUNT; bug++) {
        unsigned failed = 0;
        if (bug == PLANTED_TELL_KEEPS_POINTER || bug == PLANTED_ASK_KEEPS_POINTER)
            continue; /* these would read memory that is gone */
        for (size_t check = 0; check < p2p_check_count(); check++)
            failed += run((planted_bug)bug, check, NULL, 0) == P2P_CHECK_FAILED;
        assert_true(failed > 0);
    }
}

static int create_nothing(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n,
                          p2p_loop **loop, p2p_swarm **swarms)
{
    (void)bed;
    (void)allocator;
    (void)n;
    (void)loop;
    (void)swarms;
    return P2P_ERR_PERMISSION;
}

static void misuse_is_reported(void **state)
{
    (void)state;
    char why[64] = "";
    planted_bed planted = {PLANTED_NONE, NULL};
    p2p_testbed bed = planted_testbed(&planted);
    assert_int_equal(p2p_check_run(&bed, p2p_check_count(), NULL, why, sizeof why),
                     P2P_CHECK_FAILED);
    assert_string_equal(why, "there is no such check");
    assert_null(p2p_check_name(p2p_check_count()));
    assert_null(p2p_check_rules(p2p_check_count()));
    assert_int_equal(p2p_check_run(NULL, 0, NULL, why, sizeof why), P2P_CHECK_FAILED);
    assert_string_equal(why, "the testbed is not valid");
    bed.set_loss = NULL;
    assert_int_equal(p2p_check_run(&bed, 0, NULL, NULL, 0), P2P_CHECK_FAILED);
    bed.claims = 0;
    assert_int_equal(p2p_check_run(&bed, find_check("tell.pair"), NULL, why, sizeof why),
                     P2P_CHECK_PASSED);
    assert_string_equal(why, "");
    assert_int_equal(p2p_check_run(&bed, find_check("ask.ping"), NULL, why, sizeof why),
                     P2P_CHECK_SKIPPED);
    assert_string_equal(why, "needs ask");
    assert_int_equal(p2p_check_run(&bed, find_check("life.no_asks"), NULL, NULL, 0),
                     P2P_CHECK_FAILED);
    assert_int_equal(p2p_check_run(&bed, find_check("life.no_keys"), NULL, NULL, 0),
                     P2P_CHECK_FAILED);
    assert_int_equal(p2p_check_run(&bed, find_check("life.claims"), NULL, NULL, 0),
                     P2P_CHECK_FAILED);
    bed.create = create_nothing;
    assert_int_equal(p2p_check_run(&bed, 0, NULL, why, sizeof why), P2P_CHECK_FAILED);
    assert_string_equal(why, "create() gave P2P_ERR_PERMISSION");
    assert_int_equal(p2p_check_run(&bed, 0, NULL, why, 10), P2P_CHECK_FAILED);
    assert_string_equal(why, "create() ");
}

static void report_says_all(void **state)
{
    (void)state;
    planted_bed planted = {PLANTED_TELL_WRONG_DST, NULL};
    p2p_testbed bed = planted_testbed(&planted);
    p2p_conformance sum;
    FILE *report = tmpfile();
    assert_non_null(report);
    int failed = p2p_conformance_run(&bed, report, &sum);
    assert_true(failed > 0);
    assert_int_equal(failed, sum.failed);
    assert_int_equal(sum.passed + sum.failed + sum.skipped, p2p_check_count());
    rewind(report);
    unsigned pass = 0;
    unsigned fail = 0;
    unsigned skip = 0;
    unsigned other = 0;
    char line[512];
    char last[512] = "";
    while (fgets(line, sizeof line, report)) {
        pass += strncmp(line, "pass  ", 6) == 0;
        fail += strncmp(line, "FAIL  ", 6) == 0;
        skip += strncmp(line, "skip  ", 6) == 0;
        other += strncmp(line, "planted", 7) == 0;
        memcpy(last, line, sizeof last);
    }
    fclose(report);
    assert_int_equal(pass, sum.passed);
    assert_int_equal(fail, sum.failed);
    assert_int_equal(skip, sum.skipped);
    assert_int_equal(other, 2);
    assert_non_null(strstr(last, "failed"));
    planted.bug = PLANTED_NONE;
    assert_int_equal(p2p_conformance_run(&bed, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correct_swarm_passes), cmocka_unit_test(every_bug_is_found),
        cmocka_unit_test(no_check_breaks),      cmocka_unit_test(misuse_is_reported),
        cmocka_unit_test(report_says_all),
    };
    return cmocka_run_group_tests_name("conformance_planted", tests, NULL, NULL);
}
