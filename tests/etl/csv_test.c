/* The CSV parser against an obvious slow one, with all block sizes; and the ways in which rows are bad. */
#include <math.h>

#include "core/base/philox.h"
#include "etl/format/format.h"
#include "tests/support.h"

typedef struct parsed {
    peal_raw_schema schema;
    peal_format_options options;
    char ***cells; /* [rows][fields] as text */
    size_t rows, bad;
    uint64_t bad_line;
    char bad_reason[256];
} parsed;

/* Reads `text` with every field taken as text. */
static peal_status read_all(const char *text, size_t size, size_t block_size, parsed *out, peal_error *err) {
    out->options.block_size = block_size;
    char *sample = calloc(1, size + PEAL_BLOCK_PADDING);
    memcpy(sample, text, size);
    peal_status status = peal_format_csv.infer("t.csv", sample, size, true, &out->options, &out->schema, err);
    free(sample);
    if (status != PEAL_OK) return status;
    for (size_t i = 0; i < out->schema.count; i++) out->schema.fields[i].kind = PEAL_RAW_TEXT;
    const peal_format_job job = {.options = &out->options, .schema = &out->schema, .label = SIZE_MAX};
    peal_stream *stream;
    peal_format_reader *reader;
    PEAL_TRY(peal_memory_stream_open(text, size, &stream, err));
    PEAL_TRY(peal_format_csv.open(&job, "t.csv", NULL, stream, &reader, err));
    peal_block block;
    status = peal_block_init(&block, &out->schema, err);
    while (status == PEAL_OK) {
        status = peal_format_csv.read(reader, &block, err);
        if (status != PEAL_OK || block.size == 0) break;
        peal_block_reset_dictionaries(&block);
        status = peal_format_csv.parse(reader, &block, err);
        if (status != PEAL_OK) break;
        out->cells = realloc(out->cells, (out->rows + block.rows + 1) * sizeof *out->cells);
        for (size_t row = 0; row < block.rows; row++) {
            char **cells = out->cells[out->rows++] = calloc(out->schema.count, sizeof *cells);
            for (size_t i = 0; i < out->schema.count; i++) {
                peal_text cell = peal_dictionary_text(&block.dictionaries[i], (uint32_t)block.codes[i][row]);
                cells[i] = peal_strndup(cell.data, cell.length);
            }
        }
        if (block.bad_count && out->bad == 0) {
            out->bad_line = block.bad_rows[0].line;
            snprintf(out->bad_reason, sizeof out->bad_reason, "%s", block.bad_rows[0].reason);
        }
        out->bad += block.bad_count;
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    peal_format_csv.close(reader);
    return status;
}

static void parsed_clear(parsed *one) {
    for (size_t row = 0; row < one->rows; row++) {
        for (size_t i = 0; i < one->schema.count; i++) free(one->cells[row][i]);
        free(one->cells[row]);
    }
    free(one->cells);
    peal_raw_schema_clear(&one->schema);
}

static void quoted_fields_keep_separators_and_newlines(void **state) {
    (void)state;
    static const char text[] = "a,b\r\n1,\"x,\"\"y\"\"\nz\"\r\n\"\",plain\r\n";
    for (size_t block = 8; block < 64; block += 7) {
        peal_error err;
        parsed one = {.options = {.header = PEAL_HEADER_YES}};
        assert_ok(read_all(text, sizeof text - 1, block, &one, &err));
        assert_int_equal(one.rows, 2);
        assert_string_equal(one.schema.fields[1].name, "b");
        assert_string_equal(one.cells[0][1], "x,\"y\"\nz");
        assert_string_equal(one.cells[1][0], "");
        assert_string_equal(one.cells[1][1], "plain");
        parsed_clear(&one);
    }
}

static void byte_order_mark_and_last_line_without_newline_are_read(void **state) {
    (void)state;
    peal_error err;
    parsed one = {0};
    static const char text[] = "\xEF\xBB\xBFname,n\nx,1\ny,2";
    assert_ok(read_all(text, sizeof text - 1, 1 << 20, &one, &err));
    assert_string_equal(one.schema.fields[0].name, "name");
    assert_int_equal(one.rows, 2);
    assert_string_equal(one.cells[1][1], "2");
    parsed_clear(&one);
}

static void header_is_found_or_not(void **state) {
    (void)state;
    peal_error err;
    parsed one = {0};
    assert_ok(read_all("1,2\n3,4\n", 8, 100, &one, &err));
    assert_int_equal(one.rows, 2);
    assert_string_equal(one.schema.fields[0].name, "c1");
    parsed_clear(&one);
    parsed two = {0};
    assert_ok(read_all("a\tb\n3\t4\n", 8, 100, &two, &err));
    assert_int_equal(two.options.delimiter, '\t');
    assert_int_equal(two.rows, 1);
    parsed_clear(&two);
}

static void blanks_are_trimmed_when_asked(void **state) {
    (void)state;
    peal_error err;
    parsed one = {.options = {.trim = true}};
    static const char text[] = "a, b\n x , \"y, z\" \n";
    assert_ok(read_all(text, sizeof text - 1, 100, &one, &err));
    assert_string_equal(one.schema.fields[1].name, "b");
    assert_string_equal(one.cells[0][0], "x");
    assert_string_equal(one.cells[0][1], "y, z");
    parsed_clear(&one);
}

/* A header whose quoted names hold newlines and are longer than the part that is looked at first. */
static void long_header_is_read_whole(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    assert_ok(peal_buffer_append(&text, "\"a\n", 3, &err));
    for (size_t i = 0; i < 200000; i++) assert_ok(peal_buffer_append(&text, "n", 1, &err));
    assert_ok(peal_buffer_append(&text, "\",b\n1,2\n", 9, &err));
    parsed one = {.options = {.header = PEAL_HEADER_YES, .delimiter = ','}};
    assert_ok(read_all((const char *)text.data, text.size, 1 << 20, &one, &err));
    assert_int_equal(one.schema.count, 2);
    assert_int_equal(strlen(one.schema.fields[0].name), 200002);
    assert_int_equal(one.rows, 1);
    assert_string_equal(one.cells[0][1], "2");
    parsed_clear(&one);
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
            parsed one = {.options = {.header = PEAL_HEADER_YES}};
            assert_ok(read_all(cases[i].text, strlen(cases[i].text), block, &one, &err));
            assert_int_equal(one.bad, 1);
            assert_int_equal(one.bad_line, cases[i].line);
            assert_has(one.bad_reason, cases[i].reason);
            assert_int_equal(one.rows, cases[i].rows);
            parsed_clear(&one);
        }
    }
}

