/* SPDX-License-Identifier: MIT */
#include "format/tai64n.h"

#include <string.h>

#include <p2p/err.h>

#include "core/bytes.h"

#define EPOCH    (UINT64_C(1) << 62)
#define RESERVED (UINT64_C(1) << 63)
#define FARTHEST (INT64_C(1) << 61)

/* TAI - UTC was 10 s in 1972 (and is taken as that before), and grew by one at each of these, in
 * Unix time (IERS Bulletin C); the newest leap second first, for it is the one asked for. */
static const int32_t leap_seconds[] = {
    1483228800, /* 2017-01-01 */
    1435708800, /* 2015-07-01 */
    1341100800, /* 2012-07-01 */
    1230768000, /* 2009-01-01 */
    1136073600, /* 2006-01-01 */
    915148800,  /* 1999-01-01 */
    867715200,  /* 1997-07-01 */
    820454400,  /* 1996-01-01 */
    773020800,  /* 1994-07-01 */
    741484800,  /* 1993-07-01 */
    709948800,  /* 1992-07-01 */
    662688000,  /* 1991-01-01 */
    631152000,  /* 1990-01-01 */
    567993600,  /* 1988-01-01 */
    489024000,  /* 1985-07-01 */
    425865600,  /* 1983-07-01 */
    394329600,  /* 1982-07-01 */
    362793600,  /* 1981-07-01 */
    315532800,  /* 1980-01-01 */
    283996800,  /* 1979-01-01 */
    252460800,  /* 1978-01-01 */
    220924800,  /* 1977-01-01 */
    189302400,  /* 1976-01-01 */
    157766400,  /* 1975-01-01 */
    126230400,  /* 1974-01-01 */
    94694400,   /* 1973-01-01 */
    78796800,   /* 1972-07-01 */
};

static int64_t tai_minus_utc(int64_t unix_seconds)
{
    const int64_t n = sizeof leap_seconds / sizeof *leap_seconds;
    int64_t i = 0;
    while (i < n && unix_seconds < leap_seconds[i])
        i++;
    return 10 + (n - i);
}

int p2p__tai64n_encode(int64_t unix_seconds, uint32_t nanoseconds, uint8_t out[P2P__TAI64N_SIZE])
{
    if (nanoseconds >= 1000000000 || unix_seconds < -FARTHEST || unix_seconds > FARTHEST)
        return P2P_ERR_INVALID;
    int64_t tai = unix_seconds + tai_minus_utc(unix_seconds);
    p2p__store64be(out, EPOCH + (uint64_t)tai);
    p2p__store32be(out + 8, nanoseconds);
    return 0;
}

int p2p__tai64n_check(const uint8_t *label, size_t len)
{
    if (len != P2P__TAI64N_SIZE || p2p__load64be(label) >= RESERVED ||
        p2p__load32be(label + 8) >= 1000000000)
        return P2P_ERR_MALFORMED;
    return 0;
}

int p2p__tai64n_compare(const uint8_t a[P2P__TAI64N_SIZE], const uint8_t b[P2P__TAI64N_SIZE])
{
    return memcmp(a, b, P2P__TAI64N_SIZE);
}
