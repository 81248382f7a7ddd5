/* SPDX-License-Identifier: MIT */
#include "format/key.h"

#include <string.h>

/* RFC 8410, 3: id-X25519, id-X448, id-Ed25519, id-Ed448 are 1.3.101.110 to 113. */
size_t p2p__rfc8410_key_len(const p2p_algorithm_id *id)
{
    static const uint8_t lens[] = {32, 56, 32, 57};
    if (id->oid_len != 3 || id->oid[0] != 0x2b || id->oid[1] != 101)
        return 0;
    if (id->oid[2] < 110 || id->oid[2] > 113)
        return 0;
    return lens[id->oid[2] - 110];
}

int p2p__algorithm_read(p2p__bytes *in, p2p_algorithm_id *out)
{
    p2p__bytes rest = *in, content, whole, oid;
    if (p2p__der_get(&rest, P2P__DER_SEQUENCE, &content, &whole) || p2p__der_oid(&content, &oid))
        return P2P_ERR_MALFORMED;
    p2p_algorithm_id id = {.der = whole.p, .der_len = whole.len, .oid = oid.p, .oid_len = oid.len};
    if (content.len) {
        uint8_t tag;
        p2p__bytes inside, params, all = content;
        if (p2p__der_any(&content, &tag, &inside, &params) || content.len || p2p__der_check(all, 0))
            return P2P_ERR_MALFORMED;
        id.params = params.p;
        id.params_len = params.len;
        /* RFC 8410, 3: the parameters MUST be absent. */
        if (p2p__rfc8410_key_len(&id))
            return P2P_ERR_MALFORMED;
    }
    *in = rest;
    *out = id;
    return 0;
}

const p2p_key_algorithm *p2p_key_algorithm_find(const p2p_key_registry *registry,
                                                const p2p_algorithm_id *id)
{
    const p2p_key_registry *r = registry ? registry : p2p_key_registry_default();
    for (int links = 0; r && links < 16; r = r->next, links++) {
        for (size_t i = 0; i < r->count; i++) {
            const p2p_key_algorithm *a = r->algorithms[i];
            if (a->identifier_len == id->der_len && !memcmp(a->identifier, id->der, id->der_len))
                return a;
        }
    }
    return NULL;
}

const p2p_key_registry *p2p_key_registry_default(void)
{
    static const p2p_key_algorithm *const algorithms[] = {&p2p__ed25519};
    static const p2p_key_registry registry = {algorithms, 1, NULL};
    return &registry;
}

const p2p_key_registry *p2p_key_registry_extended(void)
{
    static const p2p_key_algorithm *const own[4] = {&p2p__ed25519, &p2p__ecdsa_p256, &p2p__rsa,
                                                    &p2p__rsa_pss};
    static const p2p_key_registry registry = {own, 4, NULL};
    return &registry;
}

int p2p_spki_check(const p2p_key_registry *registry, const p2p_spki *key)
{
    const p2p_key_algorithm *algorithm = p2p_key_algorithm_find(registry, &key->algorithm);
    return algorithm ? algorithm->check(key) : P2P_ERR_UNSUPPORTED;
}

int p2p_verify(const p2p_key_registry *registry, const p2p_spki *key, const uint8_t *msg,
               size_t msg_len, const uint8_t *sig, size_t sig_len)
{
    const p2p_key_algorithm *algorithm = p2p_key_algorithm_find(registry, &key->algorithm);
    return algorithm ? algorithm->verify(key, msg, msg_len, sig, sig_len) : P2P_ERR_UNSUPPORTED;
}

int p2p_signer_new(p2p_signer **out, const p2p_key_registry *registry, const uint8_t *pkcs8,
                   size_t pkcs8_len, const p2p_allocator *allocator)
{
    p2p_pkcs8 key;
    int err = p2p_pkcs8_parse(pkcs8, pkcs8_len, &key);
    if (err)
        return err;
    const p2p_key_algorithm *algorithm = p2p_key_algorithm_find(registry, &key.algorithm);
    if (!algorithm || !algorithm->signer_new)
        return P2P_ERR_UNSUPPORTED;
    return algorithm->signer_new(out, &key, allocator ? allocator : p2p_default_allocator());
}
