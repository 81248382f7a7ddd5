/* SPDX-License-Identifier: MIT */
#ifndef P2P__P2PKE_WIRE_H
#define P2P__P2PKE_WIRE_H

/*
 * The wire of P2PKE: every constant, limit and layout. A datagram is a header of 4 bytes, the nonce
 * in big endian, and a body. docs/p2pke.md draws the layouts.
 */
#include <stddef.h>
#include <stdint.h>

#include <p2p/p2pke.h>

/* --- sizes --- */

#define P2P__PKE_HEADER_SIZE 4u
#define P2P__PKE_TAG_SIZE    16u
#define P2P__PKE_DH_SIZE     32u /* an X25519 key, public or private */
#define P2P__PKE_KEY_SIZE    32u /* a key of the AEAD */
#define P2P__PKE_HASH_SIZE   64u /* BLAKE2b-512 */
#define P2P__PKE_ID_SIZE     32u /* BLAKE2b-256 of a whole InitHello names its session */
#define P2P__PKE_TIME_SIZE   12u /* TAI64N */

/* Longest public key (DER) and signature: RSA of 4096 bits fits. */
#define P2P__PKE_MAX_KEY 640u
#define P2P__PKE_MAX_SIG 512u

/* version, timestamp, key, signature, extensions, each with its tag and length */
#define P2P__PKE_MAX_INIT_HELLO_PB \
    (2u + (2u + P2P__PKE_TIME_SIZE) + (3u + P2P__PKE_MAX_KEY) + (3u + P2P__PKE_MAX_SIG) + 2u)
#define P2P__PKE_MAX_RESP_HELLO_PB ((3u + P2P__PKE_MAX_KEY) + (3u + P2P__PKE_MAX_SIG) + 2u)
#define P2P__PKE_MAX_INIT_DONE_PB  (3u + P2P__PKE_MAX_SIG)

#define P2P__PKE_MAX_INIT_HELLO \
    (P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + P2P__PKE_MAX_INIT_HELLO_PB + 2u)
#define P2P__PKE_RESP_DONE_SIZE (P2P__PKE_HEADER_SIZE + P2P__PKE_TAG_SIZE)

/* What we accept as an InitHello: room for fields of the future, and no more. */
#define P2P__PKE_MAX_INIT_HELLO_IN P2P_PKE_MAX_HANDSHAKE

/* --- nonces --- */

#define P2P__PKE_NONCE_INIT_HELLO 0u
#define P2P__PKE_NONCE_RESP_HELLO 1u
#define P2P__PKE_NONCE_INIT_DONE  2u
#define P2P__PKE_NONCE_RESP_DONE  3u

/*
 * The reference never sends 4 to 15 and takes them as data. We send empty ones, which it takes
 * and does not show to its application: signs of life, which ours does not show either.
 */
#define P2P__PKE_NONCE_CONTROL 4u
#define P2P__PKE_NONCE_DATA    16u
#define P2P__PKE_NONCE_LIMIT   0xfffffffeu /* the first that is never used */

/* The reference rejects it, so it marks what only we understand; the next byte is the kind. */
#define P2P__PKE_NONCE_EXTENSION  0xffffffffu
#define P2P__PKE_COOKIE_REPLY     1u
#define P2P__PKE_COOKIE_HELLO     2u
#define P2P__PKE_COOKIE_SIZE      16u
#define P2P__PKE_COOKIE_ECHO_SIZE 16u /* how much of the session's id a CookieReply repeats */
#define P2P__PKE_EXTENSION_SIZE   (P2P__PKE_HEADER_SIZE + 1u)
#define P2P__PKE_COOKIE_REPLY_SIZE \
    (P2P__PKE_EXTENSION_SIZE + P2P__PKE_COOKIE_ECHO_SIZE + P2P__PKE_COOKIE_SIZE)
#define P2P__PKE_COOKIE_PREFIX_SIZE (P2P__PKE_EXTENSION_SIZE + P2P__PKE_COOKIE_SIZE)

/* --- protobuf --- */

#define P2P__PKE_VERSION 1u

/* Field 15 of InitHello and RespHello, which the reference skips: what the sender understands. */
#define P2P__PKE_EXT_COOKIE 1u /* bit 0: CookieReply and CookieHello */
#define P2P__PKE_EXT_ALL    (P2P__PKE_EXT_COOKIE)

/* --- signatures --- */

#define P2P__PKE_PURPOSE_BINDING   "p2pke/channel-binding"
#define P2P__PKE_PURPOSE_TIMESTAMP "p2pke/timestamp"

_Static_assert(P2P__PKE_HEADER_SIZE + P2P__PKE_TAG_SIZE == P2P_PKE_OVERHEAD, "overhead");
_Static_assert(P2P_PKE_MAX_MESSAGE + P2P_PKE_OVERHEAD == 65535, "a datagram has 16 bits of length");
_Static_assert(P2P__PKE_COOKIE_PREFIX_SIZE + P2P__PKE_MAX_INIT_HELLO <= P2P_PKE_MAX_HANDSHAKE,
               "the longest handshake message fits its buffer");
_Static_assert(P2P__PKE_MAX_INIT_HELLO_PB <= UINT16_MAX, "the length of the protobuf has 16 bits");

/* --- messages --- */

/* The fields of InitHello and RespHello, pointing into the message. What is absent is NULL or 0. */
typedef struct p2p__pke_claim {
    uint64_t version;
    const uint8_t *time; /* TAI64N */
    size_t time_len;
    const uint8_t *key; /* SPKI, DER */
    size_t key_len;
    const uint8_t *sig;
    size_t sig_len;
    uint64_t extensions;
} p2p__pke_claim;

/* An InitHello: where its parts are, and what its protobuf says. */
typedef struct p2p__pke_init_hello {
    const uint8_t *ephemeral; /* e of the initiator */
    const uint8_t *payload;   /* all that follows it, which the handshake hashes */
    size_t payload_len;
    p2p__pke_claim claim;
} p2p__pke_init_hello;

/*
 * Readers of whole datagrams and of the plaintexts in them: forms and lengths are checked, meanings
 * are not. They return 0 or P2P_ERR_MALFORMED. Unknown fields are skipped; of a field that comes
 * twice the last counts.
 */
int p2p__pke_read_init_hello(const uint8_t *datagram, size_t len, p2p__pke_init_hello *out);
int p2p__pke_read_resp_hello(const uint8_t *plain, size_t len, p2p__pke_claim *out);
int p2p__pke_read_init_done(const uint8_t *plain, size_t len, const uint8_t **sig, size_t *sig_len);

/*
 * Writers. Lengths must be within the limits above, and out holds the largest of its kind. They
 * return what they wrote. p2p__pke_write_init_hello writes the payload: protobuf and length.
 */
size_t p2p__pke_write_init_hello(uint8_t *out, const p2p__pke_claim *claim);
size_t p2p__pke_write_resp_hello(uint8_t *out, const p2p__pke_claim *claim);
size_t p2p__pke_write_init_done(uint8_t *out, const uint8_t *sig, size_t sig_len);

#endif
