/*
 * tests/unit/test_render.c - the same success and refusals on every surface, byte for byte
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "contract/render.h"

static gh_buf_t s_body;
static gh_rendered_t s_out;

static const char *
refuse(gh_envelope_t env, gh_err_t err, const gh_error_arg_t *args, const char *extra,
       const gh_faults_t *faults)
{
    gh_buf_clear(&s_body);
    gh_render_t r = {.envelope = env,
                     .path = gh_str(env == GH_ENV_PLAIN ? "/doctor/" : "/api/v1/x"),
                     .request_id = GH_STR("rid")};
    gh_refusal_t x = {err, args, gh_str(extra), faults};
    gh_render_refusal(&r, &x, &s_body, &s_out);
    return gh_buf_cstr(&s_body);
}

static gh_faults_t
two_faults(void)
{
    gh_faults_t f = {.n = 2};
    f.at[0] = (gh_fault_t){.where = 'b', .field = "items[0].quantity", .type = "missing"};
    f.at[1] = (gh_fault_t){.where = 'q', .field = "page", .type = "int_parsing"};
    return f;
}

static void
success_is_spliced_into_the_envelope(void **state)
{
    (void)state;
    static const struct {
        gh_envelope_t env;
        const char *payload, *want;
    } cases[] = {
        {GH_ENV_CODE, "[1]", "{\"code\":0,\"message\":[1]}"},
        {GH_ENV_CODE, "", "{\"code\":0,\"message\":null}"},
        {GH_ENV_V1, "{\"a\":1}", "{\"success\":true,\"data\":{\"a\":1},\"message\":\"OK\"}"},
        {GH_ENV_V1, "", "{\"success\":true,\"data\":null,\"message\":\"OK\"}"},
        {GH_ENV_PLAIN, "[]", "[]"},
        {GH_ENV_OAUTH, "{}", "{}"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_buf_clear(&s_body);
        gh_render_t r = {.envelope = cases[i].env, .success_status = 201};
        gh_render_success(&r, 0, gh_str(cases[i].payload), &s_body, &s_out);
        assert_string_equal(gh_buf_cstr(&s_body), cases[i].want);
        assert_int_equal(s_out.status, 201);
        assert_string_equal(s_out.type, "application/json");
    }
    gh_render_t r = {.envelope = GH_ENV_PLAIN};
    gh_render_success(&r, 0, GH_STR("1"), &s_body, &s_out);
    assert_int_equal(s_out.status, 200);
    gh_render_success(&r, 202, GH_STR("1"), &s_body, &s_out);
    assert_int_equal(s_out.status, 202);
    gh_buf_clear(&s_body);
    gh_render_t bare = {.envelope = GH_ENV_CODE, .bare = true};
    gh_render_success(&bare, 0, GH_STR("{}"), &s_body, &s_out);
    assert_string_equal(gh_buf_cstr(&s_body), "{}");
    gh_buf_clear(&s_body);
    gh_render_refusal(&bare, &(gh_refusal_t){.error = GH_E_BAD_CREDENTIALS}, &s_body, &s_out);
    assert_non_null(strstr(gh_buf_cstr(&s_body), "\"code\":101")); /* refusals keep it */
}

