/* JSON Lines and arrays of objects: what becomes a column, the same rows whatever the blocks are, all ways in which a
 * record is bad, other programs' files, the JSON test suite, and random documents beside jansson. */
#include <dirent.h>
#include <math.h>

#include "core/base/file.h"
#include "core/base/philox.h"
#include "etl/format/formats.h"
#include "tests/support.h"

enum { MOST_ROWS = 4000, MOST_BAD = 4000, NOTES_SIZE = 1000 };

typedef struct result {
    peal_found found;
    char **cells; /* [rows * found.schema.count] as text; a number as %.17g */
    size_t rows, blocks, bad;
    struct {
        uint64_t line;
        char reason[200];
    } first_bad[8];
    char notes[NOTES_SIZE];
} result;

static void result_clear(result *one) {
    for (size_t i = 0; i < one->rows * one->found.schema.count; i++) free(one->cells[i]);
    free(one->cells);
    peal_found_clear(&one->found);
    *one = (result){0};
}

static const char *cell(const result *one, size_t row, const char *name) {
    const size_t column = peal_schema_find(&one->found.schema, name, strlen(name));
    if (row >= one->rows || column == SIZE_MAX) fail_msg("there is no row %zu with a column %s", row, name);
    return one->cells[row * one->found.schema.count + column];
}

static void note(void *user, const peal_event *event) {
    result *one = user;
    const size_t used = strlen(one->notes);
    snprintf(one->notes + used, sizeof one->notes - used, "%s\n", event->text);
}

static char *text_of(const peal_block *block, size_t column, size_t row) {
    char number[40];
    const peal_column_room *room = &block->table.columns[column];
    if (room->type == PEAL_TYPE_FLOAT64) {
        snprintf(number, sizeof number, "%.17g", ((const double *)room->values)[row]);
        return peal_strdup(number);
    }
    const peal_text text =
        peal_dictionary_text(&block->table.dictionaries[column], (uint32_t)((const int32_t *)room->values)[row]);
    return peal_strndup(text.data, text.length);
}

static void collect(const peal_block *block, result *out) {
    const size_t columns = out->found.schema.count;
    out->cells = realloc(out->cells, (out->rows + block->table.rows + 1) * columns * sizeof *out->cells);
    for (size_t row = 0; row < block->table.rows; row++, out->rows++) {
        for (size_t i = 0; i < columns; i++) out->cells[out->rows * columns + i] = text_of(block, i, row);
    }
    for (size_t i = 0; i < block->bad_count; i++, out->bad++) {
        if (out->bad >= sizeof out->first_bad / sizeof *out->first_bad) continue;
        out->first_bad[out->bad].line = block->bad_rows[i].line;
        snprintf(out->first_bad[out->bad].reason, sizeof out->first_bad->reason, "%s", block->bad_rows[i].reason);
    }
}

static peal_input input_of(const char *text, size_t size) {
    peal_error err;
    peal_input input = {.name = "t"};
    assert_ok(peal_memory_stream_open(text, size, &input.stream, &err));
    return input;
}

static peal_status read_blocks(const char *text, size_t size, const peal_wanted *wanted, result *out, peal_error *err) {
    peal_reader *reader;
    peal_block block = {0};
    const peal_input input = input_of(text, size);
    PEAL_TRY(peal_format_jsonl.open(NULL, wanted, &input, &reader, err));
    peal_status status = peal_block_init(&block, wanted->schema, err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, err);
        if (status != PEAL_OK || block.size == 0) break;
        assert_int_equal(block.number, out->blocks++);
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, err);
        if (status == PEAL_OK) collect(&block, out);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
    return status;
}

typedef struct choice {
    size_t block_size;
    bool as_text; /* all columns are texts */
    const char *label;
} choice;

static peal_status read_text(const char *text, size_t size, choice how, result *out, peal_error *err) {
    const peal_nulls nulls = {0};
    const peal_reporter reporter = {.handle = note, .user = out};
    const peal_survey what = {.nulls = &nulls, .reporter = &reporter};
    const peal_input input = input_of(text, size);
    *out = (result){0};
    PEAL_TRY(peal_format_jsonl.survey(NULL, &what, &input, &out->found, err));
    const peal_schema *schema = &out->found.schema;
    for (size_t i = 0; i < schema->count && how.as_text; i++) schema->fields[i].type = PEAL_TYPE_DICTIONARY;
    const peal_wanted wanted = {.schema = schema,
                                .nulls = &nulls,
                                .label = how.label ? peal_schema_find(schema, how.label, strlen(how.label)) : SIZE_MAX,
                                .label_required = how.label,
                                .hash_rows = true,
                                .block_size = how.block_size,
                                .reporter = &reporter};
    return read_blocks(text, size, &wanted, out, err);
}

