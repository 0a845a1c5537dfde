/* Arrays become a block's columns: column by column where all their values fit, else row by row through the row writer,
 * which finds the bad ones and says why. Both give the same values. See arrow.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "etl/format/arrow.h"
#include "etl/format/row.h"

enum { INTERNED_AT_ONCE = 16, RECORD = 400 };

typedef struct part_parser {
    const peal_wanted *wanted;
    peal_block *block;
    const ipc__array *arrays; /* [fields] */
    size_t rows;
    int32_t *map; /* of one dictionary: the code of each entry in the block's, or -1 */
    size_t map_capacity;
} part_parser;

static const peal_field *field_of(const part_parser *self, size_t index) {
    return &self->wanted->schema->fields[index];
}

static bool is_required(const part_parser *self, size_t index) {
    return field_of(self, index)->required || (index == self->wanted->label && self->wanted->label_required);
}

/* ---- hashes of rows ---- */

/* A row's hash is that of its values, whatever its batch and however a value is kept there. */
static void hash_column(const part_parser *self, size_t index) {
    const ipc__array *array = &self->arrays[index];
    uint64_t *hashes = self->block->hashes;
    char cell[IPC_CELL];
    for (size_t row = 0; row < self->rows; row++) {
        size_t length = 0;
        const char *text = cell;
        if (array->type.kind == TYPE_FIXED_SIZE_LIST) {
            length = array->type.width;
            text = (const char *)array->values + row * length;
        } else if (ipc__array_has(array, row)) {
            text = ipc__array_text(array, row, cell, &length);
        }
        hashes[row] = peal_hash(text, length, hashes[row] + index);
    }
}

static void hash_rows(const part_parser *self) {
    if (!self->wanted->hash_rows) return;
    memset(self->block->hashes, 0, self->rows * sizeof *self->block->hashes);
    for (size_t i = 0; i < self->wanted->schema->count; i++) {
        if (!field_of(self, i)->skip) hash_column(self, i);
    }
}

/* ---- column by column; false: there is a value that does not fit ---- */

static void take_nulls(const peal_nulls *nulls, double *numbers, size_t rows) {
    for (size_t i = 0; i < nulls->number_count; i++) {
        for (size_t row = 0; row < rows; row++) {
            if (numbers[row] == nulls->numbers[i]) numbers[row] = (double)NAN;
        }
    }
}

static bool fill_numbers(part_parser *self, size_t index) {
    const ipc__array *array = &self->arrays[index];
    double *numbers = self->block->table.columns[index].values;
    if (array->type.kind == TYPE_NULL) {
        for (size_t row = 0; row < self->rows; row++) numbers[row] = (double)NAN;
        return !is_required(self, index);
    }
    if (array->dictionary || (!ipc__type_is_number(&array->type) && array->type.kind != TYPE_BOOL)) return false;
    if (array->type.kind == TYPE_BOOL && !field_of(self, index)->settled) return false;
    ipc__array_numbers(array, numbers);
    take_nulls(self->wanted->nulls, numbers, self->rows);
    const peal_bound *bound = field_of(self, index)->bound;
    size_t missing = 0, infinite = 0, beyond = 0;
    for (size_t row = 0; row < self->rows; row++) {
        missing += isnan(numbers[row]) != 0;
        infinite += isinf(numbers[row]) != 0;
    }
    for (size_t row = 0; bound && row < self->rows; row++) {
        beyond += peal_bound_excludes(bound, numbers[row]);
    }
    self->block->votes[index].numbers = self->rows - missing;
    return infinite == 0 && beyond == 0 && (missing == 0 || !is_required(self, index));
}

static peal_status fill_bools(part_parser *self, size_t index, bool *fits, peal_error *err) {
    const ipc__array *array = &self->arrays[index];
    uint8_t *bits = self->block->table.columns[index].values;
    *fits = array->type.kind == TYPE_NULL || (array->type.kind == TYPE_BOOL && !array->dictionary);
    if (!*fits) return PEAL_OK;
    memset(bits, 0, (self->rows + 7) / 8);
    for (size_t row = 0; row < self->rows; row++) {
        const bool has = ipc__array_has(array, row);
        const size_t bit = array->shift + row;
        if (has && array->values[bit / 8] >> (bit % 8) & 1) bits[row / 8] |= (uint8_t)(1u << (row % 8));
        if (!has) PEAL_TRY(peal_column_room_set_missing(&self->block->table, index, row, err));
    }
    return PEAL_OK;
}

static bool fill_bytes(part_parser *self, size_t index) {
    const ipc__array *array = &self->arrays[index];
    if (array->type.kind == TYPE_NULL || array->valid) return false;
    memcpy(self->block->table.columns[index].values, array->values, self->rows * array->type.width);
    return true;
}

