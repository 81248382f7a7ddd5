/* SPDX-License-Identifier: MIT */
/*
 * PKE swarms under attack, in virtual time: 100,000 datagrams per second with addresses that are
 * not the sender's. Whatever they are, memory is bounded, nothing is answered with more than it
 * asked, who is connected does not notice, and who is new gets in.
 */
#include "core/bytes.h"
#include "core/rand.h"
#include "support/check.h"
#include "support/pke_net.h"
#include "support/wire_swarm.h"

#define LATENCY (5 * P2P_MILLISECOND)

enum {
    PER_MILLISECOND = 100,
    FLOOD_MS = 3000,
    HELLO = 256,
    MEMORY_LIMIT = 2 << 20, /* beyond what there was before */
};

typedef struct attack attack;

typedef struct node {
    attack *attack;
    p2p_swarm *swarm;
    p2p_signer *signer;
    p2p_addr inner;
    p2p_addr addr;
    unsigned got;
    uint64_t last; /* number, of the last message */
    unsigned up, failed;
} node;

struct attack {
    counted memory;
    p2p_loop *loop;
    wire *wire;
    p2p__rand rand;
    node victim, peer, newcomer;
    uint8_t hello[HELLO]; /* what the attacker sends, before he changes it */
    size_t hello_len;
    p2p_addr captured_from; /* whose hello is wanted */
    unsigned injected;
    unsigned replies; /* of the victim, to those who are neither of the others */
    size_t peak;
    uint64_t told; /* by the peer */
};

/* --- nodes --- */

static void on_tell(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    n->got++;
    if (msg->len == 8)
        n->last = p2p__load64le(msg->data);
}

static void on_peer(void *arg, p2p_pke_peer_event event, const p2p_addr *peer, int reason)
{
    node *n = arg;
    (void)peer;
    (void)reason;
    n->up += event == P2P_PKE_PEER_UP;
    n->failed += event == P2P_PKE_PEER_FAILED;
}

static p2p_addr ip_addr(const char *text)
{
    p2p_addr addr;
    assert_ok(p2p_addr_parse(text, &addr));
    return addr;
}

/* Makes a node. `change` may be NULL. */
static void add_node(attack *a, node *n, uint64_t key, const char *at, pke_change_fn change)
{
    p2p_pke_swarm_config config;
    p2p_swarm *inner = NULL;
    memset(n, 0, sizeof *n);
    n->attack = a;
    n->signer = pke_test_signer(key);
    n->inner = ip_addr(at);
    assert_ok(wire_node(&inner, a->wire, &n->inner));
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
}

static p2p_pke_stats stats_of(const node *n)
{
    p2p_pke_stats stats;
    assert_ok(p2p_pke_swarm_stats(n->swarm, &stats, NULL));
    return stats;
}

static size_t peers_of(const node *n)
{
    p2p_pke_stats stats;
    size_t peers = 0;
    assert_ok(p2p_pke_swarm_stats(n->swarm, &stats, &peers));
    return peers;
}

/* --- the wire --- */

static void run(attack *a, uint64_t duration)
{
    int end = p2p_sim_run_until(a->loop, p2p_loop_now(a->loop) + duration);
    assert_true(end == P2P_SIM_TIME || end == P2P_SIM_IDLE);
}

/* Before anybody has proven his address, he gets at most one datagram for each, and no longer
 * one. */
static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    attack *a = arg;
    if (p2p_addr_equal(sent->src, &a->captured_from) && !a->hello_len) {
        assert_true(sent->len <= HELLO);
        memcpy(a->hello, sent->data, sent->len);
        a->hello_len = sent->len;
    }
    if (!p2p_addr_equal(sent->src, &a->victim.inner) || p2p_addr_equal(sent->dst, &a->peer.inner) ||
        p2p_addr_equal(sent->dst, &a->newcomer.inner))
        return 1;
    a->replies++;
    assert_non_null(question);
    assert_true(p2p_addr_equal(question->src, sent->dst));
    assert_true(sent->len <= question->len);
    return 0;
}

static void as_reference(p2p_pke_swarm_config *config)
{
    config->no_extensions = 1;
}

static void begin_with(attack *a, uint64_t seed, pke_change_fn change)
{
    memset(a, 0, sizeof *a);
    a->loop = counted_sim(&a->memory, seed);
    a->wire = wire_new(a->loop, LATENCY);
    wire_on_send(a->wire, on_send, a);
    p2p__rand_seed(&a->rand, seed);
    add_node(a, &a->victim, 1, "10.0.0.1:1", change);
    add_node(a, &a->peer, 2, "10.0.1.1:1", NULL);
    a->newcomer.inner = ip_addr("10.0.2.2:2");
    run(a, P2P_SECOND);
}

