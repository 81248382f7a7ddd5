/* SPDX-License-Identifier: MIT */
/* The conformance suite on UDP swarms: both families, and every way of sending and receiving. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <p2p/testing.h>
#include <p2p/udp.h>

typedef struct variant {
    const char *name;
    const char *bind;
    unsigned flags;
} variant;

static const variant variants[] = {
    {"udp, IPv4", "127.0.0.1:0", 0},
    {"udp, IPv6", "[::1]:0", 0},
    {"udp, dual stack", NULL, 0},
    {"udp, no offload", "127.0.0.1:0", P2P_UDP_NO_OFFLOAD},
    {"udp, no batches", "127.0.0.1:0", P2P_UDP_NO_BATCH},
};

static void destroy(const p2p_testbed *bed, p2p_loop *loop)
{
    (void)bed;
    if (p2p_loop_free(loop) != 0)
        fprintf(stderr, "something is left on the loop\n");
}

static int create(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n, p2p_loop **loop,
                  p2p_swarm **swarms)
{
    const variant *v = bed->arg;
    p2p_loop_config loop_config;
    p2p_loop_config_init(&loop_config);
    loop_config.allocator = allocator;
    int err = p2p_loop_new(loop, &loop_config);
    if (err)
        return err;
    p2p_udp_config config;
    p2p_udp_config_init(&config);
    config.bind = v->bind;
    config.flags = v->flags;
    config.socket_rcvbuf = 4 << 20; /* lossless, as claimed */
    size_t made = 0;
    while (!err && made < n) {
        err = p2p_udp_new(&swarms[made], *loop, &config);
        made += !err;
    }
    if (!err)
        return 0;
    while (made > 0)
        p2p_close(swarms[--made], NULL, NULL);
    if (p2p_loop_run(*loop) == 0)
        destroy(bed, *loop);
    return err;
}

/* A port that was free a moment ago. */
static int nobody(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out)
{
    (void)bed;
    (void)loop;
    const variant *v = bed->arg;
    int ip6 = v->bind && v->bind[0] == '[';
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int ok = fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 &&
             getsockname(fd, (struct sockaddr *)&name, &len) == 0;
    if (fd >= 0)
        close(fd);
    char text[P2P_ADDR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s:%u", ip6 ? "[::1]" : "127.0.0.1", ntohs(name.sin_port));
    return ok ? p2p_addr_parse(text, out) : P2P_ERR_IO;
}

/* Whether this machine has the addresses of a variant. */
static int available(const variant *v)
{
    p2p_loop *loop = NULL;
    p2p_swarm *swarm = NULL;
    p2p_testbed bed = {.size = sizeof bed, .arg = (void *)(uintptr_t)v};
    if (create(&bed, NULL, 1, &loop, &swarm) != 0)
        return 0;
    p2p_close(swarm, NULL, NULL);
    int ok = p2p_loop_run(loop) == 0;
    destroy(&bed, loop);
    return ok;
}

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (!available(&variants[i])) {
            printf("%s: not on this machine\n", variants[i].name);
            continue;
        }
        p2p_testbed bed = {
            .size = sizeof bed,
            .name = variants[i].name,
            .claims = P2P_CLAIM_LOSSLESS | P2P_CLAIM_ORDERED,
            .arg = (void *)(uintptr_t)&variants[i],
            .create = create,
            .destroy = destroy,
            .nobody = nobody,
        };
        p2p_conformance result;
        failed += p2p_conformance_run(&bed, stdout, &result);
    }
    return failed ? 1 : 0;
}
