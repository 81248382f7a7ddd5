/* SPDX-License-Identifier: MIT */
/*
 * Our side of the tests with other implementations: a PKE swarm over UDP that does what it reads,
 * line by line, and writes what happens.
 *
 *   peer KEY BIND [no-extensions]    KEY is the number of a test key: it ends the seed, after zeros
 *
 * reads   send ADDR FIRST COUNT LEN RATE   COUNT messages of LEN bytes, RATE per second, numbered
 *                                          from FIRST
 *         lookup ADDR                      that peer's key
 *         counts                           and begins to count anew
 *         stats
 *         quit
 * writes  listening ADDR
 *         up ADDR, gone ADDR, failed ADDR REASON
 *         sent COUNT                       when that send is complete
 *         refused ADDR REASON              or when it was refused for good
 *         key STATUS HEX                   of a look-up; the key is in DER
 *         counts RECEIVED REPEATED DAMAGED EMPTY GAP
 *                                          GAP is the longest pause between two, in microseconds
 *         stats NAME=VALUE...
 *
 * A message begins with its number (4 bytes, big endian); byte i of the rest is number + i. One of
 * 0 bytes has no number.
 */
#include <fcntl.h>
#include <p2p/p2p.h>
#include <p2p/pke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NUMBERS (1u << 22)
#define MAX_LEN     65535u
#define MTU         65507u

typedef struct job {
    p2p_addr dst;
    uint32_t first, count, len, rate;
    uint32_t sent; /* of count */
    uint64_t began;
} job;

typedef struct counts {
    uint64_t received, repeated, damaged, empty, gap, last;
} counts;

typedef struct peer {
    p2p_loop *loop;
    p2p_signer *signer;
    p2p_swarm *swarm;
    p2p_watch *input;
    p2p_timer timer; /* of the job */
    job job;
    counts counts;
    size_t line_len;
    char line[512];
    uint8_t message[MAX_LEN];
    uint8_t seen[MAX_NUMBERS / 8]; /* numbers that came */
} peer;

static int die(const char *what, int err)
{
    fprintf(stderr, "peer: %s: %s\n", what, p2p_err_text(err));
    exit(1);
}

static const char *text_of(const p2p_addr *addr, char text[P2P_ADDR_TEXT_SIZE])
{
    if (p2p_addr_text(addr, text, P2P_ADDR_TEXT_SIZE))
        text[0] = '\0';
    return text;
}

/* --- sending --- */

static void fill(uint8_t *out, uint32_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(i < 4 ? number >> (24 - 8 * i) : number + i);
}

/* Sends what is due of the job. */
static void on_timer(void *arg)
{
    peer *p = arg;
    job *j = &p->job;
    char text[P2P_ADDR_TEXT_SIZE];
    uint64_t due = (p2p_loop_now(p->loop) - j->began) / 1000 * j->rate / 1000000 + 1;
    int err = 0;
    while (!err && j->sent < j->count && j->sent < due) {
        fill(p->message, j->first + j->sent, j->len);
        err = p2p_tell(p->swarm, &j->dst, p->message, j->len);
        j->sent += !err;
    }
    if (err && err != P2P_ERR_AGAIN)
        printf("refused %s %s\n", text_of(&j->dst, text), p2p_err_name(err));
    else if (j->sent == j->count)
        printf("sent %u\n", (unsigned)j->count);
    else
        p2p_timer_start_in(&p->timer, P2P_MILLISECOND);
}

static void start_job(peer *p, const char *line)
{
    char addr[256];
    job *j = &p->job;
    memset(j, 0, sizeof *j);
    if (sscanf(line, "send %255s %u %u %u %u", addr, &j->first, &j->count, &j->len, &j->rate) !=
            5 ||
        j->len > MAX_LEN)
        die(line, P2P_ERR_INVALID);
    int err = p2p_parse_addr(p->swarm, addr, &j->dst);
    if (err)
        die(addr, err);
    j->began = p2p_loop_now(p->loop);
    p2p_timer_start_in(&p->timer, 0);
}

/* --- receiving --- */

static void count(peer *p, const p2p_msg *msg)
{
    counts *c = &p->counts;
    uint64_t now = p2p_loop_clock(p->loop);
    if (c->last && now - c->last > c->gap)
        c->gap = now - c->last;
    c->last = now;
    if (!msg->len) {
        c->empty++;
        return;
    }
    uint32_t number = 0;
    for (size_t i = 0; i < 4 && i < msg->len; i++)
        number = number << 8 | msg->data[i];
    fill(p->message, number, msg->len);
    if (msg->len < 4 || number >= MAX_NUMBERS || memcmp(p->message, msg->data, msg->len) != 0)
        c->damaged++;
    else if (p->seen[number / 8] >> number % 8 & 1)
        c->repeated++;
    else
        c->received++;
    if (number < MAX_NUMBERS)
        p->seen[number / 8] |= (uint8_t)(1u << number % 8);
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    count(arg, msg);
}

static void on_peer(void *arg, const p2p_pke_peer_event *event)
{
    char text[P2P_ADDR_TEXT_SIZE];
    (void)arg;
    text_of(event->peer, text);
    if (event->kind == P2P_PKE_PEER_FAILED)
        printf("failed %s %s\n", text, p2p_err_name(event->reason));
    else
        printf("%s %s\n", event->kind == P2P_PKE_PEER_UP ? "up" : "gone", text);
}

