/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"
#include "testing/random.h"

/* Closing with asks pending and requests held, on either side. */

enum { ASKS = 5 };

/* Five asks of node 0 that node 1 holds. */
static bool hold_some(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    for (uint64_t i = 0; i < ASKS; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, i, 10, 2 * P2P_SECOND))
            return false;
    }
    if (p2p__fx_wait_held(fx, 1, ASKS))
        return true;
    p2p__fx_fail(fx, "a request did not arrive");
    return false;
}

static void close_asker(p2p__fx *fx)
{
    if (!hold_some(fx))
        return;
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1 && ask->status == P2P_ERR_CLOSED,
                "a pending ask ended with %s at close", p2p_err_name(ask->status));
    for (size_t i = 0; i < ASKS; i++) {
        int r = p2p__fx_reply_held(fx, 1, i, 9, 10);
        REQUIRE(fx, r == 0 || r == P2P_ERR_NOT_FOUND || r == P2P_ERR_UNREACHABLE,
                "a reply to an asker that is gone gave %s", p2p_err_name(r));
    }
    p2p__fx_settle(fx);
    REQUIRE(fx, p2p__fx_stats(&fx->node[0]).ask_failed == ASKS,
            "ask_failed does not count what ended with P2P_ERR_CLOSED");
}

static void close_asker_at_once(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < ASKS; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, i, 10, 0))
            return;
    }
    p2p__fx_close(&fx->node[0]);
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 0, "an ask ended inside p2p_close()");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1 && ask->status == P2P_ERR_CLOSED,
                "a pending ask ended with %s at close", p2p_err_name(ask->status));
    p2p__fx_settle(fx);
}

static bool refused_somehow(int status)
{
    return status == P2P_ERR_REFUSED || status == P2P_ERR_UNREACHABLE ||
           status == P2P_ERR_TIMEOUT || status == P2P_ERR_CLOSED;
}

static void close_server(p2p__fx *fx)
{
    if (!hold_some(fx))
        return;
    p2p_request held = fx->node[1].held[0];
    p2p__fx_close(&fx->node[1]);
    int r = CALL(fx, p2p_reply(held, "late", 4));
    REQUIRE(fx, r == P2P_ERR_NOT_FOUND || r == P2P_ERR_CLOSED, "a reply after p2p_close() gave %s",
            p2p_err_name(r));
    r = CALL(fx, p2p_request_hold(held));
    REQUIRE(fx, r == P2P_ERR_NOT_FOUND || r == P2P_ERR_CLOSED, "a hold after p2p_close() gave %s",
            p2p_err_name(r));
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end when its server closed");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, refused_somehow(ask->status), "an ask whose server closed ended with %s",
                p2p_err_name(ask->status));
    p2p__fx_settle(fx);
}

static void close_both_asking(p2p__fx *fx)
{
    for (size_t i = 0; i < 2; i++)
        fx->node[i].on_ask = p2p__fx_hold;
    for (uint64_t i = 0; i < ASKS; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, i, 10, P2P_SECOND) ||
            !p2p__fx_ask_send(fx, 1, 0, i, 10, P2P_SECOND))
            return;
    }
    REQUIRE(fx, p2p__fx_wait_held(fx, 0, ASKS) && p2p__fx_wait_held(fx, 1, ASKS),
            "a request did not arrive");
    p2p__fx_close(&fx->node[0]);
    p2p__fx_close(&fx->node[1]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1 && ask->status != 0, "a held request was answered");
}

static void fail_answer(void *arg, const p2p_answer *answer)
{
    (void)answer;
    p2p__fx_fail(arg, "an ask that was refused was answered");
}

static void fail_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)status;
    (void)key;
    (void)len;
    p2p__fx_fail(arg, "a look-up that was refused called back");
}

static void close_ask_calls(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov iov = {"x", 1};
    if (!hold_some(fx))
        return;
    p2p__fx_close(&fx->node[0]);
    REQUIRE_RESULT(fx, p2p_ask(swarm, dst, "x", 1, 0, NULL, fail_answer, fx), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_askv(swarm, dst, &iov, 1, 0, NULL, fail_answer, fx), P2P_ERR_CLOSED);
    int r = CALL(fx, p2p_ask_cancel(swarm, fx->asks->id));
    REQUIRE(fx, r == P2P_ERR_CLOSED || r == P2P_ERR_NOT_FOUND, "a cancel after p2p_close() gave %s",
            p2p_err_name(r));
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
}

static void close_key_calls(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *peer = &fx->node[1].addr;
    uint8_t key[16];
    size_t len = 0;
    p2p__fx_close(&fx->node[0]);
    REQUIRE_RESULT(fx, p2p_public_key(swarm, key, sizeof key, &len), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_peer_key(swarm, peer, key, sizeof key, &len), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_lookup_key(swarm, peer, 0, fail_key, fx), P2P_ERR_CLOSED);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
}

/* --- from inside callbacks --- */

static void close_handler(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    (void)request;
    p2p__fx_close(node);
}

static void reply_and_close(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx_echo(node, msg, request);
    p2p__fx_close(node);
}

static void hold_and_close(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx_hold(node, msg, request);
    p2p__fx_close(node);
}

static void close_and_reply(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    p2p__fx_close(node);
    int r = CALL(node->fx, p2p_reply(request, "late", 4));
    if (r != P2P_ERR_NOT_FOUND && r != P2P_ERR_CLOSED)
        p2p__fx_fail(node->fx, "a reply after p2p_close() gave %s", p2p_err_name(r));
}

