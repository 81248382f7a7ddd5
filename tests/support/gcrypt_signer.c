/* SPDX-License-Identifier: MIT */
#include "support/gcrypt_signer.h"

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

#include "format/crypto.h"
#include "format/der.h"
#include "test_x509_vectors.h"

#define SCALAR_AT 36u /* in p256_pkcs8 */
#define POINT_AT  26u /* in p256_spki */

/* The RSA key is two primes, and the exponent 65537. */
static const char rsa_p[] = "c1b0cef2be3a858d88ef553974fe2991eaebfc7ac4eb95ae9ca23cbed4476d96"
                            "cd676066543dcf0d700084d49643d39a6572014da31c9e8163fc2a57b28790f2"
                            "990d84d2449639262c276818d959776e8194433ecc340d0f4b9ab0de6622b5ac"
                            "ddc8bb7d35c59c7ff9a552592aa93514a5a00d503899cc5de3c916054ca248e7";
static const char rsa_q[] = "caad2dd7463b32b49c6aa23a352d0b942f7814ec914e7b4978e147f3542defd0"
                            "0bb1f486ca63f813504501b09a9efdea862c4af374a94b3a970ecf6ce8e2d06a"
                            "78ce9d234f97d20098495db2745c4f092dfd1bcb4c21b6e907d6575d11b28974"
                            "db1a72b411a04755301c849dbfbf8a6b9b624acb63860a09571e2de06c5dcf45";

typedef struct rsa {
    gcry_mpi_t p, q, n, e;
} rsa;

static void require(int good)
{
    if (!good)
        abort();
}

/* --- RSA --- */

static gcry_mpi_t read_hex(const char *hex)
{
    gcry_mpi_t out = NULL;
    require(!gcry_mpi_scan(&out, GCRYMPI_FMT_HEX, hex, 0, NULL));
    return out;
}

static rsa rsa_key(void)
{
    require(!p2p__crypto_init());
    rsa key = {read_hex(rsa_p), read_hex(rsa_q), gcry_mpi_new(0), gcry_mpi_set_ui(NULL, 65537)};
    gcry_mpi_mul(key.n, key.p, key.q);
    return key;
}

static void rsa_release(rsa *key)
{
    gcry_mpi_release(key->p);
    gcry_mpi_release(key->q);
    gcry_mpi_release(key->n);
    gcry_mpi_release(key->e);
}

/* A number that fits, with leading zeros. */
static void write_number(gcry_mpi_t number, uint8_t *out, size_t len)
{
    size_t n;
    memset(out, 0, len);
    require(!gcry_mpi_print(GCRYMPI_FMT_USG, NULL, 0, &n, number) && n <= len);
    require(!gcry_mpi_print(GCRYMPI_FMT_USG, out + (len - n), n, NULL, number));
}

/* The private key as libgcrypt wants it: with d, and the inverse of p modulo q. */
static gcry_sexp_t rsa_private(void)
{
    rsa key = rsa_key();
    gcry_sexp_t out = NULL;
    gcry_mpi_t d = gcry_mpi_new(0), u = gcry_mpi_new(0), phi = gcry_mpi_new(0);
    gcry_mpi_sub(phi, key.n, key.p);
    gcry_mpi_sub(phi, phi, key.q);
    gcry_mpi_add_ui(phi, phi, 1);
    require(gcry_mpi_invm(d, key.e, phi) && gcry_mpi_invm(u, key.p, key.q));
    require(!gcry_sexp_build(&out, NULL, "(private-key(rsa(n%m)(e%m)(d%m)(p%m)(q%m)(u%m)))", key.n,
                             key.e, d, key.p, key.q, u));
    gcry_mpi_release(d);
    gcry_mpi_release(u);
    gcry_mpi_release(phi);
    rsa_release(&key);
    return out;
}

static int rsa_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    /* SEQUENCE { OID rsaEncryption, NULL } */
    static const uint8_t identifier[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    static const uint8_t exponent[] = {1, 0, 1};
    uint8_t n[1 + GCRYPT_RSA_SIZE], buf[300];
    p2p__der_out der = {buf, sizeof buf, 0};
    size_t der_len;
    (void)signer;
    rsa key = rsa_key();
    write_number(key.n, n, sizeof n);
    rsa_release(&key);
    p2p__der_element(&der, P2P__DER_INTEGER, exponent, sizeof exponent);
    p2p__der_element(&der, P2P__DER_INTEGER, n, sizeof n);
    p2p__der_head(&der, P2P__DER_SEQUENCE, 0);
    require(!p2p__der_finish(&der, &der_len));
    return p2p_spki_write(identifier, sizeof identifier, buf, der_len, out, cap, len);
}

/* Signs data and takes one number out of the signature. Returns 0 or P2P_ERR_INVALID. */
static int sign_number(gcry_sexp_t data, gcry_sexp_t key, const char *name, uint8_t *out,
                       size_t len)
{
    gcry_sexp_t sig = NULL;
    if (gcry_pk_sign(&sig, data, key))
        return P2P_ERR_INVALID;
    gcry_sexp_t part = gcry_sexp_find_token(sig, name, 0);
    gcry_mpi_t value = gcry_sexp_nth_mpi(part, 1, GCRYMPI_FMT_USG);
    write_number(value, out, len);
    gcry_mpi_release(value);
    gcry_sexp_release(part);
    gcry_sexp_release(sig);
    return 0;
}

