/* Reads Arrow IPC files: checks every offset and length before it is used, then points into the bytes; see file.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "etl/table/arrow/file.h"
#include "etl/table/arrow/flatbuffer.h"
#include "etl/table/arrow/schema.h"

struct peal_arrow_file {
    char *name;
    peal_buffer own; /* the bytes, if the caller does not keep them */
    const uint8_t *bytes;
    size_t size;
    peal_table schema;
    peal_column *children;         /* [columns] of the schema's lists */
    peal_dictionary *dictionaries; /* [columns] */
    int64_t *dictionary_ids;       /* [columns] */
    peal_table *batches;
    peal_column **batch_children; /* [batches][columns] */
    arrow_block *blocks;          /* [batches] */
    uint64_t *hashes;             /* [batches] */
    size_t batch_count;
    bool has_hashes;
};

static peal_status damaged(const peal_arrow_file *file, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s is not a whole Arrow file: %s", file->name, what);
}

/* ---- schema ---- */

/* The type whose number in Arrow's schema, size and sign are these; false if Peal does not write it. */
static bool find_type(uint64_t kind, uint64_t bits, bool is_signed, peal_type *type) {
    for (int i = 0; i < PEAL_TYPES; i++) {
        const peal_type_info *info = &peal_types[i];
        if (info->arrow != kind || i == PEAL_TYPE_DICTIONARY) continue;
        if (bits && (info->size * 8 != bits || info->is_signed != is_signed)) continue;
        *type = (peal_type)i;
        return true;
    }
    return false;
}

static bool read_int_type(arrow__reader *reader, arrow__at at, peal_type *type) {
    const uint64_t bits = at ? arrow__read_scalar(reader, at, INT_BITS, 4, 0) : 32;
    const bool is_signed = at ? arrow__read_scalar(reader, at, INT_SIGNED, 1, 0) != 0 : true;
    return bits > 0 && find_type(TYPE_INT, bits, is_signed, type);
}

static bool read_type(arrow__reader *reader, arrow__at field, peal_type *type) {
    const uint64_t kind = arrow__read_scalar(reader, field, FIELD_TYPE_TYPE, 1, 0);
    const arrow__at at = arrow__read_ref(reader, field, FIELD_TYPE);
    if (kind == TYPE_INT) return read_int_type(reader, at, type);
    if (kind == TYPE_FLOAT) {
        const uint64_t precision = arrow__read_scalar(reader, at, 0, 2, 0);
        *type = precision == PRECISION_SINGLE ? PEAL_TYPE_FLOAT32 : PEAL_TYPE_FLOAT64;
        return precision == PRECISION_SINGLE || precision == PRECISION_DOUBLE;
    }
    if (kind == TYPE_TIMESTAMP && arrow__read_scalar(reader, at, TIMESTAMP_UNIT, 2, 0) != TIME_UNIT_MICRO) return false;
    return find_type(kind, 0, false, type);
}

static bool read_child(arrow__reader *reader, arrow__at field, peal_column *column, peal_column *child) {
    const uint64_t kind = arrow__read_scalar(reader, field, FIELD_TYPE_TYPE, 1, 0);
    if (kind == TYPE_FIXED_SIZE_LIST) {
        const uint64_t width = arrow__read_scalar(reader, arrow__read_ref(reader, field, FIELD_TYPE), 0, 4, 0);
        if (width == 0 || width > INT32_MAX) return false;
        column->width = (uint32_t)width;
    }
    const arrow__at item = arrow__read_item(reader, arrow__read_ref(reader, field, FIELD_CHILDREN), 0);
    child->name = "item";
    column->child = child;
    return read_type(reader, item, &child->type) && peal_types[child->type].size > 0;
}

