/* libsvm: rows as other programs write and read them, what makes a row bad, and what is taken for this format. */
#include <float.h>
#include <math.h>

#include "core/base/number.h"
#include "etl/format/float32.h"
#include "tests/etl/sparse_rows.h"

static const sparse_read plain = {.format = &peal_format_libsvm, .label_required = true};

static void rows_are_read(void **state) {
    (void)state;
    assert_sparse_rows(&plain,
                       "1 3:1 10:0.5 # a comment\n"
                       "-1.5\t1:-2e-3\t 7:+4\r\n"
                       "\n"
                       "# only a comment 1:1\n"
                       "+1\n"
                       "0 2147483647:1.25",
                       "label=1 | 3:1 10:0.5\n"
                       "label=-1.5 | 1:-0.00200000009 7:4\n"
                       "label=1 |\n"
                       "label=0 | 2147483647:1.25\n");
}

static void a_mark_and_an_empty_input_are_no_rows(void **state) {
    (void)state;
    assert_sparse_rows(&plain,
                       "\xEF\xBB\xBF"
                       "1 3:1\n2 4:1\n",
                       "label=1 | 3:1\nlabel=2 | 4:1\n");
    assert_sparse_rows(&plain, "", "");
    assert_sparse_rows(&plain, "\n\n# nothing\n", "");
}

static void queries_make_a_column_where_there_are_any(void **state) {
    (void)state;
    assert_sparse_rows(&plain, "1 qid:3 1:1\n0 1:2\n2 qid:4x 1:1\n2 qid:4 qid:5\n2 qid:\n",
                       "label=1 qid=3 | 1:1\n"
                       "label=0 qid= | 1:2\n"
                       "line 3: 'qid:4x': a qid is a whole number\n"
                       "line 4: 'qid:5': the row has a qid already\n"
                       "line 5: 'qid:': the qid is missing\n");
}

static void classes_may_be_texts(void **state) {
    (void)state;
    assert_sparse_rows(&plain, "cat 1:1\ndog 2:1\n 3:1\n",
                       "label=cat | 1:1\n"
                       "label=dog | 2:1\n"
                       "line 3: the label 'label' is missing (on-bad-row drop leaves such rows out)\n");
}

static void indices_in_any_order_come_out_ascending(void **state) {
    (void)state;
    assert_sparse_rows(&plain, "1 9:1 3:2 5:3\n", "label=1 | 3:2 5:3 9:1\n");
    char text[4096] = "1", rows[4096] = "label=1 |";
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text + strlen(text), 32, " %u:%u", (i * 77 + 1) % 200 * 100000 + 1, (i * 77 + 1) % 200);
        snprintf(rows + strlen(rows), 32, " %u:%u", i * 100000 + 1, i);
    }
    strcat(rows, "\n");
    assert_sparse_rows(&plain, text, rows);
}

static void the_base_is_taken_off(void **state) {
    (void)state;
    json_t *options = json_pack("{s:i}", "base", 1);
    sparse_read how = plain;
    how.options = options;
    assert_sparse_rows(&how, "1 1:5 3:6\n1 0:5\n1 3:1 3:2\n",
                       "label=1 | 0:5 2:6\n"
                       "line 2: '0:5': the index is not from 1 to 2147483647\n"
                       "line 3: '3': the index stands twice\n");
    json_decref(options);
    assert_sparse_rows(&plain, "1 0:5 3:6\n", "label=1 | 0:5 3:6\n");
}

