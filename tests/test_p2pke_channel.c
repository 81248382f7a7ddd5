/* SPDX-License-Identifier: MIT */
/*
 * The channel against the weaknesses of the reference that wire.md 14 lists; each test is named
 * after one of them, or after a rule of 2.8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_forge.h"
#include "test_p2pke_net.h"

static p2p_pke_info info_of(net *n, unsigned side)
{
    p2p_pke_info info;
    p2p_pke_channel_info(n->side[side].channel, net_clock(n, side), &info);
    return info;
}

static p2p_pke_stats stats_of(net *n, unsigned side)
{
    return test_stats(&n->side[side].node);
}

/* Both ends have a session, and messages go both ways. */
static void connect_both(net *n)
{
    assert_int_equal(net_text(n, 0, "first"), 0);
    net_run(n, P2P_SECOND);
    assert_int_equal(net_text(n, 1, "second"), 0);
    net_run(n, P2P_SECOND);
    assert_true(info_of(n, 0).ready && info_of(n, 1).ready);
    n->side[0].delivered = n->side[1].delivered = 0;
}

static void init_connected(net *n)
{
    net_init(n);
    connect_both(n);
}

/* --- messages while there is no session --- */

static void test_messages_wait_in_a_bounded_queue(void **state)
{
    net n;
    char text[16];
    (void)state;
    net_init(&n);
    for (int i = 0; i < 64; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        assert_int_equal(net_text(&n, 0, text), 0);
    }
    assert_int_equal(net_text(&n, 0, "one too many"), P2P_ERR_AGAIN);
    assert_int_equal(info_of(&n, 0).queued, 64);
    net_run(&n, P2P_SECOND);
    assert_int_equal(info_of(&n, 0).queued, 0);
    assert_int_equal(n.side[1].delivered, 64);
    assert_memory_equal(n.side[1].last, "63", 2);
    net_free(&n);
}

static void small_queue(p2p_pke_config *config)
{
    config->max_queue = 3;
    config->max_queue_bytes = 10;
}

static void test_queue_is_bounded_in_bytes(void **state)
{
    net n;
    (void)state;
    net_init_with(&n, 1, small_queue, NULL);
    assert_int_equal(net_text(&n, 0, "01234567890"), P2P_ERR_AGAIN);
    assert_int_equal(net_text(&n, 0, "0123456789"), 0);
    assert_int_equal(net_text(&n, 0, "x"), P2P_ERR_AGAIN);
    assert_int_equal(net_text(&n, 0, ""), 0);
    assert_int_equal(net_text(&n, 0, ""), 0);
    assert_int_equal(net_text(&n, 0, ""), P2P_ERR_AGAIN);
    assert_int_equal(info_of(&n, 0).queued_bytes, 10);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 3);
    net_free(&n);
}

/* p2pke Channel.Deliver: zero-length tells are lost on receipt. */
static void test_zero_length_messages_arrive(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_text(&n, 0, ""), 0);
    net_run(&n, 60 * P2P_SECOND);
    /* The signs of life in between are not delivered. */
    assert_int_equal(n.side[1].delivered, 3);
    assert_int_equal(n.side[1].last_len, 0);
    assert_true(stats_of(&n, 1).signs_of_life > 0);
    net_free(&n);
}

/* --- end and back-off --- */

/* p2pke onHandshake: retransmission without back-off or end. */
static void test_retransmission_backs_off_and_ends(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.filter = net_lose_all;
    assert_int_equal(net_text(&n, 0, "lost"), 0);
    net_run(&n, P2P_PKE_ATTEMPT - 1);
    assert_int_equal(n.side[0].failed, 0);
    assert_in_range(n.side[0].sent, 5, 8);
    net_run(&n, 1);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(n.side[0].reason, P2P_ERR_TIMEOUT);
    assert_int_equal(n.side[0].dropped, 1);
    unsigned sent = n.side[0].sent;
    net_run(&n, 1000 * P2P_SECOND);
    assert_int_equal(n.side[0].sent, sent);
    assert_true(p2p_pke_channel_deadline(n.side[0].channel) == P2P_NEVER);
    net_free(&n);
}

