/* SPDX-License-Identifier: MIT */
/*
 * Two channels over a bad network, over many seeds: loss, repetition, reordering, forgery, replay,
 * restarts, jumps of the clock. First safety while it is bad, then, once it is good, liveness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

#define MAX_MESSAGES 256u
#define MAX_SEEN     256u
#define MAX_CAPTURED 64u

/* A session that was ready on a side. */
typedef struct seen_session {
    uint8_t binding[64];
    uint8_t send[32], receive[32];
    int initiator;
} seen_session;

typedef struct world {
    uint64_t seed;
    unsigned sent[2];                 /* messages, numbered from 0 */
    uint8_t arrived[2][MAX_MESSAGES]; /* how often; by receiver */
    unsigned incarnation[2];          /* restarts so far */
    seen_session seen[2][MAX_SEEN];
    unsigned seen_count[2];
    uint8_t captured[MAX_CAPTURED][512];
    size_t captured_len[MAX_CAPTURED];
    unsigned captured_to[MAX_CAPTURED];
    unsigned captured_count;
    int hostile;
} world;

/* Messages say who sent them and which one they are; their length varies with the number. */
static size_t make_message(unsigned from, unsigned number, uint8_t out[256])
{
    size_t len = 8 + number % 200;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(number * 31 + i * 7 + from);
    out[0] = (uint8_t)from;
    p2p__store32be(out + 1, number);
    return len;
}

static void on_deliver(net *n, unsigned to, const uint8_t *data, size_t len)
{
    world *w = n->arg;
    uint8_t expected[256];
    assert_true(len >= 8);
    assert_int_equal(data[0], !to);
    unsigned number = p2p__load32be(data + 1);
    assert_true(number < w->sent[!to]);
    assert_int_equal(len, make_message(!to, number, expected));
    assert_memory_equal(data, expected, len);
    assert_int_equal(w->arrived[to][number], 0);
    w->arrived[to][number]++;
}

static void note(world *w, unsigned side, const p2p_pke_session *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < w->seen_count[side]; i++)
        if (!memcmp(w->seen[side][i].binding, s->binding, 64))
            return;
    assert_true(w->seen_count[side] < MAX_SEEN);
    seen_session *seen = &w->seen[side][w->seen_count[side]++];
    memcpy(seen->binding, s->binding, 64);
    memcpy(seen->send, s->send.bytes, 32);
    memcpy(seen->receive, s->receive.bytes, 32);
    seen->initiator = s->initiator;
}

/* Both sides agree on the keys of a session, and an initiator is never ready alone. */
static void check_agreement(net *n)
{
    world *w = n->arg;
    for (unsigned side = 0; side < 2; side++) {
        note(w, side, n->side[side].channel->current);
        note(w, side, n->side[side].channel->previous);
    }
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < w->seen_count[side]; i++) {
            const seen_session *a = &w->seen[side][i];
            int found = 0;
            for (unsigned j = 0; j < w->seen_count[!side]; j++) {
                const seen_session *b = &w->seen[!side][j];
                if (memcmp(a->binding, b->binding, 64) != 0)
                    continue;
                found = 1;
                assert_memory_equal(a->send, b->receive, 32);
                assert_memory_equal(a->receive, b->send, 32);
                assert_int_not_equal(a->initiator, b->initiator);
            }
            assert_true(found || !a->initiator);
        }
    }
}

static int on_send(net *n, unsigned from, const uint8_t *data, size_t len)
{
    world *w = n->arg;
    check_agreement(n);
    if (len <= sizeof w->captured[0]) {
        unsigned i = w->captured_count++ % MAX_CAPTURED;
        memcpy(w->captured[i], data, len);
        w->captured_len[i] = len;
        w->captured_to[i] = !from;
    }
    return 1;
}

static void say(net *n, unsigned from)
{
    world *w = n->arg;
    uint8_t message[256];
    if (w->sent[from] >= MAX_MESSAGES)
        return;
    size_t len = make_message(from, w->sent[from], message);
    int err = net_send(n, from, message, len);
    if (!err)
        w->sent[from]++;
    else
        assert_int_equal(err, P2P_ERR_AGAIN);
}

/* Somebody on the path replays, mirrors, changes and cuts what he has seen. */
static void attack(net *n)
{
    world *w = n->arg;
    uint8_t data[512];
    if (!w->captured_count)
        return;
    unsigned have = w->captured_count < MAX_CAPTURED ? w->captured_count : MAX_CAPTURED;
    unsigned i = (unsigned)p2p__rand_below(&n->rand, have);
    size_t len = w->captured_len[i];
    unsigned to = w->captured_to[i];
    memcpy(data, w->captured[i], len);
    switch (p2p__rand_below(&n->rand, 5)) {
    case 0:
        to = !to;
        break;
    case 1:
        data[p2p__rand_below(&n->rand, len)] ^= (uint8_t)(1u << p2p__rand_below(&n->rand, 8));
        break;
    case 2:
        len = (size_t)p2p__rand_below(&n->rand, len + 1);
        break;
    case 3:
        p2p__store32be(data, (uint32_t)p2p__rand_below(&n->rand, 20));
        break;
    default:
        break;
    }
    net_put(n, to, data, len, n->time.now + net_delay(n));
}