static peal_status read_field(peal_arrow_file *file, arrow__reader *reader, arrow__at field, size_t index,
                              peal_error *err) {
    peal_column *column = &file->schema.columns[index];
    size_t length;
    const char *name = arrow__read_string(reader, arrow__read_ref(reader, field, FIELD_NAME), &length);
    column->name = peal_strndup(name ? name : "", name ? length : 0);
    if (!column->name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a column's name");
    const arrow__at encoding = arrow__read_ref(reader, field, FIELD_DICTIONARY);
    bool known = read_type(reader, field, &column->type);
    if (encoding) {
        file->dictionary_ids[index] = (int64_t)arrow__read_scalar(reader, encoding, DICTIONARY_ID, 8, 0);
        known = known && column->type == PEAL_TYPE_UTF8 &&
                read_int_type(reader, arrow__read_ref(reader, encoding, DICTIONARY_INDEX_TYPE), &column->codes) &&
                peal_types[column->codes].is_signed && peal_types[column->codes].size <= 4;
        column->type = PEAL_TYPE_DICTIONARY;
        column->dictionary = &file->dictionaries[index];
    } else if (known && peal_types[column->type].has_child) {
        known = read_child(reader, field, column, &file->children[index]);
    }
    if (reader->bad) return damaged(file, err, "its schema is damaged");
    if (known) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: column '%s' has an Arrow type that Peal does not write", file->name,
                     column->name);
}

static peal_status read_schema(peal_arrow_file *file, arrow__reader *reader, arrow__at schema, peal_error *err) {
    arrow__at fields = arrow__read_ref(reader, schema, SCHEMA_FIELDS);
    size_t count;
    if (!arrow__read_vector(reader, fields, 4, &count) || count == 0 || count > ARROW_COLUMNS_MOST) {
        return damaged(file, err, "its schema has no columns");
    }
    PEAL_TRY(peal_alloc_checked(&file->schema.columns, count, sizeof(peal_column), "an Arrow schema", err));
    PEAL_TRY(peal_alloc_checked(&file->children, count, sizeof(peal_column), "an Arrow schema", err));
    PEAL_TRY(peal_alloc_checked(&file->dictionaries, count, sizeof(peal_dictionary), "an Arrow schema", err));
    PEAL_TRY(peal_alloc_checked(&file->dictionary_ids, count, sizeof(int64_t), "an Arrow schema", err));
    file->schema.column_count = count;
    for (size_t i = 0; i < count; i++) {
        file->dictionary_ids[i] = -1;
        PEAL_TRY(read_field(file, reader, arrow__read_item(reader, fields, i), i, err));
    }
    return PEAL_OK;
}

/* ---- batches ---- */

/* A message of the file: its metadata and its body, both within bounds. */
typedef struct message {
    arrow__reader reader;
    arrow__at header;
    const uint8_t *body;
    size_t body_size;
    const uint8_t *nodes, *buffers; /* arrow_node[], arrow_buffer[], perhaps unaligned */
    size_t node_count, buffer_count;
    uint64_t rows;
} message;

static peal_status open_message(const peal_arrow_file *file, const arrow_block *block, uint64_t kind, message *out,
                                peal_error *err) {
    uint64_t offset = (uint64_t)block->offset, metadata = (uint64_t)(uint32_t)block->metadata_size;
    uint64_t body = (uint64_t)block->body_size;
    if (block->offset < 8 || block->metadata_size < 16 || block->body_size < 0 || offset > file->size ||
        metadata > file->size - offset || body > file->size - offset - metadata) {
        return damaged(file, err, "a block lies outside of the file");
    }
    uint32_t prefix[2];
    memcpy(prefix, file->bytes + offset, sizeof prefix);
    if (prefix[0] != 0xFFFFFFFFu || prefix[1] > metadata - 8) return damaged(file, err, "a message has a wrong prefix");
    *out = (message){.reader = {.bytes = file->bytes + offset + 8, .size = prefix[1]}};
    arrow__at root = arrow__read_root(&out->reader);
    out->header = arrow__read_ref(&out->reader, root, MESSAGE_HEADER);
    if (arrow__read_scalar(&out->reader, root, MESSAGE_HEADER_TYPE, 1, 0) != kind || !out->header) {
        return damaged(file, err, "a message is of the wrong kind");
    }
    out->body = file->bytes + offset + metadata;
    out->body_size = (size_t)body;
    return PEAL_OK;
}

