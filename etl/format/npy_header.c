/* The header of a NumPy array: a magic number, a version, and a Python dictionary that tells type, order and shape. See
 * npy.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/format/npy.h"

enum { MAGIC = 6, PRELUDE = 8, HEADER_MOST = 1 << 20, ROW_MOST = 1 << 28, ITEM_MOST = 1 << 20 };

const char *npy__shape_text(const npy__array *array, char text[NPY_SHAPE_TEXT]) {
    size_t used = (size_t)snprintf(text, NPY_SHAPE_TEXT, "(");
    for (size_t i = 0; i < array->dimensions && used < NPY_SHAPE_TEXT - 32; i++) {
        used += (size_t)snprintf(text + used, NPY_SHAPE_TEXT - used, "%s%llu", i ? ", " : "",
                                 (unsigned long long)array->shape[i]);
    }
    snprintf(text + used, NPY_SHAPE_TEXT - used, "%s", array->dimensions == 1 ? ",)" : ")");
    return text;
}

/* ---- the dictionary ---- */

typedef struct literal {
    const char *at, *begin, *end;
    const char *name;
    size_t offset; /* of the dictionary in the file */
    npy__array *out;
    bool has_type, has_order, has_shape;
} literal;

static peal_status odd(const literal *self, peal_error *err, const char *expected) {
    return peal_fail(err, PEAL_E_DATA, "%s: byte %zu: its NumPy header is damaged: %s was expected", self->name,
                     self->offset + (size_t)(self->at - self->begin), expected);
}

static void pass_blanks(literal *self) {
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\t')) self->at++;
}

static bool take(literal *self, char one) {
    pass_blanks(self);
    if (self->at == self->end || *self->at != one) return false;
    self->at++;
    return true;
}

static bool take_word(literal *self, const char *word) {
    pass_blanks(self);
    const size_t size = strlen(word);
    if ((size_t)(self->end - self->at) < size || memcmp(self->at, word, size) != 0) return false;
    self->at += size;
    return true;
}

static peal_status take_text(literal *self, const char **text, size_t *length, peal_error *err) {
    pass_blanks(self);
    const char quote = self->at < self->end ? *self->at : '\0';
    if (quote != '\'' && quote != '"') return odd(self, err, "a text in quotes");
    const char *begin = self->at + 1;
    const char *end = memchr(begin, quote, (size_t)(self->end - begin));
    if (!end) return odd(self, err, "the end of a text");
    *text = begin;
    *length = (size_t)(end - begin);
    self->at = end + 1;
    return PEAL_OK;
}

static peal_status refuse(const literal *self, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s: its items are %s, which is not read; numbers, bool or text was expected",
                     self->name, what);
}

static const char *refused_kind(char kind) {
    switch (kind) {
    case 'O':
        return "Python objects (pickle)";
    case 'c':
        return "complex numbers";
    case 'M':
        return "dates (datetime64)";
    case 'm':
        return "durations (timedelta64)";
    default:
        return "raw or of a type that is not known";
    }
}

/* "<f8": order, kind, size. */
static peal_status take_type(literal *self, peal_error *err) {
    const char *text;
    size_t length;
    npy__array *out = self->out;
    pass_blanks(self);
    if (self->at < self->end && *self->at == '[') return refuse(self, err, "records (a structured type)");
    PEAL_TRY(take_text(self, &text, &length, err));
    if (length < 2 || length > 10 || !strchr("<>|=", text[0])) return odd(self, err, "a type such as '<f8'");
    out->swapped = text[0] == '>';
    out->kind = text[1];
    if (!strchr("biufSU", out->kind)) return refuse(self, err, refused_kind(out->kind));
    uint32_t size = 0;
    for (size_t i = 2; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return odd(self, err, "a type such as '<f8'");
        size = size * 10 + (uint32_t)(text[i] - '0');
    }
    const bool is_text = out->kind == 'S' || out->kind == 'U';
    if (is_text ? size > ITEM_MOST : (size != 1 && size != 2 && size != 4 && size != 8)) {
        return refuse(self, err, out->kind == 'f' ? "floats of an odd size" : "of an odd size");
    }
    if ((out->kind == 'b' && size != 1) || (out->kind == 'f' && size == 1)) return refuse(self, err, "of an odd size");
    out->size = out->kind == 'U' ? size * 4 : size;
    self->has_type = true;
    return PEAL_OK;
}