/* Whoever waits again after that goes on with the same InitHello (2.8, 2). */
static uint8_t first_hello[P2P_PKE_MAX_HANDSHAKE];
static unsigned hellos, other_hellos;

static int compare_hellos(net *n, unsigned from, const uint8_t *data, size_t len)
{
    (void)n;
    if (from || net_nonce(data, len) != 0)
        return 0;
    if (!hellos++)
        memcpy(first_hello, data, len);
    else
        other_hellos += memcmp(first_hello, data, len) != 0;
    return 0;
}

static void test_same_init_hello_while_unresolved(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.filter = compare_hellos;
    hellos = other_hellos = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(net_text(&n, 0, "again"), 0);
        net_run(&n, 20 * P2P_SECOND);
        assert_int_equal(n.side[0].failed, i + 1);
    }
    assert_true(hellos > 20);
    assert_int_equal(other_hellos, 0);
    /* It has the lifetime of a session. */
    net_run(&n, P2P_PKE_LIFETIME);
    assert_int_equal(net_text(&n, 0, "anew"), 0);
    net_run(&n, P2P_SECOND);
    assert_true(other_hellos > 0);
    net_free(&n);
}

/* p2pkeswarm getFullAddr: a wrong peer at an address, tight handshake loop. */
static int refuse_all(const uint8_t *key, size_t len)
{
    (void)key;
    (void)len;
    return 0;
}

static void test_wrong_peer_ends_with_a_reason(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.side[0].node.accepts = refuse_all;
    assert_int_equal(net_text(&n, 0, "secret"), 0);
    net_run(&n, 3 * P2P_SECOND);
    /* p2pkeswarm: AcceptKey is not applied to a responder's key. */
    assert_true(n.side[0].node.accepted > 0);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(n.side[0].reason, P2P_ERR_REFUSED);
    assert_in_range(n.side[0].sent, 1, 5);
    assert_int_equal(n.side[1].delivered, 0);
    size_t len;
    assert_null(p2p_pke_channel_key(n.side[0].channel, &len));
    net_free(&n);
}

/* --- simultaneous open --- */

static void test_simultaneous_open_lower_id_wins(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 40; seed++) {
        net n;
        net_init_with(&n, seed, NULL, NULL);
        assert_int_equal(net_text(&n, 0, "ab"), 0);
        assert_int_equal(net_text(&n, 1, "ba"), 0);
        const uint8_t *a = n.side[0].channel->out.session->id;
        const uint8_t *b = n.side[1].channel->out.session->id;
        uint8_t lower[32];
        memcpy(lower, memcmp(a, b, 32) < 0 ? a : b, 32);
        net_run(&n, 200 * P2P_MILLISECOND);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(n.side[i].delivered, 1);
            assert_memory_equal(n.side[i].channel->current->id, lower, 32);
            assert_null(n.side[i].channel->previous);
        }
        /* Nothing is left under way. */
        net_run(&n, 20 * P2P_SECOND);
        assert_int_equal(n.side[0].failed + n.side[1].failed, 0);
        assert_int_equal(stats_of(&n, 0).handshakes_started, 1);
        net_free(&n);
    }
}

/* An InitHello of mallory whose id is lower than that of a's handshake. */
static size_t low_hello(net *n, test_node *mallory, uint32_t *counter, uint8_t *hello)
{
    uint8_t id[32];
    for (;;) {
        forge_hello f;
        forge_hello_init(&f, mallory, n->time.wall);
        p2p__store32be(f.e_private, ++*counter);
        size_t len = forge_write_hello(&f, mallory, hello, NULL);
        p2p__pke_hello_id(hello, len, id);
        if (memcmp(id, n->side[0].channel->out.session->id, 32) < 0)
            return len;
    }
}

/* p2pke proposeNewSession: an attacker with any valid claim grinds a low id. */
static void test_low_id_does_not_displace_ours(void **state)
{
    net n;
    test_node mallory;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    uint32_t counter = 0;
    (void)state;
    net_init(&n);
    test_node_init(&mallory, 7, NULL);
    n.filter = net_lose_all;
    assert_int_equal(net_text(&n, 0, "to b"), 0);
    n.filter = NULL;
    for (unsigned i = 0; i < 15; i++) {
        size_t len = low_hello(&n, &mallory, &counter, hello);
        net_put(&n, 0, hello, len, n.time.now);
        net_run(&n, 100 * P2P_MILLISECOND);
        if (n.side[1].delivered)
            break;
    }
    assert_int_equal(n.side[1].delivered, 1);
    test_node_free(&mallory);
    net_free(&n);
}

