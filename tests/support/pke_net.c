/* SPDX-License-Identifier: MIT */
#include "support/pke_net.h"

#include "core/bytes.h"
#include "support/check.h"

static void on_event(void *arg, const p2p_event *event)
{
    pke_net *net = arg;
    net->datagrams += event->kind == P2P_EVENT_SENT;
}

/* What is sent on the wire. Returns 0 to lose it. */
static int on_send(void *arg, const p2p_msg *sent, const p2p_msg *question)
{
    pke_net *net = arg;
    net->datagrams++;
    if (net->record && p2p_addr_equal(sent->src, &net->recorded)) {
        assert_in_range(sent->len, 1, PKE_HELLO);
        memcpy(net->record->data, sent->data, sent->len);
        net->record->len = sent->len;
        net->record = NULL;
    }
    return !net->on_send || net->on_send(net->send_arg, sent, question);
}

void pke_net_begin_wire(pke_net *net, uint64_t latency, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    net->loop = counted_sim(&net->memory, seed);
    net->wire = wire_new(net->loop, latency);
    wire_on_send(net->wire, on_send, net);
}

void pke_net_begin(pke_net *net, const p2p_link *link, uint64_t seed)
{
    p2p_realm_config config;
    memset(net, 0, sizeof *net);
    net->loop = counted_sim(&net->memory, seed);
    p2p_realm_config_init(&config);
    config.link = link;
    assert_ok(p2p_realm_new(&net->realm, net->loop, &config));
    p2p_realm_on_event(net->realm, on_event, net);
}

void pke_net_end(pke_net *net)
{
    for (size_t i = 0; i < PKE_NODES; i++)
        pke_net_close(&net->node[i]);
    pke_net_run(net, P2P_MILLISECOND); /* for those that the test has closed */
    for (size_t i = 0; i < PKE_NODES; i++)
        p2p_signer_free(net->node[i].signer);
    if (net->wire)
        wire_free(net->wire);
    assert_ok(p2p_realm_free(net->realm));
    counted_end(net->loop, &net->memory);
}

/* --- what nodes see --- */

static void on_tell(void *arg, const p2p_msg *msg)
{
    pke_node *node = arg;
    assert_false(node->net->inside);
    size_t len = msg->len < PKE_TEXT - 1 ? msg->len : PKE_TEXT - 1;
    node->got++;
    node->last_len = msg->len;
    memcpy(node->last, msg->data, len);
    node->last[len] = '\0';
    node->last_src = *msg->src;
    node->last_dst = *msg->dst;
    if (node->on_tell)
        node->on_tell(node, msg);
}

static void on_writable(void *arg)
{
    pke_node *node = arg;
    assert_false(node->net->inside);
    node->writables++;
}

static void on_peer(void *arg, const p2p_pke_peer_event *event)
{
    pke_node *node = arg;
    assert_false(node->net->inside);
    if (event->kind == P2P_PKE_PEER_UP) {
        node->up++;
        node->up_addr = *event->peer;
    } else if (event->kind == P2P_PKE_PEER_FAILED) {
        node->failed++;
        node->failed_addr = *event->peer;
        node->reason = event->reason;
    } else {
        node->gone++;
        node->gone_addr = *event->peer;
    }
    if (node->on_peer)
        node->on_peer(node, event);
}

/* --- making and ending nodes --- */

p2p_signer *pke_test_signer(uint64_t key)
{
    uint8_t seed[32] = {0};
    p2p_signer *signer = NULL;
    for (int i = 0; i < 8; i++)
        seed[31 - i] = (uint8_t)(key >> 8 * i);
    assert_ok(p2p_ed25519_signer_new(&signer, seed, NULL));
    return signer;
}

static pke_node *new_node(pke_net *net, size_t i, uint64_t key)
{
    pke_node *node = &net->node[i];
    assert_null(node->swarm);
    p2p_signer_free(node->signer);
    memset(node, 0, sizeof *node);
    node->net = net;
    node->signer = pke_test_signer(key);
    return node;
}

static pke_node *open_node(pke_node *node, p2p_swarm *inner, pke_change_fn change)
{
    p2p_pke_swarm_config config;
    p2p_pke_swarm_config_init(&config);
    config.signer = node->signer;
    if (change)
        change(&config);
    assert_ok(p2p_pke_swarm_new(&node->swarm, inner, &config));
    assert_ok(p2p_local_addr(node->swarm, &node->addr));
    p2p_on_tell(node->swarm, on_tell, node);
    p2p_on_writable(node->swarm, on_writable, node);
    assert_ok(p2p_pke_on_peer(node->swarm, on_peer, node));
    return node;
}

pke_node *pke_net_add_at(pke_net *net, size_t i, uint64_t key, uint64_t number,
                         pke_change_fn change)
{
    pke_node *node = new_node(net, i, key);
    p2p_mem_config mem;
    p2p_swarm *inner = NULL;
    node->number = number;
    p2p_mem_config_init(&mem);
    mem.node = number;
    mem.max_queue = net->next_queue;
    assert_ok(p2p_mem_new(&inner, net->realm, &mem));
    return open_node(node, inner, change);
}

pke_node *pke_net_add_ip(pke_net *net, size_t i, uint64_t key, const char *at, pke_change_fn change)
{
    pke_node *node = new_node(net, i, key);
    p2p_swarm *inner = NULL;
    node->inner = pke_ip(at);
    assert_ok(wire_node(&inner, net->wire, &node->inner));
    return open_node(node, inner, change);
}

