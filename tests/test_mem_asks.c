/* SPDX-License-Identifier: MIT */
/* Asks between memory swarms: endings, limits, holding, restarts. */
#include "support/check.h"
#include "support/realm_nodes.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

/* Two nodes that can ask each other. */
typedef struct two {
    field f;
    node a, b;
} two;

static void begin(two *t, const p2p_link *link, const p2p_mem_config *config)
{
    field_begin(&t->f, 0, link);
    node_open(&t->a, t->f.realm, config);
    node_open(&t->b, t->f.realm, config);
}

static void end(two *t)
{
    if (t->a.swarm)
        node_close(&t->a);
    if (t->b.swarm)
        node_close(&t->b);
    field_end(&t->f);
}

static void test_answers(void **state)
{
    (void)state;
    two t;
    reply r, s;
    begin(&t, &slow, NULL);
    assert_ok(node_ask(&t.a, &t.b, "one", 0, &r));
    assert_ok(node_ask(&t.a, &t.b, "", 0, &s));
    assert_true(r.id != s.id && r.id && s.id);
    assert_int_equal(r.calls, 0);
    field_run(&t.f);
    check_reply(&r, "one");
    check_reply(&s, "");
    assert_int_equal(r.at, 2 * slow.latency);
    assert_int_equal(t.b.requests, 2);
    assert_ok(node_ask(&t.a, &t.a, "myself", 0, &r));
    field_run(&t.f);
    check_reply(&r, "myself");
    p2p_stats a = node_stats(&t.a);
    p2p_stats b = node_stats(&t.b);
    assert_int_equal(a.ask_started, 3);
    assert_int_equal(a.ask_answered, 3);
    assert_int_equal(b.ask_served, 2);
    end(&t);
}

static void test_largest(void **state)
{
    (void)state;
    two t;
    static uint8_t big[(1 << 20) + 1];
    reply r = {.calls = 0};
    begin(&t, NULL, NULL);
    r.loop = t.f.loop;
    t.b.hold = 1;
    p2p_answer_fn never = NULL;
    assert_int_equal(p2p_ask(t.a.swarm, &t.b.addr, "x", 1, 0, NULL, never, NULL), P2P_ERR_INVALID);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    field_run_for(&t.f, 1);
    assert_int_equal(p2p_ask_mtu(t.a.swarm, &t.b.addr), 1 << 20);
    assert_int_equal(p2p_reply(t.b.request, big, sizeof big), P2P_ERR_TOO_BIG);
    assert_ok(p2p_reply(t.b.request, big, sizeof big - 1)); /* it was still open */
    field_run(&t.f);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.len, 1 << 20);
    end(&t);
}

static void refuse_nine(void *arg, const p2p_msg *msg, p2p_request request)
{
    (void)arg;
    (void)msg;
    assert_int_equal(p2p_refuse(request, 0), P2P_ERR_INVALID);
    assert_ok(p2p_refuse(request, 9));
    assert_int_equal(p2p_refuse(request, 9), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_reply(request, NULL, 0), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_request_hold(request), P2P_ERR_NOT_FOUND);
}

static void forget(void *arg, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    *(p2p_request *)arg = request;
}

