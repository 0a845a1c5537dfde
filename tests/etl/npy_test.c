/* NumPy files as NumPy writes them: each value is that of a CSV of the same; what is damaged is an error. */
#include "etl/format/formats.h"
#include "tests/plain_csv.h"

static const struct {
    const char *name, *csv;
} goldens[] = {
    {"numpy/types.npz", "numpy/types.csv"},       {"numpy/types_packed.npz", "numpy/types.csv"},
    {"numpy/matrix.npy", "numpy/matrix.csv"},     {"numpy/matrix_fortran.npy", "numpy/matrix.csv"},
    {"numpy/matrix_big.npy", "numpy/matrix.csv"}, {"numpy/matrix_v2.npy", "numpy/matrix.csv"},
    {"numpy/matrix_v3.npy", "numpy/matrix.csv"},  {"numpy/one.npy", "numpy/one.csv"},
    {"numpy/empty.npy", "numpy/empty.csv"},
};
enum { GOLDENS = sizeof goldens / sizeof *goldens };

static peal_status read_named(const char *name, const read_options *how, read_table *table, peal_error *err) {
    peal_buffer bytes = {0};
    const peal_format *format;
    read_golden(name, &bytes);
    peal_status status = peal_format_recognise(bytes.data, bytes.size, "f", &format, err);
    assert_int_equal(status, PEAL_OK);
    status = read_input(format, bytes.data, bytes.size, how, table, err);
    peal_buffer_clear(&bytes);
    return status;
}

static void expect_golden(size_t index, const read_options *how) {
    peal_error err = {0};
    plain_csv *csv = malloc(sizeof *csv);
    read_table table;
    assert_non_null(csv);
    csv_read(goldens[index].csv, csv);
    if (read_named(goldens[index].name, how, &table, &err) != PEAL_OK)
        fail_msg("%s: %s", goldens[index].name, err.message);
    csv_compare(&table, csv);
    read_table_clear(&table);
    peal_buffer_clear(&csv->bytes);
    free(csv);
}

static void all_types_are_what_csv_of_them_is(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 20, 100};
    for (size_t i = 0; i < GOLDENS; i++) {
        for (size_t k = 0; k < 4; k++) {
            const bool archive = i < 2;
            const size_t step = archive ? 0 : k * 7;
            expect_golden(i, &(read_options){.block_size = sizes[k], .step = step});
            expect_golden(i, &(read_options){.block_size = sizes[k], .step = step, .as_text = true});
        }
    }
}

static void expect_images(const char *name, const json_t *options, const char *column, size_t rows) {
    peal_error err;
    read_table table;
    for (size_t k = 0; k < 3; k++) {
        const read_options how = {.options = options, .block_size = k * 10};
        assert_ok(read_named(name, &how, &table, &err));
        assert_int_equal(table.rows, rows);
        const size_t image = peal_schema_find(&table.schema, column, strlen(column));
        assert_true(image < table.schema.count);
        assert_int_equal(table.schema.fields[image].width, 6);
        for (size_t i = 0; i < rows * 6; i++) assert_int_equal(table.bytes[image][i], i);
        read_table_clear(&table);
    }
}

static json_t *arrays(const char *text) {
    return json_pack("{s:s}", "arrays", text);
}

static void images_are_one_column(void **state) {
    (void)state;
    expect_images("numpy/images_fortran.npy", NULL, "image", 5);
    json_t *train = arrays("x_train+y_train"), *test = arrays("x_test:pixels+y_test:y_train");
    expect_images("numpy/images.npz", train, "image", 5);
    expect_images("numpy/images.npz", test, "pixels", 2);
    json_decref(train);
    json_decref(test);
}

static void a_label_of_numbers_is_left_open(void **state) {
    (void)state;
    peal_error err;
    read_table table;
    json_t *train = arrays("x_train+y_train");
    assert_ok(read_named("numpy/images.npz", &(read_options){.options = train, .label = "y_train"}, &table, &err));
    const size_t label = peal_schema_find(&table.schema, "y_train", 7);
    assert_true(table.guesses[label].few_whole);
    assert_false(table.schema.fields[label].settled);
    read_table_clear(&table);
    json_decref(train);
}

