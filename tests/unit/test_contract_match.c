/*
 * tests/unit/test_contract_match.c - loading the contract, its faults, and which operation a path means
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "contract_fixture.h"

static gh_contract_t *s_real;

static int
setup(void **state)
{
    (void)state;
    s_real = gh_contract_load("schema/openapi", "tests/bench/openapi");
    return s_real ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    gh_contract_destroy(&s_real);
    return 0;
}

static const char *
find(gh_method_t method, const char *path, gh_match_t *m)
{
    gh_contract_match(s_real, method, gh_str(path), m);
    return m->op ? m->op->id : "";
}

static void
routes_of_every_surface_are_found(void **state)
{
    (void)state;
    static const struct {
        gh_method_t method;
        const char *path, *id;
        bool unversioned;
    } cases[] = {
        {GH_GET, "/", "front.hb_get_root", false},
        {GH_POST, "/patient/appointments", "booking.book_appointment", false},
        {GH_POST, "/patient/appointments/", "booking.book_appointment", false},
        {GH_PUT, "/patient/appointments/90071/cancel", "booking.cancel_appointment", false},
        {GH_GET, "/patient/doctors/17", "directory.show_doctor", false},
        {GH_GET, "/patient/hospitals/schedules", "directory.browse_bookable_schedules", false},
        {GH_POST, "/api/v1/appointments", "booking.v1_book_appointment", false},
        {GH_POST, "/api/appointments", "booking.v1_book_appointment", true},
        {GH_GET, "/api/v1/appointments/me", "booking.v1_list_my_appointments", false},
        {GH_GET, "/api/appointments/doctor/me", "booking.v1_list_doctor_appointments", true},
        {GH_GET, "/api/v1/appointments/12", "booking.v1_get_appointment", false},
        {GH_DELETE, "/api/v1/appointments/12", "booking.v1_delete_appointment", false},
        {GH_POST, "/appointment/", "booking.hb_create_appointment", false},
        {GH_POST, "/appointment", "booking.hb_create_appointment", false},
        {GH_GET, "/appointment/by_id/7", "booking.hb_get_appointment", false},
        {GH_POST, "/auth/token", "identity.oauth_issue_token", false},
        {GH_GET, "/healthz", "front.get_health", false},
        {GH_GET, "/api/v1/openapi.json", "front.get_openapi", false},
        {GH_POST, "/bench/echo", "echo.echo", false},
    };
    gh_match_t m;
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        const char *id = find(cases[i].method, cases[i].path, &m);
        if (strcmp(id, cases[i].id) != 0 || m.unversioned != cases[i].unversioned)
            fail_msg("%s: %s", cases[i].path, id);
    }
}

static void
parameters_come_out_in_order(void **state)
{
    (void)state;
    gh_match_t m;
    assert_string_equal(find(GH_PUT, "/patient/appointments/90071/cancel", &m), "booking.cancel_appointment");
    assert_int_equal(m.n_params, 1);
    assert_true(gh_str_is(m.params[0], "90071"));
}

static void
unmatched_paths_take_the_shape_of_their_surface(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        gh_envelope_t env;
    } cases[] = {
        {"/api/nothing", GH_ENV_V1},
        {"/api/v1/appointments/x", GH_ENV_V1},
        {"/appointment/what", GH_ENV_PLAIN},
        {"/patient/doctors/abc", GH_ENV_CODE},
        {"/nothing", GH_ENV_CODE},
        {"//", GH_ENV_CODE},
        {"", GH_ENV_CODE},
        {"relative", GH_ENV_CODE},
        {"/patient//doctors", GH_ENV_CODE},
        {"/patient/doctors//", GH_ENV_CODE},
        {"/API/v1/appointments", GH_ENV_CODE},
        {"/patient/doctors/1234567890123456789", GH_ENV_CODE},
        {"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s", GH_ENV_CODE},
    };
    gh_match_t m;
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_contract_match(s_real, GH_GET, gh_str(cases[i].path), &m);
        if (m.op || m.allowed || m.envelope != cases[i].env)
            fail_msg("%s", cases[i].path);
    }
}

static void
another_method_tells_what_is_allowed(void **state)
{
    (void)state;
    gh_match_t m;
    assert_string_equal(find(GH_DELETE, "/patient/appointments", &m), "");
    assert_int_equal(m.allowed, 1u << GH_GET | 1u << GH_POST);
    assert_int_equal(m.envelope, GH_ENV_CODE);
    assert_string_equal(find(GH_GET, "/appointment/", &m), "");
    assert_int_equal(m.envelope, GH_ENV_PLAIN);
}

static void
v1_action_routes_take_put_and_patch(void **state)
{
    (void)state;
    gh_match_t m;
    assert_string_equal(find(GH_PUT, "/api/v1/appointments/5/cancel", &m), "booking.v1_cancel_appointment");
    assert_string_equal(find(GH_PATCH, "/api/appointments/5/cancel", &m), "booking.v1_cancel_appointment");
    assert_string_equal(find(GH_PUT, "/api/v1/appointments", &m), "");
    assert_string_equal(find(GH_PATCH, "/patient/appointments/5/cancel", &m), "");
}

static void
operations_carry_what_they_say(void **state)
{
    (void)state;
    const gh_operation_t *op = gh_contract_find(s_real, GH_STR("booking.v1_book_appointment"));
    assert_non_null(op);
    assert_true(op->idempotent);
    assert_true(op->async);
    assert_int_equal(op->success_status, 201);
    assert_int_equal(op->access.kind, GH_ACCESS_PERMISSION);
    assert_string_equal(op->access.permission, "appointment:book");
    assert_int_equal(op->access.scopes, GH_SCOPE_OWN | GH_SCOPE_ASSIGNED | GH_SCOPE_ALL);
    op = gh_contract_find(s_real, GH_STR("booking.v1_list_doctor_appointments"));
    assert_int_equal(op->access.kind, GH_ACCESS_ROLES);
    assert_int_equal(op->access.roles, GH_ROLE_DOCTOR);
    assert_int_equal(op->access.refusal, GH_E_DOCTOR_REQUIRED);
    assert_false(op->async);
    op = gh_contract_find(s_real,
                          GH_STR("schedule.v1_add_availability")); /* 201, or 202 when the worker says so */
    assert_int_equal(op->success_status, 201);
    op = gh_contract_find(s_real, GH_STR("identity.close_session"));
    assert_true(op->dead_token);
    assert_null(gh_contract_find(s_real, GH_STR("booking.v1_book_appointmen")));
    assert_null(gh_contract_find(s_real, GH_STR("")));
    for (size_t i = 0; i < gh_contract_count(s_real); i++) {
        op = gh_contract_at(s_real, i);
        assert_ptr_equal(gh_contract_find(s_real, gh_str(op->id)), op);
    }
}

