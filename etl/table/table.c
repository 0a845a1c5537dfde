/* The table of types: what differs from one to another. See table.h. */
#include "etl/table/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/number.h"
#include "etl/table/arrow/schema.h"

/* ---- numbers ---- */

static void mark_missing(const peal_column *column, size_t first, size_t count, double *out) {
    if (!column->validity) return;
    for (size_t i = 0; i < count; i++) {
        if (!peal_column_is_valid(column, first + i)) out[i] = (double)NAN;
    }
}

#define NUMBERS_OF(name, type)                                                                       \
    static void name##_numbers(const peal_column *column, size_t first, size_t count, double *out) { \
        const type *values = (const type *)column->values + first;                                   \
        for (size_t i = 0; i < count; i++) out[i] = (double)values[i];                               \
        mark_missing(column, first, count, out);                                                     \
    }
NUMBERS_OF(int8, int8_t)
NUMBERS_OF(int16, int16_t)
NUMBERS_OF(int32, int32_t)
NUMBERS_OF(int64, int64_t)
NUMBERS_OF(uint8, uint8_t)
NUMBERS_OF(uint16, uint16_t)
NUMBERS_OF(uint32, uint32_t)
NUMBERS_OF(uint64, uint64_t)
NUMBERS_OF(float32, float)
NUMBERS_OF(float64, double)

static bool bit(const peal_column *column, size_t row) {
    return ((const uint8_t *)column->values)[row / 8] >> (row % 8) & 1;
}

static void bool_numbers(const peal_column *column, size_t first, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) out[i] = bit(column, first + i);
    mark_missing(column, first, count, out);
}

/* ---- texts ---- */

static peal_status put(peal_buffer *out, const char *text, peal_error *err) {
    return peal_buffer_append(out, text, strlen(text), err);
}

#define TEXT_OF(name, type, wide, format)                                                                      \
    static peal_status name##_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) { \
        char text[32];                                                                                         \
        snprintf(text, sizeof text, "%" format, (wide)((const type *)column->values)[row]);                    \
        return put(out, text, err);                                                                            \
    }
TEXT_OF(int8, int8_t, int64_t, PRId64)
TEXT_OF(int16, int16_t, int64_t, PRId64)
TEXT_OF(int32, int32_t, int64_t, PRId64)
TEXT_OF(int64, int64_t, int64_t, PRId64)
TEXT_OF(uint8, uint8_t, uint64_t, PRIu64)
TEXT_OF(uint16, uint16_t, uint64_t, PRIu64)
TEXT_OF(uint32, uint32_t, uint64_t, PRIu64)
TEXT_OF(uint64, uint64_t, uint64_t, PRIu64)

static peal_status bool_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    return put(out, bit(column, row) ? "true" : "false", err);
}

static peal_status float64_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    char text[PEAL_NUMBER_TEXT];
    return put(out, peal_number_text(((const double *)column->values)[row], text), err);
}

/* The fewest digits that read back as the same float. */
static peal_status float32_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    const float value = ((const float *)column->values)[row];
    char text[PEAL_NUMBER_TEXT];
    double back = (double)NAN;
    for (int digits = 6; digits <= 9 && (float)back != value; digits++) {
        peal_snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (!peal_number_parse(text, strlen(text), &back)) break; /* not finite */
    }
    return put(out, text, err);
}

static peal_status timestamp_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    const int64_t second = 1000000, value = ((const int64_t *)column->values)[row];
    int64_t days = value / (86400 * second), rest = value % (86400 * second), year;
    if (rest < 0) {
        rest += 86400 * second;
        days--;
    }
    unsigned month, day;
    peal_date_from_days(days, &year, &month, &day);
    char text[64];
    const int64_t seconds = rest / second, micros = rest % second;
    int size = snprintf(text, sizeof text, "%04" PRId64 "-%02u-%02uT%02d:%02d:%02d", year, month, day,
                        (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (micros) snprintf(text + size, sizeof text - (size_t)size, ".%06d", (int)micros);
    return put(out, text, err);
}

static peal_status utf8_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    const int32_t begin = column->offsets[row], end = column->offsets[row + 1];
    return peal_buffer_append(out, (const uint8_t *)column->values + begin, (size_t)(end - begin), err);
}

