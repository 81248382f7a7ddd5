/* SPDX-License-Identifier: MIT */
#include "format/crypto.h"

#include <gcrypt.h>
#include <sodium.h>

#include <p2p/err.h>

/* The first version with gcry_md_extract, SHA-3 and no need for callbacks of threads. */
#define GCRYPT_VERSION_NEEDED "1.8.0"

/* As the manual tells libraries to do: libgcrypt is left alone if the program has started it. */
static int start_gcrypt(void)
{
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
        return 0;
    if (!gcry_check_version(GCRYPT_VERSION_NEEDED))
        return P2P_ERR_UNSUPPORTED;
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return 0;
}

#if defined(__GNUC__) || defined(__clang__)
/*
 * The start of libgcrypt is not safe against threads, and a lock of ours would be state of ours. So
 * it is started while the program is loaded, when nobody can be using this library yet; afterwards
 * p2p__crypto_init() only looks. A failure shows there.
 */
__attribute__((constructor)) static void start_at_load(void)
{
    (void)start_gcrypt();
}
#endif

int p2p__crypto_init(void)
{
    /* sodium_init has a lock of its own. */
    if (sodium_init() < 0)
        return P2P_ERR_UNSUPPORTED;
    return start_gcrypt();
}

int p2p__sha3_256(const uint8_t *data, size_t len, uint8_t out[32])
{
    int err = p2p__crypto_init();
    if (err)
        return err;
    if (gcry_md_test_algo(GCRY_MD_SHA3_256))
        return P2P_ERR_UNSUPPORTED;
    gcry_md_hash_buffer(GCRY_MD_SHA3_256, out, data, len);
    return 0;
}

int p2p__shake256(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
    gcry_md_hd_t md;
    int err = p2p__crypto_init();
    if (err)
        return err;
    if (gcry_md_open(&md, GCRY_MD_SHAKE256, 0))
        return P2P_ERR_UNSUPPORTED;
    gcry_md_write(md, data, len);
    if (gcry_md_extract(md, GCRY_MD_SHAKE256, out, out_len))
        err = P2P_ERR_UNSUPPORTED;
    gcry_md_close(md);
    return err;
}
