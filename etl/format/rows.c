/* The format rows: the header of a stream and its rows, block by block. See rows.h. */
#include "etl/format/rows.h"

#include <stdlib.h>
#include <string.h>

#include "etl/format/formats.h"

enum { SURVEYED_ROWS = 10000, EXTENSION_MOST = 64 << 20, BLOCK_MOST = 2000 << 20, PIECE = 256 << 10 };

/* ---- the header ---- */

static peal_status cut_short(const rows__reader *self, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s is cut short: it ends behind row %llu", self->name,
                     (unsigned long long)self->rows);
}

static peal_status damaged(const rows__reader *self, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s: the header of its rows is damaged", self->name);
}

/* Settled is what the database knows of all values. */
static void set_type(peal_field *field, uint32_t type) {
    field->settled = field->decided = type != ROWS_ANY;
    field->type = PEAL_TYPE_FLOAT64;
    if (type == ROWS_BOOL) field->type = PEAL_TYPE_BOOL;
    field->as_date = type == ROWS_DATE || type == ROWS_TIMESTAMP || type == ROWS_TIMESTAMPTZ;
    field->may_be_date = type == ROWS_TEXT;
    if (field->as_date || type == ROWS_TEXT || type == ROWS_UUID) field->type = PEAL_TYPE_DICTIONARY;
}

static bool is_known(uint32_t type) {
    static const uint32_t known[] = {ROWS_ANY,         ROWS_BOOL,    ROWS_INT8,   ROWS_INT2, ROWS_INT4,
                                     ROWS_TEXT,        ROWS_FLOAT4,  ROWS_FLOAT8, ROWS_DATE, ROWS_TIMESTAMP,
                                     ROWS_TIMESTAMPTZ, ROWS_NUMERIC, ROWS_UUID};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i] == type) return true;
    }
    return false;
}

/* Bytes of a value that is not missing; ROWS_MISSING: any number. */
static int32_t size_of(uint32_t type) {
    switch (type) {
    case ROWS_BOOL:
        return 1;
    case ROWS_INT2:
        return 2;
    case ROWS_INT4:
    case ROWS_FLOAT4:
    case ROWS_DATE:
        return 4;
    case ROWS_INT8:
    case ROWS_FLOAT8:
    case ROWS_TIMESTAMP:
    case ROWS_TIMESTAMPTZ:
        return 8;
    case ROWS_UUID:
        return 16;
    default:
        return ROWS_MISSING;
    }
}

static void find_runs(rows__reader *self) {
    for (size_t i = self->columns.count; i-- > 0;) {
        rows__run *run = &self->runs[i];
        run->size = size_of(self->types[i]);
        if (run->size == ROWS_MISSING) continue;
        for (size_t next = i; next < self->columns.count && run->count < ROWS_RUN_MOST; next++) {
            if (self->runs[next].size == ROWS_MISSING) break;
            run->length += 4 + (uint32_t)self->runs[next].size;
            run->count++;
        }
    }
}

static peal_status read_columns(rows__reader *self, const uint8_t *at, size_t left, peal_error *err) {
    if (left < 8 || memcmp(at, ROWS_MARK, 4) != 0) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: it is binary data of COPY, which does not tell names and types of its "
                         "columns; read the database itself (peal help sources)",
                         self->name);
    }
    const uint32_t count = source__get32(at + 4);
    if (count == 0 || count > ROWS_COLUMNS_MOST) return damaged(self, err);
    PEAL_TRY(peal_alloc_checked(&self->types, count, sizeof *self->types, "columns", err));
    PEAL_TRY(peal_alloc_checked(&self->runs, count, sizeof *self->runs, "columns", err));
    at += 8;
    left -= 8;
    for (uint32_t i = 0; i < count; i++) {
        if (left < 8) return damaged(self, err);
        const uint32_t type = source__get32(at), length = source__get32(at + 4);
        if (length > left - 8 || !is_known(type)) return damaged(self, err);
        peal_error problem;
        const peal_status status =
            peal_schema_add(&self->columns, (const char *)at + 8, length, PEAL_TYPE_FLOAT64, &problem);
        if (status != PEAL_OK) return peal_fail(err, status, "%s: %s", self->name, problem.message);
        set_type(&self->columns.fields[i], type);
        self->types[i] = type;
        at += 8 + length;
        left -= 8 + length;
    }
    find_runs(self);
    return left == 0 ? PEAL_OK : damaged(self, err);
}

