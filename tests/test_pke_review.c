/* SPDX-License-Identifier: MIT */
/*
 * PKE swarms: callbacks that close or tell when a peer is forgotten for another, newcomers at
 * addresses where others claim to be, full prefixes, look-ups that fail, reflected handshakes.
 */
#include "core/bytes.h"
#include "core/rand.h"
#include "support/check.h"
#include "support/pke_net.h"
#include "support/wire_swarm.h"

#define LATENCY (5 * P2P_MILLISECOND)

enum { HELLO = 256, FORGED_KEYS = 32 };

typedef struct world world;

typedef struct node {
    world *world;
    p2p_swarm *swarm;
    p2p_signer *signer;
    p2p_addr inner;
    p2p_addr addr;
    unsigned got, up, gone;
    void (*on_gone)(struct node *n);
    p2p_addr next; /* whom on_gone tells */
} node;

struct world {
    counted memory;
    p2p_loop *loop;
    wire *wire;
    p2p__rand rand;
    const node *captured; /* whose hello is wanted */
    uint8_t hello[HELLO];
    size_t hello_len;
    bool inside; /* a call of a swarm */
};

static void on_tell(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    (void)msg;
    n->got++;
}

static void on_peer(void *arg, p2p_pke_peer_event event, const p2p_addr *peer, int reason)
{
    node *n = arg;
    (void)peer;
    (void)reason;
    assert_false(n->world->inside);
    n->up += event == P2P_PKE_PEER_UP;
    if (event != P2P_PKE_PEER_GONE)
        return;
    n->gone++;
    if (n->on_gone)
        n->on_gone(n);
}

static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    world *w = arg;
    (void)question;
    if (w->captured && p2p_addr_equal(sent->src, &w->captured->inner) && !w->hello_len) {
        assert_true(sent->len <= HELLO);
        memcpy(w->hello, sent->data, sent->len);
        w->hello_len = sent->len;
    }
    return 1;
}

static p2p_addr ip_addr(const char *text)
{
    p2p_addr addr;
    assert_ok(p2p_addr_parse(text, &addr));
    return addr;
}

static void begin(world *w)
{
    memset(w, 0, sizeof *w);
    w->loop = counted_sim(&w->memory, 1);
    w->wire = wire_new(w->loop, LATENCY);
    wire_on_send(w->wire, on_send, w);
    p2p__rand_seed(&w->rand, 1);
}

static void run(world *w, uint64_t duration)
{
    int end = p2p_sim_run_until(w->loop, p2p_loop_now(w->loop) + duration);
    assert_true(end == P2P_SIM_TIME || end == P2P_SIM_IDLE);
}

static void add_node(world *w, node *n, uint64_t key, const char *at, pke_change_fn change)
{
    p2p_pke_swarm_config config;
    p2p_swarm *inner = NULL;
    memset(n, 0, sizeof *n);
    n->world = w;
    n->signer = pke_test_signer(key);
    n->inner = ip_addr(at);
    assert_ok(wire_node(&inner, w->wire, &n->inner));
    p2p_pke_swarm_config_init(&config);
    config.signer = n->signer;
    if (change)
        change(&config);
    assert_ok(p2p_pke_swarm_new(&n->swarm, inner, &config));
    assert_ok(p2p_local_addr(n->swarm, &n->addr));
    p2p_on_tell(n->swarm, on_tell, n);
    assert_ok(p2p_pke_on_peer(n->swarm, on_peer, n));
}

static void remove_node(node *n)
{
    if (n->swarm)
        p2p_close(n->swarm, NULL, NULL);
    n->swarm = NULL;
    run(n->world, P2P_SECOND);
    p2p_signer_free(n->signer);
}

static void end(world *w)
{
    wire_free(w->wire);
    counted_end(w->loop, &w->memory);
}

static int say(node *n, const p2p_addr *to)
{
    n->world->inside = true;
    int err = p2p_tell(n->swarm, to, "hello", 5);
    n->world->inside = false;
    return err;
}

/* One of those who are not there. */
static p2p_addr nobody(uint8_t number)
{
    p2p_ip ip = {4, {192, 0, 2, number}, 0};
    p2p_addr addr;
    uint8_t id[P2P_PEER_ID_SIZE] = {number};
    assert_ok(p2p_addr_from_ip(&addr, &ip, 1));
    assert_ok(p2p_addr_wrap_peer(&addr, id, &addr));
    return addr;
}

static size_t peers_of(const node *n)
{
    p2p_pke_stats stats;
    size_t peers = 0;
    assert_ok(p2p_pke_swarm_stats(n->swarm, &stats, &peers));
    return peers;
}

static void as_reference(p2p_pke_swarm_config *config)
{
    config->no_extensions = 1;
}

/* --- who is forgotten for another --- */

static void two_peers(p2p_pke_swarm_config *config)
{
    config->max_peers = 2;
}

static void close_it(node *n)
{
    p2p_close(n->swarm, NULL, NULL);
    n->swarm = NULL;
}

