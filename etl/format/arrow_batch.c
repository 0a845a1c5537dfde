/* A record batch: where its buffers are; and parts of it, some rows of some columns, copied together. See arrow.h. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/arrow.h"

enum {
    PART_ROWS = 1 << 17,       /* of one part, at most */
    PACKED_ROWS = 1 << 18,     /* of a compressed batch that one `parse` unpacks */
    PACKED_BYTES = 64 << 20,   /* the same */
    VIEW_SIZE = 16,            /* bytes of a view */
    VIEW_SHORT = 12,           /* texts of up to so many bytes stand in it */
    VIEW_NOWHERE = 0x7FFFFFFF, /* a buffer that no batch has */
};

/* ---- opening ---- */

void ipc__batch_clear(ipc__batch *batch) {
    free(batch->lengths);
    free(batch->null_counts);
    free(batch->buffers);
    free(batch->views);
    free(batch->places);
    *batch = (ipc__batch){0};
}

static peal_status read_packing(const ipc__source *source, ipc__message *message, arrow__at header, ipc__batch *out,
                                peal_error *err) {
    const arrow__at packing = arrow__read_ref(&message->reader, header, BATCH_COMPRESSION);
    if (!packing) return PEAL_OK;
    const uint64_t codec = arrow__read_scalar(&message->reader, packing, 0, 1, COMPRESSION_LZ4);
    const uint64_t method = arrow__read_scalar(&message->reader, packing, 1, 1, 0);
    if (codec > COMPRESSION_ZSTD || method != 0) {
        return ipc__damaged(source, message->at, err,
                            "Arrow buffers compressed by codec %u; LZ4 (0) or zstd (1) was "
                            "expected",
                            (unsigned)codec);
    }
    out->packing = codec == COMPRESSION_LZ4 ? IPC_LZ4 : IPC_ZSTD;
    return PEAL_OK;
}

static peal_status read_nodes(const ipc__source *source, ipc__message *message, arrow__at header, ipc__batch *out,
                              peal_error *err) {
    size_t count;
    const uint8_t *nodes = arrow__read_vector(&message->reader, arrow__read_ref(&message->reader, header, BATCH_NODES),
                                              sizeof(arrow_node), &count);
    if (count != out->node_count) {
        return ipc__damaged(source, message->at, err, "a record batch of %zu fields; the schema has %zu", count,
                            out->node_count);
    }
    for (size_t i = 0; i < count; i++) {
        arrow_node node;
        memcpy(&node, nodes + i * sizeof node, sizeof node);
        if (node.length < 0) return ipc__damaged(source, message->at, err, "a column of a record batch is damaged");
        out->lengths[i] = node.length;
        out->null_counts[i] = node.null_count;
    }
    return PEAL_OK;
}

/* Counts out which buffers are whose. */
static peal_status number_buffers(const ipc__source *source, const ipc__schema *schema, ipc__message *message,
                                  arrow__at header, ipc__batch *out, peal_error *err) {
    size_t count, next = 0, used = 0;
    const uint8_t *counts = arrow__read_vector(
        &message->reader, arrow__read_ref(&message->reader, header, BATCH_VIEW_COUNTS), sizeof(int64_t), &count);
    for (size_t i = 0; i < schema->count; i++) {
        const ipc__node *node = &schema->nodes[i];
        int64_t views = 0;
        if (!node->coded && (node->type.kind == TYPE_UTF8_VIEW || node->type.kind == TYPE_BINARY_VIEW)) {
            if (used < count) memcpy(&views, counts + used * sizeof views, sizeof views);
            if (used++ >= count || views < 0 || (uint64_t)views > out->buffer_count) {
                return ipc__damaged(source, message->at, err, "a record batch does not tell the buffers of its views");
            }
        }
        out->buffers[i] = next;
        out->views[i] = (size_t)views;
        next += node->buffer_count + (size_t)views;
        if (next > out->buffer_count) {
            return ipc__damaged(source, message->at, err, "a record batch of %zu buffers; its columns need more",
                                out->buffer_count);
        }
    }
    return PEAL_OK;
}

static peal_status read_places(const ipc__source *source, ipc__message *message, const uint8_t *buffers,
                               const uint8_t *body, uint64_t body_at, ipc__batch *out, peal_error *err) {
    for (size_t i = 0; i < out->buffer_count; i++) {
        arrow_buffer buffer;
        memcpy(&buffer, buffers + i * sizeof buffer, sizeof buffer);
        const uint64_t offset = (uint64_t)buffer.offset, length = (uint64_t)buffer.length;
        if (buffer.offset < 0 || buffer.length < 0 || offset > message->body_size ||
            length > message->body_size - offset) {
            return ipc__damaged(source, message->at, err, "a buffer of a record batch lies outside of it");
        }
        out->places[i] = (ipc__place){.data = body ? body + offset : NULL, .at = body_at + offset, .size = length};
    }
    return PEAL_OK;
}

