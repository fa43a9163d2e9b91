/* link: front/bucket.c front/limiter.c front/forwarded.c front/rates.c */
/*
 * tests/unit/test_front_rates.c - token buckets, the table that workers share, X-Forwarded-For, policies
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "front/forwarded.h"
#include "front/limiter.h"
#include "front/rates.h"

#define S UINT64_C(1000000000)

static void
a_bucket_gives_its_quota_and_then_its_rate(void **state)
{
    (void)state;
    front_bucket_t b = front_bucket(5, 10); /* a token in 2 s */
    front_take_t t;
    uint64_t full = 0, now = 1000 * S;
    for (uint32_t i = 0; i < 5; i++) {
        full = front_bucket_take(&b, full, now, &t);
        assert_true(t.allowed);
        assert_int_equal(t.left, 4 - i);
        assert_int_equal(t.reset_s, 2 * (i + 1));
    }
    assert_int_equal(front_bucket_take(&b, full, now, &t), full);
    assert_false(t.allowed);
    assert_int_equal(t.left, 0);
    assert_int_equal(t.retry_s, 2);
    assert_int_equal(t.reset_s, 10);
    (void)front_bucket_take(&b, full, now + 2 * S - 1, &t);
    assert_false(t.allowed);
    assert_int_equal(t.retry_s, 1);
    full = front_bucket_take(&b, full, now + 2 * S, &t); /* the wait it was told */
    assert_true(t.allowed);
    (void)front_bucket_take(&b, full, now + 2 * S, &t);
    assert_false(t.allowed);
    (void)front_bucket_take(&b, full, now + 12 * S, &t); /* full again, and no more than full */
    assert_true(t.allowed);
    assert_int_equal(t.left, 4);
}

static void
buckets_of_every_size_keep_to_their_quota(void **state)
{
    (void)state;
    static const struct {
        uint32_t quota, window_s;
    } all[] = {{1, 1}, {1, 86400}, {3, 1}, {7, 60}, {120, 60}, {5, 3600}, {1000, 1}, {999983, 7}};
    for (size_t k = 0; k < GH_COUNT(all); k++) {
        front_bucket_t b = front_bucket(all[k].quota, all[k].window_s);
        front_take_t t;
        uint64_t full = 0, now = 5 * S;
        for (uint32_t i = 0; i < all[k].quota; i++) {
            full = front_bucket_take(&b, full, now, &t);
            assert_true(t.allowed);
            assert_int_equal(t.left, all[k].quota - 1 - i);
        }
        assert_true(t.reset_s <= all[k].window_s);
        (void)front_bucket_take(&b, full, now, &t);
        assert_false(t.allowed);
        assert_true(t.retry_s >= 1);
        (void)front_bucket_take(&b, full, now + t.retry_s * S, &t);
        assert_true(t.allowed);
    }
    front_bucket_t most = front_bucket(1000000000, 1);
    front_take_t t;
    (void)front_bucket_take(&most, 0, S, &t);
    assert_true(t.allowed && t.left == 999999999);
    /* A moment far ahead is a bucket that is empty, not one that never fills. */
    (void)front_bucket_take(&most, UINT64_MAX, S, &t);
    assert_false(t.allowed);
    assert_int_equal(t.retry_s, 1);
}

static void
keys_are_counted_apart(void **state)
{
    (void)state;
    front_limiter_t *l = front_limiter_new(1024);
    front_bucket_t b = front_bucket(3, 60);
    front_take_t t;
    for (int round = 0; round < 4; round++)
        for (uint64_t key = 1; key <= 100; key++) {
            front_limiter_take(l, key * 0x9e3779b97f4a7c15u, &b, 7 * S, &t);
            assert_int_equal(t.allowed, round < 3);
        }
    for (uint64_t key = 1; key <= 100; key++) {
        front_limiter_take(l, key * 0x9e3779b97f4a7c15u, &b, 27 * S, &t);
        assert_true(t.allowed);
    }
    front_limiter_take(l, 0, &b, 7 * S, &t); /* the hash 0 is a key too */
    assert_int_equal(t.left, 2);
    front_limiter_take(l, 0, &b, 7 * S, &t);
    assert_int_equal(t.left, 1);
    front_limiter_destroy(&l);
    front_limiter_destroy(&l);
}

/* One set of eight slots. */
static void
a_full_table_refuses_no_newcomer_and_keeps_the_busiest(void **state)
{
    (void)state;
    front_limiter_t *l = front_limiter_new(8);
    front_bucket_t b = front_bucket(10, 60);
    front_take_t t;
    for (int i = 0; i < 11; i++)
        front_limiter_take(l, 1, &b, S, &t);
    assert_false(t.allowed);
    for (uint64_t key = 2; key < 10000; key++) {
        front_limiter_take(l, key, &b, S, &t);
        assert_true(t.allowed);
        assert_int_equal(t.left, 9);
    }
    front_limiter_take(l, 1, &b, S, &t);
    assert_false(t.allowed);
    front_limiter_destroy(&l);
}

