/* Finds bins in one reading of the rows; see bins.h. */
#include "models/learner/bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

enum { SAMPLE_MOST = 200000 }; /* rows that numbers' bins are found in */

/* ---- memory ---- */

/* Which column each feature of codes is of, and where its bins begin. */
static peal_status place_codes(models__bins *bins, const char *aspects, peal_error *err) {
    const peal_shape *shape = &bins->shape;
    PEAL_TRY(peal_alloc_checked(&bins->code_column, bins->code_features, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->code_first, bins->code_features + 1, sizeof(size_t), "bins", err));
    for (size_t c = 0; c < bins->code_features; c++) {
        uint32_t column = (uint32_t)c;
        if (c >= shape->code_columns)
            memcpy(&column, aspects + (c - shape->code_columns) * sizeof column, sizeof column);
        if (column >= shape->code_columns) return peal_fail(err, PEAL_E_DATA, "an aspect is of no column of codes");
        bins->code_column[c] = column;
        bins->code_first[c + 1] = bins->code_first[c] + shape->vocabularies[column];
    }
    return PEAL_OK;
}

peal_status models__bins_init(models__bins *bins, const peal_pipeline *pipeline, const peal_shape *shape,
                              const void *aspects, size_t aspect_count, peal_error *err) {
    const size_t numbers = shape->features, columns = shape->code_columns;
    *bins = (models__bins){
        .shape = *shape, .dense = numbers + columns + aspect_count, .code_features = columns + aspect_count};
    bins->features = bins->dense;
    PEAL_TRY(place_codes(bins, aspects, err));
    PEAL_TRY(peal_alloc_checked(&bins->edge_counts, numbers, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->filled, numbers, sizeof(float), "bins", err));
    PEAL_TRY(peal_zeroed_checked(&bins->marks, numbers, 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->edges, numbers * MODELS__BINS_MOST, sizeof(float), "bins", err));
    PEAL_TRY(peal_zeroed_checked(&bins->code_bins, bins->code_first[bins->code_features], 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->categories, columns, 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->counts, bins->dense, sizeof(uint16_t), "bins", err));
    size_t column = 0;
    for (size_t f = 0; f < numbers; f++) bins->filled[f] = (float)NAN;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *one = &pipeline->columns[i];
        const bool marks = peal_pipeline_marker(one) != NULL;
        if (one->role == PEAL_ROLE_FEATURE && (one->width == 1 || marks)) {
            bins->filled[one->offset] = peal_pipeline_filled(pipeline, i);
            if (marks) bins->marks[one->offset + 1] = 1;
        }
        if (one->role != PEAL_ROLE_INDEX) continue;
        bins->categories[column++] = models__bins_makes_categories(one);
    }
    return PEAL_OK;
}

void models__bins_clear(models__bins *bins) {
    free(bins->edge_counts);
    free(bins->filled);
    free(bins->marks);
    free(bins->edges);
    free(bins->code_column);
    free(bins->code_bins);
    free(bins->code_first);
    free(bins->categories);
    free(bins->counts);
    models__sparse_clear(&bins->sparse);
    *bins = (models__bins){0};
}

peal_status models__bins_finish(models__bins *bins, peal_error *err) {
    const size_t numbers = bins->shape.features;
    for (size_t f = 0; f < numbers; f++) {
        const uint32_t count = bins->edge_counts[f];
        const float *edges = bins->edges + f * MODELS__BINS_MOST;
        if (count >= MODELS__BINS_MOST) return peal_fail(err, PEAL_E_DATA, "a feature has too many bins");
        for (uint32_t i = 1; i < count; i++) {
            if (!(edges[i] > edges[i - 1])) return peal_fail(err, PEAL_E_DATA, "the edges of a feature do not rise");
        }
        bins->counts[f] = (uint16_t)(count + 2);
    }
    for (size_t c = 0; c < bins->code_features; c++) {
        uint8_t most = 0;
        for (size_t i = bins->code_first[c]; i < bins->code_first[c + 1]; i++) {
            if (bins->code_bins[i] > most) most = bins->code_bins[i];
        }
        bins->counts[numbers + c] = (uint16_t)(most + 1);
    }
    bins->features = bins->dense + bins->sparse.count;
    return PEAL_OK;
}

static void copy_dense(models__bins *bins, const models__bins *from) {
    const size_t numbers = from->shape.features;
    memcpy(bins->edge_counts, from->edge_counts, numbers * sizeof *bins->edge_counts);
    memcpy(bins->edges, from->edges, numbers * MODELS__BINS_MOST * sizeof *bins->edges);
    memcpy(bins->code_bins, from->code_bins, from->code_first[from->code_features]);
}

peal_status models__bins_copy(models__bins *bins, const models__bins *from, peal_error *err) {
    copy_dense(bins, from);
    return models__bins_finish(bins, err);
}

