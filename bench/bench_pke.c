/* SPDX-License-Identifier: MIT */
/*
 * PKE swarms over UDP against the bare costs of what they do: the system calls of UDP with
 * segments, and the calls of the cryptographic libraries. Both sides run on one loop in one thread.
 */
#include <string.h>

#include <p2p/pke.h>
#include <p2p/sim.h>
#include <p2p/udp.h>

#include "bench.h"
#include "counted.h"
#include "flood.h"
#include "flood_live.h"
#include "joined.h"
#include "limit_pke.h"
#include "limit_udp.h"

enum { MAX_LEN = 1400 };

static p2p_signer *make_signer(unsigned char key)
{
    unsigned char seed[32] = {0};
    p2p_signer *signer = NULL;
    seed[31] = key;
    bench_require(p2p_ed25519_signer_new(&signer, seed, NULL) == 0, "signer");
    return signer;
}

/* With limits as they are by default, or none. */
static p2p_swarm *make_pke(p2p_swarm *inner, p2p_signer *signer, int limits)
{
    p2p_pke_swarm_config config;
    p2p_swarm *swarm = NULL;
    p2p_pke_swarm_config_init(&config);
    config.signer = signer;
    if (!limits) {
        config.max_handshakes = config.max_handshakes_prefix = 100 * 1000 * 1000;
        config.max_peers = config.max_peers_per_prefix = 1000 * 1000;
        config.max_half_open = 1000 * 1000;
    }
    bench_require(p2p_pke_swarm_new(&swarm, inner, &config) == 0, "PKE swarm");
    return swarm;
}

static p2p_swarm *make_udp(p2p_loop *loop)
{
    p2p_udp_config config;
    p2p_swarm *swarm = NULL;
    p2p_udp_config_init(&config);
    config.bind = "127.0.0.1:0";
    config.mtu = MAX_LEN;
    config.socket_rcvbuf = 4 << 20;
    bench_require(p2p_udp_new(&swarm, loop, &config) == 0, "UDP swarm");
    return swarm;
}

/* --- messages --- */

typedef struct talk {
    size_t len;
    size_t burst; /* messages per turn */
    size_t total; /* per round */
    size_t received;
    p2p_loop *loop;
    p2p_swarm *tx;
    p2p_swarm *rx;
    p2p_addr to;
    p2p_signer *signers[2];
    limit_udp udp;
    limit_pke pke;
} talk;

static unsigned char payload[MAX_LEN];

static void tell_burst(talk *t)
{
    for (size_t i = 0; i < t->burst; i++)
        bench_require(p2p_tell(t->tx, &t->to, payload, t->len) == 0, "tell");
}

static void count(void *arg, const p2p_msg *msg)
{
    talk *t = arg;
    (void)msg;
    t->received++;
    if (t->received >= t->total)
        p2p_loop_stop(t->loop);
    else if (t->received % t->burst == 0)
        tell_burst(t);
}

static void lost(void *arg)
{
    (void)arg;
    bench_require(0, "messages were lost");
}

static double ours_talk(void *arg)
{
    talk *t = arg;
    p2p_timer timer;
    p2p_timer_init(&timer, t->loop, lost, NULL);
    p2p_timer_start_in(&timer, 60 * P2P_SECOND);
    t->received = 0;
    uint64_t start = bench_clock();
    tell_burst(t);
    bench_require(p2p_loop_run(t->loop) == 0, "loop");
    double ns = (double)(bench_clock() - start) / (double)t->received;
    p2p_timer_stop(&timer);
    return ns;
}

static double limit_talk(void *arg)
{
    talk *t = arg;
    double udp = limit_udp_bursts(&t->udp, t->len + P2P_PKE_OVERHEAD, t->total);
    double pke = limit_pke_messages(&t->pke, t->len, t->total);
    return udp < 0 || pke < 0 ? -1 : udp + pke;
}

static double limit_crypto(void *arg)
{
    talk *t = arg;
    return limit_pke_messages(&t->pke, t->len, t->total);
}

static void open_talk(talk *t)
{
    bench_require(limit_udp_open(&t->udp, 1) == 0 && limit_pke_open(&t->pke) == 0, "limit");
    bench_require(p2p_loop_new(&t->loop, NULL) == 0, "loop");
    for (unsigned char i = 0; i < 2; i++)
        t->signers[i] = make_signer((unsigned char)(i + 1));
    t->tx = make_pke(make_udp(t->loop), t->signers[0], 1);
    t->rx = make_pke(make_udp(t->loop), t->signers[1], 1);
    p2p_on_tell(t->rx, count, t);
    bench_require(p2p_local_addr(t->rx, &t->to) == 0, "address");
    /* The handshake; until it is over messages wait in a queue. */
    size_t total = t->total, burst = t->burst;
    t->total = t->burst = 1;
    (void)ours_talk(t);
    t->total = total;
    t->burst = burst;
}

