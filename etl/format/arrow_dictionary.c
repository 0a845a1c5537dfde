/* Dictionaries of an Arrow input: each entry once as text, whatever its type; and which of them hold for which blocks.
 * See arrow.h.
 *
 * A stream may replace a dictionary or add to it between batches, while threads parse blocks that were made before. So
 * an edition is never changed while a block holds on to it: the next batch's dictionaries are another edition, which
 * shares the texts that stay. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/format/arrow.h"

/* ---- texts and editions, with the lock held or before there are threads ---- */

static void texts_release(ipc__texts *texts) {
    if (--texts->users > 0) return;
    peal_buffer_clear(&texts->bytes);
    free(texts->offsets);
    free(texts);
}

static void dictionary_clear(ipc__dictionary *dictionary) {
    for (size_t i = 0; i < dictionary->text_count; i++) texts_release(dictionary->texts[i]);
    free(dictionary->texts);
    free(dictionary->first);
    *dictionary = (ipc__dictionary){0};
}

static void edition_free(ipc__dictionaries *self, ipc__edition *edition) {
    ipc__edition **link = &self->all;
    while (*link && *link != edition) link = &(*link)->next;
    if (*link) *link = edition->next;
    for (size_t i = 0; edition->dictionaries && i < self->count; i++) dictionary_clear(&edition->dictionaries[i]);
    free(edition->dictionaries);
    free(edition);
}

static peal_status edition_new(ipc__dictionaries *self, ipc__edition **out, peal_error *err) {
    ipc__edition *edition = calloc(1, sizeof *edition);
    if (!edition) return peal_fail(err, PEAL_E_MEMORY, "no memory for dictionaries");
    edition->users = 1;
    const peal_status status =
        peal_alloc_checked(&edition->dictionaries, self->count, sizeof *edition->dictionaries, "dictionaries", err);
    if (status != PEAL_OK) {
        free(edition);
        return status;
    }
    edition->next = self->all;
    self->all = edition;
    *out = edition;
    return PEAL_OK;
}

static peal_status dictionary_add(ipc__dictionary *self, ipc__texts *texts, peal_error *err) {
    ipc__texts **longer = realloc(self->texts, (self->text_count + 1) * sizeof(ipc__texts *));
    if (longer) self->texts = longer;
    size_t *first = realloc(self->first, (self->text_count + 1) * sizeof *first);
    if (first) self->first = first;
    if (!longer || !first) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dictionary");
    longer[self->text_count] = texts;
    first[self->text_count++] = self->size;
    texts->users++;
    self->size += texts->count;
    self->sound = (self->sound || !self->known) && texts->sound;
    self->known = true;
    return PEAL_OK;
}

/* The last edition if no block holds on to it, else a copy that then is the last. */
static peal_status own_edition(ipc__dictionaries *self, peal_error *err) {
    if (self->last->users == 1) return PEAL_OK;
    ipc__edition *copy = NULL;
    PEAL_TRY(edition_new(self, &copy, err));
    for (size_t i = 0; i < self->count; i++) {
        const ipc__dictionary *from = &self->last->dictionaries[i];
        for (size_t k = 0; k < from->text_count; k++) {
            const peal_status status = dictionary_add(&copy->dictionaries[i], from->texts[k], err);
            if (status == PEAL_OK) continue;
            edition_free(self, copy);
            return status;
        }
        copy->dictionaries[i].known = from->known;
        copy->dictionaries[i].sound = from->sound;
    }
    self->last->users--;
    self->last = copy;
    return PEAL_OK;
}

ipc__edition *ipc__edition_hold(ipc__dictionaries *self) {
    pthread_mutex_lock(&self->lock);
    ipc__edition *edition = self->last;
    edition->users++;
    pthread_mutex_unlock(&self->lock);
    return edition;
}

void ipc__edition_release(ipc__dictionaries *self, ipc__edition *edition) {
    pthread_mutex_lock(&self->lock);
    if (--edition->users == 0) edition_free(self, edition);
    pthread_mutex_unlock(&self->lock);
}

