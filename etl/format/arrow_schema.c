/* An Arrow schema message becomes the tree of its fields and the columns that can be read. See arrow.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/format/arrow.h"

enum { DEEPEST = 64, SCALE_MOST = 76, PATHS_MOST = 256 << 20 };

void ipc__schema_clear(ipc__schema *schema) {
    for (size_t i = 0; i < schema->count; i++) free(schema->nodes[i].path);
    free(schema->nodes);
    free(schema->column_nodes);
    peal_schema_clear(&schema->columns);
    *schema = (ipc__schema){0};
}

/* ---- what types are ---- */

bool ipc__type_is_text(const ipc__type *type) {
    return type->kind == TYPE_UTF8 || type->kind == TYPE_LARGE_UTF8 || type->kind == TYPE_UTF8_VIEW;
}

bool ipc__type_is_number(const ipc__type *type) {
    return type->kind == TYPE_INT || type->kind == TYPE_FLOAT || type->kind == TYPE_DECIMAL ||
           type->kind == TYPE_DURATION;
}

/* What is said of kinds that are left out. */
static const char *const left_out[] = {
    [TYPE_BINARY] = "binary data",
    [TYPE_INTERVAL] = "an interval",
    [TYPE_LIST] = "a list",
    [TYPE_UNION] = "a union",
    [TYPE_FIXED_SIZE_BINARY] = "binary data",
    [TYPE_FIXED_SIZE_LIST] = "a list that is not of uint8",
    [TYPE_MAP] = "a map",
    [TYPE_LARGE_BINARY] = "binary data",
    [TYPE_LARGE_LIST] = "a list",
    [TYPE_RUN_END_ENCODED] = "run-end encoded",
    [TYPE_BINARY_VIEW] = "binary data",
    [TYPE_LIST_VIEW] = "a list",
    [TYPE_LARGE_LIST_VIEW] = "a list",
};

static bool is_image(const ipc__schema *schema, size_t index) {
    const ipc__node *node = &schema->nodes[index];
    if (node->type.kind != TYPE_FIXED_SIZE_LIST || index + 1 == schema->count) return false;
    const ipc__node *item = &schema->nodes[index + 1];
    return item->parent == index && item->type.kind == TYPE_INT && item->type.bits == 8 && !item->type.is_signed &&
           !item->coded && node->type.width > 0 && node->type.width <= 1 << 28;
}

const char *ipc__unreadable(const ipc__schema *schema, size_t index) {
    const ipc__node *node = &schema->nodes[index];
    const ipc__type *type = &node->type;
    if (!node->coded && is_image(schema, index)) return NULL;
    if (type->kind > TYPE_LARGE_LIST_VIEW) return "of a type that is not known";
    if (type->kind < sizeof left_out / sizeof *left_out && left_out[type->kind]) return left_out[type->kind];
    if (type->kind == TYPE_STRUCT) return node->coded ? "a dictionary of structs" : NULL;
    const bool fixed = type->kind != TYPE_NULL && !ipc__type_is_text(type);
    if (fixed && (type->bits == 0 || type->scale > SCALE_MOST || type->scale < -SCALE_MOST)) return "of an odd type";
    return NULL;
}

static bool is_one_of(uint32_t bits, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return bits == a || bits == b || bits == c || bits == d;
}

static uint32_t time_bits(arrow__reader *reader, arrow__at at) {
    const uint32_t bits = (uint32_t)arrow__read_scalar(reader, at, TIME_BITS, 4, 32);
    return bits == 64 || bits == 32 ? bits : 0;
}

/* "+05:30", "-0800", or a name of UTC; false: of a place. */
static bool read_zone(const char *text, size_t length, int32_t *minutes) {
    static const char *const names[] = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"};
    *minutes = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) return true;
    }
    int digits[4];
    size_t count = 0;
    if (length < 5 || (*text != '+' && *text != '-')) return false;
    for (size_t i = 1; i < length; i++) {
        if (text[i] == ':' && i == 3) continue;
        if (text[i] < '0' || text[i] > '9' || count == 4) return false;
        digits[count++] = text[i] - '0';
    }
    const int32_t offset = count == 4 ? (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3] : INT32_MAX;
    if (offset > 18 * 60) return false;
    *minutes = *text == '-' ? -offset : offset;
    return true;
}

