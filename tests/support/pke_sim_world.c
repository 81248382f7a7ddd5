/* SPDX-License-Identifier: MIT */
#include "support/pke_sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long it may take until everybody has reached everybody. */
#define HEAL_LIMIT (20 * P2P_SECOND)

/* What is told then is told again after. */
#define HEAL_STEP (P2P_SECOND / 2)

void sim_require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "the simulator cannot go on: %s\n", what);
    abort();
}

void sim_run(sim *s, uint64_t duration)
{
    int end = p2p_sim_run_until(s->loop, p2p_loop_now(s->loop) + duration);
    if (end != P2P_SIM_TIME && end != P2P_SIM_IDLE)
        sim_fail(s, "the loop turns without time going by");
}

/* --- nodes --- */

static void note_addr(sim *s, const p2p_addr *addr)
{
    s->seen[s->seen_count % (sizeof s->seen / sizeof s->seen[0])] = *addr;
    s->seen_count++;
}

void sim_start_node(sim *s, size_t index, size_t key, uint64_t number,
                    const p2p_pke_swarm_config *config, size_t queue)
{
    sim_node *node = &s->nodes[index];
    p2p_pke_swarm_config full = *config;
    p2p_mem_config mem;
    p2p_swarm *inner = NULL;
    unsigned lives = node->lives;
    memset(node, 0, sizeof *node);
    node->sim = s;
    node->index = index;
    node->key = key;
    node->number = number;
    node->lives = lives + 1;
    node->has_list = config->allow != NULL;
    node->max_peers = config->max_peers;
    p2p_mem_config_init(&mem);
    mem.node = number;
    mem.max_queue = queue;
    sim_require(p2p_mem_new(&inner, s->realm, &mem) == 0, "memory node");
    full.signer = s->keys[key].signer;
    full.allow_arg = node;
    sim_require(p2p_pke_swarm_new(&node->swarm, inner, &full) == 0, "PKE swarm");
    sim_require(p2p_local_addr(node->swarm, &node->addr) == 0, "address");
    p2p_on_tell(node->swarm, sim_on_tell, node);
    p2p_on_writable(node->swarm, sim_on_writable, node);
    sim_require(p2p_pke_on_peer(node->swarm, sim_on_peer, node) == 0, "events");
    note_addr(s, &node->addr);
    sim_say(s, "node %zu starts with key %zu at %d", index, key, (int)number);
}

void sim_close_node(sim *s, sim_node *node, int crash)
{
    p2p_pke_stats stats;
    sim_say(s, "node %zu %s", node->index, crash ? "crashes" : "closes");
    if (!p2p_pke_swarm_stats(node->swarm, &stats, NULL))
        s->out->handshakes += stats.sessions_ready;
    if (crash)
        sim_require(p2p_realm_crash(s->realm, node->number) == 0, "crash");
    node->closing = 1;
    s->inside++;
    p2p_close(node->swarm, sim_on_closed, node);
    s->inside--;
}

static int is_down(void *arg)
{
    return !((const sim_node *)arg)->swarm;
}

void sim_stop_node(sim *s, sim_node *node, int crash)
{
    if (!node->swarm)
        return;
    if (!node->closing)
        sim_close_node(s, node, crash);
    if (p2p_sim_run_until_done(s->loop, is_down, node, p2p_loop_now(s->loop) + P2P_SECOND) !=
        P2P_SIM_DONE)
        sim_fail(s, "node %zu does not close", node->index);
}

/* A session that there is lives on (docs/swarms/pke.md, P22). */
void sim_ban(sim *s, sim_node *node, size_t key, int banned)
{
    if (!node->has_list || node->banned[key] == banned)
        return;
    sim_say(s, "node %zu %s key %zu", node->index, banned ? "bans" : "allows", key);
    node->banned[key] = banned;
    node->banned_from[key] = node->let_in[key] ? p2p_loop_now(s->loop) + P2P_PKE_LIFETIME : 0;
}

/* --- talking --- */

