/*
 * tests/unit/test_mdp.c - Majordomo framing to the byte (lib/wire/mdp.c), and the event payload (lib/wire/event.c)
 */
#include "wire/event.h"
#include "wire/mdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define F(literal) GH_STR(literal)
#define PARSE(out, ...)                                                                                      \
    gh_mdp_parse((const gh_str_t[]){__VA_ARGS__},                                                            \
                 sizeof((const gh_str_t[]){__VA_ARGS__}) / sizeof(gh_str_t), (out))

static void
client_request_of_both_versions(void **state)
{
    (void)state;
    gh_mdp_msg_t m;

    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01"), F("booking"), F("body")), 0);
    assert_int_equal(m.side, GH_MDP_CLIENT);
    assert_int_equal(m.version, 2);
    assert_int_equal(m.command, GH_MDPC_REQUEST);
    assert_true(gh_str_is(m.service, "booking"));
    assert_int_equal(m.body, 3);
    assert_int_equal(PARSE(&m, F(""), F("MDPC01"), F("booking"), F("")), 0);
    assert_int_equal(m.version, 1);
    assert_int_equal(m.command, GH_MDPC_REQUEST);
    assert_int_equal(m.body, 3);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x03"), F("booking"), F("x"), F("y")), 0);
    assert_int_equal(m.command, GH_MDPC_FINAL);
}

static void
malformed_client_messages_are_refused(void **state)
{
    (void)state;
    gh_mdp_msg_t m;

    assert_int_equal(gh_mdp_parse(NULL, 0, &m), -1);
    assert_int_equal(PARSE(&m, F("MDPC02")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01"), F("booking")), -1); /* no body */
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x00"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x04"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01\x01"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F(""), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01"), F(""), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01"), F("book ing"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02"), F("\x01"), F("booking\0"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC03"), F("\x01"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F("MDPC02x"), F("\x01"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPC02"), F("\x01"), F("booking"), F("b")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPC01"), F("booking")), -1);
    assert_int_equal(PARSE(&m, F(""), F("")), -1);
}

static void
worker_commands_of_both_versions(void **state)
{
    (void)state;
    gh_mdp_msg_t m;

    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking")), 0);
    assert_int_equal(m.side, GH_MDP_WORKER);
    assert_int_equal(m.command, GH_MDPW_READY);
    assert_int_equal(m.credit.n, 0);
    assert_int_equal(m.body, 3);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("128")), 0);
    assert_true(gh_str_is(m.credit, "128"));
    assert_int_equal(m.body, 4);
    assert_int_equal(m.name.n, 0);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("128"), F("host1:4711")), 0);
    assert_true(gh_str_is(m.credit, "128"));
    assert_true(gh_str_is(m.name, "host1:4711"));
    assert_int_equal(m.body, 5);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), F("client"), F(""), F("body")), 0);
    assert_int_equal(m.command, GH_MDPW_FINAL);
    assert_true(gh_str_is(m.client, "client"));
    assert_int_equal(m.body, 4);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x02"), F("client"), F(""), F("body")), 0);
    assert_int_equal(m.command, GH_MDPW_REQUEST);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x05")), 0);
    assert_int_equal(m.command, GH_MDPW_HEARTBEAT);
    assert_int_equal(m.body, 2);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x05"), F("figures")), 0);
    assert_int_equal(m.command, GH_MDPW_HEARTBEAT);
    assert_int_equal(m.body, 2);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x06")), 0);
    assert_int_equal(m.command, GH_MDPW_DISCONNECT);
    assert_false(m.leave);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x06"), F("leave")), 0);
    assert_int_equal(m.command, GH_MDPW_DISCONNECT);
    assert_true(m.leave);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x01"), F("echo")), 0);
    assert_int_equal(m.version, 1);
    assert_int_equal(m.command, GH_MDPW_READY);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x03"), F("client"), F(""), F("body")), 0);
    assert_int_equal(m.command, GH_MDPW_FINAL);
    assert_int_equal(m.body, 5);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x04")), 0);
    assert_int_equal(m.command, GH_MDPW_HEARTBEAT);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x05")), 0);
    assert_int_equal(m.command, GH_MDPW_DISCONNECT);
}

