/* SPDX-License-Identifier: MIT */
/*
 * Signatures, byte by byte, under valid keys: what is taken is what the key's owner signed, in its
 * one writing, and nothing else. The first byte says whose key it is, and how a signature comes of
 * the rest:
 *
 *   GIVEN     it is the rest, to a fixed message or (bit 4) to one that leads the rest
 *   CHANGED   a good one to the rest of the input, and some of its bytes exclusive-ored
 *   BUILT     of ECDSA, two numbers, each chosen among those that lie on a border, or given
 *   ENCODED   of RSA, what is below it: bytes of the encoded message exclusive-ored
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>

#include "format/der.h"
#include "support/gcrypt_signer.h"
#include "test_x509_vectors.h"

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

typedef struct input {
    const uint8_t *p;
    size_t left;
} input;

/* A message, and the signatures of it that there are; lengths are 0 if there are none. */
typedef struct signed_message {
    uint8_t spki[512];
    p2p_spki key;
    int ecdsa;
    const uint8_t *msg;
    size_t msg_len;
    uint8_t sig[P2P_SIGNATURE_MAX];
    size_t sig_len;
    uint8_t twin[80]; /* of ECDSA: with -s, which is as good */
    size_t twin_len;
} signed_message;

static const char p256_order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

static uint8_t next(input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->p++;
}

/* --- numbers of ECDSA --- */

static gcry_mpi_t read_hex(const char *hex)
{
    gcry_mpi_t out = NULL;
    CHECK(!gcry_mpi_scan(&out, GCRYMPI_FMT_HEX, hex, 0, NULL));
    return out;
}

/* Adds an INTEGER; libgcrypt's "standard" form is its content, but for zero. */
static void put_integer(p2p__der_out *der, gcry_mpi_t number)
{
    uint8_t buf[64] = {0};
    size_t n;
    CHECK(!gcry_mpi_print(GCRYMPI_FMT_STD, buf, sizeof buf, &n, number));
    p2p__der_element(der, P2P__DER_INTEGER, buf, n ? n : 1);
}

static size_t write_ecdsa(gcry_mpi_t r, gcry_mpi_t s, uint8_t out[80])
{
    p2p__der_out der = {out, 80, 0};
    size_t len;
    put_integer(&der, s);
    put_integer(&der, r);
    p2p__der_head(&der, P2P__DER_SEQUENCE, 0);
    CHECK(!p2p__der_finish(&der, &len));
    return len;
}

/* Of a good signature: SEQUENCE { INTEGER r, INTEGER s }, all short. */
static void read_ecdsa(const signed_message *m, gcry_mpi_t *r, gcry_mpi_t *s)
{
    const uint8_t *at = m->sig + 2;
    CHECK(!gcry_mpi_scan(r, GCRYMPI_FMT_USG, at + 2, at[1], NULL));
    at += 2 + at[1];
    CHECK(!gcry_mpi_scan(s, GCRYMPI_FMT_USG, at + 2, at[1], NULL));
    CHECK(at + 2 + at[1] == m->sig + m->sig_len);
}

static void add_twin(signed_message *m)
{
    gcry_mpi_t r, s, n = read_hex(p256_order);
    read_ecdsa(m, &r, &s);
    gcry_mpi_sub(s, n, s);
    m->twin_len = write_ecdsa(r, s, m->twin);
    gcry_mpi_release(r);
    gcry_mpi_release(s);
    gcry_mpi_release(n);
}

/* --- the check --- */

static int same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && !memcmp(a, b, a_len);
}

/* Verifies a signature, in memory of exactly its size. */
static void verify(const signed_message *m, const uint8_t *sig, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    CHECK(copy);
    if (len)
        memcpy(copy, sig, len);
    int good = len && (same(sig, len, m->sig, m->sig_len) || same(sig, len, m->twin, m->twin_len));
    int err = p2p_verify(p2p_key_registry_extended(), &m->key, m->msg, m->msg_len, copy, len);
    CHECK(err == (good ? 0 : P2P_ERR_BAD_SIGNATURE));
    err = p2p_verify(NULL, &m->key, m->msg, m->msg_len, copy, len);
    CHECK(err == P2P_ERR_UNSUPPORTED);
    free(copy);
}

static void know_key(signed_message *m, const uint8_t *spki, size_t len, int ecdsa)
{
    CHECK(len <= sizeof m->spki);
    memcpy(m->spki, spki, len);
    CHECK(!p2p_spki_parse(m->spki, len, &m->key));
    CHECK(!p2p_spki_check(p2p_key_registry_extended(), &m->key));
    m->ecdsa = ecdsa;
}

/* The owner signs. */
static void sign(signed_message *m, int ecdsa, const uint8_t *msg, size_t len)
{
    p2p_signer *signer = ecdsa ? gcrypt_p256_signer() : gcrypt_rsa_signer();
    uint8_t spki[512];
    size_t spki_len;
    CHECK(!p2p_signer_public_key(signer, spki, sizeof spki, &spki_len));
    know_key(m, spki, spki_len, ecdsa);
    m->msg = msg;
    m->msg_len = len;
    CHECK(!p2p_sign(signer, msg, len, m->sig, sizeof m->sig, &m->sig_len));
    if (ecdsa)
        add_twin(m);
}

/* --- signatures --- */

