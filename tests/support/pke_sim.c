/* SPDX-License-Identifier: MIT */
#include "support/pke_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pke_sim_world.h"

/* How long it may take until everybody has reached everybody. */
#define HEAL_LIMIT (20 * P2P_SECOND)

/* What is told then is told again after. */
#define HEAL_STEP (P2P_SECOND / 2)

static void require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "the simulator cannot go on: %s\n", what);
    abort();
}

static void run(sim *s, uint64_t duration)
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

static void configure(sim *s, p2p_pke_swarm_config *config)
{
    p2p_pke_swarm_config_init(config);
    config->no_extensions = sim_chance(s, 0.3);
    if (sim_chance(s, 0.3))
        config->max_queue = 1 + sim_below(s, 10);
    if (sim_chance(s, 0.2))
        config->max_queued_bytes = 2000 + sim_below(s, 10000);
    if (sim_chance(s, 0.2))
        config->max_peers = 8;
    if (sim_chance(s, 0.3))
        config->idle = (20 + sim_below(s, 100)) * P2P_SECOND;
}

static void start_node(sim *s, sim_node *node)
{
    p2p_mem_config mem;
    p2p_swarm *inner = NULL;
    p2p_pke_swarm_config config;
    p2p_mem_config_init(&mem);
    mem.node = node->number;
    if (sim_chance(s, 0.2))
        mem.max_queue = 1 + sim_below(s, 20);
    require(p2p_mem_new(&inner, s->realm, &mem) == 0, "memory node");
    configure(s, &config);
    config.signer = s->keys[node->key].signer;
    require(p2p_pke_swarm_new(&node->swarm, inner, &config) == 0, "PKE swarm");
    require(p2p_local_addr(node->swarm, &node->addr) == 0, "address");
    p2p_on_tell(node->swarm, sim_on_tell, node);
    require(p2p_pke_on_peer(node->swarm, sim_on_peer, node) == 0, "events");
    note_addr(s, &node->addr);
    sim_say(s, "node %zu starts with key %zu at %d", node->index, node->key, (int)node->number);
}

static void on_closed(void *arg)
{
    *(int *)arg = 1;
}

static int is_set(void *arg)
{
    return *(int *)arg;
}

static void stop_node(sim *s, sim_node *node, int crash)
{
    int closed = 0;
    p2p_pke_stats stats;
    if (!node->swarm)
        return;
    sim_say(s, "node %zu %s", node->index, crash ? "crashes" : "closes");
    if (!p2p_pke_swarm_stats(node->swarm, &stats, NULL))
        s->out->handshakes += stats.sessions_ready;
    if (crash)
        require(p2p_realm_crash(s->realm, node->number) == 0, "crash");
    p2p_close(node->swarm, on_closed, &closed);
    if (p2p_sim_run_while(s->loop, is_set, &closed, p2p_loop_now(s->loop) + P2P_SECOND) !=
        P2P_SIM_DONE)
        sim_fail(s, "node %zu does not close", node->index);
    node->swarm = NULL;
}

/* A key, or a number, that no node has. */
static size_t free_key(sim *s)
{
    for (;;) {
        size_t key = sim_below(s, SIM_KEYS);
        int used = 0;
        for (size_t i = 0; i < SIM_NODES; i++)
            used |= s->nodes[i].key == key;
        if (!used)
            return key;
    }
}

static uint64_t free_number(sim *s)
{
    for (;;) {
        uint64_t number = sim_below(s, SIM_ATTACKER);
        int used = 0;
        for (size_t i = 0; i < SIM_NODES; i++)
            used |= s->nodes[i].number == number;
        if (!used)
            return number;
    }
}

static void restart_node(sim *s, sim_node *node)
{
    stop_node(s, node, sim_chance(s, 0.6));
    if (sim_chance(s, 0.4))
        node->key = free_key(s);
    if (sim_chance(s, 0.3))
        node->number = free_number(s);
    if (sim_chance(s, 0.5))
        run(s, sim_below(s, 20000) * P2P_MILLISECOND);
    start_node(s, node);
}

/* --- talking --- */

