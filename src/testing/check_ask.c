/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"
#include "testing/random.h"

/* Asks that are answered. */

static void reply_pong(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    p2p__fx *fx = node->fx;
    REQUIRE(fx, msg->len == 4 && memcmp(msg->data, "ping", 4) == 0, "the request is not \"ping\"");
    REQUIRE_RESULT(fx, p2p_reply(request, "pong", 4), 0);
}

/* Asks "ping" and expects "pong". */
static void ping(p2p__fx_ask *ask, size_t to)
{
    p2p__fx *fx = ask->node->fx;
    REQUIRE_RESULT(fx, p2p__fx_ask_start(ask, &fx->node[to].addr, "ping", 4, 0), 0);
}

static void check_pong(p2p__fx_ask *ask)
{
    p2p__fx *fx = ask->node->fx;
    REQUIRE(fx, ask->status == 0, "an ask ended with %s", p2p_err_name(ask->status));
    REQUIRE(fx, ask->len == 4 && ask->hash == p2p__fx_hash((const uint8_t *)"pong", 4),
            "the response is not \"pong\"");
}

static void ask_ping(p2p__fx *fx)
{
    fx->node[1].on_ask = reply_pong;
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, 0);
    if (!ask)
        return;
    ping(ask, 1);
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    check_pong(ask);
    REQUIRE(fx, fx->record_count == 1, "the handler ran %zu times", fx->record_count);
    REQUIRE(fx, p2p_addr_equal(&fx->records[0].dst, &fx->node[1].addr),
            "dst is not the address that was asked");
    REQUIRE(fx, fx->node[0].requests == 0, "the asker got the request");
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 1, "the handler ran again later");
}

static void tell_source(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    REQUIRE_RESULT(node->fx, p2p_tell(node->swarm, msg->src, "t", 1), 0);
    p2p__fx_echo(node, msg, request);
}

static bool was_told(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return node->tells > 0;
}

static void ask_src(p2p__fx *fx)
{
    fx->node[1].on_ask = tell_source;
    for (unsigned tries = 0; fx->node[0].tells == 0 && p2p__fx_may_try(fx, tries); tries++) {
        if (!p2p__fx_ask_end(fx, 0, 1, tries, 20, 0, 0))
            return;
        (void)p2p__fx_wait_try(fx, was_told, &fx->node[0]);
    }
    REQUIRE(fx, fx->node[0].tells > 0, "a tell to the asker did not reach it");
    REQUIRE(fx, fx->node[2].tells == 0, "a tell to the asker reached somebody else");
}

typedef struct pair {
    size_t from;
    size_t to;
    p2p__fx_ask *ask;
} pair;

enum { PAIRS = P2P__FX_NODES * (P2P__FX_NODES - 1), SLOW_ROUNDS = 2 };

static void shuffle(p2p__fx *fx, pair *pairs)
{
    for (size_t i = PAIRS - 1; i > 0; i--) {
        size_t j = (size_t)p2p__random_below(&fx->random, i + 1);
        pair swap = pairs[i];
        pairs[i] = pairs[j];
        pairs[j] = swap;
    }
}

/* One round over all pairs: one after the other, or all at once. */
static void ping_all(p2p__fx *fx, const pair *pairs, bool at_once)
{
    for (size_t i = 0; i < PAIRS && !fx->failed; i++) {
        ping(pairs[i].ask, pairs[i].to);
        if (at_once)
            continue;
        REQUIRE(fx, p2p__fx_ask_wait(pairs[i].ask), "an ask did not end");
        check_pong(pairs[i].ask);
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "asks did not end");
    for (size_t i = 0; i < PAIRS; i++)
        check_pong(pairs[i].ask);
}

static void ask_rounds(p2p__fx *fx)
{
    pair pairs[PAIRS];
    size_t n = 0;
    fx->no_records = true;
    for (size_t from = 0; from < fx->nodes; from++) {
        fx->node[from].on_ask = reply_pong;
        for (size_t to = 0; to < fx->nodes; to++) {
            if (from == to)
                continue;
            pair *p = &pairs[n++];
            p->from = from;
            p->to = to;
            p->ask = p2p__fx_ask_new(fx, from);
            if (!p->ask)
                return;
        }
    }
    unsigned rounds = p2p__fx_lossless(fx) ? 100 : 10;
    for (unsigned round = 0; round < rounds && !fx->failed; round++) {
        shuffle(fx, pairs);
        ping_all(fx, pairs, round >= SLOW_ROUNDS);
    }
    for (size_t i = 0; i < fx->nodes && !fx->failed; i++)
        REQUIRE(fx, fx->node[i].requests == (uint64_t)rounds * (fx->nodes - 1),
                "node %zu served %llu requests", i, (unsigned long long)fx->node[i].requests);
}

