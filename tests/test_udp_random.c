/* SPDX-License-Identifier: MIT */
/*
 * The send queue against a model: random messages to a few peers, on a socket that is full, refuses
 * runs and loses messages at random. Every message must come to the system calls once and in order,
 * or be refused, and the counters must know of all.
 */
#include "test_udp.h"

#include <errno.h>

enum { PEERS = 3, MESSAGES = 30000 };

typedef struct model {
    uint32_t random;
    size_t told;    /* messages that were taken: numbers 0 to told - 1 */
    size_t next;    /* the number of the next that must come */
    size_t dropped; /* of those that came */
    uint16_t lens[MESSAGES];
    uint8_t peers[MESSAGES];
    uint16_t ports[PEERS];
} model;

static model now; /* of the test that runs: the layer of system calls has no argument for it */

static uint32_t draw(uint32_t below)
{
    now.random = now.random * 1664525u + 1013904223u;
    return (now.random >> 8) % below;
}

/* Whether a run is what was told next. */
static void check_run(const uint8_t *arena, const p2p__udp_run *run, bool take)
{
    size_t at = run->offset;
    size_t end = run->offset + run->len;
    size_t number = now.next;
    assert_true(run->count >= 1 && run->count <= P2P__UDP_GSO_SEGMENTS);
    for (unsigned i = 0; i < run->count; i++, number++) {
        assert_true(number < now.told);
        size_t len = now.lens[number];
        assert_true(len == run->segment || (i + 1 == run->count && len < run->segment));
        assert_int_equal(ntohs(run->to.v4.sin_port), now.ports[now.peers[number]]);
        assert_true(at + len <= end);
        uint8_t expected[2048];
        fill(expected, len, number);
        assert_memory_equal(arena + at, expected, len);
        at += len;
    }
    assert_int_equal(at, end);
    if (take)
        now.next = number;
}

/* What a run meets: 0, an error of the socket, of the offload, or of the destination. */
static int draw_error(const p2p__udp_run *run)
{
    uint32_t dice = draw(100);
    if (dice < 15)
        return EAGAIN;
    if (dice < 16)
        return ENOBUFS;
    if (dice < 17)
        return EINTR;
    if (dice < 22 && run->count > 1)
        return EINVAL;
    return dice < 25 ? ENETUNREACH : 0;
}

static int random_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    (void)fd;
    for (unsigned i = 0; i < n; i++) {
        int err = draw_error(&runs[i]);
        bool lost = err == ENETUNREACH;
        if (lost && i)
            return (int)i; /* an error is told for the first only, */
        check_run(arena, &runs[i], !err || lost);
        if (lost)
            now.dropped += runs[i].count;
        if (err)
            return i ? (int)i : -err;
    }
    return (int)n;
}

static int no_recv(int fd, void *rx, p2p__udp_datagram *out, unsigned n)
{
    (void)fd;
    (void)rx;
    (void)out;
    (void)n;
    return -EAGAIN;
}

static void tell_random(p2p_swarm *swarm, const p2p_addr *peers, size_t *refused)
{
    static uint8_t payload[2048];
    static const uint16_t common[] = {100, 100, 100, 99, 1000, 0, 1};
    size_t len = draw(4) ? common[draw(7)] : draw(2048);
    size_t peer = draw(10) ? 0 : draw(PEERS);
    now.lens[now.told] = (uint16_t)len;
    now.peers[now.told] = (uint8_t)peer;
    fill(payload, len, now.told);
    now.told++; /* before, for a full batch leaves from inside the call, without this message */
    int err = p2p_tell(swarm, &peers[peer], payload, len);
    if (err) {
        assert_int_equal(err, P2P_ERR_AGAIN);
        now.told--;
        ++*refused;
    }
}

static void run_model(uint32_t seed, size_t max_queue, unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.max_queue = max_queue;
    config.flags = flags;
    config.mtu = 2048;
    node n;
    open_node(&n, loop, &config);
    p2p__udp *udp = p2p__udp_of(n.swarm);
    p2p__udp_sys sys = *udp->sys;
    sys.send = random_send;
    sys.recv = no_recv;
    udp->sys = &sys;
    memset(&now, 0, sizeof now);
    now.random = seed;
    p2p_addr peers[PEERS];
    for (uint16_t i = 0; i < PEERS; i++) {
        peers[i] = parsed("127.0.0.1:1");
        now.ports[i] = (uint16_t)(1000 + i);
        assert_int_equal(p2p_addr_set_port(&peers[i], now.ports[i]), 0);
    }
    size_t refused = 0;
    while (now.told < MESSAGES) {
        uint32_t burst = draw(draw(4) ? 50 : 1000);
        for (uint32_t i = 0; i < burst && now.told < MESSAGES; i++)
            tell_random(n.swarm, peers, &refused);
        for (uint32_t i = draw(4); i > 0; i--)
            assert_int_equal(p2p_loop_step(loop), 0);
    }
    close_node(&n);
    assert_int_equal(n.last.tx_msgs, MESSAGES);
    assert_int_equal(n.last.tx_again, refused);
    assert_int_equal(n.last.tx_drop_error, now.dropped);
    assert_int_equal(n.last.tx_drop_closed, MESSAGES - now.next);
    counted_end(loop, &m);
}

static void test_model(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        run_model(seed, 1, 0);
        run_model(seed, 0, 0);
        run_model(seed, 1, P2P_UDP_NO_OFFLOAD);
        run_model(seed, 200000, P2P_UDP_NO_BATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests_name("udp_random", tests, NULL, NULL);
}
