/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/siphash.h"
#include "support/pke_sim_world.h"

/* What four nodes with some hundred messages in queues and under way may take. */
#define MEMORY_LIMIT ((size_t)6 << 20)

#define SECRET UINT64_C(0x70ae5df1c0a2b3e4)

static const uint8_t marker[SIM_MARKER + 1] = "readable by all!";

void sim_fail(sim *s, const char *format, ...)
{
    if (s->out->failed)
        return;
    s->out->failed = 1;
    int n = snprintf(s->out->why, sizeof s->out->why,
                     "at %.3f s: ", (double)p2p_loop_now(s->loop) / 1e9);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->out->why + n, sizeof s->out->why - (size_t)n, format, args);
    va_end(args);
}

void sim_say(const sim *s, const char *format, ...)
{
    if (!s->verbose)
        return;
    va_list args;
    printf("%9.3f  ", (double)p2p_loop_now(s->loop) / 1e9);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("\n");
    (void)fflush(stdout); /* a fuzz target aborts */
}

size_t sim_below(sim *s, size_t bound)
{
    return (size_t)p2p__rand_below(&s->rand, bound);
}

int sim_chance(sim *s, double p)
{
    return (double)(p2p__rand_next(&s->rand) >> 11) < p * 9007199254740992.0;
}

size_t sim_key_of(const sim *s, const p2p_addr *addr)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    size_t key = 0;
    if (p2p_addr_kind_of(addr) != P2P_ADDR_PEER || p2p_addr_peer_id(addr, id))
        return SIM_KEYS;
    while (key < SIM_KEYS && memcmp(s->keys[key].id, id, sizeof id) != 0)
        key++;
    return key;
}

/* --- messages --- */

/* Marker, number, MAC, and bytes that follow from the number. */
static void write_message(const sim *s, size_t number, uint8_t *out)
{
    const sim_message *m = &s->messages[number];
    uint64_t stream = number ^ SECRET;
    uint64_t mac[4] = {number, m->from_key << 32 | m->to_key, m->from_number << 32 | m->to_number,
                       m->len};
    memcpy(out, marker, SIM_MARKER);
    p2p__store64le(out + SIM_MARKER, number);
    p2p__store64le(out + SIM_MARKER + 8, p2p__siphash24_seeded(SECRET, mac, sizeof mac));
    for (size_t i = SIM_HEAD; i < m->len; i++)
        out[i] = (uint8_t)p2p__splitmix64(&stream);
}

size_t sim_make_message(sim *s, const sim_node *from, size_t to_key, uint64_t to_number, size_t len,
                        uint8_t *out)
{
    if (s->message_count == s->message_room) {
        s->message_room = s->message_room ? 2 * s->message_room : 256;
        s->messages = realloc(s->messages, s->message_room * sizeof *s->messages);
        if (!s->messages)
            abort();
    }
    s->messages[s->message_count] = (sim_message){from->key, to_key, from->number, to_number, len,
                                                  0,         0};
    if (len)
        write_message(s, s->message_count, out);
    return s->message_count++;
}

/* An empty message says nothing: there may not be more of them than were told. */
static void check_empty(sim *s, const sim_node *to, size_t from_key)
{
    if (++s->empties_got[from_key][to->key] > s->empties_told[from_key][to->key])
        sim_fail(s, "node %zu got an empty message that nobody told", to->index);
}

static void note_reached(sim *s, const sim_node *to, size_t from_key)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].key == from_key)
            s->reached[i][to->index] = 1;
}

static void check_message(sim *s, const sim_node *to, const p2p_addr *src, const uint8_t *data,
                          size_t len)
{
    uint8_t expected[SIM_MAX_LEN];
    uint64_t src_number = 0;
    size_t from_key = sim_key_of(s, src);
    s->out->delivered++;
    if (from_key == SIM_KEYS || p2p_addr_mem(src, &src_number)) {
        sim_fail(s, "a message came from an address that nobody has");
        return;
    }
    if (to->banned[from_key] && p2p_loop_now(s->loop) > to->banned_from[from_key])
        sim_fail(s, "node %zu got a message of somebody whom it has banned", to->index);
    if (!len) {
        check_empty(s, to, from_key);
        return;
    }
    size_t number = len < SIM_HEAD ? SIZE_MAX : (size_t)p2p__load64le(data + SIM_MARKER);
    if (number >= s->message_count) {
        sim_fail(s, "node %zu got a message that nobody told", to->index);
        return;
    }
    sim_message *m = &s->messages[number];
    if (m->len == len)
        write_message(s, number, expected);
    if (!m->taken || m->len != len || memcmp(data, expected, len) != 0)
        sim_fail(s, "node %zu got message %zu altered", to->index, number);
    else if (m->to_key != to->key || (m->to_number != to->number && !s->astray))
        sim_fail(s, "node %zu got message %zu, which is not for it", to->index, number);
    else if (m->from_key != from_key || (m->from_number != src_number && !s->astray))
        sim_fail(s, "node %zu got message %zu in the name of another", to->index, number);
    else if (m->delivered++)
        sim_fail(s, "node %zu got message %zu twice", to->index, number);
    else
        note_reached(s, to, from_key);
}