static void begin(attack *a, uint64_t seed)
{
    begin_with(a, seed, NULL);
}

static void end(attack *a)
{
    node *nodes[] = {&a->victim, &a->peer, &a->newcomer};
    for (size_t i = 0; i < COUNT_OF(nodes); i++)
        remove_node(nodes[i]);
    run(a, P2P_SECOND);
    for (size_t i = 0; i < COUNT_OF(nodes); i++)
        p2p_signer_free(nodes[i]->signer);
    wire_free(a->wire);
    counted_end(a->loop, &a->memory);
}

/* Takes the InitHello that a node with that key makes now, at an address from where nobody hears
 * it. */
static void capture(attack *a, uint64_t key, const char *at, pke_change_fn change)
{
    node from;
    p2p_addr nobody = ip_addr("192.0.2.1:1");
    uint8_t id[P2P_PEER_ID_SIZE] = {9};
    assert_ok(p2p_addr_wrap_peer(&nobody, id, &nobody));
    a->hello_len = 0;
    a->captured_from = ip_addr(at);
    add_node(a, &from, key, at, change);
    assert_ok(p2p_tell(from.swarm, &nobody, "x", 1));
    run(a, P2P_MILLISECOND);
    assert_true(a->hello_len > 160);
    remove_node(&from);
    run(a, P2P_MILLISECOND);
    p2p_signer_free(from.signer);
}

/* --- the flood --- */

/* Makes one datagram of a flood, and whom it claims to be from. */
typedef size_t (*forge_fn)(attack *a, uint8_t *out, p2p_addr *src);

static void set_ip4(p2p_addr *out, uint32_t ip, uint16_t port)
{
    p2p_ip bytes = {4, {0}, 0};
    p2p__store32be(bytes.bytes, ip);
    assert_ok(p2p_addr_from_ip(out, &bytes, port));
}

static size_t other_ephemeral(attack *a, uint8_t *out)
{
    memcpy(out, a->hello, a->hello_len);
    for (size_t i = 0; i < 4; i++)
        p2p__store64le(out + 4 + 8 * i, p2p__rand_next(&a->rand));
    return a->hello_len;
}

static size_t from_anywhere(attack *a, uint8_t *out, p2p_addr *src)
{
    uint64_t r = p2p__rand_next(&a->rand);
    set_ip4(src, 0x20000000u | (uint32_t)(r & 0x3fffffff), (uint16_t)(r >> 40 | 1));
    return other_ephemeral(a, out);
}

static size_t from_anywhere_6(attack *a, uint8_t *out, p2p_addr *src)
{
    p2p_ip ip = {6, {0x20, 0x01}, 0};
    p2p__store64be(ip.bytes + 2, p2p__rand_next(&a->rand));
    p2p__store32be(ip.bytes + 10, (uint32_t)p2p__rand_next(&a->rand));
    assert_ok(p2p_addr_from_ip(src, &ip, 4000));
    return other_ephemeral(a, out);
}

/* From the neighbours of both the peer and the newcomer. */
static size_t from_neighbours(attack *a, uint8_t *out, p2p_addr *src)
{
    uint64_t r = p2p__rand_next(&a->rand);
    set_ip4(src, (r & 1 ? 0x0a000100u : 0x0a000200u) | (uint32_t)(3 + (r >> 8) % 250),
            (uint16_t)(r >> 40 | 1));
    return other_ephemeral(a, out);
}

/* From the very addresses of the peer and the newcomer. */
static size_t from_the_same(attack *a, uint8_t *out, p2p_addr *src)
{
    *src = p2p__rand_next(&a->rand) & 1 ? a->peer.inner : a->newcomer.inner;
    return other_ephemeral(a, out);
}

static size_t bad_signature(attack *a, uint8_t *out, p2p_addr *src)
{
    size_t len = from_anywhere(a, out, src);
    out[len - 30] ^= 1; /* the signature is at the end, before an extension and a length */
    return len;
}

static size_t random_bytes(attack *a, uint8_t *out, p2p_addr *src)
{
    uint64_t r = p2p__rand_next(&a->rand);
    size_t len = r % HELLO;
    (void)from_anywhere(a, out, src);
    if (r >> 16 & 1)
        *src = a->peer.inner;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)p2p__rand_next(&a->rand);
    /* Often with a header that means something. */
    if (len >= 4 && (r >> 17 & 3))
        p2p__store32be(out, (uint32_t)(r >> 20) % 20);
    return len;
}

