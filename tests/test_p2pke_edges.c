/* SPDX-License-Identifier: MIT */
/* Rare turns of a channel's life: slow and failing signers, small buffers, the ends of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_p2pke_net.h"

/* A signer that answers later is asked again, on each side and at each step. */
static void test_slow_signer(void **state)
{
    (void)state;
    for (unsigned slow = 1; slow < 4; slow++) {
        for (uint64_t until = 0; until < 1200; until += 60) {
            net n;
            net_init(&n);
            for (unsigned i = 0; i < 2; i++)
                n.side[i].node.signer.error = slow >> i & 1 ? P2P_ERR_AGAIN : 0;
            assert_int_equal(net_text(&n, 0, "x"), 0);
            net_run(&n, until * P2P_MILLISECOND);
            n.side[0].node.signer.error = n.side[1].node.signer.error = 0;
            net_run(&n, 10 * P2P_SECOND);
            assert_int_equal(n.side[1].delivered, 1);
            assert_int_equal(n.side[0].failed, 0);
            net_free(&n);
        }
    }
}

/* The InitHello says when it was asked for first, however long the signer took. */
static void test_slow_signer_signs_the_same(void **state)
{
    net n;
    uint8_t time[12];
    (void)state;
    net_init(&n);
    n.side[0].node.signer.error = P2P_ERR_AGAIN;
    assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
    memcpy(time, n.side[0].channel->out.time, 12);
    net_run(&n, 3 * P2P_SECOND);
    assert_null(n.side[0].channel->out.session);
    n.side[0].node.signer.error = 0;
    n.filter = net_lose_all;
    net_run(&n, 3 * P2P_SECOND);
    assert_non_null(n.side[0].channel->out.session);
    assert_memory_equal(n.side[0].channel->out.session->handshake->time, time, 12);
    net_free(&n);
}

/* One that never answers, or says no, is a reason. */
static void test_failing_signer(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    n.side[0].node.signer.error = P2P_ERR_AGAIN;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, 20 * P2P_SECOND);
    assert_int_equal(n.side[0].failed, 1);
    assert_int_equal(n.side[0].reason, P2P_ERR_TIMEOUT);
    assert_int_equal(n.side[0].dropped, 1);

    assert_int_equal(net_text(&n, 0, "x"), 0);
    n.side[0].node.signer.error = P2P_ERR_PERMISSION;
    net_run(&n, P2P_SECOND);
    assert_int_equal(n.side[0].failed, 2);
    assert_int_equal(n.side[0].reason, P2P_ERR_PERMISSION);
    assert_int_equal(net_text(&n, 0, "x"), P2P_ERR_PERMISSION);

    /* No when RespHello is there. */
    n.side[0].node.signer.error = 0;
    assert_int_equal(net_text(&n, 0, "x"), 0);
    n.side[0].node.signer.error = P2P_ERR_CANCELLED;
    net_run(&n, 3 * P2P_SECOND);
    assert_int_equal(n.side[0].failed, 3);
    assert_int_equal(n.side[0].reason, P2P_ERR_CANCELLED);
    net_free(&n);
}

