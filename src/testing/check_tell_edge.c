/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"

/* Tells at their limits: sizes, pieces, arguments, destinations. */

static void tell_mtu(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    size_t mtu = p2p_mtu(swarm, &fx->node[1].addr);
    REQUIRE(fx, mtu >= p2p_mtu(swarm, NULL), "p2p_mtu(dst) is below p2p_mtu(NULL)");
    if (mtu > P2P__FX_MAX_PAYLOAD) {
        p2p__fx_skip(fx, "the MTU is too large to try");
        return;
    }
    const uint8_t *payload = p2p__fx_payload(fx, 1, mtu + 1);
    if (!payload)
        return;
    REQUIRE_RESULT(fx, p2p_tell(swarm, &fx->node[1].addr, payload, mtu + 1), P2P_ERR_TOO_BIG);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message of MTU + 1 bytes arrived all the same");
    if (p2p__fx_arrive(fx, 0, 1, 2, mtu) && mtu > 0)
        (void)p2p__fx_arrive(fx, 0, 1, 3, mtu - 1);
}

static void tell_sizes(p2p__fx *fx)
{
    size_t mtu = p2p_mtu(fx->node[0].swarm, &fx->node[1].addr);
    for (size_t len = 0; len <= 70 && len <= mtu; len++) {
        if (!p2p__fx_arrive(fx, 0, 1, len, len))
            return;
    }
    for (size_t len = 128; len <= 8192 && len < mtu; len *= 2) {
        for (size_t more = 0; more < 3 && len - 1 + more <= mtu; more++) {
            if (!p2p__fx_arrive(fx, 0, 1, len, len - 1 + more))
                return;
        }
    }
}

static void tell_huge(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    static const uint8_t byte[1] = {0};
    if (p2p_mtu(swarm, dst) >= SIZE_MAX / 2) {
        p2p__fx_skip(fx, "there is no MTU");
        return;
    }
    const p2p_iov sum[2] = {{byte, SIZE_MAX / 2 + 2}, {byte, SIZE_MAX / 2 + 2}};
    REQUIRE_RESULT(fx, p2p_tell(swarm, dst, byte, SIZE_MAX), P2P_ERR_TOO_BIG);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, sum, 2), P2P_ERR_TOO_BIG);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message that was refused arrived");
}

static void tell_empty(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 0, 0))
        return;
    p2p__fx_forget(fx);
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov nothing[2] = {{NULL, 0}, {NULL, 0}};
    REQUIRE_RESULT(fx, p2p_tell(swarm, dst, NULL, 0), 0);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, nothing, 2), 0);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, NULL, 0), 0);
    p2p__fx_settle(fx);
    for (size_t i = 0; i < fx->record_count; i++)
        REQUIRE(fx, fx->records[i].len == 0, "an empty message is no longer empty");
    REQUIRE(fx, fx->record_count == 3 || !p2p__fx_lossless(fx), "%zu of 3 empty messages arrived",
            fx->record_count);
}

/* Cuts a payload into pieces of the lengths given, which end with the rest. */
static size_t cut(p2p_iov *iov, const uint8_t *data, size_t len, const size_t *lens, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t piece = lens[i] < len - at ? lens[i] : len - at;
        iov[i].data = piece ? data + at : NULL;
        iov[i].len = piece;
        at += piece;
    }
    iov[n].data = data + at;
    iov[n].len = len - at;
    return n + 1;
}

static bool has_more(p2p__fx *fx, void *arg)
{
    const size_t *count = arg;
    return fx->record_count >= *count;
}

static void tell_gather(p2p__fx *fx)
{
    static const size_t lens[][5] = {
        {0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}, {0, 7, 0, 30, 0}, {100, 0, 0, 0, 0}, {3, 5, 7, 11, 13},
    };
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        size_t got = 0;
        for (unsigned tries = 0; got == 0 && p2p__fx_may_try(fx, tries); tries++) {
            p2p_iov iov[6];
            const uint8_t *payload = p2p__fx_payload(fx, i, 100);
            if (!payload)
                return;
            size_t n = cut(iov, payload, 100, lens[i], 5);
            int r = CALL(fx, p2p_tellv(fx->node[0].swarm, &fx->node[1].addr, iov, n));
            REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "p2p_tellv() gave %s", p2p_err_name(r));
            got = fx->record_count + 1;
            (void)p2p__fx_wait_try(fx, has_more, &got);
            got = p2p__fx_got(fx, 1, i, 100);
        }
        REQUIRE(fx, got > 0, "a message of several pieces did not arrive");
        for (size_t j = 0; j < i; j++)
            got += p2p__fx_got(fx, 1, j, 100);
        REQUIRE(fx, got == fx->record_count, "pieces arrived as something else");
    }
}

