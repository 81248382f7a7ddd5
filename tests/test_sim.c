/* SPDX-License-Identifier: MIT */
/* The simulated loop: how runs end, its clocks, and that the same seed does the same. */
#include "support/check.h"
#include "support/counted.h"

#include <p2p/sim.h>

#define EPOCH (UINT64_C(1704067200) * P2P_SECOND) /* 2024-01-01T00:00:00Z */

typedef struct world {
    counted memory;
    p2p_loop *loop;
    p2p_timer timers[3];
    p2p_task task;
    size_t calls;
    size_t asked;
    size_t done_at; /* the predicate is true when so many calls were made */
    uint64_t again; /* the ticking timer's delay */
    size_t most;    /* calls after which nothing starts itself again */
} world;

static void count_call(void *arg)
{
    world *w = arg;
    w->calls++;
}

static void begin(world *w)
{
    memset(w, 0, sizeof *w);
    w->loop = counted_sim(&w->memory, 0);
    for (size_t i = 0; i < 3; i++)
        p2p_timer_init(&w->timers[i], w->loop, count_call, w);
    w->most = SIZE_MAX;
}

static void end(world *w)
{
    for (size_t i = 0; i < 3; i++)
        p2p_timer_stop(&w->timers[i]);
    p2p_task_cancel(&w->task);
    counted_end(w->loop, &w->memory);
}

static int done(void *arg)
{
    world *w = arg;
    w->asked++;
    return w->calls >= w->done_at;
}

static void tick(void *arg)
{
    world *w = arg;
    if (++w->calls < w->most)
        p2p_timer_start_in(&w->timers[0], w->again);
}

static void start_ticking(world *w, uint64_t every)
{
    w->again = every;
    p2p_timer_init(&w->timers[0], w->loop, tick, w);
    p2p_timer_start_in(&w->timers[0], every);
}

/* --- how runs end --- */

static void test_run_idle(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(p2p_loop_now(w.loop), 0);
    p2p_timer_start(&w.timers[0], 500);
    p2p_timer_start(&w.timers[1], 70);
    p2p_timer_start(&w.timers[2], P2P_NEVER);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(p2p_loop_now(w.loop), 500);
    assert_int_equal(w.calls, 2);
    p2p_timer_start(&w.timers[0], 600);
    assert_ok(p2p_loop_run(w.loop)); /* does the same */
    assert_int_equal(p2p_loop_now(w.loop), 600);
    assert_int_equal(w.calls, 3);
    end(&w);
}

static void test_run_until(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_timer_start(&w.timers[0], 100);
    p2p_timer_start(&w.timers[1], 200);
    p2p_timer_start(&w.timers[2], 201);
    assert_int_equal(p2p_sim_run_until(w.loop, 50), P2P_SIM_TIME);
    assert_int_equal(p2p_loop_now(w.loop), 50);
    assert_int_equal(w.calls, 0);
    assert_int_equal(p2p_sim_run_until(w.loop, 200), P2P_SIM_TIME);
    assert_int_equal(p2p_loop_now(w.loop), 200);
    assert_int_equal(w.calls, 2); /* what is due at that very time has run */
    assert_int_equal(p2p_sim_run_until(w.loop, 100), P2P_SIM_TIME);
    assert_int_equal(p2p_loop_now(w.loop), 200); /* never back */
    assert_int_equal(p2p_sim_run_until(w.loop, 1000), P2P_SIM_IDLE);
    assert_int_equal(p2p_loop_now(w.loop), 1000); /* also when nothing is left */
    assert_int_equal(w.calls, 3);
    /* Tasks of now run also if the time has come already. */
    p2p_task_init(&w.task, count_call, &w);
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(p2p_sim_run_until(w.loop, 1000), P2P_SIM_IDLE);
    assert_int_equal(w.calls, 4);
    end(&w);
}

