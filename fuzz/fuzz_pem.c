/* SPDX-License-Identifier: MIT */
/*
 * The reader of PEM. What is taken, written again and read again is the same; but for the ends of
 * lines, so is the text. The input written as PEM must be readable.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <p2p/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The text with LF at the end of each line, the last one included. */
static size_t with_lf(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
            out[n++] = text[i];
    if (n && out[n - 1] != '\n')
        out[n++] = '\n';
    return n;
}

static void try_read(const char *label, const char *text, size_t len)
{
    static uint8_t data[P2P_CERT_MAX_DER];
    static char again[P2P_PEM_MAX + 1], same[P2P_PEM_MAX + 1];
    size_t n = 0, again_len;
    int err = p2p_pem_read(label, text, len, data, sizeof data, &n);
    if (err)
        return;
    err = p2p_pem_write(label, data, n, again, sizeof again, &again_len);
    assert(!err);
    assert(with_lf(text, len, same) == again_len && !memcmp(same, again, again_len));
    /* With too little room nothing of it remains. */
    err = p2p_pem_read(label, text, len, data, n - 1, &n);
    assert(err == P2P_ERR_NO_SPACE);
    for (size_t i = 0; i + 1 < n; i++)
        assert(data[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const labels[] = {P2P_PEM_PUBLIC_KEY, P2P_PEM_PRIVATE_KEY,
                                         P2P_PEM_CERTIFICATE, "X"};
    static char text[P2P_PEM_MAX];
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        try_read(labels[i], (const char *)data, len);

    size_t n;
    int err = p2p_pem_write(P2P_PEM_CERTIFICATE, data, len, text, sizeof text, &n);
    assert(err == (len == 0 ? P2P_ERR_INVALID : len > P2P_CERT_MAX_DER ? P2P_ERR_LIMIT : 0));
    if (!err)
        try_read(P2P_PEM_CERTIFICATE, text, n);
    return 0;
}
