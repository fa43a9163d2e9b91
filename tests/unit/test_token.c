/*
 * tests/unit/test_token.c - tokens that must pass and forgeries that must not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/token_keys.h"

#define NOW 1772985600
static const char s_secret[] = "0123456789abcdef0123456789abcdef-access";
static const char s_refresh[] = "0123456789abcdef0123456789abcdef-refresh";

static gh_token_keys_t *
make_keys(const char *alg, const char *secret)
{
    gh_token_keys_t *k = gh_token_keys_new(alg, gh_str(secret), gh_str(s_refresh), "guahao", 5);
    assert_non_null(k);
    return k;
}

static gh_token_t
make_claims(void)
{
    gh_token_t t = {.user_id = 42, .iat = NOW, .exp = NOW + 1800, .roles_csv = "PATIENT,DOCTOR"};
    memset(t.jti, 0x11, 16);
    memset(t.sid, 0x22, 16);
    return t;
}

static gh_err_t
verify(const gh_token_keys_t *k, const char *token, bool refresh, int64_t now, gh_token_t *out)
{
    return gh_token_verify(k, gh_str(token), refresh, now, out);
}

static void
issue_then_verify_gives_the_claims_back(void **state)
{
    (void)state;
    const char *algs[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < GH_COUNT(algs); i++) {
        gh_token_keys_t *k = make_keys(algs[i], s_secret);
        gh_token_t in = make_claims(), out;
        char *text = NULL;
        assert_int_equal(gh_token_issue(k, &in, &text), 0);
        assert_int_equal(verify(k, text, false, NOW + 10, &out), GH_E_NONE);
        assert_int_equal(out.user_id, 42);
        assert_memory_equal(out.jti, in.jti, 16);
        assert_memory_equal(out.sid, in.sid, 16);
        assert_int_equal(out.exp, in.exp);
        assert_string_equal(out.roles_csv, "PATIENT,DOCTOR");
        free(text);
        gh_token_keys_destroy(&k);
        gh_token_keys_destroy(&k);
    }
}

static void
times_are_checked_with_the_leeway(void **state)
{
    (void)state;
    gh_token_keys_t *k = make_keys("HS256", s_secret);
    gh_token_t in = make_claims(), out;
    char *text = NULL;
    assert_int_equal(gh_token_issue(k, &in, &text), 0);
    assert_int_equal(verify(k, text, false, in.exp + 4, &out), GH_E_NONE);
    assert_int_equal(verify(k, text, false, in.exp + 5, &out), GH_E_TOKEN_EXPIRED);
    assert_int_equal(out.user_id, 42); /* filled for a sign-out */
    assert_int_equal(verify(k, text, false, in.iat - 5, &out), GH_E_NONE);
    assert_int_equal(verify(k, text, false, in.iat - 6, &out), GH_E_TOKEN_INVALID);
    free(text);
    gh_token_keys_destroy(&k);
}

