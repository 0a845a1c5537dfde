/* Copies the beginning of a source; see first.h. */
#include "etl/job/first.h"

#include <string.h>

#include "core/base/stop.h"
#include "etl/job/objects.h"

enum { PIECE = 1 << 16 };

/* Text under way to its file. */
typedef struct cutting {
    const peal_format *format; /* NULL: not known yet */
    peal_buffer text;
    size_t at;      /* bytes of the text that were looked at */
    size_t end;     /* bytes of the lines that are wanted; 0: not known yet */
    size_t left;    /* lines still wanted */
    bool is_quoted; /* at `at` */
} cutting;

/* Looks for line breaks in what came since; true if all that are wanted are there. */
static bool cut(cutting *self) {
    const char *text = (const char *)self->text.data;
    for (; self->at < self->text.size; self->at++) {
        if (self->format->quote && text[self->at] == self->format->quote) self->is_quoted = !self->is_quoted;
        if (text[self->at] != '\n' || self->is_quoted) continue;
        if (--self->left > 0) continue;
        self->end = self->at + 1;
        return true;
    }
    return false;
}

static peal_status check_lines(const peal_format *format, const peal_object *object, const uint8_t *head, size_t size,
                               peal_error *err) {
    if (format->is_lines && format->is_lines(head, size)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "%s: its first rows cannot be cut off to fit a pipeline on, for it is no text of lines (%s); give "
                     "a model to go on from (init)",
                     object->name, format->name);
}

static peal_status find_format(const peal_object_list *list, cutting *self, peal_error *err) {
    const peal_object *object = &list->objects[0];
    const size_t size = self->text.size < PEAL_HEAD_SIZE ? self->text.size : PEAL_HEAD_SIZE;
    PEAL_TRY(peal_object_format(list, object, self->text.data, size, &self->format, err));
    return check_lines(self->format, object, self->text.data, size, err);
}

static peal_status read_lines(const peal_object_list *list, peal_stream *stream, cutting *self, const atomic_int *stop,
                              peal_error *err) {
    for (;;) {
        size_t got;
        if (peal_is_stopped(stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
        PEAL_TRY(peal_buffer_reserve(&self->text, PIECE, err));
        PEAL_TRY(stream->read(stream, self->text.data + self->text.size, PIECE, &got, err));
        if (got == 0) break;
        self->text.size += got;
        /* A short beginning does not tell the format: a line is wanted, or what files give at once. */
        const bool has_line = memchr(self->text.data, '\n', self->text.size) || self->text.size >= PEAL_HEAD_SIZE;
        if (!self->format && has_line) PEAL_TRY(find_format(list, self, err));
        if (self->format && cut(self)) return PEAL_OK;
    }
    if (self->text.size == 0) return peal_fail(err, PEAL_E_DATA, "%s is empty", list->objects[0].name);
    return self->format ? PEAL_OK : find_format(list, self, err);
}

static peal_status check_object(const peal_object *object, peal_error *err) {
    if (object->source->live) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s gives its rows once: to fit a pipeline on its first ones it must be the only source; or "
                         "give a model to go on from (init)",
                         object->name);
    }
    if (!object->items.count && !object->companion) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s: is no text of lines; give a model to go on from (init)", object->name);
}

peal_status peal_first_rows(const peal_etl_options *options, size_t *lines, const char *path, const char **format,
                            peal_error *err) {
    const peal_source_options sources = {.names = options->sources,
                                         .count = options->source_count,
                                         .access = options->access,
                                         .live = true,
                                         .stop = options->stop,
                                         .reporter = options->reporter};
    peal_object_list list;
    PEAL_TRY(peal_object_list_make(&sources, options->format, options->reading, &list, err));
    cutting self = {.left = *lines};
    peal_stream *stream = NULL;
    peal_status status = check_object(&list.objects[0], err);
    if (status == PEAL_OK) status = peal_object_stream_open(&list.objects[0], NULL, &stream, err);
    if (status == PEAL_OK) status = read_lines(&list, stream, &self, options->stop, err);
    if (status == PEAL_OK) {
        const size_t end = self.end ? self.end : self.text.size;
        status = peal_file_write_atomic(path, self.text.data, end, err);
    }
    if (status == PEAL_OK) {
        const bool has_open_line = !self.end && self.text.data[self.text.size - 1] != '\n';
        *lines -= self.left - has_open_line;
        *format = self.format->name;
    }
    peal_stream_close(stream);
    peal_buffer_clear(&self.text);
    peal_object_list_clear(&list);
    return status;
}
