/* Decimal text to double, correctly rounded and fast, and back; both the same under every locale. */
#ifndef PEAL_CORE_NUMBER_H
#define PEAL_CORE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads all of `text` (blanks on either side allowed) as a finite decimal number: [+-] digits [. digits] [e [+-]
 * digits]. False if it is anything else; infinities, "nan", hexadecimal and overflow are not numbers. */
bool peal_number_parse(const char *text, size_t length, double *out);

enum { PEAL_NUMBER_TEXT = 32 };
/* The shortest decimal text that reads back as `value` (at most 17 digits): "0.1", "1e+300", "-0", "nan", "inf".
 * Returns `text`. */
const char *peal_number_text(double value, char text[PEAL_NUMBER_TEXT]);

/* The decimal text of a whole number, as printf's %lld and %llu write it, many times as fast. Returns its length. */
size_t peal_integer_text(int64_t value, char text[PEAL_NUMBER_TEXT]);
size_t peal_unsigned_text(uint64_t value, char text[PEAL_NUMBER_TEXT]);

/* A number to tell low < high apart by: their middle; but if zero is between them one next to it, so that a zero goes
 * with what is below it. LightGBM, too, takes what is closer to zero than PEAL_NEARLY_ZERO for it. */
#define PEAL_NEARLY_ZERO 1.0000000180025095e-35
double peal_number_between(double low, double high);

#endif