static void
code_surface_answers_200_but_for_tokens_and_transport(void **state)
{
    (void)state;
    assert_string_equal(refuse(GH_ENV_CODE, GH_E_FORBIDDEN, NULL, NULL, NULL),
                        "{\"code\":102,\"message\":{\"error\":\"权限不足\",\"msg\":\"无权限\"}}");
    assert_int_equal(s_out.status, 200);
    refuse(GH_ENV_CODE, GH_E_INTERNAL, NULL, NULL, NULL);
    assert_int_equal(s_out.status, 200);
    refuse(GH_ENV_CODE, GH_E_TOKEN_REVOKED, NULL, NULL, NULL);
    assert_int_equal(s_out.status, 401);
    assert_int_equal(s_out.code, 105);
    assert_non_null(s_out.authenticate);
    refuse(GH_ENV_CODE, GH_E_BAD_CREDENTIALS, NULL, NULL, NULL);
    assert_int_equal(s_out.status, 200);
    assert_string_equal(
        refuse(GH_ENV_CODE, GH_E_QUEUE_FULL, NULL, NULL, NULL),
        "{\"code\":97,\"message\":{\"error\":\"未知错误\",\"msg\":\"系统繁忙，请稍后重试\"}}");
    assert_int_equal(s_out.status, 503);
    assert_int_equal(s_out.retry_after_s, 1);
    refuse(GH_ENV_CODE, GH_E_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    assert_int_equal(s_out.status, 404);
    assert_int_equal(s_out.code, 98);
    gh_buf_clear(&s_body);
    gh_render_t r = {.envelope = GH_ENV_CODE, .literal_status = true};
    gh_refusal_t x = {.error = GH_E_FORBIDDEN};
    gh_render_refusal(&r, &x, &s_body, &s_out);
    assert_int_equal(s_out.status, 403);
}

static void
code_surface_names_the_faulty_members(void **state)
{
    (void)state;
    gh_faults_t f = two_faults();
    assert_string_equal(refuse(GH_ENV_CODE, GH_E_VALIDATION_FAILED, NULL, NULL, &f),
                        "{\"code\":99,\"message\":{\"error\":\"请求参数错误\",\"msg\":\"参数 "
                        "items[0].quantity、page 不正确\"}}");
    assert_int_equal(s_out.status, 200);
}

/* What a file may be is told with the fault of the member that it came in. */
static void
files_are_refused_by_name_and_kind(void **state)
{
    (void)state;
    static const gh_file_rules_t rules = {.formats = ".jpg, .png", .limit = "5242880"};
    gh_faults_t f = {.n = 1};
    f.at[0] = (gh_fault_t){.where = 'b', .field = "file", .type = "value_error", .file = &rules};
    assert_string_equal(refuse(GH_ENV_CODE, GH_E_UPLOAD_FORMAT_UNSUPPORTED, NULL, NULL, &f),
                        "{\"code\":99,\"message\":{\"error\":\"请求参数错误\",\"msg\":"
                        "\"不支持的文件格式，仅支持: .jpg, .png\"}}");
    const char *v1 = refuse(GH_ENV_V1, GH_E_PAYLOAD_TOO_LARGE, NULL, NULL, &f);
    assert_int_equal(s_out.status, 413);
    assert_non_null(strstr(v1, "\"detail\":\"The body is over the limit of 5242880\""));
    assert_non_null(strstr(v1, "\"errors\":[{\"field\":\"file\",\"code\":\"value_error\""));
    const char *plain = refuse(GH_ENV_PLAIN, GH_E_VALIDATION_FAILED, NULL, NULL, &f);
    assert_non_null(strstr(plain, "\"loc\":[\"body\",\"file\"]"));
}

/* Where nothing but the row says what is wrong, its own sentence does (api/30: a 422 is a list of members). */
static void
a_plain_422_without_members_says_its_sentence(void **state)
{
    (void)state;
    static const gh_error_arg_t id[] = {{"code", {"Z1", 2}}, {0}};
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_IDEMPOTENCY_KEY_REUSED, NULL, NULL, NULL),
                        "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"The idempotency key was used with "
                        "another body\",\"type\":\"value_error\"}]}");
    assert_int_equal(s_out.status, 422);
    assert_non_null(strstr(refuse(GH_ENV_PLAIN, GH_E_ICD10_FORMAT, id, NULL, NULL),
                           "\"msg\":\"Not a diagnosis code: Z1\""));
    assert_non_null(strstr(refuse(GH_ENV_PLAIN, GH_E_VALIDATION_FAILED, NULL, NULL, NULL),
                           "\"msg\":\"The value is not allowed\""));
}

static void
v1_gives_a_problem_object(void **state)
{
    (void)state;
    assert_string_equal(refuse(GH_ENV_V1, GH_E_SLOT_FULL, NULL, "{\"suggestions\":[1]}", NULL),
                        "{\"success\":false,\"data\":{\"type\":\"urn:guahao:error:slot_full\",\"title\":"
                        "\"The session is full\",\"status\":409,"
                        "\"detail\":\"The session is "
                        "full\",\"code\":\"SLOT_FULL\",\"instance\":\"/api/v1/x\",\"request_id\":\"rid\","
                        "\"suggestions\":[1]},\"message\":\"The session is full\"}");
    assert_int_equal(s_out.status, 409);
    gh_faults_t f = two_faults();
    assert_string_equal(
        refuse(GH_ENV_V1, GH_E_VALIDATION_FAILED, NULL, NULL, &f),
        "{\"success\":false,\"data\":{\"type\":\"urn:guahao:error:validation_failed\",\"title\":\"Some "
        "members of the request "
        "are not valid\",\"status\":422,\"detail\":\"Some members of the request are not "
        "valid\",\"code\":\"VALIDATION_FAILED\","
        "\"instance\":\"/api/v1/"
        "x\",\"request_id\":\"rid\",\"errors\":[{\"field\":\"items[0].quantity\",\"code\":\"missing\","
        "\"message\":\"The member is "
        "missing\"},{\"field\":\"page\",\"code\":\"int_parsing\",\"message\":\"Not a valid number\"}]},"
        "\"message\":\"Some members of the request are not valid\"}");
    /* A name that v1 does not know shows as the one its row maps to. */
    refuse(GH_ENV_V1, GH_E_PAGE_INVALID, NULL, NULL, &f);
    assert_int_equal(s_out.status, 422);
    assert_non_null(strstr(gh_buf_cstr(&s_body), "\"code\":\"VALIDATION_FAILED\""));
}