static peal_status dictionary_text(const peal_column *column, size_t row, peal_buffer *out, peal_error *err) {
    const int32_t code = peal_column_code(column, row);
    if (!column->dictionary) {
        char text[16];
        snprintf(text, sizeof text, "%" PRId32, code);
        return put(out, text, err);
    }
    const peal_text text = peal_dictionary_text(column->dictionary, (uint32_t)code);
    return peal_buffer_append(out, text.data, text.length, err);
}

/* ---- the table ---- */

#define NUMBER(type_name, bytes, arrow_type, sign)                                                 \
    {                                                                                              \
        .name = #type_name, .kind = "number", .size = bytes, .is_number = true, .is_signed = sign, \
        .arrow = arrow_type, .numbers = type_name##_numbers, .text = type_name##_text              \
    }

const peal_type_info peal_types[PEAL_TYPES] = {
    [PEAL_TYPE_BOOL] = {.name = "bool",
                        .kind = "boolean",
                        .is_number = true,
                        .arrow = TYPE_BOOL,
                        .numbers = bool_numbers,
                        .text = bool_text},
    [PEAL_TYPE_INT8] = NUMBER(int8, 1, TYPE_INT, true),
    [PEAL_TYPE_INT16] = NUMBER(int16, 2, TYPE_INT, true),
    [PEAL_TYPE_INT32] = NUMBER(int32, 4, TYPE_INT, true),
    [PEAL_TYPE_INT64] = NUMBER(int64, 8, TYPE_INT, true),
    [PEAL_TYPE_UINT8] = NUMBER(uint8, 1, TYPE_INT, false),
    [PEAL_TYPE_UINT16] = NUMBER(uint16, 2, TYPE_INT, false),
    [PEAL_TYPE_UINT32] = NUMBER(uint32, 4, TYPE_INT, false),
    [PEAL_TYPE_UINT64] = NUMBER(uint64, 8, TYPE_INT, false),
    [PEAL_TYPE_FLOAT32] = NUMBER(float32, 4, TYPE_FLOAT, true),
    [PEAL_TYPE_FLOAT64] = NUMBER(float64, 8, TYPE_FLOAT, true),
    [PEAL_TYPE_TIMESTAMP] = {.name = "timestamp",
                             .kind = "time",
                             .size = 8,
                             .is_number = true,
                             .is_signed = true,
                             .arrow = TYPE_TIMESTAMP,
                             .numbers = int64_numbers,
                             .text = timestamp_text},
    [PEAL_TYPE_UTF8] =
        {.name = "utf8", .kind = "text", .has_offsets = true, .is_text = true, .arrow = TYPE_UTF8, .text = utf8_text},
    [PEAL_TYPE_BINARY] = {.name = "binary", .kind = "bytes", .has_offsets = true, .arrow = TYPE_BINARY},
    [PEAL_TYPE_LIST] = {.name = "list", .kind = "list", .has_offsets = true, .has_child = true, .arrow = TYPE_LIST},
    [PEAL_TYPE_FIXED_LIST] = {.name = "fixed_list", .kind = "bytes", .has_child = true, .arrow = TYPE_FIXED_SIZE_LIST},
    [PEAL_TYPE_DICTIONARY] = {.name = "dictionary",
                              .kind = "text",
                              .is_text = true,
                              .has_vocabulary = true,
                              .arrow = TYPE_UTF8,
                              .text = dictionary_text},
};

const char *peal_column_type_text(const peal_column *column, char text[PEAL_TYPE_TEXT]) {
    const char *name = peal_types[column->type].name;
    if (column->type == PEAL_TYPE_DICTIONARY) {
        snprintf(text, PEAL_TYPE_TEXT, "%s of %s", name, peal_types[column->codes].name);
    } else if (column->child && column->width) {
        snprintf(text, PEAL_TYPE_TEXT, "%s x %u", peal_types[column->child->type].name, column->width);
    } else if (column->child) {
        snprintf(text, PEAL_TYPE_TEXT, "%s of %s", name, peal_types[column->child->type].name);
    } else {
        snprintf(text, PEAL_TYPE_TEXT, "%s", name);
    }
    return text;
}

/* ---- dates ---- */

int64_t peal_days_from_date(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const unsigned of_era = (unsigned)(year - era * 400);
    const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

void peal_date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const unsigned of_era = (unsigned)(days - era * 146097);
    const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}
