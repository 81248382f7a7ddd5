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

#define LATENCY (5 * P2P_MILLISECOND)

enum {
    PER_MILLISECOND = 100,
    FLOOD_MS = 3000,
    MEMORY_LIMIT = 2 << 20, /* beyond what there was before */
};

typedef struct attack {
    pke_net net;
    pke_node *victim, *peer, *newcomer; /* the last one comes later */
    p2p__rand rand;
    pke_record hello; /* what the attacker sends, before he changes it */
    unsigned injected;
    unsigned replies; /* of the victim, to those who are neither of the others */
    size_t peak;
    uint64_t told; /* by the peer */
} attack;

/* Before anybody has proven his address, he gets at most one datagram for each, and no longer
 * one. */
static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    attack *a = arg;
    if (!p2p_addr_equal(sent->src, &a->victim->inner) ||
        p2p_addr_equal(sent->dst, &a->peer->inner) ||
        p2p_addr_equal(sent->dst, &a->newcomer->inner))
        return 1;
    a->replies++;
    assert_non_null(question);
    assert_true(p2p_addr_equal(question->src, sent->dst));
    assert_true(sent->len <= question->len);
    return 0;
}

static void begin_with(attack *a, uint64_t seed, pke_change_fn change)
{
    memset(a, 0, sizeof *a);
    pke_net_begin_wire(&a->net, LATENCY, seed);
    a->net.on_send = on_send;
    a->net.send_arg = a;
    p2p__rand_seed(&a->rand, seed);
    a->victim = pke_net_add_ip(&a->net, 0, 1, "10.0.0.1:1", change);
    a->peer = pke_net_add_ip(&a->net, 1, 2, "10.0.1.1:1", NULL);
    a->newcomer = &a->net.node[2];
    a->newcomer->inner = pke_ip("10.0.2.2:2");
    pke_net_run(&a->net, P2P_SECOND);
}

static void begin(attack *a, uint64_t seed)
{
    begin_with(a, seed, NULL);
}

/* What he sends is made of the InitHello of a node at an address from where nobody hears it. */
static void capture(attack *a, pke_change_fn change)
{
    pke_net_capture(&a->net, 50, "10.9.9.9:9", change, &a->hello);
}

static void inject(attack *a, const p2p_addr *src, const uint8_t *data, size_t len)
{
    wire_inject(a->net.wire, src, &a->victim->inner, data, len);
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
    pke_record other = a->hello;
    pke_renew_hello(&other, &a->rand);
    memcpy(out, other.data, other.len);
    return other.len;
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
    *src = p2p__rand_next(&a->rand) & 1 ? a->peer->inner : a->newcomer->inner;
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
    size_t len = r % PKE_HELLO;
    (void)from_anywhere(a, out, src);
    if (r >> 16 & 1)
        *src = a->peer->inner;
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
        *src = a->peer->inner;
    p2p__store32be(out, nonces[(r >> 8) % COUNT_OF(nonces)]);
    return 4;
}

static void tell_number(attack *a)
{
    uint8_t number[8];
    p2p__store64le(number, ++a->told);
    assert_ok(p2p_tell(a->peer->swarm, &a->victim->addr, number, sizeof number));
}

/* A flood of so many milliseconds; the peer goes on talking. */
static void flood(attack *a, forge_fn forge, unsigned milliseconds)
{
    uint8_t data[PKE_HELLO];
    p2p_addr src;
    for (unsigned ms = 0; ms < milliseconds; ms++) {
        for (int i = 0; i < PER_MILLISECOND; i++) {
            size_t len = forge(a, data, &src);
            inject(a, &src, data, len);
            a->injected++;
        }
        if (ms % 10 == 0)
            tell_number(a);
        pke_net_run(&a->net, P2P_MILLISECOND);
        if (a->net.memory.bytes > a->peak)
            a->peak = a->net.memory.bytes;
    }
}

static void connect_peer(attack *a)
{
    tell_number(a);
    pke_net_run(&a->net, P2P_SECOND);
    assert_int_equal(a->victim->got, 1);
}

