/* The format image: a row is an image, a file or a member of an archive (peal_items), or the bytes of a stream. `next`
 * hands out names only; `parse`, on any thread, reads the files, decodes them and makes them alike by the column's
 * recipe. So reading waits on all threads at once, and an image is in memory on the thread that decodes it and nowhere
 * else. */
#include "etl/format/image.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "etl/format/formats.h"
#include "etl/image/crew.h"

enum { BLOCK_ROWS = 64 };

typedef struct image_reader {
    peal_reader base;
    const peal_wanted *wanted;
    char *name;
    peal_items items;  /* none of a stream: */
    peal_buffer bytes; /* its bytes, */
    bool is_stream;
    size_t count, next; /* rows */
    uint64_t number;
    size_t image, label; /* columns; SIZE_MAX: not wanted */
    /* What decoders passed over, for the end; guarded by the lock. */
    pthread_mutex_t lock;
    size_t warnings, first_warned;
    char warning[PEAL_IMAGE_WARNING];
} image_reader;

/* What a thread makes rows with. */
typedef struct workbench {
    peal_image_bench base;
    peal_buffer label;
} workbench;

static void bench_clear(workbench *self) {
    peal_image_bench_clear(&self->base);
    peal_buffer_clear(&self->label);
}

static char *row_name(const image_reader *self, size_t row) {
    return self->is_stream ? peal_strdup(self->name) : peal_item_name(&self->items.items[row]);
}

static void tell_warnings(const image_reader *self) {
    char *name = self->warnings ? row_name(self, self->first_warned) : NULL;
    if (name) {
        peal_report(self->wanted->damage, PEAL_EVENT_WARNING,
                    "%zu image%s damaged and decoded as far as %s; the first is %s: %s", self->warnings,
                    self->warnings == 1 ? " is" : "s are", self->warnings == 1 ? "it goes" : "they go", name,
                    self->warning);
    }
    free(name);
}

static void image_close(peal_reader *base) {
    image_reader *self = (image_reader *)base;
    tell_warnings(self);
    pthread_mutex_destroy(&self->lock);
    peal_buffer_clear(&self->bytes);
    free(self->name);
    free(self);
}

/* ---- reading ---- */

static size_t rows_of(size_t width, size_t block_size) {
    const size_t rows = (block_size ? block_size : PEAL_BLOCK_SIZE) / width + 1;
    return rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
}

static size_t block_rows(const image_reader *self) {
    const size_t width = self->image == SIZE_MAX ? 1 : self->wanted->schema->fields[self->image].width;
    return rows_of(width, self->wanted->block_size);
}

static peal_status image_next(peal_reader *base, peal_block *block, peal_error *err) {
    image_reader *self = (image_reader *)base;
    const size_t left = self->count - self->next, most = block_rows(self);
    (void)err;
    block->size = 0;
    block->records = left < most ? left : most;
    block->number = self->number++;
    block->first_line = self->items.first + self->next + 1;
    self->next += block->records;
    return PEAL_OK;
}

/* ---- one image ---- */

/* Counts what a decoder passed over; the first by the order of rows is kept, whoever comes first. */
static void note_warning(image_reader *self, size_t row, const char *warning) {
    pthread_mutex_lock(&self->lock);
    if (self->warnings++ == 0 || row < self->first_warned) {
        self->first_warned = row;
        memcpy(self->warning, warning, PEAL_IMAGE_WARNING);
    }
    pthread_mutex_unlock(&self->lock);
}

/* PEAL_E_DATA if what came out is not as large as a row of the column. */
static peal_status check_size(const peal_field *field, const peal_image_shape *shape, peal_error *err) {
    const size_t size = peal_image_size(shape);
    if (size == field->width) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the image is %u x %u of %u channel%s, %zu bytes; column '%s' has %u a row",
                     shape->width, shape->height, shape->channels, shape->channels == 1 ? "" : "s", size, field->name,
                     field->width);
}

static peal_status make_pixels(const image_reader *self, size_t row, peal_image_bench *bench, peal_error *err) {
    const peal_field *field = &self->wanted->schema->fields[self->image];
    PEAL_TRY(self->is_stream ? peal_image_make(self->bytes.data, self->bytes.size, field->recipe, bench, err)
                             : peal_image_make_item(&self->items.items[row], field->recipe, bench, err));
    return check_size(field, &bench->image.shape, err);
}

static peal_status make_label(const image_reader *self, size_t row, peal_buffer *label, peal_error *err) {
    PEAL_TRY(self->is_stream ? image__folder(self->name, true, label, err)
                             : peal_image_label(&self->items.items[row], label, err));
    const bool is_required = self->label == self->wanted->label && self->wanted->label_required;
    if (label->size || !is_required) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the image has no label: what stands beside it is empty");
}

