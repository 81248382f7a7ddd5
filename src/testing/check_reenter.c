/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"

/* Everything may be done from inside every callback. */

static bool claims(const p2p__fx *fx, unsigned claim)
{
    return (fx->options.claims & claim) != 0;
}

static void start_and_cancel(p2p__fx_node *node, const p2p_addr *dst)
{
    p2p__fx *fx = node->fx;
    size_t index = (size_t)(node - fx->node);
    p2p__fx_ask *keep = p2p__fx_ask_new(fx, index);
    p2p__fx_ask *drop = p2p__fx_ask_new(fx, index);
    if (!keep || !drop)
        return;
    REQUIRE_RESULT(fx, p2p__fx_ask_start(keep, dst, "keep", 4, 0), 0);
    REQUIRE_RESULT(fx, p2p__fx_ask_start(drop, dst, "drop", 4, 0), 0);
    REQUIRE_RESULT(fx, p2p_ask_cancel(node->swarm, drop->id), 0);
    drop->cancelled++;
}

/* Does one of everything, once per check; node 2 is the other side. */
static void act(p2p__fx_node *node)
{
    p2p__fx *fx = node->fx;
    const p2p_addr *dst = &fx->node[2].addr;
    p2p_addr addr;
    if (fx->steps++ > 0)
        return;
    REQUIRE_RESULT(fx, p2p_local_addr(node->swarm, &addr), 0);
    REQUIRE(fx, p2p_mtu(node->swarm, dst) > 0, "p2p_mtu() is 0 inside a callback");
    int r = CALL(fx, p2p_tell(node->swarm, dst, "inside", 6));
    REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "a tell inside a callback gave %s", p2p_err_name(r));
    if (claims(fx, P2P_CLAIM_ASK))
        start_and_cancel(node, dst);
    if (claims(fx, P2P_CLAIM_SECURE)) {
        p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, (size_t)(node - fx->node));
        if (lookup)
            REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, dst, 0), 0);
    }
    p2p_on_tell(node->swarm, NULL, NULL);
    p2p_on_writable(node->swarm, NULL, NULL);
    if (claims(fx, P2P_CLAIM_ASK))
        p2p_on_ask(node->swarm, NULL, NULL);
    p2p__fx_hook(node);
}

/* How often the tell of act() has arrived. */
static size_t told_inside(const p2p__fx *fx)
{
    static const uint8_t inside[] = {'i', 'n', 's', 'i', 'd', 'e'};
    uint64_t hash = p2p__fx_hash(inside, sizeof inside);
    size_t got = 0;
    for (size_t i = 0; i < fx->record_count; i++)
        got += fx->records[i].node == 2 && fx->records[i].hash == hash;
    return got;
}

static bool all_over(p2p__fx *fx, void *arg)
{
    unsigned pending = p2p__fx_lossless(fx) && told_inside(fx) == 0;
    (void)arg;
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        pending += ask->started - ask->calls - ask->cancelled;
    for (const p2p__fx_lookup *lookup = fx->lookups; lookup; lookup = lookup->next)
        pending += lookup->started - lookup->calls;
    return fx->steps > 0 && pending == 0;
}

/* Waits until what was begun inside the callback has ended, and looks whether it ended well. */
static void check_acted(p2p__fx *fx)
{
    REQUIRE(fx, p2p__fx_wait(fx, all_over, NULL), "what was begun in a callback did not end");
    p2p__fx_settle(fx);
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 0 || ask->status == 0, "an ask begun in a callback ended with %s",
                p2p_err_name(ask->status));
    for (const p2p__fx_lookup *lookup = fx->lookups; lookup; lookup = lookup->next)
        REQUIRE(fx, lookup->status == 0, "a look-up begun in a callback ended with %s",
                p2p_err_name(lookup->status));
    size_t got = told_inside(fx);
    REQUIRE(fx, got == 1 || !p2p__fx_lossless(fx), "a tell of a callback arrived %zu times", got);
}

static void act_in_tell(p2p__fx_node *node, const p2p_msg *msg)
{
    (void)msg;
    act(node);
}

static void act_in_ask(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    act(node);
    p2p__fx_echo(node, msg, request);
}

static void act_in_answer(p2p__fx_ask *ask, const p2p_answer *answer)
{
    (void)answer;
    act(ask->node);
}

