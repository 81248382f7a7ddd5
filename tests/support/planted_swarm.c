/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/sim.h>

#include "support/planted_net.h"

#define BUG(name) PLANTED_##name

planted_node *planted_of(const p2p_swarm *swarm)
{
    return (planted_node *)(uintptr_t)swarm;
}

/* --- addresses --- */

void planted_addr(p2p_addr *out, size_t number)
{
    char name[32];
    (void)snprintf(name, sizeof name, "planted-%zu", number);
    if (p2p_addr_from_name(out, name) != 0)
        memset(out, 0, sizeof *out);
}

bool planted_number(const p2p_addr *addr, size_t *out)
{
    char name[64];
    if (p2p_addr_kind_of(addr) != P2P_ADDR_NAME || p2p_addr_name(addr, name, sizeof name) != 0 ||
        strncmp(name, "planted-", 8) != 0)
        return false;
    p2p_addr again;
    *out = strtoul(name + 8, NULL, 10);
    planted_addr(&again, *out);
    return p2p_addr_equal(addr, &again) != 0;
}

static int local_addrs(const p2p_swarm *swarm, p2p_addr *out, size_t cap, size_t *n)
{
    const planted_node *node = planted_of(swarm);
    *n = planted_has(node, BUG(ADDR_NONE)) ? 0 : 1;
    if (*n > cap)
        return planted_has(node, BUG(ADDR_SPACE)) ? 0 : P2P_ERR_NO_SPACE;
    if (*n == 1)
        planted_addr(out, node->number);
    return 0;
}

static int parse_addr(const p2p_swarm *swarm, const char *text, p2p_addr *out)
{
    const planted_node *node = planted_of(swarm);
    char copy[P2P_ADDR_TEXT_SIZE];
    p2p_addr addr;
    size_t number;
    (void)snprintf(copy, sizeof copy, "%s", text);
    if (planted_has(node, BUG(ADDR_JUNK)))
        copy[strcspn(copy, " ")] = 0;
    if (p2p_addr_parse(copy, &addr) != 0 || !planted_number(&addr, &number))
        return P2P_ERR_BAD_ADDR;
    planted_addr(out, planted_has(node, BUG(ADDR_TEXT)) ? number + 1 : number);
    return 0;
}

/* --- packets --- */

packet *planted_packet(planted_net *net, packet_kind kind, size_t from, size_t to,
                       const p2p_iov *iov, size_t n, size_t len)
{
    packet *p = net->allocator->alloc(net->allocator->arg, sizeof *p + len);
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->kind = kind;
    p->from = from;
    p->to = to;
    p->data = p->bytes;
    p->len = len;
    p2p_iov_copy(p->data, iov, n);
    return p;
}

void planted_packet_free(planted_net *net, packet *p)
{
    net->allocator->free(net->allocator->arg, p);
}

static void count_lost(planted_net *net, const packet *p)
{
    if (p->from < PLANTED_NODES && net->node[p->from])
        net->node[p->from]->base.stats.tx_drop_network++;
}

/* There may be room again in the queue of who sent this. */
static void release(planted_net *net, const packet *p)
{
    planted_node *node = p->from < PLANTED_NODES ? net->node[p->from] : NULL;
    if (p->kind != PACKET_TELL || !node)
        return;
    node->in_flight--;
    if (planted_has(node, BUG(AGAIN_ALWAYS)))
        node->base.want_writable = 1;
    if (node->in_flight > PLANTED_QUEUE / 2 || !node->base.want_writable ||
        planted_has(node, BUG(AGAIN_NEVER)))
        return;
    if (planted_has(node, BUG(AGAIN_TWICE)) && node->base.writable_fn)
        node->base.writable_fn(node->base.writable_arg);
    p2p_swarm_writable(&node->base);
}

static bool is_lost(planted_net *net)
{
    return net->loss > 0 && (double)(p2p_loop_jitter(net->loop) >> 11) * 0x1p-53 < net->loss;
}

