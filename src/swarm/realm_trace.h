/* SPDX-License-Identifier: MIT */
#ifndef P2P__SWARM_REALM_TRACE_H
#define P2P__SWARM_REALM_TRACE_H

/* The trace of a realm: a hash of its events. Each message makes two, so they are quick. */
#include "swarm/realm.h"

static inline uint64_t p2p__trace_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

/*
 * Hashes an event. Whether somebody wants more of it: then it is to be shown, too.
 *
 * The parts are multiplied side by side, so that one event waits for the one before for a single
 * step. The odd factors are the constants of splitmix64 and xxHash.
 */
static inline bool p2p__trace_event(p2p_realm *realm, p2p_event_kind kind, unsigned message,
                                    int detail, uint64_t from, uint64_t to, size_t len)
{
    uint64_t what = (uint64_t)kind | (uint64_t)message << 8 | (uint64_t)detail << 16 |
                    (uint64_t)len << 32;
    uint64_t digest = p2p__loop_now(realm->loop) * UINT64_C(0xbf58476d1ce4e5b9) ^
                      from * UINT64_C(0x94d049bb133111eb) ^ to * UINT64_C(0xc2b2ae3d27d4eb4f) ^
                      what * UINT64_C(0x165667b19e3779f9);
    realm->trace = p2p__trace_mix(realm->trace, digest);
    return realm->hash_payloads || realm->event_fn;
}

/* realm.c: hashes the payload if that is wanted, and tells who watches. */
void p2p__realm_show(p2p_realm *realm, p2p_event_kind kind, const p2p__message *message,
                     int detail);

static inline void p2p__realm_trace(p2p_realm *realm, p2p_event_kind kind,
                                    const p2p__message *message, int detail)
{
    if (p2p__trace_event(realm, kind, message->kind, detail, message->from, message->to,
                         message->len))
        p2p__realm_show(realm, kind, message, detail);
}

#endif