/* Fields of a type's table; what makes no sense has 0 bits. */
static ipc__type read_type(arrow__reader *reader, uint64_t kind, arrow__at at) {
    static const uint32_t float_bits[] = {[PRECISION_HALF] = 16, [PRECISION_SINGLE] = 32, [PRECISION_DOUBLE] = 64};
    ipc__type type = {.kind = (uint8_t)kind};
    switch (kind) {
    case TYPE_BOOL:
        type.bits = 1;
        break;
    case TYPE_INT:
        type.bits = (uint32_t)arrow__read_scalar(reader, at, INT_BITS, 4, 0);
        type.is_signed = arrow__read_scalar(reader, at, INT_SIGNED, 1, 0) != 0;
        if (!is_one_of(type.bits, 8, 16, 32, 64)) type.bits = 0;
        break;
    case TYPE_FLOAT: {
        const uint64_t precision = arrow__read_scalar(reader, at, 0, 2, PRECISION_HALF);
        if (precision < sizeof float_bits / sizeof *float_bits) type.bits = float_bits[precision];
        break;
    }
    case TYPE_DECIMAL:
        type.precision = (int32_t)arrow__read_scalar(reader, at, DECIMAL_PRECISION, 4, 0);
        type.scale = (int32_t)arrow__read_scalar(reader, at, DECIMAL_SCALE, 4, 0);
        type.bits = (uint32_t)arrow__read_scalar(reader, at, DECIMAL_BITS, 4, 128);
        if (!is_one_of(type.bits, 32, 64, 128, 256)) type.bits = 0;
        break;
    case TYPE_DATE:
        type.bits = arrow__read_scalar(reader, at, 0, 2, DATE_UNIT_MILLI) == DATE_UNIT_DAY ? 32 : 64;
        break;
    case TYPE_TIME:
        type.unit = (uint8_t)arrow__read_scalar(reader, at, TIME_UNIT, 2, TIME_UNIT_MILLI);
        type.bits = time_bits(reader, at);
        break;
    case TYPE_TIMESTAMP: {
        size_t length;
        type.unit = (uint8_t)arrow__read_scalar(reader, at, TIMESTAMP_UNIT, 2, TIME_UNIT_SECOND);
        const char *zone = arrow__read_string(reader, arrow__read_ref(reader, at, TIMESTAMP_ZONE), &length);
        type.zoned = length > 0;
        type.has_place = type.zoned && !read_zone(zone, length, &type.zone);
        type.bits = 64;
        break;
    }
    case TYPE_DURATION:
        type.unit = (uint8_t)arrow__read_scalar(reader, at, TIME_UNIT, 2, TIME_UNIT_MILLI);
        type.bits = 64;
        break;
    case TYPE_FIXED_SIZE_LIST:
        type.width = (uint32_t)arrow__read_scalar(reader, at, 0, 4, 0);
        break;
    default:
        break;
    }
    if (type.unit > TIME_UNIT_NANO) type.bits = 0;
    return type;
}

/* How many buffers a record batch has for a field of this type. Version 4 gave unions a bitmap. */
static size_t buffers_of(const ipc__type *type, bool coded, bool dense, int version) {
    if (coded) return 2;
    switch (type->kind) {
    case TYPE_NULL:
    case TYPE_RUN_END_ENCODED:
        return 0;
    case TYPE_STRUCT:
    case TYPE_FIXED_SIZE_LIST:
        return 1;
    case TYPE_UNION:
        return 1 + (size_t)dense + (version == ARROW_V4);
    case TYPE_UTF8:
    case TYPE_BINARY:
    case TYPE_LARGE_UTF8:
    case TYPE_LARGE_BINARY:
    case TYPE_LIST_VIEW:
    case TYPE_LARGE_LIST_VIEW:
        return 3;
    default:
        return 2;
    }
}

size_t ipc__buffers_of(const ipc__type *type) {
    return buffers_of(type, false, false, ARROW_V5);
}

/* ---- the tree ---- */

typedef struct schema_reader {
    const ipc__source *source;
    const ipc__message *message;
    arrow__reader *reader;
    ipc__schema *out;
    size_t path_bytes; /* in all: a damaged schema may name one field very often */
} schema_reader;