static void tell(sim *s, sim_node *from, const p2p_addr *to, size_t len)
{
    uint8_t data[SIM_MAX_LEN];
    uint64_t number = 0;
    size_t to_key = sim_key_of(s, to);
    if (!from->swarm || p2p_addr_mem(to, &number))
        return;
    size_t message = sim_make_message(s, from, to_key, number, len, data);
    s->inside = 1;
    int err = p2p_tell(from->swarm, to, data, len);
    s->inside = 0;
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

/* Whom to talk to: mostly somebody who is there, at times one who was, or nobody. */
static p2p_addr choose_addr(sim *s)
{
    if (sim_chance(s, 0.75))
        return s->nodes[sim_below(s, SIM_NODES)].addr;
    size_t room = sizeof s->seen / sizeof s->seen[0];
    p2p_addr addr = s->seen[sim_below(s, s->seen_count < room ? s->seen_count : room)];
    uint8_t id[P2P_PEER_ID_SIZE];
    if (sim_chance(s, 0.5))
        return addr;
    memcpy(id, s->keys[sim_below(s, SIM_KEYS)].id, sizeof id);
    p2p_addr_from_mem(&addr, sim_below(s, SIM_NUMBERS + 1));
    require(p2p_addr_wrap_peer(&addr, id, &addr) == 0, "address");
    return addr;
}

static void talk(sim *s)
{
    sim_node *from = &s->nodes[sim_below(s, SIM_NODES)];
    p2p_addr to = choose_addr(s);
    size_t n = 1 + sim_below(s, sim_chance(s, 0.1) ? 40 : 5);
    char text[P2P_ADDR_TEXT_SIZE];
    if (p2p_addr_equal(&to, &from->addr))
        return;
    if (!p2p_addr_text(&to, text, sizeof text))
        sim_say(s, "node %zu tells %zu to %s", from->index, n, text);
    for (size_t i = 0; i < n; i++)
        tell(s, from, &to,
             sim_chance(s, 0.05) ? 0 : SIM_HEAD + sim_below(s, SIM_MAX_LEN - SIM_HEAD));
}

static void look_up(sim *s)
{
    const sim_node *from = &s->nodes[sim_below(s, SIM_NODES)];
    p2p_addr to = choose_addr(s);
    if (!from->swarm || s->lookup_count == SIM_LOOKUPS || p2p_addr_equal(&to, &from->addr))
        return;
    sim_lookup *lookup = &s->lookups[s->lookup_count];
    lookup->sim = s;
    lookup->key = sim_key_of(s, &to);
    uint64_t timeout = sim_below(s, 20000) * P2P_MILLISECOND;
    s->inside = 1;
    s->lookup_count += p2p_lookup_key(from->swarm, &to, timeout, sim_on_key, lookup) == 0;
    s->inside = 0;
}

/* --- trouble --- */

static void change_link(sim *s)
{
    p2p_link link = {0};
    link.latency = sim_below(s, 100) * P2P_MILLISECOND;
    if (sim_chance(s, 0.7))
        link.jitter = sim_below(s, 200) * P2P_MILLISECOND;
    if (sim_chance(s, 0.5))
        link.loss = (double)sim_below(s, 50) / 100;
    if (sim_chance(s, 0.4))
        link.duplicate = (double)sim_below(s, 50) / 100;
    if (sim_chance(s, 0.4))
        link.reorder = (double)sim_below(s, 50) / 100;
    link.reorder_delay = sim_below(s, 3000) * P2P_MILLISECOND;
    if (sim_chance(s, 0.3))
        link.corrupt = (double)sim_below(s, 30) / 100;
    s->swap = sim_chance(s, 0.3) ? 0.3 : 0;
    s->break_some = sim_chance(s, 0.2) ? 0.3 : 0;
    sim_say(s, "link: loss %.2f, duplicate %.2f, reorder %.2f, corrupt %.2f, swap %.2f", link.loss,
            link.duplicate, link.reorder, link.corrupt, s->swap);
    require(p2p_realm_set_link(s->realm, &link) == 0, "link");
}

static void partition(sim *s)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].swarm)
            require(p2p_realm_set_side(s->realm, s->nodes[i].number, (uint32_t)sim_below(s, 2)) ==
                        0,
                    "side");
    sim_say(s, "partition");
}

