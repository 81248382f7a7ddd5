/* SPDX-License-Identifier: MIT */
/*
 * A few PKE swarms in virtual time, and somebody on the line between them who does what the input
 * says: holds datagrams, delivers, drops, repeats, cuts and changes them, gives them to another or
 * in another's name, and writes some himself, while the nodes talk, look up keys, ban each other,
 * run out of memory, crash, close and restart. After each step must hold what the simulator of
 * tests/support/pke_sim.h checks; if the first byte is odd, all reach all in the end. With
 * P2P_FUZZ_VERBOSE in the environment the steps are shown.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pke_sim_world.h"

#define MAX_STEPS 200u

/* What a node does with the next thing that it is told, once. */
typedef enum reaction { NOTHING = 0, ANSWER = 1, CLOSE = 2, LOOK_UP = 3 } reaction;

typedef struct script {
    sim sim; /* first, so that a node finds the script */
    pke_sim_result result;
    const uint8_t *input;
    size_t left;
    int heals;
    uint64_t wall;                 /* the time of day at the beginning */
    size_t next;                   /* of the recorded datagrams; those before are not held */
    reaction reactions[SIM_NODES]; /* to a message, and to an event */
} script;

static uint8_t next(script *f)
{
    if (!f->left)
        return 0;
    f->left--;
    return *f->input++;
}

/* --- nodes --- */

static void react(sim_node *node, const p2p_addr *to)
{
    script *f = (script *)node->sim;
    reaction what = f->reactions[node->index];
    f->reactions[node->index] = NOTHING;
    if (node->closing)
        return;
    if (what == ANSWER)
        sim_tell(&f->sim, node, to, SIM_HEAD);
    else if (what == CLOSE)
        sim_close_node(&f->sim, node, 0);
    else if (what == LOOK_UP)
        sim_look_up(&f->sim, node, to, P2P_SECOND);
}

static void on_tell(sim_node *node, const p2p_msg *msg)
{
    react(node, msg->src);
}

static void set_reaction(script *f, sim_node *node)
{
    uint8_t byte = next(f);
    f->reactions[node->index] = (reaction)(byte & 3);
    node->on_tell = byte & 4 ? NULL : on_tell;
    node->on_peer = byte & 4 ? react : NULL;
}

static uint64_t free_number(const script *f, uint64_t wanted)
{
    for (uint64_t number = wanted;; number++) {
        size_t i = 0;
        while (i < SIM_NODES &&
               !(f->sim.nodes[i].swarm && f->sim.nodes[i].number == number % SIM_ATTACKER))
            i++;
        if (i == SIM_NODES)
            return number % SIM_ATTACKER;
    }
}

static void start(script *f, size_t index, size_t key, uint64_t number, uint8_t shape)
{
    p2p_pke_swarm_config config;
    p2p_pke_swarm_config_init(&config);
    config.no_extensions = shape & 1;
    config.allow = shape & 2 ? sim_allow : NULL;
    config.max_queue = shape & 4 ? 2 : 0;
    config.max_queued_bytes = shape & 8 ? 3000 : 0;
    config.idle = shape & 16 ? 20 * P2P_SECOND : 0;
    if (shape & 64) {
        config.max_peers = f->heals ? 8 : 2;
        config.max_half_open = f->heals ? 0 : 2;
    }
    if (shape & 128 && !f->heals)
        config.max_handshakes = config.max_handshakes_prefix = 1;
    f->sim.memory.fail_at = 0;
    sim_start_node(&f->sim, index, key, free_number(f, number), &config, shape & 32 ? 2 : 0);
}

/* Ends a node, one way or another, or starts it. */
static void change_life(script *f, sim_node *node)
{
    uint8_t how = next(f);
    if (!node->swarm) {
        uint8_t place = next(f);
        start(f, node->index, (place & 15u) % SIM_KEYS, place >> 4, how);
    } else if (!node->closing) {
        sim_close_node(&f->sim, node, how & 1);
    } else {
        p2p_close(node->swarm, NULL, NULL);
    }
}

/* Somebody who is there, or any key at any number. */
static p2p_addr choose_addr(script *f)
{
    uint8_t byte = next(f);
    if (byte < 128 && f->sim.nodes[byte % SIM_NODES].swarm)
        return f->sim.nodes[byte % SIM_NODES].addr;
    return sim_addr(&f->sim, (byte & 15u) % SIM_KEYS, byte >> 4 & 7);
}

static void tell(script *f, sim_node *from, int many)
{
    p2p_addr to = choose_addr(f);
    uint8_t len = next(f);
    unsigned times = many ? 1u + next(f) % 40 : 1;
    for (unsigned i = 0; i < times; i++)
        sim_tell(&f->sim, from, &to, len ? SIM_HEAD + 4u * len : 0);
}

/* --- the line --- */

static void deliver(script *f, size_t at)
{
    const sim_datagram d = f->sim.recorded[at % SIM_RECORDED];
    sim_inject(&f->sim, d.from, d.to, d.data, d.len);
    sim_run(&f->sim, 0);
}