/* All that a header alone could bring about. */
static size_t bare_headers(attack *a, uint8_t *out, p2p_addr *src)
{
    uint64_t r = p2p__rand_next(&a->rand);
    static const uint32_t nonces[] = {0, 1, 2, 3, 4, 15, 16, 17, UINT32_MAX, UINT32_MAX - 1};
    (void)from_anywhere(a, out, src);
    if (r & 1)
        *src = a->peer.inner;
    p2p__store32be(out, nonces[(r >> 8) % COUNT_OF(nonces)]);
    return 4;
}

static void tell_number(attack *a)
{
    uint8_t number[8];
    p2p__store64le(number, ++a->told);
    assert_ok(p2p_tell(a->peer.swarm, &a->victim.addr, number, sizeof number));
}

/* A flood of so many milliseconds; the peer goes on talking. */
static void flood(attack *a, forge_fn forge, unsigned milliseconds)
{
    uint8_t data[HELLO];
    p2p_addr src;
    for (unsigned ms = 0; ms < milliseconds; ms++) {
        for (int i = 0; i < PER_MILLISECOND; i++) {
            size_t len = forge(a, data, &src);
            wire_inject(a->wire, &src, &a->victim.inner, data, len);
            a->injected++;
        }
        if (ms % 10 == 0)
            tell_number(a);
        run(a, P2P_MILLISECOND);
        if (a->memory.bytes > a->peak)
            a->peak = a->memory.bytes;
    }
}

static void connect_peer(attack *a)
{
    tell_number(a);
    run(a, P2P_SECOND);
    assert_int_equal(a->victim.got, 1);
}

/* A flood under which all must go on. */
static void survive(attack *a, forge_fn forge)
{
    connect_peer(a);
    size_t before = a->memory.bytes;
    flood(a, forge, FLOOD_MS / 3);
    assert_true(a->peak < before + MEMORY_LIMIT);

    /* A newcomer, whose own swarm needs memory as well. */
    size_t own = a->memory.bytes;
    add_node(a, &a->newcomer, 3, "10.0.2.2:2", NULL);
    own = a->memory.bytes - own;
    uint64_t got = a->victim.got;
    uint64_t told = a->told;
    assert_ok(p2p_tell(a->newcomer.swarm, &a->victim.addr, "let me in", 9));
    flood(a, forge, FLOOD_MS / 3);
    assert_int_equal(a->newcomer.up, 1);
    assert_int_equal(a->victim.got - got, a->told - told + 1);
    flood(a, forge, FLOOD_MS / 3);
    assert_true(a->peak < before + own + MEMORY_LIMIT);

    /* All that the peer said has arrived, and it never lost its session. */
    run(a, P2P_SECOND);
    assert_int_equal(a->victim.last, a->told);
    assert_int_equal(a->victim.got, a->told + 1);
    assert_int_equal(a->peer.up, 1);
    assert_int_equal(a->peer.failed, 0);
    assert_int_equal(stats_of(&a->peer).handshakes_started, 1);

    /* When it is over, nothing is left of it. */
    run(a, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(peers_of(&a->victim), 2);
}

typedef struct flood_kind {
    const char *name;
    forge_fn forge;
    pke_change_fn attacker;
    int is_answered;
} flood_kind;

static const flood_kind floods[] = {
    {"from anywhere", from_anywhere, NULL, 1},
    {"from anywhere, without cookies", from_anywhere, as_reference, 1},
    {"from anywhere, IPv6", from_anywhere_6, NULL, 1},
    {"from the neighbours", from_neighbours, NULL, 1},
    {"from the neighbours, without cookies", from_neighbours, as_reference, 1},
    {"from the same addresses", from_the_same, NULL, 1},
    {"from the same addresses, without cookies", from_the_same, as_reference, 1},
    {"bad signatures", bad_signature, NULL, 1},
    {"bad signatures, without cookies", bad_signature, as_reference, 0},
    {"random bytes", random_bytes, NULL, 0},
    {"bare headers", bare_headers, NULL, 0},
};

static void test_flood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        attack a;
        begin(&a, i);
        capture(&a, 50, "10.9.9.9:9", floods[i].attacker);
        survive(&a, floods[i].forge);
        if (!floods[i].is_answered)
            assert_int_equal(a.replies, 0);
        print_message("%s: %u datagrams, %u replies, %zu KiB at most\n", floods[i].name, a.injected,
                      a.replies, a.peak / 1024);
        end(&a);
    }
}

