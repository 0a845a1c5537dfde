/* Arrow files and streams as pyarrow, Polars and DuckDB write them: each value is that of a CSV of the same, whatever
 * the batches, the compression and the blocks; what is damaged is an error. */
#include "etl/format/formats.h"
#include "tests/plain_csv.h"

/* ---- golden files ---- */

static void compare_image(const read_table *table, size_t first) {
    const size_t image = peal_schema_find(&table->schema, "image", 5);
    if (image == SIZE_MAX) return;
    for (size_t i = 0; i < table->rows * 4; i++) assert_int_equal(table->bytes[image][i], first * 4 + i);
}

static const struct {
    const char *name, *csv;
    size_t first; /* row of the image */
} goldens[] = {
    {"arrow/types.arrow", "arrow/types.csv", 0},         {"arrow/types_batches.arrow", "arrow/types.csv", 0},
    {"arrow/types.arrows", "arrow/types.csv", 0},        {"arrow/types_lz4.arrow", "arrow/types.csv", 0},
    {"arrow/types_zstd.arrows", "arrow/types.csv", 0},   {"arrow/types_v4.arrow", "arrow/types.csv", 0},
    {"arrow/types_legacy.arrows", "arrow/types.csv", 0}, {"arrow/sliced.arrow", "arrow/sliced.csv", 3},
    {"arrow/empty.arrow", "arrow/empty.csv", 0},         {"arrow/polars.arrow", "arrow/polars.csv", 0},
    {"arrow/polars.arrows", "arrow/polars.csv", 0},      {"arrow/polars_lz4.arrow", "arrow/polars.csv", 0},
    {"arrow/polars_zstd.arrow", "arrow/polars.csv", 0},  {"arrow/duckdb.arrows", "arrow/duckdb.csv", 0},
    {"arrow/replaced.arrows", "arrow/replaced.csv", 0},  {"arrow/delta.arrows", "arrow/delta.csv", 0},
    {"arrow/delta.arrow", "arrow/delta.csv", 0},
};
enum { GOLDENS = sizeof goldens / sizeof *goldens };

static void expect_golden(size_t index, const read_options *how, uint64_t **hashes) {
    peal_error err = {0};
    peal_buffer bytes = {0};
    plain_csv *csv = malloc(sizeof *csv);
    read_table table;
    assert_non_null(csv);
    read_golden(goldens[index].name, &bytes);
    csv_read(goldens[index].csv, csv);
    const peal_format *format;
    assert_ok(peal_format_recognise(bytes.data, bytes.size, "f", &format, &err));
    assert_ptr_equal(format, &peal_format_arrow);
    if (read_input(format, bytes.data, bytes.size, how, &table, &err) != PEAL_OK) {
        fail_msg("%s: %s", goldens[index].name, err.message);
    }
    csv_compare(&table, csv);
    compare_image(&table, goldens[index].first);
    if (hashes && *hashes) assert_memory_equal(*hashes, table.hashes, table.rows * sizeof **hashes);
    if (hashes && !*hashes) {
        *hashes = table.hashes;
        table.hashes = NULL;
    }
    read_table_clear(&table);
    peal_buffer_clear(&csv->bytes);
    free(csv);
    peal_buffer_clear(&bytes);
}

static void all_types_are_what_csv_of_them_is(void **state) {
    (void)state;
    for (size_t i = 0; i < GOLDENS; i++) {
        expect_golden(i, &(read_options){0}, NULL);
        expect_golden(i, &(read_options){.as_text = true}, NULL);
    }
}

static void blocks_and_pieces_change_nothing(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, 1000, 4096}, steps[] = {0, 1, 7, 4096};
    for (size_t i = 0; i < GOLDENS; i++) {
        for (size_t k = 0; k < 4; k++) {
            for (size_t text = 0; text < 2; text++) {
                expect_golden(i, &(read_options){.as_text = text, .block_size = sizes[k], .step = steps[3 - k]}, NULL);
            }
        }
    }
}

/* Of a row: whatever its batch, compression and block. */
static void hashes_are_of_values(void **state) {
    (void)state;
    uint64_t *hashes = NULL;
    for (size_t i = 0; i < 7; i++) {
        expect_golden(i, &(read_options){.hash_rows = true, .block_size = i * 500}, &hashes);
    }
    free(hashes);
}

static peal_status read_named(const char *name, const read_options *how, read_table *table, peal_error *err) {
    peal_buffer bytes = {0};
    read_golden(name, &bytes);
    const peal_status status = read_input(&peal_format_arrow, bytes.data, bytes.size, how, table, err);
    peal_buffer_clear(&bytes);
    return status;
}

