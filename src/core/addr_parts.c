/* SPDX-License-Identifier: MIT */
/* The parts of an address, read and replaced at any depth. */
#include "core/addr_layout.h"

#include <p2p/err.h>

int p2p_addr_ip(const p2p_addr *addr, p2p_ip *out)
{
    p2p__addr_layer leaf;
    p2p_ip ip = {0};

    if (!addr || !out)
        return P2P_ERR_INVALID;
    if (!p2p__addr_leaf(addr, &leaf))
        return P2P_ERR_NOT_FOUND;
    if (leaf.tag == P2P__ADDR_IP4) {
        ip.family = 4;
        memcpy(ip.bytes, leaf.body, 4);
    } else if (leaf.tag == P2P__ADDR_IP6) {
        ip.family = 6;
        memcpy(ip.bytes, leaf.body, 16);
        ip.scope = p2p__load32be(leaf.body + P2P__ADDR_IP6_SCOPE - 1);
    } else {
        return P2P_ERR_NOT_FOUND;
    }
    *out = ip;
    return P2P_OK;
}

/* The offset of the port in the address; 0 if it has none. */
static size_t port_offset(const p2p_addr *addr)
{
    p2p__addr_layer leaf;
    if (!p2p__addr_leaf(addr, &leaf))
        return 0;
    if (leaf.tag == P2P__ADDR_IP4)
        return (size_t)leaf.start + P2P__ADDR_IP4_PORT;
    if (leaf.tag == P2P__ADDR_IP6)
        return (size_t)leaf.start + P2P__ADDR_IP6_PORT;
    return 0;
}

int p2p_addr_port(const p2p_addr *addr, uint16_t *out)
{
    if (!addr || !out)
        return P2P_ERR_INVALID;
    size_t offset = port_offset(addr);
    if (offset == 0)
        return P2P_ERR_NOT_FOUND;
    *out = p2p__load16be(p2p__addr_cbytes(addr) + offset);
    return P2P_OK;
}

int p2p_addr_mem(const p2p_addr *addr, uint64_t *out)
{
    p2p__addr_layer leaf;
    if (!addr || !out)
        return P2P_ERR_INVALID;
    if (!p2p__addr_leaf(addr, &leaf) || leaf.tag != P2P__ADDR_MEM)
        return P2P_ERR_NOT_FOUND;
    *out = p2p__load64be(leaf.body);
    return P2P_OK;
}

int p2p_addr_peer_id(const p2p_addr *addr, uint8_t out[P2P_PEER_ID_SIZE])
{
    p2p__addr_layer layer;
    if (!addr || !out)
        return P2P_ERR_INVALID;
    if (!p2p__addr_find(addr, P2P__ADDR_PEER, &layer))
        return P2P_ERR_NOT_FOUND;
    memcpy(out, layer.body, P2P_PEER_ID_SIZE);
    return P2P_OK;
}

static int copy_text(const p2p_addr *addr, uint8_t tag, char *out, size_t cap)
{
    p2p__addr_layer layer;
    if (!addr || (!out && cap))
        return P2P_ERR_INVALID;
    if (!p2p__addr_find(addr, tag, &layer))
        return P2P_ERR_NOT_FOUND;
    if (cap <= layer.len)
        return P2P_ERR_NO_SPACE;
    memcpy(out, layer.body, layer.len);
    out[layer.len] = '\0';
    return P2P_OK;
}

int p2p_addr_scheme(const p2p_addr *addr, char *out, size_t cap)
{
    return copy_text(addr, P2P__ADDR_SCHEME, out, cap);
}

int p2p_addr_name(const p2p_addr *addr, char *out, size_t cap)
{
    return copy_text(addr, P2P__ADDR_NAME, out, cap);
}

int p2p_addr_set_ip(p2p_addr *addr, const p2p_ip *ip)
{
    p2p__addr_layer leaf;
    uint16_t port;
    p2p_addr plain;

    if (!addr || !ip)
        return P2P_ERR_INVALID;
    if (ip->family != 4 && ip->family != 6)
        return P2P_ERR_INVALID;
    if (p2p_addr_port(addr, &port) || !p2p__addr_leaf(addr, &leaf))
        return P2P_ERR_NOT_FOUND;
    int err = p2p_addr_from_ip(&plain, ip, port);
    if (err)
        return err;

    /* The IP address is the innermost layer, so nothing behind it has to move. */
    uint8_t *bytes = p2p__addr_bytes(addr);
    size_t size = (size_t)p2p__addr_cbytes(&plain)[0] - P2P__ADDR_START;
    if (leaf.start + size > P2P_ADDR_SIZE)
        return P2P_ERR_NO_SPACE;
    memset(bytes + leaf.start, 0, P2P_ADDR_SIZE - (size_t)leaf.start);
    memcpy(bytes + leaf.start, p2p__addr_cbytes(&plain) + P2P__ADDR_START, size);
    bytes[0] = (uint8_t)(leaf.start + size);
    return P2P_OK;
}

int p2p_addr_set_port(p2p_addr *addr, uint16_t port)
{
    if (!addr)
        return P2P_ERR_INVALID;
    size_t offset = port_offset(addr);
    if (offset == 0)
        return P2P_ERR_NOT_FOUND;
    p2p__store16be(p2p__addr_bytes(addr) + offset, port);
    return P2P_OK;
}

int p2p_ip_is_unspecified(const p2p_ip *ip)
{
    static const uint8_t zero[16] = {0};
    if (ip->family == 4)
        return memcmp(ip->bytes, zero, 4) == 0;
    if (ip->family != 6)
        return 0;
    /* ::ffff:0.0.0.0 is 0.0.0.0. */
    if (p2p__ip6_is_mapped(ip->bytes))
        return memcmp(ip->bytes + 12, zero, 4) == 0;
    return memcmp(ip->bytes, zero, 16) == 0;
}
