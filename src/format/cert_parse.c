/* SPDX-License-Identifier: MIT */
/* Reading certificates (RFC 5280, 4.1). */
#include <p2p/x509.h>

#include <string.h>

#include "format/cert_time.h"
#include "format/key.h"

#define MAX_EXTENSIONS 32u
/* RFC 5280, 4.1.2.2 */
#define MAX_SERIAL 20u

/* One extension (4.2): its identifier, whether it is critical, and what is in its OCTET STRING. */
typedef struct extension {
    p2p__bytes oid;
    p2p__bytes value;
    int critical;
} extension;

static int read_extension(p2p__bytes *in, extension *out)
{
    p2p__bytes content, flag;
    out->critical = 0;
    if (p2p__der_get(in, P2P__DER_SEQUENCE, &content, NULL) || p2p__der_oid(&content, &out->oid))
        return P2P_ERR_MALFORMED;
    if (p2p__der_next_is(&content, P2P__DER_BOOLEAN)) {
        /* X.690, 11.5: FALSE is the default, so it is not written. */
        if (p2p__der_get(&content, P2P__DER_BOOLEAN, &flag, NULL) || flag.len != 1 ||
            flag.p[0] != 0xff)
            return P2P_ERR_MALFORMED;
        out->critical = 1;
    }
    if (p2p__der_get(&content, P2P__DER_OCTET_STRING, &out->value, NULL) || content.len)
        return P2P_ERR_MALFORMED;
    return 0;
}

/* Extensions that may be critical: 2.5.29.15 keyUsage, .17 subjectAltName, .19 basicConstraints,
 * .37 extKeyUsage. They have no bearing on a self-signed certificate that only carries a key. */
static int is_known(p2p__bytes oid)
{
    if (oid.len != 3 || oid.p[0] != 0x55 || oid.p[1] != 0x1d)
        return 0;
    return oid.p[2] == 15 || oid.p[2] == 17 || oid.p[2] == 19 || oid.p[2] == 37;
}

/* Reads the content of [3]: one or more extensions, none twice. */
static int read_extensions(p2p__bytes in)
{
    p2p__bytes list, seen[MAX_EXTENSIONS];
    size_t n = 0;
    int unknown = 0;
    if (p2p__der_get(&in, P2P__DER_SEQUENCE, &list, NULL) || in.len || list.len == 0)
        return P2P_ERR_MALFORMED;
    while (list.len) {
        extension e;
        if (n == MAX_EXTENSIONS)
            return P2P_ERR_LIMIT;
        if (read_extension(&list, &e))
            return P2P_ERR_MALFORMED;
        for (size_t i = 0; i < n; i++)
            if (seen[i].len == e.oid.len && !memcmp(seen[i].p, e.oid.p, e.oid.len))
                return P2P_ERR_MALFORMED;
        seen[n++] = e.oid;
        if (is_known(e.oid) && (e.value.len == 0 || p2p__der_check(e.value, 0)))
            return P2P_ERR_MALFORMED;
        unknown |= e.critical && !is_known(e.oid);
    }
    return unknown ? P2P_ERR_UNSUPPORTED : 0;
}

/* Name ::= SEQUENCE OF SET of at least one { OID, string } (4.1.2.4) */
static int read_name(p2p__bytes *in, p2p__bytes *name)
{
    p2p__bytes names, set, pair, oid;
    if (p2p__der_get(in, P2P__DER_SEQUENCE, &names, name) || p2p__der_check(names, 0))
        return P2P_ERR_MALFORMED;
    while (names.len) {
        if (p2p__der_get(&names, P2P__DER_SET, &set, NULL) || set.len == 0)
            return P2P_ERR_MALFORMED;
        while (set.len) {
            uint8_t tag;
            p2p__bytes value, whole;
            if (p2p__der_get(&set, P2P__DER_SEQUENCE, &pair, NULL) || p2p__der_oid(&pair, &oid) ||
                p2p__der_any(&pair, &tag, &value, &whole) || pair.len)
                return P2P_ERR_MALFORMED;
        }
    }
    return 0;
}

static int read_validity(p2p__bytes *in, p2p_cert *out)
{
    p2p__bytes content;
    if (p2p__der_get(in, P2P__DER_SEQUENCE, &content, NULL) ||
        p2p__cert_time_read(&content, &out->not_before) ||
        p2p__cert_time_read(&content, &out->not_after) || content.len)
        return P2P_ERR_MALFORMED;
    return 0;
}

