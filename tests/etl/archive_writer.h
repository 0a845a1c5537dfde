/* A plain writer of zip and tar archives for the tests: it writes whatever it is told, also what makes no sense. */
#ifndef PEAL_TESTS_ETL_ARCHIVE_WRITER_H
#define PEAL_TESTS_ETL_ARCHIVE_WRITER_H

#include <zlib.h>

#include "core/base/memory.h"
#include "tests/support.h"

static inline void put(peal_buffer *to, const void *bytes, size_t size) {
    if (size) assert_int_equal(peal_buffer_append(to, bytes, size, NULL), PEAL_OK);
}

/* The lowest byte first. */
static inline void put_number(peal_buffer *to, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++, number >>= 8) put(to, &(uint8_t){(uint8_t)number}, 1);
}

/* ---- zip ---- */

typedef struct zip_part {
    const char *path;
    const char *text;
    int method;
    uint16_t flags, made_by; /* 0x0314: Unix */
    uint32_t attributes;
    bool wide; /* sizes and place stand in a Zip64 field */
    /* What is written in place of the truth, if it is not 0. */
    size_t path_length, plain_size;
    uint32_t crc32;
    uint64_t size, local;
    const char *local_path;
} zip_part;

typedef struct zip_writer {
    peal_buffer bytes, directory;
    uint64_t count;
} zip_writer;

static inline void deflate_text(const char *text, size_t size, peal_buffer *out) {
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(peal_buffer_reserve(out, deflateBound(&stream, size), NULL), PEAL_OK);
    stream.next_in = (Bytef *)text;
    stream.avail_in = (uInt)size;
    stream.next_out = out->data;
    stream.avail_out = (uInt)out->capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->size = stream.total_out;
    deflateEnd(&stream);
}

static inline void zip_put(zip_writer *zip, const zip_part *part) {
    const size_t plain = strlen(part->text);
    peal_buffer data = {0};
    if (part->method == 8) {
        deflate_text(part->text, plain, &data);
    } else {
        put(&data, part->text, plain);
    }
    const uint64_t local = part->local ? part->local - 1 : zip->bytes.size;
    const uint64_t size = part->size ? part->size : data.size;
    const uint64_t plain_size = part->plain_size ? part->plain_size : plain;
    const uint32_t crc = part->crc32 ? part->crc32 : (uint32_t)crc32(0, (const Bytef *)part->text, (uInt)plain);
    const size_t path_length = part->path_length ? part->path_length : strlen(part->path);
    const char *local_path = part->local_path ? part->local_path : part->path;
    const bool behind = part->flags & 8; /* the sizes, in a data descriptor */
    put(&zip->bytes, "PK\3\4", 4);
    put_number(&zip->bytes, 20, 2);
    put_number(&zip->bytes, part->flags, 2);
    put_number(&zip->bytes, (uint64_t)part->method, 2);
    put_number(&zip->bytes, 0x50210000, 4); /* 2020-01-01 */
    put_number(&zip->bytes, behind ? 0 : crc, 4);
    put_number(&zip->bytes, behind ? 0 : part->wide ? UINT32_MAX : size, 4);
    put_number(&zip->bytes, behind ? 0 : part->wide ? UINT32_MAX : plain_size, 4);
    put_number(&zip->bytes, path_length, 2);
    put_number(&zip->bytes, 0, 2);
    put(&zip->bytes, local_path, path_length);
    put(&zip->bytes, data.data, data.size);
    if (behind) put(&zip->bytes, "PK\7\10descriptor.", 15);
    peal_buffer_clear(&data);

    peal_buffer *directory = &zip->directory;
    put(directory, "PK\1\2", 4);
    put_number(directory, part->made_by, 2);
    put_number(directory, 20, 2);
    put_number(directory, part->flags, 2);
    put_number(directory, (uint64_t)part->method, 2);
    put_number(directory, 0x50210000, 4);
    put_number(directory, crc, 4);
    put_number(directory, part->wide ? UINT32_MAX : size, 4);
    put_number(directory, part->wide ? UINT32_MAX : plain_size, 4);
    put_number(directory, path_length, 2);
    put_number(directory, part->wide ? 4 + 3 + 4 + 24 : 0, 2);
    put_number(directory, 0, 2 + 2 + 2); /* comment, disk, internal attributes */
    put_number(directory, part->attributes, 4);
    put_number(directory, part->wide ? UINT32_MAX : local, 4);
    put(directory, part->path, path_length);
    if (part->wide) {
        put(directory, "UX\3\0...", 7); /* another field before it */
        put_number(directory, 1, 2);
        put_number(directory, 24, 2);
        put_number(directory, plain_size, 8);
        put_number(directory, size, 8);
        put_number(directory, local, 8);
    }
    zip->count++;
}

/* Ends the archive with a comment; `wide` puts the values into a Zip64 end record. */
static inline void zip_finish(zip_writer *zip, bool wide, const char *comment) {
    peal_buffer *bytes = &zip->bytes;
    const uint64_t begin = bytes->size, size = zip->directory.size;
    put(bytes, zip->directory.data, zip->directory.size);
    if (wide) {
        const uint64_t at = bytes->size;
        put(bytes, "PK\6\6", 4);
        put_number(bytes, 44, 8);
        put_number(bytes, 0x2D002D, 4);
        put_number(bytes, 0, 8); /* disks */
        put_number(bytes, zip->count, 8);
        put_number(bytes, zip->count, 8);
        put_number(bytes, size, 8);
        put_number(bytes, begin, 8);
        put(bytes, "PK\6\7", 4);
        put_number(bytes, 0, 4);
        put_number(bytes, at, 8);
        put_number(bytes, 1, 4);
    }
    put(bytes, "PK\5\6", 4);
    put_number(bytes, 0, 4);
    put_number(bytes, wide ? UINT16_MAX : zip->count, 2);
    put_number(bytes, wide ? UINT16_MAX : zip->count, 2);
    put_number(bytes, wide ? UINT32_MAX : size, 4);
    put_number(bytes, wide ? UINT32_MAX : begin, 4);
    put_number(bytes, strlen(comment), 2);
    put(bytes, comment, strlen(comment));
}

static inline void zip_clear(zip_writer *zip) {
    peal_buffer_clear(&zip->bytes);
    peal_buffer_clear(&zip->directory);
    *zip = (zip_writer){0};
}

/* ---- tar ---- */

/* Gives a header block its checksum. */
static inline void tar_seal(uint8_t *block) {
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++) sum += block[i];
    char text[8];
    snprintf(text, sizeof text, "%06o", sum & 0777777);
    memcpy(block + 148, text, 7);
}

/* A POSIX header, then the bytes, filled up to whole blocks. */
static inline void tar_put(peal_buffer *tar, const char *path, char type, const char *bytes, size_t size) {
    uint8_t block[512] = {0};
    assert_true(strlen(path) <= 100);
    memcpy(block, path, strlen(path));
    memcpy(block + 100, "0000644\0000000000\0000000000", 24);
    char digits[32];
    snprintf(digits, sizeof digits, "%011zo", size);
    memcpy(block + 124, digits, 12);
    memcpy(block + 136, "00000000000", 12);
    block[156] = (uint8_t)type;
    memcpy(block + 257, "ustar\00000", 8);
    tar_seal(block);
    put(tar, block, sizeof block);
    put(tar, bytes, size);
    static const uint8_t zeros[512];
    put(tar, zeros, (512 - size % 512) % 512);
}

static inline void tar_finish(peal_buffer *tar) {
    static const uint8_t zeros[1024];
    put(tar, zeros, sizeof zeros);
}

#endif
