/* SPDX-License-Identifier: MIT */
#include "core/alloc.h"
#include "swarm/realm.h"

static p2p__mem *mem_of(const p2p_swarm *swarm)
{
    return (p2p__mem *)(uintptr_t)swarm;
}

/* Most nodes of a big simulation never ask: the tables are made with the first use. */
static p2p__asks *asks_of(p2p__mem *mem)
{
    if (!mem->asks) {
        mem->asks = p2p__zalloc(mem->realm->allocator, sizeof *mem->asks);
        if (mem->asks)
            p2p__asks_init(mem->asks, &mem->base, mem->max_asks, mem->max_asks);
    }
    return mem->asks;
}

/* --- asking --- */

static int mem_ask(p2p_swarm *swarm, const p2p_addr *dst, const p2p_iov *iov, size_t n, size_t len,
                   uint64_t deadline, p2p_ask_id *id, p2p_answer_fn fn, void *arg)
{
    p2p__mem *mem = mem_of(swarm);
    p2p_realm *realm = mem->realm;
    if (!p2p__addr_is_mem(dst))
        return P2P_ERR_BAD_ADDR;
    uint64_t to = p2p__addr_mem_number(dst);
    /* Asks that were cancelled are still under way. */
    if (mem->asks_in_flight >= mem->max_asks && !mem->crashed)
        return P2P_ERR_LIMIT;
    p2p__asks *asks = asks_of(mem);
    if (!asks)
        return P2P_ERR_NO_MEMORY;
    int err;
    p2p__ask *ask = p2p__asks_begin(asks, deadline, fn, arg, &err);
    if (!ask)
        return err;
    *id = p2p__slot_id(&ask->slot);
    if (mem->crashed) { /* it never leaves, and times out */
        swarm->stats.tx_drop_network++;
        return 0;
    }
    p2p__message *message = p2p__message_from(mem, P2P_MESSAGE_REQUEST, len);
    if (!message) {
        (void)!p2p__asks_cancel(asks, *id);
        return P2P_ERR_NO_MEMORY;
    }
    message->to = to;
    message->ask_id = *id;
    message->deadline = deadline;
    p2p_iov_copy(message->data, iov, n);
    p2p__realm_count_ask(mem, message);
    err = p2p__realm_send(realm, mem->port, message);
    if (err)
        (void)!p2p__asks_cancel(asks, *id);
    return err;
}

static int mem_cancel(p2p_swarm *swarm, p2p_ask_id id)
{
    p2p__mem *mem = mem_of(swarm);
    return mem->asks ? p2p__asks_cancel(mem->asks, id) : P2P_ERR_NOT_FOUND;
}

void p2p__mem_response(p2p__mem *mem, const p2p__message *message)
{
    if (!mem->asks || mem->base.state != P2P_SWARM_OPEN || message->asker != mem->epoch) {
        mem->base.stats.rx_drop_late++;
        return;
    }
    p2p_answer answer = {message->status, message->code, (uint8_t *)(uintptr_t)message->data,
                         message->len};
    p2p__asks_finish(mem->asks, message->ask_id, &answer);
}

/* --- serving --- */

static size_t mem_ask_mtu(const p2p_swarm *swarm, const p2p_addr *dst)
{
    const p2p_realm *realm = mem_of(swarm)->realm;
    return p2p__bridge_most(realm, dst, realm->ask_mtu);
}

/* What a response goes back to. */
typedef struct asker {
    uint64_t node;
    uint64_t ask_id;
    uint64_t deadline;
    uint32_t epoch;
} asker;

/* The one place where responses are made. */
static int respond(p2p__mem *mem, const asker *to, int status, uint8_t code, const p2p_iov *iov,
                   size_t n, size_t len)
{
    if (mem->crashed) {
        mem->base.stats.tx_drop_network++;
        return 0;
    }
    p2p__message *message = p2p__message_from(mem, P2P_MESSAGE_RESPONSE, len);
    if (!message)
        return P2P_ERR_NO_MEMORY;
    message->to = to->node;
    message->asker = to->epoch;
    message->ask_id = to->ask_id;
    message->deadline = to->deadline;
    message->status = (int16_t)status;
    message->code = code;
    p2p_iov_copy(message->data, iov, n);
    const p2p__port *asker_port = p2p__realm_port(mem->realm, to->node);
    if (asker_port && asker_port->node && asker_port->epoch == to->epoch)
        p2p__realm_count_ask(asker_port->node, message);
    return p2p__realm_send(mem->realm, mem->port, message);
}