peal_status ipc__batch_open(const ipc__source *source, const ipc__schema *schema, ipc__message *message,
                            arrow__at header, const uint8_t *body, uint64_t body_at, ipc__batch *out, peal_error *err) {
    arrow__reader *reader = &message->reader;
    *out = (ipc__batch){
        .at = message->at, .rows = arrow__read_scalar(reader, header, BATCH_LENGTH, 8, 0), .node_count = schema->count};
    const arrow__at at = arrow__read_ref(reader, header, BATCH_BUFFERS);
    const uint8_t *buffers = arrow__read_vector(reader, at, sizeof(arrow_buffer), &out->buffer_count);
    if (reader->bad || out->rows > INT64_MAX / VIEW_SIZE) {
        return ipc__damaged(source, message->at, err, "a record batch is damaged");
    }
    PEAL_TRY(peal_alloc_checked(&out->lengths, schema->count, sizeof *out->lengths, "a record batch", err));
    PEAL_TRY(peal_alloc_checked(&out->null_counts, schema->count, sizeof *out->null_counts, "a record batch", err));
    PEAL_TRY(peal_alloc_checked(&out->buffers, schema->count, sizeof *out->buffers, "a record batch", err));
    PEAL_TRY(peal_alloc_checked(&out->views, schema->count, sizeof *out->views, "a record batch", err));
    PEAL_TRY(peal_alloc_checked(&out->places, out->buffer_count, sizeof *out->places, "a record batch", err));
    PEAL_TRY(read_packing(source, message, header, out, err));
    PEAL_TRY(read_nodes(source, message, header, out, err));
    PEAL_TRY(number_buffers(source, schema, message, header, out, err));
    return read_places(source, message, buffers, body, body_at, out, err);
}

peal_status ipc__batch_check(const ipc__source *source, const ipc__schema *schema, const ipc__batch *batch, size_t node,
                             peal_error *err) {
    const ipc__node *column = &schema->nodes[node];
    for (size_t i = node; i != SIZE_MAX; i = schema->nodes[i].parent) {
        if ((uint64_t)batch->lengths[i] == batch->rows) continue;
        return ipc__damaged(source, batch->at, err, "column '%s' has %lld values in a record batch of %llu rows",
                            column->path, (long long)batch->lengths[i], (unsigned long long)batch->rows);
    }
    if (column->coded || column->type.kind != TYPE_FIXED_SIZE_LIST) return PEAL_OK;
    uint64_t items;
    if (__builtin_mul_overflow(batch->rows, column->type.width, &items) ||
        (uint64_t)batch->lengths[node + 1] != items) {
        return ipc__damaged(source, batch->at, err, "column '%s' has %lld items in a record batch of %llu rows",
                            column->path, (long long)batch->lengths[node + 1], (unsigned long long)batch->rows);
    }
    if (batch->null_counts[node + 1] == 0) return PEAL_OK;
    return ipc__damaged(source, batch->at, err, "items of column '%s' are missing, which its lists cannot hold",
                        column->path);
}

/* ---- writing a part ---- */

typedef struct part_writer {
    const ipc__source *source;
    const ipc__schema *schema;
    const ipc__batch *batch;
    peal_block *block;
    uint64_t row, rows;
    size_t piece_count;
    const char *path; /* of the column that is being written */
} part_writer;

static ipc__part *part_of(const part_writer *self) {
    return (ipc__part *)(void *)self->block->text;
}

static ipc__piece *last_piece(const part_writer *self) {
    return (ipc__piece *)(void *)ipc__part_pieces(part_of(self)) + self->piece_count - 1;
}

static peal_status grow(peal_block *block, uint64_t more, peal_error *err) {
    uint64_t wanted;
    if (__builtin_add_overflow((uint64_t)block->size, more, &wanted) || wanted > SIZE_MAX / 4) {
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a record batch");
    }
    if (wanted <= block->capacity) return PEAL_OK;
    return peal_block_grow(block, (size_t)(wanted + wanted / 4), err);
}

