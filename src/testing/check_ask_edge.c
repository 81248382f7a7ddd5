/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"

/* Asks at their limits: sizes, arguments, requests that are used wrongly, too many of them. */

static void must_not_answer(void *arg, const p2p_answer *answer)
{
    (void)answer;
    p2p__fx_fail(arg, "an ask that was refused was answered");
}

static void edge_request_mtu(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    const p2p_addr *dst = &fx->node[1].addr;
    p2p_swarm *swarm = fx->node[0].swarm;
    size_t mtu = p2p_ask_mtu(swarm, dst);
    REQUIRE(fx, mtu >= p2p_ask_mtu(swarm, NULL), "p2p_ask_mtu(dst) is below p2p_ask_mtu(NULL)");
    if (mtu > P2P__FX_MAX_PAYLOAD) {
        p2p__fx_skip(fx, "the MTU is too large to try");
        return;
    }
    const uint8_t *payload = p2p__fx_payload(fx, 1, mtu + 1);
    if (!payload)
        return;
    const p2p_iov halves[2] = {{payload, mtu}, {payload + mtu, 1}};
    REQUIRE_RESULT(fx, p2p_ask(swarm, dst, payload, mtu + 1, 0, NULL, must_not_answer, fx),
                   P2P_ERR_TOO_BIG);
    REQUIRE_RESULT(fx, p2p_askv(swarm, dst, halves, 2, 0, NULL, must_not_answer, fx),
                   P2P_ERR_TOO_BIG);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a request of MTU + 1 bytes arrived all the same");
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 2, mtu, 0, 0);
    REQUIRE(fx, ask && p2p__fx_is(fx, ask->len, ask->hash, 2, mtu),
            "a request of MTU bytes was not echoed");
}

static void edge_response_mtu(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, 0);
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    size_t mtu = p2p_ask_mtu(fx->node[1].swarm, &fx->records[0].src);
    if (mtu > P2P__FX_MAX_PAYLOAD) {
        p2p__fx_skip(fx, "the MTU is too large to try");
        return;
    }
    REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, 0, 2, mtu + 1), P2P_ERR_TOO_BIG);
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 0, "a reply that was refused ended the ask");
    REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, 0, 3, mtu), 0);
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    REQUIRE(fx, ask->status == 0 && p2p__fx_is(fx, ask->len, ask->hash, 3, mtu),
            "a response of MTU bytes did not arrive");
}

static void edge_invalid(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov bad[2] = {{"x", 1}, {NULL, 1}};
    fx->node[1].on_ask = p2p__fx_echo;
    REQUIRE_RESULT(fx, p2p_ask(NULL, dst, "x", 1, 0, NULL, must_not_answer, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_ask(swarm, NULL, "x", 1, 0, NULL, must_not_answer, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_ask(swarm, dst, NULL, 1, 0, NULL, must_not_answer, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_ask(swarm, dst, "x", 1, 0, NULL, NULL, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_askv(swarm, dst, NULL, 1, 0, NULL, must_not_answer, fx),
                   P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_askv(swarm, dst, bad, 2, 0, NULL, must_not_answer, fx), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a request arrived though its call was not valid");
    REQUIRE(fx, p2p__fx_stats(&fx->node[0]).ask_started == 0, "ask_started counts refused asks");
}

static void edge_bad_addr(p2p__fx *fx)
{
    p2p_addr foreign[8];
    size_t n = p2p__fx_foreign(fx, foreign, 8);
    for (size_t i = 0; i < n; i++) {
        int r = CALL(fx,
                     p2p_ask(fx->node[0].swarm, &foreign[i], "x", 1, 0, NULL, must_not_answer, fx));
        REQUIRE(fx, r == P2P_ERR_BAD_ADDR, "an ask to a foreign address gave %s", p2p_err_name(r));
    }
    p2p__fx_settle(fx);
}

/* --- requests that are used wrongly --- */

static void reply_twice(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    p2p__fx_echo(node, msg, request);
    REQUIRE_RESULT(fx, p2p_reply(request, "again", 5), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_refuse(request, 3), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_request_hold(request), P2P_ERR_NOT_FOUND);
    node->held[0] = request;
    node->held_count = 1;
}

static void edge_reply_twice(p2p__fx *fx)
{
    fx->node[1].on_ask = reply_twice;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0);
    if (!ask)
        return;
    REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, 0, 2, 10), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_refuse(fx->node[1].held[0], 3), P2P_ERR_NOT_FOUND);
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1, "an ask was answered twice");
    REQUIRE(fx, p2p__fx_is(fx, ask->len, ask->hash, 1, 10), "the second reply was taken");
}

static void refuse_twice(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    (void)msg;
    REQUIRE_RESULT(fx, p2p_request_hold(request), 0);
    REQUIRE_RESULT(fx, p2p_refuse(request, 5), 0);
    REQUIRE_RESULT(fx, p2p_reply(request, "again", 5), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_refuse(request, 6), P2P_ERR_NOT_FOUND);
}

static void edge_refuse_twice(p2p__fx *fx)
{
    fx->node[1].on_ask = refuse_twice;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, P2P_ERR_REFUSED);
    REQUIRE(fx, ask && ask->code == 5, "the second answer was taken");
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1, "an ask was answered twice");
}

static void keep_without_hold(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    node->held[0] = request;
    node->held_count = 1;
}