/* ---- columns ---- */

static void keys_become_columns(void **state) {
    (void)state;
    static const char text[] = "{\"n\": 1.50, \"t\": \"x\", \"b\": true, \"z\": null}\n"
                               "{\"t\": \"\", \"new\": 12345678901234567890, \"n\": \"7\"}\n"
                               "{\"b\": false}\n";
    peal_error err;
    result one;
    assert_ok(read_text(text, sizeof text - 1, (choice){0}, &one, &err));
    const peal_schema *schema = &one.found.schema;
    assert_int_equal(schema->count, 5);
    static const char *const names[] = {"n", "t", "b", "z", "new"};
    static const peal_type types[] = {PEAL_TYPE_FLOAT64, PEAL_TYPE_DICTIONARY, PEAL_TYPE_DICTIONARY,
                                      PEAL_TYPE_DICTIONARY, PEAL_TYPE_FLOAT64};
    for (size_t i = 0; i < schema->count; i++) {
        assert_string_equal(schema->fields[i].name, names[i]);
        assert_int_equal(schema->fields[i].type, types[i]);
    }
    assert_false(schema->fields[3].decided); /* nulls tell nothing */
    assert_int_equal(one.found.guesses[0].numbers, 2);
    assert_int_equal(one.rows, 3);
    assert_string_equal(cell(&one, 0, "n"), "1.5");
    assert_string_equal(cell(&one, 1, "n"), "7");
    assert_string_equal(cell(&one, 2, "n"), "nan");
    assert_string_equal(cell(&one, 0, "b"), "true");
    assert_string_equal(cell(&one, 1, "b"), "");
    assert_string_equal(cell(&one, 2, "b"), "false");
    assert_string_equal(cell(&one, 0, "z"), "");
    result_clear(&one);
    assert_ok(read_text(text, sizeof text - 1, (choice){.as_text = true}, &one, &err));
    assert_string_equal(cell(&one, 0, "n"), "1.50"); /* a number's text stays as it is */
    assert_string_equal(cell(&one, 1, "new"), "12345678901234567890");
    result_clear(&one);
}

static void objects_within_become_columns_by_path(void **state) {
    (void)state;
    static const char text[] = "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"tags\":[1,{\"k\":[2]}],\"e\":{}}\n"
                               "{\"tags\":null,\"a\":{\"c\":{\"d\":\"y\",\"late\":[]}},\"p.q\":3}\n"
                               "{\"a\":null}\n";
    peal_error err;
    result one;
    assert_ok(read_text(text, sizeof text - 1, (choice){0}, &one, &err));
    assert_int_equal(one.found.schema.count, 3);
    assert_has(one.notes, "arrays are left out: 'tags', 'a.c.late'");
    assert_int_equal(one.rows, 3);
    assert_string_equal(cell(&one, 0, "a.b"), "1");
    assert_string_equal(cell(&one, 1, "a.c.d"), "y");
    assert_string_equal(cell(&one, 2, "a.c.d"), "");
    assert_string_equal(cell(&one, 1, "p.q"), "3");
    result_clear(&one);
}

static void columns_that_two_ways_lead_to_are_an_error(void **state) {
    (void)state;
    peal_error err;
    result one;
    static const char text[] = "{\"k\":1}\n{\"a.b\":1}\n{\"a\":{\"b\":2}}\n";
    assert_int_equal(read_text(text, sizeof text - 1, (choice){0}, &one, &err), PEAL_E_DATA);
    assert_has(err.message, "t: line 3: a key that holds a point and keys within one another would both be the "
                            "column 'a.b'");
    result_clear(&one);
    static const char arrays[] = "{\"a\":[1]}\n{\"b\":{\"c\":[2]}}\n";
    assert_int_equal(read_text(arrays, sizeof arrays - 1, (choice){0}, &one, &err), PEAL_E_DATA);
    assert_has(err.message, "its objects hold arrays only, which are not read: 'a', 'b.c'");
    result_clear(&one);
}

static void escapes_are_decoded(void **state) {
    (void)state;
    static const char text[] =
        "{\"k\\u0065y\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\uD83D\\uDE00 plain\",\"u\":\"\xE2\x82\xAC\"}\n"
        "{\"key\":\"a long text without any escape, and then one: \\u0041\",\"\\u0075\":\"v\"}\n";
    peal_error err;
    result one;
    assert_ok(read_text(text, sizeof text - 1, (choice){0}, &one, &err));
    assert_int_equal(one.found.schema.count, 2);
    assert_int_equal(one.rows, 2);
    assert_string_equal(cell(&one, 0, "key"), "\"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 plain");
    assert_string_equal(cell(&one, 0, "u"), "\xE2\x82\xAC");
    assert_string_equal(cell(&one, 1, "key"), "a long text without any escape, and then one: A");
    assert_string_equal(cell(&one, 1, "u"), "v");
    result_clear(&one);
}