static void test_other_endings(void **state)
{
    (void)state;
    two t;
    reply r;
    p2p_request kept = {NULL, 0};
    begin(&t, NULL, NULL);
    p2p_on_ask(t.b.swarm, refuse_nine, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    field_run(&t.f);
    assert_int_equal(r.status, P2P_ERR_REFUSED);
    assert_int_equal(r.code, 9);
    p2p_on_ask(t.b.swarm, forget, &kept);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    field_run(&t.f);
    assert_int_equal(r.status, P2P_ERR_REFUSED);
    assert_int_equal(r.code, P2P_CODE_DROPPED);
    assert_int_equal(p2p_reply(kept, NULL, 0), P2P_ERR_NOT_FOUND);
    p2p_on_ask(t.b.swarm, NULL, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    field_run(&t.f);
    assert_int_equal(r.status, P2P_ERR_NO_HANDLER);
    assert_int_equal(r.calls, 1);
    p2p_stats stats = node_stats(&t.a);
    assert_int_equal(stats.ask_failed, 3);
    stats = node_stats(&t.b);
    assert_int_equal(stats.ask_served, 1);
    assert_int_equal(stats.rx_drop_unhandled, 1);
    end(&t);
}

/* Nobody there: known after one round trip. */
static void test_unreachable(void **state)
{
    (void)state;
    two t;
    reply r;
    node nobody = {0};
    begin(&t, &slow, NULL);
    static const uint64_t numbers[] = {2, 99999999, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uint64_t start = p2p_loop_now(t.f.loop);
        p2p_addr_from_mem(&nobody.addr, numbers[i]);
        assert_ok(node_ask(&t.a, &nobody, "?", 0, &r));
        field_run(&t.f);
        assert_int_equal(r.status, P2P_ERR_UNREACHABLE);
        assert_int_equal(r.calls, 1);
        assert_int_equal(r.at - start, 2 * slow.latency);
    }
    end(&t);
}

static void test_hold(void **state)
{
    (void)state;
    two t;
    reply r;
    begin(&t, NULL, NULL);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "later", P2P_SECOND, &r));
    field_run_for(&t.f, P2P_SECOND / 2);
    assert_int_equal(r.calls, 0);
    assert_ok(p2p_request_hold(t.b.request)); /* again changes nothing */
    assert_ok(p2p_reply(t.b.request, "now", 3));
    assert_int_equal(p2p_reply(t.b.request, "now", 3), P2P_ERR_NOT_FOUND);
    field_run(&t.f);
    check_reply(&r, "now");

    /* Held for too long. */
    assert_ok(node_ask(&t.a, &t.b, "later", P2P_SECOND, &r));
    field_run_for(&t.f, P2P_SECOND - 1);
    assert_int_equal(r.calls, 0);
    field_run_for(&t.f, 1);
    assert_int_equal(r.status, P2P_ERR_TIMEOUT);
    assert_int_equal(p2p_reply(t.b.request, "now", 3), P2P_ERR_NOT_FOUND);
    field_run(&t.f);
    assert_int_equal(r.calls, 1);
    assert_int_equal(node_stats(&t.b).ask_expired, 1);
    end(&t);
}

/* The default time limit, and what comes after the end. */
static void test_late(void **state)
{
    (void)state;
    two t;
    reply r, s;
    static const p2p_link far = {.size = sizeof(p2p_link), .latency = 20 * P2P_SECOND};
    begin(&t, &far, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    assert_ok(node_ask(&t.a, &t.b, "?", 40 * P2P_SECOND, &s));
    field_run(&t.f);
    assert_int_equal(r.status, P2P_ERR_TIMEOUT);
    assert_int_equal(r.at, 30 * P2P_SECOND);
    assert_int_equal(r.calls, 1);
    assert_int_equal(s.calls, 1);
    p2p_stats stats = node_stats(&t.a);
    assert_int_equal(stats.rx_drop_late, 1 + (s.status != 0));
    end(&t);
}

static void test_cancel(void **state)
{
    (void)state;
    two t;
    reply r, s;
    begin(&t, &slow, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &r));
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &s));
    assert_ok(p2p_ask_cancel(t.a.swarm, r.id));
    assert_int_equal(p2p_ask_cancel(t.a.swarm, r.id), P2P_ERR_NOT_FOUND);
    field_run_for(&t.f, slow.latency);
    assert_int_equal(t.b.requests, 2); /* it was on its way */
    field_run(&t.f);
    assert_int_equal(r.calls, 0);
    assert_int_equal(s.calls, 1);
    assert_int_equal(p2p_ask_cancel(t.a.swarm, s.id), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_ask_cancel(t.a.swarm, 0), P2P_ERR_NOT_FOUND);
    assert_int_equal(p2p_ask_cancel(t.a.swarm, 12345), P2P_ERR_NOT_FOUND);
    p2p_stats stats = node_stats(&t.a);
    assert_int_equal(stats.ask_cancelled, 1);
    assert_int_equal(stats.rx_drop_late, 1);
    end(&t);
}

