/* SPDX-License-Identifier: MIT */
#include "swarm/realm.h"

#include <string.h>

#include "swarm/realm_trace.h"

#define MAX_TRIES 255

/* How long messages wait that cannot be delivered for want of memory. */
#define NO_MEMORY_PAUSE P2P_MILLISECOND

/* --- the queue of messages in flight --- */

/* Makes the loop come back when the next message arrives. */
static void schedule(p2p_realm *realm)
{
    uint64_t next = p2p__radix_min(&realm->in_flight);
    if (next == P2P_NEVER)
        return;
    if (next <= realm->loop->now)
        p2p_loop_defer(realm->loop, &realm->task);
    else if (!p2p_timer_active(&realm->timer) || next < realm->timer.deadline)
        p2p_timer_start(&realm->timer, next);
}

static int push(p2p_realm *realm, p2p__message *message, uint64_t delay)
{
    uint64_t now = p2p__loop_now(realm->loop);
    uint64_t at = delay < P2P_NEVER - 1 - now ? now + delay : P2P_NEVER - 1;
    int err = p2p__radix_push(&realm->in_flight, at, message);
    if (!err && !realm->draining)
        schedule(realm);
    return err;
}

void p2p__realm_count_ask(p2p__mem *asker, p2p__message *message)
{
    asker->asks_in_flight++;
    message->counted = true;
}

static void release_ask(p2p_realm *realm, const p2p__message *message)
{
    bool response = message->kind == P2P_MESSAGE_RESPONSE;
    const p2p__port *port = p2p__realm_port(realm, response ? message->to : message->from);
    if (port->node && port->epoch == (response ? message->asker : message->epoch))
        port->node->asks_in_flight--;
}

/* A message no longer counts for a node's limit; who waits for room in the queue is told. */
static void release(p2p_realm *realm, p2p__message *message)
{
    if (!message->counted)
        return;
    message->counted = false;
    if (message->kind != P2P_MESSAGE_TELL) {
        release_ask(realm, message);
        return;
    }
    p2p__port *port = p2p__realm_port(realm, message->from);
    if (port->epoch != message->epoch)
        return; /* it is of a node that had the number before */
    port->in_flight--;
    if (port->waiting && port->node && port->in_flight <= port->node->max_queue / 2) {
        port->waiting = false;
        p2p_swarm_writable(&port->node->base);
    }
}

void p2p__realm_lost(p2p_realm *realm, const p2p__message *message, p2p_lost_why why)
{
    p2p__realm_trace(realm, P2P_EVENT_LOST, message, (int)why);
    realm->lost++;
    const p2p__port *port = p2p__realm_port(realm, message->from);
    if (port && port->node && port->epoch == message->epoch)
        port->node->base.stats.tx_drop_network++;
}

static void lose(p2p_realm *realm, p2p__message *message, p2p_lost_why why)
{
    p2p__realm_lost(realm, message, why);
    release(realm, message);
    p2p__message_free(realm, message);
}

/* Pushes a message that nobody waits for any more: if that fails it is lost. */
static void push_or_lose(p2p_realm *realm, p2p__message *message, uint64_t delay)
{
    if (push(realm, message, delay))
        lose(realm, message, P2P_LOST_MEMORY);
}

/* --- sending --- */

/* Pushes a message whose sender is told if that fails. */
static int push_first(p2p_realm *realm, p2p__message *message, uint64_t delay)
{
    int err = push(realm, message, delay);
    if (err) {
        release(realm, message);
        p2p__message_free(realm, message);
    }
    return err;
}

/* A copy of a tell; without memory there is none, which is no loss. */
static p2p__message *duplicate(p2p_realm *realm, const p2p__message *message)
{
    p2p__message *copy = p2p__message_new(realm, P2P_MESSAGE_TELL, message->len);
    if (!copy)
        return NULL;
    copy->from = message->from;
    copy->to = message->to;
    copy->epoch = message->epoch;
    copy->key = message->key;
    if (copy->key)
        copy->key->uses++;
    memcpy(copy->data, message->data, message->len);
    return copy;
}

static void corrupt(p2p_realm *realm, p2p__message *message)
{
    uint64_t bit = p2p__rand_below(&realm->loop->jitter, (uint64_t)message->len * 8);
    if (message->len)
        message->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
}

