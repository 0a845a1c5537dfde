/* The seldom cases of a row: values that do not fit, votes, types other than numbers and texts; see row.h. */
#include "etl/format/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/base/utf8.h"

/* ---- the writer ---- */

static row__how how_of(const peal_field *field) {
    if (field->skip) return ROW_SKIP;
    if (field->type == PEAL_TYPE_FLOAT64) return field->bound ? ROW_OTHER : ROW_NUMBER;
    if (field->encode) return ROW_CODE;
    return peal_types[field->type].has_vocabulary ? ROW_CATEGORY : ROW_OTHER;
}

static void aim(row__writer *writer, size_t index) {
    const peal_wanted *wanted = writer->wanted;
    const peal_field *field = &wanted->schema->fields[index];
    peal_table_room *table = &writer->block->table;
    const row__how how = how_of(field);
    const bool required = field->required || (index == wanted->label && wanted->label_required);
    writer->targets[index] = (row__target){
        .how = how,
        .required = required,
        .checked = required || field->numeric,
        .numbers = field->type == PEAL_TYPE_FLOAT64 && !field->skip ? table->columns[index].values : NULL,
        .codes = how == ROW_CATEGORY || how == ROW_CODE ? table->columns[index].values : NULL,
        .dictionary = &table->dictionaries[index],
        .votes = field->settled ? &writer->ignored : &writer->block->votes[index],
        .field = field,
        .index = (uint32_t)index,
    };
}

peal_status row__writer_init(row__writer *writer, const peal_wanted *wanted, const peal_spelling *spelling,
                             peal_block *block, peal_error *err) {
    const size_t count = wanted->schema->count;
    *writer = (row__writer){
        .null_numbers = wanted->nulls->number_count > 0, .wanted = wanted, .spelling = spelling, .block = block};
    PEAL_TRY(peal_zeroed_checked(&writer->targets, count, sizeof *writer->targets, "a block", err));
    for (size_t i = 0; i < count; i++) {
        aim(writer, i);
        writer->pending_capacity += writer->targets[i].how == ROW_CATEGORY;
    }
    return peal_zeroed_checked(&writer->pending, writer->pending_capacity, sizeof *writer->pending, "a block", err);
}

void row__writer_clear(row__writer *writer) {
    free(writer->targets);
    free(writer->pending);
    *writer = (row__writer){0};
}

/* A record may hold a column more than once (JSON keys that stand twice are bad, but that is known at its end only). */
peal_status row__grow_pending(row__writer *writer) {
    const size_t capacity = writer->pending_capacity * 2 + 16;
    row__pending *longer = realloc(writer->pending, capacity * sizeof *longer);
    if (!longer) {
        if (writer->status == PEAL_OK) writer->status = peal_fail(&writer->error, PEAL_E_MEMORY, "no memory for a row");
        return PEAL_E_MEMORY;
    }
    writer->pending = longer;
    writer->pending_capacity = capacity;
    return PEAL_OK;
}

/* ---- what makes a row bad ---- */

static void set_why(row__writer *writer, const char *reason, va_list args) {
    vsnprintf(writer->why, sizeof writer->why, reason, args);
}

void row__fail(row__writer *writer, const char *reason, ...) {
    if (writer->bad) return;
    va_list args;
    va_start(args, reason);
    set_why(writer, reason, args);
    va_end(args);
    writer->bad = true;
    writer->bad_column = PEAL_NO_COLUMN; /* it is bad whatever that column's type is */
}

/* A value that the column's type does not take. If the type is not settled the other cells still vote. */
static void misfit(row__writer *writer, const row__target *target, const char *text, size_t length, const char *what) {
    enum { SHOWN = 60 };
    if (writer->bad || writer->bad_column != PEAL_NO_COLUMN) return;
    const char *name = target->field->name;
    const char *hint = target->field->type == PEAL_TYPE_FLOAT64 ? peal_spelling_hint(text, length) : NULL;
    char shown[SHOWN + PEAL_TEXT_CUT_EXTRA], whole[SHOWN * 2];
    snprintf(whole, sizeof whole, "%.*s", (int)(length < SHOWN + 8 ? length : SHOWN + 8), text);
    peal_text_cut(whole, SHOWN, shown);
    if (hint) {
        snprintf(writer->why, sizeof writer->why, "column '%s': '%s' is not %s (%s reads it)", name, shown, what, hint);
    } else {
        snprintf(writer->why, sizeof writer->why, "column '%s': '%s' is not %s", name, shown, what);
    }
    writer->bad = target->field->settled;
    writer->bad_column = target->index;
}