/* --- what a half-open handshake must not do --- */

/* p2pke Channel.Deliver: a responder session at hs 3 captures every later InitHello. */
static void test_ready_responder_takes_a_new_handshake(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 35 * P2P_MILLISECOND); /* b has sent RespDone, and heard nothing since */
    assert_non_null(n.side[1].channel->current);
    assert_false(n.side[1].channel->current->confirmed);
    net_clear(&n);
    net_restart(&n, 0);
    assert_int_equal(net_text(&n, 0, "from a new life"), 0);
    net_run(&n, 100 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* p2pke Channel.Deliver: one spoofed datagram from a peer's address locks that peer out. */
static void test_spoofed_init_hello_does_not_lock_out(void **state)
{
    net n;
    test_node mallory;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    net_init(&n);
    test_node_init(&mallory, 7, NULL);
    for (uint8_t i = 0; i < P2P__PKE_HALF_OPEN - 1; i++) {
        forge_hello f;
        forge_hello_init(&f, &mallory, n.time.wall);
        f.e_private[0] = i;
        size_t len = forge_write_hello(&f, &mallory, hello, NULL);
        n.filter = net_lose_all;
        assert_int_equal(net_receive(&n, 1, hello, len), 0);
    }
    n.filter = NULL;
    assert_int_equal(net_text(&n, 0, "honest"), 0);
    net_run(&n, 100 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].delivered, 1);
    /* Those of the other key are over now. */
    assert_int_equal(info_of(&n, 1).half_open, 0);
    test_node_free(&mallory);
    net_free(&n);
}

/* The same again and again: whoever understands cookies gets through a flood of it. The others, as
 * go-p2p, get through what leaves a place free at times. */
static void test_flood_of_spoofed_init_hellos(void **state)
{
    test_node mallory;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    test_node_init(&mallory, 7, NULL);
    for (unsigned old = 0; old < 2; old++) {
        net n;
        net_init_with(&n, 3, old ? test_no_extensions : NULL, NULL);
        assert_int_equal(net_text(&n, 0, "honest"), 0);
        for (uint32_t i = 0; i < 1500 && !n.side[1].delivered; i++) {
            forge_hello f;
            forge_hello_init(&f, &mallory, n.time.wall);
            p2p__store32be(f.e_private, i);
            size_t len = forge_write_hello(&f, &mallory, hello, NULL);
            net_put(&n, 1, hello, len, n.time.now);
            net_run(&n, (old ? 300 : 2) * P2P_MILLISECOND);
        }
        assert_int_equal(n.side[1].delivered, 1);
        if (!old)
            assert_int_equal(stats_of(&n, 1).cookies_good, 1);
        net_free(&n);
    }
    test_node_free(&mallory);
}

/* p2pke getOrInit: a foreign half-open session suppresses our own handshake. */
static void test_half_open_session_does_not_suppress_ours(void **state)
{
    net n;
    test_node mallory;
    forge_hello f;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    net_init(&n);
    test_node_init(&mallory, 7, NULL);
    forge_hello_init(&f, &mallory, n.time.wall);
    size_t len = forge_write_hello(&f, &mallory, hello, NULL);
    n.filter = net_lose_all;
    assert_int_equal(net_receive(&n, 0, hello, len), 0);
    n.filter = NULL;
    assert_int_equal(info_of(&n, 0).half_open, 1);
    assert_int_equal(net_text(&n, 0, "anyway"), 0);
    net_run(&n, 100 * P2P_MILLISECOND);
    assert_int_equal(n.side[1].delivered, 1);
    test_node_free(&mallory);
    net_free(&n);
}