bool models__bins_have_categories(const models__bins *bins) {
    for (size_t c = 0; c < bins->shape.code_columns; c++) {
        if (bins->categories[c]) return true;
    }
    return false;
}

/* ---- finding ---- */

typedef struct reading {
    models__bins *bins;
    const peal_training *training;
    const models__bins *from; /* NULL: none */
    peal_row_visit also;      /* NULL: nobody */
    void *user;
    uint64_t at;     /* rows that came */
    uint64_t stride; /* every so-manieth is in the sample */
    float *sample;   /* [features][room] */
    models__edge_room edge_room;
    models__sparse_sample *sparse;
    size_t room, count;
    uint64_t *frequencies; /* [codes] */
} reading;

static void note_codes(const reading *self, const peal_table *table, size_t row) {
    const models__bins *bins = self->bins;
    for (size_t c = 0; c < bins->shape.code_columns; c++) {
        const int32_t code = peal_column_code(&table->columns[(bins->shape.features > 0) + c], row);
        if (code >= 0) self->frequencies[bins->code_first[c] + (size_t)code]++;
    }
}

static void note_row(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    reading *self = opaque;
    const bool is_sampled = self->at++ % self->stride == 0 && self->count < self->room;
    note_codes(self, table, row);
    models__sparse_note(self->sparse, models__sparse_row(&self->bins->shape, table, row), number,
                        is_sampled ? (uint32_t)self->count : UINT32_MAX);
    if (self->also) self->also(self->user, table, row, number);
    if (!is_sampled) return;
    for (size_t f = 0; f < self->bins->shape.features; f++) {
        self->sample[f * self->room + self->count] = models__bins_number(self->bins, table, row, f);
    }
    self->count++;
}

/* Leaves those that are not missing in front. */
static size_t drop_missing(float *values, size_t count, float filled) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        values[left] = values[i];
        left += values[i] != filled;
    }
    return left;
}

static void fit_numbers(models__bins *bins, const reading *read, size_t most) {
    for (size_t f = 0; f < bins->shape.features; f++) {
        float *values = read->sample + f * read->room;
        const size_t count = bins->marks[f] ? 0 : drop_missing(values, read->count, bins->filled[f]);
        bins->edge_counts[f] =
            (uint32_t)models__edges_find(values, count, 0, most, &read->edge_room, bins->edges + f * MODELS__BINS_MOST);
    }
}

typedef struct frequency {
    uint64_t count;
    size_t code;
} frequency;

static int by_count(const void *a, const void *b) {
    const frequency *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    return (p->code > q->code) - (p->code < q->code);
}

/* Codes that no row has share the bin of the rest, or that of what is missing where there is no rest. */
static peal_status fit_categories(models__bins *bins, size_t column, const uint64_t *frequencies, size_t most,
                                  peal_error *err) {
    const size_t first = bins->code_first[column], count = bins->code_first[column + 1] - first;
    frequency *all;
    PEAL_TRY(peal_alloc_checked(&all, count, sizeof *all, "categories", err));
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        all[i] = (frequency){frequencies[first + i], i};
        seen += frequencies[first + i] > 0;
    }
    qsort(all, count, sizeof *all, by_count);
    const size_t own = seen <= most ? seen : most - 1;
    for (size_t i = 0; i < count; i++) {
        bins->code_bins[first + all[i].code] = (uint8_t)(i < own ? i + 1 : seen <= most ? 0 : most);
    }
    free(all);
    return PEAL_OK;
}

/* Codes in order keep it. A bin has several of them where they are more than bins, or each has few rows. */
static void fit_ordered(models__bins *bins, size_t column, const uint64_t *frequencies, size_t most) {
    const size_t first = bins->code_first[column], count = bins->code_first[column + 1] - first;
    uint64_t left = 0, in_bin = 0;
    for (size_t i = 0; i < count; i++) left += frequencies[first + i];
    for (size_t i = 0, bin = 1; i < count; i++) {
        bins->code_bins[first + i] = (uint8_t)bin;
        in_bin += frequencies[first + i];
        const bool is_full = count <= most || (double)in_bin >= (double)left / (double)(most - bin + 1);
        if (!is_full || in_bin < MODELS__BIN_LEAST || bin == most) continue;
        left -= in_bin;
        in_bin = 0;
        bin++;
    }
}

static peal_status fit_dense(models__bins *bins, const reading *read, size_t most, peal_error *err) {
    fit_numbers(bins, read, most);
    for (size_t c = 0; c < bins->shape.code_columns; c++) {
        if (bins->categories[c]) {
            PEAL_TRY(fit_categories(bins, c, read->frequencies, most, err));
        } else {
            fit_ordered(bins, c, read->frequencies, most);
        }
    }
    return PEAL_OK;
}

