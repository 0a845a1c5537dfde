/* What a column's texts that are plain numbers say together: 02139 beside 10001 are codes of one length, and where
 * commas are those of decimals, 1.234 beside 12.345 and 999 is of thousands. Private to the decision about types. */
#ifndef PEAL_ETL_FORMAT_DIGITS_H
#define PEAL_ETL_FORMAT_DIGITS_H

#include <stdbool.h>
#include <stddef.h>

/* Begins as all 0. */
typedef struct peal_digit_votes {
    bool has_other;     /* some are more than digits */
    bool has_zero;      /* some have a 0 in front, which numbers have not */
    size_t least, most; /* bytes of those that are digits alone */
    bool is_ungrouped;  /* some have not a point between each three digits, or have a 0 in front of one */
    bool has_point;
} peal_digit_votes;

/* Adds a text that is a number in the usual way. */
void peal_digits_vote(peal_digit_votes *votes, const char *text, size_t length);
/* True if all are digits, as many in each, three at least, and some begin with 0. */
bool peal_digits_are_codes(const peal_digit_votes *votes);
/* True if all may have points between thousands, and some have one. */
bool peal_digits_may_be_grouped(const peal_digit_votes *votes);
/* True of a number whose comma can only be that of decimals: 0,123 and 12,5 but not 1,234. */
bool peal_digits_have_decimal_comma(const char *text, size_t length);

#endif
