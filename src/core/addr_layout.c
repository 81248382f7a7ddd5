/* SPDX-License-Identifier: MIT */
#include "core/addr_layout.h"

static bool is_leaf(uint8_t tag)
{
    return tag >= P2P__ADDR_IP4 && tag <= P2P__ADDR_NAME;
}

/* The bytes of a layer of fixed size, tag included; 0 for a tag that is none of these. */
static size_t fixed_size(uint8_t tag)
{
    switch (tag) {
    case P2P__ADDR_IP4:
        return P2P__ADDR_IP4_SIZE;
    case P2P__ADDR_IP6:
        return P2P__ADDR_IP6_SIZE;
    case P2P__ADDR_MEM:
        return P2P__ADDR_MEM_SIZE;
    case P2P__ADDR_PEER:
        return P2P__ADDR_PEER_SIZE;
    default:
        return 0;
    }
}

/* The most characters of a layer of text; 0 for a tag that is none of these. */
static size_t text_max(uint8_t tag)
{
    if (tag == P2P__ADDR_NAME)
        return P2P__ADDR_NAME_MAX;
    return tag == P2P__ADDR_SCHEME ? P2P__ADDR_SCHEME_MAX : 0;
}

bool p2p__addr_next(const p2p_addr *addr, p2p__addr_layer *layer)
{
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    size_t used = bytes[0];
    size_t start = layer->end ? layer->end : P2P__ADDR_START;

    if (used > P2P_ADDR_SIZE || start >= used || (layer->end && is_leaf(layer->tag)))
        return false;

    uint8_t tag = bytes[start];
    size_t head = 1;
    size_t size = fixed_size(tag);
    if (size == 0) {
        if (start + P2P__ADDR_TEXT_HEAD > used)
            return false;
        size_t len = bytes[start + 1];
        if (len == 0 || len > text_max(tag))
            return false;
        head = P2P__ADDR_TEXT_HEAD;
        size = head + len;
    }
    if (size > used - start)
        return false;

    layer->body = bytes + start + head;
    layer->tag = tag;
    layer->len = (uint8_t)(size - head);
    layer->start = (uint8_t)start;
    layer->end = (uint8_t)(start + size);
    return true;
}

bool p2p__addr_find(const p2p_addr *addr, uint8_t tag, p2p__addr_layer *layer)
{
    p2p__addr_layer at = {0};
    while (p2p__addr_next(addr, &at)) {
        if (at.tag == tag) {
            *layer = at;
            return true;
        }
    }
    return false;
}

bool p2p__addr_leaf(const p2p_addr *addr, p2p__addr_layer *layer)
{
    p2p__addr_layer at = {0};
    while (p2p__addr_next(addr, &at)) {
        if (is_leaf(at.tag)) {
            *layer = at;
            return true;
        }
    }
    return false;
}

bool p2p__addr_whole(const p2p_addr *addr)
{
    p2p__addr_layer leaf;
    return p2p__addr_leaf(addr, &leaf) && leaf.end == p2p__addr_cbytes(addr)[0];
}

static bool layer_canonical(const p2p__addr_layer *layer)
{
    switch (layer->tag) {
    case P2P__ADDR_IP6:
        return !p2p__ip6_is_mapped(layer->body);
    case P2P__ADDR_NAME:
        return p2p__addr_name_ok((const char *)layer->body, layer->len);
    case P2P__ADDR_SCHEME:
        return p2p__addr_scheme_ok((const char *)layer->body, layer->len);
    default:
        return true;
    }
}

bool p2p__addr_valid(const p2p_addr *addr)
{
    static const uint8_t zero[P2P_ADDR_SIZE] = {0};
    const uint8_t *bytes = p2p__addr_cbytes(addr);
    p2p__addr_layer at = {0};

    while (p2p__addr_next(addr, &at)) {
        if (!layer_canonical(&at))
            return false;
    }
    if (!is_leaf(at.tag) || at.end != bytes[0])
        return false;
    return memcmp(bytes + at.end, zero, P2P_ADDR_SIZE - (size_t)at.end) == 0;
}

/* Not isalpha(): that depends on the locale. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

bool p2p__addr_name_ok(const char *text, size_t len)
{
    if (len == 0 || len > P2P__ADDR_NAME_MAX || !is_letter(text[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        char c = text[i];
        if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

bool p2p__addr_scheme_ok(const char *text, size_t len)
{
    if (len == 0 || len > P2P__ADDR_SCHEME_MAX || !is_letter(text[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        char c = text[i];
        if (!is_letter_or_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

size_t p2p__addr_put_text(uint8_t *bytes, uint8_t tag, const char *text, size_t len)
{
    bytes[0] = tag;
    bytes[1] = (uint8_t)len;
    memcpy(bytes + P2P__ADDR_TEXT_HEAD, text, len);
    return P2P__ADDR_TEXT_HEAD + len;
}

size_t p2p__addr_put_fixed(uint8_t *bytes, uint8_t tag, const uint8_t *body, size_t len)
{
    bytes[0] = tag;
    memcpy(bytes + 1, body, len);
    return 1 + len;
}
