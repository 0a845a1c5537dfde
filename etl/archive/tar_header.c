/* One header block of a tar archive: checksum, numbers, path. tar.c goes from one to the next. See tar.h. */
#include <string.h>

#include "etl/archive/tar.h"

/* Where fields begin, and how long they are. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    SIZE_SIZE = 12,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    MAGIC = 257,
    MAGIC_SIZE = 6,
    PREFIX = 345,
    PREFIX_SIZE = 155
};
_Static_assert(TAR_PATH_MOST == PREFIX_SIZE + 1 + NAME_SIZE, "the longest path fits");

bool archive__tar_is_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* GNU's form of large numbers: the first bit is set, the others are the number, the highest first. */
static bool parse_binary(const uint8_t *field, size_t size, uint64_t *out) {
    if (field[0] != 0x80) return false; /* negative, or beyond any size */
    *out = 0;
    for (size_t i = 1; i < size; i++) {
        if (*out >> 55) return false; /* more than 63 bits */
        *out = *out << 8 | field[i];
    }
    return true;
}

/* Octal digits, with blanks in front and blanks or NULs behind; an empty field is 0. False if it is anything else. */
static bool parse_number(const uint8_t *field, size_t size, uint64_t *out) {
    if (field[0] & 0x80) return parse_binary(field, size, out);
    size_t i = 0;
    *out = 0;
    while (i < size && field[i] == ' ') i++;
    while (i < size && field[i] >= '0' && field[i] <= '7') *out = *out * 8 + (field[i++] - '0');
    while (i < size && (field[i] == ' ' || field[i] == '\0')) i++;
    return i == size;
}

/* The sum of all bytes, where those of the checksum count as blanks. There were writers that took bytes for signed. */
static void sum_up(const uint8_t block[TAR_BLOCK], int64_t *plain, int64_t *as_signed) {
    *plain = *as_signed = CHECKSUM_SIZE * ' ';
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE) continue;
        *plain += block[i];
        *as_signed += (int8_t)block[i];
    }
}

bool archive__tar_is_header(const uint8_t block[TAR_BLOCK]) {
    int64_t plain, as_signed;
    uint64_t found;
    sum_up(block, &plain, &as_signed);
    if (!parse_number(block + CHECKSUM, CHECKSUM_SIZE, &found)) return false;
    return found == (uint64_t)plain || found == (uint64_t)as_signed;
}

static size_t text_length(const uint8_t *field, size_t size) {
    const uint8_t *end = memchr(field, '\0', size);
    return end ? (size_t)(end - field) : size;
}

/* POSIX has a prefix for names that are too long; other formats have other things in its place. */
static void parse_path(const uint8_t block[TAR_BLOCK], archive__tar_header *out) {
    const size_t prefix =
        memcmp(block + MAGIC, "ustar", MAGIC_SIZE) == 0 ? text_length(block + PREFIX, PREFIX_SIZE) : 0;
    const size_t name = text_length(block + NAME, NAME_SIZE);
    char *end = out->path;
    if (prefix > 0) {
        memcpy(end, block + PREFIX, prefix);
        end += prefix;
        *end++ = '/';
    }
    memcpy(end, block + NAME, name);
    end += name;
    *end = '\0';
    out->path_length = (size_t)(end - out->path);
}

peal_status archive__tar_header_parse(const uint8_t block[TAR_BLOCK], const char *name, uint64_t at,
                                      archive__tar_header *out, peal_error *err) {
    if (!archive__tar_is_header(block)) {
        int64_t plain, as_signed;
        uint64_t found;
        sum_up(block, &plain, &as_signed);
        if (!parse_number(block + CHECKSUM, CHECKSUM_SIZE, &found)) {
            return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: no checksum of a tar header; %06llo was expected", name,
                             (unsigned long long)at + CHECKSUM, (unsigned long long)plain);
        }
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: checksum %06llo of a tar header, expected %06llo", name,
                         (unsigned long long)at + CHECKSUM, (unsigned long long)found, (unsigned long long)plain);
    }
    *out = (archive__tar_header){.type = (char)block[TYPE]};
    if (!parse_number(block + SIZE, SIZE_SIZE, &out->size)) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: the size in a tar header is no number of bytes", name,
                         (unsigned long long)at + SIZE);
    }
    parse_path(block, out);
    return PEAL_OK;
}
