/* CSV and TSV: text with separators, cut into blocks of whole records. The dialect of each input is its own. */
#include "etl/format/csv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/codec/encoding.h"
#include "etl/format/formats.h"

enum { LONGEST_RECORD = 256 << 20 };

/* ---- reading: the beginning ---- */

static bool has_line(const char *text, size_t size) {
    return memchr(text, '\n', size) || memchr(text, '\r', size);
}

peal_status csv__read_beginning(const peal_input *input, char **text, size_t *size, bool *whole, peal_error *err) {
    size_t capacity = 0;
    *text = NULL;
    *size = 0;
    *whole = false;
    while (!*whole && (*size == 0 || !has_line(*text, *size))) {
        if (*size > LONGEST_RECORD) {
            return peal_fail(err, PEAL_E_DATA, "%s: line 1: its first line has more than %d MB", input->name,
                             LONGEST_RECORD >> 20);
        }
        if (*size == capacity) {
            capacity = capacity ? capacity * 2 : PEAL_SAMPLE_SIZE;
            char *longer = realloc(*text, capacity + 1 + PEAL_BLOCK_PADDING);
            if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
            *text = longer;
        }
        size_t got;
        PEAL_TRY(peal_stream_take(input->stream, (uint8_t *)*text + *size, capacity - *size, &got, whole, err));
        *size += got;
    }
    return PEAL_OK;
}

/* ---- reading: blocks of whole records ---- */

peal_status csv__decode(const json_t *options, const char *name, peal_stream *stream, peal_stream **out,
                        peal_error *err) {
    const char *encoding = peal_option_text(options, "encoding", NULL);
    uint8_t head[4];
    size_t size = 0;
    if (!encoding) {
        PEAL_TRY(peal_stream_look(&stream, head, sizeof head, &size, err));
        if (peal_format_is_utf16(head, size)) encoding = "utf-16";
    }
    *out = stream;
    return encoding ? peal_encoding_open(stream, name, encoding, out, err) : PEAL_OK;
}

/* Puts `size` bytes in front of all that is carried; they are those that were carried last, or new ones. */
static peal_status keep(csv__reader *reader, const char *rest, size_t size, peal_error *err) {
    if (size == 0) return PEAL_OK;
    if (reader->carry_begin >= size) {
        reader->carry_begin -= size;
        memmove(reader->carry + reader->carry_begin, rest, size);
        reader->carry_size += size;
        return PEAL_OK;
    }
    const size_t whole = size + reader->carry_size;
    char *carry = malloc(whole + 1);
    if (!carry) return peal_fail(err, PEAL_E_MEMORY, "no memory for a record of %zu bytes", whole);
    memcpy(carry, rest, size);
    if (reader->carry_size) memcpy(carry + size, reader->carry + reader->carry_begin, reader->carry_size);
    free(reader->carry);
    reader->carry = carry;
    reader->carry_capacity = whole + 1;
    reader->carry_begin = 0;
    reader->carry_size = whole;
    return PEAL_OK;
}

static void take_carried(csv__reader *reader, peal_block *block, size_t capacity) {
    size_t size = capacity - block->size;
    if (size > reader->carry_size) size = reader->carry_size;
    if (size == 0) return;
    memcpy(block->text + block->size, reader->carry + reader->carry_begin, size);
    block->size += size;
    reader->carry_begin += size;
    reader->carry_size -= size;
}

/* Fills block->text with the carried bytes and new ones up to `capacity`; of a live stream, with what has come. */
static peal_status fill_text(csv__reader *reader, peal_block *block, size_t capacity, peal_error *err) {
    PEAL_TRY(peal_block_grow(block, capacity + 1, err));
    const bool carried = reader->carry_size > 0;
    take_carried(reader, block, capacity);
    if (reader->ended || block->size == capacity) return PEAL_OK;
    if (carried && reader->stream->live && memchr(block->text, '\n', block->size)) return PEAL_OK;
    size_t got;
    char *to = block->text + block->size;
    PEAL_TRY(peal_stream_take(reader->stream, (uint8_t *)to, capacity - block->size, &got, &reader->ended, err));
    for (size_t i = 0; reader->dialect.carriage && i < got; i++) {
        if (to[i] == '\r') to[i] = '\n';
    }
    block->size += got;
    return PEAL_OK;
}

