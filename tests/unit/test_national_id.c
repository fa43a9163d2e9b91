/* Unit tests of lib/domain/national_id.c. */
#include "unit.h"

#include "domain/national_id.h"

static void
br112_identity_numbers_are_masked(void **state)
{
    (void)state;
    char out[GH_MASKED_ID];
    assert_int_equal(gh_mask_id(GH_STR("110101199003070011"), out), 18);
    assert_string_equal(out, "110101********0011");
    gh_mask_id(GH_STR("11010190030"), out);
    assert_string_equal(out, "110101********0030");
    gh_mask_id(GH_STR("1101019003"), out);
    assert_string_equal(out, "********");
    gh_mask_id(GH_STR(""), out);
    assert_string_equal(out, "********");
}

static void
a_sealed_number_opens_for_its_row_alone(void **state)
{
    (void)state;
    uint8_t master[32] = {7};
    char out[GH_MASKED_ID];
    gh_seal_t *seal = gh_seal_new(master);
    gh_buf_t sealed = GH_BUF_INIT, hex = GH_BUF_INIT;
    assert_int_equal(gh_seal_close(seal, (gh_seal_place_t){"patients", "national_id_enc", 42},
                                   GH_STR("110101199003070011"), &sealed),
                     0);
    for (size_t i = 0; i < sealed.n; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", (unsigned)(uint8_t)sealed.p[i]);
        gh_buf_puts(&hex, two);
    }
    assert_int_equal(gh_national_id_masked(seal, 42, gh_buf_view(&hex), out), 0);
    assert_string_equal(out, "110101********0011");
    assert_int_equal(gh_national_id_masked(seal, 43, gh_buf_view(&hex), out), -1);
    assert_int_equal(gh_national_id_masked(NULL, 42, gh_buf_view(&hex), out), -1);
    assert_int_equal(gh_national_id_masked(seal, 42, GH_STR("0x"), out), -1);
    assert_int_equal(gh_national_id_masked(seal, 42, (gh_str_t){hex.p, hex.n - 1}, out), -1);
    gh_buf_fini(&hex);
    gh_buf_fini(&sealed);
    gh_seal_destroy(&seal);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br112_identity_numbers_are_masked),
        cmocka_unit_test(a_sealed_number_opens_for_its_row_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
