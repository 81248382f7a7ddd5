/* SPDX-License-Identifier: MIT */
/* PKE swarms: making them, addresses, messages, who may talk. */
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

/* --- making --- */

/* What it takes to make one by hand; the config has no signer yet. */
typedef struct making {
    pke_net net;
    p2p_signer *signer;
    p2p_swarm *inner;
    p2p_swarm *out;
    p2p_pke_swarm_config config;
} making;

static void begin_making(making *m)
{
    memset(m, 0, sizeof *m);
    pke_net_begin(&m->net, NULL, 1);
    m->net.node[0].net = &m->net;
    m->signer = m->net.node[0].signer = pke_test_signer(1);
    assert_ok(p2p_mem_new(&m->inner, m->net.realm, NULL));
    p2p_pke_swarm_config_init(&m->config);
}

/* If none was made, the inner swarm is still ours. */
static void end_making(making *m)
{
    if (!m->out)
        p2p_close(m->inner, NULL, NULL);
    m->net.node[0].swarm = m->out;
    pke_net_end(&m->net);
}

static int make(making *m)
{
    return p2p_pke_swarm_new(&m->out, m->inner, &m->config);
}

static void test_config(void **state)
{
    (void)state;
    making m;
    begin_making(&m);
    assert_int_equal(make(&m), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_swarm_new(&m.out, m.inner, NULL), P2P_ERR_INVALID);
    m.config.signer = m.signer;
    assert_int_equal(p2p_pke_swarm_new(NULL, m.inner, &m.config), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_swarm_new(&m.out, NULL, &m.config), P2P_ERR_INVALID);
    m.config.size = 1;
    assert_int_equal(make(&m), P2P_ERR_INVALID);
    m.config.size = sizeof m.config;
    m.config.max_handshakes = SIZE_MAX;
    assert_int_equal(make(&m), P2P_ERR_INVALID);
    m.config.max_handshakes = 0;
    assert_ok(make(&m));
    assert_string_equal(p2p_swarm_kind(m.out), "pke");
    assert_ptr_equal(p2p_swarm_inner(m.out), m.inner);
    end_making(&m);
}

/* Whichever allocation fails, the maker says so, and the inner swarm is still the caller's. */
static void test_no_memory(void **state)
{
    (void)state;
    making m;
    begin_making(&m);
    m.config.signer = m.signer;
    size_t live = m.net.memory.live;
    int err = P2P_ERR_NO_MEMORY;
    size_t fails = 0;
    while (err) {
        m.net.memory.fail_at = m.net.memory.calls + ++fails;
        err = make(&m);
        assert_true(!err || (err == P2P_ERR_NO_MEMORY && m.net.memory.live == live));
        assert_true(fails < 50);
    }
    assert_true(fails > 3);
    m.net.memory.fail_at = 0;
    end_making(&m);
}

/* A signer that cannot give its key. */
static int no_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    (void)signer;
    (void)out;
    (void)cap;
    (void)len;
    return P2P_ERR_IO;
}

static void free_nothing(p2p_signer *signer)
{
    (void)signer;
}

static void test_signer_error(void **state)
{
    (void)state;
    making m;
    const p2p_signer_ops ops = {.size = sizeof ops, .public_key = no_key, .free = free_nothing};
    p2p_signer broken = {.ops = &ops};
    begin_making(&m);
    m.config.signer = &broken;
    assert_int_equal(make(&m), P2P_ERR_IO);
    end_making(&m);
}

