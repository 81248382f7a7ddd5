/* SPDX-License-Identifier: MIT */
/* Under attack: what a stranger costs, the hooks for limits, and cookies. docs/p2pke.md has the
 * vectors of the extension. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_forge.h"
#include "test_p2pke_net.h"

#include "protocol/p2pke/cookie.h"

static const char vector_init_hello[] =
    "000000007b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f130801120c400000006553"
    "f125075bcd151a2c302a300506032b65700321003b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac0"
    "48a18b59da292240aa9bd65d0b4bcab87abb4db235faa1349b5d7046c605025224cdafc7a0020dcba751772bf3c8"
    "acda0446b8a3a8671df3626ed51109c1d415a0d42ea556b5ef0078010082";
static const char vector_cookie_reply[] =
    "ffffffff01c5ed2f2566437216236aabe310fa7513ca66a46eb47a53279e23b6281a3f331d";
static const char vector_cookie_hello[] =
    "ffffffff02ca66a46eb47a53279e23b6281a3f331d000000007b4e909bbe7ffe44c465a220037d608ee35897d31e"
    "f972f07f74892cb0f73f130801120c400000006553f125075bcd151a2c302a300506032b65700321003b6a27bcce"
    "b6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da292240aa9bd65d0b4bcab87abb4db235faa1349b"
    "5d7046c605025224cdafc7a0020dcba751772bf3c8acda0446b8a3a8671df3626ed51109c1d415a0d42ea556b5ef"
    "0078010082";
static const char vector_resp_hello[] =
    "000000010faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f202de7a0137929203086cd"
    "19d2079b0ea5dcc2df2c0c09e55b59e47b94a0c68d532abfe14af595c53fa902c96c6c0771b70d8a72b9b53b1330"
    "0dd85c8817aab50c41b985123143deb0cf748abd0edce397ea70625bb68eeeceafb5e00be25bfa3697239a16b6fb"
    "0306c100c172e674e184fe06bbe2a6176ad51211f66ea656a78a28a3";
static const char vector_init_done[] =
    "00000002d60df1128fc49427763629ad14647fdc8f7bd9237fd47be7883e80464db3328b48c4101c258383273eaf"
    "74353219692ede71a329934ec082fbebe113d8e83185135bfab12ee351083933681108b4dfa4e182";
static const char vector_resp_done[] = "0000000363142c321ef5448461164df1b9fb71dd";
static const char vector_control[] = "000000043a5cf9cc73c098ea41334d4544a97b2a";

static void check(const char *name, const uint8_t *data, size_t len, const char *hex)
{
    uint8_t expected[512];
    if (getenv("P2PKE_PRINT")) {
        /* For the page that shows them. */
        printf("%s ", name);
        for (size_t i = 0; i < len; i++)
            printf("%02x", data[i]);
        printf("\n");
        return;
    }
    assert_int_equal(len, test_hex(hex, expected));
    assert_memory_equal(data, expected, len);
}

/* The handshake of wire.md 12 again, with extensions and a cookie. */
static void test_vectors(void **state)
{
    test_node a, b;
    p2p_pke_channel *ca, *cb;
    uint8_t x[2048], y[2048];
    size_t len;
    p2p_pke_result r;
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    a.ephemeral = 0x11;
    b.ephemeral = 0x22;
    memset(b.ep->cookie_secret, 0x33, sizeof b.ep->cookie_secret);
    b.verdict = P2P_PKE_PROVE;
    assert_int_equal(p2p_pke_channel_new(&ca, a.ep, NULL, "b", 1), 0);
    assert_int_equal(p2p_pke_channel_open(ca, test_time(0)), 0);
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    check("InitHello", x, len, vector_init_hello);

    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, x, len, y, &r), P2P_ERR_AGAIN);
    check("CookieReply", y, r.answer_len, vector_cookie_reply);
    assert_int_equal(p2p_pke_channel_receive(ca, test_time(0), y, r.answer_len, x, &r), 0);
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    check("CookieHello", x, len, vector_cookie_hello);

    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, x, len, y, &r), 0);
    assert_int_equal(p2p_pke_channel_new(&cb, b.ep, NULL, "a", 1), 0);
    unsigned admits = b.admits;
    uint64_t checks = test_stats(&b).signature_checks;
    assert_int_equal(p2p_pke_channel_receive(cb, test_time(0), x, len, y, &r), 0);
    /* What was screened is not checked again. */
    assert_int_equal(b.admits, admits);
    assert_int_equal(test_stats(&b).signature_checks, checks);
    check("RespHello", y, r.answer_len, vector_resp_hello);
    assert_int_equal(p2p_pke_channel_receive(ca, test_time(0), y, r.answer_len, x, &r), 0);
    check("InitDone", x, r.answer_len, vector_init_done);
    assert_int_equal(p2p_pke_channel_receive(cb, test_time(0), x, r.answer_len, y, &r), 0);
    check("RespDone", y, r.answer_len, vector_resp_done);
    assert_int_equal(p2p_pke_channel_receive(ca, test_time(0), y, r.answer_len, x, &r), 0);
    assert_int_equal(p2p_pke_channel_poll(ca, test_time(0), x, sizeof x, &len), 0);
    check("sign of life", x, len, vector_control);
    assert_int_equal(p2p_pke_channel_receive(cb, test_time(0), x, len, y, &r), 0);
    p2p_pke_channel_free(ca);
    p2p_pke_channel_free(cb);
    test_node_free(&a);
    test_node_free(&b);
}

