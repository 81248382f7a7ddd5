/* SPDX-License-Identifier: MIT */
#include "support/mem_testbed.h"

#include <string.h>

#include <p2p/sim.h>

const p2p_link mem_slow_link = {
    .size = sizeof(p2p_link), .latency = 5 * P2P_MILLISECOND, .jitter = 2 * P2P_MILLISECOND};
const p2p_link mem_lossy_link = {.size = sizeof(p2p_link),
                                 .latency = 5 * P2P_MILLISECOND,
                                 .jitter = 2 * P2P_MILLISECOND,
                                 .loss = 0.3};
const p2p_link mem_quick_link = {
    .size = sizeof(p2p_link), .latency = P2P_MILLISECOND, .jitter = P2P_MILLISECOND};
const p2p_link mem_quick_lossy_link = {
    .size = sizeof(p2p_link), .latency = P2P_MILLISECOND, .jitter = P2P_MILLISECOND, .loss = 0.3};

static mem_network *network_of(const p2p_testbed *bed)
{
    return bed->arg;
}

static void destroy(const p2p_testbed *bed, p2p_loop *loop)
{
    mem_network *network = network_of(bed);
    int err = p2p_realm_free(network->realm);
    network->realm = NULL;
    if (!err)
        err = p2p_loop_free(loop);
    (void)err; /* what is left is reported as a leak */
}

/* The key of a node: an Ed25519 SubjectPublicKeyInfo (RFC 8410, 4) with made-up bytes. */
static void make_key(uint8_t key[44], size_t node)
{
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    memcpy(key, prefix, sizeof prefix);
    for (size_t i = 12; i < 44; i++)
        key[i] = (uint8_t)(node * 31 + i);
}

static int add_node(mem_network *network, size_t i, p2p_swarm **out)
{
    p2p_mem_config config;
    uint8_t key[44];
    p2p_mem_config_init(&config);
    if (network->secure) {
        make_key(key, i);
        config.key = key;
        config.key_len = sizeof key;
    }
    return p2p_mem_new(out, network->realm, &config);
}

static int create(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n, p2p_loop **loop,
                  p2p_swarm **swarms)
{
    mem_network *network = network_of(bed);
    p2p_loop_config loop_config;
    p2p_loop_config_init(&loop_config);
    loop_config.allocator = allocator;
    loop_config.seed = network->seed;
    int err = network->real_time ? p2p_loop_new(loop, &loop_config)
                                 : p2p_sim_new(loop, &loop_config);
    if (err)
        return err;
    p2p_realm_config realm_config;
    p2p_realm_config_init(&realm_config);
    realm_config.link = network->link;
    network->realm = NULL;
    size_t made = 0;
    err = p2p_realm_new(&network->realm, *loop, &realm_config);
    while (!err && made < n) {
        err = add_node(network, made, &swarms[made]);
        made += !err;
    }
    if (!err)
        return 0;
    while (made > 0)
        p2p_close(swarms[--made], NULL, NULL);
    int run = p2p_loop_run(*loop);
    if (!run)
        destroy(bed, *loop);
    return err;
}

static int nobody(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out)
{
    (void)bed;
    (void)loop;
    p2p_addr_from_mem(out, 987654);
    return 0;
}

static int set_loss(const p2p_testbed *bed, p2p_loop *loop, double loss)
{
    const mem_network *network = network_of(bed);
    p2p_link link = {.size = sizeof(p2p_link)};
    (void)loop;
    if (network->link)
        link = *network->link;
    link.loss = loss;
    return p2p_realm_set_link(network->realm, &link);
}

p2p_testbed mem_testbed(mem_network *network)
{
    unsigned claims = P2P_CLAIM_ASK | P2P_CLAIM_AGAIN | P2P_CLAIM_LOSS;
    if (!network->link || network->link->loss <= 0)
        claims |= P2P_CLAIM_LOSSLESS;
    if (!network->link)
        claims |= P2P_CLAIM_ORDERED;
    if (network->secure)
        claims |= P2P_CLAIM_SECURE;
    p2p_testbed bed = {
        .size = sizeof bed,
        .name = network->name,
        .claims = claims,
        .arg = network,
        .create = create,
        .destroy = destroy,
        .nobody = nobody,
        .set_loss = set_loss,
    };
    if (network->real_time)
        bed.settle = (network->link ? 20 : 5) * P2P_MILLISECOND;
    return bed;
}