static peal_status fit(models__bins *bins, reading *read, size_t most, uint64_t rows_least, peal_error *err) {
    const models__bins *from = read->from;
    PEAL_TRY(peal_training_read(read->training, NULL, note_row, read, err));
    if (from) {
        copy_dense(bins, from);
    } else {
        PEAL_TRY(fit_dense(bins, read, most, err));
    }
    PEAL_TRY(models__sparse_fit(read->sparse, read->count, rows_least, most, from ? &from->sparse : NULL, &bins->sparse,
                                err));
    return models__bins_finish(bins, err);
}

static peal_status make_reading(reading *read, peal_error *err) {
    const peal_shape *shape = &read->bins->shape;
    const size_t room = read->room;
    PEAL_TRY(peal_alloc_checked(&read->sample, room * shape->features, sizeof(float), "a sample", err));
    PEAL_TRY(peal_alloc_checked(&read->frequencies, peal_shape_codes(shape), sizeof(uint64_t), "categories", err));
    PEAL_TRY(peal_alloc_checked(&read->edge_room.spare, room, sizeof(float), "a sample", err));
    PEAL_TRY(peal_alloc_checked(&read->edge_room.runs, room + 1, sizeof(models__run), "a sample", err));
    return models__sparse_sample_init(read->sparse, shape->sparse, err);
}

peal_status models__bins_fit(models__bins *bins, const models__bins *from, const peal_training *training, size_t most,
                             uint64_t rows_least, peal_row_visit also, void *user, models__sparse_sample *sample,
                             size_t *sampled, peal_error *err) {
    const uint64_t rows = training->row_count;
    reading read = {.bins = bins,
                    .training = training,
                    .from = from,
                    .also = also,
                    .user = user,
                    .sparse = sample,
                    .stride = (rows + SAMPLE_MOST - 1) / SAMPLE_MOST};
    if (read.stride == 0) read.stride = 1;
    read.room = (size_t)(rows / read.stride + 1);
    peal_status status = make_reading(&read, err);
    if (status == PEAL_OK) status = fit(bins, &read, most, rows_least, err);
    *sampled = read.count;
    free(read.sample);
    free(read.edge_room.spare);
    free(read.edge_room.runs);
    free(read.frequencies);
    return status;
}

/* ---- rows ---- */

enum { BLOCK_ROWS = 256 };

/* The bins of what is code, behind those of numbers. */
static void write_code_bins(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out) {
    const size_t numbers = bins->shape.features;
    for (size_t c = 0; c < bins->code_features; c++) {
        const int32_t code = peal_column_code(&table->columns[(numbers > 0) + bins->code_column[c]], row);
        out[numbers + c] = code < 0 ? 0 : bins->code_bins[bins->code_first[c] + (size_t)code];
    }
}

/* Feature f of up to BLOCK_ROWS rows. */
static void write_number_bins(const models__bins *bins, const models__row_at *rows, size_t count, size_t f,
                              uint8_t *out, size_t stride) {
    float values[BLOCK_ROWS];
    uint8_t found[BLOCK_ROWS];
    for (size_t i = 0; i < count; i++) values[i] = models__bins_number(bins, rows[i].table, rows[i].row, f);
    models__bins_of(bins->edges + f * MODELS__BINS_MOST, bins->edge_counts[f], values, count, found);
    for (size_t i = 0; i < count; i++) out[i * stride + f] = values[i] == bins->filled[f] ? 0 : found[i];
}

void models__bins_dense_rows(const models__bins *bins, const models__row_at *rows, size_t count, uint8_t *out,
                             size_t stride) {
    for (size_t begin = 0; begin < count; begin += BLOCK_ROWS) {
        const size_t some = count - begin < BLOCK_ROWS ? count - begin : BLOCK_ROWS;
        for (size_t f = 0; f < bins->shape.features; f++)
            write_number_bins(bins, rows + begin, some, f, out + begin * stride, stride);
    }
    for (size_t i = 0; i < count; i++) write_code_bins(bins, rows[i].table, rows[i].row, out + i * stride);
}

void models__bins_dense_row(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out) {
    for (size_t f = 0; f < bins->shape.features; f++) {
        const float x = models__bins_number(bins, table, row, f);
        out[f] =
            x == bins->filled[f] ? 0 : models__bin_of(bins->edges + f * MODELS__BINS_MOST, bins->edge_counts[f], x);
    }
    write_code_bins(bins, table, row, out);
}

void models__bins_row(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out) {
    const models__sparse *sparse = &bins->sparse;
    models__bins_dense_row(bins, table, row, out);
    if (sparse->count == 0) return;
    const peal_sparse_row entries = models__sparse_row(&bins->shape, table, row);
    memcpy(out + bins->dense, sparse->zeros, sparse->count);
    for (models__entry entry = {0}; models__entry_next(sparse, entries, &entry);)
        out[bins->dense + entry.k] = entry.bin;
}
