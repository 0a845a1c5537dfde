/* From a block of objects to columns. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/jsonl.h"

typedef struct object_parser {
    const jsonl__reader *reader;
    const peal_schema *schema;
    jsonl__walker walker;
    row__writer row;
    uint64_t line;  /* of the record */
    uint64_t *seen; /* [schema->count] the record that had a value of the column last */
    size_t seen_count, wanted_count;
    char *numbers; /* [schema->count, NUMBER_SIZE] see with_comma; NULL: no column wants that */
} object_parser;

enum { NUMBER_SIZE = 48 };

static bool has_decimal_comma(const peal_field *field) {
    return field->type == PEAL_TYPE_DICTIONARY && field->spelling.decimal == ',';
}

/* ---- values ---- */

/* Of keys: they are columns that are not wanted, or none. */
#define NOT_WANTED SIZE_MAX
#define NO_COLUMN (SIZE_MAX - 1)

/* The column of a new key: that of its path with points between. */
static size_t place_column(void *user, const char *path, size_t size) {
    const object_parser *parser = user;
    char name[JSONL_PATH_MOST];
    for (size_t i = 0; i < size; i++) name[i] = path[i] ? path[i] : '.';
    const size_t column = peal_schema_find(parser->schema, name, size);
    if (column == SIZE_MAX) return NO_COLUMN;
    return parser->schema->fields[column].skip ? NOT_WANTED : column;
}

/* A value that no column takes, for its key was not met in the sample. */
static void note_late(object_parser *parser, uint32_t key) {
    jsonl__late *late = parser->reader->late;
    pthread_mutex_lock(&late->lock);
    if (late->values++ == 0 || parser->line < late->line) {
        late->line = parser->line;
        jsonl__key_name(&parser->walker, key, late->name);
    }
    pthread_mutex_unlock(&late->lock);
}

/* Whether a wanted column lies within the object that is called as this column is. */
static bool has_inner_columns(const peal_schema *schema, size_t column) {
    const char *name = schema->fields[column].name;
    const size_t size = strlen(name);
    for (size_t i = 0; i < schema->count; i++) {
        const peal_field *field = &schema->fields[i];
        if (!field->skip && strncmp(field->name, name, size) == 0 && field->name[size] == '.') return true;
    }
    return false;
}

static bool refuse_compound(object_parser *parser, size_t column, jsonl__kind kind, const char *at) {
    if (kind == JSONL_OBJECT && has_inner_columns(parser->schema, column)) return true;
    return jsonl__refuse(&parser->walker, at, "column '%.100s': %s, where a number or a text was expected",
                         parser->schema->fields[column].name, kind == JSONL_OBJECT ? "an object" : "an array");
}

/* A number for a column whose texts are numbers with a decimal comma: with that in the place of its point, for there
 * the point may part thousands. In room of the column's own, with zeros behind. */
static const char *with_comma(object_parser *parser, size_t column, const char *text, size_t length) {
    enum { ZEROS = 8 };
    if (length > NUMBER_SIZE - ZEROS) return text;
    char *own = parser->numbers + column * NUMBER_SIZE;
    memset(own, 0, NUMBER_SIZE);
    for (size_t i = 0; i < length; i++) own[i] = text[i] == '.' ? ',' : text[i];
    return own;
}

static inline __attribute__((always_inline)) bool take_value(void *user, uint32_t key, jsonl__kind kind,
                                                             const char *text, size_t length, const char *at) {
    object_parser *parser = user;
    const size_t column = parser->walker.keys[key].place;
    if (column >= NO_COLUMN) {
        const bool is_value = kind != JSONL_OBJECT && kind != JSONL_ARRAY && kind != JSONL_NULL;
        if (column == NO_COLUMN && is_value && parser->reader->late) note_late(parser, key);
        return true;
    }
    if (kind == JSONL_OBJECT || kind == JSONL_ARRAY) return refuse_compound(parser, column, kind, at);
    if (parser->seen[column] == parser->walker.record) {
        return jsonl__refuse(&parser->walker, at, "two keys are the column '%.100s'",
                             parser->schema->fields[column].name);
    }
    parser->seen[column] = parser->walker.record;
    parser->seen_count++;
    if (kind == JSONL_NULL) {
        row__missing(&parser->row, column);
    } else {
        const bool has_comma =
            parser->numbers && kind == JSONL_NUMBER && has_decimal_comma(&parser->schema->fields[column]);
        row__cell(&parser->row, column, has_comma ? with_comma(parser, column, text, length) : text, length);
    }
    return true;
}

