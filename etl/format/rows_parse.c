/* A block of rows becomes Arrow arrays, one a column, and those the block's columns. See rows.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/number.h"
#include "core/base/utf8.h"
#include "etl/format/rows.h"

enum {
    IN_BLOCK = 0, /* where the bytes of a long text lie: in the block, or among those that were made */
    MADE = 1,
    UUID_SIZE = 16,
    UUID_TEXT = 36,
    SAW_INTEGER = 1,
    SAW_FLOAT = 2,
    SAW_TEXT = 4,
};
#define DAYS_TO_2000 10957
#define MICROSECONDS_TO_2000 INT64_C(946684800000000)

typedef struct column column;
/* Row `row` becomes this value; NULL, or what is wrong with it. */
typedef const char *put(column *self, size_t row, const uint8_t *bytes, size_t size);

struct column {
    put *put;
    ipc__array *array;
    uint8_t *values;     /* own[0] of the array */
    peal_buffer *made;   /* own[1]: bytes of long texts that do not stand in the block */
    const uint8_t *text; /* the block's */
    size_t rows;
    size_t width;   /* bytes of a value that is kept; 0: a bit */
    size_t swapped; /* 4 or 8: bytes of a value that is kept as it comes, but for their order; 0: `put` does more */
    unsigned saw;   /* of ROWS_ANY: kinds of values */
};

/* What ends the reading; all else makes a bad row. */
static const char no_memory[] = "there is no memory for it";
static const char wrong_size[] = "its size is not that of its type";
static const char unknown_kind[] = "its kind is not known";

/* A list of texts, one a row, in which the row's is `text`. */
static const char *note(const char ***list, size_t rows, size_t row, const char *text) {
    if (!*list) *list = calloc(rows, sizeof **list);
    if (!*list) return no_memory;
    (*list)[row] = text;
    return NULL;
}

/* ---- numbers ---- */

static const char *put_int2(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 2) return wrong_size;
    const uint16_t value = source__get16(bytes);
    memcpy(self->values + row * sizeof value, &value, sizeof value);
    return NULL;
}

static const char *put_four(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 4) return wrong_size;
    const uint32_t value = source__get32(bytes);
    memcpy(self->values + row * sizeof value, &value, sizeof value);
    return NULL;
}

static const char *put_eight(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 8) return wrong_size;
    const uint64_t value = source__get64(bytes);
    memcpy(self->values + row * sizeof value, &value, sizeof value);
    return NULL;
}

static const char *put_bool(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 1) return wrong_size;
    self->values[row / 8] |= (uint8_t)((*bytes != 0) << (row % 8));
    return NULL;
}

static const char too_long[] = "it has too many digits";

static const char *put_decimal(column *self, size_t row, const uint8_t *bytes, size_t size) {
    char text[ROWS_DECIMAL_MOST];
    double value = (double)NAN;
    const size_t length = rows__decimal_text(bytes, size, text);
    if (length == SIZE_MAX) return too_long;
    /* What is no number is infinite. */
    if (length > 0 && !peal_number_parse(text, length, &value))
        value = *text == '-' ? -(double)INFINITY : (double)INFINITY;
    memcpy(self->values + row * sizeof value, &value, sizeof value);
    return NULL;
}

/* ---- times ---- */

static const char too_far[] = "it lies too far in the past or in the future";

/* As the server writes it: a text that is no date, as it would be one in a file. */
static const char *put_infinite(column *self, size_t row, bool is_past) {
    memset(self->values + row * self->width, 0, self->width);
    return note(&self->array->odd, self->rows, row, is_past ? "-infinity" : "infinity");
}

static const char *put_date(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 4) return wrong_size;
    int32_t days = (int32_t)source__get32(bytes);
    if (days == INT32_MAX || days == INT32_MIN) return put_infinite(self, row, days < 0);
    if (__builtin_add_overflow(days, DAYS_TO_2000, &days)) return too_far;
    memcpy(self->values + row * sizeof days, &days, sizeof days);
    return NULL;
}

static const char *put_timestamp(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (size != 8) return wrong_size;
    int64_t time = (int64_t)source__get64(bytes);
    if (time == INT64_MAX || time == INT64_MIN) return put_infinite(self, row, time < 0);
    if (__builtin_add_overflow(time, MICROSECONDS_TO_2000, &time)) return too_far;
    memcpy(self->values + row * sizeof time, &time, sizeof time);
    return NULL;
}

/* ---- texts, as Arrow's views ---- */

