/* SPDX-License-Identifier: MIT */
#include "format/der.h"

#include <string.h>

#include <p2p/err.h>

#include "core/alloc.h"

void p2p__der_put(p2p__der_out *out, const void *data, size_t len)
{
    if (len > SIZE_MAX - out->len) {
        out->len = SIZE_MAX;
        return;
    }
    out->len += len;
    if (len && out->len <= out->cap)
        memcpy(out->buf + (out->cap - out->len), data, len);
}

void p2p__der_head(p2p__der_out *out, uint8_t tag, size_t from)
{
    size_t len = out->len - from;
    uint8_t head[2 + sizeof len];
    size_t at = sizeof head;
    if (len < 0x80) {
        head[--at] = (uint8_t)len;
    } else {
        uint8_t n = 0;
        for (size_t rest = len; rest; rest >>= 8, n++)
            head[--at] = (uint8_t)rest;
        head[--at] = (uint8_t)(0x80 | n);
    }
    head[--at] = tag;
    p2p__der_put(out, head + at, sizeof head - at);
}

void p2p__der_element(p2p__der_out *out, uint8_t tag, const void *data, size_t len)
{
    size_t from = out->len;
    p2p__der_put(out, data, len);
    p2p__der_head(out, tag, from);
}

void p2p__der_put_bits(p2p__der_out *out, const void *data, size_t len)
{
    size_t from = out->len;
    p2p__der_put(out, data, len);
    p2p__der_put(out, "", 1); /* no unused bits */
    p2p__der_head(out, P2P__DER_BIT_STRING, from);
}

int p2p__der_finish(p2p__der_out *out, size_t *len)
{
    *len = out->len;
    if (out->len > out->cap) {
        p2p__wipe(out->buf, out->cap);
        return P2P_ERR_NO_SPACE;
    }
    memmove(out->buf, out->buf + (out->cap - out->len), out->len);
    p2p__wipe(out->buf + out->len, out->cap - out->len);
    return 0;
}
