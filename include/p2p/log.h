/* SPDX-License-Identifier: MIT */
#ifndef P2P_LOG_H
#define P2P_LOG_H

#include <p2p/export.h>

P2P_BEGIN_DECLS

/* Levels, the gravest first. A loop passes on what is at its level or graver. */
typedef enum p2p_log_level {
    P2P_LOG_NONE = 0, /* nothing at all */
    P2P_LOG_ERROR =
        1, /* something that was asked for cannot work: a socket failed, memory ran out */
    P2P_LOG_WARN = 2, /* it works, but somebody should look: drops, wrong peer, limits reached */
    P2P_LOG_INFO = 3, /* life of what reaches further than a process: UDP swarms bound and closed,
                         PKE swarms ready and closed, their peers up and gone; and of bridges */
    P2P_LOG_DEBUG = 4 /* for lines of your own (p2p_loop_log); so far the library has none */
} p2p_log_level;

/*
 * Receives one line of text, without newline, UTF-8, valid during the call. Secrets and payloads
 * are never logged. Called on the loop's thread; must not call back into the library. The library
 * itself never prints.
 */
typedef void (*p2p_log_fn)(void *arg, p2p_log_level level, const char *text);

P2P_END_DECLS

#endif
