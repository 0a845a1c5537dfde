/* Queries and how well their rows are ranked. The rows of a query are the answers to it; the label of each says how
 * relevant it is, by whole numbers from 0, and a model's scores put them in an order. Rows of equal scores keep the
 * order of the data. */
#ifndef PEAL_MODELS_RANKING_H
#define PEAL_MODELS_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/table/dictionary.h"
#include "etl/table/table.h"

/* ---- which rows are ranked among each other ---- */

/* Rows by their queries, which stand in the order in which they were first met. */
typedef struct peal_queries {
    size_t count;
    size_t row_count;
    size_t *first;  /* [count + 1] where a query's rows begin in `rows` */
    uint32_t *rows; /* [row_count] their numbers, rising within a query */
    size_t longest; /* rows of the longest query */
} peal_queries;

void peal_queries_clear(peal_queries *queries);

/* Which query each row is of, collected from the texts of a column. Zero-initialise it. */
typedef struct peal_query_reading {
    peal_dictionary names;
    peal_buffer codes; /* uint32_t [rows] of `names` */
} peal_query_reading;

/* PEAL_QUERY_NONE: a row without a query. */
#define PEAL_QUERY_NONE UINT32_MAX
/* Appends the rows of a column of texts. */
peal_status peal_query_reading_add(peal_query_reading *reading, const peal_column *column, peal_error *err);
void peal_query_reading_clear(peal_query_reading *reading);
/* The query of a row that was added. */
static inline uint32_t peal_query_of(const peal_query_reading *reading, uint64_t row) {
    return ((const uint32_t *)(const void *)reading->codes.data)[row];
}
/* Groups the rows list[0 .. count-1] (NULL: rows 0 .. count-1), which have queries; the numbers in out->rows are their
 * places in the list. */
peal_status peal_queries_make(const peal_query_reading *reading, const uint32_t *list, uint64_t count,
                              peal_queries *out, peal_error *err);

/* ---- what labels are worth ---- */

enum { PEAL_GAINS_MOST = 32, PEAL_GAINS_USUAL = 31 };

typedef struct peal_ranking {
    size_t at;                     /* the first so many places of an order are what counts */
    size_t gain_count;             /* labels are below it */
    double gains[PEAL_GAINS_MOST]; /* not falling: what a row of label l is worth */
} peal_ranking;

/* The first 10 places; 2^l - 1 for the labels 0 to 30. */
peal_ranking peal_ranking_default(void);
/* Whether the label is a whole number that has a gain. */
bool peal_ranking_takes(const peal_ranking *ranking, double label);

/* ---- how well a query is ranked ---- */

/* A row on its way into an order. */
typedef struct peal_ranked {
    double score;
    uint32_t row; /* within its query */
} peal_ranked;

/* Sorts by score, the highest first; rows of equal scores by `row`. NaN comes last. */
void peal_ranked_sort(peal_ranked *rows, size_t count);
/* How much a place counts: 1 / log2(2 + place), of places from 0 on. */
double peal_ranking_discount(size_t place);
/* The sum over the first `at` places of gain times discount in the best order there is, of labels [count]. */
double peal_ranking_best(const peal_ranking *ranking, const double *labels, size_t count, size_t at);
/* That sum in the given order, over the best one's (normalised discounted cumulative gain; Jarvelin and Kekalainen
 * 2002, ACM TOIS 20(4)). 1 for a query of which no row is worth anything, as LightGBM has it. labels are by row. */
double peal_ranking_ndcg(const peal_ranking *ranking, const peal_ranked *order, const double *labels, size_t count,
                         size_t at);
/* Of the relevant rows (label above 0) in the first `at` places, the mean share of relevant ones up to their place; by
 * as many as could stand there. 1 where there is none, as LightGBM has it. */
double peal_ranking_map(const peal_ranked *order, const double *labels, size_t count, size_t at);

/* ---- and all queries ---- */

enum { PEAL_RANKING_CUTS = 5 };

/* Means over all queries, each of which counts once. */
typedef struct peal_ranking_scores {
    size_t cuts; /* 0: nothing is known */
    size_t at[PEAL_RANKING_CUTS];
    double ndcg[PEAL_RANKING_CUTS], map[PEAL_RANKING_CUTS];
    size_t chosen; /* the cut that is ranking->at */
    uint64_t queries;
} peal_ranking_scores;

/* The cuts, rising, each once: 1, 3, 5, 10 and ranking->at; nothing else is known yet. */
peal_ranking_scores peal_ranking_cuts(const peal_ranking *ranking);
/* At these, of scores [row_count] and labels [row_count] that ranking takes. */
peal_status peal_ranking_measure(const peal_ranking *ranking, const peal_queries *queries, const double *scores,
                                 const double *labels, peal_ranking_scores *out, peal_error *err);

#endif
