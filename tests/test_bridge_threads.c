/* SPDX-License-Identifier: MIT */
/* A bridge between two libuv loops on two threads, under load from both sides. */
#include "support/check.h"

#include <pthread.h>

#include <p2p/mem.h>

#include "core/rand.h"

enum { TELLS = 30000, ASKS = 3000, AT_ONCE = 50, LENGTHS = 16384 };

/* One side of the bridge. All of it is of its thread, but `finished`, which is posted. Failures are
 * counted, for cmocka's asserts must stay on the first thread. */
typedef struct side {
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *swarm;
    p2p_addr addr;
    struct side *other;
    p2p_addr to;
    p2p_task finished; /* of the other side; runs here */
    p2p_task go;

    size_t most; /* tells */
    size_t len;  /* of each; 0: of all lengths */
    size_t sent;
    size_t got;
    size_t again;
    size_t writable;
    p2p__rand send_rand;
    p2p__rand check_rand;

    size_t asks; /* to ask */
    size_t asked;
    size_t answered;
    size_t served;
    size_t failed_asks; /* ended with an error */

    size_t failures;
    bool other_finished;
    bool said_so;
    bool closed;
} side;

static void require(side *s, bool ok)
{
    s->failures += !ok;
}

/* When all is sent, received and answered, the other side is told; when both are, the loop ends. */
static void look_for_end(side *s)
{
    if (s->got < s->other->most || s->sent < s->most || s->answered < s->asks ||
        s->served < s->other->asks)
        return;
    if (!s->said_so) {
        s->said_so = true;
        p2p_loop_post(s->other->loop, &s->other->finished);
    }
    if (s->other_finished)
        p2p_loop_stop(s->loop);
}

static void on_finished(void *arg)
{
    side *s = arg;
    s->other_finished = true;
    look_for_end(s);
}

/* --- tells --- */

static size_t next_message(p2p__rand *rand, size_t len, uint8_t *out)
{
    if (!len)
        len = (size_t)p2p__rand_below(rand, LENGTHS + 1);
    uint64_t word = p2p__rand_next(rand);
    memset(out, (int)(word & 0xff), len);
    memcpy(out, &word, len < 8 ? len : 8);
    return len;
}

static void send_some(side *s)
{
    uint8_t data[LENGTHS];
    while (s->sent < s->most) {
        p2p__rand before = s->send_rand;
        size_t len = next_message(&s->send_rand, s->len, data);
        int err = p2p_tell(s->swarm, &s->to, data, len);
        if (err) {
            s->send_rand = before;
            s->again++;
            require(s, err == P2P_ERR_AGAIN);
            break;
        }
        s->sent++;
    }
    look_for_end(s);
}

static void on_writable(void *arg)
{
    side *s = arg;
    s->writable++;
    send_some(s);
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    side *s = arg;
    uint8_t wanted[LENGTHS];
    size_t len = next_message(&s->check_rand, s->other->len, wanted);
    require(s, msg->len == len && memcmp(msg->data, wanted, len) == 0);
    require(s, p2p_addr_equal(msg->src, &s->to) && p2p_addr_equal(msg->dst, &s->addr));
    memset(msg->data, 0xee, msg->len);
    s->got++;
    look_for_end(s);
}

/* --- asks --- */

static void on_answer(void *arg, const p2p_answer *answer);

static void ask_more(side *s)
{
    while (s->asked < s->asks && s->asked - s->answered < AT_ONCE) {
        uint64_t question = s->asked;
        if (p2p_ask(s->swarm, &s->to, &question, sizeof question, 0, NULL, on_answer, s) != 0) {
            s->failures++;
            return;
        }
        s->asked++;
    }
    look_for_end(s);
}

static void on_answer(void *arg, const p2p_answer *answer)
{
    side *s = arg;
    s->answered++;
    s->failed_asks += answer->status != 0;
    require(s, answer->status || answer->len == 16);
    ask_more(s);
}

static void on_ask(void *arg, const p2p_msg *msg, p2p_request request)
{
    side *s = arg;
    p2p_iov twice[2] = {{msg->data, msg->len}, {msg->data, msg->len}};
    require(s, msg->len == 8 && p2p_replyv(request, twice, 2) == 0);
    s->served++;
    look_for_end(s);
}

/* --- both sides --- */

static void start(void *arg)
{
    side *s = arg;
    ask_more(s);
    send_some(s);
}

static void open_side(side *s, side *other, uint64_t number)
{
    p2p_realm_config realm;
    p2p_mem_config config;
    assert_ok(p2p_loop_new(&s->loop, NULL));
    p2p_realm_config_init(&realm);
    realm.first_node = number;
    realm.max_nodes = 100;
    assert_ok(p2p_realm_new(&s->realm, s->loop, &realm));
    p2p_mem_config_init(&config);
    assert_ok(p2p_mem_new(&s->swarm, s->realm, &config));
    assert_ok(p2p_local_addr(s->swarm, &s->addr));
    s->other = other;
    p2p_task_init(&s->finished, on_finished, s);
    p2p_task_init(&s->go, start, s);
    p2p_on_tell(s->swarm, on_tell, s);
    p2p_on_ask(s->swarm, on_ask, s);
    p2p_on_writable(s->swarm, on_writable, s);
}

