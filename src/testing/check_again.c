/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"

/* Back-pressure: a full send queue, and the writable event. */

/*
 * Tells until the queue is full. Returns how many messages were taken, 0 after a failure. The
 * messages are only counted where they arrive.
 */
static size_t fill(p2p__fx *fx)
{
    p2p__fx_node *node = &fx->node[0];
    const p2p_addr *dst = &fx->node[1].addr;
    size_t mtu = p2p_mtu(node->swarm, dst);
    size_t len = mtu < 1024 ? mtu : 1024;
    const uint8_t *payload = p2p__fx_payload(fx, 1, len);
    fx->no_records = true;
    for (size_t taken = 0; payload && taken <= fx->options.max_burst; taken++) {
        int r = CALL(fx, p2p_tell(node->swarm, dst, payload, len));
        if (r == P2P_ERR_AGAIN && taken > 0)
            return taken;
        if (r) {
            p2p__fx_fail(fx, "tell %zu of a burst gave %s", taken, p2p_err_name(r));
            return 0;
        }
    }
    p2p__fx_fail(fx, "the queue took %zu messages without P2P_ERR_AGAIN", fx->options.max_burst);
    return 0;
}

static void again_once(p2p__fx *fx)
{
    p2p__fx_node *node = &fx->node[0];
    if (!fill(fx))
        return;
    for (int i = 0; i < 3; i++)
        REQUIRE_RESULT(fx, p2p_tell(node->swarm, &fx->node[1].addr, "x", 1), P2P_ERR_AGAIN);
    REQUIRE(fx, p2p__fx_wait_writable(node, 0), "no writable event came");
    p2p__fx_settle(fx);
    REQUIRE(fx, node->writables == 1, "%u writable events came after one full queue",
            node->writables);
    REQUIRE_RESULT(fx, p2p_tell(node->swarm, &fx->node[1].addr, "x", 1), 0);
    p2p__fx_settle(fx);
    REQUIRE(fx, node->writables == 1, "a writable event came without P2P_ERR_AGAIN before it");
}

static void again_rearmed(p2p__fx *fx)
{
    p2p__fx_node *node = &fx->node[0];
    for (unsigned round = 0; round < 3; round++) {
        if (!fill(fx))
            return;
        REQUIRE(fx, p2p__fx_wait_writable(node, round), "no writable event came in round %u",
                round);
        p2p__fx_settle(fx);
        REQUIRE(fx, node->writables == round + 1, "%u writable events came in %u rounds",
                node->writables, round + 1);
    }
}

static void again_not_asked_for(p2p__fx *fx)
{
    size_t taken = fill(fx);
    REQUIRE(fx, p2p__fx_wait_writable(&fx->node[0], 0), "no writable event came");
    p2p__fx_settle(fx);
    const uint8_t *payload = p2p__fx_payload(fx, 1, 1);
    for (size_t i = 0; payload && i < taken / 2; i++)
        REQUIRE_RESULT(fx, p2p_tell(fx->node[0].swarm, &fx->node[1].addr, payload, 1), 0);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].writables == 1, "a writable event came without P2P_ERR_AGAIN");
    REQUIRE(fx, fx->node[1].writables == 0, "the other node got a writable event");
}

static void tell_one(p2p__fx_node *node)
{
    p2p__fx *fx = node->fx;
    REQUIRE_RESULT(fx, p2p_tell(node->swarm, &fx->node[1].addr, "x", 1), 0);
    fx->steps++;
}

static void again_room(p2p__fx *fx)
{
    fx->node[0].on_writable = tell_one;
    if (!fill(fx))
        return;
    REQUIRE(fx, p2p__fx_wait_writable(&fx->node[0], 0), "no writable event came");
    REQUIRE(fx, fx->steps == 1, "there is no room inside the writable event");
}

static void again_counted(p2p__fx *fx)
{
    size_t taken = fill(fx);
    if (!taken)
        return;
    p2p_stats stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, stats.tx_msgs == taken, "tx_msgs is %llu after %zu messages were taken",
            (unsigned long long)stats.tx_msgs, taken);
    REQUIRE(fx, stats.tx_again == 1, "tx_again is %llu after one P2P_ERR_AGAIN",
            (unsigned long long)stats.tx_again);
    REQUIRE(fx, p2p__fx_wait_writable(&fx->node[0], 0), "no writable event came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[1].tells <= taken, "more messages arrived than were taken");
    REQUIRE(fx, fx->node[1].tells > 0, "no message of a burst arrived");
}

static void again_no_handler(p2p__fx *fx)
{
    p2p_on_writable(fx->node[0].swarm, NULL, NULL);
    if (!fill(fx))
        return;
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].writables == 0, "a writable event came to a handler taken away");
    int r = P2P_ERR_AGAIN;
    for (unsigned tries = 0; r == P2P_ERR_AGAIN && p2p__fx_may_try(fx, tries); tries++) {
        r = CALL(fx, p2p_tell(fx->node[0].swarm, &fx->node[1].addr, "x", 1));
        p2p__fx_settle(fx);
    }
    REQUIRE(fx, r == 0, "a tell after a full queue gave %s", p2p_err_name(r));
}

static void again_close(p2p__fx *fx)
{
    size_t taken = fill(fx);
    if (!taken)
        return;
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "a swarm with a full queue did not close");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].writables == 0, "a writable event came after p2p_close()");
    REQUIRE(fx, fx->node[1].tells <= taken, "more messages arrived than were taken");
}

static void close_now(p2p__fx_node *node)
{
    p2p__fx_close(node);
}

static void again_close_inside(p2p__fx *fx)
{
    fx->node[0].on_writable = close_now;
    if (!fill(fx))
        return;
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "a swarm did not close from its writable event");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].writables == 1, "a writable event came after p2p_close()");
}

static const p2p__check checks[] = {
    {"again.once", "S12 S13", P2P_CLAIM_AGAIN, 0, 2, again_once},
    {"again.rearmed", "S13", P2P_CLAIM_AGAIN, 0, 2, again_rearmed},
    {"again.not_asked_for", "S13", P2P_CLAIM_AGAIN, 0, 2, again_not_asked_for},
    {"again.room", "S13", P2P_CLAIM_AGAIN, 0, 2, again_room},
    {"again.counted", "S61 S62", P2P_CLAIM_AGAIN, 0, 2, again_counted},
    {"again.no_handler", "S13", P2P_CLAIM_AGAIN, 0, 2, again_no_handler},
    {"again.close", "S53 S59", P2P_CLAIM_AGAIN, 0, 2, again_close},
    {"again.close_inside", "S57", P2P_CLAIM_AGAIN, 0, 2, again_close_inside},
};

P2P__CHECK_LIST(p2p__checks_again, checks);
