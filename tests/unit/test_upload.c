/*
 * tests/unit/test_upload.c - multipart forms against the contract: what is kept, what is packed, which faults are told
 */
#include "unit.h"

#include "base/log.h"
#include "base/timez.h"
#include "contract/upload.h"
#include "contract_fixture.h"
#include "wire/mp.h"

#define TYPE GH_STR("multipart/form-data; boundary=B")
#define HEAD "--B\r\nContent-Disposition: form-data; name=\""
#define PNG  "\x89PNG\r\n\x1a\n"
#define GIF  "GIF89a"

static gh_contract_t *s_contract;

static const char s_yaml[] =
    "openapi: 3.1.0\n"
    "info: {title: t, version: '1'}\n"
    "paths:\n"
    "  /up/{id}:\n"
    "    post:\n"
    "      operationId: p.up\n"
    "      x-pool: p\n"
    "      x-envelope: code\n"
    "      x-access: any\n"
    "      summary: s\n"
    "      tags: [t]\n"
    "      parameters:\n"
    "        - {name: id, in: path, required: true, schema: {type: integer}}\n"
    "      requestBody:\n"
    "        content:\n"
    "          multipart/form-data:\n"
    "            schema:\n"
    "              type: object\n"
    "              required: [file]\n"
    "              properties:\n"
    "                file: {type: string, format: binary, x-file: {max-bytes: 20, kind: image/, types: "
    "[image/png],\n"
    "                       formats: PNG, nameless: UPLOAD_NAME_MISSING, empty: UPLOAD_EMPTY,\n"
    "                       too-large: UPLOAD_TOO_LARGE, not-kind: PHOTO_NOT_AN_IMAGE,\n"
    "                       wrong-type: UPLOAD_FORMAT_UNSUPPORTED}}\n"
    "                more: {type: array, maxItems: 3, items: {type: string, format: binary,\n"
    "                       x-file: {max-bytes: 8388608}}}\n"
    "                count: {type: integer, minimum: 1}\n"
    "                tags: {type: array, maxItems: 2, items: {type: string, maxLength: 3}}\n"
    "                note: {type: string, maxLength: 5}\n"
    "      responses:\n"
    "        '200': {description: d, content: {application/json: {schema: {type: object}, example: {}}}}\n";

static int
setup(void **state)
{
    (void)state;
    s_contract = fixture_load(s_yaml);
    return s_contract && gh_tz_init("Asia/Shanghai") == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    gh_contract_destroy(&s_contract);
    return 0;
}

static gh_upload_t *
open_upload(size_t length)
{
    return gh_upload_new(gh_contract_find(s_contract, GH_STR("p.up"))->request, TYPE, length);
}

static gh_upload_t *
read_whole(gh_str_t body)
{
    gh_upload_t *u = open_upload(body.n);
    assert_non_null(u);
    gh_upload_feed(u, body);
    gh_upload_finish(u);
    return u;
}

/* The error of the form; its arguments as JSON when there is none. */
static gh_err_t
check(gh_upload_t *u, gh_buf_t *json, gh_faults_t *faults)
{
    gh_str_t params[GH_PATH_PARAMS] = {GH_STR("7")};
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_request_in_t in = {.op = gh_contract_find(s_contract, GH_STR("p.up")),
                          .params = params,
                          .kind = GH_BODY_MULTIPART,
                          .upload = u};
    gh_mp_t root;
    gh_err_t err = gh_request_check(&in, &args, faults);
    gh_buf_clear(json);
    if (err == GH_E_NONE && gh_mp_check(args.p, args.n, 0, &root) == 0)
        gh_mp_to_json(root, json);
    return err;
}

static void
takes(const char *body, const char *expected)
{
    gh_faults_t faults;
    gh_buf_t json = GH_BUF_INIT;
    gh_upload_t *u = read_whole(gh_str(body));
    gh_err_t err = check(u, &json, &faults);
    if (err != GH_E_NONE)
        fail_msg("%s: %s at %s", body, gh_error_row(err)->name, faults.n ? faults.at[0].field : "-");
    assert_string_equal(gh_buf_cstr(&json), expected);
    gh_upload_destroy(&u);
    gh_buf_fini(&json);
}

static void
refuses(const char *body, gh_err_t error, const char *field)
{
    gh_faults_t faults = {0};
    gh_buf_t json = GH_BUF_INIT;
    gh_upload_t *u = read_whole(gh_str(body));
    gh_err_t err = check(u, &json, &faults);
    if (err != error)
        fail_msg("%s: %s, not %s", body, gh_error_row(err)->name, gh_error_row(error)->name);
    assert_string_equal(faults.n ? faults.at[0].field : "-", field);
    gh_upload_destroy(&u);
    gh_buf_fini(&json);
}

#define FILE_PART(name, file, content) HEAD name "\"; filename=\"" file "\"\r\n\r\n" content "\r\n"
#define TEXT_PART(name, content)       HEAD name "\"\r\n\r\n" content "\r\n"
#define END                            "--B--"