/* Pending asks, and requests being served, each at N and N + 1. */
static void test_limits(void **state)
{
    (void)state;
    two t;
    reply r[21];
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_asks = 10;
    begin(&t, NULL, &config);
    node c;
    node_open(&c, t.f.realm, &config);
    t.b.hold = 1;
    for (size_t i = 0; i < 10; i++)
        assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r[i]));
    assert_int_equal(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r[10]), P2P_ERR_LIMIT);
    assert_int_equal(node_stats(&t.a).tx_again, 1);
    field_run_for(&t.f, 1);
    assert_int_equal(t.b.requests, 10);
    assert_ok(node_ask(&c, &t.b, "?", P2P_SECOND, &r[11]));
    field_run_for(&t.f, 1);
    assert_int_equal(r[11].status, P2P_ERR_REFUSED);
    assert_int_equal(r[11].code, P2P_CODE_BUSY);
    assert_int_equal(node_stats(&t.b).rx_drop_limit, 1);
    /* Each one that ends makes room for one. */
    assert_ok(p2p_ask_cancel(t.a.swarm, r[0].id));
    assert_ok(node_ask(&t.a, &c, "?", P2P_SECOND, &r[0]));
    assert_int_equal(node_ask(&t.a, &c, "?", P2P_SECOND, &r[12]), P2P_ERR_LIMIT);
    assert_ok(p2p_reply(t.b.request, "x", 1));
    assert_ok(node_ask(&c, &t.b, "?", P2P_SECOND, &r[12]));
    field_run_for(&t.f, 1);
    check_reply(&r[0], "?");
    check_reply(&r[9], "x");
    assert_int_equal(r[12].calls, 0);
    field_run(&t.f);
    for (size_t i = 1; i < 9; i++)
        assert_int_equal(r[i].status, P2P_ERR_TIMEOUT);
    assert_int_equal(r[12].status, P2P_ERR_TIMEOUT);
    node_close(&c);
    end(&t);
}

/* Asks that were cancelled count until nothing of them is under way, lost and resent or not. */
static void test_cancelled_in_flight(void **state)
{
    (void)state;
    two t;
    reply r;
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_asks = 10;
    p2p_link bad = slow;
    for (bad.loss = 0; bad.loss < 1; bad.loss += 0.5) {
        begin(&t, &bad, &config);
        for (size_t round = 0; round < 1000; round++) {
            size_t accepted = 0;
            for (size_t i = 0; i < 20; i++)
                if (!node_ask(&t.a, &t.b, "?", P2P_SECOND, &r)) {
                    assert_ok(p2p_ask_cancel(t.a.swarm, r.id));
                    accepted++;
                }
            assert_true(accepted <= 10);
            if (!round)
                assert_int_equal(accepted, 10);
            assert_in_range(p2p_realm_in_flight(t.f.realm), 0, 10);
            field_run_for(&t.f, P2P_MILLISECOND);
        }
        assert_true(t.b.requests > 20);
        field_run(&t.f);
        for (size_t i = 0; i < 10; i++)
            assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r));
        assert_int_equal(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r), P2P_ERR_LIMIT);
        end(&t);
    }
}

/* What the crashed node had asked does not count for the one that is restarted. */
static void test_restarted_limit(void **state)
{
    (void)state;
    two t;
    node again;
    reply r[2];
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.max_asks = 1;
    begin(&t, &slow, &config);
    config.node = t.a.number;
    assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r[0]));
    assert_ok(p2p_realm_crash(t.f.realm, t.a.number));
    node_open(&again, t.f.realm, &config);
    field_run_for(&t.f, slow.latency / 2);
    assert_ok(node_ask(&again, &t.b, "?", P2P_SECOND, &r[1]));
    field_run_for(&t.f, slow.latency / 2); /* the old request arrives */
    assert_int_equal(node_ask(&again, &t.b, "?", P2P_SECOND, &r[0]), P2P_ERR_LIMIT);
    field_run(&t.f);
    check_reply(&r[1], "?");
    node_close(&again);
    end(&t);
}

/* A response that is lost is the loss of who sent it, not of who has its number now. */
static void test_restarted_losses(void **state)
{
    (void)state;
    two t;
    node again;
    reply r;
    begin(&t, &slow, NULL);
    assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r));
    field_run_for(&t.f, slow.latency);
    assert_int_equal(t.b.requests, 1);
    node_close(&t.b); /* the response is under way */
    field_run_for(&t.f, 0);
    node_open_at(&again, t.f.realm, t.b.number);
    assert_ok(p2p_realm_set_side(t.f.realm, again.number, 1));
    field_run(&t.f);
    assert_int_equal(r.status, P2P_ERR_TIMEOUT);
    assert_int_equal(node_stats(&again).tx_drop_network, 0);
    t.b = again;
    end(&t);
}