static void tell_next(node *n)
{
    assert_ok(p2p_tell(n->swarm, &n->next, "hello", 5));
}

static void test_gone(void **state)
{
    (void)state;
    void (*const reactions[])(node *) = {NULL, close_it, tell_next};
    for (size_t i = 0; i < COUNT_OF(reactions); i++) {
        world w;
        node full, a, b;
        begin(&w);
        add_node(&w, &full, 1, "10.0.0.1:1", two_peers);
        add_node(&w, &a, 2, "10.0.1.1:1", NULL);
        add_node(&w, &b, 3, "10.0.2.1:1", NULL);
        assert_ok(say(&a, &full.addr));
        assert_ok(say(&b, &full.addr));
        run(&w, 20 * P2P_SECOND);
        assert_int_equal(full.got, 2);
        full.on_gone = reactions[i];
        full.next = nobody(7);
        assert_ok(say(&full, &full.next));
        assert_int_equal(full.gone, 0);
        run(&w, P2P_MILLISECOND);
        assert_int_equal(full.gone, 1);
        if (full.swarm)
            assert_int_equal(peers_of(&full), 2);
        remove_node(&full);
        remove_node(&a);
        remove_node(&b);
        end(&w);
    }
}

/* Closed with events that nobody has got yet. */
static void test_gone_and_closed(void **state)
{
    (void)state;
    world w;
    node full, a;
    begin(&w);
    add_node(&w, &full, 1, "10.0.0.1:1", two_peers);
    add_node(&w, &a, 2, "10.0.1.1:1", NULL);
    assert_ok(say(&a, &full.addr));
    run(&w, 20 * P2P_SECOND);
    for (uint8_t i = 1; i <= 2; i++) {
        p2p_addr to = nobody(i);
        assert_ok(say(&full, &to));
    }
    close_it(&full);
    remove_node(&full);
    assert_int_equal(full.gone, 0);
    remove_node(&a);
    end(&w);
}

/* --- newcomers where others claim to be --- */

typedef struct forged {
    uint8_t data[HELLO];
    size_t len;
} forged;

/* The InitHello of a node with that key. */
static void capture(world *w, uint64_t key, pke_change_fn change, forged *out)
{
    node from;
    p2p_addr to = nobody(9);
    add_node(w, &from, key, "10.9.9.9:9", change);
    w->captured = &from;
    w->hello_len = 0;
    assert_ok(p2p_tell(from.swarm, &to, "x", 1));
    run(w, P2P_MILLISECOND);
    assert_true(w->hello_len > 160);
    memcpy(out->data, w->hello, w->hello_len);
    out->len = w->hello_len;
    w->captured = NULL;
    remove_node(&from);
}

static void forge(world *w, forged *f, const node *as, const node *to)
{
    for (size_t i = 0; i < 4; i++)
        p2p__store64le(f->data + 4 + 8 * i, p2p__rand_next(&w->rand));
    wire_inject(w->wire, &as->inner, &to->inner, f->data, f->len);
}

static uint64_t counted_drops(const node *n)
{
    p2p_stats stats;
    p2p_swarm_stats(n->swarm, &stats);
    return stats.rx_drop_limit + stats.rx_drop_malformed;
}

/* So many InitHellos per second, each with another key than the last, in the name of a newcomer who
 * comes after three seconds: he gets in within a few. */
static void newcomer(unsigned per_second, pke_change_fn attacker, pke_change_fn comer)
{
    static forged with[FORGED_KEYS];
    world w;
    node victim, late;
    unsigned n = 0;
    begin(&w);
    for (size_t i = 0; i < FORGED_KEYS; i++)
        capture(&w, 100 + i, attacker, &with[i]);
    add_node(&w, &victim, 1, "10.0.0.1:1", NULL);
    add_node(&w, &late, 2, "10.0.2.2:2", comer);
    for (unsigned ms = 0; ms < 10000; ms++) {
        if (ms % (1000 / per_second) == 0)
            forge(&w, &with[n++ % FORGED_KEYS], &late, &victim);
        if (ms == 3037)
            assert_ok(say(&late, &victim.addr));
        run(&w, P2P_MILLISECOND);
    }
    run(&w, P2P_SECOND);
    assert_int_equal(late.up, 1);
    assert_int_equal(victim.got, 1);
    /* Each of them was answered or is counted as dropped. */
    p2p_pke_stats stats;
    assert_ok(p2p_pke_swarm_stats(victim.swarm, &stats, NULL));
    assert_true(counted_drops(&victim) + stats.handshakes_answered >= n);
    remove_node(&victim);
    remove_node(&late);
    end(&w);
}

static void test_newcomer(void **state)
{
    (void)state;
    static const unsigned rates[] = {5, 20, 50};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        newcomer(rates[i], NULL, NULL);
        newcomer(rates[i], as_reference, NULL);
        newcomer(rates[i], NULL, as_reference);
        newcomer(rates[i], as_reference, as_reference);
    }
}