static void
v1_problem_json_is_bare_and_may_be_chinese(void **state)
{
    (void)state;
    gh_buf_clear(&s_body);
    gh_render_t r = {.envelope = GH_ENV_V1, .problem = true, .chinese = true};
    gh_refusal_t x = {.error = GH_E_RATE_LIMITED, .args = (const gh_error_arg_t[]){{"n", GH_STR("7")}, {0}}};
    gh_render_refusal(&r, &x, &s_body, &s_out);
    assert_string_equal(s_out.type, "application/problem+json");
    assert_string_equal(gh_buf_cstr(&s_body), "{\"type\":\"urn:guahao:error:rate_limited\",\"title\":\"Rate "
                                              "limited\",\"status\":429,"
                                              "\"detail\":\"请求过于频繁，请7秒后再试\",\"code\":\"RATE_"
                                              "LIMITED\",\"instance\":\"\",\"request_id\":\"\"}");
}

static void
heartbeat_gives_detail(void **state)
{
    (void)state;
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_TOKEN_MISSING, NULL, NULL, NULL),
                        "{\"detail\":\"Not authenticated\"}");
    assert_int_equal(s_out.status, 401);
    assert_string_equal(s_out.authenticate, "Bearer");
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_TOKEN_EXPIRED, NULL, NULL, NULL),
                        "{\"detail\":\"Could not validate credentials\"}");
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_DOCTOR_REQUIRED, NULL, NULL, NULL),
                        "{\"detail\":\"Not enough permissions\"}");
    assert_int_equal(s_out.status, 403);
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_SLOT_FULL, NULL, NULL, NULL),
                        "{\"detail\":\"The session is full\",\"code\":\"SLOT_FULL\"}");
    assert_int_equal(s_out.status, 409);
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_ROUTE_NOT_FOUND, NULL, NULL, NULL),
                        "{\"detail\":\"Not Found\"}");
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_METHOD_NOT_ALLOWED, NULL, NULL, NULL),
                        "{\"detail\":\"Method Not Allowed\"}");
    assert_int_equal(s_out.status, 405);
}

static void
heartbeat_lists_faults_with_their_place(void **state)
{
    (void)state;
    gh_faults_t f = two_faults();
    assert_string_equal(
        refuse(GH_ENV_PLAIN, GH_E_VALIDATION_FAILED, NULL, NULL, &f),
        "{\"detail\":[{\"loc\":[\"body\",\"items\",0,\"quantity\"],\"msg\":\"The member is "
        "missing\",\"type\":\"missing\"},"
        "{\"loc\":[\"query\",\"page\"],\"msg\":\"Not a valid number\",\"type\":\"int_parsing\"}]}");
    assert_int_equal(s_out.status, 422);
    assert_string_equal(refuse(GH_ENV_PLAIN, GH_E_MALFORMED_JSON, NULL, NULL, NULL),
                        "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"The body is not valid "
                        "JSON\",\"type\":\"json_invalid\"}]}");
    assert_int_equal(s_out.status, 422);
    assert_string_equal(
        refuse(GH_ENV_PLAIN, GH_E_VALIDATION_FAILED, NULL,
               "{\"errors\":[{\"field\":\"id\",\"code\":\"value_error\",\"message\":\"two that differ\"}]}",
               NULL),
        "{\"detail\":[{\"loc\":[\"body\",\"id\"],\"msg\":\"two that differ\",\"type\":\"value_error\"}]}");
}