static void test_half_open_handshakes_end(void **state)
{
    net n;
    net_losses losses = {{0, 0, 100, 0}, {0}};
    (void)state;
    net_init(&n);
    n.filter = net_lose_some;
    n.arg = &losses;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(info_of(&n, 1).half_open, 1);
    assert_int_equal(p2p_pke_endpoint_half_open(n.side[1].node.ep), 1);
    n.filter = net_lose_all;
    net_run(&n, P2P_PKE_ATTEMPT);
    assert_int_equal(info_of(&n, 1).half_open, 0);
    assert_int_equal(p2p_pke_endpoint_half_open(n.side[1].node.ep), 0);
    net_free(&n);
}

/* --- answers --- */

/* p2pke resend rules: 4 unauthenticated bytes elicit up to 166 bytes. */
static void test_bare_header_gets_no_answer(void **state)
{
    net n;
    (void)state;
    /* In every stage of a handshake, on both sides. */
    for (uint64_t until = 0; until < 80; until += 5) {
        net_init(&n);
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, until * P2P_MILLISECOND);
        for (unsigned side = 0; side < 2; side++) {
            for (unsigned nonce = 0; nonce < 20; nonce++) {
                for (size_t len = 0; len <= 24; len++) {
                    uint8_t bare[24] = {0, 0, 0, (uint8_t)nonce};
                    unsigned sent = n.side[side].sent;
                    assert_int_not_equal(net_receive(&n, side, bare, len), 0);
                    assert_int_equal(n.side[side].sent, sent);
                }
            }
        }
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[1].delivered, 1);
        net_free(&n);
    }
}

/* p2pke Channel.Deliver: InitHello and RespDone answer each other without limit. */
static void test_no_packet_storm(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.duplicate = 0.9;
    n.jitter = 50 * P2P_MILLISECOND;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    assert_int_equal(net_text(&n, 1, "y"), 0);
    net_run(&n, 30 * P2P_SECOND);
    assert_int_equal(n.side[0].delivered, 1);
    assert_int_equal(n.side[1].delivered, 1);
    assert_true(n.side[0].sent + n.side[1].sent < 60);
    assert_int_equal(n.count, 0);
    net_free(&n);
}

/* p2pke Channel.Deliver: data that arrives before RespDone leaves the session unpromoted. */
static int lose_resp_done(net *n, unsigned from, const uint8_t *data, size_t len)
{
    (void)n;
    (void)from;
    return net_nonce(data, len) != P2P__PKE_NONCE_RESP_DONE;
}

static void test_data_before_resp_done_promotes(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.filter = lose_resp_done;
    assert_int_equal(net_text(&n, 0, "waits"), 0);
    net_run(&n, 100 * P2P_MILLISECOND);
    assert_null(n.side[0].channel->current);
    /* B does not know that nothing of it arrives, and after a while it sends. */
    assert_int_equal(net_text(&n, 1, "early"), 0);
    net_run(&n, 30 * P2P_SECOND);
    assert_int_equal(n.side[0].delivered, 1);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* Gives a copy of a datagram to a side and keeps its answer, which is not sent. */
static size_t hand(net *n, unsigned to, const uint8_t *data, size_t len, uint8_t *answer)
{
    uint8_t copy[P2P_PKE_MAX_HANDSHAKE];
    p2p_pke_result r;
    memcpy(copy, data, len);
    assert_int_equal(
        p2p_pke_channel_receive(n->side[to].channel, net_clock(n, to), copy, len, answer, &r), 0);
    return r.answer_len;
}

/* Two handshakes cross, and all RespDones are lost. Each side is ready with the other's handshake,
 * and still must understand what is said under its own. */
static void test_crossing_handshakes(void **state)
{
    net n;
    uint8_t hello[2][1280], resp[2][1280], done[2][1280], last[1280];
    size_t hello_len[2], resp_len[2], done_len[2];
    (void)state;
    net_init(&n);
    n.filter = net_lose_all;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(p2p_pke_channel_open(n.side[i].channel, net_clock(&n, i)), 0);
        n.side[i].channel->out.sends = P2P__PKE_TIE_SENDS; /* neither insists on its own */
        const p2p__pke_handshake *hs = n.side[i].channel->out.session->handshake;
        hello_len[i] = hs->hello_len;
        memcpy(hello[i], hs->messages, hs->hello_len);
    }
    for (unsigned i = 0; i < 2; i++)
        resp_len[!i] = hand(&n, !i, hello[i], hello_len[i], resp[!i]);
    for (unsigned i = 0; i < 2; i++)
        done_len[i] = hand(&n, i, resp[!i], resp_len[!i], done[i]);
    for (unsigned i = 0; i < 2; i++)
        (void)hand(&n, !i, done[i], done_len[i], last);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(n.side[i].channel->current->initiator);
        assert_non_null(n.side[i].channel->out.session);
    }
    net_run(&n, P2P_PKE_HOLD);
    n.filter = NULL;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(net_text(&n, i, "crossed"), 0);
    net_run(&n, 50 * P2P_MILLISECOND);
    assert_int_equal(n.side[0].delivered, 1);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* --- the responder holds its data (2.8, 3) --- */

