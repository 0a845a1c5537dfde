/* The common case of CSV, column by column. What makes a row bad, or is seldom, is left to the row writer: first it
 * sees all cells that could be bad, and the tile is given up if one is; then texts are looked up. See csv_tile.h. */
#include "etl/format/csv_tile.h"

#include <string.h>

enum {
    TILE_ROWS = 256,       /* texts that wait for memory at the same time */
    TILE_CELLS = 256 * 64, /* of a wide table fewer rows, so that their text stays in the second-level cache */
    TILE_LEAST = 16,
};

size_t csv__tile_rows(const csv__reader *reader, size_t marks_left) {
    const size_t columns = reader->column_count;
    if (columns == 0) return 0; /* there was no record */
    size_t rows = marks_left / columns;
    if (rows > TILE_CELLS / columns) rows = TILE_CELLS / columns;
    if (rows > TILE_ROWS) rows = TILE_ROWS;
    return rows < TILE_LEAST ? 0 : rows;
}

/* ---- rows ---- */

static size_t tile_end(const csv__tile *tile) {
    return tile->marks[tile->rows * tile->reader->column_count - 1];
}

/* The row as it stands in the text, without its end. */
static peal_text record_of(const csv__tile *tile, size_t row) {
    const char *text = tile->writer->block->text;
    const uint32_t *marks = tile->marks + row * tile->reader->column_count;
    const size_t begin = row ? marks[-1] + (size_t)1 : tile->begin;
    size_t end = marks[tile->reader->column_count - 1];
    if (end > begin && text[end - 1] == '\r') end--;
    return (peal_text){text + begin, (uint32_t)(end - begin)};
}

/* Whether each row has all fields: there are as many line ends as rows, and they stand where the rows should end. A CR
 * elsewhere may end a row of one column, which the row parser looks into. */
static bool is_regular(const csv__tile *tile) {
    const char *text = tile->writer->block->text;
    const size_t columns = tile->reader->column_count;
    for (size_t row = 0; row < tile->rows; row++) {
        if (text[tile->marks[(row + 1) * columns - 1]] != '\n') return false;
        const peal_text record = record_of(tile, row);
        if (csv__is_header_again(tile->reader, record.data, record.length) ||
            csv__is_header_reordered(tile->reader, record.data, record.length)) {
            return false;
        }
        if (columns == 1 && memchr(record.data, '\r', record.length)) return false;
    }
    return peal_count_newlines(text + tile->begin, tile_end(tile) + 1 - tile->begin) == tile->rows;
}

/* ---- cells ---- */

/* The texts of one of the file's columns. */
static void split_column(const csv__tile *tile, size_t column, peal_text texts[TILE_ROWS]) {
    const char *text = tile->writer->block->text;
    const size_t columns = tile->reader->column_count;
    const uint32_t *marks = tile->marks + column;
    size_t begin = tile->begin;
    for (size_t row = 0; row < tile->rows; row++, marks += columns) {
        if (row + column) begin = marks[-1] + (size_t)1;
        texts[row] = (peal_text){text + begin, (uint32_t)(*marks - begin)};
    }
    if (column + 1 < columns) return;
    for (size_t row = 0; row < tile->rows; row++) {
        texts[row].length -= texts[row].length && texts[row].data[texts[row].length - 1] == '\r';
    }
}

static void parse_numbers(row__writer *writer, const row__target *target, const peal_text *texts, size_t count) {
    const size_t first = writer->row;
    double *numbers = target->numbers + first;
    uint64_t votes = 0;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].length == 0 && !target->required) {
            numbers[i] = (double)NAN;
        } else if (!writer->null_numbers && row__small_integer(texts[i].data, texts[i].length, &numbers[i])) {
            votes++;
        } else {
            writer->row = first + i;
            row__number_slow(writer, target, texts[i].data, texts[i].length);
        }
    }
    target->votes->numbers += votes;
}

static void parse_codes(row__writer *writer, const row__target *target, const peal_text *texts, size_t count,
                        bool is_ascii) {
    const size_t first = writer->row;
    const peal_field *field = target->field;
    const bool plain = is_ascii && writer->wanted->nulls->count == 0;
    for (size_t i = 0; i < count; i++) {
        if (plain) {
            target->codes[first + i] = texts[i].length ? field->encode(field->encoder, texts[i]) : -1;
        } else {
            writer->row = first + i;
            row__code(writer, target, texts[i].data, texts[i].length);
        }
    }
}

