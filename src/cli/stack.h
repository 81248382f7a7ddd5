/* SPDX-License-Identifier: MIT */
#ifndef CLI_STACK_H
#define CLI_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/p2p.h>
#include <p2p/pke.h>

#include "cli/text.h"

/*
 * Stacks of swarms by name: layer+layer://address, the outermost layer first, as in
 * udp://127.0.0.1:4000. All that the program knows about kinds of swarms is in stack.c: a new layer
 * is a line of its table and a function that makes one.
 */
#define CLI_STACK_MAX_LAYERS  8
#define CLI_STACK_SCHEME_SIZE 64
#define CLI_STACK_ERROR_SIZE  512
#define CLI_STACK_TEXT_SIZE   (CLI_STACK_SCHEME_SIZE + 3 + P2P_ADDR_TEXT_SIZE)

typedef struct cli_layer cli_layer;

/* What a text names. */
typedef struct cli_spec {
    const cli_layer *layers[CLI_STACK_MAX_LAYERS]; /* the outermost first */
    size_t n_layers;
    const char *addr; /* what stands behind ://; a part of the text */
    char scheme[CLI_STACK_SCHEME_SIZE];
} cli_spec;

/* How to make the swarms of a stack. Members that its layers do not use do not matter. */
typedef struct cli_stack_config {
    const char *bind;   /* "ip:port", or NULL */
    size_t mtu;         /* longest message of the outermost layer, 0: what the lowest allows */
    size_t rcvbuf;      /* bytes that the system should hold for a slow receiver, 0: its default */
    p2p_realm **realm;  /* where memory swarms meet; the first makes it */
    uint64_t node;      /* number of a memory swarm, or P2P_MEM_ANY_NODE */
    p2p_signer *signer; /* this node's key, for layers that have keys */
    p2p_pke_allow_fn allow; /* NULL: everybody */
    void *allow_arg;
} cli_stack_config;

/*
 * Reads the text of a stack and its address; the address itself is read by cli_spec_addr().
 * Returns false with an error that says what to write.
 */
bool cli_spec_read(cli_spec *spec, const char *text, char error[CLI_STACK_ERROR_SIZE]);

/* Like cli_spec_read(), for an address of the same stack as `like`, of which the scheme may be left
 * out: what --bind takes. */
bool cli_spec_read_like(cli_spec *spec, const char *text, const cli_spec *like,
                        char error[CLI_STACK_ERROR_SIZE]);

/* Whether its nodes can be in different processes. */
bool cli_spec_leaves_process(const cli_spec *spec);

/* Whether its peers are known by keys, so that it needs a signer. */
bool cli_spec_has_keys(const cli_spec *spec);

/* The longest message that --mtu can allow it, over UDP. */
size_t cli_spec_max_mtu(const cli_spec *spec);

/* The names of its layers one by one, the outermost first; NULL beyond the last. */
const char *cli_spec_layer(const cli_spec *spec, size_t i);

/* Reads the address of a spec without a swarm: false with an error if none could reach it. to_bind
 * says that it is to listen on, where port 0 has a meaning. */
bool cli_spec_addr(const cli_spec *spec, bool to_bind, p2p_addr *out,
                   char error[CLI_STACK_ERROR_SIZE]);

/* Makes the swarms. Returns 0 or an error of p2p_udp_new() and the like. */
int cli_stack_open(p2p_swarm **out, p2p_loop *loop, const cli_spec *spec,
                   const cli_stack_config *config);

/* The text of an address with its scheme, as it is given to tell; "?" if it has none. Returns
 * out. */
const char *cli_stack_text(const cli_spec *spec, const p2p_addr *addr,
                           char out[CLI_STACK_TEXT_SIZE]);

/* The list of layers, for the help. */
void cli_stack_list(cli_text *out);

#endif
