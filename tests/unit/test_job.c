/*
 * tests/unit/test_job.c - header frames of jobs and replies (lib/wire/job.c)
 */
#include "wire/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t ID[16] = {0x01, 0x95, 7, 3, 4, 5, 0x70, 7, 0x80, 9, 10, 11, 12, 13, 14, 15};

static gh_job_head_t
full_head(void)
{
    gh_job_head_t h = {
        .op = GH_STR("booking.book_appointment"),
        .budget_ms = 5000,
        .priority = GH_PRIO_HIGH,
        .attempt = 2,
        .resend = true,
        .key = GH_STR("k-1"),
        .shard = GH_STR("s:812"),
        .trace = GH_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        .request = GH_STR("my-request.1"),
        .waited_us = 12345,
        .has_actor = true,
        .actor = {.user_id = 77,
                  .session = GH_STR("0123456789abcdef"),
                  .jti = GH_STR("fedcba9876543210"),
                  .token_exp = 1772000000,
                  .ip = GH_STR("10.0.0.1"),
                  .agent = GH_STR("curl"),
                  .lang = GH_STR("zh")},
        .no_reply_wanted = true,
    };

    memcpy(h.id, ID, 16);
    return h;
}

static void
assert_same(const gh_job_head_t *a, const gh_job_head_t *b)
{
    assert_memory_equal(a->id, b->id, 16);
    assert_true(gh_str_eq(a->op, b->op));
    assert_true(gh_str_eq(a->key, b->key));
    assert_true(gh_str_eq(a->shard, b->shard));
    assert_true(gh_str_eq(a->trace, b->trace));
    assert_true(gh_str_eq(a->request, b->request));
    assert_int_equal(a->priority, b->priority);
    assert_int_equal(a->resend, b->resend);
    assert_int_equal(a->no_reply_wanted, b->no_reply_wanted);
}

static void
head_comes_back_whole(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t h = full_head(), got;

    gh_job_head_encode(&h, &b);
    assert_true(gh_buf_ok(&b));
    assert_true(gh_job_is_head(b.p, b.n));
    assert_int_equal(gh_job_head_decode(b.p, b.n, &got), 0);
    assert_same(&h, &got);
    assert_int_equal(got.budget_ms, 5000);
    assert_int_equal(got.attempt, 2);
    assert_true(got.has_actor);
    assert_int_equal(got.actor.user_id, 77);
    assert_int_equal(got.actor.token_exp, 1772000000);
    assert_true(gh_str_eq(got.actor.session, h.actor.session));
    assert_true(gh_str_eq(got.actor.jti, h.actor.jti));
    assert_true(gh_str_is(got.actor.ip, "10.0.0.1"));
    assert_true(gh_str_is(got.actor.agent, "curl"));
    assert_true(gh_str_is(got.actor.lang, "zh"));
}

static void
every_truncated_head_is_refused(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t h = full_head(), got;

    gh_job_head_encode(&h, &b);
    for (size_t n = 0; n < b.n; n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, b.p, n);
        assert_int_equal(gh_job_head_decode(copy, n, &got), -1);
        gh_buf_clear(&out);
        assert_int_equal(gh_job_head_forward(copy, n, 1, 1, 9, false, &out), -1);
        free(copy);
    }
    gh_buf_putc(&b, '\0');
    assert_int_equal(gh_job_head_decode(b.p, b.n, &got), -1);
    assert_int_equal(gh_job_head_forward(b.p, b.n, 1, 1, 9, false, &out), -1);
}

/* A header of a foreign encoder: members in another order, other integer forms, members that we do not know. */
static void
put_foreign(gh_buf_t *b, bool attempt)
{
    gh_buf_puts(b, GH_JOB_MAGIC);
    gh_mpw_map(b, attempt ? 7 : 6);
    gh_mpw_cstr(b, "x-new");
    gh_mpw_array(b, 2);
    gh_mpw_cstr(b, "deadline");
    gh_mpw_nil(b);
    gh_mpw_cstr(b, "deadline");
    gh_mpw_int(b, 9);
    if (attempt) {
        gh_mpw_cstr(b, "attempt");
        gh_mpw_int(b, 0);
    }
    gh_mpw_cstr(b, "actor");
    gh_mpw_map(b, 1);
    gh_mpw_cstr(b, "user");
    gh_mpw_int(b, 1);
    gh_mpw_cstr(b, "op");
    gh_mpw_cstr(b, "echo.echo");
    gh_mpw_cstr(b, "id");
    gh_mpw_bin(b, ID, 16);
    gh_mpw_cstr(b, "shard");
    gh_mpw_cstr(b, "s:1");
}

