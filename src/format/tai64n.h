/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_TAI64N_H
#define P2P__FORMAT_TAI64N_H

#include <stddef.h>
#include <stdint.h>

/*
 * TAI64N labels: points in time as 12 bytes that sort as they follow each other (wire.md 2.4;
 * https://cr.yp.to/libtai/tai64.html): BE64 of 2^62 + seconds of TAI since 1970, BE32 of
 * nanoseconds.
 */
#define P2P__TAI64N_SIZE 12u

/*
 * The label of a time of day (UTC). Returns 0, or P2P_ERR_INVALID if nanoseconds are 10^9 or more
 * or the seconds are more than 2^61 away from 1970. The table of leap seconds ends with the one
 * before 2017; a later one would shift labels by a second.
 */
int p2p__tai64n_encode(int64_t unix_seconds, uint32_t nanoseconds, uint8_t out[P2P__TAI64N_SIZE]);

/* Whether these bytes are a label: 0, or P2P_ERR_MALFORMED (not 12 bytes, 10^9 nanoseconds or more,
 * or from 2^63 on, which is reserved). */
int p2p__tai64n_check(const uint8_t *label, size_t len);

/* The order of two labels in time: below 0, 0 or above 0. */
int p2p__tai64n_compare(const uint8_t a[P2P__TAI64N_SIZE], const uint8_t b[P2P__TAI64N_SIZE]);

#endif
