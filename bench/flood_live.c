/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "flood_live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <p2p/pke.h>
#include <p2p/udp.h>

#include "counted.h"
#include "flood.h"

enum {
    RATE = 100000, /* forgeries per second */
    PORTS = 16,    /* that they come from */
    TELL_MS = 1,   /* between two messages of the peer */
    NEWCOMER_MS = 50,
    QUIET_MS = 1500, /* at the end, for the last answers */
    MOST_NEWCOMERS = 200,
    LEN = 64,
    KIB = 1024,
};

#define CATCH_UP (5 * P2P_MILLISECOND)

/* What memory may grow by: 2 KiB for each of the 1024 handshakes that may be half open, 128 KiB for
 * the table of prefixes, and 2 KiB for each newcomer. */
static size_t bound_kib(unsigned newcomers)
{
    return 2 * 1024 + 128 + 2 * newcomers;
}

static const unsigned char payload[LEN];

/* --- the victim --- */

/* Its thread's alone, until that ends. */
typedef struct victim {
    pthread_t thread;
    counted memory;
    p2p_loop *loop;
    p2p_signer *signer;
    p2p_swarm *swarm;
    p2p_addr addr;
    p2p_task end; /* posted by the other thread */
    p2p_timer look;
    size_t before; /* bytes in use when the peer had come */
    size_t peers;  /* at most */
    uint64_t datagrams;
    uint64_t lost;                  /* by the kernel */
    uint64_t used;                  /* of the processor, in nanoseconds */
    uint64_t looked, looked_used;   /* when it looked last, and what it had used by then */
    uint64_t longest, longest_used; /* between two looks */
} victim;

static p2p_signer *make_signer(unsigned number)
{
    unsigned char seed[32] = {1};
    p2p_signer *signer = NULL;
    seed[30] = (unsigned char)(number >> 8);
    seed[31] = (unsigned char)number;
    bench_require(p2p_ed25519_signer_new(&signer, seed, NULL) == 0, "signer");
    return signer;
}

static p2p_swarm *make_swarm(p2p_loop *loop, const char *bind, p2p_signer *signer)
{
    p2p_udp_config udp;
    p2p_pke_swarm_config config;
    p2p_swarm *inner = NULL;
    p2p_swarm *swarm = NULL;
    p2p_udp_config_init(&udp);
    udp.bind = bind;
    udp.socket_rcvbuf = 4 << 20;
    p2p_pke_swarm_config_init(&config);
    config.signer = signer;
    bench_require(p2p_udp_new(&inner, loop, &udp) == 0, "UDP swarm");
    bench_require(p2p_pke_swarm_new(&swarm, inner, &config) == 0, "PKE swarm");
    return swarm;
}

static void answer(void *arg, const p2p_msg *msg)
{
    victim *v = arg;
    (void)!p2p_tell(v->swarm, msg->src, msg->data, msg->len); /* if not, the peer counts that */
    if (!v->before)
        v->before = v->memory.peak = v->memory.bytes;
}

/* What the thread that calls has used of the processor, in nanoseconds. */
static uint64_t thread_time(void)
{
    struct timespec used = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * P2P_SECOND + (uint64_t)used.tv_nsec;
}

/* 100 times per second, or less often if a turn of the loop takes longer. */
static void look(void *arg)
{
    victim *v = arg;
    p2p_pke_stats stats;
    size_t peers = 0;
    uint64_t now = bench_clock(), used = thread_time();
    if (v->looked && now - v->looked > v->longest) {
        v->longest = now - v->looked;
        v->longest_used = used - v->looked_used;
    }
    v->looked = now;
    v->looked_used = used;
    bench_require(p2p_pke_swarm_stats(v->swarm, &stats, &peers) == 0, "counters");
    if (peers > v->peers)
        v->peers = peers;
    p2p_timer_start_in(&v->look, 10 * P2P_MILLISECOND);
}

static void end(void *arg)
{
    victim *v = arg;
    p2p_stats stats;
    p2p_swarm_stats(p2p_swarm_inner(v->swarm), &stats);
    v->datagrams = stats.rx_msgs;
    v->lost = stats.rx_drop_kernel;
    p2p_timer_stop(&v->look);
    p2p_close(v->swarm, NULL, NULL);
}

static void *run_victim(void *arg)
{
    victim *v = arg;
    bench_require(p2p_loop_run(v->loop) == 0, "the victim's loop");
    v->used = thread_time();
    return NULL;
}

static void start_victim(victim *v)
{
    p2p_loop_config config;
    memset(v, 0, sizeof *v);
    counted_init(&v->memory);
    p2p_loop_config_init(&config);
    config.allocator = &v->memory.allocator;
    bench_require(p2p_loop_new(&v->loop, &config) == 0, "loop");
    v->signer = make_signer(0);
    v->swarm = make_swarm(v->loop, "127.0.0.1:0", v->signer);
    bench_require(p2p_local_addr(v->swarm, &v->addr) == 0, "address");
    p2p_on_tell(v->swarm, answer, v);
    p2p_task_init(&v->end, end, v);
    p2p_timer_init(&v->look, v->loop, look, v);
    p2p_timer_start_in(&v->look, 0);
    bench_require(pthread_create(&v->thread, NULL, run_victim, v) == 0, "thread");
}