/* A flood under which all must go on. */
static void survive(attack *a, forge_fn forge)
{
    connect_peer(a);
    size_t before = a->net.memory.bytes;
    flood(a, forge, FLOOD_MS / 3);
    assert_true(a->peak < before + MEMORY_LIMIT);

    /* A newcomer, whose own swarm needs memory as well. */
    size_t own = a->net.memory.bytes;
    pke_net_add_ip(&a->net, 2, 3, "10.0.2.2:2", NULL);
    own = a->net.memory.bytes - own;
    uint64_t got = a->victim->got;
    uint64_t told = a->told;
    assert_ok(p2p_tell(a->newcomer->swarm, &a->victim->addr, "let me in", 9));
    flood(a, forge, FLOOD_MS / 3);
    assert_int_equal(a->newcomer->up, 1);
    assert_int_equal(a->victim->got - got, a->told - told + 1);
    flood(a, forge, FLOOD_MS / 3);
    assert_true(a->peak < before + own + MEMORY_LIMIT);

    /* All that the peer said has arrived, and it never lost its session. */
    pke_net_run(&a->net, P2P_SECOND);
    assert_int_equal(p2p__load64le((const uint8_t *)a->victim->last), a->told);
    assert_int_equal(a->victim->got, a->told + 1);
    assert_int_equal(a->peer->up, 1);
    assert_int_equal(a->peer->failed, 0);
    assert_int_equal(pke_stats(a->peer).handshakes_started, 1);

    /* When it is over, nothing is left of it. */
    pke_net_run(&a->net, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(pke_peers(a->victim), 2);
}

typedef struct flood_kind {
    const char *name;
    forge_fn forge;
    pke_change_fn attacker;
    int is_answered;
} flood_kind;

static const flood_kind floods[] = {
    {"from anywhere", from_anywhere, NULL, 1},
    {"from anywhere, without cookies", from_anywhere, pke_as_reference, 1},
    {"from anywhere, IPv6", from_anywhere_6, NULL, 1},
    {"from the neighbours", from_neighbours, NULL, 1},
    {"from the neighbours, without cookies", from_neighbours, pke_as_reference, 1},
    {"from the same addresses", from_the_same, NULL, 1},
    {"from the same addresses, without cookies", from_the_same, pke_as_reference, 1},
    {"bad signatures", bad_signature, NULL, 1},
    {"bad signatures, without cookies", bad_signature, pke_as_reference, 0},
    {"random bytes", random_bytes, NULL, 0},
    {"bare headers", bare_headers, NULL, 0},
};

static void test_flood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        attack a;
        begin(&a, i);
        capture(&a, floods[i].attacker);
        survive(&a, floods[i].forge);
        if (!floods[i].is_answered)
            assert_int_equal(a.replies, 0);
        print_message("%s: %u datagrams, %u replies, %zu KiB at most\n", floods[i].name, a.injected,
                      a.replies, a.peak / 1024);
        pke_net_end(&a.net);
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
    pke_net_record(&a.net, &a.peer->inner, &a.hello);
    connect_peer(&a);
    assert_true(a.hello.len > 160);
    uint64_t until = p2p_loop_now(a.net.loop) + 400 * P2P_SECOND;
    uint8_t data[PKE_HELLO];
    while (p2p_loop_now(a.net.loop) < until) {
        for (int i = 0; i < 20; i++) {
            size_t len = other_ephemeral(&a, data);
            inject(&a, &a.peer->inner, data, len);
        }
        if (a.told % 7 == 0) /* and as it was */
            inject(&a, &a.peer->inner, a.hello.data, a.hello.len);
        tell_number(&a);
        pke_net_run(&a.net, 200 * P2P_MILLISECOND);
    }
    pke_net_run(&a.net, P2P_SECOND);
    assert_int_equal(a.victim->got, a.told);
    assert_int_equal(a.peer->up, 1);
    assert_int_equal(a.victim->up, 1);
    assert_int_equal(a.peer->failed + a.victim->failed, 0);
    assert_true(pke_stats(a.peer).sessions_ready >= 3);
    pke_net_end(&a.net);
}

/* A peer that cannot prove its address, for it is as the reference, and makes a new session every
 * few seconds: forged neighbours, and forged handshakes at its own address, do not stop it. */
