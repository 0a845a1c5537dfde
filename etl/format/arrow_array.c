/* The pieces of a part become arrays: unpacked, and checked so that nothing that is read of them later lies outside.
 * See arrow.h. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/format/arrow.h"

typedef struct array_opener {
    const ipc__part *part;
    const ipc__piece *pieces; /* the column's */
    const char *text;
    ipc__array *out;
    const char *wrong;
} array_opener;

void ipc__array_clear(ipc__array *array) {
    for (size_t i = 0; i < array->own_count; i++) peal_buffer_clear(&array->own[i]);
    free(array->own);
    free(array->own_views);
    free(array->view_bytes);
    free(array->valid);
    free(array->odd);
    free(array->wrong);
    *array = (ipc__array){0};
}

/* Piece `index` as plain bytes, `needed` of them (SIZE_MAX: all, of which *size tells how many); NULL if it has fewer.
 */
static const uint8_t *piece_bytes(array_opener *self, size_t index, uint64_t needed, size_t *size) {
    static const uint8_t nothing[PEAL_BLOCK_PADDING];
    const ipc__piece *piece = &self->pieces[index];
    const uint8_t *bytes = (const uint8_t *)self->text + piece->at;
    size_t there = (size_t)piece->size;
    if (self->part->packing != IPC_PLAIN) {
        peal_buffer *own = &self->out->own[self->out->own_count++];
        const char *wrong = ipc__unpack(self->part->packing, bytes, there, needed, own);
        if (wrong) {
            self->wrong = wrong;
            return NULL;
        }
        bytes = own->data;
        there = own->size;
    }
    if (size) *size = there;
    if (needed != SIZE_MAX && there < needed) {
        self->wrong = "it is too short";
        return NULL;
    }
    return bytes ? bytes : nothing;
}

/* ---- what is missing ---- */

static bool read_validity(array_opener *self, size_t index) {
    ipc__array *out = self->out;
    const size_t shift = self->part->shift;
    const uint8_t *bits = piece_bytes(self, index, (shift + out->rows + 7) / 8, NULL);
    if (!bits) return false;
    if (!out->valid) {
        out->valid = peal_alloc(out->rows, 1);
        if (!out->valid) {
            self->wrong = "no memory to read it";
            return false;
        }
        memset(out->valid, 1, out->rows);
    }
    for (size_t row = 0; row < out->rows; row++) {
        if (!(bits[(shift + row) / 8] >> ((shift + row) % 8) & 1)) out->valid[row] = 0;
    }
    return true;
}

/* ---- texts ---- */

static uint64_t offset_at(const ipc__array *array, size_t index) {
    if (array->type.kind == TYPE_LARGE_UTF8) {
        uint64_t wide;
        memcpy(&wide, array->offsets + index * sizeof wide, sizeof wide);
        return wide;
    }
    uint32_t narrow;
    memcpy(&narrow, array->offsets + index * sizeof narrow, sizeof narrow);
    return narrow;
}

/* Offsets never fall and stay within `size` bytes; a text begins where a character does. */
static bool check_offsets(array_opener *self, uint64_t first, uint64_t size) {
    ipc__array *out = self->out;
    uint64_t before = offset_at(out, 0);
    if (before < first) {
        self->wrong = "its offsets are damaged";
        return false;
    }
    for (size_t row = 1; row <= out->rows; row++) {
        const uint64_t offset = offset_at(out, row);
        if (offset < before || offset - first > size) {
            self->wrong = "its offsets are damaged";
            return false;
        }
        if (offset - first < size && (out->bytes[offset - first] & 0xC0) == 0x80) out->sound = false;
        before = offset;
    }
    const uint64_t begin = offset_at(out, 0) - first, length = before - first - begin;
    if (peal_utf8_error((const char *)out->bytes + begin, length) < length) out->sound = false;
    return true;
}

static bool read_texts(array_opener *self, const ipc__slice *slice, size_t index) {
    ipc__array *out = self->out;
    const size_t width = out->type.kind == TYPE_LARGE_UTF8 ? 8 : 4;
    size_t size = 0;
    out->offsets = piece_bytes(self, index, (out->rows + 1) * width, NULL);
    if (out->offsets) out->bytes = piece_bytes(self, index + 1, SIZE_MAX, &size);
    if (!out->offsets || !out->bytes) return false;
    out->first = slice->first;
    return check_offsets(self, slice->first, size);
}