/* Room for a piece of `size` bytes, which begins at a multiple of 8. */
static peal_status new_piece(part_writer *self, uint64_t size, peal_error *err) {
    peal_block *block = self->block;
    block->size = peal_round_up(block->size, 8);
    PEAL_TRY(grow(block, size, err));
    self->piece_count++;
    *last_piece(self) = (ipc__piece){.at = block->size, .size = size};
    block->size += (size_t)size;
    return PEAL_OK;
}

static peal_status copy_piece(part_writer *self, size_t buffer, uint64_t from, uint64_t size, peal_error *err) {
    const ipc__place *place = &self->batch->places[buffer];
    if (from > place->size || size > place->size - from) {
        return ipc__damaged(self->source, self->batch->at, err,
                            "column '%s' has a buffer of %llu bytes in this record batch, which needs %llu", self->path,
                            (unsigned long long)place->size, (unsigned long long)(from + size));
    }
    PEAL_TRY(new_piece(self, size, err));
    uint8_t *to = (uint8_t *)self->block->text + self->block->size - size;
    if (!place->data) return ipc__source_read_at(self->source, place->at + from, to, (size_t)size, err);
    if (size) memcpy(to, place->data + from, (size_t)size);
    return PEAL_OK;
}

/* A buffer of which row r is `bits` bits from r * bits on; of a packed one all bytes. */
static peal_status copy_rows(part_writer *self, size_t buffer, uint64_t bits, uint64_t extra_rows, peal_error *err) {
    uint64_t first = self->row, end = self->row + self->rows + extra_rows;
    if (self->batch->packing != IPC_PLAIN) return copy_piece(self, buffer, 0, self->batch->places[buffer].size, err);
    if (__builtin_mul_overflow(end, bits, &end)) return peal_fail(err, PEAL_E_MEMORY, "no memory for a record batch");
    first *= bits;
    return copy_piece(self, buffer, first / 8, (end + 7) / 8 - first / 8, err);
}

static peal_status copy_validities(part_writer *self, size_t node, size_t *count, peal_error *err) {
    for (size_t i = node; i != SIZE_MAX; i = self->schema->nodes[i].parent) {
        const size_t buffer = self->batch->buffers[i];
        if (self->batch->null_counts[i] == 0) continue;
        if (self->batch->null_counts[i] < 0 && self->batch->places[buffer].size == 0) continue; /* not counted */
        PEAL_TRY(copy_rows(self, buffer, 1, 0, err));
        ++*count;
    }
    return PEAL_OK;
}

static uint64_t offset_at(const part_writer *self, uint64_t index, bool large) {
    const char *offsets = self->block->text + last_piece(self)->at;
    uint64_t value = 0;
    memcpy(&value, offsets + index * (large ? 8 : 4), large ? 8 : 4);
    return value;
}

static peal_status copy_texts(part_writer *self, size_t buffer, bool large, uint64_t *first, peal_error *err) {
    PEAL_TRY(copy_rows(self, buffer + 1, large ? 64 : 32, 1, err));
    *first = 0;
    if (self->batch->packing != IPC_PLAIN) return copy_rows(self, buffer + 2, 8, 0, err);
    *first = offset_at(self, 0, large);
    const uint64_t end = offset_at(self, self->rows, large);
    if (end < *first) {
        return ipc__damaged(self->source, self->batch->at, err, "the offsets of column '%s' are damaged", self->path);
    }
    return copy_piece(self, buffer + 2, *first, end - *first, err);
}

/* The bytes of the long texts of some rows, put together; their views then point there. What points out of its buffer
 * points nowhere afterwards: it may be that of a missing value. */
static peal_status gather_views(part_writer *self, size_t buffer, size_t count, peal_error *err) {
    const size_t views = last_piece(self)->at;
    PEAL_TRY(new_piece(self, 0, err));
    const size_t begin = self->block->size;
    for (uint64_t row = 0; row < self->rows; row++) {
        uint32_t view[4];
        memcpy(view, self->block->text + views + row * VIEW_SIZE, sizeof view);
        if (view[0] <= VIEW_SHORT) continue;
        const ipc__place *from = view[2] < count ? &self->batch->places[buffer + view[2]] : NULL;
        const size_t to = self->block->size - begin;
        if (from && view[3] <= from->size && view[0] <= from->size - view[3] && to <= INT32_MAX) {
            PEAL_TRY(grow(self->block, view[0], err));
            memcpy(self->block->text + self->block->size, from->data + view[3], view[0]);
            self->block->size += view[0];
            view[2] = 0;
            view[3] = (uint32_t)to;
        } else {
            view[2] = VIEW_NOWHERE;
        }
        memcpy(self->block->text + views + row * VIEW_SIZE, view, sizeof view);
    }
    last_piece(self)->size = self->block->size - begin;
    return PEAL_OK;
}

