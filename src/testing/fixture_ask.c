/* SPDX-License-Identifier: MIT */
#include "core/alloc.h"
#include "testing/fixture_hooks.h"

/* --- asks --- */

static void on_answer(void *arg, const p2p_answer *answer)
{
    p2p__fx_ask *ask = arg;
    p2p__fx *fx = ask->node->fx;
    ask->calls++;
    if (!p2p__fx_may_call(ask->node, "an answer"))
        return;
    if (ask->calls + ask->cancelled > ask->started) {
        p2p__fx_fail(fx, "an ask was answered twice, or after it had ended or was refused");
        return;
    }
    if (!answer || !answer->data || answer->status > 0 ||
        (answer->status == P2P_ERR_REFUSED && answer->code == 0)) {
        p2p__fx_fail(fx, "an answer without data, or with a bad status or code");
        return;
    }
    ask->status = answer->status;
    ask->code = answer->code;
    ask->len = answer->len;
    ask->hash = p2p__fx_hash(answer->data, answer->len);
    ask->at = p2p_loop_now(fx->loop);
    if (ask->on_answer)
        ask->on_answer(ask, answer);
    p2p__fx_look(fx);
}

p2p__fx_ask *p2p__fx_ask_new(p2p__fx *fx, size_t from)
{
    p2p__fx_ask *ask = p2p__zalloc(&fx->own, sizeof *ask);
    if (!ask) {
        p2p__fx_fail(fx, "no memory for an ask");
        return NULL;
    }
    ask->node = &fx->node[from];
    ask->next = fx->asks;
    fx->asks = ask;
    return ask;
}

int p2p__fx_ask_start(p2p__fx_ask *ask, const p2p_addr *dst, const void *data, size_t len,
                      uint64_t timeout)
{
    p2p__fx *fx = ask->node->fx;
    p2p_ask_id id = 0;
    int r = CALL(fx, p2p_ask(ask->node->swarm, dst, data, len, timeout, &id, on_answer, ask));
    if (r)
        return r;
    ask->started++;
    ask->id = id;
    if (id == 0)
        p2p__fx_fail(fx, "an ask was taken without an id");
    return 0;
}

static bool ask_over(p2p__fx *fx, void *arg)
{
    const p2p__fx_ask *ask = arg;
    (void)fx;
    return ask->calls + ask->cancelled >= ask->started;
}

/* Where messages are lost an ask may need all of its default time, and a bit. */
static uint64_t ask_patience(const p2p__fx *fx)
{
    uint64_t longest = 31 * P2P_SECOND;
    bool wait = !p2p__fx_lossless(fx) && fx->options.patience < longest;
    return wait ? longest : fx->options.patience;
}

bool p2p__fx_ask_wait(p2p__fx_ask *ask)
{
    return p2p__fx_wait_for(ask->node->fx, ask_over, ask, ask_patience(ask->node->fx));
}

static bool all_over(p2p__fx *fx, void *arg)
{
    (void)arg;
    for (const p2p__fx_ask *ask = fx->asks; ask; ask = ask->next) {
        if (ask->calls + ask->cancelled < ask->started)
            return false;
    }
    return true;
}

bool p2p__fx_asks_over(p2p__fx *fx)
{
    return p2p__fx_wait_for(fx, all_over, NULL, ask_patience(fx));
}

p2p__fx_ask *p2p__fx_ask_send(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len,
                              uint64_t timeout)
{
    p2p__fx_ask *ask = p2p__fx_ask_new(fx, from);
    const uint8_t *payload = p2p__fx_payload(fx, tag, len);
    while (ask && payload && !fx->failed) {
        unsigned writables = ask->node->writables;
        int r = p2p__fx_ask_start(ask, &fx->node[to].addr, payload, len, timeout);
        if (r == 0)
            return fx->failed ? NULL : ask;
        if (r != P2P_ERR_AGAIN)
            p2p__fx_fail(fx, "p2p_ask() of %zu bytes gave %s", len, p2p_err_name(r));
        else if (!p2p__fx_wait_writable(ask->node, writables))
            p2p__fx_fail(fx, "no writable event came after P2P_ERR_AGAIN");
        payload = p2p__fx_payload(fx, tag, len);
    }
    return NULL;
}