/* One of those that are held, or all, with what comes of them. */
static void deliver_held(script *f, unsigned most)
{
    for (unsigned i = 0; i < most && f->next < f->sim.recorded_count; i++) {
        if (f->sim.recorded_count - f->next > SIM_RECORDED)
            f->next = f->sim.recorded_count - SIM_RECORDED;
        deliver(f, f->next++);
    }
}

/* Any of the last ones once more, as it was or not. */
static void replay(script *f)
{
    const sim *s = &f->sim;
    size_t room = s->recorded_count < SIM_RECORDED ? s->recorded_count : SIM_RECORDED;
    if (!room)
        return;
    sim_datagram d = s->recorded[(s->recorded_count - 1 - next(f) % room) % SIM_RECORDED];
    uint8_t how = next(f);
    if (how & 1)
        d.data[next(f) % d.len] ^= next(f);
    if (how & 2)
        d.len = d.len * next(f) / 256;
    if (how & 4)
        d.from = next(f) % SIM_NUMBERS;
    if (how & 8)
        d.to = next(f) % SIM_NUMBERS;
    sim_inject(&f->sim, d.from, d.to, d.data, d.len);
}

/* A datagram of the script's own. */
static void inject(script *f)
{
    uint8_t data[256];
    uint8_t where = next(f);
    size_t len = next(f);
    for (size_t i = 0; i < len; i++)
        data[i] = next(f);
    if (len >= 4 && data[0] < 128)
        memset(data, 0, 3);
    sim_inject(&f->sim, where & 7, where >> 4 & 7, data, len);
}

static void change_line(script *f)
{
    uint8_t byte = next(f);
    p2p_link link = {.size = sizeof(p2p_link), .latency = (byte >> 1 & 7) * 10 * P2P_MILLISECOND};
    if (byte & 16)
        link.duplicate = link.reorder = 0.5;
    link.reorder_delay = P2P_SECOND;
    sim_require(p2p_realm_set_link(f->sim.realm, &link) == 0, "link");
    f->sim.held = byte & 1;
}

static void jump_clock(script *f)
{
    int8_t by = (int8_t)next(f);
    uint64_t day = 86400 * P2P_SECOND;
    uint64_t wall = f->wall + p2p_loop_now(f->sim.loop);
    p2p_sim_set_wall(f->sim.loop, by < 0 ? wall - (uint64_t)-by * day : wall + (uint64_t)by * day);
}

/* --- the script --- */

static void step(script *f)
{
    uint8_t op = next(f);
    sim *s = &f->sim;
    sim_node *node = &s->nodes[op >> 4 & 3];
    uint8_t byte;
    p2p_addr addr;
    switch (op & 15) {
    case 0:
    case 1:
        tell(f, node, op & 1);
        break;
    case 2:
        deliver_held(f, 1);
        break;
    case 3:
        f->next += f->next < s->recorded_count;
        break;
    case 4:
        replay(f);
        break;
    case 5:
        inject(f);
        break;
    case 6:
        sim_run(s, next(f) * 20 * P2P_MILLISECOND);
        break;
    case 7:
        sim_run(s, next(f) * P2P_SECOND);
        break;
    case 8:
        addr = choose_addr(f);
        sim_look_up(s, node, &addr, next(f) * 100 * P2P_MILLISECOND);
        break;
    case 9:
        byte = next(f);
        sim_ban(s, node, (byte & 15u) % SIM_KEYS, byte >> 7);
        break;
    case 10:
        change_life(f, node);
        break;
    case 11:
        s->memory.fail_at = s->memory.calls + 1 + next(f) % 16;
        break;
    case 12:
        change_line(f);
        break;
    case 13:
        jump_clock(f);
        break;
    case 14:
        set_reaction(f, node);
        break;
    default:
        deliver_held(f, 100);
        break;
    }
    sim_run(s, 0);
    if (!s->held)
        f->next = s->recorded_count;
}

static void check(script *f)
{
    sim_check_step(&f->sim);
    if (!f->result.failed)
        return;
    fprintf(stderr, "%s\n", f->result.why);
    abort();
}

static void heal(script *f)
{
    f->sim.memory.fail_at = 0;
    for (size_t i = 0; i < SIM_NODES; i++) {
        sim_node *node = &f->sim.nodes[i];
        if (node->closing)
            sim_stop_node(&f->sim, node, 0);
        if (!node->swarm)
            start(f, i, i, i, 0);
        f->reactions[i] = NOTHING;
    }
    sim_heal(&f->sim);
    check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static script f;
    memset(&f, 0, sizeof f);
    f.sim.out = &f.result;
    f.sim.astray = 1;
    f.sim.verbose = getenv("P2P_FUZZ_VERBOSE") != NULL;
    f.input = data;
    f.left = len;
    sim_begin(&f.sim, 1);
    f.wall = p2p_loop_wall(f.sim.loop);
    uint8_t shape = next(&f);
    f.heals = shape & 1;
    f.sim.held = shape >> 1 & 1;
    for (size_t i = 0; i < 2; i++)
        start(&f, i, i, i, next(&f));
    for (unsigned steps = 0; f.left && steps < MAX_STEPS; steps++) {
        step(&f);
        check(&f);
    }
    if (f.heals)
        heal(&f);
    f.sim.memory.fail_at = 0;
    sim_end(&f.sim);
    check(&f);
    return 0;
}
