/* Texts of categories as people mean them: 'Male', 'male ' and 'MALE' are one. */
#ifndef PEAL_ETL_TRANSFORM_FOLD_H
#define PEAL_ETL_TRANSFORM_FOLD_H

#include "etl/table/dictionary.h"

enum { PEAL_FOLD_SIZE = 128 };

/* Writes the text without blanks at its ends, with one blank where several stand in a row, and in lower case, if its
 * case may be anybody's habit: it has three letters or more that are all small, all capital, or begin words. Case may
 * tell codes apart (AA and Aa, s and S) and stays in all others; but for y, n, t, f, m and no, if `short_too`. Blanks
 * are those of ASCII and the one that does not break (U+00A0). Returns the length; 0: the text is too long, is no UTF-8
 * or nothing but blanks, and stays as it is. */
uint32_t peal_fold_text(peal_text text, bool short_too, char out[PEAL_FOLD_SIZE]);

#endif
