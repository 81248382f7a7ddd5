/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"
#include "testing/random.h"

/* Closing: of swarms that only tell. */

static void close_idle(p2p__fx *fx)
{
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, fx->node[0].closes == 0, "the close callback came inside p2p_close()");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].closes == 1, "the close callback came %u times", fx->node[0].closes);
    REQUIRE(fx, fx->node[1].closes == 0, "another node closed too");
}

static void close_calls(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov iov = {"x", 1};
    p2p_addr addr;
    p2p_stats stats;
    size_t n = 0;
    char text[P2P_ADDR_TEXT_SIZE];
    REQUIRE_RESULT(fx, p2p_addr_text(dst, text, sizeof text), 0);
    p2p__fx_close(&fx->node[0]);
    REQUIRE_RESULT(fx, p2p_tell(swarm, dst, "x", 1), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_tell(swarm, dst, NULL, 0), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_tellv(swarm, dst, &iov, 1), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_local_addrs(swarm, &addr, 1, &n), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_local_addr(swarm, &addr), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_parse_addr(swarm, text, &addr), P2P_ERR_CLOSED);
    REQUIRE(fx, p2p_mtu(swarm, dst) == 0 && p2p_mtu(swarm, NULL) == 0,
            "p2p_mtu() is not 0 after p2p_close()");
    REQUIRE(fx, p2p_ask_mtu(swarm, dst) == 0, "p2p_ask_mtu() is not 0 after p2p_close()");
    p2p_swarm_stats(swarm, &stats);
    REQUIRE(fx, p2p_swarm_loop(swarm) == fx->loop, "p2p_swarm_loop() is another after p2p_close()");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message that was refused arrived");
}

static void second_close(void *arg)
{
    p2p__fx_fail(arg, "the callback of the second p2p_close() came");
}

static void close_twice(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    p2p__fx_close(&fx->node[0]);
    for (int i = 0; i < 3; i++) {
        p2p__fx_enter(fx);
        p2p_close(swarm, second_close, fx);
        (void)p2p__fx_leave(fx, 0);
    }
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].closes == 1, "the close callback came %u times", fx->node[0].closes);
}

static void close_again_inside(p2p__fx_node *node)
{
    p2p_close(node->swarm, second_close, node->fx);
}

static void close_twice_inside(p2p__fx *fx)
{
    fx->node[0].on_closed = close_again_inside;
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].closes == 1, "the close callback came %u times", fx->node[0].closes);
}

/* Without a callback one cannot know when it is gone, but for the memory that comes back. */
static bool memory_is_back(p2p__fx *fx, void *arg)
{
    const size_t *live = arg;
    return fx->memory.live < *live;
}

static void close_silently(p2p__fx *fx)
{
    size_t live = fx->memory.live;
    p2p__fx_node *node = &fx->node[0];
    node->closing = true;
    p2p__fx_enter(fx);
    p2p_close(node->swarm, NULL, NULL);
    (void)p2p__fx_leave(fx, 0);
    bool freed = p2p__fx_wait(fx, memory_is_back, &live);
    for (int i = 0; i < 4; i++)
        p2p__fx_settle(fx);
    node->swarm = NULL;
    node->closed = true;
    REQUIRE(fx, freed, "a swarm that is closed without a callback does not free anything");
}

/* --- from inside callbacks, and with messages on their way --- */

static void close_receiver(p2p__fx_node *node, const p2p_msg *msg)
{
    (void)msg;
    p2p__fx_close(node);
    int r = CALL(node->fx, p2p_tell(node->swarm, &node->fx->node[0].addr, "x", 1));
    if (r != P2P_ERR_CLOSED)
        p2p__fx_fail(node->fx, "a tell after p2p_close() gave %s", p2p_err_name(r));
}

static bool is_closing(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return node->closing;
}

static void close_in_tell(p2p__fx *fx)
{
    fx->node[1].on_tell = close_receiver;
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10))
            return;
    }
    (void)p2p__fx_wait_try(fx, is_closing, &fx->node[1]);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[1].tells <= 1, "a tell came after p2p_close()");
    REQUIRE(fx, fx->node[1].tells == 1 || !p2p__fx_lossless(fx), "no message arrived");
    if (fx->node[1].closing)
        REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    p2p__fx_settle(fx);
}

static void close_other(p2p__fx_node *node, const p2p_msg *msg)
{
    p2p__fx_node *other = &node->fx->node[0];
    (void)msg;
    if (!other->closing)
        p2p__fx_close(other);
}

/* The receiver closes the sender, whose other messages are still on their way. */
static void close_sender(p2p__fx *fx)
{
    fx->node[1].on_tell = close_other;
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10))
            return;
    }
    p2p__fx_settle(fx);
    if (fx->node[0].closing)
        REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[1].tells <= 20 || !p2p__fx_lossless(fx), "messages were invented");
}