/* The attacker has heard the peer's own InitHello, and sends it with other ephemerals, in the
 * peer's name and for long: that neither stops its traffic nor keeps it from making new
 * sessions. */
static void test_replayed_hello(void **state)
{
    (void)state;
    attack a;
    begin(&a, 1);
    a.captured_from = a.peer.inner;
    connect_peer(&a);
    assert_true(a.hello_len > 160);
    uint64_t until = p2p_loop_now(a.loop) + 400 * P2P_SECOND;
    uint8_t data[HELLO];
    while (p2p_loop_now(a.loop) < until) {
        for (int i = 0; i < 20; i++) {
            size_t len = other_ephemeral(&a, data);
            wire_inject(a.wire, &a.peer.inner, &a.victim.inner, data, len);
        }
        if (a.told % 7 == 0) /* and as it was */
            wire_inject(a.wire, &a.peer.inner, &a.victim.inner, a.hello, a.hello_len);
        tell_number(&a);
        run(&a, 200 * P2P_MILLISECOND);
    }
    run(&a, P2P_SECOND);
    assert_int_equal(a.victim.got, a.told);
    assert_int_equal(a.peer.up, 1);
    assert_int_equal(a.victim.up, 1);
    assert_int_equal(a.peer.failed + a.victim.failed, 0);
    assert_true(stats_of(&a.peer).sessions_ready >= 3);
    end(&a);
}

/* A peer that cannot prove its address, for it is as the reference, and makes a new session every
 * few seconds: forged neighbours, and forged handshakes at its own address, do not stop it. */
static void test_reference_peer(void **state)
{
    (void)state;
    const forge_fn forges[] = {from_neighbours, from_anywhere, from_the_same};
    for (size_t k = 0; k < 2 * COUNT_OF(forges); k++) {
        attack a;
        uint8_t data[HELLO];
        p2p_addr src;
        begin(&a, k);
        remove_node(&a.peer);
        run(&a, P2P_SECOND);
        p2p_signer_free(a.peer.signer);
        add_node(&a, &a.peer, 2, "10.0.1.1:1", as_reference);
        capture(&a, 50, "10.9.9.9:9", k % 2 ? as_reference : NULL);
        connect_peer(&a);
        for (int i = 0; i < 600; i++) {
            for (int n = 0; n < 100; n++) {
                size_t len = forges[k / 2](&a, data, &src);
                wire_inject(a.wire, &src, &a.victim.inner, data, len);
            }
            tell_number(&a);
            run(&a, 100 * P2P_MILLISECOND);
        }
        run(&a, P2P_SECOND);
        assert_int_equal(a.victim.got, a.told);
        assert_int_equal(a.peer.failed, 0);
        assert_true(stats_of(&a.peer).sessions_ready >= 5);
        end(&a);
    }
}

/* --- counting --- */

static uint64_t dropped(const node *n)
{
    p2p_stats stats;
    p2p_swarm_stats(n->swarm, &stats);
    return stats.rx_drop_malformed + stats.rx_drop_limit;
}

/* Each datagram is answered or dropped, and counted in one place. */
static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        attack a;
        uint8_t data[HELLO];
        p2p_addr src;
        begin(&a, i);
        capture(&a, 50, "10.9.9.9:9", floods[i].attacker);
        connect_peer(&a);
        uint64_t before = dropped(&a.victim) + stats_of(&a.victim).handshakes_answered +
                          stats_of(&a.victim).rx_repeated;
        for (unsigned k = 0; k < 10000; k++) {
            size_t len = floods[i].forge(&a, data, &src);
            wire_inject(a.wire, &src, &a.victim.inner, data, len);
            if (k % 100 == 0)
                run(&a, 10 * P2P_MILLISECOND);
        }
        run(&a, P2P_SECOND);
        assert_int_equal(dropped(&a.victim) + stats_of(&a.victim).handshakes_answered +
                             stats_of(&a.victim).rx_repeated - before,
                         10000);
        end(&a);
    }
}

/* --- limits --- */

/* The victim's replies to one datagram each from so many sources. */
static unsigned replies_to(attack *a, unsigned sources, uint32_t first, uint32_t step)
{
    uint8_t data[HELLO];
    unsigned before = a->replies;
    for (unsigned i = 0; i < sources; i++) {
        p2p_addr src;
        set_ip4(&src, first + i * step, 4000);
        size_t len = other_ephemeral(a, data);
        wire_inject(a->wire, &src, &a->victim.inner, data, len);
    }
    run(a, 2 * LATENCY);
    return a->replies - before;
}