static peal_status add_bad_row(const image_reader *self, peal_block *block, size_t row, const char *reason,
                               peal_error *err) {
    char *name = row_name(self, row);
    PEAL_TRY(peal_block_add_bad_row(block, self->items.first + row + 1, PEAL_NO_COLUMN, "", 0, err, "%s", reason));
    return peal_block_name_bad_row(block, name, err);
}

static bool is_wanted(const peal_schema *schema, size_t column) {
    return column != SIZE_MAX && !schema->fields[column].skip;
}

/* A block under way. */
typedef struct block_work {
    const image_reader *self;
    peal_block *block;
    bool pixels, label; /* wanted */
    workbench bench;
} block_work;

/* Appends a good row. */
static peal_status put_row(block_work *work, const uint8_t *pixels, peal_error *err) {
    const image_reader *self = work->self;
    peal_table_room *table = &work->block->table;
    const size_t size = work->pixels ? self->wanted->schema->fields[self->image].width : 0;
    if (size) memcpy((uint8_t *)table->columns[self->image].values + table->rows * size, pixels, size);
    if (self->wanted->hash_rows) work->block->hashes[table->rows] = size ? peal_hash(pixels, size, 0) : 0;
    if (work->label) {
        const peal_buffer *label = &work->bench.label;
        uint32_t code;
        PEAL_TRY(
            peal_dictionary_put(&table->dictionaries[self->label], (const char *)label->data, label->size, &code, err));
        ((int32_t *)table->columns[self->label].values)[table->rows] = (int32_t)code;
    }
    table->rows++;
    return PEAL_OK;
}

/* What became of the pixels of row `row`: `made`, with `why` if it is no PEAL_OK. A damaged image, or label, is a bad
 * row; all else fails. */
static peal_status end_row(block_work *work, size_t row, peal_status made, const peal_error *why, const char *warning,
                           const uint8_t *pixels, peal_error *err) {
    peal_error error = {0};
    if (warning[0]) note_warning((image_reader *)work->self, row, warning);
    if (made != PEAL_OK) {
        error = *why;
    } else if (work->label) {
        made = make_label(work->self, row, &work->bench.label, &error);
    }
    if (made == PEAL_OK) return put_row(work, pixels, err);
    if (made == PEAL_E_DATA) return add_bad_row(work->self, work->block, row, error.message, err);
    if (err) *err = error;
    return made;
}

static peal_status make_rows(block_work *work, size_t first, size_t count, peal_error *err) {
    for (size_t row = first; row < first + count; row++) {
        peal_error why = {0};
        peal_image_bench *bench = &work->bench.base;
        const peal_status made = work->pixels ? make_pixels(work->self, row, bench, &why) : PEAL_OK;
        PEAL_TRY(end_row(work, row, made, &why, bench->warning, bench->image.pixels, err));
    }
    return PEAL_OK;
}

/* ---- by processes ---- */

/* What a process tells of a row; behind those of a span follow the pixels of all. */
typedef struct told_row {
    peal_status made;
    peal_error why;
    char warning[PEAL_IMAGE_WARNING];
} told_row;

size_t peal_image_block_bytes(const peal_schema *schema, size_t block_size) {
    const size_t image = peal_schema_find(schema, "image", 5);
    const size_t width = image == SIZE_MAX || !schema->fields[image].width ? 1 : schema->fields[image].width;
    return rows_of(width, block_size) * (sizeof(told_row) + width);
}

/* In a process, which knows the items and the column, but not the reader. */
static peal_status tell_rows(peal_call *call, peal_error *err) {
    const peal_image_span *span = call->argument;
    const peal_item *items = span->shared[0];
    const peal_field *field = span->shared[1];
    told_row *rows = call->result;
    uint8_t *pixels = (uint8_t *)(rows + span->count);
    const size_t size = span->count * (sizeof *rows + field->width);
    peal_image_bench bench = {0};
    (void)err;
    assert(size <= call->result_size);
    for (size_t i = 0; i < span->count; i++, pixels += field->width) {
        told_row *row = &rows[i];
        row->made = peal_image_make_item(&items[span->first + i], field->recipe, &bench, &row->why);
        if (row->made == PEAL_OK) row->made = check_size(field, &bench.image.shape, &row->why);
        if (row->made == PEAL_OK) memcpy(pixels, bench.image.pixels, field->width);
        memcpy(row->warning, bench.warning, sizeof row->warning);
    }
    call->result_size = size;
    peal_image_bench_clear(&bench);
    return PEAL_OK;
}

