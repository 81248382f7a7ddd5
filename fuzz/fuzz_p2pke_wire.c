/* SPDX-License-Identifier: MIT */
/* The readers of P2PKE's messages: what they take is written back and read the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/p2pke/hello.h"

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

static int same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static int same_claims(const p2p__pke_claim *a, const p2p__pke_claim *b)
{
    return a->version == b->version && a->extensions == b->extensions &&
           same(a->time, a->time_len, b->time, b->time_len) &&
           same(a->key, a->key_len, b->key, b->key_len) &&
           same(a->sig, a->sig_len, b->sig, b->sig_len);
}

static void init_hello(const uint8_t *data, size_t len)
{
    uint8_t out[P2P_PKE_MAX_HANDSHAKE + 64] = {0};
    p2p__pke_init_hello hello, again;
    p2p__pke_incoming in;
    if (p2p__pke_read_init_hello(data, len, &hello))
        return;
    CHECK(hello.payload == data + 36 && hello.payload_len == len - 36);
    if (hello.claim.time_len > P2P__PKE_TIME_SIZE)
        return;
    size_t n = 36 + p2p__pke_write_init_hello(out + 36, &hello.claim);
    CHECK(n <= P2P__PKE_MAX_INIT_HELLO + 16);
    if (n > P2P_PKE_MAX_HANDSHAKE)
        return;
    CHECK(!p2p__pke_read_init_hello(out, n, &again));
    CHECK(same_claims(&hello.claim, &again.claim));
    if (!p2p__pke_hello_read(data, len, &in))
        CHECK(in.parts.claim.version == 1 && in.key.der == in.parts.claim.key);
}

static void resp_hello(const uint8_t *data, size_t len)
{
    uint8_t out[P2P_PKE_MAX_HANDSHAKE + 64];
    p2p__pke_claim claim, again;
    if (p2p__pke_read_resp_hello(data, len, &claim))
        return;
    size_t n = p2p__pke_write_resp_hello(out, &claim);
    CHECK(!p2p__pke_read_resp_hello(out, n, &again));
    CHECK(same_claims(&claim, &again));
}

static void init_done(const uint8_t *data, size_t len)
{
    uint8_t out[P2P_PKE_MAX_HANDSHAKE];
    const uint8_t *sig, *again;
    size_t sig_len, again_len;
    if (p2p__pke_read_init_done(data, len, &sig, &sig_len))
        return;
    size_t n = p2p__pke_write_init_done(out, sig, sig_len);
    CHECK(!p2p__pke_read_init_done(out, n, &again, &again_len));
    CHECK(same(sig, sig_len, again, again_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    p2p__pke_incoming in;
    init_hello(data, len);
    resp_hello(data, len);
    init_done(data, len);
    (void)p2p__pke_hello_read(data, len, &in);
    return 0;
}
