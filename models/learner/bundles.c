/* Finds bundles of sparse features, and places of all features; see bundles.h. */
#include "models/learner/bundles.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUNDLES_MOST = 256,           /* so many are open at once */
    MEMBERS_SHARE = 4 * UINT8_MAX /* a member has one row in so many at least: with fewer no bundle is full enough */
};

/* Bundles as the sample proposes them, until all rows have been seen. */
typedef struct bundling {
    const peal_training *training;
    const models__bins *bins;
    const models__sparse_sample *sample;
    size_t words; /* of a bundle's rows */
    uint32_t *candidates;
    size_t candidate_count;
    uint32_t *ranks;  /* [sparse] place among the candidates */
    uint32_t *bundle; /* [sparse] or MODELS__NO_COLUMN */
    size_t count;
    uint64_t *rows[BUNDLES_MOST];     /* [words] of the sample, that have a member */
    size_t bins_used[BUNDLES_MOST];   /* bytes, 0 left out */
    uint64_t rows_used[BUNDLES_MOST]; /* of all rows */
    uint32_t members[BUNDLES_MOST];   /* of the row at hand; MODELS__NO_COLUMN: none */
    uint32_t *slots;                  /* [width] the number of a kept feature that is a candidate */
} bundling;

static size_t bins_of(const models__sparse *sparse, size_t k) {
    return models__sparse_edges(sparse, k); /* one more, but for that of 0 */
}

/* ---- what the sample proposes ---- */

typedef struct candidate {
    uint32_t rows, k;
} candidate;

static int by_rows(const void *a, const void *b) {
    const candidate *p = a, *q = b;
    if (p->rows != q->rows) return p->rows > q->rows ? -1 : 1;
    return (p->k > q->k) - (p->k < q->k);
}

/* Those that many rows have come first. */
static peal_status find_candidates(bundling *self, peal_error *err) {
    const models__sparse *sparse = &self->bins->sparse;
    candidate *all;
    PEAL_TRY(peal_alloc_checked(&all, sparse->count, sizeof *all, "bundles", err));
    for (size_t k = 0; k < sparse->count; k++) {
        const uint32_t rows = self->sample->counts[sparse->indices[k]];
        if ((uint64_t)rows * MEMBERS_SHARE < self->training->row_count || bins_of(sparse, k) == 0) continue;
        all[self->candidate_count++] = (candidate){rows, (uint32_t)k};
    }
    qsort(all, self->candidate_count, sizeof *all, by_rows);
    for (size_t i = 0; i < self->candidate_count; i++) {
        self->candidates[i] = all[i].k;
        self->ranks[all[i].k] = (uint32_t)i;
    }
    free(all);
    return PEAL_OK;
}

/* Whether a row of the sample has feature k, and which row that is. */
static bool has_row(const bundling *self, size_t k, size_t entry, uint32_t *row) {
    const models__sparse *sparse = &self->bins->sparse;
    *row = self->sample->rows[entry];
    return models__sparse_bin(sparse, k, self->sample->values[entry]) != sparse->zeros[k];
}

static bool fits(const bundling *self, size_t k, const uint64_t *rows) {
    uint32_t row;
    for (size_t i = self->sample->first[k]; i < self->sample->first[k + 1]; i++) {
        if (has_row(self, k, i, &row) && rows[row / 64] >> row % 64 & 1) return false;
    }
    return true;
}

/* Into the first bundle that has room and shares no row with it; else it begins one. */
static peal_status bundle_one(bundling *self, size_t k, peal_error *err) {
    const size_t own = bins_of(&self->bins->sparse, k);
    uint32_t row;
    size_t at = 0;
    while (at < self->count && (self->bins_used[at] + own > UINT8_MAX || !fits(self, k, self->rows[at]))) at++;
    if (at == BUNDLES_MOST) return PEAL_OK;
    if (at == self->count) {
        PEAL_TRY(peal_alloc_checked(&self->rows[at], self->words, sizeof(uint64_t), "bundles", err));
        self->count++;
    }
    for (size_t i = self->sample->first[k]; i < self->sample->first[k + 1]; i++) {
        if (has_row(self, k, i, &row)) self->rows[at][row / 64] |= UINT64_C(1) << row % 64;
    }
    self->bundle[k] = (uint32_t)at;
    self->bins_used[at] += own;
    return PEAL_OK;
}

/* ---- what all rows say ---- */

/* Of two members that a row has, the one that fewer rows have leaves the bundle. */
static void look_at_row(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    (void)number;
    bundling *self = opaque;
    const models__sparse *sparse = &self->bins->sparse;
    const peal_sparse_row entries = models__sparse_row(&self->bins->shape, table, row);
    for (size_t i = 0; i < entries.count; i++) {
        const uint32_t k = self->slots[entries.indices[i]];
        if (k == MODELS__NO_COLUMN || self->bundle[k] == MODELS__NO_COLUMN) continue;
        if (models__sparse_bin(sparse, k, entries.values[i]) == sparse->zeros[k]) continue;
        uint32_t *member = &self->members[self->bundle[k]];
        const bool is_first = *member == MODELS__NO_COLUMN, wins = is_first || self->ranks[k] < self->ranks[*member];
        if (!is_first) self->bundle[wins ? *member : k] = MODELS__NO_COLUMN;
        if (wins) *member = k;
    }
    memset(self->members, 0xff, self->count * sizeof *self->members); /* MODELS__NO_COLUMN */
}

