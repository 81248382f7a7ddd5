/* SPDX-License-Identifier: MIT */
/*
 * UDP swarms against bare system calls, on loopback. Our side is two swarms on one loop: one tells
 * a burst, the loop takes a turn, the other counts, and when it has the whole burst the next one is
 * told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <p2p/udp.h>

#include "bench.h"
#include "limit_udp.h"

enum { PEERS = 64, MAX_LEN = 65507 };

/* A row's work, and both sides of it. */
typedef struct work {
    size_t len;
    size_t burst; /* messages per turn */
    size_t total; /* per round */
    size_t batch; /* runs per call of the limit's; 0: one run is sent and received at a time */
    size_t peers; /* addresses of the receiver that are told in turn */
    int copies;   /* the limit copies each message once, as a tell does */
    int reserves; /* our side writes its messages in place */
    limit_udp limit;
    p2p_loop *loop;
    p2p_swarm *tx;
    p2p_swarm *rx;
    p2p_addr to[PEERS];
    size_t received;
    size_t next; /* when so many are received the next burst is told */
    int plain;   /* a plain socket that pings, of ping_pong */
    struct sockaddr_in echo;
} work;

static unsigned char payload[MAX_LEN];

/* What a sender must write into a message of its own making, at the least: which one it is. */
static void tell_in_place(work *w, const p2p_addr *to, size_t i)
{
    uint8_t *room;
    bench_require(p2p_tell_reserve(w->tx, to, w->len, &room) == 0, "reserve");
    memcpy(room, &i, sizeof i);
    bench_require(p2p_tell_commit(w->tx, w->len) == 0, "commit");
}

static void tell_burst(work *w)
{
    size_t peer = 0;
    w->next = w->received + w->burst;
    for (size_t i = 0; i < w->burst; i++) {
        if (w->reserves)
            tell_in_place(w, &w->to[peer], i);
        else
            bench_require(p2p_tell(w->tx, &w->to[peer], payload, w->len) == 0, "tell");
        if (++peer == w->peers)
            peer = 0;
    }
}

static void count(void *arg, const p2p_msg *msg)
{
    work *w = arg;
    (void)msg;
    if (++w->received < w->next)
        return;
    if (w->received >= w->total)
        p2p_loop_stop(w->loop);
    else
        tell_burst(w);
}

static void lost(void *arg)
{
    work *w = arg;
    p2p_stats stats;
    p2p_swarm_stats(w->rx, &stats);
    fprintf(stderr, "%zu of %zu messages arrived, the kernel dropped %llu\n", w->received, w->total,
            (unsigned long long)stats.rx_drop_kernel);
    bench_require(0, "messages were lost");
}

static double ours_bursts(void *arg)
{
    work *w = arg;
    p2p_timer timer;
    p2p_timer_init(&timer, w->loop, lost, w);
    p2p_timer_start_in(&timer, 20 * P2P_SECOND);
    w->received = 0;
    uint64_t start = bench_clock();
    tell_burst(w);
    bench_require(p2p_loop_run(w->loop) == 0, "loop");
    double ns = (double)(bench_clock() - start) / (double)w->received;
    p2p_timer_stop(&timer);
    return ns;
}

static double limit_bursts(void *arg)
{
    work *w = arg;
    if (w->peers > 1)
        return limit_udp_peers(&w->limit, w->len, w->total);
    if (w->batch)
        return limit_udp_batches(&w->limit, w->len, w->batch, w->total);
    return limit_udp_bursts(&w->limit, w->len, w->total);
}

static void echo(void *arg, const p2p_msg *msg)
{
    work *w = arg;
    w->received++;
    bench_require(p2p_tell(w->rx, msg->src, msg->data, msg->len) == 0, "echo");
}

static double ours_ping_pong(void *arg)
{
    work *w = arg;
    static unsigned char in[MAX_LEN];
    uint64_t start = bench_clock();
    for (size_t i = 0; i < w->total; i++) {
        bench_require(sendto(w->plain, payload, w->len, 0, (struct sockaddr *)&w->echo,
                             sizeof w->echo) == (ssize_t)w->len,
                      "sendto");
        size_t wanted = w->received + 1;
        while (w->received < wanted)
            bench_require(p2p_loop_step(w->loop) == 0, "loop");
        bench_require(recv(w->plain, in, sizeof in, 0) == (ssize_t)w->len, "recv");
    }
    return (double)(bench_clock() - start) / (double)w->total;
}

static double limit_ping_pong(void *arg)
{
    work *w = arg;
    return limit_udp_ping_pong(&w->limit, w->len, w->total);
}

static p2p_swarm *open_swarm(p2p_loop *loop, const char *bind)
{
    p2p_swarm *swarm = NULL;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = bind;
    config.mtu = P2P_UDP_MAX_MTU;
    config.socket_rcvbuf = 4 << 20;
    bench_require(p2p_udp_new(&swarm, loop, &config) == 0, "UDP swarm");
    return swarm;
}