static peal_status add_node(schema_reader *self, const ipc__node *node, peal_error *err) {
    ipc__schema *schema = self->out;
    if (schema->count == ARROW_COLUMNS_MOST) {
        return ipc__damaged(self->source, self->message->at, err, "an Arrow schema of more than %d fields",
                            ARROW_COLUMNS_MOST);
    }
    if (schema->count == schema->capacity) {
        const size_t capacity = schema->capacity * 2 + 16;
        ipc__node *nodes = realloc(schema->nodes, capacity * sizeof *nodes);
        if (!nodes) return peal_fail(err, PEAL_E_MEMORY, "no memory for an Arrow schema");
        schema->nodes = nodes;
        schema->capacity = capacity;
    }
    schema->nodes[schema->count++] = *node;
    return PEAL_OK;
}

static peal_status make_path(schema_reader *self, arrow__at field, size_t parent, size_t position, char **out,
                             peal_error *err) {
    size_t length;
    const char *name = arrow__read_string(self->reader, arrow__read_ref(self->reader, field, FIELD_NAME), &length);
    if (name && (peal_utf8_error(name, length) < length || memchr(name, '\0', length))) {
        return ipc__damaged(self->source, self->message->at, err, "the name of Arrow column %zu is not UTF-8 text",
                            position + 1);
    }
    char unnamed[32];
    snprintf(unnamed, sizeof unnamed, "c%zu", position + 1);
    const char *before = parent == SIZE_MAX ? "" : self->out->nodes[parent].path;
    const char *shown = name && length ? name : unnamed;
    const int size = (int)(name && length ? length : strlen(unnamed));
    *out = peal_sprintf("%s%s%.*s", before, parent == SIZE_MAX ? "" : ".", size, shown);
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory for an Arrow schema");
    self->path_bytes += strlen(*out);
    if (self->path_bytes <= PATHS_MOST) return PEAL_OK;
    free(*out);
    return ipc__damaged(self->source, self->message->at, err, "the names of Arrow columns are longer than %d MB",
                        PATHS_MOST >> 20);
}

static void read_encoding(schema_reader *self, arrow__at field, ipc__node *node) {
    const arrow__at encoding = arrow__read_ref(self->reader, field, FIELD_DICTIONARY);
    if (!encoding) return;
    const arrow__at index = arrow__read_ref(self->reader, encoding, DICTIONARY_INDEX_TYPE);
    node->coded = true;
    node->dictionary_id = (int64_t)arrow__read_scalar(self->reader, encoding, DICTIONARY_ID, 8, 0);
    node->index =
        index ? read_type(self->reader, TYPE_INT, index) : (ipc__type){.kind = TYPE_INT, .is_signed = true, .bits = 32};
}

static peal_status read_fields(schema_reader *self, arrow__at fields, size_t parent, size_t depth, peal_error *err);

static peal_status read_field(schema_reader *self, arrow__at field, size_t parent, size_t position, size_t depth,
                              peal_error *err) {
    arrow__reader *reader = self->reader;
    ipc__node node = {.parent = parent};
    const uint64_t kind = arrow__read_scalar(reader, field, FIELD_TYPE_TYPE, 1, 0);
    const arrow__at at = arrow__read_ref(reader, field, FIELD_TYPE);
    node.type = read_type(reader, kind, at);
    read_encoding(self, field, &node);
    const bool dense = kind == TYPE_UNION && arrow__read_scalar(reader, at, 0, 2, 0) == UNION_DENSE;
    node.buffer_count = buffers_of(&node.type, node.coded, dense, self->message->version);
    if (reader->bad || (node.coded && node.index.bits == 0)) {
        return ipc__damaged(self->source, self->message->at, err, "the Arrow schema is damaged");
    }
    PEAL_TRY(make_path(self, field, parent, position, &node.path, err));
    const peal_status status = add_node(self, &node, err);
    if (status != PEAL_OK) free(node.path);
    PEAL_TRY(status);
    /* The children of what a dictionary holds are in the dictionary's batches. */
    if (node.coded) return PEAL_OK;
    return read_fields(self, arrow__read_ref(reader, field, FIELD_CHILDREN), self->out->count - 1, depth, err);
}

static peal_status read_fields(schema_reader *self, arrow__at fields, size_t parent, size_t depth, peal_error *err) {
    size_t count = 0;
    (void)arrow__read_vector(self->reader, fields, 4, &count);
    if (depth == DEEPEST && count > 0) {
        return ipc__damaged(self->source, self->message->at, err, "Arrow columns nested more than %d deep", DEEPEST);
    }
    for (size_t i = 0; i < count; i++) {
        const arrow__at field = arrow__read_item(self->reader, fields, i);
        PEAL_TRY(read_field(self, field, parent, i, depth + 1, err));
    }
    return PEAL_OK;
}