static void stop_victim(victim *v)
{
    p2p_loop_post(v->loop, &v->end);
    bench_require(pthread_join(v->thread, NULL) == 0, "thread");
    bench_require(p2p_loop_free(v->loop) == 0 && v->memory.bytes == 0, "end of the loop");
    p2p_signer_free(v->signer);
}

/* --- the flood --- */

typedef struct attacker {
    pthread_t thread;
    flood ports[PORTS];
    uint64_t duration;
    uint64_t sent;
    uint64_t taken; /* nanoseconds */
    uint64_t used;  /* of them on the processor */
} attacker;

static void sleep_ns(uint64_t ns)
{
    const struct timespec pause = {(time_t)(ns / P2P_SECOND), (long)(ns % P2P_SECOND)};
    nanosleep(&pause, NULL);
}

/* What it could not send for lack of the processor it makes up for, but no more than CATCH_UP. */
static void *run_attacker(void *arg)
{
    attacker *a = arg;
    uint64_t start = bench_clock();
    uint64_t due = 0;
    while ((a->taken = bench_clock() - start) < a->duration) {
        if (due > a->taken)
            sleep_ns(due - a->taken);
        else if (due + CATCH_UP < a->taken)
            due = a->taken - CATCH_UP;
        due += FLOOD_BATCH * (P2P_SECOND / RATE);
        flood_send(&a->ports[a->sent / FLOOD_BATCH % PORTS]);
        a->sent += FLOOD_BATCH;
    }
    a->used = thread_time();
    return NULL;
}

static void open_attacker(attacker *a, const p2p_addr *target, uint64_t duration)
{
    uint16_t port = 0;
    bench_require(p2p_addr_port(target, &port) == 0, "port");
    a->duration = duration;
    a->sent = a->taken = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        bench_require(flood_open(&a->ports[i], port) == 0, "a socket of the flood");
        a->ports[i].random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    }
}

static void close_attacker(attacker *a)
{
    for (unsigned i = 0; i < PORTS; i++)
        flood_close(&a->ports[i]);
}

/* --- the peer that is connected, and newcomers --- */

typedef struct newcomer {
    p2p_signer *signer;
    p2p_swarm *swarm;
    uint64_t dialled;
    uint64_t took; /* 0: not let in yet */
} newcomer;

typedef struct others {
    p2p_loop *loop;
    const p2p_addr *to;
    p2p_signer *signer;
    p2p_swarm *peer;
    p2p_timer next_tell, next_newcomer, end;
    uint64_t tell_at, newcomer_at, until;
    uint64_t told, answered;
    newcomer newcomers[MOST_NEWCOMERS];
    unsigned n_newcomers;
} others;

static void count_answer(void *arg, const p2p_msg *msg)
{
    others *o = arg;
    (void)msg;
    o->answered++;
}

static void tell(void *arg)
{
    others *o = arg;
    o->told++;
    (void)!p2p_tell(o->peer, o->to, payload, LEN); /* one that is refused is lost */
    o->tell_at += TELL_MS * P2P_MILLISECOND;
    if (o->tell_at < o->until)
        p2p_timer_start(&o->next_tell, o->tell_at);
}

static void let_in(void *arg, const p2p_pke_peer_event *event)
{
    newcomer *n = arg;
    if (event->kind == P2P_PKE_PEER_UP && !n->took)
        n->took = bench_clock() - n->dialled;
}

/* Each comes from a prefix of its own. */
static void dial(void *arg)
{
    others *o = arg;
    newcomer *n = &o->newcomers[o->n_newcomers++];
    char bind[32];
    snprintf(bind, sizeof bind, "127.1.%u.1:0", o->n_newcomers);
    n->signer = make_signer(1 + o->n_newcomers);
    n->swarm = make_swarm(o->loop, bind, n->signer);
    n->took = 0;
    bench_require(p2p_pke_on_peer(n->swarm, let_in, n) == 0, "events");
    n->dialled = bench_clock();
    bench_require(p2p_tell(n->swarm, o->to, payload, LEN) == 0, "tell");
    o->newcomer_at += NEWCOMER_MS * P2P_MILLISECOND;
    if (o->newcomer_at < o->until && o->n_newcomers < MOST_NEWCOMERS)
        p2p_timer_start(&o->next_newcomer, o->newcomer_at);
}

static void stop_loop(void *arg)
{
    others *o = arg;
    p2p_loop_stop(o->loop);
}

static void stop_when_answered(void *arg, const p2p_msg *msg)
{
    (void)msg;
    stop_loop(arg);
}

