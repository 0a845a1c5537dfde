/* Rows of a crawl; see sink.h. */
#include "etl/source/pages/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/source/kind.h"
#include "etl/source/rows.h"

enum { AT_ONCE = 1 << 18, COLUMNS_MOST = 32767, FIXED_OF_TABLES = 2 };

typedef struct out_file {
    int fd;
    uint64_t size;
    peal_buffer bytes; /* not written yet */
    peal_hasher *hasher;
} out_file;

typedef struct name {
    char *text;
    uint32_t type;
} name;

struct pages__sink {
    const pages__wanted *wanted;
    out_file raw; /* rows, of as many fields as there were columns then */
    name *columns;
    size_t count, capacity;
    uint64_t rows;
    size_t *places; /* [PAGES__COLUMNS_MOST] which columns those of the table are */
    size_t known;   /* of them */
};

/* ---- files ---- */

static peal_status file_open(out_file *self, peal_error *err) {
    self->fd = source__open_unnamed();
    self->hasher = peal_hasher_new();
    if (!self->hasher) return peal_fail(err, PEAL_E_MEMORY, "no memory for rows");
    if (self->fd >= 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file in %s", peal_temporary_folder());
}

static peal_status file_flush(out_file *self, peal_error *err) {
    if (self->bytes.size == 0) return PEAL_OK;
    PEAL_TRY(peal_file_write_at(self->fd, "the rows of pages", self->bytes.data, self->bytes.size, self->size, err));
    peal_hasher_update(self->hasher, self->bytes.data, self->bytes.size);
    self->size += self->bytes.size;
    self->bytes.size = 0;
    return PEAL_OK;
}

static peal_status file_put(out_file *self, const void *bytes, size_t size, peal_error *err) {
    PEAL_TRY(peal_buffer_append(&self->bytes, bytes, size, err));
    return self->bytes.size < AT_ONCE ? PEAL_OK : file_flush(self, err);
}

static void file_close(out_file *self) {
    if (self->fd >= 0) close(self->fd);
    peal_hasher_free(self->hasher);
    peal_buffer_clear(&self->bytes);
    *self = (out_file){.fd = -1};
}

/* ---- columns ---- */

static size_t find_column(const pages__sink *self, const char *text) {
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->columns[i].text, text) == 0) return i;
    }
    return SIZE_MAX;
}

static peal_status add_column(pages__sink *self, const char *text, uint32_t type, peal_error *err) {
    if (self->count == COLUMNS_MOST) {
        return peal_fail(err, PEAL_E_DATA, "the tables of the pages have more than %d columns of different names",
                         COLUMNS_MOST);
    }
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity * 2 + 16;
        name *longer = realloc(self->columns, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
        self->columns = longer;
        self->capacity = capacity;
    }
    char *copy = peal_strdup(text);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    self->columns[self->count++] = (name){copy, type};
    return PEAL_OK;
}

static uint32_t type_of(const char *text) {
    return strcmp(text, "depth") == 0 || strcmp(text, "table") == 0 ? ROWS_INT4 : ROWS_TEXT;
}

static peal_status add_columns(pages__sink *self, peal_error *err) {
    for (const char *const *one = pages__wanted_names(self->wanted); *one; one++) {
        PEAL_TRY(add_column(self, *one, type_of(*one), err));
    }
    for (size_t i = 0; i < self->wanted->count; i++) {
        PEAL_TRY(add_column(self, self->wanted->fields[i].name, ROWS_ANY, err));
    }
    return PEAL_OK;
}

peal_status pages__sink_new(const pages__wanted *wanted, pages__sink **out, peal_error *err) {
    *out = NULL;
    pages__sink *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for rows");
    self->wanted = wanted;
    self->raw.fd = -1;
    peal_status status = peal_alloc_checked(&self->places, PAGES__COLUMNS_MOST, sizeof *self->places, "a table", err);
    if (status == PEAL_OK) status = file_open(&self->raw, err);
    if (status == PEAL_OK) status = add_columns(self, err);
    if (status == PEAL_OK) {
        *out = self;
    } else {
        pages__sink_free(self);
    }
    return status;
}

void pages__sink_free(pages__sink *self) {
    if (!self) return;
    file_close(&self->raw);
    for (size_t i = 0; i < self->count; i++) free(self->columns[i].text);
    free(self->columns);
    free(self->places);
    free(self);
}

uint64_t pages__sink_rows(const pages__sink *self) {
    return self->rows;
}

