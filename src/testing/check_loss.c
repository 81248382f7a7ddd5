/* SPDX-License-Identifier: MIT */
#include "testing/checks.h"

/* A network that loses messages. */

static bool set_loss(p2p__fx *fx, double loss)
{
    int r = CALL(fx, fx->bed->set_loss(fx->bed, fx->loop, loss));
    if (r)
        p2p__fx_fail(fx, "set_loss() gave %s", p2p_err_name(r));
    return r == 0;
}

enum { TELLS = 200 };

static void loss_tell(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, TELLS, 8) || !set_loss(fx, 0.3))
        return;
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    for (uint64_t i = 0; i < TELLS; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 8 + i))
            return;
        if (i % 20 == 19)
            p2p__fx_settle(fx);
    }
    size_t arrived = 0;
    size_t copies = 0;
    for (uint64_t i = 0; i < TELLS; i++) {
        size_t got = p2p__fx_got(fx, 1, i, 8 + i);
        arrived += got > 0;
        copies += got;
    }
    REQUIRE(fx, copies == fx->record_count, "%zu messages arrived that nobody sent",
            fx->record_count - copies);
    REQUIRE(fx, arrived >= TELLS / 4, "only %zu of %d messages arrived", arrived, (int)TELLS);
}

static void loss_total(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 1, 10))
        return;
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    if (!set_loss(fx, 1.0))
        return;
    for (uint64_t i = 0; i < 20; i++) {
        int r = CALL(fx, p2p_tell(fx->node[0].swarm, &fx->node[1].addr, "x", 1));
        REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN || r == P2P_ERR_UNREACHABLE, "a tell gave %s",
                p2p_err_name(r));
    }
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message arrived where all are lost");
}

/* Tells again and again until a message arrives; fails if none does. */
static void keep_telling(p2p__fx *fx, uint64_t tag)
{
    p2p__fx_forget(fx);
    uint64_t until = p2p_loop_clock(fx->loop) + 4 * fx->options.patience;
    while (p2p__fx_got(fx, 1, tag, 20) == 0 && !fx->failed) {
        REQUIRE(fx, p2p_loop_clock(fx->loop) < until, "no message arrives any more");
        if (!p2p__fx_send(fx, 0, 1, tag, 20))
            return;
        p2p__fx_settle(fx);
    }
}

/* The very first messages, where there may be a session to set up, are lost too. */
static void loss_begin(p2p__fx *fx)
{
    if (set_loss(fx, 0.3))
        keep_telling(fx, 1);
}

static void loss_heals(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 1, 10) || !set_loss(fx, 1.0))
        return;
    p2p__fx_settle(fx);
    if (!set_loss(fx, 0.0))
        return;
    keep_telling(fx, 2);
}

static void loss_ask(p2p__fx *fx)
{
    enum { ASKS = 60 };
    p2p__fx_ask *asks[ASKS];
    if (!set_loss(fx, 0.3))
        return;
    fx->node[0].on_ask = p2p__fx_echo;
    fx->node[1].on_ask = p2p__fx_echo;
    for (size_t i = 0; i < ASKS; i++) {
        asks[i] = p2p__fx_ask_send(fx, i % 2, 1 - i % 2, i, 8 + i, 3 * P2P_SECOND);
        if (!asks[i])
            return;
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    p2p__fx_settle(fx);
    size_t answered = 0;
    for (size_t i = 0; i < ASKS; i++) {
        REQUIRE(fx, asks[i]->calls == 1, "an ask ended %u times", asks[i]->calls);
        REQUIRE(fx,
                asks[i]->status == 0 || asks[i]->status == P2P_ERR_TIMEOUT ||
                    asks[i]->status == P2P_ERR_UNREACHABLE,
                "an ask ended with %s", p2p_err_name(asks[i]->status));
        if (asks[i]->status == 0) {
            answered++;
            REQUIRE(fx, p2p__fx_is(fx, asks[i]->len, asks[i]->hash, i, 8 + i),
                    "an ask got another response than its own");
        }
    }
    REQUIRE(fx, answered >= ASKS / 5, "only %zu of %d asks were answered", answered, (int)ASKS);
    for (size_t i = 0; i < ASKS; i++)
        REQUIRE(fx, p2p__fx_got(fx, 1 - i % 2, i, 8 + i) <= 1, "a handler ran twice for one ask");
}

static void loss_ask_total(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    if (!p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0) || !set_loss(fx, 1.0))
        return;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 2, 10, p2p__fx_short(fx));
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end where all is lost");
    REQUIRE(fx, ask->status == P2P_ERR_TIMEOUT || ask->status == P2P_ERR_UNREACHABLE,
            "an ask ended with %s where all is lost", p2p_err_name(ask->status));
}

static void loss_close(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 1, 10) || !set_loss(fx, 1.0))
        return;
    for (size_t i = 0; i < fx->nodes; i++) {
        (void)CALL(fx, p2p_tell(fx->node[i].swarm, &fx->node[1 - i].addr, "x", 1));
        p2p__fx_close(&fx->node[i]);
    }
    for (size_t i = 0; i < fx->nodes; i++)
        REQUIRE(fx, p2p__fx_wait_closed(&fx->node[i]), "a swarm does not close where all is lost");
}

static const p2p__check checks[] = {
    {"loss.tell", "S8 S9", P2P_CLAIM_LOSS, 0, 2, loss_tell},
    {"loss.begin", "S8", P2P_CLAIM_LOSS, 0, 2, loss_begin},
    {"loss.total", "S8", P2P_CLAIM_LOSS, 0, 2, loss_total},
    {"loss.heals", "S8", P2P_CLAIM_LOSS, 0, 2, loss_heals},
    {"loss.ask", "S26 S27", P2P_CLAIM_LOSS | P2P_CLAIM_ASK, 0, 2, loss_ask},
    {"loss.ask_total", "S27 S30", P2P_CLAIM_LOSS | P2P_CLAIM_ASK, 0, 2, loss_ask_total},
    {"loss.close", "S54", P2P_CLAIM_LOSS, 0, 2, loss_close},
};

P2P__CHECK_LIST(p2p__checks_loss, checks);