static void ask_empty(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, 0, 0, 0, 0);
    if (!ask)
        return;
    REQUIRE(fx, ask->len == 0, "an empty response has %zu bytes", ask->len);
    REQUIRE(fx, fx->record_count == 1 && fx->records[0].len == 0, "the request was not empty");
}

static void ask_sizes(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_echo;
    size_t mtu = p2p_ask_mtu(fx->node[0].swarm, &fx->node[1].addr);
    for (size_t len = 1; len <= 20000 && len <= mtu; len += 1 + len / 2) {
        const p2p__fx_ask *ask = p2p__fx_ask_end(fx, 0, 1, len, len, 0, 0);
        if (!ask)
            return;
        REQUIRE(fx, p2p__fx_is(fx, ask->len, ask->hash, len, len),
                "a response of %zu bytes is not what was replied", len);
    }
}

static void reply_in_pieces(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    size_t half = msg->len / 2;
    const p2p_iov iov[4] = {
        {NULL, 0}, {msg->data, half}, {msg->data, 0}, {msg->data + half, msg->len - half}};
    REQUIRE_RESULT(node->fx, p2p_replyv(request, iov, 4), 0);
}

static void count_answer(void *arg, const p2p_answer *answer)
{
    p2p__fx *fx = arg;
    REQUIRE(fx, answer->status == 0, "an ask ended with %s", p2p_err_name(answer->status));
    REQUIRE(fx, p2p__fx_is(fx, answer->len, p2p__fx_hash(answer->data, answer->len), 6, 77),
            "a response in pieces is not their concatenation");
    fx->steps++;
}

static bool stepped(p2p__fx *fx, void *arg)
{
    (void)arg;
    return fx->steps > 0;
}

static void ask_gather(p2p__fx *fx)
{
    fx->node[1].on_ask = reply_in_pieces;
    const uint8_t *payload = p2p__fx_payload(fx, 6, 77);
    if (!payload)
        return;
    const p2p_iov iov[4] = {{payload, 1}, {NULL, 0}, {payload + 1, 60}, {payload + 61, 16}};
    REQUIRE_RESULT(
        fx, p2p_askv(fx->node[0].swarm, &fx->node[1].addr, iov, 4, 0, NULL, count_answer, fx), 0);
    REQUIRE(fx, p2p__fx_wait(fx, stepped, NULL), "an ask did not end");
    REQUIRE(fx, p2p__fx_got(fx, 1, 6, 77) == 1, "a request in pieces is not their concatenation");
}

/* --- buffers --- */

static void scribble_and_reply(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    uint8_t response[40];
    memset(msg->data, 0x11, msg->len);
    memset(response, 0x22, sizeof response);
    REQUIRE_RESULT(node->fx, p2p_reply(request, response, sizeof response), 0);
    memset(response, 0x33, sizeof response);
}

static void scribble_answer(p2p__fx_ask *ask, const p2p_answer *answer)
{
    (void)ask;
    memset(answer->data, 0x44, answer->len);
}

static void ask_buffers(p2p__fx *fx)
{
    uint8_t expected[40];
    memset(expected, 0x22, sizeof expected);
    fx->node[1].on_ask = scribble_and_reply;
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, 0);
    uint64_t hash = p2p__fx_payload_hash(fx, 1, 40);
    for (size_t round = 0; ask && round < 3; round++) {
        uint8_t *payload = p2p__fx_payload(fx, 1, 40);
        p2p_addr dst = fx->node[1].addr;
        if (!payload)
            return;
        ask->on_answer = scribble_answer;
        REQUIRE_RESULT(fx, p2p__fx_ask_start(ask, &dst, payload, 40, 0), 0);
        memset(payload, 0x55, 40);
        memset(&dst, 0, sizeof dst);
        REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
        REQUIRE(fx, fx->record_count == round + 1, "the handler ran %zu times", fx->record_count);
        REQUIRE(fx, fx->records[round].len == 40 && fx->records[round].hash == hash,
                "what was written after p2p_ask() was asked");
        REQUIRE(fx, ask->len == 40 && ask->hash == p2p__fx_hash(expected, 40),
                "what was written after p2p_reply() was answered");
    }
}

