/* SPDX-License-Identifier: MIT */
/* However messages are batched on either side, each arrives as it was told. */
#include "test_udp.h"

/* A message to one of two receivers, or several alike. */
typedef struct burst {
    int to; /* 0 or 1 */
    size_t len;
    size_t count;
} burst;

static const burst pattern[] = {
    {0, 100, 1},   {0, 100, 20},  {0, 99, 1},    {0, 100, 3},   {1, 100, 5},   {0, 100, 1},
    {1, 7, 1},     {1, 0, 1},     {1, 7, 2},     {1, 3, 1},     {1, 3, 1},     {0, 0, 3},
    {0, 1, 200},   {0, 2, 64},    {0, 2, 1},     {1, 3, 63},    {1, 1, 1},     {1, 3, 65},
    {0, 1200, 54}, {0, 1, 1},     {1, 1200, 7},  {1, 1199, 1},  {1, 1201, 1},  {1, 1199, 2},
    {0, 8900, 9},  {0, 9, 1},     {1, 21835, 3}, {1, 21836, 3}, {0, 32753, 2}, {0, 32754, 2},
    {0, 40000, 2}, {1, 65507, 2}, {1, 65506, 1}, {0, 5, 70},    {1, 5, 70},    {0, 64, 10},
    {1, 64, 10},   {0, 64, 10},   {1, 64, 9},    {1, 63, 1},
};

enum { BURSTS = sizeof pattern / sizeof pattern[0] };

/* The number of a message is that of its burst and its place there. */
static size_t number(size_t at, size_t i)
{
    return at * 1000 + i;
}

static void check_receiver(const node *n, int to, const node *from)
{
    size_t seen = 0;
    for (size_t at = 0; at < BURSTS; at++)
        for (size_t i = 0; pattern[at].to == to && i < pattern[at].count; i++)
            assert_message(n, seen++, from, pattern[at].len, number(at, i));
    assert_int_equal(n->count, seen);
}

static size_t expected(int to)
{
    size_t sum = 0;
    for (size_t at = 0; at < BURSTS; at++)
        sum += pattern[at].to == to ? pattern[at].count : 0;
    return sum;
}

/* Tells the pattern with a turn of the loop after every `turn` bursts. */
static void check_pattern(const char *bind, unsigned tx_flags, unsigned rx_flags, size_t turn)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node from, to[2];
    open_flags(&from, loop, bind, tx_flags);
    open_flags(&to[0], loop, bind, rx_flags);
    open_flags(&to[1], loop, bind, rx_flags);
    if (int_option(&to[0], SO_RCVBUF) < 4 << 20)
        turn = 2; /* the system gives no buffer for more at once */
    for (size_t at = 0; at < BURSTS; at++) {
        for (size_t i = 0; i < pattern[at].count; i++)
            assert_int_equal(
                tell_number(&from, &to[pattern[at].to], pattern[at].len, number(at, i)), 0);
        if (at % turn == turn - 1)
            settle(loop);
    }
    for (int i = 0; i < 2; i++) {
        wait_for(&to[i], expected(i));
        check_receiver(&to[i], i, &from);
    }
    assert_int_equal(stats_of(&from).tx_msgs, expected(0) + expected(1));
    assert_int_equal(stats_of(&from).tx_drop_error, 0);
    close_node(&from);
    close_node(&to[0]);
    close_node(&to[1]);
    counted_end(loop, &m);
}

static void test_every_pair_of_modes(void **state)
{
    (void)state;
    const unsigned modes[] = {0, P2P_UDP_NO_OFFLOAD, P2P_UDP_NO_BATCH};
    for (size_t tx = 0; tx < 3; tx++) {
        for (size_t rx = 0; rx < 3; rx++) {
            check_pattern("127.0.0.1:0", modes[tx], modes[rx], BURSTS);
            check_pattern("127.0.0.1:0", modes[tx], modes[rx], 3);
            check_pattern("[::1]:0", modes[tx], modes[rx], BURSTS);
        }
    }
}

/* One budget of the receiver after the other: the messages stay whole and in order. */
static void test_small_receive_batches(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    for (unsigned max_batch = 1; max_batch <= 40; max_batch += 13) {
        p2p_udp_config config;
        p2p_udp_config_init(&config);
        config.max_batch = max_batch;
        config.flags = max_batch % 2 ? P2P_UDP_NO_OFFLOAD : 0;
        node a, b;
        open_node(&a, loop, &config);
        open_node(&b, loop, &config);
        for (size_t i = 0; i < 200; i++)
            assert_int_equal(tell_number(&a, &b, 10 + i / 50, i), 0);
        wait_for(&b, 200);
        for (size_t i = 0; i < 200; i++)
            assert_message(&b, i, &a, 10 + i / 50, i);
        close_node(&a);
        close_node(&b);
    }
    counted_end(loop, &m);
}

enum { PEERS = 64, ROUNDS = 5 };

