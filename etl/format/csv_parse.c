/* Parsing: a block's text becomes columns. The hot loop of ETL: a row's fields go to the row writer one after the
 * other. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/csv.h"
#include "etl/format/csv_tile.h"
#include "etl/format/row.h"

typedef struct row_parser {
    const csv__reader *reader;
    peal_block *block;
    bool plain; /* no quote in the block and nothing to trim: a field is what lies between separators */
    bool nul;   /* there is one in the block */
    row__writer row;
} row_parser;

bool csv__is_header_again(const csv__reader *reader, const char *record, size_t size) {
    return reader->header && !reader->dialect.doubtful && size == reader->header_size &&
           memcmp(record, reader->header, size) == 0;
}

/* The next field of a line of names, as it is written; false: there is none. */
static bool next_name(const char **at, const char *end, char separator, peal_text *out) {
    if (*at > end) return false;
    const char *stop = memchr(*at, separator, (size_t)(end - *at));
    out->data = *at;
    out->length = (uint32_t)((stop ? stop : end) - *at);
    *at += out->length + 1;
    return true;
}

static size_t count_name(const char *line, size_t size, char separator, peal_text name) {
    const char *at = line;
    size_t count = 0;
    for (peal_text one; next_name(&at, line + size, separator, &one);) {
        count += one.length == name.length && memcmp(one.data, name.data, one.length) == 0;
    }
    return count;
}

bool csv__is_header_reordered(const csv__reader *reader, const char *record, size_t size) {
    const char separator = reader->dialect.delimiter, *at = reader->header;
    if (!reader->wanted->is_joined || !at || reader->dialect.doubtful || size != reader->header_size) return false;
    size_t sum = 0, own_sum = 0; /* which tell nearly all rows at a glance */
    for (size_t i = 0; i < size; i++) {
        sum += (unsigned char)record[i];
        own_sum += (unsigned char)at[i];
    }
    if (sum != own_sum || memcmp(record, at, size) == 0) return false;
    for (peal_text name; next_name(&at, reader->header + size, separator, &name);) {
        if (count_name(record, size, separator, name) != count_name(reader->header, size, separator, name))
            return false;
    }
    return true;
}

/* Of one column nothing but a line's end separates values, so a CR between others may be an end, too. */
static bool holds_line_end(const csv__reader *reader, char *record, size_t size) {
    if (!memchr(record, '\r', size)) return false;
    const csv__field field = csv__outer_field(&reader->dialect, record, record + size);
    size_t length = field.length;
    while (length > 0 && field.text[length - 1] == '\r') length--;
    return !field.quoted && memchr(field.text, '\r', length);
}

static inline void parse_field(row_parser *parser, size_t column, char *begin, char *end) {
    if (parser->plain) {
        row__cell(&parser->row, column, begin, (size_t)(end - begin));
        return;
    }
    const csv__field field = csv__field_of(&parser->reader->dialect, begin, end);
    if (field.odd) {
        row__fail(&parser->row, "column '%s': blanks stand behind the closing quote (trim drops them)",
                  parser->reader->wanted->schema->fields[column].name);
    } else {
        row__cell(&parser->row, column, field.text, field.length);
    }
}

/* Parses the record whose separators are marks[0 .. count-1]; a bad one is noted and leaves no row. The line of a bad
 * row is told by the record's place for now. */
static peal_status parse_record(row_parser *parser, size_t begin, const uint32_t *marks, size_t count,
                                peal_error *err) {
    const csv__reader *reader = parser->reader;
    const peal_block *block = parser->block;
    const size_t columns = reader->column_count, record_begin = begin;
    size_t record_end = marks[count - 1];
    if (record_end > begin && block->text[record_end - 1] == '\r') record_end--;
    char *record = block->text + record_begin;
    const size_t size = record_end - record_begin;
    if (count == 1 && columns != 1 && peal_cell_is_blank(record, size)) return PEAL_OK;
    if (reader->dialect.comment && size > 0 && *record == reader->dialect.comment) return PEAL_OK;
    if (reader->wanted->is_joined && csv__is_header_again(reader, record, size)) return PEAL_OK;
    if (csv__is_header_reordered(reader, record, size)) {
        return peal_fail(
            err, PEAL_E_DATA,
            "a header comes with its columns in another order: '%.*s' behind '%.*s'; what stands behind it "
            "is a source of its own",
            (int)(size < 80 ? size : 80), record, (int)(size < 80 ? size : 80), reader->header);
    }
    row__begin(&parser->row, record_begin);
    if (count != columns) {
        const bool escapes = !reader->dialect.escape && size > 1 && memmem(record, size, "\\\"", 2);
        row__fail(&parser->row, "%zu field%s, expected %zu%s", count, count == 1 ? "" : "s", columns,
                  escapes ? " (escape \\ takes quotes behind a backslash literally)" : "");
    } else if (csv__is_header_again(reader, record, size)) {
        row__fail(&parser->row, "the header is repeated (header no, if the first line is a row)");
    } else if (parser->nul && memchr(record, '\0', size)) {
        row__fail(&parser->row, "it holds a NUL, which no text does");
    } else if (columns == 1 && holds_line_end(reader, record, size)) {
        row__fail(&parser->row, "a CR stands within the line; it was expected at its end or within quotes");
    }
    for (size_t i = 0; i < count && !parser->row.bad; i++) {
        const size_t end = i + 1 < count ? marks[i] : record_end, column = reader->columns[i];
        if (column != SIZE_MAX) {
            parse_field(parser, column, block->text + begin, block->text + (end > begin ? end : begin));
        }
        begin = marks[i] + (size_t)1;
    }
    for (size_t i = 0; i < reader->absent_count; i++) row__missing(&parser->row, reader->absent[i]);
    return row__end(&parser->row, record, size, err);
}