static peal_status csv_next(peal_reader *base, peal_block *block, peal_error *err) {
    csv__reader *reader = (csv__reader *)base;
    size_t capacity = reader->wanted->block_size ? reader->wanted->block_size : PEAL_BLOCK_SIZE, whole = 0, came;
    block->size = 0;
    block->records = 0;
    for (;;) {
        PEAL_TRY(fill_text(reader, block, capacity, err));
        came = block->size;
        const bool last = reader->ended && reader->carry_size == 0;
        if (last) {
            block->size =
                peal_whole_lines(reader->stream, reader->name, reader->wanted->damage, block->text, block->size);
            csv__end_text(block->text, &block->size);
        }
        whole = last ? block->size : csv__whole_records(&reader->dialect, block->text, block->size);
        if (whole > 0 || last) break;
        if (block->size > LONGEST_RECORD) {
            return peal_fail(err, PEAL_E_DATA,
                             "%s: line %llu: a record of more than %d MB; is a quote never closed (quote none)?",
                             reader->name, (unsigned long long)reader->line, LONGEST_RECORD >> 20);
        }
        if (block->size == capacity) capacity *= 2;
    }
    PEAL_TRY(keep(reader, block->text + whole, block->size - whole, err));
    block->size = whole;
    memset(block->text + whole, 0, PEAL_BLOCK_PADDING);
    block->number = reader->number++;
    block->offset = reader->offset;
    block->came = whole < came ? whole : came;
    reader->offset += block->came;
    block->first_line = reader->line;
    reader->line += peal_count_newlines(block->text, whole);
    return PEAL_OK;
}

/* ---- the columns ---- */

static peal_status map_column(csv__reader *reader, const csv__field *field, size_t index, size_t marks, bool *there,
                              peal_error *err) {
    const peal_schema *schema = reader->wanted->schema;
    char unnamed[CSV__UNNAMED];
    csv__name_unnamed(index, marks, unnamed);
    const size_t found = field->length ? peal_schema_find(schema, field->text, field->length)
                                       : peal_schema_find(schema, unnamed, strlen(unnamed));
    reader->columns[index] = found;
    if (found == SIZE_MAX && reader->wanted->tell_extra && field->length) {
        peal_report(reader->wanted->reporter, PEAL_EVENT_NOTE,
                    "%s: column '%.*s' is left out: the first input does not have it", reader->name,
                    (int)(field->length < 60 ? field->length : 60), field->text);
    }
    if (found == SIZE_MAX) return PEAL_OK;
    if (there[found] && field->length) {
        return peal_fail(err, PEAL_E_DATA, "%s: line 1: two columns are called '%s'", reader->name,
                         schema->fields[found].name);
    }
    there[found] = true;
    return PEAL_OK;
}

/* "its columns are 'a', 'b'": what the header has, for who looks for a name that it has not. */
static void header_names(const csv__reader *reader, const csv__records *records, const csv__record *header,
                         char text[PEAL_NAMES_TEXT]) {
    peal_schema names = {0};
    for (size_t i = 0; i < reader->column_count && i < 16; i++) {
        const csv__field field = csv__record_field(records, header, i);
        (void)peal_schema_add(&names, field.text, field.length, PEAL_TYPE_UTF8, NULL);
    }
    peal_schema_names(&names, text);
    peal_schema_clear(&names);
}

/* `there`: which of the schema's columns the header names. */
static peal_status check_columns(csv__reader *reader, const bool *there, const csv__records *records,
                                 const csv__record *header, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    for (size_t i = 0; i < wanted->schema->count; i++) {
        if (there[i] || wanted->schema->fields[i].skip) continue;
        if (i == wanted->label && !wanted->label_required) {
            reader->absent[reader->absent_count++] = i;
            continue;
        }
        char names[PEAL_NAMES_TEXT];
        header_names(reader, records, header, names);
        return peal_fail(err, PEAL_E_DATA,
                         "%s: there is no column '%s' in its header, which has %s; if its first line is a row, say so "
                         "(header no)",
                         reader->name, wanted->schema->fields[i].name, names);
    }
    return PEAL_OK;
}