static bool is_null_text(const peal_nulls *nulls, const char *text, size_t length) {
    return length == 0 || peal_nulls_hold(nulls, text, length);
}

/* Texts are sound; those of a label are looked at one by one. */
static bool check_texts(const part_parser *self, size_t index) {
    const ipc__array *array = &self->arrays[index];
    const peal_field *field = field_of(self, index);
    const bool required = is_required(self, index);
    char cell[IPC_CELL];
    if (!array->sound) return false;
    for (size_t row = 0; (required || field->numeric) && row < self->rows; row++) {
        size_t length = 0;
        double number;
        if (!ipc__array_has(array, row)) return false;
        const char *text = ipc__array_text(array, row, cell, &length);
        if (is_null_text(self->wanted->nulls, text, length)) return false;
        if (!self->wanted->label_as_text && peal_cell_is_usual(text, length, true)) return false;
        static const peal_spelling plain = {0};
        if (field->numeric &&
            peal_cell_number(self->wanted->nulls, &plain, text, length, &number) != PEAL_CELL_NUMBER) {
            return false;
        }
    }
    return array->type.kind != TYPE_NULL || !required;
}

/* Texts that stay texts. */
static peal_status fill_kept(part_parser *self, size_t index, bool *fits, peal_error *err) {
    const ipc__array *array = &self->arrays[index];
    peal_table_room *table = &self->block->table;
    char cell[IPC_CELL];
    *fits = array->sound;
    for (size_t row = 0; *fits && row < self->rows; row++) {
        size_t length = 0;
        const char *text = ipc__array_has(array, row) ? ipc__array_text(array, row, cell, &length) : cell;
        const bool missing = is_null_text(self->wanted->nulls, text, length);
        *fits = !missing || !is_required(self, index);
        PEAL_TRY(peal_column_room_put_bytes(&table->columns[index], row, text, missing ? 0 : length, err));
        if (missing) PEAL_TRY(peal_column_room_set_missing(table, index, row, err));
    }
    return PEAL_OK;
}

/* Texts that become codes at once. */
static bool fill_codes(part_parser *self, size_t index) {
    const ipc__array *array = &self->arrays[index];
    const peal_field *field = field_of(self, index);
    int32_t *codes = self->block->table.columns[index].values;
    char cell[IPC_CELL];
    if (!array->sound) return false;
    for (size_t row = 0; row < self->rows; row++) {
        size_t length = 0;
        const char *text = ipc__array_has(array, row) ? ipc__array_text(array, row, cell, &length) : cell;
        const bool missing = is_null_text(self->wanted->nulls, text, length);
        codes[row] = missing ? -1 : field->encode(field->encoder, (peal_text){text, (uint32_t)length});
    }
    return true;
}

/* What can be told without changing the block's dictionaries. */
static peal_status fill_column(part_parser *self, size_t index, bool *fits, peal_error *err) {
    switch (field_of(self, index)->type) {
    case PEAL_TYPE_FLOAT64:
        *fits = fill_numbers(self, index);
        return PEAL_OK;
    case PEAL_TYPE_BOOL:
        return fill_bools(self, index, fits, err);
    case PEAL_TYPE_FIXED_LIST:
        *fits = fill_bytes(self, index);
        return PEAL_OK;
    case PEAL_TYPE_DICTIONARY:
        *fits = check_texts(self, index);
        return PEAL_OK;
    case PEAL_TYPE_UTF8:
        return fill_kept(self, index, fits, err);
    case PEAL_TYPE_INT32:
        *fits = field_of(self, index)->encode && fill_codes(self, index);
        return PEAL_OK;
    default:
        *fits = false;
        return PEAL_OK;
    }
}

/* ---- texts ---- */

/* `has_comma`: the column's texts are numbers with a decimal comma, where a point may part thousands. */
static peal_text_key key_at(const ipc__array *array, size_t row, bool has_comma, char cell[IPC_CELL]) {
    size_t length = 0;
    memset(cell, 0, 8);
    if (!ipc__array_has(array, row)) return peal_dictionary_key(cell, 0);
    if (array->type.kind == TYPE_UTF8_VIEW && !array->dictionary) {
        const char *there = ipc__view_text(array, row, &length);
        return peal_dictionary_key(there, (uint32_t)length);
    }
    const char *text = ipc__array_text(array, row, cell, &length);
    if (has_comma && text == cell && ipc__type_is_number(&array->type)) {
        for (size_t i = 0; i < length; i++) cell[i] = cell[i] == '.' ? ',' : cell[i];
    }
    return peal_dictionary_key(text, (uint32_t)length);
}