static void close_talk(talk *t)
{
    p2p_close(t->tx, NULL, NULL);
    p2p_close(t->rx, NULL, NULL);
    bench_require(p2p_loop_run(t->loop) == 0 && p2p_loop_free(t->loop) == 0, "end of the loop");
    for (int i = 0; i < 2; i++)
        p2p_signer_free(t->signers[i]);
    limit_udp_close(&t->udp);
    limit_pke_close(&t->pke);
}

/* The rows with a target are measured with the reference beside them. */
static void row(bench *b, const char *name, size_t len, bench_fn limit, double target)
{
    char reference[64];
    if (!bench_wants(b, name))
        return;
    size_t run = limit_udp_run(len + P2P_PKE_OVERHEAD);
    talk t = {.len = len, .burst = run * (len < 1000 ? 8 : 2)};
    t.total = bench_scale(b, len < 1000 ? 500000 : 150000);
    t.total += t.burst - 1;
    t.total -= t.total % t.burst;
    open_talk(&t);
    snprintf(reference, sizeof reference, "tell %zu %zu", len, bench_scale(b, 10000));
    bench_row r = {.name = name,
                   .reference = target > 0 ? reference : NULL,
                   .ours = ours_talk,
                   .limit = limit,
                   .ours_arg = &t,
                   .limit_arg = &t,
                   .target = target,
                   .per = "message",
                   .bytes = len};
    (void)bench_run(b, &r, NULL);
    close_talk(&t);
}

/* --- handshakes --- */

/* Two swarms that are peers to each other at as many addresses as there are handshakes in a
 * round. */
typedef struct meeting {
    size_t total;
    size_t received;
    counted memory;
} meeting;

static void greet(void *arg, const p2p_msg *msg)
{
    meeting *m = arg;
    (void)msg;
    m->received++;
}

static int all_met(void *arg)
{
    const meeting *m = arg;
    return m->received >= m->total;
}

/* Lets them meet. *idle is what a peer costs when it is idle, of both sides together. */
static double meet(meeting *m, double *idle)
{
    p2p_loop_config config;
    p2p_loop *loop = NULL;
    joined *j = NULL;
    p2p_swarm *inner[2];
    p2p_swarm *swarms[2];
    p2p_signer *signers[2] = {make_signer(1), make_signer(2)};
    unsigned char id[P2P_PEER_ID_SIZE];
    counted_init(&m->memory);
    m->received = 0;
    p2p_loop_config_init(&config);
    config.allocator = &m->memory.allocator;
    bench_require(p2p_sim_new(&loop, &config) == 0, "loop");
    joined_new(&j, loop, inner);
    for (int i = 0; i < 2; i++)
        swarms[i] = make_pke(inner[i], signers[i], 0);
    p2p_on_tell(swarms[1], greet, m);
    bench_require(p2p_pke_swarm_id(swarms[1], id) == 0, "id");
    size_t empty = m->memory.bytes;

    uint64_t start = bench_clock();
    for (size_t i = 0; i < m->total; i++) {
        p2p_addr to;
        p2p_addr_from_mem(&to, i);
        bench_require(p2p_addr_wrap_peer(&to, id, &to) == 0 &&
                          p2p_tell(swarms[0], &to, "hello", 5) == 0,
                      "tell");
        if (i % 50 == 49)
            bench_require(p2p_sim_run_until(loop, p2p_loop_now(loop)) > 0, "run");
    }
    bench_require(p2p_sim_run_until_done(loop, all_met, m, P2P_SECOND) == P2P_SIM_DONE, "meeting");
    double ns = (double)(bench_clock() - start) / (double)m->total;
    bench_require(p2p_sim_run_until(loop, 30 * P2P_SECOND) > 0, "run");
    *idle = (double)(m->memory.bytes - empty) / (double)m->total;

    for (int i = 0; i < 2; i++)
        p2p_close(swarms[i], NULL, NULL);
    bench_require(p2p_sim_run_idle(loop) == P2P_SIM_IDLE, "close");
    joined_free(j);
    bench_require(p2p_loop_free(loop) == 0 && m->memory.bytes == 0, "end of the loop");
    for (int i = 0; i < 2; i++)
        p2p_signer_free(signers[i]);
    return ns;
}