static void test_reference_peer(void **state)
{
    (void)state;
    const forge_fn forges[] = {from_neighbours, from_anywhere, from_the_same};
    for (size_t k = 0; k < 2 * COUNT_OF(forges); k++) {
        attack a;
        uint8_t data[PKE_HELLO];
        p2p_addr src;
        begin(&a, k);
        pke_net_close(a.peer);
        pke_net_run(&a.net, P2P_SECOND);
        pke_net_add_ip(&a.net, 1, 2, "10.0.1.1:1", pke_as_reference);
        capture(&a, k % 2 ? pke_as_reference : NULL);
        connect_peer(&a);
        for (int i = 0; i < 600; i++) {
            for (int n = 0; n < 100; n++) {
                size_t len = forges[k / 2](&a, data, &src);
                inject(&a, &src, data, len);
            }
            tell_number(&a);
            pke_net_run(&a.net, 100 * P2P_MILLISECOND);
        }
        pke_net_run(&a.net, P2P_SECOND);
        assert_int_equal(a.victim->got, a.told);
        assert_int_equal(a.peer->failed, 0);
        assert_true(pke_stats(a.peer).sessions_ready >= 5);
        pke_net_end(&a.net);
    }
}

/* --- counting --- */

static uint64_t dropped(const pke_node *n)
{
    p2p_stats stats = pke_base_stats(n);
    return stats.rx_drop_malformed + stats.rx_drop_limit;
}

/* Each datagram is answered or dropped, and counted in one place. */
static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        attack a;
        uint8_t data[PKE_HELLO];
        p2p_addr src;
        begin(&a, i);
        capture(&a, floods[i].attacker);
        connect_peer(&a);
        uint64_t before = dropped(a.victim) + pke_stats(a.victim).handshakes_answered +
                          pke_stats(a.victim).rx_repeated;
        for (unsigned k = 0; k < 10000; k++) {
            size_t len = floods[i].forge(&a, data, &src);
            inject(&a, &src, data, len);
            if (k % 100 == 0)
                pke_net_run(&a.net, 10 * P2P_MILLISECOND);
        }
        pke_net_run(&a.net, P2P_SECOND);
        assert_int_equal(dropped(a.victim) + pke_stats(a.victim).handshakes_answered +
                             pke_stats(a.victim).rx_repeated - before,
                         10000);
        pke_net_end(&a.net);
    }
}

/* --- limits --- */

/* The victim's replies to one datagram each from so many sources. */
static unsigned replies_to(attack *a, unsigned sources, uint32_t first, uint32_t step)
{
    uint8_t data[PKE_HELLO];
    unsigned before = a->replies;
    for (unsigned i = 0; i < sources; i++) {
        p2p_addr src;
        set_ip4(&src, first + i * step, 4000);
        size_t len = other_ephemeral(a, data);
        inject(a, &src, data, len);
    }
    pke_net_run(&a->net, 2 * LATENCY);
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
    capture(&a, pke_as_reference);
    assert_int_equal(replies_to(&a, 3, 0x30000001, 1), 3);
    assert_int_equal(replies_to(&a, 3, 0x30000011, 1), 0);
    assert_int_equal(replies_to(&a, 3, 0x30000111, 1), 3); /* another /24 */
    assert_int_equal(pke_peers(a.victim), 6);
    /* With cookies all are answered, but nothing is kept of them. */
    capture(&a, NULL);
    assert_int_equal(replies_to(&a, 3, 0x30000021, 1), 3);
    assert_int_equal(pke_peers(a.victim), 6);
    assert_int_equal(pke_stats(a.victim).cookies_sent, 3);
    /* Those who go make room. */
    pke_net_run(&a.net, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(pke_peers(a.victim), 0);
    assert_int_equal(replies_to(&a, 4, 0x30000001, 1), 4);
    assert_int_equal(pke_peers(a.victim), 3);
    pke_net_end(&a.net);
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
        begin_with(&a, 3, three_per_prefix);
        a.net.on_send = NULL;
        pke_node *nodes = &a.net.node[3];
        for (size_t i = 0; i < 5; i++) {
            pke_net_add_ip(&a.net, 3 + i, 10 + i, places[family][i], NULL);
            assert_ok(pke_say(&nodes[i], &a.victim->addr, "x"));
            pke_net_run(&a.net, 2 * P2P_SECOND);
            assert_int_equal(nodes[i].up, i != 3);
        }
        assert_int_equal(pke_peers(a.victim), 4);
        /* Who is called by us does not count. */
        assert_ok(pke_say(a.victim, &nodes[3].addr, "x"));
        pke_net_run(&a.net, P2P_SECOND);
        assert_int_equal(nodes[3].up, 1);
        pke_net_end(&a.net);
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
    capture(&a, pke_as_reference);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 0x100), 3);
    assert_int_equal(pke_peers(a.victim), 3);
    pke_net_run(&a.net, P2P_PKE_ATTEMPT + P2P_SECOND);
    assert_int_equal(pke_peers(a.victim), 0);
    capture(&a, NULL);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 0x100), 10);
    assert_int_equal(pke_peers(a.victim), 2);
    assert_int_equal(pke_stats(a.victim).cookies_sent, 8);
    pke_net_end(&a.net);
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
    capture(&a, pke_as_reference);
    assert_int_equal(replies_to(&a, 10, 0x30000001, 1), 4);
    assert_int_equal(replies_to(&a, 50, 0x31000001, 0x100), 16);
    assert_int_equal(replies_to(&a, 50, 0x32000001, 0x100), 0);
    pke_net_run(&a.net, P2P_SECOND);
    assert_int_equal(replies_to(&a, 50, 0x33000001, 0x100), 10);
    pke_net_end(&a.net);
}