static int send_tell(p2p_realm *realm, p2p__link *link, p2p__port *port, p2p__message *message)
{
    uint64_t delay = 0, later = 0;
    p2p__message *copy = NULL;
    int lost = p2p__link_pass(realm, link, port, message, &delay);
    if (lost) {
        lose(realm, message, (p2p_lost_why)lost);
        return 0;
    }
    if (p2p__link_chance(realm, link->duplicate)) {
        copy = duplicate(realm, message);
        later = p2p__rand_below(&realm->loop->jitter, link->link.jitter + 1);
    }
    if (p2p__link_chance(realm, link->corrupt))
        corrupt(realm, message);
    int err = push_first(realm, message, delay);
    if (copy && err)
        p2p__message_free(realm, copy); /* what was not sent does not arrive */
    else if (copy)
        push_or_lose(realm, copy, delay + later);
    return err;
}

/*
 * Requests and responses that are lost come back to be sent again later, so a loss is a delay.
 * Returns 0 and *delay from now, or why there is no time left for that.
 */
static int pass_reliably(p2p_realm *realm, p2p__link *link, p2p__port *port, p2p__message *message,
                         uint64_t *delay)
{
    int lost = p2p__link_pass(realm, link, port, message, delay);
    if (!lost)
        return 0;
    uint64_t now = p2p__loop_now(realm->loop);
    *delay = p2p__link_retry(realm, link, message->tries);
    if (now >= message->deadline || *delay >= message->deadline - now)
        return lost;
    if (message->tries < MAX_TRIES)
        message->tries++;
    message->resend = true;
    return 0;
}

static int send_reliably(p2p_realm *realm, p2p__link *link, p2p__port *port, p2p__message *message)
{
    uint64_t delay = 0;
    int lost = pass_reliably(realm, link, port, message, &delay);
    if (!lost)
        return push_first(realm, message, delay);
    lose(realm, message, (p2p_lost_why)lost);
    return 0;
}

/* Whether a message was sent by somebody who cannot send it again. */
static bool sender_is_gone(const p2p__port *port, const p2p__message *message)
{
    if (!port)
        return false; /* it says that nobody has that number */
    if (message->kind == P2P_MESSAGE_RESPONSE)
        return port->crashed;
    return !port->node || port->epoch != message->epoch;
}

/* A message that was lost is at its sender again. */
static void resend(p2p_realm *realm, p2p__message *message)
{
    p2p__port *port = p2p__realm_port(realm, message->from);
    p2p__link *link = p2p__realm_link(realm, message->from, message->to);
    uint64_t delay = 0;
    int lost = sender_is_gone(port, message) ? P2P_LOST_CHANCE : 0;
    message->resend = false;
    if (!lost && link)
        lost = pass_reliably(realm, link, port, message, &delay);
    if (lost)
        lose(realm, message, (p2p_lost_why)lost);
    else
        push_or_lose(realm, message, delay);
}

int p2p__realm_send(p2p_realm *realm, p2p__port *port, p2p__message *message)
{
    p2p__realm_trace(realm, P2P_EVENT_SENT, message, 0);
    bool tell = message->kind == P2P_MESSAGE_TELL;
    if (tell && realm->transform &&
        realm->transform(realm->transform_arg, message->from, message->to, message->data,
                         message->len) == P2P_DROP) {
        lose(realm, message, P2P_LOST_TRANSFORM);
        return 0;
    }
    p2p__link *link = p2p__realm_link(realm, message->from, message->to);
    if (!link)
        return push_first(realm, message, 0);
    return tell ? send_tell(realm, link, port, message) : send_reliably(realm, link, port, message);
}

/* --- arriving --- */

/* Nobody has that number: a tell or response is lost, the sender of a request hears of it. */
static void nobody(p2p_realm *realm, const p2p__message *message)
{
    p2p__message *back = NULL;
    if (message->kind == P2P_MESSAGE_REQUEST)
        back = p2p__message_new(realm, P2P_MESSAGE_RESPONSE, 0);
    if (!back) {
        p2p__realm_lost(realm, message, P2P_LOST_NOBODY);
        return;
    }
    back->from = message->to;
    back->to = message->from;
    back->asker = message->epoch;
    back->ask_id = message->ask_id;
    back->deadline = message->deadline;
    back->status = P2P_ERR_UNREACHABLE;
    /* What memory is short for is not sent; the ask then times out. */
    (void)!p2p__realm_send(realm, NULL, back);
}

