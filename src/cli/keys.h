/* SPDX-License-Identifier: MIT */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/p2p.h>
#include <p2p/x509.h>

/*
 * Keys in files. A private key is in memory only while it is read, written or given to a signer;
 * every buffer that had one is wiped, and nothing here prints or logs one.
 */
#define CLI_PATH_SIZE 4096

/* A reason why a key could not be had, and the status to end with. */
#define CLI_KEY_ERROR_SIZE 4608

typedef enum cli_key_form {
    CLI_KEY_PEM = 0, /* PKCS#8 in PEM */
    CLI_KEY_DER = 1, /* PKCS#8 */
    CLI_KEY_GO_P2P = 2
} cli_key_form;

/* What may be known to everybody about a key, and the signer that has the rest. */
typedef struct cli_key {
    p2p_signer *signer;
    uint8_t spki[P2P_KEY_MAX_DER];
    size_t spki_len;
    uint8_t id[P2P_PEER_ID_SIZE];      /* of PKE swarms */
    uint8_t quic_id[P2P_PEER_ID_SIZE]; /* of QUIC swarms */
    unsigned warnings;                 /* of p2p_key_file_read() */
    bool from_file;
} cli_key;

/* Overwrites a secret. */
void cli_wipe(void *data, size_t len);

/* $XDG_CONFIG_HOME/p2p/key.pem, or the same in ~/.config. False if there is no such place. */
bool cli_key_default_path(char out[CLI_PATH_SIZE]);

/*
 * Reads a key: PKCS#8, in PEM or DER; or, if go_p2p is set, the form of go-p2p. Returns 0 or an
 * error of p2p_key_file_read() or p2p_signer_new(), and why; *key is to be freed only after 0.
 * P2P_ERR_NOT_FOUND means that there is nothing of that name, and nothing else.
 */
int cli_key_read(cli_key *key, const char *path, bool go_p2p, char why[CLI_KEY_ERROR_SIZE]);

/* Makes a key of a seed, which the caller wipes. Returns 0 or an error of p2p_ed25519_signer_new().
 */
int cli_key_from_seed(cli_key *key, const uint8_t seed[P2P_ED25519_SEED_SIZE]);

/* Wipes and frees it. One that is all zero is allowed. */
void cli_key_free(cli_key *key);

/* The same as cli_key_read(), but only the seed, for an export; the caller wipes it. */
int cli_key_read_seed(uint8_t seed[P2P_ED25519_SEED_SIZE], const char *path, bool go_p2p,
                      char why[CLI_KEY_ERROR_SIZE]);

/* Writes a seed in a form. *len bytes of out are used, at most P2P_PEM_MAX; the caller wipes it.
 * Returns 0 or an error of p2p_pem_write(). */
int cli_key_encode(cli_key_form form, const uint8_t seed[P2P_ED25519_SEED_SIZE], char *out,
                   size_t cap, size_t *len);

/* Reads the name of a form. */
bool cli_key_form_read(const char *name, cli_key_form *out);

#endif