/* ---- what the survey tells ---- */

static void a_survey_tells_types(void **state) {
    (void)state;
    static const struct {
        const char *name;
        peal_type type;
    } expected[] = {{"i64", PEAL_TYPE_FLOAT64},    {"dec256", PEAL_TYPE_FLOAT64}, {"dur", PEAL_TYPE_FLOAT64},
                    {"b", PEAL_TYPE_BOOL},         {"sv", PEAL_TYPE_DICTIONARY},  {"dc", PEAL_TYPE_DICTIONARY},
                    {"tns", PEAL_TYPE_DICTIONARY}, {"st.a", PEAL_TYPE_FLOAT64},   {"image", PEAL_TYPE_FIXED_LIST}};
    peal_error err;
    read_table table;
    assert_ok(read_named("arrow/types.arrow", &(read_options){0}, &table, &err));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const size_t at = peal_schema_find(&table.schema, expected[i].name, strlen(expected[i].name));
        assert_true(at < table.schema.count);
        assert_int_equal(table.schema.fields[at].type, expected[i].type);
        assert_true(table.schema.fields[at].settled && table.schema.fields[at].decided);
    }
    assert_int_equal(table.schema.fields[peal_schema_find(&table.schema, "image", 5)].width, 4);
    static const char *const out[] = {"li", "bin", "fsb", "fl32", "st"};
    for (size_t i = 0; i < 5; i++) {
        assert_true(peal_schema_find(&table.schema, out[i], strlen(out[i])) == SIZE_MAX);
    }
    assert_false(table.schema.fields[peal_schema_find(&table.schema, "nothing", 7)].decided);
    read_table_clear(&table);
}

/* Numbers that are whole and few may be classes: their values decide, as those of CSV do. */
static void a_label_of_numbers_is_left_open(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    assert_ok(read_named("arrow/duckdb.arrows", &(read_options){.label = "i"}, &table, &err));
    const size_t label = peal_schema_find(&table.schema, "i", 1);
    assert_false(table.schema.fields[label].settled);
    assert_true(table.schema.fields[label].decided);
    assert_true(table.guesses[label].few_whole);
    assert_int_equal(table.guesses[label].numbers, 7);
    read_table_clear(&table);
    assert_ok(read_named("arrow/duckdb.arrows", &(read_options){.label = "f"}, &table, &err));
    assert_false(table.guesses[peal_schema_find(&table.schema, "f", 1)].few_whole);
    read_table_clear(&table);
}

/* ---- bad rows and missing columns ---- */

static void a_missing_label_makes_a_bad_row(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    static const size_t sizes[] = {0, 100};
    for (size_t i = 0; i < 2; i++) {
        const read_options how = {.label = "i64", .as_text = i == 1, .block_size = sizes[i]};
        assert_ok(read_named("arrow/types_batches.arrow", &how, &table, &err));
        assert_int_equal(table.bad, 4);
        assert_int_equal(table.rows, 17);
        assert_int_equal(table.bad_line, 4);
        assert_has(table.bad_reason, "the label 'i64' is missing");
        read_table_clear(&table);
    }
    const read_options optional = {.label = "i64", .label_optional = true};
    assert_ok(read_named("arrow/types.arrow", &optional, &table, &err));
    assert_int_equal(table.rows, 21);
    read_table_clear(&table);
}

static void wanted_columns_are_found_by_name(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    peal_schema given = {0};
    const read_options how = {.as_given = true, .given = &given, .label = "y", .label_optional = true};
    assert_ok(peal_schema_add(&given, "s", 1, PEAL_TYPE_DICTIONARY, &err));
    assert_ok(peal_schema_add(&given, "y", 1, PEAL_TYPE_DICTIONARY, &err));
    assert_ok(read_named("arrow/polars.arrow", &how, &table, &err));
    assert_string_equal(table.texts[0][0], "short");
    assert_string_equal(table.texts[1][0], "");
    read_table_clear(&table);
    given.fields[0].skip = true;
    assert_ok(read_named("arrow/replaced.arrows", &how, &table, &err));
    assert_int_equal(table.rows, 6);
    read_table_clear(&table);
    given.fields[0].skip = false;
    assert_int_equal(read_named("arrow/replaced.arrows", &how, &table, &err), PEAL_E_DATA);
    assert_has(err.message, "there is no column 's'; its columns are 'w'");
    read_table_clear(&table);
    peal_schema_clear(&given);
    assert_ok(peal_schema_add(&given, "li", 2, PEAL_TYPE_DICTIONARY, &err));
    const read_options list = {.as_given = true, .given = &given};
    assert_int_equal(read_named("arrow/types.arrow", &list, &table, &err), PEAL_E_DATA);
    assert_has(err.message, "column 'li' is a list, which is not read");
    read_table_clear(&table);
    peal_schema_clear(&given);
}

