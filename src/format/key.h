/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_KEY_H
#define P2P__FORMAT_KEY_H

/* What the readers and writers of keys and certificates share. */
#include <p2p/x509.h>

#include "format/der.h"

/*
 * Takes an AlgorithmIdentifier. Its parameters may be of any type, but follow DER, and the
 * algorithms of RFC 8410 have none. Returns 0 or P2P_ERR_MALFORMED.
 */
int p2p__algorithm_read(p2p__bytes *in, p2p_algorithm_id *out);

/* Takes a SubjectPublicKeyInfo. Returns 0 or P2P_ERR_MALFORMED. */
int p2p__spki_read(p2p__bytes *in, p2p_spki *out);

/* The length of public and private keys of the algorithms of RFC 8410; 0 for all others. */
size_t p2p__rfc8410_key_len(const p2p_algorithm_id *id);

/* The AlgorithmIdentifier of Ed25519: for keys and for signatures (RFC 8410, 3). */
#define P2P__ED25519_IDENTIFIER_LEN 7u
extern const uint8_t p2p__ed25519_identifier[P2P__ED25519_IDENTIFIER_LEN];

/* The algorithms of the registries. */
extern const p2p_key_algorithm p2p__ed25519;
extern const p2p_key_algorithm p2p__ecdsa_p256;
extern const p2p_key_algorithm p2p__rsa;
extern const p2p_key_algorithm p2p__rsa_pss;

#endif
