/* SPDX-License-Identifier: MIT */
#include "cli/stack.h"

#include <stdio.h>
#include <string.h>

/* Makes a layer on the swarm below, which is NULL for one that is the lowest. */
typedef int (*make_fn)(p2p_swarm **out, p2p_loop *loop, p2p_swarm *inner,
                       const cli_stack_config *config);

struct cli_layer {
    const char *name;
    bool lowest;         /* it needs no layer below, and cannot have one */
    bool leaves_process; /* of a lowest layer: other processes can be reached */
    bool has_keys;       /* its peers are known by keys */
    size_t overhead;     /* what a message grows by */
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
    udp.mtu = config->mtu < P2P_UDP_MAX_MTU ? config->mtu : P2P_UDP_MAX_MTU;
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

static int make_pke(p2p_swarm **out, p2p_loop *loop, p2p_swarm *inner,
                    const cli_stack_config *config)
{
    (void)loop;
    p2p_pke_swarm_config pke;
    p2p_pke_swarm_config_init(&pke);
    pke.signer = config->signer;
    pke.allow = config->allow;
    pke.allow_arg = config->allow_arg;
    return p2p_pke_swarm_new(out, inner, &pke);
}

static const cli_layer layers[] = {
    {"pke", false, false, true, P2P_PKE_OVERHEAD, P2P_ADDR_PEER,
     "PEERID@ and then the address below, as p2p listen prints it",
     "peers are known by their keys, messages are encrypted; on another layer: pke+udp", make_pke},
    {"udp", true, true, false, 0, P2P_ADDR_IP,
     "ip:port, such as udp://127.0.0.1:4000 or udp://[::1]:4000",
     "datagrams: no encryption, no requests", make_udp},
    {"mem", true, false, false, 0, P2P_ADDR_MEM,
     "a node's number, such as mem://1; mem:// is mem://0",
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
    cli_stack_config own = *config;
    for (size_t i = 0; config->mtu && i < spec->n_layers; i++)
        own.mtu += spec->layers[i]->overhead;
    for (size_t i = spec->n_layers; i-- > 0;) {
        p2p_swarm *outer;
        int err = spec->layers[i]->make(&outer, loop, swarm, &own);
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

bool cli_spec_has_keys(const cli_spec *spec)
{
    for (size_t i = 0; i < spec->n_layers; i++)
        if (spec->layers[i]->has_keys)
            return true;
    return false;
}

size_t cli_spec_max_mtu(const cli_spec *spec)
{
    size_t mtu = P2P_UDP_MAX_MTU;
    for (size_t i = 0; i < spec->n_layers; i++)
        mtu -= spec->layers[i]->overhead;
    return mtu;
}

const char *cli_spec_layer(const cli_spec *spec, size_t i)
{
    return i < spec->n_layers ? spec->layers[i]->name : NULL;
}

/* Whether the layers of an address are those from the first on. */
static bool fits(const cli_spec *spec, size_t first, const p2p_addr *addr)
{
    p2p_addr at = *addr;
    for (size_t i = first; i < spec->n_layers; i++)
        if (p2p_addr_kind_of(&at) != spec->layers[i]->kind ||
            (i + 1 < spec->n_layers && p2p_addr_unwrap(&at, &at) != 0))
            return false;
    return true;
}

/* What is wrong with the text of an address of layers[i] and those below. */
static void explain_addr(const cli_spec *spec, size_t i, const char *text,
                         char error[CLI_STACK_ERROR_SIZE])
{
    const cli_layer *layer = spec->layers[i];
    const char *at = strchr(text, '@');
    size_t len = at ? (size_t)(at - text) : 0;
    uint8_t id[P2P_PEER_ID_SIZE];
    const char *reason = "";
    if (layer->kind == P2P_ADDR_PEER && at && len != P2P_PEER_ID_TEXT_LEN) {
        (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                       "\"%.*s\" before the @ is no peer id: it has %zu characters, and a peer id "
                       "has %d",
                       (int)(len < 100 ? len : 100), text, len, P2P_PEER_ID_TEXT_LEN);
        return;
    }
    if (layer->kind == P2P_ADDR_PEER && at && p2p_peer_id_parse(text, len, id) != 0) {
        (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                       "\"%.*s\" before the @ is no peer id: copy it anew, with p2p id or from "
                       "p2p listen",
                       (int)len, text);
        return;
    }
    if (layer->kind == P2P_ADDR_PEER && at) {
        explain_addr(spec, i + 1, at + 1, error);
        return;
    }
    if (layer->kind == P2P_ADDR_PEER)
        reason = " (the peer id is missing: who it is must be known)";
    else if (layer->kind == P2P_ADDR_IP && at)
        reason = " (a peer id has no place there)";
    else if (layer->kind == P2P_ADDR_IP && is_host_name(text))
        reason = " (names of hosts are not looked up)";
    (void)snprintf(error, CLI_STACK_ERROR_SIZE, "\"%.100s\" is not an address of %s%s; write %s",
                   text, layer->name, reason, layer->form);
}

/* Whether it can be listened on only with the interface that it is of. */
static bool lacks_scope(const p2p_addr *addr)
{
    p2p_ip ip;
    return p2p_addr_ip(addr, &ip) == 0 && ip.family == 6 && ip.bytes[0] == 0xfe &&
           (ip.bytes[1] & 0xc0) == 0x80 && ip.scope == 0;
}

bool cli_spec_addr(const cli_spec *spec, bool to_bind, p2p_addr *out,
                   char error[CLI_STACK_ERROR_SIZE])
{
    /* What is bound is the lowest layer's. */
    size_t first = to_bind ? spec->n_layers - 1 : 0;
    uint16_t port = 1;
    if (spec->layers[first]->kind == P2P_ADDR_MEM && !*spec->addr) {
        p2p_addr_from_mem(out, 0);
        return true;
    }
    if (p2p_addr_parse(spec->addr, out) != 0 || !fits(spec, first, out)) {
        explain_addr(spec, first, spec->addr, error);
        return false;
    }
    if (to_bind && lacks_scope(out)) {
        (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                       "\"%.100s\" is link-local, and its scope is missing: the number of its "
                       "interface behind a %%, as in [fe80::1%%2]:4000",
                       spec->addr);
        return false;
    }
    if (to_bind || p2p_addr_port(out, &port) != 0 || port != 0)
        return true;
    (void)snprintf(error, CLI_STACK_ERROR_SIZE,
                   "%s://%.200s: nobody can be reached at port 0; use the port that p2p listen "
                   "printed",
                   spec->scheme, spec->addr);
    return false;
}
