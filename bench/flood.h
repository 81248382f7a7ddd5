/* SPDX-License-Identifier: MIT */
#ifndef FLOOD_H
#define FLOOD_H

/*
 * A flood of forged InitHellos on a real socket: each from another address of 127.0.0.0/8, each
 * with another ephemeral key, and under a key and a signature that are valid. Linux only; elsewhere
 * flood_open() fails.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOOD_BATCH = 64, FLOOD_HELLO = 256 };

typedef struct flood {
    int tx;
    struct sockaddr_in target;
    unsigned char hello[FLOOD_BATCH][FLOOD_HELLO];
    size_t hello_len;
    uint64_t random;
    int bare; /* the receiver of the limit */
} flood;

/* Opens the sockets, and aims at a port of 127.0.0.1; 0: at the bare receiver. Returns 0 or -1. */
int flood_open(flood *f, uint16_t port);
void flood_close(flood *f);

/* Sends FLOOD_BATCH of them. */
void flood_send(flood *f);

/* The limit: n are received, and each is answered with as many bytes as a cookie has. Nanoseconds
 * each, of the receiver alone, or -1. */
double flood_limit(flood *f, size_t n);

#endif
