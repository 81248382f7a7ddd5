/* SPDX-License-Identifier: MIT */
#ifndef P2P_TESTS_GCRYPT_SIGNER_H
#define P2P_TESTS_GCRYPT_SIGNER_H

/*
 * Signers with keys that the library only verifies: fixed keys, and libgcrypt called directly. The
 * same message has always the same signature. They need not be freed.
 */
#include <p2p/x509.h>

#define GCRYPT_RSA_SIZE 256u /* of the modulus, of a signature, of an encoded message */

p2p_signer *gcrypt_p256_signer(void);
p2p_signer *gcrypt_rsa_signer(void);

/*
 * What RSA does below PSS: the encoded message in a signature, and the signature for any encoded
 * message. They return 0, or P2P_ERR_INVALID: the number is not below the modulus.
 */
int gcrypt_rsa_open(const uint8_t sig[GCRYPT_RSA_SIZE], uint8_t encoded[GCRYPT_RSA_SIZE]);
int gcrypt_rsa_seal(const uint8_t encoded[GCRYPT_RSA_SIZE], uint8_t sig[GCRYPT_RSA_SIZE]);

#endif
