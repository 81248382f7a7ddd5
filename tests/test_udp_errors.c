/* SPDX-License-Identifier: MIT */
/* What the system refuses or drops, and queues that are full. */
#include "test_udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- errors that a test makes up --- */

/* A layer of system calls that answers as it is told. */
static struct {
    const p2p__udp_sys *real;
    int run_error;     /* for runs of more than one message; 0: none */
    int single_error;  /* for single messages, */
    size_t bad_len;    /* of this length only, if it is not 0 */
    size_t room;       /* messages that are taken before `full` */
    int full;          /* EAGAIN or ENOBUFS; 0: never full */
    size_t run_errors; /* how often run_error was given */
} fake;

static int fake_error(const p2p__udp_run *run)
{
    if (run->count > 1 && fake.run_error) {
        fake.run_errors++;
        return fake.run_error;
    }
    if (fake.single_error && (!fake.bad_len || run->segment == fake.bad_len))
        return fake.single_error;
    if (fake.full && fake.room < run->count)
        return fake.full;
    return 0;
}

static int fake_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int err = fake_error(&runs[i]);
        if (!err) {
            int sent = fake.real->send(fd, arena, &runs[i], 1);
            if (sent < 0)
                err = -sent;
        }
        if (err)
            return i ? (int)i : -err;
        if (fake.full)
            fake.room -= runs[i].count;
    }
    return (int)n;
}

static p2p__udp_sys fake_sys;

static void use_fake(node *n)
{
    p2p__udp *udp = p2p__udp_of(n->swarm);
    memset(&fake, 0, sizeof fake);
    fake.real = udp->sys;
    fake_sys = *udp->sys;
    fake_sys.send = fake_send;
    udp->sys = &fake_sys;
}

/* A pair of which the first uses it. */
static void open_fake_pair(pair *p, const p2p_udp_config *config)
{
    open_pair(p, config);
    use_fake(&p->a);
}

static bool has_gso(const pair *p)
{
    return p2p__udp_of_const(p->a.swarm)->tx.max_segment > 0;
}

/* A run that the kernel refuses goes out as single messages, and no other run of such messages is
 * tried; shorter ones are. */
static void check_gso_refused(int err)
{
    pair p;
    open_fake_pair(&p, NULL);
    if (!has_gso(&p)) {
        close_pair(&p);
        return;
    }
    fake.run_error = err;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, i < 19 ? 500 : 7, i), 0);
    wait_for(&p.b, 20);
    assert_int_equal(fake.run_errors, 1);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 500, i), 0);
    wait_for(&p.b, 40);
    assert_int_equal(fake.run_errors, 1);
    fake.run_error = 0;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 499, i), 0);
    wait_for(&p.b, 60);
    for (size_t i = 0; i < 60; i++)
        assert_message(&p.b, i, &p.a, i == 19 ? 7 : i < 40 ? 500 : 499, i % 20);
    assert_int_equal(p2p__udp_of(p.a.swarm)->tx.max_segment, err == EIO ? 0 : 499);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 0);
    close_pair(&p);
}

static void test_gso_refused(void **state)
{
    (void)state;
    check_gso_refused(EINVAL);
    check_gso_refused(EMSGSIZE);
    check_gso_refused(EIO);
}

/* When single messages fail as well it is not the offload, and it is tried again. */
static void test_destination_refused(void **state)
{
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    fake.run_error = fake.single_error = EINVAL;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 500, i), 0);
    settle(p.loop);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 20);
    fake.run_error = fake.single_error = 0;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 500, i), 0);
    wait_for(&p.b, 20);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 20);
    if (has_gso(&p))
        assert_int_equal(p2p__udp_of(p.a.swarm)->tx.max_segment, P2P_UDP_MAX_MTU);
    close_pair(&p);
}

/* Exactly the messages concerned are lost, the others of the batch go on; one line is logged. */
static void test_some_refused(void **state)
{
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    const int errors[] = {EMSGSIZE, ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EPERM, EACCES};
    size_t logs = p.m.logs;
    size_t wanted = 0;
    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
        fake.single_error = errors[e];
        fake.bad_len = 33;
        fake.run_error = 0;
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(tell_number(&p.a, &p.b, 40, i), 0);
            assert_int_equal(tell_number(&p.a, &p.b, 41, i), 0);
            assert_int_equal(tell_number(&p.a, &p.b, 0, i), 0);
            assert_int_equal(tell_number(&p.a, &p.b, 33, i), 0);
        }
        wanted += 30;
        wait_for(&p.b, wanted);
        assert_int_equal(stats_of(&p.a).tx_drop_error, 10 * (e + 1));
    }
    assert_int_equal(p.m.logs, logs + 1);
    assert_non_null(strstr(p.m.last_log, "127.0.0.1:"));
    close_pair(&p);
}

