/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "support/planted_net.h"

#define BUG(name) PLANTED_##name

static void *take(const planted_node *node, size_t size)
{
    const p2p_allocator *allocator = node->net->allocator;
    void *ptr = allocator->alloc(allocator->arg, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

static void give(const planted_node *node, void *ptr)
{
    const p2p_allocator *allocator = node->net->allocator;
    allocator->free(allocator->arg, ptr);
}

/* --- asks that wait --- */

static void unlink_ask(pending *ask)
{
    pending **at = &ask->node->asks;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    ask->node->ask_count--;
    p2p_timer_stop(&ask->timer);
}

static void end_ask(pending *ask, const p2p_answer *answer)
{
    planted_node *node = ask->node;
    p2p_answer_fn fn = ask->fn;
    void *arg = ask->arg;
    unlink_ask(ask);
    give(node, ask);
    p2p_swarm_answer(&node->base, answer, fn, arg);
    if (planted_has(node, BUG(ASK_TWICE)) && answer->status == 0)
        p2p_swarm_answer(&node->base, answer, fn, arg);
}

static void fail_ask(pending *ask, int status)
{
    uint8_t nothing[1] = {0};
    p2p_answer answer = {status, 0, nothing, 0};
    end_ask(ask, &answer);
}

static void on_timeout(void *arg)
{
    fail_ask(arg, P2P_ERR_TIMEOUT);
}

static pending *find_ask(const planted_node *node, uint64_t id)
{
    pending *ask = node->asks;
    if (planted_has(node, BUG(ASK_SWAPS))) {
        while (ask && ask->next)
            ask = ask->next;
        return ask;
    }
    while (ask && ask->id != id)
        ask = ask->next;
    return ask;
}

/* Enters an ask, or returns NULL without memory. */
static pending *begin_ask(planted_node *node, uint64_t deadline, p2p_answer_fn fn, void *arg)
{
    pending *ask = take(node, sizeof *ask);
    if (!ask)
        return NULL;
    ask->node = node;
    ask->id = node->next_id++;
    if (planted_has(node, BUG(ASK_IDS)))
        ask->id = 1 + ask->id % 50;
    ask->fn = fn;
    ask->arg = arg;
    ask->next = node->asks;
    node->asks = ask;
    node->ask_count++;
    uint64_t now = p2p_loop_now(node->net->loop);
    if (planted_has(node, BUG(ASK_TIMEOUT_EARLY)))
        deadline = now + (deadline - now) / 2;
    p2p_timer_init(&ask->timer, node->net->loop, on_timeout, ask);
    if (!planted_has(node, BUG(ASK_TIMEOUT_NEVER)))
        p2p_timer_start(&ask->timer, deadline);
    return ask;
}

static int ask(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len,
               uint64_t deadline, p2p_ask_id *id, p2p_answer_fn fn, void *arg)
{
    planted_node *node = planted_of(swarm);
    planted_net *net = node->net;
    size_t to;
    if (!planted_number(dst, &to))
        return P2P_ERR_BAD_ADDR;
    if (node->ask_count == PLANTED_ASKS)
        return P2P_ERR_LIMIT;
    if (planted_has(node, BUG(ASK_SYNC)) && (to >= PLANTED_NODES || !net->node[to])) {
        uint8_t nothing[1] = {0};
        p2p_answer answer = {P2P_ERR_UNREACHABLE, 0, nothing, 0};
        *id = node->next_id++;
        p2p_swarm_answer(swarm, &answer, fn, arg);
        return 0;
    }
    packet *p = planted_packet(net, PACKET_REQUEST, node->number, to, iov, n, len);
    pending *begun = p ? begin_ask(node, deadline, fn, arg) : NULL;
    if (!begun) {
        planted_packet_free(net, p);
        return P2P_ERR_NO_MEMORY;
    }
    p->ask_id = begun->id;
    p->deadline = deadline;
    if (planted_has(node, BUG(ASK_KEEPS_POINTER)) && n == 1 && len > 0)
        p->data = (uint8_t *)(uintptr_t)iov->data;
    *id = begun->id;
    planted_send(net, p);
    return 0;
}

static int cancel(p2p_swarm *swarm, p2p_ask_id id)
{
    planted_node *node = planted_of(swarm);
    pending *found = find_ask(node, id);
    if (!found)
        return planted_has(node, BUG(ASK_CANCEL_ALL)) ? 0 : P2P_ERR_NOT_FOUND;
    if (planted_has(node, BUG(ASK_CANCEL)))
        return 0;
    unlink_ask(found);
    give(node, found);
    return 0;
}

void planted_response(planted_node *node, packet *p)
{
    pending *found = find_ask(node, p->ask_id);
    p2p_answer answer = {p->status, p->code, p->data, p->len};
    if (planted_has(node, BUG(ASK_ANSWER_NULL)) && p->len == 0)
        answer.data = NULL;
    if (found)
        end_ask(found, &answer);
    else if (!planted_has(node, BUG(ASK_LATE)))
        node->base.stats.rx_drop_late++;
}

void planted_end_asks(planted_node *node)
{
    while (node->asks) {
        if (planted_has(node, BUG(CLOSE_FORGETS_ASKS))) {
            pending *found = node->asks;
            unlink_ask(found);
            give(node, found);
        } else {
            fail_ask(node->asks,
                     planted_has(node, BUG(CLOSE_STATUS)) ? P2P_ERR_TIMEOUT : P2P_ERR_CLOSED);
        }
    }
}

/* --- requests being served --- */

/* Sends a response; without memory for it the asker's time runs out. */
static int respond(planted_net *net, size_t from, size_t to, uint64_t ask_id, int status,
                   uint8_t code, const p2p_iov *iov, size_t n, size_t len)
{
    packet *p = planted_packet(net, PACKET_RESPONSE, from, to, iov, n, len);
    if (!p)
        return P2P_ERR_NO_MEMORY;
    p->ask_id = ask_id;
    p->status = status;
    p->code = code;
    planted_send(net, p);
    return 0;
}

void planted_unreachable(planted_net *net, const packet *request)
{
    (void)respond(net, request->to, request->from, request->ask_id, P2P_ERR_UNREACHABLE, 0, NULL, 0,
                  0);
}

static void forget_request(served *request)
{
    planted_node *node = request->node;
    served **at = &node->requests;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    node->request_count--;
    p2p_timer_stop(&request->timer);
    give(node, request);
}

static void on_expired(void *arg)
{
    served *request = arg;
    request->node->base.stats.ask_expired++;
    forget_request(request);
}

static served *find_request(const planted_node *node, uint64_t id)
{
    served *request = node->requests;
    while (request && request->id != id)
        request = request->next;
    return request || !planted_has(node, BUG(ASK_STALE)) ? request : node->requests;
}

static int answer_with(planted_node *node, uint64_t id, int status, uint8_t code,
                       const p2p_iov *iov, size_t n, size_t len)
{
    served *request = find_request(node, id);
    if (!request)
        return planted_has(node, BUG(ASK_REPLY_TWICE)) ? 0 : P2P_ERR_NOT_FOUND;
    int r = respond(node->net, node->number, request->asker, request->ask_id, status, code, iov, n,
                    len);
    if (r == 0)
        forget_request(request);
    return r;
}

static served *begin_request(planted_node *node, const packet *p)
{
    served *request = node->request_count < PLANTED_ASKS ? take(node, sizeof *request) : NULL;
    if (!request)
        return NULL;
    request->node = node;
    request->id = node->next_id++;
    request->asker = p->from;
    request->ask_id = p->ask_id;
    request->next = node->requests;
    node->requests = request;
    node->request_count++;
    p2p_timer_init(&request->timer, node->net->loop, on_expired, request);
    if (!planted_has(node, BUG(ASK_EXPIRES_NEVER)))
        p2p_timer_start(&request->timer, p->deadline);
    return request;
}

/* What becomes of a request when the handler has returned. */
static void after_handler(planted_node *node, uint64_t id, int handled)
{
    served *request = node->requests;
    while (request && request->id != id)
        request = request->next;
    if (!request || request->held || (handled && planted_has(node, BUG(ASK_UNANSWERED))))
        return;
    int status = handled ? P2P_ERR_REFUSED : P2P_ERR_NO_HANDLER;
    if (planted_has(node, BUG(ASK_NO_HANDLER)))
        status = P2P_ERR_REFUSED;
    uint8_t code = status == P2P_ERR_REFUSED ? P2P_CODE_DROPPED : 0;
    (void)respond(node->net, node->number, request->asker, request->ask_id, status, code, NULL, 0,
                  0);
    forget_request(request);
}

void planted_request(planted_node *node, packet *p)
{
    if (node->base.state != P2P_SWARM_OPEN) {
        node->base.stats.rx_drop_late++;
        return;
    }
    const served *request = begin_request(node, p);
    if (!request) {
        node->base.stats.rx_drop_limit++;
        (void)respond(node->net, node->number, p->from, p->ask_id, P2P_ERR_REFUSED, P2P_CODE_BUSY,
                      NULL, 0, 0);
        return;
    }
    uint64_t id = request->id;
    p2p_addr src;
    p2p_addr dst;
    planted_addr(&src, planted_has(node, BUG(ASK_WRONG_SRC)) ? (p->from + 2) % node->net->count
                                                             : p->from);
    planted_addr(&dst, planted_has(node, BUG(ASK_WRONG_DST)) ? p->from : p->to);
    p2p_msg msg = {&src, &dst, p->data, p->len};
    int handled = 0;
    int open = p2p_swarm_deliver_ask(&node->base, &msg, id, &handled);
    if (open && (planted_has(node, BUG(ASK_HANDLER_TWICE)) ||
                 (planted_has(node, BUG(ASK_RUNS_ON_LOSS_TWICE)) && node->net->loss > 0)))
        open = p2p_swarm_deliver_ask(&node->base, &msg, id, &handled);
    if (open)
        after_handler(node, id, handled);
}

static int hold(p2p_swarm *swarm, uint64_t id)
{
    planted_node *node = planted_of(swarm);
    served *request = find_request(node, id);
    if (!request)
        return P2P_ERR_NOT_FOUND;
    request->held = !planted_has(node, BUG(ASK_HOLD));
    return 0;
}

static int reply(p2p_swarm *swarm, uint64_t id, const p2p_iov *iov, size_t n, size_t len)
{
    planted_node *node = planted_of(swarm);
    served *request = find_request(node, id);
    if (len > PLANTED_ASK_MTU && request && !planted_has(node, BUG(ASK_REPLY_BIG))) {
        if (planted_has(node, BUG(ASK_REPLY_BIG_CLOSES)))
            forget_request(request);
        return P2P_ERR_TOO_BIG;
    }
    int r = answer_with(node, id, 0, 0, iov, n, len);
    if (r == 0 && planted_has(node, BUG(STATS_SERVED)))
        swarm->stats.ask_served--;
    return r;
}

static int refuse(p2p_swarm *swarm, uint64_t id, uint8_t code)
{
    planted_node *node = planted_of(swarm);
    served *request = find_request(node, id);
    if (request && planted_has(node, BUG(ASK_REFUSAL_LOST))) {
        forget_request(request);
        return 0;
    }
    if (planted_has(node, BUG(ASK_CODE_LOST)))
        code = P2P_CODE_DROPPED;
    return answer_with(node, id, P2P_ERR_REFUSED, code, NULL, 0, 0);
}

void planted_refuse_all(planted_node *node)
{
    for (pending *ask = node->asks; ask; ask = ask->next)
        p2p_timer_stop(&ask->timer);
    while (node->requests) {
        const served *request = node->requests;
        (void)respond(node->net, node->number, request->asker, request->ask_id, P2P_ERR_REFUSED,
                      P2P_CODE_DROPPED, NULL, 0, 0);
        forget_request(node->requests);
    }
}

static size_t mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    (void)swarm;
    (void)dst;
    return PLANTED_ASK_MTU;
}

const p2p_ask_ops planted_ask_ops = {
    .size = sizeof(p2p_ask_ops),
    .ask = ask,
    .cancel = cancel,
    .hold = hold,
    .reply = reply,
    .refuse = refuse,
    .mtu = mtu,
};