/* Callbacks come from the loop, and from swarms that live. */
static void check_place(sim *s, const sim_node *node)
{
    if (s->inside)
        sim_fail(s, "a callback came from inside a call");
    if (!node->swarm)
        sim_fail(s, "node %zu calls back after it has closed", node->index);
}

void sim_check_error(sim *s, const sim_node *from, size_t to_key, int err)
{
    int banned = to_key < SIM_KEYS && from->banned[to_key];
    if (from->closing ? err != P2P_ERR_CLOSED : banned != (err == P2P_ERR_REFUSED))
        sim_fail(s, "node %zu: %s, though it %s", from->index, p2p_err_name(err),
                 from->closing ? "closes"
                 : banned      ? "has banned this peer"
                               : "has not banned this peer");
    else if (err && err != P2P_ERR_CLOSED && err != P2P_ERR_REFUSED && err != P2P_ERR_AGAIN &&
             err != P2P_ERR_LIMIT && err != P2P_ERR_BUSY && err != P2P_ERR_NO_MEMORY)
        sim_fail(s, "node %zu: %s, which is none of its errors", from->index, p2p_err_name(err));
}

/* --- planted bugs --- */

static void remember(sim *s, const p2p_msg *msg)
{
    if (!msg->len || msg->len > SIM_MAX_LEN)
        return;
    memcpy(s->earlier, msg->data, msg->len);
    s->earlier_len = msg->len;
}

void sim_on_tell(void *arg, const p2p_msg *msg)
{
    sim_node *node = arg;
    const sim_node *to = node;
    sim *s = to->sim;
    p2p_addr src = *msg->src;
    check_place(s, node);
    if (node->closing)
        sim_fail(s, "node %zu got a message after its close", node->index);
    if (s->bug == PKE_SIM_MUTE && s->message_count > 20 && sim_key_of(s, &src) == s->nodes[0].key)
        return;
    /* The choices of the planted bugs must not change the history up to there. */
    int now = s->bug && s->out->delivered % 10 == 9;
    if (now && s->bug == PKE_SIM_DUPLICATE)
        check_message(s, to, &src, msg->data, msg->len);
    if (now && s->bug == PKE_SIM_CORRUPT && msg->len)
        msg->data[msg->len - 1] ^= 1;
    if (now && s->bug == PKE_SIM_FORGE)
        src = s->nodes[(to->index + 1) % SIM_NODES].addr;
    if (now && s->bug == PKE_SIM_MISDELIVER)
        to = &s->nodes[(to->index + 1) % SIM_NODES];
    if (now && s->bug == PKE_SIM_SWAP && s->earlier_len)
        check_message(s, to, &src, s->earlier, s->earlier_len);
    else
        check_message(s, to, &src, msg->data, msg->len);
    remember(s, msg);
    if (node->on_tell)
        node->on_tell(node, msg);
}

/* --- keys --- */

void sim_on_peer(void *arg, const p2p_pke_peer_event *event)
{
    sim_node *node = arg;
    sim *s = node->sim;
    const p2p_addr *peer = event->peer;
    size_t key = sim_key_of(s, peer);
    int is_up = event->kind == P2P_PKE_PEER_UP;
    uint8_t der[64];
    size_t len = 0;
    char text[P2P_ADDR_TEXT_SIZE];
    check_place(s, node);
    if (s->verbose && !p2p_addr_text(peer, text, sizeof text))
        sim_say(s, "  node %zu: event %d of %s %s", node->index, (int)event->kind, text,
                event->reason ? p2p_err_name(event->reason) : "");
    if (is_up && key == SIM_KEYS)
        sim_fail(s, "node %zu has a session with nobody", node->index);
    else if (is_up && !node->closing &&
             (p2p_peer_key(node->swarm, peer, der, sizeof der, &len) ||
              len != s->keys[key].der_len || memcmp(der, s->keys[key].der, len) != 0))
        sim_fail(s, "node %zu knows another key of its peer", node->index);
    if (node->on_peer)
        node->on_peer(node, peer);
}

int sim_allow(void *arg, const p2p_addr *peer)
{
    sim_node *node = arg;
    size_t key = sim_key_of(node->sim, peer);
    if (key == SIM_KEYS)
        return 1;
    node->let_in[key] |= !node->banned[key];
    return !node->banned[key] || (node->sim->bug == PKE_SIM_LAX && !node->sim->inside);
}