static peal_status take_rows(void *user, size_t first, size_t count, const void *result, size_t size, peal_error *err) {
    block_work *work = user;
    const told_row *rows = result;
    const uint8_t *pixels = (const uint8_t *)(rows + count);
    const size_t width = work->self->wanted->schema->fields[work->self->image].width;
    (void)size;
    for (size_t i = 0; i < count; i++) {
        PEAL_TRY(end_row(work, first + i, rows[i].made, &rows[i].why, rows[i].warning, pixels + i * width, err));
    }
    return PEAL_OK;
}

static peal_status take_crash(void *user, size_t row, const char *reason, peal_error *err) {
    peal_error why;
    peal_fail(&why, PEAL_E_DATA, "%s", reason);
    return end_row(user, row, PEAL_E_DATA, &why, "", NULL, err);
}

static peal_status make_rows_apart(block_work *work, size_t first, size_t count, peal_error *err) {
    const image_reader *self = work->self;
    const peal_image_work apart = {.task = tell_rows,
                                   .shared = {self->items.items, &self->wanted->schema->fields[self->image]},
                                   .consume = take_rows,
                                   .crashed = take_crash,
                                   .user = work};
    return peal_image_crew_run(self->wanted->crew, &apart, first, count, err);
}

static peal_status image_parse(const peal_reader *base, peal_block *block, peal_error *err) {
    const image_reader *self = (const image_reader *)base;
    const peal_schema *schema = self->wanted->schema;
    block_work work = {.self = self,
                       .block = block,
                       .pixels = is_wanted(schema, self->image),
                       .label = is_wanted(schema, self->label)};
    const size_t first = block->first_line - 1 - self->items.first;
    PEAL_TRY(peal_block_reserve(block, self->wanted, block->records, err));
    const bool apart = self->wanted->crew && work.pixels && !self->is_stream;
    const peal_status status =
        apart ? make_rows_apart(&work, first, block->records, err) : make_rows(&work, first, block->records, err);
    bench_clear(&work.bench);
    return status;
}

/* ---- opening ---- */

/* Which columns are wanted, and that images can fill them. */
static peal_status find_columns(image_reader *self, peal_error *err) {
    const peal_schema *schema = self->wanted->schema;
    char names[PEAL_NAMES_TEXT];
    self->image = peal_schema_find(schema, "image", 5);
    self->label = peal_schema_find(schema, "label", 5);
    const peal_field *image = self->image == SIZE_MAX ? NULL : &schema->fields[self->image];
    bool fits = image && image->type == PEAL_TYPE_FIXED_LIST && image->item == PEAL_TYPE_UINT8;
    for (size_t i = 0; i < schema->count; i++) {
        const bool is_spare = schema->fields[i].skip || (i == self->wanted->label && !self->wanted->label_required);
        fits = fits && (i == self->image || i == self->label || is_spare);
    }
    fits = fits && (self->label == SIZE_MAX || peal_types[schema->fields[self->label].type].has_vocabulary ||
                    schema->fields[self->label].skip);
    if (fits) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: images have the columns 'image' and 'label', but the job's are %s",
                     self->name, peal_schema_names(schema, names));
}

static peal_status image_begin(image_reader *self, const peal_input *input, peal_error *err) {
    if (!self->name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(find_columns(self, err));
    if (input->items) {
        self->items = *input->items;
        self->count = input->items->count;
        return PEAL_OK;
    }
    self->is_stream = true;
    self->count = 1;
    return peal_stream_read_all(input->stream, self->name, PEAL_IMAGE_BYTES_MOST, &self->bytes, err);
}

static peal_status image_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                              peal_reader **out, peal_error *err) {
    (void)options;
    *out = NULL;
    image_reader *self = calloc(1, sizeof *self);
    peal_status status = self ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    if (self) {
        self->base = (peal_reader){.next = image_next, .parse = image_parse, .close = image_close};
        self->wanted = wanted;
        self->name = peal_strdup(input->name);
        pthread_mutex_init(&self->lock, NULL);
        status = image_begin(self, input, err);
    }
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    if (status == PEAL_OK) {
        *out = &self->base;
    } else if (self) {
        image_close(&self->base);
    }
    return status;
}

static int image_recognise(const uint8_t *head, size_t size, const char *name) {
    (void)name;
    return peal_image_is_one(head, size) ? 100 : 0;
}

static const char *const image_suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", NULL};
static const peal_option image_options[] = {{.name = NULL}};

const peal_format peal_format_image = {
    .name = "image",
    .documentation = "JPEG and PNG, one a row: files, folders of them, members of archives; the label is the name of "
                     "their folder, or stands beside each (key.cls, key.json, key.txt)",
    .suffixes = image_suffixes,
    .options = image_options,
    .recognise = image_recognise,
    .survey = image__survey,
    .open = image_open,
    .gathers = true,
};
