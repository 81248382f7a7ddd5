/* SPDX-License-Identifier: MIT */
/* On a socket of all interfaces, what is told to a peer leaves from the address it wrote to. */
#include "test_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "swarm/udp_addr.h"

static const unsigned modes[] = {0, P2P_UDP_NO_OFFLOAD, P2P_UDP_NO_BATCH};
enum { MODES = sizeof modes / sizeof modes[0] };

static p2p_ip ip_of(const char *text)
{
    p2p_addr addr = parsed(text);
    p2p_ip ip;
    assert_int_equal(p2p_addr_ip(&addr, &ip), 0);
    return ip;
}

/* --- a peer that is a plain socket --- */

/* ip:0 with the port of a node. */
static p2p__udp_sockaddr at_node(const node *n, const char *ip, bool ip6)
{
    p2p_addr addr = parsed(ip);
    uint16_t port = 0;
    p2p__udp_sockaddr out;
    assert_int_equal(p2p_addr_port(&n->addr, &port), 0);
    assert_int_equal(p2p_addr_set_port(&addr, port), 0);
    assert_true(p2p__udp_to_sockaddr(&addr, ip6, &out));
    return out;
}

/* A socket at an address. */
static int plain_socket(const char *ip)
{
    p2p_addr addr = parsed(ip);
    bool ip6 = ip[0] == '[';
    p2p__udp_sockaddr name;
    assert_true(p2p__udp_to_sockaddr(&addr, ip6, &name));
    int fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &name.any, p2p__udp_sockaddr_len(&name)), 0);
    return fd;
}

/* A socket at `from` that gets answers from the address `to` of a node only. */
static int connected_socket(const node *n, const char *from, const char *to)
{
    int fd = plain_socket(from);
    p2p__udp_sockaddr name = at_node(n, to, to[0] == '[');
    assert_int_equal(connect(fd, &name.any, p2p__udp_sockaddr_len(&name)), 0);
    return fd;
}

/* Writes from an IPv4 socket to an address of a node, which hears of it. */
static void write_to(node *n, int fd, const char *to)
{
    p2p__udp_sockaddr name = at_node(n, to, false);
    assert_int_equal(sendto(fd, "hi", 2, 0, &name.any, p2p__udp_sockaddr_len(&name)), 2);
    wait_for(n, n->count + 1);
}

static const p2p_addr *heard_last(const node *n)
{
    return &n->list[n->count - 1].src;
}

static void tell_at(const node *n, const p2p_addr *dst, size_t len, size_t i)
{
    uint8_t payload[1000];
    fill(payload, len, i);
    assert_int_equal(p2p_tell(n->swarm, dst, payload, len), 0);
}

/* Reads payload number i of this length. Returns the last byte of the IP address it came from. */
static int read_number(int fd, size_t len, size_t i)
{
    uint8_t wanted[1000];
    uint8_t got[1001];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(PATIENCE / P2P_MILLISECOND)), 1);
    p2p__udp_sockaddr from;
    socklen_t from_len = sizeof from;
    assert_int_equal(recvfrom(fd, got, sizeof got, 0, &from.any, &from_len), len);
    fill(wanted, len, i);
    assert_memory_equal(got, wanted, len);
    return from.any.sa_family == AF_INET ? (int)(ntohl(from.v4.sin_addr.s_addr) & 255)
                                         : from.v6.sin6_addr.s6_addr[15];
}

/* --- answers --- */

static void check_answers(const char *bind, const char *from, const char *to, unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, bind, flags);
    int fd = connected_socket(&all, from, to);
    assert_int_equal(send(fd, "hi", 2, 0), 2);
    wait_for(&all, 1);
    for (size_t round = 0; round < 2; round++) {
        tell_at(&all, heard_last(&all), 100, round); /* a lone one, */
        settle(loop);
        (void)read_number(fd, 100, round);
        for (size_t i = 0; i < 20; i++) /* and a run */
            tell_at(&all, heard_last(&all), i < 19 ? 500 : 7, i);
        settle(loop);
        for (size_t i = 0; i < 20; i++)
            (void)read_number(fd, i < 19 ? 500 : 7, i);
    }
    assert_int_equal(stats_of(&all).tx_drop_error, 0);
    close(fd);
    close_node(&all);
    counted_end(loop, &m);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        check_answers("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2:0", modes[i]);
        check_answers("0.0.0.0:0", "127.0.0.3:0", "127.0.0.1:0", modes[i]);
        check_answers("[::]:0", "127.0.0.1:0", "127.0.0.2:0", modes[i]);
        check_answers("[::]:0", "[::1]:0", "[::1]:0", modes[i]);
        check_answers("[::]:0", "[::1]:0", "[::1]:0", modes[i] | P2P_UDP_V6_ONLY);
    }
}

