/* SPDX-License-Identifier: MIT */
#ifndef P2P__LOOP_INTERFACES_H
#define P2P__LOOP_INTERFACES_H

#include <p2p/addr.h>

/* Address families, as bits. */
#define P2P__FAMILY_IP4 1u
#define P2P__FAMILY_IP6 2u

/* p2p_addr_expand() to the interfaces' addresses of these families: what a socket that is bound to
 * an unspecified address can really be reached at. */
int p2p__addr_expand(const p2p_addr *addr, unsigned families, p2p_addr *out, size_t cap, size_t *n);

#endif
