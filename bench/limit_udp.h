/* SPDX-License-Identifier: MIT */
#ifndef LIMIT_UDP_H
#define LIMIT_UDP_H

/*
 * The limit of UDP on loopback: bare loops around the system calls, in one thread, with nothing
 * that an application would need besides. Linux only; elsewhere limit_udp_open() fails.
 */
#include <netinet/in.h>
#include <stddef.h>

typedef struct limit_udp {
    int tx;
    int rx;
    int poll;                   /* an epoll of rx */
    struct sockaddr_in rx_name; /* where rx is reached */
    unsigned char *out;         /* 64 KiB to send from */
    int copies;                 /* limit_udp_bursts() writes each message to `out` before */
    unsigned char *in;          /* slots to receive into */
    size_t received;            /* messages seen, so that the work cannot be left out */
} limit_udp;

/* Opens both sockets; with gro the receiver has UDP_GRO. Returns 0 or -1. */
int limit_udp_open(limit_udp *l, int gro);
void limit_udp_close(limit_udp *l);

/* Each gives nanoseconds per message, or -1. */

/* A run of as many messages as one UDP_SEGMENT send takes, then its receipt by GRO; until n
 * messages went through. */
double limit_udp_bursts(limit_udp *l, size_t len, size_t n);

/* The same with `batch` runs in one sendmmsg, received by one recvmmsg. */
double limit_udp_batches(limit_udp *l, size_t len, size_t batch, size_t n);

/* 64 messages in one sendmmsg, to 127.0.0.1, 127.0.0.2, ..., received by one recvmmsg. */
double limit_udp_peers(limit_udp *l, size_t len, size_t n);

/* A message there and back: one side blocks in epoll_wait, recvfrom and sendto. Per round trip. */
double limit_udp_ping_pong(limit_udp *l, size_t len, size_t n);

/* How many messages one UDP_SEGMENT send takes. */
size_t limit_udp_run(size_t len);

#endif
