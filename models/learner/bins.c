/* Finds bins in one reading of the rows; see bins.h. */
#include "models/learner/bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

enum {
    SAMPLE_MOST = 200000, /* rows that numbers' bins are found in */
    BIN_LEAST = 3         /* of them in a bin: with fewer, small tables are learnt by heart */
};

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
        .shape = *shape, .features = numbers + columns + aspect_count, .code_features = columns + aspect_count};
    PEAL_TRY(place_codes(bins, aspects, err));
    PEAL_TRY(peal_alloc_checked(&bins->edge_counts, numbers, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->filled, numbers, sizeof(float), "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->edges, numbers * MODELS__BINS_MOST, sizeof(float), "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->code_bins, bins->code_first[bins->code_features], 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->categories, columns, 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&bins->counts, bins->features, sizeof(uint16_t), "bins", err));
    size_t column = 0;
    for (size_t f = 0; f < numbers; f++) bins->filled[f] = (float)NAN;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *one = &pipeline->columns[i];
        if (one->role == PEAL_ROLE_FEATURE && one->width == 1) {
            bins->filled[one->offset] = peal_pipeline_filled(pipeline, i);
        }
        if (one->role != PEAL_ROLE_INDEX) continue;
        bins->categories[column++] = one->steps[one->step_count - 1].transform->bucket == NULL;
    }
    return PEAL_OK;
}

void models__bins_clear(models__bins *bins) {
    free(bins->edge_counts);
    free(bins->filled);
    free(bins->edges);
    free(bins->code_column);
    free(bins->code_bins);
    free(bins->code_first);
    free(bins->categories);
    free(bins->counts);
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
    return PEAL_OK;
}

peal_status models__bins_copy(models__bins *bins, const models__bins *from, const peal_training *training,
                              peal_error *err) {
    const size_t numbers = from->shape.features;
    PEAL_TRY(models__bins_init(bins, training->pipeline, training->shape, NULL, 0, err));
    memcpy(bins->edge_counts, from->edge_counts, numbers * sizeof *bins->edge_counts);
    memcpy(bins->edges, from->edges, numbers * MODELS__BINS_MOST * sizeof *bins->edges);
    memcpy(bins->code_bins, from->code_bins, from->code_first[from->code_features]);
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
    peal_row_visit also;
    void *user;
    uint64_t at;     /* rows that came */
    uint64_t stride; /* every so-manieth is in the sample */
    float *sample;   /* [features][room] */
    float *spare;    /* [room] */
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
    note_codes(self, table, row);
    self->also(self->user, table, row, number);
    if (self->at++ % self->stride || self->count == self->room) return;
    for (size_t f = 0; f < self->bins->shape.features; f++) {
        self->sample[f * self->room + self->count] = models__bins_number(self->bins, table, row, f);
    }
    self->count++;
}

/* A whole number in whose order the values are. */
static uint32_t key_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* By one byte of the keys, the last one first. */
static void sort_values(float *values, float *spare, size_t count) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t places[256] = {0}, at = 0;
        for (size_t i = 0; i < count; i++) places[key_of(values[i]) >> shift & 0xff]++;
        for (size_t b = 0; b < 256; b++) {
            const size_t here = places[b];
            places[b] = at;
            at += here;
        }
        for (size_t i = 0; i < count; i++) spare[places[key_of(values[i]) >> shift & 0xff]++] = values[i];
        float *swap = values;
        values = spare;
        spare = swap;
    }
}

/* Between two neighbours: below the upper one, and not below the lower. */
static float edge_between(float low, float high) {
    const float middle = low + (high - low) / 2;
    return middle < high && middle >= low ? middle : low;
}

/* Edges of sorted values: between all of them if they are few, else so that the bins hold about as many each. A value
 * that fills a bin alone has one. */