/* ---- rows of tables ---- */

/* One field at *at, which is moved behind it; SIZE_MAX if it is missing. The bytes are Peal's own. */
static const uint8_t *take_field(const uint8_t **at, size_t *size) {
    const uint32_t length = source__get32(*at);
    const uint8_t *text = *at + 4;
    *size = length == (uint32_t)ROWS_MISSING ? SIZE_MAX : length;
    *at = text + (*size == SIZE_MAX ? 0 : *size);
    return text;
}

static bool is_taken(const pages__sink *self, size_t column) {
    for (size_t i = 0; i < self->known; i++) {
        if (self->places[i] == column) return true;
    }
    return column < FIXED_OF_TABLES;
}

/* The column of that name, a new one if there is none. Of two in a table the second one gets a number. */
static peal_status place_column(pages__sink *self, const char *text, size_t size, peal_error *err) {
    const size_t index = self->known;
    char *plain = size ? peal_strndup(text, size) : peal_sprintf("column_%zu", index + 1), *numbered = NULL;
    peal_status status = plain ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    for (char *line = plain; line && (line = strchr(line, '\n'));) *line = ' ';
    const char *tried = plain;
    size_t found = SIZE_MAX;
    for (size_t number = 2; status == PEAL_OK; number++) {
        found = find_column(self, tried);
        if (found == SIZE_MAX || !is_taken(self, found)) break;
        free(numbered);
        tried = numbered = peal_sprintf("%s_%zu", plain, number);
        if (!numbered) status = peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    }
    if (status == PEAL_OK && found == SIZE_MAX) {
        found = self->count;
        status = add_column(self, tried, ROWS_ANY, err);
    }
    if (status == PEAL_OK) self->places[self->known++] = found;
    free(numbered);
    free(plain);
    return status;
}

static peal_status take_names(pages__sink *self, size_t count, const uint8_t **at, peal_error *err) {
    self->known = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *text = take_field(at, &size);
        PEAL_TRY(place_column(self, (const char *)text, size == SIZE_MAX ? 0 : size, err));
    }
    return PEAL_OK;
}

static peal_status put_field(out_file *out, const uint8_t *text, size_t size, peal_error *err) {
    uint8_t length[4];
    source__put32(length, size == SIZE_MAX ? (uint32_t)ROWS_MISSING : (uint32_t)size);
    PEAL_TRY(file_put(out, length, sizeof length, err));
    return size == SIZE_MAX ? PEAL_OK : file_put(out, text, size, err);
}

static peal_status put_count(out_file *out, size_t count, peal_error *err) {
    uint8_t bytes[2];
    source__put16(bytes, (uint16_t)count);
    return file_put(out, bytes, sizeof bytes, err);
}

/* A row of a table, its fields in their columns. */
static peal_status put_values(pages__sink *self, size_t count, const uint8_t **at, const uint8_t **fields,
                              size_t *sizes, peal_error *err) {
    for (size_t i = self->known; i + FIXED_OF_TABLES < count; i++) PEAL_TRY(place_column(self, "", 0, err));
    for (size_t i = 0; i < self->count; i++) sizes[i] = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const size_t column = i < FIXED_OF_TABLES ? i : self->places[i - FIXED_OF_TABLES];
        fields[column] = take_field(at, &sizes[column]);
    }
    PEAL_TRY(put_count(&self->raw, self->count, err));
    for (size_t i = 0; i < self->count; i++) PEAL_TRY(put_field(&self->raw, fields[i], sizes[i], err));
    self->rows++;
    return PEAL_OK;
}

static peal_status put_tables(pages__sink *self, const pages__page *page, const uint8_t **fields, size_t *sizes,
                              peal_error *err) {
    const uint8_t *at = page->rows.data, *const end = at + page->rows.size;
    while (at < end) {
        const uint16_t count = source__get16(at);
        at += 2;
        if (count & PAGES__NAMES) {
            PEAL_TRY(take_names(self, count & (PAGES__NAMES - 1u), &at, err));
        } else {
            PEAL_TRY(put_values(self, count, &at, fields, sizes, err));
        }
    }
    return PEAL_OK;
}

static void count_rows(pages__sink *self, const pages__page *page) {
    const uint8_t *at = page->rows.data, *const end = at + page->rows.size;
    for (; at < end; self->rows++) {
        size_t size;
        const uint16_t count = source__get16(at);
        at += 2;
        for (size_t i = 0; i < count; i++) (void)take_field(&at, &size);
    }
}