static void test_run_until_done(void **state)
{
    (void)state;
    world w;
    begin(&w);
    start_ticking(&w, 10);
    assert_int_equal(p2p_sim_run_until_done(w.loop, done, &w, 1000), P2P_SIM_DONE);
    assert_int_equal(w.asked, 1); /* before the first turn */
    assert_int_equal(w.calls, 0);
    w.done_at = 5;
    w.asked = 0;
    assert_int_equal(p2p_sim_run_until_done(w.loop, done, &w, 1000), P2P_SIM_DONE);
    assert_int_equal(w.asked, 6); /* and after each */
    assert_int_equal(w.calls, 5);
    assert_int_equal(p2p_loop_now(w.loop), 50);
    w.done_at = 1000;
    assert_int_equal(p2p_sim_run_until_done(w.loop, done, &w, 1000), P2P_SIM_TIME);
    assert_int_equal(w.calls, 100);
    assert_int_equal(p2p_loop_now(w.loop), 1000);
    w.most = 150;
    assert_int_equal(p2p_sim_run_until_done(w.loop, done, &w, P2P_NEVER), P2P_SIM_IDLE);
    assert_int_equal(w.calls, 150);
    assert_int_equal(p2p_loop_now(w.loop), 1500);
    assert_int_equal(p2p_sim_run_until_done(w.loop, NULL, &w, 2000), P2P_ERR_INVALID);
    end(&w);
}

static void stop_loop(void *arg)
{
    world *w = arg;
    w->calls++;
    p2p_loop_stop(w->loop);
}

static void test_stopped(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_timer_init(&w.timers[0], w.loop, stop_loop, &w);
    p2p_timer_start(&w.timers[0], 10);
    p2p_timer_start(&w.timers[1], 10);
    p2p_timer_start(&w.timers[2], 20);
    assert_int_equal(p2p_sim_run_until(w.loop, 100), P2P_SIM_STOPPED);
    assert_int_equal(w.calls, 2); /* the turn is finished */
    assert_int_equal(p2p_loop_now(w.loop), 10);
    assert_int_equal(p2p_sim_run_until(w.loop, 15), P2P_SIM_TIME);
    p2p_timer_start(&w.timers[0], 17);
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.calls, 3);
    p2p_loop_stop(w.loop); /* nothing is running */
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(w.calls, 4);
    end(&w);
}

static void defer_again(void *arg)
{
    world *w = arg;
    if (++w->calls < w->most)
        p2p_loop_defer(w->loop, &w->task);
}

/* Limits at N and N + 1 turns. */
static void test_max_turns(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_sim_set_max_turns(w.loop, 100);
    p2p_task_init(&w.task, defer_again, &w);
    w.most = 100;
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(w.calls, 100);
    w.most = 201;
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_STEPS);
    assert_int_equal(w.calls, 200);
    /* It can go on from there. */
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(w.calls, 201);
    end(&w);
}

static void test_livelock_of_timers(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_sim_set_max_turns(w.loop, 1000);
    start_ticking(&w, 0);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_STEPS);
    assert_in_range(w.calls, 1000, 1001);
    p2p_timer_stop(&w.timers[0]);
    /* Time that moves is no livelock, however long it takes. */
    w.most = w.calls + 5000;
    start_ticking(&w, 1);
    assert_int_equal(p2p_sim_run_idle(w.loop), P2P_SIM_IDLE);
    assert_int_equal(w.calls, w.most);
    end(&w);
}

/* run() has no number for that: it is an error there. */
static void test_max_turns_of_run(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_sim_set_max_turns(w.loop, 100);
    p2p_task_init(&w.task, defer_again, &w);
    w.most = 100;
    p2p_loop_defer(w.loop, &w.task);
    assert_ok(p2p_loop_run(w.loop));
    w.most = 201;
    p2p_loop_defer(w.loop, &w.task);
    assert_int_equal(p2p_loop_run(w.loop), P2P_ERR_LIMIT);
    assert_int_equal(w.calls, 200);
    assert_ok(p2p_loop_run(w.loop));
    assert_int_equal(w.calls, 201);
    end(&w);
}

