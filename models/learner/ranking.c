/* See ranking.h. All arithmetic is the compiler's and core/base/explog.h's: no libm decides a bit. */
#include "models/learner/ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/memory.h"

/* ---- queries ---- */

peal_status peal_query_reading_add(peal_query_reading *reading, const peal_column *column, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&reading->codes, column->length * sizeof(uint32_t), err));
    uint32_t *codes = (uint32_t *)(void *)(reading->codes.data + reading->codes.size);
    for (size_t row = 0; row < column->length; row++) {
        const int32_t begin = column->offsets[row], end = column->offsets[row + 1];
        codes[row] = PEAL_QUERY_NONE;
        if (!peal_column_is_valid(column, row)) continue;
        PEAL_TRY(peal_dictionary_put(&reading->names, (const char *)column->values + begin, (size_t)(end - begin),
                                     &codes[row], err));
    }
    reading->codes.size += column->length * sizeof(uint32_t);
    return PEAL_OK;
}

void peal_query_reading_clear(peal_query_reading *reading) {
    peal_dictionary_clear(&reading->names);
    peal_buffer_clear(&reading->codes);
}

void peal_queries_clear(peal_queries *queries) {
    free(queries->first);
    free(queries->rows);
    *queries = (peal_queries){0};
}

static uint64_t listed(const uint32_t *list, uint64_t at) {
    return list ? list[at] : at;
}

/* Fills in `first` by the rows of each name [names], which become places in `rows`; names without rows are left out. */
static void place_queries(peal_queries *out, uint64_t *sizes, size_t names) {
    for (size_t name = 0; name < names; name++) {
        const uint64_t size = sizes[name];
        if (size == 0) continue;
        const size_t begin = out->first[out->count];
        if (size > out->longest) out->longest = size;
        out->first[++out->count] = begin + size;
        sizes[name] = begin;
    }
}

peal_status peal_queries_make(const peal_query_reading *reading, const uint32_t *list, uint64_t count,
                              peal_queries *out, peal_error *err) {
    const size_t names = reading->names.size;
    uint64_t *places = NULL;
    *out = (peal_queries){.row_count = count};
    peal_status status = peal_zeroed_checked(&places, names + 1, sizeof *places, "queries", err);
    if (status == PEAL_OK) status = peal_zeroed_checked(&out->first, names + 1, sizeof *out->first, "queries", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&out->rows, count, sizeof *out->rows, "queries", err);
    if (status == PEAL_OK) {
        for (uint64_t i = 0; i < count; i++) places[peal_query_of(reading, listed(list, i))]++;
        place_queries(out, places, names);
        for (uint64_t i = 0; i < count; i++) {
            out->rows[places[peal_query_of(reading, listed(list, i))]++] = (uint32_t)i;
        }
    } else {
        peal_queries_clear(out);
    }
    free(places);
    return status;
}

/* ---- labels ---- */

peal_ranking peal_ranking_default(void) {
    peal_ranking ranking = {.at = 10, .gain_count = PEAL_GAINS_USUAL};
    for (size_t label = 0; label < PEAL_GAINS_USUAL; label++) {
        ranking.gains[label] = (double)((UINT64_C(1) << label) - 1);
    }
    return ranking;
}

bool peal_ranking_takes(const peal_ranking *ranking, double label) {
    return label >= 0 && label < (double)ranking->gain_count && label == floor(label);
}

/* ---- an order ---- */

static double key_of(const peal_ranked *row) {
    return isnan(row->score) ? -(double)INFINITY : row->score;
}

static int by_score(const void *one, const void *other) {
    const peal_ranked *a = one, *b = other;
    const double p = key_of(a), q = key_of(b);
    return p > q ? -1 : p < q ? 1 : (a->row > b->row) - (a->row < b->row);
}

void peal_ranked_sort(peal_ranked *rows, size_t count) {
    qsort(rows, count, sizeof *rows, by_score);
}

double peal_ranking_discount(size_t place) {
    static const double log_2 = 0.69314718055994530942;
    return log_2 / peal_log((double)place + 2);
}

double peal_ranking_best(const peal_ranking *ranking, const double *labels, size_t count, size_t at) {
    size_t rows[PEAL_GAINS_MOST] = {0}, place = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) rows[(size_t)labels[i]]++;
    for (size_t label = ranking->gain_count; label-- > 0;) {
        for (size_t i = 0; i < rows[label] && place < at; i++) {
            sum += ranking->gains[label] * peal_ranking_discount(place++);
        }
    }
    return sum;
}

double peal_ranking_ndcg(const peal_ranking *ranking, const peal_ranked *order, const double *labels, size_t count,
                         size_t at) {
    const double best = peal_ranking_best(ranking, labels, count, at);
    double sum = 0;
    if (!(best > 0)) return 1;
    for (size_t place = 0; place < count && place < at; place++) {
        sum += ranking->gains[(size_t)labels[order[place].row]] * peal_ranking_discount(place);
    }
    return sum / best;
}

double peal_ranking_map(const peal_ranked *order, const double *labels, size_t count, size_t at) {
    size_t relevant = 0, met = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) relevant += labels[i] > 0;
    if (relevant == 0) return 1;
    for (size_t place = 0; place < count && place < at; place++) {
        if (!(labels[order[place].row] > 0)) continue;
        met++;
        sum += (double)met / (double)(place + 1);
    }
    return sum / (double)(relevant < at ? relevant : at);
}

/* ---- all queries ---- */

peal_ranking_scores peal_ranking_cuts(const peal_ranking *ranking) {
    static const size_t usual[] = {1, 3, 5, 10};
    peal_ranking_scores out = {0};
    const size_t count = sizeof usual / sizeof *usual;
    _Static_assert(sizeof usual / sizeof *usual < PEAL_RANKING_CUTS, "there is room for one more");
    bool is_in = false;
    for (size_t i = 0; i <= count; i++) {
        if (!is_in && (i == count || ranking->at <= usual[i])) {
            is_in = true;
            out.chosen = out.cuts;
            out.at[out.cuts++] = ranking->at;
        }
        if (i < count && usual[i] != ranking->at) out.at[out.cuts++] = usual[i];
    }
    return out;
}

peal_status peal_ranking_measure(const peal_ranking *ranking, const peal_queries *queries, const double *scores,
                                 const double *labels, peal_ranking_scores *out, peal_error *err) {
    *out = peal_ranking_cuts(ranking);
    out->queries = queries->count;
    peal_ranked *order = NULL;
    double *own = NULL;
    peal_status status = peal_alloc_checked(&order, queries->longest, sizeof *order, "the rows of a query", err);
    if (status == PEAL_OK) status = peal_alloc_checked(&own, queries->longest, sizeof *own, "the rows of a query", err);
    for (size_t q = 0; q < queries->count && status == PEAL_OK; q++) {
        const uint32_t *rows = queries->rows + queries->first[q];
        const size_t count = queries->first[q + 1] - queries->first[q];
        for (size_t i = 0; i < count; i++) {
            order[i] = (peal_ranked){scores[rows[i]], (uint32_t)i};
            own[i] = labels[rows[i]];
        }
        peal_ranked_sort(order, count);
        for (size_t k = 0; k < out->cuts; k++) {
            out->ndcg[k] += peal_ranking_ndcg(ranking, order, own, count, out->at[k]);
            out->map[k] += peal_ranking_map(order, own, count, out->at[k]);
        }
    }
    for (size_t k = 0; k < out->cuts && queries->count; k++) {
        out->ndcg[k] /= (double)queries->count;
        out->map[k] /= (double)queries->count;
    }
    free(order);
    free(own);
    return status;
}