static void disturb(net *n)
{
    world *w = n->arg;
    unsigned side = (unsigned)p2p__rand_below(&n->rand, 2);
    switch (p2p__rand_below(&n->rand, 40)) {
    case 0:
        net_restart(n, side);
        w->incarnation[side]++;
        break;
    case 1:
        n->side[side].wall_offset = p2p__rand_below(&n->rand, 7200 * P2P_SECOND) -
                                    3600 * P2P_SECOND;
        break;
    case 2:
        net_run(n, p2p__rand_below(&n->rand, 200 * P2P_SECOND));
        break;
    case 3:
    case 4:
    case 5:
        assert_int_equal(p2p_pke_channel_open(n->side[side].channel, net_clock(n, side)), 0);
        net_flush(n, side);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
        if (w->hostile)
            attack(n);
        break;
    default:
        say(n, side);
        break;
    }
}

/* Both sides say something. Returns whether it arrived both ways. */
static int exchange(net *n, uint64_t time)
{
    world *w = n->arg;
    unsigned number[2];
    for (unsigned side = 0; side < 2; side++) {
        number[side] = w->sent[side];
        say(n, side);
        assert_int_equal(w->sent[side], number[side] + 1);
    }
    net_run(n, time);
    return w->arrived[1][number[0]] && w->arrived[0][number[1]];
}

/* When the network is good again, messages arrive: soon, and both ways. */
static void recover(net *n)
{
    n->loss = n->duplicate = 0;
    n->jitter = 0;
    /* Who lost all he knew and whose clock went back is refused until that time has come again. */
    for (unsigned side = 0; side < 2; side++)
        n->side[side].wall_offset = 8000 * P2P_SECOND;
    net_run(n, 200 * P2P_SECOND);
    /* One side may still talk to a session that the other lost when it restarted. */
    (void)exchange(n, 20 * P2P_SECOND);
    assert_true(exchange(n, 2 * P2P_SECOND));
}

static void run_seed(uint64_t seed, int hostile)
{
    static net n;
    static world w;
    memset(&w, 0, sizeof w);
    net_init_with(&n, seed, seed % 3 == 1 ? test_no_extensions : NULL,
                  seed % 5 == 1 ? test_no_extensions : NULL);
    w.seed = seed;
    w.hostile = hostile;
    n.arg = &w;
    n.filter = on_send;
    n.deliver = on_deliver;
    n.latency = 1 + p2p__rand_below(&n.rand, 100 * P2P_MILLISECOND);
    n.jitter = p2p__rand_below(&n.rand, 3) * p2p__rand_below(&n.rand, 300 * P2P_MILLISECOND);
    n.loss = (double)p2p__rand_below(&n.rand, 50) / 100;
    n.duplicate = (double)p2p__rand_below(&n.rand, 40) / 100;
    for (unsigned i = 0; i < 60; i++) {
        disturb(&n);
        net_run(&n, p2p__rand_below(&n.rand, 2 * P2P_SECOND));
        check_agreement(&n);
    }
    recover(&n);
    check_agreement(&n);
    net_free(&n);
}

static uint64_t seeds(void)
{
    const char *text = getenv("P2PKE_SEEDS");
    return text ? strtoull(text, NULL, 10) : 600;
}

static uint64_t running; /* the seed that runs now */

static void run_seeds(int hostile)
{
    /* One seed alone: P2PKE_SEED=n. More of them: P2PKE_SEEDS=n. */
    const char *only = getenv("P2PKE_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    uint64_t last = only ? first : seeds();
    for (running = first; running <= last; running++)
        run_seed(running, hostile);
    running = 0;
}

/* Says how to see a failure again. */
static int teardown(void **state)
{
    (void)state;
    if (running)
        print_error("again: P2PKE_SEED=%llu test_p2pke_network\n", (unsigned long long)running);
    running = 0;
    return 0;
}

static void test_bad_network(void **state)
{
    (void)state;
    run_seeds(0);
}

static void test_hostile_network(void **state)
{
    (void)state;
    run_seeds(1);
}

/* The same seed gives the same run. */
static void test_runs_repeat(void **state)
{
    (void)state;
    static net n;
    unsigned sent[2];
    for (unsigned i = 0; i < 2; i++) {
        net_init_with(&n, 7, NULL, NULL);
        n.loss = 0.3;
        n.jitter = 50 * P2P_MILLISECOND;
        assert_int_equal(net_text(&n, 0, "x"), 0);
        assert_int_equal(net_text(&n, 1, "y"), 0);
        net_run(&n, 20 * P2P_SECOND);
        sent[i] = n.side[0].sent * 1000 + n.side[1].sent;
        net_free(&n);
    }
    assert_int_equal(sent[0], sent[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_bad_network, teardown),
        cmocka_unit_test_teardown(test_hostile_network, teardown),
        cmocka_unit_test(test_runs_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