static void close_in_ask_with(p2p__fx *fx,
                              void (*serve)(p2p__fx_node *, const p2p_msg *, p2p_request))
{
    fx->node[1].on_ask = serve;
    for (uint64_t i = 0; i < ASKS; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, i, 10, P2P_SECOND))
            return;
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end when its server closed");
    REQUIRE(fx, fx->node[1].requests == 1, "a request came after p2p_close()");
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[1]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1, "an ask ended %u times", ask->calls);
    p2p__fx_settle(fx);
}

static void close_in_ask(p2p__fx *fx)
{
    close_in_ask_with(fx, close_handler);
}

static void close_after_reply(p2p__fx *fx)
{
    close_in_ask_with(fx, reply_and_close);
}

static void close_after_hold(p2p__fx *fx)
{
    close_in_ask_with(fx, hold_and_close);
}

static void close_before_reply(p2p__fx *fx)
{
    close_in_ask_with(fx, close_and_reply);
}

static void close_in_answer_fn(p2p__fx_ask *ask, const p2p_answer *answer)
{
    (void)answer;
    if (!ask->node->closing)
        p2p__fx_close(ask->node);
}

static void close_in_answer(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < ASKS; i++) {
        p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, i, 10, 0);
        if (!ask)
            return;
        ask->on_answer = close_in_answer_fn;
    }
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    unsigned answered = 0;
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next) {
        REQUIRE(fx, ask->calls == 1, "an ask ended %u times", ask->calls);
        REQUIRE(fx, ask->status == 0 || ask->status == P2P_ERR_CLOSED, "an ask ended with %s",
                p2p_err_name(ask->status));
        answered += ask->status == 0;
    }
    REQUIRE(fx, answered == 1, "%u asks were answered though the first closed the swarm", answered);
}

static void close_in_timeout(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    for (uint64_t i = 0; i < ASKS; i++) {
        p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, i, 10, p2p__fx_short(fx));
        if (!ask)
            return;
        ask->on_answer = close_in_answer_fn;
    }
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 1, "an ask ended %u times", ask->calls);
}

/* Asking again from an answer that says closed must not go on for ever. */
static void ask_again(p2p__fx_ask *ask, const p2p_answer *answer)
{
    p2p__fx *fx = ask->node->fx;
    if (answer->status == P2P_ERR_CLOSED)
        REQUIRE_RESULT(fx, p2p__fx_ask_start(ask, &fx->node[1].addr, "x", 1, 0), P2P_ERR_CLOSED);
}

static void close_ask_again(p2p__fx *fx)
{
    if (!hold_some(fx))
        return;
    for (p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        ask->on_answer = ask_again;
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
}

/* --- at any time --- */

static void close_asking(p2p__fx *fx)
{
    for (size_t i = 0; i < fx->nodes; i++)
        fx->node[i].on_ask = i % 3 == 0 ? p2p__fx_hold : p2p__fx_echo;
    for (size_t i = 0; i < fx->nodes && !fx->failed; i++) {
        for (size_t from = i; from < fx->nodes; from++) {
            p2p__fx_ask *ask = p2p__fx_ask_new(fx, from);
            if (!ask)
                return;
            size_t to = (size_t)p2p__random_below(&fx->random, fx->nodes);
            if (to != from)
                (void)p2p__fx_ask_start(ask, &fx->node[to].addr, "any", 3, P2P_SECOND);
        }
        p2p__fx_pause(fx, p2p__random_below(&fx->random, 3 * P2P_MILLISECOND));
        p2p__fx_close(&fx->node[i]);
    }
    for (size_t i = 0; i < fx->nodes; i++)
        REQUIRE(fx, p2p__fx_wait_closed(&fx->node[i]), "no close callback came");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == ask->started, "an ask ended %u times", ask->calls);
}

static const p2p__check checks[] = {
    {"close.asker", "S55 S63", P2P_CLAIM_ASK, 0, 2, close_asker},
    {"close.asker_at_once", "S54 S55", P2P_CLAIM_ASK, 0, 2, close_asker_at_once},
    {"close.server", "S39 S55", P2P_CLAIM_ASK, 0, 2, close_server},
    {"close.both_asking", "S55", P2P_CLAIM_ASK, 0, 2, close_both_asking},
    {"close.ask_calls", "S53", P2P_CLAIM_ASK, 0, 2, close_ask_calls},
    {"close.key_calls", "S53", P2P_CLAIM_SECURE, 0, 2, close_key_calls},
    {"close.in_ask", "S53 S57", P2P_CLAIM_ASK, 0, 2, close_in_ask},
    {"close.after_reply", "S57", P2P_CLAIM_ASK, 0, 2, close_after_reply},
    {"close.after_hold", "S55 S57", P2P_CLAIM_ASK, 0, 2, close_after_hold},
    {"close.before_reply", "S39 S57", P2P_CLAIM_ASK, 0, 2, close_before_reply},
    {"close.in_answer", "S55 S57", P2P_CLAIM_ASK, 0, 2, close_in_answer},
    {"close.in_timeout", "S55 S57", P2P_CLAIM_ASK, 0, 2, close_in_timeout},
    {"close.ask_again", "S26 S53", P2P_CLAIM_ASK, 0, 2, close_ask_again},
    {"close.asking", "S55 S63", P2P_CLAIM_ASK, 0, P2P__FX_NODES, close_asking},
};

P2P__CHECK_LIST(p2p__checks_close_ask, checks);
