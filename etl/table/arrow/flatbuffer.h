/* As much of FlatBuffers as Arrow's metadata needs: a builder and a bounds-checked reader.
 *
 * Source: the FlatBuffers binary format (flatbuffers.dev, "FlatBuffer Internals"). */
#ifndef PEAL_ETL_ARROW_FLATBUFFER_H
#define PEAL_ETL_ARROW_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- building, from the back to the front ----
 *
 * An object is referred to by its distance from the buffer's end. Children are built before their parents. If memory
 * runs out, `failed` is set and everything after is a no-op. */
typedef struct arrow__builder {
    uint8_t *bytes; /* the data is the last `size` bytes */
    size_t size, capacity;
    size_t max_align;
    bool failed;
    uint32_t fields[16]; /* of the table under construction: distance of each field's value, 0 if absent */
    uint32_t field_count;
    size_t table_begin;
} arrow__builder;

typedef uint32_t arrow__ref;

void arrow__builder_clear(arrow__builder *builder);
arrow__ref arrow__build_string(arrow__builder *builder, const char *text, size_t length);
/* A vector of `count` structs or scalars of `size` bytes, aligned to `align`. */
arrow__ref arrow__build_vector(arrow__builder *builder, const void *items, size_t count, size_t size, size_t align);
arrow__ref arrow__build_refs(arrow__builder *builder, const arrow__ref *refs, size_t count);
void arrow__table_begin(arrow__builder *builder);
/* Fields may be added in any order; `size` is 1, 2, 4 or 8. */
void arrow__table_scalar(arrow__builder *builder, uint32_t field, uint64_t value, size_t size);
void arrow__table_ref(arrow__builder *builder, uint32_t field, arrow__ref ref);
arrow__ref arrow__table_end(arrow__builder *builder);
/* Puts the root offset in front; the finished buffer is a multiple of 8 bytes. False if anything failed. */
bool arrow__builder_finish(arrow__builder *builder, arrow__ref root, const uint8_t **bytes, size_t *size);

/* ---- reading ---- every access is checked; what is out of bounds reads as absent and sets `bad`. */
typedef struct arrow__reader {
    const uint8_t *bytes;
    size_t size;
    bool bad;
} arrow__reader;

/* Positions are offsets from the buffer's beginning; 0 means absent. */
typedef size_t arrow__at;

arrow__at arrow__read_root(arrow__reader *reader);
uint64_t arrow__read_scalar(arrow__reader *reader, arrow__at table, uint32_t field, size_t size, uint64_t otherwise);
/* The table, string or vector that a field refers to. */
arrow__at arrow__read_ref(arrow__reader *reader, arrow__at table, uint32_t field);
/* The string at `at`, not NUL-terminated. NULL if absent or bad. */
const char *arrow__read_string(arrow__reader *reader, arrow__at at, size_t *length);
/* The items of a vector of structs of `item_size` bytes; NULL if absent or bad. */
const uint8_t *arrow__read_vector(arrow__reader *reader, arrow__at at, size_t item_size, size_t *count);
/* The table that item `index` of a vector of references refers to. */
arrow__at arrow__read_item(arrow__reader *reader, arrow__at vector, size_t index);

#endif
