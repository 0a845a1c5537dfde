/* A chunk's layout: uint64 has_splits, then uint8[rows] if so, up to a multiple of 8 bytes; then the columns that are
 * not skipped, packed (etl/table/pack.h). */
#include "etl/job/spill.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "etl/table/pack.h"

static const char magic[8] = "PEALSPL3";

/* ---- the spill ---- */

static peal_status alloc_fields(peal_spill *spill, peal_error *err) {
    const size_t count = spill->field_count;
    PEAL_TRY(peal_alloc_checked(&spill->summaries, count, sizeof *spill->summaries, "summaries", err));
    PEAL_TRY(peal_alloc_checked(&spill->votes, count, sizeof *spill->votes, "summaries", err));
    return peal_alloc_checked(&spill->faults, count, sizeof *spill->faults, "summaries", err);
}

peal_status peal_spill_open(const char *path, size_t field_count, peal_spill *out, peal_error *err) {
    *out = (peal_spill){.out = {.fd = -1}, .field_count = field_count, .path = peal_strdup(path)};
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(alloc_fields(out, err));
    return peal_out_file_open(path, &out->out, err);
}

void peal_spill_clear(peal_spill *spill) {
    for (size_t i = 0; spill->summaries && i < spill->field_count; i++) peal_summary_clear(&spill->summaries[i]);
    for (size_t i = 0; spill->faults && i < spill->field_count; i++) free(spill->faults[i].reason);
    if (spill->out.path) peal_out_file_abandon(&spill->out);
    peal_buffer_clear(&spill->bad);
    free(spill->summaries);
    free(spill->votes);
    free(spill->faults);
    free(spill->chunks);
    free(spill->path);
    *spill = (peal_spill){.out = {.fd = -1}};
}

static peal_status put(peal_buffer *buffer, const void *bytes, size_t size, peal_error *err) {
    return size ? peal_buffer_append(buffer, bytes, size, err) : PEAL_OK;
}

static peal_status put_u64(peal_buffer *buffer, uint64_t value, peal_error *err) {
    return put(buffer, &value, sizeof value, err);
}

static peal_status put_summary(peal_buffer *tail, const peal_summary *summary, peal_error *err) {
    const double moments[4] = {summary->mean, summary->m2, summary->min, summary->max};
    PEAL_TRY(put_u64(tail, summary->count, err));
    PEAL_TRY(put_u64(tail, summary->nulls, err));
    return put(tail, moments, sizeof moments, err);
}

static peal_status put_fault(peal_buffer *tail, const peal_type_fault *fault, peal_error *err) {
    const size_t length = fault->reason ? strlen(fault->reason) : 0;
    PEAL_TRY(put_u64(tail, fault->line, err));
    PEAL_TRY(put_u64(tail, length, err));
    return put(tail, fault->reason, length, err);
}

static peal_status put_tail(const peal_spill *spill, uint64_t key, peal_buffer *tail, peal_error *err) {
    const uint64_t numbers[] = {
        key, spill->hash, spill->rows_used, spill->rows_bad, spill->field_count, spill->chunk_count, spill->bad.size};
    PEAL_TRY(put(tail, numbers, sizeof numbers, err));
    PEAL_TRY(put(tail, spill->chunks, spill->chunk_count * sizeof *spill->chunks, err));
    PEAL_TRY(put(tail, spill->bad.data, spill->bad.size, err));
    PEAL_TRY(put(tail, spill->votes, spill->field_count * sizeof *spill->votes, err));
    for (size_t i = 0; i < spill->field_count; i++) {
        PEAL_TRY(put_summary(tail, &spill->summaries[i], err));
        PEAL_TRY(put_fault(tail, &spill->faults[i], err));
    }
    const uint64_t end[2] = {peal_hash(tail->data, tail->size, 0), tail->size};
    PEAL_TRY(put(tail, end, sizeof end, err));
    return put(tail, magic, sizeof magic, err);
}

peal_status peal_spill_finish(peal_spill *spill, uint64_t key, peal_error *err) {
    peal_buffer tail = {0};
    peal_status status = put_tail(spill, key, &tail, err);
    if (status == PEAL_OK) status = peal_out_file_write(&spill->out, tail.data, tail.size, err);
    peal_buffer_clear(&tail);
    peal_status closed = peal_out_file_close(&spill->out, false, status == PEAL_OK ? err : NULL);
    return status == PEAL_OK ? closed : status;
}

/* Reads what put_tail wrote; `bad` once anything is out of bounds. */
typedef struct tail_reader {
    const uint8_t *at, *end;
    bool bad;
} tail_reader;

