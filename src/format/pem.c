/* SPDX-License-Identifier: MIT */
/* PEM in the strict form of RFC 7468, 3, figure 3. */
#include <p2p/x509.h>

#include <string.h>

#include <sodium.h>

#include "core/alloc.h"

#define LINE_BYTES 48u
#define LINE_CHARS 64u
#define MAX_LABEL  63u

/* Labels of letters, digits and single spaces inside: what is in use, and without traps. */
static int label_is_good(const char *label, size_t *len)
{
    size_t n = strlen(label);
    *len = n;
    if (n == 0 || n > MAX_LABEL || label[0] == ' ' || label[n - 1] == ' ')
        return 0;
    for (size_t i = 0; i < n; i++) {
        char c = label[i];
        if (c == ' ' ? label[i + 1] == ' ' : !((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return 0;
    }
    return 1;
}

static char *put(char *at, const void *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

/* Puts "-----WORD LABEL-----\n". */
static char *put_boundary(char *at, const char *word, const char *label, size_t label_len)
{
    at = put(at, "-----", 5);
    at = put(at, word, strlen(word));
    at = put(at, label, label_len);
    return put(at, "-----\n", 6);
}

int p2p_pem_write(const char *label, const uint8_t *data, size_t data_len, char *out, size_t cap,
                  size_t *len)
{
    size_t label_len;
    if (!label_is_good(label, &label_len) || data_len == 0)
        return P2P_ERR_INVALID;
    if (data_len > P2P_CERT_MAX_DER)
        return P2P_ERR_LIMIT;
    size_t lines = (data_len + LINE_BYTES - 1) / LINE_BYTES;
    size_t frame = sizeof "-----BEGIN -----\n-----END -----\n" - 1 + 2 * label_len;
    *len = frame + (data_len + 2) / 3 * 4 + lines;
    if (cap <= *len)
        return P2P_ERR_NO_SPACE;
    char *at = put_boundary(out, "BEGIN ", label, label_len);
    while (data_len) {
        size_t part = data_len < LINE_BYTES ? data_len : LINE_BYTES;
        size_t chars = (part + 2) / 3 * 4;
        sodium_bin2base64(at, chars + 1, data, part, sodium_base64_VARIANT_ORIGINAL);
        at += chars;
        *at++ = '\n';
        data += part;
        data_len -= part;
    }
    at = put_boundary(at, "END ", label, label_len);
    *at = '\0';
    return 0;
}

/* The text that is still to be read. */
typedef struct reader {
    const char *p;
    size_t len;
} reader;

/* Takes a line without its end (LF, CRLF, or the end of the text). Returns 0 if there is none. */
static int next_line(reader *in, reader *line)
{
    if (in->len == 0)
        return 0;
    const char *end = memchr(in->p, '\n', in->len);
    size_t used = end ? (size_t)(end - in->p) + 1 : in->len;
    line->p = in->p;
    line->len = end ? used - 1 : used;
    if (end && line->len && line->p[line->len - 1] == '\r')
        line->len--;
    in->p += used;
    in->len -= used;
    return 1;
}

/*
 * Whether a line is "-----WORD LABEL-----". Returns 0, P2P_ERR_MALFORMED, or P2P_ERR_NOT_FOUND if
 * the label is another one.
 */
static int read_boundary(reader line, const char *word, const char *label, size_t label_len)
{
    size_t word_len = strlen(word);
    if (line.len <= 10 + word_len || memcmp(line.p, "-----", 5) != 0 ||
        memcmp(line.p + 5, word, word_len) != 0 || memcmp(line.p + line.len - 5, "-----", 5) != 0)
        return P2P_ERR_MALFORMED;
    if (line.len - 10 - word_len != label_len ||
        memcmp(line.p + 5 + word_len, label, label_len) != 0)
        return P2P_ERR_NOT_FOUND;
    return 0;
}

/*
 * Decodes one line, in a time that depends on its length alone; whether it is good. libsodium sees
 * to padding and unused bits, but 1.0.18 takes some bytes above 127 for characters of base64 where
 * char is signed.
 */
static int decode(reader line, uint8_t out[LINE_BYTES], size_t *len)
{
    unsigned all = 0;
    for (size_t i = 0; i < line.len; i++)
        all |= (unsigned char)line.p[i];
    return all < 0x80 && !sodium_base642bin(out, LINE_BYTES, line.p, line.len, NULL, len, NULL,
                                            sodium_base64_VARIANT_ORIGINAL);
}

/* Decodes the lines up to the end boundary, which is left in *line. */
static int read_body(reader *in, reader *line, uint8_t *out, size_t cap, size_t *len)
{
    size_t at = 0;
    int last = 0;
    while (next_line(in, line)) {
        uint8_t part[LINE_BYTES];
        size_t n = 0;
        if (line->len && line->p[0] == '-') {
            *len = at;
            return at ? 0 : P2P_ERR_MALFORMED;
        }
        /* Only the last line may be short. */
        int bad = last || line->len == 0 || line->len > LINE_CHARS || !decode(*line, part, &n);
        if (!bad && at + n <= cap)
            memcpy(out + at, part, n);
        p2p__wipe(part, sizeof part);
        if (bad)
            return P2P_ERR_MALFORMED;
        last = n < LINE_BYTES;
        at += n;
    }
    return P2P_ERR_MALFORMED;
}

int p2p_pem_read(const char *label, const char *text, size_t text_len, uint8_t *out, size_t cap,
                 size_t *len)
{
    size_t label_len, n = 0;
    reader in = {text, text_len}, line;
    if (!label_is_good(label, &label_len))
        return P2P_ERR_INVALID;
    if (text_len > P2P_PEM_MAX)
        return P2P_ERR_LIMIT;
    if (!next_line(&in, &line))
        return P2P_ERR_MALFORMED;
    int err = read_boundary(line, "BEGIN ", label, label_len);
    if (err)
        return err;
    err = read_body(&in, &line, out, cap, &n);
    if (!err && (in.len || read_boundary(line, "END ", label, label_len)))
        err = P2P_ERR_MALFORMED;
    if (!err && n > P2P_CERT_MAX_DER)
        err = P2P_ERR_LIMIT;
    if (!err) {
        *len = n;
        err = n > cap ? P2P_ERR_NO_SPACE : 0;
    }
    if (err)
        p2p__wipe(out, cap);
    return err;
}