static peal_status take_shape(literal *self, peal_error *err) {
    if (!take(self, '(')) return odd(self, err, "a shape in parentheses");
    npy__array *out = self->out;
    while (!take(self, ')')) {
        uint64_t number = 0;
        const char *begin = self->at;
        for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++) {
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, (uint64_t)(*self->at - '0'), &number)) {
                return odd(self, err, "a length that makes sense");
            }
        }
        if (self->at == begin) return odd(self, err, "a length");
        if (self->at < self->end && *self->at == 'L') self->at++; /* Python 2 wrote it */
        if (out->dimensions == NPY_DIMENSIONS_MOST) return odd(self, err, "at most 32 dimensions");
        out->shape[out->dimensions++] = number;
        if (take(self, ',')) continue;
        pass_blanks(self);
        if (self->at == self->end || *self->at != ')') return odd(self, err, "a comma or the end of the shape");
    }
    self->has_shape = true;
    return PEAL_OK;
}

static peal_status take_order(literal *self, peal_error *err) {
    self->out->by_columns = take_word(self, "True");
    if (!self->out->by_columns && !take_word(self, "False")) return odd(self, err, "True or False");
    self->has_order = true;
    return PEAL_OK;
}

static bool is_key(const char *text, size_t length, const char *key, bool *seen) {
    return length == strlen(key) && memcmp(text, key, length) == 0 && !*seen;
}

static peal_status take_entry(literal *self, peal_error *err) {
    const char *key;
    size_t length;
    PEAL_TRY(take_text(self, &key, &length, err));
    if (!take(self, ':')) return odd(self, err, "a colon");
    if (is_key(key, length, "descr", &self->has_type)) return take_type(self, err);
    if (is_key(key, length, "fortran_order", &self->has_order)) return take_order(self, err);
    if (is_key(key, length, "shape", &self->has_shape)) return take_shape(self, err);
    return odd(self, err, "one 'descr', 'fortran_order' and 'shape' each");
}

static peal_status take_dictionary(literal *self, peal_error *err) {
    if (!take(self, '{')) return odd(self, err, "a Python dictionary");
    while (!take(self, '}')) {
        PEAL_TRY(take_entry(self, err));
        if (take(self, ',')) continue;
        pass_blanks(self);
        if (self->at == self->end || *self->at != '}') return odd(self, err, "a comma or a closing brace");
    }
    pass_blanks(self);
    if (self->at != self->end) return odd(self, err, "the end of the header");
    return self->has_type && self->has_order && self->has_shape
               ? PEAL_OK
               : odd(self, err, "'descr', 'fortran_order' and 'shape'");
}

/* ---- the array ---- */

static peal_status measure(npy__array *array, const char *name, peal_error *err) {
    char shape[NPY_SHAPE_TEXT];
    if (array->dimensions == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: its array is a single value; one with rows was expected", name);
    }
    array->rows = array->shape[0];
    array->width = 1;
    bool fits = true;
    for (size_t i = 1; i < array->dimensions; i++) {
        fits = fits && !__builtin_mul_overflow(array->width, array->shape[i], &array->width);
    }
    uint64_t row_size = 0, size = 0;
    fits = fits && !__builtin_mul_overflow(array->width, array->size, &row_size) && row_size <= ROW_MOST &&
           !__builtin_mul_overflow(array->rows, row_size, &size) && size <= INT64_MAX / 2;
    if (!fits || array->rows > INT64_MAX / 2) {
        return peal_fail(err, PEAL_E_DATA, "%s: an array of shape %s is too large", name,
                         npy__shape_text(array, shape));
    }
    array->row_size = (size_t)row_size;
    return PEAL_OK;
}

