/* Records of sparse text on their way into columns: taking lines apart by a grammar, for a sample or for a block. */
#include "etl/format/sparse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/text.h"

/* ---- records ---- */

static void record_clear(sparse__record *record) {
    free(record->indices);
    free(record->values);
    free(record->pairs);
    *record = (sparse__record){0};
}

/* Room for the features of a line: each takes a character and what separates it from the next. */
static peal_status record_reserve(sparse__record *record, size_t line_size, peal_error *err) {
    const size_t wanted = line_size / 2 + 2;
    if (wanted <= record->capacity) return PEAL_OK;
    record_clear(record);
    const size_t capacity = wanted * 2;
    PEAL_TRY(peal_alloc_checked(&record->indices, capacity, sizeof *record->indices, "a line", err));
    PEAL_TRY(peal_alloc_checked(&record->values, capacity, sizeof *record->values, "a line", err));
    PEAL_TRY(peal_alloc_checked(&record->pairs, 2 * capacity, sizeof *record->pairs, "a line", err));
    record->capacity = capacity;
    return PEAL_OK;
}

/* *there: whether the line is a record. */
static peal_status record_take(sparse__record *record, const sparse__grammar *grammar, uint32_t option,
                               const char *line, const char *end, bool *there, peal_error *err) {
    PEAL_TRY(record_reserve(record, (size_t)(end - line), err));
    memset(record->cells, 0, sizeof record->cells);
    record->count = 0;
    record->ascending = true;
    record->bad = false;
    *there = grammar->parse(option, line, end, record);
    return PEAL_OK;
}

void sparse__fail(sparse__record *record, const char *word, const char *end, const char *reason, ...) {
    enum { SHOWN = 60 };
    if (record->bad) return;
    char whole[SHOWN * 2], shown[SHOWN + PEAL_TEXT_CUT_EXTRA];
    size_t size = 0;
    while (word + size < end && size < SHOWN + 8 && !sparse__is_blank(word[size])) size++;
    snprintf(whole, sizeof whole, "%.*s", (int)size, word);
    peal_text_cut(whole, SHOWN, shown);
    const int used = snprintf(record->why, sizeof record->why, "'%s': ", shown);
    va_list args;
    va_start(args, reason);
    vsnprintf(record->why + used, sizeof record->why - (size_t)used, reason, args);
    va_end(args);
    record->bad = true;
}

/* ---- sorting ---- */

static void sort_few(uint64_t *pairs, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const uint64_t pair = pairs[i];
        size_t at = i;
        for (; at > 0 && pairs[at - 1] >> 32 > pair >> 32; at--) pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
}

/* Radix sort, a byte of the index at a time from the lowest; returns which of the two arrays it ends in. */
static uint64_t *sort_many(uint64_t *pairs, uint64_t *other, size_t count, uint32_t most) {
    for (unsigned shift = 0; shift < 32 && most >> shift; shift += 8) {
        size_t places[257] = {0};
        for (size_t i = 0; i < count; i++) places[(pairs[i] >> (32 + shift) & 0xFF) + 1]++;
        for (size_t i = 0; i < 256; i++) places[i + 1] += places[i];
        for (size_t i = 0; i < count; i++) other[places[pairs[i] >> (32 + shift) & 0xFF]++] = pairs[i];
        uint64_t *sorted = other;
        other = pairs;
        pairs = sorted;
    }
    return pairs;
}

void sparse__sort(sparse__record *record) {
    enum { FEW = 24 };
    const size_t count = record->count;
    uint64_t *pairs = record->pairs;
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &record->values[i], sizeof bits);
        pairs[i] = (uint64_t)record->indices[i] << 32 | bits;
        if (record->indices[i] > most) most = record->indices[i];
    }
    if (count <= FEW) {
        sort_few(pairs, count);
    } else {
        pairs = sort_many(pairs, pairs + record->capacity, count, most);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)pairs[i];
        record->indices[i] = (uint32_t)(pairs[i] >> 32);
        memcpy(&record->values[i], &bits, sizeof bits);
    }
}

