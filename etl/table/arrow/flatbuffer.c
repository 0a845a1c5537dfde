/* Builds FlatBuffers from the back to the front, and reads them with every access checked; see flatbuffer.h. */
#include "etl/table/arrow/flatbuffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

void arrow__builder_clear(arrow__builder *builder) {
    free(builder->bytes);
    *builder = (arrow__builder){0};
}

static uint8_t *push(arrow__builder *builder, size_t size) {
    if (builder->failed) return NULL;
    if (builder->size + size > builder->capacity) {
        size_t capacity = (builder->size + size) * 2 + 1024;
        uint8_t *bytes = malloc(capacity);
        if (!bytes) {
            builder->failed = true;
            return NULL;
        }
        if (builder->size) {
            memcpy(bytes + capacity - builder->size, builder->bytes + builder->capacity - builder->size, builder->size);
        }
        free(builder->bytes);
        builder->bytes = bytes;
        builder->capacity = capacity;
    }
    builder->size += size;
    uint8_t *place = builder->bytes + builder->capacity - builder->size;
    memset(place, 0, size);
    return place;
}

/* Pads so that after `ahead` more bytes the size is a multiple of `align`. */
static void pad(arrow__builder *builder, size_t ahead, size_t align) {
    if (align > builder->max_align) builder->max_align = align;
    size_t over = (builder->size + ahead) % align;
    if (over) push(builder, align - over);
}

static void push_u32(arrow__builder *builder, uint32_t value) {
    uint8_t *place = push(builder, 4);
    if (place) memcpy(place, &value, 4);
}

arrow__ref arrow__build_string(arrow__builder *builder, const char *text, size_t length) {
    pad(builder, length + 1, 4);
    uint8_t *place = push(builder, length + 1);
    if (place) memcpy(place, text, length);
    push_u32(builder, (uint32_t)length);
    return (arrow__ref)builder->size;
}

arrow__ref arrow__build_vector(arrow__builder *builder, const void *items, size_t count, size_t size, size_t align) {
    pad(builder, count * size, 4);
    pad(builder, count * size, align);
    uint8_t *place = push(builder, count * size);
    if (place && count) memcpy(place, items, count * size);
    push_u32(builder, (uint32_t)count);
    return (arrow__ref)builder->size;
}

arrow__ref arrow__build_refs(arrow__builder *builder, const arrow__ref *refs, size_t count) {
    pad(builder, count * 4, 4);
    for (size_t i = count; i-- > 0;) push_u32(builder, (uint32_t)builder->size + 4 - refs[i]);
    push_u32(builder, (uint32_t)count);
    return (arrow__ref)builder->size;
}

void arrow__table_begin(arrow__builder *builder) {
    memset(builder->fields, 0, sizeof builder->fields);
    builder->field_count = 0;
    builder->table_begin = builder->size;
}

static void note_field(arrow__builder *builder, uint32_t field) {
    assert(field < 16);
    builder->fields[field] = (uint32_t)builder->size;
    if (field + 1 > builder->field_count) builder->field_count = field + 1;
}

void arrow__table_scalar(arrow__builder *builder, uint32_t field, uint64_t value, size_t size) {
    pad(builder, size, size);
    uint8_t *place = push(builder, size);
    if (place) memcpy(place, &value, size); /* little-endian, as all our machines are */
    note_field(builder, field);
}

void arrow__table_ref(arrow__builder *builder, uint32_t field, arrow__ref ref) {
    pad(builder, 4, 4);
    push_u32(builder, (uint32_t)builder->size + 4 - ref);
    note_field(builder, field);
}

