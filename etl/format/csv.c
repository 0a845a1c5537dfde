/* CSV and TSV: RFC 4180 with LF or CRLF, a byte-order mark, and a header or none. */
#include "etl/format/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/spelling.h"
#include "etl/number.h"
#include "etl/utf8.h"

enum { LONGEST_RECORD = 256 << 20 };

struct peal_format_reader {
    const peal_format_job *job;
    peal_stream *stream;
    char *path;
    char delimiter;
    char *carry; /* the beginning of a record whose end is not read yet */
    size_t carry_size, carry_capacity;
    bool ended, begun;
    uint64_t line;   /* of the next record */
    uint64_t number; /* of the next block */
    size_t *columns; /* [column_count] index in the schema of each of the file's columns; SIZE_MAX: not wanted */
    size_t column_count;
};

/* ---- reading: blocks of whole records ---- */

static peal_status block_grow(peal_block *block, size_t capacity, peal_error *err) {
    if (capacity <= block->capacity) return PEAL_OK;
    char *text = realloc(block->text, capacity + PEAL_BLOCK_PADDING);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block of %zu bytes", capacity);
    block->text = text;
    block->capacity = capacity;
    return PEAL_OK;
}

static uint64_t count_newlines(const char *text, size_t size) {
    uint64_t count = 0;
    while (size > 0) {
        size_t chunk = size < 4096 ? size : 4096;
        unsigned lines = 0;
        for (size_t i = 0; i < chunk; i++) lines += text[i] == '\n';
        count += lines;
        text += chunk;
        size -= chunk;
    }
    return count;
}

/* The length of the whole records at the beginning of the text, which begins with a record; 0 if there is none. */
static size_t whole_records(const peal_format_reader *reader, const char *text, size_t size) {
    if (!memchr(text, '"', size)) {
        const char *newline = memrchr(text, '\n', size);
        return newline ? (size_t)(newline - text) + 1 : 0;
    }
    bool trim = reader->job->options->trim, at_field_begin = true;
    size_t whole = 0;
    for (size_t at = 0; at < size; at++) {
        char c = text[at];
        if (c == '\n') {
            whole = at + 1;
            at_field_begin = true;
        } else if (c == reader->delimiter) {
            at_field_begin = true;
        } else if (c == '"' && at_field_begin) {
            for (at++; at < size; at++) {
                if (text[at] != '"') continue;
                if (at + 1 < size && text[at + 1] == '"') {
                    at++;
                } else {
                    break;
                }
            }
            at_field_begin = false;
        } else if (!(trim && (c == ' ' || c == '\t'))) {
            at_field_begin = false;
        }
    }
    return whole;
}

static peal_status keep_rest(peal_format_reader *reader, const char *rest, size_t size, peal_error *err) {
    if (size > reader->carry_capacity) {
        char *carry = realloc(reader->carry, size);
        if (!carry) return peal_fail(err, PEAL_E_MEMORY, "no memory for a record of %zu bytes", size);
        reader->carry = carry;
        reader->carry_capacity = size;
    }
    if (size) memcpy(reader->carry, rest, size);
    reader->carry_size = size;
    return PEAL_OK;
}

/* Fills block->text with the carried bytes and new ones up to `capacity`. */
static peal_status fill_text(peal_format_reader *reader, peal_block *block, size_t capacity, peal_error *err) {
    PEAL_TRY(block_grow(block, capacity + 1, err));
    if (block->size == 0 && reader->carry_size) {
        memcpy(block->text, reader->carry, reader->carry_size);
        block->size = reader->carry_size;
        reader->carry_size = 0;
    }
    size_t got = 0;
    if (!reader->ended && block->size < capacity) {
        size_t wanted = capacity - block->size;
        PEAL_TRY(peal_stream_fill(reader->stream, (uint8_t *)block->text + block->size, wanted, &got, err));
        block->size += got;
        reader->ended = got < wanted;
    }
    return PEAL_OK;
}

static peal_status csv_read(peal_format_reader *reader, peal_block *block, peal_error *err) {
    size_t capacity = reader->job->options->block_size ? reader->job->options->block_size : PEAL_BLOCK_SIZE;
    size_t whole = 0;
    if (reader->carry_size > capacity) capacity = reader->carry_size;
    block->size = 0;
    for (;;) {
        PEAL_TRY(fill_text(reader, block, capacity, err));
        if (reader->ended && block->size > 0 && block->text[block->size - 1] != '\n') {
            block->text[block->size++] = '\n';
        }
        whole = reader->ended ? block->size : whole_records(reader, block->text, block->size);
        if (whole > 0 || reader->ended) break;
        if (block->size > LONGEST_RECORD) {
            return peal_fail(err, PEAL_E_DATA, "%s: line %llu: a record of more than %d MB; is a quote never closed?",
                             reader->path, (unsigned long long)reader->line, LONGEST_RECORD >> 20);
        }
        capacity *= 2;
    }
    PEAL_TRY(keep_rest(reader, block->text + whole, block->size - whole, err));
    block->size = whole;
    memset(block->text + whole, 0, PEAL_BLOCK_PADDING);
    block->number = reader->number++;
    block->first_line = reader->line;
    reader->line += count_newlines(block->text, whole);
    return PEAL_OK;
}

