/* Writes Arrow IPC files, batch after batch, with a checksum of each; see file.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "etl/table/arrow/file.h"
#include "etl/table/arrow/flatbuffer.h"
#include "etl/table/arrow/schema.h"

struct peal_arrow_writer {
    peal_out_file out;
    const peal_table *schema;
    peal_hasher *file_hash;
    arrow_block *batches;
    uint64_t *batch_hashes;
    size_t batch_count, batch_capacity;
    arrow_block *dictionaries;
    size_t dictionary_count;
};

static const uint8_t zeros[PEAL_ALIGNMENT];

static peal_status emit(peal_arrow_writer *writer, const void *bytes, size_t size, peal_error *err) {
    if (size == 0) return PEAL_OK;
    peal_hasher_update(writer->file_hash, bytes, size);
    return peal_out_file_write(&writer->out, bytes, size, err);
}

static size_t padded(size_t size) {
    return peal_round_up(size, PEAL_ALIGNMENT);
}

static peal_status no_memory(peal_error *err) {
    return peal_fail(err, PEAL_E_MEMORY, "no memory for Arrow metadata");
}

/* Arrow counts the bytes of metadata in 32 bits. */
static peal_status too_large(peal_error *err) {
    return peal_fail(err, PEAL_E_DATA,
                     "an Arrow file cannot hold so many columns or batches: its metadata has over 2 GB");
}

/* ---- metadata ---- */

/* What of a type stands in a table of its own: the bits of an integer, the width of a list... */
static arrow__ref build_type(arrow__builder *builder, peal_type type, uint32_t width) {
    const peal_type_info *info = &peal_types[type];
    arrow__ref zone = type == PEAL_TYPE_TIMESTAMP ? arrow__build_string(builder, "UTC", 3) : 0;
    arrow__table_begin(builder);
    if (info->arrow == TYPE_FLOAT) {
        arrow__table_scalar(builder, 0, info->size == 4 ? PRECISION_SINGLE : PRECISION_DOUBLE, 2);
    } else if (info->arrow == TYPE_INT) {
        arrow__table_scalar(builder, INT_BITS, 8 * info->size, 4);
        arrow__table_scalar(builder, INT_SIGNED, info->is_signed, 1);
    } else if (info->arrow == TYPE_FIXED_SIZE_LIST) {
        arrow__table_scalar(builder, 0, width, 4);
    } else if (info->arrow == TYPE_TIMESTAMP) {
        arrow__table_ref(builder, TIMESTAMP_ZONE, zone);
        arrow__table_scalar(builder, TIMESTAMP_UNIT, TIME_UNIT_MICRO, 2);
    }
    return arrow__table_end(builder);
}

static arrow__ref build_dictionary(arrow__builder *builder, peal_type codes, size_t id) {
    arrow__ref index = build_type(builder, codes, 0);
    arrow__table_begin(builder);
    arrow__table_scalar(builder, DICTIONARY_ID, id, 8);
    arrow__table_ref(builder, DICTIONARY_INDEX_TYPE, index);
    return arrow__table_end(builder);
}

/* A field with its children. Codes without a dictionary are whole numbers to others. `id` is of its dictionary. */
static arrow__ref build_field(arrow__builder *builder, const peal_column *column, const char *name, size_t id) {
    const bool is_dictionary = column->type == PEAL_TYPE_DICTIONARY && column->dictionary;
    const peal_type type = column->type == PEAL_TYPE_DICTIONARY && !is_dictionary ? column->codes : column->type;
    arrow__ref child = column->child ? build_field(builder, column->child, "item", 0) : 0;
    arrow__ref children = arrow__build_refs(builder, &child, column->child ? 1 : 0);
    arrow__ref dictionary = is_dictionary ? build_dictionary(builder, column->codes, id) : 0;
    arrow__ref name_ref = arrow__build_string(builder, name, strlen(name));
    arrow__ref type_ref = build_type(builder, type, column->width);
    arrow__table_begin(builder);
    arrow__table_ref(builder, FIELD_NAME, name_ref);
    arrow__table_ref(builder, FIELD_TYPE, type_ref);
    if (is_dictionary) arrow__table_ref(builder, FIELD_DICTIONARY, dictionary);
    arrow__table_ref(builder, FIELD_CHILDREN, children);
    arrow__table_scalar(builder, FIELD_NULLABLE, 1, 1);
    arrow__table_scalar(builder, FIELD_TYPE_TYPE, peal_types[type].arrow, 1);
    return arrow__table_end(builder);
}

