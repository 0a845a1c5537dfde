/* Rooms: columns that are filled row by row, looked at as a table, and used again. */
#include "etl/table/room.h"

#include "tests/support.h"

enum { NUMBER, FLAG, TEXT, NAMES, LIST, IMAGE, SKIPPED, COLUMNS };

static void make_schema(peal_schema *out) {
    static const peal_type types[COLUMNS] = {PEAL_TYPE_FLOAT64,    PEAL_TYPE_BOOL, PEAL_TYPE_UTF8,
                                             PEAL_TYPE_DICTIONARY, PEAL_TYPE_LIST, PEAL_TYPE_FIXED_LIST,
                                             PEAL_TYPE_FLOAT64};
    static const char *const names[COLUMNS] = {"number", "flag", "text", "names", "list", "image", "skipped"};
    peal_error err;
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_ok(peal_schema_add(out, names[i], strlen(names[i]), types[i], &err));
    }
    out->fields[LIST].item = PEAL_TYPE_INT16;
    out->fields[IMAGE].item = PEAL_TYPE_UINT8;
    out->fields[IMAGE].width = 4;
    out->fields[SKIPPED].skip = true;
}

static void what_is_filled_is_seen_as_a_table(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    peal_table_room room;
    make_schema(&schema);
    assert_ok(peal_table_room_init(&room, &schema, &err));
    assert_ok(peal_table_room_reserve(&room, 3, &err));
    peal_column_room *columns = room.columns;
    for (size_t row = 0; row < 3; row++) {
        uint32_t code;
        ((double *)columns[NUMBER].values)[row] = (double)row / 2;
        assert_ok(peal_column_room_put_bytes(&columns[TEXT], row, "abc", row, &err));
        assert_ok(peal_dictionary_put(&room.dictionaries[NAMES], row ? "x" : "", row > 0, &code, &err));
        ((int32_t *)columns[NAMES].values)[row] = (int32_t)code;
        int16_t *items = peal_column_room_items(&columns[LIST], 2, &err);
        assert_non_null(items);
        items[0] = (int16_t)row;
        items[1] = (int16_t)-1;
        columns[LIST].used += 2;
        columns[LIST].offsets[row + 1] = (int32_t)columns[LIST].used;
        memset((uint8_t *)columns[IMAGE].values + 4 * row, (int)row, 4);
    }
    *(uint8_t *)columns[FLAG].values = 5;
    assert_ok(peal_column_room_set_missing(&room, FLAG, 1, &err));
    room.rows = 3;
    const peal_column *view = peal_table_room_view(&room);
    assert_string_equal(view[TEXT].name, "text");
    for (size_t i = 0; i < COLUMNS; i++) assert_int_equal(view[i].length, 3);
    double numbers[3];
    peal_types[PEAL_TYPE_FLOAT64].numbers(&view[NUMBER], 0, 3, numbers);
    assert_true(numbers[0] == 0 && numbers[1] == 0.5 && numbers[2] == 1);
    peal_types[PEAL_TYPE_BOOL].numbers(&view[FLAG], 0, 3, numbers);
    assert_true(numbers[0] == 1 && numbers[1] != numbers[1] && numbers[2] == 1);
    assert_int_equal(view[FLAG].null_count, 1);
    assert_int_equal(view[TEXT].offsets[3], 3);
    assert_memory_equal(view[TEXT].values, "aab", 3);
    assert_int_equal(peal_column_code(&view[NAMES], 0), 0);
    assert_int_equal(peal_column_code(&view[NAMES], 2), 1);
    assert_int_equal(peal_dictionary_text(view[NAMES].dictionary, 1).length, 1);
    assert_null(view[LIST].values);
    assert_int_equal(view[LIST].child->type, PEAL_TYPE_INT16);
    assert_int_equal(view[LIST].child->length, 6);
    assert_int_equal(((const int16_t *)view[LIST].child->values)[4], 2);
    assert_int_equal(view[IMAGE].child->length, 12);
    assert_int_equal(((const uint8_t *)view[IMAGE].child->values)[11], 2);
    assert_null(view[SKIPPED].values);
    peal_table_room_clear(&room);
    peal_schema_clear(&schema);
}