/* ---- the header ---- */

static peal_status map_column(peal_format_reader *reader, const csv_field *field, size_t index, peal_error *err) {
    const peal_raw_schema *schema = reader->job->schema;
    reader->columns[index] = SIZE_MAX;
    for (size_t i = 0; i < schema->count; i++) {
        if (strlen(schema->fields[i].name) != field->length) continue;
        if (memcmp(schema->fields[i].name, field->text, field->length) != 0) continue;
        for (size_t before = 0; before < index; before++) {
            if (reader->columns[before] != i) continue;
            return peal_fail(err, PEAL_E_DATA, "%s: line 1: two columns are called '%s'", reader->path,
                             schema->fields[i].name);
        }
        reader->columns[index] = i;
    }
    return PEAL_OK;
}

static peal_status check_columns(const peal_format_reader *reader, peal_error *err) {
    const peal_format_job *job = reader->job;
    for (size_t i = 0; i < job->schema->count; i++) {
        bool found = job->schema->fields[i].skip || (i == job->label && !job->label_required);
        for (size_t c = 0; c < reader->column_count && !found; c++) found = reader->columns[c] == i;
        if (!found) {
            return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s' in its header", reader->path,
                             job->schema->fields[i].name);
        }
    }
    return PEAL_OK;
}

static size_t count_fields(const char *line, size_t size, char delimiter, bool trim, uint32_t *marks) {
    size_t open_quote, count = format__csv_marks(line, size, delimiter, trim, marks, &open_quote);
    for (size_t i = 0; i < count; i++) {
        if (line[marks[i]] == '\n') return i + 1;
    }
    return count;
}

/* Maps the file's columns to the schema's: by the header's names, or one to one. The header is taken off the text. */
static peal_status read_header(peal_format_reader *reader, peal_error *err) {
    peal_block block = {0};
    uint32_t *marks = NULL;
    peal_status status = csv_read(reader, &block, err);
    bool trim = reader->job->options->trim, header = reader->job->options->header != PEAL_HEADER_NO;
    size_t mark = status == PEAL_OK ? format__byte_order_mark(block.text, block.size) : 0;
    if (status == PEAL_OK && block.size == mark) {
        status = peal_fail(err, PEAL_E_DATA, "%s is empty", reader->path);
    }
    if (status == PEAL_OK) status = peal_alloc_checked(&marks, block.size + 1, sizeof *marks, "a header", err);
    size_t used = mark;
    if (status == PEAL_OK) {
        char *line = block.text + mark;
        size_t fields = count_fields(line, block.size - mark, reader->delimiter, trim, marks);
        reader->column_count = fields;
        status = peal_alloc_checked(&reader->columns, fields, sizeof *reader->columns, "columns", err);
        for (size_t i = 0; status == PEAL_OK && i < fields; i++) {
            size_t begin = i ? marks[i - 1] + 1 : 0, end = marks[i];
            if (i + 1 == fields) used = mark + end + 1;
            if (i + 1 == fields && end > begin && line[end - 1] == '\r') end--;
            reader->columns[i] = i < reader->job->schema->count ? i : SIZE_MAX;
            if (!header) continue;
            csv_field field = format__csv_field(line + begin, line + end, trim);
            status = map_column(reader, &field, i, err);
        }
        if (!header) used = mark;
        if (status == PEAL_OK && header) {
            status = check_columns(reader, err);
        } else if (status == PEAL_OK && fields != reader->job->schema->count) {
            status = peal_fail(err, PEAL_E_DATA, "%s: line 1: %zu fields, expected %zu", reader->path, fields,
                               reader->job->schema->count);
        }
    }
    if (status == PEAL_OK) {
        /* Put back what follows the header, in front of what was carried. */
        peal_buffer rest = {0};
        status = peal_buffer_append(&rest, block.text + used, block.size - used, err);
        if (status == PEAL_OK) status = peal_buffer_append(&rest, reader->carry, reader->carry_size, err);
        if (status == PEAL_OK) status = keep_rest(reader, (const char *)rest.data, rest.size, err);
        peal_buffer_clear(&rest);
        reader->line = 1 + count_newlines(block.text, used);
        reader->number = 0;
    }
    free(block.text);
    free(marks);
    return status;
}

