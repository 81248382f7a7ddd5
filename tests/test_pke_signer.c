/* SPDX-License-Identifier: MIT */
/* PKE swarms with signers that fail or take long, and with keys of other algorithms. */
#include "core/siphash.h"
#include "support/check.h"
#include "support/pke_net.h"

static const p2p_link slow = {.size = sizeof(p2p_link), .latency = 10 * P2P_MILLISECOND};

/* --- a signer that says what it is told to --- */

typedef struct moody {
    p2p_signer base;
    p2p_signer *real;
    int err;        /* not 0: says this instead of signing */
    unsigned calls; /* to sign */
} moody;

static int moody_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    return p2p_signer_public_key(((const moody *)signer)->real, out, cap, len);
}

static int moody_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                      size_t cap, size_t *len)
{
    moody *m = (moody *)signer;
    m->calls++;
    return m->err ? m->err : p2p_sign(m->real, msg, msg_len, out, cap, len);
}

static void moody_free(p2p_signer *signer)
{
    (void)signer;
}

static const p2p_signer_ops moody_ops = {
    .size = sizeof moody_ops, .public_key = moody_key, .sign = moody_sign, .free = moody_free};

static moody the_moody;

static void with_moody(p2p_pke_swarm_config *config)
{
    the_moody.base.ops = &moody_ops;
    the_moody.real = config->signer;
    the_moody.err = 0;
    config->signer = &the_moody.base;
}

/* What the signer says is what the tell says, and nothing is left of it. */
static void test_tell_fails(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, with_moody);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    the_moody.err = P2P_ERR_PERMISSION;
    assert_int_equal(pke_say(a, &b->addr, "hello"), P2P_ERR_PERMISSION);
    assert_int_equal(pke_peers(a), 0);
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_int_equal(net.datagrams, 0);
    the_moody.err = 0;
    assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
    pke_net_end(&net);
}

/* A signer that takes its time is asked again; meanwhile messages wait. */
static void test_slow_signer(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        pke_net net;
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, side ? NULL : with_moody);
        pke_node *b = pke_net_add(&net, 1, 2, side ? with_moody : NULL);
        the_moody.err = P2P_ERR_AGAIN;
        assert_ok(pke_say(a, &b->addr, "hello"));
        pke_net_run(&net, 3 * P2P_SECOND);
        assert_int_equal(a->failed + b->got, 0);
        the_moody.err = 0;
        assert_true(pke_net_wait(&net, &b->got, 1, 60 * P2P_SECOND) < 5 * P2P_SECOND);
        pke_net_end(&net);
    }
}

/* It fails in the middle of things: the reason is told, what waited is counted, the loop does not
 * turn in circles, and later all is well. */
static void test_fails_later(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    p2p_sim_set_max_turns(net.loop, 1000);
    pke_node *a = pke_net_add(&net, 0, 1, with_moody);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_ok(pke_say(a, &b->addr, "one"));
    pke_net_run(&net, 15 * P2P_MILLISECOND);
    the_moody.err = P2P_ERR_IO; /* for the InitDone */
    uint64_t took = pke_net_wait(&net, &a->failed, 1, 60 * P2P_SECOND);
    assert_true(took <= P2P_PKE_ATTEMPT);
    assert_int_equal(a->reason, P2P_ERR_IO);
    assert_int_equal(pke_base_stats(a).tx_drop_error, 1);
    assert_int_equal(b->got, 0);
    the_moody.err = 0;
    assert_true(pke_arrive(a, b, "two") < 2 * P2P_SECOND);
    /* And with a session: no new one can be made, the old one serves as long as it lives. */
    the_moody.err = P2P_ERR_IO;
    unsigned got = b->got;
    for (int i = 0; i < 170; i++) {
        (void)!pke_say(a, &b->addr, "more");
        pke_net_run(&net, P2P_SECOND);
    }
    assert_int_equal(b->got, got + 170);
    for (int i = 0; i < 100; i++) {
        (void)!pke_say(a, &b->addr, "more");
        pke_net_run(&net, P2P_SECOND);
    }
    the_moody.err = 0;
    pke_net_run(&net, 20 * P2P_SECOND);
    assert_true(pke_arrive(a, b, "three") < 2 * P2P_SECOND);
    pke_net_end(&net);
}

/* --- another algorithm: long keys and signatures, and no security --- */

enum { TOY_KEY = 500, TOY_SIGNATURE = 480 };

/* OID 1.3.9999.1 */
static const uint8_t toy_identifier[] = {0x30, 0x06, 0x06, 0x04, 0x2b, 0xce, 0x0f, 0x01};

static void toy_signature(const uint8_t *key, const uint8_t *msg, size_t len, uint8_t *out)
{
    uint64_t mac = p2p__siphash24_seeded(key[0], msg, len);
    for (size_t i = 0; i < TOY_SIGNATURE; i++)
        out[i] = (uint8_t)(mac >> i % 8 * 8);
}

static int toy_check(const p2p_spki *key)
{
    return key->key_len == TOY_KEY ? 0 : P2P_ERR_MALFORMED;
}