static peal_status copy_views(part_writer *self, size_t node, size_t *count, peal_error *err) {
    const size_t buffer = self->batch->buffers[node], views = self->batch->views[node];
    PEAL_TRY(copy_rows(self, buffer + 1, VIEW_SIZE * 8, 0, err));
    *count = views;
    if (self->rows < self->batch->rows) {
        *count = 1;
        return gather_views(self, buffer + 2, views, err);
    }
    for (size_t i = 0; i < views; i++) {
        PEAL_TRY(copy_piece(self, buffer + 2 + i, 0, self->batch->places[buffer + 2 + i].size, err));
    }
    return PEAL_OK;
}

static peal_status copy_column(part_writer *self, size_t index, size_t node, peal_error *err) {
    ipc__slice slice = {.node = node, .piece = self->piece_count};
    if (node != SIZE_MAX && (self->schema->nodes[node].coded || self->schema->nodes[node].type.kind != TYPE_NULL)) {
        const ipc__node *column = &self->schema->nodes[node];
        const size_t buffer = self->batch->buffers[node];
        const ipc__type *type = column->coded ? &column->index : &column->type;
        self->path = column->path;
        PEAL_TRY(ipc__batch_check(self->source, self->schema, self->batch, node, err));
        PEAL_TRY(copy_validities(self, node, &slice.validities, err));
        if (type->kind == TYPE_UTF8 || type->kind == TYPE_LARGE_UTF8) {
            PEAL_TRY(copy_texts(self, buffer, type->kind == TYPE_LARGE_UTF8, &slice.first, err));
        } else if (type->kind == TYPE_UTF8_VIEW) {
            PEAL_TRY(copy_views(self, node, &slice.views, err));
        } else if (type->kind == TYPE_FIXED_SIZE_LIST) {
            PEAL_TRY(copy_rows(self, self->batch->buffers[node + 1] + 1, (uint64_t)type->width * 8, 0, err));
        } else {
            PEAL_TRY(copy_rows(self, buffer + 1, type->bits, 0, err));
        }
    }
    ((ipc__slice *)(void *)ipc__part_slices(part_of(self)))[index] = slice;
    return PEAL_OK;
}

/* Pieces that a column has at most. */
static size_t most_pieces(const ipc__schema *schema, const ipc__batch *batch, size_t node) {
    size_t count = 2 + 1 + (node == SIZE_MAX ? 0 : batch->views[node]);
    for (size_t i = node; i != SIZE_MAX; i = schema->nodes[i].parent) count++;
    return count;
}

peal_status ipc__part_write(const ipc__source *source, const ipc__schema *schema, const ipc__batch *batch,
                            const size_t *nodes, size_t node_count, uint64_t row, uint64_t rows, ipc__edition *edition,
                            peal_block *block, peal_error *err) {
    part_writer self = {.source = source, .schema = schema, .batch = batch, .block = block, .row = row, .rows = rows};
    size_t pieces = 0;
    for (size_t i = 0; i < node_count; i++) pieces += most_pieces(schema, batch, nodes[i]);
    const size_t head = sizeof(ipc__part) + node_count * sizeof(ipc__slice) + pieces * sizeof(ipc__piece);
    block->size = 0;
    PEAL_TRY(grow(block, head, err));
    block->size = head;
    *part_of(&self) = (ipc__part){.rows = rows,
                                  .batch_at = batch->at,
                                  .shift = (unsigned)(row % 8),
                                  .packing = batch->packing,
                                  .edition = edition,
                                  .slice_count = node_count,
                                  .piece_count = pieces};
    for (size_t i = 0; i < node_count; i++) PEAL_TRY(copy_column(&self, i, nodes[i], err));
    memset(block->text + block->size, 0, PEAL_BLOCK_PADDING);
    return PEAL_OK;
}

/* ---- the reader's batch, part by part ---- */

/* Bytes of the wanted columns' buffers. */
static uint64_t wanted_bytes(const ipc__reader *reader) {
    const ipc__batch *batch = &reader->batch;
    uint64_t bytes = 0;
    for (size_t i = 0; i < reader->wanted->schema->count; i++) {
        const size_t node = reader->nodes[i];
        if (node == SIZE_MAX) continue;
        size_t first = batch->buffers[node], count = reader->schema.nodes[node].buffer_count + batch->views[node];
        if (!reader->schema.nodes[node].coded && reader->schema.nodes[node].type.kind == TYPE_FIXED_SIZE_LIST) {
            count = batch->buffers[node + 1] + 2 - first;
        }
        for (size_t k = 0; k < count; k++) bytes += batch->places[first + k].size;
    }
    return bytes;
}