static void
malformed_worker_messages_are_refused(void **state)
{
    (void)state;
    gh_mdp_msg_t m;
    char address[256];

    memset(address, 'x', sizeof address);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01")), -1); /* READY without service */
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("0")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("65536")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("-1")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("1"), F("")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("1"), F("a b")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("1"), ((gh_str_t){address, 64})), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x01"), F("booking"), F("1"), F("h:1"), F("1")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x06"), F("stay")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x05"), F("leave")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x01"), F("booking"), F("1")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), F("client"), F("")), -1); /* no body */
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), F("client"), F("x"), F("body")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), F(""), F(""), F("body")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), ((gh_str_t){address, 256}), F(""), F("body")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x04"), ((gh_str_t){address, 255}), F(""), F("body")), 0);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x05"), F("x"), F("y")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x06"), F("x")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x04"), F("x")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("\x07")), -1);
    assert_int_equal(PARSE(&m, F("MDPW02"), F("")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\x06")), -1);
    assert_int_equal(PARSE(&m, F(""), F("MDPW01"), F("\xff")), -1);
}

static void
credit_and_service_names(void **state)
{
    (void)state;
    char name[129];

    memset(name, 'a', sizeof name);
    assert_int_equal(gh_mdp_credit(F("1")), 1);
    assert_int_equal(gh_mdp_credit(F("65535")), 65535);
    assert_int_equal(gh_mdp_credit(F("99999")), 0);
    assert_int_equal(gh_mdp_credit(F("01")), 0);
    assert_int_equal(gh_mdp_credit(F("123456")), 0);
    assert_int_equal(gh_mdp_credit(F("1 ")), 0);
    assert_true(gh_mdp_service_valid(F("mmi.service")));
    assert_true(gh_mdp_service_valid((gh_str_t){name, 128}));
    assert_false(gh_mdp_service_valid((gh_str_t){name, 129}));
    assert_false(gh_mdp_service_valid(F("")));
    assert_false(gh_mdp_service_valid(F("a/b")));
    assert_false(gh_mdp_service_valid(F("\xe6\x8c\x82")));
}

static void
events_are_checked(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_t map;
    int64_t seq = 0;

    gh_event_begin(&b);
    gh_mpw_map(&b, 1);
    gh_mpw_cstr(&b, "seq");
    gh_mpw_int(&b, 41);
    assert_int_equal(gh_event_decode(b.p, b.n, &map), 0);
    assert_true(gh_mp_int(gh_mp_get(map, "seq"), &seq));
    assert_int_equal(seq, 41);
    assert_int_equal(gh_event_decode(b.p, b.n - 1, &map), -1);
    assert_int_equal(gh_event_decode("GHE1", 4, &map), -1);
    assert_int_equal(gh_event_decode("GHE2\x80", 5, &map), -1);
    assert_int_equal(gh_event_decode("GHE1\x90", 5, &map), -1);
    assert_null(map.at);
    assert_int_equal(gh_event_decode(NULL, 0, &map), -1);
    gh_buf_clear(&b);
    gh_event_begin(&b);
    gh_mpw_map(&b, 1);
    gh_mpw_cstr(&b, "x");
    char *big = calloc(1, GH_EVENT_MAX);
    assert_non_null(big);
    gh_mpw_bin(&b, big, GH_EVENT_MAX);
    free(big);
    assert_int_equal(gh_event_decode(b.p, b.n, &map), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_request_of_both_versions),
        cmocka_unit_test(malformed_client_messages_are_refused),
        cmocka_unit_test(worker_commands_of_both_versions),
        cmocka_unit_test(malformed_worker_messages_are_refused),
        cmocka_unit_test(credit_and_service_names),
        cmocka_unit_test(events_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