/* ---- the columns ---- */

/* What stands in structs only has one value a row. */
static bool is_in_rows(const ipc__schema *schema, size_t node) {
    for (size_t i = schema->nodes[node].parent; i != SIZE_MAX; i = schema->nodes[i].parent) {
        if (schema->nodes[i].type.kind != TYPE_STRUCT || schema->nodes[i].coded) return false;
    }
    return true;
}

static void set_field(const ipc__node *node, peal_field *field) {
    const ipc__type *type = &node->type;
    field->settled = field->decided = true;
    if (ipc__type_is_number(type)) field->type = PEAL_TYPE_FLOAT64;
    if (type->kind == TYPE_BOOL) field->type = PEAL_TYPE_BOOL;
    field->as_date = type->kind == TYPE_DATE || type->kind == TYPE_TIMESTAMP;
    field->as_number = field->spelling.clock = type->kind == TYPE_TIME;
    field->may_be_date = ipc__type_is_text(type);
    if (type->kind == TYPE_NULL) field->settled = field->decided = false;
    if (type->kind != TYPE_FIXED_SIZE_LIST) return;
    field->type = PEAL_TYPE_FIXED_LIST;
    field->item = PEAL_TYPE_UINT8;
    field->width = type->width;
}

static peal_status add_columns(schema_reader *self, peal_error *err) {
    ipc__schema *schema = self->out;
    PEAL_TRY(peal_alloc_checked(&schema->column_nodes, schema->count, sizeof *schema->column_nodes, "columns", err));
    for (size_t i = 0; i < schema->count; i++) {
        const ipc__node *node = &schema->nodes[i];
        if (!is_in_rows(schema, i) || ipc__unreadable(schema, i) || (node->type.kind == TYPE_STRUCT && !node->coded)) {
            continue;
        }
        peal_error problem;
        const peal_status status =
            peal_schema_add(&schema->columns, node->path, strlen(node->path), PEAL_TYPE_DICTIONARY, &problem);
        if (status != PEAL_OK) return peal_fail(err, status, "%s: %s", self->source->name, problem.message);
        set_field(node, &schema->columns.fields[schema->columns.count - 1]);
        schema->column_nodes[schema->columns.count - 1] = i;
    }
    return PEAL_OK;
}

static peal_status read_schema(schema_reader *self, arrow__at schema, peal_error *err) {
    if (arrow__read_scalar(self->reader, schema, SCHEMA_ENDIANNESS, 2, 0) != 0) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: its Arrow data is big-endian, and little-endian was expected; write it anew on another "
                         "machine",
                         self->source->name);
    }
    self->out->version = self->message->version;
    PEAL_TRY(read_fields(self, arrow__read_ref(self->reader, schema, SCHEMA_FIELDS), SIZE_MAX, 0, err));
    if (self->reader->bad) {
        return ipc__damaged(self->source, self->message->at, err, "the Arrow schema is damaged");
    }
    return add_columns(self, err);
}

/* The footer as a message: it has a version and a schema. */
static peal_status read_footed(ipc__source *source, schema_reader *self, ipc__message *message, peal_error *err) {
    message->at = source->stream->size - source->footer.size;
    message->reader = (arrow__reader){.bytes = source->footer.data, .size = source->footer.size};
    const arrow__at root = arrow__read_root(&message->reader);
    message->version = (int)arrow__read_scalar(&message->reader, root, FOOTER_VERSION, 2, 0);
    const arrow__at schema = arrow__read_ref(&message->reader, root, FOOTER_SCHEMA);
    if (!schema) return ipc__damaged(source, message->at, err, "the footer has no Arrow schema");
    return read_schema(self, schema, err);
}

peal_status ipc__schema_read(ipc__source *source, ipc__schema *out, peal_error *err) {
    ipc__message message = {0};
    bool ended;
    schema_reader self = {.source = source, .message = &message, .reader = &message.reader, .out = out};
    if (source->footed) return read_footed(source, &self, &message, err);
    PEAL_TRY(ipc__source_next(source, &message, &ended, err));
    if (ended || message.kind != HEADER_SCHEMA) {
        return ipc__damaged(source, message.at, err, "an Arrow schema was expected here");
    }
    PEAL_TRY(read_schema(&self, message.header, err));
    return ipc__source_skip(source, message.body_size, err);
}
