/* SPDX-License-Identifier: MIT */
#ifndef P2P__TESTING_CHECKS_H
#define P2P__TESTING_CHECKS_H

/* The tables of checks, one per theme, in the order in which they run. */
#include "testing/fixture.h"

extern const p2p__check_list p2p__checks_basic;
extern const p2p__check_list p2p__checks_tell;
extern const p2p__check_list p2p__checks_tell_edge;
extern const p2p__check_list p2p__checks_reserve;
extern const p2p__check_list p2p__checks_again;
extern const p2p__check_list p2p__checks_ask;
extern const p2p__check_list p2p__checks_ask_end;
extern const p2p__check_list p2p__checks_ask_edge;
extern const p2p__check_list p2p__checks_secure;
extern const p2p__check_list p2p__checks_reenter;
extern const p2p__check_list p2p__checks_close;
extern const p2p__check_list p2p__checks_close_ask;
extern const p2p__check_list p2p__checks_stats;
extern const p2p__check_list p2p__checks_loss;

/* For the end of each file of checks. */
#define P2P__CHECK_LIST(name, table) \
    const p2p__check_list name = {(table), sizeof(table) / sizeof((table)[0])}

#endif