static void test_close(void **state)
{
    (void)state;
    two t;
    reply from_closed, to_closed, held;
    begin(&t, &slow, NULL);
    t.b.hold = t.a.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &held));
    field_run_for(&t.f, slow.latency);
    assert_ok(node_ask(&t.b, &t.a, "?", 0, &from_closed));
    field_run_for(&t.f, slow.latency);
    assert_ok(node_ask(&t.a, &t.b, "?", 0, &to_closed));
    p2p_request request = t.b.request;
    node_close(&t.b);
    assert_int_equal(p2p_reply(request, "x", 1), P2P_ERR_CLOSED);
    assert_int_equal(from_closed.calls, 0);
    field_run(&t.f);
    assert_int_equal(from_closed.status, P2P_ERR_CLOSED);
    assert_int_equal(from_closed.calls, 1);
    assert_int_equal(held.status, P2P_ERR_REFUSED);
    assert_int_equal(held.code, P2P_CODE_DROPPED);
    assert_int_equal(to_closed.status, P2P_ERR_UNREACHABLE);
    end(&t);
}

static void close_me(void *arg, const p2p_msg *msg, p2p_request request)
{
    node *n = arg;
    (void)msg;
    (void)request;
    n->requests++;
    node_close(n);
}

static void test_close_in_handler(void **state)
{
    (void)state;
    two t;
    reply r[3];
    begin(&t, NULL, NULL);
    p2p_on_ask(t.b.swarm, close_me, &t.b);
    for (size_t i = 0; i < 3; i++)
        assert_ok(node_ask(&t.a, &t.b, "?", 0, &r[i]));
    field_run(&t.f);
    assert_int_equal(t.b.requests, 1);
    assert_int_equal(r[0].status, P2P_ERR_REFUSED);
    assert_int_equal(r[1].status, P2P_ERR_UNREACHABLE);
    assert_int_equal(r[2].status, P2P_ERR_UNREACHABLE);
    end(&t);
}

/* The answer to an ask of a node that crashed is not one to the node that was restarted. */
static void test_restarted_asker(void **state)
{
    (void)state;
    two t;
    node again;
    reply old, new;
    begin(&t, &slow, NULL);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "old", P2P_SECOND, &old));
    field_run_for(&t.f, slow.latency);
    p2p_request request = t.b.request;
    assert_ok(p2p_realm_crash(t.f.realm, t.a.number));
    node_open_at(&again, t.f.realm, t.a.number);
    assert_ok(node_ask(&again, &t.b, "new", P2P_SECOND, &new));
    assert_ok(p2p_reply(request, "to the old", 10));
    field_run_for(&t.f, slow.latency);
    assert_int_equal(new.calls, 0);
    assert_int_equal(node_stats(&again).rx_drop_late, 1);
    assert_ok(p2p_reply(t.b.request, "to the new", 10));
    field_run(&t.f);
    check_reply(&new, "to the new");
    assert_int_equal(old.status, P2P_ERR_TIMEOUT);
    node_close(&again);
    end(&t);
}

/* A request that reaches a node that was restarted is one like any other. */
static void test_restarted_server(void **state)
{
    (void)state;
    two t;
    node again;
    reply r, held;
    begin(&t, &slow, NULL);
    t.b.hold = 1;
    assert_ok(node_ask(&t.a, &t.b, "held", P2P_SECOND, &held));
    field_run_for(&t.f, slow.latency);
    assert_ok(node_ask(&t.a, &t.b, "?", P2P_SECOND, &r));
    assert_ok(p2p_realm_crash(t.f.realm, t.b.number));
    node_open_at(&again, t.f.realm, t.b.number);
    assert_ok(p2p_reply(t.b.request, "x", 1)); /* it never leaves */
    field_run(&t.f);
    check_reply(&r, "?");
    assert_int_equal(again.requests, 1);
    assert_int_equal(held.status, P2P_ERR_TIMEOUT);
    assert_int_equal(node_stats(&t.b).tx_drop_network, 1);
    node_close(&again);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_other_endings),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cancelled_in_flight),
        cmocka_unit_test(test_restarted_limit),
        cmocka_unit_test(test_restarted_losses),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_close_in_handler),
        cmocka_unit_test(test_restarted_asker),
        cmocka_unit_test(test_restarted_server),
    };
    return cmocka_run_group_tests_name("mem_asks", tests, NULL, NULL);
}
