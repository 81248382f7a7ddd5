/* SPDX-License-Identifier: MIT */
#include "cli/stack.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Makes a layer on the swarm below, which is NULL for one that is the lowest. */
typedef int (*make_fn)(p2p_swarm **out, p2p_loop *loop, p2p_swarm *inner,
                       const cli_stack_config *config);

struct cli_layer {
    const char *name;
    bool lowest;         /* it needs no layer below, and cannot have one */
    bool leaves_process; /* of a lowest layer: other processes can be reached */
    p2p_addr_kind kind;  /* the kind of its addresses */
    const char *form;    /* addresses as an error explains them */
    const char *summary;
    make_fn make;
};

/* --- making --- */

static int make_udp(p2p_swarm **out, p2p_loop *loop, p2p_swarm *inner,
                    const cli_stack_config *config)
{
    (void)inner;
    p2p_udp_config udp;
    p2p_udp_config_init(&udp);
    udp.bind = config->bind;
    udp.mtu = config->mtu;
    udp.socket_rcvbuf = config->rcvbuf;
    return p2p_udp_new(out, loop, &udp);
}

static int make_mem(p2p_swarm **out, p2p_loop *loop, p2p_swarm *inner,
                    const cli_stack_config *config)
{
    (void)inner;
    p2p_mem_config mem;
    if (!*config->realm) {
        int err = p2p_realm_new(config->realm, loop, NULL);
        if (err)
            return err;
    }
    p2p_mem_config_init(&mem);
    mem.node = config->node;
    return p2p_mem_new(out, *config->realm, &mem);
}

static const cli_layer layers[] = {
    {"udp", true, true, P2P_ADDR_IP, "ip:port, such as udp://127.0.0.1:4000 or udp://[::1]:4000",
     "datagrams: no encryption, no requests", make_udp},
    {"mem", true, false, P2P_ADDR_MEM, "a node's number, such as mem://1; mem:// is mem://0",
     "memory of one process: messages and requests", make_mem},
};
#define N_LAYERS (sizeof layers / sizeof *layers)

static const cli_layer *lowest_of(const cli_spec *spec)
{
    return spec->layers[spec->n_layers - 1];
}

int cli_stack_open(p2p_swarm **out, p2p_loop *loop, const cli_spec *spec,
                   const cli_stack_config *config)
{
    p2p_swarm *swarm = NULL;
    for (size_t i = spec->n_layers; i-- > 0;) {
        p2p_swarm *outer;
        int err = spec->layers[i]->make(&outer, loop, swarm, config);
        if (err) {
            if (swarm)
                p2p_close(swarm, NULL, NULL);
            return err;
        }
        swarm = outer;
    }
    *out = swarm;
    return 0;
}

/* --- text --- */

void cli_stack_list(cli_text *out)
{
    for (size_t i = 0; i < N_LAYERS; i++)
        cli_text_printf(out, "  %-10s%s\n  %-10s%s\n", layers[i].name, layers[i].summary, "",
                        layers[i].form);
}

const char *cli_stack_text(const cli_spec *spec, const p2p_addr *addr,
                           char out[CLI_STACK_TEXT_SIZE])
{
    char text[P2P_ADDR_TEXT_SIZE];
    if (p2p_addr_text(addr, text, sizeof text) != 0)
        (void)snprintf(out, CLI_STACK_TEXT_SIZE, "?");
    else
        (void)snprintf(out, CLI_STACK_TEXT_SIZE, "%s://%s", spec->scheme, text);
    return out;
}

/* The names of all layers, with commas. */
static void known_layers(char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_LAYERS && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? ", " : "", layers[i].name);
}

static const cli_layer *find_layer(const char *name, size_t len)
{
    for (size_t i = 0; i < N_LAYERS; i++)
        if (strlen(layers[i].name) == len && memcmp(layers[i].name, name, len) == 0)
            return &layers[i];
    return NULL;
}