void planted_send(planted_net *net, packet *p)
{
    if (is_lost(net)) {
        count_lost(net, p);
        release(net, p);
        planted_packet_free(net, p);
        return;
    }
    if (net->loss > 0 && net->bug == BUG(LOSS_ALTERS) && p->len > 0)
        p->data[p->len / 2] ^= 1;
    *net->last = p;
    net->last = &p->next;
    if (net->bug == BUG(AGAIN_EARLY))
        p2p_timer_start_in(&net->timer, P2P_MILLISECOND);
    else
        p2p_loop_defer(net->loop, &net->task);
}

/* --- telling --- */

static uint64_t hash(const packet *p)
{
    uint64_t h = 1;
    for (size_t i = 0; i < p->len; i++)
        h = h * 31 + p->data[i];
    return h;
}

/* Equal payloads share one buffer, which a receiver may have written to. */
static void share(planted_net *net, packet *p)
{
    if (p->len > sizeof net->shared)
        return;
    if (hash(p) != net->shared_hash || p->len != net->shared_len) {
        net->shared_hash = hash(p);
        net->shared_len = p->len;
        memcpy(net->shared, p->data, p->len);
    }
    p->data = net->shared;
}

/* What some bugs do to a tell on its way. Returns false if it is not sent at all. */
static bool plant(planted_node *node, packet *p, const p2p_iov *iov, size_t n)
{
    planted_net *net = node->net;
    net->tells++;
    if ((planted_has(node, BUG(TELL_LOSES_EMPTY)) && p->len == 0) ||
        (planted_has(node, BUG(TELL_MTU_LOST)) && p->len == PLANTED_MTU) ||
        (planted_has(node, BUG(TELL_LOSES_SOME)) && net->tells % 30 == 0) ||
        (planted_has(node, BUG(TELL_NOT_FROM_CALLBACKS)) && net->depth > 0))
        return false;
    if (planted_has(node, BUG(TELL_MTU_CUT)) && p->len == PLANTED_MTU)
        p->len--;
    if (planted_has(node, BUG(TELL_TRUNCATES)) && p->len > 1000)
        p->len = 1000;
    if (planted_has(node, BUG(TELL_KEEPS_POINTER)) && n == 1 && p->len > 0)
        p->data = (uint8_t *)(uintptr_t)iov->data;
    if (planted_has(node, BUG(TELL_FIRST_PIECE))) {
        while (n > 1 && iov->len == 0) {
            iov++;
            n--;
        }
        p->len = n > 0 ? iov->len : 0;
    }
    if (planted_has(node, BUG(TELL_SHARES)))
        share(net, p);
    if (planted_has(node, BUG(STATS_TX)))
        node->base.stats.tx_msgs--;
    return true;
}

static void deliver_tell(planted_node *node, packet *p);

static int bad_addr(planted_node *node)
{
    if (planted_has(node, BUG(STATS_REFUSED)))
        node->base.stats.tx_refused--;
    if (planted_has(node, BUG(BAD_ADDR_TAKEN)))
        return 0;
    return planted_has(node, BUG(BAD_ADDR_CODE)) ? P2P_ERR_UNREACHABLE : P2P_ERR_BAD_ADDR;
}

/* A reservation is void: from the loop, and with every tell. */
static void void_reserved(void *arg)
{
    planted_node *node = arg;
    packet *p = node->reserved;
    p2p_task_cancel(&node->void_task);
    node->reserved = NULL;
    if (p && planted_has(node, BUG(RESERVE_SENDS))) {
        node->in_flight++;
        planted_send(node->net, p);
    } else if (p) {
        planted_packet_free(node->net, p);
    }
}

static int tell(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len)
{
    planted_node *node = planted_of(swarm);
    planted_net *net = node->net;
    size_t to;
    if (!planted_number(dst, &to))
        return bad_addr(node);
    if (!planted_has(node, BUG(RESERVE_STAYS)))
        void_reserved(node);
    bool full = node->in_flight >= PLANTED_QUEUE;
    if (full && planted_has(node, BUG(AGAIN_EARLY)))
        p2p_loop_defer(net->loop, &node->early_task);
    if (full && !planted_has(node, BUG(AGAIN_TAKES)))
        return P2P_ERR_AGAIN;
    packet *p = planted_packet(net, PACKET_TELL, node->number, to, iov, n, len);
    if (!p)
        return P2P_ERR_NO_MEMORY;
    if (!plant(node, p, iov, n)) {
        planted_packet_free(net, p);
        return 0;
    }
    if (planted_has(node, BUG(TELL_SYNC)) && to < PLANTED_NODES && net->node[to]) {
        deliver_tell(net->node[to], p);
        planted_packet_free(net, p);
        return 0;
    }
    node->in_flight++;
    planted_send(net, p);
    return full ? P2P_ERR_AGAIN : 0;
}