p2p__fx_ask *p2p__fx_ask_end(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len,
                             uint64_t timeout, int status)
{
    p2p__fx_ask *ask = p2p__fx_ask_send(fx, from, to, tag, len, timeout);
    if (!ask)
        return NULL;
    if (!p2p__fx_ask_wait(ask))
        p2p__fx_fail(fx, "an ask did not end");
    else if (ask->status != status)
        p2p__fx_fail(fx, "an ask ended with %s instead of %s", p2p_err_name(ask->status),
                     p2p_err_name(status));
    return fx->failed ? NULL : ask;
}

/* --- serving --- */

void p2p__fx_echo(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    int r = CALL(node->fx, p2p_reply(request, msg->data, msg->len));
    if (r)
        p2p__fx_fail(node->fx, "p2p_reply() in the handler gave %s", p2p_err_name(r));
}

void p2p__fx_refuse_with_code(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    int r = CALL(node->fx, p2p_refuse(request, node->code));
    if (r)
        p2p__fx_fail(node->fx, "p2p_refuse() in the handler gave %s", p2p_err_name(r));
}

void p2p__fx_ignore(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)node;
    (void)msg;
    (void)request;
}

void p2p__fx_hold(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    (void)msg;
    if (node->held_count == P2P__FX_HELD)
        return;
    int r = CALL(node->fx, p2p_request_hold(request));
    if (r)
        p2p__fx_fail(node->fx, "p2p_request_hold() in the handler gave %s", p2p_err_name(r));
    node->held[node->held_count++] = request;
}

typedef struct held_wait {
    const p2p__fx_node *node;
    size_t count;
} held_wait;

static bool holds(p2p__fx *fx, void *arg)
{
    const held_wait *wait = arg;
    (void)fx;
    return wait->node->held_count >= wait->count;
}

bool p2p__fx_wait_held(p2p__fx *fx, size_t node, size_t count)
{
    held_wait wait = {&fx->node[node], count};
    return p2p__fx_wait(fx, holds, &wait);
}

int p2p__fx_reply_held(p2p__fx *fx, size_t node, size_t i, uint64_t tag, size_t len)
{
    const uint8_t *payload = p2p__fx_payload(fx, tag, len);
    if (!payload)
        return P2P_ERR_NO_MEMORY;
    return CALL(fx, p2p_reply(fx->node[node].held[i], payload, len));
}

/* --- keys --- */

static void on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    p2p__fx_lookup *lookup = arg;
    p2p__fx *fx = lookup->node->fx;
    lookup->calls++;
    if (!p2p__fx_may_call(lookup->node, "a key"))
        return;
    if (lookup->calls > lookup->started || status > 0 || (status == 0 && (!key || len == 0))) {
        p2p__fx_fail(fx, "a key came twice, or without a key or with a bad status");
        return;
    }
    lookup->status = status;
    lookup->len = status ? 0 : len;
    lookup->hash = status ? 0 : p2p__fx_hash(key, len);
    if (lookup->on_key)
        lookup->on_key(lookup);
    p2p__fx_look(fx);
}

p2p__fx_lookup *p2p__fx_lookup_new(p2p__fx *fx, size_t from)
{
    p2p__fx_lookup *lookup = p2p__zalloc(&fx->own, sizeof *lookup);
    if (!lookup) {
        p2p__fx_fail(fx, "no memory for a look-up");
        return NULL;
    }
    lookup->node = &fx->node[from];
    lookup->next = fx->lookups;
    fx->lookups = lookup;
    return lookup;
}

int p2p__fx_lookup_start(p2p__fx_lookup *lookup, const p2p_addr *addr, uint64_t timeout)
{
    int r = CALL(lookup->node->fx,
                 p2p_lookup_key(lookup->node->swarm, addr, timeout, on_key, lookup));
    lookup->started += r == 0;
    return r;
}

static bool lookup_over(p2p__fx *fx, void *arg)
{
    const p2p__fx_lookup *lookup = arg;
    (void)fx;
    return lookup->calls >= lookup->started;
}

bool p2p__fx_lookup_wait(p2p__fx_lookup *lookup)
{
    return p2p__fx_wait(lookup->node->fx, lookup_over, lookup);
}
