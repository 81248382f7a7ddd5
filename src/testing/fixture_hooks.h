/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_FIXTURE_HOOKS_H
#define P2P__TESTING_FIXTURE_HOOKS_H

#include "testing/fixture.h"

/* Between the files of the fixture. */

/* Looks whether the running wait is over; every callback ends with it. */
void p2p__fx_look(p2p__fx *fx);

/* Every callback begins with it: whether this one may come now, or breaks a rule. */
bool p2p__fx_may_call(p2p__fx_node *node, const char *what);

/* Whether a wait can go on: the answer and key callbacks that are still to come for a node. */
unsigned p2p__fx_pending(const p2p__fx_node *node);

#endif
