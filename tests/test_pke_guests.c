/* SPDX-License-Identifier: MIT */
/*
 * Handshakes with good cookies in large numbers, from one who really has many addresses: a site
 * with an IPv6 /56, which is 256 prefixes of /64. He neither keeps newcomers from elsewhere out,
 * nor costs more than his share.
 */
#include "core/bytes.h"
#include "core/rand.h"
#include "support/check.h"
#include "support/pke_net.h"

#define LATENCY     (5 * P2P_MILLISECOND)
#define COOKIE      16
#define COOKIE_SIZE 37 /* of a CookieReply; the cookie is at its end */
#define PREFIX      21 /* what stands before the InitHello in a CookieHello */

enum { PREFIXES = 256, HANDSHAKES = 1024, STEPS_PER_MS = 10, STRANGERS_PER_MS = 2 };

typedef struct crowd {
    pke_net net;
    pke_node *victim;
    p2p__rand rand;
    pke_record hello, forged; /* the second is signed wrongly */
    int is_ip6;
    unsigned prefixes; /* that he has; his handshakes come from them in turn */
    unsigned next;
    unsigned cookies;
    uint8_t cookie[HANDSHAKES][COOKIE];
    pke_record handshake[HANDSHAKES];
} crowd;

/* Where his handshake i comes from. */
static p2p_addr address(const crowd *c, unsigned i)
{
    p2p_ip ip6 = {6, {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0x77, (uint8_t)(i % c->prefixes)}, 0};
    p2p_ip ip4 = {4, {10, 7, 7, (uint8_t)i}, 0};
    p2p_addr out;
    p2p__store16be(ip6.bytes + 14, (uint16_t)(i / c->prefixes));
    assert_ok(p2p_addr_from_ip(&out, c->is_ip6 ? &ip6 : &ip4, 4000));
    return out;
}

/* Nobody hears what goes to his addresses, but for the cookies. */
static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    crowd *c = arg;
    (void)question;
    p2p_ip ip;
    assert_ok(p2p_addr_ip(sent->dst, &ip));
    if (ip.family == 6 ? ip.bytes[6] != 0x77 : ip.bytes[0] != 10 || ip.bytes[1] != 7)
        return 1;
    /* They come in the order in which they were asked for. */
    if (sent->len == COOKIE_SIZE && c->cookies < HANDSHAKES)
        memcpy(c->cookie[c->cookies++], sent->data + COOKIE_SIZE - COOKIE, COOKIE);
    return 0;
}

/* Strangers from addresses that are nobody's, so that cookies are asked for. */
static void strangers(crowd *c)
{
    for (int i = 0; i < STRANGERS_PER_MS; i++) {
        uint64_t r = p2p__rand_next(&c->rand);
        p2p_ip ip = {4, {0x20}, 0};
        p2p_addr src;
        pke_record other = c->forged;
        p2p__store16be(ip.bytes + 1, (uint16_t)r);
        assert_ok(p2p_addr_from_ip(&src, &ip, 4000));
        pke_renew_hello(&other, &c->rand);
        wire_inject(c->net.wire, &src, &c->victim->inner, other.data, other.len);
    }
}

static void run_ms(crowd *c, unsigned milliseconds)
{
    for (unsigned ms = 0; ms < milliseconds; ms++) {
        strangers(c);
        pke_net_run(&c->net, P2P_MILLISECOND);
    }
}

