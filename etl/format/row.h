/* A row on its way into a block: the one place where the cells of text formats become values, are counted for the
 * decision about types, and make a row bad.
 *
 *   row_begin, then row_cell for each column that the record has, then row_end
 *
 * A record's texts wait, with their dictionary slots on the way into the cache, until the whole record is known to be
 * good. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_ROW_H
#define PEAL_ETL_FORMAT_ROW_H

#include <math.h>

#include "core/base/digest.h"
#include "etl/format/format.h"

typedef enum row__how { ROW_SKIP, ROW_NUMBER, ROW_CATEGORY, ROW_CODE, ROW_OTHER } row__how;

/* What becomes of the cells of one column; made once a block so that the loop looks nothing up. */
typedef struct row__target {
    row__how how;
    bool required; /* a missing value makes the row bad */
    bool checked;  /* a text that must be looked at before it is taken: of a label, or that must be a number */
    double *numbers;
    int32_t *codes;
    peal_dictionary *dictionary;
    peal_votes *votes;
    const peal_field *field;
    uint32_t index; /* of the field */
} row__target;

typedef struct row__pending {
    peal_text_key key;
    const row__target *target;
} row__pending;

enum { ROW_WHY_SIZE = 320 };

typedef struct row__writer {
    const peal_wanted *wanted;
    const peal_spelling *spelling;
    peal_block *block;
    row__target *targets;  /* [fields] */
    row__pending *pending; /* [pending_capacity] */
    size_t pending_count, pending_capacity;
    peal_votes ignored; /* the votes of all columns that are settled */
    bool null_numbers;  /* some number spells a missing value */
    size_t row;         /* that is being made */
    int64_t bad_column; /* the first whose type a value does not fit; else PEAL_NO_COLUMN */
    bool bad;           /* the row is bad whatever the types are */
    uint64_t line;      /* of the record */
    char why[ROW_WHY_SIZE];
    peal_status status; /* of what failed for the machine's sake; told at row_end */
    peal_error error;
} row__writer;

/* The block's room must be reserved. `spelling` is borrowed. */
peal_status row__writer_init(row__writer *writer, const peal_wanted *wanted, const peal_spelling *spelling,
                             peal_block *block, peal_error *err);
void row__writer_clear(row__writer *writer);

static inline void row__begin(row__writer *writer, uint64_t line) {
    writer->row = writer->block->table.rows;
    writer->pending_count = 0;
    writer->bad_column = PEAL_NO_COLUMN;
    writer->bad = false;
    writer->line = line;
}

/* Makes the row bad for a reason of the format's own: it has no vote and no more cells need to come. */
void row__fail(row__writer *writer, const char *reason, ...) __attribute__((format(printf, 2, 3)));

/* The rest of row__cell. */
void row__number_slow(row__writer *writer, const row__target *target, const char *text, size_t length);
void row__code(row__writer *writer, const row__target *target, const char *text, size_t length);
void row__other(row__writer *writer, const row__target *target, const char *text, size_t length);
void row__check_text(row__writer *writer, const row__target *target, const char *text, size_t length);
peal_status row__grow_pending(row__writer *writer);

/* Up to eight digits as a number, all at once; false if there is something else among them. `word` begins with them.
 * Digits are moved to the word's end, as if zeros stood in front, and then added up in pairs, fours and eights. */
static inline bool row__eight_digits(uint64_t word, size_t digits, uint64_t *out) {
    const unsigned shift = (unsigned)(64 - 8 * digits);
    const uint64_t values = word << shift ^ UINT64_C(0x3030303030303030) << shift;
    if ((values | (values + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080)) return false;
    const uint64_t pairs = (values * 10 + (values >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    const uint64_t fours = (pairs * 100 + (pairs >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    *out = (fours * 10000 + (fours >> 32)) & UINT32_MAX;
    return true;
}

/* A whole number of up to 15 digits, the most common cell; false leaves it to the general parser. */
static inline bool row__small_integer(const char *text, size_t length, double *out) {
    const bool negative = length > 0 && *text == '-';
    const size_t digits = length - negative;
    uint64_t value = 0;
    if (digits == 0 || digits > 15) return false;
    if (length <= 8) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        if (!row__eight_digits(word >> (negative ? 8 : 0), digits, &value)) return false;
    } else {
        for (const char *p = text + negative, *end = text + length; p < end; p++) {
            const unsigned digit = (unsigned)(unsigned char)*p - '0';
            if (digit > 9) return false;
            value = value * 10 + digit;
        }
    }
    *out = negative ? -(double)(int64_t)value : (double)(int64_t)value; /* -0 stays -0 */
    return true;
}

/* The column's value in this row. `text` must be readable for 8 bytes or to its length, whichever is more, and last
 * until row__end. */
static inline void row__cell(row__writer *writer, size_t column, const char *text, size_t length) {
    const row__target *target = &writer->targets[column];
    if (target->how == ROW_NUMBER) {
        double *number = &target->numbers[writer->row];
        if (length == 0 && !target->required) {
            *number = (double)NAN;
        } else if (!writer->null_numbers && row__small_integer(text, length, number)) {
            target->votes->numbers++;
        } else {
            row__number_slow(writer, target, text, length);
        }
    } else if (target->how == ROW_CATEGORY) {
        if (writer->pending_count == writer->pending_capacity && row__grow_pending(writer) != PEAL_OK) return;
        row__pending *waiting = &writer->pending[writer->pending_count++];
        waiting->key = peal_dictionary_key(text, (uint32_t)length);
        waiting->target = target;
        peal_dictionary_prefetch(target->dictionary, &waiting->key);
        /* The key of a short text is the text. */
        if (target->checked || length > 8 || (waiting->key.key & UINT64_C(0x8080808080808080))) {
            row__check_text(writer, target, text, length);
        }
    } else if (target->how == ROW_CODE) {
        row__code(writer, target, text, length);
    } else if (target->how == ROW_OTHER) {
        row__other(writer, target, text, length);
    }
}

/* The column is not in this record. */
static inline void row__missing(row__writer *writer, size_t column) {
    row__cell(writer, column, "\0\0\0\0\0\0\0", 0);
}

/* The rest of row__end. */
peal_status row__end_bad(row__writer *writer, const char *record, size_t size, peal_error *err);

/* The record is whole: the row counts, or is noted as bad with the record's text. */
static inline peal_status row__end(row__writer *writer, const char *record, size_t size, peal_error *err) {
    if (writer->bad || writer->bad_column != PEAL_NO_COLUMN || writer->status != PEAL_OK) {
        return row__end_bad(writer, record, size, err);
    }
    const size_t row = writer->row;
    for (size_t i = 0; i < writer->pending_count; i++) {
        const row__pending *one = &writer->pending[i];
        uint32_t code;
        PEAL_TRY(peal_dictionary_intern_key(one->target->dictionary, &one->key, &code, err));
        one->target->codes[row] = (int32_t)code;
    }
    if (writer->wanted->hash_rows) writer->block->hashes[row] = peal_hash(record, size, 0);
    if (writer->wanted->tell_ends) writer->block->ends[row] = (uint32_t)(record + size - writer->block->text);
    writer->block->table.rows++;
    return PEAL_OK;
}

#endif