/* Not for an initiator that announced extensions: that takes a message in the place of RespDone. */
static void test_responder_need_not_hold(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 2; lost++) {
        net n;
        net_init(&n);
        n.filter = lost ? lose_resp_done : NULL;
        assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
        net_flush(&n, 0);
        net_run(&n, 31 * P2P_MILLISECOND);
        assert_non_null(n.side[1].channel->current);
        assert_int_equal(net_text(&n, 1, "at once"), 0);
        assert_int_equal(info_of(&n, 1).queued, 0);
        net_run(&n, 10 * P2P_MILLISECOND);
        assert_int_equal(n.side[0].delivered, 1);
        assert_int_equal(n.side[0].ready, 1);
        net_free(&n);
    }
}

static void test_responder_holds_its_data(void **state)
{
    net n;
    (void)state;
    net_init_with(&n, 1, test_no_extensions, NULL);
    assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
    net_flush(&n, 0);
    net_run(&n, 31 * P2P_MILLISECOND);
    assert_non_null(n.side[1].channel->current);
    assert_int_equal(net_text(&n, 1, "held"), 0);
    assert_int_equal(info_of(&n, 1).queued, 1);
    assert_int_equal(stats_of(&n, 1).handshakes_started, 0);
    net_run(&n, 20 * P2P_MILLISECOND);
    assert_int_equal(info_of(&n, 1).queued, 0); /* the sign of life has come */
    net_run(&n, 20 * P2P_MILLISECOND);
    assert_int_equal(n.side[0].delivered, 1);
    net_free(&n);
}

static int lose_controls(net *n, unsigned from, const uint8_t *data, size_t len)
{
    (void)n;
    return from || net_nonce(data, len) != P2P__PKE_NONCE_CONTROL;
}

static void test_hold_ends_by_itself(void **state)
{
    net n;
    (void)state;
    net_init_with(&n, 1, test_no_extensions, NULL);
    n.filter = lose_resp_done;
    assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
    net_flush(&n, 0);
    net_run(&n, 35 * P2P_MILLISECOND);
    assert_int_equal(net_text(&n, 1, "held"), 0);
    /* Each InitDone that comes again starts the wait anew. */
    n.filter = net_lose_all;
    net_run(&n, P2P_PKE_HOLD - 10 * P2P_MILLISECOND);
    assert_int_equal(info_of(&n, 1).queued, 1);
    n.filter = NULL;
    net_run(&n, 2 * P2P_SECOND);
    assert_int_equal(n.side[0].delivered, 1);
    net_free(&n);

    /* Lost signs of life come again. */
    net_init(&n);
    n.filter = lose_controls;
    assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
    net_flush(&n, 0);
    net_run(&n, P2P_SECOND);
    assert_true(n.side[1].channel->current->confirmed);
    net_free(&n);
}

/* --- time --- */