static int reserve(p2p_swarm *swarm, const p2p_addr *dst, size_t len, uint8_t **room)
{
    planted_node *node = planted_of(swarm);
    size_t to;
    if (!planted_number(dst, &to))
        return P2P_ERR_BAD_ADDR;
    if (node->in_flight >= PLANTED_QUEUE)
        return P2P_ERR_AGAIN;
    void_reserved(node);
    node->reserved = planted_packet(node->net, PACKET_TELL, node->number, to, NULL, 0, len);
    if (!node->reserved)
        return P2P_ERR_NO_MEMORY;
    p2p_loop_defer(swarm->loop, &node->void_task);
    *room = node->reserved->data;
    return 0;
}

static int commit(p2p_swarm *swarm, size_t len)
{
    planted_node *node = planted_of(swarm);
    packet *p = node->reserved;
    if (!p || (p->len != len && !planted_has(node, BUG(RESERVE_ANY_LEN)))) {
        void_reserved(node);
        return P2P_ERR_INVALID;
    }
    if (planted_has(node, BUG(RESERVE_LOST))) {
        void_reserved(node);
        return 0;
    }
    p2p_task_cancel(&node->void_task);
    node->reserved = NULL;
    node->in_flight++;
    planted_send(node->net, p);
    return 0;
}

static size_t mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    (void)swarm;
    (void)dst;
    return PLANTED_MTU;
}

/* --- receiving --- */

static void deliver(planted_node *node, const p2p_msg *msg)
{
    p2p_swarm *swarm = &node->base;
    if (planted_has(node, BUG(TELL_SECOND_RECEIVER)) && !node->first_fn) {
        node->first_fn = swarm->tell_fn;
        node->first_arg = swarm->tell_arg;
    }
    if (planted_has(node, BUG(CLOSE_DELIVERS)) && swarm->state != P2P_SWARM_OPEN &&
        swarm->tell_fn) {
        swarm->tell_fn(swarm->tell_arg, msg);
        return;
    }
    if (planted_has(node, BUG(TELL_SECOND_RECEIVER)) && node->first_fn) {
        node->first_fn(node->first_arg, msg);
        return;
    }
    if (planted_has(node, BUG(TELL_UNHANDLED)) && !swarm->tell_fn)
        return;
    (void)p2p_swarm_deliver(swarm, msg);
}

static void deliver_tell(planted_node *node, packet *p)
{
    const planted_net *net = node->net;
    p2p_addr src;
    p2p_addr dst;
    planted_addr(&src, p->from);
    planted_addr(&dst, p->to);
    if (planted_has(node, BUG(TELL_WRONG_SRC)))
        planted_addr(&src, (p->from + 2) % net->count);
    if (planted_has(node, BUG(TELL_SRC_SELF)))
        src = dst;
    if (planted_has(node, BUG(TELL_WRONG_DST)))
        dst = src;
    p2p_msg msg = {&src, &dst, p->data, p->len};
    if (planted_has(node, BUG(TELL_EMPTY_NULL)) && p->len == 0)
        msg.data = NULL;
    deliver(node, &msg);
    if (planted_has(node, BUG(TELL_TWICE)))
        deliver(node, &msg);
    if (planted_has(node, BUG(STATS_RX)))
        node->base.stats.rx_bytes = 0;
    if (planted_has(node, BUG(STATS_SHRINK)) && node->base.stats.rx_msgs % 4 == 3)
        memset(&node->base.stats, 0, sizeof node->base.stats);
}

