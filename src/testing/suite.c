/* SPDX-License-Identifier: MIT */
#include <p2p/testing.h>

#include "core/alloc.h"
#include "testing/checks.h"

static const p2p__check_list *const lists[] = {
    &p2p__checks_basic,  &p2p__checks_tell,    &p2p__checks_tell_edge, &p2p__checks_reserve,
    &p2p__checks_again,  &p2p__checks_ask,     &p2p__checks_ask_end,   &p2p__checks_ask_edge,
    &p2p__checks_secure, &p2p__checks_reenter, &p2p__checks_close,     &p2p__checks_close_ask,
    &p2p__checks_stats,  &p2p__checks_loss,
};

enum { LISTS = sizeof lists / sizeof lists[0] };

static const struct {
    unsigned claim;
    const char *name;
} claims[] = {
    {P2P_CLAIM_ASK, "ask"},         {P2P_CLAIM_SECURE, "secure"}, {P2P_CLAIM_LOSSLESS, "lossless"},
    {P2P_CLAIM_ORDERED, "ordered"}, {P2P_CLAIM_AGAIN, "again"},   {P2P_CLAIM_LOSS, "loss"},
};

enum { CLAIMS = sizeof claims / sizeof claims[0] };

size_t p2p_check_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < LISTS; i++)
        count += lists[i]->count;
    return count;
}

static const p2p__check *find(size_t check)
{
    for (size_t i = 0; i < LISTS; i++) {
        if (check < lists[i]->count)
            return &lists[i]->checks[check];
        check -= lists[i]->count;
    }
    return NULL;
}

const char *p2p_check_name(size_t check)
{
    const p2p__check *c = find(check);
    return c ? c->name : NULL;
}

const char *p2p_check_rules(size_t check)
{
    const p2p__check *c = find(check);
    return c ? c->rules : NULL;
}

static p2p_check_result say(p2p_check_result result, char *why, size_t cap, const char *before,
                            const char *text)
{
    if (why && cap > 0)
        (void)snprintf(why, cap, "%s%s", before, text);
    return result;
}

static bool bed_is_valid(const p2p_testbed *bed)
{
    return bed && bed->size >= sizeof *bed && bed->name && bed->create && bed->destroy &&
           bed->nobody && (bed->set_loss || !(bed->claims & P2P_CLAIM_LOSS));
}

/* The name of one of the claims; there is at least one. */
static const char *claim_name(unsigned mask)
{
    size_t i = 0;
    while (i + 1 < CLAIMS && !(claims[i].claim & mask))
        i++;
    return claims[i].name;
}

p2p_check_result p2p_check_run(const p2p_testbed *bed, size_t check, const p2p_allocator *allocator,
                               char *why, size_t cap)
{
    const p2p__check *c = find(check);
    if (!c)
        return say(P2P_CHECK_FAILED, why, cap, "there is no such check", "");
    if (!bed_is_valid(bed))
        return say(P2P_CHECK_FAILED, why, cap, "the testbed is not valid", "");
    if (c->needs & ~bed->claims)
        return say(P2P_CHECK_SKIPPED, why, cap, "needs ", claim_name(c->needs & ~bed->claims));
    if (c->unless & bed->claims)
        return say(P2P_CHECK_SKIPPED, why, cap, "not with ", claim_name(c->unless & bed->claims));

    if (!allocator)
        allocator = p2p_default_allocator();
    p2p__fx *fx = p2p__zalloc(allocator, sizeof *fx);
    if (!fx)
        return say(P2P_CHECK_FAILED, why, cap, "no memory", "");
    say(P2P_CHECK_PASSED, why, cap, "", "");
    fx->why = why;
    fx->why_cap = cap;
    p2p__fx_up(fx, bed, c->nodes, allocator);
    if (!fx->failed)
        c->fn(fx);
    p2p__fx_down(fx);
    p2p_check_result result = fx->failed    ? P2P_CHECK_FAILED
                              : fx->skipped ? P2P_CHECK_SKIPPED
                                            : P2P_CHECK_PASSED;
    p2p__free(allocator, fx);
    return result;
}

/* --- all of them --- */

static void report_one(FILE *report, const p2p__check *check, p2p_check_result result,
                       const char *why)
{
    static const char *const words[] = {"pass", "FAIL", "skip"};
    fprintf(report, "%s  %-26s %s%s%s\n", words[result], check->name, check->rules,
            why[0] ? ": " : "", why);
}

static void report_all(FILE *report, const p2p_testbed *bed, const p2p_conformance *sum)
{
    fprintf(report, "%s claims:", bed->name);
    for (size_t i = 0; i < CLAIMS; i++) {
        if (bed->claims & claims[i].claim)
            fprintf(report, " %s", claims[i].name);
    }
    fprintf(report, "%s\n%s: %u checks passed, %u failed, %u skipped\n",
            bed->claims ? "" : " nothing", bed->name, sum->passed, sum->failed, sum->skipped);
}

int p2p_conformance_run(const p2p_testbed *bed, FILE *report, p2p_conformance *out)
{
    p2p_conformance sum = {0, 0, 0};
    size_t count = p2p_check_count();
    for (size_t i = 0; i < count; i++) {
        char why[256] = "";
        p2p_check_result result = p2p_check_run(bed, i, NULL, why, sizeof why);
        sum.passed += result == P2P_CHECK_PASSED;
        sum.failed += result == P2P_CHECK_FAILED;
        sum.skipped += result == P2P_CHECK_SKIPPED;
        if (report)
            report_one(report, find(i), result, why);
    }
    if (report && bed_is_valid(bed))
        report_all(report, bed, &sum);
    if (out)
        *out = sum;
    return (int)sum.failed;
}