/* --- reflection --- */

/* Our own handshake that comes back is answered once, with no more than came, and leads nowhere. A
 * node with the same key is a peer like any other: a user's programs share one key file. */
static void test_reflected(void **state)
{
    (void)state;
    pke_net net;
    pke_record hello;
    pke_net_begin_wire(&net, LATENCY, 1);
    pke_node *n = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", NULL);
    pke_node *twin = pke_net_add_ip(&net, 1, 1, "10.0.0.2:1", NULL);
    p2p_addr to = pke_nobody(9);
    p2p_addr mirror = pke_ip("10.3.3.3:3");
    pke_net_record(&net, &n->inner, &hello);
    assert_ok(pke_say(n, &to, "hello"));
    pke_net_run(&net, P2P_MILLISECOND);
    assert_true(hello.len > 160);
    wire_inject(net.wire, &mirror, &n->inner, hello.data, hello.len);
    pke_net_run(&net, 2 * LATENCY);
    assert_true(pke_stats(n).handshakes_answered <= 1);
    assert_int_equal(pke_stats(n).sessions_ready, 0);
    assert_ok(pke_say(n, &twin->addr, "hello"));
    pke_net_run(&net, 10 * LATENCY);
    assert_int_equal(pke_stats(n).sessions_ready, 1);
    pke_net_end(&net);
}

/* --- who comes where another is called --- */

static void check_caller(uint64_t seed, size_t fails)
{
    pke_net net;
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_signer *other = pke_test_signer(9);
    p2p_addr called = pke_addr(other, 0);
    p2p_signer_free(other);
    assert_ok(p2p_addr_peer_id(&called, id));
    pke_net_begin_wire(&net, LATENCY, seed);
    pke_node *n = pke_net_add_ip(&net, 0, 1, "10.0.0.1:1", NULL);
    pke_node *caller = pke_net_add_ip(&net, 1, 2, "10.0.0.2:2", NULL);
    assert_ok(p2p_addr_wrap_peer(&called, id, &caller->inner));
    assert_ok(pke_say(n, &called, "for him only"));
    pke_net_run(&net, 800 * P2P_MILLISECOND);
    assert_ok(pke_say(caller, &n->addr, "from me"));
    pke_net_run(&net, LATENCY / 2);
    net.memory.fail_at = net.memory.calls + fails;
    pke_net_run(&net, 5 * P2P_SECOND);
    net.memory.fail_at = 0;
    assert_int_equal(n->up, 1);
    assert_true(p2p_addr_equal(&n->up_addr, &caller->addr));
    assert_int_equal(caller->got, 0);
    assert_int_equal(n->got, 1);
    pke_net_end(&net);
}

/* There is no memory for him when he calls first: when he calls again he is not taken for whom we
 * call there. */
static void test_caller_is_not_the_called(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++)
        for (size_t fails = 1; fails < 8; fails++)
            check_caller(seed, fails);
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
        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_caller_is_not_the_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
