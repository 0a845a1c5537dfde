/* How numbers are written: the one reader of all ways, and what a column's texts say of theirs.
 *
 * People write $1,234.50 and 1.234,50 EUR, 12.5%, 180 cm, 565K and 9:05 PM, and "unknown" where there is no number. In
 * each of these ways a column's texts are numbers, if nearly all of them are in one and the same way. */
#ifndef PEAL_ETL_FORMAT_SPELLING_H
#define PEAL_ETL_FORMAT_SPELLING_H

#include "etl/format/measure.h"
#include "etl/table/schema.h"

/* False if the text is no number of this spelling. Of one that has a unit, numbers without it are numbers, too. */
bool peal_spelling_read(const peal_spelling *spelling, const char *text, size_t length, double *out);
/* A number in the usual way, in a column of another spelling; false if it could be one of that, of another value. */
bool peal_spelling_read_usual(const peal_spelling *spelling, const char *text, size_t length, double *out);
/* True of a number with a unit or marks around it, in any way of writing, that is not written in the usual one. */
bool peal_spelling_may_be(const char *text, size_t length);
/* What option of a text format would read the text as a number ("decimal ,", "thousands ,", "numbers loose"), or NULL.
 */
const char *peal_spelling_hint(const char *text, size_t length);

enum { PEAL_SPELLING_WAYS = 8, PEAL_SPELLING_WORDS = 3, PEAL_SPELLING_UNITS = 3, PEAL_WORD_SIZE = 40 };

/* A unit that numbers of a column have. */
typedef struct peal_unit_votes {
    char text[PEAL_UNIT_SIZE];
    uint64_t rows;
} peal_unit_votes;

/* Numbers with units of one kind (etl/format/measure.h). */
typedef struct peal_measure_votes {
    uint64_t rows, distinct;
    double factor;  /* of the first unit; 0: there was none yet */
    bool has_mixed; /* there are several units */
} peal_measure_votes;

/* What the distinct texts of a column say of how its numbers are written. Begins as all 0. */
typedef struct peal_spelling_votes {
    uint64_t failures[PEAL_SPELLING_WAYS];           /* rows with a number that this way does not read */
    uint64_t doubtful[PEAL_SPELLING_WAYS];           /* rows of which a later way reads another number than this one */
    uint64_t grouped_rows;                           /* whose point may be of decimals or of thousands, as 1.299 */
    uint64_t rows, distinct;                         /* that have a number; texts that are one */
    uint64_t other_rows;                             /* with none of the words and units, and no number */
    uint64_t code_rows;                              /* those of them whose text has digits */
    uint64_t marked_rows;                            /* those of `rows` with marks around the number, as ~5 */
    bool has_code;                                   /* some numbers begin with a 0, as 007 */
    char words[PEAL_SPELLING_WORDS][PEAL_WORD_SIZE]; /* the first texts that are no numbers, cut */
    size_t word_count, known_words;                  /* known: that say that there is no number, as unknown */
    uint64_t word_rows;
    peal_unit_votes units[PEAL_SPELLING_UNITS];
    size_t unit_count;
    peal_measure_votes measures[MEASURE__KINDS];
    uint64_t bare_parts;                /* texts without a unit that are numbers between 0 and 1 */
    bool has_bare_above, has_above;     /* some without a unit are above 1; some with one */
    unsigned scales;                    /* some are scaled by a thousand, by a million */
    bool scaled, loose;                 /* some have a scale; some a sign that is not the usual one, as (5) */
    bool has_decimals;                  /* some have one mark that can only be that of decimals */
    bool has_plain;                     /* some have no parentheses */
    bool has_long_time, has_short_time; /* some times have seconds behind minutes; some have two numbers */
    bool has_half, has_lap;       /* some have AM or PM; some have hours as 1:02:03 or minutes as 58:30 have them */
    bool has_short;               /* some have fewer than two marks between groups of digits, as codes have not */
    char example[PEAL_WORD_SIZE]; /* a number that is not written in the usual way, cut */
    char marked[PEAL_WORD_SIZE];  /* one with marks, cut */
} peal_spelling_votes;

/* Adds a text that is there and no spelling of a missing value, and that so many rows hold. Each text once. */
void peal_spelling_vote(peal_spelling_votes *votes, const char *text, size_t length, uint64_t rows);
/* Rows whose text has voted. */
uint64_t peal_spelling_values(const peal_spelling_votes *votes);
/* False if no further text can make the column, of so many rows, one of numbers, of which `failures_most` rows may be
 * none. */
bool peal_spelling_is_open(const peal_spelling_votes *votes, uint64_t rows, uint64_t failures_most);
/* Whether the texts are numbers: but for `failures_most` rows, and for words that stand where there is no number. There
 * may be one such word, in fewer rows than numbers, or a few that are rare or known to say so, where the numbers are
 * many different ones; or any in one row of twenty, and texts with digits that are no numbers in one of 200. Marks may
 * be around half of the numbers. False if all is usual, or the texts may as well be codes. */
bool peal_spelling_decide(const peal_spelling_votes *votes, uint64_t failures_most, peal_spelling *out);
/* True of a spelling that amounts are written in, but hardly codes: with a currency or %, or marks alone. */
bool peal_spelling_is_amount(const peal_spelling *spelling);

#endif
