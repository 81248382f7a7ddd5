/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"

/* Life and addresses: what holds for a node before any message. */

enum { MAX_ADDRS = 64 };

static void life_bare(p2p__fx *fx)
{
    p2p__fx_settle(fx);
    REQUIRE(fx, fx->record_count == 0, "a message came though nobody sent one");
    REQUIRE(fx, fx->node[0].writables == 0, "a writable event came though nobody waits for it");
}

static void life_kind(p2p__fx *fx)
{
    const char *kind = p2p_swarm_kind(fx->node[0].swarm);
    REQUIRE(fx, kind && kind[0], "p2p_swarm_kind() is empty");
    const char *other = p2p_swarm_kind(fx->node[1].swarm);
    REQUIRE(fx, other && strcmp(kind, other) == 0, "two nodes are of different kinds");
    const p2p_swarm *inner = fx->node[0].swarm;
    for (int depth = 0; inner; depth++) {
        REQUIRE(fx, depth < 100, "p2p_swarm_inner() has no end");
        REQUIRE(fx, p2p_swarm_loop(inner) == fx->loop, "p2p_swarm_loop() is another loop");
        inner = p2p_swarm_inner(inner);
    }
}

static void life_claims(p2p__fx *fx)
{
    bool ask = (fx->options.claims & P2P_CLAIM_ASK) != 0;
    bool secure = (fx->options.claims & P2P_CLAIM_SECURE) != 0;
    for (size_t i = 0; i < fx->nodes; i++) {
        REQUIRE(fx, !p2p_can_ask(fx->node[i].swarm) == !ask,
                "p2p_can_ask() is not what is claimed");
        REQUIRE(fx, !p2p_is_secure(fx->node[i].swarm) == !secure,
                "p2p_is_secure() is not what is claimed");
    }
}

static void must_not_answer(void *arg, const p2p_answer *answer)
{
    (void)answer;
    p2p__fx_fail(arg, "an ask that was refused was answered");
}

static void no_asks(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *dst = &fx->node[1].addr;
    const p2p_iov iov = {"x", 1};
    REQUIRE_RESULT(fx, p2p_ask(swarm, dst, "x", 1, 0, NULL, must_not_answer, fx),
                   P2P_ERR_UNSUPPORTED);
    REQUIRE_RESULT(fx, p2p_askv(swarm, dst, &iov, 1, 0, NULL, must_not_answer, fx),
                   P2P_ERR_UNSUPPORTED);
    REQUIRE_RESULT(fx, p2p_ask_cancel(swarm, 1), P2P_ERR_UNSUPPORTED);
    REQUIRE(fx, p2p_ask_mtu(swarm, NULL) == 0, "p2p_ask_mtu() is not 0 without asks");
    p2p__fx_settle(fx);
}

static void must_not_find(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)status;
    (void)key;
    (void)len;
    p2p__fx_fail(arg, "a look-up that was refused called back");
}

static void no_keys(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *peer = &fx->node[1].addr;
    uint8_t key[8];
    size_t len = 0;
    REQUIRE_RESULT(fx, p2p_public_key(swarm, key, sizeof key, &len), P2P_ERR_UNSUPPORTED);
    REQUIRE_RESULT(fx, p2p_peer_key(swarm, peer, key, sizeof key, &len), P2P_ERR_UNSUPPORTED);
    REQUIRE_RESULT(fx, p2p_lookup_key(swarm, peer, 0, must_not_find, fx), P2P_ERR_UNSUPPORTED);
    p2p__fx_settle(fx);
}

/* --- addresses --- */

static void addr_local(p2p__fx *fx)
{
    p2p_addr addrs[MAX_ADDRS];
    p2p_addr first;
    size_t n = 0;
    int r = CALL(fx, p2p_local_addrs(fx->node[0].swarm, addrs, MAX_ADDRS, &n));
    REQUIRE(fx, r == 0 || (r == P2P_ERR_NO_SPACE && n > MAX_ADDRS), "p2p_local_addrs() gave %s",
            p2p_err_name(r));
    REQUIRE(fx, n > 0, "p2p_local_addrs() gave no address");
    REQUIRE_RESULT(fx, p2p_local_addr(fx->node[0].swarm, &first), 0);
    REQUIRE(fx, p2p_addr_equal(&first, &addrs[0]), "p2p_local_addr() is not the first address");
    for (size_t i = 0; i < n && i < MAX_ADDRS; i++) {
        REQUIRE(fx, p2p_addr_kind_of(&addrs[i]) != P2P_ADDR_NONE, "a local address is empty");
        for (size_t j = 0; j < i; j++)
            REQUIRE(fx, !p2p_addr_equal(&addrs[i], &addrs[j]), "a local address comes twice");
    }
}