static void bad_rows_are_named_and_leave_nothing(void **state) {
    (void)state;
    assert_sparse_rows(
        &plain,
        "1 1:1\n1,3 1:1\n1 2:1 2\n1 x:1\n1 3:\n1 3:nan\n1 3:1e39\n1 3:0.5x\n1 2147483648:1\n1 99999999999999999999:1\n"
        "1 4:1 4:1\n1 :1\n1 5:1:2\n1 -5:1\n2 7:1\n",
        "label=1 | 1:1\n"
        "line 2: '1,3': several labels; one was expected, rows of several classes are not read\n"
        "line 3: '2': there is no ':'; an index and a value (3:0.5) were expected\n"
        "line 4: 'x:1': what stands before ':' is no index; a whole number was expected\n"
        "line 5: '3:': what stands behind ':' is no number that a float32 can hold\n"
        "line 6: '3:nan': what stands behind ':' is no number that a float32 can hold\n"
        "line 7: '3:1e39': what stands behind ':' is no number that a float32 can hold\n"
        "line 8: '3:0.5x': what stands behind ':' is no number that a float32 can hold\n"
        "line 9: '2147483648:1': the index is not from 0 to 2147483647\n"
        "line 10: '99999999999999999999:1': the index is not from 0 to 2147483647\n"
        "line 11: '4': the index stands twice\n"
        "line 12: ':1': what stands before ':' is no index; a whole number was expected\n"
        "line 13: '5:1:2': what stands behind ':' is no number that a float32 can hold\n"
        "line 14: '-5:1': what stands before ':' is no index; a whole number was expected\n"
        "label=2 | 7:1\n");
}

static void a_label_that_does_not_fit_leaves_no_features(void **state) {
    (void)state;
    assert_sparse_rows(&plain, "1 1:1\n2 2:1\n3 3:1\n4 4:1\n5 5:1\n6 6:1\n7 7:1\n8 8:1\n9 9:1\nx 10:1\n",
                       "label=1 | 1:1\nlabel=2 | 2:1\nlabel=3 | 3:1\nlabel=4 | 4:1\nlabel=5 | 5:1\nlabel=6 | 6:1\n"
                       "label=7 | 7:1\nlabel=8 | 8:1\nlabel=9 | 9:1\n"
                       "line 10: column 'label': 'x' is not a number\n");
}

static void columns_may_be_skipped(void **state) {
    (void)state;
    sparse_read how = plain;
    how.skip = "values";
    assert_sparse_rows(&how, "1 9:5 3:6\n", "label=1 | 3 9\n");
    how.skip = "indices";
    assert_sparse_rows(&how, "1 9:5 3:6\n", "label=1 | 6 5\n");
    how.skip = "label";
    assert_sparse_rows(&how, "1 9:5\n", "| 9:5\n");
}

static void unlabelled_rows_are_read_where_no_label_is_needed(void **state) {
    (void)state;
    sparse_read how = plain;
    how.label_required = false;
    assert_sparse_rows(&how, "1 1:1\n2:5 3:6\n", "label=1 | 1:1\nlabel=nan | 2:5 3:6\n");
    how.label = "y"; /* of another name: no row has it */
    assert_sparse_rows(&how, "1 1:1\n", "label=1 y= | 1:1\n");
}

static void a_column_that_is_not_there_is_named(void **state) {
    (void)state;
    sparse_read how = plain;
    peal_buffer out = {0};
    peal_error err;
    how.label = "price";
    assert_int_equal(sparse_rows(&how, "1 1:1\n", 6, &out, &err), PEAL_E_DATA);
    assert_string_equal(err.message,
                        "f: there is no column 'price' in it, which has 'label', 'qid', 'indices' and 'values'");
    peal_buffer_clear(&out);
}

static void the_survey_tells_types(void **state) {
    (void)state;
    peal_found found;
    peal_error err;
    assert_ok(sparse_survey(&plain, "1 1:1\n0 2:1\n", 12, &found, &err));
    assert_int_equal(found.schema.count, 3);
    assert_string_equal(found.label, "label");
    assert_int_equal(found.schema.fields[0].type, PEAL_TYPE_FLOAT64);
    assert_true(found.schema.fields[0].decided && !found.schema.fields[0].settled);
    assert_true(found.guesses[0].few_whole);
    assert_int_equal(found.schema.fields[1].type, PEAL_TYPE_LIST);
    assert_int_equal(found.schema.fields[1].item, PEAL_TYPE_UINT32);
    assert_int_equal(found.schema.fields[2].item, PEAL_TYPE_FLOAT32);
    assert_true(found.schema.fields[2].settled);
    peal_found_clear(&found);
    assert_ok(sparse_survey(&plain, "", 0, &found, &err));
    assert_int_equal(found.schema.count, 3);
    assert_false(found.schema.fields[0].decided);
    peal_found_clear(&found);
}