static void
slots_of_full_buckets_are_used_again(void **state)
{
    (void)state;
    front_limiter_t *l = front_limiter_new(8);
    front_bucket_t b = front_bucket(2, 2), slow = front_bucket(2, 3600);
    front_take_t t;
    front_limiter_take(l, 1, &slow, S, &t);
    for (uint64_t i = 0; i < 1000; i++) {
        front_limiter_take(l, 100 + i, &b, (2 + i) * S, &t);
        assert_int_equal(t.left, 1);
    }
    front_limiter_take(l, 1, &slow, 1000 * S, &t); /* the one that still lacked a token was left alone */
    assert_int_equal(t.left, 0);
    front_limiter_destroy(&l);
}

/* Four processes, one of them killed in the middle, share one key: what is allowed is the quota. */
static void
processes_share_one_count_and_may_be_killed(void **state)
{
    (void)state;
    front_limiter_t *l = front_limiter_new(64);
    front_bucket_t b = front_bucket(10000, 86400);
    pid_t pid[4];
    int out[2];
    assert_int_equal(pipe(out), 0);
    for (int p = 0; p < 4; p++) {
        pid[p] = fork();
        assert_true(pid[p] >= 0);
        if (pid[p] == 0) {
            uint32_t n = 0;
            front_take_t t;
            for (int i = 0; i < 20000 || p == 3; i++) { /* the last one goes on until it is killed */
                front_limiter_take(l, p == 3 ? 78 : 77, &b, S, &t);
                n += t.allowed;
            }
            _exit(write(out[1], &n, sizeof n) == sizeof n ? 0 : 1);
        }
    }
    uint32_t sum = 0, n;
    for (int p = 0; p < 3; p++) {
        assert_int_equal(read(out[0], &n, sizeof n), sizeof n);
        sum += n;
    }
    kill(pid[3], SIGKILL);
    for (int p = 0; p < 4; p++)
        (void)waitpid(pid[p], NULL, 0);
    assert_in_range(sum, 10000, 10003); /* a race for the first slot may cost nothing for a request or two */
    front_take_t t;
    front_limiter_take(l, 77, &b, S, &t);
    assert_false(t.allowed);
    front_limiter_take(l, 78, &b, S + 9 * S, &t); /* 8.64 s a token */
    assert_true(t.allowed);
    close(out[0]);
    close(out[1]);
    front_limiter_destroy(&l);
}

/* Who asked, by the peer and the lines of X-Forwarded-For, the last line first. */
static const char *
client(const char *trusted, const char *peer, const char *list, bool *more)
{
    static char text[INET6_ADDRSTRLEN];
    gh_networks_t n;
    front_address_t at;
    uint8_t bytes[16];
    int family = strchr(peer, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(gh_networks_parse(trusted, &n), 0);
    assert_int_equal(inet_pton(family, peer, bytes), 1);
    front_address_set(&at, family, bytes);
    bool used_up = front_forwarded(&n, gh_str(list), &at);
    if (more)
        *more = used_up;
    return inet_ntop(at.family, at.bytes, text, sizeof text);
}

static void
forwarded_lists_are_believed_as_far_as_proxies_are_trusted(void **state)
{
    (void)state;
    bool more;
    assert_string_equal(client("", "192.0.2.1", "1.2.3.4", NULL), "192.0.2.1");
    assert_string_equal(client("10.0.0.0/8", "192.0.2.1", "1.2.3.4", NULL), "192.0.2.1");
    assert_string_equal(client("10.0.0.0/8", "10.0.0.1", "1.2.3.4", &more), "1.2.3.4");
    assert_false(more);
    assert_string_equal(client("10.0.0.0/8", "10.0.0.1", "8.8.8.8, 1.2.3.4", NULL), "1.2.3.4");
    assert_string_equal(client("10.0.0.0/8", "10.0.0.1", "1.2.3.4 ,\t10.0.0.7", NULL), "1.2.3.4");
    assert_string_equal(client("10.0.0.0/8", "10.0.0.1", "10.0.0.9, 10.0.0.7", &more), "10.0.0.9");
    assert_true(more);
    assert_string_equal(client("10.0.0.0/8", "10.0.0.1", "", &more), "10.0.0.1");
    assert_true(more);
    assert_string_equal(client("::1", "::1", "2001:db8::1", NULL), "2001:db8::1");
    assert_string_equal(client("::1", "::1", "[2001:db8::1]:4711", NULL), "2001:db8::1");
    assert_string_equal(client("::1", "::1", "192.0.2.7:4711", NULL), "192.0.2.7");
    assert_string_equal(client("::1", "::1", "::ffff:192.0.2.7", NULL), "192.0.2.7");
    assert_string_equal(client("127.0.0.1", "::ffff:127.0.0.1", "192.0.2.7", NULL), "192.0.2.7");
    static const char *const bad[] = {"unknown",   "1.2.3",   "1.2.3.4.5", "[::1",
                                      "1.2.3.4,,", "_hidden", "[]",        ","};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        assert_string_equal(client("10.0.0.1", "10.0.0.1", bad[i], &more), "10.0.0.1");
        assert_false(more);
    }
}