static peal_status read_header(rows__reader *self, peal_error *err) {
    uint8_t head[ROWS_HEADER_SIZE];
    peal_buffer extension = {0};
    size_t got;
    PEAL_TRY(peal_stream_fill(self->stream, head, sizeof head, &got, err));
    if (got < sizeof head || memcmp(head, ROWS_SIGNATURE, ROWS_SIGNATURE_SIZE) != 0) return damaged(self, err);
    const uint32_t flags = source__get32(head + ROWS_SIGNATURE_SIZE),
                   size = source__get32(head + ROWS_SIGNATURE_SIZE + 4);
    if (flags != 0 || size > EXTENSION_MOST) return damaged(self, err);
    PEAL_TRY(peal_buffer_reserve(&extension, size + 1, err));
    peal_status status = peal_stream_fill(self->stream, extension.data, size, &got, err);
    if (status == PEAL_OK) status = got == size ? read_columns(self, extension.data, size, err) : damaged(self, err);
    peal_buffer_clear(&extension);
    return status;
}

/* ---- blocks ---- */

typedef enum row_end { ROW_WHOLE, ROW_CUT, ROW_LAST, ROW_WRONG } row_end;

static row_end measure_field(const uint8_t *at, size_t left, size_t *used) {
    if (left - *used < 4) return ROW_CUT;
    const int32_t length = (int32_t)source__get32(at + *used);
    *used += 4;
    if (length < ROWS_BLOB) return ROW_WRONG;
    if (length < 0) return ROW_WHOLE;
    if ((size_t)length > left - *used) return ROW_CUT;
    *used += (size_t)length;
    return ROW_WHOLE;
}

/* How many bytes the row at `at` has. */
static row_end measure(const rows__reader *self, const uint8_t *at, size_t left, size_t *size) {
    if (left < 2) return ROW_CUT;
    const int count = (int16_t)source__get16(at);
    if (count == ROWS_END) return ROW_LAST;
    if (count < 0 || (size_t)count != self->columns.count) return ROW_WRONG;
    size_t used = 2;
    for (size_t i = 0; i < (size_t)count;) {
        const rows__run *run = &self->runs[i];
        const size_t end = i + (run->count ? run->count : 1);
        if (run->count && left - used >= run->length && rows__run_is_whole(run, at + used)) {
            used += run->length;
            i = end;
        }
        for (; i < end; i++) {
            const row_end field = measure_field(at, left, &used);
            if (field != ROW_WHOLE) return field;
        }
    }
    *size = used;
    return ROW_WHOLE;
}

/* Counts the whole rows of the `filled` bytes behind those that are counted. */
static row_end count_rows(const rows__reader *self, peal_block *block, size_t filled) {
    const uint8_t *text = (const uint8_t *)block->text;
    size_t size = 0;
    row_end end;
    while ((end = measure(self, text + block->size, filled - block->size, &size)) == ROW_WHOLE) {
        block->size += size;
        block->records++;
    }
    return end;
}

/* The trailer is the last that there is. */
static peal_status check_end(rows__reader *self, size_t behind, peal_error *err) {
    uint8_t more;
    size_t got = 0;
    self->ended = true;
    if (behind == 2) PEAL_TRY(peal_stream_fill(self->stream, &more, 1, &got, err));
    if (behind == 2 && got == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: there is more behind its last row, %llu", self->name,
                     (unsigned long long)self->rows);
}

/* Reads piece by piece and counts each piece's rows while a cache still holds them. *whole: there are no more bytes. */
static peal_status fill_block(rows__reader *self, peal_block *block, size_t size, size_t *filled, row_end *end,
                              bool *whole, peal_error *err) {
    PEAL_TRY(peal_block_grow(block, size, err));
    memcpy(block->text, self->rest.data ? (const void *)self->rest.data : "", self->rest.size);
    *filled = self->rest.size;
    while ((*end = count_rows(self, block, *filled)) == ROW_CUT && *filled < size && !*whole) {
        const size_t wanted = size - *filled < PIECE ? size - *filled : PIECE;
        size_t got;
        PEAL_TRY(peal_stream_fill(self->stream, (uint8_t *)block->text + *filled, wanted, &got, err));
        *filled += got;
        *whole = got < wanted;
    }
    return PEAL_OK;
}