/* Where parsing has come to. */
typedef struct position {
    size_t mark, begin; /* of the next record */
} position;

/* Parses up to `rows` records. */
static peal_status parse_records(row_parser *parser, size_t mark_count, size_t rows, position *at, peal_error *err) {
    const peal_block *block = parser->block;
    for (size_t end = at->mark; end < mark_count && rows > 0; end++) {
        if (block->text[block->marks[end]] != '\n') continue;
        PEAL_TRY(parse_record(parser, at->begin, block->marks + at->mark, end + 1 - at->mark, err));
        at->begin = block->marks[end] + (size_t)1;
        at->mark = end + 1;
        rows--;
    }
    return PEAL_OK;
}

/* Tile by tile; the rows of one that something is wrong with are parsed record by record. */
static peal_status parse_tiles(row_parser *parser, size_t mark_count, peal_votes *votes, position *at,
                               peal_error *err) {
    for (size_t rows; (rows = csv__tile_rows(parser->reader, mark_count - at->mark)) > 0;) {
        const csv__tile tile = {
            .reader = parser->reader,
            .writer = &parser->row,
            .marks = parser->block->marks + at->mark,
            .begin = at->begin,
            .rows = rows,
            .votes = votes,
        };
        bool done;
        PEAL_TRY(csv__parse_tile(&tile, &done, err));
        const size_t before = at->mark;
        if (done) {
            at->mark += rows * parser->reader->column_count;
            at->begin = parser->block->marks[at->mark - 1] + (size_t)1;
        } else {
            PEAL_TRY(parse_records(parser, mark_count, rows, at, err));
        }
        if (at->mark == before) return PEAL_OK; /* what is left is no record */
    }
    return PEAL_OK;
}

static peal_status parse_rows(row_parser *parser, size_t mark_count, peal_error *err) {
    position at = {0};
    if (parser->plain && !parser->nul && !parser->reader->dialect.comment) {
        peal_votes *votes;
        PEAL_TRY(peal_zeroed_checked(&votes, parser->reader->wanted->schema->count, sizeof *votes, "a block", err));
        const peal_status status = parse_tiles(parser, mark_count, votes, &at, err);
        free(votes);
        PEAL_TRY(status);
    }
    return parse_records(parser, mark_count, SIZE_MAX, &at, err);
}

/* Turns places within the block into lines. Bad rows stand in their order. */
static void tell_lines(peal_block *block, const peal_schema *schema) {
    uint64_t line = block->first_line;
    size_t at = 0;
    for (size_t i = 0; i < block->bad_count; i++) {
        const size_t begin = (size_t)block->bad_rows[i].line;
        line += peal_count_newlines(block->text + at, begin - at);
        at = begin;
        block->bad_rows[i].line = line;
    }
    for (size_t i = 0; i < schema->count; i++) {
        peal_votes *votes = &block->votes[i];
        if (schema->fields[i].settled || !votes->others) continue;
        votes->other_line = block->first_line + peal_count_newlines(block->text, (size_t)votes->other_line);
    }
}

static peal_status find_marks(const csv__reader *reader, peal_block *block, size_t *count, peal_error *err) {
    const size_t capacity = block->size + CSV_MARKS_PADDING;
    if (block->mark_capacity < capacity) {
        free(block->marks);
        block->mark_capacity = 0;
        block->marks = malloc(capacity * sizeof *block->marks); /* most of it is never touched */
        if (!block->marks) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block's separators");
        block->mark_capacity = capacity;
    }
    size_t open_quote;
    *count = csv__marks(&reader->dialect, block->text, block->size, block->marks, &open_quote);
    if (open_quote == SIZE_MAX) return PEAL_OK;
    const uint64_t line = block->first_line + peal_count_newlines(block->text, open_quote);
    return peal_fail(err, PEAL_E_DATA,
                     "%s: line %llu: a quote is opened and never closed (quote none reads quotes as they are)",
                     reader->name, (unsigned long long)line);
}

peal_status csv__parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const csv__reader *reader = (const csv__reader *)base;
    const csv__dialect *dialect = &reader->dialect;
    size_t marks = 0;
    PEAL_TRY(find_marks(reader, block, &marks, err));
    PEAL_TRY(peal_block_reserve(block, reader->wanted, peal_count_newlines(block->text, block->size), err));
    row_parser parser = {
        .reader = reader,
        .block = block,
        .nul = memchr(block->text, '\0', block->size) != NULL,
        .plain = !dialect->trim && !dialect->blanks &&
                 (!dialect->quote || !memchr(block->text, dialect->quote, block->size)),
    };
    peal_status status = row__writer_init(&parser.row, reader->wanted, &dialect->spelling, block, err);
    if (status == PEAL_OK) status = parse_rows(&parser, marks, err);
    row__writer_clear(&parser.row);
    if (status == PEAL_OK) tell_lines(block, reader->wanted->schema);
    return status;
}
