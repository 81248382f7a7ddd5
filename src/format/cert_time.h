/* SPDX-License-Identifier: MIT */
#ifndef P2P__FORMAT_CERT_TIME_H
#define P2P__FORMAT_CERT_TIME_H

#include <stdint.h>

#include "format/der.h"

/*
 * Times in certificates (RFC 5280, 4.1.2.5): UTCTime from 1950 through 2049, GeneralizedTime from
 * 2050 through 9999, both in whole seconds and in UTC, as seconds since 1970.
 */

/* Whether such a time exists. */
int p2p__cert_time_ok(int64_t seconds);

/* Puts a time that exists. */
void p2p__cert_time_put(p2p__der_out *out, int64_t seconds);

/* Takes a time. Returns 0 or P2P_ERR_MALFORMED. */
int p2p__cert_time_read(p2p__bytes *in, int64_t *seconds);

#endif
