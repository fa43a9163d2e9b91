/*
 * tests/unit/test_validate.c - requests against the contract: what passes, what is packed, which faults are told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/timez.h"
#include "contract/validate.h"
#include "contract_fixture.h"
#include "wire/mp.h"

static gh_contract_t *s_real, *s_made;

static const char s_yaml[] =
    "openapi: 3.1.0\n"
    "info: {title: t, version: '1'}\n"
    "paths:\n"
    "  /v/{id}:\n"
    "    post:\n"
    "      operationId: p.v1_all\n"
    "      x-pool: p\n"
    "      x-envelope: v1\n"
    "      x-access: any\n"
    "      summary: s\n"
    "      tags: [t]\n"
    "      parameters:\n"
    "        - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}\n"
    "        - {name: n, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 20}}\n"
    "        - {name: on, in: query, schema: {type: boolean}}\n"
    "        - {name: tags, in: query, explode: false, schema: {type: array, maxItems: 3, items: {type: "
    "string, enum: [a, b, 中]}}}\n"
    "        - {name: sort, in: query, schema: {type: string, maxLength: 200}, x-sortable: [id, name]}\n"
    "      requestBody:\n"
    "        required: true\n"
    "        content:\n"
    "          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Body'}}\n"
    "          application/json: {schema: {$ref: '#/components/schemas/Body'}}\n"
    "      responses: {'200': {description: d}}\n"
    "  /w:\n"
    "    get:\n"
    "      operationId: p.v1_page\n"
    "      x-pool: p\n"
    "      x-envelope: v1\n"
    "      x-access: any\n"
    "      summary: s\n"
    "      tags: [t]\n"
    "      parameters:\n"
    "        - {name: fields, in: query, schema: {type: string, maxLength: 500}}\n"
    "      responses: {'200': {description: d, content: {application/json: {schema: {$ref: "
    "'#/components/schemas/Page'}}}}}\n"
    "components:\n"
    "  schemas:\n"
    "    Page: {allOf: [{type: object, properties: {total: {type: integer}}}, {type: object, properties: "
    "{items: {type: array, items: {$ref: '#/components/schemas/Row'}}}}]}\n"
    "    Row: {type: object, properties: {id: {type: integer}, doctor: {type: object, properties: {name: "
    "{type: string}}}}}\n"
    "    Base: {type: object, required: [name], properties: {name: {type: string, minLength: 2, maxLength: "
    "4}}}\n"
    "    Body:\n"
    "      allOf: [{$ref: '#/components/schemas/Base'}]\n"
    "      type: object\n"
    "      required: [kind]\n"
    "      properties:\n"
    "        kind: {type: string, enum: [上午, 下午]}\n"
    "        money: {type: number, minimum: 0, multipleOf: 0.01}\n"
    "        when: {type: string, pattern: '^\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}$'}\n"
    "        day: {type: [string, 'null'], format: date}\n"
    "        mail: {type: string, format: email}\n"
    "        secret: {type: string, format: password}\n"
    "        count: {type: integer, default: 3}\n"
    "        reason: {type: string, minLength: 1, x-error: REASON_REQUIRED}\n"
    "        items: {type: array, maxItems: 2, uniqueItems: true, items: {type: object, required: [q], "
    "properties: {q: {type: integer, exclusiveMinimum: 0}}}}\n"
    "        choice: {oneOf: [{type: object, required: [a], properties: {a: {type: integer}}}, {type: "
    "object, required: [b], properties: {b: {type: string}}}]}\n"
    "        parts: {allOf: [{type: object, properties: {a: {}, b: {}, c: {}}, anyOf: [{required: [a]}, "
    "{required: "
    "[b]}]}, {not: {required: [a, c]}}]}\n"
    "        deep: {oneOf: [{oneOf: [{type: string, maxLength: 2}, {type: array, maxItems: 1}]}, {type: "
    "'null'}]}\n"
    "        free: {type: object, maxProperties: 2}\n";

static int
setup(void **state)
{
    (void)state;
    s_real = gh_contract_load("schema/openapi", NULL);
    s_made = fixture_load(s_yaml);
    return s_real && s_made && gh_tz_init("Asia/Shanghai") == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    gh_contract_destroy(&s_real);
    gh_contract_destroy(&s_made);
    return 0;
}

typedef struct outcome {
    gh_err_t err;
    gh_faults_t faults;
    gh_buf_t args, json, shard;
} outcome_t;

static void
run(const gh_contract_t *c, const char *op, const char *param, const char *query, gh_body_kind_t kind,
    gh_str_t body, outcome_t *out)
{
    gh_str_t params[GH_PATH_PARAMS] = {gh_str(param)};
    gh_request_in_t in = {.op = gh_contract_find(c, gh_str(op)),
                          .params = params,
                          .query = gh_str(query),
                          .kind = kind,
                          .body = body};
    assert_non_null(in.op);
    memset(out, 0, sizeof *out);
    out->err = gh_request_check(&in, &out->args, &out->faults);
    if (out->err != GH_E_NONE)
        return;
    gh_mp_t root;
    assert_int_equal(gh_mp_check(out->args.p, out->args.n, 0, &root), 0);
    gh_mp_to_json(root, &out->json);
    gh_request_shard(in.op, gh_buf_view(&out->args), &out->shard);
}

static void
done(outcome_t *o)
{
    gh_buf_fini(&o->args);
    gh_buf_fini(&o->json);
    gh_buf_fini(&o->shard);
}

/* A JSON request must be packed as `want`. */
static void
packs(const gh_contract_t *c, const char *op, const char *param, const char *query, const char *body,
      const char *want)
{
    outcome_t o;
    run(c, op, param, query, GH_BODY_JSON, gh_str(body), &o);
    if (o.err != GH_E_NONE)
        fail_msg("%s: refused with %d at %s %s", body, o.err, o.faults.at[0].field, o.faults.at[0].type);
    assert_string_equal(gh_buf_cstr(&o.json), want);
    done(&o);
}