static peal_status open_batch(const peal_arrow_file *file, message *one, arrow__at batch, peal_error *err) {
    arrow__reader *reader = &one->reader;
    if (arrow__read_ref(reader, batch, BATCH_COMPRESSION)) {
        return peal_fail(err, PEAL_E_DATA, "%s: its buffers are compressed, which Peal does not read", file->name);
    }
    one->rows = arrow__read_scalar(reader, batch, BATCH_LENGTH, 8, 0);
    one->nodes = arrow__read_vector(reader, arrow__read_ref(reader, batch, BATCH_NODES), 16, &one->node_count);
    one->buffers = arrow__read_vector(reader, arrow__read_ref(reader, batch, BATCH_BUFFERS), 16, &one->buffer_count);
    if (reader->bad || one->rows > INT64_MAX / 2) return damaged(file, err, "a record batch is damaged");
    return PEAL_OK;
}

/* Buffer `index` if it is at least `needed` bytes; NULL otherwise. */
static const uint8_t *batch_buffer(const message *one, size_t index, uint64_t needed) {
    if (index >= one->buffer_count) return NULL;
    arrow_buffer buffer;
    memcpy(&buffer, one->buffers + 16 * index, sizeof buffer);
    if (buffer.offset < 0 || buffer.length < 0 || (uint64_t)buffer.length < needed) return NULL;
    if ((uint64_t)buffer.offset > one->body_size ||
        (uint64_t)buffer.length > one->body_size - (uint64_t)buffer.offset) {
        return NULL;
    }
    const uint8_t *data = one->body + buffer.offset;
    return (uintptr_t)data % 8 == 0 ? data : NULL;
}

/* Offsets that begin at 0 and never fall; the last one tells how many items or bytes there are. */
static const int32_t *read_offsets(const message *one, size_t buffer, uint64_t rows, uint64_t *items) {
    const int32_t *offsets = (const int32_t *)(const void *)batch_buffer(one, buffer, (rows + 1) * sizeof *offsets);
    if (!offsets || offsets[0] != 0) return NULL;
    for (uint64_t i = 0; i < rows; i++) {
        if (offsets[i + 1] < offsets[i]) return NULL;
    }
    *items = (uint64_t)offsets[rows];
    return offsets;
}

/* Bytes that `rows` values need; false if they are more than there can be. */
static bool value_bytes(const peal_column *column, uint64_t rows, uint64_t items, uint64_t *bytes) {
    *bytes = (rows + 7) / 8;
    if (column->type == PEAL_TYPE_BOOL) return true;
    *bytes = items;
    if (peal_types[column->type].has_offsets) return true;
    return !__builtin_mul_overflow(rows, peal_column_value_size(column), bytes);
}

/* A column of `rows` rows, which takes its nodes and buffers from the message; `child` is where a list's items go. */
static peal_status read_column(const peal_arrow_file *file, const message *one, peal_column *column, peal_column *child,
                               uint64_t rows, size_t *node, size_t *buffer, peal_error *err) {
    const peal_type_info *info = &peal_types[column->type];
    if (*node >= one->node_count) return damaged(file, err, "a record batch has too few columns");
    arrow_node head;
    memcpy(&head, one->nodes + 16 * *node, sizeof head);
    if (head.length < 0 || (uint64_t)head.length != rows || head.null_count < 0 || head.null_count > head.length) {
        return damaged(file, err, "a column's length is wrong");
    }
    column->length = (size_t)rows;
    column->null_count = (size_t)head.null_count;
    column->validity = column->null_count ? batch_buffer(one, *buffer, (rows + 7) / 8) : NULL;
    if (column->null_count && !column->validity) return damaged(file, err, "a validity bitmap is too short");
    *node += 1;
    *buffer += 1;
    uint64_t items = 0, bytes;
    if (info->has_offsets) {
        column->offsets = read_offsets(one, *buffer, rows, &items);
        if (!column->offsets) return damaged(file, err, "a column's offsets are wrong");
        *buffer += 1;
    }
    if (info->has_child) {
        *child = *column->child;
        column->child = child;
        if (!info->has_offsets && __builtin_mul_overflow(rows, column->width, &items)) {
            return damaged(file, err, "a column's length is wrong");
        }
        return read_column(file, one, child, NULL, items, node, buffer, err);
    }
    if (!value_bytes(column, rows, items, &bytes)) return damaged(file, err, "a column's length is wrong");
    column->values = batch_buffer(one, *buffer, bytes);
    if (!column->values) return damaged(file, err, "a buffer is too short or lies outside of its batch");
    *buffer += 1;
    return PEAL_OK;
}