static void begin(crowd *c, int is_ip6, unsigned prefixes, int is_signed)
{
    memset(c, 0, sizeof *c);
    pke_net_begin_wire(&c->net, LATENCY, 1);
    c->is_ip6 = is_ip6;
    c->prefixes = prefixes;
    p2p__rand_seed(&c->rand, 1);
    c->victim = pke_net_add_ip(&c->net, 0, 1, "10.0.0.1:1", NULL);
    pke_net_run(&c->net, P2P_SECOND);
    pke_net_capture(&c->net, 50, "10.9.9.9:9", NULL, &c->hello);
    c->forged = c->hello;
    c->forged.data[c->forged.len - 30] ^= 1;
    if (!is_signed)
        c->hello = c->forged;
    c->net.on_send = on_send;
    c->net.send_arg = c;
    run_ms(c, 3000);
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        p2p_addr src = address(c, i);
        c->handshake[i] = c->hello;
        pke_renew_hello(&c->handshake[i], &c->rand);
        strangers(c); /* which take what there is for those without a cookie */
        wire_inject(c->net.wire, &src, &c->victim->inner, c->handshake[i].data, c->hello.len);
        pke_net_run(&c->net, P2P_MILLISECOND);
    }
    run_ms(c, 100);
    assert_int_equal(c->cookies, HANDSHAKES);
}

/* All over his prefixes, ten thousand per second, and strangers as above. */
static void flood(crowd *c, unsigned milliseconds)
{
    uint8_t data[PREFIX + PKE_HELLO] = {0xff, 0xff, 0xff, 0xff, 2};
    for (unsigned step = 0; step < milliseconds * STEPS_PER_MS; step++) {
        unsigned i = c->next++ % HANDSHAKES;
        p2p_addr src = address(c, i);
        memcpy(data + 5, c->cookie[i], COOKIE);
        memcpy(data + PREFIX, c->handshake[i].data, c->hello.len);
        wire_inject(c->net.wire, &src, &c->victim->inner, data, PREFIX + c->hello.len);
        if (step % STEPS_PER_MS == 0)
            strangers(c);
        pke_net_run(&c->net, P2P_MILLISECOND / STEPS_PER_MS);
    }
}

/* What he has cost so far, and strangers, if his handshakes are signed wrongly. */
static uint64_t cost(const crowd *c, int is_signed)
{
    p2p_pke_stats stats = pke_stats(c->victim);
    return is_signed ? stats.handshakes_answered : stats.signature_checks;
}

/* Whatever he sends, newcomers from elsewhere get in, each within two seconds. */
static void test_newcomers_get_in(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        static crowd c;
        begin(&c, 1, PREFIXES, is_signed);
        flood(&c, 3000);
        for (unsigned i = 0; i < 6; i++) {
            static const char *const at[2] = {"10.0.2.2:2", "[2001:db8:2::1]:2"};
            pke_node *newcomer = pke_net_add_ip(&c.net, 1, 60 + i, at[i % 2], NULL);
            pke_net_run(&c.net, 33 * P2P_MICROSECOND);
            assert_ok(pke_say(newcomer, &c.victim->addr, "in"));
            flood(&c, 2000);
            assert_int_equal(newcomer->up, 1);
            pke_net_close(newcomer);
        }
        assert_int_equal(c.victim->got, 6);
        pke_net_end(&c.net);
    }
}

/* What comes of a site, and of a prefix, in five seconds: 2 s' worth at once, then so many per
 * second. Those that are signed wrongly count as ten. */
static void test_shares(void **state)
{
    (void)state;
    static const struct {
        int is_ip6;
        unsigned prefixes; /* of IPv6 */
        int is_signed;
        unsigned per_second;
    } kinds[] = {
        {1, 1, 0, 5},          {1, 1, 1, 50}, {1, PREFIXES, 0, 10},
        {1, PREFIXES, 1, 100}, {0, 1, 0, 5},  {0, 1, 1, 50},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        static crowd c;
        begin(&c, kinds[i].is_ip6, kinds[i].prefixes, kinds[i].is_signed);
        run_ms(&c, 5000);
        uint64_t before = cost(&c, kinds[i].is_signed);
        run_ms(&c, 5000);
        uint64_t others = cost(&c, kinds[i].is_signed) - before;
        uint64_t good = pke_stats(c.victim).cookies_good;
        before += others;
        flood(&c, 5000);
        assert_true(pke_stats(c.victim).cookies_good - good > 20000);
        uint64_t own = cost(&c, kinds[i].is_signed) - before - others;
        assert_in_range(own, 4 * kinds[i].per_second, 7 * kinds[i].per_second + 10);
        pke_net_end(&c.net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newcomers_get_in),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
