/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_ADDR_LAYOUT_H
#define P2P__CORE_ADDR_LAYOUT_H

/*
 * What is inside a p2p_addr. The 128 bytes are
 *
 *   byte 0    how many bytes are in use, this one included; 0 is the empty address
 *   byte 1..  the layers, outermost first; exactly one leaf, which is the last
 *   the rest  zero
 *
 * and a layer is its tag followed by
 *
 *   IP4     4 bytes address, 2 bytes port                   leaf; the address fills one word
 *   IP6     16 bytes address, 2 bytes port, 4 bytes scope   leaf; the address fills three words
 *   MEM     8 bytes node                                    leaf
 *   NAME    1 byte length, characters                       leaf
 *   PEER    32 bytes id                                     around what follows
 *   SCHEME  1 byte length, characters                       around what follows
 *
 * Numbers are big-endian. An IP6 layer never holds an IPv4-mapped address. So one address has one
 * representation, and comparing bytes compares addresses.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <p2p/addr.h>

#include "core/bytes.h"

enum {
    P2P__ADDR_IP4 = 1,
    P2P__ADDR_IP6 = 2,
    P2P__ADDR_MEM = 3,
    P2P__ADDR_NAME = 4,
    P2P__ADDR_PEER = 5,
    P2P__ADDR_SCHEME = 6
};

enum {
    P2P__ADDR_WORDS = P2P_ADDR_SIZE / 8,
    P2P__ADDR_START = 1, /* offset of the first layer */

    /* Whole size of a layer, tag included; for NAME and SCHEME without the characters. */
    P2P__ADDR_IP4_SIZE = 1 + 4 + 2,
    P2P__ADDR_IP6_SIZE = 1 + 16 + 2 + 4,
    P2P__ADDR_MEM_SIZE = 1 + 8,
    P2P__ADDR_PEER_SIZE = 1 + P2P_PEER_ID_SIZE,
    P2P__ADDR_TEXT_HEAD = 1 + 1,

    /* Offsets from the tag. */
    P2P__ADDR_IP4_PORT = 1 + 4,
    P2P__ADDR_IP6_PORT = 1 + 16,
    P2P__ADDR_IP6_SCOPE = 1 + 16 + 2,

    P2P__ADDR_NAME_MAX = 63,
    P2P__ADDR_SCHEME_MAX = 31
};

_Static_assert(sizeof(p2p_addr) == P2P_ADDR_SIZE, "an address is its words and nothing else");
_Static_assert(P2P_ADDR_SIZE <= UINT8_MAX, "byte 0 can count all bytes");
_Static_assert(P2P__ADDR_START + P2P__ADDR_IP4_SIZE == 8, "an IPv4 address fills one word");
_Static_assert(P2P__ADDR_START + P2P__ADDR_IP6_SIZE == 24, "an IPv6 address fills three words");
_Static_assert(P2P__ADDR_START + P2P__ADDR_SCHEME_MAX + P2P__ADDR_TEXT_HEAD + P2P__ADDR_PEER_SIZE +
                       P2P__ADDR_IP6_SIZE <=
                   P2P_ADDR_SIZE,
               "scheme://PEERID@[v6] always fits");

static inline uint8_t *p2p__addr_bytes(p2p_addr *addr)
{
    return (uint8_t *)addr->words;
}

static inline const uint8_t *p2p__addr_cbytes(const p2p_addr *addr)
{
    return (const uint8_t *)addr->words;
}

/* How many words can differ from zero: 1 to 16, whatever byte 0 says. */
static inline size_t p2p__addr_words_used(const p2p_addr *addr)
{
    size_t used = p2p__addr_cbytes(addr)[0];
    if (used > P2P_ADDR_SIZE)
        used = P2P_ADDR_SIZE;
    return used <= 8 ? 1 : (used + 7) / 8;
}

/* p2p_addr_equal() for the path of each datagram. Byte 0 is part of the first word, so from there
 * on both addresses have the same number of words in use. */
static inline bool p2p__addr_equal_fast(const p2p_addr *a, const p2p_addr *b)
{
    if (a->words[0] != b->words[0])
        return false;
    size_t n = p2p__addr_words_used(a);
    for (size_t i = 1; i < n; i++) {
        if (a->words[i] != b->words[i])
            return false;
    }
    return true;
}

/* Whether 16 bytes are an IPv4-mapped IPv6 address, ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
static inline bool p2p__ip6_is_mapped(const uint8_t ip[16])
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(ip, prefix, sizeof prefix) == 0;
}

/* Makes addr the plain address ip:port. ip is in network byte order, port is a plain number. */
static inline void p2p__addr_set_ip4(p2p_addr *addr, const uint8_t ip[4], uint16_t port)
{
    const uint8_t first[8] = {8,     P2P__ADDR_IP4,        ip[0],        ip[1], ip[2],
                              ip[3], (uint8_t)(port >> 8), (uint8_t)port};
    memset(addr, 0, sizeof *addr);
    memcpy(addr->words, first, sizeof first);
}