static bool check_view(const ipc__array *array, size_t row) {
    uint32_t view[4];
    memcpy(view, array->values + row * IPC_VIEW_SIZE, sizeof view);
    if (view[0] <= IPC_VIEW_SHORT) return true;
    return view[2] < array->view_count && view[3] <= array->views[view[2]].size &&
           view[0] <= array->views[view[2]].size - view[3];
}

static bool read_views(array_opener *self, const ipc__slice *slice, size_t index) {
    ipc__array *out = self->out;
    out->values = piece_bytes(self, index, out->rows * IPC_VIEW_SIZE, NULL);
    if (!out->values) return false;
    out->view_count = slice->views;
    out->own_views = calloc(slice->views + 1, sizeof *out->own_views);
    out->view_bytes = calloc(slice->views + 1, sizeof *out->view_bytes);
    if (!out->own_views || !out->view_bytes) {
        self->wrong = "no memory to read it";
        return false;
    }
    out->views = out->own_views;
    for (size_t i = 0; i < slice->views; i++) {
        size_t size = 0;
        out->view_bytes[i] = piece_bytes(self, index + 1 + i, SIZE_MAX, &size);
        if (!out->view_bytes[i]) return false;
        out->own_views[i].size = size;
    }
    char cell[IPC_CELL];
    for (size_t row = 0; row < out->rows; row++) {
        if (!ipc__array_has(out, row)) continue;
        if (!check_view(out, row)) {
            self->wrong = "its views are damaged";
            return false;
        }
        size_t length;
        const char *text = ipc__array_text(out, row, cell, &length);
        if (out->sound && peal_utf8_error(text, length) < length) out->sound = false;
    }
    return true;
}

/* ---- codes ---- */

static bool check_codes(array_opener *self, const ipc__node *node) {
    ipc__array *out = self->out;
    const ipc__edition *edition = self->part->edition;
    out->dictionary = edition ? &edition->dictionaries[node->dictionary] : NULL;
    for (size_t row = 0; row < out->rows; row++) {
        if (!ipc__array_has(out, row)) continue;
        if (!out->dictionary || !out->dictionary->known) {
            self->wrong = "its dictionary is not known here: it does not stand before the batch";
            return false;
        }
        if (ipc__array_code(out, row) >= out->dictionary->size) {
            self->wrong = "a value is none of its dictionary's";
            return false;
        }
    }
    out->sound = !out->dictionary || out->dictionary->sound;
    return true;
}

static bool read_values(array_opener *self, const ipc__schema *schema, const ipc__slice *slice) {
    ipc__array *out = self->out;
    const ipc__node *node = &schema->nodes[slice->node];
    size_t index = 0;
    for (; index < slice->validities; index++) {
        if (!read_validity(self, index)) return false;
    }
    if (out->type.kind == TYPE_UTF8 || out->type.kind == TYPE_LARGE_UTF8) return read_texts(self, slice, index);
    if (out->type.kind == TYPE_UTF8_VIEW) return read_views(self, slice, index);
    uint64_t bits = out->type.bits;
    if (out->type.kind == TYPE_FIXED_SIZE_LIST) bits = (uint64_t)out->type.width * 8;
    const size_t shift = bits == 1 ? self->part->shift : 0;
    out->shift = (unsigned)shift;
    uint64_t needed;
    if (__builtin_mul_overflow(bits, (uint64_t)out->rows + shift, &needed)) {
        self->wrong = "it is too short";
        return false;
    }
    out->values = piece_bytes(self, index, (needed + 7) / 8, NULL);
    return out->values && (!node->coded || check_codes(self, node));
}

peal_status ipc__array_open(const ipc__schema *schema, const ipc__part *part, const ipc__slice *slice, const char *text,
                            ipc__array *out, const char **wrong) {
    *out = (ipc__array){.type = {.kind = TYPE_NULL}, .rows = (size_t)part->rows, .sound = true};
    if (slice->node == SIZE_MAX) return PEAL_OK;
    const ipc__node *node = &schema->nodes[slice->node];
    out->type = node->coded ? node->index : node->type;
    if (node->type.kind == TYPE_NULL && !node->coded) return PEAL_OK;
    array_opener self = {
        .part = part, .pieces = ipc__part_pieces(part) + slice->piece, .text = text, .out = out, .wrong = NULL};
    out->own = calloc(slice->validities + 2 + slice->views, sizeof *out->own);
    if (!out->own) {
        self.wrong = "no memory to read it";
    } else if (read_values(&self, schema, slice)) {
        return PEAL_OK;
    }
    *wrong = self.wrong;
    ipc__array_clear(out);
    return PEAL_E_DATA;
}