static peal_status intern_texts(part_parser *self, size_t index, peal_error *err) {
    const ipc__array *array = &self->arrays[index];
    peal_dictionary *dictionary = &self->block->table.dictionaries[index];
    int32_t *codes = self->block->table.columns[index].values;
    const bool has_comma = field_of(self, index)->spelling.decimal == ',';
    peal_text_key keys[INTERNED_AT_ONCE];
    char cells[INTERNED_AT_ONCE][IPC_CELL];
    for (size_t row = 0; row < self->rows; row += INTERNED_AT_ONCE) {
        const size_t left = self->rows - row, count = left < INTERNED_AT_ONCE ? left : INTERNED_AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            keys[i] = key_at(array, row + i, has_comma, cells[i]);
            peal_dictionary_prefetch(dictionary, &keys[i]);
        }
        PEAL_TRY(peal_dictionary_intern_keys(dictionary, keys, count, codes + row, err));
    }
    return PEAL_OK;
}

/* Each entry of the dictionary that occurs is looked up once; one that does not occur leaves no trace. */
static peal_status map_codes(part_parser *self, size_t index, peal_error *err) {
    const ipc__array *array = &self->arrays[index];
    peal_dictionary *dictionary = &self->block->table.dictionaries[index];
    int32_t *codes = self->block->table.columns[index].values;
    const size_t size = array->dictionary->size;
    uint32_t code, empty = 0;
    bool has_empty = false;
    if (size > self->map_capacity) {
        free(self->map);
        self->map_capacity = 0;
        PEAL_TRY(peal_alloc_checked(&self->map, size, sizeof *self->map, "a dictionary", err));
        self->map_capacity = size;
    }
    if (size) memset(self->map, 0xFF, size * sizeof *self->map);
    for (size_t row = 0; row < self->rows; row++) {
        if (!ipc__array_has(array, row)) {
            if (!has_empty) PEAL_TRY(peal_dictionary_put(dictionary, "", 0, &empty, err));
            has_empty = true;
            codes[row] = (int32_t)empty;
            continue;
        }
        const size_t entry = (size_t)ipc__array_code(array, row);
        if (self->map[entry] < 0) {
            size_t length;
            const char *text = ipc__dictionary_text(array->dictionary, entry, &length);
            PEAL_TRY(peal_dictionary_put(dictionary, text, length, &code, err));
            self->map[entry] = (int32_t)code;
        }
        codes[row] = self->map[entry];
    }
    return PEAL_OK;
}

static peal_status fill_texts(part_parser *self, peal_error *err) {
    for (size_t i = 0; i < self->wanted->schema->count; i++) {
        const peal_field *field = field_of(self, i);
        const ipc__array *array = &self->arrays[i];
        if (field->skip || field->type != PEAL_TYPE_DICTIONARY) continue;
        /* A dictionary that is much larger than the part is not worth a map. */
        if (array->dictionary && array->dictionary->size <= 4 * self->rows + 1024) {
            PEAL_TRY(map_codes(self, i, err));
        } else {
            PEAL_TRY(intern_texts(self, i, err));
        }
    }
    return PEAL_OK;
}

static peal_status fill_columns(part_parser *self, bool *fits, peal_error *err) {
    *fits = true;
    for (size_t i = 0; i < self->wanted->schema->count && *fits; i++) {
        if (!field_of(self, i)->skip) PEAL_TRY(fill_column(self, i, fits, err));
        if (self->arrays[i].wrong) *fits = false;
    }
    if (!*fits) return PEAL_OK;
    self->block->table.rows = self->rows;
    return fill_texts(self, err);
}

/* ---- row by row ---- */

static void put_cell(part_parser *self, row__writer *writer, size_t index, size_t row, char cell[IPC_CELL]) {
    const ipc__array *array = &self->arrays[index];
    const peal_field *field = field_of(self, index);
    size_t length = 0;
    if (field->type == PEAL_TYPE_FIXED_LIST) {
        const size_t width = field->width;
        if (!ipc__array_has(array, row)) {
            row__fail(writer, "column '%s': its bytes are missing", field->name);
        } else {
            uint8_t *to = self->block->table.columns[index].values;
            memcpy(to + writer->row * width, array->values + row * width, width);
        }
    } else if (array->wrong && array->wrong[row]) {
        row__fail(writer, "column '%s': %s", field->name, array->wrong[row]);
    } else if (!ipc__array_has(array, row)) {
        row__missing(writer, index);
    } else {
        memset(cell, 0, 8);
        const char *text = ipc__array_text(array, row, cell, &length);
        row__cell(writer, index, text, length);
    }
}

