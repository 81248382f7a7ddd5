/* SPDX-License-Identifier: MIT */
#include "test_x509_support.h"

#include <sodium.h>

#include "format/blake2b.h"
#include "format/blake2x.h"
#include "format/tai64n.h"

static void vector_of_the_reference(void **state)
{
    (void)state;
    uint8_t out[P2P__PRESIG_SIZE];
    assert_int_equal(p2p__presig("p2pke/timestamp", 15, "abc", 3, out), 0);
    assert_hex(out, sizeof out,
               "d4988f96484c8c54d5dbf4bac54969633feff1c7a8ed50927cba9e70fa407b34"
               "0daf3fd61872909bcb073cc884f694fcd8a1eb2c782ff8a11e8dd7e7701d0e28");
}

/* Makes a signature for a purpose with the given seed. */
static void sign_for(const char *purpose, const void *msg, size_t msg_len, const uint8_t seed[32],
                     uint8_t sig[P2P_ED25519_SIGNATURE_SIZE])
{
    uint8_t digest[P2P__PRESIG_SIZE];
    size_t n;
    p2p_signer *signer;
    assert_int_equal(p2p__presig(purpose, strlen(purpose), msg, msg_len, digest), 0);
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    assert_int_equal(p2p_sign(signer, digest, sizeof digest, sig, P2P_ED25519_SIGNATURE_SIZE, &n),
                     0);
    p2p_signer_free(signer);
}

/* wire.md 12, celltracker: key and id. (Its signatures are of another kind, see wire.md 10.2.) */
static void key_of_the_cell_tracker(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32], spki[P2P_ED25519_SPKI_SIZE];
    char text[64];
    from_hex("436b9a16b311bac314ce34ff1e7fdbdb70ed04f04fc961020c1cbeeb55016830", seed, 32);
    assert_int_equal(p2p_ed25519_public(seed, public_key), 0);
    p2p_ed25519_spki(public_key, spki);
    sodium_bin2base64(text, sizeof text, spki, sizeof spki, sodium_base64_VARIANT_URLSAFE);
    assert_string_equal(text, "MCowBQYDK2VwAyEAjizmAVnLEoB_Dcac3WT-3lnDg9yjoN2uHvI3B5OT0Tg=");
    p2p_spki key;
    uint8_t id[P2P_PEER_ID_SIZE];
    char id_text[P2P_PEER_ID_TEXT_LEN + 1];
    assert_int_equal(p2p_spki_parse(spki, sizeof spki, &key), 0);
    assert_int_equal(p2p_fingerprint_pke(&key, id), 0);
    p2p_peer_id_text(id, id_text);
    assert_string_equal(id_text, "x6oO6Z90zHeMuKzEDcubYy3YhJP4FP191lh7EHYCLAs");
}

/* wire.md 12: the claim in the InitHello of test key 0. */
static void signature_of_the_handshake(void **state)
{
    (void)state;
    uint8_t seed[32], label[P2P__TAI64N_SIZE], sig[P2P_ED25519_SIGNATURE_SIZE];
    test_seed(0, seed);
    assert_int_equal(p2p__tai64n_encode(1700000000, 123456789, label), 0);
    sign_for("p2pke/timestamp", label, sizeof label, seed, sig);
    assert_hex(sig, sizeof sig,
               "aa9bd65d0b4bcab87abb4db235faa1349b5d7046c605025224cdafc7a0020dcb"
               "a751772bf3c8acda0446b8a3a8671df3626ed51109c1d415a0d42ea556b5ef00");
}

static void purposes_are_kept_apart(void **state)
{
    (void)state;
    uint8_t a[P2P__PRESIG_SIZE], b[P2P__PRESIG_SIZE], long_purpose[256];
    memset(long_purpose, 'p', sizeof long_purpose);
    assert_int_equal(p2p__presig("ab", 2, "c", 1, a), 0);
    assert_int_equal(p2p__presig("a", 1, "bc", 2, b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(p2p__presig(NULL, 0, NULL, 0, b), 0);
    assert_int_equal(p2p__presig(long_purpose, 255, "c", 1, a), 0);
    assert_int_equal(p2p__presig(long_purpose, 256, "c", 1, a), P2P_ERR_INVALID);
}

/*
 * Ours against libsodium's BLAKE2b, for every length up to several blocks, in pieces of every kind,
 * with the parts of the parameter block that libsodium can set.
 */
static void blake2b_agrees_with_libsodium(void **state)
{
    (void)state;
    uint8_t data[600], ours[64], theirs[64];
    uint8_t salt[16], personal[16], param[P2P__BLAKE2B_PARAM_SIZE] = {64, 0, 1, 1};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 89 + i / 256 + 3);
    for (size_t i = 0; i < 16; i++) {
        salt[i] = (uint8_t)(200 - i);
        personal[i] = (uint8_t)(i * 17);
    }
    memcpy(param + 32, salt, 16);
    memcpy(param + 48, personal, 16);
    for (size_t n = 0; n <= sizeof data; n++) {
        p2p__blake2b b;
        p2p__blake2b_init(&b, param);
        for (size_t at = 0; at < n;) {
            size_t part = 1 + (at * 7 + n) % 150;
            part = part < n - at ? part : n - at;
            p2p__blake2b_update(&b, data + at, part);
            at += part;
        }
        p2p__blake2b_final(&b, ours);
        assert_int_equal(
            crypto_generichash_blake2b_salt_personal(theirs, 64, data, n, NULL, 0, salt, personal),
            0);
        assert_memory_equal(ours, theirs, 64);
    }
}

/* RFC 7693, appendix A. */
static void blake2b_of_abc(void **state)
{
    (void)state;
    const uint8_t param[P2P__BLAKE2B_PARAM_SIZE] = {64, 0, 1, 1};
    uint8_t out[64];
    p2p__blake2b b;
    p2p__blake2b_init(&b, param);
    p2p__blake2b_update(&b, "abc", 3);
    p2p__blake2b_final(&b, out);
    assert_hex(out, sizeof out,
               "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
               "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_of_the_reference),       cmocka_unit_test(key_of_the_cell_tracker),
        cmocka_unit_test(signature_of_the_handshake),    cmocka_unit_test(purposes_are_kept_apart),
        cmocka_unit_test(blake2b_agrees_with_libsodium), cmocka_unit_test(blake2b_of_abc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