static void tell_many_pieces(p2p__fx *fx)
{
    enum { PIECES = 1500 };
    p2p_iov iov[PIECES];
    size_t mtu = p2p_mtu(fx->node[0].swarm, &fx->node[1].addr);
    size_t len = mtu < PIECES ? mtu : PIECES;
    size_t got = 0;
    for (unsigned tries = 0; got == 0 && p2p__fx_may_try(fx, tries); tries++) {
        const uint8_t *payload = p2p__fx_payload(fx, 5, len);
        if (!payload)
            return;
        for (size_t i = 0; i < len; i++) {
            iov[i].data = payload + i;
            iov[i].len = 1;
        }
        int r = CALL(fx, p2p_tellv(fx->node[0].swarm, &fx->node[1].addr, iov, len));
        REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "p2p_tellv() gave %s", p2p_err_name(r));
        (void)p2p__fx_try_record(fx);
        got = p2p__fx_got(fx, 1, 5, len);
    }
    REQUIRE(fx, got > 0, "a message of %zu pieces did not arrive", len);
}

static void tell_invalid(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov good = {"x", 1};
    const p2p_iov bad[2] = {{"x", 1}, {NULL, 1}};
    REQUIRE_RESULT(fx, p2p_tell(NULL, dst, "x", 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell(swarm, NULL, "x", 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tell(swarm, dst, NULL, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tellv(NULL, dst, &good, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, NULL, &good, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, NULL, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, bad, 2), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message arrived though its call was not valid");
}

static void tell_bad_addr(p2p__fx *fx)
{
    p2p_addr foreign[8];
    size_t n = p2p__fx_foreign(fx, foreign, 8);
    for (size_t i = 0; i < n; i++) {
        char text[P2P_ADDR_TEXT_SIZE] = "the empty address";
        if (i > 0)
            REQUIRE_RESULT(fx, p2p_addr_text(&foreign[i], text, sizeof text), 0);
        int r = CALL(fx, p2p_tell(fx->node[0].swarm, &foreign[i], "x", 1));
        REQUIRE(fx, r == P2P_ERR_BAD_ADDR, "a tell to %s gave %s", text, p2p_err_name(r));
    }
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message to a bad address arrived");
}

static void tell_nobody(p2p__fx *fx)
{
    p2p_addr nobody;
    REQUIRE_RESULT(fx, fx->bed->nobody(fx->bed, fx->loop, &nobody), 0);
    for (int i = 0; i < 5; i++) {
        int r = CALL(fx, p2p_tell(fx->node[0].swarm, &nobody, "x", 1));
        REQUIRE(fx, r == 0 || r == P2P_ERR_UNREACHABLE || r == P2P_ERR_AGAIN,
                "a tell to nobody gave %s", p2p_err_name(r));
    }
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message to nobody arrived");
    (void)p2p__fx_arrive(fx, 0, 1, 1, 10);
}

static void tell_self(p2p__fx *fx)
{
    static const uint8_t byte[1] = {42};
    int r = CALL(fx, p2p_tell(fx->node[0].swarm, &fx->node[0].addr, byte, 1));
    p2p__fx_settle(fx);
    REQUIRE(fx, r <= 0, "a tell to itself gave %d", r);
    for (size_t i = 0; i < fx->record_count; i++) {
        const p2p__fx_record *record = &fx->records[i];
        REQUIRE(fx, r == 0, "a tell to itself arrived though it was refused");
        REQUIRE(fx, record->node == 0 && record->len == 1 && record->hash == p2p__fx_hash(byte, 1),
                "a tell to itself arrived elsewhere, or altered");
    }
}

static const p2p__check checks[] = {
    {"tell.mtu", "S11 S51", 0, 0, 2, tell_mtu},
    {"tell.sizes", "S9", 0, 0, 2, tell_sizes},
    {"tell.huge", "S11", 0, 0, 2, tell_huge},
    {"tell.empty", "S9 S10 S19", 0, 0, 2, tell_empty},
    {"tell.gather", "S10", 0, 0, 2, tell_gather},
    {"tell.many_pieces", "S10", 0, 0, 2, tell_many_pieces},
    {"tell.invalid", "S15", 0, 0, 2, tell_invalid},
    {"tell.bad_addr", "S14", 0, 0, 2, tell_bad_addr},
    {"tell.nobody", "S14", 0, 0, 2, tell_nobody},
    {"tell.self", "S6 S9", 0, 0, 1, tell_self},
};

P2P__CHECK_LIST(p2p__checks_tell_edge, checks);
