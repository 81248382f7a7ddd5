/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"
#include "testing/random.h"

/* The ways in which an ask ends without a response, each exactly once. */

static void end_refused(p2p__fx *fx)
{
    static const uint8_t codes[] = {1, 42, 253, P2P_CODE_BUSY, P2P_CODE_DROPPED};
    fx->node[1].on_ask = p2p__fx_refuse_with_code;
    for (size_t i = 0; i < sizeof codes; i++) {
        fx->node[1].code = codes[i];
        const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, i, i, 0, P2P_ERR_REFUSED);
        if (!ask)
            return;
        REQUIRE(fx, ask->code == codes[i], "code %d arrived as %d", codes[i], ask->code);
        REQUIRE(fx, ask->len == 0, "a refusal carries data");
    }
}

static void end_refused_later(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, 0);
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    REQUIRE_RESULT(fx, p2p_refuse(fx->node[1].held[0], 0), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_refuse(fx->node[1].held[0], 7), 0);
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    REQUIRE(fx, ask->status == P2P_ERR_REFUSED && ask->code == 7, "an ask ended with %s, code %d",
            p2p_err_name(ask->status), ask->code);
}

static void end_dropped(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_ignore;
    for (uint64_t i = 0; i < 3; i++) {
        const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, i, 10, 0, P2P_ERR_REFUSED);
        if (!ask)
            return;
        REQUIRE(fx, ask->code == P2P_CODE_DROPPED, "a request without an answer got code %d",
                ask->code);
    }
}

static void end_no_handler(p2p__fx *fx)
{
    p2p_on_ask(fx->node[1].swarm, NULL, NULL);
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, P2P_ERR_NO_HANDLER))
        return;
    REQUIRE(fx, fx->record_count == 0, "a request arrived without a handler");
    p2p__fx_hook(&fx->node[1]);
    fx->node[1].on_ask = p2p__fx_echo;
    (void)p2p__fx_ask_end(fx, 0, 1, 2, 10, 0, 0);
}

static void end_timeout(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0))
        return;
    fx->node[1].on_ask = p2p__fx_hold;
    uint64_t timeout = p2p__fx_short(fx);
    uint64_t start = p2p_loop_now(fx->loop);
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 2, 10, timeout, P2P_ERR_TIMEOUT);
    if (!ask)
        return;
    REQUIRE(fx, ask->at >= start + timeout, "an ask timed out too early");
    REQUIRE(fx, ask->len == 0, "a timeout carries data");
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1, "an ask that timed out ended again");
}

static bool has_expired(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return p2p__fx_stats(node).ask_expired > 0;
}

static void end_expired(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, p2p__fx_short(fx));
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    REQUIRE(fx, p2p__fx_wait(fx, has_expired, &fx->node[1]), "ask_expired was not counted");
    REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, 0, 2, 10), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_refuse(fx->node[1].held[0], 1), P2P_ERR_NOT_FOUND);
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1 && ask->status == P2P_ERR_TIMEOUT, "an ask ended with %s",
            p2p_err_name(ask->status));
    REQUIRE(fx, p2p__fx_stats(&fx->node[1]).ask_expired == 1, "ask_expired counts one twice");
}

/* A timeout of 0 is that of 30 seconds: tried in full only where time costs nothing. */
static void end_default_timeout(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, 0);
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    uint64_t time = 100 * P2P_MILLISECOND;
    if (p2p__fx_is_simulated(fx))
        time = 29 * P2P_SECOND;
    p2p__fx_pause(fx, time);
    REQUIRE(fx, ask->calls == 0, "an ask with the default timeout ended with %s",
            p2p_err_name(ask->status));
    if (p2p__fx_is_simulated(fx)) {
        p2p__fx_pause(fx, 2 * P2P_SECOND);
        REQUIRE(fx, ask->calls == 1 && ask->status == P2P_ERR_TIMEOUT,
                "an ask did not time out after 30 seconds");
    }
}

static void end_nobody(p2p__fx *fx)
{
    p2p_addr nobody;
    REQUIRE_RESULT(fx, fx->bed->nobody(fx->bed, fx->loop, &nobody), 0);
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, 0);
    if (!ask)
        return;
    int r = p2p__fx_ask_start(ask, &nobody, "x", 1, p2p__fx_short(fx));
    if (r == P2P_ERR_UNREACHABLE) {
        p2p__fx_settle(fx);
        return;
    }
    REQUIRE(fx, r == 0, "an ask to nobody gave %s", p2p_err_name(r));
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask to nobody did not end");
    REQUIRE(fx, ask->status == P2P_ERR_UNREACHABLE || ask->status == P2P_ERR_TIMEOUT,
            "an ask to nobody ended with %s", p2p_err_name(ask->status));
}