static int rsa_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                    size_t cap, size_t *len)
{
    uint8_t hash[32], salt[32];
    gcry_sexp_t data = NULL, key;
    (void)signer;
    *len = GCRYPT_RSA_SIZE;
    if (cap < GCRYPT_RSA_SIZE)
        return P2P_ERR_NO_SPACE;
    key = rsa_private();
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, msg, msg_len);
    gcry_md_hash_buffer(GCRY_MD_SHA256, salt, hash, sizeof hash);
    require(!gcry_sexp_build(&data, NULL,
                             "(data(flags pss)(hash sha256 %b)(salt-length 2:32)"
                             "(random-override %b))",
                             (int)sizeof hash, (const char *)hash, (int)sizeof salt,
                             (const char *)salt));
    require(!sign_number(data, key, "s", out, GCRYPT_RSA_SIZE));
    gcry_sexp_release(data);
    gcry_sexp_release(key);
    return 0;
}

int gcrypt_rsa_seal(const uint8_t encoded[GCRYPT_RSA_SIZE], uint8_t sig[GCRYPT_RSA_SIZE])
{
    uint8_t again[GCRYPT_RSA_SIZE];
    gcry_sexp_t data = NULL, key = rsa_private();
    require(!gcry_sexp_build(&data, NULL, "(data(flags raw)(value%b))", (int)GCRYPT_RSA_SIZE,
                             (const char *)encoded));
    int err = sign_number(data, key, "s", sig, GCRYPT_RSA_SIZE);
    gcry_sexp_release(data);
    gcry_sexp_release(key);
    /* Of a number that is too large the remainder may have been taken. */
    if (!err && (gcrypt_rsa_open(sig, again) || memcmp(again, encoded, sizeof again) != 0))
        err = P2P_ERR_INVALID;
    return err;
}

int gcrypt_rsa_open(const uint8_t sig[GCRYPT_RSA_SIZE], uint8_t encoded[GCRYPT_RSA_SIZE])
{
    rsa key = rsa_key();
    gcry_mpi_t value = NULL;
    require(!gcry_mpi_scan(&value, GCRYMPI_FMT_USG, sig, GCRYPT_RSA_SIZE, NULL));
    int below = gcry_mpi_cmp(value, key.n) < 0;
    gcry_mpi_powm(value, value, key.e, key.n);
    write_number(value, encoded, GCRYPT_RSA_SIZE);
    gcry_mpi_release(value);
    rsa_release(&key);
    return below ? 0 : P2P_ERR_INVALID;
}

/* --- ECDSA --- */

static int p256_public_key(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len)
{
    (void)signer;
    *len = sizeof p256_spki;
    if (cap < sizeof p256_spki)
        return P2P_ERR_NO_SPACE;
    memcpy(out, p256_spki, sizeof p256_spki);
    return 0;
}

/* An INTEGER has no leading zeros but one before a first bit that is set. */
static void put_integer(p2p__der_out *der, const uint8_t number[33])
{
    size_t skip = 0;
    while (skip < 32 && number[skip] == 0 && number[skip + 1] < 0x80)
        skip++;
    p2p__der_element(der, P2P__DER_INTEGER, number + skip, 33 - skip);
}

static int p256_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out,
                     size_t cap, size_t *len)
{
    uint8_t hash[32], r[33], s[33], buf[80];
    p2p__der_out der = {buf, sizeof buf, 0};
    gcry_sexp_t data = NULL, key = NULL;
    (void)signer;
    require(!p2p__crypto_init());
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, msg, msg_len);
    require(!gcry_sexp_build(&data, NULL, "(data(flags rfc6979)(hash sha256 %b))", (int)sizeof hash,
                             (const char *)hash));
    require(!gcry_sexp_build(&key, NULL, "(private-key(ecdsa(curve\"NIST P-256\")(q%b)(d%b)))", 65,
                             (const char *)(p256_spki + POINT_AT), 32,
                             (const char *)(p256_pkcs8 + SCALAR_AT)));
    require(!sign_number(data, key, "r", r, sizeof r) && !sign_number(data, key, "s", s, sizeof s));
    gcry_sexp_release(data);
    gcry_sexp_release(key);
    put_integer(&der, s);
    put_integer(&der, r);
    p2p__der_head(&der, P2P__DER_SEQUENCE, 0);
    require(!p2p__der_finish(&der, len));
    if (cap < *len)
        return P2P_ERR_NO_SPACE;
    memcpy(out, buf, *len);
    return 0;
}

static void nothing_to_free(p2p_signer *signer)
{
    (void)signer;
}

p2p_signer *gcrypt_p256_signer(void)
{
    static const p2p_signer_ops ops = {sizeof ops, p256_public_key, p256_sign, nothing_to_free};
    static p2p_signer signer = {&ops};
    return &signer;
}

p2p_signer *gcrypt_rsa_signer(void)
{
    static const p2p_signer_ops ops = {sizeof ops, rsa_public_key, rsa_sign, nothing_to_free};
    static p2p_signer signer = {&ops};
    return &signer;
}