static arrow__ref build_schema(arrow__builder *builder, const peal_table *schema) {
    arrow__ref *fields = calloc(schema->column_count ? schema->column_count : 1, sizeof *fields);
    if (!fields) {
        builder->failed = true;
        return 0;
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        fields[i] = build_field(builder, &schema->columns[i], schema->columns[i].name, i);
    }
    arrow__ref vector = arrow__build_refs(builder, fields, schema->column_count);
    free(fields);
    arrow__table_begin(builder);
    arrow__table_ref(builder, SCHEMA_FIELDS, vector);
    return arrow__table_end(builder);
}

static arrow__ref build_message(arrow__builder *builder, uint8_t kind, arrow__ref header, uint64_t body_size) {
    arrow__table_begin(builder);
    arrow__table_scalar(builder, MESSAGE_BODY_LENGTH, body_size, 8);
    arrow__table_ref(builder, MESSAGE_HEADER, header);
    arrow__table_scalar(builder, MESSAGE_VERSION, ARROW_V5, 2);
    arrow__table_scalar(builder, MESSAGE_HEADER_TYPE, kind, 1);
    return arrow__table_end(builder);
}

/* Writes the encapsulated metadata, padded so that the body behind it is 64-byte aligned in the file. */
static peal_status emit_metadata(peal_arrow_writer *writer, arrow__builder *builder, arrow__ref message,
                                 arrow_block *block, peal_error *err) {
    const uint8_t *bytes;
    size_t size;
    if (!arrow__builder_finish(builder, message, &bytes, &size)) return no_memory(err);
    uint64_t begin = writer->out.size;
    size_t whole = padded(begin + 8 + size) - begin;
    if (whole > INT32_MAX) return too_large(err);
    uint32_t prefix[2] = {0xFFFFFFFFu, (uint32_t)(whole - 8)};
    block->offset = (int64_t)begin;
    block->metadata_size = (int32_t)whole;
    PEAL_TRY(emit(writer, prefix, sizeof prefix, err));
    PEAL_TRY(emit(writer, bytes, size, err));
    return emit(writer, zeros, whole - 8 - size, err);
}

/* ---- writing ---- */

peal_status peal_arrow_writer_open(const char *path, const peal_table *schema, peal_arrow_writer **out,
                                   peal_error *err) {
    *out = NULL;
    if (schema->column_count > ARROW_COLUMNS_MOST) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%zu columns are too many for a dataset, which has at most %d; drop some, or make features of "
                         "them (onehot)",
                         schema->column_count, ARROW_COLUMNS_MOST);
    }
    peal_arrow_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return no_memory(err);
    writer->schema = schema;
    writer->file_hash = peal_hasher_new();
    writer->dictionaries = calloc(schema->column_count + 1, sizeof *writer->dictionaries);
    writer->out.fd = -1;
    peal_status status =
        writer->file_hash && writer->dictionaries ? peal_out_file_open(path, &writer->out, err) : no_memory(err);
    if (status == PEAL_OK) status = emit(writer, ARROW_MAGIC "\0", 8, err);
    if (status == PEAL_OK) {
        arrow__builder builder = {0};
        arrow_block block;
        arrow__ref message = build_message(&builder, HEADER_SCHEMA, build_schema(&builder, schema), 0);
        status = emit_metadata(writer, &builder, message, &block, err);
        arrow__builder_clear(&builder);
    }
    if (status != PEAL_OK) {
        peal_arrow_writer_abort(writer);
        return status;
    }
    *out = writer;
    return PEAL_OK;
}