arrow__ref arrow__table_end(arrow__builder *builder) {
    pad(builder, 4, 4);
    push_u32(builder, 0); /* the offset to the vtable, filled in below */
    uint32_t table = (uint32_t)builder->size;
    for (uint32_t i = builder->field_count; i-- > 0;) {
        uint16_t offset = builder->fields[i] ? (uint16_t)(table - builder->fields[i]) : 0;
        uint8_t *place = push(builder, 2);
        if (place) memcpy(place, &offset, 2);
    }
    uint16_t sizes[2] = {(uint16_t)(4 + 2 * builder->field_count), (uint16_t)(table - builder->table_begin)};
    uint8_t *place = push(builder, 4);
    if (!place) return 0;
    memcpy(place, sizes, 4);
    int32_t distance = (int32_t)(builder->size - table);
    memcpy(builder->bytes + builder->capacity - table, &distance, 4);
    return table;
}

bool arrow__builder_finish(arrow__builder *builder, arrow__ref root, const uint8_t **bytes, size_t *size) {
    pad(builder, 4, 8);
    push_u32(builder, (uint32_t)builder->size + 4 - root);
    if (builder->failed) return false;
    *bytes = builder->bytes + builder->capacity - builder->size;
    *size = builder->size;
    return true;
}

/* ---- reading ---- */

static uint64_t load(arrow__reader *reader, size_t at, size_t size) {
    if (at > reader->size || size > reader->size - at) {
        reader->bad = true;
        return 0;
    }
    uint64_t value = 0;
    memcpy(&value, reader->bytes + at, size);
    return value;
}

static arrow__at follow(arrow__reader *reader, size_t at) {
    uint64_t distance = load(reader, at, 4);
    if (reader->bad || distance == 0 || distance > reader->size - at) {
        reader->bad = true;
        return 0;
    }
    return at + (size_t)distance;
}

arrow__at arrow__read_root(arrow__reader *reader) {
    return follow(reader, 0);
}

/* Where a table's field lies, or 0. */
static arrow__at field_at(arrow__reader *reader, arrow__at table, uint32_t field, size_t size) {
    if (table == 0 || reader->bad) return 0;
    int64_t vtable = (int64_t)table - (int32_t)load(reader, table, 4);
    if (reader->bad || vtable < 0 || (uint64_t)vtable > reader->size) {
        reader->bad = true;
        return 0;
    }
    uint64_t vtable_size = load(reader, (size_t)vtable, 2), entry = 4 + 2 * (uint64_t)field;
    if (reader->bad || entry + 2 > vtable_size) return 0;
    uint64_t offset = load(reader, (size_t)vtable + (size_t)entry, 2);
    if (offset == 0 || reader->bad) return 0;
    if (table + offset + size > reader->size) {
        reader->bad = true;
        return 0;
    }
    return table + (size_t)offset;
}

uint64_t arrow__read_scalar(arrow__reader *reader, arrow__at table, uint32_t field, size_t size, uint64_t otherwise) {
    arrow__at at = field_at(reader, table, field, size);
    return at ? load(reader, at, size) : otherwise;
}

arrow__at arrow__read_ref(arrow__reader *reader, arrow__at table, uint32_t field) {
    arrow__at at = field_at(reader, table, field, 4);
    return at ? follow(reader, at) : 0;
}

const char *arrow__read_string(arrow__reader *reader, arrow__at at, size_t *length) {
    size_t count = 0;
    const uint8_t *bytes = arrow__read_vector(reader, at, 1, &count);
    *length = count;
    return (const char *)bytes;
}

const uint8_t *arrow__read_vector(arrow__reader *reader, arrow__at at, size_t item_size, size_t *count) {
    *count = 0;
    if (at == 0 || reader->bad) return NULL;
    uint64_t items = load(reader, at, 4);
    if (reader->bad || items * item_size > reader->size - at - 4) {
        reader->bad = true;
        return NULL;
    }
    *count = (size_t)items;
    return reader->bytes + at + 4;
}

arrow__at arrow__read_item(arrow__reader *reader, arrow__at vector, size_t index) {
    size_t count;
    if (!arrow__read_vector(reader, vector, 4, &count) || index >= count) {
        reader->bad = true;
        return 0;
    }
    return follow(reader, vector + 4 + 4 * index);
}
