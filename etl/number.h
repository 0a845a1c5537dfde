/* Decimal text to double, correctly rounded and fast. */
#ifndef PEAL_ETL_NUMBER_H
#define PEAL_ETL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Reads all of `text` (blanks on either side allowed) as a finite decimal number: [+-] digits [. digits] [e [+-]
 * digits]. False if it is anything else; infinities, "nan", hexadecimal and overflow are not numbers. */
bool peal_number_parse(const char *text, size_t length, double *out);

#endif
