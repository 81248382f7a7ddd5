/* SPDX-License-Identifier: MIT */
#include "cli/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

#define PEM_BEGIN "-----BEGIN "
#define PEM_END   "-----END " P2P_PEM_PRIVATE_KEY "-----"

/* Where a word begins; len if it is not there. */
static size_t find(const char *data, size_t len, const char *word, size_t word_len)
{
    for (size_t i = 0; i + word_len <= len; i++)
        if (memcmp(data + i, word, word_len) == 0)
            return i;
    return len;
}

/* The length of the label of PEM that text begins with, 0 if that is none. */
static size_t label_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && n < 64 &&
           (text[n] == ' ' || (text[n] >= '0' && text[n] <= '9') ||
            (text[n] >= 'A' && text[n] <= 'Z')))
        n++;
    return len - n >= 5 && memcmp(text + n, "-----", 5) == 0 ? n : 0;
}

/* Says what PEM with another label is. */
static void explain_label(const char *label, size_t len, char why[CLI_KEY_ERROR_SIZE])
{
    static const char encrypted[] = "ENCRYPTED " P2P_PEM_PRIVATE_KEY;
    const char *rest = "reads PKCS#8 with a key of Ed25519, as p2p keygen writes it";
    if (len == 0) {
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "its first line is not whole");
        return;
    }
    if (len == sizeof P2P_PEM_PUBLIC_KEY - 1 && memcmp(label, P2P_PEM_PUBLIC_KEY, len) == 0) {
        (void)snprintf(why, CLI_KEY_ERROR_SIZE,
                       "it is a public key, and the private one is needed");
        return;
    }
    if (len == sizeof encrypted - 1 && memcmp(label, encrypted, len) == 0)
        rest = "reads keys without a passphrase: openssl pkey -in FILE -out OTHER makes one of it";
    (void)snprintf(why, CLI_KEY_ERROR_SIZE, "it holds %s %.*s; p2p %s",
                   strchr("AEIOR", label[0]) ? "an" : "a", (int)len, label, rest);
}

/* Says what stands behind a key in PEM. False if nothing does but the end of the line. */
static bool explain_rest(const char *rest, size_t len, char why[CLI_KEY_ERROR_SIZE])
{
    size_t line_end = len && rest[0] == '\r' ? 1 : 0;
    if (line_end < len && rest[line_end] == '\n')
        line_end++;
    if (line_end == len)
        return false;
    while (len && strchr(" \t\r\n", rest[len - 1]) && rest[len - 1])
        len--;
    (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s",
                   len ? "the key has something behind it; p2p wants it alone: openssl pkey -in "
                         "FILE -out OTHER writes it so"
                       : "the key has blank lines behind it, which have to go");
    return true;
}