/* ---- looking ---- */

/* Where the last whole line of a text ends. A line of which only the beginning is there ends at its last blank. */
static const char *end_of_lines(const char *text, size_t size, bool whole) {
    const char *end = text + size, *last = whole ? end : memrchr(text, '\n', size);
    if (last) return last;
    while (end > text && !sparse__is_blank(end[-1])) end--;
    return end;
}

void sparse__look_begin(sparse__look *look, const sparse__grammar *grammar, const char *head, size_t size, bool whole) {
    const size_t mark = lines__mark(head, size);
    *look = (sparse__look){.grammar = grammar, .at = head + mark, .end = end_of_lines(head, size, whole)};
}

bool sparse__look_next(sparse__look *look, uint32_t option) {
    bool there = false;
    while (!there && lines__take(&look->at, look->end, &look->line, &look->line_end)) {
        if (record_take(&look->record, look->grammar, option, look->line, look->line_end, &there, NULL) != PEAL_OK) {
            return false;
        }
    }
    return there;
}

void sparse__look_end(sparse__look *look) {
    record_clear(&look->record);
}

/* ---- survey ---- */

static uint32_t option_of(const sparse__grammar *grammar, const json_t *options, uint32_t otherwise) {
    return (uint32_t)peal_option_count(options, grammar->option, otherwise);
}

static peal_status add_list(peal_schema *schema, const char *name, peal_type item, peal_error *err) {
    PEAL_TRY(peal_schema_add(schema, name, strlen(name), PEAL_TYPE_LIST, err));
    peal_field *field = &schema->fields[schema->count - 1];
    field->item = item;
    field->settled = field->decided = true;
    return PEAL_OK;
}

static peal_status add_columns(const sparse__grammar *grammar, uint32_t option, peal_guesser *guessers,
                               const bool *seen, peal_found *out, peal_error *err) {
    peal_schema *schema = &out->schema;
    PEAL_TRY(peal_alloc_checked(&out->guesses, SPARSE_CELLS + 2, sizeof *out->guesses, "columns", err));
    for (size_t i = 0; grammar->cells[i].name; i++) {
        const sparse__cell *cell = &grammar->cells[i];
        if (!cell->always && !seen[i]) continue;
        PEAL_TRY(peal_schema_add(schema, cell->name, strlen(cell->name), cell->type, err));
        peal_field *field = &schema->fields[schema->count - 1];
        peal_guess_type(&guessers[i], field);
        if (cell->settled) {
            field->type = cell->type;
            field->settled = field->decided = true;
        }
        field->usual = cell->usual;
        out->guesses[schema->count - 1] = guessers[i].guess;
    }
    PEAL_TRY(add_list(schema, "indices", PEAL_TYPE_UINT32, err));
    memcpy((char *)&schema->fields[schema->count - 1] + grammar->kept, &option, sizeof option);
    PEAL_TRY(add_list(schema, "values", PEAL_TYPE_FLOAT32, err));
    out->label = grammar->cells[0].name;
    return PEAL_OK;
}

static peal_status look_at_sample(const sparse__grammar *grammar, uint32_t option, const peal_survey *what,
                                  const char *text, size_t size, peal_found *out, peal_error *err) {
    static const peal_spelling usual = {0};
    peal_guesser guessers[SPARSE_CELLS] = {0};
    bool seen[SPARSE_CELLS] = {0};
    sparse__look look;
    sparse__look_begin(&look, grammar, text, size, size < PEAL_SAMPLE_SIZE);
    while (sparse__look_next(&look, option)) {
        for (size_t i = 0; grammar->cells[i].name && !look.record.bad; i++) {
            const sparse__text *cell = &look.record.cells[i];
            if (!cell->text) continue;
            seen[i] = true;
            peal_guess_value(&guessers[i], what->nulls, &usual, cell->text, cell->length);
        }
    }
    sparse__look_end(&look);
    return add_columns(grammar, option, guessers, seen, out, err);
}

