/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"
#include "testing/random.h"

/* Tells that arrive. */

static void answer_with_tell(p2p__fx_node *node, const p2p_msg *msg)
{
    static const uint8_t back[] = {'b', 'a', 'c', 'k'};
    int r = CALL(node->fx, p2p_tell(node->swarm, msg->src, back, sizeof back));
    if (r && r != P2P_ERR_AGAIN)
        p2p__fx_fail(node->fx, "a tell to src gave %s", p2p_err_name(r));
}

static void tell_pair(p2p__fx *fx)
{
    const p2p__fx_record *record = p2p__fx_arrive(fx, 0, 1, 1, 100);
    if (!record)
        return;
    REQUIRE(fx, p2p_addr_kind_of(&record->src) != P2P_ADDR_NONE, "src is empty");
    REQUIRE(fx, !p2p_addr_equal(&record->src, &fx->node[1].addr), "src is the receiver");
}

static bool got_any(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return node->tells > 0;
}

static void tell_src(p2p__fx *fx)
{
    fx->node[1].on_tell = answer_with_tell;
    for (unsigned tries = 0; fx->node[0].tells == 0 && p2p__fx_may_try(fx, tries); tries++) {
        if (!p2p__fx_send(fx, 0, 1, tries, 50))
            return;
        (void)p2p__fx_wait_try(fx, got_any, &fx->node[0]);
    }
    REQUIRE(fx, fx->node[0].tells > 0, "a tell to src did not reach the sender");
    REQUIRE(fx, fx->node[2].tells == 0, "a tell to src reached somebody else");
    for (size_t i = 0; i < fx->record_count; i++) {
        const p2p__fx_record *r = &fx->records[i];
        REQUIRE(fx,
                r->node != 0 ||
                    (r->len == 4 && r->hash == p2p__fx_hash((const uint8_t *)"back", 4)),
                "a tell to src arrived altered");
    }
}

static void tell_all_pairs(p2p__fx *fx)
{
    for (size_t from = 0; from < fx->nodes; from++) {
        for (size_t to = 0; to < fx->nodes; to++) {
            uint64_t tag = from * fx->nodes + to;
            if (from != to && !p2p__fx_arrive(fx, from, to, tag, 20 + tag))
                return;
        }
    }
}

enum { MANY = 50 };

/* How many of MANY messages are recorded; fails if one came twice to a lossless swarm, or is
 * unknown. */
static size_t count_many(p2p__fx *fx, size_t node, uint64_t first_tag, size_t len)
{
    size_t arrived = 0;
    size_t copies = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        size_t got = p2p__fx_got(fx, node, first_tag + i, len);
        arrived += got > 0;
        copies += got;
        if (got > 1 && p2p__fx_lossless(fx))
            p2p__fx_fail(fx, "a message arrived %zu times", got);
    }
    size_t records = 0;
    for (size_t i = 0; i < fx->record_count; i++)
        records += fx->records[i].node == node;
    if (copies != records)
        p2p__fx_fail(fx, "a message arrived that nobody sent");
    return arrived;
}

static void tell_interleaved(p2p__fx *fx)
{
    if (!p2p__fx_lossless(fx) &&
        (!p2p__fx_arrive(fx, 0, 1, 5000, 8) || !p2p__fx_arrive(fx, 1, 0, 5000, 8)))
        return;
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    for (uint64_t i = 0; i < MANY; i++) {
        for (size_t from = 0; from < 2; from++) {
            if (!p2p__fx_send(fx, from, 1 - from, 1000 * from + i, 64))
                return;
            p2p__fx_pause(fx, p2p__random_below(&fx->random, 5 * P2P_MILLISECOND));
        }
    }
    if (p2p__fx_lossless(fx))
        (void)p2p__fx_wait_records(fx, (size_t)2 * MANY);
    p2p__fx_settle(fx);
    for (size_t to = 0; to < 2; to++) {
        size_t arrived = count_many(fx, to, 1000 * (1 - to), 64);
        size_t needed = p2p__fx_lossless(fx) ? MANY : MANY / 5;
        REQUIRE(fx, arrived >= needed, "only %zu of %d messages arrived", arrived, (int)MANY);
    }
}

