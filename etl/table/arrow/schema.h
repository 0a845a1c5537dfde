/* Numbers of Arrow's FlatBuffers schemas that writer and reader share. */
#ifndef PEAL_ETL_ARROW_SCHEMA_H
#define PEAL_ETL_ARROW_SCHEMA_H

#include <stdint.h>

enum { ARROW_V5 = 4, ARROW_V4 = 3 };
enum { HEADER_SCHEMA = 1, HEADER_DICTIONARY_BATCH = 2, HEADER_RECORD_BATCH = 3 };
enum {
    TYPE_NULL = 1,
    TYPE_INT = 2,
    TYPE_FLOAT = 3,
    TYPE_BINARY = 4,
    TYPE_UTF8 = 5,
    TYPE_BOOL = 6,
    TYPE_DECIMAL = 7,
    TYPE_DATE = 8,
    TYPE_TIME = 9,
    TYPE_TIMESTAMP = 10,
    TYPE_LIST = 12,
    TYPE_FIXED_SIZE_BINARY = 15,
    TYPE_FIXED_SIZE_LIST = 16,
    TYPE_DURATION = 18,
    TYPE_LARGE_BINARY = 19,
    TYPE_LARGE_UTF8 = 20,
    TYPE_LARGE_LIST = 21,
    TYPE_BINARY_VIEW = 23,
    TYPE_UTF8_VIEW = 24
};
enum { TIMESTAMP_UNIT, TIMESTAMP_ZONE };
enum { TIME_UNIT_SECOND, TIME_UNIT_MILLI, TIME_UNIT_MICRO, TIME_UNIT_NANO };
enum { PRECISION_SINGLE = 1, PRECISION_DOUBLE = 2 };
enum { MESSAGE_VERSION, MESSAGE_HEADER_TYPE, MESSAGE_HEADER, MESSAGE_BODY_LENGTH };
enum { SCHEMA_ENDIANNESS, SCHEMA_FIELDS };
enum { FIELD_NAME, FIELD_NULLABLE, FIELD_TYPE_TYPE, FIELD_TYPE, FIELD_DICTIONARY, FIELD_CHILDREN };
enum { INT_BITS, INT_SIGNED };
enum { DICTIONARY_ID, DICTIONARY_INDEX_TYPE };
enum { BATCH_LENGTH, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION };
enum { DICTIONARY_BATCH_ID, DICTIONARY_BATCH_DATA, DICTIONARY_BATCH_DELTA };
enum { FOOTER_VERSION, FOOTER_SCHEMA, FOOTER_DICTIONARIES, FOOTER_BATCHES, FOOTER_METADATA };
enum { KEY_VALUE_KEY, KEY_VALUE_VALUE };

/* Bounds that are kept when writing and when reading. */
enum { ARROW_COLUMNS_MOST = 100000 };

#define ARROW_MAGIC "ARROW1"
#define ARROW_HASHES_KEY "peal.batch_xxh3"

typedef struct arrow_node {
    int64_t length, null_count;
} arrow_node;

typedef struct arrow_buffer {
    int64_t offset, length;
} arrow_buffer;

typedef struct arrow_block {
    int64_t offset;
    int32_t metadata_size;
    int32_t padding;
    int64_t body_size;
} arrow_block;

#endif