/* --- cancelling --- */

static int cancel(p2p__fx_ask *ask)
{
    int r = CALL(ask->node->fx, p2p_ask_cancel(ask->node->swarm, ask->id));
    ask->cancelled += r == 0;
    return r;
}

static void end_cancel(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, 0);
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    REQUIRE_RESULT(fx, cancel(ask), 0);
    REQUIRE_RESULT(fx, p2p_ask_cancel(fx->node[0].swarm, ask->id), P2P_ERR_NOT_FOUND);
    p2p__fx_settle(fx);
    int r = p2p__fx_reply_held(fx, 1, 0, 2, 10);
    REQUIRE(fx, r == 0 || r == P2P_ERR_NOT_FOUND, "a reply to a cancelled ask gave %s",
            p2p_err_name(r));
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 0, "a cancelled ask was answered");
    p2p_stats stats = p2p__fx_stats(&fx->node[0]);
    REQUIRE(fx, stats.ask_cancelled == 1, "ask_cancelled is %llu after one cancel",
            (unsigned long long)stats.ask_cancelled);
    REQUIRE(fx, r != 0 || !p2p__fx_lossless(fx) || stats.rx_drop_late == 1,
            "rx_drop_late is %llu after one late response", (unsigned long long)stats.rx_drop_late);
}

static void end_cancel_at_once(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < 10; i++) {
        p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, i, 10, 0);
        if (!ask)
            return;
        REQUIRE_RESULT(fx, cancel(ask), 0);
    }
    p2p__fx_settle(fx);
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->calls == 0, "a cancelled ask was answered");
    (void)p2p__fx_ask_end(fx, 0, 1, 20, 10, 0, 0);
}

static void end_cancel_unknown(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0);
    if (!ask)
        return;
    p2p_swarm *swarm = fx->node[0].swarm;
    REQUIRE_RESULT(fx, p2p_ask_cancel(swarm, ask->id), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_ask_cancel(swarm, 0), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_ask_cancel(swarm, ask->id + 12345), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_ask_cancel(swarm, UINT64_MAX), P2P_ERR_NOT_FOUND);
    REQUIRE_RESULT(fx, p2p_ask_cancel(NULL, ask->id), P2P_ERR_INVALID);
    REQUIRE(fx, p2p__fx_stats(&fx->node[0]).ask_cancelled == 0,
            "ask_cancelled counts what was not there");
}

static void cancel_others(p2p__fx_ask *ask, const p2p_answer *answer)
{
    p2p__fx *fx = ask->node->fx;
    (void)answer;
    REQUIRE_RESULT(fx, p2p_ask_cancel(ask->node->swarm, ask->id), P2P_ERR_NOT_FOUND);
    for (p2p__fx_ask *other = fx->asks; other; other = other->next) {
        if (other == ask || other->cancelled)
            continue;
        bool ended = other->calls > 0;
        int r = cancel(other);
        REQUIRE(fx, r == (ended ? P2P_ERR_NOT_FOUND : 0), "cancelling an ask that has %s gave %s",
                ended ? "ended" : "not ended", p2p_err_name(r));
    }
}

static void end_cancel_inside(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < 5; i++) {
        p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, i, 10, 0);
        if (!ask)
            return;
        ask->on_answer = cancel_others;
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    p2p__fx_settle(fx);
    unsigned calls = 0;
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        calls += ask->calls;
    REQUIRE(fx, calls == 1, "%u asks were answered though the first cancelled the others", calls);
}

/* --- late answers --- */

static void end_late(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 10, p2p__fx_short(fx));
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    int r = p2p__fx_reply_held(fx, 1, 0, 2, 10);
    REQUIRE(fx, r == 0 || r == P2P_ERR_NOT_FOUND, "a late reply gave %s", p2p_err_name(r));
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 1, "a late response ended the ask again");
    REQUIRE(fx, r != 0 || !p2p__fx_lossless(fx) || p2p__fx_stats(&fx->node[0]).rx_drop_late == 1,
            "rx_drop_late does not count a late response");
    fx->node[1].on_ask = p2p__fx_echo;
    const p2p__fx_ask *next = p2p__fx_ask_end(fx, 0, 1, 3, 20, 0, 0);
    REQUIRE(fx, next && p2p__fx_is(fx, next->len, next->hash, 3, 20),
            "the next ask got another response than its own");
}