/* ---- layouts and blocks ---- */

static void assert_same(const result *a, const result *b) {
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->bad, b->bad);
    assert_int_equal(a->found.schema.count, b->found.schema.count);
    for (size_t i = 0; i < a->rows * a->found.schema.count; i++) assert_string_equal(a->cells[i], b->cells[i]);
    for (size_t i = 0; i < a->bad && i < sizeof a->first_bad / sizeof *a->first_bad; i++) {
        assert_int_equal(a->first_bad[i].line, b->first_bad[i].line);
        assert_string_equal(a->first_bad[i].reason, b->first_bad[i].reason);
    }
}

static void blocks_and_line_ends_do_not_matter(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"a\":1,\"b\":\"x, {y\"}\n{\"a\":2}\n{\"b\":\"\\\\\"}\n{\"a\":-4e1,\"b\":\"[\"}\n",
        "{\"a\":1,\"b\":\"x, {y\"}\r\n{\"a\":2}\r\n\r\n{\"b\":\"\\\\\"}\r\n{\"a\":-4e1,\"b\":\"[\"}",
        "\xEF\xBB\xBF \t{\"a\" :1 ,\"b\": \"x, {y\" } \n \n\n{ \"a\"\t: 2}\n{\"b\":\"\\\\\"}  "
        "\n{\"a\":-4e1,\"b\":\"[\"}\n\n\n",
        "[{\"a\":1,\"b\":\"x, {y\"},{\"a\":2},{\"b\":\"\\\\\"},{\"a\":-4e1,\"b\":\"[\"}]",
        "\xEF\xBB\xBF\n[\n  {\n    \"a\": 1,\n    \"b\": \"x, {y\"\n  },\r\n  {\"a\"\n:2}\n,\n{\"b\":\"\\\\\"},"
        "\n{\"a\":-4e1,\"b\":\"[\"}\n]\n\n",
    };
    peal_error err;
    result whole;
    assert_ok(read_text(texts[0], strlen(texts[0]), (choice){0}, &whole, &err));
    assert_int_equal(whole.rows, 4);
    assert_string_equal(cell(&whole, 2, "b"), "\\");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t block = 1; block < 90; block++) {
            result one;
            assert_ok(read_text(texts[i], strlen(texts[i]), (choice){.block_size = block}, &one, &err));
            assert_same(&whole, &one);
            assert_true(block > 24 || one.blocks > 1);
            result_clear(&one);
        }
    }
    result_clear(&whole);
}

static void empty_inputs_have_no_columns(void **state) {
    (void)state;
    static const char *const texts[] = {"", "\n \n", "[]", " [ ] \n", "\xEF\xBB\xBF", "{}\n{}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        peal_error err;
        result one;
        assert_ok(read_text(texts[i], strlen(texts[i]), (choice){0}, &one, &err));
        assert_int_equal(one.found.schema.count, 0);
        assert_int_equal(one.bad, 0);
        result_clear(&one);
    }
}

/* ---- what is bad ---- */

