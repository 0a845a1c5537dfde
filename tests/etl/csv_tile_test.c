/* Rows that are parsed column by column, against the same rows one by one, as a text is read that may have comments. */
#include "core/base/philox.h"
#include "tests/etl/reading.h"

enum { COLUMNS = 6 };
static const char *const names[COLUMNS] = {"label", "n", "whole", "t", "coded", "kept"};

/* What was made of a text, as one text. */
typedef struct parsed {
    peal_buffer text;
} parsed;

static void say(parsed *self, const char *format, ...) {
    char line[600];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(size >= 0 && size < (int)sizeof line);
    assert_int_equal(peal_buffer_append(&self->text, line, (size_t)size, NULL), PEAL_OK);
}

static void say_cell(parsed *self, peal_block *block, size_t column, size_t row) {
    const peal_column *view = &peal_table_room_view(&block->table)[column];
    if (view->type == PEAL_TYPE_FLOAT64) {
        say(self, "%a|", ((const double *)view->values)[row]);
    } else if (view->type == PEAL_TYPE_DICTIONARY) {
        const peal_text text = peal_dictionary_text(view->dictionary, (uint32_t)((const int32_t *)view->values)[row]);
        say(self, "%.*s|", (int)text.length, text.data);
    } else if (view->type == PEAL_TYPE_UTF8) {
        const int32_t *offsets = view->offsets;
        say(self, "%d %.*s|", peal_column_is_valid(view, row), offsets[row + 1] - offsets[row],
            (const char *)view->values + offsets[row]);
    } else if (view->type == PEAL_TYPE_INT64) {
        say(self, "%d %lld|", peal_column_is_valid(view, row), ((const long long *)view->values)[row]);
    } else {
        say(self, "%d|", ((const int32_t *)view->values)[row]);
    }
}

static void say_block(parsed *self, peal_block *block) {
    for (size_t row = 0; row < block->table.rows; row++) {
        for (size_t column = 0; column < COLUMNS; column++) say_cell(self, block, column, row);
        say(self, "%016llx\n", (unsigned long long)block->hashes[row]);
    }
    for (size_t i = 0; i < block->bad_count; i++) {
        const peal_bad_row *bad = &block->bad_rows[i];
        say(self, "bad %llu %zu %lld %s: %s\n", (unsigned long long)bad->line, bad->before, (long long)bad->column,
            bad->reason, bad->text);
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        const peal_votes *votes = &block->votes[i];
        say(self, "votes %llu %llu %llu %llu %llu %s %s, texts %u\n", (unsigned long long)votes->numbers,
            (unsigned long long)votes->missing, (unsigned long long)votes->others, (unsigned long long)votes->bools,
            (unsigned long long)votes->other_line, votes->other, votes->spelling, block->table.dictionaries[i].size);
    }
}

static int32_t encode(const void *encoder, peal_text text) {
    (void)encoder;
    return (int32_t)(peal_hash(text.data, text.length, 0) >> 40);
}

static void make_schema(peal_schema *out, bool settled) {
    static const peal_type types[COLUMNS] = {PEAL_TYPE_DICTIONARY, PEAL_TYPE_FLOAT64, PEAL_TYPE_INT64,
                                             PEAL_TYPE_DICTIONARY, PEAL_TYPE_INT32,   PEAL_TYPE_UTF8};
    *out = (peal_schema){0};
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_int_equal(peal_schema_add(out, names[i], strlen(names[i]), types[i], NULL), PEAL_OK);
        out->fields[i].settled = settled;
    }
    out->fields[4].encode = encode;
}

static void parse(const char *options_text, bool settled, bool nulls_named, const char *text, size_t size,
                  parsed *out) {
    peal_error err;
    peal_schema schema;
    make_schema(&schema, settled);
    const char *const spelled[] = {"7", "none"};
    peal_nulls nulls;
    assert_ok(peal_nulls_make(spelled, nulls_named ? 2 : 0, &nulls, &err));
    const peal_wanted wanted = {
        .schema = &schema, .nulls = &nulls, .label = 0, .label_required = settled, .hash_rows = true};
    const peal_format *format;
    peal_input input = {.name = "t.csv"};
    peal_reader *reader = NULL;
    peal_block block;
    json_t *options = json_loads(options_text, 0, NULL);
    *out = (parsed){0};
    assert_ok(peal_format_find("csv", &format, &err));
    assert_ok(peal_memory_stream_open(text, size, &input.stream, &err));
    assert_ok(format->open(options, &wanted, &input, &reader, &err));
    assert_ok(peal_block_init(&block, &schema, &err));
    for (;;) {
        assert_ok(reader->next(reader, &block, &err));
        if (block.size == 0) break;
        peal_table_room_reset_dictionaries(&block.table);
        assert_ok(reader->parse(reader, &block, &err));
        say_block(out, &block);
    }
    peal_block_clear(&block);
    peal_reader_close(reader);
    json_decref(options);
    peal_nulls_clear(&nulls);
    peal_schema_clear(&schema);
}

/* A row; one in `odd` has a cell, or another thing, that is seldom or wrong. */
static size_t make_row(peal_philox *random, unsigned odd, char *row) {
    static const char *const cells[] = {
        "",         "NA",  "-",    "-0", "12345678",  "-1234567", "123456789012345",
        "1.5e3",    "7",   "none", "x",  "\xC3\xA9",  "\xFF",     "a text of many bytes",
        "99999999", "1:2", "a,b",  "+1", "-12345678", "1234567/", "00000001"};
    enum { CELLS = sizeof cells / sizeof *cells };
    char values[COLUMNS][24];
    for (size_t i = 0; i < COLUMNS; i++) snprintf(values[i], 24, "%u", peal_philox_below(random, 300));
    snprintf(values[3], 24, "%08x", peal_philox_below(random, 100));
    if (peal_philox_below(random, odd) == 0) {
        strcpy(values[peal_philox_below(random, COLUMNS)], cells[peal_philox_below(random, CELLS)]);
    }
    const char *end = peal_philox_below(random, 20 * odd) == 0 ? "\n\n" : peal_philox_below(random, 9) ? "\n" : "\r\n";
    if (peal_philox_below(random, 50 * odd) == 0) return (size_t)sprintf(row, "label,n,whole,t,coded,kept\n");
    return (size_t)sprintf(row, "%s,%s,%s,%s,%s,%s%s", values[0], values[1], values[2], values[3], values[4], values[5],
                           end);
}

static void tiles_equal_single_rows(void **state) {
    (void)state;
    static char text[200000];
    peal_philox random = peal_philox_stream(9, PEAL_PURPOSE_USER, 0, 0, 0);
    for (unsigned trial = 0; trial < 60; trial++) {
        const unsigned odd = 1u << (trial % 12), rows = peal_philox_below(&random, 1500);
        size_t size = (size_t)sprintf(text, "label,n,whole,t,coded,kept\n");
        for (unsigned row = 0; row < rows; row++) size += make_row(&random, odd, text + size);
        if (trial % 10 == 0) text[size / 2] = '\0';
        parsed tiles, single;
        parse("{\"header\": \"yes\", \"delimiter\": \",\"}", trial & 1, trial & 2, text, size, &tiles);
        parse("{\"header\": \"yes\", \"delimiter\": \",\", \"comment\": \"#\"}", trial & 1, trial & 2, text, size,
              &single);
        assert_int_equal(tiles.text.size, single.text.size);
        assert_memory_equal(tiles.text.data, single.text.data, single.text.size);
        peal_buffer_clear(&tiles.text);
        peal_buffer_clear(&single.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_equal_single_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
