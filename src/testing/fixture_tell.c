/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "testing/fixture_hooks.h"
#include "testing/random.h"

/* --- payloads --- */

static bool reserve_payload(p2p__fx *fx, size_t len)
{
    if (fx->payload && len <= fx->payload_cap)
        return true;
    uint8_t *grown = p2p__resize(&fx->own, fx->payload, len);
    if (!grown) {
        p2p__fx_fail(fx, "no memory for a payload");
        return false;
    }
    fx->payload = grown;
    fx->payload_cap = len;
    return true;
}

uint8_t *p2p__fx_payload(p2p__fx *fx, uint64_t tag, size_t len)
{
    if (!reserve_payload(fx, len))
        return NULL;
    uint64_t state = tag;
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        p2p__store64be(fx->payload + i, p2p__random_next(&state));
    for (uint64_t rest = p2p__random_next(&state); i < len; i++, rest >>= 8)
        fx->payload[i] = (uint8_t)rest;
    return fx->payload;
}

/* FNV-1a, eight bytes at a time. */
uint64_t p2p__fx_hash(const uint8_t *data, size_t len)
{
    const uint64_t prime = UINT64_C(0x100000001b3);
    uint64_t h = UINT64_C(0xcbf29ce484222325) + len;
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        h = p2p__mix64(h ^ p2p__load64be(data + i)) * prime;
    for (; i < len; i++)
        h = (h ^ data[i]) * prime;
    return h;
}

uint64_t p2p__fx_payload_hash(p2p__fx *fx, uint64_t tag, size_t len)
{
    const uint8_t *payload = p2p__fx_payload(fx, tag, len);
    return payload ? p2p__fx_hash(payload, len) : 0;
}

bool p2p__fx_is(p2p__fx *fx, size_t len, uint64_t hash, uint64_t tag, size_t expected_len)
{
    return len == expected_len && hash == p2p__fx_payload_hash(fx, tag, len);
}

/* --- waiting --- */

bool p2p__fx_may_try(p2p__fx *fx, unsigned tries)
{
    uint64_t now = p2p_loop_clock(fx->loop);
    if (tries == 0)
        fx->try_until = now + 3 * fx->options.patience;
    return !fx->failed && (tries == 0 || (!p2p__fx_lossless(fx) && now < fx->try_until));
}

bool p2p__fx_wait_try(p2p__fx *fx, p2p__fx_done done, void *arg)
{
    uint64_t time = p2p__fx_lossless(fx) ? fx->options.patience : 2 * fx->options.settle;
    return p2p__fx_wait_for(fx, done, arg, time);
}

typedef struct writable_wait {
    const p2p__fx_node *node;
    unsigned after;
} writable_wait;

static bool is_writable(p2p__fx *fx, void *arg)
{
    const writable_wait *wait = arg;
    (void)fx;
    return wait->node->writables > wait->after;
}

bool p2p__fx_wait_writable(p2p__fx_node *node, unsigned after)
{
    writable_wait wait = {node, after};
    return p2p__fx_wait(node->fx, is_writable, &wait);
}

static bool has_records(p2p__fx *fx, void *arg)
{
    const size_t *count = arg;
    return fx->record_count >= *count;
}

bool p2p__fx_wait_records(p2p__fx *fx, size_t count)
{
    return p2p__fx_wait(fx, has_records, &count);
}

bool p2p__fx_try_record(p2p__fx *fx)
{
    size_t one = 1;
    return p2p__fx_wait_try(fx, has_records, &one);
}

void p2p__fx_forget(p2p__fx *fx)
{
    fx->record_count = 0;
}

size_t p2p__fx_got(p2p__fx *fx, size_t node, uint64_t tag, size_t len)
{
    uint64_t hash = p2p__fx_payload_hash(fx, tag, len);
    size_t count = 0;
    for (size_t i = 0; i < fx->record_count; i++) {
        const p2p__fx_record *r = &fx->records[i];
        count += r->node == node && r->len == len && r->hash == hash;
    }
    return count;
}