void sim_tell(sim *s, sim_node *from, const p2p_addr *to, size_t len)
{
    uint8_t data[SIM_MAX_LEN];
    uint64_t number = 0;
    size_t to_key = sim_key_of(s, to);
    if (!from->swarm || p2p_addr_mem(to, &number))
        return;
    size_t message = sim_make_message(s, from, to_key, number, len, data);
    s->inside++;
    int err = p2p_tell(from->swarm, to, data, len);
    s->inside--;
    sim_check_error(s, from, to_key, err);
    from->wants_room |= err == P2P_ERR_AGAIN;
    from->may_want_room |= err == P2P_ERR_LIMIT;
    if (err)
        return;
    s->messages[message].taken = 1;
    s->out->told++;
    if (!len && to_key < SIM_KEYS)
        s->empties_told[from->key][to_key]++;
    if (s->bug == PKE_SIM_PLAINTEXT && s->out->told % 50 == 49) {
        p2p_addr raw;
        p2p_addr_from_mem(&raw, number);
        (void)!p2p_tell(p2p_swarm_inner(from->swarm), &raw, data, len);
    }
}

p2p_addr sim_addr(const sim *s, size_t key, uint64_t number)
{
    p2p_addr addr;
    p2p_addr_from_mem(&addr, number);
    sim_require(p2p_addr_wrap_peer(&addr, s->keys[key].id, &addr) == 0, "address");
    return addr;
}

void sim_look_up(sim *s, const sim_node *from, const p2p_addr *to, uint64_t timeout)
{
    if (!from->swarm || s->lookup_count == SIM_LOOKUPS)
        return;
    sim_lookup *lookup = &s->lookups[s->lookup_count];
    lookup->sim = s;
    lookup->node = from;
    lookup->life = from->lives;
    lookup->key = sim_key_of(s, to);
    lookup->deadline = p2p_loop_now(s->loop) + (timeout ? timeout : 30 * P2P_SECOND);
    s->inside++;
    int err = p2p_lookup_key(from->swarm, to, timeout, sim_on_key, lookup);
    s->inside--;
    sim_check_error(s, from, lookup->key, err);
    s->lookup_count += err == 0;
}

/* --- the wire --- */

/* The attacker sits on the line: there he hears, swaps, changes and holds what passes by. */
static int on_transform(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    sim *s = arg;
    if (s->injecting || from == SIM_ATTACKER || !len || len > sizeof s->recorded[0].data)
        return P2P_PASS;
    sim_datagram *d = &s->recorded[s->recorded_count++ % SIM_RECORDED];
    sim_datagram old = *d;
    d->from = from;
    d->to = to;
    d->len = len;
    memcpy(d->data, data, len);
    if (s->swap > 0 && sim_chance(s, s->swap))
        memcpy(data, old.data, old.len < len ? old.len : len);
    if (s->break_some > 0 && sim_chance(s, s->break_some))
        data[sim_below(s, len)] ^= (uint8_t)(1u << sim_below(s, 8));
    return s->held ? P2P_DROP : P2P_PASS;
}

/* The swarm that speaks for a number: that of its node, or one that is made for it. NULL while a
 * node that closes has the number. */
static p2p_swarm *voice_of(const sim *s, uint64_t number, p2p_swarm **made)
{
    p2p_mem_config mem;
    if (number == SIM_ATTACKER)
        return s->attacker;
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].swarm && !s->nodes[i].closing && s->nodes[i].number == number)
            return p2p_swarm_inner(s->nodes[i].swarm);
    p2p_mem_config_init(&mem);
    mem.node = number;
    return p2p_mem_new(made, s->realm, &mem) ? NULL : *made;
}

void sim_inject(sim *s, uint64_t from, uint64_t to, const uint8_t *data, size_t len)
{
    p2p_swarm *made = NULL;
    p2p_addr addr;
    p2p_addr_from_mem(&addr, to);
    s->injecting = 1;
    (void)!p2p_tell(voice_of(s, from, &made), &addr, data, len);
    s->injecting = 0;
    if (!made)
        return;
    p2p_close(made, NULL, NULL);
    sim_run(s, 0);
}

/* --- in the end --- */

static int all_reached(sim *s)
{
    int all = 1;
    for (size_t i = 0; i < SIM_NODES; i++)
        for (size_t k = 0; k < SIM_NODES; k++)
            all &= i == k || s->reached[i][k];
    return all;
}

static void check_reached(sim *s)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        for (size_t k = 0; k < SIM_NODES; k++)
            if (i != k && !s->reached[i][k])
                sim_fail(s, "node %zu does not reach node %zu, though the network has healed", i,
                         k);
}

