/* SPDX-License-Identifier: MIT */
#include <p2p/addr.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/err.h>

static const char alphabet[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
static const char counting[] = "--31-kF40VR71FcA2-oD2l-G3WBJ4GNM50ZP5lkS6Ww";

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void random_id(uint64_t *state, uint8_t id[P2P_PEER_ID_SIZE])
{
    for (size_t i = 0; i < P2P_PEER_ID_SIZE; i++)
        id[i] = (uint8_t)next_random(state);
}

/* Reads text, expects the error, and that the output stays as it was. */
static void assert_malformed(const char *text, size_t len)
{
    uint8_t id[P2P_PEER_ID_SIZE], before[P2P_PEER_ID_SIZE];
    memset(id, 0x5a, sizeof id);
    memset(before, 0x5a, sizeof before);
    assert_int_equal(p2p_peer_id_parse(text, len, id), P2P_ERR_MALFORMED);
    assert_memory_equal(id, before, sizeof id);
}

static void test_known_answers(void **state)
{
    uint8_t id[P2P_PEER_ID_SIZE], back[P2P_PEER_ID_SIZE];
    char text[P2P_PEER_ID_TEXT_LEN + 1];
    (void)state;

    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)i;
    p2p_peer_id_text(id, text);
    assert_string_equal(text, counting);
    assert_int_equal(p2p_peer_id_parse(counting, strlen(counting), back), 0);
    assert_memory_equal(id, back, sizeof id);

    memset(id, 0, sizeof id);
    p2p_peer_id_text(id, text);
    assert_string_equal(text, "-------------------------------------------");

    memset(id, 0xff, sizeof id);
    p2p_peer_id_text(id, text);
    assert_string_equal(text, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzw");
    assert_int_equal(p2p_peer_id_parse(text, 43, back), 0);
    assert_memory_equal(id, back, sizeof id);
}

static void test_round_trips_keep_the_order(void **state)
{
    uint64_t random = 1;
    uint8_t last_id[P2P_PEER_ID_SIZE] = {0};
    char last_text[P2P_PEER_ID_TEXT_LEN + 1];
    (void)state;

    p2p_peer_id_text(last_id, last_text);
    for (int round = 0; round < 20000; round++) {
        uint8_t id[P2P_PEER_ID_SIZE], back[P2P_PEER_ID_SIZE];
        char text[P2P_PEER_ID_TEXT_LEN + 1];
        random_id(&random, id);
        /* Every other id shares a beginning with the one before. */
        if (round % 2)
            memcpy(id, last_id, (size_t)round / 2 % P2P_PEER_ID_SIZE);
        p2p_peer_id_text(id, text);
        assert_int_equal(strlen(text), P2P_PEER_ID_TEXT_LEN);
        assert_int_equal(p2p_peer_id_parse(text, P2P_PEER_ID_TEXT_LEN, back), 0);
        assert_memory_equal(id, back, sizeof id);

        int by_id = memcmp(id, last_id, sizeof id);
        int by_text = strcmp(text, last_text);
        assert_int_equal((by_id > 0) - (by_id < 0), (by_text > 0) - (by_text < 0));
        memcpy(last_id, id, sizeof id);
        memcpy(last_text, text, sizeof text);
    }
}

static void test_length_is_exact(void **state)
{
    char text[64];
    uint8_t id[P2P_PEER_ID_SIZE];
    (void)state;

    memset(text, '-', sizeof text);
    for (size_t len = 0; len < sizeof text; len++) {
        if (len != P2P_PEER_ID_TEXT_LEN)
            assert_malformed(text, len);
    }
    assert_int_equal(p2p_peer_id_parse(text, P2P_PEER_ID_TEXT_LEN, id), 0);
    assert_malformed(NULL, P2P_PEER_ID_TEXT_LEN);
    assert_malformed(NULL, 0);
}

/* In every position, every byte that is no digit. */
static void test_alphabet_is_strict(void **state)
{
    (void)state;
    for (size_t at = 0; at < P2P_PEER_ID_TEXT_LEN; at++) {
        for (int c = 0; c < 256; c++) {
            char text[P2P_PEER_ID_TEXT_LEN + 1];
            uint8_t id[P2P_PEER_ID_SIZE];
            memcpy(text, counting, sizeof text);
            text[at] = (char)c;
            const char *digit = c ? strchr(alphabet, c) : NULL;
            /* The last digit carries two bits that must be zero. */
            if (digit && (at < P2P_PEER_ID_TEXT_LEN - 1 || (digit - alphabet) % 4 == 0))
                assert_int_equal(p2p_peer_id_parse(text, P2P_PEER_ID_TEXT_LEN, id), 0);
            else
                assert_malformed(text, P2P_PEER_ID_TEXT_LEN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_round_trips_keep_the_order),
        cmocka_unit_test(test_length_is_exact),
        cmocka_unit_test(test_alphabet_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