/* A row that was bad is given up, and the next one takes its place. */
static void row_that_is_given_up_leaves_nothing(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    peal_table_room room;
    make_schema(&schema);
    assert_ok(peal_table_room_init(&room, &schema, &err));
    assert_ok(peal_table_room_reserve(&room, 4, &err));
    peal_column_room *text = &room.columns[TEXT];
    assert_ok(peal_column_room_put_bytes(text, 0, "first", 5, &err));
    assert_ok(peal_column_room_put_bytes(text, 1, "given up", 8, &err));
    assert_ok(peal_column_room_put_bytes(text, 1, "second", 6, &err));
    assert_int_equal(text->used, 11);
    assert_memory_equal(text->values, "firstsecond", 11);
    assert_int_equal(text->offsets[1], 5);
    assert_int_equal(text->offsets[2], 11);
    assert_ok(peal_column_room_set_missing(&room, FLAG, 2, &err));
    assert_ok(peal_column_room_set_missing(&room, FLAG, 2, &err)); /* twice is once */
    assert_int_equal(room.columns[FLAG].null_count, 1);
    peal_column_room_forget_missing(&room.columns[FLAG], 2);
    peal_column_room_forget_missing(&room.columns[FLAG], 2);
    peal_column_room_forget_missing(text, 1);
    assert_int_equal(room.columns[FLAG].null_count, 0);
    assert_int_equal(room.columns[FLAG].validity[0] & 4, 4);
    peal_table_room_clear(&room);
    peal_schema_clear(&schema);
}

static void room_is_used_again(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 10, 5, 1000, 1, 1500};
    peal_error err;
    peal_schema schema = {0};
    peal_table_room room;
    make_schema(&schema);
    assert_ok(peal_table_room_init(&room, &schema, &err));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_ok(peal_table_room_reserve(&room, sizes[i], &err));
        assert_int_equal(room.rows, 0);
        assert_true(room.capacity >= sizes[i]);
        assert_null(room.columns[FLAG].validity);
        assert_null(room.columns[SKIPPED].values);
        assert_int_equal(room.columns[TEXT].used, 0);
        /* At a cache line, if the columns fill one. */
        const uintptr_t at = (uintptr_t)room.columns[NUMBER].values | (uintptr_t)room.columns[NAMES].values;
        assert_int_equal(at % (room.capacity < 8 ? sizeof(double) : PEAL_ALIGNMENT), 0);
        for (size_t row = 0; row < sizes[i]; row++) {
            ((double *)room.columns[NUMBER].values)[row] = 1;
            ((int32_t *)room.columns[NAMES].values)[row] = 0;
            assert_ok(peal_column_room_put_bytes(&room.columns[TEXT], row, "text", 4, &err));
            assert_ok(peal_column_room_set_missing(&room, FLAG, row, &err));
        }
        assert_int_equal(room.columns[TEXT].used, 4 * sizes[i]);
        assert_int_equal(room.columns[FLAG].null_count, sizes[i]);
    }
    peal_table_room_clear(&room);
    peal_schema_clear(&schema);
}

static void dictionaries_can_be_somebody_elses(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    peal_table_room room;
    peal_dictionary theirs[COLUMNS] = {0};
    uint32_t code;
    make_schema(&schema);
    assert_ok(peal_table_room_init(&room, &schema, &err));
    assert_ok(peal_table_room_reserve(&room, 1, &err));
    assert_ok(peal_dictionary_put(&room.dictionaries[NAMES], "own", 3, &code, &err));
    peal_table_room_reset_dictionaries(&room);
    assert_int_equal(room.dictionaries[NAMES].size, 0);
    assert_ok(peal_dictionary_put(&theirs[NAMES], "theirs", 6, &code, &err));
    peal_table_room_borrow(&room, theirs);
    ((int32_t *)room.columns[NAMES].values)[0] = (int32_t)code;
    room.rows = 1;
    assert_ptr_equal(peal_table_room_view(&room)[NAMES].dictionary, &theirs[NAMES]);
    peal_table_room_clear(&room);
    assert_int_equal(theirs[NAMES].size, 1); /* who lent them empties them */
    peal_dictionary_clear(&theirs[NAMES]);
    peal_schema_clear(&schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_filled_is_seen_as_a_table),
        cmocka_unit_test(row_that_is_given_up_leaves_nothing),
        cmocka_unit_test(room_is_used_again),
        cmocka_unit_test(dictionaries_can_be_somebody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
