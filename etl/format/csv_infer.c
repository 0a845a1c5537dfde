/* What a sample of CSV text tells: the delimiter, whether there is a header, the columns and their types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/number.h"
#include "core/base/utf8.h"
#include "etl/format/csv.h"

/* A column is taken for numbers if at least nine tenths of what is there in the sample are numbers; what is not one is
 * then a bad row, named by line, and not a reason to treat the whole column as text. */
static bool mostly_numbers(size_t numbers, size_t present) {
    return present > 0 && numbers * 10 >= present * 9;
}

static char find_delimiter(const char *text, size_t size) {
    static const char candidates[] = ",\t;|";
    char best = ',';
    size_t most = 0;
    for (const char *c = candidates; *c; c++) {
        size_t count = 0;
        bool quoted = false;
        for (size_t i = 0; i < size && (quoted || text[i] != '\n'); i++) {
            if (text[i] == '"') quoted = !quoted;
            count += !quoted && text[i] == *c;
        }
        if (count > most) {
            most = count;
            best = *c;
        }
    }
    return best;
}

typedef struct column_guess {
    size_t numbers, present;
} column_guess;

typedef struct sample_scan {
    char *text;
    uint32_t *marks;
    size_t mark_count, next;
    size_t begin; /* of the next record */
    char delimiter;
    bool trim;
} sample_scan;

/* The next record's fields into `fields` (room for `most`); returns how many there are, 0 at the end. Blank lines are
 * passed over. */
static size_t next_record(sample_scan *scan, csv_field *fields, size_t most) {
    while (scan->next < scan->mark_count) {
        size_t count = 0;
        bool blank = false;
        for (bool more = true; more && scan->next < scan->mark_count; scan->next++) {
            size_t end = scan->marks[scan->next];
            more = scan->text[end] == scan->delimiter;
            size_t stop = end;
            if (!more && stop > scan->begin && scan->text[stop - 1] == '\r') stop--;
            if (!more && count == 0 && stop == scan->begin) blank = true;
            if (count < most)
                fields[count] = format__csv_field(scan->text + scan->begin, scan->text + stop, scan->trim);
            count++;
            scan->begin = end + 1;
        }
        if (!blank) return count;
    }
    return 0;
}

static bool looks_like_header(const csv_field *fields, size_t count) {
    double number;
    for (size_t i = 0; i < count; i++) {
        if (fields[i].length == 0 || peal_number_parse(fields[i].text, fields[i].length, &number)) return false;
    }
    return true;
}

static peal_status add_columns(const char *path, const csv_field *fields, size_t count, bool header,
                               peal_raw_schema *schema, peal_error *err) {
    for (size_t i = 0; i < count; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "c%zu", i + 1);
        const char *text = header && fields[i].length ? fields[i].text : name;
        size_t size = header && fields[i].length ? fields[i].length : (size_t)length;
        size_t bad = peal_utf8_error(text, size);
        if (bad < size || memchr(text, '\0', size)) {
            return peal_fail(err, PEAL_E_DATA, "%s: line 1: the name of column %zu is not UTF-8 text", path, i + 1);
        }
        peal_error problem;
        peal_status status = peal_raw_schema_add(schema, text, size, PEAL_RAW_TEXT, 0, &problem);
        if (status != PEAL_OK) return peal_fail(err, status, "%s: line 1: %s", path, problem.message);
    }
    return PEAL_OK;
}

static void guess_types(sample_scan *scan, csv_field *fields, column_guess *guesses, bool first_is_data,
                        const peal_format_options *options, peal_raw_schema *schema) {
    size_t count = schema->count;
    double number;
    size_t got = first_is_data ? count : next_record(scan, fields, count);
    for (; got > 0; got = next_record(scan, fields, count)) {
        if (got != count) continue;
        for (size_t i = 0; i < count; i++) {
            if (peal_format_is_null(options, fields[i].text, fields[i].length)) continue;
            guesses[i].present++;
            guesses[i].numbers += peal_number_parse(fields[i].text, fields[i].length, &number);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (mostly_numbers(guesses[i].numbers, guesses[i].present)) schema->fields[i].kind = PEAL_RAW_NUMBER;
    }
}

static peal_status infer(const char *path, sample_scan *scan, peal_format_options *options, peal_raw_schema *schema,
                         peal_error *err) {
    csv_field *fields = NULL;
    column_guess *guesses = NULL;
    sample_scan first = *scan;
    size_t count = next_record(&first, NULL, 0);
    if (count == 0) return peal_fail(err, PEAL_E_DATA, "%s has no rows", path);
    peal_status status = peal_alloc_checked(&fields, count, sizeof *fields, "columns", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&guesses, count, sizeof *guesses, "columns", err);
    if (status == PEAL_OK) {
        next_record(scan, fields, count);
        bool header = options->header == PEAL_HEADER_YES ||
                      (options->header == PEAL_HEADER_AUTO && looks_like_header(fields, count));
        options->header = header ? PEAL_HEADER_YES : PEAL_HEADER_NO;
        status = add_columns(path, fields, count, header, schema, err);
        if (status == PEAL_OK) guess_types(scan, fields, guesses, !header, options, schema);
    }
    free(fields);
    free(guesses);
    return status;
}

peal_status format__csv_infer(const char *path, const char *sample, size_t size, bool whole,
                              peal_format_options *options, peal_raw_schema *schema, peal_error *err) {
    size_t mark = format__byte_order_mark(sample, size);
    sample += mark;
    size -= mark;
    if (size == 0) return peal_fail(err, PEAL_E_DATA, "%s is empty", path);
    if (!options->delimiter) options->delimiter = find_delimiter(sample, size);
    char *text = malloc(size + 1 + PEAL_BLOCK_PADDING);
    uint32_t *marks = malloc((size + 2) * sizeof *marks);
    if (!text || !marks) {
        free(text);
        free(marks);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    }
    memcpy(text, sample, size);
    if (whole && text[size - 1] != '\n') text[size++] = '\n';
    memset(text + size, 0, PEAL_BLOCK_PADDING);
    size_t open_quote;
    sample_scan scan = {.text = text, .marks = marks, .delimiter = options->delimiter, .trim = options->trim};
    scan.mark_count = format__csv_marks(text, size, options->delimiter, options->trim, marks, &open_quote);
    peal_status status;
    if (open_quote != SIZE_MAX && scan.mark_count == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s: line 1: a quote is opened and never closed", path);
    } else {
        status = infer(path, &scan, options, schema, err);
    }
    free(text);
    free(marks);
    if (status != PEAL_OK) peal_raw_schema_clear(schema);
    return status;
}
