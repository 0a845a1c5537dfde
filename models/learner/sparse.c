/* Which sparse features are kept, and their bins; see sparse.h. */
#include "models/learner/sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bins of all sparse features together, at most: a leaf's histogram has 16 bytes for each. */
enum { BINS_ALL = 1 << 20 };

typedef struct sampled_entry {
    uint32_t index, row;
    float value;
} sampled_entry;

void models__sparse_clear(models__sparse *sparse) {
    free(sparse->indices);
    free(sparse->first);
    free(sparse->edges);
    free(sparse->zeros);
    *sparse = (models__sparse){0};
}

/* ---- the sample ---- */

peal_status models__sparse_sample_init(models__sparse_sample *sample, size_t width, peal_error *err) {
    *sample = (models__sparse_sample){.width = width};
    return peal_zeroed_checked(&sample->counts, width, sizeof(uint32_t), "sparse features", err);
}

void models__sparse_sample_clear(models__sparse_sample *sample) {
    free(sample->counts);
    peal_buffer_clear(&sample->entries);
    free(sample->first);
    free(sample->rows);
    free(sample->values);
    *sample = (models__sparse_sample){0};
}

void models__sparse_note(models__sparse_sample *sample, peal_sparse_row row, uint64_t number, uint32_t sampled) {
    for (size_t i = 0; i < row.count; i++) {
        if (!isfinite(row.values[i]) || (i && row.indices[i] <= row.indices[i - 1])) {
            if (!sample->wrong_row) sample->wrong_row = number + 1;
            return;
        }
        if (row.values[i] == 0) continue;
        sample->counts[row.indices[i]]++;
        if (sampled == UINT32_MAX) continue;
        const sampled_entry entry = {row.indices[i], sampled, row.values[i]};
        if (peal_buffer_append(&sample->entries, &entry, sizeof entry, NULL) != PEAL_OK) sample->has_failed = true;
    }
}

/* ---- what is kept ---- */

/* Where feature `index` stands among those that are kept; their number: nowhere. */
static size_t place_of(const models__sparse *sparse, uint32_t index) {
    const size_t k = models__index_place(sparse->indices, sparse->count, 0, index);
    return k < sparse->count && sparse->indices[k] == index ? k : sparse->count;
}

static bool is_kept(const models__sparse_sample *sample, uint64_t rows_least, const models__sparse *known, size_t i) {
    if (sample->counts[i] && sample->counts[i] >= rows_least) return true;
    return known && place_of(known, (uint32_t)i) < known->count;
}

static peal_status keep(const models__sparse_sample *sample, uint64_t rows_least, const models__sparse *known,
                        models__sparse *out, peal_error *err) {
    size_t kept = 0;
    for (size_t i = 0; i < sample->width; i++) kept += is_kept(sample, rows_least, known, i);
    PEAL_TRY(peal_alloc_checked(&out->indices, kept, sizeof(uint32_t), "sparse features", err));
    PEAL_TRY(peal_alloc_checked(&out->first, kept + 1, sizeof(size_t), "sparse features", err));
    PEAL_TRY(peal_alloc_checked(&out->zeros, kept, 1, "sparse features", err));
    for (size_t i = 0; i < sample->width; i++) {
        if (is_kept(sample, rows_least, known, i)) out->indices[out->count++] = (uint32_t)i;
    }
    return PEAL_OK;
}

/* The sample's entries of kept features, feature by feature. */
static peal_status sort_entries(models__sparse_sample *sample, const models__sparse *kept, peal_error *err) {
    const sampled_entry *entries = (const void *)sample->entries.data;
    const size_t all = sample->entries.size / sizeof *entries;
    size_t *next;
    PEAL_TRY(peal_alloc_checked(&sample->first, kept->count + 2, sizeof(size_t), "sparse features", err));
    next = sample->first + 1; /* where the next entry of a feature goes; at last it is the end of them */
    for (size_t i = 0; i < all; i++) {
        const size_t k = models__index_place(kept->indices, kept->count, 0, entries[i].index);
        if (k < kept->count && kept->indices[k] == entries[i].index) next[k + 1]++;
    }
    for (size_t k = 0; k < kept->count; k++) next[k + 1] += next[k];
    PEAL_TRY(peal_alloc_checked(&sample->rows, next[kept->count], sizeof(uint32_t), "sparse features", err));
    PEAL_TRY(peal_alloc_checked(&sample->values, next[kept->count], sizeof(float), "sparse features", err));
    for (size_t i = 0; i < all; i++) {
        const size_t k = models__index_place(kept->indices, kept->count, 0, entries[i].index);
        if (k == kept->count || kept->indices[k] != entries[i].index) continue;
        sample->rows[next[k]] = entries[i].row;
        sample->values[next[k]++] = entries[i].value;
    }
    peal_buffer_clear(&sample->entries);
    return PEAL_OK;
}