/* Twice as many bytes are tried as long as not one row fits. */
static peal_status rows_next(peal_reader *base, peal_block *block, peal_error *err) {
    rows__reader *self = (rows__reader *)base;
    size_t size = self->wanted->block_size ? self->wanted->block_size : PEAL_BLOCK_SIZE;
    size_t filled = 0;
    row_end end = ROW_CUT;
    bool whole = self->ended;
    block->size = 0;
    block->records = 0;
    if (self->ended) return PEAL_OK;
    if (size <= self->rest.size) size = self->rest.size * 2;
    for (; block->records == 0 && end == ROW_CUT && !whole; size *= 2) {
        if (size > BLOCK_MOST)
            return peal_fail(err, PEAL_E_DATA, "%s: row %llu is larger than %d MB", self->name,
                             (unsigned long long)self->rows + 1, BLOCK_MOST >> 20);
        PEAL_TRY(fill_block(self, block, size, &filled, &end, &whole, err));
        self->rest.size = 0;
        PEAL_TRY(peal_buffer_append(&self->rest, block->text + block->size, filled - block->size, err));
    }
    block->first_line = self->rows + 1;
    block->number = self->number++;
    self->rows += block->records;
    if (end == ROW_WRONG) {
        return peal_fail(err, PEAL_E_DATA, "%s: row %llu is damaged", self->name, (unsigned long long)self->rows + 1);
    }
    if (end == ROW_LAST) PEAL_TRY(check_end(self, filled - block->size, err));
    if (end == ROW_CUT && whole) return cut_short(self, err);
    memset(block->text + block->size, 0, PEAL_BLOCK_PADDING);
    return PEAL_OK;
}

/* ---- opening ---- */

static void rows_close(peal_reader *base) {
    rows__reader *self = (rows__reader *)base;
    peal_stream_close(self->stream);
    peal_schema_clear(&self->columns);
    peal_buffer_clear(&self->rest);
    free(self->types);
    free(self->runs);
    free(self->fields);
    free(self->name);
    free(self);
}

static peal_status reader_new(const peal_input *input, rows__reader **out, peal_error *err) {
    *out = NULL;
    peal_stream_close(input->labels);
    rows__reader *self = calloc(1, sizeof *self);
    if (!self) {
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    self->stream = input->stream;
    self->name = peal_strdup(input->name);
    peal_status status = self->name ? read_header(self, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    if (status == PEAL_OK) {
        *out = self;
    } else {
        rows_close(&self->base);
    }
    return status;
}

static peal_status find_columns(rows__reader *self, peal_error *err) {
    const peal_wanted *wanted = self->wanted;
    char names[PEAL_NAMES_TEXT];
    for (size_t i = 0; i < self->columns.count; i++) self->fields[i] = SIZE_MAX;
    for (size_t i = 0; i < wanted->schema->count; i++) {
        const peal_field *field = &wanted->schema->fields[i];
        if (field->skip) continue;
        const size_t found = peal_schema_find(&self->columns, field->name, strlen(field->name));
        if (found == SIZE_MAX && i == wanted->label && !wanted->label_required) continue;
        if (found == SIZE_MAX) {
            return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s'; its columns are %s", self->name,
                             field->name, peal_schema_names(&self->columns, names));
        }
        if (field->type == PEAL_TYPE_FIXED_LIST) {
            return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds single values; lists of %u bytes were expected",
                             self->name, field->name, field->width);
        }
        self->fields[found] = i;
    }
    return PEAL_OK;
}

static peal_status begin(peal_reader *base, const peal_wanted *wanted, peal_error *err) {
    rows__reader *self = (rows__reader *)base;
    self->base = (peal_reader){.next = rows_next, .parse = rows__parse, .close = rows_close};
    self->wanted = wanted;
    PEAL_TRY(peal_alloc_checked(&self->fields, self->columns.count, sizeof *self->fields, "columns", err));
    return find_columns(self, err);
}