static void bad_records_are_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"{\"a\":1,}", "byte 7: a key in double quotes was expected, not '}'"},
        {"  {\"a\" 1}", "byte 7: ':' was expected, not '1'"},
        {"{\"a\":1", "byte 6: ',' or '}' was expected, but the record ends"},
        {"{\"a\":1 \"b\":2}", "byte 7: ',' or '}' was expected, not '\"'"},
        {"{\"a\":1}}", "byte 7: the line's end was expected, not '}'"},
        {"{\"a\":1} {\"a\":2}", "byte 8: the line's end was expected, not '{'"},
        {"[1,2]", "byte 0: an object ('{') was expected, not '['"},
        {"null", "byte 0: an object ('{') was expected, not 'n'"},
        {"{\"a\":tru}", "byte 5: a value was expected, not 't'"},
        {"{\"a\":NaN}", "byte 5: a value was expected, not 'N': JSON has no NaN (null is what is missing)"},
        {"{\"a\":-Infinity}", "byte 5: a value was expected, not '-': JSON has no -Infinity"},
        {"{\"a\":None}", "byte 5: a value was expected, not 'N'"},
        {"{\"a\":}", "byte 5: a value was expected, not '}'"},
        {"{\"a\":01}", "byte 6: ',' or '}' was expected, not '1'"},
        {"{\"a\":1.}", "byte 7: a digit was expected, not '}'"},
        {"{\"a\":-x}", "byte 6: a digit was expected, not 'x'"},
        {"{\"a\":1e+}", "byte 8: a digit was expected, not '}'"},
        {"{'a':1}", "byte 1: a key in double quotes was expected, not '''"},
        {"{\"a\":\"x}", "byte 8: a text is not closed before the record ends"},
        {"{\"a\":\"x\\", "byte 8: a text is not closed before the record ends"},
        {"{\"a\":\"x\ty\"}", "byte 7: a control character (0x09) in a text; JSON writes it as \\u0009"},
        {"{\"a\":\"\\x\"}", "byte 6: an escape that JSON does not have: '\\x'"},
        {"{\"a\":\"\\u12g4\"}", "byte 6: four hexadecimal digits were expected behind \\u"},
        {"{\"a\":\"\\ud800\"}", "byte 6: half of a surrogate pair (\\ud800), which is no character"},
        {"{\"a\":\"\\ud800\\u0041\"}", "byte 6: half of a surrogate pair (\\ud800)"},
        {"{\"a\":\"\\udc00\"}", "byte 6: half of a surrogate pair (\\udc00)"},
        {"{\"a\":\"\\u0000\"}", "byte 6: NUL (\\u0000)"},
        {"{\"a\":\"\xC3(\"}", "byte 6: byte 0xc3 of a text is not UTF-8"},
        {"{\"other\":\"\xED\xA0\x80\"}", "byte 10: byte 0xed of a text is not UTF-8"},
        {"{\"a\":1,\"a\":1}", "byte 7: the key 'a' stands twice"},
        {"{\"o\":{\"x\":1,\"y\":2,\"x\":3}}", "byte 18: the key 'o.x' stands twice"},
        {"{\"a\":1,\"\\u0061\":2}", "byte 16: two keys are the column 'a'"},
        {"{\"a\":[1]}", "byte 5: column 'a': an array, where a number or a text was expected"},
        {"{\"x\":[1,{\"y\":]}]}", "byte 13: a value was expected, not ']'"},
        {"{\"x\":[1 2]}", "byte 8: ',' or ']' was expected, not '2'"},
        {"{\"x\":[1,]}", "byte 8: a value was expected, not ']'"},
        {"{\"a\":\xA0}", "byte 5: a value was expected, not byte 0xa0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        result one;
        char text[200];
        snprintf(text, sizeof text, "{\"a\":1,\"o\":{\"x\":1}}\n\n%s\n{\"a\":3}\n", cases[i].line);
        for (size_t block = 8; block < 200; block += 61) {
            assert_ok(read_text(text, strlen(text), (choice){.block_size = block, .as_text = true}, &one, &err));
            assert_int_equal(one.bad, 1);
            assert_int_equal(one.rows, 2);
            assert_int_equal(one.first_bad[0].line, 3);
            assert_has(one.first_bad[0].reason, cases[i].reason);
            result_clear(&one);
        }
    }
}

static char *nested(size_t depth, const char *open, const char *close) {
    char *text = calloc(1, 40 + depth * (strlen(open) + strlen(close)));
    strcpy(text, "{\"a\":1,\"v\":");
    for (size_t i = 1; i < depth; i++) strcat(text, open);
    strcat(text, "1");
    for (size_t i = 1; i < depth; i++) strcat(text, close);
    strcat(text, "}\n{\"a\":1}\n");
    return text;
}

static void depth_is_limited(void **state) {
    (void)state;
    static const char *const opens[] = {"[", "{\"k\":"}, *const closes[] = {"]", "}"};
    for (size_t i = 0; i < 4; i++) {
        peal_error err;
        result one;
        char *text = nested(i / 2 ? 65 : 64, opens[i % 2], closes[i % 2]);
        assert_ok(read_text(text, strlen(text), (choice){0}, &one, &err));
        assert_int_equal(one.bad, i / 2);
        assert_int_equal(one.rows, 2 - i / 2);
        if (one.bad) assert_has(one.first_bad[0].reason, "nest deeper than 64");
        result_clear(&one);
        free(text);
    }
}

static void elements_of_an_array_are_bad_one_by_one(void **state) {
    (void)state;
    static const char text[] = "[{\"a\":1},\n {\"a\":tru}, 5,\n{\"a\":2} {\"a\":3},,\n"
                               "{\"a\":[\"}\"]},{\"a\":\"x\ny\"}, {\"a\":4},]\n";
    for (size_t block = 1; block < 100; block++) {
        peal_error err;
        result one;
        assert_ok(read_text(text, sizeof text - 1, (choice){.block_size = block}, &one, &err));
        assert_int_equal(one.rows, 2);
        assert_int_equal(one.bad, 7);
        assert_int_equal(one.first_bad[0].line, 2);
        assert_has(one.first_bad[0].reason, "byte 5 of its object: a value was expected, not 't'");
        assert_has(one.first_bad[1].reason, "byte 0 of its object: an object ('{') was expected, not '5'");
        assert_int_equal(one.first_bad[2].line, 3);
        assert_has(one.first_bad[2].reason, "byte 8 of its object: ',' or ']' was expected, not '{'");
        assert_has(one.first_bad[3].reason, "an object ('{') was expected, not ','");
        assert_int_equal(one.first_bad[5].line, 4);
        assert_has(one.first_bad[5].reason, "a control character (0x0a) in a text");
        assert_int_equal(one.first_bad[6].line, 5);
        result_clear(&one);
    }
}