static const void *take(tail_reader *reader, uint64_t count, size_t size) {
    uint64_t bytes;
    if (reader->bad || __builtin_mul_overflow(count, size, &bytes) || bytes > (uint64_t)(reader->end - reader->at)) {
        reader->bad = true;
        return NULL;
    }
    const void *taken = reader->at;
    reader->at += bytes;
    return taken;
}

static uint64_t take_u64(tail_reader *reader) {
    uint64_t value = 0;
    const void *bytes = take(reader, 1, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

static bool take_summary(tail_reader *reader, peal_summary *summary) {
    double moments[4];
    summary->count = take_u64(reader);
    summary->nulls = take_u64(reader);
    const void *bytes = take(reader, 1, sizeof moments);
    if (!bytes) return false;
    memcpy(moments, bytes, sizeof moments);
    summary->mean = moments[0];
    summary->m2 = moments[1];
    summary->min = moments[2];
    summary->max = moments[3];
    return true;
}

static bool take_fault(tail_reader *reader, peal_type_fault *fault) {
    fault->line = take_u64(reader);
    const uint64_t length = take_u64(reader);
    const char *reason = take(reader, length, 1);
    if (reader->bad) return false;
    if (fault->line == 0) return true;
    fault->reason = peal_strndup(reason, length);
    return fault->reason != NULL;
}

static bool take_tail(tail_reader *reader, uint64_t key, uint64_t body_size, peal_spill *out) {
    if (take_u64(reader) != key) return false;
    out->hash = take_u64(reader);
    out->rows_used = take_u64(reader);
    out->rows_bad = take_u64(reader);
    uint64_t fields = take_u64(reader), chunks = take_u64(reader), bad_size = take_u64(reader);
    if (reader->bad || fields != out->field_count) return false;
    const void *chunk_bytes = take(reader, chunks, sizeof *out->chunks), *bad = take(reader, bad_size, 1);
    if (reader->bad) return false;
    out->chunks = malloc((chunks + 1) * sizeof *out->chunks);
    if (!out->chunks || put(&out->bad, bad, bad_size, NULL) != PEAL_OK) return false;
    memcpy(out->chunks, chunk_bytes, chunks * sizeof *out->chunks);
    out->chunk_count = out->chunk_capacity = chunks;
    for (size_t i = 0; i < chunks; i++) {
        if (out->chunks[i].offset > body_size || out->chunks[i].size > body_size - out->chunks[i].offset) return false;
    }
    const void *votes = take(reader, fields, sizeof *out->votes);
    if (!votes) return fields == 0;
    memcpy(out->votes, votes, fields * sizeof *out->votes);
    for (size_t i = 0; i < fields; i++) {
        if (!take_summary(reader, &out->summaries[i]) || !take_fault(reader, &out->faults[i])) return false;
    }
    return true;
}

/* A chunk's bytes as they stand in the file. */
static peal_status read_chunk(int fd, const peal_spill *spill, const peal_spill_chunk *chunk, peal_buffer *out,
                              peal_error *err) {
    out->size = 0;
    PEAL_TRY(peal_buffer_reserve(out, chunk->size, err));
    PEAL_TRY(peal_file_read_at(fd, spill->path, out->data, chunk->size, chunk->offset, &out->size, err));
    return out->size == chunk->size ? PEAL_OK : peal_fail(err, PEAL_E_FAILED, "%s is cut short", spill->path);
}

/* True if all chunks are as they were written. They are read, not mapped, so that memory stays bounded. */
static bool chunks_are_whole(const peal_spill *spill) {
    peal_buffer bytes = {0};
    int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0;
    for (size_t i = 0; i < spill->chunk_count && whole; i++) {
        const peal_spill_chunk *chunk = &spill->chunks[i];
        whole = read_chunk(fd, spill, chunk, &bytes, NULL) == PEAL_OK &&
                peal_hash(bytes.data, bytes.size, 0) == chunk->hash;
    }
    if (fd >= 0) close(fd);
    peal_buffer_clear(&bytes);
    return whole;
}

/* NULL if the end of the file tells what stands before it. */
static const char *adopt_tail(const peal_map *map, uint64_t key, peal_spill *out) {
    static const char *const unfinished = "its spill is not finished or is damaged";
    uint64_t end[2];
    if (map->size < sizeof end + sizeof magic) return unfinished;
    const uint8_t *trailer = map->data + map->size - sizeof magic - sizeof end;
    memcpy(end, trailer, sizeof end);
    if (memcmp(trailer + sizeof end, magic, sizeof magic) != 0) return unfinished;
    if (end[1] > (uint64_t)(trailer - map->data)) return unfinished;
    const uint8_t *tail = trailer - end[1];
    if (peal_hash(tail, end[1], 0) != end[0]) return unfinished;
    tail_reader reader = {.at = tail, .end = trailer};
    bool fits = take_tail(&reader, key, (uint64_t)(tail - map->data), out);
    return fits ? NULL : "the job or the input is another now";
}

peal_status peal_spill_adopt(const char *path, size_t field_count, uint64_t key, peal_spill *out, const char **why,
                             peal_error *err) {
    *out = (peal_spill){.out = {.fd = -1}};
    *why = NULL;
    peal_map map;
    if (peal_map_open(path, &map, NULL) != PEAL_OK) return PEAL_OK;
    *out = (peal_spill){.out = {.fd = -1}, .field_count = field_count, .path = peal_strdup(path)};
    peal_status status = out->path ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = alloc_fields(out, err);
    if (status == PEAL_OK) *why = adopt_tail(&map, key, out);
    if (status == PEAL_OK && !*why && !chunks_are_whole(out)) *why = "its spill is damaged";
    peal_map_close(&map);
    if (status != PEAL_OK || *why) peal_spill_clear(out);
    return status;
}

/* ---- chunks ---- */

peal_status peal_spill_encode(const peal_table_room *table, const uint8_t *splits, peal_buffer *out, peal_error *err) {
    out->size = 0;
    PEAL_TRY(put_u64(out, splits != NULL, err));
    if (splits) PEAL_TRY(put(out, splits, table->rows, err));
    PEAL_TRY(peal_pack_align(out, err));
    return peal_table_pack(table, out, err);
}

static peal_status chunks_grow(peal_spill *spill, peal_error *err) {
    if (spill->chunk_count < spill->chunk_capacity) return PEAL_OK;
    size_t capacity = spill->chunk_capacity * 2 + 16;
    peal_spill_chunk *chunks = realloc(spill->chunks, capacity * sizeof *chunks);
    if (!chunks) return peal_fail(err, PEAL_E_MEMORY, "no memory for chunks");
    spill->chunks = chunks;
    spill->chunk_capacity = capacity;
    return PEAL_OK;
}

peal_status peal_spill_append(peal_spill *spill, const peal_buffer *encoded, const peal_spill_chunk *chunk,
                              peal_error *err) {
    PEAL_TRY(chunks_grow(spill, err));
    peal_spill_chunk *placed = &spill->chunks[spill->chunk_count];
    *placed = *chunk;
    placed->offset = spill->out.size;
    placed->size = encoded->size;
    PEAL_TRY(peal_out_file_write(&spill->out, encoded->data, encoded->size, err));
    spill->chunk_count++;
    spill->rows_used += chunk->rows;
    return PEAL_OK;
}

peal_status peal_spill_rows_init(peal_spill_rows *rows, const peal_schema *schema, peal_error *err) {
    *rows = (peal_spill_rows){0};
    return peal_table_room_init(&rows->table, schema, err);
}

void peal_spill_rows_clear(peal_spill_rows *rows) {
    peal_table_room_clear(&rows->table);
    free(rows->splits);
    peal_buffer_clear(&rows->raw);
    *rows = (peal_spill_rows){0};
}

static peal_status reserve_splits(peal_spill_rows *rows, size_t count, peal_error *err) {
    if (count <= rows->split_capacity) return PEAL_OK;
    free(rows->splits);
    rows->split_capacity = 0;
    PEAL_TRY(peal_alloc_checked(&rows->splits, count, 1, "rows", err));
    rows->split_capacity = count;
    return PEAL_OK;
}

peal_status peal_spill_read(int fd, const peal_spill *spill, size_t chunk, peal_spill_rows *rows, peal_error *err) {
    const peal_spill_chunk *what = &spill->chunks[chunk];
    PEAL_TRY(reserve_splits(rows, what->rows, err));
    PEAL_TRY(read_chunk(fd, spill, what, &rows->raw, err));
    const uint8_t *at = rows->raw.data;
    uint64_t has_splits;
    memcpy(&has_splits, at, sizeof has_splits);
    at += sizeof has_splits;
    if (has_splits) {
        memcpy(rows->splits, at, what->rows);
        at += peal_round_up(what->rows, 8);
    } else {
        memset(rows->splits, 0, what->rows);
    }
    return peal_table_unpack(at, what->rows, &rows->table, err) ? PEAL_OK : PEAL_E_MEMORY;
}