void sim_on_key(void *arg, int status, const uint8_t *key, size_t len)
{
    sim_lookup *lookup = arg;
    sim *s = lookup->sim;
    size_t expected = lookup->key;
    check_place(s, lookup->node);
    if (lookup->life != lookup->node->lives)
        sim_fail(s, "a look-up ended after its swarm");
    if (p2p_loop_now(s->loop) > lookup->deadline)
        sim_fail(s, "a look-up took longer than it may");
    if (s->bug == PKE_SIM_LOOKUP_LOST)
        return;
    int now = s->bug && s->lookup_count % 2;
    if (now && s->bug == PKE_SIM_LOOKUP_TWICE)
        lookup->calls++;
    if (now && s->bug == PKE_SIM_LOOKUP_WRONG)
        expected = (expected + 1) % SIM_KEYS;
    if (lookup->calls++)
        sim_fail(s, "a look-up ended twice");
    if (!status && (expected == SIM_KEYS || len != s->keys[expected].der_len ||
                    memcmp(key, s->keys[expected].der, len) != 0))
        sim_fail(s, "a look-up gave another key");
    if (status && status != P2P_ERR_NO_KEY && status != P2P_ERR_TIMEOUT &&
        status != P2P_ERR_UNREACHABLE && status != P2P_ERR_CLOSED)
        sim_fail(s, "a look-up ended with %s", p2p_err_name(status));
}

/* --- room, and the end --- */

void sim_on_writable(void *arg)
{
    sim_node *node = arg;
    sim *s = node->sim;
    check_place(s, node);
    if (s->bug == PKE_SIM_DEAF)
        return;
    if (!node->wants_room && !node->may_want_room)
        sim_fail(s, "node %zu is told of room that it did not ask for", node->index);
    node->wants_room = node->may_want_room = 0;
}

void sim_on_closed(void *arg)
{
    sim_node *node = arg;
    sim *s = node->sim;
    check_place(s, node);
    if (!node->closing)
        sim_fail(s, "node %zu has closed by itself", node->index);
    node->swarm = NULL;
    if (s->bug == PKE_SIM_LATE)
        sim_on_writable(node);
}

/* --- the wire, and memory --- */

static int is_readable(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + SIM_MARKER <= len; i++)
        if (data[i] == marker[0] && memcmp(data + i, marker, SIM_MARKER) == 0)
            return 1;
    return 0;
}

void sim_on_event(void *arg, const p2p_event *event)
{
    sim *s = arg;
    if (event->kind != P2P_EVENT_SENT || s->injecting)
        return;
    s->out->datagrams++;
    if (event->len >= 4)
        sim_say(s, "    %d > %d: nonce %lx, %zu bytes", (int)event->from, (int)event->to,
                (unsigned long)p2p__load32be(event->data), event->len);
    if (is_readable(event->data, event->len))
        sim_fail(s, "a message can be read on the wire");
}

/* Each counter is a uint64_t. */
static int has_shrunk(const void *before, const void *now, size_t size)
{
    uint64_t a, b;
    for (size_t at = 0; at < size; at += sizeof a) {
        memcpy(&a, (const uint8_t *)before + at, sizeof a);
        memcpy(&b, (const uint8_t *)now + at, sizeof b);
        if (b < a)
            return 1;
    }
    return 0;
}

static void check_counters(sim *s, sim_node *node)
{
    p2p_stats stats;
    p2p_pke_stats pke_stats;
    size_t peers = 0;
    p2p_swarm_stats(node->swarm, &stats);
    if (p2p_pke_swarm_stats(node->swarm, &pke_stats, &peers))
        sim_fail(s, "node %zu has no statistics", node->index);
    if (s->bug == PKE_SIM_COUNTER && stats.rx_msgs > 5)
        stats.rx_msgs = 0;
    if (s->bug == PKE_SIM_CROWD)
        peers *= 4;
    if (has_shrunk(&node->stats, &stats, sizeof stats) ||
        has_shrunk(&node->pke_stats, &pke_stats, sizeof pke_stats))
        sim_fail(s, "a counter of node %zu went back", node->index);
    if (node->max_peers && peers > node->max_peers)
        sim_fail(s, "node %zu has %zu peers", node->index, peers);
    node->stats = stats;
    node->pke_stats = pke_stats;
}

void sim_check_step(sim *s)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].swarm)
            check_counters(s, &s->nodes[i]);
    for (size_t i = 0; i < s->lookup_count; i++)
        if (!s->lookups[i].calls && p2p_loop_now(s->loop) > s->lookups[i].deadline)
            sim_fail(s, "a look-up takes longer than it may");
    if (s->memory.bytes > MEMORY_LIMIT)
        sim_fail(s, "%zu KiB of memory are in use", s->memory.bytes / 1024);
}