static void broken_arrays_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"[{\"a\":1},\n{\"a\":2", "t: line 2: the array's last object, which begins here, or the array itself is not "
                                  "closed before the end"},
        {"[{\"a\":1}\n", "t: line 1: the array's last object"},
        {"[{\"a\":1}]\n\n {\"a\":2}\n", "t: line 3: more stands behind the array of objects"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t block = 1; block < 40; block++) {
            peal_error err;
            result one;
            assert_int_equal(read_text(cases[i].text, strlen(cases[i].text), (choice){.block_size = block}, &one, &err),
                             PEAL_E_DATA);
            assert_has(err.message, cases[i].what);
            result_clear(&one);
        }
    }
}

static void text_without_an_object_is_refused_by_its_first_fault(void **state) {
    (void)state;
    peal_error err;
    result one;
    static const char text[] = "{\n  \"a\": 1\n}\n";
    assert_int_equal(read_text(text, sizeof text - 1, (choice){0}, &one, &err), PEAL_E_DATA);
    assert_has(err.message, "t: line 1: byte 1: a key in double quotes was expected, but the record ends (JSON Lines "
                            "has an object a line)");
    result_clear(&one);
}

static void missing_labels_and_types_are_the_rows_matter(void **state) {
    (void)state;
    peal_error err;
    result one;
    static const char text[] =
        "{\"y\":1,\"n\":2}\n{\"n\":3}\n{\"y\":null,\"n\":3}\n{\"y\":2,\"n\":\"x\"}\n{\"y\":0,\"n\":null}\n";
    assert_ok(read_text(text, sizeof text - 1, (choice){.label = "y"}, &one, &err));
    assert_int_equal(one.bad, 2);
    assert_int_equal(one.first_bad[0].line, 2);
    assert_has(one.first_bad[0].reason, "the label 'y' is missing");
    assert_int_equal(one.rows, 3);
    result_clear(&one);
}

/* ---- what is wanted ---- */

static void wanted_columns_are_looked_for(void **state) {
    (void)state;
    static const char text[] = "{\"a\":1,\"b\":{\"c\":2}}\n";
    static const struct {
        const char *names[2];
        bool label; /* the second one is */
        const char *message, *note;
    } cases[] = {
        {{"a", "b.c"}, false, NULL, NULL},
        {{"a", "x"}, false, NULL, "t: none of its first objects has the key 'x': taken for missing there"},
        {{"a", "x"}, true, "t: its objects have no key 'x'; they have 'a', 'b', 'b.c'", NULL},
        {{"x", "z"}, false, "t: its objects have no key 'x'; they have 'a', 'b', 'b.c'", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        result one = {0};
        const peal_nulls nulls = {0};
        const peal_reporter reporter = {.handle = note, .user = &one};
        peal_schema *schema = &one.found.schema;
        for (size_t n = 0; n < 2; n++) {
            const char *name = cases[i].names[n];
            assert_ok(peal_schema_add(schema, name, strlen(name), PEAL_TYPE_FLOAT64, &err));
        }
        const peal_wanted wanted = {.schema = schema,
                                    .nulls = &nulls,
                                    .label = cases[i].label ? 1 : SIZE_MAX,
                                    .label_required = cases[i].label,
                                    .reporter = &reporter};
        const peal_status status = read_blocks(text, sizeof text - 1, &wanted, &one, &err);
        assert_int_equal(status, cases[i].message ? PEAL_E_DATA : PEAL_OK);
        if (cases[i].message) assert_has(err.message, cases[i].message);
        if (cases[i].note) assert_has(one.notes, cases[i].note);
        if (!cases[i].note) assert_string_equal(one.notes, "");
        if (!cases[i].message) assert_string_equal(cell(&one, 0, "a"), "1");
        result_clear(&one);
    }
}

static void it_is_told_from_other_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
        bool sure;
    } cases[] = {
        {"{\"a\":1}\n{\"a\":2}\n", "x", true},
        {"{\"a\":1}", "x", true},
        {"\n\n  {\"a\":1}\r\n", "x", true},
        {"[{\"a\":1}]", "x", true},
        {"\xEF\xBB\xBF[\n {\n \"a\":1}]", "x", true},
        {"{\"a\":1\n", "x", false},
        {"{\"a\":1\n", "x.json.gz", true},
        {"{a},b\n1,2\n", "x", false},
        {"a,b\n1,2\n", "x.json", true}, /* the name says that it should be */
        {"[1,2]\n", "x.json", true},
        {"[1,2]\n", "x", false},
        {"[]", "x.json", true},
        {"{\"a\":1}\n", "x.csv", true},
        {"{\"a\":1} x\n", "x", false},
        {"", "x.json", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int score =
            peal_format_jsonl.recognise((const uint8_t *)cases[i].text, strlen(cases[i].text), cases[i].name);
        assert_int_equal(score >= 80, cases[i].sure);
        assert_true(score >= 80 || score == 0);
    }
    /* A line that is longer than what is looked at. */
    char head[PEAL_HEAD_SIZE];
    memset(head, 'x', sizeof head);
    memcpy(head, "{\"a\":\"", 6);
    assert_true(peal_format_jsonl.recognise((const uint8_t *)head, sizeof head, "x") >= 80);
    memcpy(head, "{'a':\"", 6);
    assert_int_equal(peal_format_jsonl.recognise((const uint8_t *)head, sizeof head, "x"), 0);
}