pke_node *pke_net_add(pke_net *net, size_t i, uint64_t key, pke_change_fn change)
{
    return pke_net_add_at(net, i, key, i, change);
}

void pke_net_begin_pair(pke_net *net, const p2p_link *link, uint64_t seed, pke_node **a,
                        pke_node **b)
{
    pke_net_begin(net, link, seed);
    *a = pke_net_add(net, 0, 1, NULL);
    *b = pke_net_add(net, 1, 2, NULL);
}

static void on_closed(void *arg)
{
    *(unsigned *)arg = 1;
}

void pke_net_close(pke_node *node)
{
    unsigned closed = 0;
    if (!node->swarm)
        return;
    p2p_close(node->swarm, on_closed, &closed);
    assert_int_not_equal(pke_net_wait(node->net, &closed, 1, P2P_SECOND), P2P_NEVER);
    node->swarm = NULL;
}

void pke_net_crash(pke_node *node)
{
    assert_ok(p2p_realm_crash(node->net->realm, node->number));
    pke_net_close(node);
}

/* --- time --- */

void pke_net_run(pke_net *net, uint64_t duration)
{
    int end = p2p_sim_run_until(net->loop, p2p_loop_now(net->loop) + duration);
    assert_true(end == P2P_SIM_TIME || end == P2P_SIM_IDLE);
}

typedef struct waiting {
    const unsigned *count;
    unsigned value;
} waiting;

static int is_reached(void *arg)
{
    const waiting *w = arg;
    return *w->count >= w->value;
}

uint64_t pke_net_wait(pke_net *net, const unsigned *count, unsigned value, uint64_t duration)
{
    waiting w = {count, value};
    uint64_t start = p2p_loop_now(net->loop);
    int end = p2p_sim_run_until_done(net->loop, is_reached, &w, start + duration);
    return end == P2P_SIM_DONE ? p2p_loop_now(net->loop) - start : P2P_NEVER;
}

/* --- talking --- */

int pke_say(pke_node *from, const p2p_addr *to, const char *text)
{
    from->net->inside = 1;
    int err = p2p_tell(from->swarm, to, text, strlen(text));
    from->net->inside = 0;
    return err;
}

uint64_t pke_arrive(pke_node *from, pke_node *to, const char *text)
{
    assert_ok(pke_say(from, &to->addr, text));
    uint64_t took = pke_net_wait(from->net, &to->got, to->got + 1, 60 * P2P_SECOND);
    if (took != P2P_NEVER)
        assert_string_equal(to->last, text);
    return took;
}

p2p_addr pke_ip(const char *text)
{
    p2p_addr addr;
    assert_ok(p2p_addr_parse(text, &addr));
    return addr;
}

p2p_addr pke_nobody(uint8_t number)
{
    p2p_ip ip = {4, {192, 0, 2, number}, 0};
    p2p_addr addr;
    uint8_t id[P2P_PEER_ID_SIZE] = {number};
    assert_ok(p2p_addr_from_ip(&addr, &ip, 1));
    assert_ok(p2p_addr_wrap_peer(&addr, id, &addr));
    return addr;
}

void pke_as_reference(p2p_pke_swarm_config *config)
{
    config->no_extensions = 1;
}

/* --- what goes over the wire --- */

void pke_net_record(pke_net *net, const p2p_addr *from, pke_record *out)
{
    out->len = 0;
    net->record = out;
    net->recorded = *from;
}

void pke_net_capture(pke_net *net, uint64_t key, const char *at, pke_change_fn change,
                     pke_record *out)
{
    pke_node *from = pke_net_add_ip(net, PKE_NODES - 1, key, at, change);
    p2p_addr nobody = pke_nobody(9);
    pke_net_record(net, &from->inner, out);
    assert_ok(pke_say(from, &nobody, "x"));
    pke_net_run(net, P2P_MILLISECOND);
    assert_true(out->len > 160);
    pke_net_close(from);
}

void pke_renew_hello(pke_record *hello, p2p__rand *rand)
{
    for (size_t i = 0; i < 4; i++)
        p2p__store64le(hello->data + 4 + 8 * i, p2p__rand_next(rand));
}

p2p_addr pke_addr(const p2p_signer *signer, uint64_t number)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    uint8_t der[256];
    size_t len = 0;
    p2p_spki spki;
    p2p_addr addr;
    assert_ok(p2p_signer_public_key(signer, der, sizeof der, &len));
    assert_ok(p2p_spki_parse(der, len, &spki));
    assert_ok(p2p_fingerprint_pke(&spki, id));
    p2p_addr_from_mem(&addr, number);
    assert_ok(p2p_addr_wrap_peer(&addr, id, &addr));
    return addr;
}

p2p_pke_stats pke_stats(const pke_node *node)
{
    p2p_pke_stats stats;
    assert_ok(p2p_pke_swarm_stats(node->swarm, &stats, NULL));
    return stats;
}

p2p_stats pke_base_stats(const pke_node *node)
{
    p2p_stats stats;
    p2p_swarm_stats(node->swarm, &stats);
    return stats;
}

size_t pke_peers(const pke_node *node)
{
    p2p_pke_stats stats;
    size_t peers = 0;
    assert_ok(p2p_pke_swarm_stats(node->swarm, &stats, &peers));
    return peers;
}