#define HEAD     "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n"
#define OP(id)   "operationId: " id ", x-pool: p, x-envelope: code, x-access: any, summary: s, tags: [t], "
#define OK_REPLY "responses: {'200': {description: d}}"

static void
a_literal_wins_and_a_dead_branch_is_left(void **state)
{
    (void)state;
    gh_contract_t *c = fixture_load(
        HEAD "  /a/{id}/x: {get: {" OP("p.digits") "parameters: [{name: id, in: path, required: true, "
                                                   "schema: {type: integer}}], " OK_REPLY "}}\n"
                                                   "  /a/me: {get: {" OP("p.literal") OK_REPLY
        "}}\n"
        "  /a/{code}/y: {get: {" OP(
            "p.text") "parameters: [{name: code, in: path, required: true, schema: {type: "
                      "string}}], " OK_REPLY "}}\n"
                      "  /f/{path}: {get: {" OP(
                          "p.rest") "parameters: [{name: path, in: path, required: true, x-multi-segment: "
                                    "true, schema: {type: string}}], " OK_REPLY "}}\n");
    assert_non_null(c);
    static const struct {
        const char *path, *id;
    } cases[] = {{"/a/7/x", "p.digits"}, {"/a/me", "p.literal"}, {"/a/me/y", "p.text"},  {"/a/7/y", "p.text"},
                 {"/a/q/x", NULL},       {"/a/7", NULL},         {"/f/a/b/c", "p.rest"}, {"/f", NULL}};
    gh_match_t m;
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_contract_match(c, GH_GET, gh_str(cases[i].path), &m);
        if (cases[i].id ? !m.op || strcmp(m.op->id, cases[i].id) != 0 : m.op != NULL)
            fail_msg("%s", cases[i].path);
    }
    gh_contract_match(c, GH_GET, GH_STR("/f/a/b/c"), &m);
    assert_true(gh_str_is(m.params[0], "a/b/c"));
    gh_contract_destroy(&c);
}