static void
forward_rewrites_foreign_heads(void **state)
{
    (void)state;
    for (int attempt = 0; attempt < 2; attempt++)
        for (int strip = 0; strip < 2; strip++) {
            gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
            gh_job_head_t got;
            gh_mp_t root;
            put_foreign(&b, attempt);
            assert_int_equal(gh_job_head_decode(b.p, b.n, &got), 0);
            assert_int_equal(gh_job_head_forward(b.p, b.n, 4321, 7, 9, strip, &out), 0);
            assert_int_equal(gh_job_head_decode(out.p, out.n, &got), 0);
            assert_int_equal(got.budget_ms, 4321);
            assert_int_equal(got.attempt, 7);
            assert_int_equal(got.has_actor, !strip);
            assert_true(gh_str_is(got.op, "echo.echo"));
            assert_true(gh_str_is(got.shard, "s:1"));
            assert_int_equal(gh_mp_check(out.p + 4, out.n - 4, 0, &root), 0);
            assert_int_equal(gh_mp_count(gh_mp_get(root, "x-new")), 2);
            gh_buf_fini(&b);
            gh_buf_fini(&out);
        }
}

static void
forward_patches_our_own_heads(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t h = full_head(), got;

    gh_job_head_encode(&h, &b);
    assert_int_equal(gh_job_head_forward(b.p, b.n, 70000, 300, 9, false, &out), 0);
    assert_int_equal(out.n, b.n);
    assert_int_equal(gh_job_head_decode(out.p, out.n, &got), 0);
    assert_same(&h, &got);
    assert_int_equal(got.budget_ms, 70000);
    assert_int_equal(got.attempt, 300);
    assert_int_equal(got.waited_us, 9);
    assert_int_equal(got.actor.user_id, 77);
    gh_buf_clear(&out);
    assert_int_equal(gh_job_head_forward(b.p, b.n, 70000, 300, 9, true, &out), 0);
    assert_int_equal(gh_job_head_decode(out.p, out.n, &got), 0);
    assert_same(&h, &got);
    assert_false(got.has_actor);
    assert_int_equal(got.waited_us, 9);
    assert_int_equal(got.budget_ms, 70000);
}

/* Encode a map of one faulty member beside the required ones and expect a refusal. */
static void
refused_with(void (*put)(gh_buf_t *))
{
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t got;

    gh_buf_puts(&b, GH_JOB_MAGIC);
    gh_mpw_map(&b, 4);
    gh_mpw_cstr(&b, "id");
    gh_mpw_bin(&b, ID, 16);
    gh_mpw_cstr(&b, "op");
    gh_mpw_cstr(&b, "x");
    gh_mpw_cstr(&b, "deadline");
    gh_mpw_int(&b, 1);
    put(&b);
    assert_int_equal(gh_job_head_decode(b.p, b.n, &got), -1);
}

static void
put_bad_priority(gh_buf_t *b)
{
    gh_mpw_cstr(b, "priority");
    gh_mpw_int(b, 3);
}

static void
put_bad_attempt(gh_buf_t *b)
{
    gh_mpw_cstr(b, "attempt");
    gh_mpw_int(b, -1);
}

static void
put_huge_attempt(gh_buf_t *b)
{
    gh_mpw_cstr(b, "attempt");
    gh_mpw_int(b, INT64_C(1) << 32);
}

static void
put_bad_shard(gh_buf_t *b)
{
    char text[129];

    memset(text, 'x', sizeof text);
    gh_mpw_cstr(b, "shard");
    gh_mpw_str(b, (gh_str_t){text, sizeof text});
}

