/* Packing: a room of columns of every type, packed and unpacked into another room, is the same. */
#include "etl/table/pack.h"

#include <math.h>

#include "core/base/philox.h"
#include "tests/support.h"

/* What the values of a column are drawn from. */
typedef enum flavour { SMALL, SINGLE, ANY, FEW, SOME, MANY } flavour;

static const struct {
    const char *name;
    peal_type type, item;
    uint32_t width;
    flavour flavour;
} columns[] = {
    {"bool", PEAL_TYPE_BOOL, 0, 0, ANY},
    {"int8", PEAL_TYPE_INT8, 0, 0, ANY},
    {"int16", PEAL_TYPE_INT16, 0, 0, ANY},
    {"int32", PEAL_TYPE_INT32, 0, 0, ANY},
    {"int64", PEAL_TYPE_INT64, 0, 0, ANY},
    {"uint8", PEAL_TYPE_UINT8, 0, 0, ANY},
    {"uint16", PEAL_TYPE_UINT16, 0, 0, ANY},
    {"uint32", PEAL_TYPE_UINT32, 0, 0, ANY},
    {"uint64", PEAL_TYPE_UINT64, 0, 0, ANY},
    {"float32", PEAL_TYPE_FLOAT32, 0, 0, ANY},
    {"small", PEAL_TYPE_FLOAT64, 0, 0, SMALL},
    {"single", PEAL_TYPE_FLOAT64, 0, 0, SINGLE},
    {"double", PEAL_TYPE_FLOAT64, 0, 0, ANY},
    {"time", PEAL_TYPE_TIMESTAMP, 0, 0, ANY},
    {"text", PEAL_TYPE_UTF8, 0, 0, ANY},
    {"bytes", PEAL_TYPE_BINARY, 0, 0, ANY},
    {"list", PEAL_TYPE_LIST, PEAL_TYPE_INT32, 0, ANY},
    {"image", PEAL_TYPE_FIXED_LIST, PEAL_TYPE_UINT8, 5, ANY},
    {"vector", PEAL_TYPE_FIXED_LIST, PEAL_TYPE_FLOAT32, 3, ANY},
    {"few", PEAL_TYPE_DICTIONARY, 0, 0, FEW},
    {"some", PEAL_TYPE_DICTIONARY, 0, 0, SOME},
    {"many", PEAL_TYPE_DICTIONARY, 0, 0, MANY},
    {"skipped", PEAL_TYPE_FLOAT64, 0, 0, ANY},
};
enum { COLUMNS = sizeof columns / sizeof *columns, FEW_TEXTS = 3, SOME_TEXTS = 300, MANY_TEXTS = 70000 };

static peal_schema schema;

static bool has_missing_bits(peal_type type) {
    return type != PEAL_TYPE_FLOAT64 && type != PEAL_TYPE_DICTIONARY;
}

static double draw_number(peal_philox *random, flavour how) {
    if (peal_philox_below(random, 10) == 0) return (double)NAN;
    const double whole = (double)peal_philox_below(random, 65535) - 32767;
    if (how == SMALL) return whole == 0 || fabs(whole) == 32767 ? 1 : whole;
    if (how == SINGLE) return peal_philox_below(random, 5) ? whole / 8 : -0.0;
    return whole / 3;
}

static uint32_t texts_of(flavour how) {
    return how == FEW ? FEW_TEXTS : how == SOME ? SOME_TEXTS : MANY_TEXTS;
}

static void draw_bytes(peal_philox *random, uint8_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)peal_philox_below(random, 256);
}

static void fill_behind_offsets(peal_philox *random, peal_column_room *column, size_t rows) {
    peal_error err;
    for (size_t row = 0; row < rows; row++) {
        uint8_t bytes[40];
        const size_t count = peal_philox_below(random, 10);
        draw_bytes(random, bytes, sizeof bytes);
        if (column->type != PEAL_TYPE_LIST) {
            assert_ok(peal_column_room_put_bytes(column, row, bytes, count, &err));
            continue;
        }
        void *items = peal_column_room_items(column, count, &err);
        assert_non_null(items);
        memcpy(items, bytes, count * 4);
        column->used += count;
        column->offsets[row + 1] = (int32_t)column->used;
    }
}

