/* SPDX-License-Identifier: MIT */
/* Keys and certificates made here are read by the openssl program, and the other way round. */
#include "test_x509_support.h"

#include <stdio.h>
#include <unistd.h>

static char folder[64];
static int have_openssl;

/* Runs a shell command in the folder; whether it succeeded. */
static int run(const char *command)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "cd '%s' && { %s; } >out.txt 2>err.txt", folder, command);
    assert_true(n > 0 && (size_t)n < sizeof line);
    fflush(NULL);
    return system(line) == 0;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/p2p-openssl-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    /* Ed25519 came with 1.1.1; other programs of that name may lack it. */
    have_openssl = run("command -v openssl && openssl genpkey -algorithm ed25519");
    if (!have_openssl)
        print_message("openssl with Ed25519 is not installed: these tests are skipped\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char line[128];
    snprintf(line, sizeof line, "rm -r '%s'", folder);
    return system(line);
}

/* A file of the folder. */
static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void save(const char *name, const void *data, size_t len)
{
    assert_int_equal(p2p_key_file_write(in_folder(name), data, len, P2P_KEY_FILE_OVERWRITE), 0);
}

static size_t load(const char *name, void *out, size_t cap)
{
    size_t len;
    assert_int_equal(p2p_key_file_read(in_folder(name), out, cap, &len, NULL), 0);
    return len;
}

static void our_private_key(void **state)
{
    (void)state;
    if (!have_openssl)
        skip();
    uint8_t seed[P2P_ED25519_SEED_SIZE], pkcs8[P2P_ED25519_PKCS8_SIZE], spki[P2P_ED25519_SPKI_SIZE];
    uint8_t theirs[256];
    char pem[512];
    size_t n;
    test_seed(9, seed);
    test_spki(9, spki);
    p2p_ed25519_pkcs8(seed, pkcs8);
    save("key.der", pkcs8, sizeof pkcs8);
    assert_int_equal(p2p_pem_write(P2P_PEM_PRIVATE_KEY, pkcs8, sizeof pkcs8, pem, sizeof pem, &n),
                     0);
    save("key.pem", pem, n);
    assert_true(run("openssl pkey -inform DER -in key.der -pubout -outform DER -out pub.der"));
    assert_int_equal(load("pub.der", theirs, sizeof theirs), sizeof spki);
    assert_memory_equal(theirs, spki, sizeof spki);
    /* What it writes of it is ours again, to the byte. */
    assert_true(run("openssl pkey -in key.pem -out again.pem && cmp key.pem again.pem"));
    assert_true(run("openssl pkey -in key.pem -outform DER -out again.der"
                    " && cmp key.der again.der"));
}

static void our_public_key_and_signature(void **state)
{
    (void)state;
    if (!have_openssl)
        skip();
    uint8_t seed[P2P_ED25519_SEED_SIZE], spki[P2P_ED25519_SPKI_SIZE], sig[64];
    char pem[512];
    size_t n;
    p2p_signer *signer;
    test_seed(9, seed);
    test_spki(9, spki);
    assert_int_equal(p2p_pem_write(P2P_PEM_PUBLIC_KEY, spki, sizeof spki, pem, sizeof pem, &n), 0);
    save("pub.pem", pem, n);
    assert_true(run("openssl pkey -pubin -in pub.pem -pubout -out again.pem"
                    " && cmp pub.pem again.pem"));
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    assert_int_equal(p2p_sign(signer, (const uint8_t *)"hello", 5, sig, sizeof sig, &n), 0);
    p2p_signer_free(signer);
    save("msg", "hello", 5);
    save("sig", sig, n);
    if (!run("openssl pkeyutl -help 2>&1 | grep -q rawin"))
        skip();
    assert_true(run("openssl pkeyutl -verify -rawin -in msg -sigfile sig -pubin -inkey pub.pem"));
    save("msg", "hallo", 5);
    assert_false(run("openssl pkeyutl -verify -rawin -in msg -sigfile sig -pubin -inkey pub.pem"));
}

static void their_key(void **state)
{
    (void)state;
    if (!have_openssl)
        skip();
    char pem[512];
    uint8_t pkcs8[256], spki[256], theirs[256];
    size_t n, len;
    p2p_signer *signer;
    assert_true(run("openssl genpkey -algorithm ed25519 -out key.pem"
                    " && openssl pkey -in key.pem -pubout -out pub.pem"));
    n = load("key.pem", pem, sizeof pem);
    assert_int_equal(p2p_pem_read(P2P_PEM_PRIVATE_KEY, pem, n, pkcs8, sizeof pkcs8, &len), 0);
    assert_int_equal(len, P2P_ED25519_PKCS8_SIZE);
    assert_int_equal(p2p_signer_new(&signer, NULL, pkcs8, len, NULL), 0);
    assert_int_equal(p2p_signer_public_key(signer, spki, sizeof spki, &len), 0);
    p2p_signer_free(signer);
    n = load("pub.pem", pem, sizeof pem);
    assert_int_equal(p2p_pem_read(P2P_PEM_PUBLIC_KEY, pem, n, theirs, sizeof theirs, &n), 0);
    assert_int_equal(n, len);
    assert_memory_equal(spki, theirs, len);
}

