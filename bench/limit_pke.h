/* SPDX-License-Identifier: MIT */
#ifndef LIMIT_PKE_H
#define LIMIT_PKE_H

/*
 * The limit of P2PKE: the bare calls of the cryptographic libraries that its messages and
 * handshakes cannot do without, with keys that are set already, and nothing around them.
 */
#include <stddef.h>

typedef struct limit_pke {
    void *seal; /* gcry_cipher_hd_t */
    void *open;
    unsigned char *buffer;
    unsigned long long nonce;
} limit_pke;

/* Returns 0 or -1. */
int limit_pke_open(limit_pke *l);
void limit_pke_close(limit_pke *l);

/* Seals a message of len bytes and opens it again, n times: nanoseconds per message, or -1. */
double limit_pke_messages(limit_pke *l, size_t len, size_t n);

/* The public key operations of a handshake, of both sides: two key pairs made, two secrets
 * agreed on, three signatures made and three verified. Nanoseconds per handshake, or -1. */
double limit_pke_handshakes(size_t n);

#endif
