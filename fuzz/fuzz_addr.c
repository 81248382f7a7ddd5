/* SPDX-License-Identifier: MIT */
/*
 * The input is taken twice: as a text to parse, and as the bytes of an address that a caller hands
 * in without having made it. Whatever parses has one text, which reads back as the same address; no
 * reader looks outside the struct or fills its output when it fails.
 */
#include "core/addr_layout.h"

#include <stdlib.h>

#include <p2p/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int condition)
{
    if (!condition)
        abort();
}

static int all_bytes_are(const void *object, size_t size, uint8_t value)
{
    const uint8_t *bytes = object;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value)
            return 0;
    }
    return 1;
}

/* Text and address are one to one. */
static void check_valid(const p2p_addr *addr)
{
    char text[P2P_ADDR_TEXT_SIZE], shorter[P2P_ADDR_TEXT_SIZE];
    p2p_addr again;

    require(p2p__addr_valid(addr) && p2p__addr_whole(addr));
    require(p2p_addr_text(addr, text, sizeof text) == 0);
    size_t size = strlen(text) + 1;
    require(p2p_addr_text(addr, shorter, size) == 0);
    require(p2p_addr_text(addr, shorter, size - 1) == P2P_ERR_NO_SPACE);
    require(p2p_addr_parse(text, &again) == 0);
    require(memcmp(&again, addr, sizeof again) == 0);
    require(p2p_addr_equal(&again, addr) && p2p_addr_compare(&again, addr) == 0);
    require(p2p_addr_hash(&again, 1) == p2p_addr_hash(addr, 1));
}

/* Layers that are taken off and put on again give the address they came from. */
static void check_layers(const p2p_addr *addr)
{
    uint8_t id[P2P_PEER_ID_SIZE];
    char scheme[P2P__ADDR_SCHEME_MAX + 1];
    p2p_addr inner;
    int err = p2p_addr_unwrap(addr, &inner);

    switch (p2p_addr_kind_of(addr)) {
    case P2P_ADDR_PEER:
        require(err == 0 && p2p_addr_peer_id(addr, id) == 0);
        require(p2p_addr_wrap_peer(&inner, id, &inner) == 0);
        break;
    case P2P_ADDR_SCHEME:
        require(err == 0 && p2p_addr_scheme(addr, scheme, sizeof scheme) == 0);
        require(p2p_addr_wrap_scheme(&inner, scheme, &inner) == 0);
        break;
    case P2P_ADDR_IP:
    case P2P_ADDR_MEM:
    case P2P_ADDR_NAME:
    case P2P_ADDR_NONE:
    default:
        require(err == P2P_ERR_NOT_FOUND);
        return;
    }
    require(p2p_addr_equal(&inner, addr));
}

static void check_replace(const p2p_addr *addr)
{
    p2p_ip ip;
    uint16_t port;
    p2p_addr copy = *addr;
    if (p2p_addr_ip(addr, &ip))
        return;
    require(p2p_addr_port(addr, &port) == 0);
    require(p2p_addr_set_port(&copy, (uint16_t)~port) == 0);
    require(!p2p_addr_equal(&copy, addr));
    require(p2p_addr_set_ip(&copy, &(p2p_ip){.family = 4}) == 0);
    check_valid(&copy);
    require(p2p_addr_set_ip(&copy, &ip) == 0);
    require(p2p_addr_set_port(&copy, port) == 0);
    require(p2p_addr_equal(&copy, addr));
}

static void parse_input(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    char out[P2P_ADDR_TEXT_SIZE];
    p2p_addr addr;

    if (!text)
        return;
    if (len)
        memcpy(text, data, len);
    text[len] = '\0';
    memset(&addr, 0xa5, sizeof addr);
    int err = p2p_addr_parse(text, &addr);
    if (err) {
        require(err == P2P_ERR_BAD_ADDR || err == P2P_ERR_NO_SPACE);
        require(all_bytes_are(&addr, sizeof addr, 0xa5));
    } else {
        check_valid(&addr);
        check_layers(&addr);
        check_replace(&addr);
        /* Only IPv6 has more than one spelling. */
        require(p2p_addr_text(&addr, out, sizeof out) == 0);
        require(strchr(text, '[') || strcmp(text, out) == 0);
    }
    free(text);
}

static void read_parts(const p2p_addr *addr)
{
    p2p_ip ip;
    uint16_t port;
    uint64_t node;
    uint8_t id[P2P_PEER_ID_SIZE];
    char text[P2P__ADDR_NAME_MAX + 1];

    memset(&ip, 0xa5, sizeof ip);
    if (p2p_addr_ip(addr, &ip))
        require(all_bytes_are(&ip, sizeof ip, 0xa5));
    memset(&port, 0xa5, sizeof port);
    if (p2p_addr_port(addr, &port))
        require(all_bytes_are(&port, sizeof port, 0xa5));
    memset(&node, 0xa5, sizeof node);
    if (p2p_addr_mem(addr, &node))
        require(all_bytes_are(&node, sizeof node, 0xa5));
    memset(id, 0xa5, sizeof id);
    if (p2p_addr_peer_id(addr, id))
        require(all_bytes_are(id, sizeof id, 0xa5));
    memset(text, 0xa5, sizeof text);
    if (p2p_addr_name(addr, text, sizeof text))
        require(all_bytes_are(text, sizeof text, 0xa5));
    memset(text, 0xa5, sizeof text);
    if (p2p_addr_scheme(addr, text, P2P__ADDR_SCHEME_MAX + 1))
        require(all_bytes_are(text, sizeof text, 0xa5));
}

static void read_input(const uint8_t *data, size_t len)
{
    static const uint8_t id[P2P_PEER_ID_SIZE] = {1};
    char text[P2P_ADDR_TEXT_SIZE];
    p2p_addr addr = {{0}}, out;

    if (len)
        memcpy(addr.words, data, len < sizeof addr ? len : sizeof addr);
    p2p_addr copy = addr;

    read_parts(&addr);
    if (p2p__addr_valid(&addr)) {
        check_valid(&addr);
        check_layers(&addr);
        check_replace(&addr);
    } else {
        require(p2p_addr_text(&addr, text, sizeof text) == P2P_ERR_BAD_ADDR);
    }
    require(p2p_addr_equal(&addr, &copy) && p2p_addr_compare(&addr, &copy) == 0);
    require(p2p_addr_hash(&addr, 1) == p2p_addr_hash(&copy, 1));

    /* A maker takes what it cannot know to be bad, but makes nothing that is worse. */
    if (p2p_addr_wrap_peer(&out, id, &addr) == 0)
        require(p2p__addr_whole(&out));
    if (p2p_addr_wrap_scheme(&out, "udp", &addr) == 0)
        require(p2p__addr_whole(&out));
    if (p2p_addr_unwrap(&addr, &out) == 0)
        read_parts(&out);
    if (p2p_addr_set_port(&copy, 1) == 0)
        read_parts(&copy);
    if (p2p_addr_set_ip(&copy, &(p2p_ip){.family = 6, .bytes = {1}}) == 0)
        require(p2p__addr_whole(&copy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    parse_input(data, len);
    read_input(data, len);
    return 0;
}
