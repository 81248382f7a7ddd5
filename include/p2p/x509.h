/* SPDX-License-Identifier: MIT */
#ifndef P2P_X509_H
#define P2P_X509_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <p2p/addr.h>
#include <p2p/alloc.h>
#include <p2p/err.h>
#include <p2p/export.h>

P2P_BEGIN_DECLS

/*
 * Keys and certificates: public keys (SubjectPublicKeyInfo), private keys (PKCS#8), PEM, signing
 * and verifying, peer ids of keys, self-signed certificates. docs/x509.md tells more.
 *
 * Rules
 *   K1. All of it is pure: no clock, no random bytes, no files (but for the two p2p_key_file_*
 *       functions at the end). Callers pass seeds, serials and times. Any thread may call it.
 *   K2. Readers take strict DER: one encoding per value, nothing after it. So the bytes that were
 *       read are the canonical form, and two keys are equal if and only if their bytes are.
 *   K3. What a reader returns points into the bytes it was given and is valid as long as they are.
 *       Every failed call leaves *out as it was.
 *   K4. Writers, and p2p_pem_read, put *len bytes at the start of out, which overlaps no input.
 *       P2P_ERR_NO_SPACE if cap is too small; *len is then the size needed, and out holds zeros or
 *       what it held before. p2p_pem_read may zero out whenever it fails.
 *   K5. An algorithm that nobody knows can still be read, compared and fingerprinted.
 *   K6. Secrets are wiped from all memory of the library before a call returns, but for what is in
 *       a signer (until p2p_signer_free) and in the caller's buffers (which the caller wipes).
 */
#define P2P_KEY_MAX_DER  4096u  /* longest public or private key, in DER */
#define P2P_CERT_MAX_DER 8192u  /* longest certificate, in DER */
#define P2P_PEM_MAX      16384u /* longest PEM text */

/* Sizes of Ed25519 things: seed (the private key), public key, signature, and both keys in DER. */
#define P2P_ED25519_SEED_SIZE      32u
#define P2P_ED25519_PUBLIC_SIZE    32u
#define P2P_ED25519_SIGNATURE_SIZE 64u
#define P2P_ED25519_SPKI_SIZE      44u
#define P2P_ED25519_PKCS8_SIZE     48u

/* No signature of a known algorithm is longer (RSA of 8192 bits). */
#define P2P_SIGNATURE_MAX 1024u

/* --- object identifiers --- */

/* Longest object identifier, in encoded bytes, and a buffer for the text of any of them. */
#define P2P_OID_MAX       32u
#define P2P_OID_TEXT_SIZE 160u

/*
 * Dotted text, such as "1.3.101.112", of the content bytes of an OBJECT IDENTIFIER, and back. Both
 * are strict. Text: P2P_ERR_MALFORMED (not an identifier), P2P_ERR_UNSUPPORTED (an arc above 64
 * bits), P2P_ERR_NO_SPACE. Parse: P2P_ERR_MALFORMED, P2P_ERR_UNSUPPORTED (likewise),
 * P2P_ERR_NO_SPACE (more than cap bytes; P2P_OID_MAX always suffices for what keys may have).
 */
P2P_API P2P_MUST_USE int p2p_oid_text(const uint8_t *oid, size_t oid_len, char *out, size_t cap);
P2P_API P2P_MUST_USE int p2p_oid_parse(const char *text, uint8_t *out, size_t cap, size_t *len);

/* --- public and private keys --- */

/* An AlgorithmIdentifier (RFC 5280, 4.1.1.2). */
typedef struct p2p_algorithm_id {
    const uint8_t *der; /* the whole element */
    size_t der_len;
    const uint8_t *oid; /* content bytes of the object identifier */
    size_t oid_len;
    const uint8_t *params; /* the whole element of the parameters; NULL if there are none */
    size_t params_len;
} p2p_algorithm_id;

/* A public key: SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). */
typedef struct p2p_spki {
    const uint8_t *der; /* the whole element */
    size_t der_len;
    p2p_algorithm_id algorithm;
    const uint8_t *key; /* the bytes of the BIT STRING */
    size_t key_len;
} p2p_spki;