/* Delivers one packet. Returns whether it is to be freed. */
static bool arrive(planted_net *net, packet *p)
{
    planted_node *node = p->to < PLANTED_NODES ? net->node[p->to] : NULL;
    release(net, p);
    if (net->bug == BUG(CLOSE_DROPS) && p->from < PLANTED_NODES && !net->node[p->from])
        return true;
    if (!node) {
        if (p->kind == PACKET_REQUEST)
            planted_unreachable(net, p);
        else
            count_lost(net, p);
        return true;
    }
    bool leak = planted_has(node, BUG(TELL_LEAKS)) && !node->base.tell_fn;
    net->depth++;
    if (p->kind == PACKET_TELL)
        deliver_tell(node, p);
    else if (p->kind == PACKET_REQUEST)
        planted_request(node, p);
    else
        planted_response(node, p);
    net->depth--;
    return !leak;
}

static packet *reversed(packet *p)
{
    packet *list = NULL;
    while (p) {
        packet *next = p->next;
        p->next = list;
        list = p;
        p = next;
    }
    return list;
}

/* Delivers all that is under way; what is sent meanwhile is delivered in the next round. */
static void pump(void *arg)
{
    planted_net *net = arg;
    packet *list = net->first;
    net->first = NULL;
    net->last = &net->first;
    if (net->bug == BUG(TELL_REORDERS))
        list = reversed(list);
    while (list) {
        packet *p = list;
        list = p->next;
        if (arrive(net, p))
            planted_packet_free(net, p);
    }
}

/* --- closing --- */

static void finish_close(void *arg)
{
    planted_node *node = arg;
    planted_end_asks(node);
    planted_end_lookups(node);
    if (planted_has(node, BUG(CLOSE_DELIVERS)))
        node->net->node[node->number] = NULL;
    if (planted_has(node, BUG(CLOSE_NEVER)))
        return;
    if (planted_has(node, BUG(CLOSE_TWICE)) && node->base.close_fn)
        node->base.close_fn(node->base.close_arg);
    p2p_swarm_closed(&node->base);
}

static void close_node(p2p_swarm *swarm)
{
    planted_node *node = planted_of(swarm);
    planted_refuse_all(node);
    if (!planted_has(node, BUG(CLOSE_DELIVERS)))
        node->net->node[node->number] = NULL;
    p2p_task_cancel(&node->early_task);
    void_reserved(node);
    if (planted_has(node, BUG(CLOSE_ASK_SYNC)))
        planted_end_asks(node);
    if (planted_has(node, BUG(LOOKUP_CLOSE)))
        planted_forget_lookups(node);
    if (planted_has(node, BUG(CLOSE_SYNC)) && swarm->close_fn) {
        swarm->close_fn(swarm->close_arg);
        swarm->close_fn = NULL;
    }
    p2p_task_init(&node->close_task, finish_close, node);
    p2p_loop_defer(swarm->loop, &node->close_task);
}

static size_t unsent(const p2p_swarm *swarm)
{
    return planted_has(planted_of(swarm), BUG(UNSENT_STAYS));
}

static void free_node(p2p_swarm *swarm)
{
    planted_node *node = planted_of(swarm);
    const p2p_allocator *allocator = node->net->allocator;
    if (!planted_has(node, BUG(CLOSE_LEAKS)))
        allocator->free(allocator->arg, node);
}

static const p2p_swarm_ops planted_ops = {
    .size = sizeof(p2p_swarm_ops),
    .kind = "planted",
    .tell = tell,
    .mtu = mtu,
    .local_addrs = local_addrs,
    .parse_addr = parse_addr,
    .close = close_node,
    .free = free_node,
    .ask = &planted_ask_ops,
    .keys = &planted_key_ops,
    .reserve = reserve,
    .commit = commit,
    .unsent = unsent,
};

/* --- making --- */

static void writable_early(void *arg)
{
    planted_node *node = arg;
    p2p_swarm_writable(&node->base);
}

