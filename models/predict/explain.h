/* What a model of any kind makes of its columns, found by asking it: how much worse it predicts when a column's values
 * are mixed up (permutation importance; Breiman 2001, Random Forests, 10), and what it predicts on average when a
 * column has one value in all rows (partial dependence; Friedman 2001, Greedy Function Approximation, 8.2).
 *
 * A column is one of the raw ones. Whatever the pipeline makes of it (numbers, one-hot columns, parts of dates, codes,
 * tokens) goes together. Up to `rows_most` rows (and half a GB of them) are kept in memory; of more, a sample stands
 * for all: the rows whose random keys, of the seed and the row's number, are lowest (of models that rank: of the
 * query's number). Results do not depend on the number of threads. */
#ifndef PEAL_MODELS_EXPLAIN_H
#define PEAL_MODELS_EXPLAIN_H

#include "models/predict/predictor.h"

typedef struct peal_explain_options {
    size_t rows_most;   /* kept in memory, from 1 to 1,000,000,000 */
    uint64_t seed;      /* of the sample, and of what is mixed up */
    size_t repeats;     /* of permutation: how often each column is mixed up, from 1 to 1,000,000 */
    size_t values_most; /* of dependence: values that a column is given, from 2 on, and what is missing */
} peal_explain_options;
/* 100,000 rows, seed 1, 5 repeats, 20 values. */
peal_explain_options peal_explain_default(void);

/* ---- permutation importance ---- */

typedef struct peal_permuted {
    const char *name;       /* of the column; the predictor's */
    double mean, deviation; /* of what the metric loses, over the repeats (divided by their number) */
} peal_permuted;

typedef struct peal_permutation {
    char metric[PEAL_METRIC_KEY]; /* "auc" of two classes, "accuracy" of more, "r2" of numbers, "ndcg@10" of ranks */
    double score;                 /* of the rows as they are */
    uint64_t rows;                /* that were asked about: all of them, or the sample */
    peal_permuted *columns;       /* [count], the one that loses most first; equal ones in the model's order */
    size_t count;
} peal_permutation;

/* Evaluates as peal_eval does, then mixes up each column. PEAL_E_USAGE if the model takes images or sparse features,
 * which have no columns; PEAL_E_DATA if the metric cannot be told of these rows (all of one class). `out` is cleared by
 * the caller. */
peal_status peal_permute(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                         const peal_explain_options *explain, peal_metrics *metrics, peal_predict_result *result,
                         peal_permutation *out, peal_error *err);
void peal_permutation_clear(peal_permutation *permutation);

/* ---- partial dependence ---- */

typedef struct peal_dependence_point {
    const char *column; /* the predictor's */
    char *value;        /* as text; NULL: missing */
    bool is_number;
    double number; /* the value, if it is one */
} peal_dependence_point;

/* Column by column. Of a number: all its values if they are few enough, else quantiles at even steps, the least and the
 * greatest among them, rising; of a text or a date its most frequent values, the most frequent first. Last
 * the missing value, if it occurs. All are values of rows. */
typedef struct peal_dependence {
    peal_dependence_point *points; /* [count] */
    double *means;                 /* [count, width]: of predictions, or of each class's probability, or of a view */
    size_t count, width;
    uint64_t rows; /* that were asked about */
} peal_dependence;

/* PEAL_E_USAGE, with the nearest right name, if a column is none of the model's; also for a dataset, which has no raw
 * values any more. `out` is cleared by the caller. */
peal_status peal_depend(peal_predictor *predictor, const peal_predict_options *options, const char *const *columns,
                        size_t column_count, const peal_explain_options *explain, peal_predict_result *result,
                        peal_dependence *out, peal_error *err);
/* The same look at the columns, before any row is read. */
peal_status peal_depend_check(const peal_predictor *predictor, const peal_predict_options *options,
                              const char *const *columns, size_t column_count, peal_error *err);
void peal_dependence_clear(peal_dependence *dependence);

#endif