/* A private key: PKCS#8 (RFC 5958). Secret. */
typedef struct p2p_pkcs8 {
    const uint8_t *der; /* the whole element */
    size_t der_len;
    p2p_algorithm_id algorithm;
    const uint8_t *key; /* the bytes of the OCTET STRING */
    size_t key_len;
    const uint8_t *public_key; /* the bytes of the public key of version 2; NULL if there is none */
    size_t public_key_len;
} p2p_pkcs8;

/*
 * Read a key. Nothing may follow it. For the algorithms of RFC 8410 (X25519, X448, Ed25519, Ed448)
 * the absence of parameters and the length of the key are checked too; other keys are checked by
 * p2p_spki_check(). Return 0, P2P_ERR_MALFORMED, P2P_ERR_LIMIT (longer than P2P_KEY_MAX_DER), and
 * P2P_ERR_UNSUPPORTED for a private key with attributes.
 *
 * The private-key form of go-p2p (see p2p_gop2p_key_import) is a public key by its looks, so
 * p2p_pkcs8_parse refuses it and p2p_spki_parse cannot tell it apart.
 */
P2P_API P2P_MUST_USE int p2p_spki_parse(const uint8_t *der, size_t len, p2p_spki *out);
P2P_API P2P_MUST_USE int p2p_pkcs8_parse(const uint8_t *der, size_t len, p2p_pkcs8 *out);

/* Whether two public keys are the same. Not for secrets: its time depends on the content. */
P2P_API int p2p_spki_equal(const p2p_spki *a, const p2p_spki *b);

/*
 * Write a key of any algorithm: `algorithm` is a whole AlgorithmIdentifier in DER. Return 0,
 * P2P_ERR_NO_SPACE, P2P_ERR_INVALID if the parts make no key that the reader would take (then
 * nothing is written).
 */
P2P_API P2P_MUST_USE int p2p_spki_write(const uint8_t *algorithm, size_t algorithm_len,
                                        const uint8_t *key, size_t key_len, uint8_t *out,
                                        size_t cap, size_t *len);
P2P_API P2P_MUST_USE int p2p_pkcs8_write(const uint8_t *algorithm, size_t algorithm_len,
                                         const uint8_t *key, size_t key_len, uint8_t *out,
                                         size_t cap, size_t *len);

/*
 * Ed25519. The private key is the seed: 32 random bytes, from p2p_loop_secret() for example. The
 * first function makes the public key of a seed; it returns 0, or P2P_ERR_UNSUPPORTED if the
 * cryptographic library cannot start. The next two write DER; the last takes the seed out of a
 * private key: P2P_ERR_UNSUPPORTED if it is of another algorithm, P2P_ERR_MALFORMED if it holds no
 * seed (which p2p_pkcs8_parse has seen to).
 */
P2P_API P2P_MUST_USE int p2p_ed25519_public(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                                            uint8_t out[P2P_ED25519_PUBLIC_SIZE]);
P2P_API void p2p_ed25519_spki(const uint8_t public_key[P2P_ED25519_PUBLIC_SIZE],
                              uint8_t out[P2P_ED25519_SPKI_SIZE]);
P2P_API void p2p_ed25519_pkcs8(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                               uint8_t out[P2P_ED25519_PKCS8_SIZE]);
P2P_API P2P_MUST_USE int p2p_ed25519_seed(const p2p_pkcs8 *key, uint8_t out[P2P_ED25519_SEED_SIZE]);

/*
 * The private-key form of go-p2p: 44 bytes with the seed where a public key has the public key. By
 * its looks it cannot be told from a public key, so no other function reads it, and these are to be
 * used only where a user says that a file is one. Import: P2P_ERR_MALFORMED.
 */
P2P_API P2P_MUST_USE int p2p_gop2p_key_import(const uint8_t *der, size_t len,
                                              uint8_t seed[P2P_ED25519_SEED_SIZE]);
P2P_API void p2p_gop2p_key_export(const uint8_t seed[P2P_ED25519_SEED_SIZE],
                                  uint8_t out[P2P_ED25519_SPKI_SIZE]);

/*
 * The peer id of a public key. Secure swarms differ here, and the same key has two ids:
 *   p2p_fingerprint_pke   the first 32 bytes of SHAKE256(DER): P2PKE swarms, trackers
 *   p2p_fingerprint_quic  SHA3-256(DER): QUIC swarms
 * Parameters of the algorithm are part of it, so keys on different curves have different ids.
 * Return 0, or P2P_ERR_UNSUPPORTED if the cryptographic library cannot start. Text forms:
 * p2p_peer_id_text().
 */
