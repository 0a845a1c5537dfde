/* Dates as texts: what a text says of year, month, day, time of day and zone, in the ways in which dates are commonly
 * written or in one that a format names. */
#ifndef PEAL_ETL_TRANSFORM_DATE_TEXT_H
#define PEAL_ETL_TRANSFORM_DATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct peal_date {
    int64_t year;
    unsigned month, day;    /* from 1 */
    double second;          /* of the day, as written */
    int32_t offset_minutes; /* of the zone as written from UTC; 0 if there is none */
} peal_date;

/* Which number is the month in 01/02/2024. */
typedef enum peal_date_first { PEAL_DATE_AUTO, PEAL_DATE_MONTH, PEAL_DATE_DAY } peal_date_first;

/* Reads a date of ISO 8601 (2024-01-31, 20240131), with slashes or points (2024/01/31, 31.01.2024), with the year
 * last, also a short one, whose order is `first` (01/31/24), or with the month's English name (31-Aug-22, August 31,
 * 2022), perhaps behind a weekday's; perhaps with a time behind "T", ":" or a blank (HH:MM, HH:MM:SS, fractions, AM and
 * PM) and a zone (Z, UTC, +01:00). Blanks around it are passed over. *has_order tells whether `first` mattered. */
bool peal_date_read(const char *text, size_t length, peal_date_first first, peal_date *out, bool *has_order);

/* Reads a date by a format in strptime's words; what it does not name is 1970-01-01 00:00. */
bool peal_date_read_format(const char *format, const char *text, size_t length, peal_date *out);
/* The first conversion of the format that is not known, or NULL if the format is right: it names something. */
const char *peal_date_format_error(const char *format);

/* Seconds since 1970 in UTC, and the day of the week as written, from Monday 0. */
double peal_date_time(const peal_date *date);
unsigned peal_date_weekday(const peal_date *date);

#endif