static void
faulty_contracts_are_refused(void **state)
{
    (void)state;
    static const char *const faulty[] = {
        "openapi: 3.0.0\npaths: {}\n",
        "openapi: 3.1.0\npaths: [\n",
        HEAD "  /a: {get: {" OP("p.a") "x-unknown: 1, " OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("q.a") OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("p.a") "responses: {}}}\n",
        HEAD "  /a: {get: {" OP("p.a") "x-errors: [NO_SUCH_ROW], " OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("p.a") "x-shard: 5, " OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("p.a") OK_REPLY "}}\n  /b: {get: {" OP("p.a") OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("p.a") OK_REPLY "}}\n  /b: {get: {" OP("p.b") "x-aliases: [/a], " OK_REPLY
                                                                              "}}\n",
        HEAD "  /a/{id}: {get: {" OP("p.a") OK_REPLY "}}\n",
        HEAD "  /a: {get: {" OP("p.a") "parameters: [{$ref: '#/components/parameters/No'}], " OK_REPLY "}}\n",
        HEAD "  /a: {post: {" OP("p.a") "requestBody: {content: {application/json: {schema: {type: object, "
                                        "patternProperties: {}}}}}, " OK_REPLY "}}\n",
        HEAD "  /a: {post: {" OP("p.a") "requestBody: {content: {application/json: {schema: {type: string, "
                                        "pattern: '('}}}}, " OK_REPLY "}}\n",
        HEAD "  /a: {get: {operationId: p.a, x-pool: p, x-envelope: code, x-access: [king], " OK_REPLY "}}\n",
        HEAD
        "  /a: {get: {operationId: p.a, x-pool: p, x-envelope: code, x-access: {permission: book}, " OK_REPLY
        "}}\n",
        HEAD "  /a: {get: {operationId: p.a, x-pool: p, x-envelope: soap, x-access: any, " OK_REPLY "}}\n",
    };
    for (size_t i = 0; i < GH_COUNT(faulty); i++) {
        gh_contract_t *c = fixture_load(faulty[i]);
        if (c)
            fail_msg("case %zu was accepted", i);
    }
    assert_null(gh_contract_load("/nonexistent", NULL));
}

static void
the_published_document_wraps_and_repeats(void **state)
{
    (void)state;
    json_t *doc = gh_contract_publish(s_real, "Guahao", "1");
    assert_non_null(doc);
    json_t *paths = json_object_get(doc, "paths");
    json_t *op = json_object_get(json_object_get(paths, "/api/appointments"), "post");
    assert_string_equal(json_string_value(json_object_get(op, "operationId")),
                        "booking.v1_book_appointment.alias1");
    json_t *created = json_object_get(json_object_get(op, "responses"), "201");
    json_t *media = json_object_get(json_object_get(created, "content"), "application/json");
    assert_true(json_is_true(json_object_get(json_object_get(media, "example"), "success")));
    assert_non_null(json_object_get(json_object_get(op, "responses"), "409"));
    char *text = json_dumps(doc, JSON_COMPACT);
    assert_non_null(text);
    assert_null(strstr(text, "\"x-"));
    assert_null(strstr(text, "\"."));
    free(text);
    json_decref(doc);
}

int
main(void)
{
    gh_log_init("test", GH_LOG_ERROR + 1, GH_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_of_every_surface_are_found),
        cmocka_unit_test(parameters_come_out_in_order),
        cmocka_unit_test(unmatched_paths_take_the_shape_of_their_surface),
        cmocka_unit_test(another_method_tells_what_is_allowed),
        cmocka_unit_test(v1_action_routes_take_put_and_patch),
        cmocka_unit_test(operations_carry_what_they_say),
        cmocka_unit_test(a_literal_wins_and_a_dead_branch_is_left),
        cmocka_unit_test(faulty_contracts_are_refused),
        cmocka_unit_test(the_published_document_wraps_and_repeats),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