/* The label, or another value that every row must have: only texts of a label can be kept by another type. */
static void missing_required(row__writer *writer, const row__target *target, const char *text, size_t length) {
    const char *name = target->field->name;
    const bool is_label = target->index == writer->wanted->label;
    const char *what = is_label ? "label" : "query";
    if (length == 0) {
        row__fail(writer, "the %s '%s' is missing (on-bad-row drop leaves such rows out)", what, name);
    } else if (!is_label) {
        row__fail(writer, "the %s '%s' is missing: '%.*s' (on-bad-row drop leaves such rows out)", what, name,
                  (int)(length < 40 ? length : 40), text);
    } else {
        row__fail(writer,
                  "the label '%s' is missing: '%.*s' (on-bad-row drop leaves such rows out, type %s=text keeps "
                  "it)",
                  name, (int)(length < 40 ? length : 40), text, name);
    }
}

/* ---- votes ---- */

static void count_missing(peal_votes *votes, const char *text, size_t length) {
    if (votes->missing++ == 0) snprintf(votes->spelling, sizeof votes->spelling, "%.*s", (int)length, text);
}

static void count_other(peal_votes *votes, uint64_t line, const char *text, size_t length) {
    if (votes->others++ != 0) return;
    char whole[64];
    snprintf(whole, sizeof whole, "%.*s", (int)(length < 60 ? length : 60), text);
    peal_text_cut(whole, sizeof votes->other - PEAL_TEXT_CUT_EXTRA, votes->other);
    votes->other_line = line;
}

/* The texts of a row that is bad for the sake of another column's type: they are in no vocabulary, but they vote. */
static void count_texts(row__writer *writer) {
    for (size_t i = 0; i < writer->pending_count; i++) {
        const row__pending *one = &writer->pending[i];
        double number;
        switch (peal_cell_number(writer->wanted->nulls, writer->spelling, one->key.text, one->key.length, &number)) {
        case PEAL_CELL_NUMBER:
            one->target->votes->numbers++;
            break;
        case PEAL_CELL_MISSING:
            break;
        case PEAL_CELL_USUAL:
            count_missing(one->target->votes, one->key.text, one->key.length);
            break;
        case PEAL_CELL_OTHER:
            count_other(one->target->votes, writer->line, one->key.text, one->key.length);
            one->target->votes->bools += peal_cell_is_true_or_false(one->key.text, one->key.length);
        }
    }
}

/* ---- cells ---- */

void row__number_slow(row__writer *writer, const row__target *target, const char *text, size_t length) {
    double *number = &target->numbers[writer->row];
    switch (peal_cell_number(writer->wanted->nulls, writer->spelling, text, length, number)) {
    case PEAL_CELL_NUMBER:
        target->votes->numbers++;
        return;
    case PEAL_CELL_USUAL:
        count_missing(target->votes, text, length);
        break;
    case PEAL_CELL_MISSING:
        break;
    case PEAL_CELL_OTHER:
        count_other(target->votes, writer->line, text, length);
        misfit(writer, target, text, length, "a number");
        return;
    }
    if (!target->required) return;
    if (length > 0 && !target->field->settled && !peal_nulls_hold(writer->wanted->nulls, text, length)) {
        /* A dash may be a class, if others are. */
        if (writer->bad_column == PEAL_NO_COLUMN && !writer->bad) {
            writer->bad_column = target->index;
            snprintf(writer->why, sizeof writer->why,
                     "the label '%s' is missing: '%.*s' (on-bad-row drop leaves such rows "
                     "out)",
                     target->field->name, (int)length, text);
        }
        return;
    }
    missing_required(writer, target, text, length);
}

void row__check_text(row__writer *writer, const row__target *target, const char *text, size_t length) {
    const size_t bad = peal_utf8_error(text, length);
    if (bad < length) {
        row__fail(writer,
                  "column '%s': byte 0x%02x of its text is not UTF-8 (encoding names another: latin1, windows-1252...)",
                  target->field->name, (unsigned char)text[bad]);
        return;
    }
    if (!target->checked) return;
    const bool usual = !writer->wanted->label_as_text && peal_cell_is_usual(text, length, true);
    if (target->required && (usual || peal_nulls_hold(writer->wanted->nulls, text, length))) {
        missing_required(writer, target, text, length);
        return;
    }
    double number;
    if (target->field->numeric &&
        peal_cell_number(writer->wanted->nulls, writer->spelling, text, length, &number) != PEAL_CELL_NUMBER) {
        misfit(writer, target, text, length, "a number");
    }
}

