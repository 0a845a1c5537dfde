/* npz: a zip archive whose members are NumPy arrays, each read through a stream of its own. See npy.h. */
#include <stdlib.h>
#include <string.h>

#include "core/base/spelling.h"
#include "core/base/utf8.h"
#include "etl/archive/archive.h"
#include "etl/format/npy.h"

/* ---- one stream for all members ---- */

/* Reads another stream at an offset, and does not close it. */
typedef struct lent_stream {
    peal_stream base;
    peal_stream *inner;
    uint64_t at;
} lent_stream;

static peal_status lent_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                peal_error *err) {
    const lent_stream *self = (const lent_stream *)base;
    return self->inner->read_at(self->inner, offset, out, capacity, got, err);
}

static peal_status lent_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    lent_stream *self = (lent_stream *)base;
    PEAL_TRY(lent_read_at(base, self->at, out, capacity, got, err));
    self->at += *got;
    return PEAL_OK;
}

static void lent_close(peal_stream *base) {
    free(base);
}

static peal_status lend(peal_stream *inner, peal_stream **out, peal_error *err) {
    lent_stream *self = malloc(sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a member");
    *self = (lent_stream){
        .base = {.read = lent_read, .read_at = lent_read_at, .close = lent_close, .size = inner->size}, .inner = inner};
    *out = &self->base;
    return PEAL_OK;
}

/* ---- members ---- */

/* The path without ".npy"; 0 if it has no such end. */
static size_t name_length(const char *path) {
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".npy") == 0 ? length - 4 : 0;
}

static peal_status open_member(npy__arrays *arrays, const peal_member *member, const char *column, size_t column_length,
                               peal_error *err) {
    npy__array *array = &arrays->arrays[arrays->count++];
    const size_t length = name_length(member->path);
    array->name = peal_strndup(member->path, length);
    if (column) array->column = peal_strndup(column, column_length);
    char *shown = peal_sprintf("%s/%s", arrays->name, member->path);
    if (!array->name || (column && !array->column) || !shown) {
        free(shown);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a member");
    }
    peal_status status = PEAL_OK;
    if (!column && peal_utf8_error(array->name, length) < length) {
        status = peal_fail(err, PEAL_E_DATA, "%s: the name of a member is not UTF-8", arrays->name);
    }
    peal_stream *lent = NULL;
    if (status == PEAL_OK) status = lend(arrays->stream, &lent, err);
    if (status == PEAL_OK) status = peal_archive_zip.open(lent, shown, member, &array->stream, err);
    if (status == PEAL_OK) status = npy__header_read(array, shown, err);
    free(shown);
    return status;
}

static peal_status no_member(const npy__arrays *arrays, const peal_member_list *list, const char *text, size_t length,
                             peal_error *err) {
    char names[PEAL_NAMES_TEXT];
    peal_schema all = {0};
    for (size_t i = 0; i < list->count; i++) {
        const size_t size = name_length(list->members[i].path);
        if (size) (void)peal_schema_add(&all, list->members[i].path, size, PEAL_TYPE_UTF8, NULL);
    }
    peal_fail(err, PEAL_E_USAGE, "%s: there is no array '%.*s' (arrays); its arrays are %s", arrays->name,
              (int)(length < 80 ? length : 80), text, peal_schema_names(&all, names));
    peal_schema_clear(&all);
    return PEAL_E_USAGE;
}

/* "x_train:image": a member, and what its columns are to be called. */
static peal_status open_chosen(npy__arrays *arrays, const peal_member_list *list, const char *text, size_t length,
                               peal_error *err) {
    const char *colon = memchr(text, ':', length);
    const size_t size = colon ? (size_t)(colon - text) : length, column_size = colon ? length - size - 1 : 0;
    for (size_t i = 0; i < list->count; i++) {
        const peal_member *member = &list->members[i];
        if (size == 0 || name_length(member->path) != size || memcmp(member->path, text, size) != 0) continue;
        return open_member(arrays, member, column_size ? colon + 1 : NULL, column_size, err);
    }
    return no_member(arrays, list, text, size, err);
}

static peal_status open_all(npy__arrays *arrays, const peal_member_list *list, const char *chosen, peal_error *err) {
    size_t most = list->count;
    for (const char *at = chosen; at && *at; at++) most += *at == '+';
    PEAL_TRY(peal_alloc_checked(&arrays->arrays, most + 1, sizeof *arrays->arrays, "arrays", err));
    for (size_t i = 0; i < list->count && !chosen; i++) {
        if (name_length(list->members[i].path)) PEAL_TRY(open_member(arrays, &list->members[i], NULL, 0, err));
    }
    for (const char *at = chosen; at;) {
        const char *end = strchr(at, '+');
        PEAL_TRY(open_chosen(arrays, list, at, end ? (size_t)(end - at) : strlen(at), err));
        at = end ? end + 1 : NULL;
    }
    if (arrays->count > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s is a zip archive without NumPy arrays (.npy)", arrays->name);
}

peal_status npy__open_archive(const json_t *options, const peal_input *input, npy__arrays *out, peal_error *err) {
    peal_member_list list = {0};
    *out = (npy__arrays){.name = input->name, .stream = input->stream};
    peal_status status = PEAL_OK;
    if (!out->stream->read_at || out->stream->size == UINT64_MAX) {
        status = peal_fail(err, PEAL_E_DATA, "%s: an npz archive that is compressed once more; decompress it first",
                           input->name);
    }
    if (status == PEAL_OK) status = peal_archive_zip.list(out->stream, input->name, &list, err);
    if (status == PEAL_OK) status = open_all(out, &list, peal_option_text(options, "arrays", NULL), err);
    peal_member_list_clear(&list);
    if (status == PEAL_OK) status = npy__columns_make(out, err);
    if (status != PEAL_OK) npy__arrays_clear(out);
    return status;
}