static void addr_space(p2p__fx *fx)
{
    const p2p_swarm *swarm = fx->node[0].swarm;
    p2p_addr addrs[MAX_ADDRS];
    size_t n = 0;
    int r = CALL(fx, p2p_local_addrs(swarm, addrs, MAX_ADDRS, &n));
    REQUIRE(fx, r == 0 || r == P2P_ERR_NO_SPACE, "p2p_local_addrs() gave %s", p2p_err_name(r));
    size_t all = n;
    for (size_t cap = 0; cap < all && cap < MAX_ADDRS; cap++) {
        p2p_addr part[MAX_ADDRS + 1];
        memset(part, 0x5a, sizeof part);
        p2p_addr untouched = part[cap];
        n = 0;
        REQUIRE_RESULT(fx, p2p_local_addrs(swarm, part, cap, &n), P2P_ERR_NO_SPACE);
        REQUIRE(fx, n == all, "n is %zu instead of %zu when there is no space", n, all);
        for (size_t i = 0; i < cap; i++)
            REQUIRE(fx, p2p_addr_equal(&part[i], &addrs[i]), "the first addresses are others");
        REQUIRE(fx, memcmp(&part[cap], &untouched, sizeof untouched) == 0,
                "more addresses were written than there is space for");
    }
}

static void addr_text(p2p__fx *fx)
{
    p2p_addr addrs[MAX_ADDRS];
    size_t n = 0;
    int r = CALL(fx, p2p_local_addrs(fx->node[0].swarm, addrs, MAX_ADDRS, &n));
    REQUIRE(fx, r == 0 || r == P2P_ERR_NO_SPACE, "p2p_local_addrs() gave %s", p2p_err_name(r));
    for (size_t i = 0; i < n && i < MAX_ADDRS; i++) {
        for (size_t reader = 0; reader < fx->nodes; reader++) {
            char text[P2P_ADDR_TEXT_SIZE];
            char again[P2P_ADDR_TEXT_SIZE];
            p2p_addr parsed;
            REQUIRE_RESULT(fx, p2p_addr_text(&addrs[i], text, sizeof text), 0);
            r = CALL(fx, p2p_parse_addr(fx->node[reader].swarm, text, &parsed));
            REQUIRE(fx, r == 0, "p2p_parse_addr(\"%s\") gave %s", text, p2p_err_name(r));
            REQUIRE(fx, p2p_addr_equal(&parsed, &addrs[i]), "\"%s\" is read as another address",
                    text);
            REQUIRE_RESULT(fx, p2p_addr_text(&parsed, again, sizeof again), 0);
            REQUIRE(fx, strcmp(text, again) == 0, "\"%s\" becomes \"%s\"", text, again);
        }
    }
}

static void addr_junk(p2p__fx *fx)
{
    const p2p_swarm *swarm = fx->node[0].swarm;
    char text[P2P_ADDR_TEXT_SIZE];
    REQUIRE_RESULT(fx, p2p_addr_text(&fx->node[0].addr, text, sizeof text), 0);
    char junk[8][P2P_ADDR_TEXT_SIZE + 8] = {"", " ", "not an address", "@", "://", "\xff\xfe"};
    (void)snprintf(junk[6], sizeof junk[6], " %s", text);
    (void)snprintf(junk[7], sizeof junk[7], "%s ", text);
    for (size_t i = 0; i < 8; i++) {
        p2p_addr parsed;
        int r = CALL(fx, p2p_parse_addr(swarm, junk[i], &parsed));
        REQUIRE(fx, r == P2P_ERR_BAD_ADDR, "p2p_parse_addr() of junk text %zu gave %s", i,
                p2p_err_name(r));
    }
}

static void addr_distinct(p2p__fx *fx)
{
    p2p_addr nobody;
    REQUIRE_RESULT(fx, fx->bed->nobody(fx->bed, fx->loop, &nobody), 0);
    for (size_t i = 0; i < fx->nodes; i++) {
        REQUIRE(fx, !p2p_addr_equal(&fx->node[i].addr, &nobody), "nobody's address is a node's");
        for (size_t j = 0; j < i; j++)
            REQUIRE(fx, !p2p_addr_equal(&fx->node[i].addr, &fx->node[j].addr),
                    "two nodes have the same first address");
    }
}

static void addr_invalid(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    p2p_addr addr;
    size_t n = 0;
    REQUIRE_RESULT(fx, p2p_local_addrs(NULL, &addr, 1, &n), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_local_addrs(swarm, NULL, 1, &n), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_local_addrs(swarm, &addr, 1, NULL), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_local_addr(NULL, &addr), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_local_addr(swarm, NULL), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_parse_addr(NULL, "1", &addr), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_parse_addr(swarm, NULL, &addr), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_parse_addr(swarm, "1", NULL), P2P_ERR_INVALID);
}

static const p2p__check checks[] = {
    {"life.bare", "S1 S3 S13 S66", 0, 0, 1, life_bare},
    {"life.kind", "S2 S5", 0, 0, 2, life_kind},
    {"life.claims", "S24 S43", 0, 0, 2, life_claims},
    {"life.no_asks", "S24", 0, P2P_CLAIM_ASK, 2, no_asks},
    {"life.no_keys", "S43", 0, P2P_CLAIM_SECURE, 2, no_keys},
    {"addr.local", "S49", 0, 0, 1, addr_local},
    {"addr.space", "S49", 0, 0, 1, addr_space},
    {"addr.text", "S50", 0, 0, 2, addr_text},
    {"addr.junk", "S50", 0, 0, 1, addr_junk},
    {"addr.distinct", "S49", 0, 0, P2P__FX_NODES, addr_distinct},
    {"addr.invalid", "S15", 0, 0, 1, addr_invalid},
};

P2P__CHECK_LIST(p2p__checks_basic, checks);