/* --- sending --- */

bool p2p__fx_send(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len)
{
    p2p__fx_node *node = &fx->node[from];
    const uint8_t *payload = p2p__fx_payload(fx, tag, len);
    while (payload && !fx->failed) {
        unsigned writables = node->writables;
        int r = CALL(fx, p2p_tell(node->swarm, &fx->node[to].addr, payload, len));
        if (r == 0)
            return !fx->failed;
        if (r != P2P_ERR_AGAIN)
            p2p__fx_fail(fx, "p2p_tell() of %zu bytes gave %s", len, p2p_err_name(r));
        else if (!p2p__fx_wait_writable(node, writables))
            p2p__fx_fail(fx, "no writable event came after P2P_ERR_AGAIN");
        payload = p2p__fx_payload(fx, tag, len); /* hooks may have used the buffer */
    }
    return false;
}

/* What p2p__fx_arrive waits for. */
typedef struct arrival {
    size_t node;
    size_t len;
    uint64_t hash;
    const p2p__fx_record *record;
} arrival;

static bool has_arrived(p2p__fx *fx, void *arg)
{
    arrival *a = arg;
    a->record = NULL;
    for (size_t i = 0; i < fx->record_count && !a->record; i++) {
        const p2p__fx_record *r = &fx->records[i];
        if (r->node == a->node && !r->is_request && r->len == a->len && r->hash == a->hash)
            a->record = r;
    }
    return a->record != NULL;
}

static bool arrives(p2p__fx *fx, arrival *a, size_t from, uint64_t tag)
{
    for (unsigned tries = 0; p2p__fx_may_try(fx, tries); tries++) {
        if (p2p__fx_send(fx, from, a->node, tag, a->len) && p2p__fx_wait_try(fx, has_arrived, a))
            return true;
    }
    return false;
}

const p2p__fx_record *p2p__fx_arrive(p2p__fx *fx, size_t from, size_t to, uint64_t tag, size_t len)
{
    p2p__fx_forget(fx);
    arrival a = {to, len, p2p__fx_payload_hash(fx, tag, len), NULL};
    if (!arrives(fx, &a, from, tag)) {
        p2p__fx_fail(fx, "a message of %zu bytes did not arrive (%zu others did)", len,
                     fx->record_count);
        return NULL;
    }
    if (!p2p_addr_equal(&a.record->dst, &fx->node[to].addr)) {
        p2p__fx_fail(fx, "a message arrived with another dst than it was told to");
        return NULL;
    }
    if (p2p__fx_lossless(fx) && fx->record_count != 1) {
        p2p__fx_fail(fx, "%zu messages arrived after one tell", fx->record_count);
        return NULL;
    }
    return a.record;
}

/* --- addresses that are not reached --- */

/* Whether a swarm says itself that it reaches such addresses. */
static bool swarm_reads(p2p__fx *fx, const p2p_addr *addr)
{
    char text[P2P_ADDR_TEXT_SIZE];
    p2p_addr parsed;
    return p2p_addr_text(addr, text, sizeof text) == 0 &&
           CALL(fx, p2p_parse_addr(fx->node[0].swarm, text, &parsed)) == 0;
}

size_t p2p__fx_foreign(p2p__fx *fx, p2p_addr *out, size_t cap)
{
    static const char *const texts[] = {
        "192.0.2.1:9",
        "[2001:db8::1]:9",
        "12345",
        "nobody.knows-me",
        "-------------------------------------------@192.0.2.1:9",
        "no-such-scheme://192.0.2.1:9",
    };
    p2p_addr_kind own = p2p_addr_kind_of(&fx->node[0].addr);
    size_t n = 0;
    memset(&out[n++], 0, sizeof *out);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && n < cap; i++) {
        p2p_addr addr;
        if (p2p_addr_parse(texts[i], &addr) == 0 && p2p_addr_kind_of(&addr) != own &&
            !swarm_reads(fx, &addr))
            out[n++] = addr;
    }
    return n;
}