/* ---- edges ---- */

/* Room for the entries of the feature that has most. */
typedef struct edge_finding {
    float *values;
    models__edge_room room;
    peal_buffer edges;
} edge_finding;

static peal_status make_room(const models__sparse_sample *sample, size_t kept, edge_finding *out, peal_error *err) {
    size_t most = 0;
    for (size_t k = 0; k < kept; k++) {
        const size_t count = sample->first[k + 1] - sample->first[k];
        if (count > most) most = count;
    }
    PEAL_TRY(peal_alloc_checked(&out->values, most, sizeof(float), "sparse features", err));
    PEAL_TRY(peal_alloc_checked(&out->room.spare, most, sizeof(float), "sparse features", err));
    return peal_alloc_checked(&out->room.runs, most + 1, sizeof(models__run), "sparse features", err);
}

/* Puts all of `known` [count] among `edges` [made], both rising; of those every second one is left out for as long as
 * all are more than a feature can have. Returns how many there are. */
static size_t put_known(float *edges, size_t made, const float *known, size_t count) {
    while (made > 0 && made + count >= UINT8_MAX) {
        for (size_t i = 0; i < made / 2; i++) edges[i] = edges[2 * i + 1];
        made /= 2;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = made;
        while (at > 0 && edges[at - 1] > known[i]) at--;
        if (at > 0 && edges[at - 1] == known[i]) continue;
        memmove(edges + at + 1, edges + at, (made - at) * sizeof *edges);
        edges[at] = known[i];
        made++;
    }
    return made;
}

static peal_status find_edges(const models__sparse_sample *sample, size_t sampled, size_t most,
                              const models__sparse *known, edge_finding *at, models__sparse *out, peal_error *err) {
    at->edges.size = 0;
    for (size_t k = 0; k < out->count; k++) {
        float edges[UINT8_MAX];
        const size_t count = sample->first[k + 1] - sample->first[k];
        memcpy(at->values, sample->values + sample->first[k], count * sizeof(float));
        size_t made = models__edges_find(at->values, count, sampled - count, most, &at->room, edges);
        const size_t before = known ? place_of(known, out->indices[k]) : 0;
        if (known && before < known->count) {
            made = put_known(edges, made, known->edges + known->first[before], models__sparse_edges(known, before));
        }
        PEAL_TRY(peal_buffer_append(&at->edges, edges, made * sizeof(float), err));
        out->first[k + 1] = out->first[k] + made;
        out->zeros[k] = models__bin_of(edges, made, 0);
    }
    return PEAL_OK;
}

static peal_status fit_edges(const models__sparse_sample *sample, size_t sampled, size_t most,
                             const models__sparse *known, edge_finding *at, models__sparse *out, peal_error *err) {
    PEAL_TRY(make_room(sample, out->count, at, err));
    do {
        PEAL_TRY(find_edges(sample, sampled, most, known, at, out, err));
        most /= 2;
    } while (out->first[out->count] > BINS_ALL && most >= 2);
    const size_t count = out->first[out->count];
    PEAL_TRY(peal_alloc_checked(&out->edges, count, sizeof(float), "sparse features", err));
    if (count) memcpy(out->edges, at->edges.data, count * sizeof(float));
    return PEAL_OK;
}

peal_status models__sparse_fit(models__sparse_sample *sample, size_t sampled, uint64_t rows_least, size_t most,
                               const models__sparse *known, models__sparse *out, peal_error *err) {
    if (sample->has_failed) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample of sparse features");
    if (sample->wrong_row) {
        return peal_fail(err, PEAL_E_DATA,
                         "row %llu of those to train on: indices of sparse features must rise and values be finite",
                         (unsigned long long)sample->wrong_row);
    }
    edge_finding at = {0};
    PEAL_TRY(keep(sample, rows_least, known, out, err));
    PEAL_TRY(sort_entries(sample, out, err));
    const peal_status status = fit_edges(sample, sampled, most, known, &at, out, err);
    free(at.values);
    free(at.room.spare);
    free(at.room.runs);
    peal_buffer_clear(&at.edges);
    return status;
}
