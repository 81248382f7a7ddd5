/* SPDX-License-Identifier: MIT */
#include "cli/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_wipe(void *data, size_t len)
{
    /* A compiler cannot know what is called, and so cannot leave it out. */
    static void *(*const volatile set)(void *, int, size_t) = memset;
    (void)set(data, 0, len);
}

bool cli_key_default_path(char out[CLI_PATH_SIZE])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int len = -1;
    /* A relative path there is to be ignored (XDG Base Directory Specification). */
    if (config && config[0] == '/')
        len = snprintf(out, CLI_PATH_SIZE, "%s/p2p/key.pem", config);
    else if (home && home[0])
        len = snprintf(out, CLI_PATH_SIZE, "%s/.config/p2p/key.pem", home);
    return len >= 0 && len < CLI_PATH_SIZE;
}

bool cli_key_form_read(const char *name, cli_key_form *out)
{
    static const char *const names[] = {"pem", "der", "go-p2p"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *out = (cli_key_form)i;
        return true;
    }
    return false;
}

/* --- reading --- */

static bool contains(const char *data, size_t len, const char *word)
{
    size_t word_len = strlen(word);
    for (size_t i = 0; i + word_len <= len; i++)
        if (memcmp(data + i, word, word_len) == 0)
            return true;
    return false;
}

/* Why the content of a file is no private key of ours. */
static const char *explain_content(int err, const char *data, size_t len)
{
    if (contains(data, len, "BEGIN ENCRYPTED PRIVATE KEY"))
        return "it is encrypted with a passphrase, which p2p does not read; openssl pkey decrypts "
               "it";
    if (contains(data, len, "BEGIN OPENSSH PRIVATE KEY"))
        return "it is a key of OpenSSH, which p2p does not read; p2p keygen makes one";
    if (contains(data, len, "BEGIN PUBLIC KEY"))
        return "it is a public key, and the private one is needed";
    if (err == P2P_ERR_UNSUPPORTED)
        return "it is a key of another algorithm than Ed25519, with which p2p cannot sign";
    if (len == P2P_ED25519_SPKI_SIZE && data[0] == 0x30)
        return "it is a public key, or a private one in the form of go-p2p, which looks the same; "
               "if so, p2p keygen --from-go-p2p converts it";
    return "it is not a private key in PKCS#8, PEM or DER";
}

/* Makes DER of the content of a file. */
static int decode(const char *text, size_t len, uint8_t der[P2P_PEM_MAX], size_t *der_len,
                  bool go_p2p, char why[CLI_KEY_ERROR_SIZE])
{
    p2p_pkcs8 parsed;
    if (len && text[0] == '-') {
        int err = p2p_pem_read(P2P_PEM_PRIVATE_KEY, text, len, der, P2P_PEM_MAX, der_len);
        if (err) {
            (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", explain_content(err, text, len));
            return err;
        }
    } else {
        memcpy(der, text, len);
        *der_len = len;
    }
    int err = go_p2p ? 0 : p2p_pkcs8_parse(der, *der_len, &parsed);
    if (err)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s",
                       explain_content(err, (const char *)der, *der_len));
    return err;
}

/* Reads what is in a file into DER of the given form. */
static int read_der(const char *path, uint8_t der[P2P_PEM_MAX], size_t *der_len, bool go_p2p,
                    unsigned *warnings, char why[CLI_KEY_ERROR_SIZE])
{
    char text[P2P_PEM_MAX];
    size_t len = 0;
    int err = p2p_key_file_read(path, text, sizeof text, &len, warnings);
    if (err == P2P_ERR_NOT_FOUND)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "there is no such file");
    else if (err == P2P_ERR_INVALID)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "it is not a file");
    else if (err)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s",
                       err == P2P_ERR_LIMIT || err == P2P_ERR_NO_SPACE ? "it is too long for a key"
                                                                       : p2p_err_text(err));
    if (!err)
        err = decode(text, len, der, der_len, go_p2p, why);
    cli_wipe(text, sizeof text);
    return err;
}

