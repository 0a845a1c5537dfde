/* Sparse text: what libsvm and vw have in common. A line is a record: a few cells (a label, an importance) and any
 * number of features, each an index and a value. A *grammar* says how a line is read; survey, blocks and columns are
 * the same for all.
 *
 *   lines -> grammar: a line becomes a record -> cells to the row writer, features to two LIST columns
 *
 * The columns `indices` (uint32) and `values` (float32) share their offsets, and a row's indices ascend. Both are
 * always there, also where all values are 1. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_SPARSE_H
#define PEAL_ETL_FORMAT_SPARSE_H

#include "etl/format/lines.h"
#include "etl/format/row.h"

enum { SPARSE_CELLS = 4, SPARSE_INDEX_MOST = INT32_MAX };

typedef struct sparse__text {
    const char *text; /* NULL: the record has none */
    size_t length;
} sparse__text;

/* One line, taken apart. Reused from line to line. */
typedef struct sparse__record {
    sparse__text cells[SPARSE_CELLS]; /* as the grammar lists them */
    uint32_t *indices;
    float *values;
    size_t count, capacity;
    bool ascending; /* each index is greater than the one before */
    bool bad;
    char why[ROW_WHY_SIZE];
    uint64_t *pairs; /* [2 * capacity] scratch of the sort */
} sparse__record;

typedef struct sparse__cell {
    const char *name;      /* of its column; NULL ends the list */
    const char *otherwise; /* the value where a record has none, with 8 readable bytes; NULL: it is missing */
    peal_type type;        /* FLOAT64 or DICTIONARY, if `settled` */
    const char *usual;     /* as in peal_field */
    bool settled;          /* the type is what the grammar says; else values tell */
    bool always;           /* the column is there even if no record of the sample has it */
} sparse__cell;

typedef struct sparse__grammar {
    sparse__cell cells[SPARSE_CELLS + 1]; /* the first one is the label */
    const char *option;                   /* the name of its one option, a count */
    uint32_t otherwise; /* what that is if neither it is given nor the field of the indices tells it: */
    size_t kept;        /* where in that peal_field it stands, a uint32_t; 0 there: not told */
    bool must_be_kept;  /* another value than the field's cannot be right: it would give other features */
    /* Takes a line, which has no end, apart. `out` is empty and has room for as many features as the line can hold.
     * False: the line is no record (it is blank, or a comment). A bad one has out->bad and out->why. */
    bool (*parse)(uint32_t option, const char *line, const char *end, sparse__record *out);
} sparse__grammar;

/* ---- for grammars ---- */

static inline bool sparse__is_blank(char c) {
    return c == ' ' || c == '\t';
}

static inline void sparse__add(sparse__record *record, uint32_t index, float value) {
    const size_t at = record->count++;
    record->ascending &= at == 0 || index > record->indices[at - 1];
    record->indices[at] = index;
    record->values[at] = value;
}

/* Makes the record bad: "'WORD': reason", where the word is what stands between `word` and the next blank. */
void sparse__fail(sparse__record *record, const char *word, const char *end, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));
/* Sorts the features by index; those of one index keep their order. */
void sparse__sort(sparse__record *record);

/* ---- looking at lines: for recognition ---- */

/* The lines of a beginning, one by one: those that are whole, or the only one up to its last blank. */
typedef struct sparse__look {
    const sparse__grammar *grammar;
    const char *at, *end;
    const char *line, *line_end; /* of the record */
    sparse__record record;
} sparse__look;
void sparse__look_begin(sparse__look *look, const sparse__grammar *grammar, const char *head, size_t size, bool whole);
/* The next record, good or bad; false at the end. */
bool sparse__look_next(sparse__look *look, uint32_t option);
void sparse__look_end(sparse__look *look);

/* ---- for formats: what peal_format wants, by a grammar ---- */

peal_status sparse__survey(const sparse__grammar *grammar, const json_t *options, const peal_survey *what,
                           const peal_input *input, peal_found *out, peal_error *err);
peal_status sparse__open(const sparse__grammar *grammar, const json_t *options, const peal_wanted *wanted,
                         const peal_input *input, peal_reader **out, peal_error *err);

#endif
