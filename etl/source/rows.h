/* Rows of databases as a stream of bytes: what sources of SQL give and the format `rows` reads.
 *
 * It is PostgreSQL's binary COPY, whose header has room for what others want to say; there stand the columns' names and
 * types. All numbers are big-endian.
 *
 *   "PGCOPY\n\377\r\n\0"   flags u32 (0)   size of the extension u32
 *   extension:             "peal"  columns u32  { type u32  length of the name u32  name } a column
 *   a row:                 fields i16  { size i32 (-1: missing, -2: of no type that is read)  bytes } a field
 *   end:                   -1 i16
 *
 * A type is PostgreSQL's number of it, or ROWS_ANY: each value then begins with a byte that tells what follows (i:
 * int64, d: float64, t: text), for databases in which a column's values may be of several types. Source: PostgreSQL 15,
 * "COPY", Binary Format; pg_type.dat. Private to sources and formats. */
#ifndef PEAL_ETL_SOURCE_ROWS_H
#define PEAL_ETL_SOURCE_ROWS_H

#include <endian.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/source/stream.h"

#define ROWS_SIGNATURE "PGCOPY\n\377\r\n"
#define ROWS_MARK "peal"
enum { ROWS_SIGNATURE_SIZE = 11, ROWS_HEADER_SIZE = 19, ROWS_END = -1, ROWS_MISSING = -1, ROWS_BLOB = -2 };

/* The types that the format reads; a source has all others cast to text. */
enum {
    ROWS_ANY = 0,
    ROWS_BOOL = 16,
    ROWS_INT8 = 20,
    ROWS_INT2 = 21,
    ROWS_INT4 = 23,
    ROWS_TEXT = 25,
    ROWS_FLOAT4 = 700,
    ROWS_FLOAT8 = 701,
    ROWS_DATE = 1082,
    ROWS_TIMESTAMP = 1114,
    ROWS_TIMESTAMPTZ = 1184,
    ROWS_NUMERIC = 1700,
    ROWS_UUID = 2950,
};

typedef struct source__row_column {
    const char *name;
    uint32_t type;
} source__row_column;

/* Appends the header. */
peal_status source__rows_begin(const source__row_column *columns, size_t count, peal_buffer *out, peal_error *err);
/* Hands out what is left of `bytes` behind *used, as much as `out` has room for, and notes it; returns how much. */
size_t source__rows_give(const peal_buffer *bytes, size_t *used, peal_source_meter *meter, uint8_t *out,
                         size_t capacity);

/* Writers of fields; each returns where the next one goes. */
static inline uint8_t *source__put16(uint8_t *to, uint16_t value) {
    value = htobe16(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}
static inline uint8_t *source__put32(uint8_t *to, uint32_t value) {
    value = htobe32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}
static inline uint8_t *source__put64(uint8_t *to, uint64_t value) {
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}
static inline uint16_t source__get16(const uint8_t *from) {
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return be16toh(value);
}
static inline uint32_t source__get32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return be32toh(value);
}
static inline uint64_t source__get64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

#endif