static void test_other_kinds(void **state)
{
    (void)state;
    pke_net net;
    p2p_pke_stats stats;
    uint8_t id[P2P_PEER_ID_SIZE];
    p2p_swarm *mem = NULL;
    pke_net_begin(&net, NULL, 1);
    assert_ok(p2p_mem_new(&mem, net.realm, NULL));
    assert_int_equal(p2p_pke_on_peer(mem, NULL, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_swarm_stats(mem, &stats, NULL), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_swarm_id(mem, id), P2P_ERR_INVALID);
    assert_int_equal(p2p_pke_swarm_id(NULL, id), P2P_ERR_INVALID);
    p2p_close(mem, NULL, NULL);
    pke_net_run(&net, 0);
    pke_net_end(&net);
}

/* --- addresses --- */

static void test_addresses(void **state)
{
    (void)state;
    pke_net net;
    char text[P2P_ADDR_TEXT_SIZE];
    uint8_t id[P2P_PEER_ID_SIZE], in_addr[P2P_PEER_ID_SIZE];
    p2p_addr addr;
    pke_net_begin(&net, NULL, 1);
    pke_node *a = pke_net_add_at(&net, 0, 7, 42, NULL);
    p2p_addr expected = pke_addr(a->signer, 42);
    assert_true(p2p_addr_equal(&a->addr, &expected));
    assert_ok(p2p_pke_swarm_id(a->swarm, id));
    assert_ok(p2p_addr_peer_id(&a->addr, in_addr));
    assert_memory_equal(id, in_addr, sizeof id);
    assert_ok(p2p_addr_text(&a->addr, text, sizeof text));
    assert_int_equal(strlen(text), P2P_PEER_ID_TEXT_LEN + 3);
    assert_string_equal(text + P2P_PEER_ID_TEXT_LEN, "@42");
    assert_ok(p2p_parse_addr(a->swarm, text, &addr));
    assert_true(p2p_addr_equal(&addr, &a->addr));

    static const char *const bad[] = {"", "42", "@42", "x@42", "127.0.0.1:1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(p2p_parse_addr(a->swarm, bad[i], &addr), P2P_ERR_BAD_ADDR);
    text[P2P_PEER_ID_TEXT_LEN] = '\0';
    assert_int_equal(p2p_parse_addr(a->swarm, text, &addr), P2P_ERR_BAD_ADDR);
    strcpy(text + P2P_PEER_ID_TEXT_LEN, "@127.0.0.1:1"); /* the inner swarm is a memory swarm */
    assert_int_equal(p2p_parse_addr(a->swarm, text, &addr), P2P_ERR_BAD_ADDR);
    strcpy(text + P2P_PEER_ID_TEXT_LEN, "@42x");
    assert_int_equal(p2p_parse_addr(a->swarm, text, &addr), P2P_ERR_BAD_ADDR);
    pke_net_end(&net);
}

/* Messages name both ends as PEERID@inner, and an answer to src reaches the sender. */
static void test_messages(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    /* Three messages of handshake, and then the message. */
    assert_int_equal(pke_arrive(a, b, "hello"), 50 * P2P_MILLISECOND);
    assert_true(p2p_addr_equal(&b->last_src, &a->addr));
    assert_true(p2p_addr_equal(&b->last_dst, &b->addr));
    p2p_addr src = b->last_src;
    assert_ok(pke_say(b, &src, "and to you"));
    assert_int_equal(pke_net_wait(&net, &a->got, 1, P2P_SECOND), 10 * P2P_MILLISECOND);
    assert_string_equal(a->last, "and to you");
    assert_true(p2p_addr_equal(&a->last_src, &b->addr));
    assert_int_equal(a->up, 1);
    assert_int_equal(b->up, 1);
    assert_true(p2p_addr_equal(&a->up_addr, &b->addr));
    assert_true(p2p_addr_equal(&b->up_addr, &a->addr));
    assert_int_equal(pke_peers(a), 1);
    assert_int_equal(pke_peers(b), 1);
    pke_net_end(&net);
}

static void test_mtu(void **state)
{
    (void)state;
    pke_net net;
    static uint8_t data[70000];
    pke_node *a, *b;
    pke_net_begin_pair(&net, NULL, 1, &a, &b);
    /* Memory swarms carry 65536 bytes; a message of the protocol has 65515 at most. */
    size_t mtu = p2p_mtu(a->swarm, &b->addr);
    assert_int_equal(mtu, P2P_PKE_MAX_MESSAGE);
    assert_int_equal(p2p_mtu(a->swarm, NULL), P2P_PKE_MAX_MESSAGE);
    for (int round = 0; round < 2; round++) { /* through the queue, and without it */
        assert_ok(p2p_tell(a->swarm, &b->addr, data, mtu));
        assert_int_equal(p2p_tell(a->swarm, &b->addr, data, mtu + 1), P2P_ERR_TOO_BIG);
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(b->got, round + 1);
        assert_int_equal(b->last_len, mtu);
    }
    p2p_link narrow = {.size = sizeof(p2p_link), .mtu = 1280};
    assert_ok(p2p_realm_set_link(net.realm, &narrow));
    assert_int_equal(p2p_mtu(a->swarm, &b->addr), 1260);
    assert_ok(p2p_tell(a->swarm, &b->addr, data, 1260));
    assert_int_equal(p2p_tell(a->swarm, &b->addr, data, 1261), P2P_ERR_TOO_BIG);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(b->last_len, 1260);
    pke_net_end(&net);
}

static void test_empty(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    for (unsigned i = 1; i <= 10; i++) {
        assert_ok(p2p_tell(a->swarm, &b->addr, NULL, 0));
        assert_ok(p2p_tell(b->swarm, &a->addr, "", 0));
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(b->got, i);
        assert_int_equal(a->got, i);
        assert_int_equal(a->last_len + b->last_len, 0);
    }
    pke_net_end(&net);
}

/* Both call at the same moment: one session comes of it, and everything arrives. */
static void test_simultaneous(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        static const p2p_link jitter = {.size = sizeof(p2p_link),
                                        .latency = 5 * P2P_MILLISECOND,
                                        .jitter = 5 * P2P_MILLISECOND};
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &jitter, seed, &a, &b);
        for (int i = 0; i < 5; i++) {
            assert_ok(pke_say(a, &b->addr, "from a"));
            assert_ok(pke_say(b, &a->addr, "from b"));
        }
        pke_net_run(&net, P2P_SECOND);
        assert_int_equal(a->got, 5);
        assert_int_equal(b->got, 5);
        assert_int_equal(a->up + b->up, 2);
        assert_int_equal(a->failed + b->failed + a->gone + b->gone, 0);
        assert_true(net.datagrams < 40);
        pke_net_end(&net);
    }
}

