/* SPDX-License-Identifier: MIT */
/* What the library logs of the life of swarms, and to whom. */
#include <p2p/pke.h>
#include <p2p/sim.h>
#include <p2p/udp.h>

#include "support/check.h"
#include "support/pke_net.h"

enum { LINES = 16 };

typedef struct lines {
    size_t count;
    char text[LINES][COUNTED_LOG];
} lines;

static void keep(void *arg, p2p_log_level level, const char *text)
{
    lines *l = arg;
    assert_int_equal(level, P2P_LOG_INFO);
    assert_true(l->count < LINES);
    (void)snprintf(l->text[l->count++], COUNTED_LOG, "%s", text);
}

static p2p_loop_config config_of(lines *l, p2p_log_level level)
{
    p2p_loop_config config;
    memset(l, 0, sizeof *l);
    p2p_loop_config_init(&config);
    config.log = keep;
    config.log_arg = l;
    config.log_level = level;
    return config;
}

static void expect(const lines *l, size_t line, const char *what, const char *whose)
{
    char text[COUNTED_LOG];
    (void)snprintf(text, sizeof text, "%s%s", what, whose);
    assert_true(line < l->count);
    assert_string_equal(l->text[line], text);
}

static void live_udp(lines *l, p2p_log_level level, char *text)
{
    p2p_loop_config config = config_of(l, level);
    p2p_udp_config udp;
    p2p_loop *loop;
    p2p_swarm *swarm;
    p2p_addr addr;
    assert_ok(p2p_loop_new(&loop, &config));
    p2p_udp_config_init(&udp);
    udp.bind = "127.0.0.1:0";
    assert_ok(p2p_udp_new(&swarm, loop, &udp));
    assert_ok(p2p_local_addr(swarm, &addr));
    assert_ok(p2p_addr_text(&addr, text, P2P_ADDR_TEXT_SIZE));
    p2p_close(swarm, NULL, NULL);
    assert_ok(p2p_loop_run(loop));
    assert_ok(p2p_loop_free(loop));
}

static void test_udp(void **state)
{
    (void)state;
    lines l;
    char text[P2P_ADDR_TEXT_SIZE];
    live_udp(&l, P2P_LOG_INFO, text);
    expect(&l, 0, "udp: bound to ", text);
    expect(&l, 1, "udp: closed ", text);
    assert_int_equal(l.count, 2);
    live_udp(&l, P2P_LOG_WARN, text);
    assert_int_equal(l.count, 0);
}

static void drop(void *arg, const p2p_msg *msg)
{
    (void)arg;
    (void)msg;
}

typedef struct pke_pair {
    p2p_loop *loop;
    p2p_realm *realm;
    p2p_swarm *swarm[2];
    char addr[2][P2P_ADDR_TEXT_SIZE];
    char id[2][P2P_PEER_ID_TEXT_LEN + 1];
    p2p_signer *signer[2];
} pke_pair;

static void open_pke(pke_pair *p, size_t i)
{
    p2p_pke_swarm_config config;
    p2p_swarm *inner;
    p2p_addr addr;
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_pke_swarm_config_init(&config);
    config.signer = p->signer[i] = pke_test_signer(i + 1);
    assert_ok(p2p_mem_new(&inner, p->realm, NULL));
    assert_ok(p2p_pke_swarm_new(&p->swarm[i], inner, &config));
    p2p_on_tell(p->swarm[i], drop, NULL);
    assert_ok(p2p_local_addr(p->swarm[i], &addr));
    assert_ok(p2p_addr_text(&addr, p->addr[i], P2P_ADDR_TEXT_SIZE));
    assert_ok(p2p_pke_swarm_id(p->swarm[i], id));
    p2p_peer_id_text(id, p->id[i]);
}

/* One says something to the other, who is then forgotten; both close. */
static void live_pke(pke_pair *p, lines *l, p2p_log_level level)
{
    p2p_loop_config config = config_of(l, level);
    p2p_addr addr;
    assert_ok(p2p_sim_new(&p->loop, &config));
    assert_ok(p2p_realm_new(&p->realm, p->loop, NULL));
    open_pke(p, 0);
    open_pke(p, 1);
    assert_ok(p2p_addr_parse(p->addr[1], &addr));
    assert_ok(p2p_tell(p->swarm[0], &addr, "hi", 2));
    assert_int_equal(p2p_sim_run_until(p->loop, 1000 * P2P_SECOND), P2P_SIM_IDLE);
    for (size_t i = 0; i < 2; i++)
        p2p_close(p->swarm[i], NULL, NULL);
    assert_int_equal(p2p_sim_run_idle(p->loop), P2P_SIM_IDLE);
    for (size_t i = 0; i < 2; i++)
        p2p_signer_free(p->signer[i]);
    assert_ok(p2p_realm_free(p->realm));
    assert_ok(p2p_loop_free(p->loop));
}

static size_t count_of(const lines *l, const char *what, const char *whose)
{
    char text[COUNTED_LOG];
    size_t n = 0;
    (void)snprintf(text, sizeof text, "%s%s", what, whose);
    for (size_t i = 0; i < l->count; i++)
        n += strcmp(l->text[i], text) == 0;
    return n;
}

static void test_pke(void **state)
{
    (void)state;
    lines l;
    pke_pair p;
    live_pke(&p, &l, P2P_LOG_INFO);
    for (size_t i = 0; i < 2; i++) {
        expect(&l, i, "pke: ready, id ", p.id[i]);
        assert_int_equal(count_of(&l, "pke: peer up ", p.addr[i]), 1);
        assert_int_equal(count_of(&l, "pke: peer gone ", p.addr[i]), 1);
        expect(&l, 6 + i, "pke: closed, id ", p.id[i]);
    }
    assert_int_equal(l.count, 8);
    live_pke(&p, &l, P2P_LOG_WARN);
    assert_int_equal(l.count, 0);
}

static void live_bridge(lines l[2], p2p_log_level level)
{
    p2p_loop *loop[2];
    p2p_realm *realm[2];
    p2p_bridge *bridge;
    for (size_t i = 0; i < 2; i++) {
        p2p_loop_config config = config_of(&l[i], level);
        p2p_realm_config numbers;
        p2p_realm_config_init(&numbers);
        numbers.first_node = 100 * i;
        numbers.max_nodes = 100;
        assert_ok(p2p_sim_new(&loop[i], &config));
        assert_ok(p2p_realm_new(&realm[i], loop[i], &numbers));
    }
    assert_ok(p2p_bridge_new(&bridge, realm[0], realm[1], 0));
    assert_ok(p2p_bridge_free(bridge));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(p2p_realm_free(realm[i]));
        assert_ok(p2p_loop_free(loop[i]));
    }
}

static void test_bridge(void **state)
{
    static const char *const way[] = {"mem: bridge to nodes from 100 to 199 ",
                                      "mem: bridge to nodes from 0 to 99 "};
    lines l[2];
    (void)state;
    live_bridge(l, P2P_LOG_INFO);
    for (size_t i = 0; i < 2; i++) {
        expect(&l[i], 0, way[i], "made");
        expect(&l[i], 1, way[i], "taken down");
        assert_int_equal(l[i].count, 2);
    }
    live_bridge(l, P2P_LOG_WARN);
    assert_int_equal(l[0].count + l[1].count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_pke),
        cmocka_unit_test(test_bridge),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