static void
oauth_speaks_rfc_6749(void **state)
{
    (void)state;
    assert_string_equal(
        refuse(GH_ENV_OAUTH, GH_E_OAUTH_INVALID_GRANT, NULL, NULL, NULL),
        "{\"error\":\"invalid_grant\",\"error_description\":\"The credentials or the token are not valid\","
        "\"detail\":\"The credentials or the token are not valid\"}");
    assert_int_equal(s_out.status, 400);
    gh_faults_t f = two_faults();
    assert_non_null(strstr(refuse(GH_ENV_OAUTH, GH_E_VALIDATION_FAILED, NULL, NULL, &f),
                           "\"error\":\"invalid_request\""));
    assert_int_equal(s_out.status, 400);
    assert_non_null(
        strstr(refuse(GH_ENV_OAUTH, GH_E_SERVICE_UNAVAILABLE, NULL, NULL, NULL), "temporarily_unavailable"));
    assert_int_equal(s_out.status, 503);
    assert_non_null(strstr(refuse(GH_ENV_OAUTH, GH_E_ACCOUNT_LOCKED, NULL, NULL, NULL), "invalid_grant"));
    assert_int_equal(s_out.status, 400);
    assert_non_null(strstr(refuse(GH_ENV_OAUTH, GH_E_TOKEN_MISSING, NULL, NULL, NULL), "invalid_client"));
    assert_int_equal(s_out.status, 401);
    assert_non_null(strstr(refuse(GH_ENV_OAUTH, GH_E_TOKEN_REVOKED, NULL, NULL, NULL), "invalid_token"));
    assert_int_equal(s_out.status, 401);
}

static void
an_empty_oauth_success_has_no_body(void **state)
{
    (void)state;
    gh_render_t r = {.envelope = GH_ENV_OAUTH, .path = GH_STR("/auth/revoke")};
    gh_buf_clear(&s_body);
    gh_render_success(&r, 0, (gh_str_t){0}, &s_body, &s_out);
    assert_int_equal(s_out.status, 200);
    assert_int_equal(s_body.n, 0);
}

static void
raw_errors_follow_the_path(void **state)
{
    (void)state;
    assert_non_null(strstr(refuse(GH_ENV_RAW, GH_E_NOT_FOUND, NULL, NULL, NULL), "\"success\":false"));
    assert_int_equal(s_out.status, 404);
    gh_buf_clear(&s_body);
    gh_render_t r = {.envelope = GH_ENV_RAW, .path = GH_STR("/metrics")};
    gh_refusal_t x = {.error = GH_E_FORBIDDEN};
    gh_render_refusal(&r, &x, &s_body, &s_out);
    assert_non_null(strstr(gh_buf_cstr(&s_body), "\"code\":102"));
    assert_int_equal(s_out.status, 403);
    gh_buf_clear(&s_body);
    r = (gh_render_t){.envelope = GH_ENV_PLAIN, .path = GH_STR("/api/openapi.json")}; /* */
    gh_render_refusal(&r, &x, &s_body, &s_out);
    assert_non_null(strstr(gh_buf_cstr(&s_body), "\"success\":false"));
}

static void
every_row_renders_on_every_surface(void **state)
{
    (void)state;
    for (int e = 1; e < GH_E_COUNT; e++)
        for (gh_envelope_t env = GH_ENV_CODE; env <= GH_ENV_RAW; env++) {
            const char *text = refuse(env, (gh_err_t)e, NULL, NULL, NULL);
            json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
            if (!j || s_out.status < 200 || (s_out.status == 200 && env != GH_ENV_CODE) || s_out.status > 599)
                fail_msg("row %d surface %d: %d %s", e, env, s_out.status, text);
            json_decref(j);
        }
    gh_buf_fini(&s_body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_spliced_into_the_envelope),
        cmocka_unit_test(code_surface_answers_200_but_for_tokens_and_transport),
        cmocka_unit_test(code_surface_names_the_faulty_members),
        cmocka_unit_test(files_are_refused_by_name_and_kind),
        cmocka_unit_test(a_plain_422_without_members_says_its_sentence),
        cmocka_unit_test(v1_gives_a_problem_object),
        cmocka_unit_test(v1_problem_json_is_bare_and_may_be_chinese),
        cmocka_unit_test(heartbeat_gives_detail),
        cmocka_unit_test(heartbeat_lists_faults_with_their_place),
        cmocka_unit_test(oauth_speaks_rfc_6749),
        cmocka_unit_test(an_empty_oauth_success_has_no_body),
        cmocka_unit_test(raw_errors_follow_the_path),
        cmocka_unit_test(every_row_renders_on_every_surface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