/* `bytes` can be read for IPC_VIEW_SHORT bytes. */
static void put_view(column *self, size_t row, const uint8_t *bytes, size_t size, uint32_t where, size_t at) {
    uint8_t *view = self->values + row * IPC_VIEW_SIZE;
    uint32_t parts[4] = {(uint32_t)size, 0, where, (uint32_t)at};
    if (size > IPC_VIEW_SHORT) {
        memcpy(&parts[1], bytes, 4);
    } else {
        uint64_t first = 0, rest = 0;
        memcpy(&first, bytes, 8);
        memcpy(&rest, bytes + 8, 4);
        first = size >= 8 ? first : first & ~(UINT64_MAX << 8 * size);
        rest = size <= 8 ? 0 : rest & ~(UINT64_MAX << 8 * (size - 8));
        memcpy(&parts[1], &first, 8);
        memcpy(&parts[3], &rest, 4);
    }
    memcpy(view, parts, sizeof parts);
}

/* True if all bytes are below 0x80. `bytes` can be read for up to 8 more. */
static bool is_ascii(const uint8_t *bytes, size_t size) {
    uint64_t word = 0, any = 0;
    size_t at = 0;
    for (; size - at > 8; at += 8) {
        memcpy(&word, bytes + at, sizeof word);
        any |= word;
    }
    if (size == at) return true;
    memcpy(&word, bytes + at, sizeof word);
    return ((any | word << 8 * (8 - (size - at))) & UINT64_C(0x8080808080808080)) == 0;
}

/* The block has padding behind its rows. */
static const char *put_text(column *self, size_t row, const uint8_t *bytes, size_t size) {
    if (self->array->sound && !is_ascii(bytes, size) && peal_utf8_error((const char *)bytes, size) < size) {
        self->array->sound = false;
    }
    put_view(self, row, bytes, size, IN_BLOCK, (size_t)(bytes - self->text));
    return NULL;
}

/* `text` can be read for IPC_VIEW_SHORT bytes. */
static const char *put_made(column *self, size_t row, const char *text, size_t size) {
    const size_t at = self->made->size;
    if (size > IPC_VIEW_SHORT && peal_buffer_append(self->made, text, size, NULL) != PEAL_OK) return no_memory;
    put_view(self, row, (const uint8_t *)text, size, MADE, at);
    return NULL;
}

static const char *put_decimal_text(column *self, size_t row, const uint8_t *bytes, size_t size) {
    char text[ROWS_DECIMAL_MOST];
    const size_t length = rows__decimal_text(bytes, size, text);
    return length == SIZE_MAX ? too_long : put_made(self, row, text, length);
}