static peal_status read_header_size(npy__array *array, const char *name, size_t *prelude, size_t *size,
                                    peal_error *err) {
    uint8_t head[PRELUDE + 4];
    size_t got;
    PEAL_TRY(peal_stream_fill(array->stream, head, PRELUDE, &got, err));
    if (got < PRELUDE || memcmp(head, "\x93NUMPY", MAGIC) != 0) {
        return peal_fail(err, PEAL_E_DATA, "%s is no NumPy array: it must begin with byte 93 and NUMPY", name);
    }
    if (head[6] < 1 || head[6] > 3) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte 6: a NumPy header of version %u; 1, 2 or 3 was expected", name,
                         head[6]);
    }
    const size_t bytes = head[6] == 1 ? 2 : 4;
    PEAL_TRY(peal_stream_fill(array->stream, head + PRELUDE, bytes, &got, err));
    if (got < bytes) return peal_fail(err, PEAL_E_DATA, "%s is cut short within its NumPy header", name);
    *size = 0;
    for (size_t i = bytes; i-- > 0;) *size = *size << 8 | head[PRELUDE + i];
    *prelude = PRELUDE + bytes;
    if (*size <= HEADER_MOST) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: byte 8: a NumPy header of %zu bytes; at most %d were expected", name, *size,
                     HEADER_MOST);
}

peal_status npy__header_read(npy__array *array, const char *name, peal_error *err) {
    size_t prelude = 0, size = 0, got = 0;
    PEAL_TRY(read_header_size(array, name, &prelude, &size, err));
    char *text = malloc(size + 1);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a header");
    peal_status status = peal_stream_fill(array->stream, (uint8_t *)text, size, &got, err);
    if (status == PEAL_OK && got < size) {
        status = peal_fail(err, PEAL_E_DATA, "%s is cut short within its NumPy header", name);
    }
    if (status == PEAL_OK) {
        literal self = {.at = text, .begin = text, .end = text + size, .name = name, .offset = prelude, .out = array};
        status = take_dictionary(&self, err);
    }
    free(text);
    return status == PEAL_OK ? measure(array, name, err) : status;
}

/* ---- Fortran's order ---- */

static peal_status read_whole(npy__array *array, const char *name, peal_buffer *out, peal_error *err) {
    enum { STEP = 1 << 20 };
    const uint64_t size = array->rows * array->row_size;
    while (out->size < size) {
        const uint64_t left = size - out->size;
        const size_t step = left < STEP ? (size_t)left : STEP;
        size_t got;
        PEAL_TRY(peal_buffer_reserve(out, step, err));
        PEAL_TRY(peal_stream_fill(array->stream, out->data + out->size, step, &got, err));
        out->size += got;
        if (got < step) {
            return peal_fail(err, PEAL_E_DATA, "%s is cut short: it ends behind %zu of its %llu bytes of items", name,
                             out->size, (unsigned long long)size);
        }
    }
    return PEAL_OK;
}

peal_status npy__turn(npy__array *array, const char *name, peal_error *err) {
    if (!array->by_columns || array->dimensions < 2 || array->whole.data) return PEAL_OK;
    peal_buffer from = {0};
    peal_status status = read_whole(array, name, &from, err);
    if (status == PEAL_OK) status = peal_buffer_reserve(&array->whole, from.size + PEAL_BLOCK_PADDING, err);
    uint64_t index[NPY_DIMENSIONS_MOST] = {0}, stride[NPY_DIMENSIONS_MOST] = {array->size};
    for (size_t i = 1; i < array->dimensions; i++) stride[i] = stride[i - 1] * array->shape[i - 1];
    /* Items in C's order, the last dimension fastest; `at` follows them in the other order. */
    for (uint64_t to = 0, at = 0; status == PEAL_OK && to < from.size; to += array->size) {
        memcpy(array->whole.data + to, from.data + at, array->size);
        for (size_t i = array->dimensions; i-- > 0;) {
            at += stride[i];
            if (++index[i] < array->shape[i]) break;
            at -= stride[i] * index[i];
            index[i] = 0;
        }
    }
    if (status == PEAL_OK) array->whole.size = from.size;
    peal_buffer_clear(&from);
    return status;
}