/* Faults as "field:type,field:type". */
static void
refuses(const gh_contract_t *c, const char *op, const char *param, const char *query, const char *body,
        gh_err_t err, const char *want)
{
    outcome_t o;
    char got[2048] = "";
    run(c, op, param, query, GH_BODY_JSON, gh_str(body), &o);
    for (size_t i = 0; i < o.faults.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s:%s", i ? "," : "", o.faults.at[i].field,
                 o.faults.at[i].type);
    if (o.err != err || strcmp(got, want) != 0)
        fail_msg("%s: err %d, faults %s; expected %d, %s", body, o.err, got, err, want);
    done(&o);
}

#define ALL  "p.v1_all"
#define GOOD "\"name\":\"ab\",\"kind\":\"上午\""

static void
booking_on_the_registration_surface_takes_numeric_strings(void **state)
{
    (void)state;
    const char *want = "{\"body\":{\"scheduleId\":501,\"hospitalId\":1,\"departmentId\":11,\"patientId\":31,"
                       "\"symptoms\":null,\"subscribeAuthResult\":{\"x\":\"accept\"}}}";
    packs(s_real, "booking.book_appointment", "", "",
          "{\"patientId\":31,\"subscribeAuthResult\":{\"x\":\"accept\"},\"symptoms\":null,\"departmentId\":"
          "\"11\","
          "\"hospitalId\":1,\"scheduleId\":\"501\",\"unknown\":[1]}",
          want);
    refuses(s_real, "booking.book_appointment", "", "",
            "{\"scheduleId\":\"5x\",\"hospitalId\":0,\"patientId\":1.5}", GH_E_VALIDATION_FAILED,
            "scheduleId:int_parsing,hospitalId:value_error,departmentId:missing,patientId:int_parsing");
    refuses(s_real, "booking.v1_book_appointment", "", "", "{\"schedule_id\":\"501\"}",
            GH_E_VALIDATION_FAILED, "schedule_id:int_parsing");
}

