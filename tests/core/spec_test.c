#include "core/base/spec.h"

#include "tests/support.h"

static void spec_is_taken_apart(void **state) {
    (void)state;
    peal_error err;
    peal_spec spec;
    assert_ok(peal_spec_parse("model", "mlp:hidden=512x256,dropout=0.5", &spec, &err));
    assert_string_equal(spec.name, "mlp");
    assert_int_equal(spec.count, 2);
    assert_string_equal(peal_spec_find(&spec, "hidden"), "512x256");
    assert_null(peal_spec_find(&spec, "l2"));
    double value;
    assert_ok(peal_spec_number(&spec, "dropout", 0, 0, 1, &value, &err));
    assert_true(value == 0.5);
    assert_ok(peal_spec_number(&spec, "l2", 7, 0, 1, &value, &err));
    assert_true(value == 7);
}

static void bad_specs_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", ":x=1", "a:", "a:x", "a:x=", "a:=1", "a:x=1,", "a:x=1,,y=2"};
    peal_error err;
    peal_spec spec;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(peal_spec_parse("model", bad[i], &spec, &err), PEAL_E_USAGE);
    }
    char *text = malloc(2 * PEAL_SPEC_TEXT);
    memset(text, 'x', 2 * PEAL_SPEC_TEXT - 1);
    text[2 * PEAL_SPEC_TEXT - 1] = '\0';
    assert_int_equal(peal_spec_parse("model", text, &spec, &err), PEAL_E_USAGE);
    free(text);
}

static void keys_are_checked(void **state) {
    (void)state;
    static const char *const known[] = {"hidden", "dropout", NULL};
    peal_error err;
    peal_spec spec;
    assert_ok(peal_spec_parse("model", "mlp:hiden=3", &spec, &err));
    assert_int_equal(peal_spec_check("model", &spec, known, &err), PEAL_E_USAGE);
    assert_has(err.message, "did you mean 'hidden'");
    assert_ok(peal_spec_parse("model", "mlp:hidden=3,hidden=4", &spec, &err));
    assert_int_equal(peal_spec_check("model", &spec, known, &err), PEAL_E_USAGE);
    double value;
    assert_ok(peal_spec_parse("model", "mlp:dropout=nan", &spec, &err));
    assert_int_equal(peal_spec_number(&spec, "dropout", 0, 0, 1, &value, &err), PEAL_E_USAGE);
    assert_ok(peal_spec_parse("model", "mlp:dropout=2", &spec, &err));
    assert_int_equal(peal_spec_number(&spec, "dropout", 0, 0, 1, &value, &err), PEAL_E_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_is_taken_apart),
        cmocka_unit_test(bad_specs_are_refused),
        cmocka_unit_test(keys_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
