/* SPDX-License-Identifier: MIT */
#include "support/pke_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pke_sim_world.h"

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
    if (sim_chance(s, 0.3))
        config->allow = sim_allow;
}

/* Mostly of somebody who is there. */
static void ban(sim *s, sim_node *node)
{
    size_t key = sim_chance(s, 0.8) ? s->nodes[sim_below(s, SIM_NODES)].key
                                    : sim_below(s, SIM_KEYS);
    sim_ban(s, node, key, sim_chance(s, 0.6));
}

static void start_node(sim *s, size_t index, size_t key, uint64_t number)
{
    p2p_pke_swarm_config config;
    size_t queue = sim_chance(s, 0.2) ? 1 + sim_below(s, 20) : 0;
    configure(s, &config);
    sim_start_node(s, index, key, number, &config, queue);
    if (sim_chance(s, 0.5))
        ban(s, &s->nodes[index]);
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
    sim_stop_node(s, node, sim_chance(s, 0.6));
    size_t key = sim_chance(s, 0.4) ? free_key(s) : node->key;
    uint64_t number = sim_chance(s, 0.3) ? free_number(s) : node->number;
    if (sim_chance(s, 0.5))
        sim_run(s, sim_below(s, 20000) * P2P_MILLISECOND);
    start_node(s, node->index, key, number);
}

/* --- talking --- */

/* Whom to talk to: mostly somebody who is there, at times one who was, or nobody. */
static p2p_addr choose_addr(sim *s)
{
    if (sim_chance(s, 0.75))
        return s->nodes[sim_below(s, SIM_NODES)].addr;
    size_t room = sizeof s->seen / sizeof s->seen[0];
    p2p_addr addr = s->seen[sim_below(s, s->seen_count < room ? s->seen_count : room)];
    if (sim_chance(s, 0.5))
        return addr;
    size_t key = sim_below(s, SIM_KEYS);
    return sim_addr(s, key, sim_below(s, SIM_NUMBERS + 1));
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
        sim_tell(s, from, &to,
                 sim_chance(s, 0.05) ? 0 : SIM_HEAD + sim_below(s, SIM_MAX_LEN - SIM_HEAD));
}

static void look_up(sim *s)
{
    const sim_node *from = &s->nodes[sim_below(s, SIM_NODES)];
    p2p_addr to = choose_addr(s);
    if (!from->swarm || s->lookup_count == SIM_LOOKUPS || p2p_addr_equal(&to, &from->addr))
        return;
    sim_look_up(s, from, &to, sim_below(s, 20000) * P2P_MILLISECOND);
}

/* --- trouble --- */

static void change_link(sim *s)
{
    p2p_link link = {.size = sizeof(p2p_link)};
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
    sim_require(p2p_realm_set_link(s->realm, &link) == 0, "link");
}

static void partition(sim *s)
{
    for (size_t i = 0; i < SIM_NODES; i++)
        if (s->nodes[i].swarm)
            sim_require(
                p2p_realm_set_side(s->realm, s->nodes[i].number, (uint32_t)sim_below(s, 2)) == 0,
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

/* --- a history --- */

static void pass_time(sim *s)
{
    size_t kind = sim_below(s, 100);
    if (kind < 60)
        sim_run(s, sim_below(s, 100) * P2P_MILLISECOND);
    else if (kind < 90)
        sim_run(s, sim_below(s, 3000) * P2P_MILLISECOND);
    else if (kind < 98)
        sim_run(s, sim_below(s, 30000) * P2P_MILLISECOND);
    else
        sim_run(s, sim_below(s, 400) * P2P_SECOND);
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
    else if (kind < 97)
        look_up(s);
    else
        ban(s, &s->nodes[sim_below(s, SIM_NODES)]);
    if (s->bug == PKE_SIM_HOARD && s->hoarded < 256) {
        const p2p_allocator *a = p2p_loop_allocator(s->loop);
        s->hoard[s->hoarded++] = a->alloc(a->arg, 400000);
    }
    pass_time(s);
    sim_check_step(s);
}

void pke_sim_run(uint64_t seed, pke_sim_bug bug, int verbose, pke_sim_result *out)
{
    sim *s = calloc(1, sizeof *s);
    sim_require(s != NULL, "memory");
    memset(out, 0, sizeof *out);
    s->out = out;
    s->bug = bug;
    s->verbose = verbose;
    sim_begin(s, seed);
    for (size_t i = 0; i < SIM_NODES; i++)
        start_node(s, i, i, i);
    change_link(s);
    size_t steps = 10 + sim_below(s, 40);
    for (size_t i = 0; i < steps && !out->failed; i++)
        step(s);
    if (!out->failed)
        sim_heal(s);
    sim_end(s);
    free(s);
}

const char *pke_sim_bug_text(pke_sim_bug bug)
{
    static const char *const texts[] = {"is correct",
#define PKE_SIM_TEXT(name, text) text,
                                        PKE_SIM_BUGS(PKE_SIM_TEXT)};
    return texts[bug];
}