static void
put_bad_actor(gh_buf_t *b)
{
    gh_mpw_cstr(b, "actor");
    gh_mpw_int(b, 1);
}

static void
put_bad_session(gh_buf_t *b)
{
    gh_mpw_cstr(b, "actor");
    gh_mpw_map(b, 1);
    gh_mpw_cstr(b, "session");
    gh_mpw_bin(b, "short", 5);
}

static void
members_of_wrong_type_or_size_are_refused(void **state)
{
    (void)state;
    refused_with(put_bad_priority);
    refused_with(put_bad_attempt);
    refused_with(put_huge_attempt);
    refused_with(put_bad_shard);
    refused_with(put_bad_actor);
    refused_with(put_bad_session);
}

static void
required_members_are_required(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t got;

    gh_buf_puts(&b, GH_JOB_MAGIC);
    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "id");
    gh_mpw_bin(&b, ID, 16);
    gh_mpw_cstr(&b, "op");
    gh_mpw_cstr(&b, "x");
    assert_int_equal(gh_job_head_decode(b.p, b.n, &got), -1);
    assert_int_equal(gh_job_head_decode("GHJ1\x90", 5, &got), -1);
    assert_int_equal(gh_job_head_decode("GHJ1", 4, &got), -1);
    assert_int_equal(gh_job_head_decode("hello", 5, &got), -1);
    assert_false(gh_job_is_head("GHJ", 3));
    assert_false(gh_job_is_head(NULL, 0));
}

static void
oversized_head_is_refused(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t got;
    char *text = calloc(1, GH_JOB_HEAD_MAX);

    assert_non_null(text);
    put_foreign(&b, true);
    b.p[4] = (char)0x88;
    gh_mpw_cstr(&b, "z");
    gh_mpw_bin(&b, text, GH_JOB_HEAD_MAX);
    assert_int_equal(gh_job_head_decode(b.p, b.n, &got), -1);
    assert_int_equal(gh_job_head_forward(b.p, b.n, 1, 1, 9, false, &out), -1);
    free(text);
}

static void
reply_comes_back_whole(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, maps GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_reply_head_t h = {.attempt = 1,
                         .status = 409,
                         .error = GH_STR("SLOT_FULL"),
                         .type = GH_STR("text/csv"),
                         .extra = GH_STR("{\"a\":1}"),
                         .work_us = 250},
                    got;
    gh_str_t s;

    memcpy(h.id, ID, 16);
    gh_mpw_map(&maps, 1);
    gh_mpw_cstr(&maps, "n");
    gh_mpw_cstr(&maps, "3");
    assert_int_equal(gh_mp_check(maps.p, maps.n, 0, &h.params), 0);
    h.headers = h.params;
    gh_reply_head_encode(&h, &b);
    assert_true(gh_reply_is_head(b.p, b.n));
    assert_int_equal(gh_reply_head_decode(b.p, b.n, &got), 0);
    assert_memory_equal(got.id, ID, 16);
    assert_int_equal(got.attempt, 1);
    assert_int_equal(got.status, 409);
    assert_true(gh_str_is(got.error, "SLOT_FULL"));
    assert_true(gh_str_is(got.type, "text/csv"));
    assert_true(gh_str_is(got.extra, "{\"a\":1}"));
    assert_true(gh_mp_str(gh_mp_get(got.params, "n"), &s) && gh_str_is(s, "3"));
    assert_true(gh_mp_str(gh_mp_get(got.headers, "n"), &s) && gh_str_is(s, "3"));
    assert_int_equal(got.queue_us, 0);
    assert_int_equal(got.work_us, 250);

    uint8_t id[16];
    uint32_t attempt = 99;
    size_t queue_at = 0;
    bool failed = true;
    assert_int_equal(gh_reply_head_ref(b.p, b.n, id, &attempt, &failed, &queue_at), 0);
    assert_false(failed); /* a refusal by a rule */
    assert_true(queue_at > 0);
    gh_reply_head_set_queue(b.p, queue_at, 123456);
    assert_memory_equal(id, ID, 16);
    assert_int_equal(attempt, 1);
    assert_int_equal(gh_reply_head_decode(b.p, b.n, &got), 0);
    assert_int_equal(got.queue_us, 123456);
    assert_int_equal(got.work_us, 250);
    for (size_t n = 0; n < b.n; n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, b.p, n);
        assert_int_equal(gh_reply_head_decode(copy, n, &got), -1);
        assert_int_equal(gh_reply_head_ref(copy, n, id, &attempt, &failed, &queue_at), -1);
        free(copy);
    }
}