static void three_per_prefix(p2p_pke_swarm_config *config)
{
    config->max_peers_per_prefix = 3;
}

static void test_prefix_strangers(void **state)
{
    (void)state;
    attack a;
    begin_with(&a, 3, three_per_prefix);
    capture(&a, 50, "10.9.9.9:9", as_reference);
    assert_int_equal(replies_to(&a, 3, 0x30000001, 1), 3);
    assert_int_equal(replies_to(&a, 3, 0x30000011, 1), 0);
    assert_int_equal(replies_to(&a, 3, 0x30000111, 1), 3); /* another /24 */
    assert_int_equal(peers_of(&a.victim), 6);
    /* With cookies all are answered, but nothing is kept of them. */
    capture(&a, 50, "10.9.9.9:9", NULL);
    assert_int_equal(replies_to(&a, 3, 0x30000021, 1), 3);
    assert_int_equal(peers_of(&a.victim), 6);
    assert_int_equal(stats_of(&a.victim).cookies_sent, 3);
    /* Those who go make room. */
    run(&a, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(peers_of(&a.victim), 0);
    assert_int_equal(replies_to(&a, 4, 0x30000001, 1), 4);
    assert_int_equal(peers_of(&a.victim), 3);
    end(&a);
}

/* Real peers of one prefix: three get in, also while strangers claim to be there. */
static void test_prefix_guests(void **state)
{
    (void)state;
    static const char *const places[2][5] = {
        {"10.7.7.1:1", "10.7.7.2:1", "10.7.7.3:1", "10.7.7.4:1", "10.7.8.1:1"},
        {"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3:1]:1", "[2001:db8::4]:1",
         "[2001:db8:0:1::1]:1"}};
    for (int family = 0; family < 2; family++) {
        attack a;
        node nodes[5];
        begin_with(&a, 3, three_per_prefix);
        wire_on_send(a.wire, NULL, NULL);
        for (size_t i = 0; i < 5; i++) {
            add_node(&a, &nodes[i], 10 + i, places[family][i], NULL);
            assert_ok(p2p_tell(nodes[i].swarm, &a.victim.addr, "x", 1));
            run(&a, 2 * P2P_SECOND);
            assert_int_equal(nodes[i].up, i != 3);
        }
        assert_int_equal(peers_of(&a.victim), 4);
        /* Who is called by us does not count. */
        assert_ok(p2p_tell(a.victim.swarm, &nodes[3].addr, "x", 1));
        run(&a, P2P_SECOND);
        assert_int_equal(nodes[3].up, 1);
        for (size_t i = 0; i < 5; i++)
            remove_node(&nodes[i]);
        run(&a, P2P_SECOND);
        for (size_t i = 0; i < 5; i++)
            p2p_signer_free(nodes[i].signer);
        end(&a);
    }
}

static void few_half_open(p2p_pke_swarm_config *config)
{
    config->max_half_open = 8;
}

/* Handshakes under way: strangers who cannot prove their address get three eighths of the places,
 * and cookies are asked for from a quarter on. */
static void test_half_open(void **state)
{
    (void)state;
    attack a;
    begin_with(&a, 4, few_half_open);
    capture(&a, 50, "10.9.9.9:9", as_reference);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 0x100), 3);
    assert_int_equal(peers_of(&a.victim), 3);
    run(&a, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(peers_of(&a.victim), 0);
    capture(&a, 50, "10.9.9.9:9", NULL);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 0x100), 10);
    assert_int_equal(peers_of(&a.victim), 2);
    assert_int_equal(stats_of(&a.victim).cookies_sent, 8);
    end(&a);
}

static void ten_per_second(p2p_pke_swarm_config *config)
{
    config->max_handshakes = 10;
    config->max_handshakes_prefix = 2;
}

/* Rates: two seconds' worth at once, then so many per second, in total and by prefix. */
static void test_rates(void **state)
{
    (void)state;
    attack a;
    begin_with(&a, 5, ten_per_second);
    capture(&a, 50, "10.9.9.9:9", as_reference);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 1), 4);
    assert_int_equal(replies_to(&a, 50, 0x31000001, 0x100), 16);
    assert_int_equal(replies_to(&a, 50, 0x32000001, 0x100), 0);
    run(&a, P2P_SECOND);
    assert_int_equal(replies_to(&a, 50, 0x33000001, 0x100), 10);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_replayed_hello),
        cmocka_unit_test(test_reference_peer),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_prefix_strangers),
        cmocka_unit_test(test_prefix_guests),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
