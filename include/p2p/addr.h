/* SPDX-License-Identifier: MIT */
#ifndef P2P_ADDR_H
#define P2P_ADDR_H

#include <stddef.h>
#include <stdint.h>

#include <p2p/export.h>

P2P_BEGIN_DECLS

/*
 * An address: where a message comes from or goes to. A plain value of fixed size without pointers:
 * copy it with =, keep it as long as you like, use it as a key. Two addresses are the same if and
 * only if p2p_addr_equal() says so, and if and only if their texts are the same.
 *
 * An address is a stack of layers, the outermost first, and describes itself: its text, a peer id,
 * the IP address and the port can be had without asking the swarm that made it.
 *
 *   layer    text form                        made by
 *   ip       127.0.0.1:4000, [::1]:4000       UDP, TCP     (fe80::1%2 carries a numeric scope)
 *   mem      17                               memory swarm
 *   name     any-name.of_yours                your own swarm: a letter, then letters, digits, -_.
 *   peer     PEERID@inner                     P2PKE, QUIC  (PEERID: 43 characters, see below)
 *   scheme   udp://inner                      multi swarm: a letter, then letters, digits, +-.
 *
 * An IPv4-mapped IPv6 address is the same address as its IPv4 form: [::ffff:1.2.3.4]:5
 * is 1.2.3.4:5. All functions here but p2p_addr_expand() are pure; any thread may call them.
 *
 * Pointers must not be NULL: a function that returns an error code then gives P2P_ERR_INVALID (but
 * out may be NULL where cap is 0, and of NULL for a text to read p2p_addr_parse() and
 * p2p_peer_id_parse() say what they say of a bad one); the others do not check it.
 */
#define P2P_ADDR_SIZE 128

typedef struct p2p_addr {
    uint64_t words[P2P_ADDR_SIZE / 8]; /* private; all zero: the empty address, nobody's */
} p2p_addr;

/* A buffer of this size holds the text of any address, with its terminating NUL. */
#define P2P_ADDR_TEXT_SIZE 256

/* Bytes of a peer id, and characters of its text (without NUL). */
#define P2P_PEER_ID_SIZE     32
#define P2P_PEER_ID_TEXT_LEN 43

/* An IP address without a port. */
typedef struct p2p_ip {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* network byte order; the first 4 for IPv4, the others zero */
    uint32_t scope;    /* interface index of a link-local IPv6 address, otherwise 0 */
} p2p_ip;

/* What the outermost layer of an address is. */
typedef enum p2p_addr_kind {
    P2P_ADDR_NONE = 0, /* the empty address */
    P2P_ADDR_IP = 1,
    P2P_ADDR_MEM = 2,
    P2P_ADDR_NAME = 3,
    P2P_ADDR_PEER = 4,
    P2P_ADDR_SCHEME = 5
} p2p_addr_kind;

/* The kind of the outermost layer; P2P_ADDR_NONE if the address is empty or broken. */
P2P_API p2p_addr_kind p2p_addr_kind_of(const p2p_addr *addr);

/*
 * Whether two addresses are the same; an order (total, stable, otherwise without meaning: below 0,
 * 0 or above 0); and a hash for tables (SipHash-2-4 keyed by seed, so that peers cannot choose
 * collisions: give each table its own secret seed).
 */
P2P_API int p2p_addr_equal(const p2p_addr *a, const p2p_addr *b);
P2P_API int p2p_addr_compare(const p2p_addr *a, const p2p_addr *b);
P2P_API uint64_t p2p_addr_hash(const p2p_addr *addr, uint64_t seed);

/*
 * Text of an address, NUL-terminated, in its one canonical form (IPv6 as in RFC 5952).
 * Returns 0, or P2P_ERR_NO_SPACE if cap is too small (P2P_ADDR_TEXT_SIZE never is), or
 * P2P_ERR_BAD_ADDR for an address that is empty or was not made by this library.
 */
P2P_API P2P_MUST_USE int p2p_addr_text(const p2p_addr *addr, char *out, size_t cap);

/*
 * Reads the text forms listed above. To read an address that a certain swarm can reach, use
 * p2p_parse_addr(), which also refuses what the swarm does not know. Strict: no spaces, no leading
 * zeros or signs in numbers, no junk; host names are not looked up. Several spellings of one IPv6
 * address are read, one is written. Returns 0, P2P_ERR_BAD_ADDR, or P2P_ERR_NO_SPACE if the address
 * has more layers than fit.
 */
P2P_API P2P_MUST_USE int p2p_addr_parse(const char *text, p2p_addr *out);