static void act_in_key(p2p__fx_lookup *lookup)
{
    act(lookup->node);
}

static bool stepped(p2p__fx *fx, void *arg)
{
    (void)arg;
    return fx->steps > 0;
}

static void reenter_tell(p2p__fx *fx)
{
    fx->node[1].on_tell = act_in_tell;
    fx->node[2].on_ask = p2p__fx_echo;
    for (unsigned tries = 0; fx->steps == 0 && p2p__fx_may_try(fx, tries); tries++) {
        if (!p2p__fx_send(fx, 0, 1, tries, 10))
            return;
        (void)p2p__fx_wait_try(fx, stepped, NULL);
    }
    check_acted(fx);
}

static void reenter_ask(p2p__fx *fx)
{
    fx->node[1].on_ask = act_in_ask;
    fx->node[2].on_ask = p2p__fx_echo;
    if (p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0))
        check_acted(fx);
}

static void reenter_answer(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    fx->node[2].on_ask = p2p__fx_echo;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, 0);
    if (!ask)
        return;
    ask->on_answer = act_in_answer;
    check_acted(fx);
}

static void reenter_timeout(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    fx->node[2].on_ask = p2p__fx_echo;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, p2p__fx_short(fx));
    if (!ask)
        return;
    ask->on_answer = act_in_answer;
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    REQUIRE(fx, ask->status == P2P_ERR_TIMEOUT, "an ask ended with %s", p2p_err_name(ask->status));
    ask->status = 0; /* as check_acted wants it */
    check_acted(fx);
}

static void reenter_key(p2p__fx *fx)
{
    fx->node[2].on_ask = p2p__fx_echo;
    p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, 0);
    if (!lookup)
        return;
    lookup->on_key = act_in_key;
    REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, &fx->node[1].addr, 0), 0);
    check_acted(fx);
}

static void act_in_writable(p2p__fx_node *node)
{
    act(node);
}

static void reenter_writable(p2p__fx *fx)
{
    p2p__fx_node *node = &fx->node[0];
    node->on_writable = act_in_writable;
    fx->node[2].on_ask = p2p__fx_echo;
    int r = 0;
    for (size_t i = 0; r == 0 && i <= fx->options.max_burst; i++)
        r = CALL(fx, p2p_tell(node->swarm, &fx->node[1].addr, "x", 1));
    REQUIRE(fx, r == P2P_ERR_AGAIN, "a burst ended with %s", p2p_err_name(r));
    check_acted(fx);
}

/* Inside the close callback of one node another acts; the closing node itself is closed already. */
static void act_in_closed(p2p__fx_node *node)
{
    p2p__fx *fx = node->fx;
    p2p_addr addr;
    REQUIRE_RESULT(fx, p2p_tell(node->swarm, &fx->node[2].addr, "x", 1), P2P_ERR_CLOSED);
    REQUIRE_RESULT(fx, p2p_local_addr(node->swarm, &addr), P2P_ERR_CLOSED);
    act(&fx->node[0]);
}

static void reenter_closed(p2p__fx *fx)
{
    fx->node[1].on_closed = act_in_closed;
    fx->node[2].on_ask = p2p__fx_echo;
    p2p__fx_close(&fx->node[1]);
    check_acted(fx);
}

/* --- chains --- */

enum { BOUNCES = 100 };

static void bounce(p2p__fx_node *node, const p2p_msg *msg)
{
    p2p__fx *fx = node->fx;
    if (fx->steps++ >= BOUNCES)
        return;
    int r = CALL(fx, p2p_tell(node->swarm, msg->src, msg->data, msg->len));
    REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "a tell back gave %s", p2p_err_name(r));
}

static bool bounced(p2p__fx *fx, void *arg)
{
    (void)arg;
    return fx->steps > BOUNCES;
}

static void reenter_bounce(p2p__fx *fx)
{
    fx->node[0].on_tell = bounce;
    fx->node[1].on_tell = bounce;
    if (!p2p__fx_send(fx, 0, 1, 1, 33))
        return;
    uint64_t time = p2p__fx_lossless(fx) ? fx->options.patience : 4 * fx->options.settle;
    bool done = p2p__fx_wait_for(fx, bounced, NULL, time);
    REQUIRE(fx, done || !p2p__fx_lossless(fx), "a message was told back only %u times", fx->steps);
    uint64_t hash = p2p__fx_payload_hash(fx, 1, 33);
    for (size_t i = 0; i < fx->record_count; i++)
        REQUIRE(fx, fx->records[i].hash == hash, "a message that was told back was altered");
}