/* Makes values of cells that are no texts to look up, and looks for what makes a text bad. */
static void parse_column(row__writer *writer, const row__target *target, const peal_text *texts, size_t count,
                         bool is_ascii) {
    const size_t first = writer->row;
    if (target->how == ROW_NUMBER) {
        parse_numbers(writer, target, texts, count);
    } else if (target->how == ROW_CODE) {
        parse_codes(writer, target, texts, count, is_ascii);
    } else if (target->how == ROW_CATEGORY) {
        for (size_t i = 0; i < count; i++) row__check_text(writer, target, texts[i].data, texts[i].length);
    } else if (target->how == ROW_OTHER) {
        for (size_t i = 0; i < count; i++) {
            writer->row = first + i;
            row__other(writer, target, texts[i].data, texts[i].length);
        }
    }
    writer->row = first;
}

static peal_status intern_texts(const row__target *target, size_t first, const peal_text *texts, size_t count,
                                peal_error *err) {
    peal_text_key keys[TILE_ROWS];
    for (size_t i = 0; i < count; i++) {
        keys[i] = peal_dictionary_key(texts[i].data, texts[i].length);
        peal_dictionary_prefetch(target->dictionary, &keys[i]);
    }
    return peal_dictionary_intern_keys(target->dictionary, keys, count, target->codes + first, err);
}

/* ---- the tile ---- */

static bool is_bad(const row__writer *writer) {
    return writer->bad || writer->bad_column != PEAL_NO_COLUMN || writer->status != PEAL_OK;
}

/* The file's columns, and behind them those that it lacks. */
static size_t column_count(const csv__tile *tile) {
    return tile->reader->column_count + tile->reader->absent_count;
}

/* What becomes of a column; NULL: nothing. */
static const row__target *target_of(const csv__tile *tile, size_t column) {
    const csv__reader *reader = tile->reader;
    const bool there = column < reader->column_count;
    const size_t index = there ? reader->columns[column] : reader->absent[column - reader->column_count];
    if (index == SIZE_MAX || tile->writer->targets[index].how == ROW_SKIP) return NULL;
    return &tile->writer->targets[index];
}

static void take_texts(const csv__tile *tile, size_t column, peal_text texts[TILE_ROWS]) {
    static const char nothing[8] = {0};
    if (column < tile->reader->column_count) {
        split_column(tile, column, texts);
    } else {
        for (size_t row = 0; row < tile->rows; row++) texts[row] = (peal_text){nothing, 0};
    }
}

static void parse_columns(const csv__tile *tile) {
    row__writer *writer = tile->writer;
    const bool is_ascii = csv__is_ascii(writer->block->text + tile->begin, tile_end(tile) - tile->begin);
    peal_text texts[TILE_ROWS];
    for (size_t i = 0; i < column_count(tile) && !is_bad(writer); i++) {
        const row__target *target = target_of(tile, i);
        if (!target || (target->how == ROW_CATEGORY && is_ascii && !target->checked)) continue;
        take_texts(tile, i, texts);
        parse_column(writer, target, texts, tile->rows, is_ascii);
    }
}

static peal_status look_up_texts(const csv__tile *tile, peal_error *err) {
    peal_text texts[TILE_ROWS];
    for (size_t i = 0; i < column_count(tile); i++) {
        const row__target *target = target_of(tile, i);
        if (!target || target->how != ROW_CATEGORY) continue;
        take_texts(tile, i, texts);
        PEAL_TRY(intern_texts(target, tile->writer->row, texts, tile->rows, err));
    }
    return PEAL_OK;
}

/* Nothing stays of what its cells have left. */
static void give_up(const csv__tile *tile) {
    row__writer *writer = tile->writer;
    peal_table_room *table = &writer->block->table;
    memcpy(writer->block->votes, tile->votes, table->schema->count * sizeof *tile->votes);
    for (size_t i = 0; i < table->schema->count; i++) {
        for (size_t row = 0; row < tile->rows; row++) {
            peal_column_room_forget_missing(&table->columns[i], writer->row + row);
        }
    }
}

peal_status csv__parse_tile(const csv__tile *tile, bool *done, peal_error *err) {
    row__writer *writer = tile->writer;
    peal_block *block = writer->block;
    *done = false;
    if (!is_regular(tile)) return PEAL_OK;
    memcpy(tile->votes, block->votes, writer->wanted->schema->count * sizeof *tile->votes);
    row__begin(writer, tile->begin);
    parse_columns(tile);
    if (is_bad(writer)) {
        give_up(tile);
        if (writer->status != PEAL_OK && err) *err = writer->error;
        return writer->status;
    }
    PEAL_TRY(look_up_texts(tile, err));
    for (size_t row = 0; writer->wanted->hash_rows && row < tile->rows; row++) {
        const peal_text record = record_of(tile, row);
        block->hashes[writer->row + row] = peal_hash(record.data, record.length, 0);
    }
    for (size_t row = 0; writer->wanted->tell_ends && row < tile->rows; row++) {
        const peal_text record = record_of(tile, row);
        block->ends[writer->row + row] = (uint32_t)(record.data + record.length - block->text);
    }
    block->table.rows += tile->rows;
    *done = true;
    return PEAL_OK;
}