static void fill_column(peal_philox *random, peal_table_room *room, size_t index, size_t rows) {
    peal_column_room *column = &room->columns[index];
    if (column->type == PEAL_TYPE_FLOAT64) {
        for (size_t i = 0; i < rows; i++) ((double *)column->values)[i] = draw_number(random, columns[index].flavour);
    } else if (column->type == PEAL_TYPE_DICTIONARY) {
        const uint32_t texts = texts_of(columns[index].flavour);
        for (size_t i = 0; i < rows; i++) ((int32_t *)column->values)[i] = (int32_t)peal_philox_below(random, texts);
    } else if (peal_types[column->type].has_offsets) {
        fill_behind_offsets(random, column, rows);
    } else if (column->type == PEAL_TYPE_BOOL) {
        draw_bytes(random, column->values, (rows + 7) / 8);
    } else {
        const size_t size =
            column->width ? column->width * peal_types[column->item].size : peal_types[column->type].size;
        draw_bytes(random, column->values, rows * size);
    }
}

static void fill(peal_philox *random, peal_table_room *room, size_t rows, bool missing) {
    peal_error err;
    assert_ok(peal_table_room_reserve(room, rows, &err));
    for (size_t i = 0; i < COLUMNS; i++) {
        if (schema.fields[i].skip) continue;
        fill_column(random, room, i, rows);
        for (size_t row = 0; missing && has_missing_bits(columns[i].type) && row < rows; row++) {
            if (peal_philox_below(random, 4) > 0) continue;
            assert_ok(peal_column_room_set_missing(room, i, row, &err));
        }
    }
    room->rows = rows;
}

static bool same_numbers(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (isnan(a[i]) ? !isnan(b[i]) : memcmp(&a[i], &b[i], sizeof *a) != 0) return false;
    }
    return true;
}

static void assert_same_column(const peal_column *a, const peal_column *b, size_t index) {
    const char *name = columns[index].name;
    assert_int_equal(a->length, b->length);
    assert_int_equal(a->null_count, b->null_count);
    for (size_t row = 0; row < a->length; row++) {
        if (peal_column_is_valid(a, row) != peal_column_is_valid(b, row)) fail_msg("%s: row %zu", name, row);
    }
    if (a->type == PEAL_TYPE_FLOAT64) {
        if (!same_numbers(a->values, b->values, a->length)) fail_msg("%s: its numbers", name);
        return;
    }
    if (a->offsets) assert_memory_equal(a->offsets, b->offsets, (a->length + 1) * sizeof *a->offsets);
    const peal_column *of_a = a->child ? a->child : a, *of_b = b->child ? b->child : b;
    size_t bytes = of_a->length * (of_a->type == PEAL_TYPE_DICTIONARY ? 4 : peal_types[of_a->type].size);
    if (a->child) assert_int_equal(of_a->length, of_b->length);
    if (!a->child && a->offsets) bytes = (size_t)a->offsets[a->length];
    if (bytes && memcmp(of_a->values, of_b->values, bytes) != 0) fail_msg("%s: its values", name);
    for (size_t row = 0; a->type == PEAL_TYPE_BOOL && row < a->length; row++) {
        const uint8_t difference = ((const uint8_t *)a->values)[row / 8] ^ ((const uint8_t *)b->values)[row / 8];
        if (difference >> (row % 8) & 1) fail_msg("%s: row %zu", name, row);
    }
}

static void fill_dictionaries(peal_table_room *room) {
    peal_error err;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns[i].type != PEAL_TYPE_DICTIONARY) continue;
        for (uint32_t t = 0; t < texts_of(columns[i].flavour); t++) {
            char text[16];
            uint32_t code;
            const int size = snprintf(text, sizeof text, "text %u", t);
            assert_ok(peal_dictionary_put(&room->dictionaries[i], text, (size_t)size, &code, &err));
        }
    }
}