P2P_API P2P_MUST_USE int p2p_fingerprint_pke(const p2p_spki *key, uint8_t id[P2P_PEER_ID_SIZE]);
P2P_API P2P_MUST_USE int p2p_fingerprint_quic(const p2p_spki *key, uint8_t id[P2P_PEER_ID_SIZE]);

/* --- PEM --- */

#define P2P_PEM_PUBLIC_KEY  "PUBLIC KEY"
#define P2P_PEM_PRIVATE_KEY "PRIVATE KEY"
#define P2P_PEM_CERTIFICATE "CERTIFICATE"

/*
 * PEM (RFC 7468, the strict form): lines of 64 characters, one object. The writer ends its text
 * with NUL, which *len does not count but cap must hold. The reader takes LF or CRLF, the last one
 * optional, and exactly the given label. Neither leaks what it encodes through its timing. Write:
 * P2P_ERR_NO_SPACE, P2P_ERR_LIMIT (more than P2P_CERT_MAX_DER bytes), P2P_ERR_INVALID (an empty
 * label or input, a label that has other than A-Z, 0-9 and single inner spaces, or more than 63
 * characters). Read: P2P_ERR_MALFORMED, P2P_ERR_NOT_FOUND (it is PEM with another label),
 * P2P_ERR_LIMIT (longer than P2P_PEM_MAX), P2P_ERR_INVALID (as above), P2P_ERR_NO_SPACE.
 */
P2P_API P2P_MUST_USE int p2p_pem_write(const char *label, const uint8_t *data, size_t data_len,
                                       char *out, size_t cap, size_t *len);
P2P_API P2P_MUST_USE int p2p_pem_read(const char *label, const char *text, size_t text_len,
                                      uint8_t *out, size_t cap, size_t *len);

/* --- signing --- */

/*
 * A signer holds a private key, or stands for one that lives elsewhere: in an agent, a hardware
 * token, another process. Write your own by putting this struct first in yours. It is used by one
 * thread at a time, and its maker keeps it alive as long as anybody signs with it.
 */
typedef struct p2p_signer p2p_signer;

typedef struct p2p_signer_ops {
    size_t size; /* sizeof(p2p_signer_ops); members may be added at the end */

    /* Writes the public key, DER SubjectPublicKeyInfo, always the same one. As rule K4. */
    int (*public_key)(const p2p_signer *signer, uint8_t *out, size_t cap, size_t *len);

    /*
     * Signs a message, as the algorithm of the public key verifies it. Returns 0 with the signature
     * in out and its length in *len; P2P_ERR_NO_SPACE; or what the holder of the key says:
     * P2P_ERR_PERMISSION, P2P_ERR_IO, P2P_ERR_CANCELLED, ... It may take long, and blocks
     * meanwhile. P2P_ERR_AGAIN means that an answer is under way: the caller asks again, with the
     * same message, when its protocol sends again.
     */
    int (*sign)(p2p_signer *signer, const uint8_t *msg, size_t msg_len, uint8_t *out, size_t cap,
                size_t *len);

    /* Wipes secrets and frees the signer. */
    void (*free)(p2p_signer *signer);
} p2p_signer_ops;

struct p2p_signer {
    const p2p_signer_ops *ops;
};

/* Use a signer: see its operations; also P2P_ERR_INVALID if it says that it wrote more than cap.
 * p2p_signer_free does nothing for NULL. */
P2P_API P2P_MUST_USE int p2p_signer_public_key(const p2p_signer *signer, uint8_t *out, size_t cap,
                                               size_t *len);
P2P_API P2P_MUST_USE int p2p_sign(p2p_signer *signer, const uint8_t *msg, size_t msg_len,
                                  uint8_t *out, size_t cap, size_t *len);
P2P_API void p2p_signer_free(p2p_signer *signer);

/* Makes a signer of an Ed25519 seed, which is copied. allocator NULL: the default. Returns 0,
 * P2P_ERR_NO_MEMORY, or P2P_ERR_UNSUPPORTED if the cryptographic library cannot start. */