/* --- full queues --- */

static void count_writable(void *arg)
{
    ++*(int *)arg;
}

/* Fills the queue while the socket is full. Returns how many messages it took. */
static size_t fill_queue(pair *p, size_t len)
{
    size_t taken = 0;
    int err;
    while ((err = tell_number(&p->a, &p->b, len, taken)) == 0)
        taken++;
    assert_int_equal(err, P2P_ERR_AGAIN);
    return taken;
}

static void check_back_pressure(int full, size_t len, unsigned flags)
{
    pair p;
    int writable = 0;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.max_queue = 1; /* 64 KiB is used */
    config.flags = flags;
    open_fake_pair(&p, &config);
    p2p_on_writable(p.a.swarm, count_writable, &writable);
    fake.full = full;
    assert_int_equal(tell_number(&p.a, &p.b, len, 0), 0);
    settle(p.loop); /* now it is known that the socket is full */
    size_t taken = 1;
    size_t queue = P2P__UDP_MIN_QUEUE;
    while (tell_number(&p.a, &p.b, len, taken) == 0)
        taken++;
    size_t bound = queue / P2P__UDP_BYTES_PER_RUN;
    if (len >= P2P__UDP_BYTES_PER_RUN)
        assert_int_equal(taken, queue / len);
    else
        assert_true(taken >= bound);
    settle(p.loop);
    assert_int_equal(writable, 0);
    assert_int_equal(stats_of(&p.a).tx_again, 1);

    fake.room = taken / 4; /* not half yet */
    for (int i = 0; i < 100 && fake.room > 0; i++) {
        settle(p.loop);
        if (full == ENOBUFS)
            (void)run_loop(p.loop, P2P_MILLISECOND);
        if (flags == 0 && fake.room < P2P__UDP_GSO_SEGMENTS)
            break;
    }
    assert_int_equal(writable, 0);
    fake.room = taken;
    wait_for(&p.b, taken);
    settle(p.loop);
    assert_int_equal(writable, 1);
    for (size_t i = 0; i < taken; i++)
        assert_message(&p.b, i, &p.a, len, i);
    fake.full = 0;
    assert_int_equal(tell_number(&p.a, &p.b, len, taken), 0);
    wait_for(&p.b, taken + 1);
    assert_int_equal(writable, 1);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 0);
    close_pair(&p);
}

static void test_back_pressure(void **state)
{
    (void)state;
    const unsigned modes[] = {0, P2P_UDP_NO_OFFLOAD, P2P_UDP_NO_BATCH};
    for (size_t i = 0; i < 3; i++) {
        check_back_pressure(EAGAIN, 1000, modes[i]);
        check_back_pressure(EAGAIN, 1, modes[i]);
        check_back_pressure(EAGAIN, 0, modes[i]);
        check_back_pressure(ENOBUFS, 1000, modes[i]);
    }
}

/* The queue is filled again while it drains, so that what waits is moved to its front. */
static void check_refill(size_t len, unsigned flags)
{
    pair p;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.max_queue = P2P__UDP_MIN_QUEUE;
    config.flags = flags;
    open_fake_pair(&p, &config);
    fake.full = EAGAIN;
    size_t told = 0;
    size_t refused = 0;
    while (told < 20000) {
        size_t step = len + told % 3;
        if (tell_number(&p.a, &p.b, step, told) == 0) {
            told++;
        } else {
            refused++;
            fake.room += 1 + refused % 97;
            settle(p.loop);
        }
    }
    fake.full = 0;
    wait_for(&p.b, told);
    for (size_t i = 0; i < told; i++)
        assert_message(&p.b, i, &p.a, len + i % 3, i);
    assert_true(refused > 10);
    assert_int_equal(stats_of(&p.a).tx_again, refused);
    close_pair(&p);
}

static void test_refill(void **state)
{
    (void)state;
    check_refill(200, 0);
    check_refill(200, P2P_UDP_NO_OFFLOAD);
    check_refill(0, P2P_UDP_NO_BATCH);
}

/* A run that goes out as single messages may be interrupted by a full socket. */
static void test_full_within_a_refused_run(void **state)
{
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    fake.run_error = EINVAL;
    fake.full = EAGAIN;
    fake.room = 5;
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 100, i), 0);
    wait_for(&p.b, 5);
    settle(p.loop);
    assert_int_equal(p.b.count, 5);
    fake.room = 15;
    wait_for(&p.b, 20);
    for (size_t i = 0; i < 20; i++)
        assert_message(&p.b, i, &p.a, 100, i);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 0);
    close_pair(&p);
}

