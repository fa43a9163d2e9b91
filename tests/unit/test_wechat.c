/* WeChat members of requests: what is usable in them (BR-149, api/07). */
#include "unit.h"

#include "domain/wechat.h"

static gh_mp_t
answers_of(gh_buf_t *buf, size_t pairs, const char *const *texts)
{
    gh_mp_t root;
    gh_mpw_map(buf, (uint32_t)pairs);
    for (size_t i = 0; i < 2 * pairs; i++)
        gh_mpw_cstr(buf, texts[i]);
    assert_int_equal(gh_mp_check(buf->p, buf->n, 0, &root), 0);
    return root;
}

static void
the_three_words_count_and_the_rest_is_left_out(void **state)
{
    (void)state;
    gh_buf_t buf GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_wechat_answer_t got[GH_WECHAT_ANSWERS];
    gh_mp_t map = answers_of(&buf, 7,
                             (const char *const[]){"tpl-1", "accept", "errMsg", "requestSubscribeMessage:ok",
                                                   "tpl_2", "reject", "a b", "accept", "", "accept", "T3",
                                                   "ban", "T4", "ACCEPT"});
    assert_int_equal(gh_wechat_answers(map, got), 3);
    assert_true(gh_str_is(got[0].template_id, "tpl-1"));
    assert_string_equal(got[0].word, "accept");
    assert_string_equal(got[1].word, "reject");
    assert_true(gh_str_is(got[2].template_id, "T3"));
    assert_string_equal(got[2].word, "ban");
}

static void
what_is_no_map_has_no_answers(void **state)
{
    (void)state;
    gh_buf_t buf GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_wechat_answer_t got[GH_WECHAT_ANSWERS];
    gh_mp_t root;
    gh_mpw_cstr(&buf, "accept");
    assert_int_equal(gh_mp_check(buf.p, buf.n, 0, &root), 0);
    assert_int_equal(gh_wechat_answers(root, got), 0);
    assert_int_equal(gh_wechat_answers((gh_mp_t){0}, got), 0);
}

static void
a_value_that_is_no_text_is_left_out(void **state)
{
    (void)state;
    gh_buf_t buf GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_wechat_answer_t got[GH_WECHAT_ANSWERS];
    gh_mp_t root;
    gh_mpw_map(&buf, 2);
    gh_mpw_cstr(&buf, "t1");
    gh_mpw_int(&buf, 1);
    gh_mpw_cstr(&buf, "t2");
    gh_mpw_cstr(&buf, "accept");
    assert_int_equal(gh_mp_check(buf.p, buf.n, 0, &root), 0);
    assert_int_equal(gh_wechat_answers(root, got), 1);
    assert_true(gh_str_is(got[0].template_id, "t2"));
}

static void
ids_codes_and_scenes_have_their_lengths(void **state)
{
    (void)state;
    char text[GH_WECHAT_CODE + 1];
    memset(text, 'x', sizeof text);
    assert_true(gh_wechat_code_ok((gh_str_t){text, GH_WECHAT_CODE}));
    assert_false(gh_wechat_code_ok((gh_str_t){text, GH_WECHAT_CODE + 1}));
    assert_false(gh_wechat_code_ok((gh_str_t){text, 0}));
    assert_false(gh_wechat_code_ok((gh_str_t){NULL, 0}));
    assert_true(gh_wechat_code_ok(GH_STR("0a3.b/c=~")));
    assert_false(gh_wechat_code_ok(GH_STR("a b")));
    assert_false(gh_wechat_code_ok((gh_str_t){"a\0b", 3}));
    assert_true(gh_wechat_scene_ok((gh_str_t){text, GH_WECHAT_SCENE}));
    assert_false(gh_wechat_scene_ok((gh_str_t){text, GH_WECHAT_SCENE + 1}));
    assert_true(gh_wechat_scene_ok(GH_STR("waitlist_to_appointment")));
    assert_false(gh_wechat_scene_ok(GH_STR("候补")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_words_count_and_the_rest_is_left_out),
        cmocka_unit_test(what_is_no_map_has_no_answers),
        cmocka_unit_test(a_value_that_is_no_text_is_left_out),
        cmocka_unit_test(ids_codes_and_scenes_have_their_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