/* The row as a person would want to see it: "a=1, b=x". */
static size_t record_text(const part_parser *self, size_t row, char record[RECORD]) {
    size_t used = 0;
    for (size_t i = 0; i < self->wanted->schema->count && used < RECORD - 1; i++) {
        const ipc__array *array = &self->arrays[i];
        char cell[IPC_CELL];
        size_t length = 0;
        const char *text = cell;
        if (field_of(self, i)->skip || array->type.kind == TYPE_FIXED_SIZE_LIST) continue;
        if (ipc__array_has(array, row)) text = ipc__array_text(array, row, cell, &length);
        const int size = snprintf(record + used, RECORD - used, "%s%s=%.*s", used ? ", " : "", field_of(self, i)->name,
                                  (int)(length < RECORD ? length : RECORD), text);
        if (size > 0) used += (size_t)size;
    }
    return used < RECORD ? used : RECORD - 1;
}

static peal_status put_row(part_parser *self, row__writer *writer, size_t row, char (*cells)[IPC_CELL],
                           peal_error *err) {
    peal_block *block = self->block;
    char record[RECORD];
    size_t size = 0;
    const uint64_t hash = self->wanted->hash_rows ? block->hashes[row] : 0;
    row__begin(writer, block->first_line + row);
    for (size_t i = 0; i < self->wanted->schema->count && !writer->bad; i++) {
        if (!field_of(self, i)->skip) put_cell(self, writer, i, row, cells[i]);
    }
    if (writer->bad || writer->bad_column != PEAL_NO_COLUMN) size = record_text(self, row, record);
    PEAL_TRY(row__end(writer, record, size, err));
    /* A good row's hash moves up behind those of the good ones before it. */
    if (self->wanted->hash_rows && block->table.rows > writer->row) block->hashes[writer->row] = hash;
    return PEAL_OK;
}

static peal_status put_rows(part_parser *self, peal_error *err) {
    static const peal_spelling plain = {0};
    row__writer writer = {0};
    char(*cells)[IPC_CELL] = NULL;
    PEAL_TRY(peal_block_reserve(self->block, self->wanted, self->rows, err));
    peal_status status = peal_alloc_checked(&cells, self->wanted->schema->count, sizeof *cells, "rows", err);
    if (status == PEAL_OK) status = row__writer_init(&writer, self->wanted, &plain, self->block, err);
    for (size_t row = 0; row < self->rows && status == PEAL_OK; row++) {
        status = put_row(self, &writer, row, cells, err);
    }
    row__writer_clear(&writer);
    free(cells);
    return status;
}

/* ---- the block ---- */

static peal_status fill(part_parser *self, peal_error *err) {
    bool fits;
    PEAL_TRY(peal_block_reserve(self->block, self->wanted, self->rows, err));
    hash_rows(self);
    PEAL_TRY(fill_columns(self, &fits, err));
    return fits ? PEAL_OK : put_rows(self, err);
}

peal_status ipc__fill_block(const peal_wanted *wanted, const ipc__array *arrays, size_t rows, peal_block *block,
                            peal_error *err) {
    part_parser self = {.wanted = wanted, .block = block, .arrays = arrays, .rows = rows};
    const peal_status status = fill(&self, err);
    free(self.map);
    return status;
}

void ipc__arrays_free(ipc__array *arrays, size_t count) {
    for (size_t i = 0; arrays && i < count; i++) ipc__array_clear(&arrays[i]);
    free(arrays);
}

/* ---- a part's arrays ---- */

static peal_status open_arrays(const ipc__reader *reader, const peal_block *block, ipc__array *arrays,
                               peal_error *err) {
    const peal_schema *schema = reader->wanted->schema;
    const ipc__part *part = (const ipc__part *)(const void *)block->text;
    for (size_t i = 0; i < schema->count; i++) {
        const char *wrong = NULL;
        if (schema->fields[i].skip) continue;
        if (ipc__array_open(&reader->schema, part, ipc__part_slices(part) + i, block->text, &arrays[i], &wrong) ==
            PEAL_OK) {
            continue;
        }
        return peal_fail(err, PEAL_E_DATA, "%s: the record batch at byte %llu: column '%s': %s", reader->name,
                         (unsigned long long)part->batch_at, schema->fields[i].name, wrong);
    }
    return PEAL_OK;
}

peal_status ipc__parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const ipc__reader *reader = (const ipc__reader *)base;
    const ipc__part *part = (const ipc__part *)(const void *)block->text;
    const size_t count = reader->wanted->schema->count;
    ipc__array *arrays = NULL;
    peal_status status = peal_alloc_checked(&arrays, count, sizeof *arrays, "a block", err);
    if (status == PEAL_OK) status = open_arrays(reader, block, arrays, err);
    if (status == PEAL_OK) status = ipc__fill_block(reader->wanted, arrays, (size_t)part->rows, block, err);
    ipc__arrays_free(arrays, count);
    ipc__edition_release(reader->dictionaries, part->edition);
    return status;
}