/* ---- more keys than a row has columns ---- */

static void keys_that_never_come_again_take_no_memory(void **state) {
    (void)state;
    enum { RECORDS = 3000, KEYS = 50 };
    peal_error err;
    peal_buffer text = {0};
    for (unsigned i = 0; i < RECORDS; i++) {
        char piece[40];
        assert_ok(peal_buffer_append(&text, "{\"a\":1,\"m\":{", 12, &err));
        for (unsigned k = 0; k < KEYS; k++) {
            const int size = snprintf(piece, sizeof piece, "%s\"u%u\":%u", k ? "," : "", i * KEYS + k, k);
            assert_ok(peal_buffer_append(&text, piece, (size_t)size, &err));
        }
        assert_ok(peal_buffer_append(&text, i % 1000 ? "}}\n" : ",\"u0\":1}}\n", i % 1000 ? 3 : 10, &err));
    }
    peal_nulls nulls = {0};
    result one = {0};
    assert_ok(peal_schema_add(&one.found.schema, "a", 1, PEAL_TYPE_FLOAT64, &err));
    assert_ok(peal_schema_add(&one.found.schema, "m.u0", 4, PEAL_TYPE_FLOAT64, &err));
    const peal_wanted wanted = {.schema = &one.found.schema, .nulls = &nulls, .label = SIZE_MAX};
    assert_ok(read_blocks((const char *)text.data, text.size, &wanted, &one, &err));
    assert_int_equal(one.bad, 1); /* the first record has u0 twice */
    assert_int_equal(one.rows, RECORDS - 1);
    assert_string_equal(cell(&one, 999, "m.u0"), "1");
    assert_string_equal(cell(&one, 998, "m.u0"), "nan");
    result_clear(&one);
    peal_buffer_clear(&text);
}

/* ---- files of other programs ---- */

static peal_buffer read_file(const char *path) {
    peal_error err;
    peal_buffer out = {0};
    assert_ok(peal_file_read(path, &out, &err));
    return out;
}

static void polars_and_pandas_say_the_same(void **state) {
    (void)state;
    static const char *const paths[] = {"tests/data/json/polars.ndjson", "tests/data/json/pandas.json"};
    for (size_t i = 0; i < 2; i++) {
        peal_error err;
        result one;
        peal_buffer file = read_file(paths[i]);
        assert_ok(read_text((const char *)file.data, file.size, (choice){.as_text = i == 0}, &one, &err));
        assert_int_equal(one.bad, 0);
        assert_int_equal(one.rows, 5);
        assert_int_equal(one.found.schema.count, 6);
        assert_string_equal(cell(&one, 0, "name"), "Zo\xC3\xAB \"Z\"");
        assert_string_equal(cell(&one, 1, "name"), "back\\slash");
        assert_string_equal(cell(&one, 2, "name"), "tab\there");
        assert_string_equal(cell(&one, 3, "name"), "");
        assert_string_equal(cell(&one, 4, "name"), "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E \xF0\x9F\x8E\x88");
        assert_string_equal(cell(&one, 4, "n"), i == 0 ? "9007199254740993" : "9007199254740992");
        assert_string_equal(cell(&one, 0, "at.city"), "Ulm");
        assert_string_equal(cell(&one, 3, "ok"), "true");
        result_clear(&one);
        peal_buffer_clear(&file);
    }
}