/* --- held requests --- */

static void ask_hold(p2p__fx *fx)
{
    fx->node[1].on_ask = p2p__fx_hold;
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, 1, 30, 0);
    if (!ask)
        return;
    REQUIRE(fx, p2p__fx_wait_held(fx, 1, 1), "a request did not arrive");
    p2p__fx_settle(fx);
    REQUIRE(fx, ask->calls == 0, "a held request was answered by itself");
    REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, 0, 2, 60), 0);
    REQUIRE(fx, p2p__fx_ask_wait(ask), "an ask did not end");
    REQUIRE(fx, ask->status == 0 && p2p__fx_is(fx, ask->len, ask->hash, 2, 60),
            "a held request was answered with something else");
}

static void ask_order(p2p__fx *fx)
{
    enum { ASKS = 20 };
    p2p__fx_ask *ask[ASKS];
    fx->node[1].on_ask = p2p__fx_hold;
    for (uint64_t i = 0; i < ASKS; i++) {
        ask[i] = p2p__fx_ask_send(fx, 0, 1, i, 30 + i, 0);
        if (!ask[i])
            return;
        REQUIRE(fx, p2p__fx_wait_held(fx, 1, i + 1), "a request did not arrive");
    }
    for (uint64_t i = ASKS; i-- > 0;)
        REQUIRE_RESULT(fx, p2p__fx_reply_held(fx, 1, i, 100 + i, 10 + i), 0);
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    for (uint64_t i = 0; i < ASKS; i++) {
        REQUIRE(fx, ask[i]->status == 0, "an ask ended with %s", p2p_err_name(ask[i]->status));
        REQUIRE(fx, p2p__fx_is(fx, ask[i]->len, ask[i]->hash, 100 + i, 10 + i),
                "an ask got the response of another");
    }
}

static void ask_ids(p2p__fx *fx)
{
    enum { ASKS = 100 };
    p2p_ask_id ids[ASKS];
    fx->node[1].on_ask = p2p__fx_echo;
    fx->no_records = true;
    for (size_t i = 0; i < ASKS; i++) {
        const p2p__fx_ask *ask = p2p__fx_ask_send(fx, 0, 1, i, 8, 0);
        if (!ask)
            return;
        ids[i] = ask->id;
        for (size_t j = 0; j < i; j++)
            REQUIRE(fx, ids[j] != ids[i], "an id was used again");
        if (i % 5 == 0)
            REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "an ask did not end");
}

static void ask_mutual(p2p__fx *fx)
{
    fx->node[0].on_ask = p2p__fx_echo;
    fx->node[1].on_ask = p2p__fx_echo;
    for (uint64_t i = 0; i < 20; i++) {
        if (!p2p__fx_ask_send(fx, 0, 1, i, 10, 0) || !p2p__fx_ask_send(fx, 1, 0, i, 10, 0))
            return;
    }
    REQUIRE(fx, p2p__fx_asks_over(fx), "two nodes that ask each other got stuck");
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next)
        REQUIRE(fx, ask->status == 0 && ask->len == 10, "an ask failed");
}

static const p2p__check checks[] = {
    {"ask.ping", "S26 S35", P2P_CLAIM_ASK, 0, 2, ask_ping},
    {"ask.src", "S20 S35", P2P_CLAIM_ASK, 0, 3, ask_src},
    {"ask.rounds", "S26 S27", P2P_CLAIM_ASK, 0, P2P__FX_NODES, ask_rounds},
    {"ask.empty", "S9 S29", P2P_CLAIM_ASK, 0, 2, ask_empty},
    {"ask.sizes", "S9", P2P_CLAIM_ASK, 0, 2, ask_sizes},
    {"ask.gather", "S34", P2P_CLAIM_ASK, 0, 2, ask_gather},
    {"ask.buffers", "S7 S19 S25 S29", P2P_CLAIM_ASK, 0, 2, ask_buffers},
    {"ask.hold", "S37 S38", P2P_CLAIM_ASK, 0, 2, ask_hold},
    {"ask.order", "S38", P2P_CLAIM_ASK, 0, 2, ask_order},
    {"ask.ids", "S31", P2P_CLAIM_ASK, 0, 2, ask_ids},
    {"ask.mutual", "S26", P2P_CLAIM_ASK, 0, 2, ask_mutual},
};

P2P__CHECK_LIST(p2p__checks_ask, checks);