/* Peers that wrote to different addresses are answered in one turn. */
static void check_two_peers(const char *bind, unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, bind, flags);
    int a = plain_socket("127.0.0.1:0");
    int b = plain_socket("127.0.0.1:0");
    int c = plain_socket("127.0.0.1:0");
    write_to(&all, a, "127.0.0.2:0");
    write_to(&all, b, "127.0.0.3:0");
    write_to(&all, c, "127.0.0.1:0");
    for (size_t i = 0; i < 12; i++)
        tell_at(&all, &all.list[i % 6 / 2].src, 50, i);
    settle(loop);
    for (size_t i = 0; i < 12; i++) {
        const int fds[] = {a, b, c};
        const int from[] = {2, 3, 1};
        assert_int_equal(read_number(fds[i % 6 / 2], 50, i), from[i % 6 / 2]);
    }
    close(a);
    close(b);
    close(c);
    close_node(&all);
    counted_end(loop, &m);
}

static void test_two_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        check_two_peers("0.0.0.0:0", modes[i]);
        check_two_peers("[::]:0", modes[i]);
    }
}

static void answer(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    tell_at(n, msg->src, 50, n->count++);
    if (n->count == n->wanted)
        p2p_loop_stop(p2p_swarm_loop(n->swarm));
}

/* A peer that writes to several addresses is answered from each, and though the answers are told in
 * one turn they are no one run. */
static void check_alternating(const char *bind, unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, bind, flags);
    p2p_on_tell(all.swarm, answer, &all);
    int fd = plain_socket("127.0.0.1:0");
    const char *to[] = {"127.0.0.2:0", "127.0.0.3:0", "127.0.0.3:0", "127.0.0.2:0"};
    for (size_t i = 0; i < 12; i++) {
        p2p__udp_sockaddr name = at_node(&all, to[i % 4], false);
        assert_int_equal(sendto(fd, "hi", 2, 0, &name.any, p2p__udp_sockaddr_len(&name)), 2);
    }
    wait_for(&all, 12);
    settle(loop);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(read_number(fd, 50, i), to[i % 4][8] - '0');
    close(fd);
    close_node(&all);
    counted_end(loop, &m);
}

static void test_alternating(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        check_alternating("0.0.0.0:0", modes[i]);
        check_alternating("[::]:0", modes[i]);
    }
}

/* --- what the system refuses --- */

/* A layer of system calls that refuses what it is told to refuse. */
static struct {
    const p2p__udp_sys *real;
    int source_error; /* for runs that shall leave from an address */
    int run_error;    /* for runs of more than one message */
    size_t refused;
} fake;

static p2p__udp_sys fake_sys;

static int fake_send(int fd, const uint8_t *arena, const p2p__udp_run *runs, unsigned n)
{
    (void)n;
    int err = runs->count > 1 ? fake.run_error : 0;
    if (!err && runs->local.family != 0)
        err = fake.source_error;
    if (!err)
        return fake.real->send(fd, arena, runs, 1);
    fake.refused++;
    return -err;
}

static void use_fake(node *n)
{
    p2p__udp *udp = p2p__udp_of(n->swarm);
    memset(&fake, 0, sizeof fake);
    fake.real = udp->sys;
    fake_sys = *udp->sys;
    fake_sys.send = fake_send;
    udp->sys = &fake_sys;
}

static void tell_run(node *n, const p2p_addr *dst, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tell_at(n, dst, 300, i);
    settle(p2p_swarm_loop(n->swarm));
}

static void read_run(int fd, size_t count, int from)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(read_number(fd, 300, i), from);
}

/* An address that the host has lost is forgotten: nothing is lost, and GSO stays. */
static void check_forgotten(int err, unsigned flags)
{
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, "0.0.0.0:0", flags);
    use_fake(&all);
    size_t longest = p2p__udp_of(all.swarm)->tx.max_segment;
    int fd = plain_socket("127.0.0.1:0");
    write_to(&all, fd, "127.0.0.2:0");
    fake.source_error = err;
    tell_run(&all, heard_last(&all), 20);
    read_run(fd, 20, 1);
    size_t refused = fake.refused;
    assert_true(refused > 0);
    tell_run(&all, heard_last(&all), 20);
    read_run(fd, 20, 1);
    assert_int_equal(fake.refused, refused);
    assert_int_equal(stats_of(&all).tx_drop_error, 0);
    assert_int_equal(p2p__udp_of(all.swarm)->tx.max_segment, longest);
    fake.source_error = 0; /* the host has it again */
    write_to(&all, fd, "127.0.0.2:0");
    tell_run(&all, heard_last(&all), 20);
    read_run(fd, 20, 2);
    close(fd);
    close_node(&all);
    counted_end(loop, &m);
}

static void test_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        check_forgotten(EADDRNOTAVAIL, modes[i]);
        check_forgotten(EINVAL, modes[i]);
        check_forgotten(ENETUNREACH, modes[i]);
    }
}

