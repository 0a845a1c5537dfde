/* Error messages, their context, and hints to mistyped words. */
#include "core/base/status.h"

#include "core/base/spelling.h"
#include "tests/support.h"

static void error_says_what_and_why(void **state) {
    (void)state;
    peal_error err;
    assert_int_equal(peal_fail_errno(&err, PEAL_E_FAILED, 2, "cannot open %s", "x"), PEAL_E_FAILED);
    assert_string_equal(err.message, "cannot open x: No such file or directory");
    peal_error_context(&err, "reading %d", 3);
    assert_string_equal(err.message, "reading 3: cannot open x: No such file or directory");
    assert_int_equal(err.status, PEAL_E_FAILED);
}

static void error_may_be_null(void **state) {
    (void)state;
    assert_int_equal(peal_fail(NULL, PEAL_E_DATA, "x"), PEAL_E_DATA);
    assert_int_equal(peal_fail_errno(NULL, PEAL_E_USAGE, 2, "x"), PEAL_E_USAGE);
    peal_error_context(NULL, "x");
}

static void long_message_is_cut_not_overrun(void **state) {
    (void)state;
    peal_error err;
    char *text = malloc(5000);
    memset(text, 'a', 4999);
    text[4999] = '\0';
    peal_fail(&err, PEAL_E_DATA, "%s", text);
    peal_error_context(&err, "%s", text);
    assert_int_equal(strlen(err.message), PEAL_ERROR_MESSAGE_SIZE - 1);
    free(text);
}

static void nearest_word_is_found_or_none(void **state) {
    (void)state;
    static const char *const words[] = {"epochs", "batch", "optimizer"};
    assert_string_equal(peal_nearest_word("epoch", words, 3), "epochs");
    assert_string_equal(peal_nearest_word("bacth", words, 3), "batch");
    assert_string_equal(peal_nearest_word("OPTIMISER", words, 3), "optimizer");
    assert_null(peal_nearest_word("zzzz", words, 3));
    char hint[PEAL_HINT_SIZE];
    assert_string_equal(peal_did_you_mean("epoch", words, 3, hint),
                        " (did you mean 'epochs'?); there are: epochs, batch, optimizer");
    assert_string_equal(peal_did_you_mean("qqqq", words, 3, hint), "; there are: epochs, batch, optimizer");
    const char *many[20000];
    for (size_t i = 0; i < 20000; i++) many[i] = "a column whose name is longer than what is shown of it";
    const char *end = strstr(peal_did_you_mean("qqqq", many, 20000, hint), " and 19988 more");
    assert_true(end && strlen(end) == strlen(" and 19988 more"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_says_what_and_why),
        cmocka_unit_test(error_may_be_null),
        cmocka_unit_test(long_message_is_cut_not_overrun),
        cmocka_unit_test(nearest_word_is_found_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
