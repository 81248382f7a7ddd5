/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_DER_H
#define P2P__FORMAT_DER_H

/*
 * Strict DER (X.690): reading and writing. All readers return 0 or P2P_ERR_MALFORMED; on failure
 * they leave what they read from, and their results, as they were.
 */
#include <stddef.h>
#include <stdint.h>

/* Tags (X.690, 8.1.2; only the low-tag-number form exists here). */
#define P2P__DER_BOOLEAN          0x01u
#define P2P__DER_INTEGER          0x02u
#define P2P__DER_BIT_STRING       0x03u
#define P2P__DER_OCTET_STRING     0x04u
#define P2P__DER_NULL             0x05u
#define P2P__DER_OID              0x06u
#define P2P__DER_UTC_TIME         0x17u
#define P2P__DER_GENERALIZED_TIME 0x18u
#define P2P__DER_SEQUENCE         0x30u
#define P2P__DER_SET              0x31u
/* Context-specific: the n-th, primitive or constructed. */
#define P2P__DER_CONTEXT(n)     (0x80u | (n))
#define P2P__DER_CONTEXT_SEQ(n) (0xa0u | (n))

/* Longest length that is read, and how deep elements may nest where any are allowed. */
#define P2P__DER_MAX_LEN   0xffffffu
#define P2P__DER_MAX_DEPTH 8

/* A piece of input: what is still to be read, or an element. */
typedef struct p2p__bytes {
    const uint8_t *p;
    size_t len;
} p2p__bytes;

/* Takes the next element, whatever it is: its tag, its content, and the whole of it. */
int p2p__der_any(p2p__bytes *in, uint8_t *tag, p2p__bytes *content, p2p__bytes *whole);

/* Takes the next element, which must have this tag. whole may be NULL. */
int p2p__der_get(p2p__bytes *in, uint8_t tag, p2p__bytes *content, p2p__bytes *whole);

/* Whether there is a next element and it has this tag. */
int p2p__der_next_is(const p2p__bytes *in, uint8_t tag);

/* Take an INTEGER (minimal) that is not negative, with its sign byte; a small one as a number. */
int p2p__der_uint(p2p__bytes *in, p2p__bytes *content);
int p2p__der_small(p2p__bytes *in, unsigned *value);

/* Takes a BIT STRING of whole bytes. */
int p2p__der_bits(p2p__bytes *in, p2p__bytes *bits);

/* Takes an OBJECT IDENTIFIER of at most P2P_OID_MAX bytes. */
int p2p__der_oid(p2p__bytes *in, p2p__bytes *oid);

/* Whether these content bytes are an object identifier: 0 or P2P_ERR_MALFORMED. */
int p2p__der_oid_check(p2p__bytes oid);

/* Whether this is a series of elements that follow DER as far as can be told without their types.
 * depth is 0. */
int p2p__der_check(p2p__bytes in, int depth);

/*
 * A writer, which works backwards so that the lengths are known when they are written: put the last
 * thing first. It counts on when the buffer is full.
 */
typedef struct p2p__der_out {
    uint8_t *buf;
    size_t cap;
    size_t len; /* written so far, at the end of buf; above cap: it did not fit */
} p2p__der_out;

/* Puts bytes as they are. */
void p2p__der_put(p2p__der_out *out, const void *data, size_t len);

/* Puts the head of an element whose content is all that was put since the length was `from`. */
void p2p__der_head(p2p__der_out *out, uint8_t tag, size_t from);

/* Both: an element with this content. */
void p2p__der_element(p2p__der_out *out, uint8_t tag, const void *data, size_t len);

/* Puts a BIT STRING of whole bytes. */
void p2p__der_put_bits(p2p__der_out *out, const void *data, size_t len);

/*
 * Moves the result to the start of the buffer, zeroes the rest and sets *len. Returns 0, or
 * P2P_ERR_NO_SPACE with the buffer all zero and *len the size needed.
 */
int p2p__der_finish(p2p__der_out *out, size_t *len);

#endif