/* The version: 2 stands for version 3; version 1, the default, is not written. */
static int read_version(p2p__bytes *in)
{
    p2p__bytes content;
    unsigned version;
    if (p2p__der_next_is(in, P2P__DER_INTEGER))
        return P2P_ERR_UNSUPPORTED;
    if (p2p__der_get(in, P2P__DER_CONTEXT_SEQ(0), &content, NULL) ||
        p2p__der_small(&content, &version) || content.len || version == 0)
        return P2P_ERR_MALFORMED;
    return version == 2 ? 0 : P2P_ERR_UNSUPPORTED;
}

static int read_serial(p2p__bytes *in, p2p_cert *out)
{
    p2p__bytes serial;
    if (p2p__der_uint(in, &serial) || serial.len > MAX_SERIAL ||
        (serial.len == 1 && serial.p[0] == 0))
        return P2P_ERR_MALFORMED;
    out->serial = serial.p;
    out->serial_len = serial.len;
    return 0;
}

/* TBSCertificate (4.1.2), into *out, with the algorithm it names. The unique ids of version 2 have
 * no place in it: "MUST NOT" be made (4.1.2.8). */
static int read_tbs(p2p__bytes in, p2p_cert *out, p2p_algorithm_id *algorithm)
{
    p2p__bytes issuer, subject, extensions;
    int err = read_version(&in);
    if (err)
        return err;
    if (read_serial(&in, out) || p2p__algorithm_read(&in, algorithm) || read_name(&in, &issuer) ||
        read_validity(&in, out) || read_name(&in, &subject) || p2p__spki_read(&in, &out->key) ||
        out->key.der_len > P2P_KEY_MAX_DER)
        return P2P_ERR_MALFORMED;
    out->issuer = issuer.p;
    out->issuer_len = issuer.len;
    out->subject = subject.p;
    out->subject_len = subject.len;
    if (in.len == 0)
        return 0;
    if (p2p__der_get(&in, P2P__DER_CONTEXT_SEQ(3), &extensions, NULL) || in.len)
        return P2P_ERR_MALFORMED;
    return read_extensions(extensions);
}

int p2p_cert_parse(const uint8_t *der, size_t len, p2p_cert *out)
{
    p2p__bytes in = {der, len}, content, whole, tbs, tbs_whole, sig;
    p2p_algorithm_id inner;
    p2p_cert cert;
    if (len > P2P_CERT_MAX_DER)
        return P2P_ERR_LIMIT;
    memset(&cert, 0, sizeof cert);
    if (p2p__der_get(&in, P2P__DER_SEQUENCE, &content, &whole) || in.len ||
        p2p__der_get(&content, P2P__DER_SEQUENCE, &tbs, &tbs_whole) ||
        p2p__algorithm_read(&content, &cert.signature_algorithm) || p2p__der_bits(&content, &sig) ||
        content.len)
        return P2P_ERR_MALFORMED;
    int err = read_tbs(tbs, &cert, &inner);
    if (err)
        return err;
    /* 4.1.1.2: what is signed names the same algorithm as the signature. */
    if (inner.der_len != cert.signature_algorithm.der_len ||
        memcmp(inner.der, cert.signature_algorithm.der, inner.der_len) != 0)
        return P2P_ERR_MALFORMED;
    cert.der = whole.p;
    cert.der_len = whole.len;
    cert.tbs = tbs_whole.p;
    cert.tbs_len = tbs_whole.len;
    cert.signature = sig.p;
    cert.signature_len = sig.len;
    *out = cert;
    return 0;
}

int p2p_cert_verify_self(const p2p_cert *cert, const p2p_key_registry *registry)
{
    const p2p_key_algorithm *algorithm = p2p_key_algorithm_find(registry, &cert->key.algorithm);
    if (!algorithm || !algorithm->signature_identifier ||
        algorithm->signature_identifier_len != cert->signature_algorithm.der_len ||
        memcmp(algorithm->signature_identifier, cert->signature_algorithm.der,
               algorithm->signature_identifier_len) != 0)
        return P2P_ERR_UNSUPPORTED;
    return algorithm->verify(&cert->key, cert->tbs, cert->tbs_len, cert->signature,
                             cert->signature_len);
}
