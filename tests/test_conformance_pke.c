/* SPDX-License-Identifier: MIT */
/* The conformance suite on PKE swarms: over memory, on both loops and several networks, and over
 * UDP. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <p2p/pke.h>
#include <p2p/sim.h>
#include <p2p/testing.h>
#include <p2p/udp.h>

enum { MAX_NODES = 16 };

typedef enum medium { SIMULATED, REAL_TIME, UDP } medium;

typedef struct variant {
    const char *name;
    medium medium;
    const p2p_link *link;
    unsigned claims;
    int no_extensions;
    const char *bind; /* UDP */

    p2p_realm *realm; /* of the network that is up, with its signers */
    p2p_signer *signers[MAX_NODES];
    size_t nodes;
} variant;

static variant *variant_of(const p2p_testbed *bed)
{
    return bed->arg;
}

static void free_parts(variant *v, p2p_loop *loop)
{
    while (v->nodes)
        p2p_signer_free(v->signers[--v->nodes]);
    int err = p2p_realm_free(v->realm);
    v->realm = NULL;
    if (!err)
        err = p2p_loop_free(loop);
    (void)err; /* what is left is reported as a leak */
}

static void destroy(const p2p_testbed *bed, p2p_loop *loop)
{
    free_parts(variant_of(bed), loop);
}

/* Test key i: 24 zero bytes and a number of 64 bits. */
static int make_signer(p2p_signer **out, size_t i, const p2p_allocator *allocator)
{
    uint8_t seed[32] = {0};
    seed[31] = (uint8_t)(i + 1);
    return p2p_ed25519_signer_new(out, seed, allocator);
}

static int make_inner(const variant *v, p2p_loop *loop, p2p_swarm **out)
{
    if (v->medium != UDP)
        return p2p_mem_new(out, v->realm, NULL);
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = v->bind;
    config.socket_rcvbuf = 4 << 20; /* lossless, as claimed */
    return p2p_udp_new(out, loop, &config);
}

static int add_node(variant *v, p2p_loop *loop, const p2p_allocator *allocator, p2p_swarm **out)
{
    p2p_swarm *inner = NULL;
    p2p_pke_swarm_config config;
    p2p_signer *signer = NULL;
    int err = make_signer(&signer, v->nodes, allocator);
    if (err)
        return err;
    v->signers[v->nodes++] = signer;
    err = make_inner(v, loop, &inner);
    if (err)
        return err;
    p2p_pke_swarm_config_init(&config);
    config.signer = signer;
    config.no_extensions = v->no_extensions;
    config.max_queue = 2048; /* the checks send that much before there can be a session */
    config.max_queue_bytes = 16 << 20;
    err = p2p_pke_swarm_new(out, inner, &config);
    if (err)
        p2p_close(inner, NULL, NULL);
    return err;
}

static int make_loop(const variant *v, const p2p_allocator *allocator, p2p_loop **out)
{
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.allocator = allocator;
    config.seed = 1;
    return v->medium == SIMULATED ? p2p_sim_new(out, &config) : p2p_loop_new(out, &config);
}

static int make_realm(variant *v, p2p_loop *loop)
{
    p2p_realm_config config;
    v->realm = NULL;
    if (v->medium == UDP)
        return 0;
    p2p_realm_config_init(&config);
    config.link = v->link;
    return p2p_realm_new(&v->realm, loop, &config);
}

static int create(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n, p2p_loop **loop,
                  p2p_swarm **swarms)
{
    variant *v = variant_of(bed);
    int err = make_loop(v, allocator, loop);
    if (err)
        return err;
    size_t made = 0;
    v->nodes = 0;
    err = make_realm(v, *loop);
    while (!err && made < n && made < MAX_NODES) {
        err = add_node(v, *loop, allocator, &swarms[made]);
        made += !err;
    }
    if (!err)
        return 0;
    while (made > 0)
        p2p_close(swarms[--made], NULL, NULL);
    if (p2p_loop_run(*loop) == 0)
        free_parts(v, *loop);
    return err;
}

/* A port that was free a moment ago. */
static int free_port(const variant *v, p2p_addr *out)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int ok = fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 &&
             getsockname(fd, (struct sockaddr *)&name, &len) == 0;
    if (fd >= 0)
        close(fd);
    char text[P2P_ADDR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s:%u", v->bind[0] == '[' ? "[::1]" : "127.0.0.1",
             ntohs(name.sin_port));
    return ok ? p2p_addr_parse(text, out) : P2P_ERR_IO;
}