/* Keys and signatures of another program. */
static void try_given(input *in, uint8_t kind)
{
    static const struct {
        const uint8_t *spki, *sig;
        size_t spki_len, sig_len;
    } known[] = {
        {p256_spki, p256_sig, sizeof p256_spki, sizeof p256_sig},
        {rsa_spki, rsa_sig, sizeof rsa_spki, sizeof rsa_sig},
        {pss_spki, pss_sig, sizeof pss_spki, sizeof pss_sig},
    };
    signed_message m = {0};
    size_t i = (kind & 3u) % 3;
    know_key(&m, known[i].spki, known[i].spki_len, i == 0);
    m.msg = (const uint8_t *)"attack at dawn";
    m.msg_len = 14;
    memcpy(m.sig, known[i].sig, known[i].sig_len);
    m.sig_len = known[i].sig_len;
    if (m.ecdsa)
        add_twin(&m);
    if (kind & 16) {
        /* Nobody has signed any other message. */
        size_t n = next(in);
        n = n < in->left ? n : in->left;
        if (!same(in->p, n, m.msg, m.msg_len))
            m.sig_len = m.twin_len = 0;
        m.msg = in->p;
        m.msg_len = n;
        in->p += n;
        in->left -= n;
    }
    verify(&m, in->p, in->left);
}

static void change(input *in, uint8_t *bytes, size_t len)
{
    for (unsigned n = next(in) % 8; n; n--) {
        size_t at = next(in);
        bytes[at % len] ^= next(in);
    }
}

/* The number that is the same modulo the modulus, if it is as long. */
static void add_modulus(const signed_message *m, uint8_t *sig)
{
    const uint8_t *modulus = m->key.key + 9; /* after SEQUENCE, INTEGER and a zero */
    uint8_t sum[GCRYPT_RSA_SIZE];
    unsigned carry = 0;
    for (size_t i = sizeof sum; i--;) {
        carry += (unsigned)sig[i] + modulus[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (!carry)
        memcpy(sig, sum, sizeof sum);
}

/* Some bytes of it, or fewer or more of them. */
static void try_changed(input *in, uint8_t kind)
{
    signed_message m = {0};
    uint8_t sig[P2P_SIGNATURE_MAX + 16] = {0}, script[32];
    input edits = {script, 0};
    while (edits.left < sizeof script && in->left)
        script[edits.left++] = next(in);
    sign(&m, !(kind & 1), in->p, in->left);
    verify(&m, m.sig, m.sig_len);
    if (m.twin_len)
        verify(&m, m.twin, m.twin_len);
    memcpy(sig, m.sig, m.sig_len);
    change(&edits, sig, m.sig_len);
    uint8_t longer = next(&edits);
    if (longer & 64 && !m.ecdsa)
        add_modulus(&m, sig);
    size_t len = m.sig_len + longer % 16;
    if (longer & 128)
        len = m.sig_len - longer % 16;
    verify(&m, sig, len);
}

/* One of: 0, 1, the signature's own, its negative, the order and one beside it, the signature's own
 * and the order, all bits of 256, 257 bits, bytes of the input. */
static gcry_mpi_t choose(input *in, gcry_mpi_t own)
{
    gcry_mpi_t n = read_hex(p256_order), out = gcry_mpi_new(0);
    uint8_t bytes[32];
    uint8_t which = next(in) % 10;
    switch (which) {
    case 0:
    case 1:
        gcry_mpi_set_ui(out, which);
        break;
    case 2:
        gcry_mpi_set(out, own);
        break;
    case 3:
        gcry_mpi_sub(out, n, own);
        break;
    case 4:
    case 5:
        gcry_mpi_add_ui(out, n, which - 4u);
        break;
    case 6:
        gcry_mpi_sub_ui(out, n, 1);
        break;
    case 7:
        gcry_mpi_add(out, n, own);
        break;
    case 8:
        gcry_mpi_set_bit(out, 256);
        gcry_mpi_sub_ui(out, out, next(in) & 1);
        break;
    default:
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = next(in);
        gcry_mpi_release(out);
        CHECK(!gcry_mpi_scan(&out, GCRYMPI_FMT_USG, bytes, sizeof bytes, NULL));
        break;
    }
    gcry_mpi_release(n);
    return out;
}

static void try_built(input *in)
{
    signed_message m = {0};
    uint8_t sig[80];
    gcry_mpi_t own_r, own_s;
    sign(&m, 1, in->p, in->left < 4 ? in->left : 4);
    read_ecdsa(&m, &own_r, &own_s);
    gcry_mpi_t r = choose(in, own_r), s = choose(in, own_s);
    size_t len = write_ecdsa(r, s, sig);
    verify(&m, sig, len);
    gcry_mpi_release(own_r);
    gcry_mpi_release(own_s);
    gcry_mpi_release(r);
    gcry_mpi_release(s);
}

static void try_encoded(input *in)
{
    signed_message m = {0};
    uint8_t encoded[GCRYPT_RSA_SIZE], sig[GCRYPT_RSA_SIZE];
    sign(&m, 0, in->p, in->left < 4 ? in->left : 4);
    CHECK(!gcrypt_rsa_open(m.sig, encoded));
    if (next(in) & 1)
        for (size_t i = 0; i < sizeof encoded && in->left; i++)
            encoded[i] = next(in);
    else
        change(in, encoded, sizeof encoded);
    if (!gcrypt_rsa_seal(encoded, sig))
        verify(&m, sig, sizeof sig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input in = {data, len};
    uint8_t kind = next(&in);
    switch (kind >> 2 & 3) {
    case 0:
        try_given(&in, kind);
        break;
    case 1:
        try_changed(&in, kind);
        break;
    case 2:
        try_built(&in);
        break;
    default:
        try_encoded(&in);
        break;
    }
    return 0;
}