static void csv_close(peal_format_reader *reader) {
    if (!reader) return;
    peal_stream_close(reader->stream);
    free(reader->path);
    free(reader->carry);
    free(reader->columns);
    free(reader);
}

static peal_status csv_open(const peal_format_job *job, const char *path, const char *companion, peal_stream *stream,
                            peal_format_reader **out, peal_error *err) {
    (void)companion;
    *out = NULL;
    peal_format_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        peal_stream_close(stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    *reader = (peal_format_reader){.job = job, .stream = stream, .path = peal_strdup(path), .line = 1};
    reader->delimiter = job->options->delimiter ? job->options->delimiter : ',';
    peal_status status = reader->path ? read_header(reader, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    if (status != PEAL_OK) {
        csv_close(reader);
        return status;
    }
    *out = reader;
    return PEAL_OK;
}

/* ---- parsing: text to columns ---- */

/* A text of the present record that waits to be interned until the whole record is known to be good; meanwhile its slot
 * in the dictionary comes into the cache. */
typedef struct pending_text {
    peal_text_key key;
    size_t column;
} pending_text;

typedef struct row_parser {
    const peal_format_reader *reader;
    const peal_format_job *job;
    peal_block *block;
    pending_text *pending; /* [columns of the file] */
    size_t pending_count;
} row_parser;

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

/* Converts one field into row block->rows of its column. *why is set if the row is bad because of it. */
static peal_status convert_field(row_parser *parser, size_t column, char *begin, char *end, char why[256],
                                 peal_error *err) {
    const peal_format_job *job = parser->job;
    const peal_raw_field *field = &job->schema->fields[column];
    peal_block *block = parser->block;
    bool is_label = column == job->label && job->label_required;
    csv_field value = {.text = begin, .length = (size_t)(end - begin)};
    if (job->options->trim || *begin == '"') value = format__csv_field(begin, end, job->options->trim);
    if (is_label && peal_format_is_null(job->options, value.text, value.length)) {
        snprintf(why, 256, "the label '%s' is missing", field->name);
        return PEAL_OK;
    }
    if (field->kind == PEAL_RAW_TEXT) {
        pending_text *text = &parser->pending[parser->pending_count++];
        if (value.length > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "a field is too long");
        *text = (pending_text){peal_dictionary_key(value.text, (uint32_t)value.length), column};
        peal_dictionary_prefetch(&block->dictionaries[column], &text->key);
        size_t bad = peal_utf8_error(value.text, value.length);
        if (bad < value.length) {
            snprintf(why, 256, "column '%s': byte 0x%02x of its text is not UTF-8", field->name,
                     (unsigned char)value.text[bad]);
        }
        return PEAL_OK;
    }
    double *number = &block->numbers[column][block->rows];
    if (parse_small_integer(value.text, value.length, number)) return PEAL_OK;
    if (peal_number_parse(value.text, value.length, number)) return PEAL_OK;
    *number = (double)NAN;
    if (!peal_format_is_null(job->options, value.text, value.length)) {
        snprintf(why, 256, "column '%s': '%.*s' is not a number", field->name,
                 (int)(value.length < 60 ? value.length : 60), value.text);
    }
    return PEAL_OK;
}

static peal_status intern_pending(row_parser *parser, peal_error *err) {
    peal_block *block = parser->block;
    for (size_t i = 0; i < parser->pending_count; i++) {
        const pending_text *text = &parser->pending[i];
        uint32_t code;
        PEAL_TRY(peal_dictionary_intern_key(&block->dictionaries[text->column], &text->key, &code, err));
        block->codes[text->column][block->rows] = (int32_t)code;
    }
    return PEAL_OK;
}

/* Parses the record whose separators are marks[0 .. count-1]; a bad one is noted and leaves no row. */
static peal_status parse_record(row_parser *parser, size_t begin, const uint32_t *marks, size_t count,
                                peal_error *err) {
    const peal_format_reader *reader = parser->reader;
    peal_block *block = parser->block;
    size_t record_begin = begin, record_end = marks[count - 1];
    if (record_end > begin && block->text[record_end - 1] == '\r') record_end--;
    if (count == 1 && record_end == begin && (reader->column_count > 1)) return PEAL_OK; /* a blank line */
    char why[256];
    why[0] = '\0';
    parser->pending_count = 0;
    if (parser->job->hash_rows) {
        block->hashes[block->rows] = peal_hash(block->text + begin, record_end - begin, 0);
    }
    if (count != reader->column_count) {
        snprintf(why, sizeof why, "%zu field%s, expected %zu", count, count == 1 ? "" : "s", reader->column_count);
    }
    for (size_t i = 0; i < count && !why[0]; i++) {
        size_t end = i + 1 < count ? marks[i] : record_end, column = reader->columns[i];
        if (column != SIZE_MAX && !parser->job->schema->fields[column].skip) {
            PEAL_TRY(convert_field(parser, column, block->text + begin, block->text + end, why, err));
        }
        begin = marks[i] + (size_t)1;
    }
    if (!why[0]) {
        PEAL_TRY(intern_pending(parser, err));
        block->rows++;
        return PEAL_OK;
    }
    uint64_t line = block->first_line + count_newlines(block->text, record_begin);
    return peal_block_add_bad_row(block, line, block->text + record_begin, record_end - record_begin, err, "%s", why);
}

/* A label column that the file does not have reads as missing. */
static peal_status fill_absent_label(row_parser *parser, size_t rows, peal_error *err) {
    size_t label = parser->job->label;
    if (label == SIZE_MAX || parser->job->schema->fields[label].skip) return PEAL_OK;
    for (size_t i = 0; i < parser->reader->column_count; i++) {
        if (parser->reader->columns[i] == label) return PEAL_OK;
    }
    uint32_t code = 0;
    if (parser->block->codes[label]) {
        PEAL_TRY(peal_dictionary_put(&parser->block->dictionaries[label], "", 0, &code, err));
    }
    for (size_t row = 0; row < rows; row++) {
        if (parser->block->codes[label]) parser->block->codes[label][row] = (int32_t)code;
        if (parser->block->numbers[label]) parser->block->numbers[label][row] = (double)NAN;
    }
    return PEAL_OK;
}

static peal_status csv_parse(const peal_format_reader *reader, peal_block *block, peal_error *err) {
    if (block->mark_capacity < block->size + 1) {
        free(block->marks);
        block->mark_capacity = 0;
        PEAL_TRY(peal_alloc_checked(&block->marks, block->size + 1, sizeof *block->marks, "a block", err));
        block->mark_capacity = block->size + 1;
    }
    size_t open_quote;
    bool trim = reader->job->options->trim;
    size_t count = format__csv_marks(block->text, block->size, reader->delimiter, trim, block->marks, &open_quote);
    if (open_quote != SIZE_MAX) {
        uint64_t line = block->first_line + count_newlines(block->text, open_quote);
        return peal_fail(err, PEAL_E_DATA, "%s: line %llu: a quote is opened and never closed", reader->path,
                         (unsigned long long)line);
    }
    size_t records = count_newlines(block->text, block->size);
    PEAL_TRY(peal_block_reserve(block, reader->job->schema, records, err));
    block->rows = 0;
    row_parser parser = {.reader = reader, .job = reader->job, .block = block};
    PEAL_TRY(peal_alloc_checked(&parser.pending, reader->column_count, sizeof *parser.pending, "a block", err));
    peal_status status = PEAL_OK;
    size_t begin = 0;
    for (size_t first = 0, at = 0; at < count && status == PEAL_OK; at++) {
        if (block->text[block->marks[at]] != '\n') continue;
        status = parse_record(&parser, begin, block->marks + first, at + 1 - first, err);
        begin = block->marks[at] + (size_t)1;
        first = at + 1;
    }
    if (status == PEAL_OK) status = fill_absent_label(&parser, block->rows, err);
    free(parser.pending);
    return status;
}

/* ---- the formats ---- */

static bool csv_recognise(const uint8_t *head, size_t size) {
    return size > 0 && memchr(head, '\0', size) == NULL;
}

static bool tsv_recognise(const uint8_t *head, size_t size) {
    (void)head;
    (void)size;
    return false; /* CSV finds tabs by itself */
}

static peal_status tsv_infer(const char *path, const char *sample, size_t size, bool whole,
                             peal_format_options *options, peal_raw_schema *schema, peal_error *err) {
    if (!options->delimiter) options->delimiter = '\t';
    return format__csv_infer(path, sample, size, whole, options, schema, err);
}

const peal_format peal_format_csv = {
    .name = "csv",
    .documentation = "text with separators: RFC 4180 quotes, LF or CRLF, BOM, header or not; the delimiter is found",
    .recognise = csv_recognise,
    .infer = format__csv_infer,
    .open = csv_open,
    .read = csv_read,
    .parse = csv_parse,
    .close = csv_close,
};

const peal_format peal_format_tsv = {
    .name = "tsv",
    .documentation = "the same, separated by tabs",
    .recognise = tsv_recognise,
    .infer = tsv_infer,
    .open = csv_open,
    .read = csv_read,
    .parse = csv_parse,
    .close = csv_close,
};
