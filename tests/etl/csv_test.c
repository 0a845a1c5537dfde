/* The CSV parser against an obvious slow one, with all block sizes; and the ways in which rows are bad. */
#include "core/base/philox.h"
#include "tests/etl/reading.h"

static const char header[] = "{\"header\": \"yes\"}";

static void quoted_fields_keep_separators_and_newlines(void **state) {
    (void)state;
    static const char text[] = "a,b\r\n1,\"x,\"\"y\"\"\nz\"\r\n\"\",plain\r\n";
    for (size_t block = 8; block < 64; block += 7) {
        peal_error err;
        reading one = {.options = header, .block_size = block};
        assert_ok(reading_all(&one, text, sizeof text - 1, &err));
        assert_int_equal(one.rows, 2);
        assert_string_equal(one.schema.fields[1].name, "b");
        assert_string_equal(one.cells[0][1], "x,\"y\"\nz");
        assert_string_equal(one.cells[1][0], "");
        assert_string_equal(one.cells[1][1], "plain");
        reading_clear(&one);
    }
}

static void byte_order_mark_and_last_line_without_newline_are_read(void **state) {
    (void)state;
    peal_error err;
    reading one = {.block_size = 1 << 20};
    static const char text[] = "\xEF\xBB\xBFname,n\nx,1\ny,2";
    assert_ok(reading_all(&one, text, sizeof text - 1, &err));
    assert_string_equal(one.schema.fields[0].name, "name");
    assert_int_equal(one.rows, 2);
    assert_string_equal(one.cells[1][1], "2");
    reading_clear(&one);
}

static void header_is_found_or_not(void **state) {
    (void)state;
    peal_error err;
    reading one = {.block_size = 100};
    assert_ok(reading_all(&one, "1,2\n3,4\n", 8, &err));
    assert_int_equal(one.rows, 2);
    assert_string_equal(one.schema.fields[0].name, "c1");
    reading_clear(&one);
    reading two = {.block_size = 100};
    assert_ok(reading_all(&two, "a\tb\n3\t4\n", 8, &err));
    assert_int_equal(two.schema.count, 2);
    assert_string_equal(two.schema.fields[1].name, "b");
    assert_int_equal(two.rows, 1);
    reading_clear(&two);
}

static void blanks_are_trimmed_when_asked(void **state) {
    (void)state;
    peal_error err;
    reading one = {.options = "{\"trim\": true}", .block_size = 100};
    static const char text[] = "a, b\n x , \"y, z\" \n";
    assert_ok(reading_all(&one, text, sizeof text - 1, &err));
    assert_string_equal(one.schema.fields[1].name, "b");
    assert_string_equal(one.cells[0][0], "x");
    assert_string_equal(one.cells[0][1], "y, z");
    reading_clear(&one);
}

/* A header whose quoted names hold newlines and are longer than the part that is looked at first. */
static void long_header_is_read_whole(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    assert_ok(peal_buffer_append(&text, "\"a\n", 3, &err));
    for (size_t i = 0; i < 200000; i++) assert_ok(peal_buffer_append(&text, "n", 1, &err));
    assert_ok(peal_buffer_append(&text, "\",b\n1,2\n", 9, &err));
    reading one = {.options = "{\"header\": \"yes\", \"delimiter\": \",\"}", .block_size = 1 << 20};
    assert_ok(reading_all(&one, (const char *)text.data, text.size, &err));
    assert_int_equal(one.schema.count, 2);
    assert_int_equal(strlen(one.schema.fields[0].name), 200002);
    assert_int_equal(one.rows, 1);
    assert_string_equal(one.cells[0][1], "2");
    reading_clear(&one);
    peal_buffer_clear(&text);
}

/* A header of more columns than fit into a sample: it is read before it is looked at. */
static void wide_header_is_read_whole(void **state) {
    (void)state;
    enum { COLUMNS = 130000 };
    peal_error err;
    peal_buffer text = {0};
    for (size_t i = 0; i < 3 * COLUMNS; i++) {
        char field[40];
        const size_t column = i % COLUMNS;
        const int size = snprintf(field, sizeof field, i < COLUMNS ? "column%zu%c" : "%zu%c", column,
                                  column + 1 < COLUMNS ? ',' : '\n');
        assert_ok(peal_buffer_append(&text, field, (size_t)size, &err));
    }
    assert_true(text.size > 2 * PEAL_SAMPLE_SIZE);
    reading one = {.block_size = 1 << 20};
    assert_ok(reading_all(&one, (const char *)text.data, text.size, &err));
    assert_int_equal(one.schema.count, COLUMNS);
    assert_string_equal(one.schema.fields[COLUMNS - 1].name, "column129999");
    assert_int_equal(one.rows, 2);
    assert_int_equal(one.bad, 0);
    assert_string_equal(one.cells[1][COLUMNS - 1], "129999");
    reading_clear(&one);
    peal_buffer_clear(&text);
}