/* Texts where numbers are wanted are read as a CSV's are. */
static void texts_may_be_numbers(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    peal_schema given = {0};
    const read_options how = {.as_given = true, .given = &given};
    assert_ok(peal_schema_add(&given, "sv", 2, PEAL_TYPE_FLOAT64, &err));
    given.fields[0].settled = true;
    assert_ok(read_named("arrow/types.arrow", &how, &table, &err));
    assert_int_equal(table.rows + table.bad, 21);
    assert_has(table.bad_reason, "is not a number");
    read_table_clear(&table);
    peal_schema_clear(&given);
}

/* ---- damage ---- */

static void every_cut_is_an_error_or_whole_batches(void **state) {
    (void)state;
    static const char *const names[] = {"arrow/polars_lz4.arrow", "arrow/polars.arrows", "arrow/replaced.arrows"};
    for (size_t i = 0; i < 3; i++) {
        peal_buffer bytes = {0};
        read_golden(names[i], &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            peal_error err;
            read_table table;
            void *cut = malloc(size + 1); /* so that a sanitizer sees what is read behind it */
            assert_non_null(cut);
            memcpy(cut, bytes.data, size);
            const read_options how = {.step = size % 2 ? 64 : 0};
            const peal_status status = read_input(&peal_format_arrow, cut, size, &how, &table, &err);
            /* A stream may end between its messages; a file's end is told by its footer. */
            if (i == 0) assert_int_equal(status, PEAL_E_DATA);
            if (status != PEAL_OK) assert_int_equal(status, PEAL_E_DATA);
            read_table_clear(&table);
            free(cut);
        }
        peal_buffer_clear(&bytes);
    }
}

static void flipped_bytes_never_crash(void **state) {
    (void)state;
    static const char *const names[] = {"arrow/polars_lz4.arrow", "arrow/polars.arrows", "arrow/delta.arrow"};
    for (size_t i = 0; i < 3; i++) {
        peal_buffer bytes = {0};
        read_golden(names[i], &bytes);
        for (size_t at = 0; at < bytes.size; at++) {
            static const uint8_t flips[] = {0xFF, 0x01, 0x80};
            for (size_t k = 0; k < 3; k++) {
                peal_error err;
                read_table table;
                bytes.data[at] ^= flips[k];
                const read_options how = {.step = k ? 0 : 64, .block_size = 100 * k};
                (void)read_input(&peal_format_arrow, bytes.data, bytes.size, &how, &table, &err);
                read_table_clear(&table);
                bytes.data[at] ^= flips[k];
            }
        }
        peal_buffer_clear(&bytes);
    }
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    assert_int_equal(read_input(&peal_format_arrow, "ARROW1\0\0", 8, &(read_options){0}, &table, &err), PEAL_E_DATA);
    assert_has(err.message, "cut short");
    peal_buffer bytes = {0};
    read_golden("arrow/polars.arrow", &bytes);
    bytes.size -= 3;
    assert_int_equal(read_input(&peal_format_arrow, bytes.data, bytes.size, &(read_options){0}, &table, &err),
                     PEAL_E_DATA);
    assert_has(err.message, "cut short");
    peal_buffer_clear(&bytes);
    read_golden("arrow/replaced.arrows", &bytes);
    assert_int_equal(peal_buffer_append(&bytes, "more", 4, &err), PEAL_OK);
    assert_int_equal(read_input(&peal_format_arrow, bytes.data, bytes.size, &(read_options){0}, &table, &err),
                     PEAL_E_DATA);
    assert_has(err.message, "more behind the end");
    read_table_clear(&table);
    peal_buffer_clear(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_are_what_csv_of_them_is),
        cmocka_unit_test(blocks_and_pieces_change_nothing),
        cmocka_unit_test(hashes_are_of_values),
        cmocka_unit_test(a_survey_tells_types),
        cmocka_unit_test(a_label_of_numbers_is_left_open),
        cmocka_unit_test(a_missing_label_makes_a_bad_row),
        cmocka_unit_test(wanted_columns_are_found_by_name),
        cmocka_unit_test(texts_may_be_numbers),
        cmocka_unit_test(every_cut_is_an_error_or_whole_batches),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