static void their_keys_of_other_kinds(void **state)
{
    static const struct {
        const char *command;
        int checked;
    } kinds[] = {
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem", 0},
        {"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem",
         P2P_ERR_UNSUPPORTED},
        {"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem", 0},
        {"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out key.pem",
         P2P_ERR_UNSUPPORTED},
        {"openssl genpkey -algorithm ed448 -out key.pem", P2P_ERR_UNSUPPORTED},
        {"openssl genpkey -algorithm x25519 -out key.pem", P2P_ERR_UNSUPPORTED},
    };
    (void)state;
    if (!have_openssl)
        skip();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        static char pem[P2P_PEM_MAX];
        static uint8_t der[P2P_KEY_MAX_DER], again[P2P_KEY_MAX_DER];
        uint8_t id[P2P_PEER_ID_SIZE];
        size_t n, len;
        p2p_spki key;
        p2p_pkcs8 secret;
        if (!run(kinds[i].command))
            continue; /* forbidden by some configurations */
        assert_true(run("openssl pkey -in key.pem -pubout -out pub.pem"));
        n = load("pub.pem", pem, sizeof pem);
        assert_int_equal(p2p_pem_read(P2P_PEM_PUBLIC_KEY, pem, n, der, sizeof der, &len), 0);
        assert_int_equal(p2p_spki_parse(der, len, &key), 0);
        assert_int_equal(p2p_fingerprint_quic(&key, id), 0);
        assert_int_equal(p2p_spki_check(p2p_key_registry_extended(), &key), kinds[i].checked);
        assert_int_equal(p2p_spki_write(key.algorithm.der, key.algorithm.der_len, key.key,
                                        key.key_len, again, sizeof again, &n),
                         0);
        assert_int_equal(n, len);
        assert_memory_equal(again, der, len);
        n = load("key.pem", pem, sizeof pem);
        assert_int_equal(p2p_pem_read(P2P_PEM_PRIVATE_KEY, pem, n, der, sizeof der, &len), 0);
        assert_int_equal(p2p_pkcs8_parse(der, len, &secret), 0);
        assert_int_equal(p2p_pkcs8_write(secret.algorithm.der, secret.algorithm.der_len, secret.key,
                                         secret.key_len, again, sizeof again, &n),
                         0);
        assert_int_equal(n, len);
        assert_memory_equal(again, der, len);
    }
}

static void our_certificate(void **state)
{
    (void)state;
    if (!have_openssl)
        skip();
    uint8_t seed[P2P_ED25519_SEED_SIZE], der[1024];
    char pem[2048];
    size_t len, n;
    p2p_signer *signer;
    p2p_cert_config config;
    p2p_cert_config_init(&config);
    memset(config.serial, 0x42, sizeof config.serial);
    config.not_before = 1700000000;
    config.not_after = 4102444800; /* 2100, the other kind of time */
    test_seed(9, seed);
    assert_int_equal(p2p_ed25519_signer_new(&signer, seed, NULL), 0);
    assert_int_equal(p2p_cert_make(signer, &config, der, sizeof der, &len), 0);
    p2p_signer_free(signer);
    assert_int_equal(p2p_pem_write(P2P_PEM_CERTIFICATE, der, len, pem, sizeof pem, &n), 0);
    save("cert.pem", pem, n);
    assert_true(run("openssl x509 -in cert.pem -out again.pem && cmp cert.pem again.pem"));
    assert_true(run("openssl x509 -in cert.pem -noout -dates"
                    " | grep -q 'notAfter=Jan  1 00:00:00 2100 GMT'"));
    assert_true(run("openssl verify -CAfile cert.pem -check_ss_sig -purpose sslclient cert.pem"));
    /* With one bit of the signature changed it no longer holds. */
    der[len - 1] ^= 1;
    assert_int_equal(p2p_pem_write(P2P_PEM_CERTIFICATE, der, len, pem, sizeof pem, &n), 0);
    save("cert.pem", pem, n);
    assert_false(run("openssl verify -CAfile cert.pem -check_ss_sig -purpose sslclient cert.pem"));
}

static void their_certificate(void **state)
{
    static const char config[] = "[req]\ndistinguished_name=dn\n[dn]\n";
    (void)state;
    if (!have_openssl)
        skip();
    static char pem[P2P_PEM_MAX];
    static uint8_t der[P2P_CERT_MAX_DER];
    size_t n, len;
    p2p_cert cert;
    save("req.conf", config, sizeof config - 1);
    assert_true(run("openssl req -x509 -config req.conf -newkey ed25519 -nodes -keyout key.pem"
                    " -subj '/O=one/CN=two' -days 3 -addext keyUsage=critical,digitalSignature"
                    " -addext basicConstraints=critical,CA:TRUE"
                    " -addext subjectAltName=critical,DNS:a -out cert.pem"));
    n = load("cert.pem", pem, sizeof pem);
    assert_int_equal(p2p_pem_read(P2P_PEM_CERTIFICATE, pem, n, der, sizeof der, &len), 0);
    assert_int_equal(p2p_cert_parse(der, len, &cert), 0);
    assert_int_equal(p2p_cert_verify_self(&cert, NULL), 0);
    assert_int_equal(cert.not_after - cert.not_before, 3 * 86400);
    /* One that another key signed is not self-signed. */
    assert_true(run("openssl req -config req.conf -newkey ed25519 -nodes -keyout other.pem"
                    " -subj '/CN=three' -out other.csr"
                    " && printf 'basicConstraints=CA:FALSE\\n' >v3.ext"
                    " && openssl x509 -req -in other.csr -CA cert.pem -CAkey key.pem -set_serial 5"
                    " -extfile v3.ext -out other.crt"));
    n = load("other.crt", pem, sizeof pem);
    assert_int_equal(p2p_pem_read(P2P_PEM_CERTIFICATE, pem, n, der, sizeof der, &len), 0);
    assert_int_equal(p2p_cert_parse(der, len, &cert), 0);
    assert_int_equal(p2p_cert_verify_self(&cert, NULL), P2P_ERR_BAD_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_private_key), cmocka_unit_test(our_public_key_and_signature),
        cmocka_unit_test(their_key),       cmocka_unit_test(their_keys_of_other_kinds),
        cmocka_unit_test(our_certificate), cmocka_unit_test(their_certificate),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