/* --- commands --- */

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)arg;
    printf("key %s ", status ? p2p_err_name(status) : "ok");
    for (size_t i = 0; i < len; i++)
        printf("%02x", key[i]);
    printf("\n");
}

static void look_up(peer *p, const char *text)
{
    p2p_addr addr;
    int err = p2p_parse_addr(p->swarm, text, &addr);
    if (!err)
        err = p2p_lookup_key(p->swarm, &addr, 0, on_key, p);
    if (err)
        die(text, err);
}

static void print_counts(peer *p)
{
    counts *c = &p->counts;
    printf("counts %llu %llu %llu %llu %llu\n", (unsigned long long)c->received,
           (unsigned long long)c->repeated, (unsigned long long)c->damaged,
           (unsigned long long)c->empty, (unsigned long long)(c->gap / P2P_MICROSECOND));
    memset(c, 0, sizeof *c);
}

static void print_stats(peer *p)
{
    p2p_stats swarm;
    p2p_pke_stats pke;
    size_t peers = 0;
    p2p_swarm_stats(p->swarm, &swarm);
    int err = p2p_pke_swarm_stats(p->swarm, &pke, &peers);
    if (err)
        die("stats", err);
    printf("stats peers=%lu", (unsigned long)peers);
#define PRINT_SWARM(name, text) printf(" " #name "=%llu", (unsigned long long)swarm.name);
#define PRINT_PKE(name, text)   printf(" pke_" #name "=%llu", (unsigned long long)pke.name);
    P2P_STATS_LIST(PRINT_SWARM)
    P2P_PKE_STATS_LIST(PRINT_PKE)
    printf("\n");
}

static void stop(peer *p)
{
    p2p_timer_stop(&p->timer);
    p2p_watch_free(p->input);
    p->input = NULL;
    p2p_close(p->swarm, NULL, NULL);
}

static void obey(peer *p, const char *line)
{
    if (!strncmp(line, "send ", 5))
        start_job(p, line);
    else if (!strncmp(line, "lookup ", 7))
        look_up(p, line + 7);
    else if (!strcmp(line, "counts"))
        print_counts(p);
    else if (!strcmp(line, "stats"))
        print_stats(p);
    else if (!strcmp(line, "quit"))
        stop(p);
    else
        die(line, P2P_ERR_INVALID);
}

static void on_input(void *arg, unsigned ready)
{
    peer *p = arg;
    char c;
    ssize_t n;
    (void)ready;
    while (p->input && (n = read(STDIN_FILENO, &c, 1)) >= 0) {
        if (n == 0) {
            stop(p);
        } else if (c == '\n') {
            p->line[p->line_len] = '\0';
            p->line_len = 0;
            obey(p, p->line);
        } else if (p->line_len < sizeof p->line - 1) {
            p->line[p->line_len++] = c;
        }
    }
}

/* --- life --- */

static void print_log(void *arg, p2p_log_level level, const char *line)
{
    (void)arg;
    (void)level;
    fprintf(stderr, "peer: %s\n", line);
}

static void make_swarm(peer *p, const char *key, const char *bind, int no_extensions)
{
    uint8_t seed[P2P_ED25519_SEED_SIZE] = {0};
    unsigned long number = strtoul(key, NULL, 10);
    p2p_udp_config udp;
    p2p_pke_swarm_config pke;
    p2p_swarm *inner;
    for (size_t i = 0; i < 4; i++)
        seed[sizeof seed - 1 - i] = (uint8_t)(number >> 8 * i);
    p2p_udp_config_init(&udp);
    udp.bind = bind;
    udp.mtu = MTU;
    udp.socket_rcvbuf = 4u << 20;
    p2p_pke_swarm_config_init(&pke);
    pke.no_extensions = no_extensions;
    int err = p2p_ed25519_signer_new(&p->signer, seed, NULL);
    pke.signer = p->signer;
    if (!err)
        err = p2p_udp_new(&inner, p->loop, &udp);
    if (!err)
        err = p2p_pke_swarm_new(&p->swarm, inner, &pke);
    if (!err)
        err = p2p_pke_on_peer(p->swarm, on_peer, p);
    if (err)
        die(bind, err);
    p2p_on_tell(p->swarm, on_tell, p);
}

int main(int argc, char **argv)
{
    char text[P2P_ADDR_TEXT_SIZE];
    p2p_addr addr;
    p2p_loop_config config;
    peer *p = calloc(1, sizeof *p);
    if (!p || argc < 3)
        return 2;
    p2p_loop_config_init(&config);
    config.log = print_log;
    int err = p2p_loop_new(&p->loop, &config);
    if (err)
        die("loop", err);
    p2p_timer_init(&p->timer, p->loop, on_timer, p);
    make_swarm(p, argv[1], argv[2], argc > 3 && !strcmp(argv[3], "no-extensions"));
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK))
        die("standard input", P2P_ERR_IO);
    err = p2p_watch_new(&p->input, p->loop, STDIN_FILENO, on_input, p);
    if (!err)
        err = p2p_watch_set(p->input, P2P_READABLE);
    if (!err)
        err = p2p_local_addr(p->swarm, &addr);
    if (err)
        die("standard input", err);
    printf("listening %s\n", text_of(&addr, text));
    err = p2p_loop_run(p->loop);
    if (!err)
        err = p2p_loop_free(p->loop);
    if (err)
        die("loop", err);
    p2p_signer_free(p->signer);
    free(p);
    return 0;
}