/* Makes both sides. With several peers the receiver is on all of 127.0.0.0/8. */
static void open_work(work *w)
{
    bench_require(limit_udp_open(&w->limit, w->peers == 1) == 0, "bare sockets");
    w->limit.copies = w->copies;
    bench_require(p2p_loop_new(&w->loop, NULL) == 0, "loop");
    w->tx = open_swarm(w->loop, "127.0.0.1:0");
    w->rx = open_swarm(w->loop, w->peers > 1 ? "0.0.0.0:0" : "127.0.0.1:0");
    p2p_on_tell(w->rx, count, w);
    p2p_addr addr;
    uint16_t port = 0;
    bench_require(p2p_local_addr(w->rx, &addr) == 0 && p2p_addr_port(&addr, &port) == 0, "port");
    for (size_t i = 0; i < PEERS; i++) {
        p2p_ip ip = {4, {127, 0, 0, (uint8_t)(1 + i)}, 0};
        bench_require(p2p_addr_from_ip(&w->to[i], &ip, port) == 0, "address");
    }
    w->plain = socket(AF_INET, SOCK_DGRAM, 0);
    w->echo.sin_family = AF_INET;
    w->echo.sin_port = htons(port);
    w->echo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void close_work(work *w)
{
    p2p_close(w->tx, NULL, NULL);
    p2p_close(w->rx, NULL, NULL);
    bench_require(p2p_loop_run(w->loop) == 0 && p2p_loop_free(w->loop) == 0, "end of the loop");
    close(w->plain);
    limit_udp_close(&w->limit);
}

static void row(bench *b, const char *name, work w, double target)
{
    if (!bench_wants(b, name))
        return;
    w.total = bench_scale(b, w.total);
    w.total += w.burst - 1;
    w.total -= w.total % w.burst;
    open_work(&w);
    bench_row r = {.name = name,
                   .ours = ours_bursts,
                   .limit = limit_bursts,
                   .ours_arg = &w,
                   .limit_arg = &w,
                   .target = target,
                   .per = "message",
                   .bytes = w.len};
    (void)bench_run(b, &r, NULL);
    close_work(&w);
}

static void ping_pong(bench *b, const char *name, size_t len, double target)
{
    if (!bench_wants(b, name))
        return;
    work w = {.len = len, .burst = 1, .peers = 1, .total = bench_scale(b, 10000)};
    open_work(&w);
    p2p_on_tell(w.rx, echo, &w);
    bench_row r = {.name = name,
                   .ours = ours_ping_pong,
                   .limit = limit_ping_pong,
                   .ours_arg = &w,
                   .limit_arg = &w,
                   .target = target,
                   .per = "trip",
                   .bytes = len};
    (void)bench_run(b, &r, NULL);
    close_work(&w);
}

/* Bursts of so many runs per turn; the limit has one run under way at a time. */
static work bursts(size_t len, size_t runs)
{
    size_t run = limit_udp_run(len);
    return (work){.len = len,
                  .burst = run * runs,
                  .peers = 1,
                  .total = len < 1000   ? 1000000
                           : len < 5000 ? 300000
                                        : 50000};
}

int main(int argc, char **argv)
{
    bench b;
    int status = bench_begin(&b, "udp", argc, argv);
    if (status)
        return status;
    row(&b, "64 B to one peer, 8 runs per turn", bursts(64, 8), 0.6);
    work reserving = bursts(1200, 4);
    reserving.reserves = 1;
    row(&b, "1200 B to one peer, written in place", reserving, 0.85);
    row(&b, "1200 B to one peer, 4 runs per turn", bursts(1200, 4), 0);
    work copying = bursts(1200, 4);
    copying.copies = 1;
    row(&b, "1200 B, 4 runs per turn, limit copies too", copying, 0.85);
    row(&b, "64 B to one peer, 1 run per turn", bursts(64, 1), 0);
    row(&b, "1200 B to one peer, 1 run per turn", bursts(1200, 1), 0);
    row(&b, "1200 B to one peer, 8 runs per turn", bursts(1200, 8), 0);
    work batches = bursts(64, 8);
    batches.batch = 8;
    row(&b, "64 B, 8 runs per turn, limit sends 8 at once", batches, 0);
    work peers = {.len = 64, .burst = PEERS, .peers = PEERS, .total = 64000};
    row(&b, "64 B to 64 peers in turn", peers, 0.9);
    peers.len = 1200;
    row(&b, "1200 B to 64 peers in turn", peers, 0.9);
    ping_pong(&b, "ping-pong, 64 B", 64, 0.9);
    ping_pong(&b, "ping-pong, 1200 B", 1200, 0.9);
    const size_t sizes[] = {16, 64, 256, 512, 1200, 1400, 2048, 4096, 8900};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "sweep, %zu B, 2 runs per turn", sizes[i]);
        row(&b, name, bursts(sizes[i], 2), 0);
    }
    return bench_end(&b);
}