/* What the system refuses for another reason leaves the address alone. */
static void test_not_forgotten(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, "0.0.0.0:0", 0);
    use_fake(&all);
    int fd = plain_socket("127.0.0.1:0");
    write_to(&all, fd, "127.0.0.2:0");
    fake.run_error = EINVAL; /* no GSO */
    tell_run(&all, heard_last(&all), 20);
    read_run(fd, 20, 2);
    const int errors[] = {EMSGSIZE, EPERM, EACCES};
    for (size_t i = 0; i < 3; i++) {
        fake.source_error = errors[i];
        tell_run(&all, heard_last(&all), 1);
        assert_int_equal(stats_of(&all).tx_drop_error, i + 1);
    }
    fake.source_error = 0;
    tell_run(&all, heard_last(&all), 2);
    read_run(fd, 2, 2);
    close(fd);
    close_node(&all);
    counted_end(loop, &m);
}

/* --- the table --- */

/* However many peers there are, the table has its size, and tells of none what another wrote. */
static void test_many_peers(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, "[::]:0", 0);
    p2p__udp *udp = p2p__udp_of(all.swarm);
    enum { PEERS = 6000 };
    p2p_addr peer4 = parsed("10.0.0.1:1");
    p2p_addr peer6 = parsed("[2001:db8::1]:1");
    size_t bytes = 0;
    for (uint16_t i = 1; i <= PEERS; i++) {
        p2p_addr *peer = i % 2 ? &peer4 : &peer6;
        p2p_ip local = ip_of("[2001:db8::2]:0");
        local.bytes[14] = (uint8_t)(i >> 8);
        local.bytes[15] = (uint8_t)i;
        assert_int_equal(p2p_addr_set_port(peer, i), 0);
        assert_null(p2p__udp_source_for(udp, peer));
        assert_true(p2p__udp_remember(udp, peer, &local));
        assert_false(p2p__udp_remember(udp, peer, &local));
        if (i == 1)
            bytes = m.calls;
        assert_int_equal(m.calls, bytes); /* one allocation, with the first */
    }
    size_t known = 0;
    for (uint16_t i = 1; i <= PEERS; i++) {
        p2p_addr *peer = i % 2 ? &peer4 : &peer6;
        assert_int_equal(p2p_addr_set_port(peer, i), 0);
        const p2p_ip *local = p2p__udp_source_for(udp, peer);
        if (!local)
            continue;
        known++;
        assert_int_equal(local->bytes[14] << 8 | local->bytes[15], i);
        p2p_ip was = *local;
        p2p_ip other = ip_of("[::1]:0");
        p2p__udp_forget(udp, peer, &other); /* that is not what is remembered */
        assert_non_null(p2p__udp_source_for(udp, peer));
        p2p__udp_forget(udp, peer, &was);
        assert_null(p2p__udp_source_for(udp, peer));
    }
    assert_in_range(known, 900, 1024);
    close_node(&all);
    counted_end(loop, &m);
}

/* Nothing can leave from an address that many have. */
static void test_addresses_of_many(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all;
    open_flags(&all, loop, "[::]:0", 0);
    p2p__udp *udp = p2p__udp_of(all.swarm);
    p2p_addr peer = parsed("10.0.0.1:1");
    const char *texts[] = {"224.0.0.1:0", "239.255.255.255:0", "255.255.255.255:0", "[ff02::1]:0"};
    for (size_t i = 0; i < 4; i++) {
        p2p_ip local = ip_of(texts[i]);
        assert_false(p2p__udp_remember(udp, &peer, &local));
        if (local.family == 4) { /* as an IPv6 socket has it */
            p2p_ip mapped = {.family = 6, .bytes = {[10] = 0xff, [11] = 0xff}};
            memcpy(mapped.bytes + 12, local.bytes, 4);
            assert_false(p2p__udp_remember(udp, &peer, &mapped));
        }
        assert_null(p2p__udp_source_for(udp, &peer));
    }
    p2p_ip unknown = {.family = 0};
    assert_false(p2p__udp_remember(udp, &peer, &unknown));
    close_node(&all);
    counted_end(loop, &m);
}

/* Without memory for the table the system chooses; and there is none where no table is needed. */
static void test_no_table(void **state)
{
    (void)state;
    counted m;
    p2p_loop *loop = counted_loop(&m);
    node all, one;
    open_flags(&all, loop, "0.0.0.0:0", 0);
    open_flags(&one, loop, "127.0.0.1:0", 0);
    int fd = plain_socket("127.0.0.1:0");
    m.fail_at = m.calls + 1;
    write_to(&all, fd, "127.0.0.2:0");
    assert_null(p2p__udp_of(all.swarm)->sources);
    tell_run(&all, heard_last(&all), 1);
    read_run(fd, 1, 1);
    m.fail_at = 0;
    write_to(&all, fd, "127.0.0.2:0");
    tell_run(&all, heard_last(&all), 1);
    read_run(fd, 1, 2);
    write_to(&one, fd, "127.0.0.1:0");
    assert_null(p2p__udp_of(one.swarm)->sources);
    close(fd);
    close_node(&one);
    close_node(&all);
    counted_end(loop, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),           cmocka_unit_test(test_two_peers),
        cmocka_unit_test(test_alternating),       cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_not_forgotten),     cmocka_unit_test(test_many_peers),
        cmocka_unit_test(test_addresses_of_many), cmocka_unit_test(test_no_table),
    };
    return cmocka_run_group_tests_name("udp_source", tests, NULL, NULL);
}
