/* SPDX-License-Identifier: MIT */
#ifndef P2P__CORE_CONFIG_H
#define P2P__CORE_CONFIG_H

#include <stddef.h>

/*
 * Copies a caller's config struct, which starts with its size, into one of the size known here: a
 * caller that was compiled against older headers leaves the newer members zero, which means their
 * defaults. config may be NULL. Returns 0, or P2P_ERR_INVALID if its size was never set or if it
 * is newer than this library and uses what is not known here.
 */
int p2p__config_copy(void *out, size_t size, const void *config);

#endif