/* A row of a million features, longer than the sample, with a label behind which the sample ends. */
static void long_lines_are_read(void **state) {
    (void)state;
    enum { FEATURES = 300000 };
    char *text = malloc(FEATURES * 10 + 16), *at = text + sprintf(text, "3");
    for (unsigned i = 0; i < FEATURES; i++) at += sprintf(at, " %u:1", i);
    peal_found found;
    peal_error err;
    assert_ok(sparse_survey(&plain, text, (size_t)(at - text), &found, &err));
    assert_true(found.schema.fields[0].decided);
    peal_found_clear(&found);
    peal_buffer out = {0};
    assert_ok(sparse_rows(&plain, text, (size_t)(at - text), &out, &err));
    assert_has((const char *)out.data, " 299999:1\n");
    peal_buffer_clear(&out);
    free(text);
}

static void files_read_as_scikit_learn_reads_them(void **state) {
    (void)state;
    assert_sparse_golden(&plain, "tests/data/libsvm/agaricus.libsvm", "tests/data/libsvm/agaricus.rows");
    assert_sparse_golden(&plain, "tests/data/libsvm/queries.libsvm", "tests/data/libsvm/queries.rows");
}

/* ---- numbers ---- */

static void check_number(const char *text) {
    float got = 0;
    double right;
    const size_t length = strlen(text), used = float32__read(text, text + length, &got);
    const bool is_number = peal_number_parse(text, length, &right) && fabs(right) <= (double)FLT_MAX;
    if (!is_number) {
        assert_true(used < length);
        return;
    }
    const float expected = (float)right;
    if (used != length || memcmp(&got, &expected, sizeof got) != 0) {
        fail_msg("'%s': %zu bytes, %.9g; expected %.9g", text, used, (double)got, (double)expected);
    }
}

static void numbers_are_those_of_the_double_parser(void **state) {
    (void)state;
    static const char *const odd[] = {"0",
                                      "-0",
                                      "+.5",
                                      "5.",
                                      ".",
                                      "1e",
                                      "1e+",
                                      "-",
                                      "1e-45",
                                      "1e38",
                                      "1e-38",
                                      "3.5e38",
                                      "1e-400",
                                      "1e9",
                                      "nan",
                                      "0x10",
                                      "inf",
                                      "1.17549435e-38",
                                      "3.40282347e38",
                                      "00000000000000000000001.5",
                                      "16777217",
                                      "16777217.0000000001",
                                      "16777216.9999999999",
                                      "1.00000005960464477"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) check_number(odd[i]);
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < 300000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint32_t bits = (uint32_t)random;
        float value, above;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        above = nextafterf(value, INFINITY);
        char text[64];
        snprintf(text, sizeof text, i % 2 ? "%.9g" : "%.17g", (double)value);
        check_number(text);
        /* Near the middle between two: the hardest to round. */
        snprintf(text, sizeof text, "%.*g", (int)(9 + random % 10), ((double)value + (double)above) / 2);
        check_number(text);
        snprintf(text, sizeof text, "%.*f", (int)(random >> 40 & 15), (double)(int32_t)bits / 65536);
        check_number(text);
    }
}

/* ---- recognition ---- */

static const char *recognised(const char *text, const char *name) {
    const peal_format *format;
    peal_error err;
    if (peal_format_recognise((const uint8_t *)text, strlen(text), name, &format, &err) != PEAL_OK) return "none";
    return format->name;
}

