/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "testing/checks.h"

/* Public keys. */

enum { MAX_KEY = 4096 };

/* Reads a node's own key. Returns its length, 0 after a failure. */
static size_t own_key(p2p__fx *fx, size_t node, uint8_t *key)
{
    size_t len = 0;
    int r = CALL(fx, p2p_public_key(fx->node[node].swarm, key, MAX_KEY, &len));
    if (r || len == 0 || len > MAX_KEY) {
        p2p__fx_fail(fx, "p2p_public_key() gave %s, %zu bytes", p2p_err_name(r), len);
        return 0;
    }
    return len;
}

static uint64_t own_key_hash(p2p__fx *fx, size_t node)
{
    uint8_t key[MAX_KEY];
    return p2p__fx_hash(key, own_key(fx, node, key));
}

static void key_own(p2p__fx *fx)
{
    uint8_t a[MAX_KEY];
    uint8_t b[MAX_KEY];
    size_t a_len = own_key(fx, 0, a);
    size_t b_len = own_key(fx, 1, b);
    if (!a_len || !b_len)
        return;
    REQUIRE(fx, a_len != b_len || memcmp(a, b, a_len) != 0, "two nodes have the same key");
    REQUIRE(fx, own_key(fx, 0, b) == a_len && memcmp(a, b, a_len) == 0, "a key changes");
}

/* RFC 5280, 4.1.2.7: SEQUENCE { SEQUENCE {...}, BIT STRING }; X.690 for lengths. */
static bool is_spki(const uint8_t *key, size_t len)
{
    if (len < 4 || key[0] != 0x30)
        return false;
    size_t at = 2;
    size_t content = key[1];
    if (content & 0x80) {
        size_t octets = content & 0x7f;
        if (octets == 0 || octets > 2 || len < 2 + octets)
            return false;
        content = octets == 2 ? (size_t)key[2] << 8 | key[3] : key[2];
        at += octets;
    }
    return content == len - at && content > 0 && key[at] == 0x30;
}

static void key_der(p2p__fx *fx)
{
    uint8_t key[MAX_KEY];
    size_t len = own_key(fx, 0, key);
    REQUIRE(fx, len && is_spki(key, len), "the key is not a DER SubjectPublicKeyInfo");
}

static void key_space(p2p__fx *fx)
{
    uint8_t key[MAX_KEY];
    const p2p_swarm *swarm = fx->node[0].swarm;
    size_t len = own_key(fx, 0, key);
    if (!len)
        return;
    for (size_t cap = 0; cap < len; cap += 1 + (cap + 2 < len ? len - 2 - cap : 0)) {
        uint8_t part[MAX_KEY + 1];
        size_t n = 0;
        memset(part, 0x5a, sizeof part);
        REQUIRE_RESULT(fx, p2p_public_key(swarm, part, cap, &n), P2P_ERR_NO_SPACE);
        REQUIRE(fx, n == len, "*len is %zu instead of %zu when there is no space", n, len);
        REQUIRE(fx, part[cap] == 0x5a, "more of a key was written than there is space for");
    }
    size_t n = 0;
    REQUIRE_RESULT(fx, p2p_public_key(swarm, NULL, 0, &n), P2P_ERR_NO_SPACE);
    REQUIRE_RESULT(fx, p2p_public_key(swarm, key, len, &n), 0);
    REQUIRE(fx, n == len, "*len is %zu instead of %zu", n, len);
}

/* --- the sender's key --- */

/* Inside a callback: the key of who sent this message is there, and is that of node 0. */
static void check_sender(p2p__fx_node *node, const p2p_msg *msg)
{
    p2p__fx *fx = node->fx;
    uint8_t key[MAX_KEY];
    size_t len = 0;
    uint64_t expected = own_key_hash(fx, 0);
    REQUIRE_RESULT(fx, p2p_peer_key(node->swarm, msg->src, key, sizeof key, &len), 0);
    REQUIRE(fx, p2p__fx_hash(key, len) == expected, "the sender's key is another");
    size_t needed = 0;
    REQUIRE_RESULT(fx, p2p_peer_key(node->swarm, msg->src, key, len - 1, &needed),
                   P2P_ERR_NO_SPACE);
    REQUIRE(fx, needed == len, "*len is %zu instead of %zu when there is no space", needed, len);
    fx->steps++;
}