peal_status sparse__survey(const sparse__grammar *grammar, const json_t *options, const peal_survey *what,
                           const peal_input *input, peal_found *out, peal_error *err) {
    size_t size = 0;
    peal_status status = PEAL_OK;
    *out = (peal_found){0};
    char *text = malloc(PEAL_SAMPLE_SIZE + PEAL_BLOCK_PADDING);
    if (!text) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    if (status == PEAL_OK) status = peal_stream_fill(input->stream, (uint8_t *)text, PEAL_SAMPLE_SIZE, &size, err);
    if (status == PEAL_OK) {
        memset(text + size, 0, PEAL_BLOCK_PADDING);
        status = look_at_sample(grammar, option_of(grammar, options, grammar->otherwise), what, text, size, out, err);
    }
    free(text);
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    if (status != PEAL_OK) peal_found_clear(out);
    return status;
}

/* ---- reading ---- */

typedef struct sparse_reader {
    peal_reader base;
    const sparse__grammar *grammar;
    uint32_t option;
    const peal_wanted *wanted;
    lines__source lines;
    size_t cells[SPARSE_CELLS]; /* columns of the schema; SIZE_MAX: not wanted */
    size_t indices, values;     /* the same */
    size_t absent;              /* a label of another name, which no record has; SIZE_MAX: none */
} sparse_reader;

/* Puts the record, which is good so far, into the row; the row writer may still find it bad. */
static void put_cells(const sparse_reader *reader, const sparse__record *record, row__writer *row) {
    const sparse__cell *cells = reader->grammar->cells;
    for (size_t i = 0; cells[i].name; i++) {
        const size_t column = reader->cells[i];
        if (column == SIZE_MAX) continue;
        if (record->cells[i].text) {
            row__cell(row, column, record->cells[i].text, record->cells[i].length);
        } else if (cells[i].otherwise) {
            row__cell(row, column, cells[i].otherwise, strlen(cells[i].otherwise));
        } else {
            row__missing(row, column);
        }
    }
    if (reader->absent != SIZE_MAX) row__missing(row, reader->absent);
}

static peal_status put_lists(const sparse_reader *reader, const sparse__record *record, peal_block *block,
                             peal_error *err) {
    peal_column_room *columns = block->table.columns;
    const size_t row = block->table.rows - 1;
    if (reader->indices != SIZE_MAX) {
        PEAL_TRY(peal_column_room_put_items(&columns[reader->indices], row, record->indices, record->count, err));
    }
    if (reader->values != SIZE_MAX) {
        PEAL_TRY(peal_column_room_put_items(&columns[reader->values], row, record->values, record->count, err));
    }
    return PEAL_OK;
}

/* Only a row that is good to its end gets features, so that a bad one leaves nothing behind. */
static peal_status parse_lines(const sparse_reader *reader, peal_block *block, row__writer *row, sparse__record *record,
                               peal_error *err) {
    const char *at = block->text, *block_end = block->text + block->size, *line, *end;
    for (uint64_t number = block->first_line; lines__take(&at, block_end, &line, &end); number++) {
        bool there;
        PEAL_TRY(record_take(record, reader->grammar, reader->option, line, end, &there, err));
        if (!there) continue;
        const size_t before = block->table.rows;
        row__begin(row, number);
        if (record->bad) {
            row__fail(row, "%s", record->why);
        } else {
            put_cells(reader, record, row);
        }
        PEAL_TRY(row__end(row, line, (size_t)(end - line), err));
        if (block->table.rows > before) PEAL_TRY(put_lists(reader, record, block, err));
    }
    return PEAL_OK;
}

static peal_status sparse_parse(const peal_reader *base, peal_block *block, peal_error *err) {
    static const peal_spelling usual = {0};
    const sparse_reader *reader = (const sparse_reader *)base;
    PEAL_TRY(peal_block_reserve(block, reader->wanted, lines__count(block->text, block->size), err));
    row__writer row;
    sparse__record record = {0};
    peal_status status = row__writer_init(&row, reader->wanted, &usual, block, err);
    if (status == PEAL_OK) status = parse_lines(reader, block, &row, &record, err);
    record_clear(&record);
    row__writer_clear(&row);
    return status;
}