static peal_status map_by_name(csv__reader *reader, const csv__records *records, const csv__record *header,
                               peal_error *err) {
    bool *there;
    PEAL_TRY(peal_alloc_checked(&there, reader->wanted->schema->count, sizeof *there, "columns", err));
    peal_status status = PEAL_OK;
    const size_t marks = csv__unnamed_marks(records, header);
    for (size_t i = 0; status == PEAL_OK && i < reader->column_count; i++) {
        const csv__field field = csv__record_name(records, header, i);
        status = map_column(reader, &field, i, marks, there, err);
    }
    if (status == PEAL_OK) status = check_columns(reader, there, records, header, err);
    free(there);
    return status;
}

static bool has_default_names(const peal_schema *schema) {
    return schema->count > 0 && strcmp(schema->fields[0].name, "c1") == 0;
}

/* Maps the columns one to one, where there is no header. The label may be left out, if it is not required. */
static peal_status map_in_order(csv__reader *reader, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    const size_t expected = wanted->schema->count;
    const bool lacks_label =
        !wanted->label_required && wanted->label != SIZE_MAX && reader->column_count + 1 == expected;
    if (reader->column_count != expected && !lacks_label) {
        return peal_fail(err, PEAL_E_DATA, "%s: line 1: %zu field%s, expected %zu", reader->name, reader->column_count,
                         reader->column_count == 1 ? "" : "s", expected);
    }
    for (size_t i = 0, column = 0; i < expected; i++) {
        if (lacks_label && i == wanted->label) {
            reader->absent[reader->absent_count++] = i;
        } else {
            reader->columns[column++] = i;
        }
    }
    return PEAL_OK;
}

/* Learns from the beginning which of the file's columns is which of the schema's. *used: bytes in front of the rows. */
static peal_status map_columns(csv__reader *reader, char *text, size_t size, size_t *used, peal_error *err) {
    const csv__dialect *dialect = &reader->dialect;
    uint32_t *marks = malloc((size + CSV_MARKS_PADDING) * sizeof *marks); /* of a long text few are touched */
    if (!marks) return peal_fail(err, PEAL_E_MEMORY, "no memory for a header");
    size_t open_quote, part = csv__enough(text + dialect->begin, size - dialect->begin);
    csv__records records = csv__records_of(dialect, text + dialect->begin, part, marks, &open_quote);
    csv__record first;
    *used = dialect->begin;
    peal_status status = PEAL_OK;
    bool found = csv__next_record(&records, false, &first);
    if (!found && part < size - dialect->begin) {
        records = csv__records_of(dialect, text + dialect->begin, size - dialect->begin, marks, &open_quote);
        found = csv__next_record(&records, false, &first);
    }
    if (found) {
        reader->column_count = first.count;
        status = peal_alloc_checked(&reader->columns, first.count, sizeof *reader->columns, "columns", err);
        if (status == PEAL_OK && dialect->header) {
            reader->header_size = first.end - first.begin;
            reader->header = peal_strndup(records.text + first.begin, reader->header_size);
            if (!reader->header) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a header");
            if (status == PEAL_OK) status = map_by_name(reader, &records, &first, err);
            *used = dialect->begin + records.begin;
        } else if (status == PEAL_OK) {
            status = map_in_order(reader, err);
            if (status == PEAL_OK && !dialect->header_given && !has_default_names(reader->wanted->schema)) {
                peal_report(
                    reader->wanted->reporter, PEAL_EVENT_NOTE,
                    "%s: its first line is a row, so its columns are taken in the order of the others' (header)",
                    reader->name);
            }
        }
    } else if (open_quote != SIZE_MAX) {
        status = peal_fail(err, PEAL_E_DATA,
                           "%s: line 1: a quote is opened and never closed (quote none reads quotes as they are)",
                           reader->name);
    }
    free(marks);
    return status;
}

