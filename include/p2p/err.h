/* SPDX-License-Identifier: MIT */
#ifndef P2P_ERR_H
#define P2P_ERR_H

#include <p2p/export.h>

P2P_BEGIN_DECLS

/*
 * Errors. A function that can fail returns 0 (P2P_OK) or one of these negative codes, never a bare
 * -1. The list below is the only one: names, messages and docs/errors.md are made from it. Codes
 * are part of the ABI: one is never renumbered or reused.
 *
 * X(NAME, code, what it means and what to do)
 */
#define P2P_ERR_LIST(X)                                                                        \
    X(AGAIN, -1, "a bounded queue is full: try again after the writable event")                \
    X(TOO_BIG, -2, "the message is larger than the MTU towards this destination")              \
    X(CLOSED, -3, "the swarm is closed or closing")                                            \
    X(NO_MEMORY, -4, "the allocator returned no memory")                                       \
    X(INVALID, -5, "an argument is not valid")                                                 \
    X(BAD_ADDR, -6, "the address is malformed, or is not of a kind that this swarm can reach") \
    X(UNREACHABLE, -7, "the destination does not exist or cannot be reached")                  \
    X(TIMEOUT, -8, "the time limit passed first")                                              \
    X(REFUSED, -9, "the other side refused the request; the answer carries its code")          \
    X(CANCELLED, -10, "the operation was cancelled")                                           \
    X(UNSUPPORTED, -11, "this swarm, loop or system cannot do that")                           \
    X(LIMIT, -12, "a limit given in the configuration is reached")                             \
    X(NOT_FOUND, -13, "no such thing, or it is already finished")                              \
    X(IN_USE, -14, "the address or name is already in use")                                    \
    X(PERMISSION, -15, "the system denied permission")                                         \
    X(IO, -16, "a system call failed; the log says which one and why")                         \
    X(BUSY, -17, "still in use: close what depends on it first")                               \
    X(NO_KEY, -18, "the public key of that peer is not known")                                 \
    X(NO_SPACE, -19, "the buffer given is too small for the result")                           \
    X(MALFORMED, -20, "the input does not follow its format")                                  \
    X(NO_HANDLER, -21, "nobody serves requests there")                                         \
    X(BAD_SIGNATURE, -22, "the signature is not of this key and message")

enum p2p_err {
    P2P_OK = 0,
#define P2P_ERR_ENUM_(name, code, text) P2P_ERR_##name = (code),
    P2P_ERR_LIST(P2P_ERR_ENUM_)
#undef P2P_ERR_ENUM_
};

/*
 * The name of a code, such as "P2P_ERR_AGAIN" ("P2P_OK" for 0), and a sentence that says what it
 * means. Both return a static string for every int; a number that is no code gives
 * "P2P_ERR_UNKNOWN" and "unknown error". May be called from any thread.
 */
P2P_API const char *p2p_err_name(int err);
P2P_API const char *p2p_err_text(int err);

P2P_END_DECLS

#endif
