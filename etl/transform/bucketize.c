/* bucketize and bins: a number becomes the code of its bucket. They differ in how buckets are found: such that each
 * holds about as many values, or such that a frequent value does not take the room of others. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/vector.h"
#include "etl/transform/histogram.h"
#include "etl/transform/transform.h"

enum { MOST_BUCKETS = 65536, USUAL_BUCKETS = 10, USUAL_BINS = 255, BIN_LEAST = 3 /* values */ };

typedef struct bucketize {
    uint32_t buckets; /* that were asked for */
    double *edges;    /* [edge_count] rising; code i holds edges[i - 1] <= x < edges[i] */
    uint32_t edge_count;
} bucketize;

static const peal_option bucketize_options[] = {
    {"buckets", PEAL_OPTION_COUNT, NULL, 2, MOST_BUCKETS, "N", "how many, of about as many values each (10)"},
    {"edges", PEAL_OPTION_NUMBERS, NULL, 0, 0, "[A, B...]", "in a job file: the bounds between them, instead"},
    {.name = NULL},
};

static void bucketize_free(void *state) {
    bucketize *self = state;
    if (self) free(self->edges);
    free(self);
}

static peal_status load_edges(bucketize *self, const json_t *edges, peal_error *err) {
    if (!edges) return PEAL_OK;
    const size_t count = json_array_size(edges);
    bool right = json_is_array(edges) && count < self->buckets;
    if (right) PEAL_TRY(peal_alloc_checked(&self->edges, count, sizeof *self->edges, "buckets", err));
    for (size_t i = 0; right && i < count; i++) {
        const json_t *edge = json_array_get(edges, i);
        self->edges[i] = json_number_value(edge);
        right = json_is_number(edge) && (i == 0 || self->edges[i] > self->edges[i - 1]);
    }
    if (!right) {
        return peal_fail(err, PEAL_E_USAGE, "bucketize: 'edges' must be rising numbers, fewer than there are buckets");
    }
    self->edge_count = (uint32_t)count;
    return PEAL_OK;
}

static peal_status load(const json_t *options, double usual_buckets, void **state, peal_error *err) {
    bucketize *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    const json_t *edges = json_object_get(options, "edges");
    const double usual = edges ? (double)json_array_size(edges) + 1 : usual_buckets;
    double buckets;
    PEAL_TRY(peal_transform_number(options, "buckets", usual, &buckets, err));
    if (!(buckets >= 2 && buckets <= MOST_BUCKETS && buckets == floor(buckets))) {
        return peal_fail(err, PEAL_E_USAGE, "bucketize: 'buckets' must be a whole number from 2 to %d", MOST_BUCKETS);
    }
    self->buckets = (uint32_t)buckets;
    return load_edges(self, edges, err);
}

static peal_status bucketize_load(const json_t *options, void **state, peal_error *err) {
    return load(options, USUAL_BUCKETS, state, err);
}

static peal_status bins_load(const json_t *options, void **state, peal_error *err) {
    return load(options, USUAL_BINS, state, err);
}

static json_t *bucketize_save(const void *state) {
    const bucketize *self = state;
    json_t *edges = json_array();
    for (uint32_t i = 0; i < self->edge_count; i++) edges = peal_json_append(edges, json_real(self->edges[i]));
    return json_pack("{s:i, s:o}", "buckets", (int)self->buckets, "edges", edges);
}

static bool bucketize_wants_histogram(const void *state) {
    const bucketize *self = state;
    return !self->edges;
}

/* Edges are quantiles; where many values are equal, two are the same, and there are fewer buckets. */
static peal_status bucketize_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    bucketize *self = state;
    const peal_histogram *histogram = summary->histogram;
    if (histogram->count == 0) {
        return peal_fail(err, PEAL_E_DATA, "column '%s' has no value at all to make buckets of", column);
    }
    PEAL_TRY(peal_alloc_checked(&self->edges, self->buckets, sizeof *self->edges, "buckets", err));
    peal_histogram_place place = {0};
    double last = peal_histogram_at(histogram, &place, 0);
    for (uint32_t i = 1; i < self->buckets; i++) {
        const double part = (double)i / self->buckets * (double)(histogram->count - 1);
        const double edge = fmin(peal_histogram_at(histogram, &place, (uint64_t)ceil(part)), DBL_MAX);
        if (edge > last) self->edges[self->edge_count++] = last = edge;
    }
    return PEAL_OK;
}