static void key_in_tell(p2p__fx *fx)
{
    fx->node[1].on_tell = check_sender;
    if (p2p__fx_arrive(fx, 0, 1, 1, 10))
        REQUIRE(fx, fx->steps > 0, "the sender's key was not looked at");
}

static void check_asker(p2p__fx_node *node, const p2p_msg *msg, p2p_request request)
{
    check_sender(node, msg);
    p2p__fx_echo(node, msg, request);
}

static void key_in_ask(p2p__fx *fx)
{
    fx->node[1].on_ask = check_asker;
    if (p2p__fx_ask_end(fx, 0, 1, 1, 10, 0, 0))
        REQUIRE(fx, fx->steps > 0, "the asker's key was not looked at");
}

/* --- look-ups --- */

static void lookup_all(p2p__fx *fx)
{
    for (size_t to = 0; to < fx->nodes; to++) {
        p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, (to + 1) % fx->nodes);
        if (!lookup)
            return;
        REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, &fx->node[to].addr, 0), 0);
        REQUIRE(fx, p2p__fx_lookup_wait(lookup), "a look-up did not end");
        REQUIRE(fx, lookup->status == 0, "a look-up ended with %s", p2p_err_name(lookup->status));
        REQUIRE(fx, lookup->hash == own_key_hash(fx, to), "a look-up found another key");
    }
    p2p__fx_settle(fx);
    for (const p2p__fx_lookup *lookup = fx->lookups; lookup; lookup = lookup->next)
        REQUIRE(fx, lookup->calls == 1, "a look-up ended %u times", lookup->calls);
}

static void lookup_together(p2p__fx *fx)
{
    for (int i = 0; i < 5; i++) {
        p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, 0);
        if (!lookup)
            return;
        REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, &fx->node[1].addr, 0), 0);
    }
    for (p2p__fx_lookup *lookup = fx->lookups; lookup; lookup = lookup->next) {
        REQUIRE(fx, p2p__fx_lookup_wait(lookup), "a look-up did not end");
        REQUIRE(fx, lookup->status == 0, "a look-up ended with %s", p2p_err_name(lookup->status));
    }
}

static bool lookup_may_end_so(int status)
{
    return status == P2P_ERR_NO_KEY || status == P2P_ERR_UNREACHABLE || status == P2P_ERR_TIMEOUT;
}

static void lookup_nobody(p2p__fx *fx)
{
    p2p_addr nobody;
    REQUIRE_RESULT(fx, fx->bed->nobody(fx->bed, fx->loop, &nobody), 0);
    uint8_t key[8];
    size_t len = 0;
    REQUIRE_RESULT(fx, p2p_peer_key(fx->node[0].swarm, &nobody, key, sizeof key, &len),
                   P2P_ERR_NO_KEY);
    p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, 0);
    if (!lookup)
        return;
    int r = p2p__fx_lookup_start(lookup, &nobody, p2p__fx_short(fx));
    REQUIRE(fx, r == 0 || lookup_may_end_so(r), "a look-up of nobody gave %s", p2p_err_name(r));
    REQUIRE(fx, p2p__fx_lookup_wait(lookup), "a look-up of nobody did not end");
    REQUIRE(fx, r || lookup_may_end_so(lookup->status), "a look-up of nobody ended with %s",
            p2p_err_name(lookup->status));
}

static void must_not_find(void *arg, int status, const uint8_t *key, size_t len)
{
    (void)status;
    (void)key;
    (void)len;
    p2p__fx_fail(arg, "a look-up that was refused called back");
}

