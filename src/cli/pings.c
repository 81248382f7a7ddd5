/* SPDX-License-Identifier: MIT */
#include "cli/pings.h"

#include <stdlib.h>
#include <string.h>

typedef enum flight_state { FREE = 0, FLYING = 1, BACK = 2, LOST = 3 } flight_state;

struct cli_flight {
    uint64_t number;
    uint64_t sent; /* when */
    flight_state state;
};

static cli_flight *flight_of(const cli_pings *pings, uint64_t number)
{
    return &pings->flights[number % CLI_PING_WINDOW];
}

static bool is_flying(const cli_pings *pings, uint64_t number)
{
    const cli_flight *one = flight_of(pings, number);
    return one->number == number && one->state == FLYING;
}

bool cli_pings_open(cli_pings *pings, size_t size, const uint8_t nonce[CLI_PING_NONCE_SIZE])
{
    memset(pings, 0, sizeof *pings);
    memcpy(pings->nonce, nonce, sizeof pings->nonce);
    pings->size = size;
    pings->oldest = 1;
    pings->payload = malloc(size);
    pings->flights = calloc(CLI_PING_WINDOW, sizeof *pings->flights);
    return pings->payload && pings->flights;
}

void cli_pings_close(cli_pings *pings)
{
    free(pings->payload);
    free(pings->flights);
    pings->payload = NULL;
    pings->flights = NULL;
}

const uint8_t *cli_pings_next(cli_pings *pings)
{
    uint64_t number = pings->sent + 1;
    memcpy(pings->payload, pings->nonce, CLI_PING_NONCE_SIZE);
    for (size_t i = 0; i < 8; i++)
        pings->payload[CLI_PING_NONCE_SIZE + i] = (uint8_t)(number >> (56 - 8 * i));
    for (size_t i = CLI_PING_MIN_SIZE; i < pings->size; i++)
        pings->payload[i] = (uint8_t)i;
    return pings->payload;
}

uint64_t cli_pings_sent(cli_pings *pings, uint64_t now)
{
    uint64_t number = ++pings->sent;
    cli_flight *one = flight_of(pings, number);
    uint64_t lost = one->state == FLYING ? one->number : 0;
    *one = (cli_flight){number, now, FLYING};
    return lost;
}

/* The number of a ping of ours; 0 if it is none. */
static uint64_t read_payload(const cli_pings *pings, const uint8_t *data, size_t len)
{
    uint64_t number = 0;
    if (len != pings->size || memcmp(data, pings->nonce, CLI_PING_NONCE_SIZE) != 0)
        return 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | data[CLI_PING_NONCE_SIZE + i];
    for (size_t i = CLI_PING_MIN_SIZE; i < len; i++)
        if (data[i] != (uint8_t)i)
            return 0;
    return number <= pings->sent ? number : 0;
}

static void count(cli_pings *pings, uint64_t took)
{
    pings->min = pings->received && pings->min < took ? pings->min : took;
    pings->max = pings->max > took ? pings->max : took;
    pings->sum += (double)took;
    pings->sum_squares += (double)took * (double)took;
    pings->received++;
}

cli_ping_kind cli_pings_receive(cli_pings *pings, const uint8_t *data, size_t len, uint64_t now,
                                uint64_t *number, uint64_t *took)
{
    *took = 0;
    *number = read_payload(pings, data, len);
    cli_flight *one = *number ? flight_of(pings, *number) : NULL;
    if (!one)
        return CLI_PING_FOREIGN;
    if (one->number != *number || one->state == LOST)
        return CLI_PING_LATE;
    *took = now - one->sent;
    if (one->state == BACK) {
        pings->duplicates++;
        return CLI_PING_AGAIN;
    }
    one->state = BACK;
    count(pings, *took);
    return CLI_PING_BACK;
}

uint64_t cli_pings_oldest(cli_pings *pings, uint64_t *sent_at)
{
    while (pings->oldest <= pings->sent && !is_flying(pings, pings->oldest))
        pings->oldest++;
    if (pings->oldest > pings->sent)
        return 0;
    *sent_at = flight_of(pings, pings->oldest)->sent;
    return pings->oldest;
}

void cli_pings_lose(cli_pings *pings, uint64_t number)
{
    flight_of(pings, number)->state = LOST;
}

/* --- statistics --- */

/* By Newton; it saves the mathematical library. */
static double square_root(double value)
{
    double root = value > 1 ? value : 1;
    double next = (root + value / root) / 2;
    while (next < root) {
        root = next;
        next = (root + value / root) / 2;
    }
    return value > 0 ? root : 0;
}

double cli_pings_mean(const cli_pings *pings)
{
    return pings->received ? pings->sum / (double)pings->received : 0;
}

double cli_pings_deviation(const cli_pings *pings)
{
    double mean = cli_pings_mean(pings);
    double n = pings->received ? (double)pings->received : 1;
    return square_root(pings->sum_squares / n - mean * mean);
}