/* A text that becomes a code at once. */
void row__code(row__writer *writer, const row__target *target, const char *text, size_t length) {
    int32_t *code = &target->codes[writer->row];
    *code = -1;
    if (peal_nulls_hold(writer->wanted->nulls, text, length)) return;
    if (peal_utf8_error(text, length) < length) {
        row__check_text(writer, target, text, length);
        return;
    }
    *code = target->field->encode(target->field->encoder, (peal_text){text, (uint32_t)length});
}

/* What is missing, or no number, is NaN, and beyond no bound. */
static void check_bound(row__writer *writer, const row__target *target, const char *text, size_t length) {
    enum { SHOWN = 40 };
    const peal_bound *bound = target->field->bound;
    if (!peal_bound_excludes(bound, target->numbers[writer->row])) return;
    row__fail(writer, "column '%s': '%.*s': %s (on-bad-row drop leaves such rows out)", target->field->name,
              (int)(length < SHOWN ? length : SHOWN), text, bound->text);
}

/* Types, and columns of numbers, that come seldom. A value of a fixed size is written in place; what is missing has no
 * validity bit. */
void row__other(row__writer *writer, const row__target *target, const char *text, size_t length) {
    peal_table_room *table = &writer->block->table;
    peal_column_room *column = &table->columns[target->index];
    const peal_nulls *nulls = writer->wanted->nulls;
    peal_error *err = &writer->error;
    peal_status status = PEAL_OK;
    double number;
    if (column->type == PEAL_TYPE_FLOAT64) {
        row__number_slow(writer, target, text, length);
        check_bound(writer, target, text, length);
        return;
    }
    if (peal_types[column->type].has_offsets && !peal_types[column->type].has_child) {
        const size_t bad = column->type == PEAL_TYPE_UTF8 ? peal_utf8_error(text, length) : length;
        if (bad < length) {
            row__check_text(writer, target, text, length);
            return;
        }
        const bool missing = peal_nulls_hold(nulls, text, length);
        if (missing && target->required) {
            missing_required(writer, target, text, length);
            return;
        }
        status = peal_column_room_put_bytes(column, writer->row, text, missing ? 0 : length, err);
        if (status == PEAL_OK && missing) status = peal_column_room_set_missing(table, target->index, writer->row, err);
    } else if (column->type == PEAL_TYPE_BOOL) {
        const peal_cell cell = peal_cell_bool(nulls, text, length, &number);
        uint8_t *bits = (uint8_t *)column->values + writer->row / 8;
        const uint8_t mask = (uint8_t)(1u << (writer->row % 8));
        *bits = (uint8_t)((*bits & ~mask) | (number == 1 ? mask : 0));
        if (cell == PEAL_CELL_OTHER) {
            misfit(writer, target, text, length, "true or false");
        } else if (cell != PEAL_CELL_NUMBER) {
            status = peal_column_room_set_missing(table, target->index, writer->row, err);
        }
    } else if (column->type == PEAL_TYPE_INT64) {
        int64_t *values = column->values;
        values[writer->row] = 0;
        if (peal_nulls_hold(nulls, text, length) || peal_cell_is_usual(text, length, false)) {
            status = peal_column_room_set_missing(table, target->index, writer->row, err);
        } else if (!peal_cell_int64(text, length, &values[writer->row])) {
            misfit(writer, target, text, length, "a whole number of 64 bits");
        }
    } else if (column->type == PEAL_TYPE_TIMESTAMP) {
        misfit(writer, target, text, length, "a time");
    } else {
        misfit(writer, target, text, length, peal_types[column->type].name);
    }
    if (status != PEAL_OK && writer->status == PEAL_OK) writer->status = status;
}

/* ---- the row's end ---- */

/* The next row takes the place of a bad one, of which nothing may stay. */
static void give_row_up(row__writer *writer) {
    peal_table_room *table = &writer->block->table;
    for (size_t i = 0; i < table->schema->count; i++) {
        peal_column_room_forget_missing(&table->columns[i], writer->row);
    }
}

peal_status row__end_bad(row__writer *writer, const char *record, size_t size, peal_error *err) {
    if (writer->status != PEAL_OK) {
        if (err) *err = writer->error;
        return writer->status;
    }
    if (!writer->bad) count_texts(writer);
    give_row_up(writer);
    peal_block *block = writer->block;
    PEAL_TRY(peal_block_add_bad_row(block, writer->line, writer->bad_column, record, size, err, "%s", writer->why));
    if (writer->wanted->tell_ends) block->bad_rows[block->bad_count - 1].end = (size_t)(record + size - block->text);
    return PEAL_OK;
}