static void test_close_with_a_full_queue(void **state)
{
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    fake.full = EAGAIN;
    assert_int_equal(tell_number(&p.a, &p.b, 100, 0), 0);
    settle(p.loop);
    size_t taken = 1 + fill_queue(&p, 100);
    fake.room = 64 + 3; /* what the last flush sends */
    close_node(&p.a);
    size_t sent = 64 + 3 - fake.room;
    assert_int_equal(p.a.last.tx_msgs, taken);
    assert_int_equal(p.a.last.tx_drop_closed, taken - sent);
    if (sent)
        wait_for(&p.b, sent);
    close_node(&p.b);
    counted_end(p.loop, &p.m);
}

/* --- errors that the system makes --- */

/* Nobody listens there: the answer of the system (ECONNREFUSED) hurts nothing. */
static void test_nobody_there(void **state)
{
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    node gone;
    open_node(&gone, p.loop, NULL);
    close_node(&gone);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tell_number(&p.a, &gone, 100, i), 0);
        assert_int_equal(tell_number(&p.a, &p.b, 100, i), 0);
        settle(p.loop);
    }
    wait_for(&p.b, 10);
    assert_int_equal(tell_number(&p.b, &p.a, 100, 1), 0);
    wait_for(&p.a, 1);
    close_pair(&p);
}

/* With IP_RECVERR the socket gets the errors that come back. They do not count against others. */
static void test_pending_errors(void **state)
{
#if defined(IP_RECVERR)
    (void)state;
    pair p;
    open_fake_pair(&p, NULL);
    const int on = 1;
    assert_int_equal(setsockopt(p2p_udp_fd(p.a.swarm), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    node gone;
    open_node(&gone, p.loop, NULL);
    close_node(&gone);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tell_number(&p.a, &gone, 100, i), 0);
        settle(p.loop);
    }
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(tell_number(&p.a, &p.b, 50, i), 0);
    wait_for(&p.b, 10);
    assert_int_equal(stats_of(&p.a).tx_drop_error, 0);
    close_pair(&p);
#else
    skip();
#endif
}

/* Datagrams that find the receive buffer full are counted once a later one arrives. */
static void test_kernel_drops(void **state)
{
    (void)state;
#if P2P__UDP_LINUX
    counted m;
    p2p_loop *loop = counted_loop(&m);
    counted other_m;
    p2p_loop *other = counted_loop(&other_m);
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.socket_rcvbuf = 20000;
    config.flags = P2P_UDP_NO_OFFLOAD;
    node a, b;
    open_node(&a, loop, &config);
    open_node(&b, other, &config);
    const size_t flood = 2000;
    for (size_t round = 1; round <= 3; round++) {
        for (size_t i = 0; i < flood; i++)
            assert_int_equal(tell_number(&a, &b, 200, i), 0);
        settle(loop);
        settle(other);
        assert_int_equal(tell_number(&a, &b, 200, flood), 0);
        settle(loop);
        settle(other);
        p2p_stats stats = stats_of(&b);
        assert_int_equal(stats.rx_msgs + stats.rx_drop_kernel, round * (flood + 1));
        assert_true(stats.rx_drop_kernel > 0);
    }
    close_node(&a);
    close_node(&b);
    counted_end(loop, &m);
    counted_end(other, &other_m);
#else
    skip();
#endif
}

static void test_broadcast_needs_its_flag(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node without, with, all;
    open_flags(&without, loop, "0.0.0.0:0", 0);
    open_flags(&with, loop, "0.0.0.0:0", P2P_UDP_BROADCAST);
    open_flags(&all, loop, "0.0.0.0:0", 0);
    uint16_t port = 0;
    assert_int_equal(p2p_addr_port(&all.addr, &port), 0);
    all.addr = parsed("127.255.255.255:1");
    assert_int_equal(p2p_addr_set_port(&all.addr, port), 0);
    assert_int_equal(tell_number(&without, &all, 10, 1), 0);
    settle(loop);
    assert_int_equal(stats_of(&without).tx_drop_error, 1);
    assert_int_equal(tell_number(&with, &all, 10, 1), 0);
    wait_for(&all, 1);
    assert_int_equal(all.count, 1);
    close_node(&without);
    close_node(&with);
    close_node(&all);
    counted_end(loop, &m);
}

/* Telling and receiving allocate nothing. */
static void check_no_allocation(unsigned flags)
{
    pair p;
    open_pair_flags(&p, flags);
    p.b.counts_only = true;
    size_t allocations = 0;
    for (size_t round = 0; round < 20; round++) {
        if (round == 2)
            allocations = p.m.calls;
        for (size_t i = 0; i < 300; i++)
            assert_int_equal(tell_number(&p.a, &p.b, i % 90, i), 0);
        wait_for(&p.b, 300 * (round + 1));
    }
    assert_int_equal(p.m.calls, allocations);
    close_pair(&p);
}

