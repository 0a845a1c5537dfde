/* The formats npy and npz: arrays beside each other, read in blocks of rows. See npy.h. */
#include "etl/format/npy.h"

#include <stdlib.h>
#include <string.h>

#include "etl/format/formats.h"

enum { PART_ROWS = 1 << 17 };

peal_status npy__open_file(const json_t *options, const peal_input *input, npy__arrays *out, peal_error *err) {
    (void)options;
    *out = (npy__arrays){.name = input->name};
    npy__array *array = calloc(1, sizeof *array);
    if (!array) {
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for an array");
    }
    array->stream = input->stream;
    out->arrays = array;
    out->count = 1;
    peal_status status = npy__header_read(array, input->name, err);
    if (status == PEAL_OK) status = npy__columns_make(out, err);
    if (status != PEAL_OK) npy__arrays_clear(out);
    return status;
}

/* ---- the reader ---- */

static void npy_close(peal_reader *base) {
    npy__reader *reader = (npy__reader *)base;
    npy__arrays_clear(&reader->arrays);
    free(reader->columns);
    free(reader->name);
    free(reader);
}

static peal_status array_rows(npy__reader *reader, npy__array *array, uint64_t rows, uint8_t *out, peal_error *err) {
    const size_t size = (size_t)rows * array->row_size;
    size_t got;
    if (array->whole.data) {
        memcpy(out, array->whole.data + reader->row * array->row_size, size);
        return PEAL_OK;
    }
    PEAL_TRY(peal_stream_fill(array->stream, out, size, &got, err));
    if (got == size) return PEAL_OK;
    char shape[NPY_SHAPE_TEXT];
    return peal_fail(err, PEAL_E_DATA, "%s%s%s is cut short: it ends within row %llu of an array of shape %s",
                     reader->name, array->name ? "/" : "", array->name ? array->name : "",
                     (unsigned long long)(reader->row + got / (array->row_size ? array->row_size : 1) + 1),
                     npy__shape_text(array, shape));
}

/* An archive's bytes are read at offsets; here they are passed over as well, so that who counts or hashes them sees
 * them. */
static peal_status read_along(npy__reader *reader, bool to_end, peal_error *err) {
    peal_stream *stream = reader->arrays.stream;
    uint8_t bytes[1 << 16];
    if (!stream) return PEAL_OK;
    uint64_t left = to_end ? UINT64_MAX : stream->size / (reader->rows / reader->part + 1);
    for (size_t got = 1; got > 0 && left > 0; left -= got) {
        PEAL_TRY(stream->read(stream, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes, &got, err));
    }
    return PEAL_OK;
}

/* At the end of each array nothing follows; a member's checksum is compared there. */
static peal_status read_end(npy__reader *reader, peal_error *err) {
    for (size_t i = 0; i < reader->arrays.count; i++) {
        const npy__array *array = &reader->arrays.arrays[i];
        char shape[NPY_SHAPE_TEXT];
        uint8_t extra;
        size_t got;
        PEAL_TRY(peal_stream_fill(array->stream, &extra, 1, &got, err));
        if (got == 0) continue;
        return peal_fail(err, PEAL_E_DATA, "%s%s%s: there is more behind its array of shape %s", reader->name,
                         array->name ? "/" : "", array->name ? array->name : "", npy__shape_text(array, shape));
    }
    return read_along(reader, true, err);
}

static peal_status npy_next(peal_reader *base, peal_block *block, peal_error *err) {
    npy__reader *reader = (npy__reader *)base;
    uint64_t rows = reader->rows - reader->row;
    if (rows > reader->part) rows = reader->part;
    block->size = 0;
    block->records = 0;
    if (rows == 0) return read_end(reader, err);
    size_t size = 0;
    for (size_t i = 0; i < reader->arrays.count; i++) {
        size += peal_round_up((size_t)rows * reader->arrays.arrays[i].row_size, 8);
    }
    PEAL_TRY(peal_block_grow(block, size + 1, err));
    for (size_t i = 0; i < reader->arrays.count; i++) {
        npy__array *array = &reader->arrays.arrays[i];
        PEAL_TRY(array_rows(reader, array, rows, (uint8_t *)block->text + block->size, err));
        block->size += peal_round_up((size_t)rows * array->row_size, 8);
    }
    PEAL_TRY(read_along(reader, false, err));
    memset(block->text + block->size, 0, PEAL_BLOCK_PADDING);
    block->records = rows;
    block->number = reader->number++;
    block->first_line = reader->row + 1;
    reader->row += rows;
    return PEAL_OK;
}

/* ---- opening ---- */

static peal_status find_column(npy__reader *reader, size_t index, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    const peal_field *field = &wanted->schema->fields[index];
    const peal_schema *columns = &reader->arrays.columns;
    const size_t found = peal_schema_find(columns, field->name, strlen(field->name));
    char names[PEAL_NAMES_TEXT];
    reader->columns[index] = found;
    if (field->skip || (found == SIZE_MAX && index == wanted->label && !wanted->label_required)) return PEAL_OK;
    if (found == SIZE_MAX) {
        return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s'; its columns are %s", reader->name, field->name,
                         peal_schema_names(columns, names));
    }
    const peal_field *has = &columns->fields[found];
    const bool is_bytes = has->type == PEAL_TYPE_FIXED_LIST, want_bytes = field->type == PEAL_TYPE_FIXED_LIST;
    if (is_bytes == want_bytes && (!is_bytes || (has->width == field->width && has->item == field->item))) {
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_DATA, "%s: column '%s' has %u items a row, and %u were expected", reader->name,
                     field->name, is_bytes ? has->width : 1, want_bytes ? field->width : 1);
}