/* --- full prefixes --- */

static void three_per_prefix(p2p_pke_swarm_config *config)
{
    config->max_peers_per_prefix = 3;
}

/* Guests who are quiet go for a new one, who talk stay. */
static void test_full_prefix(void **state)
{
    (void)state;
    static const char *const places[] = {"10.7.7.1:1", "10.7.7.2:1", "10.7.7.3:1",
                                         "10.7.7.4:1", "10.7.7.5:1", "10.7.7.6:1"};
    world w;
    node victim, guests[COUNT_OF(places)];
    begin(&w);
    add_node(&w, &victim, 1, "10.0.0.1:1", three_per_prefix);
    for (size_t i = 0; i < COUNT_OF(places); i++)
        add_node(&w, &guests[i], 10 + i, places[i], NULL);
    for (size_t i = 0; i < 3; i++)
        assert_ok(say(&guests[i], &victim.addr));
    for (int i = 0; i < 20; i++) {
        run(&w, P2P_SECOND);
        assert_ok(say(&guests[0], &victim.addr));
    }
    for (size_t i = 3; i < 5; i++) {
        assert_ok(say(&guests[i], &victim.addr));
        run(&w, 2 * P2P_SECOND);
        assert_int_equal(guests[i].up, 1);
        assert_int_equal(victim.gone, i - 2);
        assert_int_equal(peers_of(&victim), 3);
    }
    uint8_t key[256];
    size_t len = 0;
    assert_ok(p2p_peer_key(victim.swarm, &guests[0].addr, key, sizeof key, &len));
    /* All have just talked. */
    assert_ok(say(&guests[5], &victim.addr));
    run(&w, 2 * P2P_SECOND);
    assert_int_equal(guests[5].up, 0);
    assert_int_equal(victim.gone, 2);
    remove_node(&victim);
    for (size_t i = 0; i < COUNT_OF(places); i++)
        remove_node(&guests[i]);
    end(&w);
}

/* --- look-ups --- */

static void on_key(void *arg, int err, const uint8_t *key, size_t len)
{
    (void)err;
    (void)key;
    (void)len;
    (*(unsigned *)arg)++;
}

/* Whichever allocation of a look-up fails, nothing is left of it. */
static void test_lookup_fails(void **state)
{
    (void)state;
    world w;
    node n;
    unsigned called = 0;
    unsigned failed = 0;
    begin(&w);
    add_node(&w, &n, 1, "10.0.0.1:1", NULL);
    p2p_addr to = nobody(9);
    for (size_t i = 1; i < 50 && failed == i - 1; i++) {
        w.memory.fail_at = w.memory.calls + i;
        int err = p2p_lookup_key(n.swarm, &to, P2P_SECOND, on_key, &called);
        w.memory.fail_at = 0;
        if (!err)
            break;
        assert_int_equal(err, P2P_ERR_NO_MEMORY);
        assert_int_equal(peers_of(&n), 0);
        failed++;
    }
    assert_true(failed >= 3);
    run(&w, 2 * P2P_SECOND);
    assert_int_equal(called, 1);
    remove_node(&n);
    end(&w);
}

/* --- reflection --- */

/* Our own handshake that comes back is answered once, with no more than came, and leads nowhere. A
 * node with the same key is a peer like any other: a user's programs share one key file. */
static void test_reflected(void **state)
{
    (void)state;
    world w;
    node n, twin;
    p2p_pke_stats stats;
    begin(&w);
    add_node(&w, &n, 1, "10.0.0.1:1", NULL);
    add_node(&w, &twin, 1, "10.0.0.2:1", NULL);
    w.captured = &n;
    p2p_addr to = nobody(9);
    p2p_addr mirror = ip_addr("10.3.3.3:3");
    assert_ok(say(&n, &to));
    run(&w, P2P_MILLISECOND);
    assert_true(w.hello_len > 160);
    wire_inject(w.wire, &mirror, &n.inner, w.hello, w.hello_len);
    run(&w, 2 * LATENCY);
    assert_ok(p2p_pke_swarm_stats(n.swarm, &stats, NULL));
    assert_true(stats.handshakes_answered <= 1);
    assert_int_equal(stats.sessions_ready, 0);
    p2p_addr twin_addr;
    assert_ok(p2p_local_addr(twin.swarm, &twin_addr));
    assert_ok(say(&n, &twin_addr));
    run(&w, 10 * LATENCY);
    assert_ok(p2p_pke_swarm_stats(n.swarm, &stats, NULL));
    assert_int_equal(stats.sessions_ready, 1);
    remove_node(&n);
    remove_node(&twin);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone),         cmocka_unit_test(test_gone_and_closed),
        cmocka_unit_test(test_newcomer),     cmocka_unit_test(test_full_prefix),
        cmocka_unit_test(test_lookup_fails), cmocka_unit_test(test_reflected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