/* ---- all of them ---- */

static bool is_same_type(const ipc__type *a, const ipc__type *b) {
    return a->kind == b->kind && a->unit == b->unit && a->is_signed == b->is_signed && a->zoned == b->zoned &&
           a->zone == b->zone && a->bits == b->bits && a->precision == b->precision && a->scale == b->scale &&
           a->width == b->width;
}

/* Columns may share a dictionary; its values are then of one type. */
static peal_status find_or_add(ipc__dictionaries *self, const ipc__schema *schema, size_t index, peal_error *err) {
    ipc__node *node = &schema->nodes[index];
    for (node->dictionary = 0; node->dictionary < self->count; node->dictionary++) {
        if (self->ids[node->dictionary] != node->dictionary_id) continue;
        const ipc__node *first = &schema->nodes[self->nodes[node->dictionary]];
        if (is_same_type(&first->type, &node->type)) return PEAL_OK;
        return peal_fail(err, PEAL_E_DATA,
                         "a damaged Arrow schema: columns '%s' and '%s' share dictionary %lld, but "
                         "are of different types",
                         first->path, node->path, (long long)node->dictionary_id);
    }
    self->ids[self->count] = node->dictionary_id;
    self->nodes[self->count++] = index;
    return PEAL_OK;
}

peal_status ipc__dictionaries_new(ipc__schema *schema, ipc__dictionaries **out, peal_error *err) {
    *out = NULL;
    ipc__dictionaries *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for dictionaries");
    pthread_mutex_init(&self->lock, NULL);
    size_t coded = 0;
    for (size_t i = 0; i < schema->count; i++) coded += schema->nodes[i].coded;
    peal_status status = peal_alloc_checked(&self->ids, coded, sizeof *self->ids, "dictionaries", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&self->nodes, coded, sizeof *self->nodes, "dictionaries", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&self->wanted, coded, sizeof *self->wanted, "dictionaries", err);
    for (size_t i = 0; i < schema->count && status == PEAL_OK; i++) {
        if (schema->nodes[i].coded) status = find_or_add(self, schema, i, err);
    }
    if (status == PEAL_OK) status = edition_new(self, &self->last, err);
    if (status != PEAL_OK) {
        ipc__dictionaries_free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

void ipc__dictionaries_free(ipc__dictionaries *self) {
    if (!self) return;
    while (self->all) edition_free(self, self->all);
    pthread_mutex_destroy(&self->lock);
    free(self->ids);
    free(self->nodes);
    free(self->wanted);
    free(self);
}

/* ---- dictionary batches ---- */

static peal_status append_text(const ipc__array *values, size_t row, ipc__texts *out, peal_error *err) {
    char cell[IPC_CELL];
    size_t length = 0;
    const char *text = ipc__array_has(values, row) ? ipc__array_text(values, row, cell, &length) : "";
    PEAL_TRY(peal_buffer_append(&out->bytes, text, length, err));
    out->offsets[row + 1] = out->bytes.size;
    return PEAL_OK;
}

/* The values of a batch as texts; a missing one is the empty text. */
static peal_status read_texts(const ipc__array *values, ipc__texts *out, peal_error *err) {
    out->count = values->rows;
    out->sound = values->sound;
    PEAL_TRY(peal_alloc_checked(&out->offsets, values->rows + 1, sizeof *out->offsets, "a dictionary", err));
    for (size_t row = 0; row < values->rows; row++) PEAL_TRY(append_text(values, row, out, err));
    return peal_buffer_reserve(&out->bytes, PEAL_BLOCK_PADDING, err);
}

/* One column of values, as if it were a record batch's. */
static peal_status open_values(const ipc__source *source, const ipc__schema *schema, ipc__batch *batch,
                               peal_block *block, ipc__texts *out, peal_error *err) {
    const size_t node = 0;
    ipc__array values;
    const char *wrong;
    if (batch->rows > UINT32_MAX) return ipc__damaged(source, batch->at, err, "a dictionary of too many entries");
    PEAL_TRY(ipc__part_write(source, schema, batch, &node, 1, 0, batch->rows, NULL, block, err));
    const ipc__part *part = (const ipc__part *)(const void *)block->text;
    if (ipc__array_open(schema, part, ipc__part_slices(part), block->text, &values, &wrong) != PEAL_OK) {
        return ipc__damaged(source, batch->at, err, "the dictionary of column '%s': %s", schema->nodes[0].path, wrong);
    }
    const peal_status status = read_texts(&values, out, err);
    ipc__array_clear(&values);
    return status;
}

static peal_status make_texts(const ipc__source *source, const ipc__schema *schema, ipc__message *message,
                              arrow__at data, const uint8_t *body, ipc__texts *out, peal_error *err) {
    ipc__batch batch = {0};
    peal_block block = {0};
    peal_status status = ipc__batch_open(source, schema, message, data, body, 0, &batch, err);
    if (status == PEAL_OK && batch.rows > 0) {
        status = open_values(source, schema, &batch, &block, out, err);
    } else if (status == PEAL_OK) {
        out->sound = true;
        status = peal_alloc_checked(&out->offsets, 1, sizeof *out->offsets, "a dictionary", err);
    }
    free(block.text);
    ipc__batch_clear(&batch);
    return status;
}

static peal_status put_texts(ipc__dictionaries *self, size_t index, bool adds, ipc__texts *texts, peal_error *err) {
    PEAL_TRY(own_edition(self, err));
    ipc__dictionary *dictionary = &self->last->dictionaries[index];
    if (!adds) dictionary_clear(dictionary);
    return dictionary_add(dictionary, texts, err);
}

peal_status ipc__dictionaries_take(ipc__dictionaries *self, const ipc__source *source, const ipc__schema *schema,
                                   ipc__message *message, const uint8_t *body, peal_error *err) {
    arrow__reader *reader = &message->reader;
    const int64_t id = (int64_t)arrow__read_scalar(reader, message->header, DICTIONARY_BATCH_ID, 8, 0);
    const bool adds = arrow__read_scalar(reader, message->header, DICTIONARY_BATCH_DELTA, 1, 0) != 0;
    const arrow__at data = arrow__read_ref(reader, message->header, DICTIONARY_BATCH_DATA);
    size_t index = 0;
    while (index < self->count && self->ids[index] != id) index++;
    if (index == self->count) return PEAL_OK; /* of a column in a list, perhaps */
    if (reader->bad || !data) return ipc__damaged(source, message->at, err, "a dictionary batch is damaged");
    if (!self->wanted[index]) return PEAL_OK;
    ipc__node node = schema->nodes[self->nodes[index]];
    node.coded = false;
    node.parent = SIZE_MAX;
    node.buffer_count = ipc__buffers_of(&node.type);
    const ipc__schema values = {.nodes = &node, .count = 1, .version = schema->version};
    ipc__texts *texts = calloc(1, sizeof *texts);
    if (!texts) return peal_fail(err, PEAL_E_MEMORY, "no memory for a dictionary");
    texts->users = 1;
    peal_status status = make_texts(source, &values, message, data, body, texts, err);
    pthread_mutex_lock(&self->lock);
    if (status == PEAL_OK) status = put_texts(self, index, adds, texts, err);
    texts_release(texts);
    pthread_mutex_unlock(&self->lock);
    return status;
}

const char *ipc__dictionary_text(const ipc__dictionary *dictionary, size_t entry, size_t *length) {
    size_t low = 0, high = dictionary->text_count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (dictionary->first[middle] <= entry) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const ipc__texts *texts = dictionary->texts[low];
    entry -= dictionary->first[low];
    *length = texts->offsets[entry + 1] - texts->offsets[entry];
    return (const char *)texts->bytes.data + texts->offsets[entry];
}
