/* The table of formats, and what all of them share: raw schemas and blocks; see format.h. */
#include "etl/format/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/spelling.h"

const peal_format *const peal_formats[] = {&peal_format_csv, &peal_format_tsv, &peal_format_idx, NULL};

peal_status peal_format_find(const char *name, const peal_format **out, peal_error *err) {
    const char *names[sizeof peal_formats / sizeof *peal_formats];
    size_t count = 0;
    for (; peal_formats[count]; count++) {
        names[count] = peal_formats[count]->name;
        if (strcmp(name, names[count]) == 0) {
            *out = peal_formats[count];
            return PEAL_OK;
        }
    }
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "no format is called '%s'%s", name,
                     peal_did_you_mean(name, names, count, hint));
}

bool peal_format_is_null(const peal_format_options *options, const char *text, size_t length) {
    if (length == 0) return true;
    for (size_t i = 0; i < options->null_count; i++) {
        if (strlen(options->nulls[i]) == length && memcmp(options->nulls[i], text, length) == 0) return true;
    }
    return false;
}

/* ---- schema ---- */

void peal_raw_schema_clear(peal_raw_schema *schema) {
    for (size_t i = 0; i < schema->count; i++) free(schema->fields[i].name);
    free(schema->fields);
    peal_dictionary_clear(&schema->names);
    *schema = (peal_raw_schema){0};
}

size_t peal_raw_schema_find(const peal_raw_schema *schema, const char *name, size_t name_length) {
    int64_t code = peal_dictionary_find(&schema->names, name, name_length);
    return code < 0 ? SIZE_MAX : (size_t)code;
}

static peal_status fields_grow(peal_raw_schema *schema, peal_error *err) {
    if (schema->count < schema->capacity) return PEAL_OK;
    size_t capacity = schema->capacity * 2 + 16;
    peal_raw_field *fields = realloc(schema->fields, capacity * sizeof *fields);
    if (!fields) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields = fields;
    schema->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_raw_schema_add(peal_raw_schema *schema, const char *name, size_t name_length, peal_raw_kind kind,
                                uint32_t width, peal_error *err) {
    uint32_t code;
    PEAL_TRY(fields_grow(schema, err));
    PEAL_TRY(peal_dictionary_put(&schema->names, name, name_length, &code, err));
    if (code < schema->count) {
        return peal_fail(err, PEAL_E_DATA, "two columns are called '%s'", schema->fields[code].name);
    }
    char *copy = peal_strndup(name, name_length);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields[schema->count++] = (peal_raw_field){.name = copy, .kind = kind, .width = width};
    return PEAL_OK;
}

/* ---- blocks ---- */

peal_status peal_block_init(peal_block *block, const peal_raw_schema *schema, peal_error *err) {
    *block = (peal_block){.field_count = schema->count};
    size_t count = schema->count;
    PEAL_TRY(peal_alloc_checked(&block->numbers, count, sizeof *block->numbers, "a block", err));
    PEAL_TRY(peal_alloc_checked(&block->codes, count, sizeof *block->codes, "a block", err));
    PEAL_TRY(peal_alloc_checked(&block->bytes, count, sizeof *block->bytes, "a block", err));
    return peal_alloc_checked(&block->dictionaries, count, sizeof *block->dictionaries, "a block", err);
}

static void block_free_columns(peal_block *block) {
    for (size_t i = 0; i < block->field_count; i++) {
        if (block->numbers) free(block->numbers[i]);
        if (block->codes) free(block->codes[i]);
        if (block->bytes) free(block->bytes[i]);
        if (block->numbers) block->numbers[i] = NULL;
        if (block->codes) block->codes[i] = NULL;
        if (block->bytes) block->bytes[i] = NULL;
    }
    free(block->hashes);
    block->hashes = NULL;
    block->row_capacity = 0;
}

void peal_block_clear(peal_block *block) {
    block_free_columns(block);
    for (size_t i = 0; block->dictionaries && i < block->field_count; i++) {
        peal_dictionary_clear(&block->dictionaries[i]);
    }
    peal_block_forget_bad_rows(block);
    free(block->bad_rows);
    free(block->numbers);
    free(block->codes);
    free(block->bytes);
    free(block->dictionaries);
    free(block->text);
    free(block->marks);
    *block = (peal_block){0};
}

peal_status peal_block_reserve(peal_block *block, const peal_raw_schema *schema, size_t rows, peal_error *err) {
    if (rows <= block->row_capacity) return PEAL_OK;
    rows += rows / 8; /* the next block may have a few more */
    block_free_columns(block);
    for (size_t i = 0; i < schema->count; i++) {
        const peal_raw_field *field = &schema->fields[i];
        if (field->skip) continue;
        if (field->kind == PEAL_RAW_NUMBER) {
            PEAL_TRY(peal_alloc_checked(&block->numbers[i], rows, sizeof(double), "a column", err));
        } else if (field->kind == PEAL_RAW_TEXT) {
            PEAL_TRY(peal_alloc_checked(&block->codes[i], rows, sizeof(int32_t), "a column", err));
        } else {
            PEAL_TRY(peal_alloc_checked(&block->bytes[i], rows, field->width, "a column", err));
        }
    }
    PEAL_TRY(peal_alloc_checked(&block->hashes, rows, sizeof *block->hashes, "a block", err));
    block->row_capacity = rows;
    return PEAL_OK;
}

void peal_block_reset_dictionaries(peal_block *block) {
    for (size_t i = 0; i < block->field_count; i++) peal_dictionary_reset(&block->dictionaries[i]);
}

void peal_block_forget_bad_rows(peal_block *block) {
    for (size_t i = 0; i < block->bad_count; i++) {
        free(block->bad_rows[i].reason);
        free(block->bad_rows[i].text);
    }
    block->bad_count = 0;
}

peal_status peal_block_add_bad_row(peal_block *block, uint64_t line, const char *text, size_t size, peal_error *err,
                                   const char *reason, ...) {
    enum { LONGEST_RAW = 400 };
    peal_bad_row *rows = realloc(block->bad_rows, (block->bad_count + 1) * sizeof *rows);
    if (!rows) return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    block->bad_rows = rows;
    peal_bad_row row = {.line = line, .text = peal_strndup(text, size < LONGEST_RAW ? size : LONGEST_RAW)};
    va_list args;
    va_start(args, reason);
    if (vasprintf(&row.reason, reason, args) < 0) row.reason = NULL;
    va_end(args);
    if (!row.text || !row.reason) {
        free(row.text);
        free(row.reason);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    }
    rows[block->bad_count++] = row;
    return PEAL_OK;
}