/*
 * Makers of the innermost layer. An IPv4-mapped IPv6 address becomes IPv4; a scope is kept on IPv6
 * only. p2p_addr_from_ip: P2P_ERR_INVALID for a family that is neither 4 nor 6. p2p_addr_from_name:
 * P2P_ERR_INVALID for a name that breaks the rule above or has more than 63 characters.
 */
P2P_API P2P_MUST_USE int p2p_addr_from_ip(p2p_addr *out, const p2p_ip *ip, uint16_t port);
P2P_API void p2p_addr_from_mem(p2p_addr *out, uint64_t node);
P2P_API P2P_MUST_USE int p2p_addr_from_name(p2p_addr *out, const char *name);

/*
 * Makers of an outer layer around `inner`; out and inner may be the same object.
 * Return 0, P2P_ERR_NO_SPACE if the result does not fit, P2P_ERR_BAD_ADDR if inner is empty or
 * broken, P2P_ERR_INVALID for a scheme that breaks the rule above or has more than 31 characters.
 */
P2P_API P2P_MUST_USE int p2p_addr_wrap_peer(p2p_addr *out, const uint8_t id[P2P_PEER_ID_SIZE],
                                            const p2p_addr *inner);
P2P_API P2P_MUST_USE int p2p_addr_wrap_scheme(p2p_addr *out, const char *scheme,
                                              const p2p_addr *inner);

/* Takes the outermost layer off. Returns 0, or P2P_ERR_NOT_FOUND if there is no inner address. out
 * may be addr. */
P2P_API P2P_MUST_USE int p2p_addr_unwrap(const p2p_addr *addr, p2p_addr *out);

/*
 * Readers, at any depth; of several peer ids or schemes the outermost. Each returns 0, or
 * P2P_ERR_NOT_FOUND if the address has no such part; then *out is untouched. The scheme and the
 * name are written NUL-terminated (P2P_ERR_NO_SPACE if cap is too small).
 */
P2P_API P2P_MUST_USE int p2p_addr_ip(const p2p_addr *addr, p2p_ip *out);
P2P_API P2P_MUST_USE int p2p_addr_port(const p2p_addr *addr, uint16_t *out);
P2P_API P2P_MUST_USE int p2p_addr_mem(const p2p_addr *addr, uint64_t *out);
P2P_API P2P_MUST_USE int p2p_addr_peer_id(const p2p_addr *addr, uint8_t out[P2P_PEER_ID_SIZE]);
P2P_API P2P_MUST_USE int p2p_addr_scheme(const p2p_addr *addr, char *out, size_t cap);
P2P_API P2P_MUST_USE int p2p_addr_name(const p2p_addr *addr, char *out, size_t cap);

/*
 * Replace the IP address or the port, at any depth, in place. Return 0, P2P_ERR_NOT_FOUND if there
 * is none, P2P_ERR_INVALID for a bad family, P2P_ERR_NO_SPACE if an IPv6 address does not fit in
 * place of an IPv4 one.
 */
P2P_API P2P_MUST_USE int p2p_addr_set_ip(p2p_addr *addr, const p2p_ip *ip);
P2P_API P2P_MUST_USE int p2p_addr_set_port(p2p_addr *addr, uint16_t port);

/* Whether it is 0.0.0.0 or ::, the address that stands for all interfaces of a machine. */
P2P_API int p2p_ip_is_unspecified(const p2p_ip *ip);

/*
 * Expands an address whose IP is unspecified into one address per address of this machine's
 * interfaces that are up (0.0.0.0: IPv4 only; ::: both families, as a dual-stack socket listens),
 * loopback last; any other address is returned as it is. Writes at most cap addresses, sets *n to
 * how many there are. Asks the operating system. Returns 0, P2P_ERR_NO_SPACE if *n > cap (the first
 * cap are written), P2P_ERR_BAD_ADDR, P2P_ERR_NO_MEMORY, P2P_ERR_IO.
 */
P2P_API P2P_MUST_USE int p2p_addr_expand(const p2p_addr *addr, p2p_addr *out, size_t cap,
                                         size_t *n);

/*
 * Text of a peer id: base64 without padding over the alphabet
 * -0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz, so that texts sort as ids do.
 * The reader is strict: exactly 43 characters of the alphabet with the unused bits zero, else
 * P2P_ERR_MALFORMED. (Source: go-p2p PeerID; its own reader ignores errors and maps many texts to
 * one id.)
 */
P2P_API void p2p_peer_id_text(const uint8_t id[P2P_PEER_ID_SIZE],
                              char out[P2P_PEER_ID_TEXT_LEN + 1]);
P2P_API P2P_MUST_USE int p2p_peer_id_parse(const char *text, size_t len,
                                           uint8_t out[P2P_PEER_ID_SIZE]);

P2P_END_DECLS

#endif