static void
shards_follow_the_first_template_that_fits(void **state)
{
    (void)state;
    static const struct {
        const char *op, *body, *shard;
    } cases[] = {
        {"booking.book_appointment",
         "{\"scheduleId\":\"501\",\"hospitalId\":1,\"departmentId\":1,\"patientId\":1}", "s:501"},
        {"booking.v1_book_appointment", "{\"schedule_id\":7,\"patient_id\":1}", "s:7"},
        {"booking.v1_book_appointment", "{\"doctor_id\":7,\"start_time\":\"2026-03-12T09:00:00+08:00\"}",
         "d:7:2026-03-12"},
        {"booking.v1_book_appointment", "{\"doctor_id\":7,\"date\":\"2026-03-12\",\"time\":\"09:00\"}",
         "d:7:2026-03-12"},
        {"booking.hb_create_appointment", "{\"doctor_id\":\"7\",\"date\":\"2026-03-12 09:00\"}",
         "d:7:2026-03-12"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        outcome_t o;
        run(s_real, cases[i].op, "", "", GH_BODY_JSON, gh_str(cases[i].body), &o);
        assert_int_equal(o.err, GH_E_NONE);
        assert_string_equal(gh_buf_cstr(&o.shard), cases[i].shard);
        done(&o);
    }
    outcome_t o;
    run(s_real, "booking.cancel_appointment", "5", "", GH_BODY_NONE, GH_STR(""), &o);
    assert_int_equal(o.err, GH_E_NONE);
    assert_int_equal(o.shard.n, 0);
    done(&o);
}

static void
exactly_one_way_of_booking(void **state)
{
    (void)state;
    refuses(s_real, "booking.v1_book_appointment", "", "", "{}", GH_E_VALIDATION_FAILED,
            "schedule_id:missing");
    static const char *const near[][2] = {
        {"{\"doctor_id\":7}", "start_time:missing"},
        {"{\"doctor_id\":7,\"date\":\"2026-03-12\"}", "time:missing"},
        {"{\"start_time\":\"2026-03-12T09:20:00\"}", "schedule_id:missing"}};
    for (size_t i = 0; i < GH_COUNT(near); i++) /* what lacks in the form that was begun */
        refuses(s_real, "booking.v1_book_appointment", "", "", near[i][0], GH_E_VALIDATION_FAILED,
                near[i][1]);
    refuses(s_real, "booking.v1_book_appointment", "", "",
            "{\"schedule_id\":1,\"doctor_id\":2,\"start_time\":\"2026-03-12T09:00\"}", GH_E_VALIDATION_FAILED,
            "schedule_id:value_error");
    refuses(s_real, "booking.hb_create_appointment", "", "", "{\"doctor_id\":1}", GH_E_VALIDATION_FAILED,
            "date_time:missing");
    refuses(s_real, "booking.hb_create_appointment", "", "",
            "{\"doctor_id\":1,\"date_time\":\"2026-02-30 09:00\"}", GH_E_VALIDATION_FAILED,
            "date_time:datetime_parsing");
}

static void
paging_has_its_own_error_and_defaults(void **state)
{
    (void)state;
    packs(s_real, "directory.browse_doctors", "", "dept_id=&name=%E5%8C%BB&page=2", "",
          "{\"query\":{\"name\":\"医\",\"page\":2,\"page_size\":50}}");
    packs(s_real, "audit.list_own_leave", "", "status=", "", "{\"query\":{\"page\":1,\"pageSize\":20}}");
    refuses(s_real, "directory.browse_doctors", "", "page=0", "", GH_E_PAGE_INVALID, "page:value_error");
    refuses(s_real, "directory.browse_doctors", "", "page=x&page_size=-1", "", GH_E_PAGE_INVALID,
            "page:int_parsing,page_size:value_error");
    refuses(s_real, "directory.browse_bookable_schedules", "", "", "", GH_E_DEPARTMENT_ID_REQUIRED,
            "departmentId:missing");
}

static void
query_values_are_converted(void **state)
{
    (void)state;
    packs(
        s_made, ALL, "7", "on=true&tags=a,%E4%B8%AD&sort=-name,id&n=5&n=6", "{" GOOD "}",
        "{\"path\":{\"id\":7},\"query\":{\"n\":6,\"on\":true,\"tags\":[\"a\",\"中\"],\"sort\":\"-name,id\"},"
        "\"body\":{\"name\":\"ab\",\"kind\":\"上午\",\"count\":3}}");
    refuses(s_made, ALL, "0", "on=maybe&tags=a,c&sort=color&n=%zz", "{" GOOD "}", GH_E_VALIDATION_FAILED,
            "n:value_error,id:value_error,on:value_error,tags:enum,sort:enum");
    refuses(s_made, ALL, "1", "sort=color", "{" GOOD "}", GH_E_UNKNOWN_SORT, "sort:enum");
    refuses(s_made, ALL, "1", "sort=name,id,-name", "{" GOOD "}", GH_E_VALIDATION_FAILED, "sort:value_error");
    refuses(s_made, ALL, "1", "tags=a,a,a,a", "{" GOOD "}", GH_E_VALIDATION_FAILED, "tags:value_error");
    refuses(s_made, ALL, "1", "n=101", "{" GOOD "}", GH_E_VALIDATION_FAILED, "n:value_error");
}

static void
fields_are_checked_against_the_reply(void **state)
{
    (void)state;
    packs(s_made, "p.v1_page", "", "fields=id,doctor.name", "",
          "{\"query\":{\"fields\":\"id,doctor.name\"}}");
    refuses(s_made, "p.v1_page", "", "fields=id,doctor.age", "", GH_E_UNKNOWN_FIELD, "fields:enum");
    refuses(s_made, "p.v1_page", "", "fields=total", "", GH_E_UNKNOWN_FIELD, "fields:enum");
}

static void
every_fault_is_told_at_once(void **state)
{
    (void)state;
    refuses(s_made, ALL, "1", "",
            "{\"name\":\"a\",\"kind\":\"晚上\",\"money\":1.005,\"when\":\"2026-13-01 "
            "10:00\",\"day\":\"2026-02-29\","
            "\"mail\":\"x\",\"items\":[{\"q\":0},{}],\"choice\":{},\"free\":{\"a\":1,\"b\":2,\"c\":3}}",
            GH_E_VALIDATION_FAILED,
            "name:string_too_short,kind:enum,money:value_error,when:datetime_parsing,day:datetime_parsing,"
            "mail:value_error,items[0].q:value_error,items[1].q:missing,choice.a:missing,free:value_error");
    refuses(s_made, ALL, "1", "",
            "{\"name\":\"医生甲乙丙\",\"kind\":5,\"items\":{},\"money\":true,\"when\":7}",
            GH_E_VALIDATION_FAILED,
            "name:string_too_long,kind:string_type,money:int_parsing,when:string_type,items:value_error");
    refuses(s_made, ALL, "1", "", "{" GOOD ",\"items\":[{\"q\":1},{\"q\":1}]}", GH_E_VALIDATION_FAILED,
            "items:value_error");
    refuses(s_made, ALL, "1", "", "[]", GH_E_VALIDATION_FAILED, ":value_error");
    refuses(s_made, ALL, "1", "", "{" GOOD ",\"reason\":\"  \"}", GH_E_REASON_REQUIRED,
            "reason:string_too_short");
}

static void
choices_of_parts_and_choices_of_choices_count(void **state)
{
    (void)state;
    static const char *const good[] = {"\"parts\":{\"a\":1}", "\"parts\":{\"b\":1,\"c\":1}", "\"deep\":null",
                                       "\"deep\":\"xy\"", "\"deep\":[1]"};
    static const char *const bad[][2] = {{"\"parts\":{\"c\":1}", "parts.a:missing"},
                                         {"\"parts\":{\"a\":1,\"c\":1}", "parts:value_error"},
                                         {"\"deep\":\"xyz\"", "deep:value_error"},
                                         {"\"deep\":[1,2]", "deep:value_error"}};
    char body[200], packed[300];
    for (size_t i = 0; i < GH_COUNT(good); i++) {
        snprintf(body, sizeof body, "{" GOOD ",%s}", good[i]);
        snprintf(packed, sizeof packed,
                 "{\"path\":{\"id\":1},\"query\":{\"n\":20},\"body\":{\"name\":\"ab\",\"kind\":\"上午\","
                 "\"count\":3,%s}}",
                 good[i]);
        packs(s_made, ALL, "1", "", body, packed);
    }
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        snprintf(body, sizeof body, "{" GOOD ",%s}", bad[i][0]);
        refuses(s_made, ALL, "1", "", body, GH_E_VALIDATION_FAILED, bad[i][1]);
    }
}