static void
refresh_and_access_tokens_are_not_exchangeable(void **state)
{
    (void)state;
    /* The same secret for both: only `typ` tells them apart. */
    gh_token_keys_t *k = gh_token_keys_new("HS256", gh_str(s_refresh), gh_str(s_refresh), "guahao", 5);
    gh_token_t in = make_claims(), out;
    char *access = NULL, *refresh = NULL;
    assert_int_equal(gh_token_issue(k, &in, &access), 0);
    in.refresh = true;
    assert_int_equal(gh_token_issue(k, &in, &refresh), 0);
    assert_int_equal(verify(k, access, true, NOW, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(verify(k, refresh, false, NOW, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(verify(k, refresh, true, NOW, &out), GH_E_NONE);
    free(access);
    free(refresh);
    gh_token_keys_destroy(&k);
}

static void
every_flipped_character_is_noticed(void **state)
{
    (void)state;
    gh_token_keys_t *k = make_keys("HS256", s_secret);
    gh_token_t in = make_claims(), out;
    char *text = NULL;
    assert_int_equal(gh_token_issue(k, &in, &text), 0);
    size_t n = strlen(text);
    /* The last character of a 32-byte digest carries unused bits, so leave it alone. */
    for (size_t i = 0; i + 1 < n; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(k, text, false, NOW, &out), GH_E_NONE);
        text[i] = was;
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(gh_token_verify(k, (gh_str_t){text, cut}, false, NOW, &out), GH_E_TOKEN_INVALID);
    free(text);
    gh_token_keys_destroy(&k);
}

static size_t
b64url(const void *in, size_t n, char *out)
{
    size_t len = (size_t)EVP_EncodeBlock((unsigned char *)out, in, (int)n);
    while (len && out[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    out[len] = '\0';
    return len;
}

/* Sign header and claims of one's own with a key of one's own. */
static void
forge(const char *header, const char *claims, gh_str_t key, char *out)
{
    char *p = out;
    p += b64url(header, strlen(header), p);
    *p++ = '.';
    p += b64url(claims, strlen(claims), p);
    uint8_t mac[32];
    assert_int_equal(gh_hmac_sha256(key, (gh_str_t){out, (size_t)(p - out)}, mac), 0);
    *p++ = '.';
    b64url(mac, sizeof mac, p);
}

#define IDS                                                                                                  \
    "\"jti\":\"11111111-1111-1111-1111-111111111111\",\"sid\":\"22222222-2222-2222-2222-222222222222\""
#define BODY(sub, extra)                                                                                     \
    "{\"iss\":\"guahao\",\"sub\":" sub "," IDS                                                               \
    ",\"typ\":\"access\",\"iat\":1772985600,\"nbf\":1772985600" extra "}"

static void
forged_headers_and_claims_are_refused(void **state)
{
    (void)state;
    gh_token_keys_t *k = make_keys("HS256", s_secret);
    gh_token_t out;
    char text[2048];
    const char *good = BODY("\"42\"", ",\"exp\":1772987400");
    static const struct {
        const char *header, *claims;
        gh_err_t want;
    } cases[] = {
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_NONE},
        {"{\"alg\":\"HS512\",\"typ\":\"JWT\"}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"none\"}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\",\"kid\":\"other\"}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"42\"", ""), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":\"1772987400\""), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":1772987400.5"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":9999999999"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("42", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"0\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"-4\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"4x\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", BODY("\"9999999999999999999\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
        {"{\"alg\":\"HS256\"}", "[]", GH_E_TOKEN_INVALID},
        {"[]", BODY("\"42\"", ",\"exp\":1772987400"), GH_E_TOKEN_INVALID},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        forge(cases[i].header, cases[i].claims, gh_str(s_secret), text);
        gh_err_t got = verify(k, text, false, NOW, &out);
        if (got != cases[i].want)
            fail_msg("case %zu: got %d", i, got);
    }
    forge("{\"alg\":\"HS256\"}", good, GH_STR("another-secret-another-secret-123"), text);
    assert_int_equal(verify(k, text, false, NOW, &out), GH_E_TOKEN_INVALID);
    gh_token_keys_destroy(&k);
}

/* What was written, as a new string; the BIO is given up. */
static char *
take_text(BIO *mem)
{
    char *data = NULL;
    assert_int_equal(BIO_write(mem, "", 1), 1);
    BIO_get_mem_data(mem, &data);
    char *text = strdup(data);
    BIO_free(mem);
    return text;
}

static char *
private_pem(EVP_PKEY *key)
{
    BIO *mem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(mem, key, NULL, NULL, 0, NULL, NULL), 1);
    return take_text(mem);
}

static char *
public_pem(EVP_PKEY *key)
{
    BIO *mem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(mem, key), 1);
    return take_text(mem);
}

static void
asymmetric_keys_work_and_the_public_key_is_no_secret(void **state)
{
    (void)state;
    EVP_PKEY *pkeys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")};
    const char *algs[] = {"RS256", "ES256"};
    for (size_t i = 0; i < 2; i++) {
        char *priv = private_pem(pkeys[i]), *pub = public_pem(pkeys[i]), *token = NULL, forged[2048];
        gh_token_keys_t *k = make_keys(algs[i], priv);
        gh_token_t in = make_claims(), out;
        assert_int_equal(gh_token_issue(k, &in, &token), 0);
        assert_int_equal(verify(k, token, false, NOW, &out), GH_E_NONE);
        forge("{\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":1772987400"), gh_str(pub), forged);
        assert_int_equal(verify(k, forged, false, NOW, &out), GH_E_TOKEN_INVALID);
        gh_token_keys_destroy(&k);
        /* A key of the other family is refused at load. */
        assert_null(gh_token_keys_new(algs[1 - i], gh_str(priv), gh_str(s_refresh), "guahao", 5));
        free(token);
        free(priv);
        free(pub);
        EVP_PKEY_free(pkeys[i]);
    }
}

static void
weak_or_unknown_keys_are_refused(void **state)
{
    (void)state;
    assert_null(gh_token_keys_new("HS256", GH_STR("short"), gh_str(s_refresh), "guahao", 5));
    assert_null(gh_token_keys_new("HS256", gh_str(s_secret), GH_STR(""), "guahao", 5));
    assert_null(gh_token_keys_new("none", gh_str(s_secret), gh_str(s_refresh), "guahao", 5));
    assert_null(gh_token_keys_new("RS256", gh_str(s_secret), gh_str(s_refresh), "guahao", 5));
}

static void
the_key_before_is_accepted_by_its_id_and_its_algorithm(void **state)
{
    (void)state;
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    char *pem = private_pem(pair), *old = NULL, *new = NULL;
    gh_token_keys_t *before = make_keys("HS256", s_secret), *now = make_keys("ES256", pem);
    gh_token_t in = make_claims(), out;
    assert_int_equal(gh_token_issue(before, &in, &old), 0);
    assert_int_equal(gh_token_issue(now, &in, &new), 0);
    assert_int_equal(verify(now, old, false, NOW, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(gh_token_keys_accept(now, false, "HS256", gh_str(s_secret)), 0);
    assert_int_equal(verify(now, old, false, NOW, &out), GH_E_NONE);
    assert_int_equal(verify(now, new, false, NOW, &out), GH_E_NONE);
    assert_int_equal(verify(before, new, false, NOW, &out), GH_E_TOKEN_INVALID);
    /* Without its id the earlier key is not tried, and neither key takes the other's algorithm. */
    char forged[2048], *key_id = now->access[GH_TOKEN_SIGNS].kid, header[128];
    forge("{\"alg\":\"HS256\"}", BODY("\"42\"", ",\"exp\":1772987400"), gh_str(s_secret), forged);
    assert_int_equal(verify(now, forged, false, NOW, &out), GH_E_TOKEN_INVALID);
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", key_id);
    forge(header, BODY("\"42\"", ",\"exp\":1772987400"), gh_str(s_secret), forged);
    assert_int_equal(verify(now, forged, false, NOW, &out), GH_E_TOKEN_INVALID);
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", now->access[GH_TOKEN_PREVIOUS].kid);
    forge(header, BODY("\"42\"", ",\"exp\":1772987400"), gh_str(s_secret), forged);
    assert_int_equal(verify(now, forged, false, NOW, &out), GH_E_NONE);
    assert_int_equal(gh_token_keys_accept(now, true, "HS256", GH_STR("short")), -1);
    gh_token_keys_destroy(&before);
    gh_token_keys_destroy(&now);
    free(old);
    free(new);
    free(pem);
    EVP_PKEY_free(pair);
}

static void
garbage_is_refused(void **state)
{
    (void)state;
    gh_token_keys_t *k = make_keys("HS256", s_secret);
    gh_token_t out;
    static const char *const texts[] = {"",         ".",   "..",    "...",         "a.b.c",
                                        "e30.e30.", "e30", "=.=.=", "\xff\xfe.x.y"};
    for (size_t i = 0; i < GH_COUNT(texts); i++)
        assert_int_equal(verify(k, texts[i], false, NOW, &out), GH_E_TOKEN_INVALID);
    char big[GH_TOKEN_MAX + 2];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(verify(k, big, false, NOW, &out), GH_E_TOKEN_INVALID);
    gh_token_keys_destroy(&k);
}

static void
a_mail_token_opens_nothing_else(void **state)
{
    (void)state;
    gh_token_keys_t *k = make_keys("HS256", s_secret),
                    *other = make_keys("HS256", "another secret of thirty-two bytes or more");
    gh_token_t claims = make_claims(), out;
    char *mail = NULL, *access = NULL, address[GH_TOKEN_ADDRESS];
    assert_int_equal(gh_token_issue_mail(k, "li@clinic.example", NOW, NOW + 1800, &mail), 0);
    assert_int_equal(gh_token_issue(k, &claims, &access), 0);
    assert_int_equal(gh_token_verify_mail(k, gh_str(mail), NOW + 1804, address), GH_E_NONE);
    assert_string_equal(address, "li@clinic.example");
    assert_int_equal(gh_token_verify_mail(k, gh_str(mail), NOW + 1805, address), GH_E_TOKEN_EXPIRED);
    assert_int_equal(gh_token_verify_mail(other, gh_str(mail), NOW, address), GH_E_TOKEN_INVALID);
    assert_int_equal(verify(k, mail, false, NOW, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(verify(k, mail, true, NOW, &out), GH_E_TOKEN_INVALID);
    assert_int_equal(gh_token_verify_mail(k, gh_str(access), NOW, address), GH_E_TOKEN_INVALID);
    assert_int_equal(gh_token_verify_mail(k, GH_STR("a.b.c"), NOW, address), GH_E_TOKEN_INVALID);
    free(mail);
    free(access);
    gh_token_keys_destroy(&k);
    gh_token_keys_destroy(&other);
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issue_then_verify_gives_the_claims_back),
        cmocka_unit_test(times_are_checked_with_the_leeway),
        cmocka_unit_test(refresh_and_access_tokens_are_not_exchangeable),
        cmocka_unit_test(every_flipped_character_is_noticed),
        cmocka_unit_test(forged_headers_and_claims_are_refused),
        cmocka_unit_test(asymmetric_keys_work_and_the_public_key_is_no_secret),
        cmocka_unit_test(weak_or_unknown_keys_are_refused),
        cmocka_unit_test(the_key_before_is_accepted_by_its_id_and_its_algorithm),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_mail_token_opens_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
