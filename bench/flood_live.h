/* SPDX-License-Identifier: MIT */
#ifndef FLOOD_LIVE_H
#define FLOOD_LIVE_H

/*
 * A PKE swarm over UDP in a flood of 100,000 forged InitHellos per second, on real sockets and in
 * real time. The victim has a thread and a loop of its own, the flood another thread; a third one
 * has the peer that is connected, which tells 1000 messages per second and is answered, and
 * newcomers, 20 per second. The same is done without a flood first.
 */
#include "bench.h"

/* Prints what came of it, if rows of that name are wanted. Linux only: elsewhere it says so. */
void flood_live(bench *b, const char *name);

#endif