/* p2pkeswarm handleMessage: any datagram from a new source allocates a channel. Here nothing does,
 * and a signature is checked only for what is whole, accepted and admitted. */
static unsigned long allocations;

static void *counting_alloc(void *arg, size_t size)
{
    (void)arg;
    allocations++;
    return malloc(size);
}

static void *counting_resize(void *arg, void *ptr, size_t size)
{
    (void)arg;
    allocations++;
    return realloc(ptr, size);
}

static void counting_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

static void counting(p2p_pke_config *config)
{
    static const p2p_allocator allocator = {counting_alloc, counting_resize, counting_free, NULL};
    config->allocator = &allocator;
}

static int accept_none(const uint8_t *key, size_t len)
{
    (void)key;
    (void)len;
    return 0;
}

static void test_strangers_cost_little(void **state)
{
    test_node a, b;
    forge_hello f;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE], bad[P2P_PKE_MAX_HANDSHAKE], answer[1280];
    p2p_pke_result r;
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, counting);
    forge_hello_init(&f, &a, TEST_WALL);
    size_t len = forge_write_hello(&f, &a, hello, NULL);
    unsigned long before = allocations;

    for (size_t n = 0; n < len; n++) {
        assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, n, answer, &r),
                         P2P_ERR_MALFORMED);
        assert_int_equal(r.answer_len, 0);
    }
    for (uint8_t nonce = 1; nonce < 32; nonce++) {
        memcpy(bad, hello, len);
        bad[3] = nonce;
        assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, bad, len, answer, &r),
                         P2P_ERR_MALFORMED);
    }
    assert_int_equal(b.admits, 0);
    b.accepts = accept_none;
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r),
                     P2P_ERR_REFUSED);
    assert_int_equal(b.admits, 0);
    b.accepts = NULL;
    b.verdict = P2P_PKE_REFUSE;
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r),
                     P2P_ERR_REFUSED);
    assert_int_equal(test_stats(&b).signature_checks, 0);
    b.verdict = P2P_PKE_ADMIT;
    f.bad_signature = 1;
    len = forge_write_hello(&f, &a, hello, NULL);
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r),
                     P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(test_stats(&b).signature_checks, 1);
    assert_int_equal(r.answer_len, 0);
    assert_int_equal(allocations, before);
    test_node_free(&a);
    test_node_free(&b);
}

/* p2pke: each InitHello costs 2 signature checks. Here it is one. */
static void test_one_signature_check_per_hello(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 15 * P2P_MILLISECOND);
    assert_int_equal(test_stats(&n.side[1].node).signature_checks, 1);
    assert_int_equal(n.side[1].node.admits, 1);
    assert_int_equal(n.side[1].node.last_peer == &n, 1);
    /* Repetitions cost none. */
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    size_t len;
    assert_int_equal(p2p_pke_session_message(n.side[0].channel->out.session, hello, 1280, &len), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(net_receive(&n, 1, hello, len), 0);
    assert_int_equal(test_stats(&n.side[1].node).signature_checks, 1);
    assert_int_equal(n.side[1].node.admits, 1);
    net_free(&n);
}