static void test_no_allocation(void **state)
{
    (void)state;
    check_no_allocation(0);
    check_no_allocation(P2P_UDP_NO_OFFLOAD);
    check_no_allocation(P2P_UDP_NO_BATCH);
}

/* --- in a network of one's own, with links that are short of something --- */

#if defined(CLONE_NEWNET) && defined(CLONE_NEWUSER)

/* Sets the MTU of the loopback interface of this network, and its state to up. */
static bool set_loopback(int mtu)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_mtu = mtu;
    bool ok = ioctl(fd, SIOCSIFMTU, &request) == 0;
    request.ifr_flags = IFF_UP | IFF_LOOPBACK;
    ok = ok && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return ok;
}

enum { CANNOT = 77 };

/* Runs a test in a network with nothing but a loopback of this MTU. */
static void in_own_network(int mtu, void (*test)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || !set_loopback(mtu))
            _exit(CANNOT);
        test();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT) {
        print_message("own network namespaces are not permitted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Inside the child there is no cmocka to return to. */
#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

/* Runs of messages longer than the link carries are refused by the kernel; alone each is taken, and
 * cut by IP. */
static void send_long_runs(void)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b;
    open_flags(&a, loop, "127.0.0.1:0", 0);
    open_flags(&b, loop, "127.0.0.1:0", 0);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 30; i++)
            CHECK(tell_number(&a, &b, 2000, i) == 0);
        for (size_t i = 0; i < 30; i++)
            CHECK(tell_number(&a, &b, 1000, i) == 0);
    }
    b.wanted = 120;
    CHECK(run_loop(loop, PATIENCE));
    for (size_t i = 0; i < 120; i++)
        assert_message(&b, i, &a, i % 60 < 30 ? 2000 : 1000, i % 30);
    CHECK(stats_of(&a).tx_drop_error == 0);
    uint32_t max_segment = p2p__udp_of(a.swarm)->tx.max_segment;
    CHECK(max_segment == 0 || max_segment == 1999);
    close_node(&a);
    close_node(&b);
    counted_end(loop, &m);
}

static void test_runs_longer_than_the_link(void **state)
{
    (void)state;
    in_own_network(1300, send_long_runs);
}

/* With "do not fragment" the long ones are lost, and counted; no route counts likewise. */
static void send_unfragmented(void)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node a, b, nowhere;
    open_flags(&a, loop, "127.0.0.1:0", 0);
    open_flags(&b, loop, "127.0.0.1:0", 0);
#if defined(IP_MTU_DISCOVER)
    const int dont_fragment = IP_PMTUDISC_DO;
    CHECK(setsockopt(p2p_udp_fd(a.swarm), IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment,
                     sizeof dont_fragment) == 0);
    for (size_t i = 0; i < 10; i++) {
        CHECK(tell_number(&a, &b, 2000, i) == 0);
        CHECK(tell_number(&a, &b, 2000, i) == 0);
        CHECK(tell_number(&a, &b, 1000, i) == 0);
    }
    b.wanted = 10;
    CHECK(run_loop(loop, PATIENCE));
    CHECK(stats_of(&a).tx_drop_error == 20);
#endif
    uint64_t before = stats_of(&a).tx_drop_error;
    b.count = 0;
    b.wanted = 10;
    nowhere = b;
    nowhere.addr = parsed("192.0.2.1:9");
    for (size_t i = 0; i < 10; i++) {
        CHECK(tell_number(&a, &nowhere, 100, i) == 0);
        CHECK(tell_number(&a, &nowhere, 100, i) == 0);
        CHECK(tell_number(&a, &nowhere, 100, i) == 0);
        CHECK(tell_number(&a, &b, 1000, i) == 0);
    }
    CHECK(run_loop(loop, PATIENCE));
    CHECK(stats_of(&a).tx_drop_error == before + 30);
    close_node(&a);
    close_node(&b);
    counted_end(loop, &m);
}

static void test_too_long_for_the_link(void **state)
{
    (void)state;
    in_own_network(1300, send_unfragmented);
}

#else

static void test_runs_longer_than_the_link(void **state)
{
    (void)state;
    skip();
}

static void test_too_long_for_the_link(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gso_refused),
        cmocka_unit_test(test_destination_refused),
        cmocka_unit_test(test_some_refused),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_refill),
        cmocka_unit_test(test_full_within_a_refused_run),
        cmocka_unit_test(test_close_with_a_full_queue),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_pending_errors),
        cmocka_unit_test(test_kernel_drops),
        cmocka_unit_test(test_broadcast_needs_its_flag),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_runs_longer_than_the_link),
        cmocka_unit_test(test_too_long_for_the_link),
    };
    return cmocka_run_group_tests_name("udp_errors", tests, NULL, NULL);
}