static void jump_clock(sim *s)
{
    uint64_t by = sim_below(s, 1000000) * P2P_SECOND;
    uint64_t wall = p2p_loop_wall(s->loop);
    sim_say(s, "the clock jumps");
    p2p_sim_set_wall(s->loop, sim_chance(s, 0.5) ? wall + by : wall - by);
}

/* The attacker sends what he has heard, as it was or changed, to whom it was for or another. */
static void replay(sim *s)
{
    size_t room = s->recorded_count < SIM_RECORDED ? s->recorded_count : SIM_RECORDED;
    for (size_t i = sim_below(s, 10); i > 0 && room; i--) {
        sim_datagram d = s->recorded[sim_below(s, room)];
        p2p_addr to;
        p2p_addr_from_mem(&to, sim_chance(s, 0.5) ? d.to : sim_below(s, SIM_NUMBERS));
        if (sim_chance(s, 0.3))
            d.data[sim_below(s, d.len)] ^= (uint8_t)(1u << sim_below(s, 8));
        if (sim_chance(s, 0.1))
            d.len = sim_below(s, d.len);
        (void)!p2p_tell(s->attacker, &to, d.data, d.len);
    }
}

/* He also sits on the line: there he hears, swaps and changes what passes by. */
static int on_transform(void *arg, uint64_t from, uint64_t to, uint8_t *data, size_t len)
{
    sim *s = arg;
    if (from == SIM_ATTACKER || !len || len > sizeof s->recorded[0].data)
        return P2P_PASS;
    sim_datagram *d = &s->recorded[s->recorded_count++ % SIM_RECORDED];
    sim_datagram old = *d;
    d->to = to;
    d->len = len;
    memcpy(d->data, data, len);
    if (s->swap > 0 && sim_chance(s, s->swap))
        memcpy(data, old.data, old.len < len ? old.len : len);
    if (s->break_some > 0 && sim_chance(s, s->break_some))
        data[sim_below(s, len)] ^= (uint8_t)(1u << sim_below(s, 8));
    return P2P_PASS;
}

/* --- a history --- */

static void pass_time(sim *s)
{
    size_t kind = sim_below(s, 100);
    if (kind < 60)
        run(s, sim_below(s, 100) * P2P_MILLISECOND);
    else if (kind < 90)
        run(s, sim_below(s, 3000) * P2P_MILLISECOND);
    else if (kind < 98)
        run(s, sim_below(s, 30000) * P2P_MILLISECOND);
    else
        run(s, sim_below(s, 400) * P2P_SECOND);
}

static void step(sim *s)
{
    size_t kind = sim_below(s, 100);
    if (kind < 50)
        talk(s);
    else if (kind < 60)
        change_link(s);
    else if (kind < 65)
        partition(s);
    else if (kind < 72)
        p2p_realm_heal(s->realm);
    else if (kind < 82)
        restart_node(s, &s->nodes[sim_below(s, SIM_NODES)]);
    else if (kind < 86)
        jump_clock(s);
    else if (kind < 94)
        replay(s);
    else
        look_up(s);
    if (s->bug == PKE_SIM_HOARD && s->hoarded < 256) {
        const p2p_allocator *a = p2p_loop_allocator(s->loop);
        s->hoard[s->hoarded++] = a->alloc(a->arg, 400000);
    }
    pass_time(s);
    sim_check_step(s);
}

static int all_reached(sim *s)
{
    int all = 1;
    for (size_t i = 0; i < SIM_NODES; i++)
        for (size_t k = 0; k < SIM_NODES; k++)
            all &= i == k || s->reached[i][k];
    return all;
}

/* The network is as it should be from now on. Who has not reached whom tries again and again. */
static void heal(sim *s)
{
    p2p_link good = {.latency = 20 * P2P_MILLISECOND};
    s->swap = s->break_some = 0;
    p2p_realm_heal(s->realm);
    require(p2p_realm_set_link(s->realm, &good) == 0, "link");
    memset(s->reached, 0, sizeof s->reached);
    sim_say(s, "all is well from now on");
    uint64_t start = p2p_loop_now(s->loop);
    while (!all_reached(s) && !s->out->failed && p2p_loop_now(s->loop) - start < HEAL_LIMIT) {
        for (size_t i = 0; i < SIM_NODES; i++)
            for (size_t k = 0; k < SIM_NODES; k++)
                if (i != k && !s->reached[i][k])
                    tell(s, &s->nodes[i], &s->nodes[k].addr, 100);
        run(s, HEAL_STEP);
        sim_check_step(s);
    }
    s->out->healed = p2p_loop_now(s->loop) - start;
    for (size_t i = 0; i < SIM_NODES; i++)
        for (size_t k = 0; k < SIM_NODES; k++)
            if (i != k && !s->reached[i][k])
                sim_fail(s, "node %zu does not reach node %zu, though the network has healed", i,
                         k);
}