static void
refusal_names_its_row(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_reply_head_t got;

    gh_reply_refusal(ID, 4, "QUEUE_FULL", false, &b);
    assert_int_equal(gh_reply_head_decode(b.p, b.n, &got), 0);
    assert_memory_equal(got.id, ID, 16);
    assert_int_equal(got.attempt, 4);
    assert_true(gh_str_is(got.error, "QUEUE_FULL"));
    assert_null(got.params.at);
    assert_int_equal(got.status, 0);
    assert_false(got.elsewhere);
}

static void
refusal_of_one_broker_names_others(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_reply_head_t got;

    gh_reply_refusal(ID, 0, "SERVICE_UNAVAILABLE", true, &b);
    assert_int_equal(gh_reply_head_decode(b.p, b.n, &got), 0);
    assert_true(got.elsewhere);
    assert_true(gh_str_is(got.error, "SERVICE_UNAVAILABLE"));
}

static void
reply_members_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xa6status\x63",          /* 99 */
        "\xa6status\xcd\x02\x58",  /* 600 */
        "\xa6params\x81\xa1n\x03", /* not a text */
        "\xa7headers\x90",         /* no map */
        "\xa7timings\x91\x01",     /* one number */
        "\xa9"
        "elsewhere\x01",
        ("\xa5"
         "error\x01"),
    };

    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        gh_buf_t b = GH_BUF_INIT;
        gh_reply_head_t got;
        gh_buf_puts(&b, GH_REPLY_MAGIC);
        gh_mpw_map(&b, 2);
        gh_mpw_cstr(&b, "id");
        gh_mpw_bin(&b, ID, 16);
        gh_buf_puts(&b, bad[i]);
        assert_int_equal(gh_reply_head_decode(b.p, b.n, &got), -1);
        gh_buf_fini(&b);
    }
}

static void
mutated_heads_do_no_harm(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_job_head_t h = full_head(), got;
    unsigned seed = 7;

    gh_job_head_encode(&h, &b);
    for (int round = 0; round < 50000; round++) {
        char *copy = malloc(b.n);
        assert_non_null(copy);
        memcpy(copy, b.p, b.n);
        for (int k = 0; k < 3; k++)
            copy[4 + (size_t)rand_r(&seed) % (b.n - 4)] = (char)rand_r(&seed);
        gh_buf_clear(&out);
        /* What decodes can be forwarded, and what was forwarded decodes. */
        if (gh_job_head_decode(copy, b.n, &got) == 0) {
            assert_int_equal(gh_job_head_forward(copy, b.n, 5, 6, 9, round % 2, &out), 0);
            assert_int_equal(gh_job_head_decode(out.p, out.n, &got), 0);
            assert_int_equal(got.budget_ms, 5);
            assert_int_equal(got.attempt, 6);
        } else {
            (void)!gh_job_head_forward(copy, b.n, 5, 6, 9, round % 2, &out);
        }
        free(copy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_comes_back_whole),
        cmocka_unit_test(every_truncated_head_is_refused),
        cmocka_unit_test(forward_rewrites_foreign_heads),
        cmocka_unit_test(forward_patches_our_own_heads),
        cmocka_unit_test(members_of_wrong_type_or_size_are_refused),
        cmocka_unit_test(required_members_are_required),
        cmocka_unit_test(oversized_head_is_refused),
        cmocka_unit_test(reply_comes_back_whole),
        cmocka_unit_test(refusal_names_its_row),
        cmocka_unit_test(refusal_of_one_broker_names_others),
        cmocka_unit_test(reply_members_are_checked),
        cmocka_unit_test(mutated_heads_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
