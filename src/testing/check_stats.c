/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"

/* Counters. */

#define LLU(x) ((unsigned long long)(x))

static void stats_zero(p2p__fx *fx)
{
    p2p_stats zero;
    memset(&zero, 0, sizeof zero);
    p2p_stats stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, memcmp(&stats, &zero, sizeof zero) == 0, "a new swarm has counted something");
}

static void stats_sized(p2p__fx *fx)
{
    p2p_stats stats;
    memset(&stats, 0x5a, sizeof stats);
    p2p_swarm_stats_sized(fx->node[0].swarm, &stats, sizeof stats.tx_msgs);
    REQUIRE(fx, stats.tx_msgs == 0, "tx_msgs of a new swarm is not 0");
    REQUIRE(fx, stats.tx_bytes == UINT64_C(0x5a5a5a5a5a5a5a5a),
            "more counters were written than asked for");
}

static void stats_tell(p2p__fx *fx)
{
    for (uint64_t i = 0; i < 10; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 100))
            return;
    }
    p2p_stats tx = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, tx.tx_msgs == 10, "tx_msgs is %llu after 10 tells", LLU(tx.tx_msgs));
    REQUIRE(fx, tx.tx_bytes == 1000, "tx_bytes is %llu after 1000 bytes", LLU(tx.tx_bytes));
    p2p__fx_settle(fx);
    p2p_stats rx = p2p__fx_stats(&fx->node[1]);
    REQUIRE(fx, rx.rx_msgs == fx->node[1].tells, "rx_msgs is %llu after %llu messages",
            LLU(rx.rx_msgs), LLU(fx->node[1].tells));
    REQUIRE(fx, rx.rx_bytes == 100 * rx.rx_msgs, "rx_bytes is %llu after %llu messages of 100",
            LLU(rx.rx_bytes), LLU(rx.rx_msgs));
    REQUIRE(fx, rx.tx_msgs == 0 && tx.rx_msgs == 0, "the other direction is counted too");
}

static void stats_refused(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    p2p_addr nowhere;
    memset(&nowhere, 0, sizeof nowhere);
    size_t mtu = p2p_mtu(swarm, &fx->node[1].addr);
    uint64_t refused = 0;
    if (mtu < P2P__FX_MAX_PAYLOAD) {
        const uint8_t *payload = p2p__fx_payload(fx, 1, mtu + 1);
        if (!payload)
            return;
        REQUIRE_RESULT(fx, p2p_tell(swarm, &fx->node[1].addr, payload, mtu + 1), P2P_ERR_TOO_BIG);
        refused++;
    }
    REQUIRE_RESULT(fx, p2p_tell(swarm, &nowhere, "x", 1), P2P_ERR_BAD_ADDR);
    refused++;
    p2p_stats stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, stats.tx_refused == refused, "tx_refused is %llu after %llu refusals",
            LLU(stats.tx_refused), LLU(refused));
    REQUIRE(fx, stats.tx_msgs == 0 && stats.tx_bytes == 0, "tx_msgs counts what was refused");
    p2p__fx_close(&fx->node[0]);
    REQUIRE_RESULT(fx, p2p_tell(swarm, &fx->node[1].addr, "x", 1), P2P_ERR_CLOSED);
    refused++;
    REQUIRE(fx, p2p__fx_stats(&fx->node[0]).tx_refused == refused,
            "tx_refused does not count P2P_ERR_CLOSED");
}

/* How many messages were taken, and how many of these were received or had no receiver. */
static uint64_t taken(const p2p__fx *fx)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < fx->nodes; i++)
        sum += p2p__fx_stats(&fx->node[i]).tx_msgs;
    return sum;
}

static uint64_t found(const p2p__fx *fx)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < fx->nodes; i++) {
        p2p_stats s = p2p__fx_stats(&fx->node[i]);
        sum += s.rx_msgs + s.rx_drop_unhandled;
    }
    return sum;
}

static bool all_found(p2p__fx *fx, void *arg)
{
    (void)arg;
    return found(fx) >= taken(fx);
}

/* Every message of a quiet network is somewhere, once. */
static void stats_account(p2p__fx *fx)
{
    p2p_on_tell(fx->node[2].swarm, NULL, NULL);
    for (uint64_t i = 0; i < 60; i++) {
        size_t from = i % 3;
        if (!p2p__fx_send(fx, from, (from + 1 + i % 2) % 3, i, i))
            return;
    }
    (void)p2p__fx_wait(fx, all_found, NULL);
    p2p__fx_settle(fx);
    REQUIRE(fx, taken(fx) == 60, "tx_msgs is %llu after 60 messages", LLU(taken(fx)));
    REQUIRE(fx, found(fx) == 60, "of 60 messages %llu are accounted for", LLU(found(fx)));
}