/* The handshake of the peer, before anything is counted. */
static void start_others(others *o, const p2p_addr *to)
{
    memset(o, 0, sizeof *o);
    o->to = to;
    bench_require(p2p_loop_new(&o->loop, NULL) == 0, "loop");
    o->signer = make_signer(1);
    o->peer = make_swarm(o->loop, "127.0.0.1:0", o->signer);
    p2p_on_tell(o->peer, stop_when_answered, o);
    bench_require(p2p_tell(o->peer, to, payload, LEN) == 0, "tell");
    bench_require(p2p_loop_run(o->loop) == 0, "loop");
    p2p_timer_init(&o->next_tell, o->loop, tell, o);
    p2p_timer_init(&o->next_newcomer, o->loop, dial, o);
    p2p_timer_init(&o->end, o->loop, stop_loop, o);
}

static void run_others(others *o, uint64_t duration)
{
    o->tell_at = o->newcomer_at = p2p_loop_clock(o->loop);
    o->until = o->tell_at + duration - QUIET_MS * P2P_MILLISECOND;
    p2p_on_tell(o->peer, count_answer, o);
    p2p_timer_start(&o->next_tell, o->tell_at);
    p2p_timer_start(&o->next_newcomer, o->newcomer_at);
    p2p_timer_start(&o->end, o->tell_at + duration);
    bench_require(p2p_loop_run(o->loop) == 0, "loop");
}

static void stop_others(others *o)
{
    p2p_close(o->peer, NULL, NULL);
    for (unsigned i = 0; i < o->n_newcomers; i++)
        p2p_close(o->newcomers[i].swarm, NULL, NULL);
    bench_require(p2p_loop_run(o->loop) == 0 && p2p_loop_free(o->loop) == 0, "end of the loop");
    p2p_signer_free(o->signer);
    for (unsigned i = 0; i < o->n_newcomers; i++)
        p2p_signer_free(o->newcomers[i].signer);
}

/* --- what came of it --- */

static int compare_took(const void *a, const void *b)
{
    uint64_t x = ((const newcomer *)a)->took;
    uint64_t y = ((const newcomer *)b)->took;
    return (x > y) - (x < y);
}

static const char *missed(int reached)
{
    return reached ? "" : ", missed";
}

static void report_flood(const victim *v, const attacker *a)
{
    double seconds = (double)a->taken / 1e9;
    printf("\nin a flood of %.0f forged InitHellos per second (%u wanted), for %.1f s:\n",
           (double)a->sent / seconds, RATE, seconds);
    printf("  the kernel lost %.2f %% of what came; the victim was busy for %.0f %% of the time, "
           "the sender for %.0f %%\n",
           100 * (double)v->lost / (double)(v->lost + v->datagrams),
           (double)v->used / 1e7 / seconds, (double)a->used / 1e7 / seconds);
    printf("  the victim's longest turn took %.0f ms, of which it had the processor for %.0f ms\n",
           (double)v->longest / 1e6, (double)v->longest_used / 1e6);
}

static void report(const victim *v, others *o)
{
    unsigned n = o->n_newcomers, out = 0;
    qsort(o->newcomers, n, sizeof *o->newcomers, compare_took); /* those left out come first */
    while (out < n && !o->newcomers[out].took)
        out++;
    const newcomer *in = o->newcomers + out;
    size_t grown = (v->memory.peak - v->before) / KIB;
    printf("  connected peer: %llu messages told, %llu came back (target: 99 %%%s)\n",
           (unsigned long long)o->told, (unsigned long long)o->answered,
           missed(o->answered * 100 >= o->told * 99));
    printf("  newcomers: %u dialled, %u were let in (target: all%s)", n, n - out, missed(!out));
    if (out < n)
        printf(", in %.1f ms, the slowest in %.1f ms", (double)in[(n - out) / 2].took / 1e6,
               (double)o->newcomers[n - 1].took / 1e6);
    printf("\n  memory: %zu KiB more (target: at most %zu KiB%s), %zu peers, at the worst\n", grown,
           bound_kib(n), missed(grown <= bound_kib(n)), v->peers);
    fflush(stdout);
}

/* With a flood, or without. */
static void measure(attacker *a, uint64_t duration)
{
    static others o;
    victim v;
    start_victim(&v);
    start_others(&o, &v.addr);
    if (a) {
        open_attacker(a, &v.addr, duration);
        bench_require(pthread_create(&a->thread, NULL, run_attacker, a) == 0, "thread");
    }
    run_others(&o, duration);
    if (a) {
        bench_require(pthread_join(a->thread, NULL) == 0, "thread");
        close_attacker(a);
    }
    stop_others(&o);
    stop_victim(&v);
    if (a)
        report_flood(&v, a);
    else
        printf("\nwithout a flood:\n");
    report(&v, &o);
}

void flood_live(bench *b, const char *name)
{
    static attacker a;
    uint64_t duration = (bench_scale(b, 5000) + QUIET_MS) * P2P_MILLISECOND;
    if (!bench_wants(b, name))
        return;
    if (flood_open(&a.ports[0], 0) != 0) {
        printf("\nno flood can be made on this machine\n");
        return;
    }
    flood_close(&a.ports[0]);
    measure(NULL, duration);
    measure(&a, duration);
}