/* Reads the names between the plus signs. */
static bool read_layers(cli_spec *spec, char error[CLI_STACK_ERROR_SIZE])
{
    char known[128];
    const char *at = spec->scheme;
    known_layers(known, sizeof known);
    for (bool more = true; more;) {
        size_t len = strcspn(at, "+");
        const cli_layer *layer = find_layer(at, len);
        more = at[len] == '+';
        if (!layer) {
            (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                           "there is no layer \"%.*s\" in %s://; known are: %s", (int)len, at,
                           spec->scheme, known);
            return false;
        }
        if (layer->lowest && more) {
            (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                           "%s:// cannot be: nothing goes below %s, so it must come last",
                           spec->scheme, layer->name);
            return false;
        }
        if (!layer->lowest && !more) {
            (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                           "%s:// is not complete: %s needs a layer below it, as in %s+udp://",
                           spec->scheme, layer->name, layer->name);
            return false;
        }
        if (spec->n_layers == CLI_STACK_MAX_LAYERS) {
            (void)snprintf(error, CLI_STACK_ERROR_SIZE, "%s:// has more than %d layers",
                           spec->scheme, CLI_STACK_MAX_LAYERS);
            return false;
        }
        spec->layers[spec->n_layers++] = layer;
        at += len + more;
    }
    return true;
}

bool cli_spec_read(cli_spec *spec, const char *text, char error[CLI_STACK_ERROR_SIZE])
{
    memset(spec, 0, sizeof *spec);
    const char *colon = strstr(text, "://");
    if (!colon) {
        /* Most who forget the scheme mean UDP. */
        p2p_addr addr;
        bool ip = p2p_addr_parse(text, &addr) == 0 && p2p_addr_kind_of(&addr) == P2P_ADDR_IP;
        (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                       "\"%.100s\" has no scheme: an address is written as in %.100s", text,
                       ip ? "udp://" : "udp://127.0.0.1:4000");
        if (ip)
            (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                           "the address needs its scheme: write udp://%.100s", text);
        return false;
    }
    size_t len = (size_t)(colon - text);
    if (len >= sizeof spec->scheme) {
        (void)snprintf(error, CLI_STACK_ERROR_SIZE, "the scheme of \"%.100s\" is too long", text);
        return false;
    }
    memcpy(spec->scheme, text, len);
    spec->addr = colon + 3;
    return read_layers(spec, error);
}

bool cli_spec_read_like(cli_spec *spec, const char *text, const cli_spec *like,
                        char error[CLI_STACK_ERROR_SIZE])
{
    if (!strstr(text, "://")) {
        *spec = *like;
        spec->addr = text;
        return true;
    }
    if (!cli_spec_read(spec, text, error))
        return false;
    if (strcmp(spec->scheme, like->scheme) == 0)
        return true;
    (void)snprintf(error, CLI_STACK_ERROR_SIZE, "%s:// cannot send to %s://", spec->scheme,
                   like->scheme);
    return false;
}

bool cli_spec_leaves_process(const cli_spec *spec)
{
    return lowest_of(spec)->leaves_process;
}

/* Whether it looks like HOST:PORT with a name for a host. */
static bool is_host_name(const char *text)
{
    size_t len = strcspn(text, ":/@[]");
    bool letters = false;
    for (size_t i = 0; i < len; i++)
        letters |= (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
    return letters && (!text[len] || text[len] == ':') && !strchr(text + len + !!text[len], ':');
}

bool cli_spec_addr(const cli_spec *spec, bool to_bind, p2p_addr *out,
                   char error[CLI_STACK_ERROR_SIZE])
{
    const cli_layer *layer = spec->layers[0];
    const cli_layer *lowest = lowest_of(spec);
    uint16_t port = 1;
    if (lowest->kind == P2P_ADDR_MEM && !*spec->addr) {
        p2p_addr_from_mem(out, 0);
        return true;
    }
    /* What is bound is the lowest layer's. */
    const cli_layer *wanted = to_bind ? lowest : layer;
    if (p2p_addr_parse(spec->addr, out) == 0 && p2p_addr_kind_of(out) == wanted->kind) {
        if (to_bind || p2p_addr_port(out, &port) != 0 || port != 0)
            return true;
        (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                       "%s://%.100s: nobody can be reached at port 0; use the port that p2p listen "
                       "printed",
                       spec->scheme, spec->addr);
        return false;
    }
    const char *reason = "";
    if (wanted->kind == P2P_ADDR_IP && is_host_name(spec->addr))
        reason = " (names of hosts are not looked up)";
    (void)snprintf(error, CLI_STACK_ERROR_SIZE, "\"%.100s\" is not an address of %s%s; write %s",
                   spec->addr, spec->scheme, reason, wanted->form);
    return false;
}

bool cli_stack_is_clear(const p2p_swarm *swarm)
{
    while (p2p_swarm_inner(swarm))
        swarm = p2p_swarm_inner(swarm);
    int fd = strcmp(p2p_swarm_kind(swarm), "udp") == 0 ? p2p_udp_fd(swarm) : -1;
    if (fd < 0)
        return true;
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    return poll(&poller, 1, 0) != 0;
}
