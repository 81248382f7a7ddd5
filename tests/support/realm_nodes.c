/* SPDX-License-Identifier: MIT */
#include "support/realm_nodes.h"

#include "support/check.h"

void field_begin(field *f, uint64_t seed, const p2p_link *link)
{
    p2p_realm_config config;
    p2p_realm_config_init(&config);
    config.link = link;
    field_begin_with(f, seed, &config);
}

void field_begin_with(field *f, uint64_t seed, const p2p_realm_config *config)
{
    memset(f, 0, sizeof *f);
    f->loop = counted_sim(&f->memory, seed);
    assert_ok(p2p_realm_new(&f->realm, f->loop, config));
}

void field_run(field *f)
{
    assert_int_equal(p2p_sim_run_idle(f->loop), P2P_SIM_IDLE);
}

void field_run_for(field *f, uint64_t time)
{
    int ended = p2p_sim_run_until(f->loop, p2p_loop_now(f->loop) + time);
    assert_in_range(ended, P2P_SIM_IDLE, P2P_SIM_TIME);
}

void field_end(field *f)
{
    field_run(f);
    assert_int_equal(p2p_realm_nodes(f->realm), 0);
    assert_ok(p2p_realm_free(f->realm));
    counted_end(f->loop, &f->memory);
}

static uint64_t number_of(const p2p_addr *addr)
{
    uint64_t number = 0;
    assert_ok(p2p_addr_mem(addr, &number));
    return number;
}

static void keep(node *n, const p2p_msg *msg)
{
    n->from = number_of(msg->src);
    n->at = p2p_loop_now(p2p_swarm_loop(n->swarm));
    n->len = msg->len;
    assert_non_null(msg->data);
    assert_true(p2p_addr_equal(msg->dst, &n->addr));
    memcpy(n->data, msg->data, msg->len < KEEP ? msg->len : KEEP);
}

static void on_node_tell(void *arg, const p2p_msg *msg)
{
    node *n = arg;
    keep(n, msg);
    n->tells++;
    n->bytes += msg->len;
    memset(msg->data, 0xee, msg->len); /* it is the receiver's */
}

static void on_node_request(void *arg, const p2p_msg *msg, p2p_request request)
{
    node *n = arg;
    keep(n, msg);
    n->requests++;
    n->request = request;
    if (n->hold)
        assert_ok(p2p_request_hold(request));
    else
        assert_ok(p2p_reply(request, msg->data, msg->len));
}

static void on_node_writable(void *arg)
{
    node *n = arg;
    n->writable++;
}

static void on_node_closed(void *arg)
{
    node *n = arg;
    n->closed++;
    n->swarm = NULL;
}

void node_open(node *n, p2p_realm *realm, const p2p_mem_config *config)
{
    memset(n, 0, sizeof *n);
    assert_ok(p2p_mem_new(&n->swarm, realm, config));
    assert_ok(p2p_local_addr(n->swarm, &n->addr));
    n->number = number_of(&n->addr);
    p2p_on_tell(n->swarm, on_node_tell, n);
    p2p_on_ask(n->swarm, on_node_request, n);
    p2p_on_writable(n->swarm, on_node_writable, n);
}

void node_open_at(node *n, p2p_realm *realm, uint64_t number)
{
    p2p_mem_config config;
    p2p_mem_config_init(&config);
    config.node = number;
    node_open(n, realm, &config);
    assert_true(n->number == number);
}

void node_close(node *n)
{
    p2p_close(n->swarm, on_node_closed, n);
}

void field_begin_pair(field *f, uint64_t seed, const p2p_link *link, node *a, node *b)
{
    field_begin(f, seed, link);
    node_open(a, f->realm, NULL);
    node_open(b, f->realm, NULL);
}

void field_end_pair(field *f, node *a, node *b)
{
    node_close(a);
    node_close(b);
    field_end(f);
}

int node_tell(const node *from, const node *to, uint64_t value, size_t len)
{
    static uint8_t zeros[1 << 20];
    p2p_iov iov[2] = {{&value, len < 8 ? len : 8}, {zeros, len < 8 ? 0 : len - 8}};
    assert_true(len <= sizeof zeros);
    return p2p_tellv(from->swarm, &to->addr, iov, 2);
}

uint64_t node_value(const node *n)
{
    uint64_t value;
    memcpy(&value, n->data, sizeof value);
    return value;
}

p2p_stats node_stats(const node *n)
{
    p2p_stats stats;
    p2p_swarm_stats(n->swarm, &stats);
    return stats;
}

static void on_node_answer(void *arg, const p2p_answer *answer)
{
    reply *r = arg;
    r->calls++;
    r->status = answer->status;
    r->code = answer->code;
    r->len = answer->len;
    r->at = p2p_loop_now(r->loop);
    assert_non_null(answer->data);
    memcpy(r->data, answer->data, answer->len < KEEP ? answer->len : KEEP);
    memset(answer->data, 0xee, answer->len);
}

int node_ask(const node *from, const node *to, const char *text, uint64_t timeout, reply *r)
{
    memset(r, 0, sizeof *r);
    r->loop = p2p_swarm_loop(from->swarm);
    return p2p_ask(from->swarm, &to->addr, text, strlen(text), timeout, &r->id, on_node_answer, r);
}

void check_reply(const reply *r, const char *text)
{
    assert_int_equal(r->calls, 1);
    assert_int_equal(r->status, 0);
    assert_int_equal(r->len, strlen(text));
    assert_memory_equal(r->data, text, strlen(text));
}