static front_address_t
address(const char *text)
{
    front_address_t a;
    uint8_t bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(family, text, bytes), 1);
    front_address_set(&a, family, bytes);
    return a;
}

static uint32_t
left(const gh_operation_t *op, const char *from, int64_t user)
{
    front_rate_t r;
    front_address_t a = address(from);
    (void)front_rates_take(op, &a, user, 1000000, &r);
    return r.policy ? r.take.left : 12345;
}

static void
a_request_falls_under_one_policy(void **state)
{
    (void)state;
    setenv("GUAHAO_RATELIMIT_EXEMPT", "10.9.0.0/16", 1);
    setenv("GUAHAO_RATELIMIT_LOGIN_QUOTA", "30", 1);
    gh_conf_t *conf = gh_conf_load(NULL);
    gh_contract_t *contract = gh_contract_load("schema/openapi", NULL);
    assert_non_null(conf);
    assert_non_null(contract);
    assert_int_equal(front_rates_init(conf, contract), 0);
    const gh_operation_t *login = gh_contract_find(contract, GH_STR("identity.v1_login_user")),
                         *health = gh_contract_find(contract, GH_STR("front.get_health")),
                         *book = gh_contract_find(contract, GH_STR("booking.v1_book_appointment"));
    assert_true(login && health && book);
    assert_int_equal(left(book, "192.0.2.1", 0), 119);
    assert_int_equal(left(NULL, "192.0.2.1", 0), 118);
    assert_int_equal(left(book, "192.0.2.2", 0), 119);
    assert_int_equal(left(book, "192.0.2.1", 7), 599);
    assert_int_equal(left(book, "192.0.2.2", 7), 598);
    assert_int_equal(left(book, "192.0.2.2", 8), 599);
    assert_int_equal(left(login, "192.0.2.1", 7), 29);
    assert_int_equal(left(login, "192.0.2.1", 0), 28);
    assert_int_equal(left(health, "192.0.2.1", 0), 12345);
    assert_int_equal(left(book, "10.9.1.1", 7), 12345);
    assert_int_equal(left(login, "10.9.1.1", 0), 12345);
    assert_int_equal(left(book, "2001:db8:1:2::1", 0), 119);
    assert_int_equal(left(book, "2001:db8:1:2:ffff::", 0), 118); /* one subscriber */
    assert_int_equal(left(book, "2001:db8:1:3::1", 0), 119);
    gh_operation_t odd = *book;
    odd.rate_limit = "upload";
    assert_int_equal(left(&odd, "192.0.2.9", 7), 59);
    assert_int_equal(left(&odd, "192.0.2.9", 0), 59);
    gh_contract_destroy(&contract);
    gh_conf_destroy(&conf);
}

static void
the_lines_say_policy_rest_and_wait(void **state)
{
    (void)state;
    front_rate_t r;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    front_address_t a = address("198.51.100.1");
    front_rates_lines(&(front_rate_t){0}, &out);
    assert_int_equal(out.n, 0);
    (void)front_rates_take(NULL, &a, 0, 1000000, &r);
    front_rates_lines(&r, &out);
    assert_string_equal(gh_buf_cstr(&out),
                        "ratelimit-policy: \"anon\";q=120;w=60\r\nratelimit: \"anon\";r=119;t=1\r\n");
    while (front_rates_take(NULL, &a, 0, 1000000, &r)) {
    }
    gh_buf_clear(&out);
    front_rates_lines(&r, &out);
    assert_string_equal(gh_buf_cstr(&out), "ratelimit-policy: \"anon\";q=120;w=60\r\n"
                                           "ratelimit: \"anon\";r=0;t=60\r\nretry-after: 1\r\n");
    assert_string_equal(front_rates_name(front_rates_index(&r)), "anon");
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_quota_and_then_its_rate),
        cmocka_unit_test(buckets_of_every_size_keep_to_their_quota),
        cmocka_unit_test(keys_are_counted_apart),
        cmocka_unit_test(a_full_table_refuses_no_newcomer_and_keeps_the_busiest),
        cmocka_unit_test(slots_of_full_buckets_are_used_again),
        cmocka_unit_test(processes_share_one_count_and_may_be_killed),
        cmocka_unit_test(forwarded_lists_are_believed_as_far_as_proxies_are_trusted),
        cmocka_unit_test(a_request_falls_under_one_policy),
        cmocka_unit_test(the_lines_say_policy_rest_and_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
