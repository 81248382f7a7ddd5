/* SPDX-License-Identifier: MIT */
/*
 * A complete swarm over any other swarm: it XORs every payload with a key and passes addresses
 * through. This hides nothing from anybody; it shows what a layer is made of.
 * docs/writing-a-swarm.md walks through the first part. The second part, main(), runs the
 * conformance suite on this swarm.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <p2p/sim.h>
#include <p2p/swarm_ops.h>
#include <p2p/testing.h>

#define XOR_KEY_MAX 64

/* --- the swarm --- */

typedef struct xor_swarm {
    p2p_swarm base; /* first, so that a p2p_swarm pointer is a pointer to this */
    size_t key_len;
    uint8_t key[XOR_KEY_MAX];
    uint8_t *scratch; /* where a payload is gathered and encoded before it goes down */
    size_t scratch_cap;
} xor_swarm;

static void apply_key(const xor_swarm *x, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= x->key[i % x->key_len];
}

static int reserve_scratch(xor_swarm *x, size_t len)
{
    const p2p_allocator *a = p2p_loop_allocator(x->base.loop);
    if (len <= x->scratch_cap)
        return 0;
    uint8_t *grown = a->resize(a->arg, x->scratch, len);
    if (!grown)
        return P2P_ERR_NO_MEMORY;
    x->scratch = grown;
    x->scratch_cap = len;
    return 0;
}

/* Down: the caller's bytes are not ours to change, so they are encoded in the scratch buffer. */
static int xor_tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    xor_swarm *x = (xor_swarm *)swarm;
    int err = reserve_scratch(x, len);
    if (err)
        return err;
    if (len) {
        p2p_iov_copy(x->scratch, iov, n);
        apply_key(x, x->scratch, len);
    }
    return p2p_tell(swarm->inner, dst, x->scratch, len);
}

/* Up: a receiver may modify the payload, so it is decoded where it lies. */
static void on_inner_tell(void *arg, const p2p_msg *msg)
{
    xor_swarm *x = arg;
    apply_key(x, msg->data, msg->len);
    p2p_swarm_deliver(&x->base, msg); /* the swarm may be closed now: nothing is touched after it */
}

/* The queue is the inner swarm's, so its event is ours. */
static void on_inner_writable(void *arg)
{
    xor_swarm *x = arg;
    p2p_swarm_writable(&x->base);
}

static void xor_free(p2p_swarm *swarm)
{
    xor_swarm *x = (xor_swarm *)swarm;
    const p2p_allocator *a = p2p_loop_allocator(swarm->loop);
    a->free(a->arg, x->scratch);
    a->free(a->arg, x);
}

/*
 * mtu, local_addrs and parse_addr are NULL: the inner swarm answers. close is NULL: nothing is
 * pending here, and the library closes the inner swarm. ask and keys are NULL: it has neither.
 */
static const p2p_swarm_ops xor_ops = {
    .size = sizeof(p2p_swarm_ops),
    .kind = "xor",
    .tell = xor_tell,
    .free = xor_free,
};

/*
 * Makes a XOR swarm over inner, which it owns from then on. Returns 0; P2P_ERR_INVALID if the key
 * is empty or longer than XOR_KEY_MAX; P2P_ERR_NO_MEMORY. After an error inner is still the
 * caller's.
 */
static int xor_new(p2p_swarm **out, p2p_swarm *inner, const void *key, size_t key_len)
{
    p2p_loop *loop = p2p_swarm_loop(inner);
    const p2p_allocator *a = p2p_loop_allocator(loop);
    if (!key_len || key_len > XOR_KEY_MAX)
        return P2P_ERR_INVALID;
    xor_swarm *x = a->alloc(a->arg, sizeof *x);
    if (!x)
        return P2P_ERR_NO_MEMORY;
    memset(x, 0, sizeof *x);
    x->key_len = key_len;
    memcpy(x->key, key, key_len);
    p2p_swarm_init(&x->base, &xor_ops, loop, inner);
    p2p_on_tell(inner, on_inner_tell, x);
    p2p_on_writable(inner, on_inner_writable, x);
    *out = &x->base;
    return 0;
}

/* --- the conformance suite on it --- */

/* What lies below the swarms of one check. */
typedef struct network {
    p2p_realm *realm;
} network;

static int xor_over_mem(p2p_swarm **out, p2p_realm *realm)
{
    p2p_swarm *inner;
    int err = p2p_mem_new(&inner, realm, NULL);
    if (err)
        return err;
    err = xor_new(out, inner, "not a secret", 12);
    if (err)
        p2p_close(inner, NULL, NULL);
    return err;
}

static void bed_destroy(const p2p_testbed *bed, p2p_loop *loop)
{
    network *net = bed->arg;
    if (p2p_realm_free(net->realm) || p2p_loop_free(loop))
        fprintf(stderr, "xor_swarm: something is left open\n");
    net->realm = NULL;
}

static int bed_create(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n,
                      p2p_loop **loop, p2p_swarm **swarms)
{
    network *net = bed->arg;
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.allocator = allocator;
    config.seed = 1;
    net->realm = NULL;
    int err = p2p_sim_new(loop, &config);
    if (err)
        return err;
    size_t made = 0;
    err = p2p_realm_new(&net->realm, *loop, NULL);
    while (!err && made < n) {
        err = xor_over_mem(&swarms[made], net->realm);
        made += !err;
    }
    if (!err)
        return 0;
    while (made)
        p2p_close(swarms[--made], NULL, NULL);
    if (p2p_sim_run_idle(*loop) != P2P_SIM_IDLE)
        fprintf(stderr, "xor_swarm: closing does not end\n");
    bed_destroy(bed, *loop);
    return err;
}

static int bed_nobody(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out)
{
    (void)bed;
    (void)loop;
    p2p_addr_from_mem(out, 1000000);
    return 0;
}

static int bed_set_loss(const p2p_testbed *bed, p2p_loop *loop, double loss)
{
    const network *net = bed->arg;
    p2p_link link;
    (void)loop;
    p2p_link_init(&link);
    link.loss = loss;
    return p2p_realm_set_link(net->realm, &link);
}

static p2p_testbed make_bed(network *net)
{
    const p2p_testbed bed = {
        .size = sizeof bed,
        .name = "xor over mem",
        .claims = P2P_CLAIM_LOSSLESS | P2P_CLAIM_ORDERED | P2P_CLAIM_AGAIN | P2P_CLAIM_LOSS,
        .arg = net,
        .create = bed_create,
        .destroy = bed_destroy,
        .nobody = bed_nobody,
        .set_loss = bed_set_loss,
        .max_burst = 2000, /* a memory node's queue holds 1024 messages */
    };
    return bed;
}

int main(void)
{
    network net = {NULL};
    const p2p_testbed bed = make_bed(&net);
    p2p_conformance outcome;
    return p2p_conformance_run(&bed, stdout, &outcome) != 0;
}