static int toy_verify(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                      size_t sig_len)
{
    uint8_t expected[TOY_SIGNATURE];
    if (toy_check(key))
        return P2P_ERR_MALFORMED;
    toy_signature(key->key, msg, msg_len, expected);
    return sig_len == TOY_SIGNATURE && !memcmp(sig, expected, sig_len) ? 0 : P2P_ERR_BAD_SIGNATURE;
}

static const p2p_key_algorithm toy_algorithm = {
    .size = sizeof toy_algorithm,
    .name = "toy",
    .identifier = toy_identifier,
    .identifier_len = sizeof toy_identifier,
    .check = toy_check,
    .verify = toy_verify,
};

typedef struct toy {
    p2p_signer base;
    uint8_t key[TOY_KEY];
} toy;

static int toy_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    const toy *t = (const toy *)signer;
    return p2p_spki_write(toy_identifier, sizeof toy_identifier, t->key, TOY_KEY, out, cap, len);
}

static int toy_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                    size_t cap, size_t *len)
{
    const toy *t = (const toy *)signer;
    if (cap < TOY_SIGNATURE)
        return P2P_ERR_NO_SPACE;
    toy_signature(t->key, msg, msg_len, out);
    *len = TOY_SIGNATURE;
    return 0;
}

static const p2p_signer_ops toy_ops = {
    .size = sizeof toy_ops, .public_key = toy_public_key, .sign = toy_sign, .free = moody_free};

static p2p_key_registry with_toys;
static toy toys[2];

static void toy_registry(p2p_pke_swarm_config *config)
{
    static const p2p_key_algorithm *const algorithms[] = {&toy_algorithm};
    with_toys.algorithms = algorithms;
    with_toys.count = 1;
    with_toys.next = p2p_key_registry_default();
    config->registry = &with_toys;
}

static void toy_node(p2p_pke_swarm_config *config, size_t i)
{
    toy_registry(config);
    memset(&toys[i], (int)(i + 1), sizeof toys[i]);
    toys[i].base.ops = &toy_ops;
    config->signer = &toys[i].base;
}

static void toy_0(p2p_pke_swarm_config *config)
{
    toy_node(config, 0);
}

static void toy_1(p2p_pke_swarm_config *config)
{
    toy_node(config, 1);
}

static int never_longer(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    size_t *longest = arg;
    (void)data;
    (void)to;
    if (len > longest[from])
        longest[from] = len;
    return P2P_PASS;
}

static void test_other_algorithm(void **state)
{
    (void)state;
    const pke_change_fn kinds[] = {toy_registry, toy_0, toy_1};
    for (size_t i = 0; i < 9; i++) {
        pke_net net;
        if (i / 3 == i % 3 && i) /* they would have the same key */
            continue;
        pke_net_begin(&net, &slow, 1);
        pke_node *a = pke_net_add(&net, 0, 1, kinds[i / 3]);
        pke_node *b = pke_net_add(&net, 1, 2, kinds[i % 3]);
        assert_true(pke_arrive(a, b, "hello") < P2P_SECOND);
        assert_true(pke_arrive(b, a, "hello") < P2P_SECOND);
        pke_net_end(&net);
    }
}

/* Who answers with a longer message than he got wants a proof of the address first. */
static void test_long_answer(void **state)
{
    (void)state;
    pke_net net;
    size_t longest[2] = {0};
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, toy_registry);
    pke_node *b = pke_net_add(&net, 1, 2, toy_0);
    p2p_realm_on_transform(net.realm, never_longer, longest);
    assert_ok(pke_say(a, &b->addr, "hello"));
    pke_net_run(&net, 25 * P2P_MILLISECOND);
    assert_true(longest[1] > 0 && longest[1] <= longest[0]);
    assert_int_equal(pke_stats(b).cookies_sent, 1);
    assert_int_not_equal(pke_net_wait(&net, &b->got, 1, P2P_SECOND), P2P_NEVER);
    pke_net_end(&net);
}

/* Without the algorithm there is no session, and no signature is looked at. */
static void test_unknown_algorithm(void **state)
{
    (void)state;
    pke_net net;
    pke_net_begin(&net, &slow, 1);
    pke_node *a = pke_net_add(&net, 0, 1, toy_0);
    pke_node *b = pke_net_add(&net, 1, 2, NULL);
    assert_ok(pke_say(a, &b->addr, "hello"));
    assert_int_not_equal(pke_net_wait(&net, &a->failed, 1, 60 * P2P_SECOND), P2P_NEVER);
    assert_int_equal(a->reason, P2P_ERR_TIMEOUT);
    assert_int_equal(b->got, 0);
    assert_int_equal(pke_peers(b), 0);
    pke_net_end(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tell_fails),  cmocka_unit_test(test_slow_signer),
        cmocka_unit_test(test_fails_later), cmocka_unit_test(test_other_algorithm),
        cmocka_unit_test(test_long_answer), cmocka_unit_test(test_unknown_algorithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
