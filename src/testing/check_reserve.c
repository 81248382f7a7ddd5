/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"

/* Messages that are made in the swarm's own send buffer, where it has one. */

/* Reserves room and fills it. Returns false after a failure, and without a buffer: a skip. */
static bool reserve(p2p__fx *fx, size_t to, uint64_t tag, size_t len)
{
    uint8_t *room = NULL;
    int r = CALL(fx, p2p_tell_reserve(fx->node[0].swarm, &fx->node[to].addr, len, &room));
    if (r == P2P_ERR_UNSUPPORTED) {
        p2p__fx_skip(fx, "has no send buffer to reserve in");
        return false;
    }
    const uint8_t *payload = p2p__fx_payload(fx, tag, len);
    if (r || !room || !payload) {
        p2p__fx_fail(fx, "p2p_tell_reserve() of %zu bytes gave %s", len, p2p_err_name(r));
        return false;
    }
    memcpy(room, payload, len);
    return true;
}

static bool commit(p2p__fx *fx, size_t len)
{
    int r = CALL(fx, p2p_tell_commit(fx->node[0].swarm, len));
    if (r)
        p2p__fx_fail(fx, "p2p_tell_commit() of %zu bytes gave %s", len, p2p_err_name(r));
    return r == 0;
}

/* With a session, if there is one to set up, and an empty queue. */
static bool warm_up(p2p__fx *fx)
{
    for (size_t to = 1; to < fx->nodes; to++) {
        if (!p2p__fx_arrive(fx, 0, to, 999, 8))
            return false;
    }
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    return true;
}

static void reserve_tell(p2p__fx *fx)
{
    size_t mtu = p2p_mtu(fx->node[0].swarm, &fx->node[1].addr);
    size_t lens[] = {0, 1, 100, mtu};
    if (mtu > P2P__FX_MAX_PAYLOAD || !warm_up(fx))
        return;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        p2p__fx_forget(fx);
        for (unsigned tries = 0; fx->record_count == 0 && p2p__fx_may_try(fx, tries); tries++) {
            if (!reserve(fx, 1, i, lens[i]) || !commit(fx, lens[i]))
                return;
            (void)p2p__fx_try_record(fx);
        }
        p2p__fx_settle(fx);
        size_t got = p2p__fx_got(fx, 1, i, lens[i]);
        REQUIRE(fx, got > 0 && got == fx->record_count, "%zu of %zu messages were what was written",
                got, fx->record_count);
        REQUIRE(fx, got == 1 || !p2p__fx_lossless(fx), "a message arrived %zu times", got);
    }
}

static void reserve_many(p2p__fx *fx)
{
    enum { MANY = 30 };
    if (!warm_up(fx))
        return;
    for (uint64_t i = 0; i < MANY; i++) {
        size_t to = 1 + i % 2;
        if (i % 3 == 2 ? !p2p__fx_send(fx, 0, to, i, 20 + i % 4)
                       : !reserve(fx, to, i, 20 + i % 4) || !commit(fx, 20 + i % 4))
            return;
    }
    if (p2p__fx_lossless(fx))
        (void)p2p__fx_wait_records(fx, MANY);
    p2p__fx_settle(fx);
    size_t known = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        size_t got = p2p__fx_got(fx, 1 + i % 2, i, 20 + i % 4);
        REQUIRE(fx, got == 1 || !p2p__fx_lossless(fx), "a message arrived %zu times", got);
        known += got;
    }
    REQUIRE(fx, known == fx->record_count, "messages arrived that nobody sent");
}

static void reserve_void(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    if (!warm_up(fx) || !reserve(fx, 1, 1, 50) || !p2p__fx_send(fx, 0, 2, 2, 60))
        return;
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 50), P2P_ERR_INVALID);
    if (!reserve(fx, 1, 3, 50) || !reserve(fx, 2, 4, 70) || !commit(fx, 70))
        return;
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 70), P2P_ERR_INVALID);
    if (!reserve(fx, 1, 5, 80))
        return;
    p2p__fx_settle(fx);
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 80), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    size_t known = p2p__fx_got(fx, 2, 2, 60) + p2p__fx_got(fx, 2, 4, 70);
    REQUIRE(fx, known == fx->record_count, "a message arrived that was not committed");
    REQUIRE(fx, known == 2 || !p2p__fx_lossless(fx), "%zu of 2 messages arrived", known);
}

static void reserve_wrong_len(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    if (!warm_up(fx) || !reserve(fx, 1, 1, 50))
        return;
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 49), P2P_ERR_INVALID);
    if (!reserve(fx, 1, 2, 50))
        return;
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 51), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 0), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell_commit(NULL, 0), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message arrived whose commit was not valid");
}

static void reserve_errors(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    size_t mtu = p2p_mtu(swarm, dst);
    p2p_addr foreign[8];
    uint8_t *room;
    if (!reserve(fx, 1, 1, 10))
        return;
    size_t n = p2p__fx_foreign(fx, foreign, 8);
    REQUIRE_RESULT(fx, p2p_tell_reserve(NULL, dst, 1, &room), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell_reserve(swarm, NULL, 1, &room), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell_reserve(swarm, dst, 1, NULL), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell_reserve(swarm, dst, mtu + 1, &room), P2P_ERR_TOO_BIG);
    for (size_t i = 0; i < n; i++)
        REQUIRE_RESULT(fx, p2p_tell_reserve(swarm, &foreign[i], 1, &room), P2P_ERR_BAD_ADDR);
    p2p__fx_close(&fx->node[0]);
    REQUIRE_RESULT(fx, p2p_tell_reserve(swarm, dst, 1, &room), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_tell_commit(swarm, 10), P2P_ERR_CLOSED);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message arrived that was not committed");
}

static void reserve_counted(p2p__fx *fx)
{
    if (!reserve(fx, 1, 1, 30))
        return;
    p2p_stats stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, stats.tx_msgs == 0 && stats.tx_bytes == 0, "a reservation counts as a message");
    if (!commit(fx, 30))
        return;
    stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, stats.tx_msgs == 1 && stats.tx_bytes == 30,
            "tx_msgs is %llu, tx_bytes %llu after one message of 30 bytes",
            (unsigned long long)stats.tx_msgs, (unsigned long long)stats.tx_bytes);
}

static const p2p__check checks[] = {
    {"reserve.tell", "S77", 0, 0, 2, reserve_tell},
    {"reserve.many", "S77", 0, 0, 3, reserve_many},
    {"reserve.void", "S77", 0, 0, 3, reserve_void},
    {"reserve.wrong_len", "S77", 0, 0, 2, reserve_wrong_len},
    {"reserve.errors", "S15 S53 S77", 0, 0, 2, reserve_errors},
    {"reserve.counted", "S61 S77", 0, 0, 2, reserve_counted},
};

P2P__CHECK_LIST(p2p__checks_reserve, checks);
