/* SPDX-License-Identifier: MIT */
#include "testing/fixture_hooks.h"

#include "core/alloc.h"

bool p2p__fx_may_call(p2p__fx_node *node, const char *what)
{
    p2p__fx *fx = node->fx;
    if (fx->in_call > 0)
        p2p__fx_fail(fx, "%s came from inside the call that caused it", what);
    else if (!fx->running)
        p2p__fx_fail(fx, "%s came from outside the loop", what);
    else if (node->closed)
        p2p__fx_fail(fx, "%s came after the close callback", what);
    else
        return true;
    return false;
}

/* --- messages --- */

static p2p__fx_record *next_record(p2p__fx *fx)
{
    if (fx->record_count == fx->record_cap) {
        size_t cap = fx->record_cap ? 2 * fx->record_cap : 256;
        p2p__fx_record *grown = p2p__resize(&fx->own, fx->records, cap * sizeof *grown);
        if (!grown) {
            p2p__fx_fail(fx, "no memory to record a message");
            return NULL;
        }
        fx->records = grown;
        fx->record_cap = cap;
    }
    return &fx->records[fx->record_count++];
}

static void record(p2p__fx_node *node, const p2p_msg *msg, bool is_request)
{
    p2p__fx_record *r = node->fx->no_records ? NULL : next_record(node->fx);
    if (!r)
        return;
    r->node = (size_t)(node - node->fx->node);
    r->is_request = is_request;
    r->src = *msg->src;
    r->dst = *msg->dst;
    r->len = msg->len;
    r->hash = p2p__fx_hash(msg->data, msg->len);
}

static bool may_deliver(p2p__fx_node *node, const p2p_msg *msg, const char *what)
{
    if (!p2p__fx_may_call(node, what))
        return false;
    if (node->closing) {
        p2p__fx_fail(node->fx, "%s came after p2p_close()", what);
        return false;
    }
    if (!msg || !msg->src || !msg->dst || !msg->data) {
        p2p__fx_fail(node->fx, "%s came without source, destination or data", what);
        return false;
    }
    return true;
}

static void on_tell(void *arg, const p2p_msg *msg)
{
    p2p__fx_node *node = arg;
    if (!may_deliver(node, msg, "a tell"))
        return;
    node->tells++;
    record(node, msg, false);
    if (node->on_tell)
        node->on_tell(node, msg);
    p2p__fx_look(node->fx);
}

static void on_ask(void *arg, const p2p_msg *msg, p2p_request request)
{
    p2p__fx_node *node = arg;
    if (!may_deliver(node, msg, "a request"))
        return;
    if (request.swarm != node->swarm || request.id == 0) {
        p2p__fx_fail(node->fx, "a request without its swarm or id");
        return;
    }
    node->requests++;
    record(node, msg, true);
    if (node->on_ask)
        node->on_ask(node, msg, request);
    p2p__fx_look(node->fx);
}

/* --- events of the swarm --- */

static void on_writable(void *arg)
{
    p2p__fx_node *node = arg;
    if (!p2p__fx_may_call(node, "a writable event"))
        return;
    node->writables++;
    if (node->on_writable)
        node->on_writable(node);
    p2p__fx_look(node->fx);
}

unsigned p2p__fx_pending(const p2p__fx_node *node)
{
    unsigned pending = 0;
    for (const p2p__fx_ask *ask = node->fx->asks; ask; ask = ask->next) {
        if (ask->node == node)
            pending += ask->started - ask->calls - ask->cancelled;
    }
    for (const p2p__fx_lookup *lookup = node->fx->lookups; lookup; lookup = lookup->next) {
        if (lookup->node == node)
            pending += lookup->started - lookup->calls;
    }
    return pending;
}

static void on_closed(void *arg)
{
    p2p__fx_node *node = arg;
    node->closes++;
    if (!p2p__fx_may_call(node, "a close callback"))
        return;
    if (p2p__fx_pending(node) > 0)
        p2p__fx_fail(node->fx, "the close callback came before an answer or a key");
    p2p_swarm_stats(node->swarm, &node->last_stats);
    if (node->on_closed)
        node->on_closed(node);
    node->closed = true;
    node->swarm = NULL;
    p2p__fx_look(node->fx);
}

void p2p__fx_hook(p2p__fx_node *node)
{
    p2p_on_tell(node->swarm, on_tell, node);
    p2p_on_writable(node->swarm, on_writable, node);
    if (p2p_can_ask(node->swarm))
        p2p_on_ask(node->swarm, on_ask, node);
}

void p2p__fx_close(p2p__fx_node *node)
{
    node->closing = true;
    p2p__fx_enter(node->fx);
    p2p_close(node->swarm, on_closed, node);
    (void)p2p__fx_leave(node->fx, 0);
}

static bool is_closed(p2p__fx *fx, void *arg)
{
    const p2p__fx_node *node = arg;
    (void)fx;
    return node->closed;
}

bool p2p__fx_wait_closed(p2p__fx_node *node)
{
    return p2p__fx_wait(node->fx, is_closed, node);
}

p2p_stats p2p__fx_stats(const p2p__fx_node *node)
{
    p2p_stats stats = node->last_stats;
    if (node->swarm)
        p2p_swarm_stats(node->swarm, &stats);
    return stats;
}

bool p2p__fx_lossless(const p2p__fx *fx)
{
    return (fx->options.claims & P2P_CLAIM_LOSSLESS) != 0;
}

uint64_t p2p__fx_short(const p2p__fx *fx)
{
    /* Where messages are lost some are sent again before they arrive. */
    uint64_t least = (p2p__fx_lossless(fx) ? 200 : 500) * P2P_MILLISECOND;
    uint64_t time = 2 * fx->options.settle;
    return time < least ? least : time;
}
