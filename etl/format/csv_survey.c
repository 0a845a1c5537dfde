/* What the beginning of CSV text tells: the columns and their types, as far as they can be told from it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/format/csv.h"

typedef struct surveyor {
    const peal_survey *what;
    const char *name;
    csv__dialect dialect;
    csv__records records;
    peal_guesser *guessers; /* [dialect.columns] */
    peal_found *out;
} surveyor;

/* Where a byte stands that shows nothing, or `size`. A name may have tabs and lines. If it is all that a line has, the
 * byte may be a delimiter of another kind, or this is no text. */
static size_t control_byte(const char *text, size_t size) {
    size_t at = 0;
    while (at < size && (text[at] >= ' ' || text[at] < 0 || isspace((unsigned char)text[at])) && text[at] != 0x7F) at++;
    return at;
}

static peal_status add_column(surveyor *self, const csv__record *first, size_t marks, size_t index, size_t columns,
                              peal_error *err) {
    char unnamed[CSV__UNNAMED];
    const csv__field made =
        self->dialect.header ? csv__record_name(&self->records, first, index) : (csv__field){.length = 0};
    const csv__field *field = &made;
    const bool named = field->length > 0;
    csv__name_unnamed(index, marks, unnamed);
    const char *text = named ? field->text : unnamed;
    const size_t size = named ? field->length : strlen(unnamed);
    if (peal_utf8_error(text, size) < size || memchr(text, '\0', size)) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: line 1: the name of column %zu is not UTF-8 text (encoding names another: latin1, "
                         "windows-1252...)",
                         self->name, index + 1);
    }
    const size_t control = control_byte(text, size);
    if (control < size && columns == 1) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: line 1: its only column's name holds the byte 0x%02x (delimiter names what separates "
                         "fields, header no takes the first line for a row)",
                         self->name, (unsigned)text[control]);
    }
    peal_error problem;
    const peal_status status = peal_schema_add(&self->out->schema, text, size, PEAL_TYPE_DICTIONARY, &problem);
    return status == PEAL_OK ? PEAL_OK : peal_fail(err, status, "%s: line 1: %s", self->name, problem.message);
}

/* A delimiter at the end of each line makes a last column that has no name and no values. */
static bool ends_in_nothing(const surveyor *self, const csv__record *header) {
    const size_t last = self->dialect.columns - 1;
    if (!self->dialect.header || last == 0 || csv__record_field(&self->records, header, last).length) return false;
    csv__records rest = self->records;
    csv__record record;
    while (csv__next_record(&rest, false, &record)) {
        if (record.count == self->dialect.columns && csv__record_field(&rest, &record, last).length) return false;
    }
    return true;
}

static peal_status add_columns(surveyor *self, const csv__record *first, peal_error *err) {
    size_t columns = self->dialect.columns;
    if (ends_in_nothing(self, first)) columns--;
    const size_t marks = self->dialect.header ? csv__unnamed_marks(&self->records, first) : 0;
    for (size_t i = 0; i < columns; i++) PEAL_TRY(add_column(self, first, marks, i, columns, err));
    return peal_alloc_checked(&self->out->guesses, columns, sizeof *self->out->guesses, "columns", err);
}

static void guess_row(surveyor *self, const csv__record *record) {
    if (record->count != self->dialect.columns) return;
    for (size_t i = 0; i < self->out->schema.count; i++) {
        const csv__field field = csv__record_field(&self->records, record, i);
        if (!peal_guess_value(&self->guessers[i], self->what->nulls, &self->dialect.spelling, field.text,
                              field.length)) {
            continue;
        }
        const size_t place = self->dialect.begin + record->begin;
        self->guessers[i].guess.other_line = 1 + peal_count_newlines(self->records.text - self->dialect.begin, place);
    }
}

static peal_status look_at_rows(surveyor *self, peal_error *err) {
    csv__record record;
    if (!csv__next_record(&self->records, false, &record)) return PEAL_OK; /* no line at all */
    PEAL_TRY(add_columns(self, &record, err));
    PEAL_TRY(peal_alloc_checked(&self->guessers, self->dialect.columns, sizeof *self->guessers, "columns", err));
    if (!self->dialect.header) guess_row(self, &record);
    while (csv__next_record(&self->records, self->dialect.columns == 1, &record)) guess_row(self, &record);
    for (size_t i = 0; i < self->out->schema.count; i++) {
        peal_guess_type(&self->guessers[i], &self->out->schema.fields[i]);
        self->out->guesses[i] = self->guessers[i].guess;
    }
    return PEAL_OK;
}

static peal_status survey_text(const json_t *options, char tabs, surveyor *self, char *text, size_t size, bool whole,
                               peal_error *err) {
    /* Whoever opens the input tells how it is read. */
    const csv__evidence evidence = {.name = self->name, .label = self->what->label, .tab_or_none = tabs};
    PEAL_TRY(csv__find_dialect(options, &evidence, text, &size, whole, &self->dialect, err));
    uint32_t *marks = malloc((size + CSV_MARKS_PADDING) * sizeof *marks);
    if (!marks) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    size_t open_quote;
    self->records =
        csv__records_of(&self->dialect, text + self->dialect.begin, size - self->dialect.begin, marks, &open_quote);
    peal_status status;
    if (open_quote != SIZE_MAX && self->records.mark_count == 0) {
        status = peal_fail(err, PEAL_E_DATA,
                           "%s: line 1: a quote is opened and never closed (quote none reads quotes "
                           "as they are)",
                           self->name);
    } else {
        status = look_at_rows(self, err);
    }
    free(marks);
    return status;
}

static peal_status survey(const json_t *options, char tabs, const peal_survey *what, const peal_input *input,
                          peal_found *out, peal_error *err) {
    surveyor self = {.what = what, .name = input->name, .out = out};
    char *text;
    size_t size;
    bool whole;
    *out = (peal_found){0};
    peal_status status = csv__read_beginning(input, &text, &size, &whole, err);
    if (status == PEAL_OK) status = survey_text(options, tabs, &self, text, size, whole, err);
    free(self.guessers);
    free(text);
    if (status != PEAL_OK) peal_found_clear(out);
    return status;
}

static peal_status survey_decoded(const json_t *options, char tabs, const peal_survey *what, const peal_input *input,
                                  peal_found *out, peal_error *err) {
    peal_input decoded = *input;
    *out = (peal_found){0};
    PEAL_TRY(csv__decode(options, input->name, input->stream, &decoded.stream, err));
    const peal_status status = survey(options, tabs, what, &decoded, out, err);
    peal_stream_close(decoded.stream);
    return status;
}

peal_status csv__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                        peal_error *err) {
    return survey_decoded(options, '\0', what, input, out, err);
}

peal_status csv__survey_tabs(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                             peal_error *err) {
    return survey_decoded(options, '\t', what, input, out, err);
}
