/* PostgreSQL's numeric in binary: digits to base 10,000 become text. See rows.h.
 *
 *   digits i16   weight i16: the first digit counts 10,000^weight   sign u16   scale u16: decimals that are shown
 *   { digit i16 } ...
 *
 * Source: PostgreSQL 15, src/backend/utils/adt/numeric.c, numeric_send. */
#include <stdio.h>

#include "etl/format/rows.h"

enum {
    BASE = 10000,
    BASE_DIGITS = 4,
    POSITIVE = 0,
    NEGATIVE = 0x4000,
    NOT_A_NUMBER = 0xC000,
    INFINITE = 0xD000,
    MINUS_INFINITE = 0xF000
};
enum { HEAD = 8 };

static unsigned digit_at(const uint8_t *bytes, int count, int index) {
    return index >= 0 && index < count ? source__get16(bytes + HEAD + 2 * (size_t)index) : 0;
}

size_t rows__decimal_text(const uint8_t *bytes, size_t size, char *text) {
    if (size < HEAD) return SIZE_MAX;
    const int count = (int16_t)source__get16(bytes), weight = (int16_t)source__get16(bytes + 2);
    const unsigned sign = source__get16(bytes + 4), scale = source__get16(bytes + 6);
    if (count < 0 || size != HEAD + 2 * (size_t)count) return SIZE_MAX;
    if (sign == NOT_A_NUMBER) return 0;
    if (sign == INFINITE || sign == MINUS_INFINITE) {
        return (size_t)snprintf(text, ROWS_DECIMAL_MOST, sign == INFINITE ? "Infinity" : "-Infinity");
    }
    if (sign != POSITIVE && sign != NEGATIVE) return SIZE_MAX;
    const int whole = weight < 0 ? 0 : weight + 1; /* digits before the point */
    const size_t longest = 1 + (size_t)whole * BASE_DIGITS + 2 + scale + BASE_DIGITS;
    if (longest > ROWS_DECIMAL_MOST) return SIZE_MAX;
    for (int i = 0; i < count; i++) {
        if (digit_at(bytes, count, i) >= BASE) return SIZE_MAX;
    }
    size_t used = 0;
    if (sign == NEGATIVE) text[used++] = '-';
    if (whole == 0) text[used++] = '0';
    for (int i = 0; i < whole; i++) {
        used += (size_t)snprintf(text + used, ROWS_DECIMAL_MOST - used, i ? "%04u" : "%u", digit_at(bytes, count, i));
    }
    if (scale == 0) return used;
    text[used++] = '.';
    const size_t end = used + scale;
    for (int i = 0; used < end; i++) {
        used += (size_t)snprintf(text + used, ROWS_DECIMAL_MOST - used, "%04u", digit_at(bytes, count, i + weight + 1));
    }
    return end;
}