/* Sizes go up and down, for rooms are used again. */
static void every_type_comes_back(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 2000, 63, 1000, 0, 2001};
    peal_error err;
    peal_table_room from, to;
    assert_ok(peal_table_room_init(&from, &schema, &err));
    assert_ok(peal_table_room_init(&to, &schema, &err));
    fill_dictionaries(&from);
    for (size_t trial = 0; trial < 2 * sizeof sizes / sizeof *sizes; trial++) {
        const size_t rows = sizes[trial / 2];
        peal_philox random = peal_philox_stream(trial, PEAL_PURPOSE_USER, 0, 0, 0);
        peal_buffer packed = {0};
        fill(&random, &from, rows, trial % 2);
        assert_ok(peal_table_pack(&from, &packed, &err));
        const uint8_t *behind = peal_table_unpack(packed.data, rows, &to, &err);
        assert_ptr_equal(behind, packed.data + packed.size);
        assert_int_equal(to.rows, rows);
        const peal_column *a = peal_table_room_view(&from), *b = peal_table_room_view(&to);
        for (size_t i = 0; i < COLUMNS; i++) {
            if (!schema.fields[i].skip) assert_same_column(&a[i], &b[i], i);
        }
        peal_buffer_clear(&packed);
    }
    peal_table_room_clear(&from);
    peal_table_room_clear(&to);
}

/* Bytes that one column of numbers takes, besides its head. */
static size_t packed_size(const double *numbers, size_t rows) {
    peal_error err;
    peal_schema one = {0};
    peal_table_room room;
    peal_buffer packed = {0};
    assert_ok(peal_schema_add(&one, "x", 1, PEAL_TYPE_FLOAT64, &err));
    assert_ok(peal_table_room_init(&room, &one, &err));
    assert_ok(peal_table_room_reserve(&room, rows, &err));
    memcpy(room.columns[0].values, numbers, rows * sizeof *numbers);
    room.rows = rows;
    assert_ok(peal_table_pack(&room, &packed, &err));
    const size_t size = packed.size - 8;
    peal_buffer_clear(&packed);
    peal_table_room_clear(&room);
    peal_schema_clear(&one);
    return size;
}

static void numbers_take_the_narrowest_type_that_loses_nothing(void **state) {
    (void)state;
    const double small[] = {1, -32766, 32766, (double)NAN}, wide[] = {1, 32768, 0, 0}, zero[] = {-0.0, 1, 2, 3},
                 half[] = {0.5, 1, 2, (double)NAN}, third[] = {1.0 / 3, 1, 2, 3},
                 huge[] = {1e300, (double)INFINITY, 0, 0};
    assert_int_equal(packed_size(small, 4), 8);
    assert_int_equal(packed_size(wide, 4), 16);
    assert_int_equal(packed_size(zero, 4), 16); /* -0 is no whole number, and stays what it is */
    assert_int_equal(packed_size(half, 4), 16);
    assert_int_equal(packed_size(third, 4), 32);
    assert_int_equal(packed_size(huge, 4), 32);
}

/* Wherever it stands among small ones. */
static void one_number_decides_for_all(void **state) {
    (void)state;
    static const struct {
        double value;
        size_t width;
    } cases[] = {{32766, 2},
                 {-32766, 2},
                 {(double)NAN, 2},
                 {-0.0, 4},
                 {32767, 4},
                 {-32767, 4},
                 {0.5, 4},
                 {1e17, 8},
                 {16777217, 8},
                 {6755399441055745.0, 8},
                 {16777216, 4},
                 {(double)INFINITY, 4},
                 {3.5e38, 8},
                 {1e-46, 8},
                 {4503599627370496.0, 4},
                 {-1e300, 8}};
    static const size_t places[] = {0, 1, 511, 512, 1029};
    enum { ROWS = 1030 };
    static double numbers[ROWS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            for (size_t row = 0; row < ROWS; row++) numbers[row] = (double)row - 500;
            numbers[places[p]] = cases[i].value;
            const size_t size = packed_size(numbers, ROWS);
            if (size / ROWS != cases[i].width) fail_msg("%g at %zu: %zu bytes", cases[i].value, places[p], size);
        }
    }
}

static int make_schema(void **state) {
    (void)state;
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *name = columns[i].name;
        if (peal_schema_add(&schema, name, strlen(name), columns[i].type, NULL) != PEAL_OK) return -1;
        peal_field *field = &schema.fields[i];
        field->item = columns[i].item;
        field->width = columns[i].width;
        field->skip = i + 1 == COLUMNS;
    }
    return 0;
}

static int clear_schema(void **state) {
    (void)state;
    peal_schema_clear(&schema);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back),
        cmocka_unit_test(numbers_take_the_narrowest_type_that_loses_nothing),
        cmocka_unit_test(one_number_decides_for_all),
    };
    return cmocka_run_group_tests(tests, make_schema, clear_schema);
}