static int add_node(planted_net *net, p2p_swarm **out)
{
    planted_node *node = net->allocator->alloc(net->allocator->arg, sizeof *node);
    if (!node)
        return P2P_ERR_NO_MEMORY;
    memset(node, 0, sizeof *node);
    node->ops = planted_ops;
    if (net->bug == BUG(KIND_EMPTY))
        node->ops.kind = "";
    if (net->bug == BUG(NO_ASKS))
        node->ops.ask = NULL;
    node->net = net;
    node->number = net->count;
    node->next_id = 1;
    p2p_task_init(&node->early_task, writable_early, node);
    p2p_task_init(&node->void_task, void_reserved, node);
    p2p_swarm_init(&node->base, &node->ops, net->loop, NULL);
    net->node[net->count++] = node;
    *out = &node->base;
    return 0;
}

static void free_net(planted_net *net)
{
    while (net->first) {
        packet *next = net->first->next;
        planted_packet_free(net, net->first);
        net->first = next;
    }
    p2p_task_cancel(&net->task);
    p2p_timer_stop(&net->timer);
    net->allocator->free(net->allocator->arg, net);
}

static void destroy(const p2p_testbed *bed, p2p_loop *loop)
{
    planted_bed *planted = bed->arg;
    free_net(planted->net);
    planted->net = NULL;
    int err = p2p_loop_free(loop);
    (void)err; /* what is left is reported as a leak */
}

static planted_net *make_net(p2p_loop *loop, planted_bug bug)
{
    const p2p_allocator *allocator = p2p_loop_allocator(loop);
    planted_net *net = allocator->alloc(allocator->arg, sizeof *net);
    if (!net)
        return NULL;
    memset(net, 0, sizeof *net);
    net->loop = loop;
    net->allocator = allocator;
    net->bug = bug;
    net->last = &net->first;
    p2p_task_init(&net->task, pump, net);
    p2p_timer_init(&net->timer, loop, pump, net);
    return net;
}

static int create(const p2p_testbed *bed, const p2p_allocator *allocator, size_t n, p2p_loop **loop,
                  p2p_swarm **swarms)
{
    planted_bed *planted = bed->arg;
    p2p_loop_config config;
    p2p_loop_config_init(&config);
    config.allocator = allocator;
    int err = p2p_sim_new(loop, &config);
    if (err)
        return err;
    planted->net = make_net(*loop, planted->bug);
    if (!planted->net) {
        err = p2p_loop_free(*loop);
        return P2P_ERR_NO_MEMORY;
    }
    size_t made = 0;
    while (!err && made < n) {
        err = add_node(planted->net, &swarms[made]);
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

static int nobody(const p2p_testbed *bed, p2p_loop *loop, p2p_addr *out)
{
    (void)bed;
    (void)loop;
    planted_addr(out, 999);
    return 0;
}

static int set_loss(const p2p_testbed *bed, p2p_loop *loop, double loss)
{
    const planted_bed *planted = bed->arg;
    (void)loop;
    if (planted->bug != BUG(LOSS_STAYS) || loss > planted->net->loss)
        planted->net->loss = loss;
    return 0;
}

p2p_testbed planted_testbed(planted_bed *planted)
{
    p2p_testbed bed = {
        .size = sizeof bed,
        .name = "planted",
        .claims = P2P_CLAIM_ASK | P2P_CLAIM_SECURE | P2P_CLAIM_LOSSLESS | P2P_CLAIM_ORDERED |
                  P2P_CLAIM_AGAIN | P2P_CLAIM_LOSS,
        .arg = planted,
        .create = create,
        .destroy = destroy,
        .nobody = nobody,
        .set_loss = set_loss,
        .max_burst = 1000,
    };
    return bed;
}

/* --- for people --- */

const char *planted_name(planted_bug bug)
{
    static const char *const names[] = {"NONE",
#define PLANTED_NAME(name, check, text) #name,
                                        PLANTED_BUGS(PLANTED_NAME)};
    return names[bug];
}

const char *planted_check(planted_bug bug)
{
    static const char *const checks[] = {"",
#define PLANTED_CHECK(name, check, text) check,
                                         PLANTED_BUGS(PLANTED_CHECK)};
    return checks[bug];
}

const char *planted_text(planted_bug bug)
{
    static const char *const texts[] = {"is correct",
#define PLANTED_TEXT(name, check, text) text,
                                        PLANTED_BUGS(PLANTED_TEXT)};
    return texts[bug];
}