static double ours_handshakes(void *arg)
{
    double idle;
    return meet(arg, &idle);
}

static double limit_handshakes(void *arg)
{
    const meeting *m = arg;
    return limit_pke_handshakes(m->total);
}

static void handshakes(bench *b, const char *name)
{
    if (!bench_wants(b, name))
        return;
    meeting m = {.total = bench_scale(b, 2000)};
    char reference[64];
    snprintf(reference, sizeof reference, "handshake 5 %zu", bench_scale(b, 200));
    bench_row r = {.name = name,
                   .reference = reference,
                   .ours = ours_handshakes,
                   .limit = limit_handshakes,
                   .ours_arg = &m,
                   .limit_arg = &m,
                   .target = 0.9,
                   .per = "handshake"};
    (void)bench_run(b, &r, NULL);
}

static void memory(bench *b)
{
    double idle;
    meeting m = {.total = bench_scale(b, 2000)};
    if (b->only)
        return;
    (void)meet(&m, &idle);
    printf("\nan idle peer costs %.0f bytes per side\n", idle / 2);
}

/* --- a flood --- */

typedef struct siege {
    size_t total;
    talk talk; /* of the peer that is connected */
    flood ours;
    flood limit;
} siege;

static uint64_t datagrams(const p2p_swarm *swarm)
{
    p2p_stats stats;
    p2p_swarm_stats(p2p_swarm_inner(swarm), &stats);
    return stats.rx_msgs;
}

/* The time of the victim's loop alone. The peer says something with each batch. */
static double ours_siege(void *arg)
{
    siege *s = arg;
    talk *t = &s->talk;
    uint64_t taken = 0;
    size_t done = 0;
    t->received = 0;
    t->total = SIZE_MAX;
    t->burst = SIZE_MAX;
    for (; done < s->total; done += FLOOD_BATCH) {
        uint64_t wanted = datagrams(t->rx) + FLOOD_BATCH + 1;
        bench_require(p2p_tell(t->tx, &t->to, payload, t->len) == 0, "tell");
        flood_send(&s->ours);
        uint64_t start = bench_clock();
        while (datagrams(t->rx) < wanted)
            bench_require(p2p_loop_step(t->loop) == 0, "loop");
        taken += bench_clock() - start;
    }
    bench_require(t->received == done / FLOOD_BATCH, "messages of the peer were lost");
    return (double)taken / (double)done;
}

static double limit_siege(void *arg)
{
    siege *s = arg;
    return flood_limit(&s->limit, s->total);
}

static void besiege(bench *b, const char *name)
{
    if (!bench_wants(b, name))
        return;
    static siege s;
    uint16_t port = 0;
    s.total = bench_scale(b, 200000);
    s.talk.len = 64;
    s.talk.total = s.talk.burst = 1;
    open_talk(&s.talk);
    bench_result result = {0};
    bench_row r = {.name = name,
                   .ours = ours_siege,
                   .limit = limit_siege,
                   .ours_arg = &s,
                   .limit_arg = &s,
                   .per = "datagram"};
    bench_require(p2p_addr_port(&s.talk.to, &port) == 0, "port");
    if (flood_open(&s.ours, port) == 0 && flood_open(&s.limit, 0) == 0 &&
        bench_run(b, &r, &result) == 0)
        printf("\n%.0f forged InitHellos per second are turned away by one core\n",
               1e9 / result.ours);
    flood_close(&s.ours);
    flood_close(&s.limit);
    close_talk(&s.talk);
}

int main(int argc, char **argv)
{
    bench b;
    int status = bench_begin(&b, "pke", argc, argv);
    if (status)
        return status;
    row(&b, "64 B, limit: bare UDP and AEAD", 64, limit_talk, 0.85);
    row(&b, "1200 B, limit: bare UDP and AEAD", 1200, limit_talk, 0.85);
    row(&b, "64 B, limit: bare AEAD", 64, limit_crypto, 0);
    row(&b, "1200 B, limit: bare AEAD", 1200, limit_crypto, 0);
    handshakes(&b, "handshakes, both sides");
    besiege(&b, "forged InitHellos while a peer talks");
    memory(&b);
    flood_live(&b, "flood of 100,000 per second");
    return bench_end(&b);
}
