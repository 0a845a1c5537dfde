/* Cells: what a text from outside means as a value. Every format whose values are texts, the decision about types, and
 * the pipeline, which may learn late that a text is a number, ask here. */
#ifndef PEAL_ETL_FORMAT_CELL_H
#define PEAL_ETL_FORMAT_CELL_H

#include "etl/format/spelling.h"

/* The spellings of a missing value that the user named; the empty text always is one. */
typedef struct peal_nulls {
    char **texts;
    size_t count;
    double *numbers; /* [number_count] those that are numbers: any spelling of them is missing */
    size_t number_count;
} peal_nulls;

/* Copies the texts. */
peal_status peal_nulls_make(const char *const *texts, size_t count, peal_nulls *out, peal_error *err);
void peal_nulls_clear(peal_nulls *nulls);
/* True if the text is empty or one that was named, or spells a number that was. */
bool peal_nulls_hold(const peal_nulls *nulls, const char *text, size_t length);

typedef enum peal_cell { PEAL_CELL_NUMBER, PEAL_CELL_MISSING, PEAL_CELL_USUAL, PEAL_CELL_OTHER } peal_cell;

/* What the text is in a column of numbers: a number (in *out), missing by its emptiness or what the user named, missing
 * by a usual spelling (NA, N/A, nan, null, None, \N, -, ?, ., blanks and so on, in any case), or something else. *out
 * is NaN but for numbers. */
peal_cell peal_cell_number(const peal_nulls *nulls, const peal_spelling *spelling, const char *text, size_t length,
                           double *out);
/* The same of a column of booleans: true and false in any case, also yes, no, y, n, t, f, on, off, 1 and 0. */
peal_cell peal_cell_bool(const peal_nulls *nulls, const char *text, size_t length, double *out);
/* True if the text is true or false in any case. */
bool peal_cell_is_true_or_false(const char *text, size_t length);
/* True of the usual spellings of a missing value, up to 7 bytes long; `certain`: of those that are hardly ever a value
 * (no -, ?, ., none or blanks). */
bool peal_cell_is_usual(const char *text, size_t length, bool certain);
/* True if the text is one of `words`, which are in lower case, in any case of ASCII letters. */
bool peal_cell_is_one_of(const char *text, size_t length, const char *const *words, size_t count);
/* True of blanks and tabs alone, and of the empty text. */
bool peal_cell_is_blank(const char *text, size_t length);
/* A whole number of any length in the usual way as an int64; false if it is none or does not fit. */
bool peal_cell_int64(const char *text, size_t length, int64_t *out);

#endif