static int run_inside_done(void *arg)
{
    world *w = arg;
    assert_int_equal(p2p_sim_run_idle(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_step(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_run(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_loop_free(w->loop), P2P_ERR_BUSY);
    return 1;
}

static void run_inside(void *arg)
{
    world *w = arg;
    w->calls++;
    assert_int_equal(p2p_sim_run_idle(w->loop), P2P_ERR_BUSY);
    assert_int_equal(p2p_sim_run_until(w->loop, 1000), P2P_ERR_BUSY);
    assert_int_equal(p2p_sim_run_until_done(w->loop, done, w, 1000), P2P_ERR_BUSY);
}

static void test_busy(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_timer_init(&w.timers[0], w.loop, run_inside, &w);
    p2p_timer_start(&w.timers[0], 10);
    assert_int_equal(p2p_sim_run_until(w.loop, 20), P2P_SIM_IDLE);
    p2p_timer_start(&w.timers[0], 30);
    assert_ok(p2p_loop_step(w.loop));
    assert_int_equal(w.calls, 2);
    assert_int_equal(p2p_sim_run_until_done(w.loop, run_inside_done, &w, 1000), P2P_SIM_DONE);
    end(&w);
}

static void test_other_loop(void **state)
{
    (void)state;
    p2p_loop *loop;
    assert_ok(p2p_loop_new(&loop, NULL));
    world w = {.done_at = 0};
    assert_int_equal(p2p_sim_run_idle(loop), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_sim_run_until(loop, 0), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_sim_run_until_done(loop, done, &w, 0), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_sim_run_idle(NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_sim_run_until(NULL, 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_sim_run_until_done(NULL, done, &w, 0), P2P_ERR_INVALID);
    p2p_sim_set_wall(NULL, 0);
    p2p_sim_set_max_turns(NULL, 0);
    assert_int_equal(p2p_sim_seed(NULL), 0);
    p2p_sim_set_wall(loop, 0);
    p2p_sim_set_max_turns(loop, 0);
    assert_true(p2p_loop_wall(loop) > EPOCH);
    assert_ok(p2p_loop_free(loop));
}

static void on_ready(void *arg, unsigned ready)
{
    (void)arg;
    (void)ready;
}

static void test_no_descriptors(void **state)
{
    (void)state;
    world w;
    begin(&w);
    p2p_watch *watch;
    assert_int_equal(p2p_loop_fd(w.loop), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_watch_new(&watch, w.loop, 0, on_ready, NULL), P2P_ERR_UNSUPPORTED);
    end(&w);
}

/* --- clocks --- */

static void test_step(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_true(p2p_loop_deadline(w.loop) == P2P_NEVER);
    p2p_timer_start(&w.timers[0], 100);
    p2p_timer_start(&w.timers[1], 100);
    p2p_timer_start(&w.timers[2], 300);
    assert_int_equal(p2p_loop_deadline(w.loop), 100);
    assert_ok(p2p_loop_step(w.loop));
    assert_int_equal(p2p_loop_clock(w.loop), 100);
    assert_int_equal(w.calls, 2);
    assert_int_equal(p2p_loop_deadline(w.loop), 300);
    end(&w);
}

static void test_wall(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_int_equal(p2p_loop_now(w.loop), 0);
    assert_true(p2p_loop_wall(w.loop) == EPOCH);
    assert_int_equal(p2p_sim_run_until(w.loop, 90 * P2P_SECOND), P2P_SIM_IDLE);
    assert_true(p2p_loop_wall(w.loop) == EPOCH + 90 * P2P_SECOND);
    /* Jumps forward, and back, also to before the epoch; the monotonic clock takes no notice. */
    static const uint64_t jumps[] = {UINT64_C(4102444800) * P2P_SECOND, 17, 0, EPOCH};
    for (size_t i = 0; i < COUNT_OF(jumps); i++) {
        uint64_t now = p2p_loop_now(w.loop);
        p2p_sim_set_wall(w.loop, jumps[i]);
        assert_true(p2p_loop_wall(w.loop) == jumps[i]);
        assert_true(p2p_loop_now(w.loop) == now);
        assert_int_equal(p2p_sim_run_until(w.loop, now + 5), P2P_SIM_IDLE);
        assert_true(p2p_loop_wall(w.loop) == jumps[i] + 5);
    }
    end(&w);
}

/* A thousand timers that tick every second, for an hour. */
typedef struct clockwork {
    p2p_timer timer;
    size_t ticks;
} clockwork;

static void on_tick(void *arg)
{
    clockwork *c = arg;
    c->ticks++;
    p2p_timer_start_in(&c->timer, P2P_SECOND);
}

static void test_an_hour(void **state)
{
    (void)state;
    static clockwork all[1000];
    world w;
    begin(&w);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        p2p_timer_init(&all[i].timer, w.loop, on_tick, &all[i]);
        p2p_timer_start_in(&all[i].timer, 1 + i * P2P_MILLISECOND);
    }
    assert_int_equal(p2p_sim_run_until(w.loop, 3600 * P2P_SECOND), P2P_SIM_TIME);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_int_equal(all[i].ticks, 3600);
        p2p_timer_stop(&all[i].timer);
    }
    end(&w);
}

/* --- the seed --- */

static void test_secret(void **state)
{
    (void)state;
    uint8_t bytes[3][40];
    uint64_t jitter[3];
    for (uint64_t i = 0; i < 3; i++) {
        counted memory;
        p2p_loop *loop = counted_sim(&memory, 7 + i / 2);
        assert_int_equal(p2p_sim_seed(loop), 7 + i / 2);
        if (i == 1) /* the streams do not disturb each other */
            assert_ok(p2p_loop_secret(loop, bytes[2], sizeof bytes[2]));
        jitter[i] = p2p_loop_jitter(loop);
        counted_end(loop, &memory);
        loop = counted_sim(&memory, 7 + i / 2);
        if (i == 1)
            (void)p2p_loop_jitter(loop);
        assert_ok(p2p_loop_secret(loop, bytes[i], sizeof bytes[i]));
        counted_end(loop, &memory);
    }
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
    assert_memory_not_equal(bytes[0], bytes[2], sizeof bytes[0]);
    assert_true(jitter[0] == jitter[1] && jitter[0] != jitter[2]);
    assert_memory_not_equal(bytes[0], &jitter[0], sizeof jitter[0]);
    /* The same on every machine. */
    static const uint8_t known[8] = {0x54, 0xed, 0x41, 0x56, 0xbd, 0xfa, 0x10, 0x1e};
    assert_memory_equal(bytes[0], known, sizeof known);
}

/* A network with all kinds of trouble: tells to anybody, asks, crashes, partitions. */
enum { NODES = 40 };

typedef struct network {
    counted memory;
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *nodes[NODES];
    p2p_timer trouble;
    size_t answers;
    size_t ended;
} network;

static void choose_addr(network *n, p2p_addr *out)
{
    p2p_addr_from_mem(out, p2p_loop_jitter(n->loop) % NODES);
}

static network net;

static void on_message(void *arg, const p2p_msg *msg)
{
    p2p_swarm *swarm = arg;
    p2p_addr to;
    choose_addr(&net, &to);
    for (size_t i = 0; i < msg->len; i++)
        msg->data[i] = (uint8_t)(msg->data[i] * 5 + i);
    if (msg->len > 2)
        assert_ok(p2p_tell(swarm, &to, msg->data, msg->len - 1));
}

static void on_request(void *arg, const p2p_msg *msg, p2p_request request)
{
    (void)arg;
    assert_ok(msg->data[0] % 4 ? p2p_reply(request, msg->data, msg->len) : p2p_refuse(request, 9));
}

static void on_answer(void *arg, const p2p_answer *answer)
{
    network *n = arg;
    n->answers += answer->status == 0;
    n->ended++;
}

static void add_node(network *n, uint64_t number)
{
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.node = number;
    assert_ok(p2p_mem_new(&n->nodes[number], n->realm, &config));
    p2p_on_tell(n->nodes[number], on_message, n->nodes[number]);
    p2p_on_ask(n->nodes[number], on_request, NULL);
}

static void make_trouble(void *arg)
{
    network *n = arg;
    uint64_t node = p2p_loop_jitter(n->loop) % NODES;
    uint8_t text[40];
    p2p_addr to;
    choose_addr(n, &to);
    assert_ok(p2p_loop_secret(n->loop, text, sizeof text));
    switch (p2p_loop_jitter(n->loop) % 8) {
    case 0:
        assert_ok(p2p_realm_crash(n->realm, node));
        p2p_close(n->nodes[node], NULL, NULL);
        add_node(n, node);
        break;
    case 1:
        assert_ok(p2p_realm_set_side(n->realm, node, 1));
        break;
    case 2:
        p2p_realm_heal(n->realm);
        break;
    case 3:
    case 4:
    case 5:
        assert_ok(p2p_ask(n->nodes[node], &to, text, sizeof text, P2P_SECOND, NULL, on_answer, n));
        break;
    default:
        assert_ok(p2p_tell(n->nodes[node], &to, text, sizeof text));
        break;
    }
    if (p2p_loop_now(n->loop) < 20 * P2P_SECOND)
        p2p_timer_start_in(&n->trouble, p2p_loop_jitter(n->loop) % (20 * P2P_MILLISECOND));
}

static uint64_t run_network(uint64_t seed)
{
    static const p2p_link link = {.size = sizeof(p2p_link),
                                  .latency = 5 * P2P_MILLISECOND,
                                  .jitter = 20 * P2P_MILLISECOND,
                                  .loss = 0.05,
                                  .duplicate = 0.05,
                                  .reorder = 0.1,
                                  .reorder_delay = 100 * P2P_MILLISECOND,
                                  .corrupt = 0.02,
                                  .bandwidth = 100000};
    memset(&net, 0, sizeof net);
    net.loop = counted_sim(&net.memory, seed);
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.link = &link;
    assert_ok(p2p_realm_new(&net.realm, net.loop, &config));
    p2p_realm_hash_payloads(net.realm, 1);
    for (uint64_t i = 0; i < NODES; i++)
        add_node(&net, i);
    p2p_timer_init(&net.trouble, net.loop, make_trouble, &net);
    p2p_timer_start_in(&net.trouble, 0);
    assert_int_equal(p2p_sim_run_idle(net.loop), P2P_SIM_IDLE);
    assert_true(p2p_realm_delivered(net.realm) > 10000);
    assert_true(net.answers > 100 && net.ended > net.answers);
    uint64_t hash = p2p_realm_trace_hash(net.realm);
    for (size_t i = 0; i < NODES; i++)
        p2p_close(net.nodes[i], NULL, NULL);
    assert_int_equal(p2p_sim_run_idle(net.loop), P2P_SIM_IDLE);
    assert_ok(p2p_realm_free(net.realm));
    counted_end(net.loop, &net.memory);
    return hash;
}

/* The constant is the same with every compiler. It changes only with what the network does. */
static void test_same_seed(void **state)
{
    (void)state;
    uint64_t hash = run_network(1);
    assert_true(hash == run_network(1));
    assert_true(hash != run_network(2));
    assert_true(hash == UINT64_C(0x2da3d660f000f152));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_idle),
        cmocka_unit_test(test_run_until),
        cmocka_unit_test(test_run_until_done),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_max_turns),
        cmocka_unit_test(test_livelock_of_timers),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_other_loop),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_wall),
        cmocka_unit_test(test_an_hour),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_same_seed),
        cmocka_unit_test(test_max_turns_of_run),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
