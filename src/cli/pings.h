/* SPDX-License-Identifier: MIT */
#ifndef CLI_PINGS_H
#define CLI_PINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The pings of one run: what they look like, which of them are on their way, what comes back, and
 * how long that took. Time comes in; nothing is sent or printed here.
 *
 * A ping is 8 random bytes that say whose it is, 8 bytes of its number, big endian, and a pattern
 * up to its length. Whatever comes that is not such a ping of ours, byte by byte, is foreign.
 */
#define CLI_PING_NONCE_SIZE 8
#define CLI_PING_MIN_SIZE   16

/* Pings that may be on their way; an older one counts as lost, so that memory does not grow. */
#define CLI_PING_WINDOW 4096u

typedef struct cli_flight cli_flight;

typedef struct cli_pings {
    uint8_t nonce[CLI_PING_NONCE_SIZE];
    size_t size; /* of each, at least CLI_PING_MIN_SIZE */
    uint8_t *payload;
    cli_flight *flights; /* CLI_PING_WINDOW, by number */
    uint64_t oldest;     /* no ping before this number is on its way */
    uint64_t sent;       /* they are numbered from 1 to this */
    uint64_t received;
    uint64_t duplicates;
    uint64_t min; /* of the round trips, nanoseconds */
    uint64_t max;
    double sum;
    double sum_squares;
} cli_pings;

/* False without memory; cli_pings_close() is allowed all the same. */
bool cli_pings_open(cli_pings *pings, size_t size, const uint8_t nonce[CLI_PING_NONCE_SIZE]);
void cli_pings_close(cli_pings *pings);

/* The bytes of the next one, `size` of them; valid until the next call. */
const uint8_t *cli_pings_next(cli_pings *pings);

/* It is on its way. Returns the number of one that is lost for that, or 0. */
uint64_t cli_pings_sent(cli_pings *pings, uint64_t now);

/* What a message is. */
typedef enum cli_ping_kind {
    CLI_PING_FOREIGN, /* none of ours */
    CLI_PING_BACK,    /* one that is back */
    CLI_PING_AGAIN,   /* one that was back already */
    CLI_PING_LATE     /* one that counts as lost */
} cli_ping_kind;

/* Takes a message. *number says which ping it is, 0 if foreign; *took how long it was on its way,
 * nanoseconds, if it is back. */
cli_ping_kind cli_pings_receive(cli_pings *pings, const uint8_t *data, size_t len, uint64_t now,
                                uint64_t *number, uint64_t *took);

/* The oldest ping on its way, and when it was sent; 0 if there is none. */
uint64_t cli_pings_oldest(cli_pings *pings, uint64_t *sent_at);

/* A ping that is on its way is lost. */
void cli_pings_lose(cli_pings *pings, uint64_t number);

/* The mean of the round trips, and their standard deviation, nanoseconds. */
double cli_pings_mean(const cli_pings *pings);
double cli_pings_deviation(const cli_pings *pings);

#endif