/* The documents of the JSON test suite, each as the value of a key. `y_`: good, `n_`: bad, `i_`: either. */
static size_t check_suite(const char *folder) {
    /* Good JSON that makes no row, and why. */
    static const char *const refused[][2] = {
        {"y_object_duplicated_key", "stands twice"},
        {"y_object_escaped_null_in_key", "NUL"},
        {"y_string_null_escape", "NUL"},
    };
    size_t count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.') continue;
        char *path = test_path(folder, entry->d_name);
        peal_buffer document = read_file(path);
        for (int list = 0; list < 2; list++) {
            if (!list && document.size && memchr(document.data, '\n', document.size)) continue;
            peal_error err;
            result one;
            peal_buffer text = {0};
            assert_ok(peal_buffer_append(&text, list ? "[{\"k\":1,\"v\":" : "{\"k\":1,\"v\":", list ? 12 : 11, &err));
            assert_ok(peal_buffer_append(&text, document.data, document.size, &err));
            assert_ok(peal_buffer_append(&text, list ? "}]" : "}\n", 2, &err));
            const peal_status status =
                read_text((const char *)text.data, text.size, (choice){.as_text = true}, &one, &err);
            const char *why = status == PEAL_OK ? one.first_bad[0].reason : err.message;
            const bool good = status == PEAL_OK && one.bad == 0 && one.rows == 1;
            bool wanted = entry->d_name[0] == 'y';
            for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
                if (strncmp(entry->d_name, refused[i][0], strlen(refused[i][0])) != 0) continue;
                wanted = false;
                assert_has(why, refused[i][1]);
            }
            if (entry->d_name[0] != 'i' && good != wanted) fail_msg("%s: %s", path, good ? "taken for good" : why);
            result_clear(&one);
            peal_buffer_clear(&text);
        }
        peal_buffer_clear(&document);
        free(path);
        count++;
    }
    closedir(entries);
    return count;
}

static void bundled_documents_are_taken_or_refused(void **state) {
    (void)state;
    assert_int_equal(check_suite("tests/data/json/suite"), 14);
}

static void the_whole_suite_is_taken_or_refused(void **state) {
    (void)state;
    const char *data = getenv("PEAL_TEST_DATA");
    char *folder = test_path(data ? data : "/nowhere", "suites/JSONTestSuite/test_parsing");
    const bool there = access(folder, R_OK) == 0;
    if (!there) print_message("SKIPPED: PEAL_TEST_DATA names no folder with suites/JSONTestSuite\n");
    if (there) assert_true(check_suite(folder) > 300);
    free(folder);
    if (!there) skip();
}

/* ---- beside jansson ---- */

static const char *const keys[] = {"a", "b", "c", "long key that is not short", "\\u0061b", "\xC3\xA4", ""};
static const char *const values[] = {
    "1",
    "-0",
    "12.5e3",
    "1E-2",
    "\"x\"",
    "\"\"",
    "\"\\n\\u00e9\\ud83d\\ude00\"",
    "true",
    "null",
    "false",
    "123456789012",
    "\"a text, longer than 16 bytes, of {}[]:,\"",
    "[1,\"]\",{\"q\":[]}]",
    "[]",
    "\"\xE2\x82\xAC\\\"\\\\\"",
    "{}",
    "[[[]],null]",
    "\"\\/\"",
};
enum { KEYS = sizeof keys / sizeof *keys, VALUES = sizeof values / sizeof *values, DOCUMENT_MOST = 4000 };

static void put(char *text, const char *piece) {
    assert_true(strlen(text) + strlen(piece) < DOCUMENT_MOST);
    strcat(text, piece);
}

static void put_blanks(peal_philox *random, char *text) {
    static const char *const blanks[] = {"", "", "", "", " ", "\t ", "  \r"};
    put(text, blanks[peal_philox_below(random, 7)]);
}

static void put_object(peal_philox *random, unsigned depth, char *text) {
    unsigned used = 0;
    bool first = true;
    put(text, "{");
    for (uint32_t n = peal_philox_below(random, 5); n > 0; n--) {
        const uint32_t key = peal_philox_below(random, KEYS);
        if ((used >> key & 1) && peal_philox_below(random, 30)) continue; /* seldom twice */
        used |= 1u << key;
        put_blanks(random, text);
        if (!first) put(text, ",");
        first = false;
        put_blanks(random, text);
        put(text, "\"");
        put(text, keys[key]);
        put(text, "\"");
        put_blanks(random, text);
        put(text, ":");
        put_blanks(random, text);
        if (depth < 3 && peal_philox_below(random, 4) == 0) {
            put_object(random, depth + 1, text);
        } else {
            put(text, values[peal_philox_below(random, VALUES)]);
        }
    }
    put_blanks(random, text);
    put(text, "}");
}