/* One calls while a handshake of the other one is under way, at any moment of it. */
static void test_nearly_simultaneous(void **state)
{
    (void)state;
    for (unsigned offset = 0; offset < 60; offset++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, offset, &a, &b);
        assert_ok(pke_say(b, &a->addr, "first"));
        pke_net_run(&net, offset * P2P_MILLISECOND);
        assert_ok(pke_say(a, &b->addr, "second"));
        assert_ok(pke_say(b, &a->addr, "third"));
        pke_net_run(&net, 200 * P2P_MILLISECOND);
        assert_int_equal(a->got, 2);
        assert_int_equal(b->got, 1);
        assert_int_equal(a->up + b->up, 2);
        assert_int_equal(a->gone + b->gone + a->failed + b->failed, 0);
        assert_int_equal(pke_peers(a) + pke_peers(b), 2);
        assert_true(net.datagrams < 20);
        pke_net_end(&net);
    }
}

/* A tie is no error of anybody: it counts as one, and not as a broken datagram. */
static void test_tie_is_not_malformed(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    assert_ok(pke_say(a, &b->addr, "from a"));
    assert_ok(pke_say(b, &a->addr, "from b"));
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(pke_stats(a).rx_drop_tie + pke_stats(b).rx_drop_tie, 1);
    assert_int_equal(pke_base_stats(a).rx_drop_malformed, 0);
    assert_int_equal(pke_base_stats(b).rx_drop_malformed, 0);
    pke_net_end(&net);
}

static void test_self(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, NULL, 1);
    pke_node *a = pke_net_add(&net, 0, 1, NULL);
    /* Who talks to himself gets his own InitHello, which is refused: it does not turn in
     * circles. */
    int err = pke_say(a, &a->addr, "hello");
    pke_net_run(&net, 60 * P2P_SECOND);
    assert_true(err == 0 || err == P2P_ERR_BAD_ADDR || err == P2P_ERR_UNREACHABLE);
    assert_true(net.datagrams < 30);
    pke_net_end(&net);
}

/* --- who may talk --- */

typedef struct guest_list {
    p2p_addr banned;
    int all;
    unsigned asked;
} guest_list;

