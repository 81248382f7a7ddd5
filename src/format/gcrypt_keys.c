/* SPDX-License-Identifier: MIT */
/* ECDSA on P-256 and RSA-PSS by libgcrypt: verifying only. */
#include "format/key.h"

#include <string.h>

#include <gcrypt.h>

#include "format/crypto.h"

/* SEQUENCE { OID id-ecPublicKey, OID prime256v1 } (RFC 5480, 2.1.1) */
static const uint8_t p256_identifier[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                          0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                                          0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
/* SEQUENCE { OID ecdsa-with-SHA256 } (RFC 5758, 3.2) */
static const uint8_t ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
/* SEQUENCE { OID rsaEncryption, NULL } (RFC 3279, 2.3.1) */
static const uint8_t rsa_identifier[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
/* SEQUENCE { OID id-RSASSA-PSS } (RFC 4055, 1.2: no parameters, no restrictions) */
static const uint8_t pss_identifier[] = {0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                         0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
/* SEQUENCE { OID id-RSASSA-PSS, { [0] SHA-256, [1] MGF1 of SHA-256, [2] 32 } } (RFC 4055, 3.1) */
static const uint8_t pss_sha256[] = {
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30,
    0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
    0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
    0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20};

#define POINT_LEN    65u
#define RSA_MIN_BITS 2048u
#define RSA_MAX_BITS 8192u

/* Verifies with the three expressions, which it frees; any of them may be NULL. */
static int verify_and_free(gcry_sexp_t sig, gcry_sexp_t data, gcry_sexp_t key)
{
    int err = P2P_ERR_UNSUPPORTED;
    if (sig && data && key)
        err = gcry_pk_verify(sig, data, key) ? P2P_ERR_BAD_SIGNATURE : 0;
    gcry_sexp_release(sig);
    gcry_sexp_release(data);
    gcry_sexp_release(key);
    return err;
}

/* Builds an expression of one or two byte strings; NULL on failure. */
static gcry_sexp_t build(const char *format, p2p__bytes a, p2p__bytes b)
{
    gcry_sexp_t out = NULL;
    if (gcry_sexp_build(&out, NULL, format, (int)a.len, (const char *)a.p, (int)b.len,
                        (const char *)b.p))
        return NULL;
    return out;
}

/* --- ECDSA --- */

/* Whether the point is on the curve: libgcrypt does not look when it verifies. */
static int point_is_valid(const p2p_spki *key)
{
    gcry_ctx_t curve;
    gcry_mpi_t encoded = NULL;
    int good = 0;
    if (gcry_mpi_ec_new(&curve, NULL, "NIST P-256"))
        return 0;
    gcry_mpi_point_t point = gcry_mpi_point_new(0);
    if (!gcry_mpi_scan(&encoded, GCRYMPI_FMT_USG, key->key, key->key_len, NULL) &&
        !gcry_mpi_ec_decode_point(point, encoded, curve))
        good = gcry_mpi_ec_curve_point(point, curve);
    gcry_mpi_release(encoded);
    gcry_mpi_point_release(point);
    gcry_ctx_release(curve);
    return good;
}

/* RFC 5480, 2.2: an uncompressed point; the compressed forms exist and are not supported. */
static int check_p256(const p2p_spki *key)
{
    int err = p2p__crypto_init();
    if (err)
        return err;
    if (key->key_len == (POINT_LEN + 1) / 2 && (key->key[0] == 2 || key->key[0] == 3))
        return P2P_ERR_UNSUPPORTED;
    if (key->key_len != POINT_LEN || key->key[0] != 4)
        return P2P_ERR_MALFORMED;
    return point_is_valid(key) ? 0 : P2P_ERR_MALFORMED;
}

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3); 32 bytes, and a zero where the first bit would be a sign. */
static int read_ecdsa(const uint8_t *sig, size_t sig_len, p2p__bytes *r, p2p__bytes *s)
{
    p2p__bytes in = {sig, sig_len}, content;
    return p2p__der_get(&in, P2P__DER_SEQUENCE, &content, NULL) || in.len ||
           p2p__der_uint(&content, r) || p2p__der_uint(&content, s) || content.len || r->len > 33 ||
           s->len > 33;
}

static int verify_p256(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                       size_t sig_len)
{
    uint8_t hash[32];
    p2p__bytes r, s, none = {NULL, 0}, digest = {hash, sizeof hash};
    p2p__bytes point = {key->key, key->key_len};
    int err = check_p256(key);
    if (err)
        return err;
    if (read_ecdsa(sig, sig_len, &r, &s))
        return P2P_ERR_BAD_SIGNATURE;
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, msg, msg_len);
    return verify_and_free(build("(sig-val(ecdsa(r%b)(s%b)))", r, s),
                           build("(data(flags raw)(value%b))", digest, none),
                           build("(public-key(ecdsa(curve\"NIST P-256\")(q%b)))", point, none));
}

/* --- RSA --- */

/* Bits of a number without leading zero bytes, but for the one that says that it is positive. */
static size_t bits_of(p2p__bytes n)
{
    size_t skip = n.p[0] == 0 ? 1 : 0;
    if (n.len == skip)
        return 0;
    size_t bits = 8 * (n.len - skip);
    for (unsigned top = 0x80; !(n.p[skip] & top); top >>= 1)
        bits--;
    return bits;
}

/* RSAPublicKey (RFC 8017, A.1.1): modulus and exponent odd, the exponent from 3 to 2^32. */
static int read_rsa(const p2p_spki *key, p2p__bytes *n, p2p__bytes *e)
{
    p2p__bytes in = {key->key, key->key_len}, content;
    if (p2p__der_get(&in, P2P__DER_SEQUENCE, &content, NULL) || in.len ||
        p2p__der_uint(&content, n) || p2p__der_uint(&content, e) || content.len)
        return P2P_ERR_MALFORMED;
    if (!(n->p[n->len - 1] & 1) || !(e->p[e->len - 1] & 1) || bits_of(*e) < 2)
        return P2P_ERR_MALFORMED;
    if (bits_of(*n) < RSA_MIN_BITS || bits_of(*n) > RSA_MAX_BITS || bits_of(*e) > 32)
        return P2P_ERR_UNSUPPORTED;
    return 0;
}

static int check_rsa(const p2p_spki *key)
{
    p2p__bytes n, e;
    return read_rsa(key, &n, &e);
}

static int verify_rsa(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                      size_t sig_len)
{
    uint8_t hash[32];
    p2p__bytes n, e, none = {NULL, 0}, digest = {hash, sizeof hash};
    int err = p2p__crypto_init();
    if (!err)
        err = read_rsa(key, &n, &e);
    if (err)
        return err;
    /* RFC 8017, 8.1.2, step 1, and 5.2.2, step 1: as long as the modulus, and below it. */
    if (sig_len != (bits_of(n) + 7) / 8 || memcmp(sig, n.p + (n.len - sig_len), sig_len) >= 0)
        return P2P_ERR_BAD_SIGNATURE;
    /* A leading zero, lest libgcrypt takes the number for a negative one. */
    uint8_t padded[1 + P2P_SIGNATURE_MAX] = {0};
    memcpy(padded + 1, sig, sig_len);
    p2p__bytes value = {padded, 1 + sig_len};
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, msg, msg_len);
    return verify_and_free(
        build("(sig-val(rsa(s%b)))", value, none),
        build("(data(flags pss)(hash sha256 %b)(salt-length 2:32))", digest, none),
        build("(public-key(rsa(n%b)(e%b)))", n, e));
}

