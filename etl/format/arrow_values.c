/* Values of Arrow arrays as numbers and as texts, the same texts as CSV of them would have. See arrow.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/number.h"
#include "etl/format/arrow.h"

enum { LIMBS = 8, DIGITS = 80, SECONDS_A_DAY = 86400 };

static const int64_t units_a_second[] = {
    [TIME_UNIT_SECOND] = 1, [TIME_UNIT_MILLI] = 1000, [TIME_UNIT_MICRO] = 1000000, [TIME_UNIT_NANO] = 1000000000};

/* ---- whole numbers ---- */

/* The value's bits, widened by its sign. */
static int64_t integer_at(const ipc__array *array, size_t row) {
    const size_t size = array->type.bits / 8;
    uint64_t bits = 0;
    memcpy(&bits, array->values + row * size, size);
    if (!array->type.is_signed && array->type.kind == TYPE_INT) return (int64_t)bits;
    const unsigned above = 64 - array->type.bits;
    return (int64_t)(bits << above) >> above;
}

uint64_t ipc__array_code(const ipc__array *array, size_t row) {
    return (uint64_t)integer_at(array, row);
}

/* ---- floats ---- */

/* IEEE 754 binary16. */
static double half_at(const ipc__array *array, size_t row) {
    uint16_t bits;
    memcpy(&bits, array->values + row * sizeof bits, sizeof bits);
    const int exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
    double value;
    if (exponent == 0x1F) {
        value = fraction ? (double)NAN : (double)INFINITY;
    } else {
        value = exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
    }
    return bits & 0x8000 ? -value : value;
}

static double float_at(const ipc__array *array, size_t row) {
    if (array->type.bits == 16) return half_at(array, row);
    if (array->type.bits == 32) {
        float single;
        memcpy(&single, array->values + row * sizeof single, sizeof single);
        return (double)single;
    }
    double value;
    memcpy(&value, array->values + row * sizeof value, sizeof value);
    return value;
}

/* The fewest digits that tell the value from its neighbours of the same type; nothing of NaN, which is missing. */
static size_t float_text(const ipc__array *array, size_t row, char cell[IPC_CELL]) {
    const double value = float_at(array, row);
    if (isnan(value)) return 0;
    if (array->type.bits == 64 || !isfinite(value)) return strlen(peal_number_text(value, cell));
    double back = (double)NAN;
    int digits = array->type.bits == 16 ? 3 : 6;
    for (; digits <= 9 && (float)back != (float)value; digits++) {
        peal_snprintf(cell, IPC_CELL, "%.*g", digits, value);
        if (!peal_number_parse(cell, strlen(cell), &back)) break;
    }
    return strlen(cell);
}

/* ---- decimals ---- */

static bool limbs_are_zero(const uint32_t limbs[LIMBS]) {
    uint32_t any = 0;
    for (size_t i = 0; i < LIMBS; i++) any |= limbs[i];
    return any == 0;
}

/* Divides by 10 and returns the rest: the last digit. */
static unsigned last_digit(uint32_t limbs[LIMBS]) {
    uint64_t rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    return (unsigned)rest;
}