/* Answers a request that no handler will; without memory for that the asker's time runs out. */
static void turn_away(p2p__mem *mem, const p2p__message *request, int status, uint8_t code)
{
    asker to = {request->from, request->ask_id, request->deadline, request->epoch};
    (void)!respond(mem, &to, status, code, NULL, 0, 0);
}

static int answer(p2p__mem *mem, uint64_t id, int status, uint8_t code, const p2p_iov *iov,
                  size_t n, size_t len)
{
    p2p__served *served = mem->asks ? p2p__asks_request(mem->asks, id) : NULL;
    if (!served)
        return P2P_ERR_NOT_FOUND;
    asker to = {served->peer, served->ask_id, served->timer.deadline, served->epoch};
    int err = respond(mem, &to, status, code, iov, n, len);
    if (!err)
        p2p__asks_served(mem->asks, served);
    return err;
}

void p2p__mem_request(p2p__mem *mem, p2p__message *message)
{
    p2p__asks *asks = asks_of(mem);
    int err = P2P_ERR_NO_MEMORY;
    p2p__served *served = asks ? p2p__asks_serve(asks, message->deadline, &err) : NULL;
    if (!served) {
        mem->base.stats.rx_drop_limit++;
        turn_away(mem, message, P2P_ERR_REFUSED, P2P_CODE_BUSY);
        return;
    }
    served->peer = message->from;
    served->ask_id = message->ask_id;
    served->epoch = message->epoch;
    uint64_t id = p2p__slot_id(&served->slot);
    p2p_realm *realm = mem->realm;
    p2p__addr_set_mem(&realm->src, message->from);
    p2p__addr_set_mem(&realm->dst, message->to);
    p2p_msg msg = {&realm->src, &realm->dst, message->data, message->len};
    int handled;
    realm->receiving = message;
    int open = p2p_swarm_deliver_ask(&mem->base, &msg, id, &handled);
    realm->receiving = NULL;
    if (!open)
        return; /* closed by the handler: its requests are refused already */
    served = p2p__asks_request(asks, id);
    if (!served || served->held)
        return;
    p2p__asks_served(asks, served);
    if (handled) {
        mem->base.stats.ask_expired++;
        turn_away(mem, message, P2P_ERR_REFUSED, P2P_CODE_DROPPED);
    } else
        turn_away(mem, message, P2P_ERR_NO_HANDLER, 0);
}

static int mem_hold(p2p_swarm *swarm, uint64_t id)
{
    p2p__mem *mem = mem_of(swarm);
    p2p__served *served = mem->asks ? p2p__asks_request(mem->asks, id) : NULL;
    if (!served)
        return P2P_ERR_NOT_FOUND;
    served->held = true;
    return 0;
}

static int mem_reply(p2p_swarm *swarm, uint64_t id, const p2p_iov *iov, size_t n, size_t len)
{
    p2p__mem *mem = mem_of(swarm);
    const p2p__served *served = mem->asks ? p2p__asks_request(mem->asks, id) : NULL;
    p2p_addr peer = {0};
    if (served)
        p2p__addr_set_mem(&peer, served->peer);
    if (served && len > mem_ask_mtu(swarm, &peer))
        return P2P_ERR_TOO_BIG;
    return answer(mem, id, 0, 0, iov, n, len);
}

static int mem_refuse(p2p_swarm *swarm, uint64_t id, uint8_t code)
{
    return answer(mem_of(swarm), id, P2P_ERR_REFUSED, code, NULL, 0, 0);
}

void p2p__mem_close_asks(p2p__mem *mem)
{
    p2p__asks *asks = mem->asks;
    if (!asks) {
        p2p_swarm_closed(&mem->base);
        return;
    }
    for (uint32_t i = 0; i < asks->served.count; i++) {
        p2p__served *served = p2p__slots_at(&asks->served, i);
        if (served)
            (void)!answer(mem, p2p__slot_id(&served->slot), P2P_ERR_REFUSED, P2P_CODE_DROPPED, NULL,
                          0, 0);
    }
    p2p__asks_close(asks);
}

const p2p_ask_ops p2p__mem_ask_ops = {
    .size = sizeof(p2p_ask_ops),
    .ask = mem_ask,
    .cancel = mem_cancel,
    .hold = mem_hold,
    .reply = mem_reply,
    .refuse = mem_refuse,
    .mtu = mem_ask_mtu,
};