/* The body's layout: nodes and buffers in the order of the columns. */
typedef struct body {
    arrow_node *nodes;
    arrow_buffer *buffers;
    const void **data; /* [buffers] */
    size_t node_count, buffer_count, size;
} body;

static peal_status body_new(size_t columns, body *out, peal_error *err) {
    *out = (body){
        .nodes = calloc(2 * columns + 1, sizeof *out->nodes),
        .buffers = calloc(4 * columns + 1, sizeof *out->buffers),
        .data = calloc(4 * columns + 1, sizeof *out->data),
    };
    return out->nodes && out->buffers && out->data ? PEAL_OK : no_memory(err);
}

static void body_clear(body *one) {
    free(one->nodes);
    free(one->buffers);
    free(one->data);
}

static void body_node(body *one, size_t length, size_t null_count) {
    one->nodes[one->node_count++] = (arrow_node){(int64_t)length, (int64_t)null_count};
}

static void body_buffer(body *one, const void *data, size_t size) {
    one->data[one->buffer_count] = data;
    one->buffers[one->buffer_count++] = (arrow_buffer){(int64_t)one->size, (int64_t)size};
    one->size += padded(size);
}

/* Bytes of the values of a column that has no child. */
static size_t value_bytes(const peal_column *column, size_t rows) {
    if (column->type == PEAL_TYPE_BOOL) return (rows + 7) / 8;
    if (peal_types[column->type].has_offsets) return (size_t)column->offsets[rows];
    return rows * peal_column_value_size(column);
}

static void body_column(body *one, const peal_column *column, size_t rows) {
    const peal_type_info *info = &peal_types[column->type];
    const size_t nulls = column->validity ? column->null_count : 0;
    body_node(one, rows, nulls);
    body_buffer(one, column->validity, nulls ? (rows + 7) / 8 : 0);
    if (info->has_offsets) body_buffer(one, column->offsets, (rows + 1) * sizeof *column->offsets);
    if (info->has_child) {
        body_column(one, column->child, info->has_offsets ? (size_t)column->offsets[rows] : rows * column->width);
    } else {
        body_buffer(one, column->values, value_bytes(column, rows));
    }
}

static arrow__ref build_batch(arrow__builder *builder, const body *one, size_t rows) {
    arrow__ref buffers = arrow__build_vector(builder, one->buffers, one->buffer_count, sizeof(arrow_buffer), 8);
    arrow__ref nodes = arrow__build_vector(builder, one->nodes, one->node_count, sizeof(arrow_node), 8);
    arrow__table_begin(builder);
    arrow__table_scalar(builder, BATCH_LENGTH, rows, 8);
    arrow__table_ref(builder, BATCH_NODES, nodes);
    arrow__table_ref(builder, BATCH_BUFFERS, buffers);
    return arrow__table_end(builder);
}

static peal_status hash_body(const body *one, uint64_t *hash, peal_error *err) {
    peal_hasher *hasher = peal_hasher_new();
    if (!hasher) return no_memory(err);
    for (size_t i = 0; i < one->buffer_count; i++) {
        const size_t size = (size_t)one->buffers[i].length;
        if (size == 0) continue;
        peal_hasher_update(hasher, one->data[i], size);
        peal_hasher_update(hasher, zeros, padded(size) - size);
    }
    *hash = peal_hasher_end(hasher);
    peal_hasher_free(hasher);
    return PEAL_OK;
}

static peal_status emit_body(peal_arrow_writer *writer, const body *one, peal_error *err) {
    for (size_t i = 0; i < one->buffer_count; i++) {
        const size_t size = (size_t)one->buffers[i].length;
        if (size == 0) continue;
        PEAL_TRY(emit(writer, one->data[i], size, err));
        PEAL_TRY(emit(writer, zeros, padded(size) - size, err));
    }
    return PEAL_OK;
}

static peal_status batches_grow(peal_arrow_writer *writer, peal_error *err) {
    if (writer->batch_count < writer->batch_capacity) return PEAL_OK;
    size_t capacity = writer->batch_capacity * 2 + 16;
    arrow_block *batches = realloc(writer->batches, capacity * sizeof *batches);
    if (batches) writer->batches = batches;
    uint64_t *hashes = realloc(writer->batch_hashes, capacity * sizeof *hashes);
    if (hashes) writer->batch_hashes = hashes;
    if (!batches || !hashes) return no_memory(err);
    writer->batch_capacity = capacity;
    return PEAL_OK;
}