/* The magnitude of a two's complement number of any of the widths; true if it is negative. */
static bool magnitude_at(const ipc__array *array, size_t row, uint32_t limbs[LIMBS]) {
    const size_t size = array->type.bits / 8;
    const uint8_t *bytes = array->values + row * size;
    const bool negative = bytes[size - 1] & 0x80;
    memset(limbs, negative ? 0xFF : 0, LIMBS * sizeof *limbs);
    memcpy(limbs, bytes, size);
    uint64_t carry = 1;
    for (size_t i = 0; i < LIMBS && negative; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return negative;
}

/* All digits: "-12.50" of -1250 with scale 2, "500" of 5 with scale -2. */
static size_t decimal_text(const ipc__array *array, size_t row, char cell[IPC_CELL]) {
    uint32_t limbs[LIMBS];
    char digits[DIGITS + 1];
    size_t count = 0, length = 0;
    const bool negative = magnitude_at(array, row, limbs);
    const int32_t scale = array->type.scale;
    while (!limbs_are_zero(limbs) && count < DIGITS) digits[count++] = (char)('0' + last_digit(limbs));
    if (negative) cell[length++] = '-';
    for (int32_t place = (int32_t)count > scale ? (int32_t)count - 1 : scale; place >= 0 || place >= scale; place--) {
        if (place == scale - 1 && scale > 0) cell[length++] = '.';
        cell[length++] = place >= 0 && (size_t)place < count ? digits[place] : '0';
    }
    return length;
}

/* ---- times ---- */

static size_t put_fraction(char *text, size_t room, int64_t fraction, unsigned unit) {
    static const int digits[] = {[TIME_UNIT_MILLI] = 3, [TIME_UNIT_MICRO] = 6, [TIME_UNIT_NANO] = 9};
    if (fraction == 0) return 0;
    return (size_t)snprintf(text, room, ".%0*lld", digits[unit], (long long)fraction);
}

static size_t put_date(char cell[IPC_CELL], int64_t days) {
    int64_t year;
    unsigned month, day;
    peal_date_from_days(days, &year, &month, &day);
    return (size_t)snprintf(cell, IPC_CELL, "%04lld-%02u-%02u", (long long)year, month, day);
}

/* "13:05:00.250": a time within a day, of `units` since it began. */
static size_t put_time(char *text, size_t room, int64_t units, unsigned unit) {
    const int64_t seconds = units / units_a_second[unit], fraction = units % units_a_second[unit];
    const int size = snprintf(text, room, "%02lld:%02d:%02d", (long long)(seconds / 3600), (int)(seconds / 60 % 60),
                              (int)(seconds % 60));
    return (size_t)size + put_fraction(text + size, room - (size_t)size, fraction, unit);
}

static int64_t floor_divide(int64_t value, int64_t by, int64_t *rest) {
    int64_t quotient = value / by;
    *rest = value % by;
    if (*rest < 0) {
        *rest += by;
        quotient--;
    }
    return quotient;
}

static size_t time_text(const ipc__array *array, size_t row, char cell[IPC_CELL]) {
    const ipc__type *type = &array->type;
    const int64_t value = integer_at(array, row);
    int64_t rest;
    if (type->kind == TYPE_DATE) {
        const int64_t units = type->bits == 32 ? 1 : (int64_t)SECONDS_A_DAY * 1000;
        return put_date(cell, floor_divide(value, units, &rest));
    }
    if (type->kind == TYPE_TIME) {
        (void)floor_divide(value, SECONDS_A_DAY * units_a_second[type->unit], &rest);
        return put_time(cell, IPC_CELL, rest, type->unit);
    }
    const int64_t unit = units_a_second[type->unit], zone = type->zone * 60 * unit;
    /* The days of values at the end of what 64 bits hold are a hundred thousand years from here: no clock is put on. */
    const bool fits = value > INT64_MIN / 2 && value < INT64_MAX / 2;
    size_t length = put_date(cell, floor_divide(fits ? value + zone : value, SECONDS_A_DAY * unit, &rest));
    cell[length++] = 'T';
    length += put_time(cell + length, IPC_CELL - length, rest, type->unit);
    if (type->zone == 0 || !fits) {
        if (type->zoned) cell[length++] = 'Z';
        return length;
    }
    const int32_t minutes = type->zone < 0 ? -type->zone : type->zone;
    return length + (size_t)snprintf(cell + length, IPC_CELL - length, "%c%02d:%02d", type->zone < 0 ? '-' : '+',
                                     minutes / 60, minutes % 60);
}

/* Seconds, with as many digits as the unit gives. */
static size_t duration_text(const ipc__array *array, size_t row, char cell[IPC_CELL]) {
    const int64_t value = integer_at(array, row), units = units_a_second[array->type.unit];
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const int size =
        snprintf(cell, IPC_CELL, "%s%llu", value < 0 ? "-" : "", (unsigned long long)(magnitude / (uint64_t)units));
    return (size_t)size +
           put_fraction(cell + size, IPC_CELL - (size_t)size, (int64_t)(magnitude % (uint64_t)units), array->type.unit);
}

/* ---- texts ---- */

static const char *offset_text(const ipc__array *array, size_t row, size_t *length) {
    uint64_t begin, end;
    if (array->type.kind == TYPE_LARGE_UTF8) {
        memcpy(&begin, array->offsets + row * 8, 8);
        memcpy(&end, array->offsets + row * 8 + 8, 8);
    } else {
        uint32_t both[2];
        memcpy(both, array->offsets + row * 4, sizeof both);
        begin = both[0];
        end = both[1];
    }
    *length = (size_t)(end - begin);
    return (const char *)array->bytes + (begin - array->first);
}

static bool bit_at(const ipc__array *array, size_t row) {
    const size_t bit = array->shift + row;
    return array->values[bit / 8] >> (bit % 8) & 1;
}

static size_t integer_text(const ipc__array *array, size_t row, char cell[IPC_CELL]) {
    const int64_t value = integer_at(array, row);
    return array->type.is_signed ? peal_integer_text(value, cell) : peal_unsigned_text((uint64_t)value, cell);
}

const char *ipc__array_text(const ipc__array *array, size_t row, char cell[IPC_CELL], size_t *length) {
    if (array->dictionary) return ipc__dictionary_text(array->dictionary, (size_t)ipc__array_code(array, row), length);
    if (array->odd && array->odd[row]) {
        *length = strlen(array->odd[row]);
        return array->odd[row];
    }
    switch (array->type.kind) {
    case TYPE_UTF8:
    case TYPE_LARGE_UTF8:
        return offset_text(array, row, length);
    case TYPE_UTF8_VIEW:
        return ipc__view_text(array, row, length);
    case TYPE_BOOL:
        *length = bit_at(array, row) ? 4 : 5;
        memcpy(cell, bit_at(array, row) ? "true\0\0\0\0" : "false\0\0\0", 8);
        break;
    case TYPE_INT:
        *length = integer_text(array, row, cell);
        break;
    case TYPE_FLOAT:
        *length = float_text(array, row, cell);
        break;
    case TYPE_DECIMAL:
        *length = decimal_text(array, row, cell);
        break;
    case TYPE_DURATION:
        *length = duration_text(array, row, cell);
        break;
    default:
        *length = time_text(array, row, cell);
    }
    return cell;
}

/* ---- numbers ---- */

/* One plain loop a type, which compilers make vector code of. */
#define NUMBERS_OF(name, type)                                                    \
    static void name##_numbers(const uint8_t *values, size_t rows, double *out) { \
        for (size_t i = 0; i < rows; i++) {                                       \
            type value;                                                           \
            memcpy(&value, values + i * sizeof value, sizeof value);              \
            out[i] = (double)value;                                               \
        }                                                                         \
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

static void integers(const ipc__array *array, double *out) {
    static void (*const convert[2][4])(const uint8_t *, size_t,
                                       double *) = {{uint8_numbers, uint16_numbers, uint32_numbers, uint64_numbers},
                                                    {int8_numbers, int16_numbers, int32_numbers, int64_numbers}};
    const size_t size = array->type.bits == 8 ? 0 : array->type.bits == 16 ? 1 : array->type.bits == 32 ? 2 : 3;
    convert[array->type.is_signed][size](array->values, array->rows, out);
}

/* Of types that come seldom: by their text, which rounds right. */
static void by_text(const ipc__array *array, double *out) {
    char cell[IPC_CELL];
    size_t length;
    for (size_t row = 0; row < array->rows; row++) {
        out[row] = (double)NAN;
        if (!ipc__array_has(array, row)) continue;
        const char *text = ipc__array_text(array, row, cell, &length);
        (void)peal_number_parse(text, length, &out[row]);
    }
}

void ipc__array_numbers(const ipc__array *array, double *out) {
    const size_t rows = array->rows;
    if (array->type.kind == TYPE_INT) {
        integers(array, out);
    } else if (array->type.kind == TYPE_FLOAT && array->type.bits == 64) {
        memcpy(out, array->values, rows * sizeof *out);
    } else if (array->type.kind == TYPE_FLOAT && array->type.bits == 32) {
        float32_numbers(array->values, rows, out);
    } else if (array->type.kind == TYPE_FLOAT) {
        for (size_t row = 0; row < rows; row++) out[row] = half_at(array, row);
    } else if (array->type.kind == TYPE_BOOL) {
        for (size_t row = 0; row < rows; row++) out[row] = bit_at(array, row);
    } else {
        by_text(array, out);
    }
    for (size_t row = 0; array->valid && row < rows; row++) {
        if (!array->valid[row]) out[row] = (double)NAN;
    }
}