static peal_status begin(peal_reader *base, const peal_wanted *wanted, peal_error *err) {
    npy__reader *reader = (npy__reader *)base;
    size_t row_size = 1;
    reader->base = (peal_reader){.next = npy_next, .parse = npy__parse, .close = npy_close};
    reader->wanted = wanted;
    PEAL_TRY(peal_alloc_checked(&reader->columns, wanted->schema->count, sizeof *reader->columns, "columns", err));
    for (size_t i = 0; i < wanted->schema->count; i++) PEAL_TRY(find_column(reader, i, err));
    for (size_t i = 0; i < reader->arrays.count; i++) {
        row_size += reader->arrays.arrays[i].row_size;
        PEAL_TRY(npy__turn(&reader->arrays.arrays[i], reader->name, err));
    }
    reader->rows = reader->arrays.arrays[0].rows;
    reader->part = (wanted->block_size ? wanted->block_size : PEAL_BLOCK_SIZE) / row_size + 1;
    if (reader->part > PART_ROWS) reader->part = PART_ROWS;
    return PEAL_OK;
}

static peal_status reader_new(npy__opener opener, const json_t *options, const peal_input *input, npy__reader **out,
                              peal_error *err) {
    *out = NULL;
    peal_stream_close(input->labels);
    npy__reader *reader = calloc(1, sizeof *reader);
    char *name = peal_strdup(input->name);
    if (!reader || !name) {
        free(reader);
        free(name);
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    reader->name = name;
    const peal_input named = {.name = name, .stream = input->stream};
    const peal_status status = opener(options, &named, &reader->arrays, err);
    if (status != PEAL_OK) {
        npy_close(&reader->base);
        return status;
    }
    *out = reader;
    return PEAL_OK;
}

static peal_status open_arrays(npy__opener opener, const json_t *options, const peal_wanted *wanted,
                               const peal_input *input, peal_reader **out, peal_error *err) {
    npy__reader *reader;
    *out = NULL;
    PEAL_TRY(reader_new(opener, options, input, &reader, err));
    const peal_status status = begin(&reader->base, wanted, err);
    if (status != PEAL_OK) {
        npy_close(&reader->base);
        return status;
    }
    *out = &reader->base;
    return PEAL_OK;
}

/* ---- survey ---- */

static peal_status survey_arrays(npy__opener opener, const json_t *options, const peal_survey *what,
                                 const peal_input *input, peal_found *out, peal_error *err) {
    npy__reader *reader;
    *out = (peal_found){0};
    PEAL_TRY(reader_new(opener, options, input, &reader, err));
    peal_status status = peal_schema_copy(&reader->arrays.columns, &out->schema, err);
    if (status == PEAL_OK) {
        status = peal_alloc_checked(&out->guesses, out->schema.count, sizeof *out->guesses, "columns", err);
    }
    if (status == PEAL_OK) status = ipc__survey_label(&reader->base, begin, what, out, err);
    if (status != PEAL_OK) peal_found_clear(out);
    npy_close(&reader->base);
    return status;
}

/* ---- the formats ---- */

static peal_status npy_survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                              peal_error *err) {
    return survey_arrays(npy__open_file, options, what, input, out, err);
}

static peal_status npz_survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                              peal_error *err) {
    return survey_arrays(npy__open_archive, options, what, input, out, err);
}

static peal_status npy_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    return open_arrays(npy__open_file, options, wanted, input, out, err);
}

static peal_status npz_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                            peal_reader **out, peal_error *err) {
    return open_arrays(npy__open_archive, options, wanted, input, out, err);
}

static int npy_recognise(const uint8_t *head, size_t size, const char *name) {
    (void)name;
    return size >= 6 && memcmp(head, "\x93NUMPY", 6) == 0 ? 100 : 0;
}

/* A zip archive whose first member is an array. */
static int npz_recognise(const uint8_t *head, size_t size, const char *name) {
    enum { NAME_SIZE_AT = 26, NAME_AT = 30 };
    (void)name;
    if (size < NAME_AT || memcmp(head, "PK\3\4", 4) != 0) return 0;
    const size_t length = (size_t)(head[NAME_SIZE_AT] | head[NAME_SIZE_AT + 1] << 8);
    if (length < 4 || length > size - NAME_AT) return 0;
    return memcmp(head + NAME_AT + length - 4, ".npy", 4) == 0 ? 100 : 0;
}

static const char *const npy_suffixes[] = {".npy", NULL};
static const char *const npz_suffixes[] = {".npz", NULL};
static const peal_option npy_options[] = {{.name = NULL}};
static const peal_option npz_options[] = {
    {.name = "arrays",
     .kind = PEAL_OPTION_TEXT,
     .argument = "A+B...",
     .help =
         "which arrays of an npz archive stand beside each other, and as which columns: x_train:image+y_train (all, "
         "as they are called)"},
    {.name = NULL}};

const peal_format peal_format_npy = {
    .name = "npy",
    .documentation = "a NumPy array: columns c1, c2... of two dimensions, value of one, image of bytes of more",
    .suffixes = npy_suffixes,
    .options = npy_options,
    .recognise = npy_recognise,
    .survey = npy_survey,
    .open = npy_open,
};

const peal_format peal_format_npz = {
    .name = "npz",
    .documentation = "NumPy arrays of one length in a zip archive, beside each other; columns are called as they are",
    .suffixes = npz_suffixes,
    .options = npz_options,
    .recognise = npz_recognise,
    .survey = npz_survey,
    .open = npz_open,
};
