/* CSV and TSV: RFC 4180 with LF or CRLF, a byte-order mark, and a header or none. */
#include "etl/format/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/spelling.h"

enum { LONGEST_RECORD = 256 << 20, HEADER_PART = 1 << 16 };

/* ---- reading: blocks of whole records ---- */

static peal_status block_grow(peal_block *block, size_t capacity, peal_error *err) {
    if (capacity <= block->capacity) return PEAL_OK;
    char *text = realloc(block->text, capacity + PEAL_BLOCK_PADDING);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block of %zu bytes", capacity);
    block->text = text;
    block->capacity = capacity;
    return PEAL_OK;
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
    reader->line += format__count_newlines(block->text, whole);
    return PEAL_OK;
}

/* ---- the header ---- */

static peal_status map_column(peal_format_reader *reader, const csv_field *field, size_t index, bool *there,
                              peal_error *err) {
    const peal_raw_schema *schema = reader->job->schema;
    size_t found = peal_raw_schema_find(schema, field->text, field->length);
    reader->columns[index] = found;
    if (found == SIZE_MAX) return PEAL_OK;
    if (there[found]) {
        return peal_fail(err, PEAL_E_DATA, "%s: line 1: two columns are called '%s'", reader->path,
                         schema->fields[found].name);
    }
    there[found] = true;
    return PEAL_OK;
}

/* `there`: which of the schema's columns the header names. */
static peal_status check_columns(const peal_format_reader *reader, const bool *there, peal_error *err) {
    const peal_format_job *job = reader->job;
    for (size_t i = 0; i < job->schema->count; i++) {
        if (there[i] || job->schema->fields[i].skip || (i == job->label && !job->label_required)) continue;
        return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s' in its header", reader->path,
                         job->schema->fields[i].name);
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

/* The separators of the text's first line, up to and with its newline. */
static size_t find_first_line(const peal_format_reader *reader, const char *line, size_t size, uint32_t *marks) {
    bool trim = reader->job->options->trim;
    /* Mostly the header is short and the marks of the text's first part will do. */
    size_t part = size < HEADER_PART ? size : HEADER_PART;
    size_t fields = count_fields(line, part, reader->delimiter, trim, marks);
    if (fields > 0 && line[marks[fields - 1]] == '\n') return fields;
    return count_fields(line, size, reader->delimiter, trim, marks);
}

/* Maps the columns by their names in the header, whose separators are `marks`. */
static peal_status map_by_name(peal_format_reader *reader, char *line, const uint32_t *marks, peal_error *err) {
    bool *there;
    PEAL_TRY(peal_alloc_checked(&there, reader->job->schema->count, sizeof *there, "columns", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; status == PEAL_OK && i < reader->column_count; i++) {
        size_t begin = i ? marks[i - 1] + (size_t)1 : 0, end = marks[i];
        if (i + 1 == reader->column_count && end > begin && line[end - 1] == '\r') end--;
        csv_field field = format__csv_field(line + begin, line + end, reader->job->options->trim);
        status = map_column(reader, &field, i, there, err);
    }
    if (status == PEAL_OK) status = check_columns(reader, there, err);
    free(there);
    return status;
}

/* Maps the columns one to one, where there is no header. */
static peal_status map_in_order(peal_format_reader *reader, peal_error *err) {
    size_t expected = reader->job->schema->count;
    if (reader->column_count != expected) {
        return peal_fail(err, PEAL_E_DATA, "%s: line 1: %zu fields, expected %zu", reader->path, reader->column_count,
                         expected);
    }
    for (size_t i = 0; i < expected; i++) reader->columns[i] = i;
    return PEAL_OK;
}

/* Puts text back, in front of what is carried. */
static peal_status put_back(peal_format_reader *reader, const char *text, size_t size, peal_error *err) {
    peal_buffer rest = {0};
    peal_status status = peal_buffer_append(&rest, text, size, err);
    if (status == PEAL_OK) status = peal_buffer_append(&rest, reader->carry, reader->carry_size, err);
    if (status == PEAL_OK) status = keep_rest(reader, (const char *)rest.data, rest.size, err);
    peal_buffer_clear(&rest);
    return status;
}

/* Maps the columns of the file whose first block is `block`, and takes the header off. */
static peal_status map_columns(peal_format_reader *reader, peal_block *block, uint32_t *marks, peal_error *err) {
    bool header = reader->job->options->header != PEAL_HEADER_NO;
    size_t used = format__byte_order_mark(block->text, block->size);
    char *line = block->text + used;
    reader->column_count = find_first_line(reader, line, block->size - used, marks);
    PEAL_TRY(peal_alloc_checked(&reader->columns, reader->column_count, sizeof *reader->columns, "columns", err));
    PEAL_TRY(header ? map_by_name(reader, line, marks, err) : map_in_order(reader, err));
    if (header && reader->column_count) used += marks[reader->column_count - 1] + (size_t)1;
    PEAL_TRY(put_back(reader, block->text + used, block->size - used, err));
    reader->line = 1 + format__count_newlines(block->text, used);
    reader->number = 0;
    return PEAL_OK;
}

/* Reads the first block, learns from it which of the file's columns is which of the schema's, and puts its rows back.
 */
static peal_status read_header(peal_format_reader *reader, peal_error *err) {
    peal_block block = {0};
    uint32_t *marks = NULL;
    peal_status status = csv_read(reader, &block, err);
    if (status == PEAL_OK && block.size == format__byte_order_mark(block.text, block.size)) {
        status = peal_fail(err, PEAL_E_DATA, "%s is empty", reader->path);
    }
    /* Not zeroed: of a long block's marks few are touched. */
    if (status == PEAL_OK && !(marks = malloc((block.size + 1) * sizeof *marks))) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a header");
    }
    if (status == PEAL_OK) status = map_columns(reader, &block, marks, err);
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

static peal_status csv_open(const peal_format_job *job, const char *path, const peal_source *companion,
                            peal_stream *stream, peal_format_reader **out, peal_error *err) {
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

static const char *csv_fault(const peal_format_options *options, const peal_raw_schema *schema) {
    const unsigned char delimiter = (unsigned char)options->delimiter;
    if (delimiter == '"' || delimiter == '\n' || delimiter == '\r' || delimiter == '\0' || delimiter > 0x7E) {
        return "the delimiter must be an ASCII character and no quote or line break";
    }
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].kind == PEAL_RAW_BYTES) return "columns of bytes cannot be read from text";
    }
    return NULL;
}

const peal_format peal_format_csv = {
    .name = "csv",
    .documentation = "text with separators: RFC 4180 quotes, LF or CRLF, BOM, header or not; the delimiter is found",
    .recognise = csv_recognise,
    .infer = format__csv_infer,
    .fault = csv_fault,
    .open = csv_open,
    .read = csv_read,
    .parse = format__csv_parse,
    .close = csv_close,
};

const peal_format peal_format_tsv = {
    .name = "tsv",
    .documentation = "the same, separated by tabs",
    .recognise = tsv_recognise,
    .infer = tsv_infer,
    .fault = csv_fault,
    .open = csv_open,
    .read = csv_read,
    .parse = format__csv_parse,
    .close = csv_close,
};