static peal_status read_batch(peal_arrow_file *file, size_t index, peal_error *err) {
    message one;
    PEAL_TRY(open_message(file, &file->blocks[index], HEADER_RECORD_BATCH, &one, err));
    PEAL_TRY(open_batch(file, &one, one.header, err));
    peal_table *table = &file->batches[index];
    PEAL_TRY(peal_alloc_checked(&table->columns, file->schema.column_count, sizeof(peal_column), "a batch", err));
    PEAL_TRY(peal_alloc_checked(&file->batch_children[index], file->schema.column_count, sizeof(peal_column), "a batch",
                                err));
    table->column_count = file->schema.column_count;
    table->rows = (size_t)one.rows;
    size_t node = 0, buffer = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        table->columns[i] = file->schema.columns[i];
        PEAL_TRY(read_column(file, &one, &table->columns[i], &file->batch_children[index][i], one.rows, &node, &buffer,
                             err));
    }
    return PEAL_OK;
}

static peal_status read_dictionary(peal_arrow_file *file, const arrow_block *block, peal_error *err) {
    message one;
    PEAL_TRY(open_message(file, block, HEADER_DICTIONARY_BATCH, &one, err));
    int64_t id = (int64_t)arrow__read_scalar(&one.reader, one.header, DICTIONARY_BATCH_ID, 8, 0);
    PEAL_TRY(open_batch(file, &one, arrow__read_ref(&one.reader, one.header, DICTIONARY_BATCH_DATA), err));
    const uint8_t *offsets = batch_buffer(&one, 1, (one.rows + 1) * 4);
    if (one.rows > INT32_MAX || !offsets) return damaged(file, err, "a dictionary is damaged");
    uint32_t begin, end;
    memcpy(&end, offsets + 4 * one.rows, 4);
    const uint8_t *texts = batch_buffer(&one, 2, end);
    if (!texts && end) return damaged(file, err, "a dictionary's texts are too short");
    for (size_t column = 0; column < file->schema.column_count; column++) {
        if (!file->schema.columns[column].dictionary || file->dictionary_ids[column] != id) continue;
        for (size_t i = 0; i < one.rows; i++) {
            memcpy(&begin, offsets + 4 * i, 4);
            memcpy(&end, offsets + 4 * i + 4, 4);
            if (begin > end || !batch_buffer(&one, 2, end))
                return damaged(file, err, "a dictionary's offsets are wrong");
            uint32_t code;
            PEAL_TRY(
                peal_dictionary_put(&file->dictionaries[column], (const char *)texts + begin, end - begin, &code, err));
            if (code != i) return damaged(file, err, "a dictionary holds a text twice");
        }
    }
    return PEAL_OK;
}