static const char *put_uuid(column *self, size_t row, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char text[UUID_TEXT];
    if (size != UUID_SIZE) return wrong_size;
    char *to = text;
    for (size_t i = 0; i < UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return put_made(self, row, text, sizeof text);
}

/* ---- values that tell their types ---- */

static double double_of(const uint8_t *bytes) {
    const uint64_t bits = source__get64(bytes);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const char *put_any_integer(column *self, size_t row, const uint8_t *bytes, size_t size) {
    return put_eight(self, row, bytes + 1, size - 1);
}

static const char *put_any_float(column *self, size_t row, const uint8_t *bytes, size_t size) {
    (void)size;
    const double value = *bytes == 'i' ? (double)(int64_t)source__get64(bytes + 1) : double_of(bytes + 1);
    memcpy(self->values + row * sizeof value, &value, sizeof value);
    return NULL;
}

static const char *put_any_text(column *self, size_t row, const uint8_t *bytes, size_t size) {
    char text[64];
    if (*bytes == 't') return put_text(self, row, bytes + 1, size - 1);
    if (*bytes == 'i') {
        return put_made(self, row, text, peal_integer_text((int64_t)source__get64(bytes + 1), text));
    }
    return put_made(self, row, text, strlen(peal_number_text(double_of(bytes + 1), text)));
}

/* Which kinds there are, before any value is put. */
static const char *see_any(column *self, const uint8_t *bytes, size_t size) {
    if (size == 0 || (*bytes != 't' && *bytes != 'i' && *bytes != 'd')) return unknown_kind;
    if (*bytes != 't' && size != 9) return wrong_size;
    self->saw |= *bytes == 't' ? SAW_TEXT : *bytes == 'i' ? SAW_INTEGER : SAW_FLOAT;
    return NULL;
}

/* ---- a block's columns ---- */

/* How the values of one type are kept. */
typedef struct way {
    uint32_t type;
    put *put;
    ipc__type kept;
} way;

static const way ways[] = {
    {ROWS_BOOL, put_bool, {.kind = TYPE_BOOL, .bits = 1}},
    {ROWS_INT2, put_int2, {.kind = TYPE_INT, .bits = 16, .is_signed = true}},
    {ROWS_INT4, put_four, {.kind = TYPE_INT, .bits = 32, .is_signed = true}},
    {ROWS_INT8, put_eight, {.kind = TYPE_INT, .bits = 64, .is_signed = true}},
    {ROWS_FLOAT4, put_four, {.kind = TYPE_FLOAT, .bits = 32}},
    {ROWS_FLOAT8, put_eight, {.kind = TYPE_FLOAT, .bits = 64}},
    {ROWS_DATE, put_date, {.kind = TYPE_DATE, .bits = 32}},
    {ROWS_TIMESTAMP, put_timestamp, {.kind = TYPE_TIMESTAMP, .unit = TIME_UNIT_MICRO, .bits = 64}},
    {ROWS_TIMESTAMPTZ, put_timestamp, {.kind = TYPE_TIMESTAMP, .unit = TIME_UNIT_MICRO, .bits = 64, .zoned = true}},
    {ROWS_UUID, put_uuid, {.kind = TYPE_UTF8_VIEW}},
    {ROWS_TEXT, put_text, {.kind = TYPE_UTF8_VIEW}},
};
static const way decimal_numbers = {ROWS_NUMERIC, put_decimal, {.kind = TYPE_FLOAT, .bits = 64}};
static const way decimal_texts = {ROWS_NUMERIC, put_decimal_text, {.kind = TYPE_UTF8_VIEW}};
static const way any_integers = {ROWS_ANY, put_any_integer, {.kind = TYPE_INT, .bits = 64, .is_signed = true}};
static const way any_floats = {ROWS_ANY, put_any_float, {.kind = TYPE_FLOAT, .bits = 64}};
static const way any_texts = {ROWS_ANY, put_any_text, {.kind = TYPE_UTF8_VIEW}};

/* Numbers of both kinds are doubles where numbers are wanted; where texts are, each keeps its own. */
static const way *way_of(uint32_t type, unsigned saw, const peal_field *wanted) {
    const bool numbers = wanted->type == PEAL_TYPE_FLOAT64;
    if (type == ROWS_NUMERIC) return numbers ? &decimal_numbers : &decimal_texts;
    if (type == ROWS_ANY) {
        if (saw & SAW_TEXT || (saw == (SAW_INTEGER | SAW_FLOAT) && !numbers)) return &any_texts;
        return saw & SAW_FLOAT ? &any_floats : &any_integers;
    }
    const way *one = ways;
    while (one->type != type) one++;
    return one;
}

static const char blob[] = "it is a BLOB; a number or a text was expected (a query can leave it out or cast it)";

static peal_status begin_column(column *self, const way *how, peal_error *err) {
    ipc__array *array = self->array;
    self->put = how->put;
    array->type = how->kept;
    const size_t bits = how->kept.kind == TYPE_UTF8_VIEW ? 8 * IPC_VIEW_SIZE : how->kept.bits;
    array->own = calloc(2, sizeof *array->own);
    array->view_bytes = calloc(2, sizeof *array->view_bytes);
    if (!array->own || !array->view_bytes) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block");
    array->own_count = 2;
    const size_t size = self->rows * bits / 8 + 1;
    PEAL_TRY(peal_buffer_reserve(&array->own[0], size + PEAL_BLOCK_PADDING, err));
    PEAL_TRY(peal_buffer_reserve(&array->own[1], PEAL_BLOCK_PADDING, err));
    self->width = bits / 8;
    self->swapped = how->put == put_four ? 4 : how->put == put_eight ? 8 : 0;
    const size_t filled = self->width * self->rows; /* later, row by row */
    memset(array->own[0].data + filled, 0, size + PEAL_BLOCK_PADDING - filled);
    self->values = array->own[0].data;
    self->made = &array->own[1];
    return PEAL_OK;
}

static const char *put_missing(column *self, size_t row) {
    ipc__array *array = self->array;
    if (!array->valid) {
        array->valid = peal_alloc(self->rows, 1);
        if (!array->valid) return no_memory;
        memset(array->valid, 1, self->rows);
    }
    array->valid[row] = 0;
    memset(self->values + row * self->width, 0, self->width);
    return NULL;
}

typedef struct parser {
    const rows__reader *reader;
    const peal_block *block;
    column *columns; /* [reader->columns.count] */
} parser;

/* What is wrong with a value: its row is a bad one, or the reading ends. */
static peal_status refuse(const parser *self, size_t row, size_t index, const char *why, peal_error *err) {
    column *one = &self->columns[index];
    const bool ends = why == no_memory || why == wrong_size || why == unknown_kind;
    if (!ends) {
        why = note(&one->array->wrong, one->rows, row, why);
        if (!why) why = put_missing(one, row);
        if (!why) return PEAL_OK;
    }
    return peal_fail(err, why == no_memory ? PEAL_E_MEMORY : PEAL_E_DATA, "%s: row %llu: column '%s': %s",
                     self->reader->name, (unsigned long long)(self->block->first_line + row),
                     self->reader->columns.fields[index].name, why);
}

/* Sees, or puts, the field at *at, and passes it. */
static inline peal_status take_field(const parser *self, bool see, size_t row, size_t index, const uint8_t **at,
                                     peal_error *err) {
    column *one = &self->columns[index];
    const int32_t size = (int32_t)source__get32(*at);
    const uint8_t *bytes = *at + 4;
    const char *why = NULL;
    *at = bytes + (size > 0 ? size : 0);
    if (!one->array || (see && (size < 0 || self->reader->types[index] != ROWS_ANY))) return PEAL_OK;
    if (size == ROWS_BLOB) {
        why = blob;
    } else if (size == ROWS_MISSING) {
        why = put_missing(one, row);
    } else {
        why = see ? see_any(one, bytes, (size_t)size) : one->put(one, row, bytes, (size_t)size);
    }
    return why ? refuse(self, row, index, why, err) : PEAL_OK;
}

/* Puts the fields of a run, none of which is missing. */
static inline peal_status put_run(const parser *self, size_t row, size_t index, const uint8_t *at, peal_error *err) {
    const rows__run *run = &self->reader->runs[index];
    for (uint32_t i = 0; i < run->count; at += 4 + run[i++].size) {
        column *one = &self->columns[index + i];
        if (!one->array) continue;
        if (one->swapped == 8) {
            (void)put_eight(one, row, at + 4, 8);
        } else if (one->swapped == 4) {
            (void)put_four(one, row, at + 4, 4);
        } else {
            const char *why = one->put(one, row, at + 4, (size_t)run[i].size);
            if (why) PEAL_TRY(refuse(self, row, index + i, why, err));
        }
    }
    return PEAL_OK;
}

/* Sees, or puts, each value of a column that is wanted. The rows were measured by `next`. */
static inline peal_status walk(const parser *self, bool see, peal_error *err) {
    const uint8_t *at = (const uint8_t *)self->block->text, *behind = at + self->block->size;
    const size_t count = self->reader->columns.count;
    for (size_t row = 0; row < self->block->records; row++) {
        at += 2;
        for (size_t i = 0; i < count;) {
            const rows__run *run = &self->reader->runs[i];
            const size_t end = i + (run->count ? run->count : 1);
            if (run->count > 1 && (size_t)(behind - at) >= run->length && rows__run_is_whole(run, at)) {
                if (!see) PEAL_TRY(put_run(self, row, i, at, err));
                at += run->length;
                i = end;
            }
            for (; i < end; i++) PEAL_TRY(take_field(self, see, row, i, &at, err));
        }
    }
    return PEAL_OK;
}

static peal_status make_arrays(parser *self, ipc__array *arrays, peal_error *err) {
    const rows__reader *reader = self->reader;
    const peal_schema *wanted = reader->wanted->schema;
    const size_t rows = (size_t)self->block->records;
    bool any = false;
    for (size_t i = 0; i < wanted->count; i++) {
        arrays[i] = (ipc__array){.type = {.kind = TYPE_NULL}, .rows = rows, .sound = true};
    }
    for (size_t i = 0; i < reader->columns.count; i++) {
        if (reader->fields[i] == SIZE_MAX) continue;
        self->columns[i].array = &arrays[reader->fields[i]];
        self->columns[i].text = (const uint8_t *)self->block->text;
        self->columns[i].rows = rows;
        any = any || reader->types[i] == ROWS_ANY;
    }
    if (any) PEAL_TRY(walk(self, true, err));
    for (size_t i = 0; i < reader->columns.count; i++) {
        column *one = &self->columns[i];
        if (!one->array) continue;
        PEAL_TRY(begin_column(one, way_of(reader->types[i], one->saw, &wanted->fields[reader->fields[i]]), err));
    }
    PEAL_TRY(walk(self, false, err));
    for (size_t i = 0; i < reader->columns.count; i++) {
        column *one = &self->columns[i];
        if (!one->array) continue;
        PEAL_TRY(peal_buffer_reserve(one->made, PEAL_BLOCK_PADDING, err));
        one->array->values = one->values;
        one->array->view_bytes[IN_BLOCK] = one->text;
        one->array->view_bytes[MADE] = one->made->data;
    }
    return PEAL_OK;
}

peal_status rows__parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const rows__reader *reader = (const rows__reader *)base;
    const size_t wanted = reader->wanted->schema->count;
    parser self = {.reader = reader, .block = block};
    ipc__array *arrays = NULL;
    peal_status status = peal_alloc_checked(&arrays, wanted, sizeof *arrays, "a block", err);
    if (status == PEAL_OK) {
        status = peal_zeroed_checked(&self.columns, reader->columns.count, sizeof *self.columns, "a block", err);
    }
    if (status == PEAL_OK) status = make_arrays(&self, arrays, err);
    if (status == PEAL_OK) status = ipc__fill_block(reader->wanted, arrays, (size_t)block->records, block, err);
    ipc__arrays_free(arrays, wanted);
    free(self.columns);
    return status;
}