const p2p_key_algorithm p2p__ecdsa_p256 = {
    .size = sizeof(p2p_key_algorithm),
    .name = "ECDSA-P256-SHA256",
    .identifier = p256_identifier,
    .identifier_len = sizeof p256_identifier,
    .signature_identifier = ecdsa_sha256,
    .signature_identifier_len = sizeof ecdsa_sha256,
    .check = check_p256,
    .verify = verify_p256,
    .signer_new = NULL,
};

const p2p_key_algorithm p2p__rsa = {
    .size = sizeof(p2p_key_algorithm),
    .name = "RSA-PSS-SHA256",
    .identifier = rsa_identifier,
    .identifier_len = sizeof rsa_identifier,
    .signature_identifier = pss_sha256,
    .signature_identifier_len = sizeof pss_sha256,
    .check = check_rsa,
    .verify = verify_rsa,
    .signer_new = NULL,
};

const p2p_key_algorithm p2p__rsa_pss = {
    .size = sizeof(p2p_key_algorithm),
    .name = "RSA-PSS-SHA256",
    .identifier = pss_identifier,
    .identifier_len = sizeof pss_identifier,
    .signature_identifier = pss_sha256,
    .signature_identifier_len = sizeof pss_sha256,
    .check = check_rsa,
    .verify = verify_rsa,
    .signer_new = NULL,
};