struct peal_arrow_batch {
    size_t rows;
    body content;
    uint64_t hash;
};

peal_status peal_arrow_batch_make(const peal_table *table, peal_arrow_batch **out, peal_error *err) {
    *out = NULL;
    peal_arrow_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return no_memory(err);
    batch->rows = table->rows;
    peal_status status = body_new(table->column_count, &batch->content, err);
    if (status == PEAL_OK) {
        for (size_t i = 0; i < table->column_count; i++) body_column(&batch->content, &table->columns[i], table->rows);
        status = hash_body(&batch->content, &batch->hash, err);
    }
    if (status == PEAL_OK) {
        *out = batch;
    } else {
        peal_arrow_batch_free(batch);
    }
    return status;
}

size_t peal_arrow_batch_rows(const peal_arrow_batch *batch) {
    return batch->rows;
}

void peal_arrow_batch_free(peal_arrow_batch *batch) {
    if (!batch) return;
    body_clear(&batch->content);
    free(batch);
}

peal_status peal_arrow_writer_put(peal_arrow_writer *writer, const peal_arrow_batch *batch, peal_error *err) {
    PEAL_TRY(batches_grow(writer, err));
    arrow__builder builder = {0};
    arrow_block *block = &writer->batches[writer->batch_count];
    *block = (arrow_block){.body_size = (int64_t)batch->content.size};
    arrow__ref header = build_batch(&builder, &batch->content, batch->rows);
    arrow__ref message = build_message(&builder, HEADER_RECORD_BATCH, header, batch->content.size);
    peal_status status = emit_metadata(writer, &builder, message, block, err);
    arrow__builder_clear(&builder);
    if (status == PEAL_OK) status = emit_body(writer, &batch->content, err);
    if (status != PEAL_OK) return status;
    writer->batch_hashes[writer->batch_count++] = batch->hash;
    peal_out_file_start_writeback(&writer->out); /* so that the fsync at the end is short */
    return PEAL_OK;
}

peal_status peal_arrow_writer_batch(peal_arrow_writer *writer, const peal_table *table, peal_error *err) {
    peal_arrow_batch *batch;
    PEAL_TRY(peal_arrow_batch_make(table, &batch, err));
    const peal_status status = peal_arrow_writer_put(writer, batch, err);
    peal_arrow_batch_free(batch);
    return status;
}

uint64_t peal_arrow_writer_size(const peal_arrow_writer *writer) {
    return writer->out.size;
}

static peal_status write_dictionary(peal_arrow_writer *writer, size_t id, const peal_dictionary *dictionary,
                                    peal_error *err) {
    static const uint32_t no_offsets[1];
    body content;
    arrow__builder builder = {0};
    peal_status status = body_new(2, &content, err);
    if (status == PEAL_OK) {
        body_node(&content, dictionary->size, 0);
        body_buffer(&content, NULL, 0);
        body_buffer(&content, dictionary->size ? dictionary->offsets : no_offsets,
                    ((size_t)dictionary->size + 1) * sizeof(uint32_t));
        body_buffer(&content, dictionary->bytes.data, dictionary->bytes.size);
        arrow_block *block = &writer->dictionaries[writer->dictionary_count];
        *block = (arrow_block){.body_size = (int64_t)content.size};
        arrow__ref batch = build_batch(&builder, &content, dictionary->size);
        arrow__table_begin(&builder);
        arrow__table_scalar(&builder, DICTIONARY_BATCH_ID, id, 8);
        arrow__table_ref(&builder, DICTIONARY_BATCH_DATA, batch);
        arrow__ref header = arrow__table_end(&builder);
        arrow__ref message = build_message(&builder, HEADER_DICTIONARY_BATCH, header, content.size);
        status = emit_metadata(writer, &builder, message, block, err);
    }
    if (status == PEAL_OK) status = emit_body(writer, &content, err);
    if (status == PEAL_OK) writer->dictionary_count++;
    body_clear(&content);
    arrow__builder_clear(&builder);
    return status;
}