/* A hub tells 64 peers in turn and all answer, so that a batch has many sources. */
static void check_many_peers(unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node hub;
    static node peers[PEERS];
    open_flags(&hub, loop, "127.0.0.1:0", flags);
    for (size_t i = 0; i < PEERS; i++)
        open_flags(&peers[i], loop, i % 2 ? "127.0.0.1:0" : "127.0.0.2:0", flags);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < PEERS; i++)
            assert_int_equal(tell_number(&hub, &peers[i], 20 + round, i), 0);
    for (size_t i = 0; i < PEERS; i++) {
        wait_for(&peers[i], ROUNDS);
        for (size_t round = 0; round < ROUNDS; round++) {
            assert_message(&peers[i], round, &hub, 20 + round, i);
            assert_int_equal(tell_number(&peers[i], &hub, 40 + round, i), 0);
        }
    }
    wait_for(&hub, (size_t)ROUNDS * PEERS);
    size_t from[PEERS] = {0};
    for (size_t at = 0; at < hub.count; at++) {
        size_t i = 0;
        while (!p2p_addr_equal(&hub.list[at].src, &peers[i].addr))
            assert_true(++i < PEERS);
        assert_message(&hub, at, &peers[i], 40 + from[i], i);
        from[i]++;
    }
    for (size_t i = 0; i < PEERS; i++) {
        assert_int_equal(from[i], ROUNDS);
        close_node(&peers[i]);
    }
    close_node(&hub);
    counted_end(loop, &m);
}

static void test_many_peers(void **state)
{
    (void)state;
    check_many_peers(0);
    check_many_peers(P2P_UDP_NO_OFFLOAD);
    check_many_peers(P2P_UDP_NO_BATCH);
}

/* More than any batch holds, in one turn. */
static void test_a_large_burst(void **state)
{
    (void)state;
    pair p;
    open_pair(&p, NULL);
    /* More room than a small one takes. */
    size_t total = (size_t)int_option(&p.b, SO_RCVBUF) / 1024;
    if (total > 20000)
        total = 20000;
    for (size_t i = 0; i < total; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 30, i), 0);
    wait_for(&p.b, total);
    for (size_t i = 0; i < total; i++)
        assert_message(&p.b, i, &p.a, 30, i);
    close_pair(&p);
}

/* Counts what goes through the layer of system calls. */
static struct {
    const p2p__udp_sys *real;
    size_t calls;
    size_t runs;
    size_t messages;
} tally;

static int counting_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    int sent = tally.real->send(fd, arena, runs, n);
    tally.calls++;
    for (int i = 0; i < sent; i++) {
        tally.runs++;
        tally.messages += runs[i].count;
        assert_true(runs[i].count <= P2P__UDP_GSO_SEGMENTS);
        assert_true(runs[i].len <= P2P_UDP_MAX_MTU);
    }
    return sent;
}

/* How many calls and runs a turn of messages takes. */
static void count_calls(unsigned flags, size_t len, size_t messages, size_t peers)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node from, to[8];
    open_flags(&from, loop, "127.0.0.1:0", flags);
    for (size_t i = 0; i < peers; i++)
        open_flags(&to[i], loop, "127.0.0.1:0", flags);
    p2p__udp *udp = p2p__udp_of(from.swarm);
    memset(&tally, 0, sizeof tally);
    tally.real = udp->sys;
    const p2p__udp_sys counting = {udp->sys->rx_size, udp->sys->open, counting_send,
                                   udp->sys->recv};
    udp->sys = &counting;
    for (size_t i = 0; i < messages; i++)
        assert_int_equal(tell_number(&from, &to[i % peers], len, i), 0);
    settle(loop);
    udp->sys = tally.real;
    assert_int_equal(tally.messages, messages);
    close_node(&from);
    for (size_t i = 0; i < peers; i++)
        close_node(&to[i]);
    counted_end(loop, &m);
}

static void test_how_many_calls(void **state)
{
    (void)state;
    count_calls(P2P_UDP_NO_OFFLOAD, 100, 64, 4);
    assert_int_equal(tally.runs, 64);
#if P2P__UDP_LINUX
    assert_int_equal(tally.calls, 1);
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node n;
    open_node(&n, loop, NULL);
    bool gso = p2p__udp_of(n.swarm)->tx.max_segment > 0;
    close_node(&n);
    counted_end(loop, &m);
    if (!gso)
        skip();
    count_calls(0, 64, 512, 1);
    assert_int_equal(tally.runs, 8);
    assert_int_equal(tally.calls, 1);
    count_calls(0, 64, 513, 1);
    assert_int_equal(tally.runs, 9);
    count_calls(0, 1200, 54, 1);
    assert_int_equal(tally.runs, 1);
    count_calls(0, 1200, 55, 1);
    assert_int_equal(tally.runs, 2);
    count_calls(0, 0, 10, 1);
    assert_int_equal(tally.runs, 10);
    count_calls(0, 100, 64, 4);
    assert_int_equal(tally.runs, 64);
    assert_int_equal(tally.calls, 1);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_modes), cmocka_unit_test(test_small_receive_batches),
        cmocka_unit_test(test_many_peers),          cmocka_unit_test(test_a_large_burst),
        cmocka_unit_test(test_how_many_calls),
    };
    return cmocka_run_group_tests_name("udp_batch", tests, NULL, NULL);
}