static size_t find_edges(const float *values, size_t count, size_t most, float *edges) {
    size_t distinct = count > 0, made = 0, left = count, bins_left = most, in_bin = 0;
    for (size_t i = 1; i < count; i++) distinct += values[i] != values[i - 1];
    for (size_t i = 0; i < count && made + 1 < most;) {
        size_t end = i + 1;
        while (end < count && values[end] == values[i]) end++;
        in_bin += end - i;
        if (end == count) break;
        size_t next_end = end + 1;
        while (next_end < count && values[next_end] == values[end]) next_end++;
        const double wanted = (double)left / (double)bins_left;
        const bool is_full =
            in_bin >= BIN_LEAST && (distinct <= most || (double)in_bin >= wanted ||
                                    ((double)(next_end - end) >= wanted && (double)in_bin >= wanted / 2));
        if (is_full) {
            edges[made++] = edge_between(values[i], values[end]);
            left -= in_bin;
            bins_left--;
            in_bin = 0;
        }
        i = end;
    }
    return made;
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
        const size_t count = drop_missing(values, read->count, bins->filled[f]);
        sort_values(values, read->spare, count);
        bins->edge_counts[f] = (uint32_t)find_edges(values, count, most, bins->edges + f * MODELS__BINS_MOST);
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
        if (!is_full || in_bin < BIN_LEAST || bin == most) continue;
        left -= in_bin;
        in_bin = 0;
        bin++;
    }
}

static peal_status fit(models__bins *bins, reading *read, size_t most, peal_error *err) {
    PEAL_TRY(peal_training_read(read->training, NULL, note_row, read, err));
    fit_numbers(bins, read, most);
    for (size_t c = 0; c < bins->shape.code_columns; c++) {
        if (bins->categories[c]) {
            PEAL_TRY(fit_categories(bins, c, read->frequencies, most, err));
        } else {
            fit_ordered(bins, c, read->frequencies, most);
        }
    }
    return models__bins_finish(bins, err);
}

peal_status models__bins_fit(models__bins *bins, const peal_training *training, size_t most, peal_row_visit also,
                             void *user, peal_error *err) {
    const uint64_t rows = training->row_count;
    reading read = {.bins = bins,
                    .training = training,
                    .also = also,
                    .user = user,
                    .stride = (rows + SAMPLE_MOST - 1) / SAMPLE_MOST};
    PEAL_TRY(models__bins_init(bins, training->pipeline, training->shape, NULL, 0, err));
    if (read.stride == 0) read.stride = 1;
    read.room = (size_t)(rows / read.stride + 1);
    peal_status status =
        peal_alloc_checked(&read.sample, read.room * bins->shape.features, sizeof(float), "a sample", err);
    if (status == PEAL_OK) {
        status =
            peal_alloc_checked(&read.frequencies, peal_shape_codes(&bins->shape), sizeof(uint64_t), "categories", err);
    }
    if (status == PEAL_OK) status = peal_alloc_checked(&read.spare, read.room, sizeof(float), "a sample", err);
    if (status == PEAL_OK) status = fit(bins, &read, most, err);
    free(read.sample);
    free(read.spare);
    free(read.frequencies);
    return status;
}

/* ---- rows ---- */

static uint8_t bin_of(const float *edges, uint32_t count, float x) {
    uint32_t low = 0;
    for (uint32_t length = count; length > 0;) { /* how many edges are below x */
        const uint32_t half = (length + 1) / 2;
        low = edges[low + half - 1] < x ? low + half : low;
        length -= half;
    }
    return (uint8_t)(low + 1);
}

void models__bins_row(const models__bins *bins, const peal_table *table, size_t row, uint8_t *out) {
    const size_t numbers = bins->shape.features;
    for (size_t f = 0; f < numbers; f++) {
        const float x = models__bins_number(bins, table, row, f);
        out[f] = x == bins->filled[f] ? 0 : bin_of(bins->edges + f * MODELS__BINS_MOST, bins->edge_counts[f], x);
    }
    for (size_t c = 0; c < bins->code_features; c++) {
        const int32_t code = peal_column_code(&table->columns[(numbers > 0) + bins->code_column[c]], row);
        out[numbers + c] = code < 0 ? 0 : bins->code_bins[bins->code_first[c] + (size_t)code];
    }
}