static void test_handshake_through_cookies(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.side[1].node.verdict = P2P_PKE_PROVE;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 70 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].delivered, 1);
    assert_int_equal(test_stats(&n.side[1].node).cookies_sent, 1);
    assert_int_equal(test_stats(&n.side[1].node).cookies_good, 1);
    assert_int_equal(test_stats(&n.side[1].node).signature_checks, 2);
    net_free(&n);
}

/* Old initiators announce nothing and get no cookie; old responders see nothing new. */
static void test_old_peers(void **state)
{
    (void)state;
    for (unsigned old = 0; old < 4; old++) {
        net n;
        net_init_with(&n, 1, old & 1 ? test_no_extensions : NULL,
                      old & 2 ? test_no_extensions : NULL);
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, 100 * P2P_MILLISECOND);
        assert_int_equal(n.side[1].delivered, 1);
        assert_int_equal(n.side[0].channel->current->peer_extended, old == 0);
        assert_int_equal(n.side[1].channel->current->peer_extended, !(old & 1));
        net_free(&n);
    }
    net n;
    net_init_with(&n, 1, test_no_extensions, NULL);
    n.side[1].node.verdict = P2P_PKE_PROVE;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 20 * P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 0);
    assert_int_equal(n.side[1].sent, 0);
    net_free(&n);
}

