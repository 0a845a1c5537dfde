/* Numbers with units of one kind: 531 g beside 0.53 kg, 1h 20m beside 45 min, 5'11". All become numbers of the kind's
 * base unit. */
#ifndef PEAL_ETL_FORMAT_MEASURE_H
#define PEAL_ETL_FORMAT_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

enum { MEASURE__KINDS = 11 }; /* from 0, which is none */

/* The kinds' names, ending with NULL; that of 0 is "no". */
extern const char *const measure__names[MEASURE__KINDS + 1];
/* What the numbers of a kind count, as "seconds". */
const char *measure__base(unsigned kind);

/* Reads a number with a unit of the kind, or several of them from the largest unit down: their sum. *factor is what the
 * first one's unit is in base units, *several whether there are more. Units are exact, but for capitals where a longer
 * name can mean no other. A number without a unit is none. */
bool measure__read(unsigned kind, const char *text, size_t length, double *out, double *factor, bool *several);

#endif
