/* Dates: the first line is a format, the second a text; both are read in exactly their own bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "etl/transform/date_text.h"
#include "tests/fuzz/fuzz.h"

/* What was read is a date of the calendar, whatever the text. */
static void check(const peal_date *date) {
    const bool right = date->year >= 1 && date->year <= 9999 && date->month >= 1 && date->month <= 12 &&
                       date->day >= 1 && date->day <= 31 && date->second >= 0 && date->second < 86402 &&
                       abs(date->offset_minutes) < 24 * 60 && isfinite(peal_date_time(date)) &&
                       peal_date_weekday(date) < 7;
    if (!right) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    const size_t format_size = end ? (size_t)(end - data) : 0, text_size = end ? size - format_size - 1 : size;
    char *format = calloc(format_size + 1, 1), *text = malloc(text_size + !text_size);
    peal_date date;
    bool has_order;
    if (!format || !text) abort();
    if (format_size) memcpy(format, data, format_size);
    if (text_size) memcpy(text, data + size - text_size, text_size);
    if (!peal_date_format_error(format) && peal_date_read_format(format, text, text_size, &date)) check(&date);
    for (int first = PEAL_DATE_MONTH; first <= PEAL_DATE_DAY; first++) {
        if (peal_date_read(text, text_size, (peal_date_first)first, &date, &has_order)) check(&date);
    }
    free(format);
    free(text);
    return 0;
}
