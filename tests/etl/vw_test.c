/* vw: rows as Vowpal Wabbit itself reads them, what makes a row bad, and what is taken for this format. */
#include "tests/etl/sparse_rows.h"

static const sparse_read plain = {.format = &peal_format_vw};

static void files_read_as_vowpal_wabbit_reads_them(void **state) {
    (void)state;
    assert_sparse_golden(&plain, "tests/data/vw/names.vw", "tests/data/vw/names-18.rows");
    assert_sparse_golden(&plain, "tests/data/vw/rcv1.vw", "tests/data/vw/rcv1.rows");
}

static void bits_cut_the_hash(void **state) {
    (void)state;
    static const int bits[] = {5, 24};
    for (size_t i = 0; i < 2; i++) {
        char rows[64];
        json_t *options = json_pack("{s:i}", "bits", bits[i]);
        sparse_read how = plain;
        how.options = options;
        snprintf(rows, sizeof rows, "tests/data/vw/names-%d.rows", bits[i]);
        assert_sparse_golden(&how, "tests/data/vw/names.vw", rows);
        json_decref(options);
    }
}

static void rows_are_read(void **state) {
    (void)state;
    assert_sparse_rows(&plain,
                       "1 | 3:0.5 2\r\n"
                       "\n"
                       "0\t2|\t7:1\t1:2\n"
                       " -1 3 'x | 5",
                       "label=1 importance=1 tag= | 2:1 3:0.5\n"
                       "label=0 importance=1 tag=2 | 1:2 7:1\n"
                       "label=-1 importance=3 tag=x | 5:1\n");
}

static void bad_rows_are_named_and_leave_nothing(void **state) {
    (void)state;
    assert_sparse_rows(
        &plain,
        "1 | 1:1\n1 2 3 4 | 1\n1:2:0.5 | 1\n1,2 | 1\n1 2:1\n1 | 2:1 a:b\n1 | a:\n1 |: a\n1 |f: a\n1 | a:nan\n1 | "
        "a:1e39\n"
        "1 |f:1e30 a:1e30\n1 | 3:3e38 3:3e38\n1 x | 1\n1 | a:1:2\n1 | 9\n",
        "label=1 importance=1 | 1:1\n"
        "line 2: '4': a fourth word in front of '|'; label, importance and base were expected\n"
        "line 3: '1:2:0.5': a label of several parts; one value was expected, actions, costs and several classes are "
        "not read\n"
        "line 4: '1,2': a label of several parts; one value was expected, actions, costs and several classes are "
        "not read\n"
        "line 5: '1': there is no '|' in the line; one was expected in front of the features\n"
        "line 6: 'a:b': what stands behind ':' is no number that a float32 can hold\n"
        "line 7: 'a:': what stands behind ':' is no number that a float32 can hold\n"
        "line 8: ':': the weight of a namespace without a name\n"
        "line 9: 'f:': what stands behind ':' is no number that a float32 can hold\n"
        "line 10: 'a:nan': what stands behind ':' is no number that a float32 can hold\n"
        "line 11: 'a:1e39': what stands behind ':' is no number that a float32 can hold\n"
        "line 12: 'a:1e30': what stands behind ':' is no number that a float32 can hold\n"
        "line 13: '1': the sum of its values is not finite\n"
        "line 14: column 'importance': 'x' is not a number\n"
        "line 15: 'a:1:2': what stands behind ':' is no number that a float32 can hold\n"
        "label=1 importance=1 | 9:1\n");
}

static void a_label_is_asked_for_where_it_is_required(void **state) {
    (void)state;
    sparse_read how = plain;
    how.label_required = true;
    assert_sparse_rows(&how, "1 | 1\n | 2\n'tag | 3\n",
                       "label=1 importance=1 tag= | 1:1\n"
                       "line 2: the label 'label' is missing (on-bad-row drop leaves such rows out)\n"
                       "line 3: the label 'label' is missing (on-bad-row drop leaves such rows out)\n");
}

static void the_survey_tells_types(void **state) {
    (void)state;
    static const char text[] = "yes 2 'a | 1\nno 'b | 2\n";
    peal_found found;
    peal_error err;
    assert_ok(sparse_survey(&plain, text, strlen(text), &found, &err));
    assert_int_equal(found.schema.count, 5);
    assert_string_equal(found.label, "label");
    assert_int_equal(found.schema.fields[0].type, PEAL_TYPE_DICTIONARY);
    assert_int_equal(found.schema.fields[1].type, PEAL_TYPE_FLOAT64);
    assert_string_equal(found.schema.fields[2].name, "tag");
    assert_int_equal(found.schema.fields[2].type, PEAL_TYPE_DICTIONARY);
    assert_int_equal(found.schema.fields[3].item, PEAL_TYPE_UINT32);
    assert_int_equal(found.schema.fields[4].item, PEAL_TYPE_FLOAT32);
    peal_found_clear(&found);
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
    static const char *const files[] = {
        "-1 |f 9:6.26e-02 14:0.03\n1 |f 3:1\n",
        "1 1.0 zebra|Metric:3.28 height:1.5 length:2.0 |Says black with white stripes |Other hasTail\n",
        "1 |t some words\n-1 |t and more of them\n",
        "|f a:1 b:2\n",
        "1 | a:1 b:2\n-1 | c:3\n",
        "1 'first |a x y |b z\n2 'second |a x |b z w\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_string_equal(recognised(files[i], "-"), "vw");
        assert_string_equal(recognised(files[i], "train.txt"), "vw");
    }
    assert_string_equal(recognised("1 | a b\n", "x.vw.gz"), "vw");
    /* a bad row is one, and makes no table of all of them */
    assert_string_equal(recognised("1 |a x:1:2\n-1 | x:1\n", "x.vw"), "vw");
    assert_string_equal(recognised("1:0.5:0.3 |a x\n2:1 |b y\n", "x.vw"), "vw");
    assert_string_equal(recognised("a,b\n1,2\n", "x.vw"), "csv");
}

static void tables_are_not_taken(void **state) {
    (void)state;
    static const char *const tables[] = {
        "a|b|c\n1|2|3\n4|5|6\n",
        "1|2|3\n4|5|6\n",
        "1 | 2 | 3\n4 | 5 | 6\n",
        "1 | 12:30 | x\n2 | 12:45 | y\n",
        "id | time\n1 | 12:30\n2 | 12:45\n",
        "1 | 12:30\n2 | 12:45\n",
        "name|text\nx|one two\ny|three\n",
        "1|one two|3:4\n2|three four|5:6\n",
        "1 | one two | three\n2 | four | five six\n",
        "1 |2\n3 |4\n",
        "a,b\n1,x|y\n",
        "|1|2|\n|3|4|\n",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        assert_string_equal(recognised(tables[i], "-"), "csv");
        assert_string_equal(recognised(tables[i], "x.csv"), "csv");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_read_as_vowpal_wabbit_reads_them),
        cmocka_unit_test(bits_cut_the_hash),
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(bad_rows_are_named_and_leave_nothing),
        cmocka_unit_test(a_label_is_asked_for_where_it_is_required),
        cmocka_unit_test(the_survey_tells_types),
        cmocka_unit_test(files_are_recognised),
        cmocka_unit_test(tables_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