/* Above low, not above high, and in the middle where both are known exactly. */
static double edge_of(double low, double high, bool is_exact) {
    const double between = is_exact ? peal_number_between(low, high) : high;
    return fmax(fmin(between > low ? between : high, DBL_MAX), -DBL_MAX);
}

/* From the least value on: a bin is full when it has its share of the values that are left for those that are left, or
 * when the next value alone fills one. Of few values each has its own; zero is apart from what is below and above. */
static peal_status bins_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    (void)column;
    bucketize *self = state;
    const peal_histogram *histogram = summary->histogram;
    const peal_histogram_cell *cells = (const void *)histogram->cells.data;
    const size_t count = histogram->cells.size / sizeof *cells;
    peal_histogram_place place = {0};
    uint64_t below = 0, left = histogram->count, in_bin = 0;
    double high = count ? peal_histogram_at(histogram, &place, 0) : 0;
    PEAL_TRY(peal_alloc_checked(&self->edges, self->buckets, sizeof *self->edges, "bins", err));
    for (size_t i = 0; i + 1 < count && self->edge_count + 1 < self->buckets; i++) {
        const double share = (double)left / (self->buckets - self->edge_count), next = (double)cells[i + 1].count;
        in_bin += cells[i].count;
        below += cells[i].count;
        const double have = (double)in_bin, low = high;
        high = peal_histogram_at(histogram, &place, below);
        const bool is_full =
            in_bin >= BIN_LEAST && (count <= self->buckets || have >= share || (next >= share && have >= share / 2));
        if (!is_full && !(low <= 0 && high >= 0)) continue;
        self->edges[self->edge_count++] = edge_of(low, high, histogram->dropped == 0);
        left -= in_bin;
        in_bin = 0;
    }
    return PEAL_OK;
}

static uint32_t bucketize_width(const void *state) {
    const bucketize *self = state;
    return self->edge_count + 1;
}

/* Looks for some numbers side by side, which all take as many steps: how many edges are not above each. */
PEAL_VECTOR static void search(const double *restrict edges, uint32_t edge_count, const double *restrict values,
                               size_t count, int32_t *restrict codes) {
    for (size_t i = 0; i < count; i++) codes[i] = 0;
    for (uint32_t left = edge_count, half; left > 0; left -= half) {
        half = (left + 1) / 2;
        const double *last = edges + half - 1;
        for (size_t i = 0; i < count; i++) codes[i] += last[codes[i]] <= values[i] ? (int32_t)half : 0;
    }
    for (size_t i = 0; i < count; i++) codes[i] = values[i] == values[i] ? codes[i] : -1;
}

static void bucketize_buckets(const void *state, const double *values, size_t count, int32_t *codes) {
    enum { SOME = 256 }; /* whose codes stay at hand */
    const bucketize *self = state;
    for (size_t at = 0; at < count; at += SOME) {
        search(self->edges, self->edge_count, values + at, count - at < SOME ? count - at : SOME, codes + at);
    }
}

const peal_transform peal_transform_bucketize = {
    .name = "bucketize",
    .documentation = "numbers: a column of codes, of buckets of numbers; what is missing stays so",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = bucketize_options,
    .load = bucketize_load,
    .save = bucketize_save,
    .free = bucketize_free,
    .fit = bucketize_fit,
    .wants_histogram = bucketize_wants_histogram,
    .width = bucketize_width,
    .buckets = bucketize_buckets,
};

static const peal_option bins_options[] = {
    {"buckets", PEAL_OPTION_COUNT, NULL, 2, MOST_BUCKETS, "N", "how many at most (255)"},
    {"edges", PEAL_OPTION_NUMBERS, NULL, 0, 0, "[A, B...]", "in a job file: the bounds between them, instead"},
    {.name = NULL},
};

const peal_transform peal_transform_bins = {
    .name = "bins",
    .documentation = "numbers: as bucketize, but a frequent value does not take the room of others; for trees, which "
                     "choose it where nothing else is named",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = bins_options,
    .load = bins_load,
    .save = bucketize_save,
    .free = bucketize_free,
    .fit = bins_fit,
    .wants_histogram = bucketize_wants_histogram,
    .width = bucketize_width,
    .buckets = bucketize_buckets,
};