static void
values_of_the_right_kind_pass(void **state)
{
    (void)state;
    packs(s_made, ALL, "1", "",
          "{\"kind\":\" 上午 \",\"name\":\" 医生甲乙\",\"money\":\"10.05\",\"when\":\"2026-03-01 "
          "10:00\",\"day\":null,"
          "\"mail\":\"a@b.cn\",\"secret\":\" p "
          "\",\"count\":4.0,\"items\":[{\"q\":1,\"z\":1}],\"choice\":{\"b\":\"x\"},"
          "\"free\":{\"k\":[1,{\"a\":null}]}}",
          "{\"path\":{\"id\":1},\"query\":{\"n\":20},\"body\":{\"name\":\"医生甲乙\",\"kind\":\"上午\","
          "\"money\":10.05,"
          "\"when\":\"2026-03-01 10:00\",\"day\":null,\"mail\":\"a@b.cn\",\"secret\":\" p \",\"count\":4,"
          "\"items\":[{\"q\":1}],\"choice\":{\"b\":\"x\"},\"free\":{\"k\":[1,{\"a\":null}]}}}");
    packs(s_made, ALL, "1", "", "{" GOOD ",\"money\":0.07}",
          "{\"path\":{\"id\":1},\"query\":{\"n\":20},\"body\":{\"name\":\"ab\",\"kind\":\"上午\",\"money\":0."
          "07,\"count\":3}}");
}