/* Changes a few bytes. */
static void spoil(peal_philox *random, char *text) {
    static const char bytes[] = "{}[]:,\"\\u0e-+1tn \x01\xC3\xA4\x80/";
    for (uint32_t n = 1 + peal_philox_below(random, 2); n > 0; n--) {
        const size_t at = peal_philox_below(random, (uint32_t)strlen(text));
        const char c = bytes[peal_philox_below(random, sizeof bytes - 1)];
        if (peal_philox_below(random, 2)) {
            text[at] = c;
        } else {
            memmove(text + at, text + at + 1, strlen(text + at)); /* one byte less */
        }
    }
}

static void check_value(const json_t *value, const char *got, const char *text) {
    if (json_is_string(value)) {
        assert_string_equal(got, json_string_value(value));
    } else if (json_is_number(value)) {
        if (strtod(got, NULL) != json_number_value(value)) fail_msg("'%s' in %s", got, text);
    } else {
        assert_string_equal(got, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "");
    }
}

/* Whether a value can be one of the column: `inner` if wanted columns lie within objects. */
static bool fits(const json_t *value, bool inner) {
    return !json_is_array(value) && (inner || !json_is_object(value));
}

/* One document, of which a, b and c.a are wanted, as Peal and jansson see it. */
static void compare_with_jansson(const char *text) {
    static const char *const names[] = {"a", "b", "c.a"};
    peal_error err;
    result one = {0};
    json_error_t problem;
    const size_t length = strlen(text);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(peal_schema_add(&one.found.schema, names[i], strlen(names[i]), PEAL_TYPE_DICTIONARY, &err));
    }
    peal_nulls nulls = {0};
    const peal_wanted wanted = {
        .schema = &one.found.schema, .nulls = &nulls, .label = SIZE_MAX, .block_size = DOCUMENT_MOST};
    /* A first row has the columns, in another order. */
    char *whole = test_path("{\"c\":{\"a\":1},\"b\":\"\",\"a\":1}\n", text); /* with a blank line between */
    const size_t first = strlen(whole) - length - 1;
    whole[first] = '\n';
    assert_ok(read_blocks(whole, strlen(whole), &wanted, &one, &err));
    json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    const json_t *a = json_object_get(document, "a"), *b = json_object_get(document, "b");
    const json_t *c = json_object_get(json_object_get(document, "c"), "a");
    /* A number may be of any size, and keys that nobody wants are compared as they are written. */
    const enum json_error_code code = document ? json_error_unknown : json_error_code(&problem);
    const bool lenient =
        code == json_error_numeric_overflow || (code == json_error_duplicate_key && strstr(text, "\\u0061"));
    const bool good = json_is_object(document) && fits(a, false) && fits(b, false) && fits(c, false);
    if (!lenient && good != (one.rows == 2)) {
        fail_msg("%s\njansson: %s\nPeal: %s", text, document ? "good" : problem.text, one.first_bad[0].reason);
    }
    assert_int_equal(one.rows + one.bad, 2);
    if (good) {
        check_value(a, cell(&one, 1, "a"), text);
        check_value(b, cell(&one, 1, "b"), text);
        check_value(c, cell(&one, 1, "c.a"), text);
    }
    json_decref(document);
    free(whole);
    result_clear(&one);
}

static void random_documents_are_read_as_jansson_does(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6000; seed++) {
        peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
        char text[DOCUMENT_MOST] = "";
        put_object(&random, 0, text);
        if (seed % 2) spoil(&random, text);
        if (strspn(text, " \t\r") == strlen(text)) continue; /* a blank line is no record */
        compare_with_jansson(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_become_columns),
        cmocka_unit_test(objects_within_become_columns_by_path),
        cmocka_unit_test(columns_that_two_ways_lead_to_are_an_error),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(blocks_and_line_ends_do_not_matter),
        cmocka_unit_test(empty_inputs_have_no_columns),
        cmocka_unit_test(bad_records_are_named),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(elements_of_an_array_are_bad_one_by_one),
        cmocka_unit_test(broken_arrays_are_refused),
        cmocka_unit_test(text_without_an_object_is_refused_by_its_first_fault),
        cmocka_unit_test(missing_labels_and_types_are_the_rows_matter),
        cmocka_unit_test(wanted_columns_are_looked_for),
        cmocka_unit_test(it_is_told_from_other_text),
        cmocka_unit_test(keys_that_never_come_again_take_no_memory),
        cmocka_unit_test(polars_and_pandas_say_the_same),
        cmocka_unit_test(bundled_documents_are_taken_or_refused),
        cmocka_unit_test(the_whole_suite_is_taken_or_refused),
        cmocka_unit_test(random_documents_are_read_as_jansson_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
