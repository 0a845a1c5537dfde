/* A chunk's layout: uint8 has_splits, then uint8[rows] if so; then for each column that is not skipped: uint8 encoding,
 * then the values. Values begin at multiples of 8 bytes. */
#include "etl/job/spill.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/vector.h"

enum { AS_FLOAT64, AS_FLOAT32, AS_INT16, AS_UINT8, AS_UINT16, AS_INT32, AS_BYTES };

static const char magic[8] = "PEALSPL2";

/* ---- the spill ---- */

peal_status peal_spill_open(const char *path, size_t field_count, peal_spill *out, peal_error *err) {
    *out = (peal_spill){.out = {.fd = -1}, .field_count = field_count, .path = peal_strdup(path)};
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(peal_alloc_checked(&out->summaries, field_count, sizeof *out->summaries, "summaries", err));
    return peal_out_file_open(path, &out->out, err);
}

void peal_spill_clear(peal_spill *spill) {
    for (size_t i = 0; spill->summaries && i < spill->field_count; i++) peal_summary_clear(&spill->summaries[i]);
    if (spill->out.path) peal_out_file_abandon(&spill->out);
    peal_buffer_clear(&spill->bad);
    free(spill->summaries);
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

static peal_status put_tail(const peal_spill *spill, uint64_t key, peal_buffer *tail, peal_error *err) {
    const uint64_t numbers[] = {
        key, spill->hash, spill->rows_used, spill->rows_bad, spill->field_count, spill->chunk_count, spill->bad.size};
    PEAL_TRY(put(tail, numbers, sizeof numbers, err));
    PEAL_TRY(put(tail, spill->chunks, spill->chunk_count * sizeof *spill->chunks, err));
    PEAL_TRY(put(tail, spill->bad.data, spill->bad.size, err));
    for (size_t i = 0; i < spill->field_count; i++) PEAL_TRY(put_summary(tail, &spill->summaries[i], err));
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
    for (size_t i = 0; i < fields; i++) {
        if (!take_summary(reader, &out->summaries[i])) return false;
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
    if (status == PEAL_OK) {
        status = peal_alloc_checked(&out->summaries, field_count, sizeof *out->summaries, "summaries", err);
    }
    if (status == PEAL_OK) *why = adopt_tail(&map, key, out);
    if (status == PEAL_OK && !*why && !chunks_are_whole(out)) *why = "its spill is damaged";
    peal_map_close(&map);
    if (status != PEAL_OK || *why) peal_spill_clear(out);
    return status;
}

/* ---- encoding ---- */

/* The narrowest of the three types in which every value is exact. A missing value is NaN; int16 spells it INT16_MIN. */
PEAL_VECTOR static unsigned number_losses(const double *restrict values, size_t rows) {
    unsigned float_loss = 0, int_loss = 0;
    for (size_t i = 0; i < rows; i++) {
        double value = values[i];
        unsigned there = value == value;
        double single = (double)(float)value;
        double clamped = value > -32767.0 && value < 32767.0 ? value : 0.5;
        double whole = (double)(int32_t)clamped;
        float_loss |= there & (single != value);
        /* Adding zero turns -0 into +0, so a reciprocal tells them apart; counted as a loss. */
        int_loss |= there & ((whole != clamped) | ((clamped == 0) & (1.0 / clamped < 0)));
    }
    return float_loss | int_loss << 1;
}

PEAL_VECTOR static void to_float32(const double *restrict values, float *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = (float)values[i];
}

PEAL_VECTOR static void to_int16(const double *restrict values, int16_t *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        double value = values[i] == values[i] ? values[i] : -32768.0;
        out[i] = (int16_t)(int32_t)value;
    }
}

static uint8_t *grow(peal_buffer *out, size_t size, peal_error *err) {
    if (peal_buffer_reserve(out, size + PEAL_ALIGNMENT, err) != PEAL_OK) return NULL;
    uint8_t *place = out->data + out->size;
    out->size += size;
    return place;
}

/* Begins a column: its encoding, then values that are aligned in the chunk. */
static uint8_t *begin_column(peal_buffer *out, uint8_t encoding, size_t size, peal_error *err) {
    size_t padding = peal_round_up(out->size + 1, 8) - out->size;
    uint8_t *place = grow(out, padding + size, err);
    if (!place) return NULL;
    memset(place, 0, padding);
    place[0] = encoding;
    return place + padding;
}

static peal_status encode_numbers(const double *values, size_t rows, peal_buffer *out, peal_error *err) {
    unsigned losses = number_losses(values, rows);
    uint8_t encoding = !(losses & 2) ? AS_INT16 : !(losses & 1) ? AS_FLOAT32 : AS_FLOAT64;
    size_t width = encoding == AS_INT16 ? 2 : encoding == AS_FLOAT32 ? 4 : 8;
    uint8_t *place = begin_column(out, encoding, rows * width, err);
    if (!place) return PEAL_E_MEMORY;
    if (encoding == AS_INT16) {
        to_int16(values, (int16_t *)(void *)place, rows);
    } else if (encoding == AS_FLOAT32) {
        to_float32(values, (float *)(void *)place, rows);
    } else {
        memcpy(place, values, rows * sizeof *values);
    }
    return PEAL_OK;
}

static peal_status encode_codes(const int32_t *codes, uint32_t distinct, size_t rows, peal_buffer *out,
                                peal_error *err) {
    uint8_t encoding = distinct <= UINT8_MAX + 1 ? AS_UINT8 : distinct <= UINT16_MAX + 1 ? AS_UINT16 : AS_INT32;
    size_t width = encoding == AS_UINT8 ? 1 : encoding == AS_UINT16 ? 2 : 4;
    uint8_t *place = begin_column(out, encoding, rows * width, err);
    if (!place) return PEAL_E_MEMORY;
    if (encoding == AS_UINT8) {
        for (size_t i = 0; i < rows; i++) place[i] = (uint8_t)codes[i];
    } else if (encoding == AS_UINT16) {
        uint16_t *wide = (uint16_t *)(void *)place;
        for (size_t i = 0; i < rows; i++) wide[i] = (uint16_t)codes[i];
    } else {
        memcpy(place, codes, rows * sizeof *codes);
    }
    return PEAL_OK;
}

peal_status peal_spill_encode(const peal_block *block, const peal_raw_schema *schema, const uint8_t *splits,
                              peal_buffer *out, peal_error *err) {
    out->size = 0;
    uint8_t *place = begin_column(out, splits != NULL, splits ? block->rows : 0, err);
    if (!place) return PEAL_E_MEMORY;
    if (splits) memcpy(place, splits, block->rows);
    for (size_t i = 0; i < schema->count; i++) {
        const peal_raw_field *field = &schema->fields[i];
        if (field->skip) continue;
        if (field->kind == PEAL_RAW_NUMBER) {
            PEAL_TRY(encode_numbers(block->numbers[i], block->rows, out, err));
        } else if (field->kind == PEAL_RAW_TEXT) {
            PEAL_TRY(encode_codes(block->codes[i], block->dictionaries[i].size, block->rows, out, err));
        } else {
            uint8_t *bytes = begin_column(out, AS_BYTES, block->rows * field->width, err);
            if (!bytes) return PEAL_E_MEMORY;
            memcpy(bytes, block->bytes[i], block->rows * field->width);
        }
    }
    return PEAL_OK;
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

/* ---- decoding ---- */

void peal_spill_rows_clear(peal_spill_rows *rows) {
    for (size_t i = 0; i < rows->field_count; i++) {
        if (rows->numbers) free(rows->numbers[i]);
        if (rows->codes) free(rows->codes[i]);
        if (rows->bytes) free(rows->bytes[i]);
    }
    free(rows->numbers);
    free(rows->codes);
    free(rows->bytes);
    free(rows->splits);
    peal_buffer_clear(&rows->raw);
    *rows = (peal_spill_rows){0};
}

static peal_status rows_reserve(peal_spill_rows *rows, const peal_raw_schema *schema, size_t count, peal_error *err) {
    if (rows->field_count && count <= rows->capacity) return PEAL_OK;
    peal_buffer raw = rows->raw;
    rows->raw = (peal_buffer){0};
    peal_spill_rows_clear(rows);
    rows->raw = raw;
    PEAL_TRY(peal_alloc_checked(&rows->numbers, schema->count, sizeof *rows->numbers, "rows", err));
    PEAL_TRY(peal_alloc_checked(&rows->codes, schema->count, sizeof *rows->codes, "rows", err));
    PEAL_TRY(peal_alloc_checked(&rows->bytes, schema->count, sizeof *rows->bytes, "rows", err));
    rows->field_count = schema->count;
    PEAL_TRY(peal_alloc_checked(&rows->splits, count, 1, "rows", err));
    for (size_t i = 0; i < schema->count; i++) {
        const peal_raw_field *field = &schema->fields[i];
        if (field->skip) continue;
        if (field->kind == PEAL_RAW_NUMBER) {
            PEAL_TRY(peal_alloc_checked(&rows->numbers[i], count, sizeof(double), "rows", err));
        } else if (field->kind == PEAL_RAW_TEXT) {
            PEAL_TRY(peal_alloc_checked(&rows->codes[i], count, sizeof(int32_t), "rows", err));
        } else {
            PEAL_TRY(peal_alloc_checked(&rows->bytes[i], count, field->width, "rows", err));
        }
    }
    rows->capacity = count;
    return PEAL_OK;
}

PEAL_VECTOR static void from_int16(const int16_t *restrict values, double *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = values[i] == INT16_MIN ? (double)NAN : (double)values[i];
}

PEAL_VECTOR static void from_float32(const float *restrict values, double *restrict out, size_t rows) {
    for (size_t i = 0; i < rows; i++) out[i] = (double)values[i];
}

typedef struct chunk_reader {
    const uint8_t *begin, *at;
} chunk_reader;

static uint8_t next_encoding(chunk_reader *reader) {
    uint8_t encoding = *reader->at;
    reader->at += peal_round_up((size_t)(reader->at - reader->begin) + 1, 8) - (size_t)(reader->at - reader->begin);
    return encoding;
}

static void decode_numbers(chunk_reader *reader, double *out, size_t rows) {
    uint8_t encoding = next_encoding(reader);
    const void *values = reader->at;
    if (encoding == AS_INT16) {
        from_int16(values, out, rows);
        reader->at += rows * 2;
    } else if (encoding == AS_FLOAT32) {
        from_float32(values, out, rows);
        reader->at += rows * 4;
    } else {
        memcpy(out, values, rows * 8);
        reader->at += rows * 8;
    }
}

static void decode_codes(chunk_reader *reader, int32_t *out, size_t rows) {
    uint8_t encoding = next_encoding(reader);
    const void *values = reader->at;
    if (encoding == AS_UINT8) {
        for (size_t i = 0; i < rows; i++) out[i] = ((const uint8_t *)values)[i];
        reader->at += rows;
    } else if (encoding == AS_UINT16) {
        for (size_t i = 0; i < rows; i++) out[i] = ((const uint16_t *)values)[i];
        reader->at += rows * 2;
    } else {
        memcpy(out, values, rows * sizeof *out);
        reader->at += rows * 4;
    }
}

static void decode(const peal_raw_schema *schema, peal_spill_rows *rows) {
    chunk_reader reader = {.begin = rows->raw.data, .at = rows->raw.data};
    bool has_splits = next_encoding(&reader) != 0;
    if (has_splits) {
        memcpy(rows->splits, reader.at, rows->rows);
        reader.at += rows->rows;
    } else {
        memset(rows->splits, 0, rows->rows);
    }
    for (size_t i = 0; i < schema->count; i++) {
        const peal_raw_field *field = &schema->fields[i];
        if (field->skip) continue;
        if (field->kind == PEAL_RAW_NUMBER) {
            decode_numbers(&reader, rows->numbers[i], rows->rows);
        } else if (field->kind == PEAL_RAW_TEXT) {
            decode_codes(&reader, rows->codes[i], rows->rows);
        } else {
            next_encoding(&reader);
            memcpy(rows->bytes[i], reader.at, rows->rows * field->width);
            reader.at += rows->rows * field->width;
        }
    }
}

peal_status peal_spill_read(int fd, const peal_spill *spill, size_t chunk, const peal_raw_schema *schema,
                            peal_spill_rows *rows, peal_error *err) {
    const peal_spill_chunk *what = &spill->chunks[chunk];
    PEAL_TRY(rows_reserve(rows, schema, what->rows, err));
    PEAL_TRY(read_chunk(fd, spill, what, &rows->raw, err));
    rows->rows = what->rows;
    decode(schema, rows);
    return PEAL_OK;
}
