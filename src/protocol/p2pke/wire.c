/* SPDX-License-Identifier: MIT */
#include "protocol/p2pke/wire.h"

#include <string.h>

#include "core/bytes.h"

/* Field numbers. InitHello has all of them; RespHello starts with its key, InitDone has one. */
enum {
    INIT_HELLO_VERSION = 1,
    INIT_HELLO_TIME = 2,
    INIT_HELLO_KEY = 3,
    INIT_HELLO_SIG = 4,
    RESP_HELLO_KEY = 1,
    RESP_HELLO_SIG = 2,
    INIT_DONE_SIG = 1,
    ANY_HELLO_EXTENSIONS = 15
};

/* Wire types of protobuf. The groups of old, 3 and 4, are in no message here. */
enum { TYPE_VARINT = 0, TYPE_FIXED64 = 1, TYPE_BYTES = 2, TYPE_FIXED32 = 5 };

#define MAX_FIELD_NUMBER ((UINT64_C(1) << 29) - 1)

/* --- reading --- */

typedef struct cursor {
    const uint8_t *at;
    const uint8_t *end;
} cursor;

typedef struct field {
    uint64_t number;
    unsigned type;
    uint64_t value;       /* of a varint */
    const uint8_t *bytes; /* of the others */
    size_t len;
} field;

/* LEB128, at most 10 bytes, the last of which may only be 0 or 1. Returns 0 or
 * P2P_ERR_MALFORMED. */
static int read_varint(cursor *c, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            return P2P_ERR_MALFORMED;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return 0;
        }
    }
    return P2P_ERR_MALFORMED;
}

static int read_bytes(cursor *c, uint64_t len, field *f)
{
    if (len > (uint64_t)(c->end - c->at))
        return P2P_ERR_MALFORMED;
    f->bytes = c->at;
    f->len = (size_t)len;
    c->at += len;
    return 0;
}

static int read_field(cursor *c, field *f)
{
    uint64_t tag, len;
    int err = read_varint(c, &tag);
    if (err)
        return err;
    memset(f, 0, sizeof *f);
    f->number = tag >> 3;
    f->type = (unsigned)(tag & 7);
    if (f->number == 0 || f->number > MAX_FIELD_NUMBER)
        return P2P_ERR_MALFORMED;
    switch (f->type) {
    case TYPE_VARINT:
        return read_varint(c, &f->value);
    case TYPE_FIXED64:
        return read_bytes(c, 8, f);
    case TYPE_BYTES:
        err = read_varint(c, &len);
        return err ? err : read_bytes(c, len, f);
    case TYPE_FIXED32:
        return read_bytes(c, 4, f);
    default:
        return P2P_ERR_MALFORMED;
    }
}

/* A field of a known number but another wire type is an unknown field. */
static int is_bytes(const field *f, uint64_t number)
{
    return f->number == number && f->type == TYPE_BYTES;
}

static int is_varint(const field *f, uint64_t number)
{
    return f->number == number && f->type == TYPE_VARINT;
}

static int read_init_hello_pb(const uint8_t *pb, size_t len, p2p__pke_claim *out)
{
    cursor c = {pb, pb + len};
    p2p__pke_claim claim = {0};
    field f;
    while (c.at < c.end) {
        int err = read_field(&c, &f);
        if (err)
            return err;
        if (is_varint(&f, INIT_HELLO_VERSION)) {
            claim.version = (uint32_t)f.value;
        } else if (is_bytes(&f, INIT_HELLO_TIME)) {
            claim.time = f.bytes;
            claim.time_len = f.len;
        } else if (is_bytes(&f, INIT_HELLO_KEY)) {
            claim.key = f.bytes;
            claim.key_len = f.len;
        } else if (is_bytes(&f, INIT_HELLO_SIG)) {
            claim.sig = f.bytes;
            claim.sig_len = f.len;
        } else if (is_varint(&f, ANY_HELLO_EXTENSIONS)) {
            claim.extensions = f.value;
        }
    }
    if (claim.key_len > P2P__PKE_MAX_KEY || claim.sig_len > P2P__PKE_MAX_SIG)
        return P2P_ERR_MALFORMED;
    *out = claim;
    return 0;
}