static peal_status sparse_next(peal_reader *base, peal_block *block, peal_error *err) {
    return lines__next(&((sparse_reader *)base)->lines, block, err);
}

static void sparse_close(peal_reader *base) {
    lines__close(&((sparse_reader *)base)->lines);
    free(base);
}

/* ---- the columns ---- */

/* Where the reader keeps the column of this name; NULL if the format has none. */
static size_t *column_place(sparse_reader *reader, const char *name) {
    if (strcmp(name, "indices") == 0) return &reader->indices;
    if (strcmp(name, "values") == 0) return &reader->values;
    for (size_t i = 0; reader->grammar->cells[i].name; i++) {
        if (strcmp(name, reader->grammar->cells[i].name) == 0) return &reader->cells[i];
    }
    return NULL;
}

static peal_status no_such_column(const sparse_reader *reader, const char *name, peal_error *err) {
    char names[PEAL_NAMES_TEXT] = "";
    size_t used = 0;
    for (size_t i = 0; reader->grammar->cells[i].name; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "'%s', ", reader->grammar->cells[i].name);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s' in it, which has %s'indices' and 'values'",
                     reader->lines.name, name, names);
}

static peal_status check_list(const sparse_reader *reader, size_t index, peal_type item, peal_error *err) {
    if (index == SIZE_MAX) return PEAL_OK;
    const peal_field *field = &reader->wanted->schema->fields[index];
    if (field->type == PEAL_TYPE_LIST && field->item == item) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: the column '%s' holds lists of %s, but the job wants it as %s",
                     reader->lines.name, field->name, peal_types[item].name, peal_types[field->type].name);
}

static peal_status map_columns(sparse_reader *reader, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    for (size_t i = 0; i < SPARSE_CELLS; i++) reader->cells[i] = SIZE_MAX;
    reader->indices = reader->values = reader->absent = SIZE_MAX;
    for (size_t i = 0; i < wanted->schema->count; i++) {
        const peal_field *field = &wanted->schema->fields[i];
        if (field->skip) continue;
        size_t *place = column_place(reader, field->name);
        if (!place && i == wanted->label && !wanted->label_required) place = &reader->absent;
        if (!place) return no_such_column(reader, field->name, err);
        *place = i;
    }
    PEAL_TRY(check_list(reader, reader->indices, PEAL_TYPE_UINT32, err));
    return check_list(reader, reader->values, PEAL_TYPE_FLOAT32, err);
}

/* How the inputs are read that the wanted indices come from, unless the option says it of this one. */
static peal_status choose_option(sparse_reader *reader, const json_t *options, peal_error *err) {
    const sparse__grammar *grammar = reader->grammar;
    uint32_t kept = 0;
    if (reader->indices != SIZE_MAX) {
        memcpy(&kept, (const char *)&reader->wanted->schema->fields[reader->indices] + grammar->kept, sizeof kept);
    }
    reader->option = option_of(grammar, options, kept ? kept : grammar->otherwise);
    if (!kept || reader->option == kept || !grammar->must_be_kept) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "%s: the features that are wanted were made with %s %u, and with %u they would be others (%s %u)",
                     reader->lines.name, grammar->option, kept, reader->option, grammar->option, kept);
}

peal_status sparse__open(const sparse__grammar *grammar, const json_t *options, const peal_wanted *wanted,
                         const peal_input *input, peal_reader **out, peal_error *err) {
    *out = NULL;
    peal_stream_close(input->labels);
    sparse_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    reader->base = (peal_reader){.next = sparse_next, .parse = sparse_parse, .close = sparse_close};
    reader->grammar = grammar;
    reader->wanted = wanted;
    peal_status status = lines__open(&reader->lines, input, wanted, err);
    if (status == PEAL_OK) status = map_columns(reader, err);
    if (status == PEAL_OK) status = choose_option(reader, options, err);
    if (status == PEAL_OK) {
        *out = &reader->base;
    } else {
        sparse_close(&reader->base);
    }
    return status;
}