static void close_in_flight(p2p__fx *fx)
{
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10) || !p2p__fx_send(fx, 1, 0, i, 10))
            return;
    }
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->node[0].tells == 0, "a tell came after p2p_close()");
    for (size_t i = 0; i < fx->record_count; i++)
        REQUIRE(fx, fx->records[i].len == 10, "a message was cut when its sender closed");
}

static bool has_nothing_unsent(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return p2p_swarm_unsent(node->swarm) == 0;
}

/* Who waits until nothing is unsent drops nothing by closing. */
static void close_unsent(p2p__fx *fx)
{
    enum { COUNT = 20 };
    p2p__fx_node *sender = &fx->node[0];
    for (uint64_t i = 0; i < COUNT; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10))
            return;
    }
    REQUIRE(fx, p2p__fx_wait(fx, has_nothing_unsent, sender), "messages stay unsent");
    p2p__fx_close(sender);
    REQUIRE(fx, has_nothing_unsent(fx, sender), "messages are unsent after p2p_close()");
    REQUIRE(fx, p2p__fx_wait_closed(sender), "no close callback came");
    p2p__fx_settle(fx);
    REQUIRE(fx, sender->last_stats.tx_drop_closed == 0, "tx_drop_closed counts messages");
    REQUIRE(fx, fx->node[1].tells == COUNT || !p2p__fx_lossless(fx),
            "messages were lost when their sender closed, though none was unsent");
}

static void close_peer(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 1, 10))
        return;
    p2p__fx_close(&fx->node[1]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    for (int i = 0; i < 5; i++) {
        int r = CALL(fx, p2p_tell(fx->node[0].swarm, &fx->node[1].addr, "x", 1));
        REQUIRE(fx, r == 0 || r == P2P_ERR_UNREACHABLE || r == P2P_ERR_AGAIN,
                "a tell to a node that is gone gave %s", p2p_err_name(r));
        p2p__fx_settle(fx);
    }
    if (p2p__fx_arrive(fx, 0, 2, 2, 10))
        (void)p2p__fx_arrive(fx, 2, 0, 3, 10);
}

static void close_both(p2p__fx *fx)
{
    for (uint64_t i = 0; i < 10; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 100) || !p2p__fx_send(fx, 1, 0, i, 100))
            return;
    }
    p2p__fx_close(&fx->node[0]);
    p2p__fx_close(&fx->node[1]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    REQUIRE(fx, fx->record_count == 0, "a tell came after p2p_close()");
}

static void close_next(p2p__fx_node *node)
{
    const p2p__fx *fx = node->fx;
    if (node + 1 < fx->node + fx->nodes)
        p2p__fx_close(node + 1);
}

static void close_chain(p2p__fx *fx)
{
    for (size_t i = 0; i < fx->nodes; i++)
        fx->node[i].on_closed = close_next;
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[fx->nodes - 1]),
            "a swarm that was closed in the close callback of another did not close");
}

static void close_any_time(p2p__fx *fx)
{
    for (size_t i = 0; i < fx->nodes && !fx->failed; i++) {
        for (size_t from = i; from < fx->nodes; from++) {
            for (size_t to = 0; to < fx->nodes; to++) {
                if (from != to)
                    (void)CALL(fx, p2p_tell(fx->node[from].swarm, &fx->node[to].addr, "any", 3));
            }
        }
        p2p__fx_pause(fx, p2p__random_below(&fx->random, 3 * P2P_MILLISECOND));
        p2p__fx_close(&fx->node[i]);
    }
    for (size_t i = 0; i < fx->nodes; i++)
        REQUIRE(fx, p2p__fx_wait_closed(&fx->node[i]), "no close callback came");
    for (size_t i = 0; i < fx->record_count; i++)
        REQUIRE(fx, fx->records[i].len == 3, "a message was cut");
}

static const p2p__check checks[] = {
    {"close.idle", "S54", 0, 0, 2, close_idle},
    {"close.calls", "S53", 0, 0, 2, close_calls},
    {"close.twice", "S54 S58", 0, 0, 1, close_twice},
    {"close.twice_inside", "S54 S58", 0, 0, 1, close_twice_inside},
    {"close.silently", "S3 S54", 0, 0, 2, close_silently},
    {"close.in_tell", "S23 S53 S57", 0, 0, 2, close_in_tell},
    {"close.sender", "S23 S53", 0, 0, 2, close_sender},
    {"close.in_flight", "S9 S53 S56", 0, 0, 2, close_in_flight},
    {"close.unsent", "S56 S78", 0, 0, 2, close_unsent},
    {"close.peer", "S14", 0, 0, 3, close_peer},
    {"close.both", "S53 S54", 0, 0, 2, close_both},
    {"close.chain", "S54 S57", 0, 0, P2P__FX_NODES, close_chain},
    {"close.any_time", "S9 S53 S54", 0, 0, P2P__FX_NODES, close_any_time},
};

P2P__CHECK_LIST(p2p__checks_close, checks);