P2P_API P2P_MUST_USE int p2p_ed25519_signer_new(p2p_signer **out,
                                                const uint8_t seed[P2P_ED25519_SEED_SIZE],
                                                const p2p_allocator *allocator);

/* --- algorithms --- */

/*
 * An algorithm that signs with keys: how its public keys are told by their AlgorithmIdentifier, and
 * what can be done with them. Write your own and put it in a registry of yours.
 */
typedef struct p2p_key_algorithm {
    size_t size;      /* sizeof(p2p_key_algorithm); members may be added at the end */
    const char *name; /* such as "Ed25519" */

    /* The whole AlgorithmIdentifier of its keys, in DER; parameters (a curve) are part of it. */
    const uint8_t *identifier;
    size_t identifier_len;

    /* The AlgorithmIdentifier of its signatures in certificates; NULL: not for certificates. */
    const uint8_t *signature_identifier;
    size_t signature_identifier_len;

    /* Whether the content of a key is valid. Returns 0, P2P_ERR_MALFORMED, P2P_ERR_UNSUPPORTED. */
    int (*check)(const p2p_spki *key);

    /* Verifies. Returns 0, P2P_ERR_BAD_SIGNATURE, or as check(). Called without check() before. */
    int (*verify)(const p2p_spki *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                  size_t sig_len);

    /* Makes a signer of a private key. Returns 0, P2P_ERR_MALFORMED, P2P_ERR_NO_MEMORY, ... NULL:
     * this algorithm only verifies here. */
    int (*signer_new)(p2p_signer **out, const p2p_pkcs8 *key, const p2p_allocator *allocator);
} p2p_key_algorithm;

/*
 * The algorithms that somebody accepts: constant tables, chained through `next` (at most 16 of
 * them; what comes later is not seen). The first algorithm with the identifier of a key counts. To
 * add algorithms, make a registry whose next is one of those below. Wherever a registry is asked
 * for, NULL means p2p_key_registry_default().
 */
typedef struct p2p_key_registry p2p_key_registry;

struct p2p_key_registry {
    const p2p_key_algorithm *const *algorithms;
    size_t count;
    const p2p_key_registry *next;
};

/*
 * default:  Ed25519 (RFC 8032), as go-p2p.
 * extended: also ECDSA on P-256 with SHA-256 (signatures in DER), and RSA of 2048 to 8192 bits with
 *           PSS, SHA-256, MGF1 of SHA-256 and a salt of 32 bytes. Both verify only: to sign with
 *           them, write a signer.
 */
P2P_API const p2p_key_registry *p2p_key_registry_default(void);
P2P_API const p2p_key_registry *p2p_key_registry_extended(void);

/* The algorithm of a key, by the whole element of its AlgorithmIdentifier, or NULL. */
P2P_API const p2p_key_algorithm *p2p_key_algorithm_find(const p2p_key_registry *registry,
                                                        const p2p_algorithm_id *id);

/*
 * p2p_spki_check: whether the content of a key is valid; p2p_verify: whether a signature is. Return
 * 0, P2P_ERR_UNSUPPORTED if the registry does not know the algorithm, P2P_ERR_MALFORMED for a bad
 * key, and P2P_ERR_BAD_SIGNATURE (p2p_verify only).
 */
P2P_API P2P_MUST_USE int p2p_spki_check(const p2p_key_registry *registry, const p2p_spki *key);
P2P_API P2P_MUST_USE int p2p_verify(const p2p_key_registry *registry, const p2p_spki *key,
                                    const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                                    size_t sig_len);

/*
 * Makes a signer of a private key, PKCS#8 in DER, which is not needed afterwards. allocator NULL:
 * the default. Returns 0, P2P_ERR_MALFORMED, P2P_ERR_LIMIT, P2P_ERR_NO_MEMORY, or
 * P2P_ERR_UNSUPPORTED if the registry has nothing that signs with such keys.
 */
P2P_API P2P_MUST_USE int p2p_signer_new(p2p_signer **out, const p2p_key_registry *registry,
                                        const uint8_t *pkcs8, size_t pkcs8_len,
                                        const p2p_allocator *allocator);

/* --- self-signed certificates --- */