static void
forms_are_converted_too(void **state)
{
    (void)state;
    outcome_t o;
    run(s_made, ALL, "1", "", GH_BODY_FORM, GH_STR("name=a+b&kind=%E4%B8%8A%E5%8D%88&count=9&x=1&money=5"),
        &o);
    assert_int_equal(o.err, GH_E_NONE);
    assert_string_equal(gh_buf_cstr(&o.json),
                        "{\"path\":{\"id\":1},\"query\":{\"n\":20},\"form\":{\"name\":\"a b\","
                        "\"kind\":\"上午\",\"money\":5,\"count\":9}}");
    done(&o);
    run(s_made, ALL, "1", "", GH_BODY_FORM, GH_STR("name=%ff%fe&kind=x"), &o);
    assert_int_equal(o.err, GH_E_MALFORMED_JSON);
    done(&o);
    run(s_real, "identity.oauth_issue_token", "", "", GH_BODY_FORM,
        GH_STR("username=13800000001&password=p%2Bw"), &o);
    assert_int_equal(o.err, GH_E_NONE);
    assert_string_equal(
        gh_buf_cstr(&o.json),
        "{\"form\":{\"grant_type\":\"password\",\"username\":\"13800000001\",\"password\":\"p+w\"}}");
    done(&o);
}

static void
hostile_bodies_are_malformed(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{",
                                         "{\"a\":1,}",
                                         "{\"a\":1,\"a\":2}",
                                         "nul",
                                         "{\"a\":\"\xff\"}",
                                         "{\"a\":\"\xc0\xaf\"}",
                                         "{\"a\":1}x",
                                         "{\"name\":\"\\u0000\"}",
                                         "{\"a\":1e999}",
                                         "{\"a\":99999999999999999999}",
                                         "\xef\xbb\xbf{}",
                                         "[[[[[[[[[[1]]]]]]]]]]"};
    for (size_t i = 0; i < GH_COUNT(bodies); i++)
        refuses(s_made, ALL, "1", "", bodies[i], GH_E_MALFORMED_JSON, "");
    gh_buf_t deep = GH_BUF_INIT;
    for (int i = 0; i < 100000; i++)
        gh_buf_putc(&deep, '[');
    refuses(s_made, ALL, "1", "", gh_buf_cstr(&deep), GH_E_MALFORMED_JSON, "");
    gh_buf_clear(&deep);
    gh_buf_puts(&deep, "{\"free\":{\"a\":[0");
    for (int i = 0; i < 40000; i++)
        gh_buf_puts(&deep, ",0");
    gh_buf_puts(&deep, "]}}");
    refuses(s_made, ALL, "1", "", gh_buf_cstr(&deep), GH_E_MALFORMED_JSON, "");
    gh_buf_fini(&deep);
    outcome_t o;
    run(s_made, ALL, "1", "", GH_BODY_JSON, (gh_str_t){"{\"a\"\0:1}", 8}, &o);
    assert_int_equal(o.err, GH_E_MALFORMED_JSON);
    done(&o);
}

static void
control_characters_are_refused(void **state)
{
    (void)state;
    refuses(s_made, ALL, "1", "", "{\"name\":\"a\\u0007b\",\"kind\":\"上午\"}", GH_E_VALIDATION_FAILED,
            "name:value_error");
    refuses(s_real, "directory.browse_doctors", "", "name=a%00b", "", GH_E_VALIDATION_FAILED,
            "name:value_error");
    refuses(s_real, "directory.browse_doctors", "", "name=%ff", "", GH_E_VALIDATION_FAILED,
            "name:value_error");
    packs(s_made, ALL, "1", "", "{\"name\":\"a\\tb\",\"kind\":\"上午\"}",
          "{\"path\":{\"id\":1},\"query\":{\"n\":20},\"body\":{\"name\":\"a\\tb\",\"kind\":\"上午\","
          "\"count\":3}}");
}