static void
files_and_fields_become_arguments(void **state)
{
    (void)state;
    takes(FILE_PART("file", "a.png", PNG "x") END, "{\"path\":{\"id\":7},\"form\":{\"file\":{\"name\":\"a."
                                                   "png\",\"type\":\"\",\"media\":\"image/png\",\"size\":9,"
                                                   "\"blob\":0}}}");
    takes(TEXT_PART("count", "3") TEXT_PART("tags", "a,b") TEXT_PART("unknown", "x")
              FILE_PART("rest", "r", "y") FILE_PART("more", "1.gif", GIF) FILE_PART("more", "2.gif", GIF)
                  FILE_PART("file", "a", PNG) END,
          "{\"path\":{\"id\":7},\"form\":{\"file\":{\"name\":\"a\",\"type\":\"\",\"media\":\"image/"
          "png\",\"size\":8,\"blob\":2},"
          "\"more\":[{\"name\":\"1.gif\",\"type\":\"\",\"media\":\"image/gif\",\"size\":6,\"blob\":0},"
          "{\"name\":\"2.gif\",\"type\":\"\",\"media\":\"image/gif\",\"size\":6,\"blob\":1}],"
          "\"count\":3,\"tags\":[\"a\",\"b\"]}}");
    takes(TEXT_PART("tags", "a") TEXT_PART("tags", "b") FILE_PART("file", "a", PNG) END,
          "{\"path\":{\"id\":7},\"form\":{\"file\":{\"name\":\"a\",\"type\":\"\",\"media\":\"image/"
          "png\",\"size\":8,\"blob\":0},"
          "\"tags\":[\"a\",\"b\"]}}");
}

static void
each_fault_names_its_field_and_error(void **state)
{
    (void)state;
    refuses(TEXT_PART("note", "x") END, GH_E_VALIDATION_FAILED, "file");
    refuses(FILE_PART("file", "a", "") END, GH_E_UPLOAD_EMPTY, "file");
    refuses(FILE_PART("file", "", PNG) END, GH_E_UPLOAD_NAME_MISSING, "file");
    refuses(TEXT_PART("file", PNG) END, GH_E_UPLOAD_NAME_MISSING, "file");
    takes(FILE_PART("file", "a", PNG "0123456789AB") END,
          "{\"path\":{\"id\":7},\"form\":{\"file\":{\"name\":\"a\",\"type\":\"\",\"media\":\"image/"
          "png\",\"size\":20,\"blob\":0}}}");
    refuses(FILE_PART("file", "a", PNG "0123456789ABC") END, GH_E_UPLOAD_TOO_LARGE, "file");
    refuses(FILE_PART("file", "a.png", "text") END, GH_E_PHOTO_NOT_AN_IMAGE, "file");
    refuses(FILE_PART("file", "a.png", GIF) END, GH_E_UPLOAD_FORMAT_UNSUPPORTED, "file");
    refuses(FILE_PART("file", "a", PNG) FILE_PART("file", "b", PNG) END, GH_E_VALIDATION_FAILED, "file");
    refuses(FILE_PART("file", "a", PNG) FILE_PART("more", "b", "unknown") END, GH_E_VALIDATION_FAILED,
            "more[0]");
    refuses(FILE_PART("file", "a", PNG) FILE_PART("more", "1", GIF) FILE_PART("more", "2", GIF)
                FILE_PART("more", "3", GIF) FILE_PART("more", "4", GIF) END,
            GH_E_VALIDATION_FAILED, "more");
    refuses(FILE_PART("file", "a", PNG) TEXT_PART("count", "0") END, GH_E_VALIDATION_FAILED, "count");
    refuses(FILE_PART("file", "a", PNG) TEXT_PART("note", "123456") END, GH_E_VALIDATION_FAILED, "note");
    refuses(FILE_PART("file", "a", PNG) TEXT_PART("note", "\xff") END, GH_E_MALFORMED_FORM, "-");
    refuses(FILE_PART("file", "a", PNG), GH_E_MALFORMED_FORM, "-");
}

static void
bytes_are_kept_once_and_handed_out(void **state)
{
    (void)state;
    size_t n;
    gh_upload_t *u = read_whole(GH_STR(FILE_PART("more", "1", GIF) FILE_PART("file", "a", PNG "xy") END));
    assert_int_equal(gh_upload_held(u), 16);
    assert_int_equal(gh_upload_files(u), 2);
    char *p = gh_upload_take(u, 1, &n);
    assert_int_equal(n, 10);
    assert_memory_equal(p, PNG "xy", 10);
    assert_int_equal(gh_upload_held(u), 6);
    gh_upload_destroy(&u);
    free(p);
}