/* A bundle that few rows would use is none. */
static void drop_empty(bundling *self) {
    const models__sparse *sparse = &self->bins->sparse;
    for (size_t k = 0; k < sparse->count; k++) {
        if (self->bundle[k] != MODELS__NO_COLUMN) {
            self->rows_used[self->bundle[k]] += self->sample->counts[sparse->indices[k]];
        }
    }
    for (size_t k = 0; k < sparse->count; k++) {
        if (self->bundle[k] == MODELS__NO_COLUMN) continue;
        if (self->rows_used[self->bundle[k]] * 4 < self->training->row_count) self->bundle[k] = MODELS__NO_COLUMN;
    }
}

static peal_status bundle_all(bundling *self, size_t sampled, peal_error *err) {
    const models__sparse *sparse = &self->bins->sparse;
    self->words = sampled / 64 + 1;
    PEAL_TRY(peal_alloc_checked(&self->candidates, sparse->count, sizeof(uint32_t), "bundles", err));
    PEAL_TRY(peal_alloc_checked(&self->ranks, sparse->count, sizeof(uint32_t), "bundles", err));
    PEAL_TRY(find_candidates(self, err));
    for (size_t i = 0; i < self->candidate_count; i++) PEAL_TRY(bundle_one(self, self->candidates[i], err));
    if (self->count == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&self->slots, self->sample->width, sizeof(uint32_t), "bundles", err));
    memset(self->slots, 0xff, self->sample->width * sizeof *self->slots); /* MODELS__NO_COLUMN */
    memset(self->members, 0xff, sizeof self->members);
    for (size_t i = 0; i < self->candidate_count; i++) {
        self->slots[sparse->indices[self->candidates[i]]] = self->candidates[i];
    }
    PEAL_TRY(peal_training_read(self->training, NULL, look_at_row, self, err));
    drop_empty(self);
    return PEAL_OK;
}

static void bundling_clear(bundling *self) {
    for (size_t i = 0; i < self->count; i++) free(self->rows[i]);
    free(self->candidates);
    free(self->ranks);
    free(self->slots);
}

/* ---- places ---- */

void models__bundles_clear(models__bundles *places) {
    free(places->column_first);
    free(places->column);
    free(places->base);
    free(places->first);
    free(places->order);
    *places = (models__bundles){0};
}

/* Bundle by bundle, each a column; `column` has the numbers of bundles, some of which no longer have members. */
static void place_bundles(models__bundles *places, const models__bins *bins, size_t bundles, size_t *ordered) {
    const models__sparse *sparse = &bins->sparse;
    for (uint32_t bundle = 0; bundle < bundles; bundle++) {
        uint32_t base = 1;
        const uint32_t begin = places->column_first[places->columns];
        for (size_t k = 0; k < sparse->count; k++) {
            if (places->column[k] != bundle) continue;
            places->base[k] = (uint8_t)base;
            places->first[k] = begin + base;
            places->order[(*ordered)++] = (uint32_t)k;
            base += (uint32_t)bins_of(sparse, k);
        }
        if (base > 1) places->column_first[++places->columns] = begin + base;
    }
}

/* The column of a bundle that is left, by its members' place in a histogram. */
static void name_columns(models__bundles *places, const models__bins *bins) {
    for (size_t k = 0; k < bins->sparse.count; k++) {
        if (places->column[k] == MODELS__NO_COLUMN) continue;
        uint32_t column = (uint32_t)places->dense;
        while (places->column_first[column + 1] <= places->first[k]) column++;
        places->column[k] = column;
    }
}

static void place_listed(models__bundles *places, const models__bins *bins, const models__sparse_sample *sample,
                         size_t *ordered) {
    const models__sparse *sparse = &bins->sparse;
    places->bins_all = places->column_first[places->columns];
    for (size_t k = 0; k < sparse->count; k++) {
        if (places->column[k] != MODELS__NO_COLUMN) continue;
        places->base[k] = 1;
        places->first[k] = (uint32_t)places->bins_all;
        places->order[(*ordered)++] = (uint32_t)k;
        places->bins_all += bins_of(sparse, k);
        places->entries += sample->counts[sparse->indices[k]];
        places->listed++;
    }
}

static peal_status make_room(models__bundles *places, const models__bins *bins, peal_error *err) {
    const size_t sparse = bins->sparse.count;
    *places = (models__bundles){.dense = bins->dense, .columns = bins->dense};
    PEAL_TRY(peal_alloc_checked(&places->column_first, bins->dense + BUNDLES_MOST + 1, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&places->column, sparse, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&places->base, sparse, 1, "bins", err));
    PEAL_TRY(peal_alloc_checked(&places->first, sparse, sizeof(uint32_t), "bins", err));
    PEAL_TRY(peal_alloc_checked(&places->order, sparse, sizeof(uint32_t), "bins", err));
    for (size_t f = 0; f < bins->dense; f++) places->column_first[f + 1] = places->column_first[f] + bins->counts[f];
    if (sparse) memset(places->column, 0xff, sparse * sizeof(uint32_t)); /* MODELS__NO_COLUMN */
    return PEAL_OK;
}

peal_status models__bundles_find(models__bundles *places, const peal_training *training, const models__bins *bins,
                                 const models__sparse_sample *sample, size_t sampled, bool bundles, peal_error *err) {
    size_t ordered = 0;
    PEAL_TRY(make_room(places, bins, err));
    bundling *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for bundles");
    *self = (bundling){.training = training, .bins = bins, .sample = sample, .bundle = places->column};
    const peal_status status = bundles && bins->sparse.count ? bundle_all(self, sampled, err) : PEAL_OK;
    if (status == PEAL_OK) {
        place_bundles(places, bins, self->count, &ordered);
        name_columns(places, bins);
        place_listed(places, bins, sample, &ordered);
    }
    bundling_clear(self);
    free(self);
    return status;
}