/* p2pke onReadySession: a peer with a slower clock cannot initiate. */
static void test_slower_clock_can_initiate(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.side[0].wall_offset = 3600 * P2P_SECOND; /* a is an hour ahead */
    connect_both(&n);
    net_run(&n, 2 * P2P_PKE_LIFETIME);
    assert_null(n.side[0].channel->current);
    unsigned before = n.side[0].delivered;
    assert_int_equal(net_text(&n, 1, "from the slow clock"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[0].delivered, before + 1);
    net_free(&n);
}

/* 2.8, 6: a clock that goes back does not shut us out. */
static void test_clock_jumps(void **state)
{
    net n;
    static const int64_t jumps[] = {-86400, 86400, -3600, 0, -1};
    (void)state;
    init_connected(&n);
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        n.side[0].wall_offset = (uint64_t)(jumps[i] * 1000000000);
        net_run(&n, 2 * P2P_PKE_LIFETIME);
        unsigned before = n.side[1].delivered;
        assert_int_equal(net_text(&n, 0, "x"), 0);
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[1].delivered, before + 1);
    }
    net_free(&n);
}

/* The timestamps say no to an old handshake, and yes to the same time. */
static void test_old_timestamps_are_refused(void **state)
{
    net n;
    forge_hello f;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    init_connected(&n);
    uint8_t recorded[12];
    memcpy(recorded, n.side[1].channel->remote_time, 12);
    n.filter = net_lose_all;
    for (int delta = -1; delta <= 1; delta++) {
        forge_hello_init(&f, &n.side[0].node, n.time.wall);
        memcpy(f.time, recorded, 12);
        p2p__store32be(f.time + 8, (uint32_t)((int)p2p__load32be(f.time + 8) + delta));
        size_t len = forge_write_hello(&f, &n.side[0].node, hello, NULL);
        assert_int_equal(net_receive(&n, 1, hello, len), delta < 0 ? P2P_ERR_REFUSED : 0);
    }
    net_free(&n);
}

/* --- long life --- */

static void traffic(net *n, unsigned both, uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds; i++) {
        assert_int_equal(net_text(n, 0, "tick"), 0);
        if (both)
            assert_int_equal(net_text(n, 1, "tock"), 0);
        net_run(n, P2P_SECOND);
        /* Never is there a moment without a session. */
        assert_true(info_of(n, 0).ready);
        assert_int_equal(info_of(n, 0).queued, 0);
    }
}

/* p2pke Channel: last-received not updated by data, a forced handshake every 15 s of traffic; and
 * expireSessions: the session is dropped before its replacement exists. */
static void test_traffic_refreshes_and_rekeys_without_a_stall(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    traffic(&n, 1, 110);
    assert_int_equal(stats_of(&n, 0).handshakes_started, 1);
    traffic(&n, 1, 890);
    assert_int_equal(n.side[0].delivered, 1000);
    assert_int_equal(n.side[1].delivered, 1000);
    /* One for each 120 s, by the initiator. */
    assert_int_equal(stats_of(&n, 0).handshakes_started, 9);
    assert_int_equal(stats_of(&n, 1).handshakes_started, 0);
    assert_int_equal(stats_of(&n, 0).probes, 0);
    assert_int_equal(n.side[0].failed, 0);
    net_free(&n);
}

/* One-way traffic lives on signs of life. */
static void test_one_way_traffic(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    traffic(&n, 0, 600);
    assert_int_equal(n.side[1].delivered, 600);
    assert_int_equal(stats_of(&n, 0).probes, 0);
    assert_int_equal(stats_of(&n, 0).handshakes_started, 6);
    assert_true(stats_of(&n, 1).signs_of_life > 50);
    assert_int_equal(n.side[0].delivered, 0);
    net_free(&n);
}

/* Rekeying under loss: messages are lost as the network loses them, but none waits. */
static void test_rekey_under_loss(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    n.loss = 0.3;
    traffic(&n, 1, 1000);
    assert_in_range(n.side[1].delivered, 600, 800);
    assert_int_equal(n.side[0].failed + n.side[1].failed, 0);
    net_free(&n);
}

/* When the initiator cannot, the responder replaces the session. */
static int lose_hellos_of_a(net *n, unsigned from, const uint8_t *data, size_t len)
{
    (void)n;
    return from || net_nonce(data, len) != P2P__PKE_NONCE_INIT_HELLO;
}

static void test_responder_rekeys_late(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    n.filter = lose_hellos_of_a;
    traffic(&n, 1, 300);
    assert_int_equal(n.side[1].delivered, 300);
    assert_true(stats_of(&n, 1).rekeys > 0);
    net_free(&n);
}

