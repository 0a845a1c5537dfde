/* What the tests of text formats share: a text is surveyed, opened and read in blocks, and all its cells are there as
 * texts. */
#ifndef PEAL_TESTS_ETL_READING_H
#define PEAL_TESTS_ETL_READING_H

#include "etl/format/format.h"
#include "tests/support.h"

typedef struct reading {
    const char *format;  /* NULL: csv */
    const char *options; /* JSON, or NULL */
    const char *label;   /* column, or NULL */
    size_t block_size;   /* 0: the default */
    peal_schema schema;  /* as it was surveyed */
    char ***cells;       /* [rows][fields] as text */
    size_t rows, bad;
    uint64_t bad_line;
    char bad_reason[256];
    char notes[1024]; /* all that was said */
} reading;

static inline void reading_note(void *user, const peal_event *event) {
    reading *self = user;
    const size_t used = strlen(self->notes);
    snprintf(self->notes + used, sizeof self->notes - used, "%s\n", event->text);
}

static inline void reading_take_block(reading *self, const peal_block *block) {
    const peal_table_room *table = &block->table;
    self->cells = realloc(self->cells, (self->rows + table->rows + 1) * sizeof *self->cells);
    for (size_t row = 0; row < table->rows; row++) {
        char **cells = self->cells[self->rows++] = calloc(self->schema.count, sizeof *cells);
        for (size_t i = 0; i < self->schema.count; i++) {
            const int32_t *codes = table->columns[i].values;
            const peal_text cell = peal_dictionary_text(&table->dictionaries[i], (uint32_t)codes[row]);
            cells[i] = peal_strndup(cell.data, cell.length);
        }
    }
    if (block->bad_count && self->bad == 0) {
        self->bad_line = block->bad_rows[0].line;
        snprintf(self->bad_reason, sizeof self->bad_reason, "%s", block->bad_rows[0].reason);
    }
    self->bad += block->bad_count;
}

static inline peal_status reading_take(reading *self, peal_reader *reader, const peal_schema *texts, peal_error *err) {
    peal_block block;
    peal_status status = peal_block_init(&block, texts, err);
    while (status == PEAL_OK) {
        status = reader->next(reader, &block, err);
        if (status != PEAL_OK || block.size == 0) break;
        peal_table_room_reset_dictionaries(&block.table);
        status = reader->parse(reader, &block, err);
        if (status != PEAL_OK) break;
        reading_take_block(self, &block);
        peal_block_forget_bad_rows(&block);
    }
    peal_block_clear(&block);
    return status;
}

/* Surveys the text: its columns stand in `schema`. */
static inline peal_status reading_survey(reading *self, const char *text, size_t size, peal_error *err) {
    const peal_reporter reporter = {.handle = reading_note, .user = self};
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls, .label = self->label, .reporter = &reporter};
    json_t *options = self->options ? json_loads(self->options, 0, NULL) : NULL;
    const peal_format *format;
    peal_found found = {0};
    peal_input input = {.name = "t.csv"};
    assert_int_equal(self->options != NULL, options != NULL);
    assert_int_equal(peal_format_find(self->format ? self->format : "csv", &format, err), PEAL_OK);
    peal_status status = peal_format_check_options(format, options, err);
    if (status == PEAL_OK) status = peal_memory_stream_open(text, size, &input.stream, err);
    if (status == PEAL_OK) status = format->survey(options, &what, &input, &found, err);
    if (status == PEAL_OK) status = peal_schema_copy(&found.schema, &self->schema, err);
    peal_found_clear(&found);
    json_decref(options);
    return status;
}

/* Reads the text as one with the columns of `schema`, every field taken as text. */
static inline peal_status reading_read(reading *self, const char *text, size_t size, peal_error *err) {
    const peal_reporter reporter = {.handle = reading_note, .user = self};
    const peal_nulls nulls = {0};
    json_t *options = self->options ? json_loads(self->options, 0, NULL) : NULL;
    const peal_format *format;
    peal_schema texts;
    peal_reader *reader = NULL;
    peal_input input = {.name = "t.csv"};
    assert_int_equal(peal_format_find(self->format ? self->format : "csv", &format, err), PEAL_OK);
    assert_int_equal(peal_schema_copy(&self->schema, &texts, err), PEAL_OK);
    for (size_t i = 0; i < texts.count; i++) {
        texts.fields[i].type = PEAL_TYPE_DICTIONARY;
        texts.fields[i].settled = true;
    }
    const size_t label = self->label ? peal_schema_find(&texts, self->label, strlen(self->label)) : SIZE_MAX;
    const peal_wanted wanted = {
        .schema = &texts, .nulls = &nulls, .label = label, .block_size = self->block_size, .reporter = &reporter};
    peal_status status = peal_memory_stream_open(text, size, &input.stream, err);
    if (status == PEAL_OK) status = format->open(options, &wanted, &input, &reader, err);
    if (status == PEAL_OK) status = reading_take(self, reader, &texts, err);
    peal_reader_close(reader);
    peal_schema_clear(&texts);
    json_decref(options);
    return status;
}

static inline peal_status reading_all(reading *self, const char *text, size_t size, peal_error *err) {
    PEAL_TRY(reading_survey(self, text, size, err));
    return reading_read(self, text, size, err);
}

static inline void reading_clear(reading *self) {
    for (size_t row = 0; row < self->rows; row++) {
        for (size_t i = 0; i < self->schema.count; i++) free(self->cells[row][i]);
        free(self->cells[row]);
    }
    free(self->cells);
    peal_schema_clear(&self->schema);
}

#endif