static p2p_bridge *open_sides(side sides[2], size_t ring)
{
    p2p_bridge *bridge = NULL;
    for (size_t i = 0; i < 2; i++)
        open_side(&sides[i], &sides[1 - i], 100 * i);
    for (size_t i = 0; i < 2; i++) {
        sides[i].to = sides[1 - i].addr;
        p2p__rand_seed(&sides[i].send_rand, i);
        p2p__rand_seed(&sides[i].check_rand, 1 - i);
    }
    assert_ok(p2p_bridge_new(&bridge, sides[0].realm, sides[1].realm, ring));
    return bridge;
}

static void *run_side(void *arg)
{
    side *s = arg;
    p2p_loop_defer(s->loop, &s->go);
    require(s, p2p_loop_run(s->loop) == 0);
    return NULL;
}

static void run_sides(side sides[2])
{
    pthread_t thread;
    assert_ok(pthread_create(&thread, NULL, run_side, &sides[1]));
    run_side(&sides[0]);
    assert_ok(pthread_join(thread, NULL));
}

static void close_sides(side sides[2], p2p_bridge *bridge)
{
    assert_ok(p2p_bridge_free(bridge));
    for (size_t i = 0; i < 2; i++) {
        if (!sides[i].closed)
            p2p_close(sides[i].swarm, NULL, NULL);
        assert_ok(p2p_loop_run(sides[i].loop));
        assert_ok(p2p_realm_free(sides[i].realm));
        assert_ok(p2p_loop_free(sides[i].loop));
        assert_int_equal(sides[i].failures, 0);
    }
}

static void check_traffic(size_t ring, size_t len, size_t tells, size_t asks, side sides[2])
{
    memset(sides, 0, 2 * sizeof *sides);
    for (size_t i = 0; i < 2; i++) {
        sides[i].most = tells;
        sides[i].len = len;
        sides[i].asks = asks;
    }
    p2p_bridge *bridge = open_sides(sides, ring);
    run_sides(sides);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sides[i].sent, tells);
        assert_int_equal(sides[i].got, tells);
        assert_int_equal(sides[i].answered, asks);
        assert_int_equal(sides[i].served, asks);
        assert_int_equal(sides[i].failed_asks, 0);
        assert_true(sides[i].writable <= sides[i].again);
    }
    close_sides(sides, bridge);
}

static void test_tells(void **state)
{
    (void)state;
    side sides[2];
    check_traffic(0, 64, TELLS, 0, sides);
}

/* A ring that is full most of the time. */
static void test_full_ring(void **state)
{
    (void)state;
    side sides[2];
    check_traffic(4096, 100, TELLS / 3, 0, sides);
    assert_true(sides[0].again > 10 && sides[1].again > 10);
    assert_true(sides[0].writable > 10 && sides[1].writable > 10);
}

static void test_big_messages(void **state)
{
    (void)state;
    side sides[2];
    check_traffic(4 * LENGTHS, 0, TELLS / 20, 0, sides);
}

static void test_asks(void **state)
{
    (void)state;
    side sides[2];
    check_traffic(0, 64, 0, ASKS, sides);
}

/* Tells that fill the ring, and asks that have to get through all the same. */
static void test_both(void **state)
{
    (void)state;
    side sides[2];
    check_traffic(4096, 200, TELLS / 10, ASKS / 20, sides);
}

/* --- close --- */

static void on_closed(void *arg)
{
    side *s = arg;
    s->closed = true;
    p2p_loop_post(s->other->loop, &s->other->finished);
}

/* Closes itself in the middle of what comes in. */
static void close_at_half(void *arg, const p2p_msg *msg)
{
    side *s = arg;
    (void)msg;
    if (++s->got == TELLS / 10)
        p2p_close(s->swarm, on_closed, s);
    require(s, s->got <= TELLS / 10);
}

/* The other side has seen the end: both loops may stop. */
static void stop_both(void *arg)
{
    side *s = arg;
    if (!s->other_finished) {
        s->other_finished = true;
        p2p_loop_post(s->other->loop, &s->other->finished);
    }
    p2p_loop_stop(s->loop);
}

static void test_close_under_traffic(void **state)
{
    (void)state;
    side sides[2];
    memset(sides, 0, sizeof sides);
    sides[0].most = SIZE_MAX;
    sides[0].len = 100;
    sides[1].asks = 1000;
    p2p_bridge *bridge = open_sides(sides, 16384);
    p2p_on_tell(sides[1].swarm, close_at_half, &sides[1]);
    for (size_t i = 0; i < 2; i++)
        p2p_task_init(&sides[i].finished, stop_both, &sides[i]);
    run_sides(sides);
    assert_true(sides[1].closed);
    assert_int_equal(sides[1].got, TELLS / 10);
    assert_true(sides[0].sent >= TELLS / 10);
    sides[1].failures = 0; /* asks that it could not make any more */
    close_sides(sides, bridge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells),        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_big_messages), cmocka_unit_test(test_asks),
        cmocka_unit_test(test_both),         cmocka_unit_test(test_close_under_traffic),
    };
    return cmocka_run_group_tests_name("bridge_threads", tests, NULL, NULL);
}