static void edge_stale(p2p__fx *fx)
{
    fx->node[1].on_ask = keep_without_hold;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, P2P_ERR_REFUSED);
    if (!ask)
        return;
    p2p_request request = fx->node[1].held[0];
    REQUIRE_RESULT(fx, p2p_reply(request, "late", 4), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_refuse(request, 1), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_request_hold(request), P2P_ERR_NOT_FOUND);
    request.id += 54321;
    REQUIRE_RESULT(fx, p2p_reply(request, "wild", 4), P2P_ERR_NOT_FOUND);
    request.id = 0;
    REQUIRE_RESULT(fx, p2p_reply(request, "zero", 4), P2P_ERR_NOT_FOUND);
    request.swarm = NULL;
    REQUIRE_RESULT(fx, p2p_reply(request, "none", 4), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_refuse(request, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_request_hold(request), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1, "a request that was over ended its ask again");
}

/* A request of long ago must not answer one that took its place. */
static void edge_stale_many(p2p__fx *fx)
{
    fx->node[1].on_ask = keep_without_hold;
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, P2P_ERR_REFUSED))
        return;
    p2p_request old = fx->node[1].held[0];
    fx->node[1].held_count = 0;
    fx->node[1].on_ask = p2p__fx_hold;
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, 10 + i, 10, 0))
            return;
    }
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 20), "a request did not arrive");
    REQUIRE_RESULT(fx, p2p_reply(old, "old", 3), P2P_ERR_NOT_FOUND);
    for (size_t i = 0; i < 20; i++)
        REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, i, 50, 20), 0);
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    p2p__fx_settle(fx);
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1 && (ask->status || ask->len == 20),
                "an old request answered a new ask");
}

static void invalid_then_reply(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    REQUIRE_RESULT(fx, p2p_refuse(request, 0), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_reply(request, NULL, 1), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_replyv(request, NULL, 1), P2P_ERR_INVALID);
    p2p__fx_echo(node, msg, request);
}

static void edge_stays_open(p2p__fx *fx)
{
    fx->node[1].on_ask = invalid_then_reply;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0);
    REQUIRE(fx, ask && p2p__fx_is(fx, ask->len, ask->hash, 1, 10),
            "a request did not stay open after a reply that was not valid");
}

static void edge_handlers(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0))
        return;
    p2p_on_ask(fx->node[1].swarm, NULL, NULL);
    if (!p2p__fx_ask_end(fx, 0, 1, 2, 10, 0, P2P_ERR_NO_HANDLER))
        return;
    REQUIRE(fx, fx->node[1].requests == 1, "a handler that was taken away got a request");
    REQUIRE(fx, p2p__fx_stats(&fx->node[1]).rx_drop_unhandled == 1 || !p2p__fx_lossless(fx),
            "rx_drop_unhandled does not count a request without a handler");
}

/* --- too many --- */

enum { FLOOD = 20000 };

/* Asks until the swarm wants no more, at most FLOOD times; returns 0 if it wanted them all. */
static int flood(p2p__fx *fx, p2p__fx_ask *ask)
{
    int r = 0;
    for (int i = 0; i < FLOOD && r == 0 && !fx->failed; i++)
        r = p2p__fx_ask_start(ask, &fx->node[1].addr, "x", 1, 2 * p2p__fx_short(fx));
    return r;
}

static void edge_limit(p2p__fx *fx)
{
    fx->no_records = true;
    fx->node[1].on_ask = p2p__fx_hold; /* as many as it can, the others are dropped */
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, 0);
    if (!ask)
        return;
    int r = flood(fx, ask);
    REQUIRE(fx, r == 0 || r == P2P_ERR_LIMIT || r == P2P_ERR_AGAIN, "too many asks gave %s",
            p2p_err_name(r));
    REQUIRE(fx, r == 0 || p2p__fx_stats(&fx->node[0]).tx_again == 1,
            "tx_again does not count an ask that was refused");
    REQUIRE(fx, p2p__fx_asks_over(fx), "only %u of %u asks ended", ask->calls, ask->started);
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == ask->started, "an ask ended twice");
    fx->node[1].on_ask = p2p__fx_echo;
    (void)p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0);
}

static const p2p__check checks[] = {
    {"edge.request_mtu", "S25 S51", P2P_CLAIM_ASK, 0, 2, edge_request_mtu},
    {"edge.response_mtu", "S41 S51", P2P_CLAIM_ASK, 0, 2, edge_response_mtu},
    {"edge.invalid", "S15 S25 S26", P2P_CLAIM_ASK, 0, 2, edge_invalid},
    {"edge.bad_addr", "S14 S25 S26", P2P_CLAIM_ASK, 0, 2, edge_bad_addr},
    {"edge.reply_twice", "S39", P2P_CLAIM_ASK, 0, 2, edge_reply_twice},
    {"edge.refuse_twice", "S39", P2P_CLAIM_ASK, 0, 2, edge_refuse_twice},
    {"edge.stale", "S15 S39", P2P_CLAIM_ASK, 0, 2, edge_stale},
    {"edge.stale_many", "S39", P2P_CLAIM_ASK, 0, 2, edge_stale_many},
    {"edge.stays_open", "S15 S42", P2P_CLAIM_ASK, 0, 2, edge_stays_open},
    {"edge.handlers", "S17 S22 S35 S36", P2P_CLAIM_ASK, 0, 2, edge_handlers},
    {"edge.limit", "S25 S59 S62", P2P_CLAIM_ASK, 0, 2, edge_limit},
};

P2P__CHECK_LIST(p2p__checks_ask_edge, checks);
