/* Extended headers of tar archives: what a member's own header has no room for. pax has lines "LENGTH KEY=VALUE", GNU
 * a block of its own for a long path. See tar.h. */
#include <stdlib.h>
#include <string.h>

#include "etl/archive/member.h"
#include "etl/archive/tar.h"

enum { EXTENDED_MOST = 1 << 20 }; /* bytes; what is larger is no path */

/* A line of a pax header, taken apart. */
typedef struct pax_record {
    const char *key, *value;
    size_t key_length, value_length;
} pax_record;

/* Takes the line at `text` apart and returns its length; 0 if it is none. */
static size_t parse_record(const char *text, size_t size, pax_record *out) {
    size_t length = 0, i = 0;
    for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
        length = length * 10 + (size_t)(text[i] - '0');
        if (length > size) return 0;
    }
    if (i == 0 || i == size || text[i] != ' ' || length < i + 3 || text[length - 1] != '\n') return 0;
    out->key = text + i + 1;
    const char *end = text + length - 1, *equals = memchr(out->key, '=', (size_t)(end - out->key));
    if (!equals || equals == out->key) return 0;
    out->key_length = (size_t)(equals - out->key);
    out->value = equals + 1;
    out->value_length = (size_t)(end - out->value);
    return length;
}

static bool key_is(const pax_record *record, const char *key) {
    return record->key_length == strlen(key) && memcmp(record->key, key, record->key_length) == 0;
}

static bool key_begins(const pax_record *record, const char *with) {
    return record->key_length >= strlen(with) && memcmp(record->key, with, strlen(with)) == 0;
}

static bool parse_size(const pax_record *record, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < record->value_length; i++) {
        const char digit = record->value[i];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(*out, (uint64_t)10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(digit - '0'), out)) {
            return false;
        }
    }
    return true;
}

static peal_status set_path(archive__tar_extended *extended, const char *path, size_t length, peal_error *err) {
    extended->path.size = 0;
    extended->has_path = true;
    return length ? peal_buffer_append(&extended->path, path, length, err) : PEAL_OK;
}

/* An empty value takes back what was said before. Keys that do not matter here (times, owners) are passed over. */
static peal_status take_record(archive__tar_extended *extended, const pax_record *record, const char *name, uint64_t at,
                               peal_error *err) {
    if (key_begins(record, "GNU.sparse.")) extended->is_sparse = true;
    if (key_is(record, "path") || key_is(record, "GNU.sparse.name")) {
        PEAL_TRY(set_path(extended, record->value, record->value_length, err));
        extended->has_path = record->value_length > 0;
    } else if (key_is(record, "size")) {
        if (!parse_size(record, &extended->size)) {
            return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: the size in a pax header is no number of bytes", name,
                             (unsigned long long)at);
        }
        extended->has_size = record->value_length > 0;
    }
    return PEAL_OK;
}

static peal_status take_pax(archive__tar_extended *extended, const char *text, size_t size, const char *name,
                            uint64_t at, peal_error *err) {
    for (size_t done = 0, length; done < size; done += length) {
        pax_record record;
        length = parse_record(text + done, size - done, &record);
        if (length == 0) {
            return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: a pax header has no line 'LENGTH KEY=VALUE' here", name,
                             (unsigned long long)(at + done));
        }
        PEAL_TRY(take_record(extended, &record, name, at + done, err));
    }
    return PEAL_OK;
}

/* A global header is about all members to come. It may hold a comment or a time; a path, a size or a sparse map that
 * all of them share would make no sense. */
static peal_status take_global(const char *text, size_t size, const char *name, uint64_t at, peal_error *err) {
    archive__tar_extended all = {0};
    peal_status status = take_pax(&all, text, size, name, at, err);
    if (status == PEAL_OK && (all.has_path || all.has_size || all.is_sparse)) {
        status = peal_fail(err, PEAL_E_DATA, "%s: byte %llu: a global pax header gives all members one %s", name,
                           (unsigned long long)at,
                           all.has_path   ? "path"
                           : all.has_size ? "size"
                                          : "sparse map");
    }
    peal_buffer_clear(&all.path);
    return status;
}

peal_status archive__tar_extended_read(archive__tar_extended *extended, peal_stream *stream, const char *name,
                                       const archive__tar_header *header, uint64_t at, peal_error *err) {
    if (header->size > EXTENDED_MOST) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: an extended tar header of %llu bytes; at most %d were expected", name,
                         (unsigned long long)at, (unsigned long long)header->size, EXTENDED_MOST);
    }
    const size_t size = (size_t)header->size;
    char *text = NULL;
    PEAL_TRY(peal_alloc_checked(&text, size, 1, "an extended tar header", err));
    peal_status status = archive__read(stream, name, at, text, size, "an extended tar header", err);
    if (status == PEAL_OK && header->type == 'g') {
        status = take_global(text, size, name, at, err);
    } else if (status == PEAL_OK) {
        if (!extended->is_there) extended->at = at;
        extended->is_there = true;
        status = header->type == 'L' ? set_path(extended, text, strnlen(text, size), err)
                                     : take_pax(extended, text, size, name, at, err);
    }
    free(text);
    return status;
}

void archive__tar_extended_reset(archive__tar_extended *extended) {
    peal_buffer path = extended->path;
    path.size = 0;
    *extended = (archive__tar_extended){.path = path};
}