peal_status pages__sink_put(pages__sink *self, const pages__page *page, peal_error *err) {
    if (page->rows.size == 0) return PEAL_OK;
    if (!self->wanted->tables) {
        count_rows(self, page);
        return file_put(&self->raw, page->rows.data, page->rows.size, err);
    }
    const uint8_t **fields = NULL;
    size_t *sizes = NULL;
    peal_status status = peal_zeroed_checked(&fields, COLUMNS_MOST, sizeof *fields, "a row", err);
    if (status == PEAL_OK) status = peal_zeroed_checked(&sizes, COLUMNS_MOST, sizeof *sizes, "a row", err);
    if (status == PEAL_OK) status = put_tables(self, page, fields, sizes, err);
    free(fields);
    free(sizes);
    return status;
}

/* ---- the end ---- */

static peal_status put_header(const pages__sink *self, out_file *out, peal_error *err) {
    source__row_column *columns;
    PEAL_TRY(peal_alloc_checked(&columns, self->count, sizeof *columns, "columns", err));
    for (size_t i = 0; i < self->count; i++) {
        columns[i] = (source__row_column){self->columns[i].text, self->columns[i].type};
    }
    const peal_status status = source__rows_begin(columns, self->count, &out->bytes, err);
    free(columns);
    return status;
}

/* Reads the rows that were kept, in pieces that hold whole fields. */
typedef struct input {
    const out_file *from;
    uint64_t at;
    peal_buffer bytes;
    size_t used;
} input;

/* Makes `size` bytes stand at bytes.data + used. */
static peal_status want(input *self, size_t size, peal_error *err) {
    size_t left = self->bytes.size - self->used, got;
    if (left >= size) return PEAL_OK;
    memmove(self->bytes.data, self->bytes.data + self->used, left);
    self->used = 0;
    self->bytes.size = left;
    const size_t more = size > AT_ONCE ? size : AT_ONCE;
    PEAL_TRY(peal_buffer_reserve(&self->bytes, more, err));
    PEAL_TRY(
        peal_file_read_at(self->from->fd, "the rows of pages", self->bytes.data + left, more, self->at, &got, err));
    self->at += got;
    self->bytes.size += got;
    if (self->bytes.size >= size) return PEAL_OK;
    return peal_fail(err, PEAL_E_FAILED, "the rows of pages in %s were cut", peal_temporary_folder());
}

static peal_status copy_row(const pages__sink *self, input *in, out_file *out, peal_error *err) {
    PEAL_TRY(want(in, 2, err));
    const size_t count = source__get16(in->bytes.data + in->used);
    in->used += 2;
    PEAL_TRY(put_count(out, self->count, err));
    for (size_t i = 0; i < self->count; i++) {
        size_t size = SIZE_MAX;
        if (i < count) {
            PEAL_TRY(want(in, 4, err));
            const uint32_t length = source__get32(in->bytes.data + in->used);
            in->used += 4;
            if (length != (uint32_t)ROWS_MISSING) size = length;
            if (size != SIZE_MAX) PEAL_TRY(want(in, size, err));
        }
        PEAL_TRY(put_field(out, in->bytes.data + in->used, size, err));
        if (size != SIZE_MAX) in->used += size;
    }
    return PEAL_OK;
}

static peal_status copy_rows(const pages__sink *self, out_file *out, peal_error *err) {
    input in = {.from = &self->raw};
    peal_status status = put_header(self, out, err);
    if (status == PEAL_OK) status = peal_buffer_reserve(&in.bytes, AT_ONCE, err);
    for (uint64_t row = 0; row < self->rows && status == PEAL_OK; row++) status = copy_row(self, &in, out, err);
    peal_buffer_clear(&in.bytes);
    if (status == PEAL_OK) status = put_count(out, (uint16_t)ROWS_END, err);
    return status == PEAL_OK ? file_flush(out, err) : status;
}

peal_status pages__sink_finish(pages__sink *self, peal_source *source, peal_error *err) {
    out_file out = {.fd = -1};
    peal_status status = file_flush(&self->raw, err);
    if (status == PEAL_OK) status = file_open(&out, err);
    if (status == PEAL_OK) status = copy_rows(self, &out, err);
    if (status == PEAL_OK) {
        source->fd = out.fd;
        source->begin = 0;
        source->size = out.size;
        source->hashed = true;
        source->hash = peal_hasher_end(out.hasher);
        out.fd = -1;
    }
    file_close(&out);
    return status;
}