/* The same for [ip%scope]:port. A mapped address becomes IPv4 and loses its scope. */
static inline void p2p__addr_set_ip6(p2p_addr *addr, const uint8_t ip[16], uint16_t port,
                                     uint32_t scope)
{
    if (p2p__ip6_is_mapped(ip)) {
        p2p__addr_set_ip4(addr, ip + 12, port);
        return;
    }
    uint8_t *bytes = p2p__addr_bytes(addr);
    memset(addr, 0, sizeof *addr);
    bytes[0] = P2P__ADDR_START + P2P__ADDR_IP6_SIZE;
    bytes[1] = P2P__ADDR_IP6;
    memcpy(bytes + 2, ip, 16);
    p2p__store16be(bytes + 1 + P2P__ADDR_IP6_PORT, port);
    p2p__store32be(bytes + 1 + P2P__ADDR_IP6_SCOPE, scope);
}

/* Whether addr is a plain IP address and port, with nothing around it. */
static inline bool p2p__addr_is_ip4(const p2p_addr *addr)
{
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    return bytes[0] == P2P__ADDR_START + P2P__ADDR_IP4_SIZE && bytes[1] == P2P__ADDR_IP4;
}

static inline bool p2p__addr_is_ip6(const p2p_addr *addr)
{
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    return bytes[0] == P2P__ADDR_START + P2P__ADDR_IP6_SIZE && bytes[1] == P2P__ADDR_IP6;
}

/* Parts of an address of which p2p__addr_is_ip4() holds; the IP is in network byte order. */
static inline const uint8_t *p2p__addr_ip4_bytes(const p2p_addr *addr)
{
    return p2p__addr_cbytes(addr) + 2;
}

static inline uint16_t p2p__addr_ip4_port(const p2p_addr *addr)
{
    return p2p__load16be(p2p__addr_cbytes(addr) + P2P__ADDR_START + P2P__ADDR_IP4_PORT);
}

/* Parts of an address of which p2p__addr_is_ip6() holds. */
static inline const uint8_t *p2p__addr_ip6_bytes(const p2p_addr *addr)
{
    return p2p__addr_cbytes(addr) + 2;
}

static inline uint16_t p2p__addr_ip6_port(const p2p_addr *addr)
{
    return p2p__load16be(p2p__addr_cbytes(addr) + P2P__ADDR_START + P2P__ADDR_IP6_PORT);
}

static inline uint32_t p2p__addr_ip6_scope(const p2p_addr *addr)
{
    return p2p__load32be(p2p__addr_cbytes(addr) + P2P__ADDR_START + P2P__ADDR_IP6_SCOPE);
}

/*
 * One layer of an address, as the iterator meets it. Everything but the functions above reads
 * addresses through the iterator, which trusts nothing in the struct: it stops at the first byte
 * that makes no sense, and never points outside the 128 bytes.
 */
typedef struct p2p__addr_layer {
    const uint8_t *body; /* what follows the tag, or the characters of a NAME or SCHEME */
    uint8_t tag;
    uint8_t len;   /* bytes at body: 6, 22, 8, 32, or the number of characters */
    uint8_t start; /* offset of the tag */
    uint8_t end;   /* offset of the next layer; 0 before the first */
} p2p__addr_layer;

/* Moves to the next layer, the first if *layer is all zero. False after the leaf, and where the
 * address is broken; *layer is then unchanged. */
bool p2p__addr_next(const p2p_addr *addr, p2p__addr_layer *layer);

/* The outermost layer with that tag, and the leaf. False if there is none. */
bool p2p__addr_find(const p2p_addr *addr, uint8_t tag, p2p__addr_layer *layer);
bool p2p__addr_leaf(const p2p_addr *addr, p2p__addr_layer *layer);

/* Whether the layers are whole and end, with a leaf, where byte 0 says. */
bool p2p__addr_whole(const p2p_addr *addr);

/* Whether addr is one that this library makes: whole, canonical in every part, and zero behind. */
bool p2p__addr_valid(const p2p_addr *addr);

/* Whether len characters follow the rule for names, or that for schemes. */
bool p2p__addr_name_ok(const char *text, size_t len);
bool p2p__addr_scheme_ok(const char *text, size_t len);

/* Puts a NAME or SCHEME layer, or one of fixed size with `len` bytes of body, at bytes. Returns its
 * size. */
size_t p2p__addr_put_text(uint8_t *bytes, uint8_t tag, const char *text, size_t len);
size_t p2p__addr_put_fixed(uint8_t *bytes, uint8_t tag, const uint8_t *body, size_t len);

#endif
