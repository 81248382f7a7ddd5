/* SPDX-License-Identifier: MIT */
#include "core/addr_layout.h"

#include <p2p/err.h>

#include "core/siphash.h"

p2p_addr_kind p2p_addr_kind_of(const p2p_addr *addr)
{
    p2p__addr_layer layer = {0};
    if (!p2p__addr_next(addr, &layer))
        return P2P_ADDR_NONE;
    switch (layer.tag) {
    case P2P__ADDR_IP4:
    case P2P__ADDR_IP6:
        return P2P_ADDR_IP;
    case P2P__ADDR_MEM:
        return P2P_ADDR_MEM;
    case P2P__ADDR_NAME:
        return P2P_ADDR_NAME;
    case P2P__ADDR_PEER:
        return P2P_ADDR_PEER;
    case P2P__ADDR_SCHEME:
        return P2P_ADDR_SCHEME;
    default:
        return P2P_ADDR_NONE;
    }
}

/*
 * Equality, order and hash look at the same bytes, the words in use. So they agree with one another
 * even on structs that are no addresses.
 */
int p2p_addr_equal(const p2p_addr *a, const p2p_addr *b)
{
    return p2p__addr_equal_fast(a, b);
}

int p2p_addr_compare(const p2p_addr *a, const p2p_addr *b)
{
    /* If b is longer or shorter than a, byte 0 decides before that matters. */
    return memcmp(a->words, b->words, p2p__addr_words_used(a) * 8);
}

uint64_t p2p_addr_hash(const p2p_addr *addr, uint64_t seed)
{
    return p2p__siphash24_seeded(seed, addr->words, p2p__addr_words_used(addr) * 8);
}

int p2p_addr_from_ip(p2p_addr *out, const p2p_ip *ip, uint16_t port)
{
    p2p_addr addr;
    if (!out || !ip)
        return P2P_ERR_INVALID;
    if (ip->family == 4)
        p2p__addr_set_ip4(&addr, ip->bytes, port);
    else if (ip->family == 6)
        p2p__addr_set_ip6(&addr, ip->bytes, port, ip->scope);
    else
        return P2P_ERR_INVALID;
    *out = addr;
    return P2P_OK;
}

void p2p_addr_from_mem(p2p_addr *out, uint64_t node)
{
    uint8_t *bytes = p2p__addr_bytes(out);
    memset(out, 0, sizeof *out);
    bytes[0] = P2P__ADDR_START + P2P__ADDR_MEM_SIZE;
    bytes[P2P__ADDR_START] = P2P__ADDR_MEM;
    p2p__store64be(bytes + P2P__ADDR_START + 1, node);
}

/* strlen() that stops one character behind the longest text that is valid. */
static size_t bounded_len(const char *text, size_t max)
{
    size_t len = 0;
    while (len <= max && text[len] != '\0')
        len++;
    return len;
}

int p2p_addr_from_name(p2p_addr *out, const char *name)
{
    if (!out || !name)
        return P2P_ERR_INVALID;
    size_t len = bounded_len(name, P2P__ADDR_NAME_MAX);
    if (!p2p__addr_name_ok(name, len))
        return P2P_ERR_INVALID;

    p2p_addr addr = {{0}};
    uint8_t *bytes = p2p__addr_bytes(&addr);
    size_t size = p2p__addr_put_text(bytes + P2P__ADDR_START, P2P__ADDR_NAME, name, len);
    bytes[0] = (uint8_t)(P2P__ADDR_START + size);
    *out = addr;
    return P2P_OK;
}

/* Copies the layers of inner behind the first layer_size bytes of layers in *addr, which is
 * otherwise zero. */
static int append_inner(p2p_addr *addr, size_t layer_size, const p2p_addr *inner)
{
    size_t inner_size = (size_t)p2p__addr_cbytes(inner)[0] - P2P__ADDR_START;
    size_t used = P2P__ADDR_START + layer_size + inner_size;
    uint8_t *bytes = p2p__addr_bytes(addr);

    if (used > P2P_ADDR_SIZE)
        return P2P_ERR_NO_SPACE;
    memcpy(bytes + P2P__ADDR_START + layer_size, p2p__addr_cbytes(inner) + P2P__ADDR_START,
           inner_size);
    bytes[0] = (uint8_t)used;
    return P2P_OK;
}

int p2p_addr_wrap_peer(p2p_addr *out, const uint8_t id[P2P_PEER_ID_SIZE], const p2p_addr *inner)
{
    if (!out || !id || !inner)
        return P2P_ERR_INVALID;
    if (!p2p__addr_whole(inner))
        return P2P_ERR_BAD_ADDR;

    p2p_addr addr = {{0}};
    size_t size = p2p__addr_put_fixed(p2p__addr_bytes(&addr) + P2P__ADDR_START, P2P__ADDR_PEER, id,
                                      P2P_PEER_ID_SIZE);
    int err = append_inner(&addr, size, inner);
    if (err)
        return err;
    *out = addr;
    return P2P_OK;
}

int p2p_addr_wrap_scheme(p2p_addr *out, const char *scheme, const p2p_addr *inner)
{
    if (!out || !scheme || !inner)
        return P2P_ERR_INVALID;
    size_t len = bounded_len(scheme, P2P__ADDR_SCHEME_MAX);
    if (!p2p__addr_scheme_ok(scheme, len))
        return P2P_ERR_INVALID;
    if (!p2p__addr_whole(inner))
        return P2P_ERR_BAD_ADDR;

    p2p_addr addr = {{0}};
    size_t size = p2p__addr_put_text(p2p__addr_bytes(&addr) + P2P__ADDR_START, P2P__ADDR_SCHEME,
                                     scheme, len);
    int err = append_inner(&addr, size, inner);
    if (err)
        return err;
    *out = addr;
    return P2P_OK;
}

int p2p_addr_unwrap(const p2p_addr *addr, p2p_addr *out)
{
    if (!addr || !out)
        return P2P_ERR_INVALID;
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    p2p__addr_layer outer = {0};
    if (!p2p__addr_next(addr, &outer))
        return P2P_ERR_NOT_FOUND;

    p2p__addr_layer next = outer;
    if (!p2p__addr_next(addr, &next))
        return P2P_ERR_NOT_FOUND;

    p2p_addr inner = {{0}};
    size_t size = (size_t)bytes[0] - outer.end;
    memcpy(p2p__addr_bytes(&inner) + P2P__ADDR_START, bytes + outer.end, size);
    p2p__addr_bytes(&inner)[0] = (uint8_t)(P2P__ADDR_START + size);
    *out = inner;
    return P2P_OK;
}