static void expect_error(const char *name, const json_t *options, peal_status status, const char *words) {
    peal_error err;
    read_table table;
    assert_int_equal(read_named(name, &(read_options){.options = options}, &table, &err), status);
    assert_has(err.message, words);
    read_table_clear(&table);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    json_t *other = arrays("x_train+z");
    expect_error("numpy/objects.npy", NULL, PEAL_E_DATA, "Python objects (pickle)");
    expect_error("numpy/images.npz", NULL, PEAL_E_DATA,
                 "x_train (5, 2, 3), y_train (5,), x_test (2, 2, 3), y_test (2,)");
    expect_error("numpy/images.npz", other, PEAL_E_USAGE, "no array 'z' (arrays); its arrays are 'x_train', 'y_train'");
    json_decref(other);
    peal_error err;
    read_table table;
    peal_schema given = {0};
    assert_ok(peal_schema_add(&given, "c4", 2, PEAL_TYPE_FLOAT64, &err));
    assert_int_equal(read_named("numpy/matrix.npy", &(read_options){.as_given = true, .given = &given}, &table, &err),
                     PEAL_E_DATA);
    assert_has(err.message, "there is no column 'c4'; its columns are 'c1', 'c2', 'c3'");
    read_table_clear(&table);
    peal_schema_clear(&given);
}

/* Headers that NumPy would not write. */
static void headers_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *header, *what;
    } cases[] = {
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", NULL},
        {"{\"shape\": (3L, ), 'descr': '<f8', 'fortran_order': False}", NULL},
        {"{'descr': '<f8', 'fortran_order': False}", "'descr', 'fortran_order' and 'shape'"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "single value"},
        {"{'descr': '<f8', 'fortran_order': 1, 'shape': (3,)}", "True or False"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (3,)}", "complex numbers"},
        {"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,)}", "datetime64"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,)}", "structured"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (3,)}", "odd size"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", "makes sense"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}", "cut short"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", "more behind"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 0)}", "columns"},
        {"[]", "a Python dictionary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[256] = "\x93NUMPY\1\0";
        const size_t length = strlen(cases[i].header);
        bytes[8] = (uint8_t)length;
        memcpy(bytes + 10, cases[i].header, length);
        peal_error err = {.message = ""};
        read_table table;
        const peal_status status =
            read_input(&peal_format_npy, bytes, 10 + length + 24, &(read_options){0}, &table, &err);
        if ((status == PEAL_OK) != !cases[i].what) fail_msg("%s: %s", cases[i].header, err.message);
        if (cases[i].what) assert_has(err.message, cases[i].what);
        read_table_clear(&table);
    }
}

static void every_cut_is_an_error(void **state) {
    (void)state;
    static const char *const names[] = {"numpy/matrix.npy", "numpy/matrix_fortran.npy", "numpy/types_packed.npz"};
    for (size_t i = 0; i < 3; i++) {
        peal_buffer bytes = {0};
        read_golden(names[i], &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            peal_error err;
            read_table table;
            void *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, bytes.data, size);
            const peal_format *format = i < 2 ? &peal_format_npy : &peal_format_npz;
            assert_int_equal(read_input(format, cut, size, &(read_options){0}, &table, &err), PEAL_E_DATA);
            read_table_clear(&table);
            free(cut);
        }
        peal_buffer_clear(&bytes);
    }
}

static void flipped_bytes_never_crash(void **state) {
    (void)state;
    static const char *const names[] = {"numpy/matrix_fortran.npy", "numpy/types_packed.npz"};
    for (size_t i = 0; i < 2; i++) {
        peal_buffer bytes = {0};
        read_golden(names[i], &bytes);
        for (size_t at = 0; at < bytes.size; at++) {
            for (unsigned bit = 0; bit < 8; bit += 3) {
                peal_error err;
                read_table table;
                bytes.data[at] ^= (uint8_t)(1u << bit);
                const peal_format *format = i == 0 ? &peal_format_npy : &peal_format_npz;
                (void)read_input(format, bytes.data, bytes.size, &(read_options){.block_size = 1000}, &table, &err);
                read_table_clear(&table);
                bytes.data[at] ^= (uint8_t)(1u << bit);
            }
        }
        peal_buffer_clear(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_are_what_csv_of_them_is),
        cmocka_unit_test(images_are_one_column),
        cmocka_unit_test(a_label_of_numbers_is_left_open),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(flipped_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