static int seed_of(const uint8_t *der, size_t len, bool go_p2p, uint8_t seed[P2P_ED25519_SEED_SIZE],
                   char why[CLI_KEY_ERROR_SIZE])
{
    p2p_pkcs8 parsed;
    int err;
    if (go_p2p) {
        err = p2p_gop2p_key_import(der, len, seed);
        if (err)
            (void)snprintf(why, CLI_KEY_ERROR_SIZE,
                           "it is not a private key in the form of go-p2p");
        return err;
    }
    err = p2p_pkcs8_parse(der, len, &parsed);
    if (!err)
        err = p2p_ed25519_seed(&parsed, seed);
    if (err)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", explain_content(err, (const char *)der, len));
    return err;
}

static int read_seed(uint8_t seed[P2P_ED25519_SEED_SIZE], const char *path, bool go_p2p,
                     unsigned *warnings, char why[CLI_KEY_ERROR_SIZE])
{
    uint8_t der[P2P_PEM_MAX];
    size_t len = 0;
    int err = read_der(path, der, &len, go_p2p, warnings, why);
    if (!err)
        err = seed_of(der, len, go_p2p, seed, why);
    cli_wipe(der, sizeof der);
    return err;
}

int cli_key_read_seed(uint8_t seed[P2P_ED25519_SEED_SIZE], const char *path, bool go_p2p,
                      char why[CLI_KEY_ERROR_SIZE])
{
    return read_seed(seed, path, go_p2p, NULL, why);
}

int cli_key_from_seed(cli_key *key, const uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    p2p_spki spki;
    memset(key, 0, sizeof *key);
    int err = p2p_ed25519_signer_new(&key->signer, seed, NULL);
    if (err)
        return err;
    err = p2p_signer_public_key(key->signer, key->spki, sizeof key->spki, &key->spki_len);
    if (!err)
        err = p2p_spki_parse(key->spki, key->spki_len, &spki);
    if (!err)
        err = p2p_fingerprint_pke(&spki, key->id);
    if (!err)
        err = p2p_fingerprint_quic(&spki, key->quic_id);
    if (err)
        cli_key_free(key);
    return err;
}

int cli_key_read(cli_key *key, const char *path, bool go_p2p, char why[CLI_KEY_ERROR_SIZE])
{
    uint8_t seed[P2P_ED25519_SEED_SIZE];
    unsigned warnings = 0;
    int err = read_seed(seed, path, go_p2p, &warnings, why);
    if (!err) {
        err = cli_key_from_seed(key, seed);
        if (err)
            (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", p2p_err_text(err));
    }
    cli_wipe(seed, sizeof seed);
    if (err)
        return err;
    key->warnings = warnings;
    key->from_file = true;
    return 0;
}

void cli_key_free(cli_key *key)
{
    p2p_signer_free(key->signer);
    memset(key, 0, sizeof *key);
}

/* --- writing --- */

int cli_key_encode(cli_key_form form, const uint8_t seed[P2P_ED25519_SEED_SIZE], char *out,
                   size_t cap, size_t *len)
{
    uint8_t der[P2P_ED25519_PKCS8_SIZE];
    int err = 0;
    if (cap < sizeof der)
        return P2P_ERR_NO_SPACE;
    p2p_ed25519_pkcs8(seed, der);
    switch (form) {
    case CLI_KEY_GO_P2P:
        p2p_gop2p_key_export(seed, (uint8_t *)out);
        *len = P2P_ED25519_SPKI_SIZE;
        break;
    case CLI_KEY_DER:
        memcpy(out, der, sizeof der);
        *len = sizeof der;
        break;
    case CLI_KEY_PEM:
    default:
        err = p2p_pem_write(P2P_PEM_PRIVATE_KEY, der, sizeof der, out, cap, len);
        break;
    }
    cli_wipe(der, sizeof der);
    return err;
}