static void csv_close(peal_reader *base) {
    csv__reader *reader = (csv__reader *)base;
    peal_stream_close(reader->stream);
    free(reader->name);
    free(reader->carry);
    free(reader->columns);
    free(reader->absent);
    free(reader->header);
    free(reader);
}

/* Reads the beginning, finds the dialect and the columns, and keeps the rows for csv_next. */
static peal_status begin(csv__reader *reader, const json_t *options, char tabs, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    const csv__evidence evidence = {
        .name = reader->name, .schema = wanted->schema, .reporter = wanted->reporter, .tab_or_none = tabs};
    PEAL_TRY(peal_alloc_checked(&reader->absent, wanted->schema->count, sizeof *reader->absent, "columns", err));
    const peal_input input = {.name = reader->name, .stream = reader->stream};
    char *text;
    size_t size, used = 0;
    peal_status status = csv__read_beginning(&input, &text, &size, &reader->ended, err);
    if (status == PEAL_OK) {
        if (reader->ended) size = peal_whole_lines(reader->stream, reader->name, wanted->damage, text, size);
        status = csv__find_dialect(options, &evidence, text, &size, reader->ended, &reader->dialect, err);
    }
    if (status == PEAL_OK) status = map_columns(reader, text, size, &used, err);
    if (status == PEAL_OK) {
        reader->line = 1 + peal_count_newlines(text, used);
        reader->offset = used;
        status = keep(reader, text + used, size - used, err);
    }
    free(text);
    return status;
}

static peal_status open_csv(const json_t *options, char tabs, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    *out = NULL;
    csv__reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    *reader = (csv__reader){.base = {.next = csv_next, .parse = csv__parse, .close = csv_close},
                            .wanted = wanted,
                            .name = peal_strdup(input->name)};
    peal_status status = csv__decode(options, input->name, input->stream, &reader->stream, err);
    if (status != PEAL_OK) reader->stream = NULL;
    if (status == PEAL_OK && !reader->name) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    if (status == PEAL_OK) status = begin(reader, options, tabs, err);
    if (status != PEAL_OK) {
        csv_close(&reader->base);
        return status;
    }
    *out = &reader->base;
    return PEAL_OK;
}

static peal_status csv_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    return open_csv(options, '\0', wanted, input, out, err);
}

static peal_status tsv_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    return open_csv(options, '\t', wanted, input, out, err);
}

/* ---- the formats ---- */

static const char *const csv_suffixes[] = {".csv", ".txt", ".data", NULL};
static const char *const tsv_suffixes[] = {".tsv", ".tab", NULL};

/* All text may be CSV; UTF-16 is told by its mark and named by who asks. */
static int csv_recognise(const uint8_t *head, size_t size, const char *name) {
    if (peal_format_is_utf16(head, size)) return 30;
    if (size == 0 || memchr(head, '\0', size)) return 0;
    return peal_format_is_named(name, csv_suffixes) ? 60 : 10;
}

static int tsv_recognise(const uint8_t *head, size_t size, const char *name) {
    if (peal_format_is_utf16(head, size)) return peal_format_is_named(name, tsv_suffixes) ? 40 : 0;
    if (size == 0 || memchr(head, '\0', size)) return 0;
    return peal_format_is_named(name, tsv_suffixes) ? 70 : 0; /* CSV finds tabs by itself */
}

const peal_format peal_format_csv = {
    .name = "csv",
    .documentation = "text with separators: RFC 4180 quotes, LF, CRLF or CR, BOM, header or not; how it is written is "
                     "found, file by file",
    .suffixes = csv_suffixes,
    .options = csv__options,
    .recognise = csv_recognise,
    .survey = csv__survey,
    .open = csv_open,
    .is_lines = peal_format_is_text,
    .quote = '"',
};

const peal_format peal_format_tsv = {
    .name = "tsv",
    .documentation = "the same, separated by tabs",
    .suffixes = tsv_suffixes,
    .options = csv__options,
    .recognise = tsv_recognise,
    .survey = csv__survey_tabs,
    .open = tsv_open,
    .is_lines = peal_format_is_text,
    .quote = '"',
};
