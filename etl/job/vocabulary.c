/* A record of the log: uint64 size of what follows and its XXH3, then for each column with new texts: uint32 column,
 * uint32 count, uint32[count] lengths, the texts. */
#include "etl/job/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"

static char *log_path(const char *folder, size_t number) {
    return peal_sprintf("%s/vocabulary-%06zu", folder, number);
}

static peal_status make_empty(size_t number, size_t field_count, peal_vocabulary *out, peal_error *err) {
    *out = (peal_vocabulary){.number = number, .field_count = field_count, .log = {.fd = -1}};
    PEAL_TRY(peal_alloc_checked(&out->dictionaries, field_count, sizeof *out->dictionaries, "a vocabulary", err));
    return peal_alloc_checked(&out->logged, field_count, sizeof *out->logged, "a vocabulary", err);
}

peal_status peal_vocabulary_open(const char *folder, size_t number, size_t field_count, peal_vocabulary *out,
                                 peal_error *err) {
    PEAL_TRY(make_empty(number, field_count, out, err));
    char *path = log_path(folder, number);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_out_file_open(path, &out->log, err);
    free(path);
    return status;
}

size_t peal_vocabulary_memory(const peal_vocabulary *vocabulary) {
    size_t bytes = vocabulary->record.capacity;
    for (size_t i = 0; i < vocabulary->field_count; i++) bytes += peal_dictionary_memory(&vocabulary->dictionaries[i]);
    return bytes;
}

void peal_vocabulary_clear(peal_vocabulary *vocabulary) {
    for (size_t i = 0; vocabulary->dictionaries && i < vocabulary->field_count; i++) {
        peal_dictionary_clear(&vocabulary->dictionaries[i]);
    }
    if (vocabulary->log.path) peal_out_file_abandon(&vocabulary->log);
    peal_buffer_clear(&vocabulary->record);
    free(vocabulary->dictionaries);
    free(vocabulary->logged);
    *vocabulary = (peal_vocabulary){.log = {.fd = -1}};
}

static peal_status put_column(peal_vocabulary *vocabulary, size_t column, peal_error *err) {
    const peal_dictionary *texts = &vocabulary->dictionaries[column];
    peal_buffer *record = &vocabulary->record;
    uint32_t first = vocabulary->logged[column], begin = texts->offsets[first];
    const uint32_t head[2] = {(uint32_t)column, texts->size - first};
    PEAL_TRY(peal_buffer_append(record, head, sizeof head, err));
    for (uint32_t i = first; i < texts->size; i++) {
        uint32_t length = texts->offsets[i + 1] - texts->offsets[i];
        PEAL_TRY(peal_buffer_append(record, &length, sizeof length, err));
    }
    PEAL_TRY(peal_buffer_append(record, texts->bytes.data + begin, texts->offsets[texts->size] - begin, err));
    vocabulary->logged[column] = texts->size;
    return PEAL_OK;
}

peal_status peal_vocabulary_log(peal_vocabulary *vocabulary, peal_error *err) {
    uint64_t head[2] = {0};
    peal_buffer *record = &vocabulary->record;
    record->size = 0;
    PEAL_TRY(peal_buffer_append(record, head, sizeof head, err));
    for (size_t i = 0; i < vocabulary->field_count; i++) {
        if (vocabulary->dictionaries[i].size > vocabulary->logged[i]) PEAL_TRY(put_column(vocabulary, i, err));
    }
    if (record->size == sizeof head) return PEAL_OK;
    head[0] = record->size - sizeof head;
    head[1] = peal_hash(record->data + sizeof head, head[0], 0);
    memcpy(record->data, head, sizeof head);
    return peal_out_file_write(&vocabulary->log, record->data, record->size, err);
}

/* The texts of one record; the checksum has been compared, so only another version of Peal could be out of bounds. */
static bool read_record(peal_vocabulary *vocabulary, const uint8_t *at, size_t size) {
    const uint8_t *end = at + size;
    while (at < end) {
        uint32_t head[2], length, code;
        if ((size_t)(end - at) < sizeof head) return false;
        memcpy(head, at, sizeof head);
        at += sizeof head;
        if (head[0] >= vocabulary->field_count || head[1] > (size_t)(end - at) / sizeof length) return false;
        const uint8_t *lengths = at;
        at += head[1] * sizeof length;
        for (uint32_t i = 0; i < head[1]; i++) {
            memcpy(&length, lengths + i * sizeof length, sizeof length);
            if (length > (size_t)(end - at)) return false;
            peal_dictionary *texts = &vocabulary->dictionaries[head[0]];
            if (peal_dictionary_put(texts, (const char *)at, length, &code, NULL) != PEAL_OK) return false;
            at += length;
        }
    }
    return true;
}

/* The next record of the log at `*at`; false at the end of what is whole. */
static bool next_record(const peal_map *map, size_t *at, const uint8_t **record, size_t *size) {
    uint64_t head[2];
    if (map->size - *at < sizeof head) return false;
    memcpy(head, map->data + *at, sizeof head);
    const uint8_t *begin = map->data + *at + sizeof head;
    if (head[0] > map->size - *at - sizeof head || peal_hash(begin, head[0], 0) != head[1]) return false;
    *record = begin;
    *size = head[0];
    *at += sizeof head + head[0];
    return true;
}

bool peal_vocabulary_log_whole(const char *folder, size_t number, uint64_t *size) {
    char *path = log_path(folder, number);
    peal_map map;
    bool there = path && peal_map_open(path, &map, NULL) == PEAL_OK;
    free(path);
    if (!there) return false;
    size_t at = 0, record_size;
    for (const uint8_t *record; next_record(&map, &at, &record, &record_size);) continue;
    peal_map_close(&map);
    *size = at;
    return true;
}

peal_status peal_vocabulary_read_log(const char *folder, size_t number, size_t field_count, peal_vocabulary *out,
                                     peal_error *err) {
    PEAL_TRY(make_empty(number, field_count, out, err));
    char *path = log_path(folder, number);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_map map = {0};
    peal_status status = peal_map_open(path, &map, err);
    size_t at = 0, size;
    for (const uint8_t *record; status == PEAL_OK && next_record(&map, &at, &record, &size);) {
        if (!read_record(out, record, size)) status = peal_fail(err, PEAL_E_DATA, "%s is damaged", path);
    }
    peal_map_close(&map);
    free(path);
    return status;
}