static void
a_file_beyond_its_limit_is_counted_and_not_kept(void **state)
{
    (void)state;
    gh_upload_t *u = open_upload(1000);
    gh_upload_feed(u, GH_STR(FILE_PART("more", "1", GIF) HEAD "file\"; filename=\"a\"\r\n\r\n" PNG));
    assert_int_equal(gh_upload_held(u), 14);
    gh_upload_feed(u, GH_STR("0123456789ABCDEF"));
    assert_int_equal(gh_upload_held(u), 6);
    gh_upload_feed(u, GH_STR("\r\n--B--"));
    gh_upload_finish(u);
    assert_int_equal(gh_upload_files(u), 1);
    assert_int_equal(gh_upload_error(u), GH_E_NONE);
    gh_upload_destroy(&u);
}

/* A form whose files together have n bytes. */
static gh_err_t
of_size(size_t n)
{
    size_t half = n / 2;
    char *zeros = calloc(1, n);
    gh_upload_t *u = open_upload(n + 1000);
    gh_upload_feed(u, GH_STR(HEAD "more\"; filename=\"a\"\r\n\r\n"));
    gh_upload_feed(u, (gh_str_t){zeros, half});
    gh_upload_feed(u, GH_STR("\r\n" HEAD "more\"; filename=\"b\"\r\n\r\n"));
    gh_upload_feed(u, (gh_str_t){zeros, n - half});
    gh_upload_feed(u, GH_STR("\r\n--B--"));
    gh_upload_finish(u);
    gh_err_t err = gh_upload_error(u);
    assert_int_equal(gh_upload_held(u), err == GH_E_NONE ? n : 0);
    gh_upload_destroy(&u);
    free(zeros);
    return err;
}

static void
files_of_a_form_are_bounded_together(void **state)
{
    (void)state;
    assert_int_equal(of_size(GH_UPLOAD_MAX), GH_E_NONE);
    assert_int_equal(of_size(GH_UPLOAD_MAX + 1), GH_E_PAYLOAD_TOO_LARGE);
}

static void
text_fields_are_bounded_together(void **state)
{
    (void)state;
    for (size_t n = GH_UPLOAD_TEXT_MAX - 1; n <= GH_UPLOAD_TEXT_MAX + 1; n++) {
        char *text = malloc(n);
        memset(text, 'x', n);
        gh_upload_t *u = open_upload(n + 1000);
        gh_upload_feed(u, GH_STR(HEAD "note\"\r\n\r\n"));
        gh_upload_feed(u, (gh_str_t){text, n});
        gh_upload_feed(u, GH_STR("\r\n--B--"));
        gh_upload_finish(u);
        assert_int_equal(gh_upload_error(u), n > GH_UPLOAD_TEXT_MAX ? GH_E_PAYLOAD_TOO_LARGE : GH_E_NONE);
        gh_upload_destroy(&u);
        free(text);
    }
}

static void
what_is_refused_is_forgotten(void **state)
{
    (void)state;
    gh_upload_t *u = open_upload(1000);
    gh_upload_feed(u, GH_STR(HEAD "file\"; filename=\"a\"\r\n\r\n" PNG));
    gh_upload_refuse(u, GH_E_QUEUE_FULL);
    assert_int_equal(gh_upload_held(u), 0);
    gh_upload_feed(u, GH_STR("anything\0at all"));
    gh_upload_finish(u);
    assert_int_equal(gh_upload_error(u), GH_E_QUEUE_FULL);
    assert_null(gh_upload_form(u));
    gh_upload_destroy(&u);
}

static void
faults_of_the_contract_are_found(void **state)
{
    (void)state;
    /* the first is good */
    static const char *const rules[] = {"{max-bytes: 9}",           "{max-bytes: 0}",
                                        "{max-bytes: 8388609}",     "{}",
                                        "{max-bytes: 9, other: 1}", "{max-bytes: 9, empty: NO_SUCH_ERROR}"};
    for (size_t i = 0; i < GH_COUNT(rules); i++) {
        char yaml[1024];
        snprintf(
            yaml, sizeof yaml,
            "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /x:\n    post:\n      operationId: "
            "p.x\n"
            "      x-pool: p\n      x-envelope: code\n      x-access: any\n      summary: s\n      tags: "
            "[t]\n"
            "      requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {f:\n"
            "        {type: string, format: binary, x-file: %s}}}}}}\n"
            "      responses: {'200': {description: d}}\n",
            rules[i]);
        gh_contract_t *c = fixture_load(yaml);
        assert_int_equal(c != NULL, i == 0);
        gh_contract_destroy(&c);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_fields_become_arguments),
        cmocka_unit_test(each_fault_names_its_field_and_error),
        cmocka_unit_test(bytes_are_kept_once_and_handed_out),
        cmocka_unit_test(a_file_beyond_its_limit_is_counted_and_not_kept),
        cmocka_unit_test(files_of_a_form_are_bounded_together),
        cmocka_unit_test(text_fields_are_bounded_together),
        cmocka_unit_test(what_is_refused_is_forgotten),
        cmocka_unit_test(faults_of_the_contract_are_found),
    };
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    return cmocka_run_group_tests(tests, setup, teardown);
}