static void make_keys(sim *s)
{
    for (size_t i = 0; i < SIM_KEYS; i++) {
        sim_key *key = &s->keys[i];
        uint8_t seed[32] = {0};
        p2p_spki spki;
        seed[31] = (uint8_t)(i + 1);
        require(p2p_ed25519_signer_new(&key->signer, seed, NULL) == 0 &&
                    p2p_signer_public_key(key->signer, key->der, sizeof key->der, &key->der_len) ==
                        0 &&
                    p2p_spki_parse(key->der, key->der_len, &spki) == 0 &&
                    p2p_fingerprint_pke(&spki, key->id) == 0,
                "key");
    }
}

static void begin(sim *s)
{
    p2p_mem_config mem;
    s->loop = counted_sim(&s->memory, s->seed);
    p2p_sim_set_max_turns(s->loop, 100000);
    p2p__rand_seed(&s->rand, s->seed);
    require(p2p_realm_new(&s->realm, s->loop, NULL) == 0, "realm");
    p2p_realm_hash_payloads(s->realm, 1);
    p2p_realm_on_event(s->realm, sim_on_event, s);
    p2p_realm_on_transform(s->realm, on_transform, s);
    make_keys(s);
    p2p_mem_config_init(&mem);
    mem.node = SIM_ATTACKER;
    require(p2p_mem_new(&s->attacker, s->realm, &mem) == 0, "attacker");
    for (size_t i = 0; i < SIM_NODES; i++) {
        s->nodes[i].sim = s;
        s->nodes[i].index = i;
        s->nodes[i].key = i;
        s->nodes[i].number = i;
        start_node(s, &s->nodes[i]);
    }
    change_link(s);
}

static void end(sim *s)
{
    const p2p_allocator *a = p2p_loop_allocator(s->loop);
    for (size_t i = 0; i < SIM_NODES; i++)
        stop_node(s, &s->nodes[i], 0);
    p2p_close(s->attacker, NULL, NULL);
    run(s, P2P_SECOND);
    for (size_t i = 0; i < s->lookup_count; i++)
        if (!s->lookups[i].calls)
            sim_fail(s, "a look-up never ended");
    s->out->trace = p2p_realm_trace_hash(s->realm);
    while (s->hoarded)
        a->free(a->arg, s->hoard[--s->hoarded]);
    require(p2p_realm_free(s->realm) == 0, "end of the realm");
    /* The fault is noted before the loop goes, for it has the clock. */
    size_t left = s->memory.live;
    if (left > 1)
        sim_fail(s, "%zu pieces of memory are left", left - 1);
    require(p2p_loop_free(s->loop) == 0 || s->out->failed, "end of the loop");
    for (size_t i = 0; i < SIM_KEYS; i++)
        p2p_signer_free(s->keys[i].signer);
    free(s->messages);
}

void pke_sim_run(uint64_t seed, pke_sim_bug bug, int verbose, pke_sim_result *out)
{
    sim *s = calloc(1, sizeof *s);
    require(s != NULL, "memory");
    memset(out, 0, sizeof *out);
    s->out = out;
    s->bug = bug;
    s->verbose = verbose;
    s->seed = seed;
    begin(s);
    size_t steps = 10 + sim_below(s, 40);
    for (size_t i = 0; i < steps && !out->failed; i++)
        step(s);
    if (!out->failed)
        heal(s);
    end(s);
    free(s);
}

const char *pke_sim_bug_text(pke_sim_bug bug)
{
    static const char *const texts[] = {"is correct",
#define PKE_SIM_TEXT(name, text) text,
                                        PKE_SIM_BUGS(PKE_SIM_TEXT)};
    return texts[bug];
}
