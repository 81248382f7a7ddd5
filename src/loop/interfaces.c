/* SPDX-License-Identifier: MIT */
/* The one function about addresses that asks the operating system. */
#include "loop/interfaces.h"

#include <string.h>

#include <uv.h>

#include <p2p/err.h>

#include "core/addr_layout.h"

/* Where the results go. Counting goes on when there is no more room. */
typedef struct expansion {
    const p2p_addr *addr;
    p2p_addr *out;
    size_t cap;
    size_t n;
} expansion;

static void interface_ip(const uv_interface_address_t *entry, p2p_ip *ip)
{
    memset(ip, 0, sizeof *ip);
    if (entry->address.address4.sin_family == AF_INET) {
        ip->family = 4;
        memcpy(ip->bytes, &entry->address.address4.sin_addr, 4);
    } else if (entry->address.address4.sin_family == AF_INET6) {
        ip->family = 6;
        memcpy(ip->bytes, &entry->address.address6.sin6_addr, 16);
        ip->scope = entry->address.address6.sin6_scope_id;
    }
}

/* Whether that address of the list was added before: two interfaces may have the same one, and
 * those that are not loopback come first. */
static bool seen_before(const uv_interface_address_t *interfaces, int count, int index,
                        const p2p_ip *ip)
{
    bool loopback = interfaces[index].is_internal != 0;
    for (int i = 0; i < count; i++) {
        bool other_loopback = interfaces[i].is_internal != 0;
        bool earlier = other_loopback == loopback ? i < index : loopback;
        p2p_ip other;
        interface_ip(&interfaces[i], &other);
        if (earlier && other.family == ip->family && other.scope == ip->scope &&
            memcmp(other.bytes, ip->bytes, sizeof ip->bytes) == 0)
            return true;
    }
    return false;
}

static int add_result(expansion *e, const p2p_ip *ip)
{
    p2p_addr result = *e->addr;
    int err = p2p_addr_set_ip(&result, ip);
    if (err)
        return err;
    if (e->n < e->cap)
        e->out[e->n] = result;
    e->n++;
    return P2P_OK;
}

static int add_interfaces(expansion *e, const uv_interface_address_t *interfaces, int count,
                          unsigned families, bool loopback)
{
    for (int i = 0; i < count; i++) {
        p2p_ip ip;
        interface_ip(&interfaces[i], &ip);
        unsigned family = ip.family == 4 ? P2P__FAMILY_IP4 : P2P__FAMILY_IP6;
        if (ip.family == 0 || !(families & family) ||
            (interfaces[i].is_internal != 0) != loopback || seen_before(interfaces, count, i, &ip))
            continue;
        int err = add_result(e, &ip);
        if (err)
            return err;
    }
    return P2P_OK;
}

static int expand_unspecified(expansion *e, unsigned families)
{
    uv_interface_address_t *interfaces;
    int count;

    /* libuv leaves out the interfaces that are down. */
    int uv_err = uv_interface_addresses(&interfaces, &count);
    if (uv_err)
        return uv_err == UV_ENOMEM ? P2P_ERR_NO_MEMORY : P2P_ERR_IO;
    int err = add_interfaces(e, interfaces, count, families, false);
    if (!err)
        err = add_interfaces(e, interfaces, count, families, true);
    uv_free_interface_addresses(interfaces, count);
    return err;
}

int p2p__addr_expand(const p2p_addr *addr, unsigned families, p2p_addr *out, size_t cap, size_t *n)
{
    p2p_addr copy = *addr; /* addr may be an element of out */
    expansion e = {.addr = &copy, .out = out, .cap = cap};
    p2p_ip ip;

    *n = 0;
    if (!p2p__addr_valid(&copy))
        return P2P_ERR_BAD_ADDR;
    if (p2p_addr_ip(&copy, &ip) == P2P_OK && p2p_ip_is_unspecified(&ip)) {
        int err = expand_unspecified(&e, families);
        if (err)
            return err;
    } else {
        if (cap > 0)
            out[0] = copy;
        e.n = 1;
    }
    *n = e.n;
    return e.n > cap ? P2P_ERR_NO_SPACE : P2P_OK;
}

/* A socket on 0.0.0.0 hears IPv4, one on :: both families. */
int p2p_addr_expand(const p2p_addr *addr, p2p_addr *out, size_t cap, size_t *n)
{
    p2p_ip ip;
    if (!addr || !n || (!out && cap))
        return P2P_ERR_INVALID;
    bool ip4_only = p2p_addr_ip(addr, &ip) == P2P_OK && ip.family == 4;
    unsigned families = ip4_only ? P2P__FAMILY_IP4 : P2P__FAMILY_IP4 | P2P__FAMILY_IP6;
    return p2p__addr_expand(addr, families, out, cap, n);
}
