/* Cells: what texts mean, in all the ways in which people write them. */
#include "etl/format/cell.h"

#include <math.h>

#include "tests/support.h"

static const peal_nulls no_nulls;
static const peal_spelling plain;

static peal_cell cell(const peal_nulls *nulls, const peal_spelling *spelling, const char *text, double *out) {
    return peal_cell_number(nulls, spelling, text, strlen(text), out);
}

static void assert_number(const peal_spelling *spelling, const char *text, double expected) {
    double got;
    if (cell(&no_nulls, spelling, text, &got) != PEAL_CELL_NUMBER) fail_msg("'%s' is no number", text);
    if (got != expected) fail_msg("'%s' is %.17g and not %.17g", text, got, expected);
}

static void assert_other(const peal_spelling *spelling, const char *text) {
    double got;
    if (cell(&no_nulls, spelling, text, &got) != PEAL_CELL_OTHER) fail_msg("'%s' is %g", text, got);
    assert_true(isnan(got));
}

static void numbers_are_read_in_the_usual_way(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double number;
    } cases[] = {{"0", 0},       {"-0", 0},       {"12", 12}, {"+3", 3},
                 {"1.5", 1.5},   {".5", 0.5},     {"5.", 5},  {"1e3", 1000},
                 {"1E-2", 0.01}, {"-2.5e1", -25}, {"007", 7}, {"123456789012345678", 123456789012345678.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_number(&plain, cases[i].text, cases[i].number);
    static const char *const others[] = {"x",     "1,5",  "1 5", "$5", "5%", "(5)",
                                         "1.2.3", "0x10", "--5", "1e", "e5", "12a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_other(&plain, others[i]);
}

static void usual_spellings_of_missing_are_known(void **state) {
    (void)state;
    static const char *const certain[] = {"NA",   "na",  "N/A",  "NaN",  "nan", "NULL",
                                          "null", "\\N", "<NA>", "#N/A", "#NA", "nil"};
    static const char *const uncertain[] = {"None", "n.a.", "-nan", "-", "--", "?", ".", "..", "missing", "Missing"};
    double number;
    for (size_t i = 0; i < sizeof certain / sizeof *certain; i++) {
        if (cell(&no_nulls, &plain, certain[i], &number) != PEAL_CELL_USUAL) fail_msg("%s", certain[i]);
        assert_true(isnan(number));
        assert_true(peal_cell_is_usual(certain[i], strlen(certain[i]), true));
    }
    for (size_t i = 0; i < sizeof uncertain / sizeof *uncertain; i++) {
        if (cell(&no_nulls, &plain, uncertain[i], &number) != PEAL_CELL_USUAL) fail_msg("%s", uncertain[i]);
        assert_true(peal_cell_is_usual(uncertain[i], strlen(uncertain[i]), false));
        assert_false(peal_cell_is_usual(uncertain[i], strlen(uncertain[i]), true));
    }
    static const char *const none[] = {"", "nab", "n", "not available", "---", "0", "missing value"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(peal_cell_is_usual(none[i], strlen(none[i]), false));
    }
    assert_int_equal(cell(&no_nulls, &plain, "", &number), PEAL_CELL_MISSING);
}

static void named_nulls_are_missing(void **state) {
    (void)state;
    peal_error err;
    peal_nulls nulls;
    double number;
    static const char *const texts[] = {"gone", "-999", "NA"};
    assert_ok(peal_nulls_make(texts, 3, &nulls, &err));
    static const char *const missing[] = {"", "gone", "-999", "-999.0", "-9.99e2", "NA"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (cell(&nulls, &plain, missing[i], &number) != PEAL_CELL_MISSING) fail_msg("'%s'", missing[i]);
        assert_true(isnan(number));
        assert_true(peal_nulls_hold(&nulls, missing[i], strlen(missing[i])));
    }
    assert_int_equal(cell(&nulls, &plain, "999", &number), PEAL_CELL_NUMBER);
    assert_int_equal(cell(&nulls, &plain, "Gone", &number), PEAL_CELL_OTHER); /* as it was named, letter for letter */
    assert_int_equal(cell(&nulls, &plain, "na", &number), PEAL_CELL_USUAL);
    assert_false(peal_nulls_hold(&nulls, "gon", 3));
    peal_nulls_clear(&nulls);
    assert_int_equal(nulls.count, 0);
}

static void decimal_mark_and_thousands_are_as_they_are_told(void **state) {
    (void)state;
    static const peal_spelling comma = {.decimal = ','}, thousands = {.thousands = ','},
                               german = {.decimal = ',', .thousands = '.'}, french = {.decimal = ',', .thousands = ' '},
                               swiss = {.thousands = '\''};
    assert_number(&comma, "1,5", 1.5);
    assert_number(&comma, "-,5", -0.5);
    assert_number(&comma, "12", 12);
    assert_other(&comma, "1.5");
    assert_other(&comma, "1,5,0");
    assert_number(&thousands, "1,234", 1234);
    assert_number(&thousands, "-12,345,678.5", -12345678.5);
    assert_number(&thousands, "1234", 1234);
    assert_other(&thousands, "1,23");
    assert_other(&thousands, "1234,567");
    assert_other(&thousands, ",123");
    assert_other(&thousands, "1,234,56");
    assert_other(&thousands, "1.5,000");
    assert_number(&german, "1.234,5", 1234.5);
    assert_other(&german, "1,234.5");
    assert_number(&french, "1 234 567,25", 1234567.25);
    assert_number(&swiss, "1'234.5", 1234.5);
}

static void loose_numbers_pass_signs_over(void **state) {
    (void)state;
    static const peal_spelling loose = {.loose = true}, both = {.loose = true, .thousands = ','};
    assert_number(&loose, "$5", 5);
    assert_number(&loose, "5 %", 5);
    assert_number(&loose, " 5\t", 5);
    assert_number(&loose, "(5)", -5);
    assert_number(&loose, "\xE2\x82\xAC 2.50", 2.5);
    assert_number(&loose,
                  "\xC2\xA3"
                  "7",
                  7);
    assert_number(&loose,
                  "\xE2\x88\x92"
                  "3",
                  -3);
    assert_number(&both, "$1,234.50", 1234.5);
    assert_number(&both, "($1,234)", -1234);
    assert_other(&loose, "five");
    assert_other(&loose, "$");
    assert_other(&loose, "()");
    assert_other(&loose, "5 kg");
}

/* No text of any length may end up outside of the buffer in which an unusual number is written the usual way. */
static void long_cells_are_no_numbers(void **state) {
    (void)state;
    static const peal_spelling ways[] = {{0}, {.decimal = ','}, {.thousands = ','}, {.loose = true}};
    for (size_t length = 100; length < 400; length += 7) {
        char *text = malloc(length);
        double number;
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            memset(text, '9', length);
            peal_cell_number(&no_nulls, &ways[i], text, length, &number);
            memset(text, '$', length);
            assert_int_equal(peal_cell_number(&no_nulls, &ways[i], text, length, &number), PEAL_CELL_OTHER);
            peal_spelling_hint(text, length);
        }
        free(text);
    }
}

static void booleans_are_read_in_all_spellings(void **state) {
    (void)state;
    static const char *const yes[] = {"true", "TRUE", "True", "yes", "Y", "t", "on", "1", "1.0"};
    static const char *const no[] = {"false", "FALSE", "False", "no", "N", "f", "off", "0", "0.0"};
    double number;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_int_equal(peal_cell_bool(&no_nulls, yes[i], strlen(yes[i]), &number), PEAL_CELL_NUMBER);
        assert_true(number == 1);
        assert_int_equal(peal_cell_bool(&no_nulls, no[i], strlen(no[i]), &number), PEAL_CELL_NUMBER);
        assert_true(number == 0);
    }
    assert_int_equal(peal_cell_bool(&no_nulls, "", 0, &number), PEAL_CELL_MISSING);
    assert_int_equal(peal_cell_bool(&no_nulls, "NA", 2, &number), PEAL_CELL_USUAL);
    assert_int_equal(peal_cell_bool(&no_nulls, "maybe", 5, &number), PEAL_CELL_OTHER);
    assert_int_equal(peal_cell_bool(&no_nulls, "2", 1, &number), PEAL_CELL_OTHER);
    assert_true(peal_cell_is_true_or_false("tRuE", 4));
    assert_false(peal_cell_is_true_or_false("yes", 3));
}