static peal_status write_footer(peal_arrow_writer *writer, peal_error *err) {
    arrow__builder builder = {0};
    char *hashes = malloc(writer->batch_count * 17 + 1);
    if (!hashes) return no_memory(err);
    size_t used = 0;
    for (size_t i = 0; i < writer->batch_count; i++) {
        peal_hash_text(writer->batch_hashes[i], hashes + used);
        used += 16;
        hashes[used++] = ',';
    }
    if (used) used--;
    arrow__ref value = arrow__build_string(&builder, hashes, used);
    arrow__ref key = arrow__build_string(&builder, ARROW_HASHES_KEY, sizeof ARROW_HASHES_KEY - 1);
    free(hashes);
    arrow__table_begin(&builder);
    arrow__table_ref(&builder, KEY_VALUE_KEY, key);
    arrow__table_ref(&builder, KEY_VALUE_VALUE, value);
    arrow__ref pair = arrow__table_end(&builder);
    arrow__ref metadata = arrow__build_refs(&builder, &pair, 1);
    arrow__ref batches = arrow__build_vector(&builder, writer->batches, writer->batch_count, sizeof(arrow_block), 8);
    arrow__ref dictionaries =
        arrow__build_vector(&builder, writer->dictionaries, writer->dictionary_count, sizeof(arrow_block), 8);
    arrow__ref schema = build_schema(&builder, writer->schema);
    arrow__table_begin(&builder);
    arrow__table_ref(&builder, FOOTER_SCHEMA, schema);
    arrow__table_ref(&builder, FOOTER_DICTIONARIES, dictionaries);
    arrow__table_ref(&builder, FOOTER_BATCHES, batches);
    arrow__table_ref(&builder, FOOTER_METADATA, metadata);
    arrow__table_scalar(&builder, FOOTER_VERSION, ARROW_V5, 2);
    arrow__ref footer = arrow__table_end(&builder);
    const uint8_t *bytes;
    size_t size;
    peal_status status = arrow__builder_finish(&builder, footer, &bytes, &size) ? PEAL_OK : no_memory(err);
    const uint32_t end_of_stream[2] = {0xFFFFFFFFu, 0};
    if (status == PEAL_OK && size > INT32_MAX) status = too_large(err);
    const uint32_t footer_size = (uint32_t)size;
    if (status == PEAL_OK) status = emit(writer, end_of_stream, sizeof end_of_stream, err);
    if (status == PEAL_OK) status = emit(writer, bytes, size, err);
    if (status == PEAL_OK) status = emit(writer, &footer_size, sizeof footer_size, err);
    if (status == PEAL_OK) status = emit(writer, ARROW_MAGIC, 6, err);
    arrow__builder_clear(&builder);
    return status;
}

static void writer_free(peal_arrow_writer *writer) {
    peal_hasher_free(writer->file_hash);
    free(writer->batches);
    free(writer->batch_hashes);
    free(writer->dictionaries);
    free(writer);
}

peal_status peal_arrow_writer_close(peal_arrow_writer *writer, const peal_dictionary *const *dictionaries, bool sync,
                                    uint64_t *hash_out, peal_error *err) {
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < writer->schema->column_count && status == PEAL_OK; i++) {
        if (dictionaries && dictionaries[i]) status = write_dictionary(writer, i, dictionaries[i], err);
    }
    if (status == PEAL_OK) status = write_footer(writer, err);
    if (status != PEAL_OK) {
        peal_arrow_writer_abort(writer);
        return status;
    }
    if (hash_out) *hash_out = peal_hasher_end(writer->file_hash);
    status = peal_out_file_close(&writer->out, sync, err);
    writer_free(writer);
    return status;
}

void peal_arrow_writer_abort(peal_arrow_writer *writer) {
    if (!writer) return;
    if (writer->out.path) unlink(writer->out.path);
    peal_out_file_abandon(&writer->out);
    writer_free(writer);
}