/* p2pke message-count limit: no rekey; the session just fails both ways. */
static void test_message_count_rekeys(void **state)
{
    (void)state;
    for (unsigned receiver = 0; receiver < 2; receiver++) {
        net n;
        net_init(&n);
        connect_both(&n);
        n.side[0].channel->current->next = P2P_PKE_REKEY_MESSAGES - 1;
        traffic(&n, 0, 3);
        assert_int_equal(stats_of(&n, 0).rekeys, 1);
        assert_true(n.side[0].channel->current->next < 100);
        assert_int_equal(n.side[1].delivered, 3);
        net_free(&n);
    }
}

static void test_last_nonce_waits_for_the_new_session(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    n.side[0].channel->current->next = 0xfffffffd;
    assert_int_equal(net_text(&n, 0, "last"), 0);
    assert_int_equal(net_text(&n, 0, "waits"), 0);
    assert_int_equal(info_of(&n, 0).queued, 1);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 2);
    net_free(&n);
}

/* A peer that is gone is noticed, while sending goes on until then. */
static void test_silence_is_noticed(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    n.filter = net_lose_all;
    for (unsigned i = 0; i < 29; i++) {
        assert_int_equal(net_text(&n, 0, "anybody?"), 0);
        net_run(&n, P2P_SECOND);
        assert_true(info_of(&n, 0).ready);
    }
    net_run(&n, 2 * P2P_SECOND);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(n.side[0].reason, P2P_ERR_TIMEOUT);
    assert_false(info_of(&n, 0).ready);
    /* The key stays known (LookupPublicKey answers from memory). */
    size_t len;
    assert_non_null(p2p_pke_channel_key(n.side[0].channel, &len));
    /* When the peer is back, so are we. */
    n.filter = NULL;
    assert_int_equal(net_text(&n, 0, "there"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* A peer that restarted is found again by silence. */
static void test_restarted_peer_is_found(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    net_restart(&n, 1);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(net_text(&n, 0, "hello?"), 0);
        net_run(&n, P2P_SECOND);
    }
    assert_in_range(n.side[1].delivered, 4, 6);
    assert_int_equal(n.side[0].failed, 0);
    net_free(&n);
}

/* An idle channel sends nothing, and in the end has nothing left to do. */
static void test_idle_channel_is_quiet(void **state)
{
    net n;
    (void)state;
    init_connected(&n);
    net_run(&n, 20 * P2P_SECOND);
    unsigned sent = n.side[0].sent + n.side[1].sent;
    net_run(&n, 90 * P2P_SECOND);
    assert_int_equal(n.side[0].sent + n.side[1].sent, sent);
    /* It was used, so it is replaced once; that one is not used, and ends. */
    net_run(&n, 1000 * P2P_SECOND);
    assert_true(n.side[0].sent + n.side[1].sent < sent + 12);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(p2p_pke_channel_deadline(n.side[i].channel) == P2P_NEVER);
        assert_null(n.side[i].channel->current);
        assert_null(n.side[i].channel->previous);
        assert_null(n.side[i].channel->out.session);
    }
    assert_int_equal(n.side[0].failed, 0);
    net_free(&n);
}

/* p2p LookupPublicKeyInHandler: the key is there whatever the age of the session. */
static void test_key_stays_known(void **state)
{
    net n;
    size_t len, expected_len;
    (void)state;
    net_init(&n);
    assert_null(p2p_pke_channel_key(n.side[0].channel, &len));
    connect_both(&n);
    net_run(&n, 1000 * P2P_SECOND);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *expected = p2p_pke_endpoint_key(n.side[!i].node.ep, &expected_len);
        const uint8_t *key = p2p_pke_channel_key(n.side[i].channel, &len);
        assert_non_null(key);
        assert_int_equal(len, expected_len);
        assert_memory_equal(key, expected, len);
    }
    net_free(&n);
}