static void read_hashes(peal_arrow_file *file, arrow__reader *reader, arrow__at footer) {
    arrow__at pairs = arrow__read_ref(reader, footer, FOOTER_METADATA);
    size_t count, length;
    if (!arrow__read_vector(reader, pairs, 4, &count)) return;
    for (size_t i = 0; i < count && !reader->bad; i++) {
        arrow__at pair = arrow__read_item(reader, pairs, i);
        const char *key = arrow__read_string(reader, arrow__read_ref(reader, pair, KEY_VALUE_KEY), &length);
        if (!key || length != sizeof ARROW_HASHES_KEY - 1 || memcmp(key, ARROW_HASHES_KEY, length) != 0) continue;
        const char *value = arrow__read_string(reader, arrow__read_ref(reader, pair, KEY_VALUE_VALUE), &length);
        if (!value || length + 1 != file->batch_count * 17) return;
        for (size_t batch = 0; batch < file->batch_count; batch++) {
            char text[17];
            memcpy(text, value + 17 * batch, 16);
            text[16] = '\0';
            file->hashes[batch] = strtoull(text, NULL, 16);
        }
        file->has_hashes = true;
    }
}

/* ---- the file ---- */

static peal_status find_footer(const peal_arrow_file *file, arrow__reader *reader, peal_error *err) {
    if (file->size < 8 + 10 || memcmp(file->bytes, ARROW_MAGIC, 6) != 0) {
        return damaged(file, err, "it does not begin with ARROW1");
    }
    if (memcmp(file->bytes + file->size - 6, ARROW_MAGIC, 6) != 0) {
        return damaged(file, err, "it does not end with ARROW1, so it is cut short");
    }
    uint32_t footer_size;
    memcpy(&footer_size, file->bytes + file->size - 10, 4);
    if (footer_size > file->size - 18) return damaged(file, err, "its footer is longer than the file");
    *reader = (arrow__reader){.bytes = file->bytes + file->size - 10 - footer_size, .size = footer_size};
    return PEAL_OK;
}

static peal_status read_blocks(peal_arrow_file *file, arrow__reader *reader, arrow__at footer, peal_error *err) {
    size_t dictionaries, batches;
    const uint8_t *dictionary_blocks = arrow__read_vector(reader, arrow__read_ref(reader, footer, FOOTER_DICTIONARIES),
                                                          sizeof(arrow_block), &dictionaries);
    for (size_t i = 0; i < dictionaries; i++) {
        arrow_block block;
        memcpy(&block, dictionary_blocks + i * sizeof block, sizeof block);
        PEAL_TRY(read_dictionary(file, &block, err));
    }
    const uint8_t *batch_blocks =
        arrow__read_vector(reader, arrow__read_ref(reader, footer, FOOTER_BATCHES), sizeof(arrow_block), &batches);
    PEAL_TRY(peal_alloc_checked(&file->batches, batches, sizeof *file->batches, "Arrow batches", err));
    PEAL_TRY(peal_alloc_checked(&file->batch_children, batches, sizeof *file->batch_children, "Arrow batches", err));
    PEAL_TRY(peal_alloc_checked(&file->blocks, batches, sizeof *file->blocks, "Arrow batches", err));
    PEAL_TRY(peal_alloc_checked(&file->hashes, batches, sizeof *file->hashes, "Arrow batches", err));
    if (batches) memcpy(file->blocks, batch_blocks, batches * sizeof *file->blocks);
    file->batch_count = batches;
    for (size_t i = 0; i < batches; i++) PEAL_TRY(read_batch(file, i, err));
    read_hashes(file, reader, footer);
    return reader->bad ? damaged(file, err, "its footer is damaged") : PEAL_OK;
}

static peal_status file_read(peal_arrow_file *file, peal_error *err) {
    arrow__reader reader;
    PEAL_TRY(find_footer(file, &reader, err));
    arrow__at footer = arrow__read_root(&reader);
    arrow__at schema = arrow__read_ref(&reader, footer, FOOTER_SCHEMA);
    if (reader.bad || !schema) return damaged(file, err, "its footer is damaged");
    PEAL_TRY(read_schema(file, &reader, schema, err));
    return read_blocks(file, &reader, footer, err);
}