static int nobody(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out)
{
    static const uint8_t id[P2P_PEER_ID_SIZE] = {1, 2, 3};
    const variant *v = variant_of(bed);
    p2p_addr inner;
    (void)loop;
    p2p_addr_from_mem(&inner, 987654);
    int err = v->medium == UDP ? free_port(v, &inner) : 0;
    return err ? err : p2p_addr_wrap_peer(out, id, &inner);
}

static int set_loss(const p2p_testbed *bed, p2p_loop *loop, double loss)
{
    const variant *v = variant_of(bed);
    p2p_link link = {.size = sizeof(p2p_link)};
    (void)loop;
    if (v->link)
        link = *v->link;
    link.loss = loss;
    return p2p_realm_set_link(v->realm, &link);
}

/* Whether this machine has the addresses of a variant. */
static int available(const variant *v)
{
    p2p_addr addr;
    p2p_loop *loop = NULL;
    p2p_swarm *swarm = NULL;
    if (v->medium != UDP)
        return 1;
    if (p2p_loop_new(&loop, NULL) != 0)
        return 0;
    int ok = free_port(v, &addr) == 0 && make_inner(v, loop, &swarm) == 0;
    p2p_close(swarm, NULL, NULL);
    return p2p_loop_run(loop) == 0 && p2p_loop_free(loop) == 0 && ok;
}

static int run(variant *v)
{
    p2p_testbed bed = {
        .size = sizeof bed,
        .name = v->name,
        .claims = P2P_CLAIM_SECURE | v->claims,
        .arg = v,
        .create = create,
        .destroy = destroy,
        .nobody = nobody,
        .set_loss = set_loss,
        .max_burst = 4096,
    };
    p2p_conformance result;
    if (v->medium == UDP)
        bed.settle = 20 * P2P_MILLISECOND;
    /* Where handshakes are lost a message is under way for as long as it takes to repeat them. In
     * virtual time that can be waited for, as long as a check with many messages takes a minute. */
    if (v->medium == SIMULATED) {
        bed.settle = v->claims & P2P_CLAIM_LOSSLESS ? 4 * P2P_SECOND : 300 * P2P_MILLISECOND;
        bed.patience = 20 * P2P_SECOND;
    }
    int failed = p2p_conformance_run(&bed, stdout, &result);
    fflush(stdout);
    return failed;
}

int main(int argc, char **argv)
{
    static const p2p_link slow = {
        .size = sizeof(p2p_link), .latency = 5 * P2P_MILLISECOND, .jitter = 2 * P2P_MILLISECOND};
    static const p2p_link lossy = {.size = sizeof(p2p_link),
                                   .latency = 5 * P2P_MILLISECOND,
                                   .jitter = 2 * P2P_MILLISECOND,
                                   .loss = 0.15};
    const unsigned exact = P2P_CLAIM_LOSSLESS | P2P_CLAIM_ORDERED;
    const unsigned simulated = P2P_CLAIM_AGAIN | P2P_CLAIM_LOSS;
    variant variants[] = {
        {.name = "pke, simulated", .claims = exact | simulated},
        {.name = "pke, simulated, as the reference",
         .claims = exact | simulated,
         .no_extensions = 1},
        {.name = "pke, simulated, latency",
         .link = &slow,
         .claims = P2P_CLAIM_LOSSLESS | simulated},
        {.name = "pke, simulated, 15 % loss", .link = &lossy, .claims = simulated},
        {.name = "pke, real time", .medium = REAL_TIME, .claims = exact | P2P_CLAIM_AGAIN},
        {.name = "pke over udp, IPv4", .medium = UDP, .bind = "127.0.0.1:0", .claims = exact},
        {.name = "pke over udp, IPv6", .medium = UDP, .bind = "[::1]:0", .claims = exact},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (argc > 1 && !strstr(variants[i].name, argv[1]))
            continue;
        if (available(&variants[i]))
            failed += run(&variants[i]);
        else
            printf("%s: not on this machine\n", variants[i].name);
    }
    return failed ? 1 : 0;
}