/* The way is barred for now: a tell is lost, a request or response tries again later. */
static void try_later(p2p_realm *realm, p2p__message *message, p2p_lost_why why)
{
    uint64_t now = p2p__loop_now(realm->loop);
    const p2p__link *link = p2p__realm_link(realm, message->from, message->to);
    uint64_t wait = p2p__link_retry(realm, link, message->tries);
    if (message->kind == P2P_MESSAGE_TELL || now >= message->deadline ||
        wait >= message->deadline - now) {
        lose(realm, message, why);
        return;
    }
    if (message->tries < MAX_TRIES)
        message->tries++;
    push_or_lose(realm, message, wait);
}

static void deliver_tell(p2p__mem *mem, p2p__message *message)
{
    p2p_realm *realm = mem->realm;
    p2p__addr_set_mem(&realm->src, message->from);
    p2p__addr_set_mem(&realm->dst, message->to);
    p2p_msg msg = {&realm->src, &realm->dst, message->data, message->len};
    realm->receiving = message;
    p2p__swarm_deliver(&mem->base, &msg);
    realm->receiving = NULL;
}

void p2p__realm_deliver(p2p_realm *realm, p2p__message *message)
{
    const p2p__port *port = p2p__realm_port(realm, message->to);
    if (!port || !port->node) {
        nobody(realm, message);
        return;
    }
    p2p__realm_trace(realm, P2P_EVENT_DELIVERED, message, 0);
    realm->delivered++;
    if (message->kind == P2P_MESSAGE_TELL)
        deliver_tell(port->node, message);
    else if (message->kind == P2P_MESSAGE_REQUEST)
        p2p__mem_request(port->node, message);
    else
        p2p__mem_response(port->node, message);
}

static bool are_apart(const p2p_realm *realm, uint64_t from, uint64_t to)
{
    const p2p__port *a = p2p__realm_port(realm, from);
    const p2p__port *b = p2p__realm_port(realm, to);
    return a && b && a->side != b->side;
}

/* A message is at the end of its way. */
static void arrive(p2p_realm *realm, p2p__message *message)
{
    if (message->resend) {
        resend(realm, message);
        return;
    }
    if (are_apart(realm, message->from, message->to)) {
        try_later(realm, message, P2P_LOST_PARTITION);
        return;
    }
    bool crosses = p2p__bridge_covers(realm, message->to);
    if (crosses && p2p__bridge_cross(realm, message)) {
        try_later(realm, message, P2P_LOST_FULL);
        return;
    }
    release(realm, message);
    if (!crosses)
        p2p__realm_deliver(realm, message);
    p2p__message_free(realm, message);
}

/*
 * A message will arrive soon. In a big simulation nothing that it needs is in the cache, and each
 * piece names the next: message, ports, node. They are fetched one step at a time as it draws near,
 * which makes a network of 100,000 nodes several times as fast.
 */
void p2p__realm_soon(void *arg, void *item, size_t ahead)
{
    p2p_realm *realm = arg;
    const p2p__message *message = item;
    if (ahead > 128) {
        __builtin_prefetch(message);
        __builtin_prefetch(message->data + P2P__MESSAGE_MIN - 1);
        return;
    }
    const p2p__port *to = p2p__realm_port(realm, message->to);
    if (ahead > 32) {
        __builtin_prefetch(p2p__realm_port(realm, message->from), 1);
        __builtin_prefetch(to, 1);
    } else if (to && to->node && ahead <= 4) {
        __builtin_prefetch(to->node->base.tell_arg, 1); /* what its receiver works with */
    } else if (to && to->node) {
        __builtin_prefetch(to->node, 1);
        __builtin_prefetch(&to->node->realm, 1);
    }
}

/* Delivers what has arrived by now; what is sent meanwhile waits for the next round. */
void p2p__realm_on_task(void *arg)
{
    p2p_realm *realm = arg;
    uint64_t now = realm->loop->now;
    size_t budget = realm->in_flight.count;
    p2p__message *message = NULL;
    realm->draining = true;
    while (budget-- && (message = p2p__radix_pop(&realm->in_flight, now)))
        arrive(realm, message);
    realm->draining = false;
    /* Due, but not to be had: memory is short. Going on at once would stop the clock. */
    if (!message && p2p__radix_min(&realm->in_flight) <= now)
        p2p_timer_start_in(&realm->timer, NO_MEMORY_PAUSE);
    else
        schedule(realm);
}