static void bad_rows_are_named_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *reason;
        uint64_t line;
        size_t rows;
    } cases[] = {
        {"a,b\n1,2\n3\n4,5\n", "1 field, expected 2", 3, 2},
        {"a,b\n1,\"x\ny\"\n3,4,5\n6,7\n", "3 fields, expected 2", 4, 2},
        {"a,b\n1,x\xE9\n2,y\n", "byte 0xe9 of its text is not UTF-8", 2, 1},
    };
    for (size_t i = 0; i < 3; i++) {
        for (size_t block = 16; block < 80; block += 20) {
            peal_error err;
            reading one = {.options = header, .block_size = block};
            assert_ok(reading_all(&one, cases[i].text, strlen(cases[i].text), &err));
            assert_int_equal(one.bad, 1);
            assert_int_equal(one.bad_line, cases[i].line);
            assert_has(one.bad_reason, cases[i].reason);
            assert_int_equal(one.rows, cases[i].rows);
            reading_clear(&one);
        }
    }
}

static void unclosed_quote_is_named_by_line(void **state) {
    (void)state;
    peal_error err;
    reading one = {.options = header, .block_size = 1000};
    static const char text[] = "a,b\n1,2\n3,\"x\n5,6\n";
    assert_int_equal(reading_all(&one, text, sizeof text - 1, &err), PEAL_E_DATA);
    assert_has(err.message, "line 3");
    reading_clear(&one);
}

static void unclosed_quote_in_the_first_line_is_named(void **state) {
    (void)state;
    static const char *const texts[] = {"\"a,b\n1,2\n", "a,\"b\n1,2\n", "a,b,\"c", "x\"y,\"z\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        peal_error err = {0};
        reading one = {.options = "{\"delimiter\": \",\"}", .block_size = 100};
        assert_int_equal(reading_all(&one, texts[i], strlen(texts[i]), &err), PEAL_E_DATA);
        assert_has(err.message, "line 1: a quote is opened and never closed (quote none");
        reading_clear(&one);
    }
}

/* The slow version: one byte after the other, a state for each. */
static size_t slow_parse(const char *text, size_t size, char cells[][4][64], size_t columns) {
    size_t rows = 0, column = 0, length = 0;
    bool quoted = false, at_begin = true, any = false;
    for (size_t i = 0; i <= size; i++) {
        char c = i < size ? text[i] : '\n';
        if (i == size && !any) break;
        if (quoted) {
            if (c == '"' && i + 1 < size && text[i + 1] == '"') {
                cells[rows][column][length++] = '"';
                i++;
            } else if (c == '"') {
                quoted = false;
            } else {
                cells[rows][column][length++] = c;
            }
            continue;
        }
        if (c == ',' || c == '\n') {
            cells[rows][column][length] = '\0';
            length = 0;
            at_begin = true;
            any = c == ',';
            column = c == ',' ? column + 1 : 0;
            rows += c == '\n';
            continue;
        }
        any = true;
        if (c == '"' && at_begin) {
            quoted = true;
        } else {
            cells[rows][column][length++] = c;
        }
        at_begin = false;
    }
    (void)columns;
    return rows;
}

static void random_tables_equal_the_slow_parser(void **state) {
    (void)state;
    static char cells[64][4][64];
    for (uint64_t seed = 0; seed < 400; seed++) {
        peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
        char text[8192];
        size_t size = 0, rows = 1 + peal_philox_below(&random, 30), columns = 2 + peal_philox_below(&random, 3);
        for (size_t row = 0; row < rows; row++) {
            for (size_t column = 0; column < columns; column++) {
                bool quote = seed % 2 && peal_philox_below(&random, 3) == 0;
                if (quote) text[size++] = '"';
                for (uint32_t n = peal_philox_below(&random, 12); n > 0; n--) {
                    static const char plain[] = "abc .x-", inside[] = "ab,\n\"c";
                    char c = quote ? inside[peal_philox_below(&random, 6)] : plain[peal_philox_below(&random, 7)];
                    if (c == '"') text[size++] = '"';
                    text[size++] = c;
                }
                if (quote) text[size++] = '"';
                text[size++] = column + 1 < columns ? ',' : '\n';
            }
        }
        size_t expected = slow_parse(text, size, cells, columns);
        peal_error err;
        reading one = {.options = "{\"header\": \"no\", \"delimiter\": \",\", \"trim\": false}",
                       .block_size = 20 + peal_philox_below(&random, 300)};
        assert_ok(reading_all(&one, text, size, &err));
        assert_int_equal(one.bad, 0);
        assert_int_equal(one.rows, expected);
        for (size_t row = 0; row < expected; row++) {
            for (size_t column = 0; column < columns; column++) {
                assert_string_equal(one.cells[row][column], cells[row][column]);
            }
        }
        reading_clear(&one);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_fields_keep_separators_and_newlines),
        cmocka_unit_test(byte_order_mark_and_last_line_without_newline_are_read),
        cmocka_unit_test(header_is_found_or_not),
        cmocka_unit_test(blanks_are_trimmed_when_asked),
        cmocka_unit_test(long_header_is_read_whole),
        cmocka_unit_test(wide_header_is_read_whole),
        cmocka_unit_test(bad_rows_are_named_by_line),
        cmocka_unit_test(unclosed_quote_is_named_by_line),
        cmocka_unit_test(unclosed_quote_in_the_first_line_is_named),
        cmocka_unit_test(random_tables_equal_the_slow_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