static peal_status unpack_node(ipc__reader *reader, size_t node, size_t count, peal_error *err) {
    ipc__batch *batch = &reader->batch;
    for (size_t i = batch->buffers[node]; i < batch->buffers[node] + count; i++) {
        ipc__place *place = &batch->places[i];
        const char *wrong =
            ipc__unpack(batch->packing, place->data, (size_t)place->size, SIZE_MAX, &reader->unpacked[i]);
        if (wrong) {
            return ipc__damaged(&reader->source, batch->at, err, "a buffer of column '%s': %s",
                                reader->schema.nodes[node].path, wrong);
        }
    }
    return PEAL_OK;
}

/* What the wanted columns have in a batch that is too large for one part; buffers of others are left as they are. */
static peal_status unpack_batch(ipc__reader *reader, peal_error *err) {
    ipc__batch *batch = &reader->batch;
    bool *done;
    PEAL_TRY(peal_alloc_checked(&reader->unpacked, batch->buffer_count, sizeof *reader->unpacked, "a batch", err));
    PEAL_TRY(peal_alloc_checked(&done, reader->schema.count, sizeof *done, "a batch", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < reader->wanted->schema->count && status == PEAL_OK; i++) {
        const size_t column = reader->nodes[i];
        if (column == SIZE_MAX) continue;
        const ipc__node *nodes = reader->schema.nodes;
        for (size_t node = column; node != SIZE_MAX && !done[node] && status == PEAL_OK; node = nodes[node].parent) {
            done[node] = true;
            status = unpack_node(reader, node, nodes[node].buffer_count + batch->views[node], err);
        }
        if (nodes[column].coded || nodes[column].type.kind != TYPE_FIXED_SIZE_LIST || status != PEAL_OK) continue;
        status = unpack_node(reader, column + 1, 2, err);
    }
    free(done);
    for (size_t i = 0; i < batch->buffer_count && status == PEAL_OK; i++) {
        if (!reader->unpacked[i].data) continue;
        batch->places[i] = (ipc__place){.data = reader->unpacked[i].data, .size = reader->unpacked[i].size};
    }
    batch->packing = IPC_PLAIN;
    return status;
}

peal_status ipc__parts_begin(ipc__reader *reader, peal_error *err) {
    const ipc__batch *batch = &reader->batch;
    const uint64_t block_size = reader->wanted->block_size ? reader->wanted->block_size : PEAL_BLOCK_SIZE;
    uint64_t bytes = wanted_bytes(reader);
    reader->row = 0;
    reader->in_batch = true;
    reader->part = batch->rows;
    if (batch->packing != IPC_PLAIN) {
        if (batch->rows <= PACKED_ROWS && bytes <= PACKED_BYTES) return PEAL_OK;
        PEAL_TRY(unpack_batch(reader, err));
        bytes = wanted_bytes(reader);
    }
    const uint64_t row_bytes = bytes / (batch->rows ? batch->rows : 1) + 1;
    reader->part = block_size / row_bytes + 1;
    if (reader->part > PART_ROWS) reader->part = PART_ROWS;
    return PEAL_OK;
}

void ipc__parts_end(ipc__reader *reader) {
    for (size_t i = 0; reader->unpacked && i < reader->batch.buffer_count; i++) {
        peal_buffer_clear(&reader->unpacked[i]);
    }
    free(reader->unpacked);
    reader->unpacked = NULL;
    reader->in_batch = false;
    ipc__batch_clear(&reader->batch);
}

peal_status ipc__part_make(ipc__reader *reader, peal_block *block, peal_error *err) {
    uint64_t rows = reader->batch.rows - reader->row;
    if (rows > reader->part) rows = reader->part;
    ipc__edition *edition = ipc__edition_hold(reader->dictionaries);
    const peal_status status = ipc__part_write(&reader->source, &reader->schema, &reader->batch, reader->nodes,
                                               reader->wanted->schema->count, reader->row, rows, edition, block, err);
    if (status != PEAL_OK) {
        ipc__edition_release(reader->dictionaries, edition);
        return status;
    }
    reader->row += rows;
    block->records = rows;
    block->number = reader->number++;
    block->first_line = reader->line + 1;
    reader->line += rows;
    return PEAL_OK;
}