static void tell_burst(p2p__fx *fx)
{
    for (uint64_t i = 0; i < MANY; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 40))
            return;
    }
    REQUIRE(fx, p2p__fx_wait_records(fx, MANY), "only %zu of %d messages of one turn arrived",
            fx->record_count, (int)MANY);
    p2p__fx_settle(fx);
    (void)count_many(fx, 1, 0, 40);
}

static void tell_order(p2p__fx *fx)
{
    uint64_t hashes[MANY];
    if (!p2p__fx_arrive(fx, 0, 1, MANY, 8))
        return;
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    for (uint64_t i = 0; i < MANY; i++) {
        hashes[i] = p2p__fx_payload_hash(fx, i, 8 + i % 3);
        if (!p2p__fx_send(fx, 0, 1, i, 8 + i % 3))
            return;
        if (i % 10 == 9)
            p2p__fx_pause(fx, P2P_MILLISECOND);
    }
    p2p__fx_settle(fx);
    size_t next = 0;
    for (size_t i = 0; i < fx->record_count; i++) {
        while (next < MANY && hashes[next] != fx->records[i].hash)
            next++;
        REQUIRE(fx, next < MANY, "message %zu came after one that was sent later", i);
    }
    REQUIRE(fx, fx->record_count > 0, "none of the messages arrived");
}

/* --- what is done to buffers --- */

static void scribble(p2p__fx_node *node, const p2p_msg *msg)
{
    (void)node;
    memset(msg->data, 0xa5, msg->len);
}

static void tell_modify(p2p__fx *fx)
{
    fx->node[1].on_tell = scribble;
    fx->node[2].on_tell = scribble;
    static const size_t lens[] = {1, 16, 300};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (size_t round = 0; round < 2; round++) {
            if (!p2p__fx_arrive(fx, 0, 1, 7, lens[i]) || !p2p__fx_arrive(fx, 0, 2, 7, lens[i]))
                return;
        }
    }
    /* Two in flight that came from one buffer. */
    p2p__fx_forget(fx);
    uint64_t hash = p2p__fx_payload_hash(fx, 8, 200);
    if (!p2p__fx_send(fx, 0, 1, 8, 200) || !p2p__fx_send(fx, 0, 2, 8, 200))
        return;
    p2p__fx_settle(fx);
    for (size_t i = 0; i < fx->record_count; i++)
        REQUIRE(fx, fx->records[i].hash == hash, "one receiver saw what another had written");
}

static void tell_reuse(p2p__fx *fx)
{
    uint64_t hash = p2p__fx_payload_hash(fx, 3, 120);
    for (unsigned tries = 0; fx->record_count == 0 && p2p__fx_may_try(fx, tries); tries++) {
        uint8_t *payload = p2p__fx_payload(fx, 3, 120);
        p2p_addr dst = fx->node[1].addr;
        if (!payload)
            return;
        int r = CALL(fx, p2p_tell(fx->node[0].swarm, &dst, payload, 120));
        memset(payload, 0xee, 120);
        memset(&dst, 0, sizeof dst);
        REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "p2p_tell() gave %s", p2p_err_name(r));
        (void)p2p__fx_try_record(fx);
    }
    REQUIRE(fx, fx->record_count > 0, "no message arrived");
    for (size_t i = 0; i < fx->record_count; i++) {
        REQUIRE(fx, fx->records[i].len == 120 && fx->records[i].hash == hash,
                "what was written after p2p_tell() arrived");
        REQUIRE(fx, p2p_addr_equal(&fx->records[i].dst, &fx->node[1].addr), "dst is another");
    }
}