int p2p__pke_read_init_hello(const uint8_t *datagram, size_t len, p2p__pke_init_hello *out)
{
    p2p__pke_init_hello hello;
    if (len < P2P__PKE_HEADER_SIZE + P2P__PKE_DH_SIZE + 2 || len > P2P__PKE_MAX_INIT_HELLO_IN ||
        p2p__load32be(datagram) != P2P__PKE_NONCE_INIT_HELLO)
        return P2P_ERR_MALFORMED;

    hello.ephemeral = datagram + P2P__PKE_HEADER_SIZE;
    hello.payload = hello.ephemeral + P2P__PKE_DH_SIZE;
    hello.payload_len = len - P2P__PKE_HEADER_SIZE - P2P__PKE_DH_SIZE;

    /* From the end: the length of the protobuf, the protobuf, and before it whatever. */
    size_t room = hello.payload_len - 2;
    size_t pb_len = p2p__load16be(hello.payload + room);
    if (pb_len > room)
        return P2P_ERR_MALFORMED;
    int err = read_init_hello_pb(hello.payload + room - pb_len, pb_len, &hello.claim);
    if (err)
        return err;
    *out = hello;
    return 0;
}

int p2p__pke_read_resp_hello(const uint8_t *plain, size_t len, p2p__pke_claim *out)
{
    cursor c = {plain, plain + len};
    p2p__pke_claim claim = {0};
    field f;
    while (c.at < c.end) {
        int err = read_field(&c, &f);
        if (err)
            return err;
        if (is_bytes(&f, RESP_HELLO_KEY)) {
            claim.key = f.bytes;
            claim.key_len = f.len;
        } else if (is_bytes(&f, RESP_HELLO_SIG)) {
            claim.sig = f.bytes;
            claim.sig_len = f.len;
        } else if (is_varint(&f, ANY_HELLO_EXTENSIONS)) {
            claim.extensions = f.value;
        }
    }
    if (claim.key_len > P2P__PKE_MAX_KEY || claim.sig_len > P2P__PKE_MAX_SIG)
        return P2P_ERR_MALFORMED;
    *out = claim;
    return 0;
}

int p2p__pke_read_init_done(const uint8_t *plain, size_t len, const uint8_t **sig, size_t *sig_len)
{
    cursor c = {plain, plain + len};
    const uint8_t *bytes = NULL;
    size_t bytes_len = 0;
    field f;
    while (c.at < c.end) {
        int err = read_field(&c, &f);
        if (err)
            return err;
        if (is_bytes(&f, INIT_DONE_SIG)) {
            bytes = f.bytes;
            bytes_len = f.len;
        }
    }
    if (bytes_len > P2P__PKE_MAX_SIG)
        return P2P_ERR_MALFORMED;
    *sig = bytes;
    *sig_len = bytes_len;
    return 0;
}

/* --- writing: ascending fields, nothing for a value that is zero or empty --- */

static uint8_t *write_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *write_number(uint8_t *at, unsigned number, uint64_t value)
{
    if (value == 0)
        return at;
    return write_varint(write_varint(at, number << 3 | TYPE_VARINT), value);
}

static uint8_t *write_bytes(uint8_t *at, unsigned number, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return at;
    at = write_varint(write_varint(at, number << 3 | TYPE_BYTES), len);
    memcpy(at, bytes, len);
    return at + len;
}

size_t p2p__pke_write_init_hello(uint8_t *out, const p2p__pke_claim *claim)
{
    uint8_t *at = out;
    at = write_number(at, INIT_HELLO_VERSION, claim->version);
    at = write_bytes(at, INIT_HELLO_TIME, claim->time, claim->time_len);
    at = write_bytes(at, INIT_HELLO_KEY, claim->key, claim->key_len);
    at = write_bytes(at, INIT_HELLO_SIG, claim->sig, claim->sig_len);
    at = write_number(at, ANY_HELLO_EXTENSIONS, claim->extensions);
    p2p__store16be(at, (uint16_t)(at - out));
    return (size_t)(at - out) + 2;
}

size_t p2p__pke_write_resp_hello(uint8_t *out, const p2p__pke_claim *claim)
{
    uint8_t *at = out;
    at = write_bytes(at, RESP_HELLO_KEY, claim->key, claim->key_len);
    at = write_bytes(at, RESP_HELLO_SIG, claim->sig, claim->sig_len);
    at = write_number(at, ANY_HELLO_EXTENSIONS, claim->extensions);
    return (size_t)(at - out);
}

size_t p2p__pke_write_init_done(uint8_t *out, const uint8_t *sig, size_t sig_len)
{
    return (size_t)(write_bytes(out, INIT_DONE_SIG, sig, sig_len) - out);
}