/* ---- records ---- */

static void add_missing(object_parser *parser) {
    if (parser->seen_count == parser->wanted_count) return;
    for (size_t i = 0; i < parser->schema->count; i++) {
        if (parser->seen[i] != parser->walker.record) row__missing(&parser->row, i);
    }
}

/* Parses the record at *at, which moves behind it and what ends it. `begin`: where its bytes are counted from. */
static peal_status parse_record(object_parser *parser, const char *begin, const char **at, peal_error *err) {
    jsonl__walker *walker = &parser->walker;
    const bool lines = parser->reader->layout == JSONL_LINES;
    const char *record = *at, *end = record;
    parser->seen_count = 0;
    bool good = jsonl__walk(walker, &end, take_value);
    if (good) {
        const char *behind = jsonl__behind_blanks(end, !lines);
        good = *behind == (lines ? '\n' : ',');
        if (!good) jsonl__expected(walker, behind, lines ? "the line's end" : "',' or ']'");
        *at = behind + 1;
    }
    if (walker->status != PEAL_OK) {
        if (err) *err = walker->error;
        return walker->status;
    }
    if (good) {
        add_missing(parser);
    } else {
        row__fail(&parser->row, "byte %zu%s: %s", (size_t)(walker->fault_at - begin), lines ? "" : " of its object",
                  walker->fault);
        end = jsonl__record_end(parser->reader->layout, record, walker->end);
        *at = end < walker->end ? end + 1 : end;
    }
    return row__end(&parser->row, record, (size_t)(end - record), err);
}

static peal_status parse_lines(object_parser *parser, const peal_block *block, peal_error *err) {
    uint64_t line = block->first_line;
    for (const char *at = block->text, *end = at + block->size; at < end; line++) {
        const char *begin = at;
        at = jsonl__behind_blanks(at, false);
        if (*at == '\n') {
            at++;
            continue;
        }
        row__begin(&parser->row, line);
        parser->line = line;
        PEAL_TRY(parse_record(parser, begin, &at, err));
    }
    return PEAL_OK;
}

static peal_status parse_list(object_parser *parser, const peal_block *block, peal_error *err) {
    uint64_t line = block->first_line;
    const char *at = block->text;
    for (uint64_t i = 0; i < block->records; i++) {
        const char *before = at;
        at = jsonl__behind_blanks(at, true);
        line += peal_count_newlines(before, (size_t)(at - before));
        before = at;
        row__begin(&parser->row, line);
        parser->line = line;
        PEAL_TRY(parse_record(parser, before, &at, err));
        line += peal_count_newlines(before, (size_t)(at - before));
    }
    return PEAL_OK;
}

static peal_status parser_init(object_parser *parser, peal_block *block, peal_error *err) {
    const bool list = parser->reader->layout == JSONL_LIST;
    PEAL_TRY(jsonl__walker_init(&parser->walker, block->text, block->size, list, err));
    parser->walker.place = place_column;
    parser->walker.user = parser;
    for (size_t i = 0; i < parser->schema->count; i++) parser->wanted_count += !parser->schema->fields[i].skip;
    PEAL_TRY(peal_alloc_checked(&parser->seen, parser->schema->count, sizeof *parser->seen, "a block", err));
    bool wants_comma = false;
    for (size_t i = 0; i < parser->schema->count; i++) {
        wants_comma = wants_comma || has_decimal_comma(&parser->schema->fields[i]);
    }
    if (wants_comma) {
        PEAL_TRY(peal_zeroed_checked(&parser->numbers, parser->schema->count, NUMBER_SIZE, "a block", err));
    }
    static const peal_spelling usual = {0};
    return row__writer_init(&parser->row, parser->reader->wanted, &usual, block, err);
}

peal_status jsonl__parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const jsonl__reader *reader = (const jsonl__reader *)base;
    object_parser parser = {.reader = reader, .schema = reader->wanted->schema};
    peal_status status = peal_block_reserve(block, reader->wanted, block->records, err);
    if (status == PEAL_OK) status = parser_init(&parser, block, err);
    if (status == PEAL_OK) {
        status = reader->layout == JSONL_LINES ? parse_lines(&parser, block, err) : parse_list(&parser, block, err);
    }
    row__writer_clear(&parser.row);
    jsonl__walker_clear(&parser.walker);
    free(parser.seen);
    free(parser.numbers);
    return status;
}