/* What waits for nobody there goes with its handshake. */
static void check_room(sim *s)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].wants_room)
            sim_run(s, P2P_PKE_ATTEMPT + P2P_SECOND);
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].wants_room)
            sim_fail(s, "node %zu is not told that there is room again", i);
    sim_check_step(s);
}

void sim_heal(sim *s)
{
    p2p_link good = {.size = sizeof(p2p_link), .latency = 20 * P2P_MILLISECOND};
    s->swap = s->break_some = 0;
    s->held = 0;
    p2p_realm_heal(s->realm);
    sim_require(p2p_realm_set_link(s->realm, &good) == 0, "link");
    for (size_t i = 0; i < SIM_NODES; i++)
        for (size_t key = 0; key < SIM_KEYS; key++)
            sim_ban(s, &s->nodes[i], key, 0);
    memset(s->reached, 0, sizeof s->reached);
    sim_say(s, "all is well from now on");
    uint64_t start = p2p_loop_now(s->loop);
    while (!all_reached(s) && !s->out->failed && p2p_loop_now(s->loop) - start < HEAL_LIMIT) {
        for (size_t i = 0; i < SIM_NODES; i++)
            for (size_t k = 0; k < SIM_NODES; k++)
                if (i != k && !s->reached[i][k])
                    sim_tell(s, &s->nodes[i], &s->nodes[k].addr, 100);
        sim_run(s, HEAL_STEP);
        sim_check_step(s);
    }
    s->out->healed = p2p_loop_now(s->loop) - start;
    check_reached(s);
    check_room(s);
}

/* --- beginning and end --- */

static void make_keys(sim *s)
{
    for (size_t i = 0; i < SIM_KEYS; i++) {
        sim_key *key = &s->keys[i];
        uint8_t seed[32] = {0};
        p2p_spki spki;
        seed[31] = (uint8_t)(i + 1);
        sim_require(
            p2p_ed25519_signer_new(&key->signer, seed, NULL) == 0 &&
                p2p_signer_public_key(key->signer, key->der, sizeof key->der, &key->der_len) == 0 &&
                p2p_spki_parse(key->der, key->der_len, &spki) == 0 &&
                p2p_fingerprint_pke(&spki, key->id) == 0,
            "key");
    }
}

void sim_begin(sim *s, uint64_t seed)
{
    p2p_mem_config mem;
    s->seed = seed;
    s->loop = counted_sim(&s->memory, seed);
    p2p_sim_set_max_turns(s->loop, 100000);
    p2p__rand_seed(&s->rand, seed);
    sim_require(p2p_realm_new(&s->realm, s->loop, NULL) == 0, "realm");
    p2p_realm_hash_payloads(s->realm, 1);
    p2p_realm_on_event(s->realm, sim_on_event, s);
    p2p_realm_on_transform(s->realm, on_transform, s);
    make_keys(s);
    for (size_t i = 0; i < SIM_NODES; i++)
        s->nodes[i].index = i;
    p2p_mem_config_init(&mem);
    mem.node = SIM_ATTACKER;
    sim_require(p2p_mem_new(&s->attacker, s->realm, &mem) == 0, "attacker");
}

void sim_end(sim *s)
{
    const p2p_allocator *a = p2p_loop_allocator(s->loop);
    for (size_t i = 0; i < SIM_NODES; i++)
        sim_stop_node(s, &s->nodes[i], 0);
    p2p_close(s->attacker, NULL, NULL);
    sim_run(s, P2P_SECOND);
    for (size_t i = 0; i < s->lookup_count; i++)
        if (!s->lookups[i].calls)
            sim_fail(s, "a look-up never ended");
    s->out->trace = p2p_realm_trace_hash(s->realm);
    while (s->hoarded)
        a->free(a->arg, s->hoard[--s->hoarded]);
    sim_require(p2p_realm_free(s->realm) == 0, "end of the realm");
    /* The fault is noted before the loop goes, for it has the clock. */
    size_t left = s->memory.live;
    if (left > 1)
        sim_fail(s, "%zu pieces of memory are left", left - 1);
    sim_require(p2p_loop_free(s->loop) == 0 || s->out->failed, "end of the loop");
    for (size_t i = 0; i < SIM_KEYS; i++)
        p2p_signer_free(s->keys[i].signer);
    free(s->messages);
}