/* A cookie is worth something for its address, its handshake and its time only. */
static void test_cookies_are_bound(void **state)
{
    test_node a, b;
    forge_hello f;
    uint8_t hello[1280], other[1280], wrapped[1280], answer[1280], cookie[16];
    p2p_pke_result r;
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, NULL);
    b.verdict = P2P_PKE_PROVE;
    forge_hello_init(&f, &a, TEST_WALL);
    f.extensions = 1;
    size_t len = forge_write_hello(&f, &a, hello, NULL);
    f.e_private[1] ^= 1;
    assert_int_equal(forge_write_hello(&f, &a, other, NULL), len);
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, hello, len, answer, &r),
                     P2P_ERR_AGAIN);
    memcpy(cookie, answer + 21, 16);

    static const uint8_t prefix[5] = {0xff, 0xff, 0xff, 0xff, 2};
    memcpy(wrapped, prefix, 5);
    memcpy(wrapped + 5, cookie, 16);
    memcpy(wrapped + 21, hello, len);
    size_t wrapped_len = len + 21;
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, wrapped, wrapped_len, answer, &r),
                     0);
    /* At once, and a period later, but not two. */
    uint64_t left = P2P__PKE_COOKIE_PERIOD - TEST_NOW % P2P__PKE_COOKIE_PERIOD;
    uint64_t last = left + P2P__PKE_COOKIE_PERIOD - 1;
    assert_int_equal(
        p2p_pke_screen(b.ep, test_time(last), "a", 1, wrapped, wrapped_len, answer, &r), 0);
    assert_int_equal(
        p2p_pke_screen(b.ep, test_time(last + 1), "a", 1, wrapped, wrapped_len, answer, &r),
        P2P_ERR_AGAIN);
    /* Another address. */
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "b", 1, wrapped, wrapped_len, answer, &r),
                     P2P_ERR_AGAIN);
    /* Each bit of it. */
    for (unsigned bit = 0; bit < 128; bit++) {
        wrapped[5 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(
            p2p_pke_screen(b.ep, test_time(0), "a", 1, wrapped, wrapped_len, answer, &r),
            P2P_ERR_AGAIN);
        wrapped[5 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Another handshake. */
    memcpy(wrapped + 21, other, len);
    assert_int_equal(p2p_pke_screen(b.ep, test_time(0), "a", 1, wrapped, wrapped_len, answer, &r),
                     P2P_ERR_AGAIN);
    assert_int_equal(r.answer_len, P2P__PKE_COOKIE_REPLY_SIZE);
    test_node_free(&a);
    test_node_free(&b);
}

/* CookieReplies that are forged, unasked or too many move nothing. */
static void test_forged_cookie_replies(void **state)
{
    net n;
    uint8_t reply[64] = {0xff, 0xff, 0xff, 0xff, 1};
    (void)state;
    net_init(&n);
    assert_int_equal(net_receive(&n, 0, reply, 37), P2P_ERR_BAD_SIGNATURE);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    assert_int_equal(n.side[0].sent, 1);
    assert_int_equal(net_receive(&n, 0, reply, 37), P2P_ERR_BAD_SIGNATURE);
    for (size_t len = 5; len < 64; len++)
        if (len != 37)
            assert_int_equal(net_receive(&n, 0, reply, len), P2P_ERR_MALFORMED);
    assert_int_equal(n.side[0].sent, 1);
    /* From somebody on the path: one more message each time we would send anyway. */
    memcpy(reply + 5, n.side[0].channel->out.session->id, 16);
    for (unsigned i = 0; i < 100; i++)
        (void)net_receive(&n, 0, reply, 37);
    assert_in_range(n.side[0].sent, 2, 3);
    /* The false cookie is doubted in the end; the handshake goes on. */
    net_run(&n, 3 * P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* A cookie that has become worthless (the address has changed) is replaced. */
static void test_cookie_that_expires(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.side[1].node.verdict = P2P_PKE_PROVE;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 21 * P2P_MILLISECOND); /* CookieHello is on its way */
    n.side[1].node.ep->cookie_secret[0] ^= 1;
    net_run(&n, 4 * P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* The limits of the endpoint: N, N + 1, and who gets in above which. */
static void few(p2p_pke_config *config)
{
    config->max_half_open = 8;
    config->cookies_above = 2;
    config->admit = NULL;
}

static int try_hello(test_node *a, test_node *b, p2p_pke_channel **channel, unsigned i,
                     uint64_t extensions, int with_cookie)
{
    static char sources[64];
    forge_hello f;
    uint8_t hello[1280], wrapped[1280], answer[1280];
    p2p_pke_result r;
    forge_hello_init(&f, a, TEST_WALL);
    f.extensions = extensions;
    f.e_private[1] = (uint8_t)i;
    size_t len = forge_write_hello(&f, a, hello, NULL);
    sources[i] = (char)i;
    int err = p2p_pke_screen(b->ep, test_time(0), &sources[i], 1, hello, len, answer, &r);
    memcpy(wrapped + 21, hello, len);
    if (err == P2P_ERR_AGAIN && with_cookie) {
        memcpy(wrapped, "\xff\xff\xff\xff\x02", 5);
        memcpy(wrapped + 5, answer + 21, 16);
        memmove(hello, wrapped, len + 21);
        len += 21;
        err = p2p_pke_screen(b->ep, test_time(0), &sources[i], 1, hello, len, answer, &r);
    }
    if (err)
        return err;
    assert_int_equal(p2p_pke_channel_new(channel, b->ep, NULL, &sources[i], 1), 0);
    assert_int_equal(p2p_pke_channel_receive(*channel, test_time(0), hello, len, answer, &r), 0);
    return 0;
}

static void test_limits_of_half_open_handshakes(void **state)
{
    test_node a, b;
    p2p_pke_channel *channels[64] = {0};
    (void)state;
    test_node_init(&a, 0, NULL);
    test_node_init(&b, 1, few);
    unsigned i = 0;
    /* Up to 2 nobody needs a cookie; from there on those who can must, the others get half. */
    for (; i < 2; i++)
        assert_int_equal(try_hello(&a, &b, &channels[i], i, 1, 0), 0);
    assert_int_equal(try_hello(&a, &b, &channels[i], i, 1, 0), P2P_ERR_AGAIN);
    for (; i < 4; i++)
        assert_int_equal(try_hello(&a, &b, &channels[i], i, 0, 0), 0);
    assert_int_equal(try_hello(&a, &b, &channels[i], i, 0, 0), P2P_ERR_LIMIT);
    /* An eighth is for those who are known. */
    for (; i < 7; i++)
        assert_int_equal(try_hello(&a, &b, &channels[i], i, 1, 1), 0);
    assert_int_equal(p2p_pke_endpoint_half_open(b.ep), 7);
    assert_int_equal(try_hello(&a, &b, &channels[i], i, 1, 1), P2P_ERR_LIMIT);
    p2p_pke_channel_free(channels[0]);
    channels[0] = NULL;
    assert_int_equal(try_hello(&a, &b, &channels[i], i, 1, 1), 0);
    for (i = 0; i < 64; i++)
        p2p_pke_channel_free(channels[i]);
    test_node_free(&a);
    test_node_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_strangers_cost_little),
        cmocka_unit_test(test_one_signature_check_per_hello),
        cmocka_unit_test(test_handshake_through_cookies),
        cmocka_unit_test(test_old_peers),
        cmocka_unit_test(test_cookies_are_bound),
        cmocka_unit_test(test_forged_cookie_replies),
        cmocka_unit_test(test_cookie_that_expires),
        cmocka_unit_test(test_limits_of_half_open_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