static void tell_const(p2p__fx *fx)
{
    uint64_t hash = p2p__fx_payload_hash(fx, 4, 90);
    const uint8_t *payload = p2p__fx_payload(fx, 4, 90);
    p2p_addr dst = fx->node[1].addr;
    if (!payload)
        return;
    int r = CALL(fx, p2p_tell(fx->node[0].swarm, &dst, payload, 90));
    REQUIRE(fx, r == 0 || r == P2P_ERR_AGAIN, "p2p_tell() gave %s", p2p_err_name(r));
    fx->node[1].on_tell = scribble;
    p2p__fx_settle(fx);
    REQUIRE(fx, p2p__fx_hash(payload, 90) == hash, "the sender's buffer was written to");
    REQUIRE(fx, p2p_addr_equal(&dst, &fx->node[1].addr), "the sender's address was written to");
}

/* --- receivers --- */

static void count_step(void *arg, const p2p_msg *msg)
{
    p2p__fx *fx = arg;
    (void)msg;
    fx->steps++;
}

static bool stepped(p2p__fx *fx, void *arg)
{
    (void)arg;
    return fx->steps > 0;
}

static void tell_replace(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 1, 10))
        return;
    p2p_on_tell(fx->node[1].swarm, count_step, fx);
    uint64_t before = fx->node[1].tells;
    for (unsigned tries = 0; fx->steps == 0 && p2p__fx_may_try(fx, tries); tries++) {
        if (!p2p__fx_send(fx, 0, 1, 2, 10))
            return;
        (void)p2p__fx_wait_try(fx, stepped, NULL);
    }
    REQUIRE(fx, fx->steps > 0, "the second receiver got nothing");
    REQUIRE(fx, fx->node[1].tells == before, "the first receiver still got messages");
}

static void tell_unhandled(p2p__fx *fx)
{
    if (!p2p__fx_arrive(fx, 0, 1, 8, 10))
        return;
    p2p__fx_settle(fx);
    p2p__fx_forget(fx);
    uint64_t before = p2p__fx_stats(&fx->node[1]).rx_msgs;
    p2p_on_tell(fx->node[1].swarm, NULL, NULL);
    for (uint64_t i = 0; i < 5; i++) {
        if (!p2p__fx_send(fx, 0, 1, i, 10))
            return;
    }
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message arrived without a receiver");
    p2p_stats stats = p2p__fx_stats(&fx->node[1]);
    REQUIRE(fx, stats.rx_msgs == before, "rx_msgs counts messages that nobody received");
    REQUIRE(fx, stats.rx_drop_unhandled == 5 || !p2p__fx_lossless(fx),
            "rx_drop_unhandled is %llu instead of 5", (unsigned long long)stats.rx_drop_unhandled);
    p2p__fx_hook(&fx->node[1]);
    (void)p2p__fx_arrive(fx, 0, 1, 9, 10);
}

static const p2p__check checks[] = {
    {"tell.pair", "S6 S9 S18 S21", 0, 0, 2, tell_pair},
    {"tell.src", "S20", 0, 0, 3, tell_src},
    {"tell.all_pairs", "S9 S21", 0, 0, P2P__FX_NODES, tell_all_pairs},
    {"tell.interleaved", "S8 S9", 0, 0, 2, tell_interleaved},
    {"tell.burst", "S8 S12", P2P_CLAIM_LOSSLESS, 0, 2, tell_burst},
    {"tell.order", "S8", P2P_CLAIM_ORDERED, 0, 2, tell_order},
    {"tell.modify", "S19", 0, 0, 3, tell_modify},
    {"tell.reuse", "S7", 0, 0, 2, tell_reuse},
    {"tell.const", "S6 S19", 0, 0, 2, tell_const},
    {"tell.replace", "S17", 0, 0, 2, tell_replace},
    {"tell.unhandled", "S17 S22", 0, 0, 2, tell_unhandled},
};

P2P__CHECK_LIST(p2p__checks_tell, checks);