/* What a certificate of ours says. Call p2p_cert_config_init() first. */
typedef struct p2p_cert_config {
    size_t size;                      /* set by p2p_cert_config_init */
    const p2p_key_registry *registry; /* in which the signer's algorithm is; NULL: the default */
    uint8_t serial[16];               /* random bytes */
    int64_t not_before; /* seconds since 1970-01-01T00:00:00Z; from the year 1950 to 9999 */
    int64_t not_after;  /* not before not_before */
} p2p_cert_config;

static inline void p2p_cert_config_init(p2p_cert_config *config)
{
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/*
 * Makes a self-signed X.509 v3 certificate such as go-p2p makes for QUIC: empty issuer and subject,
 * CA, for TLS clients and servers. Returns 0, P2P_ERR_NO_SPACE, P2P_ERR_INVALID (times, config, a
 * signer that signs nonsense), P2P_ERR_UNSUPPORTED (the signer's algorithm is not in the registry
 * or not for certificates), P2P_ERR_LIMIT (longer than P2P_CERT_MAX_DER), or an error of the
 * signer.
 */
P2P_API P2P_MUST_USE int p2p_cert_make(p2p_signer *signer, const p2p_cert_config *config,
                                       uint8_t *out, size_t cap, size_t *len);

/* A certificate that was read. */
typedef struct p2p_cert {
    const uint8_t *der; /* the whole element */
    size_t der_len;
    const uint8_t *tbs; /* the whole element that is signed */
    size_t tbs_len;
    const uint8_t *serial; /* content bytes of the INTEGER */
    size_t serial_len;
    const uint8_t *issuer; /* the whole element of the Name */
    size_t issuer_len;
    const uint8_t *subject; /* likewise */
    size_t subject_len;
    int64_t not_before; /* seconds since 1970-01-01T00:00:00Z */
    int64_t not_after;
    p2p_spki key;
    p2p_algorithm_id signature_algorithm;
    const uint8_t *signature;
    size_t signature_len;
} p2p_cert;

/*
 * Reads an X.509 v3 certificate: its form is checked throughout, its signature, names and times are
 * not. Returns 0, P2P_ERR_MALFORMED, P2P_ERR_LIMIT (longer than P2P_CERT_MAX_DER, more than 32
 * extensions), or P2P_ERR_UNSUPPORTED (another version, a critical extension that is not known).
 */
P2P_API P2P_MUST_USE int p2p_cert_parse(const uint8_t *der, size_t len, p2p_cert *out);

/*
 * Whether the certificate is signed by its own key. Returns 0, P2P_ERR_BAD_SIGNATURE,
 * P2P_ERR_MALFORMED (a bad key), or P2P_ERR_UNSUPPORTED if the registry does not know the
 * algorithm, or the signature is of another one.
 */
P2P_API P2P_MUST_USE int p2p_cert_verify_self(const p2p_cert *cert,
                                              const p2p_key_registry *registry);

/* --- key files --- */

/* Flag of p2p_key_file_write: replace a file that is there, all at once. */
#define P2P_KEY_FILE_OVERWRITE 1u

/* Warnings of p2p_key_file_read: users other than the owner may read or write it; it belongs to
 * another user than this one and root. */
#define P2P_KEY_FILE_LOOSE   1u
#define P2P_KEY_FILE_FOREIGN 2u

/*
 * Small files for keys. They are created for their owner alone (mode 0600), and an existing file is
 * never touched unless asked. The contents are the caller's: DER or PEM. Reading *warns* of a
 * looser file through *warnings (may be NULL), and takes it. Write: P2P_ERR_IN_USE (there is
 * such a file), P2P_ERR_LIMIT (more than P2P_PEM_MAX bytes). Read: P2P_ERR_NO_SPACE (more than cap
 * bytes; *len is the size of the file), P2P_ERR_LIMIT, P2P_ERR_INVALID (not a regular file). Both:
 * P2P_ERR_NOT_FOUND, P2P_ERR_PERMISSION, P2P_ERR_IO (errno says why), P2P_ERR_INVALID (the path is
 * empty or too long). They block.
 */
P2P_API P2P_MUST_USE int p2p_key_file_write(const char *path, const void *data, size_t data_len,
                                            unsigned flags);
P2P_API P2P_MUST_USE int p2p_key_file_read(const char *path, void *out, size_t cap, size_t *len,
                                           unsigned *warnings);

P2P_END_DECLS

#endif