peal_status peal_arrow_file_parse(const uint8_t *bytes, size_t size, const char *name, peal_arrow_file **out,
                                  peal_error *err) {
    *out = NULL;
    peal_arrow_file *file = calloc(1, sizeof *file);
    if (!file) return peal_fail(err, PEAL_E_MEMORY, "no memory for an Arrow file");
    file->name = peal_strdup(name);
    file->bytes = bytes;
    file->size = size;
    peal_status status = file->name ? file_read(file, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    if (status != PEAL_OK) {
        peal_arrow_file_close(file);
        return status;
    }
    *out = file;
    return PEAL_OK;
}

peal_status peal_arrow_file_open(const char *path, peal_arrow_file **out, peal_error *err) {
    *out = NULL;
    peal_buffer bytes = {0};
    peal_status status = peal_file_read(path, &bytes, err);
    if (status == PEAL_OK) status = peal_arrow_file_parse(bytes.data, bytes.size, path, out, err);
    if (status != PEAL_OK) {
        peal_buffer_clear(&bytes);
        return status;
    }
    (*out)->own = bytes;
    return PEAL_OK;
}

void peal_arrow_file_close(peal_arrow_file *file) {
    if (!file) return;
    for (size_t i = 0; i < file->schema.column_count; i++) {
        free((char *)file->schema.columns[i].name);
        peal_dictionary_clear(&file->dictionaries[i]);
    }
    for (size_t i = 0; i < file->batch_count; i++) {
        free(file->batches[i].columns);
        free(file->batch_children[i]);
    }
    free(file->batch_children);
    free(file->schema.columns);
    free(file->children);
    free(file->dictionaries);
    free(file->dictionary_ids);
    free(file->batches);
    free(file->blocks);
    free(file->hashes);
    free(file->name);
    peal_buffer_clear(&file->own);
    free(file);
}

size_t peal_arrow_file_batches(const peal_arrow_file *file) {
    return file->batch_count;
}

const peal_table *peal_arrow_file_batch(const peal_arrow_file *file, size_t index) {
    return &file->batches[index];
}

const peal_table *peal_arrow_file_schema(const peal_arrow_file *file) {
    return &file->schema;
}

static peal_status verify_codes(const peal_arrow_file *file, const peal_column *column, size_t rows, peal_error *err) {
    for (size_t row = 0; row < rows; row++) {
        const int32_t code = peal_column_code(column, row);
        if (peal_column_is_valid(column, row) && (code < 0 || (uint32_t)code >= column->dictionary->size)) {
            return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds code %d, but its dictionary has %u texts",
                             file->name, column->name, code, column->dictionary->size);
        }
    }
    return PEAL_OK;
}

peal_status peal_arrow_file_verify(const peal_arrow_file *file, peal_error *err) {
    for (size_t i = 0; i < file->batch_count; i++) {
        const arrow_block *block = &file->blocks[i];
        const uint8_t *body = file->bytes + block->offset + block->metadata_size;
        if (file->has_hashes && peal_hash(body, (size_t)block->body_size, 0) != file->hashes[i]) {
            return peal_fail(err, PEAL_E_DATA, "%s: record batch %zu does not match its checksum: the file is damaged",
                             file->name, i);
        }
        const peal_table *table = &file->batches[i];
        for (size_t c = 0; c < table->column_count; c++) {
            if (table->columns[c].dictionary) PEAL_TRY(verify_codes(file, &table->columns[c], table->rows, err));
        }
    }
    return PEAL_OK;
}

static const void *moved(const peal_arrow_file *file, const uint8_t *bytes, const void *old) {
    return old ? bytes + ((const uint8_t *)old - file->bytes) : NULL;
}

static void move_column(const peal_arrow_file *file, const uint8_t *bytes, peal_column *column) {
    column->values = moved(file, bytes, column->values);
    column->validity = moved(file, bytes, column->validity);
    column->offsets = moved(file, bytes, column->offsets);
}

void peal_arrow_file_move(peal_arrow_file *file, const uint8_t *bytes) {
    for (size_t i = 0; i < file->batch_count; i++) {
        const peal_table *table = &file->batches[i];
        for (size_t c = 0; c < table->column_count; c++) {
            move_column(file, bytes, &table->columns[c]);
            move_column(file, bytes, &file->batch_children[i][c]);
        }
    }
    file->bytes = bytes;
}