static void files_are_recognised(void **state) {
    (void)state;
    assert_string_equal(recognised("1 3:1 10:1\n0 4:1\n", "-"), "libsvm");
    assert_string_equal(recognised("1 3:1 10:1\n0 4:1\n", "agaricus.txt.train"), "libsvm");
    assert_string_equal(recognised("-1 qid:1 3:0.5 10:1 # x\n\n+1 qid:1\n", "-"), "libsvm");
    assert_string_equal(recognised("# made by hand\n2.5 1:1 2:1", "-"), "libsvm");
    assert_string_equal(recognised("1 3:1\n", "a.svm.gz"), "libsvm");
    assert_string_equal(recognised("3:1 4:1 9:1\n", "-"), "libsvm");
}

/* A bad row is one, and makes no table of all of them. */
static void bad_rows_leave_the_format(void **state) {
    (void)state;
    static const char *const files[] = {"1 1:nan 2:inf\n0 2:1\n", "1 1:0.5 1:0.7\n0 2:1\n", "1,2 1:0.5\n0 2:1\n",
                                        "1 1:1 2 3\n0 2:1\n",     "1 a:1\n0 b:1\n",         "1 4294967296:1\n0 2:1\n"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_string_equal(recognised(files[i], "x.svm"), "libsvm");
        assert_string_equal(recognised(files[i], "x.csv"), "csv");
    }
    assert_string_equal(recognised("a,b\n1,2\n", "x.svm"), "csv");
    static const char good[] = "1 2:1 3:1\n0 2:1 4:1\n";
    char text[512] = "1 3:1 3:1\n";
    assert_string_equal(recognised(text, "-"), "csv");
    for (size_t i = 0; i < 5; i++) strcat(text, good);
    assert_string_equal(recognised(text, "-"), "libsvm");
    strcat(text, "1 4:1 4:1\n");
    assert_string_equal(recognised(text, "-"), "csv"); /* more than one in ten */
}

static void tables_are_not_taken(void **state) {
    (void)state;
    static const char *const tables[] = {
        "a,b\n1,2\n",     "1 2 3\n4 5 6\n", "1 12:30\n2 12:45\n", "12:30\n13:00\n",
        "1 12:30:15 5\n", "1\n2\n3\n",      "id time\n1 12:30\n", "1 3:1 4:1\nx 3:1 4:1 y\n",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        assert_string_equal(recognised(tables[i], "-"), "csv");
        assert_string_equal(recognised(tables[i], "x.csv"), "csv");
    }
}

/* A line that is longer than what is looked at. */
static void a_cut_line_is_recognised(void **state) {
    (void)state;
    char text[PEAL_HEAD_SIZE + 64];
    size_t size = (size_t)sprintf(text, "1");
    for (unsigned i = 0; size < PEAL_HEAD_SIZE; i++) size += (size_t)sprintf(text + size, " %u:0.125", i);
    text[PEAL_HEAD_SIZE] = '\0';
    assert_string_equal(recognised(text, "-"), "libsvm");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(a_mark_and_an_empty_input_are_no_rows),
        cmocka_unit_test(queries_make_a_column_where_there_are_any),
        cmocka_unit_test(classes_may_be_texts),
        cmocka_unit_test(indices_in_any_order_come_out_ascending),
        cmocka_unit_test(the_base_is_taken_off),
        cmocka_unit_test(bad_rows_are_named_and_leave_nothing),
        cmocka_unit_test(a_label_that_does_not_fit_leaves_no_features),
        cmocka_unit_test(columns_may_be_skipped),
        cmocka_unit_test(unlabelled_rows_are_read_where_no_label_is_needed),
        cmocka_unit_test(a_column_that_is_not_there_is_named),
        cmocka_unit_test(the_survey_tells_types),
        cmocka_unit_test(long_lines_are_read),
        cmocka_unit_test(files_read_as_scikit_learn_reads_them),
        cmocka_unit_test(numbers_are_those_of_the_double_parser),
        cmocka_unit_test(files_are_recognised),
        cmocka_unit_test(bad_rows_leave_the_format),
        cmocka_unit_test(tables_are_not_taken),
        cmocka_unit_test(a_cut_line_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