static guest_list guests;

static int allow(void *arg, const p2p_addr *peer)
{
    guest_list *list = arg;
    list->asked++;
    return !list->all && !p2p_addr_equal(peer, &list->banned);
}

static void with_guests(p2p_pke_swarm_config *config)
{
    memset(&guests, 0, sizeof guests);
    config->allow = allow;
    config->allow_arg = &guests;
}

static void test_allow(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, with_guests);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    pke_node *c = pke_net_add(&net, 2, 3, NULL);
    guests.banned = b->addr;

    /* Out: the tell says so at once, and nothing is sent. */
    assert_int_equal(pke_say(a, &b->addr, "hello"), P2P_ERR_REFUSED);
    pke_net_run(&net, P2P_SECOND);
    assert_int_equal(net.datagrams, 0);
    assert_int_equal(pke_peers(a), 0);

    /* In: no signature is checked, nothing is answered, nothing is kept. */
    assert_ok(pke_say(b, &a->addr, "hello"));
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(a->got, 0);
    assert_int_equal(pke_stats(a).signature_checks, 0);
    assert_int_equal(pke_peers(a), 0);
    assert_int_equal(b->failed, 1);
    assert_int_equal(b->reason, P2P_ERR_TIMEOUT);

    /* Others are not touched by that, in both directions. */
    assert_true(pke_arrive(c, a, "hello") < P2P_SECOND);
    assert_true(pke_arrive(a, c, "hello") < P2P_SECOND);
    pke_net_end(&net);
}

/* The list is looked at for each tell, so who is banned later is not talked to any more. */
static void test_allow_later(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, with_guests);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    guests.banned = b->addr;
    assert_int_equal(pke_say(a, &b->addr, "hello"), P2P_ERR_REFUSED);
    guests.all = 1;
    assert_int_equal(pke_say(a, &b->addr, "hello"), P2P_ERR_REFUSED);
    pke_net_end(&net);
}

/* --- handlers --- */

static void answer_back(pke_node *node, const p2p_msg *msg)
{
    (void)!p2p_tell(node->swarm, msg->src, msg->data, msg->len);
}

static void close_now(pke_node *node, const p2p_msg *msg)
{
    (void)msg;
    p2p_close(node->swarm, NULL, NULL);
    node->swarm = NULL;
}

static void test_reentrance(void **state)
{
    (void)state;
    pke_net net;
    pke_node *a, *b;
    pke_net_begin_pair(&net, &slow, 1, &a, &b);
    b->on_tell = answer_back;
    for (unsigned i = 1; i <= 20; i++) {
        assert_ok(pke_say(a, &b->addr, "echo"));
        assert_int_not_equal(pke_net_wait(&net, &a->got, i, P2P_SECOND), P2P_NEVER);
    }
    b->on_tell = close_now;
    assert_ok(pke_say(a, &b->addr, "close"));
    assert_ok(pke_say(a, &b->addr, "too late"));
    pke_net_run(&net, P2P_SECOND);
    assert_null(b->swarm);
    assert_string_equal(b->last, "close");
    pke_net_end(&net);
}

static void close_in_event(pke_node *node, const p2p_pke_peer_event *event)
{
    (void)event;
    if (node->swarm)
        p2p_close(node->swarm, NULL, NULL);
    node->swarm = NULL;
}

static void test_close_in_event(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        pke_net net;
        pke_node *a, *b;
        pke_net_begin_pair(&net, &slow, 1, &a, &b);
        (side ? a : b)->on_peer = close_in_event;
        for (int i = 0; i < 3; i++)
            assert_ok(pke_say(a, &b->addr, "hello"));
        pke_net_run(&net, 30 * P2P_SECOND);
        assert_null((side ? a : b)->swarm);
        pke_net_end(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_signer_error),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_mtu),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_simultaneous),
        cmocka_unit_test(test_nearly_simultaneous),
        cmocka_unit_test(test_tie_is_not_malformed),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_allow),
        cmocka_unit_test(test_allow_later),
        cmocka_unit_test(test_reentrance),
        cmocka_unit_test(test_close_in_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