/* Once known, a peer's key is the only one that its channel takes. */
static void test_other_key_is_refused(void **state)
{
    net n;
    test_node mallory;
    forge_hello f;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    (void)state;
    init_connected(&n);
    test_node_init(&mallory, 7, NULL);
    forge_hello_init(&f, &mallory, n.time.wall);
    size_t len = forge_write_hello(&f, &mallory, hello, NULL);
    uint64_t checks = stats_of(&n, 1).signature_checks;
    assert_int_equal(net_receive(&n, 1, hello, len), P2P_ERR_REFUSED);
    assert_int_equal(stats_of(&n, 1).signature_checks, checks);
    test_node_free(&mallory);
    net_free(&n);
}

/* Our own InitHello, sent back to us. */
static void test_reflection(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    size_t len = n.packets[0]->len;
    memcpy(hello, n.packets[0]->data, len);
    assert_int_equal(net_receive(&n, 0, hello, len), P2P_ERR_REFUSED);
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

/* 2.8, 4: InitDone that comes again every 250 ms is answered until data comes. */
static void test_lost_messages_of_the_handshake(void **state)
{
    (void)state;
    for (unsigned nonce = 0; nonce < 4; nonce++) {
        for (unsigned times = 1; times < 5; times++) {
            net n;
            net_losses losses = {{0}, {0}};
            losses.left[nonce] = times;
            net_init(&n);
            n.filter = net_lose_some;
            n.arg = &losses;
            assert_int_equal(net_text(&n, 0, "through"), 0);
            net_run(&n, 9 * P2P_SECOND);
            assert_int_equal(n.side[1].delivered, 1);
            net_free(&n);
        }
    }
}

/* A responder that lost its half, between RespHello and InitDone. */
static void test_responder_restarts_in_the_handshake(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "through"), 0);
    net_run(&n, 21 * P2P_MILLISECOND);
    assert_int_equal(n.side[0].channel->out.session->stage, P2P__PKE_DONE_SENT);
    net_restart(&n, 1);
    net_run(&n, 6 * P2P_SECOND);
    assert_int_equal(n.side[1].delivered, 1);
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_wait_in_a_bounded_queue),
        cmocka_unit_test(test_queue_is_bounded_in_bytes),
        cmocka_unit_test(test_zero_length_messages_arrive),
        cmocka_unit_test(test_retransmission_backs_off_and_ends),
        cmocka_unit_test(test_same_init_hello_while_unresolved),
        cmocka_unit_test(test_wrong_peer_ends_with_a_reason),
        cmocka_unit_test(test_simultaneous_open_lower_id_wins),
        cmocka_unit_test(test_low_id_does_not_displace_ours),
        cmocka_unit_test(test_ready_responder_takes_a_new_handshake),
        cmocka_unit_test(test_spoofed_init_hello_does_not_lock_out),
        cmocka_unit_test(test_flood_of_spoofed_init_hellos),
        cmocka_unit_test(test_half_open_session_does_not_suppress_ours),
        cmocka_unit_test(test_half_open_handshakes_end),
        cmocka_unit_test(test_bare_header_gets_no_answer),
        cmocka_unit_test(test_no_packet_storm),
        cmocka_unit_test(test_data_before_resp_done_promotes),
        cmocka_unit_test(test_crossing_handshakes),
        cmocka_unit_test(test_responder_need_not_hold),
        cmocka_unit_test(test_responder_holds_its_data),
        cmocka_unit_test(test_hold_ends_by_itself),
        cmocka_unit_test(test_slower_clock_can_initiate),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_old_timestamps_are_refused),
        cmocka_unit_test(test_traffic_refreshes_and_rekeys_without_a_stall),
        cmocka_unit_test(test_one_way_traffic),
        cmocka_unit_test(test_rekey_under_loss),
        cmocka_unit_test(test_responder_rekeys_late),
        cmocka_unit_test(test_message_count_rekeys),
        cmocka_unit_test(test_last_nonce_waits_for_the_new_session),
        cmocka_unit_test(test_silence_is_noticed),
        cmocka_unit_test(test_restarted_peer_is_found),
        cmocka_unit_test(test_idle_channel_is_quiet),
        cmocka_unit_test(test_key_stays_known),
        cmocka_unit_test(test_other_key_is_refused),
        cmocka_unit_test(test_reflection),
        cmocka_unit_test(test_lost_messages_of_the_handshake),
        cmocka_unit_test(test_responder_restarts_in_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
