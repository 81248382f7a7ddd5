/* SPDX-License-Identifier: MIT */
#ifndef P2P_VERSION_H
#define P2P_VERSION_H

#include <p2p/export.h>

P2P_BEGIN_DECLS

/* Version of these headers (semantic versioning). The build reads it from here. */
#define P2P_VERSION_MAJOR 0
#define P2P_VERSION_MINOR 1
#define P2P_VERSION_PATCH 0
#define P2P_VERSION       "0.1.0"

/* Version of the library that runs, such as "0.1.0". */
P2P_API const char *p2p_version(void);

P2P_END_DECLS

#endif