static void unclosed_quote_is_named_by_line(void **state) {
    (void)state;
    peal_error err;
    parsed one = {.options = {.header = PEAL_HEADER_YES}};
    static const char text[] = "a,b\n1,2\n3,\"x\n5,6\n";
    assert_int_equal(read_all(text, sizeof text - 1, 1000, &one, &err), PEAL_E_DATA);
    assert_has(err.message, "line 3");
    parsed_clear(&one);
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
        parsed one = {.options = {.delimiter = ',', .header = PEAL_HEADER_NO}};
        assert_ok(read_all(text, size, 20 + peal_philox_below(&random, 300), &one, &err));
        assert_int_equal(one.bad, 0);
        assert_int_equal(one.rows, expected);
        for (size_t row = 0; row < expected; row++) {
            for (size_t column = 0; column < columns; column++) {
                assert_string_equal(one.cells[row][column], cells[row][column]);
            }
        }
        parsed_clear(&one);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_fields_keep_separators_and_newlines),
        cmocka_unit_test(byte_order_mark_and_last_line_without_newline_are_read),
        cmocka_unit_test(header_is_found_or_not),
        cmocka_unit_test(blanks_are_trimmed_when_asked),
        cmocka_unit_test(long_header_is_read_whole),
        cmocka_unit_test(bad_rows_are_named_by_line),
        cmocka_unit_test(unclosed_quote_is_named_by_line),
        cmocka_unit_test(random_tables_equal_the_slow_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
