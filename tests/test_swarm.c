/* SPDX-License-Identifier: MIT */
/* What the public functions do before they reach a swarm: misuse, and who may close whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/mem.h>
#include <p2p/sim.h>
#include <p2p/swarm_ops.h>

/* A swarm that only passes on. */
typedef struct layer {
    p2p_swarm base;
} layer;

static int layer_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n,
                      size_t len)
{
    (void)len;
    return p2p_tellv(swarm->inner, dst, iov, n);
}

static void layer_free(p2p_swarm *swarm)
{
    free(swarm);
}

static const p2p_swarm_ops layer_ops = {
    .size = offsetof(p2p_swarm_ops, reserve), /* as an author who knew no more */
    .kind = "layer",
    .tell = layer_tell,
    .free = layer_free,
};

static int logged;

static void count_log(void *arg, p2p_log_level level, const char *text)
{
    (void)arg;
    assert_int_equal(level, P2P_LOG_ERROR);
    assert_non_null(strstr(text, "mem"));
    logged++;
}

static void count_call(void *arg)
{
    (*(int *)arg)++;
}

/* Closing the inner swarm by hand is ignored, so the outer one still works and still closes. */
static void test_inner_is_owned(void **state)
{
    (void)state;
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *inner;
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.log = count_log;
    assert_int_equal(p2p_sim_new(&loop, &config), 0);
    assert_int_equal(p2p_realm_new(&realm, loop, NULL), 0);
    assert_int_equal(p2p_mem_new(&inner, realm, NULL), 0);
    layer *outer = calloc(1, sizeof *outer);
    assert_non_null(outer);
    p2p_swarm_init(&outer->base, &layer_ops, loop, inner);
    int by_hand = 0;
    int closed = 0;
    logged = 0;
    p2p_close(p2p_swarm_inner(&outer->base), count_call, &by_hand);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(logged, 1);
    p2p_addr self;
    uint8_t *room;
    assert_int_equal(p2p_local_addr(&outer->base, &self), 0);
    assert_int_equal(p2p_tell(&outer->base, &self, "x", 1), 0);
    assert_int_equal(p2p_tell_reserve(&outer->base, &self, 1, &room), P2P_ERR_UNSUPPORTED);
    assert_int_equal(p2p_swarm_unsent(&outer->base), 0);
    p2p_close(&outer->base, count_call, &closed);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(closed, 1);
    assert_int_equal(by_hand, 0);
    assert_int_equal(p2p_realm_free(realm), 0);
    assert_int_equal(p2p_loop_free(loop), 0);
}

/* A maker that gives up gives the inner swarm back. */
static void test_abandon(void **state)
{
    (void)state;
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *inner;
    layer outer;
    int closed = 0;
    assert_int_equal(p2p_sim_new(&loop, NULL), 0);
    assert_int_equal(p2p_realm_new(&realm, loop, NULL), 0);
    assert_int_equal(p2p_mem_new(&inner, realm, NULL), 0);
    p2p_swarm_init(&outer.base, &layer_ops, loop, inner);
    p2p_swarm_abandon(&outer.base);
    p2p_close(inner, count_call, &closed);
    assert_int_equal(p2p_sim_run_idle(loop), P2P_SIM_IDLE);
    assert_int_equal(closed, 1);
    assert_int_equal(p2p_realm_free(realm), 0);
    assert_int_equal(p2p_loop_free(loop), 0);
}

static void on_answer(void *arg, const p2p_answer *answer)
{
    (void)arg;
    (void)answer;
}

/* NULL where something is needed is an error, or nothing happens; never a crash. */
static void test_null(void **state)
{
    (void)state;
    p2p_addr addr;
    p2p_request none = {NULL, 1};
    p2p_stats stats;
    size_t n;
    memset(&stats, 0xff, sizeof stats);
    p2p_addr_from_mem(&addr, 1);
    assert_int_equal(p2p_tell(NULL, &addr, "", 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_ask(NULL, &addr, "", 0, 0, NULL, on_answer, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_ask_cancel(NULL, 1), P2P_ERR_INVALID);
    assert_int_equal(p2p_reply(none, "", 0), P2P_ERR_INVALID);
    assert_int_equal(p2p_refuse(none, 1), P2P_ERR_INVALID);
    assert_int_equal(p2p_request_hold(none), P2P_ERR_INVALID);
    assert_int_equal(p2p_public_key(NULL, NULL, 0, &n), P2P_ERR_INVALID);
    assert_int_equal(p2p_local_addrs(NULL, NULL, 0, &n), P2P_ERR_INVALID);
    assert_int_equal(p2p_local_addr(NULL, &addr), P2P_ERR_INVALID);
    assert_int_equal(p2p_parse_addr(NULL, "1", &addr), P2P_ERR_INVALID);
    assert_int_equal(p2p_mtu(NULL, NULL), 0);
    assert_int_equal(p2p_swarm_unsent(NULL), 0);
    assert_int_equal(p2p_ask_mtu(NULL, NULL), 0);
    assert_false(p2p_can_ask(NULL));
    assert_false(p2p_is_secure(NULL));
    assert_string_equal(p2p_swarm_kind(NULL), "none");
    assert_null(p2p_swarm_loop(NULL));
    assert_null(p2p_swarm_inner(NULL));
    p2p_swarm_stats(NULL, &stats);
    assert_int_equal(stats.tx_msgs, 0);
    p2p_on_tell(NULL, NULL, NULL);
    p2p_on_ask(NULL, NULL, NULL);
    p2p_on_writable(NULL, NULL, NULL);
    p2p_close(NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_is_owned),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests_name("swarm", tests, NULL, NULL);
}
