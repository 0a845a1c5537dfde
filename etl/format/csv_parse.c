/* Parsing: a block's text becomes columns. The hot loop of ETL: a row's fields are converted one after the other; its
 * texts wait, with their dictionary slots on the way into the cache, until the whole record is known to be good. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/number.h"
#include "core/base/utf8.h"
#include "etl/format/csv.h"

/* What becomes of one of the file's columns; made once per block so that the loop looks nothing up. */
typedef struct cell_plan {
    const peal_raw_field *field; /* NULL: not wanted */
    bool required;               /* a missing value makes the row bad */
    double *numbers;
    int32_t *codes;
    peal_dictionary *dictionary;
} cell_plan;

typedef struct pending_text {
    peal_text_key key;
    const cell_plan *plan;
} pending_text;

typedef struct row_parser {
    const peal_format_reader *reader;
    const peal_format_options *options;
    peal_block *block;
    bool plain;            /* no quote in the block and nothing to trim: a field is what lies between separators */
    cell_plan *plans;      /* [columns of the file] */
    pending_text *pending; /* [columns of the file] */
    size_t pending_count;
} row_parser;

enum { WHY_SIZE = 256 };

/* A whole number of up to 15 digits, the most common field; false leaves it to the general parser. */
static inline bool parse_small_integer(const char *text, size_t length, double *out) {
    bool negative = length > 0 && *text == '-';
    const char *p = text + negative, *end = text + length;
    if (p == end || end - p > 15) return false;
    int64_t value = 0;
    for (; p < end; p++) {
        unsigned digit = (unsigned)(unsigned char)*p - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *out = negative ? -(double)value : (double)value; /* -0 stays -0 */
    return true;
}

static void convert_number(const row_parser *parser, const cell_plan *plan, const csv_field *value, char *why) {
    double *number = &plan->numbers[parser->block->rows];
    if (parse_small_integer(value->text, value->length, number)) return;
    *number = (double)NAN;
    if (value->length == 0 || peal_number_parse(value->text, value->length, number)) return;
    *number = (double)NAN;
    if (!peal_format_is_null(parser->options, value->text, value->length)) {
        snprintf(why, WHY_SIZE, "column '%s': '%.*s' is not a number", plan->field->name,
                 (int)(value->length < 60 ? value->length : 60), value->text);
    }
}

static void check_utf8(const cell_plan *plan, const csv_field *value, char *why) {
    size_t bad = peal_utf8_error(value->text, value->length);
    if (bad < value->length) {
        snprintf(why, WHY_SIZE, "column '%s': byte 0x%02x of its text is not UTF-8", plan->field->name,
                 (unsigned char)value->text[bad]);
    }
}

static inline void convert_text(row_parser *parser, const cell_plan *plan, const csv_field *value, char *why) {
    pending_text *text = &parser->pending[parser->pending_count++];
    text->key = peal_dictionary_key(value->text, (uint32_t)value->length);
    text->plan = plan;
    peal_dictionary_prefetch(plan->dictionary, &text->key);
    /* The key of a short text is the text. */
    if (value->length > 8 || (text->key.key & UINT64_C(0x8080808080808080))) check_utf8(plan, value, why);
}

/* Converts one field into row block->rows of its column. *why is set if the row is bad because of it. */
static inline void convert_field(row_parser *parser, const cell_plan *plan, char *begin, char *end, char *why) {
    csv_field value = {.text = begin, .length = (size_t)(end - begin)};
    if (!parser->plain) value = format__csv_field(begin, end, parser->options->trim);
    if (plan->required && peal_format_is_null(parser->options, value.text, value.length)) {
        snprintf(why, WHY_SIZE, "the label '%s' is missing", plan->field->name);
    } else if (plan->codes) {
        convert_text(parser, plan, &value, why);
    } else if (plan->numbers) {
        convert_number(parser, plan, &value, why);
    }
}

static peal_status intern_pending(row_parser *parser, peal_error *err) {
    for (size_t i = 0; i < parser->pending_count; i++) {
        const pending_text *text = &parser->pending[i];
        uint32_t code;
        PEAL_TRY(peal_dictionary_intern_key(text->plan->dictionary, &text->key, &code, err));
        text->plan->codes[parser->block->rows] = (int32_t)code;
    }
    return PEAL_OK;
}

/* Parses the record whose separators are marks[0 .. count-1]; a bad one is noted and leaves no row. */
static peal_status parse_record(row_parser *parser, size_t begin, const uint32_t *marks, size_t count,
                                peal_error *err) {
    size_t columns = parser->reader->column_count;
    peal_block *block = parser->block;
    size_t record_begin = begin, record_end = marks[count - 1];
    if (record_end > begin && block->text[record_end - 1] == '\r') record_end--;
    if (count == 1 && record_end == begin && columns > 1) return PEAL_OK; /* a blank line */
    char why[WHY_SIZE];
    why[0] = '\0';
    parser->pending_count = 0;
    if (parser->reader->job->hash_rows) {
        block->hashes[block->rows] = peal_hash(block->text + begin, record_end - begin, 0);
    }
    if (count != columns) {
        snprintf(why, sizeof why, "%zu field%s, expected %zu", count, count == 1 ? "" : "s", columns);
    }
    for (size_t i = 0; i < count && !why[0]; i++) {
        size_t end = i + 1 < count ? marks[i] : record_end;
        if (parser->plans[i].field) {
            convert_field(parser, &parser->plans[i], block->text + begin, block->text + end, why);
        }
        begin = marks[i] + (size_t)1;
    }
    if (!why[0]) {
        PEAL_TRY(intern_pending(parser, err));
        block->rows++;
        return PEAL_OK;
    }
    uint64_t line = block->first_line + format__count_newlines(block->text, record_begin);
    return peal_block_add_bad_row(block, line, block->text + record_begin, record_end - record_begin, err, "%s", why);
}

/* A label column that the file does not have reads as missing. */
static peal_status fill_absent_label(const peal_format_reader *reader, peal_block *block, peal_error *err) {
    size_t label = reader->job->label;
    if (label == SIZE_MAX || reader->job->schema->fields[label].skip) return PEAL_OK;
    for (size_t i = 0; i < reader->column_count; i++) {
        if (reader->columns[i] == label) return PEAL_OK;
    }
    uint32_t code = 0;
    if (block->codes[label]) PEAL_TRY(peal_dictionary_put(&block->dictionaries[label], "", 0, &code, err));
    for (size_t row = 0; row < block->rows; row++) {
        if (block->codes[label]) block->codes[label][row] = (int32_t)code;
        if (block->numbers[label]) block->numbers[label][row] = (double)NAN;
    }
    return PEAL_OK;
}

static void make_plans(row_parser *parser) {
    const peal_format_job *job = parser->reader->job;
    for (size_t i = 0; i < parser->reader->column_count; i++) {
        size_t column = parser->reader->columns[i];
        if (column == SIZE_MAX || job->schema->fields[column].skip) continue;
        bool is_text = job->schema->fields[column].kind == PEAL_RAW_TEXT;
        parser->plans[i] = (cell_plan){
            .field = &job->schema->fields[column],
            .required = column == job->label && job->label_required,
            .numbers = is_text ? NULL : parser->block->numbers[column],
            .codes = is_text ? parser->block->codes[column] : NULL,
            .dictionary = &parser->block->dictionaries[column],
        };
    }
}

static peal_status parse_records(row_parser *parser, size_t mark_count, peal_error *err) {
    const peal_block *block = parser->block;
    size_t begin = 0;
    for (size_t first = 0, at = 0; at < mark_count; at++) {
        if (block->text[block->marks[at]] != '\n') continue;
        PEAL_TRY(parse_record(parser, begin, block->marks + first, at + 1 - first, err));
        begin = block->marks[at] + (size_t)1;
        first = at + 1;
    }
    return PEAL_OK;
}

static peal_status find_marks(const peal_format_reader *reader, peal_block *block, size_t *count, peal_error *err) {
    if (block->mark_capacity < block->size + 1) {
        free(block->marks);
        block->mark_capacity = 0;
        block->marks = malloc((block->size + 1) * sizeof *block->marks); /* most of it is never touched */
        if (!block->marks) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block's separators");
        block->mark_capacity = block->size + 1;
    }
    size_t open_quote;
    *count = format__csv_marks(block->text, block->size, reader->delimiter, reader->job->options->trim, block->marks,
                               &open_quote);
    if (open_quote == SIZE_MAX) return PEAL_OK;
    uint64_t line = block->first_line + format__count_newlines(block->text, open_quote);
    return peal_fail(err, PEAL_E_DATA, "%s: line %llu: a quote is opened and never closed", reader->path,
                     (unsigned long long)line);
}

peal_status format__csv_parse(const peal_format_reader *reader, peal_block *block, peal_error *err) {
    size_t marks = 0;
    PEAL_TRY(find_marks(reader, block, &marks, err));
    PEAL_TRY(peal_block_reserve(block, reader->job->schema, format__count_newlines(block->text, block->size), err));
    block->rows = 0;
    row_parser parser = {
        .reader = reader,
        .options = reader->job->options,
        .block = block,
        .plain = !reader->job->options->trim && !memchr(block->text, '"', block->size),
        .plans = calloc(reader->column_count + 1, sizeof *parser.plans),
        .pending = calloc(reader->column_count + 1, sizeof *parser.pending),
    };
    peal_status status = PEAL_OK;
    if (parser.plans && parser.pending) {
        make_plans(&parser);
        status = parse_records(&parser, marks, err);
    } else {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a block");
    }
    if (status == PEAL_OK) status = fill_absent_label(reader, block, err);
    free(parser.plans);
    free(parser.pending);
    return status;
}
