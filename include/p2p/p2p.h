/* SPDX-License-Identifier: MIT */
#ifndef P2P_P2P_H
#define P2P_P2P_H

/*
 * p2pswarm: peer-to-peer messaging. This header brings what most programs need; <p2p/sim.h>
 * (simulation), <p2p/swarm_ops.h> (writing a swarm), <p2p/topology.h> and <p2p/testing.h> (test
 * kit) are included by those who do.
 */
#include <p2p/addr.h>
#include <p2p/alloc.h>
#include <p2p/err.h>
#include <p2p/export.h>
#include <p2p/log.h>
#include <p2p/loop.h>
#include <p2p/mem.h>
#include <p2p/pke.h>
#include <p2p/swarm.h>
#include <p2p/udp.h>
#include <p2p/version.h>
#include <p2p/x509.h>

#endif