static void
equal_requests_pack_equally(void **state)
{
    (void)state;
    outcome_t a, b;
    run(s_made, ALL, "1", "", GH_BODY_JSON, GH_STR("{\"name\":\"ab\",\"kind\":\"上午\",\"count\":3}"), &a);
    run(s_made, ALL, "1", "n=20", GH_BODY_JSON, GH_STR("{ \"kind\":\"上午\", \"name\":\"ab\" }"), &b);
    assert_int_equal(a.err, GH_E_NONE);
    assert_int_equal(b.err, GH_E_NONE);
    assert_true(gh_str_eq(gh_buf_view(&a.args), gh_buf_view(&b.args)));
    done(&a);
    done(&b);
}

static void
missing_bodies_count_as_empty(void **state)
{
    (void)state;
    outcome_t o;
    run(s_real, "identity.close_session", "", "", GH_BODY_NONE, GH_STR(""), &o);
    assert_int_equal(o.err, GH_E_NONE);
    done(&o);
    run(s_real, "booking.book_appointment", "", "", GH_BODY_NONE, GH_STR(""), &o);
    assert_int_equal(o.err, GH_E_VALIDATION_FAILED);
    assert_int_equal(o.faults.n, 4);
    done(&o);
}

static void
utf8_is_checked_to_the_bit(void **state)
{
    (void)state;
    assert_int_equal(gh_utf8_length(GH_STR("a中\xf0\x9f\x98\x80")), 3);
    static const char *const bad[] = {
        "\x80",     "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xe4\xb8", "\xff"};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_utf8_length(gh_str(bad[i])), -1);
}

static void
signed_bodies_go_on_byte_for_byte(void **state)
{
    (void)state;
    static const char body[] =
        " {\"event_id\": \"e1\",\r\n \"type\":\"payment.failed\", \"payment_no\": \"PM1\", "
        "\"provider_ref\": \"x\", \"amount\": 1.50, \"currency\": \"CNY\", \"occurred_at\": "
        "\"2026-03-09T08:00:00Z\" }\n";
    gh_str_t params[GH_PATH_PARAMS] = {GH_STR("sandbox")}, raw, signature;
    gh_request_in_t in = {.op = gh_contract_find(s_real, GH_STR("billing.v1_receive_payment_event")),
                          .params = params,
                          .kind = GH_BODY_JSON,
                          .body = {body, sizeof body - 1},
                          .signature = GH_STR("t=1,v1=00")};
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_faults_t faults;
    gh_mp_t root;
    assert_int_equal(gh_request_check(&in, &args, &faults), GH_E_NONE);
    assert_int_equal(gh_mp_check(args.p, args.n, 0, &root), 0);
    assert_true(gh_mp_bin(gh_mp_path(root, "raw"), &raw));
    assert_true(gh_str_eq(raw, in.body));
    assert_true(gh_mp_str(gh_mp_path(root, "signature"), &signature));
    assert_true(gh_str_is(signature, "t=1,v1=00"));
    assert_true(gh_mp_str(gh_mp_path(root, "body.event_id"), &signature));
    gh_buf_clear(&args);
    in.signature = (gh_str_t){0}; /* the worker refuses it */
    assert_int_equal(gh_request_check(&in, &args, &faults), GH_E_NONE);
    assert_int_equal(gh_mp_check(args.p, args.n, 0, &root), 0);
    assert_true(gh_mp_str(gh_mp_path(root, "signature"), &signature));
    assert_int_equal(signature.n, 0);
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booking_on_the_registration_surface_takes_numeric_strings),
        cmocka_unit_test(shards_follow_the_first_template_that_fits),
        cmocka_unit_test(exactly_one_way_of_booking),
        cmocka_unit_test(paging_has_its_own_error_and_defaults),
        cmocka_unit_test(query_values_are_converted),
        cmocka_unit_test(fields_are_checked_against_the_reply),
        cmocka_unit_test(signed_bodies_go_on_byte_for_byte),
        cmocka_unit_test(every_fault_is_told_at_once),
        cmocka_unit_test(values_of_the_right_kind_pass),
        cmocka_unit_test(forms_are_converted_too),
        cmocka_unit_test(hostile_bodies_are_malformed),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(choices_of_parts_and_choices_of_choices_count),
        cmocka_unit_test(equal_requests_pack_equally),
        cmocka_unit_test(missing_bodies_count_as_empty),
        cmocka_unit_test(utf8_is_checked_to_the_bit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
