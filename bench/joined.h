/* SPDX-License-Identifier: MIT */
#ifndef JOINED_H
#define JOINED_H

/*
 * Two swarms that are joined by nothing but a queue, each of which has the other at as many
 * addresses as one likes: what one sends to node i the other gets from node i. So two PKE swarms
 * can be any number of peers to each other.
 */
#include <p2p/swarm.h>

typedef struct joined joined;

/* Makes both. Ends the program without memory. */
void joined_new(joined **out, p2p_loop *loop, p2p_swarm *swarms[2]);

/* The swarms are closed before. */
void joined_free(joined *j);

#endif