static void test_small_buffers(void **state)
{
    net n;
    static uint8_t big[1400], out[1500];
    size_t len;
    p2p_iov iov = {big, sizeof big};
    (void)state;
    net_init(&n);
    p2p_pke_channel *c = n.side[0].channel;
    p2p_pke_time now = net_clock(&n, 0);
    assert_int_equal(p2p_pke_channel_send(c, now, &iov, 1, out, 1419, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(p2p_pke_channel_send(c, now, &iov, 1, out, 1420, &len), 0);
    assert_int_equal(p2p_pke_channel_poll(c, now, out, 1279, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, 1280);
    net_flush(&n, 0);
    /* Until the message in the queue comes, 1280 bytes are enough. */
    n.filter = net_lose_all;
    uint8_t hello[1280], resp[1280], done[1280];
    p2p_pke_result r;
    size_t hello_len = n.packets[0]->len;
    memcpy(hello, n.packets[0]->data, hello_len);
    p2p_pke_channel *b = n.side[1].channel;
    assert_int_equal(p2p_pke_channel_receive(b, now, hello, hello_len, resp, &r), 0);
    assert_int_equal(p2p_pke_channel_receive(c, now, resp, r.answer_len, done, &r), 0);
    assert_int_equal(p2p_pke_channel_receive(b, now, done, r.answer_len, resp, &r), 0);
    assert_int_equal(p2p_pke_channel_receive(c, now, resp, r.answer_len, done, &r), 0);
    assert_int_equal(p2p_pke_channel_poll(c, now, out, 1280, &len), 0);
    assert_int_equal(len, P2P_PKE_OVERHEAD);
    assert_int_equal(p2p_pke_channel_poll(c, now, out, 1280, &len), P2P_ERR_NO_SPACE);
    assert_int_equal(len, 1420);
    assert_int_equal(p2p_pke_channel_poll(c, now, out, 1420, &len), 0);
    assert_int_equal(len, 1420);
    iov.len = SIZE_MAX;
    assert_int_equal(p2p_pke_channel_send(c, now, &iov, 1, out, 1500, &len), P2P_ERR_TOO_BIG);
    net_free(&n);
}

/* Times that follow the floor: over a second, and at the end of TAI64. */
static void test_floor_of_time(void **state)
{
    static const char *const floors[][2] = {
        {"400000006553f1253b9ac9ff", "400000006553f12600000000"},
        {"400000006553f125075bcd15", "400000006553f125075bcd16"},
        {"7fffffffffffffff3b9ac9ff", "7fffffffffffffff3b9ac9ff"},
        {"300000000000000000000000", "400000006553f125075bcd15"},
    };
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        net n;
        uint8_t floor[12], expected[12];
        net_init(&n);
        (void)test_hex(floors[i][0], floor);
        (void)test_hex(floors[i][1], expected);
        p2p__pke_channel_note_time(n.side[0].channel, floor);
        assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
        assert_memory_equal(n.side[0].channel->out.session->handshake->time, expected, 12);
        net_free(&n);
    }
}

/* The owner sleeps for minutes, with all that can be under way. */
static void test_long_sleep(void **state)
{
    (void)state;
    for (uint64_t awake = 0; awake < 60; awake += 5) {
        for (uint64_t asleep = 10; asleep < 400; asleep += 30) {
            net n;
            net_init(&n);
            assert_int_equal(net_text(&n, 0, "x"), 0);
            assert_int_equal(net_text(&n, 1, "y"), 0);
            net_run(&n, awake * P2P_MILLISECOND);
            net_clear(&n);
            net_advance(&n, n.time.now + asleep * P2P_SECOND);
            net_flush(&n, 0);
            net_flush(&n, 1);
            unsigned before = n.side[1].delivered;
            net_run(&n, 200 * P2P_SECOND);
            assert_int_equal(net_text(&n, 0, "later"), 0);
            net_run(&n, P2P_SECOND);
            assert_true(n.side[1].delivered > before);
            net_free(&n);
        }
    }
}

/* A queue behind a session that ends before it may be used, and no way to begin another. */
static void test_stuck_queue(void **state)
{
    net n;
    (void)state;
    for (unsigned can = 0; can < 2; can++) {
        net_init_with(&n, 1, test_no_extensions, NULL);
        assert_int_equal(p2p_pke_channel_open(n.side[0].channel, net_clock(&n, 0)), 0);
        net_flush(&n, 0);
        net_run(&n, 31 * P2P_MILLISECOND);
        assert_int_equal(net_text(&n, 1, "held"), 0);
        assert_int_equal(p2p_pke_channel_open(n.side[1].channel, net_clock(&n, 1)), 0);
        net_clear(&n);
        n.side[1].node.random_error = can ? 0 : P2P_ERR_IO;
        net_advance(&n, n.time.now + 300 * P2P_SECOND);
        net_flush(&n, 1);
        net_run(&n, P2P_SECOND);
        assert_int_equal(n.side[1].failed, !can);
        assert_int_equal(n.side[1].reason, can ? 0 : P2P_ERR_IO);
        assert_int_equal(n.side[1].dropped, !can);
        assert_int_equal(n.side[0].delivered, can);
        net_free(&n);
    }
}

/*
 * A handshake that is held up for long makes the session that becomes ready last, but is over
 * first. Then the one before it serves, and silence under it is noticed like under any other: here
 * because the peer has restarted.
 */
static void test_current_session_is_over_first(void **state)
{
    net n;
    uint8_t hello[P2P_PKE_MAX_HANDSHAKE];
    size_t len = 0;
    (void)state;
    net_init(&n);
    n.filter = net_lose_all;
    assert_int_equal(net_text(&n, 0, "lost"), 0);
    assert_int_equal(
        p2p_pke_session_message(n.side[0].channel->out.session, hello, sizeof hello, &len), 0);
    net_run(&n, 100 * P2P_SECOND);
    n.filter = NULL;
    assert_int_equal(net_text(&n, 1, "x"), 0);
    net_run(&n, P2P_SECOND);
    assert_int_equal(net_receive(&n, 1, hello, len), 0);
    net_run(&n, P2P_SECOND);
    assert_true(n.side[0].channel->current->created < n.side[0].channel->previous->created);
    net_run(&n, 90 * P2P_SECOND);
    net_restart(&n, 1);
    unsigned before = n.side[1].delivered;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(net_text(&n, 0, "y"), 0);
        net_run(&n, P2P_SECOND);
    }
    assert_true(n.side[1].delivered > before);
    net_free(&n);
}

/* A datagram may claim a time before the one that was told last. */
static void test_now_never_goes_back(void **state)
{
    net n;
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    net_run(&n, P2P_SECOND);
    n.time.now -= 500 * P2P_SECOND;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(p2p_pke_channel_open(n.side[i].channel, net_clock(&n, i)), 0);
    uint8_t out[64];
    size_t len;
    p2p_iov iov = {"y", 1};
    assert_int_equal(
        p2p_pke_channel_send(n.side[0].channel, net_clock(&n, 0), &iov, 1, out, 64, &len), 0);
    assert_int_equal(len, 21);
    net_free(&n);
}

/* Callers that were compiled with a shorter or a longer struct. */
static void test_other_sizes(void **state)
{
    net n;
    struct {
        p2p_pke_info info;
        uint64_t later;
    } newer;
    union {
        p2p_pke_info info;
        uint8_t bytes[sizeof(p2p_pke_info)];
    } older;
    struct {
        p2p_pke_event event;
        uint64_t later;
    } event;
    const size_t size = offsetof(p2p_pke_info, last_received);
    (void)state;
    net_init(&n);
    assert_int_equal(net_text(&n, 0, "x"), 0);
    memset(&newer, 0xff, sizeof newer);
    p2p_pke_channel_info_sized(n.side[0].channel, n.time, &newer.info, sizeof newer);
    assert_int_equal(newer.info.queued, 1);
    assert_int_equal(newer.later, 0);
    memset(&older, 0xff, sizeof older);
    p2p_pke_channel_info_sized(n.side[0].channel, n.time, &older.info, size);
    assert_int_equal(older.info.queued, 1);
    for (size_t i = size; i < sizeof older; i++)
        assert_int_equal(older.bytes[i], 0xff);
    memset(&event, 0xff, sizeof event);
    assert_int_equal(p2p_pke_channel_event_sized(n.side[0].channel, &event.event, sizeof event),
                     P2P_PKE_NOTHING);
    assert_int_equal(event.event.dropped, 0);
    assert_int_equal(event.later, 0);
    net_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_sizes),
        cmocka_unit_test(test_slow_signer),
        cmocka_unit_test(test_slow_signer_signs_the_same),
        cmocka_unit_test(test_failing_signer),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_floor_of_time),
        cmocka_unit_test(test_long_sleep),
        cmocka_unit_test(test_stuck_queue),
        cmocka_unit_test(test_current_session_is_over_first),
        cmocka_unit_test(test_now_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