/* Says why p2p_pem_read() has refused PEM that begins at a place of the text. */
static void explain_pem(const char *text, size_t len, size_t begin, char why[CLI_KEY_ERROR_SIZE])
{
    const char *label = text + begin + sizeof PEM_BEGIN - 1;
    size_t label_len = label_length(label, len - begin - (sizeof PEM_BEGIN - 1));
    size_t end = find(text, len, PEM_END, sizeof PEM_END - 1);
    const char *reason = "what is between its first line and its last is no base64 in lines of 64 "
                         "characters";
    if (label_len != sizeof P2P_PEM_PRIVATE_KEY - 1 ||
        memcmp(label, P2P_PEM_PRIVATE_KEY, label_len) != 0) {
        explain_label(label, label_len, why);
        return;
    }
    if (begin == 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        reason = "the key has a byte order mark before it, which an editor has put there: tail -c "
                 "+4 FILE leaves it out";
    else if (begin)
        reason = "the key has something before it; p2p wants it alone: openssl pkey -in FILE -out "
                 "OTHER writes it so";
    else if (end == len)
        reason = "it is not whole: the line " PEM_END " is missing";
    else if (explain_rest(text + end + sizeof PEM_END - 1, len - end - (sizeof PEM_END - 1), why))
        return;
    (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", reason);
}

/* Why p2p_pkcs8_parse() has refused the content of a file. */
static const char *explain_der(int err, const char *der, size_t len)
{
    /* The object identifiers of encryption with a passphrase: PKCS#5 and PKCS#12, without the last
     * number. One stands at the beginning of EncryptedPrivateKeyInfo (RFC 5958, 3). */
    static const char pkcs5[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x05";
    static const char pkcs12[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
    size_t head = len < 24 ? len : 24;
    if (len == 0)
        return "it is empty";
    if (find(der, head, pkcs5, sizeof pkcs5 - 1) < head ||
        find(der, head, pkcs12, sizeof pkcs12 - 1) < head)
        return "it is encrypted with a passphrase; p2p reads keys without one: openssl pkey "
               "-inform DER -in FILE -out OTHER makes one of it";
    if (err == P2P_ERR_UNSUPPORTED)
        return "it has attributes beside the key, which p2p does not read";
    if (len == P2P_ED25519_SPKI_SIZE && der[0] == 0x30)
        return "it is a public key, or a private one in the form of go-p2p, which looks the same; "
               "if so, p2p keygen --from-go-p2p converts it";
    return "it is not a private key in PKCS#8, PEM or DER";
}

/* Makes DER of the content of a file. Never P2P_ERR_NOT_FOUND: that there is no file is something
 * else than that it holds no key. */
static int decode(const char *text, size_t len, uint8_t der[P2P_PEM_MAX], size_t *der_len,
                  bool go_p2p, char why[CLI_KEY_ERROR_SIZE])
{
    p2p_pkcs8 parsed;
    size_t begin = find(text, len, PEM_BEGIN, sizeof PEM_BEGIN - 1);
    if (begin < len) {
        int err = p2p_pem_read(P2P_PEM_PRIVATE_KEY, text, len, der, P2P_PEM_MAX, der_len);
        if (err) {
            explain_pem(text, len, begin, why);
            return P2P_ERR_MALFORMED;
        }
    } else {
        memcpy(der, text, len);
        *der_len = len;
    }
    int err = go_p2p ? 0 : p2p_pkcs8_parse(der, *der_len, &parsed);
    if (err)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s",
                       explain_der(err, (const char *)der, *der_len));
    return err;
}

/* Says why a file could not be read; errno is that of the system. Returns the error. */
static int explain_file(int err, const char *path, char why[CLI_KEY_ERROR_SIZE])
{
    const char *reason = err == P2P_ERR_IO ? strerror(errno) : p2p_err_text(err);
    struct stat info;
    if (err == P2P_ERR_NOT_FOUND && lstat(path, &info) == 0) {
        reason = "it is a link to a file that is not there";
        err = P2P_ERR_IO;
    } else if (err == P2P_ERR_NOT_FOUND) {
        reason = "there is no such file";
    } else if (err == P2P_ERR_INVALID) {
        reason = "it is not a file";
    } else if (err == P2P_ERR_LIMIT || err == P2P_ERR_NO_SPACE) {
        reason = "it is too long for a key";
    }
    (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", reason);
    return err;
}

/* Reads what is in a file into DER of the given form. */
static int read_der(const char *path, uint8_t der[P2P_PEM_MAX], size_t *der_len, bool go_p2p,
                    unsigned *warnings, char why[CLI_KEY_ERROR_SIZE])
{
    char text[P2P_PEM_MAX];
    size_t len = 0;
    int err = p2p_key_file_read(path, text, sizeof text, &len, warnings);
    err = err ? explain_file(err, path, why) : decode(text, len, der, der_len, go_p2p, why);
    cli_wipe(text, sizeof text);
    return err;
}

/* Whether the public key of a private key, if it has one, is that of its seed. */
static int check_public(const p2p_pkcs8 *key, const uint8_t seed[P2P_ED25519_SEED_SIZE])
{
    uint8_t public_key[P2P_ED25519_PUBLIC_SIZE];
    int err = key->public_key ? p2p_ed25519_public(seed, public_key) : 0;
    if (!err && key->public_key &&
        (key->public_key_len != sizeof public_key ||
         memcmp(key->public_key, public_key, sizeof public_key) != 0))
        err = P2P_ERR_MALFORMED;
    return err;
}

static int seed_of(const uint8_t *der, size_t len, bool go_p2p, uint8_t seed[P2P_ED25519_SEED_SIZE],
                   char why[CLI_KEY_ERROR_SIZE])
{
    const char *reason = "it is not a private key in the form of go-p2p";
    p2p_pkcs8 parsed;
    int err;
    if (go_p2p) {
        err = p2p_gop2p_key_import(der, len, seed);
    } else {
        reason = "it is a key of another algorithm than Ed25519, with which p2p cannot sign";
        err = p2p_pkcs8_parse(der, len, &parsed);
        if (!err)
            err = p2p_ed25519_seed(&parsed, seed);
        if (!err) {
            reason = "its public key does not belong to its private key";
            err = check_public(&parsed, seed);
        }
    }
    if (err)
        (void)snprintf(why, CLI_KEY_ERROR_SIZE, "%s", reason);
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
