/* Decimal text to double and back, compared with strtod. */
#include "core/base/number.h"

#include <float.h>
#include <inttypes.h>

#include "core/base/philox.h"
#include "tests/support.h"

static void equal_to_strtod(const char *text) {
    double mine, theirs = strtod(text, NULL);
    if (!peal_number_parse(text, strlen(text), &mine)) fail_msg("'%s' is not read", text);
    if (memcmp(&mine, &theirs, sizeof mine) != 0) fail_msg("'%s': %.17g, strtod %.17g", text, mine, theirs);
}

static void random_numbers_equal_strtod(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    char text[128];
    for (int i = 0; i < 200000; i++) {
        double unit = peal_philox_unit64(&random);
        switch (i % 6) {
        case 0:
            snprintf(text, sizeof text, "%u", peal_philox_u32(&random));
            break;
        case 1:
            snprintf(text, sizeof text, "%.17g", unit * 1e6 - 5e5);
            break;
        case 2:
            snprintf(text, sizeof text, "%.3f", unit * 1e9);
            break;
        case 3:
            snprintf(text, sizeof text, "%.12e", unit);
            break;
        case 4:
            snprintf(text, sizeof text, "-%u.%08ue%d", peal_philox_u32(&random), peal_philox_u32(&random) % 100000000,
                     (int)(peal_philox_u32(&random) % 600) - 320);
            break;
        default:
            snprintf(text, sizeof text, "%llu%llu", (unsigned long long)(unit * 1e18), (unsigned long long)i);
            break;
        }
        double value;
        if (strtod(text, NULL) > 1e308 || strtod(text, NULL) < -1e308) continue;
        (void)value;
        equal_to_strtod(text);
    }
}

static void edge_cases_equal_strtod(void **state) {
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "+0",
                                        "1",
                                        "007",
                                        ".5",
                                        "5.",
                                        "-.5e3",
                                        "1e22",
                                        "1e23",
                                        "9007199254740993",
                                        "1.7976931348623157e308",
                                        "4.9e-324",
                                        "2.4e-324",
                                        "1e-400",
                                        "0e999999999",
                                        "123456789012345678901234567890",
                                        "0.1",
                                        "0.000000000000000000000001",
                                        "2.2250738585072011e-308",
                                        "18446744073709551616",
                                        "00000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) equal_to_strtod(texts[i]);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",    " ",   "-",   "+",     ".",   "e5",    "1e",    "1e+", "0x10", "nan",
                                        "inf", "1 2", "1,5", "1e400", "--1", "1.2.3", "1_000", "NaN", "12a"};
    double value;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (peal_number_parse(texts[i], strlen(texts[i]), &value)) fail_msg("'%s' is read as %g", texts[i], value);
    }
    assert_true(peal_number_parse(" 7\t", 3, &value) && value == 7);
}

static void texts_read_back_as_the_number(void **state) {
    (void)state;
    char text[PEAL_NUMBER_TEXT];
    assert_string_equal(peal_number_text(0.1, text), "0.1");
    assert_string_equal(peal_number_text(0.7000004, text), "0.7000004");
    assert_string_equal(peal_number_text(-0.0, text), "-0");
    assert_string_equal(peal_number_text(1e300, text), "1e+300");
    assert_string_equal(peal_number_text(1.0 / 3, text), "0.3333333333333333");
    assert_string_equal(peal_number_text(9007199254740993.0, text), "9007199254740992");
}

static void numbers_are_told_apart_in_the_middle(void **state) {
    (void)state;
    assert_true(peal_number_between(1, 3) == 2);
    assert_true(peal_number_between(-3, -1) == -2);
    assert_true(peal_number_between(0, 2) == 1);
    assert_true(peal_number_between(-2, 0) == -1);
    assert_true(peal_number_between(DBL_MAX / 2, DBL_MAX) == DBL_MAX / 4 * 3);
    /* A zero that was not seen is of those below. */
    assert_true(peal_number_between(-2, 1) == PEAL_NEARLY_ZERO);
    assert_true(peal_number_between(-DBL_MAX, DBL_MAX / 2) == PEAL_NEARLY_ZERO);
    assert_true(peal_number_between(-0x1p-130, 0x3p-130) == 0x1p-130);
}

static void whole_numbers_are_written_as_printf_does(void **state) {
    (void)state;
    static const uint64_t edges[] = {0,         1, 9, 10, 99, 100, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1,
                                     UINT64_MAX};
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t i = 0; i < 20000; i++) {
        const size_t count = sizeof edges / sizeof *edges;
        const uint64_t high = peal_philox_u32(&random), low = peal_philox_u32(&random);
        const uint64_t value = i < count ? edges[i] : (high << 32 | low) >> peal_philox_below(&random, 64);
        char text[PEAL_NUMBER_TEXT], expected[PEAL_NUMBER_TEXT];
        assert_int_equal(peal_unsigned_text(value, text), snprintf(expected, sizeof expected, "%" PRIu64, value));
        assert_string_equal(text, expected);
        assert_int_equal(peal_integer_text((int64_t)value, text),
                         snprintf(expected, sizeof expected, "%" PRId64, (int64_t)value));
        assert_string_equal(text, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_equal_strtod),  cmocka_unit_test(texts_read_back_as_the_number),
        cmocka_unit_test(edge_cases_equal_strtod),      cmocka_unit_test(numbers_are_told_apart_in_the_middle),
        cmocka_unit_test(what_is_no_number_is_refused), cmocka_unit_test(whole_numbers_are_written_as_printf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