static void stats_ask(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < 5; i++) {
        if (!p2p__fx_ask_end(fx, 0, 1, i, 20, 0, 0))
            return;
    }
    p2p__fx_settle(fx);
    p2p_stats asker = p2p__fx_stats(&fx->node[0]);
    p2p_stats server = p2p__fx_stats(&fx->node[1]);
    REQUIRE(fx, asker.ask_started == 5 && asker.ask_answered == 5,
            "ask_started is %llu, ask_answered %llu after 5 asks", LLU(asker.ask_started),
            LLU(asker.ask_answered));
    REQUIRE(fx, asker.ask_failed == 0 && asker.ask_cancelled == 0, "an ask ended twice");
    REQUIRE(fx, server.ask_served == 5 && server.ask_expired == 0,
            "ask_served is %llu, ask_expired %llu after 5 requests", LLU(server.ask_served),
            LLU(server.ask_expired));
    REQUIRE(fx, asker.tx_msgs == 5 && asker.tx_bytes == 100, "requests are not counted as sent");
    REQUIRE(fx, server.rx_msgs == 5 && server.rx_bytes == 100,
            "requests are not counted as received");
    REQUIRE(fx, server.tx_msgs == 5 && server.tx_bytes == 100, "responses are not counted as sent");
    REQUIRE(fx, asker.rx_msgs == 5 && asker.rx_bytes == 100,
            "responses are not counted as received");
}

static void stats_ask_ends(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_refuse_with_code;
    fx->node[1].code = 3;
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 1, 0, P2P_ERR_REFUSED))
        return;
    fx->node[1].on_ask = p2p__fx_hold;
    if (!p2p__fx_ask_end(fx, 0, 1, 2, 1, p2p__fx_short(fx), P2P_ERR_TIMEOUT))
        return;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 3, 1, 0);
    if (!ask)
        return;
    REQUIRE_RESULT(fx, p2p_ask_cancel(fx->node[0].swarm, ask->id), 0);
    ask->cancelled++;
    fx->node[1].on_ask = p2p__fx_echo;
    if (!p2p__fx_ask_end(fx, 0, 1, 4, 1, 0, 0))
        return;
    p2p_stats s = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx,
            s.ask_started == 4 && s.ask_answered == 1 && s.ask_failed == 2 && s.ask_cancelled == 1,
            "of %llu asks %llu were answered, %llu failed, %llu were cancelled instead of 4, 1, 2, "
            "1",
            LLU(s.ask_started), LLU(s.ask_answered), LLU(s.ask_failed), LLU(s.ask_cancelled));
    REQUIRE(fx, p2p__fx_stats(&fx->node[1]).ask_served >= 2, "ask_served does not count a refusal");
}

static const size_t counters[] = {
#define P2P__COUNTER(name, text) offsetof(p2p_stats, name),
    P2P_STATS_LIST(P2P__COUNTER)
#undef P2P__COUNTER
};

static uint64_t counter(const p2p_stats *stats, size_t i)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + counters[i], sizeof value);
    return value;
}

static void stats_grow(p2p__fx *fx)
{
    const p2p__fx_node *node = &fx->node[1];
    p2p_stats before = p2p__fx_stats(node);
    for (uint64_t round = 0; round < 9; round++) {
        if (!p2p__fx_send(fx, 0, 1, round, 10) || !p2p__fx_send(fx, 1, 0, round, 10))
            return;
        if (round == 5)
            p2p_on_tell(node->swarm, NULL, NULL);
        if (round == 8)
            p2p__fx_close(&fx->node[0]);
        p2p__fx_settle(fx);
        p2p_stats now = p2p__fx_stats(node);
        for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
            REQUIRE(fx, counter(&now, i) >= counter(&before, i), "counter %zu shrinks", i);
        before = now;
    }
}

static const p2p__check checks[] = {
    {"stats.zero", "S64", 0, 0, 1, stats_zero},
    {"stats.sized", "S64", 0, 0, 1, stats_sized},
    {"stats.tell", "S61", 0, 0, 2, stats_tell},
    {"stats.refused", "S62", 0, 0, 2, stats_refused},
    {"stats.account", "S60", P2P_CLAIM_LOSSLESS, 0, 3, stats_account},
    {"stats.ask", "S61 S63", P2P_CLAIM_ASK, 0, 2, stats_ask},
    {"stats.ask_ends", "S63", P2P_CLAIM_ASK, 0, 2, stats_ask_ends},
    {"stats.grow", "S64", 0, 0, 2, stats_grow},
};

P2P__CHECK_LIST(p2p__checks_stats, checks);