static void hints_name_the_option_that_reads_the_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *hint;
    } cases[] = {
        {"1,234", "thousands ,"},
        {"1,5", "decimal ,"},
        {"1.234,5", "decimal , and thousands ."},
        {"$5", "numbers loose"},
        {"$1,234.50", "numbers loose and thousands ,"},
        {"5,5 %", "numbers loose and decimal ,"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *hint = peal_spelling_hint(cases[i].text, strlen(cases[i].text));
        if (!hint) fail_msg("no hint for '%s'", cases[i].text);
        assert_string_equal(hint, cases[i].hint);
    }
    static const char *const none[] = {"", "5", "five", "1.2.3"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(peal_spelling_hint(none[i], strlen(none[i])));
}

static void whole_numbers_of_64_bits_are_exact(void **state) {
    (void)state;
    int64_t value;
    assert_true(peal_cell_int64("9223372036854775807", 19, &value) && value == INT64_MAX);
    assert_true(peal_cell_int64("-9223372036854775808", 20, &value) && value == INT64_MIN);
    assert_true(peal_cell_int64("+7", 2, &value) && value == 7);
    assert_true(peal_cell_int64("-0", 2, &value) && value == 0);
    static const char *const others[] = {
        "", "-", "+", "1.0", "1e3", " 1", "9223372036854775808", "-9223372036854775809"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (peal_cell_int64(others[i], strlen(others[i]), &value)) fail_msg("'%s' was taken", others[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_the_usual_way),
        cmocka_unit_test(usual_spellings_of_missing_are_known),
        cmocka_unit_test(named_nulls_are_missing),
        cmocka_unit_test(decimal_mark_and_thousands_are_as_they_are_told),
        cmocka_unit_test(loose_numbers_pass_signs_over),
        cmocka_unit_test(long_cells_are_no_numbers),
        cmocka_unit_test(booleans_are_read_in_all_spellings),
        cmocka_unit_test(hints_name_the_option_that_reads_the_text),
        cmocka_unit_test(whole_numbers_of_64_bits_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