static peal_status rows_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                             peal_reader **out, peal_error *err) {
    (void)options;
    rows__reader *self;
    *out = NULL;
    PEAL_TRY(reader_new(input, &self, err));
    const peal_status status = begin(&self->base, wanted, err);
    if (status != PEAL_OK) {
        rows_close(&self->base);
        return status;
    }
    *out = &self->base;
    return PEAL_OK;
}

/* ---- survey ---- */

/* The columns whose values tell their types, and a label of numbers, which may be one of classes. */
static peal_status list_open(const rows__reader *self, const peal_survey *what, peal_schema *out, peal_error *err) {
    for (size_t i = 0; i < self->columns.count; i++) {
        const peal_field *field = &self->columns.fields[i];
        const bool is_label = what->label && strcmp(what->label, field->name) == 0;
        if (field->settled && !(is_label && field->type == PEAL_TYPE_FLOAT64)) continue;
        PEAL_TRY(peal_schema_add(out, field->name, strlen(field->name), PEAL_TYPE_DICTIONARY, err));
        out->fields[out->count - 1].settled = true;
    }
    return PEAL_OK;
}

/* Looks at the first values of such a column, as texts. */
static void guess_column(const peal_block *block, size_t column, const peal_survey *what, peal_found *out) {
    static const peal_spelling plain = {0};
    const peal_field *open = &block->table.schema->fields[column];
    const int32_t *codes = block->table.columns[column].values;
    const size_t rows = block->table.rows < SURVEYED_ROWS ? block->table.rows : SURVEYED_ROWS;
    peal_guesser guesser = {0};
    for (size_t row = 0; row < rows; row++) {
        const peal_text text = peal_dictionary_text(&block->table.dictionaries[column], (uint32_t)codes[row]);
        peal_guess_value(&guesser, what->nulls, &plain, text.data, text.length);
    }
    const size_t found = peal_schema_find(&out->schema, open->name, strlen(open->name));
    peal_field *field = &out->schema.fields[found];
    const bool number = field->settled;
    peal_guess_type(&guesser, field);
    out->guesses[found] = guesser.guess;
    if (number) field->type = PEAL_TYPE_FLOAT64;
    field->settled = false;
}

static peal_status guess(rows__reader *self, const peal_survey *what, peal_found *out, peal_error *err) {
    peal_schema open = {0};
    peal_block block = {0};
    const peal_wanted wanted = {.schema = &open, .nulls = what->nulls, .label = SIZE_MAX};
    peal_status status = list_open(self, what, &open, err);
    if (status == PEAL_OK && open.count > 0) {
        status = begin(&self->base, &wanted, err);
        if (status == PEAL_OK) status = peal_block_init(&block, &open, err);
        if (status == PEAL_OK) status = rows_next(&self->base, &block, err);
        if (status == PEAL_OK && block.records > 0) status = rows__parse(&self->base, &block, err);
        for (size_t i = 0; status == PEAL_OK && i < open.count; i++) guess_column(&block, i, what, out);
        peal_block_clear(&block);
    }
    peal_schema_clear(&open);
    return status;
}

static peal_status rows_survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                               peal_error *err) {
    (void)options;
    rows__reader *self;
    *out = (peal_found){0};
    PEAL_TRY(reader_new(input, &self, err));
    peal_status status = peal_schema_copy(&self->columns, &out->schema, err);
    if (status == PEAL_OK) {
        status = peal_alloc_checked(&out->guesses, out->schema.count, sizeof *out->guesses, "columns", err);
    }
    if (status == PEAL_OK) status = guess(self, what, out, err);
    if (status != PEAL_OK) peal_found_clear(out);
    rows_close(&self->base);
    return status;
}

static int rows_recognise(const uint8_t *head, size_t size, const char *name) {
    (void)name;
    return size >= ROWS_SIGNATURE_SIZE && memcmp(head, ROWS_SIGNATURE, ROWS_SIGNATURE_SIZE) == 0 ? 100 : 0;
}

static const char *const rows_suffixes[] = {NULL};
static const peal_option rows_options[] = {{.name = NULL}};

const peal_format peal_format_rows = {
    .name = "rows",
    .documentation = "rows of a database, as its source gives them (PostgreSQL's binary COPY with the columns in the "
                     "header)",
    .suffixes = rows_suffixes,
    .options = rows_options,
    .recognise = rows_recognise,
    .survey = rows_survey,
    .open = rows_open,
};
