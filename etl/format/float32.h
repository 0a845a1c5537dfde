/* Decimal text to float32 at speed, for formats that hold millions of values a second. The value is that of
 * peal_number_parse, rounded to float32, bit for bit. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_FLOAT32_H
#define PEAL_ETL_FORMAT_FLOAT32_H

#include <stddef.h>

/* Reads the number that stands at the beginning of [text, end): [+-] digits [. digits] [e [+-] digits]. Returns its
 * bytes; 0 if none stands there or it is beyond float32. What follows it is the caller's to judge. */
size_t float32__read(const char *text, const char *end, float *out);

#endif