static void pass_answer_on(p2p__fx_ask *ask, const p2p_answer *answer)
{
    p2p__fx_node *node = ask->node;
    REQUIRE(node->fx, answer->status == 0, "the inner ask ended with %s",
            p2p_err_name(answer->status));
    REQUIRE_RESULT(node->fx, p2p_reply(node->held[0], answer->data, answer->len), 0);
}

static void ask_next(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    p2p__fx_hold(node, msg, request);
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, (size_t)(node - fx->node));
    if (!ask)
        return;
    ask->on_answer = pass_answer_on;
    REQUIRE_RESULT(fx, p2p__fx_ask_start(ask, &(node + 1)->addr, msg->data, msg->len, 0), 0);
}

static void reenter_relay(p2p__fx *fx)
{
    fx->node[1].on_ask = ask_next;
    fx->node[2].on_ask = ask_next;
    fx->node[3].on_ask = p2p__fx_echo;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 50, 0, 0);
    REQUIRE(fx, ask && p2p__fx_is(fx, ask->len, ask->hash, 1, 50),
            "an answer was altered on its way back");
}

/* A handler that asks its asker, which waits itself: neither may block the other. */
static void ask_back(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    p2p__fx_hold(node, msg, request);
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, (size_t)(node - fx->node));
    if (!ask)
        return;
    ask->on_answer = pass_answer_on;
    REQUIRE_RESULT(fx, p2p__fx_ask_start(ask, msg->src, msg->data, msg->len, 0), 0);
}

static void reenter_ask_back(p2p__fx *fx)
{
    fx->node[0].on_ask = p2p__fx_echo;
    fx->node[1].on_ask = ask_back;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 50, 0, 0);
    REQUIRE(fx, ask && p2p__fx_is(fx, ask->len, ask->hash, 1, 50),
            "an answer was altered on its way back");
}

static void take_away(p2p__fx_node *node, const p2p_msg *msg)
{
    (void)msg;
    p2p_on_tell(node->swarm, NULL, NULL);
}

static void reenter_take_away(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 99, 10))
        return;
    p2p__fx_settle(fx);
    p2p_stats before = p2p__fx_stats(&fx->node[1]);
    uint64_t tells = fx->node[1].tells;
    fx->node[1].on_tell = take_away;
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10))
            return;
    }
    p2p__fx_settle(fx);
    p2p_stats stats = p2p__fx_stats(&fx->node[1]);
    REQUIRE(fx, fx->node[1].tells <= tells + 1,
            "a receiver that took itself away got another message");
    uint64_t handled = stats.rx_msgs - before.rx_msgs;
    uint64_t unhandled = stats.rx_drop_unhandled - before.rx_drop_unhandled;
    REQUIRE(fx, !p2p__fx_lossless(fx) || (handled == 1 && unhandled == 19),
            "of 20 messages %llu were handled and %llu not", (unsigned long long)handled,
            (unsigned long long)unhandled);
}

static const p2p__check checks[] = {
    {"reenter.tell", "S16 S23", 0, 0, 3, reenter_tell},
    {"reenter.ask", "S23 S35", P2P_CLAIM_ASK, 0, 3, reenter_ask},
    {"reenter.answer", "S23 S26", P2P_CLAIM_ASK, 0, 3, reenter_answer},
    {"reenter.timeout", "S26", P2P_CLAIM_ASK, 0, 3, reenter_timeout},
    {"reenter.key", "S48", P2P_CLAIM_SECURE, 0, 3, reenter_key},
    {"reenter.writable", "S13", P2P_CLAIM_AGAIN, 0, 3, reenter_writable},
    {"reenter.closed", "S53 S54", 0, 0, 3, reenter_closed},
    {"reenter.bounce", "S16 S23", 0, 0, 2, reenter_bounce},
    {"reenter.relay", "S38", P2P_CLAIM_ASK, 0, 4, reenter_relay},
    {"reenter.ask_back", "S38", P2P_CLAIM_ASK, 0, 2, reenter_ask_back},
    {"reenter.take_away", "S17 S23", 0, 0, 2, reenter_take_away},
};

P2P__CHECK_LIST(p2p__checks_reenter, checks);
