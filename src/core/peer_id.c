/* SPDX-License-Identifier: MIT */
#include <p2p/addr.h>

#include <string.h>

#include <p2p/err.h>

/*
 * Base64 in groups of six bits, most significant first, as RFC 4648 section 4 cuts them, without
 * padding. The alphabet ascends in ASCII, which makes texts sort as the ids do.
 */
#define NO_DIGIT 0xff

_Static_assert((P2P_PEER_ID_SIZE * 8 + 5) / 6 == P2P_PEER_ID_TEXT_LEN, "43 digits hold 32 bytes");
_Static_assert(P2P_PEER_ID_SIZE % 3 == 2, "the last group has two bytes and three digits");

static const char alphabet[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

_Static_assert(sizeof alphabet == 64 + 1, "64 digits and the NUL");

static uint32_t digit_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 38;
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A') + 11;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 1;
    if (c == '-')
        return 0;
    if (c == '_')
        return 37;
    return NO_DIGIT;
}

void p2p_peer_id_text(const uint8_t id[P2P_PEER_ID_SIZE], char out[P2P_PEER_ID_TEXT_LEN + 1])
{
    size_t in = 0;
    for (; in + 3 <= P2P_PEER_ID_SIZE; in += 3) {
        uint32_t group = (uint32_t)id[in] << 16 | (uint32_t)id[in + 1] << 8 | id[in + 2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    /* Two bytes are left; the last digit carries four of their bits and two zeros. */
    uint32_t group = (uint32_t)id[in] << 16 | (uint32_t)id[in + 1] << 8;
    *out++ = alphabet[group >> 18];
    *out++ = alphabet[group >> 12 & 63];
    *out++ = alphabet[group >> 6 & 63];
    *out = '\0';
}

int p2p_peer_id_parse(const char *text, size_t len, uint8_t out[P2P_PEER_ID_SIZE])
{
    uint8_t id[P2P_PEER_ID_SIZE];
    uint32_t bits = 0;
    uint32_t bad = 0;
    size_t n = 0;

    if (!out)
        return P2P_ERR_INVALID;
    if (!text || len != P2P_PEER_ID_TEXT_LEN)
        return P2P_ERR_MALFORMED;
    for (size_t i = 0; i < P2P_PEER_ID_TEXT_LEN; i++) {
        uint32_t value = digit_value(text[i]);
        bad |= value & ~UINT32_C(63);
        bits = bits << 6 | (value & 63);
        /* Every group of four digits but its first completes a byte. */
        if (i % 4 != 0)
            id[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    /* The two unused bits must be zero, or several texts would name one id. */
    if (bad || (bits & 3) || n != sizeof id)
        return P2P_ERR_MALFORMED;
    memcpy(out, id, sizeof id);
    return P2P_OK;
}
