/*
 * tests/unit/test_hash.c - digests against published vectors, SipHash against OpenSSL
 */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/hash.h"

static void
sha256_of_fips_180(void **state)
{
    (void)state;
    uint8_t out[32];
    char hex[65];
    assert_int_equal(gh_sha256("abc", 3, out), 0);
    gh_hex(out, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(gh_sha256(NULL, 0, out), 0);
    gh_hex(out, 32, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
hmac_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t out[32];
    char hex[65];
    assert_int_equal(gh_hmac_sha256(GH_STR("Jefe"), GH_STR("what do ya want for nothing?"), out), 0);
    gh_hex(out, 32, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* an empty key is a key, not "the last one again" */
    assert_int_equal(gh_hmac_sha256((gh_str_t){0}, (gh_str_t){0}, out), 0);
    gh_hex(out, 32, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static uint64_t
openssl_siphash13(const uint8_t key[16], const uint8_t *data, size_t n)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    size_t size = 8, len;
    unsigned c = 1, d = 3;
    uint8_t out[8];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
                           OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
                           OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
    assert_int_equal(EVP_MAC_update(ctx, data, n), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &len, sizeof(out)), 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | out[i];
    return v;
}

static void
siphash_agrees_with_openssl(void **state)
{
    (void)state;
    uint8_t key[16], data[64];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(200 - i);
    for (size_t n = 0; n <= sizeof(data); n++)
        assert_true(gh_siphash13(key, data, n) == openssl_siphash13(key, data, n));
}

static void
hash64_is_stable_and_spreads(void **state)
{
    (void)state;
    unsigned buckets[64] = {0};
    for (uint32_t i = 0; i < 64000; i++) {
        uint64_t h = gh_hash64(&i, sizeof(i));
        assert_true(h == gh_hash64(&i, sizeof(i)));
        buckets[h & 63]++;
    }
    for (size_t i = 0; i < GH_COUNT(buckets); i++)
        assert_in_range(buckets[i], 700, 1300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_fips_180),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(siphash_agrees_with_openssl),
        cmocka_unit_test(hash64_is_stable_and_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