static void key_invalid(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    const p2p_addr *peer = &fx->node[1].addr;
    uint8_t key[8];
    size_t len = 0;
    REQUIRE_RESULT(fx, p2p_public_key(NULL, key, sizeof key, &len), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_public_key(swarm, NULL, 8, &len), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_public_key(swarm, key, sizeof key, NULL), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_peer_key(NULL, peer, key, sizeof key, &len), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_peer_key(swarm, NULL, key, sizeof key, &len), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_peer_key(swarm, peer, key, sizeof key, NULL), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_lookup_key(NULL, peer, 0, must_not_find, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_lookup_key(swarm, NULL, 0, must_not_find, fx), P2P_ERR_INVALID);
    REQUIRE_RESULT(fx, p2p_lookup_key(swarm, peer, 0, NULL, fx), P2P_ERR_INVALID);
    p2p__fx_settle(fx);
}

static void key_bad_addr(p2p__fx *fx)
{
    p2p_swarm *swarm = fx->node[0].swarm;
    p2p_addr foreign[8];
    uint8_t key[MAX_KEY];
    size_t len = 0;
    size_t n = p2p__fx_foreign(fx, foreign, 8);
    for (size_t i = 0; i < n; i++) {
        REQUIRE_RESULT(fx, p2p_peer_key(swarm, &foreign[i], key, sizeof key, &len),
                       P2P_ERR_BAD_ADDR);
        REQUIRE_RESULT(fx, p2p_lookup_key(swarm, &foreign[i], 0, must_not_find, fx),
                       P2P_ERR_BAD_ADDR);
    }
    p2p__fx_settle(fx);
}

/* --- closing --- */

static void lookup_close(p2p__fx *fx)
{
    for (size_t i = 0; i < 3; i++) {
        p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, 0);
        if (!lookup)
            return;
        REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, &fx->node[1].addr, 0), 0);
    }
    p2p__fx_close(&fx->node[0]);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    for (const p2p__fx_lookup *lookup = fx->lookups; lookup; lookup = lookup->next)
        REQUIRE(fx, lookup->calls == 1 && lookup->status == P2P_ERR_CLOSED,
                "a pending look-up ended with %s at close", p2p_err_name(lookup->status));
}

static void close_here(p2p__fx_lookup *lookup)
{
    p2p__fx_close(lookup->node);
}

static void lookup_close_inside(p2p__fx *fx)
{
    p2p__fx_lookup *lookup = p2p__fx_lookup_new(fx, 0);
    if (!lookup)
        return;
    lookup->on_key = close_here;
    REQUIRE_RESULT(fx, p2p__fx_lookup_start(lookup, &fx->node[1].addr, 0), 0);
    REQUIRE(fx, p2p__fx_wait_closed(&fx->node[0]), "no close callback came");
    REQUIRE(fx, lookup->calls == 1, "a look-up ended %u times", lookup->calls);
}

static const p2p__check checks[] = {
    {"key.own", "S45", P2P_CLAIM_SECURE, 0, 2, key_own},
    {"key.der", "S44", P2P_CLAIM_SECURE, 0, 1, key_der},
    {"key.space", "S47", P2P_CLAIM_SECURE, 0, 1, key_space},
    {"key.in_tell", "S46 S47", P2P_CLAIM_SECURE, 0, 2, key_in_tell},
    {"key.in_ask", "S46 S47", P2P_CLAIM_SECURE | P2P_CLAIM_ASK, 0, 2, key_in_ask},
    {"key.invalid", "S15", P2P_CLAIM_SECURE, 0, 2, key_invalid},
    {"key.bad_addr", "S14", P2P_CLAIM_SECURE, 0, 2, key_bad_addr},
    {"key.lookup", "S48", P2P_CLAIM_SECURE, 0, 4, lookup_all},
    {"key.lookup_together", "S48", P2P_CLAIM_SECURE, 0, 2, lookup_together},
    {"key.lookup_nobody", "S45 S48", P2P_CLAIM_SECURE, 0, 2, lookup_nobody},
    {"key.lookup_close", "S48 S55", P2P_CLAIM_SECURE, 0, 2, lookup_close},
    {"key.lookup_close_inside", "S57", P2P_CLAIM_SECURE, 0, 2, lookup_close_inside},
};

P2P__CHECK_LIST(p2p__checks_secure, checks);