/* --- all of them at once --- */

/* Serves in a way that the request itself asks for. */
static void serve_any(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    switch (msg->len % 5) {
    case 0:
        p2p__fx_echo(node, msg, request);
        break;
    case 1:
        node->code = 9;
        p2p__fx_refuse_with_code(node, msg, request);
        break;
    case 2:
        break;
    case 3:
        p2p__fx_hold(node, msg, request); /* for ever */
        break;
    default:
        REQUIRE_RESULT(fx, p2p_request_hold(request), 0);
        REQUIRE_RESULT(fx, p2p_reply(request, msg->data, msg->len), 0);
        break;
    }
}

static bool ended_well(const p2p__fx_ask *ask, size_t len)
{
    if (ask->status == P2P_ERR_TIMEOUT && !p2p__fx_lossless(ask->node->fx))
        return true;
    switch (len % 5) {
    case 1:
        return ask->status == P2P_ERR_REFUSED && ask->code == 9;
    case 2:
        return ask->status == P2P_ERR_REFUSED && ask->code == P2P_CODE_DROPPED;
    case 3:
        return ask->status == P2P_ERR_TIMEOUT;
    default:
        return ask->status == 0 && ask->len == len;
    }
}

static void end_mixed(p2p__fx *fx)
{
    enum { ASKS = 100 };
    p2p__fx_ask *asks[ASKS];
    fx->no_records = true;
    for (size_t i = 0; i < fx->nodes; i++)
        fx->node[i].on_ask = serve_any;
    for (size_t i = 0; i < ASKS; i++) {
        size_t from = i % fx->nodes;
        size_t to = (from + 1 + i % (fx->nodes - 1)) % fx->nodes;
        asks[i] = p2p__fx_ask_send(fx, from, to, i, i % 25, 2 * p2p__fx_short(fx));
        if (!asks[i])
            return;
        if (i % 11 == 0)
            REQUIRE_RESULT(fx, cancel(asks[i]), 0);
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    p2p__fx_settle(fx);
    for (size_t i = 0; i < ASKS; i++) {
        unsigned calls = i % 11 == 0 ? 0 : 1;
        REQUIRE(fx, asks[i]->calls == calls, "ask %zu ended %u times", i, asks[i]->calls);
        REQUIRE(fx, calls == 0 || ended_well(asks[i], i % 25), "ask %zu ended with %s, code %d", i,
                p2p_err_name(asks[i]->status), asks[i]->code);
    }
}

static const p2p__check checks[] = {
    {"end.refused", "S28 S37", P2P_CLAIM_ASK, 0, 2, end_refused},
    {"end.refused_later", "S28 S38 S42", P2P_CLAIM_ASK, 0, 2, end_refused_later},
    {"end.dropped", "S37", P2P_CLAIM_ASK, 0, 2, end_dropped},
    {"end.no_handler", "S36", P2P_CLAIM_ASK, 0, 2, end_no_handler},
    {"end.timeout", "S30", P2P_CLAIM_ASK, 0, 2, end_timeout},
    {"end.expired", "S39 S40", P2P_CLAIM_ASK, 0, 2, end_expired},
    {"end.default_timeout", "S30", P2P_CLAIM_ASK, 0, 2, end_default_timeout},
    {"end.nobody", "S27", P2P_CLAIM_ASK, 0, 2, end_nobody},
    {"end.cancel", "S32 S33", P2P_CLAIM_ASK, 0, 2, end_cancel},
    {"end.cancel_at_once", "S32", P2P_CLAIM_ASK, 0, 2, end_cancel_at_once},
    {"end.cancel_unknown", "S32", P2P_CLAIM_ASK, 0, 2, end_cancel_unknown},
    {"end.cancel_inside", "S26 S32", P2P_CLAIM_ASK, 0, 2, end_cancel_inside},
    {"end.late", "S26 S33", P2P_CLAIM_ASK, 0, 2, end_late},
    {"end.mixed", "S26 S27 S63", P2P_CLAIM_ASK, 0, 4, end_mixed},
};

P2P__CHECK_LIST(p2p__checks_ask_end, checks);
